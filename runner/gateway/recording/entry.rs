//! An entry of a history as it is shown: who says it, and the text.
//!
//! Unaware of how it is printed.

use serde::Serialize;

use super::form::{Form, Text, Texts};

/// An entry of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The word for it in the file: `user`, `say`, `shell`, `output`, …
    pub kind: &'static str,
    /// The number of the call that it is, or whose output.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<usize>,
    /// The tool, where the word does not say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The other arguments of a command, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with: Option<String>,
    /// What is said, run, patched or put out.
    pub text: String,
}

impl Entry {
    /// Makes an entry that is a text alone.
    pub(crate) fn text(kind: &'static str, text: String) -> Self {
        Self { kind, call: None, tool: None, with: None, text }
    }

    /// Makes the entry of a form; `calls` calls stand before it.
    pub(super) fn of(form: Form, calls: usize) -> Self {
        let call = Some(calls + 1);
        let texts = |kind, texts: Option<Texts>| Some(Self::text(kind, joined(&texts?)));
        let said = texts("developer", form.developer)
            .or_else(|| texts("user", form.user))
            .or_else(|| texts("say", form.say))
            .or_else(|| texts("reason", form.reason));
        if let Some(said) = said {
            return said;
        }
        if let Some(shell) = form.shell {
            return Self { call, with: form.with, ..Self::text("shell", shell) };
        }
        if let Some(patch) = form.patch {
            return Self { call, ..Self::text("patch", patch) };
        }
        if let Some(tool) = form.call {
            let text = form.input.or(form.with).unwrap_or_default();
            return Self { call, tool: Some(tool), ..Self::text("call", text) };
        }
        if let Some(output) = form.output {
            return Self { call: form.of, ..Self::text("output", joined(&output)) };
        }
        let item = form.item.map(|item| joined(&Texts::One(item)));
        Self::text("item", item.unwrap_or_default())
    }
}

fn joined(texts: &Texts) -> String {
    let text = |text: &Text| match text {
        Text::Inline(text) => text.clone(),
        Text::Shared { file } => file.clone(),
    };
    texts.all().iter().map(text).collect::<Vec<_>>().join("\n")
}
