//! What eufm adds to an agent node: the time of a node with its worktree,
//! journal, harvest and commit, beside the bare `codex exec` in the same
//! sandbox with the same replies. Gates are left out: theirs is the tests' time.
//!
//! `make bench` runs it; it needs bubblewrap and the Codex CLI (EUFM_TEST_CODEX).
//! It prints figures and judges nothing. Unaware of the runner's insides but
//! for the nest that agents run in.

#![expect(clippy::print_stdout, reason = "the figures are the result")]

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command as Program;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use eufm_plan::{Agent, AgentIndex, NodeIndex, ParamValue, Params};
use eufm_runner::agents::{AgentBackend as _, Installation, Search, Turn, codex::Codex};
use eufm_runner::gateway::{
    Admission, Answer, Counter, Door, Gateway, Provider, Report, Script, forward,
};
use eufm_runner::ledger::{Quote, Reservation, Spent};
use eufm_runner::nest::{Nest, Tools};
use eufm_runner::sandbox::Sandbox;
use tokio::sync::oneshot;

/// How many nodes are run, and how many bare turns.
const RUNS: usize = 20;

/// How many files the repository has.
const FILES: usize = 100;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let codex =
        std::env::var_os("EUFM_TEST_CODEX").ok_or("set EUFM_TEST_CODEX to the Codex CLI")?;
    let dir = tempfile::tempdir()?;
    let repository = dir.path().join("repository");
    make_repository(&repository)?;
    let script = script();
    let bare = bare(dir.path(), &repository, Path::new(&codex), &script)?;
    let nodes = nodes(dir.path(), &repository, Path::new(&codex), &script)?;
    println!("an agent node on a repository of {FILES} files, {RUNS} runs each, milliseconds");
    print_row("bare codex exec in the sandbox", &bare);
    print_row("node, from free slot to committed", &nodes);
    println!("overhead of the medians: {} ms", median(&nodes).saturating_sub(median(&bare)));
    Ok(())
}

fn print_row(name: &str, times_ms: &[u64]) {
    let (least, most) = (times_ms.iter().min(), times_ms.iter().max());
    println!(
        "  {name:<34} min {:>5}  median {:>5}  max {:>5}",
        least.unwrap_or(&0),
        median(times_ms),
        most.unwrap_or(&0)
    );
}

fn median(times_ms: &[u64]) -> u64 {
    let mut sorted = times_ms.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or(0)
}

/// Each node writes one file with one command and says that it is done.
fn script() -> String {
    let replies = |node: String| {
        format!(
            "[[node.{node}]]\nshell = \"echo made > {node}.txt\"\n\n[[node.{node}]]\nsay = \"Done.\"\n\n"
        )
    };
    let all: String = (0..RUNS).map(|number| replies(format!("n{number}"))).collect();
    format!("format = 1\n\n{all}")
}

fn spec() -> String {
    let task = |number: usize| {
        format!("task n{number} by builder {{ prompt = \"Write it.\", writes = [\"*.txt\"] }}\n")
    };
    let tasks: String = (0..RUNS).map(task).collect();
    format!(
        "edition 1\npipeline bench {{ budget {{ wall <= 1 h, parallel <= 1 }} }}\nagent builder is \
         codex {{ cli = \"0.169.0\", model = \"gpt-5.5\", network = none }}\n{tasks}"
    )
}

fn make_repository(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir.join("src"))?;
    for number in 0..FILES {
        fs::write(dir.join(format!("src/file{number}.txt")), format!("content {number}\n"))?;
    }
    let identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
    for args in [vec!["init", "-q", "-b", "main"], vec!["add", "-A"], vec!["commit", "-qm", "base"]]
    {
        let status = Program::new("git").current_dir(dir).args(identity).args(args).status()?;
        if !status.success() {
            return Err("git failed".into());
        }
    }
    Ok(())
}

/// Runs the bare turns: the same sandbox, the same forwarder and gateway, the
/// same command line, and nothing else.
fn bare(dir: &Path, repository: &Path, codex: &Path, script: &str) -> Result<Vec<u64>> {
    let text = |key: &str, value: &str| (key.to_owned(), ParamValue::Text(value.to_owned()));
    let params = Params(vec![text("cli", "0.169.0"), text("model", "gpt-5.5")]);
    let agent = Agent { name: "builder".to_owned(), kind: "codex".to_owned(), params };
    let search = Search { configured: Some(codex.to_owned()), path: Vec::new() };
    let installation = Codex.locate(&agent, &search)?;
    let path: Vec<PathBuf> =
        std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let sandbox =
        Sandbox::new(&path, &dir.join("accounts"), Path::new(env!("CARGO_BIN_EXE_eufm")))?;
    let script = Script::parse(script, "bench.toml")?;
    let provider = Provider::Script { script, go_on: String::new() };
    let gateway = Gateway::start(provider, Unmetered::default())?;
    let bench = Bare { dir, repository, agent, installation, sandbox, gateway };
    (0..RUNS).map(|number| bench.turn(number)).collect()
}

/// Lets everything out: nothing here costs money.
#[derive(Default)]
struct Unmetered(AtomicU32);

impl Counter for Unmetered {
    fn ask(&self, _: NodeIndex, _: Quote) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        let request = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let reservation = Reservation { most: Spent::default(), output: 0, is_short: false };
        // Nobody waits for it if the agent is gone.
        let _ = answer.send(Answer::Admitted(Admission { request, reservation }));
        answered
    }

    fn tell(&self, _: Report) -> std::result::Result<(), Box<dyn Error + Send + Sync>> {
        Ok(())
    }

    fn note(&self, _: Report) {}
}

struct Bare<'a> {
    dir: &'a Path,
    repository: &'a Path,
    agent: Agent,
    installation: Installation,
    sandbox: Sandbox,
    gateway: Gateway,
}

impl Bare<'_> {
    fn turn(&self, number: usize) -> Result<u64> {
        let (door, sessions) =
            (self.dir.join(format!("door{number}")), self.dir.join(format!("sessions{number}")));
        fs::create_dir_all(&door)?;
        fs::create_dir_all(&sessions)?;
        let _open = self.gateway.open(Door {
            node: format!("n{number}"),
            index: NodeIndex::new(number),
            agent: AgentIndex::new(0),
            folder: door.clone(),
            token: "token".to_owned(),
        })?;
        let endpoint = forward::endpoint();
        let turn = Turn { prompt: "Write it.", session: None, endpoint: &endpoint, token: "token" };
        let nest = Nest { installation: &self.installation, sessions: &sessions, door: &door };
        let invocation = Codex.command(&self.agent, &turn);
        let confined = nest.agent(invocation, Vec::new(), Tools::default());
        let command = self.sandbox.command(self.repository, &confined);
        let log = File::create(self.dir.join(format!("bare{number}.log")))?;
        let started = Instant::now();
        let exit = command.start(log.try_clone()?, log)?.wait()?;
        let time = started.elapsed();
        if !exit.is_success() {
            return Err(format!("bare turn {number}: {exit}").into());
        }
        Ok(u64::try_from(time.as_millis())?)
    }
}

/// Runs the nodes one after the other, and takes from the journal the time
/// from one commit to the next: all that a node costs.
fn nodes(dir: &Path, repository: &Path, codex: &Path, script: &str) -> Result<Vec<u64>> {
    let work = dir.join("spec");
    fs::create_dir_all(&work)?;
    fs::write(work.join("bench.eufm"), spec())?;
    fs::write(work.join("cassette.toml"), script)?;
    let eufm = |args: &[&str]| -> Result<()> {
        let output = Program::new(env!("CARGO_BIN_EXE_eufm"))
            .current_dir(&work)
            .args(args)
            .arg("--")
            .output()?;
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
    };
    eufm(&["compile", "bench.eufm"])?;
    let state = dir.join("state");
    let (repository, codex) = (path(repository)?, path(codex)?);
    let exec = ["exec", "plan.lock", "--cassette", "cassette.toml", "--repo", repository];
    eufm(&[&exec[..], &["--codex", codex, "--state", path(&state)?]].concat())?;
    let run = fs::read_dir(state.join("runs"))?.next().ok_or("no run")??.path();
    let journal = fs::read_to_string(run.join("journal"))?;
    let mut last = 0;
    let mut times = Vec::new();
    for line in journal.lines() {
        let json = line.find('{').map(|start| &line[start..]).ok_or("no record")?;
        let record: serde_json::Value = serde_json::from_str(json)?;
        if record["event"]["node"].get("committed").is_some() {
            let at = record["at_ms"].as_u64().ok_or("no time")?;
            times.push(at - last);
            last = at;
        }
    }
    Ok(times)
}

fn path(path: &Path) -> Result<&str> {
    path.to_str().ok_or_else(|| "a path is not UTF-8".into())
}
