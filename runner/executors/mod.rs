//! How each sort of work is done: one file each, registered in [`EXECUTORS`].
//!
//! An executor runs in the worktree that it is given and says how that ended.
//! It is unaware of gates, of attempts and of what becomes of its result.

mod agent;
mod command;

pub(crate) use agent::GO_ON;
pub(crate) use command::{is_success, last_line};

use std::path::Path;
use std::time::Duration;

use eufm_plan::{NodeIndex, Work};

use crate::environments::Outfit;
use crate::event::Ending;
use crate::state::Feedback;
use crate::steps::Place;
use crate::workshop::{StepError, Workshop};

/// All executors.
pub(crate) const EXECUTORS: &[&dyn Executor] = &[&agent::AgentExecutor, &command::CommandExecutor];

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
    /// The worktree and what is around it.
    pub place: &'a Place,
    /// What it sees of its environments.
    pub outfit: &'a Outfit,
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

/// What came of running an attempt.
#[derive(Debug)]
pub(crate) enum Ran {
    /// It came to an end of its own, or ran into a limit.
    Ended(Ending),
    /// The run was stopped meanwhile.
    Stopped,
}
