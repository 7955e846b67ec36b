//! The figures as one JSON document; its form is docs/schemas/cost.schema.json.
//!
//! Money is in whole millionths of the currency. Unaware of what people read.

use eufm_runner::cost::{Bound, CostReport, Entry, Hour, RunCost, Sums};
use eufm_runner::ledger::{Paced, Spent};
use serde::Serialize;

use super::{per_mille, word};

/// The version of the document's form.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    pipeline: &'a str,
    plan: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runner: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_micros: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Run<'a>>,
    other_runs: &'a [String],
    total: Part<'a>,
    nodes: Vec<Part<'a>>,
    groups: Vec<Part<'a>>,
    requirements: Vec<Part<'a>>,
    hours: Vec<InHour>,
}

#[derive(Serialize)]
struct Run<'a> {
    run: &'a str,
    standing: &'static str,
    active_ms: u64,
    worked_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hourly_micros: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_micros: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_passed: Option<bool>,
    torn_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<Damage<'a>>,
}

#[derive(Serialize)]
struct Damage<'a> {
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    cause: &'a str,
    help: &'a str,
}

#[derive(Serialize)]
struct Part<'a> {
    name: &'a str,
    nodes: usize,
    bound: Most,
    #[serde(flatten)]
    spent: Spending,
}

#[derive(Serialize)]
struct InHour {
    hour: u64,
    #[serde(flatten)]
    spent: Spending,
}

#[derive(Serialize)]
struct Most {
    #[serde(skip_serializing_if = "Option::is_none")]
    micros: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<u64>,
}

#[derive(Serialize)]
struct Spending {
    micros: u64,
    tokens: u64,
    answers: u64,
    unpriced: u64,
    input: u64,
    cached: u64,
    cache_write: u64,
    output: u64,
    reasoning: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_per_mille: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_per_mille: Option<u64>,
    untaken: u64,
    charged: Requests,
    open: Requests,
}

#[derive(Serialize)]
struct Requests {
    requests: u64,
    micros: u64,
    tokens: u64,
}

/// Makes the document.
pub(super) fn document(report: &CostReport) -> String {
    let figures = &report.figures;
    let hours = report.run.iter().flat_map(|run| &run.hours);
    let document = Document {
        schema: SCHEMA,
        command: "cost",
        pipeline: &report.pipeline,
        plan: report.plan.to_string(),
        currency: figures.currency.map(|currency| currency.to_string()),
        runner: report.runner.as_deref(),
        rate_micros: report.rate.map(|rate| rate.0.micros),
        run: report.run.as_ref().map(run),
        other_runs: &report.others,
        total: part(&figures.run),
        nodes: figures.nodes.iter().map(part).collect(),
        groups: figures.groups.iter().map(part).collect(),
        requirements: figures.requirements.iter().map(part).collect(),
        hours: hours
            .map(|Hour { hour, sums }| InHour { hour: *hour, spent: spending(sums) })
            .collect(),
    };
    // Strings, numbers and lists of them always have a JSON form.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn run(run: &RunCost) -> Run<'_> {
    Run {
        run: &run.run,
        standing: word(run.standing),
        active_ms: run.active_ms,
        worked_ms: run.worked_ms,
        hourly_micros: run.hourly,
        allowed_micros: run.paced.map(|paced| paced.allowed),
        rate_passed: run.paced.map(Paced::is_passed),
        torn_bytes: run.torn_bytes,
        damage: run.damage.as_ref().map(|damage| Damage {
            file: damage.file.display().to_string(),
            offset: damage.offset,
            cause: &damage.cause,
            help: &damage.help,
        }),
    }
}

fn part(entry: &Entry) -> Part<'_> {
    let Bound { micros, tokens } = entry.bound;
    Part {
        name: &entry.name,
        nodes: entry.nodes,
        bound: Most { micros, tokens },
        spent: spending(&entry.sums),
    }
}

fn spending(sums: &Sums) -> Spending {
    let requests = |requests, Spent { micros, tokens }| Requests { requests, micros, tokens };
    let usage = sums.usage;
    Spending {
        micros: sums.spent.micros,
        tokens: sums.spent.tokens,
        answers: sums.answers,
        unpriced: sums.unpriced,
        input: usage.input,
        cached: usage.cached,
        cache_write: usage.cache_write,
        output: usage.output,
        reasoning: usage.reasoning,
        cached_per_mille: per_mille(usage.cached, usage.input),
        reasoning_per_mille: per_mille(usage.reasoning, usage.output),
        untaken: sums.untaken,
        charged: requests(sums.charged_requests, sums.charged),
        open: requests(sums.open, sums.reserved),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::render::cost::example;
    use crate::render::schema_test::fits;

    fn schema() -> Value {
        let schema = include_str!("../../../docs/schemas/cost.schema.json");
        serde_json::from_str(schema).unwrap()
    }

    fn parsed(report: &CostReport) -> Value {
        serde_json::from_str(&document(report)).unwrap()
    }

    #[test]
    fn every_document_fits_the_published_schema() {
        let schema = schema();
        for report in [example::going_on(), example::planned(), example::damaged()] {
            let document = parsed(&report);
            assert_eq!(fits(&document, &schema, &schema), Ok(()), "{document:#}");
        }
    }

    #[test]
    fn the_schema_refuses_other_documents() {
        let schema = schema();
        let good = parsed(&example::damaged());
        for (pointer, wrong) in [
            ("/schema", json!(2)),
            ("/command", json!("why")),
            ("/currency", json!(9)),
            ("/run/standing", json!("well")),
            ("/run/damage", json!({ "file": "x" })),
            ("/run/worked_ms", json!(1.5)),
            ("/total/micros", json!("0.10 EUR")),
            ("/nodes/0/bound", json!([])),
            ("/nodes/0/cached_per_mille", json!(-1)),
            ("/nodes/0/charged", json!({})),
            ("/groups", json!({})),
            ("/hours/0/hour", json!(null)),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = wrong;
            assert!(fits(&bad, &schema, &schema).is_err(), "{pointer}");
        }
    }

    #[test]
    fn shares_are_whole_and_absent_where_there_is_nothing_to_share() {
        let document = parsed(&example::going_on());
        assert_eq!(document["total"]["cached_per_mille"], 333);
        assert_eq!(document["total"]["reasoning_per_mille"], 0);
        assert_eq!(document["nodes"][1]["cached_per_mille"], Value::Null);
        assert_eq!(document["run"]["rate_passed"], false);
        assert_eq!(parsed(&example::planned())["run"], Value::Null);
    }
}
