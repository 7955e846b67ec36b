//! What questions to people and their answers change in the state.
//!
//! Unaware of how a person is reached and how long they take.

use eufm_plan::NodeIndex;

use super::{Failure, Feedback, Merge, Phase, RunState};
use crate::event::{NodeEvent, Outcome};
use crate::git::CommitId;
use crate::ledger::Spent;
use crate::people::{About, Answer, Decision};

impl RunState {
    /// Tells whether a node may ask this now.
    pub(super) fn may_ask(&self, node: NodeIndex, about: &About, base: Option<&CommitId>) -> bool {
        let run = self.node(node);
        let is_approval = self.rules[node.get()].is_approval;
        match about {
            About::Approval => is_approval && run.phase == Phase::Ready && base.is_some(),
            // It waits already; what for is looked up afterwards.
            About::Escalation => {
                let is_open = |question: &crate::node::Question| {
                    question.about == About::Escalation && question.tree.is_none()
                };
                run.phase == Phase::Waiting && run.question().is_some_and(is_open)
            }
            About::Conflict => run.merge == Merge::Asked,
            About::Recovery => run.phase == Phase::Running && self.verifies.contains_key(&node),
            About::Rule { rule } => self.may_ask_of_rule(node, rule),
        }
    }

    /// Tells whether a node may get this answer now.
    pub(super) fn may_answer(&self, node: NodeIndex, answer: &Answer) -> bool {
        let run = self.node(node);
        let question = run.question().filter(|question| question.tree.is_some());
        let takes = answer.take.is_some();
        (run.phase == Phase::Waiting || run.merge == Merge::Asked)
            && question.is_some_and(|question| match answer.decision {
                Decision::Approve if question.about == About::Conflict => answer.raise.is_none(),
                _ if takes => false,
                Decision::Approve => answer.raise.is_none() || question.about == About::Escalation,
                Decision::Reject => answer.raise.is_none(),
                Decision::Done => answer.raise.is_none() && question.about == About::Recovery,
            })
    }

    /// Takes a fact about a question.
    pub(super) fn apply_people(&mut self, node: NodeIndex, event: &NodeEvent) {
        match event {
            NodeEvent::Questioned { about, tree, base } => {
                if self.node(node).phase == Phase::Running {
                    self.end_attempt(node, None);
                }
                let run = &mut self.nodes[node.get()];
                run.ask(about.clone(), Some(tree.clone()));
                if *about == About::Conflict {
                    return;
                }
                run.base = base.clone().or(run.base.take());
                self.set(node, Phase::Waiting);
            }
            NodeEvent::Answered(answer) => self.answered(node, answer),
            _ => {}
        }
    }

    /// Lets a person decide what becomes of a node that did not succeed.
    pub(super) fn escalate(&mut self, node: NodeIndex) {
        self.nodes[node.get()].ask(About::Escalation, None);
        self.set(node, Phase::Waiting);
        self.newly_asking.push(node);
    }

    /// Lets a person decide what becomes of a result that contradicts the branch.
    pub(super) fn ask_about_conflict(&mut self, node: NodeIndex) {
        let run = &mut self.nodes[node.get()];
        run.merge = Merge::Asked;
        run.ask(About::Conflict, None);
        self.waiting += 1;
        self.newly_asking.push(node);
    }

    /// Takes the question about a conflict away; the result has this place then.
    pub(super) fn end_conflict(&mut self, node: NodeIndex, merge: Merge) {
        let run = &mut self.nodes[node.get()];
        run.unask();
        run.merge = merge;
        self.waiting -= 1;
    }

    /// Merges a result anew that contradicts the branch, as a person wants it.
    fn merge_anew(&mut self, node: NodeIndex, answer: &Answer) {
        let rules = self.rules[node.get()];
        let is_agents = rules.reconciles && answer.take.is_none();
        let is_torn = is_agents || answer.take.is_some();
        self.end_conflict(node, if is_torn { Merge::Torn } else { Merge::Due });
        let run = &mut self.nodes[node.get()];
        run.failure = None;
        run.take(answer.take.clone());
        if is_agents {
            self.account.raise_own(node, rules.own);
        }
    }

    /// Tells whether it is to be found out what a person is to look at.
    #[must_use]
    pub fn is_to_ask(&self, node: NodeIndex) -> bool {
        let run = self.node(node);
        let lacks_tree = run.question().is_some_and(|question| question.tree.is_none());
        match run.phase {
            Phase::Ready => self.rules[node.get()].is_approval,
            Phase::Waiting => lacks_tree,
            Phase::Committed => lacks_tree && run.merge == Merge::Asked,
            _ => false,
        }
    }

    /// Takes a person's answer.
    fn answered(&mut self, node: NodeIndex, answer: &Answer) {
        let Some(about) = self.nodes[node.get()].hear(answer) else { return };
        match (about, answer.decision) {
            (About::Approval, Decision::Approve) => {
                let run = &mut self.nodes[node.get()];
                run.commit.clone_from(&run.base);
                self.set(node, Phase::Committed);
            }
            (About::Escalation, Decision::Approve) => {
                let raise = answer.raise.unwrap_or_default();
                self.account.raise(node, Spent { micros: raise.micros, tokens: raise.tokens });
                self.try_anew(node, answer);
            }
            (About::Escalation, _) => self.give_up(node),
            (About::Conflict, Decision::Approve) => self.merge_anew(node, answer),
            (About::Conflict, _) => self.end_conflict(node, Merge::Left),
            (About::Recovery, Decision::Approve) => self.set(node, Phase::Ready),
            (About::Recovery, Decision::Done) => self.set(node, Phase::Exited),
            (About::Rule { .. }, decision) => {
                let note = answer.note.as_ref().map_or_else(String::new, |it| format!(": {it}"));
                let by = format!("{} by {}{note}", decision.word(), answer.by);
                self.heard_rule(node, decision == Decision::Approve, by);
            }
            (_, Decision::Reject | Decision::Done) => {
                let note = answer.note.as_ref().map_or_else(String::new, |it| format!(": {it}"));
                let reason = format!("{} by {}{note}", answer.decision.word(), answer.by);
                let failure = Failure { outcome: Outcome::Failed, reason };
                self.nodes[node.get()].failure = Some(failure);
                // They were asked; they are not asked again.
                self.give_up(node);
            }
        }
    }

    /// Gives a node that did not succeed new attempts, and says who wants it so.
    fn try_anew(&mut self, node: NodeIndex, answer: &Answer) {
        let run = &mut self.nodes[node.get()];
        run.renew();
        if let Some(note) = &answer.note {
            let before = match run.feedback.take() {
                Some(Feedback::Rejected(told)) => format!("{told}\n\n"),
                _ => String::new(),
            };
            let told = format!("{before}A person who looked at this says:\n\n{note}");
            run.feedback = Some(Feedback::Rejected(told));
            run.heard = false;
        }
        self.set(node, Phase::Ready);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::git::{CommitId, TreeId};
    use crate::people::Raise;
    use crate::state_test::{Sketch, opened, plan_of};

    /// A node that waits with a question.
    fn asked(about: About) -> RunState {
        let mut state =
            RunState::new(&plan_of(&[Sketch { needs: vec![], gates: 0, attempts: 1 }], 1));
        state.apply(0, &Event::Run(opened())).expect("the first fact");
        let tree = TreeId::new(&"c".repeat(40)).expect("an id");
        state.nodes[0].phase = Phase::Waiting;
        state.nodes[0].ask(about, Some(tree));
        state
    }

    fn answer(decision: Decision, raises: bool, takes: bool) -> Answer {
        Answer {
            decision,
            by: "anna".to_owned(),
            at: "now".to_owned(),
            note: None,
            raise: raises.then_some(Raise { micros: 0, tokens: 1 }),
            take: takes.then(|| CommitId::new(&"d".repeat(40)).expect("an id")),
        }
    }

    fn may(state: &RunState, answer: &Answer) -> bool {
        state.may_answer(NodeIndex::new(0), answer)
    }

    #[test]
    fn an_answer_decides_what_is_asked_about_and_nothing_else() {
        use Decision::{Approve, Done, Reject};
        let rule = About::Rule { rule: "agreed".to_owned() };
        let all = [About::Approval, About::Escalation, About::Recovery, About::Conflict, rule];
        for about in all {
            let state = asked(about.clone());
            for decision in [Approve, Reject, Done] {
                for (raises, takes) in [(false, false), (true, false), (false, true), (true, true)]
                {
                    let fits = match (decision, raises, takes) {
                        (Approve | Reject, false, false) => true,
                        (Approve, true, false) => about == About::Escalation,
                        (Approve, false, true) => about == About::Conflict,
                        (Done, false, false) => about == About::Recovery,
                        _ => false,
                    };
                    let answer = answer(decision, raises, takes);
                    assert_eq!(may(&state, &answer), fits, "{about:?}: {answer:?}");
                }
            }
        }
    }

    #[test]
    fn an_answer_comes_while_its_node_waits_and_its_tree_is_known() {
        let plain = answer(Decision::Approve, false, false);
        let mut state = asked(About::Conflict);
        state.nodes[0].phase = Phase::Committed;
        assert!(!may(&state, &plain));
        state.nodes[0].merge = Merge::Asked;
        assert!(may(&state, &plain));
        state.nodes[0].ask(About::Conflict, None);
        assert!(!may(&state, &plain));
        state.nodes[0].unask();
        assert!(!may(&state, &plain));
    }
}
