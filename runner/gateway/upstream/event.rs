//! What an event of a streamed response is: one of those that end it, or another.
//!
//! An event is told by the `type` in its data, as Codex tells it; its `event`
//! line counts only where there is none. Nothing but the end is read as JSON: a
//! stream has hundreds of events, and only its end says what it used.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::classify;
use super::sse;
use super::trouble::{Class, Phase, Trouble};
use crate::gateway::Usage;

/// What an event is. Where the usage is `None`, the provider did not say it, or
/// said what cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The response is complete.
    Completed(Option<Usage>),
    /// The response ends here, for this reason, such as `max_output_tokens`.
    Incomplete(Option<Usage>, String),
    /// The response has failed.
    Failed(Trouble, Option<Usage>),
    /// The response goes on.
    Other,
    /// No event at all, but a comment that keeps the connection open.
    Comment,
}

/// The events that end a response.
const COMPLETED: &str = "response.completed";
const INCOMPLETE: &str = "response.incomplete";
const FAILED: &str = "response.failed";
const ERROR: &str = "error";
const LAST: &[&str] = &[COMPLETED, INCOMPLETE, FAILED, ERROR];

/// Tells what an event is. `now` is in seconds since 1970-01-01 UTC.
pub(super) fn kind(event: &[u8], now: u64) -> Kind {
    let name = sse::fields(event).filter(|(field, _)| field == b"event").last();
    let name = name.map_or(b"".as_slice(), |(_, value)| value);
    let Some(data) = data(event) else { return Kind::Comment };
    match last(name, &data) {
        Some(last) => read(last, &data, now),
        None => Kind::Other,
    }
}

/// Returns the data of an event, its lines as one text; `None` where it has none.
pub(super) fn data(event: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut data: Option<Cow<'_, [u8]>> = None;
    for (field, value) in sse::fields(event) {
        match (field, &mut data) {
            (b"data", None) => data = Some(Cow::Borrowed(value)),
            (b"data", Some(data)) => {
                data.to_mut().push(b'\n');
                data.to_mut().extend_from_slice(value);
            }
            _ => {}
        }
    }
    data
}

/// Tells which of the last events this is, if it is one.
fn last(name: &[u8], data: &[u8]) -> Option<&'static str> {
    let known = |name: &[u8]| LAST.iter().copied().find(|last| last.as_bytes() == name);
    // As all providers write it.
    if let Some(rest) = data.strip_prefix(br#"{"type":"#) {
        let quoted = rest.trim_ascii_start().strip_prefix(b"\"")?;
        let end = memchr::memchr(b'"', quoted)?;
        return known(&quoted[..end]);
    }
    // The names may stand in any text, but no last event is without its name.
    let may_be = LAST.iter().any(|last| memmem::find(data, last.as_bytes()).is_some());
    if !may_be && known(name).is_none() {
        return None;
    }
    match serde_json::from_slice::<Head<'_>>(data) {
        Ok(Head { kind: Some(kind) }) => known(kind.as_bytes()),
        _ => known(name),
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
}

/// A last event. What it says beside this is for the agent.
#[derive(Deserialize)]
struct Last<'a> {
    #[serde(borrow, default)]
    response: Option<Response<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    incomplete_details: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Details {
    reason: Option<String>,
}

#[derive(Deserialize)]
struct RawUsage {
    input_tokens: u64,
    input_tokens_details: Option<InputDetails>,
    output_tokens: u64,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct InputDetails {
    cached_tokens: Option<u64>,
    #[serde(alias = "cache_creation_tokens", alias = "cache_creation_input_tokens")]
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetails {
    reasoning_tokens: Option<u64>,
}

fn read(last: &'static str, data: &[u8], now: u64) -> Kind {
    let Ok(event) = serde_json::from_slice::<Last<'_>>(data) else {
        let message = format!("the event `{last}` is not as it should be");
        return Kind::Failed(Trouble::new(Phase::Broken, Class::Malformed, &message), None);
    };
    let response = event.response.as_ref();
    let usage = response.and_then(|response| response.usage).and_then(usage);
    match last {
        COMPLETED => Kind::Completed(usage),
        INCOMPLETE => {
            let details = response.and_then(|response| response.incomplete_details);
            let details = details.and_then(|raw| serde_json::from_str::<Details>(raw.get()).ok());
            let reason = details.and_then(|details| details.reason);
            Kind::Incomplete(usage, reason.unwrap_or_else(|| "no reason given".to_owned()))
        }
        _ => {
            let error = response.and_then(|response| response.error).or(event.error);
            // The event `error` is its own error where it has none inside.
            let fault = match error {
                Some(raw) => serde_json::from_str(raw.get()),
                None => serde_json::from_slice(data),
            };
            Kind::Failed(classify::failed(&fault.unwrap_or_default(), now), usage)
        }
    }
}

/// Reads what a response used. What contradicts itself is worth nothing: it
/// could make the response look cheaper than it was.
fn usage(raw: &RawValue) -> Option<Usage> {
    let raw: RawUsage = serde_json::from_str(raw.get()).ok()?;
    let details = raw.input_tokens_details.as_ref();
    let reasoning = raw.output_tokens_details.and_then(|details| details.reasoning_tokens);
    let usage = Usage {
        input: raw.input_tokens,
        cached: details.and_then(|details| details.cached_tokens).unwrap_or(0),
        cache_write: details.and_then(|details| details.cache_write_tokens).unwrap_or(0),
        output: raw.output_tokens,
        reasoning: reasoning.unwrap_or(0),
    };
    usage.is_consistent().then_some(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(event: &str) -> Kind {
        kind(event.as_bytes(), 0)
    }

    const USAGE: &str = r#"{"input_tokens":9,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":3},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":11}"#;

    fn usage() -> Usage {
        Usage { input: 9, cached: 4, cache_write: 3, output: 2, reasoning: 1 }
    }

    #[test]
    fn the_end_is_found_however_it_is_written() {
        let body = format!(r#""response":{{"id":"r","usage":{USAGE},"error":null}}"#);
        let forms = [
            format!(
                "event: response.completed\ndata: {{\"type\":\"response.completed\",{body}}}\n\n"
            ),
            format!("data: {{\"type\":\"response.completed\",{body}}}\n\n"),
            format!("data:{{\"type\": \"response.completed\",{body}}}\r\n\r\n"),
            format!("data: {{{body},\"type\":\"response.completed\"}}\n\n"),
            format!("data: {{ \"type\" : \"response.completed\", {body} }}\n\n"),
            format!("data: {{{body},\ndata: \"type\":\"response.completed\"}}\n\n"),
            format!("event: response.completed\ndata: {{{body}}}\n\n"),
        ];
        for form in forms {
            assert_eq!(of(&form), Kind::Completed(Some(usage())), "{form}");
        }
    }

    #[test]
    fn what_only_looks_like_an_end_is_none() {
        let events = [
            r#"data: {"type":"response.output_text.delta","delta":"response.completed"}"#,
            r#"data: {"delta":"\"type\":\"response.completed\"","type":"response.output_text.delta"}"#,
            r#"data: {"response":{"type":"response.completed"},"type":"response.created"}"#,
            "event: response.completed\ndata: {\"type\":\"response.created\"}",
            r#"data: {"type":"keepalive"}"#,
            "data: [DONE]",
            "data: response.completed",
            "event: response.created\ndata: {}",
        ];
        for event in events {
            assert_eq!(of(&format!("{event}\n\n")), Kind::Other, "{event}");
        }
        assert_eq!(of(": response.completed\n\n"), Kind::Comment);
        assert_eq!(of("event: response.completed\n\n"), Kind::Comment);
        assert_eq!(of("\n"), Kind::Comment);
    }

    #[test]
    fn an_end_before_its_time_has_its_reason() {
        let event = r#"data: {"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"},"usage":null}}"#;
        assert_eq!(of(event), Kind::Incomplete(None, "max_output_tokens".to_owned()));
    }

    #[test]
    fn a_failure_is_classified_wherever_its_error_stands() {
        let events = [
            r#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"x"}}}"#,
            r#"{"type":"error","code":"rate_limit_exceeded","message":"x","param":null}"#,
            r#"{"type":"error","error":{"type":"y","code":"rate_limit_exceeded","message":"x"}}"#,
        ];
        for event in events {
            let Kind::Failed(trouble, None) = of(&format!("data: {event}\n\n")) else {
                panic!("{event}");
            };
            assert_eq!((trouble.phase, trouble.class), (Phase::Failed, Class::RateLimited));
            assert_eq!(trouble.message, "the response failed (rate_limit_exceeded): x");
        }
        let event = r#"data: {"type":"response.failed","response":{"error":null}}"#;
        let Kind::Failed(trouble, None) = of(event) else { panic!() };
        assert_eq!(trouble.class, Class::Overloaded);
    }

    #[test]
    fn a_usage_that_cannot_be_is_none() {
        let cases = [
            "null",
            "{}",
            r#"{"input_tokens":-1,"output_tokens":2}"#,
            r#"{"input_tokens":1.5,"output_tokens":2}"#,
            r#"{"input_tokens":1,"input_tokens_details":{"cached_tokens":2},"output_tokens":2}"#,
            r#"{"input_tokens":1,"output_tokens":99999999999999999999999}"#,
            r#""none""#,
        ];
        for usage in cases {
            let event = format!(
                "data: {{\"type\":\"response.completed\",\"response\":{{\"usage\":{usage}}}}}"
            );
            assert_eq!(of(&event), Kind::Completed(None), "{usage}");
        }
        let plain = r#"{"input_tokens":3,"output_tokens":2,"input_tokens_details":null}"#;
        let event =
            format!("data: {{\"type\":\"response.completed\",\"response\":{{\"usage\":{plain}}}}}");
        let expected = Usage { input: 3, output: 2, ..Usage::default() };
        assert_eq!(of(&event), Kind::Completed(Some(expected)));
    }

    #[test]
    fn an_end_that_is_no_json_is_a_trouble() {
        let Kind::Failed(trouble, None) = of(r#"data: {"type":"response.completed","#) else {
            panic!()
        };
        assert_eq!((trouble.phase, trouble.class), (Phase::Broken, Class::Malformed));
    }
}
