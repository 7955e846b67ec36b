//! What a spec mentions: for findings about what it declares and never uses.
//!
//! Goes by words alone, whatever they mean where they stand. Unaware of values.

use std::collections::BTreeSet;

use eufm_grammar::ast::{Argument, Entry, Item, Part, Spec, Value, ValueKind};

/// The words of a spec, by where they stand.
#[derive(Debug, Default)]
pub(crate) struct Mentions<'a> {
    /// The first words of names in values.
    pub(crate) values: BTreeSet<&'a str>,
    /// What stands behind `is`.
    pub(crate) bases: BTreeSet<&'a str>,
    /// What is called.
    pub(crate) calls: BTreeSet<&'a str>,
    /// The first words of names with a `.`.
    pub(crate) modules: BTreeSet<&'a str>,
}

impl<'a> Mentions<'a> {
    /// Collects the words of a spec.
    pub(crate) fn of(spec: &'a Spec<'a>) -> Self {
        let mut mentions = Self::default();
        mentions.items(&spec.items);
        mentions
    }

    /// Goes through items; nesting is bounded by the grammar.
    fn items(&mut self, items: &'a [Item<'a>]) {
        for item in items {
            match item {
                Item::Binding(binding) => binding.value.iter().for_each(|value| self.value(value)),
                Item::Declaration(item) => {
                    if let Some(kind) = &item.kind {
                        self.bases.insert(kind.text);
                        self.name(kind.text);
                    }
                    item.by.iter().for_each(|by| self.name(by.text));
                    item.repetition.iter().for_each(|repetition| self.value(&repetition.list));
                    let defaults = item.parameters.iter().filter_map(|it| it.default.as_ref());
                    defaults.for_each(|value| self.value(value));
                    self.entries(&item.entries);
                    self.items(&item.items);
                }
                Item::Call(call) => {
                    self.calls.insert(call.name.text);
                    self.name(call.name.text);
                    self.arguments(&call.arguments);
                    call.repetition.iter().for_each(|repetition| self.value(&repetition.list));
                }
                Item::Exchange(exchange) => self.entries(&exchange.entries),
                Item::Edition(_) | Item::Use(_) | Item::Unknown(_) | Item::Damaged(_) => {}
            }
        }
    }

    fn entries(&mut self, entries: &'a [Entry<'a>]) {
        entries.iter().for_each(|entry| self.value(&entry.value));
    }

    fn arguments(&mut self, arguments: &'a [Argument<'a>]) {
        arguments.iter().for_each(|argument| self.value(&argument.value));
    }

    fn value(&mut self, value: &'a Value<'a>) {
        match &value.kind {
            ValueKind::Name(name) => self.name(name),
            ValueKind::List(values) => values.iter().for_each(|value| self.value(value)),
            ValueKind::Block(entries) => self.entries(entries),
            ValueKind::Adapted { name, entries } => {
                self.name(name.text);
                self.entries(entries);
            }
            ValueKind::Call { name, arguments } => {
                self.name(name.text);
                self.arguments(arguments);
            }
            ValueKind::Filled(parts) => {
                for part in parts {
                    if let Part::Hole(hole) = part {
                        self.value(hole);
                    }
                }
            }
            ValueKind::Reference(segments) => {
                for segment in segments {
                    self.name(segment.name.text);
                    segment.index.iter().for_each(|index| self.value(index));
                    segment.arguments.iter().for_each(|arguments| self.arguments(arguments));
                }
            }
            ValueKind::Compared { left, right, .. } => {
                self.value(left);
                self.value(right);
            }
            ValueKind::Text(_) | ValueKind::Quantity { .. } | ValueKind::Damaged => {}
        }
    }

    fn name(&mut self, name: &'a str) {
        let first = name.split(['.', '/']).next().unwrap_or(name);
        self.values.insert(first);
        if name.contains('.') {
            self.modules.insert(first);
        }
    }
}
