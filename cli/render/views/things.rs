//! What a view tells in one screen, however large the plan is: the instances of one
//! thing are one row, and what would be too much is counted.
//!
//! Unaware of what is told.

use std::collections::BTreeMap;

use eufm_plan::id::thing_of;
use eufm_plan::{Node, Plan};
use eufm_runner::printable;

/// How many rows a list has.
pub(super) const ROWS_MAX: usize = 20;

/// How many members of a row are named.
const NAMED_MAX: usize = 3;

/// How much of a name is shown.
const NAME_MAX: usize = 60;

/// How much of one member of a list is shown.
const MEMBER_MAX: usize = 100;

/// The nodes that are instances of one thing, or one node that is none.
pub(super) struct Thing<'p> {
    /// How it is called.
    pub(super) name: String,
    /// Its nodes, in plan order.
    pub(super) nodes: Vec<&'p Node>,
}

/// Gathers nodes that are chosen by the things they are instances of, in plan order.
pub(super) fn things<'p>(plan: &'p Plan, is_chosen: impl Fn(&Node) -> bool) -> Vec<Thing<'p>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut things: Vec<Thing<'p>> = Vec::new();
    for node in plan.nodes.iter().filter(|node| is_chosen(node)) {
        let name = thing_of(&node.name);
        let at = *places.entry(name.clone()).or_insert_with(|| {
            things.push(Thing { name, nodes: Vec::new() });
            things.len() - 1
        });
        things[at].nodes.push(node);
    }
    things
}

impl Thing<'_> {
    /// Returns how its row begins: its name, and how many nodes it is.
    pub(super) fn label(&self) -> String {
        match self.nodes.as_slice() {
            [node] => printable::line(&node.name, NAME_MAX),
            nodes => format!("{} ({} nodes)", printable::line(&self.name, NAME_MAX), nodes.len()),
        }
    }
}

/// Shows rows of two columns below a head, up to [`ROWS_MAX`] of them.
pub(super) fn rows(head: &str, rows: &[(String, String)]) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let shown = &rows[..rows.len().min(ROWS_MAX)];
    let width = shown.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    let mut lines = vec![String::new(), format!("  {head}")];
    lines.extend(shown.iter().map(|(label, told)| format!("    {label:<width$}  {told}")));
    if rows.len() > shown.len() {
        lines.push(format!("    … and {} more", rows.len() - shown.len()));
    }
    lines
}

/// Names the first of several, each once, and counts the rest.
pub(super) fn named<'a>(members: impl Iterator<Item = &'a str>) -> String {
    let mut seen: Vec<&str> = members.collect();
    seen.sort_unstable();
    seen.dedup();
    let first: Vec<String> =
        seen.iter().take(NAMED_MAX).map(|member| printable::line(member, MEMBER_MAX)).collect();
    match seen.len().saturating_sub(NAMED_MAX) {
        0 => first.join(", "),
        rest => format!("{} and {rest} more", first.join(", ")),
    }
}

/// Makes a page of lines.
pub(super) fn page(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{}\n", printable::lines(line).trim_end())).collect()
}
