//! Tells what a power loss may leave at the end of a journal from damage.
//!
//! Only what was not synced yet can be lost, so nothing that must not be
//! repeated or forgotten had followed from it. Everything else is damage. Pure.

use eufm_plan::Plan;

use super::line::Frame;
use super::record::{Durability, Record};

/// The first record is never longer: it holds names and digests only.
const FIRST_BYTES_MAX: usize = 4_096;

/// What a disk writes as a whole or not at all, in bytes; larger blocks are
/// multiples of it.
const SECTOR_BYTES: usize = 512;

/// Tells whether the bytes from a broken line on, which begins at byte `begin`
/// of the file, can be what was being written when the power failed.
///
/// Either the line is the last one and a part of a record; or a block of it was
/// never written, while later ones were, and none of the records that survived
/// behind it says that it had been synced.
#[must_use]
pub(super) fn is_torn(rest: &[u8], begin: usize, is_first: bool, plan: &Plan) -> bool {
    let (line, behind) = split_line(rest);
    if behind.is_empty() && !hides_record(line) {
        // A run behind a long first line would be lost with it.
        return !is_first || line.len() <= FIRST_BYTES_MAX;
    }
    // Nothing is written behind a first record before that is synced.
    !is_first && lacks_block(line, begin) && !was_synced(rest, plan)
}

/// Takes the first line, its end included, off the rest.
#[must_use]
pub(super) fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| end + 1);
    bytes.split_at(end)
}

/// A whole record behind a damaged end of line would be lost with it.
fn hides_record(line: &[u8]) -> bool {
    (1..line.len()).any(|start| Frame::read(&line[start..]).is_ok())
}

/// Looks for zeros up to the end of a sector: a block that was not written reads
/// as such. No record has a zero, and no flipped bit makes two, or one out of
/// the digit at its beginning.
fn lacks_block(line: &[u8], begin: usize) -> bool {
    let mut zeros = 0;
    line.iter().enumerate().any(|(position, &byte)| {
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        let ends = (begin + position + 1).is_multiple_of(SECTOR_BYTES);
        ends && (zeros >= 2 || (zeros == 1 && position == 0))
    })
}

/// Tells whether a record that is synced before anything is written behind it is
/// whole, and something behind it is whole too.
fn was_synced(rest: &[u8], plan: &Plan) -> bool {
    let mut waits = false;
    for line in rest.split_inclusive(|&byte| byte == b'\n') {
        // The end of the line before may have been lost.
        let start = line.iter().rposition(|&byte| byte == 0).map_or(0, |zero| zero + 1);
        let Ok(frame) = Frame::read(&line[start..]) else { continue };
        if waits {
            return true;
        }
        let record = serde_json::from_str::<Record>(frame.json);
        // What is not understood is not taken for lost.
        waits = record.map_or(true, |record| record.durability_in(plan) == Durability::Synced);
    }
    false
}
