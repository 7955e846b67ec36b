//! Deploys with and without what must stand before them, by hand, and against an
//! oracle over the closed graph.

use super::super::sketch::{
    Chance, GRAPHS, agent, approval, command, names, node, plan_of, reads, verify,
};
use super::super::{Proof, Verdict, proof as prove_one};
use super::check;
use crate::lockfile::example::everything;
use crate::{
    Accept, Command, EnvironmentIndex, FINAL_VERIFY, GateIndex, InputPart, Node, NodeIndex, OnFail,
    Plan, Recovery, RuleIndex, Work, Writes,
};

fn deploy(name: &str) -> Node {
    let command = Box::new(Command::new(vec!["make".to_owned()]));
    node(name, Work::Deploy { command, folders: Vec::new(), recovery: Recovery::Ask })
}

fn gated(mut node: Node, gates: &[usize]) -> Node {
    node.gates = gates.iter().copied().map(GateIndex::new).collect();
    node
}

fn proof(plan: &Plan) -> Option<Proof> {
    prove_one(plan, "deploy")
}

/// Work, its verify node, an approval and the deploy.
fn shipped() -> Plan {
    plan_of([
        (gated(agent("work"), &[1, 0]), &[]),
        (gated(verify("ship/verify"), &[1, 0]), &[0]),
        (approval("release"), &[1]),
        (deploy("ship"), &[1, 2]),
    ])
}

#[test]
fn nothing_is_said_without_a_deploy_and_a_verified_one_holds() {
    assert_eq!(proof(&plan_of([(agent("a"), &[])])), None);
    let held = proof(&shipped()).expect("there is one");
    assert_eq!(held.verdict, Verdict::Holds, "{held}");
}

#[test]
fn each_way_past_the_verify_node_is_the_witness() {
    type Alter = fn(&mut Plan);
    let cases: &[(Alter, &str, &[&str])] = &[
        (
            |it| it.nodes[3].needs = vec![NodeIndex::new(2)],
            "`ship`: it does not need its",
            &["ship"],
        ),
        (
            |it| it.nodes[3].needs.insert(0, NodeIndex::new(0)),
            "`ship`: it needs `work`, which is no approval behind `ship/verify`",
            &["work", "ship"],
        ),
        (
            |it| it.nodes[3].after_writer.push(NodeIndex::new(0)),
            "`ship`: it needs `work`, which is no approval behind `ship/verify`",
            &["work", "ship"],
        ),
        (
            |it| it.nodes[2].needs.insert(0, NodeIndex::new(0)),
            "`ship`: it needs `release`, which is no approval behind `ship/verify`",
            &["release", "ship"],
        ),
        (|it| it.nodes[3].accept = Accept::Succeeded, "`ship`: its `accept` is not", &["ship"]),
        (
            |it| it.nodes[1].accept = Accept::Succeeded,
            "`ship/verify`: its `accept` is not",
            &["ship/verify"],
        ),
        (
            |it| it.nodes[1].gates.truncate(1),
            "`ship/verify`: its `gates` and `env` are not those of all that stands before it",
            &["work", "ship/verify"],
        ),
        (
            |it| it.nodes[1].gates.reverse(),
            "`ship/verify`: its `gates` and `env` are not those of all",
            &["ship/verify"],
        ),
        (|it| it.nodes[3].budget.attempts = 2, "`ship`: a deploy has one attempt", &["ship"]),
        (
            |it| it.nodes[3].writes = Writes::Unprotected,
            "`ship`: it has `reads`, `writes` or `gates`",
            &["ship"],
        ),
    ];
    for (alter, claim, way) in cases {
        let mut plan = shipped();
        alter(&mut plan);
        let failed = proof(&plan).expect("there is a deploy");
        assert_eq!(failed.verdict, Verdict::Fails, "{failed}");
        assert!(failed.claim.starts_with(claim), "{failed} and not {claim}");
        assert_eq!(names(&plan, &failed.witness), *way, "{failed}");
    }
}

/// Two nodes, and what judges the branch that they leave, by two rules.
fn judged() -> Plan {
    let rules = [0, 1].map(RuleIndex::new).to_vec();
    let mut last = gated(node(FINAL_VERIFY, Work::Verify { rules }), &[1, 0]);
    (last.accept, last.on_fail) = (Accept::Succeeded, OnFail::GoOn);
    let mut plan =
        plan_of([(gated(agent("a"), &[1]), &[]), (gated(agent("b"), &[0]), &[]), (last, &[0, 1])]);
    plan.constitution = everything().constitution;
    plan.constitution.as_mut().expect("it has one").rules.truncate(2);
    plan
}

fn checked(plan: &Plan) -> Result<(), String> {
    let found = check(&plan.nodes, plan.constitution.as_ref());
    found.map_err(|bypass| format!("{}: {}", plan.nodes[bypass.node.get()].name, bypass.cause))
}

#[test]
fn what_judges_the_branch_is_the_last_node_and_waits_for_all() {
    assert_eq!(checked(&judged()), Ok(()));
    type Alter = fn(&mut Plan);
    let none = "constitution:verify: no deploy of its name needs it, nor does it judge all";
    let holds_back = "constitution:verify: it judges what succeeded, and holds nothing back";
    let own = "constitution:verify: a verify node reads and changes nothing of its own";
    let rules = "constitution:verify: its `rules` are not those of the constitution";
    let cases: &[(Alter, &str)] = &[
        (|it| it.nodes[2].needs.truncate(1), none),
        (|it| it.nodes.push(agent("behind")), none),
        (
            |it| {
                let mut verify = it.nodes[2].clone();
                (verify.name, verify.accept) = ("ship/verify".to_owned(), Accept::All);
                it.nodes.insert(2, verify);
                it.nodes.insert(3, Node { needs: vec![NodeIndex::new(2)], ..deploy("ship") });
                it.nodes[4].needs = vec![NodeIndex::new(3)];
            },
            none,
        ),
        (
            |it| {
                it.constitution = None;
                it.nodes[2].work = Work::Verify { rules: Vec::new() };
            },
            none,
        ),
        (|it| it.nodes[2].name = "other".to_owned(), "other: its `accept` is not `all`"),
        (
            |it| {
                it.nodes[2].name = "other".to_owned();
                it.nodes[2].accept = Accept::All;
            },
            "other: no deploy of its name needs it",
        ),
        (|it| it.nodes[2].accept = Accept::All, holds_back),
        (|it| it.nodes[2].on_fail = OnFail::Stop, holds_back),
        (|it| it.nodes[2].reads = Some(Vec::new()), own),
        (|it| it.nodes[2].implements = vec!["FR-1".to_owned()], own),
        (|it| it.nodes[2].writes = Writes::Unprotected, own),
        (|it| reads(it, 2, 0, InputPart::Answer), own),
        (
            |it| it.nodes[2].budget.attempts = 2,
            "constitution:verify: a verify node has one attempt",
        ),
        (|it| it.nodes[2].work = Work::Verify { rules: vec![RuleIndex::new(0)] }, rules),
        (|it| it.nodes[2].work = Work::Verify { rules: vec![RuleIndex::new(0); 2] }, rules),
        (|it| it.nodes[2].gates.truncate(1), "constitution:verify: its `gates` and `env` are not"),
    ];
    for (alter, cause) in cases {
        let mut plan = judged();
        alter(&mut plan);
        let found = checked(&plan).expect_err(cause);
        assert!(found.starts_with(cause), "{found} and not {cause}");
    }
}

#[test]
fn the_way_begins_at_the_nearest_whose_gate_is_lacking() {
    let mut plan = plan_of([
        (gated(agent("work"), &[1]), &[]),
        (agent("more"), &[0]),
        (gated(agent("most"), &[0]), &[1]),
        (gated(verify("ship/verify"), &[0]), &[2]),
        (deploy("ship"), &[3]),
    ]);
    let failed = proof(&plan).expect("there is a deploy");
    assert_eq!(names(&plan, &failed.witness), ["work", "more", "most", "ship/verify"]);
    // What no gate checks brings no environment along.
    plan.nodes[1].env = vec![EnvironmentIndex::new(0)];
    let failed = proof(&plan).expect("there is a deploy");
    assert_eq!(names(&plan, &failed.witness), ["work", "more", "most", "ship/verify"]);
    plan.nodes[2].env = vec![EnvironmentIndex::new(0)];
    let failed = proof(&plan).expect("there is a deploy");
    assert_eq!(names(&plan, &failed.witness), ["most", "ship/verify"]);
}

#[test]
fn an_approval_of_a_part_is_not_claimed_to_be_one_of_the_whole() {
    let plan = plan_of([
        (agent("a"), &[]),
        (approval("look"), &[0]),
        (agent("b"), &[]),
        (verify("ship/verify"), &[1, 2]),
        (deploy("ship"), &[3]),
    ]);
    let passed = proof(&plan).expect("there is a deploy");
    assert_eq!(
        passed.to_string(),
        "not claimed: the approval `look` is asked about another tree than the one that \
         `ship/verify` checks"
    );
}

/// A random plan of at most 8 nodes that ends with a deploy: mostly as the compiler would
/// put its verify node before it, then with one mistake or none.
fn random(chance: &mut Chance) -> Plan {
    let count = 1 + chance.below(4);
    let mut nodes: Vec<Node> = Vec::new();
    for at in 0..count {
        let own = [agent, command, approval][chance.below(3)](&format!("n{at}"));
        let gates: Vec<usize> = (0..3).filter(|_| chance.one_in(3)).collect();
        let mut own = gated(own, &gates);
        own.env = (0..2).filter(|_| chance.one_in(3)).map(EnvironmentIndex::new).collect();
        own.needs = (0..at).filter(|_| chance.one_in(2)).map(NodeIndex::new).collect();
        let writers = (0..at).map(NodeIndex::new).filter(|it| !own.needs.contains(it));
        own.after_writer = writers.filter(|_| chance.one_in(5)).collect();
        nodes.push(own);
    }
    let mut own = verify("ship/verify");
    own.needs = (0..count).filter(|_| chance.one_in(2)).map(NodeIndex::new).collect();
    nodes.push(own);
    let owed = oracle_owed(&nodes, count);
    (nodes[count].gates, nodes[count].env) = owed;
    let mut last = vec![count];
    for number in 0..chance.below(3) {
        let mut ask = approval(&format!("ask{number}"));
        let others = last.iter().copied().filter(|at| *at == count || chance.one_in(2));
        ask.needs = others.map(NodeIndex::new).collect();
        last.push(nodes.len());
        nodes.push(ask);
    }
    let mut ship = deploy("ship");
    ship.needs = last.iter().copied().map(NodeIndex::new).collect();
    nodes.push(ship);
    mistake(&mut nodes, count, chance);
    Plan { nodes, ..plan_of([]) }
}

fn mistake(nodes: &mut [Node], verify: usize, chance: &mut Chance) {
    let at = verify + chance.below(nodes.len() - verify);
    let other = NodeIndex::new(chance.below(at.max(1)));
    match chance.below(9) {
        0 if at > 0 && !nodes[at].needs.contains(&other) => {
            nodes[at].needs.push(other);
            nodes[at].needs.sort_unstable();
        }
        1 if at > 0 && !nodes[at].needs.contains(&other) => nodes[at].after_writer.push(other),
        2 if !nodes[at].needs.is_empty() => {
            let gone = chance.below(nodes[at].needs.len());
            nodes[at].needs.remove(gone);
        }
        3 => nodes[at].accept = Accept::Succeeded,
        4 if !nodes[verify].gates.is_empty() => {
            nodes[verify].gates.pop();
        }
        5 => nodes[verify].gates.push(GateIndex::new(7)),
        6 => nodes[verify].env.reverse(),
        _ => {}
    }
}

/// Who stands before whom, closed over three nodes at a time (Floyd and Warshall).
fn before(nodes: &[Node]) -> Vec<Vec<bool>> {
    let count = nodes.len();
    let mut before = vec![vec![false; count]; count];
    for (at, node) in nodes.iter().enumerate() {
        node.waits_for().for_each(|need| before[need.get()][at] = true);
    }
    for via in 0..count {
        for from in 0..count {
            for to in 0..count {
                before[from][to] |= before[from][via] && before[via][to];
            }
        }
    }
    before
}

/// What a verify node has to check, found node by node.
fn oracle_owed(nodes: &[Node], verify: usize) -> (Vec<GateIndex>, Vec<EnvironmentIndex>) {
    let before = before(nodes);
    let (mut gates, mut env) = (Vec::new(), Vec::new());
    for (at, node) in nodes.iter().enumerate().filter(|(_, node)| !node.gates.is_empty()) {
        if before[at][verify] {
            gates.extend(
                node.gates.iter().copied().filter(|gate| !gates.contains(gate)).collect::<Vec<_>>(),
            );
            env.extend(
                node.env.iter().copied().filter(|place| !env.contains(place)).collect::<Vec<_>>(),
            );
        }
    }
    (gates, env)
}

/// Tells whether what is deployed is what was verified, and nothing but approvals of it
/// stands between: all that stands before the deploy stands before its verify node too,
/// or is an approval into which nothing else leads.
fn is_whole(plan: &Plan) -> bool {
    let nodes = &plan.nodes;
    let (before, ship) = (before(nodes), nodes.len() - 1);
    let Some(verify) = nodes.iter().position(|node| node.name == "ship/verify") else {
        return false;
    };
    if !nodes[ship].needs.contains(&NodeIndex::new(verify)) {
        return false;
    }
    let is_earlier = |at: usize| before[at][verify];
    // What is between, the deploy itself among it.
    let between = (0..nodes.len())
        .filter(|at| (*at == ship || before[*at][ship]) && *at != verify && !is_earlier(*at));
    let is_sound = |at: usize| {
        let node = &nodes[at];
        let is_approval = matches!(node.work, Work::Approval { .. });
        (at == ship || is_approval)
            && node.accept == Accept::All
            && node.needs.contains(&NodeIndex::new(verify))
            && !node.waits_for().any(|need| is_earlier(need.get()))
    };
    let own = &nodes[verify];
    between.into_iter().all(is_sound)
        && own.accept == Accept::All
        && (own.gates.clone(), own.env.clone()) == oracle_owed(nodes, verify)
}

#[test]
fn an_oracle_over_the_closed_graph_agrees() {
    let (mut holds, mut fails) = (0, 0);
    for seed in 0..GRAPHS {
        let plan = random(&mut Chance::new(seed));
        assert!(plan.nodes.len() <= 8, "{seed}");
        let proof = proof(&plan).expect("there is a deploy");
        assert_eq!(proof.verdict != Verdict::Fails, is_whole(&plan), "{seed}: {proof}");
        if proof.verdict != Verdict::Fails {
            holds += usize::from(proof.verdict == Verdict::Holds);
            continue;
        }
        fails += 1;
        // The witness is a way of the plan that ends where the mistake shows.
        for pair in proof.witness.windows(2) {
            let mut waits = plan.nodes[pair[1].get()].waits_for();
            assert!(waits.any(|need| need == pair[0]), "{seed}: {proof}");
        }
        let last = proof.witness.last().expect("a failure has a witness");
        let name = &plan.nodes[last.get()].name;
        assert!(["ship", "ship/verify"].contains(&name.as_str()), "{seed}: {name}");
        assert!(proof.claim.starts_with(&format!("`{name}`: ")), "{seed}: {proof}");
    }
    assert!(holds > 1_000 && fails > 1_000, "{holds} hold, {fails} fail");
}
