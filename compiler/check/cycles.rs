//! Cycles: a task cannot wait for itself, not even through others.

use std::collections::VecDeque;

use eufm_grammar::{Diagnostic, Diagnostics};
use petgraph::algo::kosaraju_scc;

use crate::graph::{dependencies, is_in_order};
use crate::spec::ResolvedSpec;
use crate::task::Need;
use crate::tree::TaskId;

/// How many steps of a cycle a message shows.
const MAX_SHOWN: usize = 12;

/// Reports a shortest cycle through the first task of each knot of tasks.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    if is_in_order(&spec.tasks) {
        return;
    }
    let mut component = vec![usize::MAX; spec.tasks.len()];
    let mut firsts = Vec::new();
    // Kosaraju's algorithm needs no recursion, so a chain of any length is fine.
    for (number, members) in kosaraju_scc(&dependencies(&spec.tasks)).into_iter().enumerate() {
        for member in &members {
            component[member.index()] = number;
        }
        firsts.extend(members.iter().map(|member| TaskId::new(member.index())).min());
    }
    let mut search = Search { spec, component, came: vec![None; spec.tasks.len()] };
    for first in firsts {
        if let Some(cycle) = search.shortest(first) {
            out.push(report(spec, first, &cycle));
        }
    }
}

/// A breadth-first search within one component at a time.
struct Search<'s, 'a> {
    spec: &'s ResolvedSpec<'a>,
    component: Vec<usize>,
    /// From which task and by which need each task was reached.
    came: Vec<Option<(TaskId, Need)>>,
}

impl Search<'_, '_> {
    /// Returns the steps of a shortest cycle through a task, each with the task that needs.
    fn shortest(&mut self, start: TaskId) -> Option<Vec<(TaskId, Need)>> {
        let mut open = VecDeque::from([start]);
        while let Some(task) = open.pop_front() {
            for need in &self.spec.tasks[task.get()].needs {
                if need.task == start {
                    return Some(self.way(start, task, *need));
                }
                let next = need.task.get();
                if self.component[next] == self.component[start.get()] && self.came[next].is_none()
                {
                    self.came[next] = Some((task, *need));
                    open.push_back(need.task);
                }
            }
        }
        None
    }

    fn way(&self, start: TaskId, last: TaskId, closing: Need) -> Vec<(TaskId, Need)> {
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

fn report(spec: &ResolvedSpec<'_>, first: TaskId, cycle: &[(TaskId, Need)]) -> Diagnostic {
    let name = |task: TaskId| spec.tree.path_of(task);
    let mut path = format!("`{}`", name(first));
    for (_, need) in cycle.iter().take(MAX_SHOWN) {
        path = format!("{path} → `{}`", name(need.task));
    }
    if cycle.len() > MAX_SHOWN {
        path = format!("{path} → … ({} tasks in all) → `{}`", cycle.len(), name(first));
    }
    let mut finding =
        Diagnostic::error("E0501", format!("task `{}` waits for itself: {path}", name(first)));
    for (task, need) in cycle.iter().take(MAX_SHOWN) {
        finding = finding.at(need.span, format!("`{}` needs `{}`", name(*task), name(need.task)));
    }
    finding.help("remove one of these needs")
}
