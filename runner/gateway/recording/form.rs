//! Entries of a history as people read them: one key for what somebody says, a
//! command, a patch, an output; JSON for what has no such form.
//!
//! A form is used only if exactly the same entry comes out of it again, so
//! nothing is lost. Unaware of files.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::marks::sorted;

/// Codex's tools with a key of their own.
const SHELL: &str = "exec_command";
const PATCH: &str = "apply_patch";

/// The keys of an entry.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Form {
    /// What Codex itself tells the model.
    pub(super) developer: Option<Texts>,
    /// What the user says, or Codex in the user's name.
    pub(super) user: Option<Texts>,
    /// What the model says.
    pub(super) say: Option<Texts>,
    /// For whom it is said, where the model tells: `commentary`, `final_answer`.
    pub(super) phase: Option<String>,
    /// The summary of the model's reasoning.
    pub(super) reason: Option<Texts>,
    /// A command line for Codex's shell.
    pub(super) shell: Option<String>,
    /// A patch.
    pub(super) patch: Option<String>,
    /// The tool of any other call.
    pub(super) call: Option<String>,
    /// The group of tools that it is one of.
    pub(super) namespace: Option<String>,
    /// Arguments of a call as JSON; those of `shell` beside the command.
    pub(super) with: Option<String>,
    /// The input of a call that takes no arguments but a text.
    pub(super) input: Option<String>,
    /// What a call put out; a list if it came in parts.
    pub(super) output: Option<Texts>,
    /// The call whose output it is, by its number in the session.
    pub(super) of: Option<usize>,
    /// The call takes a text, not arguments.
    pub(super) custom: bool,
    /// Anything else, as JSON.
    pub(super) item: Option<Text>,
}

/// The texts of a message's parts.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Texts {
    /// Of the only part.
    One(Text),
    /// Of several parts, or of none.
    Many(Vec<Text>),
}

/// A text.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub(super) enum Text {
    /// The text itself.
    Inline(String),
    /// A text that many exchanges have, in a file of its own.
    Shared {
        /// The file's name.
        file: String,
    },
}

impl Form {
    /// Finds the form of an entry; `calls` calls stand before it.
    pub(super) fn of(item: &Value, calls: usize) -> Self {
        let form = guess(item).unwrap_or_default();
        let same = form.value(calls, &mut |file| Err(file.to_owned()));
        if same.as_ref() == Ok(item) {
            return form;
        }
        let item = serde_json::to_string_pretty(item).unwrap_or_else(|_| item.to_string());
        Self { item: Some(Text::Inline(item)), ..Self::default() }
    }

    /// Returns the entry; `calls` calls stand before it, and `shared` reads a
    /// shared text.
    ///
    /// # Errors
    /// Says what is wrong with the keys.
    pub(super) fn value(
        &self,
        calls: usize,
        shared: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Value, String> {
        let mark = format!("call {}", calls.saturating_add(1));
        let mut texts = |texts: &Texts| texts.read(&mut *shared);
        let value = match self {
            Self { developer: Some(said), .. } => message("developer", "input_text", texts(said)?),
            Self { user: Some(said), .. } => message("user", "input_text", texts(said)?),
            Self { say: Some(said), .. } => message("assistant", "output_text", texts(said)?),
            Self { reason: Some(said), .. } => {
                json!({"type": "reasoning", "summary": parts("summary_text", texts(said)?)})
            }
            Self { shell: Some(shell), .. } => {
                function(&mark, SHELL, &self.arguments(Some(shell))?)
            }
            Self { patch: Some(patch), .. } => custom(&mark, PATCH, patch),
            Self { call: Some(name), input: Some(input), .. } => custom(&mark, name, input),
            Self { call: Some(name), .. } => function(&mark, name, &self.arguments(None)?),
            Self { output: Some(output), of: Some(of), .. } => {
                let kind = if self.custom { "custom_tool_call" } else { "function_call" };
                let read = texts(output)?;
                let output = match output {
                    Texts::One(_) => read.concat().into(),
                    Texts::Many(_) => parts("input_text", read),
                };
                json!({"type": format!("{kind}_output"), "call_id": format!("call {of}"), "output": output})
            }
            Self { item: Some(item), .. } => {
                let item = texts(&Texts::One(item.clone()))?.concat();
                serde_json::from_str(&item)
                    .map_err(|error| format!("`item` is no JSON: {error}"))?
            }
            _ => return Err(NO_FORM.to_owned()),
        };
        let value = self.with_rest(value);
        if self.keys() != self.expected_keys() {
            return Err(NO_FORM.to_owned());
        }
        Ok(sorted(value))
    }

    /// Returns the text of the arguments.
    fn arguments(&self, shell: Option<&String>) -> Result<String, String> {
        let with = self.with.as_deref().unwrap_or("{}");
        let Some(shell) = shell else { return Ok(with.to_owned()) };
        let mut arguments: Map<String, Value> = serde_json::from_str(with)
            .map_err(|error| format!("`with` is no JSON object: {error}"))?;
        arguments.insert("cmd".to_owned(), shell.as_str().into());
        Ok(sorted(Value::Object(arguments)).to_string())
    }

    fn with_rest(&self, mut value: Value) -> Value {
        for (key, text) in [("phase", &self.phase), ("namespace", &self.namespace)] {
            if let Some(text) = text {
                value[key] = text.as_str().into();
            }
        }
        value
    }

    /// Counts the keys that are there.
    fn keys(&self) -> usize {
        let texts = [&self.developer, &self.user, &self.say, &self.reason, &self.output];
        let strings = [
            &self.phase,
            &self.shell,
            &self.patch,
            &self.call,
            &self.namespace,
            &self.with,
            &self.input,
        ];
        texts.iter().filter(|it| it.is_some()).count()
            + strings.iter().filter(|it| it.is_some()).count()
            + usize::from(self.item.is_some())
            + usize::from(self.of.is_some())
            + usize::from(self.custom)
    }

    /// Counts the keys that belong to the first one.
    fn expected_keys(&self) -> usize {
        let has = |key: bool| usize::from(key);
        1 + match self {
            Self { say: Some(_), .. } => has(self.phase.is_some()),
            Self { shell: Some(_), .. } => has(self.with.is_some()) + has(self.namespace.is_some()),
            Self { call: Some(_), .. } => {
                has(self.with.is_some() != self.input.is_some()) + has(self.namespace.is_some())
            }
            Self { output: Some(_), .. } => 1 + has(self.custom),
            _ => 0,
        }
    }
}

const NO_FORM: &str = "an entry has one of `developer`, `user`, `say` (with `phase`), `reason`, \
     `shell` (with `with`), `patch`, `call` (with `with` or `input`), `output` (with `of`) and \
     `item`";

/// Guesses the form of an entry by its kind; whether it fits is seen later.
fn guess(item: &Value) -> Option<Form> {
    let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
    let mut form = Form { namespace: text("namespace"), ..Form::default() };
    match item.get("type")?.as_str()? {
        "message" => {
            let said = Some(texts_of(item.get("content")?)?);
            match item.get("role")?.as_str()? {
                "developer" => form.developer = said,
                "user" => form.user = said,
                "assistant" => {
                    form.say = said;
                    form.phase = text("phase");
                }
                _ => return None,
            }
        }
        "reasoning" => form.reason = Some(texts_of(item.get("summary")?)?),
        "function_call" => {
            let (name, arguments) = (text("name")?, text("arguments")?);
            match (name.as_str(), split_command(&arguments)) {
                (SHELL, Some((command, rest))) => {
                    form.shell = Some(command);
                    form.with = rest;
                }
                _ => {
                    form.call = Some(name);
                    form.with = Some(arguments);
                }
            }
        }
        "custom_tool_call" if text("name").as_deref() == Some(PATCH) => form.patch = text("input"),
        "custom_tool_call" => {
            form.call = text("name");
            form.input = text("input");
        }
        kind if kind.ends_with("_output") => {
            form.custom = kind == "custom_tool_call_output";
            form.output = match item.get("output")? {
                Value::String(text) => Some(Texts::One(Text::Inline(text.clone()))),
                parts => Some(Texts::Many(inline(parts)?)),
            };
            form.of = text("call_id").and_then(|mark| mark.strip_prefix("call ")?.parse().ok());
        }
        _ => return None,
    }
    Some(form)
}

/// Takes the command out of a shell's arguments.
fn split_command(arguments: &str) -> Option<(String, Option<String>)> {
    let mut arguments: Map<String, Value> = serde_json::from_str(arguments).ok()?;
    let Value::String(command) = arguments.remove("cmd")? else { return None };
    let rest = (!arguments.is_empty()).then(|| sorted(Value::Object(arguments)).to_string());
    Some((command, rest))
}

fn inline(parts: &Value) -> Option<Vec<Text>> {
    let text = |part: &Value| Some(Text::Inline(part.get("text")?.as_str()?.to_owned()));
    parts.as_array()?.iter().map(text).collect()
}

fn texts_of(parts: &Value) -> Option<Texts> {
    let mut texts = inline(parts)?;
    Some(if texts.len() == 1 { Texts::One(texts.remove(0)) } else { Texts::Many(texts) })
}

impl Texts {
    /// Returns the texts, as many as there are.
    pub(super) fn all(&self) -> &[Text] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }

    /// As [`Texts::all`], to be changed.
    pub(super) fn all_mut(&mut self) -> &mut [Text] {
        match self {
            Self::One(text) => std::slice::from_mut(text),
            Self::Many(texts) => texts,
        }
    }

    fn read(
        &self,
        shared: &mut dyn FnMut(&str) -> Result<String, String>,
    ) -> Result<Vec<String>, String> {
        let read = |text: &Text| match text {
            Text::Inline(text) => Ok(text.clone()),
            Text::Shared { file } => shared(file),
        };
        self.all().iter().map(read).collect()
    }
}

fn parts(kind: &str, texts: Vec<String>) -> Value {
    texts.into_iter().map(|text| json!({"type": kind, "text": text})).collect()
}

fn message(role: &str, kind: &str, texts: Vec<String>) -> Value {
    json!({"type": "message", "role": role, "content": parts(kind, texts)})
}

fn function(call_id: &str, name: &str, arguments: &str) -> Value {
    json!({"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments})
}

fn custom(call_id: &str, name: &str, input: &str) -> Value {
    json!({"type": "custom_tool_call", "call_id": call_id, "name": name, "input": input})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(file: &str) -> Result<String, String> {
        Err(file.to_owned())
    }

    #[test]
    fn usual_entries_have_a_form_and_it_gives_them_back() {
        let said = |role: &str, kind: &str| json!({"type": "message", "role": role, "content": [{"type": kind, "text": "x"}]});
        let mut final_word = said("assistant", "output_text");
        final_word["phase"] = "final_answer".into();
        let entries = [
            said("developer", "input_text"),
            said("user", "input_text"),
            said("assistant", "output_text"),
            final_word,
            json!({"type": "reasoning", "summary": []}),
            json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]}),
            function("call 3", SHELL, r#"{"cmd":"make","yield_time_ms":9}"#),
            function("call 3", SHELL, r#"{"cmd":"make"}"#),
            function("call 3", "write_stdin", r#"{"session_id":"<session 1>"}"#),
            custom("call 3", PATCH, "*** Begin Patch"),
            custom("call 3", "exec", "await x()"),
            json!({"type": "function_call_output", "call_id": "call 2", "output": "x"}),
            json!({"type": "custom_tool_call_output", "call_id": "call 2", "output": "x"}),
            json!({"type": "custom_tool_call_output", "call_id": "call 2", "output": parts("input_text", vec!["x".to_owned()])}),
        ];
        for entry in entries {
            let form = Form::of(&entry, 2);
            assert_eq!(form.item, None, "{entry}");
            assert_eq!(form.value(2, &mut none).expect("a value"), entry);
        }
    }

    #[test]
    fn an_unusual_entry_is_json_and_loses_nothing() {
        let image = json!([{"type": "input_image", "image_url": "data:"}]);
        let entries = [
            json!(null),
            json!({}),
            json!({"type": "message", "role": "user", "content": "plain"}),
            json!({"type": "message", "role": "user", "content": image}),
            json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}], "more": 1}),
            json!({"type": "message", "role": "system", "content": []}),
            json!({"type": "reasoning", "summary": [], "content": []}),
            // Not the next call.
            function("call 7", SHELL, r#"{"cmd":"make"}"#),
            function("call 3", SHELL, "no JSON"),
            function("call 3", SHELL, r#"{"yield_time_ms":9,"cmd":"make"}"#),
            json!({"type": "function_call_output", "call_id": "call 2", "output": image}),
            json!({"type": "tool_search_output", "call_id": "call 2", "output": "x"}),
            json!({"type": "compaction", "summary": "x"}),
        ];
        for entry in entries {
            let form = Form::of(&entry, 2);
            let back = form.value(2, &mut none).expect("a value");
            assert_eq!(back, entry, "{form:?}");
        }
    }

    #[test]
    fn keys_that_do_not_belong_together_are_refused() {
        let one = |text: &str| Some(Texts::One(Text::Inline(text.to_owned())));
        let cases = [
            Form::default(),
            Form { user: one("a"), say: one("b"), ..Form::default() },
            Form { patch: Some("a".to_owned()), with: Some("{}".to_owned()), ..Form::default() },
            Form { output: one("a"), ..Form::default() },
            Form { of: Some(1), ..Form::default() },
        ];
        for form in cases {
            form.value(0, &mut none).expect_err("refused");
        }
        let shell =
            Form { shell: Some("a".to_owned()), with: Some("[".to_owned()), ..Form::default() };
        assert!(shell.value(0, &mut none).expect_err("refused").contains("`with` is no JSON"));
    }
}
