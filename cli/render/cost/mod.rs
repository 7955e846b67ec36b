//! Shows what a plan may cost and what a run of it has cost.
//!
//! `page.rs` is for people, `document.rs` for programs. Every amount is exact.
//! Unaware of how the figures come about.

mod document;
#[cfg(test)]
mod example;
mod page;

use eufm_runner::Outcome;
use eufm_runner::cost::{CostReport, Standing};

/// Prints the figures for people.
pub(crate) fn text(report: &CostReport) {
    super::print(&page::page(report));
}

/// Prints the figures for programs.
pub(crate) fn json(report: &CostReport) {
    super::print(&document::document(report));
}

/// Returns the word for how far a run has come.
fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Unfinished => "unfinished",
        Standing::Closed => "closed",
        Standing::Ended(Outcome::Done) => "done",
        Standing::Ended(Outcome::Failed) => "failed",
        Standing::Ended(Outcome::BudgetExhausted) => "budget_exhausted",
        Standing::Ended(Outcome::Unavailable) => "unavailable",
    }
}

/// Returns how many of 1,000 a part is, rounded down; `None` of nothing.
fn per_mille(part: u64, whole: u64) -> Option<u64> {
    let share = (u128::from(part) * 1_000).checked_div(u128::from(whole))?;
    u64::try_from(share).ok()
}
