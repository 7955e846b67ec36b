//! The line of a record: `crc32 length sequence previous {json}`.
//!
//! Checksum and length tell whether a line is as it was written, sequence and
//! previous where it belongs. Unaware of files and of what stands before.

use eufm_plan::Digest;

use super::record::Record;

/// Writes a record as a line, its end included.
#[must_use]
pub(super) fn encode(sequence: u64, previous: Digest, record: &Record) -> Vec<u8> {
    let json = serde_json::to_string(record).expect("invariant: records have string keys only");
    seal(sequence, previous, &json)
}

/// Puts what finds damage around a record's JSON.
#[must_use]
pub(super) fn seal(sequence: u64, previous: Digest, json: &str) -> Vec<u8> {
    // Written once, in its place, with the checksum last: five lines a node.
    let mut line = Vec::with_capacity(json.len() + FRAME_BYTES);
    line.extend_from_slice(b"00000000 ");
    let body = line.len();
    let mut number = |number: u64| {
        line.extend_from_slice(number.to_string().as_bytes());
        line.push(b' ');
    };
    number(json.len() as u64);
    number(sequence);
    line.extend_from_slice(hexadecimal(previous).as_bytes());
    line.push(b' ');
    line.extend_from_slice(json.as_bytes());
    let checksum = format!("{:08x}", crc32fast::hash(&line[body..]));
    line[..checksum.len()].copy_from_slice(checksum.as_bytes());
    line.push(b'\n');
    line
}

/// About how many bytes stand around a record's JSON.
const FRAME_BYTES: usize = 112;

/// Writes a digest as a line does.
#[must_use]
pub(super) fn hexadecimal(digest: Digest) -> String {
    digest.hexadecimal()
}

/// A line whose checksum and length fit.
pub(super) struct Frame<'a> {
    /// The number of the record.
    pub sequence: u64,
    /// The hash of the line before, in hexadecimal digits.
    pub previous: &'a str,
    /// The record.
    pub json: &'a str,
}

impl<'a> Frame<'a> {
    /// Takes a line apart. Cheap for what does not begin as a record does.
    ///
    /// # Errors
    /// Fails, with the reason, when the line is not as it was written.
    pub(super) fn read(line: &'a [u8]) -> Result<Self, &'static str> {
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
}

/// Splits at the first space, which stands within or right behind `width` bytes.
fn field(bytes: &[u8], width: usize) -> Option<(&str, &[u8])> {
    let end = bytes.iter().take(width + 1).position(|&byte| byte == b' ')?;
    Some((std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]))
}
