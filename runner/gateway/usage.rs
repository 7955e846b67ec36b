//! The tokens that a response is accounted with.
//!
//! Unaware of who counted them and of what they cost.

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// The tokens one response is accounted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the request, the cached ones included.
    pub input: u64,
    /// Tokens of the request that the provider had cached.
    pub cached: u64,
    /// Tokens of the request that the provider wrote to its cache.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write: u64,
    /// Tokens of the answer, the reasoning ones included.
    pub output: u64,
    /// Tokens of the answer that were reasoning.
    pub reasoning: u64,
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            output: self.output.saturating_add(other.output),
            reasoning: self.reasoning.saturating_add(other.reasoning),
        }
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this form")]
fn is_zero(tokens: &u64) -> bool {
    *tokens == 0
}
