//! `taint`: nothing an agent wrote reaches a node with secrets but through an
//! approval that was asked about it.
//!
//! What an agent wrote is carried on by commands that run on it and change files.
//! Rests on the approval, which is bound to the tree that was looked at, and on a
//! node's base, which is the merge of what it waits for. Unaware of what people
//! look at, and of what programs make of what they read.

mod exposure;
mod trace;

use super::{Facts, Finding, shown_way};
use crate::{Node, NodeIndex, Overlap, Work};
use exposure::Exposure;

/// How many steps over edges the proof may take: some 16 batches of nodes with
/// secrets over the largest plans that are common, and below a second.
const STEPS_MAX: usize = 1 << 25;

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    (!facts.secrets.is_empty()).then(|| within(facts, STEPS_MAX))
}

/// Proves within a number of steps.
fn within(facts: &Facts<'_>, steps: usize) -> Finding {
    let nodes = &facts.plan.nodes;
    let mut exposure = Exposure::new(nodes, steps);
    let is_whole = exposure.follow(&facts.secrets).is_some();
    let exposed: Vec<NodeIndex> =
        facts.secrets.iter().copied().filter(|node| exposure.is_exposed(*node)).collect();
    if let Some(first) = exposed.first() {
        return fails(facts, &exposure, *first, exposed.len() - 1);
    }
    if !is_whole {
        return Finding::not_claimed("the plan is too large for it to be decided");
    }
    // Nothing in the user's checkout comes from the run, but for what such a command
    // does there by itself.
    let in_place = |at: &usize| nodes[*at].work.is_in_place() && exposure.may_carry(*at);
    if let Some(at) = (0..nodes.len()).find(in_place) {
        return Finding::not_claimed(format!(
            "`{}` runs in the user's checkout behind an agent, and nothing holds what it does there",
            nodes[at].name
        ));
    }
    if let Some(claim) = merges_apart(facts, &mut exposure) {
        return Finding::not_claimed(claim);
    }
    let is_behind = |node: &NodeIndex| exposure.has_agent_before(node.get());
    Finding::holds(match facts.secrets.iter().any(is_behind) {
        true => {
            "what an agent wrote reaches a node with secrets only behind an approval that was asked \
             about it"
        }
        false => "no agent stands before a node with secrets",
    })
}

/// Says which node with secrets starts from a merge of results that were looked at one by
/// one, where an agent may have to resolve what they contradict each other in: nobody
/// looks at that. Only those that say so meet in a merge; all others are in order.
fn merges_apart(facts: &Facts<'_>, exposure: &mut Exposure<'_>) -> Option<String> {
    let nodes = &facts.plan.nodes;
    let resolves = |node: &&Node| {
        let is_agent = matches!(node.work, Work::Agent { .. });
        is_agent && node.overlap == Overlap::Merge && node.is_writer()
    };
    let resolver = nodes.iter().find(resolves)?;
    for secret in &facts.secrets {
        match exposure.is_covered_by_one(*secret) {
            None => return Some("the plan is too large for it to be decided".to_owned()),
            Some(true) => {}
            Some(false) => {
                return Some(format!(
                    "`{}` starts from a merge of what was looked at one by one, and `{}` says \
                     `merge`: nobody is asked about what an agent makes of a conflict",
                    nodes[secret.get()].name,
                    resolver.name
                ));
            }
        }
    }
    None
}

fn fails(facts: &Facts<'_>, exposure: &Exposure<'_>, node: NodeIndex, more: usize) -> Finding {
    let witness = trace::shortest(&facts.plan.nodes, exposure, node);
    let more = match more {
        0 => String::new(),
        more => format!("; so it is with {more} more"),
    };
    let nodes = &facts.plan.nodes;
    let agent = witness.first().map_or("", |first| nodes[first.get()].name.as_str());
    let claim = format!(
        "`{}` has secrets, and no approval is asked about what `{agent}` wrote before: {}{more}",
        nodes[node.get()].name,
        shown_way(nodes, &witness),
    );
    let remedy = Some(remedy(nodes, &witness));
    Finding { remedy, ..Finding::fails(claim, witness) }
}

/// Says which approval would stand in the way.
fn remedy(nodes: &[Node], witness: &[NodeIndex]) -> String {
    let name = |node: Option<&NodeIndex>| node.map_or("", |node| &nodes[node.get()].name);
    // No spec has one.
    let is_verify = |node: &&NodeIndex| matches!(nodes[node.get()].work, Work::Verify { .. });
    format!(
        "put an approval behind `{}` and before `{}`, as in `approval look {{ needs = [{}], \
         ask = \"Is this to run with secrets?\" }}`, and let what has secrets need it; what such \
         a node has as `inputs` is to be among those of the approval too",
        name(witness.first()),
        name(witness.last()),
        // What the approval is to be asked about is all that the node waits for.
        name(witness.iter().rev().skip(1).find(|node| !is_verify(node))),
    )
}

#[cfg(test)]
mod tests;
