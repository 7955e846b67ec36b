//! What signals mean to a run: the first stops it in order, a second ends it at
//! once, and either way the same command goes on to the same end. One pauses it.

use std::time::{Duration, Instant};

use crate::support::{Project, Running, survivors, until};

const SPEC: &str = r#"edition 1
pipeline signals { base = "main" }
gate waits is command { run = ["sh", "-c", "mkfifo judged; read line < judged; test -f out"] }
command one {
  run    = ["sh", "-c", "mkfifo worked; read line < worked; rm worked; echo one > out"]
  writes = ["out"]
  gates  = [waits]
}
command two { needs = [one], run = ["cp", "out", "copy"], writes = ["copy"] }
"#;

/// The signals, with the exit statuses that they stand for.
const SIGNALS: [(&str, i32); 3] = [("HUP", 129), ("INT", 130), ("TERM", 143)];

/// The pipes at which the run waits, in their order.
const PHASES: [&str; 2] = ["worked", "judged"];

/// Lets a run come to its end.
fn finish(project: &Project, run: Running, phases: &[&str]) {
    for pipe in phases {
        project.send(pipe, "go");
    }
    run.wait().expect(0);
}

/// Tells what a run that nobody disturbed comes to.
fn undisturbed() -> String {
    let project = Project::of_spec(SPEC);
    finish(&project, project.exec().start(), &PHASES);
    project.tree()
}

#[test]
fn each_signal_in_each_phase_stops_in_order_and_changes_no_result() {
    let tree = undisturbed();
    for (signal, status) in SIGNALS {
        for (position, phase) in PHASES.iter().enumerate() {
            let project = Project::of_spec(SPEC);
            let run = project.exec().start();
            for pipe in &PHASES[..position] {
                project.send(pipe, "go");
            }
            project.wait_for_file(phase);
            run.signal(signal);
            let number = status - 128;
            run.wait().expect(status).says(&[&format!("stopping: signal {number}")]);
            project.nothing_runs();
            let last = project.journal().pop().expect("a record");
            let reason = &last["event"]["run"]["stopped"]["reason"];
            assert_eq!(reason, &format!("signal {number}"), "{phase}: {last}");
            finish(&project, project.exec().start(), &PHASES[position..]);
            assert_eq!(project.tree(), tree, "{signal} while {phase}");
            project.nothing_is_left();
        }
    }
}

/// What is to be kept of the work takes long: git reads all of the large file.
const SLOW: &str = r#"edition 1
pipeline slow { base = "main" }
command one {
  run    = ["sh", "-c", "truncate -s 1G large; mkfifo worked; read line < worked; rm worked large; echo one > out"]
  writes = ["out", "large"]
}
"#;

#[test]
fn a_second_signal_ends_everything_at_once_and_the_run_can_go_on() {
    for ((first, _), (second, status)) in
        SIGNALS.into_iter().zip([SIGNALS[1], SIGNALS[2], SIGNALS[0]])
    {
        let project = Project::of_spec(SLOW);
        let run = project.exec().start();
        project.wait_for_file("worked");
        run.signal(first);
        until("the first signal's effect", || run.stderr().contains("stopping: ").then_some(()));
        run.signal(second);
        run.wait().expect(status);
        project.nothing_runs();
        let journal = project.journal();
        let was_stopped =
            |record: &serde_json::Value| record["event"]["run"].get("stopped").is_some();
        assert!(!journal.iter().any(was_stopped), "it did not wait: {journal:#?}");
        finish(&project, project.exec().start(), &["worked"]);
        assert_eq!(project.merged("out"), "one");
        project.nothing_is_left();
    }
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let project = Project::of_spec(SPEC);
    let eufm = env!("CARGO_BIN_EXE_eufm");
    let script = "trap '' HUP; exec \"$@\"";
    let run = crate::support::Invocation::of("/bin/sh".as_ref(), project.root(), &project.repo())
        .args(["-c", script, "sh", eufm, "exec", "plan.lock", "--state"])
        .arg(project.state())
        .start();
    project.wait_for_file("worked");
    run.signal("HUP");
    finish(&project, run, &PHASES);
}

/// Tells whether everything that has to do with a project is stopped.
fn stands_still(project: &Project) -> bool {
    let is_stopped = |process: &String| {
        let pid = process.split(':').next().unwrap_or_default();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('T')
    };
    survivors(project.root()).iter().all(is_stopped)
}

/// How long a pause lasts here: longer than a run takes to begin and to end.
const PAUSE: Duration = Duration::from_secs(3);

#[test]
fn a_pause_stops_all_that_runs_and_takes_no_time_of_the_run() {
    let tree = undisturbed();
    for position in 0..PHASES.len() {
        let project = Project::of_spec(SPEC);
        let began = Instant::now();
        let run = project.exec().start();
        for pipe in &PHASES[..position] {
            project.send(pipe, "go");
        }
        project.wait_for_file(PHASES[position]);
        run.signal("TSTP");
        until("everything to stand still", || stands_still(&project).then_some(()));
        let paused = Instant::now();
        until("the end of the pause", || (paused.elapsed() > PAUSE).then_some(()));
        assert!(stands_still(&project));
        run.signal("CONT");
        finish(&project, run, &PHASES[position..]);
        let most = began.elapsed() - PAUSE;
        let report = std::fs::read_to_string(project.run_dir().join("run.json")).expect("written");
        let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
        let active = Duration::from_millis(report["active_ms"].as_u64().expect("a number"));
        assert!(active <= most, "{active:?} of {most:?}");
        assert_eq!(project.tree(), tree);
        project.nothing_is_left();
    }
}

#[test]
fn a_run_that_is_killed_while_it_is_paused_leaves_nothing_behind() {
    let project = Project::of_spec(SPEC);
    let run = project.exec().start();
    project.wait_for_file("worked");
    run.signal("TSTP");
    until("everything to stand still", || stands_still(&project).then_some(()));
    run.kill();
    project.nothing_runs();
    finish(&project, project.exec().start(), &PHASES);
    project.nothing_is_left();
}
