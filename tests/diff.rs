//! What `eufm diff` shows of a change to a real plan, how it ends, and that git
//! shows plans with it.

use std::process::Command;

use eufm_plan::Digest;

use crate::support::{Project, sources};

const SPEC: &str = r#"edition 1
pipeline p {
  base = "main"
  budget { wall <= 1 h }
}
command a {
  run    = ["true"]
  writes = ["a/*"]
}
"#;

/// A project with an approved plan, and the spec changed and compiled again.
fn changed(from: &str, to: &str) -> Project {
    let project = Project::of_spec(SPEC);
    std::fs::rename(project.repo().join("plan.lock"), project.repo().join("approved.lock"))
        .expect("renamed");
    assert!(SPEC.contains(from), "{from}");
    project.write("spec.eufm", SPEC.replace(from, to));
    project.compile().expect(0);
    project
}

#[test]
fn its_status_says_whether_plans_differ_and_whether_anything_became_looser() {
    for (from, to, status, within, shown) in [
        ("1 h", "1 h", 0, 0, "same: the plans are equal"),
        (r#"["true"]"#, r#"["true", "x"]"#, 1, 0, "run  true → true x"),
        (r#""a/*""#, r#""a/b""#, 1, 0, "writes  + a/b"),
        (r#""a/*""#, r#""a/**""#, 3, 3, "writes widened  node a  writes  + a/**"),
        ("1 h", "2 h", 3, 3, "budget up  run  wall  1 h → 2 h"),
    ] {
        let project = changed(from, to);
        let diff = || project.eufm().args(["diff", "approved.lock"]);
        diff().run().expect(status).shows(&[shown, "approved.lock → plan.lock"]);
        diff().args(["plan.lock", "--within"]).run().expect(within);
        diff().args(["plan.lock", "--within", "--json"]).run().expect(within);
        let page = diff().arg("--markdown").run().expect(status);
        assert!(page.stdout.starts_with("### `plan.lock`: "), "{}", page.stdout);
    }
}

#[test]
fn what_is_no_plan_ends_with_2_and_the_reason() {
    let project = Project::of_spec(SPEC);
    let diff = |before: &str| project.eufm().args(["diff", before]).run();
    diff("none.lock").expect(2).says(&["none.lock: No such file", "help: give two files"]);
    diff("spec.eufm").expect(2).says(&["spec.eufm: this is not a plan.lock"]);
    project.write("other.lock", project.read("plan.lock").replace("1 h", "2 h"));
    diff("other.lock").expect(2).says(&["other.lock: plan.lock was altered"]);
    project.write("other.lock", format!("<<<<<<< ours\n{}", project.read("plan.lock")));
    diff("other.lock").expect(2).says(&["is a conflict marker of git"]);
    let args = ["diff", "--git", "plan.lock", "plan.lock"];
    project.eufm().args(args).run().expect(2).says(&["docs/review.md"]);
    project.eufm().args(["diff", "plan.lock", "plan.lock", "x"]).run().expect(2);
}

/// Gives a text of a plan the digest that fits.
fn resealed(text: &str) -> String {
    let (body, _) = text.split_once("[digest]\n").expect("a digest");
    format!("{body}[digest]\nplan = \"{}\"\n", Digest::of(body.as_bytes()))
}

#[test]
fn what_another_version_derived_is_derived_anew_and_not_compared() {
    let project = Project::of_spec(SPEC);
    let reworded = project.read("plan.lock").replacen("active at most", "busy at most", 1);
    project.write("old.lock", resealed(&reworded));
    // This version does not word it so: somebody altered it.
    let diff = || project.eufm().args(["diff", "old.lock"]);
    diff().run().expect(2).says(&["is not what eufm writes for this plan"]);
    let old = reworded.replacen("version = \"", "version = \"0.0.0-", 1);
    project.write("old.lock", resealed(&old));
    diff().run().expect(1).shows(&["compiler  version  0.0.0-"]);
}

/// Makes `git` show plans with the binary.
fn driven(project: &Project) {
    let command = format!("'{}' diff --git", env!("CARGO_BIN_EXE_eufm"));
    project.git(&["config", "diff.eufm.command", &command]);
    project.write(".gitattributes", "plan.lock -text diff=eufm\n");
}

#[test]
fn git_shows_a_plan_by_meaning() {
    let project = Project::of_spec(SPEC);
    driven(&project);
    project.commit("a plan");
    let shown = project.git(&["show", "--ext-diff"]);
    for text in ["plan.lock is new", "pipeline p on main", "+pipeline p {"] {
        assert!(shown.contains(text), "{text}:\n{shown}");
    }
    project.write("spec.eufm", SPEC.replace("1 h", "2 h"));
    project.compile().expect(0);
    let shown = project.git(&["diff"]);
    for text in ["a/plan.lock → b/plan.lock", "budget up  run  wall  1 h → 2 h", "-  budget { wall"]
    {
        assert!(shown.contains(text), "{text}:\n{shown}");
    }
    assert!(!shown.contains("sha256"), "by lines:\n{shown}");
    project.commit("longer");
    project.git(&["mv", "plan.lock", "moved.lock"]);
    project.write(".gitattributes", "*.lock -text diff=eufm\n");
    let shown = project.git(&["diff", "-M", "HEAD"]);
    assert!(shown.contains("same: the plans are equal"), "{shown}");
    project.git(&["reset", "-q", "--hard"]);
    std::fs::remove_file(project.repo().join("plan.lock")).expect("removed");
    assert!(project.git(&["diff"]).contains("plan.lock is removed"));
    project.write("plan.lock", "cut off");
    let shown = project.git(&["diff"]);
    assert!(shown.contains("b/plan.lock: this is not a plan.lock"), "{shown}");
    assert!(shown.contains("git diff --no-ext-diff"), "{shown}");
}

#[test]
fn git_shows_a_plan_that_is_not_merged() {
    let project = Project::of_spec(SPEC);
    driven(&project);
    project.commit("a plan");
    for (branch, wall) in [("one", "2 h"), ("other", "3 h")] {
        project.git(&["checkout", "-q", "-b", branch, "main"]);
        project.write("spec.eufm", SPEC.replace("1 h", wall));
        project.compile().expect(0);
        project.commit(branch);
    }
    let merge = ["-c", "user.name=T", "-c", "user.email=t@localhost", "merge", "-q", "one"];
    let merged = Command::new("git").args(merge).current_dir(project.repo()).output();
    assert!(!merged.expect("git runs").status.success(), "the branches conflict");
    let shown = project.git(&["diff", "--cached"]);
    assert!(shown.contains("plan.lock is not merged"), "{shown}");
    let shown = project.git(&["diff", "--ours"]);
    assert!(shown.contains("is a conflict marker of git"), "{shown}");
}

#[test]
fn a_realistic_change_fits_on_a_page() {
    let project = Project::without_repository();
    let copied = Command::new("cp")
        .arg("-r")
        .arg(sources().join("specs/geodatacenter/."))
        .arg(project.repo())
        .status();
    assert!(copied.expect("cp runs").success());
    let compile = |output: &str| {
        let args = ["compile", "geodatacenter.eufm", "--root", ".", "-o", output];
        project.eufm().args(args).run().expect(0);
    };
    compile("approved.lock");
    let mut spec = project.read("geodatacenter.eufm");
    for (from, to) in [
        ("cost     <= 20 EUR", "cost     <= 30 EUR"),
        ("[\"felix\", \"oradea\"]", "[\"felix\", \"oradea\", \"cluj\"]"),
        ("pass_rate >= 85%", "pass_rate >= 58%"),
        ("\"tests/schema/**\"", "\"tests/**\""),
        ("level = should, lines = 800", "level = may, lines = 800"),
        ("needs    = [release]", "needs    = [smoke]"),
        ("  secrets  = [DEPLOY_KEY]\n", ""),
        ("Define the telemetry schema", "Define and document the telemetry schema"),
        ("Write the collector for ${site}.", "Write the collector for ${site}, with tests."),
        ("network  = [\"deploy.example\"]", "network  = [\"deploy.example\", \"cdn.example\"]"),
    ] {
        assert!(spec.contains(from), "{from}");
        spec = spec.replace(from, to);
    }
    project.write("geodatacenter.eufm", spec);
    compile("plan.lock");
    let page = |form: &[&str]| {
        let page = project.eufm().args(["diff", "approved.lock"]).args(form).run().expect(3);
        page.stdout
    };
    insta::assert_snapshot!("diff_text", page(&[]));
    insta::assert_snapshot!("diff_markdown", page(&["--markdown"]));
}
