//! Globs over paths from the root of a tree, read in one way for all.
//!
//! `*`, `?` and `[…]` stay within a component, `**` crosses them, `{a,b}`
//! chooses; case counts. The compiler reads them in the same way. Unaware of
//! what is matched.

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

/// A glob that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BadGlob {
    /// The glob.
    pub glob: String,
    /// What is wrong with it.
    pub cause: String,
}

/// Reads one glob.
///
/// # Errors
/// Fails on a form that globset does not know.
pub(crate) fn glob(text: &str) -> Result<Glob, BadGlob> {
    let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
    glob.map_err(|error| BadGlob { glob: text.to_owned(), cause: error.kind().to_string() })
}

/// Reads globs; the set matches what one of them does, and nothing without any.
///
/// # Errors
/// Fails on one that cannot be read or that leaves the tree.
pub(crate) fn set<S: AsRef<str>>(globs: &[S]) -> Result<GlobSet, BadGlob> {
    let mut builder = GlobSetBuilder::new();
    for text in globs {
        let text = text.as_ref();
        if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
            let cause = "a path from the root of the repository, without `.` and `..`".to_owned();
            return Err(BadGlob { glob: text.to_owned(), cause });
        }
        builder.add(glob(text)?);
    }
    builder.build().map_err(|error| BadGlob {
        glob: error.glob().unwrap_or("all together").to_owned(),
        cause: error.kind().to_string(),
    })
}
