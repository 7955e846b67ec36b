//! Tests of the run's state: which fact may follow where, and what is counted.

use std::collections::BTreeMap;

use eufm_plan::{
    Accept, Command, Digest, GateIndex, Node, NodeBudget, NodeIndex, OnFail, Origin, Overlap,
    Params, Plan, QualityGate, RunBudget, Work, Writes,
};
use proptest::prelude::{ProptestConfig, Strategy, any, prop, proptest};
use proptest::test_runner::RngSeed;

use crate::event::{Ending, Event, NodeEvent, Outcome, Passed, RunEvent};
use crate::gates::Verdict;
use crate::gateway::Usage;
use crate::git::CommitId;
use crate::key::NodeKey;
use crate::process::ProcessId;
use crate::state::{Feedback, Merge, Phase, RunState};

/// A node of a plan made for a test: what it needs, how many gates judge it,
/// how often it may be tried.
pub(crate) struct Sketch {
    pub(crate) needs: Vec<usize>,
    pub(crate) gates: usize,
    pub(crate) attempts: u32,
}

/// The gates of a plan made for a test; a node has the first few of them.
const GATES: [&str; 3] = ["unit", "lint", "size"];

/// Makes a plan of commands.
pub(crate) fn plan_of(sketches: &[Sketch], parallel: u32) -> Plan {
    let gate = |name: &&str| QualityGate {
        name: (*name).to_owned(),
        kind: "command".to_owned(),
        params: Params::default(),
    };
    let node = |(position, sketch): (usize, &Sketch)| Node {
        name: format!("n{position}"),
        work: Work::Command(Box::new(Command::new(vec!["true".to_owned()]))),
        needs: sketch.needs.iter().copied().map(NodeIndex::new).collect(),
        after_writer: Vec::new(),
        accept: Accept::All,
        implements: Vec::new(),
        inputs: Vec::new(),
        reads: None,
        writes: Writes::Globs(Vec::new()),
        overlap: Overlap::Order,
        env: Vec::new(),
        gates: (0..sketch.gates).map(GateIndex::new).collect(),
        budget: NodeBudget { attempts: sketch.attempts, ..NodeBudget::default() },
        on_fail: OnFail::GoOn,
    };
    Plan {
        pipeline: "world".to_owned(),
        goal: None,
        source: None,
        base: "main".to_owned(),
        window: None,
        budget: RunBudget { parallel, ..RunBudget::default() },
        environments: Vec::new(),
        agents: Vec::new(),
        gates: GATES.iter().map(gate).collect(),
        constitution: None,
        protected: None,
        generated: Vec::new(),
        nodes: sketches.iter().enumerate().map(node).collect(),
        omitted: Vec::new(),
        prices: Vec::new(),
        exchange: Vec::new(),
        scripts: Vec::new(),
        origin: Origin {
            spec: "world.eufm".to_owned(),
            root: ".".to_owned(),
            edition: 1,
            compiler: "test".to_owned(),
            params: Vec::new(),
            sources: Vec::new(),
        },
    }
}

/// Makes an answer of the model that nothing was reserved for.
pub(crate) fn replied(usage: Usage) -> NodeEvent {
    NodeEvent::Replied { reply: 1, usage, request: None, micros: None }
}

/// Makes the name of a commit from a number.
pub(crate) fn commit(number: u64) -> CommitId {
    CommitId::new(&format!("{number:040x}")).unwrap()
}

/// The first fact of every run here.
pub(crate) fn opened() -> RunEvent {
    RunEvent::Opened {
        run: "world-1".to_owned(),
        plan: Digest::of(b"plan"),
        base: commit(1),
        version: "0".to_owned(),
        uncached: false,
        trusted: false,
    }
}

/// Node 0 has two gates and two tries, 1 needs it, 2 stands alone.
fn small() -> Plan {
    let sketch = |needs, gates, attempts| Sketch { needs, gates, attempts };
    plan_of(&[sketch(vec![], 2, 2), sketch(vec![0], 0, 2), sketch(vec![], 0, 1)], 2)
}

/// A run of the small plan that tells its own next facts.
struct Teller(RunState);

impl Teller {
    fn new() -> Self {
        let mut teller = Self(RunState::new(&small()));
        teller.run(opened());
        teller
    }

    fn run(&mut self, event: RunEvent) {
        self.0.apply(0, &Event::Run(event)).unwrap();
    }

    fn node(&mut self, node: usize, event: NodeEvent) {
        self.0.apply(0, &Event::Node(NodeIndex::new(node), event)).unwrap();
    }

    fn start(&mut self, node: usize) {
        let event = start_of(&self.0, node);
        self.node(node, event);
    }

    /// Brings a node as far as the named phase, by the straight way.
    fn to(&mut self, node: usize, phase: &str) {
        self.start(node);
        let gates = if node == 0 { &GATES[..2] } else { &[] };
        if phase == "running" {
            return;
        }
        self.node(node, ended(Ending::Completed));
        if phase == "exited" {
            return;
        }
        self.node(node, harvested());
        for gate in gates {
            if phase == "harvested" {
                return;
            }
            self.node(node, judged(gate, Verdict::Pass));
        }
        if phase == "gated" {
            return;
        }
        self.node(node, NodeEvent::Committed { commit: commit(7) });
    }

    /// Lets every try of a node fail.
    fn fail(&mut self, node: usize) {
        while self.0.nodes[node].phase != Phase::Failed {
            self.start(node);
            self.node(node, ended(failed()));
        }
    }
}

fn start_of(state: &RunState, node: usize) -> NodeEvent {
    let run = &state.nodes[node];
    NodeEvent::Started {
        attempt: run.attempt,
        start: run.start + 1,
        base: run.base.clone().unwrap_or_else(|| commit(2)),
        from: commit(3),
        key: if run.base.is_some() { run.key.as_deref().cloned() } else { Some(key(1)) },
    }
}

/// Makes a key from a number.
pub(crate) fn key(number: u64) -> NodeKey {
    NodeKey { digest: Digest::of(&number.to_le_bytes()), parts: BTreeMap::new() }
}

/// The result of an earlier run.
pub(crate) fn cached(work: CommitId, changes: u64) -> NodeEvent {
    let gates = vec![Passed { gate: "unit".to_owned(), reason: "it had passed".to_owned() }];
    let (base, run) = (commit(2), "world-0".to_owned());
    NodeEvent::Cached { base, commit: work, changes, key: key(1), run, gates }
}

fn failed() -> Ending {
    Ending::Failed { reason: "it ended with status 1".to_owned() }
}

fn ended(ending: Ending) -> NodeEvent {
    NodeEvent::Exited { ending, salvage: None }
}

fn harvested() -> NodeEvent {
    NodeEvent::Harvested { work: commit(5), changes: 1, ignored: Vec::new() }
}

fn judged(gate: &str, verdict: Verdict) -> NodeEvent {
    let feedback = (!verdict.is_pass()).then(|| format!("{gate} says no"));
    let (gate, reason) = (gate.to_owned(), "because".to_owned());
    NodeEvent::Judged { gate, verdict, reason, feedback, exceeded: None }
}

/// One of each fact about a node, as the node would tell it next.
fn facts(state: &RunState, node: usize) -> Vec<(&'static str, NodeEvent)> {
    let process = ProcessId { pid: 1, start_ticks: 1 };
    let paths = vec!["a".to_owned()];
    vec![
        ("started", start_of(state, node)),
        ("cached", cached(commit(7), 1)),
        ("spawned", NodeEvent::Spawned { process }),
        ("session", NodeEvent::Session { id: "s".to_owned() }),
        ("replied", replied(Usage::default())),
        ("exited", ended(Ending::Completed)),
        ("failed", ended(failed())),
        ("interrupted", NodeEvent::Interrupted { salvage: None }),
        ("harvested", harvested()),
        ("refused", NodeEvent::Refused { reason: "outside".to_owned(), salvage: None }),
        ("unit", judged("unit", Verdict::Pass)),
        ("lint", judged("lint", Verdict::Pass)),
        ("size", judged("size", Verdict::Fail)),
        ("committed", NodeEvent::Committed { commit: commit(7) }),
        ("merged", NodeEvent::Merged { head: commit(8) }),
        ("conflicted", NodeEvent::Conflicted { paths: paths.clone(), reason: None }),
        ("unmergeable", NodeEvent::Unmergeable { paths }),
    ]
}

/// Every place where a node can stand: its name, the way there from the start
/// of the run, the node, and the facts that may follow, all others not.
type Place = (&'static str, fn(&mut Teller), usize, &'static [&'static str]);

const PLACES: &[Place] = &[
    ("pending", |_| {}, 1, &[]),
    ("ready", |_| {}, 0, &["started", "cached", "unmergeable"]),
    (
        "ready after a try",
        |t| {
            t.to(0, "running");
            t.node(0, NodeEvent::Interrupted { salvage: None });
        },
        0,
        &["started", "replied"],
    ),
    (
        "running",
        |t| t.to(0, "running"),
        0,
        &["spawned", "session", "replied", "exited", "failed", "interrupted"],
    ),
    ("exited", |t| t.to(0, "exited"), 0, &["replied", "interrupted", "harvested", "refused"]),
    ("harvested", |t| t.to(0, "harvested"), 0, &["replied", "unit"]),
    (
        "harvested, one gate passed",
        |t| {
            t.to(0, "harvested");
            t.node(0, judged("unit", Verdict::Pass));
        },
        0,
        &["replied", "lint"],
    ),
    ("gated", |t| t.to(0, "gated"), 0, &["replied", "committed"]),
    ("gated without gates", |t| t.to(2, "gated"), 2, &["replied", "committed"]),
    (
        "committed, next to be merged",
        |t| t.to(0, "committed"),
        0,
        &["replied", "merged", "conflicted"],
    ),
    (
        "cached, next to be merged",
        |t| t.node(0, cached(commit(7), 1)),
        0,
        &["merged", "conflicted"],
    ),
    (
        "closed while it ran",
        |t| {
            t.to(0, "running");
            t.run(RunEvent::Closed);
        },
        0,
        &[],
    ),
    ("committed, not its turn", |t| t.to(2, "committed"), 2, &["replied"]),
    (
        "merged",
        |t| {
            t.to(0, "committed");
            t.node(0, NodeEvent::Merged { head: commit(8) });
        },
        0,
        &["replied"],
    ),
    (
        "left out",
        |t| {
            t.to(0, "committed");
            t.node(0, NodeEvent::Conflicted { paths: Vec::new(), reason: None });
        },
        0,
        &["replied"],
    ),
    ("failed", |t| t.fail(0), 0, &["replied"]),
    ("blocked", |t| t.fail(0), 1, &[]),
    ("cancelled, never started", |t| t.run(RunEvent::WallExhausted), 0, &[]),
    (
        "cancelled while it ran",
        |t| {
            t.to(0, "running");
            t.run(RunEvent::WallExhausted);
        },
        0,
        &["replied"],
    ),
    (
        "finished",
        |t| {
            t.fail(0);
            t.fail(2);
            t.run(RunEvent::Finished { outcome: Outcome::Failed });
        },
        0,
        &["replied"],
    ),
];

#[test]
fn each_fact_about_a_node_fits_where_the_table_says_and_nowhere_else() {
    for (name, way, node, accepted) in PLACES {
        let mut teller = Teller::new();
        way(&mut teller);
        let known: Vec<&str> = facts(&teller.0, *node).iter().map(|(word, _)| *word).collect();
        for (word, fact) in facts(&teller.0, *node) {
            let mut again = Teller::new();
            way(&mut again);
            let before = format!("{:?}", again.0);
            let taken = again.0.apply(9, &Event::Node(NodeIndex::new(*node), fact));
            assert_eq!(taken.is_ok(), accepted.contains(&word), "{word} when {name}");
            if taken.is_err() {
                assert_eq!(format!("{:?}", again.0), before, "a refused {word} changed the state");
            }
        }
        assert!(accepted.iter().all(|word| known.contains(word)), "{name}: a word is misspelt");
    }
}

/// The same for the run: its name, the way there, the facts that may follow.
type RunPlace = (&'static str, fn(&mut RunState), &'static [&'static str]);

#[test]
fn each_fact_about_the_run_fits_where_the_table_says_and_nowhere_else() {
    let finished = |outcome| RunEvent::Finished { outcome };
    let facts = [
        ("opened", opened()),
        (
            "resumed",
            RunEvent::Resumed { runner: ProcessId { pid: 1, start_ticks: 1 }, uncached: false },
        ),
        ("limited", RunEvent::Limited { facilities: Vec::new() }),
        ("closed", RunEvent::Closed),
        ("reopened", RunEvent::Reopened),
        ("heartbeat", RunEvent::Heartbeat),
        ("wall", RunEvent::WallExhausted),
        ("stopped", RunEvent::Stopped { reason: String::new() }),
        ("finished", finished(Outcome::Failed)),
    ];
    let places: &[RunPlace] = &[
        ("new", |_| {}, &["opened"]),
        (
            "opened",
            |s| tell(s, opened()),
            &["resumed", "closed", "limited", "heartbeat", "wall", "stopped"],
        ),
        (
            "all failed",
            all_failed,
            &["resumed", "closed", "limited", "heartbeat", "wall", "stopped", "finished"],
        ),
        (
            "closed",
            |s| {
                tell(s, opened());
                tell(s, RunEvent::Closed);
            },
            &[],
        ),
        (
            "finished",
            |s| {
                all_failed(s);
                tell(s, RunEvent::Finished { outcome: Outcome::Failed });
            },
            &["resumed", "limited", "heartbeat", "wall", "stopped", "reopened"],
        ),
        (
            "wall",
            |s| {
                tell(s, opened());
                tell(s, RunEvent::WallExhausted);
            },
            &["resumed", "closed", "limited", "heartbeat", "stopped", "finished"],
        ),
        (
            "finished by the wall",
            |s| {
                tell(s, opened());
                tell(s, RunEvent::WallExhausted);
                tell(s, RunEvent::Finished { outcome: Outcome::BudgetExhausted });
            },
            &["resumed", "limited", "heartbeat", "stopped"],
        ),
    ];
    for (name, way, accepted) in places {
        for (word, fact) in &facts {
            let mut state = RunState::new(&small());
            way(&mut state);
            let taken = state.apply(9, &Event::Run(fact.clone()));
            assert_eq!(taken.is_ok(), accepted.contains(word), "{word} when {name}");
        }
    }
}

fn tell(state: &mut RunState, event: RunEvent) {
    state.apply(0, &Event::Run(event)).unwrap();
}

fn all_failed(state: &mut RunState) {
    let mut teller = Teller::new();
    teller.fail(0);
    teller.fail(2);
    *state = teller.0;
}

#[test]
fn no_node_has_a_fact_before_the_run_is_opened() {
    let state = RunState::new(&small());
    for (word, fact) in facts(&state, 0) {
        assert!(state.check(&Event::Node(NodeIndex::new(0), fact)).is_err(), "{word}");
    }
}

#[test]
fn a_fact_about_a_node_that_is_not_there_is_refused() {
    let mut teller = Teller::new();
    let fact = Event::Node(NodeIndex::new(3), NodeEvent::Interrupted { salvage: None });
    let message = teller.0.apply(0, &fact).unwrap_err().to_string();
    assert!(message.contains("`Interrupted`") && message.contains("no node number 3"), "{message}");
}

#[test]
fn a_start_of_the_wrong_try_number_or_base_is_refused() {
    let mut teller = Teller::new();
    teller.to(0, "running");
    teller.node(0, NodeEvent::Interrupted { salvage: None });
    let started = |attempt, start, base, key| {
        let (base, from) = (commit(base), commit(3));
        Event::Node(NodeIndex::new(0), NodeEvent::Started { attempt, start, base, from, key })
    };
    let same = Some(key(1));
    for (attempt, start, base) in [(0, 2, 2), (2, 2, 2), (1, 1, 2), (1, 3, 2), (1, 2, 9)] {
        let fact = started(attempt, start, base, same.clone());
        assert!(teller.0.check(&fact).is_err(), "{attempt} {start} {base}");
    }
    for other in [None, Some(key(2))] {
        assert!(teller.0.check(&started(1, 2, 2, other.clone())).is_err(), "{other:?}");
    }
    assert!(teller.0.check(&started(1, 2, 2, same)).is_ok());
}

#[test]
fn a_result_that_is_taken_over_ends_its_node_with_what_it_had() {
    let mut teller = Teller::new();
    teller.node(0, cached(commit(7), 4));
    let run = &teller.0.nodes[0];
    assert_eq!((run.phase, run.word(), run.tried, run.start), (Phase::Committed, "cached", 0, 0));
    assert_eq!((run.commit.clone(), run.changes), (Some(commit(7)), 4));
    assert_eq!(run.taken_from.as_deref(), Some("world-0"));
    assert!(run.answers.iter().all(|answer| answer.verdict.is_pass()) && run.answers.len() == 1);
    assert_eq!(teller.0.nodes[1].phase, Phase::Ready, "what needs it may start");
    assert_eq!(teller.0.to_merge(), Some(NodeIndex::new(0)));
}

#[test]
fn a_run_that_takes_nothing_over_keeps_to_it() {
    let mut teller = Teller::new();
    let resumed =
        |uncached| RunEvent::Resumed { runner: ProcessId { pid: 1, start_ticks: 1 }, uncached };
    let taken = Event::Node(NodeIndex::new(0), cached(commit(7), 4));
    teller.run(resumed(false));
    assert!(teller.0.check(&taken).is_ok());
    teller.run(resumed(true));
    teller.run(resumed(false));
    assert!(teller.0.uncached && teller.0.check(&taken).is_err());
}

#[test]
fn what_a_fact_carries_is_not_poured_into_the_message() {
    let teller = Teller::new();
    let reason = "x".repeat(100_000);
    let fact = NodeEvent::Refused { reason, salvage: None };
    let message = teller.0.check(&Event::Node(NodeIndex::new(0), fact)).unwrap_err().to_string();
    assert_eq!(
        message,
        "`Refused` does not follow from the state of the run: node number 0 is ready"
    );
}

#[test]
fn only_tries_that_began_count_and_new_ones_go_on_from_them() {
    let mut teller = Teller::new();
    teller.fail(0);
    teller.fail(2);
    let numbers = |state: &RunState| -> Vec<(u32, u32)> {
        state.nodes.iter().map(|run| (run.tried, run.attempt)).collect()
    };
    assert_eq!(numbers(&teller.0), [(2, 2), (0, 1), (1, 1)]);
    teller.run(RunEvent::Finished { outcome: Outcome::Failed });
    teller.run(RunEvent::Reopened);
    assert_eq!(numbers(&teller.0), [(2, 3), (0, 1), (1, 2)]);
    teller.fail(0);
    assert_eq!(teller.0.nodes[0].tried, 4, "two more");
    let failure = teller.0.nodes[0].failure.as_ref().unwrap();
    assert!(failure.reason.ends_with("(after 2 attempts)"), "{}", failure.reason);
}

#[test]
fn a_gate_that_passed_a_limit_uses_a_budget_up_with_the_last_try() {
    let mut teller = Teller::new();
    let exceeded = |verdict| {
        let mut event = judged("unit", verdict);
        if let NodeEvent::Judged { exceeded, .. } = &mut event {
            *exceeded = Some("its memory budget is used up".to_owned());
        }
        event
    };
    teller.to(0, "harvested");
    let passed = Event::Node(NodeIndex::new(0), exceeded(Verdict::Pass));
    assert!(teller.0.check(&passed).is_err(), "what was ended cannot pass");
    teller.node(0, exceeded(Verdict::Fail));
    assert_eq!(teller.0.nodes[0].phase, Phase::Ready, "the next try may take less");
    teller.to(0, "harvested");
    teller.node(0, exceeded(Verdict::Fail));
    let failure = teller.0.nodes[0].failure.clone().unwrap();
    assert_eq!(failure.outcome, Outcome::BudgetExhausted);
    let reason = "gate unit did not pass: its memory budget is used up (after 2 attempts)";
    assert_eq!(failure.reason, reason);
}

#[test]
fn the_last_rejection_is_told_until_a_newer_one_comes() {
    let told = |state: &RunState| state.nodes[0].feedback.clone();
    let mut teller = Teller::new();
    teller.to(0, "harvested");
    teller.node(0, judged("unit", Verdict::Fail));
    let rejected = Some(Feedback::Rejected("unit says no".to_owned()));
    assert_eq!(told(&teller.0), rejected);
    teller.to(0, "running");
    teller.node(0, NodeEvent::Interrupted { salvage: None });
    assert_eq!(told(&teller.0), rejected, "an interruption is no news");
    teller.to(0, "harvested");
    teller.node(0, judged("unit", Verdict::Pass));
    teller.node(0, judged("lint", Verdict::Unknown));
    assert_eq!(told(&teller.0), Some(Feedback::Rejected("lint says no".to_owned())));
}

#[test]
fn the_last_failure_of_all_is_what_a_retry_is_told() {
    let mut teller = Teller::new();
    teller.to(0, "harvested");
    teller.node(0, judged("unit", Verdict::Fail));
    teller.to(0, "harvested");
    teller.node(0, judged("unit", Verdict::Pass));
    teller.node(0, judged("lint", Verdict::Fail));
    teller.fail(2);
    teller.run(RunEvent::Finished { outcome: Outcome::Failed });
    teller.run(RunEvent::Reopened);
    let told = Feedback::Rejected("lint says no".to_owned());
    assert_eq!(teller.0.nodes[0].feedback, Some(told));
}

#[test]
fn answers_that_come_late_are_paid_for_in_every_place() {
    let usage = Usage { input: 3, cached: 1, output: 2, reasoning: 1, ..Usage::default() };
    for (name, way, node, accepted) in PLACES {
        let mut teller = Teller::new();
        way(&mut teller);
        if accepted.contains(&"replied") {
            let before = teller.0.nodes[*node].phase;
            teller.node(*node, replied(usage));
            assert_eq!(teller.0.nodes[*node].usage, usage, "{name}");
            assert_eq!(teller.0.nodes[*node].phase, before, "{name}");
        }
    }
}

/// The views beside the phases say what the phases say.
fn assert_consistent(state: &RunState, plan: &Plan) {
    let count = |is: fn(Phase) -> bool| state.nodes.iter().filter(|run| is(run.phase)).count();
    assert_eq!(state.busy as usize, count(Phase::is_busy), "busy");
    assert_eq!(state.open as usize, count(|phase| !phase.is_final()), "open");
    for (position, run) in state.nodes.iter().enumerate() {
        let needs: Vec<NodeIndex> = plan.nodes[position].waits_for().collect();
        let is_over = |node: &&NodeIndex| {
            let run = state.node(**node);
            run.phase.is_final() && run.missing == 0
        };
        let missing = needs.len() - needs.iter().filter(is_over).count();
        if run.phase == Phase::Pending {
            assert_eq!(run.missing as usize, missing, "node {position}");
        }
        let is_decided =
            |need: &NodeIndex| matches!(state.node(*need).merge, Merge::Done | Merge::Left);
        // With all it needs it waits for the places of these in the branch only.
        let waits = missing > 0 || !needs.iter().all(is_decided);
        assert!(run.phase != Phase::Pending || waits, "node {position} is stuck");
        assert_eq!(run.commit.is_some(), run.phase == Phase::Committed);
        assert_eq!(run.running_since_ms.is_some(), run.phase == Phase::Running);
        assert!(run.tried <= run.attempts_before + plan.nodes[position].budget.attempts);
        let is_next = matches!(run.merge, Merge::Due | Merge::Torn);
        let is_decided = run.merge != Merge::Waiting && !is_next;
        assert!(is_decided || position >= state.merge_cursor, "node {position}: {:?}", run.merge);
        assert!(!is_next || position == state.merge_cursor, "node {position}");
    }
}

fn any_event() -> impl Strategy<Value = (bool, usize, usize)> {
    (prop::bool::weighted(0.05), 0..4_usize, 0..64_usize)
}

/// The fact that three small numbers name, in a state.
fn pick(state: &RunState, (is_run, node, kind): (bool, usize, usize)) -> Event {
    if is_run {
        return Event::Run(match kind % 5 {
            0 => RunEvent::Reopened,
            1 => RunEvent::Heartbeat,
            2 if kind > 50 => RunEvent::WallExhausted,
            3 => RunEvent::Stopped { reason: String::new() },
            _ => RunEvent::Finished { outcome: state.outcome() },
        });
    }
    let node = node.min(state.nodes.len() - 1);
    let mut facts = facts(state, node);
    let last = facts.len() - 1;
    Event::Node(NodeIndex::new(node), facts.swap_remove(kind.min(last + kind % 3) % (last + 1)).1)
}

proptest! {
    #![proptest_config(ProptestConfig {
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::with_cases(256)
    })]

    #[test]
    fn no_order_of_facts_panics_or_makes_the_counts_lie(
        events in prop::collection::vec(any_event(), 1..400),
        retries in any::<bool>(),
    ) {
        let plan = small();
        let mut state = RunState::new(&plan);
        tell(&mut state, opened());
        let mut taken = 0;
        for choice in events {
            let event = pick(&state, choice);
            taken += u32::from(state.apply(0, &event).is_ok());
            assert_consistent(&state, &plan);
            if retries && state.is_complete() && state.finished.is_none() {
                let outcome = state.outcome();
                tell(&mut state, RunEvent::Finished { outcome });
            }
        }
        assert!(taken > 0 || state.finished.is_none());
    }
}

#[test]
fn implementation_time_is_that_in_which_an_attempt_runs_and_is_not_held() {
    let mut told = Teller::new();
    let at = |told: &mut Teller, at_ms, node, event| {
        told.0.apply(at_ms, &Event::Node(NodeIndex::new(node), event)).unwrap();
    };
    let start = start_of(&told.0, 0);
    at(&mut told, 10, 0, start);
    assert_eq!((told.0.worked_ms(10), told.0.worked_ms(15)), (0, 5));
    at(&mut told, 20, 0, NodeEvent::Held);
    assert_eq!(told.0.worked_ms(25), 10, "held for the provider");
    let start = start_of(&told.0, 2);
    at(&mut told, 30, 2, start);
    at(&mut told, 40, 0, NodeEvent::Released);
    at(&mut told, 50, 0, ended(Ending::Completed));
    assert_eq!(told.0.worked_ms(60), 40, "two at once count once");
    at(&mut told, 70, 2, NodeEvent::Held);
    at(&mut told, 80, 2, NodeEvent::Interrupted { salvage: None });
    at(&mut told, 90, 0, harvested());
    at(&mut told, 100, 0, judged("unit", Verdict::Pass));
    assert_eq!(told.0.worked_ms(200), 50, "gates judge, nothing runs");
    let start = start_of(&told.0, 2);
    at(&mut told, 200, 2, start);
    told.0.apply(230, &Event::Run(RunEvent::WallExhausted)).unwrap();
    assert_eq!(told.0.worked_ms(900), 80);
}
