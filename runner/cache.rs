//! The cache of results: for each key the commit that it gave.
//!
//! One file a key, made whole by a rename; the commit is kept alive in the vault
//! by a reference of its own. It is only an index of what journals say: a file
//! that is gone or not understood is a result that is made again. Unaware of
//! how keys come about and of how a result is put onto another base.

use std::io;
use std::path::{Path, PathBuf};

use eufm_plan::Digest;
use serde::{Deserialize, Serialize};

use crate::event::Passed;
use crate::git::{CommitId, Ref};
use crate::key::NodeKey;

/// The version of the files' form. Files of another one are passed over.
const FORMAT: u32 = 1;

/// The run's part of the references that keep results. A run's own name has
/// digits behind that of its pipeline.
const RUN: &str = "cache";

/// The results of earlier runs.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    dir: PathBuf,
}

/// A result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The version of this form.
    format: u32,
    /// Its key.
    pub key: NodeKey,
    /// The node.
    pub node: String,
    /// The run in which the work was done.
    pub run: String,
    /// When it was made or last taken over, in seconds since 1970.
    pub time: u64,
    /// The commit it was made on.
    pub base: CommitId,
    /// The result, on that commit; the same one where it changes nothing.
    pub commit: CommitId,
    /// How many files it changes.
    pub changes: u64,
    /// The gates that passed it.
    pub gates: Vec<Passed>,
    /// What was kept beside it; absent where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<CommitId>,
}

/// What an entry says beside its key.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    /// The node.
    pub node: String,
    /// The run in which the work was done.
    pub run: String,
    /// When, in seconds since 1970.
    pub time: u64,
    /// The commit it was made on.
    pub base: CommitId,
    /// The result.
    pub commit: CommitId,
    /// How many files it changes.
    pub changes: u64,
    /// The gates that passed it.
    pub gates: Vec<Passed>,
    /// What was kept beside it.
    pub beside: Option<CommitId>,
}

impl Entry {
    /// Makes the entry of a result.
    #[must_use]
    pub(crate) fn new(key: NodeKey, made: Made) -> Self {
        let Made { node, run, time, base, commit, changes, gates, beside } = made;
        Self { format: FORMAT, key, node, run, time, base, commit, changes, gates, beside }
    }

    /// Returns the references that keep it in the vault, with their commits: the
    /// result, and what is beside it.
    pub(crate) fn references(&self) -> impl Iterator<Item = (Ref, &CommitId)> {
        let name = |sort: char| Ref::new(RUN, &[&format!("{sort}{}", name_of(&self.key.digest))]);
        let beside = self.beside.iter().map(move |beside| (name('b'), beside));
        std::iter::once((name('k'), &self.commit)).chain(beside)
    }
}

impl Cache {
    /// Names the cache of a state's folder; nothing is made yet.
    #[must_use]
    pub(crate) fn of(root: &Path) -> Self {
        Self { dir: root.join("cache") }
    }

    /// Tells whether there is one: one that was removed is to be made again.
    #[must_use]
    pub(crate) fn exists(&self) -> bool {
        self.dir.is_dir()
    }

    /// Makes the folder.
    ///
    /// # Errors
    /// Fails when it cannot be made.
    pub(crate) fn create(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.dir)
    }

    /// Finds the result of a key.
    #[must_use]
    pub(crate) fn find(&self, key: &Digest) -> Option<Entry> {
        let entry = read(&self.file(key))?;
        (entry.key.digest == *key).then_some(entry)
    }

    /// Keeps a result, in place of an older one of its key. Its commit must be
    /// kept in the vault before.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub(crate) fn store(&self, entry: &Entry) -> io::Result<()> {
        let file = self.file(&entry.key.digest);
        let new = file.with_extension("new");
        self.create()?;
        std::fs::write(&new, serde_json::to_vec(entry)?)?;
        std::fs::rename(&new, &file)
    }

    /// Forgets a result; its reference is to be removed after.
    ///
    /// # Errors
    /// Fails when the file cannot be removed.
    pub(crate) fn remove(&self, key: &Digest) -> io::Result<()> {
        match std::fs::remove_file(self.file(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Lists all results, the newest first.
    ///
    /// # Errors
    /// Fails when the folder is there and cannot be read.
    pub(crate) fn all(&self) -> io::Result<Vec<Entry>> {
        if !self.exists() {
            return Ok(Vec::new());
        }
        let files = std::fs::read_dir(&self.dir)?.collect::<io::Result<Vec<_>>>()?;
        let mut all: Vec<Entry> = files.iter().filter_map(|file| read(&file.path())).collect();
        all.sort_by(|a, b| (b.time, &a.key.digest).cmp(&(a.time, &b.key.digest)));
        Ok(all)
    }

    fn file(&self, key: &Digest) -> PathBuf {
        self.dir.join(format!("{}.json", name_of(key)))
    }
}

/// The digits of a key.
fn name_of(key: &Digest) -> String {
    key.short(64)
}

/// Reads an entry; what is none, or of another version, is no result.
fn read(file: &Path) -> Option<Entry> {
    if file.extension().is_none_or(|extension| extension != "json") {
        return None;
    }
    let entry: Entry = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    (entry.format == FORMAT).then_some(entry)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::state_test::commit;

    fn entry(content: &[u8], time: u64) -> Entry {
        let key = NodeKey { digest: Digest::of(content), parts: BTreeMap::new() };
        let gates = vec![Passed { gate: "unit".to_owned(), reason: "3 of 3".to_owned() }];
        let (node, run) = ("a/b".to_owned(), "p-12345678".to_owned());
        let (base, commit) = (commit(1), commit(2));
        Entry::new(key, Made { node, run, time, base, commit, changes: 1, gates, beside: None })
    }

    #[test]
    fn a_result_is_found_by_its_key_and_the_newer_one_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = Cache::of(dir.path());
        let (a, b) = (entry(b"a", 1), entry(b"b", 2));
        assert!(!cache.exists() && cache.all().expect("none").is_empty());
        assert_eq!(cache.find(&a.key.digest), None);
        cache.store(&a).expect("kept");
        cache.store(&b).expect("kept");
        assert_eq!(cache.find(&a.key.digest), Some(a.clone()));
        assert_eq!(cache.all().expect("listed"), [b.clone(), a.clone()]);
        let newer = entry(b"a", 3);
        cache.store(&newer).expect("kept");
        assert_eq!(cache.all().expect("listed"), [newer.clone(), b.clone()]);
        cache.remove(&a.key.digest).expect("gone");
        cache.remove(&a.key.digest).expect("no error");
        assert_eq!(cache.all().expect("listed"), [b]);
    }

    #[test]
    fn what_is_not_understood_is_no_result() {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = Cache::of(dir.path());
        let entry = entry(b"a", 1);
        cache.store(&entry).expect("kept");
        let file = cache.file(&entry.key.digest);
        let text = std::fs::read_to_string(&file).expect("there");
        let other = cache.file(&Digest::of(b"another"));
        for (file, bytes) in [
            (&file, String::new()),
            (&file, text[..text.len() - 1].to_owned()),
            (&file, text.replace("\"format\":1", "\"format\":2")),
            (&file, text.replace("\"changes\"", "\"more\":1,\"changes\"")),
            // A file of another key's name.
            (&other, text.clone()),
        ] {
            std::fs::write(file, &bytes).expect("written");
            assert_eq!(cache.find(&entry.key.digest), None, "{bytes}");
            assert_eq!(cache.find(&Digest::of(b"another")), None);
        }
    }

    #[test]
    fn references_have_a_place_of_their_own() {
        let names = |entry: &Entry| -> Vec<String> {
            entry.references().map(|(name, _)| name.to_string()).collect()
        };
        let digits = name_of(&Digest::of(b"a"));
        let mut entry = entry(b"a", 1);
        let result = format!("refs/eufm/cache/k{digits}");
        assert_eq!(names(&entry), std::slice::from_ref(&result));
        entry.beside = Some(commit(3));
        assert_eq!(names(&entry), [result, format!("refs/eufm/cache/b{digits}")]);
    }
}
