//! Text to plan: refuses every text that [`write()`] would not have written.
//!
//! First the digest over the bytes, then the form (TOML with known keys only),
//! a part of the text at a time, then the meaning (each name points to
//! something), last the text again: the plan is written and must be the same to
//! the byte, so nothing derived, no order and no spelling can differ. Unaware of
//! files and of who altered what.

mod form;
mod names;
mod nodes;
mod raw;
mod seal;
mod split;
mod tables;
mod whole;
mod work;

use super::write::first_difference;
use super::{LockError, Locked};
use crate::Plan;
use crate::id::is_name;
use names::Names;
use whole::RawPlan;

/// How much of the text is read at a time, apart from a table that is larger:
/// the tree of a TOML text takes some 30 times its bytes.
const PART_BYTES: usize = 64 << 10;

/// Reads a plan.lock.
///
/// # Errors
/// Fails on every text but one that [`write()`] gives for some plan; the error
/// says what is wrong and what to do.
pub fn read(text: &str) -> Result<Locked, LockError> {
    read_in_parts(text, PART_BYTES)
}

/// Reads a plan.lock that a run keeps beside its journal, whichever version
/// began the run: what is derived from the plan may be worded otherwise there
/// and is not compared. Whoever gives a plan to a new run is not trusted so far.
///
/// # Errors
/// Fails on a text whose bytes are not those of its digest, or that is no plan.
pub fn read_kept(text: &str) -> Result<Locked, LockError> {
    meaning(text, PART_BYTES)
}

/// Reads about `bytes` at a time, which decide nothing.
fn read_in_parts(text: &str, bytes: usize) -> Result<Locked, LockError> {
    let locked = meaning(text, bytes)?;
    match first_difference(&locked.plan, text) {
        None => Ok(locked),
        Some(line) => Err(LockError::NotCanonical { line }),
    }
}

/// Reads what a text means, whether or not it says it as it is written now.
fn meaning(text: &str, bytes: usize) -> Result<Locked, LockError> {
    seal::check_opening(text)?;
    let digest = seal::check_digest(text)?;
    Ok(Locked { plan: resolve(form::read(text, bytes)?)?, digest })
}

/// Makes a plan of what the tables say, in their order: each refers to those
/// before it.
fn resolve(raw: RawPlan) -> Result<Plan, LockError> {
    if !is_name(&raw.pipeline) {
        return Err(LockError::Name { name: raw.pipeline });
    }
    tables::check_opening(&raw)?;
    let budget = tables::run_budget(&raw.budget)?;
    let environments = tables::environments(raw.environment)?;
    let agents = tables::agents(raw.agent)?;
    let gates = tables::gates(raw.gate)?;
    let names = Names::of(&environments, &agents, &gates);
    let generated = tables::generated(&names, raw.generated)?;
    let nodes = names.nodes(raw.node)?;
    let omitted = tables::omitted(raw.omitted, &nodes)?;
    tables::check_currencies(&budget, &nodes)?;
    Ok(Plan {
        pipeline: raw.pipeline,
        goal: raw.goal,
        source: raw.source,
        base: raw.base,
        window: raw.window,
        budget,
        environments,
        agents,
        gates,
        constitution: tables::constitution(raw.constitution, raw.rule)?,
        generated,
        nodes,
        omitted,
        prices: tables::prices(raw.prices)?,
        exchange: tables::exchange(raw.exchange)?,
        origin: tables::origin(raw.compiler, raw.params, raw.sources)?,
    })
}

#[cfg(test)]
mod tests;
