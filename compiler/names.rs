//! The names of a spec: what is declared, and what a word refers to.
//!
//! Tasks and commands share one space of names; agents, gates and environments
//! have one each. Unaware of what the declarations say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use eufm_grammar::ast::{Name, Value, ValueKind};
use eufm_grammar::{Diagnostic, Diagnostics, Span};
use indexmap::IndexMap;

use crate::resolved::Spanned;
use crate::wording::{Suggester, quoted, with_article};

/// One space of names.
pub(crate) struct Space<'a> {
    /// What its members are called.
    noun: &'static str,
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
            let message = format!("the {} {} is declared twice", self.noun, quoted(name.text));
            let finding = Diagnostic::error("E0205", message)
                .at(name.span, "the second time")
                .at(*first, "the first time")
                .help("rename one of them");
            out.push(finding);
        } else {
            self.declared.insert(name.text, (position, name.span));
        }
    }

    /// Returns all names in alphabetical order; nothing is declared afterwards.
    fn sorted(&self) -> &[&'a str] {
        self.sorted.get_or_init(|| {
            let mut names: Vec<_> = self.declared.keys().copied().collect();
            names.sort_unstable();
            names
        })
    }
}

/// All spaces, with the words that may be names but could not be read.
pub(crate) struct Names<'a> {
    pub(crate) nodes: Space<'a>,
    pub(crate) agents: Space<'a>,
    pub(crate) gates: Space<'a>,
    pub(crate) environments: Space<'a>,
    /// Names of items that are reported already: a reference to one is no second mistake.
    pub(crate) doubtful: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    pub(crate) fn new() -> Self {
        Self {
            nodes: Space::new("task"),
            agents: Space::new("agent"),
            gates: Space::new("gate"),
            environments: Space::new("environment"),
            doubtful: BTreeSet::new(),
        }
    }

    /// Finds what a word refers to; a word that refers to nothing is reported.
    pub(crate) fn find(
        &self,
        space: &Space<'_>,
        word: &str,
        span: Span,
        suggester: &Suggester,
        out: &mut Diagnostics,
    ) -> Option<usize> {
        if let Some((position, _)) = space.declared.get(word) {
            return Some(*position);
        }
        if word.contains('.') {
            let message = format!(
                "{} is a name of another file or node: not supported by this version yet",
                quoted(word)
            );
            let finding = Diagnostic::error("E0401", message)
                .at(span, "cannot be looked up")
                .help(format!("declare the {} in this file and write its bare name", space.noun));
            out.push(finding);
        } else if !self.doubtful.contains(word) {
            let finding =
                Diagnostic::error("E0204", format!("there is no {} {}", space.noun, quoted(word)))
                    .at(span, "unknown");
            let finding = self.elsewhere(space, word, finding);
            out.push(suggester.hint(finding, word, space.sorted().iter().copied()));
        }
        None
    }

    /// Says so if the word names something else than is wanted.
    fn elsewhere(&self, space: &Space<'_>, word: &str, finding: Diagnostic) -> Diagnostic {
        let spaces = [&self.nodes, &self.agents, &self.gates, &self.environments];
        let other = spaces
            .into_iter()
            .find_map(|other| Some((other.noun, other.declared.get(word)?.1)))
            .filter(|(noun, _)| *noun != space.noun);
        match other {
            Some((noun, place)) => finding
                .at(place, format!("there is {} of this name", with_article(noun)))
                .help(format!("name {}", with_article(space.noun))),
            None => finding,
        }
    }

    /// Resolves a list of bare names; one that is listed twice counts once.
    pub(crate) fn find_all(
        &self,
        space: &Space<'_>,
        values: &[Value],
        suggester: &Suggester,
        out: &mut Diagnostics,
    ) -> Vec<Spanned<usize>> {
        let mut seen = BTreeMap::new();
        let mut list = Vec::with_capacity(values.len());
        for value in values {
            let Some(word) = bare_name(space.noun, value, out) else {
                continue;
            };
            let Some(position) = self.find(space, word, value.span, suggester, out) else {
                continue;
            };
            match seen.get(&position) {
                Some(first) => out.push(listed_twice(word, value.span, *first)),
                None => {
                    seen.insert(position, value.span);
                    list.push(Spanned { value: position, span: value.span });
                }
            }
        }
        list
    }
}

/// Warns of something that stands in a list for the second time.
pub(crate) fn listed_twice(word: &str, second: Span, first: Span) -> Diagnostic {
    Diagnostic::warning("W0604", format!("{} is listed twice", quoted(word)))
        .at(second, "counts once")
        .at(first, "the first time")
        .help("remove one of them")
}

fn bare_name<'a>(noun: &str, value: &'a Value<'a>, out: &mut Diagnostics) -> Option<&'a str> {
    let a_noun = with_article(noun);
    let finding = match &value.kind {
        ValueKind::Name(name) => return Some(name),
        ValueKind::Damaged => return None,
        ValueKind::Adapted { .. } => Diagnostic::error(
            "E0401",
            format!("adapting {a_noun} in place is not supported by this version yet"),
        )
        .at(value.span, "the changes would not be applied")
        .help(format!("declare a second {noun} and name it here")),
        ValueKind::Indexed { .. } | ValueKind::Call { .. } => {
            Diagnostic::error("E0401", "instances are not supported by this version yet")
                .at(value.span, "cannot be looked up")
                .help(format!("write {a_noun} for each instance and name it here"))
        }
        ValueKind::Text(text) => {
            Diagnostic::error("E0301", format!("{a_noun} is named by a bare name, not by a text"))
                .at(value.span, "a text")
                .help(format!("write {} without quotes", quoted(text)))
        }
        ValueKind::Quantity { .. } | ValueKind::List(_) | ValueKind::Block(_) => {
            let message = format!("{a_noun} is named by a bare name, not by {}", value.kind.noun());
            Diagnostic::error("E0301", message)
                .at(value.span, value.kind.noun())
                .help(format!("write the name of {a_noun}"))
        }
    };
    out.push(finding);
    None
}
