//! Small plans for the tests of proofs: drawn by hand, or at random from a number.
//!
//! Unaware of what is proven of them.

use crate::lockfile::example::hello;
use crate::{
    Accept, AgentIndex, Command, Input, InputPart, Node, NodeIndex, Overlap, Plan, Work, Writes,
};

/// How many random graphs each proof is compared with its oracle on.
pub(super) const GRAPHS: u64 = 10_000;

/// Numbers that depend on the seed alone (splitmix64).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below a bound.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("below a bound")
    }

    /// Tells of one in so many.
    pub(super) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

/// A node that does something, waits for nothing and changes nothing.
pub(super) fn node(name: &str, work: Work) -> Node {
    let plain = hello().nodes.remove(2);
    Node { name: name.to_owned(), work, needs: Vec::new(), env: Vec::new(), ..plain }
}

pub(super) fn agent(name: &str) -> Node {
    let prompt = "Do it.".to_owned();
    let work = Work::Agent { agent: AgentIndex::new(0), prompt, session: None };
    Node { writes: Writes::Globs(vec!["src/**".to_owned()]), ..node(name, work) }
}

pub(super) fn command(name: &str) -> Node {
    node(name, Work::Command(Box::new(Command::new(vec!["make".to_owned()]))))
}

/// A command that changes files.
pub(super) fn writer(name: &str) -> Node {
    Node { writes: Writes::Globs(vec!["out/**".to_owned()]), ..command(name) }
}

pub(super) fn approval(name: &str) -> Node {
    node(name, Work::Approval { ask: "Go on?".to_owned() })
}

pub(super) fn verify(name: &str) -> Node {
    node(name, Work::Verify { rules: Vec::new() })
}

/// A command with a secret.
pub(super) fn secret(name: &str) -> Node {
    let secrets = vec!["KEY".to_owned()];
    let command = Command { secrets, ..Command::new(vec!["make".to_owned()]) };
    node(name, Work::Command(Box::new(command)))
}

pub(super) fn in_place(name: &str) -> Node {
    let command = Command { in_place: true, ..Command::new(vec!["make".to_owned()]) };
    node(name, Work::Command(Box::new(command)))
}

/// Makes a plan of nodes, each with the positions of what it needs.
pub(super) fn plan_of<const N: usize>(nodes: [(Node, &[usize]); N]) -> Plan {
    let node = |(node, needs): (Node, &[usize])| Node {
        needs: needs.iter().copied().map(NodeIndex::new).collect(),
        ..node
    };
    Plan { nodes: nodes.into_iter().map(node).collect(), ..hello() }
}

/// Lets a node read a part of another one's result.
pub(super) fn reads(plan: &mut Plan, node: usize, of: usize, part: InputPart) {
    plan.nodes[node].inputs.push(Input { node: NodeIndex::new(of), part });
}

/// Returns the names of some nodes.
pub(super) fn names<'p>(plan: &'p Plan, nodes: &[NodeIndex]) -> Vec<&'p str> {
    nodes.iter().map(|node| plan.nodes[node.get()].name.as_str()).collect()
}

/// A random plan of at most 8 nodes of all kinds but verify and deploy, with needs,
/// inputs, and nodes that go on with what succeeded.
pub(super) fn random(seed: u64) -> Plan {
    let mut chance = Chance::new(seed);
    let count = 1 + chance.below(8);
    let mut nodes: Vec<Node> = Vec::new();
    for at in 0..count {
        let name = format!("n{at}");
        let mut own = match chance.below(10) {
            0..=2 => agent(&name),
            3..=4 => writer(&name),
            5 => command(&name),
            6..=7 => approval(&name),
            8 => secret(&name),
            _ if chance.one_in(3) => in_place(&name),
            _ => secret(&name),
        };
        // In some graphs nearly all need each other, in others few.
        let spread = 2 + usize::try_from(seed % 3).expect("below 3");
        let needs = (0..at).filter(|_| chance.one_in(spread));
        own.needs = needs.map(NodeIndex::new).collect();
        let writers = (0..at).map(NodeIndex::new).filter(|it| !own.needs.contains(it));
        own.after_writer = writers.filter(|_| chance.one_in(4 * spread)).collect();
        if chance.one_in(6) {
            own.accept = Accept::Succeeded;
        }
        if chance.one_in(8) {
            own.overlap = Overlap::Merge;
        }
        for need in own.needs.clone() {
            if chance.one_in(6) {
                let part = match nodes[need.get()].work {
                    Work::Agent { .. } => InputPart::Answer,
                    Work::Command(_) => InputPart::Stdout,
                    _ => InputPart::Note,
                };
                own.inputs.push(Input { node: need, part });
            }
        }
        nodes.push(own);
    }
    Plan { nodes, ..hello() }
}
