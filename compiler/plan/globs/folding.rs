//! Which letters a file system that ignores case takes for one.
//!
//! File systems differ; here two letters are one where any of them may say so:
//! those of one upper or lower case. Unaware of composed and decomposed forms.

use std::collections::BTreeMap;
use std::sync::OnceLock;

/// No letter with another case lies behind this.
const END: u32 = 0x1F000;

/// Returns the letter that stands for all that are one with it.
pub(crate) fn fold(letter: char) -> char {
    if letter.is_ascii() {
        return letter.to_ascii_lowercase();
    }
    // First up, so that the final sigma and the long s come to the common letter.
    lone(lone(letter, char::to_uppercase), char::to_lowercase)
}

/// Returns what a letter becomes, where that is one letter.
fn lone<I: Iterator<Item = char>>(letter: char, to: fn(char) -> I) -> char {
    let mut letters = to(letter);
    match (letters.next(), letters.next()) {
        (Some(other), None) => other,
        _ => letter,
    }
}

/// What the letters beyond ASCII are one with, if only their lengths in bytes
/// matter: one pair of letters for each two lengths, and what is one with an
/// ASCII letter.
pub(super) const BY_LENGTH: [(char, char); 5] =
    [('k', '\u{212A}'), ('s', '\u{17F}'), ('i', '\u{131}'), ('ß', 'ẞ'), ('é', 'É')];

/// Lists all pairs of letters that are one, apart from two of ASCII; each pair once.
pub(super) fn pairs() -> &'static [(char, char)] {
    static PAIRS: OnceLock<Vec<(char, char)>> = OnceLock::new();
    PAIRS.get_or_init(|| {
        let mut alike: BTreeMap<char, Vec<char>> = BTreeMap::new();
        for letter in (0x80..END).filter_map(char::from_u32) {
            let folded = fold(letter);
            if folded != letter {
                alike.entry(folded).or_insert_with(|| vec![folded]).push(letter);
            }
        }
        let mut pairs = Vec::new();
        for mut letters in alike.into_values() {
            if letters[0].is_ascii() {
                letters.push(letters[0].to_ascii_uppercase());
            }
            for (at, one) in letters.iter().enumerate() {
                let others = letters[at + 1..].iter();
                let beyond = others.filter(|other| !(one.is_ascii() && other.is_ascii()));
                pairs.extend(beyond.map(|other| (*one, *other)));
            }
        }
        pairs
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_one_case_are_one_and_others_are_not() {
        for (one, other) in [
            ('a', 'A'),
            ('é', 'É'),
            ('σ', 'ς'),
            ('k', '\u{212A}'),
            ('s', 'ſ'),
            ('ß', 'ẞ'),
            ('ж', 'Ж'),
        ] {
            assert_eq!(fold(one), fold(other), "{one} {other}");
            assert_eq!(fold(fold(other)), fold(other));
        }
        for (one, other) in [('a', 'b'), ('é', 'e'), ('ß', 's'), ('1', '!'), ('/', 'o')] {
            assert_ne!(fold(one), fold(other), "{one} {other}");
        }
    }

    #[test]
    fn no_letter_with_another_case_is_left_out() {
        for letter in (END..0x11_0000).filter_map(char::from_u32) {
            assert_eq!(fold(letter), letter, "{letter:?}");
        }
        for (one, other) in pairs() {
            assert_eq!(fold(*one), fold(*other));
        }
        assert!(pairs().contains(&('σ', 'ς')) && pairs().len() > 1_300);
        let mut each: Vec<_> = pairs()
            .iter()
            .map(|(one, other)| one.min(other).to_string() + &one.max(other).to_string())
            .collect();
        each.sort_unstable();
        each.dedup();
        assert_eq!(each.len(), pairs().len(), "each pair once");
        assert!(pairs().iter().all(|(one, other)| one != other));
    }

    #[test]
    fn the_pairs_by_length_stand_for_all() {
        let lengths = |(one, other): &(char, char)| {
            let key = |letter: &char| match letter.is_ascii() {
                true => fold(*letter) as usize + 4,
                false => letter.len_utf8(),
            };
            let (one, other) = (key(one), key(other));
            (one.min(other), one.max(other))
        };
        // Where both have one length they do the same byte by byte.
        let is_uneven = |pair: &&(char, char)| lengths(pair).0 != lengths(pair).1;
        let mut all: Vec<_> = pairs().iter().filter(is_uneven).map(lengths).collect();
        all.sort_unstable();
        all.dedup();
        let mut listed: Vec<_> = BY_LENGTH.iter().filter(is_uneven).map(lengths).collect();
        listed.sort_unstable();
        assert_eq!(listed, all);
    }
}
