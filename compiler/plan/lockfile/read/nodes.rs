//! The nodes of plan.lock: whom they wait for, what they take and may change.
//!
//! A name must point to something that stands before it. Unaware of what the
//! four kinds of work have of their own.

use std::collections::BTreeMap;

use super::names::{Names, check_labels, find, find_all, meaning, table};
use super::raw::{Ordered, RawKind, RawNode};
use super::whole::stands_twice;
use crate::lockfile::items::{is_inside, read_budget, read_input};
use crate::lockfile::texts::text;
use crate::lockfile::{BYTES_MAX, LockError};
use crate::{GateIndex, Input, InputPart, Node, NodeIndex};

/// The nodes that were read so far, and what one may refer to.
pub(super) struct Nodes {
    pub(super) names: Names,
    places: BTreeMap<String, usize>,
    kinds: Vec<RawKind>,
    read: Vec<Node>,
    /// The bytes of the texts of all nodes so far.
    told: usize,
}

impl Nodes {
    /// Makes a reader of nodes, of which there are about so many.
    pub(super) fn new(names: Names, count: usize) -> Self {
        let (kinds, read) = (Vec::with_capacity(count), Vec::with_capacity(count));
        Self { names, places: BTreeMap::new(), kinds, read, told: 0 }
    }

    /// Reads the nodes that come next.
    pub(super) fn add(&mut self, raw: Ordered<Box<RawNode>>) -> Result<(), LockError> {
        check_labels("node", &raw)?;
        for (name, raw) in &raw.0 {
            if self.places.insert(name.clone(), self.kinds.len()).is_some() {
                return Err(stands_twice(&table("node", name)));
            }
            self.kinds.push(raw.kind);
        }
        for (name, raw) in raw.0 {
            let node = self.names.node(self, self.read.len(), raw);
            let node = node.map_err(|cause| meaning(table("node", &name), cause))?;
            self.told += text(&node.work).map_or(0, str::len);
            self.read.push(Node { name, ..node });
        }
        Ok(())
    }

    /// Returns all nodes.
    pub(super) fn done(self) -> Vec<Node> {
        self.read
    }

    /// Finds a node that stands before the one at `own`.
    pub(super) fn before(&self, own: usize, key: &str, name: &str) -> Result<NodeIndex, String> {
        let found = find(key, "node", &self.places, name)?;
        if found >= own {
            return Err(format!("its `{key}` names `{name}`, which does not stand before it"));
        }
        Ok(NodeIndex::new(found))
    }

    /// Tells whether a node more may have a text: a short name must not make endless
    /// copies of a long one.
    pub(super) fn has_room_for(&self, text: &str) -> bool {
        self.told + text.len() <= BYTES_MAX
    }

    pub(super) fn kind(&self, node: NodeIndex) -> RawKind {
        self.kinds[node.get()]
    }

    fn needs(&self, own: usize, names: &[String]) -> Result<Vec<NodeIndex>, String> {
        self.list(own, "needs", names, |name| {
            format!("it needs `{name}`, which does not stand before it")
        })
    }

    /// Finds nodes that stand before the one at `own`, listed in the order of the plan.
    fn list(
        &self,
        own: usize,
        key: &str,
        names: &[String],
        behind: impl Fn(&str) -> String,
    ) -> Result<Vec<NodeIndex>, String> {
        let found = find_all(key, "node", &self.places, names)?;
        if let Some(position) = found.iter().position(|&node| node >= own) {
            return Err(behind(&names[position]));
        }
        if !found.is_sorted() {
            return Err(format!("its `{key}` are not in the order of the plan"));
        }
        Ok(found.into_iter().map(NodeIndex::new).collect())
    }

    /// Finds the writers before a node. Only what changes files is put in such an
    /// order, and what is needed is waited for already.
    fn after_writer(&self, own: &Node, names: &[String]) -> Result<Vec<NodeIndex>, String> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let before = self.list(self.read.len(), "after_writer", names, |name| {
            format!("its `after_writer` names `{name}`, which does not stand before it")
        })?;
        if !own.is_writer() {
            return Err("it has `after_writer`, but changes no files".to_owned());
        }
        for (node, name) in before.iter().zip(names) {
            if own.needs.binary_search(node).is_ok() {
                return Err(format!("its `after_writer` names `{name}`, which it needs"));
            }
            if !self.read[node.get()].is_writer() {
                return Err(format!("its `after_writer` names `{name}`, which changes no files"));
            }
        }
        Ok(before)
    }

    fn inputs(&self, own: usize, lines: &[String]) -> Result<Vec<Input>, String> {
        let mut inputs: Vec<Input> = Vec::with_capacity(lines.len());
        for line in lines {
            let (part, name) = read_input(line)
                .ok_or_else(|| format!("`{line}` is not an input, as in `answer of schema`"))?;
            let node = self.before(own, "inputs", name)?;
            let gives = match (&part, self.kind(node)) {
                (InputPart::Answer, kind) => matches!(kind, RawKind::Agent),
                (InputPart::Stdout, kind) => matches!(kind, RawKind::Command | RawKind::Deploy),
                (InputPart::Note, kind) => matches!(kind, RawKind::Approval),
                (InputPart::File(path), _) => is_inside(path),
                (InputPart::Diff, _) => true,
            };
            if !gives {
                return Err(format!("its input `{line}` is none that such a node gives"));
            }
            inputs.push(Input { node, part });
        }
        let mut sorted: Vec<&String> = lines.iter().collect();
        sorted.sort_unstable();
        match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("its `inputs` name `{}` twice", pair[0])),
            None => Ok(inputs),
        }
    }
}

impl Names {
    /// Reads the node at `own` without its name; the error is the cause.
    fn node(&self, known: &Nodes, own: usize, mut raw: Box<RawNode>) -> Result<Node, String> {
        let gates = find_all("gates", "gate", &self.gates, &raw.gates)?;
        let after_writer = std::mem::take(&mut raw.after_writer);
        let mut node = Node {
            name: String::new(),
            needs: known.needs(own, &raw.needs)?,
            after_writer: Vec::new(),
            accept: raw.accept,
            inputs: known.inputs(own, &raw.inputs)?,
            implements: std::mem::take(&mut raw.implements),
            reads: raw.reads.take(),
            writes: std::mem::replace(&mut raw.writes, crate::Writes::Unprotected),
            overlap: raw.overlap,
            env: self.env(&raw.env)?,
            gates: gates.into_iter().map(GateIndex::new).collect(),
            budget: read_budget(&raw.budget)?,
            on_fail: raw.on_fail,
            work: self.work(known, own, raw)?,
        };
        node.after_writer = known.after_writer(&node, &after_writer)?;
        Ok(node)
    }
}
