//! Shows what differs between two plans: for people, for a review comment, for
//! programs.
//!
//! `rows.rs` gathers what is the same for many nodes, `visible.rs` hides nothing; `text.rs`, `markdown.rs` and
//! `document.rs` are the forms. Unaware of how differences are found.

mod document;
#[cfg(test)]
mod forms_test;
mod markdown;
mod rows;
mod text;
mod visible;

use eufm_plan::Digest;
use eufm_plan::diff::Diff;

/// Two plans with what differs, and what they are called.
pub(crate) struct Compared {
    /// What differs.
    pub(crate) diff: Diff,
    /// The plan before.
    pub(crate) before: Side,
    /// The plan after.
    pub(crate) after: Side,
}

/// One of two plans.
pub(crate) struct Side {
    /// How its file is called.
    pub(crate) file: String,
    /// Its pipeline.
    pub(crate) pipeline: String,
    /// Its digest.
    pub(crate) digest: Digest,
}

/// Prints the differences for people.
pub(crate) fn text(compared: &Compared) {
    super::print(&text::page(compared, super::colour_of_results()));
}

/// Prints the differences for people who look through git.
pub(crate) fn behind_git(compared: &Compared) {
    super::print(&text::page(compared, super::colour_behind_git()));
}

/// Prints the differences as a comment of a review.
pub(crate) fn markdown(compared: &Compared) {
    super::print(&markdown::page(compared));
}

/// Prints the differences for programs.
pub(crate) fn json(compared: &Compared) {
    super::print(&document::document(compared));
}

/// Prints a line in place of the differences, where there is no second plan.
pub(crate) fn line(line: &str) {
    super::print(&format!("{}\n", eufm_runner::printable::lines(line)));
}

/// Says in a line what came of comparing.
fn verdict(diff: &Diff) -> String {
    let count = diff.escalations.len();
    match count {
        0 if diff.is_empty() => "same: the plans are equal".to_owned(),
        0 => "changed: nothing becomes looser".to_owned(),
        1 => "escalated: 1 difference lets a run do more, or checks less".to_owned(),
        _ => format!("escalated: {count} differences let a run do more, or check less"),
    }
}
