//! The task tree: groups and the instances of tasks, each with its path.
//!
//! Instances stand in the order of the spec, those of a group one behind the
//! other. A path names a node in the plan and in the journal, so here two nodes
//! cannot share one. Unaware of what tasks say and need.

use std::ops::Range;

use eufm_grammar::Span;
use eufm_grammar::ast::{Declaration, Entry};
use indexmap::IndexMap;

use crate::scope::ScopeId;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(u32);

        impl $name {
            /// Sources end below 4 GiB and expansion is bounded, so ids suffice.
            pub(crate) fn new(position: usize) -> Self {
                Self(u32::try_from(position).unwrap_or(u32::MAX))
            }

            pub(crate) fn get(self) -> usize {
                self.0 as usize
            }
        }
    };
}
pub(crate) use id;

id!(
    /// A position in [`TaskTree::instances`].
    TaskId
);
id!(
    /// A position in [`TaskTree::groups`]; the root is the first.
    GroupId
);
id!(
    /// A position in [`TaskTree::defaults`].
    DefaultsId
);

impl GroupId {
    /// The group around everything.
    pub(crate) const ROOT: Self = Self(0);
}

/// The instances of a spec in tree order, with their groups.
#[derive(Debug)]
pub(crate) struct TaskTree<'a> {
    pub(crate) groups: Vec<Group<'a>>,
    pub(crate) instances: Vec<Instance<'a>>,
    pub(crate) defaults: Vec<Defaults<'a>>,
}

/// One task, command, approval or deploy: once for each element of its `for`.
#[derive(Debug)]
pub(crate) struct Instance<'a> {
    pub(crate) item: &'a Declaration<'a>,
    pub(crate) group: GroupId,
    pub(crate) scope: ScopeId,
    /// The element of its `for`.
    pub(crate) index: Option<Box<str>>,
    /// Whether `when` took it out, or a group around it.
    pub(crate) omitted: bool,
}

/// A group, or the inside of a template's call.
#[derive(Debug)]
pub(crate) struct Group<'a> {
    pub(crate) name: &'a str,
    pub(crate) index: Option<Box<str>>,
    pub(crate) parent: Option<GroupId>,
    /// Whether names around it are not seen: what a template needs it is given.
    pub(crate) sealed: bool,
    /// Whether it is taken out.
    pub(crate) omitted: bool,
    /// What all in it wait for, written in this scope.
    pub(crate) needs: Option<(&'a Entry<'a>, ScopeId)>,
    /// What holds for all in it that say nothing else.
    pub(crate) defaults: Option<DefaultsId>,
    pub(crate) members: IndexMap<&'a str, Member>,
    /// The positions of the instances in it, also those of groups in it.
    pub(crate) tasks: Range<u32>,
}

/// What a name stands for in a group.
#[derive(Debug)]
pub(crate) struct Member {
    /// What it is called: `task`, `group`, ….
    pub(crate) noun: &'static str,
    /// Where its name stands.
    pub(crate) span: Span,
    pub(crate) targets: Targets,
}

/// One thing, or one for each element of a `for`.
#[derive(Debug)]
pub(crate) enum Targets {
    One(Target),
    Each(IndexMap<Box<str>, Target>),
}

/// A task or a group.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Task(TaskId),
    Group(GroupId),
}

/// What holds in a group for tasks that say nothing else.
#[derive(Debug)]
pub(crate) struct Defaults<'a> {
    pub(crate) fields: crate::fields::Fields<'a>,
    pub(crate) scope: ScopeId,
    /// Those of the groups around it.
    pub(crate) outer: Option<DefaultsId>,
}

impl<'a> TaskTree<'a> {
    pub(crate) fn group(&self, id: GroupId) -> &Group<'a> {
        &self.groups[id.get()]
    }

    pub(crate) fn instance(&self, id: TaskId) -> &Instance<'a> {
        &self.instances[id.get()]
    }

    /// Returns the tasks that a target stands for.
    pub(crate) fn tasks_of(&self, target: Target) -> Range<u32> {
        match target {
            Target::Task(task) => task.0..task.0 + 1,
            Target::Group(group) => self.group(group).tasks.clone(),
        }
    }

    /// Returns the path of every group: the names from the root, joined by `/`.
    pub(crate) fn group_paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            // A group stands behind the one it lies in.
            let around = group.parent.map_or("", |parent| &paths[parent.get()]);
            paths.push(joined(around, group.name, group.index.as_deref()));
        }
        paths
    }

    /// Returns the path of an instance, given those of the groups.
    pub(crate) fn path(&self, groups: &[String], id: TaskId) -> String {
        let instance = self.instance(id);
        let name = instance.item.name.text;
        joined(&groups[instance.group.get()], name, instance.index.as_deref())
    }

    /// Returns the path of one instance, for messages.
    pub(crate) fn path_of(&self, id: TaskId) -> String {
        let instance = self.instance(id);
        let mut path = joined("", instance.item.name.text, instance.index.as_deref());
        let mut at = instance.group;
        while let Some(parent) = self.group(at).parent {
            let group = self.group(at);
            path = joined(&joined("", group.name, group.index.as_deref()), &path, None);
            at = parent;
        }
        path
    }
}

/// Appends a name with its index to a path.
fn joined(around: &str, name: &str, index: Option<&str>) -> String {
    let mut path = String::with_capacity(around.len() + name.len() + 1);
    path.push_str(around);
    if !around.is_empty() && !name.is_empty() {
        path.push('/');
    }
    path.push_str(name);
    if let Some(index) = index {
        path.push_str("[\"");
        for sign in index.chars() {
            if matches!(sign, '"' | '\\') {
                path.push('\\');
            }
            path.push(sign);
        }
        path.push_str("\"]");
    }
    path
}
