//! `deploy`: what is deployed is the very tree that was verified, and behind it
//! stands nothing but approvals of that tree.
//!
//! One verify node checks all that its ancestors were checked with. The reader of
//! plan.lock asks [`check`] too: no text, not even one with a digest that fits, has
//! a deploy of another tree. Unaware of what gates, rules and deploys do.

use super::{Facts, Finding, way};
use crate::ancestry::{STEPS_MAX, leaves, owed, passed_by};
use crate::{
    Accept, Constitution, FINAL_VERIFY, Node, NodeIndex, OnFail, Work, Writes, verify_name,
};

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    if !facts.deploy {
        return None;
    }
    let (nodes, constitution) = (&facts.plan.nodes, facts.plan.constitution.as_ref());
    let name = |node: NodeIndex| &nodes[node.get()].name;
    if let Err(Bypass { node, cause, witness }) = check(nodes, constitution) {
        return Some(Finding::fails(format!("`{}`: {cause}", name(node)), witness));
    }
    let Some(passed) = passed_by(nodes, STEPS_MAX) else {
        let claim = "the plan is too large to tell of all approvals what they are asked about";
        return Some(Finding::not_claimed(claim));
    };
    if let Some((approval, verify)) = passed.first() {
        let more = match passed.len() - 1 {
            0 => String::new(),
            more => format!("; so is it for {more} more"),
        };
        let (approval, verify) = (name(*approval), name(*verify));
        return Some(Finding::not_claimed(format!(
            "the approval `{approval}` is asked about another tree than the one that `{verify}` \
             checks{more}"
        )));
    }
    Some(Finding::holds(
        "each runs in a checkout, which it cannot change, of the very tree that its verify node \
         checked with all gates before it; the files that its command names are those of the \
         base unless a person approved that tree",
    ))
}

/// Why a plan has a deploy that passes something by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bypass {
    /// The node at which it shows.
    pub(crate) node: NodeIndex,
    /// What is wrong with it.
    pub(crate) cause: String,
    /// The way past its verify node, the node itself last.
    pub(crate) witness: Vec<NodeIndex>,
}

impl Bypass {
    fn at(node: usize, cause: impl Into<String>) -> Self {
        let node = NodeIndex::new(node);
        Self { node, cause: cause.into(), witness: vec![node] }
    }
}

/// Finds a deploy without its verify node, one with something else before it, or a
/// verify node that is none: neither before a deploy, nor at the end of a plan
/// without any.
pub(crate) fn check(nodes: &[Node], constitution: Option<&Constitution>) -> Result<(), Bypass> {
    let rules = constitution.map_or(0, |constitution| constitution.rules.len());
    let mut verifies = Vec::new();
    // Behind which verify node each approval stands, with nothing but such before it.
    let mut behind: Vec<Option<NodeIndex>> = vec![None; nodes.len()];
    let mut is_used = vec![false; nodes.len()];
    for (position, node) in nodes.iter().enumerate() {
        match &node.work {
            Work::Approval { .. } => behind[position] = behind_verify(nodes, &behind, node),
            Work::Verify { rules: own } => {
                let is_whole = own.len() == rules && own.is_sorted_by(|a, b| a < b);
                check_verify(node, is_whole).map_err(|cause| Bypass::at(position, cause))?;
                is_used[position] = !own.is_empty() && is_final(nodes, position);
                verifies.push(NodeIndex::new(position));
            }
            Work::Deploy { .. } => {
                is_used[check_deploy(nodes, &behind, position)?.get()] = true;
            }
            Work::Agent { .. } | Work::Command(_) => {}
        }
    }
    if let Some(verify) = verifies.iter().find(|verify| !is_used[verify.get()]) {
        return Err(Bypass::at(
            verify.get(),
            "no deploy of its name needs it, nor does it judge all that is done",
        ));
    }
    let listed = |verify: &NodeIndex| {
        let node = &nodes[verify.get()];
        node.gates.len() + node.env.len()
    };
    let most = verifies.iter().map(listed).sum();
    let owed = owed(nodes, &verifies, most).map_err(|too_much| {
        let verify = verifies[too_much.target];
        match too_much.is_listed {
            true => incomplete(nodes, verify),
            false => Bypass::at(verify.get(), "too much stands before it to be looked at"),
        }
    })?;
    for (verify, owed) in verifies.iter().zip(owed) {
        let node = &nodes[verify.get()];
        if node.gates != owed.gates || node.env != owed.env {
            return Err(incomplete(nodes, *verify));
        }
    }
    Ok(())
}

/// Tells whether a node judges what the run comes to: it is the last one, nothing is
/// deployed, and it waits for all.
fn is_final(nodes: &[Node], position: usize) -> bool {
    let is_deploy = |node: &Node| matches!(node.work, Work::Deploy { .. });
    nodes[position].name == FINAL_VERIFY
        && position + 1 == nodes.len()
        && nodes[position].needs == leaves(&nodes[..position])
        && !nodes.iter().any(is_deploy)
}

/// Says that a verify node checks something else than what stands before it was
/// checked with; the way begins at the nearest whose gate or environment it lacks.
fn incomplete(nodes: &[Node], verify: NodeIndex) -> Bypass {
    let own = &nodes[verify.get()];
    let is_checked = |node: &Node| {
        let gates = node.gates.iter().all(|gate| own.gates.contains(gate));
        node.gates.is_empty()
            || matches!(node.work, Work::Verify { .. })
            || gates && node.env.iter().all(|place| own.env.contains(place))
    };
    let cause = "its `gates` and `env` are not those of all that stands before it, in that order";
    let lacking =
        way(nodes, verify, |node| node.waits_for().collect(), |it| !is_checked(&nodes[it.get()]));
    let witness = lacking.unwrap_or_else(|| vec![verify]);
    Bypass { node: verify, cause: cause.to_owned(), witness }
}

/// Returns the verify node that an approval stands right behind, alone or with
/// other such approvals.
fn behind_verify(nodes: &[Node], behind: &[Option<NodeIndex>], node: &Node) -> Option<NodeIndex> {
    let verify = own_verify(nodes, node)?;
    let is_such = |need: NodeIndex| need == verify || behind[need.get()] == Some(verify);
    (node.accept == Accept::All && node.waits_for().all(is_such)).then_some(verify)
}

fn own_verify(nodes: &[Node], node: &Node) -> Option<NodeIndex> {
    let is_verify = |need: &&NodeIndex| matches!(nodes[need.get()].work, Work::Verify { .. });
    node.needs.iter().find(is_verify).copied()
}

/// Returns the verify node of a deploy.
fn check_deploy(
    nodes: &[Node],
    behind: &[Option<NodeIndex>],
    position: usize,
) -> Result<NodeIndex, Bypass> {
    let (node, refused) = (&nodes[position], |cause: &str| Bypass::at(position, cause));
    let name = verify_name(&node.name);
    let verify = own_verify(nodes, node).filter(|verify| nodes[verify.get()].name == name);
    let Some(verify) = verify else {
        return Err(refused(&format!("it does not need its verify node `{name}`")));
    };
    let is_such = |need: &NodeIndex| *need == verify || behind[need.get()] == Some(verify);
    if let Some(other) = node.waits_for().find(|need| !is_such(need)) {
        let cause =
            format!("it needs `{}`, which is no approval behind `{name}`", nodes[other.get()].name);
        let node = NodeIndex::new(position);
        return Err(Bypass { node, cause, witness: vec![other, node] });
    }
    if node.accept != Accept::All {
        return Err(refused("its `accept` is not `all`: nothing is deployed past what failed"));
    }
    let sees_all = node.reads.is_none();
    if !sees_all || node.writes != Writes::Globs(Vec::new()) || !node.gates.is_empty() {
        let cause = "it has `reads`, `writes` or `gates`: a deploy sees all and changes nothing";
        return Err(refused(cause));
    }
    if node.budget.attempts != 1 {
        return Err(refused("a deploy has one attempt"));
    }
    Ok(verify)
}

fn check_verify(node: &Node, is_whole: bool) -> Result<(), &'static str> {
    let changes_nothing = node.writes == Writes::Globs(Vec::new())
        && node.reads.is_none()
        && node.inputs.is_empty()
        && node.implements.is_empty();
    let is_final = node.name == FINAL_VERIFY;
    if !is_final && node.accept != Accept::All {
        Err("its `accept` is not `all`: nothing is deployed past what failed")
    } else if is_final && (node.accept != Accept::Succeeded || node.on_fail != OnFail::GoOn) {
        Err("it judges what succeeded, and holds nothing back")
    } else if !changes_nothing {
        Err("a verify node reads and changes nothing of its own")
    } else if node.budget.attempts != 1 {
        Err("a verify node has one attempt")
    } else if !is_whole {
        Err("its `rules` are not those of the constitution, in their order")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
