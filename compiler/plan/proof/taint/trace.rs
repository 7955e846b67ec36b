//! The shortest way on which an agent's work reaches an exposed node.
//!
//! Breadth first, from the node back; where it goes on behind a command that
//! carries the work on, what counts as looked at is what that command stood
//! behind. Unaware of why nodes are exposed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::super::way;
use super::exposure::{Exposure, changes_files};
use crate::{Accept, Input, Node, NodeIndex, Work};

/// How many commands on ways are looked behind; a way that needs more need not be
/// the shortest.
const ANCHORS_MAX: usize = 64;

/// Finds the way, the agent first and the node last.
pub(super) fn shortest(
    nodes: &[Node],
    exposure: &Exposure<'_>,
    exposed: NodeIndex,
) -> Vec<NodeIndex> {
    let mut search = Search { nodes, exposure, seen: BTreeMap::new(), states: Vec::new() };
    search.find(exposed).unwrap_or_else(|| {
        // Also a way of the plan, from an agent and past all approvals.
        let is_open = |node: NodeIndex| exposure.may_carry(node.get());
        let is_agent = |node: NodeIndex| matches!(nodes[node.get()].work, Work::Agent { .. });
        let before = |node: &Node| {
            let inputs = node.inputs.iter().map(|input| input.node);
            node.waits_for().chain(inputs).filter(|need| is_open(*need)).collect()
        };
        way(nodes, exposed, before, is_agent).unwrap_or_else(|| vec![exposed])
    })
}

/// A node on a way, with the node whose approvals count there.
struct State {
    node: NodeIndex,
    anchor: NodeIndex,
    /// The state it was found from, one step nearer to the exposed node.
    from: Option<usize>,
}

struct Search<'a, 'p> {
    nodes: &'a [Node],
    exposure: &'a Exposure<'p>,
    /// For each anchor what was looked at before it.
    seen: BTreeMap<NodeIndex, Seen<'a>>,
    states: Vec<State>,
}

/// What approvals that must be given before a node were asked about.
struct Seen<'a> {
    nodes: Vec<bool>,
    inputs: Vec<&'a Input>,
}

impl Search<'_, '_> {
    fn find(&mut self, exposed: NodeIndex) -> Option<Vec<NodeIndex>> {
        let mut known = BTreeSet::new();
        let mut open = VecDeque::new();
        self.anchor(exposed)?;
        self.states.push(State { node: exposed, anchor: exposed, from: None });
        open.push_back(0);
        while let Some(state) = open.pop_front() {
            let State { node, anchor, .. } = self.states[state];
            for (need, is_input) in self.before(node, anchor) {
                let is_agent = matches!(self.nodes[need.get()].work, Work::Agent { .. });
                let is_carried = is_input || changes_files(&self.nodes[need.get()]);
                if is_carried && !self.exposure.is_exposed(need) {
                    continue;
                }
                let anchor = if is_carried { need } else { anchor };
                if !known.insert((need, anchor)) {
                    continue;
                }
                self.states.push(State { node: need, anchor, from: Some(state) });
                if is_agent {
                    return Some(self.way_to(self.states.len() - 1));
                }
                if is_carried {
                    self.anchor(need)?;
                }
                open.push_back(self.states.len() - 1);
            }
        }
        None
    }

    /// Returns what reaches a node unseen, in plan order, and whether as an input.
    fn before(&self, node: NodeIndex, anchor: NodeIndex) -> Vec<(NodeIndex, bool)> {
        let (own, seen) = (&self.nodes[node.get()], &self.seen[&anchor]);
        let is_open = |need: &NodeIndex| {
            let is_approval = matches!(self.nodes[need.get()].work, Work::Approval { .. });
            !is_approval && !seen.nodes[need.get()] && self.exposure.may_carry(need.get())
        };
        let mut before: Vec<(NodeIndex, bool)> = Vec::new();
        if !(own.work.is_in_place() && node == anchor) {
            before.extend(own.waits_for().filter(is_open).map(|need| (need, false)));
        }
        if node == anchor {
            let unseen = own.inputs.iter().filter(|input| !seen.inputs.contains(input));
            before.extend(unseen.map(|input| (input.node, true)));
        }
        before.sort_unstable();
        before
    }

    /// Finds what was looked at before a node; `None` where that was done too often.
    fn anchor(&mut self, node: NodeIndex) -> Option<()> {
        if self.seen.contains_key(&node) {
            return Some(());
        }
        if self.seen.len() == ANCHORS_MAX {
            return None;
        }
        let count = node.get();
        let (mut firm, mut shown) = (vec![false; count], vec![false; count]);
        let mut inputs = Vec::new();
        let pass = |at: usize, is_shown: bool, firm: &mut [bool], shown: &mut [bool]| {
            let node = &self.nodes[at];
            if node.accept == Accept::All {
                for need in &node.needs {
                    firm[need.get()] = true;
                    shown[need.get()] |= is_shown;
                }
            }
        };
        pass(count, false, &mut firm, &mut shown);
        for at in (0..count).rev() {
            if !firm[at] {
                continue;
            }
            if matches!(self.nodes[at].work, Work::Approval { .. }) {
                shown[at] = true;
                inputs.extend(&self.nodes[at].inputs);
            }
            let is_shown = shown[at];
            pass(at, is_shown, &mut firm, &mut shown);
        }
        self.seen.insert(node, Seen { nodes: shown, inputs });
        Some(())
    }

    fn way_to(&self, last: usize) -> Vec<NodeIndex> {
        let states = std::iter::successors(Some(last), |state| self.states[*state].from);
        states.map(|state| self.states[state].node).collect()
    }
}
