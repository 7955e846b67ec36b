//! A commit with its base, as rules judge it: lists of files first, contents and
//! line counts only where a rule asks for them.
//!
//! Contents come out of one `cat-file` a question, one at a time and no more of
//! each than rules read, so that a large tree takes little memory. Unaware of
//! what is looked for.

use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

use super::command::Invocation;
use super::delta::compare;
use super::error::Error;
use super::id::CommitId;
use super::listing::{Entry, records};
use super::vault::Vault;
use crate::rules::{Change, Content, Count, FILE_BYTES_MAX, File, Unread, View};

/// A commit that is judged.
#[derive(Debug)]
pub(crate) struct Inspection {
    vault: Vault,
    base: CommitId,
    tree: CommitId,
    files: Vec<File>,
    changes: Vec<Change>,
    /// How many bytes of one file are read.
    most: u64,
}

impl Vault {
    /// Lists the files of a commit and what differs from its base.
    ///
    /// # Errors
    /// Fails when the vault does not have both, or git fails.
    pub(crate) fn inspect(&self, base: &CommitId, tree: &CommitId) -> Result<Inspection, Error> {
        let (before, after) = (self.list(base)?, self.list(tree)?);
        let changes = compare(before.iter(), after.iter())
            .iter()
            .map(|delta| Change {
                before: delta.before().cloned().map(File::from),
                after: delta.after().cloned().map(File::from),
            })
            .collect();
        let files = after.into_iter().map(File::from).collect();
        let (base, tree) = (base.clone(), tree.clone());
        let most = FILE_BYTES_MAX as u64;
        Ok(Inspection { vault: self.clone(), base, tree, files, changes, most })
    }
}

impl From<Entry> for File {
    fn from(Entry { mode, object, path }: Entry) -> Self {
        Self { path, mode, object }
    }
}

impl From<Error> for Unread {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

impl View for Inspection {
    fn files(&self) -> &[File] {
        &self.files
    }

    fn changes(&self) -> &[Change] {
        &self.changes
    }

    fn read(
        &self,
        objects: &[&str],
        each: &mut dyn FnMut(usize, Content<'_>),
    ) -> Result<(), Unread> {
        let batch = self.ask(objects, &["--batch", "--buffer"]);
        let Some(batch) = batch else { return Ok(()) };
        Ok(batch.stream(|output| {
            let mut bytes = Vec::new();
            for (at, object) in objects.iter().enumerate() {
                let size = header(output, object)?;
                bytes.clear();
                take(output, size, self.most, &mut bytes)?;
                each(at, Content { bytes: &bytes, size });
                // One large file does not keep its room.
                bytes.shrink_to(1 << 20);
            }
            Ok(())
        })?)
    }

    fn counts(&self) -> Result<Vec<Count>, Unread> {
        let diff = self.vault.git_at_vault("diff-tree").args([
            "-r",
            "-z",
            "--numstat",
            "--no-renames",
            "--no-ext-diff",
            "--no-textconv",
            "--ignore-submodules=none",
            self.base.as_str(),
            self.tree.as_str(),
        ]);
        // What is larger is binary to it, and found by its size below.
        let output = diff.setting("core.bigFileThreshold", &self.most.to_string()).run()?;
        let mut counted = BTreeMap::new();
        for record in records(&output) {
            let (path, count) =
                numbers(record).ok_or_else(|| Error::answer("diff-tree", record))?;
            counted.insert(path, count);
        }
        let of = |change: &Change| counted.get(change.path()).copied();
        let mut counts = Vec::with_capacity(self.changes.len());
        for change in &self.changes {
            let missing = || Error::answer("diff-tree", change.path());
            counts.push(of(change).ok_or_else(missing)?);
        }
        self.mark_too_large(&mut counts)?;
        Ok(counts)
    }
}

impl Inspection {
    /// Describes a question about objects; `None` where there are none.
    fn ask(&self, objects: &[&str], args: &[&str]) -> Option<Invocation> {
        let input = objects.join("\n") + "\n";
        let ask = self.vault.git_at_vault("cat-file").args(args).stdin(input.into_bytes());
        (!objects.is_empty()).then_some(ask)
    }

    /// Tells, of those that git calls binary, which are too large to be looked at.
    fn mark_too_large(&self, counts: &mut [Count]) -> Result<(), Error> {
        let mut places = Vec::new();
        let mut objects = Vec::new();
        for (at, (change, count)) in self.changes.iter().zip(&*counts).enumerate() {
            let sides = change.before.iter().chain(&change.after);
            for file in sides.filter(|file| *count == Count::Binary && !file.is_submodule()) {
                places.push(at);
                objects.push(&*file.object);
            }
        }
        let Some(check) = self.ask(&objects, &["--batch-check"]) else { return Ok(()) };
        check.stream(|output| {
            for (at, object) in places.iter().zip(&objects) {
                if header(output, object)? > self.most {
                    counts[*at] = Count::TooLarge;
                }
            }
            Ok(())
        })
    }
}

/// Reads `added TAB removed TAB path`; a binary file has `-` for both.
fn numbers(record: &[u8]) -> Option<(&[u8], Count)> {
    let mut fields = record.splitn(3, |byte| *byte == b'\t');
    let (added, removed, path) = (fields.next()?, fields.next()?, fields.next()?);
    let number = |field| std::str::from_utf8(field).ok()?.parse().ok();
    let count = match (added, removed) {
        (b"-", b"-") => Count::Binary,
        _ => Count::Lines { added: number(added)?, removed: number(removed)? },
    };
    Some((path, count))
}

/// Reads `object type size`, and returns the size.
pub(super) fn header(output: &mut dyn BufRead, object: &str) -> Result<u64, Error> {
    let mut line = Vec::new();
    // No answer is longer; more would be no answer.
    output.take(200).read_until(b'\n', &mut line).map_err(unread)?;
    let size = || {
        let rest = std::str::from_utf8(&line).ok()?.strip_suffix('\n')?.strip_prefix(object)?;
        rest.strip_prefix(" blob ")?.parse().ok()
    };
    size().ok_or_else(|| Error::answer("cat-file", &line))
}

/// Reads a content and the line end behind it, and keeps its beginning.
pub(super) fn take(
    output: &mut dyn BufRead,
    size: u64,
    most: u64,
    bytes: &mut Vec<u8>,
) -> Result<(), Error> {
    let kept = size.min(most);
    let mut content = output.take(size + 1);
    (&mut content).take(kept).read_to_end(bytes).map_err(unread)?;
    let rest = std::io::copy(&mut content, &mut std::io::sink()).map_err(unread)?;
    match bytes.len() as u64 == kept && rest == size - kept + 1 {
        true => Ok(()),
        false => Err(Error::answer("cat-file", b"a content that breaks off")),
    }
}

fn unread(error: std::io::Error) -> Error {
    Error::io("read what git writes at", std::path::Path::new("the vault"))(error)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::path::Path;

    use super::*;
    use crate::git::fixture::{Fixture, plain_git, write};
    use crate::printable;
    use crate::rules::ChangeKind;

    const ELSEWHERE: &str = "0123456789012345678901234567890123456789";

    /// Commits what the closure does to the user's checkout, by the user's git.
    fn commit(fixture: &Fixture, work: impl FnOnce(&Path)) -> CommitId {
        work(&fixture.user);
        fixture.user(&["add", "-A"]);
        fixture.user(&["commit", "-q", "--allow-empty", "-m", "change"]);
        fixture.vault.resolve("HEAD").unwrap()
    }

    fn told(inspection: &Inspection) -> Vec<(String, ChangeKind, Count)> {
        let counts = inspection.counts().unwrap();
        let all = inspection.changes().iter().zip(counts);
        all.map(|(change, count)| (printable::path(change.path()), change.kind(), count)).collect()
    }

    fn lines(added: u64, removed: u64) -> Count {
        Count::Lines { added, removed }
    }

    #[test]
    fn every_kind_of_change_is_listed_and_counted() {
        let text = "1\n2\n3\n";
        let files = ["edited", "gone", "moved", "mode", "type", "folder", "bin", "crlf", "same"];
        let fixture = Fixture::with(&files.map(|path| (path, text)));
        let tree = commit(&fixture, |dir| {
            write(dir, "edited", "1\n3\n4\n5");
            fs::remove_file(dir.join("gone")).unwrap();
            fs::rename(dir.join("moved"), dir.join("to")).unwrap();
            fs::set_permissions(dir.join("mode"), fs::Permissions::from_mode(0o755)).unwrap();
            fs::remove_file(dir.join("type")).unwrap();
            symlink("same", dir.join("type")).unwrap();
            fs::remove_file(dir.join("folder")).unwrap();
            write(dir, "folder/x", "");
            write(dir, "bin", b"\0\n");
            write(dir, "crlf", "1\r\n2\r\n3\r\n");
            write(dir, "tab\there\nand \"there\"", "x\n");
            let name = OsStr::from_bytes(b"n\xff");
            fs::write(dir.join(name), "y").unwrap();
            // Neither driver nor attribute of the tree counts.
            write(dir, ".gitattributes", "* -text -diff binary\n");
        });
        let inspection = fixture.vault.inspect(&fixture.base, &tree).unwrap();
        let told: Vec<_> = told(&inspection);
        let told: Vec<(&str, ChangeKind, Count)> =
            told.iter().map(|(path, kind, count)| (&**path, *kind, *count)).collect();
        assert_eq!(
            told,
            [
                (".gitattributes", ChangeKind::Added, lines(1, 0)),
                ("bin", ChangeKind::Modified, Count::Binary),
                ("crlf", ChangeKind::Modified, lines(3, 3)),
                ("edited", ChangeKind::Modified, lines(2, 1)),
                ("folder", ChangeKind::Removed, lines(0, 3)),
                ("folder/x", ChangeKind::Added, lines(0, 0)),
                ("gone", ChangeKind::Removed, lines(0, 3)),
                ("mode", ChangeKind::Mode, lines(0, 0)),
                ("moved", ChangeKind::Removed, lines(0, 3)),
                ("n\\xff", ChangeKind::Added, lines(1, 0)),
                ("tab\\u{9}here\\u{a}and \"there\"", ChangeKind::Added, lines(1, 0)),
                ("to", ChangeKind::Added, lines(3, 0)),
                ("type", ChangeKind::Type, lines(1, 3)),
            ]
        );
        let same = fixture.vault.inspect(&tree, &tree).unwrap();
        assert_eq!((same.changes().len(), same.counts().unwrap().len()), (0, 0));
        assert_eq!(same.files().len(), 11);
    }

    #[test]
    fn submodules_are_entries_and_have_no_content() {
        let fixture = Fixture::with(&[("a", "a\n")]);
        let link = |id: &str| format!("160000,{id},lib");
        fixture.user(&["update-index", "--add", "--cacheinfo", &link(ELSEWHERE)]);
        fixture.user(&["commit", "-q", "-m", "one"]);
        let one = fixture.vault.resolve("HEAD").unwrap();
        assert_eq!(fixture.vault.inspect(&one, &one).unwrap().changes(), []);
        let other = ELSEWHERE.replace('0', "f");
        fixture.user(&["update-index", "--cacheinfo", &link(&other)]);
        fixture.user(&["commit", "-q", "-m", "other"]);
        let inspection = fixture.vault.inspect(&one, &fixture.vault.resolve("HEAD").unwrap());
        let inspection = inspection.unwrap();
        assert_eq!(told(&inspection), [("lib".to_owned(), ChangeKind::Modified, lines(1, 1))]);
        assert!(inspection.files().iter().any(File::is_submodule));
    }

    #[test]
    fn contents_come_in_order_and_no_more_of_each_than_is_read() {
        let large = "0123456789".repeat(100_000);
        let fixture = Fixture::with(&[("a", ""), ("b", "b\n\0"), ("c", &large), ("d", "d")]);
        let mut inspection = fixture.vault.inspect(&fixture.base, &fixture.base).unwrap();
        inspection.most = 12;
        let objects: Vec<String> =
            inspection.files().iter().map(|file| file.object.clone()).collect();
        let objects: Vec<&str> = [2, 0, 1, 3, 1].iter().map(|at| &*objects[*at]).collect();
        let mut read = Vec::new();
        inspection
            .read(&objects, &mut |at, content| {
                read.push((at, String::from_utf8_lossy(content.bytes).into_owned(), content.size));
            })
            .unwrap();
        let text = |at, text: &str, size| (at, text.to_owned(), size);
        assert_eq!(
            read,
            [
                text(0, "012345678901", 1_000_000),
                text(1, "", 0),
                text(2, "b\n\0", 3),
                text(3, "d", 1),
                text(4, "b\n\0", 3),
            ]
        );
        inspection.read(&[], &mut |_, _| panic!("nothing is read")).unwrap();
    }

    #[test]
    fn what_is_too_large_is_not_counted_on_either_side() {
        let fixture = Fixture::with(&[("was", &"x\n".repeat(30)), ("a", "\0")]);
        let tree = commit(&fixture, |dir| {
            write(dir, "was", "x\n");
            write(dir, "is", "x\n".repeat(30));
            write(dir, "a", "\0\0");
            write(dir, "small", "x\n".repeat(25));
        });
        let mut inspection = fixture.vault.inspect(&fixture.base, &tree).unwrap();
        inspection.most = 50;
        let counts = inspection.counts().unwrap();
        assert_eq!(counts, [Count::Binary, Count::TooLarge, lines(25, 0), Count::TooLarge]);
    }

    #[test]
    fn an_object_that_is_gone_is_an_error_and_no_content() {
        let fixture = Fixture::with(&[("a", "a\n")]);
        let inspection = fixture.vault.inspect(&fixture.base, &fixture.base).unwrap();
        let gone = "f".repeat(40);
        let error = inspection.read(&[&gone], &mut |_, _| {}).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
        // Not by a whole history: it stops at the first one.
        let many = vec![&*gone; 100_000];
        assert!(inspection.read(&many, &mut |_, _| panic!("nothing is read")).is_err());
        assert!(plain_git(&fixture.user, &["fsck"]).exit.is_success());
    }

    #[test]
    fn a_count_that_is_none_is_no_answer() {
        assert_eq!(numbers(b"1\t2\ta\tb"), Some((&b"a\tb"[..], lines(1, 2))));
        assert_eq!(numbers(b"-\t-\ta"), Some((&b"a"[..], Count::Binary)));
        for bad in [&b"1\t2"[..], b"", b"1\t-\ta", b"x\t1\ta", b"1 2 a"] {
            assert_eq!(numbers(bad), None);
        }
    }
}
