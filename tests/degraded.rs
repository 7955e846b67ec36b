//! A protection that is missing on a host is never passed over in silence: it
//! ends a run with 8, or a person permitted it by name, and the record says so.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::{Invocation, Project};

const SPEC: &str = r#"edition 1
pipeline small { base = "main" }
gate seen is command { run = ["sh", "-c", "test -f out && git status --short"] }
command one {
  run    = ["sh", "-c", "git log --oneline > out; pwd >> out; ls / > listing || true"]
  writes = ["out", "listing"]
  gates  = [seen]
}
"#;

/// A way to hide facilities from the program, without its help.
struct Hidden {
    name: &'static str,
    /// What runs in front of the program.
    before: Vec<String>,
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Puts a shell line in front of the program, in namespaces of its own.
fn inside(flags: &[&str], line: &str) -> Vec<String> {
    let line = format!("{line} && exec \"$@\"");
    words(&[&["unshare", "--user", "--map-root-user"], flags, &["sh", "-c", &line, "sh"]].concat())
}

/// A program that installs a filter which denies some system calls, and then
/// becomes another program. Its first argument is a list of numbers.
const FILTER: &str = r#"
import ctypes, os, struct, sys
denied = [int(number) for number in sys.argv[1].split(",")]
load = [struct.pack("HBBI", 0x20, 0, 0, 0)]
test = [struct.pack("HBBI", 0x15, len(denied) - at, 0, call) for at, call in enumerate(denied)]
end = [struct.pack("HBBI", 6, 0, 0, 0x7fff0000), struct.pack("HBBI", 6, 0, 0, 0x00050000 | 38)]
code = ctypes.create_string_buffer(b"".join(load + test + end))
program = struct.pack("HxxxxxxQ", len(load + test + end), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0, "no_new_privs"
assert libc.prctl(22, 2, program, 0, 0) == 0, ctypes.get_errno()
os.execvp(sys.argv[2], sys.argv[2:])
"#;

/// landlock_create_ruleset has one number on all architectures.
const LANDLOCK: &str = "444";

/// seccomp(2) and prctl(2) are how a filter is set; prctl is needed elsewhere,
/// so seccomp(2) alone is hidden.
const SECCOMP: &str = if cfg!(target_arch = "x86_64") { "317" } else { "277" };

fn without_calls(project: &Project, calls: &str) -> Vec<String> {
    project.write("../filter.py", FILTER);
    let filter = project.root().join("filter.py");
    words(&["python3", filter.to_str().expect("a plain name"), calls])
}

/// Takes bubblewrap from the search path: git and unshare alone are there.
fn without_bubblewrap(project: &Project) -> Vec<String> {
    let folder = project.root().join("bin");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    for program in ["git", "unshare"] {
        let found = which(program);
        let link = folder.join(program);
        if !link.exists() {
            std::os::unix::fs::symlink(found, link).expect("a link can be made");
        }
    }
    let env = which("env").to_str().expect("a plain name").to_owned();
    vec![env, format!("PATH={}", folder.to_str().expect("a plain name"))]
}

fn hidden(project: &Project) -> Vec<Hidden> {
    let both = |name, calls: &str| Hidden {
        name,
        before: [without_calls(project, calls), without_bubblewrap(project)].concat(),
    };
    vec![
        Hidden { name: "no bwrap on the PATH", before: without_bubblewrap(project) },
        Hidden {
            name: "no user namespaces",
            before: inside(&[], "echo 0 > /proc/sys/user/max_user_namespaces"),
        },
        Hidden {
            name: "no network namespaces",
            before: inside(&[], "echo 0 > /proc/sys/user/max_net_namespaces"),
        },
        Hidden {
            name: "no pid namespaces",
            before: inside(&[], "echo 0 > /proc/sys/user/max_pid_namespaces"),
        },
        Hidden {
            name: "no mount namespaces",
            before: inside(&[], "echo 0 > /proc/sys/user/max_mnt_namespaces"),
        },
        both("no Landlock, no bwrap", LANDLOCK),
        both("no seccomp, no bwrap", SECCOMP),
        Hidden { name: "no seccomp", before: without_calls(project, SECCOMP) },
        both("neither of three", &format!("{LANDLOCK},{SECCOMP}")),
    ]
}

/// What is missing then, in the order in which it is found.
fn missing(name: &str) -> Vec<&'static str> {
    match name {
        "no Landlock, no bwrap" => vec!["landlock", "bubblewrap"],
        "no seccomp, no bwrap" => vec!["seccomp", "bubblewrap"],
        "no seccomp" => vec!["seccomp"],
        "neither of three" => vec!["seccomp", "landlock", "bubblewrap"],
        _ => vec!["bubblewrap"],
    }
}

fn exec(project: &Project, hidden: &Hidden, allowed: &[&str]) -> Invocation {
    let eufm = env!("CARGO_BIN_EXE_eufm").to_owned();
    let mut all = hidden.before.clone();
    all.extend([eufm, "exec".to_owned(), "plan.lock".to_owned(), "--state".to_owned()]);
    let program = which(&all[0]);
    let mut run = Invocation::of(&program, project.root(), &project.repo())
        .args(&all[1..])
        .arg(project.state())
        .args(["--progress", "plain"]);
    for name in allowed {
        run = run.arg(format!("--allow-degraded={name}"));
    }
    run
}

fn which(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("there is a PATH");
    let found = std::env::split_paths(&path).map(|dir| dir.join(program)).find(|p| p.exists());
    found.unwrap_or_else(|| panic!("{program} is not on the PATH"))
}

#[test]
fn what_is_missing_ends_with_8_or_was_permitted_and_is_recorded() {
    for position in 0..9 {
        let project = Project::of_spec(SPEC);
        let hidden = hidden(&project).swap_remove(position);
        let missing = missing(hidden.name);
        for known in 0..missing.len() {
            let ended = exec(&project, &hidden, &missing[..known]).run().expect(8);
            let name = missing[known];
            ended.says(&[&format!("{name} is missing"), &format!("--allow-degraded={name}")]);
            assert_eq!(project.journal(), Vec::<Value>::new(), "{}: no run", hidden.name);
        }
        let ended = exec(&project, &hidden, &missing).run().expect(0);
        let levels = match missing.as_slice() {
            ["seccomp"] => &["A", "B"][..],
            ["bubblewrap"] => &["C"],
            _ => &["D"],
        };
        for name in &missing {
            assert!(ended.stderr.contains(&format!("degraded: {name} is missing")), "{ended:?}");
        }
        let level =
            ended.stderr.split("isolation ").nth(1).map_or("", |rest| &rest[..1]).to_owned();
        assert!(levels.contains(&level.as_str()), "{}: {level}", hidden.name);
        ended.shows(&[&format!(
            "guarded  isolation {level}, degraded: without {}",
            missing.join(", ")
        )]);
        recorded(&project, &level, &missing);
        project.nothing_is_left();
    }
}

/// Looks for what was permitted in the journal and in run.json.
fn recorded(project: &Project, level: &str, missing: &[&str]) {
    let of = |guarded: &Value| -> (Value, Vec<Value>) {
        let all = guarded["degraded"].as_array().cloned().unwrap_or_default();
        let names = all.iter().map(|lack| lack["name"].clone()).collect();
        (guarded["isolation"].clone(), names)
    };
    let expected: Vec<Value> = missing.iter().map(|name| json!(name)).collect();
    let journal = project.journal();
    let fact = &journal[1]["event"]["run"]["guarded"];
    assert_eq!(of(fact), (json!(level), expected.clone()), "{journal:#?}");
    let report = std::fs::read_to_string(project.run_dir().join("run.json")).expect("run.json");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(of(&report["guarded"]), (json!(level), expected));
}

#[test]
fn a_whole_host_is_recorded_too_and_a_permission_is_not_used_there() {
    let project = Project::of_spec(SPEC);
    project.exec().arg("--allow-degraded=bubblewrap").run().expect(0);
    let fact = &project.journal()[1]["event"]["run"]["guarded"];
    assert!(["A", "B"].contains(&fact["isolation"].as_str().expect("a word")), "{fact}");
    assert!(fact.get("degraded").is_none(), "{fact}");
    assert!(project.merged("out").lines().any(|line| line == "/repo"));
}

#[test]
fn control_groups_that_cannot_be_written_are_seen_in_the_level() {
    let project = Project::of_spec(SPEC);
    // A file system without groups over the folder in which they are.
    let line = "mount -t tmpfs -o ro none /sys/fs/cgroup";
    let hidden = Hidden { name: "no control groups", before: inside(&["--mount"], line) };
    exec(&project, &hidden, &[]).run().expect(0).says(&["isolation B: "]);
    assert_eq!(project.journal()[1]["event"]["run"]["guarded"]["isolation"], "B");
}

#[test]
fn an_unknown_protection_is_a_mistake_of_the_command_line() {
    let project = Project::of_spec(SPEC);
    let ended = project.exec().arg("--allow-degraded=everything").run().expect(2);
    ended.says(&["there are bubblewrap, landlock, seccomp"]);
}

#[test]
fn agents_do_not_run_without_bubblewrap_whatever_is_permitted() {
    let project = crate::support::demo();
    let hidden = Hidden { name: "no bwrap", before: without_bubblewrap(&project) };
    exec(&project, &hidden, &["bubblewrap"])
        .arg("--codex")
        .arg(crate::support::codex())
        .args(["--cassette", "cassette.toml"])
        .run()
        .expect(8)
        .says(&["agents do not run without bubblewrap", "help: install bubblewrap"]);
}

#[test]
fn results_of_others_are_not_read_without_bubblewrap_whatever_is_permitted() {
    let spec = r#"edition 1
pipeline small { base = "main" }
command one { run = ["echo", "one"] }
command two { inputs = [one.stdout], run = ["cat", "/in/one/stdout"] }
"#;
    let project = Project::of_spec(spec);
    let hidden = Hidden { name: "no bwrap", before: without_bubblewrap(&project) };
    let ended = exec(&project, &hidden, &["bubblewrap"]).run().expect(8);
    ended.says(&["results that other nodes read need bubblewrap"]);
    assert!(project.facts("one", "started").is_empty(), "nothing was started");
}

#[test]
fn nothing_is_deployed_and_no_secret_given_without_bubblewrap_whatever_is_permitted() {
    for item in
        ["deploy ship { run = [\"true\"] }", "command one { run = [\"true\"], secrets = [KEY] }"]
    {
        let project =
            Project::of_spec(&format!("edition 1\npipeline small {{ base = \"main\" }}\n{item}\n"));
        let hidden = Hidden { name: "no bwrap", before: without_bubblewrap(&project) };
        let run = exec(&project, &hidden, &["bubblewrap"]);
        let ended = run.env("KEY", "a value").args(["--secret", "KEY=env:KEY"]).run().expect(8);
        ended.says(&["deploys and secrets need bubblewrap"]);
    }
}

#[test]
fn a_degraded_sandbox_shows_the_worktree_and_little_else() {
    let project = Project::of_spec(SPEC);
    let hidden = Hidden { name: "no bwrap", before: without_bubblewrap(&project) };
    exec(&project, &hidden, &["bubblewrap"]).run().expect(0);
    let out = project.merged("out");
    assert!(out.contains("The files as the attempt found them."), "git works: {out}");
    let tree = out.lines().last().expect("its folder");
    assert!(Path::new(tree).starts_with(project.state()), "{tree}");
    assert_eq!(project.merged("listing"), "", "the host's root is closed");
}
