//! Tries a sandbox out, in exactly the nest that a run would use.
//!
//! `true` in the sandbox of commands; a file written from the agent's own
//! sandbox in the one of agents. Used by preflight, which refuses, and by the
//! doctor, which tells. Unaware of plans.

use std::io;
use std::path::Path;

use thiserror::Error;

use crate::agents::{AgentBackend, Installation, Invocation, SESSIONS};
use crate::nest::{self, Nest, Tools};
use crate::sandbox::{Confined, REPO, Sandbox};

/// The way out where the sandbox of commands does not work.
pub(crate) const ALLOW_NAMESPACES: &str = "user namespaces may be denied here (in a container, by AppArmor or by sysctl \
     kernel.unprivileged_userns_clone): allow them for bwrap";

/// Why a sandbox does not work.
#[derive(Debug, Error)]
pub(crate) enum Failed {
    /// What ran in it did not end well.
    #[error("`{command}` ended with {exit}\n{said}")]
    Ended {
        /// The command inside.
        command: String,
        /// How it ended.
        exit: crate::process::Exit,
        /// What it wrote to standard error, harmless on a terminal.
        said: String,
    },
    /// It could not be started.
    #[error("it does not start: {0}")]
    Start(io::Error),
    /// Its folder could not be made.
    #[error("{0}")]
    Folder(io::Error),
}

impl Failed {
    /// Says it in one line.
    pub(crate) fn line(&self) -> String {
        crate::printable::line(&self.to_string(), 300)
    }
}

/// Runs `true` as commands and gates are run. `folder` stands for the worktree;
/// where folders for the home and temporary files are needed, they lie beside it.
///
/// # Errors
/// Fails when the sandbox does not work.
pub(crate) fn of_commands(sandbox: &Sandbox, folder: &Path) -> Result<(), Failed> {
    let run = ["/usr/bin/true".to_owned()];
    try_out(sandbox, folder, &nest::command(&run, Vec::new(), Tools::default()))
}

/// Writes a file as the commands of an agent's model do: in the agent's sandbox
/// within ours, behind the launcher. `folder` stands for the worktree.
///
/// # Errors
/// Fails when the sandbox, or the agent's own, does not work.
pub(crate) fn of_agents(
    sandbox: &Sandbox,
    folder: &Path,
    backend: &dyn AgentBackend,
    installation: &Installation,
) -> Result<(), Failed> {
    let door = folder.join("door");
    let sessions = folder.join("sessions");
    for dir in [&door, &sessions] {
        std::fs::create_dir_all(dir).map_err(Failed::Folder)?;
    }
    // A door that nobody answers at: the trial asks no model.
    let _door = crate::gateway::bind(&door.join(crate::gateway::SOCKET)).map_err(Failed::Folder)?;
    let invocation = Invocation {
        run: backend.probe(&["/usr/bin/touch", &format!("{REPO}/made")]),
        env: vec![("CODEX_HOME".to_owned(), SESSIONS.to_owned())],
        stdin: Vec::new(),
    };
    let nest = Nest { installation, sessions: &sessions, door: &door };
    try_out(sandbox, folder, &nest.agent(invocation, Vec::new(), Tools::default()))
}

fn try_out(sandbox: &Sandbox, folder: &Path, confined: &Confined) -> Result<(), Failed> {
    let output = sandbox.command(folder, confined).output().map_err(Failed::Start)?;
    crate::process::reap_sandboxes().map_err(Failed::Start)?;
    if output.exit.is_success() {
        return Ok(());
    }
    let run: Vec<String> =
        confined.run.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let said = crate::printable::lines(String::from_utf8_lossy(&output.stderr).trim());
    Err(Failed::Ended { command: run.join(" "), exit: output.exit, said })
}
