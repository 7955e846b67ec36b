//! Which node of one plan is which of the other: by name, else by equal content, else
//! by what it is told, asks or runs.
//!
//! Nodes are looked at in plan order, so what a node needs has its partner
//! before it. Unaware of what differs between partners.

use std::collections::{BTreeMap, VecDeque};

use super::likes::Likes;
use crate::{AgentIndex, EnvironmentIndex, GateIndex, Node, NodeIndex, Plan, Rule, Work};

/// How many nodes with the same text are tried for one that has another name.
const TRIED: usize = 16;

/// Two plans, and what of one is what of the other.
pub(super) struct Pairs<'a> {
    /// The plan before.
    pub(super) before: &'a Plan,
    /// The plan after.
    pub(super) after: &'a Plan,
    /// What nodes see.
    pub(super) environments: Likes,
    /// Who works.
    pub(super) agents: Likes,
    /// What results must pass.
    pub(super) gates: Likes,
    /// What verified trees are judged by.
    pub(super) rules: Likes,
    /// For each node after its partner before.
    of_after: Vec<Option<NodeIndex>>,
    /// For each node before its partner after.
    of_before: Vec<Option<NodeIndex>>,
    have_same_indices: bool,
}

impl<'a> Pairs<'a> {
    /// Pairs what two plans have.
    pub(super) fn of(before: &'a Plan, after: &'a Plan) -> Self {
        let environments = Likes::of(
            (&before.environments, &after.environments),
            |it| &it.name,
            |it| (&it.tools, &it.prepare, &it.network, &it.key, &it.keep),
        );
        let agents =
            Likes::of((&before.agents, &after.agents), |it| &it.name, |it| (&it.kind, &it.params));
        let gates =
            Likes::of((&before.gates, &after.gates), |it| &it.name, |it| (&it.kind, &it.params));
        let rules = Likes::of(
            (rules_of(before), rules_of(after)),
            |it| &it.name,
            |it| (&it.kind, it.level, &it.params),
        );
        let of_after = vec![None; after.nodes.len()];
        let of_before = vec![None; before.nodes.len()];
        let have_same_indices = false;
        let mut pairs = Self {
            before,
            after,
            environments,
            agents,
            gates,
            rules,
            of_after,
            of_before,
            have_same_indices,
        };
        pairs.by_name();
        pairs.by_content();
        let is_own =
            |(at, partner): (usize, &Option<NodeIndex>)| *partner == Some(NodeIndex::new(at));
        pairs.have_same_indices = pairs.of_after.iter().enumerate().all(is_own)
            && [&pairs.environments, &pairs.agents, &pairs.gates, &pairs.rules]
                .iter()
                .all(|it| it.is_same());
        pairs
    }

    fn by_name(&mut self) {
        let nodes = self.before.nodes.iter().enumerate();
        let names: BTreeMap<&str, usize> =
            nodes.map(|(at, node)| (node.name.as_str(), at)).collect();
        for (at, node) in self.after.nodes.iter().enumerate() {
            if let Some(&partner) = names.get(node.name.as_str()) {
                self.marry(partner, at);
            }
        }
    }

    fn by_content(&mut self) {
        let mut texts: BTreeMap<Vec<&str>, VecDeque<usize>> = BTreeMap::new();
        for (at, node) in self.before.nodes.iter().enumerate() {
            if self.of_before[at].is_none() {
                texts.entry(text(node)).or_default().push_back(at);
            }
        }
        if texts.is_empty() {
            return;
        }
        for at in 0..self.after.nodes.len() {
            if self.of_after[at].is_some() {
                continue;
            }
            let Some(left) = texts.get_mut(&text(&self.after.nodes[at])) else { continue };
            let mut tried = left.iter().take(TRIED);
            let place = tried.position(|&other| self.is_alike(other, at));
            if let Some(partner) = place.and_then(|place| left.remove(place)) {
                self.marry(partner, at);
            }
        }
        // What does the same under another name, and is held otherwise, is no new node:
        // else a name would be a way around what held it.
        for at in 0..self.after.nodes.len() {
            let node = &self.after.nodes[at];
            if self.of_after[at].is_none()
                && !matches!(node.work, Work::Verify { .. })
                && let Some(partner) = texts.get_mut(&text(node)).and_then(VecDeque::pop_front)
            {
                self.marry(partner, at);
            }
        }
    }

    fn marry(&mut self, before: usize, after: usize) {
        self.of_after[after] = Some(NodeIndex::new(before));
        self.of_before[before] = Some(NodeIndex::new(after));
    }

    /// Tells whether two nodes differ in their names alone.
    fn is_alike(&self, before: usize, after: usize) -> bool {
        // A new key of nodes is compared too: without `..` this does not compile.
        let Node {
            name: _,
            work,
            needs,
            after_writer,
            accept,
            implements,
            inputs,
            reads,
            writes,
            overlap,
            env,
            gates,
            budget,
            on_fail,
        } = &self.before.nodes[before];
        let now = &self.after.nodes[after];
        self.is_same_work(work, &now.work)
            && *needs == self.partners(&now.needs)
            && *after_writer == self.partners(&now.after_writer)
            && *accept == now.accept
            && *implements == now.implements
            && inputs.len() == now.inputs.len()
            && inputs.iter().zip(&now.inputs).all(|(one, other)| {
                one.part == other.part && Some(one.node) == self.partner_before(other.node)
            })
            && *reads == now.reads
            && *writes == now.writes
            && *overlap == now.overlap
            && self.environments_before(env) == self.environments_after(&now.env)
            && self.gates_before(gates) == self.gates_after(&now.gates)
            && *budget == now.budget
            && *on_fail == now.on_fail
    }

    fn is_same_work(&self, before: &Work, after: &Work) -> bool {
        match (before, after) {
            (
                Work::Agent { agent, prompt, session },
                Work::Agent { agent: now, prompt: told, session: forked },
            ) => {
                let forked = forked.map(|session| self.partner_before(session));
                self.is_same_agent(*agent, *now) && prompt == told && session.map(Some) == forked
            }
            (Work::Verify { rules }, Work::Verify { rules: judged }) => {
                let new = judged.iter().map(|rule| self.rules.after(rule.get()));
                rules.iter().map(|rule| Some(self.rules.before(rule.get()))).eq(new)
            }
            _ => before == after,
        }
    }

    /// Tells whether two agents have one name or one content.
    pub(super) fn is_same_agent(&self, before: AgentIndex, after: AgentIndex) -> bool {
        Some(self.agents.before(before.get())) == self.agents.after(after.get())
    }

    /// Returns what gates of the plan before are compared by.
    pub(super) fn gates_before(&self, gates: &[GateIndex]) -> Vec<Option<usize>> {
        gates.iter().map(|gate| Some(self.gates.before(gate.get()))).collect()
    }

    /// Returns what gates of the plan after are compared by.
    pub(super) fn gates_after(&self, gates: &[GateIndex]) -> Vec<Option<usize>> {
        gates.iter().map(|gate| self.gates.after(gate.get())).collect()
    }

    /// Returns what environments of the plan before are compared by.
    pub(super) fn environments_before(&self, list: &[EnvironmentIndex]) -> Vec<Option<usize>> {
        list.iter().map(|it| Some(self.environments.before(it.get()))).collect()
    }

    /// Returns what environments of the plan after are compared by.
    pub(super) fn environments_after(&self, list: &[EnvironmentIndex]) -> Vec<Option<usize>> {
        list.iter().map(|it| self.environments.after(it.get())).collect()
    }

    /// Tells whether an index names the same in both plans.
    pub(super) fn have_same_indices(&self) -> bool {
        self.have_same_indices
    }

    /// Returns the partner, in the plan before, of a node of the plan after.
    pub(super) fn partner_before(&self, after: NodeIndex) -> Option<NodeIndex> {
        self.of_after[after.get()]
    }

    /// Returns the partner, in the plan after, of a node of the plan before.
    pub(super) fn partner_after(&self, before: NodeIndex) -> Option<NodeIndex> {
        self.of_before[before.get()]
    }

    /// Returns the partners, in the plan before, of nodes of the plan after.
    fn partners(&self, after: &[NodeIndex]) -> Vec<NodeIndex> {
        let mut partners: Vec<NodeIndex> =
            after.iter().filter_map(|node| self.partner_before(*node)).collect();
        if partners.len() < after.len() {
            // One that has no partner is like none.
            return Vec::from([NodeIndex::new(self.before.nodes.len())]);
        }
        partners.sort_unstable();
        partners
    }
}

/// Lists the rules of a plan.
pub(super) fn rules_of(plan: &Plan) -> &[Rule] {
    plan.constitution.as_ref().map_or(&[], |constitution| &constitution.rules)
}

/// The text by which nodes that have other names are found.
fn text(node: &Node) -> Vec<&str> {
    match &node.work {
        Work::Agent { prompt, .. } => vec![prompt],
        Work::Approval { ask } => vec!["?", ask],
        Work::Verify { .. } => Vec::new(),
        Work::Command(command) | Work::Deploy { command, .. } => {
            std::iter::once("!").chain(command.run.iter().map(String::as_str)).collect()
        }
    }
}
