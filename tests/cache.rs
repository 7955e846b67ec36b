//! Results of earlier runs: what is taken over, what is run again, and why.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Project, demo, until};

/// Two nodes that see a folder each, one that sees their results, and one that
/// sees everything. Each leaves a line for every time that it ran.
const NIGHTLY: &str = r#"edition 1
pipeline nightly { base = "main", budget { parallel <= 2 } }
gate sound is command { run = ["sh", "check.sh", "a/out"] }
command a {
  run    = ["sh", "-c", "cat a/in > a/out"]
  reads  = ["a/**"]
  writes = ["a/out"]
  gates  = [sound]
}
command b { run = ["sh", "-c", "cat b/in > b/out"], reads = ["b/**"], writes = ["b/out"] }
command both {
  needs  = [a, b]
  run    = ["sh", "-c", "cat a/out b/out > both.txt"]
  reads  = ["*/out"]
  writes = ["both.txt"]
}
command look { needs = [a], run = ["sh", "-c", "grep -q . a/out"], reads = ["a/out"] }
"#;

pub(crate) const FILES: &[(&str, &str)] = &[
    ("a/in", "one\n"),
    ("b/in", "one\n"),
    ("check.sh", "test -s \"$1\"\n"),
    ("README.md", "# nightly\n"),
];

/// Makes the project of a spec with these files, compiled and committed.
#[track_caller]
pub(crate) fn project(spec: &str, files: &[(&str, &str)]) -> Project {
    let project = Project::new(files);
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project.commit("the plan");
    project
}

/// Changes a file of the base.
pub(crate) fn change(project: &Project, path: &str, content: &str) {
    project.write(path, content);
    project.commit(path);
}

/// Runs the plan and returns the run's folder, as its report names it.
#[track_caller]
pub(crate) fn run(project: &Project, flags: &[&str]) -> PathBuf {
    let done = project.exec().args(flags).run().expect(0);
    let state = done.stdout.lines().find_map(|line| line.trim().strip_prefix("state "));
    PathBuf::from(state.expect("the summary names the state").trim())
}

/// Lists the nodes of a run with what became of them, in plan order.
pub(crate) fn states(run: &Path) -> Vec<(String, String)> {
    let report = std::fs::read_to_string(run.join("run.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let nodes = report["nodes"].as_array().expect("nodes");
    nodes.iter().map(|node| (word(&node["node"]), word(&node["state"]))).collect()
}

/// Lists the nodes of a run that were taken over.
pub(crate) fn cached(run: &Path) -> Vec<String> {
    let is_cached = |(_, state): &(String, String)| state == "cached";
    states(run).into_iter().filter(is_cached).map(|(node, _)| node).collect()
}

/// Lists the nodes of which a process has run, by the logs that it left.
pub(crate) fn ran(run: &Path) -> Vec<String> {
    let nodes = std::fs::read_dir(run.join("nodes")).into_iter().flatten().flatten();
    let mut ran: Vec<String> = nodes
        .filter(|node| node.path().join("1/stdout.log").is_file())
        .map(|node| node.file_name().to_string_lossy()[5..].to_owned())
        .collect();
    ran.sort();
    ran
}

/// Returns the digest of the tree of a run's branch.
pub(crate) fn tree(project: &Project, run: &Path) -> String {
    let name = run.file_name().and_then(|name| name.to_str()).expect("a name");
    project.git(&["rev-parse", &format!("eufm/{name}^{{tree}}")])
}

/// Asserts that a run from scratch on the same base gives the same files.
fn same_as_from_scratch(project: &Project, taken: &Path) {
    let whole = run(project, &["--new", "--no-cache"]);
    assert_ne!(whole, taken);
    assert_eq!(cached(&whole), [""; 0]);
    assert_eq!(tree(project, taken), tree(project, &whole));
}

/// Asks what a run would do, and asserts that it does so. What depends on results
/// to come may run or not, and needs a node that runs.
#[track_caller]
fn foretold(project: &Project) -> PathBuf {
    let told = crate::why::told(project);
    let run = run(project, &[]);
    let (ran, cached) = (ran(&run), cached(&run));
    for (node, will) in told {
        let does = match will.as_str() {
            "runs" => ran.contains(&node),
            "cached" => cached.contains(&node),
            "depends" => ran.contains(&node) != cached.contains(&node) && !ran.is_empty(),
            _ => false,
        };
        assert!(does, "{node} was to be {will}; ran {ran:?}, cached {cached:?}");
    }
    run
}

#[test]
fn a_nightly_run_repeats_only_what_changed() {
    let project = project(NIGHTLY, FILES);
    let first = foretold(&project);
    assert_eq!(ran(&first), ["a", "b", "both", "look"]);
    assert_eq!(cached(&first), [""; 0]);

    // Nobody sees the readme.
    change(&project, "README.md", "# another\n");
    let second = foretold(&project);
    assert_eq!((cached(&second).len(), ran(&second).len()), (4, 0));
    same_as_from_scratch(&project, &second);

    // One node sees this file, and one its result.
    change(&project, "b/in", "two\n");
    let third = foretold(&project);
    assert_eq!(cached(&third), ["a", "look"]);
    assert_eq!(ran(&third), ["b", "both"]);
    same_as_from_scratch(&project, &third);

    // The node runs again, to the same result: what needs it is not concerned.
    change(&project, "a/unused", "seen, and not used\n");
    let fourth = foretold(&project);
    assert_eq!(
        (cached(&fourth), ran(&fourth)),
        (vec!["b".into(), "both".into(), "look".into()], vec!["a".into()])
    );
    same_as_from_scratch(&project, &fourth);

    // A gate's own file is part of what it says, seen or not.
    change(&project, "check.sh", "test -e \"$1\"\n");
    project.compile().expect(0);
    let fifth = foretold(&project);
    assert_eq!(ran(&fifth), ["a"]);
    same_as_from_scratch(&project, &fifth);
    project.nothing_is_left();
}

#[test]
fn a_result_of_long_ago_is_taken_over_too() {
    let project = project(NIGHTLY, FILES);
    let first = run(&project, &[]);
    change(&project, "b/in", "two\n");
    run(&project, &[]);
    change(&project, "b/in", "one\n");
    let third = run(&project, &[]);
    assert_eq!(cached(&third), ["a", "b", "both", "look"]);
    assert_eq!(tree(&project, &third), tree(&project, &first));
    same_as_from_scratch(&project, &third);
    // What was taken over shows the gates that had passed it.
    let shown = project.exec().run().expect(0);
    shown.shows(&["had already ended: done"]);
    let report = std::fs::read_to_string(third.join("run.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let name = first.file_name().and_then(|name| name.to_str()).expect("a name");
    assert_eq!(report["nodes"][0]["taken_from"], name);
    assert_eq!(report["nodes"][0]["gates"][0]["gate"], "sound");
    assert_eq!(report["nodes"][0]["gates"][0]["verdict"], "pass");
    assert_eq!(report["nodes"][0]["attempts"], 0);
}

#[test]
fn agents_are_taken_over_too_and_a_word_of_the_prompt_is_a_difference() {
    let project = demo();
    project.exec_agents().run().expect(0);
    let first = project.run_dir();
    project.git(&["commit", "-q", "--allow-empty", "-m", "a new base"]);
    let done = project.exec_agents().run().expect(0);
    done.shows(&[
        "cached     taken from run story-",
        "gate unit pass: 3 of 3",
        "0 in (0 cached), 0 out",
    ]);
    let second = project.run_dirs().into_iter().find(|run| *run != first).expect("a second run");
    assert_eq!(cached(&second), ["greet", "readme", "smoke"]);
    assert_eq!(tree(&project, &first), tree(&project, &second));

    let spec = project.read("spec.eufm");
    project.write("spec.eufm", spec.replace("Write NOTES.md", "Please write NOTES.md"));
    project.compile().expect(0);
    let name = first.file_name().and_then(|name| name.to_str()).expect("a name");
    let why = project.eufm().args(["why", "--state"]).arg(project.state()).run().expect(0);
    why.shows(&[
        "greet   cached",
        &format!("readme  runs     prompt changed since run {name}"),
        "smoke   depends  it depends on readme, which runs",
    ]);
    let spec = project.read("spec.eufm").replace("gpt-5.5", "gpt-5.5-mini");
    project.write("spec.eufm", spec.replace("Please write", "Write"));
    project.compile().expect(0);
    let why = project.eufm().args(["why", "--state"]).arg(project.state()).run().expect(0);
    let changed = format!("runs     agent parameter model changed since run {name}");
    why.shows(&[&format!("greet   {changed}"), &format!("readme  {changed}")]);
    project.nothing_is_left();
}

#[test]
fn a_node_that_sees_everything_runs_after_any_change() {
    let spec = r#"edition 1
pipeline all { base = "main" }
command all { run = ["sh", "-c", "ls > list.txt"], writes = ["list.txt"] }
"#;
    let project = project(spec, FILES);
    run(&project, &[]);
    project.git(&["commit", "-q", "--allow-empty", "-m", "no change at all"]);
    assert_eq!(cached(&run(&project, &[])), ["all"]);
    change(&project, "README.md", "# another\n");
    let third = run(&project, &[]);
    assert_eq!((cached(&third).len(), ran(&third)), (0, vec!["all".to_owned()]));
}

#[test]
fn a_change_of_the_plan_runs_the_nodes_it_concerns() {
    let project = project(NIGHTLY, FILES);
    run(&project, &[]);
    for (from, to, again) in [
        ("cat b/in", "cat < b/in", &["b"][..]),
        ("parallel <= 2", "parallel <= 1", &[]),
        ("\"a/out\"] }\ncommand a", "\"a/in\"] }\ncommand a", &["a"]),
    ] {
        let spec = project.read("spec.eufm");
        assert!(spec.contains(from), "{from}");
        project.write("spec.eufm", spec.replace(from, to));
        project.compile().expect(0);
        project.commit("another plan");
        assert_eq!(ran(&run(&project, &[])), again, "{from} becomes {to}");
    }
}

#[test]
fn a_node_sees_what_it_reads_and_its_gates_no_more() {
    let spec = r#"edition 1
pipeline seeing { base = "main" }
gate alone is command { run = ["sh", "-c", "test ! -e b/in && test -e a/in && test -e a/list"] }
command lists {
  run    = ["sh", "-c", "find . -type f -not -path './.git*' -not -name list > a/list"]
  reads  = ["a/**"]
  writes = ["a/list"]
  gates  = [alone]
}
command strays {
  run    = ["sh", "-c", "echo mine > README.md"]
  reads  = ["a/**"]
  writes = ["*.md"]
}
"#;
    let project = project(spec, FILES);
    run(&project, &[]);
    assert_eq!(project.merged("a/list"), "./a/in");
    assert_eq!(project.merged("README.md"), "mine");
    assert_eq!(project.merged("b/in"), "one", "what is not seen stays");
    project.nothing_is_left();
}

#[test]
fn a_result_that_cannot_stand_beside_what_is_not_seen_is_refused() {
    let spec = r#"edition 1
pipeline blind { base = "main" }
command blind {
  run    = ["sh", "-c", "mkdir -p b/in/deep; echo x > b/in/deep/x"]
  reads  = ["a/**"]
  writes = ["b/in/deep/**"]
}
"#;
    let project = project(spec, FILES);
    let done = project.exec().run().expect(1);
    done.shows(&["files that the node does not see (`reads`) stand in the way: b/in"]);
    project.nothing_is_left();
}

#[test]
fn what_failed_is_no_result() {
    let spec = r#"edition 1
pipeline failing { base = "main" }
command bad { run = ["sh", "-c", "exit 1"], reads = ["a/**"] }
"#;
    let project = project(spec, FILES);
    project.exec().run().expect(1);
    project.git(&["commit", "-q", "--allow-empty", "-m", "a new base"]);
    project.exec().run().expect(1);
    for run in project.run_dirs() {
        assert_eq!(ran(&run), ["bad"]);
    }
}

#[test]
fn a_cache_that_is_lost_or_damaged_is_made_again_or_passed_over() {
    let project = project(NIGHTLY, FILES);
    run(&project, &[]);
    let cache = project.state().join("cache");
    std::fs::remove_dir_all(&cache).expect("removed");
    change(&project, "README.md", "# another\n");
    assert_eq!(cached(&run(&project, &[])).len(), 4, "made again from the journals");
    for entry in std::fs::read_dir(&cache).expect("there").flatten() {
        std::fs::write(entry.path(), "{").expect("written");
    }
    change(&project, "README.md", "# a third\n");
    let third = run(&project, &[]);
    assert_eq!((cached(&third).len(), ran(&third).len()), (0, 4));
    same_as_from_scratch(&project, &third);
}

#[test]
fn a_result_whose_commit_is_gone_is_made_again() {
    let project = project(NIGHTLY, FILES);
    run(&project, &[]);
    for entry in std::fs::read_dir(project.state().join("cache")).expect("there").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("an entry");
        let mut json: Value = serde_json::from_str(&text).expect("JSON");
        json["commit"] = Value::from("1234567890".repeat(4));
        std::fs::write(entry.path(), json.to_string()).expect("written");
    }
    change(&project, "README.md", "# another\n");
    let second = run(&project, &[]);
    // A node that changes nothing needs no commit of its own.
    assert_eq!(
        (cached(&second), ran(&second)),
        (vec!["look".into()], vec!["a".into(), "b".into(), "both".into()])
    );
    same_as_from_scratch(&project, &second);
}

/// Some nodes are taken over; the last one waits until somebody writes to it.
const WAITING: &str = r#"edition 1
pipeline waiting { base = "main" }
command a { run = ["sh", "-c", "cat a/in > a/out"], reads = ["a/**"], writes = ["a/out"] }
command waits {
  needs  = [a]
  run    = ["sh", "-c", "mkfifo pipe; read line < pipe; rm pipe; echo $line > w"]
  writes = ["w"]
}
"#;

#[test]
fn a_run_that_is_killed_behind_what_it_took_over_goes_on() {
    let project = project(WAITING, FILES);
    let start = project.exec().start();
    project.send("pipe", "first");
    start.wait().expect(0);
    change(&project, "b/in", "two\n");
    let killed = project.exec().start();
    project.wait_for_file("pipe");
    killed.kill();
    project.nothing_runs();
    let again = project.exec().start();
    project.send("pipe", "second");
    again.wait().expect(0).says(&["taken up again"]);
    let run = project.run_dirs().into_iter().find(|run| !cached(run).is_empty());
    assert_eq!(cached(&run.expect("one has")), ["a"]);
    project.nothing_is_left();
}

#[test]
fn a_new_run_takes_the_place_of_an_unfinished_one() {
    let project = project(WAITING, FILES);
    let killed = project.exec().start();
    project.wait_for_file("pipe");
    killed.kill();
    project.nothing_runs();
    let old = project.run_dir();

    // The branch moves, and the run goes on where it was: that is said.
    change(&project, "b/in", "two\n");
    let killed = project.exec().start();
    until("the remark", || killed.stderr().contains("--new begins a run there").then_some(()));
    project.wait_for_file("pipe");
    killed.kill();
    project.nothing_runs();
    assert_eq!(project.run_dirs().len(), 1);

    let new = project.exec().arg("--new").start();
    project.send("pipe", "new");
    let done = new.wait().expect(0);
    let name = old.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    done.says(&[&format!("run {name} is closed")]).shows(&["taken from run", "done"]);
    project.nothing_is_left();
    let report = std::fs::read_to_string(old.join("run.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!((&report["closed"], &report["outcome"]), (&Value::Bool(true), &Value::Null));

    // On a base that had a run already, the names go on with a number.
    let again = run(&project, &["--new"]);
    assert!(again.to_string_lossy().ends_with("-2"), "{}", again.display());
    assert_eq!(cached(&again), ["a", "waits"]);
    project.exec().run().expect(0).shows(&["-2 had already ended: done"]);
    // A closed run is none to go on with, nor to be taken for its base's.
    project.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let fresh = project.exec().start();
    project.send("pipe", "fresh");
    fresh.wait().expect(0).shows(&[&format!("run {name}-2 done")]);
}

/// The second node waits until somebody writes to `pipe`; the others come then.
const HALFWAY: &str = r#"edition 1
pipeline waiting { base = "main", budget { parallel <= 1 } }
command first { run = ["sh", "-c", "cat a/in > a/out"], reads = ["a/**"], writes = ["a/out"] }
command waits {
  needs  = [first]
  run    = ["sh", "-c", "mkfifo pipe; read line < pipe; rm pipe; echo waited > b/out"]
  reads  = ["b/**"]
  writes = ["b/out"]
}
command last { needs = [waits], run = ["sh", "-c", "cat b/out > last.txt"], reads = ["b/out"], writes = ["last.txt"] }
command other { run = ["sh", "-c", "cat a/in > other.txt"], reads = ["a/in"], writes = ["other.txt"] }
"#;

/// Runs until the second node waits, is killed, and goes on to the end.
#[track_caller]
fn killed_while_it_waits(project: &Project, begun: &[&str], resumed: &[&str]) -> PathBuf {
    let first = project.exec().args(begun).start();
    project.wait_for_file("pipe");
    first.kill();
    project.nothing_runs();
    let again = project.exec().args(resumed).start();
    project.send("pipe", "go");
    let done = again.wait().expect(0).says(&["taken up again"]);
    let state = done.stdout.lines().find_map(|line| line.trim().strip_prefix("state "));
    PathBuf::from(state.expect("the summary names the state").trim())
}

#[test]
fn a_run_that_takes_nothing_over_keeps_to_it_when_it_is_resumed() {
    let project = project(HALFWAY, FILES);
    assert_eq!(cached(&killed_while_it_waits(&project, &[], &[])), [""; 0]);
    let all = run(&project, &["--new"]);
    assert_eq!(cached(&all), ["first", "waits", "last", "other"]);
    // Not told again, and told later.
    let whole = killed_while_it_waits(&project, &["--new", "--no-cache"], &[]);
    assert_eq!(cached(&whole), [""; 0]);
    change(&project, "b/in", "other\n");
    let later = killed_while_it_waits(&project, &[], &["--no-cache"]);
    assert_eq!(cached(&later), ["first"]);
    assert_eq!(tree(&project, &all), tree(&project, &whole));
    project.nothing_is_left();
}

#[test]
fn what_such_a_run_would_do_is_foretold() {
    let project = project(HALFWAY, FILES);
    killed_while_it_waits(&project, &[], &[]);
    let first = project.exec().args(["--new", "--no-cache"]).start();
    project.wait_for_file("pipe");
    first.kill();
    let why = project.eufm().args(["why", "other", "--state"]).arg(project.state());
    why.run().expect(0).shows(&["other  runs", "takes no results over, as --no-cache asked for"]);
}
