//! Looks for texts that have the form of a credential, in a recording that
//! people are about to share.
//!
//! A form proves nothing: some finds are none, and passwords have no form.
//! Pure; unaware of where the texts stand.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// What is looked for, and its name.
const FORMS: &[(&str, &str)] = &[
    ("a key of a model's provider", r"\bsk-[A-Za-z0-9_-]{20,}"),
    ("a token of GitHub", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})"),
    ("a token of GitLab", r"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("a token of Slack", r"\bxox[abprs]-[0-9A-Za-z-]{10,}"),
    ("an access key of AWS", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a key of Google", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    ("a signed token", r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    ("a bearer token", r"\bBearer [A-Za-z0-9._~+/-]{20,}"),
];

static COMPILED: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let compiled = |pattern: &str| {
        let pattern = pattern.replace(r"\b", r"(?-u:\b)");
        Regex::new(&pattern).expect("invariant: the pattern is a constant")
    };
    FORMS.iter().map(|(name, pattern)| (*name, compiled(pattern))).collect()
});

/// Returns what the first credential in a text seems to be. The text itself is
/// not repeated anywhere.
pub(super) fn in_text(text: &str) -> Option<&'static str> {
    COMPILED.iter().find(|(_, form)| form.is_match(text)).map(|(name, _)| *name)
}

/// As [`in_text`], for all texts of a value.
pub(super) fn in_value(value: &Value) -> Option<&'static str> {
    match value {
        Value::String(text) => in_text(text),
        Value::Array(values) => values.iter().find_map(in_value),
        Value::Object(fields) => fields.values().find_map(in_value),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made up from parts, so that no scanner takes this file for a leak.
    fn found(parts: &[&str]) -> Option<&'static str> {
        in_text(&format!("x={} y", parts.concat()))
    }

    #[test]
    fn forms_of_credentials_are_known() {
        let some = "0123456789abcdefABCDEF0123456789abcdefABCDEF";
        assert_eq!(found(&["sk-", "proj-", some]), Some("a key of a model's provider"));
        assert_eq!(found(&["gh", "p_", some]), Some("a token of GitHub"));
        assert_eq!(found(&["gl", "pat-", some]), Some("a token of GitLab"));
        assert_eq!(found(&["xo", "xb-", some]), Some("a token of Slack"));
        assert_eq!(found(&["AK", "IA0123456789ABCDEF"]), Some("an access key of AWS"));
        assert_eq!(found(&["AI", "za", &some[..35]]), Some("a key of Google"));
        assert_eq!(found(&["-----BEGIN ", "RSA PRIVATE KEY-----"]), Some("a private key"));
        assert_eq!(found(&["ey", "J", some, ".", some, ".", some]), Some("a signed token"));
        assert_eq!(found(&["Bearer ", some]), Some("a bearer token"));
    }

    #[test]
    fn usual_texts_are_no_credentials() {
        for text in [
            "task-list-of-a-long-name-here",
            "sk-learn",
            "Bearer of news",
            "-----BEGIN CERTIFICATE-----",
        ] {
            assert_eq!(in_text(text), None, "{text}");
        }
    }
}
