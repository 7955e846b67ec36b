//! Differences for programs: one JSON document.
//!
//! The form is published as docs/schemas/diff.schema.json. Unaware of how
//! differences are found.

use eufm_plan::diff::Diff;
use serde::Serialize;

use super::{Compared, Side};

/// The version of the document's form.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    verdict: &'static str,
    before: Plan<'a>,
    after: Plan<'a>,
    #[serde(flatten)]
    diff: &'a Diff,
}

#[derive(Serialize)]
struct Plan<'a> {
    file: &'a str,
    pipeline: &'a str,
    plan: String,
}

impl<'a> Plan<'a> {
    fn of(side: &'a Side) -> Self {
        Self { file: &side.file, pipeline: &side.pipeline, plan: side.digest.to_string() }
    }
}

/// Makes the document.
pub(super) fn document(compared: &Compared) -> String {
    let diff = &compared.diff;
    let verdict = match (diff.is_escalated(), diff.is_empty()) {
        (true, _) => "escalated",
        (false, true) => "same",
        (false, false) => "changed",
    };
    let (before, after) = (Plan::of(&compared.before), Plan::of(&compared.after));
    let document = Document { schema: SCHEMA, command: "diff", verdict, before, after, diff };
    // Strings, numbers and lists of them always have a JSON form.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}
