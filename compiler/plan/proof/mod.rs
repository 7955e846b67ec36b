//! What holds for every run of a plan: the proofs, `[proof]` of plan.lock.
//!
//! Each proof is one file and one line in `PROOFS`. It looks at the plan alone,
//! so exec proves again what a plan.lock states. A proof says `holds` only where
//! the runner of this version holds it for this plan on every host; what it does
//! not do yet, or what could not be decided within a bound, is not claimed. See
//! docs/proofs.md. Unaware of specs, and of how the runner does it.

mod attended;
mod cost;
pub(crate) mod deploy;
mod facts;
mod gates;
mod memory;
mod network;
mod recovery;
mod rules;
mod secrets;
mod taint;
mod wall;
mod writers;

use std::collections::VecDeque;
use std::fmt;

use serde::Serialize;

use crate::{Node, NodeIndex, Plan};
use facts::Facts;
pub use memory::RUNNER_BYTES;

/// The proofs by name, in the order in which they are read; each says nothing of a
/// plan that it does not concern.
const PROOFS: &[(&str, Prove)] = &[
    ("cost", cost::prove),
    ("wall", wall::prove),
    ("memory", memory::prove),
    ("gates", gates::prove),
    ("rules", rules::prove),
    ("writers", writers::prove),
    ("secrets", secrets::prove),
    ("taint", taint::prove),
    ("network", network::prove),
    ("deploy", deploy::prove),
    ("recovery", recovery::prove),
    ("attended", attended::prove),
];

/// Returns the names of the proofs, in their order.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROOFS.iter().map(|(name, _)| *name)
}

/// Looks at a plan and says what holds.
type Prove = fn(&Facts<'_>) -> Option<Finding>;

/// What is known of one claim about every run of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// What it is about, the key in `[proof]`.
    pub name: &'static str,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What holds and what that rests on; or why it does not.
    pub claim: String,
    /// Of a claim that fails, the nodes that show it: a way from the first, which is
    /// the cause, to the last, where it shows.
    pub witness: Vec<NodeIndex>,
    /// Of a claim that fails, what to write in the spec so that it holds, if one thing
    /// does it.
    pub remedy: Option<String>,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.verdict.word(), self.claim)
    }
}

/// Whether a claim holds; what holds more is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It does not, and the witness shows it: there is no such plan.
    Fails,
    /// Nothing is said: it does not hold, or is not known to.
    NotClaimed,
    /// Some hosts let it be passed for a moment, and then end what did.
    Watched,
    /// It does, on every host.
    Holds,
}

impl Verdict {
    /// Returns the word that a line of `[proof]` begins with.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fails => "fails",
            Self::NotClaimed => "not claimed",
            Self::Watched => "watched",
            Self::Holds => "holds",
        }
    }
}

/// What a proof says of a plan.
#[derive(Debug)]
struct Finding {
    verdict: Verdict,
    claim: String,
    witness: Vec<NodeIndex>,
    remedy: Option<String>,
}

impl Finding {
    fn new(verdict: Verdict, claim: impl Into<String>) -> Self {
        Self { verdict, claim: claim.into(), witness: Vec::new(), remedy: None }
    }

    fn holds(claim: impl Into<String>) -> Self {
        Self::new(Verdict::Holds, claim)
    }

    fn watched(claim: impl Into<String>) -> Self {
        Self::new(Verdict::Watched, claim)
    }

    fn not_claimed(claim: impl Into<String>) -> Self {
        Self::new(Verdict::NotClaimed, claim)
    }

    fn fails(claim: impl Into<String>, witness: Vec<NodeIndex>) -> Self {
        Self { witness, ..Self::new(Verdict::Fails, claim) }
    }
}

/// Proves what can be proven of every run of a plan, in the order of `PROOFS`.
#[must_use]
pub fn proofs(plan: &Plan) -> Vec<Proof> {
    let facts = Facts::of(plan);
    PROOFS.iter().filter_map(|known| prove(&facts, known)).collect()
}

fn prove(facts: &Facts<'_>, (name, prove): &(&'static str, Prove)) -> Option<Proof> {
    let Finding { verdict, claim, witness, remedy } = prove(facts)?;
    Some(Proof { name, verdict, claim, witness, remedy })
}

/// Proves one claim alone.
#[cfg(test)]
fn proof(plan: &Plan, name: &str) -> Option<Proof> {
    prove(&Facts::of(plan), PROOFS.iter().find(|(known, _)| *known == name)?)
}

/// Finds the shortest way that ends at a node and begins at one that counts, over the
/// edges that lead back from each; of equal ones that over what stands first. `None`
/// where there is none.
fn way(
    nodes: &[Node],
    end: NodeIndex,
    before: impl Fn(&Node) -> Vec<NodeIndex>,
    is_begin: impl Fn(NodeIndex) -> bool,
) -> Option<Vec<NodeIndex>> {
    let mut next: Vec<Option<NodeIndex>> = vec![None; end.get()];
    let mut open = VecDeque::from([end]);
    while let Some(node) = open.pop_front() {
        if node != end && is_begin(node) {
            let towards = |node: &NodeIndex| next.get(node.get()).copied().flatten();
            return Some(std::iter::successors(Some(node), towards).collect());
        }
        let mut needs = before(&nodes[node.get()]);
        needs.sort_unstable();
        for need in needs {
            if next[need.get()].is_none() {
                next[need.get()] = Some(node);
                open.push_back(need);
            }
        }
    }
    None
}

/// How many nodes of a way are named at each of its ends.
const ENDS_NAMED: usize = 4;

/// Names the nodes of a way; the middle of a long one is counted.
pub(crate) fn shown_way(nodes: &[Node], way: &[NodeIndex]) -> String {
    let names = |part: &[NodeIndex]| {
        let names: Vec<&str> = part.iter().map(|it| nodes[it.get()].name.as_str()).collect();
        names.join(" -> ")
    };
    match way.len().checked_sub(2 * ENDS_NAMED) {
        None | Some(0 | 1) => names(way),
        Some(between) => {
            let (first, last) = (&way[..ENDS_NAMED], &way[way.len() - ENDS_NAMED..]);
            format!("{} -> {between} more -> {}", names(first), names(last))
        }
    }
}

#[cfg(test)]
mod sketch;
#[cfg(test)]
mod tests;
