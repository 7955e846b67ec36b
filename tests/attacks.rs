//! Changes of a plan that let a night do more, or check less, than was
//! approved: made in the spec, and made in plan.lock by hand, with its digest and
//! all that is derived from the plan computed again. Each is refused, or is the
//! first thing that `eufm diff` says.

use std::fmt::Write as _;

use eufm_plan::Digest;
use eufm_plan::lockfile;

use crate::support::Project;

/// A night as a team might approve it.
const NIGHT: &str = r#"edition 1
pipeline night {
  base = "main"
  budget { cost <= 9 EUR, wall <= 1 h }
}
environment tools { tools = ["~/.local/bin"], prepare = ["make", "tools"] }
agent builder is codex { cli = "0.169.0", model = "gpt-5.5-2026-04-23" }
gate unit is tests {
  run    = ["make", "test"]
  report = junit("report.xml")
  require { pass_rate >= 85%, tests >= 10 }
}
constitution "rules.md" {
  rule small is max_diff { cite = "below 800 lines", level = must, lines = 800 }
}
command feed {
  run = ["make", "feed"]
}
task build by builder {
  prompt = "Build it."
  writes = ["src/*"]
  env    = [tools]
  gates  = [unit]
  budget { cost <= 1 EUR, attempts <= 2 }
}
approval look {
  needs = [build]
  ask   = "Go on with more?"
}
task more by builder {
  needs  = [build, look]
  prompt = "More."
  writes = ["more/*"]
  gates  = [unit]
  budget { cost <= 1 EUR }
}
command smoke {
  needs = [more]
  run   = ["make", "smoke"]
}
approval release {
  needs = [smoke]
  ask   = "Release?"
}
deploy ship {
  needs    = [release]
  run      = ["make", "deploy"]
  secrets  = [KEY]
  recovery = ask
}
prices "gpt-5.5-2026-04-23" {
  input  = 5.00 USD per 1M tokens
  output = 30.00 USD per 1M tokens
  date   = "2026-06-12"
  source = "the provider's price page"
}
exchange 1 USD = 0.92 EUR { date = "2026-11-01", source = "central bank" }
"#;

/// A task without a gate that nobody is asked about, and that the deploy waits for too.
const SIDE: &str = r#"task side by builder {
  prompt = "Aside."
  writes = ["src/*"]
  budget { cost <= 1 EUR }
}
deploy ship {
  needs    = [release, side]"#;

/// A task that comes after the question and before the deploy.
const LATE: &str = r#"task late by builder {
  needs  = [release]
  prompt = "Late."
  writes = ["src/*"]
  gates  = [unit]
  budget { cost <= 1 EUR }
}
deploy ship {
  needs    = [late]"#;

/// What is put where, in the order of the text.
type Edits = &'static [(&'static str, &'static str)];

/// A change: its name, what is done to the spec, and what to plan.lock.
struct Attack {
    name: &'static str,
    spec: Edits,
    lock: Edits,
}

const ATTACKS: &[Attack] = &[
    Attack {
        name: "a threshold goes from 85 % to 58 %",
        spec: &[("85%", "58%")],
        lock: &[("85%", "58%")],
    },
    Attack {
        name: "a rule binds less",
        spec: &[("level = must", "level = should")],
        lock: &[("level = \"must\"", "level = \"should\"")],
    },
    Attack {
        name: "a glob has one star more",
        spec: &[("\"src/*\"", "\"src/**\"")],
        lock: &[("\"src/*\"", "\"src/**\"")],
    },
    Attack {
        name: "an approval asks before there is anything to look at",
        spec: &[("needs = [build]\n", "needs = []\n")],
        lock: &[("needs = [\"build\"]", "needs = []")],
    },
    Attack {
        name: "a side branch brings what no gate saw to the deploy",
        spec: &[("deploy ship {\n  needs    = [release]", SIDE)],
        lock: &[(
            "[node.\"ship/verify\"]\nkind = \"verify\"\nneeds = [\"smoke\"]",
            "[node.side]\nkind = \"agent\"\nagent = \"builder\"\nneeds = []\n\
                 writes = [\"src/*\"]\nenv = []\ngates = []\n\
                 budget = [\"cost <= 1.000000 EUR\", \"attempts <= 1\"]\nprompt = \"Aside.\"\n\n\
                 [node.\"ship/verify\"]\nkind = \"verify\"\nneeds = [\"smoke\", \"side\"]",
        )],
    },
    Attack {
        name: "a writer stands between the verify and the deploy",
        spec: &[("deploy ship {\n  needs    = [release]", LATE)],
        lock: &[
            (
                "[node.ship]",
                "[node.late]\nkind = \"agent\"\nagent = \"builder\"\nneeds = [\"release\"]\n\
                 writes = [\"src/*\"]\nenv = []\ngates = [\"unit\"]\n\
                 budget = [\"cost <= 1.000000 EUR\", \"attempts <= 1\"]\nprompt = \"Late.\"\n\n\
                 [node.ship]",
            ),
            ("needs = [\"ship/verify\", \"release\"]", "needs = [\"ship/verify\", \"late\"]"),
        ],
    },
    Attack {
        name: "a secret moves to another node",
        spec: &[("\"feed\"]\n", "\"feed\"]\n  secrets = [KEY]\n"), ("  secrets  = [KEY]\n", "")],
        lock: &[
            (
                "[node.feed]\nkind = \"command\"\n",
                "[node.feed]\nkind = \"command\"\nsecrets = [\"KEY\"]\n",
            ),
            ("kind = \"deploy\"\nsecrets = [\"KEY\"]\n", "kind = \"deploy\"\n"),
        ],
    },
    Attack {
        name: "an environment reaches a host",
        spec: &[("[\"make\", \"tools\"]", "[\"make\", \"tools\"], network = [\"a.example\"]")],
        lock: &[("prepare =", "network = [\"a.example\"]\nprepare =")],
    },
    Attack {
        name: "a command runs in the checkout",
        spec: &[("\"smoke\"]\n", "\"smoke\"]\n  in_place = true\n")],
        lock: &[(
            "[node.smoke]\nkind = \"command\"\n",
            "[node.smoke]\nkind = \"command\"\nin_place = true\n",
        )],
    },
    Attack {
        name: "a deploy does not wait for the question",
        spec: &[("needs    = [release]", "needs    = [smoke]")],
        lock: &[("needs = [\"ship/verify\", \"release\"]", "needs = [\"ship/verify\"]")],
    },
    Attack {
        name: "a node loses its gate",
        spec: &[("\"more/*\"]\n  gates  = [unit]", "\"more/*\"]\n  gates  = []")],
        lock: &[(
            "writes = [\"more/*\"]\nenv = []\ngates = [\"unit\"]",
            "writes = [\"more/*\"]\nenv = []\ngates = []",
        )],
    },
    Attack {
        name: "more attempts come with a higher cap",
        spec: &[("cost <= 1 EUR, attempts <= 2", "cost <= 2 EUR, attempts <= 4")],
        lock: &[(
            "\"cost <= 1.000000 EUR\", \"attempts <= 2\"",
            "\"cost <= 2.000000 EUR\", \"attempts <= 4\"",
        )],
    },
];

/// Changes a text at the places that are named.
fn edited(text: &str, edits: Edits) -> String {
    edits.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}\n{text}");
        text.replacen(from, to, 1)
    })
}

/// Computes again what an altered plan.lock ends with, and all that is derived from
/// its plan; of a text that is no plan the digest alone.
fn resealed(text: &str) -> String {
    let (body, _) = text.split_once("[digest]\n").expect("a digest");
    let sealed = format!("{body}[digest]\nplan = \"{}\"\n", Digest::of(body.as_bytes()));
    lockfile::read_kept(&sealed).map_or(sealed, |kept| lockfile::write(&kept.plan))
}

/// A project with the approved night.
fn approved() -> Project {
    let project = Project::new(&[("rules.md", "Changes stay below 800 lines.\n")]);
    project.write("spec.eufm", NIGHT);
    project.eufm().args(["compile", "spec.eufm", "-o", "approved.lock"]).run().expect(0);
    project
}

/// What is said of plan.lock: why it is refused, or what differs, which begins with an
/// escalation.
#[track_caller]
fn said(project: &Project) -> String {
    let ended = project.eufm().args(["diff", "--within", "approved.lock"]).run();
    if ended.stdout.is_empty() {
        return ended.expect(2).stderr;
    }
    let shown = ended.expect(3).stdout;
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[1].starts_with("escalated: ") && lines[2].is_empty(), "{shown}");
    // What the plans come to, and how claims are worded, is not the matter here.
    let said = lines.iter().take_while(|line| **line != "what it comes to");
    let said = said.map(|line| match line.strip_prefix("  proof lost") {
        Some(_) => line.split_once("  claim").map_or(*line, |(before, _)| before).trim_end(),
        None => line,
    });
    said.map(|line| format!("{line}\n")).collect()
}

#[test]
fn attacks_are_refused_or_head_the_diff() {
    let project = approved();
    for (at, attack) in ATTACKS.iter().enumerate() {
        project.write("spec.eufm", edited(NIGHT, attack.spec));
        let compiled = project.compile();
        let mut page = format!("{}.\n\nIn the spec:\n\n", attack.name);
        page.push_str(&match compiled.code() {
            0 => said(&project),
            _ => compiled.expect(3).stderr,
        });
        project.write("plan.lock", resealed(&edited(&project.read("approved.lock"), attack.lock)));
        let _ = write!(page, "\nBy hand:\n\n{}", said(&project));
        insta::assert_snapshot!(format!("attack_{:02}", at + 1), page);
    }
}

#[test]
fn an_attack_without_what_is_derived_is_refused() {
    let project = approved();
    for attack in ATTACKS {
        let altered = edited(&project.read("approved.lock"), attack.lock);
        project.write("plan.lock", &altered);
        let exec = project.eufm().args(["exec", "plan.lock"]).run();
        exec.expect(4).says(&["plan.lock was altered"]);
    }
}

#[test]
fn a_model_whose_price_is_gone_is_not_asked_under_a_cap() {
    let project = approved();
    let lock = project.read("approved.lock");
    let (before, prices) = lock.split_once("[prices.").expect("a price");
    let (_, behind) = prices.split_once("\n[exchange").expect("a rate stands behind");
    let lock = resealed(&format!("{before}[exchange{behind}"));
    project.write("plan.lock", &lock);
    let digest = lock.lines().next_back().and_then(|line| line.split('"').nth(1));
    let trust = format!("--trust-lock={}", digest.expect("a digest"));
    let cause = "what gpt-5.5-2026-04-23 costs is not known in EUR, in which money is capped";
    project.exec().arg(trust).run().expect(4).says(&[
        "agent.builder",
        cause,
        "compile the spec again",
    ]);
    project.eufm().args(["show", "plan.lock"]).run().expect(4).says(&[cause]);
    project.eufm().args(["diff", "approved.lock", "plan.lock"]).run().expect(2).says(&[cause]);
}
