//! Names of git objects: a commit and a tree are different types.
//!
//! Both hash functions of git are known: 40 digits (SHA-1) or 64 (SHA-256). A
//! copy shares its digits: ten thousand nodes may stand on one base.
//! Unaware of whether an object of that name exists.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A text that is not the name of a git object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the name of a git object: 40 or 64 hexadecimal digits in lower case")]
pub struct InvalidId(String);

macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the form of a name.
            ///
            /// # Errors
            /// Fails on anything but 40 or 64 hexadecimal digits in lower case.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                if is_object_name(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId(text.chars().take(80).collect()))
                }
            }

            /// Returns the hexadecimal digits.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns the first digits: enough for people to find it by.
            #[must_use]
            pub fn short(&self) -> &str {
                self.0.get(..12).unwrap_or(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

object_id!(
    /// The name of a commit.
    CommitId
);
object_id!(
    /// The name of a tree: the state of all files, without history.
    TreeId
);

/// Tells whether a text has the form of an object's name.
pub(super) fn is_object_name(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_hash_functions_are_known_and_nothing_else() {
        assert!(CommitId::new(&"a1".repeat(20)).is_ok());
        assert!(TreeId::new(&"0f".repeat(32)).is_ok());
        for bad in ["", "HEAD", &"a".repeat(39), &"A".repeat(40), &"g".repeat(40), &"é".repeat(20)]
        {
            assert!(CommitId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_is_a_string_in_json_and_is_checked_when_read() {
        let id = CommitId::new(&"a".repeat(40)).unwrap();
        let text = serde_json::to_string(&id).unwrap();
        assert_eq!(text, format!("\"{}\"", "a".repeat(40)));
        assert_eq!(serde_json::from_str::<CommitId>(&text).unwrap(), id);
        assert!(serde_json::from_str::<CommitId>("\"--all\"").is_err());
    }
}
