//! From evaluated values to typed ones; what does not fit is reported.
//!
//! Every function returns `None` after it has reported, or where evaluation
//! has. Unaware of items; it knows a value only with the key it belongs to.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use eufm_grammar::{Diagnostic, Diagnostics, Span};
use eufm_plan::units::{
    Bytes, Currency, Millis, Money, Price, Rate, TIME_UNITS, Tokens, parse_count,
};

use crate::functions::FUNCTIONS;
use crate::value::{Kind, Value, Word};
use crate::wording::{Suggester, listed, quoted};

/// A value with the place it was written at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

/// Reads a text.
pub(crate) fn text<'a>(key: &str, value: Value<'a>, out: &mut Diagnostics) -> Option<Cow<'a, str>> {
    match value.kind {
        Kind::Text(text) => Some(text),
        Kind::Word(ref word) => {
            let help = format!("put it in quotes: \"{}\"", word.text);
            mismatch(key, "a text", &value, &help, out)
        }
        _ => mismatch(key, "a text", &value, "write it between `\"` and `\"`", out),
    }
}

/// Reads a text that must not be empty or blank.
pub(crate) fn full_text<'a>(
    key: &str,
    value: Value<'a>,
    out: &mut Diagnostics,
) -> Option<Cow<'a, str>> {
    let span = value.span;
    let text = text(key, value, out)?;
    if text.trim().is_empty() {
        let finding = Diagnostic::error("E0308", format!("{} is empty", quoted(key)))
            .at(span, "nothing is said here")
            .help("write it, or remove the key where it is optional");
        out.push(finding);
        return None;
    }
    Some(text)
}

/// Returns the elements of a list.
pub(crate) fn list<'a>(
    key: &str,
    value: Value<'a>,
    out: &mut Diagnostics,
) -> Option<Vec<Value<'a>>> {
    match value.kind {
        Kind::List(values) => Some(values),
        _ => mismatch(key, "a list", &value, "put it between `[` and `]`", out),
    }
}

/// Reads a list of texts; elements that are something else are reported and left out.
pub(crate) fn texts<'a>(
    key: &str,
    value: Value<'a>,
    out: &mut Diagnostics,
) -> Option<Vec<Spanned<Cow<'a, str>>>> {
    let values = list(key, value, out)?;
    let mut found = Vec::with_capacity(values.len());
    for element in values {
        let span = element.span;
        found.extend(text(key, element, out).map(|value| Spanned { value, span }));
    }
    Some(found)
}

/// Reads a command: a list of texts whose first names a program.
pub(crate) fn command(key: &str, value: Value<'_>, out: &mut Diagnostics) -> Option<Vec<String>> {
    if let Kind::Text(_) = value.kind {
        let help = "write a list of arguments, as in `[\"make\", \"smoke\"]`; no text becomes a shell line";
        return mismatch(key, "a list of arguments", &value, help, out);
    }
    let span = value.span;
    let before = out.errors();
    let damaged = matches!(&value.kind, Kind::List(values) if values.iter().any(Value::is_damaged));
    let arguments = texts(key, value, out)?;
    if out.errors() > before || damaged {
        return None;
    }
    if arguments.first().is_none_or(|program| program.value.trim().is_empty()) {
        let finding = Diagnostic::error("E0308", format!("{} names no program", quoted(key)))
            .at(span, "the first element is the program")
            .help("write the program and its arguments, as in `[\"make\", \"smoke\"]`");
        out.push(finding);
        return None;
    }
    let nul = arguments.iter().find(|argument| argument.value.contains('\0'));
    if let Some(argument) = nul {
        let finding = Diagnostic::error("E0302", "an argument holds U+0000")
            .at(argument.span, "no program can be given this")
            .help("remove it");
        out.push(finding);
        return None;
    }
    Some(arguments.into_iter().map(|argument| argument.value.into_owned()).collect())
}

/// Reads one of several bare words.
pub(crate) fn word<'w>(
    key: &str,
    words: &[&'w str],
    value: &Value<'_>,
    out: &mut Diagnostics,
) -> Option<&'w str> {
    let choice = listed(words.iter().copied(), "or");
    let Kind::Word(Word { text, .. }) = &value.kind else {
        let wanted = format!("the bare word {choice}");
        return mismatch(key, &wanted, value, &format!("write {choice}"), out);
    };
    let found = words.iter().find(|word| *word == text);
    if found.is_none() {
        let message = format!("{} is not what {} can be", quoted(text), quoted(key));
        let finding = Diagnostic::error("E0310", message)
            .at(value.span, "unknown here")
            .help(format!("write {choice}"));
        out.push(finding);
    }
    found.copied()
}

/// Reads `true` or `false`.
pub(crate) fn flag(key: &str, value: &Value<'_>, out: &mut Diagnostics) -> Option<bool> {
    if key == "when" && matches!(value.kind, Kind::Text(_) | Kind::Quantity { .. }) {
        let help = match &value.kind {
            Kind::Text(text) if matches!(text.as_ref(), "true" | "false") => {
                "write it without quotes"
            }
            _ => "compare it, as in `when = env == \"production\"`",
        };
        return mismatch(key, "`true`, `false` or a comparison", value, help, out);
    }
    word(key, &["true", "false"], value, out).map(|word| word == "true")
}

/// Returns a number without its `_`, and its unit.
fn quantity<'v>(
    key: &str,
    wanted: &str,
    help: &str,
    value: &'v Value<'_>,
    out: &mut Diagnostics,
) -> Option<(Cow<'v, str>, &'v str)> {
    match &value.kind {
        Kind::Quantity { number, unit } => {
            let plain = if number.contains('_') {
                Cow::Owned(number.replace('_', ""))
            } else {
                Cow::Borrowed(number.as_ref())
            };
            Some((plain, unit))
        }
        _ => mismatch(key, wanted, value, help, out),
    }
}

/// Reads a whole number without a unit, within a range.
pub(crate) fn count(
    key: &str,
    value: &Value<'_>,
    range: RangeInclusive<u64>,
    out: &mut Diagnostics,
) -> Option<u64> {
    let (number, unit) = quantity(key, "a number", "write digits", value, out)?;
    if !unit.is_empty() {
        let finding = Diagnostic::error("E0303", format!("{} has no unit", quoted(key)))
            .at(value.span, format!("counted in {}", quoted(unit)))
            .help(format!("write `{number}`; if another entry follows, put a comma before it"));
        out.push(finding);
        return None;
    }
    if let Some(count) = parse_count(&number).filter(|count| range.contains(count)) {
        return Some(count);
    }
    let (least, most) = (range.start(), range.end());
    let message = format!("{} must be a whole number from {least} to {most}", quoted(key));
    let finding = Diagnostic::error("E0302", message).at(value.span, "outside of it");
    out.push(finding.help(format!("write a number from {least} to {most}")));
    None
}

/// Reads a duration above zero.
pub(crate) fn duration(key: &str, value: &Value<'_>, out: &mut Diagnostics) -> Option<Millis> {
    let help = "write a number and a unit, as in `15 min`";
    let (number, unit) = quantity(key, "a duration", help, value, out)?;
    if !TIME_UNITS.iter().any(|(name, _)| *name == unit) {
        out.push(time_unit(key, value, &number, unit));
        return None;
    }
    match parse_count(&number).and_then(|count| Millis::from_unit(count, unit)) {
        Some(Millis(0)) => {
            let message = format!("{} must be longer than nothing", quoted(key));
            let finding = Diagnostic::error("E0302", message).at(value.span, "no time at all");
            out.push(finding.help("write how long it may take, as in `15 min`"));
            None
        }
        Some(duration) => Some(duration),
        None => {
            let message = format!("{} is no whole number of {}", quoted(&number), quoted(unit));
            let finding = Diagnostic::error("E0302", message).at(value.span, "not usable").help(
                "write digits only and take a smaller unit, as in `90 min` for an hour and a half",
            );
            out.push(finding);
            None
        }
    }
}

fn time_unit(key: &str, value: &Value<'_>, number: &str, unit: &str) -> Diagnostic {
    let finding = wrong_unit(key, value, unit, "no unit of time", "not a duration");
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

/// Reports a unit that is missing or of something else.
fn wrong_unit(key: &str, value: &Value<'_>, unit: &str, not: &str, label: &str) -> Diagnostic {
    if unit.is_empty() {
        Diagnostic::error("E0303", format!("{} lacks its unit", quoted(key)))
            .at(value.span, "of what?")
    } else {
        Diagnostic::error("E0303", format!("{} is {not}", quoted(unit))).at(value.span, label)
    }
}

/// Reads a size in bytes above zero.
pub(crate) fn bytes(key: &str, value: &Value<'_>, out: &mut Diagnostics) -> Option<Bytes> {
    let help = "write a number and a unit, as in `8 GiB`";
    let (number, unit) = quantity(key, "a size", help, value, out)?;
    let found = parse_count(&number).and_then(|count| Bytes::from_unit(count, unit));
    if let Some(size) = found.filter(|size| size.0 > 0) {
        return Some(size);
    }
    let finding = if Bytes::from_unit(1, unit).is_some() {
        let message = format!("{} must be a whole number above zero", quoted(key));
        let finding = Diagnostic::error("E0302", message).at(value.span, "not usable");
        out.push(finding.help("write a size above zero, in digits only"));
        return None;
    } else {
        wrong_unit(key, value, unit, "no unit of bytes", "not a size")
    };
    let meant = match unit {
        "GB" | "G" | "Gi" | "gb" | "gib" => Some("GiB"),
        "MB" | "M" | "Mi" | "mb" | "mib" => Some("MiB"),
        "KB" | "kB" | "K" | "Ki" | "kb" | "kib" => Some("KiB"),
        "TB" | "T" | "Ti" | "tb" | "tib" => Some("TiB"),
        _ => None,
    };
    out.push(match meant {
        Some(meant) => finding.help(format!("did you mean `{number} {meant}`?")),
        None => finding.help("units are `TiB`, `GiB`, `MiB`, `KiB` and `B`"),
    });
    None
}

/// Reads a number of tokens above zero.
pub(crate) fn tokens(key: &str, value: &Value<'_>, out: &mut Diagnostics) -> Option<Tokens> {
    let help = "write a number of tokens, as in `4M` or `400K`";
    let (number, unit) = quantity(key, "a number of tokens", help, value, out)?;
    let short = unit.strip_suffix("tokens").map_or(unit, str::trim_end);
    let found = parse_count(&number).and_then(|count| Tokens::from_unit(count, short));
    if let Some(tokens) = found.filter(|tokens| tokens.0 > 0) {
        return Some(tokens);
    }
    let finding = if Tokens::from_unit(1, short).is_some() {
        let message = format!("{} must be a whole number above zero", quoted(key));
        let finding = Diagnostic::error("E0302", message).at(value.span, "not usable");
        out.push(finding.help("write a number above zero, in digits only"));
        return None;
    } else {
        wrong_unit(key, value, unit, "no unit of tokens", "not a number of tokens")
    };
    out.push(match short {
        "k" => finding.help(format!("did you mean `{number}K`?")),
        "m" | "million" => finding.help(format!("did you mean `{number}M`?")),
        _ => {
            finding.help("write digits, with `K` for thousands and `M` for millions: `400K`, `4M`")
        }
    });
    None
}

/// Reads an amount of money.
pub(crate) fn money(key: &str, value: &Value<'_>, out: &mut Diagnostics) -> Option<Money> {
    let help = "write an amount and a currency, as in `20 EUR`";
    let (number, unit) = quantity(key, "an amount of money", help, value, out)?;
    amount(key, value, &number, unit, "20 EUR", out)
}

/// Reads money per hour.
pub(crate) fn rate(key: &str, value: &Value<'_>, out: &mut Diagnostics) -> Option<Rate> {
    let help = "write money per hour, as in `1 EUR per hour`";
    let (number, unit) = quantity(key, "an amount of money per hour", help, value, out)?;
    let Some(currency) = unit.strip_suffix(" per hour").or_else(|| unit.strip_suffix(" per h"))
    else {
        out.push(wrong_unit(key, value, unit, "no rate of money", "not per hour").help(help));
        return None;
    };
    amount(key, value, &number, currency, "1 EUR per hour", out).map(Rate)
}

/// Reads money per million tokens.
pub(crate) fn price(key: &str, value: &Value<'_>, out: &mut Diagnostics) -> Option<Price> {
    let help = "write what a million tokens cost, as in `5.00 USD per 1M tokens`";
    let (number, unit) = quantity(key, "a price", help, value, out)?;
    let Some(currency) = unit.strip_suffix(" per 1M tokens") else {
        out.push(
            wrong_unit(key, value, unit, "no unit of a price", "not per 1M tokens").help(help),
        );
        return None;
    };
    amount(key, value, &number, currency, "5.00 USD per 1M tokens", out).map(Price)
}

fn amount(
    key: &str,
    value: &Value<'_>,
    number: &str,
    currency: &str,
    example: &str,
    out: &mut Diagnostics,
) -> Option<Money> {
    if Currency::parse(currency).is_none() {
        let finding = wrong_unit(key, value, currency, "no currency", "not an amount of money");
        let upper = currency.to_ascii_uppercase();
        out.push(match (Currency::parse(&upper), currency) {
            (Some(_), _) => finding.help(format!("did you mean `{number} {upper}`?")),
            (None, "€") => finding.help(format!("did you mean `{number} EUR`?")),
            _ => finding.help(format!("write three capital letters, as in `{example}`")),
        });
        return None;
    }
    let found = Money::of(number, currency);
    if found.is_none() {
        let message = format!("{} is no amount that can be counted", quoted(number));
        let finding = Diagnostic::error("E0302", message)
            .at(value.span, "not usable")
            .help("write at most nine digits, and at most six behind the point");
        out.push(finding);
    }
    found
}

/// Reports a value of another type. The unit type of its result fits every caller.
pub(crate) fn mismatch<T>(
    key: &str,
    wanted: &str,
    value: &Value<'_>,
    help: &str,
    out: &mut Diagnostics,
) -> Option<T> {
    if let Kind::Call(call) = &value.kind
        && !call.name.text.contains('.')
    {
        let message = format!("there is no function {}", quoted(call.name.text));
        let finding = Diagnostic::error("E0204", message).at(call.name.span, "unknown");
        let known = FUNCTIONS.iter().map(|(name, _)| *name);
        out.push(Suggester::new().hint(finding, call.name.text, known));
    } else if !value.is_damaged() {
        let message = format!("{} takes {wanted}, not {}", quoted(key), value.kind.noun());
        let finding =
            Diagnostic::error("E0301", message).at(value.span, value.kind.noun()).help(help);
        out.push(finding);
    }
    None
}
