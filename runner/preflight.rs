//! Checks that this host can run a plan, before anything is started.
//!
//! Everything that a plan asks of a host is found and tried here, and what is
//! missing is said with the way out; the result is an [`Admitted`] plan, and
//! only such a one is run. Unaware of the run's state.

use std::path::{Path, PathBuf};

use eufm_plan::lockfile::Locked;
use eufm_plan::{Plan, Work};

use crate::agents::{AgentBackend, Installation, Search, backend};
use crate::environments::{self, Sharing};
use crate::error::RunError;
use crate::gates;
use crate::limits::Ceilings;
use crate::nest::Tools;
use crate::sandbox::Sandbox;
use crate::trial;

/// What the host offers, gathered by the command line.
#[derive(Debug, Clone)]
pub struct Host {
    /// The user's home folder, for tools below `~/`.
    pub home: PathBuf,
    /// The folders of the user's `PATH`.
    pub path: Vec<PathBuf>,
    /// The Codex CLI of the user's configuration, if any.
    pub codex: Option<PathBuf>,
    /// This program.
    pub launcher: PathBuf,
    /// The limits that everything has, whatever its plan says.
    pub ceilings: Ceilings,
}

/// A plan that this host can run, with what it runs it with.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// The plan and its digest.
    pub locked: Locked,
    /// Makes sandboxes.
    pub sandbox: Sandbox,
    /// The agents' programs, by agent.
    pub installations: Vec<Installation>,
    /// What each environment shows, by environment.
    pub tools: Vec<Tools>,
    /// How everyone gets the folders that they keep.
    pub sharing: Sharing,
}

/// Checks a plan against the host. `scratch` is a folder of the state.
///
/// # Errors
/// Fails with everything that is missing, or with the agent that is not there.
pub(crate) fn admit(locked: Locked, host: &Host, scratch: &Path) -> Result<Admitted, RunError> {
    if !cfg!(target_os = "linux") {
        let message = "plans run on Linux only; compile and review work here".to_owned();
        return Err(RunError::Host(message));
    }
    kinds_are_known(&locked.plan)?;
    let tools = locked.plan.environments.iter().map(|it| environments::tools(it, &host.home));
    let tools = tools.collect::<Result<Vec<_>, _>>().map_err(RunError::Host)?;
    let sandbox = Sandbox::new(&host.path, &scratch.join("accounts")).map_err(|error| {
        RunError::Host(format!(
            "no sandbox can be made: {error}\n  help: install bubblewrap (Debian: apt-get \
             install bubblewrap)"
        ))
    })?;
    let search = Search { configured: host.codex.clone(), path: host.path.clone() };
    let installations = locked
        .plan
        .agents
        .iter()
        .map(|agent| {
            let backend = backend_of(&agent.kind)?;
            backend
                .locate(agent, &search)
                .map_err(|error| RunError::Unavailable(format!("agent {}: {error}", agent.name)))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let sharing = Sharing::Layers;
    let mut admitted = Admitted { locked, sandbox, installations, tools, sharing };
    if needs_sandbox(&admitted.locked.plan) {
        admitted.probe(host, &scratch.join("probe"))?;
    }
    Ok(admitted)
}

fn backend_of(kind: &str) -> Result<&'static dyn AgentBackend, RunError> {
    backend(kind).ok_or_else(|| {
        RunError::Stale(format!("this eufm has no agent kind `{kind}`; compile the spec again"))
    })
}

fn kinds_are_known(plan: &Plan) -> Result<(), RunError> {
    for agent in &plan.agents {
        backend_of(&agent.kind)?;
    }
    for gate in &plan.gates {
        let unknown = || {
            let kind = &gate.kind;
            RunError::Stale(format!("this eufm has no gate kind `{kind}`; compile the spec again"))
        };
        let kind = gates::kind(&gate.kind).ok_or_else(unknown)?;
        kind.command(gate)
            .map_err(|error| RunError::Stale(format!("gate {}: {error}", gate.name)))?;
    }
    Ok(())
}

impl Admitted {
    /// Runs a command in exactly the nest of the model's commands: the agent's
    /// sandbox within ours, behind the launcher.
    fn probe(&mut self, host: &Host, folder: &Path) -> Result<(), RunError> {
        let state =
            |error: std::io::Error| RunError::State(format!("{}: {error}", folder.display()));
        crate::orphans::end_all(folder).map_err(state)?;
        std::fs::create_dir_all(folder).map_err(state)?;
        let result = self.probe_sandbox(folder).and_then(|()| {
            let agents = self.locked.plan.agents.iter().zip(&self.installations);
            for (agent, installation) in agents {
                let backend = backend_of(&agent.kind)?;
                self.probe_agent(host, folder, backend, installation)?;
            }
            self.find_sharing(host, folder)
        });
        crate::remove::remove_all(folder).map_err(state)?;
        self.sharing = result?;
        Ok(())
    }

    /// Finds out how folders are kept, if any are.
    fn find_sharing(&self, host: &Host, folder: &Path) -> Result<Sharing, RunError> {
        if self.locked.plan.environments.iter().all(|environment| environment.keep.is_empty()) {
            return Ok(Sharing::Layers);
        }
        Sharing::find(&self.sandbox, &host.launcher, &host.path, folder).map_err(|lacks| {
            RunError::Host(format!("folders that environments keep need what is not here: {lacks}"))
        })
    }

    fn probe_sandbox(&self, folder: &Path) -> Result<(), RunError> {
        trial::of_commands(&self.sandbox, folder)
            .map_err(|failed| refused(&failed, trial::ALLOW_NAMESPACES))
    }

    fn probe_agent(
        &self,
        host: &Host,
        folder: &Path,
        backend: &dyn AgentBackend,
        installation: &Installation,
    ) -> Result<(), RunError> {
        let help = "the agent's own sandbox does not start within ours; its commands would fail";
        trial::of_agents(&self.sandbox, folder, &host.launcher, backend, installation)
            .map_err(|failed| refused(&failed, help))
    }
}

fn refused(failed: &trial::Failed, help: &str) -> RunError {
    RunError::Host(format!("the sandbox does not work here: {failed}\n  help: {help}"))
}

/// Tells whether anything of the plan runs in a sandbox: all but commands that
/// are trusted and that no gate judges.
fn needs_sandbox(plan: &Plan) -> bool {
    plan.nodes.iter().any(|node| !node.work.is_in_place() || !node.gates.is_empty())
}

/// Tells whether any node needs the model.
#[must_use]
pub(crate) fn needs_model(plan: &Plan) -> bool {
    plan.nodes.iter().any(|node| matches!(node.work, Work::Agent { .. }))
}

/// Tells whether the plan names hosts that something may reach.
#[must_use]
pub(crate) fn reaches_hosts(plan: &Plan) -> bool {
    let commands = plan.nodes.iter().filter_map(|node| node.work.command());
    let mut of_commands = commands.map(|command| &command.network);
    let mut of_environments = plan.environments.iter().map(|environment| &environment.network);
    of_commands.any(|hosts| !hosts.is_empty()) || of_environments.any(|hosts| !hosts.is_empty())
}
