//! Puts a verify node before each deploy, behind the work and before the
//! approvals that are given for nothing else: work → verify → approval → deploy.
//!
//! So a person is asked about a tree that is verified already, and the verified,
//! the approved and the deployed tree are one. What the node checks follows from
//! what stands before it. Where nothing is deployed, one at the end judges what the
//! run comes to by the constitution. Unaware of specs and of how gates run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use eufm_plan::ancestry::{TooMuch, leaves, owed};
use eufm_plan::{
    Accept, FINAL_VERIFY, Node, NodeBudget, NodeIndex, OnFail, Overlap, Plan, RuleIndex, Work,
    Writes, verify_name,
};

/// There is too much to be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beyond {
    /// The position of a deploy with which it is; `None` where nothing is deployed.
    pub(crate) deploy: Option<usize>,
    /// Whether it is too much to be listed; else to be looked at.
    pub(crate) is_listed: bool,
}

/// Adds the verify nodes; all together they check at most `most` gates, and see at
/// most as many environments. Returns for each node of the plan the position that it
/// had before; a verify node comes from its deploy, and the one at the end, of which
/// nothing is said, from no task.
///
/// # Errors
/// Fails where there is too much: with the position of the deploy, if it is one.
pub(crate) fn insert(plan: &mut Plan, most: usize) -> Result<Vec<usize>, Beyond> {
    let is_deploy = |node: &Node| matches!(node.work, Work::Deploy { .. });
    let deploys: Vec<usize> =
        plan.nodes.iter().enumerate().filter(|(_, it)| is_deploy(it)).map(|(at, _)| at).collect();
    let rules = plan.constitution.as_ref().map_or(0, |constitution| constitution.rules.len());
    if deploys.is_empty() {
        let origins = (0..plan.nodes.len()).collect();
        if rules > 0 {
            judge_the_end(&mut plan.nodes, rules, most)
                .map_err(|TooMuch { is_listed, .. }| Beyond { deploy: None, is_listed })?;
        }
        return Ok(origins);
    }
    let final_for = final_approvals(&plan.nodes);
    // Nothing before the first of these changes its place.
    let first_final = final_for.iter().position(Option::is_some);
    let first = deploys[0].min(first_final.unwrap_or(usize::MAX));
    let verifies = rewire(&mut plan.nodes, &deploys, &final_for, rules);
    let (mut places, origins) = reorder(&mut plan.nodes, &deploys, first, verifies);
    let owed = owed(&plan.nodes, &places, most.saturating_sub(rules * places.len()));
    let owed = owed.map_err(|TooMuch { target, is_listed }| Beyond {
        deploy: deploys.get(target).copied(),
        is_listed,
    })?;
    for (place, owed) in places.drain(..).zip(owed) {
        let node = &mut plan.nodes[place.get()];
        (node.gates, node.env) = (owed.gates, owed.env);
    }
    Ok(origins)
}

/// Adds the node that judges what the run comes to: it waits for all, and goes on
/// with what succeeded.
fn judge_the_end(nodes: &mut Vec<Node>, rules: usize, most: usize) -> Result<(), TooMuch> {
    let needs = leaves(nodes);
    let place = NodeIndex::new(nodes.len());
    nodes.push(Node {
        accept: Accept::Succeeded,
        ..verify_node(FINAL_VERIFY.to_owned(), needs, rules)
    });
    let mut owed = owed(nodes, &[place], most.saturating_sub(rules))?;
    if let (Some(node), Some(owed)) = (nodes.last_mut(), owed.pop()) {
        (node.gates, node.env) = (owed.gates, owed.env);
    }
    Ok(())
}

/// Makes a verify node that has no gates yet.
fn verify_node(name: String, needs: Vec<NodeIndex>, rules: usize) -> Node {
    Node {
        name,
        work: Work::Verify { rules: (0..rules).map(RuleIndex::new).collect() },
        needs,
        after_writer: Vec::new(),
        accept: Accept::All,
        implements: Vec::new(),
        inputs: Vec::new(),
        reads: None,
        writes: Writes::Globs(Vec::new()),
        overlap: Overlap::default(),
        env: Vec::new(),
        gates: Vec::new(),
        budget: NodeBudget { attempts: 1, ..NodeBudget::default() },
        on_fail: OnFail::default(),
    }
}

/// What waits for an approval.
#[derive(Clone, Copy, PartialEq)]
enum Behind {
    Nothing,
    /// One deploy, and other approvals with only that behind them.
    Deploy(usize),
    /// Something else, or several.
    More,
}

/// Returns for each node the deploy for which alone it is an approval, if it is one.
///
/// One that goes on with what succeeded is none: the deploy needs all of its tree.
fn final_approvals(nodes: &[Node]) -> Vec<Option<usize>> {
    let mut behind = vec![Behind::Nothing; nodes.len()];
    for (position, node) in nodes.iter().enumerate().rev() {
        let own = match (&node.work, node.accept) {
            (Work::Deploy { .. }, _) => Behind::Deploy(position),
            (Work::Approval { .. }, Accept::All) if behind[position] != Behind::Nothing => {
                behind[position]
            }
            _ => {
                behind[position] = Behind::More;
                Behind::More
            }
        };
        for need in &node.needs {
            let known = &mut behind[need.get()];
            *known = if *known == Behind::Nothing || *known == own { own } else { Behind::More };
        }
    }
    let is_approval = |node: &Node| matches!(node.work, Work::Approval { .. });
    let of = |(node, behind): (&Node, Behind)| match behind {
        Behind::Deploy(deploy) if is_approval(node) => Some(deploy),
        _ => None,
    };
    nodes.iter().zip(behind).map(of).collect()
}

/// Makes a verify node for each deploy, of which the position is that behind the
/// last node so far, and lets deploys and final approvals wait for it.
fn rewire(
    nodes: &mut [Node],
    deploys: &[usize],
    final_for: &[Option<usize>],
    rules: usize,
) -> Vec<Node> {
    let count = nodes.len();
    let mut number = vec![0; count];
    deploys.iter().enumerate().for_each(|(at, deploy)| number[*deploy] = at);
    let mut before: Vec<Vec<NodeIndex>> = vec![Vec::new(); deploys.len()];
    for (position, node) in nodes.iter_mut().enumerate() {
        let deploy = match node.work {
            Work::Deploy { .. } => Some(position),
            _ => final_for[position],
        };
        let Some(deploy) = deploy else { continue };
        let own = number[deploy];
        let is_final = |need: &NodeIndex| final_for[need.get()] == Some(deploy);
        let (mut needs, work): (Vec<_>, Vec<_>) =
            std::mem::take(&mut node.needs).into_iter().partition(is_final);
        before[own].extend(work);
        needs.push(NodeIndex::new(count + own));
        node.needs = needs;
    }
    let verify = |(deploy, mut needs): (&usize, Vec<NodeIndex>)| {
        needs.sort_unstable();
        needs.dedup();
        let deploy = &nodes[*deploy];
        let verify = verify_node(verify_name(&deploy.name), needs, rules);
        Node { on_fail: deploy.on_fail, ..verify }
    };
    deploys.iter().zip(before).map(verify).collect()
}

/// Puts the nodes from `first` on in order, each behind what it waits for, else where it
/// was, a verify node right before its deploy; returns where these are, and where each
/// node comes from.
fn reorder(
    nodes: &mut Vec<Node>,
    deploys: &[usize],
    first: usize,
    verifies: Vec<Node>,
) -> (Vec<NodeIndex>, Vec<usize>) {
    let count = nodes.len();
    let mut tail = nodes.split_off(first);
    let moved = tail.len();
    tail.extend(verifies);
    // Where a node wants to stand: a verify node right before its deploy.
    let wish = |at: usize| match at.checked_sub(moved) {
        None => (first + at, 1),
        Some(verify) => (deploys[verify], 0),
    };
    let within = |need: NodeIndex| need.get().checked_sub(first);
    let mut waiting = vec![0_u32; tail.len()];
    let mut behind: Vec<Vec<u32>> = vec![Vec::new(); tail.len()];
    for (at, node) in tail.iter().enumerate() {
        for need in node.waits_for().filter_map(within) {
            waiting[at] += 1;
            behind[need].push(u32::try_from(at).expect("invariant: a plan has below 2^32 nodes"));
        }
    }
    let ready = (0..tail.len()).filter(|at| waiting[*at] == 0);
    let mut ready: BinaryHeap<_> = ready.map(|at| Reverse((wish(at), at))).collect();
    let mut order = Vec::with_capacity(tail.len());
    while let Some(Reverse((_, at))) = ready.pop() {
        order.push(at);
        for next in std::mem::take(&mut behind[at]) {
            let next = next as usize;
            waiting[next] -= 1;
            if waiting[next] == 0 {
                ready.push(Reverse((wish(next), next)));
            }
        }
    }
    let mut places = vec![0; tail.len()];
    order.iter().enumerate().for_each(|(place, at)| places[*at] = first + place);
    let place = |node: NodeIndex| match node.get().checked_sub(first) {
        None => node,
        Some(at) => NodeIndex::new(places[at]),
    };
    let mut tail: Vec<Option<Node>> = tail.into_iter().map(Some).collect();
    for at in &order {
        let mut node = tail[*at].take().expect("invariant: each node stands in the order once");
        node.needs.iter_mut().for_each(|need| *need = place(*need));
        node.needs.sort_unstable();
        node.after_writer.iter_mut().for_each(|before| *before = place(*before));
        node.after_writer.sort_unstable();
        node.inputs.iter_mut().for_each(|input| input.node = place(input.node));
        if let Work::Agent { session: Some(session), .. } = &mut node.work {
            *session = place(*session);
        }
        nodes.push(node);
    }
    let origins = (0..first).chain(order.iter().map(|at| wish(*at).0)).collect();
    ((count - first..places.len()).map(|at| NodeIndex::new(places[at])).collect(), origins)
}
