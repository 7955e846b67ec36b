//! How many tokens the prompt of a request can have at most: what the provider
//! has counted for the same beginning, and the bytes of what is new.
//!
//! A token is at least one byte of text, so bytes bound it. Each response tells
//! what its own prompt was counted with; the next request of the session begins
//! with the same items. Unaware of prices and of whose session it is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::fields::{All, Fields};
use super::request::pictures;
use crate::ledger::IMAGE_TOKENS_MAX;

/// How many beginnings are remembered: the sessions of a run ask in turn.
const REMEMBERED_MAX: usize = 4_096;

/// The digest of a beginning.
type Sum = [u8; 32];

/// The size of a request, by its beginnings.
#[derive(Debug)]
pub(super) struct Measured {
    /// Each beginning, from the settings alone to the whole: its digest, and the
    /// most tokens of its last item.
    beginnings: Vec<(Sum, u64)>,
}

/// What was counted, by beginning.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    tokens: BTreeMap<Sum, u64>,
    order: VecDeque<Sum>,
}

impl Measured {
    /// Measures a request. What the model sees of it are instructions, tools,
    /// the form of its answer, and the items of the conversation.
    pub(super) fn of(fields: &Fields<'_>) -> Result<Self, String> {
        let items: Vec<&RawValue> = serde_json::from_str(fields.get("input").unwrap_or("[]"))
            .map_err(|error| format!("`input` is no list: {error}"))?;
        let mut digest = Sha256::new();
        let mut tokens = 0_u64;
        for name in ["model", "instructions", "tools", "tool_choice", "text", "reasoning"] {
            let text = fields.get(name).unwrap_or_default();
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
            tokens = tokens.saturating_add(text.len() as u64);
        }
        let mut beginnings = vec![(digest.clone().finalize().into(), tokens)];
        for item in items {
            let text = item.get();
            add(&mut digest, text);
            beginnings.push((digest.clone().finalize().into(), most(text)));
        }
        Ok(Self { beginnings })
    }
}

/// Adds an item to a digest, as far as the model sees it: a message is the same
/// under another id, which Codex gives the first one of a forked session.
fn add(digest: &mut Sha256, item: &str) {
    let mut add = |text: &str| {
        digest.update((text.len() as u64).to_le_bytes());
        digest.update(text);
    };
    match serde_json::from_str::<All<'_>>(item) {
        Ok(All(fields)) if is_message(&fields) => {
            add("message");
            for (name, value) in fields.iter().filter(|(name, _)| name != "id") {
                add(name);
                add(value.get());
            }
        }
        // Also one that has a field twice: nobody knows which is read.
        _ => {
            add("item");
            add(item);
        }
    }
}

fn is_message(fields: &[(String, &RawValue)]) -> bool {
    fields.iter().any(|(name, value)| name == "type" && value.get() == "\"message\"")
}

/// The most tokens that an item can be counted with.
fn most(item: &str) -> u64 {
    let (count, bytes) = pictures(item);
    let text = (item.len() as u64).saturating_sub(bytes);
    text.saturating_add(count.saturating_mul(IMAGE_TOKENS_MAX))
}

impl Known {
    /// Returns the most tokens that the prompt of a request can have.
    pub(super) fn bound(&self, request: &Measured) -> u64 {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = 0_u64;
        for (sum, tokens) in request.beginnings.iter().rev() {
            if let Some(counted) = memory.tokens.get(sum) {
                return counted.saturating_add(new);
            }
            new = new.saturating_add(*tokens);
        }
        new
    }

    /// Learns what a request's prompt was counted with.
    pub(super) fn learn(&self, request: &Measured, tokens: u64) {
        let Some((sum, _)) = request.beginnings.last() else { return };
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Of two counts the larger one bounds both.
        match memory.tokens.get_mut(sum) {
            Some(known) => *known = tokens.max(*known),
            None => {
                memory.tokens.insert(*sum, tokens);
                memory.order.push_back(*sum);
            }
        }
        if memory.order.len() > REMEMBERED_MAX
            && let Some(oldest) = memory.order.pop_front()
        {
            memory.tokens.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn measured(instructions: &str, items: &[&str]) -> Measured {
        let item = |text: &&str| json!({"type": "message", "role": "user", "content": text});
        let input: Vec<_> = items.iter().map(item).collect();
        let body = json!({"model": "m", "instructions": instructions, "input": input}).to_string();
        Measured::of(&Fields::read(body.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn what_was_counted_needs_no_bound_and_what_is_new_counts_by_bytes() {
        let known = Known::default();
        let (first, second) = (measured("Work.", &["one"]), measured("Work.", &["one", "two"]));
        let bytes = known.bound(&first);
        assert!(bytes > 50 && bytes < 80, "{bytes}");
        known.learn(&first, 7);
        assert_eq!(known.bound(&first), 7);
        let new = json!({"type": "message", "role": "user", "content": "two"}).to_string().len();
        assert_eq!(known.bound(&second), 7 + new as u64);
        known.learn(&second, 11);
        known.learn(&second, 9);
        assert_eq!(known.bound(&second), 11, "the larger count bounds both");
    }

    #[test]
    fn another_beginning_is_counted_anew() {
        let known = Known::default();
        known.learn(&measured("Work.", &["one"]), 1);
        assert!(known.bound(&measured("Rest.", &["one"])) > 50);
        assert!(known.bound(&measured("Work.", &["other"])) > 50);
        // One text cut into items in another way is another beginning.
        known.learn(&measured("ab", &[]), 1);
        assert!(known.bound(&measured("a", &["b"])) > 50);
    }

    #[test]
    fn a_message_is_the_same_under_another_id_and_nothing_else_is() {
        let of = |item: &str| {
            let body = format!(r#"{{"model":"m","input":[{item}]}}"#);
            Measured::of(&Fields::read(body.as_bytes()).unwrap()).unwrap()
        };
        let known = Known::default();
        known.learn(&of(r#"{"type":"message","id":"a","role":"user","content":"one"}"#), 7);
        known.learn(&of(r#"{"type":"reasoning","id":"a"}"#), 7);
        let bound = |item: &str| known.bound(&of(item));
        assert_eq!(bound(r#"{"type":"message","id":"b","role":"user","content":"one"}"#), 7);
        for other in [
            r#"{"type":"message","id":"b","role":"user","content":"two"}"#,
            r#"{"type":"message","id":"b","role":"developer","content":"one"}"#,
            r#"{"type":"message","id":"b","content":"x","role":"user","content":"one"}"#,
            r#"{"type":"message","id":"b","id":"a","role":"user","content":"one"}"#,
            r#"{"type":"reasoning","id":"b"}"#,
        ] {
            assert!(bound(other) > 20, "{other}");
        }
    }

    #[test]
    fn a_picture_counts_with_its_stated_maximum() {
        let url = format!("data:image/png;base64,{}", "A".repeat(1_000_000));
        let item = json!({"type": "message", "role": "user", "content": [
            {"type": "input_image", "image_url": url}, {"type": "input_text", "text": "Look."},
        ]});
        let tokens = most(&item.to_string());
        assert!(tokens > IMAGE_TOKENS_MAX && tokens < IMAGE_TOKENS_MAX + 200, "{tokens}");
    }

    #[test]
    fn the_memory_has_a_bound() {
        let known = Known::default();
        for number in 0..REMEMBERED_MAX + 10 {
            known.learn(&measured(&number.to_string(), &[]), 1);
        }
        let memory = known.0.lock().unwrap();
        assert_eq!((memory.tokens.len(), memory.order.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
    }
}
