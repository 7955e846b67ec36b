//! Which nodes an agent's work reaches without an approval that was asked about it.
//!
//! A node is exposed if, on some way back along what it waits for, through nodes
//! that change nothing, there is an agent or a command that is exposed itself and
//! changes files. A way ends at an approval, and at whatever an approval that must
//! be given first was asked about: that stood in the approved tree. So it is with
//! inputs: one is looked at where such an approval has it as an input too.
//!
//! Up to 64 nodes are followed back at once, a bit for each. Unaware of secrets.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use crate::{Accept, Input, Node, NodeIndex, Work};

/// How many nodes are followed back at once.
const BATCH: usize = u64::BITS as usize;

/// What is known of the nodes of a plan.
pub(super) struct Exposure<'p> {
    nodes: &'p [Node],
    /// Whether an agent's work may reach a node, were each approval of all before it;
    /// where not, nobody need look.
    may_carry: Vec<bool>,
    /// Whether an agent stands before a node at all, or is it.
    has_agent: Vec<bool>,
    /// What was found of the nodes that were asked about.
    found: BTreeMap<NodeIndex, bool>,
    /// How many steps may still be taken.
    steps: usize,
    marks: Marks,
}

/// Bits of a batch at each node.
#[derive(Default)]
struct Marks {
    /// Reached without an approval between.
    reach: Vec<u64>,
    /// Before it, and it must have succeeded.
    firm: Vec<u64>,
    /// An approval that must be given first was asked about it.
    shown: Vec<u64>,
    touched: Vec<usize>,
    open: BinaryHeap<usize>,
    /// How many open nodes are reached.
    reached: usize,
}

impl Marks {
    fn mark(&mut self, at: NodeIndex, reach: u64, firm: u64, shown: u64) {
        let at = at.get();
        if reach | firm | shown == 0 {
            return;
        }
        if self.reach[at] | self.firm[at] | self.shown[at] == 0 {
            self.open.push(at);
            self.touched.push(at);
        }
        self.reached += usize::from(self.reach[at] == 0 && reach != 0);
        self.reach[at] |= reach;
        self.firm[at] |= firm;
        self.shown[at] |= shown;
    }

    fn clear(&mut self) {
        self.open.clear();
        self.reached = 0;
        for at in self.touched.drain(..) {
            (self.reach[at], self.firm[at], self.shown[at]) = (0, 0, 0);
        }
    }
}

/// What a walk back from some nodes found.
#[derive(Default)]
struct Walk<'p> {
    /// Which of them an agent's work reaches, a bit for each.
    hit: u64,
    /// Which of them something reaches that may be exposed itself.
    through: Vec<(u64, NodeIndex)>,
    /// The inputs that no approval had so far, each with its node's bit.
    inputs: Vec<(u64, &'p Input)>,
}

impl<'p> Exposure<'p> {
    pub(super) fn new(nodes: &'p [Node], steps: usize) -> Self {
        let (mut may_carry, mut has_agent) = (vec![false; nodes.len()], vec![false; nodes.len()]);
        for (at, node) in nodes.iter().enumerate() {
            let mut before = node.waits_for().chain(node.inputs.iter().map(|input| input.node));
            let is_agent = matches!(node.work, Work::Agent { .. });
            has_agent[at] = is_agent || before.clone().any(|need| has_agent[need.get()]);
            let is_approval = matches!(node.work, Work::Approval { .. });
            may_carry[at] = is_agent || !is_approval && before.any(|need| may_carry[need.get()]);
        }
        let bits = || vec![0; nodes.len()];
        let marks = Marks { reach: bits(), firm: bits(), shown: bits(), ..Marks::default() };
        Self { nodes, may_carry, has_agent, found: BTreeMap::new(), steps, marks }
    }

    /// Tells of a node whether an agent's work reaches it.
    pub(super) fn is_exposed(&self, node: NodeIndex) -> bool {
        match self.nodes[node.get()].work {
            Work::Agent { .. } => true,
            // An approval carries nothing, and is never among what was found.
            _ => self.found.get(&node).copied().unwrap_or(false),
        }
    }

    /// Tells whether there is a way from an agent to a node without any approval.
    pub(super) fn may_carry(&self, at: usize) -> bool {
        self.may_carry[at]
    }

    /// Tells whether any agent stands before a node.
    pub(super) fn has_agent_before(&self, at: usize) -> bool {
        self.has_agent[at]
    }

    /// Finds out which of some nodes are exposed, and of all that this depends on;
    /// `None` if that takes too many steps: then what was found is true, but not all.
    pub(super) fn follow(&mut self, of: &[NodeIndex]) -> Option<()> {
        let mut hits: BTreeMap<NodeIndex, bool> = BTreeMap::new();
        let mut through: Vec<(NodeIndex, NodeIndex)> = Vec::new();
        let mut next: Vec<NodeIndex> =
            of.iter().copied().filter(|node| self.may_carry[node.get()]).collect();
        let mut is_whole = Some(());
        while !next.is_empty() && is_whole.is_some() {
            let mut later = Vec::new();
            for batch in next.chunks(BATCH) {
                let Some(walk) = self.walk(batch) else {
                    is_whole = None;
                    break;
                };
                for (bit, node) in batch.iter().enumerate() {
                    hits.insert(*node, walk.hit >> bit & 1 == 1);
                }
                for (bits, at) in walk.through {
                    through.extend(ones(bits).map(|bit| (batch[bit], at)));
                    later.push(at);
                }
            }
            later.sort_unstable();
            later.dedup();
            later.retain(|node| !hits.contains_key(node));
            next = later;
        }
        // What one depends on stands before it in the plan.
        through.sort_unstable();
        let mut through = through.into_iter().peekable();
        for (node, is_hit) in hits {
            let mut is_exposed = is_hit;
            while let Some((_, by)) = through.next_if(|(of, _)| *of == node) {
                is_exposed |= self.found.get(&by).copied().unwrap_or(false);
            }
            self.found.insert(node, is_exposed);
        }
        is_whole
    }

    /// Tells whether one approval without which a node does not start was asked about all
    /// that agents made for it, so that what it starts from was looked at as a whole;
    /// also where there is nothing of the kind. `None` without steps left.
    ///
    /// Tried are the approvals between which and the node no other stands, the last first;
    /// an approval before one of them was asked about less.
    pub(super) fn is_covered_by_one(&mut self, node: NodeIndex) -> Option<bool> {
        let nodes = self.nodes;
        if nodes[node.get()].work.is_in_place() || self.covers(None, node)? {
            return Some(true);
        }
        let mut known = BTreeSet::new();
        let mut open = BinaryHeap::from([node]);
        while let Some(at) = open.pop() {
            let own = &nodes[at.get()];
            if matches!(own.work, Work::Approval { .. }) {
                if self.covers(Some(at), node)? {
                    return Some(true);
                }
                continue;
            }
            self.steps = self.steps.checked_sub(1 + own.needs.len())?;
            let firm = own.needs.iter().filter(|_| own.accept == Accept::All);
            open.extend(firm.copied().filter(|need| known.insert(*need)));
        }
        Some(false)
    }

    /// Tells whether each way back from a node to an agent leads through what an approval
    /// was asked about.
    fn covers(&mut self, approval: Option<NodeIndex>, node: NodeIndex) -> Option<bool> {
        let nodes = self.nodes;
        self.marks.clear();
        if let Some(approval) = approval {
            self.marks.mark(approval, 0, 0, 1);
        }
        for need in nodes[node.get()].waits_for() {
            self.marks.mark(need, 1, 0, 0);
        }
        while self.marks.reached > 0 {
            let Some(at) = self.marks.open.pop() else { break };
            let own = &nodes[at];
            self.marks.reached -= usize::from(self.marks.reach[at] != 0);
            let shown = self.marks.shown[at];
            let reach = self.marks.reach[at] & !shown;
            if reach != 0 && matches!(own.work, Work::Agent { .. }) {
                return Some(false);
            }
            self.steps = self.steps.checked_sub(1 + own.waits_for().count())?;
            for need in own.waits_for().filter(|need| self.has_agent[need.get()]) {
                self.marks.mark(need, reach, 0, 0);
            }
            for need in own.needs.iter().filter(|_| own.accept == Accept::All) {
                self.marks.mark(*need, 0, 0, shown);
            }
        }
        Some(true)
    }

    /// Goes back from at most [`BATCH`] nodes; `None` without steps left.
    fn walk(&mut self, from: &[NodeIndex]) -> Option<Walk<'p>> {
        let nodes = self.nodes;
        let mut walk = Walk::default();
        self.marks.clear();
        for (bit, node) in from.iter().enumerate() {
            let (node, bit) = (&nodes[node.get()], 1_u64 << bit);
            self.pass(node, if node.work.is_in_place() { 0 } else { bit }, bit, 0)?;
            let inputs = node.inputs.iter().filter(|input| self.may_carry[input.node.get()]);
            walk.inputs.extend(inputs.map(|input| (bit, input)));
        }
        // The last first: all that waits for a node stands behind it.
        while self.marks.reached > 0 || !walk.inputs.is_empty() {
            let Some(at) = self.marks.open.pop() else { break };
            let (node, firm) = (&nodes[at], self.marks.firm[at]);
            self.marks.reached -= usize::from(self.marks.reach[at] != 0);
            let is_approval = matches!(node.work, Work::Approval { .. });
            let shown = self.marks.shown[at] | if is_approval { firm } else { 0 };
            if is_approval {
                let has = |input: &Input| node.inputs.contains(input);
                walk.inputs.iter_mut().for_each(|(bit, input)| {
                    *bit &= if has(input) { !shown } else { !0 };
                });
                walk.inputs.retain(|(bit, _)| *bit != 0);
                self.steps = self.steps.checked_sub(walk.inputs.len() * node.inputs.len())?;
            }
            // No way goes on behind an approval, so none is reached: it carries nothing.
            let mut reach = self.marks.reach[at] & !shown;
            if matches!(node.work, Work::Agent { .. }) {
                walk.hit |= reach;
                reach = 0;
            } else if changes_files(node) {
                if reach != 0 {
                    walk.through.push((reach, NodeIndex::new(at)));
                    self.steps = self.steps.checked_sub(reach.count_ones() as usize)?;
                }
                reach = 0;
            }
            self.pass(node, reach, firm & !shown, shown)?;
        }
        for (bit, input) in std::mem::take(&mut walk.inputs) {
            match nodes[input.node.get()].work {
                Work::Agent { .. } => walk.hit |= bit,
                _ => walk.through.push((bit, input.node)),
            }
        }
        Some(walk)
    }

    /// Marks what a node waits for; `None` without steps left. What it goes on
    /// without is not firmly before it.
    fn pass(&mut self, node: &Node, reach: u64, firm: u64, shown: u64) -> Option<()> {
        self.steps = self.steps.checked_sub(1 + node.waits_for().count())?;
        if reach != 0 {
            for need in node.waits_for().filter(|need| self.may_carry[need.get()]) {
                self.marks.mark(need, reach, 0, 0);
            }
        }
        if firm | shown != 0 && node.accept == Accept::All {
            for need in node.needs.iter().filter(|need| self.has_agent[need.get()]) {
                self.marks.mark(*need, 0, firm, shown);
            }
        }
        Some(())
    }
}

/// Tells whether a command's result has files that it made of its base. Trusted
/// commands, verify nodes and deploys hand their base on as it is.
pub(super) fn changes_files(node: &Node) -> bool {
    node.is_writer() || node.work.command().is_some_and(|command| command.stdout.is_some())
}

/// Returns the positions of the bits that are set.
fn ones(mut of: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = (of != 0).then(|| of.trailing_zeros() as usize)?;
        of &= of - 1;
        Some(bit)
    })
}
