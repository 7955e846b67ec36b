//! Two runners at once: exactly one works, the other says who does; and a runner
//! that was killed is in nobody's way, whatever it left running.

use std::fs::File;
use std::path::Path;

use crate::support::{Invocation, Project, Running, until};

/// How many pairs there are.
const PAIRS: usize = 100;

/// Waits in its command until somebody writes to `pipe`.
const WAITING: &str = r#"edition 1
pipeline waiting { base = "main" }
command waits { run = ["sh", "-c", "mkfifo pipe; read line < pipe; rm pipe"] }
"#;

/// Starts a run that waits at a barrier: until somebody opens it for writing.
fn at_barrier(project: &Project, number: usize) -> Running {
    let script = "echo > \"$1\"; : < \"$2\"; shift 2; exec \"$@\"";
    let waiting = Invocation::of(Path::new("/bin/sh"), project.root(), &project.repo())
        .args(["-c", script, "sh"])
        .arg(project.root().join(format!("there-{number}")))
        .arg(project.root().join("barrier"))
        .arg(env!("CARGO_BIN_EXE_eufm"))
        .args(["exec", "plan.lock", "--state"])
        .arg(project.state());
    waiting.start()
}

/// Starts two runs in the same moment; returns the one that works and the one
/// that does not.
fn race(project: &Project) -> (Running, Running) {
    let mut pair = [at_barrier(project, 0), at_barrier(project, 1)];
    for number in 0..2 {
        let there = project.root().join(format!("there-{number}"));
        until("a run at the barrier", || there.exists().then_some(()));
        std::fs::remove_file(there).expect("removed");
    }
    // For both, so that it never waits: a child of another test that is not yet
    // another program may have held it open, and let the runs pass before.
    let open = File::options().read(true).write(true).open(project.root().join("barrier"));
    let barrier = open.expect("the barrier");
    let loser = until("one to give up", || pair.iter_mut().position(Running::has_ended));
    drop(barrier);
    let [a, b] = pair;
    if loser == 0 { (b, a) } else { (a, b) }
}

#[test]
fn of_two_that_start_together_exactly_one_runs() {
    let project = Project::of_spec(WAITING);
    let made = std::process::Command::new("mkfifo").arg(project.root().join("barrier")).status();
    assert!(made.expect("mkfifo runs").success());
    for _ in 0..PAIRS {
        let (mut winner, loser) = race(&project);
        let pid = winner.pid();
        loser.wait().expect(75).says(&[&format!("process {pid} "), "another eufm works on"]);
        assert!(!winner.has_ended(), "nobody works: {}", winner.stderr());
        winner.kill();
    }
    last_one_finishes(&project);
}

/// Starts the run once more, ends its command, and asserts that nothing is left,
/// also of those that were killed when they had just started a sandbox.
fn last_one_finishes(project: &Project) {
    let before = starts(project);
    let last = project.exec().start();
    until("the last start", || (starts(project) > before).then_some(()));
    project.send("pipe", "go");
    last.wait().expect(0);
    assert_eq!(project.facts("waits", "committed").len(), 1);
    project.nothing_is_left();
}

fn starts(project: &Project) -> usize {
    project.facts("waits", "spawned").len()
}

#[test]
fn a_killed_holder_with_a_living_child_turns_nobody_away() {
    let project = Project::of_spec(WAITING);
    for number in 0..10 {
        let mut holder = project.exec().start();
        until("the command", || {
            assert!(!holder.has_ended(), "turned away: {}", holder.stderr());
            (starts(&project) > number).then_some(())
        });
        holder.kill();
    }
    last_one_finishes(&project);
}

#[test]
fn no_child_inherits_the_lock_or_the_journal() {
    let spec = "edition 1\npipeline fds { base = \"main\" }\ncommand lists { run = [\"sh\", \
                \"-c\", \"ls -l /proc/self/fd > fds.txt\"], writes = [\"fds.txt\"] }\n";
    let project = Project::of_spec(spec);
    project.exec().run().expect(0);
    let listed = project.merged("fds.txt");
    assert!(listed.contains(" 0 -> /dev/null"), "nothing is listed: {listed}");
    let state = project.state().display().to_string();
    for line in listed.lines().filter(|line| line.contains(&state)) {
        assert!(line.ends_with(".log"), "a child has {line}");
    }
    assert!(!listed.contains("lock") && !listed.contains("journal"), "{listed}");
}
