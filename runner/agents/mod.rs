//! The agent backends: one file each, registered in [`AGENTS`].
//!
//! A backend knows how its program is found, started and read. It is unaware
//! of worktrees, gates, budgets and of when it is started again.

pub mod codex;
mod codex_events;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use eufm_plan::Agent;
use eufm_plan::schema::KindSchema;
use thiserror::Error;

use crate::sandbox::Mount;

/// All agent backends, sorted by name.
pub const AGENTS: &[&dyn AgentBackend] = &[&codex::Codex];

/// Finds a backend by its kind.
#[must_use]
pub fn backend(kind: &str) -> Option<&'static dyn AgentBackend> {
    AGENTS.iter().copied().find(|backend| backend.schema().name == kind)
}

/// A program that follows a prompt in a worktree.
pub trait AgentBackend: Sync {
    /// Describes the parameters of `agent … is KIND { … }`.
    fn schema(&self) -> &'static KindSchema;

    /// Finds the program on this host and checks that it is the pinned one.
    ///
    /// # Errors
    /// Fails when it is not there, cannot run or is another version.
    fn locate(&self, agent: &Agent, search: &Search) -> Result<Installation, Unavailable>;

    /// Makes the command line of one turn, as it is inside the sandbox.
    fn command(&self, agent: &Agent, turn: &Turn<'_>) -> Invocation;

    /// Makes a command line that runs `program` as the agent runs the commands
    /// of its model: in the sandbox within the sandbox.
    fn probe(&self, program: &[&str]) -> Vec<OsString>;

    /// Tells whether a session can be gone on with: it holds at least one answer
    /// of the model. `home` is the folder seen as [`SESSIONS`] inside.
    fn has_session(&self, home: &Path, id: &str) -> bool;

    /// Lists the files that hold a session, with those of the sessions that it
    /// was forked from, by their paths in `home`; none where one is not there.
    fn session_files(&self, home: &Path, id: &str) -> Vec<String>;

    /// Reads one line of the agent's output; a line without meaning gives `None`.
    fn read(&self, line: &[u8]) -> Option<AgentEvent>;
}

/// Where agents are looked for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// The program named by the user's configuration, if any.
    pub configured: Option<PathBuf>,
    /// The folders of the user's `PATH`.
    pub path: Vec<PathBuf>,
}

/// An agent's program on this host.
#[derive(Debug, Clone)]
pub struct Installation {
    /// The program on the host.
    pub program: PathBuf,
    /// Its version, as it says itself.
    pub version: String,
    /// What the sandbox must show for it to run.
    pub mounts: Vec<Mount>,
}

/// An agent that cannot be had on this host.
#[derive(Debug, Clone, Error)]
#[error("{reason}\n  help: {help}")]
pub struct Unavailable {
    /// Why.
    pub reason: String,
    /// The way out.
    pub help: String,
}

/// One turn of an agent.
#[derive(Debug)]
pub struct Turn<'a> {
    /// What it is told.
    pub prompt: &'a str,
    /// The session to go on with, or from.
    pub session: Option<Goes<'a>>,
    /// The address of the model endpoint, as seen inside.
    pub endpoint: &'a str,
    /// The token for the endpoint; good for this node only.
    pub token: &'a str,
}

/// How a turn goes on in what was said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes<'a> {
    /// In this session.
    On(&'a str),
    /// In a new session that begins with all that stands in this one, which
    /// stays as it is.
    From(&'a str),
}

/// A command line inside the sandbox.
#[derive(Debug)]
pub struct Invocation {
    /// The program and its arguments.
    pub run: Vec<OsString>,
    /// Variables beside the sandbox's own.
    pub env: Vec<(String, String)>,
    /// The bytes of its standard input.
    pub stdin: Vec<u8>,
}

/// Where an agent keeps its sessions, as seen inside the sandbox.
pub const SESSIONS: &str = "/codex-home";

/// What an agent said on its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentEvent {
    /// Its session has this id.
    Session(String),
    /// It said this, whole; the last of a turn is its answer.
    Said(String),
    /// It is doing this, one line.
    Activity(String),
    /// It came to the end of its turn.
    Completed,
    /// Its turn failed, for this reason.
    Failed(String),
    /// It met an error that it may yet get over.
    Notice(String),
}
