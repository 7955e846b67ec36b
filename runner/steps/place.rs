//! A worktree with what its sandbox is shown of git, for one step at a node.
//!
//! Inside, `/repo/.git` points to a private view that holds the worktree's
//! commit and nothing else; the runner's clone and the user's repository are
//! not there. Unaware of what the step does with it.

use std::path::{Path, PathBuf};

use crate::git::{CommitId, Vault, View, Worktree};
use crate::sandbox::{Mount, REPO};
use crate::workshop::{StepError, Workshop};

/// A folder with a worktree and the files around it.
#[derive(Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    worktree: Worktree,
    /// What a sandbox on the worktree is shown of git; nothing in an adopted
    /// place, in which nothing runs any more.
    mounts: Vec<Mount>,
}

impl Place {
    /// Makes a fresh worktree of a commit in a fresh folder; what an earlier
    /// runner left there is removed.
    pub(crate) fn make(
        shop: &Workshop,
        folder: &Path,
        commit: &CommitId,
    ) -> Result<Self, StepError> {
        Self::clear(&shop.vault, folder)?;
        std::fs::create_dir_all(folder)?;
        let worktree = shop.vault.worktree(&folder.join("tree"), commit)?;
        let view = shop.vault.view(&folder.join("view"), &worktree)?;
        // Read-only: its objects are shared with the views of other attempts.
        let mounts = vec![
            Mount::read_only(view.pointer, format!("{REPO}/.git")),
            Mount::read_only(view.git_dir, View::SEEN_AT),
        ];
        Ok(Self { folder: folder.to_owned(), worktree, mounts })
    }

    /// Takes over a place that an earlier step or runner left; `None` when it
    /// is gone.
    pub(crate) fn adopt(shop: &Workshop, folder: &Path) -> Result<Option<Self>, StepError> {
        let tree = folder.join("tree");
        if !tree.is_dir() {
            return Ok(None);
        }
        let worktree = shop.vault.reopen(&tree)?;
        Ok(Some(Self { folder: folder.to_owned(), worktree, mounts: Vec::new() }))
    }

    /// Removes what is in a folder, whole or not.
    pub(crate) fn clear(vault: &Vault, folder: &Path) -> Result<(), StepError> {
        if folder.is_file() {
            std::fs::remove_file(folder)?;
        } else if folder.exists() {
            vault.prune(&folder.join("tree"))?;
            crate::remove::remove_all(folder)?;
        }
        Ok(())
    }

    /// Returns the worktree.
    pub(crate) fn worktree(&self) -> &Worktree {
        &self.worktree
    }

    /// Returns the folder of the worktree and of what is beside it.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns a folder beside the worktree, for what the step needs.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns what a sandbox on the worktree is shown of git.
    pub(crate) fn mounts(&self) -> Vec<Mount> {
        self.mounts.clone()
    }

    /// Removes the worktree and all beside it.
    pub(crate) fn remove(self) -> Result<(), StepError> {
        self.worktree.remove()?;
        Ok(crate::remove::remove_all(&self.folder)?)
    }
}
