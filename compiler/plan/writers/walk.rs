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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::example::hello;

    /// A chain: each node needs the one before it.
    fn chain(count: usize) -> Vec<Node> {
        let plain = hello().nodes.remove(2);
        let needs = |at: usize| at.checked_sub(1).map(NodeIndex::new).into_iter().collect();
        (0..count).map(|at| Node { needs: needs(at), ..plain.clone() }).collect()
    }

    #[test]
    fn with_no_steps_left_nothing_more_is_reached() {
        let (nodes, added) = (chain(4), vec![Vec::new(); 4]);
        let reached = |steps: usize| {
            let mut walks = Walks::new(&nodes, steps);
            walks.begin(NodeIndex::new(3), NodeIndex::new(0), &added);
            let reached = [2, 1, 0].map(|node| walks.reaches(NodeIndex::new(node), &added));
            (reached, walks.has_left())
        };
        assert_eq!(reached(4), ([true, true, true], true));
        assert_eq!(reached(3), ([true, true, true], false));
        assert_eq!(reached(2), ([true, true, false], false));
        assert_eq!(reached(1), ([true, false, false], false));
    }

    #[test]
    fn nothing_is_reached_that_stands_before_the_least_or_was_reached_from_another() {
        let (nodes, mut added) = (chain(4), vec![Vec::new(); 4]);
        added[3].push(NodeIndex::new(0));
        let mut walks = Walks::new(&nodes, 100);
        walks.begin(NodeIndex::new(3), NodeIndex::new(1), &added);
        assert!(walks.reaches(NodeIndex::new(1), &added));
        assert!(!walks.reaches(NodeIndex::new(0), &added), "nobody asks for it");
        walks.begin(NodeIndex::new(1), NodeIndex::new(0), &added);
        assert!(!walks.reaches(NodeIndex::new(2), &added), "it stands behind");
    }
}
