//! Takes interruptions out of a history: replies that were cut short, and the
//! words with which a session was told to go on.
//!
//! What is left is the request that the agent would have sent had nothing cut
//! it short, so a run that is killed while it is recorded or played asks what
//! an undisturbed one asks. Pure; unaware of names and marks.

use std::collections::BTreeMap;

use serde_json::Value;

/// What an entry of the history is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// Said by the model: a message, a reasoning, a call.
    Model,
    /// Said by the user, or by Codex in the user's name.
    User,
    /// The output of a call.
    Output,
    /// Instructions of Codex itself.
    Frame,
}

impl Voice {
    /// Tells whose voice an entry is.
    pub(super) fn of(item: &Value) -> Self {
        let kind = item.get("type").and_then(Value::as_str).unwrap_or("message");
        match (kind, item.get("role").and_then(Value::as_str)) {
            // Messages, and the tools of models that get them in the history.
            (_, Some("developer" | "system")) => Self::Frame,
            ("message", Some("assistant")) => Self::Model,
            ("message", Some("user")) => Self::User,
            ("message", _) => Self::Frame,
            (kind, _) if kind.ends_with("_output") => Self::Output,
            _ => Self::Model,
        }
    }
}

/// A history without its interruptions.
#[derive(Debug, PartialEq)]
pub(super) struct Undisturbed {
    /// What is left of it.
    pub(super) items: Vec<Value>,
    /// The ids of what the model said in it, with those of void replies.
    pub(super) heard: Vec<String>,
    /// Something was taken out at its end: it asks once more for what was
    /// answered before.
    pub(super) asks_again: bool,
}

/// Takes the interruptions out of a history; `go_on` is what the runner tells
/// an agent whose session goes on. A reply is void, by the id of a part of it,
/// if an interruption cut it short where it was recorded.
pub(super) fn undisturbed(
    items: Vec<Value>,
    go_on: &str,
    is_void: &dyn Fn(&str) -> bool,
) -> Undisturbed {
    let mut heard = Vec::new();
    let mut kept: Vec<Value> = Vec::with_capacity(items.len());
    let mut asks_again = false;
    let mut lost = Lost::default();
    let mut items = items.into_iter().peekable();
    while let Some(item) = items.next() {
        match Voice::of(&item) {
            Voice::User if is_go_on(&item, go_on) => {
                // The turn was cut off before its end was seen: its last word
                // is said again.
                while kept.last().is_some_and(|last| Voice::of(last) == Voice::Model) {
                    kept.pop();
                }
                lost.interrupted();
                asks_again = true;
            }
            Voice::User if is_abort(&item) => asks_again = true,
            // Told a second time, since the first was cut off before an answer.
            Voice::User if kept.last().is_some_and(|last| says_the_same(last, &item)) => {
                asks_again = true;
            }
            Voice::Model => {
                let reply = reply(item, &mut items);
                if ids(&reply).any(is_void) {
                    heard.extend(ids(&reply).map(str::to_owned));
                    asks_again = true;
                } else if is_cut_short(&reply) {
                    asks_again = true;
                } else if let Some(begin) = lost.begin_of(&reply) {
                    kept.truncate(begin);
                    asks_again = true;
                } else {
                    lost.note(&reply, kept.len());
                    kept.extend(reply);
                    asks_again = false;
                }
            }
            Voice::User | Voice::Output | Voice::Frame => {
                kept.push(item);
                asks_again = false;
            }
        }
    }
    heard.extend(ids(&kept).map(str::to_owned));
    Undisturbed { items: kept, heard, asks_again }
}

/// Returns the ids of what the model said.
fn ids(items: &[Value]) -> impl Iterator<Item = &str> {
    let said = items.iter().filter(|item| Voice::of(item) == Voice::Model);
    said.filter_map(|item| item.get("id")?.as_str())
}

/// Commands that Codex said still run, and where the replies begin that
/// started them. An interruption ends them: what waits for one then is told
/// that there is no such command, and has to begin with it again.
#[derive(Debug, Default)]
struct Lost {
    interruptions: usize,
    running: BTreeMap<String, (usize, usize)>,
}

impl Lost {
    fn interrupted(&mut self) {
        self.interruptions += 1;
    }

    /// Notes what a reply started; it begins at this place of the history.
    fn note(&mut self, reply: &[Value], begin: usize) {
        for number in sessions(reply, "Process running with session ID ") {
            self.running.insert(number.to_owned(), (begin, self.interruptions));
        }
    }

    /// Returns where the reply begins whose command this reply waited for in
    /// vain, if an interruption has ended it.
    fn begin_of(&self, reply: &[Value]) -> Option<usize> {
        let lost = sessions(reply, "write_stdin failed: Unknown process id ");
        let found = lost.filter_map(|number| self.running.get(number));
        found.filter(|(_, before)| *before < self.interruptions).map(|(begin, _)| *begin).min()
    }
}

/// Finds the numbers behind such words at the beginning of a line, in what
/// Codex puts above the outputs of a reply.
fn sessions<'r>(reply: &'r [Value], words: &'r str) -> impl Iterator<Item = &'r str> {
    reply.iter().flat_map(outputs).filter_map(move |output| {
        let head = output.split_once("\nOutput:").map_or(output, |(head, _)| head);
        Some(head.lines().find_map(|line| line.strip_prefix(words))?.trim())
    })
}

/// Returns the texts of an output: one, or several parts.
fn outputs(item: &Value) -> impl Iterator<Item = &str> {
    let output = item.get("output");
    let parts = output.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
    output.and_then(Value::as_str).into_iter().chain(texts)
}

/// Takes the rest of a reply and the outputs of its calls. Codex sends all
/// parts of a reply before the first output.
fn reply(first: Value, items: &mut std::iter::Peekable<std::vec::IntoIter<Value>>) -> Vec<Value> {
    let mut reply = vec![first];
    while let Some(item) = items.next_if(|item| Voice::of(item) == Voice::Model) {
        reply.push(item);
    }
    while let Some(item) = items.next_if(|item| Voice::of(item) == Voice::Output) {
        reply.push(item);
    }
    reply
}

fn is_cut_short(reply: &[Value]) -> bool {
    reply.iter().flat_map(outputs).any(|output| {
        let output = output.trim();
        output == "aborted"
            || output.starts_with("aborted by user")
            || (output.starts_with("Wall time: ") && output.ends_with("\naborted by user"))
    })
}

fn says_the_same(one: &Value, other: &Value) -> bool {
    Voice::of(one) == Voice::User && one.get("content") == other.get("content")
}

fn is_go_on(item: &Value, go_on: &str) -> bool {
    texts(item).any(|text| text.trim() == go_on.trim())
}

fn is_abort(item: &Value) -> bool {
    texts(item).next().is_some_and(|text| text.trim_start().starts_with("<turn_aborted>"))
}

/// Returns the texts of a message's parts.
pub(super) fn texts(item: &Value) -> impl Iterator<Item = &str> {
    let parts = item.get("content").and_then(Value::as_array).map(Vec::as_slice);
    parts.unwrap_or_default().iter().filter_map(|part| part.get("text").and_then(Value::as_str))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const GO_ON: &str = "Go on.";

    fn user(text: &str) -> Value {
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
    }

    fn says(text: &str) -> Value {
        json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]})
    }

    fn call(id: &str) -> Value {
        json!({"type": "function_call", "call_id": id, "name": "exec_command", "arguments": "{}"})
    }

    fn output(id: &str, text: &str) -> Value {
        json!({"type": "function_call_output", "call_id": id, "output": text})
    }

    #[test]
    fn a_command_that_an_interruption_ended_is_begun_with_again() {
        let lost = "write_stdin failed: Unknown process id 7";
        let begun = [
            user("Do it."),
            call("a"),
            output("a", "Process running with session ID 7\nOutput:\n"),
            call("b"),
            output("b", "1 of 2"),
        ];
        let waited = [call("c"), output("c", lost)];
        let killed = [&begun[..], &[call("x"), output("x", "aborted"), user(GO_ON)]].concat();
        let again = undisturbed([&killed[..], &waited].concat(), GO_ON, &|_| false);
        assert_eq!((again.items.len(), again.asks_again), (1, true));
        // The model's own mistake stays what it is.
        let mistaken = undisturbed([&begun[..], &waited].concat(), GO_ON, &|_| false);
        assert_eq!((mistaken.items.len(), mistaken.asks_again), (7, false));
        // So does another number, and what a program says.
        for other in ["write_stdin failed: Unknown process id 8", &format!("x\nOutput:\n{lost}")] {
            let waited = [call("c"), output("c", other)];
            let found = undisturbed([&killed[..], &waited].concat(), GO_ON, &|_| false);
            assert_eq!(found.items.len(), 7, "{other}");
        }
    }

    #[test]
    fn a_void_reply_is_left_out_and_was_heard() {
        let mut void = call("a");
        void["id"] = "void".into();
        let mut said = says("Done.");
        said["id"] = "said".into();
        let items = vec![user("Do it."), void, output("a", "x")];
        let found = undisturbed(items.clone(), GO_ON, &|id| id == "void");
        assert_eq!((found.items.len(), found.asks_again), (1, true));
        assert_eq!(found.heard, ["void"]);
        let found = undisturbed([&items[..], &[said]].concat(), GO_ON, &|id| id == "void");
        assert_eq!((found.items.len(), found.asks_again), (2, false));
        assert_eq!(found.heard, ["void", "said"]);
    }

    #[test]
    fn an_interrupted_history_is_the_one_before_the_interruption() {
        let abort = user("<turn_aborted>\nThe user interrupted.\n</turn_aborted>");
        let task = user("Do it.");
        // Each history, and how many of its entries are left.
        let cases = [
            // Killed while a command ran; its neighbour had ended.
            (
                vec![
                    task.clone(),
                    call("a"),
                    call("b"),
                    output("b", "aborted"),
                    output("a", "first"),
                    user(GO_ON),
                ],
                1,
                true,
            ),
            // Interrupted by a signal.
            (
                vec![
                    task.clone(),
                    says("I start."),
                    call("a"),
                    output("a", "Wall time: 1.0 seconds\naborted by user"),
                    abort,
                    user(GO_ON),
                ],
                1,
                true,
            ),
            // Killed while the model thought: the outputs are there.
            (vec![task.clone(), call("a"), output("a", "x"), user(GO_ON)], 3, true),
            // Killed before the end of a turn was seen.
            (vec![task.clone(), says("Done."), user(GO_ON)], 1, true),
            // A gate was told twice.
            (vec![task.clone(), says("Done."), user("red"), user("red")], 3, true),
            // It went on after an interruption: nothing is asked again.
            (
                vec![
                    task.clone(),
                    call("a"),
                    output("a", "aborted"),
                    user(GO_ON),
                    call("b"),
                    output("b", "x"),
                ],
                3,
                false,
            ),
            (vec![task.clone(), says("Done."), user("red")], 3, false),
            (vec![task, call("a"), output("a", "the run was aborted by user")], 3, false),
        ];
        for (items, left, asks_again) in cases {
            let found = undisturbed(items.clone(), GO_ON, &|_| false);
            assert_eq!((found.items.len(), found.asks_again), (left, asks_again), "{items:?}");
        }
    }
}
