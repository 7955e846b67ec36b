//! Environments: prepared once, handed out so that nobody changes another's,
//! and prepared again for a result that changes what they depend on.

use std::path::{Path, PathBuf};

use crate::cache::{cached, change, run, tree};
use crate::support::Project;

/// Makes the kept folders and counts in `prepared` how often, by what it finds.
const PREPARE: &str = r#"#!/bin/sh
set -eu
echo "preparing with $(cat lock)"
mkdir -p cache/deep
cat lock > cache/lock
echo warm > cache/deep/file
echo tool > ~/.tool/state
echo dropped > outside
"#;

const ENVIRONMENT: &str = r#"
environment warm {
  prepare = ["sh", "prepare.sh"]
  key     = ["lock"]
  keep    = ["cache", "~/.tool"]
}
"#;

fn project(body: &str) -> Project {
    let project =
        Project::new(&[("prepare.sh", PREPARE), ("lock", "one\n"), (".gitignore", "*.log\n")]);
    let spec = format!("edition 1\npipeline small {{ base = \"main\" }}\n{ENVIRONMENT}{body}");
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project
}

/// The folders of prepared environments.
fn prepared(project: &Project) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(project.state().join("environments")).expect("a folder");
    let paths = entries.map(|entry| entry.expect("readable").path());
    let mut all: Vec<PathBuf> = paths.filter(|path| path.join("prepared").exists()).collect();
    all.sort();
    all
}

#[track_caller]
fn reads(path: &Path, text: &str) {
    assert_eq!(std::fs::read_to_string(path).expect("there").trim_end(), text);
}

#[test]
fn it_is_prepared_once_and_every_node_and_gate_sees_it_as_it_was() {
    let project = project(
        r#"
gate same is command {
  run = ["sh", "-c", "grep -q one cache/lock && grep -q warm cache/deep/file && grep -q tool ~/.tool/state && echo gate > cache/lock && test ! -e cache/mine"]
}
command first {
  run    = ["sh", "-c", "cat cache/lock cache/deep/file ~/.tool/state > first.txt; echo mine > cache/mine; rm -r cache/deep; echo other > ~/.tool/state; test ! -e outside"]
  writes = ["first.txt"]
  env    = [warm]
  gates  = [same]
}
command second {
  needs  = [first]
  run    = ["sh", "-c", "cat cache/lock cache/deep/file ~/.tool/state > second.txt; ls cache >> second.txt"]
  writes = ["*.txt"]
  env    = [warm]
  gates  = [same]
}
"#,
    );
    project.exec().run().expect(0).says(&["preparing warm: sh prepare.sh"]);
    assert_eq!(project.merged("first.txt"), "one\nwarm\ntool");
    assert_eq!(project.merged("second.txt"), "one\nwarm\ntool\ndeep\nlock");
    for node in ["first", "second"] {
        let harvested = &project.facts(node, "harvested")[0];
        assert!(harvested["changes"] == 1 && harvested["ignored"].is_null(), "{harvested}");
    }
    let all = prepared(&project);
    assert_eq!(all.len(), 1);
    reads(&all[0].join("0/lock"), "one");
    assert!(!all[0].join("0/mine").exists());
    reads(&all[0].join("1/state"), "tool");
    project.nothing_is_left();
    // Another run of the same state finds it.
    project.commit("another base");
    project.exec().run().expect(0).keeps_quiet_about("preparing");
    assert_eq!(prepared(&project).len(), 1);
    project.nothing_is_left();
}

#[test]
fn what_a_harvest_would_take_from_a_kept_folder_stays_where_it_is() {
    let project = project(
        r#"command one {
  run    = ["sh", "-c", "echo x > cache/file; echo x > made.txt"]
  writes = ["**"]
  env    = [warm]
}
"#,
    );
    project.exec().run().expect(0);
    let files = project.git(&["ls-tree", "-r", "--name-only", &project.branch()]);
    assert!(files.contains("made.txt") && !files.contains("cache"), "{files}");
}

#[test]
fn preparing_that_fails_ends_before_anything_starts_with_what_was_said() {
    let project = project("command one { run = [\"true\"], env = [warm] }\n");
    project.write("prepare.sh", "echo the mirror is down >&2; exit 3\n");
    project.commit("broken");
    let ended = project.exec().run().expect(8);
    ended.says(&[
        "environment warm: `sh prepare.sh` ended with exit status 3",
        "| the mirror is down",
        "output.log",
        "nothing was started",
    ]);
    assert!(project.journal().is_empty() && prepared(&project).is_empty());
    assert_eq!(project.git(&["for-each-ref", "refs/heads/eufm", "refs/eufm"]), "");
    project.nothing_is_left();
    project.write("prepare.sh", PREPARE);
    project.commit("mended");
    project.exec().run().expect(0);
}

#[test]
fn a_result_that_changes_the_key_is_judged_in_an_environment_of_its_own() {
    let project = project(
        r#"
gate fits is command { run = ["sh", "-c", "cmp lock cache/lock"] }
command bump {
  run    = ["sh", "-c", "grep -q one cache/lock; echo two > lock"]
  writes = ["lock"]
  env    = [warm]
  gates  = [fits]
}
command after {
  needs  = [bump]
  run    = ["sh", "-c", "cat cache/lock > seen.txt"]
  writes = ["seen.txt"]
  env    = [warm]
  gates  = [fits]
}
command aside {
  run    = ["sh", "-c", "cat cache/lock > aside.txt"]
  writes = ["aside.txt"]
  env    = [warm]
}
"#,
    );
    project.exec().run().expect(0);
    assert_eq!(project.merged("seen.txt"), "two");
    assert_eq!(project.merged("aside.txt"), "one");
    // What a result needed goes with its run.
    assert_eq!(prepared(&project).len(), 1);
    let own = std::fs::read_dir(project.run_dir().join("environments")).expect("logs are left");
    for entry in own {
        let name = entry.expect("readable").file_name();
        assert!(name.to_string_lossy().ends_with(".logs"), "{name:?}");
    }
    project.nothing_is_left();
}

#[test]
fn a_result_for_which_nothing_can_be_prepared_fails_its_gate() {
    let project = project(
        r#"
gate fits is command { run = ["true"] }
command bump {
  run    = ["sh", "-c", "echo two > lock; echo exit 7 > prepare.sh"]
  writes = ["lock", "prepare.sh"]
  env    = [warm]
  gates  = [fits]
}
"#,
    );
    project
        .exec()
        .run()
        .expect(1)
        .shows(&["environment warm: `sh prepare.sh` ended with exit status 7"]);
    let judged = &project.facts("bump", "judged")[0];
    assert_eq!(judged["verdict"], "fail");
    assert_eq!(prepared(&project).len(), 1);
    project.nothing_is_left();
}

#[test]
fn a_kept_folder_that_the_repository_has_is_refused_by_name() {
    let project = project("command one { run = [\"true\"], env = [warm] }\n");
    project.write("cache/file", "tracked");
    project.commit("in the way");
    project.exec().run().expect(8).says(&["it keeps the folder cache, but cache/file is part of"]);
    project.nothing_is_left();
}

#[test]
fn a_result_cannot_put_something_in_the_place_of_a_kept_folder() {
    let spec = r#"edition 1
pipeline small { base = "main" }
environment deep { keep = ["a/cache"] }
command one {
  run    = ["sh", "-c", "mv a b; ln -s b a"]
  writes = ["**"]
  env    = [deep]
}
"#;
    let project = Project::of_spec(spec);
    project.exec().run().expect(1).shows(&["a: an environment keeps this folder"]);
    project.nothing_is_left();
}

#[test]
fn a_report_in_a_kept_folder_is_the_gates_own_and_not_the_prepared_one() {
    let report = r#"<testsuite><testcase name=\"a\"/></testsuite>"#;
    let gate = |run: &str| {
        format!(
            r#"edition 1
pipeline small {{ base = "main" }}
environment warm {{
  prepare = ["sh", "-c", "mkdir -p out; echo '{report}' > out/report.xml"]
  keep    = ["out"]
}}
gate unit is tests {{
  run    = ["sh", "-c", "{run}"]
  report = junit("out/report.xml")
  require {{ tests >= 1 }}
}}
command one {{ run = ["true"], env = [warm], gates = [unit] }}
"#
        )
    };
    let silent = Project::of_spec(&gate("true"));
    silent.exec().run().expect(1).shows(&["gate unit fail: out/report.xml was not written"]);
    let written = Project::of_spec(&gate("cat out/report.xml > new; cat new > out/report.xml"));
    written.exec().run().expect(0).shows(&["gate unit pass: 1 of 1 test passed"]);
}

#[test]
fn a_script_that_prepares_is_part_of_the_key() {
    let project = project(
        "command one { run = [\"cp\", \"cache/lock\", \"seen.txt\"], writes = [\"seen.txt\"], env = [warm] }\n",
    );
    project.exec().run().expect(0);
    project.write("prepare.sh", "echo other > cache/lock\n");
    project.commit("another way to prepare");
    project.exec().run().expect(0).says(&["preparing warm"]);
    assert_eq!(prepared(&project).len(), 2);
}

#[test]
fn what_a_result_prepared_is_no_other_runs_environment() {
    // The key lacks a file on which the prepared state depends.
    let spec = r#"edition 1
pipeline small { base = "main" }
environment warm {
  prepare = ["sh", "-c", ". ./lib.sh"]
  key     = ["lock"]
  keep    = ["cache"]
}
gate kept is command { run = ["test", "-e", "cache/made"] }
command one {
  run    = ["sh", "-c", "cp cache/made seen.txt; echo two > lock; echo 'echo evil > cache/made' > lib.sh"]
  writes = ["*"]
  env    = [warm]
  gates  = [kept]
}
"#;
    let project = Project::new(&[("lib.sh", "echo good > cache/made\n"), ("lock", "one\n")]);
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project.exec().run().expect(0);
    assert_eq!(project.merged("seen.txt"), "good");
    // Somebody comes to the same lock in another way.
    project.write("lock", "two\n");
    project.commit("two");
    project.exec().run().expect(0).says(&["preparing warm"]);
    let branches = project.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/eufm"]);
    assert_eq!(branches.lines().count(), 2);
    for branch in branches.lines() {
        assert_eq!(project.git(&["show", &format!("{branch}:seen.txt")]), "good", "{branch}");
    }
}

#[test]
fn a_node_that_sees_a_part_has_the_environments_of_the_whole() {
    let project = project(
        r#"
gate there is command { run = ["sh", "-c", "! ls lock prepare.sh && grep -q warm cache/deep/file"] }
command part {
  run    = ["sh", "-c", "! ls lock prepare.sh && cat cache/lock ~/.tool/state in/x > seen.txt"]
  reads  = ["in/**"]
  writes = ["seen.txt"]
  env    = [warm]
  gates  = [there]
}
"#,
    );
    change(&project, "in/x", "seen\n");
    let first = run(&project, &[]);
    assert_eq!(project.merged("seen.txt"), "one\ntool\nseen");
    assert_eq!(prepared(&project).len(), 1);
    // What decides the environment decides the result.
    change(&project, "README.md", "# unseen\n");
    assert_eq!(cached(&run(&project, &[])), ["part"]);
    change(&project, "lock", "two\n");
    let second = run(&project, &[]);
    assert_eq!(cached(&second), [""; 0]);
    assert_ne!(tree(&project, &first), tree(&project, &second));
    change(&project, "prepare.sh", &format!("{PREPARE}echo other > ~/.tool/state\n"));
    assert_eq!(cached(&run(&project, &[])), [""; 0]);
    assert_eq!(prepared(&project).len(), 3);
    project.nothing_is_left();
}

#[test]
fn what_a_node_that_sees_a_part_changes_of_the_key_is_prepared_anew() {
    let project = project(
        r#"
gate fits is command { run = ["sh", "-c", "cmp lock cache/lock && test ! -e prepare.sh"] }
command bump {
  run    = ["sh", "-c", "grep -q one cache/lock; echo two > lock"]
  reads  = []
  writes = ["lock"]
  env    = [warm]
  gates  = [fits]
}
command after {
  needs  = [bump]
  run    = ["sh", "-c", "cat cache/lock > after.txt"]
  reads  = ["lock"]
  writes = ["after.txt"]
  env    = [warm]
  gates  = [fits]
}
command aside {
  needs  = [bump]
  run    = ["sh", "-c", "cat cache/lock > aside.txt"]
  reads  = ["aside.*"]
  writes = ["aside.txt"]
  env    = [warm]
}
"#,
    );
    project.exec().run().expect(0);
    assert_eq!(project.merged("after.txt"), "two");
    assert_eq!(project.merged("aside.txt"), "one", "it does not see the change");
    assert_eq!(prepared(&project).len(), 1);
    project.nothing_is_left();
}
