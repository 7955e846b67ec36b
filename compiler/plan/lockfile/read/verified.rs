//! What stands before each deploy of a plan.lock: one verify node that checks all
//! that its ancestors were checked with, and behind it nothing but approvals.
//!
//! So no text, not even one with a digest that fits, has a deploy whose tree is
//! another one than that of its verify node. Unaware of what gates and rules do.

use super::names::{meaning, table};
use crate::ancestry::owed;
use crate::lockfile::LockError;
use crate::{Accept, Constitution, Node, NodeIndex, Work, Writes, verify_name};

/// Refuses a deploy without its verify node, and a verify node that is none.
pub(super) fn check(nodes: &[Node], constitution: Option<&Constitution>) -> Result<(), LockError> {
    let refused = |node: &Node, cause: String| meaning(table("node", &node.name), cause);
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
                check_verify(node, is_whole).map_err(|cause| refused(node, cause))?;
                verifies.push(NodeIndex::new(position));
            }
            Work::Deploy { .. } => {
                let verify = check_deploy(nodes, &behind, node);
                is_used[verify.map_err(|cause| refused(node, cause))?.get()] = true;
            }
            Work::Agent { .. } | Work::Command(_) => {}
        }
    }
    if let Some(verify) = verifies.iter().find(|verify| !is_used[verify.get()]) {
        return Err(refused(&nodes[verify.get()], "no deploy of its name needs it".to_owned()));
    }
    let listed = |verify: &NodeIndex| {
        let node = &nodes[verify.get()];
        node.gates.len() + node.env.len()
    };
    let most = verifies.iter().map(listed).sum();
    let owed = owed(nodes, &verifies, most).map_err(|at| incomplete(&nodes[verifies[at].get()]))?;
    for (verify, owed) in verifies.iter().zip(owed) {
        let node = &nodes[verify.get()];
        if node.gates != owed.gates || node.env != owed.env {
            return Err(incomplete(node));
        }
    }
    Ok(())
}

fn incomplete(node: &Node) -> LockError {
    let cause = "its `gates` and `env` are not those of all that stands before it, in that order";
    meaning(table("node", &node.name), cause.to_owned())
}

/// Returns the verify node that an approval stands right behind, alone or with
/// other such approvals.
fn behind_verify(nodes: &[Node], behind: &[Option<NodeIndex>], node: &Node) -> Option<NodeIndex> {
    let verify = own_verify(nodes, node)?;
    let is_such = |need: &NodeIndex| *need == verify || behind[need.get()] == Some(verify);
    (node.accept == Accept::All && node.needs.iter().all(is_such)).then_some(verify)
}

fn own_verify(nodes: &[Node], node: &Node) -> Option<NodeIndex> {
    let is_verify = |need: &&NodeIndex| matches!(nodes[need.get()].work, Work::Verify { .. });
    node.needs.iter().find(is_verify).copied()
}

/// Returns the verify node of a deploy; the error is the cause.
fn check_deploy(
    nodes: &[Node],
    behind: &[Option<NodeIndex>],
    node: &Node,
) -> Result<NodeIndex, String> {
    let name = verify_name(&node.name);
    let verify = own_verify(nodes, node).filter(|verify| nodes[verify.get()].name == name);
    let verify = verify.ok_or_else(|| format!("it does not need its verify node `{name}`"))?;
    let is_such = |need: &&NodeIndex| **need == verify || behind[need.get()] == Some(verify);
    if let Some(other) = node.needs.iter().find(|need| !is_such(need)) {
        let other = &nodes[other.get()].name;
        return Err(format!("it needs `{other}`, which is no approval behind `{name}`"));
    }
    if node.accept != Accept::All {
        return Err("its `accept` is not `all`: nothing is deployed past what failed".to_owned());
    }
    let sees_all = node.reads.is_none();
    if !sees_all || node.writes != Writes::Globs(Vec::new()) || !node.gates.is_empty() {
        let cause = "it has `reads`, `writes` or `gates`: a deploy sees all and changes nothing";
        return Err(cause.to_owned());
    }
    if node.budget.attempts != 1 {
        return Err("a deploy has one attempt".to_owned());
    }
    Ok(verify)
}

fn check_verify(node: &Node, is_whole: bool) -> Result<(), String> {
    let changes_nothing = node.writes == Writes::Globs(Vec::new())
        && node.reads.is_none()
        && node.inputs.is_empty()
        && node.implements.is_empty();
    if node.accept != Accept::All {
        Err("its `accept` is not `all`: nothing is deployed past what failed".to_owned())
    } else if !changes_nothing {
        Err("a verify node reads and changes nothing of its own".to_owned())
    } else if node.budget.attempts != 1 {
        Err("a verify node has one attempt".to_owned())
    } else if !is_whole {
        Err("its `rules` are not those of the constitution, in their order".to_owned())
    } else {
        Ok(())
    }
}
