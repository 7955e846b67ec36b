//! The sources of a compile: their normalised texts and places in them.
//!
//! A span is a range of byte offsets into a text without byte order mark and
//! with `\n` line ends, so that every tool's spelling of a file gives the same
//! places. Unaware of how files are found and of what they mean.

use std::ops::Range;
use std::sync::OnceLock;

use elsa::sync::FrozenVec;

use crate::diagnostic::{Diagnostic, Diagnostics};

/// The largest source that is read, in bytes.
pub const MAX_SOURCE_BYTES: usize = 64 << 20;

/// A file of a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A range of a source's text, in bytes; always at character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    file: FileId,
    start: u32,
    end: u32,
}

impl Span {
    /// Makes a span from byte offsets into the file's normalised text.
    #[must_use]
    pub fn new(file: FileId, range: Range<usize>) -> Self {
        // Sources end far below 4 GiB, so nothing is ever cut here.
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { file, start: offset(range.start), end: offset(range.end) }
    }

    /// Returns the file.
    #[must_use]
    pub fn file(self) -> FileId {
        self.file
    }

    /// Returns the byte offsets.
    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Returns the span from the start of this one to the end of a later one in the same file.
    #[must_use]
    pub fn to(self, end: Self) -> Self {
        Self { end: end.end.max(self.end), ..self }
    }
}

/// A place for people: both numbers begin at 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column in characters (not bytes).
    pub column: u32,
}

/// One source: its path as it was asked for, and its normalised text.
#[derive(Debug)]
pub struct SourceFile {
    path: String,
    text: String,
    /// The offset of each line's first byte, ascending; made for the first place
    /// that people are told.
    lines: OnceLock<Vec<u32>>,
}

impl SourceFile {
    fn new(path: String, text: String) -> Self {
        Self { path, text, lines: OnceLock::new() }
    }

    /// Returns the path under which the file was loaded.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the text, without byte order mark and with `\n` line ends.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let starts = self
                .text
                .bytes()
                .zip(1_u32..)
                .filter_map(|(byte, next)| (byte == b'\n').then_some(next));
            std::iter::once(0).chain(starts).collect()
        })
    }

    /// Returns the line and column of a byte offset; offsets behind the end count as the end.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset);
        let lines = self.lines();
        let line = lines.partition_point(|&start| start as usize <= offset);
        let start = lines.get(line.wrapping_sub(1)).map_or(0, |&start| start as usize);
        let column = self.text[start..offset].chars().count() + 1;
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Position { line: number(line), column: number(column) }
    }
}

/// All sources of a compile, in the order in which they were loaded.
///
/// A file is added through a shared reference and never moves, so that the tree
/// of one file can borrow its text while what it names is loaded.
#[derive(Default)]
pub struct SourceMap {
    files: FrozenVec<Box<SourceFile>>,
}

impl SourceMap {
    /// Makes an empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file from its bytes and normalises them: a byte order mark goes,
    /// `\r\n` becomes `\n`. What is not UTF-8 or too large is reported and gives
    /// `None`; it still has a place in the map, for the report to show.
    pub fn add(&self, path: &str, bytes: Vec<u8>, out: &mut Diagnostics) -> Option<FileId> {
        let id = FileId(u32::try_from(self.files.len()).ok()?);
        let (text, problem) = decode(id, path, bytes);
        self.files.push(Box::new(SourceFile::new(path.to_owned(), text)));
        match problem {
            Some(problem) => {
                out.push(problem);
                None
            }
            None => Some(id),
        }
    }

    /// Returns a file of this map; `None` for an id of another map.
    #[must_use]
    pub fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// Returns the file in which a span lies.
    #[must_use]
    pub fn file_of(&self, span: Span) -> Option<&SourceFile> {
        self.file(span.file)
    }

    /// Returns the line and column at which a span begins.
    #[must_use]
    pub fn position(&self, span: Span) -> Position {
        self.file_of(span)
            .map_or(Position { line: 1, column: 1 }, |file| file.position(span.range().start))
    }

    /// Iterates over the files in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &SourceFile> {
        (0..self.files.len()).filter_map(|position| self.files.get(position))
    }
}

impl std::fmt::Debug for SourceMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Makes a normalised text of a file's bytes, or says why it cannot be read.
fn decode(id: FileId, path: &str, bytes: Vec<u8>) -> (String, Option<Diagnostic>) {
    if bytes.len() > MAX_SOURCE_BYTES {
        let (size, most) = (bytes.len().div_ceil(1 << 20), MAX_SOURCE_BYTES >> 20);
        let message = format!("`{path}` has {size} MiB; a spec may have {most} at most");
        let problem = Diagnostic::error("E0001", message)
            .help("put a part of it into a file of its own, or into a template");
        return (String::new(), Some(problem));
    }
    match String::from_utf8(bytes) {
        Ok(text) => (normalise(text), None),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let wide = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
            // The readable part, so that the report can show the line.
            let text = normalise(String::from_utf8_lossy(&bytes[..valid]).into_owned());
            let place = Span::new(id, text.len()..text.len());
            let message = format!("`{path}` is not UTF-8 text: byte {valid} begins no character");
            let help = if wide {
                "the file looks like UTF-16; save it as UTF-8"
            } else {
                "save the file as UTF-8"
            };
            let problem = Diagnostic::error("E0002", message)
                .at(place, "the text cannot be read from here on")
                .help(help);
            (text, Some(problem))
        }
    }
}

fn normalise(text: String) -> String {
    let plain = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if plain.contains('\r') {
        plain.replace("\r\n", "\n")
    } else if plain.len() == text.len() {
        text
    } else {
        plain.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(bytes: &[u8]) -> (SourceMap, Option<FileId>, Diagnostics) {
        let (map, mut out) = (SourceMap::new(), Diagnostics::new());
        let id = map.add("x.eufm", bytes.to_vec(), &mut out);
        (map, id, out)
    }

    #[test]
    fn a_mark_and_crlf_do_not_change_the_text() {
        let (map, id, _) = load("\u{feff}a\r\nb\rc\n".as_bytes());
        assert_eq!(map.file(id.unwrap()).unwrap().text(), "a\nb\rc\n");
    }

    #[test]
    fn columns_count_characters() {
        let (map, id, _) = load("a\nöx\n\n".as_bytes());
        let file = map.file(id.unwrap()).unwrap();
        let at = |offset| (file.position(offset).line, file.position(offset).column);
        assert_eq!([at(0), at(1), at(2), at(4), at(5)], [(1, 1), (1, 2), (2, 1), (2, 2), (2, 3)]);
        assert_eq!([at(6), at(7), at(99), at(3)], [(3, 1), (4, 1), (4, 1), (2, 1)]);
    }

    #[test]
    fn what_is_not_utf8_is_shown_where_it_begins() {
        let (map, id, out) = load(b"edition 1\nab\xff");
        assert!(id.is_none());
        let list = out.sorted();
        assert_eq!(list[0].code, "E0002");
        assert_eq!(map.position(list[0].labels[0].span), Position { line: 2, column: 3 });
    }

    #[test]
    fn what_is_too_large_is_not_read() {
        let (_, id, out) = load(&vec![b' '; MAX_SOURCE_BYTES + 1]);
        assert!(id.is_none());
        assert_eq!(out.sorted()[0].message, "`x.eufm` has 65 MiB; a spec may have 64 at most");
    }

    #[test]
    fn utf16_is_named() {
        let (_, _, out) = load(b"\xff\xfee\0d\0");
        assert!(out.sorted()[0].help[0].contains("UTF-16"));
    }
}
