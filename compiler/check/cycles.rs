//! Cycles: a task cannot wait for itself, not even through others.

use std::collections::VecDeque;

use eufm_grammar::{Diagnostic, Diagnostics};
use petgraph::algo::kosaraju_scc;

use crate::graph::dependencies;
use crate::resolved::{Spanned, TaskId};
use crate::tree::TaskTree;

/// How many steps of a cycle a message shows.
const MAX_SHOWN: usize = 12;

/// Reports a shortest cycle through the first task of each knot of tasks.
pub(super) fn check(tree: &TaskTree, out: &mut Diagnostics) {
    let mut component = vec![usize::MAX; tree.tasks.len()];
    let mut firsts = Vec::new();
    // Kosaraju's algorithm needs no recursion, so a chain of any length is fine.
    for (number, members) in kosaraju_scc(&dependencies(tree)).into_iter().enumerate() {
        for member in &members {
            component[member.index()] = number;
        }
        firsts.extend(members.iter().map(|member| TaskId::new(member.index())).min());
    }
    let mut search = Search { tree, component, came: vec![None; tree.tasks.len()] };
    for first in firsts {
        if let Some(cycle) = search.shortest(first) {
            out.push(report(tree, first, &cycle));
        }
    }
}

/// A breadth-first search within one component at a time.
struct Search<'a> {
    tree: &'a TaskTree<'a>,
    component: Vec<usize>,
    /// From which task and by which need each task was reached.
    came: Vec<Option<(TaskId, Spanned<TaskId>)>>,
}

impl Search<'_> {
    /// Returns the steps of a shortest cycle through a task, each with the task that needs.
    fn shortest(&mut self, start: TaskId) -> Option<Vec<(TaskId, Spanned<TaskId>)>> {
        let mut open = VecDeque::from([start]);
        while let Some(task) = open.pop_front() {
            for need in &self.tree.task(task).needs {
                if need.value == start {
                    return Some(self.way(start, task, *need));
                }
                let next = need.value.get();
                if self.component[next] == self.component[start.get()] && self.came[next].is_none()
                {
                    self.came[next] = Some((task, *need));
                    open.push_back(need.value);
                }
            }
        }
        None
    }

    fn way(
        &self,
        start: TaskId,
        last: TaskId,
        closing: Spanned<TaskId>,
    ) -> Vec<(TaskId, Spanned<TaskId>)> {
        let mut steps = vec![(last, closing)];
        let mut at = last;
        while at != start {
            let Some((from, need)) = self.came[at.get()] else {
                break;
            };
            steps.push((from, need));
            at = from;
        }
        steps.reverse();
        steps
    }
}

fn report(tree: &TaskTree, first: TaskId, cycle: &[(TaskId, Spanned<TaskId>)]) -> Diagnostic {
    let name = |task: TaskId| tree.task(task).name.text;
    let mut path = format!("`{}`", name(first));
    for (_, need) in cycle.iter().take(MAX_SHOWN) {
        path = format!("{path} → `{}`", name(need.value));
    }
    if cycle.len() > MAX_SHOWN {
        path = format!("{path} → … ({} tasks in all) → `{}`", cycle.len(), name(first));
    }
    let mut finding =
        Diagnostic::error("E0501", format!("task `{}` waits for itself: {path}", name(first)));
    for (task, need) in cycle.iter().take(MAX_SHOWN) {
        finding = finding.at(need.span, format!("`{}` needs `{}`", name(*task), name(need.value)));
    }
    finding.help("remove one of these needs")
}
