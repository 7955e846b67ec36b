//! What stands at a place of the text: words and signs, and how to name them.
//!
//! Used where something could not be read, to say what was found instead.
//! Unaware of what may stand there.

use std::ops::Range;

/// Returns the length of the word a text begins with; 0 for none.
pub(crate) fn word_length(text: &str) -> usize {
    if !text.starts_with(|sign: char| sign.is_ascii_alphabetic() || sign == '_') {
        return 0;
    }
    text.bytes()
        .position(|byte| !byte.is_ascii_alphanumeric() && byte != b'_' && byte != b'-')
        .unwrap_or(text.len())
}

/// Returns the last word or sign before an offset.
pub(crate) fn word_before(text: &str, at: usize) -> Range<usize> {
    let end = text[..at].trim_end().len();
    let word = text[..end]
        .trim_end_matches(|sign: char| sign.is_ascii_alphanumeric() || sign == '_' || sign == '-')
        .len();
    let sign = text[..end].chars().next_back().map_or(0, char::len_utf8);
    if word < end { word..end } else { end - sign..end }
}

/// Names what a text begins with.
pub(crate) fn found(text: &str) -> String {
    match (word_length(text), text.chars().next()) {
        (0, None | Some('\n' | '#')) => "the end of the line".to_owned(),
        (0, Some('`')) => "a backquote".to_owned(),
        (0, Some(sign)) if sign.is_control() => format!("`{}`", sign.escape_debug()),
        (0, Some(sign)) => format!("`{sign}`"),
        (length, _) => format!("`{}`", &text[..length.min(64)]),
    }
}

/// Explains a sign that comes from another language: what it is, and what is written here.
pub(crate) fn explain_sign(rest: &str) -> Option<(&'static str, &'static str)> {
    let sign = rest.chars().next()?;
    Some(match sign {
        ':' => ("a colon sets nothing here", "write `key = value`"),
        '\'' | '`' | '“' | '”' | '„' | '‘' | '’' | '«' | '»' => {
            ("these are no quotes here", "text stands between `\"` and `\"`")
        }
        ';' => ("a semicolon ends nothing here", "begin a new line, or write a comma"),
        '/' if rest.starts_with("//") || rest.starts_with("/*") => {
            ("this begins no comment", "a comment begins with `#` and ends with its line")
        }
        '=' if rest.starts_with("=>") => ("no such sign", "write `=` to set, `>=` for at least"),
        '$' => ("nothing is filled in here", "write the value itself"),
        '-' | '+' => ("numbers have no sign", "write a number without a sign"),
        _ if sign.is_alphabetic() && !sign.is_ascii() => (
            "not an ASCII letter",
            "names and keys are ASCII letters, digits, `_` and `-`; other letters may stand in text",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_named_by_what_stands_there() {
        assert_eq!(found("needs = 1"), "`needs`");
        assert_eq!(found("'x'"), "`'`");
        assert_eq!(found("\u{7}"), "`\\u{7}`");
        assert_eq!((found(""), found("# x")), (found("\n"), "the end of the line".to_owned()));
    }

    #[test]
    fn the_word_before_a_place_is_underlined() {
        let before = |text: &'static str| &text[word_before(text, text.len())];
        assert_eq!(before("a = b-c  \n"), "b-c");
        assert_eq!(before("a =\n"), "=");
        assert_eq!(before("ö"), "ö");
        assert_eq!(before(""), "");
    }

    #[test]
    fn signs_of_other_languages_are_explained() {
        for text in [":", "'", "“", ";", "// x", "/* x", "=> 1", "${x}", "-1", "ö"] {
            assert!(explain_sign(text).is_some(), "{text}");
        }
        for text in ["", "x", "= 1", "/x", "1", "☃"] {
            assert!(explain_sign(text).is_none(), "{text}");
        }
    }
}
