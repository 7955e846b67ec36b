//! Evaluates written values: variables, `${…}`, comparisons and the few functions.
//!
//! Total: there is no recursion and no loop, and what may be copied is bounded.
//! What cannot be evaluated is reported, and becomes [`Kind::Damaged`]. Unaware
//! of the keys that values belong to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use eufm_grammar::ast::{self, Argument, Entry, Name, Part, Segment, ValueKind};
use eufm_grammar::{Diagnostic, Diagnostics, Span};

use crate::scope::ScopeId;
use crate::types::Type;
use crate::value::{Call, Field, Kind, Reference, Step, Value, Word};
use crate::wording::{Suggester, listed, quoted};
use crate::world::World;
use crate::{functions, spelling};

/// What a value is wanted for, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// To be filled into a text.
    Hole,
    /// The name of an instance.
    Index,
    /// Something else.
    Value,
}

/// Evaluates values and takes what is found.
pub(crate) struct Eval<'w, 'a, 'o> {
    pub(crate) world: &'w World<'a>,
    pub(crate) suggester: Suggester,
    pub(crate) out: &'o mut Diagnostics,
}

impl<'a> Eval<'_, 'a, '_> {
    /// Evaluates a value that was written in a scope.
    pub(crate) fn value(&mut self, value: &'a ast::Value<'a>, scope: ScopeId) -> Value<'a> {
        let span = value.span;
        let kind = match &value.kind {
            ValueKind::Text(text) => Kind::Text(Cow::Borrowed(text)),
            ValueKind::Name(name) => return self.name(name, span, scope),
            ValueKind::Quantity { number, unit } => {
                Kind::Quantity { number: Cow::Borrowed(number), unit: Cow::Borrowed(unit) }
            }
            ValueKind::List(values) => Kind::List(self.elements(values, scope)),
            ValueKind::Filled(parts) => self.filled(parts, span, scope),
            ValueKind::Block(entries) => Kind::Map(self.fields(entries, scope)),
            ValueKind::Call { name, arguments } => return self.call(name, arguments, span, scope),
            ValueKind::Adapted { name, entries } => {
                match self.name(name.text, name.span, scope).kind {
                    Kind::Word(word) => Kind::Adapted { word, entries },
                    Kind::Damaged => Kind::Damaged,
                    other => self.not_adaptable(name, other.noun()),
                }
            }
            ValueKind::Reference(segments) => return self.reference(segments, span, scope),
            ValueKind::Compared { left, equal, right } => self.compared(left, *equal, right, scope),
            ValueKind::Damaged => Kind::Damaged,
        };
        Value::new(kind, span)
    }

    /// Adds a finding, with the calls of templates that lead to its place.
    pub(crate) fn report(&mut self, finding: Diagnostic, scope: ScopeId) {
        self.out.push(self.world.scopes.with_calls(finding, scope));
    }

    /// Counts bytes that are copied; reports when there are too many.
    pub(crate) fn charge(&mut self, bytes: u64, span: Span) -> bool {
        let within = self.world.meter.copy(bytes);
        if !within && self.world.meter.is_first() {
            let most = self.world.meter.bytes >> 20;
            let message = format!("the spec expands to more than {most} MiB of text");
            let finding = Diagnostic::error("E0213", message).at(span, "too much here").help(
                "let agents read long texts from files instead of filling them into many prompts",
            );
            self.out.push(finding);
        }
        within
    }

    /// Evaluates a bare name that stands in a head.
    pub(crate) fn value_of_name(&mut self, name: &'a str, span: Span, scope: ScopeId) -> Value<'a> {
        self.name(name, span, scope)
    }

    /// Evaluates the elements of a list; a list among them counts as its elements.
    fn elements(&mut self, values: &'a [ast::Value<'a>], scope: ScopeId) -> Vec<Value<'a>> {
        let mut elements = Vec::with_capacity(values.len());
        for written in values {
            let value = self.value(written, scope);
            match value.kind {
                Kind::List(inner) => elements.extend(inner),
                kind => elements.push(self.flat(written, Value::new(kind, value.span), scope)),
            }
        }
        elements
    }

    /// Returns a value that goes into another one. Of what a variable brings, blocks
    /// and calls do not: so values nest as deep as they are written, and no deeper.
    fn flat(&mut self, written: &ast::Value<'a>, value: Value<'a>, scope: ScopeId) -> Value<'a> {
        let is_written = !matches!(written.kind, ValueKind::Name(_) | ValueKind::Reference(_));
        if is_written || !matches!(value.kind, Kind::Map(_) | Kind::Call(_)) {
            return value;
        }
        let finding = Diagnostic::error(
            "E0301",
            format!("{} cannot be put into another value", value.kind.noun()),
        )
        .at(written.span, value.kind.noun())
        .help("write it out here");
        self.report(finding, scope);
        Value::damaged(written.span)
    }

    /// Evaluates the entries of a block, each key once.
    fn fields(&mut self, entries: &'a [Entry<'a>], scope: ScopeId) -> Vec<Field<'a>> {
        let mut known: BTreeMap<&str, Span> = BTreeMap::new();
        let mut fields = Vec::with_capacity(entries.len());
        for entry in entries {
            if let Some(first) = known.insert(entry.key.text, entry.key.span) {
                let message = format!("{} is given twice", quoted(entry.key.text));
                let finding = Diagnostic::error("E0206", message)
                    .at(entry.key.span, "the second time")
                    .at(first, "the first time")
                    .help("keep one of them");
                self.report(finding, scope);
            } else {
                fields.push(self.field(entry, scope));
            }
        }
        fields
    }

    fn field(&mut self, entry: &'a Entry<'a>, scope: ScopeId) -> Field<'a> {
        let value = self.value(&entry.value, scope);
        let value = self.flat(&entry.value, value, scope);
        Field { key: entry.key, relation: entry.relation, value }
    }

    /// Evaluates a bare name: the value of a variable, or a word.
    fn name(&mut self, name: &'a str, span: Span, scope: ScopeId) -> Value<'a> {
        let word = || Value::new(Kind::Word(Word { text: Cow::Borrowed(name), home: scope }), span);
        if let Some(bound) = self.world.scopes.find(name, scope) {
            let value = bound.value.clone();
            return self.copied(value, span);
        }
        let is_doubtful = |name: &str| self.world.module_of(scope).doubtful.contains(name);
        let Some(end) = name.find(['.', '/']) else {
            return if is_doubtful(name) { Value::damaged(span) } else { word() };
        };
        let (first, rest) = name.split_at(end);
        if let Some(bound) = self.world.scopes.find(first, scope) {
            let value = bound.value.clone();
            return self.part_of(value, rest, span, scope);
        }
        // `module.name` may be a value of a used file.
        if let Some(inner) = rest.strip_prefix('.')
            && let Some(module) = self.world.used(first, scope)
            && let Some(bound) =
                self.world.scopes.at(self.world.scopes.module(module)).values.get(inner)
        {
            let value = bound.value.clone();
            return self.copied(value, span);
        }
        if rest.starts_with('.') && self.world.module_of(scope).doubtful.contains(first) {
            return Value::damaged(span);
        }
        word()
    }

    /// Returns a variable's value at the place where it is used; a name keeps the place
    /// where it was written, since there it must mean something.
    fn copied(&mut self, value: Value<'a>, span: Span) -> Value<'a> {
        if !self.charge(value.weight(), span) {
            return Value::damaged(span);
        }
        match value.kind {
            Kind::Word(_) | Kind::Reference(_) => value,
            kind => Value::new(kind, span),
        }
    }

    /// Returns what stands behind a variable's name: a key of a map, or a part of a node.
    fn part_of(
        &mut self,
        value: Value<'a>,
        rest: &'a str,
        span: Span,
        scope: ScopeId,
    ) -> Value<'a> {
        match value.kind {
            Kind::Word(word) => {
                let text = format!("{}{rest}", word.text);
                if !self.charge(text.len() as u64, span) {
                    return Value::damaged(span);
                }
                Value::new(Kind::Word(Word { text: text.into(), home: word.home }), span)
            }
            Kind::Reference(mut reference) => {
                if !self.charge(reference.steps.len() as u64 * 64, span) {
                    return Value::damaged(span);
                }
                let step = Step { words: Cow::Borrowed(rest), span, index: None, arguments: None };
                reference.steps.push(step);
                Value::new(Kind::Reference(reference), span)
            }
            Kind::Map(fields) => {
                let key = rest.trim_start_matches('.');
                match fields.iter().find(|field| field.key.text == key) {
                    Some(field) => self.copied(field.value.clone(), span),
                    None => {
                        let finding = Diagnostic::error(
                            "E0204",
                            format!("there is no {} in this block", quoted(key)),
                        )
                        .at(span, "unknown");
                        let keys: Vec<&str> = fields.iter().map(|field| field.key.text).collect();
                        let help = "name a key of the block, or add this one to it";
                        let keys = keys.iter().copied();
                        let finding = self.suggester.hint_or(finding, key, keys, help);
                        self.report(finding, scope);
                        Value::damaged(span)
                    }
                }
            }
            Kind::Damaged => Value::damaged(span),
            other => {
                let message = format!("{} has no parts", other.noun());
                let finding = Diagnostic::error("E0301", message)
                    .at(span, format!("nothing is called `{rest}` in it"))
                    .help("only maps and nodes have parts");
                self.report(finding, scope);
                Value::damaged(span)
            }
        }
    }

    fn not_adaptable(&mut self, name: &Name<'a>, noun: &str) -> Kind<'a> {
        let finding = Diagnostic::error("E0301", format!("{} is {noun}", quoted(name.text)))
            .at(name.span, "cannot be adapted")
            .help("name a gate before the `{`");
        self.out.push(finding);
        Kind::Damaged
    }

    /// Fills a text.
    fn filled(&mut self, parts: &'a [Part<'a>], span: Span, scope: ScopeId) -> Kind<'a> {
        let mut text = String::new();
        let mut whole = true;
        for part in parts {
            match part {
                Part::Plain(plain) => text.push_str(plain),
                Part::Hole(hole) => {
                    let value = self.value(hole, scope);
                    match self.spelled(&value, hole, scope) {
                        // As in a shell's `$(…)`: a file ends its last line, a sentence
                        // around it goes on.
                        Some(part) if self.charge(part.len() as u64, hole.span) => {
                            text.push_str(part.trim_end_matches('\n'));
                        }
                        _ => whole = false,
                    }
                }
            }
        }
        let plain: usize = parts
            .iter()
            .map(|part| if let Part::Plain(plain) = part { plain.len() } else { 0 })
            .sum();
        if whole && self.charge(plain as u64, span) {
            Kind::Text(Cow::Owned(text))
        } else {
            Kind::Damaged
        }
    }

    /// Spells a value within a text; what has no spelling is reported.
    fn spelled(
        &mut self,
        value: &Value<'a>,
        hole: &ast::Value<'_>,
        scope: ScopeId,
    ) -> Option<String> {
        let finding = match &value.kind {
            Kind::Damaged => return None,
            Kind::Word(word) if matches!(hole.kind, ValueKind::Name(name) if name == word.text) => {
                self.no_value(word, hole.span, scope, Wanted::Hole)
            }
            other => match spelling::of(other) {
                Some(text) => return Some(text),
                None => Diagnostic::error("E0301", format!("{} cannot be filled into a text", other.noun()))
                    .at(hole.span, other.noun())
                    .help("a text can take texts, numbers and words; repeat the task with `for` to go through a list"),
            },
        };
        self.report(finding, scope);
        None
    }

    /// Reports a name that has no value.
    pub(crate) fn no_value(
        &self,
        word: &Word<'_>,
        span: Span,
        scope: ScopeId,
        wanted: Wanted,
    ) -> Diagnostic {
        let message = format!("{} has no value here", quoted(&word.text));
        let finding = Diagnostic::error("E0204", message).at(span, "unknown");
        let module = self.world.module_of(scope);
        let looked_at =
            if self.suggester.afford(module.bindings.len()) { &module.bindings[..] } else { &[] };
        let below = looked_at.iter().find(|binding| binding.name.text == word.text);
        if below.is_some_and(|binding| binding.span.range().contains(&span.range().start)) {
            return finding.help("a value cannot use itself; it can use what stands above it");
        }
        if let Some(binding) = below {
            return finding
                .at(binding.name.span, "gets its value here, further down")
                .help("move it up: a value can use what stands above it");
        }
        if let Wanted::Index = wanted {
            return finding.help(format!("an instance is named by a text: `[\"{}\"]`", word.text));
        }
        let used = word.text.split_once('.').and_then(|(first, rest)| {
            Some((first, rest, self.world.scopes.module(self.world.used(first, scope)?)))
        });
        let before = finding.help.len();
        let finding = match used {
            Some((first, rest, inner)) => {
                let names: Vec<&str> = self.world.scopes.at(inner).values.keys().copied().collect();
                match self.suggester.closest(rest, names) {
                    Some(near) => finding.help(format!("did you mean `{first}.{near}`?")),
                    None => finding,
                }
            }
            None if self.suggester.afford(1) => {
                let names = self.world.scopes.names(scope);
                self.suggester.hint(finding, &word.text, names.iter().copied())
            }
            None => finding,
        };
        if finding.help.len() > before && finding.help[before].starts_with("did you mean") {
            return finding;
        }
        let help = "values come from `let`, `param`, `for` and the parameters of a template";
        match wanted {
            Wanted::Hole => finding.help(format!("{help}; a literal `${{` is written `$${{`")),
            _ => finding.help(help),
        }
    }

    fn call(
        &mut self,
        name: &'a Name<'a>,
        arguments: &'a [Argument<'a>],
        span: Span,
        scope: ScopeId,
    ) -> Value<'a> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            if let Some(key) = &argument.name {
                let message = format!("{} has no named arguments", quoted(name.text));
                let finding = Diagnostic::error("E0301", message)
                    .at(key.span, "a name")
                    .help("write the value alone");
                self.report(finding, scope);
            }
            let value = self.value(&argument.value, scope);
            values.push(self.flat(&argument.value, value, scope));
        }
        if let Some(function) = functions::find(name.text) {
            return function(self, name, &values, span, scope);
        }
        // `of.file("x")`, where `of` is a parameter that stands for a node.
        if let Some((first, rest)) = name.text.rsplit_once('.')
            && let Some(bound) = self.world.scopes.find(first, scope)
        {
            return self.part_with(bound.value.clone(), rest, values, span, scope);
        }
        let call = Call { name: *name, arguments: values, home: scope };
        Value::new(Kind::Call(Box::new(call)), span)
    }

    /// Returns `value.word(arguments)`, where the value stands for a node.
    fn part_with(
        &mut self,
        value: Value<'a>,
        word: &'a str,
        arguments: Vec<Value<'a>>,
        span: Span,
        scope: ScopeId,
    ) -> Value<'a> {
        let step = Step {
            words: format!(".{word}").into(),
            span,
            index: None,
            arguments: Some(arguments),
        };
        let reference = match value.kind {
            Kind::Word(word) => {
                let first = Step { words: word.text, span, index: None, arguments: None };
                Reference { home: word.home, steps: vec![first, step] }
            }
            Kind::Reference(mut reference) => {
                reference.steps.push(step);
                *reference
            }
            Kind::Damaged => return Value::damaged(span),
            other => {
                let finding = Diagnostic::error("E0301", format!("{} is no node", other.noun()))
                    .at(span, other.noun())
                    .help("name a task or command");
                self.report(finding, scope);
                return Value::damaged(span);
            }
        };
        Value::new(Kind::Reference(Box::new(reference)), span)
    }

    fn reference(&mut self, segments: &'a [Segment<'a>], span: Span, scope: ScopeId) -> Value<'a> {
        let mut steps: Vec<Step<'a>> = Vec::with_capacity(segments.len());
        let mut home = scope;
        for (position, segment) in segments.iter().enumerate() {
            let index = match &segment.index {
                None => None,
                Some(index) => match self.index(index, scope) {
                    Some(index) => Some(index),
                    None => return Value::damaged(span),
                },
            };
            let arguments = segment.arguments.as_ref().map(|arguments| {
                arguments.iter().map(|argument| self.value(&argument.value, scope)).collect()
            });
            let mut words = Cow::Borrowed(segment.name.text);
            if position == 0 {
                match self.name(segment.name.text, segment.name.span, scope).kind {
                    Kind::Word(word) => (words, home) = (word.text, word.home),
                    Kind::Reference(before) => {
                        home = before.home;
                        steps.extend(before.steps);
                        words = Cow::Borrowed("");
                    }
                    Kind::Damaged => return Value::damaged(span),
                    other => {
                        let finding = Diagnostic::error(
                            "E0301",
                            format!("{} has no instances", other.noun()),
                        )
                        .at(segment.name.span, other.noun())
                        .help("name a task, a group or a template's call before the `[`");
                        self.report(finding, scope);
                        return Value::damaged(span);
                    }
                }
            }
            steps.push(Step { words, span: segment.name.span, index, arguments });
        }
        Value::new(Kind::Reference(Box::new(Reference { home, steps })), span)
    }

    /// Evaluates what stands between `[` and `]`: the name of an instance.
    fn index(&mut self, index: &'a ast::Value<'a>, scope: ScopeId) -> Option<(String, Span)> {
        let value = self.value(index, scope);
        let finding = match &value.kind {
            Kind::Damaged => return None,
            Kind::Word(word) => self.no_value(word, index.span, scope, Wanted::Index),
            other => match spelling::of(other) {
                Some(text) => return Some((text, index.span)),
                None => Diagnostic::error("E0301", format!("{} names no instance", other.noun()))
                    .at(index.span, other.noun())
                    .help("write the element that the instance was made for"),
            },
        };
        self.report(finding, scope);
        None
    }

    fn compared(
        &mut self,
        left: &'a ast::Value<'a>,
        equal: bool,
        right: &'a ast::Value<'a>,
        scope: ScopeId,
    ) -> Kind<'a> {
        let (first, second) = (self.value(left, scope), self.value(right, scope));
        if first.is_damaged() || second.is_damaged() {
            return Kind::Damaged;
        }
        if let Some(finding) = self.incomparable((left, &first), (right, &second), scope) {
            self.report(finding, scope);
            return Kind::Damaged;
        }
        let (a, b) = (spelling::of(&first.kind), spelling::of(&second.kind));
        let text = if (a == b) == equal { "true" } else { "false" };
        Kind::Word(Word { text: Cow::Borrowed(text), home: scope })
    }

    /// Says why two values cannot be compared, if they cannot. A word that has no
    /// value is compared with words only: else a misspelt name would pass for a text.
    fn incomparable(
        &self,
        left: (&ast::Value<'_>, &Value<'a>),
        right: (&ast::Value<'_>, &Value<'a>),
        scope: ScopeId,
    ) -> Option<Diagnostic> {
        let place = left.0.span.to(right.0.span);
        if spelling::of(&left.1.kind).is_none() || spelling::of(&right.1.kind).is_none() {
            let finding = Diagnostic::error("E0301", "these cannot be compared")
                .at(place, "not two texts, numbers or words")
                .help("compare a parameter with a text, a number or a word");
            return Some(finding);
        }
        let bare = |side: (&ast::Value<'_>, &Value<'a>)| match (&side.0.kind, &side.1.kind) {
            (ValueKind::Name(name), Kind::Word(word)) if *name == word.text => Some(word.clone()),
            _ => None,
        };
        let (word, place, other) = match (bare(left), bare(right)) {
            (None, None) => return None,
            (Some(word), Some(_)) => {
                return Some(self.no_value(&word, left.0.span, scope, Wanted::Value));
            }
            (Some(word), None) => (word, left.0.span, right),
            (None, Some(word)) => (word, right.0.span, left),
        };
        if !matches!(other.1.kind, Kind::Word(_)) {
            let finding = self.no_value(&word, place, scope, Wanted::Value);
            return Some(finding.help(format!("for the text itself write \"{}\"", word.text)));
        }
        let ValueKind::Name(name) = other.0.kind else { return None };
        let bound = self.world.scopes.find(name, scope)?;
        let words = match bound.ty.as_ref()? {
            Type::Words(words) => words.clone(),
            Type::Bool => vec!["true", "false"],
            _ => return None,
        };
        let is_known = words.iter().any(|known| *known == word.text);
        (!is_known).then(|| {
            let message = format!("{} is not what {} can be", quoted(&word.text), quoted(name));
            Diagnostic::error("E0310", message)
                .at(place, "never so")
                .at(bound.name, "declared here")
                .help(format!("write {}", listed(words, "or")))
        })
    }
}
