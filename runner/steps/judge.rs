//! Lets a gate judge a node's work in a sandbox of its own.
//!
//! The gate sees a fresh worktree of the harvested commit, without network,
//! and its own files as they are in the base commit: an agent cannot pass by
//! editing its test. Unaware of what the kinds of gates look for.

use std::io::Read as _;
use std::path::Path;
use std::time::{Duration, Instant};

use eufm_plan::id::slug;
use eufm_plan::{GateIndex, NodeIndex, QualityGate};

use super::place::Place;
use crate::beneath;
use crate::capture::Capture;
use crate::environments::{Outfit, Unready};
use crate::event::NodeEvent;
use crate::gates::{self, Evidence, Finish, GateKind, Judgement};
use crate::git::CommitId;
use crate::nest;
use crate::sandbox::Confined;
use crate::supervise::{End, Limits, supervise};
use crate::workshop::{StepError, Workshop};

/// How long a gate may run when neither its node nor the run has a cap.
const LIMIT_DEFAULT: Duration = Duration::from_secs(60 * 60);

pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    index: GateIndex,
    start: u32,
    work: &CommitId,
    rest_ms: Option<u64>,
) -> Result<(), StepError> {
    let gate = &shop.plan.gates[index.get()];
    let kind = gates::kind(&gate.kind)
        .ok_or_else(|| StepError::Host(format!("no gate kind {}", gate.kind)))?;
    let run = kind.command(gate).map_err(|error| StepError::Host(error.to_string()))?;
    let folder = shop.scratch(node, start, &format!("gate{}", index.get()));
    let place = Place::make(shop, &folder, work)?;
    place.worktree().restore(&shop.base, gates::cwd(gate).unwrap_or_default(), run)?;
    let began = Instant::now();
    let limit = rest_ms.map_or(LIMIT_DEFAULT, Duration::from_millis);
    // A result that changes what an environment depends on is judged in that
    // of its own.
    let judged = match super::outfit(shop, node, work, &place, Some(limit)) {
        Ok(outfit) => {
            let limit = limit.saturating_sub(began.elapsed());
            judge(shop, node, gate, (kind, run), start, &place, &outfit, limit)?
        }
        Err(Unready::Failed(failure)) => {
            let judgement = Judgement::unprepared(&failure);
            Some((judgement, failure.output.into_bytes()))
        }
        Err(Unready::Stopped) => None,
        Err(Unready::Step(error)) => return Err(error),
    };
    place.remove()?;
    let Some((judgement, output)) = judged else { return Err(StepError::Left) };
    let feedback = judgement.feedback(gate, run, &output);
    let verdict = judgement.verdict;
    shop.courier.tell(
        node,
        NodeEvent::Judged {
            gate: gate.name.clone(),
            verdict,
            reason: judgement.reason,
            feedback: (!verdict.is_pass()).then_some(feedback),
        },
    )
}

/// Runs the gate and reads what it left; `None` when the run was stopped
/// meanwhile.
#[expect(clippy::too_many_arguments, reason = "they are what one gate needs")]
fn judge(
    shop: &Workshop,
    node: NodeIndex,
    gate: &QualityGate,
    (kind, run): (&dyn GateKind, &[String]),
    start: u32,
    place: &Place,
    outfit: &Outfit,
    limit: Duration,
) -> Result<Option<(Judgement, Vec<u8>)>, StepError> {
    // A report may lie in a kept folder, as below `target`.
    let report = kind.report(gate).map(|path| outfit.locate(place.worktree().dir(), &path));
    if let Some((folder, path)) = &report {
        // A report that the agent committed must not speak for the gate.
        beneath::remove(folder, path)?;
    }
    let ended = run_gate(shop, node, gate, start, (place, outfit), run, limit)?;
    let Some((finish, output)) = ended else { return Ok(None) };
    let report = report.map(|(folder, path)| read_report(&folder, &path));
    let evidence = Evidence { finish, report: report.transpose()?.flatten() };
    Ok(Some((kind.judge(gate, &evidence), output)))
}

/// Runs the gate's command; `None` when the run was stopped meanwhile.
fn run_gate(
    shop: &Workshop,
    node: NodeIndex,
    gate: &QualityGate,
    start: u32,
    (place, outfit): (&Place, &Outfit),
    run: &[String],
    limit: Duration,
) -> Result<Option<(Finish, Vec<u8>)>, StepError> {
    let confined = Confined {
        cwd: gates::cwd(gate).map(ToOwned::to_owned),
        vars: gates::vars(gate),
        ..nest::command(run, place.mounts(), outfit.tools.clone())
    };
    let command = outfit.behind(shop.sandbox.command(place.worktree().dir(), &confined));
    let logs = shop.node_dir(node).join(format!("{start}"));
    std::fs::create_dir_all(&logs)?;
    let log = logs.join(format!("gate-{}.log", slug(&gate.name)));
    // A gate that was cut off by a crash is judged again.
    if log.exists() {
        std::fs::remove_file(&log)?;
    }
    let (capture, writer) = Capture::start(&log, |_| {})?;
    let streams = (writer.try_clone()?, writer);
    let limits = Limits { wall: Some(limit), silence: None };
    let pulse = &shop.pulses[node.get()];
    let end = supervise(&shop.running, &command, streams, limits, pulse, |_| {})?;
    let output = capture.finish()?.tail;
    Ok(match end {
        End::Exited(exit) => Some((Finish::Exited(exit), output)),
        End::TimedOut | End::Stalled => Some((Finish::TimedOut, output)),
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
