//! A run's journal, opened or read, with the state that it folds to.
//!
//! Unaware of which run is meant and of what becomes of it.

use eufm_plan::lockfile::Locked;

use crate::error::RunError;
use crate::event::{Outcome, RunEvent};
use crate::journal::{self, Journal, JournalError};
use crate::meant::Meant;
use crate::process::ProcessId;
use crate::replay::{self, Replay};
use crate::run::Order;
use crate::scheduler::Scheduler;
use crate::store::RunDir;

/// What a journal says.
pub(crate) struct Replayed {
    /// The scheduler, with all facts replayed.
    pub scheduler: Scheduler,
    /// The host's time of each node's last fact, or of the run's first.
    pub times: Vec<u64>,
    /// The journal, where it was opened for going on.
    pub journal: Option<Journal>,
    /// The host's time of the last record; 0 without one.
    pub last_time: u64,
    /// How many records there are.
    pub records: usize,
    /// How many bytes of a torn last record were cut off.
    pub torn_bytes: u64,
}

impl Replayed {
    /// Tells whether nothing is left to do. A run whose time is used up has
    /// none for new attempts either.
    pub(crate) fn is_over(&self, retry: bool) -> bool {
        let state = self.scheduler.state();
        match state.finished {
            Some(Outcome::Done) => true,
            Some(_) => !retry || state.wall_exhausted,
            None => false,
        }
    }

    /// Tells whether the run is neither at its end nor given up.
    pub(crate) fn is_unfinished(&self) -> bool {
        let state = self.scheduler.state();
        state.opened.is_some() && state.finished.is_none() && !state.closed
    }

    /// Returns the facts with which this runner begins.
    ///
    /// # Errors
    /// Fails when the system does not say which process this is.
    pub(crate) fn first_facts(
        &self,
        order: &Order,
        found: &Meant,
    ) -> Result<Vec<RunEvent>, RunError> {
        let uncached = !order.takes_results;
        if self.records == 0 {
            return Ok(vec![RunEvent::Opened {
                run: found.run.clone(),
                plan: order.locked.digest,
                base: found.base.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                uncached,
                trusted: order.trusted,
            }]);
        }
        let runner = ProcessId::current().map_err(|error| RunError::Host(error.to_string()))?;
        let mut facts = vec![RunEvent::Resumed { runner, uncached }];
        facts.extend(self.scheduler.state().finished.map(|_| RunEvent::Reopened));
        Ok(facts)
    }

    /// Opens a run's journal for going on.
    ///
    /// # Errors
    /// Fails when it cannot be read, or is damaged.
    pub(crate) fn of(locked: &Locked, dir: &RunDir) -> Result<Self, RunError> {
        if !dir.journal().exists() {
            return Self::fold(locked, journal::Recovered::default(), dir);
        }
        let (journal, recovered) = Journal::open(&dir.journal(), locked)?;
        let mut replayed = Self::fold(locked, recovered, dir)?;
        replayed.journal = Some(journal);
        Ok(replayed)
    }

    /// Reads a run's journal and leaves it as it is.
    ///
    /// # Errors
    /// Fails when it cannot be read, or is damaged.
    pub(crate) fn read(locked: &Locked, dir: &RunDir) -> Result<Self, RunError> {
        let recovered = journal::read(&dir.journal(), locked)?;
        Self::fold(locked, recovered, dir)
    }

    fn fold(
        locked: &Locked,
        recovered: journal::Recovered,
        dir: &RunDir,
    ) -> Result<Self, RunError> {
        let records = recovered.records.len();
        let last_time = recovered.records.last().map_or(0, |record| record.time);
        let now = crate::clock::unix_seconds();
        let replay = replay::fold(&locked.plan, dir.name(), recovered.records, now);
        let Replay { scheduler, times } = replay.map_err(|misfit| {
            let offset = recovered.offsets[misfit.position];
            JournalError::Damaged { path: dir.journal(), offset, what: misfit.what }
        })?;
        let torn_bytes = recovered.torn_bytes;
        Ok(Self { scheduler, times, journal: None, last_time, records, torn_bytes })
    }
}
