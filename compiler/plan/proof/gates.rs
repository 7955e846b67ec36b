//! `gates`: no result is taken over that its gates did not pass.
//!
//! Rests on the states of a node, between which there is no other way. Unaware of
//! what gates ask for.

use super::{Facts, Finding};

pub(super) fn prove(_: &Facts<'_>) -> Option<Finding> {
    Some(Finding::holds(
        "a result is taken over only when every gate of its node passed on the harvested tree; \
         unknown is not a pass",
    ))
}
