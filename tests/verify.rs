//! `eufm verify`: what it says of whole, unfinished and damaged runs, and that
//! it changes nothing and is in nobody's way.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::corpus::below;
use crate::support::{Ended, Invocation, Project};

/// Two nodes; the second waits until somebody writes to `pipe`.
const WAITING: &str = r#"edition 1
pipeline waiting { base = "main" }
command first { run = ["sh", "-c", "echo first > first.txt"], writes = ["first.txt"] }
command waits { needs = [first], run = ["sh", "-c", "mkfifo pipe; read line < pipe; rm pipe"] }
"#;

/// One node that is done at once.
const SHORT: &str = r#"edition 1
pipeline short { base = "main" }
command one { run = ["sh", "-c", "echo one > one.txt"], writes = ["one.txt"] }
"#;

fn verify(project: &Project) -> Invocation {
    project.eufm().arg("verify").arg("--state").arg(project.state())
}

#[track_caller]
fn document(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).expect("one JSON document")
}

/// Makes a project whose run is done.
fn done() -> Project {
    let project = Project::of_spec(SHORT);
    project.exec().run().expect(0);
    project
}

#[test]
fn a_run_that_is_done_is_whole_and_nothing_is_changed() {
    let project = done();
    let before = below(&project.state()).0;
    let run = project.run_dir();
    let name = run.file_name().and_then(|name| name.to_str()).expect("a plain name");
    let records = project.journal().len();
    for named in [None, Some(name)] {
        verify(&project).args(named).run().expect(0).shows(&[
            &format!("run {name} is done"),
            &run.join("journal").display().to_string(),
            &format!("{records} whole records, format 3"),
            "1 in the plan: 1 committed",
        ]);
    }
    let document = document(&verify(&project).arg("--json").run().expect(0));
    assert_eq!(document["damaged"], 0);
    assert_eq!(document["runs"][0]["records"], records);
    assert_eq!(document["runs"][0]["stands"]["outcome"], "done");
    assert!(below(&project.state()).0 == before, "looking has changed something");
}

#[test]
fn the_state_is_found_as_exec_finds_it() {
    let project = Project::of_spec(SHORT);
    let home = project.root().join("elsewhere");
    let there = |invocation: Invocation| invocation.env("XDG_STATE_HOME", &home);
    there(project.eufm().arg("verify")).run().expect(0).shows(&["there are no runs in"]);
    there(project.eufm().args(["exec", "plan.lock"])).run().expect(0);
    there(project.eufm().arg("verify")).run().expect(0).shows(&["run short-", "is done"]);
    let outside = Invocation::new(project.root(), project.root());
    there(outside.arg("verify")).run().expect(2).says(&["this folder lies in no git repository"]);
    let outside = Invocation::new(project.root(), project.root());
    there(outside.args(["verify", "--repo", "repo"])).run().expect(0).shows(&["is done"]);
}

#[test]
fn what_is_not_there_is_a_mistake_of_usage() {
    let project = done();
    verify(&project).arg("other").run().expect(2).says(&["no run `other`", "the runs are: short-"]);
    let up = verify(&project).arg("../runs").run().expect(2);
    up.says(&["no run `../runs`"]);
    let nowhere = project.eufm().args(["verify", "--state", "nowhere"]).run().expect(2);
    nowhere.says(&["nowhere is no folder"]);
}

#[test]
fn damage_is_shown_with_place_cause_and_a_way_out_that_works() {
    let project = done();
    let journal = project.run_dir().join("journal");
    let good = std::fs::read(&journal).expect("the journal");
    let third: usize = good.split_inclusive(|&byte| byte == b'\n').take(2).map(<[u8]>::len).sum();
    let mut bad = good.clone();
    bad[third + 120] ^= 1;
    std::fs::write(&journal, &bad).expect("written");
    let ended = verify(&project).run().expect(9);
    let ended = ended.shows(&[
        "is damaged; it is refused, and left as it is",
        "2 whole records before the damage",
        &format!("at byte {third}: the checksum does not fit"),
        "put back a copy of the file; or give the run up: move",
    ]);
    assert_eq!(ended.stderr, "");
    let document = document(&verify(&project).arg("--json").run().expect(9));
    assert_eq!(document["damaged"], 1);
    assert_eq!(document["runs"][0]["damage"]["offset"], third);
    assert_eq!(document["runs"][0].get("stands"), None);
    project.exec().run().expect(9).says(&[&format!("at byte {third}"), "put back a copy"]);
    assert!(std::fs::read(&journal).expect("the journal") == bad, "it was touched");

    std::fs::write(&journal, &good).expect("written");
    verify(&project).run().expect(0).shows(&["is done"]);
    std::fs::write(&journal, &bad).expect("written");
    std::fs::rename(project.run_dir(), project.root().join("away")).expect("moved");
    let branch = project.branch();
    project.git(&["branch", "-m", &branch, "kept"]);
    project.exec().run().expect(0);
    verify(&project).run().expect(0).shows(&["is done"]);
    assert_eq!(project.merged("one.txt"), "one");
}

#[test]
fn a_torn_tail_is_no_damage() {
    let project = done();
    let journal = project.run_dir().join("journal");
    let good = std::fs::read(&journal).expect("the journal");
    std::fs::write(&journal, &good[..good.len() - 7]).expect("written");
    let ended = verify(&project).run().expect(0);
    ended.shows(&["can go on", "of a last record: nothing has followed from it"]);
    project.exec().run().expect(0).says(&["torn record", "cut off"]);
    verify(&project).run().expect(0).shows(&["is done"]);
}

#[test]
fn a_journal_is_bound_to_the_plan_beside_it() {
    let project = done();
    let plan = project.run_dir().join("plan.lock");
    let other = Project::of_spec(&SHORT.replace("echo one", "echo two"));
    std::fs::write(&plan, other.read("plan.lock")).expect("written");
    let ended = verify(&project).run().expect(9);
    ended.shows(&["journal at byte 0: it belongs to the plan sha256:", "and this one is sha256:"]);
    std::fs::write(&plan, project.read("plan.lock").replace("echo one", "echo two")).expect("put");
    let ended = verify(&project).run().expect(9);
    ended.shows(&["plan.lock: ", "put back the plan.lock that the run was started with"]);
    std::fs::remove_file(&plan).expect("removed");
    verify(&project).run().expect(9).shows(&["plan.lock: No such file"]);
    std::fs::write(&plan, project.read("plan.lock")).expect("written");
    verify(&project).run().expect(0);
}

#[test]
fn the_journal_of_another_run_is_refused_under_this_name() {
    let project = done();
    let renamed = project.state().join("runs/short-00000000");
    let name = project.run_dir().file_name().expect("a name").to_owned();
    std::fs::rename(project.run_dir(), &renamed).expect("renamed");
    let text = format!("at byte 0: it is the journal of the run {}", name.display());
    verify(&project).run().expect(9).shows(&[&text]);
}

#[test]
fn a_state_that_others_may_write_is_not_trusted() {
    let project = done();
    let run = project.run_dir();
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o777)).expect("set");
    let ended = verify(&project).run().expect(9);
    ended.shows(&["other users may write to it", "take away others' rights"]);
}

#[test]
fn a_run_at_work_is_not_disturbed() {
    let project = Project::of_spec(WAITING);
    let run = project.exec().start();
    project.wait_for_file("pipe");
    for _ in 0..5 {
        let ended = verify(&project).run().expect(0);
        ended.shows(&["can go on", "1 committed, 1 running", &format!("process {}", run.pid())]);
    }
    project.send("pipe", "go");
    run.wait().expect(0);
    let ended = verify(&project).run().expect(0).shows(&["is done", "2 committed"]);
    assert!(!ended.stdout.contains("at work"), "{}", ended.stdout);
}
