//! Reads the bytes of a journal: the records, and how they end.
//!
//! A torn tail costs what was not synced yet; all else that does not fit is
//! damage, never a guess. Pure: no file, and no knowledge of what the facts
//! mean. The law of reading is docs/run-state.md.

use eufm_plan::Digest;
use eufm_plan::lockfile::Locked;
use serde::Deserialize;

use super::line::{Frame, hexadecimal};
use super::record::{FORMAT, FORMAT_MIN, Record};
use super::torn::{is_torn, split_line};

/// What the bytes of a journal hold.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The valid records, in order.
    pub records: Vec<Record>,
    /// At which byte each of them begins.
    pub offsets: Vec<u64>,
    /// How many bytes they take; the end begins there.
    pub valid_bytes: usize,
    /// What the next record has to name as the one before it.
    pub previous: Digest,
    /// What stands behind them.
    pub end: End,
}

/// What stands behind the last valid record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing.
    Whole,
    /// Records that were being written when the power failed.
    Torn,
    /// Something that the journal's owner did not write there.
    Damaged(String),
    /// A record of a newer runner.
    Newer(u32),
}

impl Scan {
    /// Reads records until the end, a torn tail or damage; the chain begins at
    /// the plan's digest.
    #[must_use]
    pub(crate) fn of(bytes: &[u8], locked: &Locked) -> Self {
        let mut scan = Self {
            records: Vec::new(),
            offsets: Vec::new(),
            valid_bytes: 0,
            previous: locked.digest,
            end: End::Whole,
        };
        while scan.valid_bytes < bytes.len() {
            let rest = &bytes[scan.valid_bytes..];
            let (line, _) = split_line(rest);
            match read_record(line, scan.records.len() as u64, scan.previous) {
                Ok(record) => {
                    scan.previous = Digest::of(line);
                    scan.offsets.push(scan.valid_bytes as u64);
                    scan.valid_bytes += line.len();
                    scan.records.push(record);
                }
                Err(flaw) => {
                    let is_first = scan.records.is_empty();
                    scan.end = flaw.end(|| is_torn(rest, scan.valid_bytes, is_first, &locked.plan));
                    break;
                }
            }
        }
        scan
    }

    /// Returns the format of the records; `None` before the first.
    #[must_use]
    pub(crate) fn format(&self) -> Option<u32> {
        self.records.first().and_then(|first| first.format)
    }
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

impl Flaw {
    fn end(self, is_torn: impl FnOnce() -> bool) -> End {
        match self {
            Self::Broken(_) if is_torn() => End::Torn,
            Self::Broken(text) => End::Damaged(text.to_owned()),
            Self::Foreign(text) => End::Damaged(text),
            Self::Newer(found) => End::Newer(found),
        }
    }
}

fn read_record(line: &[u8], sequence: u64, previous: Digest) -> Result<Record, Flaw> {
    let frame = Frame::read(line).map_err(Flaw::Broken)?;
    let record = content(&frame);
    if let Err(Flaw::Newer(found)) = record {
        return Err(Flaw::Newer(found));
    }
    if frame.sequence != sequence {
        let text = format!("record {} stands where {sequence} should", frame.sequence);
        return Err(Flaw::Foreign(text));
    }
    if hexadecimal(previous) != frame.previous {
        return Err(Flaw::Foreign(foreign(sequence, previous, frame.previous)));
    }
    let record = record?;
    let is_known = |format| (FORMAT_MIN..=FORMAT).contains(&format);
    if sequence == 0 && !record.format.is_some_and(is_known) {
        return Err(Flaw::Foreign("the first record names no known format".to_owned()));
    }
    Ok(record)
}

fn foreign(sequence: u64, expected: Digest, found: &str) -> String {
    if sequence == 0 {
        format!("it belongs to the plan sha256:{found}, and this one is {expected}")
    } else {
        "it does not follow from the record before it".to_owned()
    }
}

fn content(frame: &Frame<'_>) -> Result<Record, Flaw> {
    /// What is understood of a record of any format.
    #[derive(Deserialize)]
    struct Version {
        format: u32,
    }
    let record = serde_json::from_str::<Record>(frame.json);
    let format = match &record {
        Ok(record) => record.format,
        Err(_) => serde_json::from_str(frame.json).ok().map(|Version { format }| format),
    };
    match (record, format) {
        (_, Some(found)) if found > FORMAT => Err(Flaw::Newer(found)),
        (record, _) => record.map_err(|error| {
            let text = format!("not understood, maybe of a newer eufm: {error}");
            Flaw::Foreign(text)
        }),
    }
}
