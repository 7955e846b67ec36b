//! What can be told from the bytes alone: where strings, lines and entries end,
//! what begins an item, and which signs nobody sees.
//!
//! Unaware of what is open at a place.

use std::ops::Range;

use super::ITEM_WORDS;
use crate::text::open_hole;
use crate::words::word_length;

/// The words that begin an item whose block holds items.
const CONTAINERS: &[&str] = &["constitution", "group", "template"];

/// Cuts the inside of brackets into entries: at line ends and commas outside of
/// inner brackets and strings. Brackets and strings must be whole.
pub(crate) fn split_entries(text: &str, inside: Range<usize>) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut list = Vec::new();
    let (mut at, mut depth) = (inside.start, 0_usize);
    let mut entry: Option<Range<usize>> = None;
    while at < inside.end {
        let begin = at;
        match bytes[at] {
            b'#' => {
                at = line_end(bytes, at);
                continue;
            }
            b'"' => at = meant_end(text, at).unwrap_or(inside.end),
            byte => {
                at += 1;
                match byte {
                    b'{' | b'[' | b'(' => depth += 1,
                    b'}' | b']' | b')' => depth = depth.saturating_sub(1),
                    b',' if depth == 0 => {
                        list.extend(entry.take());
                        continue;
                    }
                    // An entry that ends with a sign goes on with the next line.
                    b'\n' if depth == 0 => {
                        let ends = |range: &Range<usize>| !awaits_value(text, range);
                        list.extend(entry.take_if(|range| ends(range)));
                        continue;
                    }
                    b' ' | b'\t' | b'\n' => continue,
                    _ => {}
                }
            }
        }
        entry.get_or_insert(begin..at).end = at;
    }
    list.extend(entry);
    list
}

/// Returns the offset of the bracket that closes the one at `at`; `None` if none does.
pub(crate) fn bracket_end(text: &str, mut at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'#' => at = line_end(bytes, at),
            b'"' => at = string_end(text, at)?,
            byte => {
                match byte {
                    b'{' | b'[' | b'(' => depth += 1,
                    b'}' | b']' | b')' if depth <= 1 => return Some(at),
                    b'}' | b']' | b')' => depth -= 1,
                    _ => {}
                }
                at += 1;
            }
        }
    }
}

/// Tells whether a stretch ends with a sign that a value must follow.
pub(super) fn awaits_value(text: &str, range: &Range<usize>) -> bool {
    matches!(text.as_bytes()[range.clone()].last(), Some(b'=' | b'<' | b'>'))
}

/// Returns the offset of the line end at or after `at`.
pub(crate) fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |length| at + length)
}

/// Returns the offset behind a string that begins at `at`; `None` if it has no end.
pub(crate) fn string_end(text: &str, at: usize) -> Option<usize> {
    if text[at..].starts_with("\"\"\"") {
        // Looking for one byte is faster than looking for three.
        let mut next = at + 3;
        loop {
            next += text[next..].find('"')?;
            if text[next..].starts_with("\"\"\"") {
                return Some(next + 3);
            }
            next += 1;
        }
    }
    let bytes = text.as_bytes();
    let mut next = at + 1;
    loop {
        next += bytes[next..].iter().position(|byte| matches!(byte, b'"' | b'\n' | b'\\'))?;
        match bytes[next] {
            b'"' => return Some(next + 1),
            b'\\' if bytes.get(next + 1).is_some_and(|&byte| byte != b'\n') => next += 2,
            b'\\' => next += 1,
            _ => return None,
        }
    }
}

/// How many bytes a hole with quotes in it is looked at: enough for a path, and
/// few enough to do so again and again.
const MAX_HOLE: usize = 256;

/// Returns the offset at which a string was meant to end: behind the quotes that
/// stand in the holes of a one-line text, which is a mistake but a common one.
pub(super) fn meant_end(text: &str, at: usize) -> Option<usize> {
    let mut end = string_end(text, at)?;
    while text.as_bytes()[at..end].contains(&b'$')
        && let Some(hole) = open_hole(&text[at..end])
    {
        let near = &text[..text.floor_char_boundary(end + MAX_HOLE)];
        let near = &near[..line_end(near.as_bytes(), end)];
        let Some(close) = bracket_end(near, at + hole + 1) else { break };
        // The rest of the text, as if it began with the `}`.
        let rest = string_end(near, close).filter(|&rest| rest > end);
        let Some(rest) = rest else { break };
        end = rest;
    }
    Some(end)
}

/// Returns the length of the blanks that a text begins with.
pub(crate) fn blank_length(text: &str) -> usize {
    text.bytes().take_while(|&byte| byte == b' ' || byte == b'\t').count()
}

/// Tells whether a text begins with the head of an item.
pub(crate) fn begins_item(text: &str) -> bool {
    let word = &text[..word_length(text)];
    let rest = &text[word.len()..];
    ITEM_WORDS.contains(&word)
        && rest.starts_with(' ')
        && rest[blank_length(rest)..]
            .starts_with(|sign: char| sign.is_ascii_alphanumeric() || sign == '_' || sign == '"')
}

/// Tells whether a text that ends before a `{` is the head of an item that holds
/// items. Such a word may be a key, too.
pub(super) fn holds_items(head: &str) -> bool {
    let word = &head[..word_length(head)];
    CONTAINERS.contains(&word)
        && !head[word.len()..].trim_start().starts_with(['=', '+', '<', '>', '!'])
}

/// Tells whether a text consists of visible ASCII characters, blanks and line ends.
pub(super) fn is_harmless(bytes: &[u8]) -> bool {
    let harmless = |byte: u8| byte.wrapping_sub(0x20) < 0x5f || byte == b'\n' || byte == b'\t';
    // Without an early end this is a few instructions for many bytes at once.
    bytes.iter().fold(true, |all, &byte| all & harmless(byte))
}

/// Returns the first character of a string that may not stand in it: one that is
/// no text, but for line ends and tabs.
pub(super) fn control_at(bytes: &[u8]) -> Option<usize> {
    let control = |byte: u8| (byte < 0x20 && byte != b'\n' && byte != b'\t') || byte == 0x7f;
    bytes.iter().position(|&byte| control(byte))
}

/// Returns the first sign that cannot be seen, or that reorders what is seen.
pub(super) fn first_invisible(text: &str, range: Range<usize>) -> Option<(usize, char)> {
    if text.as_bytes()[range.clone()].is_ascii() {
        return None;
    }
    let start = range.start;
    text[range]
        .char_indices()
        .find(|&(_, sign)| is_invisible(sign))
        .map(|(at, sign)| (start + at, sign))
}

/// Tells whether a character is without a width or changes the writing direction.
#[must_use]
pub fn is_invisible(sign: char) -> bool {
    matches!(sign,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_cut_like_items() {
        let text = "a = [1,\n2], b = # why\n 3 # ,\n\n# x\nc { d, e }\nf <=\n\n#\n2";
        let parts: Vec<_> =
            split_entries(text, 0..text.len()).into_iter().map(|range| &text[range]).collect();
        assert_eq!(parts, ["a = [1,\n2]", "b = # why\n 3", "c { d, e }", "f <=\n\n#\n2"]);
    }

    #[test]
    fn quotes_in_a_hole_belong_to_it() {
        for text in ["\"a ${f(\"}, \")} b\"", "\"${f(\"a\")} ${g(\"[\")}\""] {
            assert_eq!(meant_end(&format!("{text}, x"), 0), Some(text.len()), "{text}");
        }
        assert_eq!(meant_end("\"${a} ${\" x \"}\"", 0), Some(15));
        for text in ["\"${\"\n}\"", "\"${]\"}\"", "\"${f(\"\""] {
            assert_eq!(meant_end(text, 0), string_end(text, 0), "{text}");
        }
    }

    #[test]
    fn a_head_is_a_word_of_the_language_and_a_name() {
        for text in ["task a {", "use  std.x", "prices \"x\" {", "exchange 1 USD"] {
            assert!(begins_item(text), "{text}");
        }
        for text in ["task", "task\n a", "task = 1", "tasks a", "task  {", "", "Task a", "gate. "] {
            assert!(!begins_item(text), "{text}");
        }
    }

    #[test]
    fn a_word_that_holds_items_may_be_a_key() {
        assert!(
            holds_items("group g ")
                && holds_items("constitution \"x\" for")
                && holds_items("group")
        );
        assert!(!holds_items("group = ") && !holds_items("groups x") && !holds_items("task t"));
    }

    #[test]
    fn control_characters_are_found() {
        for (text, harmless) in [("a\tb\n~ ", true), ("\x7f", false), ("\r", false), ("é", false)]
        {
            assert_eq!(is_harmless(text.as_bytes()), harmless);
        }
        assert_eq!(control_at("a\tb\nc é".as_bytes()), None);
        assert_eq!(
            (control_at(b"ab\x7f"), control_at(b"\0"), control_at(b"a\r")),
            (Some(2), Some(0), Some(1))
        );
    }
}
