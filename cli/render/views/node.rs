//! One node in full: what it waits for, and its tables of plan.lock to the letter.
//!
//! Unaware of runs.

use eufm_plan::lockfile::{node_table, used_tables};
use eufm_plan::{NodeIndex, Plan, Work};
use eufm_runner::printable;

/// How many names a line has.
const NAMED: usize = 12;

/// How much of a name is shown.
const NAME_MAX: usize = 200;

/// Makes the page.
pub(super) fn page(plan: &Plan, node: NodeIndex) -> String {
    let is_before = before(plan, node);
    let behind = plan
        .nodes
        .iter()
        .enumerate()
        .filter(|(at, other)| is_before[*at] && matches!(other.work, Work::Approval { .. }));
    let behind: Vec<&str> = behind.map(|(_, other)| other.name.as_str()).collect();
    let waits = plan.nodes.iter().filter(|other| other.waits_for().any(|it| it == node));
    let waits: Vec<&str> = waits.map(|other| other.name.as_str()).collect();
    let name = printable::line(&plan.nodes[node.get()].name, NAME_MAX);
    let mut out = format!("{name}: node {} of {}\n", node.get() + 1, plan.nodes.len());
    out.push_str(&format!("  behind    {}\n", named(&behind, "no approval")));
    out.push_str(&format!("  before    {}\n", named(&waits, "nothing waits for it")));
    // The tables have no sign that is not to be seen.
    out.push_str(&node_table(plan, node));
    out.push_str(&used_tables(plan, node));
    out
}

/// For each node whether it stands somewhere before another one.
fn before(plan: &Plan, node: NodeIndex) -> Vec<bool> {
    let mut is_before = vec![false; plan.nodes.len()];
    let mut open = vec![node];
    while let Some(next) = open.pop() {
        for near in plan.nodes[next.get()].waits_for() {
            if !std::mem::replace(&mut is_before[near.get()], true) {
                open.push(near);
            }
        }
    }
    is_before
}

fn named(names: &[&str], none: &str) -> String {
    let shown: Vec<String> =
        names.iter().take(NAMED).map(|name| printable::line(name, NAME_MAX)).collect();
    match names.len().saturating_sub(NAMED) {
        _ if names.is_empty() => none.to_owned(),
        0 => shown.join(", "),
        rest => format!("{} and {rest} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::views::example::everything;

    fn page_of(name: &str) -> String {
        let plan = everything();
        let at = plan.nodes.iter().position(|node| node.name == name).expect("it is there");
        page(&plan, NodeIndex::new(at))
    }

    #[test]
    fn a_node_is_shown_with_all_it_names_and_what_holds_it() {
        let schema = page_of("schema");
        let begin = "schema: node 1 of 13\n  behind    no approval\n  before    \
                     telemetry/collector[\"felix\"], telemetry/collector[\"oradea of x\"]\n\n\
                     [node.schema]\nkind = \"agent\"\n";
        assert!(schema.starts_with(begin), "{schema}");
        for part in ["\nDo schema.\n", "\n[agent.builder]\n", "\n[gate.unit]\n"] {
            assert!(schema.contains(part), "{part}:\n{schema}");
        }
        let ship = page_of("ship");
        let held = "  behind    look, release\n  before    nothing waits for it\n";
        assert!(ship.contains(held), "{ship}");
    }
}
