//! Caps on money and tokens, with the real Codex CLI: what they pay for is done,
//! and not one request more goes out.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{Act, Ended, Invocation, Project, Provider, SPEC, codex, demo};

/// The story's prices: 5 and 30 millionths of a euro for a token.
const PRICES: &str = r#"
prices "gpt-5.5" {
  input  = 5.00 EUR per 1M tokens
  cached = 0.50 EUR per 1M tokens
  output = 30.00 EUR per 1M tokens
  date   = "2026-06-12"
  source = "a table"
}
"#;

/// The story with a budget of the run and one of its task `greet`.
pub(crate) fn with_budgets(run: &str, greet: &str) -> Project {
    let spec = SPEC
        .replace("budget { wall <= 10 min,", &format!("budget {{ {run} wall <= 10 min,"))
        .replace("budget { attempts <= 2 }", &format!("budget {{ {greet} attempts <= 2 }}"));
    let project = demo();
    project.write("spec.eufm", &(spec + PRICES));
    project.compile().expect(0);
    project
}

/// What the journal says that requests reserved and did cost, in millionths.
fn sums(project: &Project, node: &str) -> (u64, u64) {
    let sum = |facts: Vec<Value>| facts.iter().filter_map(|fact| fact["micros"].as_u64()).sum();
    (sum(project.facts(node, "asked")), sum(project.facts(node, "replied")))
}

#[test]
fn each_request_is_reserved_before_it_goes_and_charged_at_its_end() {
    let project = with_budgets("cost <= 1 EUR,", "cost <= 0.50 EUR,");
    let done = project.exec_agents().run().expect(0);
    // Two answers of 100 tokens, 10 of them cached, and 20; two of 10,000 and 200.
    let greet = 2 * (90 * 5 + 5 + 20 * 30) + 2 * (10_000 * 5 + 200 * 30);
    let readme = 2 * (10_000 * 5 + 200 * 30);
    // What the provider had cached is not known beforehand.
    let cached = 2 * 10 * 5 - 2 * 5;
    assert_eq!(sums(&project, "greet"), (greet + cached, greet));
    assert_eq!(sums(&project, "readme"), (readme, readme));
    done.shows(&["cost     at most 0.226110 EUR"]);
    let report: Value = report(&project);
    assert_eq!(report["cost"], "0.226110 EUR");
    assert_eq!(report["nodes"][0]["cost"], "0.114110 EUR");
    assert_eq!(report["nodes"][2]["cost"], Value::Null, "a command costs nothing");
}

#[test]
fn a_node_whose_cap_is_used_up_is_judged_and_ends_with_5() {
    // Its third request would cost 0.056 EUR.
    let project = with_budgets("cost <= 1 EUR,", "cost <= 0.05 EUR,");
    let done = project.exec_agents().run().expect(5);
    assert_eq!(project.facts("greet", "asked").len(), 2);
    let ended = project.facts("greet", "exited");
    let reason = ended[1]["ending"]["spent"]["reason"].as_str().expect("it was spent");
    let expected = "its cap of 0.050000 EUR is used up: 0.047890 EUR left, the next request can \
                    use 0.056000 EUR";
    assert_eq!(reason, expected);
    // The work that it had done is judged, and the others go on.
    assert_eq!(project.facts("greet", "judged").len(), 2);
    assert_eq!(project.facts("readme", "committed").len(), 1);
    done.says(&["greet: its cap of 0.050000 EUR is used up", "what it has done so far is judged"])
        .shows(&["stopped by a budget", "of the work so far: gate unit did not pass"]);
    project.nothing_is_left();
}

/// Answers the question of a node that asks.
fn approve(project: &Project, flags: &[&str]) -> Ended {
    let state = project.state();
    project.eufm().args(["approve", "greet", "--state"]).arg(state).args(flags).run()
}

#[test]
fn a_person_who_is_asked_raises_a_cap_and_the_session_goes_on() {
    let project = with_budgets("cost <= 0.20 EUR,", "cost <= 0.05 EUR,");
    let spec =
        project.read("spec.eufm").replace("gates  = [unit]", "gates = [unit], on_fail = escalate");
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    let asked = project.exec_agents().run().expect(6);
    asked.says(&["did not succeed, a person is asked: its cap of 0.050000 EUR is used up"]);
    // Another try without more money comes to the same end, and asks again.
    approve(&project, &[]).expect(0);
    project.exec_agents().run().expect(6);
    let spent = sums(&project, "greet");
    approve(&project, &["--raise", "1 USD"]).expect(2).says(&["the run counts in EUR"]);
    approve(&project, &["--raise", "0.50 EUR", "--note", "It is worth it."]).expect(0);
    project.exec_agents().run().expect(0);
    assert!(sums(&project, "greet").1 > spent.1, "the raise was spent");
    let sessions: BTreeSet<String> =
        project.facts("greet", "session").iter().map(|fact| fact["id"].to_string()).collect();
    assert_eq!(sessions.len(), 1, "it is one session all along");
    let said = &project.facts("greet", "answered")[1];
    assert_eq!(
        (&said["raise"]["micros"], &said["note"]),
        (&500_000.into(), &"It is worth it.".into())
    );
    project.nothing_is_left();
}

#[test]
fn the_caps_of_the_run_hold_for_all_nodes_together() {
    for budget in ["cost <= 0.06 EUR,", "tokens <= 15K,"] {
        let project = with_budgets(budget, "");
        project.exec_agents().run().expect(5).says(&["the run's cap of"]);
        let replied: usize =
            ["greet", "readme"].iter().map(|node| project.facts(node, "replied").len()).sum();
        assert!(replied <= 3, "{budget}: {replied} answers");
        let total = sums(&project, "greet").1 + sums(&project, "readme").1;
        assert!(total <= 60_000, "{budget}: {total} millionths");
    }
}

#[test]
fn a_second_start_of_the_run_finds_what_the_first_has_spent() {
    let project = with_budgets("cost <= 1 EUR,", "cost <= 0.05 EUR,");
    project.exec_agents().run().expect(5);
    let before = sums(&project, "greet");
    // New attempts are no new money.
    project.exec_agents().arg("--retry").run().expect(5);
    assert_eq!(sums(&project, "greet"), before);
}

#[test]
fn a_rate_that_cannot_be_kept_makes_the_run_serial_and_is_said() {
    let project = with_budgets("rate <= 0.001 EUR per hour,", "");
    let done = project.exec_agents().run().expect(0);
    let allowed = "0.001000 EUR per hour with one hour in advance allows 0.001";
    done.shows(&["rate     passed: ", "0.226110 EUR in ", allowed]);
    let pace = report(&project)["pace"].clone();
    assert_eq!((&pace["passed"], &pace["spent"]), (&true.into(), &"0.226110 EUR".into()));
    project.eufm().args(["cost", "--state"]).arg(project.state()).run().expect(0).shows(&[
        "allowed   passed: 0.226110 EUR spent of 0.001",
        "0.001000 EUR per hour with one hour in advance",
    ]);
    // Once more is spent than that, no agent starts beside another one.
    let (mut spent, mut working, mut alone) = (0, BTreeSet::new(), 0);
    for record in project.journal() {
        let (node, event) = (record["node"].clone(), &record["event"]["node"]);
        let name = node.as_str().unwrap_or_default().to_owned();
        spent += event["replied"]["micros"].as_u64().unwrap_or_default();
        let is_rejected = event["judged"].is_object() && event["judged"]["verdict"] != "pass";
        if event["committed"].is_object() || is_rejected {
            working.remove(&name);
        }
        if event["started"].is_object() && ["greet", "readme"].contains(&name.as_str()) {
            assert!(spent < 2_000 || working.is_empty(), "{name} starts beside {working:?}");
            alone += u32::from(spent >= 2_000);
            working.insert(name);
        }
    }
    assert!(alone > 0, "the second attempt of greet comes after the first answers");
}

fn report(project: &Project) -> Value {
    let text = std::fs::read(project.run_dir().join("run.json")).expect("a report");
    serde_json::from_slice(&text).expect("JSON")
}

/// A project of so many tasks whose model is a provider that never lets its
/// agents come to an end, under a cap of 0.01 EUR.
fn endless(tasks: usize, input: &str) -> (Project, Provider) {
    let provider = Provider::start(|_| Act::Shell("true".to_owned()));
    let task = |number: usize| {
        format!("task n{number} by builder {{ prompt = \"Go on.\", writes = [] }}\n")
    };
    let tasks: String = (0..tasks).map(task).collect();
    let spec = format!(
        "edition 1\npipeline endless {{ base = \"main\", budget {{ cost <= 0.01 EUR, parallel <= 4 }} }}\n\
         agent builder is codex {{ cli = \"0.169.0\", model = \"gpt-5.5\", url = \"{}\" }}\n\
         prices \"gpt-5.5\" {{ input = {input} EUR per 1M tokens, output = 0.20 EUR per 1M tokens, \
         max_output = 2K, date = \"2026-06-12\", source = \"a table\" }}\n{tasks}",
        provider.url()
    );
    (Project::of_spec(&spec), provider)
}

fn exec(project: &Project) -> Invocation {
    project.write("../key", "sk-endless-0123456789");
    let key = project.root().join("key");
    project.exec().arg("--codex").arg(codex()).arg("--key-file").arg(key)
}

#[test]
fn a_model_that_never_stops_asking_for_tools_is_stopped_by_the_cap() {
    let (project, provider) = endless(1, "0.02");
    exec(&project).run().expect(5).says(&["n0: the run's cap of 0.010000 EUR is used up"]);
    // Each answer is billed with 10,000 tokens of prompt and 200 of answer.
    let billed = provider.asked().len() as u64 * (10_000 * 2 / 100 + 200 * 20 / 100);
    assert!(billed <= 10_000, "{billed} millionths were billed");
    assert!(billed >= 8_000, "{billed} millionths were of use");
    project.nothing_is_left();
}

#[test]
fn dear_requests_of_nodes_side_by_side_never_go_out() {
    let (project, provider) = endless(4, "5.00");
    exec(&project).run().expect(5).says(&["n3: the run's cap of 0.010000 EUR is used up"]);
    assert!(provider.asked().is_empty(), "a request of a fifth of a euro went out");
    assert_eq!(report(&project)["cost"], "0.000000 EUR");
    project.nothing_is_left();
}

#[test]
fn a_provider_that_counts_more_than_a_request_could_use_is_named() {
    let provider = Provider::start(|_| Act::SayCounted("Done.".to_owned(), 3_000_000));
    let spec = format!(
        "edition 1\npipeline dear {{ base = \"main\", budget {{ cost <= 1 EUR }} }}\n\
         agent builder is codex {{ cli = \"0.169.0\", model = \"gpt-5.5\", url = \"{}\" }}\n\
         prices \"gpt-5.5\" {{ input = 0.02 EUR per 1M tokens, output = 0.20 EUR per 1M tokens, \
         max_output = 2K, date = \"2026-06-12\", source = \"a table\" }}\n\
         task n0 by builder {{ prompt = \"Go on.\", writes = [] }}\n",
        provider.url()
    );
    let project = Project::of_spec(&spec);
    exec(&project).run().expect(0).says(&[
        "n0: the provider counted 3010000 tokens, 0.600200 EUR for request 1, which could use",
        "caps do not hold with a provider that does this",
    ]);
    assert_eq!(report(&project)["cost"], "0.600200 EUR", "it is paid all the same");
}
