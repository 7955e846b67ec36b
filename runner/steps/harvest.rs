//! Takes the result of an attempt out of its worktree, as a commit.
//!
//! What lies outside of the node's `writes` is refused with its paths, and the
//! attempt has failed; nothing is dropped in silence. Unaware of gates.

use std::path::Path;

use eufm_plan::NodeIndex;

use super::place::Place;
use crate::environments::in_worktree;
use crate::event::NodeEvent;
use crate::git::{CodeImplementation, CommitId, HarvestError, Ref, Stamp, Writes, meet};
use crate::workshop::{StepError, Workshop};

pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    start: u32,
    attempt: u32,
    base: &CommitId,
    stamp: &Stamp,
) -> Result<(), StepError> {
    let folder = shop.scratch(node, start, "attempt");
    let Some(place) = Place::adopt(shop, &folder)? else {
        // The folder is gone, so the attempt has no result to take.
        return shop.courier.tell(node, NodeEvent::Interrupted { salvage: None });
    };
    // Preflight lets no node through whose writes are not listed.
    let writes = Writes::new(shop.node(node).writes.globs().unwrap_or_default())?;
    let fact = match place.worktree().harvest(base, &writes) {
        Ok(implementation) if let Some(path) = kept(shop, node, &implementation) => {
            let salvage = super::recover::salvage(shop, node, start, base, stamp)?;
            let reason = format!(
                "{path}: an environment keeps this folder, and nothing is taken back from there"
            );
            NodeEvent::Refused { reason, salvage }
        }
        Ok(implementation) => {
            let work = commit(shop, node, &implementation, (start, attempt), base, stamp)?;
            let changes = implementation.changes.len() as u64;
            NodeEvent::Harvested { work, changes, ignored: implementation.ignored }
        }
        Err(HarvestError::Refused(refusal)) => {
            let salvage = super::recover::salvage(shop, node, start, base, stamp)?;
            let lines = refusal.to_string();
            let lines: Vec<&str> = lines.lines().map(str::trim).collect();
            NodeEvent::Refused { reason: lines.join("; "), salvage }
        }
        Err(HarvestError::Git(error)) => return Err(error.into()),
    };
    shop.courier.tell(node, fact)?;
    place.remove()
}

/// Finds a change that lies where an environment keeps a folder: a later
/// sandbox could not show that folder there.
fn kept(shop: &Workshop, node: NodeIndex, made: &CodeImplementation) -> Option<String> {
    let environments = shop.node(node).env.iter().map(|it| &shop.plan.environments[it.get()]);
    let folders: Vec<&str> = environments.flat_map(in_worktree).collect();
    let paths = made.changes.iter().map(|change| &change.path);
    paths.filter(|path| folders.iter().any(|it| meet(Path::new(path), it))).min().cloned()
}

/// Commits the result on the node's base, under a ref; a result that changes
/// nothing is the base itself.
fn commit(
    shop: &Workshop,
    node: NodeIndex,
    implementation: &CodeImplementation,
    (start, attempt): (u32, u32),
    base: &CommitId,
    stamp: &Stamp,
) -> Result<CommitId, StepError> {
    if implementation.changes.is_empty() {
        return Ok(base.clone());
    }
    let (name, run) = (&shop.node(node).name, &shop.run);
    let message =
        format!("{name}\n\nEufm-Run: {run}\nEufm-Node: {name}\nEufm-Attempt: {attempt}\n");
    let parents = std::slice::from_ref(base);
    let work = shop.vault.commit(&implementation.tree, parents, &message, stamp)?;
    shop.vault.keep(&Ref::new(run, &["work", name, &start.to_string()]), &work)?;
    Ok(work)
}
