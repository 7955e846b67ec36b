//! Shows a cassette: as a transcript for people, and for programs as one JSON
//! document; and what a check of it found.
//!
//! The forms of the documents are docs/schemas/cassette-show.schema.json and
//! cassette-check.schema.json; a change that a reader would notice raises
//! [`SCHEMA`]. Unaware of how a cassette is read.

use std::path::Path;

use eufm_runner::gateway::recording::{Entry, Finding, Head};
use eufm_runner::gateway::{ExchangeTranscript, NodeTranscript, Usage};
use eufm_runner::printable;
use serde::Serialize;

/// The version of the documents' forms.
const SCHEMA: u32 = 1;
/// From this length on, in characters, what Codex says by itself is not shown
/// to people: it is the same in every session.
const INSTRUCTIONS_MAX: usize = 400;

/// What is shown of a cassette.
pub(crate) struct Shown<'a> {
    /// Where it lies.
    pub(crate) cassette: &'a Path,
    /// What a recording was made of; a script has no head.
    pub(crate) head: Option<&'a Head>,
    /// What it holds.
    pub(crate) nodes: &'a [NodeTranscript],
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    cassette: &'a Path,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pipeline: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    nodes: &'a [NodeTranscript],
}

#[derive(Serialize)]
struct FindingsDocument<'a> {
    schema: u32,
    command: &'static str,
    cassette: &'a Path,
    findings: Vec<FindingRow<'a>>,
}

#[derive(Serialize)]
struct FindingRow<'a> {
    place: &'a str,
    message: &'a str,
}

/// Prints a cassette to standard output, for programs.
pub(crate) fn json(shown: &Shown<'_>) {
    super::print(&document(shown));
}

fn document(shown: &Shown<'_>) -> String {
    let document = Document {
        schema: SCHEMA,
        command: "cassette show",
        cassette: shown.cassette,
        kind: if shown.head.is_some() { "recording" } else { "script" },
        pipeline: shown.head.map(|head| head.pipeline.as_str()),
        run: shown.head.map(|head| head.run.as_str()),
        nodes: shown.nodes,
    };
    pretty(&document)
}

/// Prints what a check found to standard output, for programs.
pub(crate) fn findings_json(cassette: &Path, found: &[Finding]) {
    super::print(&findings_document(cassette, found));
}

fn findings_document(cassette: &Path, found: &[Finding]) -> String {
    let rows = found.iter().map(|it| FindingRow { place: &it.place, message: &it.message });
    let findings = rows.collect();
    pretty(&FindingsDocument { schema: SCHEMA, command: "cassette check", cassette, findings })
}

fn pretty(document: &impl Serialize) -> String {
    // Strings, numbers and lists of them always have a JSON form.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

/// Prints what a check found to standard output, for people.
pub(crate) fn findings(cassette: &Path, found: &[Finding]) {
    super::print(&finding_lines(cassette, found));
}

fn finding_lines(cassette: &Path, found: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { place, message } in found {
        let (place, message) = (printable::line(place, 400), printable::line(message, 1_000));
        text.push_str(&format!("{place}: {message}\n"));
    }
    let cassette = cassette.display();
    match found.len() {
        0 => text.push_str(&format!("{cassette}: nothing was found\n")),
        count => text.push_str(&format!("{cassette}: {}\n", super::count(count, "finding"))),
    }
    text
}

/// Prints a cassette to standard output, for people.
pub(crate) fn text(shown: &Shown<'_>) {
    super::print(&transcript(shown));
}

fn transcript(shown: &Shown<'_>) -> String {
    let mut out = match shown.head {
        Some(head) => format!(
            "recording of the run {}, pipeline {}\n",
            printable::line(&head.run, 200),
            printable::line(&head.pipeline, 200)
        ),
        None => "script\n".to_owned(),
    };
    for node in shown.nodes {
        let usages = node.exchanges.iter().filter_map(|exchange| exchange.end.usage);
        let total = usages.fold(Usage::default(), |sum, usage| sum + usage);
        out.push_str(&format!(
            "\nnode {} ({}): {}, {}\n",
            printable::line(&node.node, 400),
            node.file,
            super::count(node.exchanges.len(), "exchange"),
            tokens(total)
        ));
        node.exchanges.iter().for_each(|exchange| push_exchange(&mut out, exchange));
    }
    out
}

fn push_exchange(out: &mut String, exchange: &ExchangeTranscript) {
    let ExchangeTranscript { number, after, asks_again, .. } = exchange;
    let after = match after {
        Some(after) if after + 1 != *number => format!(", goes on from {after}"),
        None if *number > 1 && !exchange.asked.is_empty() => ", a new session".to_owned(),
        _ => String::new(),
    };
    let again = if *asks_again { ", asked again after an interruption" } else { "" };
    out.push_str(&format!("\n--- {number}{after}{again}\n"));
    exchange.asked.iter().for_each(|entry| push_entry(out, '>', entry));
    exchange.answered.iter().for_each(|entry| push_entry(out, '<', entry));
    let end = &exchange.end;
    let why = end.status.map(|status| status.to_string()).or_else(|| end.code.clone());
    let why = why.map(|why| format!(" {}", printable::line(&why, 200))).unwrap_or_default();
    let usage = end.usage.map(|usage| format!(", {}", tokens(usage))).unwrap_or_default();
    out.push_str(&format!("= {}{why}{usage}\n", end.how));
    if let Some(message) = &end.message {
        push_lines(out, message);
    }
}

fn push_entry(out: &mut String, voice: char, entry: &Entry) {
    let Entry { kind, call, tool, with, text } = entry;
    let call = call.map(|call| format!(" {call}")).unwrap_or_default();
    let more = |text: &Option<String>| {
        text.as_ref().map(|text| format!(" {}", printable::line(text, 200))).unwrap_or_default()
    };
    out.push_str(&format!("{voice} {kind}{call}{}{}\n", more(tool), more(with)));
    let length = text.chars().count();
    if *kind == "developer" && length > INSTRUCTIONS_MAX {
        let begin = printable::line(text, 80);
        return out.push_str(&format!("  {begin} ({length} characters; --json has them)\n"));
    }
    push_lines(out, text);
}

fn push_lines(out: &mut String, text: &str) {
    for line in printable::lines(text).lines() {
        out.push_str(format!("  {line}").trim_end());
        out.push('\n');
    }
}

fn tokens(usage: Usage) -> String {
    let cached =
        if usage.cached > 0 { format!(" ({} cached)", usage.cached) } else { String::new() };
    format!("{} tokens in{cached}, {} out", usage.input, usage.output)
}

#[cfg(test)]
mod tests {
    use eufm_runner::gateway::Script;
    use serde_json::{Value, json};

    use super::*;
    use crate::render::schema_test::fits;

    const SCRIPT: &str = r#"format = 1
model = "m"
[[node.a]]
expect = "Write it"
reason = "Think."
say = "I \u001b[31mstart."
calls = [{ shell = "make" }, { patch = "*** Begin Patch\n*** Delete File: a\n*** End Patch\n" }]
usage = { input = 9, cached = 4, output = 2 }
[[node.a]]
say = "Done."
"#;

    fn nodes() -> Vec<NodeTranscript> {
        let mut nodes = Script::parse(SCRIPT, "c.toml").unwrap().transcript();
        let exchange = &mut nodes[0].exchanges[1];
        exchange.after = Some(1);
        exchange.asks_again = true;
        exchange.asked = vec![Entry {
            kind: "output",
            call: Some(1),
            tool: Some("exec_command".to_owned()),
            with: Some("{}".to_owned()),
            text: "x".to_owned(),
        }];
        exchange.end.how = "status";
        exchange.end.status = Some(429);
        exchange.end.code = Some("c".to_owned());
        exchange.end.message = Some("slow\ndown".to_owned());
        exchange.end.usage = None;
        nodes
    }

    fn head() -> Head {
        let (pipeline, run) = ("p".to_owned(), "p-1".to_owned());
        Head { pipeline, run, models: Vec::new(), agents: Vec::new() }
    }

    fn found() -> Vec<Finding> {
        vec![Finding { place: "d/a.toml:3".to_owned(), message: "wrong".to_owned() }]
    }

    #[test]
    fn every_document_fits_its_published_schema() {
        let schema = |text| -> Value { serde_json::from_str(text).unwrap() };
        let show = schema(include_str!("../../docs/schemas/cassette-show.schema.json"));
        let check = schema(include_str!("../../docs/schemas/cassette-check.schema.json"));
        let (nodes, head) = (nodes(), head());
        for head in [None, Some(&head)] {
            let text = document(&Shown { cassette: Path::new("/d"), head, nodes: &nodes });
            let good: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(fits(&good, &show, &show), Ok(()), "{good:#}");
            for (pointer, wrong) in [
                ("/kind", json!("tape")),
                ("/nodes/0/exchanges/0/number", json!("1")),
                ("/nodes/0/exchanges/0/answered/0", json!({"kind": "say"})),
                ("/nodes/0/exchanges/1/end/how", json!("well")),
                ("/nodes/0/exchanges/0/end/usage/input", json!(-1)),
            ] {
                let mut bad = good.clone();
                *bad.pointer_mut(pointer).unwrap() = wrong;
                assert!(fits(&bad, &show, &show).is_err(), "{pointer}");
            }
        }
        for found in [found(), Vec::new()] {
            let text = findings_document(Path::new("/d"), &found);
            let good: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(fits(&good, &check, &check), Ok(()), "{good:#}");
        }
        let bad =
            json!({"schema": 1, "command": "cassette check", "cassette": "d", "findings": [{}]});
        assert!(fits(&bad, &check, &check).is_err());
    }

    #[test]
    fn people_read_a_transcript() {
        let (nodes, head) = (nodes(), head());
        let shown = Shown { cassette: Path::new("/d"), head: Some(&head), nodes: &nodes };
        let expected = "recording of the run p-1, pipeline p

node a (c.toml): 2 exchanges, 9 tokens in (4 cached), 2 out

--- 1
> expect
  Write it
< reason
  Think.
< say
  I [31mstart.
< shell
  make
< patch
  *** Begin Patch
  *** Delete File: a
  *** End Patch
= completed, 9 tokens in (4 cached), 2 out

--- 2, asked again after an interruption
> output 1 exec_command {}
  x
< say
  Done.
= status 429
  slow
  down
";
        assert_eq!(transcript(&shown), expected);
    }

    #[test]
    fn people_read_where_something_was_found() {
        assert_eq!(finding_lines(Path::new("d"), &found()), "d/a.toml:3: wrong\nd: 1 finding\n");
        assert_eq!(finding_lines(Path::new("d"), &[]), "d: nothing was found\n");
    }
}
