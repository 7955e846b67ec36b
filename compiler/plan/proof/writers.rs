//! `writers`: no node changes a file that is not its own.
//!
//! Rests on the harvest, which refuses what lies outside `writes`. Unaware of what
//! nodes write.

use super::{Facts, Finding};

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    Some(if facts.in_place {
        Finding::not_claimed(
            "this version of eufm does not hold commands that run in the user's checkout",
        )
    } else {
        let outside = match facts.unprotected {
            true => "`writes`, or what is protected where a node lists none",
            false => "`writes`",
        };
        Finding::holds(format!(
            "harvest refuses what lies outside {outside}; nodes that do not wait for each other \
             may change the same file, then its agent resolves the conflict, or it fails the node"
        ))
    })
}
