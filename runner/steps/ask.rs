//! Finds out what a person is asked about: the tree that they are to look at.
//!
//! For an approval that is the merge of what it depends on, for a node that did
//! not succeed its work so far. Unaware of how a person is reached.

use eufm_plan::{NodeIndex, Work};

use crate::event::NodeEvent;
use crate::git::{CommitId, Stamp};
use crate::people::About;
use crate::workshop::{StepError, Workshop};

pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    work: Option<CommitId>,
    needs: &[CommitId],
    stamp: &Stamp,
) -> Result<(), StepError> {
    let is_approval = matches!(shop.node(node).work, Work::Approval { .. });
    let (about, commit, base) = if is_approval {
        let Some(base) = super::start::merged(shop, node, needs, stamp)? else { return Ok(()) };
        (About::Approval, base.clone(), Some(base))
    } else {
        (About::Escalation, work.unwrap_or_else(|| shop.base.clone()), None)
    };
    let tree = shop.vault.tree(&commit)?;
    shop.courier.tell(node, NodeEvent::Questioned { about, tree, base })
}
