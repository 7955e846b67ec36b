//! Texts: from what stands between the quotes to what is meant.
//!
//! One-line texts have escapes, long texts lose their indentation; in both,
//! `$${` is a literal `${` and a bare `${` is refused. Unaware of where in an
//! item a text stands.

use std::borrow::Cow;
use std::ops::Range;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, Span};

/// Decodes the text whose quotes stand at `range`; `None` if that is impossible,
/// which is reported.
pub(crate) fn decode<'t>(
    file: FileId,
    source: &'t str,
    range: Range<usize>,
    out: &mut Diagnostics,
) -> Option<Cow<'t, str>> {
    let literal = &source[range.clone()];
    let decoder = Decoder { file, out, failed: false };
    match literal.strip_prefix("\"\"\"").and_then(|rest| rest.strip_suffix("\"\"\"")) {
        Some(inner) => decoder.long(inner, range.start + 3),
        None => decoder.short(literal.get(1..literal.len() - 1)?, range.start + 1),
    }
}

struct Decoder<'a> {
    file: FileId,
    out: &'a mut Diagnostics,
    failed: bool,
}

impl Decoder<'_> {
    /// Resolves the escapes of a one-line text.
    fn short<'t>(mut self, inner: &'t str, start: usize) -> Option<Cow<'t, str>> {
        if !inner.contains(['\\', '$']) {
            return Some(Cow::Borrowed(inner));
        }
        let mut text = String::with_capacity(inner.len());
        let mut at = 0;
        while let Some(length) = inner[at..].find(['\\', '$']) {
            text.push_str(&inner[at..at + length]);
            at += length;
            let rest = &inner[at..];
            at += if rest.starts_with('\\') {
                self.escape(rest, start + at, &mut text)
            } else {
                self.dollar(rest, start + at, &mut text)
            };
        }
        text.push_str(&inner[at..]);
        (!self.failed).then_some(Cow::Owned(text))
    }

    /// Takes one escape off `rest` and returns its length in bytes.
    fn escape(&mut self, rest: &str, at: usize, text: &mut String) -> usize {
        let sign = rest[1..].chars().next().unwrap_or('\\');
        let plain = match sign {
            '"' | '\\' => sign,
            'n' => '\n',
            't' => '\t',
            'u' => return self.unicode(rest, at, text),
            _ => {
                let length = 1 + sign.len_utf8();
                self.fail(
                    Diagnostic::error("E0107", format!("`\\{sign}` is no escape"))
                        .at(self.span(at..at + length), "unknown")
                        .help("escapes are `\\\"`, `\\\\`, `\\n`, `\\t` and `\\u{1f600}`; a backslash itself is `\\\\`"),
                );
                return length;
            }
        };
        text.push(plain);
        2
    }

    /// Takes `\u{…}` off `rest`.
    fn unicode(&mut self, rest: &str, at: usize, text: &mut String) -> usize {
        let digits = rest[2..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let code = digits
            .filter(|(hex, _)| (1..=6).contains(&hex.len()) && !hex.starts_with('+'))
            .and_then(|(hex, _)| u32::from_str_radix(hex, 16).ok())
            .and_then(char::from_u32)
            .filter(|&sign| sign != '\0');
        let length = digits.map_or(2, |(hex, _)| hex.len() + 4);
        match code {
            Some(sign) => text.push(sign),
            None => self.fail(
                Diagnostic::error("E0107", "this escape names no character")
                    .at(self.span(at..at + length), "not a character")
                    .help("write 1 to 6 hexadecimal digits of a character other than U+0000: `\\u{e9}`"),
            ),
        }
        length
    }

    /// Takes `$${`, `${` or `$` off `rest`.
    fn dollar(&mut self, rest: &str, at: usize, text: &mut String) -> usize {
        if rest.starts_with("$${") {
            text.push_str("${");
            return 3;
        }
        if rest.starts_with("${") {
            let length = rest.find('}').map_or(2, |end| end + 1);
            let length = rest.find('\n').map_or(length, |end| length.min(end));
            self.fail(
                Diagnostic::error("E0402", "`${…}` in a text is not supported by this version yet")
                    .at(self.span(at..at + length), "would not be filled in")
                    .help("write the value itself, or `$${` for a literal `${`"),
            );
            return length;
        }
        text.push('$');
        1
    }

    /// Takes the indentation off a long text.
    ///
    /// 1. A blank rest of the line of the opening quotes goes, with its line end.
    /// 2. If only blanks stand before the closing quotes, they are the
    ///    indentation: each line loses them at its start, and the last line ends
    ///    as empty, so that the text ends with the line end before it.
    /// 3. A line of blanks that is shorter becomes empty; another line that does
    ///    not begin with the indentation is an error.
    ///
    /// Nothing else changes: a backslash is a backslash, trailing blanks stay.
    fn long<'t>(mut self, inner: &'t str, start: usize) -> Option<Cow<'t, str>> {
        let (first, body) = match inner.split_once('\n') {
            Some((first, body)) if is_blank(first) => (first.len() + 1, body),
            _ => (0, inner),
        };
        let last = body.rfind('\n').map_or(0, |at| at + 1);
        let indentation = &body[last..];
        let begins_on_its_line = first > 0;
        let plain =
            if is_blank(indentation) && !indentation.is_empty() && (begins_on_its_line || last > 0)
            {
                self.dedent(body, indentation, start + first, begins_on_its_line)
            } else {
                Cow::Borrowed(body)
            };
        // Without `${` the text is done; with it, places must be those of the source.
        if body.contains("${") {
            return self.dollars(body, start + first, &plain).map(Cow::Owned);
        }
        (!self.failed).then_some(plain)
    }

    fn dedent<'t>(
        &mut self,
        body: &'t str,
        indentation: &str,
        start: usize,
        first_too: bool,
    ) -> Cow<'t, str> {
        let mut text = String::with_capacity(body.len());
        let mut at = start;
        for (number, line) in body.split_inclusive('\n').enumerate() {
            let content = line.strip_suffix('\n').unwrap_or(line);
            match line.strip_prefix(indentation) {
                _ if number == 0 && !first_too => text.push_str(line),
                Some(rest) => text.push_str(rest),
                None if is_blank(content) => text.push_str(&line[content.len()..]),
                None => {
                    let blank = content.len() - content.trim_start_matches([' ', '\t']).len();
                    let place = Span::new(self.file, at..at + blank.max(1));
                    self.indentation(place, &content[..blank], indentation);
                    return Cow::Borrowed(body);
                }
            }
            at += line.len();
        }
        Cow::Owned(text)
    }

    fn indentation(&mut self, place: Span, found: &str, wanted: &str) {
        let tabs = |text: &str| text.contains('\t');
        let text = if found.len() >= wanted.len() || tabs(found) != tabs(wanted) {
            "indented with other blanks"
        } else {
            "indented less"
        };
        self.fail(
            Diagnostic::error(
                "E0109",
                "a line of this text lacks the indentation of its closing `\"\"\"`",
            )
            .at(place, text)
            .help("indent the line like the closing quotes, or move these to the left"),
        );
    }

    fn dollars(mut self, body: &str, start: usize, plain: &str) -> Option<String> {
        for (at, _) in body.match_indices("${") {
            if !body[..at].ends_with('$') {
                self.dollar(&body[at..], start + at, &mut String::new());
            }
        }
        (!self.failed).then(|| plain.replace("$${", "${"))
    }

    fn fail(&mut self, finding: Diagnostic) {
        self.failed = true;
        self.out.push(finding);
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range)
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte == b' ' || byte == b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;

    fn read(literal: &str) -> Result<String, Vec<(&'static str, usize)>> {
        let (mut map, mut out) = (SourceMap::new(), Diagnostics::new());
        let file = map.add("x", literal.as_bytes().to_vec(), &mut out).unwrap();
        decode(file, literal, 0..literal.len(), &mut out).map(Cow::into_owned).ok_or_else(|| {
            out.sorted().iter().map(|f| (f.code, f.span().unwrap().range().start)).collect()
        })
    }

    #[test]
    fn escapes_stand_for_their_characters() {
        assert_eq!(read(r#""a\"\\\n\t\u{e9}$x$${y}""#).unwrap(), "a\"\\\n\té$x${y}");
    }

    #[test]
    fn every_bad_escape_is_reported() {
        let found = read(r#""\x \u{} \u{0} \u{110000} \u12 \ö""#).unwrap_err();
        assert_eq!(found.iter().map(|(code, _)| *code).collect::<Vec<_>>(), ["E0107"; 6]);
        assert_eq!(found[1].1, 4);
    }

    #[test]
    fn interpolation_is_refused() {
        assert_eq!(read("\"a ${b} ${c}\"").unwrap_err(), [("E0402", 3), ("E0402", 8)]);
        assert_eq!(read("\"\"\"\n  ${a}\n  $${b}\n  \"\"\"").unwrap_err(), [("E0402", 6)]);
        assert_eq!(read("\"\"\"\n  $${b}\n  \"\"\"").unwrap(), "${b}\n");
    }

    #[test]
    fn the_indentation_of_the_last_line_goes() {
        assert_eq!(
            read("\"\"\"\n    a\n      b\n\n  \n    c \n    \"\"\"").unwrap(),
            "a\n  b\n\n\nc \n"
        );
        assert_eq!(read("\"\"\" \n\ta\n\t\"\"\"").unwrap(), "a\n");
    }

    #[test]
    fn text_that_closes_on_its_line_keeps_its_form() {
        assert_eq!(read("\"\"\"a \\n b\"\"\"").unwrap(), "a \\n b");
        assert_eq!(read("\"\"\"\n  a\n  b\"\"\"").unwrap(), "  a\n  b");
        assert_eq!(read("\"\"\"a\n  b\n  \"\"\"").unwrap(), "a\nb\n");
        assert_eq!(read("\"\"\" \"\"\"").unwrap(), " ");
        assert_eq!(read("\"\"\"\"\"\"").unwrap(), "");
        assert_eq!(read("\"\"\"\n\"\"\"").unwrap(), "");
        assert_eq!(read("\"\"\"\n  \"\"\"").unwrap(), "");
    }

    #[test]
    fn a_line_with_less_indentation_is_reported() {
        assert_eq!(read("\"\"\"\n    a\n  b\n    \"\"\"").unwrap_err(), [("E0109", 10)]);
        assert_eq!(read("\"\"\"\n\ta\n  \"\"\"").unwrap_err(), [("E0109", 4)]);
    }
}
