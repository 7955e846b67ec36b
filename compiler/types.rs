//! The types of parameters: what is written behind the colon, and what fits.
//!
//! Unaware of whose parameters they are.

use std::borrow::Cow;

use eufm_grammar::ast::{self, ValueKind};
use eufm_grammar::{Diagnostic, Diagnostics, Span};
use eufm_plan::units::parse_count;

use crate::paths::relative_path;
use crate::scope::ScopeId;
use crate::value::{Kind, Value, Word};
use crate::wording::{Suggester, listed, quoted};
use crate::{typed, wording};

/// What a parameter may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type<'a> {
    Text,
    Int,
    Percent,
    Money,
    Rate,
    Duration,
    Bytes,
    Tokens,
    Bool,
    Path,
    Glob,
    /// A task, command, group, instance or template's call.
    Node,
    Agent,
    Gate,
    Environment,
    /// One of these bare words.
    Words(Vec<&'a str>),
    List(Box<Type<'a>>),
    Map(Box<Type<'a>>),
}

/// The names of types without parts.
const PLAIN: &[(&str, Type<'static>)] = &[
    ("agent", Type::Agent),
    ("bool", Type::Bool),
    ("bytes", Type::Bytes),
    ("duration", Type::Duration),
    ("environment", Type::Environment),
    ("gate", Type::Gate),
    ("glob", Type::Glob),
    ("int", Type::Int),
    ("money", Type::Money),
    ("node", Type::Node),
    ("path", Type::Path),
    ("percent", Type::Percent),
    ("rate", Type::Rate),
    ("string", Type::Text),
    ("tokens", Type::Tokens),
];

/// Types of other languages, with the one that is meant.
const MISTAKEN: &[(&str, &str)] = &[
    ("boolean", "bool"),
    ("integer", "int"),
    ("number", "int"),
    ("str", "string"),
    ("text", "string"),
];

impl<'a> Type<'a> {
    /// Reads what stands behind the colon; what is no type is reported.
    pub(crate) fn read(ty: &'a ast::Value<'a>, out: &mut Diagnostics) -> Option<Self> {
        match &ty.kind {
            ValueKind::Name(name) => Self::plain(name, ty.span, out),
            ValueKind::Call { name, arguments } => match (name.text, arguments.as_slice()) {
                ("list", [inner]) => Some(Self::List(Box::new(Self::read(&inner.value, out)?))),
                ("map", [inner]) => Some(Self::Map(Box::new(Self::read(&inner.value, out)?))),
                ("words", [_, ..]) => {
                    let word = |argument: &'a ast::Argument<'a>| match argument.value.kind {
                        ValueKind::Name(word) => Some(word),
                        _ => None,
                    };
                    let words: Option<Vec<_>> = arguments.iter().map(word).collect();
                    if words.is_none() {
                        out.push(no_type(
                            ty.span,
                            "the words of `words(…)` are bare: `words(staging, production)`",
                        ));
                    }
                    words.map(Self::Words)
                }
                _ => {
                    out.push(no_type(ty.span, "types with parts are `list(string)`, `map(string)` and `words(staging, production)`"));
                    None
                }
            },
            ValueKind::Damaged => None,
            _ => {
                out.push(no_type(ty.span, "write a type, as in `param env: string = \"staging\"`"));
                None
            }
        }
    }

    fn plain(name: &'a str, span: Span, out: &mut Diagnostics) -> Option<Self> {
        match name {
            "list" => return Some(Self::List(Box::new(Self::Text))),
            "map" => return Some(Self::Map(Box::new(Self::Text))),
            _ => {}
        }
        if let Some((_, ty)) = PLAIN.iter().find(|(known, _)| *known == name) {
            return Some(ty.clone());
        }
        let finding = Diagnostic::error("E0221", format!("there is no type {}", quoted(name)))
            .at(span, "unknown");
        let meant = MISTAKEN.iter().find(|(word, _)| *word == name);
        out.push(match meant {
            Some((_, meant)) => finding.help(format!("did you mean `{meant}`?")),
            None => match Suggester::new().closest(name, PLAIN.iter().map(|(known, _)| *known)) {
                Some(near) => finding.help(format!("did you mean `{near}`?")),
                None => finding.help(
                    "types are `string`, `int`, `bool`, `node`, `gate`, `agent`, … and `list(string)`, `map(string)`, `words(staging, production)`",
                ),
            },
        });
        None
    }

    /// Names the type for people, with its article.
    pub(crate) fn noun(&self) -> String {
        match self {
            Self::Words(words) => {
                format!("one of the words {}", listed(words.iter().copied(), "or"))
            }
            Self::List(inner) => format!("a list ({} each)", inner.noun()),
            Self::Map(inner) => format!("a map ({} each)", inner.noun()),
            Self::Node => "a task, command or group".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Bool => "`true` or `false`".to_owned(),
            Self::Money => "an amount of money".to_owned(),
            Self::Rate => "an amount of money per hour".to_owned(),
            Self::Bytes => "a size in bytes".to_owned(),
            Self::Tokens => "a number of tokens".to_owned(),
            Self::Int => "a whole number".to_owned(),
            Self::Percent => "a percentage".to_owned(),
            _ => {
                let name =
                    PLAIN.iter().find(|(_, ty)| ty == self).map_or("value", |(name, _)| name);
                wording::with_article(name)
            }
        }
    }

    /// Checks that a value is of this type; what is not is reported.
    pub(crate) fn check(&self, key: &str, value: &Value<'a>, out: &mut Diagnostics) -> bool {
        if value.is_damaged() {
            return false;
        }
        let before = out.errors();
        let fits = match self {
            Self::Text => typed::text(key, value.clone(), out).is_some(),
            Self::Path | Self::Glob => match &value.kind {
                Kind::Text(text) => return below_root(text, value.span, out),
                _ => false,
            },
            Self::Int => typed::count(key, value, 0..=u64::MAX, out).is_some(),
            Self::Percent => matches!(&value.kind, Kind::Quantity { unit, .. } if unit == "%"),
            Self::Money => typed::money(key, value, out).is_some(),
            Self::Rate => typed::rate(key, value, out).is_some(),
            Self::Duration => typed::duration(key, value, out).is_some(),
            Self::Bytes => typed::bytes(key, value, out).is_some(),
            Self::Tokens => typed::tokens(key, value, out).is_some(),
            Self::Bool => typed::flag(key, value, out).is_some(),
            Self::Words(words) => typed::word(key, words, value, out).is_some(),
            Self::Node => matches!(value.kind, Kind::Word(_) | Kind::Reference(_)),
            Self::Agent | Self::Environment => matches!(value.kind, Kind::Word(_)),
            Self::Gate => matches!(value.kind, Kind::Word(_) | Kind::Adapted { .. }),
            Self::List(inner) => match &value.kind {
                Kind::List(values) => {
                    let wrong = values.iter().filter(|value| !inner.check(key, value, out)).count();
                    return wrong == 0;
                }
                _ => false,
            },
            Self::Map(inner) => match &value.kind {
                Kind::Map(fields) => {
                    let mut check = |field: &&crate::value::Field<'a>| {
                        !inner.check(field.key.text, &field.value, out)
                    };
                    let wrong = fields.iter().filter(|field| check(field)).count();
                    return wrong == 0;
                }
                _ => false,
            },
        };
        if !fits && out.errors() == before {
            let help = match self {
                Self::List(_) => "put it between `[` and `]`".to_owned(),
                _ => format!("write {}", self.noun()),
            };
            typed::mismatch::<()>(key, &self.noun(), value, &help, out);
        }
        fits
    }

    /// Reads a value of this type from plain text, as a command line gives it.
    pub(crate) fn parse(&self, text: &str, span: Span, home: ScopeId) -> Option<Value<'a>> {
        let owned = |text: &str| Cow::Owned(text.to_owned());
        let kind = match self {
            Self::Text | Self::Path | Self::Glob => Kind::Text(owned(text)),
            Self::Int
            | Self::Percent
            | Self::Money
            | Self::Rate
            | Self::Duration
            | Self::Bytes
            | Self::Tokens => {
                let digits = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'_');
                let end = text.bytes().position(|byte| !digits(byte)).unwrap_or(text.len());
                let (number, unit) = text.split_at(end);
                let whole = number.split(['.', '_']).next().unwrap_or("");
                parse_count(whole)?;
                Kind::Quantity { number: owned(number), unit: owned(unit.trim()) }
            }
            Self::Bool
            | Self::Words(_)
            | Self::Node
            | Self::Agent
            | Self::Gate
            | Self::Environment => Kind::Word(Word { text: owned(text), home }),
            Self::List(inner) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Kind::List(parts.map(|part| inner.parse(part, span, home)).collect::<Option<_>>()?)
            }
            Self::Map(_) => return None,
        };
        Some(Value::new(kind, span))
    }
}

fn below_root(path: &str, span: Span, out: &mut Diagnostics) -> bool {
    match relative_path(path) {
        Ok(()) => true,
        Err((problem, help)) => {
            let finding = Diagnostic::error("E0306", format!("{} {problem}", quoted(path)))
                .at(span, "not usable")
                .help(help);
            out.push(finding);
            false
        }
    }
}

fn no_type(span: Span, help: &str) -> Diagnostic {
    Diagnostic::error("E0221", "this is no type").at(span, "not a type").help(help)
}
