//! Runs one attempt at a node: worktree, process, end.
//!
//! The intent is written down before anything runs. An attempt that is cut
//! short by a stop keeps its work under a ref. Unaware of what an agent or a
//! command is: that is the executor's.

use std::time::Duration;

use eufm_plan::{NodeIndex, Work};

use super::StartJob;
use super::generate::{self, Merged};
use super::place::Place;
use crate::clock::awake;
use crate::environments::Unready;
use crate::event::{Ending, NodeEvent};
use crate::executors::{Attempt, Executor, Handed, Ran, executor};
use crate::git::{CommitId, Stamp};
use crate::inputs::{self, Digests, Gathered, SEEN_AT};
use crate::key::NodeKey;
use crate::sandbox::Mount;
use crate::sight::{self, Seen};
use crate::workshop::{StepError, Workshop};

pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    job: &StartJob,
    stamp: &Stamp,
) -> Result<(), StepError> {
    let work = &shop.node(node).work;
    let executor =
        executor(work).ok_or_else(|| StepError::Host(format!("no {} runs", work.kind())))?;
    let given = gather(shop, node, job)?;
    let digests = given.as_ref().ok().map(Gathered::digests);
    let Some((base, key)) = base(shop, node, job, digests.as_ref(), stamp)? else { return Ok(()) };
    let is_deploy = matches!(work, Work::Deploy { .. });
    if is_deploy {
        check_verified(job, &base)?;
    }
    // A command begins anew each time; an agent goes on with what it has done.
    let from = match work {
        Work::Agent { .. } => job.work.clone().unwrap_or_else(|| base.clone()),
        Work::Command(_) | Work::Approval { .. } | Work::Verify { .. } | Work::Deploy { .. } => {
            base.clone()
        }
    };
    let place = Place::make(shop, &shop.scratch(node, job.start, "attempt"), &from)?;
    let started = NodeEvent::Started {
        attempt: job.attempt,
        start: job.start,
        base: base.clone(),
        from: from.clone(),
        key,
    };
    if let Err(error) = shop.courier.tell(node, started) {
        place.remove()?;
        return Err(error);
    }
    let ran = match given {
        Ok(given) => {
            let handed = hand_out(&place, given)?;
            attempt(shop, node, job, (executor, &place), (&base, &from), &handed, stamp)?
        }
        // Nothing runs that does not have what the plan gives it.
        Err(reason) => Ran::Ended(Ending::Failed { reason }),
    };
    match ran {
        Ran::Ended(ending) if is_deploy => {
            shop.courier.tell(node, NodeEvent::Exited { ending, salvage: None })?;
            place.remove()
        }
        // What became of it is asked when the run goes on, as after a kill.
        Ran::Stopped if is_deploy => place.remove(),
        // What an agent had done when its money was used up is judged too.
        Ran::Ended(ending @ (Ending::Completed | Ending::Spent { .. })) => {
            let salvage = None;
            shop.courier.tell(node, NodeEvent::Exited { ending, salvage })
        }
        Ran::Ended(ending) => {
            let salvage = super::recover::salvage(shop, node, job.start, &from, stamp)?;
            shop.courier.tell(node, NodeEvent::Exited { ending, salvage })?;
            place.remove()
        }
        Ran::Stopped => {
            let salvage = super::recover::salvage(shop, node, job.start, &from, stamp)?;
            shop.courier.tell(node, NodeEvent::Interrupted { salvage })?;
            place.remove()
        }
    }
}

/// Lets a deploy start from what was verified for it and from nothing else. Nothing
/// of a plan leads elsewhere; whatever did, nothing is deployed then.
fn check_verified(job: &StartJob, base: &CommitId) -> Result<(), StepError> {
    if job.verified.as_ref() == Some(base) {
        return Ok(());
    }
    let verified = job.verified.as_ref().map_or("nothing", CommitId::as_str);
    Err(StepError::Host(format!("it would deploy {base}, but {verified} was verified for it")))
}

/// Gathers what the node is given of other results; the inner error says what
/// is not to be had.
fn gather(
    shop: &Workshop,
    node: NodeIndex,
    job: &StartJob,
) -> Result<Result<Gathered, String>, StepError> {
    let (plan, node) = (&shop.plan, shop.node(node));
    let sources = job.origins.find(&shop.vault, &shop.run, (plan, node))?;
    Ok(inputs::gather(&shop.vault, plan, node, &sources)?)
}

/// Puts what the node is given where its sandbox shows it from.
fn hand_out(place: &Place, given: Gathered) -> Result<Handed, StepError> {
    let told = inputs::told(&given.inputs);
    let mut inputs = None;
    if !given.inputs.is_empty() {
        let folder = place.beside("in");
        given.write(&folder)?;
        inputs = Some(Mount::read_only(folder, SEEN_AT));
    }
    Ok(Handed { inputs, told, session: given.session })
}

/// Runs the attempt in its place, with the environments it sees: those of its
/// base, whatever earlier work it goes on with.
fn attempt(
    shop: &Workshop,
    node: NodeIndex,
    job: &StartJob,
    (executor, place): (&dyn Executor, &Place),
    (base, from): (&CommitId, &CommitId),
    handed: &Handed,
    stamp: &Stamp,
) -> Result<Ran, StepError> {
    let began = awake();
    let limit = job.rest_ms.map(Duration::from_millis);
    let outfit = match super::outfit(shop, node, base, place, limit) {
        Ok(outfit) => outfit,
        Err(Unready::Stopped) => return Ok(Ran::Stopped),
        Err(Unready::Failed(failure)) => {
            let reason = failure.to_string();
            return Ok(Ran::Ended(Ending::Failed { reason }));
        }
        Err(Unready::Step(error)) => return Err(error),
    };
    let logs = shop.node_dir(node).join(format!("{}", job.start));
    std::fs::create_dir_all(&logs)?;
    let attempt = Attempt {
        node,
        start: job.start,
        stamp,
        place,
        outfit: &outfit,
        handed,
        logs: &logs,
        session: job.session.as_deref(),
        feedback: job.feedback.as_ref(),
        heard: job.heard,
        has_work: from != base,
        limit: limit.map(|limit| limit.saturating_sub(awake().saturating_sub(began))),
    };
    executor.execute(shop, &attempt)
}

/// Finds what the node sees of what it starts from, and its key. `None` where
/// the node has come to its end by that: the merge is none, or the result was
/// there already.
fn base(
    shop: &Workshop,
    node: NodeIndex,
    job: &StartJob,
    given: Option<&Digests>,
    stamp: &Stamp,
) -> Result<Option<(CommitId, Option<NodeKey>)>, StepError> {
    if let Some(base) = &job.base {
        return Ok(Some((base.clone(), job.key.clone())));
    }
    let Some(base) = whole(shop, node, job, stamp)? else { return Ok(None) };
    let what = (&*shop.plan, shop.node(node));
    let Seen { part, key } = sight::look(&shop.vault, what, &shop.base, &base, given, stamp)?;
    if let Some(key) = &key
        && super::take::perform(shop, node, key, (&base, &part), stamp)?
    {
        return Ok(None);
    }
    Ok(Some((part, key)))
}

/// Finds what the node starts from: the merge of what it depends on; `None`
/// when there is none, which is told then.
pub(super) fn whole(
    shop: &Workshop,
    node: NodeIndex,
    job: &StartJob,
    stamp: &Stamp,
) -> Result<Option<CommitId>, StepError> {
    merged(shop, node, &job.needs, stamp)
}

/// Merges the results that a node depends on; `None` when that is not possible,
/// which is told then.
pub(super) fn merged(
    shop: &Workshop,
    node: NodeIndex,
    needs: &[CommitId],
    stamp: &Stamp,
) -> Result<Option<CommitId>, StepError> {
    let message =
        format!("Merge what {} depends on\n\nEufm-Run: {}\n", shop.node(node).name, shop.run);
    let mut merged = shop.base.clone();
    // What changed nothing needs no merge.
    for need in needs.iter().filter(|need| **need != shop.base) {
        match generate::merge(shop, node, (&merged, need), &message, stamp)? {
            Merged::Commit(commit) => merged = commit,
            Merged::Conflict(paths) => {
                let paths = super::bounded(paths);
                return shop.courier.tell(node, NodeEvent::Unmergeable { paths }).map(|()| None);
            }
        }
    }
    Ok(Some(merged))
}
