//! The OpenAI Codex CLI as an agent: found, pinned, started and read.
//!
//! The command line is the one measured in docs/design/0002-codex.md: each
//! flag closes a way in which an unattended run was seen to hang, leak or
//! start differently from the reviewed plan. Unaware of sandbox and gateway,
//! but for the paths and the endpoint it is given.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use eufm_plan::Agent;
use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::codex_events;
use super::{AgentBackend, AgentEvent, Goes, Installation, Invocation, Search, Turn, Unavailable};
use crate::process::Command;
use crate::sandbox::Mount;

/// The backend; see [`crate::agents::AGENTS`].
#[derive(Debug)]
pub struct Codex;

/// Where the folder of the program is seen inside the sandbox.
const PROGRAM_DIR: &str = "/opt/codex";

/// The provider, where a plan does not say: those of before it could.
const URL: &str = "https://api.openai.com/v1";

/// The variable that carries the endpoint's token.
const TOKEN: &str = "EUFM_GATEWAY_TOKEN";

static SCHEMA: KindSchema = KindSchema {
    name: "codex",
    doc: "The OpenAI Codex CLI, unattended, in a sandbox of its own.",
    params: &[
        Param {
            name: "cli",
            ty: ParamType::Text,
            need: Need::Required,
            doc: "The exact version of the Codex CLI, for example \"0.169.0\".",
        },
        Param {
            name: "model",
            ty: ParamType::Text,
            need: Need::Required,
            doc: "The model, for example \"gpt-5.5\".",
        },
        Param {
            name: "network",
            ty: ParamType::Word(&["none"]),
            need: Need::Default("none"),
            doc: "What the agent's commands reach beside the model: nothing.",
        },
        Param {
            name: "url",
            ty: ParamType::Address,
            need: Need::Default(URL),
            doc: "The base address of the provider, which must speak the Responses API. What the \
                  agent reads goes there, and the run's key.",
        },
        Param {
            name: "output_max",
            ty: ParamType::Word(&["set", "model"]),
            need: Need::Default("set"),
            doc: "How long an answer can be. set: what the gateway sets in the request, by what \
                  is left of the budgets; model: the model's longest, for a provider that does \
                  not keep to what is set.",
        },
    ],
};

/// Returns the base address of an agent's provider.
#[must_use]
pub fn url(agent: &Agent) -> &str {
    agent.params.text("url").unwrap_or(URL)
}

/// Tells whether an agent's provider may answer at greater length than the
/// request allows, so that the model's longest answer is what one can cost.
#[must_use]
pub fn ignores_output_max(agent: &Agent) -> bool {
    agent.params.text("output_max") == Some("model")
}

/// Features that an unattended run does without; each costs time, money or
/// determinism, or waits for ever (measured: the same run takes 6 s with them).
const DISABLED: &[&str] = &[
    "unbounded_connection_retries",
    "multi_agent",
    "goals",
    "apps",
    "plugins",
    "memories",
    "hooks",
    "shell_snapshot",
];

/// Settings of every run, as `-c key=value`.
const SETTINGS: &[&str] = &[
    "approval_policy=never",
    "sandbox_workspace_write.network_access=false",
    // The commands of the model get PATH and HOME, and no token.
    "shell_environment_policy.inherit=core",
    // A login shell would run profile files at every command.
    "allow_login_shell=false",
    "check_for_update_on_startup=false",
    "analytics.enabled=false",
    "history.persistence=none",
    "web_search=disabled",
    "model_provider=eufm",
    "model_providers.eufm.name=eufm",
    "model_providers.eufm.wire_api=responses",
    "model_providers.eufm.env_key=EUFM_GATEWAY_TOKEN",
    // The gateway does the waiting, and it is always there. A stream that broke
    // is asked for again until it is no more worth it, which the gateway knows.
    "model_providers.eufm.request_max_retries=1",
    "model_providers.eufm.stream_max_retries=100",
    // Above the gateway's own limit, so that it is the one that says what broke.
    "model_providers.eufm.stream_idle_timeout_ms=360000",
];

impl AgentBackend for Codex {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }

    fn locate(&self, agent: &Agent, search: &Search) -> Result<Installation, Unavailable> {
        let pinned = agent.params.text("cli").unwrap_or_default();
        let help = format!(
            "install it with `npm install --prefix DIR @openai/codex@{pinned}` and name \
             DIR/node_modules/.bin/codex with --codex or EUFM_CODEX"
        );
        let unavailable = |reason: String| Unavailable { reason, help: help.clone() };
        let Installation { program, version, mounts } = any_version(search)
            .map_err(|reason| unavailable(format!("{reason} (the plan pins {pinned})")))?;
        if version != pinned {
            let reason = format!(
                "the plan pins the Codex CLI {pinned}, but {} is {version}",
                program.display()
            );
            return Err(unavailable(reason));
        }
        Ok(Installation { program, version, mounts })
    }

    fn command(&self, agent: &Agent, turn: &Turn<'_>) -> Invocation {
        let mut run = words(&[&format!("{PROGRAM_DIR}/bin/codex"), "exec", "--json"]);
        run.extend(words(&["--color", "never", "-C", crate::sandbox::REPO]));
        run.extend(words(&["-s", "workspace-write", "--skip-git-repo-check"]));
        run.extend(words(&["--ignore-user-config", "--ignore-rules", "--strict-config"]));
        run.extend(words(&["-m", agent.params.text("model").unwrap_or_default()]));
        for setting in SETTINGS {
            run.extend(words(&["-c", setting]));
        }
        let address = format!("model_providers.eufm.base_url={}", turn.endpoint);
        run.extend(words(&["-c", &address]));
        for feature in DISABLED {
            run.extend(words(&["--disable", feature]));
        }
        // All flags stand before `resume` and `fork`: behind them some are refused.
        match turn.session {
            Some(Goes::On(session)) => run.extend(words(&["resume", session])),
            Some(Goes::From(session)) => run.extend(words(&["fork", session])),
            None => {}
        }
        run.push("-".into());
        Invocation {
            run,
            env: vec![
                ("CODEX_HOME".to_owned(), super::SESSIONS.to_owned()),
                (TOKEN.to_owned(), turn.token.to_owned()),
            ],
            stdin: turn.prompt.as_bytes().to_vec(),
        }
    }

    fn probe(&self, program: &[&str]) -> Vec<OsString> {
        let codex = format!("{PROGRAM_DIR}/bin/codex");
        let mut run = words(&[&codex, "sandbox", "-c", "sandbox_mode=workspace-write", "--"]);
        run.extend(words(program));
        run
    }

    fn has_session(&self, home: &Path, id: &str) -> bool {
        records(home, id).any(|path| {
            // The session's record is no published contract: if this mark
            // ever goes, the agent starts a new session, which is safe.
            std::fs::read(path).is_ok_and(|text| contains(&text, ANSWERED))
        })
    }

    fn session_files(&self, home: &Path, id: &str) -> Vec<String> {
        // The record of a fork holds what came after; what was before stands in
        // that of its parent.
        let mut files = Vec::new();
        let mut next = Some(id.to_owned());
        while let Some(id) = next.take() {
            let Some(path) = records(home, &id).next() else { return Vec::new() };
            let relative = path.strip_prefix(home).ok().and_then(Path::to_str);
            let Some(relative) = relative.filter(|_| files.len() < FORKS_MAX) else {
                return Vec::new();
            };
            files.push(relative.to_owned());
            next = parent(&path);
        }
        files
    }

    fn read(&self, line: &[u8]) -> Option<AgentEvent> {
        codex_events::read(line)
    }
}

/// How many sessions may be forked from each other in a row: a plan's longest
/// chain, and no circle.
const FORKS_MAX: usize = 1_000;

/// Finds the record of a session: `rollout-<time>-<id>.jsonl`.
fn records(home: &Path, id: &str) -> impl Iterator<Item = PathBuf> {
    let suffix = format!("-{id}.jsonl");
    walkdir::WalkDir::new(home.join("sessions"))
        .max_depth(5)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .filter(move |entry| entry.file_name().to_str().is_some_and(|name| name.ends_with(&suffix)))
        .map(walkdir::DirEntry::into_path)
}

/// Reads which session a record was forked from: its first line says so.
fn parent(record: &Path) -> Option<String> {
    use std::io::BufRead as _;
    let mut line = String::new();
    std::io::BufReader::new(std::fs::File::open(record).ok()?).read_line(&mut line).ok()?;
    let head: serde_json::Value = serde_json::from_str(&line).ok()?;
    head.pointer("/payload/forked_from_id")?.as_str().map(str::to_owned)
}

/// What Codex writes into a session's record after each answer of the model.
const ANSWERED: &[u8] = b"\"token_usage_record\"";

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn words(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

/// Finds the program, whichever version it is, and asks it which.
///
/// # Errors
/// Fails, with the reason in words, when it is not there or does not run.
pub(crate) fn any_version(search: &Search) -> Result<Installation, String> {
    let found = find(search).ok_or_else(|| {
        let place = match &search.configured {
            Some(path) => format!("at {}", path.display()),
            None => "on the PATH".to_owned(),
        };
        format!("the Codex CLI is not {place}")
    })?;
    let program = native(&found)
        .ok_or_else(|| format!("{} is no Codex CLI for this system", found.display()))?;
    let version = version(&program)
        .map_err(|reason| format!("{} does not run: {reason}", program.display()))?;
    let folder = program.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
    let mounts = vec![Mount::read_only(folder, PROGRAM_DIR)];
    Ok(Installation { program, version, mounts })
}

fn find(search: &Search) -> Option<PathBuf> {
    let candidates: Vec<PathBuf> = match &search.configured {
        Some(path) => vec![path.clone()],
        None => search.path.iter().map(|folder| folder.join("codex")).collect(),
    };
    candidates.into_iter().find(|path| path.is_file())
}

/// Follows the npm package's starter script to the native program. The script
/// would stay between us and Codex, and a kill of it would leave Codex alive.
pub(crate) fn native(found: &Path) -> Option<PathBuf> {
    let real = found.canonicalize().ok()?;
    if starts_with_elf_magic(&real) {
        return Some(real);
    }
    let package = format!("codex-linux-{}", npm_arch()?);
    // …/node_modules/@openai/codex/bin/codex.js: beside or below the package.
    let codex = real.parent()?.parent()?;
    let homes = [codex.parent()?.join(&package), codex.join("node_modules/@openai").join(&package)];
    homes.iter().find_map(|home| {
        let vendor = std::fs::read_dir(home.join("vendor")).ok()?;
        vendor
            .filter_map(Result::ok)
            .map(|entry| entry.path().join("bin/codex"))
            .find(|program| starts_with_elf_magic(program))
    })
}

fn npm_arch() -> Option<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Some("x64"),
        "aarch64" => Some("arm64"),
        _ => None,
    }
}

fn starts_with_elf_magic(path: &Path) -> bool {
    use std::io::Read as _;
    let mut magic = [0; 4];
    std::fs::File::open(path).is_ok_and(|mut file| file.read_exact(&mut magic).is_ok())
        && magic == *b"\x7fELF"
}

/// Asks the program for its version: `codex-cli 0.169.0`.
fn version(program: &Path) -> Result<String, String> {
    let output = Command::new(program)
        .arg("--version")
        .env("PATH", "/usr/bin:/bin")
        // It would leave its own helpers in a home that it can make or write to.
        .env("HOME", "/dev/null")
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.trim().rsplit_once(' ') {
        Some((_, version)) if output.exit.is_success() => Ok(version.to_owned()),
        _ => Err(format!("--version gave {} and {:?}", output.exit, text.trim())),
    }
}

#[cfg(test)]
mod tests {
    use eufm_plan::{ParamValue, Params};

    use super::*;

    fn agent() -> Agent {
        let text = |key: &str, value: &str| (key.to_owned(), ParamValue::Text(value.to_owned()));
        let params = Params(vec![text("cli", "0.169.0"), text("model", "gpt-5.5")]);
        Agent { name: "builder".to_owned(), kind: "codex".to_owned(), params }
    }

    fn arguments(session: Option<Goes<'_>>) -> Vec<String> {
        let turn =
            Turn { prompt: "Do it.", session, endpoint: "http://127.0.0.1:1/v1", token: "t" };
        let run = Codex.command(&agent(), &turn).run;
        run.into_iter().map(|word| word.into_string().expect("UTF-8")).collect()
    }

    #[test]
    fn a_resumed_session_stands_behind_every_flag() {
        let run = arguments(Some(Goes::On("01a2")));
        assert_eq!(run[run.len() - 3..], ["resume", "01a2", "-"]);
        let run = arguments(Some(Goes::From("01a2")));
        assert_eq!(run[run.len() - 3..], ["fork", "01a2", "-"]);
        assert!(arguments(None).ends_with(&["-".to_owned()]));
    }

    #[test]
    fn a_fork_is_held_by_its_own_record_and_those_before_it() {
        let home = tempfile::tempdir().expect("a folder");
        let day = home.path().join("sessions/2026/11/27");
        std::fs::create_dir_all(&day).expect("made");
        let record = |id: &str, from: Option<&str>| {
            let from = from.map_or(String::new(), |id| format!(r#","forked_from_id":"{id}""#));
            let head = format!(r#"{{"type":"session_meta","payload":{{"id":"{id}"{from}}}}}"#);
            std::fs::write(day.join(format!("rollout-1-{id}.jsonl")), head).expect("written");
            format!("sessions/2026/11/27/rollout-1-{id}.jsonl")
        };
        let files = |id: &str| Codex.session_files(home.path(), id);
        assert_eq!(files("a"), [""; 0]);
        let (a, b) = (record("a", None), record("b", Some("a")));
        let c = record("c", Some("b"));
        assert_eq!(files("a"), std::slice::from_ref(&a));
        assert_eq!(files("c"), [c, b, a]);
        record("d", Some("gone"));
        record("e", Some("e"));
        assert_eq!((files("d"), files("e")), (Vec::new(), Vec::new()));
    }

    #[test]
    fn the_prompt_and_the_token_are_no_arguments() {
        let run = arguments(None).join(" ");
        assert!(!run.contains("Do it."), "{run}");
        assert!(run.contains("env_key=EUFM_GATEWAY_TOKEN"), "{run}");
    }

    #[test]
    fn what_an_older_plan_does_not_say_is_as_it_was() {
        let old = agent();
        assert_eq!((url(&old), ignores_output_max(&old)), ("https://api.openai.com/v1", false));
        let text = |key: &str, value: &str| (key.to_owned(), ParamValue::Text(value.to_owned()));
        let params = Params(vec![text("url", "https://m.example"), text("output_max", "model")]);
        let new = Agent { params, ..old };
        assert_eq!((url(&new), ignores_output_max(&new)), ("https://m.example", true));
    }

    #[test]
    fn the_gateway_gives_a_quiet_stream_up_before_codex_does() {
        let run = arguments(None);
        let limit = run.iter().find_map(|word| word.split_once("stream_idle_timeout_ms="));
        let limit: u64 = limit.expect("it is set").1.parse().expect("a number");
        let own = crate::gateway::upstream::Patience::default().idle;
        assert!(std::time::Duration::from_millis(limit) > own);
    }

    #[test]
    fn a_missing_program_is_named_with_the_way_out() {
        let search = Search { configured: Some("/nonexistent/codex".into()), path: Vec::new() };
        let message = Codex.locate(&agent(), &search).expect_err("missing").to_string();
        assert!(
            message.contains("is not at /nonexistent/codex (the plan pins 0.169.0)"),
            "{message}"
        );
        assert!(message.contains("npm install"), "{message}");
    }

    #[test]
    fn a_script_that_belongs_to_no_package_is_not_run() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("codex");
        std::fs::write(&path, "#!/bin/sh\necho codex-cli 0.169.0\n").expect("written");
        assert_eq!(native(&path), None);
    }
}
