//! Typed indices and digests: what plan, journal and reports use to name things.
//!
//! Inside a process a thing is its index (`u32`, dense); outside, in plan.lock
//! and in the journal, it is its name. Unaware of what the things are.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// Makes the index of the `position`th element.
            ///
            /// # Panics
            /// Panics above `u32::MAX` elements; the compiler stops at 1,000,000 nodes.
            #[must_use]
            pub fn new(position: usize) -> Self {
                Self(u32::try_from(position).expect("invariant: a plan has below 2^32 elements"))
            }

            /// Returns the position in the plan's vector.
            #[must_use]
            pub fn get(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index!(
    /// A node of [`crate::Plan::nodes`], in plan order.
    NodeIndex
);
index!(
    /// An agent of [`crate::Plan::agents`].
    AgentIndex
);
index!(
    /// A gate of [`crate::Plan::gates`].
    GateIndex
);
index!(
    /// An environment of [`crate::Plan::environments`].
    EnvironmentIndex
);
index!(
    /// A rule of [`crate::Constitution::rules`].
    RuleIndex
);

/// The longest name, in bytes: it fits into a file name with something before it.
pub const NAME_BYTES_MAX: usize = 200;

/// Tells whether a text can name a part of a plan: ASCII letters, digits, `_`
/// and `-`, with a letter or `_` first. Such a name is harmless as a part of a
/// file name, of a git ref and of a line for people.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    text.len() <= NAME_BYTES_MAX
        && text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(is_inner)
}

/// The longest label, in bytes.
pub const LABEL_BYTES_MAX: usize = 400;

/// Tells whether a text can name something of a plan for people: a node such as
/// `telemetry/collector["felix"]`, an agent such as `codex.economy`, a gate that
/// a node adapted. It stands on one line; where it becomes a part of a path or
/// of a ref, [`slug`] stands for it.
#[must_use]
pub fn is_label(text: &str) -> bool {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    (1..=LABEL_BYTES_MAX).contains(&text.len()) && !text.contains(breaks)
}

/// How much of a label a slug shows, in bytes.
const SLUG_PREFIX_MAX: usize = 60;

/// How many digits of a label's digest end its slug.
const SLUG_DIGITS: usize = 12;

/// Returns what stands for a name in paths, file names and git refs: a name that
/// [`is_name`] itself, any other one's readable letters and the beginning of its
/// digest, `story_search_implement.b82e9d8ff459`.
///
/// A name has no dot and a slug of another text has one, so the two never meet.
#[must_use]
pub fn slug(name: &str) -> Cow<'_, str> {
    if is_name(name) {
        return Cow::Borrowed(name);
    }
    let mut slug = String::with_capacity(SLUG_PREFIX_MAX + 1 + SLUG_DIGITS);
    for c in name.chars() {
        if slug.len() == SLUG_PREFIX_MAX {
            break;
        }
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => slug.push(c),
            // Neither first, where a dash would look like an option, nor twice.
            '-' if !slug.is_empty() => slug.push(c),
            _ if !slug.is_empty() && !slug.ends_with('_') => slug.push('_'),
            _ => {}
        }
    }
    let readable = slug.trim_end_matches('_').len();
    slug.truncate(readable);
    if slug.is_empty() {
        slug.push('_');
    }
    slug.push('.');
    slug.push_str(&Digest::of(name.as_bytes()).short(SLUG_DIGITS));
    Cow::Owned(slug)
}

/// Lists the groups that a node lies in, the outermost first: what stands before
/// each `/` of its name that is not within the brackets of an instance.
pub fn groups_of(name: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    name.char_indices().filter_map(move |(at, sign)| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match sign {
            '\\' if is_quoted => is_escaped = !was_escaped,
            '"' if !was_escaped => is_quoted = !is_quoted,
            '/' if !is_quoted => return Some(&name[..at]),
            _ => {}
        }
        None
    })
}

/// Returns the name of a node without what it and its groups were made for: the
/// instances of one thing have one name, `story/plan` of `story["search"]/plan`.
#[must_use]
pub fn thing_of(name: &str) -> String {
    let ends = groups_of(name).map(str::len).chain([name.len()]);
    let mut begin = 0;
    let mut parts = Vec::new();
    for end in ends {
        let part = &name[begin..end];
        parts.push(part.split_once('[').map_or(part, |(before, _)| before));
        begin = end + 1;
    }
    parts.join("/")
}

/// Hashes bytes that come piece by piece.
#[derive(Debug, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Adds the bytes that come next.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the digest of all of them, as [`Digest::of`] does.
    #[must_use]
    pub fn digest(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// A SHA-256 digest, printed as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Hashes bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Hashes several byte strings; each is preceded by its length, so that no
    /// two different lists give the same input.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// Hashes what a file holds. A byte order mark counts for nothing in a text, and
    /// `\r\n` as `\n`: a checkout may have other line ends than the commit. What is
    /// not UTF-8 counts byte for byte.
    #[must_use]
    pub fn of_file(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => {
                let plain = text.strip_prefix('\u{feff}').unwrap_or(text);
                Self::of(plain.replace("\r\n", "\n").as_bytes())
            }
            Err(_) => Self::of(bytes),
        }
    }

    /// Parses the printed form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?.as_bytes();
        if hex.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks(2)) {
            *byte = (nibble(pair[0])? << 4) | nibble(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// Returns the first `digits` hexadecimal digits: enough for a name people read.
    #[must_use]
    pub fn short(&self, digits: usize) -> String {
        self.hexadecimal().chars().take(digits).collect()
    }

    /// Returns the 64 hexadecimal digits alone.
    #[must_use]
    pub fn hexadecimal(&self) -> String {
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.map(|digit| char::from(HEX[usize::from(digit)])).collect()
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Only lower case is accepted: a digest has one spelling.
fn nibble(digit: u8) -> Option<u8> {
    HEX.iter().position(|&hex| hex == digit).and_then(|value| u8::try_from(value).ok())
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hexadecimal())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is not a digest (sha256: and 64 hex digits)"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_its_printed_form() {
        let digest = Digest::of(b"eufm");
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
    }

    #[test]
    fn only_the_canonical_spelling_is_a_digest() {
        let text = Digest::of(b"eufm").to_string();
        for bad in
            ["", "sha256:", &text[7..], &text[..70], &text.to_uppercase(), &format!("{text}0")]
        {
            assert_eq!(Digest::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_name_is_harmless_in_paths_refs_and_lines() {
        let long = "x".repeat(NAME_BYTES_MAX);
        for good in ["a", "_", "greet", "Unit-2_b", &long] {
            assert!(is_name(good), "{good}");
        }
        let longer = format!("{long}x");
        for bad in ["", "-a", "2a", "a.b", "..", "a/b", "a b", "é", "a\n", "a\0", &longer] {
            assert!(!is_name(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_label_is_any_text_that_stands_on_one_line() {
        let long = "é".repeat(LABEL_BYTES_MAX / 2);
        for good in ["a", "a/b[\"c\"]", "codex.economy", " ", "..", "模型 \\ 'x'", &long] {
            assert!(is_label(good), "{good}");
        }
        for bad in ["", "a\nb", "a\tb", "\0", "\u{85}", "\u{2028}", &format!("{long}x")] {
            assert!(!is_label(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_slug_shows_its_name_and_a_name_is_its_own() {
        for name in ["greet", "_a-B2", &"x".repeat(NAME_BYTES_MAX)] {
            assert_eq!(slug(name), name);
        }
        let hex = |name: &str| Digest::of(name.as_bytes()).short(12);
        for (name, shown) in [
            ("story[\"search\"]/implement", "story_search_implement"),
            ("codex.economy", "codex_economy"),
            ("unit@test[\"a b\"]", "unit_test_a_b"),
            ("--help", "help"),
            ("a--b/c", "a--b_c"),
            ("模型", "_"),
            ("..", "_"),
            ("x.lock", "x_lock"),
            ("2nd", "2nd"),
            ("", "_"),
        ] {
            assert_eq!(slug(name), format!("{shown}.{}", hex(name)), "{name}");
        }
        let long = slug(&"x/".repeat(200)).into_owned();
        assert!(long.len() <= 60 + 13, "{long}");
    }

    #[test]
    fn the_name_of_an_instance_makes_no_group() {
        let groups = |name| groups_of(name).collect::<Vec<_>>();
        assert_eq!(groups("alone"), Vec::<&str>::new());
        assert_eq!(groups("a/b/c"), ["a", "a/b"]);
        assert_eq!(groups(r#"s["x/y"]/t["u/v"]"#), [r#"s["x/y"]"#]);
        assert_eq!(groups(r#"s["x\"/y\\"]/t"#), [r#"s["x\"/y\\"]"#]);
    }

    proptest::proptest! {
        #[test]
        fn a_slug_is_a_part_of_a_ref_and_of_a_file_name(
            name in "(\\PC|[./\"\\[\\]@ -]){0,40}", other in "[a.-]{0,3}",
        ) {
            for name in [&name, &other, &format!("{name}.lock"), &format!("{name}.")] {
                let slug = slug(name);
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
                proptest::prop_assert!(slug.bytes().all(plain), "{slug}");
                proptest::prop_assert!(!slug.starts_with(['.', '-']) && !slug.ends_with('.'));
                proptest::prop_assert!(!slug.contains("..") && !slug.ends_with(".lock"));
                proptest::prop_assert!((1..=200).contains(&slug.len()));
            }
        }

        #[test]
        fn different_names_have_different_slugs(a in "[ab./]{1,6}", b in "[ab./]{1,6}") {
            proptest::prop_assert_eq!(a == b, slug(&a) == slug(&b));
        }
    }

    #[test]
    fn parts_are_not_their_concatenation() {
        assert_ne!(Digest::of_parts(&[b"ab", b"c"]), Digest::of_parts(&[b"a", b"bc"]));
    }
}
