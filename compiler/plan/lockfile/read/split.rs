//! Cuts the text of plan.lock at the heads of its tables, so that it can be
//! read a part at a time.
//!
//! A head is seen only where TOML would see one: strings, comments and brackets
//! are passed over as its lexer does. Up to the first mistake of the text, that
//! is; behind it the cuts decide nothing, since the text is refused. Unaware of
//! which tables there are.

/// A part of the text: whole lines, from the head of a table to before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'t> {
    /// Where it begins in the text.
    pub(super) start: usize,
    pub(super) text: &'t str,
}

/// Cuts a text before each head that stands at least `bytes` behind the cut
/// before. Together the parts are the text.
pub(super) fn parts(text: &str, bytes: usize) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let length = part_length(&text[start..], bytes);
        parts.push(Part { start, text: &text[start..start + length] });
        start += length;
    }
    parts
}

fn part_length(text: &str, bytes: usize) -> usize {
    let (mut at, mut depth) = (0, 0_u32);
    while let Some(byte) = text.as_bytes().get(at) {
        at += match byte {
            b'#' => comment_length(&text[at..]),
            b'"' | b'\'' => string_length(&text[at..]),
            _ => 1,
        };
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'\n' if depth == 0 && at >= bytes && is_head(&text[at..]) => return at,
            _ => {}
        }
    }
    text.len()
}

/// Tells whether a text begins with the head of a table as plan.lock has them:
/// `[name]` or `[family.name]`. Others do not occur in a text that is accepted.
fn is_head(text: &str) -> bool {
    let Some(family) = text.strip_prefix('[') else { return false };
    let length = bare_length(family);
    let Some(name) = family[length..].strip_prefix('.') else {
        return length > 0 && family[length..].starts_with(']');
    };
    let inner = if name.starts_with('"') { string_length(name) } else { bare_length(name) };
    length > 0 && inner > 0 && name[inner..].starts_with(']')
}

fn bare_length(text: &str) -> usize {
    let is_bare = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    text.bytes().take_while(is_bare).count()
}

fn comment_length(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// Returns the length of the string that a text begins with. One that is not
/// closed ends with its line, or with the text if it may have several lines.
fn string_length(text: &str) -> usize {
    let (quote, escapes) = if text.starts_with('"') { ('"', true) } else { ('\'', false) };
    let threefold = if escapes { "\"\"\"" } else { "'''" };
    let Some(body) = text.strip_prefix(threefold) else {
        let length = closed(&text[1..], escapes, |rest| rest.starts_with([quote, '\n']));
        let quotes = usize::from(text[1 + length..].starts_with(quote));
        return 1 + length + quotes;
    };
    let length = closed(body, escapes, |rest| rest.starts_with(threefold));
    // Up to two quotes before the closing three are content.
    let quotes = body[length..].bytes().take(5).take_while(|&byte| byte == quote as u8).count();
    threefold.len() + length + quotes
}

/// Returns where the body of a string ends.
fn closed(body: &str, escapes: bool, is_end: impl Fn(&str) -> bool) -> usize {
    let bytes = body.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if escapes => {
                let escaped = matches!(bytes.get(at + 1), Some(b'\\' | b'"'));
                at += 1 + usize::from(escaped);
            }
            b'"' | b'\'' | b'\n' if is_end(&body[at..]) => return at,
            _ => at += 1,
        }
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(text: &str) -> Vec<&str> {
        let parts = parts(text, 0);
        assert_eq!(parts.iter().map(|part| part.text).collect::<String>(), text);
        parts.iter().map(|part| part.text.lines().next().unwrap_or_default()).collect()
    }

    #[test]
    fn each_table_is_a_part() {
        let text = "# [a]\nx = 1\n\n[a]  # []\n[b.c]\ny = 2\n[d.\"e]\\\"\"]\n";
        assert_eq!(heads(text), ["# [a]", "[a]  # []", "[b.c]", "[d.\"e]\\\"\"]"]);
        assert_eq!(parts("", 0), []);
    }

    #[test]
    fn what_only_looks_like_a_head_cuts_nothing() {
        for text in [
            "x = \"\"\"\n[a]\n\\\"\"\"\"\n",
            "x = \"\"\"\n[a]\\\"\"\"\n[b]\n\"\"\"\"\"\n",
            "x = '''\n[a]\n\\'''\n",
            "x = \"\\\\\\\"\" # \"\"\"\ny = '\\'\n",
            "x = [\n[\"a\"]\n]\n",
            "x = [ # ]\n[a]\n",
            "[[a]]\n[[b]]\n",
            "[a.b.c]\n[ a ]\n['a']\n[a.'b']\n[]\n[a.]\n[a.\"b]\n",
        ] {
            assert_eq!(parts(text, 0).len(), 1, "{text}");
        }
    }

    #[test]
    fn a_string_that_is_not_closed_ends_where_toml_ends_it() {
        assert_eq!(heads("x = \"a\n[b]\n"), ["x = \"a", "[b]"]);
        assert_eq!(heads("x = 'a\n[b]\n"), ["x = 'a", "[b]"]);
        assert_eq!(heads("x = \"\"\"a\n[b]\n"), ["x = \"\"\"a"]);
    }

    #[test]
    fn a_part_has_the_bytes_that_are_asked_for() {
        let text = "a = 1\n[b]\n[c]\n[d]\n";
        let lengths =
            |bytes| parts(text, bytes).iter().map(|part| part.text.len()).collect::<Vec<_>>();
        assert_eq!(lengths(0), [6, 4, 4, 4]);
        assert_eq!(lengths(7), [10, 8]);
        assert_eq!(lengths(usize::MAX), [18]);
    }
}
