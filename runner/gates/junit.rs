//! Counts the test cases of a JUnit XML report.
//!
//! A streaming count over quick-xml's events: every `testcase` below nested
//! suites counts, whatever the totals in attributes say and whichever tool
//! wrote the file. A report comes out of an untrusted process: no entity is
//! expanded, depth is bounded, and time and memory are linear in its size.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::is_shown;

/// What a report says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// The cases that ran and passed, those that did in a later try included.
    pub(super) passed: u64,
    /// The cases with a failure or an error.
    pub(super) failed: u64,
    /// The cases that did not run.
    pub(super) skipped: u64,
    /// The names of the first failed cases, at most [`NAMES_MAX`].
    pub(super) failed_names: Vec<String>,
    /// The cases that failed and are known to.
    pub(super) known: u64,
    /// All cases that failed, by their ids.
    pub(super) failing: Failing,
}

/// Cases that failed: how many of each class and name. Of these a digest is kept, so
/// that a report of long names is held once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Failing(BTreeMap<CaseId, u32>);

/// The beginning of the digest of a case's class and name.
type CaseId = [u8; 16];

impl Failing {
    fn add(&mut self, case: CaseId) {
        *self.0.entry(case).or_default() += 1;
    }

    /// Takes one out, if it is there.
    fn take(&mut self, case: CaseId) -> bool {
        let Some(left) = self.0.get_mut(&case).filter(|left| **left > 0) else { return false };
        *left -= 1;
        true
    }
}

/// Why a report cannot be counted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum JunitError {
    /// It is not well-formed.
    #[error("byte {at}: {cause}")]
    Xml {
        /// Where it was noticed.
        at: u64,
        /// What is wrong.
        cause: String,
    },
    /// It ends before its root does.
    #[error("it ends in the middle: the command did not finish writing it")]
    CutOff,
    /// Its root is some other element.
    #[error("it has no `testsuites` or `testsuite` at its root: it is not a JUnit report")]
    NotJunit,
}

/// How many failed cases are named.
pub(super) const NAMES_MAX: usize = 10;

/// The longest name of a case that is shown, in characters.
const NAME_CHARS_MAX: usize = 120;

/// The deepest nesting; suites in suites are a handful deep.
const DEPTH_MAX: usize = 128;

/// Counts the cases of a report.
///
/// # Errors
/// Fails when it is not one whole, well-formed JUnit report.
pub(super) fn count(report: &[u8]) -> Result<Counts, JunitError> {
    count_beside(report, &Failing::default())
}

/// Counts the cases of a report; those that fail and are known to do so count apart.
///
/// # Errors
/// Fails when it is not one whole, well-formed JUnit report.
pub(super) fn count_beside(report: &[u8], known: &Failing) -> Result<Counts, JunitError> {
    let mut reader = Reader::from_reader(report);
    // An empty element is then a start and an end, like any other.
    reader.config_mut().expand_empty_elements = true;
    let mut counter = Counter { known: known.clone(), ..Counter::default() };
    loop {
        let event = reader.read_event();
        let at = reader.buffer_position();
        let wrong = |cause: String| JunitError::Xml { at, cause };
        match event.map_err(|error| wrong(error.to_string()))? {
            Event::Start(tag) => counter.open(tag).map_err(|cause| match cause {
                Refusal::NotJunit => JunitError::NotJunit,
                Refusal::Form(cause) => wrong(cause.to_owned()),
            })?,
            Event::End(_) => counter.close(),
            Event::DocType(_) => return Err(wrong("a document type is not allowed".to_owned())),
            Event::Eof => return counter.finish(),
            // Text is not read: it is output of the tests.
            _ => {}
        }
    }
}

enum Refusal {
    NotJunit,
    Form(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Suite,
    Case,
    Other,
}

/// The worst that is known of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Passed,
    Skipped,
    Failed,
}

#[derive(Default)]
struct Counter<'a> {
    open: Vec<Element>,
    case: Option<(BytesStart<'a>, Outcome)>,
    has_root: bool,
    /// What is known to fail and has not been seen yet.
    known: Failing,
    counts: Counts,
}

impl<'a> Counter<'a> {
    fn open(&mut self, tag: BytesStart<'a>) -> Result<(), Refusal> {
        if self.open.len() == DEPTH_MAX {
            return Err(Refusal::Form("elements are nested too deeply"));
        }
        let name = tag.local_name();
        let element = match (self.open.last(), name.as_ref()) {
            (None, _) if self.has_root => return Err(Refusal::Form("a second root element")),
            (None, b"testsuites" | b"testsuite") => Element::Suite,
            (None, _) => return Err(Refusal::NotJunit),
            (Some(Element::Suite), b"testsuite") => Element::Suite,
            (Some(Element::Suite), b"testcase") => Element::Case,
            // However deep in its case: nothing bad is missed in silence.
            (Some(_), b"failure" | b"error") if self.case.is_some() => self.note(Outcome::Failed),
            (Some(_), b"failure" | b"error") => {
                return Err(Refusal::Form("a failure outside a test case"));
            }
            (Some(Element::Case), b"skipped") => self.note(Outcome::Skipped),
            (_, b"testcase") => return Err(Refusal::Form("a `testcase` outside a suite")),
            (Some(_), _) => Element::Other,
        };
        self.has_root = true;
        self.open.push(element);
        if element == Element::Case {
            if attribute(&tag, "name").is_none() {
                // What pytest leaves of a test during which the run was broken off.
                return Err(Refusal::Form("a `testcase` without a name: the run was broken off"));
            }
            let outcome = if is_not_run(&tag) { Outcome::Skipped } else { Outcome::Passed };
            self.case = Some((tag, outcome));
        }
        Ok(())
    }

    fn note(&mut self, seen: Outcome) -> Element {
        if let Some((_, outcome)) = &mut self.case {
            *outcome = seen.max(*outcome);
        }
        Element::Other
    }

    fn close(&mut self) {
        if self.open.pop() != Some(Element::Case) {
            return;
        }
        let Some((tag, outcome)) = self.case.take() else {
            return;
        };
        match outcome {
            Outcome::Passed => self.counts.passed += 1,
            Outcome::Skipped => self.counts.skipped += 1,
            Outcome::Failed => {
                let id = case_id(&tag);
                self.counts.failing.add(id);
                if self.known.take(id) {
                    self.counts.known += 1;
                    return;
                }
                self.counts.failed += 1;
                if self.counts.failed_names.len() < NAMES_MAX {
                    self.counts.failed_names.push(case_name(&tag));
                }
            }
        }
    }

    fn finish(self) -> Result<Counts, JunitError> {
        if !self.has_root {
            return Err(JunitError::NotJunit);
        }
        if self.open.is_empty() { Ok(self.counts) } else { Err(JunitError::CutOff) }
    }
}

/// Tells whether a case is marked as not run by an attribute: GoogleTest and
/// CTest write `status="notrun"` or `result="suppressed"` without an element.
fn is_not_run(tag: &BytesStart<'_>) -> bool {
    let has = |key, values: &[&str]| {
        attribute(tag, key).is_some_and(|value| values.contains(&value.as_ref()))
    };
    has("status", &["notrun", "disabled", "skipped"]) || has("result", &["suppressed", "skipped"])
}

fn case_name(tag: &BytesStart<'_>) -> String {
    let name = attribute(tag, "name").unwrap_or_default();
    let class = attribute(tag, "classname").filter(|class| !class.is_empty());
    let whole = class.map_or_else(|| name.to_string(), |class| format!("{class}::{name}"));
    whole.chars().filter(|&c| is_shown(c)).take(NAME_CHARS_MAX).collect()
}

/// Returns what tells a case from others, whatever its suite is called.
fn case_id(tag: &BytesStart<'_>) -> CaseId {
    let part = |key| attribute(tag, key).unwrap_or_default().into_owned();
    let digest = Sha256::digest(format!("{}\0{}", part("classname"), part("name")));
    let mut id = CaseId::default();
    id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    id
}

/// Returns an attribute with its predefined entities resolved, if they can be.
fn attribute<'t>(tag: &'t BytesStart<'_>, key: &str) -> Option<Cow<'t, str>> {
    let mut attributes = tag.attributes();
    // The check for duplicates is quadratic in their number.
    let mut attributes = attributes.with_checks(false).filter_map(Result::ok);
    let value = attributes.find(|attribute| attribute.key.as_ref() == key.as_bytes())?.value;
    let text = String::from_utf8_lossy(&value);
    let resolved = unescape(&text).map(Cow::into_owned);
    Some(Cow::Owned(resolved.unwrap_or_else(|_| text.into_owned())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::*;

    fn counts(passed: u64, failed: u64, skipped: u64, names: &[&str]) -> Counts {
        let failed_names = names.iter().map(|&name| name.to_owned()).collect();
        Counts { passed, failed, skipped, failed_names, ..Counts::default() }
    }

    /// Counts without the ids of the failed cases.
    fn count(report: &[u8]) -> Result<Counts, JunitError> {
        super::count(report).map(|counts| Counts { failing: Failing::default(), ..counts })
    }

    #[test]
    fn what_is_known_to_fail_counts_apart_as_often_as_it_is_known() {
        let report =
            |cases: &str| format!("<testsuites><testsuite>{cases}</testsuite></testsuites>");
        let bad = |class: &str, name: &str| {
            format!("<testcase classname='{class}' name='{name}'><failure/></testcase>")
        };
        let before =
            report(&[bad("a", "x"), bad("a", "x"), bad("b", "x"), bad("", "a::x")].concat());
        let known = super::count(before.as_bytes()).expect("a report").failing;
        let now = [bad("a", "x"), bad("b", "x"), bad("c", "x"), "<testcase name='y'/>".to_owned()];
        let counts = count_beside(report(&now.concat()).as_bytes(), &known).expect("a report");
        assert_eq!((counts.passed, counts.failed, counts.known), (1, 1, 2));
        assert_eq!(counts.failed_names, ["c::x"]);
        let thrice = report(&bad("a", "x").repeat(3));
        let counts = count_beside(thrice.as_bytes(), &known).expect("a report");
        assert_eq!((counts.failed, counts.known), (1, 2), "one more than before");
        let counts = count_beside(before.as_bytes(), &known).expect("a report");
        assert_eq!((counts.failed, counts.known), (0, 4));
    }

    fn refusal(report: &str) -> String {
        count(report.as_bytes()).expect_err("no report").to_string()
    }

    #[test]
    fn a_report_of_pytest_is_counted() {
        let report = r#"<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1"
 tests="5" time="0.042" timestamp="2026-01-31T12:00:00.123456" hostname="h">
<testcase classname="tests.test_a" name="test_ok" time="0.001" />
<testcase classname="tests.test_a" name="test_x[a &lt; b]" time="0.001"><failure
 message="assert 1 == 2&#10;x">def test_x():\n&gt; assert &#x1B;1 == 2</failure></testcase>
<testcase classname="" name="tests.test_b" time="0.0"><error message="collection failure">E</error></testcase>
<testcase classname="tests.test_a" name="test_later"><skipped type="pytest.skip" message="m" /></testcase>
<testcase classname="tests.test_a" name="test_out"><system-out><![CDATA[<testcase name="x">]]></system-out></testcase>
</testsuite></testsuites>"#;
        let names = ["tests.test_a::test_x[a < b]", "tests.test_b"];
        assert_eq!(count(report.as_bytes()), Ok(counts(2, 2, 1, &names)));
    }

    #[test]
    fn suites_in_suites_and_a_suite_as_the_root_are_counted() {
        let nested = "<testsuites><testsuite><testsuite><testcase name='a'><failure/></testcase>\
                      </testsuite><testcase name='b'/></testsuite></testsuites>";
        assert_eq!(count(nested.as_bytes()), Ok(counts(1, 1, 0, &["a"])));
        let single = "\u{FEFF}<!-- made by hand -->\n<testsuite><testcase name='b'/></testsuite>\n";
        assert_eq!(count(single.as_bytes()), Ok(counts(1, 0, 0, &[])));
        assert_eq!(count(b"<testsuites/>"), Ok(Counts::default()));
    }

    #[test]
    fn totals_in_attributes_count_for_nothing() {
        let report =
            b"<testsuite tests='9' failures='0'><testcase name='a'><failure/></testcase></testsuite>";
        assert_eq!(count(report), Ok(counts(0, 1, 0, &["a"])));
    }

    #[test]
    fn the_worst_of_a_case_counts() {
        let both = b"<testsuite><testcase name='a'><error/><skipped/></testcase></testsuite>";
        assert_eq!(count(both), Ok(counts(0, 1, 0, &["a"])));
        let deep = b"<testsuite><testcase name='a'><x><failure/></x></testcase></testsuite>";
        assert_eq!(count(deep), Ok(counts(0, 1, 0, &["a"])));
        let flaky = b"<testsuite><testcase name='a'><flakyFailure/></testcase></testsuite>";
        assert_eq!(count(flaky), Ok(counts(1, 0, 0, &[])));
        let marked =
            b"<testsuite><testcase name='a' status='notrun'/><testcase name='b' result='suppressed'/></testsuite>";
        assert_eq!(count(marked), Ok(counts(0, 0, 2, &[])));
    }

    #[test]
    fn nothing_is_missed_in_silence() {
        for (report, message) in [
            ("", "not a JUnit report"),
            ("no markup", "not a JUnit report"),
            ("<html><testcase name='a'/></html>", "not a JUnit report"),
            ("<testsuite><testcase name='a'/>", "ends in the middle"),
            ("<testsuite><testcase", "byte"),
            ("<testsuite></testsuites>", "byte"),
            ("<testsuite/><testsuite/>", "a second root"),
            ("<testsuite><properties><testcase/></properties></testsuite>", "outside a suite"),
            (
                "<testsuite><testcase name='a'><testcase name='b'/></testcase></testsuite>",
                "outside a suite",
            ),
            ("<testsuite><error/></testsuite>", "outside a test case"),
            ("<testsuite><testcase time='0.0'/></testsuite>", "was broken off"),
        ] {
            assert!(refusal(report).contains(message), "{report}: {}", refusal(report));
        }
    }

    #[test]
    fn hostile_reports_end_in_an_error() {
        let entities = "<!DOCTYPE a [<!ENTITY b \"xxxxxxxx\">]><testsuite name='&b;'/>";
        assert!(refusal(entities).contains("document type"));
        let deep = "<testsuite>".repeat(1_000_000);
        assert!(refusal(&deep).contains("nested too deeply"));
        let attributes = (0..50_000).fold(String::new(), |all, at| all + &format!(" a{at}=''"));
        let wide =
            format!("<testsuite><testcase{attributes} name='n'><error/></testcase></testsuite>");
        assert_eq!(count(wide.as_bytes()), Ok(counts(0, 1, 0, &["n"])));
    }

    #[test]
    fn names_are_bounded_and_harmless() {
        let name = format!("&#27;[31m{}", "é".repeat(1_000));
        let case = format!("<testcase name='{name}'><failure/></testcase>");
        let report = format!("<testsuite>{}</testsuite>", case.repeat(1_000));
        let counts = count(report.as_bytes()).expect("a report");
        assert_eq!((counts.failed, counts.failed_names.len()), (1_000, NAMES_MAX));
        let name = &counts.failed_names[0];
        assert!(name.starts_with("[31mé") && name.chars().count() == NAME_CHARS_MAX, "{name}");
    }

    #[test]
    fn an_attribute_that_cannot_be_resolved_is_shown_as_it_is() {
        let report = b"<testsuite><testcase name='a &b; \xff'><failure/></testcase></testsuite>";
        assert_eq!(count(report), Ok(counts(0, 1, 0, &["a &b; \u{FFFD}"])));
    }

    proptest! {
        #[test]
        fn no_report_is_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = count(&bytes);
        }

        #[test]
        fn no_markup_is_a_panic(
            parts in prop::collection::vec(prop::sample::select(vec![
                "<testsuite>", "</testsuite>", "<testcase name='a'>", "</testcase>", "<failure/>",
                "<skipped>", "</skipped>", "<![CDATA[", "]]>", "<!--", "-->", "&amp;", "&#0;", "<", "x",
                "<?xml", "?>", "<testcase name=", "'", "/>",
            ]), 0..30)
        ) {
            let _ = count(parts.concat().as_bytes());
        }
    }
}
