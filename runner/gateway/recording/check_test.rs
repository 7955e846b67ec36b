//! What a check of a recording finds, with the plan of the demo.

use std::fs;
use std::path::Path;

use eufm_plan::{Plan, lockfile};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::exchange::{End, Recorded};
use super::folder::Head;
use super::matcher::Recording;
use super::recorder::{Recorder, RecorderOptions};
use crate::gateway::Usage;

fn plan() -> std::sync::Arc<Plan> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/hello/plan.lock");
    let text = fs::read_to_string(path).expect("the demo's plan");
    lockfile::read(&text).expect("a plan").plan
}

fn said(text: &str) -> Recorded {
    let content = json!([{"type": "output_text", "text": text}]);
    let message = json!({"type": "message", "role": "assistant", "content": content});
    Recorded { items: vec![message], end: End::Completed { usage: Usage::default() } }
}

fn request(text: &str) -> Value {
    let content = json!([{"type": "input_text", "text": text}]);
    json!({"model": "gpt-5.5", "input": [{"type": "message", "role": "user", "content": content}]})
}

/// Records one exchange for each of the nodes.
fn recorded(nodes: &[(&str, Value, Recorded)], change: impl FnOnce(&mut Head)) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let mut head = Head {
        pipeline: "hello".to_owned(),
        run: "hello-01234567".to_owned(),
        models: vec!["gpt-5.5".to_owned()],
        agents: vec!["0.169.0".to_owned()],
    };
    change(&mut head);
    let options = RecorderOptions { head, go_on: String::new(), secrets: Vec::new() };
    let recorder = Recorder::create(folder.path(), options).expect("a recorder");
    for (node, request, recorded) in nodes {
        recorder.record(node, request, recorded).expect("recorded");
    }
    folder
}

fn found(folder: &TempDir) -> Vec<String> {
    let recording = Recording::open(folder.path(), "").expect("a recording");
    let root = folder.path().display().to_string();
    let show = |it: super::Finding| format!("{}: {}", it.place.replace(&root, "DIR"), it.message);
    recording.check(Some(&plan())).into_iter().map(show).collect()
}

fn whole() -> Vec<(&'static str, Value, Recorded)> {
    let one = |node| (node, request("Do it."), said("Done."));
    vec![one("percentiles"), one("guide")]
}

#[test]
fn a_whole_recording_of_the_plan_is_fine() {
    assert_eq!(found(&recorded(&whole(), |_| {})), [""; 0]);
}

#[test]
fn what_does_not_fit_the_plan_is_found() {
    let mut nodes = whole();
    nodes[0].1["model"] = "gpt-6-sol".into();
    nodes[1].0 = "manual";
    let folder = recorded(&nodes, |head| {
        head.pipeline = "other".to_owned();
        head.agents = vec!["0.170.0".to_owned()];
    });
    let expected = [
        "DIR: it is of the pipeline `other`, not of `hello`",
        "DIR: `percentiles` asked the model `gpt-6-sol`, but the plan says `gpt-5.5`",
        "DIR: nothing of the agent node `guide` was recorded",
        "DIR: the plan has no agent node `manual`",
        "DIR: it was made with the agent versions 0.170.0, but the plan pins 0.169.0",
    ];
    assert_eq!(found(&folder), expected);
}

#[test]
fn a_session_that_ends_in_the_middle_is_found() {
    let call =
        json!({"type": "custom_tool_call", "call_id": "c", "name": "apply_patch", "input": ""});
    let end = End::Completed { usage: Usage::default() };
    let mut nodes = whole();
    nodes[0].2 = Recorded { items: vec![call], end };
    nodes[1].2.end = End::Broken;
    let expected = [
        "DIR/nodes/guide.toml:4: the last answer of `guide`, exchange 1, is none that a turn ends with: the recording is not complete",
        "DIR/nodes/percentiles.toml:4: the last answer of `percentiles`, exchange 1, calls tools, and what they put out was never sent: the recording is not complete",
    ];
    assert_eq!(found(&recorded(&nodes, |_| {})), expected);
}

#[test]
fn what_looks_like_a_credential_is_found_and_not_repeated() {
    // Made up from parts, so that no scanner takes this file for a leak.
    let key = ["sk-", "proj-", "0123456789abcdef0123"].concat();
    let mut nodes = whole();
    nodes[0].1 = request(&format!("Use {key} for it."));
    nodes[1].2 = said(&["gh", "p_0123456789abcdef0123456789abcdef0123"].concat());
    let found = found(&recorded(&nodes, |_| {}));
    let expected = [
        "DIR/nodes/guide.toml:4: exchange 1 holds what looks like a token of GitHub: change it, and do not share the recording",
        "DIR/nodes/percentiles.toml:4: exchange 1 holds what looks like a key of a model's provider: change it, and do not share the recording",
    ];
    assert_eq!(found, expected);
    assert!(!found.concat().contains(&key));
}
