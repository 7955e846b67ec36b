//! The state of a run, and the one function through which it changes.
//!
//! `RunState::apply` takes a fact and nothing else: the state is a fold over
//! the journal, so a resumed run stands where the killed one stood. It checks
//! each transition; a fact that does not fit is an error, never a guess.
//! Unaware of clocks, files and processes. See docs/run-state.md.

use std::collections::BTreeSet;

use eufm_plan::{NodeIndex, Plan};
use thiserror::Error;

use crate::event::{Ending, Event, NodeEvent, Outcome, RunEvent};
use crate::gates::Verdict;
use crate::gateway::Usage;
use crate::git::CommitId;
use crate::process::ProcessId;

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waits for nodes it depends on.
    Pending,
    /// May be started.
    Ready,
    /// An attempt runs.
    Running,
    /// The attempt's process ended well; its result lies in the worktree.
    Exited,
    /// The result is a commit; this many gates have passed it.
    Harvested(u32),
    /// All gates passed.
    Gated,
    /// Done: the result stands.
    Committed,
    /// Done: it did not succeed.
    Failed,
    /// Never started: a node it depends on failed.
    Blocked,
    /// Never finished: the run's budget was used up.
    Cancelled,
}

impl Phase {
    /// Tells whether nothing more happens to the node in this run.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Committed | Self::Failed | Self::Blocked | Self::Cancelled)
    }

    /// Tells whether the node takes one of the run's parallel slots.
    #[must_use]
    pub fn is_busy(self) -> bool {
        matches!(self, Self::Running | Self::Exited | Self::Harvested(_) | Self::Gated)
    }

    /// Returns the word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Exited => "exited",
            Self::Harvested(_) => "harvested",
            Self::Gated => "gated",
            Self::Committed => "committed",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Whether a committed result is part of the run's branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// Its turn has not come.
    Waiting,
    /// It is.
    Done,
    /// It is not: it or something it builds on is in conflict, or did not succeed.
    Left,
}

/// A gate's last answer on a node's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateAnswer {
    /// The gate's name.
    pub gate: String,
    /// The answer.
    pub verdict: Verdict,
    /// The reason, one line.
    pub reason: String,
}

/// All that is known of a node's run.
#[derive(Debug, Clone)]
pub struct NodeRun {
    /// Where it stands.
    pub phase: Phase,
    /// How many of the nodes it depends on have not succeeded yet.
    pub missing: u32,
    /// The current try, from 1; 0 before the first.
    pub attempt: u32,
    /// The current start, from 1; 0 before the first.
    pub start: u32,
    /// The try before the current budget of attempts began (see `Reopened`).
    pub attempts_before: u32,
    /// The merge of what it depends on, from the first start on.
    pub base: Option<CommitId>,
    /// Its latest work: harvested, or salvaged from an attempt that was cut short.
    pub work: Option<CommitId>,
    /// How many files the work changes.
    pub changes: u64,
    /// The agent's session, to be resumed by a later start.
    pub session: Option<String>,
    /// The process of the current attempt.
    pub process: Option<ProcessId>,
    /// What the next attempt is told.
    pub feedback: Option<Feedback>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The gates' answers on the latest work, in the order of judging.
    pub answers: Vec<GateAnswer>,
    /// What the model's answers used, all attempts together.
    pub usage: Usage,
    /// How many answers the model gave.
    pub replies: u32,
    /// How long its attempts ran, in milliseconds of active time, together.
    pub ran_ms: u64,
    /// When the attempt that runs was started, in active time.
    pub running_since_ms: Option<u64>,
    /// The result.
    pub commit: Option<CommitId>,
    /// Whether the result is part of the branch.
    pub merge: Merge,
    /// When it was first started and when it came to its end, in active time.
    pub span_ms: (Option<u64>, Option<u64>),
}

/// What the next attempt of a node is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feedback {
    /// The attempt was cut short; its work so far lies in the worktree or not.
    Interrupted,
    /// The work was not good enough, for this reason.
    Rejected(String),
}

/// Why a node failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind, which decides the exit status.
    pub outcome: Outcome,
    /// The reason, one line.
    pub reason: String,
}

/// The state of a run.
#[derive(Debug)]
pub struct RunState {
    /// Each node, in plan order.
    pub nodes: Vec<NodeRun>,
    /// The nodes that may be started, by plan order.
    pub ready: BTreeSet<NodeIndex>,
    /// How many nodes take a slot.
    pub busy: u32,
    /// How many nodes have not come to their end.
    pub open: u32,
    /// The first node whose place in the branch is not decided.
    pub merge_cursor: usize,
    /// The head of the run's branch; the base at first.
    pub head: Option<CommitId>,
    /// What the first record says.
    pub opened: Option<Opened>,
    /// Set when the run's time is used up.
    pub wall_exhausted: bool,
    /// Set at the end.
    pub finished: Option<Outcome>,
    /// The active time of the last fact, in milliseconds.
    pub at_ms: u64,
    /// Nodes that came to their end and whose dependents do not know yet.
    ended: Vec<NodeIndex>,
    dependents: Vec<Vec<NodeIndex>>,
    needs: Vec<Vec<NodeIndex>>,
    gates: Vec<u32>,
    attempts_max: Vec<u32>,
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
}

/// A fact that does not fit the state: the journal is not of this run.
#[derive(Debug, Error)]
#[error("{what} does not follow from the run's state ({node}: {phase})")]
pub struct Illegal {
    what: String,
    node: String,
    phase: &'static str,
}

impl RunState {
    /// Makes the state before the first fact.
    #[must_use]
    pub fn new(plan: &Plan) -> Self {
        let mut dependents = vec![Vec::new(); plan.nodes.len()];
        let mut ready = BTreeSet::new();
        for (position, node) in plan.nodes.iter().enumerate() {
            for need in &node.needs {
                dependents[need.get()].push(NodeIndex::new(position));
            }
            if node.needs.is_empty() {
                ready.insert(NodeIndex::new(position));
            }
        }
        let count = |length: usize| u32::try_from(length).expect("invariant: below 2^32 nodes");
        Self {
            nodes: plan.nodes.iter().map(|node| NodeRun::new(count(node.needs.len()))).collect(),
            ready,
            busy: 0,
            open: count(plan.nodes.len()),
            merge_cursor: 0,
            head: None,
            opened: None,
            wall_exhausted: false,
            finished: None,
            at_ms: 0,
            ended: Vec::new(),
            dependents,
            needs: plan.nodes.iter().map(|node| node.needs.clone()).collect(),
            gates: plan.nodes.iter().map(|node| count(node.gates.len())).collect(),
            attempts_max: plan.nodes.iter().map(|node| node.budget.attempts).collect(),
        }
    }

    /// Returns a node's run.
    #[must_use]
    pub fn node(&self, node: NodeIndex) -> &NodeRun {
        &self.nodes[node.get()]
    }

    /// Takes a fact, which happened after `at_ms` milliseconds of active time.
    ///
    /// # Errors
    /// Fails when the fact does not fit; the state is then of no more use.
    pub fn apply(&mut self, at_ms: u64, event: &Event) -> Result<(), Illegal> {
        self.at_ms = self.at_ms.max(at_ms);
        match event {
            Event::Run(event) => self.apply_run(event)?,
            Event::Node(node, event) => self.apply_node(*node, event)?,
        }
        self.tell_dependents();
        self.advance_merge();
        Ok(())
    }

    fn apply_run(&mut self, event: &RunEvent) -> Result<(), Illegal> {
        let illegal =
            |phase| Err(Illegal { what: format!("{event:?}"), node: "the run".to_owned(), phase });
        match (event, &self.opened) {
            (RunEvent::Opened { .. }, Some(_)) => return illegal("opened twice"),
            (RunEvent::Opened { run, plan, base, .. }, None) => {
                self.head = Some(base.clone());
                self.opened = Some(Opened { run: run.clone(), plan: *plan, base: base.clone() });
            }
            (_, None) => return illegal("not opened"),
            (RunEvent::Resumed { .. } | RunEvent::Heartbeat | RunEvent::Stopped { .. }, _) => {}
            (RunEvent::Reopened, _) => self.reopen(),
            (RunEvent::WallExhausted, _) => {
                self.wall_exhausted = true;
                self.cancel();
            }
            (RunEvent::Finished { outcome }, _) => self.finished = Some(*outcome),
        }
        Ok(())
    }

    fn apply_node(&mut self, node: NodeIndex, event: &NodeEvent) -> Result<(), Illegal> {
        let at_ms = self.at_ms;
        let run = &mut self.nodes[node.get()];
        match (event, run.phase) {
            (NodeEvent::Started { attempt, start, base, from }, Phase::Ready) => {
                run.begin(*attempt, *start, base, from, at_ms);
                self.set(node, Phase::Running);
            }
            (NodeEvent::Spawned { process }, Phase::Running) => run.process = Some(*process),
            (NodeEvent::Session { id }, Phase::Running) => run.session = Some(id.clone()),
            // An answer that came while its node was cancelled was paid for too.
            (NodeEvent::Replied { usage, .. }, Phase::Running | Phase::Cancelled) => {
                run.usage += *usage;
                run.replies += 1;
            }
            (NodeEvent::Exited { ending }, Phase::Running) => {
                run.end_of_attempt(at_ms);
                self.exited(node, ending);
            }
            (NodeEvent::Interrupted { salvage }, Phase::Running | Phase::Exited) => {
                run.end_of_attempt(at_ms);
                run.keep(salvage.as_ref());
                run.feedback = Some(run.feedback.take().unwrap_or(Feedback::Interrupted));
                self.set(node, Phase::Ready);
            }
            (NodeEvent::Harvested { work, changes, .. }, Phase::Exited) => {
                run.work = Some(work.clone());
                run.changes = *changes;
                run.answers.clear();
                let gates = self.gates[node.get()];
                self.set(node, if gates == 0 { Phase::Gated } else { Phase::Harvested(0) });
            }
            (NodeEvent::Refused { reason, salvage }, Phase::Exited) => {
                run.keep(salvage.as_ref());
                self.try_again(node, reason, Outcome::Failed, Some(reason.clone()));
            }
            (NodeEvent::Judged { gate, verdict, reason, feedback }, Phase::Harvested(passed)) => {
                let answer =
                    GateAnswer { gate: gate.clone(), verdict: *verdict, reason: reason.clone() };
                run.answers.push(answer);
                self.judged(node, passed, gate, *verdict, reason, feedback.as_deref());
            }
            (NodeEvent::Committed { commit }, Phase::Gated) => {
                run.commit = Some(commit.clone());
                self.set(node, Phase::Committed);
            }
            (NodeEvent::Merged { head }, Phase::Committed) if run.merge == Merge::Waiting => {
                run.merge = Merge::Done;
                self.head = Some(head.clone());
            }
            (NodeEvent::Conflicted { paths }, Phase::Committed) if run.merge == Merge::Waiting => {
                run.merge = Merge::Left;
                run.failure = Some(Failure::conflict("the branch", paths));
            }
            (NodeEvent::Unmergeable { paths }, Phase::Ready) => {
                run.failure = Some(Failure::conflict("each other, in what it needs", paths));
                self.set(node, Phase::Failed);
            }
            (_, phase) => return Err(illegal(node, event, phase)),
        }
        Ok(())
    }

    fn exited(&mut self, node: NodeIndex, ending: &Ending) {
        match ending {
            Ending::Completed => self.set(node, Phase::Exited),
            Ending::Failed { reason } => {
                self.try_again(node, reason, Outcome::Failed, None);
            }
            Ending::Unavailable { reason } => {
                self.fail(node, Outcome::Unavailable, reason.clone());
            }
            Ending::TimedOut => {
                let reason = "its wall budget is used up".to_owned();
                self.fail(node, Outcome::BudgetExhausted, reason);
            }
        }
    }

    fn judged(
        &mut self,
        node: NodeIndex,
        passed: u32,
        gate: &str,
        verdict: Verdict,
        reason: &str,
        feedback: Option<&str>,
    ) {
        if verdict == Verdict::Pass {
            let all = passed + 1 == self.gates[node.get()];
            self.set(node, if all { Phase::Gated } else { Phase::Harvested(passed + 1) });
        } else {
            let told = feedback.map_or_else(|| reason.to_owned(), ToOwned::to_owned);
            let reason = format!("gate {gate} did not pass");
            self.try_again(node, &reason, Outcome::Failed, Some(told));
        }
    }

    /// Another try, if the node's budget of attempts and the run's time allow it.
    fn try_again(&mut self, node: NodeIndex, reason: &str, outcome: Outcome, told: Option<String>) {
        let max = self.attempts_max[node.get()];
        let run = &mut self.nodes[node.get()];
        let tried = run.attempt - run.attempts_before;
        if tried < max {
            run.feedback = told.map(Feedback::Rejected);
            run.attempt += 1;
            self.set(node, Phase::Ready);
        } else {
            let tries = if tried == 1 { "attempt" } else { "attempts" };
            self.fail(node, outcome, format!("{reason} (after {tried} {tries})"));
        }
    }

    fn fail(&mut self, node: NodeIndex, outcome: Outcome, reason: String) {
        self.nodes[node.get()].failure = Some(Failure { outcome, reason });
        self.set(node, Phase::Failed);
    }

    /// The one place where a phase changes; keeps the views beside it true.
    fn set(&mut self, node: NodeIndex, phase: Phase) {
        let run = &mut self.nodes[node.get()];
        let before = std::mem::replace(&mut run.phase, phase);
        if before == Phase::Ready {
            self.ready.remove(&node);
        }
        if phase == Phase::Ready {
            run.attempt = run.attempt.max(1);
            self.ready.insert(node);
        }
        match (before.is_busy(), phase.is_busy()) {
            (false, true) => self.busy += 1,
            (true, false) => self.busy -= 1,
            _ => {}
        }
        if phase.is_final() && !before.is_final() {
            run.span_ms.1 = Some(self.at_ms);
            self.open -= 1;
            self.ended.push(node);
        }
    }

    /// A loop, not a recursion: a chain may be as long as the plan.
    fn tell_dependents(&mut self) {
        while let Some(node) = self.ended.pop() {
            let phase = self.node(node).phase;
            for position in 0..self.dependents[node.get()].len() {
                self.tell_dependent(self.dependents[node.get()][position], phase);
            }
        }
    }

    fn tell_dependent(&mut self, dependent: NodeIndex, phase: Phase) {
        let run = &mut self.nodes[dependent.get()];
        match (phase, run.phase) {
            (Phase::Committed, Phase::Pending) => {
                run.missing -= 1;
                if run.missing == 0 {
                    self.set(dependent, Phase::Ready);
                }
            }
            (Phase::Failed | Phase::Blocked, Phase::Pending) => {
                self.set(dependent, Phase::Blocked);
            }
            _ => {}
        }
    }

    fn cancel(&mut self) {
        for position in 0..self.nodes.len() {
            if !self.nodes[position].phase.is_final() {
                self.set(NodeIndex::new(position), Phase::Cancelled);
            }
        }
    }

    /// Gives failed, blocked and cancelled nodes a new budget of attempts.
    fn reopen(&mut self) {
        self.finished = None;
        for position in 0..self.nodes.len() {
            let committed = self.needs[position]
                .iter()
                .filter(|need| self.nodes[need.get()].phase == Phase::Committed)
                .count();
            let missing = self.needs[position].len() - committed;
            let run = &mut self.nodes[position];
            if !run.phase.is_final() || run.phase == Phase::Committed {
                continue;
            }
            run.failure = None;
            run.attempts_before = run.attempt;
            run.attempt += 1;
            run.missing = u32::try_from(missing).expect("invariant: fewer needs than nodes");
            run.span_ms.1 = None;
            run.phase = Phase::Pending;
            run.merge = Merge::Waiting;
            self.open += 1;
            if missing == 0 {
                self.set(NodeIndex::new(position), Phase::Ready);
            }
        }
        self.merge_cursor = self
            .nodes
            .iter()
            .position(|run| run.merge == Merge::Waiting)
            .unwrap_or(self.nodes.len());
    }

    /// Moves past the nodes whose place in the branch is decided. A result that
    /// builds on one that was left out is left out too.
    fn advance_merge(&mut self) {
        while let Some(run) = self.nodes.get(self.merge_cursor) {
            if !run.phase.is_final() {
                return;
            }
            let position = self.merge_cursor;
            if run.merge == Merge::Waiting {
                let left = run.phase != Phase::Committed
                    || self.needs[position]
                        .iter()
                        .any(|need| self.nodes[need.get()].merge == Merge::Left);
                let run = &mut self.nodes[position];
                match (left, run.changes) {
                    (true, _) => run.merge = Merge::Left,
                    // Nothing of its own: what it builds on is merged already.
                    (false, 0) => run.merge = Merge::Done,
                    (false, _) => return,
                }
            }
            self.merge_cursor += 1;
        }
    }

    /// Returns the node whose result is to be merged next.
    #[must_use]
    pub fn to_merge(&self) -> Option<NodeIndex> {
        let run = self.nodes.get(self.merge_cursor)?;
        (run.phase == Phase::Committed && run.merge == Merge::Waiting)
            .then(|| NodeIndex::new(self.merge_cursor))
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

impl NodeRun {
    fn new(missing: u32) -> Self {
        Self {
            phase: if missing == 0 { Phase::Ready } else { Phase::Pending },
            missing,
            attempt: 1,
            start: 0,
            attempts_before: 0,
            base: None,
            work: None,
            changes: 0,
            session: None,
            process: None,
            feedback: None,
            failure: None,
            answers: Vec::new(),
            usage: Usage::default(),
            replies: 0,
            ran_ms: 0,
            running_since_ms: None,
            commit: None,
            merge: Merge::Waiting,
            span_ms: (None, None),
        }
    }

    fn begin(&mut self, attempt: u32, start: u32, base: &CommitId, from: &CommitId, at_ms: u64) {
        self.attempt = attempt;
        self.start = start;
        self.base = Some(base.clone());
        self.work = Some(from.clone());
        self.running_since_ms = Some(at_ms);
        self.span_ms.0 = self.span_ms.0.or(Some(at_ms));
    }

    fn end_of_attempt(&mut self, at_ms: u64) {
        self.process = None;
        let since = self.running_since_ms.take();
        self.ran_ms += since.map_or(0, |since| at_ms.saturating_sub(since));
    }

    fn keep(&mut self, salvage: Option<&CommitId>) {
        if let Some(commit) = salvage {
            self.work = Some(commit.clone());
        }
    }
}

impl Failure {
    fn conflict(with: &str, paths: &[String]) -> Self {
        let reason = format!("merge conflict with {with}: {}", paths.join(", "));
        Self { outcome: Outcome::Failed, reason }
    }
}

fn illegal(node: NodeIndex, event: &NodeEvent, phase: Phase) -> Illegal {
    Illegal {
        what: format!("{event:?}"),
        node: format!("node number {}", node.get()),
        phase: phase.word(),
    }
}
