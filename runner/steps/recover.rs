//! Ends what an attempt left running and keeps its work under a ref.
//!
//! Used after a crash of the runner and after a stop. The work of an attempt
//! that was cut short counts for nothing but the next attempt, which starts
//! from it. Unaware of why the attempt was cut short.

use eufm_plan::NodeIndex;

use super::place::Place;
use crate::event::NodeEvent;
use crate::git::{CommitId, Ref, Stamp};
use crate::workshop::{StepError, Workshop};

pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    start: u32,
    from: &CommitId,
    stamp: &Stamp,
) -> Result<(), StepError> {
    let folder = shop.scratch(node, start, "attempt");
    crate::orphans::end_all(&folder.join("tree"))?;
    let salvage = salvage(shop, node, start, from, stamp)?;
    shop.courier.tell(node, NodeEvent::Interrupted { salvage })?;
    Place::clear(&shop.vault, &folder)
}

/// Commits everything that the attempt's worktree holds; `None` when that is
/// nothing new. Nothing of the attempt may run any more.
pub(super) fn salvage(
    shop: &Workshop,
    node: NodeIndex,
    start: u32,
    from: &CommitId,
    stamp: &Stamp,
) -> Result<Option<CommitId>, StepError> {
    let folder = shop.scratch(node, start, "attempt");
    let Some(place) = Place::adopt(shop, &folder)? else { return Ok(None) };
    let message = format!(
        "{}: work of an attempt that was cut short\n\nEufm-Run: {}\nEufm-Start: {start}\n",
        shop.node(node).name,
        shop.run
    );
    let commit = place.worktree().salvage(&message, stamp)?;
    if shop.vault.tree(&commit)? == shop.vault.tree(from)? {
        return Ok(None);
    }
    let start = start.to_string();
    let name = Ref::new(&shop.run, &["salvage", &shop.node(node).name, &start]);
    shop.vault.keep(&name, &commit)?;
    Ok(Some(commit))
}
