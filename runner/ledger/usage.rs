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

impl Usage {
    /// Tells whether the parts are no larger than their wholes.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        self.cached.checked_add(self.cache_write).is_some_and(|part| part <= self.input)
            && self.reasoning <= self.output
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_cache_writes_is_read_and_written_as_ever() {
        let old = r#"{"input":9,"cached":4,"output":2,"reasoning":1}"#;
        let usage: Usage = serde_json::from_str(old).unwrap();
        assert_eq!(usage, Usage { input: 9, cached: 4, cache_write: 0, output: 2, reasoning: 1 });
        assert_eq!(serde_json::to_string(&usage).unwrap(), old);
    }

    #[test]
    fn cache_writes_are_kept_and_summed() {
        let usage = Usage { input: 9, cached: 4, cache_write: 5, output: 2, reasoning: 1 };
        let text = serde_json::to_string(&usage).unwrap();
        assert_eq!(serde_json::from_str::<Usage>(&text).unwrap(), usage);
        assert_eq!((usage + usage).cache_write, 10);
    }

    #[test]
    fn parts_are_no_larger_than_their_wholes() {
        let usage = Usage { input: 9, cached: 4, cache_write: 5, output: 2, reasoning: 2 };
        assert!(usage.is_consistent());
        assert!(!Usage { cached: 5, ..usage }.is_consistent());
        assert!(!Usage { cached: u64::MAX, ..usage }.is_consistent());
        assert!(!Usage { reasoning: 3, ..usage }.is_consistent());
    }
}
