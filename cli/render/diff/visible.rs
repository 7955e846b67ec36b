//! Texts of a plan such that a difference between two is seen: what has no shape of
//! its own, or the shape of a letter of ASCII, is written as its number, and what is
//! cut off is counted.
//!
//! Whoever wants a change to be overlooked hides it behind a long text or in signs
//! that nobody sees. Unaware of where a text is shown.

use eufm_plan::lockfile::is_hidden;
use unicode_security::skeleton;

/// How much of a value is shown.
const VALUE_MAX: usize = 160;

/// How much of a line of a text is shown.
const LINE_MAX: usize = 1_000;

/// How much of a name is shown.
const NAME_MAX: usize = 120;

/// How much is shown of what is the same before a difference.
const BEFORE: usize = 40;

/// Shows a name.
pub(super) fn name(name: &str) -> String {
    cut(&plain(name), NAME_MAX)
}

/// Shows a line of a text.
pub(super) fn line(line: &str) -> String {
    cut(&plain_behind_blanks(line), LINE_MAX)
}

/// Shows a value.
pub(super) fn value(value: &str) -> String {
    match plain(value) {
        empty if empty.is_empty() => "\"\"".to_owned(),
        shown => cut(&shown, VALUE_MAX),
    }
}

/// Shows two values that differ, of long ones what differs first.
pub(super) fn values(before: &str, after: &str) -> (String, String) {
    let (old, new) = (plain(before), plain(after));
    let longest = old.chars().count().max(new.chars().count());
    let same = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).count();
    if longest <= VALUE_MAX || same <= BEFORE {
        return (value(before), value(after));
    }
    let rest = |text: &str| {
        let rest: String = text.chars().skip(same - BEFORE).collect();
        format!("…{}", cut(&rest, VALUE_MAX))
    };
    (rest(&old), rest(&new))
}

/// Writes as its number what a reader could not see: hidden signs, line ends, a blank
/// at an end, and what looks as if all of it were ASCII.
fn plain(text: &str) -> String {
    let inner = text.trim_start_matches(' ');
    let mut shown = NUMBER_OF_BLANK.repeat(text.len() - inner.len());
    shown.push_str(&numbered(inner, looks_like_ascii));
    shown
}

/// The same of a line of a text: the blanks before it are seen, and words of another
/// script may look like any; one that mixes scripts is none.
fn plain_behind_blanks(text: &str) -> String {
    let is_mixed = |word: &str| {
        word.contains(|sign: char| sign.is_ascii_alphanumeric()) && looks_like_ascii(word)
    };
    numbered(text, is_mixed)
}

/// Tells whether nobody could tell a word, or a sign between words, from ASCII.
fn looks_like_ascii(word: &str) -> bool {
    skeleton(word).all(|sign| sign.is_ascii())
}

fn numbered(text: &str, is_alike: impl Fn(&str) -> bool) -> String {
    let inner = text.trim_end_matches(' ');
    let mut shown = String::with_capacity(text.len());
    for part in parts(inner) {
        let is_alike = !part.is_ascii() && is_alike(part);
        for sign in part.chars() {
            if is_hidden(sign) || (is_alike && !sign.is_ascii()) {
                shown.push_str(&format!("<U+{:04X}>", u32::from(sign)));
            } else {
                shown.push(sign);
            }
        }
    }
    shown.push_str(&NUMBER_OF_BLANK.repeat(text.len() - inner.len()));
    shown
}

/// Cuts a text into words and what stands between them, which is mostly one sign.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = match first.is_alphanumeric() {
            true => rest.find(|sign: char| !sign.is_alphanumeric()).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (part, behind) = rest.split_at(end);
        rest = behind;
        Some(part)
    })
}

/// How a blank is written that nobody would see.
const NUMBER_OF_BLANK: &str = "<U+0020>";

fn cut(text: &str, max: usize) -> String {
    let count = text.chars().count();
    if count <= max {
        return text.to_owned();
    }
    let begin: String = text.chars().take(max).collect();
    format!("{begin}… (and {} more)", count - max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_written_as_its_number() {
        assert_eq!(value("a\u{e0041}b\n"), "a<U+E0041>b<U+000A>");
        assert_eq!((value(" a  b "), value("")), ("<U+0020>a  b<U+0020>".into(), "\"\"".into()));
        assert_eq!(line("  - a \u{202e}\t "), "  - a <U+202E><U+0009><U+0020>");
        assert_eq!(line("   "), "<U+0020><U+0020><U+0020>");
        assert_eq!(name("a\u{fe0f}"), "a<U+FE0F>");
    }

    #[test]
    fn what_looks_like_ascii_and_is_none_is_written_as_its_number() {
        for (text, shown) in [
            ("s\u{440}c/**", "s<U+0440>c/**"),
            ("src\u{2215}x", "src<U+2215>x"),
            ("\u{430}", "<U+0430>"),
            ("caf\u{e9}/\u{6a21}\u{578b}", "caf\u{e9}/\u{6a21}\u{578b}"),
            ("проверка/**", "проверка/**"),
        ] {
            assert_eq!(value(text), shown);
            assert_eq!(name(text), shown);
        }
        // In a line of Russian an "а" is a word, and in none of English.
        assert_eq!(line("а как, это’s"), "а как, это’s");
        assert_eq!(line("\u{440}ush it"), "<U+0440>ush it");
    }

    #[test]
    fn a_difference_far_behind_is_shown() {
        let long = "x".repeat(500);
        let (old, new) = values(&format!("{long}old"), &format!("{long}new{long}"));
        assert_eq!(old, format!("…{}old", "x".repeat(BEFORE)));
        assert!(new.starts_with(&format!("…{}new", "x".repeat(BEFORE))), "{new}");
        assert!(new.ends_with("x… (and 383 more)"), "{new}");
        let (old, new) = values("a", &long);
        assert_eq!((old.as_str(), new.len()), ("a", 160 + "… (and 340 more)".len()));
    }
}
