//! Makes gated work the result of its node.
//!
//! From this fact on the node is done, and no resume runs it again. Unaware of
//! the run's branch.

use eufm_plan::NodeIndex;

use crate::event::NodeEvent;
use crate::git::{CommitId, Ref};
use crate::workshop::{StepError, Workshop};

pub(super) fn perform(shop: &Workshop, node: NodeIndex, work: &CommitId) -> Result<(), StepError> {
    shop.vault.keep(&Ref::new(&shop.run, &["nodes", &shop.node(node).name]), work)?;
    shop.courier.tell(node, NodeEvent::Committed { commit: work.clone() })
}
