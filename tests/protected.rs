//! Tasks that list no `writes`: they change what is theirs to change, and nothing
//! that they are judged by.

use crate::support::Project;

const SPEC: &str = r#"edition 1

pipeline open { base = "main" }

agent builder is codex { cli = "0.169.0", model = "gpt-5.5" }

constitution "docs/constitution.md" {
  rule small is max_lines { cite = "Files are small", level = must, lines = 100 }
}

gate check is command { run = ["sh", "scripts/check.sh"] }

task work by builder {
  prompt = "Do the work."
  gates  = [check]
  budget { attempts <= 2 }
}

deploy ship { needs = [work], run = ["true"] }
"#;

/// A project whose agent runs `first`, and `second` where it is told that this was
/// refused.
fn open(first: &str, second: Option<&str>) -> Project {
    let files = [
        ("src/app.txt", "1\n"),
        ("tests/old_test.txt", "old\n"),
        ("scripts/check.sh", "grep -q 2 src/app.txt\n"),
        (".github/workflows/ci.yml", "on: push\n"),
        ("docs/constitution.md", "Files are small.\n"),
        ("spec.eufm", SPEC),
    ];
    let project = Project::new(&files);
    let reply = |expect: &str, script: &str| {
        format!(
            "[[node.work]]\nexpect = \"{expect}\"\nshell = '''{script}'''\n\n[[node.work]]\nsay = \
             \"Done.\"\n\n"
        )
    };
    let again = second.map(|second| reply("leave protected files as they are", second));
    let replies = [reply("Do the work", first), again.unwrap_or_default()].concat();
    project.write("cassette.toml", format!("format = 1\nmodel = \"gpt-5.5\"\n\n{replies}"));
    project.compile().expect(0);
    project
}

#[test]
fn sources_change_and_tests_come_where_nothing_is_listed() {
    let project = open("echo 2 > src/app.txt; echo new > tests/new_test.txt", None);
    project.exec_agents().run().expect(0);
    assert_eq!(project.merged("src/app.txt"), "2");
    assert_eq!(project.merged("tests/new_test.txt"), "new");
    project.nothing_is_left();
}

#[test]
fn what_is_protected_fails_the_attempt_and_the_agent_is_told() {
    let bad = "echo 2 > src/app.txt; echo easy > tests/old_test.txt";
    let project = open(bad, Some("git checkout -q tests; echo old > tests/old_test.txt"));
    project.exec_agents().run().expect(0);
    assert_eq!(project.merged("tests/old_test.txt"), "old");
    assert_eq!(project.merged("src/app.txt"), "2");
    let refused = project.facts("work", "refused");
    let reason = refused[0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("tests/old_test.txt: protected as the base commit has it"), "{reason}");
    project.nothing_is_left();
}

#[test]
fn nothing_that_a_task_is_judged_by_may_be_changed() {
    let existing = "protected as the base commit has it; only a glob of `writes` allows a change";
    let protected = "protected; only a glob of `writes` allows it";
    for (script, path, reason) in [
        ("rm tests/old_test.txt", "tests/old_test.txt", existing),
        ("mv tests/old_test.txt tests/new_test.txt", "tests/old_test.txt", existing),
        ("echo true > scripts/check.sh", "scripts/check.sh", existing),
        ("echo x >> .github/workflows/ci.yml", ".github/workflows/ci.yml", protected),
        ("echo x > .github/workflows/new.yml", ".github/workflows/new.yml", protected),
        ("echo stages > .gitlab-ci.yml", ".gitlab-ci.yml", protected),
        ("echo x >> docs/constitution.md", "docs/constitution.md", protected),
        ("echo >> spec.eufm", "spec.eufm", protected),
        ("echo > plan.lock", "plan.lock", protected),
    ] {
        let project = open(&format!("echo 2 > src/app.txt; {script}"), None);
        let lock = project.read("plan.lock").replace("\"attempts <= 2\"", "\"attempts <= 1\"");
        assert!(lock.contains("[protected]"), "{lock}");
        let spec = project.read("spec.eufm").replace("attempts <= 2", "attempts <= 1");
        project.write("spec.eufm", spec);
        project.compile().expect(0);
        let done = project.exec_agents().run().expect(1);
        done.shows(&[&format!("{path}: {reason}")]);
        let refused = project.facts("work", "refused");
        let kept = refused[0]["salvage"].as_str().expect("the work is kept");
        let vault = project.state().join("vault.git");
        let vault = vault.to_str().expect("a plain path");
        let shown = project.git(&["--git-dir", vault, "show", &format!("{kept}:src/app.txt")]);
        assert_eq!(shown, "2", "{script}");
        project.nothing_is_left();
    }
}
