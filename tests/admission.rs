//! A run on a host without room: what is to be started waits, and says why.
//!
//! The host's figures are files that are mounted over the kernel's; so these
//! need root, as CI is. Commands run in place: no sandbox can be made where
//! something lies over /proc.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::{Invocation, Project, have_root, not_tested, until};

const SPEC: &str = r#"edition 1
pipeline roomy { base = "main" }
command first { run = ["true"], in_place = true }
command second { needs = [first], run = ["true"], in_place = true }
"#;

/// A run of `plan.lock` after `prepare`, in mounts of its own; `None`, said
/// loudly, for somebody who may not mount.
fn exec(project: &Project, prepare: &str, path: &Path) -> Option<Invocation> {
    if !have_root() {
        not_tested("admission on a host without room, which needs root");
        return None;
    }
    let run = Invocation::of(Path::new("unshare"), project.root(), &project.repo());
    let run = run.args(["--mount", "sh", "-c", prepare]).arg(path);
    let run = run.arg(env!("CARGO_BIN_EXE_eufm")).args(["exec", "plan.lock", "--state"]);
    Some(run.arg(project.state()))
}

const MEMINFO: &str = "mount --bind \"$0\" /proc/meminfo && exec \"$@\"";

/// Says how much memory the host has.
fn memory(project: &Project, mebibytes: u64) -> PathBuf {
    let path = project.root().join("meminfo");
    // Written over: it stays the file that is mounted.
    std::fs::write(&path, format!("MemAvailable: {} kB\n", mebibytes << 10)).expect("written");
    path
}

/// How long a start is held here: longer than the run takes otherwise.
const WAIT: Duration = Duration::from_secs(3);

#[test]
fn a_start_waits_until_the_host_has_memory() {
    let project = Project::of_spec(SPEC);
    let Some(run) = exec(&project, MEMINFO, &memory(&project, 310)) else { return };
    let began = Instant::now();
    let run = run.start();
    let reason = "first: held: host is short of memory: 310 MiB free, 512 MiB wanted";
    until("the reason", || run.stderr().contains(reason).then_some(()));
    assert!(project.facts("first", "started").is_empty());
    let held = Instant::now();
    until("a while", || (held.elapsed() > WAIT).then_some(()));
    memory(&project, 4096);
    let ended = run.wait().expect(0);
    let ended = ended.says(&["first: there is room for it now"]);
    assert_eq!(ended.stderr.matches("held:").count(), 1, "said once: {}", ended.stderr);
    let report = std::fs::read_to_string(project.run_dir().join("run.json")).expect("written");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let active = Duration::from_millis(report["active_ms"].as_u64().expect("a number"));
    assert!(
        active + WAIT <= began.elapsed(),
        "waiting counted: {active:?} of {:?}",
        began.elapsed()
    );
    assert_eq!(project.facts("second", "committed").len(), 1);
    project.nothing_is_left();
}

#[test]
fn a_run_that_waits_for_room_can_be_stopped_and_goes_on() {
    let project = Project::of_spec(SPEC);
    let Some(run) = exec(&project, MEMINFO, &memory(&project, 1)) else { return };
    let run = run.start();
    until("the reason", || run.stderr().contains("first: held: ").then_some(()));
    run.signal("INT");
    run.wait().expect(130);
    project.nothing_is_left();
    project.exec().run().expect(0).says(&["taken up again"]);
}

/// A small disk for the state, which is kept elsewhere afterwards.
const DISK: &str = "mkdir \"$0\" && mount -t tmpfs -o size=24m none \"$0\" && chmod 700 \"$0\" && \
                    \"$@\"; code=$?; cp -a \"$0\" \"$0.kept\"; exit $code";

#[test]
fn a_run_on_a_full_disk_is_stopped_with_its_journal_whole() {
    let spec = SPEC.replace("\"true\"", "\"sleep\", \"600\"");
    let project = Project::of_spec(&spec);
    let state = project.state();
    let Some(run) = exec(&project, DISK, &state) else { return };
    let ended = run.run().expect(8);
    ended.says(&["the disk with the state is full: "]).shows(&["the same command goes on"]);
    std::fs::remove_dir(&state).expect("the mount is gone");
    std::fs::rename(state.with_file_name("state.kept"), &state).expect("kept");
    let last = project.journal().pop().expect("a record");
    assert!(last["event"]["run"].get("stopped").is_some(), "{last}");
    assert!(!state.join("reserve").exists(), "it made way");
}
