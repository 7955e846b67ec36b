//! Tests of the scheduler: the laws of a run, for any plan, order and crash.

use std::collections::BTreeMap;

use eufm_plan::units::Rate;
use eufm_plan::{NodeIndex, OnFail, Plan, Work};
use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::test_runner::RngSeed;

use crate::event::{Action, Ending, Event, NodeEvent, Outcome, RunEvent};
use crate::gateway::Usage;
use crate::ledger::account_test::agents;
use crate::scheduler::Scheduler;
use crate::scheduler_world::{Dice, Fate, Result, World, mix, some_plan};
use crate::state::Phase;
use crate::state_test::{Sketch, commit, opened, plan_of};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(2),
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn a_run_ends_as_its_nodes_decide_in_whatever_order_they_work(
        seed in any::<u64>(), size in 0..40_usize,
    ) {
        let (plan, fate) = (some_plan(seed, size), Fate(seed));
        let (_, result) = World::resume(&plan, fate, seed, &[], false).finish();
        assert_eq!(result, Result::expected(&plan, fate, 1));
    }

    #[test]
    fn a_run_that_is_stopped_again_and_again_ends_the_same(
        seed in any::<u64>(), size in 0..40_usize,
    ) {
        let (plan, fate) = (some_plan(seed, size), Fate(seed));
        let mut journal = Vec::new();
        for round in 0..5 {
            let mut world = World::resume(&plan, fate, mix(&[seed, round]), &journal, false);
            world.run_and_stop(usize::try_from(mix(&[seed, round, 3]) % 60).unwrap());
            journal = world.journal;
        }
        let (_, result) = World::resume(&plan, fate, seed, &journal, false).finish();
        assert_eq!(result, Result::expected(&plan, fate, 1));
    }

    #[test]
    fn a_run_out_of_time_ends_with_its_budget_exhausted(
        seed in any::<u64>(), size in 1..20_usize, steps in 0..200_usize,
    ) {
        let (plan, fate) = (some_plan(seed, size), Fate(seed));
        let mut world = World::resume(&plan, fate, seed, &[], false);
        for _ in 0..steps {
            world.go_on();
        }
        if world.scheduler.state().finished.is_some() {
            return Ok(());
        }
        world.take(&Event::Run(RunEvent::WallExhausted));
        let told = world.journal.len();
        let (journal, result) = world.finish();
        assert!(matches!(result.outcome, Outcome::BudgetExhausted | Outcome::Unavailable));
        for crash in told..=journal.len() {
            let resumed = World::resume(&plan, fate, mix(&[seed, 9]), &journal[..crash], false);
            assert_eq!(resumed.finish().1, result, "crash after {crash} of {}", journal.len());
        }
    }
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn a_run_resumed_from_every_prefix_of_its_journal_ends_the_same(
        seed in any::<u64>(), size in 0..9_usize,
    ) {
        let (plan, fate) = (some_plan(seed, size), Fate(seed));
        let (journal, result) = World::resume(&plan, fate, seed, &[], false).finish();
        assert_eq!(result, Result::expected(&plan, fate, 1));
        for crash in 0..=journal.len() {
            let seed = mix(&[seed, crash as u64]);
            let resumed = World::resume(&plan, fate, seed, &journal[..crash], false);
            let (longer, again) = resumed.finish();
            assert_eq!(again, result, "crash after {crash} of {}", journal.len());
            let later = crash + Dice(seed).below(longer.len() + 1 - crash);
            let twice = World::resume(&plan, fate, mix(&[seed, 4]), &longer[..later], false);
            assert_eq!(twice.finish().1, result, "crashes after {crash} and {later}");
        }
    }

    #[test]
    fn nodes_that_did_not_succeed_get_new_attempts_and_no_others(
        seed in any::<u64>(), size in 1..9_usize,
    ) {
        let (plan, fate) = (some_plan(seed, size), Fate(seed));
        let (first, _) = World::resume(&plan, fate, seed, &[], false).finish();
        let (journal, result) = World::resume(&plan, fate, seed, &first, true).finish();
        assert_eq!(result, Result::expected(&plan, fate, 2));
        let is_reopened = |event: &Event| *event == Event::Run(RunEvent::Reopened);
        let reopened = journal.iter().position(is_reopened).expect("retried");
        for crash in first.len()..=journal.len() {
            // Between the two records the run is finished: the person asks again.
            let retry = crash <= reopened;
            let resumed = World::resume(&plan, fate, mix(&[seed, 5]), &journal[..crash], retry);
            assert_eq!(resumed.finish().1, result, "crash after {crash} of {}", journal.len());
        }
    }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn a_run_that_a_failure_halts_starts_nothing_more_whenever_it_is_resumed(
        seed in any::<u64>(), size in 1..9_usize,
    ) {
        let (mut plan, fate) = (some_plan(seed, size), Fate(seed));
        for (position, node) in plan.nodes.iter_mut().enumerate() {
            if mix(&[seed, 6, position as u64]).is_multiple_of(2) {
                node.on_fail = OnFail::Stop;
            }
        }
        // The world watches that nothing starts once the run is halted.
        let (journal, _) = World::resume(&plan, fate, seed, &[], false).finish();
        for crash in 0..=journal.len() {
            let (seed, told) = (mix(&[seed, crash as u64]), &journal[..crash]);
            let (_, result) = World::resume(&plan, fate, seed, told, false).finish();
            let failed = plan.nodes.iter().zip(result.phases());
            let halts = failed.filter(|(node, phase)| {
                node.on_fail == OnFail::Stop && *phase == Phase::Failed
            });
            let is_cut = result.phases().any(|phase| phase == Phase::Cancelled);
            assert!(halts.count() > 0 || !is_cut, "nobody halted the run");
        }
    }
}

#[test]
fn the_world_is_not_dull() {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let word = |text: String| text.split([' ', '(']).next().unwrap_or_default().to_owned();
    for seed in 0..300 {
        let (plan, fate) = (some_plan(seed, 12), Fate(seed));
        let (journal, result) = World::resume(&plan, fate, seed, &[], false).finish();
        for event in &journal {
            let word = match event {
                Event::Run(event) => word(format!("{event:?}")),
                Event::Node(_, NodeEvent::Judged { verdict, .. }) => format!("{verdict:?}"),
                Event::Node(_, NodeEvent::Exited { ending, .. }) => word(format!("{ending:?}")),
                Event::Node(_, event) => word(format!("{event:?}")),
            };
            *seen.entry(word).or_default() += 1;
        }
        *seen.entry(format!("ends {:?}", result.outcome)).or_default() += 1;
    }
    let expected = [
        "Answered",
        "Cached",
        "Committed",
        "Completed",
        "Conflicted",
        "Fail",
        "Failed",
        "Harvested",
        "Interrupted",
        "Merged",
        "Pass",
        "Questioned",
        "Refused",
        "Replied",
        "Ruled",
        "TimedOut",
        "Unavailable",
        "Unknown",
        "Unmergeable",
        "ends BudgetExhausted",
        "ends Failed",
        "ends Unavailable",
    ];
    for word in expected {
        assert!(seen.get(word).is_some_and(|count| *count >= 10), "{word}: {seen:?}");
    }
    assert!(seen.contains_key("ends Done"), "{seen:?}");
}

#[test]
fn the_world_holds_agents_back_for_money_and_lets_them_work_alone() {
    let (mut held_back, mut alone) = (0, 0);
    for seed in 0..100 {
        let (plan, fate) = (some_plan(seed, 12), Fate(seed));
        let mut world = World::resume(&plan, fate, seed, &[], false);
        world.run();
        held_back += world.paced.0;
        alone += world.paced.1;
    }
    assert!(held_back > 100 && alone > 30, "{held_back} {alone}");
}

/// A run of agents and one command, the last node, at 1 EUR an hour.
struct PacedRun(Scheduler);

impl PacedRun {
    fn of(nodes: usize, parallel: u32) -> (Self, Vec<Action>) {
        let mut plan = agents(nodes, parallel);
        plan.budget.rate = Rate::parse("1 EUR per hour");
        plan.nodes[nodes - 1].work = Work::Command(Box::default());
        let mut run = Self(Scheduler::new(&plan));
        let actions = run.0.on(0, &Event::Run(opened())).unwrap();
        (run, actions)
    }

    fn node(&mut self, minute: u64, node: usize, event: NodeEvent) -> Vec<Action> {
        self.0.on(minute * 60_000, &Event::Node(NodeIndex::new(node), event)).unwrap()
    }

    fn started(&mut self, minute: u64, node: usize) {
        let (base, from) = (commit(1), commit(1));
        let event = NodeEvent::Started { attempt: 1, start: 1, base, from, key: None };
        assert!(self.node(minute, node, event).is_empty());
    }

    fn spends(&mut self, minute: u64, node: usize, micros: u64) -> Vec<Action> {
        let (usage, micros) = (Usage::default(), Some(micros));
        self.node(minute, node, NodeEvent::Replied { reply: 1, usage, request: None, micros })
    }

    /// Ends a node, and returns what is started then.
    fn ends(&mut self, minute: u64, node: usize) -> Vec<Action> {
        let ending = Ending::TimedOut;
        self.node(minute, node, NodeEvent::Exited { ending, salvage: None })
    }

    fn heartbeat(&mut self, minute: u64) -> Vec<Action> {
        self.0.on(minute * 60_000, &Event::Run(RunEvent::Heartbeat)).unwrap()
    }
}

fn start(node: usize) -> Action {
    Action::Start(NodeIndex::new(node))
}

#[test]
fn an_agent_waits_for_implementation_time_and_commands_do_not() {
    let (mut run, actions) = PacedRun::of(5, 2);
    assert_eq!(actions, [start(0), start(1)], "one hour is allowed in advance");
    run.started(0, 0);
    run.started(0, 1);
    assert!(run.spends(10, 0, 1_500_000).is_empty());
    assert_eq!(run.ends(10, 0), [start(4)], "the command needs no money");
    run.started(10, 4);
    assert!(run.ends(20, 4).is_empty(), "an agent waits");
    assert!(run.0.held_back(20 * 60_000).is_some());
    // While all are held for the provider no implementation time passes.
    run.node(20, 1, NodeEvent::Held);
    assert!(run.heartbeat(100).is_empty());
    run.node(100, 1, NodeEvent::Released);
    assert!(run.heartbeat(109).is_empty());
    assert_eq!(run.heartbeat(110), [start(2)], "30 minutes allow 0.50 EUR more");
    assert!(run.0.held_back(110 * 60_000).is_none());
}

#[test]
fn with_nothing_else_under_way_one_agent_works_alone() {
    let (mut run, _) = PacedRun::of(5, 2);
    run.started(0, 0);
    run.started(0, 1);
    run.spends(10, 0, 50_000_000);
    assert_eq!(run.ends(10, 0), [start(4)]);
    run.started(10, 4);
    assert!(run.ends(11, 1).is_empty(), "the command is still under way");
    assert_eq!(run.ends(12, 4), [start(2)], "one, though two could run");
    assert!(run.heartbeat(13).is_empty(), "it is about to start");
    run.started(13, 2);
    assert!(run.heartbeat(14).is_empty(), "it runs");
    assert_eq!(run.ends(15, 2), [start(3)]);
}

#[test]
fn a_resumed_run_is_paced_as_it_was() {
    let (mut run, _) = PacedRun::of(3, 2);
    run.started(0, 0);
    run.spends(6, 0, 1_200_000);
    let state = run.0.state();
    assert_eq!(
        state.paced(state.at_ms).map(|it| (it.spent, it.allowed)),
        Some((1_200_000, 1_100_000))
    );
    let mut again = PacedRun::of(3, 2).0;
    again.started(0, 0);
    again.spends(6, 0, 1_200_000);
    let runner = crate::process::ProcessId { pid: 1, start_ticks: 1 };
    let resumed = Event::Run(RunEvent::Resumed { runner, uncached: false });
    again.0.on(6 * 60_000, &resumed).unwrap();
    assert_eq!(again.0.state().paced(6 * 60_000), state.paced(6 * 60_000));
}

#[test]
fn a_run_that_is_reopened_while_it_is_shown_is_finished_again() {
    let plan = plan_of(&[Sketch { needs: vec![], gates: 0, attempts: 1 }], 1);
    let fate = (0..1_000).map(Fate).find(|fate| {
        let result = Result::expected(&plan, *fate, 1);
        result.outcome != Outcome::Done
            && Result::expected(&plan, *fate, 2).outcome == Outcome::Done
    });
    let fate = fate.expect("one of many");
    let mut world = World::resume(&plan, fate, 1, &[], false);
    world.run();
    world.take(&Event::Run(RunEvent::Reopened));
    assert_eq!(world.finish().1.outcome, Outcome::Done);
}

#[test]
fn an_empty_plan_is_done_at_once() {
    let plan = plan_of(&[], 1);
    let mut scheduler = Scheduler::new(&plan);
    let actions = scheduler.on(0, &Event::Run(opened())).unwrap();
    assert_eq!(actions, [Action::Finish(Outcome::Done)]);
    assert!(scheduler.resume().is_empty(), "nothing is told twice");
}

/// A plan large enough that anything quadratic shows.
const MANY: usize = 100_000;

/// Runs a large plan in which all goes well, in the order of the actions, and
/// returns how many facts that took.
fn run_large(plan: &Plan, fails_first: bool) -> (Scheduler, Vec<Event>) {
    let mut scheduler = Scheduler::new(plan);
    let mut journal = vec![Event::Run(opened())];
    let mut taken = 0;
    while taken < journal.len() {
        let actions = scheduler.on(0, &journal[taken]).unwrap();
        taken += 1;
        for action in actions {
            journal.extend(facts_of(&scheduler, action, fails_first));
        }
    }
    (scheduler, journal)
}

fn facts_of(scheduler: &Scheduler, action: Action, fails_first: bool) -> Vec<Event> {
    let tell = |node, events: Vec<NodeEvent>| {
        events.into_iter().map(|event| Event::Node(node, event)).collect()
    };
    match action {
        Action::Start(node) => {
            let start = scheduler.state().node(node).start + 1;
            let (base, from) = (commit(1), commit(1));
            let ending = match fails_first {
                true if node.get() == 0 => Ending::TimedOut,
                _ => Ending::Completed,
            };
            let started = NodeEvent::Started { attempt: 1, start, base, from, key: None };
            tell(node, vec![started, NodeEvent::Exited { ending, salvage: None }])
        }
        Action::Harvest(node) => {
            let (work, ignored) = (commit(2), Vec::new());
            tell(node, vec![NodeEvent::Harvested { work, changes: 1, ignored }])
        }
        Action::Commit(node) => tell(node, vec![NodeEvent::Committed { commit: commit(2) }]),
        Action::Merge(node) => tell(node, vec![NodeEvent::Merged { head: commit(3) }]),
        Action::Finish(outcome) => vec![Event::Run(RunEvent::Finished { outcome })],
        Action::Judge(..)
        | Action::Rule(..)
        | Action::Recover(_)
        | Action::Ask(_)
        | Action::Reconcile(_) => {
            unreachable!("no gates, no rules, no crash, no questions")
        }
    }
}

fn large(needs: impl Fn(usize) -> Vec<usize>, parallel: u32) -> Plan {
    let sketch = |position| Sketch { needs: needs(position), gates: 0, attempts: 1 };
    plan_of(&(0..MANY).map(sketch).collect::<Vec<_>>(), parallel)
}

fn chain() -> Plan {
    large(|position| position.checked_sub(1).into_iter().collect(), 4)
}

/// Anything quadratic takes minutes here; the limit is far from what is needed.
fn assert_quick(work: impl FnOnce()) {
    let begun = std::time::Instant::now();
    work();
    assert!(begun.elapsed().as_secs() < 60, "it took {:?}", begun.elapsed());
}

#[test]
fn a_chain_of_100_000_nodes_runs_and_replays_in_linear_time() {
    assert_quick(|| {
        let plan = chain();
        let (scheduler, journal) = run_large(&plan, false);
        assert_eq!(scheduler.state().finished, Some(Outcome::Done));
        let mut again = Scheduler::new(&plan);
        for event in &journal {
            again.replay(0, event).unwrap();
        }
        assert!(again.resume().is_empty());
        assert_eq!(Result::of(&again), Result::of(&scheduler));
    });
}

#[test]
fn a_chain_of_100_000_nodes_is_blocked_and_reopened_without_recursion() {
    assert_quick(|| {
        let (mut scheduler, _) = run_large(&chain(), true);
        assert_eq!(scheduler.state().finished, Some(Outcome::BudgetExhausted));
        assert_eq!(scheduler.state().nodes[MANY - 1].phase, Phase::Blocked);
        let actions = scheduler.on(0, &Event::Run(RunEvent::Reopened)).unwrap();
        assert_eq!(actions, [Action::Start(NodeIndex::new(0))]);
        assert_eq!(scheduler.state().open as usize, MANY);
    });
}

#[test]
fn nodes_that_stand_alone_run_in_linear_time_with_few_or_many_at_once() {
    for parallel in [2, 1_024, u32::MAX] {
        assert_quick(|| {
            let (scheduler, _) = run_large(&large(|_| Vec::new(), parallel), false);
            assert_eq!(scheduler.state().finished, Some(Outcome::Done));
        });
    }
}

#[test]
fn a_node_that_needs_all_others_is_not_looked_at_again_and_again() {
    assert_quick(|| {
        // Half of the nodes feed one, which is merged while the rest works.
        let hub = MANY / 2;
        let plan = large(|node| if node == hub { (0..hub).collect() } else { Vec::new() }, 8);
        let (scheduler, _) = run_large(&plan, false);
        assert_eq!(scheduler.state().finished, Some(Outcome::Done));
    });
}

#[test]
fn outside_of_its_hours_a_run_starts_nothing_and_ends_what_runs() {
    let sketch = |needs: &[usize]| Sketch { needs: needs.to_vec(), gates: 1, attempts: 2 };
    let mut plan = plan_of(&[sketch(&[]), sketch(&[0]), sketch(&[])], 1);
    plan.nodes[2].work = Work::Approval { ask: "Well?".to_owned() };
    let mut scheduler = Scheduler::new(&plan);
    assert!(scheduler.set_closed(true).is_empty());
    let actions = scheduler.on(0, &Event::Run(opened())).unwrap();
    assert_eq!(actions, [Action::Ask(NodeIndex::new(2))], "a question is no start");
    assert!(!scheduler.waits_for_people(), "a node waits for the hour");
    assert_eq!(scheduler.set_closed(false), [start(0)]);
    assert!(scheduler.set_closed(true).is_empty());
    // It was told to start before the hour was over.
    let node = NodeIndex::new(0);
    let (base, from) = (commit(1), commit(1));
    let started = NodeEvent::Started { attempt: 1, start: 1, base, from, key: None };
    let mut on = |event| scheduler.on(0, &Event::Node(node, event)).unwrap();
    assert!(on(started).is_empty());
    let exited = NodeEvent::Exited { ending: Ending::Completed, salvage: None };
    assert_eq!(on(exited), [Action::Harvest(node)]);
    let harvested = NodeEvent::Harvested { work: commit(2), changes: 1, ignored: Vec::new() };
    assert!(matches!(on(harvested)[..], [Action::Judge(..)]));
    let verdict = crate::gates::Verdict::Fail;
    let (gate, reason) = (plan.gates[0].name.clone(), "no".to_owned());
    let judged = NodeEvent::Judged { gate, verdict, reason, feedback: None, exceeded: None };
    assert!(on(judged).is_empty(), "another try is a start");
    assert_eq!(scheduler.set_closed(false), [start(0)]);
}
