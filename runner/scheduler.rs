//! Decides what is done next: `(RunState, Event) -> Vec<Action>`, pure.
//!
//! Each action that is due follows from the state alone, so a resumed run gets
//! its actions from the replayed state as a living one gets them from an
//! event. Unaware of clocks, files, processes and of the dispatcher's threads.

use std::collections::BTreeSet;

use eufm_plan::{NodeIndex, Plan};

mod waiting;

use crate::event::{Action, Event, NodeEvent, RunEvent};
use crate::ledger::Paced;
use crate::state::{Illegal, Phase, RunState};
use waiting::Waiting;

/// The scheduler of one run.
#[derive(Debug)]
pub(crate) struct Scheduler {
    state: RunState,
    parallel: u32,
    /// Nodes that are ready and not told to start.
    waiting: Waiting,
    /// Nodes told to start whose `Started` has not come back.
    starting: BTreeSet<NodeIndex>,
    /// Nodes told to ask whose `Questioned` has not come back; they take no slot.
    asking: BTreeSet<NodeIndex>,
    merging: bool,
    finishing: bool,
    /// Set when the runner is told to stop: nothing is started any more.
    draining: bool,
    /// Set outside of the hours in which nodes may be started.
    closed: bool,
}

impl Scheduler {
    /// Makes the scheduler of a run that has no facts yet.
    #[must_use]
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            state: RunState::new(plan),
            parallel: plan.budget.parallel,
            waiting: Waiting::of(plan),
            starting: BTreeSet::new(),
            asking: BTreeSet::new(),
            merging: false,
            finishing: false,
            draining: false,
            closed: false,
        }
    }

    /// Returns the state.
    #[must_use]
    pub(crate) fn state(&self) -> &RunState {
        &self.state
    }

    /// Ends, and leaves the state.
    #[must_use]
    pub(crate) fn into_state(self) -> RunState {
        self.state
    }

    /// Takes a fact of an earlier runner, without acting on it.
    ///
    /// # Errors
    /// Fails when the fact does not follow from the state.
    pub(crate) fn replay(&mut self, at_ms: u64, event: &Event) -> Result<(), Illegal> {
        self.state.apply(at_ms, event)
    }

    /// Takes a fact and returns what is to be done now.
    ///
    /// # Errors
    /// Fails when the fact does not follow from the state.
    pub(crate) fn on(&mut self, at_ms: u64, event: &Event) -> Result<Vec<Action>, Illegal> {
        self.state.apply(at_ms, event)?;
        let mut actions = Vec::new();
        match event {
            Event::Node(node, fact) => {
                if self.state.node(*node).phase != Phase::Ready {
                    self.starting.remove(node);
                }
                if !self.state.is_to_ask(*node) {
                    self.asking.remove(node);
                }
                if matches!(fact, NodeEvent::Merged { .. } | NodeEvent::Conflicted { .. }) {
                    self.merging = false;
                }
                actions.extend(self.follow(*node, fact));
            }
            Event::Run(RunEvent::Reopened) => self.finishing = false,
            Event::Run(RunEvent::WallExhausted) => self.waiting.clear(),
            Event::Run(_) => {}
        }
        self.fill(&mut actions);
        Ok(actions)
    }

    /// Returns what is to be done after a replay: each node goes on where it stood.
    pub(crate) fn resume(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.state.closed {
            return actions;
        }
        for position in 0..self.state.nodes.len() {
            let node = NodeIndex::new(position);
            match self.state.node(node).phase {
                Phase::Running => actions.push(Action::Recover(node)),
                Phase::Waiting => actions.extend(self.ask(node)),
                _ => actions.extend(self.next_step(node)),
            }
        }
        self.fill(&mut actions);
        actions
    }

    /// Stops starting nodes; what runs is ended by the dispatcher.
    pub(crate) fn drain(&mut self) {
        self.draining = true;
    }

    /// Says whether nothing is to be started for the hour, and returns what is to be
    /// done now. Questions to people are no start.
    pub(crate) fn set_closed(&mut self, closed: bool) -> Vec<Action> {
        self.closed = closed;
        let mut actions = Vec::new();
        if !closed {
            self.fill(&mut actions);
        }
        actions
    }

    /// Forgets a start that did not come about.
    pub(crate) fn abandon(&mut self, node: NodeIndex) {
        let was_told = self.starting.remove(&node) || self.asking.remove(&node);
        if was_told && self.state.node(node).phase == Phase::Ready {
            self.waiting.insert(node);
        }
    }

    /// Facts that do not move a node on call for nothing new.
    fn follow(&self, node: NodeIndex, fact: &NodeEvent) -> Option<Action> {
        match fact {
            NodeEvent::Exited { .. }
            | NodeEvent::Recovered { .. }
            | NodeEvent::Harvested { .. }
            | NodeEvent::Judged { .. }
            | NodeEvent::Ruled { .. }
            | NodeEvent::Answered(_) => self.next_step(node),
            _ => None,
        }
    }

    /// Lets a node that waits for a person find out what they are to look at.
    fn ask(&mut self, node: NodeIndex) -> Option<Action> {
        let is_due = !self.draining && self.state.is_to_ask(node) && self.asking.insert(node);
        is_due.then_some(Action::Ask(node))
    }

    /// The step that the node's phase calls for, other than starting it.
    fn next_step(&self, node: NodeIndex) -> Option<Action> {
        match self.state.node(node).phase {
            Phase::Exited => Some(Action::Harvest(node)),
            Phase::Harvested(_) => match self.state.due_gate(node) {
                Some(gate) => Some(Action::Judge(node, gate)),
                None => self.state.due_rule(node).map(|rule| Action::Rule(node, rule)),
            },
            Phase::Gated => Some(Action::Commit(node)),
            _ => None,
        }
    }

    /// Starts what fits, merges what has its turn, closes what is complete.
    fn fill(&mut self, actions: &mut Vec<Action>) {
        if self.state.finished.is_some() || self.state.opened.is_none() {
            return;
        }
        let merge = self.state.to_merge().filter(|_| !self.merging);
        if let Some(node) = merge {
            self.merging = true;
            actions.push(Action::Merge(node));
        }
        if self.draining {
            return;
        }
        let torn = self.state.to_reconcile().filter(|_| !self.merging);
        if let Some(node) = torn {
            self.merging = true;
            actions.push(Action::Reconcile(node));
        }
        if self.state.halted {
            self.waiting.clear();
        }
        for node in self.state.take_newly_ready() {
            let is_told = self.starting.contains(&node) || self.asking.contains(&node);
            if self.state.node(node).phase == Phase::Ready && !is_told {
                self.waiting.insert(node);
            }
        }
        let mut asking = self.state.take_newly_asking();
        asking.extend(self.waiting.take_questions());
        for node in asking {
            actions.extend(self.ask(node));
        }
        while !self.closed
            && self.state.busy as usize + self.starting.len() < self.parallel as usize
        {
            let Some(node) = self.next_start() else { break };
            self.starting.insert(node);
            actions.push(Action::Start(node));
        }
        if self.state.is_complete() && !self.finishing {
            self.finishing = true;
            actions.push(Action::Finish(self.state.outcome()));
        }
    }

    /// Tells whether nothing goes on before a person has answered.
    #[must_use]
    pub(crate) fn waits_for_people(&self) -> bool {
        let is_idle = self.state.busy == 0 && self.starting.is_empty() && self.waiting.is_empty();
        let is_settled = self.asking.is_empty() && !self.merging && !self.finishing;
        self.state.waiting > 0 && is_idle && is_settled
    }

    /// Takes the node that is to be started next. More money spent than the pace
    /// allows holds agents back, and nothing else.
    fn next_start(&mut self) -> Option<NodeIndex> {
        let paced = self.state.paced(self.state.at_ms);
        if !paced.is_some_and(Paced::is_passed) {
            return self.waiting.pop_first();
        }
        // With nothing under way no implementation time passes, so no waiting
        // would help: one agent works alone.
        let is_idle = self.state.busy == 0 && self.starting.is_empty();
        let other = self.waiting.pop_without_agent();
        other.or_else(|| if is_idle { self.waiting.pop_first() } else { None })
    }

    /// Returns what was spent and what may be at `at_ms`, while that holds an
    /// agent back.
    #[must_use]
    pub(crate) fn held_back(&self, at_ms: u64) -> Option<Paced> {
        let paced = self.state.paced(at_ms).filter(|paced| paced.is_passed())?;
        self.waiting.has_agents().then_some(paced)
    }
}
