//! Makes a recorded answer into the stream that it was, with names of its own.
//!
//! Nothing in it depends on clock or chance: the same answer to the same
//! request gives the same bytes. Unaware of HTTP and of files.

use serde_json::{Value, json};

use super::exchange::{End, Recorded};
use super::marks::Marks;
use crate::gateway::Usage;
use crate::gateway::frames::{self, Stream};

/// What every id of an answer is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// Stands for the node: a fork's history holds another node's ids too.
    pub(super) tag: String,
    /// The number of the exchange, from 1.
    pub(super) exchange: usize,
    /// How often the asking session was given it before.
    pub(super) round: usize,
}

impl Names {
    fn id(&self, prefix: &str) -> String {
        format!("{prefix}_{}_{}_{}", self.tag, self.exchange, self.round)
    }

    /// Reads exchange and round from an id of this node; `None` for any other.
    pub(super) fn parse(id: &str, tag: &str) -> Option<(usize, usize)> {
        let (found, exchange, round) = Self::of_any(id)?;
        (found == tag).then_some((exchange, round))
    }

    /// Reads tag, exchange and round from an id of any node: the history of a
    /// forked session holds those of the node it was forked from.
    pub(super) fn of_any(id: &str) -> Option<(&str, usize, usize)> {
        let mut parts = id.split('_').skip(1);
        Some((parts.next()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}

/// Writes the events of an answer; those of an HTTP error are none.
pub(super) fn write(recorded: &Recorded, marks: &Marks, names: &Names, model: &str) -> Vec<u8> {
    if matches!(recorded.end, End::Status { .. }) {
        return Vec::new();
    }
    let mut stream = Stream::default();
    let response = |status: &str| json!({"id": names.id("resp"), "object": "response", "status": status, "model": model});
    stream.event("response.created", json!({"response": response("in_progress")}));
    let items: Vec<Value> =
        recorded.items.iter().enumerate().map(|(at, item)| named(item, at, marks, names)).collect();
    for (at, item) in items.iter().enumerate() {
        stream.item(at, item);
    }
    let (kind, mut done) = match &recorded.end {
        End::Completed { .. } => ("response.completed", response("completed")),
        End::Incomplete { reason, .. } => {
            let mut done = response("incomplete");
            done["incomplete_details"] = json!({"reason": reason});
            ("response.incomplete", done)
        }
        End::Failed { code, message } => {
            let mut done = response("failed");
            done["error"] = json!({"code": code, "message": message});
            ("response.failed", done)
        }
        End::Broken | End::Status { .. } => return stream.into_bytes(),
    };
    done["output"] = Value::Array(items);
    done["usage"] = recorded.end.usage().map_or(Value::Null, |usage: Usage| frames::usage(usage));
    stream.event(kind, json!({"response": done}));
    stream.into_bytes()
}

/// Gives an item the ids and the fields that are not recorded.
fn named(item: &Value, at: usize, marks: &Marks, names: &Names) -> Value {
    let mut item = item.clone();
    marks.name(&mut item, |call| format!("{}_{call}", names.id("call")));
    let kind = item["type"].as_str().unwrap_or_default();
    let prefix = match kind {
        "message" => "msg",
        "reasoning" => "rs",
        "function_call" => "fc",
        "custom_tool_call" => "ctc",
        _ => "item",
    };
    let status = matches!(kind, "message" | "custom_tool_call");
    let is_reasoning = kind == "reasoning";
    let Some(fields) = item.as_object_mut() else { return item };
    fields.insert("id".to_owned(), format!("{}_{at}", names.id(prefix)).into());
    if status {
        fields.insert("status".to_owned(), "completed".into());
    }
    if is_reasoning {
        fields.insert("encrypted_content".to_owned(), "recorded".into());
    }
    item
}
