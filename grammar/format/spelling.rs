//! The canonical spelling of texts and numbers; what they mean stays the same.
//!
//! Works on what stands between the quotes, without decoding it, so that
//! whatever a text may hold (escapes, `$${`) is carried along. Unaware of where
//! a text stands. See docs/language.md, "Text".

use std::borrow::Cow;

use crate::split::{bracket_end, is_invisible};
use crate::words::{number_length, word_length};

/// How a text is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spelled<'a> {
    /// On one line, with its quotes.
    Line(Cow<'a, str>),
    /// As a long text whose closing quotes stand on a line of their own: its
    /// lines without their indentation.
    Lines(Vec<&'a str>),
    /// As a long text of several lines that ends within its last one. No closing
    /// quotes mark an indentation, so each line stays as it is.
    Ragged {
        /// Whether the opening quotes end their line.
        below: bool,
        /// What follows, up to the closing quotes.
        body: &'a str,
    },
}

/// Returns how a text with its quotes is printed.
pub(super) fn spell(literal: &str) -> Spelled<'_> {
    match literal.strip_prefix("\"\"\"").and_then(|rest| rest.strip_suffix("\"\"\"")) {
        Some(inner) => long(inner),
        None => Spelled::Line(short(literal)),
    }
}

/// Spells a long text by the three rules of the language.
fn long(inner: &str) -> Spelled<'_> {
    let (below, body) = match inner.split_once('\n') {
        Some((first, body)) if is_blank(first) => (true, body),
        _ => (false, inner),
    };
    let Some(last) = body.rfind('\n') else {
        // Only blanks before the closing quotes of a line of their own are no content.
        let content = if below && is_blank(body) { "" } else { body };
        return Spelled::Line(Cow::Owned(format!("\"\"\"{content}\"\"\"")));
    };
    let indentation = &body[last + 1..];
    if !is_blank(indentation) {
        return Spelled::Ragged { below, body };
    }
    let dedent = |(number, line): (usize, _)| match str::strip_prefix(line, indentation) {
        _ if number == 0 && !below => line,
        Some(rest) => rest,
        // A line of blanks that is shorter than the indentation is an empty one.
        None => "",
    };
    Spelled::Lines(body[..last].split('\n').enumerate().map(dedent).collect())
}

/// Spells a one-line text: an escape of a character has one spelling, and a
/// character that nobody sees is shown as its escape. What its author wrote as
/// an escape stays one, and so does what stands in a hole.
fn short(literal: &str) -> Cow<'_, str> {
    let unseen = |sign: char| sign == '\t' || is_invisible(sign);
    if !literal.contains("\\u{") && !literal.contains(unseen) {
        return Cow::Borrowed(literal);
    }
    let mut text = String::with_capacity(literal.len());
    let mut rest = literal;
    while let Some(at) = rest.find(|sign| matches!(sign, '\\' | '$') || unseen(sign)) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let sign = rest.chars().next().unwrap_or('\\');
        let mut length = sign.len_utf8();
        if let Some((digits, _)) = rest.strip_prefix("\\u{").and_then(|rest| rest.split_once('}')) {
            length = digits.len() + 4;
            text.push_str(&escape(digits.trim_start_matches('0')));
        } else if sign == '$' {
            // Behind `$$` no hole begins; a hole ends on its line, which is this one.
            let dollars = rest.len() - rest.trim_start_matches('$').len();
            let hole = dollars == 1 && rest.starts_with("${");
            length = if hole { hole_length(rest) } else { dollars };
            text.push_str(&rest[..length]);
        } else if sign == '\\' {
            // The escaped character may itself be a backslash or a quote.
            length += rest[1..].chars().next().map_or(0, char::len_utf8);
            text.push_str(&rest[..length]);
        } else if sign == '\t' {
            text.push_str("\\t");
        } else {
            text.push_str(&escape(&format!("{:x}", u32::from(sign))));
        }
        rest = &rest[length..];
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Returns the length of the hole that a text begins with, up to its `}`.
fn hole_length(text: &str) -> usize {
    bracket_end(text, 1).map_or(text.len(), |end| end + 1)
}

fn escape(digits: &str) -> String {
    format!("\\u{{{}}}", digits.to_ascii_lowercase())
}

/// Splits `15min` into its number and its unit; `None` for any other word.
pub(super) fn quantity(word: &str) -> Option<(&str, &str)> {
    let number = number_length(word);
    let (number, unit) = word.split_at(number);
    let whole = unit == "%" || (!unit.is_empty() && word_length(unit) == unit.len());
    (!number.is_empty() && whole).then_some((number, unit))
}

/// Tells whether a word is a plain number.
pub(super) fn is_number(word: &str) -> bool {
    !word.is_empty() && number_length(word) == word.len()
}

/// Tells whether a unit stands right behind its number: `85%`, `4M`.
pub(super) fn is_attached(unit: &str) -> bool {
    matches!(unit, "%" | "k" | "K" | "M" | "G" | "T")
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte == b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(literal: &str) -> String {
        match spell(literal) {
            Spelled::Line(line) => line.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_character_has_one_escape() {
        assert_eq!(line(r#""\u{00E9}\u{1F600} é\\u{E9} \"""#), r#""\u{e9}\u{1f600} é\\u{E9} \"""#);
        assert_eq!(line("\"a\tb\u{200b}\""), r#""a\tb\u{200b}""#);
    }

    #[test]
    fn an_escape_never_becomes_a_sign_with_a_meaning() {
        for literal in [r#""\u{24}{x}""#, r#""$\u{7b}x}""#, r#""\u{22}\u{5c}\u{a}""#, r#""$${x}""#]
        {
            assert_eq!(line(literal), literal);
        }
    }

    #[test]
    fn holes_stay_as_they_are() {
        for literal in ["\"${a\t}\\t\"", "\"$${a\\t${ b[{}]\t}\"", "\"$\\t${a}$\""] {
            assert_eq!(line(literal), literal);
        }
        assert_eq!(line("\"$${a\t}$$${\t} ${b\t}\t\""), "\"$${a\\t}$$${\\t} ${b\t}\\t\"");
    }

    #[test]
    fn lines_lose_what_is_not_theirs() {
        let lines = |list: &[&'static str]| Spelled::Lines(list.to_vec());
        assert_eq!(spell("\"\"\" \n\ta\n\t  b\n \n\t\"\"\""), lines(&["a", "  b", ""]));
        assert_eq!(spell("\"\"\"a\n  b\n  \"\"\""), lines(&["a", "b"]));
        assert_eq!(spell("\"\"\"\n a \n   \n \"\"\""), lines(&["a ", "  "]));
        assert_eq!(spell("\"\"\"\n  a\n\"\"\""), lines(&["  a"]));
        assert_eq!(spell("\"\"\"\n\n\"\"\""), lines(&[""]));
        assert_eq!(
            spell("\"\"\"\n  a\n  b\"\"\""),
            Spelled::Ragged { below: true, body: "  a\n  b" }
        );
    }

    #[test]
    fn a_long_text_without_a_line_end_stands_on_one_line() {
        assert_eq!(line("\"\"\"\n  a\"\"\""), "\"\"\"  a\"\"\"");
        assert_eq!(line("\"\"\" \"\"\""), "\"\"\" \"\"\"");
        assert_eq!(line("\"\"\"\n  \"\"\""), "\"\"\"\"\"\"");
        assert_eq!(line("\"\"\"\n\"a\"\"\""), "\"\"\"\"a\"\"\"");
    }

    #[test]
    fn numbers_are_told_from_their_units() {
        assert_eq!(quantity("15min"), Some(("15", "min")));
        assert_eq!(quantity("99.5%"), Some(("99.5", "%")));
        assert_eq!(quantity("1_0_x"), Some(("1_0", "_x")));
        assert_eq!((quantity("15"), quantity("min"), quantity("1.x")), (None, None, None));
        assert!(is_number("-1_000.5") && !is_number("1.") && !is_number("-") && !is_number(""));
    }
}
