//! What the journal needs of a disk, and the real one.
//!
//! The journal's promises rest on these few operations and on nothing else:
//! what was synced survives a power loss, in whatever state the rest is. Tests
//! put a disk in their place that loses, reorders and tears what was not
//! synced. Unaware of what is written.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

/// A place on a disk where one file may be.
pub(crate) trait Disk {
    /// Makes the file, empty; whether it survives a power loss is open until
    /// [`Disk::sync_folder`].
    ///
    /// # Errors
    /// Fails when it is there already or cannot be made.
    fn create(&self) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens the file for reading and appending.
    ///
    /// # Errors
    /// Fails when it is not there or cannot be opened.
    fn open(&self) -> io::Result<Arc<dyn DiskFile>>;

    /// Brings the file's entry in its folder to the disk.
    ///
    /// # Errors
    /// Fails when the system says that it could not.
    fn sync_folder(&self) -> io::Result<()>;
}

/// A file that grows at its end. Its owner and the thread that syncs share it.
pub(crate) trait DiskFile: Debug + Send + Sync {
    /// Returns the whole content.
    ///
    /// # Errors
    /// Fails when it cannot be read.
    fn read(&self) -> io::Result<Vec<u8>>;

    /// Writes some of the bytes at the end and returns how many.
    ///
    /// # Errors
    /// Fails when nothing was written.
    fn append(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Cuts the file off behind its first `length` bytes.
    ///
    /// # Errors
    /// Fails when the system says that it could not.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Brings content and length to the disk.
    ///
    /// # Errors
    /// Fails when the system says that it could not; what was written since the
    /// last sync may then be lost, and a later sync does not tell.
    fn sync(&self) -> io::Result<()>;
}

/// A file of the host's file system.
#[derive(Debug)]
pub(crate) struct HostDisk(pub(crate) PathBuf);

impl Disk for HostDisk {
    fn create(&self) -> io::Result<Arc<dyn DiskFile>> {
        let file = File::options().read(true).append(true).create_new(true).open(&self.0)?;
        Ok(Arc::new(file))
    }

    fn open(&self) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(File::options().read(true).append(true).open(&self.0)?))
    }

    fn sync_folder(&self) -> io::Result<()> {
        crate::durable::sync_folder_of(&self.0)
    }
}

impl DiskFile for File {
    fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // Opened for this, so it stands at its beginning.
        let mut file = self;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = self;
        file.write(bytes)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
