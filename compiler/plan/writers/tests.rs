//! The order of writers against a table, and against all pairs of small plans.

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};
use proptest::prelude::{ProptestConfig, Strategy};
use proptest::test_runner::RngSeed;

use super::*;
use crate::globs::fold;
use crate::lockfile::example::hello;
use crate::{Command, Writes};

/// A node that needs others and writes globs.
fn node(needs: &[usize], overlap: Overlap, writes: Option<&[&str]>) -> Node {
    let work = Work::Command(Box::new(Command::new(vec!["true".to_owned()])));
    let writes = writes.map(|globs| globs.iter().map(|&glob| glob.to_owned()).collect());
    Node {
        work,
        needs: needs.iter().copied().map(NodeIndex::new).collect(),
        overlap,
        writes: writes.map_or(Writes::Unprotected, Writes::Globs),
        ..hello().nodes.remove(2)
    }
}

/// Tells whether two may run together although they meet.
fn merge(one: &Node, other: &Node) -> bool {
    [one, other].iter().all(|node| node.overlap == Overlap::Merge)
}

fn ordered(needs: &[usize], writes: &[&str]) -> Node {
    node(needs, Overlap::Order, Some(writes))
}

fn edges(nodes: &[Node], generated: &[Made]) -> Vec<(usize, usize)> {
    let order = order(nodes, generated, usize::MAX).expect("there is no bound");
    assert!(order.is_exact);
    pairs(&order.edges)
}

/// Lists the edges, each with the node that it stands at last.
fn pairs(edges: &[Vec<NodeIndex>]) -> Vec<(usize, usize)> {
    let edges = edges.iter().enumerate();
    edges.flat_map(|(at, before)| before.iter().map(move |it| (it.get(), at))).collect()
}

#[test]
fn those_that_may_write_one_file_are_put_in_order_of_the_plan() {
    let merge = |writes: &[&str]| node(&[], Overlap::Merge, Some(writes));
    let asks = || {
        let work = Work::Approval { ask: "Go on?".to_owned() };
        Node { work, ..node(&[], Overlap::Order, None) }
    };
    for (nodes, expected) in [
        (vec![ordered(&[], &["a"]), ordered(&[], &["a"])], vec![(0, 1)]),
        (vec![ordered(&[], &["a"]), ordered(&[], &["b"])], vec![]),
        (vec![ordered(&[], &["a"]), ordered(&[0], &["a"])], vec![]),
        (vec![ordered(&[], &["README.md"]), ordered(&[], &["readme.md"])], vec![(0, 1)]),
        (vec![ordered(&[], &["a"]), ordered(&[], &["a/b"])], vec![(0, 1)]),
        (vec![ordered(&[], &["src/**"]), ordered(&[], &["src/x/*.rs"])], vec![(0, 1)]),
        (vec![ordered(&[], &["src/*.rs"]), ordered(&[], &["src/*.md"])], vec![]),
        (vec![ordered(&[], &["x", "a/**"]), ordered(&[], &["b", "a/c"])], vec![(0, 1)]),
        (vec![ordered(&[], &["a"]), ordered(&[], &[]), ordered(&[], &["a"])], vec![(0, 2)]),
        (
            vec![ordered(&[], &["a"]), ordered(&[], &["a"]), ordered(&[], &["a"])],
            vec![(0, 1), (1, 2)],
        ),
        // The way through what writes nothing counts.
        (vec![ordered(&[], &["a"]), ordered(&[0], &[]), ordered(&[1], &["a"])], vec![]),
        (
            vec![ordered(&[], &["a"]), node(&[], Overlap::Order, None), ordered(&[], &["b"])],
            vec![(0, 1), (1, 2)],
        ),
        (vec![merge(&["a"]), merge(&["a"])], vec![]),
        (
            vec![merge(&["a"]), merge(&["a"]), ordered(&[], &["a"]), merge(&["a"])],
            vec![(0, 2), (1, 2), (2, 3)],
        ),
        (vec![merge(&["a"]), ordered(&[], &["a", "b"]), merge(&["b"])], vec![(0, 1), (1, 2)]),
        (vec![merge(&["*/b"]), ordered(&[], &["*/b"]), ordered(&[], &["a"])], vec![(0, 1), (1, 2)]),
        // What stands between is looked at, and what does not meet is none of it.
        (vec![ordered(&[], &["z"]), ordered(&[], &["b/?"]), ordered(&[], &["b/a"])], vec![(1, 2)]),
        // Two in a folder do not meet because something meets all that lies there.
        (
            vec![ordered(&[], &["a/**"]), ordered(&[], &["a/b"]), ordered(&[], &["a/c"])],
            vec![(0, 1), (0, 2)],
        ),
        // Of many that stand between, those of the classes that meet are looked at.
        (
            [&["a/*"][..], &["z1"], &["z2"], &["z3"], &["a/b"], &["a/*"]]
                .map(|globs| ordered(&[], globs))
                .to_vec(),
            vec![(0, 4), (4, 5)],
        ),
        (
            vec![
                ordered(&[], &["a/*"]),
                ordered(&[], &["z1"]),
                ordered(&[], &["z2"]),
                merge(&["a/b"]),
                ordered(&[], &["z3"]),
                ordered(&[], &["a/*"]),
            ],
            vec![(0, 3), (3, 5)],
        ),
        // What is no glob meets all, and is no reason that others do.
        (
            [&["?b"][..], &["["], &["{c,d}"], &["x/y"]].map(|globs| ordered(&[], globs)).to_vec(),
            vec![(0, 1), (1, 2), (1, 3)],
        ),
        (
            [&["?b"][..], &["{c,d}"], &["x/y"], &["["]].map(|globs| ordered(&[], globs)).to_vec(),
            vec![(0, 3), (1, 3), (2, 3)],
        ),
        (
            [&["{c,d}"][..], &["{e,f}"], &["["]].map(|globs| ordered(&[], globs)).to_vec(),
            vec![(0, 2), (1, 2)],
        ),
        // What is the path of no file is written by nobody.
        (vec![ordered(&[], &["a//b"]), ordered(&[], &["a//b"])], vec![]),
        (vec![asks(), ordered(&[], &["a"])], vec![]),
    ] {
        let writes = || nodes.iter().map(|node| node.writes.globs()).collect::<Vec<_>>();
        assert_eq!(edges(&nodes, &[]), expected, "{:?}", writes());
    }
}

#[test]
fn what_is_generated_belongs_to_nobody() {
    let nodes = [ordered(&[], &["Cargo.lock", "a"]), ordered(&[], &["Cargo.*"])];
    assert_eq!(edges(&nodes, &[]), [(0, 1)]);
    let path = "Cargo.lock".to_owned();
    let made = Made { path, run: Vec::new(), env: Vec::new(), network: Vec::new() };
    assert_eq!(edges(&nodes, std::slice::from_ref(&made)), []);
    let nodes = [ordered(&[], &["Cargo.lock"]), ordered(&[], &["Cargo.lock"])];
    assert_eq!(edges(&nodes, &[made]), []);
}

#[test]
fn a_pair_of_which_one_denies_is_told_with_its_paths() {
    let nodes = [ordered(&[], &["docs/**"]), node(&[], Overlap::Deny, Some(&["docs/a.md"]))];
    let found = order(&nodes, &[], usize::MAX).expect("few");
    assert_eq!(found.denied, [(NodeIndex::new(0), NodeIndex::new(1))]);
    let meeting = meet(&nodes[0], &nodes[1], &[]).ok().flatten().expect("they do");
    assert_eq!(meeting.to_string(), "docs/a.md");
    let nodes = [nodes[0].clone(), Node { needs: vec![NodeIndex::new(0)], ..nodes[1].clone() }];
    assert_eq!(order(&nodes, &[], usize::MAX).expect("few").denied, []);
}

#[test]
fn of_pairs_that_are_denied_the_first_are_told_and_others_are_none() {
    let denied = |count: usize| {
        let nodes: Vec<Node> = (0..count)
            .map(|at| match at % 3 {
                0 => node(&[], Overlap::Deny, Some(&["a"])),
                _ => ordered(&[], &["a"]),
            })
            .collect();
        let found = order(&nodes, &[], usize::MAX).expect("few").denied;
        found.iter().map(|(one, other)| (one.get(), other.get())).collect::<Vec<_>>()
    };
    assert_eq!(denied(5), [(0, 1), (2, 3), (3, 4)]);
    assert_eq!(denied(100).len(), 20);
}

#[test]
fn it_is_known_that_two_do_not_meet_or_it_is_said_that_it_is_not() {
    let nodes = [ordered(&[], &["src/*.rs"]), ordered(&[], &["src/*.md", "docs/**"])];
    assert_eq!(meet(&nodes[0], &nodes[1], &[]), Ok(None));
    let many: Vec<String> = (0..=COMPARED).map(|at| format!("docs/{at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(meet(&nodes[0], &ordered(&[], &many), &[]), Err(Unknown));
    assert_eq!(meet(&nodes[0], &ordered(&[], &["["]), &[]), Err(Unknown), "it is no glob");
}

#[test]
fn globs_for_which_there_is_no_room_are_left_undecided() {
    let generated = Generated::of(std::iter::empty());
    let size = |glob: &str| Language::of(glob, &generated).expect("it is a glob").bytes();
    let found = |globs: &[&str], bytes: usize| {
        let nodes: Vec<Node> = globs.iter().map(|glob| ordered(&[], &[glob])).collect();
        let globs = classes::Bounds { bytes, ..classes::Bounds::default() };
        let bounds = order::Bounds { globs, ..order::Bounds::default() };
        pairs(&order::order(&nodes, &[], usize::MAX, bounds).expect("few").edges)
    };
    let two = ["?b", "{c,d}"];
    assert_eq!(found(&two, 0), [(0, 1)]);
    assert_eq!(found(&two, size("{c,d}")), [(0, 1)]);
    assert_eq!(found(&two, size("{c,d}") + 1), []);
    // What is no glob takes some too: else a plan of such had no bound.
    let with_none = ["{c,d}", "{e,f}", "["];
    assert_eq!(found(&with_none, size("{c,d}") + 1_024), [(0, 1), (1, 2)]);
    assert_eq!(found(&with_none, size("{c,d}") + 1_025), [(0, 2), (1, 2)]);
}

#[test]
fn an_edge_that_was_added_is_no_step_and_without_steps_nothing_is_exact() {
    let nodes: Vec<Node> = (0..3).map(|_| ordered(&[], &["a"])).collect();
    let edges = order(&nodes, &[], usize::MAX).expect("few").edges;
    let within = |nodes: &[Node], steps: usize| {
        order::order(nodes, &[], 0, order::Bounds { steps, ..order::Bounds::default() })
    };
    let is_exact = |steps| within(&with_edges(nodes.clone(), edges.clone()), steps);
    assert_eq!(is_exact(1).map(|found| found.is_exact), Ok(true));
    assert_eq!(is_exact(0).map(|found| found.is_exact), Ok(false));
    assert!(within(&nodes, 1).expect_err("two edges lack").is_exact);
    assert!(!within(&nodes, 0).expect_err("two edges lack").is_exact);
}

#[test]
fn more_edges_than_there_may_be_are_an_error_that_names_two() {
    let nodes = [ordered(&[], &["a"]), ordered(&[], &["a"]), ordered(&[], &["a"])];
    let (node, before) = (NodeIndex::new(2), NodeIndex::new(1));
    let too_many = TooMany { node, before, is_exact: true };
    assert_eq!(order(&nodes, &[], 1), Err(too_many));
    assert!(order(&nodes, &[], 2).is_ok());
}

#[test]
fn two_that_merge_and_are_in_no_order_are_named() {
    let merging = |nodes: &[Node]| {
        let found = order(nodes, &[], usize::MAX).expect("few").merging;
        found.map(|(one, other)| (one.get(), other.get()))
    };
    let merge = |needs: &[usize], writes: Option<&[&str]>| node(needs, Overlap::Merge, writes);
    assert_eq!(merging(&[merge(&[], Some(&["a"])), merge(&[], Some(&["b"]))]), None);
    assert_eq!(merging(&[merge(&[], Some(&["a"])), merge(&[0], Some(&["a"]))]), None);
    assert_eq!(merging(&[merge(&[], Some(&["a"])), merge(&[], Some(&["a"]))]), Some((0, 1)));
    let some = [merge(&[], Some(&["a"])), merge(&[], Some(&["b"])), merge(&[1], None)];
    assert_eq!(merging(&some), Some((0, 2)));
}

/// Adds what was found, as the compiler does.
fn with_edges(mut nodes: Vec<Node>, edges: Vec<Vec<NodeIndex>>) -> Vec<Node> {
    for (node, before) in nodes.iter_mut().zip(edges) {
        node.after_writer = before;
    }
    nodes
}

/// For each node what it needs, what it writes, and how.
type Sketch = [(BTreeSet<usize>, BTreeSet<usize>, u8)];

fn any_sketch() -> impl Strategy<Value = Vec<(BTreeSet<usize>, BTreeSet<usize>, u8)>> {
    let some = |below: usize| proptest::collection::btree_set(0..below, 0..3);
    proptest::collection::vec((some(8), some(GLOBS.len()), 0..8_u8), 1..=8)
}

/// Makes nodes of a sketch, and lists the pairs of them that meet by the matcher.
fn drawn(sketch: &Sketch) -> (Vec<Node>, Vec<(usize, usize)>) {
    let meets = known_meetings();
    let mut nodes = Vec::new();
    for (at, (needs, globs, way)) in sketch.iter().enumerate() {
        let needs: Vec<usize> = needs.iter().copied().filter(|need| *need < at).collect();
        let globs: Vec<&str> = globs.iter().map(|glob| GLOBS[*glob]).collect();
        let overlap = match way {
            0..3 => Overlap::Order,
            3..6 => Overlap::Merge,
            _ => Overlap::Deny,
        };
        let writes = if matches!(way, 5 | 7) { None } else { Some(&globs[..]) };
        nodes.push(node(&needs, overlap, writes));
    }
    let globs = |at: usize| -> BTreeSet<usize> {
        if !nodes[at].is_writer() {
            return BTreeSet::new();
        }
        match nodes[at].writes.globs() {
            None => BTreeSet::from([4]),
            Some(_) => sketch[at].1.clone(),
        }
    };
    let meet = |one: usize, other: usize| {
        globs(one).iter().any(|a| globs(other).iter().any(|b| meets[*a][*b]))
    };
    let pairs = (0..nodes.len())
        .flat_map(|other| (0..other).map(move |one| (one, other)))
        .filter(|(one, other)| meet(*one, *other))
        .collect();
    (nodes, pairs)
}

/// Paths that the globs of the property test speak of.
fn paths() -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for a in ["a", "A", "b", "B", "ab"] {
        paths.push(a.to_owned());
        for b in ["a", "b", "B", "c"] {
            paths.push(format!("{a}/{b}"));
            paths.extend(["a", "c"].map(|c| format!("{a}/{b}/{c}")));
        }
    }
    paths
}

/// Tells of each pair of globs whether they meet, by the matcher.
fn meetings(globs: &[&str]) -> Vec<Vec<bool>> {
    let matcher = |glob: &&str| -> GlobMatcher {
        GlobBuilder::new(glob).literal_separator(true).build().unwrap().compile_matcher()
    };
    let all = paths();
    let of = |glob: &&str| -> Vec<String> {
        let matcher = matcher(glob);
        let matched = all.iter().filter(|path| matcher.is_match(path));
        matched.map(|path| path.chars().map(fold).collect()).collect()
    };
    let matched: Vec<Vec<String>> = globs.iter().map(of).collect();
    let are_one = |a: &String, b: &String| {
        a == b || a.starts_with(&format!("{b}/")) || b.starts_with(&format!("{a}/"))
    };
    let meet = |one: &Vec<String>, other: &Vec<String>| {
        one.iter().any(|a| other.iter().any(|b| are_one(a, b)))
    };
    matched.iter().map(|one| matched.iter().map(|other| meet(one, other)).collect()).collect()
}

/// Tells of each pair of nodes whether the one stands somewhere before the other.
fn closure(nodes: &[Node]) -> Vec<Vec<bool>> {
    let mut before = vec![vec![false; nodes.len()]; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        node.waits_for().for_each(|near| before[near.get()][at] = true);
    }
    for through in 0..nodes.len() {
        for from in 0..nodes.len() {
            for to in 0..nodes.len() {
                before[from][to] |= before[from][through] && before[through][to];
            }
        }
    }
    before
}

fn config() -> ProptestConfig {
    ProptestConfig {
        rng_seed: RngSeed::Fixed(2),
        failure_persistence: None,
        ..ProptestConfig::with_cases(10_000)
    }
}

const GLOBS: [&str; 14] = [
    "a", "A/b", "a/*", "a/**", "**", "*", "b/?", "b/[!a]", "{a,b}/c", "**/c", "ab", "a/b/c", "B",
    "*/b",
];

proptest::proptest! {
    #![proptest_config(config())]

    /// Pairs that meet are in order or merge, no edge can be spared, and of what is
    /// whole nothing is lacking.
    #[test]
    fn small_plans_are_in_order_by_the_fewest_edges(
        sketch in any_sketch(),
    ) {
        let (nodes, meeting) = drawn(&sketch);
        let found = order(&nodes, &[], usize::MAX).expect("there is no bound");
        proptest::prop_assert!(found.is_exact);
        let nodes = with_edges(nodes, found.edges.clone());
        let before = closure(&nodes);
        let free = meeting.iter().filter(|(one, other)| !before[*one][*other]);
        let merging: Vec<(usize, usize)> = free.copied().collect();
        proptest::prop_assert!(found.merging.is_some() || merging.is_empty(), "{:?}", merging);
        if let Some((one, other)) = found.merging {
            proptest::prop_assert!(merging.contains(&(one.get(), other.get())), "{:?}", merging);
        }
        let denied = pairs(&found.edges).into_iter();
        let denied = denied.filter(|(one, other)| {
            [one, other].iter().any(|at| nodes[**at].overlap == Overlap::Deny)
        });
        let told = found.denied.iter().map(|(one, other)| (one.get(), other.get()));
        let (denied, told): (BTreeSet<_>, BTreeSet<_>) = (denied.collect(), told.collect());
        proptest::prop_assert_eq!(denied, told);
        let pairs: Vec<(usize, usize)> =
            meeting.into_iter().filter(|(one, other)| !merge(&nodes[*one], &nodes[*other])).collect();
        let is_whole = |nodes: &[Node]| {
            let before = closure(nodes);
            pairs.iter().all(|(one, other)| before[*one][*other])
        };
        proptest::prop_assert!(is_whole(&nodes), "two are in no order: {:?}", pairs);
        proptest::prop_assert!(order(&nodes, &[], 0).is_ok(), "nothing is lacking");
        for at in 0..nodes.len() {
            for place in 0..nodes[at].after_writer.len() {
                let mut fewer = nodes.clone();
                let spared = fewer[at].after_writer.remove(place);
                proptest::prop_assert!(!is_whole(&fewer), "{} before {} is spared", spared.get(), at);
                if place == 0 {
                    proptest::prop_assert!(order(&fewer, &[], 0).is_err(), "the lack is seen");
                }
            }
        }
    }
}

proptest::proptest! {
    #![proptest_config(config())]

    /// However little work there may be, pairs that meet are in order or merge, and
    /// the bounds are enough to prove it.
    #[test]
    fn with_any_bounds_the_order_is_right_and_can_be_proven(
        sketch in any_sketch(),
        (steps, looks) in (0..60_usize, 0..40_usize),
        (pairs, asked, bytes) in (0..20_usize, 0..10_usize, 0..40_usize),
    ) {
        let globs = classes::Bounds { pairs, asked, bytes: bytes << 10 };
        let bounds = order::Bounds { steps, looks, globs };
        let (nodes, meeting) = drawn(&sketch);
        let found = order::order(&nodes, &[], usize::MAX, bounds).expect("there is no bound");
        let nodes = with_edges(nodes, found.edges);
        let before = closure(&nodes);
        for (one, other) in meeting {
            let is_held = before[one][other] || merge(&nodes[one], &nodes[other]);
            proptest::prop_assert!(is_held, "{} and {} are in no order", one, other);
        }
        let proven = order::order(&nodes, &[], 0, bounds);
        proptest::prop_assert!(proven.is_ok(), "{:?}", proven);
    }
}

fn known_meetings() -> &'static Vec<Vec<bool>> {
    static KNOWN: std::sync::OnceLock<Vec<Vec<bool>>> = std::sync::OnceLock::new();
    KNOWN.get_or_init(|| meetings(&GLOBS))
}

/// How long the order of many nodes takes is measured by the work, not by a clock.
#[test]
fn ten_thousand_nodes_of_one_file_are_one_line() {
    let nodes: Vec<Node> = (0..10_000).map(|_| ordered(&[], &["a"])).collect();
    let expected: Vec<(usize, usize)> = (1..10_000).map(|at| (at - 1, at)).collect();
    assert_eq!(edges(&nodes, &[]), expected);
}

/// Counts the work: what is looked at is what stands behind the last of a class, or the
/// classes that meet it, whichever is less, and for those that merge the last of each.
#[test]
fn no_more_is_looked_at_than_is_needed() {
    let of = |merging: bool, globs: &[&str]| {
        let overlap = if merging { Overlap::Merge } else { Overlap::Order };
        globs.iter().map(|glob| node(&[], overlap, Some(&[glob]))).collect::<Vec<_>>()
    };
    let globs = ["a/*", "z1", "z2", "z3", "a/b", "a/?", "a/*", "z1"];
    let mixed: Vec<Node> = of(false, &globs).into_iter().chain(of(true, &globs)).collect();
    let all: Vec<Node> = (0..6).map(|_| node(&[], Overlap::Merge, None)).collect();
    for (nodes, looks, steps) in [
        (of(false, &["a"; 10]), 1, 1),
        (of(false, &globs), 12, 4),
        (of(true, &globs), 13, 1),
        (mixed, 28, 8),
        (all, 19, 1),
    ] {
        let wide = order::Bounds::default();
        let is_exact = |bounds: order::Bounds| {
            order::order(&nodes, &[], usize::MAX, bounds).is_ok_and(|found| found.is_exact)
        };
        let least = |is_enough: &dyn Fn(&usize) -> bool| (0..1_000).find(is_enough);
        let found = (
            least(&|looks| is_exact(order::Bounds { looks: *looks, ..wide })),
            least(&|steps| is_exact(order::Bounds { steps: *steps, ..wide })),
        );
        assert_eq!(found, (Some(looks), Some(steps)));
    }
}

#[test]
fn globs_that_are_too_many_to_be_compared_are_in_one_line() {
    let globs: Vec<String> = (0..5_000).map(|at| format!("*/x{at}/?")).collect();
    let nodes: Vec<Node> = globs.iter().map(|glob| ordered(&[], &[glob])).collect();
    let found = order(&nodes, &[], usize::MAX).expect("there is no bound");
    let count: usize = found.edges.iter().map(Vec::len).sum();
    assert!(count >= 4_000, "{count} edges: what is left undecided meets all");
}
