//! Looks through the files of a commit: those that match globs, with what is
//! in them, and those that lie where a folder is to be.
//!
//! Unaware of what is done with either.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::error::Error;
use super::id::CommitId;
use super::names::display;
use super::vault::Vault;
use super::writes::Writes;

/// What was found in a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Survey {
    /// The files that match the globs, by path: mode, digest of the content, path.
    pub matching: Vec<String>,
    /// The first file that lies where one of the folders is to be, within it
    /// or above it, with that folder.
    pub in_the_way: Option<(String, String)>,
}

impl Vault {
    /// Looks for files that match `globs`, and for what is in the way of
    /// `folders`, which are relative to the root.
    ///
    /// # Errors
    /// Fails when the vault does not have the commit, or on a bad glob.
    pub(crate) fn survey(
        &self,
        commit: &CommitId,
        globs: &[String],
        folders: &[&str],
    ) -> Result<Survey, Error> {
        let globs = Writes::new(globs)?;
        let (mut matching, mut in_the_way) = (Vec::new(), None);
        for entry in self.list(commit)? {
            // A path that is no text matches no glob, as in `writes`.
            if let Ok(path) = std::str::from_utf8(&entry.path)
                && globs.allows(path)
            {
                matching.push(format!("{:06o} {} {path}", entry.mode, entry.object));
            }
            let path = Path::new(std::ffi::OsStr::from_bytes(&entry.path));
            if in_the_way.is_none()
                && let Some(folder) = folders.iter().find(|folder| meet(path, folder))
            {
                in_the_way = Some(((*folder).to_owned(), display(&entry.path)));
            }
        }
        Ok(Survey { matching, in_the_way })
    }
}

/// Tells whether a file stands where a folder is to be: within it, in its
/// place, or in that of a folder above it.
pub(crate) fn meet(file: &Path, folder: &str) -> bool {
    file.starts_with(folder) || Path::new(folder).starts_with(file)
}

#[cfg(test)]
mod tests {
    use crate::git::fixture::Fixture;

    #[test]
    fn files_are_found_by_globs_with_what_is_in_them() {
        let fixture = Fixture::with(&[("Cargo.lock", "a"), ("x/Cargo.toml", "b"), ("y", "c")]);
        let globs = ["Cargo.lock".to_owned(), "**/Cargo.toml".to_owned()];
        let survey = fixture.vault.survey(&fixture.base, &globs, &[]).unwrap();
        let ends: Vec<&str> =
            survey.matching.iter().filter_map(|line| line.rsplit(' ').next()).collect();
        assert_eq!(ends, ["Cargo.lock", "x/Cargo.toml"]);
        assert!(survey.matching[0].starts_with("100644 "), "{survey:?}");
        let other = Fixture::with(&[("Cargo.lock", "A"), ("x/Cargo.toml", "b"), ("y", "d")]);
        let changed = other.vault.survey(&other.base, &globs, &[]).unwrap();
        assert_ne!(survey.matching[0], changed.matching[0]);
        assert_eq!(survey.matching[1], changed.matching[1]);
    }

    #[test]
    fn what_lies_where_a_folder_is_to_be_is_found() {
        let fixture = Fixture::with(&[("target", "a file"), ("b/c/d", "x"), ("bc", "x")]);
        let found = |folder: &'static str| {
            let survey = fixture.vault.survey(&fixture.base, &[], &[folder]);
            survey.unwrap().in_the_way.map(|(_, path)| path)
        };
        assert_eq!(found("target").as_deref(), Some("target"));
        assert_eq!(found("target/debug").as_deref(), Some("target"));
        assert_eq!(found("b").as_deref(), Some("b/c/d"));
        assert_eq!(found("b/c/d/e").as_deref(), Some("b/c/d"));
        for free in ["b/c/e", "b/c/dd", "targets", "node_modules"] {
            assert_eq!(found(free), None, "{free}");
        }
    }
}
