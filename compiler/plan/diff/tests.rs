//! Each loosening is an escalation and its reverse is none; nothing is missed.

use proptest::prelude::{any, prop, proptest};

use super::{Diff, Looser, diff};
use crate::lockfile::example::{everything, hello, in_order};
use crate::lockfile::random;
use crate::units::{Bytes, Millis, Money, Price, Rate, Tokens};
use crate::{
    Accept, Command, Digest, GateIndex, Input, InputPart, Level, Node, NodeIndex, OnFail, Overlap,
    ParamValue, Plan, Recovery, Work, Writes,
};

fn found(before: &Plan, after: &Plan) -> Vec<Looser> {
    diff(before, after).escalations.iter().filter_map(|change| change.looser).collect()
}

/// A change of a plan.
type Alter = fn(&mut Plan);

fn altered(alter: Alter) -> Plan {
    let mut plan = everything();
    alter(&mut plan);
    assert_ne!(plan, everything(), "nothing was altered");
    plan
}

fn money(text: &str) -> Money {
    Money::parse(text).expect("an amount of the tests")
}

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

fn globs(items: &[&str]) -> Writes {
    Writes::Globs(strings(items))
}

fn command(plan: &mut Plan, at: usize) -> &mut Command {
    match &mut plan.nodes[at].work {
        Work::Command(command) | Work::Deploy { command, .. } => command,
        other => panic!("{other:?} is no command"),
    }
}

fn set(params: &mut crate::Params, key: &str, value: ParamValue) {
    match params.0.iter_mut().find(|(known, _)| known == key) {
        Some((_, old)) => *old = value,
        None => params.0.push((key.to_owned(), value)),
    }
}

fn word(text: &str) -> ParamValue {
    ParamValue::Text(text.to_owned())
}

fn list(items: &[&str]) -> ParamValue {
    ParamValue::List(strings(items))
}

fn judged(plan: &mut Plan) -> &mut Vec<crate::RuleIndex> {
    match &mut plan.nodes[VERIFY].work {
        Work::Verify { rules } => rules,
        other => panic!("{other:?} is no verify"),
    }
}

fn protected(plan: &mut Plan) -> &mut crate::Protected {
    plan.protected.as_mut().expect("a node lists no `writes`")
}

fn rules(plan: &mut Plan) -> &mut Vec<crate::Rule> {
    &mut plan.constitution.as_mut().expect("it has one").rules
}

/// The nodes of the example by their place.
const SCHEMA: usize = 0;
const FELIX: usize = 1;
const ORADEA: usize = 2;
const STORY: usize = 3;
const REVIEW: usize = 4;
const COLLECT: usize = 5;
const TIDY: usize = 6;
const GATHER: usize = 7;
const SMOKE: usize = 8;
const VERIFY: usize = 9;
const LOOK: usize = 10;
const RELEASE: usize = 11;
const SHIP: usize = 12;

/// What loosens one thing; the reverse loosens nothing.
const LOOSENED: &[(&str, Looser, Alter)] = &[
    ("cost of the run up", Looser::Budget, |it| it.budget.cost = Some(money("20.000001 EUR"))),
    ("no cost of the run", Looser::Budget, |it| it.budget.cost = None),
    ("rate up", Looser::Budget, |it| it.budget.rate = Some(Rate(money("2 EUR")))),
    ("no rate", Looser::Budget, |it| it.budget.rate = None),
    ("wall up", Looser::Budget, |it| it.budget.wall = Some(Millis(21_600_001))),
    ("tokens up", Looser::Budget, |it| it.budget.tokens = Some(Tokens(4_000_001))),
    ("no tokens", Looser::Budget, |it| it.budget.tokens = None),
    ("memory up", Looser::Budget, |it| it.budget.memory = Some(Bytes(9 << 30))),
    ("parallel up", Looser::Budget, |it| it.budget.parallel = 5),
    ("cost of a node up", Looser::Budget, |it| {
        it.nodes[SCHEMA].budget.cost = Some(money("0.70 EUR"));
    }),
    ("no cost of a node", Looser::Budget, |it| it.nodes[SCHEMA].budget.cost = None),
    ("no wall of a node", Looser::Budget, |it| it.nodes[SCHEMA].budget.wall = None),
    ("tokens of a node up", Looser::Budget, |it| {
        it.nodes[SCHEMA].budget.tokens = Some(Tokens(300_000));
    }),
    ("no memory of a node", Looser::Budget, |it| it.nodes[SCHEMA].budget.memory = None),
    ("attempts up", Looser::Budget, |it| it.nodes[SCHEMA].budget.attempts = 4),
    ("window gone", Looser::Window, |it| it.window = None),
    ("window longer", Looser::Window, |it| {
        it.window = Some("21:00-06:00 Europe/Bucharest".to_owned());
    }),
    ("a folder of tools", Looser::Environment, |it| {
        it.environments[0].tools.push("~/.ssh".to_owned());
    }),
    ("a folder that is kept", Looser::Environment, |it| {
        it.environments[0].keep.push("node_modules".to_owned());
    }),
    ("a file decides no more", Looser::Environment, |it| {
        it.environments[0].key.remove(0);
    }),
    ("a host of an environment", Looser::Network, |it| {
        it.environments[0].network.push("evil.example".to_owned());
    }),
    ("a gate with a host", Looser::Network, |it| {
        set(&mut it.gates[0].params, "network", list(&["a.example"]));
    }),
    ("the rate of passes", Looser::Threshold, |it| {
        set(&mut it.gates[0].params, "require", list(&["pass_rate >= 58%", "tests >= 1"]));
    }),
    ("the number of tests", Looser::Threshold, |it| {
        set(&mut it.gates[0].params, "require", list(&["pass_rate >= 85%", "tests >= 0"]));
    }),
    ("no constitution", Looser::Constitution, |it| {
        it.constitution = None;
        judged(it).clear();
    }),
    ("a rule gone", Looser::Rule, |it| {
        rules(it).remove(2);
        judged(it).pop();
    }),
    ("a rule not judged", Looser::Rule, |it| {
        judged(it).pop();
    }),
    ("a gate less on the tree that is deployed", Looser::Gate, |it| {
        it.nodes[VERIFY].gates.pop();
    }),
    ("a folder of a deploy", Looser::Folder, |it| {
        let Work::Deploy { folders, .. } = &mut it.nodes[SHIP].work else { panic!("no deploy") };
        folders.push("/etc".to_owned());
    }),
    ("a deploy beside its verify", Looser::Verify, |it| {
        it.nodes[LOOK].needs = vec![NodeIndex::new(SMOKE)];
        it.nodes[RELEASE].needs = vec![NodeIndex::new(LOOK)];
        it.nodes[SHIP].needs = vec![NodeIndex::new(RELEASE)];
    }),
    ("a rule waived for longer", Looser::Waived, |it| {
        rules(it)[2].waiver.as_mut().expect("it is waived").until = "2027-01-01".to_owned();
    }),
    ("a rule waived", Looser::Waived, |it| {
        let waiver = rules(it)[2].waiver.clone();
        rules(it)[1].waiver = waiver;
    }),
    ("a level lower", Looser::Level, |it| rules(it)[1].level = Level::Should),
    ("a line without a rule", Looser::Unmapped, |it| {
        let line = crate::Unmapped { line: 9, text: "Logs MUST be kept.".to_owned() };
        it.constitution.as_mut().expect("it has one").unmapped.push(line);
    }),
    ("a script that is bound no more", Looser::Script, |it| it.scripts.clear()),
    ("a generated file more", Looser::Writes, |it| {
        let path = "src/main.rs".to_owned();
        it.generated.push(crate::Generated { path, ..it.generated[0].clone() });
        it.generated[1].network.clear();
    }),
    ("a host of a generated file", Looser::Network, |it| {
        it.generated[0].network.push("evil.example".to_owned());
    }),
    ("an environment of a generated file", Looser::Environment, |it| {
        let name = "second".to_owned();
        it.environments.push(crate::Environment { name, ..Default::default() });
        it.generated[0].env.push(crate::EnvironmentIndex::new(1));
    }),
    ("a path less is protected", Looser::Writes, |it| {
        protected(it).paths.pop();
    }),
    ("tests are not protected", Looser::Writes, |it| protected(it).existing.clear()),
    ("what a gate runs is not protected", Looser::Writes, |it| {
        protected(it).named.remove(1);
    }),
    ("a glob more", Looser::Writes, |it| it.nodes[SCHEMA].writes = globs(&["src/**", "docs/*"])),
    ("a star more", Looser::Writes, |it| it.nodes[COLLECT].writes = globs(&["docs/*"])),
    ("nothing but protected files is closed", Looser::Writes, |it| {
        it.nodes[TIDY].writes = Writes::Unprotected;
    }),
    ("all is read", Looser::Reads, |it| it.nodes[COLLECT].reads = None),
    ("more is read", Looser::Reads, |it| {
        it.nodes[COLLECT].reads = Some(strings(&["packages/**", "Makefile", "secrets/**"]));
    }),
    ("a gate gone", Looser::Gate, |it| it.nodes[SCHEMA].gates.clear()),
    ("one of two gates gone", Looser::Gate, |it| {
        it.nodes[STORY].gates.remove(0);
    }),
    ("an environment of a node", Looser::Environment, |it| {
        it.nodes[SCHEMA].env.push(crate::EnvironmentIndex::new(0));
    }),
    ("merge instead of order", Looser::Overlap, |it| it.nodes[SCHEMA].overlap = Overlap::Merge),
    ("a writer before it less", Looser::Proof, |it| it.nodes[STORY].after_writer.clear()),
    ("order instead of deny", Looser::Overlap, |it| it.nodes[ORADEA].overlap = Overlap::Order),
    ("accept", Looser::Accept, |it| it.nodes[SMOKE].accept = Accept::Succeeded),
    ("on_fail go_on", Looser::OnFail, |it| it.nodes[SCHEMA].on_fail = OnFail::GoOn),
    ("on_fail escalate", Looser::OnFail, |it| it.nodes[ORADEA].on_fail = OnFail::Escalate),
    ("a secret elsewhere", Looser::Secret, |it| {
        command(it, SMOKE).secrets.push("DEPLOY_KEY".to_owned());
    }),
    ("in_place", Looser::InPlace, |it| command(it, SMOKE).in_place = true),
    ("shell", Looser::Shell, |it| command(it, SMOKE).shell = true),
    ("a host of a node", Looser::Network, |it| {
        command(it, GATHER).network.push("a.example".to_owned());
    }),
    ("a file of its output", Looser::Output, |it| {
        command(it, SMOKE).stdout = Some("a.txt".to_owned());
    }),
    ("a status more", Looser::Status, |it| command(it, SMOKE).ok = vec![0, 7]),
    ("a deploy reads what an agent wrote", Looser::Input, |it| {
        it.nodes[SHIP].inputs.push(Input { node: NodeIndex::new(0), part: InputPart::Answer });
    }),
    ("a deploy that runs again", Looser::Recovery, |it| {
        let Work::Deploy { recovery, .. } = &mut it.nodes[SHIP].work else { panic!("no deploy") };
        *recovery = Recovery::Rerun;
    }),
    ("a deploy beside its approval", Looser::Approval, |it| {
        it.nodes[SHIP].needs = vec![NodeIndex::new(VERIFY)];
        it.nodes[SHIP].inputs.clear();
    }),
    ("a deploy without the check", Looser::Order, |it| {
        it.nodes[VERIFY].needs = vec![NodeIndex::new(GATHER)];
    }),
    ("input is cheaper", Looser::Price, |it| {
        it.prices[0].input = Price::parse("4.00 USD per 1M tokens").expect("a price");
    }),
    ("long prompts are cheaper", Looser::Price, |it| it.prices[0].long = None),
    ("long prompts are longer", Looser::Price, |it| {
        it.prices[0].long.as_mut().expect("there").above = Tokens(300_000);
    }),
    ("answers are shorter", Looser::Price, |it| it.prices[0].max_output = Some(Tokens(1_000))),
    ("another model with a price", Looser::Price, |it| {
        let model = "gpt-6".to_owned();
        it.prices.push(crate::ModelPrice { model, ..it.prices[0].clone() });
    }),
    ("a command reads what a trusted one wrote", Looser::Input, |it| {
        it.nodes[SMOKE].inputs.push(Input { node: NodeIndex::new(TIDY), part: InputPart::Stdout });
    }),
    ("an older price", Looser::Price, |it| it.prices[0].date = "2025-06-12".to_owned()),
    ("a cheaper currency", Looser::Price, |it| it.exchange[0].to = money("0.80 EUR")),
    ("an older rate", Looser::Price, |it| it.exchange[0].date = "2025-11-01".to_owned()),
];

#[test]
fn a_loosening_is_an_escalation_and_its_reverse_is_none() {
    for (what, looser, alter) in LOOSENED {
        let (before, after) = (everything(), altered(*alter));
        let escalations = found(&before, &after);
        assert!(escalations.contains(looser), "{what}: {escalations:?}");
        // What follows from it: a claim less, and with the document its rules.
        let follows = |it: &Looser| {
            let is_of_it = *it == Looser::Rule && *looser == Looser::Constitution;
            it == looser || *it == Looser::Proof || is_of_it
        };
        assert!(escalations.iter().all(follows), "{what}: {escalations:?}");
        let reverse = diff(&after, &before);
        assert!(!reverse.is_escalated(), "the reverse of {what}: {:?}", reverse.escalations);
        assert!(!reverse.is_empty(), "{what}");
    }
}

/// What nobody can judge by itself is an escalation each way.
const UNJUDGED: &[(&str, Looser, Alter)] = &[
    ("base", Looser::Base, |it| it.base = "other".to_owned()),
    ("a window elsewhere", Looser::Window, |it| it.window = Some("22:00-06:00 UTC".to_owned())),
    ("root", Looser::Root, |it| it.origin.root = "..".to_owned()),
    ("a value", Looser::Param, |it| it.origin.params[0].1 = "staging".to_owned()),
    ("a value more", Looser::Param, |it| {
        it.origin.params.push(("x".to_owned(), String::new()));
    }),
    ("prepare", Looser::Environment, |it| it.environments[0].prepare.push("-v".to_owned())),
    ("model", Looser::Agent, |it| set(&mut it.agents[0].params, "model", word("gpt-6"))),
    ("CLI", Looser::Agent, |it| set(&mut it.agents[0].params, "cli", word("0.170.0"))),
    ("url", Looser::Agent, |it| set(&mut it.agents[0].params, "url", word("https://x.example"))),
    ("backend", Looser::Agent, |it| it.agents[0].kind = "other".to_owned()),
    ("a gate's command", Looser::Check, |it| {
        set(&mut it.gates[0].params, "run", list(&["true"]));
    }),
    ("a gate's report", Looser::Check, |it| {
        set(&mut it.gates[0].params, "report", word("junit other.xml"));
    }),
    ("a gate's baseline", Looser::Check, |it| {
        set(&mut it.gates[0].params, "baseline", word("no_new_failures"));
    }),
    ("a gate's kind", Looser::Check, |it| it.gates[1].kind = "command".to_owned()),
    ("a threshold that others do not have", Looser::Threshold, |it| {
        set(&mut it.gates[0].params, "require", list(&["pass_rate >= 85%"]));
    }),
    ("the words of the constitution", Looser::Constitution, |it| {
        it.constitution.as_mut().expect("there").digest = Digest::of(b"other");
    }),
    ("a rule's parameter", Looser::RuleCheck, |it| {
        set(&mut rules(it)[2].params, "lines", word("900"));
    }),
    ("a rule's kind", Looser::RuleCheck, |it| rules(it)[1].kind = "human".to_owned()),
    ("another program with a secret", Looser::Program, |it| {
        command(it, SHIP).run[2] = "ENV=staging".to_owned();
    }),
    ("another folder of a deploy", Looser::Program, |it| {
        command(it, SHIP).cwd = Some("x".to_owned());
    }),
    ("another variable of a deploy", Looser::Program, |it| {
        command(it, SHIP).vars = vec![("A".to_owned(), "1".to_owned())];
    }),
    ("another trusted command", Looser::Program, |it| {
        command(it, TIDY).run = strings(&["make", "untidy"]);
    }),
    ("another command before a deploy", Looser::Check, |it| {
        command(it, SMOKE).run = strings(&["true"]);
    }),
    ("its variables", Looser::Check, |it| {
        command(it, COLLECT).vars.pop();
    }),
    ("its folder", Looser::Check, |it| command(it, COLLECT).cwd = None),
    ("a rate that is read the other way round", Looser::Price, |it| {
        let (from, to) = (money("1 EUR"), money("100 USD"));
        it.exchange.insert(0, crate::Exchange { from, to, ..it.exchange[0].clone() });
    }),
    ("a script with other words", Looser::Script, |it| {
        it.scripts[0].digest = Digest::of(b"true\n");
    }),
    ("another program that makes a file", Looser::Program, |it| {
        it.generated[0].run.push("-v".to_owned());
    }),
    ("another currency", Looser::Budget, |it| it.budget.rate = Some(Rate(money("1 USD")))),
];

#[test]
fn what_cannot_be_judged_is_an_escalation_each_way() {
    for (what, looser, alter) in UNJUDGED {
        let (before, after) = (everything(), altered(*alter));
        for (one, other) in [(&before, &after), (&after, &before)] {
            assert_eq!(found(one, other), [*looser], "{what}");
        }
    }
}

/// What loosens nothing, nor does its reverse.
const NEUTRAL: &[(&str, Alter)] = &[
    ("a line without a rule elsewhere", |it| {
        it.constitution.as_mut().expect("it has one").unmapped[0].line = 8;
    }),
    ("pipeline", |it| it.pipeline = "other".to_owned()),
    ("goal", |it| it.goal = None),
    ("source", |it| it.source = Some("docs/other.md".to_owned())),
    ("prompt", |it| {
        let Work::Agent { prompt, .. } = &mut it.nodes[SCHEMA].work else { panic!("no agent") };
        prompt.push_str("More.\n");
    }),
    ("ask", |it| {
        it.nodes[RELEASE].work = Work::Approval { ask: "Sure?".to_owned() };
    }),
    ("session", |it| {
        let Work::Agent { session, .. } = &mut it.nodes[FELIX].work else { panic!("no agent") };
        *session = None;
    }),
    ("inputs", |it| {
        it.nodes[FELIX].inputs.remove(0);
    }),
    ("order of inputs", |it| it.nodes[FELIX].inputs.reverse()),
    ("implements", |it| it.nodes[SCHEMA].implements.clear()),
    ("order of gates", |it| it.nodes[STORY].gates.reverse()),
    ("order of tools", |it| it.environments[0].tools.reverse()),
    ("a status in its own words", |it| command(it, SMOKE).ok = vec![0]),
    ("a need more", |it| it.nodes[SMOKE].needs.insert(0, NodeIndex::new(SCHEMA))),
    ("a glob that says the same", |it| it.nodes[SCHEMA].writes = globs(&["src/**", "src/**"])),
    ("order of the plan", |it| {
        it.nodes.swap(FELIX, ORADEA);
        it.nodes[FELIX].after_writer.clear();
        it.nodes[ORADEA].after_writer = vec![NodeIndex::new(FELIX)];
    }),
    ("omitted", |it| it.omitted.clear()),
    ("cite", |it| rules(it)[0].cite = "other words".to_owned()),
    ("line", |it| rules(it)[0].line = 4),
    ("order of parameters", |it| it.agents[0].params.0.reverse()),
    ("who says what it costs", |it| it.prices[0].source = "x".to_owned()),
    ("who says what it is worth", |it| it.exchange[0].source = "x".to_owned()),
    ("spec", |it| it.origin.spec = "other.eufm".to_owned()),
    ("edition", |it| it.origin.edition = 2),
    ("compiler", |it| it.origin.compiler = "0.2.0".to_owned()),
    ("a source", |it| it.origin.sources[0].digest = Digest::of(b"other")),
    ("a source more", |it| {
        let source = crate::Source { path: "z".to_owned(), digest: Digest::of(b"z") };
        it.origin.sources.push(source);
    }),
    ("a gate under another name", |it| it.gates[0].name = "tests".to_owned()),
    ("an agent under another name", |it| it.agents[0].name = "worker".to_owned()),
    ("an environment under another name", |it| it.environments[0].name = "cargo".to_owned()),
    ("an approval under another name", |it| it.nodes[RELEASE].name = "permit".to_owned()),
    ("an agent's node under another name", |it| it.nodes[SCHEMA].name = "scheme".to_owned()),
];

#[test]
fn what_loosens_nothing_is_a_difference_and_no_escalation() {
    for (what, alter) in NEUTRAL {
        let (before, after) = (everything(), altered(*alter));
        for (one, other) in [(&before, &after), (&after, &before)] {
            let diff = diff(one, other);
            assert!(!diff.is_escalated(), "{what}: {:?}", diff.escalations);
            assert!(!diff.changes.is_empty(), "{what}");
            assert!(diff.added.is_empty() && diff.removed.is_empty(), "{what}: {diff:?}");
        }
    }
}

#[test]
fn a_plan_whose_nodes_all_have_other_names_is_told_as_renamed() {
    let mut after = everything();
    after.nodes.iter_mut().for_each(|node| node.name.insert_str(0, "night/"));
    after.gates[1].name = "unit@night/story[\"search\"]".to_owned();
    let told = diff(&everything(), &after);
    assert!(told.escalations.is_empty(), "{:?}", told.escalations);
    assert!(told.added.is_empty() && told.removed.is_empty(), "{told:?}");
    assert!(told.changes.iter().all(|change| change.key == "name"), "{:?}", told.changes);
    assert_eq!(told.changes.len(), after.nodes.len() + 1);
}

#[test]
fn another_name_is_no_way_around_what_held_a_node() {
    let mut after = everything();
    "scheme".clone_into(&mut after.nodes[SCHEMA].name);
    after.nodes[SCHEMA].gates.clear();
    let told = diff(&everything(), &after);
    assert!(told.added.is_empty() && told.removed.is_empty(), "{told:?}");
    let names: Vec<_> = told.changes.iter().map(|it| (it.key.as_ref(), it.name.as_str())).collect();
    assert_eq!(names, [("name", "scheme")]);
    // Its verify node has a gate yet that nothing before it has.
    assert_eq!(found(&everything(), &after), [Looser::Gate, Looser::Proof]);
}

#[test]
fn what_holds_more_is_no_escalation() {
    for alter in [
        (|it: &mut Plan| it.nodes[SCHEMA].writes = globs(&["src/schema/**", "src/*.rs"])) as Alter,
        |it| it.nodes[COLLECT].reads = Some(strings(&["packages/a/*", "docs/report.txt"])),
        |it| it.window = Some("23:00-05:00 Europe/Bucharest".to_owned()),
        |it| it.budget.memory = Some(Bytes(4 << 30)),
        |it| it.nodes[TIDY].budget.wall = Some(Millis(1)),
        |it| set(&mut it.gates[0].params, "require", list(&["pass_rate >= 99%", "tests >= 1"])),
        |it| it.nodes[FELIX].gates.push(GateIndex::new(0)),
        |it| it.nodes[SMOKE].needs.insert(0, NodeIndex::new(SCHEMA)),
        |it| it.nodes[COLLECT].needs.push(NodeIndex::new(2)),
    ] {
        let diff = diff(&everything(), &altered(alter));
        assert!(!diff.is_escalated() && !diff.is_empty(), "{:?}", diff.escalations);
    }
}

/// Puts a node into the example, before those that end it.
fn with_node(node: Node) -> Plan {
    let mut plan = everything();
    plan.nodes.push(node);
    plan
}

fn like(at: usize, alter: impl Fn(&mut Node)) -> Node {
    let mut node = everything().nodes[at].clone();
    "new".clone_into(&mut node.name);
    alter(&mut node);
    node
}

#[test]
fn a_new_node_is_an_escalation_where_it_may_do_what_none_might() {
    let cases: [(&str, Node, &[Looser]); 9] = [
        ("as gated as another", like(SCHEMA, |_| {}), &[]),
        ("within what another may", like(SCHEMA, |it| it.writes = globs(&["src/a/*"])), &[]),
        ("elsewhere", like(SCHEMA, |it| it.writes = globs(&["docs/**"])), &[Looser::Writes]),
        (
            "with a secret",
            like(SHIP, |_| {}),
            // It has no verify node of its own, so what was proven of deploys is lost.
            &[
                Looser::Deploy,
                Looser::Secret,
                Looser::Network,
                Looser::Folder,
                Looser::Program,
                Looser::Proof,
            ],
        ),
        ("a shell line with output", like(COLLECT, |_| {}), &[Looser::Shell, Looser::Output]),
        ("in the checkout", like(TIDY, |_| {}), &[Looser::InPlace, Looser::Program]),
        (
            "with what a trusted command made",
            like(SCHEMA, |it| {
                let node = NodeIndex::new(TIDY);
                it.inputs = vec![Input { node, part: InputPart::Stdout }];
            }),
            &[Looser::Input],
        ),
        ("an approval", like(RELEASE, |_| {}), &[]),
        ("as open as another", like(REVIEW, |_| {}), &[]),
    ];
    for (what, node, escalations) in cases {
        let (before, after) = (everything(), in_order(with_node(node)));
        assert_eq!(found(&before, &after), escalations, "{what}");
        let forth = diff(&before, &after);
        let back = diff(&after, &before);
        assert_eq!((forth.added.len(), forth.removed.len()), (1, 0), "{what}");
        assert_eq!((back.added, back.removed), (forth.removed, forth.added), "{what}");
    }
}

#[test]
fn a_new_node_is_no_way_around_a_gate() {
    let mut before = hello();
    let mut node = before.nodes[0].clone();
    "again".clone_into(&mut node.name);
    let mut gated = before.clone();
    gated.nodes.push(node.clone());
    assert_eq!(found(&before, &in_order(gated)), []);
    node.gates.clear();
    before.nodes.push(node);
    assert_eq!(found(&hello(), &in_order(before)), [Looser::Gate, Looser::Gate]);
}

#[test]
fn an_approval_that_is_dropped_or_comes_too_late_is_an_escalation() {
    let (before, mut after) = (everything(), everything());
    // Its place is taken by what it waited for.
    after.nodes.remove(RELEASE);
    after.nodes[RELEASE].needs = vec![NodeIndex::new(VERIFY), NodeIndex::new(LOOK)];
    after.nodes[RELEASE].inputs.clear();
    let told = diff(&before, &after);
    let told: Vec<_> = told.escalations.iter().map(|it| (it.looser, it.name.as_str())).collect();
    assert_eq!(told, [(Some(Looser::Approval), "release")]);
    // A deploy in a place of its own.
    let late = altered(|it| {
        it.nodes[SHIP].needs = vec![NodeIndex::new(VERIFY)];
        it.nodes[SHIP].inputs.clear();
    });
    let told = diff(&before, &late);
    let mut lost = told.escalations.iter().map(|it| (it.looser, it.name.as_str()));
    assert_eq!(lost.next_back(), Some((Some(Looser::Proof), "taint")));
    let held = told.escalations.iter().filter(|it| it.looser == Some(Looser::Approval));
    let held: Vec<_> = held.map(|it| (it.name.as_str(), it.before.as_deref())).collect();
    assert_eq!(held, [("look", Some("ship")), ("release", Some("ship"))]);
}

#[test]
fn thousands_of_nodes_that_pass_approvals_by_are_counted() {
    let mut before = hello();
    let ask = Node {
        work: Work::Approval { ask: "Go on?".to_owned() },
        needs: Vec::new(),
        ..before.nodes[1].clone()
    };
    let agent = before.nodes[1].clone();
    before.nodes = (0..130).map(|at| Node { name: format!("ask{at}"), ..ask.clone() }).collect();
    let all: Vec<NodeIndex> = (0..130).map(NodeIndex::new).collect();
    let agents =
        (0..5_000).map(|at| Node { name: format!("n{at}"), needs: all.clone(), ..agent.clone() });
    before.nodes.extend(agents);
    let mut after = before.clone();
    after.nodes.iter_mut().skip(130).for_each(|node| node.needs.retain(|need| need.get() != 99));
    let told = diff(&before, &after);
    let told: Vec<_> =
        told.escalations.iter().map(|it| (it.name.as_str(), it.before.as_deref())).collect();
    assert_eq!(told, [("ask99", Some("n0, n1, n2 and 4997 more"))]);
}

#[test]
fn what_the_nodes_may_ask_counts_where_the_run_has_no_cap() {
    let capped = |cost: Option<&str>| {
        let mut plan = hello();
        plan.budget.cost = cost.map(money);
        plan.nodes.iter_mut().for_each(|node| node.budget.cost = Some(money("1 EUR")));
        plan
    };
    let more = |mut plan: Plan| {
        let mut node = plan.nodes[1].clone();
        "more".clone_into(&mut node.name);
        plan.nodes.push(node);
        in_order(plan)
    };
    assert_eq!(found(&capped(None), &more(capped(None))), [Looser::Budget]);
    assert_eq!(found(&capped(Some("9 EUR")), &more(capped(Some("9 EUR")))), []);
    assert_eq!(found(&capped(Some("3 EUR")), &more(capped(Some("3 EUR")))), [Looser::Overcommit]);
    assert_eq!(found(&more(capped(None)), &capped(None)), []);
}

#[test]
fn a_command_that_no_deploy_waits_for_is_no_check() {
    let (before, mut after) = (hello(), hello());
    command(&mut after, 2).run = strings(&["true"]);
    assert_eq!(found(&before, &after), []);
}

#[test]
fn a_gate_that_sees_less_is_another_check() {
    let sees = |globs: &[&str]| {
        let mut plan = everything();
        plan.nodes[SCHEMA].reads = Some(strings(globs));
        plan
    };
    assert_eq!(found(&everything(), &sees(&["src/**"])), [Looser::Check]);
    assert_eq!(found(&sees(&["src/**", "tests/**"]), &sees(&["src/**"])), [Looser::Check]);
    assert_eq!(found(&sees(&["src/**"]), &everything()), [Looser::Reads]);
}

#[test]
fn a_changed_prompt_is_shown_by_its_lines() {
    let after = altered(|it| {
        let Work::Agent { prompt, .. } = &mut it.nodes[SCHEMA].work else { panic!("no agent") };
        *prompt = "Do schema.\n\nThen go on.\n".to_owned();
    });
    let told = diff(&everything(), &after);
    let lines: Vec<&str> = told.changes[0].lines.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(lines, ["Do schema.", "", "Then stop.", "Then go on."]);
}

#[test]
fn a_glance_shows_what_came_and_went() {
    let after = altered(|it| command(it, SMOKE).secrets.push("KEY".to_owned()));
    let told = diff(&everything(), &after).bounds.entries;
    assert!(told.iter().any(|it| it.is_new && it.entry == "smoke: secret KEY"), "{told:?}");
}

fn is_empty(before: &Plan, after: &Plan) -> bool {
    let told: Diff = diff(before, after);
    let is_told = told.is_escalated() || !told.is_empty();
    assert_eq!(told.is_empty(), !is_told);
    told.is_empty()
}

proptest! {
    /// One choice of many is another one: mostly one thing differs, or all behind it.
    #[test]
    fn nothing_is_told_exactly_where_the_plans_are_equal(
        texts in prop::collection::vec(random::any_text(), 1..12),
        choices in prop::collection::vec(any::<u32>(), 0..300),
        (at, other) in (any::<prop::sample::Index>(), any::<u32>()),
    ) {
        let before = random::plan(&texts, &choices);
        proptest::prop_assert!(is_empty(&before, &before.clone()));
        let mut altered = choices.clone();
        if !altered.is_empty() {
            let at = at.index(altered.len());
            altered[at] = other;
        }
        let after = random::plan(&texts, &altered);
        proptest::prop_assert_eq!(is_empty(&before, &after), before == after);
        let (forth, back) = (diff(&before, &after), diff(&after, &before));
        proptest::prop_assert_eq!(forth.is_empty(), back.is_empty());
        proptest::prop_assert_eq!(names(&forth.added), names(&back.removed));
        proptest::prop_assert_eq!(names(&forth.removed), names(&back.added));
    }
}

fn names(nodes: &[super::Named]) -> Vec<String> {
    nodes.iter().map(|node| node.name.clone()).collect()
}
