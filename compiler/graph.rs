//! The task graph: the tasks with their dependencies, in plan order.
//!
//! A [`TaskGraph`] has no cycle, since it is made of a checked spec only; and its
//! order depends on the spec alone. Unaware of what tasks do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::check::CheckedSpec;
use crate::resolved::TaskId;
use crate::tree::TaskTree;

/// Tasks and edges; an edge goes from what is needed to what needs it.
pub(crate) type Dependencies = DiGraph<(), (), u32>;

/// The tasks of a checked spec with an order in which each stands behind its needs.
#[derive(Debug)]
pub(crate) struct TaskGraph<'a> {
    pub(crate) tree: TaskTree<'a>,
    /// All tasks, each behind its needs, else in the order of the spec.
    pub(crate) order: Vec<TaskId>,
}

/// Makes the graph of a tree; the index of a node is the task's id.
pub(crate) fn dependencies(tree: &TaskTree<'_>) -> Dependencies {
    let edges = tree.tasks.iter().map(|task| task.needs.len()).sum();
    let mut graph = Dependencies::with_capacity(tree.tasks.len(), edges);
    for _ in &tree.tasks {
        graph.add_node(());
    }
    for (position, task) in tree.tasks.iter().enumerate() {
        for need in &task.needs {
            graph.add_edge(NodeIndex::new(need.value.get()), NodeIndex::new(position), ());
        }
    }
    graph
}

impl<'a> TaskGraph<'a> {
    /// Orders the tasks of a checked spec.
    pub(crate) fn build(spec: CheckedSpec<'a>) -> Self {
        let order = stable_order(&dependencies(spec.tree()));
        Self { tree: spec.into_tree(), order }
    }
}

/// Orders nodes so that each stands behind its needs; of those that could come
/// next always the one that is first in the spec. So a new task at the end of a
/// spec moves no other. Nodes on a cycle are left out.
fn stable_order(graph: &Dependencies) -> Vec<TaskId> {
    let mut waiting: Vec<usize> = graph
        .node_indices()
        .map(|node| graph.neighbors_directed(node, Direction::Incoming).count())
        .collect();
    let mut ready: BinaryHeap<_> =
        graph.node_indices().filter(|node| waiting[node.index()] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(Reverse(node)) = ready.pop() {
        order.push(TaskId::new(node.index()));
        for next in graph.neighbors(node) {
            waiting[next.index()] -= 1;
            if waiting[next.index()] == 0 {
                ready.push(Reverse(next));
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_first_in_the_spec_comes_first_once_it_is_ready() {
        let mut graph = Dependencies::default();
        let node: Vec<_> = (0..5).map(|_| graph.add_node(())).collect();
        for (need, task) in [(3, 0), (4, 1), (0, 2)] {
            graph.add_edge(node[need], node[task], ());
        }
        let order: Vec<_> = stable_order(&graph).into_iter().map(TaskId::get).collect();
        assert_eq!(order, [3, 0, 2, 4, 1]);
    }
}
