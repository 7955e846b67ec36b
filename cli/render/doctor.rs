//! Shows what the doctor found: a line a facility for people, one document for
//! programs. Its form is published as docs/schemas/doctor.schema.json; a change
//! that a reader would notice raises [`SCHEMA`].

use eufm_runner::doctor::{Examination, Line, Verdict};
use eufm_runner::printable;
use serde::Serialize;

/// The version of the document's form.
const SCHEMA: u32 = 1;

#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    #[serde(flatten)]
    found: &'a Examination,
}

/// Prints it for programs.
pub(crate) fn json(found: &Examination) {
    super::print(&document(found));
}

/// Prints it for people.
pub(crate) fn text(found: &Examination) {
    super::print(&page(found));
}

fn document(found: &Examination) -> String {
    let document = Document { schema: SCHEMA, found };
    let text = serde_json::to_string_pretty(&document)
        .expect("invariant: texts and words can always be written");
    text + "\n"
}

fn page(found: &Examination) -> String {
    let mut lines = vec![
        format!("isolation {:?}: {}", found.isolation, found.isolation.meaning()),
        String::new(),
    ];
    let verdicts = &found.verdicts;
    for (name, verdict) in
        [("agents", &verdicts.agents), ("commands", &verdicts.commands), ("gates", &verdicts.gates)]
    {
        lines.push(format!("  {name:<8}  {}", sentence(verdict)));
    }
    lines.push(String::new());
    let width = found.facilities.iter().map(|line| line.facility.len()).max().unwrap_or(0);
    lines.extend(found.facilities.iter().flat_map(|line| rows(line, width)));
    lines.join("\n") + "\n"
}

fn sentence(verdict: &Verdict) -> String {
    let why = printable::line(&verdict.why, 200);
    if verdict.runs { format!("run {why}") } else { format!("cannot run: {why}") }
}

/// A line of a facility, and one with the way out where there is one.
fn rows(line: &Line, width: usize) -> Vec<String> {
    let level = line.finding.level.to_string();
    let how = printable::line(&line.finding.how, 400);
    let mut rows = vec![format!("  {:<width$}  {level:<11}  {how}", line.facility)];
    let help = line.finding.way_out.iter();
    rows.extend(help.map(|help| format!("  {:width$}  {:11}  help: {help}", "", "")));
    rows
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use eufm_runner::Host;
    use serde_json::Value;

    use super::*;
    use crate::render::schema_test::fits;

    fn found() -> Examination {
        let host = Host {
            home: "/nonexistent".into(),
            path: Vec::new(),
            codex: None,
            launcher: "/nonexistent/eufm".into(),
        };
        eufm_runner::doctor::examine(&host, Path::new("/nonexistent/state"), &[]).unwrap()
    }

    #[test]
    fn the_document_fits_the_published_schema() {
        let schema: Value =
            serde_json::from_str(include_str!("../../docs/schemas/doctor.schema.json")).unwrap();
        let document: Value = serde_json::from_str(&document(&found())).unwrap();
        fits(&document, &schema, &schema).unwrap();
        assert_eq!(document["commands"]["runs"], false);
    }

    #[test]
    fn the_page_has_a_line_a_facility_and_the_way_out_below() {
        let page = page(&found());
        assert!(page.contains("  commands  cannot run: git: missing\n"), "{page}");
        let git = page.lines().position(|line| line.starts_with("  git  ")).unwrap();
        assert!(page.lines().nth(git + 1).unwrap().trim().starts_with("help: install git"));
    }
}
