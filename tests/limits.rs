//! What takes more than it may is ended, whole, with the reason; by the kernel
//! where the host has control groups, and by looks where these are hidden.
//!
//! Each test runs on the host as it is and again without its control groups.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Ended, Invocation, Project, have_root, not_tested, until};

/// How a test's runs see the control groups of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Groups {
    /// As they are.
    Seen,
    /// Something else is mounted over them.
    Hidden,
}

/// Tells whether the control groups of this host can be used; says so loudly
/// when they cannot. Root in a container without them sets the variable.
fn have_groups() -> bool {
    let declared = std::env::var_os("EUFM_TEST_NO_CGROUPS").is_some();
    if have_root() && !declared {
        return true;
    }
    not_tested("limits by control groups, which need root and writable cgroups");
    false
}

/// Lists the ways in which a test runs.
fn ways() -> Vec<Groups> {
    let seen = have_groups().then_some(Groups::Seen);
    seen.into_iter().chain([Groups::Hidden]).collect()
}

/// A run of `plan.lock`.
fn exec(project: &Project, groups: Groups) -> Invocation {
    match groups {
        Groups::Seen => project.exec(),
        Groups::Hidden => {
            // Nobody starts the runner with capabilities, and bwrap takes none.
            let hide = "mount -t tmpfs -o ro none /sys/fs/cgroup && \
                        exec setpriv --inh-caps=-all --ambient-caps=-all \"$@\"";
            let state = project.state();
            Invocation::of(Path::new("unshare"), project.root(), &project.repo())
                // Root needs no namespace of users, and has more rights without.
                .args(if have_root() { &["--mount"][..] } else { BY_A_USER })
                .args(["sh", "-c", hide, "sh", env!("CARGO_BIN_EXE_eufm")])
                .args(["exec", "plan.lock", "--state"])
                .arg(state)
        }
    }
}

/// How somebody who is not root gets mounts of their own.
const BY_A_USER: &[&str] = &["--user", "--map-current-user", "--keep-caps", "--mount"];

/// Returns the facilities that the last runner named, by name: level and how.
fn facility(project: &Project, name: &str) -> (String, String) {
    let journal = project.journal();
    let mut all = journal.iter().rev().filter_map(|it| it["event"]["run"].get("limited"));
    let facilities = all.next().expect("a runner named its limits")["facilities"].clone();
    let list = facilities.as_array().expect("a list");
    let it = list.iter().find(|it| it["name"] == name).expect("the facility is named");
    let text = |key: &str| it[key].as_str().expect("a text").to_owned();
    (text("level"), text("how"))
}

/// Lists the control groups of the only run that are still there.
fn groups_of(project: &Project) -> Vec<PathBuf> {
    let run = project.run_dir();
    let run = run.file_name().and_then(|name| name.to_str()).expect("a plain name");
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().filter_map(Result::ok) {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let name = entry.file_name().to_string_lossy().into_owned();
                if name.starts_with(&format!("eufm-{run}-")) {
                    found.push(entry.path());
                }
                folders.push(entry.path());
            }
        }
    }
    found
}

#[track_caller]
fn nothing_is_left(project: &Project) {
    project.nothing_is_left();
    assert_eq!(groups_of(project), [] as [PathBuf; 0], "control groups are left");
    assert!(!project.run_dir().join("groups").exists());
}

/// Asserts that the run's own state is whole: the same command gives the same
/// answer from its journal.
#[track_caller]
fn stays_ended(project: &Project, groups: Groups, code: i32) -> Ended {
    let before = project.journal();
    let again = exec(project, groups).run().expect(code);
    assert_eq!(project.journal(), before);
    again
}

fn configured(project: &Project, limits: &str) {
    let folder = project.root().join("home/.config/eufm");
    std::fs::create_dir_all(&folder).expect("made");
    std::fs::write(folder.join("config.toml"), format!("[limits]\n{limits}\n")).expect("written");
}

#[test]
fn what_takes_more_memory_than_it_may_is_ended_whole() {
    let spec = r#"edition 1
pipeline eats { base = "main" }
command greedy {
  # A child that survives its own end would go on eating.
  run = ["sh", "-c", "for i in 1 2 3; do setsid python3 -c 'x = bytearray(40 << 20); import time; time.sleep(600)' & done; wait; sleep 600"]
  budget { memory <= 100 MiB, attempts <= 3 }
}
command modest { run = ["python3", "-c", "x = bytearray(40 << 20)"], budget { memory <= 100 MiB } }
"#;
    for groups in ways() {
        let project = Project::of_spec(spec);
        let ended = exec(&project, groups).run().expect(5);
        ended.shows(&["its memory budget is used up: it used ", "it may use 100 MiB"]);
        assert_eq!(project.facts("greedy", "started").len(), 1, "another try would not help");
        assert_eq!(project.facts("modest", "committed").len(), 1);
        let (level, how) = facility(&project, "memory");
        match groups {
            Groups::Seen => assert!(level == "holds" && how.starts_with("cgroup v"), "{how}"),
            Groups::Hidden => assert_eq!(level, "watched"),
        }
        nothing_is_left(&project);
        stays_ended(&project, groups, 5);
    }
}

#[test]
fn files_in_memory_are_memory() {
    let spec = r#"edition 1
pipeline fills { base = "main" }
command greedy {
  run = ["sh", "-c", "head -c 150M /dev/zero > /tmp/large; sleep 600"]
  budget { memory <= 100 MiB }
}
"#;
    for groups in ways() {
        let project = Project::of_spec(spec);
        exec(&project, groups).run().expect(5).shows(&["its memory budget is used up"]);
        nothing_is_left(&project);
    }
}

#[test]
fn nodes_that_take_too_much_together_lose_the_largest() {
    let spec = r#"edition 1
pipeline sums { base = "main", budget { parallel <= 2, memory <= 264 MiB } }
command small { run = ["python3", "-c", "x = bytearray(70 << 20); open('up', 'w'); import time, os\nwhile not os.path.exists('go'): time.sleep(0.01)\nos.remove('go'); os.remove('up')"] }
command large { run = ["python3", "-c", "import time\nx = []\nwhile True: x.append(bytearray(1 << 20)); time.sleep(0.002)"] }
"#;
    for groups in ways() {
        let project = Project::of_spec(spec);
        let run = exec(&project, groups).start();
        let up = project.wait_for_file("up");
        crate::support::until("the end of the large one", || {
            project.facts("large", "exited").pop()
        });
        std::fs::write(up.with_file_name("go"), "").expect("written");
        run.wait().expect(5).shows(&["the run's memory budget is used up: it used the most"]);
        assert_eq!(project.facts("small", "committed").len(), 1);
        nothing_is_left(&project);
    }
}

#[test]
fn a_fork_bomb_is_contained() {
    let spec = r#"edition 1
pipeline forks { base = "main" }
command bomb { run = BOMB }
command after { run = ["true"] }
"#;
    // Where nothing but looks is there to hold it, one that has an end: it must
    // not take down the host of the tests if it is not contained.
    let endless = r#"["sh", "-c", "b() { b | b & b; }; b; sleep 600"]"#;
    let long = r#"["python3", "-c", "import os, time\nfor i in range(1500):\n  if os.fork() == 0: time.sleep(600)\ntime.sleep(600)"]"#;
    for groups in ways() {
        let bomb = if groups == Groups::Seen { endless } else { long };
        let project = Project::of_spec(&spec.replace("BOMB", bomb));
        configured(&project, "processes = 100");
        let ended = exec(&project, groups).run().expect(5);
        ended.shows(&["as many processes and threads as it may have: 100"]);
        assert_eq!(project.facts("after", "committed").len(), 1);
        let (level, _) = facility(&project, "processes");
        assert_eq!(level, if groups == Groups::Seen { "holds" } else { "watched" });
        nothing_is_left(&project);
        stays_ended(&project, groups, 5);
    }
}

#[test]
fn a_file_that_grows_too_large_is_stopped() {
    let spec = r#"edition 1
pipeline grows { base = "main" }
command bomb { run = ["sh", "-c", "exec cat /dev/zero > large"], writes = ["large"] }
"#;
    for groups in ways() {
        let project = Project::of_spec(spec);
        configured(&project, "file = \"4 MiB\"");
        exec(&project, groups).run().expect(5).shows(&["a file beyond the 4 MiB"]);
        nothing_is_left(&project);
        stays_ended(&project, groups, 5);
    }
}

#[test]
fn many_files_that_fill_the_disk_are_stopped() {
    let spec = r#"edition 1
pipeline piles { base = "main" }
command bomb {
  run = ["sh", "-c", "i=0; while [ $i -lt 40 ]; do head -c 1M /dev/zero > $i; i=$((i + 1)); done; sleep 600"]
  writes = ["**"]
}
"#;
    for groups in ways() {
        let project = Project::of_spec(spec);
        configured(&project, "disk = \"16 MiB\"");
        exec(&project, groups).run().expect(5).shows(&["its disk is used up", "by 16 MiB"]);
        nothing_is_left(&project);
    }
}

#[test]
fn a_gate_that_takes_too_much_uses_its_nodes_budget_up() {
    let spec = r#"edition 1
pipeline judged { base = "main" }
gate hungry is command { run = ["python3", "-c", "x = bytearray(300 << 20); import time; time.sleep(600)"] }
command small { run = ["true"], gates = [hungry], budget { memory <= 100 MiB } }
"#;
    for groups in ways() {
        let project = Project::of_spec(spec);
        exec(&project, groups).run().expect(5).shows(&[
            "gate hungry did not pass: its memory budget is used up: it used ",
            "it may use 100 MiB (after 1 attempt)",
        ]);
        let judged = &project.facts("small", "judged")[0];
        assert_eq!(judged["verdict"], "fail");
        let exceeded = judged["exceeded"].as_str().expect("a limit");
        assert!(exceeded.starts_with("its memory budget is used up"), "{exceeded}");
        stays_ended(&project, groups, 5);
        nothing_is_left(&project);
    }
}

#[test]
fn a_gate_that_does_not_end_uses_its_nodes_time_up() {
    let spec = r#"edition 1
pipeline judged { base = "main" }
gate endless is command { run = ["sleep", "600"] }
command small { run = ["true"], gates = [endless], budget { wall <= 2 s, attempts <= 1 } }
"#;
    let project = Project::of_spec(spec);
    let said = "gate endless did not pass: the node's wall budget is used up (after 1 attempt)";
    project.exec().run().expect(5).shows(&[said]);
    project.nothing_is_left();
}

#[test]
fn after_a_gate_that_took_too_much_the_next_try_may_take_less() {
    let spec = r#"edition 1
pipeline judged { base = "main" }
agent builder is codex { cli = "0.169.0", model = "gpt-5.5", network = none }
gate hungry is command { run = ["python3", "-c", "import time; x = bytearray(int(open('size').read()) << 20); len(x) > 2 << 20 and time.sleep(600)"] }
task tries by builder {
  prompt = "Write size."
  writes = ["size"]
  gates  = [hungry]
  budget { memory <= 2 GiB, attempts <= 2 }
}
"#;
    let replies = "format = 1\n[[node.tries]]\nshell = 'echo 3000 > size'\n[[node.tries]]\nsay = \
                   'Done.'\n[[node.tries]]\nexpect = 'its memory budget is used up'\nshell = 'echo \
                   1 > size'\n[[node.tries]]\nsay = 'Done.'\n";
    let project = Project::of_spec(spec);
    project.write("cassette.toml", replies);
    project.exec_agents().run().expect(0);
    let judged = project.facts("tries", "judged");
    assert!(judged[0]["exceeded"].is_string() && judged[1]["exceeded"].is_null(), "{judged:?}");
    project.nothing_is_left();
}

#[test]
fn the_groups_of_a_killed_runner_are_removed_by_the_next() {
    if !have_groups() {
        return;
    }
    let spec = r#"edition 1
pipeline killed { base = "main", budget { memory <= 1 GiB } }
command waits { run = ["sh", "-c", "mkfifo pipe; read line < pipe; rm pipe"] }
"#;
    let project = Project::of_spec(spec);
    let run = project.exec().start();
    project.wait_for_file("pipe");
    run.kill();
    assert!(!groups_of(&project).is_empty(), "a killed runner leaves its groups");
    let run = project.exec().start();
    project.send("pipe", "go");
    run.wait().expect(0);
    nothing_is_left(&project);
    let report = std::fs::read_to_string(project.run_dir().join("run.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report["limits"][0]["name"], "memory");
}

#[test]
fn a_cap_that_the_runner_alone_fills_is_refused() {
    let spec = "edition 1\npipeline tiny { base = \"main\", budget { memory <= 64 MiB } }\n\
                command a { run = [\"true\"] }\n";
    let project = Project::of_spec(spec);
    project.exec().run().expect(8).says(&["memory <= 64 MiB", "leaves nothing"]);
}

#[test]
fn a_cap_that_is_more_than_the_host_has_is_refused() {
    let spec = "edition 1\npipeline large { base = \"main\" }\n\
                command a { run = [\"true\"], budget { memory <= 900 TiB } }\n";
    let project = Project::of_spec(spec);
    let words = ["a: memory <= 900 TiB is more than this host has", "help: lower the cap"];
    project.exec().run().expect(8).says(&words);
    assert!(project.journal().is_empty(), "a run was begun");
}

/// A model whose command mounts its control group in a namespace of its own,
/// raises the limit that it sees there, and takes twice what it may.
const LIFTING: &str = r#"format = 1
[[node.lifts]]
shell = '''
cat > /tmp/lift.sh <<'END'
mkdir -p /tmp/m
mount -t cgroup -o memory none /tmp/m || mount -t cgroup2 none /tmp/m
for file in memory.memsw.limit_in_bytes memory.limit_in_bytes memory.max; do
  [ ! -e /tmp/m/$file ] || echo 2G > /tmp/m/$file
done
cat /tmp/m/memory.limit_in_bytes /tmp/m/memory.max > /repo/seen
python3 -c 'x = bytearray(900 << 20)'
END
unshare --keep-caps -UmC sh /tmp/lift.sh; sleep 600
'''
[[node.lifts]]
say = "Done."
"#;

#[test]
fn an_agent_that_lifts_the_limit_it_sees_is_held_by_the_one_above() {
    let spec = r#"edition 1
pipeline lifts { base = "main" }
agent builder is codex { cli = "0.169.0", model = "gpt-5.5", network = none }
task lifts by builder { prompt = "Lift.", writes = ["**"], budget { memory <= 450 MiB } }
"#;
    if !have_groups() {
        return;
    }
    let project = Project::of_spec(spec);
    project.write("cassette.toml", LIFTING);
    let ended = project.exec_agents().run().expect(5);
    ended.shows(&["its memory budget is used up", "it may use 450 MiB"]);
    let (level, how) = facility(&project, "memory");
    assert_eq!(level, "holds");
    let salvage = project.facts("lifts", "exited")[0]["salvage"].clone();
    let seen = format!("{}:seen", salvage.as_str().expect("the work is kept"));
    let vault = project.state().join("vault.git");
    let seen = project.git(&["--git-dir", vault.to_str().expect("a plain name"), "show", &seen]);
    // In version 2 the level of the processes has no file of that limit at all.
    assert!(how == "cgroup v2" || seen == (2_u64 << 30).to_string(), "not lifted: {seen}");
    nothing_is_left(&project);
}

#[test]
fn a_trusted_command_has_the_memory_it_was_given_and_no_other_limit() {
    let spec = r#"edition 1
pipeline trusted { base = "main" }
command greedy {
  in_place = true
  run      = ["sh", "-c", "setsid python3 -c 'x = bytearray(200 << 20); import time; time.sleep(600)' & wait; sleep 600"]
  budget { memory <= 100 MiB }
}
command many {
  in_place = true
  run      = ["sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait"]
  budget { memory <= 100 MiB }
}
"#;
    for groups in ways() {
        let project = Project::of_spec(spec);
        configured(&project, "processes = 4\nfile = \"1 KiB\"");
        exec(&project, groups).run().expect(5).shows(&["it may use 100 MiB"]);
        assert_eq!(project.facts("many", "committed").len(), 1);
        nothing_is_left(&project);
    }
}

#[test]
fn what_is_limited_dies_with_who_started_it_at_any_moment() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let eufm = env!("CARGO_BIN_EXE_eufm");
    let script = format!(
        "'{eufm}' __limit --parent $$ -- sleep 600 & echo $! > pid.new; mv pid.new pid; wait"
    );
    let mut shell = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(dir.path())
        .spawn()
        .expect("sh starts");
    let pid = until("the number of what is limited", || {
        std::fs::read_to_string(dir.path().join("pid")).ok()
    });
    let command = format!("/proc/{}/cmdline", pid.trim());
    // A zombie has no words any more.
    let words = || std::fs::read(&command).unwrap_or_default();
    until("the program behind the limits", || words().starts_with(b"sleep\0").then_some(()));
    shell.kill().expect("killed");
    shell.wait().expect("ended");
    until("the end of what was limited", || words().is_empty().then_some(()));

    let late = std::process::Command::new(eufm)
        .args(["__limit", "--parent", "1", "--", "touch", "late"])
        .current_dir(dir.path())
        .output()
        .expect("it starts");
    assert!(!late.status.success());
    assert!(String::from_utf8_lossy(&late.stderr).contains("is gone"), "{late:?}");
    assert!(!dir.path().join("late").exists(), "it ran without who started it");
}
