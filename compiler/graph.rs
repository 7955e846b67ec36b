//! The task graph: the tasks with their dependencies, in plan order.
//!
//! A [`TaskGraph`] has no cycle, since it is made of a checked spec only; and its
//! order depends on the spec alone. Unaware of what tasks do.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use eufm_grammar::Span;
use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::check::CheckedSpec;
use crate::spec::ResolvedSpec;
use crate::task::{Need, Task};
use crate::tree::TaskId;

/// Tasks and edges; an edge goes from what is needed to what needs it.
pub(crate) type Dependencies = DiGraph<(), (), u32>;

/// The tasks of a checked spec with an order in which each stands behind its needs.
pub(crate) struct TaskGraph<'a> {
    pub(crate) spec: ResolvedSpec<'a>,
    /// All tasks that are not taken out, each behind its needs, else in the order
    /// of the spec.
    pub(crate) order: Vec<TaskId>,
    /// What each task waits for; nothing that is taken out.
    pub(crate) needs: Vec<Vec<TaskId>>,
}

/// Makes the graph of tasks; the index of a node is the task's id.
pub(crate) fn dependencies(tasks: &[Task<'_>]) -> Dependencies {
    let edges = tasks.iter().map(|task| task.needs.len()).sum();
    let mut graph = Dependencies::with_capacity(tasks.len(), edges);
    for _ in tasks {
        graph.add_node(());
    }
    for (position, task) in tasks.iter().enumerate() {
        for need in &task.needs {
            graph.add_edge(NodeIndex::new(need.task.get()), NodeIndex::new(position), ());
        }
    }
    graph
}

/// Tells whether each task stands behind its needs in the spec, as in most specs: then
/// there is no cycle, and the order of the spec is that of the plan.
pub(crate) fn is_in_order(tasks: &[Task<'_>]) -> bool {
    let behind = |(position, task): (usize, &Task<'_>)| {
        task.needs.iter().all(|need| need.task.get() < position)
    };
    tasks.iter().enumerate().all(behind)
}

impl<'a> TaskGraph<'a> {
    /// Orders the tasks of a checked spec.
    pub(crate) fn build(spec: CheckedSpec<'a>) -> Self {
        let spec = spec.into_spec();
        let all = if is_in_order(&spec.tasks) {
            (0..spec.tasks.len()).map(TaskId::new).collect()
        } else {
            stable_order(&dependencies(&spec.tasks))
        };
        let needs = inherited(&spec, &all);
        let order = all.into_iter().filter(|id| !spec.tree.instance(*id).omitted).collect();
        Self { spec, order, needs }
    }

    /// Returns where the tasks stand in the text, in plan order.
    pub(crate) fn heads(&self) -> Vec<Span> {
        self.order.iter().map(|id| self.spec.tree.instance(*id).item.head).collect()
    }
}

/// Returns what each task waits for, where a task that is taken out stands for
/// what it would have waited for itself.
fn inherited(spec: &ResolvedSpec<'_>, order: &[TaskId]) -> Vec<Vec<TaskId>> {
    let mut needs: Vec<Vec<TaskId>> = vec![Vec::new(); spec.tasks.len()];
    for &id in order {
        let mut own: Vec<TaskId> = Vec::with_capacity(spec.tasks[id.get()].needs.len());
        for need in necessary(&spec.tasks, id) {
            if spec.tree.instance(need).omitted {
                own.extend_from_slice(&needs[need.get()]);
            } else {
                own.push(need);
            }
        }
        own.sort_unstable();
        own.dedup();
        needs[id.get()] = own;
    }
    needs
}

/// Returns the needs of a task without those that come from a group and are
/// implied: of a group as a whole it waits for the last tasks only, and what a
/// group waits for its first tasks wait for.
fn necessary(tasks: &[Task<'_>], id: TaskId) -> Vec<TaskId> {
    let needs = &tasks[id.get()].needs;
    if needs.iter().all(|need| need.is_named) {
        return needs.iter().map(|need| need.task).collect();
    }
    let behind = |need: &Need| tasks[need.task.get()].needs.iter().map(|other| other.task);
    let implied: BTreeSet<TaskId> = needs.iter().flat_map(behind).collect();
    let kept = needs.iter().filter(|need| need.is_named || !implied.contains(&need.task));
    kept.map(|need| need.task).collect()
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
