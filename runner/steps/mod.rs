//! The steps of a node: one file for each action of the scheduler.
//!
//! A step runs in a thread of its own, does its act and tells the fact. It may
//! be cut off at any moment; done again after a crash it gives the same fact.
//! Unaware of what follows from the fact.

mod ask;
mod baseline;
mod commit;
mod deploy;
mod gate;
mod generate;
mod harvest;
mod in_place;
mod judge;
mod merge;
mod place;
mod reconcile;
mod recover;
mod rule;
mod start;
mod take;
mod verify;

pub(crate) use ask::AskJob;
pub(crate) use baseline::Baselines;
pub(crate) use gate::{
    Bench, Ruling, command as gate_command, judge as judge_gate, log as gate_log,
};
pub(crate) use judge::LIMIT_DEFAULT as GATE_LIMIT_DEFAULT;
pub(crate) use place::Place;
pub(crate) use reconcile::ReconcileJob;

use std::time::Duration;

use eufm_plan::{Environment, GateIndex, NodeIndex, RuleIndex, Work};

use crate::environments::{self, Outfit, Unready};
use crate::event::Passed;
use crate::git::{Author, CommitId, Stamp};
use crate::inputs::Origins;
use crate::key::NodeKey;
use crate::rules::Outcome;
use crate::sight::sight_of;
use crate::state::Feedback;
use crate::workshop::{Message, StepError, Workshop};

/// What a step is to do, with all it needs of the run's state.
#[derive(Debug)]
pub(crate) enum Step {
    /// Run an attempt.
    Start(Box<StartJob>),
    /// Find out what a person is to look at.
    Ask(Box<AskJob>),
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
        /// What the node began with.
        base: CommitId,
        /// The work.
        work: CommitId,
        /// How long the node may still run, in milliseconds.
        rest_ms: Option<u64>,
    },
    /// Judge the tree of a verify node by a rule.
    Rule(RuleJob),
    /// Make the work the node's result.
    Commit(Box<CommitJob>),
    /// Merge the result into the run's branch.
    Merge {
        /// The head of the branch.
        head: CommitId,
        /// The result.
        commit: CommitId,
    },
    /// Let the agent of the result resolve what it contradicts.
    Reconcile(Box<ReconcileJob>),
}

/// What a rule is judged on.
#[derive(Debug)]
pub(crate) struct RuleJob {
    /// The rule.
    pub rule: RuleIndex,
    /// Which start found the tree.
    pub start: u32,
    /// The tree.
    pub work: CommitId,
    /// What a person has said of the rule.
    pub answer: Option<Outcome>,
    /// How long the node may still run, in milliseconds.
    pub rest_ms: Option<u64>,
}

/// What becomes a node's result.
#[derive(Debug)]
pub(crate) struct CommitJob {
    /// Which start made it.
    pub start: u32,
    /// Which try made it.
    pub attempt: u32,
    /// What the node saw.
    pub base: CommitId,
    /// The work, on that.
    pub work: CommitId,
    /// How many files it changes.
    pub changes: u64,
    /// The key, unless the result is never taken over.
    pub key: Option<NodeKey>,
    /// The gates that passed it.
    pub gates: Vec<Passed>,
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
    /// Where its inputs come from, and the session it goes on from.
    pub origins: Origins,
    /// What the node sees, if an earlier start found it.
    pub base: Option<CommitId>,
    /// The key that an earlier start found.
    pub key: Option<NodeKey>,
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
    /// For a deploy, what was verified for it.
    pub verified: Option<CommitId>,
    /// Whether the journal has its start already, since nothing was to be
    /// found out for it.
    pub is_told: bool,
}

/// Gives a step the environments that its node sees, as they are for a commit.
///
/// They are prepared on whole commits: where the node sees a part of the files,
/// the others are those of the run's base, as its key says.
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
    let env = &shop.node(node).env;
    let whole = match env.iter().any(|index| is_prepared(&shop.plan.environments[index.get()])) {
        true => completed(shop, node, commit)?,
        false => commit.clone(),
    };
    environments::hand_out(shop, env, &whole, place, limit, &tell)
}

/// Tells whether there is something of an environment that depends on a commit.
fn is_prepared(environment: &Environment) -> bool {
    !environment.keep.is_empty()
}

/// Completes what a node sees of a commit by the rest of the run's base. The
/// commit is made of the same files always, and nobody keeps it.
fn completed(shop: &Workshop, node: NodeIndex, part: &CommitId) -> Result<CommitId, StepError> {
    let sight = sight_of(shop.node(node))?;
    let stamp = Stamp { author: Author::default(), seconds: 0 };
    let message = "What an environment is prepared on\n";
    Ok(shop.vault.completed(part, (&shop.base, &sight), message, &stamp)?)
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

/// Writes the message of a result's commit.
fn message(shop: &Workshop, node: NodeIndex, trailer: &str) -> String {
    let (name, run) = (&shop.node(node).name, &shop.run);
    format!("{name}\n\nEufm-Run: {run}\nEufm-Node: {name}\n{trailer}\n")
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
    let work = &shop.node(node).work;
    let is_in_place = work.is_in_place();
    let is_verify = matches!(work, Work::Verify { .. });
    match step {
        Step::Recover { start, from } if matches!(work, Work::Deploy { .. }) => {
            deploy::recover(shop, node, start, &from, stamp)
        }
        Step::Start(job) if is_in_place => in_place::perform(shop, node, &job, stamp),
        Step::Recover { start, .. } if is_in_place => in_place::recover(shop, node, start),
        Step::Start(job) if is_verify => verify::perform(shop, node, &job, stamp),
        Step::Recover { .. } if is_verify => verify::recover(shop, node),
        Step::Start(job) => start::perform(shop, node, &job, stamp),
        Step::Ask(job) => ask::perform(shop, node, *job, stamp),
        Step::Recover { start, from } => recover::perform(shop, node, start, &from, stamp),
        Step::Harvest { start, attempt, base } => {
            harvest::perform(shop, node, start, attempt, &base, stamp)
        }
        Step::Judge { gate, start, base, work, rest_ms } => {
            judge::perform(shop, node, (gate, start), (&base, &work), rest_ms)
        }
        Step::Rule(job) => rule::perform(shop, node, &job),
        Step::Commit(job) => commit::perform(shop, node, &job, stamp),
        Step::Merge { head, commit } => merge::perform(shop, node, &head, &commit, stamp),
        Step::Reconcile(job) => reconcile::perform(shop, node, &job, stamp),
    }
}
