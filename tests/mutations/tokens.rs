//! The words and signs of a good spec, with what stands around each.
//!
//! Simpler than the grammar and apart from it, so that both cannot be wrong in
//! the same way. Good specs only. Unaware of what is changed.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    /// Digits, with `.` and `_` between them.
    Number,
    /// `"…"`.
    Text,
    /// `"""…"""`.
    LongText,
    Open,
    Close,
    Sign,
    /// The end of a line on which something stands.
    Newline,
}

/// A token with its place.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
    /// Of a bracket: the position of its partner.
    pub(super) partner: usize,
    /// The position of the bracket that it stands in.
    pub(super) inside: Option<usize>,
    /// The position of the first token of its item, entry or element.
    pub(super) first: usize,
}

/// A spec with its tokens.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'t> {
    pub(super) text: &'t str,
    pub(super) list: Vec<Token>,
}

/// The words that begin an item.
const ITEMS: &[&str] = &[
    "agent",
    "approval",
    "command",
    "constitution",
    "deploy",
    "edition",
    "environment",
    "exchange",
    "gate",
    "generated",
    "group",
    "let",
    "param",
    "pipeline",
    "prices",
    "rule",
    "task",
    "template",
    "use",
];

impl<'t> Tokens<'t> {
    /// Cuts a spec into tokens.
    pub(super) fn of(text: &'t str) -> Self {
        let mut tokens = Self { text, list: Vec::new() };
        let (mut at, mut open) = (0, Vec::new());
        while let Some(sign) = text[at..].chars().next() {
            let Some((kind, length)) = length(&text[at..], sign) else {
                at += if sign == '#' { line(&text[at..]) } else { sign.len_utf8() };
                continue;
            };
            let position = tokens.list.len();
            let (mut partner, mut inside) = (position, open.last().copied());
            if kind == Kind::Close {
                partner = open.pop().expect("a good spec has whole brackets");
                inside = open.last().copied();
                tokens.list[partner].partner = position;
            } else if kind == Kind::Open {
                open.push(position);
            }
            let first = tokens.first_of(position, inside, kind);
            tokens.list.push(Token { kind, range: at..at + length, partner, inside, first });
            at += length;
        }
        tokens
    }

    /// Returns the position of the first token of the statement that a token goes on with.
    fn first_of(&self, position: usize, inside: Option<usize>, kind: Kind) -> usize {
        let before = self.list[..position].iter().enumerate().rev();
        let mut before = before.filter(|(_, token)| token.inside == inside);
        match before.next() {
            _ if kind == Kind::Newline => position,
            Some((_, last)) if last.kind != Kind::Newline && !self.is(last, ",") => {
                // Within brackets of its own the statement is another one.
                if inside.is_some_and(|open| last.range.start < self.list[open].range.start) {
                    position
                } else {
                    last.first
                }
            }
            _ => position,
        }
    }

    pub(super) fn word(&self, token: &Token) -> &'t str {
        &self.text[token.range.clone()]
    }

    pub(super) fn is(&self, token: &Token, word: &str) -> bool {
        self.word(token) == word
    }

    pub(super) fn at(&self, position: usize) -> Option<&Token> {
        self.list.get(position)
    }

    /// Returns the word at a position; nothing behind the end.
    pub(super) fn word_at(&self, position: usize) -> &'t str {
        self.at(position).map_or("", |token| self.word(token))
    }

    /// Tells whether the statement of a token is an item: a keyword and no sign behind it.
    pub(super) fn is_item(&self, first: usize) -> bool {
        let sign = ["=", "+=", "<=", ">=", "{"].contains(&self.word_at(first + 1));
        ITEMS.contains(&self.word_at(first)) && !sign
    }

    /// Returns the keyword of the item that a token stands in, and where it stands.
    pub(super) fn item_of(&self, token: &Token) -> Option<usize> {
        let mut first = token.first;
        let mut inside = token.inside;
        loop {
            if self.is_item(first) {
                return Some(first);
            }
            let open = self.at(inside?)?;
            (first, inside) = (open.first, open.inside);
        }
    }

    /// Returns the key of the entry that a token stands in, the innermost.
    pub(super) fn key_of(&self, token: &Token) -> Option<usize> {
        let (mut first, mut inside) = (token.first, token.inside);
        loop {
            if self.is_item(first) {
                return None;
            }
            if self.is_key(first) {
                return Some(first);
            }
            let open = self.at(inside?)?;
            (first, inside) = (open.first, open.inside);
        }
    }

    /// Tells whether the first token of a statement is a key in a block.
    pub(super) fn is_key(&self, first: usize) -> bool {
        let Some(token) = self.at(first) else { return false };
        let in_block = token.inside.is_some_and(|open| self.word_at(open) == "{");
        let sign = ["=", "+=", "<=", ">=", "{"].contains(&self.word_at(first + 1));
        in_block && token.kind == Kind::Word && token.first == first && sign
    }

    /// Returns where the statement that begins at a position ends.
    pub(super) fn end_of(&self, first: usize) -> usize {
        let own = |token: &&Token| {
            token.first == first && token.kind != Kind::Newline && !self.is(token, ",")
        };
        self.list[first..].iter().filter(own).map(|token| self.closing(token)).max().unwrap_or(0)
    }

    /// Returns the end of a token, of a bracket that of its partner.
    fn closing(&self, token: &Token) -> usize {
        match token.kind {
            Kind::Open => self.list[token.partner].range.end,
            _ => token.range.end,
        }
    }
}

/// Returns what a text begins with, and its length; nothing for blanks and comments.
fn length(text: &str, sign: char) -> Option<(Kind, usize)> {
    let inner = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '-');
    let run = |fits: &dyn Fn(char) -> bool| text.find(|sign| !fits(sign)).unwrap_or(text.len());
    Some(match sign {
        '#' | ' ' | '\t' | '\r' | '\u{feff}' => return None,
        '\n' => (Kind::Newline, 1),
        '"' if text.starts_with("\"\"\"") => {
            (Kind::LongText, text[3..].find("\"\"\"").expect("closed") + 6)
        }
        '"' => (Kind::Text, string(text)),
        '{' | '[' | '(' => (Kind::Open, 1),
        '}' | ']' | ')' => (Kind::Close, 1),
        '0'..='9' => {
            (Kind::Number, run(&|sign| sign.is_ascii_digit() || sign == '_' || sign == '.'))
        }
        _ if sign.is_ascii_alphabetic() || sign == '_' => (Kind::Word, run(&inner)),
        _ => {
            let two = ["==", "!=", "<=", ">=", "+="].iter().any(|two| text.starts_with(two));
            (Kind::Sign, if two { 2 } else { sign.len_utf8() })
        }
    })
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, sign) in text.char_indices().skip(1) {
        match sign {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn line(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

#[test]
fn tokens_know_what_they_stand_in() {
    let text = "edition 1\ntask t by a {\n  needs = [b, c]\n  budget { wall <= 15 min }\n}\n";
    let tokens = Tokens::of(text);
    let find = |word: &str| {
        let found = tokens.list.iter().find(|token| tokens.is(token, word));
        found.unwrap_or_else(|| panic!("{word}"))
    };
    let key = |word: &str| tokens.key_of(find(word)).map_or("", |at| tokens.word_at(at));
    let item = |word: &str| tokens.item_of(find(word)).map_or("", |at| tokens.word_at(at));
    assert_eq!((key("c"), item("c"), key("min"), item("min")), ("needs", "task", "wall", "task"));
    assert_eq!((key("wall"), key("a"), item("a"), item("1")), ("wall", "", "task", "edition"));
    assert_eq!(
        &text[find("needs").range.start..tokens.end_of(find("needs").first)],
        "needs = [b, c]"
    );
    assert_eq!(tokens.end_of(find("task").first), text.len() - 1);
}
