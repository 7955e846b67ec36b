//! The journal: the append-only record of a run, from which it resumes.
//!
//! One line a record: `crc32 length sequence previous {json}`. The checksum and
//! the length find damage, `previous` (the SHA-256 of the line before) chains
//! the records to the plan. A torn tail costs at most the last record; damage
//! anywhere else is refused. Unaware of what the events mean to the scheduler.
//! The law of the format is docs/run-state.md.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use eufm_plan::{Digest, NodeIndex, Plan};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::event::{Event, NodeEvent, RunEvent};

/// The version of the record format that this runner writes.
pub(crate) const FORMAT: u32 = 1;

/// A record never grows beyond this; a longer line is damage.
const RECORD_BYTES_MAX: usize = 1 << 20;

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
    /// A record is damaged and valid ones follow it.
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
    /// A sync failed before; nothing more is written to a file that may have lost pages.
    #[error("{}: a sync failed: {reason}", path.display())]
    SyncFailed {
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
    /// Fails when it cannot be written or synced; after a failed sync for good.
    pub(crate) fn append(
        &mut self,
        record: &Record,
        durability: Durability,
    ) -> Result<(), JournalError> {
        self.flusher.check(&self.path)?;
        let line = encode(self.sequence, self.previous, record);
        self.file.write_all(&line).map_err(|source| io_error(&self.path, source))?;
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
        if let Err(error) = self.file.sync_data() {
            self.flusher.fail(&error);
        }
        self.flusher.check(&self.path)
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
    let hash = previous.to_string();
    let hash = hash.trim_start_matches("sha256:");
    let body = format!("{} {sequence} {hash} {json}", json.len());
    format!("{:08x} {body}\n", crc32fast::hash(body.as_bytes())).into_bytes()
}

struct Scan {
    records: Vec<Record>,
    valid_bytes: usize,
    previous: Digest,
}

/// Reads records until the end or the first bad one. Behind a bad one nothing
/// valid may stand: then it is a torn tail, else it is damage.
fn scan(path: &Path, bytes: &[u8], plan: Digest) -> Result<Scan, JournalError> {
    let mut scan = Scan { records: Vec::new(), valid_bytes: 0, previous: plan };
    while scan.valid_bytes < bytes.len() {
        let rest = &bytes[scan.valid_bytes..];
        let line = rest.iter().position(|&byte| byte == b'\n').map(|end| &rest[..=end]);
        let sequence = scan.records.len() as u64;
        let decoded = line
            .ok_or_else(|| "no end of line".to_owned())
            .and_then(|line| Ok((line, decode(line)?)))
            .and_then(|(line, decoded)| {
                decoded.follows(sequence, scan.previous).map(|()| (line, decoded))
            });
        match decoded {
            Ok((line, decoded)) => {
                check_format(path, &decoded.record)?;
                scan.previous = Digest::of(line);
                scan.valid_bytes += line.len();
                scan.records.push(decoded.record);
            }
            Err(what) if is_torn_tail(rest) => {
                // The very first record is written whole before anything else
                // happens; a journal without it holds nothing to lose.
                drop(what);
                return Ok(scan);
            }
            Err(what) => {
                let offset = scan.valid_bytes as u64;
                return Err(JournalError::Damaged { path: path.to_owned(), offset, what });
            }
        }
    }
    Ok(scan)
}

fn check_format(path: &Path, record: &Record) -> Result<(), JournalError> {
    match record.format {
        Some(found) if found > FORMAT => Err(JournalError::Newer { path: path.to_owned(), found }),
        _ => Ok(()),
    }
}

/// A torn tail is one bad line, the last: no later line is a valid record.
fn is_torn_tail(rest: &[u8]) -> bool {
    let mut lines = rest.split_inclusive(|&byte| byte == b'\n').skip(1);
    !lines.any(|line| decode(line).is_ok())
}

struct Decoded {
    sequence: u64,
    previous: String,
    record: Record,
}

impl Decoded {
    fn follows(&self, sequence: u64, previous: Digest) -> Result<(), String> {
        if self.sequence != sequence {
            return Err(format!("record {} stands where {sequence} should", self.sequence));
        }
        if previous.to_string().trim_start_matches("sha256:") != self.previous {
            return Err("it does not follow from the record before it".to_owned());
        }
        Ok(())
    }
}

fn decode(line: &[u8]) -> Result<Decoded, String> {
    if line.len() > RECORD_BYTES_MAX {
        return Err("the line is too long".to_owned());
    }
    let text = std::str::from_utf8(line).map_err(|_| "not UTF-8".to_owned())?;
    let text = text.strip_suffix('\n').ok_or("no end of line")?;
    let (crc, body) = text.split_once(' ').ok_or("no checksum")?;
    // Compared as text: a checksum has one spelling, so a flipped bit in its
    // letters' case is found too.
    if format!("{:08x}", crc32fast::hash(body.as_bytes())) != crc {
        return Err("the checksum does not fit".to_owned());
    }
    let mut fields = body.splitn(4, ' ');
    let mut field = |name: &str| fields.next().ok_or_else(|| format!("no {name}"));
    let length: usize = field("length")?.parse().map_err(|_| "the length is no number")?;
    let sequence = field("sequence")?.parse().map_err(|_| "the sequence is no number")?;
    let previous = field("previous")?.to_owned();
    let json = field("content")?;
    if json.len() != length {
        return Err("the length does not fit".to_owned());
    }
    let record = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok(Decoded { sequence, previous, record })
}

/// The thread that syncs grouped records: one sync for all that came meanwhile.
#[derive(Debug)]
struct Flusher {
    requests: Option<Sender<()>>,
    failure: Arc<Mutex<Option<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    fn start(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let (requests, queue) = channel();
        let failure = Arc::new(Mutex::new(None));
        let shared = Arc::clone(&failure);
        let thread = std::thread::Builder::new()
            .name("journal-sync".to_owned())
            .spawn(move || flush(&file, &queue, &shared))?;
        Ok(Self { requests: Some(requests), failure, thread: Some(thread) })
    }

    fn request(&self) {
        if let Some(requests) = &self.requests {
            // The thread ends only after a failure, which `check` reports.
            let _ = requests.send(());
        }
    }

    fn fail(&self, error: &io::Error) {
        set_failure(&self.failure, error);
    }

    fn check(&self, path: &Path) -> Result<(), JournalError> {
        let failure = self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*failure {
            Some(reason) => {
                Err(JournalError::SyncFailed { path: path.to_owned(), reason: reason.clone() })
            }
            None => Ok(()),
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

fn set_failure(failure: &Mutex<Option<String>>, error: &io::Error) {
    let mut failure = failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    failure.get_or_insert_with(|| error.to_string());
}

fn flush(file: &File, queue: &Receiver<()>, failure: &Mutex<Option<String>>) {
    while queue.recv().is_ok() {
        // More records may come within the delay; they share the sync.
        let group_end = std::time::Instant::now() + GROUP_DELAY;
        loop {
            let rest = group_end.saturating_duration_since(std::time::Instant::now());
            match queue.recv_timeout(rest) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Err(error) = file.sync_data() {
            set_failure(failure, &error);
            return;
        }
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
