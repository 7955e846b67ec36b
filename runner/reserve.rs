//! A file that takes up space until the disk is full: then it makes way for the
//! last records of a run.
//!
//! Unaware of who writes them.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// How large it is: 1 MiB, some thousand records.
const BYTES: usize = 1 << 20;

/// A reserve of space.
#[derive(Debug, Clone)]
pub(crate) struct Reserve(PathBuf);

impl Reserve {
    /// Takes up the space, unless an earlier runner did.
    ///
    /// # Errors
    /// Fails when the disk is full already, or cannot be written.
    pub(crate) fn take(path: &Path) -> io::Result<Self> {
        let reserve = Self(path.to_owned());
        if std::fs::metadata(path).is_ok_and(|data| data.len() == BYTES as u64) {
            return Ok(reserve);
        }
        // With real content: a hole would take up nothing.
        let written = File::create(path).and_then(|mut file| file.write_all(&vec![b'\n'; BYTES]));
        if written.is_err() {
            reserve.release();
        }
        written.map(|()| reserve)
    }

    /// Makes way.
    pub(crate) fn release(&self) {
        // If it is gone already, so is the space it took.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_reserve_takes_up_its_space_until_it_is_released() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("reserve");
        let reserve = Reserve::take(&path).expect("taken");
        let size = || std::fs::metadata(&path).map(|data| data.len());
        assert_eq!(size().expect("there"), BYTES as u64);
        File::open(&path).and_then(|file| file.sync_all()).expect("synced");
        assert!(std::fs::metadata(&path).expect("there").blocks() * 512 >= BYTES as u64);
        Reserve::take(&path).expect("it is there already");
        File::create(&path).expect("cut short");
        Reserve::take(&path).expect("made whole");
        assert_eq!(size().expect("there"), BYTES as u64);
        reserve.release();
        assert!(size().is_err());
    }
}
