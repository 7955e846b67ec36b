//! How long a run may take by the caps of its nodes: along the critical path, and of
//! all nodes taken from a list with so many at once.
//!
//! No bound and no proof: nodes mostly end before their caps, people take the time
//! that they need, and of a verify node no cap is known. Exact in whole
//! milliseconds. Unaware of the caps of the run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Group, critical_path};
use crate::proof::shown_way;
use crate::units::Millis;
use crate::{Node, NodeIndex, Plan, Work};

/// What a plan may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// The chain of nodes that may take longest.
    pub path: Vec<NodeIndex>,
    /// How long that takes; `None` where a node of it has no cap.
    pub along: Option<Millis>,
    /// How long all take, begun in plan order, as many at once as may run; `None` where
    /// a node has no cap.
    pub all: Option<Millis>,
}

/// Estimates how long a plan may take.
#[must_use]
pub fn estimate(plan: &Plan) -> Estimate {
    let path = critical_path(plan);
    let along = path.iter().map(|node| time(&plan.nodes[node.get()])).sum::<Option<u64>>();
    Estimate { path, along: along.map(Millis), all: listed(plan).map(Millis) }
}

impl Estimate {
    /// Says it in a line.
    #[must_use]
    pub fn line(&self, plan: &Plan) -> String {
        let path = shown_way(&plan.nodes, &self.path);
        let mut open = Group::default();
        let on_path = self.path.iter().map(|node| &plan.nodes[node.get()]);
        on_path.filter(|node| time(node).is_none()).for_each(|node| open.add(&node.name));
        let along = match self.along {
            Some(along) => format!("{along} by the caps on the critical path {path}"),
            None => format!("critical path {path}; no cap on time: {open}"),
        };
        match self.all {
            Some(all) => format!("{along}; {all} for all nodes, {} at once", plan.budget.parallel),
            None => along,
        }
    }
}

/// Returns how long a node may take; `None` where that has no cap. People and verify
/// nodes are not counted.
fn time(node: &Node) -> Option<u64> {
    match node.work {
        Work::Approval { .. } | Work::Verify { .. } => Some(0),
        _ => node.budget.wall.map(|Millis(wall)| wall),
    }
}

/// Goes through the nodes as a list: whenever a place is free, the first that waits for
/// nothing more is begun.
fn listed(plan: &Plan) -> Option<u64> {
    let times: Vec<u64> = plan.nodes.iter().map(time).collect::<Option<_>>()?;
    let mut waiting: Vec<usize> = plan.nodes.iter().map(|node| node.waits_for().count()).collect();
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); plan.nodes.len()];
    for (at, node) in plan.nodes.iter().enumerate() {
        node.waits_for().for_each(|before| behind[before.get()].push(at));
    }
    let ready = (0..plan.nodes.len()).filter(|at| waiting[*at] == 0).map(Reverse);
    let mut ready: BinaryHeap<Reverse<usize>> = ready.collect();
    let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let places = usize::try_from(plan.budget.parallel.max(1)).unwrap_or(usize::MAX);
    let (mut now, mut taken) = (0_u64, 0);
    let takes_place = |at: usize| !matches!(plan.nodes[at].work, Work::Approval { .. });
    loop {
        while let Some(Reverse(at)) = ready.peek().copied() {
            if takes_place(at) && taken == places {
                break;
            }
            ready.pop();
            taken += usize::from(takes_place(at));
            running.push(Reverse((now.saturating_add(times[at]), at)));
        }
        let Some(Reverse((end, at))) = running.pop() else { return Some(now) };
        now = end;
        taken -= usize::from(takes_place(at));
        for next in &behind[at] {
            waiting[*next] -= 1;
            if waiting[*next] == 0 {
                ready.push(Reverse(*next));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::example::{everything, hello};

    fn minutes(caps: [u64; 3], parallel: u32) -> Plan {
        let mut plan = hello();
        for (node, cap) in plan.nodes.iter_mut().zip(caps) {
            node.budget.wall = (cap > 0).then_some(Millis(cap * 60_000));
        }
        plan.budget.parallel = parallel;
        plan
    }

    #[test]
    fn the_path_and_the_list_are_told_as_far_as_caps_go() {
        for (caps, parallel, line) in [
            (
                [15, 5, 10],
                2,
                "25 min by the caps on the critical path greet -> smoke; 25 min for all nodes, 2 at once",
            ),
            (
                [15, 5, 10],
                1,
                "25 min by the caps on the critical path greet -> smoke; 30 min for all nodes, 1 at once",
            ),
            ([15, 0, 10], 2, "25 min by the caps on the critical path greet -> smoke"),
            ([15, 5, 0], 2, "critical path greet -> smoke; no cap on time: smoke"),
        ] {
            let plan = minutes(caps, parallel);
            assert_eq!(estimate(&plan).line(&plan), line);
        }
        let plan = everything();
        assert_eq!((estimate(&plan).along, estimate(&plan).all), (None, None));
        let none = Plan { nodes: Vec::new(), ..hello() };
        assert_eq!(estimate(&none).all, Some(Millis(0)));
    }

    #[test]
    fn a_person_takes_no_place_and_no_time() {
        let mut plan = minutes([15, 5, 10], 1);
        plan.nodes[0].work = Work::Approval { ask: "Go on?".to_owned() };
        assert_eq!(estimate(&plan).all, Some(Millis(15 * 60_000)));
    }

    /// Between what the path takes and what one after the other takes, and at most what
    /// Graham proved of lists: all work divided, and the path.
    #[test]
    fn a_list_takes_no_less_than_the_path_and_no_more_than_graham_allows() {
        for seed in 0..2_000_usize {
            let mut plan = hello();
            let plain = plan.nodes.remove(2);
            let number =
                |at: usize, of: usize| (seed * 7_919 + at * 104_729 + seed / (at + 1)) % of;
            plan.nodes = (0..8)
                .map(|at| {
                    let mut node = Node { name: format!("n{at}"), ..plain.clone() };
                    let needs = (0..at).filter(|need| number(at * 8 + need, 3) == 0);
                    node.needs = needs.map(NodeIndex::new).collect();
                    node.budget.wall = Some(Millis(1 + number(at, 50) as u64));
                    node
                })
                .collect();
            plan.budget.parallel = 1 + u32::try_from(number(3, 4)).expect("below 4");
            let estimate = estimate(&plan);
            let (along, all) = (estimate.along.expect("all capped").0, estimate.all.expect("so").0);
            let sum: u64 = plan.nodes.iter().filter_map(time).sum();
            assert!(along <= all && all <= sum, "{seed}: {along} {all} {sum}");
            let places = u64::from(plan.budget.parallel);
            assert!(all * places <= sum + (places - 1) * along, "{seed}: {along} {all} {sum}");
            assert!(places > 1 || all == sum, "{seed}");
        }
    }
}
