//! From a piece of the text to an item, or to an entry of the item around it.
//!
//! The first words of a piece tell its form, so that what is wrong in it is said
//! in the words of that form. Unaware of what stands beside a piece.

use std::ops::Range;

use pest::Parser as _;
use pest::iterators::{Pair, Pairs};

use super::wording::Form;
use super::{ItemParser, Read, Reader, Rule};
use crate::ast::{Binding, Call, Declaration, Edition, Exchange, Item, Name, Opening, Use};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::split::{ITEM_WORDS, Piece, begins_item, blank_length, line_end};
use crate::words::{explain_sign, found, word_length};

/// How many entries are looked at to find the head they stand below.
const MAX_ENTRIES_BELOW: usize = 16;

/// Tells whether a keyword begins an item of the form `keyword name … { … }`.
pub(super) fn declares(keyword: &str) -> bool {
    matches!(
        keyword,
        "agent"
            | "approval"
            | "command"
            | "constitution"
            | "deploy"
            | "environment"
            | "gate"
            | "generated"
            | "group"
            | "pipeline"
            | "prices"
            | "rule"
            | "task"
            | "template"
    )
}

impl<'a> Reader<'a, '_> {
    /// Reads a piece, but for the pieces that lie in it.
    pub(super) fn piece(&mut self, pieces: &[Piece], at: usize) -> Read<'a> {
        let Some(piece) = pieces.get(at) else { return Read::Nothing };
        if let Some(declaration) = self.plain(piece) {
            return Read::Item(Item::Declaration(declaration));
        }
        let Some(opening) = self.opening(&piece.range) else {
            let before = at.checked_sub(1).and_then(|before| pieces.get(before));
            if piece.sound && !before.is_some_and(|before| self.lacks_block(before, Some(piece))) {
                self.no_item(piece);
            }
            return Read::Nothing;
        };
        let is_entry = self.is_entry(piece, &opening);
        if !piece.sound {
            return if is_entry { Read::Nothing } else { Read::Item(Item::Damaged(opening)) };
        }
        if piece.glued {
            let what = if is_entry { "entries" } else { "items" };
            let finding = Diagnostic::error("E0110", format!("two {what} stand on one line"))
                .at(opening.keyword.span, "the second begins here")
                .help("begin a new line, or put a comma between them");
            self.out.push(finding);
        }
        if is_entry {
            if piece.depth == 0 {
                if !self.follows_bare_head(pieces, at) {
                    self.outside(&opening);
                }
                return Read::Nothing;
            }
            return self.entry_alone(piece.range.clone()).map_or(Read::Nothing, Read::Entry);
        }
        if self.lacks_block(piece, pieces.get(at + 1)) {
            self.block_below(piece, &opening);
            return Read::Item(Item::Damaged(opening));
        }
        let span = self.span(piece.range.clone());
        Read::Item(match opening.keyword.text {
            "edition" => self.edition(piece, opening),
            "use" => self.simple(piece, opening, Form::Use, |reader, pairs, base| {
                reader.use_item(pairs, base, span)
            }),
            "let" => self.simple(piece, opening, Form::Let, |reader, pairs, base| {
                reader.binding(pairs, base, span)
            }),
            "param" => self.simple(piece, opening, Form::Param, |reader, pairs, base| {
                reader.binding(pairs, base, span)
            }),
            "exchange" => self.exchange(piece, opening),
            keyword if declares(keyword) => self.declaration(piece, opening),
            _ if self.is_call(piece) => {
                self.simple(piece, opening, Form::Call, |reader, pairs, base| {
                    reader.call(pairs, base, span)
                })
            }
            _ => Item::Unknown(opening),
        })
    }

    /// Reads the first two words of a piece, whatever comes behind.
    pub(super) fn opening(&self, range: &Range<usize>) -> Option<Opening<'a>> {
        let keyword = self.word(range.start, range.end)?;
        let after = keyword.span.range().end;
        let name = after + blank_length(&self.text[after..range.end]);
        let quoted = || {
            let rest: &'a str = self.text[name..range.end].strip_prefix('"')?;
            let (text, _) = rest.split_once(['"', '\n'])?;
            Some(Name { text, span: self.span(name + 1..name + 1 + text.len()) })
        };
        Some(Opening { keyword, name: self.word(name, range.end).or_else(quoted) })
    }

    fn word(&self, start: usize, end: usize) -> Option<Name<'a>> {
        let text: &'a str = &self.text[start..end];
        let length = word_length(text);
        (length > 0).then(|| Name { text: &text[..length], span: self.span(start..start + length) })
    }

    /// Tells whether a piece is a key with its value instead of an item.
    fn is_entry(&self, piece: &Piece, opening: &Opening) -> bool {
        let rest = self.text[opening.keyword.span.range().end..piece.range.end].trim_start();
        let known = ITEM_WORDS.contains(&opening.keyword.text);
        let sets = rest.starts_with(['=', '<', '>']) || rest.starts_with("+=");
        // The word of an item may be a key where entries may stand; it is none
        // before a `{`, where the name is missing.
        if known { piece.depth > 0 && sets } else { sets || rest.starts_with('{') }
    }

    /// Tells whether a piece begins with words joined by `.` and a `(`.
    fn is_call(&self, piece: &Piece) -> bool {
        let text = &self.text[piece.range.clone()];
        let sign = |sign: char| !(sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-' | '.'));
        let rest = text.trim_start_matches(|next| !sign(next));
        rest[blank_length(rest)..].starts_with('(')
    }

    /// Tells whether a piece is the head of an item whose block stands on the next line.
    fn lacks_block(&self, piece: &Piece, next: Option<&Piece>) -> bool {
        let text = &self.text[piece.range.clone()];
        let word = &text[..word_length(text)];
        next.is_some_and(|next| {
            next.depth == piece.depth
                && !next.glued
                && self.text[next.range.clone()].starts_with('{')
        }) && (word == "exchange" || declares(word))
            && piece.sound
            && !text.contains('{')
    }

    /// Reports a piece that does not begin with a word.
    fn no_item(&mut self, piece: &Piece) {
        let text = &self.text[piece.range.clone()];
        let first = text.chars().next().map_or(0, char::len_utf8);
        let place = self.span(piece.range.start..piece.range.start + first);
        let (label, help) = explain_sign(text).unwrap_or((
            "no item begins like this",
            "an item begins with a word, as in `task greet by builder { … }`",
        ));
        let message = format!("{} begins no item", found(text));
        self.out.push(Diagnostic::error("E0101", message).at(place, label).help(help));
    }

    /// Tells whether a piece stands below the head of an item that lacks its `{`:
    /// then it belongs to that item, which is reported.
    fn follows_bare_head(&self, pieces: &[Piece], at: usize) -> bool {
        let before = pieces[..at].iter().rev().take(MAX_ENTRIES_BELOW);
        let head =
            before.map(|piece| (piece, self.opening(&piece.range))).find(|(piece, opening)| {
                opening.as_ref().is_none_or(|opening| !self.is_entry(piece, opening))
            });
        head.is_some_and(|(piece, opening)| {
            piece.sound
                && opening.is_some_and(|opening| declares(opening.keyword.text))
                && !self.text[piece.range.clone()].contains('{')
        })
    }

    /// Reports an entry that stands in no item.
    fn outside(&mut self, opening: &Opening) {
        let message = format!("`{}` is set outside of any item", opening.keyword.text);
        let finding = Diagnostic::error("E0111", message)
            .at(opening.keyword.span, "belongs between the `{` and `}` of an item")
            .help("move it into its item; perhaps a `}` above it closes the item too early");
        self.out.push(finding);
    }

    fn edition(&mut self, piece: &Piece, opening: Opening<'a>) -> Item<'a> {
        let span = self.span(piece.range.clone());
        let number = ItemParser::parse(Rule::edition_item, &self.text[piece.range.clone()])
            .ok()
            .and_then(|mut pairs| pairs.next()?.into_inner().nth(1));
        if let Some(number) = number {
            let number = self.name(&number, piece.range.start);
            return Item::Edition(Edition { number, span });
        }
        let finding = Diagnostic::error("E0101", "the edition is not readable")
            .at(span, "should be `edition 1`")
            .help("write `edition 1` on a line of its own");
        self.out.push(finding);
        Item::Damaged(opening)
    }

    /// Reads an item that has no block.
    fn simple(
        &mut self,
        piece: &Piece,
        opening: Opening<'a>,
        form: Form,
        read: impl FnOnce(&mut Self, Pairs<'a, Rule>, usize) -> Option<Item<'a>>,
    ) -> Item<'a> {
        let base = piece.range.start;
        let text = &self.text[piece.range.clone()];
        match ItemParser::parse(form.rule(), text) {
            Ok(mut pairs) => pairs
                .next()
                .and_then(|item| read(self, item.into_inner(), base))
                .unwrap_or(Item::Damaged(opening)),
            Err(error) => {
                self.syntax(text, base, &error, form);
                Item::Damaged(opening)
            }
        }
    }

    fn use_item(
        &mut self,
        mut pairs: Pairs<'a, Rule>,
        base: usize,
        span: Span,
    ) -> Option<Item<'a>> {
        let target = pairs.nth(1)?;
        let quoted = target.as_rule() == Rule::name_text;
        let target = self.maybe_quoted(&target, base);
        let alias = pairs.find(|pair| pair.as_rule() == Rule::as_clause);
        let alias = alias.and_then(|clause| Some(self.name(&clause.into_inner().next()?, base)));
        Some(Item::Use(Use { target, quoted, alias, span }))
    }

    fn binding(&mut self, mut pairs: Pairs<'a, Rule>, base: usize, span: Span) -> Option<Item<'a>> {
        let keyword = self.name(&pairs.next()?, base);
        let name = self.name(&pairs.next()?, base);
        let ty = self.ty(&mut pairs, base);
        let value = match pairs.peek().map(|next| next.as_rule()) {
            None | Some(Rule::EOI) => None,
            Some(_) => Some(self.whole(&mut pairs, base)?),
        };
        Some(Item::Binding(Binding { keyword, name, ty, value, span }))
    }

    fn call(&mut self, mut pairs: Pairs<'a, Rule>, base: usize, span: Span) -> Option<Item<'a>> {
        let name = self.name(&pairs.next()?, base);
        let arguments = self.arguments(pairs.next()?, base);
        let mut call = Call { name, arguments, alias: None, repetition: None, span };
        for clause in pairs {
            let place = self.place(&clause, base);
            let again = match clause.as_rule() {
                Rule::as_clause => {
                    let alias = self.name(&clause.into_inner().next()?, base);
                    call.alias.replace(alias).is_some()
                }
                Rule::for_clause => {
                    let repetition = self.repetition(clause, base)?;
                    call.repetition.replace(repetition).is_some()
                }
                _ => false,
            };
            self.said_twice(again, place);
        }
        Some(Item::Call(call))
    }

    fn exchange(&mut self, piece: &Piece, opening: Opening<'a>) -> Item<'a> {
        let base = piece.range.start;
        let text = &self.text[piece.range.clone()];
        let error = match ItemParser::parse(Rule::exchange_item, text) {
            Ok(mut pairs) => {
                let exchange = pairs.next().and_then(|item| {
                    let mut pairs = item.into_inner();
                    let mut exchange = self.rate(pairs.next()?, base)?;
                    exchange.entries = self.entries(pairs.next()?.into_inner(), base);
                    Some(exchange)
                });
                return exchange.map_or(Item::Damaged(opening), Item::Exchange);
            }
            Err(error) => error,
        };
        let head = ItemParser::parse(Rule::exchange_alone, text)
            .ok()
            .and_then(|mut pairs| pairs.next()?.into_inner().next());
        let Some(mut exchange) = head.and_then(|head| self.rate(head, base)) else {
            self.syntax(text, base, &error, Form::Exchange);
            return Item::Damaged(opening);
        };
        let open = exchange.head.range().end;
        (exchange.entries, exchange.complete) = self.entries_alone(piece, open, &error);
        Item::Exchange(exchange)
    }

    fn rate(&mut self, head: Pair<'a, Rule>, base: usize) -> Option<Exchange<'a>> {
        let span = self.trimmed(&head, base);
        let mut pairs = head.into_inner();
        pairs.next()?;
        let from = self.value(&mut pairs, base)?;
        let to = self.value(&mut pairs, base)?;
        Some(Exchange { from, to, entries: Vec::new(), complete: true, head: span })
    }

    pub(super) fn declaration(&mut self, piece: &Piece, opening: Opening<'a>) -> Item<'a> {
        if let Some(block) = piece.block {
            return self.container(piece, opening, block);
        }
        let base = piece.range.start;
        let text = &self.text[piece.range.clone()];
        let error = match ItemParser::parse(Rule::declaration_item, text) {
            Ok(mut pairs) => {
                let declaration = pairs.next().and_then(|item| {
                    let mut pairs = item.into_inner();
                    let mut declaration = self.head(pairs.next()?, base)?;
                    declaration.entries = self.entries(pairs.next()?.into_inner(), base);
                    Some(declaration)
                });
                return declaration.map_or(Item::Damaged(opening), Item::Declaration);
            }
            Err(error) => error,
        };
        let Some(mut declaration) = self.head_alone(text, base) else {
            self.syntax(text, base, &error, Form::Declaration);
            return Item::Damaged(opening);
        };
        let open = declaration.head.range().end;
        (declaration.entries, declaration.complete) = self.entries_alone(piece, open, &error);
        Item::Declaration(declaration)
    }

    /// Reads the head of an item in whose block other pieces lie.
    fn container(&mut self, piece: &Piece, opening: Opening<'a>, block: usize) -> Item<'a> {
        let base = piece.range.start;
        let text = &self.text[base..=block];
        let declaration = match ItemParser::parse(Rule::head_alone, text) {
            Ok(mut pairs) => pairs
                .next()
                .and_then(|pair| pair.into_inner().next())
                .and_then(|head| self.head(head, base)),
            Err(error) => {
                let declaration = self.head_with_parameters(text, base);
                if declaration.is_none() {
                    self.syntax(text, base, &error, Form::Declaration);
                }
                declaration
            }
        };
        match declaration {
            Some(declaration) => {
                Item::Declaration(Declaration { complete: piece.closed, ..declaration })
            }
            None => Item::Damaged(opening),
        }
    }

    /// Reports a `{` that stands on the line below the head of its item.
    fn block_below(&mut self, piece: &Piece, opening: &Opening<'a>) {
        let message = format!("the `{{` of this {} stands on the next line", opening.keyword.text);
        let end = piece.range.end;
        let finding = Diagnostic::error("E0101", message)
            .at(self.span(end - 1..end), "the item ends here, with its line")
            .help("put the `{` at the end of this line");
        self.out.push(finding);
    }

    /// Tells whether a stretch begins with the head of an item.
    pub(super) fn begins_item(&self, range: &Range<usize>) -> bool {
        let line = line_end(self.text.as_bytes(), range.start).min(range.end);
        begins_item(&self.text[range.start..line])
    }
}
