//! The part of a commit that a node sees, and how its result comes back.
//!
//! A node with `reads` works on a commit of the files it sees, whose parent is
//! the whole. Its result, or one that an earlier run had on another base, is
//! put onto the whole file by file: where the whole has something else there,
//! that is an answer with the paths, never a guess. Unaware of nodes and of
//! what makes two inputs the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use eufm_plan::Digest;
use globset::GlobSet;

use super::delta::{Delta, case_collisions, compare};
use super::error::Error;
use super::id::{CommitId, TreeId};
use super::listing::Entry;
use super::names::display;
use super::vault::{Stamp, Vault, remove_file_if_there};
use super::writes::set;

/// Files whose rules decide what a harvest takes are seen by every node.
const ALWAYS: [&str; 2] = [".gitignore", ".gitattributes"];

/// What a node sees of a repository.
#[derive(Debug, Clone)]
pub(crate) struct Sight(Option<GlobSet>);

impl Sight {
    /// Sees every file.
    #[must_use]
    pub(crate) fn all() -> Self {
        Self(None)
    }

    /// Sees what one of these globs matches, and what git is steered by.
    ///
    /// # Errors
    /// Fails on a glob that cannot be read.
    pub(crate) fn of<S: AsRef<str>>(globs: &[S]) -> Result<Self, Error> {
        Ok(Self(Some(set(globs)?)))
    }

    /// Tells whether it is every file.
    #[must_use]
    pub(crate) fn is_all(&self) -> bool {
        self.0.is_none()
    }

    fn sees(&self, path: &[u8]) -> bool {
        let Some(set) = &self.0 else { return true };
        // A name that is no text is matched by what stands for any name only.
        let path = String::from_utf8_lossy(path);
        let name = path.rsplit('/').next().unwrap_or_default();
        ALWAYS.contains(&name) || set.is_match(&*path)
    }
}

/// What came of putting a result onto another commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grafted {
    /// All files afterwards, and how many of them the result changes.
    Tree(TreeId, u64),
    /// Something else stands there, at these paths.
    Clash(Vec<String>),
}

impl Vault {
    /// Commits what is seen of a commit, on top of it; the commit itself where
    /// that is everything.
    ///
    /// # Errors
    /// Fails when git fails.
    pub(crate) fn part(
        &self,
        whole: &CommitId,
        sight: &Sight,
        message: &str,
        stamp: &Stamp,
    ) -> Result<CommitId, Error> {
        if sight.is_all() {
            return Ok(whole.clone());
        }
        let mut entries = self.list(whole)?;
        entries.retain(|entry| sight.sees(&entry.path));
        let index = Scratch::new(self, "index");
        index.put(self, &entries)?;
        let tree = index.tree(self)?;
        self.commit(&tree, std::slice::from_ref(whole), message, stamp)
    }

    /// Commits what is seen of a commit as it is in `part`, and all else as it is
    /// in `whole`; that commit itself where it is the same.
    ///
    /// # Errors
    /// Fails when git fails.
    pub(crate) fn completed(
        &self,
        part: &CommitId,
        (whole, sight): (&CommitId, &Sight),
        message: &str,
        stamp: &Stamp,
    ) -> Result<CommitId, Error> {
        if sight.is_all() {
            return Ok(part.clone());
        }
        let mut entries = self.list(whole)?;
        entries.retain(|entry| !sight.sees(&entry.path));
        // The later one stays where one lies within the other.
        entries.extend(self.list(part)?);
        let index = Scratch::new(self, "index");
        index.put(self, &entries)?;
        let tree = index.tree(self)?;
        if tree == self.tree(whole)? {
            return Ok(whole.clone());
        }
        self.commit(&tree, std::slice::from_ref(whole), message, stamp)
    }

    /// Returns the commit that a part was made of, or a result was made on: the
    /// only parent.
    ///
    /// # Errors
    /// Fails when there is none, or git fails.
    pub(crate) fn parent(&self, commit: &CommitId) -> Result<CommitId, Error> {
        let parse = self.git_at_vault("rev-parse");
        let line = parse.args(["--verify", "--quiet", &format!("{commit}^1")]).line()?;
        CommitId::new(&line).map_err(|_| Error::answer("rev-parse", line.as_bytes()))
    }

    /// Puts the changes from one commit to another onto a third.
    ///
    /// # Errors
    /// Fails when git fails, also when an object of the result is gone.
    pub(crate) fn graft(
        &self,
        onto: &CommitId,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<Grafted, Error> {
        let (before, after) = (self.list(from)?, self.list(to)?);
        let deltas = compare(before.iter(), after.iter());
        let ground = self.list(onto)?;
        let mut files: BTreeMap<&[u8], &Entry> =
            ground.iter().map(|entry| (&*entry.path, entry)).collect();
        for delta in &deltas {
            match delta.after() {
                Some(entry) => drop(files.insert(&entry.path, entry)),
                None => drop(files.remove(delta.path())),
            }
        }
        let files: Vec<Entry> = files.into_values().cloned().collect();
        let clashes = clashes(&ground, &deltas, &files);
        if !clashes.is_empty() {
            return Ok(Grafted::Clash(clashes));
        }
        let index = Scratch::new(self, "index");
        index.put(self, &files)?;
        Ok(Grafted::Tree(index.tree(self)?, deltas.len() as u64))
    }

    /// Lists the first paths that differ between what is seen of two commits,
    /// and how many there are.
    ///
    /// # Errors
    /// Fails when git fails.
    pub(crate) fn compare(
        &self,
        old: &CommitId,
        new: &CommitId,
        sight: &Sight,
        shown_max: usize,
    ) -> Result<(Vec<String>, usize), Error> {
        let mut lists = [self.list(old)?, self.list(new)?];
        lists.iter_mut().for_each(|list| list.retain(|entry| sight.sees(&entry.path)));
        let deltas = compare(lists[0].iter(), lists[1].iter());
        let shown = deltas.iter().take(shown_max).map(|delta| display(delta.path()));
        Ok((shown.collect(), deltas.len()))
    }
}

/// Digests files: names, modes, contents.
pub(super) fn digest(entries: &[Entry]) -> Digest {
    let mut bytes = Vec::new();
    entries.iter().for_each(|entry| entry.write_index_info(&mut bytes));
    Digest::of(&bytes)
}

/// Finds where the ground is not what the changes were made on: another file,
/// a folder in a file's place or the reverse, a name of other case.
fn clashes(ground: &[Entry], deltas: &[Delta<'_>], after: &[Entry]) -> Vec<String> {
    let find = |path: &[u8]| {
        let at = ground.binary_search_by(|entry| (*entry.path).cmp(path)).ok()?;
        ground.get(at)
    };
    let is_gone = |path: &[u8]| {
        let at = deltas.binary_search_by(|delta| delta.path().cmp(path));
        at.is_ok_and(|at| deltas[at].after().is_none())
    };
    let mut found = Vec::new();
    for delta in deltas {
        let path = delta.path();
        if find(path) != delta.before() {
            found.push(display(path));
        }
        if delta.after().is_none() {
            continue;
        }
        let above = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let files_above = above.map(|(end, _)| &path[..end]).filter(|above| find(above).is_some());
        found.extend(files_above.filter(|above| !is_gone(above)).map(display));
        let below = [path, b"/"].concat();
        let first = ground.partition_point(|entry| *entry.path < *below);
        let below = ground[first..].iter().take_while(|entry| entry.path.starts_with(&below));
        found.extend(below.filter(|entry| !is_gone(&entry.path)).map(|entry| display(&entry.path)));
    }
    found.extend(case_collisions(deltas, after).into_iter().map(|breach| breach.path));
    found.sort();
    found.dedup();
    found
}

/// A file beside the vault's own, such as an index for one tree; it goes when it
/// is done with.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    /// Names a file that nobody else uses; nothing is made yet.
    pub(super) fn new(vault: &Vault, what: &str) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self(vault.dir().join(format!("scratch-{}-{number}.{what}", std::process::id())))
    }

    /// Returns where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it an index of these files.
    pub(super) fn put(&self, vault: &Vault, entries: &[Entry]) -> Result<(), Error> {
        remove_file_if_there(&self.0)?;
        let mut input = Vec::new();
        entries.iter().for_each(|entry| entry.write_index_info(&mut input));
        let update = vault.git_at_vault("update-index").index(&self.0);
        update.args(["-z", "--index-info"]).stdin(input).run().map(drop)
    }

    /// Writes the tree of an index.
    pub(super) fn tree(&self, vault: &Vault) -> Result<TreeId, Error> {
        let line = vault.git_at_vault("write-tree").index(&self.0).line()?;
        TreeId::new(&line).map_err(|_| Error::answer("write-tree", line.as_bytes()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What a killed runner leaves of it is taken away with the worktrees.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::{Fixture, stamp};

    fn part(fixture: &Fixture, globs: &[&str]) -> CommitId {
        let sight = Sight::of(globs).unwrap();
        fixture.vault.part(&fixture.base, &sight, "part\n", &stamp()).unwrap()
    }

    fn tree_of(grafted: Grafted) -> TreeId {
        match grafted {
            Grafted::Tree(tree, _) => tree,
            Grafted::Clash(paths) => panic!("a clash at {paths:?}"),
        }
    }

    #[test]
    fn a_part_has_what_is_seen_and_the_rules_of_git() {
        let fixture = Fixture::with(&[
            (".gitignore", "*.log\n"),
            ("a/.gitattributes", "* text\n"),
            ("a/x", "x"),
            ("b/y", "y"),
        ]);
        let seen = part(&fixture, &["b/**"]);
        assert_eq!(fixture.files(&seen), [".gitignore", "a/.gitattributes", "b/y"]);
        assert_eq!(fixture.vault.parent(&seen).unwrap(), fixture.base);
        assert_eq!(part(&fixture, &["b/**"]), seen, "the same part is the same commit");
        let all = fixture.vault.part(&fixture.base, &Sight::all(), "part\n", &stamp()).unwrap();
        assert_eq!(all, fixture.base);
        assert_eq!(fixture.files(&part(&fixture, &[] as &[&str])).len(), 2);
    }

    #[test]
    fn a_part_is_completed_by_what_is_not_seen() {
        let fixture =
            Fixture::with(&[(".gitignore", "*.log"), ("a/x", "x"), ("b/y", "y"), ("c", "c")]);
        let sight = Sight::of(&["a/**"]).unwrap();
        let seen = part(&fixture, &["a/**"]);
        let complete = |part: &CommitId| {
            let whole = (&fixture.base, &sight);
            fixture.vault.completed(part, whole, "whole\n", &stamp()).unwrap()
        };
        assert_eq!(complete(&seen), fixture.base);
        let files = [("a/x", None), ("a/z", Some("z")), ("c/d", Some("in the place of a file"))];
        let whole = complete(&fixture.change(&seen, &files));
        assert_eq!(fixture.files(&whole), [".gitignore", "a/z", "b/y", "c/d"]);
        assert_eq!(complete(&fixture.change(&seen, &files)), whole, "always the same commit");
        let all = (&fixture.base, &Sight::all());
        assert_eq!(fixture.vault.completed(&seen, all, "whole\n", &stamp()).unwrap(), seen);
    }

    #[test]
    fn a_result_on_a_part_is_put_onto_the_whole_file_by_file() {
        let fixture = Fixture::with(&[("a/x", "x"), ("a/gone", "g"), ("b/y", "y")]);
        let seen = part(&fixture, &["a/**"]);
        let files = [("a/x", Some("X")), ("a/gone", None), ("a/new/z", Some("z"))];
        let result = fixture.change(&seen, &files);
        let whole = fixture.change(&fixture.base, &files);
        let grafted = fixture.vault.graft(&fixture.base, &seen, &result).unwrap();
        assert_eq!(grafted, Grafted::Tree(fixture.vault.tree(&whole).unwrap(), 3));
    }

    #[test]
    fn a_result_moves_to_another_base_that_differs_elsewhere() {
        let fixture = Fixture::with(&[("a/x", "x"), ("b/y", "y"), ("run", "file\n")]);
        let result = fixture.change(&fixture.base, &[("a/x", Some("X")), ("run", None)]);
        let result = fixture.change(&result, &[("run/it", Some("a folder"))]);
        let other = fixture.change(&fixture.base, &[("b/y", Some("Y")), ("c", Some("c"))]);
        let tree = tree_of(fixture.vault.graft(&other, &fixture.base, &result).unwrap());
        let commit = fixture.vault.commit(&tree, &[other], "m\n", &stamp()).unwrap();
        assert_eq!(fixture.files(&commit), ["a/x", "b/y", "c", "run/it"]);
        assert_eq!(fixture.show(&commit, "a/x"), b"X");
        assert_eq!(fixture.show(&commit, "b/y"), b"Y");
    }

    #[test]
    fn whatever_else_stands_there_is_a_clash_with_its_paths() {
        let fixture = Fixture::with(&[("a/x", "x")]);
        let clash = |on: &[(&str, Option<&str>)], change: &[(&str, Option<&str>)]| {
            let onto = fixture.change(&fixture.base, on);
            let result = fixture.change(&fixture.base, change);
            match fixture.vault.graft(&onto, &fixture.base, &result).unwrap() {
                Grafted::Clash(paths) => paths,
                Grafted::Tree(..) => panic!("no clash of {change:?} on {on:?}"),
            }
        };
        assert_eq!(clash(&[("a/x", Some("y"))], &[("a/x", Some("z"))]), ["a/x"]);
        assert_eq!(clash(&[("a/x", None)], &[("a/x", Some("z"))]), ["a/x"]);
        assert_eq!(clash(&[("n", Some("1"))], &[("n", Some("2"))]), ["n"]);
        assert_eq!(clash(&[("n", Some("file"))], &[("n/deep/m", Some("2"))]), ["n"]);
        assert_eq!(clash(&[("n/m", Some("1"))], &[("n", Some("a file"))]), ["n/m"]);
        assert_eq!(clash(&[("N", Some("1"))], &[("n", Some("2"))]), ["n"]);
    }

    #[test]
    fn submodules_stay_where_they_are_and_are_no_change() {
        let fixture = Fixture::with(&[("a/x", "x")]);
        let link = format!("160000,{},lib", "1".repeat(40));
        fixture.user(&["update-index", "--add", "--cacheinfo", &link]);
        fixture.user(&["commit", "-q", "-m", "with a submodule"]);
        let base = fixture.vault.resolve("HEAD").unwrap();
        let result = fixture.change(&base, &[("a/x", Some("X"))]);
        let other = fixture.change(&base, &[("b", Some("b"))]);
        let all = Sight::all();
        let compared = fixture.vault.compare(&base, &result, &all, 9).unwrap();
        assert_eq!(compared, (vec!["a/x".to_owned()], 1));
        match fixture.vault.graft(&other, &base, &result).unwrap() {
            Grafted::Tree(tree, changes) => {
                let commit = fixture.vault.commit(&tree, &[other], "m\n", &stamp()).unwrap();
                assert_eq!(
                    (changes, fixture.files(&commit)),
                    (1, ["a/x", "b", "lib"].map(str::to_owned).to_vec())
                );
            }
            Grafted::Clash(paths) => panic!("a clash at {paths:?}"),
        }
    }

    #[test]
    fn a_result_whose_object_is_gone_is_an_error_and_no_tree() {
        let fixture = Fixture::with(&[("a", "a")]);
        let result = fixture.change(&fixture.base, &[("b", Some("only there\n"))]);
        let object = fixture.vault.list(&result).unwrap()[1].object.clone();
        let (folder, file) = object.split_at(2);
        std::fs::remove_file(fixture.vault.dir().join("objects").join(folder).join(file)).unwrap();
        assert!(fixture.vault.graft(&fixture.base, &fixture.base, &result).is_err());
    }

    #[test]
    fn only_what_is_seen_is_compared() {
        let fixture = Fixture::with(&[("a/x", "x"), ("b/y", "y")]);
        let later = fixture.change(&fixture.base, &[("a/x", Some("X")), ("b/y", None)]);
        let compare = |globs: &[&str]| {
            let sight = Sight::of(globs).unwrap();
            fixture.vault.compare(&fixture.base, &later, &sight, 1).unwrap()
        };
        assert_eq!(compare(&["a/**"]), (vec!["a/x".to_owned()], 1));
        assert_eq!(compare(&["**"]), (vec!["a/x".to_owned()], 2));
        assert_eq!(compare(&["c"]), (vec![], 0));
    }
}
