//! The tree of a spec as it was written: no name resolved, no default filled.
//!
//! Every name and value keeps its span, so that a later finding can underline
//! the exact part; words are not copied but borrowed from the source. The tree
//! is generic over items, keys and kinds: what they mean, and which exist, the
//! compiler knows. A spec in this form has no unbalanced bracket, unreadable
//! text or unknown sign left.

use std::borrow::Cow;

use crate::source::Span;

/// One source: its items in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec<'a> {
    /// The items.
    pub items: Vec<Item<'a>>,
    /// The whole text.
    pub span: Span,
}

/// An item of the outermost level, or of a group, a template or a constitution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// `edition 1`.
    Edition(Edition<'a>),
    /// `use std.codex` or `use "lib/prices.eufm"`.
    Use(Use<'a>),
    /// `let x = value` or `param x: type = value`.
    Binding(Binding<'a>),
    /// `keyword name [is kind] [for x in list] [by agent] { … }`.
    Declaration(Declaration<'a>),
    /// `template(x = value) [as name] [for x in list]`.
    Call(Call<'a>),
    /// `exchange 1 USD = 0.92 EUR { … }`.
    Exchange(Exchange<'a>),
    /// An item with a keyword that this grammar has no form for; nothing is reported yet.
    Unknown(Opening<'a>),
    /// An item that could not be read; this is reported.
    Damaged(Opening<'a>),
}

/// `edition 1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition<'a> {
    /// The edition's number, as it is written.
    pub number: Name<'a>,
    /// The whole item.
    pub span: Span,
}

/// `use std.codex [as name]` or `use "lib/prices.eufm" [as name]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use<'a> {
    /// The words joined by `.`, or what stands between the quotes; its place is
    /// without them, too.
    pub target: Name<'a>,
    /// Whether the target is a text: a file of the project.
    pub quoted: bool,
    /// The name behind `as`.
    pub alias: Option<Name<'a>>,
    /// The whole item.
    pub span: Span,
}

/// `let x = value`, `param x: type` or `param x: type = value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// `let` or `param`.
    pub keyword: Name<'a>,
    /// What is bound.
    pub name: Name<'a>,
    /// What stands behind the colon: a name, or a call such as `list(string)`.
    pub ty: Option<Value<'a>>,
    /// The value.
    pub value: Option<Value<'a>>,
    /// The whole item.
    pub span: Span,
}

/// A template's call: `story(name = s) as search for s in stories`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// What is called, words joined by `.`.
    pub name: Name<'a>,
    /// The arguments.
    pub arguments: Vec<Argument<'a>>,
    /// The name behind `as`.
    pub alias: Option<Name<'a>>,
    /// Once for each element of a list.
    pub repetition: Option<Repetition<'a>>,
    /// The whole item.
    pub span: Span,
}

/// `exchange 1 USD = 0.92 EUR { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange<'a> {
    /// What is exchanged.
    pub from: Value<'a>,
    /// What it is worth.
    pub to: Value<'a>,
    /// The entries of the block.
    pub entries: Vec<Entry<'a>>,
    /// Whether all entries are here.
    pub complete: bool,
    /// The item up to the block.
    pub head: Span,
}

/// `name = value`, or a value alone, between `(` and `)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument<'a> {
    /// The parameter, if it is named.
    pub name: Option<Name<'a>>,
    /// The value.
    pub value: Value<'a>,
}

/// `for x in list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repetition<'a> {
    /// The name for one element.
    pub variable: Name<'a>,
    /// The list.
    pub list: Value<'a>,
    /// The whole clause.
    pub span: Span,
}

/// A template's parameter: `name: type` or `name: type = value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Its name.
    pub name: Name<'a>,
    /// What stands behind the colon: a name, or a call such as `list(string)`.
    pub ty: Value<'a>,
    /// The value if none is given.
    pub default: Option<Value<'a>>,
}

/// The first words of an item of which no more is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening<'a> {
    /// The first word.
    pub keyword: Name<'a>,
    /// The second word, probably what the item declares.
    pub name: Option<Name<'a>>,
}

/// An item with a name and a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration<'a> {
    /// What is declared: `task`, `gate`, …
    pub keyword: Name<'a>,
    /// Its name; what stands between the quotes, for `prices "gpt-5.5" { … }`, whose
    /// place is without them, too.
    pub name: Name<'a>,
    /// Whether the name is a text.
    pub quoted: bool,
    /// The parameters of a template, without those that could not be read.
    pub parameters: Vec<Parameter<'a>>,
    /// The words after `is`.
    pub kind: Option<Name<'a>>,
    /// The words after `by`.
    pub by: Option<Name<'a>>,
    /// Once for each element of a list.
    pub repetition: Option<Repetition<'a>>,
    /// The entries of the block.
    pub entries: Vec<Entry<'a>>,
    /// The items in the block of a group, a template or a constitution.
    pub items: Vec<Item<'a>>,
    /// Whether all entries are here; without it some are reported as unreadable,
    /// and the lack of a key means nothing.
    pub complete: bool,
    /// The head, from the keyword up to the block.
    pub head: Span,
}

/// A word with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// The word.
    pub text: &'a str,
    /// Where it stands.
    pub span: Span,
}

/// `key = value`, `key >= value` or `key { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key.
    pub key: Name<'a>,
    /// What stands between key and value.
    pub relation: Relation,
    /// The value; a [`ValueKind::Block`] for `key { … }`.
    pub value: Value<'a>,
}

/// What stands between a key and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `key = value`.
    Set,
    /// `key += value`.
    Add,
    /// `key <= value`.
    AtMost,
    /// `key >= value`.
    AtLeast,
    /// `key < value`.
    Below,
    /// `key > value`.
    Above,
    /// `key == value`.
    Equal,
    /// `key != value`.
    Unequal,
    /// `key { … }`.
    Block,
}

impl Relation {
    /// Returns the sign as it is written.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Set => "=",
            Self::Add => "+=",
            Self::AtMost => "<=",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::Above => ">",
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Block => "{",
        }
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// What it is.
    pub kind: ValueKind<'a>,
    /// Where it stands.
    pub span: Span,
}

/// The forms of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueKind<'a> {
    /// `"…"` or `"""…"""`, decoded and without its indentation.
    Text(Cow<'a, str>),
    /// A text with `${…}` in it: what stands before, between and behind the holes,
    /// where something stands there.
    Filled(Vec<Part<'a>>),
    /// A bare word, or words joined by `.` or `/`.
    Name(&'a str),
    /// A number with its unit: `15 min`, `85%`, `2`.
    Quantity {
        /// The digits, as they are written.
        number: &'a str,
        /// The unit, empty for a plain number; several words have one space between them.
        unit: Cow<'a, str>,
    },
    /// `[…]`.
    List(Vec<Value<'a>>),
    /// `name(…)`.
    Call {
        /// What is called.
        name: Name<'a>,
        /// The arguments.
        arguments: Vec<Argument<'a>>,
    },
    /// `{ … }`.
    Block(Vec<Entry<'a>>),
    /// `name { … }`: something adapted in place.
    Adapted {
        /// What is adapted.
        name: Name<'a>,
        /// The changes.
        entries: Vec<Entry<'a>>,
    },
    /// `name[…]`, `name[…].answer`, `name[…]/name`: one instance, or something of it.
    Reference(Vec<Segment<'a>>),
    /// `value == value` or `value != value`.
    Compared {
        /// What stands before the sign.
        left: Box<Value<'a>>,
        /// Whether the sign is `==`.
        equal: bool,
        /// What stands behind it.
        right: Box<Value<'a>>,
    },
    /// A text that could not be decoded; this is reported.
    Damaged,
}

/// A part of a text with `${…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// What stands there as it is, decoded.
    Plain(Cow<'a, str>),
    /// What stands between `${` and `}`: a name, a call or a reference.
    Hole(Value<'a>),
}

/// A part of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// The words; those behind the first segment begin with their `.` or `/`.
    pub name: Name<'a>,
    /// What stands between `[` and `]`.
    pub index: Option<Value<'a>>,
    /// What stands between `(` and `)`.
    pub arguments: Option<Vec<Argument<'a>>>,
}

impl ValueKind<'_> {
    /// Names the form for people, with its article.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Filled(_) | Self::Damaged => "a text",
            Self::Name(_) => "a name",
            Self::Quantity { unit, .. } if unit.is_empty() => "a number",
            Self::Quantity { unit, .. } if unit == "%" => "a percentage",
            Self::Quantity { .. } => "a number with a unit",
            Self::List(_) => "a list",
            Self::Call { .. } => "a call",
            Self::Block(_) => "a block",
            Self::Adapted { .. } => "a name with a block",
            Self::Reference(_) => "a reference",
            Self::Compared { .. } => "a comparison",
        }
    }
}
