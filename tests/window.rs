//! The hours of a plan: what is outside of them waits, without taking of the run's
//! time, and can be stopped and taken up again.
//!
//! Which hours there are depends on the time at which a test runs; what a calendar
//! says of them is tested in `runner/window.rs`.

use serde_json::Value;

use crate::support::{Project, until};

/// A project whose window begins so many hours from now and lasts three.
fn project(hours: i64) -> Project {
    let now = jiff::Timestamp::now();
    let at = |hours: i64| {
        let moment = now.saturating_add(jiff::SignedDuration::from_hours(hours)).expect("a moment");
        moment.strftime("%H:%M").to_string()
    };
    Project::of_spec(&format!(
        "edition 1\npipeline nightly {{\n  base = \"main\"\n  window = \"{}-{} UTC\"\n  budget {{ wall <= 10 s \
         }}\n}}\ncommand one {{ run = [\"sh\", \"-c\", \"echo 1 > one\"], writes = [\"one\"] }}\n",
        at(hours),
        at(hours + 3)
    ))
}

#[test]
fn within_its_hours_a_run_goes_on() {
    let project = project(-1);
    project.exec().run().expect(0).keeps_quiet_about("window");
    assert_eq!(project.merged("one"), "1");
}

#[test]
fn outside_of_its_hours_a_run_waits_and_says_until_when() {
    let project = project(2);
    let run = project.exec().start();
    let said = until("the status of a run that waits", || {
        let said = run.stderr();
        said.contains("; window opens ").then_some(said)
    });
    assert!(said.contains("nothing is started: window opens "), "{said}");
    assert!(said.contains(" UTC, in 1 h ") || said.contains(" UTC, in 2 h "), "{said}");
    let is_heartbeat = |record: &&Value| record["event"]["run"] == "heartbeat";
    let journal = project.journal();
    let heartbeat = journal.iter().find(is_heartbeat).expect("time has passed");
    // More has passed than the run's whole time, and next to none of it counts.
    assert!(heartbeat["at_ms"].as_u64().expect("a number") < 8_000, "{heartbeat}");
    run.signal("TERM");
    run.wait().expect(143);
    assert!(project.facts("one", "started").is_empty());
    project.nothing_is_left();

    let run = project.exec().start();
    until("a run that waits again", || {
        let said = run.stderr();
        let waits = said.contains("taken up again") && said.contains("nothing is started");
        waits.then_some(())
    });
    run.signal("TERM");
    run.wait().expect(143);
    project.nothing_is_left();
}
