//! What a graph of a plan draws: boxes, the groups around them, the arrows
//! between them, and which lie on the critical path.
//!
//! A large plan is drawn by its groups: the instances of one thing, and all that
//! lies in a group, are one box. What a person looks for, approvals, verifies and
//! deploys, keeps boxes of its own. Unaware of the language of the drawing.

use std::collections::{BTreeMap, BTreeSet};

use eufm_plan::id::groups_of;
use eufm_plan::review::critical_path;
use eufm_plan::{Node, NodeIndex, Plan, Work};
use eufm_runner::printable;

/// The largest plan that is drawn node by node.
pub(super) const NODES_MAX: usize = 200;

/// How much of a name is shown.
const NAME_MAX: usize = 60;

/// What a box stands for; each has a shape of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// An agent's node.
    Agent,
    /// A command.
    Command,
    /// An approval.
    Approval,
    /// A verify.
    Verify,
    /// A deploy.
    Deploy,
    /// Several nodes.
    Several,
}

/// A box.
#[derive(Debug)]
pub(super) struct Box {
    /// What is written in it.
    pub(super) label: String,
    /// What it stands for.
    pub(super) shape: Shape,
    /// The group it lies in.
    pub(super) group: Option<usize>,
    /// How many nodes it stands for.
    nodes: usize,
    /// Whether one of them lies on the critical path.
    pub(super) is_critical: bool,
}

/// A group of a small plan.
#[derive(Debug)]
pub(super) struct Group {
    /// Its name without that of its group.
    pub(super) label: String,
    /// The group it lies in.
    pub(super) group: Option<usize>,
}

/// A drawing.
#[derive(Debug, Default)]
pub(super) struct Drawing {
    /// The boxes, in plan order.
    pub(super) boxes: Vec<Box>,
    /// The groups, each behind the one it lies in.
    pub(super) groups: Vec<Group>,
    /// The arrows, sorted by their ends.
    pub(super) arrows: Vec<Arrow>,
}

/// An arrow from what is waited for to what waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrow {
    /// The box that is waited for.
    pub(super) from: usize,
    /// The box that waits.
    pub(super) to: usize,
    /// Whether the critical path goes there.
    pub(super) is_critical: bool,
    /// Whether nothing is needed there: the one only writes before the other.
    pub(super) is_order: bool,
}

impl Drawing {
    /// Draws a plan.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut drawing = Self::default();
        let places = match plan.nodes.len() > NODES_MAX {
            true => drawing.by_groups(plan),
            false => drawing.by_nodes(plan),
        };
        let path = critical_path(plan);
        for node in &path {
            drawing.boxes[places[node.get()]].is_critical = true;
        }
        let critical = path.windows(2).map(|pair| (places[pair[0].get()], places[pair[1].get()]));
        let critical: BTreeSet<(usize, usize)> = critical.collect();
        let (mut needed, mut ordered) = (BTreeSet::new(), BTreeSet::new());
        for (at, node) in plan.nodes.iter().enumerate() {
            let end = |before: &NodeIndex| (places[before.get()], places[at]);
            needed.extend(node.needs.iter().map(end).filter(|(from, to)| from != to));
            ordered.extend(node.after_writer.iter().map(end).filter(|(from, to)| from != to));
        }
        let arrow = |&(from, to): &(usize, usize)| Arrow {
            from,
            to,
            is_critical: critical.contains(&(from, to)),
            is_order: !needed.contains(&(from, to)),
        };
        drawing.arrows = needed.union(&ordered).map(arrow).collect();
        drawing
    }

    /// Draws a box for each node, in its groups; returns the box of each node.
    fn by_nodes(&mut self, plan: &Plan) -> Vec<usize> {
        let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
        for node in &plan.nodes {
            let (mut around, mut begin) = (None, 0);
            for group in groups_of(&node.name) {
                let label = printable::line(&group[begin..], NAME_MAX);
                let inner = *groups.entry(group).or_insert_with(|| {
                    self.groups.push(Group { label, group: around });
                    self.groups.len() - 1
                });
                (around, begin) = (Some(inner), group.len() + 1);
            }
            let label = printable::line(&node.name[begin..], NAME_MAX);
            let shape = shape(node);
            self.boxes.push(Box { label, shape, group: around, nodes: 1, is_critical: false });
        }
        (0..plan.nodes.len()).collect()
    }

    /// Draws a box for all that begins with one name; returns the box of each node.
    fn by_groups(&mut self, plan: &Plan) -> Vec<usize> {
        let is_sought = |node: &&Node| !matches!(shape(node), Shape::Agent | Shape::Command);
        let keeps_own = plan.nodes.iter().filter(is_sought).count() <= NODES_MAX;
        let mut known: BTreeMap<&str, usize> = BTreeMap::new();
        let mut places = Vec::with_capacity(plan.nodes.len());
        for node in &plan.nodes {
            let is_own = keeps_own && is_sought(&node);
            let name = if is_own { &node.name } else { outermost(&node.name) };
            let at = *known.entry(name).or_insert_with(|| {
                let (label, shape) = (printable::line(name, NAME_MAX), shape(node));
                self.boxes.push(Box { label, shape, group: None, nodes: 0, is_critical: false });
                self.boxes.len() - 1
            });
            self.boxes[at].nodes += 1;
            places.push(at);
        }
        for drawn in self.boxes.iter_mut().filter(|drawn| drawn.nodes > 1) {
            drawn.label = format!("{}: {} nodes", drawn.label, drawn.nodes);
            drawn.shape = Shape::Several;
        }
        places
    }
}

fn shape(node: &Node) -> Shape {
    match node.work {
        Work::Agent { .. } => Shape::Agent,
        Work::Command(_) => Shape::Command,
        Work::Approval { .. } => Shape::Approval,
        Work::Verify { .. } => Shape::Verify,
        Work::Deploy { .. } => Shape::Deploy,
    }
}

/// Returns what the outermost group of a node, or the node, is called without the
/// element it was made for.
fn outermost(name: &str) -> &str {
    let group = groups_of(name).next().unwrap_or(name);
    group.split('[').next().unwrap_or(group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::views::example::everything;

    #[test]
    fn a_small_plan_is_drawn_node_by_node_in_its_groups() {
        let drawing = Drawing::of(&everything());
        let groups: Vec<&str> = drawing.groups.iter().map(|group| group.label.as_str()).collect();
        assert_eq!(groups, ["telemetry", "story[\"search\"]", "ship"]);
        let felix = &drawing.boxes[1];
        assert_eq!((felix.label.as_str(), felix.group), ("collector[\"felix\"]", Some(0)));
        let arrow = |from, to| {
            let arrow = drawing.arrows.iter().find(|arrow| (arrow.from, arrow.to) == (from, to));
            arrow.map(|arrow| (arrow.is_critical, arrow.is_order))
        };
        assert_eq!(arrow(0, 1), Some((true, false)));
        assert_eq!(arrow(0, 2), Some((false, false)));
        assert_eq!(arrow(2, 3), Some((true, true)), "it writes before");
    }

    #[test]
    fn a_large_plan_is_drawn_by_its_groups_and_what_people_look_for() {
        let mut plan = everything();
        let node = plan.nodes[1].clone();
        for at in 0..NODES_MAX {
            plan.nodes.push(Node { name: format!("site[\"{at}/x\"]/work"), ..node.clone() });
        }
        let drawing = Drawing::of(&plan);
        assert!(drawing.groups.is_empty());
        let labels: Vec<&str> = drawing.boxes.iter().map(|drawn| drawn.label.as_str()).collect();
        assert!(labels.contains(&"telemetry: 2 nodes") && labels.contains(&"site: 200 nodes"));
        assert!(labels.contains(&"release") && labels.contains(&"ship"), "{labels:?}");
        assert!(drawing.arrows.iter().all(|arrow| arrow.from != arrow.to));
    }
}
