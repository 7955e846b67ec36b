//! How a recording spells texts: patches and commands as they are, in lines;
//! what a reader could not see, as an escape.
//!
//! Every text survives exactly. Unaware of what the texts mean.

use std::fmt::Write as _;

use crate::printable::is_hidden;

/// The first and the last line of an exchange. A torn end is found by them, so
/// no text shows such a line as it is.
pub(super) const EXCHANGE: &str = "[[exchange]]";
pub(super) const WHOLE: &str = "whole = true\n";

/// Appends `key = text` and a line end.
pub(super) fn push_pair(out: &mut String, key: &str, text: &str) {
    out.push_str(key);
    out.push_str(" = ");
    push_text(out, text);
    out.push('\n');
}

/// Appends a text as a TOML string.
pub(super) fn push_text(out: &mut String, text: &str) {
    let has_lines = text.contains('\n');
    let quote = if has_lines { "'''" } else { "'" };
    let needs_quote = has_lines || text.contains(['"', '\\']);
    if needs_quote && is_literal(text, quote) {
        out.push_str(quote);
        out.push_str(if has_lines { "\n" } else { "" });
        out.push_str(text);
        out.push_str(quote);
        return;
    }
    let quote = if has_lines { "\"\"\"" } else { "\"" };
    out.push_str(quote);
    out.push_str(if has_lines { "\n" } else { "" });
    push_escaped(out, text);
    out.push_str(quote);
}

/// Tells whether a text can stand between the quotes as it is.
fn is_literal(text: &str, quote: &str) -> bool {
    let is_seen = |c: char| c == '\n' || c == '\t' || !is_hidden(c);
    !text.contains(quote)
        && !text.ends_with('\'')
        && text.chars().all(is_seen)
        && !text.lines().any(is_border)
}

fn is_border(line: &str) -> bool {
    line.starts_with(EXCHANGE) || line.starts_with(WHOLE.trim_end())
}

fn push_escaped(out: &mut String, text: &str) {
    for line in text.split_inclusive('\n') {
        let mut chars = line.chars();
        if is_border(line)
            && let Some(first) = chars.next()
        {
            push_escape(out, first);
        }
        for c in chars {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\t' | '\n' => out.push(c),
                _ if is_hidden(c) => push_escape(out, c),
                _ => out.push(c),
            }
        }
    }
}

fn push_escape(out: &mut String, c: char) {
    write!(out, "\\U{:08X}", u32::from(c)).expect("invariant: writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spelled(text: &str) -> String {
        let mut out = String::new();
        push_pair(&mut out, "x", text);
        out
    }

    #[test]
    fn texts_are_spelled_for_people() {
        let cases = [
            ("plain", "x = \"plain\"\n"),
            ("a\\n \"b\"", "x = 'a\\n \"b\"'\n"),
            ("it's \"b\"", "x = \"it's \\\"b\\\"\"\n"),
            ("one\ntwo\\n\n", "x = '''\none\ntwo\\n\n'''\n"),
            ("a\n'''\n", "x = \"\"\"\na\n'''\n\"\"\"\n"),
            ("a\n'", "x = \"\"\"\na\n'\"\"\"\n"),
            ("\u{1b}[31m", "x = \"\\U0000001B[31m\"\n"),
            ("a\n[[exchange]]\n", "x = \"\"\"\na\n\\U0000005B[exchange]]\n\"\"\"\n"),
            ("whole = true\n[x]\nb\n", "x = \"\"\"\n\\U00000077hole = true\n[x]\nb\n\"\"\"\n"),
            ("\r\n", "x = \"\"\"\n\\U0000000D\n\"\"\"\n"),
            ("\n", "x = '''\n\n'''\n"),
            ("", "x = \"\"\n"),
        ];
        for (text, expected) in cases {
            assert_eq!(spelled(text), expected);
        }
    }

    proptest! {
        #[test]
        fn every_text_survives(text in any::<String>(), nasty in "([\\[\\]'\"\\\\\n\r\tx\u{202e}\u{1b}\u{7f}]|whole = true\n|\n\\[\\[exchange\\]\\]\n){0,24}") {
            for text in [text, nasty] {
                let file = spelled(&text);
                let table: toml::Table = toml::from_str(&file).expect("TOML");
                prop_assert_eq!(table["x"].as_str(), Some(text.as_str()));
                prop_assert!(!file.lines().any(is_border));
            }
        }
    }
}
