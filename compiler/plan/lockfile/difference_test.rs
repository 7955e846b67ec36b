//! How little of plan.lock changes with a word of its plan.

use similar::{ChangeTag, TextDiff};

use super::example::hello;
use super::{read, write};
use crate::{AgentIndex, Digest, Node, Plan, Work, Writes};

/// A plan of 1,000 nodes, two of three are instances that are told the same.
fn thousand() -> Plan {
    let mut plan = hello();
    let writes = Writes::Globs(Vec::new());
    let node = Node { writes, ..plan.nodes[1].clone() };
    let nodes = (0..1_000).map(|at| {
        let (name, thing) = match at % 3 {
            0 => (format!("n{at}"), format!("node {at}")),
            1 => (format!("story[\"{at}\"]/plan"), "a plan".to_owned()),
            _ => (format!("story[\"{at}\"]/implement"), "the code".to_owned()),
        };
        let prompt = format!("Write {thing}.\nAs the document says.\n\nThen stop.\n");
        let work = Work::Agent { agent: AgentIndex::new(0), prompt, session: None };
        Node { name, work, ..node.clone() }
    });
    plan.nodes = nodes.collect();
    plan
}

/// Changes a word of the prompts of the nodes that are chosen.
fn reworded(plan: &Plan, is_chosen: impl Fn(usize) -> bool) -> Plan {
    let mut plan = plan.clone();
    for at in (0..plan.nodes.len()).filter(|at| is_chosen(*at)) {
        if let Work::Agent { prompt, .. } = &mut plan.nodes[at].work {
            *prompt = prompt.replace("Write", "Draft");
        }
    }
    // The spec has another text then.
    plan.origin.sources[0].digest = Digest::of(b"edition 1\n\n");
    plan
}

/// Counts the lines that go and that come.
fn changed(before: &Plan, after: &Plan) -> (usize, usize) {
    let (before, after) = (write(before), write(after));
    assert!(read(&after).is_ok());
    let diff = TextDiff::from_lines(&before, &after);
    let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    (count(ChangeTag::Delete), count(ChangeTag::Insert))
}

#[test]
fn a_changed_word_changes_three_lines_of_a_thousand_nodes() {
    let plan = thousand();
    for at in [0, 300, 999] {
        assert_eq!(changed(&plan, &reworded(&plan, |node| node == at)), (3, 3), "{at}");
    }
    for part in [1, 2] {
        let new = reworded(&plan, |node| node % 3 == part);
        assert_eq!(changed(&plan, &new), (3, 3), "the prompt, the source and the digest");
    }
}

#[test]
fn a_node_that_is_told_otherwise_changes_nothing_of_those_that_are_not() {
    let plan = thousand();
    for at in [1, 500, 998] {
        // `prompt_of` goes, a prompt of four lines between quotes comes.
        assert_eq!(changed(&plan, &reworded(&plan, |node| node == at)), (3, 8), "{at}");
    }
}

#[test]
fn an_instance_that_comes_first_changes_nothing_of_the_others() {
    let plan = thousand();
    let mut new = plan.clone();
    new.nodes.insert(0, Node { name: "story[\"new\"]/plan".to_owned(), ..plan.nodes[1].clone() });
    let (gone, come) = changed(&plan, &new);
    let table = write(&plan).split("[node.").nth(2).expect("a node").lines().count();
    // Lines that count nodes, among them those of what holds for all of them.
    assert!(gone <= 7 && come <= table + 7, "{gone} lines go, {come} come");
}
