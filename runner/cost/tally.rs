//! Adds up what the requests of a run came to, by node and by hour.
//!
//! A fold over the same facts as the run's account, and it comes to the same
//! sums; it keeps apart what the account does not need. Pure. Unaware of caps
//! and of whether a fact fits: it is told of those that did.

use std::collections::BTreeMap;

use eufm_plan::NodeIndex;

use crate::event::{Event, NodeEvent, RunEvent};
use crate::ledger::{Spent, Usage};

/// How long an hour is, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

/// What some requests came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// What was spent: by answers, and by requests charged without one.
    pub spent: Spent,
    /// How many answers the model gave.
    pub answers: u64,
    /// How many of them used tokens that have no price; they count as tokens only.
    pub unpriced: u64,
    /// What the answers used, by kind of token.
    pub usage: Usage,
    /// Of what was spent: by requests that are charged what they reserved, since
    /// nobody knows what they used.
    pub charged: Spent,
    /// How many requests these are.
    pub charged_requests: u64,
    /// How many requests the provider did not take; they cost nothing.
    pub untaken: u64,
    /// What requests have reserved whose end is not known yet.
    pub reserved: Spent,
    /// How many requests these are.
    pub open: u64,
}

/// What was spent in one hour of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    /// Which hour of active time, from 0.
    pub hour: u64,
    /// What ended in it; nothing is reserved here.
    pub sums: Sums,
}

/// The sums of a run.
#[derive(Debug)]
pub(super) struct Tally {
    nodes: Vec<Sums>,
    hours: BTreeMap<u64, Sums>,
    /// What requests have reserved whose end is not known yet.
    open: BTreeMap<(NodeIndex, u32), Spent>,
}

impl Tally {
    /// Begins with nothing, for so many nodes.
    pub(super) fn of(nodes: usize) -> Self {
        let nodes = vec![Sums::default(); nodes];
        Self { nodes, hours: BTreeMap::new(), open: BTreeMap::new() }
    }

    /// Takes a fact that happened after `at_ms` milliseconds of active time.
    pub(super) fn take(&mut self, at_ms: u64, event: &Event) {
        match event {
            // Who held the open requests is gone; each is charged what it reserved.
            Event::Run(RunEvent::Resumed { .. }) => {
                for ((node, _), most) in std::mem::take(&mut self.open) {
                    self.add(at_ms, node, charged(most));
                }
            }
            Event::Run(_) => {}
            Event::Node(node, event) => self.take_of_node(at_ms, *node, event),
        }
    }

    fn take_of_node(&mut self, at_ms: u64, node: NodeIndex, event: &NodeEvent) {
        match event {
            NodeEvent::Asked { request, micros, tokens, .. } => {
                let most = Spent { micros: *micros, tokens: *tokens };
                self.open.insert((node, *request), most);
            }
            NodeEvent::Replied { usage, request, micros, .. } => {
                request.map(|request| self.open.remove(&(node, request)));
                self.add(at_ms, node, answered(*usage, *micros));
            }
            NodeEvent::Unanswered { request, micros, tokens, .. } => {
                self.open.remove(&(node, *request));
                let most = Spent { micros: *micros, tokens: *tokens };
                let is_free = most == Spent::default();
                let untaken = Sums { untaken: 1, ..Sums::default() };
                self.add(at_ms, node, if is_free { untaken } else { charged(most) });
            }
            _ => {}
        }
    }

    fn add(&mut self, at_ms: u64, node: NodeIndex, sums: Sums) {
        self.nodes[node.get()] += sums;
        *self.hours.entry(at_ms / HOUR_MS).or_default() += sums;
    }

    /// Returns the sums by node, in plan order, and by hour, the hours in which
    /// no request ended left out.
    pub(super) fn finish(mut self) -> (Vec<Sums>, Vec<Hour>) {
        for ((node, _), most) in self.open {
            self.nodes[node.get()] += Sums { reserved: most, open: 1, ..Sums::default() };
        }
        let hours = self.hours.into_iter().map(|(hour, sums)| Hour { hour, sums });
        (self.nodes, hours.collect())
    }
}

fn charged(most: Spent) -> Sums {
    Sums { spent: most, charged: most, charged_requests: 1, ..Sums::default() }
}

fn answered(usage: Usage, micros: Option<u64>) -> Sums {
    let tokens = usage.input.saturating_add(usage.output);
    let spent = Spent { micros: micros.unwrap_or(0), tokens };
    let unpriced = u64::from(micros.is_none() && tokens > 0);
    Sums { spent, answers: 1, unpriced, usage, ..Sums::default() }
}

impl std::ops::AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.spent += other.spent;
        self.answers += other.answers;
        self.unpriced += other.unpriced;
        self.usage += other.usage;
        self.charged += other.charged;
        self.charged_requests += other.charged_requests;
        self.untaken += other.untaken;
        self.reserved += other.reserved;
        self.open += other.open;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::account_test::agents;
    use crate::process::ProcessId;
    use crate::scheduler_world::Dice;
    use crate::state::RunState;
    use crate::state_test::{commit, opened};

    fn asked(request: u32, micros: u64) -> NodeEvent {
        NodeEvent::Asked { request, micros, tokens: 500, output: 100 }
    }

    fn replied(request: u32, micros: u64) -> NodeEvent {
        let usage = Usage { input: 90, cached: 40, output: 10, ..Usage::default() };
        NodeEvent::Replied { reply: 1, usage, request: Some(request), micros: Some(micros) }
    }

    fn unanswered(request: u32, micros: u64, tokens: u64) -> NodeEvent {
        NodeEvent::Unanswered { request, micros, tokens, reason: "it broke".to_owned() }
    }

    fn resumed() -> Event {
        let runner = ProcessId { pid: 1, start_ticks: 1 };
        Event::Run(RunEvent::Resumed { runner, uncached: false })
    }

    #[test]
    fn each_end_of_a_request_counts_in_its_own_way_and_hour() {
        let mut tally = Tally::of(2);
        let one = NodeIndex::new(1);
        for (at_ms, event) in [
            (0, asked(1, 900)),
            (HOUR_MS - 1, replied(1, 700)),
            (HOUR_MS, asked(2, 900)),
            (HOUR_MS, unanswered(2, 900, 500)),
            (HOUR_MS, asked(3, 900)),
            (HOUR_MS, unanswered(3, 0, 0)),
            (HOUR_MS, asked(4, 900)),
        ] {
            tally.take(at_ms, &Event::Node(one, event));
        }
        tally.take(3 * HOUR_MS, &resumed());
        tally.take(3 * HOUR_MS, &Event::Node(one, asked(5, 800)));
        let (nodes, hours) = tally.finish();
        assert_eq!(nodes[0], Sums::default());
        let Sums { spent, charged, reserved, .. } = nodes[1];
        assert_eq!(spent, Spent { micros: 2_500, tokens: 1_100 });
        assert_eq!(charged, Spent { micros: 1_800, tokens: 1_000 });
        assert_eq!(reserved, Spent { micros: 800, tokens: 500 });
        let Sums { answers, charged_requests, untaken, open, .. } = nodes[1];
        assert_eq!((answers, charged_requests, untaken, open), (1, 2, 1, 1));
        let spent: Vec<_> = hours.iter().map(|it| (it.hour, it.sums.spent.micros)).collect();
        assert_eq!(spent, [(0, 700), (1, 900), (3, 900)]);
    }

    #[test]
    fn an_answer_without_a_price_is_said_to_have_none() {
        let mut tally = Tally::of(1);
        let usage = Usage { input: 5, output: 5, ..Usage::default() };
        for usage in [usage, Usage::default()] {
            let event = NodeEvent::Replied { reply: 1, usage, request: None, micros: None };
            tally.take(0, &Event::Node(NodeIndex::new(0), event));
        }
        let (nodes, _) = tally.finish();
        assert_eq!((nodes[0].answers, nodes[0].unpriced, nodes[0].spent.tokens), (2, 1, 10));
    }

    /// Any history of requests: the tally and the run's account never differ.
    #[test]
    fn it_comes_to_the_sums_of_the_account() {
        let mut fitting = 0;
        for seed in 0..200 {
            let (plan, mut dice) = (agents(3, 3), Dice(seed));
            let (mut state, mut tally) = (RunState::new(&plan), Tally::of(3));
            let mut at_ms = 0;
            let mut take = |event: &Event| {
                at_ms += dice.below(400_000) as u64;
                let fits = state.apply(at_ms, event).is_ok();
                if fits {
                    tally.take(at_ms, event);
                }
                fits
            };
            take(&Event::Run(opened()));
            for node in 0..3 {
                let (base, from) = (commit(1), commit(1));
                let start = NodeEvent::Started { attempt: 1, start: 1, base, from, key: None };
                assert!(take(&Event::Node(NodeIndex::new(node), start)));
            }
            let (mut steps, mut last) = (Dice(seed + 1_000), [0_u32; 3]);
            for _ in 0..80 {
                let at = steps.below(3);
                let node = NodeIndex::new(at);
                // Of all the ends that are told some fit, the others do not count.
                let request = last[at].saturating_sub(u32::from(steps.one_in(3)));
                let micros = steps.below(5_000) as u64;
                let event = match steps.below(9) {
                    0..4 => Event::Node(node, asked(last[at] + 1, micros)),
                    4..6 => Event::Node(node, replied(request, micros)),
                    6 => Event::Node(node, unanswered(request, micros, micros)),
                    7 => Event::Node(node, unanswered(request, 0, 0)),
                    _ => resumed(),
                };
                let fits = take(&event);
                last[at] +=
                    u32::from(fits && matches!(event, Event::Node(_, NodeEvent::Asked { .. })));
                fitting += u32::from(fits);
            }
            let (nodes, hours) = tally.finish();
            let (mut used, mut spent) = (Spent::default(), Spent::default());
            for (node, sums) in nodes.iter().enumerate() {
                let mut both = sums.spent;
                both += sums.reserved;
                assert_eq!(both, state.account.used_by(NodeIndex::new(node)), "seed {seed}");
                used += both;
                spent += sums.spent;
            }
            assert_eq!(used, state.account.used());
            let by_hour = hours.iter().fold(Spent::default(), |mut sum, hour| {
                sum += hour.sums.spent;
                sum
            });
            assert_eq!(by_hour, spent);
        }
        assert!(fitting > 200 * 40, "{fitting} facts");
    }
}
