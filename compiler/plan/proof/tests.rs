//! Which claims hold for the shared plans, and what takes one away.

use super::*;
use crate::lockfile::example::{everything, hello};
use crate::{Command, Level, ParamValue, RuleIndex, Work, Writes};

fn claims(plan: &Plan, verdict: Verdict) -> Vec<&'static str> {
    let claims = proofs(plan).into_iter().filter(|proof| proof.verdict == verdict);
    claims.map(|proof| proof.name).collect()
}

#[test]
fn only_what_this_version_holds_is_claimed() {
    assert_eq!(
        claims(&hello(), Verdict::Holds),
        ["wall", "gates", "writers", "secrets", "network", "attended"]
    );
    assert_eq!(claims(&hello(), Verdict::NotClaimed), ["cost", "memory"]);
    let holds =
        ["cost", "wall", "gates", "rules", "secrets", "taint", "deploy", "recovery", "attended"];
    assert_eq!(claims(&everything(), Verdict::Holds), holds);
    assert_eq!(claims(&everything(), Verdict::Watched), ["memory"]);
    let not = ["writers", "network"];
    assert_eq!(claims(&everything(), Verdict::NotClaimed), not);
}

#[test]
fn what_is_proven_goes_by_the_names_in_their_order() {
    let mut names = names();
    let all = proofs(&everything());
    assert!(all.iter().all(|proof| names.any(|name| name == proof.name)), "{all:?}");
    let unique: std::collections::BTreeSet<_> = super::names().collect();
    assert_eq!(unique.len(), super::names().count());
}

#[test]
fn the_claim_about_the_network_tells_whether_hosts_are_named() {
    let claim = |plan: &Plan| {
        let network = proofs(plan).into_iter().find(|proof| proof.name == "network");
        network.expect("there is one").claim
    };
    let mut plan = hello();
    assert!(claim(&plan).ends_with("commands and gates reach nothing"));
    plan.environments[0].network = vec!["a.example".to_owned()];
    assert!(claim(&plan).contains("only the hosts they name, through the proxy"));
    plan.environments[0].network.clear();
    // Whoever opens it to an agent or a gate is not claimed to be held.
    let open = (String::from("network"), ParamValue::List(vec!["a.example".to_owned()]));
    let mut opened = plan.clone();
    opened.agents[0].params.0.retain(|(key, _)| key != "network");
    opened.agents[0].params.0.push(open.clone());
    assert!(claim(&opened).contains("does not open the network to agents"));
    let mut opened = plan.clone();
    opened.gates[0].params.0.retain(|(key, _)| key != "network");
    opened.gates[0].params.0.push(open);
    assert!(claim(&opened).contains("does not open the network to agents"));
    let (path, run) = ("Cargo.lock".to_owned(), vec!["cargo".to_owned()]);
    let network = vec!["a.example".to_owned()];
    plan.generated = vec![crate::Generated { path, run, env: Vec::new(), network }];
    assert!(claim(&plan).contains("only the hosts they name, through the proxy"));
}

#[test]
fn writers_without_globs_are_held_by_what_is_protected() {
    let mut plan = super::sketch::plan_of([(super::sketch::agent("a"), &[])]);
    let claim = |plan: &Plan| proof(plan, "writers").expect("it is told").claim;
    assert!(claim(&plan).ends_with("harvest refuses what lies outside `writes`"));
    plan.nodes[0].writes = Writes::Unprotected;
    assert!(claim(&plan).ends_with("or what is protected where a node lists none"));
}

#[test]
fn rules_are_claimed_where_each_that_must_hold_is_judged_before_a_deploy() {
    let holds = |change: &dyn Fn(&mut Plan)| {
        let mut plan = everything();
        change(&mut plan);
        claims(&plan, Verdict::Holds).contains(&"rules")
    };
    let forget = |plan: &mut Plan, level: Level| {
        let rules = &plan.constitution.as_ref().expect("there is one").rules;
        let level = |rule: &RuleIndex| rules[rule.get()].level == level;
        for node in &mut plan.nodes {
            if let Work::Verify { rules } = &mut node.work {
                rules.retain(|rule| !level(rule));
            }
        }
    };
    assert!(holds(&|_| {}));
    let claim = |plan: &Plan| proof(plan, "rules").expect("there are rules").claim;
    let mut plan = everything();
    assert!(claim(&plan).starts_with("what is deployed was judged by all rules"));
    let is_verify = |node: &crate::Node| matches!(node.work, Work::Verify { .. });
    let last = plan.nodes.iter().position(is_verify).expect("it has one");
    plan.nodes.truncate(last + 1);
    crate::FINAL_VERIFY.clone_into(&mut plan.nodes[last].name);
    assert!(claim(&plan).starts_with("what the branch has in the end is judged by all rules"));
    assert!(holds(&|plan| forget(plan, Level::Should)), "it is only reported");
    assert!(!holds(&|plan| forget(plan, Level::Must)));
    let is_verify = |node: &crate::Node| matches!(node.work, Work::Verify { .. });
    assert!(!holds(&|plan| plan.nodes.retain(|node| !is_verify(node))));
}

#[test]
fn one_widening_takes_its_claim_away() {
    let open = |change: &dyn Fn(&mut Plan)| {
        let mut plan = hello();
        change(&mut plan);
        let held = claims(&plan, Verdict::Holds);
        let gone = |name: &&&str| !held.contains(*name);
        claims(&hello(), Verdict::Holds).iter().filter(gone).copied().collect::<Vec<_>>()
    };
    assert_eq!(open(&|plan| plan.budget.wall = None), ["wall"]);
    let free = |plan: &mut Plan| plan.nodes[0].writes = Writes::Unprotected;
    assert_eq!(open(&free), ["writers"]);
    let ordered = |plan: &mut Plan| {
        free(plan);
        plan.nodes[1].after_writer = vec![NodeIndex::new(0)];
    };
    assert_eq!(open(&ordered), [""; 0]);
    let host = || vec!["a.example".to_owned()];
    assert_eq!(open(&|plan| plan.environments[0].network = host()), [""; 0]);
    let command = |plan: &mut Plan, change: &dyn Fn(&mut Command)| {
        if let Work::Command(command) = &mut plan.nodes[2].work {
            change(command);
        }
    };
    assert_eq!(open(&|plan| command(plan, &|it| it.network = host())), [""; 0]);
    assert_eq!(open(&|plan| command(plan, &|it| it.secrets = host())), [""; 0]);
    assert_eq!(open(&|plan| command(plan, &|it| it.in_place = true)), ["writers", "network"]);
}
