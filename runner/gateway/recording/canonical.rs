//! The canonical form of a request: what is the same in every run of a plan,
//! with fixed marks in place of what chance, clock and host decide.
//!
//! Two requests are equal for a recording if their canonical forms are. What
//! is left out was measured: docs/design/0006-recordings.md. Pure; unaware of
//! files, and of what is done with a request.

use std::sync::{Arc, LazyLock};

use regex::Regex;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::interrupted::{Undisturbed, Voice, undisturbed};
use super::marks::{Marks, sorted};

/// A SHA-256 digest.
pub(super) type Sum = [u8; 32];

/// Fields of a request that say who asks and when, or that depend on what is
/// left of a budget.
const LEFT_OUT: &[&str] = &["input", "client_metadata", "prompt_cache_key", "max_output_tokens"];
/// Fields of an entry of the history that are chance, or that Codex sends back
/// in another form than it got them.
const ITEM_LEFT_OUT: &[&str] = &["id", "status", "encrypted_content"];
/// Fields of a text that are left out when they are empty.
const PART_LEFT_OUT: &[&str] = &["annotations", "logprobs"];
/// How the words of a gate begin: they hold the output of a command.
pub(crate) const GATE: &str = "The gate `";
/// How the words begin that the runner adds to a task when an interruption has
/// taken the session but not the work.
pub(crate) const WORK_KEPT: &str = "\n\n(An earlier attempt at this task was interrupted.";

static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
    let pattern = "<(current_date|timezone)>[^<]*</(?:current_date|timezone)>";
    Regex::new(pattern).expect("invariant: the pattern is a constant")
});

/// An entry of a history in its canonical form.
#[derive(Debug, PartialEq)]
pub(in crate::gateway) struct Item {
    pub(in crate::gateway) value: Value,
    pub(super) sum: Sum,
}

impl Item {
    /// Makes an entry of a value that is canonical already.
    pub(super) fn new(value: Value) -> Arc<Self> {
        let sum = Sha256::digest(value.to_string()).into();
        Arc::new(Self { value, sum })
    }

    /// Returns the digest of a history that ends with this entry, from that of
    /// what stands before it.
    pub(super) fn behind(&self, history: &Sum) -> Sum {
        Sha256::new().chain_update(history).chain_update(self.sum).finalize().into()
    }

    /// Tells whether the model said it.
    pub(super) fn is_the_models(&self) -> bool {
        Voice::of(&self.value) == Voice::Model
    }

    /// Tells whether Codex tells it to the model by itself.
    pub(super) fn is_of_codex(&self) -> bool {
        Voice::of(&self.value) == Voice::Frame
    }

    /// Returns how many calls there are up to this entry: `before`, or more if
    /// it is a call itself.
    pub(super) fn calls(&self, before: usize) -> usize {
        if !self.is_the_models() {
            return before;
        }
        call_number(&self.value).map_or(before, |number| before.max(number))
    }

    /// Returns the number of the call whose output it is.
    pub(super) fn output_of(&self) -> Option<usize> {
        (Voice::of(&self.value) == Voice::Output).then(|| call_number(&self.value))?
    }
}

/// Returns the number of the call that an entry with marks is about.
fn call_number(item: &Value) -> Option<usize> {
    item.get("call_id")?.as_str()?.strip_prefix("call ")?.parse().ok()
}

/// A request in its canonical form.
#[derive(Debug, Clone)]
pub(super) struct Canonical {
    /// Everything but the history: model, tools, settings.
    pub(super) settings: Value,
    /// The history.
    pub(super) input: Vec<Arc<Item>>,
    /// The names behind the marks in the history.
    pub(super) marks: Marks,
    /// The ids of what the model said in it, with those of void replies.
    pub(super) heard: Vec<String>,
    /// An interruption stood at its end: what was answered is asked again.
    pub(super) asks_again: bool,
}

impl Canonical {
    /// Brings a request into its canonical form; `go_on` is what the runner
    /// tells an agent whose session goes on.
    pub(super) fn of(request: &Value, go_on: &str) -> Self {
        Self::played(request, go_on, &|_| false)
    }

    /// As [`Canonical::of`], for a request of a run that plays a recording:
    /// what was void there is left out, by its ids.
    pub(super) fn played(request: &Value, go_on: &str, is_void: &dyn Fn(&str) -> bool) -> Self {
        let settings = request.as_object().cloned().unwrap_or_default();
        let settings = settings.into_iter().filter(|(key, _)| !LEFT_OUT.contains(&key.as_str()));
        let input = request.get("input").and_then(Value::as_array).cloned().unwrap_or_default();
        let Undisturbed { items, heard, asks_again } = undisturbed(input, go_on, is_void);
        let mut marks = Marks::default();
        let items = items.into_iter().map(|item| marked(stripped(item), &mut marks)).collect();
        Self {
            settings: sorted(Value::Object(settings.collect())),
            input: in_call_order(items).into_iter().map(Item::new).collect(),
            marks,
            heard,
            asks_again,
        }
    }

    /// Brings the items of an answer into the form in which the next request
    /// will have them.
    pub(super) fn answer(&self, items: &[Value]) -> Vec<Value> {
        let mut marks = self.marks.clone();
        items.iter().map(|item| marked(stripped(item.clone()), &mut marks)).collect()
    }

    /// Returns a digest of the whole request.
    #[cfg(test)]
    pub(super) fn sum(&self) -> Sum {
        let history = beginnings(&self.input).last().copied().unwrap_or(NOTHING);
        request_sum(&Item::new(self.settings.clone()).sum, &history)
    }
}

/// The digest of an empty history.
pub(super) const NOTHING: Sum = [0; 32];

/// Returns the digest of each beginning of a history, the shortest first.
pub(super) fn beginnings(input: &[Arc<Item>]) -> Vec<Sum> {
    let grow = |history: &mut Sum, item: &Arc<Item>| {
        *history = item.behind(history);
        Some(*history)
    };
    input.iter().scan(NOTHING, grow).collect()
}

/// Returns the digest of a request from those of its settings and its history.
pub(super) fn request_sum(settings: &Sum, history: &Sum) -> Sum {
    Sha256::new().chain_update(settings).chain_update(history).finalize().into()
}

/// Leaves out what is chance, and what says nothing.
fn stripped(item: Value) -> Value {
    let Value::Object(fields) = item else { return item };
    let kept = fields
        .into_iter()
        .filter(|(key, value)| !ITEM_LEFT_OUT.contains(&key.as_str()) && !value.is_null());
    let mut item = Value::Object(kept.collect());
    if let Some(parts) = item.get_mut("content").and_then(Value::as_array_mut) {
        parts.iter_mut().filter_map(Value::as_object_mut).for_each(strip_part);
    }
    sorted(item)
}

fn strip_part(part: &mut Map<String, Value>) {
    for key in PART_LEFT_OUT {
        if part.get(*key).and_then(Value::as_array).is_some_and(Vec::is_empty) {
            part.remove(*key);
        }
    }
}

/// Puts marks in place of names and measurements.
fn marked(mut item: Value, marks: &mut Marks) -> Value {
    match Voice::of(&item) {
        Voice::Model => marks.mark(&mut item),
        Voice::Output => {
            if let Some(id) = item.get("call_id").and_then(Value::as_str) {
                item["call_id"] = marks.call(id).into();
            }
            each_text(&mut item, "output", |text| marks.output(text));
        }
        Voice::User => each_text(&mut item, "content", |text| {
            if text.starts_with(GATE) {
                return marks.output(text);
            }
            let task = text.find(WORK_KEPT).map_or(text, |end| &text[..end]);
            CLOCK.replace_all(task, "<$1>…</$1>").into_owned()
        }),
        Voice::Frame => {}
    }
    item
}

/// Changes the texts of a field: plain, or in parts.
fn each_text(item: &mut Value, key: &str, mut change: impl FnMut(&str) -> String) {
    match item.get_mut(key) {
        Some(Value::String(text)) => *text = change(text),
        Some(Value::Array(parts)) => {
            for part in parts {
                if let Some(Value::String(text)) = part.get_mut("text") {
                    *text = change(text);
                }
            }
        }
        _ => {}
    }
}

/// Puts the outputs of a reply in the order of its calls: Codex keeps those of
/// a session that was killed in another one.
fn in_call_order(mut items: Vec<Value>) -> Vec<Value> {
    for run in items.chunk_by_mut(|one, other| {
        Voice::of(one) == Voice::Output && Voice::of(other) == Voice::Output
    }) {
        run.sort_by_key(|item| call_number(item).unwrap_or(0));
    }
    items
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const GO_ON: &str = "Go on.";

    fn input(request: &Value) -> Vec<Value> {
        let canonical = Canonical::of(request, GO_ON);
        canonical.input.iter().map(|item| item.value.clone()).collect()
    }

    /// A session of two calls, as it goes in one run: ids, numbers and times
    /// are those of the run.
    fn session(run: u32, order: [usize; 2]) -> Value {
        let outputs = [
            json!({
                "type": "function_call_output", "id": format!("fco_{run}a"),
                "call_id": format!("call_{run}a"),
                "output": format!("Chunk ID: {run:06x}\nWall time: 0.{run} seconds\nProcess exited with code 0\nOriginal token count: {run}\nOutput:\n1 passed in 0.{run}s\n"),
            }),
            json!({
                "type": "function_call_output", "id": format!("fco_{run}b"),
                "call_id": format!("call_{run}b"),
                "output": format!("Chunk ID: {run:06x}\nWall time: 0.{run} seconds\nProcess running with session ID {run}\nOriginal token count: 2\nOutput:\n"),
            }),
        ];
        let date = format!(
            "<environment_context>\n  <current_date>2026-11-{run}</current_date>\n  <timezone>Zone/{run}</timezone>\n</environment_context>"
        );
        json!({
            "model": "m", "stream": true, "prompt_cache_key": run, "client_metadata": {"session_id": run},
            "max_output_tokens": run,
            "input": [
                {"type": "message", "id": format!("msg_{run}"), "role": "user", "content": [{"type": "input_text", "text": date}]},
                {"type": "reasoning", "id": format!("rs_{run}"), "summary": [], "content": null, "encrypted_content": format!("{run}")},
                {"type": "function_call", "id": format!("fc_{run}a"), "call_id": format!("call_{run}a"), "name": "exec_command", "arguments": "{\"cmd\": \"make\"}"},
                {"type": "function_call", "id": format!("fc_{run}b"), "call_id": format!("call_{run}b"), "name": "exec_command", "arguments": "{\"cmd\":\"sleep 9\"}"},
                outputs[order[0]], outputs[order[1]],
                {"type": "function_call", "id": format!("fc_{run}c"), "call_id": format!("call_{run}c"), "name": "write_stdin", "arguments": format!("{{\"session_id\":{run}}}")},
            ],
        })
    }

    #[test]
    fn runs_that_differ_by_chance_alone_are_equal() {
        let one = Canonical::of(&session(11, [0, 1]), GO_ON);
        let other = Canonical::of(&session(4_711, [1, 0]), GO_ON);
        assert_eq!(one.settings, json!({"model": "m", "stream": true}));
        assert_eq!(one.settings, other.settings);
        assert_eq!(one.input, other.input);
        assert_eq!(one.sum(), other.sum());
        assert_ne!(one.marks, other.marks);
    }

    #[test]
    fn what_the_user_and_the_model_say_is_untouched() {
        let told = "Make it in 0.5 seconds, by 2026-11-27 12:00, in /tmp/tmp.0123456789.";
        let request = |text: &str| {
            json!({"input": [
                {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": text}]},
                {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]},
                {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]},
            ]})
        };
        for item in input(&request(told)) {
            assert_eq!(item["content"][0]["text"], told);
        }
        let other = Canonical::of(&request("Make it in 0.6 seconds."), GO_ON);
        assert_ne!(Canonical::of(&request(told), GO_ON).sum(), other.sum());
    }

    #[test]
    fn the_output_in_a_gates_words_is_cleaned() {
        let text = "The gate `unit` did not pass (fail): 1 failed\nThe end of its output:\n\n1 failed in 0.05s\n";
        let request = json!({"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}]});
        let found = input(&request)[0]["content"][0]["text"].clone();
        assert_eq!(found, text.replace("0.05s", "<time>"));
    }

    #[test]
    fn a_task_that_is_told_anew_after_an_interruption_is_the_same_task() {
        let request = |text: String| json!({"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}]});
        let anew = request(format!("Make it.{WORK_KEPT} Look at the files.)"));
        assert_eq!(input(&anew), input(&request("Make it.".to_owned())));
    }

    #[test]
    fn an_answer_has_the_form_that_the_next_request_gives_it() {
        let asked = session(11, [0, 1]);
        let canonical = Canonical::of(&asked, GO_ON);
        let answer = json!([
            {"type": "message", "id": "msg_z", "role": "assistant", "status": "completed", "content": [{"type": "output_text", "text": "x", "annotations": [], "logprobs": []}]},
            {"type": "custom_tool_call", "id": "ctc_z", "call_id": "call_z", "name": "apply_patch", "input": "*** Begin Patch"},
        ]);
        let answer = answer.as_array().expect("a list");
        let mut next = asked.clone();
        next["input"].as_array_mut().expect("a list").extend(answer.iter().cloned());
        let answered: Vec<_> = canonical.answer(answer).into_iter().map(Item::new).collect();
        let next = Canonical::of(&next, GO_ON);
        assert_eq!(next.input[..canonical.input.len()], canonical.input[..]);
        assert_eq!(next.input[canonical.input.len()..], answered[..]);
        assert_eq!(answered[1].value["call_id"], "call 4");
    }

    #[test]
    fn what_is_no_request_has_a_form_as_well() {
        for odd in [json!(null), json!([1]), json!({"input": "text"}), json!({"input": [1, null]})]
        {
            Canonical::of(&odd, GO_ON);
        }
    }

    /// Any JSON, of the depth and with the keys that requests have.
    fn any_json() -> impl Strategy<Value = Value> {
        let key = "(type|role|id|status|content|output|call_id|text|arguments|[a-z]{1,3})";
        let word = "(message|user|assistant|function_call|function_call_output|call_1|aborted|Go on.|[a-z0-9:. \n]{0,20})";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            word.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((key, inner), 0..6)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// The canonical form is one: it is its own canonical form, but for
        /// the interruptions, of which a second look may find more.
        #[test]
        fn the_canonical_form_of_a_canonical_request_is_the_same(request in any_json()) {
            let once = Canonical::of(&request, "\u{1}");
            let mut again = once.settings.clone();
            if let Some(fields) = again.as_object_mut() {
                let input = once.input.iter().map(|item| item.value.clone()).collect();
                fields.insert("input".to_owned(), Value::Array(input));
            }
            let twice = Canonical::of(&again, "\u{1}");
            if !once.input.iter().any(|item| item.value.to_string().contains("aborted")) {
                prop_assert_eq!(&twice.settings, &once.settings);
                prop_assert_eq!(twice.input.len(), once.input.len());
                prop_assert_eq!(twice.sum(), once.sum());
            }
        }

        /// The order of keys and the ids say nothing.
        #[test]
        fn ids_decide_nothing(one in "[a-z]{1,8}", other in "[a-z]{1,8}", text in "[a-z ]{0,20}") {
            let request = |id: &str| json!({"input": [
                {"type": "function_call", "id": id, "call_id": format!("c{id}"), "arguments": text},
                {"type": "function_call_output", "call_id": format!("c{id}"), "output": text},
            ]});
            prop_assert_eq!(
                Canonical::of(&request(&one), GO_ON).sum(),
                Canonical::of(&request(&other), GO_ON).sum()
            );
        }
    }
}
