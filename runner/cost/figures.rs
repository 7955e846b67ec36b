//! Puts what was spent beside what may be spent, for each node, group and
//! requirement of a plan.
//!
//! Pure: from a plan and sums to figures. Unaware of journals and of how the
//! figures are shown.

use std::collections::BTreeMap;

use eufm_plan::id::groups_of;
use eufm_plan::units::Currency;
use eufm_plan::{Node, Plan, RunBudget, Work};

use super::Sums;
use crate::ledger::Tariffs;

/// The most that something may spend; `None` where no cap bounds it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bound {
    /// Money, in millionths of the currency.
    pub micros: Option<u64>,
    /// Tokens of prompts and answers.
    pub tokens: Option<u64>,
}

/// Nodes that go by one name, with what they may spend and have spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The node, the group or the requirement.
    pub name: String,
    /// How many nodes with an agent these are.
    pub nodes: usize,
    /// What they may spend together: the smaller of their caps' sum and the
    /// run's cap.
    pub bound: Bound,
    /// What they have spent.
    pub sums: Sums,
}

/// A plan's caps, with what was spent of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The currency of all amounts; `None` in a plan that names no money.
    pub currency: Option<Currency>,
    /// The run: what all nodes may spend together, and have.
    pub run: Entry,
    /// The nodes with an agent, in plan order; others spend nothing.
    pub nodes: Vec<Entry>,
    /// The groups that hold such nodes, each behind the one it lies in.
    pub groups: Vec<Entry>,
    /// The requirements that such nodes implement, by name. A node that
    /// implements several counts in full with each, so these add up to nothing.
    pub requirements: Vec<Entry>,
}

impl Figures {
    /// Makes the figures of a plan from the sums of its nodes, in plan order.
    pub(super) fn of(plan: &Plan, sums: &[Sums]) -> Self {
        let agents = || {
            let all = plan.nodes.iter().zip(sums);
            all.filter(|(node, _)| matches!(node.work, Work::Agent { .. }))
        };
        let mut run = Collected::default();
        agents().for_each(|(node, sums)| run.add(node, *sums));
        let nodes = agents().map(|(node, sums)| {
            let mut one = Collected::default();
            one.add(node, *sums);
            one.entry(&node.name, &plan.budget)
        });
        let groups = agents()
            .flat_map(|(node, sums)| groups_of(&node.name).map(move |group| (group, node, *sums)));
        let requirements = agents()
            .flat_map(|(node, sums)| node.implements.iter().map(move |it| (&**it, node, *sums)));
        let mut requirements = collected(requirements, &plan.budget);
        requirements.sort_by(|one, other| one.name.cmp(&other.name));
        Self {
            currency: Tariffs::of(plan).currency(),
            run: run.entry(&plan.pipeline, &plan.budget),
            nodes: nodes.collect(),
            groups: collected(groups, &plan.budget),
            requirements,
        }
    }
}

/// Collects nodes by name, in the order in which the names are first seen.
fn collected<'a>(
    items: impl Iterator<Item = (&'a str, &'a Node, Sums)>,
    run: &RunBudget,
) -> Vec<Entry> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all: Vec<(&str, Collected)> = Vec::new();
    for (name, node, sums) in items {
        let place = *places.entry(name).or_insert(all.len());
        if place == all.len() {
            all.push((name, Collected::default()));
        }
        all[place].1.add(node, sums);
    }
    all.into_iter().map(|(name, collected)| collected.entry(name, run)).collect()
}

/// What some nodes may spend and have spent.
#[derive(Debug, Clone, Copy)]
struct Collected {
    nodes: usize,
    /// The sum of their caps; `None` once one of them has none.
    caps: Bound,
    sums: Sums,
}

impl Default for Collected {
    fn default() -> Self {
        let caps = Bound { micros: Some(0), tokens: Some(0) };
        Self { nodes: 0, caps, sums: Sums::default() }
    }
}

impl Collected {
    fn add(&mut self, node: &Node, sums: Sums) {
        let both = |sum: Option<u64>, cap: Option<u64>| Some(sum?.saturating_add(cap?));
        self.nodes += 1;
        self.caps.micros = both(self.caps.micros, node.budget.cost.map(|cost| cost.micros));
        self.caps.tokens = both(self.caps.tokens, node.budget.tokens.map(|tokens| tokens.0));
        self.sums += sums;
    }

    fn entry(self, name: &str, run: &RunBudget) -> Entry {
        let least = |sum: Option<u64>, cap: Option<u64>| sum.into_iter().chain(cap).min();
        let bound = Bound {
            micros: least(self.caps.micros, run.cost.map(|cost| cost.micros)),
            tokens: least(self.caps.tokens, run.tokens.map(|tokens| tokens.0)),
        };
        Entry { name: name.to_owned(), nodes: self.nodes, bound, sums: self.sums }
    }
}

#[cfg(test)]
mod tests {
    use eufm_plan::units::{Money, Tokens};

    use super::*;
    use crate::ledger::Spent;
    use crate::ledger::account_test::agents;

    /// Four agents and a command; each agent has spent another amount.
    fn figures(change: impl FnOnce(&mut Plan)) -> Figures {
        let mut plan = agents(5, 2);
        let names = ["top", "a/one", "a/b/two", "a/b/three", "a/b/make"];
        for (node, name) in plan.nodes.iter_mut().zip(names) {
            node.name = name.to_owned();
            node.budget.cost = Money::parse("0.50 EUR");
        }
        plan.nodes[4].work = Work::Command(Box::default());
        plan.nodes[4].budget.cost = None;
        plan.nodes[1].implements = vec!["FR-2".to_owned(), "FR-1".to_owned()];
        plan.nodes[2].implements = vec!["FR-2".to_owned()];
        change(&mut plan);
        let sums = [1, 10, 100, 1_000, 0]
            .map(|micros| Sums { spent: Spent { micros, tokens: 2 * micros }, ..Sums::default() });
        Figures::of(&plan, &sums)
    }

    fn told(entries: &[Entry]) -> Vec<(&str, usize, Option<u64>, u64)> {
        let one = |it: &'_ Entry| (it.nodes, it.bound.micros, it.sums.spent.micros);
        entries.iter().map(|it| (it.name.as_str(), one(it).0, one(it).1, one(it).2)).collect()
    }

    #[test]
    fn each_node_group_and_requirement_has_its_bound_and_its_sum() {
        let figures = figures(|plan| plan.budget.cost = Money::parse("1.20 EUR"));
        assert_eq!(figures.currency.map(|it| it.to_string()).as_deref(), Some("EUR"));
        assert_eq!(told(&[figures.run]), [("world", 4, Some(1_200_000), 1_111)]);
        assert_eq!(
            told(&figures.nodes),
            [
                ("top", 1, Some(500_000), 1),
                ("a/one", 1, Some(500_000), 10),
                ("a/b/two", 1, Some(500_000), 100),
                ("a/b/three", 1, Some(500_000), 1_000),
            ]
        );
        assert_eq!(
            told(&figures.groups),
            [("a", 3, Some(1_200_000), 1_110), ("a/b", 2, Some(1_000_000), 1_100)]
        );
        assert_eq!(
            told(&figures.requirements),
            [("FR-1", 1, Some(500_000), 10), ("FR-2", 2, Some(1_000_000), 110)]
        );
    }

    #[test]
    fn without_a_cap_there_is_no_bound_and_the_runs_cap_bounds_all() {
        let none = figures(|plan| plan.nodes[2].budget.cost = None);
        let bounds = |entries: &[Entry]| -> Vec<_> {
            entries.iter().map(|it| (it.bound.micros, it.bound.tokens)).collect()
        };
        assert_eq!(bounds(&none.groups), [(None, None), (None, None)]);
        assert_eq!(none.run.bound, Bound::default());
        let capped = figures(|plan| {
            plan.nodes[2].budget.cost = None;
            plan.nodes[1].budget.tokens = Some(Tokens(7));
            plan.budget.cost = Money::parse("0.30 EUR");
            plan.budget.tokens = Some(Tokens(9));
        });
        assert_eq!(bounds(&capped.groups), [(Some(300_000), Some(9)); 2]);
        assert_eq!(bounds(&capped.nodes)[1], (Some(300_000), Some(7)));
    }

    #[test]
    fn a_plan_without_agents_may_spend_nothing() {
        let figures = Figures::of(&agents(0, 1), &[]);
        assert_eq!(figures.run.bound, Bound { micros: Some(0), tokens: Some(0) });
        assert!(figures.nodes.is_empty() && figures.groups.is_empty());
    }
}
