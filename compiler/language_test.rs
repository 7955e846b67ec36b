//! What the forms of the language mean, one small spec a fact.

use eufm_plan::{Accept, InputPart, NodeIndex, OnFail, Plan, Recovery, Work, Writes, lockfile};

use super::tests::{build_files, build_with, plan, render_errors, wrong};
use crate::meter::Meter;

/// What most specs here begin with.
const HEAD: &str = "edition 1\npipeline p {}\n\
    agent a is codex { cli = \"1\", model = \"m-2026-01-01\" }\n\
    gate g is command { run = [\"make\"] }\ngate h is command { run = [\"lint\"] }\n";

fn with_head(text: &str) -> Plan {
    plan(format!("{HEAD}{text}"))
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.nodes.iter().map(|node| node.name.as_str()).collect()
}

/// Returns the names of what a node waits for.
fn needs<'p>(plan: &'p Plan, name: &str) -> Vec<&'p str> {
    let node = plan.nodes.iter().find(|node| node.name == name).unwrap();
    node.needs.iter().map(|need: &NodeIndex| plan.nodes[need.get()].name.as_str()).collect()
}

fn gates<'p>(plan: &'p Plan, name: &str) -> Vec<&'p str> {
    let node = plan.nodes.iter().find(|node| node.name == name).unwrap();
    node.gates.iter().map(|gate| plan.gates[gate.get()].name.as_str()).collect()
}

fn prompt<'p>(plan: &'p Plan, name: &str) -> &'p str {
    let node = plan.nodes.iter().find(|node| node.name == name).unwrap();
    let Work::Agent { prompt, .. } = &node.work else { panic!("{name} is no task") };
    prompt
}

/// Returns the codes of what is wrong behind the head.
fn codes(text: &str) -> Vec<String> {
    let found = wrong(format!("{HEAD}{text}"));
    found.iter().map(|place| place.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn a_repeated_task_has_an_instance_for_each_element() {
    let plan = with_head(
        "let sites = [\"felix\", \"o \\\"x\\\"\"]\n\
         command c for s in sites { run = [\"echo\", \"${s}\"] }\n\
         command all { needs = [c], run = [\"x\"] }\n\
         command one { needs = [c[\"felix\"]], run = [\"x\"] }\n",
    );
    assert_eq!(names(&plan), ["c[\"felix\"]", "c[\"o \\\"x\\\"\"]", "all", "one"]);
    assert_eq!(needs(&plan, "all").len(), 2);
    assert_eq!(needs(&plan, "one"), ["c[\"felix\"]"]);
    let Work::Command(command) = &plan.nodes[1].work else { panic!() };
    assert_eq!(command.run, ["echo", "o \"x\""]);
}

#[test]
fn names_are_looked_for_from_the_inside_out() {
    let plan = with_head(
        "command x { run = [\"1\"] }\n\
         group outer {\n  command x { run = [\"2\"] }\n  command y { needs = [x], run = [\"3\"] }\n\
           group inner for i in [\"a\", \"b\"] {\n    command z { needs = [y], run = [\"4\"] }\n  }\n}\n\
         command w { needs = [x, outer/x, outer/inner[\"b\"]/z], run = [\"5\"] }\n\
         command v { needs = [outer/inner], run = [\"6\"] }\n",
    );
    assert_eq!(needs(&plan, "outer/y"), ["outer/x"]);
    assert_eq!(needs(&plan, "outer/inner[\"a\"]/z"), ["outer/y"]);
    assert_eq!(needs(&plan, "w"), ["x", "outer/x", "outer/inner[\"b\"]/z"]);
    assert_eq!(needs(&plan, "v"), ["outer/inner[\"a\"]/z", "outer/inner[\"b\"]/z"]);
}

#[test]
fn the_nearest_default_wins_and_a_plus_adds() {
    let text = "edition 1\npipeline p {\n  defaults { by = a, gates = [g], on_fail = stop, budget { wall <= 5 min, attempts <= 3 } }\n}\n";
    let rest = HEAD.split_once("pipeline p {}\n").unwrap().1;
    let plan = plan(format!(
        "{text}{rest}group x {{\n  defaults {{ gates += [h], budget {{ wall <= 1 min }} }}\n\
         task t {{ prompt = \"p\", writes = [] }}\n\
         task u {{ prompt = \"p\", writes = [], gates = [h], on_fail = go_on, budget {{ attempts <= 1 }} }}\n\
         task v {{ prompt = \"p\", writes = [], gates += [h {{ cwd = \"d\" }}] }}\n}}\n\
         command c {{ run = [\"x\"] }}\ncommand d {{ run = [\"x\"], writes = [\"f\"] }}\n"
    ));
    assert_eq!(gates(&plan, "x/t"), ["g", "h"]);
    assert_eq!(gates(&plan, "x/u"), ["h"]);
    assert_eq!(gates(&plan, "x/v"), ["g", "h", "h@x/v"]);
    let budget =
        |at: usize| (plan.nodes[at].budget.wall.unwrap().0, plan.nodes[at].budget.attempts);
    assert_eq!([budget(0), budget(1)], [(60_000, 3), (60_000, 1)]);
    assert_eq!((plan.nodes[0].on_fail, plan.nodes[1].on_fail), (OnFail::Stop, OnFail::GoOn));
    // A command that changes nothing has nothing that a default gate could judge.
    assert_eq!((gates(&plan, "c"), gates(&plan, "d")), (vec![], vec!["g"]));
}

#[test]
fn a_template_sees_what_it_is_given_and_nothing_else() {
    let template = "template story(name: string, by_whom: agent, after: list(node) = [], checks: list(gate) = [g]) {\n\
        needs = after\n  defaults { gates = checks }\n\
        task write by by_whom { prompt = \"Write ${name}.\", writes = [\"${name}/**\"] }\n\
        task review by by_whom { needs = [write], inputs = [write.diff], prompt = \"Review ${name}.\", writes = [] }\n}\n";
    let plan = with_head(&format!(
        "{template}command first {{ run = [\"x\"] }}\n\
         story(name = s, by_whom = a, after = [first]) for s in [\"search\", \"sort\"]\n\
         story(\"log\", a, checks = [h]) as logging\n\
         command last {{ needs = [story[\"search\"]/review, logging], run = [\"x\"] }}\n"
    ));
    assert_eq!(
        names(&plan),
        [
            "first",
            "story[\"search\"]/write",
            "story[\"search\"]/review",
            "story[\"sort\"]/write",
            "story[\"sort\"]/review",
            "logging/write",
            "logging/review",
            "last"
        ]
    );
    // What the group waits for its first task waits for.
    assert_eq!(needs(&plan, "story[\"search\"]/write"), ["first"]);
    assert_eq!(needs(&plan, "story[\"search\"]/review"), ["story[\"search\"]/write"]);
    assert_eq!(prompt(&plan, "logging/write"), "Write log.");
    assert_eq!(
        (gates(&plan, "logging/write"), gates(&plan, "story[\"sort\"]/write")),
        (vec!["h"], vec!["g"])
    );
    assert_eq!(needs(&plan, "last"), ["story[\"search\"]/review", "logging/review"]);
    // What is not handed over is not seen, though the caller has it.
    let nosy = "template t() { command x { needs = [first], run = [\"x\"] } }\ncommand first { run = [\"x\"] }\nt()\n";
    assert_eq!(codes(nosy), ["E0204"]);
}

#[test]
fn arguments_are_checked_where_they_are_given() {
    let template =
        "template t(n: int, w: words(x, y) = x) { command c { run = [\"${n}${w}\"] } }\n";
    for (call, found) in [
        ("t(n = \"1\")", vec!["E0301"]),
        ("t(1, z)", vec!["E0310"]),
        ("t()", vec!["E0203"]),
        ("t(1, y, 3)", vec!["E0202"]),
        ("t(m = 1)", vec!["E0203", "E0202"]),
        ("t(1, n = 2)", vec!["E0206"]),
        ("u(1)", vec!["E0204"]),
        ("x.t(1)", vec!["E0204"]),
    ] {
        let mut have = codes(&format!("{template}{call}\n"));
        have.sort();
        let mut want = found.clone();
        want.sort_unstable();
        assert_eq!(have, want, "{call}");
    }
}

#[test]
fn what_is_taken_out_hands_on_its_needs() {
    let text = "edition 1\nparam env: words(staging, production) = staging\npipeline p {}\n\
        command a { run = [\"1\"] }\ncommand b { needs = [a], when = env == production, run = [\"2\"] }\n\
        group x { when = env != \"staging\"\n  command c { needs = [b], run = [\"3\"] } }\n\
        command d { needs = [x, a], run = [\"4\"] }\n";
    let plan = build_with(text, &[]).unwrap().plan.unwrap();
    assert_eq!((names(&plan), needs(&plan, "d")), (vec!["a", "d"], vec!["a"]));
    assert_eq!(plan.omitted, ["b", "x/c"]);
    assert!(plan.origin.params.is_empty());
    let plan = build_with(text, &[("env", "production")]).unwrap().plan.unwrap();
    assert_eq!((names(&plan).len(), plan.omitted.len()), (4, 0));
    assert_eq!(plan.origin.params, [("env".to_owned(), "production".to_owned())]);
}

#[test]
fn no_approval_is_taken_out_with_its_group() {
    assert_eq!(codes("group x { when = false\n approval y { ask = \"?\" } }\n"), ["E0504"]);
    assert_eq!(codes("approval y { ask = \"?\", when = false }\n"), ["E0202"]);
    let read = "command c { when = false, run = [\"x\"] }\ncommand d { inputs = [c.stdout], run = [\"x\"] }\n";
    assert_eq!(codes(read), ["E0505"]);
}

#[test]
fn settings_have_the_type_of_their_param() {
    let text = "edition 1\nparam n: int\nparam sites: list(string) = []\nparam live: bool = false\npipeline p {}\n\
        command c { run = [\"${n}\"], when = live }\ncommand d for s in sites { run = [\"x\"] }\n";
    let set = [("n", "3"), ("sites", "a, b"), ("live", "true")];
    let plan = build_with(text, &set).unwrap().plan.unwrap();
    assert_eq!(names(&plan), ["c", "d[\"a\"]", "d[\"b\"]"]);
    for (settings, code) in [
        (vec![], "E0216"),
        (vec![("n", "x")], "E0215"),
        (vec![("n", "1"), ("m", "2")], "E0215"),
        (vec![("n", "1"), ("live", "yes")], "E0215"),
    ] {
        let found = render_errors(build_with(text, &settings));
        assert!(found.starts_with(code), "{settings:?}: {found}");
    }
}

#[test]
fn what_is_nearest_wins_behind_is() {
    let plan = plan(
        "edition 1\npipeline p {}\n\
         gate base is tests { run = [\"t\"], report = junit(\"r\"), vars { A = \"1\", B = \"1\" }, require { pass_rate >= 80%, tests >= 5 } }\n\
         gate strict is base { require { pass_rate >= 95% }, vars { B = \"2\" } }\n\
         agent slow is codex { cli = \"1\", model = \"m-2026-01-01\" }\nagent fast is slow { model = \"n-2026-01-01\" }\n\
         environment e { tools = [\"/opt/a\"] }\nenvironment f is e { tools += [\"/opt/b\"] }\n\
         task t by fast { prompt = \"x\", writes = [], env = [f], gates = [strict, base { run = [\"u\"] }] }\n\
         task u by fast { prompt = \"x\", writes = [], gates = [base { run = [\"u\"] }] }\n",
    );
    let strict = plan.gates.iter().find(|gate| gate.name == "strict").unwrap();
    assert_eq!(strict.params.list("require").unwrap(), ["pass_rate >= 95%", "tests >= 5"]);
    assert_eq!(strict.params.list("vars").unwrap(), ["A=1", "B=2"]);
    assert_eq!(plan.agents.len(), 1);
    assert_eq!(plan.agents[0].params.text("cli"), Some("1"));
    assert_eq!(plan.environments[0].tools, ["/opt/a", "/opt/b"]);
    // The same change is one gate, named after the first that made it.
    let adapted: Vec<_> = plan.gates.iter().map(|gate| gate.name.as_str()).collect();
    assert_eq!(adapted, ["base@t", "strict"]);
    assert_eq!(gates(&plan, "u"), ["base@t"]);
}

#[test]
fn nothing_goes_round_in_a_circle() {
    for (text, code) in [
        ("template t() { u() }\ntemplate u() { t() }\nt()\n", "E0502"),
        ("gate x is y {}\ngate y is x {}\ncommand c { run = [\"x\"] }\n", "E0502"),
        ("environment x is y {}\nenvironment y is x {}\ncommand c { run = [\"x\"] }\n", "E0502"),
        ("let x = y\nlet y = \"1\"\ncommand c { run = [x] }\n", "E0204"),
        (
            "group x { command c { needs = [d], run = [\"1\"] } }\ncommand d { needs = [x], run = [\"1\"] }\n",
            "E0501",
        ),
    ] {
        assert!(codes(text).contains(&code.to_owned()), "{text}: {:?}", codes(text));
    }
    let files = [
        ("x.eufm", "edition 1\nuse \"a.eufm\"\npipeline p {}\ncommand c { run = [\"x\"] }\n"),
        ("a.eufm", "edition 1\nuse \"b.eufm\"\n"),
        ("b.eufm", "edition 1\nuse \"a.eufm\"\n"),
    ];
    assert!(render_errors(build_files(&files)).starts_with("E0502"));
}

#[test]
fn no_value_hides_another() {
    for text in [
        "let x = \"1\"\nlet x = \"2\"\n",
        "let s = \"1\"\ncommand c for s in [\"a\"] { run = [s] }\n",
        "let c = \"1\"\ncommand c { run = [\"x\"] }\n",
        "let x = \"1\"\ngroup y { let x = \"2\"\n command d { run = [x] } }\n",
    ] {
        let found = codes(&format!("{text}command z {{ run = [\"x\"] }}\n"));
        assert!(found.contains(&"E0220".to_owned()), "{text}: {found:?}");
    }
}

#[test]
fn what_is_read_is_waited_for() {
    let plan = with_head(
        "task x by a { prompt = \"p\", writes = [\"x\"] }\n\
         task y by a { session = x, inputs = [x.answer, x.file(\"d/e\"), z.stdout, q.note], prompt = \"p\", writes = [] }\n\
         command z { run = [\"x\"] }\napproval q { ask = \"?\" }\n\
         deploy d { needs = [q], run = [\"x\"], recovery = probe([\"is\", \"it\"]), secrets = [B, A] }\n",
    );
    assert_eq!(needs(&plan, "y"), ["x", "z", "q"]);
    let y = plan.nodes.iter().find(|node| node.name == "y").unwrap();
    let parts: Vec<_> = y.inputs.iter().map(|input| input.part.clone()).collect();
    let file = InputPart::File("d/e".to_owned());
    assert_eq!(parts, [InputPart::Answer, file, InputPart::Stdout, InputPart::Note]);
    let deploy = plan.nodes.iter().find(|node| node.name == "d").unwrap();
    let Work::Deploy { command, recovery, .. } = &deploy.work else { panic!() };
    assert_eq!(*recovery, Recovery::Probe(vec!["is".to_owned(), "it".to_owned()]));
    assert_eq!(command.secrets, ["A", "B"]);
}

#[test]
fn files_and_folders_give_lists() {
    let plan = with_head(
        "let sites = lines(file(\"sites.txt\"))\n\
         command s for s in sites { run = [s], accept = succeeded }\n\
         command p for p in dirs(\"packages/*\") { run = [\"make\"], cwd = \"packages/${p}\" }\n",
    );
    assert_eq!(names(&plan), ["s[\"felix\"]", "s[\"oradea\"]", "p[\"a\"]", "p[\"b\"]"]);
    assert_eq!(plan.nodes[0].accept, Accept::Succeeded);
    assert_eq!(plan.nodes[2].work.command().unwrap().cwd.as_deref(), Some("packages/a"));
    let sources: Vec<_> = plan.origin.sources.iter().map(|source| source.path.as_str()).collect();
    assert_eq!(sources, ["packages/", "sites.txt", "x.eufm"]);
}

#[test]
fn a_used_file_brings_its_names_behind_its_own() {
    let files = [
        (
            "specs/x.eufm",
            "edition 1\nuse \"../lib/g.eufm\" as lib\npipeline p {}\n\
             agent a is lib.base { model = \"n-2026-01-01\" }\n\
             task t by a { prompt = \"${lib.word}\", writes = [], gates = [lib.unit] }\n\
             lib.twice(\"x\")\n",
        ),
        (
            "lib/g.eufm",
            "edition 1\nlet word = \"hi\"\nagent base is codex { cli = \"1\" }\n\
             gate unit is command { run = [word] }\n\
             template twice(what: string) { command c for n in [\"1\", \"2\"] { run = [what, n, word], writes = [\"f\"], gates = [unit] } }\n",
        ),
    ];
    let plan = build_files(&files)
        .unwrap_or_else(|bad| panic!("{}", render_errors(Err(bad))))
        .plan
        .unwrap();
    assert_eq!(names(&plan), ["t", "twice/c[\"1\"]", "twice/c[\"2\"]"]);
    assert_eq!(
        (gates(&plan, "t"), gates(&plan, "twice/c[\"2\"]")),
        (vec!["g.unit"], vec!["g.unit"])
    );
    assert_eq!(plan.gates[0].params.list("run").unwrap(), ["hi"]);
    assert_eq!((plan.origin.spec.as_str(), plan.origin.root.as_str()), ("x.eufm", ".."));
    let sources: Vec<_> = plan.origin.sources.iter().map(|source| source.path.as_str()).collect();
    assert_eq!(sources, ["../lib/g.eufm", "x.eufm"]);
}

#[test]
fn what_a_library_leaves_open_is_asked_for_where_it_is_used() {
    let lib = "edition 1\ngate unit is tests { run = [\"t\"] }\n";
    let open = "edition 1\nuse \"lib.eufm\"\npipeline p {}\ncommand c { run = [\"x\"], writes = [\"y\"], gates = [lib.unit] }\n";
    let found = render_errors(build_files(&[("x.eufm", open), ("lib.eufm", lib)]));
    assert!(found.starts_with("E0203 at 4:"), "{found}");
    let closed = "edition 1\nuse \"lib.eufm\"\npipeline p {}\n\
        gate unit is lib.unit { report = junit(\"r\"), require { tests >= 1 } }\n\
        command c { run = [\"x\"], writes = [\"y\"], gates = [unit] }\n";
    assert!(build_files(&[("x.eufm", closed), ("lib.eufm", lib)]).is_ok());
}

#[test]
fn a_task_without_writes_may_change_what_is_not_protected() {
    let plan = with_head("task t by a { prompt = \"p\" }\ncommand c { run = [\"x\"] }\n");
    assert_eq!(plan.nodes[0].writes, Writes::Unprotected);
    assert_eq!(plan.nodes[1].writes, Writes::Globs(Vec::new()));
}

#[test]
fn what_a_task_is_judged_by_is_protected_where_it_lists_no_writes() {
    let spec = "edition 1\nuse \"lib/gates.eufm\"\npipeline p {}\n\
        agent a is codex { cli = \"1\", model = \"m-2026-01-01\" }\n\
        constitution \"docs/c.md\" {\n  \
          rule x is command { cite = \"Small\", level = must, run = [\"./check.sh\"] }\n}\n\
        gate own is gates.unit { cwd = \"packages/[a]\" }\n";
    let files = |task: &str| {
        let spec = format!("{spec}{task}");
        let lib = "edition 1\ngate unit is command { run = [\"pytest\", \"-q\", \"--ini=../x.ini\", \"tests\"] }\n";
        let files = [("night/x[1].eufm", spec.as_str()), ("night/lib/gates.eufm", lib)];
        build_files(&[&files[..], &[("night/docs/c.md", "Small.\n")]].concat())
            .expect("a plan")
            .plan
            .expect("a plan")
    };
    let plan = files("task t by a { prompt = \"p\", gates = [own] }\n");
    let protected = plan.protected.expect("a task lists no `writes`");
    let own = ["night/docs/c.md", "night/lib/gates.eufm", "night/plan.lock", "night/x[[]1[]].eufm"];
    let ci = eufm_plan::protected::CI.iter().copied();
    let mut paths: Vec<&str> = ci.chain(own).collect();
    paths.sort_unstable();
    assert_eq!(protected.paths, paths);
    assert_eq!(protected.existing, eufm_plan::protected::TESTS);
    let named = ["check.sh", "packages/[a]/pytest", "packages/[a]/tests", "packages/x.ini"];
    assert_eq!(protected.named, named);
    let plan = files("task t by a { prompt = \"p\", writes = [\"src/**\"], gates = [own] }\n");
    assert_eq!(plan.protected, None);
}

#[test]
fn money_needs_prices_in_a_known_currency() {
    let spec = |budget: &str, tables: &str| {
        format!(
            "edition 1\npipeline p {{ budget {{ {budget} }} }}\nagent a is codex {{ cli = \"1\", model = \"m\" }}\n\
             {tables}\ntask t by a {{ prompt = \"p\", writes = [], budget {{ cost <= 1 EUR }} }}\n"
        )
    };
    let dated = "date = \"2026-06-12\", source = \"x\"";
    let prices = format!(
        "prices \"m\" {{ input = 5 USD per 1M tokens, output = 30 USD per 1M tokens, {dated} }}"
    );
    let rate = format!("exchange 1 USD = 0.92 EUR {{ {dated} }}");
    let code = |text: String| wrong(text).first().map_or(String::new(), |it| it[..5].to_owned());
    assert_eq!(code(spec("cost <= 2 EUR", "")), "E0507");
    assert_eq!(code(spec("cost <= 2 EUR", &prices)), "E0507");
    assert_eq!(code(spec("cost <= 2 USD", &prices)), "E0508");
    let good = plan(spec("cost <= 2 EUR", &format!("{prices}\n{rate}")));
    assert_eq!((good.prices.len(), good.exchange.len()), (1, 1));
    assert_eq!(good.budget.cost.unwrap().to_string(), "2.000000 EUR");
    let tight = spec("cost <= 0.50 EUR", &format!("{prices}\n{rate}"));
    assert_eq!(
        code(tight.replace("budget { cost <= 0.50", "overcommit = deny\n budget { cost <= 0.50")),
        "E0510"
    );
    assert!(build_with(tight, &[]).unwrap().diagnostics.warnings() >= 1);
}

#[test]
fn rules_cite_the_constitution() {
    let spec = |cite: &str| {
        format!(
            "edition 1\npipeline p {{ source = \"docs/feature.md\" }}\nconstitution \"docs/constitution.md\" {{\n\
             rule small is max_diff {{ cite = \"{cite}\", level = should, lines = 800 }}\n}}\n\
             command c {{ run = [\"x\"], implements = [\"FR-001\"] }}\n"
        )
    };
    let plan = plan(spec("below 800 lines"));
    let constitution = plan.constitution.unwrap();
    assert_eq!((constitution.path.as_str(), constitution.rules.len()), ("docs/constitution.md", 1));
    assert!(constitution.rules[0].line >= 1);
    let unmapped: Vec<_> = constitution.unmapped.iter().map(ToString::to_string).collect();
    assert_eq!(unmapped, ["3: Secrets MUST NOT be committed.", "5: Existing tests MUST stay."]);
    assert!(wrong(spec("below 900 lines"))[0].starts_with("E0509"));
    assert!(wrong(spec("below 800 lines").replace("FR-001", "FR-009"))[0].starts_with("E0511"));
    assert!(
        wrong(spec("below 800 lines").replace("max_diff {", "max_dif {"))[0].starts_with("E0208")
    );
}

#[test]
fn repetition_is_bounded_and_costs_nothing_when_it_is_refused() {
    let numbers = |count: usize| {
        let list: Vec<_> = (0..count).map(|number| format!("\"{number}\"")).collect();
        format!("let xs = [{}]\n", list.join(","))
    };
    let nested = format!(
        "{}group g1 for x in xs {{ group g2 for y in xs {{ command c {{ run = [\"x\"] }} }} }}\n",
        numbers(1_001)
    );
    assert_eq!(codes(&nested), ["E0213"]);
    // Texts that copy each other's values grow in no time.
    let mut bomb = String::from("let a0 = \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"\n");
    for number in 1..40 {
        let last = number - 1;
        bomb.push_str(&format!(
            "let a{number} = \"${{a{last}}}${{a{last}}}${{a{last}}}${{a{last}}}\"\n"
        ));
    }
    assert_eq!(codes(&format!("{bomb}command c {{ run = [a39] }}\n")), ["E0213"]);
    let lists: String = std::iter::once("let b0 = [\"x\"]\n".to_owned())
        .chain((1..40).map(|n| format!("let b{n} = [b{0}, b{0}, b{0}, b{0}]\n", n - 1)))
        .collect();
    assert_eq!(codes(&format!("{lists}command c {{ run = b39 }}\n")), ["E0213"]);
    let edges = format!(
        "{}command c for x in xs {{ run = [\"x\"] }}\ncommand d for y in xs {{ needs = [c], run = [\"x\"] }}\n",
        numbers(1_000)
    );
    assert_eq!(codes(&edges), ["E0213"]);
}

#[test]
fn the_bounds_grow_with_the_sources_up_to_a_million_nodes() {
    assert_eq!(Meter::new(0).nodes, 50_000);
    assert_eq!(Meter::new(64 << 20).nodes, crate::MAX_NODES as u64);
}

#[test]
fn a_word_of_a_template_is_three_lines_of_the_lock_however_often_it_is_called() {
    let lock = |word: &str| {
        let text = format!(
            "let sites = lines(file(\"sites.txt\"))\n\
             template site(name: string) {{\n  task build by a {{\n    prompt = \"\"\"\n      {word} it.\n      \
             Then stop.\n      \"\"\"\n    writes = [\"sites/${{name}}/**\"]\n  }}\n}}\n\
             site(name = s) for s in sites\n"
        );
        let sites: String = (0..500).map(|at| format!("s{at}\n")).collect();
        let spec = format!("{HEAD}{text}");
        let built = build_files(&[("x.eufm", &spec), ("sites.txt", &sites)]);
        lockfile::write(&built.unwrap().plan.unwrap())
    };
    let (before, after) = (lock("Build"), lock("Make"));
    assert_eq!(before.matches("\nprompt_of = \"site/build\"\n").count(), 500);
    let lines = before.lines().zip(after.lines());
    let changed: Vec<_> = lines.filter(|(before, after)| before != after).collect();
    assert_eq!(before.lines().count(), after.lines().count());
    assert_eq!(changed.len(), 3, "the prompt, the source and the digest: {changed:?}");
    assert_eq!(changed[0], ("Build it.", "Make it."));
}

#[test]
fn one_mistake_in_a_template_is_one_finding() {
    let found = codes(
        "template t(x: string) { command c { run = [\"a\"], cwd = \"/abs\" } }\nt(x = s) for s in [\"1\", \"2\", \"3\"]\n",
    );
    assert_eq!(found, ["E0306"]);
}
