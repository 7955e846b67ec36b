//! Lets a gate judge a node's work in a sandbox of its own.
//!
//! The gate sees a fresh worktree of the harvested commit, without network,
//! and the environments as that commit needs them. Unaware of what the kinds
//! of gates look for.

use std::time::Duration;

use eufm_plan::{GateIndex, NodeIndex};

use super::baseline::{self, Comparison};
use super::gate::{self, Bench, Ruling};
use super::place::Place;
use crate::clock::awake;
use crate::environments::Unready;
use crate::event::NodeEvent;
use crate::gates::{Finish, Judgement};
use crate::git::CommitId;
use crate::workshop::{StepError, Workshop};

/// How long a gate may run when neither its node nor the run has a cap.
pub(crate) const LIMIT_DEFAULT: Duration = Duration::from_secs(60 * 60);

pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    (index, start): (GateIndex, u32),
    (base, work): (&CommitId, &CommitId),
    rest_ms: Option<u64>,
) -> Result<(), StepError> {
    let gate = &shop.plan.gates[index.get()];
    let folder = shop.scratch(node, start, &format!("gate{}", index.get()));
    let place = Place::make(shop, &folder, work)?;
    let began = awake();
    let limit = rest_ms.map_or(LIMIT_DEFAULT, Duration::from_millis);
    // A result that changes what an environment depends on is judged in that
    // of its own.
    let judged = match super::outfit(shop, node, work, &place, Some(limit)) {
        Ok(outfit) => {
            let logs = shop.node_dir(node).join(format!("{start}"));
            let limit = limit.saturating_sub(awake().saturating_sub(began));
            let pulse = &shop.pulses[node.get()];
            let memory = shop.node(node).budget.memory.map(|bytes| bytes.0);
            let bench = Bench { place: &place, outfit: &outfit, logs: &logs, pulse, limit, memory };
            let ruling = gate::judge(shop, gate, &bench)?;
            let limit = limit.saturating_sub(awake().saturating_sub(began));
            let comparison = Comparison { node, index, start, base, limit };
            let ruling = ruling.map(|ruling| baseline::compare(shop, &comparison, ruling));
            ruling.transpose()?.flatten().map(|Ruling { judgement, evidence, output }| {
                (judgement, exceeded(evidence.finish, rest_ms), output)
            })
        }
        Err(Unready::Failed(failure)) => {
            let judgement = Judgement::unprepared(&failure);
            Some((judgement, None, failure.output.into_bytes()))
        }
        Err(Unready::Stopped) => None,
        Err(Unready::Step(error)) => return Err(error),
    };
    place.remove()?;
    let Some((judgement, exceeded, output)) = judged else { return Err(StepError::Left) };
    let (_, run) = gate::command(gate)?;
    let feedback = judgement.feedback(gate, run, &output);
    let verdict = judgement.verdict;
    shop.courier.tell(
        node,
        NodeEvent::Judged {
            gate: gate.name.clone(),
            verdict,
            reason: judgement.reason,
            feedback: (!verdict.is_pass()).then_some(feedback),
            exceeded,
        },
    )
}

/// Names the limit that a gate's command was ended for, if it was.
fn exceeded(finish: Finish, rest_ms: Option<u64>) -> Option<String> {
    match (finish, rest_ms) {
        (Finish::Exited(_), _) => None,
        (Finish::Exceeded(limit), _) => Some(limit.to_string()),
        (Finish::TimedOut, Some(_)) => Some("the node's wall budget is used up".to_owned()),
        (Finish::TimedOut, None) => {
            let minutes = LIMIT_DEFAULT.as_secs() / 60;
            Some(format!("it ran for {minutes} min, the limit of a node without a wall budget"))
        }
    }
}
