//! Merges of commits, without a worktree.
//!
//! What contains the other is the result (a fast-forward); else git merges the
//! trees by itself, without merge drivers, and a conflict is an answer with its
//! paths. Unaware of plan order: the caller merges in it.

use std::fmt;

use super::error::Error;
use super::id::{CommitId, TreeId};
use super::listing::records;
use super::names::display;
use super::vault::{Stamp, Vault};
use crate::process::Exit;

/// Why there is no merge.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    /// Both sides changed the same.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] Error),
}

/// Two commits that do not go together without a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// The commit that was merged into.
    pub ours: CommitId,
    /// The commit that was merged.
    pub theirs: CommitId,
    /// The paths, sorted, with what is no printable text escaped.
    pub paths: Vec<String>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ours, theirs, paths } = self;
        write!(f, "{theirs} conflicts with {ours} in {}", paths.join(", "))
    }
}

impl std::error::Error for Conflict {}

impl Vault {
    /// Merges `theirs` into `ours`. Returns one of them if it contains the
    /// other, else a new commit with both as parents.
    ///
    /// # Errors
    /// Fails with [`MergeError::Conflict`], or when git fails.
    pub(crate) fn merge(
        &self,
        ours: &CommitId,
        theirs: &CommitId,
        message: &str,
        stamp: &Stamp,
    ) -> Result<CommitId, MergeError> {
        if self.known().contains(ours, theirs) {
            return Ok(ours.clone());
        }
        if self.known().contains(theirs, ours) {
            return Ok(theirs.clone());
        }
        let base = self.merge_base(ours, theirs)?;
        if base.as_ref() == Some(theirs) {
            return Ok(ours.clone());
        }
        if base.as_ref() == Some(ours) {
            return Ok(theirs.clone());
        }
        let (tree, paths) = self.torn(ours, theirs)?;
        if !paths.is_empty() {
            return Err(Conflict { ours: ours.clone(), theirs: theirs.clone(), paths }.into());
        }
        Ok(self.commit(&tree, &[ours.clone(), theirs.clone()], message, stamp)?)
    }

    /// Merges several commits, one after the other: the input of a node that
    /// depends on several. Those that are contained already change nothing.
    ///
    /// # Errors
    /// Fails at the first conflict, or when git fails.
    pub(crate) fn merge_all(
        &self,
        onto: &CommitId,
        commits: &[CommitId],
        message: &str,
        stamp: &Stamp,
    ) -> Result<CommitId, MergeError> {
        let mut merged = onto.clone();
        for commit in commits {
            merged = self.merge(&merged, commit, message, stamp)?;
        }
        Ok(merged)
    }

    /// Tells whether `commit` contains `part`: is it, or descends from it.
    ///
    /// # Errors
    /// Fails when git fails.
    pub(crate) fn contains(&self, commit: &CommitId, part: &CommitId) -> Result<bool, Error> {
        Ok(self.known().contains(commit, part)
            || self.merge_base(commit, part)?.as_ref() == Some(part))
    }

    fn merge_base(&self, a: &CommitId, b: &CommitId) -> Result<Option<CommitId>, Error> {
        let command = self.git_at_vault("merge-base").args([a.as_str(), b.as_str()]);
        let output = command.answer()?;
        match output.exit {
            Exit::Status(0) => {
                let text = String::from_utf8_lossy(&output.stdout);
                let id = CommitId::new(text.trim());
                id.map(Some).map_err(|_| Error::answer("merge-base", &output.stdout))
            }
            Exit::Status(1) => Ok(None),
            _ => Err(command.failed(&output)),
        }
    }

    /// Merges two commits as far as they go together: where they do not, the files
    /// hold both sides between marks. Returns the tree with the paths in conflict.
    ///
    /// # Errors
    /// Fails when git fails.
    pub(crate) fn torn(
        &self,
        ours: &CommitId,
        theirs: &CommitId,
    ) -> Result<(TreeId, Vec<String>), Error> {
        let command = self.git_at_vault("merge-tree").args([
            "--write-tree",
            "-z",
            "--name-only",
            "--no-messages",
            "--allow-unrelated-histories",
            ours.as_str(),
            theirs.as_str(),
        ]);
        let output = command.answer()?;
        let mut fields = records(&output.stdout);
        let tree = fields.next().and_then(|id| TreeId::new(std::str::from_utf8(id).ok()?).ok());
        match (output.exit, tree) {
            (Exit::Status(0), Some(tree)) => Ok((tree, Vec::new())),
            (Exit::Status(1), Some(tree)) => {
                let mut paths: Vec<String> = fields.map(display).collect();
                paths.sort();
                paths.dedup();
                Ok((tree, paths))
            }
            (Exit::Status(0 | 1), None) => Err(Error::answer("merge-tree", &output.stdout)),
            _ => Err(command.failed(&output)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::{Fixture, stamp};

    fn merge(fixture: &Fixture, a: &CommitId, b: &CommitId) -> Result<CommitId, MergeError> {
        fixture.vault.merge(a, b, "merge\n", &stamp())
    }

    #[test]
    fn what_contains_the_other_is_the_result() {
        let fixture = Fixture::new();
        let later = fixture.change(&fixture.base, &[("x", Some("x"))]);
        assert_eq!(merge(&fixture, &fixture.base, &later).unwrap(), later);
        assert_eq!(merge(&fixture, &later, &fixture.base).unwrap(), later);
        assert_eq!(merge(&fixture, &later, &later).unwrap(), later);
    }

    #[test]
    fn independent_changes_are_joined_also_within_a_file() {
        let lines = |a: &str, b: &str| format!("{a}\n1\n2\n3\n4\n5\n{b}\n");
        let fixture = Fixture::with(&[("f", &lines("a", "b"))]);
        let top = fixture.change(&fixture.base, &[("f", Some(&lines("A", "b"))), ("x", Some("x"))]);
        let end = fixture.change(&fixture.base, &[("f", Some(&lines("a", "B")))]);
        let merged = merge(&fixture, &top, &end).unwrap();
        assert_eq!(fixture.show(&merged, "f"), lines("A", "B").as_bytes());
        assert!(fixture.vault.contains(&merged, &top).unwrap());
        assert!(fixture.vault.contains(&merged, &end).unwrap());
        assert!(!fixture.vault.contains(&top, &end).unwrap());
    }

    #[test]
    fn a_conflict_names_its_paths_and_makes_no_commit() {
        let fixture = Fixture::with(&[("ä \"b\"", "1\n"), ("gone", "1\n"), ("same", "1\n")]);
        let ours = [("ä \"b\"", Some("2\n")), ("gone", None), ("same", Some("2\n"))];
        let theirs = [("ä \"b\"", Some("3\n")), ("gone", Some("2\n")), ("same", Some("2\n"))];
        let ours = fixture.change(&fixture.base, &ours);
        let theirs = fixture.change(&fixture.base, &theirs);
        let Err(MergeError::Conflict(conflict)) = merge(&fixture, &ours, &theirs) else {
            panic!("no conflict")
        };
        assert_eq!(conflict.paths, ["gone", "ä \"b\""]);
        assert_eq!((conflict.ours, conflict.theirs), (ours, theirs));
    }

    #[test]
    fn drivers_that_attributes_name_do_not_decide() {
        let fixture = Fixture::with(&[(".gitattributes", "f merge=union\n"), ("f", "1\n")]);
        let ours = fixture.change(&fixture.base, &[("f", Some("2\n"))]);
        let theirs = fixture.change(&fixture.base, &[("f", Some("3\n"))]);
        assert!(matches!(merge(&fixture, &ours, &theirs), Err(MergeError::Conflict(_))));
    }

    #[test]
    fn independent_commits_give_the_same_files_in_every_order() {
        let fixture = Fixture::new();
        let commit = |name: &str| fixture.change(&fixture.base, &[(name, Some(name))]);
        let [a, b, c] = ["a", "b", "c"].map(commit);
        let tree = |order: [&CommitId; 3]| {
            let order = order.map(CommitId::clone);
            let all = fixture.vault.merge_all(&fixture.base, &order, "m", &stamp()).unwrap();
            (fixture.vault.tree(&all).unwrap(), all)
        };
        let first = tree([&a, &b, &c]);
        for order in [[&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]] {
            assert_eq!(tree(order).0, first.0);
        }
        // The same order gives the very same commit.
        assert_eq!(tree([&a, &b, &c]), first);
        assert_eq!(fixture.files(&first.1).len(), 6);
    }

    #[test]
    fn merging_again_what_is_contained_changes_nothing() {
        let fixture = Fixture::new();
        let a = fixture.change(&fixture.base, &[("a", Some("a"))]);
        let b = fixture.change(&a, &[("b", Some("b"))]);
        let all = [a.clone(), fixture.base.clone(), b.clone(), a];
        assert_eq!(fixture.vault.merge_all(&fixture.base, &all, "m", &stamp()).unwrap(), b);
        assert_eq!(fixture.vault.merge_all(&b, &[], "m", &stamp()).unwrap(), b);
    }

    #[test]
    fn a_commit_that_is_not_there_is_an_error_and_no_conflict() {
        let fixture = Fixture::new();
        let missing = CommitId::new(&"a".repeat(40)).unwrap();
        assert!(matches!(merge(&fixture, &fixture.base, &missing), Err(MergeError::Git(_))));
    }
}
