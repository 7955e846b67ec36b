//! The task tree: the tasks in their order, each with its path.
//!
//! A task's path names it in the plan and in the journal, so here two tasks
//! cannot share one any more. Without groups the tree is one level deep; its
//! shape is that of any depth. Unaware of dependencies between tasks.

use crate::resolved::{Declarations, ResolvedSpec, Task, TaskId};

/// The tasks of a spec in tree order, with what they refer to.
#[derive(Debug)]
pub(crate) struct TaskTree {
    pub(crate) declarations: Declarations,
    pub(crate) tasks: Vec<Task>,
    root: Branch,
}

/// A group, or a task as a branch without children.
#[derive(Debug)]
struct Branch {
    /// The last part of the path.
    name: String,
    task: Option<TaskId>,
    children: Vec<Branch>,
}

impl TaskTree {
    /// Grows the tree from the tasks in the order of the spec.
    pub(crate) fn grow(spec: ResolvedSpec) -> Self {
        let leaf = |(position, task): (usize, &Task)| Branch {
            name: task.name.text.clone(),
            task: Some(TaskId::new(position)),
            children: Vec::new(),
        };
        let children = spec.tasks.iter().enumerate().map(leaf).collect();
        let root = Branch { name: String::new(), task: None, children };
        Self { declarations: spec.declarations, tasks: spec.tasks, root }
    }

    /// Returns the path of every task, by its id: the names from the root, joined by `.`.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = vec![String::new(); self.tasks.len()];
        let mut open: Vec<(String, &Branch)> = vec![(String::new(), &self.root)];
        while let Some((path, branch)) = open.pop() {
            for child in &branch.children {
                let below = if path.is_empty() {
                    child.name.clone()
                } else {
                    format!("{path}.{}", child.name)
                };
                open.push((below, child));
            }
            if let Some(slot) = branch.task.and_then(|task| paths.get_mut(task.get())) {
                *slot = path;
            }
        }
        paths
    }

    /// Returns a task; ids come from this tree's own tasks.
    pub(crate) fn task(&self, id: TaskId) -> &Task {
        &self.tasks[id.get()]
    }
}
