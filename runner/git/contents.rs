//! Contents out of commits: a file, a difference, and small files of the
//! runner's own that are kept under a reference.
//!
//! Read by git from its objects alone: no work tree, no filter, no link that is
//! followed. Unaware of what the files are.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use eufm_plan::Digest;

use super::error::Error;
use super::id::CommitId;
use super::inspect::{header, take};
use super::listing::Entry;
use super::part::Scratch;
use super::refs::{Ref, lookup};
use super::vault::{Stamp, Vault};

/// A plain file, as git keeps its mode.
const MODE_FILE: u32 = 0o100_644;

/// What is found at a path of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// A plain file.
    File(Vec<u8>),
    /// A plain file with more bytes than were asked for, with their number.
    Large(u64),
    /// Nothing.
    Absent,
    /// Something else, in a word.
    Other(&'static str),
}

/// What a commit holds at a path, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Held {
    /// A plain file, with [`Digest::of_file`].
    File(Digest),
    /// A plain file with more bytes than are read, with their number.
    Large(u64),
    /// A symbolic link.
    Link,
    /// A repository of its own.
    Submodule,
}

impl Vault {
    /// Tells what a commit holds at those of its paths that are asked for; of a
    /// file at most so many bytes are read.
    ///
    /// # Errors
    /// Fails when git cannot read the commit, or a file is lost.
    pub(crate) fn held(
        &self,
        commit: &CommitId,
        is_asked: impl Fn(&str) -> bool,
        bytes_max: u64,
    ) -> Result<BTreeMap<String, Held>, Error> {
        let (mut held, mut files) = (BTreeMap::new(), Vec::new());
        for entry in self.list(commit)? {
            match String::from_utf8(entry.path.clone()) {
                Ok(path) if !is_asked(&path) => {}
                Ok(path) if entry.is_symlink() => drop(held.insert(path, Held::Link)),
                Ok(path) if entry.is_submodule() => drop(held.insert(path, Held::Submodule)),
                Ok(path) => files.push((path, entry.object)),
                // Nobody can ask for it.
                Err(_) => {}
            }
        }
        if files.is_empty() {
            return Ok(held);
        }
        let objects: String = files.iter().map(|(_, object)| format!("{object}\n")).collect();
        let read = self.git_at_vault("cat-file").arg("--batch").stdin(objects.into_bytes());
        read.stream(|output| {
            for (path, object) in files {
                let size = header(output, &object)?;
                let mut bytes = Vec::new();
                take(output, size, bytes_max, &mut bytes)?;
                let file = match size > bytes_max {
                    true => Held::Large(size),
                    false => Held::File(Digest::of_file(&bytes)),
                };
                held.insert(path, file);
            }
            Ok(())
        })?;
        Ok(held)
    }

    /// Reads a file of a commit, if it has at most so many bytes.
    ///
    /// # Errors
    /// Fails when git cannot read the commit, or the file is lost.
    pub(crate) fn file(
        &self,
        commit: &CommitId,
        path: &str,
        bytes_max: u64,
    ) -> Result<Content, Error> {
        let list = self.git_at_vault("ls-tree").args(["-z", "-l", "--full-tree"]);
        let list = list.args([commit.as_str(), "--", path]).run()?;
        if list.is_empty() {
            return Ok(Content::Absent);
        }
        // `mode type object size TAB path NUL`; a size only where it is a file.
        let wrong = || Error::answer("ls-tree", &list);
        let head = list.split(|byte| *byte == b'\t').next().unwrap_or_default();
        let head = std::str::from_utf8(head).map_err(|_| wrong())?;
        let fields: Vec<&str> = head.split_whitespace().collect();
        let &[mode, kind, object, size] = &*fields else { return Err(wrong()) };
        match (mode, kind) {
            ("120000", _) => return Ok(Content::Other("a link")),
            (_, "tree") => return Ok(Content::Other("a folder")),
            (_, "blob") => {}
            _ => return Ok(Content::Other("a submodule")),
        }
        let size: u64 = size.parse().map_err(|_| wrong())?;
        if size > bytes_max {
            return Ok(Content::Large(size));
        }
        Ok(Content::File(self.git_at_vault("cat-file").args(["blob", object]).run()?))
    }

    /// Writes the difference between two commits as a patch, up to so many
    /// bytes, and tells whether that is all of it. The same trees give the same
    /// bytes in every vault.
    ///
    /// # Errors
    /// Fails when git cannot read them or the disk is full.
    pub(crate) fn patch(
        &self,
        from: &CommitId,
        to: &CommitId,
        bytes_max: u64,
    ) -> Result<(Vec<u8>, bool), Error> {
        let scratch = Scratch::new(self, "patch");
        let mut output = std::ffi::OsString::from("--output=");
        output.push(scratch.path());
        let diff = self.git_at_vault("diff-tree");
        let diff = diff.args(["-r", "-p", "--full-index", "--no-renames", "--no-color"]);
        let diff = diff.args(["--no-ext-diff", "--no-textconv", "--unified=3"]);
        let diff = diff.args(["--diff-algorithm=myers", "--src-prefix=a/", "--dst-prefix=b/"]);
        diff.arg(output).args([from.as_str(), to.as_str()]).run()?;
        let read = || {
            let file = File::open(scratch.path())?;
            let is_whole = file.metadata()?.len() <= bytes_max;
            let mut bytes = Vec::new();
            file.take(bytes_max).read_to_end(&mut bytes)?;
            Ok((bytes, is_whole))
        };
        read().map_err(Error::io("read", scratch.path()))
    }

    /// Keeps files under a reference, as a commit without a parent. The same
    /// files and dates are the same commit. It is on the disk when this returns.
    ///
    /// # Errors
    /// Fails when git cannot write.
    pub(crate) fn keep_files(
        &self,
        name: &Ref,
        files: &BTreeMap<String, Vec<u8>>,
        message: &str,
        stamp: &Stamp,
    ) -> Result<CommitId, Error> {
        let mut entries = Vec::with_capacity(files.len());
        for (path, bytes) in files {
            let hash = self.git_at_vault("hash-object").args(["-w", "--no-filters", "--stdin"]);
            let object = hash.stdin(bytes.clone()).line()?;
            entries.push(Entry { mode: MODE_FILE, object, path: path.clone().into_bytes() });
        }
        let index = Scratch::new(self, "index");
        index.put(self, &entries)?;
        let commit = self.commit(&index.tree(self)?, &[], message, stamp)?;
        self.keep(name, &commit)?;
        Ok(commit)
    }

    /// Reads the files of a commit at this path or below it.
    ///
    /// # Errors
    /// Fails when git cannot read the commit, or a file is lost.
    pub(crate) fn files_at(
        &self,
        commit: &CommitId,
        path: &str,
    ) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        let is_asked = |entry: &Entry| {
            let rest = entry.path.strip_prefix(path.as_bytes());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        };
        let mut entries = self.list(commit)?;
        entries.retain(is_asked);
        let objects: Vec<&str> = entries.iter().map(|entry| entry.object.as_str()).collect();
        let blobs = self.read_blobs(&objects)?;
        let named = entries.iter().map(|entry| {
            let blob = blobs.get(&entry.object).cloned();
            let name = String::from_utf8(entry.path.clone()).ok();
            name.zip(blob).ok_or_else(|| Error::answer("cat-file", entry.object.as_bytes()))
        });
        named.collect()
    }

    /// Returns the commit kept under a reference.
    ///
    /// # Errors
    /// Fails when git cannot read.
    pub(crate) fn kept(&self, name: &Ref) -> Result<Option<CommitId>, Error> {
        lookup(&self.git_at_vault("for-each-ref"), name.as_str())
    }

    /// Returns the commit that another vault keeps under a reference, of which
    /// this one borrows the objects.
    ///
    /// # Errors
    /// Fails when git cannot read.
    pub(crate) fn kept_in(&self, other: &Path, name: &Ref) -> Result<Option<CommitId>, Error> {
        if !other.is_dir() {
            return Ok(None);
        }
        lookup(&self.git_at(other, "for-each-ref"), name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::{Fixture, plain_git, stamp, write};

    #[test]
    fn a_file_is_read_and_what_is_none_is_named() {
        let fixture = Fixture::prepared(|dir| {
            write(dir, "a/b.txt", "b\n");
            write(dir, "empty", "");
            std::os::unix::fs::symlink("/etc/passwd", dir.join("link")).unwrap();
            std::os::unix::fs::symlink("a", dir.join("way")).unwrap();
        });
        let at = |path: &str| fixture.vault.file(&fixture.base, path, 2).unwrap();
        assert_eq!(at("a/b.txt"), Content::File(b"b\n".to_vec()));
        assert_eq!(at("empty"), Content::File(Vec::new()));
        assert_eq!(at("a"), Content::Other("a folder"));
        assert_eq!(at("link"), Content::Other("a link"));
        for path in ["gone", "way/b.txt", "a/b.txt/c", "*", ":/a/b.txt"] {
            assert_eq!(at(path), Content::Absent, "{path}");
        }
        assert_eq!(fixture.vault.file(&fixture.base, "a/b.txt", 1).unwrap(), Content::Large(2));
    }

    #[test]
    fn a_patch_says_what_changed_and_is_cut_where_it_is_long() {
        let fixture =
            Fixture::with(&[("a", "one\n"), ("b", "b\n"), (".gitattributes", "a diff=x")]);
        let changed = fixture.change(&fixture.base, &[("a", Some("two\n")), ("b", None)]);
        let (whole, is_whole) = fixture.vault.patch(&fixture.base, &changed, 10_000).unwrap();
        let text = String::from_utf8(whole.clone()).unwrap();
        assert!(is_whole && text.starts_with("diff --git a/a b/a\nindex "), "{text}");
        assert!(text.contains("\n-one\n+two\n") && text.contains("deleted file"), "{text}");
        let (cut, is_whole) = fixture.vault.patch(&fixture.base, &changed, 20).unwrap();
        assert!(!is_whole && cut == whole[..20]);
        let none = fixture.vault.patch(&changed, &changed, 20).unwrap();
        assert_eq!(none, (Vec::new(), true));
        let left = std::fs::read_dir(fixture.vault.dir()).unwrap().flatten();
        let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with("scratch-"));
        assert_eq!(left.count(), 0);
    }

    #[test]
    fn files_are_kept_under_a_reference_and_read_again() {
        let fixture = Fixture::new();
        let name = Ref::new("r", &["beside", "a", "1"]);
        let files = [("answer", "yes\r\n"), ("session/x/y", "{}")];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        let files = BTreeMap::from(files);
        assert_eq!(fixture.vault.kept(&name).unwrap(), None);
        let commit = fixture.vault.keep_files(&name, &files, "kept\n", &stamp()).unwrap();
        assert_eq!(fixture.vault.kept(&name).unwrap(), Some(commit.clone()));
        let again = fixture.vault.keep_files(&name, &files, "kept\n", &stamp()).unwrap();
        assert_eq!(again, commit);
        let answer = fixture.vault.files_at(&commit, "answer").unwrap();
        assert_eq!(answer, BTreeMap::from([("answer".to_owned(), b"yes\r\n".to_vec())]));
        let below = fixture.vault.files_at(&commit, "session").unwrap();
        assert_eq!(below.keys().collect::<Vec<_>>(), ["session/x/y"]);
        assert!(fixture.vault.files_at(&commit, "ans").unwrap().is_empty());
        // A reference that names nothing is no commit of this kind.
        plain_git(fixture.vault.dir(), &["update-ref", "-d", name.as_str()]);
        assert_eq!(fixture.vault.kept(&name).unwrap(), None);
    }

    #[test]
    fn a_file_that_is_lost_is_an_error() {
        let fixture = Fixture::new();
        let name = Ref::new("r", &["beside", "a", "1"]);
        let files = BTreeMap::from([("answer".to_owned(), b"yes".to_vec())]);
        let commit = fixture.vault.keep_files(&name, &files, "kept\n", &stamp()).unwrap();
        let id = plain_git(fixture.vault.dir(), &["rev-parse", &format!("{commit}:answer")]);
        let id = String::from_utf8(id.stdout).unwrap();
        let (folder, file) = id.trim().split_at(2);
        std::fs::remove_file(fixture.vault.dir().join("objects").join(folder).join(file)).unwrap();
        fixture.vault.files_at(&commit, "answer").unwrap_err();
    }
}
