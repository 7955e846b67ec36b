//! Runs that are recorded and replayed: the real Codex CLI, with a provider on
//! this host that a test scripts, and then without any.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::support::corpus::below;
use crate::support::{Act, Asked, Invocation, Project, Provider, SPEC, codex, demo, until};

/// What must not be found anywhere.
const KEY: &str = "sk-canary-0123456789abcdef";

/// The story, told by a provider: a greeting that its gate does not pass at
/// first, and notes.
fn story(asked: &Asked) -> Act {
    let run = |line: &str| Act::Shell(line.to_owned());
    let say = |text: &str| Act::Say(text.to_owned());
    let greet = r#"printf 'def greet(name):\n    return f"Hello, {name}!"\n' > hello/greet.py"#;
    let better = r#"printf 'def greet(name):\n    return "Hello, " + (name or "world") + "!"\n' > hello/greet.py"#;
    let is_told = asked.says("did not pass");
    match (asked.says("NOTES.md about"), step(asked)) {
        (true, 0) => run("echo '# hello' > NOTES.md"),
        (true, _) => say("The notes are there."),
        (false, 0) => run(greet),
        // A directory listing has times in it.
        (false, 1) if is_told => run(&format!("ls -l hello; {better}; mktemp")),
        (false, _) => say("The greeting is there."),
    }
}

/// Returns how many commands have been run to their end: a model makes those
/// again that an interruption cut short.
fn step(asked: &Asked) -> usize {
    let body: Value = serde_json::from_str(&asked.body).expect("a request is JSON");
    let input = body["input"].as_array().expect("it has a history").iter();
    let outputs = input.filter(|item| item["type"] == "function_call_output");
    outputs.filter(|item| item["output"] != "aborted").count()
}

/// Makes the story's project, for a provider at this address.
fn project(url: &str, change: impl Fn(&str) -> String) -> Project {
    let project = demo();
    let agent = r#"model = "gpt-5.5""#;
    let spec = SPEC.replace(agent, &format!(r#"{agent}, url = "{url}""#));
    project.write("spec.eufm", change(&spec));
    project.compile().expect(0);
    project
}

fn as_it_is(spec: &str) -> String {
    spec.to_owned()
}

fn exec(project: &Project) -> Invocation {
    project.exec().arg("--codex").arg(codex())
}

fn record(project: &Project, tape: &Path) -> Invocation {
    exec(project).env("OPENAI_API_KEY", KEY).arg("--record").arg(tape)
}

/// Replays what was recorded; there is no key, and nobody to ask.
fn replay(project: &Project, tape: &Path) -> Invocation {
    exec(project).arg("--replay").arg(tape)
}

fn tape(project: &Project) -> PathBuf {
    project.root().join("tape")
}

/// Returns what a run used, by node.
fn usage(project: &Project) -> Vec<Value> {
    let text = fs::read_to_string(project.run_dir().join("run.json")).expect("a report");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let nodes = report["nodes"].as_array().expect("nodes").iter();
    nodes.map(|node| serde_json::json!([node["node"], node["usage"], node["attempts"]])).collect()
}

/// Looks for the key in all files of a folder.
#[track_caller]
fn holds_no_key(folder: &Path) {
    let files = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
    let mut count = 0;
    for file in files.filter(|file| file.file_type().is_file()) {
        let bytes = fs::read(file.path()).expect("a file can be read");
        let holds = bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes());
        assert!(!holds, "{} holds the key", file.path().display());
        count += 1;
    }
    assert!(count > 0, "{} is empty", folder.display());
}

/// Counts the answers of a run that may not have begun yet.
fn replied(project: &Project) -> usize {
    let dirs = fs::read_dir(project.state().join("runs")).into_iter().flatten();
    let journals = dirs.filter_map(|dir| fs::read_to_string(dir.ok()?.path().join("journal")).ok());
    journals.map(|journal| journal.matches("\"replied\"").count()).sum()
}

#[test]
fn a_recorded_run_is_replayed_without_a_provider() {
    let provider = Provider::start(story);
    let first = project(&provider.url(), as_it_is);
    record(&first, &tape(&first)).run().expect(0);
    let asked = provider.asked();
    assert!(asked.iter().all(|asked| asked.authorization.contains(KEY)));
    // The same once more is recorded in the same bytes.
    let again = project(&provider.url(), as_it_is);
    record(&again, &tape(&again)).run().expect(0);
    assert_eq!(below(&tape(&again)).0, below(&tape(&first)).0);
    let url = provider.url();
    drop(provider);

    let check = ["cassette", "check", "--plan", "plan.lock"];
    first.eufm().args(check).arg(tape(&first)).run().expect(0);
    let shown = first.eufm().args(["cassette", "show"]).arg(tape(&first)).run().expect(0);
    shown.shows(&["Write hello/greet.py", "did not pass", "The greeting is there.", "<time>"]);
    holds_no_key(&tape(&first));
    holds_no_key(&first.state());

    let second = project(&url, as_it_is);
    replay(&second, &tape(&first))
        .run()
        .expect(0)
        .says(&["the model's replies come from a recording"]);
    assert_eq!(second.tree(), first.tree());
    assert_eq!(usage(&second), usage(&first));
    assert_eq!(second.facts("greet", "replied").len(), first.facts("greet", "replied").len());
}

#[test]
fn a_changed_prompt_is_the_first_difference_and_order_alone_passes_it() {
    let provider = Provider::start(story);
    let first = project(&provider.url(), as_it_is);
    record(&first, &tape(&first)).run().expect(0);
    let changed = |spec: &str| spec.replace("with greet(name).", "with greet(name), and no more.");
    let second = project(&provider.url(), changed);
    drop(provider);

    replay(&second, &tape(&first)).run().expect(7).shows(&[
        "nodes/greet.toml:4: node `greet`: the request differs from exchange 1",
        "with greet(name).\"",
        "with greet(name), and no more.\"",
    ]);
    replay(&second, &tape(&first)).args(["--loose", "--retry"]).run().expect(0);
    assert_eq!(second.tree(), first.tree());
}

#[test]
fn a_broken_answer_is_recorded_and_breaks_again() {
    let is_cut = AtomicBool::new(false);
    let provider = Provider::start(move |asked| {
        let is_first = asked.says("NOTES.md about") && !is_cut.swap(true, Ordering::SeqCst);
        if is_first { Act::Cut } else { story(asked) }
    });
    let first = project(&provider.url(), as_it_is);
    record(&first, &tape(&first)).run().expect(0);
    let text = fs::read_to_string(tape(&first).join("nodes/readme.toml")).expect("a file");
    assert!(text.contains("broken = true"), "{text}");
    let second = project(&provider.url(), as_it_is);
    drop(provider);
    replay(&second, &tape(&first)).run().expect(0);
    assert_eq!(second.tree(), first.tree());
    assert_eq!(usage(&second), usage(&first));
}

#[test]
fn what_an_agent_saw_of_an_answer_that_failed_is_recorded() {
    let error = serde_json::json!({"code": "server_is_overloaded", "message": "Try again."});
    let provider =
        Provider::start(move |asked| match (asked.says("NOTES.md about"), step(asked)) {
            // The agent runs the command, and asks again with what it put out.
            (true, 0) => Act::FailBehind("echo '# hello' > NOTES.md".to_owned(), error.clone()),
            _ => story(asked),
        });
    let first = project(&provider.url(), as_it_is);
    record(&first, &tape(&first)).run().expect(0);
    let text = fs::read_to_string(tape(&first).join("nodes/readme.toml")).expect("a file");
    assert!(text.contains("broken = true"), "{text}");
    let second = project(&provider.url(), as_it_is);
    drop(provider);
    replay(&second, &tape(&first)).run().expect(0);
    assert_eq!(second.tree(), first.tree());
}

#[test]
fn recording_and_replaying_survive_kills() {
    let provider = Provider::start(story);
    let first = project(&provider.url(), as_it_is);
    let file = tape(&first).join("nodes/greet.toml");
    for exchanges in 1..=3 {
        let running = record(&first, &tape(&first)).start();
        until("an exchange", || {
            let text = fs::read_to_string(&file).unwrap_or_default();
            (text.matches("\nwhole = true\n").count() >= exchanges).then_some(())
        });
        running.kill();
    }
    record(&first, &tape(&first)).run().expect(0);
    let second = project(&provider.url(), as_it_is);
    drop(provider);

    for replies in [1, 3, 5] {
        // A recording with kills in it may have fewer replies.
        let mut running = replay(&second, &tape(&first)).start();
        until("a reply", || (running.has_ended() || replied(&second) >= replies).then_some(()));
        running.kill();
    }
    replay(&second, &tape(&first)).run().expect(0);
    assert_eq!(second.tree(), first.tree());
}

#[test]
fn an_error_that_ends_a_run_is_recorded_without_the_key() {
    let body = format!(
        r#"{{"error":{{"message":"Incorrect API key provided: {KEY}","code":"invalid_api_key"}}}}"#
    );
    let provider = Provider::start(move |_| Act::Refuse(401, String::new(), body.clone()));
    let first = project(&provider.url(), as_it_is);
    let recorded = record(&first, &tape(&first)).run().expect(7);
    let second = project(&provider.url(), as_it_is);
    drop(provider);
    holds_no_key(&tape(&first));
    holds_no_key(&first.state());
    let replayed = replay(&second, &tape(&first)).run().expect(7);
    for ended in [recorded, replayed] {
        ended.shows(&["greet", "Incorrect API key provided"]).keeps_quiet_about(KEY);
    }
}
