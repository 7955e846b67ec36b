//! A plan runs only if it is what was reviewed: an altered or stale one ends 4
//! before anything is started.

use eufm_plan::Digest;

use crate::support::Project;

const SPEC: &str = r#"edition 1
pipeline reviewed { base = "main" }
gate checked is command { run = ["true"] }
command one {
  run    = ["sh", "-c", "mkfifo pipe; read line < pipe; rm pipe; echo \"$line\" > one.txt"]
  writes = ["one.txt"]
  gates  = [checked]
}
"#;

/// Changes a plan and puts the digest that fits under it, as an attacker would.
fn forge(project: &Project, from: &str, to: &str) {
    let text = project.read("plan.lock");
    assert!(text.contains(from), "{text}");
    let text = text.replacen(from, to, 1);
    let (body, _) = text.split_once("[digest]\n").expect("the digest stands last");
    let digest = Digest::of(body.as_bytes());
    project.write("plan.lock", format!("{body}[digest]\nplan = \"{digest}\"\n"));
}

/// Asserts that nothing was begun: no run is known and no branch was made.
fn nothing_was_begun(project: &Project) {
    assert!(project.journal().is_empty(), "a journal was begun");
    assert_eq!(project.git(&["for-each-ref", "refs/heads/eufm", "refs/eufm"]), "");
}

#[test]
fn a_plan_of_which_one_byte_differs_is_refused() {
    let project = Project::of_spec(SPEC);
    let text = project.read("plan.lock");
    for (from, to) in [("read line", "read lime"), ("\"true\"", "\"trud\""), ("sha256:", "sha256;")]
    {
        assert!(text.contains(from));
        project.write("plan.lock", text.replacen(from, to, 1));
        project.exec().run().expect(4).says(&["plan.lock", "compile the spec again"]);
        assert!(!project.state().exists(), "{from} -> {to}: state was written");
    }
}

#[test]
fn a_plan_with_a_forged_digest_is_refused_beside_its_spec() {
    let project = Project::of_spec(SPEC);
    forge(&project, "read line", "read lime");
    project.exec().run().expect(4).says(&["is not what spec.eufm gives now"]);
    nothing_was_begun(&project);
}

#[test]
fn a_plan_whose_derived_lines_are_forged_is_refused_without_its_spec() {
    let project = Project::of_spec(SPEC);
    std::fs::remove_file(project.repo().join("spec.eufm")).expect("removed");
    forge(&project, "nodes = \"1 command\"", "nodes = \"0 commands\"");
    project.exec().run().expect(4).says(&["plan.lock"]);
    nothing_was_begun(&project);
}

#[test]
fn a_plan_without_its_spec_needs_its_digest() {
    let project = Project::of_spec(SPEC);
    let other = format!("--trust-lock={}", Digest::of(b"other"));
    // Beside its spec it needs none, and must be the one that is named all the same.
    project.exec().arg(&other).run().expect(4).says(&["not the plan that --trust-lock names"]);
    std::fs::remove_file(project.repo().join("spec.eufm")).expect("removed");
    let words = ["spec.eufm, which it was made from, does not lie beside it", "--trust-lock="];
    project.exec().run().expect(4).says(&words);
    let doctor = project.eufm().args(["doctor", "--plan", "plan.lock", "--state"]);
    doctor.arg(project.state()).run().expect(0).says(&words);
    project.exec().arg(&other).run().expect(4).says(&["its digest is sha256:"]);
    project.exec().arg("--trust-lock=sha256:12ab").run().expect(2).says(&["at least 12"]);
    nothing_was_begun(&project);
    let text = project.read("plan.lock");
    let (_, digest) = text.rsplit_once("plan = \"").expect("it ends with its digest");
    let trust = format!("--trust-lock={}", &digest[..7 + 12]);
    let run = project.exec().arg(&trust).start();
    project.wait_for_file("pipe");
    run.kill();
    project.nothing_runs();
    assert_eq!(project.journal()[0]["event"]["run"]["opened"]["trusted"], true);
    // A run that was begun goes on without a further word.
    let run = project.exec().start();
    project.send("pipe", "resumed");
    run.wait().expect(0).shows(&["trusted  by the digest of the plan"]);
    let report = std::fs::read_to_string(project.run_dir().join("run.json")).expect("it is there");
    assert!(report.contains("\"trusted\": true"), "{report}");
    project.exec().arg("--new").run().expect(4).says(&["does not lie beside it"]);
}

#[test]
fn a_large_spec_that_was_changed_after_the_review_is_refused_too() {
    let spec = |says: &str| {
        let commands = (0..600).map(|n| format!("command c{n} {{ run = [\"{says}\"] }}\n"));
        let commands: String = commands.collect();
        format!("edition 1\npipeline large {{ base = \"main\" }}\n{commands}")
    };
    let project = Project::of_spec(&spec("true"));
    for (changed, says) in [
        (spec("false"), "the spec was changed"),
        (spec("true").replace("edition 1", "edition one"), "does not compile any more"),
    ] {
        project.write("spec.eufm", changed);
        project.exec().run().expect(4).says(&["is not what spec.eufm gives now", says]);
        nothing_was_begun(&project);
    }
}

#[test]
fn a_spec_that_was_changed_after_the_review_is_refused() {
    let project = Project::of_spec(SPEC);
    for (spec, says) in [
        (SPEC.replace("read line", "read lime"), "the spec was changed"),
        (format!("{SPEC}# a comment\n"), "the spec was changed"),
        (SPEC.replace("edition 1", "edition one"), "does not compile any more"),
    ] {
        project.write("spec.eufm", spec);
        project.exec().run().expect(4).says(&["is not what spec.eufm gives now", says]);
        nothing_was_begun(&project);
    }
    project.write("spec.eufm", SPEC.replace('\n', "\r\n"));
    let run = project.exec().start();
    project.send("pipe", "same");
    run.wait().expect(0);
}

#[test]
fn a_parameter_of_any_form_is_given_again_as_it_was() {
    let spec = "edition 1\nparam env: string\npipeline p { base = \"main\" }\n\
                command a { run = [\"true\", \"${env}\"], in_place = true }\n";
    for value in ["-a", "--root", "a = b=c", "é \"$x\" 'y'"] {
        let project = Project::new(&[("README.md", "# A project\n")]);
        project.write("-spec.eufm", spec);
        let set = format!("env={value}");
        project.eufm().args(["compile", "--set", &set, "--", "-spec.eufm"]).run().expect(0);
        assert!(project.read("plan.lock").contains("[params]\nenv = "));
        project.exec().run().expect(0);
    }
}

#[test]
fn a_run_that_was_begun_needs_no_spec_to_go_on() {
    let project = Project::of_spec(SPEC);
    let run = project.exec().start();
    project.wait_for_file("pipe");
    run.kill();
    project.nothing_runs();
    project.write("spec.eufm", "this is no spec any more {");
    let run = project.exec().start();
    project.send("pipe", "resumed");
    run.wait().expect(0);
    assert_eq!(project.merged("one.txt"), "resumed");
    project.nothing_is_left();
}

/// A project whose gate runs `checks/look.sh` in its folder.
fn checked() -> Project {
    let spec = SPEC.replace("[\"true\"]", "[\"sh\", \"./look.sh\"], cwd = \"checks\"");
    let project = Project::new(&[("checks/look.sh", "grep -q same ../one.txt\n")]);
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project
}

#[test]
fn a_gate_script_that_was_not_reviewed_is_refused() {
    let project = checked();
    let bound = Digest::of(b"grep -q same ../one.txt\n").to_string();
    assert!(project.read("plan.lock").contains(&format!("\"checks/look.sh\" = \"{bound}\"")));
    project.eufm().args(["show", "plan.lock", "one"]).run().expect(0).shows(&[&bound]);
    // The spec and its folder say what the plan says; the base commit does not.
    project.write("checks/look.sh", "true\n");
    project.commit("weaker");
    project.write("checks/look.sh", "grep -q same ../one.txt\r\n");
    let other = Digest::of(b"true\n").to_string();
    project.exec().run().expect(4).says(&[
        "checks/look.sh, which gate checked runs, has the digest",
        &other,
        &bound,
        "help: commit them, or take the changes back",
    ]);
    let doctor = project.eufm().args(["doctor", "--plan", "plan.lock", "--state"]);
    doctor.arg(project.state()).run().expect(4).says(&["checks/look.sh", &other]);
    nothing_was_begun(&project);
    std::fs::remove_file(project.repo().join("checks/look.sh")).expect("removed");
    project.commit("gone");
    project.write("checks/look.sh", "grep -q same ../one.txt\n");
    project.exec().run().expect(4).says(&["checks/look.sh", "is not there"]);
    nothing_was_begun(&project);
    // Line ends count for nothing; a run that was begun goes on whatever comes then.
    project.write("checks/look.sh", "grep -q same ../one.txt\n");
    project.commit("as reviewed");
    let run = project.exec().start();
    project.wait_for_file("pipe");
    run.kill();
    project.nothing_runs();
    project.write("checks/look.sh", "true\n");
    project.commit("weaker");
    let run = project.exec().start();
    project.send("pipe", "same");
    run.wait().expect(0);
}

#[test]
fn a_script_that_no_plan_knows_or_that_is_a_link_is_refused() {
    let project = checked();
    let text = project.read("plan.lock");
    let (before, after) = text.split_once("\n[scripts]\n").expect("it has scripts");
    let after = after.split_once('\n').expect("one line").1;
    let body = format!("{before}{after}");
    let (body, _) = body.split_once("[digest]\n").expect("the digest stands last");
    let digest = Digest::of(body.as_bytes());
    project.write("plan.lock", format!("{body}[digest]\nplan = \"{digest}\"\n"));
    std::fs::remove_file(project.repo().join("spec.eufm")).expect("removed");
    let exec = project.exec().arg(format!("--trust-lock={digest}"));
    exec.run().expect(4).says(&["checks/look.sh", "is not in the plan"]);
    nothing_was_begun(&project);

    let project = checked();
    std::fs::rename(project.repo().join("checks/look.sh"), project.repo().join("look.sh"))
        .expect("moved");
    std::os::unix::fs::symlink("../look.sh", project.repo().join("checks/look.sh"))
        .expect("a link can be made");
    let words = ["E0003", "gate checked runs `checks/look.sh`, but that is a link"];
    project.compile().expect(3).says(&words);
}

#[test]
fn a_plan_with_conflict_markers_or_cut_off_is_refused() {
    let project = Project::of_spec(SPEC);
    let text = project.read("plan.lock");
    let half = text.get(..text.len() / 2).expect("plain text").to_owned();
    let crlf = text.replace('\n', "\r\n");
    let marked = text.replacen("[budget]", "<<<<<<< HEAD\n[budget]", 1);
    for altered in [half, crlf, marked, format!("\u{feff}{text}"), String::new()] {
        project.write("plan.lock", &altered);
        project.exec().run().expect(4).says(&["plan.lock"]);
        assert!(!project.state().exists());
    }
}

#[test]
fn a_plan_that_asks_for_more_than_this_version_does_is_refused_with_every_place() {
    let spec = r#"edition 1
pipeline more {
  base   = "main"
  budget { tokens <= 4M }
}
environment one { keep = ["target"] }
environment two { keep = ["target/debug"] }
command first { run = ["true"] }
command second { inputs = [first.stdout], run = ["true"], in_place = true }
command third { run = ["true"], env = [one, two] }
"#;
    let project = Project::of_spec(spec);
    let places = [
        "this version of eufm cannot do what the plan asks for:",
        "second: `inputs` with `in_place`",
        "third: `env`: one keeps target and two keeps target/debug",
        "help: remove these from the spec and compile it again, or wait for",
    ];
    project.exec().run().expect(8).says(&places);
    assert!(!project.state().exists(), "state was written");
    assert_eq!(project.git(&["for-each-ref", "refs/heads/eufm", "refs/eufm"]), "");
    // What is refused is said when the plan is made, too.
    project.compile().expect(0).shows(&["exec refuses", "second: `inputs`"]);
}
