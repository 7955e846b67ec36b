//! What is deployed behind an approval that was not asked about it.
//!
//! A person approves what stands before the question. What changes files, comes
//! to the same deploy and does not stand there is taken along unseen: a new node
//! between question and deploy, or one that the question does not wait for any
//! more. Unaware of verify nodes, which check what is deployed all the same.

use super::change::{At, Change, Looser, Part};
use super::guards::{Along, ahead, behind, bits, is_too_much, named, note_too_much};
use super::pairs::Pairs;
use crate::{Node, NodeIndex, Plan, Work};

/// How many nodes of one approval are named.
const NAMED: usize = 3;

/// Notes what approvals are not asked about that they were, or that is new.
pub(super) fn compare(pairs: &Pairs<'_>, out: &mut Vec<Change>) {
    let is_approval = |node: &Node| matches!(node.work, Work::Approval { .. });
    let approvals: Vec<(usize, usize)> = (0..pairs.before.nodes.len())
        .filter(|&at| is_approval(&pairs.before.nodes[at]))
        .filter_map(|at| Some((at, pairs.partner_after(NodeIndex::new(at))?.get())))
        .filter(|(_, partner)| is_approval(&pairs.after.nodes[*partner]))
        .collect();
    if approvals.is_empty() || !is_reordered(pairs) {
        return;
    }
    if is_too_much(pairs, approvals.len()) {
        return note_too_much(out);
    }
    for approvals in approvals.chunks(64) {
        let before = unseen(pairs.before, approvals.iter().map(|(at, _)| *at));
        let after = unseen(pairs.after, approvals.iter().map(|(_, at)| *at));
        let mut passed: Vec<(Vec<&str>, usize)> = vec![(Vec::new(), 0); approvals.len()];
        for (at, node) in pairs.after.nodes.iter().enumerate() {
            let partner = pairs.partner_before(NodeIndex::new(at));
            let mut new = after[at] & !partner.map_or(0, |partner| before[partner.get()]);
            while new != 0 {
                let (names, count) = &mut passed[new.trailing_zeros() as usize];
                *count += 1;
                if names.len() < NAMED {
                    names.push(&node.name);
                }
                new &= new - 1;
            }
        }
        for (&(_, partner), (names, count)) in approvals.iter().zip(passed) {
            if count > 0 {
                let name = &pairs.after.nodes[partner].name;
                let unseen = Some(named(&names, count));
                let mut at = At { out, part: Part::Node, name };
                at.note("not asked about", (None, unseen), Some(Looser::Approval));
            }
        }
    }
}

/// Tells whether any node is new, or waits for others than before.
fn is_reordered(pairs: &Pairs<'_>) -> bool {
    pairs.after.nodes.iter().enumerate().any(|(at, node)| {
        let Some(partner) = pairs.partner_before(NodeIndex::new(at)) else { return true };
        let before = &pairs.before.nodes[partner.get()];
        let changes = |node: &Node| changes_files(node);
        let mut needs: Vec<Option<NodeIndex>> =
            node.waits_for().map(|need| pairs.partner_before(need)).collect();
        needs.sort_unstable();
        let mut known: Vec<Option<NodeIndex>> = before.waits_for().map(Some).collect();
        known.sort_unstable();
        changes(before) != changes(node) || known != needs
    })
}

fn changes_files(node: &Node) -> bool {
    node.writes.globs().is_none_or(|globs| !globs.is_empty())
}

/// For each node that changes files the bits of the approvals that stand before a
/// deploy which it stands before too, but do not wait for it.
fn unseen(plan: &Plan, approvals: impl Iterator<Item = usize>) -> Vec<u64> {
    let own = bits(plan, approvals.map(Some));
    let behind = behind(plan, &own, Along::Files);
    let is_deploy = |node: &Node| matches!(node.work, Work::Deploy { .. });
    let deploys = plan.nodes.iter().zip(&behind);
    let deploys = deploys.map(|(node, bits)| if is_deploy(node) { *bits } else { 0 }).collect();
    let reached = ahead(plan, deploys, Along::Files);
    let asked = ahead(plan, own, Along::Files);
    let nodes = plan.nodes.iter().zip(reached.iter().zip(&asked));
    nodes.map(|(node, (to, by))| if changes_files(node) { to & !by } else { 0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::diff;
    use crate::lockfile::example::everything;

    fn told(before: &Plan, after: &Plan) -> Vec<(String, Option<String>)> {
        let of = |change: Change| (change.name, change.after);
        let is_unseen = |change: &Change| change.key == "not asked about";
        let escalations = diff(before, after).escalations.into_iter();
        escalations.filter(is_unseen).map(of).collect()
    }

    /// The example with an approval before its agent `review`, which is deployed.
    fn early() -> Plan {
        let mut plan = everything();
        let look = Node { needs: vec![NodeIndex::new(1)], ..plan.nodes[10].clone() };
        "early".clone_into(&mut plan.nodes[2].name);
        plan.nodes[2] = Node { name: "early".to_owned(), ..look };
        plan.nodes[4].needs = vec![NodeIndex::new(2), NodeIndex::new(3)];
        plan
    }

    #[test]
    fn what_an_approval_does_not_wait_for_any_more_is_unseen_where_it_is_deployed() {
        let before = early();
        let mut after = before.clone();
        after.nodes[2].needs.clear();
        after.nodes[4].needs.insert(0, NodeIndex::new(1));
        let unseen = "schema, telemetry/collector[\"felix\"]".to_owned();
        assert_eq!(told(&before, &after), [("early".to_owned(), Some(unseen))]);
        assert_eq!(told(&after, &before), []);
        // What is not deployed any more is not taken along.
        after.nodes[4].needs.remove(0);
        assert_eq!(told(&before, &after), []);
    }

    #[test]
    fn a_new_node_between_question_and_deploy_is_unseen() {
        let before = early();
        let mut after = before.clone();
        let late = Node { name: "late".to_owned(), needs: Vec::new(), ..before.nodes[0].clone() };
        // In the place of one that changes no file.
        after.nodes[6] = late;
        after.nodes[8].needs = vec![NodeIndex::new(5), NodeIndex::new(6), NodeIndex::new(7)];
        assert_eq!(told(&before, &after), [("early".to_owned(), Some("late".to_owned()))]);
        after.nodes[6].writes = crate::Writes::Globs(Vec::new());
        assert_eq!(told(&before, &after), []);
    }
}
