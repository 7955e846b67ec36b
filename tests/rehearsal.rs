//! `eufm doctor --plan`: what comes of a plan's environments and gates on the
//! base commit, before anything is run.

use serde_json::Value;

use crate::support::{Ended, Project};

const SPEC: &str = r#"edition 1
pipeline small { base = "main" }
environment warm {
  prepare = ["sh", "prepare.sh"]
  keep    = ["cache"]
}
gate passes is command { run = ["grep", "-q", "warm", "cache/file"] }
gate fails is command { run = ["test", "-e", "wanted"] }
gate report is tests {
  run    = ["sh", "-c", "echo '<testsuite><testcase name=\"a\"/></testsuite>' > report.xml"]
  report = junit("report.xml")
  require { tests >= 1 }
}
command one { run = ["true"], env = [warm], gates = [passes, fails, report] }
command two { run = ["true"], env = [warm], gates = [passes] }
"#;

fn project(prepare: &str, spec: &str) -> Project {
    let project = Project::new(&[("prepare.sh", prepare)]);
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project
}

fn doctor(project: &Project, json: bool) -> Ended {
    let doctor = project.eufm().args(["doctor", "--plan", "plan.lock", "--state"]);
    let doctor = doctor.arg(project.state()).env("TMPDIR", project.root());
    if json { doctor.arg("--json") } else { doctor }.run()
}

fn rehearsal(ended: &Ended) -> Value {
    let document: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    document["rehearsal"].clone()
}

#[test]
fn every_gate_is_tried_once_in_its_environments_and_a_failing_one_is_no_fault() {
    let project = project("echo warm > cache/file\n", SPEC);
    let ended = doctor(&project, true).expect(0).says(&["preparing warm: sh prepare.sh"]);
    let found = rehearsal(&ended);
    assert_eq!(found["base"].as_str(), Some(project.git(&["rev-parse", "main"]).as_str()));
    assert_eq!(found["environments"], serde_json::json!([{"environment": "warm"}]));
    let gates: Vec<_> = found["gates"].as_array().expect("a list").iter().collect();
    let told: Vec<_> =
        gates.iter().map(|gate| (&gate["gate"], &gate["verdict"], &gate["ran"])).collect();
    let (yes, words) = (Value::Bool(true), ["passes", "pass", "fails", "fail", "report"]);
    let [passes, pass, fails, fail, report] = words.map(Value::from);
    assert_eq!(told, [(&passes, &pass, &yes), (&fails, &fail, &yes), (&report, &pass, &yes)]);
    // Nothing of a run has begun, and the run finds what is prepared.
    assert!(project.run_dirs().is_empty());
    let groups = project.state().join("rehearsal/groups");
    assert!(!groups.exists(), "control groups are left: {}", groups.display());
    assert_eq!(project.git(&["for-each-ref", "refs/heads/eufm", "refs/eufm"]), "");
    project.nothing_is_left();
    doctor(&project, false).expect(0).shows(&["fails on the base", "environment warm  prepared"]);
    project.exec().run().expect(1).keeps_quiet_about("preparing");
}

#[test]
fn what_cannot_be_prepared_is_told_with_its_output_and_ends_with_8() {
    let project = project("echo the mirror is down; exit 3\n", SPEC);
    let ended = doctor(&project, false).expect(8);
    ended.shows(&[
        "environment warm  cannot be prepared: `sh prepare.sh` ended with exit status 3",
        "| the mirror is down",
        "gate passes with warm  could not run: environment warm:",
    ]);
    project.nothing_is_left();
}

#[test]
fn a_gate_whose_program_is_not_there_ends_with_8() {
    let spec = SPEC.replace("\"test\", \"-e\", \"wanted\"", "\"no-such-program\"");
    let project = project("echo warm > cache/file\n", &spec);
    let found = rehearsal(&doctor(&project, true).expect(8));
    assert_eq!(
        (&found["gates"][1]["ran"], &found["gates"][0]["ran"]),
        (&false.into(), &true.into())
    );
    project.nothing_is_left();
}

#[test]
fn a_plan_with_agents_is_rehearsed_without_them() {
    let agent = "agent builder is codex { cli = \"0.169.0\", model = \"gpt-5.5\" }\n\
        task three by builder { prompt = \"x\", writes = [\"x\"], env = [warm], gates = [passes] }\n";
    let project = project("echo warm > cache/file\n", &format!("{SPEC}{agent}"));
    doctor(&project, false).expect(0).shows(&["gate passes with warm  pass"]);
}
