//! `cost`: the run cannot cost more than the smaller of its cap and the sum of its
//! nodes' caps.
//!
//! Rests on the gateway, which admits each request against the account of the run;
//! see docs/money.md. Unaware of prices.

use super::{Facts, Finding};
use crate::review::Cover;

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    if !facts.agents {
        return Some(Finding::holds("nothing: no node has an agent"));
    }
    let asked = crate::review::asked(facts.plan);
    let Some((most, by)) = asked.most() else {
        let why = match asked.open() {
            Some(open) => format!("no cap on money covers {open}"),
            None => "caps in several currencies are not added up".to_owned(),
        };
        return Some(Finding::not_claimed(why));
    };
    let by = match by {
        Cover::Run => "the run's cap",
        Cover::Nodes => "the nodes' caps together",
    };
    let mut claim = format!(
        "at most {most}, {by}; a request goes out only if the caps can pay for the most that it \
         can cost"
    );
    if let Some((sum, heaviest)) = asked.overcommitment() {
        claim.push_str(&format!("; the nodes may ask for {sum}, most of all {heaviest}"));
    }
    if let Some(open) = asked.open() {
        claim.push_str(&format!("; without a cap of their own: {open}"));
    }
    Some(Finding::holds(claim))
}

#[cfg(test)]
mod tests {
    use super::super::sketch::{Chance, GRAPHS, agent, approval, command, plan_of};
    use super::super::{Verdict, proof as prove_one};
    use crate::units::{Currency, Money};
    use crate::{Node, Plan};

    fn cost(plan: &Plan) -> (Verdict, String) {
        let proof = prove_one(plan, "cost");
        let proof = proof.expect("it is always said");
        (proof.verdict, proof.claim)
    }

    fn with(run: &str, caps: [&str; 2]) -> Plan {
        let capped = |name, cap| {
            let mut node = agent(name);
            node.budget.cost = Money::parse(cap);
            node
        };
        let mut plan = plan_of([(capped("a", caps[0]), &[]), (capped("b", caps[1]), &[0])]);
        plan.budget.cost = Money::parse(run);
        plan
    }

    const REST: &str = "a request goes out only if the caps can pay for the most that it can cost";

    #[test]
    fn the_smaller_of_both_bounds_is_told_and_which_it_is() {
        for (run, caps, claim) in [
            (
                "1 EUR",
                ["", ""],
                format!(
                    "at most 1.00 EUR, the run's cap; {REST}; without a cap of their own: a, b"
                ),
            ),
            ("3 EUR", ["1 EUR", "2 EUR"], format!("at most 3.00 EUR, the run's cap; {REST}")),
            (
                "4 EUR",
                ["1 EUR", "2 EUR"],
                format!("at most 3.00 EUR, the nodes' caps together; {REST}"),
            ),
            (
                "",
                ["1 EUR", "2.5 EUR"],
                format!("at most 3.50 EUR, the nodes' caps together; {REST}"),
            ),
            (
                "2 EUR",
                ["1 EUR", "2 EUR"],
                format!(
                    "at most 2.00 EUR, the run's cap; {REST}; the nodes may ask for 3.00 EUR, most of all b, a"
                ),
            ),
            (
                "4 EUR",
                ["1 EUR", ""],
                format!("at most 4.00 EUR, the run's cap; {REST}; without a cap of their own: b"),
            ),
        ] {
            assert_eq!(cost(&with(run, caps)), (Verdict::Holds, claim));
        }
        let open = (Verdict::NotClaimed, "no cap on money covers b".to_owned());
        assert_eq!(cost(&with("", ["1 EUR", ""])), open);
        let foreign = "caps in several currencies are not added up".to_owned();
        assert_eq!(cost(&with("", ["1 EUR", "1 USD"])), (Verdict::NotClaimed, foreign));
        let none = (Verdict::Holds, "nothing: no node has an agent".to_owned());
        assert_eq!(cost(&plan_of([(command("c"), &[])])), none);
    }

    /// The figure as an oracle finds it: over all subsets of nodes, what the dearest asks
    /// for, where the run's cap does not end it before.
    #[test]
    fn an_oracle_that_adds_up_every_set_of_nodes_agrees() {
        let (mut by_run, mut by_nodes) = (0, 0);
        for seed in 0..GRAPHS {
            let mut chance = Chance::new(seed);
            let eur = Currency::parse("EUR").expect("a currency");
            let cap = |chance: &mut Chance| {
                let micros = 1 + chance.below(3_000_000) as u64;
                (!chance.one_in(5)).then_some(Money { micros, currency: eur })
            };
            let node = |chance: &mut Chance, at: usize| {
                let name = format!("n{at}");
                let own = [agent, approval, agent][chance.below(3)];
                let mut node: Node = own(&name);
                node.budget.cost = cap(chance);
                node
            };
            let nodes: Vec<Node> = (0..=chance.below(8)).map(|at| node(&mut chance, at)).collect();
            let mut plan = Plan { nodes, ..plan_of([]) };
            plan.budget.cost = if chance.one_in(2) { None } else { cap(&mut chance) };
            let is_agent = |node: &Node| node.work.kind() == "agent";
            if !plan.nodes.iter().any(is_agent) {
                continue;
            }
            let sums = (0..1_usize << plan.nodes.len()).map(|set| {
                let in_it = plan.nodes.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1);
                // A node with an agent and without a cap has no bound of its own.
                in_it
                    .map(|(_, node)| match node.budget.cost {
                        Some(cost) => Some(cost.micros),
                        None if is_agent(node) => None,
                        None => Some(0),
                    })
                    .sum::<Option<u64>>()
            });
            let sum = sums.collect::<Option<Vec<u64>>>().and_then(|sums| sums.into_iter().max());
            let run = plan.budget.cost.map(|cost| cost.micros);
            let most = sum.into_iter().chain(run).min();
            let (verdict, claim) = cost(&plan);
            let Some(most) = most else {
                assert_eq!(verdict, Verdict::NotClaimed, "{seed}: {claim}");
                continue;
            };
            assert_eq!(verdict, Verdict::Holds, "{seed}: {claim}");
            let figure = claim.split_once(" EUR, ").expect("a figure").0;
            let figure = figure.strip_prefix("at most ").expect("a bound");
            let figure = Money::parse(&format!("{figure} EUR")).expect("an amount");
            assert_eq!(figure.micros, most, "{seed}: {claim}");
            *if Some(most) == run { &mut by_run } else { &mut by_nodes } += 1;
        }
        assert!(by_run > 1_000 && by_nodes > 500, "{by_run} by the run, {by_nodes} by nodes");
    }
}
