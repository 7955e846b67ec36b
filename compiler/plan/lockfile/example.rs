//! The plans that the tests of this crate share: a small one and one in which
//! every key of plan.lock occurs.
//!
//! Unaware of what is tested.

use crate::units::{Bytes, Millis, Money, Price, Rate, Tokens};
use crate::writers;
use crate::{
    Accept, Agent, AgentIndex, Command, Constitution, Digest, Environment, EnvironmentIndex,
    Exchange, GateIndex, Generated, Input, InputPart, Level, LongPrompt, ModelPrice, Node,
    NodeBudget, NodeIndex, OnFail, Origin, Overlap, ParamValue, Params, Plan, Protected,
    QualityGate, Recovery, Rule, RuleIndex, RunBudget, Script, Source, Unmapped, Waiver, Work,
    Writes,
};

fn text(key: &str, value: &str) -> (String, ParamValue) {
    (key.to_owned(), ParamValue::Text(value.to_owned()))
}

fn list(key: &str, items: &[&str]) -> (String, ParamValue) {
    (key.to_owned(), ParamValue::List(strings(items)))
}

fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|&item| item.to_owned()).collect()
}

fn node(name: &str, work: Work) -> Node {
    Node {
        name: name.to_owned(),
        work,
        needs: Vec::new(),
        after_writer: Vec::new(),
        accept: Accept::All,
        implements: Vec::new(),
        inputs: Vec::new(),
        reads: None,
        writes: Writes::Globs(Vec::new()),
        overlap: Overlap::Order,
        env: Vec::new(),
        gates: Vec::new(),
        budget: NodeBudget { attempts: 1, ..NodeBudget::default() },
        on_fail: OnFail::GoOn,
    }
}

/// Adds what a plan lacks for its writers to be in order, as the compiler does.
pub(crate) fn in_order(mut plan: Plan) -> Plan {
    let order = writers::order(&plan.nodes, &plan.generated, usize::MAX);
    for (node, before) in plan.nodes.iter_mut().zip(order.expect("there is no bound").edges) {
        node.after_writer.extend(before);
        node.after_writer.sort_unstable();
    }
    plan
}

/// Two agents and a command: the plan of docs/plan-lock.md.
pub(crate) fn hello() -> Plan {
    let unit = ["python3", "-m", "pytest", "-q", "--junitxml=report.xml"];
    let prompt = |text: &str| Work::Agent {
        agent: AgentIndex::new(0),
        prompt: text.to_owned(),
        session: None,
    };
    let greet = "Write hello/greet.py with greet(name), and tests/test_greet.py.\n";
    let smoke = Work::Command(Box::new(Command::new(strings(&["python3", "-m", "hello.greet"]))));
    Plan {
        pipeline: "hello".to_owned(),
        goal: Some("A tested greeting".to_owned()),
        source: None,
        base: "main".to_owned(),
        window: None,
        budget: RunBudget { wall: Some(Millis(1_200_000)), parallel: 2, ..RunBudget::default() },
        environments: vec![Environment {
            name: "python".to_owned(),
            tools: strings(&["~/.local/bin"]),
            ..Environment::default()
        }],
        agents: vec![Agent {
            name: "builder".to_owned(),
            kind: "codex".to_owned(),
            params: Params(vec![
                text("cli", "0.169.0"),
                text("model", "gpt-5.5"),
                text("network", "none"),
            ]),
        }],
        gates: vec![QualityGate {
            name: "unit".to_owned(),
            kind: "tests".to_owned(),
            params: Params(vec![
                list("run", &unit),
                text("network", "none"),
                text("report", "junit report.xml"),
                text("baseline", "none"),
                list("require", &["pass_rate >= 85%", "tests >= 1"]),
            ]),
        }],
        constitution: None,
        protected: None,
        generated: Vec::new(),
        scripts: Vec::new(),
        nodes: vec![
            Node {
                writes: Writes::Globs(strings(&["hello/**", "tests/test_greet.py"])),
                env: vec![EnvironmentIndex::new(0)],
                gates: vec![GateIndex::new(0)],
                budget: NodeBudget {
                    wall: Some(Millis(900_000)),
                    attempts: 2,
                    ..NodeBudget::default()
                },
                ..node("greet", prompt(greet))
            },
            Node {
                writes: Writes::Globs(strings(&["README.md"])),
                ..node("readme", prompt("Describe the greeting in README.md."))
            },
            Node {
                needs: vec![NodeIndex::new(0), NodeIndex::new(1)],
                env: vec![EnvironmentIndex::new(0)],
                ..node("smoke", smoke)
            },
        ],
        omitted: Vec::new(),
        prices: Vec::new(),
        exchange: Vec::new(),
        origin: Origin {
            spec: "hello.eufm".to_owned(),
            root: ".".to_owned(),
            edition: 1,
            compiler: "0.1.0".to_owned(),
            params: Vec::new(),
            sources: vec![Source {
                path: "hello.eufm".to_owned(),
                digest: Digest::of(b"edition 1\n"),
            }],
        },
    }
}

fn money(text: &str) -> Money {
    Money::parse(text).expect("an amount of the tests")
}

fn price(text: &str) -> Price {
    Price::parse(&format!("{text} per 1M tokens")).expect("a price of the tests")
}

/// Five agents, four commands, two approvals and a deploy, with every key that
/// plan.lock has.
pub(crate) fn everything() -> Plan {
    Plan {
        pipeline: "night".to_owned(),
        source: Some("docs/feature.md".to_owned()),
        window: Some("22:00-06:00 Europe/Bucharest".to_owned()),
        budget: RunBudget {
            cost: Some(money("20 EUR")),
            rate: Some(Rate(money("1 EUR"))),
            wall: Some(Millis(21_600_000)),
            tokens: Some(Tokens(4_000_000)),
            memory: Some(Bytes(8 << 30)),
            parallel: 4,
        },
        environments: environments(),
        gates: gates(),
        constitution: Some(constitution()),
        protected: Some(Protected {
            paths: strings(&[".github/**", "docs/constitution.md"]),
            existing: strings(&["**/tests/**"]),
            named: strings(&["packages/search/report.xml", "pytest", "report.xml"]),
        }),
        generated: vec![Generated {
            path: "Cargo.lock".to_owned(),
            run: strings(&["sh", "tools/lock.sh"]),
            env: vec![EnvironmentIndex::new(0)],
            network: strings(&["registry.example"]),
        }],
        scripts: vec![Script {
            path: "tools/lock.sh".to_owned(),
            digest: Digest::of_file(b"cargo generate-lockfile\n"),
        }],
        nodes: [agents(), commands(), ending()].concat(),
        omitted: strings(&["story[\"old\"]/plan", "story[\"old\"]/implement"]),
        prices: prices(),
        exchange: vec![Exchange {
            from: money("1 USD"),
            to: money("0.92 EUR"),
            date: "2026-11-01".to_owned(),
            source: "central bank".to_owned(),
        }],
        origin: Origin {
            spec: "night.eufm".to_owned(),
            root: "../..".to_owned(),
            params: vec![("env".to_owned(), "production".to_owned())],
            ..hello().origin
        },
        ..hello()
    }
}

fn environments() -> Vec<Environment> {
    vec![Environment {
        name: "rust".to_owned(),
        tools: strings(&["~/.cargo/bin", "~/.rustup"]),
        prepare: strings(&["cargo", "fetch", "--locked"]),
        network: strings(&["registry.example"]),
        key: strings(&["Cargo.lock", "rust-toolchain.toml"]),
        keep: strings(&["target", "~/.cargo/registry"]),
    }]
}

fn gates() -> Vec<QualityGate> {
    let unit = hello().gates.remove(0);
    let mut adapted = QualityGate { name: "unit@story[\"search\"]".to_owned(), ..unit.clone() };
    adapted.params.0.insert(1, text("cwd", "packages/search"));
    adapted.params.0.insert(2, list("vars", &["CI=1"]));
    vec![unit, adapted]
}

fn constitution() -> Constitution {
    let rule = |name: &str, kind: &str, level, line, params| Rule {
        name: name.to_owned(),
        kind: kind.to_owned(),
        level,
        cite: format!("words of the document on {name}"),
        line,
        waiver: None,
        params: Params(params),
    };
    let waiver = Waiver {
        until: "2026-12-31".to_owned(),
        by: "ada".to_owned(),
        reason: "The importer goes in spring.".to_owned(),
    };
    let lines = vec![text("lines", "800"), list("scope", &["src/**"])];
    Constitution {
        path: "docs/constitution.md".to_owned(),
        digest: Digest::of(b"# Constitution\n"),
        unmapped: vec![Unmapped { line: 7, text: "Every endpoint MUST be documented.".to_owned() }],
        unmapped_more: 0,
        rules: vec![
            rule("may_be", "human", Level::May, 3, vec![text("role", "maintainer")]),
            rule("rules.no_secrets", "secrets", Level::Must, 12, Vec::new()),
            Rule { waiver: Some(waiver), ..rule("small", "max_diff", Level::Should, 41, lines) },
        ],
    }
}

fn prices() -> Vec<ModelPrice> {
    vec![ModelPrice {
        model: "gpt-5.5".to_owned(),
        input: price("5.00 USD"),
        cached: Some(price("0.50 USD")),
        cache_write: Some(price("6.25 USD")),
        output: price("30.00 USD"),
        long: Some(LongPrompt {
            above: Tokens(272_000),
            input: price("10.00 USD"),
            cached: Some(price("1.00 USD")),
            cache_write: Some(price("12.50 USD")),
            output: price("45.00 USD"),
        }),
        max_output: Some(Tokens(128_000)),
        date: "2026-06-12".to_owned(),
        source: "the provider's price page".to_owned(),
    }]
}

fn agent(name: &str, needs: &[usize], session: Option<usize>) -> Node {
    // The instances of one thing are told the same.
    let thing = name.split('[').next().unwrap_or(name);
    let work = Work::Agent {
        agent: AgentIndex::new(0),
        prompt: format!("Do {thing}.\n\nThen stop.\n"),
        session: session.map(NodeIndex::new),
    };
    Node {
        needs: needs.iter().copied().map(NodeIndex::new).collect(),
        writes: Writes::Globs(strings(&["src/**"])),
        ..node(name, work)
    }
}

fn agents() -> Vec<Node> {
    let input = |part| Input { node: NodeIndex::new(0), part };
    vec![
        Node {
            implements: strings(&["FR-001", "FR-002"]),
            gates: vec![GateIndex::new(0)],
            budget: NodeBudget {
                cost: Some(money("0.60 EUR")),
                wall: Some(Millis(900_000)),
                tokens: Some(Tokens(200_000)),
                memory: Some(Bytes(2 << 30)),
                attempts: 3,
            },
            on_fail: OnFail::Escalate,
            ..agent("schema", &[], None)
        },
        Node {
            inputs: vec![
                input(InputPart::Answer),
                input(InputPart::Diff),
                input(InputPart::File("docs/a of b.md".to_owned())),
            ],
            overlap: Overlap::Merge,
            ..agent("telemetry/collector[\"felix\"]", &[0], Some(0))
        },
        Node {
            after_writer: vec![NodeIndex::new(1)],
            overlap: Overlap::Deny,
            on_fail: OnFail::Stop,
            ..agent("telemetry/collector[\"oradea of x\"]", &[0], None)
        },
        Node {
            after_writer: vec![NodeIndex::new(2)],
            gates: vec![GateIndex::new(1), GateIndex::new(0)],
            env: vec![EnvironmentIndex::new(0)],
            ..agent("story[\"search\"]/implement", &[], None)
        },
        Node { writes: Writes::Unprotected, ..agent("review", &[1, 3], None) },
    ]
}

fn command(name: &str, needs: &[usize], command: Command) -> Node {
    let needs = needs.iter().copied().map(NodeIndex::new).collect();
    Node { needs, ..node(name, Work::Command(Box::new(command))) }
}

fn commands() -> Vec<Node> {
    let collect = Command {
        cwd: Some("packages/search".to_owned()),
        vars: vec![("CI".to_owned(), "1".to_owned()), ("EMPTY".to_owned(), String::new())],
        ok: vec![0, 1, 123],
        stdout: Some("docs/report.txt".to_owned()),
        shell: true,
        ..Command::new(strings(&["sh", "-c", "make report | sort"]))
    };
    let tidy = Command { in_place: true, ..Command::new(strings(&["make", "tidy"])) };
    vec![
        Node {
            reads: Some(strings(&["packages/**", "Makefile"])),
            writes: Writes::Globs(strings(&["docs/report.txt"])),
            ..command("collect", &[4], collect)
        },
        command("tidy", &[], tidy),
        Node {
            accept: Accept::Succeeded,
            ..command("gather", &[2, 3], Command::new(strings(&["make", "gather"])))
        },
        Node {
            inputs: vec![Input { node: NodeIndex::new(5), part: InputPart::Stdout }],
            ..command("smoke", &[5, 7], Command::new(strings(&["make", "smoke"])))
        },
    ]
}

fn ending() -> Vec<Node> {
    let ask = |name: &str, ask: &str, needs: &[usize]| Node {
        needs: needs.iter().copied().map(NodeIndex::new).collect(),
        ..node(name, Work::Approval { ask: ask.to_owned() })
    };
    let ship = Command {
        network: strings(&["deploy.example"]),
        secrets: strings(&["DEPLOY_KEY"]),
        ..Command::new(strings(&["make", "deploy", "ENV=production"]))
    };
    let folders = strings(&["/srv/www"]);
    let ship = Work::Deploy { command: Box::new(ship), folders, recovery: Recovery::Ask };
    let rules = (0..constitution().rules.len()).map(RuleIndex::new).collect();
    vec![
        Node {
            needs: vec![NodeIndex::new(8)],
            env: vec![EnvironmentIndex::new(0)],
            gates: vec![GateIndex::new(0), GateIndex::new(1)],
            ..node("ship/verify", Work::Verify { rules })
        },
        ask("look", "Look at the report.", &[9]),
        ask("release", "Release to production?", &[9, 10]),
        Node {
            needs: vec![NodeIndex::new(9), NodeIndex::new(11)],
            inputs: vec![Input { node: NodeIndex::new(11), part: InputPart::Note }],
            ..node("ship", ship)
        },
    ]
}
