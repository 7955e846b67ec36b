//! Where prepared environments lie: one folder each, with the folders they
//! keep by number.
//!
//! One is put there whole: it is made beside its place, synced and renamed, so
//! that whatever lies at a key is complete, after a power loss too. It is a
//! cache: what is lost is prepared again. Who works here holds the store's
//! lock. Unaware of how one is prepared.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use eufm_plan::Digest;
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};

use crate::git::Vault;
use crate::remove::remove_all;
use crate::steps::Place;
use crate::workshop::StepError;

/// The file that says that a folder is complete, and of which key.
const MARK: &str = "prepared";

/// How the folder of one that is being prepared ends.
const UNFINISHED: &str = ".new";

/// How the folder of its logs ends.
const LOGS: &str = ".logs";

/// How many digits of a key name its folder.
const DIGITS: usize = 32;

/// A folder of prepared environments.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    root: PathBuf,
}

/// What lies on a shelf under one key: what was prepared, its logs, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prepared {
    /// The digits of the key that name it.
    pub name: String,
    /// How much it has, in bytes.
    pub bytes: u64,
    /// When a run last began with it, by the file system: seconds since 1970, and
    /// nanoseconds. Of logs alone, when preparing was tried.
    pub used: (i64, i64),
}

impl Shelf {
    /// Knows the folder, which need not be there yet.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Returns the folder of a prepared environment; `None` when it is not there.
    pub(super) fn find(&self, key: Digest) -> Option<PathBuf> {
        let folder = self.folder(key);
        let mark = fs::read_to_string(folder.join(MARK)).ok()?;
        (mark.trim_end() == key.to_string()).then_some(folder)
    }

    /// Returns the digits that name the folder of a key.
    pub(super) fn name(key: Digest) -> String {
        key.short(DIGITS)
    }

    /// Notes that a run begins with a prepared environment.
    ///
    /// # Errors
    /// Fails when it is not there, or cannot be written.
    pub(super) fn note_use(folder: &Path) -> io::Result<()> {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let mark = File::options().write(true).open(folder.join(MARK))?;
        Ok(futimens(mark, &Timestamps { last_access: now, last_modification: now })?)
    }

    /// Lists what is prepared, the least recently used first.
    ///
    /// # Errors
    /// Fails when it cannot be read.
    pub(crate) fn all(&self) -> io::Result<Vec<Prepared>> {
        let mut all: BTreeMap<String, Prepared> = BTreeMap::new();
        for folder in self.folders()? {
            let file = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let is_of_logs = file.ends_with(LOGS);
            let name = file.strip_suffix(LOGS).unwrap_or(file);
            if name.len() != DIGITS || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                continue;
            }
            let bytes = crate::size::below(&folder)?;
            // What was not put there whole has no mark, and is used by nobody.
            let mark = fs::metadata(folder.join(MARK)).or_else(|_| fs::metadata(&folder))?;
            let used = (mark.mtime(), mark.mtime_nsec());
            let new = || Prepared { name: name.to_owned(), bytes: 0, used };
            let prepared = all.entry(name.to_owned()).or_insert_with(new);
            prepared.bytes += bytes;
            if !is_of_logs {
                prepared.used = used;
            }
        }
        let mut all: Vec<Prepared> = all.into_values().collect();
        all.sort_by(|a, b| (a.used, &a.name).cmp(&(b.used, &b.name)));
        Ok(all)
    }

    /// Removes what is prepared under a name, with its logs: it is moved to
    /// `trash` first, so that half of it never lies here.
    ///
    /// # Errors
    /// Fails when it cannot be moved or removed.
    pub(crate) fn discard(&self, name: &str, trash: &Path) -> io::Result<()> {
        for name in [name.to_owned(), format!("{name}{LOGS}")] {
            let (folder, gone) = (self.root.join(&name), trash.join(&name));
            if folder.exists() {
                fs::rename(folder, &gone)?;
                remove_all(&gone)?;
            }
        }
        Ok(())
    }

    /// Returns the folder in which one is prepared; what is left in it of an
    /// earlier time is to be removed first.
    pub(super) fn unfinished(&self, key: Digest) -> PathBuf {
        self.root.join(format!("{}{UNFINISHED}", key.short(DIGITS)))
    }

    /// Returns the folder with the logs of preparing one.
    pub(super) fn logs(&self, key: Digest) -> PathBuf {
        self.root.join(format!("{}{LOGS}", key.short(DIGITS)))
    }

    /// Puts the folder `whole`, with what was prepared, in its place.
    ///
    /// # Errors
    /// Fails when it cannot be written to the disk or moved.
    pub(super) fn put(&self, key: Digest, whole: &Path) -> io::Result<()> {
        fs::write(whole.join(MARK), format!("{key}\n"))?;
        // All of it is on the disk before it is there under its name.
        rustix::fs::syncfs(File::open(whole)?)?;
        let folder = self.folder(key);
        remove_all(&folder)?;
        fs::rename(whole, &folder)?;
        File::open(&self.root)?.sync_all()
    }

    /// Removes what was being prepared when a runner was killed, and ends what
    /// is left of it.
    ///
    /// # Errors
    /// Fails when something of it cannot be removed.
    pub(crate) fn clear_unfinished(&self, vault: &Vault) -> Result<(), StepError> {
        for folder in self.folders()? {
            if folder.to_string_lossy().ends_with(UNFINISHED) {
                crate::orphans::end_all(&folder.join("tree"))?;
                Place::clear(vault, &folder)?;
            }
        }
        Ok(())
    }

    /// Removes all that is prepared; the logs stay.
    ///
    /// # Errors
    /// Fails when something of it cannot be removed.
    pub(super) fn clear(&self) -> io::Result<()> {
        let logs = |folder: &PathBuf| folder.to_string_lossy().ends_with(LOGS);
        self.folders()?.iter().filter(|folder| !logs(folder)).try_for_each(|it| remove_all(it))
    }

    /// Lists what lies here; nothing where nothing was prepared yet.
    fn folders(&self) -> io::Result<Vec<PathBuf>> {
        match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            entries => entries?.map(|entry| Ok(entry?.path())).collect(),
        }
    }

    fn folder(&self, key: Digest) -> PathBuf {
        self.root.join(key.short(DIGITS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_whole_and_of_its_key_is_found() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let shelf = Shelf::new(dir.path().to_owned());
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        assert_eq!(shelf.find(one), None);
        let whole = shelf.unfinished(one).join("kept");
        fs::create_dir_all(whole.join("0")).expect("made");
        fs::write(whole.join("0/x"), "x").expect("written");
        assert_eq!(shelf.find(one), None, "it is not put there yet");
        shelf.put(one, &whole).expect("put");
        let found = shelf.find(one).expect("there");
        assert_eq!(fs::read_to_string(found.join("0/x")).expect("there"), "x");
        assert_eq!(shelf.find(other), None);
        // As a runner would leave it that does not rename: no mark, or another's.
        fs::write(found.join(MARK), other.to_string()).expect("written");
        assert_eq!(shelf.find(one), None);
        fs::remove_file(found.join(MARK)).expect("removed");
        assert_eq!(shelf.find(one), None);
        let again = shelf.unfinished(one).join("kept");
        fs::create_dir_all(again.join("0")).expect("made");
        shelf.put(one, &again).expect("put over what was not whole");
        assert!(!shelf.find(one).expect("there").join("0/x").exists());
        fs::create_dir(shelf.logs(one)).expect("made");
        fs::write(shelf.logs(one).join("output.log"), "said").expect("written");
        let all = shelf.all().expect("listed");
        assert_eq!(
            (&all[0].name, all[0].bytes),
            (&Shelf::name(one), 4 + one.to_string().len() as u64 + 1)
        );
        shelf.clear().expect("removed");
        assert!(shelf.find(one).is_none() && shelf.logs(one).exists());
        Shelf::new(dir.path().join("none")).clear().expect("nothing is no error");
    }

    #[test]
    fn what_was_used_last_is_listed_last_and_goes_with_its_logs() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let shelf = Shelf::new(dir.path().join("shelf"));
        let keys = [b"a", b"b", b"c"].map(|text| Digest::of(text));
        for key in keys {
            let whole = shelf.unfinished(key).join("kept");
            fs::create_dir_all(&whole).expect("made");
            shelf.put(key, &whole).expect("put");
            fs::create_dir(shelf.logs(key)).expect("made");
        }
        fs::write(dir.path().join("shelf/README"), "no environment").expect("written");
        let mark = shelf.find(keys[0]).expect("there").join(MARK);
        let names = || -> Vec<String> {
            shelf.all().expect("listed").into_iter().map(|it| it.name).collect()
        };
        let before = fs::metadata(&mark).expect("there").modified().expect("a time");
        // The file system's clock has to move on.
        while fs::metadata(&mark).expect("there").modified().expect("a time") == before {
            Shelf::note_use(&shelf.find(keys[0]).expect("there")).expect("noted");
        }
        assert_eq!(names().last(), Some(&Shelf::name(keys[0])));
        assert_eq!(fs::read_to_string(&mark).expect("there").trim_end(), keys[0].to_string());
        let trash = dir.path().join("trash");
        fs::create_dir(&trash).expect("made");
        shelf.discard(&Shelf::name(keys[1]), &trash).expect("removed");
        assert!(shelf.find(keys[1]).is_none() && !shelf.logs(keys[1]).exists());
        assert_eq!(names().len(), 2);
        assert_eq!(fs::read_dir(&trash).expect("there").count(), 0);
    }
}
