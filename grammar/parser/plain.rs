//! A short way for the commonest items: names, texts, numbers, lists, blocks and
//! calls, without a mistake. Other values in them are left to pest, one by one.
//!
//! It gives exactly what pest gives, which the tests show, or nothing: then pest
//! reads the item. So the grammar stays the definition of the language, and a
//! large spec of plain tasks is read many times faster. Unaware of what is wrong
//! where something is.

use std::borrow::Cow;

use pest::Parser as _;

use super::items::declares;
use super::values::read_hole;
use super::{ItemParser, Reader, Rule};
use crate::ast::{Argument, Declaration, Entry, Name, Relation, Repetition, Value, ValueKind};
use crate::diagnostic::Diagnostics;
use crate::source::{FileId, Span};
use crate::split::{Piece, blank_length, line_end, string_end};
use crate::text::decode;
use crate::words::{number_length, path_length, word_length};

/// How many entries and values one item may have; further ones are left to pest,
/// whose own limit tells what is too large.
const MAX_VALUES: usize = 4_000_000;

/// How many of these one call of pest stands for: as many as take its time.
const GRAMMAR_COST: usize = 20;

impl<'a> Reader<'a, '_> {
    /// Reads a declaration that has only plain forms and no mistake.
    pub(super) fn plain(&mut self, piece: &Piece) -> Option<Declaration<'a>> {
        if !piece.sound || piece.glued || piece.block.is_some() {
            return None;
        }
        let mut found = Diagnostics::new();
        let text = &self.text[..piece.range.end];
        let (file, at, left) = (self.file, piece.range.start, MAX_VALUES);
        let scratch = &mut *self.scratch;
        let mut plain = Plain { file, text, at, left, scratch, found: &mut found };
        let declaration = plain.declaration();
        let whole = plain.at == piece.range.end;
        // Where something could not be read, what stands before it is left there.
        self.scratch.entries.clear();
        self.scratch.values.clear();
        declaration.filter(|_| whole && found.errors() + found.warnings() == 0)
    }
}

/// What stands in open brackets, the innermost last, so that each list is made
/// once and with its final length: most of the memory of a tree is lists.
#[derive(Default)]
pub(super) struct Scratch<'a> {
    entries: Vec<Entry<'a>>,
    values: Vec<Value<'a>>,
}

struct Plain<'a, 'o> {
    file: FileId,
    /// The source up to the end of the piece.
    text: &'a str,
    at: usize,
    /// How many entries and values it may still have.
    left: usize,
    scratch: &'o mut Scratch<'a>,
    /// Whatever is found here is found again by pest's way.
    found: &'o mut Diagnostics,
}

impl<'a> Plain<'a, '_> {
    fn declaration(&mut self) -> Option<Declaration<'a>> {
        let start = self.at;
        let keyword = self.word().filter(|keyword| declares(keyword.text))?;
        self.blanks();
        let name = self.word()?;
        let mut declaration = Declaration {
            keyword,
            name,
            quoted: false,
            parameters: Vec::new(),
            kind: None,
            by: None,
            repetition: None,
            entries: Vec::new(),
            items: Vec::new(),
            complete: true,
            head: name.span,
        };
        let mut end = self.at;
        while self.blanks() != Some(b'{') {
            let clause = self.at;
            let again = match self.word()?.text {
                "is" => declaration.kind.replace(self.dotted()?).is_some(),
                "by" => declaration.by.replace(self.dotted()?).is_some(),
                "for" => declaration.repetition.replace(self.repetition(clause)?).is_some(),
                _ => true,
            };
            if again {
                return None;
            }
            end = self.at;
        }
        declaration.head = self.span(start, end);
        declaration.entries = self.block()?;
        Some(declaration)
    }

    fn repetition(&mut self, start: usize) -> Option<Repetition<'a>> {
        self.gap()?;
        let variable = self.word()?;
        self.gap()?;
        if self.word()?.text != "in" {
            return None;
        }
        self.gap()?;
        let list = match self.peek()? {
            b'[' => self.value()?,
            _ => {
                let name = self.path()?;
                // What may follow a path is left to pest, but for the block of the item.
                let call = matches!(self.blanks(), Some(b'(' | b'['));
                if call {
                    return None;
                }
                self.at = name.span.range().end;
                Value { kind: ValueKind::Name(name.text), span: name.span }
            }
        };
        Some(Repetition { variable, list, span: self.span(start, self.at) })
    }

    /// Reads a block with its brackets.
    fn block(&mut self) -> Option<Vec<Entry<'a>>> {
        self.at += 1;
        self.lines();
        let first = self.scratch.entries.len();
        while self.peek()? != b'}' {
            let entry = self.entry()?;
            self.scratch.entries.push(entry);
            self.separator(b'}')?;
        }
        self.at += 1;
        Some(self.scratch.entries.drain(first..).collect())
    }

    fn entry(&mut self) -> Option<Entry<'a>> {
        self.left = self.left.checked_sub(1)?;
        let key = self.word()?;
        let next = self.blanks()?;
        if next == b'{' {
            let value = self.value()?;
            return Some(Entry { key, relation: Relation::Block, value });
        }
        let second = self.text.as_bytes().get(self.at + 1).copied()?;
        let (relation, length) = match (next, second) {
            (b'=', b'=') => (Relation::Equal, 2),
            (b'=', b'>') => return None,
            (b'=', _) => (Relation::Set, 1),
            (b'+', b'=') => (Relation::Add, 2),
            (b'<', b'=') => (Relation::AtMost, 2),
            (b'>', b'=') => (Relation::AtLeast, 2),
            (b'!', b'=') => (Relation::Unequal, 2),
            (b'<', _) => (Relation::Below, 1),
            (b'>', _) => (Relation::Above, 1),
            _ => return None,
        };
        self.at += length;
        self.lines();
        let start = self.at;
        let mut value = self.value()?;
        if relation == Relation::Set && self.compares() {
            value = self.by_grammar(Rule::whole_begin, start)?;
        }
        Some(Entry { key, relation, value })
    }

    /// Tells whether a sign follows that compares a value with another one.
    fn compares(&self) -> bool {
        let rest = &self.text[self.at..];
        let rest = &rest[blank_length(rest)..];
        rest.starts_with("==") || rest.starts_with("!=")
    }

    /// Lets pest read what begins at `start`.
    fn by_grammar(&mut self, rule: Rule, start: usize) -> Option<Value<'a>> {
        self.left = self.left.checked_sub(GRAMMAR_COST)?;
        let pair = ItemParser::parse(rule, &self.text[start..]).ok()?.next()?;
        self.at = start + pair.as_span().end();
        let (file, text, scratch) = (self.file, self.text, &mut Scratch::default());
        let mut reader = Reader { file, text, out: &mut *self.found, scratch };
        reader.whole(&mut pair.into_inner(), start)
    }

    fn value(&mut self) -> Option<Value<'a>> {
        self.left = self.left.checked_sub(1)?;
        let start = self.at;
        let kind = match self.peek()? {
            b'"' => {
                self.at = string_end(self.text, start)?;
                decode(self.file, self.text, start..self.at, read_hole, self.found)
            }
            b'[' => ValueKind::List(self.list()?),
            b'{' => ValueKind::Block(self.block()?),
            b'0'..=b'9' | b'-' => match self.quantity()? {
                Some(quantity) => quantity,
                None => return self.by_grammar(Rule::value_begin, start),
            },
            _ => return self.named(),
        };
        Some(Value { kind, span: self.span(start, self.at) })
    }

    /// Reads a list with its brackets.
    fn list(&mut self) -> Option<Vec<Value<'a>>> {
        self.at += 1;
        self.lines();
        let first = self.scratch.values.len();
        while self.peek()? != b']' {
            let value = self.value()?;
            self.scratch.values.push(value);
            self.separator(b']')?;
        }
        self.at += 1;
        Some(self.scratch.values.drain(first..).collect())
    }

    /// Reads arguments with their brackets.
    fn arguments(&mut self) -> Option<Vec<Argument<'a>>> {
        self.at += 1;
        self.lines();
        let mut arguments = Vec::new();
        while self.peek()? != b')' {
            let name = self.argument_name();
            arguments.push(Argument { name, value: self.value()? });
            self.separator(b')')?;
        }
        self.at += 1;
        arguments.shrink_to_fit();
        Some(arguments)
    }

    /// Takes a name with its `=`, if these follow.
    fn argument_name(&mut self) -> Option<Name<'a>> {
        let start = self.at;
        let name = self.word();
        if name.is_some() && self.after_gap() == Some(b'=') {
            self.gap();
            let rest = &self.text[self.at + 1..];
            if !rest.starts_with(['=', '>']) {
                self.at += 1;
                self.lines();
                return name;
            }
        }
        self.at = start;
        None
    }

    /// Reads a name or a call; what else may follow a name is left to pest.
    fn named(&mut self) -> Option<Value<'a>> {
        let name = self.path()?;
        match self.after_gap() {
            Some(b'(') => {
                self.gap();
                let arguments = self.arguments()?;
                let span = name.span.to(self.span(self.at, self.at));
                Some(Value { kind: ValueKind::Call { name, arguments }, span })
            }
            Some(b'[' | b'{') => self.by_grammar(Rule::value_begin, name.span.range().start),
            _ => Some(Value { kind: ValueKind::Name(name.text), span: name.span }),
        }
    }

    /// Reads a number and a unit of one word; nothing inside if the unit has more.
    fn quantity(&mut self) -> Option<Option<ValueKind<'a>>> {
        let start = self.at;
        self.at += number_length(&self.text[start..]);
        let number = &self.text[start..self.at];
        let end = self.at;
        self.gap();
        let length = match self.peek() {
            Some(b'%') => 1,
            _ => word_length(&self.text[self.at..]),
        };
        let unit = &self.text[self.at..self.at + length];
        self.at = if length == 0 { end } else { self.at + length };
        let more = self.after_gap().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
        let quantity = ValueKind::Quantity { number, unit: Cow::Borrowed(unit) };
        (!number.is_empty()).then_some((!more).then_some(quantity))
    }

    /// Takes what separates an entry or value from the next one, or from the
    /// closing bracket.
    fn separator(&mut self, close: u8) -> Option<()> {
        match self.blanks()? {
            b'\n' => {
                if self.lines() == Some(b',') {
                    self.at += 1;
                    self.lines();
                }
            }
            b',' => {
                self.at += 1;
                self.lines();
            }
            byte if byte == close => {}
            _ => return None,
        }
        Some(())
    }

    fn word(&mut self) -> Option<Name<'a>> {
        let length = word_length(&self.text[self.at..]);
        self.name(length)
    }

    fn path(&mut self) -> Option<Name<'a>> {
        let length = path_length(&self.text[self.at..]);
        self.name(length)
    }

    /// Reads words joined by `.`, and the blanks before them.
    fn dotted(&mut self) -> Option<Name<'a>> {
        self.gap()?;
        self.path().filter(|name| !name.text.contains('/'))
    }

    fn name(&mut self, length: usize) -> Option<Name<'a>> {
        let start = self.at;
        self.at += length;
        let text = &self.text[start..self.at];
        (length > 0).then(|| Name { text, span: self.span(start, self.at) })
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Takes blanks, at least one.
    fn gap(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(b' ' | b'\t') = self.peek() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    /// Returns what stands behind the blanks here.
    fn after_gap(&self) -> Option<u8> {
        self.text.as_bytes()[self.at..].iter().copied().find(|&byte| byte != b' ' && byte != b'\t')
    }

    /// Takes blanks and a comment, and returns what follows.
    fn blanks(&mut self) -> Option<u8> {
        loop {
            match self.peek()? {
                b' ' | b'\t' => self.at += 1,
                b'#' => self.at = line_end(self.text.as_bytes(), self.at),
                byte => return Some(byte),
            }
        }
    }

    /// Takes blanks, comments and line ends, and returns what follows.
    fn lines(&mut self) -> Option<u8> {
        loop {
            match self.blanks()? {
                b'\n' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.file, start..end)
    }
}
