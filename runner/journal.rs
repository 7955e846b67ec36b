//! The journal: the append-only record of a run, from which it resumes.
//!
//! One line a record: `crc32 length sequence previous {json}`. The checksum and
//! the length find damage, `previous` (the SHA-256 of the line before) chains
//! the records to the plan. A torn tail costs at most the last record; all else
//! that does not fit is refused. Unaware of what the events mean.
//! The law of the format is docs/run-state.md.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use eufm_plan::{Digest, NodeIndex, Plan};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::{Event, NodeEvent, RunEvent};

/// The version of the record format that this runner writes.
pub(crate) const FORMAT: u32 = 1;

/// The first record is never longer: it holds names and digests only.
const FIRST_BYTES_MAX: usize = 4_096;

/// The longest time that an unsynced record waits for its sync.
const GROUP_DELAY: Duration = Duration::from_millis(50);

/// One record as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// The format of this record; stands in the first one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<u32>,
    /// Active milliseconds of the run: pauses and crashes do not count.
    pub at_ms: u64,
    /// Seconds since 1970-01-01 UTC by the host's clock, for people and commits.
    pub time: u64,
    /// The node's name; absent in a record about the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// The fact.
    pub event: RecordedEvent,
}

/// A fact as it is stored: nodes by name, since indices mean nothing outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RecordedEvent {
    /// About the run.
    Run(RunEvent),
    /// About the record's node.
    Node(NodeEvent),
}

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

/// What was found in a journal file.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// The valid records, in order.
    pub records: Vec<Record>,
    /// How many bytes of a torn last record were cut off.
    pub torn_bytes: u64,
}

/// When a record must be on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Before the call returns: a power loss must not repeat or forget it.
    Synced,
    /// Within 50 ms, together with others; a crash of the runner alone loses nothing.
    Grouped,
}

/// A journal that is open for appending.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
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
        let open = || {
            let file = File::options().append(true).create_new(true).open(path)?;
            // The folder entry must survive a power loss too.
            path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())?;
            Ok(file)
        };
        let file = open().map_err(|source| io_error(path, source))?;
        Self::of(path, file, 0, plan)
    }

    /// Opens a journal, checks every record and cuts off a torn tail.
    ///
    /// # Errors
    /// Fails when the file cannot be read, is damaged or is newer.
    pub(crate) fn open(path: &Path, plan: Digest) -> Result<(Self, Recovered), JournalError> {
        let bytes = std::fs::read(path).map_err(|source| io_error(path, source))?;
        let scan = scan(path, &bytes, plan)?;
        let open = || {
            let mut file = File::options().read(true).append(true).open(path)?;
            if scan.valid_bytes < bytes.len() {
                file.set_len(scan.valid_bytes as u64)?;
                file.sync_all()?;
            }
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        };
        let file = open().map_err(|source| io_error(path, source))?;
        let torn_bytes = (bytes.len() - scan.valid_bytes) as u64;
        let sequence = scan.records.len() as u64;
        let journal = Self::of(path, file, sequence, scan.previous)?;
        Ok((journal, Recovered { records: scan.records, torn_bytes }))
    }

    fn of(path: &Path, file: File, sequence: u64, previous: Digest) -> Result<Self, JournalError> {
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
        self.flusher.health.check(&self.path)?;
        let line = encode(self.sequence, self.previous, record);
        if let Err(source) = self.file.write_all(&line) {
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
        self.flusher.health.sync(&self.file);
        self.flusher.health.check(&self.path)
    }
}

/// Makes the record of an event.
#[must_use]
pub(crate) fn record(plan: &Plan, event: &Event, at_ms: u64, time: u64) -> Record {
    let format = matches!(event, Event::Run(RunEvent::Opened { .. })).then_some(FORMAT);
    let (node, event) = match event {
        Event::Run(event) => (None, RecordedEvent::Run(event.clone())),
        Event::Node(node, event) => {
            (Some(plan.nodes[node.get()].name.clone()), RecordedEvent::Node(event.clone()))
        }
    };
    Record { format, at_ms, time, node, event }
}

/// Gives back the event of a record; `None` when the plan has no such node.
#[must_use]
pub(crate) fn event(record: Record, node: impl Fn(&str) -> Option<NodeIndex>) -> Option<Event> {
    match (record.node, record.event) {
        (None, RecordedEvent::Run(event)) => Some(Event::Run(event)),
        (Some(name), RecordedEvent::Node(event)) => Some(Event::Node(node(&name)?, event)),
        _ => None,
    }
}

fn io_error(path: &Path, source: io::Error) -> JournalError {
    JournalError::Io { path: path.to_owned(), source }
}

fn encode(sequence: u64, previous: Digest, record: &Record) -> Vec<u8> {
    let json = serde_json::to_string(record).expect("invariant: records have string keys only");
    let body = format!("{} {sequence} {} {json}", json.len(), hexadecimal(previous));
    format!("{:08x} {body}\n", crc32fast::hash(body.as_bytes())).into_bytes()
}

fn hexadecimal(digest: Digest) -> String {
    digest.to_string().trim_start_matches("sha256:").to_owned()
}

struct Scan {
    records: Vec<Record>,
    valid_bytes: usize,
    previous: Digest,
}

/// Why a line is no record of this journal.
enum Flaw {
    /// It is not as it was written: torn or damaged.
    Broken(&'static str),
    /// It is as it was written, but does not belong here or is not understood.
    Foreign(String),
    /// A newer runner wrote it.
    Newer(u32),
}

/// Reads records until the end or a torn tail.
fn scan(path: &Path, bytes: &[u8], plan: Digest) -> Result<Scan, JournalError> {
    let mut scan = Scan { records: Vec::new(), valid_bytes: 0, previous: plan };
    while scan.valid_bytes < bytes.len() {
        let rest = &bytes[scan.valid_bytes..];
        let (line, behind) = split_line(rest);
        let is_first = scan.records.is_empty();
        match read_record(line, scan.records.len() as u64, scan.previous) {
            Ok(record) => {
                scan.previous = Digest::of(line);
                scan.valid_bytes += line.len();
                scan.records.push(record);
            }
            Err(Flaw::Broken(_)) if behind.is_empty() && is_torn(line, is_first) => break,
            Err(Flaw::Newer(found)) => {
                return Err(JournalError::Newer { path: path.to_owned(), found });
            }
            Err(flaw) => {
                let offset = scan.valid_bytes as u64;
                return Err(JournalError::Damaged {
                    path: path.to_owned(),
                    offset,
                    what: flaw.text(),
                });
            }
        }
    }
    Ok(scan)
}

/// Takes the first line, its end included, off the rest.
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| end + 1);
    bytes.split_at(end)
}

/// Tells whether a broken last line can be a record that was being written when
/// the power failed, so that nothing had followed from it yet.
///
/// A whole record behind a damaged end of line would be lost with it, and so
/// would a run behind a long first line.
fn is_torn(line: &[u8], is_first: bool) -> bool {
    let hides_record = (1..line.len()).any(|start| Frame::read(&line[start..]).is_ok());
    !hides_record && (!is_first || line.len() <= FIRST_BYTES_MAX)
}

fn read_record(line: &[u8], sequence: u64, previous: Digest) -> Result<Record, Flaw> {
    let frame = Frame::read(line).map_err(Flaw::Broken)?;
    let record = frame.content();
    if let Err(Flaw::Newer(found)) = record {
        return Err(Flaw::Newer(found));
    }
    if frame.sequence != sequence {
        let text = format!("record {} stands where {sequence} should", frame.sequence);
        return Err(Flaw::Foreign(text));
    }
    if hexadecimal(previous) != frame.previous {
        return Err(Flaw::Foreign("it does not follow from the record before it".to_owned()));
    }
    let record = record?;
    if sequence == 0 && record.format != Some(FORMAT) {
        return Err(Flaw::Foreign("the first record names no known format".to_owned()));
    }
    Ok(record)
}

/// A line whose checksum and length fit.
struct Frame<'a> {
    sequence: u64,
    previous: &'a str,
    json: &'a str,
}

impl<'a> Frame<'a> {
    /// Takes a line apart. Cheap for what does not begin as a record does.
    fn read(line: &'a [u8]) -> Result<Self, &'static str> {
        let line = line.strip_suffix(b"\n").ok_or("no end of line")?;
        let (crc, body) = field(line, 8).ok_or("no checksum")?;
        let (length, rest) = field(body, 20).ok_or("no length")?;
        let (sequence, rest) = field(rest, 20).ok_or("no sequence")?;
        let (previous, json) = field(rest, 64).ok_or("no hash")?;
        if length.parse() != Ok(json.len()) {
            return Err("the length does not fit");
        }
        // Compared as text: a checksum has one spelling, so a flipped bit in
        // its letters' case is found too.
        if format!("{:08x}", crc32fast::hash(body)) != crc {
            return Err("the checksum does not fit");
        }
        let sequence = sequence.parse().map_err(|_| "the sequence is no number")?;
        let json = std::str::from_utf8(json).map_err(|_| "not UTF-8")?;
        Ok(Self { sequence, previous, json })
    }

    fn content(&self) -> Result<Record, Flaw> {
        /// What is understood of a record of any format.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let record = serde_json::from_str::<Record>(self.json);
        let format = match &record {
            Ok(record) => record.format,
            Err(_) => serde_json::from_str(self.json).ok().map(|Version { format }| format),
        };
        match (record, format) {
            (_, Some(found)) if found > FORMAT => Err(Flaw::Newer(found)),
            (record, _) => record.map_err(|error| {
                let text = format!("not understood, maybe of a newer eufm: {error}");
                Flaw::Foreign(text)
            }),
        }
    }
}

/// Splits at the first space, which stands within or right behind `width` bytes.
fn field(bytes: &[u8], width: usize) -> Option<(&str, &[u8])> {
    let end = bytes.iter().take(width + 1).position(|&byte| byte == b' ')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}

impl Flaw {
    fn text(self) -> String {
        match self {
            Self::Broken(text) => text.to_owned(),
            Self::Foreign(text) => text,
            Self::Newer(found) => format!("format {found}"),
        }
    }
}

/// Whether all writes and syncs went well so far.
#[derive(Debug, Default)]
struct Health {
    /// Held during a sync. The system tells a failure to one caller only, so
    /// nobody may take a sync for good that came beside one that failed.
    turn: Mutex<()>,
    failure: Mutex<Option<String>>,
}

impl Health {
    fn sync(&self, file: &File) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.sync_data() {
            self.fail(&error);
        }
    }

    fn fail(&self, error: &io::Error) {
        self.failure().get_or_insert_with(|| error.to_string());
    }

    fn check(&self, path: &Path) -> Result<(), JournalError> {
        match self.failure().clone() {
            Some(reason) => Err(JournalError::Failed { path: path.to_owned(), reason }),
            None => Ok(()),
        }
    }

    fn failure(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that syncs grouped records: one sync for all that came meanwhile.
#[derive(Debug)]
struct Flusher {
    requests: Option<Sender<()>>,
    /// Set while a sync is ahead: its thread need not be woken for each record.
    is_requested: Arc<AtomicBool>,
    health: Arc<Health>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    fn start(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let (requests, queue) = channel();
        let health = Arc::new(Health::default());
        let shared = Arc::clone(&health);
        let is_requested = Arc::new(AtomicBool::new(false));
        let taken = Arc::clone(&is_requested);
        let thread = std::thread::Builder::new()
            .name("journal-sync".to_owned())
            .spawn(move || flush(&file, &queue, &taken, &shared))?;
        Ok(Self { requests: Some(requests), is_requested, health, thread: Some(thread) })
    }

    fn request(&self) {
        if let Some(requests) = &self.requests
            && !self.is_requested.swap(true, Ordering::AcqRel)
        {
            // The thread lives as long as this sender does.
            let _ = requests.send(());
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn flush(file: &File, queue: &Receiver<()>, is_requested: &AtomicBool, health: &Health) {
    while queue.recv().is_ok() {
        // More records may come within the delay; they share the sync. Only the
        // end of the journal comes as a message meanwhile.
        let _ = queue.recv_timeout(GROUP_DELAY);
        // Before the sync: a record that is written beside it asks again.
        is_requested.store(false, Ordering::Release);
        health.sync(file);
    }
}

/// Reads the records of a journal without changing the file, torn tail or not.
///
/// # Errors
/// Fails when the file cannot be read, is damaged or is newer.
pub(crate) fn read(path: &Path, plan: Digest) -> Result<Recovered, JournalError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|source| io_error(path, source))?;
    let scan = scan(path, &bytes, plan)?;
    let torn_bytes = (bytes.len() - scan.valid_bytes) as u64;
    Ok(Recovered { records: scan.records, torn_bytes })
}

#[cfg(test)]
#[path = "journal_test.rs"]
mod journal_test;
