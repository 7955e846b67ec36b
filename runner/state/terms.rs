//! What the plan says of a node, as far as it decides where the node goes.
//!
//! A few words a node instead of the plan itself. Unaware of what has happened.

use eufm_plan::{Accept, OnFail, Work};

use crate::ledger::Spent;

/// What the plan says of a node, as far as it decides where the node goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodeRules {
    pub(super) attempts_max: u32,
    pub(super) on_fail: OnFail,
    pub(super) accept: Accept,
    /// Nothing goes past it unless it succeeded, whatever `accept` says.
    pub(super) is_barrier: bool,
    pub(super) is_approval: bool,
    /// Whether its agent resolves what its result contradicts: it has one, which
    /// sees the whole.
    pub(super) reconciles: bool,
    /// What its agent may use to do so.
    pub(super) own: Spent,
}

impl NodeRules {
    pub(super) fn of(node: &eufm_plan::Node) -> Self {
        let is_approval = matches!(node.work, Work::Approval { .. });
        Self {
            attempts_max: node.budget.attempts,
            on_fail: node.on_fail,
            accept: node.accept,
            is_barrier: is_approval || matches!(node.work, Work::Verify { .. }),
            is_approval,
            reconciles: matches!(node.work, Work::Agent { .. }) && node.reads.is_none(),
            own: Spent {
                micros: node.budget.cost.map_or(0, |cost| cost.micros),
                tokens: node.budget.tokens.map_or(0, |tokens| tokens.0),
            },
        }
    }
}
