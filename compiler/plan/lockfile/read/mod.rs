//! Text to plan: refuses every text that [`super::write()`] would not have written.
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

use std::sync::Arc;

use super::write::first_difference;
use super::{LockError, Locked};
use crate::id::is_name;
use crate::proof::Verdict;
use crate::proof::deploy::{self, Bypass};
use crate::{Agent, Derived, Digest, Environment, Plan, QualityGate};
use names::Names;
use nodes::Nodes;
use whole::{BeforeNodes, RawPart};

/// How much of the text is read at a time, apart from a table that is larger:
/// the tree of a TOML text takes some 30 times its bytes.
const PART_BYTES: usize = 16 << 10;

/// The largest text that is read as a whole to say what is wrong with it: what
/// somebody made to be refused may take a hundred times its bytes.
const WHOLE_BYTES: usize = 4 << 20;

/// Reads a plan.lock.
///
/// # Errors
/// Fails on every text but one that [`super::write()`] gives for some plan; the error
/// says what is wrong and what to do.
pub fn read(text: &str) -> Result<Locked, LockError> {
    read_derived(text).map(|(locked, _)| locked)
}

/// Reads a plan.lock, and returns with it what is derived from its plan: that is made
/// to read it. All proofs hold.
///
/// # Errors
/// Fails as [`read`] does.
pub fn read_derived(text: &str) -> Result<(Locked, Derived), LockError> {
    let ((plan, derived), digest) = read_by(text, read_in_parts)?;
    Ok((Locked { plan: Arc::new(plan), digest }, derived))
}

/// Reads a plan.lock that a run keeps beside its journal, whichever version
/// began the run: what is derived from the plan may be worded otherwise there
/// and is not compared. Whoever gives a plan to a new run is not trusted so far.
///
/// # Errors
/// Fails on a text whose bytes are not those of its digest, or that is no plan.
pub fn read_kept(text: &str) -> Result<Locked, LockError> {
    let (plan, digest) = read_by(text, plan)?;
    Ok(Locked { plan: Arc::new(plan), digest })
}

fn read_by<T>(
    text: &str,
    read: fn(&str, usize) -> Result<T, LockError>,
) -> Result<(T, Digest), LockError> {
    seal::check_opening(text)?;
    let digest = seal::check_digest(text).map_err(|error| with_place(error, text))?;
    let read = match read(text, PART_BYTES) {
        Err(_) if text.len() <= WHOLE_BYTES => read(text, usize::MAX)?,
        read => read?,
    };
    Ok((read, digest))
}

/// Says of an altered text where that shows, if it does.
fn with_place(error: LockError, text: &str) -> LockError {
    let LockError::Altered { stated, found, .. } = error else { return error };
    let place = match read_in_parts(text, usize::MAX) {
        _ if text.len() > WHOLE_BYTES => String::new(),
        Err(LockError::Form { line: Some(line), message }) => format!("line {line}: {message}; "),
        Err(LockError::Form { line: None, message }) => format!("{message}; "),
        Err(LockError::Meaning { table, cause }) => format!("`[{table}]`: {cause}; "),
        // The last line is that of the digest, which is another one in any case.
        Err(LockError::NotCanonical { line, is }) if line < text.lines().count() => {
            format!("line {line}, `{is}`, is not what eufm writes for this plan; ")
        }
        _ => String::new(),
    };
    LockError::Altered { place, stated, found }
}

/// Reads about `bytes` at a time, and refuses a plan of which a proof fails. Which
/// text is refused does not depend on them; what is said of one with several mistakes
/// may.
fn read_in_parts(text: &str, bytes: usize) -> Result<(Plan, Derived), LockError> {
    let plan = plan(text, bytes)?;
    let derived = Derived::of(&plan);
    if let Some(failed) = derived.proofs.iter().find(|proof| proof.verdict == Verdict::Fails) {
        let cause = format!("`{}` fails: {}", failed.name, failed.claim);
        return Err(names::meaning("proof".to_owned(), cause));
    }
    match first_difference(&plan, &derived, text) {
        None => Ok((plan, derived)),
        Some(line) => Err(LockError::NotCanonical { line, is: form::quotable(text, line) }),
    }
}

/// Makes a plan of what the tables say. Nodes are made as their parts are read:
/// a plan has many, and what TOML says of one takes more than the node.
fn plan(text: &str, bytes: usize) -> Result<Plan, LockError> {
    let mut tables = RawPart::default();
    let mut begun = None;
    form::read(text, bytes, &mut |part, is_last| {
        tables.add(part)?;
        if is_last || tables.node.0.is_empty() {
            return Ok(());
        }
        let node = std::mem::take(&mut tables.node);
        let begun = match &mut begun {
            Some(begun) => begun,
            None => begun.insert(Begun::of(tables.before_nodes(), text)?),
        };
        begun.nodes.add(node)
    })?;
    resolve(tables, begun, text)
}

/// What nodes refer to, and the nodes so far.
struct Begun {
    environments: Vec<Environment>,
    agents: Vec<Agent>,
    gates: Vec<QualityGate>,
    nodes: Nodes,
}

impl Begun {
    fn of(raw: BeforeNodes, text: &str) -> Result<Self, LockError> {
        let environments = tables::environments(raw.environment)?;
        raw.rules.iter().try_for_each(|name| names::check_label("rule", name))?;
        let (agents, gates) = (tables::agents(raw.agent)?, tables::gates(raw.gate)?);
        let names = Names::of(&environments, &agents, &gates, &raw.rules, raw.text);
        let nodes = Nodes::new(names, text.matches("\n[node.").count());
        Ok(Self { environments, agents, gates, nodes })
    }
}

/// Makes a plan of what the tables say, in their order: each refers to those
/// before it.
fn resolve(tables: RawPart, begun: Option<Begun>, text: &str) -> Result<Plan, LockError> {
    let (raw, before_nodes) = tables.whole()?;
    if !is_name(&raw.pipeline) {
        return Err(LockError::Name { name: raw.pipeline });
    }
    tables::check_opening(&raw)?;
    let budget = tables::run_budget(&raw.budget)?;
    let Begun { environments, agents, gates, mut nodes } = match begun {
        None => Begun::of(before_nodes, text)?,
        Some(begun) if before_nodes.is_empty() => begun,
        Some(_) => return Err(out_of_order()),
    };
    let generated = tables::generated(&nodes.names, raw.generated)?;
    nodes.add(raw.node)?;
    let nodes = nodes.done();
    let omitted = tables::omitted(raw.omitted, &nodes)?;
    tables::check_currencies(&budget, &nodes)?;
    let constitution = tables::constitution(raw.constitution, raw.rule)?;
    deploy::check(&nodes, constitution.as_ref()).map_err(|Bypass { node, cause, .. }| {
        names::meaning(names::table("node", &nodes[node.get()].name), cause)
    })?;
    tables::check_judged(&nodes, constitution.as_ref())?;
    let protected = tables::protected(raw.protected, &nodes)?;
    let plan = Plan {
        pipeline: raw.pipeline,
        goal: raw.goal,
        source: raw.source,
        base: raw.base,
        window: raw.window,
        budget,
        environments,
        agents,
        gates,
        constitution,
        protected,
        generated,
        scripts: tables::scripts(raw.scripts)?,
        nodes,
        omitted,
        prices: tables::prices(raw.prices)?,
        exchange: tables::exchange(raw.exchange)?,
        origin: tables::origin(raw.compiler, raw.params, raw.sources)?,
    };
    tables::check_scripts(&plan)?;
    tables::check_priced(&plan)?;
    Ok(plan)
}

fn out_of_order() -> LockError {
    let message = "nodes stand before what they refer to".to_owned();
    LockError::Form { line: None, message }
}

#[cfg(test)]
mod mutation_test;
#[cfg(test)]
mod refusals_test;
#[cfg(test)]
mod tests;
