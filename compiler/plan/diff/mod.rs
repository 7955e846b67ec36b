//! What differs between two plans, by meaning: what became looser first.
//!
//! `diff` is empty exactly where the plans are equal. Whether a difference is an
//! escalation is decided on the side of caution: what no machine can judge, such
//! as another command of a gate, is one. Nearly linear in the plans, with bounds
//! on texts, globs and the order of nodes. Unaware of files and of how a
//! difference is shown. See docs/review.md.

mod added;
mod bounds;
mod caps;
mod change;

mod guards;
mod likes;
mod money;
mod nodes;
mod pairs;
mod parts;
mod text;
mod unseen;
mod whole;
mod work;

pub use bounds::{Bound, Bounds, Entry};
pub use change::{Change, Looser, Part};
use serde::Serialize;
pub use text::{Line, Sign};

use crate::proof::Proof;
use crate::{Derived, NodeIndex, Plan};
use change::At;
use pairs::Pairs;

/// What differs between two plans.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// What lets the run do more or checks less, what weighs most first.
    pub escalations: Vec<Change>,
    /// The other differences, in the order of plan.lock.
    pub changes: Vec<Change>,
    /// The nodes that came, in plan order.
    pub added: Vec<Named>,
    /// The nodes that went, in plan order.
    pub removed: Vec<Named>,
    /// What the plans come to.
    pub bounds: Bounds,
}

/// A node that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// The word for what it does.
    pub kind: &'static str,
}

impl Diff {
    /// Tells whether the plans are equal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { escalations, changes, added, removed, bounds: _ } = self;
        escalations.is_empty() && changes.is_empty() && added.is_empty() && removed.is_empty()
    }

    /// Tells whether anything became looser.
    #[must_use]
    pub fn is_escalated(&self) -> bool {
        !self.escalations.is_empty()
    }
}

/// Compares two plans.
#[must_use]
pub fn diff(before: &Plan, after: &Plan) -> Diff {
    diff_derived((before, &Derived::of(before)), (after, &Derived::of(after)))
}

/// Compares two plans with what was derived from each.
#[must_use]
pub fn diff_derived((before, old): (&Plan, &Derived), (after, new): (&Plan, &Derived)) -> Diff {
    let (mut found, mut added, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    if before != after {
        let pairs = Pairs::of(before, after);
        compare(&pairs, (&old.proofs, &new.proofs), &mut found);
        let named = |node: &crate::Node| Named { name: node.name.clone(), kind: node.work.kind() };
        let is_new = |at: &usize| pairs.partner_before(NodeIndex::new(*at)).is_none();
        added = (0..after.nodes.len()).filter(is_new).map(|at| named(&after.nodes[at])).collect();
        let is_gone = |at: &usize| pairs.partner_after(NodeIndex::new(*at)).is_none();
        removed =
            (0..before.nodes.len()).filter(is_gone).map(|at| named(&before.nodes[at])).collect();
    }
    let (mut escalations, changes): (Vec<Change>, Vec<Change>) =
        found.into_iter().partition(|change| change.looser.is_some());
    // Stable: what weighs the same stays in the order of plan.lock.
    escalations.sort_by_key(|change| change.looser);
    Diff { escalations, changes, added, removed, bounds: bounds::bounds(&old.review, &new.review) }
}

/// Notes all differences, in the order of plan.lock, but for nodes that came or went.
fn compare(pairs: &Pairs<'_>, (proven, proven_now): (&[Proof], &[Proof]), out: &mut Vec<Change>) {
    let (before, after) = (pairs.before, pairs.after);
    // A new part of plans is compared here or nowhere: without `..` this does not compile.
    let Plan {
        pipeline: _,
        goal: _,
        source: _,
        base: _,
        window: _,
        budget,
        environments: _,
        agents: _,
        gates: _,
        constitution: _,
        protected: _,
        generated: _,
        scripts: _,
        nodes: _,
        omitted: _,
        prices: _,
        exchange: _,
        origin,
    } = before;
    whole::opening(before, after, out);
    caps::run((budget, &after.budget), out);
    bounds::sums(before, after, out);
    parts::environments(pairs, out);
    parts::agents(pairs, out);
    parts::gates(pairs, out);
    parts::constitution(pairs, out);
    parts::protected(pairs, out);
    parts::generated(pairs, out);
    parts::scripts(before, after, out);
    compare_nodes(pairs, out);
    guards::compare(pairs, out);
    unseen::compare(pairs, out);
    money::prices(before, after, out);
    money::exchange(before, after, out);
    bounds::lost_proofs(proven, proven_now, out);
    whole::origin(origin, &after.origin, out);
}

fn compare_nodes(pairs: &Pairs<'_>, out: &mut Vec<Change>) {
    let mut effort = nodes::Effort::default();
    let mut allowed = None;
    let is_deployed = guards::deployed(pairs.after);
    for (at, node) in pairs.after.nodes.iter().enumerate() {
        match pairs.partner_before(NodeIndex::new(at)) {
            Some(partner) => {
                let old = &pairs.before.nodes[partner.get()];
                nodes::compare(pairs, (old, node), is_deployed[at], &mut effort, out);
            }
            None => {
                let allowed = allowed.get_or_insert_with(|| added::Allowed::of(pairs));
                allowed.compare(pairs, node, &mut effort.globs, out);
            }
        }
    }
    order(pairs, out);
}

/// Notes that nodes that are in both plans stand in another order: results are
/// merged in it.
fn order(pairs: &Pairs<'_>, out: &mut Vec<Change>) {
    let nodes = (0..pairs.after.nodes.len()).map(NodeIndex::new);
    let both: Vec<(NodeIndex, NodeIndex)> =
        nodes.filter_map(|after| Some((pairs.partner_before(after)?, after))).collect();
    let moved = both.windows(2).find(|pair| pair[0].0 > pair[1].0);
    if let Some([(_, one), (_, other)]) = moved.map(|pair| [pair[0], pair[1]]) {
        let name = |node: NodeIndex| &pairs.after.nodes[node.get()].name;
        let (one, other) = (name(one), name(other));
        let shown = (Some(format!("{other}, {one}")), Some(format!("{one}, {other}")));
        At { out, part: Part::Plan, name: "" }.note("order of nodes", shown, None);
    }
}

#[cfg(test)]
mod order_test;
#[cfg(test)]
mod tests;
