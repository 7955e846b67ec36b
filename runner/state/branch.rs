//! The order in which results become part of the branch: plan order, and none
//! that builds on one that was left out.
//!
//! Unaware of git and of how a node came to its result.

use eufm_plan::NodeIndex;

use super::{Merge, Phase, RunState};

impl RunState {
    /// Moves past the nodes whose place in the branch is decided.
    pub(super) fn advance_merge(&mut self) {
        while let Some(run) = self.nodes.get(self.merge_cursor) {
            if !run.phase.is_final() || run.merge == Merge::Due {
                return;
            }
            if run.merge == Merge::Waiting {
                self.nodes[self.merge_cursor].merge = self.place_in_branch(self.merge_cursor);
            } else {
                self.merge_cursor += 1;
            }
        }
    }

    /// A result that builds on one that was left out is left out too.
    fn place_in_branch(&self, position: usize) -> Merge {
        let run = &self.nodes[position];
        let is_left = |need: &NodeIndex| {
            let need = self.node(*need);
            // What did not succeed is no part of the result.
            need.phase == Phase::Committed && need.merge == Merge::Left
        };
        let needs = self.needs.at(NodeIndex::new(position));
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
