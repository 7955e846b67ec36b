//! What `eufm show` and `eufm graph` say of a real plan.

use serde_json::Value;

use crate::support::{Project, sources};
use crate::tutorial::is_quoted_as;

/// A folder with the plan of a worked example.
fn example() -> Project {
    let project = Project::without_repository();
    let folder = sources().join("specs/geodatacenter");
    let compile = project.eufm().arg("compile").arg(folder.join("geodatacenter.eufm"));
    compile.arg("--root").arg(&folder).args(["-o", "plan.lock"]).run().expect(0);
    project
}

#[test]
fn a_plan_is_shown_as_a_table_a_tree_and_a_graph() {
    let project = example();
    let run = |args: &[&str]| project.eufm().args(args).run().expect(0);
    run(&["show"]).shows(&[
        "pipeline geodatacenter on main\n",
        "  people        1 approval: release;",
        "ship: secret DEPLOY_KEY\n",
        "schema/**, tests/schema/**\n",
    ]);
    run(&["show", "plan.lock", "--tree"]).shows(&[
        "\n  telemetry/  3 nodes\n    schema  agent builder\n",
        "\n  release  asks \"Release to staging?\"\n",
    ]);
    let tree = run(&["show", "--tree"]).stdout;
    assert_eq!(run(&["show", "--as", "tree"]).stdout, tree);
    let unknown = project.eufm().args(["show", "--as", "heap"]).run().expect(2);
    unknown
        .says(&["no view has this name; there are cost, dot, mermaid, people, table, touch, tree"]);
    run(&["graph"]).shows(&[
        "flowchart TD\n",
        "subgraph g0[\"telemetry\"]",
        "{\"release\"}",
        " ==> ",
    ]);
    run(&["graph", "plan.lock", "--dot"]).shows(&["digraph \"geodatacenter\" {", "shape=diamond"]);
}

#[test]
fn one_node_is_shown_in_full() {
    let project = example();
    let run = |args: &[&str]| project.eufm().args(args).run();
    let shown = run(&["show", "plan.lock", "ship"]).expect(0);
    shown.shows(&["  behind    release\n", "[node.ship]\n", "secrets = [\"DEPLOY_KEY\"]\n"]);
    let schema = run(&["show", "telemetry/schema"]).expect(0);
    schema.shows(&["[agent.builder]\n", "[gate.unit]\n", "Define the telemetry schema"]);
    let json = run(&["show", "plan.lock", "ship", "--json"]).expect(0);
    let json: Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(json.pointer("/nodes/0/run/1").and_then(Value::as_str), Some("deploy"));
    run(&["show", "shop"]).expect(2).says(&["plan.lock has no node shop", "help: it has "]);
    run(&["show", "other.lock"]).expect(2).says(&["other.lock: "]);
    project.write("plan.lock", project.read("plan.lock").replace("ENV=staging", "ENV=x"));
    run(&["show"]).expect(4).says(&["was altered"]);
    run(&["show", "ship"]).expect(4).says(&["was altered"]);
    run(&["graph"]).expect(4);
}

#[test]
fn the_three_questions_have_the_answers_that_the_page_shows() {
    let project = example();
    let page = std::fs::read_to_string(sources().join("docs/review.md")).expect("the page");
    let mut shown = Vec::new();
    for fence in page.split("\n```text eufm ").skip(1) {
        let (command, quoted) = fence.split_once('\n').expect("a fence has lines");
        let (quoted, _) = quoted.split_once("\n```").expect("a fence ends");
        let answer = project.eufm().args(command.split(' ')).run().expect(0).stdout;
        let lines = answer.lines().zip(quoted.lines());
        let differs = lines.clone().find(|(line, quoted)| !is_quoted_as(line, quoted));
        assert_eq!(differs, None, "docs/review.md: eufm {command}\n{answer}");
        assert_eq!(answer.lines().count(), quoted.lines().count(), "eufm {command}\n{answer}");
        shown.push(command);
    }
    assert_eq!(shown, ["show --cost", "show --touch", "show --people"]);
}
