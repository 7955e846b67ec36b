//! The environments and gates of a task, from its own lists and from defaults.
//!
//! Unaware of what environments and gates are.

use eufm_grammar::Diagnostic;

use crate::actors::adapted;
use crate::names::{Seen, listed_twice};
use crate::params::joined;
use crate::resolve::{Reading, Resolver};
use crate::task::{EnvironmentId, GateId, GateUse};
use crate::typed;
use crate::value::{Kind, Value, Word};
use crate::wording::quoted;

impl<'a> Resolver<'_, 'a, '_> {
    pub(crate) fn env(&mut self, reading: &Reading<'a>) -> Vec<EnvironmentId> {
        let mut seen = Seen::new();
        let mut env = Vec::new();
        for value in self.references(reading, "env", true) {
            let Some(word) = self.bare("env", "an environment", &value) else {
                continue;
            };
            if let Some(found) = self.shared.environments.find(&word, value.span, &mut self.eval) {
                match seen.note(found, value.span) {
                    Some(first) => self.eval.out.push(listed_twice(&word.text, value.span, first)),
                    None => env.push(EnvironmentId::new(found)),
                }
            }
        }
        env
    }

    pub(crate) fn gates(&mut self, reading: &Reading<'a>, with_defaults: bool) -> Vec<GateUse> {
        let mut seen = Seen::new();
        let mut gates = Vec::new();
        for value in self.references(reading, "gates", with_defaults) {
            if let Kind::Adapted { word, entries } = &value.kind {
                let Some(found) = self.shared.gates.find_any(word, value.span, &mut self.eval)
                else {
                    continue;
                };
                let base = &self.shared.gates.list[found];
                let params = adapted(base, entries, reading.scope, value.span, &mut self.eval);
                gates.extend(params.map(|params| {
                    if params == base.params {
                        GateUse::Declared(GateId::new(found))
                    } else {
                        GateUse::Adapted(Box::new((GateId::new(found), params)))
                    }
                }));
                continue;
            }
            let Some(word) = self.bare("gates", "a gate", &value) else {
                continue;
            };
            if let Some(found) = self.shared.gates.find(&word, value.span, &mut self.eval) {
                match seen.note(found, value.span) {
                    Some(first) => self.eval.out.push(listed_twice(&word.text, value.span, first)),
                    None => gates.push(GateUse::Declared(GateId::new(found))),
                }
            }
        }
        gates
    }

    /// Evaluates a list of names, with what defaults add to it.
    fn references(
        &mut self,
        reading: &Reading<'a>,
        key: &str,
        with_defaults: bool,
    ) -> Vec<Value<'a>> {
        let given = match reading.fields.get(key) {
            // A command that changes nothing has nothing that a default gate could judge.
            None if !with_defaults => Vec::new(),
            _ => self.given(reading, key),
        };
        let Some(value) = joined(&given, &mut self.eval) else {
            return Vec::new();
        };
        typed::list(key, value, self.eval.out).unwrap_or_default()
    }

    fn bare(&mut self, key: &str, noun: &str, value: &Value<'a>) -> Option<Word<'a>> {
        match &value.kind {
            Kind::Word(word) => Some(word.clone()),
            Kind::Text(text) => {
                let message = format!("{noun} is named by a bare name, not by a text");
                let finding = Diagnostic::error("E0301", message)
                    .at(value.span, "a text")
                    .help(format!("write {} without quotes", quoted(text)));
                self.eval.out.push(finding);
                None
            }
            _ => {
                let wanted = format!("{noun} by its bare name");
                typed::mismatch(
                    key,
                    &wanted,
                    value,
                    &format!("write the name of {noun}"),
                    self.eval.out,
                )
            }
        }
    }
}
