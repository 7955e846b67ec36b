//! The git directory that an agent sees: enough for `git status` and `git diff`.
//!
//! It holds one commit without parents and the objects of its tree: no history,
//! no way to the vault or to the user's repository. The objects are packed once
//! a tree and linked into each view, so a view must be bound read-only; nothing
//! of it is ever read again. Nobody waits until they are on the disk: those that
//! were made before the host was started are made again. Unaware of sandboxes.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::id::{CommitId, TreeId};
use super::vault::{Author, Stamp, Vault};
use super::worktree::{Worktree, copy_index};

/// Where the sandbox shows the view; the pointer file names it.
const SEEN_AT: &str = "/run/eufm/git";

/// Where the kernel says which start of the host this is (random(4)).
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// A git directory made for one attempt.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// The git directory, to be bound read-only at [`View::SEEN_AT`].
    pub git_dir: PathBuf,
    /// The file to be bound read-only over the worktree's `.git`.
    pub pointer: PathBuf,
}

impl View {
    /// Where the git directory must be seen.
    pub(crate) const SEEN_AT: &'static str = SEEN_AT;
}

impl Vault {
    /// Makes the view of a fresh worktree in a new folder. The folder must lie
    /// on the vault's file system for the objects to be linked; else they are
    /// copied.
    ///
    /// # Errors
    /// Fails when git or the file system fails.
    pub(crate) fn view(&self, dir: &Path, worktree: &Worktree) -> Result<View, Error> {
        let tree = self.tree(worktree.commit())?;
        let source = self.view_source(&tree)?;
        let git_dir = dir.join("git");
        for folder in ["objects/info", "objects/pack", "refs/heads", "info"] {
            let folder = git_dir.join(folder);
            fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        }
        let config = git_dir.join("config");
        fs::write(&config, self.view_config()).map_err(Error::io("write", &config))?;
        // The same bytes in the folder as in the objects, here too.
        copy(&self.dir().join("info/attributes"), &git_dir.join("info/attributes"))?;
        copy(&source.join("HEAD"), &git_dir.join("HEAD"))?;
        let packs = source.join("pack");
        for entry in fs::read_dir(&packs).map_err(Error::io("read", &packs))? {
            let file = entry.map_err(Error::io("read", &packs))?;
            link(&file.path(), &git_dir.join("objects/pack").join(file.file_name()))?;
        }
        copy_index(&worktree.fresh_index(), &git_dir.join("index"))?;
        let pointer = dir.join("pointer");
        fs::write(&pointer, format!("gitdir: {SEEN_AT}\n"))
            .map_err(Error::io("write", &pointer))?;
        Ok(View { git_dir, pointer })
    }

    /// Takes away the packed trees of before the last start of the host, which may
    /// have lost some of them by halves.
    ///
    /// # Errors
    /// Fails when a file cannot be read, written or removed.
    pub(super) fn clear_views_of_before(&self) -> Result<(), Error> {
        let now = fs::read(BOOT).map_err(Error::io("read", Path::new(BOOT)))?;
        let file = self.dir().join("views.boot");
        if fs::read(&file).is_ok_and(|then| then == now) {
            return Ok(());
        }
        self.clear_views()?;
        fs::write(&file, now).map_err(Error::io("write", &file))
    }

    /// Returns the folder with the packed tree, which is made once.
    fn view_source(&self, tree: &TreeId) -> Result<PathBuf, Error> {
        let source = self.dir().join("views").join(tree.as_str());
        if source.is_dir() {
            return Ok(source);
        }
        // Two threads may build the same; the first to rename wins.
        let thread = format!("{:?}", std::thread::current().id());
        let number: String = thread.chars().filter(char::is_ascii_digit).collect();
        let new = self.dir().join("views").join(format!("{tree}.new-{number}"));
        if new.exists() {
            fs::remove_dir_all(&new).map_err(Error::io("remove", &new))?;
        }
        let packs = new.join("pack");
        fs::create_dir_all(&packs).map_err(Error::io("create", &packs))?;
        let stamp = Stamp { author: Author::default(), seconds: 0 };
        let commit: CommitId =
            self.commit(tree, &[], "The files as the attempt found them.\n", &stamp)?;
        self.git_at_vault("pack-objects")
            .unsynced()
            .args(["--revs", "--quiet"])
            .arg(packs.join("pack"))
            .stdin(format!("{commit}\n").into_bytes())
            .run()?;
        let head = new.join("HEAD");
        fs::write(&head, format!("{commit}\n")).map_err(Error::io("write", &head))?;
        match fs::rename(&new, &source) {
            Err(_) if source.is_dir() => {
                fs::remove_dir_all(&new).map_err(Error::io("remove", &new))?;
            }
            done => done.map_err(Error::io("create", &source))?,
        }
        Ok(source)
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    fs::copy(from, to).map(drop).map_err(Error::io("copy", from))
}

fn link(from: &Path, to: &Path) -> Result<(), Error> {
    fs::hard_link(from, to)
        .or_else(|_| fs::copy(from, to).map(drop))
        .map_err(Error::io("link", from))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::git::fixture::{Fixture, plain_git, write};

    /// Runs git on a worktree as it is seen in the sandbox, where `/run/eufm`
    /// is the view.
    fn seen(view: &View, worktree: &Worktree, args: &[&str]) -> String {
        let git_dir = format!("--git-dir={}", view.git_dir.display());
        let work_tree = format!("--work-tree={}", worktree.dir().display());
        let mut all = vec!["--no-optional-locks", &git_dir, &work_tree];
        all.extend(args);
        let output = plain_git(worktree.dir(), &all);
        assert!(output.exit.is_success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn view(fixture: &Fixture, worktree: &Worktree, name: &str) -> View {
        fixture.vault.view(&fixture.root.path().join(name), worktree).unwrap()
    }

    #[test]
    fn packed_trees_of_before_the_hosts_start_are_made_again() {
        let fixture = Fixture::new();
        let worktree = fixture.worktree("a");
        let packed = || fs::read_dir(fixture.vault.dir().join("views")).map_or(0, Iterator::count);
        fixture.vault.take_over().unwrap();
        view(&fixture, &worktree, "one");
        fixture.vault.take_over().unwrap();
        assert_eq!(packed(), 1);
        fs::write(fixture.vault.dir().join("views.boot"), "another start").unwrap();
        fixture.vault.take_over().unwrap();
        assert_eq!(packed(), 0);
        let view = view(&fixture, &worktree, "two");
        assert_eq!(seen(&view, &worktree, &["status", "--porcelain"]), "");
    }

    #[test]
    fn status_and_diff_work_and_show_the_attempts_changes_only() {
        let fixture = Fixture::new();
        let worktree = fixture.worktree("a");
        let view = view(&fixture, &worktree, "view");
        assert_eq!(seen(&view, &worktree, &["status", "--porcelain"]), "");
        write(worktree.dir(), "src/a.txt", "b\n");
        write(worktree.dir(), "new", "x");
        assert_eq!(seen(&view, &worktree, &["status", "--porcelain"]), " M src/a.txt\n?? new\n");
        assert!(seen(&view, &worktree, &["diff"]).contains("-a\n+b\n"));
        assert!(seen(&view, &worktree, &["diff", "HEAD"]).contains("-a\n+b\n"));
        seen(&view, &worktree, &["fsck", "--strict"]);
        assert_eq!(fs::read_to_string(&view.pointer).unwrap(), "gitdir: /run/eufm/git\n");
    }

    #[test]
    fn no_history_and_no_way_to_the_vault_are_in_it() {
        let fixture = Fixture::new();
        let secret = fixture.change(&fixture.base, &[("secret", Some("old password"))]);
        let removed = fixture.change(&secret, &[("secret", None)]);
        let dir = fixture.root.path().join("w");
        let worktree = fixture.vault.worktree(&dir, &removed).unwrap();
        let view = view(&fixture, &worktree, "view");
        assert_eq!(seen(&view, &worktree, &["rev-list", "--count", "--all", "HEAD"]), "1\n");
        for hidden in [fixture.base.as_str(), secret.as_str(), &format!("{secret}:secret")] {
            let git_dir = format!("--git-dir={}", view.git_dir.display());
            assert!(!plain_git(&dir, &[&git_dir, "cat-file", "-e", hidden]).exit.is_success());
        }
        assert!(!view.git_dir.join("objects/info/alternates").exists());
        let own = fixture.vault.dir().to_str().unwrap().as_bytes();
        for name in ["HEAD", "config", "index", "info/attributes"] {
            let bytes = fs::read(view.git_dir.join(name)).unwrap();
            assert!(!bytes.windows(own.len()).any(|part| part == own), "{name}");
        }
    }

    #[test]
    fn the_objects_are_packed_once_a_tree_and_shared() {
        let fixture = Fixture::new();
        let worktree = fixture.worktree("a");
        let inode = |view: &View| {
            let mut files: Vec<_> = fs::read_dir(view.git_dir.join("objects/pack"))
                .unwrap()
                .map(|entry| entry.unwrap().metadata().unwrap().ino())
                .collect();
            files.sort_unstable();
            files
        };
        let first = inode(&view(&fixture, &worktree, "one"));
        assert!(first.len() >= 2);
        assert_eq!(inode(&view(&fixture, &worktree, "two")), first);
    }

    #[test]
    fn what_a_killed_packing_left_does_not_matter() {
        let fixture = Fixture::new();
        let worktree = fixture.worktree("a");
        let tree = fixture.vault.tree(&fixture.base).unwrap();
        for thread in 0..64 {
            write(&fixture.vault.dir().join(format!("views/{tree}.new-{thread}")), "pack/x", "x");
        }
        let view = view(&fixture, &worktree, "view");
        seen(&view, &worktree, &["status"]);
    }
}
