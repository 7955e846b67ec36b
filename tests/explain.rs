//! `eufm explain`: pages for codes and kinds, and what was probably meant.

use crate::support::Project;

#[test]
fn every_code_of_a_finding_and_every_kind_can_be_explained() {
    let project = Project::without_repository();
    let explain = |topic: &[&str]| project.eufm().args(["explain"]).args(topic).run();
    explain(&["E0204"]).expect(0).shows(&["E0204: No such name\n\n", "    edition 1\n"]);
    explain(&["w0602"]).expect(0).shows(&["W0602: No gate checks the result\n"]);
    explain(&["gate"]).expect(0).shows(&["gate command  Passes", "gate tests    Passes"]);
    explain(&["gate", "tests"]).expect(0).shows(&["report: `junit(\"path\")`, required\n"]);
    explain(&["agent", "codex"]).expect(0).shows(&["network: `none`\n", "agent name is codex {"]);
    explain(&["rule"]).expect(0).shows(&["rule max_diff  ", "rule secrets  "]);
    let rule = ["lines: whole number from 1", "cite "];
    explain(&["rule", "max_diff"]).expect(0).shows(&rule);
    let list = explain(&[]).expect(0).stdout;
    for topic in list.lines().map(|line| line.split("  ").next().expect("a topic")) {
        let words: Vec<&str> = topic.split(' ').collect();
        explain(&words).expect(0);
    }
    assert!(list.lines().count() > 40);
}

#[test]
fn an_unknown_topic_ends_with_the_one_that_was_meant() {
    let project = Project::without_repository();
    let ended = project.eufm().args(["explain", "gate", "test"]).run().expect(2);
    let ended = ended.says(&["nothing to explain about `gate test`", "`eufm explain gate tests`?"]);
    assert_eq!(ended.stdout, "");
    project.eufm().args(["explain", "gate", "tests", "more"]).run().expect(2);
}
