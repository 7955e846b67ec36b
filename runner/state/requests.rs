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
