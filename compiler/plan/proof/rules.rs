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
