//! Which run is meant by a plan and a repository.
//!
//! An unfinished run of the plan goes on, on its own base. Else plan and base
//! name the run, with a number behind it from the second on that was begun of
//! both. Unaware of what a run does.

use std::path::Path;

use eufm_plan::Digest;
use eufm_plan::lockfile::Locked;

use crate::error::RunError;
use crate::git::{CommitId, Vault};
use crate::replayed::Replayed;
use crate::store::{RunDir, runs_below};

/// The run that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meant {
    /// Its name.
    pub run: String,
    /// The commit it starts from.
    pub base: CommitId,
    /// What a person is told about the choice, if it may surprise.
    pub remark: Option<String>,
}

/// What the choice depends on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The folder of the state.
    pub root: &'a Path,
    /// Where the base is looked up.
    pub vault: &'a Vault,
    /// The plan.
    pub locked: &'a Locked,
    /// The plan's text: a run belongs to it to the letter.
    pub text: &'a str,
}

/// Finds the unfinished run of a plan.
///
/// # Errors
/// Fails when a journal of the plan cannot be read or is damaged.
pub(crate) fn unfinished(question: Question<'_>) -> Result<Option<Meant>, RunError> {
    let Question { root, vault, locked, text } = question;
    for run in runs_below(root)? {
        let dir = RunDir::of(root, &run);
        if !std::fs::read(dir.plan()).is_ok_and(|plan| plan == text.as_bytes()) {
            continue;
        }
        let replayed = Replayed::read(locked, &dir)?;
        if let (Some(opened), true) = (&replayed.scheduler.state().opened, replayed.is_unfinished())
        {
            let base = opened.base.clone();
            let remark = moved(vault, &locked.plan.base, &base);
            return Ok(Some(Meant { run, base, remark }));
        }
    }
    Ok(None)
}

/// Says that a branch has moved since a run began on it.
fn moved(vault: &Vault, revision: &str, base: &CommitId) -> Option<String> {
    // One that is gone meanwhile does not keep the run from going on.
    let now = vault.resolve(revision).ok().filter(|now| now != base)?;
    Some(format!(
        "goes on on its own base {}; {revision} is at {} now, and --new begins a run there",
        base.short(),
        now.short()
    ))
}

/// Names the run of a plan on its base as it is now: the last one that was
/// begun, or the next one if `new` is asked for or the last one was closed.
///
/// # Errors
/// Fails when the base is no commit, or a journal is damaged.
pub(crate) fn named(question: Question<'_>, new: bool) -> Result<Meant, RunError> {
    let Question { root, vault, locked, .. } = question;
    let plan = &locked.plan;
    let base = vault.resolve(&plan.base).map_err(|error| RunError::Usage(error.to_string()))?;
    let digest = locked.digest.to_string();
    let key = Digest::of_parts(&[digest.as_bytes(), base.as_str().as_bytes()]);
    let first = format!("{}-{}", plan.pipeline, key.short(8));
    let mut number = 1_u32;
    let name = |number| if number == 1 { first.clone() } else { format!("{first}-{number}") };
    while RunDir::of(root, &name(number + 1)).journal().is_file() {
        number += 1;
    }
    let dir = RunDir::of(root, &name(number));
    let is_begun = dir.journal().is_file();
    let is_closed =
        || Replayed::read(locked, &dir).map(|replayed| replayed.scheduler.state().closed);
    if is_begun && (new || is_closed()?) {
        number += 1;
    }
    Ok(Meant { run: name(number), base, remark: None })
}
