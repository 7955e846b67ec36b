//! Who stands before whom: the ancestors of some nodes, and what follows from them.
//!
//! Up to 64 nodes are followed back at once, a bit for each, over what they reach
//! and nothing else; so neither many deploys nor a large plan are multiplied by
//! each other's size. Unaware of how plans are written and run.

use std::collections::BinaryHeap;
use std::mem::take;

use crate::{EnvironmentIndex, GateIndex, Node, NodeIndex, Work};

/// How many nodes are followed back at once.
const BATCH: usize = u64::BITS as usize;

/// What the name of a verify node adds to that of its deploy.
const VERIFY: &str = "/verify";

/// Returns how the verify node of a deploy is called. No other node is: a deploy is
/// no group.
#[must_use]
pub fn verify_name(deploy: &str) -> String {
    format!("{deploy}{VERIFY}")
}

/// What the node is called that judges what a run comes to where nothing is deployed.
/// No task is: names of the language have no `:`.
pub const FINAL_VERIFY: &str = "constitution:verify";

/// What a verify node checks: what the results before it were checked with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owed {
    /// The gates of all its ancestors, each once, in plan order.
    pub gates: Vec<GateIndex>,
    /// What these ancestors' gates see, each once, in plan order.
    pub env: Vec<EnvironmentIndex>,
}

/// Returns the nodes that no other one needs, in plan order.
#[must_use]
pub fn leaves(nodes: &[Node]) -> Vec<NodeIndex> {
    let mut is_needed = vec![false; nodes.len()];
    nodes.iter().flat_map(|node| &node.needs).for_each(|need| is_needed[need.get()] = true);
    (0..nodes.len()).filter(|at| !is_needed[*at]).map(NodeIndex::new).collect()
}

/// Why it is not told what nodes have to check: there is too much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch {
    /// The position among the nodes that were asked about of one with which it is.
    pub target: usize,
    /// Whether it is too much to be listed; else to be looked at.
    pub is_listed: bool,
}

/// How many edges may be followed back to find what nodes have to check: some seconds.
const OWED_STEPS: usize = 1 << 29;

/// Says what each of some nodes has to check; all together at most `most` gates
/// and environments.
///
/// # Errors
/// Fails where there would be more, or too many edges lead there.
pub fn owed(nodes: &[Node], targets: &[NodeIndex], most: usize) -> Result<Vec<Owed>, TooMuch> {
    owed_within(nodes, targets, most, OWED_STEPS)
}

fn owed_within(
    nodes: &[Node],
    targets: &[NodeIndex],
    most: usize,
    steps: usize,
) -> Result<Vec<Owed>, TooMuch> {
    let mut ancestors = Ancestors::new(nodes);
    let is_gated = gated(nodes, targets);
    let (mut gates, mut env) = (Seen::default(), Seen::default());
    let mut all = vec![Owed::default(); targets.len()];
    let mut count = 0;
    for (number, batch) in targets.chunks(BATCH).enumerate() {
        let first = number * BATCH;
        let reached = ancestors.of(batch, &mut |at, bits| if is_gated[at] { bits } else { 0 });
        if ancestors.steps > steps {
            return Err(TooMuch { target: first, is_listed: false });
        }
        for position in reached {
            let (node, reached) = (&nodes[position], ancestors.bits[position]);
            if node.gates.is_empty() || matches!(node.work, Work::Verify { .. }) {
                continue;
            }
            let mut add = |new: u64, put: &mut dyn FnMut(&mut Owed)| {
                for bit in bits(new) {
                    put(&mut all[first + bit]);
                    count += 1;
                    if count > most {
                        return Err(TooMuch { target: first + bit, is_listed: true });
                    }
                }
                Ok(())
            };
            for gate in &node.gates {
                add(gates.add(gate.get(), reached), &mut |owed| owed.gates.push(*gate))?;
            }
            for place in &node.env {
                add(env.add(place.get(), reached), &mut |owed| owed.env.push(*place))?;
            }
        }
        gates.clear();
        env.clear();
    }
    Ok(all)
}

/// How many edges may be followed back to find the approvals that are passed by: some
/// tenths of a second.
pub(crate) const STEPS_MAX: usize = 1 << 25;

/// Returns the approvals that the verify node of a deploy waits for, each with it, that
/// were not asked about all that it merges: it also waits for something that changes
/// files and is not behind them. `None` where that takes more than `steps` edges.
#[must_use]
pub(crate) fn passed_by(nodes: &[Node], steps: usize) -> Option<Vec<(NodeIndex, NodeIndex)>> {
    let mut pairs = Vec::new();
    for (position, node) in nodes.iter().enumerate() {
        let is_deployed =
            matches!(node.work, Work::Verify { .. }) && node.name != crate::FINAL_VERIFY;
        if is_deployed {
            let asked = |need: &&NodeIndex| matches!(nodes[need.get()].work, Work::Approval { .. });
            let asked = node.needs.iter().filter(asked);
            pairs.extend(asked.map(|approval| (*approval, NodeIndex::new(position))));
        }
    }
    let (mut known, mut merged) = (Ancestors::new(nodes), Ancestors::new(nodes));
    let (mut passed, mut left) = (Vec::new(), steps);
    for batch in pairs.chunks(BATCH) {
        let (approvals, verifies): (Vec<_>, Vec<_>) = batch.iter().copied().unzip();
        known.of(&approvals, &mut |_, bits| bits);
        let mut unknown = 0;
        // Back from what is merged, through what changes nothing, to what was asked about.
        merged.of(&verifies, &mut |at, bits| {
            let new = bits & !known.bits[at];
            let is_work = matches!(nodes[at].work, Work::Agent { .. } | Work::Command(_));
            unknown |= if is_work { new } else { 0 };
            if is_work { 0 } else { new }
        });
        passed.extend(bits(unknown).map(|bit| batch[bit]));
        left = left.checked_sub(take(&mut known.steps) + take(&mut merged.steps))?;
    }
    Some(passed)
}

/// Tells of each node whether it or an ancestor has a gate: ways back to nothing
/// are not gone. Nothing is looked at but what stands before the last target.
fn gated(nodes: &[Node], targets: &[NodeIndex]) -> Vec<bool> {
    let end = targets.iter().max().map_or(0, |last| last.get());
    let mut is_gated = vec![false; end];
    for (position, node) in nodes[..end].iter().enumerate() {
        is_gated[position] =
            !node.gates.is_empty() || node.waits_for().any(|need| is_gated[need.get()]);
    }
    is_gated
}

/// The ancestors of a few nodes at a time.
struct Ancestors<'p> {
    nodes: &'p [Node],
    /// For each node from which of them it is reached, a bit for each.
    bits: Vec<u64>,
    /// The nodes that have such bits.
    touched: Vec<usize>,
    /// How many edges were followed.
    steps: usize,
}

impl<'p> Ancestors<'p> {
    fn new(nodes: &'p [Node]) -> Self {
        Self { nodes, bits: vec![0; nodes.len()], touched: Vec::new(), steps: 0 }
    }

    /// Goes back from each of at most [`BATCH`] nodes and returns what was reached,
    /// in plan order. Of the bits with which it came to a node, `pass` says which go
    /// on from there.
    fn of(&mut self, from: &[NodeIndex], pass: &mut dyn FnMut(usize, u64) -> u64) -> Vec<usize> {
        self.touched.drain(..).for_each(|position| self.bits[position] = 0);
        let mut open = BinaryHeap::new();
        let mut reach = |all: &mut [u64], open: &mut BinaryHeap<usize>, node: &Node, bits: u64| {
            for need in node.waits_for().map(NodeIndex::get) {
                self.steps += 1;
                if all[need] == 0 {
                    open.push(need);
                    self.touched.push(need);
                }
                all[need] |= bits;
            }
        };
        // A node that is reached from another one counts, so nobody reaches itself.
        for (bit, node) in from.iter().enumerate() {
            reach(&mut self.bits, &mut open, &self.nodes[node.get()], 1 << bit);
        }
        let mut reached = Vec::new();
        // The last first: all that needs a node stands behind it, so its bits are whole.
        while let Some(at) = open.pop() {
            reached.push(at);
            let on = pass(at, self.bits[at]);
            if on != 0 {
                reach(&mut self.bits, &mut open, &self.nodes[at], on);
            }
        }
        reached.reverse();
        reached
    }
}

/// What was listed already, a bit for whom.
#[derive(Default)]
struct Seen {
    bits: Vec<u64>,
    touched: Vec<usize>,
}

impl Seen {
    /// Notes something for some, and returns those for whom it is new.
    fn add(&mut self, what: usize, for_whom: u64) -> u64 {
        if what >= self.bits.len() {
            self.bits.resize(what + 1, 0);
        }
        let new = for_whom & !self.bits[what];
        if self.bits[what] == 0 {
            self.touched.push(what);
        }
        self.bits[what] |= new;
        new
    }

    fn clear(&mut self) {
        self.touched.drain(..).for_each(|what| self.bits[what] = 0);
    }
}

/// Returns the positions of the bits that are set.
fn bits(mut of: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (of != 0).then(|| of.trailing_zeros() as usize)?;
        of &= of - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::example::hello;

    /// Nodes with gates and needs as given.
    fn nodes(of: &[(&[usize], &[usize])]) -> Vec<Node> {
        let plain = hello().nodes.remove(2);
        let node = |(needs, gates): &(&[usize], &[usize])| Node {
            needs: needs.iter().copied().map(NodeIndex::new).collect(),
            gates: gates.iter().copied().map(GateIndex::new).collect(),
            env: Vec::new(),
            ..plain.clone()
        };
        of.iter().map(node).collect()
    }

    #[test]
    fn each_gate_of_an_ancestor_is_owed_once_in_plan_order() {
        let nodes =
            nodes(&[(&[], &[2, 0]), (&[], &[1]), (&[0], &[0]), (&[1, 2], &[3]), (&[1], &[])]);
        let gates = |targets: &[usize]| {
            let targets: Vec<_> = targets.iter().copied().map(NodeIndex::new).collect();
            let owed = owed(&nodes, &targets, 100).expect("few");
            let gates = owed.iter().map(|it| it.gates.iter().map(|gate| gate.get()).collect());
            gates.collect::<Vec<Vec<_>>>()
        };
        assert_eq!(gates(&[3, 0, 4]), [vec![2, 0, 1], vec![], vec![1]]);
        let targets = [NodeIndex::new(4), NodeIndex::new(3)];
        let too_much = |target, is_listed| Err(TooMuch { target, is_listed });
        assert_eq!(owed(&nodes, &targets, 3), too_much(1, true), "four in all");
        let within = |steps| owed_within(&nodes, &targets, 4, steps);
        let least = (0..10).find(|steps| within(*steps).is_ok());
        assert_eq!(least, Some(4), "1 from the one, 2 from the other, 1 from what stands before");
        assert_eq!(within(3), too_much(0, false));
    }

    #[test]
    fn more_than_a_batch_of_targets_is_answered_alike() {
        let chain: Vec<(Vec<usize>, Vec<usize>)> = (0..200)
            .map(|at: usize| (at.checked_sub(1).into_iter().collect(), vec![at % 90]))
            .collect();
        let chain: Vec<_> = chain.iter().map(|(needs, gates)| (&needs[..], &gates[..])).collect();
        let targets: Vec<NodeIndex> = (0..200).map(NodeIndex::new).collect();
        let owed = owed(&nodes(&chain), &targets, 1 << 20).expect("few");
        for (at, owed) in owed.iter().enumerate() {
            let gates: Vec<usize> = owed.gates.iter().map(|gate| gate.get()).collect();
            assert_eq!(gates, (0..at.min(90)).collect::<Vec<_>>(), "{at}");
        }
    }

    #[test]
    fn too_many_approvals_to_tell_are_none_told() {
        let mut nodes = nodes(&[(&[], &[]), (&[0], &[]), (&[], &[]), (&[1, 2], &[])]);
        nodes[1].work = Work::Approval { ask: "Go on?".to_owned() };
        nodes[3].work = Work::Verify { rules: Vec::new() };
        let last = nodes[3].clone();
        nodes.extend(std::iter::repeat_n(last, 100));
        let passed = passed_by(&nodes, STEPS_MAX).expect("few");
        assert_eq!((passed.len(), passed[0]), (101, (NodeIndex::new(1), NodeIndex::new(3))));
        assert_eq!(passed_by(&nodes, 10), None);
        // One edge leads back from what was asked about, three from the verify node.
        let least = (0..10).find(|steps| passed_by(&nodes[..4], *steps).is_some());
        assert_eq!(least, Some(4));
        // What judges the branch in the end deploys nothing.
        nodes.truncate(4);
        crate::FINAL_VERIFY.clone_into(&mut nodes[3].name);
        assert_eq!(passed_by(&nodes, STEPS_MAX), Some(Vec::new()));
    }

    #[test]
    fn nothing_is_looked_at_but_what_is_reached() {
        let of: Vec<(Vec<usize>, Vec<usize>)> = (0..10_000)
            .map(
                |at: usize| {
                    if at.is_multiple_of(2) { (vec![], vec![0]) } else { (vec![at - 1], vec![]) }
                },
            )
            .collect();
        let of: Vec<_> = of.iter().map(|(needs, gates)| (&needs[..], &gates[..])).collect();
        let nodes = nodes(&of);
        let targets: Vec<NodeIndex> = (0..5_000).map(|at| NodeIndex::new(2 * at + 1)).collect();
        let mut ancestors = Ancestors::new(&nodes);
        let reached = targets.chunks(BATCH).map(|it| ancestors.of(it, &mut |_, bits| bits).len());
        assert_eq!(reached.sum::<usize>(), 5_000);
    }
}
