//! The order in which results become part of the branch: plan order, and none
//! that builds on one that was left out.
//!
//! Unaware of git and of how a node came to its result.

use eufm_plan::{NodeIndex, OnFail};

use super::{Failure, Merge, Phase, RunState};
use crate::event::NodeEvent;

impl RunState {
    /// Moves past the nodes whose place in the branch is decided, and lets those
    /// begin that waited for it.
    pub(super) fn advance_merge(&mut self) {
        loop {
            self.move_cursor();
            if !self.look_at_unmerged() {
                return;
            }
        }
    }

    fn move_cursor(&mut self) {
        while self.merge_cursor < self.nodes.len() {
            let node = NodeIndex::new(self.merge_cursor);
            if self.is_last(node) {
                self.begin_last(node);
            }
            let run = self.node(node);
            if !run.phase.is_final() || matches!(run.merge, Merge::Due | Merge::Torn | Merge::Asked)
            {
                break;
            }
            if run.merge == Merge::Waiting {
                self.nodes[self.merge_cursor].merge = self.place_in_branch(self.merge_cursor);
            } else {
                self.merge_cursor += 1;
            }
        }
    }

    /// Takes a fact about the place of a result in the branch, or about what a
    /// node starts from.
    pub(super) fn apply_merge(&mut self, node: NodeIndex, event: &NodeEvent) {
        let run = &mut self.nodes[node.get()];
        match event {
            NodeEvent::Merged { head } => {
                if run.merge == Merge::Torn {
                    run.resolved = Some(head.clone());
                }
                run.merge = Merge::Done;
                self.head = Some(head.clone());
            }
            NodeEvent::Conflicted { paths, reason } => {
                let rules = self.rules[node.get()];
                if run.merge == Merge::Due && rules.reconciles && !self.halted {
                    run.merge = Merge::Torn;
                    self.account.raise_own(node, rules.own);
                    return;
                }
                run.merge = Merge::Left;
                run.take(None);
                let mut failure = Failure::conflict("the branch", paths);
                if let Some(reason) = reason {
                    failure.reason = format!("{}; {reason}", failure.reason);
                }
                run.failure = Some(failure);
                if rules.on_fail == OnFail::Escalate && !self.halted {
                    self.ask_about_conflict(node);
                }
            }
            NodeEvent::Unmergeable { paths } => {
                let failure = Failure::conflict("each other, in what it needs", paths);
                if self.is_decided(node) {
                    self.fail(node, failure.outcome, failure.reason);
                } else {
                    self.nodes[node.get()].failure = Some(failure);
                    self.set(node, Phase::Pending);
                    self.unmerged.push(node);
                }
            }
            _ => {}
        }
    }

    /// Tells whether all that a node waits for has its place in the branch, or none.
    fn is_decided(&self, node: NodeIndex) -> bool {
        let mut needs = self.waits.at(node).iter();
        needs.all(|need| matches!(self.node(*need).merge, Merge::Done | Merge::Left))
    }

    /// Lets nodes begin of which what they start from contradicted itself, as soon as these have
    /// their place in the branch; tells whether one came to its end by that.
    fn look_at_unmerged(&mut self) -> bool {
        let open = self.open;
        for node in std::mem::take(&mut self.unmerged) {
            if self.node(node).phase != Phase::Pending {
                continue;
            }
            if !self.is_decided(node) {
                self.unmerged.push(node);
                continue;
            }
            let is_left = |need: &NodeIndex| {
                let need = self.node(*need);
                need.phase == Phase::Committed && need.merge == Merge::Left
            };
            let failed = self.waits.at(node).iter().any(is_left);
            let failure = self.nodes[node.get()].failure.take();
            match failure.filter(|_| failed) {
                Some(Failure { outcome, reason }) => self.fail(node, outcome, reason),
                None => self.set(node, Phase::Ready),
            }
        }
        // Those that failed are to be told on.
        self.tell_dependents();
        self.open != open
    }

    /// Returns the node whose agent is to resolve what its result contradicts.
    #[must_use]
    pub fn to_reconcile(&self) -> Option<NodeIndex> {
        let run = self.nodes.get(self.merge_cursor)?;
        (run.merge == Merge::Torn).then(|| NodeIndex::new(self.merge_cursor))
    }

    /// A result that builds on one that was left out is left out too.
    fn place_in_branch(&self, position: usize) -> Merge {
        if self.is_last(NodeIndex::new(position)) {
            return self.place_of_last(NodeIndex::new(position));
        }
        let run = &self.nodes[position];
        let is_left = |need: &NodeIndex| {
            let need = self.node(*need);
            // What did not succeed is no part of the result.
            need.phase == Phase::Committed && need.merge == Merge::Left
        };
        let needs = self.waits.at(NodeIndex::new(position));
        if run.phase != Phase::Committed || needs.iter().any(is_left) {
            Merge::Left
        } else if run.changes == 0 {
            // Nothing of its own: what it builds on is merged already.
            Merge::Done
        } else {
            Merge::Due
        }
    }

    /// Returns the node whose result is to be merged next.
    #[must_use]
    pub fn to_merge(&self) -> Option<NodeIndex> {
        let run = self.nodes.get(self.merge_cursor)?;
        (run.merge == Merge::Due).then(|| NodeIndex::new(self.merge_cursor))
    }
}
