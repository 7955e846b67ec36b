//! `attended`: what the run reaches without a person, and where it stops for one.
//!
//! A question holds back what is behind it, along needs and writers, and nothing
//! else. Rests on the answers of people, of which silence is none. Unaware of who
//! answers.

use super::{Facts, Finding};
use crate::review::{Group, counted};
use crate::{Node, NodeIndex, OnFail, Plan, Recovery, Work};

/// How many of the planned questions are told with what is behind them.
const TOLD_MAX: usize = 3;

/// The kind of rule that a person judges.
const HUMAN: &str = "human";

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    let plan = facts.plan;
    let asked = asked(plan);
    let held = held(&plan.nodes, &asked);
    let reached = held.reached;
    let mut claim = match (asked.len(), plan.nodes.len()) {
        (0, 1) => "the only node is reached without a person".to_owned(),
        (0, all) => format!("all {} are reached without a person", counted(all, "node")),
        (_, all) => format!("{reached} of {} are reached without a person", counted(all, "node")),
    };
    let stops = asked.iter().zip(held.behind).map(|(node, behind)| {
        format!("{} holds back {}", plan.nodes[node.get()].name, counted(behind, "node"))
    });
    let stops: Vec<String> = stops.collect();
    if !stops.is_empty() {
        claim.push_str(&format!("; {}", stops.join(", ")));
    }
    if asked.len() > TOLD_MAX {
        claim.push_str(&format!(", and {} ask too", asked.len() - TOLD_MAX));
    }
    let (mut escalations, mut deploys) = (Group::default(), Group::default());
    for node in &plan.nodes {
        if node.on_fail == OnFail::Escalate {
            escalations.add(&node.name);
        }
        if let Work::Deploy { recovery: Recovery::Ask | Recovery::Probe(_), .. } = node.work {
            deploys.add(&node.name);
        }
    }
    if !escalations.is_empty() {
        claim.push_str(&format!("; a person is asked where these fail: {escalations}"));
    }
    if !deploys.is_empty() {
        claim.push_str(&format!("; and where these are cut short: {deploys}"));
    }
    claim.push_str("; no answer is given by silence");
    Some(Finding::holds(claim))
}

/// Returns the nodes that ask a person by plan: approvals, and verify nodes with a rule
/// that a person judges.
fn asked(plan: &Plan) -> Vec<NodeIndex> {
    let rules = plan.constitution.iter().flat_map(|constitution| &constitution.rules);
    let is_human: Vec<bool> = rules.map(|rule| rule.kind == HUMAN).collect();
    let asks = |node: &Node| match &node.work {
        Work::Approval { .. } => true,
        Work::Verify { rules } => {
            rules.iter().any(|rule| is_human.get(rule.get()).copied().unwrap_or(false))
        }
        _ => false,
    };
    let asking = plan.nodes.iter().enumerate().filter(|(_, node)| asks(node));
    asking.map(|(at, _)| NodeIndex::new(at)).collect()
}

/// What questions hold back.
struct Held {
    /// How many nodes come to their end without an answer.
    reached: usize,
    /// How many nodes are behind each of the first few questions.
    behind: Vec<usize>,
}

fn held(nodes: &[Node], asked: &[NodeIndex]) -> Held {
    // A bit for each of the first questions, and one for any.
    const ANY: u8 = 1 << TOLD_MAX;
    let mut marks = vec![0_u8; nodes.len()];
    let mut behind = vec![0; asked.len().min(TOLD_MAX)];
    let mut questions = asked.iter().enumerate().peekable();
    let mut reached = 0;
    for (at, node) in nodes.iter().enumerate() {
        let held = node.waits_for().fold(0, |bits, need| bits | marks[need.get()]);
        for (bit, count) in behind.iter_mut().enumerate() {
            *count += usize::from(held >> bit & 1 == 1);
        }
        let own = questions.next_if(|(_, question)| question.get() == at);
        let own = own.map_or(0, |(number, _)| match number {
            0..TOLD_MAX => ANY | 1 << number,
            _ => ANY,
        });
        reached += usize::from((held | own) & ANY == 0);
        marks[at] = held | own;
    }
    Held { reached, behind }
}

#[cfg(test)]
mod tests {
    use super::super::sketch::{GRAPHS, agent, approval, command, node, plan_of, random};
    use super::super::{Proof, Verdict, proof as prove_one};
    use super::*;
    use crate::lockfile::example::everything;
    use crate::{Command, Plan};

    fn attended(plan: &Plan) -> Proof {
        let proof = prove_one(plan, "attended");
        proof.expect("it is always said")
    }

    #[test]
    fn what_is_reached_and_where_it_stops_is_told() {
        let plan = plan_of([(agent("a"), &[]), (command("c"), &[0])]);
        assert_eq!(
            attended(&plan).to_string(),
            "holds: all 2 nodes are reached without a person; no answer is given by silence"
        );
        let mut plan = plan_of([
            (agent("a"), &[]),
            (approval("look"), &[0]),
            (agent("b"), &[1]),
            (agent("c"), &[0]),
            (approval("release"), &[2, 3]),
        ]);
        plan.nodes[3].on_fail = OnFail::Escalate;
        assert_eq!(
            attended(&plan).to_string(),
            "holds: 2 of 5 nodes are reached without a person; look holds back 2 nodes, release \
             holds back 0 nodes; a person is asked where these fail: c; no answer is given by \
             silence"
        );
        let command = Box::new(Command::new(vec!["make".to_owned()]));
        let recovery = Recovery::Ask;
        let ship = node("ship", Work::Deploy { command, folders: Vec::new(), recovery });
        let claim = attended(&plan_of([(ship, &[])])).claim;
        assert!(claim.contains("; and where these are cut short: ship; no answer"), "{claim}");
    }

    #[test]
    fn a_rule_that_a_person_judges_stops_at_the_verify_node() {
        let mut plan = everything();
        let claim = attended(&plan).claim;
        assert!(claim.contains("; ship/verify holds back 3 nodes, look holds back 2"), "{claim}");
        let rules = &mut plan.constitution.as_mut().expect("there is one").rules;
        rules.iter_mut().for_each(|rule| "secrets".clone_into(&mut rule.kind));
        let claim = attended(&plan).claim;
        assert!(claim.contains("; look holds back 2 nodes, release holds back 1 node"), "{claim}");
    }

    #[test]
    fn many_questions_are_counted() {
        let of = |at: usize| Node { name: format!("n{at}"), ..approval("ok") };
        let plan = Plan { nodes: (0..1_000).map(of).collect(), ..plan_of([]) };
        let claim = attended(&plan).claim;
        assert!(claim.starts_with("0 of 1000 nodes are reached"), "{claim}");
        assert!(claim.contains("n2 holds back 0 nodes, and 997 ask too"), "{claim}");
    }

    /// An oracle that closes the graph over three nodes at a time (Floyd and Warshall).
    #[test]
    fn an_oracle_over_the_closed_graph_agrees() {
        let mut stopped = 0;
        for seed in 0..GRAPHS {
            let plan = random(seed);
            let count = plan.nodes.len();
            let mut before = vec![vec![false; count]; count];
            for (at, node) in plan.nodes.iter().enumerate() {
                node.waits_for().for_each(|need| before[need.get()][at] = true);
            }
            for via in 0..count {
                for from in 0..count {
                    for to in 0..count {
                        before[from][to] |= before[from][via] && before[via][to];
                    }
                }
            }
            let is_approval = |at: &usize| matches!(plan.nodes[*at].work, Work::Approval { .. });
            let asks: Vec<usize> = (0..count).filter(is_approval).collect();
            let is_held = |at: &usize| asks.iter().any(|ask| ask == at || before[*ask][*at]);
            let reached = (0..count).filter(|at| !is_held(at)).count();
            let proof = attended(&plan);
            assert_eq!(proof.verdict, Verdict::Holds);
            let all = counted(count, "node");
            let head = match asks.len() {
                0 if count == 1 => "the only node is reached".to_owned(),
                0 => format!("all {all} are reached"),
                _ => format!("{reached} of {all} are reached"),
            };
            assert!(proof.claim.starts_with(&head), "{seed}: {proof} and not {head}");
            assert_eq!(proof.claim.contains(" ask too"), asks.len() > TOLD_MAX, "{seed}: {proof}");
            for ask in asks.iter().take(TOLD_MAX) {
                let behind = before[*ask].iter().filter(|is_behind| **is_behind).count();
                let told = format!("n{ask} holds back {}", counted(behind, "node"));
                assert!(proof.claim.contains(&told), "{seed}: {proof} and not {told}");
            }
            stopped += usize::from(!asks.is_empty());
        }
        assert!(stopped > 1_000, "{stopped}");
    }
}
