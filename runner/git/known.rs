//! What was found out of commits and need not be asked again: git starts a
//! process for each answer, and a commit never changes.
//!
//! It is bounded by what a run makes, and gone with the process. Unaware of git.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::id::{CommitId, TreeId};
use super::listing::Entry;

/// How many commits are walked through before git is asked, which is faster.
const WALK_MAX: usize = 256;

/// The files of a commit at some paths.
type Files = BTreeMap<(CommitId, BTreeSet<String>), Arc<Vec<Entry>>>;

/// What is known of commits.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    trees: BTreeMap<CommitId, TreeId>,
    parents: BTreeMap<CommitId, Vec<CommitId>>,
    files: Files,
}

impl Known {
    /// Notes a commit that was made.
    pub(super) fn note(&self, commit: &CommitId, tree: &TreeId, parents: &[CommitId]) {
        let mut inner = self.lock();
        inner.trees.insert(commit.clone(), tree.clone());
        inner.parents.insert(commit.clone(), parents.to_vec());
    }

    /// Notes the tree of a commit.
    pub(super) fn note_tree(&self, commit: &CommitId, tree: &TreeId) {
        self.lock().trees.insert(commit.clone(), tree.clone());
    }

    /// Returns the tree of a commit, if it is known.
    pub(super) fn tree(&self, commit: &CommitId) -> Option<TreeId> {
        self.lock().trees.get(commit).cloned()
    }

    /// Tells whether a commit is known to be another one or to descend from it;
    /// `false` says nothing.
    pub(super) fn contains(&self, commit: &CommitId, part: &CommitId) -> bool {
        let inner = self.lock();
        let (mut open, mut seen) = (vec![commit], BTreeSet::new());
        while let Some(commit) = open.pop() {
            if commit == part {
                return true;
            }
            if seen.len() == WALK_MAX {
                return false;
            }
            if seen.insert(commit) {
                open.extend(inner.parents.get(commit).into_iter().flatten());
            }
        }
        false
    }

    /// Returns the files of a commit at some paths, if they were listed.
    pub(super) fn files(
        &self,
        from: &CommitId,
        paths: &BTreeSet<String>,
    ) -> Option<Arc<Vec<Entry>>> {
        self.lock().files.get(&(from.clone(), paths.clone())).cloned()
    }

    /// Notes the files of a commit at some paths.
    pub(super) fn note_files(
        &self,
        from: &CommitId,
        paths: &BTreeSet<String>,
        files: &Arc<Vec<Entry>>,
    ) {
        self.lock().files.insert((from.clone(), paths.clone()), Arc::clone(files));
    }

    /// Forgets everything: commits are about to be removed.
    pub(super) fn forget(&self) {
        *self.lock() = Inner::default();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(number: usize) -> CommitId {
        CommitId::new(&format!("{number:040x}")).unwrap()
    }

    fn tree(number: usize) -> TreeId {
        TreeId::new(&format!("{number:040x}")).unwrap()
    }

    #[test]
    fn a_commit_contains_what_it_descends_from_as_far_as_is_known() {
        let known = Known::default();
        known.note(&commit(2), &tree(2), &[commit(1)]);
        known.note(&commit(3), &tree(3), &[commit(1)]);
        known.note(&commit(4), &tree(4), &[commit(2), commit(3)]);
        for part in 1..=4 {
            assert!(known.contains(&commit(4), &commit(part)), "{part}");
        }
        assert!(known.contains(&commit(9), &commit(9)), "itself");
        assert!(!known.contains(&commit(2), &commit(3)) && !known.contains(&commit(1), &commit(2)));
        assert_eq!((known.tree(&commit(3)), known.tree(&commit(1))), (Some(tree(3)), None));
    }

    #[test]
    fn a_long_way_is_left_to_git() {
        let known = Known::default();
        for number in 1..=2 * WALK_MAX {
            known.note(&commit(number), &tree(number), &[commit(number - 1)]);
        }
        let last = commit(2 * WALK_MAX);
        assert!(known.contains(&last, &commit(2 * WALK_MAX - WALK_MAX / 2)));
        assert!(!known.contains(&last, &commit(0)));
    }
}
