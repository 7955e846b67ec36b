//! Worktrees: the fresh folder an attempt works in, and its end.
//!
//! A worktree is one of git's own, linked to the vault and detached at its
//! commit. The runner lays out its few administrative files itself
//! (gitrepository-layout(5)): then its name follows from its folder, so that
//! what a killed run left is found without a search, and one git process does
//! the rest. Unaware of who works in it.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::command::{line_of, path_of};
use super::error::Error;
use super::id::CommitId;
use super::vault::Vault;

/// A folder with the files of a commit.
#[derive(Debug, Clone)]
pub(crate) struct Worktree {
    vault: Vault,
    dir: PathBuf,
    admin: PathBuf,
    commit: CommitId,
}

impl Vault {
    /// Makes a worktree in a folder that is new or empty. Files are written as
    /// they are in the repository: no filter runs (LFS files stay pointers),
    /// submodules stay empty folders.
    ///
    /// # Errors
    /// Fails when the folder is in use, or git cannot write it.
    pub(crate) fn worktree(&self, dir: &Path, commit: &CommitId) -> Result<Worktree, Error> {
        let dir = make_empty(dir)?;
        let admin = self.admin(&dir)?;
        let worktree = Worktree { vault: self.clone(), dir, admin, commit: commit.clone() };
        worktree.link()?;
        self.git_at_vault("read-tree")
            .work_tree(&worktree.dir)
            .index(&worktree.fresh_index())
            .args(["-u", "--reset", commit.as_str()])
            .run()?;
        Ok(worktree)
    }

    /// Finds a worktree that was made before, as after a restart of the runner.
    ///
    /// # Errors
    /// Fails when the folder holds none, or one that was not finished.
    pub(crate) fn reopen(&self, dir: &Path) -> Result<Worktree, Error> {
        let dir = fs::canonicalize(dir).map_err(Error::io("open", dir))?;
        let admin = self.admin(&dir)?;
        let head = admin.join("HEAD");
        let text = fs::read_to_string(&head).map_err(Error::io("read", &head))?;
        let commit =
            CommitId::new(text.trim()).map_err(|_| Error::answer("worktree", text.as_bytes()))?;
        let worktree = Worktree { vault: self.clone(), dir, admin, commit };
        let index = worktree.fresh_index();
        // Git writes the index last, when all files are there.
        fs::metadata(&index).map_err(Error::io("read", &index))?;
        Ok(worktree)
    }

    /// Takes away what there is of a worktree: the folder, its administrative
    /// files, or both; nothing is no error.
    ///
    /// # Errors
    /// Fails when a file cannot be removed, and on a folder that holds the
    /// repository or the vault.
    pub(crate) fn prune(&self, dir: &Path) -> Result<(), Error> {
        let Some(name) = dir.file_name() else {
            return Err(Error::NotAWorktree { dir: dir.to_owned() });
        };
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        let dir = match fs::canonicalize(parent.unwrap_or(Path::new("."))) {
            Ok(parent) => parent.join(name),
            Err(error) if error.kind() == ErrorKind::NotFound => dir.to_owned(),
            Err(error) => return Err(Error::io("open", dir)(error)),
        };
        if self.dir().starts_with(&dir) || self.repository().starts_with(&dir) {
            return Err(Error::NotAWorktree { dir });
        }
        remove_all(&dir)?;
        remove_all(&self.admin(&dir)?)
    }

    /// Takes away the administrative files of worktrees whose folder is gone;
    /// returns how many. No other run may be using the vault.
    ///
    /// # Errors
    /// Fails when a file cannot be read or removed.
    pub(crate) fn sweep(&self) -> Result<u32, Error> {
        let worktrees = self.dir().join("worktrees");
        let mut removed = 0;
        for entry in fs::read_dir(&worktrees).map_err(Error::io("read", &worktrees))? {
            let admin = entry.map_err(Error::io("read", &worktrees))?.path();
            let link = fs::read(admin.join("gitdir")).unwrap_or_default();
            let link = path_of(link.trim_ascii_end());
            if !link.parent().is_some_and(Path::is_dir) {
                remove_all(&admin)?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Returns where the administrative files of a folder's worktree lie.
    fn admin(&self, dir: &Path) -> Result<PathBuf, Error> {
        let digest = Sha256::digest(line_of(dir)?);
        let name: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Ok(self.dir().join("worktrees").join(name))
    }
}

impl Worktree {
    /// Returns the folder.
    #[must_use]
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the commit it was made from.
    #[must_use]
    pub(crate) fn commit(&self) -> &CommitId {
        &self.commit
    }

    /// Removes the folder and its administrative files.
    ///
    /// # Errors
    /// Fails when a file cannot be removed.
    pub(crate) fn remove(self) -> Result<(), Error> {
        remove_all(&self.dir)?;
        remove_all(&self.admin)
    }

    /// Returns the vault.
    pub(super) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Returns the index as it was when the folder was made: out of reach of
    /// who works in the folder, and never written again.
    pub(super) fn fresh_index(&self) -> PathBuf {
        self.admin.join("index")
    }

    /// Makes a private copy of the fresh index and returns its path.
    pub(super) fn copy_index(&self, name: &str) -> Result<PathBuf, Error> {
        let copy = self.own_index(name)?;
        copy_index(&self.fresh_index(), &copy)?;
        Ok(copy)
    }

    /// Returns the path of an index of our own, of which nothing is left over.
    pub(super) fn own_index(&self, name: &str) -> Result<PathBuf, Error> {
        let index = self.admin.join(name);
        super::vault::remove_file_if_there(&index)?;
        super::vault::remove_file_if_there(&index.with_extension("index.lock"))?;
        Ok(index)
    }

    fn link(&self) -> Result<(), Error> {
        remove_all(&self.admin)?;
        fs::create_dir_all(&self.admin).map_err(Error::io("create", &self.admin))?;
        let mut pointer = b"gitdir: ".to_vec();
        pointer.extend_from_slice(line_of(&self.admin)?);
        pointer.push(b'\n');
        let mut back = line_of(&self.dir)?.to_vec();
        back.extend_from_slice(b"/.git\n");
        let head = format!("{}\n", self.commit);
        for (path, bytes) in [
            (self.admin.join("commondir"), &b"../..\n"[..]),
            (self.admin.join("gitdir"), &back),
            (self.admin.join("HEAD"), head.as_bytes()),
            (self.dir.join(".git"), &pointer),
        ] {
            fs::write(&path, bytes).map_err(Error::io("write", &path))?;
        }
        Ok(())
    }
}

/// Copies an index with its time: git compares that with the times of the
/// files to know which of them it must read again.
pub(super) fn copy_index(from: &Path, to: &Path) -> Result<(), Error> {
    fs::copy(from, to).map_err(Error::io("copy", from))?;
    let time = fs::metadata(from).and_then(|metadata| metadata.modified());
    let time = time.map_err(Error::io("read", from))?;
    let file = fs::File::options().write(true).open(to).map_err(Error::io("write", to))?;
    file.set_modified(time).map_err(Error::io("write", to))
}

/// Makes a folder, or finds it empty; returns its canonical path.
fn make_empty(dir: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(dir).map_err(Error::io("create", dir))?;
    let mut entries = fs::read_dir(dir).map_err(Error::io("read", dir))?;
    if entries.next().is_some() {
        return Err(Error::FolderInUse { dir: dir.to_owned() });
    }
    fs::canonicalize(dir).map_err(Error::io("open", dir))
}

/// Removes a folder (or file) with all below it; nothing is no error.
fn remove_all(path: &Path) -> Result<(), Error> {
    crate::remove::remove_all(path).map_err(Error::io("remove", path))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::git::fixture::{Fixture, plain_git, write, writes};

    #[test]
    fn a_worktree_is_one_that_git_knows() {
        let fixture = Fixture::new();
        let worktree = fixture.worktree("a");
        assert_eq!(fs::read(worktree.dir().join("src/a.txt")).unwrap(), b"a\n");
        let head = plain_git(worktree.dir(), &["rev-parse", "HEAD"]);
        assert_eq!(String::from_utf8_lossy(&head.stdout).trim(), fixture.base.as_str());
        assert!(plain_git(worktree.dir(), &["status", "--porcelain"]).stdout.is_empty());
        let list = plain_git(fixture.vault.dir(), &["worktree", "list", "--porcelain"]);
        assert!(String::from_utf8_lossy(&list.stdout).contains(worktree.dir().to_str().unwrap()));
        assert_eq!(fixture.user(&["worktree", "list"]).lines().count(), 1);
    }

    #[test]
    fn removing_leaves_nothing_of_it() {
        let fixture = Fixture::new();
        let worktree = fixture.worktree("a");
        let dir = worktree.dir().to_owned();
        worktree.remove().unwrap();
        assert!(!dir.exists());
        assert_eq!(fs::read_dir(fixture.vault.dir().join("worktrees")).unwrap().count(), 0);
    }

    #[test]
    fn folders_closed_to_writing_are_removed_and_links_not_followed() {
        let fixture = Fixture::new();
        let outside = fixture.root.path().join("outside");
        write(&outside, "keep", "me");
        let worktree = fixture.worktree("a");
        let dir = worktree.dir().to_owned();
        std::os::unix::fs::symlink(&outside, dir.join("link")).unwrap();
        write(&dir, "cache/mod/x", "x");
        fs::set_permissions(dir.join("cache/mod"), fs::Permissions::from_mode(0o500)).unwrap();
        worktree.remove().unwrap();
        assert!(!dir.exists() && outside.join("keep").exists());
    }

    #[test]
    fn a_folder_in_use_is_refused_and_pruned_it_can_be_used() {
        let fixture = Fixture::new();
        let dir = fixture.worktree("a").dir().to_owned();
        // The runner was killed here: the handle is gone, the folder is not.
        let error = fixture.vault.worktree(&dir, &fixture.base).unwrap_err();
        assert!(matches!(error, Error::FolderInUse { .. }), "{error}");
        fixture.vault.prune(&dir).unwrap();
        assert!(!dir.exists());
        fixture.vault.worktree(&dir, &fixture.base).unwrap();
    }

    #[test]
    fn leftovers_of_every_moment_of_a_creation_are_pruned() {
        let fixture = Fixture::new();
        let dir = fixture.root.path().join("worktrees/x");
        fixture.vault.prune(&dir).unwrap();
        // An administrative entry without folder.
        let worktree = fixture.worktree("x");
        fs::remove_dir_all(&dir).unwrap();
        fixture.vault.prune(&dir).unwrap();
        assert!(!worktree.admin.exists());
        // A folder without entry.
        write(&dir, "half", "written");
        fixture.vault.prune(&dir).unwrap();
        assert!(!dir.exists());
        // An entry without folder does not stand in the way of a new worktree.
        fixture.worktree("x");
        fs::remove_dir_all(&dir).unwrap();
        fixture.worktree("x").harvest(&fixture.base, &writes(&[])).unwrap();
    }

    #[test]
    fn sweep_removes_entries_whose_folder_is_gone_and_no_others() {
        let fixture = Fixture::new();
        let (gone, there) = (fixture.worktree("gone"), fixture.worktree("there"));
        fs::remove_dir_all(gone.dir()).unwrap();
        assert_eq!(fixture.vault.sweep().unwrap(), 1);
        assert!(!gone.admin.exists() && there.admin.exists());
    }

    #[test]
    fn prune_does_not_remove_the_repository_or_the_vault() {
        let fixture = Fixture::new();
        for dir in [fixture.root.path(), &fixture.user, fixture.vault.dir(), Path::new("/")] {
            let error = fixture.vault.prune(dir).unwrap_err();
            assert!(matches!(error, Error::NotAWorktree { .. }), "{error}");
        }
    }

    #[test]
    fn a_worktree_is_found_again_after_a_restart() {
        let fixture = Fixture::new();
        let dir = fixture.worktree("a").dir().to_owned();
        write(&dir, "new", "x");
        let again = fixture.vault.reopen(&dir).unwrap();
        assert_eq!(again.commit(), &fixture.base);
        assert_eq!(again.harvest(&fixture.base, &writes(&["new"])).unwrap().changes.len(), 1);
        assert!(fixture.vault.reopen(fixture.root.path()).is_err());
        // Killed before git had written all files: no index.
        fs::remove_file(again.fresh_index()).unwrap();
        assert!(fixture.vault.reopen(&dir).is_err());
    }

    #[test]
    fn files_are_written_as_they_are_in_the_repository() {
        let attributes =
            "*.bin filter=lfs diff=lfs merge=lfs -text\n*.bat text eol=crlf\n*.c ident\n";
        let fixture = Fixture::with(&[
            (".gitattributes", attributes),
            ("x.bin", "version https://git-lfs.github.com/spec/v1\n"),
            ("x.bat", "echo\n"),
            ("x.c", "$Id$\n"),
        ]);
        let worktree = fixture.worktree("a");
        let read = |name: &str| fs::read_to_string(worktree.dir().join(name)).unwrap();
        assert!(read("x.bin").starts_with("version https"));
        assert_eq!((read("x.bat"), read("x.c")), ("echo\n".to_owned(), "$Id$\n".to_owned()));
        let harvest = worktree.harvest(&fixture.base, &writes(&["**"])).unwrap();
        assert_eq!(harvest.changes, []);
    }
}
