//! Text to plan: refuses every text that [`write()`] would not have written.
//!
//! First the digest over the bytes, then the form (TOML with known keys only),
//! then the meaning (each name points to something), last the text again: the
//! plan is written and must be the same to the byte, so nothing derived, no
//! order and no spelling can differ. Unaware of files and of who altered what.

mod names;
mod nodes;
mod raw;
mod seal;
mod tables;
mod work;

use super::write::write;
use super::{LockError, Locked};
use crate::Plan;
use crate::id::is_name;
use names::Names;
use raw::RawPlan;

/// Reads a plan.lock.
///
/// # Errors
/// Fails on every text but one that [`write()`] gives for some plan; the error
/// says what is wrong and what to do.
pub fn read(text: &str) -> Result<Locked, LockError> {
    seal::check_opening(text)?;
    let digest = seal::check_digest(text)?;
    let raw: RawPlan = toml::from_str(text).map_err(|error| form_error(text, &error))?;
    let plan = resolve(raw)?;
    match first_difference(text, &write(&plan)) {
        None => Ok(Locked { plan, digest }),
        Some(line) => Err(LockError::NotCanonical { line }),
    }
}

/// Says where TOML or serde found a mistake.
fn form_error(text: &str, error: &toml::de::Error) -> LockError {
    // An error without a place has an empty span at the beginning.
    let start =
        error.span().map(|span| span.start).filter(|start| (1..=text.len()).contains(start));
    let lines_before =
        |start| text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count();
    let line = start.map(|start| 1 + lines_before(start));
    LockError::Form { line, message: error.message().trim().replace('\n', " ") }
}

/// Finds the first line in which two texts differ, from 1.
fn first_difference(text: &str, canonical: &str) -> Option<usize> {
    if text == canonical {
        return None;
    }
    let same = text.split('\n').zip(canonical.split('\n')).take_while(|(a, b)| a == b).count();
    Some(same + 1)
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
