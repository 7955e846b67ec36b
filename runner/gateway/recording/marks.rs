//! Fixed names for what Codex and the provider name by chance, and the way
//! back: ids of calls, numbers of running commands, temporary files.
//!
//! The n-th call of a history is `call n` whatever its id was. A recorded
//! answer that names one is played with the name that the asking session has.
//! Unaware of files and of how an answer is streamed.

use serde_json::{Map, Value};

use super::volatile;

/// The names that one history uses, in the order in which they appear.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Marks {
    calls: Vec<String>,
    sessions: Vec<String>,
    temporary: Vec<String>,
}

/// Which way names are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToMarks,
    ToNames,
}

/// The key under which an agent names a running command.
const SESSION_KEY: &str = "session_id";

impl Marks {
    /// Returns the mark of a call's id; a new id is the next call.
    pub(super) fn call(&mut self, id: &str) -> String {
        format!("call {}", number_of(&mut self.calls, id))
    }

    /// Returns the id of a call, by its number.
    pub(super) fn id(&self, call: usize) -> Option<&str> {
        self.calls.get(call.checked_sub(1)?).map(String::as_str)
    }

    /// Cleans a call's output, and remembers the names in it.
    pub(super) fn output(&mut self, text: &str) -> String {
        let cleaned = volatile::without_chance(text, |number| {
            format!("<session {}>", number_of(&mut self.sessions, number))
        });
        for name in volatile::temporary(text) {
            number_of(&mut self.temporary, name);
        }
        self.replace(&cleaned, Way::ToMarks)
    }

    /// Puts marks in place of the names in what the model said.
    pub(super) fn mark(&mut self, item: &mut Value) {
        if let Some(id) = item.get("call_id").and_then(Value::as_str) {
            item["call_id"] = self.call(id).into();
        }
        self.exchange(item, Way::ToMarks);
    }

    /// Puts this history's names in place of the marks in a recorded answer;
    /// `new_call` gives the id of a call by its number.
    pub(super) fn name(&self, item: &mut Value, new_call: impl Fn(usize) -> String) {
        let number = item
            .get("call_id")
            .and_then(Value::as_str)
            .and_then(|mark| mark.strip_prefix("call "))
            .and_then(|number| number.parse::<usize>().ok());
        if let Some(number) = number {
            let known = number.checked_sub(1).and_then(|at| self.calls.get(at));
            item["call_id"] = known.cloned().unwrap_or_else(|| new_call(number)).into();
        }
        self.exchange(item, Way::ToNames);
    }

    /// Exchanges names in everything that a model's item holds as text.
    fn exchange(&self, item: &mut Value, way: Way) {
        let Some(fields) = item.as_object_mut() else { return };
        for (key, value) in fields.iter_mut() {
            match key.as_str() {
                "call_id" | "type" | "role" => {}
                "arguments" => self.exchange_arguments(value, way),
                "input" => self.exchange_script(value, way),
                _ => self.exchange_texts(value, way),
            }
        }
    }

    /// Arguments are JSON in a string: what they say counts, not their blanks.
    fn exchange_arguments(&self, value: &mut Value, way: Way) {
        let parsed = value.as_str().and_then(|text| serde_json::from_str(text).ok());
        let Some(Value::Object(mut arguments)) = parsed else {
            return self.exchange_texts(value, way);
        };
        if let Some(session) = arguments.get_mut(SESSION_KEY) {
            self.exchange_session(session, way);
        }
        for (key, argument) in &mut arguments {
            if key != SESSION_KEY {
                self.exchange_texts(argument, way);
            }
        }
        *value = sorted(Value::Object(arguments)).to_string().into();
    }

    /// A script of the model may name running commands too.
    fn exchange_script(&self, value: &mut Value, way: Way) {
        if let Value::String(script) = value {
            *script = volatile::sessions_named(script, |name| {
                let mut named = serde_json::from_str(name).ok()?;
                self.exchange_session(&mut named, way).then(|| named.to_string())
            });
        }
        self.exchange_texts(value, way);
    }

    /// Exchanges the name of a running command; tells whether it is known.
    fn exchange_session(&self, value: &mut Value, way: Way) -> bool {
        let other: Option<Value> = match way {
            Way::ToMarks => {
                let name = value.to_string();
                let at = self.sessions.iter().position(|session| *session == name);
                at.map(|at| format!("<session {}>", at + 1).into())
            }
            Way::ToNames => value
                .as_str()
                .and_then(|mark| mark.strip_prefix("<session ")?.strip_suffix('>')?.parse().ok())
                .and_then(|number: usize| self.sessions.get(number.checked_sub(1)?))
                .and_then(|name| Some(name.parse::<u64>().ok()?.into())),
        };
        let is_known = other.is_some();
        if let Some(other) = other {
            *value = other;
        }
        is_known
    }

    fn exchange_texts(&self, value: &mut Value, way: Way) {
        match value {
            Value::String(text) if !self.temporary.is_empty() => *text = self.replace(text, way),
            Value::Array(values) => {
                values.iter_mut().for_each(|value| self.exchange_texts(value, way));
            }
            Value::Object(fields) => {
                fields.iter_mut().for_each(|(_, value)| self.exchange_texts(value, way));
            }
            _ => {}
        }
    }

    /// Exchanges the names of temporary files in a text.
    fn replace(&self, text: &str, way: Way) -> String {
        let mut text = text.to_owned();
        for (at, name) in self.temporary.iter().enumerate() {
            let mark = format!("<temporary {}>", at + 1);
            text = match way {
                Way::ToMarks => text.replace(name.as_str(), &mark),
                Way::ToNames => text.replace(&mark, name),
            };
        }
        text
    }
}

/// Returns the number of a name, from 1; a new one is the next.
fn number_of(names: &mut Vec<String>, name: &str) -> usize {
    if let Some(at) = names.iter().rposition(|known| known == name) {
        return at + 1;
    }
    names.push(name.to_owned());
    names.len()
}

/// Returns a value with the keys of its objects in order.
pub(super) fn sorted(value: Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        Value::Object(fields) => {
            let mut pairs: Vec<(String, Value)> = fields.into_iter().collect();
            pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
            let pairs = pairs.into_iter().map(|(key, value)| (key, sorted(value)));
            Value::Object(pairs.collect::<Map<_, _>>())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_is_the_same_mark_everywhere_and_comes_back_as_another_sessions_name() {
        let mut recorded = Marks::default();
        assert_eq!(recorded.call("call_abc"), "call 1");
        let output = recorded
            .output("Process running with session ID 44020\nOutput:\nlog in /tmp/tmp.Gd0mbhaOda\n");
        let expected =
            "Process running with session ID <session 1>\nOutput:\nlog in /tmp/<temporary 1>\n";
        assert_eq!(output, expected);
        let mut call = json!({
            "type": "function_call", "call_id": "call_def", "name": "write_stdin",
            "arguments": r#"{"session_id": 44020, "chars": "cat /tmp/tmp.Gd0mbhaOda 44020\n"}"#,
        });
        recorded.mark(&mut call);
        assert_eq!(call["call_id"], "call 2");
        assert_eq!(
            call["arguments"],
            r#"{"chars":"cat /tmp/<temporary 1> 44020\n","session_id":"<session 1>"}"#
        );

        let mut played = Marks::default();
        played.call("call_uvw");
        played.output("Process running with session ID 7\nOutput:\n/tmp/tmp.0123456789\n");
        played.name(&mut call, |number| format!("new_{number}"));
        assert_eq!(call["call_id"], "new_2");
        assert_eq!(
            call["arguments"],
            r#"{"chars":"cat /tmp/tmp.0123456789 44020\n","session_id":7}"#
        );
    }

    #[test]
    fn a_mark_that_the_session_has_no_name_for_stays() {
        let mut call = json!({"call_id": "x", "arguments": r#"{"session_id":"<session 3>"}"#});
        Marks::default().name(&mut call, |number| format!("new_{number}"));
        assert_eq!(call, json!({"call_id": "x", "arguments": r#"{"session_id":"<session 3>"}"#}));
    }
}
