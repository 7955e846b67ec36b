//! The steps of a node: one file for each action of the scheduler.
//!
//! A step runs in a thread of its own, does its act and tells the fact. It may
//! be cut off at any moment; done again after a crash it gives the same fact.
//! Unaware of what follows from the fact.

mod commit;
mod gate;
mod harvest;
mod in_place;
mod judge;
mod merge;
mod place;
mod recover;
mod start;

pub(crate) use gate::{
    Bench, Ruling, command as gate_command, judge as judge_gate, log as gate_log,
};
pub(crate) use judge::LIMIT_DEFAULT as GATE_LIMIT_DEFAULT;
pub(crate) use place::Place;

use std::time::Duration;

use eufm_plan::{GateIndex, NodeIndex};

use crate::environments::{self, Outfit, Unready};
use crate::git::{CommitId, Stamp};
use crate::state::Feedback;
use crate::workshop::{Message, StepError, Workshop};

/// What a step is to do, with all it needs of the run's state.
#[derive(Debug)]
pub(crate) enum Step {
    /// Run an attempt.
    Start(StartJob),
    /// End what an earlier runner left, and salvage its work.
    Recover {
        /// Which start ran.
        start: u32,
        /// What its worktree was made of.
        from: CommitId,
    },
    /// Take the result out of the worktree.
    Harvest {
        /// Which start made it.
        start: u32,
        /// Which try it was.
        attempt: u32,
        /// What it is compared with.
        base: CommitId,
    },
    /// Let a gate judge the work.
    Judge {
        /// The gate.
        gate: GateIndex,
        /// Which start made the work.
        start: u32,
        /// The work.
        work: CommitId,
        /// How long the node may still run, in milliseconds.
        rest_ms: Option<u64>,
    },
    /// Make the work the node's result.
    Commit {
        /// The work.
        work: CommitId,
    },
    /// Merge the result into the run's branch.
    Merge {
        /// The head of the branch.
        head: CommitId,
        /// The result.
        commit: CommitId,
    },
}

/// What an attempt starts from.
#[derive(Debug)]
pub(crate) struct StartJob {
    /// Which try this is.
    pub attempt: u32,
    /// Which start this is.
    pub start: u32,
    /// The results that the node depends on, in plan order.
    pub needs: Vec<CommitId>,
    /// The node's base, if an earlier start found it.
    pub base: Option<CommitId>,
    /// Earlier work to go on with.
    pub work: Option<CommitId>,
    /// The agent's session to go on with.
    pub session: Option<String>,
    /// What the attempt is told beside its task.
    pub feedback: Option<Feedback>,
    /// Whether the session was told it already, and has answered.
    pub heard: bool,
    /// How long the node may still run, in milliseconds.
    pub rest_ms: Option<u64>,
    /// Whether the journal has its start already, since nothing was to be
    /// found out for it.
    pub is_told: bool,
}

/// Gives a step the environments that its node sees, as they are for a commit.
fn outfit(
    shop: &Workshop,
    node: NodeIndex,
    commit: &CommitId,
    place: &Place,
    limit: Option<Duration>,
) -> Result<Outfit, Unready> {
    let limit = limit.unwrap_or(environments::LIMIT_DEFAULT);
    let tell = |text: &str| {
        let text = crate::printable::line(text, 120);
        shop.courier.send(Message::Activity { node, text });
    };
    environments::hand_out(shop, &shop.node(node).env, commit, place, limit, &tell)
}

/// How many paths of a conflict are written down.
const PATHS_MAX: usize = 100;

/// Bounds a list of paths: a journal record must not grow with the repository.
fn bounded(mut paths: Vec<String>) -> Vec<String> {
    if paths.len() > PATHS_MAX {
        let rest = paths.len() - PATHS_MAX;
        paths.truncate(PATHS_MAX);
        paths.push(format!("and {rest} more"));
    }
    paths
}

/// Does a step at a node; `stamp` dates the commits it makes.
///
/// # Errors
/// Fails when the host does not let it, or when the run goes on without it.
pub(crate) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    step: Step,
    stamp: &Stamp,
) -> Result<(), StepError> {
    let is_in_place = shop.node(node).work.is_in_place();
    match step {
        Step::Start(job) if is_in_place => in_place::perform(shop, node, &job, stamp),
        Step::Recover { start, .. } if is_in_place => in_place::recover(shop, node, start),
        Step::Start(job) => start::perform(shop, node, &job, stamp),
        Step::Recover { start, from } => recover::perform(shop, node, start, &from, stamp),
        Step::Harvest { start, attempt, base } => {
            harvest::perform(shop, node, start, attempt, &base, stamp)
        }
        Step::Judge { gate, start, work, rest_ms } => {
            judge::perform(shop, node, gate, start, &work, rest_ms)
        }
        Step::Commit { work } => commit::perform(shop, node, &work),
        Step::Merge { head, commit } => merge::perform(shop, node, &head, &commit, stamp),
    }
}
