//! Reads a request of the Responses API: its tools, and the history that says
//! how far the node has come.
//!
//! An allow-list: a tool, an item or a part of one that is not known here may
//! cost money or run somewhere else, so it is refused. Unaware of cassettes and
//! of HTTP.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

/// What a request for a response holds that matters here.
#[derive(Debug, Deserialize)]
pub(super) struct ModelRequest {
    pub(super) model: String,
    pub(super) input: Vec<Item>,
    #[serde(default)]
    pub(super) tools: Vec<Tool>,
    #[serde(default)]
    stream: bool,
    #[serde(default)]
    store: bool,
    client_metadata: Option<Metadata>,
    /// The most tokens that the agent wants of an answer.
    pub(super) max_output_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(rename = "x-codex-turn-metadata")]
    turn: Option<String>,
}

/// An entry of the history.
#[derive(Debug, Deserialize)]
pub(super) struct Item {
    #[serde(rename = "type", default)]
    kind: String,
    role: Option<String>,
    id: Option<String>,
    call_id: Option<String>,
    content: Option<Content>,
    output: Option<Content>,
    /// Tools that a model gets in the history: all but one of Codex's do.
    #[serde(default)]
    tools: Vec<Tool>,
}

/// Text as the API writes it: plain, or in parts of which some are no text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Plain(String),
    Parts(Vec<Part>),
    Other(IgnoredAny),
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(rename = "type", default)]
    kind: String,
    text: Option<String>,
    image_url: Option<Value>,
    file_id: Option<IgnoredAny>,
}

/// Items of a history that are text or tools; outputs of calls are, too.
const ITEMS: &[&str] = &[
    "",
    "additional_tools",
    "message",
    "reasoning",
    "function_call",
    "custom_tool_call",
    "local_shell_call",
    "compaction",
    "compaction_summary",
];

/// Parts of an item that are text alone.
const PARTS: &[&str] =
    &["", "input_text", "output_text", "text", "summary_text", "reasoning_text", "refusal"];

/// A tool that the agent offers to the model.
#[derive(Debug, Deserialize)]
pub(super) struct Tool {
    #[serde(rename = "type")]
    kind: String,
    pub(super) name: Option<String>,
    #[serde(default)]
    tools: Vec<Tool>,
}

/// What an entry of the history is, seen from the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// Said by the model: a message, a reasoning, a call.
    Model,
    /// Said by the user, or by Codex in the user's name.
    User,
    /// The output of a call.
    Output,
    /// Instructions of Codex itself.
    Frame,
}

/// What the runner and Codex tell the model that is no input of the task.
const CONTEXT: &[&str] =
    &["<environment_context>", "# AGENTS.md instructions", "<turn_aborted>", "<user_instructions>"];

impl ModelRequest {
    /// Reads and checks a request; the error says which part is not allowed.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let request: Self = serde_json::from_slice(body)
            .map_err(|error| format!("the gateway does not let this request through: {error}"))?;
        if !request.stream {
            return Err("only streamed responses are served: `stream` must be true".to_owned());
        }
        if request.store {
            return Err("nothing is stored at the provider: `store` must be false".to_owned());
        }
        request.tools.iter().try_for_each(Tool::check)?;
        request.input.iter().try_for_each(Item::check)?;
        Ok(request)
    }

    /// Refuses what is no turn of the agent, for a script: a compaction would
    /// replace the history by which the due reply is found.
    pub(super) fn check_kind(&self) -> Result<(), String> {
        let turn = self.client_metadata.as_ref().and_then(|metadata| metadata.turn.as_deref());
        let Some(turn) = turn.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
            return Ok(());
        };
        match turn.get("request_kind").and_then(Value::as_str) {
            None | Some("turn") => Ok(()),
            Some("compaction") => Err("Codex asks for a summary to shorten its history, which a \
                 cassette cannot give: the last reply's `usage` comes near the model's context \
                 window; write a smaller `input`"
                .to_owned()),
            Some(other) => Err(format!("requests of the kind `{other}` are not served")),
        }
    }

    /// Tells whether the agent offers a tool of this name.
    pub(super) fn offers(&self, name: &str) -> bool {
        self.tools.iter().any(|tool| tool.name.as_deref() == Some(name))
    }
}

impl Tool {
    /// Refuses tools that run at the provider: they have no price here.
    fn check(&self) -> Result<(), String> {
        match self.kind.as_str() {
            "function" | "custom" => Ok(()),
            "namespace" => self.tools.iter().try_for_each(Self::check),
            kind => Err(format!(
                "the hosted tool `{kind}` is refused: it has no price; switch it off (Codex: `-c {}`)",
                if kind.starts_with("web_search") {
                    "web_search=disabled"
                } else {
                    "tools.…=false"
                },
            )),
        }
    }
}

impl Item {
    /// Refuses what is not text, but for pictures that are in the request.
    fn check(&self) -> Result<(), String> {
        let kind = self.kind.as_str();
        if !ITEMS.contains(&kind) && !kind.ends_with("_call_output") {
            return Err(format!("items of the kind `{kind}` are refused: their cost is not known"));
        }
        self.tools.iter().try_for_each(Tool::check)?;
        let mut parts =
            [&self.content, &self.output].into_iter().flatten().flat_map(Content::parts);
        parts.try_for_each(Part::check)
    }

    pub(super) fn voice(&self) -> Voice {
        match (self.kind.as_str(), self.role.as_deref()) {
            ("message" | "", Some("assistant")) => Voice::Model,
            ("message" | "", Some("user")) => Voice::User,
            ("message" | "" | "additional_tools", _) => Voice::Frame,
            (kind, _) if kind.ends_with("_output") => Voice::Output,
            _ => Voice::Model,
        }
    }

    /// Returns the id that leads to the reply it came from: its own, or the
    /// call's that it answers.
    pub(super) fn origin(&self) -> Option<&str> {
        match self.voice() {
            Voice::Output => self.call_id.as_deref(),
            _ => self.call_id.as_deref().or(self.id.as_deref()),
        }
    }

    /// Tells whether it is a message.
    pub(super) fn is_message(&self) -> bool {
        matches!(self.kind.as_str(), "message" | "")
    }

    /// Returns what a call put out.
    pub(super) fn output(&self) -> String {
        self.output.as_ref().map(|output| output.texts().concat()).unwrap_or_default()
    }

    /// Returns the parts of a message that the user wrote.
    pub(super) fn said(&self) -> Vec<&str> {
        let mut texts = self.content.as_ref().map(Content::texts).unwrap_or_default();
        texts.retain(|text| !CONTEXT.iter().any(|mark| text.trim_start().starts_with(mark)));
        texts
    }
}

impl Part {
    /// Refuses what would be fetched from somewhere else, or is not known.
    fn check(&self) -> Result<(), String> {
        match self.kind.as_str() {
            "input_image" if self.picture().is_some() && self.file_id.is_none() => Ok(()),
            "input_image" => Err("a picture must be in the request, as a `data:` URL".to_owned()),
            kind if PARTS.contains(&kind) => Ok(()),
            kind => Err(format!("parts of the kind `{kind}` are refused: their cost is not known")),
        }
    }

    /// Returns the URL of a picture that is in the request.
    fn picture(&self) -> Option<&str> {
        let url = self.image_url.as_ref()?;
        let url = url.as_str().or_else(|| url.get("url")?.as_str())?;
        url.starts_with("data:").then_some(url)
    }
}

/// Counts the pictures in an item, and the bytes that they take of it.
pub(super) fn pictures(item: &str) -> (u64, u64) {
    // Most have none, and are not read for that.
    if !item.contains("input_image") {
        return (0, 0);
    }
    let Ok(item) = serde_json::from_str::<Item>(item) else { return (0, 0) };
    let parts = [&item.content, &item.output].into_iter().flatten().flat_map(Content::parts);
    parts
        .filter(|part| part.kind == "input_image")
        .filter_map(Part::picture)
        .fold((0, 0), |(count, bytes), url| (count + 1, bytes + url.len() as u64))
}

impl Content {
    fn parts(&self) -> &[Part] {
        match self {
            Self::Parts(parts) => parts,
            Self::Plain(_) | Self::Other(_) => &[],
        }
    }

    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Plain(text) => vec![text],
            Self::Parts(parts) => parts.iter().filter_map(|part| part.text.as_deref()).collect(),
            Self::Other(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(extra: &Value) -> Result<ModelRequest, String> {
        let mut body = json!({"model": "m", "input": [], "stream": true, "store": false});
        for (key, value) in extra.as_object().expect("an object") {
            body[key] = value.clone();
        }
        ModelRequest::parse(body.to_string().as_bytes())
    }

    #[test]
    fn what_has_no_price_is_refused() {
        let cases = [
            (json!({"tools": [{"type": "web_search"}]}), "the hosted tool `web_search` is refused"),
            (json!({"tools": [{"type": "namespace", "tools": [{"type": "x"}]}]}), "tool `x`"),
            (
                json!({"input": [{"type": "additional_tools", "tools": [
                    {"type": "namespace", "tools": [{"type": "web_search"}]}]}]}),
                "the hosted tool `web_search` is refused",
            ),
            (json!({"input": [{"type": "item_reference", "id": "x"}]}), "`item_reference`"),
            (
                json!({"input": [{"type": "message", "content": [{"type": "input_file"}]}]}),
                "`input_file`",
            ),
            (
                json!({"input": [{"type": "function_call_output", "output": [
                    {"type": "input_image", "image_url": "https://example.org/x.png"}]}]}),
                "must be in the request",
            ),
            (json!({"store": true}), "`store` must be false"),
            (json!({"stream": false}), "`stream` must be true"),
            (json!({"input": "text"}), "invalid type"),
        ];
        for (extra, message) in cases {
            let fault = parse(&extra).expect_err("refused");
            assert!(fault.contains(message), "{extra}: {fault}");
        }
        let tools = json!([{"type": "function", "name": "f"}, {"type": "custom"}]);
        parse(&json!({"tools": tools})).unwrap();
        parse(&json!({"input": [{"type": "additional_tools", "tools": tools}]})).unwrap();
    }

    #[test]
    fn a_compaction_is_refused_with_its_cause() {
        let metadata = |kind: &str| {
            let turn = json!({"request_kind": kind}).to_string();
            json!({"client_metadata": {"x-codex-turn-metadata": turn}})
        };
        let check = |kind| parse(&metadata(kind)).unwrap().check_kind();
        check("turn").unwrap();
        assert!(check("compaction").unwrap_err().contains("context window"));
        assert!(check("memory").unwrap_err().contains("`memory`"));
    }

    #[test]
    fn what_codex_adds_to_the_users_words_is_not_their_words() {
        let request = parse(&json!({"input": [{"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "# AGENTS.md instructions for /repo\nUse tabs."},
            {"type": "input_image", "image_url": "data:x"},
            {"type": "input_text", "text": "Write it."},
        ]}]}));
        assert_eq!(request.unwrap().input[0].said(), ["Write it."]);
    }
}
