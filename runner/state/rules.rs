//! The rules by which verify nodes are judged, and what came of them.
//!
//! All rules of a node are judged, whatever the first ones come to: who looks at
//! it next sees everything that stands in the way. Those that ask a person come
//! last, so that nobody is asked about what fails anyhow. Unaware of what a rule
//! looks for.

use std::collections::{BTreeMap, BTreeSet};

use eufm_plan::{Level, NodeIndex, Plan, RuleIndex, Work};

use super::{Phase, RunState};
use crate::event::{NodeEvent, Outcome};
use crate::gates::Verdict;
use crate::rules;

/// The rules of a plan, by node, and the answers so far.
#[derive(Debug, Default)]
pub(super) struct Rulebook {
    of: BTreeMap<NodeIndex, Vec<RuleIndex>>,
    known: Vec<(String, Level)>,
    /// Those that are set aside: they are judged, and may fail.
    waived: BTreeSet<RuleIndex>,
    answers: BTreeMap<NodeIndex, Vec<RuleAnswer>>,
    /// What a person has said of the rule that is due.
    heard: BTreeMap<NodeIndex, rules::Outcome>,
}

/// What a rule came to on the tree of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleAnswer {
    /// The rule.
    pub rule: RuleIndex,
    /// The answer.
    pub verdict: Verdict,
    /// The reason, one line.
    pub reason: String,
    /// The places that it rests on.
    pub evidence: Vec<String>,
}

impl Rulebook {
    pub(super) fn of(plan: &Plan) -> Self {
        let all = plan.constitution.iter().flat_map(|constitution| &constitution.rules);
        let waived = all.clone().enumerate().filter(|(_, rule)| rule.waiver.is_some());
        let asks = |rule: &RuleIndex| {
            let rule = plan.constitution.as_ref().and_then(|it| it.rules.get(rule.get()));
            let kind = rule.and_then(|rule| rules::kind(&rule.kind));
            kind.is_some_and(rules::RuleKind::asks)
        };
        let of_node = |(position, node): (usize, &eufm_plan::Node)| match &node.work {
            Work::Verify { rules } if !rules.is_empty() => {
                let mut rules = rules.clone();
                rules.sort_by_key(asks);
                Some((NodeIndex::new(position), rules))
            }
            _ => None,
        };
        Self {
            of: plan.nodes.iter().enumerate().filter_map(of_node).collect(),
            waived: waived.map(|(at, _)| RuleIndex::new(at)).collect(),
            known: all.map(|rule| (rule.name.clone(), rule.level)).collect(),
            answers: BTreeMap::new(),
            heard: BTreeMap::new(),
        }
    }

    /// Returns how many rules a node is judged by.
    pub(super) fn count(&self, node: NodeIndex) -> usize {
        self.of.get(&node).map_or(0, Vec::len)
    }

    /// Forgets the answers on what a node was before.
    pub(super) fn forget(&mut self, node: NodeIndex) {
        self.answers.remove(&node);
        self.heard.remove(&node);
    }
}

impl RunState {
    /// Returns the rule that a node is to be judged by next: behind its gates.
    #[must_use]
    pub fn due_rule(&self, node: NodeIndex) -> Option<RuleIndex> {
        let Phase::Harvested(passed) = self.node(node).phase else { return None };
        let judged = (passed as usize).checked_sub(self.gates.at(node).len())?;
        self.book.of.get(&node)?.get(judged).copied()
    }

    /// Returns what the rules came to on a node's tree, in the order of judging.
    #[must_use]
    pub fn rulings(&self, node: NodeIndex) -> &[RuleAnswer] {
        self.book.answers.get(&node).map_or(&[], Vec::as_slice)
    }

    /// Returns what a person has said of the rule that is due at a node.
    #[must_use]
    pub fn heard_of_rule(&self, node: NodeIndex) -> Option<&rules::Outcome> {
        self.book.heard.get(&node)
    }

    /// Tells whether a person may be asked about a rule now: once.
    pub(super) fn may_ask_of_rule(&self, node: NodeIndex, name: &str) -> bool {
        let due = self.due_rule(node).and_then(|due| self.book.known.get(due.get()));
        due.is_some_and(|(due, _)| due == name) && self.heard_of_rule(node).is_none()
    }

    /// Takes what a person says of the rule that is due: it is judged with that.
    pub(super) fn heard_rule(&mut self, node: NodeIndex, holds: bool, by: String) {
        self.book.heard.insert(node, rules::Outcome::Answered { holds, by });
        let judged = self.node(node).answers.len() + self.rulings(node).len();
        self.set(node, Phase::Harvested(u32::try_from(judged).unwrap_or(u32::MAX)));
    }

    /// Tells whether a rule may be judged now.
    pub(super) fn may_rule(&self, node: NodeIndex, name: &str, level: Level) -> bool {
        let known = self.due_rule(node).and_then(|due| self.book.known.get(due.get()));
        known.is_some_and(|(due, binding)| due == name && *binding == level)
    }

    /// Takes a rule's answer. After the last one the node fails if a rule that
    /// must hold does not.
    pub(super) fn ruled(&mut self, node: NodeIndex, event: &NodeEvent) {
        let (Phase::Harvested(passed), Some(rule)) = (self.node(node).phase, self.due_rule(node))
        else {
            return;
        };
        let NodeEvent::Ruled { verdict, reason, evidence, .. } = event else { return };
        let (verdict, reason, evidence) = (*verdict, reason.clone(), evidence.clone());
        self.book.heard.remove(&node);
        let answers = self.book.answers.entry(node).or_default();
        answers.push(RuleAnswer { rule, verdict, reason, evidence });
        let is_last = answers.len() == self.book.count(node);
        match self.breach(node).filter(|_| is_last) {
            Some(reason) => self.fail(node, Outcome::Failed, reason),
            None => self.passed(node, passed + 1),
        }
    }

    /// Names the rules that must hold and do not.
    fn breach(&self, node: NodeIndex) -> Option<String> {
        let must = |rule: &RuleIndex| {
            let known = self.book.known.get(rule.get()).filter(|(_, level)| *level == Level::Must);
            known.filter(|_| !self.book.waived.contains(rule))
        };
        let broken = self.rulings(node).iter().filter(|answer| !answer.verdict.is_pass());
        let broken: Vec<(&str, &RuleAnswer)> =
            broken.filter_map(|answer| Some((must(&answer.rule)?.0.as_str(), answer))).collect();
        match &broken[..] {
            [] => None,
            [(name, answer)] => {
                Some(format!("rule {name} does not hold ({}): {}", answer.verdict, answer.reason))
            }
            all => {
                let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
                Some(format!("{} rules do not hold: {}", all.len(), names.join(", ")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use eufm_plan::{Constitution, Digest, Params, Rule};

    use super::*;
    use crate::event::{Ending, Event, RunEvent};
    use crate::state_test::{Sketch, commit, opened, plan_of};

    /// A plan whose second node verifies by four rules: one of each level, and one
    /// that asks a person although its name comes first.
    fn plan() -> Plan {
        let node = |needs: &[usize]| Sketch { needs: needs.to_vec(), gates: 1, attempts: 1 };
        let mut plan = plan_of(&[node(&[]), node(&[0]), node(&[1])], 2);
        let rule = |name: &str, kind: &str, level| Rule {
            waiver: None,
            name: name.to_owned(),
            kind: kind.to_owned(),
            level,
            cite: "words".to_owned(),
            line: 3,
            params: Params::default(),
        };
        plan.constitution = Some(Constitution {
            unmapped: Vec::new(),
            unmapped_more: 0,
            path: "c.md".to_owned(),
            digest: Digest::of(b"words"),
            rules: vec![
                rule("agreed", "human", Level::Must),
                rule("clean", "secrets", Level::Must),
                rule("small", "max_diff", Level::Should),
                rule("tidy", "max_lines", Level::May),
            ],
        });
        let rules = (0..4).map(RuleIndex::new).collect();
        plan.nodes[1].work = Work::Verify { rules };
        plan
    }

    fn told(state: &mut RunState, event: NodeEvent) {
        state.apply(0, &Event::Node(NodeIndex::new(1), event)).expect("it follows");
    }

    fn ruled(rule: &str, level: Level, verdict: Verdict) -> NodeEvent {
        let (rule, reason) = (rule.to_owned(), "because".to_owned());
        NodeEvent::Ruled {
            rule,
            level,
            verdict,
            reason,
            evidence: vec!["a:1: x".to_owned()],
            line: 3,
        }
    }

    /// A run whose verify node has its tree, which passed the gate.
    fn gated() -> RunState {
        let mut state = RunState::new(&plan());
        state.apply(0, &Event::Run(opened())).expect("it follows");
        let work = commit(7);
        let started = |base: &crate::git::CommitId| NodeEvent::Started {
            attempt: 1,
            start: 1,
            base: base.clone(),
            from: base.clone(),
            key: None,
        };
        let exited = || NodeEvent::Exited { ending: Ending::Completed, salvage: None };
        let harvested =
            || NodeEvent::Harvested { work: work.clone(), changes: 0, ignored: Vec::new() };
        let judged = || NodeEvent::Judged {
            gate: "unit".to_owned(),
            verdict: Verdict::Pass,
            reason: "because".to_owned(),
            feedback: None,
            exceeded: None,
        };
        for node in [0, 1].map(NodeIndex::new) {
            let facts = [started(&commit(1)), exited(), harvested()];
            for fact in facts {
                state.apply(0, &Event::Node(node, fact)).expect("it follows");
            }
            assert_eq!(state.due_rule(node), None, "gates come first");
            state.apply(0, &Event::Node(node, judged())).expect("it follows");
            if node.get() == 0 {
                let committed = NodeEvent::Committed { commit: work.clone() };
                state.apply(0, &Event::Node(node, committed)).expect("it follows");
            }
        }
        state
    }

    const ALL: [(&str, Level); 4] = [
        ("clean", Level::Must),
        ("small", Level::Should),
        ("tidy", Level::May),
        ("agreed", Level::Must),
    ];

    fn judged_by(verdicts: [Verdict; 4]) -> RunState {
        let mut state = gated();
        for ((rule, level), verdict) in ALL.into_iter().zip(verdicts) {
            told(&mut state, ruled(rule, level, verdict));
        }
        state
    }

    #[test]
    fn rules_are_judged_in_order_and_people_are_asked_last() {
        let mut state = gated();
        let node = NodeIndex::new(1);
        for (at, (rule, level)) in [1, 2, 3, 0].into_iter().zip(ALL) {
            assert_eq!(state.due_rule(node), Some(RuleIndex::new(at)));
            for (other, level) in ALL.into_iter().filter(|(other, _)| *other != rule) {
                let event = Event::Node(node, ruled(other, level, Verdict::Pass));
                assert!(state.check(&event).is_err(), "{other} before {rule}");
            }
            let other = if level == Level::Must { Level::May } else { Level::Must };
            let event = Event::Node(node, ruled(rule, other, Verdict::Pass));
            assert!(state.check(&event).is_err(), "another level than the plan's");
            told(&mut state, ruled(rule, level, Verdict::Pass));
        }
        assert_eq!(state.node(node).phase, Phase::Gated);
        assert_eq!(state.due_rule(node), None);
        assert_eq!(state.rulings(node).len(), 4);
        assert_eq!(state.rulings(node)[0].evidence, ["a:1: x"]);
        let event = Event::Node(NodeIndex::new(0), ruled("clean", Level::Must, Verdict::Pass));
        assert!(state.check(&event).is_err(), "no rules for other nodes");
    }

    #[test]
    fn what_must_hold_and_does_not_fails_the_node_once_all_is_judged() {
        use Verdict::{Fail, Pass, Unknown};
        for (verdicts, failure) in [
            ([Pass, Fail, Fail, Pass], None),
            ([Pass, Unknown, Pass, Pass], None),
            ([Fail, Pass, Pass, Pass], Some("rule clean does not hold (fail): because")),
            ([Unknown, Fail, Pass, Pass], Some("rule clean does not hold (unknown): because")),
            ([Pass, Pass, Pass, Unknown], Some("rule agreed does not hold (unknown): because")),
            ([Fail, Pass, Pass, Fail], Some("2 rules do not hold: clean, agreed")),
        ] {
            let state = judged_by(verdicts);
            let run = state.node(NodeIndex::new(1));
            let found = run.failure.as_ref().map(|it| (it.outcome, it.reason.as_str()));
            assert_eq!(found, failure.map(|reason| (Outcome::Failed, reason)), "{verdicts:?}");
            let phase = if failure.is_some() { Phase::Failed } else { Phase::Gated };
            assert_eq!(run.phase, phase);
            assert_eq!(state.rulings(NodeIndex::new(1)).len(), 4);
        }
        let mut early = gated();
        told(&mut early, ruled("clean", Level::Must, Fail));
        assert!(matches!(early.node(NodeIndex::new(1)).phase, Phase::Harvested(2)));
    }

    #[test]
    fn another_try_is_judged_by_all_rules_again() {
        let mut state = judged_by([Verdict::Fail; 4]);
        let (node, finished) = (NodeIndex::new(1), Outcome::Failed);
        state
            .apply(0, &Event::Node(NodeIndex::new(0), NodeEvent::Merged { head: commit(9) }))
            .expect_err("it changed nothing");
        for event in [RunEvent::Finished { outcome: finished }, RunEvent::Reopened] {
            state.apply(0, &Event::Run(event)).expect("it follows");
        }
        let started = NodeEvent::Started {
            attempt: 2,
            start: 2,
            base: commit(1),
            from: commit(1),
            key: None,
        };
        told(&mut state, started);
        told(&mut state, NodeEvent::Exited { ending: Ending::Completed, salvage: None });
        let harvested = NodeEvent::Harvested { work: commit(1), changes: 0, ignored: Vec::new() };
        told(&mut state, harvested);
        assert_eq!(state.rulings(node), []);
    }
}
