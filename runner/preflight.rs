//! Checks that this host can run a plan, before anything is started.
//!
//! Everything that a plan asks of a host is found and tried here, and what is
//! missing is said with the way out; the result is an [`Admitted`] plan, and
//! only such a one is run. Unaware of the run's state.

use std::path::{Path, PathBuf};

use eufm_plan::lockfile::Locked;
use eufm_plan::{Node, Plan, Work};

use crate::agents::{AgentBackend, Installation, Search, backend};
use crate::confine::Closed;
use crate::doctor::Isolation;
use crate::environments::{self, Sharing};
use crate::error::RunError;
use crate::gates;
use crate::guard::{self, Allowed};
use crate::limits::Ceilings;
use crate::nest::Tools;
use crate::protections::Guarded;
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
    /// How what runs is kept apart; `None` when nothing needs to be.
    pub guarded: Option<Guarded>,
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
pub(crate) fn admit(
    locked: Locked,
    host: &Host,
    scratch: &Path,
    allowed: Allowed<'_>,
) -> Result<Admitted, RunError> {
    if !cfg!(target_os = "linux") {
        let message = "plans run on Linux only; compile and review work here".to_owned();
        return Err(RunError::Host(message));
    }
    kinds_are_known(&locked.plan)?;
    let tools = locked.plan.environments.iter().map(|it| environments::tools(it, &host.home));
    let tools = tools.collect::<Result<Vec<_>, _>>().map_err(RunError::Host)?;
    let (sandbox, guarded) = sandbox(&locked.plan, host, scratch, allowed)?;
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
    let mut admitted = Admitted { locked, sandbox, guarded, installations, tools, sharing };
    if needs_sandbox(&admitted.locked.plan) {
        admitted.probe(host, &scratch.join("probe"))?;
    }
    Ok(admitted)
}

/// Chooses what keeps apart what runs; nothing is said of it where nothing of
/// the plan runs in a sandbox.
fn sandbox(
    plan: &Plan,
    host: &Host,
    scratch: &Path,
    allowed: Allowed<'_>,
) -> Result<(Sandbox, Option<Guarded>), RunError> {
    if !needs_sandbox(plan) {
        return Ok((Sandbox::without_namespaces(&host.launcher, Closed::default()), None));
    }
    let (sandbox, guarded) = guard::choose(host, scratch, allowed)?;
    if guarded.isolation > Isolation::B && !plan.agents.is_empty() {
        let message = "agents do not run without bubblewrap: the Codex CLI needs the network of \
                       a namespace to reach the gateway, and makes its own sandbox with \
                       namespaces\n  help: install bubblewrap and allow user namespaces, or \
                       leave the agents out of the plan";
        return Err(RunError::Host(message.to_owned()));
    }
    let is_guarded = |node: &Node| {
        let has_secrets = node.work.command().is_some_and(|command| !command.secrets.is_empty());
        has_secrets || matches!(node.work, Work::Deploy { .. })
    };
    if guarded.isolation > Isolation::B && plan.nodes.iter().any(is_guarded) {
        let message = "deploys and secrets need bubblewrap: there is no checkout that cannot be \
                       changed, and no file system that nobody else sees\n  help: install \
                       bubblewrap and allow user namespaces";
        return Err(RunError::Host(message.to_owned()));
    }
    let keeps = plan.environments.iter().any(|environment| !environment.keep.is_empty());
    if guarded.isolation > Isolation::B && (keeps || reaches_hosts(plan)) {
        let message = "folders that environments keep and hosts that commands reach need \
                       bubblewrap: there is no namespace to show them in\n  help: install \
                       bubblewrap and allow user namespaces";
        return Err(RunError::Host(message.to_owned()));
    }
    if guarded.isolation > Isolation::B && plan.nodes.iter().any(|node| !node.inputs.is_empty()) {
        let message = "results that other nodes read need bubblewrap: there is no namespace to \
                       show them in\n  help: install bubblewrap and allow user namespaces, or \
                       leave the `inputs` out of the plan";
        return Err(RunError::Host(message.to_owned()));
    }
    Ok((sandbox, Some(guarded)))
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
        let mut agents = self.locked.plan.agents.iter().zip(&self.installations);
        let result = agents.try_for_each(|(agent, installation)| {
            self.probe_agent(folder, backend_of(&agent.kind)?, installation)
        });
        let result = result.and_then(|()| self.find_sharing(host, folder));
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

    fn probe_agent(
        &self,
        folder: &Path,
        backend: &dyn AgentBackend,
        installation: &Installation,
    ) -> Result<(), RunError> {
        let help = "the agent's own sandbox does not start within ours; its commands would fail";
        trial::of_agents(&self.sandbox, folder, backend, installation)
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
    let mut of_generated = plan.generated.iter().map(|file| &file.network);
    let is_some = |hosts: &Vec<String>| !hosts.is_empty();
    of_commands.any(is_some) || of_environments.any(is_some) || of_generated.any(is_some)
}
