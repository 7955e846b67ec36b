//! Where prepared environments lie: one folder each, below `environments` in
//! the state, with the folders they keep by number.
//!
//! One is put there whole: it is made beside its place, synced and renamed, so
//! that whatever lies at a key is complete, after a power loss too. It is a
//! cache: what is lost is prepared again. Who works here holds the store's
//! lock. Unaware of how one is prepared.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use eufm_plan::Digest;

use crate::git::Vault;
use crate::remove::remove_all;
use crate::steps::Place;
use crate::workshop::StepError;

/// The file that says that a folder is complete, and of which key.
const MARK: &str = "prepared";

/// How the folder of one that is being prepared ends.
const UNFINISHED: &str = ".new";

/// How many digits of a key name its folder.
const DIGITS: usize = 32;

/// The folder of all prepared environments.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    root: PathBuf,
}

impl Shelf {
    /// Knows the folder; it must be there.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Returns the folder of a prepared environment; `None` when it is not there.
    pub(super) fn find(&self, key: Digest) -> Option<PathBuf> {
        let folder = self.folder(key);
        let mark = fs::read_to_string(folder.join(MARK)).ok()?;
        (mark.trim_end() == key.to_string()).then_some(folder)
    }

    /// Returns the folder in which one is prepared; what is left in it of an
    /// earlier time is to be removed first.
    pub(super) fn unfinished(&self, key: Digest) -> PathBuf {
        self.root.join(format!("{}{UNFINISHED}", key.short(DIGITS)))
    }

    /// Returns the folder with the logs of preparing one.
    pub(super) fn logs(&self, key: Digest) -> PathBuf {
        self.root.join(format!("{}.logs", key.short(DIGITS)))
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
    pub(super) fn clear_unfinished(&self, vault: &Vault) -> Result<(), StepError> {
        for entry in fs::read_dir(&self.root)? {
            let folder = entry?.path();
            if folder.to_string_lossy().ends_with(UNFINISHED) {
                crate::orphans::end_all(&folder.join("tree"))?;
                Place::clear(vault, &folder)?;
            }
        }
        Ok(())
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
    }
}
