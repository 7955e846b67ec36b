//! What is derived from a plan for whoever reads it: the tables `[review]` and
//! `[proof]` of plan.lock, each made once.
//!
//! Unaware of what they say and of how that is spelled.

use crate::Plan;
use crate::proof::{Proof, proofs};
use crate::review::{Review, review};

/// What a plan comes to, and what holds for every run of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The glance at the plan.
    pub review: Review,
    /// Its proofs, also those that fail.
    pub proofs: Vec<Proof>,
}

impl Derived {
    /// Derives both from a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let (review, proofs) = rayon::join(|| review(plan), || proofs(plan));
        Self { review, proofs }
    }
}
