//! The critical path: the chain of nodes that may take longest, by their caps on time.
//!
//! A cap is no estimate, but it is what the plan knows. A node without one counts
//! as nothing but one more link, so that of chains without caps the one with the
//! most nodes is found. Unaware of the caps of the run.

use crate::units::Millis;
use crate::{NodeIndex, Plan};

/// Finds the chain of nodes, each waiting for the one before it, that may take
/// longest; of equal ones that whose nodes stand first. Linear in the plan.
#[must_use]
pub fn critical_path(plan: &Plan) -> Vec<NodeIndex> {
    // The longest way that ends with each node, and the node before it there.
    let mut ways: Vec<((u64, usize), Option<NodeIndex>)> = Vec::with_capacity(plan.nodes.len());
    for node in &plan.nodes {
        let own = node.budget.wall.map_or(0, |Millis(wall)| wall);
        let mut best: ((u64, usize), Option<NodeIndex>) = ((0, 0), None);
        for before in node.waits_for() {
            let (length, _) = ways[before.get()];
            if length > best.0 {
                best = (length, Some(before));
            }
        }
        let ((wall, links), before) = best;
        ways.push(((wall.saturating_add(own), links + 1), before));
    }
    let mut end: Option<NodeIndex> = None;
    for (at, (length, _)) in ways.iter().enumerate() {
        if end.is_none_or(|end| *length > ways[end.get()].0) {
            end = Some(NodeIndex::new(at));
        }
    }
    let mut path: Vec<NodeIndex> = std::iter::successors(end, |node| ways[node.get()].1).collect();
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::example::{everything, hello};

    fn names(plan: &Plan) -> Vec<&str> {
        critical_path(plan).iter().map(|node| plan.nodes[node.get()].name.as_str()).collect()
    }

    #[test]
    fn the_chain_with_the_most_time_is_found_and_without_caps_the_longest() {
        assert_eq!(names(&hello()), ["greet", "smoke"]);
        let mut plan = hello();
        plan.nodes[1].budget.wall = Some(Millis(900_001));
        assert_eq!(names(&plan), ["readme", "smoke"]);
        // Those that wait for another writer are links too.
        let writers = ["schema", "telemetry/collector[\"felix\"]"];
        let behind = ["telemetry/collector[\"oradea of x\"]", "story[\"search\"]/implement"];
        let rest = ["review", "collect", "smoke", "ship/verify", "look", "release", "ship"];
        assert_eq!(names(&everything()), [&writers[..], &behind, &rest].concat());
        plan.nodes.clear();
        assert_eq!(names(&plan), [""; 0]);
    }
}
