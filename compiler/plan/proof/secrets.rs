//! `secrets`: each secret reaches the nodes that name it and nothing else.
//!
//! Rests on cleared environments and a file in memory. What such a node prints is
//! kept without the values, and it changes no files: else it could leave them there
//! for whoever comes behind. Unaware of the values.

use std::collections::BTreeMap;

use super::{Facts, Finding};
use crate::NodeIndex;
use crate::review::Group;

/// How many secrets are listed.
const LISTED_MAX: usize = 10;

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    let nodes = &facts.plan.nodes;
    let mut reached: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    for index in &facts.secrets {
        let node = &nodes[index.get()];
        if let Some(leaves) = leaves(facts, *index) {
            let claim = format!("`{}` has secrets and {leaves}", node.name);
            return Some(Finding::fails(claim, vec![*index]));
        }
        for secret in node.work.command().into_iter().flat_map(|command| &command.secrets) {
            reached.entry(secret).or_default().add(&node.name);
        }
    }
    if reached.is_empty() {
        return Some(Finding::holds("no node has any; environments are cleared"));
    }
    let more = reached.len().saturating_sub(LISTED_MAX);
    let mut parts: Vec<String> = reached
        .into_iter()
        .take(LISTED_MAX)
        .map(|(secret, nodes)| format!("{secret} reaches {nodes}"))
        .collect();
    if more > 0 {
        parts.push(format!("{more} more secrets reach the nodes that name them"));
    }
    Some(Finding::holds(format!(
        "{}, and nothing else, by a file in memory; what these say is kept without it, and they \
         change no files",
        parts.join(", ")
    )))
}

/// Says how a node could leave a secret where others find it.
fn leaves(facts: &Facts<'_>, index: NodeIndex) -> Option<&'static str> {
    let node = &facts.plan.nodes[index.get()];
    let command = node.work.command()?;
    if command.in_place {
        Some("runs in the user's checkout, where nothing keeps them from others")
    } else if command.stdout.is_some() {
        Some("its output becomes a file")
    } else if node.is_writer() {
        Some("may change files that are taken over")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::sketch::{
        Chance, GRAPHS, agent, approval, command, names, plan_of, secret, writer,
    };
    use super::super::{Proof, Verdict, proof as prove_one};
    use crate::{Node, Plan, Work, Writes};

    fn secrets(plan: &Plan) -> Proof {
        let proof = prove_one(plan, "secrets");
        proof.expect("it is always said")
    }

    fn with(name: &str, keys: &[&str]) -> Node {
        let mut node = secret(name);
        if let Work::Command(command) = &mut node.work {
            command.secrets = keys.iter().map(|&key| key.to_owned()).collect();
        }
        node
    }

    #[test]
    fn each_secret_is_listed_with_the_nodes_that_it_reaches() {
        let none = "holds: no node has any; environments are cleared";
        assert_eq!(secrets(&plan_of([(command("c"), &[])])).to_string(), none);
        let plan = plan_of([(with("a", &["B", "A"]), &[]), (with("b", &["A"]), &[0])]);
        let claim = secrets(&plan).to_string();
        assert!(
            claim.starts_with("holds: A reaches a, b, B reaches a, and nothing else"),
            "{claim}"
        );
        let keys: Vec<String> = (10..30).map(|at| format!("K{at}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let claim = secrets(&plan_of([(with("a", &keys), &[])])).claim;
        assert!(claim.contains("K19 reaches a, 10 more secrets reach the nodes that"), "{claim}");
        assert!(!claim.contains("K20"), "{claim}");
    }

    #[test]
    fn a_node_that_could_leave_a_secret_behind_is_the_witness() {
        let with = |alter: &dyn Fn(&mut Node)| {
            let mut node = secret("s");
            alter(&mut node);
            secrets(&plan_of([(agent("a"), &[]), (node, &[])]))
        };
        let command = |alter: &dyn Fn(&mut crate::Command)| {
            with(&|node| {
                if let Work::Command(command) = &mut node.work {
                    alter(command);
                }
            })
        };
        for (proof, why) in [
            (with(&|it| it.writes = Writes::Unprotected), "may change files"),
            (with(&|it| it.writes = Writes::Globs(vec!["x".to_owned()])), "may change files"),
            (command(&|it| it.stdout = Some("x".to_owned())), "its output becomes a file"),
            (command(&|it| it.in_place = true), "runs in the user's checkout"),
        ] {
            assert_eq!(proof.verdict, Verdict::Fails, "{proof}");
            assert!(proof.claim.starts_with("`s` has secrets and ") && proof.claim.contains(why));
            assert_eq!(proof.witness, [crate::NodeIndex::new(1)]);
        }
    }

    #[test]
    fn an_oracle_that_asks_each_node_for_each_secret_agrees() {
        let (mut fails, mut holds) = (0, 0);
        for seed in 0..GRAPHS {
            let mut chance = Chance::new(seed);
            let all = ["A", "B", "C"];
            let node = |chance: &mut Chance, at: usize| {
                let own = [agent, writer, command, approval, command][chance.below(5)];
                let mut node = own(&format!("n{at}"));
                if let Work::Command(command) = &mut node.work {
                    let keys = all.iter().filter(|_| chance.one_in(3));
                    command.secrets = keys.map(|&key| key.to_owned()).collect();
                }
                node
            };
            let nodes: Vec<Node> = (0..=chance.below(8)).map(|at| node(&mut chance, at)).collect();
            let plan = Plan { nodes, ..plan_of([]) };
            let has = |node: &Node, key: &str| {
                node.work.command().is_some_and(|it| it.secrets.iter().any(|own| own == key))
            };
            let who = |key: &str| -> Vec<&str> {
                let nodes = plan.nodes.iter().filter(|node| has(node, key));
                nodes.map(|node| node.name.as_str()).collect()
            };
            let leaks: BTreeSet<&str> = plan
                .nodes
                .iter()
                .filter(|node| all.iter().any(|key| has(node, key)))
                .filter(|node| node.writes != Writes::Globs(Vec::new()))
                .map(|node| node.name.as_str())
                .collect();
            let proof = secrets(&plan);
            if let Some(first) = leaks.first() {
                assert_eq!(proof.verdict, Verdict::Fails, "{seed}: {proof}");
                assert_eq!(names(&plan, &proof.witness), [*first], "{seed}");
                fails += 1;
                continue;
            }
            assert_eq!(proof.verdict, Verdict::Holds, "{seed}: {proof}");
            for key in all {
                let said = proof.claim.split(&format!("{key} reaches ")).nth(1);
                let nodes = who(key);
                let first = nodes.iter().take(3).copied().collect::<Vec<_>>().join(", ");
                assert_eq!(said.is_some(), !nodes.is_empty(), "{seed}: {proof}");
                assert!(said.is_none_or(|said| said.starts_with(&first)), "{seed}: {proof}");
            }
            holds += 1;
        }
        assert!(fails > 1_000 && holds > 1_000, "{fails} fail, {holds} hold");
    }
}
