//! The canonical form and whole recordings, on requests that the real Codex CLI
//! sent: `captures/` holds those of two equal runs each, with long instructions
//! cut. Captured with Codex 0.169.0; docs/design/0006-recordings.md.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::canonical::Canonical;
use super::exchange::{End, Recorded};
use super::folder::Head;
use super::matcher::{Matching, Recording};
use super::recorder::{RecordError, Recorder, RecorderOptions};
use crate::gateway::Usage;

const GO_ON: &str = "Your work was interrupted. Go on.";
const USAGE: Usage =
    Usage { input: 9_300, cached: 9_000, cache_write: 200, output: 50, reasoning: 7 };

fn captures(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("gateway/recording/captures");
    let text = fs::read_to_string(path.join(name)).expect("a capture");
    serde_json::from_str(&text).expect("JSON")
}

/// Returns the requests of a run.
fn run(name: &str, number: usize) -> Vec<Value> {
    captures(name)[number].as_array().expect("requests").clone()
}

/// Returns what the model answered to a request: the items with which the next
/// request goes on, up to the first output.
fn answer(request: &Value, next: &Value) -> Recorded {
    let asked = request["input"].as_array().expect("a list").len();
    let items = next["input"].as_array().expect("a list").iter().skip(asked);
    let is_said = |item: &&Value| !item["type"].as_str().unwrap_or_default().ends_with("_output");
    let items = items.take_while(is_said).cloned().collect();
    Recorded { items, end: End::Completed { usage: USAGE } }
}

fn last_word() -> Recorded {
    let content = json!([{"type": "output_text", "text": "It is done.", "annotations": []}]);
    let message = json!({"type": "message", "id": "msg_9", "role": "assistant", "status": "completed", "content": content});
    Recorded { items: vec![message], end: End::Completed { usage: USAGE } }
}

fn options(secrets: &[&str]) -> RecorderOptions {
    RecorderOptions {
        head: Head {
            pipeline: "hello".to_owned(),
            run: "hello-01234567".to_owned(),
            models: vec!["gpt-5.5".to_owned()],
            agents: vec!["0.169.0".to_owned()],
        },
        go_on: GO_ON.to_owned(),
        secrets: secrets.iter().map(|secret| (*secret).to_owned()).collect(),
    }
}

fn recorder(root: &Path) -> Recorder {
    Recorder::create(root, options(&["sk-canary"])).expect("a recorder")
}

/// Records a run of the node `guide`: a command, a patch, and a last word.
fn recorded() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = recorder(folder.path());
    let requests = run("patch.json", 0);
    for (at, request) in requests.iter().enumerate() {
        let answer = requests.get(at + 1).map_or_else(last_word, |next| answer(request, next));
        recorder.record("guide", request, &answer).expect("recorded");
    }
    folder
}

fn file(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("nodes/guide.toml")
}

fn open(folder: &TempDir) -> Recording {
    Recording::open(folder.path(), GO_ON).expect("a recording")
}

/// Returns the events of a played answer.
fn events(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).expect("text");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).expect("JSON")).collect()
}

#[test]
fn equal_runs_ask_the_same() {
    for name in ["retry.json", "patch.json", "commands.json", "code.json"] {
        let (one, other) = (run(name, 0), run(name, 1));
        let count = if name == "commands.json" { 1 } else { one.len() };
        for (one, other) in one.iter().zip(&other).take(count) {
            assert_ne!(one, other);
            let (one, other) = (Canonical::of(one, GO_ON), Canonical::of(other, GO_ON));
            assert_eq!(one.settings, other.settings, "{name}");
            assert_eq!(one.input, other.input, "{name}");
            assert!(!one.asks_again);
        }
    }
}

#[test]
fn a_session_that_was_cut_short_asks_what_it_asked_before() {
    let all = captures("interrupted.json");
    for how in ["killed", "interrupted"] {
        let before = Canonical::of(&all[how][0], GO_ON);
        let after = Canonical::of(&all[how][1], GO_ON);
        assert_eq!((before.asks_again, after.asks_again), (false, true), "{how}");
        assert_eq!(before.input, after.input, "{how}");
    }
}

#[test]
fn a_recording_is_text_that_people_review() {
    let folder = recorded();
    let text = fs::read_to_string(file(&folder)).expect("text");
    let shared = text.lines().find(|line| line.starts_with("settings = ")).expect("settings");
    let expected = format!(
        r#"format = 1
node = "guide"

[[exchange]]
number = 1
{shared}

[[exchange.new]]
developer = """#
    );
    assert!(text.starts_with(expected.trim_end_matches('"')), "{text}");
    for line in [
        "shell = \"cat README.md weblog/report.py\"",
        "with = '{\"yield_time_ms\":30000}'",
        "patch = '''\n*** Begin Patch\n*** Add File: docs/reading-the-report.md\n",
        "of = 1\noutput = '''\nProcess exited with code 0\nOutput:\n# weblog\n",
        "usage = { input = 9300, cached = 9000, cache_write = 200, output = 50, reasoning = 7 }\nwhole = true\n",
        "number = 3\nafter = 2\n\n[[exchange.new]]\nof = 2\ncustom = true\n",
        "say = \"It is done.\"\n",
    ] {
        assert!(text.contains(line), "{line}\n--- is not in\n{text}");
    }
    // What is chance, or the provider's own, is not there.
    for chance in ["Wall time", "call_", "msg_", "fco_", "encrypted", "client_metadata"] {
        assert!(!text.contains(chance), "{chance} is in\n{text}");
    }
    // The task stands there once.
    assert_eq!(text.matches("Write docs/reading-the-report.md").count(), 1);
}

#[test]
fn another_run_hears_the_same_with_ids_of_its_own() {
    let folder = recorded();
    let recording = open(&folder);
    let requests = run("patch.json", 1);
    let mut ids = Vec::new();
    for (at, request) in requests.iter().enumerate() {
        let played = recording.answer("guide", request, Matching::Strict).expect("an answer");
        assert_eq!((played.exchange(), played.round()), (at + 1, 0));
        let events = events(&played.stream("gpt-5.5"));
        let done = &events.last().expect("events")["response"];
        assert_eq!(done["status"], "completed");
        assert_eq!(done["usage"]["input_tokens"], 9_300);
        assert_eq!(done["usage"]["output_tokens_details"]["reasoning_tokens"], 7);
        ids.extend(done["output"].as_array().expect("items").iter().map(|item| item["id"].clone()));
    }
    let all = ids.len();
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert_eq!(ids.len(), all, "an id stands for one item");
}

/// Returns a request that goes on from another one with a played answer.
fn go_on_from(request: &Value, output: &[Value], and: &[Value]) -> Value {
    let mut next = request.clone();
    let input = next["input"].as_array_mut().expect("a list");
    input.extend(output.iter().chain(and).cloned());
    next
}

#[test]
fn a_killed_session_hears_the_same_answer_again_with_new_ids() {
    let folder = recorded();
    let recording = open(&folder);
    let request = &run("patch.json", 1)[0];
    let first = recording.answer("guide", request, Matching::Strict).expect("an answer");
    let first = events(&first.stream("m"));
    let output =
        first.last().expect("events")["response"]["output"].as_array().expect("items").clone();
    let call = &output.last().expect("a call")["call_id"];
    let user = |text: &str| json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]});
    let aborted = json!({"type": "function_call_output", "call_id": call, "output": "aborted"});
    let again = go_on_from(request, &output, &[aborted, user(GO_ON)]);
    for matching in [Matching::Strict, Matching::Loose] {
        // Also by a runner that has just started.
        for recording in [&recording, &open(&folder)] {
            let again = recording.answer("guide", &again, matching).expect("an answer");
            assert_eq!((again.exchange(), again.round()), (1, 1), "{matching:?}");
            let text = String::from_utf8(again.stream("m")).expect("text");
            assert!(!text.contains(call.as_str().expect("an id")), "{text}");
        }
    }
}

#[test]
fn what_a_call_that_was_made_twice_puts_out_is_not_compared() {
    let folder = recorded();
    let recording = open(&folder);
    let requests = run("patch.json", 1);
    let user = |text: &str| json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]});
    // The first answer's command is cut short by a kill, and made again.
    let said = |request: &Value| {
        let played = recording.answer("guide", request, Matching::Strict).expect("an answer");
        let events = events(&played.stream("m"));
        events.last().expect("events")["response"]["output"].as_array().expect("items").clone()
    };
    let first = said(&requests[0]);
    let output = |said: &[Value], text: &str| json!({"type": "function_call_output", "call_id": said.last().expect("a call")["call_id"], "output": text});
    let again = go_on_from(&requests[0], &first, &[output(&first, "aborted"), user(GO_ON)]);
    let second = said(&again);
    let next = go_on_from(&again, &second, &[output(&second, "it is there already")]);
    assert_eq!(
        recording.answer("guide", &next, Matching::Strict).expect("an answer").exchange(),
        2
    );
    // Without a kill it is compared.
    let other = go_on_from(&requests[0], &first, &[output(&first, "it is there already")]);
    recording.answer("guide", &other, Matching::Strict).expect_err("differs");
}

#[test]
fn the_first_difference_is_named_with_both_texts() {
    let folder = recorded();
    let requests = run("patch.json", 1);
    let changed = |at: usize, from: &str, to: &str| -> Value {
        let text = requests[at].to_string();
        assert!(text.contains(from));
        serde_json::from_str(&text.replace(from, to)).expect("JSON")
    };
    let path = file(&folder).display().to_string();
    let cases = [
        (
            changed(0, "At most 30 lines", "At most 40 lines"),
            "exchange 1, which is nearest, at input[3].content[0].text: recorded was \"… is on call for the first time. At most 30 lines.\", asked is \"… is on call for the first time. At most 40 lines.\"",
        ),
        (
            changed(1, "Process exited with code 0", "Process exited with code 1"),
            "exchange 2, which is nearest, at input[5].output: recorded was \"Process exited with code 0 Output: # weblog",
        ),
        (
            changed(2, "\"medium\"", "\"high\""),
            "exchange 3, which is nearest, at reasoning.effort: recorded was \"medium\", asked is \"high\"",
        ),
        (
            go_on_from(
                &requests[2],
                &[last_word().items[0].clone()],
                &[
                    json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "The gate `\u{1b}[31m"}]}),
                ],
            ),
            "exchange 3, which is nearest, at input[9]: recorded was nothing, asked is \"{\\\"content\\\":[{\\\"text\\\":\\\"The gate `\\\\u001b[31m\\\"",
        ),
    ];
    for (request, expected) in cases {
        let recording = open(&folder);
        let fault =
            recording.answer("guide", &request, Matching::Strict).expect_err("differs").to_string();
        assert!(fault.starts_with(&path), "{fault}");
        assert!(fault.contains("node `guide`: the request differs from "), "{fault}");
        assert!(fault.contains(expected), "{fault}\n--- does not hold\n{expected}");
        assert!(!fault.contains('\u{1b}') && fault.len() < 2_000, "{fault}");
        // By order alone it is answered.
        recording.answer("guide", &request, Matching::Loose).expect("an answer");
    }
    let none = open(&folder).answer("other", &requests[0], Matching::Loose).expect_err("no node");
    assert!(none.to_string().ends_with("node `other`: nothing of it was recorded"), "{none}");
}

#[test]
fn by_order_alone_the_answers_come_one_after_the_other() {
    let folder = recorded();
    let recording = open(&folder);
    let user = |text: &str| json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]});
    let mut request = json!({"model": "m", "input": [user("Something else.")]});
    for number in 1..=3 {
        let played = recording.answer("guide", &request, Matching::Loose).expect("an answer");
        assert_eq!(played.exchange(), number);
        let events = events(&played.stream("m"));
        let output = events.last().expect("events")["response"]["output"].clone();
        let outputs: Vec<Value> = output
            .as_array()
            .expect("items")
            .iter()
            .filter_map(|item| Some(json!({"type": "function_call_output", "call_id": item.get("call_id")?, "output": "other"})))
            .collect();
        request = go_on_from(&request, output.as_array().expect("items"), &outputs);
    }
    let over =
        recording.answer("guide", &go_on_from(&request, &[user("More.")], &[]), Matching::Loose);
    let fault = over.expect_err("over").to_string();
    assert!(fault.contains("the recording is over: all its 3 answers were given"), "{fault}");
}

/// Records troubles before an answer, as Codex asks again after each.
fn troubled() -> (TempDir, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = recorder(folder.path());
    let request = run("patch.json", 0).remove(0);
    let mut broken = last_word();
    broken.end = End::Broken;
    let failed = End::Failed { code: "server_error".to_owned(), message: "no\nluck".to_owned() };
    let cut = End::Incomplete { reason: "max_output_tokens".to_owned(), usage: USAGE };
    let all = [
        Recorded::refused(429, Some(2), br#"{"error":{"code":"rate_limit_exceeded"}}"#),
        Recorded { items: Vec::new(), end: failed },
        Recorded { items: Vec::new(), end: cut },
        Recorded { items: Vec::new(), end: End::Broken },
        last_word(),
    ];
    for recorded in &all {
        recorder.record("guide", &request, recorded).expect("recorded");
    }
    (folder, request)
}

#[test]
fn troubles_are_played_as_they_came() {
    for matching in [Matching::Strict, Matching::Loose] {
        let (folder, request) = troubled();
        let recording = open(&folder);
        let mut ends = Vec::new();
        for number in 1..=6 {
            let played = recording.answer("guide", &request, matching).expect("an answer");
            let expected =
                if matching == Matching::Loose && number == 6 { 5 } else { number.min(5) };
            assert_eq!(played.exchange(), expected, "{matching:?}");
            let last = events(&played.stream("m")).last().map(|event| event["type"].clone());
            ends.push((played.recorded().end.clone(), last));
        }
        let status = End::Status {
            status: 429,
            retry_after_s: Some(2),
            body: r#"{"error":{"code":"rate_limit_exceeded"}}"#.to_owned(),
        };
        assert_eq!(ends[0], (status, None));
        assert_eq!(ends[1].1, Some("response.failed".into()));
        assert_eq!(ends[2].1, Some("response.incomplete".into()));
        assert_eq!(ends[3], (End::Broken, Some("response.created".into())));
        assert_eq!(ends[4].1, Some("response.completed".into()));
        assert_eq!(ends[5], ends[4]);
    }
}

#[test]
fn a_broken_answer_that_nothing_followed_is_not_given_for_ever() {
    let folder = tempfile::tempdir().expect("a folder");
    let request = run("patch.json", 0).remove(0);
    let broken = Recorded { items: Vec::new(), end: End::Broken };
    recorder(folder.path()).record("guide", &request, &broken).expect("recorded");
    let recording = open(&folder);
    recording.answer("guide", &request, Matching::Strict).expect("the broken one");
    let over = recording.answer("guide", &request, Matching::Strict).expect_err("no other");
    let expected = "the answer of exchange 1 broke off, and no other was recorded";
    assert!(over.to_string().ends_with(expected), "{over}");
}

#[test]
fn a_run_that_is_taken_up_again_goes_on_in_the_same_file() {
    let whole = recorded();
    let folder = tempfile::tempdir().expect("a folder");
    let requests = run("patch.json", 0);
    for (at, request) in requests.iter().enumerate() {
        let answer = requests.get(at + 1).map_or_else(last_word, |next| answer(request, next));
        // Another process each time.
        recorder(folder.path()).record("guide", request, &answer).expect("recorded");
    }
    assert_eq!(fs::read(file(&folder)).expect("bytes"), fs::read(file(&whole)).expect("bytes"));
}

#[test]
fn wherever_a_kill_cuts_the_file_off_the_whole_exchanges_are_read() {
    let folder = recorded();
    let text = fs::read_to_string(file(&folder)).expect("text");
    let head = text.find("\n[[exchange]]").expect("an exchange");
    let ends: Vec<usize> =
        text.match_indices("\nwhole = true\n").map(|(at, end)| at + end.len()).collect();
    assert_eq!(ends.len(), 3);
    // Each byte around the borders of exchanges, and every seventh elsewhere.
    let is_near = |at: usize| ends.iter().chain([&head]).any(|end| end.abs_diff(at) < 40);
    for cut in (head..text.len()).filter(|&at| is_near(at) || at % 7 == 0) {
        if !text.is_char_boundary(cut) {
            continue;
        }
        fs::write(file(&folder), &text[..cut]).expect("written");
        let recording = open(&folder);
        let whole = ends.iter().filter(|&&end| end <= cut).count();
        assert_eq!(recording.exchanges("guide"), whole, "cut at {cut}");
    }
    // A recorder drops the torn end, says so and goes on behind the whole ones.
    fs::write(file(&folder), &text[..ends[1] + 40]).expect("written");
    let recorder = recorder(folder.path());
    assert!(recorder.notes()[0].ends_with("its last exchange was cut off and is dropped"));
    recorder.record("guide", &run("patch.json", 0)[2], &last_word()).expect("recorded");
    assert_eq!(fs::read_to_string(file(&folder)).expect("text"), text);
}

#[test]
fn what_the_model_was_asked_again_after_a_kill_makes_the_first_answer_void() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = recorder(folder.path());
    let all = captures("interrupted.json");
    let (asked, again) = (&all["killed"][0], &all["killed"][1]);
    recorder.record("guide", asked, &answer(asked, again)).expect("recorded");
    recorder.record("guide", again, &last_word()).expect("recorded");
    let text = fs::read_to_string(file(&folder)).expect("text");
    assert!(text.contains("number = 2\nafter = 1\nkeep = 4\nasks_again = true\n"), "{text}");
    for matching in [Matching::Strict, Matching::Loose] {
        // In a run that nobody kills the first answer's calls are made, too:
        // what they did before the kill counts. Then comes the second answer.
        let recording = open(&folder);
        let first = recording.answer("guide", asked, matching).expect("an answer");
        assert_eq!(first.exchange(), 1, "{matching:?}");
        let events = events(&first.stream("m"));
        let output = events.last().expect("events")["response"]["output"].clone();
        let output = output.as_array().expect("items");
        let outputs: Vec<Value> = output
            .iter()
            .map(|item| json!({"type": "function_call_output", "call_id": item["call_id"], "output": "x"}))
            .collect();
        for recording in [&recording, &open(&folder)] {
            let next = go_on_from(asked, output, &outputs);
            let second = recording.answer("guide", &next, matching).expect("an answer");
            assert_eq!(second.exchange(), 2, "{matching:?}");
        }
    }
}

#[test]
fn a_secret_is_never_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = recorder(folder.path());
    let requests = run("patch.json", 0);
    let with = |text: &str| -> Value {
        serde_json::from_str(&requests[1].to_string().replace("weblog", text)).expect("JSON")
    };
    let status = Recorded::refused(401, None, b"Incorrect key sk-canary");
    let cases = [(with("x sk-canary y"), last_word()), (requests[1].clone(), status)];
    for (request, recorded) in cases {
        let fault = recorder.record("guide", &request, &recorded).expect_err("refused");
        assert!(matches!(fault, RecordError::Secret { .. }));
        assert!(!fault.to_string().contains("sk-canary"));
    }
    recorder.record("guide", &requests[1], &last_word()).expect("recorded");
    for entry in walkdir::WalkDir::new(folder.path()).into_iter().filter_map(Result::ok) {
        let bytes = fs::read(entry.path()).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&bytes).contains("sk-canary"));
    }
}

#[test]
fn a_folder_belongs_to_one_run_and_one_process() {
    let folder = recorded();
    let mut other = options(&[]);
    other.head.run = "hello-76543210".to_owned();
    let fault = Recorder::create(folder.path(), other).expect_err("occupied").to_string();
    assert!(fault.contains("holds a recording of the run hello-01234567"), "{fault}");
    let _first = recorder(folder.path());
    let fault = Recorder::create(folder.path(), options(&[])).expect_err("busy").to_string();
    assert!(fault.starts_with("another run records in "), "{fault}");
}

#[test]
fn several_nodes_record_at_the_same_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let recorder = recorder(folder.path());
    let requests = run("patch.json", 0);
    std::thread::scope(|scope| {
        for node in ["guide", "groups/guide[\"a/b\"]", "groups/guide[\"a b\"]", "Guide"] {
            let (recorder, requests) = (&recorder, &requests);
            scope.spawn(move || {
                for (at, request) in requests.iter().enumerate() {
                    let next = requests.get(at + 1);
                    let answer = next.map_or_else(last_word, |next| answer(request, next));
                    recorder.record(node, request, &answer).expect("recorded");
                }
            });
        }
    });
    let recording = open(&folder);
    assert_eq!(recording.nodes().count(), 4);
    assert!(recording.nodes().all(|node| recording.exchanges(node) == 3));
}

#[test]
fn mistakes_are_named_with_file_line_and_column() {
    let folder = recorded();
    let text = fs::read_to_string(file(&folder)).expect("text");
    let settings = text.lines().find(|line| line.starts_with("settings = ")).expect("settings");
    let cases = [
        ("format = 1\n", "format = 2\n", ":1: this is cassette format 2, and this version knows"),
        ("format = 1\n", "", ":1:1: `format = 1` must stand at the top"),
        (
            "node = \"guide\"",
            "node = \"other\"",
            ":1:1: the file of the node `other` has another name",
        ),
        ("node = \"guide\"", "nod = \"guide\"", ":2:1: unknown field `nod`"),
        ("number = 2\n", "number = 7\n", ": this is exchange 2, not 7"),
        ("after = 1\n", "after = 2\n", ": `after` is the number of an earlier exchange"),
        ("after = 1\n", "keep = 1\n", ": `keep` needs `after`"),
        ("after = 1\n", "after = 1\nkeep = 99\n", ": `keep` is from 1 to 5"),
        (settings, "", ": the first exchange has `settings`"),
        (settings, "settings = \"../x.json\"", "\"../x.json\" is not the name of a shared text"),
        (
            settings,
            "settings = \"0123456789abcdef.json\"",
            "cannot read the cassette shared/0123456789abcdef.json",
        ),
        ("shell = ", "shel = ", ": unknown field `shel`"),
        (
            "reasoning = 7 }",
            "reasoning = 70 }",
            ": `cached` and `cache_write` are parts of `input`",
        ),
        ("reasoning = 7 }", "reasoning = -7 }", ": invalid value"),
        ("reasoning = 7 }\n", "reasoning = 7 }\nbroken = true\n", ": an answer ends with `usage`"),
        ("reasoning = 7 }\n", "reasoning = 7 }\nbody = \"x\"\n", ": `message` belongs to `failed`"),
        ("with = '{", "with = '", ": `with` is no JSON object"),
        ("say = ", "say = 1 # ", ": "),
    ];
    for (from, to, expected) in cases {
        assert!(text.contains(from), "{from}");
        fs::write(file(&folder), text.replacen(from, to, 1)).expect("written");
        let fault = Recording::open(folder.path(), GO_ON).expect_err("a mistake").to_string();
        assert!(fault.starts_with(&file(&folder).display().to_string()), "{fault}");
        assert!(fault.contains(expected), "{fault}\n--- does not hold\n{expected}");
    }
}

#[test]
fn a_shared_text_that_was_changed_is_found() {
    let folder = recorded();
    let shared = fs::read_dir(folder.path().join("shared")).expect("a folder");
    let path = shared.filter_map(Result::ok).map(|entry| entry.path()).next().expect("a text");
    let mut text = fs::read_to_string(&path).expect("text");
    text.push(' ');
    fs::write(&path, text).expect("written");
    let fault = Recording::open(folder.path(), GO_ON).expect_err("changed").to_string();
    assert!(fault.contains("was changed: its name is its digest"), "{fault}");
}

#[test]
fn a_damaged_file_is_refused_with_its_place_or_read() {
    let folder = recorded();
    let text = fs::read_to_string(file(&folder)).expect("text");
    let place = format!("{}:", file(&folder).display());
    // Each line taken out, doubled, cut in the middle, or with another number.
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    for (at, line) in lines.iter().enumerate() {
        let half: String = line.chars().take(line.chars().count() / 2).collect();
        let number = line.replace(['1', '2', '3'], "18446744073709551616");
        for other in [String::new(), line.repeat(2), half, number, format!("[{line}")] {
            let before = lines[..at].concat();
            fs::write(file(&folder), format!("{before}{other}{}", lines[at + 1..].concat()))
                .expect("written");
            if let Err(fault) = Recording::open(folder.path(), GO_ON) {
                assert!(fault.to_string().starts_with(&place), "{at}: {fault}");
            }
        }
    }
}

#[test]
fn a_file_that_repeats_itself_without_end_is_read_in_time() {
    let folder = recorded();
    let text = fs::read_to_string(file(&folder)).expect("text");
    let settings = text.lines().find(|line| line.starts_with("settings = ")).expect("settings");
    let mut text = format!(
        "format = 1\nnode = \"guide\"\n\n[[exchange]]\nnumber = 1\n{settings}\n[[exchange.new]]\nuser = \"x\"\n[exchange.end]\nbroken = true\nwhole = true\n"
    );
    for number in 2..=20_000 {
        let after = number - 1;
        text.push_str(&format!("\n[[exchange]]\nnumber = {number}\nafter = {after}\nasks_again = true\n[exchange.end]\nbroken = true\nwhole = true\n"));
    }
    fs::write(file(&folder), text).expect("written");
    let recording = open(&folder);
    assert_eq!(recording.exchanges("guide"), 20_000);
}
