//! From written values to typed ones; what does not fit is reported.
//!
//! Every function returns `None` after it has reported, or where the grammar
//! has. Unaware of items; it knows a value only with the key it belongs to.

use std::ops::RangeInclusive;

use eufm_grammar::ast::{Entry, Value, ValueKind};
use eufm_grammar::{Diagnostic, Diagnostics};
use eufm_plan::units::{Millis, TIME_UNITS, parse_count};

use crate::resolved::Spanned;
use crate::wording::quoted;

/// Reads a text.
pub(crate) fn text<'a>(key: &str, value: &'a Value<'a>, out: &mut Diagnostics) -> Option<&'a str> {
    match &value.kind {
        ValueKind::Text(text) => Some(text),
        ValueKind::Name(name) => {
            let help = format!("put it in quotes: \"{name}\"");
            mismatch(key, "a text", value, &help, out)
        }
        _ => mismatch(key, "a text", value, "write it between `\"` and `\"`", out),
    }
}

/// Reads a text that must not be empty or blank.
pub(crate) fn full_text<'a>(
    key: &str,
    value: &'a Value<'a>,
    out: &mut Diagnostics,
) -> Option<&'a str> {
    let text = text(key, value, out)?;
    if text.trim().is_empty() {
        let finding = Diagnostic::error("E0308", format!("{} is empty", quoted(key)))
            .at(value.span, "nothing is said here")
            .help("write it, or remove the key where it is optional");
        out.push(finding);
        return None;
    }
    Some(text)
}

/// Returns the elements of a list.
pub(crate) fn list<'a>(
    key: &str,
    value: &'a Value<'a>,
    out: &mut Diagnostics,
) -> Option<&'a [Value<'a>]> {
    match &value.kind {
        ValueKind::List(values) => Some(values),
        _ => mismatch(key, "a list", value, "put it between `[` and `]`", out),
    }
}

/// Reads a list of texts; elements that are something else are reported and left out.
pub(crate) fn texts<'a>(
    key: &str,
    value: &'a Value<'a>,
    out: &mut Diagnostics,
) -> Option<Vec<Spanned<&'a str>>> {
    let values = list(key, value, out)?;
    let read = |element: &'a Value<'a>| {
        let value = text(key, element, out)?;
        Some(Spanned { value, span: element.span })
    };
    Some(values.iter().filter_map(read).collect())
}

/// Reads a command: a list of texts whose first names a program.
pub(crate) fn command<'a>(
    key: &str,
    value: &'a Value<'a>,
    out: &mut Diagnostics,
) -> Option<Vec<&'a str>> {
    if let ValueKind::Text(_) = value.kind {
        let help = "write a list of arguments, as in `[\"make\", \"smoke\"]`; no text becomes a shell line";
        return mismatch(key, "a list of arguments", value, help, out);
    }
    let before = out.errors();
    let arguments = texts(key, value, out)?;
    if out.errors() > before {
        return None;
    }
    if arguments.first().is_none_or(|program| program.value.trim().is_empty()) {
        let finding = Diagnostic::error("E0308", format!("{} names no program", quoted(key)))
            .at(value.span, "the first element is the program")
            .help("write the program and its arguments, as in `[\"make\", \"smoke\"]`");
        out.push(finding);
        return None;
    }
    Some(arguments.into_iter().map(|argument| argument.value).collect())
}

/// Reads a whole number without a unit, within a range.
pub(crate) fn count(
    entry: &Entry,
    range: RangeInclusive<u32>,
    out: &mut Diagnostics,
) -> Option<u32> {
    let (key, value) = (&entry.key.text, &entry.value);
    let ValueKind::Quantity { number, unit } = &value.kind else {
        return mismatch(key, "a number", value, "write digits", out);
    };
    if !unit.is_empty() {
        let finding = Diagnostic::error("E0303", format!("{} has no unit", quoted(key)))
            .at(value.span, format!("counted in {}", quoted(unit)))
            .help(format!("write `{number}`; if another entry follows, put a comma before it"));
        out.push(finding);
        return None;
    }
    let found = parse_count(number).and_then(|count| u32::try_from(count).ok());
    if let Some(count) = found.filter(|count| range.contains(count)) {
        return Some(count);
    }
    let message =
        format!("{} must be a whole number from {} to {}", quoted(key), range.start(), range.end());
    out.push(Diagnostic::error("E0302", message).at(value.span, "outside of it"));
    None
}

/// Reads a duration above zero.
pub(crate) fn duration(entry: &Entry, out: &mut Diagnostics) -> Option<Millis> {
    let (key, value) = (&entry.key.text, &entry.value);
    let ValueKind::Quantity { number, unit } = &value.kind else {
        return mismatch(
            key,
            "a duration",
            value,
            "write a number and a unit, as in `15 min`",
            out,
        );
    };
    if !TIME_UNITS.iter().any(|(name, _)| name == unit) {
        out.push(time_unit(key, value, number, unit));
        return None;
    }
    match parse_count(number).and_then(|count| Millis::from_unit(count, unit)) {
        Some(Millis(0)) => {
            let message = format!("{} must be longer than nothing", quoted(key));
            out.push(Diagnostic::error("E0302", message).at(value.span, "no time at all"));
            None
        }
        Some(duration) => Some(duration),
        None => {
            let message = format!("{} is no whole number of {}", quoted(number), quoted(unit));
            let finding = Diagnostic::error("E0302", message).at(value.span, "not usable").help(
                "write digits only and take a smaller unit, as in `90 min` for an hour and a half",
            );
            out.push(finding);
            None
        }
    }
}

fn time_unit(key: &str, value: &Value, number: &str, unit: &str) -> Diagnostic {
    let finding = if unit.is_empty() {
        Diagnostic::error("E0303", format!("{} lacks its unit", quoted(key)))
            .at(value.span, "of what?")
    } else {
        Diagnostic::error("E0303", format!("{} is no unit of time", quoted(unit)))
            .at(value.span, "not a duration")
    };
    let meant = match unit {
        "m" | "mins" | "minute" | "minutes" => Some("min"),
        "sec" | "secs" | "second" | "seconds" => Some("s"),
        "hr" | "hrs" | "hour" | "hours" => Some("h"),
        _ => None,
    };
    match meant {
        Some(meant) => finding.help(format!("did you mean `{number} {meant}`?")),
        None => finding.help("units are `h`, `min`, `s` and `ms`"),
    }
}

/// Reports a value of another type. The unit type of its result fits every caller.
pub(crate) fn mismatch<T>(
    key: &str,
    wanted: &str,
    value: &Value,
    help: &str,
    out: &mut Diagnostics,
) -> Option<T> {
    if value.kind != ValueKind::Damaged {
        let message = format!("{} takes {wanted}, not {}", quoted(key), value.kind.noun());
        let finding =
            Diagnostic::error("E0301", message).at(value.span, value.kind.noun()).help(help);
        out.push(finding);
    }
    None
}
