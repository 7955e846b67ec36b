//! Finds out what a person is asked about: the tree that they are to look at, and
//! what they are shown beside it.
//!
//! For an approval the tree is the merge of what it depends on, for a node that did
//! not succeed its work so far. Unaware of how a person is reached.

use eufm_plan::{NodeIndex, Work};

use crate::event::NodeEvent;
use crate::git::{CommitId, Stamp};
use crate::inputs::{self, Origins};
use crate::people::About;
use crate::workshop::{StepError, Workshop};

/// What a question is made of.
#[derive(Debug)]
pub(crate) struct AskJob {
    /// The work so far, of a node that did not succeed; an approval has none.
    pub work: Option<CommitId>,
    /// The results that the node depends on, in plan order.
    pub needs: Vec<CommitId>,
    /// Where its inputs come from.
    pub origins: Origins,
    /// Whether its result contradicts the branch; then `work` is the branch's head.
    pub is_conflict: bool,
}

pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    job: AskJob,
    stamp: &Stamp,
) -> Result<(), StepError> {
    let is_approval = matches!(shop.node(node).work, Work::Approval { .. });
    let (about, commit, base) = if is_approval {
        let Some(base) = super::start::merged(shop, node, &job.needs, stamp)? else {
            return Ok(());
        };
        show(shop, node, &job.origins)?;
        (About::Approval, base.clone(), Some(base))
    } else {
        let about = if job.is_conflict { About::Conflict } else { About::Escalation };
        (about, job.work.unwrap_or_else(|| shop.base.clone()), None)
    };
    let tree = shop.vault.tree(&commit)?;
    shop.courier.tell(node, NodeEvent::Questioned { about, tree, base })
}

/// Lays out what the person reads, before they are asked. What cannot be had is
/// said in its place: a question is not lost for it.
fn show(shop: &Workshop, node: NodeIndex, origins: &Origins) -> Result<(), StepError> {
    let planned = shop.node(node);
    if planned.inputs.is_empty() {
        return Ok(());
    }
    let folder = shop.dir.shown(&planned.name, node.get());
    // A killed runner may have left half of it.
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(shop.node_dir(node))?;
    let sources = origins.find(&shop.vault, &shop.run, (&shop.plan, shop.node(node)))?;
    match inputs::gather(&shop.vault, &shop.plan, planned, &sources)? {
        Ok(gathered) => gathered.write(&folder)?,
        Err(why) => {
            std::fs::create_dir(&folder)?;
            std::fs::write(folder.join("missing"), format!("{why}\n"))?;
        }
    }
    Ok(())
}
