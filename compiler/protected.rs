//! What nodes that list no `writes` may not change: the constitution, the spec and
//! its plan, what runs in CI, existing tests, and what gates and rules run.
//!
//! Whoever could change one of these could change what it is judged by. Unaware of
//! which of the files there are.

use std::collections::BTreeSet;

use eufm_plan::protected::{CI, TESTS};
use eufm_plan::scripts::paths as named_paths;
use eufm_plan::{Params, Plan, Protected, Writes};

use crate::globs::escaped;

/// The plan beside a spec.
const PLAN: &str = "plan.lock";

/// Returns what is protected in a plan of a spec, which is among its modules; all
/// are relative to the root. `None` where each node lists what it may change.
pub(crate) fn of<'a>(
    plan: &Plan,
    spec: &str,
    modules: impl Iterator<Item = &'a str>,
) -> Option<Protected> {
    if !plan.nodes.iter().any(|node| node.writes == Writes::Unprotected) {
        return None;
    }
    let beside = match spec.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{PLAN}"),
        None => PLAN.to_owned(),
    };
    let constitution = plan.constitution.as_ref();
    let mut paths: BTreeSet<String> = CI.iter().map(ToString::to_string).collect();
    paths.extend(modules.map(escaped));
    paths.insert(escaped(&beside));
    paths.extend(constitution.map(|it| escaped(&it.path)));
    let rules = constitution.iter().flat_map(|it| &it.rules).map(|rule| &rule.params);
    let commands = plan.gates.iter().map(|gate| &gate.params).chain(rules);
    let named: BTreeSet<String> = commands.flat_map(named_by).collect();
    Some(Protected {
        paths: paths.into_iter().collect(),
        existing: TESTS.iter().map(ToString::to_string).collect(),
        named: named.into_iter().collect(),
    })
}

/// Returns what the command of a gate or a rule names.
fn named_by(params: &Params) -> BTreeSet<String> {
    let folder = params.text("cwd").unwrap_or_default();
    named_paths(folder, params.list("run").unwrap_or_default())
}
