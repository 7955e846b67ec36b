//! The nodes that are ready and not told to start yet, those with an agent apart
//! from the others: only the former spend money, and may be held back for it.
//!
//! Each question costs O(log n). Unaware of why any are held back.

use std::collections::BTreeSet;

use eufm_plan::{NodeIndex, Plan, Work};

/// The nodes that wait for their start.
#[derive(Debug)]
pub(super) struct Waiting {
    agents: BTreeSet<NodeIndex>,
    others: BTreeSet<NodeIndex>,
    /// Whether a node has an agent, in plan order.
    has_agent: Vec<bool>,
}

impl Waiting {
    /// Begins with none of a plan's nodes.
    pub(super) fn of(plan: &Plan) -> Self {
        let has_agent = plan.nodes.iter().map(|node| matches!(node.work, Work::Agent { .. }));
        let has_agent = has_agent.collect();
        Self { agents: BTreeSet::new(), others: BTreeSet::new(), has_agent }
    }

    /// Adds a node.
    pub(super) fn insert(&mut self, node: NodeIndex) {
        let set = if self.has_agent[node.get()] { &mut self.agents } else { &mut self.others };
        set.insert(node);
    }

    /// Removes all.
    pub(super) fn clear(&mut self) {
        self.agents.clear();
        self.others.clear();
    }

    /// Tells whether a node with an agent waits.
    pub(super) fn has_agents(&self) -> bool {
        !self.agents.is_empty()
    }

    /// Takes the first of all, in plan order.
    pub(super) fn pop_first(&mut self) -> Option<NodeIndex> {
        let (agent, other) = (self.agents.first(), self.others.first());
        match (agent, other) {
            (Some(agent), Some(other)) if agent < other => self.agents.pop_first(),
            (Some(_), None) => self.agents.pop_first(),
            _ => self.others.pop_first(),
        }
    }

    /// Takes the first of those without an agent.
    pub(super) fn pop_without_agent(&mut self) -> Option<NodeIndex> {
        self.others.pop_first()
    }
}
