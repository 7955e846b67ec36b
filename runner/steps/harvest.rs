//! Takes the result of an attempt out of its worktree, as a commit.
//!
//! What lies outside of the node's `writes` is refused with its paths, and the
//! attempt has failed; nothing is dropped in silence. Unaware of gates.

use std::path::Path;

use eufm_plan::NodeIndex;

use super::generate::{self, Made};
use super::place::Place;
use crate::environments::in_worktree;
use crate::event::NodeEvent;
use crate::git::{CodeImplementation, CommitId, Grafted, HarvestError, Ref, Stamp, Writes, meet};
use crate::sight::sight_of;
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
    let writes = writes(shop, node)?;
    let fact = match place.worktree().harvest(base, &writes) {
        Ok(implementation) if let Some(path) = kept(shop, node, &implementation) => {
            let salvage = super::recover::salvage(shop, node, start, base, stamp)?;
            let reason = format!(
                "{path}: an environment keeps this folder, and nothing is taken back from there"
            );
            NodeEvent::Refused { reason, salvage }
        }
        Ok(mut implementation) => {
            if let Some(reason) = remake(shop, node, &mut implementation, base, stamp)? {
                let salvage = super::recover::salvage(shop, node, start, base, stamp)?;
                shop.courier.tell(node, NodeEvent::Refused { reason, salvage })?;
                return place.remove();
            }
            let work = commit(shop, node, &implementation, (start, attempt), base, stamp)?;
            let changes = implementation.changes.len() as u64;
            match unseen_in_the_way(shop, node, base, &work)? {
                None => NodeEvent::Harvested { work, changes, ignored: implementation.ignored },
                Some(reason) => NodeEvent::Refused { reason, salvage: Some(work) },
            }
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

/// Returns what a node may leave changed: what it writes, or all but what is
/// protected, and the generated files, which belong to nobody.
pub(super) fn writes(shop: &Workshop, node: NodeIndex) -> Result<Writes, StepError> {
    let generated = generate::paths(shop).map(|path| globset::escape(&path));
    Ok(match (shop.node(node).writes.globs(), &shop.plan.protected) {
        (Some(globs), _) => {
            Writes::new(&globs.iter().cloned().chain(generated).collect::<Vec<_>>())?
        }
        (None, Some(protected)) => {
            let generated: Vec<String> = generated.collect();
            Writes::all_but(protected, &shop.vault, &shop.base, &generated)?
        }
        // No plan.lock says so: its reader refuses it. Nothing may be written then.
        (None, None) => Writes::new::<String>(&[])?,
    })
}

/// Makes the generated files again if the attempt has touched one: what it wrote
/// there does not count. Says why, where that cannot be.
fn remake(
    shop: &Workshop,
    node: NodeIndex,
    implementation: &mut CodeImplementation,
    base: &CommitId,
    stamp: &Stamp,
) -> Result<Option<String>, StepError> {
    let mut changed = implementation.changes.iter();
    if !changed.any(|change| generate::is_generated(shop, &change.path)) {
        return Ok(None);
    }
    let message = super::message(shop, node, "Eufm-Generated: before");
    let before =
        shop.vault.commit(&implementation.tree, std::slice::from_ref(base), &message, stamp)?;
    match generate::made(shop, node, &before, stamp)? {
        Made::Tree(tree) => {
            implementation.tree = tree;
            Ok(None)
        }
        Made::Not(reason) => Ok(Some(reason)),
    }
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
    let message = super::message(shop, node, &format!("Eufm-Attempt: {attempt}"));
    let parents = std::slice::from_ref(base);
    let work = shop.vault.commit(&implementation.tree, parents, &message, stamp)?;
    shop.vault.keep(&Ref::new(run, &["work", name, &start.to_string()]), &work)?;
    Ok(work)
}

/// Says what stands in the way of the result where the node does not see all,
/// so that gates judge nothing that cannot become part of the whole.
fn unseen_in_the_way(
    shop: &Workshop,
    node: NodeIndex,
    base: &CommitId,
    work: &CommitId,
) -> Result<Option<String>, StepError> {
    if sight_of(shop.node(node))?.is_all() {
        return Ok(None);
    }
    let whole = shop.vault.parent(base)?;
    Ok(match shop.vault.graft(&whole, base, work)? {
        Grafted::Tree(..) => None,
        Grafted::Clash(paths) => {
            let paths = super::bounded(paths).join(", ");
            Some(format!("files that the node does not see (`reads`) stand in the way: {paths}"))
        }
    })
}
