//! Puts nodes that may write the same file in the order of the plan, and refuses
//! those of which one says `deny`.
//!
//! What is lacking is found by the plan's own crate, which proves at exec that
//! nothing is. Unaware of globs.

use eufm_grammar::{Diagnostic, Diagnostics, Span};
use eufm_plan::writers::{Order, TooMany, Unknown, meet, order};
use eufm_plan::{NodeIndex, Overlap, Plan};

use crate::wording::quoted;

/// Adds the edges that are lacking, at most `most`; `heads` are the places of the
/// nodes. Whether there were errors the caller asks of `out`.
pub(crate) fn insert(plan: &mut Plan, most: usize, heads: &[Span], out: &mut Diagnostics) {
    let Order { edges, denied, .. } = match order(&plan.nodes, &plan.generated, most) {
        Ok(order) => order,
        Err(too_many) => return out.push(grown(plan, too_many, most, heads)),
    };
    for pair in denied {
        if let Some(finding) = refused(plan, pair, heads) {
            out.push(finding);
        }
    }
    for (node, before) in plan.nodes.iter_mut().zip(edges) {
        node.after_writer = before;
    }
}

/// Says which file two may write of which one says `deny`; `None`: on a closer look
/// there is none, and the order beyond need does no harm.
fn refused(
    plan: &Plan,
    (first, second): (NodeIndex, NodeIndex),
    heads: &[Span],
) -> Option<Diagnostic> {
    let (one, other) = (&plan.nodes[first.get()], &plan.nodes[second.get()]);
    let names = format!("{} and {}", quoted(&one.name), quoted(&other.name));
    let path = match meet(one, other, &plan.generated) {
        Ok(meeting) => format!("the same file, {}", meeting?),
        Err(Unknown) => "the same file, as far as their globs can be compared".to_owned(),
    };
    let says = |overlap| match overlap {
        Overlap::Deny => "says overlap = deny",
        Overlap::Order | Overlap::Merge => "does not wait for it",
    };
    let message = format!("{names} may write {path}, and neither waits for the other");
    let finding = Diagnostic::error("E0514", message)
        .at(heads[second.get()], says(other.overlap))
        .at(heads[first.get()], says(one.overlap))
        .help("let one need the other, let their `writes` not meet, or take `overlap = deny` away");
    Some(finding)
}

fn grown(
    plan: &Plan,
    TooMany { node, before, .. }: TooMany,
    most: usize,
    heads: &[Span],
) -> Diagnostic {
    let (node, before) = (node.get(), before.get());
    let name = quoted(&plan.nodes[before].name);
    let message =
        format!("nodes that may write the same file need more than {most} edges of order");
    Diagnostic::error("E0213", message)
        .at(heads[node], format!("would wait for {name} too"))
        .at(heads[before], "may write the same file")
        .help(
            "let the one group need the other, with a command between them, or let their `writes` \
             not meet",
        )
}
