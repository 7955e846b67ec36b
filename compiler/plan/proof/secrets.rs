//! `secrets`: each secret reaches the nodes that name it and nothing else.
//!
//! Rests on cleared environments and a file in memory. Unaware of the values.

use super::{Facts, Finding};

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    Some(Finding::holds(match facts.secrets.is_empty() {
        true => "no node has any; environments are cleared",
        false => {
            "each reaches the nodes that name it and nothing else, by a file in memory; what these \
             say is kept without it, and they change no files"
        }
    }))
}
