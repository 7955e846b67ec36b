//! The parameters of a kind against its schema, from several layers of entries.
//!
//! Generic over kinds: a new gate, agent or rule needs no line here. Unaware of
//! what a kind does with its parameters.

use std::collections::BTreeSet;

use eufm_grammar::Diagnostic;
use eufm_grammar::ast::Entry;
use eufm_plan::schema::{KindSchema, Need, Param, ParamType, Threshold, ThresholdUnit};
use eufm_plan::units::{Percent, parse_count};
use eufm_plan::{ParamValue, Params};

use crate::actors::Layer;
use crate::eval::Eval;
use crate::fields::{Fields, Owner, entries_of};
use crate::paths::relative_path;
use crate::scope::ScopeId;
use crate::value::{Kind, Value};
use crate::vocabulary::{Form, Key};
use crate::wording::{listed, quoted};
use crate::{addresses, globs, hosts, typed, variables};

/// Returns the keys of a kind, and those that its family has beside them.
pub(crate) fn keys(schema: &KindSchema, more: &[Key]) -> Vec<Key> {
    schema.params.iter().map(key).chain(more.iter().cloned()).collect()
}

/// Reads the parameters of a kind, in the order of its schema; the nearest layer
/// stands first. Returns also those that must be given and are not.
pub(crate) fn read<'a>(
    schema: &'static KindSchema,
    owner: Owner<'_>,
    layers: &[Layer<'a>],
    eval: &mut Eval<'_, 'a, '_>,
) -> (Params, Vec<&'static Param>) {
    let mut params = Vec::with_capacity(schema.params.len());
    let mut missing = Vec::new();
    for param in schema.params {
        let given = given(param, layers);
        let value = match (given.is_empty(), param.need) {
            (false, _) => value(param, &given, owner, eval),
            (true, Need::Default(text)) => Some(ParamValue::Text(text.to_owned())),
            (true, Need::Optional) => None,
            (true, Need::Required) => {
                let misused = layers.iter().any(|layer| layer.fields.mentions(param.name));
                missing.extend((!misused).then_some(param));
                None
            }
        };
        params.extend(value.map(|value| (param.name.to_owned(), value)));
    }
    (Params(params), missing)
}

/// Reports parameters that are nowhere given.
pub(crate) fn lacking(owner: Owner<'_>, missing: &[&Param]) -> Diagnostic {
    let names = listed(missing.iter().map(|param| param.name), "and");
    let message = format!("{} {} lacks {names}", owner.noun, quoted(owner.name));
    let mut finding = Diagnostic::error("E0203", message).at(owner.span, "incomplete");
    for param in missing {
        finding = finding.help(format!("add `{}`", key(param).example));
    }
    finding
}

/// Returns the entries that say what a parameter is, the nearest first: one that
/// sets it, with those before it that add to it.
fn given<'a>(param: &Param, layers: &[Layer<'a>]) -> Vec<(&'a Entry<'a>, ScopeId)> {
    let merged = matches!(param.ty, ParamType::Thresholds(_) | ParamType::Variables);
    let mut given = Vec::new();
    for layer in layers {
        if let Some(entry) = layer.fields.get(param.name) {
            given.push((entry, layer.scope));
            if !merged && entry.relation != eufm_grammar::ast::Relation::Add {
                break;
            }
        }
    }
    given
}

fn key(param: &Param) -> Key {
    let name = param.name;
    let (form, example) = match param.ty {
        ParamType::Text => (Form::Set, format!("{name} = \"…\"")),
        ParamType::Texts => (Form::List, format!("{name} = [\"…\"]")),
        ParamType::Command => (Form::Set, format!("{name} = [\"program\", \"argument\"]")),
        ParamType::Word(words) => {
            (Form::Set, format!("{name} = {}", words.first().unwrap_or(&"…")))
        }
        ParamType::Located(names) => {
            (Form::Set, format!("{name} = {}(\"path\")", names.first().unwrap_or(&"…")))
        }
        ParamType::Thresholds(thresholds) => {
            let example = thresholds.first().map_or(String::new(), threshold_example);
            (Form::Block, format!("{name} {{ {example} }}"))
        }
        ParamType::Count { least, .. } => (Form::Set, format!("{name} = {}", least.max(1))),
        ParamType::Duration => (Form::Set, format!("{name} = 15 min")),
        ParamType::Bytes => (Form::Set, format!("{name} = 8 MiB")),
        ParamType::Path => (Form::Set, format!("{name} = \"folder/file\"")),
        ParamType::Globs => (Form::List, format!("{name} = [\"src/**\"]")),
        ParamType::Hosts => (Form::List, format!("{name} = [\"registry.example\"]")),
        ParamType::Address => (Form::Set, format!("{name} = \"https://api.example/v1\"")),
        ParamType::Variables => (Form::Map, format!("{name} {{ CI = \"1\" }}")),
        ParamType::Pattern => (Form::Set, format!("{name} = \"regular expression\"")),
    };
    // Whether it must be given is checked over all layers.
    Key { name: name.into(), form, required: false, example: example.into() }
}

fn value<'a>(
    param: &Param,
    given: &[(&'a Entry<'a>, ScopeId)],
    owner: Owner<'_>,
    eval: &mut Eval<'_, 'a, '_>,
) -> Option<ParamValue> {
    let name = param.name;
    match param.ty {
        ParamType::Thresholds(known) => {
            return thresholds(name, known, given, owner, eval).map(ParamValue::List);
        }
        ParamType::Variables => {
            let variables = variables::read(name, given, eval)?;
            let list = variables.into_iter().map(|(name, value)| format!("{name}={value}"));
            return Some(ParamValue::List(list.collect()));
        }
        _ => {}
    }
    let value = joined(given, eval)?;
    let out = &mut *eval.out;
    match param.ty {
        ParamType::Text => {
            typed::full_text(name, value, out).map(|text| ParamValue::Text(text.into_owned()))
        }
        ParamType::Texts => texts(name, value, eval).map(ParamValue::List),
        ParamType::Command => typed::command(name, value, out).map(ParamValue::List),
        ParamType::Word(words) => {
            typed::word(name, words, &value, out).map(|word| ParamValue::Text(word.to_owned()))
        }
        ParamType::Located(names) => located(name, names, &value, eval).map(ParamValue::Text),
        ParamType::Count { least, most } => typed::count(name, &value, least..=most, out)
            .map(|count| ParamValue::Text(count.to_string())),
        ParamType::Duration => typed::duration(name, &value, out)
            .map(|duration| ParamValue::Text(duration.to_string())),
        ParamType::Bytes => {
            typed::bytes(name, &value, out).map(|size| ParamValue::Text(size.to_string()))
        }
        ParamType::Path => path(name, value, eval).map(ParamValue::Text),
        ParamType::Globs => globs::read(name, value, out).map(ParamValue::List),
        ParamType::Hosts => hosts::read(name, value, out).map(ParamValue::List),
        ParamType::Address => addresses::read(name, value, out).map(ParamValue::Text),
        ParamType::Pattern => pattern(name, value, eval).map(ParamValue::Text),
        ParamType::Thresholds(_) | ParamType::Variables => None,
    }
}

/// Evaluates the entries of a key, the nearest first: a list with what is added to
/// it behind.
pub(crate) fn joined<'a>(
    given: &[(&'a Entry<'a>, ScopeId)],
    eval: &mut Eval<'_, 'a, '_>,
) -> Option<Value<'a>> {
    let mut all: Option<Value<'a>> = None;
    for (entry, scope) in given.iter().rev() {
        let mut value = eval.value(&entry.value, *scope);
        // A value of another type is wrong here, wherever a variable has it from.
        value.span = entry.value.span;
        if given.len() > 1 && !matches!(value.kind, Kind::List(_)) {
            let help = "put it between `[` and `]`";
            typed::mismatch::<()>(entry.key.text, "a list", &value, help, eval.out);
            continue;
        }
        all = Some(match (all, value) {
            (
                Some(Value { kind: Kind::List(mut before), .. }),
                Value { kind: Kind::List(more), span },
            ) => {
                before.extend(more);
                Value::new(Kind::List(before), span)
            }
            (_, value) => value,
        });
    }
    all
}

fn texts(key: &str, value: Value<'_>, eval: &mut Eval<'_, '_, '_>) -> Option<Vec<String>> {
    let span = value.span;
    let before = eval.out.errors();
    let list = typed::texts(key, value, eval.out)?;
    if list.is_empty() && eval.out.errors() == before {
        let finding = Diagnostic::error("E0308", format!("{} is empty", quoted(key)))
            .at(span, "nothing is said here")
            .help("write at least one element, or remove the key where it is optional");
        eval.out.push(finding);
        return None;
    }
    Some(list.into_iter().map(|text| text.value.into_owned()).collect())
}

/// Reads `name("path")` and spells it `name path`.
fn located(
    key: &str,
    names: &[&str],
    value: &Value<'_>,
    eval: &mut Eval<'_, '_, '_>,
) -> Option<String> {
    let example = format!("write it as in `{key} = {}(\"path\")`", names.first().unwrap_or(&"…"));
    let out = &mut *eval.out;
    let Kind::Call(call) = &value.kind else {
        return typed::mismatch(key, "a format with a path", value, &example, out);
    };
    let name = call.name;
    if !names.contains(&name.text) {
        let message = format!("{} is no format that {} knows", quoted(name.text), quoted(key));
        let finding = Diagnostic::error("E0310", message)
            .at(name.span, "unknown")
            .help(format!("write {}", listed(names.iter().copied(), "or")));
        out.push(finding);
        return None;
    }
    let [argument] = call.arguments.as_slice() else {
        let finding = Diagnostic::error("E0301", format!("{} takes one path", quoted(name.text)))
            .at(value.span, format!("{} are given", call.arguments.len()))
            .help(example);
        out.push(finding);
        return None;
    };
    path(key, argument.clone(), eval).map(|path| format!("{} {path}", name.text))
}

/// Reads a path relative to the root.
pub(crate) fn path(key: &str, value: Value<'_>, eval: &mut Eval<'_, '_, '_>) -> Option<String> {
    let span = value.span;
    let path = typed::text(key, value, eval.out)?;
    if let Err((problem, help)) = relative_path(&path) {
        let message = format!("{} {problem}", quoted(&path));
        eval.out.push(Diagnostic::error("E0306", message).at(span, "not usable").help(help));
        return None;
    }
    Some(path.into_owned())
}

fn pattern(key: &str, value: Value<'_>, eval: &mut Eval<'_, '_, '_>) -> Option<String> {
    let span = value.span;
    let text = typed::full_text(key, value, eval.out)?;
    if let Err(error) = regex_syntax::Parser::new().parse(&text) {
        let cause = match &error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            _ => "it cannot be read".to_owned(),
        };
        let finding = Diagnostic::error("E0312", format!("{} is no regular expression: {cause}", quoted(&text)))
            .at(span, "not usable")
            .help("a literal `.`, `(`, `[`, `{`, `*`, `+` or `?` has a backslash before it; in a one-line text that is written twice: `\\\\(`");
        eval.out.push(finding);
        return None;
    }
    Some(text.into_owned())
}

/// Reads blocks of thresholds, the nearest first, and spells them in the order of
/// the schema.
fn thresholds<'a>(
    name: &str,
    known: &[Threshold],
    given: &[(&'a Entry<'a>, ScopeId)],
    owner: Owner<'_>,
    eval: &mut Eval<'_, 'a, '_>,
) -> Option<Vec<String>> {
    let keys: Vec<_> = known
        .iter()
        .map(|threshold| Key {
            name: threshold.name.into(),
            form: Form::AtLeast,
            required: false,
            example: threshold_example(threshold).into(),
        })
        .collect();
    let before = eval.out.errors();
    let noun = format!("`{name}` block");
    let mut seen = BTreeSet::new();
    let mut values: Vec<Option<String>> = vec![None; known.len()];
    let mut place = owner.span;
    for (entry, scope) in given {
        place = entry.key.span;
        let block = Owner { noun: &noun, name: "", span: place, ..owner };
        let fields = Fields::read(block, entries_of(entry), &keys, &eval.suggester, eval.out);
        for (position, threshold) in known.iter().enumerate() {
            if let Some(entry) = fields.get(threshold.name)
                && seen.insert(position)
            {
                let value = eval.value(&entry.value, *scope);
                values[position] = threshold_value(threshold, &value, eval);
            }
        }
    }
    if seen.is_empty() && eval.out.errors() == before {
        let example = known.first().map_or(String::new(), threshold_example);
        let finding = Diagnostic::error("E0308", format!("the {noun} is empty"))
            .at(place, "everything would pass")
            .help(format!("add a threshold, as in `{example}`"));
        eval.out.push(finding);
    }
    let spell = |(threshold, value): (&Threshold, Option<String>)| {
        value.map(|value| format!("{} >= {value}", threshold.name))
    };
    let list = known.iter().zip(values).filter_map(spell).collect();
    (eval.out.errors() == before).then_some(list)
}

fn threshold_example(threshold: &Threshold) -> String {
    match threshold.unit {
        ThresholdUnit::Percent => format!("{} >= 85%", threshold.name),
        ThresholdUnit::Count => format!("{} >= 1", threshold.name),
    }
}

fn threshold_value(
    threshold: &Threshold,
    value: &Value<'_>,
    eval: &mut Eval<'_, '_, '_>,
) -> Option<String> {
    let (wanted, help) = match threshold.unit {
        ThresholdUnit::Percent => {
            ("a percentage", "write `85%`; from 0% to 100%, at most two decimals")
        }
        ThresholdUnit::Count => ("a whole number", "write digits, as in `1`"),
    };
    let out = &mut *eval.out;
    let Kind::Quantity { number, unit } = &value.kind else {
        return typed::mismatch(threshold.name, wanted, value, help, out);
    };
    let (unit_fits, spelled) = match threshold.unit {
        ThresholdUnit::Percent => {
            (unit == "%", Percent::parse(&format!("{number}%")).map(|share| share.to_string()))
        }
        ThresholdUnit::Count => {
            (unit.is_empty(), parse_count(number).map(|count| count.to_string()))
        }
    };
    if !unit_fits {
        return typed::mismatch(threshold.name, wanted, value, help, out);
    }
    if spelled.is_none() {
        let message = format!("{} must be {wanted}", quoted(threshold.name));
        out.push(Diagnostic::error("E0302", message).at(value.span, "out of range").help(help));
    }
    spelled
}
