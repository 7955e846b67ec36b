//! What a run shows while it is on: lines without a terminal, bars on one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Invocation, Project, until};

const WAITING: &str = r#"edition 1
pipeline waiting { base = "main" }
command first { run = ["true"] }
command waits { needs = [first], run = ["sh", "-c", "mkfifo pipe; read line < pipe; rm pipe"] }
"#;

#[test]
fn without_a_terminal_a_silent_run_says_where_it_stands_every_30_s() {
    let project = Project::of_spec(WAITING);
    let run = project.exec().start();
    project.wait_for_file("pipe");
    let lines = until("the start of the silent command", || {
        run.stderr().contains("waits: attempt 1 starts").then(|| run.stderr().lines().count())
    });
    let silent = Instant::now();
    until("a status line", || (run.stderr().lines().count() > lines).then_some(()));
    let passed = silent.elapsed();
    let last = run.stderr();
    let last = last.lines().next_back().expect("a line");
    assert!(last.contains("1 of 2 nodes done; waits (running); memory "), "{last}");
    assert!(passed < Duration::from_secs(30), "{passed:?}");
    project.send("pipe", "go");
    run.wait().expect(0);
}

#[test]
fn without_a_terminal_each_change_is_a_line_and_results_go_to_the_other_stream() {
    let project =
        Project::of_spec(&WAITING.replace("mkfifo pipe; read line < pipe; rm pipe", "true"));
    let done = project.exec().run().expect(0);
    let steps = ["attempt 1 starts", "ended after", "0 files changed", "committed as"];
    let mut rest = done.stderr.as_str();
    for node in ["first", "waits"] {
        for step in steps {
            let line = format!("{node}: {step}");
            let place = rest.find(&line);
            let place = place.unwrap_or_else(|| panic!("{line:?} comes in order: {}", done.stderr));
            rest = &rest[place..];
        }
    }
    assert!(!done.stderr.contains('\u{1b}') && !done.stdout.contains('\u{1b}'), "{}", done.stderr);
    assert!(done.stdout.starts_with("run waiting-"), "{}", done.stdout);
}

/// A command line that runs `line` in a shell on a terminal of its own.
fn on_a_terminal(project: &Project, line: &str) -> Invocation {
    Invocation::of(Path::new("script"), project.root(), &project.repo())
        .args(["-q", "-e", "-c", line, "/dev/null"])
        .env("TERM", "xterm")
}

fn exec_line(project: &Project) -> String {
    let state = project.state();
    format!("{} exec plan.lock --state {}", env!("CARGO_BIN_EXE_eufm"), state.display())
}

#[test]
fn a_terminal_shows_bars_and_is_as_it_was_afterwards() {
    let project = Project::of_spec(WAITING);
    let exec = exec_line(&project);
    let line = format!("stty -g > ../before; {exec}; code=$?; stty -g > ../after; exit $code");
    let run = on_a_terminal(&project, &line).start();
    project.wait_for_file("pipe");
    let shown = until("the bar of the node", || {
        let shown = run.stdout();
        shown.contains("waits (attempt 1)").then_some(shown)
    });
    assert!(shown.contains("1/2 nodes"), "{shown}");
    project.send("pipe", "go");
    let done = run.wait().expect(0).shows(&["waiting-", "done", "waits  committed"]);
    let settings = |name: &str| std::fs::read_to_string(project.root().join(name)).expect("read");
    assert_eq!(settings("before"), settings("after"));
    let hidden = done.stdout.matches("\u{1b}[?25l").count();
    assert_eq!(hidden, done.stdout.matches("\u{1b}[?25h").count(), "the cursor is shown again");
    project.nothing_is_left();
}

#[test]
fn ctrl_c_on_a_terminal_stops_the_run_in_order() {
    use std::io::Write as _;
    let project = Project::of_spec(WAITING);
    // Whoever starts the tests in the background of a shell has INT ignored.
    let line = format!("exec env --default-signal=INT {}", exec_line(&project));
    let mut script = Command::new("script")
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .current_dir(project.repo())
        .env("HOME", project.root().join("home"))
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("script starts");
    project.wait_for_file("pipe");
    until("the start of the node", || project.facts("waits", "spawned").pop());
    let mut keys = script.stdin.take().expect("its input is a pipe");
    keys.write_all(b"\x03").expect("the key is pressed");
    until("the stop", || project.facts("waits", "interrupted").pop());
    // Nothing more is typed.
    drop(keys);
    let status = until("the end of the run", || script.try_wait().expect("it can be waited for"));
    assert_eq!(status.code(), Some(130));
    assert_eq!(project.facts("waits", "interrupted").len(), 1);
    project.nothing_is_left();
}
