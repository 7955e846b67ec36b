//! What a gate comes to on the tree that its node began with, where the judgement
//! depends on that: which tests fail there too.
//!
//! It runs as the gate does, once for each gate and tree of a run. Unaware of what
//! is compared.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eufm_plan::{GateIndex, NodeIndex, Work};

use super::gate::{self, Bench, Ruling};
use super::place::Place;
use crate::environments::Unready;
use crate::gates::Baseline;
use crate::git::{CommitId, TreeId};
use crate::workshop::{StepError, Workshop};

/// What gates came to on trees that nodes began with.
#[derive(Debug, Default)]
pub(crate) struct Baselines(Mutex<BTreeMap<(GateIndex, TreeId), Arc<Baseline>>>);

/// Where a gate is compared.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    /// The node.
    pub node: NodeIndex,
    /// The gate.
    pub index: GateIndex,
    /// Which start of the node made what is judged.
    pub start: u32,
    /// What the node began with; a verify node judges what it began with, so that it
    /// is compared with what the run began with.
    pub base: &'a CommitId,
    /// How long it may take.
    pub limit: Duration,
}

/// Judges anew where the judgement depends on the tree that the node began with;
/// `None` when the run was stopped meanwhile.
pub(super) fn compare(
    shop: &Workshop,
    comparison: &Comparison<'_>,
    mut ruling: Ruling,
) -> Result<Option<Ruling>, StepError> {
    let gate = &shop.plan.gates[comparison.index.get()];
    let (kind, _) = gate::command(gate)?;
    if !kind.is_compared(gate, &ruling.evidence) {
        return Ok(Some(ruling));
    }
    let Some(baseline) = baseline(shop, comparison)? else { return Ok(None) };
    ruling.judgement = kind.compare(gate, &ruling.evidence, &baseline);
    Ok(Some(ruling))
}

fn baseline(
    shop: &Workshop,
    comparison: &Comparison<'_>,
) -> Result<Option<Arc<Baseline>>, StepError> {
    let node = shop.node(comparison.node);
    let base = match node.work {
        Work::Verify { .. } => shop.base.clone(),
        _ => comparison.base.clone(),
    };
    let key = (comparison.index, shop.vault.tree(&base)?);
    let Baselines(known) = &shop.baselines;
    let found = known.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    if found.is_some() {
        return Ok(found);
    }
    let Some(made) = run(shop, comparison, &base)? else { return Ok(None) };
    let made = Arc::new(made);
    known.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&made));
    Ok(Some(made))
}

/// Runs the gate on a tree that nobody has changed yet.
fn run(
    shop: &Workshop,
    comparison: &Comparison<'_>,
    base: &CommitId,
) -> Result<Option<Baseline>, StepError> {
    let Comparison { node, index, start, limit, .. } = *comparison;
    let gate = &shop.plan.gates[index.get()];
    let place =
        Place::make(shop, &shop.scratch(node, start, &format!("base{}", index.get())), base)?;
    let baseline = match super::outfit(shop, node, base, &place, Some(limit)) {
        Ok(outfit) => {
            let logs = shop.node_dir(node).join(start.to_string()).join("base");
            let (pulse, memory) = (&shop.pulses[node.get()], shop.node(node).budget.memory);
            let memory = memory.map(|bytes| bytes.0);
            let bench = Bench { place: &place, outfit: &outfit, logs: &logs, pulse, limit, memory };
            let (kind, _) = gate::command(gate)?;
            gate::judge(shop, gate, &bench)?.map(|ruling| kind.baseline(gate, &ruling.evidence))
        }
        Err(Unready::Failed(failure)) => Some(Err(failure.to_string())),
        Err(Unready::Stopped) => None,
        Err(Unready::Step(error)) => return Err(error),
    };
    place.remove()?;
    Ok(baseline)
}
