//! Limits on time do not depend on what a clock shows: durations are carried
//! from one runner to the next, never moments.
//!
//! The clocks of a runner are set on by more than a day in a namespace of its
//! own. That only the kernel's steady clock is used for limits, and the one that
//! people set nowhere but in `runner/clock.rs`, is asserted in `layering`.

use std::path::Path;

use crate::support::{Invocation, Project};

const SPEC: &str = r#"edition 1
pipeline timed { base = "main", budget { wall <= 10 min } }
command waits {
  run    = ["sh", "-c", "mkfifo pipe; read line < pipe; rm pipe"]
  budget { wall <= 5 min }
}
"#;

/// A day and more, in seconds.
const AHEAD: &str = "100000";

/// A run whose steady clocks are ahead.
fn ahead(project: &Project) -> Invocation {
    Invocation::of(Path::new("unshare"), project.root(), &project.repo())
        .args(["--user", "--map-current-user", "--time"])
        .args(["--monotonic", AHEAD, "--boottime", AHEAD, env!("CARGO_BIN_EXE_eufm")])
        .args(["exec", "plan.lock", "--state"])
        .arg(project.state())
}

/// Stops a run while its command waits.
fn stop(project: &Project, run: Invocation) {
    let run = run.start();
    project.wait_for_file("pipe");
    run.signal("INT");
    run.wait().expect(130);
}

#[test]
fn a_run_goes_on_by_its_durations_whatever_the_clocks_of_its_runners_show() {
    for ahead_first in [true, false] {
        let project = Project::of_spec(SPEC);
        let (first, second) = match ahead_first {
            true => (ahead(&project), project.exec()),
            false => (project.exec(), ahead(&project)),
        };
        stop(&project, first);
        let run = second.start();
        project.send("pipe", "go");
        run.wait().expect(0).says(&["taken up again"]);
        let report = std::fs::read_to_string(project.run_dir().join("run.json")).expect("written");
        let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
        let active = report["active_ms"].as_u64().expect("a number");
        assert!(active < 600_000, "{active} ms");
        project.nothing_is_left();
    }
}

#[test]
fn a_limit_ends_what_runs_though_the_clocks_are_ahead() {
    let project = Project::of_spec(&SPEC.replace("5 min", "300 ms"));
    ahead(&project).run().expect(5).shows(&["its wall budget is used up"]);
    project.nothing_is_left();
}
