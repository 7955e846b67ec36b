//! Merges a node's result into the run's branch, in plan order.
//!
//! The fact is on disk before the user's repository shows the new head. A
//! conflict is told, never resolved here. Unaware of whose turn it is.

use std::sync::PoisonError;

use eufm_plan::NodeIndex;

use super::generate::{self, Merged};
use crate::event::NodeEvent;
use crate::git::{CommitId, Ref, Stamp};
use crate::workshop::{StepError, Workshop};

pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    head: &CommitId,
    commit: &CommitId,
    stamp: &Stamp,
) -> Result<(), StepError> {
    let _moving = shop.branch.lock().unwrap_or_else(PoisonError::into_inner);
    let name = &shop.node(node).name;
    let message = format!("Merge {name}\n\nEufm-Run: {}\nEufm-Node: {name}\n", shop.run);
    match generate::merge(shop, node, (head, commit), &message, stamp)? {
        Merged::Commit(head) => take_in(shop, node, &head),
        Merged::Conflict(paths) => {
            let paths = super::bounded(paths);
            shop.courier.tell(node, NodeEvent::Conflicted { paths, reason: None })
        }
    }
}

/// Makes a commit the head of the branch.
pub(super) fn take_in(shop: &Workshop, node: NodeIndex, head: &CommitId) -> Result<(), StepError> {
    shop.vault.keep(&Ref::new(&shop.run, &["head"]), head)?;
    shop.courier.tell(node, NodeEvent::Merged { head: head.clone() })?;
    shop.vault.publish(&format!("eufm/{}", shop.run), &shop.base, head)?;
    Ok(())
}
