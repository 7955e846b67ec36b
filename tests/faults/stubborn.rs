//! Children that do not want to die: nothing of them survives a stop, nor the
//! kill -9 of the runner.

use crate::support::Project;

/// Six ways not to die with one's parent, in Python.
const KINDS: [(&str, &str); 6] = [
    ("leaves the session", "if os.fork() == 0: os.setsid(); sleep()"),
    (
        "forks twice",
        "
if os.fork() == 0:
    if os.fork() == 0: sleep()
    os._exit(0)
",
    ),
    (
        "ignores signals",
        "
for number in range(1, 32):
    if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
if os.fork() == 0: sleep()
",
    ),
    (
        "is sixty-four, each in a session of its own",
        "
for level in range(6):
    if os.fork() == 0: os.setsid()
if os.getpid() != first: sleep()
",
    ),
    (
        "closes its streams",
        "
if os.fork() == 0:
    for descriptor in range(3): os.close(descriptor)
    sleep()
",
    ),
    (
        "is a daemon that holds the output",
        "
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        while True: os.write(1, b'still here\\n'); time.sleep(1)
    os._exit(0)
",
    ),
];

/// Makes a project whose command has such children and waits until somebody
/// writes to `pipe`.
fn project(children: &str) -> Project {
    let script = format!(
        "import os, signal, time\nfirst = os.getpid()\ndef sleep():\n    while True: time.sleep(600)\n\
         {children}\nos.mkfifo('pipe')\nopen('pipe').read()\nos.remove('pipe')\n"
    );
    let project = Project::new(&[("stubborn.py", &script)]);
    project.write(
        "spec.eufm",
        "edition 1\npipeline stubborn { base = \"main\" }\ncommand holds { run = [\"python3\", \
         \"stubborn.py\"] }\n",
    );
    project.compile().expect(0);
    project
}

#[test]
fn nothing_of_them_survives_a_stop() {
    for (kind, children) in KINDS {
        let project = project(children);
        let run = project.exec().start();
        project.wait_for_file("pipe");
        run.signal("INT");
        let ended = run.wait();
        assert_eq!(ended.code(), 130, "a child that {kind}: {}", ended.stderr);
        project.nothing_is_left();
    }
}

#[test]
fn nothing_of_them_survives_the_kill_of_the_runner() {
    for (kind, children) in KINDS {
        let project = project(children);
        let run = project.exec().start();
        project.wait_for_file("pipe");
        run.kill();
        project.nothing_runs();
        let run = project.exec().start();
        project.send("pipe", "go");
        let ended = run.wait();
        assert_eq!(ended.code(), 0, "a child that {kind}: {}", ended.stderr);
        project.nothing_is_left();
    }
}
