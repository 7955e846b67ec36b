//! Makes gated work the result of its node.
//!
//! Where the node saw a part of its base only, its changes are put onto the
//! whole. From this fact on the node is done, and no resume runs it again; what
//! later runs may take over is kept in the cache. Unaware of the run's branch.

use eufm_plan::NodeIndex;

use super::CommitJob;
use crate::cache::{Entry, Made};
use crate::event::NodeEvent;
use crate::git::{CommitId, Grafted, Ref, Stamp};
use crate::sight::sight_of;
use crate::workshop::{StepError, Workshop};

pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    job: &CommitJob,
    stamp: &Stamp,
) -> Result<(), StepError> {
    let (base, commit) = on_the_whole(shop, node, job, stamp)?;
    shop.vault.keep(&Ref::new(&shop.run, &["nodes", &shop.node(node).name]), &commit)?;
    shop.courier.tell(node, NodeEvent::Committed { commit: commit.clone() })?;
    let Some(key) = job.key.clone() else { return Ok(()) };
    let made = Made {
        node: shop.node(node).name.clone(),
        run: shop.run.clone(),
        time: crate::clock::unix_seconds(),
        base,
        commit,
        changes: job.changes,
        gates: job.gates.clone(),
        beside: shop.beside(node, job.start)?,
    };
    shop.keep_result(&Entry::new(key, made))
}

/// Returns the whole that the node works on, and the result on it.
fn on_the_whole(
    shop: &Workshop,
    node: NodeIndex,
    job: &CommitJob,
    stamp: &Stamp,
) -> Result<(CommitId, CommitId), StepError> {
    if sight_of(shop.node(node))?.is_all() {
        return Ok((job.base.clone(), job.work.clone()));
    }
    let whole = shop.vault.parent(&job.base)?;
    if job.work == job.base {
        return Ok((whole.clone(), whole));
    }
    match shop.vault.graft(&whole, &job.base, &job.work)? {
        Grafted::Tree(tree, _) => {
            let message = super::message(shop, node, &format!("Eufm-Attempt: {}", job.attempt));
            let commit = shop.vault.commit(&tree, std::slice::from_ref(&whole), &message, stamp)?;
            Ok((whole, commit))
        }
        // The harvest has looked.
        Grafted::Clash(paths) => Err(StepError::Host(format!("in the way: {}", paths.join(", ")))),
    }
}
