//! What a deploy may deploy: the tree that its verify node has checked, and no
//! other one.
//!
//! Unaware of what is deployed and where.

use std::collections::BTreeMap;

use eufm_plan::{NodeIndex, Plan, Work};

use super::{Failure, Phase, RunState};
use crate::event::Outcome;
use crate::git::CommitId;
use crate::people::About;

/// The verify node of each deploy.
pub(super) fn verifies(plan: &Plan) -> BTreeMap<NodeIndex, Option<NodeIndex>> {
    let is_verify = |need: &&NodeIndex| matches!(plan.nodes[need.get()].work, Work::Verify { .. });
    let deploys = plan.nodes.iter().enumerate();
    let deploys = deploys.filter(|(_, node)| matches!(node.work, Work::Deploy { .. }));
    let verify = |(position, node): (usize, &eufm_plan::Node)| {
        (NodeIndex::new(position), node.needs.iter().find(is_verify).copied())
    };
    deploys.map(verify).collect()
}

impl RunState {
    /// Returns what was verified for a deploy: the result of its verify node, which
    /// has passed all its gates and is what these have looked at.
    #[must_use]
    pub(crate) fn verified(&self, deploy: NodeIndex) -> Option<&CommitId> {
        let verify = self.node(self.verifies.get(&deploy).copied().flatten()?);
        let is_checked = verify.phase == Phase::Committed
            && verify.base.is_some()
            && verify.base == verify.work
            && verify.base == verify.commit;
        verify.commit.as_ref().filter(|_| is_checked)
    }

    /// Returns a deploy that was started and of which nobody has seen the end.
    #[must_use]
    pub(crate) fn undecided(&self) -> Option<NodeIndex> {
        let is_asked = |deploy: &NodeIndex| {
            let question = self.node(*deploy).question();
            question.is_some_and(|question| question.about == About::Recovery)
        };
        let is_undecided = |deploy: &&NodeIndex| match self.node(**deploy).phase {
            Phase::Running => true,
            Phase::Waiting => is_asked(deploy),
            _ => false,
        };
        self.verifies.keys().find(is_undecided).copied()
    }

    /// Says of a deploy that runs when the run's time is used up what is known of it.
    pub(super) fn note_cut_short(&mut self, node: NodeIndex) {
        if self.verifies.contains_key(&node) && self.node(node).phase == Phase::Running {
            let reason = "the run's time was used up in the middle of it, and nobody knows whether \
                          it was done";
            let (outcome, reason) = (Outcome::BudgetExhausted, reason.to_owned());
            self.nodes[node.get()].failure = Some(Failure { outcome, reason });
        }
    }

    /// Lets a deploy that was cut short count as done.
    pub(super) fn recovered(&mut self, deploy: NodeIndex) {
        self.end_attempt(deploy, None);
        self.set(deploy, Phase::Exited);
    }

    /// Tells whether a node may start from a base: a deploy from what was verified
    /// for it alone, the last judgement from the branch.
    pub(super) fn may_start_from(&self, node: NodeIndex, base: &CommitId) -> bool {
        if self.is_last(node) {
            return self.head.as_ref() == Some(base);
        }
        !self.verifies.contains_key(&node) || self.verified(node) == Some(base)
    }
}

#[cfg(test)]
mod tests {
    use eufm_plan::{Command, Recovery};

    use super::*;
    use crate::event::{Ending, Event, NodeEvent, Recoverer, RunEvent};
    use crate::gates::Verdict;
    use crate::git::TreeId;
    use crate::people::{Answer, Decision};
    use crate::state_test::{Sketch, commit, opened, plan_of};

    /// A verify node with one gate, and its deploy behind it.
    fn state() -> RunState {
        let sketch = |needs, gates| Sketch { needs, gates, attempts: 1 };
        let mut plan = plan_of(&[sketch(vec![], 1), sketch(vec![0], 0)], 1);
        plan.nodes[0].work = Work::Verify { rules: Vec::new() };
        let (command, folders) = (Box::new(Command::default()), Vec::new());
        plan.nodes[1].work = Work::Deploy { command, folders, recovery: Recovery::Ask };
        let mut state = RunState::new(&plan);
        state.apply(0, &Event::Run(opened())).expect("the first fact");
        state
    }

    fn start(base: u64) -> NodeEvent {
        let (base, from) = (commit(base), commit(base));
        NodeEvent::Started { attempt: 1, start: 1, base, from, key: None }
    }

    fn tell(state: &mut RunState, node: usize, event: NodeEvent) {
        state.apply(0, &Event::Node(NodeIndex::new(node), event)).expect("it fits");
    }

    fn may(state: &RunState, event: NodeEvent) -> bool {
        state.check(&Event::Node(NodeIndex::new(1), event)).is_ok()
    }

    /// Brings the verify node to its end on commit 7, of which commit `result` comes.
    fn verified(result: u64) -> RunState {
        let mut state = state();
        tell(&mut state, 0, start(7));
        tell(&mut state, 0, NodeEvent::Exited { ending: Ending::Completed, salvage: None });
        let (work, ignored) = (commit(7), Vec::new());
        tell(&mut state, 0, NodeEvent::Harvested { work, changes: 0, ignored });
        let (gate, reason) = ("unit".to_owned(), "it passed".to_owned());
        let judged = NodeEvent::Judged {
            gate,
            verdict: Verdict::Pass,
            reason,
            feedback: None,
            exceeded: None,
        };
        tell(&mut state, 0, judged);
        tell(&mut state, 0, NodeEvent::Committed { commit: commit(result) });
        state
    }

    #[test]
    fn a_deploy_starts_from_what_was_verified_and_from_nothing_else() {
        let state = verified(7);
        assert_eq!(state.verified(NodeIndex::new(1)), Some(&commit(7)));
        assert_eq!((may(&state, start(7)), may(&state, start(8))), (true, false));
        // Were the verify node's result another tree than the one it looked at, none is.
        let other = verified(8);
        assert_eq!(other.verified(NodeIndex::new(1)), None);
        assert!(!may(&other, start(7)) && !may(&other, start(8)));
    }

    #[test]
    fn a_deploy_that_was_cut_short_is_done_or_runs_again_or_is_asked_about() {
        let question = || {
            let tree = TreeId::new(&"a".repeat(40)).expect("an id");
            NodeEvent::Questioned { about: About::Recovery, tree, base: None }
        };
        let mut running = verified(7);
        tell(&mut running, 1, start(7));
        let recovered = || NodeEvent::Recovered { by: Recoverer::Probe };
        assert!(may(&running, recovered()) && may(&running, question()));
        assert_eq!(running.undecided(), Some(NodeIndex::new(1)));
        tell(&mut running, 1, recovered());
        assert_eq!((running.nodes[1].phase, running.undecided()), (Phase::Exited, None));
        assert!(!may(&running, recovered()) && !may(&running, question()));
        for (decision, phase) in [
            (Decision::Approve, Phase::Ready),
            (Decision::Done, Phase::Exited),
            (Decision::Reject, Phase::Failed),
        ] {
            let mut asked = verified(7);
            tell(&mut asked, 1, start(7));
            tell(&mut asked, 1, question());
            assert_eq!((asked.nodes[1].phase, asked.busy), (Phase::Waiting, 0));
            assert_eq!(asked.undecided(), Some(NodeIndex::new(1)));
            let (by, at) = ("anna".to_owned(), "now".to_owned());
            let answer = Answer { decision, by, at, note: None, raise: None, take: None };
            tell(&mut asked, 1, NodeEvent::Answered(answer));
            assert_eq!((asked.nodes[1].phase, asked.undecided()), (phase, None));
        }
    }

    #[test]
    fn a_deploy_that_the_end_of_the_runs_time_cuts_short_is_not_passed_over() {
        let mut state = verified(7);
        tell(&mut state, 1, start(7));
        state.apply(0, &Event::Run(RunEvent::WallExhausted)).expect("it fits");
        assert_eq!(state.nodes[1].phase, Phase::Cancelled);
        let failure = state.nodes[1].failure.clone().expect("a reason");
        assert!(failure.reason.contains("nobody knows whether it was done"), "{failure:?}");
        let mut ready = verified(7);
        ready.apply(0, &Event::Run(RunEvent::WallExhausted)).expect("it fits");
        assert_eq!((ready.nodes[1].phase, &ready.nodes[1].failure), (Phase::Cancelled, &None));
    }

    #[test]
    fn only_a_deploy_counts_as_done_without_its_end() {
        let mut state = state();
        tell(&mut state, 0, start(7));
        let recovered = NodeEvent::Recovered { by: Recoverer::Plan };
        let fits = state.check(&Event::Node(NodeIndex::new(0), recovered));
        assert!(fits.is_err());
        assert_eq!(state.outcome(), Outcome::Failed);
    }
}
