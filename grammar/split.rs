//! Cuts a text into its outermost items, and a broken item into its entries.
//!
//! One pass over the bytes that knows strings, comments and brackets: a mistake
//! in one item hides none in another, nesting is bounded before anything
//! recursive runs, and a lost `}` or quote is blamed on what opened it. Unaware
//! of what items and entries look like inside.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, Span};

/// How deep brackets may nest.
pub const MAX_NESTING: usize = 64;

/// The words that begin an item, of this and of later versions; sorted. Where a
/// bracket was lost, a line that begins with one of them begins the next item.
pub(crate) const ITEM_WORDS: &[&str] = &[
    "agent",
    "approval",
    "command",
    "constitution",
    "deploy",
    "edition",
    "environment",
    "exchange",
    "gate",
    "generated",
    "group",
    "let",
    "param",
    "pipeline",
    "prices",
    "task",
    "template",
    "use",
];

/// A stretch of the text that holds one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its bytes, without surrounding blanks.
    pub(crate) range: Range<usize>,
    /// Whether it begins on the line on which the piece before ended, without a comma.
    pub(crate) glued: bool,
    /// Whether its brackets, quotes and signs are whole; if not, it is reported.
    pub(crate) sound: bool,
}

/// Cuts a text into items and reports what is wrong with brackets, quotes and signs.
pub(crate) fn split(file: FileId, text: &str, out: &mut Diagnostics) -> Vec<Piece> {
    let strict = Splitter::new(file, text, false).run();
    // Only a text that ends inside something is read again: lines that look like
    // the begin of an item are then taken for one.
    let done = if strict.ended_inside { Splitter::new(file, text, true).run() } else { strict };
    for finding in done.findings {
        out.push(finding);
    }
    done.pieces
}

/// Cuts the inside of a block into entries: at line ends and commas outside of
/// brackets and strings. The text must be a sound piece.
pub(crate) fn split_entries(text: &str, inside: Range<usize>) -> Vec<Range<usize>> {
    let mut list: Vec<Range<usize>> = Vec::new();
    let (mut at, mut depth, mut start) = (inside.start, 0_usize, inside.start);
    let bytes = text.as_bytes();
    while at < inside.end {
        match bytes[at] {
            b'#' => at = line_end(bytes, at),
            b'"' => at = string_end(text, at).unwrap_or(inside.end),
            byte => {
                match byte {
                    b'{' | b'[' | b'(' => depth += 1,
                    b'}' | b']' | b')' => depth = depth.saturating_sub(1),
                    b'\n' | b',' if depth == 0 => {
                        push_entry(text, start..at, &mut list);
                        start = at + 1;
                    }
                    _ => {}
                }
                at += 1;
            }
        }
    }
    push_entry(text, start..inside.end, &mut list);
    list
}

/// Adds an entry; one that ends with a sign goes on with the next line.
fn push_entry(text: &str, range: Range<usize>, list: &mut Vec<Range<usize>>) {
    let part = &text[range.clone()];
    let blank = part.len() - part.trim_start().len();
    if part.trim().is_empty() || part.trim_start().starts_with('#') {
        return;
    }
    match list.last_mut() {
        Some(last) if text[last.clone()].trim_end().ends_with(['=', '<', '>']) => {
            last.end = range.end;
        }
        _ => list.push(range.start + blank..range.end),
    }
}

/// Returns the offset of the line end at or after `at`.
fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |length| at + length)
}

/// Returns the offset behind a string that begins at `at`; `None` if it has no end.
pub(crate) fn string_end(text: &str, at: usize) -> Option<usize> {
    if text[at..].starts_with("\"\"\"") {
        return text[at + 3..].find("\"\"\"").map(|length| at + 3 + length + 3);
    }
    let bytes = text.as_bytes();
    let mut next = at + 1;
    loop {
        match bytes.get(next)? {
            b'"' => return Some(next + 1),
            b'\n' => return None,
            b'\\' if bytes.get(next + 1).is_some_and(|&byte| byte != b'\n') => next += 2,
            _ => next += 1,
        }
    }
}

/// An open bracket.
#[derive(Clone, Copy)]
struct Open {
    byte: u8,
    at: usize,
    /// The offset of its line's first byte.
    line: usize,
}

struct Splitter<'a> {
    file: FileId,
    text: &'a str,
    recovering: bool,
    at: usize,
    /// The offset of the current line's first byte.
    line: usize,
    open: Vec<Open>,
    /// In this piece, the first pair whose closing bracket begins a line with
    /// another indentation than the line of its opening one.
    suspect: Option<(Open, usize)>,
    piece: Option<Piece>,
    /// The offset behind the last `}` that ended a piece.
    closed: usize,
    /// Whether the last piece ended by `}` on this line and no comma followed.
    touching: bool,
    pieces: Vec<Piece>,
    findings: Vec<Diagnostic>,
    ended_inside: bool,
}

impl<'a> Splitter<'a> {
    fn new(file: FileId, text: &'a str, recovering: bool) -> Self {
        Self {
            file,
            text,
            recovering,
            at: 0,
            line: 0,
            open: Vec::new(),
            suspect: None,
            piece: None,
            closed: 0,
            touching: false,
            pieces: Vec::new(),
            findings: Vec::new(),
            ended_inside: false,
        }
    }

    fn run(mut self) -> Self {
        while let Some(&byte) = self.text.as_bytes().get(self.at) {
            match byte {
                b'\n' => self.newline(),
                b' ' | b'\t' => self.at += 1,
                b'#' => self.comment(),
                b'"' => self.string(),
                b',' if self.open.is_empty() => {
                    self.end_piece();
                    self.touching = false;
                    self.at += 1;
                }
                b'{' | b'[' | b'(' => self.open(byte),
                b'}' | b']' | b')' => self.close(byte),
                0..0x20 | 0x7f => self.control(byte),
                0x80.. => self.wide(),
                _ => self.advance(plain_length(&self.text.as_bytes()[self.at..])),
            }
        }
        if !self.open.is_empty() {
            self.ended_inside = true;
            self.report_unclosed(self.text.len());
        }
        self.end_piece();
        self
    }

    /// Takes bytes into the current piece, which they begin if there is none.
    fn advance(&mut self, length: usize) {
        if self.piece.is_none() {
            let range = self.at..self.at;
            self.piece = Some(Piece { range, glued: self.touching, sound: true });
            self.suspect = None;
            self.touching = false;
        }
        self.at += length;
        if let Some(piece) = &mut self.piece {
            piece.range.end = self.at;
        }
    }

    fn end_piece(&mut self) {
        self.pieces.extend(self.piece.take());
    }

    fn newline(&mut self) {
        self.at += 1;
        self.line = self.at;
        self.touching = false;
        if self.open.is_empty() {
            self.end_piece();
        } else if self.recovering && begins_item(&self.text[self.at..]) {
            self.report_unclosed(self.at);
            self.open.clear();
            self.end_piece();
        }
    }

    fn comment(&mut self) {
        let end = line_end(self.text.as_bytes(), self.at);
        if let Some((at, sign)) = first_invisible(self.text, self.at..end) {
            let finding = self.sign_error(at, sign, "in a comment");
            self.findings.push(finding);
        }
        self.at = end;
    }

    fn string(&mut self) {
        let start = self.at;
        let long = self.text[start..].starts_with("\"\"\"");
        let end = string_end(self.text, start);
        match end {
            Some(end) if !(long && self.recovering && self.runs_on(end)) => {
                self.check_string(start..end);
                self.advance(end - start);
                if let Some(line) = self.text[start..end].rfind('\n') {
                    self.line = start + line + 1;
                }
            }
            _ if long => self.unclosed_long(end),
            _ => self.unclosed_text(),
        }
    }

    /// Tells whether the quotes that end here look like the opening of another
    /// text: what they end was then not closed where its author meant it.
    fn runs_on(&self, end: usize) -> bool {
        let blank = [' ', '\t'];
        let before = self.text[..end - 3].trim_end_matches(blank);
        let rest = self.text[end..].trim_start_matches(blank);
        before.ends_with('=') && (rest.is_empty() || rest.starts_with('\n'))
    }

    fn unclosed_long(&mut self, end: Option<usize>) {
        let start = self.at;
        let mut finding = Diagnostic::error("E0103", "this text has no closing `\"\"\"`")
            .at(self.span(start..start + 3), "opened here, never closed");
        if let Some(end) = end {
            finding = finding.at(self.span(end - 3..end), "the text runs on to here");
        }
        finding = finding.help("close it with `\"\"\"` on a line of its own");
        self.findings.push(finding);
        if !self.recovering {
            self.ended_inside = true;
        }
        // In a second reading the text ends where an item seems to begin or to end.
        let mut stop = line_end(self.text.as_bytes(), start);
        while stop < self.text.len() {
            let next = &self.text[stop + 1..];
            if begins_item(next) || next.starts_with("}\n") || next == "}" {
                break;
            }
            stop = line_end(self.text.as_bytes(), stop + 1);
        }
        self.advance(stop - start);
        self.mark_unsound();
    }

    /// A text ends on its line at the latest. Brackets that were opened on this
    /// line and seem to be closed within the text are taken as closed.
    fn unclosed_text(&mut self) {
        let start = self.at;
        let end = line_end(self.text.as_bytes(), start);
        let finding = Diagnostic::error("E0103", "this text has no closing `\"`")
            .at(self.span(start..start + 1), "opened here, not closed on this line")
            .help("a text ends on its line; for several lines write `\"\"\"`");
        self.report(finding);
        for byte in &self.text.as_bytes()[start..end] {
            if let Some(last) = self.open.last()
                && last.at >= self.line
                && closing(last.byte) == *byte
            {
                self.open.pop();
            }
        }
        self.advance(end - start);
        self.mark_unsound();
    }

    fn check_string(&mut self, range: Range<usize>) {
        let text = &self.text[range.clone()];
        let control = |byte: u8| (byte < 0x20 && byte != b'\n' && byte != b'\t') || byte == 0x7f;
        if let Some(at) = text.bytes().position(control) {
            let finding = self.control_error(range.start + at, text.as_bytes()[at]);
            self.report(finding);
        } else if let Some((at, sign)) = first_invisible(self.text, range) {
            let message = format!("an invisible sign, U+{:04X}, stands in a text", u32::from(sign));
            let finding = Diagnostic::warning("W0603", message)
                .at(self.span(at..at + sign.len_utf8()), "here")
                .help(
                    "remove it, or write it as `\\u{…}` in a one-line text so that readers see it",
                );
            self.findings.push(finding);
        }
    }

    fn open(&mut self, byte: u8) {
        self.open.push(Open { byte, at: self.at, line: self.line });
        self.advance(1);
        if self.open.len() == MAX_NESTING + 1 {
            let message = format!("brackets are nested more than {MAX_NESTING} deep");
            let finding = Diagnostic::error("E0105", message)
                .at(self.span(self.at - 1..self.at), "one too many")
                .help("no specification needs this; flatten it");
            self.report(finding);
        }
    }

    fn close(&mut self, byte: u8) {
        let at = self.at;
        // Deeper than that the piece is refused anyway, and a search must stay short.
        let within = self.open.len().saturating_sub(MAX_NESTING + 1);
        let matching = self.open[within..].iter().rposition(|open| closing(open.byte) == byte);
        let Some(depth) = matching.map(|depth| within + depth) else {
            return self.stray(byte);
        };
        let open = self.open[depth];
        if let Some(&inner) = self.open.get(depth + 1) {
            let message = format!("`{}` is never closed", char::from(inner.byte));
            let finding = Diagnostic::error("E0102", message)
                .at(self.span(inner.at..inner.at + 1), "opened here")
                .at(self.span(at..at + 1), format!("`{}` ends what is around it", char::from(byte)))
                .help(format!("add `{}` before it", char::from(closing(inner.byte))));
            self.report(finding);
        } else if self.suspect.is_none() && self.oddly_indented(open, at) {
            self.suspect = Some((open, at));
        }
        self.open.truncate(depth);
        self.advance(1);
        if self.open.is_empty() && byte == b'}' {
            self.end_piece();
            self.touching = true;
            self.closed = self.at;
        }
    }

    /// Tells whether a closing bracket begins its line, elsewhere than the line
    /// of the opening one begins.
    fn oddly_indented(&self, open: Open, closed: usize) -> bool {
        let indent = &self.text[self.line..closed];
        open.line != self.line
            && indent.trim_start().is_empty()
            && indent != indentation(&self.text[open.line..open.at])
    }

    fn stray(&mut self, byte: u8) {
        let sign = char::from(byte);
        let mut finding = Diagnostic::error("E0104", format!("`{sign}` closes nothing"))
            .at(self.span(self.at..self.at + 1), "nothing is open here");
        if self.closed > 0 && self.open.is_empty() && byte == b'}' {
            let end = self.span(self.closed - 1..self.closed);
            finding = finding.at(end, "the item before was closed here, perhaps too early");
        }
        self.report(finding.help("remove it, or add what it should close"));
        if self.piece.is_some() {
            self.advance(1);
        } else {
            self.at += 1;
        }
    }

    fn control(&mut self, byte: u8) {
        let finding = self.control_error(self.at, byte);
        self.advance(1);
        self.report(finding);
    }

    fn control_error(&self, at: usize, byte: u8) -> Diagnostic {
        let help = match byte {
            b'\r' => "line ends are `\\n` or `\\r\\n`; remove the lone carriage return",
            0 => "no text can hold U+0000; remove it",
            _ => "remove it; in a one-line text it can be written as `\\u{…}`",
        };
        Diagnostic::error("E0106", format!("a control character, U+{byte:04X}, stands here"))
            .at(self.span(at..at + 1), "not readable")
            .help(help)
    }

    /// Takes a character beyond ASCII that stands outside of strings and comments.
    fn wide(&mut self) {
        let sign = self.text[self.at..].chars().next().unwrap_or('\u{fffd}');
        let finding = self.sign_error(self.at, sign, "between the words");
        self.advance(sign.len_utf8());
        if is_invisible(sign) || sign.is_whitespace() || sign.is_control() {
            self.report(finding);
        }
    }

    fn sign_error(&self, at: usize, sign: char, place: &str) -> Diagnostic {
        let what = if sign.is_whitespace() { "an unusual blank" } else { "an invisible sign" };
        let message = format!("{what}, U+{:04X}, stands {place}", u32::from(sign));
        Diagnostic::error("E0106", message)
            .at(self.span(at..at + sign.len_utf8()), "here")
            .help("remove it: readers cannot see it, or see the text in another order")
    }

    /// Reports a finding that breaks the current piece; of one piece only the
    /// first, since the others mostly follow from it.
    fn report(&mut self, finding: Diagnostic) {
        if self.piece.as_ref().is_none_or(|piece| piece.sound) {
            self.findings.push(finding);
        }
        self.mark_unsound();
    }

    fn mark_unsound(&mut self) {
        if let Some(piece) = &mut self.piece {
            piece.sound = false;
        }
    }

    /// Reports that something is still open at `at`, where another item begins or the text ends.
    fn report_unclosed(&mut self, at: usize) {
        let Some(&first) = self.open.last() else {
            return;
        };
        let (blame, closed) = match self.suspect {
            Some((open, closed)) => (open, Some(closed)),
            None => (first, None),
        };
        let sign = char::from(blame.byte);
        let mut finding = Diagnostic::error("E0102", format!("`{sign}` is never closed"))
            .at(self.span(blame.at..blame.at + 1), "opened here");
        if let Some(closed) = closed {
            let text = "closed by this, which seems to belong to what is around it";
            finding = finding.at(self.span(closed..closed + 1), text);
        } else if at < self.text.len() {
            let end = line_end(self.text.as_bytes(), at);
            finding = finding.at(self.span(at..end), "still open where this begins");
        }
        self.report(finding.help(format!("add `{}`", char::from(closing(blame.byte)))));
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range)
    }
}

/// Returns the length of what a text begins with that is of no interest here:
/// letters, digits and most signs. At least 1.
fn plain_length(bytes: &[u8]) -> usize {
    let plain = |byte: &u8| matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'=' | b'.');
    bytes.iter().skip(1).take_while(|byte| plain(byte)).count() + 1
}

fn closing(byte: u8) -> u8 {
    match byte {
        b'{' => b'}',
        b'[' => b']',
        _ => b')',
    }
}

fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
}

/// Tells whether a text begins, without indentation, with the head of an item.
fn begins_item(text: &str) -> bool {
    let word = text.split(|sign: char| !sign.is_ascii_lowercase()).next().unwrap_or("");
    ITEM_WORDS.contains(&word)
        && text[word.len()..].strip_prefix(' ').is_some_and(|rest| {
            rest.trim_start().starts_with(|sign: char| sign.is_ascii_alphanumeric() || sign == '"')
        })
}

/// Returns the first sign that cannot be seen, or that reorders what is seen.
fn first_invisible(text: &str, range: Range<usize>) -> Option<(usize, char)> {
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
pub(crate) fn is_invisible(sign: char) -> bool {
    matches!(sign,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;

    /// The texts of the pieces, each with whether it is sound.
    type Pieces = Vec<(String, bool)>;
    /// The codes of the findings, each with the offset it blames.
    type Found = Vec<(&'static str, usize)>;

    fn cut(text: &str) -> (Pieces, Found) {
        let (mut map, mut out) = (SourceMap::new(), Diagnostics::new());
        let file = map.add("x", text.as_bytes().to_vec(), &mut out).unwrap();
        let pieces = split(file, text, &mut out);
        let found =
            out.sorted().iter().map(|f| (f.code, f.span().unwrap().range().start)).collect();
        (pieces.into_iter().map(|p| (text[p.range].to_owned(), p.sound)).collect(), found)
    }

    #[test]
    fn items_end_at_line_ends_commas_and_braces() {
        let (pieces, found) = cut("edition 1, a b { c = [1,\n2] # }\n}\n\n# x\nd \"}\"\n");
        let texts: Vec<_> = pieces.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(texts, ["edition 1", "a b { c = [1,\n2] # }\n}", "d \"}\""]);
        assert!(found.is_empty());
    }

    #[test]
    fn strings_hide_brackets() {
        let (pieces, found) = cut("a b { c = \"\\\"}\", d = \"\"\"\n } \" \\ \"\"\" }\n");
        assert_eq!((pieces.len(), found.len()), (1, 0));
    }

    #[test]
    fn a_lost_brace_is_blamed_on_the_block_that_lacks_it() {
        let text = "task a {\n  budget { wall <= 1 min\n}\ntask b {\n}\n";
        let (pieces, found) = cut(text);
        assert_eq!(found, [("E0102", text.find("{ wall").unwrap())]);
        assert_eq!(pieces.iter().map(|(_, sound)| *sound).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_lost_bracket_is_blamed_on_its_opener() {
        let text = "task a {\n  env = [x\n}\ntask b {}\n";
        let (pieces, found) = cut(text);
        assert_eq!(found, [("E0102", text.find('[').unwrap())]);
        assert_eq!(pieces.len(), 2);
    }

    #[test]
    fn a_lost_quote_breaks_its_line_only() {
        let text = "a b {\n run = [\"x, 1]\n}\nc d {}\n";
        let (pieces, found) = cut(text);
        assert_eq!(found, [("E0103", text.find('"').unwrap())]);
        assert_eq!(pieces.iter().map(|(_, sound)| *sound).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_lost_long_quote_is_blamed_on_its_opener() {
        let text = "task a {\n p = \"\"\"\n  x\n}\ntask b {\n p = \"\"\"\n  y\n  \"\"\"\n}\n";
        let (pieces, found) = cut(text);
        assert_eq!(found, [("E0103", text.find('"').unwrap())]);
        assert_eq!(pieces.iter().map(|(_, sound)| *sound).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_stray_brace_is_no_item() {
        let (pieces, found) = cut("a b {}\n}\nc d {}\n");
        assert_eq!((pieces.len(), found), (2, vec![("E0104", 7)]));
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = |count: usize| format!("a b {}{}", "{".repeat(count), "}".repeat(count));
        assert!(cut(&deep(MAX_NESTING)).1.is_empty());
        assert_eq!(cut(&deep(MAX_NESTING + 1)).1, [("E0105", 4 + MAX_NESTING)]);
        assert_eq!(cut(&deep(100_000)).1.len(), 1);
    }

    #[test]
    fn signs_that_nobody_sees_are_reported() {
        assert_eq!(cut("a\u{200b}b").1, [("E0106", 1)]);
        assert_eq!(cut("# x\u{202e}").1, [("E0106", 3)]);
        assert_eq!(cut("a \"\u{202e}\"").1, [("W0603", 3)]);
        assert_eq!(cut("a \"\0\"").1, [("E0106", 3)]);
        assert_eq!(cut("a \rb").1, [("E0106", 2)]);
    }

    #[test]
    fn entries_are_cut_like_items() {
        let text = "a = [1,\n2], b =\n 3 # ,\n\n# x\nc { d, e }";
        let parts: Vec<_> =
            split_entries(text, 0..text.len()).into_iter().map(|range| &text[range]).collect();
        assert_eq!(parts, ["a = [1,\n2]", "b =\n 3 # ,", "c { d, e }"]);
    }
}
