//! Who may start, and who never will: what the end of a node means to those
//! that wait for it, and what the end of the run means to all.
//!
//! Unaware of how a node came to its end.

use eufm_plan::{Accept, NodeIndex};

use super::{Failure, Merge, Phase, RunState};
use crate::event::Outcome;

impl RunState {
    /// A loop, not a recursion: a chain may be as long as the plan.
    pub(super) fn tell_dependents(&mut self) {
        while let Some(node) = self.ended.pop() {
            for position in 0..self.dependents.at(node).len() {
                self.tell_dependent(self.dependents.at(node)[position], node);
            }
        }
    }

    fn tell_dependent(&mut self, dependent: NodeIndex, need: NodeIndex) {
        if self.node(dependent).phase != Phase::Pending {
            return;
        }
        match self.node(need).phase {
            Phase::Committed => self.count_off(dependent),
            Phase::Failed | Phase::Blocked if self.needs_success(dependent, need) => {
                self.set(dependent, Phase::Blocked);
            }
            Phase::Failed | Phase::Blocked => self.count_off(dependent),
            _ => {}
        }
    }

    /// Tells whether a node cannot go on without the success of one it needs.
    fn needs_success(&self, dependent: NodeIndex, need: NodeIndex) -> bool {
        self.rules[dependent.get()].accept == Accept::All || self.rules[need.get()].is_barrier
    }

    /// Notes that one node less is waited for.
    fn count_off(&mut self, dependent: NodeIndex) {
        let run = &mut self.nodes[dependent.get()];
        run.missing -= 1;
        if run.missing > 0 {
            return;
        }
        let mut needs = self.needs.at(dependent).iter();
        // Of nothing that succeeded nothing can be made.
        let is_fed = needs.any(|need| self.node(*need).phase == Phase::Committed);
        self.set(dependent, if is_fed { Phase::Ready } else { Phase::Blocked });
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
            let needs = self.needs.at(NodeIndex::new(position));
            let committed =
                needs.iter().filter(|need| self.node(**need).phase == Phase::Committed).count();
            let missing = needs.len() - committed;
            let run = &mut self.nodes[position];
            if run.phase == Phase::Committed {
                // What contradicted the branch may not any more, or is resolved now.
                if run.merge == Merge::Left {
                    run.merge = Merge::Waiting;
                    run.failure = None;
                }
                continue;
            }
            run.reopen(u32::try_from(missing).expect("invariant: fewer needs than nodes"));
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
