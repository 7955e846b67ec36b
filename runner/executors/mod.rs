//! How each sort of work is done: one file each, registered in [`EXECUTORS`].
//!
//! An executor runs in the worktree that it is given and says how that ended.
//! It is unaware of gates, of attempts and of what becomes of its result.

mod agent;
mod command;
mod deploy;

pub(crate) use agent::GO_ON;
pub(crate) use command::{is_success, last_line, reason};
pub(crate) use deploy::{Probed, probe};

use std::path::Path;
use std::time::Duration;

use eufm_plan::{NodeIndex, Work};

use crate::beside::Session;
use crate::environments::Outfit;
use crate::event::Ending;
use crate::git::Stamp;
use crate::sandbox::Mount;
use crate::state::Feedback;
use crate::steps::Place;
use crate::workshop::{StepError, Workshop};

/// All executors.
pub(crate) const EXECUTORS: &[&dyn Executor] =
    &[&agent::AgentExecutor, &command::CommandExecutor, &deploy::DeployExecutor];

/// Finds the executor of a node's work; `None` for what `supported` refuses.
#[must_use]
pub(crate) fn executor(work: &Work) -> Option<&'static dyn Executor> {
    EXECUTORS.iter().copied().find(|executor| executor.does(work))
}

/// Does one sort of work.
pub(crate) trait Executor: Sync {
    /// Tells whether this is the executor of the work.
    fn does(&self, work: &Work) -> bool;

    /// Runs an attempt to its end.
    ///
    /// # Errors
    /// Fails when the host does not let it run.
    fn execute(&self, shop: &Workshop, attempt: &Attempt<'_>) -> Result<Ran, StepError>;
}

/// One attempt at a node.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    /// The node.
    pub node: NodeIndex,
    /// Which start this is.
    pub start: u32,
    /// Dates what is kept of it.
    pub stamp: &'a Stamp,
    /// The worktree and what is around it.
    pub place: &'a Place,
    /// What it sees of its environments.
    pub outfit: &'a Outfit,
    /// What it is given of other nodes' results.
    pub handed: &'a Handed,
    /// Where its logs go.
    pub logs: &'a Path,
    /// The agent's session to go on with.
    pub session: Option<&'a str>,
    /// What it is told beside its task.
    pub feedback: Option<&'a Feedback>,
    /// Whether the session was told it already, and has answered.
    pub heard: bool,
    /// Whether the worktree holds work of an earlier attempt.
    pub has_work: bool,
    /// How long it may run.
    pub limit: Option<Duration>,
}

/// What a node is given of other nodes' results, in its place.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    /// The folder of its inputs, if it has some.
    pub inputs: Option<Mount>,
    /// What an agent is told of them, beside its task.
    pub told: String,
    /// The session that it goes on from, as long as it has none of its own.
    pub session: Option<Session>,
}

impl Attempt<'_> {
    /// Returns what its sandbox shows beside the system and the environments.
    #[must_use]
    pub(crate) fn mounts(&self) -> Vec<Mount> {
        let mut mounts = self.place.mounts();
        mounts.extend(self.handed.inputs.clone());
        mounts
    }
}

/// What came of running an attempt.
#[derive(Debug)]
pub(crate) enum Ran {
    /// It came to an end of its own, or ran into a limit.
    Ended(Ending),
    /// The run was stopped meanwhile.
    Stopped,
}
