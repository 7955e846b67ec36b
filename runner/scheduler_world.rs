//! A simulated world for the scheduler: no processes, no clock, no git.
//!
//! The world answers actions with facts as the steps do. How a try ends is
//! decided by its node and number alone, so that a try that was cut off ends
//! the same way when it is run again; everything else (the order of the facts,
//! interruptions, late answers) is up to a seed. So the result of a run can be
//! computed without running it, and must come out after any crash.

use std::collections::BTreeSet;

use eufm_plan::units::Rate;
use eufm_plan::{AgentIndex, NodeIndex, Plan, Work};

use crate::event::{Action, Ending, Event, NodeEvent, Outcome, RunEvent};
use crate::gates::Verdict;
use crate::gateway::Usage;
use crate::git::CommitId;
use crate::process::ProcessId;
use crate::scheduler::Scheduler;
use crate::state::{Merge, Phase};
use crate::state_test::{Sketch, cached, commit, opened, plan_of, replied};

/// How much active time passes from fact to fact, in milliseconds: 4 minutes.
const STEP_MS: u64 = 240_000;

/// Returns the active time of the fact at a place in the journal.
pub(crate) fn at_ms(position: usize) -> u64 {
    position as u64 * STEP_MS
}

/// Mixes numbers into one (splitmix64).
pub(crate) fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// A stream of numbers that a seed decides.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, sides: usize) -> usize {
        self.0 = mix(&[self.0, 1]);
        usize::try_from(self.0 % sides as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, sides: usize) -> bool {
        self.below(sides) == 0
    }
}

/// Decides how everything that is tried ends.
#[derive(Clone, Copy)]
pub(crate) struct Fate(pub(crate) u64);

impl Fate {
    fn roll(self, question: u64, node: NodeIndex, number: u32) -> u64 {
        mix(&[self.0, question, node.get() as u64, u64::from(number)]) % 100
    }

    fn ending(self, node: NodeIndex, attempt: u32) -> Ending {
        let reason = || "it ended with status 1".to_owned();
        match self.roll(1, node, attempt) {
            0..82 => Ending::Completed,
            82..92 => Ending::Failed { reason: reason() },
            92..94 => Ending::Spent { reason: reason() },
            94..97 => Ending::Unavailable { reason: reason() },
            97 | 98 => Ending::Exceeded { reason: reason() },
            _ => Ending::TimedOut,
        }
    }

    fn is_refused(self, node: NodeIndex, attempt: u32) -> bool {
        self.roll(2, node, attempt) < 8
    }

    fn verdict(self, node: NodeIndex, attempt: u32, gate: usize) -> Verdict {
        match self.roll(3 + gate as u64, node, attempt) {
            0..85 => Verdict::Pass,
            85..95 => Verdict::Fail,
            _ => Verdict::Unknown,
        }
    }

    fn changes(self, node: NodeIndex, attempt: u32) -> u64 {
        self.roll(20, node, attempt) % 5
    }

    fn conflicts(self, node: NodeIndex) -> bool {
        self.roll(21, node, 0) < 8
    }

    fn is_unmergeable(self, node: NodeIndex) -> bool {
        self.roll(22, node, 0) < 4
    }

    /// Whether an earlier run has left a result for the node.
    fn is_cached(self, node: NodeIndex) -> bool {
        self.roll(24, node, 0) < 20
    }

    fn work(self, node: NodeIndex, attempt: u32) -> CommitId {
        commit(mix(&[self.0, 23, node.get() as u64, u64::from(attempt)]))
    }
}

/// The branch's head after a result was merged into it.
fn merged(head: &CommitId, work: &CommitId) -> CommitId {
    let number = |id: &CommitId| u64::from_str_radix(&id.as_str()[24..], 16).unwrap();
    commit(mix(&[number(head), number(work)]))
}

/// What is left of a run when all is said: the same after any crash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Result {
    nodes: Vec<(Phase, u32, Option<CommitId>, Merge)>,
    head: CommitId,
    pub(crate) outcome: Outcome,
}

impl Result {
    pub(crate) fn of(scheduler: &Scheduler) -> Self {
        let state = scheduler.state();
        Self {
            nodes: state
                .nodes
                .iter()
                .map(|run| (run.phase, run.tried, run.commit.clone(), run.merge))
                .collect(),
            head: state.head.clone().expect("opened"),
            outcome: state.finished.expect("finished"),
        }
    }

    /// Computes the result of a run without running it; `rounds` is how often
    /// the nodes that did not succeed get new attempts, and one.
    pub(crate) fn expected(plan: &Plan, fate: Fate, rounds: u32) -> Self {
        let mut nodes = vec![(Phase::Pending, 0, None, Merge::Waiting); plan.nodes.len()];
        let (mut head, mut outcome) = (commit(1), Outcome::Done);
        for _ in 0..rounds {
            outcome = Outcome::Done;
            for position in 0..nodes.len() {
                if nodes[position].0 != Phase::Committed {
                    nodes[position].3 = Merge::Waiting;
                }
                outcome = outcome.worse(attempt_all(plan, fate, position, &mut nodes));
            }
            for position in 0..nodes.len() {
                let node = NodeIndex::new(position);
                let left = |need: &NodeIndex| nodes[need.get()].3 == Merge::Left;
                let (phase, tried, work, merge) = nodes[position].clone();
                nodes[position].3 = match work {
                    _ if merge != Merge::Waiting => merge,
                    Some(_) if plan.nodes[position].needs.iter().any(left) => Merge::Left,
                    Some(_) if fate.changes(node, tried) == 0 => Merge::Done,
                    Some(_) if fate.conflicts(node) => Merge::Left,
                    Some(work) => {
                        head = merged(&head, &work);
                        Merge::Done
                    }
                    None => Merge::Left,
                };
                let conflicts = nodes[position].3 == Merge::Left && phase == Phase::Committed;
                if conflicts {
                    outcome = outcome.worse(Outcome::Failed);
                }
            }
        }
        Self { nodes, head, outcome }
    }
}

/// Tries a node until it succeeds or may not be tried again.
fn attempt_all(
    plan: &Plan,
    fate: Fate,
    position: usize,
    nodes: &mut [(Phase, u32, Option<CommitId>, Merge)],
) -> Outcome {
    let node = NodeIndex::new(position);
    if nodes[position].0 == Phase::Committed {
        return Outcome::Done;
    }
    let is_committed = |need: &NodeIndex| nodes[need.get()].0 == Phase::Committed;
    if !plan.nodes[position].needs.iter().all(is_committed) {
        nodes[position].0 = Phase::Blocked;
        return Outcome::Failed;
    }
    nodes[position].0 = Phase::Failed;
    if nodes[position].1 == 0 && fate.is_unmergeable(node) {
        return Outcome::Failed;
    }
    if nodes[position].1 == 0 && fate.is_cached(node) {
        nodes[position].0 = Phase::Committed;
        nodes[position].2 = Some(fate.work(node, 0));
        return Outcome::Done;
    }
    for _ in 0..plan.nodes[position].budget.attempts {
        nodes[position].1 += 1;
        let attempt = nodes[position].1;
        match fate.ending(node, attempt) {
            Ending::Completed => {}
            Ending::Failed { .. } => continue,
            // Judged or not, it does not succeed.
            Ending::Spent { .. } => return Outcome::BudgetExhausted,
            Ending::Unavailable { .. } => return Outcome::Unavailable,
            Ending::TimedOut | Ending::Exceeded { .. } => return Outcome::BudgetExhausted,
        }
        let gates = 0..plan.nodes[position].gates.len();
        let passes = |gate| fate.verdict(node, attempt, gate) == Verdict::Pass;
        if !fate.is_refused(node, attempt) && gates.into_iter().all(passes) {
            nodes[position].0 = Phase::Committed;
            nodes[position].2 = Some(fate.work(node, attempt));
            return Outcome::Done;
        }
    }
    Outcome::Failed
}

/// A step that is under way: what it does, with what it was given, and how
/// many facts it has told.
#[derive(Debug, Clone)]
struct Step {
    action: Action,
    node: NodeIndex,
    attempt: u32,
    start: u32,
    base: Option<CommitId>,
    told: u32,
}

/// What a step does next.
enum Next {
    Tell(NodeEvent),
    TellAndEnd(NodeEvent),
}

/// A dispatcher with simulated steps; it watches over the laws of a run.
pub(crate) struct World<'a> {
    plan: &'a Plan,
    fate: Fate,
    dice: Dice,
    pub(crate) scheduler: Scheduler,
    pub(crate) journal: Vec<Event>,
    steps: Vec<Step>,
    stopping: bool,
    committed: BTreeSet<NodeIndex>,
    working: BTreeSet<NodeIndex>,
    last_merge: Option<NodeIndex>,
    /// How often agents were held back for money, and were started all the same.
    pub(crate) paced: (u32, u32),
}

impl<'a> World<'a> {
    /// Replays a journal and takes the run up, as a new process does.
    pub(crate) fn resume(
        plan: &'a Plan,
        fate: Fate,
        seed: u64,
        journal: &[Event],
        retry: bool,
    ) -> Self {
        let mut world = Self {
            plan,
            fate,
            dice: Dice(seed),
            scheduler: Scheduler::new(plan),
            journal: Vec::new(),
            steps: Vec::new(),
            stopping: false,
            committed: BTreeSet::new(),
            working: BTreeSet::new(),
            last_merge: None,
            paced: (0, 0),
        };
        for (position, event) in journal.iter().enumerate() {
            world.scheduler.replay(at_ms(position), event).expect("a journal replays");
            world.note(event);
        }
        for (position, run) in world.scheduler.state().nodes.iter().enumerate() {
            if run.phase.is_busy() {
                world.working.insert(NodeIndex::new(position));
            }
        }
        let runner = ProcessId { pid: 1, start_ticks: 1 };
        match (journal.is_empty(), world.scheduler.state().finished) {
            (true, _) => world.take(&Event::Run(opened())),
            (false, Some(_)) if !retry => return world,
            (false, finished) => {
                world.take(&Event::Run(RunEvent::Resumed { runner, uncached: false }));
                if finished.is_some() {
                    world.take(&Event::Run(RunEvent::Reopened));
                }
            }
        }
        let actions = world.scheduler.resume();
        world.act(&actions);
        world
    }

    /// Keeps what the laws need of a fact.
    fn note(&mut self, event: &Event) {
        match event {
            Event::Node(node, NodeEvent::Committed { .. } | NodeEvent::Cached { .. }) => {
                assert!(self.committed.insert(*node), "{node:?} is committed twice");
            }
            Event::Run(RunEvent::Reopened) => self.last_merge = None,
            Event::Node(node, NodeEvent::Merged { .. } | NodeEvent::Conflicted { .. }) => {
                assert!(self.last_merge < Some(*node), "{node:?} is merged out of order");
                self.last_merge = Some(*node);
            }
            _ => {}
        }
        self.journal.push(event.clone());
    }

    pub(crate) fn take(&mut self, event: &Event) {
        self.note(event);
        let at_ms = at_ms(self.journal.len() - 1);
        let actions = self.scheduler.on(at_ms, event).expect("the fact fits");
        self.paced.0 += u32::from(self.scheduler.held_back(at_ms).is_some());
        self.working.retain(|node| {
            let run = self.scheduler.state().node(*node);
            let starts = self.steps.iter().any(|step| step.action == Action::Start(*node));
            run.phase.is_busy() || (starts && run.phase == Phase::Ready)
        });
        self.act(&actions);
    }

    /// Begins steps, watching over what may begin.
    fn act(&mut self, actions: &[Action]) {
        for action in actions {
            if let Action::Finish(outcome) = action {
                assert!(self.steps.is_empty() || self.scheduler.state().wall_exhausted);
                self.take(&Event::Run(RunEvent::Finished { outcome: *outcome }));
                continue;
            }
            let node = match *action {
                Action::Start(node) => {
                    self.may_start(node);
                    node
                }
                Action::Merge(node) => {
                    let merges = |step: &Step| matches!(step.action, Action::Merge(_));
                    assert!(!self.steps.iter().any(merges), "two merges at once");
                    assert!(self.committed.contains(&node));
                    node
                }
                Action::Recover(node)
                | Action::Harvest(node)
                | Action::Judge(node, _)
                | Action::Commit(node) => {
                    assert!(!self.committed.contains(&node), "{action:?} after the commit");
                    node
                }
                Action::Finish(_) => unreachable!("done above"),
            };
            assert!(!self.steps.iter().any(|step| step.node == node), "{node:?} has two steps");
            let run = self.scheduler.state().node(node);
            let (attempt, start, base) = match action {
                Action::Start(_) => (run.attempt, run.start + 1, run.base.clone()),
                _ => (run.tried, run.start, run.base.clone()),
            };
            self.steps.push(Step { action: *action, node, attempt, start, base, told: 0 });
        }
    }

    fn may_start(&mut self, node: NodeIndex) {
        assert!(!self.stopping, "{node:?} starts after the stop");
        assert!(!self.scheduler.state().wall_exhausted, "{node:?} starts without time");
        assert!(!self.committed.contains(&node), "{node:?} is started again");
        let needs = &self.plan.nodes[node.get()].needs;
        assert!(needs.iter().all(|need| self.committed.contains(need)), "{node:?} is too early");
        let state = self.scheduler.state();
        let is_agent = matches!(self.plan.nodes[node.get()].work, Work::Agent { .. });
        if is_agent && state.paced(state.at_ms).is_some_and(crate::ledger::Paced::is_passed) {
            assert!(self.working.is_empty(), "{node:?} spends beside others");
            self.paced.1 += 1;
        }
        assert!(self.working.insert(node), "{node:?} runs already");
        assert!(self.working.len() <= self.plan.budget.parallel as usize, "too many at once");
    }

    /// Lets one step go on; `false` when none is under way.
    pub(crate) fn go_on(&mut self) -> bool {
        if self.steps.is_empty() {
            return false;
        }
        if self.dice.one_in(if self.plan.budget.rate.is_some() { 4 } else { 20 }) {
            self.reply_late();
        }
        let chosen = self.dice.below(self.steps.len());
        let (node, next) = (self.steps[chosen].node, self.next(chosen));
        let (event, ends) = match next {
            Next::Tell(event) => (event, false),
            Next::TellAndEnd(event) => (event, true),
        };
        if self.is_too_late(node, &event) {
            self.steps.remove(chosen);
            self.scheduler.abandon(node);
            return true;
        }
        if ends {
            self.steps.remove(chosen);
        } else {
            self.steps[chosen].told += 1;
        }
        self.take(&Event::Node(node, event));
        true
    }

    /// The dispatcher's rule.
    fn is_too_late(&self, node: NodeIndex, event: &NodeEvent) -> bool {
        let phase = self.scheduler.state().node(node).phase;
        match event {
            NodeEvent::Started { .. } | NodeEvent::Cached { .. } => {
                self.stopping || phase != Phase::Ready
            }
            NodeEvent::Replied { .. } => false,
            _ => phase == Phase::Cancelled,
        }
    }

    /// An answer of the model comes when its attempt may be over already.
    fn reply_late(&mut self) {
        let node = NodeIndex::new(self.dice.below(self.plan.nodes.len()));
        if self.scheduler.state().node(node).start > 0 {
            let mut reply = replied(Usage::default());
            if let NodeEvent::Replied { micros, .. } = &mut reply {
                *micros = Some(self.dice.below(500_000) as u64);
            }
            self.take(&Event::Node(node, reply));
        }
    }

    fn next(&mut self, chosen: usize) -> Next {
        let Step { action, node, attempt, start, base, told } = self.steps[chosen].clone();
        let fate = self.fate;
        let interrupted = |salvage| Next::TellAndEnd(NodeEvent::Interrupted { salvage });
        match action {
            Action::Start(_) => self.attempt(node, attempt, start, base, told),
            Action::Recover(_) => interrupted(self.dice.one_in(2).then(|| commit(77))),
            // Its folder is gone.
            Action::Harvest(_) if self.dice.one_in(15) => interrupted(None),
            Action::Harvest(_) if fate.is_refused(node, attempt) => {
                let (reason, salvage) = ("outside: x".to_owned(), Some(commit(78)));
                Next::TellAndEnd(NodeEvent::Refused { reason, salvage })
            }
            Action::Harvest(_) => Next::TellAndEnd(NodeEvent::Harvested {
                work: fate.work(node, attempt),
                changes: fate.changes(node, attempt),
                ignored: Vec::new(),
            }),
            Action::Judge(_, gate) => Next::TellAndEnd(NodeEvent::Judged {
                gate: self.plan.gates[gate.get()].name.clone(),
                verdict: fate.verdict(node, attempt, gate.get()),
                reason: "because".to_owned(),
                feedback: None,
                exceeded: None,
            }),
            Action::Commit(_) => {
                let work = self.scheduler.state().node(node).work.clone();
                Next::TellAndEnd(NodeEvent::Committed { commit: work.expect("harvested") })
            }
            Action::Merge(_) if fate.conflicts(node) => {
                Next::TellAndEnd(NodeEvent::Conflicted { paths: vec!["a".to_owned()] })
            }
            Action::Merge(_) => {
                let state = self.scheduler.state();
                let work = state.node(node).commit.as_ref().expect("committed");
                let head = merged(state.head.as_ref().expect("opened"), work);
                Next::TellAndEnd(NodeEvent::Merged { head })
            }
            Action::Finish(_) => unreachable!("a finish is no step"),
        }
    }

    fn attempt(
        &mut self,
        node: NodeIndex,
        attempt: u32,
        start: u32,
        base: Option<CommitId>,
        told: u32,
    ) -> Next {
        let first_base = base.is_none();
        match told {
            0 if first_base && self.fate.is_unmergeable(node) => {
                Next::TellAndEnd(NodeEvent::Unmergeable { paths: vec!["a".to_owned()] })
            }
            0 if first_base && self.fate.is_cached(node) => {
                let (work, changes) = (self.fate.work(node, 0), self.fate.changes(node, 0));
                Next::TellAndEnd(cached(work, changes))
            }
            0 => {
                let base = base.unwrap_or_else(|| commit(mix(&[5, node.get() as u64])));
                let from = base.clone();
                Next::Tell(NodeEvent::Started { attempt, start, base, from, key: None })
            }
            1 => {
                let process = ProcessId { pid: 2, start_ticks: 2 };
                Next::Tell(NodeEvent::Spawned { process })
            }
            2 if self.dice.one_in(2) => {
                Next::Tell(NodeEvent::Session { id: format!("session of {node:?}") })
            }
            _ if self.stopping || self.dice.one_in(10) => {
                Next::TellAndEnd(NodeEvent::Interrupted { salvage: None })
            }
            _ => {
                let ending = self.fate.ending(node, attempt);
                Next::TellAndEnd(NodeEvent::Exited { ending, salvage: None })
            }
        }
    }

    /// Runs until nothing is under way.
    pub(crate) fn run(&mut self) {
        // A try is cut off one time in ten, and makes about ten facts.
        let bound = 2_000 * (self.plan.nodes.len() + 1);
        for _ in 0..bound {
            if !self.go_on() {
                return;
            }
        }
        panic!("the run does not end");
    }

    /// Runs for a while, then stops as the dispatcher does.
    pub(crate) fn run_and_stop(&mut self, steps: usize) {
        for _ in 0..steps {
            self.go_on();
        }
        self.scheduler.drain();
        self.stopping = true;
        self.run();
        if self.scheduler.state().finished.is_none() {
            let reason = "signal 15".to_owned();
            self.take(&Event::Run(RunEvent::Stopped { reason }));
            assert!(self.steps.is_empty(), "a step begins after the stop");
        }
    }

    pub(crate) fn finish(mut self) -> (Vec<Event>, Result) {
        self.run();
        let state = self.scheduler.state();
        assert!(state.finished.is_some(), "the run is stuck: {:?}", phases(&self.scheduler));
        for (node, run) in self.plan.nodes.iter().zip(&state.nodes) {
            assert!(run.phase.is_final());
            assert!(run.tried - run.attempts_before <= node.budget.attempts);
        }
        (self.journal, Result::of(&self.scheduler))
    }
}

fn phases(scheduler: &Scheduler) -> Vec<Phase> {
    scheduler.state().nodes.iter().map(|run| run.phase).collect()
}

/// Makes a plan of up to `size` nodes from a seed.
pub(crate) fn some_plan(seed: u64, size: usize) -> Plan {
    let mut dice = Dice(mix(&[seed, 7]));
    let sketch = |position: usize| {
        let count = if position == 0 { 0 } else { dice.below(4.min(position + 1)) };
        let needs: BTreeSet<usize> = (0..count).map(|_| dice.below(position)).collect();
        let attempts = 1 + u32::try_from(dice.below(3)).unwrap();
        Sketch { needs: needs.into_iter().collect(), gates: dice.below(4), attempts }
    };
    let sketches: Vec<Sketch> = (0..size).map(sketch).collect();
    let mut plan = plan_of(&sketches, 1 + u32::try_from(mix(&[seed, 8]) % 4).unwrap());
    // In every other plan some nodes have agents, and these are paced.
    if seed.is_multiple_of(2) {
        for node in plan.nodes.iter_mut().filter(|_| !dice.one_in(3)) {
            let (agent, prompt) = (AgentIndex::new(0), "Work.".to_owned());
            node.work = Work::Agent { agent, prompt, session: None };
        }
        plan.budget.rate = Rate::parse(&format!("0.{:03} EUR per hour", mix(&[seed, 9]) % 400));
    }
    plan
}
