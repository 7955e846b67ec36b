//! What a request can use at most, before anybody was asked.
//!
//! A token is at least one byte of text, so bytes bound tokens; what a provider
//! has counted before needs no bound. Unaware of prices.

/// The most tokens that one image is counted with. The dearest way of counting
/// that was published for these models stays below it (docs/money.md).
pub const IMAGE_TOKENS_MAX: u64 = 20_000;

/// What a request can use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// The most tokens that its prompt can be counted with.
    pub input: u64,
    /// The tokens of its answer.
    pub output: Output,
}

/// How many tokens an answer may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// As many as can be paid, up to the model's own limit if that is known: the
    /// request tells the provider how many.
    Set {
        /// The most that are asked for, if the request or the model says so.
        most: Option<u64>,
    },
    /// This many, whatever the request says.
    Fixed(u64),
}
