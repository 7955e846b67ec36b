//! A space of names: what is declared in it, and how a wrong name is reported.
//!
//! Unaware of what the declarations say.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use eufm_grammar::ast::Name;
use eufm_grammar::{Diagnostic, Diagnostics, Span};
use indexmap::IndexMap;

use crate::wording::quoted;

/// One space of names.
#[derive(Debug)]
pub(crate) struct Space<'a> {
    /// What its members are called.
    pub(crate) noun: &'static str,
    /// The position and the place of each name's first declaration.
    declared: IndexMap<&'a str, (usize, Span)>,
    /// The names, sorted; made for the first hint.
    sorted: OnceLock<Vec<&'a str>>,
    count: usize,
}

impl<'a> Space<'a> {
    pub(crate) fn new(noun: &'static str) -> Self {
        Self { noun, declared: IndexMap::new(), sorted: OnceLock::new(), count: 0 }
    }

    /// Declares a name; a second one is reported and hidden by the first.
    pub(crate) fn declare(&mut self, name: &Name<'a>, out: &mut Diagnostics) {
        let position = self.count;
        self.count += 1;
        if let Some((_, first)) = self.declared.get(name.text) {
            out.push(declared_twice(self.noun, name, *first));
        } else {
            self.declared.insert(name.text, (position, name.span));
        }
    }

    /// Returns the position and the place of a name.
    pub(crate) fn get(&self, word: &str) -> Option<(usize, Span)> {
        self.declared.get(word).copied()
    }

    /// Returns all names in alphabetical order; nothing is declared afterwards.
    pub(crate) fn sorted(&self) -> &[&'a str] {
        self.sorted.get_or_init(|| {
            let mut names: Vec<_> = self.declared.keys().copied().collect();
            names.sort_unstable();
            names
        })
    }
}

/// What stands in a list so far, each with its place. Lists are mostly short, and
/// a search through a few is faster than a tree.
#[derive(Debug)]
pub(crate) struct Seen<T> {
    few: Vec<(T, Span)>,
    many: BTreeMap<T, Span>,
}

/// How many are searched one by one.
const FEW: usize = 16;

impl<T: Ord + Copy> Seen<T> {
    pub(crate) fn new() -> Self {
        Self { few: Vec::new(), many: BTreeMap::new() }
    }

    /// Returns the place of something that stands there already, else notes it.
    pub(crate) fn note(&mut self, what: T, span: Span) -> Option<Span> {
        let known = self.few.iter().find(|(other, _)| *other == what).map(|(_, span)| *span);
        if let Some(first) = known.or_else(|| self.many.get(&what).copied()) {
            return Some(first);
        }
        if self.few.len() < FEW {
            self.few.push((what, span));
        } else {
            self.many.insert(what, span);
        }
        None
    }
}

/// Reports a name that is declared for the second time.
pub(crate) fn declared_twice(noun: &str, name: &Name<'_>, first: Span) -> Diagnostic {
    Diagnostic::error("E0205", format!("the {noun} {} is declared twice", quoted(name.text)))
        .at(name.span, "the second time")
        .at(first, "the first time")
        .help(match noun {
            "call" => format!("give this one a name of its own: `{}(…) as other`", name.text),
            "module" => "give this one a name of its own: `use … as other`".to_owned(),
            _ => "rename one of them".to_owned(),
        })
}

/// Warns of something that stands in a list for the second time.
pub(crate) fn listed_twice(word: &str, second: Span, first: Span) -> Diagnostic {
    Diagnostic::warning("W0604", format!("{} is listed twice", quoted(word)))
        .at(second, "counts once")
        .at(first, "the first time")
        .help("remove one of them")
}
