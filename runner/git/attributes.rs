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
    /// Checks before a run that globs can be written: none reaches into a
    /// submodule of the base or matches a file there that has a filter.
    ///
    /// New files below such a glob are checked by the harvest.
    ///
    /// # Errors
    /// Fails on such a path, or when git fails.
    pub(crate) fn check_writes(&self, base: &CommitId, writes: &Writes) -> Result<(), Error> {
        let entries = self.list(base)?;
        let path = |entry: &Entry| String::from_utf8_lossy(&entry.path).into_owned();
        let submodules: Vec<String> =
            entries.iter().filter(|entry| entry.is_submodule()).map(path).collect();
        let reached: Vec<&String> = submodules.iter().filter(|path| writes.reaches(path)).collect();
        if !reached.is_empty() {
            let named: Vec<String> =
                reached.iter().take(NAMED_MAX).map(|path| display(path.as_bytes())).collect();
            return Err(Error::WritesSubmodule { paths: named.join(", ") });
        }
        if !self.has_attributes(&entries) {
            return Ok(());
        }
        let matching: Vec<&[u8]> = entries
            .iter()
            .filter(|entry| std::str::from_utf8(&entry.path).is_ok_and(|path| writes.allows(path)))
            .map(|entry| &*entry.path)
            .collect();
        let index = self.dir().join(format!("attributes-{base}.index"));
        super::vault::remove_file_if_there(&index)?;
        self.git_at_vault("read-tree").index(&index).arg(base.as_str()).run()?;
        let filtered = filtered(self, &index, &matching);
        super::vault::remove_file_if_there(&index)?;
        match filtered?.into_iter().next() {
            Some((path, filter)) => Err(Error::WritesFiltered { path, filter }),
            None => Ok(()),
        }
    }

    /// Tells whether some path of a tree could have attributes.
    pub(super) fn has_attributes(&self, entries: &[Entry]) -> bool {
        let name = |entry: &Entry| entry.path.ends_with(b".gitattributes");
        self.repository_attributes().exists() || entries.iter().any(name)
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
            found.push((display(path), display(value)));
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
        let check = |glob: &str| fixture.vault.check_writes(&fixture.base, &writes(&[glob]));
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
    }

    #[test]
    fn filters_that_only_the_users_repository_knows_count() {
        let fixture = Fixture::with(&[("secret/a", "x")]);
        write(&fixture.user, ".git/info/attributes", "secret/* filter=git-crypt\n");
        let error = fixture.vault.check_writes(&fixture.base, &writes(&["**"])).unwrap_err();
        assert!(error.to_string().contains("filter=git-crypt"), "{error}");
    }
}
