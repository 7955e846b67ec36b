//! Texts: from what stands between the quotes to what is meant.
//!
//! One-line texts have escapes, long texts lose their indentation; in both,
//! `${…}` is a hole, which the caller reads, and `$${` is a literal `${`.
//! Unaware of where in an item a text stands and of what a hole may hold.

use std::borrow::Cow;
use std::ops::Range;

use crate::ast::{Part, Value, ValueKind};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, Span};
use crate::split::{MAX_NESTING, line_end, string_end};

/// Reads what stands between `${` and `}`; `None` if that is impossible, which
/// is reported.
pub(crate) type ReadHole =
    for<'t> fn(FileId, &'t str, Range<usize>, &mut Diagnostics) -> Option<Value<'t>>;

/// Decodes the text whose quotes stand at `range`. What cannot be decoded is
/// reported and gives [`ValueKind::Damaged`].
pub(crate) fn decode<'t>(
    file: FileId,
    source: &'t str,
    range: Range<usize>,
    read_hole: ReadHole,
    out: &mut Diagnostics,
) -> ValueKind<'t> {
    let literal = &source[range.clone()];
    let quotes = if literal.starts_with("\"\"\"") { 3 } else { 1 };
    let start = range.start + quotes;
    let inner = start..(range.end - quotes).max(start);
    // The commonest texts are nothing but what they say.
    let means_more = |byte: &u8| matches!(byte, b'\\' | b'$');
    if quotes == 1 && !literal.as_bytes().iter().any(means_more) {
        return ValueKind::Text(Cow::Borrowed(&source[inner]));
    }
    let slice = start..start;
    let (parts, text) = (Vec::new(), None);
    let long = quotes == 3;
    let decoder =
        Decoder { file, source, read_hole, out, long, failed: false, holes: 0, parts, slice, text };
    if long { decoder.long(inner) } else { decoder.short(inner) }
}

/// Returns where the last hole of a text with its quotes begins, if a one-line
/// text ends inside of it.
pub(crate) fn open_hole(literal: &str) -> Option<usize> {
    let start = literal.rfind("${")?;
    let escaped = literal[..start].ends_with('$');
    let whole = literal.starts_with("\"\"\"") || literal[start..].contains('}');
    (!escaped && !whole).then_some(start)
}

/// Says that a one-line text ends inside of the hole at a place.
pub(crate) fn ends_in_hole(place: Span) -> Diagnostic {
    Diagnostic::error("E0402", "this text ends inside of its `${…}`")
        .at(place, "the next quote ends the text, so the hole has no `}`")
        .help(
            "bind what the hole should hold first: `let page = file(\"page.md\")`, then `${page}`",
        )
        .help("or write a long text: between `\"\"\"` and `\"\"\"` a hole may hold quotes")
}

/// How many holes one text may have.
const MAX_HOLES: usize = 10_000;

/// Why a hole has no end.
enum NoEnd {
    Missing,
    TooDeep,
}

struct Decoder<'t, 'o> {
    file: FileId,
    source: &'t str,
    read_hole: ReadHole,
    out: &'o mut Diagnostics,
    long: bool,
    failed: bool,
    holes: usize,
    /// What stands up to the last hole.
    parts: Vec<Part<'t>>,
    /// What stands behind it, as long as the source has it in one stretch.
    slice: Range<usize>,
    /// The same, put together.
    text: Option<String>,
}

impl<'t> Decoder<'t, '_> {
    /// Resolves the escapes of a one-line text.
    fn short(mut self, inner: Range<usize>) -> ValueKind<'t> {
        let mut at = inner.start;
        while let Some(length) = self.source[at..inner.end].find(['\\', '$']) {
            self.take(at..at + length);
            at += length;
            at = if self.source[at..].starts_with('\\') {
                self.escape(at, inner.end)
            } else {
                self.dollar(at, inner.end)
            };
        }
        self.take(at..inner.end);
        self.finish()
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
    /// Nothing else changes: a backslash is a backslash, trailing blanks stay,
    /// and so does all that a hole gives.
    fn long(mut self, inner: Range<usize>) -> ValueKind<'t> {
        let (start, below) = match self.source[inner.clone()].split_once('\n') {
            Some((first, _)) if is_blank(first) => (inner.start + first.len() + 1, true),
            _ => (inner.start, false),
        };
        let body = &self.source[start..inner.end];
        let plain = !body.contains('$');
        let last = body.rfind('\n').map_or(0, |at| at + 1);
        let indentation = &body[last..];
        if !is_blank(indentation) || indentation.is_empty() || (last == 0 && !below) {
            self.stretch(start..inner.end, plain);
            return self.finish();
        }
        if plain && body.find('\n').is_some_and(|first| first + 1 < last) {
            self.text = Some(String::with_capacity(body.len()));
        }
        let mut at = start;
        for (number, line) in body.split_inclusive('\n').enumerate() {
            let content = line.strip_suffix('\n').unwrap_or(line);
            let loses = match line.starts_with(indentation) {
                _ if number == 0 && !below => 0,
                true => indentation.len(),
                false if is_blank(content) => content.len(),
                false => {
                    self.indentation(at, content, indentation);
                    return ValueKind::Damaged;
                }
            };
            self.stretch(at + loses..at + line.len(), plain);
            at += line.len();
        }
        self.finish()
    }

    /// Takes a stretch of a long text, which has no holes if it is plain.
    fn stretch(&mut self, range: Range<usize>, plain: bool) {
        let mut at = range.start;
        while !plain && let Some(length) = self.source[at..range.end].find('$') {
            self.take(at..at + length);
            at = self.dollar(at + length, range.end);
        }
        self.take(at..range.end);
    }

    /// Adds what stands in the source.
    fn take(&mut self, range: Range<usize>) {
        match &mut self.text {
            Some(text) => text.push_str(&self.source[range]),
            None if self.slice.is_empty() => self.slice = range,
            None if self.slice.end == range.start => self.slice.end = range.end,
            None if range.is_empty() => {}
            None => {
                let part = &self.source[range];
                self.text().push_str(part);
            }
        }
    }

    /// Returns what stands behind the last hole, to add to it.
    fn text(&mut self) -> &mut String {
        self.text.get_or_insert_with(|| self.source[self.slice.clone()].to_owned())
    }

    /// Ends what stands behind the last hole.
    fn plain(&mut self) -> Cow<'t, str> {
        let slice = std::mem::replace(&mut self.slice, 0..0);
        self.text.take().map_or(Cow::Borrowed(&self.source[slice]), Cow::Owned)
    }

    fn end_part(&mut self) {
        let plain = self.plain();
        if !plain.is_empty() {
            self.parts.push(Part::Plain(plain));
        }
    }

    fn finish(mut self) -> ValueKind<'t> {
        if self.failed {
            return ValueKind::Damaged;
        }
        if self.parts.is_empty() {
            return ValueKind::Text(self.plain());
        }
        self.end_part();
        ValueKind::Filled(self.parts)
    }

    /// Takes the escape at `at` and returns where it ends.
    fn escape(&mut self, at: usize, end: usize) -> usize {
        let rest = &self.source[at..end];
        let sign = rest[1..].chars().next().unwrap_or('\\');
        let plain = match sign {
            '"' | '\\' => sign,
            'n' => '\n',
            't' => '\t',
            'u' => return self.unicode(at, end),
            _ => {
                let end = at + 1 + sign.len_utf8();
                self.fail(
                    Diagnostic::error("E0107", format!("`\\{sign}` is no escape"))
                        .at(self.span(at..end), "unknown")
                        .help("escapes are `\\\"`, `\\\\`, `\\n`, `\\t` and `\\u{1f600}`; a backslash itself is `\\\\`"),
                );
                return end;
            }
        };
        self.text().push(plain);
        at + 2
    }

    /// Takes the `\u{…}` at `at`.
    fn unicode(&mut self, at: usize, end: usize) -> usize {
        let digits = self.source[at + 2..end].strip_prefix('{').and_then(|rest| {
            let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
            rest[length..].starts_with('}').then_some(&rest[..length])
        });
        let code = digits
            .filter(|hex| (1..=6).contains(&hex.len()))
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .and_then(char::from_u32)
            .filter(|&sign| sign != '\0');
        let end = at + digits.map_or(2, |hex| hex.len() + 4);
        match code {
            Some(sign) => self.text().push(sign),
            None => self.fail(
                Diagnostic::error("E0107", "this escape names no character")
                    .at(self.span(at..end), "not a character")
                    .help("write 1 to 6 hexadecimal digits of a character other than U+0000: `\\u{e9}`"),
            ),
        }
        end
    }

    /// Takes the `$${`, `${…}` or `$` at `at`.
    fn dollar(&mut self, at: usize, end: usize) -> usize {
        let rest = &self.source[at..end];
        if rest.starts_with("$${") {
            self.take(at + 1..at + 3);
            return at + 3;
        }
        if rest.starts_with("${") {
            return self.hole(at, end);
        }
        self.take(at..at + 1);
        at + 1
    }

    /// Takes the hole at `at`, which ends on its line.
    fn hole(&mut self, at: usize, end: usize) -> usize {
        let inside = at + 2;
        let close = match self.hole_end(inside, end) {
            Ok(close) => close,
            Err(why) => {
                let end = line_end(&self.source.as_bytes()[..end], at);
                self.no_end(&why, at..end);
                return end;
            }
        };
        if is_blank(&self.source[inside..close]) {
            self.fail(
                Diagnostic::error("E0402", "this `${}` holds nothing")
                    .at(self.span(at..close + 1), "nothing to fill in")
                    .help("write a name in it, as in `${site}`; a literal `${` is written `$${`"),
            );
        } else if self.holes == MAX_HOLES {
            self.too_many(at, close + 1);
            return end;
        } else {
            self.holes += 1;
            self.end_part();
            match (self.read_hole)(self.file, self.source, inside..close, self.out) {
                Some(value) => self.parts.push(Part::Hole(value)),
                None => self.failed = true,
            }
        }
        close + 1
    }

    /// Returns the offset of the `}` that ends a hole.
    fn hole_end(&self, start: usize, end: usize) -> Result<usize, NoEnd> {
        let text = &self.source[..end];
        let (mut at, mut depth) = (start, 0_usize);
        while let Some(&byte) = text.as_bytes().get(at) {
            match byte {
                b'"' if self.long => at = string_end(text, at).ok_or(NoEnd::Missing)? - 1,
                b'{' | b'[' | b'(' if depth == MAX_NESTING => return Err(NoEnd::TooDeep),
                b'{' | b'[' | b'(' => depth += 1,
                b'}' if depth == 0 => return Ok(at),
                b'\n' => return Err(NoEnd::Missing),
                b'}' | b']' | b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        Err(NoEnd::Missing)
    }

    fn too_many(&mut self, start: usize, end: usize) {
        self.fail(
            Diagnostic::error("E0112", format!("this text has more than {MAX_HOLES} holes"))
                .at(self.span(start..end), "one too many")
                .help("divide it into several texts"),
        );
    }

    fn no_end(&mut self, why: &NoEnd, range: Range<usize>) {
        let end = range.start + self.source[range.clone()].trim_end().len();
        let place = self.span(range.start..end);
        self.fail(match why {
            NoEnd::TooDeep => {
                let message =
                    format!("brackets are nested more than {MAX_NESTING} deep in `${{…}}`");
                Diagnostic::error("E0105", message)
                    .at(place, "too many brackets")
                    .help("no specification needs this; flatten it")
            }
            NoEnd::Missing if self.long => {
                Diagnostic::error("E0402", "this `${` has no `}` on its line")
                    .at(place, "the hole begins here")
                    .help("close it with `}` on the same line; a literal `${` is written `$${`")
            }
            NoEnd::Missing => ends_in_hole(place).help("a literal `${` is written `$${`"),
        });
    }

    /// Reports a line at `at` that lacks the indentation of its text.
    fn indentation(&mut self, at: usize, content: &str, wanted: &str) {
        let found = content.len() - content.trim_start_matches([' ', '\t']).len();
        let tabs = |text: &str| text.contains('\t');
        let text = if found >= wanted.len() || tabs(&content[..found]) != tabs(wanted) {
            "indented with other blanks"
        } else {
            "indented less"
        };
        self.fail(
            Diagnostic::error(
                "E0109",
                "a line of this text lacks the indentation of its closing `\"\"\"`",
            )
            .at(self.span(at..at + found.max(1)), text)
            .help("indent the line like the closing quotes, or move these to the left"),
        );
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

    /// Reads a hole as a name, if it is one in small letters.
    fn hole<'t>(
        file: FileId,
        text: &'t str,
        range: Range<usize>,
        out: &mut Diagnostics,
    ) -> Option<Value<'t>> {
        let (inner, span) = (&text[range.clone()], Span::new(file, range));
        if inner.contains(|sign: char| sign.is_ascii_uppercase()) {
            out.push(Diagnostic::error("E0402", "no hole").at(span, ""));
            return None;
        }
        Some(Value { kind: ValueKind::Name(inner), span })
    }

    /// Decodes a text; a hole is shown between `<` and `>`.
    fn read(literal: &str) -> Result<String, Vec<(&'static str, usize)>> {
        let (map, mut out) = (SourceMap::new(), Diagnostics::new());
        let file = map.add("x", literal.as_bytes().to_vec(), &mut out).unwrap();
        let part = |part: &Part| match part {
            Part::Plain(plain) => plain.to_string(),
            Part::Hole(hole) => format!("<{}>", &literal[hole.span.range()]),
        };
        match decode(file, literal, 0..literal.len(), hole, &mut out) {
            ValueKind::Text(text) => Ok(text.into_owned()),
            ValueKind::Filled(parts) => Ok(parts.iter().map(part).collect()),
            _ => Err(out
                .sorted()
                .iter()
                .map(|found| (found.code, found.span().unwrap().range().start))
                .collect()),
        }
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
    fn holes_are_told_from_what_stands_around_them() {
        assert_eq!(read("\"a ${b} ${c}$\"").unwrap(), "a <b> <c>$");
        assert_eq!(read("\"${b}${c}\"").unwrap(), "<b><c>");
        assert_eq!(read("\"\\t${b}\\n$$${c}$\"").unwrap(), "\t<b>\n$${c}$");
        assert_eq!(read("\"\"\"\n  ${a}\n  $${b} $\n  \"\"\"").unwrap(), "<a>\n${b} $\n");
        assert_eq!(
            read("\"\"\"\n    a\n      ${b}\n\n    c\n    \"\"\"").unwrap(),
            "a\n  <b>\n\nc\n"
        );
        assert_eq!(
            read("\"\"\"${f(\"a } b\", {x = [1]})}\"\"\"").unwrap(),
            "<f(\"a } b\", {x = [1]})>"
        );
        assert_eq!(read("\"\"\"\n$${b}\n\"\"\"").unwrap(), "${b}\n");
    }

    #[test]
    fn what_the_source_has_in_one_stretch_is_borrowed() {
        for literal in
            ["\"a\"", "\"a$b\"", "\"$${a}\"", "\"\"\"\n  a\n  \"\"\"", "\"\"\"a\nb\"\"\""]
        {
            let (map, mut out) = (SourceMap::new(), Diagnostics::new());
            let file = map.add("x", literal.as_bytes().to_vec(), &mut out).unwrap();
            let kind = decode(file, literal, 0..literal.len(), hole, &mut out);
            assert!(matches!(kind, ValueKind::Text(Cow::Borrowed(_))), "{kind:?}");
        }
        let literal = "\"a ${b} c\"";
        let (map, mut out) = (SourceMap::new(), Diagnostics::new());
        let file = map.add("x", literal.as_bytes().to_vec(), &mut out).unwrap();
        let kind = decode(file, literal, 0..literal.len(), hole, &mut out);
        let ValueKind::Filled(parts) = kind else { panic!("{kind:?}") };
        assert!(matches!(
            parts.as_slice(),
            [Part::Plain(Cow::Borrowed("a ")), Part::Hole(_), Part::Plain(Cow::Borrowed(" c"))]
        ));
    }

    #[test]
    fn every_hole_that_cannot_be_read_is_reported() {
        assert_eq!(
            read("\"${} ${  } ${A} ${b\"").unwrap_err(),
            [("E0402", 1), ("E0402", 5), ("E0402", 13), ("E0402", 16)]
        );
        assert_eq!(
            read("\"\"\"\n ${a\n ${f(\")}\n ${}\n \"\"\"").unwrap_err(),
            [("E0402", 5), ("E0402", 10), ("E0402", 19)]
        );
        // The rest of the line belongs to the first.
        assert_eq!(read(&format!("\"{}\"", "${".repeat(100))).unwrap_err().len(), 1);
        let deep = |count: usize| format!("\"${{a{}{}}}\"", "[".repeat(count), "]".repeat(count));
        assert!(read(&deep(MAX_NESTING)).is_ok());
        assert_eq!(read(&deep(MAX_NESTING + 1)).unwrap_err(), [("E0105", 1)]);
    }

    #[test]
    fn the_number_of_holes_is_bounded() {
        let holes = |count: usize| format!("\"{}\"", "${a}".repeat(count));
        assert!(read(&holes(MAX_HOLES)).is_ok());
        assert_eq!(read(&holes(MAX_HOLES + 9)).unwrap_err(), [("E0112", 1 + 4 * MAX_HOLES)]);
    }

    #[test]
    fn a_text_that_ends_in_its_hole_is_told() {
        for (literal, hole) in
            [("\"a ${f(\"", Some(3)), ("\"a ${b} ${\"", Some(8)), ("\"${\"", Some(1))]
        {
            assert_eq!(open_hole(literal), hole, "{literal}");
        }
        for literal in ["\"a\"", "\"${a}\"", "\"$${\"", "\"\"\"${\"\"\""] {
            assert_eq!(open_hole(literal), None, "{literal}");
        }
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
