//! `rules`: what is deployed, or else what the run comes to, was judged by the
//! constitution.
//!
//! Rests on the verify nodes. Unaware of what rules ask for.

use super::{Facts, Finding};
use crate::{FINAL_VERIFY, Level, RuleIndex, Work};

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    facts.plan.constitution.as_ref().filter(|constitution| !constitution.rules.is_empty())?;
    let rules = facts.plan.constitution.iter().flat_map(|it| &it.rules);
    let waived: Vec<&str> =
        rules.filter(|rule| rule.waiver.is_some()).map(|rule| rule.name.as_str()).collect();
    let but = match waived.len() {
        0 => String::new(),
        1..=3 => format!(" apart from those that are waived ({})", waived.join(", ")),
        count => format!(" apart from the {count} that are waived"),
    };
    let is_final = facts.plan.nodes.last().is_some_and(|node| node.name == FINAL_VERIFY);
    Some(match is_judged(facts) {
        true if is_final => Finding::holds(format!(
            "what the branch has in the end is judged by all rules as a whole, unless the run is \
             stopped before; a `must` rule that does not pass fails the run{but}, and the branch \
             stays; unknown is not a pass"
        )),
        true => Finding::holds(format!(
            "what is deployed was judged by all rules as a whole, and every `must` rule \
             passed{but}; unknown is not a pass"
        )),
        false => Finding::not_claimed(
            "this version of eufm checks rules before a deploy, and there is none",
        ),
    })
}

/// Tells whether something is deployed, and whatever is has been judged by every
/// rule that must hold: at the verify node that stands before it.
fn is_judged(facts: &Facts<'_>) -> bool {
    let constitution = facts.plan.constitution.iter();
    let rules = constitution.flat_map(|constitution| &constitution.rules).enumerate();
    let must: Vec<RuleIndex> = rules
        .filter(|(_, rule)| rule.level == Level::Must)
        .map(|(at, _)| RuleIndex::new(at))
        .collect();
    let mut verified = facts.plan.nodes.iter().filter_map(|node| match &node.work {
        Work::Verify { rules } => Some(rules),
        _ => None,
    });
    let has_all = |rules: &Vec<RuleIndex>| must.iter().all(|rule| rules.contains(rule));
    verified.clone().next().is_some() && verified.all(has_all)
}

#[cfg(test)]
mod tests {
    use super::super::sketch::{Chance, GRAPHS, random, verify};
    use super::super::{Verdict, proof as prove_one};
    use crate::lockfile::example::everything;
    use crate::{FINAL_VERIFY, Level, Plan, RuleIndex, Work};

    /// A random plan with up to three verify nodes, which may lack rules.
    fn judged(seed: u64) -> Plan {
        let (own, mut chance) = (random(seed), Chance::new(seed));
        let mut plan = Plan { nodes: own.nodes, ..everything() };
        let rules = &mut plan.constitution.as_mut().expect("it has one").rules;
        let levels = [Level::Must, Level::Should, Level::May];
        rules.iter_mut().for_each(|rule| rule.level = levels[chance.below(3)]);
        for at in 0..chance.below(4) {
            let own = (0..rules.len()).filter(|_| !chance.one_in(5)).map(RuleIndex::new);
            let work = Work::Verify { rules: own.collect() };
            let name = if chance.one_in(3) { FINAL_VERIFY.to_owned() } else { format!("v{at}") };
            plan.nodes.push(crate::Node { work, ..verify(&name) });
        }
        plan
    }

    #[test]
    fn an_oracle_that_asks_each_verify_node_for_each_rule_agrees() {
        let (mut held, mut open) = (0, 0);
        for seed in 0..GRAPHS {
            let plan = judged(seed);
            let rules = &plan.constitution.as_ref().expect("it has one").rules;
            let sets: Vec<&Vec<RuleIndex>> = plan
                .nodes
                .iter()
                .filter_map(|node| match &node.work {
                    Work::Verify { rules } => Some(rules),
                    _ => None,
                })
                .collect();
            let mut is_judged = !sets.is_empty();
            for (at, rule) in rules.iter().enumerate() {
                for set in &sets {
                    let has = set.iter().any(|own| own.get() == at);
                    is_judged &= has || rule.level != Level::Must;
                }
            }
            let proof = prove_one(&plan, "rules").expect("there are rules");
            let verdict = if is_judged { Verdict::Holds } else { Verdict::NotClaimed };
            assert_eq!(proof.verdict, verdict, "{seed}: {proof}");
            let is_last = plan.nodes.last().is_some_and(|node| node.name == FINAL_VERIFY);
            let of_branch = proof.claim.starts_with("what the branch has in the end");
            assert_eq!(of_branch, is_judged && is_last, "{seed}: {proof}");
            *if is_judged { &mut held } else { &mut open } += 1;
        }
        assert!(held > 1_000 && open > 1_000, "{held} held, {open} not");
    }
}
