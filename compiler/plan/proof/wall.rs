//! `wall`: the run is active at most so long, then stops.
//!
//! Rests on the runner's clock. Unaware of how long the work takes.

use super::{Facts, Finding};

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    Some(facts.plan.budget.wall.map_or_else(
        || Finding::not_claimed("the run has no wall cap"),
        |wall| {
            let waiting = match facts.plan.window {
                Some(_) => ", waiting for its window excluded",
                None => "",
            };
            Finding::holds(format!(
                "active at most {wall} by the runner's clock{waiting}, then stops, resumable"
            ))
        },
    ))
}
