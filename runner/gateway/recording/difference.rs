//! The first difference between a request and a recording, as people read it:
//! where in the request, and both texts around it.
//!
//! Unaware of files and of how the nearest request is found.

use std::fmt;

use serde_json::Value;

use crate::printable;

/// How much is shown of a text before and behind the difference, in characters.
const BEFORE: usize = 40;
const BEHIND: usize = 80;

/// Why a recording has no answer to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where the recording is: file and line.
    pub(super) place: String,
    /// The node.
    pub(super) node: String,
    /// What is different.
    pub(super) what: What,
}

/// What is different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// The recording has nothing of the node.
    Node,
    /// All answers were given.
    Over {
        /// How many exchanges there are.
        exchanges: usize,
    },
    /// The same was asked before, that answer broke off, and none came after it.
    Broken {
        /// The number of its exchange.
        exchange: usize,
    },
    /// The nearest request differs.
    Text {
        /// The number of its exchange.
        exchange: usize,
        /// Where in the request, such as `input[7].output`.
        path: String,
        /// What was recorded there; `None` for nothing.
        recorded: Option<String>,
        /// What is asked there; `None` for nothing.
        asked: Option<String>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, node, what } = self;
        let node = printable::line(node, 200);
        write!(f, "{}: node `{node}`: ", printable::line(place, 400))?;
        match what {
            What::Node => write!(f, "nothing of it was recorded"),
            What::Over { exchanges } => {
                write!(f, "the recording is over: all its {exchanges} answers were given")
            }
            What::Broken { exchange } => {
                write!(f, "the answer of exchange {exchange} broke off, and no other was recorded")
            }
            What::Text { exchange, path, recorded, asked } => {
                let shown = |text: &Option<String>| {
                    text.as_ref().map_or("nothing".to_owned(), |text| {
                        format!("{:?}", printable::line(text, 400))
                    })
                };
                write!(
                    f,
                    "the request differs from exchange {exchange}, which is nearest, at {}: \
                     recorded was {}, asked is {}",
                    printable::line(path, 200),
                    shown(recorded),
                    shown(asked)
                )
            }
        }
    }
}

impl std::error::Error for Difference {}

/// Finds the first difference of two values below a path: where it is, and
/// both texts around it.
pub(super) fn first(
    path: &str,
    recorded: &Value,
    asked: &Value,
) -> Option<(String, Option<String>, Option<String>)> {
    match (recorded, asked) {
        (Value::Object(one), Value::Object(other)) => {
            let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
            keys.sort_unstable();
            keys.dedup();
            keys.into_iter().find_map(|key| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                either(&path, one.get(key), other.get(key))
            })
        }
        (Value::Array(one), Value::Array(other)) => (0..one.len().max(other.len()))
            .find_map(|at| either(&format!("{path}[{at}]"), one.get(at), other.get(at))),
        (Value::String(one), Value::String(other)) => (one != other).then(|| {
            let (one, other) = around(one, other);
            (path.to_owned(), Some(one), Some(other))
        }),
        _ => (recorded != asked)
            .then(|| (path.to_owned(), Some(shown(recorded)), Some(shown(asked)))),
    }
}

/// As [`first`], where one may be missing.
pub(super) fn either(
    path: &str,
    recorded: Option<&Value>,
    asked: Option<&Value>,
) -> Option<(String, Option<String>, Option<String>)> {
    match (recorded, asked) {
        (Some(one), Some(other)) => first(path, one, other),
        (None, None) => None,
        (one, other) => Some((path.to_owned(), one.map(shown), other.map(shown))),
    }
}

/// Cuts both texts to what stands around their first difference.
fn around(one: &str, other: &str) -> (String, String) {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let skipped = same.saturating_sub(BEFORE);
    let cut = |text: &str| {
        let begin = if skipped > 0 { "…" } else { "" };
        let mut rest = text.chars().skip(skipped);
        let mut shown: String = rest.by_ref().take(same - skipped + BEHIND).collect();
        if rest.next().is_some() {
            shown.push('…');
        }
        format!("{begin}{shown}")
    };
    (cut(one), cut(other))
}

/// Shows a value that is there on one side alone, or of another kind.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(BEFORE + BEHIND).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}
