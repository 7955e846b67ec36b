//! Tests of gateway and forwarder with the real Codex CLI: the one that
//! `make test` installed, or that EUFM_TEST_CODEX names. No network is used but
//! loopback, and no model: the replies are the cassette's.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use eufm_plan::{AgentIndex, NodeIndex};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;

use super::forward::{self, Forwarder};
use super::test_counter::lenient;
use super::{Answered, Door, DoorGuard, Gateway, Provider, Refusal, Report, SOCKET, Script};
use crate::process::{Command, ExecutionHandle, Exit};

const GO_ON: &str = "Your work was interrupted. Go on with your task.";

/// What every run is started with; the agents' own flags are the same.
const FLAGS: &str = "--json --color never -s workspace-write --skip-git-repo-check \
    --ignore-user-config --ignore-rules --strict-config -m gpt-5.5 \
    -c approval_policy=never -c sandbox_workspace_write.network_access=false \
    -c shell_environment_policy.inherit=core -c allow_login_shell=false \
    -c check_for_update_on_startup=false -c analytics.enabled=false -c history.persistence=none \
    -c web_search=disabled --disable unbounded_connection_retries --disable multi_agent \
    --disable goals --disable apps --disable plugins --disable memories --disable hooks \
    --disable shell_snapshot -c model_provider=eufm -c model_providers.eufm.name=eufm \
    -c model_providers.eufm.wire_api=responses \
    -c model_providers.eufm.env_key=EUFM_GATEWAY_TOKEN \
    -c model_providers.eufm.request_max_retries=1 -c model_providers.eufm.stream_max_retries=1 \
    -c model_providers.eufm.stream_idle_timeout_ms=60000";

/// A gateway with one door, a forwarder to it, and folders for Codex.
struct Bench {
    folder: TempDir,
    reports: Receiver<Report>,
    address: String,
    _door: DoorGuard,
    _gateway: Gateway,
}

/// Returns the native Codex CLI: of the one that EUFM_TEST_CODEX names, or of
/// the one that `make test` installed.
fn codex() -> PathBuf {
    let installed = || {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/install-tools.sh");
        let mut ask = Command::new(script).arg("--where").env("PATH", "/usr/bin:/bin");
        for name in ["HOME", "XDG_STATE_HOME", "EUFM_TOOLS"] {
            if let Some(value) = std::env::var_os(name) {
                ask = ask.env(name, value);
            }
        }
        let output = ask.output().ok()?;
        Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
    };
    let named = std::env::var_os("EUFM_TEST_CODEX").map(PathBuf::from).or_else(installed);
    named.as_deref().and_then(crate::agents::codex::native).expect(
        "the Codex CLI 0.169.0 is not there: `make test` installs it, EUFM_TEST_CODEX names it",
    )
}

impl Bench {
    fn new(script: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["repo", "home", "door", "tmp"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        let script = Script::parse(script, "c.toml").expect("a cassette");
        let (counter, reports) = lenient();
        let provider = Provider::Script { script, go_on: GO_ON.to_owned() };
        let gateway = Gateway::start(provider, counter).expect("a gateway");
        let door = Door {
            node: "greet".to_owned(),
            index: NodeIndex::new(0),
            agent: AgentIndex::new(0),
            folder: folder.path().join("door"),
            token: "secret".to_owned(),
        };
        let door = gateway.open(door).expect("a door");
        let socket = folder.path().join("door").join(SOCKET);
        let forwarder = Forwarder::start(&socket, 0).expect("a forwarder");
        let address = forward::address(forwarder.port());
        Self { folder, reports, address, _door: door, _gateway: gateway }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, prompt: &str, session: Option<&str>) -> Command {
        let home = self.path("home");
        let mut command = Command::new(codex())
            .arg("exec")
            .args(FLAGS.split_whitespace())
            .args(["-c", &format!("model_providers.eufm.base_url={}", self.address)])
            .arg("-C")
            .arg(self.path("repo"));
        if let Some(session) = session {
            command = command.args(["resume", session]);
        }
        command
            .arg("-")
            .dir(self.path("repo"))
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &home)
            .env("CODEX_HOME", &home)
            .env("TMPDIR", self.path("tmp"))
            .env("EUFM_GATEWAY_TOKEN", "secret")
            .stdin(prompt)
    }

    /// Ends what a killed Codex left: its sandbox may not have begun to watch
    /// it yet. (In a run the sandbox around Codex takes care of that.)
    fn end_leftovers(&self) {
        let folder = self.path("repo").into_os_string().into_encoded_bytes();
        for entry in fs::read_dir("/proc").expect("/proc").filter_map(Result::ok) {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if line.windows(folder.len()).any(|part| part == folder)
                && let Some(pid) = pid.and_then(Pid::from_raw)
            {
                // It may end by itself meanwhile.
                let _ = rustix::process::kill_process(pid, Signal::KILL);
            }
        }
    }

    /// Runs one turn to its end.
    fn turn(&self, prompt: &str, session: Option<&str>) -> Ended {
        let output = self.command(prompt, session).output().expect("Codex runs");
        Ended {
            exit: output.exit,
            stdout: String::from_utf8(output.stdout).expect("JSON lines"),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn start(&self, prompt: &str) -> ExecutionHandle {
        let file = |name: &str| File::create(self.path(name)).expect("a file");
        self.command(prompt, None).start(file("stdout"), file("stderr")).expect("Codex starts")
    }

    fn exchanges(&self) -> Vec<Answered> {
        let one = |report| match report {
            Report::Answered(exchange) => exchange,
            other => panic!("{other:?}"),
        };
        self.reports.try_iter().map(one).collect()
    }

    fn refusals(&self) -> Vec<Refusal> {
        let one = |report| match report {
            Report::Refusal(refusal) => Some(refusal),
            _ => None,
        };
        self.reports.try_iter().filter_map(one).collect()
    }
}

struct Ended {
    exit: Exit,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn event(&self, kind: &str) -> Value {
        event(&self.stdout, kind)
    }
}

fn event(stdout: &str, kind: &str) -> Value {
    let events = stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.into_iter().find(|event| event["type"] == kind).unwrap_or_default()
}

/// Waits for a file that a command of the model makes: the sign that it runs.
fn wait_for(path: &Path) {
    let end = Instant::now() + Duration::from_secs(60);
    while !path.exists() {
        assert!(Instant::now() < end, "{} does not appear", path.display());
        std::thread::yield_now();
    }
}

#[test]
fn codex_does_what_the_cassette_says() {
    let bench = Bench::new(
        "format = 1\nmodel = 'gpt-5.5'\n\
         [[node.greet]]\nexpect = 'Write a greeting'\nreason = 'The obvious one.'\nsay = 'I begin.'\n\
         patch = '''\n*** Begin Patch\n*** Add File: greet.txt\n+hello\n*** End Patch\n'''\n\
         shell = 'cat greet.txt && echo out'\nusage = { input = 9600, output = 120, reasoning = 20 }\n\
         [[node.greet]]\nexpect = \"hello\\nout\"\nsay = 'Done.'\nusage = { input = 9900, cached = 9000, output = 5 }\n",
    );
    let ended = bench.turn("Write a greeting.", None);
    assert_eq!(ended.exit, Exit::Status(0), "{}\n{}", ended.stdout, ended.stderr);
    assert_eq!(fs::read_to_string(bench.path("repo/greet.txt")).unwrap(), "hello\n");
    let usage = &ended.event("turn.completed")["usage"];
    assert_eq!(
        (&usage["input_tokens"], &usage["cached_input_tokens"]),
        (&19_500.into(), &9_000.into())
    );
    assert_eq!(
        (&usage["output_tokens"], &usage["reasoning_output_tokens"]),
        (&125.into(), &20.into())
    );
    let replies: Vec<_> = bench.exchanges().iter().map(|one| (one.reply, one.round)).collect();
    assert_eq!(replies, [(0, 0), (1, 0)]);
    // The next turn of the same session, as after a red gate: nothing is left.
    let session = ended.event("thread.started")["thread_id"].as_str().unwrap().to_owned();
    let again = bench.turn("The gate is red.", Some(&session));
    assert_eq!(again.exit, Exit::Status(1), "{}", again.stdout);
    let refusals = bench.refusals();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert!(refusals[0].message.contains("no reply left after its 2"), "{refusals:?}");
    let message = again.event("turn.failed")["error"]["message"].to_string();
    assert!(message.contains("no reply left after its 2"), "{message}");
}

#[test]
fn a_killed_codex_is_resumed_at_the_reply_that_was_cut_off() {
    let bench = Bench::new(
        "format = 1\n[[node.greet]]\nexpect = 'Write'\nshell = 'echo one > one.txt'\n\
         [[node.greet]]\ncalls = [{ shell = 'echo quick' }, { shell = 'if test -e two.txt; then echo two; else echo > two.txt; sleep 600; fi' }]\n\
         [[node.greet]]\nexpect = 'two'\nsay = 'Done.'\n",
    );
    let handle = bench.start("Write.");
    wait_for(&bench.path("repo/two.txt"));
    // Codex itself is hit, not a command of it: its group is its own.
    let pid = i32::try_from(handle.process().pid).ok().and_then(Pid::from_raw);
    kill_process_group(pid.expect("a process"), Signal::KILL).expect("it runs");
    assert_eq!(handle.wait().unwrap(), Exit::Signal(9));
    bench.end_leftovers();
    let before = fs::read_to_string(bench.path("stdout")).unwrap();
    let session = event(&before, "thread.started")["thread_id"].as_str().unwrap().to_owned();
    let ended = bench.turn(GO_ON, Some(&session));
    assert_eq!(ended.exit, Exit::Status(0), "{}\n{}", ended.stdout, ended.stderr);
    let replies: Vec<_> = bench.exchanges().iter().map(|one| (one.reply, one.round)).collect();
    assert_eq!(replies, [(0, 0), (1, 0), (1, 1), (2, 0)]);
    // Killed after its last word but before anyone saw the end: said again.
    let ended = bench.turn(GO_ON, Some(&session));
    assert_eq!(ended.exit, Exit::Status(0), "{}\n{}", ended.stdout, ended.stderr);
    let replies: Vec<_> = bench.exchanges().iter().map(|one| (one.reply, one.round)).collect();
    assert_eq!(replies, [(2, 1)]);
}

#[test]
fn a_prompt_that_the_cassette_does_not_expect_ends_the_turn_at_once() {
    let bench = Bench::new("format = 1\n[[node.greet]]\nexpect = 'Write'\nsay = 'Done.'\n");
    let ended = bench.turn("Read.", None);
    assert_eq!(ended.exit, Exit::Status(1), "{}", ended.stdout);
    let message = ended.event("turn.failed")["error"]["message"].to_string();
    assert!(message.contains("cassette_differs"), "{message}");
    assert_eq!(bench.refusals().len(), 1, "one request, no retry");
    assert_eq!(ended.event("turn.completed"), Value::Null);
}

#[test]
fn several_sessions_at_once_do_not_disturb_each_other() {
    let bench = Bench::new(
        "format = 1\n[[node.greet]]\nshell = 'echo hi'\n[[node.greet]]\nsay = 'Done.'\n",
    );
    let command = bench.command("Write.", None);
    std::thread::scope(|scope| {
        let run = || command.output().expect("Codex runs").exit;
        let turns: Vec<_> = (0..3).map(|_| scope.spawn(run)).collect();
        for turn in turns {
            assert_eq!(turn.join().expect("no panic"), Exit::Status(0));
        }
    });
    let replies: Vec<_> = bench.exchanges().iter().map(|one| one.reply).collect();
    assert_eq!(replies.iter().filter(|&&reply| reply == 0).count(), 3);
    assert_eq!(replies.len(), 6);
}
