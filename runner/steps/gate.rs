//! Runs a gate in a place and lets its kind judge what it left there.
//!
//! Its own files are put back as they are in the base commit: nobody passes by
//! editing a test. Unaware of nodes, and of what the judgement means to them.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use eufm_plan::QualityGate;
use eufm_plan::id::slug;

use super::place::Place;
use crate::beneath;
use crate::capture::Capture;
use crate::environments::Outfit;
use crate::gates::{self, Evidence, Finish, GateKind, Judgement};
use crate::nest;
use crate::pulse::Pulse;
use crate::sandbox::Confined;
use crate::supervise::{Charge, End, Limits, supervise};
use crate::workshop::{StepError, Workshop};

/// What a gate is run in.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    /// The worktree of what is judged.
    pub place: &'a Place,
    /// The environments that the gate sees.
    pub outfit: &'a Outfit,
    /// The folder of its log.
    pub logs: &'a Path,
    /// Its signs of life.
    pub pulse: &'a Pulse,
    /// How long it may run.
    pub limit: Duration,
    /// How much memory it may take, in bytes; `None` leaves that to the run.
    pub memory: Option<u64>,
}

/// What came of a gate.
#[derive(Debug)]
pub(crate) struct Ruling {
    /// What its kind makes of it.
    pub judgement: Judgement,
    /// What its command left behind.
    pub evidence: Evidence,
    /// The end of its output.
    pub output: Vec<u8>,
}

/// Returns what a gate runs.
///
/// # Errors
/// Fails when this version does not know it, which preflight has refused.
pub(crate) fn command(gate: &QualityGate) -> Result<(&'static dyn GateKind, &[String]), StepError> {
    let kind = gates::kind(&gate.kind)
        .ok_or_else(|| StepError::Host(format!("no gate kind {}", gate.kind)))?;
    let run = kind.command(gate).map_err(|error| StepError::Host(error.to_string()))?;
    Ok((kind, run))
}

/// Returns where a gate's output goes.
pub(crate) fn log(gate: &QualityGate, logs: &Path) -> PathBuf {
    logs.join(format!("gate-{}.log", slug(&gate.name)))
}

/// Runs a gate and judges; `None` when the run was stopped meanwhile.
///
/// # Errors
/// Fails when the host does not let it run.
pub(crate) fn judge(
    shop: &Workshop,
    gate: &QualityGate,
    bench: &Bench<'_>,
) -> Result<Option<Ruling>, StepError> {
    let (kind, run) = command(gate)?;
    let worktree = bench.place.worktree();
    worktree.restore(&shop.base, gates::cwd(gate).unwrap_or_default(), run)?;
    // A report may lie in a kept folder, as below `target`.
    let report = kind.report(gate).map(|path| bench.outfit.locate(worktree.dir(), &path));
    if let Some((folder, path)) = &report {
        // A report that the agent committed must not speak for the gate.
        beneath::remove(folder, path)?;
    }
    let Some((finish, output)) = run_command(shop, gate, bench, run)? else { return Ok(None) };
    let report = report.map(|(folder, path)| read_report(&folder, &path));
    let evidence = Evidence { finish, report: report.transpose()?.flatten() };
    Ok(Some(Ruling { judgement: kind.judge(gate, &evidence), evidence, output }))
}

fn run_command(
    shop: &Workshop,
    gate: &QualityGate,
    bench: &Bench<'_>,
    run: &[String],
) -> Result<Option<(Finish, Vec<u8>)>, StepError> {
    let confined = Confined {
        cwd: gates::cwd(gate).map(ToOwned::to_owned),
        vars: gates::vars(gate),
        ..nest::command(run, bench.place.mounts(), bench.outfit.tools.clone())
    };
    let command = shop.sandbox.command(bench.place.worktree().dir(), &confined);
    let command = bench.outfit.behind(command);
    std::fs::create_dir_all(bench.logs)?;
    let log = log(gate, bench.logs);
    // A gate that was cut off by a crash is judged again.
    if log.exists() {
        std::fs::remove_file(&log)?;
    }
    let (capture, writer) = Capture::start(&log, |_| {})?;
    let streams = (writer.try_clone()?, writer);
    let limits = Limits { wall: Some(bench.limit), silence: None };
    let folders = bench.outfit.fillable(bench.place.worktree().dir());
    let guard = shop.guard_of(bench.place.folder(), folders, bench.memory)?;
    let charge = Charge { command, streams, limits, guard, pulse: bench.pulse, output: None };
    let end = supervise(&shop.running, charge, |_| {})?;
    let output = capture.finish()?.tail;
    Ok(match end {
        End::Exited(exit) => Some((Finish::Exited(exit), output)),
        End::TimedOut | End::Stalled => Some((Finish::TimedOut, output)),
        End::Exceeded(limit) => Some((Finish::Exceeded(limit), output)),
        End::Stopped => None,
    })
}

/// Reads a report that the gate wrote, up to the kind's limit.
fn read_report(worktree: &Path, path: &str) -> Result<Option<Vec<u8>>, StepError> {
    let Some(file) = beneath::read(worktree, path)? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(gates::REPORT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
