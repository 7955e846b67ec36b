//! Two nodes that may write the same file: the later one works on what the earlier
//! one has left, and nothing is to be merged.

use crate::support::Project;

/// Two agents that change the same line and do not need each other, and a command
/// that needs the second.
const SPEC: &str = r#"edition 1
pipeline night { base = "main", budget { parallel <= 2 } }
agent builder is codex { cli = "0.169.0", model = "gpt-5.5" }
gate sound is command { run = ["sh", "-c", "grep -q first words.txt"] }
task first by builder { prompt = "Say first.", writes = ["words.txt"], gates = [sound] }
task second by builder { prompt = "Say second.", writes = ["*.txt"] }
command both { needs = [second], run = ["cp", "words.txt", "both.md"], writes = ["both.md"] }
"#;

/// What the two agents run.
fn project(first: &str, second: &str) -> Project {
    let project = Project::new(&[("words.txt", "none\n")]);
    project.write("spec.eufm", SPEC);
    project.compile().expect(0);
    let mut cassette = "format = 1\n".to_owned();
    for (node, shell) in [("first", first), ("second", second)] {
        cassette.push_str(&format!("\n[[node.{node}]]\nshell = '''{shell}'''\n"));
        cassette.push_str(&format!("\n[[node.{node}]]\nsay = \"Done.\"\n"));
    }
    project.write("cassette.toml", cassette);
    project
}

#[test]
fn two_agents_change_the_same_line_in_turn_and_there_is_nothing_to_merge() {
    let project = project("echo first > words.txt", "sed -i 's/$/, second/' words.txt");
    assert!(project.read("plan.lock").contains("needs = []\nafter_writer = [\"first\"]\n"));
    project.exec_agents().run().expect(0);
    assert_eq!(project.merged("words.txt"), "first, second");
    assert_eq!(project.merged("both.md"), "first, second");
    assert_eq!(project.facts("second", "conflicted").len(), 0);
    project.nothing_is_left();
}

#[test]
fn a_writer_that_fails_holds_nothing_back() {
    let project = project("echo wrong > words.txt", "sed -i 's/$/, second/' words.txt");
    project.exec_agents().run().expect(1).says(&["failed: gate sound did not pass"]);
    assert_eq!(project.merged("words.txt"), "none, second", "on the base alone");
    assert_eq!(project.merged("both.md"), "none, second");
    project.nothing_is_left();
}

#[test]
fn a_runner_that_is_killed_in_the_later_one_goes_on_from_the_same_base() {
    let wait = "touch at-work.txt; sleep 100";
    let project = project("echo first > words.txt", wait);
    let runner = project.exec_agents().start();
    project.wait_for_file("at-work.txt");
    runner.kill();
    project.nothing_runs();
    let cassette = project.read("cassette.toml");
    project.write("cassette.toml", cassette.replace(wait, "sed -i 's/$/, second/' words.txt"));
    project.exec_agents().run().expect(0);
    assert_eq!(project.merged("both.md"), "first, second");
    let started = project.facts("second", "started");
    assert!(started.len() > 1 && started.iter().all(|it| it["base"] == started[0]["base"]));
    project.nothing_is_left();
}
