//! Values after evaluation: nothing in them depends on a variable any more.
//!
//! A bare name that is no variable stays a word, with the scope it was written
//! in, so that it means the same wherever a template carries it. Unaware of the
//! keys that values belong to.

use std::borrow::Cow;

use eufm_grammar::Span;
use eufm_grammar::ast::{Entry, Name, Relation};

use crate::scope::ScopeId;

/// A value with the place it was written at.
#[derive(Clone, Debug)]
pub(crate) struct Value<'a> {
    pub(crate) kind: Kind<'a>,
    pub(crate) span: Span,
}

/// The forms of evaluated values.
#[derive(Clone, Debug)]
pub(crate) enum Kind<'a> {
    Text(Cow<'a, str>),
    /// A bare name, or names joined by `.` and `/`.
    Word(Word<'a>),
    Quantity {
        number: Cow<'a, str>,
        unit: Cow<'a, str>,
    },
    List(Vec<Value<'a>>),
    Map(Vec<Field<'a>>),
    Call(Box<Call<'a>>),
    /// Something adapted in place; its entries are evaluated where they are read.
    Adapted {
        word: Word<'a>,
        entries: &'a [Entry<'a>],
    },
    /// One instance, or something of it.
    Reference(Box<Reference<'a>>),
    /// What could not be evaluated; this is reported.
    Damaged,
}

/// A bare name with the scope it was written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) home: ScopeId,
}

/// An entry of a block.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) key: Name<'a>,
    pub(crate) relation: Relation,
    pub(crate) value: Value<'a>,
}

/// `name(…)`.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) arguments: Vec<Value<'a>>,
    pub(crate) home: ScopeId,
}

/// `name["x"]/name.answer`.
#[derive(Clone, Debug)]
pub(crate) struct Reference<'a> {
    pub(crate) home: ScopeId,
    pub(crate) steps: Vec<Step<'a>>,
}

/// A part of a reference.
#[derive(Clone, Debug)]
pub(crate) struct Step<'a> {
    /// The words; behind the first step they begin with their `.` or `/`.
    pub(crate) words: Cow<'a, str>,
    pub(crate) span: Span,
    pub(crate) index: Option<(String, Span)>,
    pub(crate) arguments: Option<Vec<Value<'a>>>,
}

impl<'a> Value<'a> {
    pub(crate) fn new(kind: Kind<'a>, span: Span) -> Self {
        Self { kind, span }
    }

    pub(crate) fn damaged(span: Span) -> Self {
        Self::new(Kind::Damaged, span)
    }

    pub(crate) fn is_damaged(&self) -> bool {
        matches!(self.kind, Kind::Damaged)
    }

    /// About how many bytes a copy of this takes.
    pub(crate) fn weight(&self) -> u64 {
        let own = match &self.kind {
            Kind::Text(text) => text.len(),
            Kind::Word(word) => word.text.len(),
            _ => 0,
        };
        let inner: u64 = match &self.kind {
            Kind::List(values) => values.iter().map(Self::weight).sum(),
            Kind::Map(fields) => fields.iter().map(|field| field.value.weight()).sum(),
            Kind::Call(call) => call.arguments.iter().map(Self::weight).sum(),
            _ => 0,
        };
        own as u64 + inner + 32
    }
}

impl Kind<'_> {
    /// Names the form for people, with its article.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Damaged => "a text",
            Self::Word(_) => "a name",
            Self::Quantity { unit, .. } if unit.is_empty() => "a number",
            Self::Quantity { unit, .. } if unit == "%" => "a percentage",
            Self::Quantity { .. } => "a number with a unit",
            Self::List(_) => "a list",
            Self::Map(_) => "a block",
            Self::Call(_) => "a call",
            Self::Adapted { .. } => "a name with a block",
            Self::Reference(_) => "a reference",
        }
    }
}
