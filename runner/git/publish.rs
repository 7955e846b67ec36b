//! The branch the user gets, and what is written into the user's repository.
//!
//! New objects go there as one pack, which git itself would write the same way;
//! then the branch moves, if it is still where it was seen. Checkout, index and
//! `HEAD` are not touched and no hook runs. Unaware of what the commit is.

use std::fs;
use std::path::{Path, PathBuf};

use super::command::path_of;
use super::error::Error;
use super::id::{CommitId, is_object_name};
use super::listing::records;
use super::refs::lookup;
use super::vault::Vault;

impl Vault {
    /// Puts a commit with its objects into the user's repository as a branch.
    ///
    /// The branch may be new, or at a commit that the new one contains. `base`
    /// is the commit of the user's repository that the run started from.
    ///
    /// # Errors
    /// Fails when the branch is checked out somewhere, when it holds commits
    /// that the new one does not contain, or when git cannot write.
    pub(crate) fn publish(
        &self,
        branch: &str,
        base: &CommitId,
        commit: &CommitId,
    ) -> Result<(), Error> {
        let name = format!("refs/heads/{branch}");
        let current = lookup(&self.git_at_repository("for-each-ref"), &name)?;
        if current.as_ref() == Some(commit) {
            return Ok(());
        }
        if let Some(found) = &current
            && !self.contains(commit, found)?
        {
            return Err(Error::BranchMoved { branch: branch.to_owned(), found: found.clone() });
        }
        if let Some(place) = self.checked_out(&name)? {
            return Err(Error::BranchCheckedOut { branch: branch.to_owned(), place });
        }
        self.transfer(commit, [Some(base), current.as_ref()].into_iter().flatten())?;
        // All zeros: it must not exist.
        let expected = current.map_or_else(|| "0".repeat(commit.as_str().len()), String::from);
        let update = self.git_at_repository("update-ref").args(["-m", "eufm: result of a run"]);
        update.args([&name, commit.as_str(), &expected]).run().map(drop)
    }

    /// Lists the branches of the user's repository whose names begin so.
    ///
    /// # Errors
    /// Fails when git cannot read.
    pub(crate) fn branches(&self, begin: &str) -> Result<Vec<String>, Error> {
        let list = self.git_at_repository("for-each-ref").args(["--format=%(refname)", "--"]);
        let list = list.arg(format!("refs/heads/{begin}*")).run()?;
        let text = String::from_utf8_lossy(&list);
        let names = text.lines().filter_map(|name| name.strip_prefix("refs/heads/"));
        Ok(names.map(str::to_owned).collect())
    }

    /// Returns the worktree of the user's repository that has a branch checked
    /// out.
    fn checked_out(&self, name: &str) -> Result<Option<PathBuf>, Error> {
        let list = self.git_at_repository("worktree").args(["list", "--porcelain", "-z"]).run()?;
        let branch = format!("branch {name}");
        let mut place = None;
        for line in records(&list) {
            if let Some(path) = line.strip_prefix(b"worktree ") {
                place = Some(path_of(path));
            } else if line == branch.as_bytes() {
                return Ok(place);
            }
        }
        Ok(None)
    }

    /// Writes the objects of a commit that the user's repository does not have
    /// by these others.
    fn transfer<'a>(
        &self,
        commit: &CommitId,
        known: impl Iterator<Item = &'a CommitId>,
    ) -> Result<(), Error> {
        let mut wanted = format!("{commit}\n");
        for known in known {
            wanted.push_str(&format!("^{known}\n"));
        }
        let outgoing = self.dir().join("outgoing");
        fs::create_dir_all(&outgoing).map_err(Error::io("create", &outgoing))?;
        let pack = self
            .git_at_vault("pack-objects")
            .unsynced()
            .args(["--revs", "--non-empty", "--quiet"])
            .arg(outgoing.join("pack"))
            .stdin(wanted.into_bytes());
        let line = pack.line()?;
        if line.is_empty() {
            return Ok(());
        }
        if !is_object_name(&line) {
            return Err(Error::answer("pack-objects", line.as_bytes()));
        }
        let target = self.repository_objects().join("pack");
        fs::create_dir_all(&target).map_err(Error::io("create", &target))?;
        // Git looks for the index first, so the pack must be there before it.
        for ending in ["pack", "idx"] {
            let file = format!("pack-{line}.{ending}");
            put(&outgoing.join(&file), &target.join(&file))?;
        }
        super::vault::remove_file_if_there(&outgoing.join(format!("pack-{line}.rev")))?;
        fs::File::open(&target).and_then(|dir| dir.sync_all()).map_err(Error::io("write", &target))
    }
}

/// Moves a file to another folder, perhaps on another file system; it appears
/// there as a whole, on disk.
fn put(from: &Path, to: &Path) -> Result<(), Error> {
    let new = to.with_extension("eufm-new");
    super::vault::remove_file_if_there(&new)?;
    fs::copy(from, &new).map_err(Error::io("write", &new))?;
    fs::File::open(&new).and_then(|file| file.sync_all()).map_err(Error::io("write", &new))?;
    fs::rename(&new, to).map_err(Error::io("write", to))?;
    super::vault::remove_file_if_there(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::{Fixture, write};

    #[test]
    fn the_branch_and_its_objects_are_there_without_the_vault() {
        let fixture = Fixture::new();
        let one = fixture.change(&fixture.base, &[("x", Some("x\n"))]);
        fixture.vault.publish("eufm/run", &fixture.base, &one).unwrap();
        let two = fixture.change(&one, &[("y", Some("y\n"))]);
        fixture.vault.publish("eufm/run", &fixture.base, &two).unwrap();
        fixture.vault.publish("eufm/run", &fixture.base, &two).unwrap();
        fs::remove_dir_all(fixture.vault.dir()).unwrap();
        assert_eq!(fixture.user(&["rev-parse", "eufm/run"]).trim(), two.as_str());
        assert_eq!(fixture.user(&["show", "eufm/run:x"]), "x\n");
        fixture.user(&["fsck", "--strict", "--connectivity-only"]);
        assert_eq!(fixture.user(&["rev-list", "--count", "eufm/run"]), "3\n");
    }

    #[test]
    fn checkout_index_head_and_hooks_of_the_user_are_untouched() {
        let fixture = Fixture::new();
        let marker = fixture.root.path().join("marker");
        let hook = format!("#!/bin/sh\necho ran >> {}\n", marker.display());
        for name in ["reference-transaction", "post-update", "update", "pre-auto-gc"] {
            let path = format!(".git/hooks/{name}");
            write(&fixture.user, &path, &hook);
            let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(fixture.user.join(path), all).unwrap();
        }
        write(&fixture.user, "src/a.txt", "the user's own change\n");
        write(&fixture.user, "untracked", "x");
        fixture.user(&["add", "src/a.txt"]);
        let _ = fs::remove_file(&marker);
        let state = || {
            let read = |name: &str| fs::read(fixture.user.join(name)).unwrap();
            let status =
                fixture.user(&["--no-optional-locks", "status", "--porcelain=v2", "--branch"]);
            (read(".git/index"), read(".git/HEAD"), read("src/a.txt"), status)
        };
        let before = state();
        let commit = fixture.change(&fixture.base, &[("src/a.txt", Some("new\n"))]);
        fixture.vault.pin("run", &fixture.base).unwrap();
        fixture.vault.publish("eufm/run", &fixture.base, &commit).unwrap();
        fixture.vault.unpin("run").unwrap();
        assert_eq!(state(), before);
        assert!(!marker.exists(), "a hook of the user ran");
        // The hook does run for the user.
        fixture.user(&["branch", "control"]);
        assert!(marker.exists());
    }

    #[test]
    fn a_branch_that_holds_something_else_is_not_moved() {
        let fixture = Fixture::new();
        let one = fixture.change(&fixture.base, &[("x", Some("x"))]);
        fixture.vault.publish("eufm/run", &fixture.base, &one).unwrap();
        fixture.user(&["checkout", "-q", "eufm/run"]);
        fixture.user(&["commit", "-q", "--allow-empty", "-m", "mine"]);
        fixture.user(&["checkout", "-q", "main"]);
        let mine = fixture.user(&["rev-parse", "eufm/run"]);
        let two = fixture.change(&one, &[("y", Some("y"))]);
        let error = fixture.vault.publish("eufm/run", &fixture.base, &two).unwrap_err();
        assert!(matches!(error, Error::BranchMoved { .. }), "{error}");
        assert_eq!(fixture.user(&["rev-parse", "eufm/run"]), mine);
        // Moved away by the user, it can be made again.
        fixture.user(&["branch", "-m", "eufm/run", "kept"]);
        fixture.vault.publish("eufm/run", &fixture.base, &two).unwrap();
    }

    #[test]
    fn a_branch_that_is_checked_out_anywhere_is_not_moved() {
        let fixture = Fixture::new();
        let one = fixture.change(&fixture.base, &[("x", Some("x"))]);
        let two = fixture.change(&one, &[("y", Some("y"))]);
        fixture.vault.publish("eufm/run", &fixture.base, &one).unwrap();
        fixture.user(&["worktree", "add", "-q", "../si de", "eufm/run"]);
        let error = fixture.vault.publish("eufm/run", &fixture.base, &two).unwrap_err();
        assert!(matches!(error, Error::BranchCheckedOut { .. }), "{error}");
        assert!(error.to_string().contains("si de"), "{error}");
        // What is there already is no reason to complain.
        fixture.vault.publish("eufm/run", &fixture.base, &one).unwrap();
    }

    #[test]
    fn branches_are_found_by_how_they_begin() {
        let fixture = Fixture::new();
        for name in ["eufm/p-1", "eufm/p-12", "eufm/q-1", "p-1"] {
            fixture.user(&["branch", name]);
        }
        assert_eq!(fixture.vault.branches("eufm/p-1").unwrap(), ["eufm/p-1", "eufm/p-12"]);
        assert_eq!(fixture.vault.branches("eufm/x").unwrap(), [""; 0]);
    }

    #[test]
    fn publishing_the_base_itself_needs_no_objects() {
        let fixture = Fixture::new();
        fixture.vault.publish("eufm/run", &fixture.base, &fixture.base).unwrap();
        assert_eq!(fixture.user(&["rev-parse", "eufm/run"]).trim(), fixture.base.as_str());
    }

    #[test]
    fn objects_that_were_dangling_in_the_repository_are_sent_along() {
        let fixture = Fixture::new();
        write(&fixture.user, "loose", "dangling\n");
        fixture.user(&["hash-object", "-w", "loose"]);
        let commit = fixture.change(&fixture.base, &[("x", Some("dangling\n"))]);
        fixture.vault.publish("eufm/run", &fixture.base, &commit).unwrap();
        let object = fixture.user(&["rev-parse", "eufm/run:x"]);
        let (folder, file) = object.trim().split_at(2);
        fs::remove_file(fixture.user.join(".git/objects").join(folder).join(file)).unwrap();
        assert_eq!(fixture.user(&["show", "eufm/run:x"]), "dangling\n");
    }
}
