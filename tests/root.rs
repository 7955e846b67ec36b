//! A runner that is root: what runs in its sandboxes is root to the kernel, and
//! still may set nothing of the host.
//!
//! Files of root in /proc need no capability to be written, only their owner. To
//! anybody else they are closed; some of them show the sandbox's own namespaces,
//! whose owner it is then.

use std::process::Command;

use crate::support::{Project, have_root};

/// Lists what of /proc can be written that belongs to no process. Pressure has
/// files that anyone may write: each opening is a watch of its own.
const LIST: &str = r#"
import os
found = []
for top in sorted(os.listdir("/proc")):
    path = "/proc/" + top
    if top.isdigit() or os.path.islink(path) or top == "pressure":
        continue
    names = [path] if os.path.isfile(path) else []
    for folder, _, files in os.walk(path):
        names += [folder + "/" + name for name in files]
    found += [name for name in names if os.access(name, os.W_OK)]
print("\n".join(found))
"#;

const SPEC: &str = r#"edition 1
pipeline settings { base = "main" }
agent builder is codex { cli = "0.169.0", model = "gpt-5.5", network = none }
gate lists is command { run = ["python3", "list.py"] }
command direct {
  run    = ["sh", "-c", "python3 list.py > direct.txt"]
  writes = ["direct.txt"]
  gates  = [lists]
}
task agent by builder { prompt = "List.", writes = ["*.txt"] }
"#;

const CASSETTE: &str = r#"format = 1
[[node.agent]]
shell = """
python3 list.py > agent.txt
unshare --keep-caps -Um sh -c 'umount /proc/sys; mount -o remount,bind,rw /proc/sys; python3 list.py > inner.txt'
"""
[[node.agent]]
say = "Done."
"#;

/// Tells whether a file of /proc is about whoever opens it: its namespaces of messages,
/// semaphores and shared memory (ipc_namespaces(7)), and its numbers of processes.
fn is_of_namespace(name: &str) -> bool {
    let kernel = ["auto_msgmni", "msg", "ns_last_pid", "pid_max", "sem", "shm"];
    let is_of = |kind: &&str| {
        name.strip_prefix("/proc/sys/kernel/").is_some_and(|it| it.starts_with(*kind))
    };
    name.starts_with("/proc/sys/fs/mqueue/") || kernel.iter().any(is_of)
}

#[test]
fn nothing_of_the_kernel_can_be_set_from_inside() {
    let project = Project::new(&[("list.py", LIST)]);
    project.write("spec.eufm", SPEC);
    project.write("cassette.toml", CASSETTE);
    project.compile().expect(0);
    project.exec_agents().run().expect(0);
    let log = project.run_dir().join("nodes/0000-direct/1/gate-lists.log");
    let gate = std::fs::read_to_string(log).expect("the gate's log");
    let inner = project.merged("inner.txt");
    for (place, list) in [
        ("a command", project.merged("direct.txt")),
        ("a gate", gate.trim().to_owned()),
        ("the model's command", project.merged("agent.txt")),
        ("the model's command in a namespace", inner),
    ] {
        let of_host: Vec<&str> =
            list.lines().filter(|name| have_root() || !is_of_namespace(name)).collect();
        assert_eq!(of_host, [""; 0], "{place} can write these");
    }
    if have_root() {
        let control = Command::new("python3").arg(project.repo().join("list.py")).output();
        let control = String::from_utf8(control.expect("python3").stdout).expect("UTF-8");
        assert!(control.contains("/proc/sys/kernel/core_pattern"), "the control finds it");
    }
    project.nothing_is_left();
}
