//! The tree of a spec as it was written: no name resolved, no default filled.
//!
//! Every name and value keeps its span, so that a later finding can underline
//! the exact part. The tree is generic over items, keys and kinds: what they
//! mean, and which exist, the compiler knows. A spec in this form has no
//! unbalanced bracket, unreadable text or unknown sign left.

use crate::source::Span;

/// One source: its items in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The items.
    pub items: Vec<Item>,
    /// The whole text.
    pub span: Span,
}

/// An item of the outermost level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// `edition 1`.
    Edition(Edition),
    /// `keyword name [is kind] [by agent] { … }`.
    Declaration(Declaration),
    /// An item with a keyword that this grammar has no form for; nothing is reported yet.
    Unknown(Opening),
    /// An item that could not be read; this is reported.
    Damaged(Opening),
}

/// `edition 1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    /// The edition's number, as it is written.
    pub number: Name,
    /// The whole item.
    pub span: Span,
}

/// The first words of an item of which no more is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The first word.
    pub keyword: Name,
    /// The second word, probably what the item declares.
    pub name: Option<Name>,
}

/// An item with a name and a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// What is declared: `task`, `gate`, …
    pub keyword: Name,
    /// Its name.
    pub name: Name,
    /// The word after `is`.
    pub kind: Option<Name>,
    /// The word after `by`.
    pub by: Option<Name>,
    /// A `for … in …`, as a whole.
    pub repetition: Option<Span>,
    /// The entries of the block.
    pub entries: Vec<Entry>,
    /// Whether all entries are here; without it some are reported as unreadable,
    /// and the lack of a key means nothing.
    pub complete: bool,
    /// The head, from the keyword up to the block.
    pub head: Span,
}

/// A word with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The word.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// `key = value`, `key >= value` or `key { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Name,
    /// What stands between key and value.
    pub relation: Relation,
    /// The value; a [`ValueKind::Block`] for `key { … }`.
    pub value: Value,
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
pub struct Value {
    /// What it is.
    pub kind: ValueKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// `"…"` or `"""…"""`, decoded and without its indentation.
    Text(String),
    /// A bare word, or words joined by `.`.
    Name(String),
    /// A number with its unit: `15 min`, `85%`, `2`.
    Quantity {
        /// The digits, as they are written.
        number: String,
        /// The unit, empty for a plain number; several words have one space between them.
        unit: String,
    },
    /// `[…]`.
    List(Vec<Value>),
    /// `name(…)`.
    Call {
        /// What is called.
        name: Name,
        /// The arguments.
        arguments: Vec<Value>,
    },
    /// `{ … }`.
    Block(Vec<Entry>),
    /// `name { … }`: something adapted in place.
    Adapted {
        /// What is adapted.
        name: Name,
        /// The changes.
        entries: Vec<Entry>,
    },
    /// `name[…]`: one instance.
    Indexed {
        /// What has instances.
        name: Name,
        /// Which one.
        index: Box<Value>,
    },
    /// A text that could not be decoded; this is reported.
    Damaged,
}

impl ValueKind {
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
