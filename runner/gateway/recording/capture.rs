//! Puts an answer together from the events of its stream, as they pass.
//!
//! Unaware of what becomes of the events. Only those that matter are read as
//! JSON: a stream has hundreds of others.

use memchr::memmem;
use serde_json::Value;

use super::exchange::{End, Recorded};
use crate::gateway::Usage;

/// The longest body of an HTTP error that is kept, in bytes.
const BODY_BYTES_MAX: usize = 64 << 10;

/// What stands in the data of each event that matters.
const MATTERS: &[&str] =
    &["output_item.done", "response.completed", "response.incomplete", "response.failed", "error"];

/// An answer that is still coming.
#[derive(Debug, Default)]
pub struct Capture {
    items: Vec<Value>,
    end: Option<End>,
}

impl Capture {
    /// Takes the data of an event. What it does not know, such as a delta of a
    /// text that will come whole, it passes over.
    pub fn event(&mut self, data: &[u8]) {
        if !MATTERS.iter().any(|name| memmem::find(data, name.as_bytes()).is_some()) {
            return;
        }
        let Ok(mut event) = serde_json::from_slice::<Value>(data) else { return };
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        let response = event.get("response").cloned().unwrap_or_default();
        let end = match kind.as_str() {
            "response.output_item.done" => {
                self.items.extend(event.get_mut("item").map(Value::take));
                return;
            }
            "response.completed" => End::Completed { usage: usage_of(&response) },
            "response.incomplete" => End::Incomplete {
                reason: text_of(&response["incomplete_details"], "reason"),
                usage: usage_of(&response),
            },
            "response.failed" => failed(&response["error"]),
            "error" if event["error"].is_object() => failed(&event["error"]),
            "error" => failed(&event),
            _ => return,
        };
        self.end.get_or_insert(end);
    }

    /// Ends the answer where it was cut off, whatever its last event was to say.
    #[must_use]
    pub fn cut(self) -> Recorded {
        Recorded { items: self.items, end: End::Broken }
    }

    /// Ends the answer: without its last event it was broken.
    #[must_use]
    pub fn finish(self) -> Recorded {
        Recorded { items: self.items, end: self.end.unwrap_or(End::Broken) }
    }
}

impl Recorded {
    /// Makes the record of an HTTP error.
    #[must_use]
    pub fn refused(status: u16, retry_after_s: Option<u64>, body: &[u8]) -> Self {
        let body = body.get(..BODY_BYTES_MAX).unwrap_or(body);
        let body = String::from_utf8_lossy(body).into_owned();
        Self { items: Vec::new(), end: End::Status { status, retry_after_s, body } }
    }
}

fn failed(error: &Value) -> End {
    End::Failed { code: text_of(error, "code"), message: text_of(error, "message") }
}

fn text_of(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn usage_of(response: &Value) -> Usage {
    let usage = &response["usage"];
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    Usage {
        input: count(&usage["input_tokens"]),
        cached: count(&usage["input_tokens_details"]["cached_tokens"]),
        cache_write: count(&usage["input_tokens_details"]["cache_write_tokens"]),
        output: count(&usage["output_tokens"]),
        reasoning: count(&usage["output_tokens_details"]["reasoning_tokens"]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn captured(events: &[Value]) -> Recorded {
        let mut capture = Capture::default();
        events.iter().for_each(|event| capture.event(event.to_string().as_bytes()));
        capture.finish()
    }

    #[test]
    fn an_answer_is_its_done_items_and_its_end() {
        let item = json!({"type": "message", "id": "msg_1", "role": "assistant", "content": []});
        let usage = json!({
            "input_tokens": 9, "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
            "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 12,
        });
        let done = json!({"type": "response.output_item.done", "output_index": 0, "item": item});
        let counted = Usage { input: 9, cached: 4, cache_write: 2, output: 3, reasoning: 1 };
        let cases = [
            (
                json!({"type": "response.completed", "response": {"usage": usage}}),
                End::Completed { usage: counted },
            ),
            (
                json!({"type": "response.incomplete", "response": {"usage": usage, "incomplete_details": {"reason": "max_output_tokens"}}}),
                End::Incomplete { reason: "max_output_tokens".to_owned(), usage: counted },
            ),
            (
                json!({"type": "response.failed", "response": {"error": {"code": "c", "message": "m"}}}),
                End::Failed { code: "c".to_owned(), message: "m".to_owned() },
            ),
            (
                json!({"type": "error", "code": "c", "message": "m"}),
                End::Failed { code: "c".to_owned(), message: "m".to_owned() },
            ),
            (json!({"type": "response.output_text.delta", "delta": "x"}), End::Broken),
        ];
        for (last, end) in cases {
            let created = json!({"type": "response.created", "response": {}});
            let recorded = captured(&[created, done.clone(), last]);
            assert_eq!(recorded, Recorded { items: vec![item.clone()], end });
        }
    }

    #[test]
    fn what_is_no_event_is_passed_over() {
        let mut capture = Capture::default();
        for odd in ["[DONE]", "", "\u{fffd}error", "\"error\"", "[\"error\"]", "{\"error\": 3}"] {
            capture.event(odd.as_bytes());
        }
        assert_eq!(capture.finish(), Recorded { items: Vec::new(), end: End::Broken });
    }

    #[test]
    fn an_endless_body_of_an_error_is_cut() {
        let recorded = Recorded::refused(500, None, &vec![b'x'; 1 << 20]);
        assert!(matches!(recorded.end, End::Status { body, .. } if body.len() == BODY_BYTES_MAX));
    }
}
