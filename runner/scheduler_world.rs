//! A simulated world for the scheduler: no processes, no clock, no git.
//!
//! The world answers actions with facts as the steps do. How a try ends is
//! decided by its node and number alone, so that a try that was cut off ends
//! the same way when it is run again; everything else (the order of the facts,
//! interruptions, late answers) is up to a seed. So the result of a run can be
//! computed without running it, and must come out after any crash.

use std::collections::{BTreeMap, BTreeSet};

use eufm_plan::ancestry::leaves;
use eufm_plan::units::Rate;
use eufm_plan::{
    Accept, AgentIndex, Constitution, Digest, FINAL_VERIFY, Level, NodeIndex, OnFail, Params, Plan,
    Rule, RuleIndex, Work,
};

use crate::event::{Action, Ending, Event, NodeEvent, Outcome, RunEvent};
use crate::gates::Verdict;
use crate::gateway::Usage;
use crate::git::{CommitId, TreeId};
use crate::people::{About, Answer, Decision};
use crate::process::ProcessId;
use crate::rules;
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

    /// Whether the node's agent resolves what its result contradicts.
    fn resolves(self, node: NodeIndex) -> bool {
        self.roll(26, node, 0) < 50
    }

    /// What comes of it.
    fn resolution(self, node: NodeIndex) -> CommitId {
        commit(mix(&[self.0, 27, node.get() as u64]))
    }

    /// What a person says to a node's question, the third time at the latest no.
    fn decision(self, node: NodeIndex, question: u32) -> Decision {
        let goes_on = question < 3 && self.roll(25, node, question) < 60;
        if goes_on { Decision::Approve } else { Decision::Reject }
    }

    /// What a rule comes to that asks nobody.
    fn ruling(self, node: NodeIndex, attempt: u32, rule: RuleIndex) -> Verdict {
        match self.roll(30 + rule.get() as u64, node, attempt) {
            0..85 => Verdict::Pass,
            85..95 => Verdict::Fail,
            _ => Verdict::Unknown,
        }
    }

    /// Whether a rule has something to ask a person about.
    fn asks(self, node: NodeIndex, attempt: u32, rule: RuleIndex) -> bool {
        self.roll(40 + rule.get() as u64, node, attempt) < 60
    }

    fn work(self, node: NodeIndex, attempt: u32) -> CommitId {
        commit(mix(&[self.0, 23, node.get() as u64, u64::from(attempt)]))
    }
}

/// What an approval looks at, and its result.
fn base_of(node: NodeIndex) -> CommitId {
    commit(mix(&[5, node.get() as u64]))
}

fn is_approval(plan: &Plan, node: NodeIndex) -> bool {
    matches!(plan.nodes[node.get()].work, Work::Approval { .. })
}

/// Nothing goes past such a node unless it succeeded.
fn is_barrier(plan: &Plan, node: NodeIndex) -> bool {
    is_approval(plan, node) || is_verify(plan, node)
}

/// Tells whether a node judges what the run comes to.
fn is_last(plan: &Plan, node: NodeIndex) -> bool {
    plan.nodes[node.get()].name == FINAL_VERIFY
}

fn is_verify(plan: &Plan, node: NodeIndex) -> bool {
    matches!(plan.nodes[node.get()].work, Work::Verify { .. })
}

/// How an attempt ends; there is nothing to fail in a merge.
fn ending_of(plan: &Plan, fate: Fate, node: NodeIndex, attempt: u32) -> Ending {
    match is_verify(plan, node) {
        true => Ending::Completed,
        false => fate.ending(node, attempt),
    }
}

/// Returns the rules of a node, those that ask people behind the others.
fn rules_of(plan: &Plan, node: NodeIndex) -> Vec<(RuleIndex, &Rule)> {
    let Work::Verify { rules } = &plan.nodes[node.get()].work else { return Vec::new() };
    let known = &plan.constitution.as_ref().expect("there is one").rules;
    let rules = rules.iter().map(|rule| (*rule, &known[rule.get()]));
    let (people, others): (Vec<_>, Vec<_>) = rules.partition(|(_, rule)| rule.kind == "human");
    [others, people].concat()
}

/// Judges a node by all its rules; tells whether those hold that must.
fn keeps_rules(plan: &Plan, fate: Fate, node: NodeIndex, course: &mut Course) -> bool {
    let mut keeps = true;
    for (index, rule) in rules_of(plan, node) {
        let holds = if rule.kind != "human" {
            fate.ruling(node, course.tried, index) == Verdict::Pass
        } else if fate.asks(node, course.tried, index) {
            course.asked += 1;
            fate.decision(node, course.asked) == Decision::Approve
        } else {
            true
        };
        keeps &= holds || rule.level != Level::Must;
    }
    keeps
}

/// What becomes of a node, computed without running it.
#[derive(Debug, Clone)]
struct Course {
    phase: Phase,
    tried: u32,
    work: Option<CommitId>,
    merge: Merge,
    asked: u32,
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
    pub(crate) fn phases(&self) -> impl Iterator<Item = Phase> + '_ {
        self.nodes.iter().map(|(phase, ..)| *phase)
    }

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
        let (phase, merge) = (Phase::Pending, Merge::Waiting);
        let course = Course { phase, tried: 0, work: None, merge, asked: 0 };
        let mut nodes = vec![course; plan.nodes.len()];
        let (mut head, mut outcome) = (commit(1), Outcome::Done);
        for _ in 0..rounds {
            outcome = Outcome::Done;
            for position in 0..nodes.len() {
                if nodes[position].merge == Merge::Left {
                    nodes[position].merge = Merge::Waiting;
                }
                if !is_last(plan, NodeIndex::new(position)) {
                    outcome = outcome.worse(attempt_all(plan, fate, position, &mut nodes));
                }
            }
            for position in 0..nodes.len() {
                let node = NodeIndex::new(position);
                if is_last(plan, node) {
                    // It judges the branch as it is now, each time.
                    (nodes[position].phase, nodes[position].work) = (Phase::Pending, None);
                    outcome = outcome.worse(attempt_all(plan, fate, position, &mut nodes));
                    let is_done = nodes[position].phase == Phase::Committed;
                    nodes[position].merge = if is_done { Merge::Done } else { Merge::Left };
                    continue;
                }
                let left = |need: &NodeIndex| {
                    let need = &nodes[need.get()];
                    need.phase == Phase::Committed && need.merge == Merge::Left
                };
                let is_left = plan.nodes[position].waits_for().any(|before| left(&before));
                let course = &mut nodes[position];
                let is_empty = is_approval(plan, node) || fate.changes(node, course.tried) == 0;
                course.merge = match &course.work {
                    _ if course.merge != Merge::Waiting => course.merge,
                    Some(_) if is_left => Merge::Left,
                    Some(_) if is_empty => Merge::Done,
                    Some(_) if fate.conflicts(node) => {
                        let has_agent = matches!(plan.nodes[position].work, Work::Agent { .. });
                        if has_agent && fate.resolves(node) {
                            head = fate.resolution(node);
                            Merge::Done
                        } else {
                            // It is tried again for as long as a person wants it.
                            let mut goes_on = plan.nodes[position].on_fail == OnFail::Escalate;
                            while goes_on {
                                course.asked += 1;
                                goes_on = fate.decision(node, course.asked) == Decision::Approve;
                            }
                            Merge::Left
                        }
                    }
                    Some(work) => {
                        head = merged(&head, work);
                        Merge::Done
                    }
                    None => Merge::Left,
                };
                if course.merge == Merge::Left && course.phase == Phase::Committed {
                    outcome = outcome.worse(Outcome::Failed);
                }
            }
        }
        let nodes = nodes.into_iter().map(|it| (it.phase, it.tried, it.work, it.merge));
        Self { nodes: nodes.collect(), head, outcome }
    }
}

/// Tells whether a node may begin, once all it needs has come to its end.
fn may_begin(plan: &Plan, position: usize, is_committed: impl Fn(NodeIndex) -> bool) -> bool {
    let planned = &plan.nodes[position];
    if is_last(plan, NodeIndex::new(position)) {
        return (0..position).map(NodeIndex::new).any(is_committed);
    }
    let mut needs = planned.needs.iter();
    match planned.accept {
        Accept::All => needs.all(|need| is_committed(*need)),
        Accept::Succeeded => {
            let is_open = |need: &NodeIndex| !is_barrier(plan, *need) || is_committed(*need);
            let is_fed = planned.needs.is_empty() || needs.any(|need| is_committed(*need));
            is_fed && planned.needs.iter().all(is_open)
        }
    }
}

/// Tries a node until it succeeds or may not be tried again.
fn attempt_all(plan: &Plan, fate: Fate, position: usize, nodes: &mut [Course]) -> Outcome {
    let node = NodeIndex::new(position);
    if nodes[position].phase == Phase::Committed {
        return Outcome::Done;
    }
    if !may_begin(plan, position, |need| nodes[need.get()].phase == Phase::Committed) {
        nodes[position].phase = Phase::Blocked;
        return Outcome::Failed;
    }
    let course = &mut nodes[position];
    loop {
        let outcome = match is_approval(plan, node) {
            true => approve(fate, node, course),
            false => attempt_round(plan, fate, node, course),
        };
        if course.phase == Phase::Committed {
            return outcome;
        }
        course.phase = Phase::Failed;
        let is_asked = plan.nodes[position].on_fail == OnFail::Escalate;
        if !is_asked || outcome == Outcome::Unavailable {
            return outcome;
        }
        course.asked += 1;
        if fate.decision(node, course.asked) == Decision::Reject {
            return outcome;
        }
    }
}

/// Asks a person for an approval.
fn approve(fate: Fate, node: NodeIndex, course: &mut Course) -> Outcome {
    if fate.is_unmergeable(node) {
        return Outcome::Failed;
    }
    course.asked += 1;
    if fate.decision(node, course.asked) == Decision::Reject {
        return Outcome::Failed;
    }
    course.phase = Phase::Committed;
    course.work = Some(base_of(node));
    Outcome::Done
}

/// Tries a node as often as its budget of attempts allows.
fn attempt_round(plan: &Plan, fate: Fate, node: NodeIndex, course: &mut Course) -> Outcome {
    let planned = &plan.nodes[node.get()];
    let is_new = course.tried == 0 && !is_last(plan, node);
    if is_new && fate.is_unmergeable(node) {
        return Outcome::Failed;
    }
    if is_new && fate.is_cached(node) {
        course.phase = Phase::Committed;
        course.work = Some(fate.work(node, 0));
        return Outcome::Done;
    }
    for _ in 0..planned.budget.attempts {
        course.tried += 1;
        let attempt = course.tried;
        match ending_of(plan, fate, node, attempt) {
            Ending::Completed => {}
            Ending::Failed { .. } => continue,
            // Judged or not, it does not succeed.
            Ending::Spent { .. } => return Outcome::BudgetExhausted,
            Ending::Unavailable { .. } => return Outcome::Unavailable,
            Ending::TimedOut | Ending::Exceeded { .. } => return Outcome::BudgetExhausted,
        }
        let mut gates = 0..planned.gates.len();
        let passes = |gate| fate.verdict(node, attempt, gate) == Verdict::Pass;
        if !fate.is_refused(node, attempt) && gates.all(passes) {
            // No other attempt makes a rule hold.
            if !keeps_rules(plan, fate, node, course) {
                return Outcome::Failed;
            }
            course.phase = Phase::Committed;
            course.work = Some(fate.work(node, attempt));
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
    /// How often a person has answered each node.
    answered: BTreeMap<NodeIndex, u32>,
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
            answered: BTreeMap::new(),
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
            Event::Run(RunEvent::Reopened) => {
                self.last_merge = None;
                // It judges anew.
                self.committed.retain(|node| !is_last(self.plan, *node));
            }
            Event::Node(node, NodeEvent::Answered(answer)) => {
                if is_approval(self.plan, *node) && answer.decision == Decision::Approve {
                    assert!(self.committed.insert(*node), "{node:?} is committed twice");
                }
                *self.answered.entry(*node).or_default() += 1;
            }
            Event::Node(node, NodeEvent::Merged { .. } | NodeEvent::Conflicted { .. }) => {
                // One that is resolved comes a second time.
                assert!(self.last_merge <= Some(*node), "{node:?} is merged out of order");
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
                let state = self.scheduler.state();
                assert!(self.steps.is_empty() || state.wall_exhausted || state.halted);
                self.take(&Event::Run(RunEvent::Finished { outcome: *outcome }));
                continue;
            }
            let node = match *action {
                Action::Start(node) => {
                    self.may_start(node);
                    node
                }
                Action::Merge(node) | Action::Reconcile(node) => {
                    let merges = |step: &Step| {
                        matches!(step.action, Action::Merge(_) | Action::Reconcile(_))
                    };
                    assert!(!self.steps.iter().any(merges), "two merges at once");
                    assert!(self.committed.contains(&node));
                    node
                }
                // A question about a conflict comes behind the commit.
                Action::Ask(node) => node,
                Action::Recover(node)
                | Action::Harvest(node)
                | Action::Judge(node, _)
                | Action::Rule(node, _)
                | Action::Commit(node) => {
                    assert!(!self.committed.contains(&node), "{action:?} after the commit");
                    node
                }
                Action::Finish(_) => unreachable!("done above"),
            };
            assert!(!self.steps.iter().any(|step| step.node == node), "{node:?} has two steps");
            let run = self.scheduler.state().node(node);
            let (attempt, start, base) = match action {
                Action::Start(_) => {
                    let base = self.scheduler.state().starts_from(node).cloned();
                    (run.attempt, run.start + 1, base)
                }
                _ => (run.tried, run.start, run.base.clone()),
            };
            self.steps.push(Step { action: *action, node, attempt, start, base, told: 0 });
        }
    }

    fn may_start(&mut self, node: NodeIndex) {
        assert!(!self.stopping, "{node:?} starts after the stop");
        assert!(!self.scheduler.state().wall_exhausted, "{node:?} starts without time");
        assert!(!self.committed.contains(&node), "{node:?} is started again");
        let is_committed = |need| self.committed.contains(&need);
        assert!(may_begin(self.plan, node.get(), is_committed), "{node:?} must not begin");
        let state = self.scheduler.state();
        // All before it is over, near and far, also where something between is blocked.
        let mut open: Vec<NodeIndex> = vec![node];
        let mut seen = BTreeSet::new();
        while let Some(at) = open.pop() {
            for before in self.plan.nodes[at.get()].waits_for().filter(|it| seen.insert(*it)) {
                assert!(state.node(before).phase.is_final(), "{node:?} is before {before:?} ends");
                open.push(before);
            }
        }
        assert!(!state.halted, "{node:?} starts after the halt");
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
        let is_idle = self.steps.is_empty();
        if !self.stopping && (is_idle || self.dice.one_in(8)) && self.answer() {
            return true;
        }
        if is_idle {
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

    /// Lets a person answer the first open question; `false` when there is none.
    fn answer(&mut self) -> bool {
        let state = self.scheduler.state();
        let open = |run: &crate::state::NodeRun| {
            run.question().is_some_and(|question| question.tree.is_some())
        };
        let Some(position) = state.nodes.iter().position(open) else { return false };
        let node = NodeIndex::new(position);
        let number = self.answered.get(&node).copied().unwrap_or_default() + 1;
        let decision = self.fate.decision(node, number);
        let (by, at) = ("anna".to_owned(), "now".to_owned());
        let note = self.dice.one_in(2).then(|| "look again".to_owned());
        let answer = Answer { decision, by, at, note, raise: None, take: None };
        self.take(&Event::Node(node, NodeEvent::Answered(answer)));
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
            NodeEvent::Merged { .. } | NodeEvent::Conflicted { .. } => {
                let merge = self.scheduler.state().node(node).merge;
                !matches!(merge, Merge::Due | Merge::Torn)
            }
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
            Action::Ask(_) if is_approval(self.plan, node) && fate.is_unmergeable(node) => {
                Next::TellAndEnd(NodeEvent::Unmergeable { paths: vec!["a".to_owned()] })
            }
            Action::Ask(_) => {
                let tree = TreeId::new(&"a".repeat(40)).expect("an id");
                let is_approval = is_approval(self.plan, node);
                let is_conflict = self.scheduler.state().node(node).merge == Merge::Asked;
                let about = match (is_approval, is_conflict) {
                    (true, _) => About::Approval,
                    (false, true) => About::Conflict,
                    (false, false) => About::Escalation,
                };
                let base = is_approval.then(|| base_of(node));
                Next::TellAndEnd(NodeEvent::Questioned { about, tree, base })
            }
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
            Action::Rule(_, rule) => Next::TellAndEnd(self.rule(node, attempt, rule)),
            Action::Commit(_) => {
                let work = self.scheduler.state().node(node).work.clone();
                Next::TellAndEnd(NodeEvent::Committed { commit: work.expect("harvested") })
            }
            Action::Merge(_) if fate.conflicts(node) => Next::TellAndEnd(NodeEvent::Conflicted {
                paths: vec!["a".to_owned()],
                reason: None,
            }),
            Action::Reconcile(_) if fate.resolves(node) => {
                Next::TellAndEnd(NodeEvent::Merged { head: fate.resolution(node) })
            }
            Action::Reconcile(_) => {
                let reason = Some("not resolved".to_owned());
                Next::TellAndEnd(NodeEvent::Conflicted { paths: vec!["a".to_owned()], reason })
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

    /// Judges by a rule, or asks a person first.
    fn rule(&self, node: NodeIndex, attempt: u32, index: RuleIndex) -> NodeEvent {
        let rules = rules_of(self.plan, node);
        let rule = rules.iter().find(|(at, _)| *at == index).expect("a rule of the node").1;
        let heard = self.scheduler.state().heard_of_rule(node);
        let verdict = match heard {
            _ if rule.kind != "human" => self.fate.ruling(node, attempt, index),
            _ if !self.fate.asks(node, attempt, index) => Verdict::Pass,
            Some(rules::Outcome::Answered { holds: true, .. }) => Verdict::Pass,
            Some(_) => Verdict::Fail,
            None => {
                let tree = TreeId::new(&"b".repeat(40)).expect("an id");
                let about = About::Rule { rule: rule.name.clone() };
                return NodeEvent::Questioned { about, tree, base: None };
            }
        };
        let (reason, evidence) = ("because".to_owned(), Vec::new());
        let (rule, level, line) = (rule.name.clone(), rule.level, rule.line);
        NodeEvent::Ruled { rule, level, verdict, reason, evidence, line }
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
                let base = base.unwrap_or_else(|| base_of(node));
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
                let ending = ending_of(self.plan, self.fate, node, attempt);
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
    // People are asked in two of three plans.
    let has_people = !mix(&[seed, 10]).is_multiple_of(3);
    let mut own = Dice(mix(&[seed, 11]));
    for node in plan.nodes.iter_mut().filter(|_| has_people) {
        if own.one_in(6) {
            node.work = Work::Approval { ask: "Well?".to_owned() };
            node.gates.clear();
        } else if own.one_in(3) {
            node.on_fail = OnFail::Escalate;
        }
        if own.one_in(4) {
            node.accept = Accept::Succeeded;
        }
    }
    // In every other plan some wait for writers that they do not need.
    let mut order = Dice(mix(&[seed, 13]));
    if order.one_in(2) {
        for position in 1..size {
            let before: BTreeSet<usize> =
                (0..order.below(3)).map(|_| order.below(position)).collect();
            let needs = &plan.nodes[position].needs;
            let before = before.into_iter().map(NodeIndex::new);
            let before = before.filter(|node| needs.binary_search(node).is_err()).collect();
            plan.nodes[position].after_writer = before;
        }
    }
    // In every other plan some nodes are judged by rules.
    let mut ruled = Dice(mix(&[seed, 12]));
    if ruled.one_in(2) {
        plan.constitution = Some(constitution());
        for node in &mut plan.nodes {
            if !matches!(node.work, Work::Approval { .. }) && ruled.one_in(4) {
                let rules = (0..4).map(RuleIndex::new).filter(|_| !ruled.one_in(3)).collect();
                node.work = Work::Verify { rules };
            }
        }
    }
    // In every other of these the last node judges what the run comes to.
    if plan.constitution.is_some() && ruled.one_in(2) && size > 0 {
        let needs = leaves(&plan.nodes[..size - 1]);
        let node = &mut plan.nodes[size - 1];
        (node.name, node.needs) = (FINAL_VERIFY.to_owned(), needs);
        node.work = Work::Verify { rules: (0..4).map(RuleIndex::new).collect() };
        (node.accept, node.on_fail) = (Accept::Succeeded, OnFail::GoOn);
        node.budget.attempts = 1;
        node.after_writer.clear();
    }
    // In every other plan some nodes have agents, and these are paced.
    if seed.is_multiple_of(2) {
        for node in plan.nodes.iter_mut().filter(|_| !dice.one_in(3)) {
            if matches!(node.work, Work::Approval { .. } | Work::Verify { .. }) {
                continue;
            }
            let (agent, prompt) = (AgentIndex::new(0), "Work.".to_owned());
            node.work = Work::Agent { agent, prompt, session: None };
        }
        plan.budget.rate = Rate::parse(&format!("0.{:03} EUR per hour", mix(&[seed, 9]) % 400));
    }
    plan
}

/// Two rules that must hold and two that should, one of each for a person.
fn constitution() -> Constitution {
    let rule = |(name, kind, level): (&str, &str, Level)| Rule {
        waiver: None,
        name: name.to_owned(),
        kind: kind.to_owned(),
        level,
        cite: "words".to_owned(),
        line: 1,
        params: Params::default(),
    };
    let rules = [
        ("agreed", "human", Level::Must),
        ("clean", "secrets", Level::Must),
        ("liked", "human", Level::Should),
        ("small", "max_diff", Level::Should),
    ];
    let (path, digest) = ("c.md".to_owned(), Digest::of(b"words"));
    Constitution {
        unmapped: Vec::new(),
        unmapped_more: 0,
        path,
        digest,
        rules: rules.into_iter().map(rule).collect(),
    }
}
