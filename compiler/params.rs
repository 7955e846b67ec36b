//! The parameters of a kind against its schema.
//!
//! Generic over kinds: a new gate or agent needs no line here. Unaware of what
//! a kind does with its parameters.

use eufm_grammar::ast::{Entry, Value, ValueKind};
use eufm_grammar::{Diagnostic, Diagnostics};
use eufm_plan::schema::{KindSchema, Param, ParamType, Threshold, ThresholdUnit};
use eufm_plan::units::{Percent, parse_count};
use eufm_plan::{ParamValue, Params};

use crate::check::paths::relative_path;
use crate::fields::{Fields, Owner};
use crate::value;
use crate::vocabulary::{Form, Key, Later};
use crate::wording::{Suggester, listed, quoted};

/// Reads the parameters of a kind, in the order of its schema.
pub(crate) fn read(
    schema: &KindSchema,
    owner: Owner<'_>,
    entries: &[Entry],
    later: &[Later],
    suggester: &Suggester,
    out: &mut Diagnostics,
) -> Params {
    let keys: Vec<_> = schema.params.iter().map(key).collect();
    let fields = Fields::read(owner, entries, &keys, later, suggester, out);
    let read = |param: &Param| {
        let entry = fields.get(param.name)?;
        let value = param_value(param, entry, owner, suggester, out)?;
        Some((param.name.to_owned(), value))
    };
    Params(schema.params.iter().filter_map(read).collect())
}

fn key(param: &Param) -> Key {
    let name = param.name;
    let (form, example) = match param.ty {
        ParamType::Text => (Form::Set, format!("{name} = \"…\"")),
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
    };
    Key { name: name.into(), form, required: param.required, example: example.into() }
}

fn param_value(
    param: &Param,
    entry: &Entry,
    owner: Owner<'_>,
    suggester: &Suggester,
    out: &mut Diagnostics,
) -> Option<ParamValue> {
    let (key, value) = (param.name, &entry.value);
    match param.ty {
        ParamType::Text => {
            value::full_text(key, value, out).map(|text| ParamValue::Text(text.to_owned()))
        }
        ParamType::Command => value::command(key, value, out)
            .map(|run| ParamValue::List(run.into_iter().map(str::to_owned).collect())),
        ParamType::Word(words) => word(key, words, value, out).map(ParamValue::Text),
        ParamType::Located(names) => located(key, names, value, out).map(ParamValue::Text),
        ParamType::Thresholds(known) => {
            let ValueKind::Block(entries) = &value.kind else {
                return value::mismatch(key, "a block", value, "write `{ … }`", out);
            };
            let noun = format!("`{key}` block");
            let block = Owner { noun: &noun, name: "", span: entry.key.span, ..owner };
            thresholds(block, known, entries, suggester, out).map(ParamValue::List)
        }
    }
}

fn word(key: &str, words: &[&str], value: &Value, out: &mut Diagnostics) -> Option<String> {
    let choice = listed(words.iter().copied(), "or");
    match &value.kind {
        ValueKind::Name(name) if words.contains(name) => Some((*name).to_owned()),
        ValueKind::Name(name) => {
            let message =
                format!("{} is not supported for {} by this version", quoted(name), quoted(key));
            let finding = Diagnostic::error("E0310", message)
                .at(value.span, "would not be held")
                .help(format!("write {choice}"));
            out.push(finding);
            None
        }
        _ => value::mismatch(
            key,
            &format!("the bare word {choice}"),
            value,
            &format!("write {choice}"),
            out,
        ),
    }
}

/// Reads `name("path")` and spells it `name path`.
fn located(key: &str, names: &[&str], value: &Value, out: &mut Diagnostics) -> Option<String> {
    let example = format!("write it as in `{key} = {}(\"path\")`", names.first().unwrap_or(&"…"));
    let ValueKind::Call { name, arguments } = &value.kind else {
        return value::mismatch(key, "a format with a path", value, &example, out);
    };
    if !names.contains(&name.text) {
        let message = format!("{} is no format that {} knows", quoted(name.text), quoted(key));
        let finding = Diagnostic::error("E0310", message)
            .at(name.span, "unknown")
            .help(format!("write {}", listed(names.iter().copied(), "or")));
        out.push(finding);
        return None;
    }
    let [argument] = arguments.as_slice() else {
        let finding = Diagnostic::error("E0301", format!("{} takes one path", quoted(name.text)))
            .at(value.span, format!("{} are given", arguments.len()))
            .help(example);
        out.push(finding);
        return None;
    };
    let path = value::text(key, argument, out)?;
    if let Err((problem, help)) = relative_path(path) {
        let message = format!("{} {problem}", quoted(path));
        out.push(Diagnostic::error("E0306", message).at(argument.span, "not usable").help(help));
        return None;
    }
    Some(format!("{} {path}", name.text))
}

/// Reads a block of thresholds and spells them in the order of the schema.
fn thresholds(
    owner: Owner<'_>,
    known: &[Threshold],
    entries: &[Entry],
    suggester: &Suggester,
    out: &mut Diagnostics,
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
    let before = out.errors();
    let fields = Fields::read(owner, entries, &keys, &[], suggester, out);
    let mut list = Vec::new();
    for threshold in known {
        if let Some(entry) = fields.get(threshold.name) {
            let value = threshold_value(threshold, entry, out);
            list.extend(value.map(|value| format!("{} >= {value}", threshold.name)));
        }
    }
    if list.is_empty() && out.errors() == before {
        let example = known.first().map_or(String::new(), threshold_example);
        let finding = Diagnostic::error("E0308", format!("the {} is empty", owner.noun))
            .at(owner.span, "everything would pass")
            .help(format!("add a threshold, as in `{example}`"));
        out.push(finding);
    }
    (out.errors() == before).then_some(list)
}

fn threshold_example(threshold: &Threshold) -> String {
    match threshold.unit {
        ThresholdUnit::Percent => format!("{} >= 85%", threshold.name),
        ThresholdUnit::Count => format!("{} >= 1", threshold.name),
    }
}

fn threshold_value(threshold: &Threshold, entry: &Entry, out: &mut Diagnostics) -> Option<String> {
    let value = &entry.value;
    let (wanted, help) = match threshold.unit {
        ThresholdUnit::Percent => {
            ("a percentage", "write `85%`; from 0% to 100%, at most two decimals")
        }
        ThresholdUnit::Count => ("a whole number", "write digits, as in `1`"),
    };
    let ValueKind::Quantity { number, unit } = &value.kind else {
        return value::mismatch(threshold.name, wanted, value, help, out);
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
        return value::mismatch(threshold.name, wanted, value, help, out);
    }
    if spelled.is_none() {
        let message = format!("{} must be {wanted}", quoted(threshold.name));
        out.push(Diagnostic::error("E0302", message).at(value.span, "out of range").help(help));
    }
    spelled
}
