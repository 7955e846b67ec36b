//! Shows what the doctor found: a line a facility for people, one document for
//! programs. Its form is published as docs/schemas/doctor.schema.json; a change
//! that a reader would notice raises [`SCHEMA`].

use eufm_runner::doctor::{Examination, Line, Verdict};
use eufm_runner::printable;
use eufm_runner::rehearsal::Rehearsal;
use serde::Serialize;

/// The version of the document's form.
const SCHEMA: u32 = 1;

#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    #[serde(flatten)]
    found: &'a Examination,
    #[serde(skip_serializing_if = "Option::is_none")]
    rehearsal: Option<&'a Rehearsal>,
}

/// Prints it for programs.
pub(crate) fn json(found: &Examination, rehearsal: Option<&Rehearsal>) {
    super::print(&document(found, rehearsal));
}

/// Prints it for people.
pub(crate) fn text(found: &Examination, rehearsal: Option<&Rehearsal>) {
    super::print(&page(found));
    if let Some(rehearsal) = rehearsal {
        super::print(&super::rehearsal::page(rehearsal));
    }
}

fn document(found: &Examination, rehearsal: Option<&Rehearsal>) -> String {
    let document = Document { schema: SCHEMA, found, rehearsal };
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
    use eufm_runner::gates::Verdict;
    use eufm_runner::rehearsal::{Preparation, Trial};
    use serde_json::Value;

    use super::*;
    use crate::render::schema_test::fits;

    fn found() -> Examination {
        let host = Host {
            home: "/nonexistent".into(),
            path: Vec::new(),
            codex: None,
            launcher: "/nonexistent/eufm".into(),
            ceilings: eufm_runner::limits::Ceilings::default(),
        };
        eufm_runner::doctor::examine(&host, Path::new("/nonexistent/state"), &[]).unwrap()
    }

    fn rehearsal() -> Rehearsal {
        let environment = Preparation {
            environment: "warm".to_owned(),
            failure: Some("`sh` ended with exit status 3".to_owned()),
            output: "no\u{1b}[31m mirror".to_owned(),
            log: Some("/state/output.log".into()),
        };
        let gate = Trial {
            gate: "unit".to_owned(),
            environments: vec!["warm".to_owned()],
            verdict: Verdict::Unknown,
            reason: "environment warm: not prepared".to_owned(),
            ran: false,
            log: None,
        };
        let base = "0123456789abcdef0123".to_owned();
        Rehearsal { base, environments: vec![environment], gates: vec![gate] }
    }

    #[test]
    fn the_page_of_a_plan_says_what_could_not_be_prepared_and_run() {
        let page = crate::render::rehearsal::page(&rehearsal());
        let expected = "
the plan on its base 0123456789ab

  environment warm  cannot be prepared: `sh` ended with exit status 3
    | no[31m mirror
    log: /state/output.log
  gate unit with warm  could not run: environment warm: not prepared
";
        assert_eq!(page, expected);
    }

    #[test]
    fn the_document_fits_the_published_schema() {
        let schema: Value =
            serde_json::from_str(include_str!("../../docs/schemas/doctor.schema.json")).unwrap();
        let document: Value =
            serde_json::from_str(&document(&found(), Some(&rehearsal()))).unwrap();
        fits(&document, &schema, &schema).unwrap();
        assert_eq!(document["rehearsal"]["gates"][0]["verdict"], "unknown");
        let without: Value = serde_json::from_str(&super::document(&found(), None)).unwrap();
        fits(&without, &schema, &schema).unwrap();
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
