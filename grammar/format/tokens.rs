//! The tokens of a spec, comments and line ends among them.
//!
//! Every byte but blanks lies in a token. Brackets and quotes were found whole
//! before, so nothing is reported here. Unaware of what follows what.

use crate::split::string_end;

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A word, a number, or both at once: `needs`, `std.codex`, `15min`, `%`.
    Word(&'a str),
    /// Signs between words: `=`, `<=`, `:`.
    Sign(&'a str),
    /// A text with its quotes, of either kind.
    Text(&'a str),
    /// A comment from its `#`, without trailing blanks.
    Comment(&'a str),
    /// An opening bracket.
    Open(u8),
    /// A closing bracket.
    Close,
    /// A comma.
    Comma,
    /// A line end.
    Newline,
}

/// Cuts a text into tokens.
#[derive(Clone, Debug)]
pub(super) struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    /// Begins at the begin of a text.
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Takes the first bytes of what is left.
    fn take(&mut self, length: usize) -> &'a str {
        let (part, rest) = self.rest.split_at(length);
        self.rest = rest;
        part
    }

    fn take_until(&mut self, ends: impl Fn(u8) -> bool) -> &'a str {
        let length = self.rest.bytes().position(ends).unwrap_or(self.rest.len());
        self.take(length)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        let first = *self.rest.as_bytes().first()?;
        let token = match first {
            b'#' => return Some(Token::Comment(self.take_until(|byte| byte == b'\n').trim_end())),
            b'"' => {
                let length = string_end(self.rest, 0).unwrap_or(self.rest.len());
                return Some(Token::Text(self.take(length)));
            }
            b'{' | b'[' | b'(' => Token::Open(first),
            b'}' | b']' | b')' => Token::Close,
            b',' => Token::Comma,
            b'\n' => Token::Newline,
            _ if is_sign(first) => return Some(Token::Sign(self.take_until(|b| !is_sign(b)))),
            _ => return Some(Token::Word(self.take_until(ends_word))),
        };
        self.take(1);
        Some(token)
    }
}

fn is_sign(byte: u8) -> bool {
    matches!(byte, b'=' | b'<' | b'>' | b'!' | b'+' | b':')
}

fn ends_word(byte: u8) -> bool {
    is_sign(byte)
        || matches!(byte, b' ' | b'\t' | b'\n' | b'#' | b'"' | b',')
        || matches!(byte, b'{' | b'}' | b'[' | b']' | b'(' | b')')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_blanks_is_lost() {
        let text = "a.b+=[15min,\t\"#\\\"\"] # c \n\"\"\"\n\"x\n\"\"\"}ö";
        let tokens: Vec<_> = Tokens::new(text).collect();
        let wanted = [
            Token::Word("a.b"),
            Token::Sign("+="),
            Token::Open(b'['),
            Token::Word("15min"),
            Token::Comma,
            Token::Text("\"#\\\"\""),
            Token::Close,
            Token::Comment("# c"),
            Token::Newline,
            Token::Text("\"\"\"\n\"x\n\"\"\""),
            Token::Close,
            Token::Word("ö"),
        ];
        assert_eq!(tokens, wanted);
    }
}
