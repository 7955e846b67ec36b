//! The state of a run, and the one function through which it changes.
//!
//! `RunState::apply` takes a fact and nothing else: the state is a fold over
//! the journal, so a resumed run stands where the killed one stood. It checks
//! each transition; a fact that does not fit is an error, never a guess.
//! Unaware of clocks, files and processes. See docs/run-state.md.

use std::collections::BTreeMap;

use eufm_plan::{GateIndex, NodeIndex, OnFail, Plan};
use thiserror::Error;

mod branch;
mod deploys;
mod last;
mod order;
mod people;
mod requests;
mod rules;
mod terms;
mod worked;

use crate::event::{Ending, Event, NodeEvent, Outcome, RunEvent};
use crate::gates::Verdict;
use crate::git::CommitId;
use crate::ledger::{Account, Pace};
use crate::limits::Facility;
use crate::lists::Lists;
pub(crate) use crate::node::{Failure, Feedback, GateAnswer, Merge, NodeRun, Phase};
use crate::protections::Guarded;
pub(crate) use rules::RuleAnswer;
use rules::Rulebook;
use terms::NodeRules;
use worked::Worked;

/// The state of a run.
#[derive(Debug)]
pub struct RunState {
    /// Each node, in plan order.
    pub nodes: Vec<NodeRun>,
    /// How many nodes take a slot.
    pub busy: u32,
    /// How many attempts run, the held ones included.
    running: u32,
    /// How many attempts that run are held for the provider.
    pub held: u32,
    worked: Worked,
    pace: Option<Pace>,
    /// How many nodes have not come to their end.
    pub open: u32,
    /// How many nodes wait for a person.
    pub waiting: u32,
    /// The first node whose place in the branch is not decided.
    pub merge_cursor: usize,
    /// The head of the run's branch; the base at first.
    pub head: Option<CommitId>,
    /// What the first record says.
    pub opened: Option<Opened>,
    /// How the last runner's host kept apart what ran; `None` before format 2.
    pub guarded: Option<Guarded>,
    /// How the host of the last runner holds the limits.
    pub limits: Vec<Facility>,
    /// What was spent and reserved.
    pub account: Account,
    /// Set when the run's time is used up.
    pub wall_exhausted: bool,
    /// Set when a node failed that ends the run: nothing more is started.
    pub halted: bool,
    /// Set when the run takes no results of earlier runs over.
    pub uncached: bool,
    /// Set when another run was begun in its place.
    pub closed: bool,
    /// Set at the end.
    pub finished: Option<Outcome>,
    /// The active time of the last fact, in milliseconds.
    pub at_ms: u64,
    /// Nodes that became ready and that the scheduler has not seen yet.
    newly_ready: Vec<NodeIndex>,
    /// Nodes that came to ask a person and that the scheduler has not seen yet.
    newly_asking: Vec<NodeIndex>,
    /// Nodes of which the needs contradict each other, until these have their
    /// place in the branch: that may resolve it.
    unmerged: Vec<NodeIndex>,
    /// Nodes that came to their end and whose dependents do not know yet.
    ended: Vec<NodeIndex>,
    /// Who waits for each node.
    dependents: Lists<NodeIndex>,
    /// What each node waits for: what it needs, and the writers before it.
    waits: Lists<NodeIndex>,
    /// The writers before each node, which it does not need.
    writers: Lists<NodeIndex>,
    gates: Lists<GateIndex>,
    gate_names: Vec<String>,
    book: Rulebook,
    rules: Vec<NodeRules>,
    /// The node that judges what the run comes to, where nothing is deployed.
    last: Option<NodeIndex>,
    /// The verify node of each deploy.
    verifies: BTreeMap<NodeIndex, Option<NodeIndex>>,
}

/// What identifies a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its name.
    pub run: String,
    /// The plan's digest.
    pub plan: eufm_plan::Digest,
    /// The commit it starts from.
    pub base: CommitId,
    /// Whether a person vouched for the plan by its digest, in place of its spec.
    pub trusted: bool,
}

/// A fact that does not fit the state: the journal is not of this run.
#[derive(Debug, Error)]
#[error("`{what}` does not follow from the state of the run: {place}")]
pub struct Illegal {
    what: String,
    place: String,
}

impl RunState {
    /// Makes the state before the first fact.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let before =
            plan.nodes.iter().map(|node| (node.needs.as_slice(), node.after_writer.as_slice()));
        let writers = Lists::of(before.clone().map(|(_, writers)| writers));
        let waits = Lists::of_both(before);
        let all = (0..plan.nodes.len()).map(NodeIndex::new);
        let count = |length: usize| u32::try_from(length).expect("invariant: below 2^32 nodes");
        let last = last::of(plan);
        // Whoever judges what the run comes to waits for all, even where that is nothing.
        let missing =
            |node: NodeIndex| count(waits.at(node).len()).max(u32::from(last == Some(node)));
        Self {
            nodes: all.clone().map(|node| NodeRun::new(missing(node))).collect(),
            busy: 0,
            running: 0,
            held: 0,
            worked: Worked::default(),
            pace: plan.budget.rate.map(Pace::of),
            open: count(plan.nodes.len()),
            waiting: 0,
            merge_cursor: 0,
            head: None,
            opened: None,
            guarded: None,
            limits: Vec::new(),
            account: Account::of(plan),
            wall_exhausted: false,
            halted: false,
            uncached: false,
            closed: false,
            finished: None,
            at_ms: 0,
            newly_ready: all.filter(|node| missing(*node) == 0).collect(),
            newly_asking: Vec::new(),
            unmerged: Vec::new(),
            ended: Vec::new(),
            dependents: waits.turned(),
            waits,
            writers,
            gates: Lists::of(plan.nodes.iter().map(|node| node.gates.as_slice())),
            gate_names: plan.gates.iter().map(|gate| gate.name.clone()).collect(),
            book: Rulebook::of(plan),
            rules: plan.nodes.iter().map(NodeRules::of).collect(),
            last,
            verifies: deploys::verifies(plan),
        }
    }

    /// Returns a node's run.
    #[must_use]
    pub fn node(&self, node: NodeIndex) -> &NodeRun {
        &self.nodes[node.get()]
    }

    /// Returns what a node waits for, in plan order.
    #[must_use]
    pub(crate) fn waits_for(&self, node: NodeIndex) -> &[NodeIndex] {
        self.waits.at(node)
    }

    /// Takes the nodes that became ready since this was asked last; some of
    /// them may have gone on meanwhile.
    #[must_use]
    pub(crate) fn take_newly_ready(&mut self) -> Vec<NodeIndex> {
        std::mem::take(&mut self.newly_ready)
    }

    /// Takes the nodes that came to ask a person since this was asked last.
    #[must_use]
    pub(crate) fn take_newly_asking(&mut self) -> Vec<NodeIndex> {
        std::mem::take(&mut self.newly_asking)
    }

    /// Returns the gate that is to judge a node's work next.
    #[must_use]
    pub fn due_gate(&self, node: NodeIndex) -> Option<GateIndex> {
        let Phase::Harvested(passed) = self.node(node).phase else { return None };
        self.gates.at(node).get(passed as usize).copied()
    }

    /// Tells whether a fact may follow from the state: the law of transitions.
    ///
    /// # Errors
    /// Fails when it may not.
    pub fn check(&self, event: &Event) -> Result<(), Illegal> {
        let (fits, place) = match event {
            Event::Run(event) => (self.run_fits(event), self.place()),
            Event::Node(node, event) => match self.nodes.get(node.get()) {
                Some(run) => {
                    let place = format!("node number {} is {}", node.get(), run.phase.word());
                    (self.opened.is_some() && self.node_fits(*node, event), place)
                }
                None => (false, format!("there is no node number {}", node.get())),
            },
        };
        if fits { Ok(()) } else { Err(Illegal { what: word(event), place }) }
    }

    fn run_fits(&self, event: &RunEvent) -> bool {
        match event {
            RunEvent::Opened { .. } => self.opened.is_none(),
            _ if self.opened.is_none() => false,
            _ if self.closed => false,
            RunEvent::Closed => self.finished.is_none(),
            RunEvent::Resumed { .. }
            | RunEvent::Guarded(_)
            | RunEvent::Limited { .. }
            | RunEvent::ProviderAway { .. }
            | RunEvent::ProviderBack
            | RunEvent::Heartbeat
            | RunEvent::Stopped { .. } => true,
            // New attempts do not lift the cap on the run's time.
            RunEvent::Reopened => self.finished.is_some() && !self.wall_exhausted,
            // The last steps may still work when the run is finished already.
            RunEvent::WallExhausted => !self.wall_exhausted,
            RunEvent::Finished { .. } => self.finished.is_none() && self.is_complete(),
        }
    }

    fn node_fits(&self, node: NodeIndex, event: &NodeEvent) -> bool {
        let run = self.node(node);
        match event {
            _ if self.closed => false,
            NodeEvent::Started { attempt, start, base, key, .. } => {
                let is_same = |known| known == base && run.key.as_deref() == key.as_ref();
                run.phase == Phase::Ready
                    && *attempt == run.attempt
                    && *start == run.start + 1
                    && run.base.as_ref().is_none_or(is_same)
                    && self.may_start_from(node, base)
            }
            NodeEvent::Cached { .. } => {
                run.phase == Phase::Ready && run.base.is_none() && !self.uncached
            }
            NodeEvent::Spawned { .. } | NodeEvent::Session { .. } => run.may_spend(),
            NodeEvent::Exited { .. } => run.phase == Phase::Running,
            NodeEvent::Held => run.phase == Phase::Running && run.held_since_ms.is_none(),
            NodeEvent::Released => run.held_since_ms.is_some(),
            NodeEvent::Dropped { .. } => self.has_spoken(node),
            NodeEvent::Asked { request, .. } => {
                self.has_spoken(node) && self.account.may_open(node, *request)
            }
            // The end may come after the attempt was ended; it was paid for too.
            NodeEvent::Replied { request: None, .. } => self.has_spoken(node),
            NodeEvent::Replied { request: Some(request), .. }
            | NodeEvent::Unanswered { request, .. } => {
                self.account.reserved(node, *request).is_some()
            }
            NodeEvent::Interrupted { .. } => matches!(run.phase, Phase::Running | Phase::Exited),
            NodeEvent::Recovered { .. } => {
                run.phase == Phase::Running && self.verifies.contains_key(&node)
            }
            NodeEvent::Harvested { .. } | NodeEvent::Refused { .. } => run.phase == Phase::Exited,
            NodeEvent::Judged { gate, verdict, exceeded, .. } => {
                let is_due = |due: GateIndex| self.gate_names[due.get()] == *gate;
                // Whoever passes a limit cannot pass.
                let is_sound = exceeded.is_none() || !verdict.is_pass();
                self.due_gate(node).is_some_and(is_due) && is_sound
            }
            NodeEvent::Ruled { rule, level, .. } => self.may_rule(node, rule, *level),
            NodeEvent::Committed { .. } => run.phase == Phase::Gated,
            NodeEvent::Merged { .. } | NodeEvent::Conflicted { .. } => {
                matches!(run.merge, Merge::Due | Merge::Torn)
            }
            NodeEvent::Unmergeable { .. } => run.phase == Phase::Ready && run.base.is_none(),
            NodeEvent::Questioned { about, base, .. } => self.may_ask(node, about, base.as_ref()),
            NodeEvent::Answered(answer) => self.may_answer(node, answer),
        }
    }

    fn place(&self) -> String {
        let place = match (&self.opened, self.finished) {
            (None, _) => "the run is not opened",
            _ if self.closed => "the run is closed",
            (_, Some(_)) => "the run is finished",
            _ if self.wall_exhausted => "the run's time is used up",
            _ => "the run is not finished",
        };
        place.to_owned()
    }

    /// Takes a fact, which happened after `at_ms` milliseconds of active time.
    ///
    /// # Errors
    /// Fails when the fact does not fit; the state is then as it was.
    pub fn apply(&mut self, at_ms: u64, event: &Event) -> Result<(), Illegal> {
        self.check(event)?;
        self.at_ms = self.at_ms.max(at_ms);
        match event {
            Event::Run(event) => self.apply_run(event),
            Event::Node(node, event) => self.apply_node(*node, event),
        }
        self.worked.note(self.at_ms, self.running > self.held);
        self.tell_dependents();
        self.advance_merge();
        Ok(())
    }

    fn apply_run(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Opened { run, plan, base, uncached, trusted, version: _ } => {
                self.uncached = *uncached;
                self.head = Some(base.clone());
                let (run, base) = (run.clone(), base.clone());
                self.opened = Some(Opened { run, plan: *plan, base, trusted: *trusted });
            }
            RunEvent::Limited { facilities } => self.limits.clone_from(facilities),
            RunEvent::Closed => self.closed = true,
            RunEvent::Resumed { uncached, .. } => {
                self.uncached |= uncached;
                // Who held the open requests is gone.
                self.account.forfeit();
            }
            RunEvent::ProviderAway { .. }
            | RunEvent::ProviderBack
            | RunEvent::Heartbeat
            | RunEvent::Stopped { .. } => {}
            RunEvent::Guarded(guarded) => self.guarded = Some(guarded.clone()),
            RunEvent::Reopened => self.reopen(),
            RunEvent::WallExhausted => {
                self.wall_exhausted = true;
                self.cancel();
            }
            RunEvent::Finished { outcome } => self.finished = Some(*outcome),
        }
    }

    fn apply_node(&mut self, node: NodeIndex, event: &NodeEvent) {
        let at_ms = self.at_ms;
        let run = &mut self.nodes[node.get()];
        match event {
            NodeEvent::Started { start, base, from, key, .. } => {
                run.begin(*start, base, from, at_ms);
                run.key = key.clone().map(Box::new);
                self.set(node, Phase::Running);
            }
            NodeEvent::Cached { base, commit, changes, key, run: from, gates } => {
                run.base = Some(base.clone());
                run.key = Some(Box::new(key.clone()));
                run.commit = Some(commit.clone());
                run.changes = *changes;
                run.take_over(from, gates, at_ms);
                self.set(node, Phase::Committed);
            }
            NodeEvent::Spawned { process } => run.process = Some(*process),
            NodeEvent::Session { id } => run.session = Some(id.clone()),
            NodeEvent::Held => {
                run.held_since_ms = Some(at_ms);
                self.held += 1;
            }
            NodeEvent::Released => self.release(node),
            NodeEvent::Dropped { .. } => {}
            NodeEvent::Asked { .. } | NodeEvent::Replied { .. } | NodeEvent::Unanswered { .. } => {
                self.account_for(node, event);
            }
            NodeEvent::Exited { ending, salvage } => {
                self.end_attempt(node, salvage.as_ref());
                self.exited(node, ending);
            }
            NodeEvent::Interrupted { salvage } => {
                self.end_attempt(node, salvage.as_ref());
                let run = &mut self.nodes[node.get()];
                run.feedback = Some(run.feedback.take().unwrap_or(Feedback::Interrupted));
                self.set(node, Phase::Ready);
            }
            NodeEvent::Recovered { .. } => self.recovered(node),
            NodeEvent::Harvested { work, changes, .. } => {
                run.harvested(work, *changes);
                self.book.forget(node);
                self.passed(node, 0);
            }
            NodeEvent::Refused { reason, salvage } => {
                run.keep(salvage.as_ref());
                self.try_again(node, Outcome::Failed, reason, reason.clone());
            }
            NodeEvent::Judged { gate, verdict, reason, feedback, exceeded } => {
                let (gate, reason) = (gate.clone(), reason.clone());
                run.answers.push(GateAnswer { gate, verdict: *verdict, reason });
                self.judged(node, feedback.as_deref(), exceeded.as_deref());
            }
            NodeEvent::Ruled { .. } => self.ruled(node, event),
            NodeEvent::Committed { commit } => {
                run.commit = Some(commit.clone());
                self.set(node, Phase::Committed);
            }
            NodeEvent::Merged { .. }
            | NodeEvent::Conflicted { .. }
            | NodeEvent::Unmergeable { .. } => self.apply_merge(node, event),
            NodeEvent::Questioned { .. } | NodeEvent::Answered(_) => self.apply_people(node, event),
        }
    }

    fn exited(&mut self, node: NodeIndex, ending: &Ending) {
        match ending {
            Ending::Completed => self.set(node, Phase::Exited),
            Ending::Failed { reason } => {
                let told = format!(
                    "Your turn was cut off by an error ({reason}). The files are as you left \
                     them. Go on with your task."
                );
                self.try_again(node, Outcome::Failed, reason, told);
            }
            Ending::Spent { reason } => {
                self.nodes[node.get()].spent = Some(reason.clone());
                self.set(node, Phase::Exited);
            }
            Ending::Unavailable { reason } => {
                self.fail(node, Outcome::Unavailable, reason.clone());
            }
            Ending::TimedOut => {
                let reason = "its wall budget is used up".to_owned();
                self.fail(node, Outcome::BudgetExhausted, reason);
            }
            Ending::Exceeded { reason } => {
                self.fail(node, Outcome::BudgetExhausted, reason.clone());
            }
        }
    }

    fn judged(&mut self, node: NodeIndex, feedback: Option<&str>, exceeded: Option<&str>) {
        let run = self.node(node);
        let (Phase::Harvested(passed), Some(answer)) = (run.phase, run.answers.last()) else {
            return;
        };
        if answer.verdict == Verdict::Pass {
            self.passed(node, passed + 1);
        } else {
            let told = feedback.unwrap_or(&answer.reason).to_owned();
            let reason = format!("gate {} did not pass", answer.gate);
            match exceeded {
                None => self.try_again(node, Outcome::Failed, &reason, told),
                Some(limit) => {
                    let reason = format!("{reason}: {limit}");
                    self.try_again(node, Outcome::BudgetExhausted, &reason, told);
                }
            }
        }
    }

    fn passed(&mut self, node: NodeIndex, gates: u32) {
        let all = gates as usize == self.gates.at(node).len() + self.book.count(node);
        if let Some(spent) = self.node(node).spent.as_ref().filter(|_| all) {
            let judged = if gates == 0 { "" } else { "; the work so far passed its gates" };
            let reason = format!("{spent}{judged}");
            self.fail(node, Outcome::BudgetExhausted, reason);
            return;
        }
        self.set(node, if all { Phase::Gated } else { Phase::Harvested(gates) });
    }

    /// Another try, if the node's budget of attempts allows it; else the node
    /// fails in the way of the last one. A retry by a person is told the same.
    fn try_again(&mut self, node: NodeIndex, outcome: Outcome, reason: &str, told: String) {
        if let Some(spent) = &self.node(node).spent {
            let reason = format!("{spent}; of the work so far: {reason}");
            self.fail(node, Outcome::BudgetExhausted, reason);
            return;
        }
        let max = self.rules[node.get()].attempts_max;
        let run = &mut self.nodes[node.get()];
        run.feedback = Some(Feedback::Rejected(told));
        run.heard = false;
        let tries = run.tried - run.attempts_before;
        if tries < max {
            run.attempt = run.tried + 1;
            self.set(node, Phase::Ready);
        } else {
            let word = if tries == 1 { "attempt" } else { "attempts" };
            self.fail(node, outcome, format!("{reason} (after {tries} {word})"));
        }
    }

    /// The node did not succeed: a person is asked if the plan says so, else that
    /// is its end.
    fn fail(&mut self, node: NodeIndex, outcome: Outcome, reason: String) {
        self.nodes[node.get()].failure = Some(Failure { outcome, reason });
        let is_asked = self.rules[node.get()].on_fail == OnFail::Escalate;
        // No answer brings the agent or the model back.
        if is_asked && outcome != Outcome::Unavailable && !self.halted {
            self.escalate(node);
        } else {
            self.give_up(node);
        }
    }

    /// Brings a node to its end without a result.
    fn give_up(&mut self, node: NodeIndex) {
        self.set(node, Phase::Failed);
        if self.rules[node.get()].on_fail == OnFail::Stop {
            self.halt();
        }
    }

    /// The one place where a phase changes; keeps the views beside it true.
    fn set(&mut self, node: NodeIndex, phase: Phase) {
        // What was under way when the run was halted is not begun again.
        let is_cut = self.halted && phase == Phase::Ready;
        let phase = if is_cut { Phase::Cancelled } else { phase };
        let run = &mut self.nodes[node.get()];
        let before = std::mem::replace(&mut run.phase, phase);
        if phase == Phase::Ready {
            self.newly_ready.push(node);
        }
        match (before.is_busy(), phase.is_busy()) {
            (false, true) => self.busy += 1,
            (true, false) => self.busy -= 1,
            _ => {}
        }
        match (before == Phase::Waiting, phase == Phase::Waiting) {
            (false, true) => self.waiting += 1,
            (true, false) => {
                self.waiting -= 1;
                run.unask();
            }
            _ => {}
        }
        match (before == Phase::Running, phase == Phase::Running) {
            (false, true) => self.running += 1,
            (true, false) => self.running -= 1,
            _ => {}
        }
        if phase.is_final() && !before.is_final() {
            run.span_ms.1 = Some(self.at_ms);
            self.open -= 1;
            self.ended.push(node);
        }
    }

    /// Tells whether every node has come to its end and its place in the branch
    /// is decided.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.open == 0 && self.merge_cursor == self.nodes.len()
    }

    /// Returns how the run ends if nothing more happens.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let budget = if self.wall_exhausted { Outcome::BudgetExhausted } else { Outcome::Done };
        self.nodes.iter().fold(budget, |outcome, run| match (&run.failure, run.phase) {
            (Some(failure), _) => outcome.worse(failure.outcome),
            (None, Phase::Committed) => outcome,
            (None, _) => outcome.worse(Outcome::Failed),
        })
    }
}

/// Returns an event's name: what it carries may be long and is not to be shown.
fn word(event: &Event) -> String {
    let text = match event {
        Event::Run(event) => format!("{event:?}"),
        Event::Node(_, event) => format!("{event:?}"),
    };
    let is_name = |c: &char| c.is_ascii_alphanumeric();
    text.chars().take_while(is_name).collect()
}
