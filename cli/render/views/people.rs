//! Where a plan stops for a person, in one screen: what is asked, what waits behind
//! it, and what is done with nobody there.
//!
//! Unaware of how an answer is given.

use std::collections::BTreeMap;

use eufm_plan::{Node, OnFail, Plan, Recovery, Work};

use super::things::{Thing, named, page, rows, things};
use crate::render::count;
use crate::render::plan::work;

/// Makes the page.
pub(super) fn emit(plan: &Plan) -> String {
    let mut lines = vec![format!("Where {} stops for you", plan.pipeline), String::new()];
    let is_behind = behind_any(plan);
    let is_question = |node: &Node| matches!(node.work, Work::Approval { .. });
    if plan.nodes.iter().any(is_question) {
        let waits = is_behind.iter().filter(|is_behind| **is_behind).count();
        let all = count(plan.nodes.len(), "node");
        let wait = if waits == 1 { "waits" } else { "wait" };
        let rest = "the rest goes on with nobody there";
        lines.push(format!("  {waits} of {all} {wait} for an answer, near or far; {rest}."));
    } else {
        lines.push("  Nowhere by plan: it has no approval.".to_owned());
    }
    let held = held_back(plan);
    let questions: Vec<(String, String)> = things(plan, is_question)
        .iter()
        .map(|thing| (thing.label(), question(plan, thing, &held)))
        .collect();
    lines.extend(rows("you are asked", &questions));
    let mut unplanned = Vec::new();
    let mut case = |told: &str, is_chosen: &dyn Fn(&Node) -> bool| {
        let chosen = things(plan, is_chosen);
        if !chosen.is_empty() {
            let nodes = chosen.iter().map(|thing| thing.nodes.len()).sum();
            let labels: Vec<String> = chosen.iter().map(Thing::label).collect();
            let names = named(labels.iter().map(String::as_str));
            unplanned.push((told.to_owned(), format!("{}: {names}", count(nodes, "node"))));
        }
    };
    case("attempts are used up", &|node| node.on_fail == OnFail::Escalate);
    case("killed in the middle", &|node| {
        matches!(node.work, Work::Deploy { recovery: Recovery::Ask | Recovery::Probe(_), .. })
    });
    lines.extend(rows("you may be asked, if", &unplanned));
    let stops = things(plan, |node| node.on_fail == OnFail::Stop);
    let stops: Vec<String> = stops.iter().map(Thing::label).collect();
    if !stops.is_empty() {
        let names = named(stops.iter().map(String::as_str));
        lines.extend([
            String::new(),
            format!("  It stops without a question where these fail: {names}"),
        ]);
    }
    page(&lines)
}

/// Says what is asked, and what waits for the answer.
fn question(plan: &Plan, thing: &Thing<'_>, held: &BTreeMap<&str, usize>) -> String {
    let node = thing.nodes[0];
    let which = if thing.nodes.len() == 1 { "it" } else { "the first" };
    let waits = match held.get(node.name.as_str()) {
        Some(0) => format!("; nothing waits for {which}"),
        Some(1) => format!("; 1 node waits for {which}"),
        Some(nodes) => format!("; {} wait for {which}", count(*nodes, "node")),
        None => String::new(),
    };
    format!("{}{waits}", work(plan, node))
}

/// For each node whether an approval stands somewhere before it.
fn behind_any(plan: &Plan) -> Vec<bool> {
    let mut behind: Vec<bool> = Vec::with_capacity(plan.nodes.len());
    for node in &plan.nodes {
        let is_held = node.needs.iter().any(|need| {
            behind[need.get()] || matches!(plan.nodes[need.get()].work, Work::Approval { .. })
        });
        behind.push(is_held);
    }
    behind
}

/// For the first approvals, how many nodes wait for each, near or far: a bit for each
/// on one way through the nodes.
fn held_back(plan: &Plan) -> BTreeMap<&str, usize> {
    let mut asked: Vec<(&str, usize)> = Vec::new();
    // Of each node the approvals before it, with itself if it is one.
    let mut bits: Vec<u64> = Vec::with_capacity(plan.nodes.len());
    for node in &plan.nodes {
        let mut own = node.needs.iter().fold(0, |all, need| all | bits[need.get()]);
        for (at, (_, held)) in asked.iter_mut().enumerate() {
            *held += usize::from(own >> at & 1 == 1);
        }
        if matches!(node.work, Work::Approval { .. }) && asked.len() < u64::BITS as usize {
            own |= 1 << asked.len();
            asked.push((&node.name, 0));
        }
        bits.push(own);
    }
    asked.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::views::example::everything;

    #[test]
    fn what_waits_for_an_answer_is_counted_near_and_far() {
        let plan = everything();
        assert_eq!(Vec::from_iter(held_back(&plan)), [("look", 2), ("release", 1)]);
        let page = emit(&plan);
        assert!(page.contains("  2 of 13 nodes wait for an answer, near or far"), "{page}");
        assert!(page.contains("  asks \"Look at the report.\"; 2 nodes wait for it\n"), "{page}");
    }

    #[test]
    fn a_plan_that_asks_nobody_says_so() {
        let mut plan = everything();
        plan.nodes.truncate(3);
        plan.nodes.iter_mut().for_each(|node| node.on_fail = OnFail::GoOn);
        assert_eq!(
            emit(&plan),
            "Where night stops for you\n\n  Nowhere by plan: it has no approval.\n"
        );
    }
}
