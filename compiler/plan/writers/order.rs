//! The least edges by which nodes that may write the same file are in order.
//!
//! For each node in plan order those before it that it meets are looked at, the last
//! first, and one that is not reached yet gets an edge: so no edge is given that
//! follows from others. Few need to be looked at. Members of one class meet each
//! other, so what stands before the last of them that says no `merge` is reached by
//! it, and what a member of the own class was put behind needs no second look.
//! Unaware of what globs match.

use super::classes::{self, ALL, Class, Classes};
use super::denies;
use super::walk::Walks;
use crate::globs::Generated;
use crate::{Generated as Made, Node, NodeIndex, Overlap};

/// How much is done to find an order. Whatever they are the order is right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The most steps along edges of all walks together, but for one along each edge
    /// that was added: what finds an order is enough to prove it. Without any left an
    /// edge is given without a look, so it may not be the least.
    pub(super) steps: usize,
    /// The most nodes that are looked at. Without any left all that write are put in
    /// one line: more order than is needed, never less.
    pub(super) looks: usize,
    /// How much is found out about the globs.
    pub(super) globs: classes::Bounds,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { steps: 40_000_000, looks: 40_000_000, globs: classes::Bounds::default() }
    }
}

/// How many pairs that are denied are told.
const DENIED: usize = 20;

/// What is lacking for an order of all that may write the same file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Order {
    /// For each node those that it is to wait for, ascending.
    pub edges: Vec<Vec<NodeIndex>>,
    /// The first of these pairs of which one says `deny`, the earlier node first.
    pub denied: Vec<(NodeIndex, NodeIndex)>,
    /// The first two that say `merge`, meet, and are in no order.
    pub merging: Option<(NodeIndex, NodeIndex)>,
    /// Whether the work was enough to look at all; else there may be more order than
    /// is needed.
    pub is_exact: bool,
}

/// There are more edges than there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// The node with which there are more.
    pub node: NodeIndex,
    /// One that it is to wait for.
    pub before: NodeIndex,
    /// Whether the work was enough so far: else the two may be in order all the same.
    pub is_exact: bool,
}

/// Finds the edges that are lacking.
pub(super) fn order(
    nodes: &[Node],
    generated: &[Made],
    most: usize,
    bounds: Bounds,
) -> Result<Order, TooMany> {
    let generated = Generated::of(generated.iter().map(|made| made.path.as_str()));
    let classes = Classes::of(nodes, &generated, bounds.globs);
    let mut search = Search {
        nodes,
        members: vec![Members::default(); classes.len()],
        classes: &classes,
        before: Vec::new(),
        looks: bounds.looks,
        in_line: None,
    };
    let added: usize = nodes.iter().map(|node| node.after_writer.len()).sum();
    let mut walks = Walks::new(nodes, bounds.steps + added);
    let mut order = Order { edges: vec![Vec::new(); nodes.len()], ..Order::default() };
    let mut count = 0;
    for node in (0..nodes.len()).map(NodeIndex::new) {
        if classes.at(node).is_empty() {
            continue;
        }
        let candidates = search.candidates(node);
        if let Some(&least) = candidates.last() {
            walks.begin(node, least, &order.edges);
            for before in candidates {
                if walks.reaches(before, &order.edges) {
                    continue;
                }
                walks.reach(before);
                count += 1;
                if count > most {
                    let is_exact = walks.has_left() && search.in_line.is_none();
                    return Err(TooMany { node, before, is_exact });
                }
                let is_denied = denies(&nodes[before.get()], &nodes[node.get()]);
                if is_denied && order.denied.len() < DENIED {
                    order.denied.push((before, node));
                }
                order.edges[node.get()].push(before);
            }
            order.edges[node.get()].reverse();
        }
        if order.merging.is_none() {
            order.merging = search.merging(node, &mut walks, &order.edges).map(|it| (it, node));
        }
        search.add(node);
    }
    order.is_exact = walks.has_left() && search.in_line.is_none();
    Ok(order)
}

/// The members of a class so far, as far as they matter.
#[derive(Clone, Default)]
struct Members {
    /// The last one that does not say `merge`.
    last: Option<NodeIndex>,
    /// Those behind it, which all do.
    merging: Vec<NodeIndex>,
}

struct Search<'a> {
    nodes: &'a [Node],
    classes: &'a Classes,
    members: Vec<Members>,
    /// All writers so far.
    before: Vec<NodeIndex>,
    looks: usize,
    /// The last of those that are put in one line, once the looks are used up.
    in_line: Option<NodeIndex>,
}

impl Search<'_> {
    fn merges(&self, node: NodeIndex) -> bool {
        self.nodes[node.get()].overlap == Overlap::Merge
    }

    /// Returns those before a node that it must be behind, the last first; others that
    /// it must be behind stand before one of these.
    fn candidates(&mut self, node: NodeIndex) -> Vec<NodeIndex> {
        if let Some(last) = self.in_line {
            self.in_line = Some(node);
            return vec![last];
        }
        let (mut found, mut looks) = (Vec::new(), 0);
        for class in self.classes.at(node) {
            looks += self.candidates_by(*class, node, &mut found);
        }
        self.looks = self.looks.saturating_sub(looks);
        if self.looks == 0 {
            self.in_line = Some(node);
            found.clone_from(&self.before);
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.dedup();
        found
    }

    /// Looks for those that meet a node by one of its classes; returns how many were
    /// looked at.
    fn candidates_by(&self, class: Class, node: NodeIndex, found: &mut Vec<NodeIndex>) -> usize {
        let merges = self.merges(node);
        let last = self.members[class as usize].last;
        found.extend(last);
        let between = self.behind(last);
        let meets = self.classes.met(class);
        if class == ALL || between.len() <= meets.len() {
            let counts = |other: &&NodeIndex| {
                let runs_beside = merges && self.merges(**other);
                !runs_beside && (class == ALL || self.classes.meets(**other, class))
            };
            found.extend(between.iter().filter(counts));
            return between.len();
        }
        let before = found.len();
        let is_behind = |other: &NodeIndex| last.is_none_or(|last| *other > last);
        for other in meets.iter().chain([&class, &ALL]) {
            let members = &self.members[*other as usize];
            found.extend(members.last.filter(is_behind));
            if !merges {
                let start = members.merging.partition_point(|other| !is_behind(other));
                found.extend_from_slice(&members.merging[start..]);
            }
        }
        meets.len() + found.len() - before
    }

    /// Returns the writers behind one, all of them without any.
    fn behind(&self, last: Option<NodeIndex>) -> &[NodeIndex] {
        let is_before = |other: &NodeIndex| last.is_some_and(|last| *other <= last);
        &self.before[self.before.partition_point(is_before)..]
    }

    /// Returns one before a node that says `merge` as it does, and is in no order with
    /// it. As long as there was none, those of a class are in order, so the last of
    /// each is asked about; of what meets all, all.
    fn merging(
        &mut self,
        node: NodeIndex,
        walks: &mut Walks<'_>,
        added: &[Vec<NodeIndex>],
    ) -> Option<NodeIndex> {
        if !self.merges(node) || self.in_line.is_some() {
            return None;
        }
        let mut lasts: Vec<NodeIndex> = Vec::new();
        for class in self.classes.at(node) {
            if *class == ALL {
                let all = self.behind(self.members[ALL as usize].last).iter();
                lasts.extend(all.filter(|other| self.merges(**other)));
                continue;
            }
            let meets = self.classes.met(*class).iter().chain([class, &ALL]);
            lasts.extend(meets.filter_map(|it| self.members[*it as usize].merging.last()));
        }
        // With nothing left to look at, the next node begins the line.
        self.looks = self.looks.saturating_sub(1 + lasts.len());
        lasts.sort_unstable_by(|a, b| b.cmp(a));
        let least = *lasts.last()?;
        walks.begin(node, least, added);
        lasts.into_iter().find(|other| !walks.reaches(*other, added))
    }

    /// Counts a node among those before the others.
    fn add(&mut self, node: NodeIndex) {
        let merges = self.merges(node);
        for class in self.classes.at(node) {
            let members = &mut self.members[*class as usize];
            if merges {
                members.merging.push(node);
            } else {
                members.last = Some(node);
                members.merging.clear();
            }
        }
        self.before.push(node);
    }
}
