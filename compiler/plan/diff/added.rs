//! A node that was not there: what it reaches, and whether what it may change
//! was allowed before, with no more gates than it has.
//!
//! A node whose gates are fewer than those of all before it that might change
//! the same files would be a way around them. Unaware of what it does within
//! that.

use std::collections::BTreeMap;

use super::change::{At, Change, Looser, Part, joined};
use super::nodes;
use super::pairs::Pairs;
use super::work;
use crate::globs::Globs;
use crate::{Node, Overlap, Work, Writes};

/// How many old nodes are asked whether a new one's glob lies within theirs.
const ASKED: usize = 64;

/// What the nodes before might change.
pub(super) struct Allowed<'a> {
    /// By the folders that a glob begins with, to the letter: the nodes with such a glob.
    globs: BTreeMap<&'a str, Vec<(&'a str, usize)>>,
    /// Nodes that might change all but the protected files.
    unprotected: Vec<usize>,
}

impl<'a> Allowed<'a> {
    /// Looks at all nodes before.
    pub(super) fn of(pairs: &Pairs<'a>) -> Self {
        let mut globs: BTreeMap<&str, Vec<(&str, usize)>> = BTreeMap::new();
        let mut unprotected = Vec::new();
        for (at, node) in pairs.before.nodes.iter().enumerate() {
            match &node.writes {
                Writes::Globs(list) => {
                    for glob in list {
                        globs.entry(folder(glob)).or_default().push((glob, at));
                    }
                }
                Writes::Unprotected => unprotected.push(at),
            }
        }
        Self { globs, unprotected }
    }

    /// Notes what a new node loosens.
    pub(super) fn compare(
        &self,
        pairs: &Pairs<'_>,
        node: &Node,
        globs: &mut Globs,
        out: &mut Vec<Change>,
    ) {
        let mut at = At { out, part: Part::Node, name: &node.name };
        work::added(&node.work, &mut at);
        // Of a new node that alone is told which loosens something.
        let mut inputs = Vec::new();
        let mut at_inputs = At { out: &mut inputs, part: Part::Node, name: &node.name };
        nodes::compare_inputs(pairs, (&[], node), &mut at_inputs);
        at.out.extend(inputs.into_iter().filter(|change| change.looser.is_some()));
        if node.overlap == Overlap::Merge {
            at.note("overlap", (None, Some("merge".to_owned())), Some(Looser::Overlap));
        }
        match &node.writes {
            Writes::Unprotected => {
                let is_like = |&old: &usize| is_held_as(pairs, old, node);
                if !self.unprotected.iter().take(ASKED).any(is_like) {
                    let all = Some("all but protected files".to_owned());
                    at.note("writes", (None, all), Some(Looser::Writes));
                }
            }
            Writes::Globs(list) => {
                for glob in list {
                    match self.held(pairs, node, glob, globs) {
                        Held::AsBefore => {}
                        Held::Nowhere => {
                            at.note("writes", (None, Some(glob.clone())), Some(Looser::Writes));
                        }
                        Held::WithMore(old) => {
                            let gates = pairs.before.nodes[old].gates.iter();
                            let gates: Vec<&String> =
                                gates.map(|gate| &pairs.before.gates[gate.get()].name).collect();
                            let (old, new) = (joined(&gates), format!("none of them for {glob}"));
                            at.note("gates", (Some(old), Some(new)), Some(Looser::Gate));
                        }
                    }
                }
            }
        }
    }

    fn held(&self, pairs: &Pairs<'_>, node: &Node, glob: &str, globs: &mut Globs) -> Held {
        let mut held = Held::Nowhere;
        let mut asked = 0;
        // Only a glob that begins with a folder above can match all that this one does.
        for folder in folders_above(folder(glob)) {
            for (wide, old) in self.globs.get(folder).into_iter().flatten() {
                asked += 1;
                if asked > ASKED {
                    return held;
                }
                if globs.is_within(glob, &[wide]) {
                    if is_held_as(pairs, *old, node) {
                        return Held::AsBefore;
                    }
                    held = Held::WithMore(*old);
                }
            }
        }
        held
    }
}

/// Who might change what a new node may change.
enum Held {
    /// A node with no other gates than the new one has.
    AsBefore,
    /// This node, which has gates that the new one has not.
    WithMore(usize),
    /// None.
    Nowhere,
}

/// Tells whether a new node is held as an old one is: its results pass all the gates
/// of that, and an agent stands for an agent.
fn is_held_as(pairs: &Pairs<'_>, old: usize, node: &Node) -> bool {
    let old = &pairs.before.nodes[old];
    let is_agent = |node: &Node| matches!(node.work, Work::Agent { .. });
    let gates = pairs.gates_after(&node.gates);
    (is_agent(old) || !is_agent(node))
        && pairs.gates_before(&old.gates).iter().all(|gate| gates.contains(gate))
}

/// Returns the folders that a glob begins with, to the letter.
fn folder(glob: &str) -> &str {
    let special = glob.find(['*', '?', '[', ']', '{', '}', '\\']).unwrap_or(glob.len());
    glob[..special].rfind('/').map_or("", |end| &glob[..end])
}

/// Lists a folder and all above it, the nearest first, the root last.
fn folders_above(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |folder| match folder.rfind('/') {
        Some(end) => Some(&folder[..end]),
        None if folder.is_empty() => None,
        None => Some(""),
    })
}
