//! `gate … is tests`: a test command whose report must reach thresholds.
//!
//! The counts are made from the cases of the report. A status other than 0 is
//! how runners report failed tests, so with failed cases the thresholds decide;
//! without one, or where it says that the run was broken off, the gate fails.
//! Unaware of which tests matter: a skipped one counts for nothing.

use eufm_plan::QualityGate;
use eufm_plan::schema::{KindSchema, Need, Param, ParamType, Threshold, ThresholdUnit};
use eufm_plan::units::{Percent, parse_count};

use super::junit::{Counts, NAMES_MAX, count, count_beside};
use super::{
    Baseline, CWD, Evidence, Failing, GateError, GateKind, Judgement, NETWORK, REPORT_BYTES_MAX,
    RUN, VARS, Verdict, cwd, run,
};

/// The kind `tests`.
#[derive(Debug)]
pub struct Tests;

const SCHEMA: KindSchema = KindSchema {
    name: "tests",
    doc: "Passes when enough tests ran and enough of them passed, by the cases of its report.",
    params: &[
        RUN,
        CWD,
        VARS,
        NETWORK,
        Param {
            name: "report",
            ty: ParamType::Located(&["junit"]),
            need: Need::Required,
            doc: "The file that the command writes, relative to its folder: junit(\"report.xml\").",
        },
        Param {
            name: "baseline",
            ty: ParamType::Word(&["none", "no_new_failures"]),
            need: Need::Default("none"),
            doc: "no_new_failures: a test that fails on what the node begins with too does not \
                  count, and any other that fails fails the gate; none: every failed test counts.",
        },
        Param {
            name: "require",
            ty: ParamType::Thresholds(&[
                Threshold { name: "pass_rate", unit: ThresholdUnit::Percent },
                Threshold { name: "tests", unit: ThresholdUnit::Count },
            ]),
            need: Need::Required,
            doc: "pass_rate: passed of passed and failed tests, 100% if not given; \
                  tests: how many passed or failed, at least 1. Skipped tests count for neither.",
        },
    ],
};

impl GateKind for Tests {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }

    fn command<'a>(&self, gate: &'a QualityGate) -> Result<&'a [String], GateError> {
        run(gate)
    }

    fn report(&self, gate: &QualityGate) -> Option<String> {
        let path = gate.params.text("report")?.strip_prefix("junit ")?;
        Some(cwd(gate).map_or_else(|| path.to_owned(), |folder| format!("{folder}/{path}")))
    }

    fn judge(&self, gate: &QualityGate, evidence: &Evidence) -> Judgement {
        self.compare(gate, evidence, &Ok(Failing::default()))
    }

    fn is_compared(&self, gate: &QualityGate, evidence: &Evidence) -> bool {
        let has_failed = |failing: &Failing| *failing != Failing::default();
        is_compared(gate) && self.baseline(gate, evidence).as_ref().is_ok_and(has_failed)
    }

    fn baseline(&self, gate: &QualityGate, evidence: &Evidence) -> Baseline {
        let run = run(gate).map_err(|error| error.to_string())?;
        Ok(self.whole(gate, run, evidence)?.failing)
    }

    fn compare(&self, gate: &QualityGate, evidence: &Evidence, baseline: &Baseline) -> Judgement {
        let parameters = Required::of(gate).and_then(|required| Ok((required, run(gate)?)));
        let (required, run) = match parameters {
            Ok(parameters) => parameters,
            Err(error) => return Judgement::new(Verdict::Unknown, error.to_string()),
        };
        let all = match self.whole(gate, run, evidence) {
            Ok(all) => all,
            Err(reason) => return Judgement::new(Verdict::Fail, reason),
        };
        let known = match baseline {
            Ok(known) => known,
            Err(reason) => {
                let reason = format!(
                    "{}; which of them fail without the node's work too cannot be told: {reason}",
                    with_names(summary(&all), &all)
                );
                return Judgement::new(Verdict::Unknown, reason);
            }
        };
        let report = evidence.report.as_deref().unwrap_or_default();
        let counts = match count_beside(report, known) {
            Ok(counts) => counts,
            Err(error) => return Judgement::new(Verdict::Fail, error.to_string()),
        };
        let new = (is_compared(gate) && counts.failed > 0)
            .then(|| format!("{}; {} did not fail before", summary(&counts), counts.failed));
        let (verdict, reason) = match new.or_else(|| required.shortfall(&counts)) {
            None => (Verdict::Pass, summary(&counts)),
            Some(reason) => (Verdict::Fail, with_names(reason, &counts)),
        };
        Judgement { verdict, reason, measured: measured(&counts) }
    }
}

impl Tests {
    /// Counts the cases of a test run that came to its end; else says why it did not.
    fn whole(
        &self,
        gate: &QualityGate,
        run: &[String],
        evidence: &Evidence,
    ) -> Result<Counts, String> {
        // A run that was cut off tells nothing about the tests it did not come to.
        let status = evidence.finish.status().ok_or_else(|| evidence.finish.to_string())?;
        let counts = read(&self.report(gate).unwrap_or_default(), evidence)?;
        match broken_off(run, status, &counts) {
            None => Ok(counts),
            Some(why) => Err(with_names(format!("{}: {why}", evidence.finish), &counts)),
        }
    }
}

/// Tells whether tests that fail on what the node begins with do not count.
fn is_compared(gate: &QualityGate) -> bool {
    gate.params.text("baseline") == Some("no_new_failures")
}

fn read(path: &str, evidence: &Evidence) -> Result<Counts, String> {
    let Some(report) = &evidence.report else {
        return Err(format!("{path} was not written; {}", evidence.finish));
    };
    if report.len() as u64 > REPORT_BYTES_MAX {
        return Err(format!("{path} is larger than the {REPORT_BYTES_MAX} bytes that are read"));
    }
    count(report).map_err(|error| format!("{path} cannot be read: {error}; {}", evidence.finish))
}

/// The thresholds of a gate.
struct Required {
    pass_rate: Percent,
    tests: u64,
}

impl Required {
    fn of(gate: &QualityGate) -> Result<Self, GateError> {
        let lines = gate.params.list("require");
        let lines =
            lines.ok_or_else(|| GateError::Missing { gate: gate.name.clone(), key: "require" })?;
        let all = Percent::from_basis_points(10_000).expect("invariant: 100 % is a share");
        let mut required = Self { pass_rate: all, tests: 1 };
        for line in lines {
            let wrong = || GateError::Threshold { gate: gate.name.clone(), text: line.clone() };
            match line.split_once(" >= ") {
                Some(("pass_rate", share)) => {
                    required.pass_rate = Percent::parse(share).ok_or_else(wrong)?;
                }
                Some(("tests", count)) => {
                    required.tests = parse_count(count).ok_or_else(wrong)?;
                }
                _ => return Err(wrong()),
            }
        }
        Ok(required)
    }

    /// Says what is not reached, if something is not.
    fn shortfall(&self, counts: &Counts) -> Option<String> {
        let ran = counts.passed + counts.failed;
        // No tests found is never a pass, whatever the plan says.
        if ran == 0 {
            return Some(match (counts.known, counts.skipped) {
                (0, 0) => "no tests were found".to_owned(),
                (0, skipped) => format!("no tests ran, {skipped} were skipped"),
                (known, _) => format!("no tests ran but {known} that failed before"),
            });
        }
        let mut missed = Vec::new();
        if ran < self.tests {
            missed.push(format!("{} required", plural(self.tests)));
        }
        if !self.pass_rate.is_reached_by(counts.passed, ran) {
            missed.push(format!("{} required", self.pass_rate));
        }
        (!missed.is_empty()).then(|| format!("{}; {}", summary(counts), missed.join(", ")))
    }
}

/// Test runners that say by their status whether they came to the end: their
/// argument or program, and the statuses that mean it.
const RUNNERS: &[(&str, &[i32])] =
    &[("nextest", &[0, 100]), ("py.test", &[0, 1]), ("pytest", &[0, 1])];

/// Says why a status means more than failed tests, if it does.
fn broken_off(run: &[String], status: i32, counts: &Counts) -> Option<String> {
    let name = |word: &String| word.rsplit('/').next().unwrap_or_default().to_owned();
    let known = run.iter().find_map(|word| {
        let name = name(word);
        RUNNERS.iter().find(|(runner, _)| *runner == name)
    });
    match known {
        Some((runner, statuses)) if !statuses.contains(&status) => {
            Some(format!("{runner} says so when it did not come to the end"))
        }
        _ if status != 0 && counts.failed == 0 => {
            Some(format!("no failed test in the report explains it ({})", summary(counts)))
        }
        _ => None,
    }
}

fn summary(counts: &Counts) -> String {
    let ran = counts.passed + counts.failed;
    let skipped = match counts.skipped {
        0 => String::new(),
        skipped => format!(", {skipped} skipped"),
    };
    let known = match counts.known {
        0 => String::new(),
        known => format!(", {known} that failed before"),
    };
    match rate(counts) {
        Some(rate) => {
            format!("{} of {} passed ({rate}){skipped}{known}", counts.passed, plural(ran))
        }
        None => format!("no tests ran{skipped}{known}"),
    }
}

fn plural(tests: u64) -> String {
    format!("{tests} test{}", if tests == 1 { "" } else { "s" })
}

/// Returns the share of passed tests, rounded down: 99.999 % is not 100 %.
fn rate(counts: &Counts) -> Option<Percent> {
    let ran = u128::from(counts.passed + counts.failed);
    let points = (u128::from(counts.passed) * 10_000).checked_div(ran)?;
    Percent::from_basis_points(u32::try_from(points).ok()?)
}

fn with_names(reason: String, counts: &Counts) -> String {
    if counts.failed == 0 {
        return reason;
    }
    let rest = counts.failed.saturating_sub(NAMES_MAX as u64);
    let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
    format!("{reason}; failed: {}{more}", counts.failed_names.join(", "))
}

fn measured(counts: &Counts) -> Vec<(&'static str, String)> {
    let rate = rate(counts).map(|rate| ("pass_rate", rate.to_string()));
    let mut measured: Vec<_> = rate.into_iter().collect();
    measured.push(("tests", (counts.passed + counts.failed).to_string()));
    measured.push(("passed", counts.passed.to_string()));
    measured.push(("failed", counts.failed.to_string()));
    measured.push(("skipped", counts.skipped.to_string()));
    measured
}

#[cfg(test)]
mod unit {
    use eufm_plan::{ParamValue, Params};

    use super::super::Finish;
    use super::*;
    use crate::process::Exit;

    fn gate(run: &[&str], require: &[&str]) -> QualityGate {
        let list = |items: &[&str]| ParamValue::List(items.iter().map(|&i| i.to_owned()).collect());
        let params = Params(vec![
            ("run".to_owned(), list(run)),
            ("report".to_owned(), ParamValue::Text("junit out/report.xml".to_owned())),
            ("require".to_owned(), list(require)),
        ]);
        QualityGate { name: "unit".to_owned(), kind: "tests".to_owned(), params }
    }

    fn report(passed: usize, failed: usize, skipped: usize) -> Option<Vec<u8>> {
        let failed: String = (0..failed)
            .map(|at| format!("<testcase classname='c' name='bad{at}'><failure/></testcase>"))
            .collect();
        let rest = "<testcase name='ok'/>".repeat(passed)
            + &"<testcase name='later'><skipped/></testcase>".repeat(skipped);
        Some(format!("<testsuites><testsuite>{failed}{rest}</testsuite></testsuites>").into_bytes())
    }

    fn judge(require: &[&str], status: i32, report: Option<Vec<u8>>) -> (Verdict, String) {
        let evidence = Evidence { finish: Finish::Exited(Exit::Status(status)), report };
        let judgement = Tests.judge(&gate(&["./check"], require), &evidence);
        (judgement.verdict, judgement.reason)
    }

    fn judge_as(run: &[&str], finish: Finish, report: Option<Vec<u8>>) -> (Verdict, String) {
        let judgement =
            Tests.judge(&gate(run, &["pass_rate >= 50%"]), &Evidence { finish, report });
        (judgement.verdict, judgement.reason)
    }

    /// Judges by a gate that is compared, beside what failed before.
    fn compared(require: &[&str], report: Option<Vec<u8>>, before: &Baseline) -> (Verdict, String) {
        let mut gate = gate(&["./check"], require);
        let word = ParamValue::Text("no_new_failures".to_owned());
        gate.params.0.push(("baseline".to_owned(), word));
        let evidence = Evidence { finish: Finish::Exited(Exit::Status(1)), report };
        assert!(Tests.is_compared(&gate, &evidence));
        let judgement = Tests.compare(&gate, &evidence, before);
        (judgement.verdict, judgement.reason)
    }

    #[test]
    fn a_test_that_failed_before_does_not_count_and_any_other_fails_the_gate() {
        let evidence =
            |status, report| Evidence { finish: Finish::Exited(Exit::Status(status)), report };
        let plain = gate(&["./check"], REQUIRE);
        let before = Tests.baseline(&plain, &evidence(1, report(5, 3, 0)));
        assert!(!Tests.is_compared(&plain, &evidence(1, report(5, 3, 0))), "every test counts");
        assert_eq!(
            compared(REQUIRE, report(5, 3, 0), &before),
            (Verdict::Pass, "5 of 5 tests passed (100%), 3 that failed before".to_owned()),
        );
        let (verdict, reason) = compared(REQUIRE, report(96, 4, 0), &before);
        assert_eq!(verdict, Verdict::Fail, "although 98% passed");
        let said = "96 of 97 tests passed (98.96%), 3 that failed before; 1 did not fail before; \
                    failed: c::bad3";
        assert_eq!(reason, said);
        // The thresholds hold for the rest.
        let (verdict, reason) = compared(REQUIRE, report(2, 3, 0), &before);
        assert_eq!(
            (verdict, reason.ends_with("3 tests required")),
            (Verdict::Fail, true),
            "{reason}"
        );
        let (verdict, reason) = compared(&["tests >= 1"], report(0, 2, 0), &before);
        assert_eq!((verdict, &*reason), (Verdict::Fail, "no tests ran but 2 that failed before"));
    }

    #[test]
    fn what_failed_before_and_cannot_be_told_is_unknown() {
        let cut = Evidence { finish: Finish::TimedOut, report: report(5, 3, 0) };
        let before = Tests.baseline(&gate(&["./check"], REQUIRE), &cut);
        let (verdict, reason) = compared(REQUIRE, report(5, 1, 0), &before);
        assert_eq!(verdict, Verdict::Unknown);
        assert!(reason.ends_with("cannot be told: the command timed out"), "{reason}");
        assert!(reason.contains("failed: c::bad0"), "{reason}");
    }

    const REQUIRE: &[&str] = &["pass_rate >= 85%", "tests >= 3"];

    #[test]
    fn enough_passed_tests_pass() {
        assert_eq!(
            judge(REQUIRE, 0, report(7, 0, 0)),
            (Verdict::Pass, "7 of 7 tests passed (100%)".to_owned()),
        );
    }

    #[test]
    fn failed_tests_within_the_threshold_pass_though_the_status_is_1() {
        assert_eq!(
            judge(REQUIRE, 1, report(17, 3, 0)),
            (Verdict::Pass, "17 of 20 tests passed (85%)".to_owned()),
        );
    }

    #[test]
    fn too_many_failed_tests_fail_with_their_names_whatever_the_status() {
        for status in [0, 1] {
            assert_eq!(
                judge(REQUIRE, status, report(5, 2, 1)),
                (
                    Verdict::Fail,
                    "5 of 7 tests passed (71.42%), 1 skipped; 85% required; \
                     failed: c::bad0, c::bad1"
                        .to_owned(),
                ),
            );
        }
    }

    #[test]
    fn too_few_tests_fail_and_skipped_ones_do_not_count() {
        let (verdict, reason) = judge(REQUIRE, 0, report(2, 0, 5));
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(reason, "2 of 2 tests passed (100%), 5 skipped; 3 tests required");
    }

    #[test]
    fn no_tests_are_a_failure_whatever_is_required() {
        for require in [&["tests >= 0"], &["pass_rate >= 0%"]] {
            assert_eq!(judge(require, 0, report(0, 0, 0)).1, "no tests were found");
            let skipped = judge(require, 0, report(0, 0, 4));
            assert_eq!(skipped, (Verdict::Fail, "no tests ran, 4 were skipped".to_owned()));
        }
    }

    #[test]
    fn without_a_pass_rate_all_tests_must_pass() {
        assert_eq!(judge(&["tests >= 1"], 1, report(99_999, 1, 0)).0, Verdict::Fail);
        assert!(judge(&["tests >= 1"], 1, report(99_999, 1, 0)).1.contains("(99.99%)"));
        assert_eq!(judge(&["tests >= 1"], 0, report(1, 0, 0)).0, Verdict::Pass);
    }

    #[test]
    fn a_status_that_no_failed_test_explains_is_a_failure() {
        let (verdict, reason) = judge(REQUIRE, 3, report(7, 0, 0));
        assert_eq!(verdict, Verdict::Fail);
        assert_eq!(
            reason,
            "the command ended with exit status 3: no failed test in the report explains it \
             (7 of 7 tests passed (100%))",
        );
    }

    #[test]
    fn a_run_that_was_broken_off_is_a_failure_even_if_its_report_is_good() {
        let status = |status| Finish::Exited(Exit::Status(status));
        for (run, finish, verdict) in [
            (&["python3", "-m", "pytest"][..], status(1), Verdict::Pass),
            (&["python3", "-m", "pytest"], status(2), Verdict::Fail),
            (&["/usr/bin/pytest", "-q"], status(3), Verdict::Fail),
            (&["cargo", "nextest", "run"], status(100), Verdict::Pass),
            (&["cargo", "nextest", "run"], status(1), Verdict::Fail),
            (&["phpunit"], status(2), Verdict::Pass),
            (&["phpunit"], status(139), Verdict::Fail),
            (&["phpunit"], Finish::Exited(Exit::Signal(11)), Verdict::Fail),
            (&["phpunit"], Finish::TimedOut, Verdict::Fail),
        ] {
            let (found, reason) = judge_as(run, finish, report(9, 1, 0));
            assert_eq!(found, verdict, "{run:?}, {finish}: {reason}");
        }
    }

    #[test]
    fn a_report_that_is_missing_or_unreadable_or_too_large_is_a_failure() {
        let missing = judge(REQUIRE, 4, None);
        assert_eq!(
            missing.1,
            "out/report.xml was not written; the command ended with exit status 4"
        );
        let unreadable = judge(REQUIRE, 0, Some(b"<testsuite>".to_vec()));
        assert!(unreadable.1.starts_with("out/report.xml cannot be read: it ends in the middle"));
        let limit = usize::try_from(REPORT_BYTES_MAX).expect("64 bits");
        let large = judge(REQUIRE, 0, Some(vec![b' '; limit + 1]));
        assert!(large.1.contains("larger than the 67108864 bytes"), "{}", large.1);
        for (verdict, _) in [missing, unreadable, large] {
            assert_eq!(verdict, Verdict::Fail);
        }
    }

    #[test]
    fn thresholds_that_cannot_be_read_make_the_verdict_unknown() {
        for require in ["coverage >= 5%", "tests > 5", "tests >= -1", "pass_rate >= 101%"] {
            let (verdict, reason) = judge(&[require], 0, report(1, 0, 0));
            assert_eq!(verdict, Verdict::Unknown);
            assert!(reason.contains(&format!("`{require}` is not a threshold")), "{reason}");
        }
    }

    #[test]
    fn what_was_measured_is_kept() {
        let finish = Finish::Exited(Exit::Status(1));
        let evidence = Evidence { finish, report: report(5, 12, 1) };
        let judgement = Tests.judge(&gate(&["./check"], REQUIRE), &evidence);
        let measured: Vec<_> =
            judgement.measured.iter().map(|(name, value)| format!("{name} {value}")).collect();
        assert_eq!(
            measured,
            ["pass_rate 29.41%", "tests 17", "passed 5", "failed 12", "skipped 1"]
        );
        assert!(judgement.reason.ends_with("c::bad9 and 2 more"), "{}", judgement.reason);
    }

    #[test]
    fn the_report_is_a_path_in_the_worktree() {
        let mut gate = gate(&["x"], REQUIRE);
        assert_eq!(Tests.report(&gate).as_deref(), Some("out/report.xml"));
        gate.params.0.push(("cwd".to_owned(), ParamValue::Text("packages/a".to_owned())));
        assert_eq!(Tests.report(&gate).as_deref(), Some("packages/a/out/report.xml"));
    }
}
