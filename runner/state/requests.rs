//! What requests of agents change in the state: the account, and the time in
//! which an attempt is held for the provider.
//!
//! Unaware of the phases of nodes.

use eufm_plan::NodeIndex;

use super::RunState;
use crate::event::NodeEvent;
use crate::git::CommitId;
use crate::ledger::Spent;

impl RunState {
    /// Tells whether an agent of the node speaks to the model, or has: in an attempt,
    /// or to resolve what a result contradicts that was taken over without one.
    pub(super) fn has_spoken(&self, node: NodeIndex) -> bool {
        let run = self.node(node);
        run.start > 0 || run.may_spend() || self.account.last_request(node) > 0
    }

    /// Notes that nothing of a node's attempt runs any more.
    pub(super) fn end_attempt(&mut self, node: NodeIndex, salvage: Option<&CommitId>) {
        self.release(node);
        let run = &mut self.nodes[node.get()];
        run.end_of_attempt(self.at_ms);
        run.keep(salvage);
    }

    /// Notes that a node's attempt is held no more.
    pub(super) fn release(&mut self, node: NodeIndex) {
        let run = &mut self.nodes[node.get()];
        if run.held_since_ms.is_some() {
            run.release(self.at_ms);
            self.held -= 1;
        }
    }

    /// Takes a fact about a request of the node's agent.
    pub(super) fn account_for(&mut self, node: NodeIndex, event: &NodeEvent) {
        match event {
            NodeEvent::Asked { request, micros, tokens, .. } => {
                let most = Spent { micros: *micros, tokens: *tokens };
                self.account.reserve(node, *request, most);
            }
            NodeEvent::Replied { usage, request, micros, .. } => {
                let run = &mut self.nodes[node.get()];
                run.usage += *usage;
                run.replies += 1;
                run.heard = true;
                let tokens = usage.input.saturating_add(usage.output);
                let spent = Spent { micros: micros.unwrap_or(0), tokens };
                self.account.settle(node, *request, spent);
            }
            NodeEvent::Unanswered { request, micros, tokens, .. } => {
                let spent = Spent { micros: *micros, tokens: *tokens };
                self.account.settle(node, Some(*request), spent);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::ledger::account_test::agents;
    use crate::state::Merge;
    use crate::state_test::{cached, commit, opened};

    #[test]
    fn the_agent_of_a_result_that_was_taken_over_may_ask_to_resolve_a_conflict() {
        let mut state = RunState::new(&agents(1, 1));
        state.apply(0, &Event::Run(opened())).expect("the first fact");
        let node = |event| Event::Node(NodeIndex::new(0), event);
        let asked = node(NodeEvent::Asked { request: 1, micros: 5, tokens: 5, output: 5 });
        state.apply(1, &node(cached(commit(7), 1))).expect("taken over");
        assert!(state.check(&asked).is_err(), "nothing of it speaks to the model");
        let conflicted = NodeEvent::Conflicted { paths: vec!["a".to_owned()], reason: None };
        state.apply(2, &node(conflicted)).expect("it contradicts the branch");
        assert_eq!(state.nodes[0].merge, Merge::Torn);
        state.apply(3, &asked).expect("its agent resolves that");
        // What it used is paid for, though the conflict may be over by then.
        state.apply(4, &node(NodeEvent::Merged { head: commit(8) })).expect("resolved");
        let reason = "broken off".to_owned();
        let end = NodeEvent::Unanswered { request: 1, micros: 5, tokens: 5, reason };
        state.apply(5, &node(end)).expect("its end counts");
        assert_eq!(state.account.spent().micros, 5);
    }
}
