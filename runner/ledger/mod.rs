//! Money and tokens: what the models of a plan cost, what was reserved and
//! spent, and whether a request may still go out. Pure.
//!
//! Amounts are whole millionths of one currency; nothing is ever rounded down.
//! Unaware of HTTP, of the journal and of when somebody asks. docs/money.md has
//! the rules and what they rest on.

mod account;
#[cfg(test)]
pub(crate) mod account_test;
mod pace;
mod quote;
mod tariff;
mod usage;

pub use account::{Account, Amount, Decision, Exhausted, Reservation, Spent};
pub use pace::{Pace, Paced, hourly};
pub use quote::{IMAGE_TOKENS_MAX, Output, Quote};
pub use tariff::{Tariff, Tariffs};
pub use usage::Usage;
