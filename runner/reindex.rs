//! Makes entries of the cache anew from journals, which hold all that they say.
//!
//! Used where a runner was killed between a commit and its entry, and where the
//! cache was removed. Unaware of what takes results from it.

use eufm_plan::lockfile::{self, Locked};
use eufm_plan::{Node, NodeIndex, Plan};

use crate::beside::{self, Wanted};
use crate::cache::{Cache, Entry, Made};
use crate::event::Passed;
use crate::git::{Error, Vault};
use crate::inputs;
use crate::node::NodeRun;
use crate::replayed::Replayed;
use crate::state::Phase;
use crate::store::{RunDir, Store};

/// Keeps the results of a run that the cache does not have.
///
/// # Errors
/// Fails when an entry cannot be written.
pub(crate) fn run(
    cache: &Cache,
    vault: &Vault,
    plan: &Plan,
    replayed: &Replayed,
) -> std::io::Result<()> {
    let state = replayed.scheduler.state();
    let Some(opened) = &state.opened else { return Ok(()) };
    let wanted = beside::wanted(plan);
    for (position, node) in plan.nodes.iter().enumerate() {
        let run = state.node(NodeIndex::new(position));
        let of = (node, wanted[position], run);
        let entry = entry(vault, of, &opened.run, replayed.times[position]);
        // A commit that is gone is no result any more.
        let Ok(Some(entry)) = entry else { continue };
        let is_known = cache.find(&entry.key.digest).is_some_and(|known| known.time >= entry.time);
        let mut names = entry.references();
        if !is_known && names.all(|(name, commit)| vault.keep(&name, commit).is_ok()) {
            cache.store(&entry)?;
        }
    }
    Ok(())
}

/// Makes the whole cache of the journals of all runs. A run that cannot be read
/// has no results to take over; nothing else depends on it here.
///
/// # Errors
/// Fails when the cache cannot be written.
pub(crate) fn all(cache: &Cache, vault: &Vault, store: &Store) -> std::io::Result<()> {
    cache.create()?;
    for name in store.runs().unwrap_or_default() {
        let dir = RunDir::of(store.root(), &name);
        let text = std::fs::read_to_string(dir.plan()).unwrap_or_default();
        let Ok(locked) = lockfile::read_kept(&text) else { continue };
        let Ok(replayed) = Replayed::read(&locked, &dir) else { continue };
        let Locked { plan, .. } = &locked;
        run(cache, vault, plan, &replayed)?;
    }
    Ok(())
}

/// Makes the entry of a node's result; `None` where there is none, or where it
/// is never taken over.
fn entry(
    vault: &Vault,
    (node, wanted, run): (&Node, Wanted, &NodeRun),
    name: &str,
    time: u64,
) -> Result<Option<Entry>, Error> {
    let (Phase::Committed, Some(key), Some(commit)) = (run.phase, &run.key, &run.commit) else {
        return Ok(None);
    };
    let base = if run.changes == 0 { commit.clone() } else { vault.parent(commit)? };
    let passed = run.answers.iter().filter(|answer| answer.verdict.is_pass());
    let passed =
        passed.map(|answer| Passed { gate: answer.gate.clone(), reason: answer.reason.clone() });
    let start = inputs::start_of(run);
    let beside = match beside::is_kept(&node.work, wanted) {
        true => beside::of_run(vault, (name, &node.name, start))?,
        false => None,
    };
    let made = Made {
        node: node.name.clone(),
        run: run.taken_from.clone().unwrap_or_else(|| name.to_owned()),
        time,
        base,
        commit: commit.clone(),
        changes: run.changes,
        gates: passed.collect(),
        beside,
    };
    Ok(Some(Entry::new(key.as_ref().clone(), made)))
}
