//! What a rule is judged on: the files of a tree, what changed in it since its
//! base, and a way to what stands in them.
//!
//! Unaware of where trees are kept: whoever has one implements [`View`].

use thiserror::Error;

use crate::printable;

/// How many bytes of one file are read.
pub const FILE_BYTES_MAX: usize = 64 << 20;

/// How many bytes at the beginning tell a binary file from a text, as git does.
const BINARY_BYTES: usize = 8000;

/// The mode of a symlink.
const MODE_LINK: u32 = 0o120_000;
/// The mode of a commit of another repository.
const MODE_SUBMODULE: u32 = 0o160_000;

/// A file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path from the root, byte for byte.
    pub path: Vec<u8>,
    /// Its type and permissions, as git keeps them.
    pub mode: u32,
    /// The name of its content.
    pub object: String,
}

impl File {
    /// Writes the path so that it harms no terminal and no two look the same.
    #[must_use]
    pub fn shown(&self) -> String {
        printable::path(&self.path)
    }

    /// Tells whether it is a symlink.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.mode == MODE_LINK
    }

    /// Tells whether it has a content of its own: it is neither a symlink nor the
    /// commit of another repository.
    #[must_use]
    pub fn is_regular(&self) -> bool {
        !self.is_link() && !self.is_submodule()
    }

    /// Tells whether it is the commit of another repository.
    #[must_use]
    pub fn is_submodule(&self) -> bool {
        self.mode == MODE_SUBMODULE
    }
}

/// A path at which the tree differs from its base. A file that was moved is gone
/// here and new there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What there was; `None` where it is new.
    pub before: Option<File>,
    /// What there is; `None` where it is gone.
    pub after: Option<File>,
}

impl Change {
    /// Returns the path.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.after.as_ref().or(self.before.as_ref()).map_or(&[], |file| &file.path)
    }

    /// Tells how the path differs.
    #[must_use]
    pub fn kind(&self) -> ChangeKind {
        match (&self.before, &self.after) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            (Some(old), Some(new)) if old.mode & !0o777 != new.mode & !0o777 => ChangeKind::Type,
            (Some(old), Some(new)) if old.object == new.object => ChangeKind::Mode,
            _ => ChangeKind::Modified,
        }
    }
}

/// How a path differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// Its content is another one.
    Modified,
    /// Only whether it may be executed.
    Mode,
    /// A file became a symlink or a repository, or the other way round.
    Type,
}

/// The content of a file, or its beginning where it is larger than
/// [`FILE_BYTES_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// How many there are in all.
    pub size: u64,
}

impl<'a> Content<'a> {
    /// Makes the content of a file that is all there.
    #[must_use]
    pub fn whole(bytes: &'a [u8]) -> Self {
        Self { bytes, size: bytes.len() as u64 }
    }

    /// Tells whether all of it is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.bytes.len() as u64 == self.size
    }

    /// Tells whether it is no text: a NUL stands in its first 8000 bytes.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        memchr::memchr(0, &self.bytes[..self.bytes.len().min(BINARY_BYTES)]).is_some()
    }

    /// Returns the lines without their ends, `\n` or `\r\n`. What stands behind the
    /// last end is a line too, if anything does.
    pub fn lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let text = self.bytes.strip_suffix(b"\n").unwrap_or(self.bytes);
        let lines = (!self.bytes.is_empty()).then(|| text.split(|byte| *byte == b'\n'));
        lines.into_iter().flatten().map(|line| line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// How many lines a change adds and removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// So many.
    Lines {
        /// Lines that are new.
        added: u64,
        /// Lines that are gone.
        removed: u64,
    },
    /// A binary file has no lines.
    Binary,
    /// It is larger than [`FILE_BYTES_MAX`], so nobody has counted.
    TooLarge,
}

/// A tree that is judged, with its base.
pub trait View {
    /// Returns all files of the tree, sorted by path.
    fn files(&self) -> &[File];

    /// Returns what differs from the base, sorted by path.
    fn changes(&self) -> &[Change];

    /// Reads contents, one after the other: `each` gets the place in `objects`.
    ///
    /// # Errors
    /// Fails when one cannot be read.
    fn read(
        &self,
        objects: &[&str],
        each: &mut dyn FnMut(usize, Content<'_>),
    ) -> Result<(), Unread>;

    /// Counts the lines of all changes, in their order.
    ///
    /// # Errors
    /// Fails when one cannot be read.
    fn counts(&self) -> Result<Vec<Count>, Unread>;
}

/// What is to be judged cannot be read: there is no verdict then.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the tree cannot be read: {0}")]
pub struct Unread(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<&[u8]> {
        Content::whole(text).lines().collect()
    }

    #[test]
    fn a_line_ends_with_a_line_feed_or_with_the_file() {
        let none: Vec<&[u8]> = Vec::new();
        assert_eq!(lines(b""), none);
        assert_eq!(lines(b"\n"), [b""]);
        assert_eq!(lines(b"a"), [b"a"]);
        assert_eq!(lines(b"a\n"), [b"a"]);
        assert_eq!(lines(b"a\r\nb\rc\r\n\r\n"), [&b"a"[..], b"b\rc", b""]);
        assert_eq!(lines(b"\xff\0\n\nx"), [&b"\xff\0"[..], b"", b"x"]);
        assert_eq!(lines(b"a\r"), [b"a"]);
    }

    #[test]
    fn a_nul_near_the_beginning_makes_a_file_binary() {
        let text = |at: usize| [vec![b'x'; at], vec![0], vec![b'x'; 9]].concat();
        assert!(Content::whole(&text(0)).is_binary());
        assert!(Content::whole(&text(7999)).is_binary());
        assert!(!Content::whole(&text(8000)).is_binary());
        assert!(!Content::whole(b"").is_binary());
    }

    #[test]
    fn a_change_is_told_by_what_was_and_is() {
        let file = |mode, object: &str| {
            Some(File { path: b"p".to_vec(), mode, object: object.to_owned() })
        };
        for (before, after, kind) in [
            (None, file(0o100_644, "a"), ChangeKind::Added),
            (file(0o100_644, "a"), None, ChangeKind::Removed),
            (file(0o100_644, "a"), file(0o100_755, "b"), ChangeKind::Modified),
            (file(0o100_644, "a"), file(0o100_755, "a"), ChangeKind::Mode),
            (file(0o100_644, "a"), file(0o120_000, "a"), ChangeKind::Type),
            (file(0o160_000, "a"), file(0o160_000, "b"), ChangeKind::Modified),
            (file(0o160_000, "a"), file(0o100_644, "b"), ChangeKind::Type),
        ] {
            assert_eq!(Change { before, after }.kind(), kind);
        }
    }
}
