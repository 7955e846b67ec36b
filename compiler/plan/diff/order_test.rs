//! What passes an approval by, against a plain search on all small graphs that
//! chance makes.
//!
//! Unaware of how the answers under test come about.

use std::collections::BTreeSet;

use proptest::prelude::{any, prop, proptest};

use super::{Looser, diff};
use crate::lockfile::example::hello;
use crate::{Command, Node, NodeIndex, Plan, Recovery, Work, Writes};

/// How many nodes a graph has.
const NODES: usize = 8;

/// Makes a graph: of each node its kind, and a bit for each node before it that it
/// waits for.
fn graph(kinds: &[u8], needs: &[u8]) -> Plan {
    let mut plan = hello();
    let sample = plan.nodes[1].clone();
    plan.nodes.clear();
    for at in 0..NODES {
        let run = || Box::new(Command::new(vec![format!("run{at}")]));
        let work = match kinds[at] % 4 {
            0 => Work::Agent {
                agent: crate::AgentIndex::new(0),
                prompt: format!("Do {at}."),
                session: None,
            },
            1 => Work::Command(run()),
            2 => Work::Approval { ask: format!("{at}?") },
            _ => Work::Deploy { command: run(), folders: Vec::new(), recovery: Recovery::Ask },
        };
        let is_agent = matches!(work, Work::Agent { .. });
        let globs = if is_agent { vec![format!("{at}/**")] } else { Vec::new() };
        let needs = (0..at).filter(|need| needs[at] & (1 << need) != 0).map(NodeIndex::new);
        plan.nodes.push(Node {
            name: format!("n{at}"),
            work,
            needs: needs.collect(),
            writes: Writes::Globs(globs),
            ..sample.clone()
        });
    }
    plan
}

/// Lists all nodes that stand somewhere before one.
fn before(plan: &Plan, at: usize) -> BTreeSet<usize> {
    let needs = plan.nodes[at].needs.iter().map(|need| need.get());
    needs.flat_map(|need| before(plan, need).into_iter().chain([need])).collect()
}

fn is(plan: &Plan, at: usize, kind: &str) -> bool {
    plan.nodes[at].work.kind() == kind
}

/// Pairs of an approval or a deploy with another node, by their names.
type Told = BTreeSet<(String, String)>;

fn pair(one: usize, other: usize) -> (String, String) {
    (format!("n{one}"), format!("n{other}"))
}

/// What each approval held back and does not any more.
fn passed_by(old: &Plan, new: &Plan) -> Told {
    let nodes = (0..NODES).flat_map(|at| before(old, at).into_iter().map(move |guard| (guard, at)));
    nodes
        .filter(|(guard, at)| is(old, *guard, "approval") && !before(new, *at).contains(guard))
        .map(|(guard, at)| pair(guard, at))
        .collect()
}

/// What each deploy waited for and does not any more.
fn unchecked(old: &Plan, new: &Plan) -> Told {
    let deploys = (0..NODES).filter(|at| is(old, *at, "deploy"));
    let lost = deploys.flat_map(|at| {
        let now = before(new, at);
        before(old, at).into_iter().filter(move |node| !now.contains(node)).map(move |it| (at, it))
    });
    lost.filter(|(_, node)| is(old, *node, "command")).map(|(at, node)| pair(at, node)).collect()
}

/// What is deployed behind an approval that was not asked about it.
fn unseen(plan: &Plan) -> Told {
    let mut told = Told::new();
    for deploy in (0..NODES).filter(|at| is(plan, *at, "deploy")) {
        let all = before(plan, deploy);
        for &approval in all.iter().filter(|at| is(plan, **at, "approval")) {
            let asked = before(plan, approval);
            let agents = all.iter().filter(|at| is(plan, **at, "agent") && !asked.contains(at));
            told.extend(agents.map(|at| pair(approval, *at)));
        }
    }
    told
}

/// Reads what was told under a key; at most three names are.
fn told(old: &Plan, new: &Plan, key: &str) -> (Told, usize) {
    let mut found = (Told::new(), 0);
    for change in diff(old, new).escalations {
        if change.key != key || !matches!(change.looser, Some(Looser::Approval | Looser::Order)) {
            continue;
        }
        let text = change.before.or(change.after).expect("it names nodes");
        let (names, more) = text.split_once(" and ").unwrap_or((&text, "0 more"));
        let more: usize = more.trim_end_matches(" more").parse().expect("a number");
        found.1 += more + names.split(", ").count();
        found.0.extend(names.split(", ").map(|name| (change.name.clone(), name.to_owned())));
    }
    found
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_told_of_order_is_what_a_search_finds(
        kinds in prop::collection::vec(any::<u8>(), NODES),
        old in prop::collection::vec(any::<u8>(), NODES),
        change in prop::collection::vec(any::<u8>(), NODES),
    ) {
        // Every third need of a node is another one: most of the graph stays.
        let new: Vec<u8> = old.iter().zip(&change).map(|(old, it)| old ^ (it & it >> 3)).collect();
        let (old, new) = (graph(&kinds, &old), graph(&kinds, &new));
        let gone: Told = unseen(&new).difference(&unseen(&old)).cloned().collect();
        for (key, expected) in [
            ("holds back", passed_by(&old, &new)),
            ("waits for", unchecked(&old, &new)),
            ("not asked about", gone),
        ] {
            let (named, count) = told(&old, &new, key);
            proptest::prop_assert_eq!(count, expected.len(), "{} {:?} {:?}", key, named, expected);
            proptest::prop_assert!(named.is_subset(&expected), "{} {:?} {:?}", key, named, expected);
        }
    }
}
