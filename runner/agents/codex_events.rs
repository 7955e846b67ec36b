//! Reads the lines that `codex exec --json` prints.
//!
//! The format is not a published contract, so the reading is lenient: a line
//! that is no JSON, an unknown event or a missing field is no event. Lines are
//! taken as loose JSON values since some carry a key twice. An `error` is not
//! final: the turn may still complete. Unaware of the rest of the agent.

use serde_json::Value;

use super::AgentEvent;

/// Reads one line.
pub(super) fn read(line: &[u8]) -> Option<AgentEvent> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let text = |value: &Value, key: &str| value.get(key)?.as_str().map(ToOwned::to_owned);
    match value.get("type")?.as_str()? {
        "thread.started" => text(&value, "thread_id").map(AgentEvent::Session),
        "turn.completed" => Some(AgentEvent::Completed),
        "turn.failed" => {
            let reason = value.get("error").and_then(|error| text(error, "message"));
            let reason = reason.unwrap_or_else(|| "the turn failed without a reason".to_owned());
            Some(AgentEvent::Failed(reason))
        }
        "error" => text(&value, "message").map(AgentEvent::Notice),
        "item.completed" if is_message(&value) => {
            value.get("item").and_then(|item| text(item, "text")).map(AgentEvent::Said)
        }
        "item.started" | "item.updated" | "item.completed" => {
            value.get("item").and_then(activity).map(AgentEvent::Activity)
        }
        _ => None,
    }
}

fn is_message(event: &Value) -> bool {
    event.pointer("/item/type").and_then(Value::as_str) == Some("agent_message")
}

/// Says in one line what an item is about.
fn activity(item: &Value) -> Option<String> {
    let text = |key: &str| item.get(key).and_then(Value::as_str);
    match item.get("type")?.as_str()? {
        "command_execution" => Some(format!("runs {}", text("command")?)),
        "file_change" => {
            let changes = item.get("changes")?.as_array()?;
            let path = changes.first()?.get("path")?.as_str()?;
            let more = changes.len() - 1;
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            Some(format!("edits {}{more}", path.trim_start_matches("/repo/")))
        }
        "agent_message" => Some(format!("says {}", text("text")?)),
        "reasoning" => Some(format!("thinks {}", text("text")?)),
        "mcp_tool_call" => Some(format!("calls {}", text("tool")?)),
        "error" => Some(format!("notes {}", text("message")?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity_of(line: &str) -> Option<AgentEvent> {
        read(line.as_bytes())
    }

    #[test]
    fn the_session_and_the_end_of_a_turn_are_read() {
        let line = r#"{"type":"thread.started","thread_id":"01a2"}"#;
        assert_eq!(activity_of(line), Some(AgentEvent::Session("01a2".into())));
        let line = r#"{"type":"turn.completed","usage":{"input_tokens":1}}"#;
        assert_eq!(activity_of(line), Some(AgentEvent::Completed));
        let line = r#"{"type":"turn.failed","error":{"message":"no"}}"#;
        assert_eq!(activity_of(line), Some(AgentEvent::Failed("no".into())));
    }

    #[test]
    fn an_error_is_only_a_notice() {
        let line = r#"{"type":"error","message":"Reconnecting... 1/5"}"#;
        assert_eq!(activity_of(line), Some(AgentEvent::Notice("Reconnecting... 1/5".into())));
    }

    #[test]
    fn items_say_what_is_done() {
        let line = r#"{"type":"item.started","item":{"id":"a","type":"command_execution","command":"ls"}}"#;
        assert_eq!(activity_of(line), Some(AgentEvent::Activity("runs ls".into())));
        let line = r#"{"type":"item.completed","item":{"type":"file_change","changes":[{"path":"/repo/a.txt","kind":"add"},{"path":"/repo/b"}]}}"#;
        assert_eq!(activity_of(line), Some(AgentEvent::Activity("edits a.txt and 1 more".into())));
    }

    #[test]
    fn what_the_agent_says_is_read_whole() {
        let line = r#"{"type":"item.completed","item":{"type":"agent_message","text":"a\nb"}}"#;
        assert_eq!(activity_of(line), Some(AgentEvent::Said("a\nb".into())));
        let line = r#"{"type":"item.updated","item":{"type":"agent_message","text":"a"}}"#;
        assert_eq!(activity_of(line), Some(AgentEvent::Activity("says a".into())));
    }

    #[test]
    fn a_key_that_stands_twice_is_no_error() {
        let line = r#"{"type":"item.started","item":{"id":"item_3","type":"reasoning","id":"ws","text":"x"}}"#;
        assert_eq!(activity_of(line), Some(AgentEvent::Activity("thinks x".into())));
    }

    #[test]
    fn nonsense_is_no_event() {
        for line in ["", "{", "null", "[]", "{}", "\u{0}", r#"{"type":7}"#, r#"{"type":"new"}"#] {
            assert_eq!(activity_of(line), None, "{line}");
        }
        assert_eq!(read(b"\xff\xfe"), None);
    }
}
