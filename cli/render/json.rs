//! Shows what the compiler found to programs: one JSON document.
//!
//! The form is published as docs/schemas/diagnostics.schema.json; a change that
//! a reader would notice raises [`SCHEMA`]. Unaware of what was compiled.

use std::path::Path;

use eufm_grammar::{Diagnostic, Label, Position, Severity};
use eufm_plan::proof::{Proof, Verdict};
use serde::Serialize;

use super::diagnostics::Findings;

/// The version of the document's form.
const SCHEMA: u32 = 1;

/// All that a command found.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    specs: usize,
    errors: usize,
    warnings: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PlanFile>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proofs: Option<Vec<ProofEntry<'a>>>,
    findings: &'a [Finding],
}

/// The plan of a compile, and what became of it.
#[derive(Debug, Serialize)]
struct PlanFile {
    file: String,
    state: PlanState,
}

/// What is known of one claim about every run of the plan.
#[derive(Debug, Serialize)]
struct ProofEntry<'a> {
    name: &'static str,
    verdict: Verdict,
    claim: &'a str,
}

/// What became of a plan.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PlanState {
    /// It was written.
    Written,
    /// The file has it already.
    Unchanged,
    /// The file has another one and was to be left alone.
    Stale,
}

/// One finding, with all places resolved.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    code: &'static str,
    severity: &'static str,
    message: String,
    file: String,
    labels: Vec<Place>,
    help: Vec<String>,
}

/// A labelled place.
#[derive(Debug, Serialize)]
struct Place {
    file: String,
    primary: bool,
    text: String,
    start: Point,
    end: Point,
}

/// A point in a text, for people and for programs.
#[derive(Debug, Serialize)]
struct Point {
    line: u32,
    column: u32,
    byte: usize,
}

impl Findings<'_> {
    /// Returns the findings as programs read them.
    pub(crate) fn entries(&self) -> Vec<Finding> {
        self.found.sorted().into_iter().map(|diagnostic| self.entry(diagnostic)).collect()
    }

    fn entry(&self, diagnostic: &Diagnostic) -> Finding {
        let labels: Vec<Place> =
            diagnostic.labels.iter().filter_map(|label| self.place(label)).collect();
        // What has no place is about the spec itself: it cannot be read.
        let file = labels.first().map_or_else(|| self.path(self.spec), |label| label.file.clone());
        Finding {
            code: diagnostic.code,
            severity: match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            message: diagnostic.message.clone(),
            file,
            labels,
            help: diagnostic.help.clone(),
        }
    }

    fn place(&self, label: &Label) -> Option<Place> {
        let file = self.sources.file_of(label.span)?;
        let point = |byte: usize| {
            let Position { line, column } = file.position(byte);
            Point { line, column, byte }
        };
        let range = label.span.range();
        Some(Place {
            file: self.path(file.path()),
            primary: label.primary,
            text: label.text.clone(),
            start: point(range.start),
            end: point(range.end),
        })
    }
}

/// Prints what a check found to standard output.
pub(crate) fn checked(findings: &[Finding], specs: usize, errors: usize, warnings: usize) {
    let (plan, proofs) = (None, None);
    let (schema, command) = (SCHEMA, "check");
    print(&Document { schema, command, specs, errors, warnings, plan, proofs, findings });
}

/// Prints what a compile found, what holds for every run of the plan, and what became of
/// it, to standard output.
pub(crate) fn compiled(
    findings: &Findings<'_>,
    proofs: Option<&[Proof]>,
    file: Option<(&Path, PlanState)>,
) {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    print(&Document {
        schema: SCHEMA,
        command: "compile",
        specs: 1,
        errors: findings.found.errors(),
        warnings: findings.found.warnings(),
        plan: file.map(|(file, state)| PlanFile { file: path(file), state }),
        proofs: proofs.map(entries_of),
        findings: &findings.entries(),
    });
}

fn entries_of(proofs: &[Proof]) -> Vec<ProofEntry<'_>> {
    proofs
        .iter()
        .map(|proof| ProofEntry { name: proof.name, verdict: proof.verdict, claim: &proof.claim })
        .collect()
}

fn print(document: &Document<'_>) {
    super::print(&text(document));
}

fn text(document: &Document<'_>) -> String {
    // Strings, numbers and lists of them always have a JSON form.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use eufm_compiler::{Compiled, Request, Sources};
    use serde_json::{Value, json};

    use super::*;
    use crate::catalog::with_catalog;
    use crate::render::schema_test::fits;

    /// One spec in memory; without one, there is no file.
    struct Memory(Option<&'static str>);

    impl Sources for Memory {
        fn load(&self, _: &str) -> Result<Vec<u8>, String> {
            self.0.map(Into::into).ok_or_else(|| "no such file".to_owned())
        }

        fn folders(&self, _: &str) -> Result<Vec<String>, String> {
            Err("no such folder".to_owned())
        }

        fn standard(&self, _: &str) -> Option<&str> {
            None
        }

        fn standard_names(&self) -> Vec<&str> {
            Vec::new()
        }
    }

    /// Returns the document of a check of one spec in the folder `specs`.
    fn document(spec: Option<&'static str>) -> Value {
        let request = Request::of("x.eufm");
        let result = with_catalog(|kinds| eufm_compiler::compile(&Memory(spec), &request, kinds));
        let (sources, found, compiled) = match result {
            Ok(Compiled { sources, diagnostics, derived, .. }) => (sources, diagnostics, derived),
            Err(rejected) => (rejected.sources, rejected.diagnostics, None),
        };
        let shown = |path: &str| format!("specs/{path}");
        let findings = Findings { shown: &shown, spec: "x.eufm", sources: &sources, found: &found };
        let plan = PlanFile { file: "specs/plan.lock".to_owned(), state: PlanState::Stale };
        let document = Document {
            schema: SCHEMA,
            command: "compile",
            specs: 1,
            errors: found.errors(),
            warnings: found.warnings(),
            plan: (!found.has_errors()).then_some(plan),
            proofs: compiled.as_ref().map(|it| entries_of(&it.proofs)),
            findings: &findings.entries(),
        };
        serde_json::from_str(&text(&document)).unwrap()
    }

    fn schema() -> Value {
        serde_json::from_str(include_str!("../../docs/schemas/diagnostics.schema.json")).unwrap()
    }

    const BAD: &str = "edition 1\npipeline ä {}\ncommand a { needs = [b], run = [\"true\"] }\n\
        command b { needs = [a], run = [\"true\"] }\n";
    const WARNED: &str = "edition 1\npipeline p {}\ngate g is command { run = [\"true\"] }\n\
        command a { run = [\"true\"] }\n";

    #[test]
    fn every_document_fits_the_published_schema() {
        let schema = schema();
        for spec in [None, Some(BAD), Some(WARNED), Some("edition 1\n"), Some("")] {
            let document = document(spec);
            assert_eq!(fits(&document, &schema, &schema), Ok(()), "{document:#}");
            assert_ne!(document["findings"], json!([]));
        }
    }

    #[test]
    fn the_schema_refuses_other_documents() {
        let schema = schema();
        let good = document(Some(BAD));
        for (pointer, wrong) in [
            ("/schema", json!(2)),
            ("/errors", json!(-1)),
            ("/command", json!("exec")),
            ("/findings", json!({})),
            ("/findings/0/code", json!("E12")),
            ("/findings/0/severity", json!("fatal")),
            ("/findings/0/labels/0/start/line", json!(0)),
            ("/findings/0/labels/0/primary", json!(null)),
            ("/findings/0/labels/0/start", json!({ "line": 1, "column": 1 })),
            ("/findings/0", json!({})),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = wrong;
            assert!(fits(&bad, &schema, &schema).is_err(), "{pointer}");
        }
    }

    #[test]
    fn a_finding_has_all_its_places_in_lines_columns_and_bytes() {
        let document = document(Some(BAD));
        let codes: BTreeSet<_> =
            document["findings"].as_array().unwrap().iter().map(|it| it["code"].as_str()).collect();
        assert!(codes.contains(&Some("E0501")), "{document:#}");
        let cycle = &document["findings"].as_array().unwrap().last().unwrap();
        assert_eq!(cycle["file"], "specs/x.eufm");
        assert_eq!(cycle["labels"].as_array().unwrap().len(), 2);
        let byte = BAD.find("b], run").unwrap();
        let start = json!({ "line": 3, "column": 22, "byte": byte });
        assert_eq!(cycle["labels"][0]["start"], start);
        assert_eq!(cycle["labels"][0]["end"]["byte"], byte + 1);
        assert_eq!(cycle["labels"][0]["primary"], true);
        assert_eq!(cycle["labels"][1]["primary"], false);
        assert_eq!(document["plan"], Value::Null);
    }

    #[test]
    fn what_cannot_be_read_names_its_file() {
        let document = document(None);
        assert_eq!(document["findings"][0]["file"], "specs/x.eufm");
        assert_eq!(document["findings"][0]["code"], "E0003");
        assert_eq!(document["findings"][0]["labels"], json!([]));
    }
}
