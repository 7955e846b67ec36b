//! Ways of an agent's work to a secret, and what stops them; by hand, and against
//! an oracle that goes every way.

use std::collections::BTreeSet;

use super::super::sketch::{
    Chance, GRAPHS, agent, approval, command, in_place, names, plan_of, random, reads, secret,
    writer,
};
use super::super::{Proof, Verdict, proof as prove_one};
use super::*;
use crate::{Accept, Input, InputPart, Node, Overlap, Plan, Work};

fn taint(plan: &Plan) -> Option<Proof> {
    prove_one(plan, "taint")
}

/// Returns the counter-path; empty where it holds.
fn path(plan: &Plan) -> Vec<&str> {
    let proof = taint(plan).expect("there are secrets");
    assert_eq!(proof.verdict == Verdict::Fails, !proof.witness.is_empty(), "{proof}");
    names(plan, &proof.witness)
}

const NONE: [&str; 0] = [];

#[test]
fn nothing_is_said_without_secrets_and_no_agent_is_no_way() {
    assert_eq!(taint(&plan_of([(agent("a"), &[])])), None);
    let plan = plan_of([(agent("a"), &[]), (writer("w"), &[]), (secret("s"), &[1])]);
    let proof = taint(&plan).expect("there is a secret");
    assert_eq!(proof.to_string(), "holds: no agent stands before a node with secrets");
}

#[test]
fn an_agent_before_a_secret_needs_an_approval_of_its_work() {
    let plan = plan_of([(agent("a"), &[]), (command("c"), &[0]), (secret("s"), &[1])]);
    assert_eq!(path(&plan), ["a", "c", "s"]);
    assert_eq!(
        taint(&plan).expect("one").claim,
        "`s` has secrets, and no approval is asked about what `a` wrote before: a -> c -> s"
    );
    let remedy = taint(&plan).expect("one").remedy.expect("an approval does it");
    let begin = "put an approval behind `a` and before `s`, as in `approval look { needs = [c], ";
    assert!(remedy.starts_with(begin), "{remedy}");
    let plan = plan_of([(agent("a"), &[]), (approval("ok"), &[0]), (secret("s"), &[1])]);
    assert_eq!(path(&plan), NONE);
    assert!(taint(&plan).expect("one").claim.contains("only behind an approval"));
    // Beside the approval, but the approval was asked about it.
    let plan = plan_of([(agent("a"), &[]), (approval("ok"), &[0]), (secret("s"), &[0, 1])]);
    assert_eq!(path(&plan), NONE);
    // An approval of something else.
    let nodes = [(agent("a"), &[][..]), (agent("b"), &[]), (approval("ok"), &[1])];
    let [a, b, ok] = nodes;
    let plan = plan_of([a, b, ok, (secret("s"), &[0, 2])]);
    assert_eq!(path(&plan), ["a", "s"]);
    // One that comes after the approval.
    let plan = plan_of([(approval("ok"), &[]), (agent("a"), &[0]), (secret("s"), &[1])]);
    assert_eq!(path(&plan), ["a", "s"]);
}

#[test]
fn a_command_that_changes_files_carries_the_work_on() {
    // The approval was asked about the agent's files, not about what came of them.
    let plan = plan_of([
        (agent("a"), &[]),
        (approval("ok"), &[0]),
        (writer("w"), &[0]),
        (secret("s"), &[1, 2]),
    ]);
    assert_eq!(path(&plan), ["a", "w", "s"]);
    // One that changes nothing carries nothing.
    let plan = plan_of([
        (agent("a"), &[]),
        (approval("ok"), &[0]),
        (command("c"), &[0]),
        (secret("s"), &[1, 2]),
    ]);
    assert_eq!(path(&plan), NONE);
    // One that runs on what was approved makes nothing of the agent's.
    let plan = plan_of([
        (agent("a"), &[]),
        (approval("ok"), &[0]),
        (writer("w"), &[0, 1]),
        (secret("s"), &[2]),
    ]);
    assert_eq!(path(&plan), NONE);
}

#[test]
fn an_approval_counts_only_where_nothing_goes_on_without_it() {
    let mut plan = plan_of([(agent("a"), &[]), (approval("ok"), &[0]), (secret("s"), &[0, 1])]);
    plan.nodes[2].accept = Accept::Succeeded;
    assert_eq!(path(&plan), ["a", "s"]);
    plan.nodes[2].accept = Accept::All;
    plan.nodes[1].accept = Accept::Succeeded;
    assert_eq!(path(&plan), ["a", "s"], "it may have been asked while `a` had failed");
    // What comes through the approval alone was in the tree that it was asked about.
    plan.nodes[2].needs.remove(0);
    assert_eq!(path(&plan), NONE);
}

#[test]
fn work_flows_along_the_order_of_writers_and_an_approval_does_not_hold_it_back() {
    let mut plan = plan_of([(agent("a"), &[]), (approval("ok"), &[0]), (secret("s"), &[1])]);
    plan.nodes[2].after_writer = vec![NodeIndex::new(0)];
    assert_eq!(path(&plan), NONE, "the approval was asked about it");
    plan.nodes[1].after_writer = std::mem::take(&mut plan.nodes[1].needs);
    assert_eq!(path(&plan), ["a", "s"], "it may have been asked while `a` had failed");
    plan.nodes[2].after_writer.clear();
    assert_eq!(path(&plan), NONE);
}

#[test]
fn an_input_is_looked_at_where_the_approval_has_it_too() {
    let mut plan = plan_of([(agent("a"), &[]), (approval("ok"), &[0]), (secret("s"), &[1])]);
    reads(&mut plan, 2, 0, InputPart::Answer);
    assert_eq!(path(&plan), ["a", "s"]);
    reads(&mut plan, 1, 0, InputPart::Diff);
    assert_eq!(path(&plan), ["a", "s"], "another part");
    reads(&mut plan, 1, 0, InputPart::Answer);
    assert_eq!(path(&plan), NONE);
    reads(&mut plan, 2, 1, InputPart::Note);
    assert_eq!(path(&plan), NONE, "a person wrote it");
}

#[test]
fn a_merge_of_what_was_looked_at_one_by_one_is_not_claimed_where_agents_resolve_conflicts() {
    let merging = |mut node: Node| {
        node.overlap = Overlap::Merge;
        node
    };
    let mut plan = plan_of([
        (merging(agent("a")), &[]),
        (agent("b"), &[]),
        (approval("one"), &[0]),
        (approval("other"), &[1]),
        (secret("s"), &[2, 3]),
    ]);
    let proof = taint(&plan).expect("there is a secret");
    assert_eq!(
        proof.to_string(),
        "not claimed: `s` starts from a merge of what was looked at one by one, and `a` says \
         `merge`: nobody is asked about what an agent makes of a conflict"
    );
    // One approval behind the other was asked about both.
    plan.nodes[3].needs.push(NodeIndex::new(2));
    assert_eq!(taint(&plan).expect("one").verdict, Verdict::Holds);
    plan.nodes[3].needs.pop();
    plan.nodes[0].overlap = Overlap::Order;
    assert_eq!(taint(&plan).expect("one").verdict, Verdict::Holds, "they are in order");
}

#[test]
fn a_command_in_the_checkout_behind_an_agent_is_held_by_nothing() {
    let plan = plan_of([
        (agent("a"), &[]),
        (in_place("i"), &[0]),
        (approval("ok"), &[1]),
        (secret("s"), &[2]),
    ]);
    let proof = taint(&plan).expect("there is a secret");
    assert_eq!(proof.verdict, Verdict::NotClaimed, "{proof}");
    assert!(proof.claim.starts_with("`i` runs in the user's checkout behind an agent"), "{proof}");
    // What it prints is no tree of the run.
    let mut printed = plan.clone();
    reads(&mut printed, 3, 1, InputPart::Stdout);
    assert_eq!(taint(&printed).expect("one").verdict, Verdict::NotClaimed);
    let plan = plan_of([(in_place("i"), &[]), (agent("a"), &[]), (secret("s"), &[0])]);
    assert_eq!(taint(&plan).expect("one").verdict, Verdict::Holds);
}

#[test]
fn a_secret_in_the_checkout_is_reached_by_what_it_reads_alone() {
    let mut plan = plan_of([(agent("a"), &[]), (agent("b"), &[]), (secret("s"), &[0, 1])]);
    if let Work::Command(command) = &mut plan.nodes[2].work {
        command.in_place = true;
    }
    reads(&mut plan, 2, 1, InputPart::Answer);
    assert_eq!(path(&plan), ["b", "s"]);
}

#[test]
fn of_secrets_that_are_followed_together_each_has_its_own_way() {
    let plan = plan_of([
        (agent("x"), &[]),
        (approval("ok"), &[0]),
        (agent("a"), &[]),
        (writer("w"), &[2]),
        (secret("held"), &[0, 1]),
        (secret("open"), &[3]),
    ]);
    assert_eq!(path(&plan), ["a", "w", "open"]);
}

#[test]
fn what_takes_too_many_steps_is_not_claimed_but_a_way_that_was_found_is_told() {
    let clean = plan_of([
        (agent("a"), &[]),
        (approval("ok"), &[0]),
        (writer("w"), &[0, 1]),
        (secret("s"), &[2]),
    ]);
    let within = |plan: &Plan, steps| within(&Facts::of(plan), steps).verdict;
    let least = (0..100).find(|steps| within(&clean, *steps) == Verdict::Holds);
    let least = least.expect("a few steps are enough");
    assert!(least > 4, "{least}");
    for steps in 0..least {
        assert_eq!(within(&clean, steps), Verdict::NotClaimed, "{steps}");
    }
    let fails = plan_of([(agent("a"), &[]), (secret("s"), &[0])]);
    assert_eq!(within(&fails, 10), Verdict::Fails);
    assert_eq!(within(&fails, 0), Verdict::NotClaimed);
}

#[test]
fn a_long_way_is_told_by_its_ends_and_many_nodes_are_counted() {
    let mut plan = plan_of([(agent("a"), &[]), (command("c"), &[0]), (secret("s"), &[1])]);
    let (agent, step, last) = (&plan.nodes[0], &plan.nodes[1], &plan.nodes[2]);
    let chain = |at: usize, of: &Node| {
        let needs = at.checked_sub(1).map(NodeIndex::new).into_iter().collect();
        Node { name: format!("{}{at}", of.name), needs, ..of.clone() }
    };
    let steps = (1..20).map(|at| chain(at, step));
    let secrets = (20..120).map(|at| chain(at, last));
    plan.nodes = std::iter::once(chain(0, agent)).chain(steps).chain(secrets).collect();
    let claim = taint(&plan).expect("one").claim;
    assert!(
        claim.ends_with(
            "a0 -> c1 -> c2 -> c3 -> 13 more -> c17 -> c18 -> c19 -> s20; so it is with 99 more"
        ),
        "{claim}"
    );
}

/// More commands carry the work on than are looked behind for the shortest way; what is
/// told is a way of the plan all the same.
#[test]
fn a_way_through_very_many_commands_is_told_too() {
    for carriers in [1, 62, 63, 64, 65, 200] {
        let chain = |at: usize| Node {
            name: format!("n{at}"),
            needs: at.checked_sub(1).map(NodeIndex::new).into_iter().collect(),
            ..if at == 0 {
                agent("a")
            } else if at > carriers {
                secret("s")
            } else {
                writer("w")
            }
        };
        let plan = Plan { nodes: (0..carriers + 2).map(chain).collect(), ..plan_of([]) };
        let way = taint(&plan).expect("there is a secret").witness;
        let whole: Vec<NodeIndex> = (0..carriers + 2).map(NodeIndex::new).collect();
        assert_eq!(way, whole, "{carriers}");
    }
}

/// A hundred thousand nodes, of which a thousand have secrets behind approvals that
/// all agents before them were looked at by.
#[test]
fn a_large_plan_is_decided() {
    let [agent, writer, approval, secret] = [agent("a"), writer("w"), approval("ok"), secret("s")];
    let mut nodes: Vec<Node> = Vec::new();
    for round in 0..1_000 {
        let first = nodes.len();
        let before = first.checked_sub(1).map(NodeIndex::new);
        for at in 0..97 {
            let back =
                (1..4).filter(|back| at >= *back).map(|back| NodeIndex::new(first + at - back));
            let mut needs: Vec<NodeIndex> = back.chain(before.filter(|_| at == 0)).collect();
            needs.sort_unstable();
            let own = if at % 5 == 0 { writer.clone() } else { agent.clone() };
            nodes.push(Node { name: format!("n{round}_{at}"), needs, ..own });
        }
        let last = NodeIndex::new(nodes.len() - 1);
        nodes.push(Node { name: format!("ok{round}"), needs: vec![last], ..approval.clone() });
        let ok = NodeIndex::new(nodes.len() - 1);
        nodes.push(Node { name: format!("w{round}"), needs: vec![last, ok], ..writer.clone() });
        let made = NodeIndex::new(nodes.len() - 1);
        nodes.push(Node { name: format!("s{round}"), needs: vec![ok, made], ..secret.clone() });
    }
    let mut plan = Plan { nodes, ..plan_of([]) };
    assert_eq!(taint(&plan).expect("one").verdict, Verdict::Holds);
    plan.nodes.iter_mut().for_each(|node| node.overlap = Overlap::Merge);
    assert_eq!(taint(&plan).expect("one").verdict, Verdict::Holds, "one approval saw each merge");
    // The first approval fewer, and what it stood before has a way to the first secret.
    plan.nodes[97].work = command("c").work;
    assert_eq!(path(&plan)[..], ["n0_96", "ok0", "s0"]);
}

/// What stands before each node so that nothing goes on without it.
fn firm(plan: &Plan) -> Vec<BTreeSet<usize>> {
    let mut firm: Vec<BTreeSet<usize>> = Vec::new();
    for node in &plan.nodes {
        let mut own = BTreeSet::new();
        for need in node.needs.iter().filter(|_| node.accept == Accept::All) {
            own.insert(need.get());
            own.extend(&firm[need.get()]);
        }
        firm.push(own);
    }
    firm
}

fn is_approval(node: &Node) -> bool {
    matches!(node.work, Work::Approval { .. })
}

/// Goes every way back from a node, with nothing remembered, and returns all that an
/// agent's work takes to it.
fn ways(plan: &Plan, of: usize) -> Vec<Vec<usize>> {
    let nodes = &plan.nodes;
    let firm = firm(plan);
    let approvals: Vec<usize> =
        firm[of].iter().copied().filter(|at| is_approval(&nodes[*at])).collect();
    let is_seen = |at: usize| approvals.iter().any(|ok| *ok == at || firm[*ok].contains(&at));
    let is_laid_out = |it: &Input| approvals.iter().any(|ok| nodes[*ok].inputs.contains(it));
    let ends = |at: usize| match nodes[at].work {
        Work::Agent { .. } => vec![vec![at]],
        Work::Approval { .. } => Vec::new(),
        _ => ways(plan, at),
    };
    let mut found = Vec::new();
    let mut open: Vec<Vec<usize>> = vec![vec![of]];
    if nodes[of].work.is_in_place() {
        open.clear();
    }
    while let Some(way) = open.pop() {
        for need in nodes[way[0]].waits_for().map(NodeIndex::get) {
            if is_seen(need) || is_approval(&nodes[need]) {
                continue;
            }
            let is_agent = matches!(nodes[need].work, Work::Agent { .. });
            if is_agent || nodes[need].is_writer() {
                found.extend(ends(need).into_iter().map(|end| [end, way.clone()].concat()));
            } else {
                open.push([vec![need], way.clone()].concat());
            }
        }
    }
    for input in nodes[of].inputs.iter().filter(|input| !is_laid_out(input)) {
        let ends = ends(input.node.get()).into_iter();
        found.extend(ends.map(|end| [end, vec![of]].concat()));
    }
    found
}

/// What the proof says of a plan, after a comparison with all ways; `None` without secrets.
fn compared(seed: u64, plan: &Plan) -> Option<Verdict> {
    let proof = taint(plan)?;
    let has_secrets = |node: &Node| node.work.command().is_some_and(|it| !it.secrets.is_empty());
    let secrets = (0..plan.nodes.len()).filter(|at| has_secrets(&plan.nodes[*at]));
    let all: Vec<Vec<Vec<usize>>> = secrets.map(|at| ways(plan, at)).collect();
    let Some(first) = all.iter().find(|ways| !ways.is_empty()) else {
        let is_open = carries_into_checkout(plan) || merges_apart(plan);
        let verdict = if is_open { Verdict::NotClaimed } else { Verdict::Holds };
        assert_eq!(proof.verdict, verdict, "{seed}: {proof}");
        return Some(verdict);
    };
    assert_eq!(proof.verdict, Verdict::Fails, "{seed}: {proof}");
    let witness: Vec<usize> = proof.witness.iter().map(|node| node.get()).collect();
    assert!(first.contains(&witness), "{seed}: {witness:?} is none of {first:?}");
    let shortest = first.iter().map(Vec::len).min();
    assert_eq!(Some(witness.len()), shortest, "{seed}: {witness:?} of {first:?}");
    Some(Verdict::Fails)
}

fn count(of: &[Verdict], verdict: Verdict) -> usize {
    of.iter().filter(|it| **it == verdict).count()
}

#[test]
fn an_oracle_that_goes_every_way_agrees() {
    let all: Vec<Verdict> = (0..GRAPHS).filter_map(|seed| compared(seed, &random(seed))).collect();
    let (fails, holds) = (count(&all, Verdict::Fails), count(&all, Verdict::Holds));
    assert!(fails > 1_000 && holds > 1_000, "{fails} fail, {holds} hold");
}

/// Graphs in which most of what agents made is looked at, by one approval or by several.
#[test]
fn an_oracle_agrees_on_what_is_looked_at_one_by_one() {
    let looked_at = |seed: u64| {
        let mut chance = Chance::new(seed);
        let mut nodes: Vec<Node> = Vec::new();
        let kinds: [fn(&str) -> Node; 8] =
            [agent, agent, approval, writer, approval, command, approval, secret];
        for (at, kind) in kinds.into_iter().enumerate() {
            let mut own = kind(&format!("n{at}"));
            let nearest = (0..at).filter(|need| chance.one_in(at - need + 1));
            own.needs =
                nearest.map(NodeIndex::new).filter(|need| is_asked(&own, &nodes, *need)).collect();
            if chance.one_in(2) {
                own.overlap = Overlap::Merge;
            }
            if chance.one_in(20) {
                own.accept = Accept::Succeeded;
            }
            nodes.push(own);
        }
        Plan { nodes, ..plan_of([]) }
    };
    let all: Vec<Verdict> =
        (0..GRAPHS).filter_map(|seed| compared(seed, &looked_at(seed))).collect();
    let [fails, holds, apart] =
        [Verdict::Fails, Verdict::Holds, Verdict::NotClaimed].map(|it| count(&all, it));
    assert!(fails > 500 && holds > 500 && apart > 200, "{fails}, {holds}, {apart}");
}

/// What has secrets waits for no agent itself.
fn is_asked(own: &Node, nodes: &[Node], need: NodeIndex) -> bool {
    own.work.command().is_none_or(|it| it.secrets.is_empty()) || !is_agent(&nodes[need.get()])
}

/// Returns all ways back from a node to what counts, each node of them.
fn all_ways(plan: &Plan, of: usize, counts: fn(&Node) -> bool) -> Vec<Vec<usize>> {
    let (mut found, mut open) = (Vec::new(), vec![vec![of]]);
    while let Some(way) = open.pop() {
        let node = &plan.nodes[way[0]];
        let inputs = node.inputs.iter().map(|input| input.node);
        let before: BTreeSet<usize> = node.waits_for().chain(inputs).map(NodeIndex::get).collect();
        for need in before {
            let longer = [vec![need], way.clone()].concat();
            if counts(&plan.nodes[need]) {
                found.push(longer.clone());
            }
            open.push(longer);
        }
    }
    found
}

fn is_agent(node: &Node) -> bool {
    matches!(node.work, Work::Agent { .. })
}

/// Tells whether an agent's work may come to a command in the checkout past approvals.
fn carries_into_checkout(plan: &Plan) -> bool {
    let in_place = (0..plan.nodes.len()).filter(|at| plan.nodes[*at].work.is_in_place());
    in_place.into_iter().any(|at| {
        let ways = all_ways(plan, at, is_agent);
        ways.iter().any(|way| !way.iter().any(|at| is_approval(&plan.nodes[*at])))
    })
}

/// Tells whether a node with secrets needs no approval that all files of agents went
/// through, and agents resolve conflicts.
fn merges_apart(plan: &Plan) -> bool {
    let nodes = &plan.nodes;
    let firm = firm(plan);
    let merging = |node: &Node| is_agent(node) && node.overlap == Overlap::Merge;
    let has_secrets = |node: &Node| node.work.command().is_some_and(|it| !it.secrets.is_empty());
    let is_apart = |at: usize| {
        let mut plan = plan.clone();
        plan.nodes.iter_mut().for_each(|node| node.inputs.clear());
        let ways = all_ways(&plan, at, is_agent);
        let mut approvals = firm[at].iter().copied().filter(|it| is_approval(&nodes[*it]));
        let covers = |ok: usize| {
            let is_seen = |at: &usize| *at == ok || firm[ok].contains(at);
            ways.iter().all(|way| way[..way.len() - 1].iter().any(is_seen))
        };
        !ways.is_empty() && !approvals.any(covers)
    };
    nodes.iter().any(merging) && (0..nodes.len()).any(|at| has_secrets(&nodes[at]) && is_apart(at))
}

/// What a run comes to in which some nodes fail, or are rejected.
struct Night {
    has_run: Vec<bool>,
    /// Whose changes are in the tree that a node starts from.
    base: Vec<BTreeSet<usize>>,
    /// Of these, what an agent made and nobody looked at who had to before the node.
    unseen: Vec<BTreeSet<usize>>,
}

fn night(plan: &Plan, fails: usize) -> Night {
    let nodes = &plan.nodes;
    let none = || vec![BTreeSet::new(); nodes.len()];
    let (mut tree, mut seen, mut made) = (none(), none(), BTreeSet::new());
    let mut night = Night { has_run: Vec::new(), base: none(), unseen: none() };
    let mut succeeded: Vec<bool> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let needs = || node.needs.iter().map(|need| need.get());
        let runs = node.accept == Accept::Succeeded || needs().all(|need| succeeded[need]);
        // What merely writes before it may have failed.
        for need in node.waits_for().map(NodeIndex::get).filter(|need| succeeded[*need]) {
            let (its_tree, its_seen) = (tree[need].clone(), seen[need].clone());
            night.base[at].extend(its_tree);
            seen[at].extend(its_seen);
        }
        let looked_at = night.base[at].clone();
        if is_approval(node) {
            seen[at].extend(looked_at);
        }
        let unseen = night.base[at].difference(&seen[at]).filter(|it| made.contains(*it));
        night.unseen[at] = unseen.copied().collect();
        tree[at] = night.base[at].clone();
        if node.is_writer() {
            tree[at].insert(at);
            let is_agent = matches!(node.work, Work::Agent { .. });
            if is_agent || !night.unseen[at].is_empty() {
                made.insert(at);
            }
        }
        night.has_run.push(runs);
        succeeded.push(runs && fails >> at & 1 == 0);
    }
    night
}

/// Whatever fails in a night: where the proof holds, a node with secrets starts from
/// nothing of an agent's that nobody looked at.
#[test]
fn no_night_shows_a_secret_to_what_nobody_looked_at() {
    let mut nights = 0;
    for seed in 0..GRAPHS / 4 {
        let mut plan = random(seed);
        plan.nodes.iter_mut().for_each(|node| node.inputs.clear());
        let Some(proof) = taint(&plan) else { continue };
        if proof.verdict != Verdict::Holds {
            continue;
        }
        for fails in 0..1 << plan.nodes.len() {
            let night = night(&plan, fails);
            for (at, node) in plan.nodes.iter().enumerate() {
                let has_secrets = node.work.command().is_some_and(|it| !it.secrets.is_empty());
                if has_secrets && night.has_run[at] {
                    assert!(night.unseen[at].is_empty(), "{seed}, {fails:b}: n{at}");
                    nights += 1;
                }
            }
        }
    }
    assert!(nights > 10_000, "{nights}");
}
