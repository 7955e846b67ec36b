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
        if !dir.is_of(text) {
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
/// begun, or the next one if there is none, if `new` is asked for or if that one
/// was closed. A name whose branch is there is none for another run.
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
    let number = |name: &String| number_of(&first, name);
    let begun = runs_below(root)?.iter().filter_map(number).max();
    if let Some(last) = begun.filter(|_| !new) {
        let run = name(&first, last);
        let replayed = Replayed::read(locked, &RunDir::of(root, &run))?;
        if !replayed.scheduler.state().closed {
            return Ok(Meant { run, base, remark: None });
        }
    }
    let branches = vault
        .branches(&format!("eufm/{first}"))
        .map_err(|error| RunError::Usage(error.to_string()))?;
    let branches = branches.iter().filter_map(|branch| number_of(&first, branch.get(5..)?));
    let next = branches.chain(begun).max().map_or(1, |last| last + 1);
    Ok(Meant { run: name(&first, next), base, remark: None })
}

/// Returns the name of the `number`th run of a plan on a base.
fn name(first: &str, number: u32) -> String {
    if number == 1 { first.to_owned() } else { format!("{first}-{number}") }
}

/// Returns which run of a plan on a base has this name.
fn number_of(first: &str, name: &str) -> Option<u32> {
    let rest = name.strip_prefix(first)?;
    if rest.is_empty() {
        return Some(1);
    }
    let number: u32 = rest.strip_prefix('-')?.parse().ok()?;
    (self::name(first, number) == name).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_of_runs_belong_together() {
        for number in [1, 2, 3, 10, 4_000_000_000] {
            assert_eq!(number_of("p-0a1b2c3d", &name("p-0a1b2c3d", number)), Some(number));
        }
        assert_eq!(name("p-0a1b2c3d", 2), "p-0a1b2c3d-2");
        for other in ["p-0a1b2c3", "p-0a1b2c3d-", "p-0a1b2c3d-1", "p-0a1b2c3d-02", "p-0a1b2c3d-x"] {
            assert_eq!(number_of("p-0a1b2c3d", other), None, "{other}");
        }
    }
}
