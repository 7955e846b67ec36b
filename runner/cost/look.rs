//! Finds the run that is meant and reads what its journal says of money.
//!
//! It reads as a resume does and changes nothing, so it also answers beside a
//! run that works. A damaged journal counts up to the damage. Unaware of how
//! the figures are made.

use std::path::Path;

use eufm_plan::Digest;
use eufm_plan::lockfile::Locked;
use eufm_plan::units::Rate;

use super::figures::Figures;
use super::tally::{Hour, Sums, Tally};
use crate::error::RunError;
use crate::event::Outcome;
use crate::journal::Scan;
use crate::ledger::{Paced, hourly};
use crate::replay::Fold;
use crate::state::RunState;
use crate::store::{self, RunDir};
use crate::verify::{self, Damage};

/// What is asked about.
#[derive(Debug)]
pub enum Asked {
    /// A plan, with its text, and the run of it that goes on, or else the one
    /// that was recorded last.
    Plan(Locked, String),
    /// The run of this name.
    Run(String),
}

/// What a plan may cost, and what a run of it has cost.
#[derive(Debug)]
pub struct CostReport {
    /// The pipeline's name.
    pub pipeline: String,
    /// The plan's digest.
    pub plan: Digest,
    /// How fast the run may spend.
    pub rate: Option<Rate>,
    /// The plan's bounds beside what was spent.
    pub figures: Figures,
    /// The run; `None` if the plan has none.
    pub run: Option<RunCost>,
    /// The other runs of the same plan, by name.
    pub others: Vec<String>,
    /// Who works on the state right now, if somebody does.
    pub runner: Option<String>,
}

/// What is known of a run beside the sums of its nodes.
#[derive(Debug)]
pub struct RunCost {
    /// Its name.
    pub run: String,
    /// How far it has come.
    pub standing: Standing,
    /// Active time, in milliseconds.
    pub active_ms: u64,
    /// Implementation time, in milliseconds: that in which at least one attempt
    /// ran and was not held.
    pub worked_ms: u64,
    /// What was spent for an hour of implementation time, in millionths, rounded
    /// up; `None` before there is such time.
    pub hourly: Option<u64>,
    /// What was spent beside what the plan's rate allows so far.
    pub paced: Option<Paced>,
    /// What was spent by hour of active time.
    pub hours: Vec<Hour>,
    /// How many bytes of a record stand at the journal's end that was being written.
    pub torn_bytes: u64,
    /// Where the journal is damaged; what stands behind does not count.
    pub damage: Option<Damage>,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has not come to its end.
    Unfinished,
    /// It does not go on: another run has its place.
    Closed,
    /// It came to its end.
    Ended(Outcome),
}

/// A run's journal, folded.
struct Read {
    run: RunCost,
    sums: Vec<Sums>,
    /// The host's time of the last record; 0 without one.
    last_time: u64,
}

/// Looks at what a plan or a run in the state at `root` costs.
///
/// # Errors
/// Fails when there is no run of that name, or its plan or journal cannot be read.
pub fn look(root: &Path, asked: Asked) -> Result<CostReport, RunError> {
    let names = store::runs_below(root)?;
    let (locked, read, others) = match asked {
        Asked::Run(run) => {
            if !names.contains(&run) {
                return Err(RunError::Usage(verify::unknown(root, &run, &names)));
            }
            let dir = RunDir::of(root, &run);
            let locked = verify::plan_of(&dir).map_err(state)?;
            let read = read(&locked, &dir)?;
            (locked, Some(read), Vec::new())
        }
        Asked::Plan(locked, text) => {
            let (read, others) = of_plan(root, &locked, &text, names)?;
            (locked, read, others)
        }
    };
    let plan = &locked.plan;
    let none = || vec![Sums::default(); plan.nodes.len()];
    let (run, sums) = match read {
        Some(read) => (Some(read.run), read.sums),
        None => (None, none()),
    };
    Ok(CostReport {
        pipeline: plan.pipeline.clone(),
        plan: locked.digest,
        rate: plan.budget.rate,
        figures: Figures::of(plan, &sums),
        run,
        others,
        runner: store::who_works(root),
    })
}

/// Reads the runs of a plan and chooses one; returns the names of the others.
fn of_plan(
    root: &Path,
    locked: &Locked,
    text: &str,
    names: Vec<String>,
) -> Result<(Option<Read>, Vec<String>), RunError> {
    let mut chosen: Option<Read> = None;
    let mut others = Vec::new();
    for name in names {
        let dir = RunDir::of(root, &name);
        if !dir.is_of(text) {
            continue;
        }
        let next = read(locked, &dir)?;
        let rank = |read: &Read| (read.run.standing == Standing::Unfinished, read.last_time);
        let other = match chosen.take() {
            Some(best) if rank(&best) > rank(&next) => {
                chosen = Some(best);
                Some(next)
            }
            best => {
                chosen = Some(next);
                best
            }
        };
        others.extend(other.map(|read| read.run.run));
    }
    others.sort();
    Ok((chosen, others))
}

/// Reads a run's journal as far as it is good.
fn read(locked: &Locked, dir: &RunDir) -> Result<Read, RunError> {
    let path = dir.journal();
    let bytes = std::fs::read(&path).map_err(|error| state(verify::unreadable(&path, &error)))?;
    let scan = Scan::of(&bytes, locked);
    let (total, valid_bytes) = (bytes.len() as u64, scan.valid_bytes as u64);
    let last_time = scan.records.last().map_or(0, |record| record.time);
    let plan = &locked.plan;
    let mut fold = Fold::of(plan, dir.name(), 0);
    let mut tally = Tally::of(plan.nodes.len());
    let mut damage = verify::refused(&path, scan.end, valid_bytes);
    for (record, offset) in scan.records.into_iter().zip(scan.offsets) {
        match fold.take(record) {
            Ok(event) => tally.take(fold.replay.scheduler.state().at_ms, &event),
            Err(what) => {
                damage = Some(verify::unfitting(&path, offset, what));
                break;
            }
        }
    }
    let (sums, hours) = tally.finish();
    let state = fold.replay.scheduler.state();
    let worked_ms = state.worked_ms(state.at_ms);
    let run = RunCost {
        run: dir.name().to_owned(),
        standing: Standing::of(state),
        active_ms: state.at_ms,
        worked_ms,
        hourly: hourly(state.account.spent().micros, worked_ms),
        paced: state.paced(state.at_ms),
        hours,
        torn_bytes: if damage.is_some() { 0 } else { total - valid_bytes },
        damage,
    };
    Ok(Read { run, sums, last_time })
}

impl Standing {
    fn of(state: &RunState) -> Self {
        match state.finished {
            _ if state.closed => Self::Closed,
            Some(outcome) => Self::Ended(outcome),
            None => Self::Unfinished,
        }
    }
}

fn state(damage: Damage) -> RunError {
    let Damage { file, cause, help, .. } = damage;
    RunError::State(format!("{}: {cause}\n  help: {help}", file.display()))
}
