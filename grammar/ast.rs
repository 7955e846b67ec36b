//! The tree of a spec as it was written: no name resolved, no default filled.
//!
//! Every name and value keeps its span, so that a later finding can underline
//! the exact part; words are not copied but borrowed from the source. The tree is generic over items, keys and kinds: what they
//! mean, and which exist, the compiler knows. A spec in this form has no
//! unbalanced bracket, unreadable text or unknown sign left.

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

/// An item of the outermost level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// `edition 1`.
    Edition(Edition<'a>),
    /// `keyword name [is kind] [by agent] { … }`.
    Declaration(Declaration<'a>),
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
    /// Its name.
    pub name: Name<'a>,
    /// The word after `is`.
    pub kind: Option<Name<'a>>,
    /// The word after `by`.
    pub by: Option<Name<'a>>,
    /// A `for … in …`, as a whole.
    pub repetition: Option<Span>,
    /// The entries of the block.
    pub entries: Vec<Entry<'a>>,
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
    /// A bare word, or words joined by `.`.
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
        arguments: Vec<Value<'a>>,
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
    /// `name[…]`: one instance.
    Indexed {
        /// What has instances.
        name: Name<'a>,
        /// Which one.
        index: Box<Value<'a>>,
    },
    /// A text that could not be decoded; this is reported.
    Damaged,
}

impl ValueKind<'_> {
    /// Names the form for people, with its article.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Damaged => "a text",
            Self::Name(_) => "a name",
            Self::Quantity { unit, .. } if unit.is_empty() => "a number",
            Self::Quantity { unit, .. } if unit == "%" => "a percentage",
            Self::Quantity { .. } => "a number with a unit",
            Self::List(_) => "a list",
            Self::Call { .. } => "a call",
            Self::Block(_) => "a block",
            Self::Adapted { .. } => "a name with a block",
            Self::Indexed { .. } => "an instance",
        }
    }
}
