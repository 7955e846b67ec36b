//! Keeps secrets out of a recording: what is to be written is looked through
//! for those that the runner holds, as a last check.
//!
//! By construction none comes here: headers are not recorded, and no agent is
//! given a provider's key. Unaware of where secrets come from.

use serde_json::Value;

/// Texts that must not be written.
pub(super) struct Secrets(Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Takes the secrets; empty ones are none.
    pub(super) fn new(secrets: Vec<String>) -> Self {
        Self(secrets.into_iter().filter(|secret| !secret.is_empty()).collect())
    }

    /// Tells whether a text holds one.
    pub(super) fn are_in(&self, text: &str) -> bool {
        self.0.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// Tells whether a value holds one, in any of its texts and keys.
    pub(super) fn are_in_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.are_in(text),
            Value::Array(values) => values.iter().any(|value| self.are_in_value(value)),
            Value::Object(fields) => {
                fields.iter().any(|(key, value)| self.are_in(key) || self.are_in_value(value))
            }
            other => self.are_in(&other.to_string()),
        }
    }
}
