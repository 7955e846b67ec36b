//! Kept folders when a runner is killed or stopped, where the host has no
//! layers, and in the hands of an agent.

use std::path::{Path, PathBuf};

use crate::support::{Invocation, Project, until};

/// Waits in the middle, until somebody writes to the pipe.
const WAITS: &str =
    "echo half > cache/half\nmkfifo hold\nread line < hold\necho whole > cache/half\n";

const SPEC: &str = r#"edition 1
pipeline small { base = "main" }
environment warm {
  prepare = ["sh", "prepare.sh"]
  keep    = ["cache"]
}
gate warm is command { run = ["sh", "-c", "grep -q whole cache/half"] }
command one {
  run    = ["sh", "-c", "cat cache/half > seen.txt; echo mine > cache/half"]
  writes = ["seen.txt"]
  env    = [warm]
  gates  = [warm]
}
"#;

fn project(prepare: &str, spec: &str) -> Project {
    let project = Project::new(&[("prepare.sh", prepare)]);
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project
}

/// Waits until an environment is being prepared, up to its pipe.
fn wait_for_pipe(project: &Project) -> PathBuf {
    let root = project.state().join("environments");
    until("the pipe of preparing", || {
        let entries = std::fs::read_dir(&root).ok()?;
        let mut pipes = entries.flatten().map(|entry| entry.path().join("tree/hold"));
        pipes.find(|pipe| pipe.exists())
    })
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into()).collect()
}

#[test]
fn what_was_half_prepared_when_the_runner_was_killed_is_never_used() {
    let project = project(WAITS, SPEC);
    let first = project.exec().start();
    wait_for_pipe(&project);
    first.kill().expect(137);
    project.nothing_runs();
    let second = project.exec().start();
    let pipe = until("the second preparing", || {
        // That of the first is gone as soon as the second begins.
        let said = second.stderr();
        said.contains("preparing warm").then(|| wait_for_pipe(&project))
    });
    std::fs::write(pipe, "go on\n").expect("it reads");
    second.wait().expect(0);
    assert_eq!(project.merged("seen.txt"), "whole");
    let left = names(&project.state().join("environments"));
    assert!(left.iter().all(|name| !name.ends_with(".new")), "{left:?}");
    project.nothing_is_left();
}

#[test]
fn a_signal_while_preparing_stops_before_there_is_a_run() {
    let project = project(WAITS, SPEC);
    let run = project.exec().start();
    wait_for_pipe(&project);
    run.signal("TERM");
    run.wait().expect(143).says(&["while environments were prepared"]);
    assert!(project.journal().is_empty());
    let left = names(&project.state().join("environments"));
    assert!(left.iter().all(|name| name.ends_with(".logs")), "{left:?}");
    project.nothing_is_left();
}

#[test]
fn a_runner_that_is_killed_leaves_no_mount_and_its_run_goes_on() {
    let spec = SPEC.replace(
        "cat cache/half > seen.txt;",
        "mkfifo wait; read line < wait; rm wait; cat cache/half > seen.txt;",
    );
    let project = project("echo whole > cache/half\n", &spec);
    let first = project.exec().start();
    project.wait_for_file("wait");
    first.kill().expect(137);
    project.nothing_runs();
    let mounts = std::fs::read_to_string("/proc/self/mounts").expect("/proc");
    let root = project.root().to_str().expect("a plain path");
    assert!(!mounts.contains(root), "a mount is left: {mounts}");
    let second = project.exec().start();
    project.send("wait", "go on");
    second.wait().expect(0).keeps_quiet_about("preparing");
    assert_eq!(project.merged("seen.txt"), "whole");
    project.nothing_is_left();
}

#[test]
fn where_the_host_has_no_layers_each_gets_a_copy() {
    let project = project("echo whole > cache/half\n", SPEC);
    // An overlay cannot hold the changes of another one.
    let folders = ["lower", "upper", "work", "state"].map(|name| project.root().join(name));
    for folder in &folders {
        std::fs::create_dir(folder).expect("a folder can be made");
    }
    let [lower, upper, work, state] = folders.map(|folder| folder.display().to_string());
    let mount = format!(
        "mount -t overlay overlay -o lowerdir={lower},upperdir={upper},workdir={work},userxattr \
         {state} && exec \"$@\""
    );
    let unshare = Invocation::of(Path::new("/usr/bin/unshare"), project.root(), &project.repo());
    let exec = unshare.args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount, "sh"]);
    let exec = exec.arg(env!("CARGO_BIN_EXE_eufm")).args(["exec", "plan.lock", "--state", &state]);
    exec.run().expect(0).says(&["kept folders are copied", "an overlay cannot be mounted"]);
    assert_eq!(project.merged("seen.txt"), "whole");
    project.nothing_runs();
}

#[test]
fn an_agents_commands_change_their_own_layer_and_no_others() {
    let spec = r#"edition 1
pipeline small { base = "main" }
environment warm {
  prepare = ["sh", "prepare.sh"]
  keep    = ["cache", "~/.tool"]
}
agent builder is codex { cli = "0.169.0", model = "gpt-5.5", network = none }
gate warm is command { run = ["sh", "-c", "grep -q whole cache/half && grep -q whole ~/.tool/half"] }
task one by builder {
  prompt = "Look."
  writes = ["seen.txt"]
  env    = [warm]
  gates  = [warm]
}
command two {
  needs  = [one]
  run    = ["sh", "-c", "cat cache/half >> seen.txt"]
  writes = ["seen.txt"]
  env    = [warm]
  gates  = [warm]
}
"#;
    let prepare = "echo whole | tee cache/half > ~/.tool/half\n";
    let project = project(prepare, spec);
    project.write(
        "cassette.toml",
        r"format = 1
[[node.one]]
shell = '''
cat cache/half ~/.tool/half > seen.txt; echo mine > cache/half; cat cache/half >> seen.txt
'''
[[node.one]]
say = 'Done.'
",
    );
    project.exec_agents().run().expect(0);
    assert_eq!(project.merged("seen.txt"), "whole\nwhole\nmine\nwhole");
    project.nothing_is_left();
}
