//! Folds the records of a journal into the state of its run.
//!
//! Whoever reads a journal, to go on with it or only to look, comes to the same
//! state here, or is told which record does not follow. Unaware of files.

use std::collections::BTreeMap;

use eufm_plan::{NodeIndex, Plan};

use crate::event::{Event, RunEvent};
use crate::journal::{self, Record};
use crate::scheduler::Scheduler;

/// What the records say together.
#[derive(Debug)]
pub(crate) struct Replay {
    /// The state, with the function that says what is next.
    pub scheduler: Scheduler,
    /// The host's time of each node's last fact, or of the run's first one; it
    /// dates the node's commits.
    pub times: Vec<u64>,
}

/// A record that does not follow from those before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// Which one, from 0.
    pub position: usize,
    /// Why not.
    pub what: String,
}

/// Folds the records of the run called `run`; `now`, in seconds since 1970, is
/// the time of nodes without any fact.
///
/// # Errors
/// Fails at the first record that does not follow: the journal is damaged.
pub(crate) fn fold(
    plan: &Plan,
    run: &str,
    records: Vec<Record>,
    now: u64,
) -> Result<Replay, Misfit> {
    let nodes = plan.nodes.iter().enumerate();
    let names: BTreeMap<&str, NodeIndex> =
        nodes.map(|(position, node)| (node.name.as_str(), NodeIndex::new(position))).collect();
    let mut replay = Replay { scheduler: Scheduler::new(plan), times: vec![now; plan.nodes.len()] };
    for (position, record) in records.into_iter().enumerate() {
        take(&mut replay, run, record, |name| names.get(name).copied())
            .map_err(|what| Misfit { position, what })?;
    }
    Ok(replay)
}

fn take(
    replay: &mut Replay,
    run: &str,
    record: Record,
    node: impl Fn(&str) -> Option<NodeIndex>,
) -> Result<(), String> {
    let (at_ms, time) = (record.at_ms, record.time);
    let event = journal::event(record, node)
        .ok_or_else(|| "a record names a node that the plan does not".to_owned())?;
    match &event {
        Event::Run(RunEvent::Opened { run: opened, .. }) if opened != run => {
            return Err(format!("it is the journal of the run {opened}"));
        }
        Event::Run(RunEvent::Opened { .. }) => replay.times.fill(time),
        Event::Node(node, _) => replay.times[node.get()] = time,
        Event::Run(_) => {}
    }
    replay.scheduler.replay(at_ms, &event).map_err(|error| error.to_string())
}
