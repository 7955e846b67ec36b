//! How an evaluated value is spelled within a text, a path or a comparison.
//!
//! Unaware of where the spelling is used.

use crate::value::Kind;

/// Spells a text, a word or a number with its unit; `None` for what has no spelling.
pub(crate) fn of(kind: &Kind<'_>) -> Option<String> {
    match kind {
        Kind::Text(text) => Some(text.clone().into_owned()),
        Kind::Word(word) => Some(word.text.clone().into_owned()),
        Kind::Quantity { number, unit } => Some(quantity(number, unit)),
        _ => None,
    }
}

/// Spells a number with its unit as the canonical form of a spec does.
pub(crate) fn quantity(number: &str, unit: &str) -> String {
    let joined = unit.is_empty() || unit == "%" || matches!(unit, "K" | "M");
    if joined { format!("{number}{unit}") } else { format!("{number} {unit}") }
}
