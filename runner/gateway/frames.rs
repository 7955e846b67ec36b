//! Writes a response of the Responses API as server-sent events, in the form
//! the real Codex CLI was seen to read.
//!
//! Nothing in it depends on clock or chance: the same turn gives the same
//! bytes. Unaware of cassette files and of HTTP.

use serde_json::{Value, json};

use super::Usage;
use super::due::{Poll, Serving, Turn};
use super::script::Call;

/// How long Codex lets a command run before it answers with what there is: the
/// most it allows. What runs longer is waited for.
const COMMAND_WAIT_MS: u32 = 30_000;
/// How long Codex lets one wait for a running command last: the most it allows.
const POLL_WAIT_MS: u32 = 300_000;

/// Writes the whole stream of a turn's response.
pub(super) fn write(turn: &Turn<'_>, model: &str) -> Vec<u8> {
    let serving = turn.serving();
    let items = items(turn);
    let mut stream = Stream::default();
    let response = |status: &str| json!({"id": serving.id("resp"), "object": "response", "status": status, "model": model});
    stream.event("response.created", json!({"response": response("in_progress")}));
    for (index, item) in items.iter().enumerate() {
        stream.item(index, item);
    }
    let mut done = response("completed");
    done["output"] = Value::Array(items);
    done["usage"] = usage(turn.usage());
    stream.event("response.completed", json!({"response": done}));
    stream.into_bytes()
}

/// A stream of events that is being written.
#[derive(Debug, Default)]
pub(super) struct Stream {
    bytes: Vec<u8>,
    sequence: u64,
}

impl Stream {
    /// Returns what was written.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Writes an event.
    pub(super) fn event(&mut self, kind: &str, mut data: Value) {
        data["type"] = kind.into();
        data["sequence_number"] = self.sequence.into();
        self.sequence += 1;
        self.bytes.extend_from_slice(format!("event: {kind}\ndata: {data}\n\n").as_bytes());
    }

    /// Writes the events of an item.
    pub(super) fn item(&mut self, index: usize, item: &Value) {
        let mut added = item.clone();
        if item["type"] == "message" {
            added["content"] = json!([]);
        }
        self.event("response.output_item.added", json!({"output_index": index, "item": added}));
        let id = &item["id"];
        if item["type"] == "message" {
            let text = &item["content"][0]["text"];
            let delta =
                json!({"item_id": id, "output_index": index, "content_index": 0, "delta": text});
            self.event("response.output_text.delta", delta);
        }
        if item["type"] == "reasoning" {
            let part = json!({"type": "summary_text", "text": ""});
            let place =
                json!({"item_id": id, "output_index": index, "summary_index": 0, "part": part});
            self.event("response.reasoning_summary_part.added", place);
            let text = &item["summary"][0]["text"];
            let delta =
                json!({"item_id": id, "output_index": index, "summary_index": 0, "delta": text});
            self.event("response.reasoning_summary_text.delta", delta);
        }
        self.event("response.output_item.done", json!({"output_index": index, "item": item}));
    }
}

fn items(turn: &Turn<'_>) -> Vec<Value> {
    let (serving, reply) = match turn {
        Turn::Reply(serving, reply) => (serving, reply),
        Turn::Wait(serving, polls) => {
            return polls.iter().map(|&poll| wait(serving, poll)).collect();
        }
    };
    let mut items = Vec::new();
    if let Some(reason) = &reply.reason {
        let summary = json!([{"type": "summary_text", "text": reason}]);
        items.push(json!({
            "type": "reasoning", "id": serving.id("rs"), "summary": summary, "encrypted_content": "cassette",
        }));
    }
    if let Some(say) = &reply.say {
        let content = json!([{"type": "output_text", "text": say, "annotations": []}]);
        items.push(json!({
            "type": "message", "id": serving.id("msg"), "role": "assistant", "status": "completed",
            "content": content,
        }));
    }
    items.extend((0..).zip(&reply.calls).map(|(at, one)| call(serving, at, one)));
    items
}

fn call(serving: &Serving, at: u32, call: &Call) -> Value {
    let call_id = serving.call_id(at);
    match call {
        Call::Shell(shell) => {
            let arguments = json!({"cmd": shell, "yield_time_ms": COMMAND_WAIT_MS});
            function_call(&call_id, call.tool(), &arguments)
        }
        Call::Patch(patch) => json!({
            "type": "custom_tool_call", "id": item_id("ctc", &call_id), "call_id": call_id,
            "name": call.tool(), "input": patch, "status": "completed",
        }),
    }
}

fn wait(serving: &Serving, poll: Poll) -> Value {
    let arguments = json!({"session_id": poll.session, "yield_time_ms": POLL_WAIT_MS});
    function_call(&serving.poll_id(poll), "write_stdin", &arguments)
}

fn function_call(call_id: &str, name: &str, arguments: &Value) -> Value {
    json!({
        "type": "function_call", "id": item_id("fc", call_id), "call_id": call_id, "name": name,
        "arguments": arguments.to_string(),
    })
}

/// An item's own id beside the call's.
fn item_id(prefix: &str, call_id: &str) -> String {
    call_id.replacen("call", prefix, 1)
}

/// Writes the tokens of an answer.
pub(super) fn usage(usage: Usage) -> Value {
    let mut details = json!({"cached_tokens": usage.cached});
    if usage.cache_write > 0 {
        details["cache_write_tokens"] = usage.cache_write.into();
    }
    json!({
        "input_tokens": usage.input,
        "input_tokens_details": details,
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input.saturating_add(usage.output),
    })
}

#[cfg(test)]
mod tests {
    use super::super::script::Script;
    use super::*;

    fn stream(script: &str) -> Vec<(String, Value)> {
        let script = Script::parse(script, "c.toml").expect("a cassette");
        let reply = &script.replies("a").expect("replies")[0];
        let serving = Serving { tag: "0123456789ab".to_owned(), reply: 0, round: 2 };
        let bytes = write(&Turn::Reply(serving.clone(), reply), "m");
        assert_eq!(bytes, write(&Turn::Reply(serving, reply), "m"));
        let text = String::from_utf8(bytes).expect("text");
        text.split_terminator("\n\n").map(frame).collect()
    }

    fn frame(text: &str) -> (String, Value) {
        let (kind, data) = text.split_once('\n').expect("two lines");
        let data = data.strip_prefix("data: ").expect("data");
        let kind = kind.strip_prefix("event: ").expect("event");
        (kind.to_owned(), serde_json::from_str(data).expect("JSON"))
    }

    #[test]
    fn a_stream_holds_each_part_of_the_reply_in_order() {
        let frames = stream(
            "format = 1\n[[node.a]]\nreason = 'r'\nsay = 's'\nshell = 'true'\nusage = { cached = 9 }",
        );
        let kinds: Vec<&str> = frames.iter().map(|(kind, _)| kind.as_str()).collect();
        let expected = [
            "response.created",
            "response.output_item.added",
            "response.reasoning_summary_part.added",
            "response.reasoning_summary_text.delta",
            "response.output_item.done",
            "response.output_item.added",
            "response.output_text.delta",
            "response.output_item.done",
            "response.output_item.added",
            "response.output_item.done",
            "response.completed",
        ];
        assert_eq!(kinds, expected);
        let done = &frames[10].1["response"];
        assert_eq!(done["usage"]["total_tokens"], 10_200);
        assert_eq!(done["usage"]["input_tokens_details"]["cached_tokens"], 9);
        assert_eq!(done["id"], "resp_0123456789ab_0_2");
        assert_eq!(done["output"][2]["call_id"], "call_0123456789ab_0_2_0");
        assert_eq!(done["output"][2]["id"], "fc_0123456789ab_0_2_0");
        assert_eq!(frames[9].1["sequence_number"], 9);
    }
}
