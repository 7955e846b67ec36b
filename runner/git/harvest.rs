//! The harvest: what an attempt made, taken out of its folder as a tree.
//!
//! Git reads the folder as plain files: git directory, index and attributes are
//! the vault's, so whatever the folder holds as `.git`, hooks, filters or other
//! repositories is inert. What lies outside `writes`, or could mean something
//! else on another system or to git itself, refuses the whole harvest with all
//! paths. Ignore rules are those of the folder, the agent's included: tools hide
//! their caches so. What they hide inside `writes` is reported. Unaware of
//! gates and of commits.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::attributes;
use super::command::Invocation;
use super::delta::{Delta, case_collisions, check_paths, differences, outside_symlinks};
use super::error::Error;
use super::id::{CommitId, TreeId};
use super::listing::{Entry, parse_index, records};
use super::names::{check_name, display};
use super::refusal::{Breach, LISTED_MAX, Reason, Refusal};
use super::vault::Stamp;
use super::worktree::Worktree;
use super::writes::Writes;

/// What an attempt made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodeImplementation {
    /// All files after the attempt.
    pub tree: TreeId,
    /// What differs from the base, sorted by path.
    pub changes: Vec<Change>,
    /// What was not taken: files and folders (with a trailing slash) that ignore
    /// rules hid although `writes` reaches them, and pipes, sockets and devices;
    /// sorted, at most 100.
    pub ignored: Vec<String>,
    /// How many more of them there are.
    pub ignored_more: usize,
}

/// A file that differs from the base.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Change {
    /// Its path from the root of the tree.
    pub path: String,
    /// How it differs.
    pub kind: ChangeKind,
}

/// How a file differs; a file that was moved is deleted here and added there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ChangeKind {
    /// It is new.
    Added,
    /// Its content is another one.
    Modified,
    /// It is gone.
    Deleted,
    /// Only whether it may be executed.
    Mode,
    /// A file became a symlink, or the other way round.
    Type,
}

/// Why no result was taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HarvestError {
    /// The attempt did what it may not.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Git or the file system failed.
    #[error(transparent)]
    Git(#[from] Error),
}

impl Worktree {
    /// Takes what differs from `base`, if all of it is allowed.
    ///
    /// Who worked in the folder must have ended. `base` is the commit the
    /// result is measured against; it may be older than the worktree's own,
    /// as when an attempt goes on from salvaged work.
    ///
    /// # Errors
    /// Fails with [`HarvestError::Refused`] on anything that is not allowed,
    /// else when git or the file system fails.
    pub(crate) fn harvest(
        &self,
        base: &CommitId,
        writes: &Writes,
    ) -> Result<CodeImplementation, HarvestError> {
        let before = self.vault().list(base)?;
        let submodules = submodules_of(&before);
        // Work that was salvaged has no others.
        let index = self.index_without("harvest.index", &submodules)?;
        let added = self.reading(&index, "add").arg("--all").answer()?;
        // A folder that cannot be read is a warning to git, and would be no result.
        let unread = b"could not open directory";
        let passed_over = added.stderr.windows(unread.len()).any(|part| part == unread);
        if !added.exit.is_success() || passed_over {
            return Err(self.unreadable(&index, &added)?);
        }
        let after = self.list_index(&index)?;
        let deltas = differences(&before, &after);
        let mut breaches = check_paths(&deltas, &submodules, writes);
        breaches.extend(case_collisions(&deltas, &after));
        breaches.extend(outside_symlinks(self.vault(), &deltas)?);
        if breaches.is_empty() && self.vault().has_attributes(&before) {
            let paths: Vec<&[u8]> = deltas.iter().filter_map(Delta::written).collect();
            let filtered = attributes::filtered(self.vault(), &self.fresh_index(), &paths)?;
            breaches.extend(filtered.into_iter().map(|(path, filter)| Breach {
                path: display(path.as_bytes()),
                reason: Reason::Filtered(filter),
            }));
        }
        if !breaches.is_empty() {
            return Err(Refusal::of(breaches).into());
        }
        self.put_back(&index, &submodules)?;
        let tree = self.write_tree(&index)?;
        let (ignored, ignored_more) = self.ignored(&index, writes)?;
        let changes = deltas.iter().filter_map(Delta::change).collect();
        Ok(CodeImplementation { tree, changes, ignored, ignored_more })
    }

    /// Takes everything that can be taken, allowed or not, as a commit on top
    /// of the worktree's own: what a failed attempt leaves for the next one and
    /// for people. Repositories inside the folder, names that git refuses and
    /// ignored files are left out. It must not be merged.
    ///
    /// # Errors
    /// Fails when git or the file system fails.
    pub(crate) fn salvage(&self, message: &str, stamp: &Stamp) -> Result<CommitId, Error> {
        let before = self.vault().list(self.commit())?;
        let submodules = submodules_of(&before);
        let index = self.index_without("salvage.index", &submodules)?;
        // A status other than 0 says that some files could not be read.
        self.reading(&index, "add").args(["--all", "--ignore-errors"]).answer()?;
        let after = self.list_index(&index)?;
        self.take_out(&index, &submodules_of(&after))?;
        let free: Vec<&Entry> = submodules.into_iter().filter(|s| is_free(s, &after)).collect();
        self.put_back(&index, &free)?;
        let tree = self.write_tree(&index)?;
        self.vault().commit(&tree, std::slice::from_ref(self.commit()), message, stamp)
    }

    /// Describes a command that reads the folder.
    fn reading(&self, index: &Path, name: &'static str) -> Invocation {
        self.vault().git_at_vault(name).work_tree(self.dir()).index(index)
    }

    /// Copies the fresh index, less its submodules: where git finds one in the
    /// index it starts `git status` inside of it, with the configuration that
    /// lies there.
    fn index_without(&self, name: &str, submodules: &[&Entry]) -> Result<PathBuf, Error> {
        let index = self.copy_index(name)?;
        self.take_out(&index, submodules)?;
        Ok(index)
    }

    fn list_index(&self, index: &Path) -> Result<Vec<Entry>, Error> {
        parse_index(&self.vault().git_at_vault("ls-files").index(index).args(["-s", "-z"]).run()?)
    }

    fn take_out(&self, index: &Path, entries: &[&Entry]) -> Result<(), Error> {
        self.update_index(index, entries, |entry, input| {
            input.extend_from_slice(format!("0 {}\t", entry.object).as_bytes());
            input.extend_from_slice(&entry.path);
            input.push(0);
        })
    }

    fn put_back(&self, index: &Path, entries: &[&Entry]) -> Result<(), Error> {
        self.update_index(index, entries, Entry::write_index_info)
    }

    fn update_index(
        &self,
        index: &Path,
        entries: &[&Entry],
        write: impl Fn(&Entry, &mut Vec<u8>),
    ) -> Result<(), Error> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut input = Vec::new();
        for entry in entries {
            write(entry, &mut input);
        }
        let update = self.vault().git_at_vault("update-index").index(index);
        update.args(["-z", "--index-info"]).stdin(input).run().map(drop)
    }

    fn write_tree(&self, index: &Path) -> Result<TreeId, Error> {
        let line = self.vault().git_at_vault("write-tree").index(index).line()?;
        TreeId::new(&line).map_err(|_| Error::answer("write-tree", line.as_bytes()))
    }

    /// Finds out why git could not take the folder.
    fn unreadable(
        &self,
        index: &Path,
        added: &crate::process::Output,
    ) -> Result<HarvestError, Error> {
        let list =
            self.reading(index, "ls-files").args(["-z", "-o", "--exclude-standard"]).answer()?;
        let mut breaches = BTreeSet::new();
        for path in records(&list.stdout) {
            let name = path.strip_suffix(b"/");
            let reason = match check_name(name.unwrap_or(path)) {
                Err(bad) => bad.into(),
                Ok(_) if name.is_some() => Reason::Repository,
                Ok(_) => continue,
            };
            breaches.insert(Breach { path: display(path), reason });
        }
        if breaches.is_empty() {
            let cause = super::error::excerpt(&added.stderr);
            breaches.insert(Breach { path: ".".to_owned(), reason: Reason::Unreadable(cause) });
        }
        Ok(Refusal::of(breaches).into())
    }

    /// Lists what ignore rules hide although `writes` reaches it, and what git
    /// has no way to store.
    fn ignored(&self, index: &Path, writes: &Writes) -> Result<(Vec<String>, usize), Error> {
        let list = self.reading(index, "ls-files").args([
            "-z",
            "-o",
            "-i",
            "--exclude-standard",
            "--directory",
            "--no-empty-directory",
        ]);
        let output = list.run()?;
        let mut paths = BTreeSet::new();
        for path in records(&output) {
            let text = String::from_utf8_lossy(path);
            let reached = match text.strip_suffix('/') {
                Some(folder) => writes.reaches(folder),
                None => writes.allows(&text),
            };
            if reached {
                paths.insert(display(path));
            }
        }
        paths.extend(self.special_files());
        let more = paths.len().saturating_sub(LISTED_MAX);
        Ok((paths.into_iter().take(LISTED_MAX).collect(), more))
    }
}

impl Worktree {
    /// Finds pipes, sockets and devices, which git passes over without a word.
    /// A folder that cannot be read has been refused before.
    fn special_files(&self) -> impl Iterator<Item = String> {
        let is_git = |entry: &DirEntry| entry.depth() == 1 && entry.file_name() == ".git";
        let walk = WalkDir::new(self.dir()).into_iter().filter_entry(move |entry| !is_git(entry));
        walk.filter_map(Result::ok).filter_map(|entry| {
            let kind = entry.file_type();
            let plain = kind.is_file() || kind.is_dir() || kind.is_symlink();
            let path = entry.path().strip_prefix(self.dir()).ok()?;
            (!plain).then(|| display(path.as_os_str().as_bytes()))
        })
    }
}

/// Picks the submodules of a list.
fn submodules_of(entries: &[Entry]) -> Vec<&Entry> {
    entries.iter().filter(|entry| entry.is_submodule()).collect()
}

/// Tells whether nothing in the sorted list has the submodule's path or lies
/// below it.
fn is_free(submodule: &Entry, entries: &[Entry]) -> bool {
    let mut below = submodule.path.clone();
    below.push(b'/');
    let from = entries.partition_point(|entry| entry.path < below);
    !entries.get(from).is_some_and(|entry| entry.path.starts_with(&below))
        && entries.binary_search_by(|entry| entry.path.cmp(&submodule.path)).is_err()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::git::fixture::{Fixture, plain_git, stamp, write, writes};
    use crate::process::Command;

    /// Harvests what the closure does to a worktree of the fixture.
    fn attempt(
        fixture: &Fixture,
        globs: &[&str],
        work: impl FnOnce(&Path),
    ) -> Result<CodeImplementation, HarvestError> {
        let worktree = fixture.worktree("attempt");
        work(worktree.dir());
        let result = worktree.harvest(&fixture.base, &writes(globs));
        worktree.remove().unwrap();
        result
    }

    /// Returns the breaches of what the closure does, as `path: reason`.
    fn refused(fixture: &Fixture, globs: &[&str], work: impl FnOnce(&Path)) -> Vec<String> {
        match attempt(fixture, globs, work) {
            Err(HarvestError::Refused(refusal)) => {
                refusal.breaches.iter().map(|b| format!("{}: {}", b.path, b.reason)).collect()
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    /// Makes a repository with one commit in a folder.
    fn embed(dir: &Path) {
        fs::create_dir_all(dir).unwrap();
        plain_git(dir, &["init", "-q", "."]);
        plain_git(dir, &["commit", "-q", "--allow-empty", "-m", "embedded"]);
    }

    #[test]
    fn every_kind_of_change_is_taken_and_named() {
        let fixture = Fixture::with(&[("a", "a"), ("b", "b"), ("c", "c"), ("d", "d"), ("e", "e")]);
        let harvest = attempt(&fixture, &["**"], |dir| {
            write(dir, "a", "other");
            fs::remove_file(dir.join("b")).unwrap();
            fs::set_permissions(dir.join("c"), fs::Permissions::from_mode(0o755)).unwrap();
            fs::remove_file(dir.join("d")).unwrap();
            symlink("e", dir.join("d")).unwrap();
            write(dir, "n e w/ñ \"x\".txt", "new\n");
        })
        .unwrap();
        let changes: Vec<_> = harvest.changes.iter().map(|c| (&*c.path, c.kind)).collect();
        assert_eq!(
            changes,
            [
                ("a", ChangeKind::Modified),
                ("b", ChangeKind::Deleted),
                ("c", ChangeKind::Mode),
                ("d", ChangeKind::Type),
                ("n e w/ñ \"x\".txt", ChangeKind::Added),
            ]
        );
        let parents = std::slice::from_ref(&fixture.base);
        let commit = fixture.vault.commit(&harvest.tree, parents, "m", &stamp()).unwrap();
        assert_eq!(fixture.files(&commit), ["a", "c", "d", "e", "n e w/ñ \"x\".txt"]);
        assert_eq!(fixture.show(&commit, "n e w/ñ \"x\".txt"), b"new\n");
    }

    #[test]
    fn nothing_done_is_an_empty_harvest_of_the_same_tree() {
        let fixture = Fixture::new();
        let harvest = attempt(&fixture, &[], |_| {}).unwrap();
        assert_eq!(harvest.tree, fixture.vault.tree(&fixture.base).unwrap());
        assert_eq!((harvest.changes, harvest.ignored), (vec![], vec![]));
    }

    #[test]
    fn a_change_of_the_same_size_in_the_same_instant_is_seen() {
        let fixture = Fixture::new();
        let harvest = attempt(&fixture, &["**"], |dir| {
            let path = dir.join("src/a.txt");
            let time = fs::metadata(&path).unwrap().modified().unwrap();
            fs::write(&path, "b\n").unwrap();
            fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        })
        .unwrap();
        assert_eq!(harvest.changes.len(), 1);
    }

    #[test]
    fn every_kind_of_change_outside_writes_is_refused_with_all_paths() {
        let fixture = Fixture::with(&[("a", "a"), ("b", "b"), ("c", "c"), ("ok/x", "x")]);
        let breaches = refused(&fixture, &["ok/**"], |dir| {
            write(dir, "a", "other");
            fs::set_permissions(dir.join("b"), fs::Permissions::from_mode(0o755)).unwrap();
            // A rename is a deletion there and a file here.
            fs::rename(dir.join("c"), dir.join("ok/c")).unwrap();
            write(dir, "new/file", "n");
            write(dir, "ok/fine", "n");
        });
        let outside = |path: &str| format!("{path}: outside `writes`");
        assert_eq!(breaches, [outside("a"), outside("b"), outside("c"), outside("new/file")]);
    }

    #[test]
    fn a_refusal_is_bounded_and_counts_the_rest() {
        let fixture = Fixture::new();
        let result = attempt(&fixture, &["src/**"], |dir| {
            for number in 0..130 {
                write(dir, &format!("out/{number:03}"), "x");
            }
        });
        let Err(HarvestError::Refused(refusal)) = result else { panic!("{result:?}") };
        assert_eq!((refusal.breaches.len(), refusal.more), (100, 30));
        assert_eq!(refusal.breaches[0].path, "out/000");
        let text = refusal.to_string();
        assert!(text.contains("(130)") && text.contains("… and 30 more"), "{text}");
    }

    #[test]
    fn an_embedded_repository_is_refused_with_and_without_commit() {
        let fixture = Fixture::new();
        let breaches = refused(&fixture, &["**"], |dir| embed(&dir.join("sub")));
        assert_eq!(breaches, ["sub: a git repository inside the tree"]);
        let breaches = refused(&fixture, &["**"], |dir| {
            write(dir, "sub/file", "x");
            plain_git(&dir.join("sub"), &["init", "-q", "."]);
        });
        assert_eq!(breaches, ["sub/: a git repository inside the tree"]);
    }

    #[test]
    fn symlinks_may_stay_inside_and_not_lead_out() {
        let fixture = Fixture::new();
        let breaches = refused(&fixture, &["**"], |dir| {
            symlink("../README.md", dir.join("src/fine")).unwrap();
            symlink("/etc/passwd", dir.join("src/absolute")).unwrap();
            symlink("../../x", dir.join("src/above")).unwrap();
            symlink(".git/hooks", dir.join("hooks")).unwrap();
            symlink(OsStr::from_bytes(b"\xff"), dir.join("bytes")).unwrap();
        });
        let leads_out = |path: &str| format!("{path}: a symlink that leads out of the tree");
        let expected = ["bytes", "hooks", "src/above", "src/absolute"].map(leads_out);
        assert_eq!(breaches, expected);
        let harvest = attempt(&fixture, &["**"], |dir| {
            symlink("../README.md", dir.join("src/fine")).unwrap();
        });
        assert_eq!(harvest.unwrap().changes.len(), 1);
    }

    #[test]
    fn a_folder_swapped_for_a_symlink_is_not_followed() {
        let fixture = Fixture::new();
        let breaches = refused(&fixture, &["src/**"], |dir| {
            fs::remove_dir_all(dir.join("src")).unwrap();
            symlink("/etc", dir.join("src")).unwrap();
        });
        assert_eq!(
            breaches,
            ["src: outside `writes`", "src: a symlink that leads out of the tree"]
        );
    }

    #[test]
    fn files_that_steer_git_need_a_glob_with_their_name() {
        let fixture = Fixture::new();
        let work = |dir: &Path| {
            write(dir, "src/.gitattributes", "* -text\n");
            write(dir, ".lfsconfig", "[lfs]\n");
        };
        let steers =
            |path: &str| format!("{path}: steers git; only a glob with this very name allows it");
        assert_eq!(
            refused(&fixture, &["**"], work),
            [steers(".lfsconfig"), steers("src/.gitattributes")]
        );
        let harvest = attempt(&fixture, &["src/.gitattributes", ".lfsconfig"], work).unwrap();
        assert_eq!(harvest.changes.len(), 2);
    }

    #[test]
    fn strange_names_are_refused_and_shown_escaped() {
        let fixture = Fixture::new();
        let breaches = refused(&fixture, &["**"], |dir| {
            for name in [&b"line\nbreak"[..], b"esc\x1b[31m", b"\xff\xfe", "r\u{202e}l".as_bytes()]
            {
                fs::write(dir.join(OsStr::from_bytes(name)), "x").unwrap();
            }
        });
        assert_eq!(
            breaches,
            [
                "\\xff\\xfe: a name that is not UTF-8",
                "esc\\u{1b}[31m: a name with a control character or direction mark",
                "line\\u{a}break: a name with a control character or direction mark",
                "r\\u{202e}l: a name with a control character or direction mark",
            ]
        );
    }

    #[test]
    fn names_that_some_systems_take_for_the_git_folder_are_refused() {
        for name in [".GIT/config", "a/.gIt/config", "git~1", ".git ", ".g\u{200c}it/x"] {
            let fixture = Fixture::new();
            let breaches = refused(&fixture, &["**"], |dir| write(dir, name, "x"));
            assert!(breaches[0].ends_with("take for `.git`"), "{name:?}: {breaches:?}");
        }
    }

    #[test]
    fn paths_that_differ_by_case_only_are_refused_if_one_is_new() {
        let fixture = Fixture::with(&[("src/a.txt", "a"), ("Old", "1"), ("old", "2")]);
        let breaches = refused(&fixture, &["**"], |dir| {
            write(dir, "SRC/b.txt", "b");
            write(dir, "x/straße", "1");
            write(dir, "x/STRAßE", "2");
        });
        assert_eq!(
            breaches,
            [
                "SRC: differs from `src` by case only",
                "x/STRAßE: differs from `x/straße` by case only",
                "x/straße: differs from `x/STRAßE` by case only",
            ]
        );
        // What the base has already is the user's, changed or not.
        let harvest = attempt(&fixture, &["**"], |dir| write(dir, "Old", "3"));
        assert_eq!(harvest.unwrap().changes.len(), 1);
        // Moved to another case: the other name is gone.
        let moved = attempt(&fixture, &["**"], |dir| {
            fs::rename(dir.join("src/a.txt"), dir.join("src/A.txt")).unwrap();
        });
        assert_eq!(moved.unwrap().changes.len(), 2);
    }

    #[test]
    fn ignored_files_are_left_and_those_in_writes_are_named() {
        let fixture = Fixture::with(&[(".gitignore", "*.o\ntarget/\n"), ("src/a", "a")]);
        let harvest = attempt(&fixture, &["src/**", ".cache/**"], |dir| {
            write(dir, "src/x.o", "object");
            write(dir, "src/x.c", "source");
            write(dir, "out.o", "object");
            write(dir, "target/debug/x", "binary");
            // What tools do to hide their caches.
            write(dir, ".cache/.gitignore", "*\n");
            write(dir, ".cache/file", "cached");
            write(dir, ".tool/.gitignore", "*\n");
            write(dir, ".tool/file", "cached");
        })
        .unwrap();
        let paths: Vec<_> = harvest.changes.iter().map(|change| &*change.path).collect();
        assert_eq!(paths, ["src/x.c"]);
        assert_eq!(
            (harvest.ignored, harvest.ignored_more),
            (vec![".cache/".into(), "src/x.o".into()], 0)
        );
    }

    #[test]
    fn what_git_cannot_store_is_named() {
        let fixture = Fixture::new();
        let harvest = attempt(&fixture, &["src/**"], |dir| {
            let made = Command::new("/usr/bin/mkfifo").arg(dir.join("src/pipe")).output();
            assert!(made.unwrap().exit.is_success());
            std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap();
        })
        .unwrap();
        assert_eq!(
            (harvest.changes.len(), harvest.ignored),
            (0, vec!["socket".into(), "src/pipe".into()])
        );
    }

    #[test]
    fn an_ignore_file_of_the_agent_hides_no_tracked_file() {
        let fixture = Fixture::new();
        let breaches = refused(&fixture, &["src/**", ".gitignore"], |dir| {
            write(dir, ".gitignore", "*\n");
            write(dir, "tests/t.txt", "weaker");
            fs::remove_file(dir.join("README.md")).unwrap();
        });
        assert_eq!(breaches, ["README.md: outside `writes`", "tests/t.txt: outside `writes`"]);
    }

    #[test]
    fn attributes_of_the_agent_do_not_change_content() {
        let fixture = Fixture::new();
        let attributes = "* text=auto eol=crlf ident filter=x working-tree-encoding=UTF-16\n";
        let content = b"a\r\nb\n$Id: x$\r\n\xff\x00";
        let worktree = fixture.worktree("a");
        write(worktree.dir(), ".gitattributes", attributes);
        write(worktree.dir(), "src/x", content);
        let all = writes(&[".gitattributes", "src/**"]);
        let tree = worktree.harvest(&fixture.base, &all).unwrap().tree;
        let commit = fixture.vault.commit(&tree, &[], "m", &stamp()).unwrap();
        assert_eq!(fixture.show(&commit, "src/x"), content);
        let again = fixture.vault.worktree(&fixture.root.path().join("again"), &commit).unwrap();
        assert_eq!(fs::read(again.dir().join("src/x")).unwrap(), content);
    }

    #[test]
    fn a_git_pointer_swapped_for_anything_does_not_matter() {
        let fixture = Fixture::new();
        let swaps: [fn(&Path); 4] = [
            |git| fs::remove_file(git).unwrap(),
            |git| fs::write(git, "gitdir: /nonexistent\n").unwrap(),
            |git| {
                fs::remove_file(git).unwrap();
                symlink("/etc", git).unwrap();
            },
            |git| {
                fs::remove_file(git).unwrap();
                embed(git.parent().unwrap());
            },
        ];
        for swap in swaps {
            let harvest = attempt(&fixture, &["new"], |dir| {
                swap(&dir.join(".git"));
                write(dir, "new", "x");
            });
            assert_eq!(harvest.unwrap().changes.len(), 1);
        }
    }

    #[test]
    fn pipes_and_unreadable_files_are_refused_not_a_crash() {
        let fixture = Fixture::new();
        let breaches = refused(&fixture, &["**"], |dir| {
            let path = dir.join("src/a.txt");
            fs::remove_file(&path).unwrap();
            let made = std::process::Command::new("mkfifo").arg(&path).status();
            assert!(made.unwrap().success());
        });
        assert!(breaches[0].starts_with(".: cannot be read: "), "{breaches:?}");
    }

    #[test]
    fn submodules_stay_as_they_are_and_cannot_be_written() {
        let fixture = Fixture::prepared(|user| {
            write(user, "src/a", "a");
            embed(&user.join("vendor/lib"));
        });
        let worktree = fixture.worktree("x");
        assert!(worktree.dir().join("vendor/lib").is_dir());
        worktree.remove().unwrap();
        let harvest = attempt(&fixture, &["src/**"], |dir| write(dir, "src/b", "b")).unwrap();
        let commit = fixture.vault.commit(&harvest.tree, &[], "m", &stamp()).unwrap();
        assert_eq!(fixture.files(&commit), ["src/a", "src/b", "vendor/lib"]);
        assert_eq!(harvest.changes.len(), 1);
        let breaches = refused(&fixture, &["**"], |dir| write(dir, "vendor/lib/x", "x"));
        assert_eq!(breaches, ["vendor/lib/x: in a submodule"]);
        let breaches = refused(&fixture, &["**"], |dir| embed(&dir.join("vendor/lib")));
        assert_eq!(breaches, ["vendor/lib: in a submodule"]);
        let breaches = refused(&fixture, &["**"], |dir| {
            fs::remove_dir(dir.join("vendor/lib")).unwrap();
            write(dir, "vendor/lib", "a file");
        });
        assert_eq!(breaches, ["vendor/lib: in a submodule"]);
        // The empty folder itself is nothing.
        let gone = attempt(&fixture, &[], |dir| {
            fs::remove_dir(dir.join("vendor/lib")).unwrap();
        });
        assert_eq!(gone.unwrap().tree, fixture.vault.tree(&fixture.base).unwrap());
    }

    #[test]
    fn a_killed_harvest_can_be_repeated() {
        let fixture = Fixture::new();
        let worktree = fixture.worktree("a");
        write(worktree.dir(), "new", "x");
        let admin = worktree.fresh_index().with_file_name("harvest.index");
        fs::write(&admin, "half an index").unwrap();
        fs::write(admin.with_extension("index.lock"), "").unwrap();
        let first = worktree.harvest(&fixture.base, &writes(&["new"])).unwrap();
        assert_eq!(worktree.harvest(&fixture.base, &writes(&["new"])).unwrap(), first);
    }

    #[test]
    fn salvage_takes_what_is_not_allowed_but_no_repository() {
        let fixture = Fixture::prepared(|user| {
            write(user, "src/a", "a");
            embed(&user.join("vendor/lib"));
        });
        let worktree = fixture.worktree("a");
        write(worktree.dir(), "outside", "x");
        write(worktree.dir(), ".GIT/config", "x");
        embed(&worktree.dir().join("sub"));
        let commit = worktree.salvage("what attempt 1 left\n", &stamp()).unwrap();
        assert_eq!(fixture.files(&commit), ["outside", "src/a", "vendor/lib"]);
        assert!(fixture.vault.contains(&commit, &fixture.base).unwrap());
        // The next attempt can go on from it, measured against the base.
        let next = fixture.vault.worktree(&fixture.root.path().join("next"), &commit).unwrap();
        let harvest = next.harvest(&fixture.base, &writes(&["outside"])).unwrap();
        assert_eq!(harvest.changes.len(), 1);
        // A file in a submodule's place wins over it.
        write(worktree.dir(), "vendor/lib/x", "x");
        let commit = worktree.salvage("m", &stamp()).unwrap();
        assert_eq!(fixture.files(&commit), ["outside", "src/a", "vendor/lib/x"]);
    }
}
