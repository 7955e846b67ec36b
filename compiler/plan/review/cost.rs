//! What a run may cost, by the caps of run and nodes.
//!
//! Only caps in one currency are added up. Unaware of prices and of whether a
//! runner holds the caps.

use std::cmp::Reverse;

use super::Group;
use crate::units::Currency;
use crate::{Node, Plan, RunBudget, Work};

/// What the nodes may ask for, all together, and what the run has.
pub(crate) struct Asked<'a> {
    run: &'a RunBudget,
    /// The currency of the sum: the run's, else that of the first cap.
    currency: Option<Currency>,
    /// The sum in millionths; a million nodes with the largest caps fit.
    sum: u128,
    /// The nodes with their caps in that currency.
    caps: Vec<(u64, &'a str)>,
    /// How many caps are in another one.
    foreign: usize,
    /// The nodes with an agent that have no cap of their own.
    open: Group<'a>,
}

/// Which caps bound what a run costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cover {
    /// That of the run.
    Run,
    /// Those of the nodes, all together.
    Nodes,
}

impl<'a> Asked<'a> {
    /// Begins with what the run has, before its first node.
    pub(super) fn of(plan: &'a Plan) -> Self {
        let currency = plan.budget.cost.map(|cost| cost.currency);
        Self {
            run: &plan.budget,
            currency,
            sum: 0,
            caps: Vec::new(),
            foreign: 0,
            open: Group::default(),
        }
    }

    pub(super) fn add(&mut self, node: &'a Node) {
        match node.budget.cost {
            Some(cost) if *self.currency.get_or_insert(cost.currency) == cost.currency => {
                self.sum += u128::from(cost.micros);
                self.caps.push((cost.micros, &node.name));
            }
            Some(_) => self.foreign += 1,
            None if matches!(node.work, Work::Agent { .. }) => self.open.add(&node.name),
            None => {}
        }
    }

    /// Tells whether caps bound what the run may cost.
    pub(super) fn is_capped(&self) -> bool {
        self.run.cost.is_some() || self.is_whole()
    }

    /// Tells whether the sum bounds the run.
    fn is_whole(&self) -> bool {
        self.open.count == 0 && self.foreign == 0
    }

    /// Tells whether the nodes may ask for more than the run has.
    pub(crate) fn is_overcommitted(&self) -> bool {
        let cap = self.run.cost.filter(|cap| Some(cap.currency) == self.currency);
        cap.is_some_and(|cap| self.sum > u128::from(cap.micros))
    }

    /// Returns the most that the run can cost, and by which caps; `None` where none
    /// bound it. Where both say the same it is the run's.
    pub(crate) fn most(&self) -> Option<(String, Cover)> {
        let sum = self.currency.filter(|_| self.is_whole()).map(|currency| (self.sum, currency));
        let run = self.run.cost.map(|cap| (u128::from(cap.micros), cap.currency));
        let ((micros, currency), cover) = match (run, sum) {
            (Some(run), Some(sum)) if sum.0 < run.0 => (sum, Cover::Nodes),
            (Some(run), _) => (run, Cover::Run),
            (None, sum) => (sum?, Cover::Nodes),
        };
        Some((money(micros, currency), cover))
    }

    /// Returns what the nodes may ask for where that is more than the run has, with the
    /// heaviest.
    pub(crate) fn overcommitment(&self) -> Option<(String, Group<'a>)> {
        let currency = self.currency.filter(|_| self.is_overcommitted())?;
        Some((money(self.sum, currency), self.heaviest()))
    }

    /// Returns the nodes with an agent that have no cap of their own, if there are any.
    pub(crate) fn open(&self) -> Option<&Group<'a>> {
        Some(&self.open).filter(|open| open.count > 0)
    }

    /// Tells whether the sum bounds the run less than another one does.
    pub(crate) fn is_more_than(&self, other: &Self) -> bool {
        let is_other = self.sum > 0 && other.sum > 0 && self.currency != other.currency;
        other.is_whole() && (!self.is_whole() || is_other || self.sum > other.sum)
    }

    /// Says what the run may cost, and which caps say so.
    pub(crate) fn line(&self) -> String {
        let foreign = match self.foreign {
            0 => String::new(),
            count => format!("; {count} caps in another currency are not added up"),
        };
        let rate = self.run.rate.map_or_else(String::new, |rate| {
            format!("; starts paced at {} per hour", money(rate.0.micros.into(), rate.0.currency))
        });
        self.caps_line() + &foreign + &rate
    }

    fn caps_line(&self) -> String {
        let Some(currency) = self.currency else {
            let nothing = "nothing: no node has an agent";
            return if self.open.count == 0 { nothing } else { "no cap" }.to_owned();
        };
        let sum = money(self.sum, currency);
        let Some(cap) = self.run.cost.map(|cap| u128::from(cap.micros)) else {
            return if self.is_whole() {
                format!("at most {sum} (the nodes' caps together)")
            } else if self.open.count > 0 {
                let open = super::counted(self.open.count, "agent node");
                format!("no cap: {open} without one; the others may ask {sum}")
            } else {
                format!("no cap: some may ask {sum}")
            };
        };
        let most = money(cap, currency);
        if self.sum > cap {
            let (asks, heaviest) = (amount(self.sum), self.heaviest());
            let each = amount(cap / self.caps.len().max(1) as u128);
            format!(
                "at most {most} (run cap); nodes may ask {asks}: overcommitted by {heaviest}; caps \
                 of {each} each would fit"
            )
        } else if self.is_whole() && self.sum < cap {
            format!("at most {sum} (the nodes' caps together; run cap {})", amount(cap))
        } else {
            format!("at most {most} (run cap)")
        }
    }

    /// Names the heaviest nodes; of equal ones those that stand first.
    fn heaviest(&self) -> Group<'a> {
        let mut caps = self.caps.clone();
        caps.sort_by_key(|(micros, _)| Reverse(*micros));
        let mut group = Group::default();
        caps.into_iter().for_each(|(_, name)| group.add(name));
        group
    }
}

/// Spells money without zeros at its end, but with two decimals.
fn money(micros: u128, currency: Currency) -> String {
    format!("{} {currency}", amount(micros))
}

fn amount(micros: u128) -> String {
    let (whole, below) = (micros / 1_000_000, micros % 1_000_000);
    let decimals = format!("{below:06}");
    format!("{whole}.{:0<2}", decimals.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::example::hello;
    use crate::units::{Money, Rate};

    fn asked(plan: &Plan) -> Asked<'_> {
        let mut asked = Asked::of(plan);
        plan.nodes.iter().for_each(|node| asked.add(node));
        asked
    }

    fn line(plan: &Plan) -> String {
        asked(plan).line()
    }

    fn with(run: &str, nodes: [&str; 3]) -> Plan {
        let mut plan = hello();
        plan.budget.cost = Money::parse(run);
        for (node, cost) in plan.nodes.iter_mut().zip(nodes) {
            node.budget.cost = Money::parse(cost);
        }
        plan
    }

    #[test]
    fn the_smaller_of_the_runs_cap_and_the_sum_of_the_nodes_bounds_the_run() {
        for (run, nodes, line) in [
            ("", ["", "", ""], "no cap"),
            ("1 EUR", ["", "", ""], "at most 1.00 EUR (run cap)"),
            ("1 EUR", ["0.50 EUR", "0.5 EUR", ""], "at most 1.00 EUR (run cap)"),
            (
                "1 EUR",
                ["0.25 EUR", "0.125 EUR", ""],
                "at most 0.375 EUR (the nodes' caps together; run cap 1.00)",
            ),
            ("1 EUR", ["0.25 EUR", "", ""], "at most 1.00 EUR (run cap)"),
            (
                "1 EUR",
                ["0.5 EUR", "1.5 EUR", ""],
                "at most 1.00 EUR (run cap); nodes may ask 2.00: overcommitted by readme, greet; caps of \
                 0.50 each would fit",
            ),
            ("", ["0.5 EUR", "1.5 EUR", ""], "at most 2.00 EUR (the nodes' caps together)"),
            (
                "",
                ["0.5 EUR", "", ""],
                "no cap: 1 agent node without one; the others may ask 0.50 EUR",
            ),
            (
                "2 EUR",
                ["0.5 EUR", "1 USD", ""],
                "at most 2.00 EUR (run cap); 1 caps in another currency are not added up",
            ),
            (
                "",
                ["0.5 EUR", "1 USD", ""],
                "no cap: some may ask 0.50 EUR; 1 caps in another currency are not added up",
            ),
        ] {
            let plan = with(run, nodes);
            assert_eq!(super::tests::line(&plan), line);
            assert_eq!(asked(&plan).is_capped(), !line.starts_with("no cap"), "{line}");
        }
    }

    #[test]
    fn a_run_without_agents_costs_nothing_and_a_rate_is_said() {
        let mut plan = hello();
        plan.budget.rate = Rate::parse("1.25 EUR per hour");
        assert_eq!(line(&plan), "no cap; starts paced at 1.25 EUR per hour");
        plan.budget.rate = None;
        plan.nodes.drain(..2);
        assert_eq!(line(&plan), "nothing: no node has an agent");
        assert!(asked(&plan).is_capped());
    }

    #[test]
    fn a_million_of_the_largest_caps_add_up() {
        let mut plan = with("", ["999999999.999999 EUR"; 3]);
        let node = plan.nodes[0].clone();
        plan.nodes = vec![node; 100_000];
        assert!(line(&plan).starts_with("at most 99999999999999.90 EUR"), "{}", line(&plan));
    }
}
