//! The kinds that this binary knows, as the compiler asks for them.
//!
//! The one place where runner and compiler meet: the schemas that the kinds of
//! gates, agents and rules publish.

use eufm_plan::schema::{Catalog, KindSchema};
use eufm_runner::agents::AGENTS;
use eufm_runner::gates::GATES;
use eufm_runner::rules::RULES;

/// Calls `with` with the catalog of all kinds.
pub(crate) fn with_catalog<T>(with: impl FnOnce(&Catalog<'_>) -> T) -> T {
    let gates: Vec<&'static KindSchema> = GATES.iter().map(|gate| gate.schema()).collect();
    let agents: Vec<&'static KindSchema> = AGENTS.iter().map(|agent| agent.schema()).collect();
    let rules: Vec<&'static KindSchema> = RULES.iter().map(|rule| rule.schema()).collect();
    with(&Catalog { gates: &gates, agents: &agents, rules: &rules })
}
