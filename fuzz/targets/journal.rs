//! Any bytes are read as a journal: they are refused, or end in a torn tail, as a
//! second reader says that is as plain as can be.
//!
//! An input whose first byte is a digit below 6 is a list of records, one a
//! line, behind three bytes: they are sealed as a runner would, so that more than
//! the checksum is reached, and then damaged in the way that the digit says, at
//! the place that the other two say.

#![no_main]

use std::sync::LazyLock;

use eufm_fuzz::naive;
use eufm_plan::Digest;
use eufm_plan::lockfile::{self, Locked};
use eufm_runner::verify::read_bytes;
use libfuzzer_sys::fuzz_target;

static LOCKED: LazyLock<Locked> = LazyLock::new(|| {
    let text = include_str!("../../tests/journals/format-1/done/plan.lock");
    lockfile::read_kept(text).expect("a plan that is kept")
});

fn hexadecimal(digest: Digest) -> String {
    digest.to_string().replace("sha256:", "")
}

/// Returns the digest of the plan that the first line names, if it names one.
fn named(bytes: &[u8]) -> Option<Digest> {
    let text = std::str::from_utf8(bytes.get(..200)?).ok()?;
    Digest::parse(&format!("sha256:{}", text.split(' ').nth(3)?))
}

/// Compares the two readers.
fn check(bytes: &[u8], locked: &Locked) {
    let (records, valid, end) = read_bytes(bytes, locked);
    let plain = naive::read(bytes, &hexadecimal(locked.digest));
    assert!(records <= plain.lines, "{records} records in {} whole lines", plain.lines);
    if records < plain.lines {
        // It is whole and in its place, so it is not understood.
        assert!(valid < plain.bytes && end.is_err());
        return;
    }
    assert_eq!(valid, plain.bytes);
    if let Some(torn) = plain.torn {
        assert_eq!(end.is_ok(), torn, "{end:?}");
    }
    if end.is_ok() && valid < bytes.len() {
        // What is cut off stays off.
        assert_eq!(read_bytes(&bytes[..valid], locked), (records, valid, Ok(())));
    }
}

/// Seals lines as the records of a journal.
fn seal(lines: &[u8]) -> Vec<u8> {
    let (mut journal, mut previous) = (Vec::new(), hexadecimal(LOCKED.digest));
    for (number, json) in String::from_utf8_lossy(lines).lines().enumerate() {
        let line = naive::line(number, &previous, json);
        previous = hexadecimal(Digest::of(&line));
        journal.extend(line);
    }
    journal
}

fn damage(journal: &mut Vec<u8>, way: u8, place: usize) {
    let place = place % journal.len().max(1);
    let line = journal[..place].iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    match way {
        b'1' if !journal.is_empty() => journal[place] ^= 1 << (place % 8),
        b'2' => journal.truncate(place),
        b'3' => {
            let end = place.next_multiple_of(512).min(journal.len());
            journal[place..end].fill(0);
        }
        b'4' => drop(journal.drain(line..place)),
        b'5' => {
            let doubled = journal[line..place].to_vec();
            journal.splice(place..place, doubled);
        }
        _ => {}
    }
}

fuzz_target!(|bytes: &[u8]| {
    let digest = named(bytes).unwrap_or(LOCKED.digest);
    check(bytes, &Locked { digest, ..LOCKED.clone() });
    if let [way @ b'0'..=b'5', high, low, lines @ ..] = bytes {
        let mut journal = seal(lines);
        damage(&mut journal, *way, usize::from(u16::from_be_bytes([*high, *low])));
        check(&journal, &LOCKED);
    }
});
