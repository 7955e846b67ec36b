//! What `eufm why` says of a run before it is begun, and that it says so without
//! touching anything.

use std::path::Path;

use serde_json::Value;

use crate::cache::{FILES, change, project, run};
use crate::support::{Invocation, Project};

fn why(project: &Project) -> Invocation {
    project.eufm().args(["why", "--state"]).arg(project.state())
}

/// Asks of all nodes; returns each with the word for what happens to it.
#[track_caller]
pub(crate) fn told(project: &Project) -> Vec<(String, String)> {
    let answer = why(project).arg("--json").run().expect(0);
    let answer: Value = serde_json::from_str(&answer.stdout).expect("JSON");
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let nodes = answer["nodes"].as_array().expect("nodes");
    nodes.iter().map(|node| (word(&node["node"]), word(&node["will"]))).collect()
}

const SPEC: &str = r#"edition 1
pipeline p { base = "main" }
gate sound is command { run = ["test", "-e", "a/out"] }
command a {
  run    = ["sh", "-c", "cat a/in > a/out"]
  reads  = ["a/**"]
  writes = ["a/out"]
  gates  = [sound]
}
command b {
  needs  = [a]
  run    = ["sh", "-c", "test ! -e b/bad && cat a/out b/in > b/out"]
  reads  = ["b/**", "a/out"]
  writes = ["b/out"]
}
"#;

/// Lists every file below a folder with its size and the time of its change.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let known = entry.metadata().expect("it is there");
            found.push(format!("{:?} {} {:?}", entry.path(), known.len(), known.modified()));
            if known.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn each_difference_is_named_with_the_run_it_is_counted_from() {
    let project = project(SPEC, FILES);
    why(&project).run().expect(0).shows(&[
        "would be begun, on main at",
        "a  runs     there is no result of it yet",
        "b  depends  it depends on a, which runs",
    ]);
    assert!(!project.state().exists() || files(&project.state()).is_empty());

    let first = run(&project, &[]);
    let name = first.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    why(&project).run().expect(0).shows(&["has ended", "a  stands", "b  stands"]);

    for number in 0..7 {
        project.write(&format!("b/{number}"), "more");
    }
    change(&project, "b/in", "two\n");
    let since =
        format!("files it sees changed since run {name}: b/0, b/1, b/2, b/3, b/4 and 3 more");
    why(&project).run().expect(0).shows(&[&format!("run {name} has a result of this key"), &since]);

    let spec =
        SPEC.replace("cat a/in", "cat < a/in").replace("\"-e\", \"a/out\"", "\"-s\", \"a/out\"");
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project.commit("another plan");
    let one = why(&project).args(["a"]).run().expect(0);
    one.shows(&[
        &format!("gate sound changed since run {name}"),
        &format!("run changed since run {name}"),
    ]);
    let both = why(&project).args(["b", "plan.lock"]).run().expect(0);
    assert!(!both.stdout.contains("sound"), "{}", both.stdout);
    why(&project).args(["plan.lock"]).run().expect(0).shows(&["a  runs", "b  depends"]);
    why(&project).args(["c"]).run().expect(2).says(&["plan.lock has no node c", "it has a, b"]);
}

#[test]
fn a_failure_is_said_where_it_was() {
    let project = project(SPEC, FILES);
    change(&project, "b/bad", "");
    project.exec().run().expect(1);
    let run = project.run_dir();
    let name = run.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    why(&project).run().expect(0).shows(&[
        "a  stands",
        &format!("b  stays    run {name}: exit status 1"),
        "exec --retry gives it new attempts",
    ]);
    change(&project, "README.md", "# another\n");
    why(&project).run().expect(0).shows(&[
        "a  cached",
        "b  runs     there is no result of it yet",
        &format!("its attempt in run {name} failed: exit status 1"),
    ]);
}

#[test]
fn it_changes_nothing_and_asks_for_no_lock() {
    let spec = r#"edition 1
pipeline waiting { base = "main" }
command a { run = ["sh", "-c", "cat a/in > a/out"], reads = ["a/**"], writes = ["a/out"] }
command waits { needs = [a], run = ["sh", "-c", "mkfifo pipe; read line < pipe; rm pipe"] }
command after { needs = [waits], run = ["true"] }
"#;
    let project = project(spec, FILES);
    let running = project.exec().start();
    project.wait_for_file("pipe");
    why(&project).run().expect(0).shows(&[
        "would go on",
        &format!("process {}", running.pid()),
        "a      stands   its result stands",
        "waits  runs     run waiting-",
        "goes on with attempt 1",
        "after  depends  it depends on waits, which runs",
    ]);
    running.kill();
    project.nothing_runs();
    change(&project, "README.md", "# another\n");
    let before = (files(&project.state()), files(&project.repo()));
    let moved = why(&project).run().expect(0);
    moved.shows(&["it goes on on its own base", "waits  runs"]);
    assert_eq!((files(&project.state()), files(&project.repo())), before);
    let again = project.exec().start();
    project.send("pipe", "go");
    again.wait().expect(0);
    project.nothing_is_left();
}
