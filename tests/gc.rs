//! What a clean-up removes, and that nothing which is still needed goes with it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cache::{FILES, cached, change, project, ran, run, tree};
use crate::support::{Invocation, Project, until};

const SPEC: &str = r#"edition 1
pipeline p { base = "main", budget { parallel <= 2 } }
command a { run = ["sh", "-c", "cat a/in > a/out"], reads = ["a/**"], writes = ["a/out"] }
command b { run = ["sh", "-c", "cat b/in > b/out"], reads = ["b/**"], writes = ["b/out"] }
command both {
  needs  = [a, b]
  run    = ["sh", "-c", "cat a/out b/out > both.txt"]
  reads  = ["*/out"]
  writes = ["both.txt"]
}
"#;

/// Keeps as little as can be kept.
const ALL: [&str; 4] = ["--keep-runs", "0", "--older-than", "0s"];

fn gc(project: &Project) -> Invocation {
    project.eufm().args(["gc", "--state"]).arg(project.state())
}

fn name(run: &Path) -> String {
    run.file_name().and_then(|name| name.to_str()).expect("a name").to_owned()
}

/// Runs git on the runner's own clone.
#[track_caller]
fn vault(project: &Project, args: &[&str]) -> String {
    let vault = project.state().join("vault.git");
    let dir = vault.to_str().expect("a plain name");
    project.git(&[&["--git-dir", dir], args].concat())
}

fn references(project: &Project) -> String {
    vault(project, &["for-each-ref", "--format=%(refname)", "refs/eufm"])
}

#[test]
fn old_runs_go_and_the_next_night_takes_over_what_they_did() {
    let project = project(SPEC, FILES);
    let mut runs: Vec<PathBuf> = vec![run(&project, &[])];
    for content in ["two\n", "three\n"] {
        change(&project, "b/in", content);
        runs.push(run(&project, &[]));
    }
    gc(&project).run().expect(0).shows(&[
        "keeps run",
        "it is among the newest",
        "removed 0 results, keeps 7",
    ]);
    assert_eq!(project.run_dirs().len(), 3);

    let flags = ["--keep-runs", "1", "--older-than", "0s"];
    let before = references(&project);
    let dry = gc(&project).args(flags).arg("--dry-run").run().expect(0);
    dry.shows(&[&format!("would remove run {} (done,", name(&runs[0])), "nothing was done"]);
    assert_eq!((project.run_dirs().len(), references(&project)), (3, before));

    let done = gc(&project).args(flags).run().expect(0);
    let done = done.shows(&[
        &format!("removed run {} (done,", name(&runs[0])),
        &format!("removed run {} (done,", name(&runs[1])),
        &format!("keeps run {}", name(&runs[2])),
        "removed 4 results, keeps 3",
    ]);
    assert!(!done.stdout.contains("left as they are"), "{}", done.stdout);
    assert_eq!(project.run_dirs(), [runs[2].clone()]);
    let left = references(&project);
    assert!(!left.contains(&name(&runs[0])) && left.contains(&name(&runs[2])), "{left}");
    assert_eq!(vault(&project, &["fsck", "--strict", "--no-dangling"]), "");
    assert_eq!(project.git(&["fsck", "--no-dangling"]), "");

    change(&project, "README.md", "# another\n");
    let next = run(&project, &[]);
    assert_eq!(cached(&next), ["a", "b", "both"]);
    let whole = run(&project, &["--new", "--no-cache"]);
    assert_eq!(tree(&project, &next), tree(&project, &whole));
    // The branches are the user's.
    let branches = project.git(&["for-each-ref", "--format=%(refname)", "refs/heads/eufm"]);
    assert_eq!(branches.lines().count(), 5, "{branches}");
    project.nothing_is_left();
}

#[test]
fn nothing_stays_where_nothing_is_asked_for() {
    let project = project(SPEC, FILES);
    let first = run(&project, &[]);
    gc(&project).args(ALL).run().expect(0).shows(&["removed 3 results, keeps 0"]);
    assert!(project.run_dirs().is_empty());
    assert_eq!(references(&project), "");
    assert_eq!(vault(&project, &["count-objects"]).split(' ').next(), Some("0"));
    gc(&project).args(ALL).run().expect(0).shows(&["removed 0 results"]);
    // The same plan on the same base begins anew, beside the branch of before.
    let again = run(&project, &[]);
    assert_eq!(ran(&again).len(), 3);
    assert_eq!(name(&again), format!("{}-2", name(&first)));
    project.exec().run().expect(0).shows(&["-2 had already ended: done"]);
    project.nothing_is_left();
}

/// The third node waits, on the merge of the two others.
const WAITING: &str = r#"edition 1
pipeline waiting { base = "main", budget { parallel <= 2 } }
command a { run = ["sh", "-c", "cat a/in > a/out"], reads = ["a/**"], writes = ["a/out"] }
command b { run = ["sh", "-c", "cat b/in > b/out"], reads = ["b/**"], writes = ["b/out"] }
command waits {
  needs  = [a, b]
  run    = ["sh", "-c", "mkfifo pipe; read line < pipe; rm pipe; cat a/out b/out > $line"]
  reads  = ["*/out"]
  writes = ["both.txt"]
}
"#;

#[test]
fn what_an_unfinished_run_needs_stays_however_it_ended() {
    for signal in ["KILL", "INT"] {
        let project = project(WAITING, FILES);
        let first = project.exec().start();
        project.wait_for_file("pipe");
        gc(&project).args(ALL).run().expect(75).says(&["another eufm works"]);
        first.signal(signal);
        first.wait();
        project.nothing_runs();
        gc(&project)
            .args(ALL)
            .args(["--max-size", "0"])
            .run()
            .expect(0)
            .shows(&["it is not finished"]);
        let again = project.exec().start();
        project.send("pipe", "both.txt");
        again.wait().expect(0).says(&["taken up again"]);
        assert_eq!(project.merged("both.txt"), "one\none");
        project.nothing_is_left();
    }
}

#[test]
fn a_run_that_failed_can_be_retried_after_a_clean_up() {
    let project = project(WAITING, FILES);
    let first = project.exec().start();
    // A name outside of `writes`.
    project.send("pipe", "elsewhere");
    first.wait().expect(1);
    gc(&project).run().expect(0);
    let again = project.exec().arg("--retry").start();
    project.send("pipe", "both.txt");
    again.wait().expect(0);
    assert_eq!(project.merged("both.txt"), "one\none");
}

#[test]
fn what_an_interrupted_clean_up_left_goes_with_the_next() {
    let project = project(SPEC, FILES);
    let first = run(&project, &[]);
    // It had moved the folder away and was killed then.
    let trash = project.state().join("trash");
    std::fs::create_dir(&trash).expect("made");
    std::fs::rename(&first, trash.join(name(&first))).expect("moved");
    let scratch = project.state().join("vault.git/scratch-1-1.index");
    std::fs::write(&scratch, "half").expect("written");
    change(&project, "README.md", "# another\n");
    let second = run(&project, &[]);
    assert_eq!(cached(&second).len(), 3, "results do not lie in the folder");
    assert!(references(&project).contains(&name(&first)));
    gc(&project).run().expect(0);
    assert!(!trash.exists() && !scratch.exists());
    assert!(!references(&project).contains(&name(&first)));
    assert_eq!(project.run_dirs(), [second]);
}

#[test]
fn a_clean_up_that_is_killed_again_and_again_leaves_no_run_half() {
    let project = project(SPEC, FILES);
    for number in 0..5 {
        change(&project, "b/in", &format!("{number}\n"));
        run(&project, &[]);
    }
    let flags = ["--keep-runs", "1", "--older-than", "0s"];
    for left in (1..5).rev() {
        let mut started = gc(&project).args(flags).start();
        until("a run to go", || {
            (started.has_ended() || project.run_dirs().len() <= left).then_some(())
        });
        started.kill();
        let verify = project.eufm().args(["verify", "--state"]).arg(project.state());
        verify.run().expect(0);
        for run in project.run_dirs() {
            assert!(run.join("run.json").is_file() && run.join("nodes").is_dir(), "{run:?}");
        }
    }
    gc(&project).args(flags).run().expect(0);
    assert_eq!(project.run_dirs().len(), 1);
    assert!(!project.state().join("trash").exists());
    assert_eq!(vault(&project, &["fsck", "--strict", "--no-dangling"]), "");
    change(&project, "README.md", "# another\n");
    assert_eq!(cached(&run(&project, &[])).len(), 3);
}

#[test]
fn a_state_that_is_too_large_loses_its_oldest_runs_first() {
    let project = project(SPEC, FILES);
    let first = run(&project, &[]);
    change(&project, "b/in", "two\n");
    let second = run(&project, &[]);
    gc(&project).args(["--max-size", "1TiB"]).run().expect(0);
    assert_eq!(project.run_dirs().len(), 2);
    let done = gc(&project).args(["--max-size", "0", "--json"]).run().expect(0);
    let document: Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(document["removed"][0]["run"], name(&first));
    assert_eq!(document["kept"][0]["run"], name(&second));
    assert!(document["bytes_before"].as_u64() > document["bytes_after"].as_u64(), "{document}");
    assert_eq!(project.run_dirs(), [second]);
}

#[test]
fn a_run_that_cannot_be_read_is_kept_with_all_objects() {
    let project = project(SPEC, FILES);
    let first = run(&project, &[]);
    change(&project, "b/in", "two\n");
    run(&project, &[]);
    let journal = first.join("journal");
    let text = std::fs::read_to_string(&journal).expect("a journal");
    std::fs::write(&journal, text.replacen("opened", "closed", 1)).expect("written");
    let objects = vault(&project, &["count-objects"]);
    gc(&project).args(ALL).run().expect(9).shows(&[
        &format!("keeps run {}", name(&first)),
        "it cannot be read",
        "the objects of the vault were left as they are: nobody knows what run",
    ]);
    assert_eq!(vault(&project, &["count-objects"]), objects);
    assert_eq!(project.run_dirs(), [first]);
}

#[test]
fn a_closed_run_goes_when_its_time_has_come() {
    let project = project(WAITING, FILES);
    let first = project.exec().start();
    project.wait_for_file("pipe");
    first.kill();
    project.nothing_runs();
    let old = project.run_dir();
    let new = project.exec().arg("--new").start();
    project.send("pipe", "both.txt");
    new.wait().expect(0);
    let pins = || project.git(&["for-each-ref", "--format=%(refname)", "refs/eufm"]);
    assert!(pins().contains(&name(&old)), "its base is kept until then");
    gc(&project)
        .args(ALL)
        .run()
        .expect(0)
        .shows(&[&format!("removed run {} (closed,", name(&old))]);
    assert_eq!(pins(), "");
}

#[test]
fn a_place_without_state_is_named() {
    let project = Project::of_spec(SPEC);
    let nowhere = project.root().join("nowhere");
    let gc = project.eufm().args(["gc", "--state"]).arg(&nowhere);
    gc.run().expect(2).says(&["is no folder with the state of runs"]);
    assert!(!nowhere.exists());
}

/// An environment whose kept folder is closed to writing, as a module cache is.
const PREPARED: &str = r#"edition 1
pipeline prepared { base = "main" }
environment warm {
  prepare = ["sh", "-c", "mkdir -p cache/deep && cp lock cache/deep/lock && chmod -R a-w cache/deep"]
  key     = ["lock"]
  keep    = ["cache"]
}
command waits {
  run    = ["sh", "-c", "mkfifo pipe; read line < pipe; rm pipe; cp cache/deep/lock seen.txt"]
  writes = ["seen.txt"]
  env    = [warm]
}
"#;

/// The keys that lie in the state, prepared or with logs only.
fn environments(project: &Project) -> Vec<String> {
    let entries = std::fs::read_dir(project.state().join("environments")).expect("a folder");
    let names =
        entries.map(|entry| entry.expect("readable").file_name().into_string().expect("a name"));
    let mut names: Vec<String> = names.map(|name| name.replace(".logs", "")).collect();
    names.sort();
    names.dedup();
    names
}

/// Lets the waiting run come to its end.
fn finish(project: &Project) {
    let run = project.exec().start();
    project.send("pipe", "go");
    run.wait().expect(0);
}

#[test]
fn environments_go_that_no_unfinished_run_needs_the_least_recently_used_first() {
    let project = project(PREPARED, &[("lock", "one\n")]);
    finish(&project);
    let first = environments(&project);
    project.write("lock", "two\n");
    project.commit("two");
    finish(&project);
    let second: Vec<String> =
        environments(&project).into_iter().filter(|it| !first.contains(it)).collect();
    // Both are young; where there is too much, that of the last run stays.
    gc(&project).run().expect(0).shows(&["removed 0 prepared environments, keeps 2"]);
    let dry = gc(&project).args(["--max-size", "0", "--dry-run"]).run().expect(0);
    dry.shows(&["would remove 1 prepared environment, keeps 1", "nothing was done"]);
    assert_eq!(environments(&project).len(), 2);
    gc(&project)
        .args(["--max-size", "0"])
        .run()
        .expect(0)
        .shows(&["removed 1 prepared environment"]);
    assert_eq!(environments(&project), second);

    project.write("lock", "three\n");
    project.commit("three");
    let run = project.exec().start();
    project.wait_for_file("pipe");
    run.kill();
    project.nothing_runs();
    // What is left of one that was being prepared.
    std::fs::create_dir_all(
        project.state().join("environments").join("0".repeat(32) + ".new/tree"),
    )
    .expect("made");
    let done = gc(&project).args(ALL).args(["--max-size", "0"]).run().expect(0);
    done.shows(&["removed 1 prepared environment, keeps 1"]);
    let left = environments(&project);
    assert!(left.len() == 1 && left != second, "{left:?}");
    let run = project.exec().start();
    project.send("pipe", "go");
    run.wait().expect(0).says(&["taken up again"]).keeps_quiet_about("preparing");
    gc(&project).args(ALL).run().expect(0).shows(&["removed 1 prepared environment, keeps 0"]);
    assert_eq!(environments(&project), [""; 0]);
    assert!(!project.state().join("trash").exists());
    project.nothing_is_left();
}
