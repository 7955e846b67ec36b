//! Where verify nodes stand and what they check, one small graph a fact.

use eufm_plan::review::review;
use eufm_plan::{Accept, FINAL_VERIFY, OnFail, Plan, Work, lockfile};

use super::tests::{build_files, plan, wrong};

/// What the specs here begin with.
const HEAD: &str = "edition 1\npipeline p {}\n\
    environment e { tools = [\"/opt/e\"] }\nenvironment f { tools = [\"/opt/f\"] }\n\
    gate g is command { run = [\"make\"] }\ngate h is command { run = [\"lint\"] }\n";

/// Lists the nodes in plan order, each with what it needs: `ship < ship/verify, ask`.
fn order(plan: &Plan) -> Vec<String> {
    let name = |at: usize| plan.nodes[at].name.as_str();
    let line = |(at, node): (usize, &eufm_plan::Node)| {
        let needs: Vec<&str> = node.needs.iter().map(|need| name(need.get())).collect();
        let sign =
            if needs.is_empty() { String::new() } else { format!(" < {}", needs.join(", ")) };
        format!("{}{sign}", name(at))
    };
    plan.nodes.iter().enumerate().map(line).collect()
}

/// Compiles a graph and writes it in short: `c` is a command, `a` an approval, `d` a deploy,
/// each with what it needs. What is compiled can be read again.
fn graph(items: &[&str]) -> Vec<String> {
    let plan = with_head(&items.iter().map(|item| spelled(item)).collect::<String>());
    let text = lockfile::write(&plan);
    assert_eq!(lockfile::read(&text).map(|locked| locked.plan), Ok(plan.clone().into()));
    order(&plan)
}

fn spelled(item: &str) -> String {
    let (name, needs) = item.split_once(" < ").unwrap_or((item, ""));
    let kind = match name.as_bytes()[0] {
        b'c' => "command NAME { needs = [NEEDS], run = [\"x\"] }\n",
        b'a' => "approval NAME { needs = [NEEDS], ask = \"?\" }\n",
        _ => "deploy NAME { needs = [NEEDS], run = [\"x\"] }\n",
    };
    kind.replace("NAME", name).replace("NEEDS", needs)
}

fn with_head(text: &str) -> Plan {
    plan(format!("{HEAD}{text}"))
}

fn node<'p>(plan: &'p Plan, name: &str) -> &'p eufm_plan::Node {
    plan.nodes.iter().find(|node| node.name == name).unwrap()
}

/// Returns the gates and the environments of a verify node.
fn checked<'p>(plan: &'p Plan, name: &str) -> (Vec<&'p str>, Vec<&'p str>) {
    let node = node(plan, name);
    let gates = node.gates.iter().map(|gate| plan.gates[gate.get()].name.as_str());
    let env = node.env.iter().map(|env| plan.environments[env.get()].name.as_str());
    (gates.collect(), env.collect())
}

#[test]
fn the_verify_node_stands_behind_the_work_and_before_final_approvals() {
    for (what, items, expected) in [
        ("no needs", &["c", "d"][..], &["c", "d/verify", "d < d/verify"][..]),
        ("no approval", &["c", "d < c"], &["c", "d/verify < c", "d < d/verify"]),
        (
            "one final approval",
            &["c", "a < c", "d < a"],
            &["c", "d/verify < c", "a < d/verify", "d < d/verify, a"],
        ),
        (
            "an approval of nothing",
            &["a", "d < a"],
            &["d/verify", "a < d/verify", "d < d/verify, a"],
        ),
        (
            "chained approvals",
            &["c", "a1 < c", "a2 < a1", "d < a2"],
            &["c", "d/verify < c", "a1 < d/verify", "a2 < d/verify, a1", "d < d/verify, a2"],
        ),
        (
            "two final approvals and work beside them",
            &["c1", "a1 < c1", "a2", "c2", "d < a1, a2, c2"],
            &[
                "c1",
                "c2",
                "d/verify < c1, c2",
                "a1 < d/verify",
                "a2 < d/verify",
                "d < d/verify, a1, a2",
            ],
        ),
    ] {
        assert_eq!(graph(items), expected, "{what}");
    }
}

#[test]
fn an_approval_that_others_wait_for_too_stays_before_the_verify_node() {
    for (what, items, expected) in [
        (
            "shared by a task and the deploy",
            &["c1", "a < c1", "c2 < a", "d < a, c2"][..],
            &["c1", "a < c1", "c2 < a", "d/verify < a, c2", "d < d/verify"][..],
        ),
        (
            "work between an approval and the deploy",
            &["a1", "c < a1", "a2 < c", "d < a2"],
            &["a1", "c < a1", "d/verify < c", "a2 < d/verify", "d < d/verify, a2"],
        ),
        (
            "shared by two deploys",
            &["c", "a < c", "d1 < a", "d2 < a"],
            &["c", "a < c", "d1/verify < a", "d1 < d1/verify", "d2/verify < a", "d2 < d2/verify"],
        ),
        (
            "a chain that is shared at its end",
            &["c", "a1 < c", "a2 < a1", "a3 < a2", "d1 < a2", "d2 < a3"],
            &[
                "c",
                "a1 < c",
                "a2 < a1",
                "d1/verify < a2",
                "d1 < d1/verify",
                "d2/verify < a2",
                "a3 < d2/verify",
                "d2 < d2/verify, a3",
            ],
        ),
    ] {
        assert_eq!(graph(items), expected, "{what}");
    }
}

#[test]
fn deploys_and_the_order_of_the_spec() {
    for (what, items, expected) in [
        (
            "deploy after deploy",
            &["c", "d1 < c", "a < d1", "d2 < a"][..],
            &[
                "c",
                "d1/verify < c",
                "d1 < d1/verify",
                "d2/verify < d1",
                "a < d2/verify",
                "d2 < d2/verify, a",
            ][..],
        ),
        (
            "the deploy first in the spec",
            &["d < a", "a < c1, c2", "c1", "c2", "c3 < d"],
            &["c1", "c2", "d/verify < c1, c2", "a < d/verify", "d < d/verify, a", "c3 < d"],
        ),
    ] {
        assert_eq!(graph(items), expected, "{what}");
    }
}

#[test]
fn it_checks_what_its_ancestors_were_checked_with() {
    let plan = with_head(
        "command x { run = [\"x\"], writes = [\"x\"], gates = [h], env = [f] }\n\
         command y { run = [\"x\"], writes = [\"y\"], gates = [g, h], env = [e] }\n\
         command z { needs = [x, y], run = [\"x\"], env = [e] }\n\
         command other { run = [\"x\"], writes = [\"o\"], gates = [g { run = [\"own\"] }] }\n\
         deploy one { needs = [z], run = [\"x\"], on_fail = escalate }\n\
         deploy two { needs = [other], run = [\"x\"] }\n\
         deploy three { needs = [one, two], run = [\"x\"] }\n\
         deploy four { run = [\"x\"] }\n",
    );
    assert_eq!(checked(&plan, "one/verify"), (vec!["h", "g"], vec!["f", "e"]));
    assert_eq!(checked(&plan, "two/verify"), (vec!["g@other"], vec![]));
    assert_eq!(checked(&plan, "three/verify"), (vec!["h", "g", "g@other"], vec!["f", "e"]));
    assert_eq!(checked(&plan, "four/verify"), (vec![], vec![]));
    let verify = node(&plan, "one/verify");
    assert_eq!((verify.accept, verify.on_fail), (Accept::All, OnFail::Escalate));
    assert_eq!((verify.work.kind(), verify.budget.attempts), ("verify", 1));
    assert_eq!(review(&plan).nodes, "4 commands, 4 verify, 4 deploys");
}

#[test]
fn nothing_is_deployed_past_what_failed() {
    let plan = with_head(
        "group x {\n defaults { accept = succeeded }\n command c { run = [\"x\"] }\n\
         approval a { needs = [c], ask = \"?\" }\n deploy d { needs = [a], run = [\"x\"] }\n }\n",
    );
    assert_eq!(node(&plan, "x/d").accept, Accept::All);
    // What goes on with a part is asked about before the whole is verified.
    assert_eq!(order(&plan), ["x/c", "x/a < x/c", "x/d/verify < x/a", "x/d < x/d/verify"]);
    assert_eq!(node(&plan, "x/d/verify").accept, Accept::All);
    let found = wrong(format!("{HEAD}deploy d {{ run = [\"x\"], accept = succeeded }}\n"));
    assert_eq!(found, ["E0202 at 7:25"]);
}

#[test]
fn instances_and_templates_have_their_own() {
    let plan = with_head(
        "let sites = [\"a\", \"b\"]\ncommand c { run = [\"x\"] }\n\
         approval ask for s in sites { needs = [c], ask = \"${s}?\" }\n\
         deploy ship for s in sites { needs = [ask[s]], run = [s] }\n",
    );
    assert_eq!(
        order(&plan),
        [
            "c",
            "ship[\"a\"]/verify < c",
            "ask[\"a\"] < ship[\"a\"]/verify",
            "ship[\"a\"] < ship[\"a\"]/verify, ask[\"a\"]",
            "ship[\"b\"]/verify < c",
            "ask[\"b\"] < ship[\"b\"]/verify",
            "ship[\"b\"] < ship[\"b\"]/verify, ask[\"b\"]",
        ]
    );
}

#[test]
fn an_approval_of_another_tree_is_weak() {
    let weak = |items: &[&str]| -> Vec<String> {
        let plan = with_head(&items.iter().map(|item| spelled(item)).collect::<String>());
        let weak = review(&plan).weak.into_iter();
        weak.filter(|entry| entry.contains("another tree")).collect()
    };
    let entry = "d: a is asked about another tree than the one that is deployed";
    assert_eq!(weak(&["c1", "a < c1", "c2 < a", "d < a, c2"]), [entry]);
    assert_eq!(weak(&["c", "a < c", "d < a", "d2 < a, c"]), [""; 0], "the work is behind it");
    assert_eq!(weak(&["c1", "c2", "a < c1", "d < a, c2"]), [""; 0], "it is final");
    let shared = ["c", "a1 < c", "a2 < a1", "d1 < a1, a2", "d2 < a1, a2, d1"];
    assert_eq!(weak(&shared), [""; 0], "what is beside it changes nothing");
    assert_eq!(weak(&["c1", "c2", "a < c1", "c3 < a", "d < a, c2"]), [entry]);
}

#[test]
fn folders_are_read_and_shown() {
    let plan = with_head("deploy d { run = [\"x\"], folders = [\"/srv/www\", \"~/sites\"] }\n");
    let Work::Deploy { folders, .. } = &node(&plan, "d").work else { panic!() };
    assert_eq!(folders, &["/srv/www", "~/sites"]);
    assert_eq!(review(&plan).capabilities, ["d: writes /srv/www", "d: writes ~/sites"]);
}

/// A group of so many commands, each with a gate of its own, and as many deploys behind
/// each of them or behind all.
fn many(count: usize, needs: &str) -> String {
    let names: String = (0..count).map(|at| format!("\"n{at}\", ")).collect();
    format!(
        "edition 1\npipeline p {{}}\ngate g is command {{ run = [\"make\"] }}\nlet all = [{names}]\n\
         command c for n in all {{ run = [n], writes = [n], gates = [g {{ run = [n] }}] }}\n\
         command join {{ needs = [c], run = [\"x\"] }}\n\
         deploy d for n in all {{ needs = [{needs}], run = [n] }}\n"
    )
}

#[test]
fn each_of_many_deploys_has_what_is_before_it() {
    let plan = plan(many(10_000, "c[n]"));
    assert_eq!(plan.nodes.len(), 30_001);
    assert_eq!(checked(&plan, "d[\"n7\"]/verify").0, ["g@c[\"n7\"]"]);
}

#[test]
fn deploys_that_would_check_too_much_are_refused() {
    let found = wrong(many(2_000, "join"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("E0213"), "{found:?}");
}

/// Numbers that a seed decides.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// An item of a graph: its kind, what it needs, and whether it has a gate.
type Item = (char, Vec<usize>, bool);

/// Makes a graph of at most eight items, each of which needs some before it.
fn some_graph(dice: &mut Dice) -> Vec<Item> {
    let count = 1 + dice.below(8);
    let item = |at: u64| {
        let kind = ['c', 'a', 'd'][usize::try_from(dice.below(3)).expect("small")];
        let needs = (0..at).filter(|_| dice.below(3) == 0);
        let needs = needs.map(|need| usize::try_from(need).expect("small")).collect();
        (kind, needs, kind == 'c' && dice.below(2) == 0)
    };
    (0..count).map(item).collect()
}

fn text_of(items: &[Item]) -> String {
    let name = |at: usize| format!("{}{at}", items[at].0);
    let item = |(at, (kind, needs, is_gated)): (usize, &Item)| {
        let needs: Vec<String> = needs.iter().map(|need| name(*need)).collect();
        let needs = needs.join(", ");
        let gate = if at % 2 == 0 { "g" } else { "h" };
        match (kind, is_gated) {
            ('a', _) => format!("approval {} {{ needs = [{needs}], ask = \"?\" }}\n", name(at)),
            ('d', _) => format!("deploy {} {{ needs = [{needs}], run = [\"x\"] }}\n", name(at)),
            (_, false) => format!("command {} {{ needs = [{needs}], run = [\"x\"] }}\n", name(at)),
            (_, true) => format!(
                "command {} {{ needs = [{needs}], run = [\"x\"], writes = [\"f\"], gates = [{gate}] }}\n",
                name(at)
            ),
        }
    };
    items.iter().enumerate().map(item).collect()
}

/// Finds all that stands before a node, by walking every way back.
fn before(plan: &Plan, at: usize) -> std::collections::BTreeSet<usize> {
    let mut found = std::collections::BTreeSet::new();
    let mut open = vec![at];
    while let Some(at) = open.pop() {
        for near in plan.nodes[at].waits_for().map(eufm_plan::NodeIndex::get) {
            if found.insert(near) {
                open.push(near);
            }
        }
    }
    found
}

/// Checks the laws of one plan against the graph that it was made of.
fn check_laws(items: &[Item], plan: &Plan, text: &str) {
    let place = |name: &str| plan.nodes.iter().position(|node| node.name == name).expect(name);
    let name = |at: usize| format!("{}{at}", items[at].0);
    for (at, (kind, needs, _)) in items.iter().enumerate() {
        let behind = before(plan, place(&name(at)));
        for need in needs {
            assert!(behind.contains(&place(&name(*need))), "{} waits for less\n{text}", name(at));
        }
        if *kind != 'd' {
            continue;
        }
        let verify = place(&format!("{}/verify", name(at)));
        let verified = before(plan, verify);
        let mut owed: Vec<usize> = Vec::new();
        for gate in verified.iter().flat_map(|it| &plan.nodes[*it].gates).map(|gate| gate.get()) {
            if !owed.contains(&gate) {
                owed.push(gate);
            }
        }
        // The gates of verify nodes among them are those of what stands before these.
        let found: Vec<usize> = plan.nodes[verify].gates.iter().map(|gate| gate.get()).collect();
        let sorted = |mut gates: Vec<usize>| {
            gates.sort_unstable();
            gates
        };
        assert_eq!(sorted(found), sorted(owed), "{}\n{text}", name(at));
        for between in behind.difference(&verified).filter(|it| **it != verify) {
            let node = &plan.nodes[*between];
            assert!(matches!(node.work, Work::Approval { .. }), "{} slips in\n{text}", node.name);
            let only = (0..plan.nodes.len()).filter(|it| before(plan, *it).contains(between));
            let others: Vec<&str> = only
                .filter(|it| *it != place(&name(at)) && !behind.contains(it))
                .map(|it| plan.nodes[it].name.as_str())
                // What comes behind the deploy is behind its approvals too.
                .filter(|it| !before(plan, place(it)).contains(&place(&name(at))))
                .collect();
            assert_eq!(others, [""; 0], "{} is not for {} alone\n{text}", node.name, name(at));
        }
    }
}

#[test]
fn ten_thousand_graphs_keep_every_need_and_check_every_gate() {
    let mut dice = Dice(0x6575_666d);
    let mut deploys = 0;
    for _ in 0..10_000 {
        let items = some_graph(&mut dice);
        let text = text_of(&items);
        let plan = with_head(&text);
        deploys += items.iter().filter(|(kind, ..)| *kind == 'd').count();
        check_laws(&items, &plan, &text);
        let locked = lockfile::read(&lockfile::write(&plan));
        assert_eq!(locked.map(|locked| locked.plan), Ok(plan.into()), "{text}");
    }
    assert!(deploys > 10_000, "{deploys} deploys");
}

#[test]
fn without_a_deploy_one_node_at_the_end_judges_all_by_the_rules() {
    let rules = "constitution \"c.md\" { rule x is max_diff { cite = \"Small\", level = must, lines = 9 } }\n";
    let work = "command a { run = [\"x\"], writes = [\"a\"], gates = [g], env = [e] }\n\
                command b { needs = [a], run = [\"x\"] }\ncommand c { run = [\"x\"], writes = [\"c\"], gates = [h] }\n";
    let judged = |more: &str| {
        let spec = format!("{HEAD}{rules}{work}{more}");
        build_files(&[("x.eufm", spec.as_str()), ("c.md", "Small.\n")]).expect("a spec").plan
    };
    let plan = judged("").expect("a plan");
    assert_eq!(order(&plan), ["a", "b < a", "c", "constitution:verify < b, c"]);
    assert_eq!(checked(&plan, FINAL_VERIFY), (vec!["g", "h"], vec!["e"]));
    let last = node(&plan, FINAL_VERIFY);
    assert_eq!((last.accept, last.on_fail), (Accept::Succeeded, OnFail::GoOn));
    assert!(matches!(&last.work, Work::Verify { rules } if rules.len() == 1));
    let text = lockfile::write(&plan);
    assert_eq!(lockfile::read(&text).map(|locked| locked.plan), Ok(plan.into()));
    let plan = judged("deploy d { needs = [b], run = [\"x\"] }\n").expect("a plan");
    assert!(plan.nodes.iter().all(|node| node.name != FINAL_VERIFY), "its verify node judges");
    assert_eq!(order(&with_head(work)).len(), 3, "without rules there is nothing to judge by");
}
