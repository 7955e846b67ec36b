//! What a plan may cost and what a run of it has cost, by node, group,
//! requirement and hour.
//!
//! `tally.rs` adds up what a journal says and `figures.rs` puts it beside the
//! plan's caps, both pure; `look.rs` finds the run and reads its journal.
//! Unaware of how it is shown. docs/money.md says what the figures mean.

mod figures;
mod look;
mod tally;

pub use figures::{Bound, Entry, Figures};
pub use look::{Asked, CostReport, RunCost, Standing, look};
pub use tally::{Hour, Sums};
