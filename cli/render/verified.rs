//! Shows what was found in the state of runs: for people, and for programs as
//! one JSON document.
//!
//! The form of the document is docs/schemas/verify.schema.json; a change that a
//! reader would notice raises [`SCHEMA`]. Unaware of how it was found.

use std::collections::BTreeMap;
use std::path::Path;

use eufm_runner::Outcome;
use eufm_runner::printable;
use eufm_runner::reporters::seconds;
use eufm_runner::verify::{Damage, Standing, Verified, VerifiedRun};
use serde::Serialize;

/// The version of the document's form.
const SCHEMA: u32 = 1;

/// All that was found.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    state: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    runner: Option<&'a str>,
    damaged: usize,
    runs: Vec<Run<'a>>,
}

/// One run.
#[derive(Debug, Serialize)]
struct Run<'a> {
    run: &'a str,
    journal: &'a Path,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<u32>,
    records: usize,
    torn_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stands: Option<Stands<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<Found<'a>>,
}

/// Where a run stands.
#[derive(Debug, Serialize)]
struct Stands<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    closed: bool,
    active_ms: u64,
    planned: usize,
    nodes: &'a BTreeMap<&'static str, usize>,
}

/// Why a run is refused.
#[derive(Debug, Serialize)]
struct Found<'a> {
    file: &'a Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    cause: &'a str,
    help: &'a str,
}

/// Prints what was found to standard output, for programs.
pub(crate) fn json(state: &Path, found: &Verified) {
    super::print(&document(state, found));
}

fn document(state: &Path, found: &Verified) -> String {
    let document = Document {
        schema: SCHEMA,
        command: "verify",
        state,
        runner: found.runner.as_deref(),
        damaged: found.runs.iter().filter(|run| run.damage.is_some()).count(),
        runs: found.runs.iter().map(Run::of).collect(),
    };
    // Strings, numbers and lists of them always have a JSON form.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

impl<'a> Run<'a> {
    fn of(run: &'a VerifiedRun) -> Self {
        let stands = |standing: &'a Standing| Stands {
            outcome: standing.outcome,
            closed: standing.closed,
            active_ms: standing.active_ms,
            planned: standing.planned,
            nodes: &standing.nodes,
        };
        let found = |damage: &'a Damage| Found {
            file: &damage.file,
            offset: damage.offset,
            cause: &damage.cause,
            help: &damage.help,
        };
        Self {
            run: &run.run,
            journal: &run.journal,
            bytes: run.bytes,
            format: run.format,
            records: run.records,
            torn_bytes: run.torn_bytes,
            stands: run.standing.as_ref().map(stands),
            damage: run.damage.as_ref().map(found),
        }
    }
}

/// Prints what was found to standard output, for people.
pub(crate) fn text(state: &Path, found: &Verified) {
    super::print(&lines(state, found).join("\n"));
}

fn lines(state: &Path, found: &Verified) -> Vec<String> {
    let mut lines = Vec::new();
    for run in &found.runs {
        lines.extend(rows(run, found.runner.is_some()));
        lines.push(String::new());
    }
    if found.runs.is_empty() {
        lines.push(format!("there are no runs in {}", state.display()));
        lines.push(String::new());
    }
    if let Some(runner) = &found.runner {
        lines.push(format!("at work on it: {}", printable::line(runner, 200)));
        lines.push(String::new());
    }
    lines
}

fn rows(run: &VerifiedRun, is_at_work: bool) -> Vec<String> {
    let headline = match (&run.damage, &run.standing) {
        (Some(_), _) => "is damaged; it is refused, and left as it is".to_owned(),
        (None, Some(standing)) => standing_of(standing),
        (None, None) => "has not begun: nothing is recorded".to_owned(),
    };
    let mut rows = vec![format!("run {} {headline}", run.run)];
    rows.push(format!("  journal  {}", run.journal.display()));
    let format = run.format.map_or_else(String::new, |format| format!(", format {format}"));
    let good = if run.damage.is_some() { " before the damage" } else { "" };
    let records = super::count(run.records, "whole record");
    rows.push(format!("  records  {records}{good}{format}, {} bytes", run.bytes));
    rows.extend(run.standing.as_ref().map(|standing| format!("  nodes    {}", nodes(standing))));
    if run.torn_bytes > 0 {
        let torn = super::count(usize::try_from(run.torn_bytes).unwrap_or(usize::MAX), "byte");
        let then = match is_at_work {
            true => "a record is just being written",
            false => "nothing has followed from it, and it is cut off when the run goes on",
        };
        rows.push(format!("  torn     {torn} of a last record: {then}"));
    }
    if let Some(Damage { file, offset, cause, help }) = &run.damage {
        let place = offset.map_or_else(String::new, |offset| format!(" at byte {offset}"));
        let cause = printable::lines(cause).replace('\n', "\n           ");
        rows.push(format!("  damage   {}{place}: {cause}", file.display()));
        rows.push(format!("  help     {help}"));
    }
    rows
}

fn standing_of(standing: &Standing) -> String {
    let how = match standing.outcome {
        None if standing.closed => "is closed: another run has its place",
        None => "can go on",
        Some(Outcome::Done) => "is done",
        Some(Outcome::Failed) => "has failed",
        Some(Outcome::BudgetExhausted) => "was ended by a budget",
        Some(Outcome::Unavailable) => "has failed: the agent or the model was not to be had",
    };
    format!("{how}, after {}", seconds(standing.active_ms))
}

fn nodes(standing: &Standing) -> String {
    let counts = standing.nodes.iter().map(|(word, count)| format!("{count} {word}"));
    format!("{} in the plan: {}", standing.planned, counts.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::{Value, json};

    use super::*;
    use crate::render::schema_test::fits;

    fn found() -> Verified {
        let whole = VerifiedRun {
            run: "hello-1".to_owned(),
            journal: PathBuf::from("/s/runs/hello-1/journal"),
            bytes: 1_000,
            format: Some(1),
            records: 7,
            torn_bytes: 3,
            standing: Some(Standing {
                outcome: Some(Outcome::BudgetExhausted),
                closed: true,
                nodes: BTreeMap::from([("committed", 2), ("cancelled", 1)]),
                planned: 3,
                active_ms: 61_000,
            }),
            damage: None,
        };
        let damage = Damage {
            file: PathBuf::from("/s/runs/hello-2/journal"),
            offset: Some(345),
            cause: "the checksum does not fit".to_owned(),
            help: "put back a copy".to_owned(),
        };
        let damaged = VerifiedRun {
            run: "hello-2".to_owned(),
            journal: damage.file.clone(),
            bytes: 2_000,
            format: None,
            records: 1,
            torn_bytes: 0,
            standing: None,
            damage: Some(damage),
        };
        let runner = Some("process 7 on host, started at tick 9".to_owned());
        Verified { runner, runs: vec![whole, damaged] }
    }

    fn schema() -> Value {
        serde_json::from_str(include_str!("../../docs/schemas/verify.schema.json")).unwrap()
    }

    #[test]
    fn every_document_fits_the_published_schema() {
        let schema = schema();
        for found in [found(), Verified { runner: None, runs: Vec::new() }] {
            let document: Value = serde_json::from_str(&document(Path::new("/s"), &found)).unwrap();
            assert_eq!(fits(&document, &schema, &schema), Ok(()), "{document:#}");
        }
    }

    #[test]
    fn the_schema_refuses_other_documents() {
        let schema = schema();
        let good: Value = serde_json::from_str(&document(Path::new("/s"), &found())).unwrap();
        for (pointer, wrong) in [
            ("/schema", json!(2)),
            ("/command", json!("check")),
            ("/runs/0/bytes", json!(-1)),
            ("/runs/0/stands/outcome", json!("well")),
            ("/runs/0/stands/nodes/committed", json!("two")),
            ("/runs/1/damage/offset", json!("here")),
            ("/runs/1/damage", json!({ "file": "x" })),
            ("/runs/1", json!({})),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = wrong;
            assert!(fits(&bad, &schema, &schema).is_err(), "{pointer}");
        }
    }

    #[test]
    fn people_read_the_place_the_cause_and_the_way_out() {
        let text = lines(Path::new("/s"), &found()).join("\n");
        for expected in [
            "run hello-1 was ended by a budget, after 1 min 01 s",
            "7 whole records, format 1, 1000 bytes",
            "3 in the plan: 1 cancelled, 2 committed",
            "3 bytes of a last record: a record is just being written",
            "run hello-2 is damaged",
            "1 whole record before the damage, 2000 bytes",
            "/s/runs/hello-2/journal at byte 345: the checksum does not fit",
            "put back a copy",
            "at work on it: process 7",
        ] {
            assert!(text.contains(expected), "{expected:?} is not said:\n{text}");
        }
    }
}
