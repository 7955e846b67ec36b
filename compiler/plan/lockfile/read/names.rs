//! Names in plan.lock: what a text may be called, and what a name points to.
//!
//! Unaware of what stands in the tables.

use std::collections::BTreeMap;

use super::raw::{Ordered, RawText};
use crate::id::is_label;
use crate::lockfile::LockError;
use crate::lockfile::spelling::push_key;
use crate::{Agent, Environment, EnvironmentIndex, QualityGate};

/// What nodes refer to, by name.
pub(super) struct Names {
    pub(super) environments: BTreeMap<String, usize>,
    pub(super) agents: BTreeMap<String, usize>,
    pub(super) gates: BTreeMap<String, usize>,
    pub(super) rules: BTreeMap<String, usize>,
    /// The texts that several nodes have.
    pub(super) texts: BTreeMap<String, String>,
}

impl Names {
    pub(super) fn of(
        environments: &[Environment],
        agents: &[Agent],
        gates: &[QualityGate],
        rules: &[String],
        texts: Ordered<RawText>,
    ) -> Self {
        Self {
            environments: positions(environments.iter().map(|environment| &environment.name)),
            agents: positions(agents.iter().map(|agent| &agent.name)),
            gates: positions(gates.iter().map(|gate| &gate.name)),
            rules: positions(rules.iter()),
            texts: texts.0.into_iter().map(|(name, raw)| (name, raw.text)).collect(),
        }
    }

    pub(super) fn env(&self, names: &[String]) -> Result<Vec<EnvironmentIndex>, String> {
        let found = find_all("env", "environment", &self.environments, names)?;
        Ok(found.into_iter().map(EnvironmentIndex::new).collect())
    }
}

/// Finds what several names point to, each once; the error is the cause.
pub(super) fn find_all(
    key: &str,
    family: &str,
    places: &BTreeMap<String, usize>,
    names: &[String],
) -> Result<Vec<usize>, String> {
    let found: Vec<usize> =
        names.iter().map(|name| find(key, family, places, name)).collect::<Result<_, _>>()?;
    let mut sorted: Vec<(usize, &String)> = found.iter().copied().zip(names).collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(format!("its `{key}` name `{}` twice", pair[0].1)),
        None => Ok(found),
    }
}

/// Finds what a name points to; the error is the cause.
pub(super) fn find(
    key: &str,
    family: &str,
    places: &BTreeMap<String, usize>,
    name: &str,
) -> Result<usize, String> {
    let place = places.get(name).copied();
    place.ok_or_else(|| format!("its `{key}` names `{name}`, but no {family} of that name exists"))
}

fn positions<'a>(names: impl Iterator<Item = &'a String>) -> BTreeMap<String, usize> {
    names.enumerate().map(|(position, name)| (name.clone(), position)).collect()
}

/// Names stand in journals, in messages and on terminals.
pub(super) fn check_labels<T>(family: &str, entries: &Ordered<T>) -> Result<(), LockError> {
    entries.0.iter().try_for_each(|(name, _)| check_label(family, name))
}

pub(super) fn check_label(family: &str, name: &str) -> Result<(), LockError> {
    if is_label(name) {
        return Ok(());
    }
    let cause = "its name is empty, has more than 400 bytes, or does not stand on one line";
    Err(meaning(table(family, name), cause.to_owned()))
}

/// These tables stand in the order of their names, so that a plan has one spelling.
pub(super) fn check_sorted<T>(family: &str, entries: &Ordered<T>) -> Result<(), LockError> {
    match entries.0.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        Some(pair) => {
            let cause = format!("it stands behind `{}`, not in the order of names", pair[0].0);
            Err(meaning(table(family, &pair[1].0), cause))
        }
        None => Ok(()),
    }
}

/// Spells the head of a table.
pub(super) fn table(family: &str, name: &str) -> String {
    let mut table = format!("{family}.");
    push_key(&mut table, name);
    table
}

/// Says what a table says wrong.
pub(super) fn meaning(table: impl Into<String>, cause: String) -> LockError {
    LockError::Meaning { table: table.into(), cause }
}
