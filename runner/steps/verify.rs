//! Merges what a verify node waits for: the tree that is checked as a whole.
//!
//! There is no process and no worktree. The merge is made once: from its start on
//! the node has it, also for later starts. Unaware of what the tree is checked
//! with.

use eufm_plan::NodeIndex;

use super::StartJob;
use crate::event::{Ending, NodeEvent};
use crate::git::Stamp;
use crate::workshop::{StepError, Workshop};

/// Finds the tree; what it is judged by follows.
pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    job: &StartJob,
    stamp: &Stamp,
) -> Result<(), StepError> {
    let base = match &job.base {
        Some(base) => Some(base.clone()),
        None => super::start::whole(shop, node, job, stamp)?,
    };
    let Some(base) = base else { return Ok(()) };
    let (attempt, start, from) = (job.attempt, job.start, base.clone());
    shop.courier.tell(node, NodeEvent::Started { attempt, start, base, from, key: None })?;
    shop.courier.tell(node, NodeEvent::Exited { ending: Ending::Completed, salvage: None })
}

/// Takes up what a killed runner has begun: nothing of it can run.
pub(super) fn recover(shop: &Workshop, node: NodeIndex) -> Result<(), StepError> {
    shop.courier.tell(node, NodeEvent::Interrupted { salvage: None })
}
