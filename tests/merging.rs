//! Results that contradict each other: the agent of the later one resolves it,
//! within its gates, or the run says so.

use crate::support::{Ended, Project};

/// Two agents that change the same line, and a command that needs both.
const SPEC: &str = r#"edition 1
pipeline night { base = "main", budget { parallel <= 2 } }
agent builder is codex { cli = "0.169.0", model = "gpt-5.5" }
gate sound is command { run = ["sh", "-c", "cat words.* | grep -q second"] }
task first by builder { prompt = "Say first.", writes = ["words.txt"], overlap = merge }
task second by builder {
  prompt  = "Say second."
  writes  = ["words.txt"]
  overlap = merge
  gates   = [sound]
  budget { attempts <= 2 }
}
command both {
  needs  = [first, second]
  run    = ["cp", "words.txt", "both.txt"]
  writes = ["both.txt"]
}
"#;

/// What an agent does in one turn: it runs a shell line, then says so.
fn turn(node: &str, shell: &str) -> String {
    format!("\n[[node.{node}]]\nshell = '''{shell}'''\n\n[[node.{node}]]\nsay = \"Done.\"\n")
}

/// The turns of the second node after its first one.
fn project(resolution: &[&str]) -> Project {
    let project = Project::new(&[("words.txt", "none\n")]);
    project.write("spec.eufm", SPEC);
    project.compile().expect(0);
    let mut cassette = "format = 1\n".to_owned();
    cassette.push_str(&turn("first", "echo first > words.txt"));
    cassette.push_str(&turn("second", "echo second > words.txt"));
    resolution.iter().for_each(|shell| cassette.push_str(&turn("second", shell)));
    project.write("cassette.toml", cassette);
    project
}

#[test]
fn the_agent_of_the_later_result_resolves_the_conflict_and_others_build_on_that() {
    // Both sides stand between marks: without them the line would end the turn.
    let project = project(&["grep -q '^<<<<<<<' words.txt && echo first, second > words.txt"]);
    let ended = project.exec_agents().run().expect(0);
    ended.says(&[
        "second: merge conflict in words.txt; its agent resolves it",
        "second: merged, branch at",
    ]);
    assert_eq!(project.merged("words.txt"), "first, second");
    assert_eq!(project.merged("both.txt"), "first, second");
    assert_eq!(project.facts("second", "committed").len(), 1, "its result stands as it was");
    assert_eq!(project.facts("second", "conflicted").len(), 1);
    project.nothing_is_left();
}

#[test]
fn a_resolution_must_pass_the_gates_and_have_no_marks_left() {
    let project = project(&["true", "echo first > words.txt"]);
    let ended = project.exec_agents().run().expect(1);
    let ended = ended.says(&["second: failed: merge conflict with the branch: words.txt"]);
    assert!(
        ended.stdout.contains("not resolved: The gate `sound` did not pass"),
        "{}",
        ended.stdout
    );
    assert_eq!(project.merged("words.txt"), "first", "what was merged before stays");
    assert_eq!(project.facts("both", "started").len(), 0, "what needs both cannot start");
    // In the session of the node, each try was told why the one before was not enough.
    let told = std::fs::read_dir(project.run_dir().join("nodes")).expect("nodes").flatten();
    let logs = told.map(|node| node.path()).find(|path| path.ends_with("0001-second"));
    let sessions = logs.expect("the node's folder").join("sessions");
    let texts: String =
        walk(&sessions).iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    assert!(texts.contains("contradicts what others have done"), "the task was told");
    assert!(texts.contains("There are still marks of the conflict in words.txt"));
}

#[test]
fn a_second_try_at_a_resolution_may_be_good_enough() {
    let project = project(&["true", "echo first, second > words.txt"]);
    project.exec_agents().run().expect(0);
    assert_eq!(project.merged("both.txt"), "first, second");
}

#[test]
fn a_runner_that_is_killed_while_a_conflict_is_resolved_begins_that_anew() {
    let project = project(&["touch at-work; sleep 100", "echo first, second > words.txt"]);
    let runner = project.exec_agents().start();
    project.wait_for_file("at-work");
    runner.kill();
    project.nothing_runs();
    let cassette = project.read("cassette.toml").replace("touch at-work; sleep 100", "true");
    project.write("cassette.toml", cassette);
    project.exec_agents().run().expect(0);
    assert_eq!(project.merged("both.txt"), "first, second");
    assert_eq!(project.facts("second", "conflicted").len(), 1);
    project.nothing_is_left();
}

#[test]
fn the_agent_of_a_result_that_was_taken_over_resolves_a_conflict_too() {
    let project = project(&["echo first, second > words.txt"]);
    project.exec_agents().run().expect(0);
    let spec = project.read("spec.eufm").replace("Say first.", "Say first aloud.");
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    // The second node begins with the conflict: it does nothing else in this run.
    let turns = turn("first", "echo FIRST > words.txt") + &turn("second", "echo both > words.txt");
    let turns = turns.replace("echo both", "echo FIRST, second");
    project.write("cassette.toml", format!("format = 1\n{turns}"));
    let ended = project.exec_agents().run().expect(0);
    ended.says(&["second: taken from run", "second: merge conflict in words.txt"]);
    project.nothing_is_left();
}

#[test]
fn commands_that_contradict_each_other_fail_the_later_one() {
    let spec = r#"edition 1
pipeline night { base = "main", budget { parallel <= 2 } }
command first  { run = ["sh", "-c", "echo first > words.txt"], writes = ["words.txt"], overlap = merge }
command second { run = ["sh", "-c", "echo second > words.txt"], writes = ["words.txt"], overlap = merge }
"#;
    let project = Project::of_spec(spec);
    let ended = project.exec().run().expect(1);
    ended.says(&["second: failed: merge conflict with the branch: words.txt"]);
    assert_eq!(project.merged("words.txt"), "first");
}

/// Answers the question of the second node.
fn answer(project: &Project, words: &[&str]) -> Ended {
    project.eufm().args(words).arg("--state").arg(project.state()).run()
}

#[test]
fn a_conflict_that_the_agent_does_not_resolve_is_asked_about_where_the_plan_says_so() {
    let project = project(&["true", "true", "echo first, second > words.txt"]);
    let spec = project
        .read("spec.eufm")
        .replace("gates   = [sound]", "gates   = [sound], on_fail = escalate");
    project.write("spec.eufm", spec);
    project.compile().expect(0);
    project.exec_agents().run().expect(6).says(&[
        "second: a person is asked: merge conflict with the branch: words.txt; not resolved",
        "second: waits for a person",
    ]);
    answer(&project, &["approve", "second", "--note", "Keep both words."]).expect(0);
    project.exec_agents().run().expect(0);
    assert_eq!(project.merged("both.txt"), "first, second");
    let told = walk(&project.run_dir().join("nodes"));
    let told: String = told.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    assert!(told.contains("A person who looked at this says"), "the note reaches the agent");
    assert!(told.contains("Keep both words."));
    project.nothing_is_left();
}

#[test]
fn a_person_resolves_a_conflict_with_a_commit_of_their_own_or_leaves_the_result_out() {
    let spec = r#"edition 1
pipeline night { base = "main", budget { parallel <= 2 } }
gate sound is command { run = ["sh", "-c", "cat words.* | grep -q second"] }
command first  { run = ["sh", "-c", "echo first > words.txt"], writes = ["words.txt"], overlap = merge }
command second {
  run     = ["sh", "-c", "echo second > words.txt"]
  writes  = ["words.txt"]
  overlap = merge
  on_fail = escalate
  gates   = [sound]
}
"#;
    let project = Project::of_spec(spec);
    project.exec().run().expect(6);
    let vault = project.state().join("vault.git");
    let (vault, branch) = (vault.to_str().expect("a path"), project.branch());
    let result =
        project.facts("second", "committed")[0]["commit"].as_str().expect("a commit").to_owned();
    project.git(&["fetch", "-q", vault, &result]);
    // As in a worktree of their own: both sides merged, with these words.
    let resolve = |words: &str, parents: &[&str]| {
        project.write("words.txt", words);
        let blob = project.git(&["hash-object", "-w", "words.txt"]);
        let entry = format!("100644,{blob},words.txt");
        project.git(&["read-tree", &branch]);
        project.git(&["update-index", "--add", "--cacheinfo", &entry]);
        let tree = project.git(&["write-tree"]);
        let parents = parents.iter().flat_map(|parent| ["-p", parent]);
        let commit = ["commit-tree", &tree, "-m", "by hand"].into_iter().chain(parents);
        project.git(&commit.collect::<Vec<_>>())
    };
    let half = resolve("first, second\n", &[&branch]);
    let bad = resolve("first\n", &[&branch, &result]);
    let good = resolve("first, second\n", &[&branch, &result]);
    answer(&project, &["approve", "second", "--take", "HEAD"]).expect(2).says(&["`take`: "]);
    for (commit, reason) in [(&half, "does not contain the result"), (&bad, "did not pass")] {
        answer(&project, &["approve", "second", "--take", commit]).expect(0);
        project.exec().run().expect(6).says(&["what was to be taken is not", reason]);
    }
    answer(&project, &["approve", "second", "--take", &good]).expect(0);
    project.exec().run().expect(0);
    assert_eq!(project.merged("words.txt"), "first, second");
    assert_eq!(project.git(&["rev-parse", &branch]), good);

    let project = Project::of_spec(spec);
    project.exec().run().expect(6);
    answer(&project, &["reject", "second"]).expect(0);
    project.exec().run().expect(1);
    assert_eq!(project.merged("words.txt"), "first");
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
