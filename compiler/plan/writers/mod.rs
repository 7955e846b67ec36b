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
    order::order(nodes, generated, most, order::Bounds::default())
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

/// Looks for paths by which two nodes may write the same file.
///
/// # Errors
/// Fails where that would take too much: then they may.
pub fn meet(one: &Node, other: &Node, generated: &[Made]) -> Result<Option<Meeting>, Unknown> {
    let generated = Generated::of(generated.iter().map(|made| made.path.as_str()));
    let all = ["**".to_owned()];
    let ones = one.writes.globs().unwrap_or(&all);
    let others = other.writes.globs().unwrap_or(&all);
    if ones.len().saturating_mul(others.len()) > COMPARED {
        return Err(Unknown);
    }
    let others: Vec<_> = others.iter().map(|glob| Language::of(glob, &generated)).collect();
    let mut is_known = true;
    for one in ones {
        let one = Language::of(one, &generated);
        for other in &others {
            let found = one.as_ref().zip(other.as_ref()).and_then(|(a, b)| meeting(a, b));
            if let Some(Some(Witness { one, other })) = found {
                return Ok(Some(Meeting { one, other }));
            }
            is_known &= found.is_some();
        }
    }
    if is_known { Ok(None) } else { Err(Unknown) }
}

/// Nobody can tell within the bounds whether two nodes may write the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unknown;

/// Tells whether there is no plan where a node and another one meet.
fn denies(one: &Node, other: &Node) -> bool {
    one.overlap == Overlap::Deny || other.overlap == Overlap::Deny
}

#[cfg(test)]
mod tests;
