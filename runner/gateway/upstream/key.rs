//! The key of an account at a provider, which never leaves the runner.
//!
//! Unaware of what it opens.

use std::sync::Arc;

use http::HeaderValue;

use super::trouble::Trouble;

/// What stands in place of the key, should a provider repeat it.
const HIDDEN: &str = "[key]";
/// How much of its beginning is nothing to hide: all keys of a provider share it.
const BEGINNING: usize = 4;

/// A key. It is not shown: not by `Debug`, not in a message.
#[derive(Clone)]
pub struct Key {
    text: Arc<str>,
    authorization: HeaderValue,
}

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoKey {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// A key is one word of plain characters.
    #[error("it has blanks, line breaks or other characters in it that no key has")]
    Characters,
}

impl Key {
    /// Takes a text as a key; blanks and line ends around it are no part of it.
    ///
    /// # Errors
    /// Fails when it is empty or is not one word of visible ASCII characters.
    pub fn new(text: &str) -> Result<Self, NoKey> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NoKey::Empty);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NoKey::Characters);
        }
        let mut authorization =
            HeaderValue::from_str(&format!("Bearer {text}")).map_err(|_| NoKey::Characters)?;
        authorization.set_sensitive(true);
        Ok(Self { text: text.into(), authorization })
    }

    /// Returns the header that shows it to the provider.
    pub(super) fn authorization(&self) -> HeaderValue {
        self.authorization.clone()
    }

    /// Returns it, for who has to see to it that it is nowhere.
    pub(crate) fn secret(&self) -> &str {
        &self.text
    }

    /// Takes the key out of what a provider said.
    pub(super) fn hide_in(&self, mut trouble: Trouble) -> Trouble {
        if trouble.message.contains(&*self.text) {
            trouble.message = trouble.message.replace(&*self.text, HIDDEN);
        }
        // A message that was cut off may end within it.
        if let Some(said) = trouble.message.strip_suffix('…') {
            let parts = (BEGINNING..self.text.len()).rev().filter_map(|end| self.text.get(..end));
            if let Some(said) = parts.filter_map(|part| said.strip_suffix(part)).next() {
                trouble.message = format!("{said}{HIDDEN}…");
            }
        }
        trouble
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::trouble::{Class, Phase};
    use super::*;

    #[test]
    fn a_key_is_one_word() {
        for good in ["sk-abc_DEF.123", "  sk-a\n", "sk-a\r\n"] {
            assert!(Key::new(good).is_ok(), "{good:?}");
        }
        assert_eq!(Key::new("").unwrap_err(), NoKey::Empty);
        assert_eq!(Key::new(" \n").unwrap_err(), NoKey::Empty);
        for bad in ["sk a", "sk\na", "sk\u{0}a", "sk\u{1b}a", "skü", "a\tb"] {
            assert_eq!(Key::new(bad).unwrap_err(), NoKey::Characters, "{bad:?}");
        }
    }

    #[test]
    fn a_key_is_not_shown() {
        let key = Key::new("sk-hidden").unwrap();
        assert_eq!(format!("{key:?} {:?}", key.authorization()), "Key(…) Sensitive");
        let said = "Incorrect API key provided: sk-hidden. Is sk-hidden yours?";
        let trouble = key.hide_in(Trouble::new(Phase::Rejected, Class::Auth, said));
        assert_eq!(trouble.message, "Incorrect API key provided: [key]. Is [key] yours?");
        for visible in [1, 4, 8] {
            let said = format!("{}sk-hidden and more", "x".repeat(500 - visible));
            let trouble = key.hide_in(Trouble::new(Phase::Rejected, Class::Auth, &said));
            assert!(!trouble.message.contains("sk-h"), "{visible}: {trouble}");
        }
    }
}
