//! Good and bad specs, and the examples of the docs: each through the binary, as
//! a user has it.

use crate::support::corpus::{Case, cases, examples};
use crate::support::{Ended, Project};

/// Compares with a file below tests/snapshots.
fn snapshot(folder: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("snapshots/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Compiles a spec of the corpus in a folder of its own.
fn compile(case: &Case) -> (Project, Ended) {
    let project = case.project();
    let ended = project.eufm().args(["compile", &case.name]).args(case.arguments()).run();
    (project, ended)
}

/// Splits what was printed for people into findings, without the summary.
fn findings(stderr: &str) -> impl Iterator<Item = &str> {
    let begins = |part: &&str| part.starts_with("error[") || part.starts_with("warning[");
    stderr.split("\n\n").filter(begins)
}

#[test]
fn every_bad_spec_gives_all_its_errors_and_no_file() {
    let cases = cases("err");
    assert!(cases.len() >= 60, "only {} kinds of bad specs", cases.len());
    for case in cases {
        let (project, ended) = compile(&case);
        assert_eq!(ended.code(), 3, "{}: {}", case.name, ended.stderr);
        assert_eq!(ended.stdout, "", "{}", case.name);
        assert!(!project.repo().join("plan.lock").exists(), "{}: a plan", case.name);
        snapshot("err", case.stem(), &ended.stderr);
    }
}

#[test]
fn every_finding_says_what_to_do_and_in_the_words_of_the_language() {
    for case in cases("err").into_iter().chain(cases("ok")) {
        let (_, ended) = compile(&case);
        for finding in findings(&ended.stderr) {
            assert!(finding.contains(" = help: "), "{}: no way out\n{finding}", case.name);
            assert!(!finding.contains("expected"), "{}: {finding}", case.name);
        }
    }
}

#[test]
fn every_good_spec_gives_the_plan_that_was_reviewed() {
    let cases = cases("ok");
    assert!(cases.len() >= 25, "only {} good specs", cases.len());
    for case in cases {
        let (project, ended) = compile(&case);
        assert_eq!(ended.code(), 0, "{}: {}", case.name, ended.stderr);
        snapshot("ok", case.stem(), &project.read("plan.lock"));
        snapshot("shown", case.stem(), &format!("{}\n---\n{}", ended.stdout, ended.stderr));
    }
}

#[test]
fn the_plan_is_the_same_in_every_folder_locale_and_time_zone_and_with_every_line_end() {
    for case in cases("ok") {
        let (here, _) = compile(&case);
        let plan = here.read("plan.lock");

        let there = Project::new(&[("deep/er/other.txt", "")]);
        for (path, bytes) in crate::support::corpus::files().0 {
            there.write(&format!("deep/er/{path}"), bytes);
        }
        let crlf = case.text.replace("\r\n", "\n").replace('\n', "\r\n");
        let mark = if case.text.starts_with('\u{feff}') { "" } else { "\u{feff}" };
        let name = format!("deep/er/{}", case.name);
        there.write(&name, format!("{mark}{crlf}"));
        let name = format!("./deep/../{name}");
        for locale in ["de_DE.UTF-8", "tr_TR.UTF-8", "C.UTF-8"] {
            let compile = there.eufm().args(["compile", "--root", "deep/../deep/er", &name]);
            let compile = compile.args(case.arguments()).env("LC_ALL", locale).env("LANG", locale);
            compile.env("TZ", "Asia/Tokyo").env("HOME", "/nonexistent").run().expect(0);
            assert_eq!(there.read("deep/er/plan.lock"), plan, "{} in {locale}", case.name);
            std::fs::remove_file(there.repo().join("deep/er/plan.lock")).expect("removed");
        }
    }
}

#[test]
fn every_example_of_the_docs_compiles_without_a_finding_and_has_the_canonical_form() {
    for (page, least) in [("language.md", 25), ("tour.md", 4)] {
        let examples = examples(page);
        assert!(examples.len() >= least, "{page}: only {} examples", examples.len());
        for example in examples {
            let (project, ended) = compile(&example);
            let shown = format!("{}\n{}\n{}", example.name, example.text, ended.stderr);
            assert_eq!(ended.code(), 0, "{shown}");
            assert_eq!(findings(&ended.stderr).count(), 0, "{shown}");
            let form = project.eufm().args(["fmt", "--check", &example.name]).run();
            assert_eq!(form.code(), 0, "not in the canonical form: {shown}");
        }
    }
}
