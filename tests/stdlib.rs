//! The standard library: every part is a good file, and its page names all that
//! it gives, with an example that compiles.

use std::collections::BTreeSet;

use crate::support::{Project, sources};

/// What a part declares for others: `gate test is tests {` declares `test`.
fn declared(text: &str) -> Vec<&str> {
    let words = ["agent", "environment", "gate", "rule", "template"];
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(word, _)| words.contains(word))
        .filter_map(|(_, rest)| rest.split([' ', '(']).next())
        .collect()
}

/// The page's section of a part.
fn section<'a>(page: &'a str, part: &str) -> &'a str {
    let mut sections = page.split("\n## ");
    let found = sections.find(|section| section.split('\n').next() == Some(part));
    found.unwrap_or_else(|| panic!("docs/stdlib.md has no section {part}"))
}

fn page() -> String {
    std::fs::read_to_string(sources().join("docs/stdlib.md")).expect("the page")
}

#[test]
fn every_file_of_the_library_is_a_part_or_the_starter() {
    let entries = std::fs::read_dir(sources().join("stdlib")).expect("the library");
    let files: BTreeSet<String> = entries
        .filter_map(|entry| entry.expect("readable").file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".eufm").map(str::to_owned))
        .collect();
    let parts = eufm_stdlib::PARTS.iter().map(|(name, _)| (*name).to_owned());
    assert_eq!(files, parts.chain(["starter".to_owned()]).collect());
    assert!(eufm_stdlib::PARTS.is_sorted_by(|a, b| a.0 < b.0));
}

#[test]
fn every_part_is_without_a_finding() {
    let project = Project::without_repository();
    let ended = project.eufm().arg("check").arg(sources().join("stdlib")).run().expect(0);
    ended.says(&["nothing to say"]);
}

#[test]
fn every_part_says_what_it_is_for_and_can_be_read() {
    let project = Project::without_repository();
    let explain = |topic: &str| project.eufm().args(["explain", topic]).run().expect(0).stdout;
    let list = explain("std");
    assert_eq!(list.lines().count(), eufm_stdlib::PARTS.len());
    for (name, text) in eufm_stdlib::PARTS {
        let purpose = eufm_stdlib::purpose(name).expect("a line `# std.NAME: …`");
        assert!(list.contains(&format!("std.{name} ")) && list.contains(purpose), "{list}");
        assert_eq!(explain(&format!("std.{name}")), *text);
    }
}

#[test]
fn the_page_names_all_that_a_part_gives() {
    let page = page();
    for (name, text) in eufm_stdlib::PARTS {
        let (section, declared) = (section(&page, name), declared(text));
        assert!(!declared.is_empty(), "std.{name} declares nothing");
        for word in declared {
            let spelled = format!("`{name}.{word}`");
            assert!(section.contains(&spelled), "docs/stdlib.md does not name {spelled}");
        }
    }
}

#[test]
fn every_example_of_the_page_compiles_without_a_warning() {
    let page = page();
    for (name, _) in eufm_stdlib::PARTS {
        let section = section(&page, name);
        let fence = section.split("```eufm\n").nth(1);
        let fence = fence.unwrap_or_else(|| panic!("the section {name} has no example"));
        let (spec, _) = fence.split_once("\n```").expect("the fence is closed");
        assert!(spec.contains(&format!("use std.{name}\n")), "{spec}");
        let project = Project::without_repository();
        project.write("spec.eufm", format!("{spec}\n"));
        let document = "# Rules\n\nSecrets MUST NOT be committed. Changes stay below 800 lines.\n\
                        Existing tests MUST stay.\n";
        project.write("docs/constitution.md", document);
        let ended = project.compile();
        assert_eq!(ended.code(), 0, "{spec}\n{}", ended.stderr);
        assert!(!ended.stderr.contains("warning["), "{spec}\n{}", ended.stderr);
        let ended = project.eufm().args(["fmt", "--check", "spec.eufm"]).run();
        assert_eq!(ended.code(), 0, "{spec}\nhas not the canonical form");
    }
}

#[test]
fn there_is_a_rule_for_each_kind_and_no_kind_is_hidden_by_a_name() {
    let text = eufm_stdlib::part("rules").expect("a part");
    for kind in eufm_runner::rules::RULES.iter().map(|kind| kind.schema().name) {
        assert!(text.contains(&format!(" is {kind} {{")), "no rule of std.rules is of kind {kind}");
    }
}

/// What stands between quotes behind a key: `model = "gpt-5.5"`.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
    let values = lines.filter_map(|line| line.strip_prefix(key)?.split('"').nth(1));
    values.collect()
}

#[test]
fn every_model_of_the_library_has_a_price_with_its_day_and_source() {
    let text = eufm_stdlib::part("codex").expect("a part");
    let prices = values(text, "prices ");
    let models = values(text, "model ");
    assert_eq!(models.len(), 3, "{models:?}");
    for model in models {
        assert!(prices.contains(&model), "{model} has no price");
    }
    assert_eq!(values(text, "date ").len(), prices.len());
    assert_eq!(values(text, "source ").len(), prices.len());
    assert!(!text.lines().any(|line| line.starts_with("exchange")), "a rate is of a day");
}

/// Calls every template with what it must be given, and no more.
const CALLS: &str = r#"edition 1

use std.flows

pipeline calls {
  goal = "Every template is called"
  budget { cost <= 50 USD, wall <= 10 h }
  defaults { gates = [unit], budget { cost <= 1 USD } }
}

gate unit is command { run = ["make", "unit"] }

flows.implement(what = "A", writes = ["a/**"])
flows.test_first(what = "B", writes = ["b/**"], test_gates = [unit])
flows.review(of = implement/code, what = "A", writes = ["a/**"])
flows.speckit(feature = "specs/001", stories = ["US1"], writes = ["c/**"], early = [unit])
flows.migrate(what = "D", folder = "d", batches = ["x"])
flows.migrate_after_pilot(what = "E", folder = "e", pilot = "x", batches = ["y"])
"#;

#[test]
fn every_template_can_be_called_with_what_it_must_be_given() {
    let text = eufm_stdlib::part("flows").expect("a part");
    for template in declared(text) {
        assert!(CALLS.contains(&format!("\nflows.{template}(")), "{template} is not called");
    }
    let project = Project::without_repository();
    project.write("spec.eufm", CALLS);
    let ended = project.compile().expect(0);
    assert!(!ended.stderr.contains("warning["), "{}", ended.stderr);
    let plan: toml::Table = project.read("plan.lock").parse().expect("a plan is TOML");
    let nodes = plan["node"].as_table().expect("nodes");
    // Whoever changes files is judged by the gates around the call.
    for (name, node) in nodes.iter().filter(|(_, node)| node["kind"].as_str() == Some("agent")) {
        let count = |key: &str| node[key].as_array().map_or(0, Vec::len);
        assert_eq!(count("gates") > 0, count("writes") > 0, "{name}");
    }
    assert_eq!(nodes.len(), 4 + 4 + 2 + 3 + 4 + 1 + 3);
}

#[test]
fn rules_protect_what_nodes_without_writes_may_not_change() {
    let files = [("c.md", "Tests stay.\n"), ("README.md", "# A project\n")];
    let project = Project::new(&files);
    project.write(
        "spec.eufm",
        "edition 1\nuse std.rules\npipeline p { base = \"main\" }\nconstitution \"c.md\" {\n  \
         rule ci is rules.protect_ci { cite = \"Tests stay\", level = must }\n  \
         rule tests is rules.protect_tests { cite = \"Tests stay\", level = must }\n}\n\
         command c { run = [\"true\"] }\ndeploy d { needs = [c], run = [\"true\"] }\n",
    );
    project.compile().expect(0);
    let locked = eufm_plan::lockfile::read(&project.read("plan.lock")).expect("a plan");
    let rules = &locked.plan.constitution.as_ref().expect("it has one").rules;
    let paths = |at: usize| rules[at].params.list("paths").expect("globs");
    assert_eq!(paths(0), eufm_plan::protected::CI);
    assert_eq!(paths(1), eufm_plan::protected::TESTS);
    assert!(paths(0).is_sorted() && paths(1).is_sorted());
}
