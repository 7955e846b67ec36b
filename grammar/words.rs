//! What stands at a place of the text: words and signs, and how to name them.
//!
//! Used where something could not be read, to say what was found instead.
//! Unaware of what may stand there.

use std::ops::Range;

/// Whether a byte may stand in a word, behind its first one.
const IN_WORD: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        byte += 1;
    }
    table
};

/// Returns the length of the word a text begins with; 0 for none.
pub(crate) fn word_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    if !bytes.first().is_some_and(|&byte| byte.is_ascii_alphabetic() || byte == b'_') {
        return 0;
    }
    bytes.iter().position(|&byte| !IN_WORD[usize::from(byte)]).unwrap_or(bytes.len())
}

/// Returns the length of the words joined by `.` or `/` that a text begins with.
pub(crate) fn path_length(text: &str) -> usize {
    let mut length = word_length(text);
    while length > 0 && text[length..].starts_with(['.', '/']) {
        match word_length(&text[length + 1..]) {
            0 => break,
            more => length += 1 + more,
        }
    }
    length
}

/// Returns the length of the number that a text begins with.
pub(crate) fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    let start = usize::from(text.starts_with('-'));
    let first = digits(start);
    if first == 0 {
        return 0;
    }
    let mut end = start + first;
    while matches!(bytes.get(end), Some(b'.' | b'_')) && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    end
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
        '$' => (
            "only in texts is something filled in",
            "write the name alone, as in `site`; `${site}` stands in a text",
        ),
        '-' | '+' => (
            "numbers have no sign, and nothing is computed here",
            "write the number itself, without a sign",
        ),
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
    fn paths_and_numbers_end_where_they_cannot_go_on() {
        assert_eq!((path_length("a.b/c-d."), path_length(".a"), path_length("a..b")), (7, 0, 1));
        assert_eq!((number_length("1_000.5x"), number_length("1."), number_length("-")), (7, 1, 0));
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
