//! A second reader of journals, as plain as can be: it looks at every place for
//! a whole line, and knows nothing of speed. See docs/run-state.md.
//!
//! It does not know which records are understood, so it says what the first
//! line is that is not whole and in its place, and whether a power loss can have
//! left it; `None` where that depends on a record that it does not know.

use eufm_plan::Digest;
use serde::Deserialize;

/// What stands where the whole lines in their places end.
pub struct End {
    /// How many lines are whole and in their places.
    pub lines: usize,
    /// How many bytes they take.
    pub bytes: usize,
    /// Whether a power loss can have left the rest; `Some(true)` for nothing.
    pub torn: Option<bool>,
}

/// Reads a journal whose chain begins at `first`.
#[must_use]
pub fn read(bytes: &[u8], first: &str) -> End {
    let (mut lines, mut at, mut previous) = (0, 0, first.to_owned());
    while let Some(length) = whole(&bytes[at..]) {
        let line = &bytes[at..at + length];
        let fields: Vec<&[u8]> = line.splitn(5, |&byte| byte == b' ').collect();
        let number = std::str::from_utf8(fields[2]).ok().and_then(|text| text.parse().ok());
        if number != Some(lines as u64) || fields[3] != previous.as_bytes() {
            return End { lines, bytes: at, torn: Some(false) };
        }
        previous = Digest::of(line).to_string().replace("sha256:", "");
        (lines, at) = (lines + 1, at + length);
    }
    End { lines, bytes: at, torn: torn(&bytes[at..], at) }
}

/// Tells how long the line is that begins here, if it is whole: its checksum,
/// its length and its fields fit.
fn whole(bytes: &[u8]) -> Option<usize> {
    if bytes.get(8) != Some(&b' ') {
        return None;
    }
    let length = 1 + bytes.iter().position(|&byte| byte == b'\n')?;
    let text = std::str::from_utf8(&bytes[..length - 1]).ok()?;
    let (crc, body) = text.split_once(' ')?;
    let fields: Vec<&str> = body.splitn(4, ' ').collect();
    let [size, number, previous, json] = fields[..] else { return None };
    let fits = crc == format!("{:08x}", crc32(body.as_bytes()))
        && size.len() <= 20
        && number.len() <= 20
        && previous.len() <= 64
        && size.parse() == Ok(json.len())
        && number.parse::<u64>().is_ok();
    fits.then_some(length)
}

fn torn(rest: &[u8], begin: usize) -> Option<bool> {
    if rest.is_empty() {
        return Some(true);
    }
    let line = 1 + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len() - 1);
    if line == rest.len() && (1..rest.len()).all(|at| whole(&rest[at..]).is_none()) {
        return Some(begin > 0 || rest.len() <= 4_096);
    }
    let lost = (0..line).any(|at| {
        let zeros = rest[..=at].iter().rev().take_while(|&&byte| byte == 0).count();
        (begin + at + 1).is_multiple_of(512) && (zeros > 1 || (zeros == 1 && at == 0))
    });
    if begin == 0 || !lost {
        return Some(false);
    }
    let mut synced = Some(false);
    for line in rest.split_inclusive(|&byte| byte == b'\n') {
        let start = line.iter().rposition(|&byte| byte == 0).map_or(0, |zero| zero + 1);
        if whole(&line[start..]).is_none() {
            continue;
        }
        match synced {
            Some(true) => return Some(false),
            None => return None,
            Some(false) => synced = is_synced(&line[start..]),
        }
    }
    Some(true)
}

/// Tells whether a record is one that is synced at once; `None` if it may not be
/// a record at all.
fn is_synced(line: &[u8]) -> Option<bool> {
    let json = std::str::from_utf8(line).ok()?.splitn(5, ' ').nth(4)?;
    let synced = ["{\"node\":{\"committed\":", "{\"run\":{\"stopped\":", "{\"node\":{\"started\":"];
    if serde_json::from_str::<Heartbeat>(json).is_ok() {
        return Some(false);
    }
    synced.iter().any(|word| json.contains(word)).then_some(true)
}

/// The one record that is known well enough here.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its form is of interest")]
struct Heartbeat {
    at_ms: u64,
    time: u64,
    event: Beat,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Beat {
    Run(Only),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Only {
    Heartbeat,
}

/// The checksum of IEEE 802.3, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}

/// Writes a line around a record's JSON, with all that belongs there.
#[must_use]
pub fn line(number: usize, previous: &str, json: &str) -> Vec<u8> {
    let body = format!("{} {number} {previous} {json}", json.len());
    format!("{:08x} {body}\n", crc32(body.as_bytes())).into_bytes()
}
