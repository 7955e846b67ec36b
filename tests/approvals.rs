//! People: planned questions, answers by command and by file, and what is asked
//! when a node did not succeed.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Project, until};

/// One node on either side of an approval, and one that has nothing to do with it.
const RELEASE: &str = r#"edition 1
pipeline night { base = "main", budget { parallel <= 2 } }
command build   { run = ["sh", "-c", "echo built > out.txt"], writes = ["out.txt"] }
approval release { needs = [build], ask = "Release to staging?" }
command announce { needs = [release], run = ["sh", "-c", "echo out > news.txt"], writes = ["news.txt"] }
command other    { run = ["sh", "-c", "echo other > other.txt"], writes = ["other.txt"] }
"#;

/// Fails until a person has had a look: the file `ready` stands for what they mended
/// on the host. `in_place` sees it.
const FLAKY: &str = r#"edition 1
pipeline night { base = "main" }
command probe {
  run      = ["sh", "-c", "test -e ../ready"]
  in_place = true
  on_fail  = escalate
}
command after { needs = [probe], run = ["true"] }
"#;

fn questions(project: &Project) -> Vec<Value> {
    let listed = project.eufm().args(["approve", "--json", "--state"]).arg(project.state()).run();
    let document: Value = serde_json::from_str(&listed.expect(0).stdout).expect("JSON");
    document["questions"].as_array().expect("a list").clone()
}

fn answer(project: &Project, words: &[&str]) -> crate::support::Ended {
    project.eufm().args(words).arg("--state").arg(project.state()).run()
}

fn states(project: &Project) -> Vec<String> {
    let report = std::fs::read_to_string(project.run_dir().join("run.json")).expect("a report");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let nodes = report["nodes"].as_array().expect("nodes");
    let word = |node: &Value, key: &str| node[key].as_str().unwrap_or_default().to_owned();
    nodes.iter().map(|node| format!("{} {}", word(node, "node"), word(node, "state"))).collect()
}

fn facts(project: &Project, name: &str) -> usize {
    let event = |record: &Value| record["event"].get("node")?.get(name).cloned();
    project.journal().iter().filter(|record| event(record).is_some()).count()
}

#[test]
fn only_what_is_behind_an_approval_waits_and_the_next_run_goes_on() {
    let project = Project::of_spec(RELEASE);
    let first = project.exec().run().expect(6);
    let first = first.says(&["release: waits for a person: Release to staging?"]);
    assert!(first.stdout.contains("is waiting for a person: release"), "{}", first.stdout);
    assert!(first.stdout.contains("eufm approve release, or eufm reject release"));
    let waiting = ["build committed", "release waiting", "announce pending", "other committed"];
    assert_eq!(states(&project), waiting);

    // Silence is no answer, however often it is asked for.
    project.exec().run().expect(6);
    assert_eq!(facts(&project, "questioned"), 1, "a person is asked once");

    let asked = questions(&project);
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (&asked[0]["node"], &asked[0]["ask"]),
        (&json!("release"), &json!("Release to staging?"))
    );
    let listed = answer(&project, &["approve"]).expect(0).stdout;
    assert!(listed.starts_with("release (approval): Release to staging?\n"), "{listed}");

    answer(&project, &["approve", "release", "--note", "go", "--by", "anna"]).expect(0);
    assert_eq!(questions(&project)[0]["answered"], json!(true));
    answer(&project, &["approve", "release"]).expect(2).says(&["is answered already"]);

    let last = project.exec().run().expect(0);
    let last = last.says(&["release: approved by anna: go"]);
    assert!(last.stdout.contains("approved by anna: go"), "{}", last.stdout);
    assert_eq!(questions(&project), [json!(null); 0]);
    assert_eq!((facts(&project, "questioned"), facts(&project, "answered")), (1, 1));
    let branch = project.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/eufm/"]);
    assert_eq!(project.git(&["ls-tree", "-r", "--name-only", &branch]).lines().count(), 4);
    answer(&project, &["approve", "release"]).expect(2).says(&["release asks nothing"]);
}

#[test]
fn what_is_rejected_fails_with_the_reason_and_what_is_behind_it_is_blocked() {
    let project = Project::of_spec(RELEASE);
    project.exec().run().expect(6);
    answer(&project, &["reject", "release", "--note", "not on a friday", "--by", "anna"]).expect(0);
    let ended = project.exec().run().expect(1);
    assert!(ended.stdout.contains("rejected by anna: not on a friday"), "{}", ended.stdout);
    let all = ["build committed", "release failed", "announce blocked", "other committed"];
    assert_eq!(states(&project), all);
    // A person may think again; then they are asked again.
    project.exec().arg("--retry").run().expect(6);
    answer(&project, &["approve", "release"]).expect(0);
    project.exec().run().expect(0);
}

#[test]
fn an_answer_file_of_another_program_counts_if_it_is_for_this_plan_and_this_tree() {
    let project = Project::of_spec(RELEASE);
    project.exec().run().expect(6);
    let asked = questions(&project).remove(0);
    let file = PathBuf::from(asked["answer"].as_str().expect("a path"));
    let mut answer = json!({
        "decision": "approve",
        "by": "engine",
        "at": "2026-11-27T03:00:00Z",
        "plan": asked["plan"],
        "tree": "a".repeat(40),
    });
    let write = |answer: &Value| std::fs::write(&file, answer.to_string()).expect("written");
    write(&answer);
    project.exec().run().expect(6).says(&["release: an answer is not taken: it is for the tree"]);
    answer["tree"] = asked["tree"].clone();
    answer["plan"] = json!(format!("sha256:{}", "a".repeat(64)));
    write(&answer);
    project.exec().run().expect(6).says(&["it is for another plan"]);
    answer["plan"] = asked["plan"].clone();
    answer["decision"] = json!("perhaps");
    write(&answer);
    project.exec().run().expect(6).says(&["unknown variant `perhaps`"]);
    assert_eq!(facts(&project, "answered"), 0);
    answer["decision"] = json!("approve");
    write(&answer);
    project.exec().run().expect(0).says(&["release: approved by engine"]);
    assert!(!file.exists(), "an answer that was taken is gone");
}

#[test]
fn an_answer_can_be_bound_to_the_tree_that_was_looked_at() {
    let project = Project::of_spec(RELEASE);
    project.exec().run().expect(6);
    let tree = questions(&project)[0]["tree"].as_str().expect("a tree").to_owned();
    let other = answer(&project, &["approve", "release", "--tree", "0123456789ab"]).expect(2);
    other.says(&["release asks about the tree"]);
    answer(&project, &["approve", "release", "--tree", &tree[..12]]).expect(0);
    project.exec().run().expect(0);
}

#[test]
fn a_run_that_is_to_wait_takes_the_answer_while_it_runs() {
    let project = Project::of_spec(RELEASE);
    let runner = project.exec().arg("--wait").start();
    until("the question lies there", || (facts(&project, "questioned") == 1).then_some(()));
    until("the question is laid out", || questions(&project).pop());
    answer(&project, &["approve", "release", "--by", "anna"]).expect(0);
    runner.wait().expect(0).says(&["release: approved by anna"]);
    let is_stop = |record: &Value| record["event"]["run"].get("stopped").is_some();
    assert!(!project.journal().iter().any(is_stop));
}

#[test]
fn a_node_that_did_not_succeed_asks_and_tries_again_or_gives_up() {
    let project = Project::of_spec(FLAKY);
    project.exec().run().expect(6).says(&["probe: did not succeed, a person is asked"]);
    assert_eq!(questions(&project)[0]["about"], json!("escalation"));
    // Nothing was mended: it fails again, and asks again.
    answer(&project, &["approve", "probe"]).expect(0);
    project.exec().run().expect(6);
    assert_eq!(facts(&project, "questioned"), 2);
    std::fs::write(project.root().join("ready"), "").expect("written");
    answer(&project, &["approve", "probe", "--note", "mended"]).expect(0);
    project.exec().run().expect(0);

    let project = Project::of_spec(FLAKY);
    project.exec().run().expect(6);
    answer(&project, &["reject", "probe"]).expect(0);
    let ended = project.exec().run().expect(1);
    assert!(ended.stdout.contains("exit status 1"), "the failure is the node's: {}", ended.stdout);
    assert_eq!(states(&project), ["probe failed", "after blocked"]);
}

#[test]
fn a_failure_that_stops_the_run_lets_nothing_more_begin() {
    let spec = r#"edition 1
pipeline night { base = "main", budget { parallel <= 1 } }
command first  { run = ["false"], on_fail = stop }
command second { run = ["true"] }
"#;
    let project = Project::of_spec(spec);
    project.exec().run().expect(1);
    assert_eq!(states(&project), ["first failed", "second cancelled"]);
}

#[test]
fn a_node_may_go_on_with_those_of_its_needs_that_succeeded() {
    let spec = r#"edition 1
pipeline night { base = "main" }
command good { run = ["sh", "-c", "echo 1 > good.txt"], writes = ["good.txt"] }
command bad  { run = ["false"] }
command sum  { needs = [good, bad], accept = succeeded, run = ["sh", "-c", "cat good.txt > sum.txt"], writes = ["sum.txt"] }
approval gate { needs = [good], ask = "Well?" }
command past { needs = [good, gate], accept = succeeded, run = ["true"] }
"#;
    let project = Project::of_spec(spec);
    project.exec().run().expect(6);
    answer(&project, &["reject", "gate"]).expect(0);
    project.exec().run().expect(1);
    let all = ["good committed", "bad failed", "sum committed", "gate failed", "past blocked"];
    assert_eq!(states(&project), all);
    let branch = project.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/eufm/"]);
    assert_eq!(project.git(&["show", &format!("{branch}:sum.txt")]), "1");
}

#[test]
fn what_a_person_wrote_is_an_input_of_what_is_behind_the_approval() {
    let spec = r#"edition 1
pipeline night { base = "main" }
approval release { ask = "Which?" }
command ship {
  inputs = [release.note]
  run    = ["cp", "/in/release/note", "note.txt"]
  writes = ["note.txt"]
}
"#;
    let project = Project::of_spec(spec);
    project.exec().run().expect(6);
    answer(&project, &["approve", "release", "--note", "the blue one"]).expect(0);
    project.exec().run().expect(0);
    assert_eq!(project.merged("note.txt"), "the blue one");
}

#[test]
fn what_an_approval_reads_is_laid_out_for_the_person() {
    let spec = r#"edition 1
pipeline night { base = "main" }
command numbers { run = ["sh", "-c", "echo 7 of 9; echo 1 > made.txt"], writes = ["made.txt"] }
approval release { inputs = [numbers.stdout, numbers.file("made.txt")], ask = "Which?" }
"#;
    let project = Project::of_spec(spec);
    project.exec().run().expect(6);
    let listed = answer(&project, &["approve"]).expect(0).stdout;
    let files: Vec<&str> =
        listed.lines().filter_map(|line| line.trim().strip_prefix("read     ")).collect();
    let read = |file: &&str| std::fs::read_to_string(file).expect("it is there");
    assert_eq!(files.iter().map(read).collect::<Vec<_>>(), ["1\n", "7 of 9\n"], "{listed}");
}

#[test]
fn a_run_of_a_plan_that_was_compiled_again_since_can_still_be_answered() {
    let project = Project::of_spec(RELEASE);
    project.exec().run().expect(6);
    project.write("spec.eufm", RELEASE.replace("to staging", "to production"));
    project.compile().expect(0);
    let plan = project.run_dir().join("plan.lock");
    let plan = plan.to_str().expect("a path");
    answer(&project, &["approve"]).expect(0).shows(&["Release to staging?", plan]);
    answer(&project, &["approve", "release"]).expect(2).says(&["a run of another plan", plan]);
    answer(&project, &["approve", "release", plan]).expect(0);
    let exec = project.eufm().args(["exec", plan, "--repo"]).arg(project.repo());
    exec.arg("--state").arg(project.state()).run().expect(0);
}
