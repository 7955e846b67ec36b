//! From tokens to rows: what stands in a bracket, one entry a row, and which
//! comment belongs to what.
//!
//! A row is an item, an entry, an element or a comment on a line of its own. A
//! comment at the end of a line belongs to the entry before it, or to the
//! bracket that opens there. Unaware of columns.

use std::iter::Peekable;

use super::spelling::{Spelled, is_attached, is_number, quantity, spell};
use super::tokens::{Token, Tokens};

/// A line, or what is one where it fits.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// Whether its author left a blank line before it.
    pub(super) blank: bool,
    /// What stands in it.
    pub(super) content: Content<'a>,
}

/// What stands in a row.
#[derive(Debug)]
pub(super) enum Content<'a> {
    /// A comment on a line of its own.
    Comment(&'a str),
    /// An item, an entry or an element.
    Entry(Entry<'a>),
}

/// An item, an entry or an element.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    /// What it consists of, at least one piece.
    pub(super) pieces: Vec<Piece<'a>>,
    /// The comment at the end of its line.
    pub(super) comment: Option<&'a str>,
    /// Its width on one line; `None` if it must be broken.
    pub(super) flat: Option<usize>,
}

/// A part of an entry.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// A word or a number.
    Word(&'a str),
    /// Signs between words.
    Sign(&'a str),
    /// A text.
    Text(Spelled<'a>),
    /// A bracket with what is in it.
    Group(Group<'a>),
    /// A comment between a sign and the value it is followed by.
    Comment {
        /// From its `#`.
        text: &'a str,
        /// Whether it has a line of its own.
        alone: bool,
    },
}

/// A bracket with what is in it.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// Which bracket, and what it means.
    pub(super) form: Form,
    /// The comment on the line of the opening bracket.
    pub(super) remark: Option<&'a str>,
    /// What is in it.
    pub(super) rows: Vec<Row<'a>>,
    /// Its width on one line; `None` if it must be broken.
    pub(super) flat: Option<usize>,
}

/// The forms of brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `{ a = 1, b = 2 }`.
    Block,
    /// `[a, b]`.
    List,
    /// `(a, b)`.
    Arguments,
    /// `[a]` behind a name; no comma may follow the element.
    Index,
}

/// Reads the rows of a text whose brackets and quotes are whole.
pub(super) fn read(text: &str) -> Vec<Row<'_>> {
    Reader { tokens: Tokens::new(text).peekable() }.rows(true).rows
}

/// Tells whether a blank separates two pieces on a line.
pub(super) fn is_apart(before: &Piece<'_>, next: &Piece<'_>) -> bool {
    match next {
        Piece::Group(group) => match group.form {
            Form::Block | Form::List => true,
            Form::Arguments | Form::Index => matches!(before, Piece::Sign(_)),
        },
        Piece::Sign(sign) => !sign.starts_with(':'),
        Piece::Word(word) => match before {
            Piece::Word(number) => !(is_number(number) && is_attached(word)),
            Piece::Group(_) => !word.starts_with(['.', '/']),
            _ => true,
        },
        Piece::Text(_) | Piece::Comment { .. } => true,
    }
}

/// Returns the width of a piece on one line; `None` if it must be broken.
pub(super) fn width(piece: &Piece<'_>) -> Option<usize> {
    match piece {
        Piece::Word(text) | Piece::Sign(text) => Some(text.chars().count()),
        Piece::Text(Spelled::Line(text)) => Some(text.chars().count()),
        Piece::Text(_) | Piece::Comment { .. } => None,
        Piece::Group(group) => group.flat,
    }
}

/// Returns the width of some pieces on one line; `None` if one must be broken.
pub(super) fn flat_width(pieces: &[Piece<'_>]) -> Option<usize> {
    let blanks = pieces.windows(2).filter(|pair| is_apart(&pair[0], &pair[1])).count();
    pieces.iter().map(width).sum::<Option<usize>>().map(|width| width + blanks)
}

/// What stands between two brackets.
struct Body<'a> {
    remark: Option<&'a str>,
    rows: Vec<Row<'a>>,
    /// Whether a line ends in it, outside of its entries.
    spread: bool,
}

/// What a comment at the end of this line belongs to.
enum Owner {
    Bracket,
    LastRow,
    Nobody,
}

struct Reader<'a> {
    tokens: Peekable<Tokens<'a>>,
}

impl<'a> Reader<'a> {
    /// Reads up to the closing bracket, or to the end of the text.
    fn rows(&mut self, outermost: bool) -> Body<'a> {
        let mut body = Body { remark: None, rows: Vec::new(), spread: false };
        let mut owner = if outermost { Owner::Nobody } else { Owner::Bracket };
        let mut newlines = 0;
        while let Some(&token) = self.tokens.peek() {
            match token {
                Token::Newline => {
                    self.tokens.next();
                    newlines += 1;
                    body.spread = true;
                    owner = Owner::Nobody;
                }
                // Behind a comma stands the line of the row before it.
                Token::Comma => {
                    self.tokens.next();
                    newlines = 0;
                    owner = Owner::LastRow;
                }
                Token::Close => {
                    self.tokens.next();
                    // Outside of brackets none closes, since all are whole.
                    if !outermost {
                        break;
                    }
                }
                Token::Comment(text) => {
                    self.tokens.next();
                    add_comment(&mut body, &owner, text, newlines > 1);
                    newlines = 0;
                }
                _ => {
                    let content = Content::Entry(self.entry());
                    add_row(&mut body, content, newlines > 1);
                    newlines = 0;
                    owner = Owner::LastRow;
                }
            }
        }
        body
    }

    /// Reads an entry. A sign at the end of a line goes on with the next.
    fn entry(&mut self) -> Entry<'a> {
        let mut pieces = Vec::new();
        let mut alone = false;
        while let Some(&token) = self.tokens.peek() {
            let goes_on = awaits_value(&pieces);
            match token {
                Token::Newline if goes_on => alone = true,
                Token::Comment(text) if goes_on => pieces.push(Piece::Comment { text, alone }),
                Token::Close | Token::Comma | Token::Newline | Token::Comment(_) => break,
                Token::Word(word) => push_word(&mut pieces, word),
                Token::Sign(sign) => pieces.push(Piece::Sign(sign)),
                Token::Text(literal) => pieces.push(Piece::Text(spell(literal))),
                Token::Open(bracket) => {
                    let form = form(bracket, &pieces);
                    self.tokens.next();
                    let group = self.group(form);
                    pieces.push(Piece::Group(group));
                    continue;
                }
            }
            self.tokens.next();
        }
        let flat = flat_width(&pieces);
        Entry { pieces, comment: None, flat }
    }

    /// Reads what follows an opening bracket, the closing one included.
    fn group(&mut self, form: Form) -> Group<'a> {
        let Body { remark, rows, spread } = self.rows(false);
        // A block stays broken where its author broke it: whether a few keys
        // read better below each other depends on what they say.
        let broken = remark.is_some() || (form == Form::Block && spread && !rows.is_empty());
        let width = |row: &Row<'_>| match &row.content {
            Content::Entry(Entry { comment: None, flat, .. }) => *flat,
            _ => None,
        };
        let inner = rows.iter().map(width).sum::<Option<usize>>().filter(|_| !broken);
        let frame = if form == Form::Block && !rows.is_empty() { 4 } else { 2 };
        let flat = inner.map(|inner| inner + frame + 2 * rows.len().saturating_sub(1));
        Group { form, remark, rows, flat }
    }
}

fn add_row<'a>(body: &mut Body<'a>, content: Content<'a>, blank: bool) {
    let blank = blank && !body.rows.is_empty();
    body.rows.push(Row { blank, content });
}

fn add_comment<'a>(body: &mut Body<'a>, owner: &Owner, text: &'a str, blank: bool) {
    match (owner, body.rows.last_mut()) {
        (Owner::Bracket, _) => body.remark = Some(text),
        (Owner::LastRow, Some(Row { content: Content::Entry(entry), .. }))
            if entry.comment.is_none() =>
        {
            entry.comment = Some(text);
        }
        _ => add_row(body, Content::Comment(text), blank),
    }
}

/// Tells whether an entry ends with a sign that a value must follow.
fn awaits_value(pieces: &[Piece<'_>]) -> bool {
    match pieces.last() {
        Some(Piece::Sign(sign)) => sign.ends_with(['=', '<', '>']),
        Some(Piece::Comment { .. }) => true,
        _ => false,
    }
}

/// Adds a word, or a number and its unit.
fn push_word<'a>(pieces: &mut Vec<Piece<'a>>, word: &'a str) {
    // In `per 10min` and `edition 1a` the digits are part of the word.
    let whole = matches!(pieces.last(), Some(Piece::Word("per" | "edition")));
    match quantity(word).filter(|_| !whole) {
        Some((number, unit)) => pieces.extend([Piece::Word(number), Piece::Word(unit)]),
        None => pieces.push(Piece::Word(word)),
    }
}

/// Tells what an opening bracket begins, from what stands before it.
fn form(bracket: u8, before: &[Piece<'_>]) -> Form {
    match (bracket, before) {
        (b'{', _) => Form::Block,
        (b'(', _) => Form::Arguments,
        // In `for site in [a, b]` the word is none that has instances.
        (_, [.., Piece::Word("for"), Piece::Word(_), Piece::Word("in")]) => Form::List,
        (_, [.., Piece::Word(_) | Piece::Group(_)]) => Form::Index,
        _ => Form::List,
    }
}
