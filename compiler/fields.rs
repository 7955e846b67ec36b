//! The entries of a block against the keys it may have.
//!
//! Reports unknown, repeated and missing keys, and signs that do not fit.
//! Unaware of the values.

use eufm_grammar::ast::{Declaration, Entry, Relation, ValueKind};
use eufm_grammar::{Diagnostic, Diagnostics, Span};

use crate::vocabulary::{DEFAULTS, ELSEWHERE, Form, HOMES, Key, advice};
use crate::wording::{Suggester, listed, quoted, with_article};

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
    /// What `+=` adds to here.
    pub(crate) adds: Adds,
}

/// What `+=` adds to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adds {
    /// There is nothing to add to.
    Nothing,
    /// The lists that `defaults` may have.
    Defaults,
    /// Every list, since something stands behind `is`.
    Lists,
}

impl<'a> Owner<'a> {
    /// Makes the owner of a declaration's own block.
    pub(crate) fn of(item: &'a Declaration<'_>) -> Self {
        Self {
            noun: match item.keyword.text {
                "generated" => "generated file",
                "prices" => "table of prices",
                keyword => keyword,
            },
            name: item.name.text,
            span: item.head,
            complete: item.complete,
            adds: Adds::Nothing,
        }
    }
}

/// The entries that are as they should be, each key once.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'a> {
    found: Vec<&'a Entry<'a>>,
    /// Keys with a wrong sign, and unknown ones: what they mean is not missing.
    misused: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    /// Reads entries and reports those that do not belong.
    pub(crate) fn read(
        owner: Owner<'_>,
        entries: &'a [Entry<'a>],
        keys: &[Key],
        suggester: &Suggester,
        out: &mut Diagnostics,
    ) -> Self {
        let mut found: Vec<&Entry<'_>> = Vec::with_capacity(entries.len().min(keys.len()));
        let mut misused: Vec<&str> = Vec::new();
        for entry in entries {
            let word = entry.key.text;
            let Some(key) = keys.iter().find(|key| key.name == word) else {
                out.push(unknown(owner, entry, keys, suggester));
                misused.push(word);
                continue;
            };
            if let Some(first) = found.iter().find(|first| first.key.text == word) {
                out.push(repeated(first, entry));
            } else if let Some(finding) = misfit(owner, entry, key) {
                out.push(finding);
                if !misused.contains(&word) {
                    misused.push(word);
                }
            } else {
                found.push(entry);
            }
        }
        let fields = Self { found, misused };
        if owner.complete {
            let missing: Vec<_> =
                keys.iter().filter(|key| key.required && !fields.mentions(&key.name)).collect();
            if !missing.is_empty() {
                out.push(lacking(owner, &missing));
            }
        }
        fields
    }

    /// Tells whether a key is there, be it with a wrong sign or misspelt.
    pub(crate) fn mentions(&self, key: &str) -> bool {
        let is_meant =
            |word: &&str| *word == key || Suggester::new().closest(word, [key]).is_some();
        self.get(key).is_some() || self.misused.iter().any(is_meant)
    }

    /// Returns the entry of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Entry<'a>> {
        self.found.iter().find(|entry| entry.key.text == key).copied()
    }
}

/// Returns the entries of a block value; none for another value.
pub(crate) fn entries_of<'a>(entry: &'a Entry<'a>) -> &'a [Entry<'a>] {
    match &entry.value.kind {
        ValueKind::Block(entries) => entries,
        _ => &[],
    }
}

fn unknown(owner: Owner<'_>, entry: &Entry, keys: &[Key], suggester: &Suggester) -> Diagnostic {
    let word = quoted(entry.key.text);
    let message = format!("{} has no {word}", with_article(owner.noun));
    let finding = Diagnostic::error("E0202", message).at(entry.key.span, "unknown key");
    if owner.noun == "approval" && entry.key.text == "when" {
        return finding.help("an approval is never taken out; put `when` at what it is for");
    }
    let is_default = DEFAULTS.iter().any(|key| key.name == entry.key.text);
    if is_default && matches!(owner.noun, "group" | "template") {
        return finding.help(match entry.key.text {
            "budget" => "write `defaults { budget { … } }` in its block".to_owned(),
            key => format!("write `defaults {{ {key} = … }}` in its block"),
        });
    }
    if let Some(help) = advice(entry.key.text, ELSEWHERE) {
        return finding.help(help);
    }
    let names = keys.iter().map(|key| key.name.as_ref());
    if let Some(near) = suggester.closest(entry.key.text, names.clone()) {
        return finding.help(format!("did you mean `{near}`?"));
    }
    if let Some(help) = elsewhere(owner.noun, entry.key.text) {
        return finding.help(help);
    }
    match keys.len() {
        0 => finding.help("remove it"),
        _ => finding.help(format!("there is {}", listed(names, "and"))),
    }
}

/// Says which items have a key that this one has not.
fn elsewhere(noun: &str, key: &str) -> Option<String> {
    if noun == "deploy" && matches!(key, "writes" | "gates" | "in_place" | "stdout" | "overlap") {
        let help = "a deploy changes no files, and what it deploys has passed the gates before it; remove it";
        return Some(help.to_owned());
    }
    if noun == "deploy" && key == "accept" {
        let help =
            "a deploy waits for all that it needs: nothing is deployed past what failed; remove it";
        return Some(help.to_owned());
    }
    let has = |keys: &[Key]| keys.iter().any(|known| known.name == key);
    let homes = HOMES.iter().filter(|(_, keys)| has(keys)).map(|(noun, _)| with_article(noun));
    let homes: Vec<String> = homes.collect();
    match homes.as_slice() {
        [] => None,
        [home] => Some(format!("only {home} has `{key}`; remove it")),
        [first @ .., last] => {
            Some(format!("{} and {last} have `{key}`; remove it", first.join(", ")))
        }
    }
}

fn repeated(first: &Entry, second: &Entry) -> Diagnostic {
    Diagnostic::error("E0206", format!("{} is given twice", quoted(second.key.text)))
        .at(second.key.span, "the second time")
        .at(first.key.span, "the first time")
        .help("keep one of them")
}

/// Reports a sign that does not fit the key.
fn misfit(owner: Owner<'_>, entry: &Entry, key: &Key) -> Option<Diagnostic> {
    let fits = match (key.form, entry.relation) {
        (Form::Set | Form::List | Form::Map, Relation::Set)
        | (Form::Block | Form::Map, Relation::Block)
        | (Form::AtMost, Relation::AtMost)
        | (Form::AtLeast, Relation::AtLeast) => true,
        (Form::List, Relation::Add) => match owner.adds {
            Adds::Nothing => false,
            Adds::Defaults => matches!(key.name.as_ref(), "env" | "gates"),
            Adds::Lists => true,
        },
        _ => false,
    };
    if fits {
        return None;
    }
    let place = entry.key.span.to(entry.value.span);
    if entry.relation == Relation::Add {
        let what = match key.form {
            Form::List => "there is nothing to add to",
            _ => "is set as a whole",
        };
        let finding = Diagnostic::error("E0307", format!("{} cannot be added to", quoted(&key.name)))
            .at(place, what)
            .help("write it with `=`; `+=` adds to the lists `env` and `gates` of `defaults`, and to lists of what is behind `is`");
        return Some(finding);
    }
    let what = match key.form {
        Form::Set | Form::List => "is set with `=`",
        Form::Block | Form::Map => "is followed by a block",
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
    }
    finding
}
