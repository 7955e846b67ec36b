//! The task tree: the tasks in their order, each with its path.
//!
//! A task's path names it in the plan and in the journal, so here two tasks
//! cannot share one any more. Without groups the tree is one level deep; its
//! shape is that of any depth. Unaware of dependencies between tasks.

use crate::resolved::{Declarations, ResolvedSpec, Task, TaskId};

/// The tasks of a spec in tree order, with what they refer to.
#[derive(Debug)]
pub(crate) struct TaskTree<'a> {
    pub(crate) declarations: Declarations<'a>,
    pub(crate) tasks: Vec<Task<'a>>,
    root: Branch<'a>,
}

/// A group, or a task as a branch without children.
#[derive(Debug)]
struct Branch<'a> {
    /// The last part of the path.
    name: &'a str,
    task: Option<TaskId>,
    children: Vec<Branch<'a>>,
}

impl<'a> TaskTree<'a> {
    /// Grows the tree from the tasks in the order of the spec.
    pub(crate) fn grow(spec: ResolvedSpec<'a>) -> Self {
        let leaf = |(position, task): (usize, &Task<'a>)| Branch {
            name: task.name.text,
            task: Some(TaskId::new(position)),
            children: Vec::new(),
        };
        let children = spec.tasks.iter().enumerate().map(leaf).collect();
        let root = Branch { name: "", task: None, children };
        Self { declarations: spec.declarations, tasks: spec.tasks, root }
    }

    /// Returns the path of every task, by its id: the names from the root, joined by `.`.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = vec![String::new(); self.tasks.len()];
        let mut open: Vec<(String, &Branch<'_>)> = vec![(String::new(), &self.root)];
        while let Some((path, branch)) = open.pop() {
            for child in &branch.children {
                let below = if path.is_empty() {
                    child.name.to_owned()
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
    pub(crate) fn task(&self, id: TaskId) -> &Task<'a> {
        &self.tasks[id.get()]
    }
}
