//! Lets the agent of a result resolve what it contradicts in the branch.
//!
//! The agent gets the merge with both sides between marks, in its own session
//! and with a budget of its own; what it makes of it must pass the node's gates
//! as any result does. Told is the merge or the conflict, nothing between: done
//! again after a crash it begins anew. Unaware of the order of merges.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use eufm_plan::{GateIndex, NodeIndex};

use super::baseline::{self, Comparison};
use super::gate::{self, Bench};
use super::generate::{self, Made};
use super::place::Place;
use crate::beneath;
use crate::environments::Unready;
use crate::event::{Ending, NodeEvent};
use crate::executors::{Attempt, Handed, Ran, executor};
use crate::git::{CommitId, HarvestError, Stamp};
use crate::state::Feedback;
use crate::workshop::{StepError, Workshop};

/// The mark before the branch's side of a conflict, as git writes it.
const MARK: &[u8] = b"<<<<<<< ";

/// How much of a file is searched for marks, in bytes.
const SEARCHED_MAX: u64 = 16 << 20;

/// What contradicts the branch.
#[derive(Debug)]
pub(crate) struct ReconcileJob {
    /// The head of the branch.
    pub head: CommitId,
    /// The result.
    pub commit: CommitId,
    /// Which start of the node made it.
    pub start: u32,
    /// The agent's session.
    pub session: Option<String>,
    /// What a person wrote who wants it tried again.
    pub note: Option<String>,
    /// How a person has resolved it.
    pub taken: Option<CommitId>,
}

/// What came of one try.
enum Tried {
    /// The result within the branch.
    Resolved(CommitId),
    /// Not good enough; what the agent is told, and what it goes on with.
    Again(String, Option<CommitId>),
    /// No further try helps.
    Over(String),
}

pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    job: &ReconcileJob,
    stamp: &Stamp,
) -> Result<(), StepError> {
    let (tree, mut paths) = shop.vault.torn(&job.head, &job.commit)?;
    paths.retain(|path| !generate::is_generated(shop, path));
    let message = super::message(shop, node, "Eufm-Merge: with marks");
    let parents = [job.head.clone(), job.commit.clone()];
    let mut from = shop.vault.commit(&tree, &parents, &message, stamp)?;
    let paths = super::bounded(paths);
    if let Some(taken) = &job.taken {
        return take(shop, node, job, (taken, paths));
    }
    let mut told = task(&paths);
    if let Some(note) = &job.note {
        told = format!("{told}\n\nA person who looked at this says:\n\n{note}");
    }
    let mut reason = String::new();
    for _ in 0..shop.node(node).budget.attempts {
        match attempt(shop, node, job, (&from, &paths, &told), stamp)? {
            Tried::Resolved(head) => {
                let _moving = shop.branch.lock().unwrap_or_else(PoisonError::into_inner);
                return super::merge::take_in(shop, node, &head);
            }
            Tried::Again(why, work) => {
                reason = format!("not resolved: {}", crate::printable::line(&why, 200));
                told = why;
                from = work.unwrap_or(from);
            }
            Tried::Over(why) => {
                reason = format!("not resolved: {}", crate::printable::line(&why, 200));
                break;
            }
        }
    }
    shop.courier.tell(node, NodeEvent::Conflicted { paths, reason: Some(reason) })
}

/// Takes the commit in which a person has merged both sides, if it does and the
/// node's gates pass it.
fn take(
    shop: &Workshop,
    node: NodeIndex,
    job: &ReconcileJob,
    (taken, paths): (&CommitId, Vec<String>),
) -> Result<(), StepError> {
    // Whatever is wrong with it, it is asked about again.
    let holds = |part: &CommitId| shop.vault.contains(taken, part).unwrap_or(false);
    let wrong = if !holds(&job.head) {
        Some(format!("{} does not contain the branch as it is", taken.short()))
    } else if !holds(&job.commit) {
        Some(format!("{} does not contain the result", taken.short()))
    } else {
        gated(shop, node, job, taken)?
    };
    let Some(wrong) = wrong else {
        let _moving = shop.branch.lock().unwrap_or_else(PoisonError::into_inner);
        return super::merge::take_in(shop, node, taken);
    };
    let reason = format!("what was to be taken is not: {}", crate::printable::line(&wrong, 200));
    shop.courier.tell(node, NodeEvent::Conflicted { paths, reason: Some(reason) })
}

/// Lets the node's gates judge; says what the first says that does not pass.
fn gated(
    shop: &Workshop,
    node: NodeIndex,
    job: &ReconcileJob,
    work: &CommitId,
) -> Result<Option<String>, StepError> {
    for index in &shop.node(node).gates {
        let folder = shop.scratch(node, job.start, &format!("merge-gate{}", index.get()));
        let bench = Place::make(shop, &folder, work)?;
        let told = rejected(shop, node, job, (*index, &bench, work));
        bench.remove()?;
        if let Some(told) = told? {
            return Ok(Some(told));
        }
    }
    Ok(None)
}

/// What the agent is asked to do.
fn task(paths: &[String]) -> String {
    format!(
        "Your result is done, but it contradicts what others have done meanwhile, in: {}. The \
         files now hold the merge of both; where the two sides differ they stand between the \
         marks <<<<<<<, ======= and >>>>>>>. Resolve each of these places so that both intents \
         hold, remove the marks, and change nothing else.",
        paths.join(", ")
    )
}

fn attempt(
    shop: &Workshop,
    node: NodeIndex,
    job: &ReconcileJob,
    (from, paths, told): (&CommitId, &[String], &str),
    stamp: &Stamp,
) -> Result<Tried, StepError> {
    let place = Place::make(shop, &shop.scratch(node, job.start, "reconcile"), from)?;
    let ran = turn(shop, node, job, (&place, told), stamp);
    let tried = match ran {
        Ok(Ran::Ended(Ending::Completed)) => judged(shop, node, job, (&place, paths), stamp),
        Ok(Ran::Ended(ending)) => Ok(Tried::Over(words(&ending))),
        Ok(Ran::Stopped) => Err(StepError::Left),
        Err(error) => Err(error),
    };
    place.remove()?;
    tried
}

fn words(ending: &Ending) -> String {
    match ending {
        Ending::Completed => String::new(),
        Ending::TimedOut => "the time of the node is used up".to_owned(),
        Ending::Failed { reason }
        | Ending::Unavailable { reason }
        | Ending::Spent { reason }
        | Ending::Exceeded { reason } => reason.clone(),
    }
}

/// Lets the agent work.
fn turn(
    shop: &Workshop,
    node: NodeIndex,
    job: &ReconcileJob,
    (place, told): (&Place, &str),
    stamp: &Stamp,
) -> Result<Ran, StepError> {
    let limit = shop.node(node).budget.wall.map(|wall| Duration::from_millis(wall.0));
    let outfit = match super::outfit(shop, node, &job.head, place, limit) {
        Ok(outfit) => outfit,
        Err(Unready::Stopped) => return Ok(Ran::Stopped),
        Err(Unready::Failed(failure)) => {
            return Ok(Ran::Ended(Ending::Failed { reason: failure.to_string() }));
        }
        Err(Unready::Step(error)) => return Err(error),
    };
    let logs = fresh_logs(shop, node)?;
    let feedback = Feedback::Rejected(told.to_owned());
    let attempt = Attempt {
        node,
        start: job.start,
        stamp,
        place,
        outfit: &outfit,
        handed: &Handed::default(),
        logs: &logs,
        session: job.session.as_deref(),
        feedback: Some(&feedback),
        heard: false,
        has_work: true,
        limit,
    };
    let work = &shop.node(node).work;
    let executor =
        executor(work).ok_or_else(|| StepError::Host(format!("no {} runs", work.kind())))?;
    executor.execute(shop, &attempt)
}

/// Makes a folder for the logs of one more try; those of before stay, and how many
/// there were before a crash is known by them alone.
fn fresh_logs(shop: &Workshop, node: NodeIndex) -> Result<PathBuf, StepError> {
    let folder = shop.node_dir(node).join("merge");
    std::fs::create_dir_all(&folder)?;
    let mut number = 1_u32;
    loop {
        let logs = folder.join(number.to_string());
        match std::fs::create_dir(&logs) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            made => return Ok(made.map(|()| logs)?),
        }
    }
}

/// Takes what the agent made, and lets the gates judge it.
fn judged(
    shop: &Workshop,
    node: NodeIndex,
    job: &ReconcileJob,
    (place, paths): (&Place, &[String]),
    stamp: &Stamp,
) -> Result<Tried, StepError> {
    let marked = marked(place, paths)?;
    if !marked.is_empty() {
        let left = marked.join(", ");
        let work = kept(shop, node, place, stamp)?;
        return Ok(Tried::Again(format!("There are still marks of the conflict in {left}."), work));
    }
    let writes = super::harvest::writes(shop, node)?;
    let made = match place.worktree().harvest(&job.head, &writes) {
        Ok(made) => made,
        Err(HarvestError::Refused(refusal)) => {
            let work = kept(shop, node, place, stamp)?;
            return Ok(Tried::Again(refusal.to_string(), work));
        }
        Err(HarvestError::Git(error)) => return Err(error.into()),
    };
    let name = &shop.node(node).name;
    let message = format!("Merge {name}\n\nEufm-Run: {}\nEufm-Node: {name}\n", shop.run);
    let parents = [job.head.clone(), job.commit.clone()];
    let mut work = shop.vault.commit(&made.tree, &parents, &message, stamp)?;
    if !shop.plan.generated.is_empty() {
        work = match generate::made(shop, node, &work, stamp)? {
            Made::Tree(tree) => shop.vault.commit(&tree, &parents, &message, stamp)?,
            Made::Not(reason) => return Ok(Tried::Again(reason, Some(work))),
        };
    }
    if let Some(told) = gated(shop, node, job, &work)? {
        return Ok(Tried::Again(told, Some(work)));
    }
    Ok(Tried::Resolved(work))
}

/// Lets one gate judge; returns what it tells the agent, if it does not pass.
fn rejected(
    shop: &Workshop,
    node: NodeIndex,
    job: &ReconcileJob,
    (index, place, work): (GateIndex, &Place, &CommitId),
) -> Result<Option<String>, StepError> {
    let gate = &shop.plan.gates[index.get()];
    let wall = shop.node(node).budget.wall;
    let limit = wall.map_or(super::GATE_LIMIT_DEFAULT, eufm_plan::units::Millis::to_std);
    let outfit = match super::outfit(shop, node, work, place, Some(limit)) {
        Ok(outfit) => outfit,
        Err(Unready::Stopped) => return Err(StepError::Left),
        Err(Unready::Failed(failure)) => return Ok(Some(failure.to_string())),
        Err(Unready::Step(error)) => return Err(error),
    };
    let logs = shop.node_dir(node).join("merge");
    let pulse = &shop.pulses[node.get()];
    let memory = shop.node(node).budget.memory.map(|bytes| bytes.0);
    let bench = Bench { place, outfit: &outfit, logs: &logs, pulse, limit, memory };
    let Some(ruling) = gate::judge(shop, gate, &bench)? else { return Err(StepError::Left) };
    // Beside what is merged already.
    let comparison = Comparison { node, index, start: job.start, base: &job.head, limit };
    let Some(ruling) = baseline::compare(shop, &comparison, ruling)? else {
        return Err(StepError::Left);
    };
    if ruling.judgement.verdict.is_pass() {
        return Ok(None);
    }
    let (_, run) = gate::command(gate)?;
    Ok(Some(ruling.judgement.feedback(gate, run, &ruling.output)))
}

/// Keeps what the agent made so far, for its next try.
fn kept(
    shop: &Workshop,
    node: NodeIndex,
    place: &Place,
    stamp: &Stamp,
) -> Result<Option<CommitId>, StepError> {
    let message = super::message(shop, node, "Eufm-Merge: not resolved yet");
    Ok(Some(place.worktree().salvage(&message, stamp)?))
}

/// Lists the files that still hold a mark.
fn marked(place: &Place, paths: &[String]) -> Result<Vec<String>, StepError> {
    let mut found = Vec::new();
    for path in paths {
        let Some(file) = beneath::read(place.worktree().dir(), path)? else { continue };
        let mut bytes = Vec::new();
        file.take(SEARCHED_MAX).read_to_end(&mut bytes)?;
        if bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(MARK)) {
            found.push(path.clone());
        }
    }
    Ok(found)
}
