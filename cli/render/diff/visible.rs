//! Texts of a plan such that a difference between two is seen: what has no shape of
//! its own is written as its number, and what is cut off is counted.
//!
//! Whoever wants a change to be overlooked hides it behind a long text or in signs
//! that nobody sees. Unaware of where a text is shown.

use eufm_plan::lockfile::is_hidden;

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

/// Writes as its number what a reader could not see: hidden signs, line ends, and a
/// blank at an end.
fn plain(text: &str) -> String {
    let inner = text.trim_start_matches(' ');
    let mut shown = NUMBER_OF_BLANK.repeat(text.len() - inner.len());
    shown.push_str(&plain_behind_blanks(inner));
    shown
}

/// The same, with the blanks before a line as they are.
fn plain_behind_blanks(text: &str) -> String {
    let inner = text.trim_end_matches(' ');
    let mut shown = String::with_capacity(text.len());
    for sign in inner.chars() {
        if is_hidden(sign) {
            shown.push_str(&format!("<U+{:04X}>", u32::from(sign)));
        } else {
            shown.push(sign);
        }
    }
    shown.push_str(&NUMBER_OF_BLANK.repeat(text.len() - inner.len()));
    shown
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
