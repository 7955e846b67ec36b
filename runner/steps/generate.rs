//! Makes the generated files of the plan again: those that belong to no node.
//!
//! After a merge each program runs on the merged tree, in a sandbox with the
//! environments and hosts that the plan names for it, its own files put back
//! from the base commit; of what it leaves only its file is taken. Unaware of
//! why the trees were merged.

use std::io::{Read as _, Write as _};
use std::path::Path;

use eufm_plan::{Generated, NodeIndex};

use super::place::Place;
use crate::beneath;
use crate::capture::Capture;
use crate::environments::{self, Unready};
use crate::executors::{last_line, reason};
use crate::git::{CommitId, HarvestError, MergeError, Stamp, TreeId, Writes};
use crate::nest;
use crate::supervise::{Charge, End, Limits, supervise};
use crate::workshop::{StepError, Workshop};

/// The largest generated file, in bytes.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What came of merging two commits.
pub(super) enum Merged {
    /// The merge, with its generated files.
    Commit(CommitId),
    /// They contradict each other, or a generated file cannot be made.
    Conflict(Vec<String>),
}

/// Merges `theirs` into `ours`, and makes the generated files again if that gave
/// something new.
pub(super) fn merge(
    shop: &Workshop,
    node: NodeIndex,
    (ours, theirs): (&CommitId, &CommitId),
    message: &str,
    stamp: &Stamp,
) -> Result<Merged, StepError> {
    if shop.plan.generated.is_empty() {
        return match shop.vault.merge(ours, theirs, message, stamp) {
            Ok(commit) => Ok(Merged::Commit(commit)),
            Err(MergeError::Conflict(conflict)) => Ok(Merged::Conflict(conflict.paths)),
            Err(MergeError::Git(error)) => Err(error.into()),
        };
    }
    for (one, other) in [(ours, theirs), (theirs, ours)] {
        if shop.vault.contains(one, other)? {
            return Ok(Merged::Commit(one.clone()));
        }
    }
    let (tree, mut paths) = shop.vault.torn(ours, theirs)?;
    paths.retain(|path| !is_generated(shop, path));
    if !paths.is_empty() {
        return Ok(Merged::Conflict(paths));
    }
    let parents = [ours.clone(), theirs.clone()];
    let commit = shop.vault.commit(&tree, &parents, message, stamp)?;
    Ok(match made(shop, node, &commit, stamp)? {
        Made::Tree(made) if made == tree => Merged::Commit(commit),
        Made::Tree(made) => Merged::Commit(shop.vault.commit(&made, &parents, message, stamp)?),
        Made::Not(reason) => Merged::Conflict(vec![reason]),
    })
}

/// Tells whether a path is that of a generated file.
pub(super) fn is_generated(shop: &Workshop, path: &str) -> bool {
    shop.plan.generated.iter().any(|file| file.path == path)
}

/// Lists the generated files.
pub(super) fn paths(shop: &Workshop) -> impl Iterator<Item = String> + '_ {
    shop.plan.generated.iter().map(|file| file.path.clone())
}

/// What came of making the generated files.
pub(super) enum Made {
    /// The tree with them.
    Tree(TreeId),
    /// One cannot be made; which, and why.
    Not(String),
}

/// Makes each generated file on the tree of a commit, one after the other.
pub(super) fn made(
    shop: &Workshop,
    node: NodeIndex,
    commit: &CommitId,
    stamp: &Stamp,
) -> Result<Made, StepError> {
    let mut commit = commit.clone();
    for (number, file) in shop.plan.generated.iter().enumerate() {
        let content = match content(shop, node, (number, file), &commit)? {
            Ok(content) => content,
            Err(reason) => {
                let reason = crate::printable::line(&reason, 200);
                return Ok(Made::Not(format!("{} (cannot be made again: {reason})", file.path)));
            }
        };
        let folder = shop.scratch(node, 0, &format!("made{number}"));
        let place = Place::make(shop, &folder, &commit)?;
        let tree = put(&place, &commit, &file.path, &content);
        place.remove()?;
        let message = format!("{}\n\nEufm-Run: {}\n", file.path, shop.run);
        commit = shop.vault.commit(&tree?, &[commit], &message, stamp)?;
    }
    Ok(Made::Tree(shop.vault.tree(&commit)?))
}

/// Puts the content into the tree of a commit.
fn put(place: &Place, commit: &CommitId, path: &str, content: &[u8]) -> Result<TreeId, StepError> {
    beneath::create(place.worktree().dir(), path)?.write_all(content)?;
    let writes = Writes::new(&[path.to_owned()])?;
    match place.worktree().harvest(commit, &writes) {
        Ok(made) => Ok(made.tree),
        Err(HarvestError::Refused(refusal)) => Err(StepError::Host(refusal.to_string())),
        Err(HarvestError::Git(error)) => Err(error.into()),
    }
}

/// Runs the program of a generated file; the inner error says why it cannot be.
fn content(
    shop: &Workshop,
    node: NodeIndex,
    (number, file): (usize, &Generated),
    commit: &CommitId,
) -> Result<Result<Vec<u8>, String>, StepError> {
    let place = Place::make(shop, &shop.scratch(node, 0, &format!("make{number}")), commit)?;
    place.worktree().restore(&shop.base, "", &file.run)?;
    let ran = run(shop, node, file, (&place, commit));
    let content = match ran {
        Ok(None) => read(place.worktree().dir(), &file.path),
        Ok(Some(reason)) => Ok(Err(reason)),
        Err(error) => Err(error),
    };
    place.remove()?;
    content
}

fn read(worktree: &Path, path: &str) -> Result<Result<Vec<u8>, String>, StepError> {
    let Some(file) = beneath::read(worktree, path)? else {
        return Ok(Err("its program left no such file".to_owned()));
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    let is_too_long = bytes.len() as u64 > FILE_BYTES_MAX;
    Ok(if is_too_long { Err("it is longer than 64 MiB".to_owned()) } else { Ok(bytes) })
}

/// Runs the program to its end; says why it did not succeed.
fn run(
    shop: &Workshop,
    node: NodeIndex,
    file: &Generated,
    (place, commit): (&Place, &CommitId),
) -> Result<Option<String>, StepError> {
    let limit = super::GATE_LIMIT_DEFAULT;
    let outfit = match environments::hand_out(shop, &file.env, commit, place, limit, &|_| {}) {
        Ok(outfit) => outfit,
        Err(Unready::Stopped) => return Err(StepError::Left),
        Err(Unready::Failed(failure)) => return Ok(Some(failure.to_string())),
        Err(Unready::Step(error)) => return Err(error),
    };
    // The last try is what people look for; the merge itself tells the rest.
    let logs = shop.node_dir(node).join("generated");
    crate::remove::remove_all(&logs)?;
    std::fs::create_dir_all(&logs)?;
    let reach = shop.reach(&file.network, &place.beside("proxy"), &logs)?;
    let confined = reach.confine(nest::command(&file.run, place.mounts(), outfit.tools.clone()));
    let command = shop.sandbox.command(place.worktree().dir(), &confined);
    let command = outfit.behind(command);
    let (stdout, out) = Capture::start(&logs.join("stdout.log"), |_| {})?;
    let (stderr, err) = Capture::start(&logs.join("stderr.log"), |_| {})?;
    let limits = Limits { wall: Some(limit), silence: None };
    let folders = outfit.fillable(place.worktree().dir());
    let guard = shop.guard_of(place.folder(), folders, None)?;
    let pulse = &shop.pulses[node.get()];
    let charge = Charge { command, streams: (out, err), limits, guard, pulse, output: None };
    let end = supervise(&shop.running, charge, |_| {})?;
    stdout.finish()?;
    let last = last_line(&stderr.finish()?.tail);
    let refused = reach.close()?;
    Ok(match end {
        End::Stopped => return Err(StepError::Left),
        End::Exited(exit) if exit.is_success() => None,
        End::Exited(exit) => Some(reason(exit, &last, refused.as_deref())),
        End::TimedOut | End::Stalled => Some("it did not come to its end in time".to_owned()),
        End::Exceeded(limit) => Some(limit.to_string()),
    })
}
