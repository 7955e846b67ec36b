//! What stands behind an approval, a verify or a check no more.
//!
//! Most changes leave the order of nodes as it was or add to it, which is seen
//! on one way through the nodes. Only for the rest it is asked what every node
//! has before it: 64 guards at a time, a bit for each. Unaware of why the order
//! changed.

use super::change::{At, Change, Looser, Part};
use super::pairs::Pairs;
use crate::{Node, NodeIndex, Plan, Work};

/// How many nodes of one guard are named.
const NAMED: usize = 3;

/// The most steps along edges; what would take more is called an escalation.
const STEPS: usize = 400_000_000;

/// Notes what is behind an approval or a verify no more, and which deploy does not
/// wait any more for a command that had to succeed.
pub(super) fn compare(pairs: &Pairs<'_>, out: &mut Vec<Change>) {
    let lost_order = lost_order(pairs);
    if !lost_order.contains(&true) {
        return;
    }
    passed_by(pairs, &lost_order, out);
    unchecked_deploys(pairs, &lost_order, out);
}

/// For each node before, whether its partner may have lost something of what it
/// had to wait for, near or far.
fn lost_order(pairs: &Pairs<'_>) -> Vec<bool> {
    let mut lost = vec![false; pairs.before.nodes.len()];
    for (at, node) in pairs.before.nodes.iter().enumerate() {
        let needs: Vec<NodeIndex> = match pairs.partner_after(NodeIndex::new(at)) {
            Some(partner) => {
                let needs = pairs.after.nodes[partner.get()].needs.iter();
                let mut needs: Vec<_> =
                    needs.filter_map(|need| pairs.partner_before(*need)).collect();
                needs.sort_unstable();
                needs
            }
            None => Vec::new(),
        };
        let is_gone = pairs.partner_after(NodeIndex::new(at)).is_none();
        let is_other = is_gone || guard_of(pairs.before, at) != guard_after(pairs, at);
        // A guard that is none any more counts where it was waited for.
        lost[at] = is_other
            || node.needs.iter().any(|need| lost[need.get()] || needs.binary_search(need).is_err());
    }
    lost
}

/// Tells what a node guards by.
fn guard_of(plan: &Plan, at: usize) -> Option<Looser> {
    match plan.nodes[at].work {
        Work::Approval { .. } => Some(Looser::Approval),
        Work::Verify { .. } => Some(Looser::Verify),
        Work::Command(_) => Some(Looser::Order),
        Work::Agent { .. } | Work::Deploy { .. } => None,
    }
}

/// Tells what the partner of a node guards by.
fn guard_after(pairs: &Pairs<'_>, before: usize) -> Option<Looser> {
    let partner = pairs.partner_after(NodeIndex::new(before))?;
    guard_of(pairs.after, partner.get())
}

/// Notes for each approval and verify what it does not hold back any more.
fn passed_by(pairs: &Pairs<'_>, lost_order: &[bool], out: &mut Vec<Change>) {
    let holds =
        |at: &usize| guard_of(pairs.before, *at).is_some_and(|guard| guard != Looser::Order);
    let guards: Vec<usize> = (0..pairs.before.nodes.len()).filter(holds).collect();
    if is_too_much(pairs, guards.len()) {
        return note_too_much(out);
    }
    for guards in guards.chunks(64) {
        let before = bits(pairs.before, guards.iter().map(|at| Some(*at)));
        let before = behind(pairs.before, &before, Along::Holds);
        let kept = guards.iter().map(|&at| {
            let partner = pairs.partner_after(NodeIndex::new(at))?;
            (guard_of(pairs.before, at) == guard_of(pairs.after, partner.get()))
                .then(|| partner.get())
        });
        let after = behind(pairs.after, &bits(pairs.after, kept), Along::Holds);
        let mut passed: Vec<(Vec<&str>, usize)> = vec![(Vec::new(), 0); guards.len()];
        for at in (0..before.len()).filter(|&at| lost_order[at]) {
            let Some(partner) = pairs.partner_after(NodeIndex::new(at)) else { continue };
            let mut lost = before[at] & !after[partner.get()];
            while lost != 0 {
                let (names, count) = &mut passed[lost.trailing_zeros() as usize];
                *count += 1;
                if names.len() < NAMED {
                    names.push(&pairs.after.nodes[partner.get()].name);
                }
                lost &= lost - 1;
            }
        }
        for (&at, (names, count)) in guards.iter().zip(passed) {
            if count > 0 {
                let name = &pairs.before.nodes[at].name;
                let held = named(&names, count);
                let guard = guard_of(pairs.before, at);
                At { out, part: Part::Node, name }.note("holds back", (Some(held), None), guard);
            }
        }
    }
}

/// Notes for each deploy the commands that it does not wait for any more.
fn unchecked_deploys(pairs: &Pairs<'_>, lost_order: &[bool], out: &mut Vec<Change>) {
    let is_deploy = |plan: &Plan, at: usize| matches!(plan.nodes[at].work, Work::Deploy { .. });
    let deploys: Vec<(usize, usize)> = (0..pairs.before.nodes.len())
        .filter(|&at| lost_order[at] && is_deploy(pairs.before, at))
        .filter_map(|at| Some((at, pairs.partner_after(NodeIndex::new(at))?.get())))
        .filter(|(_, partner)| is_deploy(pairs.after, *partner))
        .collect();
    if is_too_much(pairs, deploys.len()) {
        return note_too_much(out);
    }
    for deploys in deploys.chunks(64) {
        let old = deploys.iter().map(|(before, _)| Some(*before));
        let before = ahead(pairs.before, bits(pairs.before, old), Along::Holds);
        let new = deploys.iter().map(|(_, after)| Some(*after));
        let after = ahead(pairs.after, bits(pairs.after, new), Along::Holds);
        let mut unchecked: Vec<(Vec<&str>, usize)> = vec![(Vec::new(), 0); deploys.len()];
        for (at, waits) in before.iter().enumerate() {
            if guard_of(pairs.before, at) != Some(Looser::Order) {
                continue;
            }
            let partner = pairs
                .partner_after(NodeIndex::new(at))
                .filter(|partner| guard_of(pairs.after, partner.get()) == Some(Looser::Order));
            let mut lost = waits & !partner.map_or(0, |partner| after[partner.get()]);
            while lost != 0 {
                let (names, count) = &mut unchecked[lost.trailing_zeros() as usize];
                *count += 1;
                if names.len() < NAMED {
                    names.push(&pairs.before.nodes[at].name);
                }
                lost &= lost - 1;
            }
        }
        for ((_, partner), (names, count)) in deploys.iter().zip(unchecked) {
            if count > 0 {
                let name = &pairs.after.nodes[*partner].name;
                let checks = Some(named(&names, count));
                let mut at = At { out, part: Part::Node, name };
                at.note("waits for", (checks, None), Some(Looser::Order));
            }
        }
    }
}

pub(super) fn is_too_much(pairs: &Pairs<'_>, guards: usize) -> bool {
    let edges =
        |plan: &Plan| plan.nodes.iter().map(|node| 1 + node.waits_for().count()).sum::<usize>();
    let rounds = guards.div_ceil(64);
    rounds.saturating_mul(edges(pairs.before) + edges(pairs.after)) > STEPS
}

pub(super) fn note_too_much(out: &mut Vec<Change>) {
    let why = "too many changes of order to tell what passes an approval by".to_owned();
    let mut at = At { out, part: Part::Plan, name: "" };
    at.note("needs", (None, Some(why)), Some(Looser::Approval));
}

/// For each node whether a deploy stands somewhere behind it.
pub(super) fn deployed(plan: &Plan) -> Vec<bool> {
    let is_deploy = plan.nodes.iter().map(|node| matches!(node.work, Work::Deploy { .. }));
    let behind = ahead(plan, is_deploy.map(u64::from).collect(), Along::Files);
    behind.into_iter().map(|bits| bits != 0).collect()
}

/// Gives each of up to 64 nodes a bit.
pub(super) fn bits(plan: &Plan, chosen: impl Iterator<Item = Option<usize>>) -> Vec<u64> {
    let mut bits = vec![0_u64; plan.nodes.len()];
    for (bit, at) in chosen.enumerate() {
        if let Some(at) = at {
            bits[at] |= 1 << bit;
        }
    }
    bits
}

/// Which edges are followed.
#[derive(Clone, Copy)]
pub(super) enum Along {
    /// Those that hold back what stands behind a failure.
    Holds,
    /// All along which files flow.
    Files,
}

impl Along {
    fn before(self, node: &Node) -> impl Iterator<Item = usize> + '_ {
        let writers = match self {
            Self::Holds => &[][..],
            Self::Files => &node.after_writer,
        };
        node.needs.iter().chain(writers).map(|node| node.get())
    }
}

/// For each node the bits of those that stand somewhere before it.
pub(super) fn behind(plan: &Plan, own: &[u64], along: Along) -> Vec<u64> {
    let mut behind = vec![0_u64; plan.nodes.len()];
    for (at, node) in plan.nodes.iter().enumerate() {
        behind[at] = along.before(node).map(|near| behind[near] | own[near]).fold(0, |a, b| a | b);
    }
    behind
}

/// For each node the bits of itself and of those that wait for it.
pub(super) fn ahead(plan: &Plan, own: Vec<u64>, along: Along) -> Vec<u64> {
    let mut ahead = own;
    for at in (0..plan.nodes.len()).rev() {
        for near in along.before(&plan.nodes[at]) {
            ahead[near] |= ahead[at];
        }
    }
    ahead
}

pub(super) fn named(names: &[&str], count: usize) -> String {
    match count - names.len() {
        0 => names.join(", "),
        rest => format!("{} and {rest} more", names.join(", ")),
    }
}
