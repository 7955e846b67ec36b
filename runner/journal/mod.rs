//! The journal: the append-only record of a run, from which it resumes.
//!
//! One line a record, chained to the plan (`line.rs`). What is read is checked
//! as a whole (`scan.rs`); what is written reaches the disk before its caller
//! goes on, or soon after (`flusher.rs`). Unaware of what the events mean.
//! The law of the format is docs/run-state.md.

mod disk;
#[cfg(test)]
mod disk_test;
mod flusher;
#[cfg(test)]
mod journal_test;
#[cfg(test)]
mod kept_test;
mod line;
mod record;
mod scan;
mod torn;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use eufm_plan::Digest;
use eufm_plan::lockfile::Locked;
use thiserror::Error;

use disk::{Disk, DiskFile, HostDisk};
use flusher::Flusher;
pub(crate) use record::{Durability, FORMAT, Record, event, record};
pub(crate) use scan::{End, Scan};

/// Why a journal cannot be read or written.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The journal.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A record is damaged, or is not of this run.
    #[error("{}: the record at byte {offset} is damaged ({what}); the file is left as it is", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// In which way.
        what: String,
    },
    /// A newer runner wrote it.
    #[error("{}: written in format {found} by a newer eufm; this one reads up to {FORMAT}", path.display())]
    Newer {
        /// The journal.
        path: PathBuf,
        /// The format found.
        found: u32,
    },
    /// A write or a sync failed before; nothing more is written behind half a
    /// record, nor to a file that may have lost pages.
    #[error("{}: a write or a sync failed: {reason}", path.display())]
    Failed {
        /// The journal.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
}

/// What can be done about a journal of a newer version.
pub(crate) const NEWER: &str = "use the version of eufm that wrote it, or a newer one";

/// Says what can be done about a damaged journal.
#[must_use]
pub(crate) fn way_out(journal: &Path) -> String {
    let folder = journal.parent().unwrap_or(journal).display();
    format!(
        "put back a copy of the file; or give the run up: move {folder} away, and rename its \
         branch if there is one: then the same command begins anew"
    )
}

impl JournalError {
    /// Says what can be done.
    #[must_use]
    pub(crate) fn help(&self) -> String {
        match self {
            Self::Damaged { path, .. } => way_out(path),
            Self::Newer { .. } => NEWER.to_owned(),
            Self::Io { .. } | Self::Failed { .. } => {
                "make room, or make it readable and writable; then the same command goes on"
                    .to_owned()
            }
        }
    }
}

/// What was found in a journal file.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// The valid records, in order.
    pub records: Vec<Record>,
    /// At which byte each of them begins.
    pub offsets: Vec<u64>,
    /// How many bytes the torn tail takes.
    pub torn_bytes: u64,
}

/// A journal that is open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    sequence: u64,
    previous: Digest,
    flusher: Flusher,
}

impl Journal {
    /// Creates the journal of a new run; the chain begins at the plan's digest.
    ///
    /// # Errors
    /// Fails when the file exists or cannot be written.
    pub(crate) fn create(path: &Path, plan: Digest) -> Result<Self, JournalError> {
        Self::create_on(&HostDisk(path.to_owned()), path, plan)
    }

    fn create_on(disk: &dyn Disk, path: &Path, plan: Digest) -> Result<Self, JournalError> {
        let create = || {
            let file = disk.create()?;
            disk.sync_folder()?;
            Ok(file)
        };
        let file = create().map_err(|source| io_error(path, source))?;
        Self::of(path, file, 0, plan)
    }

    /// Opens a journal, checks every record and cuts off a torn tail.
    ///
    /// # Errors
    /// Fails when the file cannot be read, is damaged or is newer.
    pub(crate) fn open(path: &Path, plan: &Locked) -> Result<(Self, Recovered), JournalError> {
        Self::open_on(&HostDisk(path.to_owned()), path, plan)
    }

    fn open_on(
        disk: &dyn Disk,
        path: &Path,
        plan: &Locked,
    ) -> Result<(Self, Recovered), JournalError> {
        let io = |source| io_error(path, source);
        let file = disk.open().map_err(io)?;
        let bytes = file.read().map_err(io)?;
        let scan = accept(path, Scan::of(&bytes, plan))?;
        let torn_bytes = (bytes.len() - scan.valid_bytes) as u64;
        let settle = || {
            if torn_bytes > 0 {
                file.truncate(scan.valid_bytes as u64)?;
            }
            // What an earlier runner wrote and had no time to sync is about to
            // be acted upon.
            file.sync()?;
            disk.sync_folder()
        };
        settle().map_err(io)?;
        let sequence = scan.records.len() as u64;
        let journal = Self::of(path, file, sequence, scan.previous)?;
        Ok((journal, Recovered { records: scan.records, offsets: scan.offsets, torn_bytes }))
    }

    fn of(
        path: &Path,
        file: Arc<dyn DiskFile>,
        sequence: u64,
        previous: Digest,
    ) -> Result<Self, JournalError> {
        let flusher = Flusher::start(&file).map_err(|source| io_error(path, source))?;
        Ok(Self { path: path.to_owned(), file, sequence, previous, flusher })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// Fails when it cannot be written or synced; from then on for good.
    pub(crate) fn append(
        &mut self,
        record: &Record,
        durability: Durability,
    ) -> Result<(), JournalError> {
        self.check()?;
        let line = line::encode(self.sequence, self.previous, record);
        if let Err(source) = write_all(&*self.file, &line) {
            self.flusher.health.fail(&source);
            return Err(io_error(&self.path, source));
        }
        self.previous = Digest::of(&line);
        self.sequence += 1;
        match durability {
            Durability::Synced => self.sync(),
            Durability::Grouped => {
                self.flusher.request();
                Ok(())
            }
        }
    }

    /// Brings everything appended so far to the disk.
    ///
    /// # Errors
    /// Fails when the sync fails; the journal then takes no more records.
    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        self.flusher.health.sync(&*self.file);
        self.check()
    }

    fn check(&self) -> Result<(), JournalError> {
        let failed = |reason| JournalError::Failed { path: self.path.clone(), reason };
        self.flusher.health.check().map_err(failed)
    }
}

/// Reads the records of a journal without changing the file, torn tail or not.
///
/// # Errors
/// Fails when the file cannot be read, is damaged or is newer.
pub(crate) fn read(path: &Path, plan: &Locked) -> Result<Recovered, JournalError> {
    let bytes = std::fs::read(path).map_err(|source| io_error(path, source))?;
    let scan = accept(path, Scan::of(&bytes, plan))?;
    let torn_bytes = (bytes.len() - scan.valid_bytes) as u64;
    Ok(Recovered { records: scan.records, offsets: scan.offsets, torn_bytes })
}

/// Lets a journal pass that is whole or has a torn tail.
fn accept(path: &Path, scan: Scan) -> Result<Scan, JournalError> {
    let path = path.to_owned();
    match scan.end {
        End::Whole | End::Torn => Ok(scan),
        End::Damaged(what) => {
            Err(JournalError::Damaged { path, offset: scan.valid_bytes as u64, what })
        }
        End::Newer(found) => Err(JournalError::Newer { path, found }),
    }
}

/// A disk may take a part of a record, and is asked for the rest then.
fn write_all(file: &dyn DiskFile, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match file.append(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn io_error(path: &Path, source: io::Error) -> JournalError {
    JournalError::Io { path: path.to_owned(), source }
}
