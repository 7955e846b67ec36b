//! One writer: who comes second is told who is first, and a lock goes with its
//! holder, however that ends.

use std::fs::File;
use std::time::{Duration, Instant};

use crate::support::{Project, until};

/// Waits in its command until somebody writes to `pipe`.
const WAITING: &str = r#"edition 1
pipeline waiting { base = "main" }
command waits { run = ["sh", "-c", "mkfifo pipe; read line < pipe; rm pipe"] }
"#;

#[test]
fn a_second_exec_ends_75_and_names_the_first() {
    let project = Project::of_spec(WAITING);
    let first = project.exec().start();
    project.wait_for_file("pipe");
    let second = project.exec().run().expect(75);
    second.says(&[&format!("process {}", first.pid()), "another eufm works on"]);
    project.send("pipe", "go");
    first.wait().expect(0);
    project.exec().run().expect(0);
    project.nothing_is_left();
}

#[test]
fn the_lock_of_a_killed_holder_is_free_within_a_second() {
    let project = Project::of_spec(WAITING);
    for _ in 0..3 {
        let first = project.exec().start();
        project.wait_for_file("pipe");
        first.kill();
        // A child that was about to be started may hold it for a moment more.
        let killed = Instant::now();
        let lock = File::open(project.state().join("lock")).expect("the lock file");
        until("the lock", || lock.try_lock().ok());
        assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
    }
    // A dying command must not get what the last one waits for.
    project.nothing_runs();
    let last = project.exec().start();
    project.send("pipe", "go");
    last.wait().expect(0);
    project.nothing_is_left();
}
