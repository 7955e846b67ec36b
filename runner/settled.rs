//! Facts that follow from the state alone, without an act in the world.
//!
//! Trusted commands, verify nodes and deploys leave nothing to harvest, and a
//! result that is the run's base changes nothing: it needs no commit and no merge.
//! Such facts cost the dispatcher no thread and git no process. Pure.

use eufm_plan::{NodeIndex, Plan, Work};

use crate::event::{Action, NodeEvent};
use crate::state::RunState;

/// Returns the fact that an action comes to when nothing is to be done for it.
#[must_use]
pub(crate) fn fact(
    plan: &Plan,
    state: &RunState,
    action: Action,
) -> Option<(NodeIndex, NodeEvent)> {
    let base = &state.opened.as_ref()?.base;
    match action {
        Action::Harvest(node) if leaves_nothing(&plan.nodes[node.get()].work) => {
            let work = state.node(node).base.clone()?;
            Some((node, NodeEvent::Harvested { work, changes: 0, ignored: Vec::new() }))
        }
        // Its verify node's result is kept and merged already.
        Action::Commit(node) if is_deploy(&plan.nodes[node.get()].work) => {
            Some((node, NodeEvent::Committed { commit: state.node(node).work.clone()? }))
        }
        Action::Merge(node) if is_deploy(&plan.nodes[node.get()].work) => {
            Some((node, NodeEvent::Merged { head: state.head.clone()? }))
        }
        Action::Commit(node) => {
            // A result with a key is kept for later runs, which is an act.
            let run = Some(state.node(node)).filter(|run| run.key.is_none())?;
            let commit = run.work.as_ref().filter(|work| *work == base)?;
            Some((node, NodeEvent::Committed { commit: commit.clone() }))
        }
        Action::Merge(node) => {
            state.node(node).commit.as_ref().filter(|commit| *commit == base)?;
            Some((node, NodeEvent::Merged { head: state.head.clone()? }))
        }
        _ => None,
    }
}

/// Tells whether what a node does leaves no files: its result is its base.
fn leaves_nothing(work: &Work) -> bool {
    work.is_in_place() || matches!(work, Work::Verify { .. }) || is_deploy(work)
}

fn is_deploy(work: &Work) -> bool {
    matches!(work, Work::Deploy { .. })
}

/// Returns the start of a trusted command that depends on nothing but what
/// changed nothing: its base is the run's, and git need not be asked.
#[must_use]
pub(crate) fn started(plan: &Plan, state: &RunState, node: NodeIndex) -> Option<NodeEvent> {
    let (planned, run) = (&plan.nodes[node.get()], state.node(node));
    let base = &state.opened.as_ref()?.base;
    // A writer that did not succeed is no part of what it starts from.
    let is_base = |node: &NodeIndex| state.node(*node).commit.as_ref().is_none_or(|it| it == base);
    (planned.work.is_in_place() && state.waits_for(node).iter().all(is_base)).then(|| {
        NodeEvent::Started {
            attempt: run.attempt,
            start: run.start + 1,
            base: base.clone(),
            from: base.clone(),
            key: None,
        }
    })
}
