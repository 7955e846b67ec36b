//! Who may start, and who never will: what the end of a node means to those
//! that wait for it, and what the end of the run means to all.
//!
//! Unaware of how a node came to its end.

use eufm_plan::{Accept, NodeIndex};

use super::{Failure, Merge, Phase, RunState};
use crate::event::Outcome;

impl RunState {
    /// A loop, not a recursion: a chain may be as long as the plan.
    ///
    /// A node that is blocked by one it needs may wait for others that still work.
    /// Those that cannot go on without it are told at once; those that can, when all
    /// before it is over too: so whoever has a writer somewhere before it never runs
    /// beside that writer.
    pub(super) fn tell_dependents(&mut self) {
        while let Some(node) = self.ended.pop() {
            let run = &mut self.nodes[node.get()];
            if run.is_told {
                continue;
            }
            run.is_told = run.missing == 0;
            let is_over = run.is_told;
            for position in 0..self.dependents.at(node).len() {
                self.tell_dependent(self.dependents.at(node)[position], node, is_over);
            }
        }
    }

    fn tell_dependent(&mut self, dependent: NodeIndex, before: NodeIndex, is_over: bool) {
        if self.is_last(dependent) {
            return;
        }
        let has_succeeded = self.node(before).phase == Phase::Committed;
        let run = &mut self.nodes[dependent.get()];
        let is_last = is_over && run.missing == 1;
        if is_over {
            run.missing = run.missing.saturating_sub(1);
        }
        let phase = run.phase;
        match phase {
            Phase::Pending if !has_succeeded && self.needs_success(dependent, before) => {
                self.set(dependent, Phase::Blocked);
            }
            Phase::Pending if is_last => {
                // Of nothing that succeeded nothing can be made.
                let phase = if self.is_fed(dependent) { Phase::Ready } else { Phase::Blocked };
                self.set(dependent, phase);
            }
            _ if phase.is_final() && is_last => self.ended.push(dependent),
            _ => {}
        }
    }

    /// Tells whether a node cannot go on without the success of one it waits for.
    fn needs_success(&self, dependent: NodeIndex, before: NodeIndex) -> bool {
        let is_held = self.rules[dependent.get()].accept == Accept::All
            || self.rules[before.get()].is_barrier;
        is_held && self.is_needed(dependent, before)
    }

    /// Tells whether a node needs one that it waits for: it is more than a writer
    /// that comes first.
    fn is_needed(&self, dependent: NodeIndex, before: NodeIndex) -> bool {
        self.writers.at(dependent).binary_search(&before).is_err()
    }

    /// Tells whether a node needs nothing, or something of that succeeded.
    fn is_fed(&self, node: NodeIndex) -> bool {
        let mut needs = self.waits.at(node).iter().filter(|need| self.is_needed(node, **need));
        let is_free = self.waits.at(node).len() == self.writers.at(node).len();
        is_free || needs.any(|need| self.node(*need).phase == Phase::Committed)
    }

    /// Cancels all that has not come to its end.
    pub(super) fn cancel(&mut self) {
        for position in 0..self.nodes.len() {
            if !self.nodes[position].phase.is_final() {
                self.nodes[position].end_of_attempt(self.at_ms);
                self.note_cut_short(NodeIndex::new(position));
                self.set(NodeIndex::new(position), Phase::Cancelled);
            }
            if self.nodes[position].merge == Merge::Asked {
                self.end_conflict(NodeIndex::new(position), Merge::Left);
            }
            let run = &mut self.nodes[position];
            if run.merge == Merge::Torn {
                let reason = "merge conflict with the branch, and no time to resolve it".to_owned();
                run.merge = Merge::Left;
                run.failure = Some(Failure { outcome: Outcome::BudgetExhausted, reason });
            }
        }
    }

    /// Cancels all that has not begun: nothing more is started. What runs comes
    /// to its end.
    pub(super) fn halt(&mut self) {
        self.halted = true;
        for position in 0..self.nodes.len() {
            if self.nodes[position].merge == Merge::Asked {
                self.end_conflict(NodeIndex::new(position), Merge::Left);
            }
            let phase = self.nodes[position].phase;
            if !phase.is_final() && !phase.is_busy() {
                self.set(NodeIndex::new(position), Phase::Cancelled);
            }
        }
    }

    /// Gives failed, blocked and cancelled nodes a new budget of attempts.
    pub(super) fn reopen(&mut self) {
        self.finished = None;
        self.halted = false;
        self.unmerged.clear();
        for position in 0..self.nodes.len() {
            if self.is_last(NodeIndex::new(position)) {
                self.reopen_last(NodeIndex::new(position));
                continue;
            }
            // A result stands, but something that it went on without may be tried again.
            let is_over = |node: &&NodeIndex| {
                let run = self.node(**node);
                run.phase == Phase::Committed && run.missing == 0
            };
            let waits = self.waits.at(NodeIndex::new(position));
            let missing = waits.len() - waits.iter().filter(is_over).count();
            let missing = u32::try_from(missing).expect("invariant: below 2^32 nodes");
            let run = &mut self.nodes[position];
            if run.phase == Phase::Committed {
                (run.missing, run.is_told) = (missing, missing == 0);
                // What contradicted the branch may not any more, or is resolved now.
                if run.merge == Merge::Left {
                    run.merge = Merge::Waiting;
                    run.failure = None;
                }
                continue;
            }
            run.reopen(missing);
            self.open += 1;
            if missing == 0 {
                self.set(NodeIndex::new(position), Phase::Ready);
            }
        }
        self.merge_cursor = self
            .nodes
            .iter()
            .position(|run| run.merge == Merge::Waiting)
            .unwrap_or(self.nodes.len());
    }
}
