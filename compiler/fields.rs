//! The entries of a block against the keys it may have.
//!
//! Reports unknown keys, keys of later versions, repeated and missing keys, and
//! signs that do not fit. Unaware of the values.

use eufm_grammar::ast::{Entry, Relation};
use eufm_grammar::{Diagnostic, Diagnostics, Span};

use crate::vocabulary::{Form, Key, Later, later};
use crate::wording::{Suggester, listed, quoted, with_article};

/// Keys that are often looked for where they are not.
const ELSEWHERE: &[Later] = &[
    ("attempts", "it is a limit of a task or command"),
    ("by", "the agent stands in the head, as in `task greet by builder { … }`"),
    ("parallel", "it is a limit of the pipeline"),
];

/// What a block belongs to, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Owner<'a> {
    /// `task`, `gate` or the block's key.
    pub(crate) noun: &'a str,
    /// The declared name; empty for a block.
    pub(crate) name: &'a str,
    /// What to underline where something is missing.
    pub(crate) span: Span,
    /// Whether all entries could be read.
    pub(crate) complete: bool,
}

/// The entries that are as they should be, each key once.
pub(crate) struct Fields<'a> {
    found: Vec<&'a Entry<'a>>,
}

impl<'a> Fields<'a> {
    /// Reads entries and reports those that do not belong.
    pub(crate) fn read(
        owner: Owner<'_>,
        entries: &'a [Entry<'a>],
        keys: &[Key],
        later_keys: &[Later],
        suggester: &Suggester,
        out: &mut Diagnostics,
    ) -> Self {
        let mut found: Vec<&Entry<'_>> = Vec::with_capacity(entries.len().min(keys.len()));
        // Wrong signs are not kept, but they are not missing either.
        let mut misused: Vec<&str> = Vec::new();
        for entry in entries {
            let word = entry.key.text;
            let Some(key) = keys.iter().find(|key| key.name == word) else {
                out.push(unknown(owner, entry, keys, later_keys, suggester));
                continue;
            };
            if let Some(first) = found.iter().find(|first| first.key.text == word) {
                out.push(repeated(first, entry));
            } else if let Some(finding) = misfit(entry, key) {
                out.push(finding);
                if !misused.contains(&word) {
                    misused.push(word);
                }
            } else {
                found.push(entry);
            }
        }
        let fields = Self { found };
        if owner.complete {
            let given = |name: &str| fields.get(name).is_some() || misused.contains(&name);
            let missing: Vec<_> =
                keys.iter().filter(|key| key.required && !given(&key.name)).collect();
            if !missing.is_empty() {
                out.push(lacking(owner, &missing));
            }
        }
        fields
    }

    /// Returns the entry of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Entry<'a>> {
        self.found.iter().find(|entry| entry.key.text == key).copied()
    }
}

fn unknown(
    owner: Owner<'_>,
    entry: &Entry,
    keys: &[Key],
    later_keys: &[Later],
    suggester: &Suggester,
) -> Diagnostic {
    let word = quoted(entry.key.text);
    if let Some(help) = later(entry.key.text, later_keys) {
        let message = format!("{word} is not supported by this version yet");
        return Diagnostic::error("E0401", message)
            .at(entry.key.span, "would not be enforced")
            .help(help);
    }
    let message = format!("{} has no {word}", with_article(owner.noun));
    let finding = Diagnostic::error("E0202", message).at(entry.key.span, "unknown key");
    if let Some(help) = later(entry.key.text, ELSEWHERE) {
        return finding.help(help);
    }
    suggester.hint(finding, entry.key.text, keys.iter().map(|key| key.name.as_ref()))
}

fn repeated(first: &Entry, second: &Entry) -> Diagnostic {
    Diagnostic::error("E0206", format!("{} is given twice", quoted(second.key.text)))
        .at(second.key.span, "the second time")
        .at(first.key.span, "the first time")
        .help("keep one of them")
}

/// Reports a sign that does not fit the key.
fn misfit(entry: &Entry, key: &Key) -> Option<Diagnostic> {
    let wanted = match key.form {
        Form::Set => Relation::Set,
        Form::Block => Relation::Block,
        Form::AtMost => Relation::AtMost,
        Form::AtLeast => Relation::AtLeast,
    };
    if entry.relation == wanted {
        return None;
    }
    let place = entry.key.span.to(entry.value.span);
    if entry.relation == Relation::Add {
        let finding = Diagnostic::error("E0401", "`+=` is not supported by this version yet")
            .at(place, "there are no defaults to add to")
            .help("write the whole list with `=`");
        return Some(finding);
    }
    let what = match key.form {
        Form::Set => "is set with `=`",
        Form::Block => "is followed by a block",
        Form::AtMost => "is a limit, written with `<=`",
        Form::AtLeast => "is a threshold, written with `>=`",
    };
    let finding = Diagnostic::error("E0307", format!("{} {what}", quoted(&key.name)))
        .at(place, format!("not with `{}`", entry.relation.sign()))
        .help(format!("write it as in `{}`", key.example));
    Some(finding)
}

fn lacking(owner: Owner<'_>, missing: &[&Key]) -> Diagnostic {
    let names = listed(missing.iter().map(|key| key.name.as_ref()), "and");
    let name =
        if owner.name.is_empty() { String::new() } else { format!(" {}", quoted(owner.name)) };
    let mut finding = Diagnostic::error("E0203", format!("{}{name} lacks {names}", owner.noun))
        .at(owner.span, "incomplete");
    for key in missing {
        finding = finding.help(format!("add `{}`", key.example));
        if owner.noun == "task" && key.name == "writes" {
            finding = finding.help(
                "this version protects no path by itself, so a task must say which files it may change; `writes = []` for none",
            );
        }
    }
    finding
}
