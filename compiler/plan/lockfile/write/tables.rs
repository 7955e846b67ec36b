//! Parts of plan.lock by themselves, for those who show a part of a plan.
//!
//! To the letter what stands in the file, but that a text which several nodes have
//! stands in each. Unaware of who shows them.

use super::{Writer, before_nodes, behind_nodes};
use crate::lockfile::texts::Texts;
use crate::{Derived, NodeIndex, Plan, Work, Writes, scripts};

/// Returns what stands before the nodes.
#[must_use]
pub fn tables_before_nodes(plan: &Plan, derived: &Derived) -> String {
    before_nodes(plan, derived, &Texts::default())
}

/// Returns what stands behind the nodes, but for the digest.
#[must_use]
pub fn after_nodes(plan: &Plan, derived: &Derived) -> String {
    behind_nodes(plan, derived)
}

/// Returns the table of one node.
///
/// # Panics
/// Panics when the plan has no such node.
#[must_use]
pub fn node_table(plan: &Plan, node: NodeIndex) -> String {
    let mut lock = Writer::default();
    lock.node(plan, &plan.nodes[node.get()], &Texts::default());
    lock.out
}

/// Returns the tables of what a node names: its agent, its gates, its environments,
/// the files that it and its gates run, and where it lists no `writes` what is protected.
///
/// # Panics
/// Panics when the plan has no such node.
#[must_use]
pub fn used_tables(plan: &Plan, node: NodeIndex) -> String {
    let mut lock = Writer::default();
    let node = &plan.nodes[node.get()];
    node.env.iter().for_each(|used| lock.environment(&plan.environments[used.get()]));
    if let Work::Agent { agent, .. } = &node.work {
        lock.agent(&plan.agents[agent.get()]);
    }
    node.gates.iter().for_each(|used| lock.gate(&plan.gates[used.get()]));
    if node.writes == Writes::Unprotected {
        plan.protected.iter().for_each(|protected| lock.protected(protected));
    }
    let run = scripts::named_by(plan, node);
    let of_node = plan.scripts.iter().filter(|script| run.contains(&script.path));
    lock.scripts(&of_node.cloned().collect::<Vec<_>>());
    lock.out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::example::everything;
    use crate::lockfile::write;

    #[test]
    fn all_parts_together_are_the_file_but_for_its_digest_and_shared_texts() {
        let mut plan = everything();
        // The node whose prompt another one has.
        if let Work::Agent { prompt, .. } = &mut plan.nodes[2].work {
            prompt.push_str("Now.");
        }
        let nodes = (0..plan.nodes.len()).map(|at| node_table(&plan, NodeIndex::new(at)));
        let derived = Derived::of(&plan);
        let (before, after) = (tables_before_nodes(&plan, &derived), after_nodes(&plan, &derived));
        let parts = [before, nodes.collect(), after].concat();
        assert_eq!(write(&plan).split("[digest]").next(), Some(parts.as_str()));
    }

    #[test]
    fn what_a_node_names_is_shown_with_it() {
        let plan = everything();
        let used = used_tables(&plan, NodeIndex::new(3));
        let heads: Vec<&str> = used.lines().filter(|line| line.starts_with('[')).collect();
        let gates = ["[gate.\"unit@story[\\\"search\\\"]\"]", "[gate.unit]"];
        assert_eq!(heads, [&["[environment.rust]", "[agent.builder]"][..], &gates].concat());
        let open = used_tables(&plan, NodeIndex::new(4));
        assert!(open.contains("\n[protected]\n"), "it lists no `writes`: {open}");
        assert_eq!(used_tables(&plan, NodeIndex::new(10)), "");
    }
}
