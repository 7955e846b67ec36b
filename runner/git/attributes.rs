//! Paths that a run cannot change: those that a filter converts (Git LFS,
//! git-crypt) and those of submodules.
//!
//! The runner runs no filters, so what it commits under such a path would be
//! the wrong form of it. Unaware of what the filters do.

use std::path::Path;

use super::error::Error;
use super::id::CommitId;
use super::listing::{Entry, records};
use super::names::display;
use super::vault::Vault;
use super::writes::Writes;

/// The most submodules that a message names.
const NAMED_MAX: usize = 5;

impl Vault {
    /// Finds what no node of a run may write: one look at the base for all.
    ///
    /// New files with a filter are found by the harvest.
    ///
    /// # Errors
    /// Fails when git fails.
    pub(crate) fn unwritable(&self, base: &CommitId) -> Result<Unwritable, Error> {
        let entries = self.list(base)?;
        let path = |entry: &Entry| String::from_utf8_lossy(&entry.path).into_owned();
        let submodules = entries.iter().filter(|entry| entry.is_submodule()).map(path).collect();
        let filtered = match self.has_attributes(&entries) {
            false => Vec::new(),
            true => {
                let index = self.dir().join(format!("attributes-{base}.index"));
                super::vault::remove_file_if_there(&index)?;
                self.git_at_vault("read-tree").index(&index).arg(base.as_str()).run()?;
                let files: Vec<&[u8]> = entries.iter().map(|entry| &*entry.path).collect();
                let filtered = filtered(self, &index, &files);
                super::vault::remove_file_if_there(&index)?;
                filtered?
            }
        };
        Ok(Unwritable { submodules, filtered })
    }

    /// Tells whether some path of a tree could have attributes.
    pub(super) fn has_attributes(&self, entries: &[Entry]) -> bool {
        let name = |entry: &Entry| entry.path.ends_with(b".gitattributes");
        self.repository_attributes().exists() || entries.iter().any(name)
    }
}

/// The paths of a base commit that its runs cannot change.
#[derive(Debug, Default)]
pub(crate) struct Unwritable {
    submodules: Vec<String>,
    /// Each with the name of its filter.
    filtered: Vec<(String, String)>,
}

impl Unwritable {
    /// Checks that globs reach none of them.
    ///
    /// # Errors
    /// Fails with the paths that they reach.
    pub(crate) fn check(&self, writes: &Writes) -> Result<(), Error> {
        let reached = self.submodules.iter().filter(|path| writes.reaches(path));
        let named: Vec<String> =
            reached.take(NAMED_MAX).map(|path| display(path.as_bytes())).collect();
        if !named.is_empty() {
            return Err(Error::WritesSubmodule { paths: named.join(", ") });
        }
        match self.filtered.iter().find(|(path, _)| writes.allows(path)) {
            Some((path, filter)) => {
                let (path, filter) = (display(path.as_bytes()), filter.clone());
                Err(Error::WritesFiltered { path, filter })
            }
            None => Ok(()),
        }
    }
}

/// Returns those paths that have a filter, with its name: by the attributes of
/// an index and those that the user's repository has outside of its tree. (The
/// vault's own attributes would say that there are none.)
pub(super) fn filtered(
    vault: &Vault,
    index: &Path,
    paths: &[&[u8]],
) -> Result<Vec<(String, String)>, Error> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    let mut input = paths.join(&0);
    input.push(0);
    let output = vault
        .git_at_repository("check-attr")
        .index(index)
        // Attributes of a run's own commits lie in the vault.
        .env("GIT_OBJECT_DIRECTORY", vault.dir().join("objects"))
        .args(["--cached", "--stdin", "-z", "filter"])
        .stdin(input)
        .run()?;
    let fields: Vec<&[u8]> = records(&output).collect();
    let mut found = Vec::new();
    for field in fields.chunks(3) {
        let &[path, _, value] = field else {
            return Err(Error::answer("check-attr", &output));
        };
        if !matches!(value, b"unspecified" | b"unset") {
            found.push((String::from_utf8_lossy(path).into_owned(), display(value)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use crate::git::HarvestError;
    use crate::git::fixture::{Fixture, plain_git, write, writes};

    fn with_filters() -> Fixture {
        Fixture::prepared(|user| {
            write(user, ".gitattributes", "*.png filter=lfs\nplain.png -filter\n");
            write(user, "art/a.png", "version https://git-lfs.github.com/spec/v1\n");
            write(user, "plain.png", "x");
            write(user, "src/a.txt", "a");
            plain_git(user, &["init", "-q", "vendor/lib"]);
            plain_git(&user.join("vendor/lib"), &["commit", "-q", "--allow-empty", "-m", "x"]);
        })
    }

    #[test]
    fn globs_that_reach_filtered_files_or_submodules_are_refused_before_the_run() {
        let fixture = with_filters();
        let unwritable = fixture.vault.unwritable(&fixture.base).unwrap();
        let check = |glob: &str| unwritable.check(&writes(&[glob]));
        for glob in ["src/**", "*.png", "vendor2/**"] {
            assert!(check(glob).is_ok(), "{glob}");
        }
        for glob in ["vendor/**", "vendor/lib/x", "vendor/*", "**/*.txt"] {
            let error = check(glob).unwrap_err();
            assert!(error.to_string().contains("vendor/lib is a submodule"), "{glob}: {error}");
        }
        let error = check("art/**").unwrap_err();
        assert!(error.to_string().contains("art/a.png has `filter=lfs`"), "{error}");
    }

    #[test]
    fn a_new_file_with_a_filter_is_refused_by_the_harvest() {
        let fixture = with_filters();
        let worktree = fixture.worktree("a");
        write(worktree.dir(), "new/b.png", "pixels");
        // An agent cannot talk itself out of it.
        write(worktree.dir(), "new/.gitattributes", "* -filter\n");
        let allowed = writes(&["new/*", "new/.gitattributes"]);
        let Err(HarvestError::Refused(refusal)) = worktree.harvest(&fixture.base, &allowed) else {
            panic!("not refused")
        };
        assert_eq!(refusal.breaches.len(), 1, "{refusal}");
        assert!(refusal.to_string().contains("new/b.png: has `filter=lfs`"), "{refusal}");
        // Of what may not be written at all, that is told.
        let allowed = writes(&["new/.gitattributes"]);
        let Err(HarvestError::Refused(refusal)) = worktree.harvest(&fixture.base, &allowed) else {
            panic!("not refused")
        };
        assert_eq!(refusal.to_string().matches("new/b.png").count(), 1, "{refusal}");
        assert!(refusal.to_string().contains("new/b.png: outside `writes`"), "{refusal}");
    }

    #[test]
    fn filters_that_only_the_users_repository_knows_count() {
        let fixture = Fixture::with(&[("secret/a", "x")]);
        write(&fixture.user, ".git/info/attributes", "secret/* filter=git-crypt\n");
        let unwritable = fixture.vault.unwritable(&fixture.base).unwrap();
        let error = unwritable.check(&writes(&["**"])).unwrap_err();
        assert!(error.to_string().contains("filter=git-crypt"), "{error}");
    }
}
