//! What the two plans come to: the glance that `[review]` gives, before and
//! after, what holds no more, and what nodes may ask for beyond the run's cap.
//!
//! Unaware of what the differences are.

use serde::Serialize;

use super::change::{At, Change, Looser, Part};
use crate::Plan;
use crate::proof::Proof;
use crate::review::Review;

/// One line of the glance at a plan, before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bound {
    /// What it says something about: `nodes`, `cost`, `wall` or `people`.
    pub about: &'static str,
    /// What it said.
    pub before: String,
    /// What it says.
    pub after: String,
}

/// One entry of the glance that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Of which list: `capabilities`, `weak` or `waived`.
    pub about: &'static str,
    /// Whether it came; else it went.
    pub is_new: bool,
    /// The entry.
    pub entry: String,
}

/// What the two plans come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bounds {
    /// The lines of both.
    pub lines: Vec<Bound>,
    /// The entries that came or went.
    pub entries: Vec<Entry>,
}

/// Compares the glances at both plans.
pub(super) fn bounds(old: &Review, new: &Review) -> Bounds {
    let line = |about, before: &String, after: &String| Bound {
        about,
        before: before.clone(),
        after: after.clone(),
    };
    // A new line is shown here or nowhere: without `..` this does not compile.
    let Review { nodes, cost, wall, people, capabilities, weak, waived } = old;
    let lines = vec![
        line("nodes", nodes, &new.nodes),
        line("cost", cost, &new.cost),
        line("wall", wall, &new.wall),
        line("people", people, &new.people),
    ];
    let mut entries = came_or_went("capabilities", capabilities, &new.capabilities);
    entries.extend(came_or_went("weak", weak, &new.weak));
    entries.extend(came_or_went("waived", waived, &new.waived));
    Bounds { lines, entries }
}

fn came_or_went(about: &'static str, before: &[String], after: &[String]) -> Vec<Entry> {
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    let (old, new) = (sorted(before), sorted(after));
    let entry = |is_new| move |entry: &String| Entry { about, is_new, entry: entry.clone() };
    let went = before.iter().filter(|entry| new.binary_search(entry).is_err()).map(entry(false));
    let came = after.iter().filter(|entry| old.binary_search(entry).is_err()).map(entry(true));
    went.chain(came).collect()
}

/// Notes what the caps add up to where that loosens something: without a cap of the
/// run, the sum of the nodes' caps is what the run can cost.
pub(super) fn sums(before: &Plan, after: &Plan, out: &mut Vec<Change>) {
    let (old, new) = (crate::review::asked(before), crate::review::asked(after));
    let mut at = At { out, part: Part::Budget, name: "" };
    let lines = || (Some(old.line()), Some(new.line()));
    if before.budget.cost.is_none() && after.budget.cost.is_none() && new.is_more_than(&old) {
        at.note("sum of the nodes' caps", lines(), Some(Looser::Budget));
    }
    if new.is_overcommitted() && !old.is_overcommitted() {
        at.note("sum of the nodes' caps", lines(), Some(Looser::Overcommit));
    }
}

/// Notes the claims that hold less than they did.
pub(super) fn lost_proofs(before: &[Proof], after: &[Proof], out: &mut Vec<Change>) {
    for old in before {
        let Some(now) = after.iter().find(|proof| proof.name == old.name) else { continue };
        if now.verdict < old.verdict {
            let claims = (Some(old.to_string()), Some(now.to_string()));
            At { out, part: Part::Proof, name: old.name }.note(
                "claim",
                claims,
                Some(Looser::Proof),
            );
        }
    }
}
