//! What a cassette holds, entry by entry, as it is shown to people and
//! programs: the same for a script and for a recording.
//!
//! Unaware of how it is printed.

use serde::Serialize;
use serde_json::Value;

use super::Usage;
use super::recording::{End, Entry, Recording};
use super::script::{Call, Reply, Script};

/// What a cassette holds of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeTranscript {
    /// The node's name.
    pub node: String,
    /// The file it stands in.
    pub file: String,
    /// Its exchanges, in order.
    pub exchanges: Vec<ExchangeTranscript>,
}

/// A request, as far as it is new, and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExchangeTranscript {
    /// Its number, from 1.
    pub number: usize,
    /// The line it begins on, from 1.
    pub line: usize,
    /// The exchange whose conversation it goes on from, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<usize>,
    /// It asked once more, after an interruption, for what was answered before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub asks_again: bool,
    /// The model that was asked, where the cassette names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// What is new in the request; of a script, what it is expected to hold.
    pub asked: Vec<Entry>,
    /// What was answered.
    pub answered: Vec<Entry>,
    /// How the answer ended.
    pub end: EndTranscript,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndTranscript {
    /// `completed`, `incomplete`, `failed`, `broken` or `status`.
    pub how: &'static str,
    /// The HTTP status, where it was no stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider's reason or code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The provider's message or body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The tokens it is accounted with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

impl EndTranscript {
    fn of(end: &End) -> Self {
        let nothing = Self { how: "broken", status: None, code: None, message: None, usage: None };
        let usage = end.usage();
        match end.clone() {
            End::Completed { .. } => Self { how: "completed", usage, ..nothing },
            End::Incomplete { reason, .. } => {
                Self { how: "incomplete", code: Some(reason), usage, ..nothing }
            }
            End::Failed { code, message } => {
                Self { how: "failed", code: Some(code), message: Some(message), ..nothing }
            }
            End::Broken => nothing,
            End::Status { status, body, .. } => {
                Self { how: "status", status: Some(status), message: Some(body), ..nothing }
            }
        }
    }
}

impl Recording {
    /// Returns what it holds of each node.
    #[must_use]
    pub fn transcript(&self) -> Vec<NodeTranscript> {
        let nodes = self.tapes().map(|(node, file, tape)| NodeTranscript {
            node: node.to_owned(),
            file: file.to_owned(),
            exchanges: (0..tape.exchanges().len())
                .map(|at| {
                    let exchange = &tape.exchanges()[at];
                    let (asked, answered) = tape.entries(at);
                    let model = exchange.settings.value.get("model").and_then(Value::as_str);
                    ExchangeTranscript {
                        number: at + 1,
                        line: exchange.line,
                        after: exchange.from().map(|(before, _)| before + 1),
                        asks_again: exchange.asks_again,
                        model: model.map(str::to_owned),
                        asked,
                        answered,
                        end: EndTranscript::of(&exchange.recorded.end),
                    }
                })
                .collect(),
        });
        nodes.collect()
    }
}

impl Script {
    /// Returns what it holds for each node.
    #[must_use]
    pub fn transcript(&self) -> Vec<NodeTranscript> {
        let nodes = self.nodes().map(|(node, replies)| NodeTranscript {
            node: node.to_owned(),
            file: self.name().to_owned(),
            exchanges: (1..)
                .zip(replies)
                .map(|(number, reply)| self.exchange(number, reply))
                .collect(),
        });
        nodes.collect()
    }

    fn exchange(&self, number: usize, reply: &Reply) -> ExchangeTranscript {
        let text = |kind, text: &String| Entry::text(kind, text.clone());
        let mut answered = Vec::new();
        answered.extend(reply.reason.as_ref().map(|reason| text("reason", reason)));
        answered.extend(reply.say.as_ref().map(|say| text("say", say)));
        answered.extend(reply.calls.iter().map(|call| match call {
            Call::Shell(shell) => text("shell", shell),
            Call::Patch(patch) => text("patch", patch),
        }));
        ExchangeTranscript {
            number,
            line: reply.line,
            after: None,
            asks_again: false,
            model: self.model().map(str::to_owned),
            asked: reply.expect.iter().map(|expect| text("expect", expect)).collect(),
            answered,
            end: EndTranscript::of(&End::Completed { usage: reply.usage }),
        }
    }
}
