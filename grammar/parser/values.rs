//! From pest's pairs to entries and values.
//!
//! Entries, arguments and named values have no pair of their own: each function
//! takes from the pairs what belongs to it. Unaware of items.

use std::borrow::Cow;
use std::ops::Range;

use pest::Parser as _;
use pest::error::{Error, ErrorVariant};
use pest::iterators::{Pair, Pairs};

use super::plain::Scratch;
use super::wording::Form;
use super::{ItemParser, Reader, Rule};
use crate::ast::{Argument, Entry, Name, Relation, Segment, Value, ValueKind};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, Span};
use crate::split::{Piece, split_entries};
use crate::text::decode;
use crate::words::{number_length, path_length};

/// How many entries are read one by one of an item that is too large as a whole.
const MAX_PARTS: usize = 100_000;

impl<'a> Reader<'a, '_> {
    pub(super) fn entries(&mut self, mut pairs: Pairs<'a, Rule>, base: usize) -> Vec<Entry<'a>> {
        let mut entries = Vec::new();
        while let Some(entry) = self.entry(&mut pairs, base) {
            entries.push(entry);
        }
        entries.shrink_to_fit();
        entries
    }

    fn entry(&mut self, pairs: &mut Pairs<'a, Rule>, base: usize) -> Option<Entry<'a>> {
        let key = pairs.next().filter(|pair| pair.as_rule() == Rule::key)?;
        let key = self.name(&key, base);
        let next = pairs.peek()?;
        let (relation, value) = match next.as_rule() {
            Rule::changes => (Relation::Block, self.value(pairs, base)?),
            Rule::relation => {
                pairs.next();
                (relation(next.as_str()), self.value(pairs, base)?)
            }
            _ => (Relation::Set, self.whole(pairs, base)?),
        };
        Some(Entry { key, relation, value })
    }

    /// Reads an entry that stands alone, and reports it if it cannot be read.
    pub(super) fn entry_alone(&mut self, range: Range<usize>) -> Option<Entry<'a>> {
        let part = &self.text[range.clone()];
        match ItemParser::parse(Rule::entry_alone, part) {
            Ok(mut pairs) => self.entry(&mut pairs.next()?.into_inner(), range.start),
            Err(_) if self.begins_item(&range) => {
                self.item_inside(&range);
                None
            }
            Err(error) => {
                self.syntax(part, range.start, &error, Form::Entry);
                None
            }
        }
    }

    fn item_inside(&mut self, range: &Range<usize>) {
        let word = self.text[range.clone()].split(' ').next().unwrap_or_default();
        let finding = Diagnostic::error("E0101", format!("a {word} cannot stand in this item"))
            .at(self.span(range.start..range.start + word.len()), "an item begins here")
            .help("perhaps a `}` is missing above it")
            .help("only a group, a template or a constitution holds items");
        self.out.push(finding);
    }

    /// Reads the block of an item with a mistake, entry by entry, and tells
    /// whether that gives all of it.
    pub(super) fn entries_alone(
        &mut self,
        piece: &Piece,
        head: usize,
        error: &Error<Rule>,
    ) -> (Vec<Entry<'a>>, bool) {
        let open = head + self.text[head..piece.range.end].find('{').unwrap_or(0);
        let inside = open + 1..(piece.range.end - 1).max(open + 1);
        let parts = split_entries(self.text, inside);
        let before = self.out.errors();
        // What was too large as a whole may be readable by parts.
        let large = matches!(error.variant, ErrorVariant::CustomError { .. });
        let too_many = large && parts.len() > MAX_PARTS;
        let mut entries = Vec::new();
        for range in parts {
            if too_many || large && self.out.errors() > before {
                break;
            }
            entries.extend(self.entry_alone(range));
        }
        let complete = large && !too_many && self.out.errors() == before;
        if self.out.errors() == before && !complete {
            let text = &self.text[piece.range.clone()];
            self.syntax(text, piece.range.start, error, Form::Entry);
        }
        (entries, complete)
    }

    /// Reads a value, or two that are compared.
    pub(super) fn whole(&mut self, pairs: &mut Pairs<'a, Rule>, base: usize) -> Option<Value<'a>> {
        let left = self.value(pairs, base)?;
        let sign = pairs.peek().filter(|next| next.as_rule() == Rule::comparison);
        let Some(sign) = sign else { return Some(left) };
        pairs.next();
        let right = self.value(pairs, base)?;
        let span = left.span.to(right.span);
        let (left, right) = (Box::new(left), Box::new(right));
        Some(Value {
            kind: ValueKind::Compared { left, equal: sign.as_str() == "==", right },
            span,
        })
    }

    pub(super) fn value(&mut self, pairs: &mut Pairs<'a, Rule>, base: usize) -> Option<Value<'a>> {
        let pair = pairs.next()?;
        let span = self.place(&pair, base);
        let kind = match pair.as_rule() {
            Rule::text | Rule::long_text => {
                decode(self.file, self.text, span.range(), read_hole, self.out)
            }
            Rule::list => {
                let mut inner = pair.into_inner();
                let mut values = Vec::new();
                while let Some(value) = self.value(&mut inner, base) {
                    values.push(value);
                }
                values.shrink_to_fit();
                ValueKind::List(values)
            }
            Rule::block | Rule::changes => ValueKind::Block(self.entries(pair.into_inner(), base)),
            Rule::quantity => quantity(pair.as_str()),
            Rule::path => return self.named(&pair, pairs, base),
            _ => return None,
        };
        Some(Value { kind, span })
    }

    /// Reads what belongs to a name.
    fn named(
        &mut self,
        path: &Pair<'a, Rule>,
        pairs: &mut Pairs<'a, Rule>,
        base: usize,
    ) -> Option<Value<'a>> {
        let name = self.name(path, base);
        let plain = Value { kind: ValueKind::Name(name.text), span: name.span };
        let Some(next) = pairs.peek() else { return Some(plain) };
        let span = name.span.to(self.place(&next, base));
        let kind = match next.as_rule() {
            Rule::arguments => {
                pairs.next();
                ValueKind::Call { name, arguments: self.arguments(next, base) }
            }
            Rule::changes => {
                pairs.next();
                ValueKind::Adapted { name, entries: self.entries(next.into_inner(), base) }
            }
            Rule::index => return self.reference(name, pairs, base),
            _ => return Some(plain),
        };
        Some(Value { kind, span })
    }

    fn reference(
        &mut self,
        first: Name<'a>,
        pairs: &mut Pairs<'a, Rule>,
        base: usize,
    ) -> Option<Value<'a>> {
        let mut span = first.span;
        let mut segment = Segment { name: first, index: None, arguments: None };
        let mut segments = Vec::new();
        while let Some(next) = pairs.peek() {
            let rule = next.as_rule();
            if !matches!(rule, Rule::index | Rule::arguments | Rule::step) {
                break;
            }
            pairs.next();
            span = span.to(self.place(&next, base));
            match rule {
                Rule::index => segment.index = Some(self.value(&mut next.into_inner(), base)?),
                Rule::arguments => segment.arguments = Some(self.arguments(next, base)),
                _ => {
                    let name = self.name(&next, base);
                    segments.push(std::mem::replace(
                        &mut segment,
                        Segment { name, index: None, arguments: None },
                    ));
                }
            }
        }
        segments.push(segment);
        Some(Value { kind: ValueKind::Reference(segments), span })
    }

    pub(super) fn arguments(&mut self, pair: Pair<'a, Rule>, base: usize) -> Vec<Argument<'a>> {
        let mut pairs = pair.into_inner();
        let mut arguments = Vec::new();
        while let Some(argument) = self.argument(&mut pairs, base) {
            arguments.push(argument);
        }
        arguments.shrink_to_fit();
        arguments
    }

    fn argument(&mut self, pairs: &mut Pairs<'a, Rule>, base: usize) -> Option<Argument<'a>> {
        let named = pairs.peek().filter(|next| next.as_rule() == Rule::argument_name);
        let name = named.map(|name| {
            pairs.next();
            self.name(&name, base)
        });
        Some(Argument { name, value: self.value(pairs, base)? })
    }

    /// Reads a type, if one follows.
    pub(super) fn ty(&mut self, pairs: &mut Pairs<'a, Rule>, base: usize) -> Option<Value<'a>> {
        let ty = pairs.peek().filter(|next| next.as_rule() == Rule::ty)?;
        pairs.next();
        self.value(&mut ty.into_inner(), base)
    }

    pub(super) fn name(&self, pair: &Pair<'a, Rule>, base: usize) -> Name<'a> {
        Name { text: pair.as_str(), span: self.place(pair, base) }
    }

    pub(super) fn place(&self, pair: &Pair<'a, Rule>, base: usize) -> Span {
        let span = pair.as_span();
        self.span(base + span.start()..base + span.end())
    }

    pub(super) fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range)
    }
}

/// Reads what stands between `${` and `}`.
pub(super) fn read_hole<'t>(
    file: FileId,
    text: &'t str,
    range: Range<usize>,
    out: &mut Diagnostics,
) -> Option<Value<'t>> {
    let inner = &text[range.clone()];
    // The commonest holes are names.
    if path_length(inner) == inner.len() {
        return Some(Value { kind: ValueKind::Name(inner), span: Span::new(file, range) });
    }
    let scratch = &mut Scratch::default();
    let mut reader = Reader { file, text, out, scratch };
    match ItemParser::parse(Rule::hole_alone, inner) {
        Ok(mut pairs) => reader.value(&mut pairs.next()?.into_inner(), range.start),
        Err(error) => {
            reader.hole(&range, &error);
            None
        }
    }
}

/// Splits a quantity into its digits and its unit.
fn quantity(text: &str) -> ValueKind<'_> {
    let (number, unit) = text.split_at(number_length(text));
    ValueKind::Quantity { number, unit: single_spaced(unit.trim_start_matches([' ', '\t'])) }
}

/// Returns a unit with one space between its words.
fn single_spaced(unit: &str) -> Cow<'_, str> {
    if unit.contains([' ', '\t']) {
        unit.split_ascii_whitespace().collect::<Vec<_>>().join(" ").into()
    } else {
        Cow::Borrowed(unit)
    }
}

fn relation(sign: &str) -> Relation {
    match sign {
        "+=" => Relation::Add,
        "<=" => Relation::AtMost,
        ">=" => Relation::AtLeast,
        "<" => Relation::Below,
        ">" => Relation::Above,
        "==" => Relation::Equal,
        "!=" => Relation::Unequal,
        _ => Relation::Set,
    }
}
