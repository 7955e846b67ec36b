//! How plan.lock spells keys, strings and lists: one canonical TOML form for
//! each value, made to be read by people.
//!
//! Every text survives exactly. What a reader could not see or could mistake
//! (control, zero-width and bidirectional characters, spaces at the end of a
//! line) is written as an escape. Unaware of what the values mean.

use std::fmt::Write as _;

/// The longest line that a list may stand on, in characters.
pub(super) const LINE_MAX: usize = 100;

/// Appends a key: bare where TOML allows it, quoted otherwise.
pub(super) fn push_key(out: &mut String, key: &str) {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !key.is_empty() && key.bytes().all(is_bare) {
        out.push_str(key);
    } else {
        push_string(out, key);
    }
}

/// Appends a string on one line.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    if is_plain(text) {
        out.push_str(text);
        out.push('"');
        return;
    }
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            _ if is_hidden(c) => push_escape(out, c),
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Appends a text: line by line if it has several lines, else as a string.
pub(super) fn push_text(out: &mut String, text: &str) {
    if !text.contains('\n') {
        return push_string(out, text);
    }
    // The reader drops the line end right behind the opening quotes.
    out.push_str("\"\"\"\n");
    for line in text.split_inclusive('\n') {
        let content = line.strip_suffix('\n').unwrap_or(line);
        if is_plain(content) && !content.ends_with(' ') {
            out.push_str(line);
        } else {
            push_line(out, line);
        }
    }
    out.push_str("\"\"\"");
}

/// Appends a line of a text, with its line end if it has one, sign by sign.
fn push_line(out: &mut String, line: &str) {
    let mut quotes = 0;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek();
        // A third quote in a row would end the text, and so would the last one with ours.
        let ends_text = c == '"' && (quotes == 2 || next.is_none());
        let ends_line = matches!(next, None | Some('\n'));
        quotes = if c == '"' && !ends_text { quotes + 1 } else { 0 };
        match c {
            '"' if ends_text => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            ' ' | '\t' if ends_line => push_escape(out, c),
            '\n' | '\t' => out.push(c),
            _ if is_hidden(c) => push_escape(out, c),
            _ => out.push(c),
        }
    }
}

/// Tells whether a text is spelled as it is: nearly all are, so it is worth a
/// look before they are written sign by sign.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}

/// Appends `key = [ … ]` and a line end: on one line while it is short, else
/// one element a line, so that a change of one element is a diff of one line.
pub(super) fn push_list<'a, I>(out: &mut String, key: &str, items: I)
where
    I: Iterator<Item = &'a str> + Clone,
{
    push_items(out, key, items, push_string);
}

/// Appends a list of numbers, in the form of [`push_list`].
pub(super) fn push_numbers(out: &mut String, key: &str, numbers: &[u8]) {
    push_items(out, key, numbers.iter(), |out, number| {
        write!(out, "{number}").expect("invariant: writing to a string cannot fail");
    });
}

fn push_items<I: Iterator + Clone>(
    out: &mut String,
    key: &str,
    items: I,
    push: impl Fn(&mut String, I::Item),
) {
    let line = out.len();
    push_key(out, key);
    out.push_str(" = [");
    let start = out.len();
    for (position, item) in items.clone().enumerate() {
        out.push_str(if position == 0 { "" } else { ", " });
        push(out, item);
    }
    if out[line..].chars().count() + "]".len() > LINE_MAX {
        out.truncate(start);
        for item in items {
            out.push_str("\n    ");
            push(out, item);
            out.push(',');
        }
        out.push('\n');
    }
    out.push_str("]\n");
}

fn push_escape(out: &mut String, c: char) {
    match c {
        '\u{8}' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        _ => {
            let code = u32::from(c);
            let width = if code > 0xFFFF { 8 } else { 4 };
            out.push_str(if width == 8 { "\\U" } else { "\\u" });
            write!(out, "{code:0width$X}").expect("invariant: writing to a string cannot fail");
        }
    }
}

/// Tells whether a character has no shape of its own or changes the order of
/// others: a reviewer must see that it is there.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{Strategy, any, prop, proptest};

    fn string(text: &str) -> String {
        let mut out = String::new();
        push_string(&mut out, text);
        out
    }

    fn text(text: &str) -> String {
        let mut out = String::new();
        push_text(&mut out, text);
        out
    }

    fn list(items: &[&str]) -> String {
        let mut out = String::new();
        push_list(&mut out, "key", items.iter().copied());
        out
    }

    fn parsed(document: &str) -> toml::Table {
        document.parse().unwrap_or_else(|error| panic!("{error}\n{document}"))
    }

    #[test]
    fn several_lines_stay_readable() {
        assert_eq!(text("Write \"x\".\n\tC:\\dir\n"), "\"\"\"\nWrite \"x\".\n\tC:\\\\dir\n\"\"\"");
        assert_eq!(text("a\nb"), "\"\"\"\na\nb\"\"\"");
        assert_eq!(text("one line"), "\"one line\"");
    }

    #[test]
    fn quotes_cannot_end_a_text() {
        assert_eq!(text("\n\"\"\"\""), "\"\"\"\n\n\"\"\\\"\\\"\"\"\"");
        assert_eq!(text("a\n\""), "\"\"\"\na\n\\\"\"\"\"");
    }

    #[test]
    fn what_a_reader_cannot_see_is_an_escape() {
        assert_eq!(text("a \n\t\nb"), "\"\"\"\na\\u0020\n\\t\nb\"\"\"");
        assert_eq!(
            string("a\u{202E}b\u{E0041}\r\0\u{7F}"),
            "\"a\\u202Eb\\U000E0041\\r\\u0000\\u007F\""
        );
        assert_eq!(string("naïve 模型 é"), "\"naïve 模型 é\"");
    }

    #[test]
    fn keys_are_bare_where_toml_allows_it() {
        for (key, spelled) in [
            ("greet", "greet"),
            ("a-1_B", "a-1_B"),
            ("", "\"\""),
            ("hello.eufm", "\"hello.eufm\""),
            ("story[\"x\"]", "\"story[\\\"x\\\"]\""),
            ("é", "\"é\""),
        ] {
            let mut out = String::new();
            push_key(&mut out, key);
            assert_eq!(out, spelled);
        }
    }

    #[test]
    fn a_list_breaks_behind_one_hundred_columns() {
        let fits = "x".repeat(100 - "key = [\"\"]".len());
        assert_eq!(list(&[&fits]), format!("key = [\"{fits}\"]\n"));
        let wide = format!("{fits}x");
        assert_eq!(list(&[&wide, "b"]), format!("key = [\n    \"{wide}\",\n    \"b\",\n]\n"));
        assert_eq!(list(&[]), "key = []\n");
    }

    /// Texts of the characters that matter most, and of any others.
    fn any_text() -> impl Strategy<Value = String> {
        let special = prop::sample::select(vec![
            '"',
            '\\',
            '\n',
            '\r',
            '\t',
            ' ',
            '#',
            '\'',
            '\0',
            'a',
            '\u{202E}',
            '\u{1F600}',
        ]);
        let c = proptest::prop_oneof![4 => special, 1 => any::<char>()];
        prop::collection::vec(c, 0..40).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn every_text_survives(original in any_text()) {
            for spelled in [string(&original), text(&original)] {
                let table = parsed(&format!("key = {spelled}\n"));
                assert_eq!(table["key"].as_str(), Some(original.as_str()));
                assert!(!spelled.contains('\r'));
            }
        }

        #[test]
        fn every_key_and_list_survives(key in any_text(), items in prop::collection::vec(any_text(), 0..6)) {
            let mut out = String::new();
            push_list(&mut out, &key, items.iter().map(String::as_str));
            let table = parsed(&out);
            let read: Vec<_> = table[&key].as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect();
            assert_eq!(read, items);
        }
    }
}
