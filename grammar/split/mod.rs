//! Cuts a text into its items, those inside of groups, templates and
//! constitutions included.
//!
//! One pass over the bytes that knows strings, comments and brackets: a mistake
//! in one item hides none in another, nesting is bounded before anything
//! recursive runs, and a lost `}` or quote is blamed on what opened it. Unaware
//! of what items and entries look like inside.

mod blame;
mod scan;

use std::ops::Range;

use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};

use crate::diagnostic::Diagnostics;
use crate::source::FileId;
pub use scan::is_invisible;
use scan::{awaits_value, first_invisible, holds_items, meant_end};
pub(crate) use scan::{
    begins_item, blank_length, bracket_end, line_end, split_entries, string_end,
};

/// How deep brackets may nest.
pub const MAX_NESTING: usize = 64;

/// How many items and entries beside them a file may have: a million tasks fit.
pub(crate) const MAX_PIECES: usize = 1 << 20;

/// The words that begin an item; sorted. Where a bracket was lost, a line that
/// begins with one of them begins the next item.
pub const ITEM_WORDS: &[&str] = &[
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
    "rule",
    "task",
    "template",
    "use",
];

/// A stretch of the text that holds one item, or one entry of an item that holds
/// items. Pieces come in the order in which they begin; those inside of another
/// follow it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Its bytes, without surrounding blanks.
    pub(crate) range: Range<usize>,
    /// How many pieces it lies in.
    pub(crate) depth: usize,
    /// The offset of its `{`, if pieces may lie in it.
    pub(crate) block: Option<usize>,
    /// How many pieces lie in it, without those that lie in these.
    pub(crate) count: usize,
    /// Whether it begins on the line on which the piece before ended, without a comma.
    pub(crate) glued: bool,
    /// Whether its brackets, quotes and signs are whole, but for those of the
    /// pieces in it; if not, it is reported.
    pub(crate) sound: bool,
    /// Whether the end of its block was found; if not, it is reported.
    pub(crate) closed: bool,
}

/// The least size of what is cut on a thread of its own, in bytes, and how far a
/// place to cut at is looked for.
const MIN_PART: usize = 1 << 18;

/// Cuts a text into items and reports what is wrong with brackets, quotes and signs.
pub(crate) fn split(file: FileId, text: &str, out: &mut Diagnostics) -> Vec<Piece> {
    let parts = rayon::current_num_threads().min(text.len() / MIN_PART);
    if let Some(pieces) = split_by_parts(file, text, parts) {
        return pieces;
    }
    let strict = Splitter::new(file, text, false).run();
    // Only a text that ends inside something is read again: lines that look like
    // the begin of an item are then taken for one.
    let done = if strict.ended_inside { Splitter::new(file, text, true).run() } else { strict };
    out.append(done.findings);
    done.pieces
}

/// Cuts a large text on several threads, at lines that seem to begin an item.
/// If nothing is open at the end of each part, and nothing was found in any, then
/// this gives the same as cutting it from its begin; if not, it gives nothing.
fn split_by_parts(file: FileId, text: &str, count: usize) -> Option<Vec<Piece>> {
    let bound = |part: usize| item_line(text, text.len() / count * part);
    let mut bounds = (1..count).map(bound).collect::<Option<Vec<_>>>()?;
    bounds.dedup();
    let starts = std::iter::once(0).chain(bounds.iter().copied());
    let ends = bounds.iter().copied().chain(std::iter::once(text.len()));
    let parts: Vec<_> = starts.zip(ends).collect();
    if parts.len() < 2 {
        return None;
    }
    let cut = |(start, end): (usize, usize)| {
        let mut splitter = Splitter::new(file, &text[..end], false);
        (splitter.at, splitter.line) = (start, start);
        let done = splitter.run();
        let whole = !done.ended_inside && done.findings.errors() + done.findings.warnings() == 0;
        whole.then_some(done.pieces)
    };
    let parts: Option<Vec<_>> = parts.into_par_iter().map(cut).collect();
    parts.map(|parts| parts.concat()).filter(|pieces| pieces.len() < MAX_PIECES)
}

/// Returns the offset of the first line behind `at` that begins an item.
fn item_line(text: &str, at: usize) -> Option<usize> {
    let mut at = text.floor_char_boundary(at);
    let end = text.floor_char_boundary(at + MIN_PART);
    while let Some(length) = text[at..end].find('\n') {
        at += length + 1;
        if begins_item(&text[at..]) {
            return Some(at);
        }
    }
    None
}

/// An open bracket.
#[derive(Clone, Copy)]
struct Open {
    byte: u8,
    at: usize,
    /// The offset of its line's first byte.
    line: usize,
    /// The length of its line's indentation.
    indent: usize,
}

/// The open block of a piece that holds pieces.
struct Frame {
    /// The place of the piece among all.
    piece: usize,
    /// How many pieces begin in it.
    count: usize,
    /// How many brackets are open inside it, its own included.
    depth: usize,
    /// The length of the indentation of the line of its bracket.
    indent: usize,
    /// The indentation of the first piece in it that begins a line.
    inside: Option<Range<usize>>,
}

struct Splitter<'a> {
    file: FileId,
    text: &'a str,
    recovering: bool,
    at: usize,
    /// The offset of the current line's first byte.
    line: usize,
    /// The length of the indentation of the line that begins at `indented`.
    indent: usize,
    indented: usize,
    open: Vec<Open>,
    frames: Vec<Frame>,
    /// How many brackets are open around the pieces that are cut now.
    level: usize,
    /// Since the last piece that begins where it should, the first pair whose
    /// closing bracket begins a line with another indentation than the line of
    /// its opening one.
    suspect: Option<(Open, usize)>,
    piece: Option<Piece>,
    /// The indentation of the line on which the piece begins.
    margin: Range<usize>,
    /// The offset of the last `}` that ended an outermost piece.
    closed: Option<usize>,
    /// The same, of one that is oddly indented.
    early: Option<usize>,
    /// Whether the last piece ended by `}` on this line and no comma followed.
    touching: bool,
    pieces: Vec<Piece>,
    findings: Diagnostics,
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
            indent: 0,
            indented: usize::MAX,
            open: Vec::new(),
            frames: Vec::new(),
            level: 0,
            suspect: None,
            piece: None,
            margin: 0..0,
            closed: None,
            early: None,
            touching: false,
            pieces: Vec::new(),
            findings: Diagnostics::new(),
            ended_inside: false,
        }
    }

    fn run(mut self) -> Self {
        let bytes = self.text.as_bytes();
        loop {
            self.words();
            let Some(&byte) = bytes.get(self.at) else { break };
            if self.pieces.len() == MAX_PIECES {
                self.too_many();
                return self;
            }
            match byte {
                b'\n' => self.newline(),
                b'#' => self.comment(),
                b'"' => self.string(),
                b',' if self.open.len() == self.level => {
                    self.end_piece();
                    self.touching = false;
                    self.at += 1;
                }
                b'{' | b'[' | b'(' => self.open(byte),
                b'}' | b']' | b')' => self.close(byte),
                0..0x20 | 0x7f => self.control(byte),
                0x80.. => self.wide(),
                _ => self.advance(1),
            }
        }
        if !self.open.is_empty() {
            self.ended_inside = true;
            self.report_unclosed(self.text.len());
            self.leave_to(0);
        }
        self.end_piece();
        self
    }

    /// Takes what is of no interest here: blanks, words and most signs.
    fn words(&mut self) {
        let bytes = self.text.as_bytes();
        if self.piece.is_none() {
            self.at += blank_length(&self.text[self.at..]);
        }
        let start = self.at;
        let dull = |byte: &u8| DULL[usize::from(*byte)];
        let length = bytes[start..].iter().position(|byte| !dull(byte));
        let end = length.map_or(bytes.len(), |length| start + length);
        // A piece ends with its last word, without the blanks behind it.
        let blank = |byte: &&u8| matches!(byte, b' ' | b'\t');
        let blanks = bytes[start..end].iter().rev().take_while(blank).count();
        if start + blanks < end {
            self.advance(end - blanks - start);
        }
        self.at = end;
    }

    /// Returns the length of the current line's indentation.
    fn indent(&mut self) -> usize {
        if self.indented != self.line {
            self.indented = self.line;
            self.indent = blank_length(&self.text[self.line..]);
        }
        self.indent
    }

    /// Tells whether nothing but blanks stands before this place on its line.
    fn begins_line(&mut self) -> bool {
        self.line + self.indent() == self.at
    }

    /// Takes bytes into the current piece, which they begin if there is none.
    fn advance(&mut self, length: usize) {
        if self.piece.is_none() {
            self.begin_piece();
        }
        self.at += length;
        if let Some(piece) = &mut self.piece {
            piece.range.end = self.at;
        }
    }

    fn begin_piece(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.count += 1;
        }
        let (range, depth) = (self.at..self.at, self.frames.len());
        let glued = self.touching;
        self.piece =
            Some(Piece { range, depth, block: None, count: 0, glued, sound: true, closed: true });
        self.touching = false;
        let (indent, begins_line) = (self.indent(), self.begins_line());
        self.margin = self.line..self.line + indent;
        let expected = match self.frames.last_mut() {
            None => {
                if indent == 0 {
                    self.early = None;
                }
                true
            }
            Some(_) if !begins_line => false,
            Some(frame) => {
                let inside = frame.inside.get_or_insert_with(|| self.margin.clone()).clone();
                self.text[inside] == self.text[self.margin.clone()]
            }
        };
        if expected {
            self.suspect = None;
        }
    }

    fn end_piece(&mut self) {
        self.pieces.extend(self.piece.take());
    }

    fn newline(&mut self) {
        self.at += 1;
        self.line = self.at;
        self.touching = false;
        if self.open.len() == self.level && !self.goes_on() {
            self.end_piece();
        }
        if self.recovering && !self.open.is_empty() {
            self.recover();
        }
    }

    /// Tells whether the piece goes on in the line that begins here, since it
    /// ended with a sign that a value must follow.
    fn goes_on(&self) -> bool {
        self.piece.as_ref().is_some_and(|piece| {
            let rest = &self.text[self.at..];
            awaits_value(self.text, &piece.range) && !begins_item(&rest[blank_length(rest)..])
        })
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
        let end = meant_end(self.text, start);
        match end {
            Some(end) if !(long && self.recovering && self.runs_on(end)) => {
                self.check_string(start..end);
                self.advance(end - start);
                if long && let Some(line) = self.text[start..end].rfind('\n') {
                    self.line = start + line + 1;
                }
            }
            _ if long => self.unclosed_long(end),
            _ => self.unclosed_text(),
        }
    }

    fn open(&mut self, byte: u8) {
        let indent = self.indent();
        let open = Open { byte, at: self.at, line: self.line, indent };
        let enters = byte == b'{'
            && self.open.len() == self.level
            && self.open.len() < MAX_NESTING
            && self
                .piece
                .as_ref()
                .is_some_and(|piece| holds_items(&self.text[piece.range.clone()]));
        self.open.push(open);
        self.advance(1);
        if enters {
            self.enter();
        } else if self.open.len() == MAX_NESTING + 1 {
            self.too_deep();
        }
    }

    /// Begins to cut what stands in the block of the current piece.
    fn enter(&mut self) {
        let Some(mut piece) = self.piece.take() else { return };
        piece.block = Some(self.at - 1);
        let (depth, indent) = (self.open.len(), self.indent());
        let piece_at = self.pieces.len();
        self.frames.push(Frame { piece: piece_at, count: 0, depth, indent, inside: None });
        self.pieces.push(piece);
        self.level = depth;
    }

    /// Ends the innermost piece that holds pieces.
    fn leave(&mut self, closed: bool) {
        self.end_piece();
        let Some(frame) = self.frames.pop() else { return };
        self.level = self.frames.last().map_or(0, |frame| frame.depth);
        let end = if closed { self.at } else { self.text[..self.at].trim_end().len() };
        if let Some(piece) = self.pieces.get_mut(frame.piece) {
            piece.range.end = end;
            piece.closed = closed;
            piece.count = frame.count;
        }
    }

    /// Takes all but some brackets as closed, and ends what stands in them.
    fn leave_to(&mut self, depth: usize) {
        self.open.truncate(depth);
        while self.level > depth {
            self.leave(false);
        }
        self.end_piece();
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
        let odd = self.oddly_indented(open);
        if let Some(&inner) = self.open.get(depth + 1) {
            self.report_inner(inner, byte);
        } else if self.suspect.is_none() && odd {
            self.suspect = Some((open, at));
        }
        self.open.truncate(depth);
        if depth < self.level {
            self.at += 1;
            self.leave(true);
        } else {
            self.advance(1);
        }
        if self.open.len() == self.level && byte == b'}' && !self.compares() {
            self.end_piece();
            self.touching = true;
            if self.open.is_empty() {
                self.closed = Some(at);
                self.early = self.early.or(odd.then_some(at));
            }
        }
    }

    /// Tells whether a sign follows that compares what has ended here with another value.
    fn compares(&self) -> bool {
        let rest = &self.text[self.at..];
        let rest = &rest[blank_length(rest)..];
        rest.starts_with("==") || rest.starts_with("!=")
    }

    /// Tells whether the closing bracket here begins its line, elsewhere than the
    /// line of the opening one begins.
    fn oddly_indented(&mut self, open: Open) -> bool {
        open.line != self.line
            && self.begins_line()
            && self.text[self.line..self.at] != self.text[open.line..open.line + open.indent]
    }
}

/// Whether a byte tells nothing about where a piece ends.
const DULL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x7f {
        table[byte] = byte >= 0x20 || byte == 0x09;
        byte += 1;
    }
    let signs = b"\"#,()[]{}";
    let mut at = 0;
    while at < signs.len() {
        table[signs[at] as usize] = false;
        at += 1;
    }
    table
};

fn closing(byte: u8) -> u8 {
    match byte {
        b'{' => b'}',
        b'[' => b']',
        _ => b')',
    }
}

#[cfg(test)]
mod tests;
