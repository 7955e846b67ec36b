//! `cost`: the run cannot cost more than its caps.
//!
//! Rests on the gateway, which admits each request against the ledger; see
//! docs/money.md. Unaware of prices.

use super::{Facts, Finding};

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    Some(match (facts.agents, facts.plan.budget.cost) {
        (false, _) => Finding::holds("no node has an agent"),
        (true, None) if facts.uncapped => Finding::not_claimed("no cap on money covers all agents"),
        _ => Finding::holds(
            "the gateway lets a request out only if the caps can pay for the most that it can cost",
        ),
    })
}
