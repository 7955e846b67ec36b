//! The nodes that are ready and not told to start yet, by what holds them back:
//! only those with an agent spend money, and questions to people take no slot.
//!
//! Each question costs O(log n). Unaware of why any are held back.

use std::collections::BTreeSet;

use eufm_plan::{NodeIndex, Plan, Work};

/// The nodes that wait for their start.
#[derive(Debug)]
pub(super) struct Waiting {
    agents: BTreeSet<NodeIndex>,
    others: BTreeSet<NodeIndex>,
    questions: BTreeSet<NodeIndex>,
    /// What each node is, in plan order.
    sorts: Vec<Sort>,
}

/// What holds a node back.
#[derive(Debug, Clone, Copy)]
enum Sort {
    Agent,
    Question,
    Other,
}

impl Waiting {
    /// Begins with none of a plan's nodes.
    pub(super) fn of(plan: &Plan) -> Self {
        let sort = |node: &eufm_plan::Node| match node.work {
            Work::Agent { .. } => Sort::Agent,
            Work::Approval { .. } => Sort::Question,
            _ => Sort::Other,
        };
        Self {
            agents: BTreeSet::new(),
            others: BTreeSet::new(),
            questions: BTreeSet::new(),
            sorts: plan.nodes.iter().map(sort).collect(),
        }
    }

    /// Adds a node.
    pub(super) fn insert(&mut self, node: NodeIndex) {
        let set = match self.sorts[node.get()] {
            Sort::Agent => &mut self.agents,
            Sort::Question => &mut self.questions,
            Sort::Other => &mut self.others,
        };
        set.insert(node);
    }

    /// Removes all.
    pub(super) fn clear(&mut self) {
        self.agents.clear();
        self.others.clear();
        self.questions.clear();
    }

    /// Tells whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.agents.is_empty() && self.others.is_empty() && self.questions.is_empty()
    }

    /// Takes the nodes that only ask.
    pub(super) fn take_questions(&mut self) -> BTreeSet<NodeIndex> {
        std::mem::take(&mut self.questions)
    }

    /// Tells whether a node with an agent waits.
    pub(super) fn has_agents(&self) -> bool {
        !self.agents.is_empty()
    }

    /// Takes the first of those that take a slot, in plan order.
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
