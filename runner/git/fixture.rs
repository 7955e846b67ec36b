//! What the tests of git share: a user's repository with its vault, in folders
//! that go when the test ends. The user's git runs as a user's does: with the
//! repository's configuration and no settings of ours.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Author, CommitId, Git, Stamp, Vault, Worktree, Writes};
use crate::process::{Command, Output};

/// A user's repository and its vault.
pub(super) struct Fixture {
    pub(super) root: tempfile::TempDir,
    pub(super) user: PathBuf,
    pub(super) vault: Vault,
    pub(super) base: CommitId,
}

/// Finds the system's git.
pub(super) fn git() -> Git {
    Git::find(OsStr::new("/usr/local/bin:/usr/bin:/bin")).unwrap()
}

/// Runs git in a folder as a user without a configuration would.
pub(super) fn plain_git(dir: &Path, args: &[&str]) -> Output {
    Command::new("/usr/bin/env")
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .env("LC_ALL", "C")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["git", "-c", "user.name=User", "-c", "user.email=user@localhost"])
        .args(args)
        .dir(dir)
        .output()
        .unwrap()
}

/// Writes a file and the folders above it.
pub(super) fn write(dir: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// The stamp of a test's commits.
pub(super) fn stamp() -> Stamp {
    Stamp { author: Author::default(), seconds: 1_700_000_000 }
}

/// Reads globs.
pub(super) fn writes(globs: &[&str]) -> Writes {
    Writes::new(globs).unwrap()
}

impl Fixture {
    /// A repository with `README.md`, `src/a.txt` and `tests/t.txt`.
    pub(super) fn new() -> Self {
        Self::with(&[("README.md", "read me\n"), ("src/a.txt", "a\n"), ("tests/t.txt", "t\n")])
    }

    /// A repository with these files.
    pub(super) fn with(files: &[(&str, &str)]) -> Self {
        Self::prepared(|user| {
            for (path, content) in files {
                write(user, path, content);
            }
        })
    }

    /// A repository with what the closure puts into its folder.
    pub(super) fn prepared(prepare: impl FnOnce(&Path)) -> Self {
        Self::made_by(&["init", "-q", "-b", "main"], prepare)
    }

    /// A repository made by this command.
    pub(super) fn made_by(init: &[&str], prepare: impl FnOnce(&Path)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let user = root.path().join("user");
        fs::create_dir(&user).unwrap();
        assert!(plain_git(&user, init).exit.is_success());
        prepare(&user);
        let commit = ["commit", "-q", "--allow-empty", "-m", "base"];
        for args in [&["add", "-A"][..], &commit] {
            let output = plain_git(&user, args);
            assert!(output.exit.is_success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let vault = Vault::open(&git(), &user, &root.path().join("vault")).unwrap();
        let base = vault.resolve("HEAD").unwrap();
        Self { root, user, vault, base }
    }

    /// Runs git in the user's checkout, which must end well; returns its output.
    pub(super) fn user(&self, args: &[&str]) -> String {
        let output = plain_git(&self.user, args);
        assert!(output.exit.is_success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Tells whether git fails in the user's checkout.
    pub(super) fn user_fails(&self, args: &[&str]) -> bool {
        !plain_git(&self.user, args).exit.is_success()
    }

    /// Makes a worktree of the base.
    pub(super) fn worktree(&self, name: &str) -> Worktree {
        self.vault.worktree(&self.root.path().join("worktrees").join(name), &self.base).unwrap()
    }

    /// Commits the base with these files changed; `None` deletes.
    pub(super) fn change(&self, onto: &CommitId, files: &[(&str, Option<&str>)]) -> CommitId {
        let dir = self.root.path().join("changing");
        let worktree = self.vault.worktree(&dir, onto).unwrap();
        for (path, content) in files {
            match content {
                Some(content) => write(&dir, path, content),
                None => fs::remove_file(dir.join(path)).unwrap(),
            }
        }
        let harvest = worktree.harvest(onto, &writes(&["**"])).unwrap();
        worktree.remove().unwrap();
        self.vault.commit(&harvest.tree, std::slice::from_ref(onto), "change\n", &stamp()).unwrap()
    }

    /// Reads a file of a commit from the vault.
    pub(super) fn show(&self, commit: &CommitId, path: &str) -> Vec<u8> {
        self.vault
            .git_at_vault("cat-file")
            .args(["blob", &format!("{commit}:{path}")])
            .run()
            .unwrap()
    }

    /// Lists the files of a commit.
    pub(super) fn files(&self, commit: &CommitId) -> Vec<String> {
        let entries = self.vault.list(commit).unwrap();
        entries.into_iter().map(|entry| String::from_utf8(entry.path).unwrap()).collect()
    }
}
