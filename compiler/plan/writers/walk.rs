//! Whether a node stands somewhere before another one: a walk back, as far as it is
//! asked and no further.
//!
//! The steps of all walks together are bounded. Unaware of what nodes write.

use std::collections::BinaryHeap;

use crate::{Node, NodeIndex};

/// Walks back from one node after the other.
pub(super) struct Walks<'a> {
    nodes: &'a [Node],
    /// In which walk each node was reached last.
    by: Vec<u32>,
    /// The number of the walk.
    walk: u32,
    /// What is reached and not gone on from.
    open: BinaryHeap<NodeIndex>,
    /// Nothing before it is asked for.
    least: NodeIndex,
    /// How many more steps there may be.
    left: usize,
}

impl<'a> Walks<'a> {
    pub(super) fn new(nodes: &'a [Node], steps: usize) -> Self {
        let (by, open) = (vec![0; nodes.len()], BinaryHeap::new());
        Self { nodes, by, walk: 0, open, least: NodeIndex::new(0), left: steps }
    }

    /// Tells whether there are steps left.
    pub(super) fn has_left(&self) -> bool {
        self.left > 0
    }

    /// Begins at a node; nothing before `least` will be asked for.
    pub(super) fn begin(&mut self, from: NodeIndex, least: NodeIndex, added: &[Vec<NodeIndex>]) {
        self.walk += 1;
        self.open.clear();
        self.least = least;
        self.pass(from, added);
    }

    /// Reaches all that a node waits for.
    fn pass(&mut self, at: NodeIndex, added: &[Vec<NodeIndex>]) {
        let added = added[at.get()].iter().copied();
        for near in self.nodes[at.get()].waits_for().chain(added) {
            self.left = self.left.saturating_sub(1);
            if near >= self.least && self.by[near.get()] != self.walk {
                self.reach(near);
            }
        }
    }

    /// Tells whether a node is reached; each that is asked for stands before the one
    /// asked before. Without steps left the answer is no.
    pub(super) fn reaches(&mut self, node: NodeIndex, added: &[Vec<NodeIndex>]) -> bool {
        while self.by[node.get()] != self.walk
            && self.has_left()
            && let Some(&next) = self.open.peek()
            && next > node
        {
            self.open.pop();
            self.pass(next, added);
        }
        self.by[node.get()] == self.walk
    }

    /// Counts a node as reached.
    pub(super) fn reach(&mut self, node: NodeIndex) {
        self.by[node.get()] = self.walk;
        self.open.push(node);
    }
}
