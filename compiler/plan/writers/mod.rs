//! Nodes that may write the same file, and the order that they are put in.
//!
//! Two that wait for each other need no more; of all others that may meet the later
//! one in plan order is to wait for the earlier one, unless both say `merge`. What
//! is found is the least that gives this order. The compiler adds it; a plan that
//! lacks some of it has writers that can run at once. Unaware of how nodes run.

mod classes;
mod order;
mod walk;

use std::fmt;

use crate::globs::{Generated, Language, Witness, meeting};
use crate::{Generated as Made, Node, NodeIndex, Overlap, Work};
pub use order::{Order, TooMany};

impl Node {
    /// Returns the nodes that it waits for: those that it needs, then those that write
    /// before it. Files flow along both.
    pub fn waits_for(&self) -> impl Iterator<Item = NodeIndex> + Clone + '_ {
        self.needs.iter().chain(&self.after_writer).copied()
    }

    /// Tells whether it changes files of the repository by itself.
    #[must_use]
    pub fn is_writer(&self) -> bool {
        let works = matches!(self.work, Work::Agent { .. } | Work::Command(_));
        works && self.writes.globs().is_none_or(|globs| !globs.is_empty())
    }
}

/// How many pairs of globs of two nodes are compared to name paths.
const COMPARED: usize = 10_000;

/// Finds what is lacking for nodes that may write the same file to be in order: at
/// most `most` edges. The nodes are in plan order, and what they wait for counts.
///
/// # Errors
/// Returns the node with which there would be more.
pub fn order(nodes: &[Node], generated: &[Made], most: usize) -> Result<Order, TooMany> {
    order::order(nodes, generated, most)
}

/// By which paths two nodes meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meeting {
    /// A path that the one may write.
    pub one: String,
    /// One that the other may write: the same, the same but for case, or one of which
    /// either is a folder of the other.
    pub other: String,
}

impl fmt::Display for Meeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.one == self.other {
            true => write!(f, "{}", self.one),
            false => write!(f, "{} and {}", self.one, self.other),
        }
    }
}

/// Looks for paths by which two nodes may write the same file; `None` where there
/// are none, or where it would take too much to find them.
#[must_use]
pub fn meet(one: &Node, other: &Node, generated: &[Made]) -> Option<Meeting> {
    let generated = Generated::of(generated.iter().map(|made| made.path.as_str()));
    let all = ["**".to_owned()];
    let ones = one.writes.globs().unwrap_or(&all);
    let others = other.writes.globs().unwrap_or(&all);
    let mut languages = others.iter().map(|glob| Language::of(glob, &generated));
    let mut known: Vec<Option<Language>> = Vec::new();
    let mut left = COMPARED;
    for one in ones {
        let one = Language::of(one, &generated);
        for at in 0..others.len() {
            if at == known.len() {
                known.push(languages.next().flatten());
            }
            left = left.checked_sub(1)?;
            let (Some(one), Some(other)) = (&one, &known[at]) else { continue };
            if let Some(Some(Witness { one, other })) = meeting(one, other) {
                return Some(Meeting { one, other });
            }
        }
    }
    None
}

/// Tells whether a node and another one may run together although they meet.
fn merges(one: &Node, other: &Node) -> bool {
    one.overlap == Overlap::Merge && other.overlap == Overlap::Merge
}

/// Tells whether there is no plan where a node and another one meet.
fn denies(one: &Node, other: &Node) -> bool {
    one.overlap == Overlap::Deny || other.overlap == Overlap::Deny
}

#[cfg(test)]
mod tests;
