//! Shows what came of a run: branch, nodes, gates, tokens, times, and where
//! everything lies.

use eufm_runner::reporters::seconds;
use std::collections::BTreeMap;

use eufm_runner::{Done, NodeReport, NodeReports, Outcome, PaceReport, RuleReport, RunReport};

/// Prints the summary to standard output.
pub(crate) fn summary(done: &Done, source: Option<&str>) {
    super::print(&text(done, source));
}

fn text(done: &Done, source: Option<&str>) -> String {
    let report = &done.report;
    let mut lines = vec![headline(done), String::new()];
    match done.node_reports() {
        Some(nodes) if !(done.was_finished && report.outcome == Some(Outcome::Done)) => {
            lines.extend(of_nodes(nodes));
        }
        _ => {
            let word = if done.nodes == 1 { "node" } else { "nodes" };
            lines.push(format!("  {} {word} committed", done.nodes));
        }
    }
    lines.push(String::new());
    let branch = report.branch.as_ref().map_or_else(
        || "none: no result was merged".to_owned(),
        |branch| format!("{branch} at {} (git log {branch})", short(&report.head)),
    );
    lines.push(format!("  branch   {branch}"));
    lines.push(format!("  base     {}", short(&report.base)));
    if report.trusted {
        lines.push("  trusted  by the digest of the plan: its spec was not there".to_owned());
    }
    lines.push(format!("  tokens   {}", tokens(report, source)));
    lines.extend(report.cost.iter().map(|cost| format!("  cost     at most {cost}")));
    lines.extend(report.pace.iter().map(|pace| format!("  rate     {}", rate(pace))));
    if let Some(guarded) = &report.guarded {
        let lacks: Vec<&str> = guarded.degraded.iter().map(|lack| lack.name.as_str()).collect();
        let lacks = lacks.join(", ");
        let lacks = if lacks.is_empty() { lacks } else { format!(", degraded: without {lacks}") };
        lines.push(format!("  guarded  isolation {:?}{lacks}", guarded.isolation));
    }
    lines.push(format!("  active   {}", seconds(report.active_ms)));
    lines.push(format!("  state    {}", report.state.display()));
    lines.push(format!("  logs     {}", report.state.join("nodes").display()));
    if let Some(source) = source {
        lines.push(format!(
            "  scripted the model's replies come from {source}; Codex, git, the sandbox, the \
             edits and the tests are real"
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// How many nodes are told of; run.json has all.
const NODES_MAX: usize = 60;

/// Tells of each node, or, where these are many, of the first that failed, that a person
/// was asked about or that rules judged, and counts all.
fn of_nodes(nodes: NodeReports<'_>) -> Vec<String> {
    let count = nodes.iter().len();
    let is_small = count <= NODES_MAX;
    let is_telling = |node: &NodeReport| {
        let is_asked = node.question.is_some() || node.answer.is_some();
        node.failure.is_some() || is_asked || !node.rules.is_empty()
    };
    let mut states: BTreeMap<_, usize> = BTreeMap::new();
    let mut told = Vec::new();
    for node in nodes.iter() {
        *states.entry(node.state.clone()).or_default() += 1;
        if told.len() < NODES_MAX && (is_small || is_telling(&node)) {
            told.push(node);
        }
    }
    let width = told.iter().map(|node| node.node.chars().count()).max().unwrap_or(0).min(40);
    let mut lines: Vec<String> = told.iter().flat_map(|node| rows(node, width)).collect();
    if !is_small {
        let counts: Vec<String> =
            states.iter().map(|(state, it)| format!("{it} {state}")).collect();
        lines.push(format!("  {} nodes: {}; run.json has each", count, counts.join(", ")));
    }
    lines
}

fn tokens(report: &RunReport, source: Option<&str>) -> String {
    let usage = report.usage;
    let source = source.map_or_else(String::new, |source| {
        format!(", as {} states them", source.replacen("a ", "the ", 1))
    });
    format!(
        "{} in ({} cached), {} out ({} reasoning){source}",
        usage.input, usage.cached, usage.output, usage.reasoning
    )
}

fn rate(pace: &PaceReport) -> String {
    let PaceReport { rate, spent, allowed, .. } = pace;
    let worked = seconds(pace.worked_ms);
    let speed = pace.hourly.as_ref().map_or_else(String::new, |it| format!("{it} per hour, "));
    let how = if pace.passed { "passed" } else { "kept" };
    format!(
        "{how}: {speed}{spent} in {worked} of implementation; {rate} with one hour in advance \
         allows {allowed}"
    )
}

fn headline(done: &Done) -> String {
    let RunReport { run, .. } = &done.report;
    let before = if done.was_finished { "had already ended: " } else { "" };
    let how = match (&done.report.stopped, done.report.outcome) {
        (Some(reason), _) if reason.starts_with("waiting for a person") => {
            format!("is {reason}; after the answer the same command goes on")
        }
        (Some(reason), _) => format!("stopped ({reason}); the same command goes on"),
        (None, Some(Outcome::Done)) => "done".to_owned(),
        (None, Some(Outcome::Failed)) => {
            "failed; --retry gives the failed nodes new attempts".to_owned()
        }
        (None, Some(Outcome::BudgetExhausted)) => "stopped by a budget".to_owned(),
        (None, Some(Outcome::Unavailable)) => {
            "failed: the agent or the model was not to be had; --retry tries again".to_owned()
        }
        (None, None) => "not ended".to_owned(),
    };
    format!("run {run} {before}{how}")
}

fn rows(node: &NodeReport, width: usize) -> Vec<String> {
    let tries = match (node.attempts, &node.taken_from) {
        (0, Some(run)) => format!("taken from run {}", eufm_runner::printable::line(run, 100)),
        (0, None) => "not started".to_owned(),
        (1, _) => "1 attempt".to_owned(),
        (n, _) => format!("{n} attempts"),
    };
    let files = if node.changes == 1 { "1 file" } else { &format!("{} files", node.changes) };
    let mut rows = vec![format!(
        "  {:<width$}  {:<9}  {tries}, {files}, {}",
        node.node,
        node.state,
        seconds(node.ran_ms)
    )];
    let gap = " ".repeat(width + 4);
    let gates = node.gates.iter().map(|gate| {
        let reason = eufm_runner::printable::line(&gate.reason, 160);
        format!("{gap}gate {} {}: {reason}", gate.gate, gate.verdict)
    });
    rows.extend(gates);
    rows.extend(node.rules.iter().flat_map(|rule| ruling(rule, &gap)));
    rows.extend(people(node).into_iter().map(|line| format!("{gap}{line}")));
    rows.extend(
        node.failure
            .iter()
            .map(|reason| format!("{gap}{}", eufm_runner::printable::line(reason, 400))),
    );
    if node.failure.is_some() && node.question.is_none() {
        rows.push(format!("{gap}logs: {}", node.logs.display()));
    }
    rows
}

/// Says what people were asked of a node, and what they said.
fn people(node: &NodeReport) -> Vec<String> {
    let line = eufm_runner::printable::line;
    let said = node.answer.iter().map(|answer| {
        let note =
            answer.note.as_ref().map_or_else(String::new, |note| format!(": {}", line(note, 160)));
        format!("{} by {}{note}", answer.decision.word(), line(&answer.by, 80))
    });
    let asked = node.question.iter().flat_map(|question| {
        let quoted = super::people::quoted;
        let rule = question.rule.as_ref();
        let rule = rule.map_or_else(String::new, |rule| format!(" --rule {}", quoted(rule)));
        let name = format!("{}{rule}", quoted(&node.node));
        [
            format!("waits for a person ({}): {}", question.about, line(&question.ask, 160)),
            format!("look: eufm approve; answer: eufm approve {name}, or eufm reject {name}"),
        ]
    });
    said.chain(asked).collect()
}

/// Shows what a rule came to; of one that does not hold, the words of the
/// constitution and the places.
fn ruling(rule: &RuleReport, gap: &str) -> Vec<String> {
    let line = eufm_runner::printable::line;
    let (name, level, verdict) = (&rule.rule, rule.level.word(), rule.verdict);
    let reason = line(&rule.reason, 160);
    let mut rows = vec![format!("{gap}rule {name} ({level}) {verdict}: {reason}")];
    if let Some(waived) = &rule.waived {
        rows.push(format!("{gap}  waived {}", line(waived, 160)));
    }
    if !verdict.is_pass() {
        rows.push(format!("{gap}  {}: \"{}\"", line(&rule.place, 160), line(&rule.cite, 160)));
        rows.extend(rule.evidence.iter().map(|place| format!("{gap}  {}", line(place, 160))));
    }
    rows
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
