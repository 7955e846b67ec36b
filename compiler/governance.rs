//! The constitution with its rules, and the files that are made again.
//!
//! Every rule cites words that stand in the document. Unaware of how rules are
//! checked.

use std::collections::BTreeMap;
use std::ops::Range;

use eufm_grammar::ast::{Declaration, Item};
use eufm_grammar::{Diagnostic, Diagnostics, Span};
use eufm_plan::schema::KindSchema;
use eufm_plan::units::is_date;
use eufm_plan::{Constitution, Digest, Level, Rule, UNMAPPED_MAX, Unmapped, Waiver};

use crate::actors::{Actor, Actors};
use crate::environments::Environments;
use crate::eval::Eval;
use crate::fields::{Adds, Fields, Owner, entries_of};
use crate::names::listed_twice;
use crate::norms::Document;
use crate::scope::ScopeId;
use crate::task::EnvironmentId;
use crate::value::Kind;
use crate::vocabulary as words;
use crate::wording::{Suggester, quoted, with_article};
use crate::world::World;
use crate::{functions, hosts, typed};

/// How much of a sentence is shown that no rule cites, in characters.
const UNMAPPED_CHARS_MAX: usize = 160;

/// Reads the spec's constitution.
pub(crate) fn constitution<'a>(
    items: &[&'a Declaration<'a>],
    rules: &Actors<'a>,
    kinds: &[&'static KindSchema],
    world: &World<'a>,
    out: &mut Diagnostics,
) -> Option<Constitution> {
    for second in items.iter().skip(1) {
        let finding = Diagnostic::error("E0212", "there are two constitutions")
            .at(second.head, "the second")
            .at(items[0].head, "the first")
            .help("put all rules into one");
        out.push(finding);
    }
    let item = *items.first()?;
    let scope = world.scopes.module(world.spec());
    let mut eval = Eval { world, suggester: Suggester::new(), out };
    Fields::read(Owner::of(item), &item.entries, words::CONSTITUTION, &Suggester::new(), eval.out);
    let path = document(item, scope, &mut eval)?;
    let text = match world.files.text(&path) {
        Ok(text) => text,
        Err(reason) => {
            let finding =
                Diagnostic::error("E0003", format!("cannot read {}: {reason}", quoted(&path)))
                    .at(item.name.span, "not there")
                    .help("the path is relative to the file that names it");
            eval.out.push(finding);
            return None;
        }
    };
    let document = Document::read(text);
    if let Some((part, line)) = document.unfilled {
        eval.out.push(unfilled(&path, part, line, item.name.span));
    }
    let mut names: BTreeMap<&str, Span> = BTreeMap::new();
    let mut found: BTreeMap<&str, Rule> = BTreeMap::new();
    let mut cited = Vec::new();
    for inner in &item.items {
        let Item::Declaration(rule) = inner else {
            misplaced(inner, eval.out);
            continue;
        };
        if rule.keyword.text != "rule" {
            let finding = Diagnostic::error(
                "E0219",
                format!("a {} cannot stand in a constitution", rule.keyword.text),
            )
            .at(rule.head, "does not belong here")
            .help("a constitution has rules: `rule no_secrets is rules.forbid_secrets { … }`");
            eval.out.push(finding);
            continue;
        }
        if let Some(first) = names.get(rule.name.text) {
            eval.out.push(crate::names::declared_twice("rule", &rule.name, *first));
            continue;
        }
        names.insert(rule.name.text, rule.name.span);
        let actor = rules.inner(rule, world.spec(), kinds, world, eval.out);
        if let Some((read, place)) = self::rule(&actor, rule, (&document, &path), &mut eval) {
            found.insert(rule.name.text, read);
            cited.push(place);
        }
    }
    let digest = Digest::of(text.as_bytes());
    let rules = found.into_values().collect();
    let mut unmapped = document.besides(&cited);
    let unmapped_more = u32::try_from(unmapped.len().saturating_sub(UNMAPPED_MAX));
    unmapped.truncate(UNMAPPED_MAX);
    let unmapped = unmapped.into_iter();
    let unmapped = unmapped.map(|(line, text)| Unmapped { line, text: shortened(&text) });
    Some(Constitution {
        path,
        digest,
        unmapped: unmapped.collect(),
        unmapped_more: unmapped_more.unwrap_or(u32::MAX),
        rules,
    })
}

/// Cuts a long sentence off, and says so.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(UNMAPPED_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{} …", text[..end].trim_end()),
    }
}

fn unfilled(path: &str, part: &str, line: u32, place: Span) -> Diagnostic {
    let message = format!(
        "{} is a template that was not filled in: line {line} has {}",
        quoted(path),
        quoted(part)
    );
    Diagnostic::error("E0520", message)
        .at(place, "not filled in")
        .help("write what holds for the project in its place")
}

fn misplaced(item: &Item<'_>, out: &mut Diagnostics) {
    let (word, span) = match item {
        Item::Edition(item) => ("edition", item.span),
        Item::Use(item) => ("use", item.span),
        Item::Binding(item) => (item.keyword.text, item.span),
        Item::Call(item) => (item.name.text, item.span),
        Item::Exchange(item) => ("exchange", item.head),
        Item::Unknown(opening) => (opening.keyword.text, opening.keyword.span),
        // What could not be read is reported.
        Item::Damaged(_) | Item::Declaration(_) => return,
    };
    let message = format!("{} cannot stand in a constitution", quoted(word));
    let finding = Diagnostic::error("E0219", message)
        .at(span, "does not belong here")
        .help("a constitution has rules: `rule no_secrets is rules.forbid_secrets { … }`");
    out.push(finding);
}

/// Returns the root-relative path that an item's name is.
fn document<'a>(
    item: &'a Declaration<'a>,
    scope: ScopeId,
    eval: &mut Eval<'_, 'a, '_>,
) -> Option<String> {
    if !item.quoted {
        let keyword = item.keyword.text;
        let message = format!("{} is named by the path of its file", with_article(keyword));
        let finding = Diagnostic::error("E0223", message)
            .at(item.name.span, "a bare name")
            .help(format!("write `{keyword} \"{}\" {{ … }}`", item.name.text));
        eval.out.push(finding);
        return None;
    }
    functions::joined(eval, item.name.text, item.name.span, scope)
}

fn rule<'a>(
    actor: &Actor<'a>,
    item: &'a Declaration<'a>,
    (document, path): (&Document<'_>, &str),
    eval: &mut Eval<'_, 'a, '_>,
) -> Option<(Rule, Range<usize>)> {
    let schema = actor.schema?;
    let said = |key: &str, eval: &mut Eval<'_, 'a, '_>| {
        let layer = actor.layers.iter().find(|layer| layer.fields.get(key).is_some())?;
        Some(eval.value(&layer.fields.get(key)?.value, layer.scope))
    };
    let level = said("level", eval);
    let cite = said("cite", eval);
    let lacking = |key: &str, help: &str, eval: &mut Eval<'_, 'a, '_>| {
        if item.complete {
            let finding = Diagnostic::error(
                "E0203",
                format!("rule {} lacks `{key}`", quoted(item.name.text)),
            )
            .at(item.head, "incomplete")
            .help(help);
            eval.out.push(finding);
        }
    };
    let level = match level {
        Some(value) => typed::word("level", &["must", "should", "may"], &value, eval.out).map(
            |word| match word {
                "must" => Level::Must,
                "should" => Level::Should,
                _ => Level::May,
            },
        ),
        None => {
            lacking("level", "add `level = must`, `should` or `may`, as the document has it", eval);
            None
        }
    };
    let Some(cite) = cite else {
        lacking(
            "cite",
            "add `cite = \"…\"` with the words of the document that the rule checks",
            eval,
        );
        return None;
    };
    let span = cite.span;
    let cite = typed::full_text("cite", cite, eval.out)?;
    let Some(place) = document.find(&cite) else {
        let finding = Diagnostic::error(
            "E0509",
            format!("{} does not stand in {}", quoted(&cite), quoted(path)),
        )
        .at(span, "cited, but not there")
        .help("cite the words as the document has them; line ends count as blanks");
        eval.out.push(finding);
        return None;
    };
    let waiver = allowed_waiver(actor, (document, path), (&cite, &place), eval);
    let rule = Rule {
        waiver,
        name: item.name.text.to_owned(),
        kind: schema.name.to_owned(),
        level: level?,
        cite: cite.split_whitespace().collect::<Vec<_>>().join(" "),
        line: document.line(&place),
        params: actor.params.clone(),
    };
    Some((rule, place))
}

/// Reads how a rule is set aside, where the document lets it be.
fn allowed_waiver<'a>(
    actor: &Actor<'a>,
    (document, path): (&Document<'_>, &str),
    (cite, place): (&str, &Range<usize>),
    eval: &mut Eval<'_, 'a, '_>,
) -> Option<Waiver> {
    let (waiver, span) = waiver(actor, eval)?;
    if document.is_fixed(place) {
        let help =
            format!("{} says NON-NEGOTIABLE of it; meet it, or change the document", quoted(path));
        let finding = Diagnostic::error("E0521", format!("{} cannot be waived", quoted(cite)));
        eval.out.push(finding.at(span, "waived here").help(help));
    }
    waiver
}

/// Reads how a rule is set aside, with its place; an inner `None`: it is not usable.
fn waiver<'a>(actor: &Actor<'a>, eval: &mut Eval<'_, 'a, '_>) -> Option<(Option<Waiver>, Span)> {
    let layer = actor.layers.iter().find(|layer| layer.fields.get("waive").is_some())?;
    let entry = layer.fields.get("waive")?;
    let span = entry.key.span;
    let owner =
        Owner { noun: "`waive` block", name: "", span, complete: true, adds: Adds::Nothing };
    let fields = Fields::read(owner, entries_of(entry), words::WAIVE, &Suggester::new(), eval.out);
    let mut said = |key: &'static str| {
        let value = eval.value(&fields.get(key)?.value, layer.scope);
        let span = value.span;
        let text = typed::full_text(key, value, eval.out)?;
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if key == "until" && !is_date(&line) {
            let finding = Diagnostic::error("E0316", format!("{} is no day", quoted(&line)))
                .at(span, "not usable")
                .help("write year, month and day, as in `2026-12-31`");
            eval.out.push(finding);
            return None;
        }
        // A sign of its own would end it in the plan.
        if key == "by" && line.contains(": ") {
            let finding = Diagnostic::error("E0309", format!("{} is no name", quoted(&line)))
                .at(span, "not usable")
                .help("write who is answerable, without `: `");
            eval.out.push(finding);
            return None;
        }
        Some(line)
    };
    let (until, by, reason) = (said("until"), said("by"), said("reason"));
    let whole = || Some(Waiver { until: until?, by: by?, reason: reason? });
    Some((whole(), span))
}

/// A file that is made again after each merge.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) path: String,
    pub(crate) span: Span,
    pub(crate) run: Vec<String>,
    pub(crate) env: Vec<EnvironmentId>,
    pub(crate) network: Vec<String>,
}

/// Reads the files that are made again, sorted by path.
pub(crate) fn generated<'a>(
    items: &[&'a Declaration<'a>],
    environments: &Environments<'a>,
    world: &World<'a>,
    out: &mut Diagnostics,
) -> Vec<Made> {
    let scope = world.scopes.module(world.spec());
    let mut eval = Eval { world, suggester: Suggester::new(), out };
    let mut files: BTreeMap<String, Made> = BTreeMap::new();
    for item in items {
        let fields = Fields::read(
            Owner::of(item),
            &item.entries,
            words::GENERATED,
            &Suggester::new(),
            eval.out,
        );
        let said = |key: &str, eval: &mut Eval<'_, 'a, '_>| {
            Some(eval.value(&fields.get(key)?.value, scope))
        };
        let (run, env) = (said("run", &mut eval), said("env", &mut eval));
        let network = said("network", &mut eval);
        let Some(path) = document(item, scope, &mut eval) else {
            continue;
        };
        let mut known: Vec<(usize, Span)> = Vec::new();
        let env = env.and_then(|env| typed::list("env", env, eval.out)).unwrap_or_default();
        for value in env {
            let Kind::Word(word) = &value.kind else {
                typed::mismatch::<()>(
                    "env",
                    "environments by their bare names",
                    &value,
                    "write the name of an environment",
                    eval.out,
                );
                continue;
            };
            if let Some(found) = environments.find(word, value.span, &mut eval) {
                match known.iter().find(|(other, _)| *other == found) {
                    Some((_, first)) => eval.out.push(listed_twice(&word.text, value.span, *first)),
                    None => known.push((found, value.span)),
                }
            }
        }
        let made = Made {
            path: path.clone(),
            span: item.name.span,
            run: run.and_then(|run| typed::command("run", run, eval.out)).unwrap_or_default(),
            env: known.into_iter().map(|(found, _)| EnvironmentId::new(found)).collect(),
            network: network
                .and_then(|hosts| hosts::read("network", hosts, eval.out))
                .unwrap_or_default(),
        };
        if let Some(first) = files.get(&path) {
            let name = eufm_grammar::ast::Name { text: item.name.text, span: item.name.span };
            eval.out.push(crate::names::declared_twice("generated file", &name, first.span));
        } else {
            files.insert(path, made);
        }
    }
    files.into_values().collect()
}
