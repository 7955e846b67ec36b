//! The node that judges what the run comes to, where nothing is deployed: it begins
//! when all else has its end and its place in the branch, on the branch as it is.
//!
//! So what it judges is what people find there, resolved conflicts included, and
//! what was left out is no part of it. Unaware of rules.

use eufm_plan::{FINAL_VERIFY, NodeIndex, Plan};

use super::{Merge, Phase, RunState};
use crate::git::CommitId;

/// Finds the node; it stands last.
pub(super) fn of(plan: &Plan) -> Option<NodeIndex> {
    let last = plan.nodes.last()?;
    (last.name == FINAL_VERIFY).then(|| NodeIndex::new(plan.nodes.len() - 1))
}

impl RunState {
    /// Tells whether this is the node that judges what the run comes to.
    pub(super) fn is_last(&self, node: NodeIndex) -> bool {
        self.last == Some(node)
    }

    /// Lets the node begin: everything before it has its place in the branch. Of
    /// nothing that succeeded there is nothing to judge.
    pub(super) fn begin_last(&mut self, node: NodeIndex) {
        if self.node(node).phase != Phase::Pending {
            return;
        }
        let others = &self.nodes[..node.get()];
        let is_fed = others.iter().any(|run| run.phase == Phase::Committed);
        self.set(node, if is_fed { Phase::Ready } else { Phase::Blocked });
    }

    /// Lets the node judge anew: what others come to may be something else now.
    pub(super) fn reopen_last(&mut self, node: NodeIndex) {
        let run = &mut self.nodes[node.get()];
        let missing = run.missing;
        run.reopen(missing);
        run.forget_result();
        self.open += 1;
    }

    /// Returns what a node is known to start from.
    #[must_use]
    pub(crate) fn starts_from(&self, node: NodeIndex) -> Option<&CommitId> {
        let head = self.head.as_ref().filter(|_| self.is_last(node));
        self.node(node).base.as_ref().or(head)
    }

    /// Returns the place in the branch of a node that changes nothing: none of what
    /// was left out is a part of it.
    pub(super) fn place_of_last(&self, node: NodeIndex) -> Merge {
        match self.node(node).phase {
            Phase::Committed => Merge::Done,
            _ => Merge::Left,
        }
    }
}

#[cfg(test)]
mod tests {
    use eufm_plan::{Accept, Work};

    use super::*;
    use crate::event::{Ending, Event, NodeEvent, Outcome, RunEvent};
    use crate::state_test::{Sketch, commit, opened, plan_of};

    /// Two nodes, and one that judges what they come to.
    fn state() -> RunState {
        let node = |needs: &[usize]| Sketch { needs: needs.to_vec(), gates: 0, attempts: 1 };
        let mut plan = plan_of(&[node(&[]), node(&[]), node(&[0, 1])], 2);
        plan.nodes[2].name = FINAL_VERIFY.to_owned();
        plan.nodes[2].accept = Accept::Succeeded;
        plan.nodes[2].work = Work::Verify { rules: Vec::new() };
        let mut state = RunState::new(&plan);
        state.apply(0, &Event::Run(opened())).expect("it follows");
        state
    }

    fn started(run: &RunState, node: usize, base: u64) -> Event {
        let run = run.node(NodeIndex::new(node));
        let (attempt, start) = (run.attempt, run.start + 1);
        let (base, from) = (commit(base), commit(base));
        Event::Node(
            NodeIndex::new(node),
            NodeEvent::Started { attempt, start, base, from, key: None },
        )
    }

    fn take(state: &mut RunState, node: usize, event: NodeEvent) {
        state.apply(0, &Event::Node(NodeIndex::new(node), event)).expect("it follows");
    }

    /// Brings a node to its end: with a result that changes a file, or none.
    fn end(state: &mut RunState, node: usize, base: u64, result: Option<u64>) {
        let started = started(state, node, base);
        state.apply(0, &started).expect("it follows");
        let Some(result) = result else {
            let ending = Ending::Failed { reason: "why".to_owned() };
            return take(state, node, NodeEvent::Exited { ending, salvage: None });
        };
        take(state, node, NodeEvent::Exited { ending: Ending::Completed, salvage: None });
        let changes = u64::from(result != base);
        let harvested = NodeEvent::Harvested { work: commit(result), changes, ignored: Vec::new() };
        take(state, node, harvested);
        take(state, node, NodeEvent::Committed { commit: commit(result) });
    }

    fn phase(state: &RunState) -> Phase {
        state.node(NodeIndex::new(2)).phase
    }

    #[test]
    fn it_begins_on_the_branch_when_all_has_its_place_there() {
        let mut state = state();
        end(&mut state, 1, 1, Some(11));
        end(&mut state, 0, 1, Some(10));
        assert_eq!(phase(&state), Phase::Pending, "nothing is merged yet");
        take(&mut state, 0, NodeEvent::Merged { head: commit(10) });
        assert_eq!(phase(&state), Phase::Pending, "one is");
        take(&mut state, 1, NodeEvent::Merged { head: commit(12) });
        assert_eq!(phase(&state), Phase::Ready);
        assert_eq!(state.take_newly_ready().last(), Some(&NodeIndex::new(2)));
        assert_eq!(state.starts_from(NodeIndex::new(2)), Some(&commit(12)));
        assert_eq!(state.starts_from(NodeIndex::new(0)), Some(&commit(1)));
        assert!(state.check(&started(&state, 2, 11)).is_err(), "no other tree");
        end(&mut state, 2, 12, Some(12));
        assert!(state.is_complete());
        assert_eq!(state.outcome(), Outcome::Done);
    }

    #[test]
    fn what_succeeded_is_judged_and_judged_anew_after_a_retry() {
        let mut state = state();
        end(&mut state, 0, 1, None);
        end(&mut state, 1, 1, Some(11));
        take(&mut state, 1, NodeEvent::Merged { head: commit(11) });
        end(&mut state, 2, 11, Some(11));
        assert!(state.is_complete());
        let outcome = Outcome::Failed;
        for event in [RunEvent::Finished { outcome }, RunEvent::Reopened] {
            state.apply(0, &Event::Run(event)).expect("it follows");
        }
        assert_eq!(phase(&state), Phase::Pending, "it looks at another branch now");
        end(&mut state, 0, 1, Some(10));
        take(&mut state, 0, NodeEvent::Merged { head: commit(12) });
        assert_eq!(phase(&state), Phase::Ready);
        end(&mut state, 2, 12, Some(12));
        assert!(state.is_complete());
        assert_eq!(state.outcome(), Outcome::Done);
    }

    #[test]
    fn of_nothing_there_is_nothing_to_judge() {
        let mut state = state();
        end(&mut state, 0, 1, None);
        end(&mut state, 1, 1, None);
        assert_eq!(phase(&state), Phase::Blocked);
        assert!(state.is_complete());
    }
}
