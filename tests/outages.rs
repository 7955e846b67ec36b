//! Providers that hang, break and go away, with the real Codex CLI: what
//! waiting mends is waited for and costs no attempt, what it does not mend ends
//! at once, and no wait is without an end.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::{Act, Asked, Invocation, Project, Provider, codex, until};

/// No other text holds it.
const KEY: &str = "sk-outage-7e1c5b90d2a44f6e";

/// A project with as many tasks of an agent whose model the provider is.
fn project(provider: &Provider, tasks: usize) -> Project {
    let task = |number: usize| {
        format!(
            "task n{number} by builder {{ prompt = \"Do n{number}.\", writes = [\"n{number}/**\"], \
             budget {{ attempts <= 1 }} }}\n"
        )
    };
    let tasks: String = (0..tasks).map(task).collect();
    let project = Project::of_spec(&format!(
        "edition 1\npipeline night {{ base = \"main\", budget {{ wall <= 10 min, parallel <= 8 }} }}\n\
         agent builder is codex {{ cli = \"0.169.0\", model = \"gpt-5.5\", url = \"{}\" }}\n{tasks}",
        provider.url()
    ));
    // Limits that a test can wait for.
    let config = "[provider]\nconnect = \"2 s\"\nfirst_byte = \"2 s\"\nidle = \"2 s\"\n";
    project.write("../home/.config/eufm/config.toml", config);
    project.write("../key", format!("{KEY}\n"));
    let mine = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(project.root().join("key"), mine).expect("it is ours");
    project
}

fn exec(project: &Project, more: &[&str]) -> Invocation {
    let key = project.root().join("key");
    project.exec().arg("--codex").arg(codex()).arg("--key-file").arg(key).args(more)
}

/// What the model does for a node: two files, then it is done.
fn work(asked: &Asked) -> Act {
    let node = (0..8).map(|number| format!("n{number}"));
    let node = node.into_iter().find(|node| asked.says(&format!("Do {node}."))).expect("a node");
    match asked.step() {
        0 => Act::Shell(format!("mkdir -p {node} && echo a > {node}/a.txt")),
        1 => Act::Shell(format!("echo b > {node}/b.txt")),
        _ => Act::Say("Done.".to_owned()),
    }
}

fn refuse(status: u16, headers: &str, error: &serde_json::Value) -> Act {
    Act::Refuse(status, headers.to_owned(), json!({ "error": error }).to_string())
}

/// No request that was answered to its end was sent again.
fn assert_nothing_asked_twice(provider: &Provider) {
    let asked = provider.asked();
    let answered: Vec<&str> =
        asked.iter().filter(|asked| asked.is_answered).map(|asked| asked.body.as_str()).collect();
    let distinct: BTreeSet<&str> = answered.iter().copied().collect();
    assert_eq!(distinct.len(), answered.len(), "an answered request was sent again");
}

/// Runs one task with a provider that does the same to each request, until the
/// run gives up; returns what was said.
fn gives_up(act: Act, words: &str) {
    let provider = Provider::start(move |_| act.clone());
    let project = project(&provider, 1);
    let ended = exec(&project, &["--max-outage", "2s"]).run().expect(7);
    let said = format!("{}\n{}", ended.stdout, ended.stderr);
    assert!(said.contains(&format!("provider away ({words})")), "{words:?} is not said:\n{said}");
    assert!(!provider.asked().is_empty());
    project.nothing_is_left();
    // It can go on: the attempt was not used up.
    assert_eq!(project.facts("n0", "started").len(), 1);
}

#[test]
fn one_who_says_nothing_is_given_up() {
    gives_up(Act::Silence, "no answer");
}

#[test]
fn one_who_stalls_is_given_up() {
    gives_up(Act::Stall, "the answer stalled");
}

#[test]
fn one_who_breaks_off_is_given_up() {
    gives_up(Act::Cut, "the answer broke off");
}

#[test]
fn one_with_a_fault_is_given_up() {
    gives_up(refuse(500, "", &json!({"message": "oops"})), "overloaded");
}

#[test]
fn one_who_asks_for_a_long_wait_is_given_up() {
    let error = json!({"message": "Slow down.", "code": "rate_limit_exceeded"});
    gives_up(refuse(429, "retry-after: 3600\r\n", &error), "rate limit");
}

#[test]
fn an_account_without_money_is_given_up() {
    let error = json!({"message": "You exceeded your quota.", "type": "insufficient_quota"});
    gives_up(refuse(429, "", &error), "quota exhausted");
}

#[test]
fn an_account_at_its_limit_is_given_up() {
    let error =
        json!({"message": "Limit.", "type": "usage_limit_reached", "resets_in_seconds": 9_000});
    gives_up(refuse(429, "", &error), "usage limit");
}

#[test]
fn one_who_is_not_there_is_given_up() {
    let provider = Provider::start(work);
    let project = project(&provider, 1);
    provider.go_away();
    let ended = exec(&project, &["--max-outage", "2s"]).run().expect(7);
    let said = format!("{}\n{}", ended.stdout, ended.stderr);
    assert!(said.contains("provider away (no connection)"), "{said}");
    // The next day it is there, and the run goes on.
    provider.come_back();
    exec(&project, &[]).run().expect(0);
    assert_eq!(project.merged("n0/b.txt"), "b");
    assert_nothing_asked_twice(&provider);
}

#[test]
fn what_waiting_does_not_mend_ends_at_once() {
    let cases = [
        (refuse(401, "", &json!({"message": "Incorrect API key.", "code": "invalid_api_key"})), 7),
        (refuse(404, "", &json!({"message": "No model.", "code": "model_not_found"})), 7),
        (refuse(400, "", &json!({"message": "Bad.", "code": "invalid_value"})), 1),
        (refuse(400, "", &json!({"message": "Long.", "code": "context_length_exceeded"})), 1),
        (Act::Fail(json!({"message": "Long.", "code": "context_length_exceeded"})), 1),
    ];
    for (act, status) in cases {
        let shown = format!("{act:?}");
        let provider = Provider::start(move |_| act.clone());
        let project = project(&provider, 1);
        let ended = exec(&project, &[]).run();
        assert_eq!(ended.code(), status, "{shown}:\n{}", ended.stderr);
        assert_eq!(provider.asked().len(), 1, "{shown} is asked for once");
    }
}

#[test]
fn each_trouble_that_passes_is_waited_for_within_one_attempt() {
    let number = AtomicUsize::new(0);
    let provider = Provider::start(move |asked| {
        let limit = json!({"code": "rate_limit_exceeded", "message": "try again in 0.5s"});
        let troubles = [
            Act::Cut,
            refuse(500, "", &json!({"message": "oops"})),
            Act::Stall,
            refuse(429, "retry-after: 1\r\n", &json!({"message": "Slow down."})),
            Act::Silence,
            Act::Fail(limit),
        ];
        // Every second request meets one.
        let number = number.fetch_add(1, Ordering::SeqCst);
        let trouble = troubles.get(number / 2).filter(|_| number.is_multiple_of(2));
        trouble.cloned().unwrap_or_else(|| work(asked))
    });
    let project = project(&provider, 3);
    exec(&project, &[]).run().expect(0);
    for node in ["n0", "n1", "n2"] {
        assert_eq!(project.facts(node, "started").len(), 1, "{node} has one attempt");
        assert_eq!(project.merged(&format!("{node}/b.txt")), "b");
    }
    assert_nothing_asked_twice(&provider);
    project.nothing_is_left();
}

/// Looks for the key in what processes show of themselves.
fn processes_with_key() -> Vec<String> {
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").expect("/proc is mounted");
    let mut found = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == own || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        for file in ["cmdline", "environ"] {
            // A process may end between the listing and the reading.
            let bytes = std::fs::read(entry.path().join(file)).unwrap_or_default();
            if holds_key(&bytes) {
                found.push(format!("{name}/{file}"));
            }
        }
    }
    found
}

fn holds_key(bytes: &[u8]) -> bool {
    bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes())
}

/// Lists the files below a folder that hold the key.
fn files_with_key(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        let kind = entry.file_type().expect("a file has a type");
        if kind.is_dir() {
            found.extend(files_with_key(&entry.path()));
        } else if kind.is_file() && holds_key(&std::fs::read(entry.path()).unwrap_or_default()) {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

/// How long the provider is away: no longer than it takes to see it, or as many
/// seconds as the variable says.
fn outage() -> Duration {
    let seconds = std::env::var("EUFM_TEST_OUTAGE").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

#[test]
fn eight_nodes_sleep_through_an_outage_and_go_on() {
    let provider = Arc::new(Provider::start(work));
    let project = project(&provider, 8);
    let running = exec(&project, &[]).start();
    until("the first half of the work", || (provider.asked().len() >= 10).then_some(()));
    provider.go_away();
    until("all nodes to be held", || {
        let held = project.journal().iter().filter(|record| says(record, "held")).count();
        (held >= 4).then_some(())
    });
    assert_eq!(processes_with_key(), Vec::<String>::new());
    std::thread::sleep(outage());
    provider.come_back();
    let ended = running.wait().expect(0);
    for number in 0..8 {
        let node = format!("n{number}");
        assert_eq!(project.facts(&node, "started").len(), 1, "{node} has one attempt");
        assert_eq!(project.merged(&format!("{node}/b.txt")), "b");
    }
    assert_nothing_asked_twice(&provider);
    assert!(provider.asked().iter().all(|asked| asked.authorization == format!("Bearer {KEY}")));
    let given = project.root().join("key").display().to_string();
    assert_eq!(files_with_key(project.root()), [given], "the key is where it was given alone");
    assert!(!ended.stdout.contains(KEY) && !ended.stderr.contains(KEY));
    project.nothing_is_left();
}

fn says(record: &serde_json::Value, word: &str) -> bool {
    record.to_string().contains(word)
}
