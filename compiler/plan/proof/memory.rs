//! `memory`: what takes more than its cap is ended.
//!
//! Never `holds`: not every host has cgroups, and exec says which it is there.
//! Unaware of what the host has.

use super::{Facts, Finding};

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    facts.memory.then(|| {
        Finding::watched(
            "what takes more than its cap, or most of what is more than the run's, is ended; where \
             the host has cgroups, the kernel holds it",
        )
    })
}
