//! `writers`: no two nodes that can run at once write the same file, unless both say
//! `merge`.
//!
//! Derived from the globs and the order of the plan; the compiler adds what is
//! lacking, and here nothing may be. Rests on the harvest, which refuses what lies
//! outside `writes`, and on the scheduler, which starts nothing before all that
//! stands before it is over. Unaware of how the order was found.

use super::{Facts, Finding};
use crate::writers::{TooMany, meet, order};
use crate::{NodeIndex, Plan};

/// How many pairs that are in order are named.
const NAMED: usize = 3;

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    let plan = facts.plan;
    let found = match order(&plan.nodes, &plan.generated, 0) {
        Ok(found) => found,
        Err(TooMany { is_exact: false, .. }) => {
            let claim = "the plan is too large to tell of all nodes whether they are in order";
            return Some(Finding::not_claimed(claim));
        }
        Err(TooMany { node, before, .. }) => {
            let pair = named(plan, (before, node));
            let claim = format!(
                "{pair} may write the same file, {}, and neither waits for the other",
                path(plan, (before, node))
            );
            return Some(Finding::fails(claim, vec![before, node]));
        }
    };
    if facts.in_place {
        return Some(Finding::not_claimed(
            "this version of eufm does not hold commands that run in the user's checkout",
        ));
    }
    let mut claim = "no two nodes that can run at once write the same file".to_owned();
    claim.push_str(&in_order(plan));
    let outside = match facts.unprotected {
        true => "`writes`, or what is protected where a node lists none",
        false => "`writes`",
    };
    claim.push_str(&format!("; harvest refuses what lies outside {outside}"));
    if let Some(pair) = found.merging {
        let (pair, path) = (named(plan, pair), path(plan, pair));
        claim.push_str(&format!("; but those that say merge: {pair} may write {path}"));
    }
    Some(Finding::holds(claim))
}

fn named(plan: &Plan, (one, other): (NodeIndex, NodeIndex)) -> String {
    format!("{} and {}", plan.nodes[one.get()].name, plan.nodes[other.get()].name)
}

/// Names what two nodes may both write.
fn path(plan: &Plan, (one, other): (NodeIndex, NodeIndex)) -> String {
    let meeting = meet(&plan.nodes[one.get()], &plan.nodes[other.get()], &plan.generated);
    let unknown = || "as far as their globs can be compared".to_owned();
    meeting.ok().flatten().map_or_else(unknown, |meeting| meeting.to_string())
}

/// Names the first nodes of which one only writes before the other.
fn in_order(plan: &Plan) -> String {
    let pairs =
        plan.nodes.iter().flat_map(|node| node.after_writer.iter().map(move |it| (it, node)));
    let name = |(before, node): (&NodeIndex, &crate::Node)| {
        format!("{} before {}", plan.nodes[before.get()].name, node.name)
    };
    let names: Vec<String> = pairs.clone().take(NAMED).map(name).collect();
    let rest = pairs.count() - names.len();
    match (names.is_empty(), rest) {
        (true, _) => String::new(),
        (false, 0) => format!("; {}", names.join(", ")),
        (false, _) => format!("; {} and {rest} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::example::{everything, hello};
    use crate::proof::{Proof, Verdict, proofs};
    use crate::{Overlap, Writes};

    fn proof(plan: &Plan) -> Proof {
        proofs(plan).into_iter().find(|proof| proof.name == "writers").expect("there is one")
    }

    fn writes(globs: &[&str]) -> Writes {
        Writes::Globs(globs.iter().map(|&glob| glob.to_owned()).collect())
    }

    #[test]
    fn the_first_that_are_in_order_are_named() {
        let mut plan = hello();
        let whole = "no two nodes that can run at once write the same file";
        let rests = "; harvest refuses what lies outside `writes`";
        assert_eq!(proof(&plan).claim, format!("{whole}{rests}"));
        plan.nodes[1].writes = writes(&["hello/README.md"]);
        plan.nodes[1].after_writer = vec![NodeIndex::new(0)];
        assert_eq!(proof(&plan).claim, format!("{whole}; greet before readme{rests}"));
        for at in 0..4 {
            let last = NodeIndex::new(if at == 0 { 1 } else { 2 + at });
            let node = crate::Node {
                name: format!("n{at}"),
                after_writer: vec![last],
                ..plan.nodes[1].clone()
            };
            plan.nodes.push(node);
        }
        let named = "; greet before readme, readme before n0, n0 before n1 and 2 more";
        assert_eq!(proof(&plan).claim, format!("{whole}{named}{rests}"));
        assert_eq!(proof(&plan).verdict, Verdict::Holds);
    }

    #[test]
    fn two_in_no_order_that_may_write_the_same_file_are_a_failure_that_names_a_path() {
        let mut plan = hello();
        plan.nodes[1].writes = writes(&["docs/**", "HELLO/readme.md"]);
        let failed = proof(&plan);
        assert_eq!(failed.verdict, Verdict::Fails);
        assert_eq!(
            failed.claim,
            "greet and readme may write the same file, hello/readme.md and HELLO/readme.md, and \
             neither waits for the other"
        );
        assert_eq!(failed.witness, [NodeIndex::new(0), NodeIndex::new(1)]);
        plan.nodes[1].needs = vec![NodeIndex::new(0)];
        assert_eq!(proof(&plan).verdict, Verdict::Holds);
        // Where one runs in the user's checkout too.
        let mut plan = everything();
        assert_eq!(proof(&plan).verdict, Verdict::NotClaimed);
        plan.nodes[3].after_writer.clear();
        assert_eq!(proof(&plan).verdict, Verdict::Fails);
    }

    #[test]
    fn those_that_merge_are_named_where_they_can_run_at_once() {
        let mut plan = hello();
        plan.nodes[1].writes = writes(&["hello/*.md"]);
        for at in 0..2 {
            assert_eq!(proof(&plan).verdict, Verdict::Fails, "both must say it");
            plan.nodes[at].overlap = Overlap::Merge;
        }
        let found = proof(&plan);
        assert_eq!(found.verdict, Verdict::Holds);
        assert!(
            found
                .claim
                .ends_with("; but those that say merge: greet and readme may write hello/.md"),
            "{}",
            found.claim
        );
        plan.nodes[1].needs = vec![NodeIndex::new(0)];
        assert!(!proof(&plan).claim.contains("merge"));
    }
}
