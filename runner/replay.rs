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
    let mut fold = Fold::of(plan, run, now);
    for (position, record) in records.into_iter().enumerate() {
        fold.take(record).map_err(|what| Misfit { position, what })?;
    }
    Ok(fold.replay)
}

/// A fold that goes on record by record, for whoever looks at the facts too.
pub(crate) struct Fold<'a> {
    run: &'a str,
    nodes: BTreeMap<&'a str, NodeIndex>,
    /// What the records so far say together.
    pub replay: Replay,
}

impl<'a> Fold<'a> {
    /// Begins before the first record.
    pub(crate) fn of(plan: &'a Plan, run: &'a str, now: u64) -> Self {
        let nodes = plan.nodes.iter().enumerate();
        let nodes =
            nodes.map(|(position, node)| (node.name.as_str(), NodeIndex::new(position))).collect();
        let times = vec![now; plan.nodes.len()];
        Self { run, nodes, replay: Replay { scheduler: Scheduler::new(plan), times } }
    }

    /// Takes a record and gives back its fact.
    ///
    /// # Errors
    /// Says why the record does not follow; what is folded is then as it was.
    pub(crate) fn take(&mut self, record: Record) -> Result<Event, String> {
        let (at_ms, time) = (record.at_ms, record.time);
        let event = journal::event(record, |name| self.nodes.get(name).copied())
            .ok_or_else(|| "a record names a node that the plan does not".to_owned())?;
        if let Event::Run(RunEvent::Opened { run: opened, .. }) = &event
            && opened != self.run
        {
            return Err(format!("it is the journal of the run {opened}"));
        }
        self.replay.scheduler.replay(at_ms, &event).map_err(|error| error.to_string())?;
        match &event {
            Event::Run(RunEvent::Opened { .. }) => self.replay.times.fill(time),
            Event::Node(node, _) => self.replay.times[node.get()] = time,
            Event::Run(_) => {}
        }
        Ok(event)
    }
}
