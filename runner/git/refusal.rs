//! Refusals of a harvest: the paths, and why each.
//!
//! Unaware of how they are found.

use std::collections::BTreeSet;
use std::fmt;

use super::names::BadName;

/// The most paths that are listed, of changes that are refused or ignored.
pub(super) const LISTED_MAX: usize = 100;

/// What an attempt did that it may not; nothing of it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The paths with the reasons, sorted, at most 100.
    pub breaches: Vec<Breach>,
    /// How many more there are.
    pub more: usize,
}

/// A path that is refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breach {
    /// The path, with what is no printable text escaped.
    pub path: String,
    /// Why.
    pub reason: Reason,
}

/// Why a path is refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    /// `writes` does not allow it.
    OutsideWrites,
    /// It is protected, and its node lists no `writes`.
    Protected,
    /// It is protected as the base commit has it, and its node lists no `writes`.
    Existing,
    /// It steers git itself and no glob names it.
    SteersGit,
    /// It is a git repository of its own.
    Repository,
    /// It is, or lies in, a submodule.
    Submodule,
    /// A symlink that leads out of the tree, or could.
    SymlinkOutside,
    /// It differs from this other path by case only.
    CaseCollision(String),
    /// Its name is not UTF-8.
    NotUnicode,
    /// Its name has a control character or a direction mark.
    ControlCharacter,
    /// Some system takes its name for `.git`.
    GitLike,
    /// A filter (such as Git LFS) would have to convert it.
    Filtered(String),
    /// Git cannot read it: no permission, or no regular file.
    Unreadable(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutsideWrites => f.write_str("outside `writes`"),
            Self::Protected => f.write_str("protected; only a glob of `writes` allows it"),
            Self::Existing => f.write_str(
                "protected as the base commit has it; only a glob of `writes` allows a change",
            ),
            Self::SteersGit => f.write_str("steers git; only a glob with this very name allows it"),
            Self::Repository => f.write_str("a git repository inside the tree"),
            Self::Submodule => f.write_str("in a submodule"),
            Self::SymlinkOutside => f.write_str("a symlink that leads out of the tree"),
            Self::CaseCollision(other) => write!(f, "differs from `{other}` by case only"),
            Self::NotUnicode => f.write_str("a name that is not UTF-8"),
            Self::ControlCharacter => {
                f.write_str("a name with a control character or direction mark")
            }
            Self::GitLike => f.write_str("a name that some systems take for `.git`"),
            Self::Filtered(filter) => write!(f, "has `filter={filter}`, and no filter is run"),
            Self::Unreadable(cause) => write!(f, "cannot be read: {cause}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.breaches.len() + self.more;
        writeln!(f, "the attempt wrote what it may not ({count}); nothing of it was taken:")?;
        for breach in &self.breaches {
            writeln!(f, "  {}: {}", breach.path, breach.reason)?;
        }
        if self.more > 0 {
            writeln!(f, "  … and {} more", self.more)?;
        }
        let is_protected =
            |breach: &Breach| matches!(breach.reason, Reason::Protected | Reason::Existing);
        f.write_str(match self.breaches.iter().any(is_protected) {
            true => "leave protected files as they are, or list them in `writes`",
            false => "widen `writes`, or tell the agent where to write",
        })
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    pub(super) fn of(breaches: BTreeSet<Breach>) -> Self {
        let more = breaches.len().saturating_sub(LISTED_MAX);
        Self { breaches: breaches.into_iter().take(LISTED_MAX).collect(), more }
    }
}

impl From<BadName> for Reason {
    fn from(bad: BadName) -> Self {
        match bad {
            BadName::NotUnicode => Self::NotUnicode,
            BadName::ControlCharacter => Self::ControlCharacter,
            BadName::GitLike => Self::GitLike,
        }
    }
}
