//! `deploy`: what is deployed is the very tree that was verified.
//!
//! Rests on the verify node before each deploy. Unaware of what deploys do.

use super::{Facts, Finding};

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    facts.deploy.then(|| {
        Finding::holds(
            "each runs in a checkout, which it cannot change, of the very tree that its verify node \
             checked with all gates before it; the files that its command names are those of the \
             base unless a person approved that tree",
        )
    })
}
