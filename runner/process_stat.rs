//! What the kernel says of a process in /proc/PID/stat (proc_pid_stat(5)).
//!
//! Read at each start of a process, so with as few calls as can be. Unaware of
//! who started it and why.

use std::fs::File;
use std::io::{self, Read as _};

/// What is read of it.
pub(crate) struct Stat {
    /// `Z` and `X` are processes that have ended.
    pub(crate) state: char,
    /// The number of its session.
    pub(crate) session: u32,
    /// When it started, in clock ticks after boot.
    pub(crate) start_ticks: u64,
}

/// Reads /proc/PID/stat. The name may hold spaces and parentheses, so fields
/// are counted behind its last `)`.
///
/// # Errors
/// Fails when there is no such process.
pub(crate) fn stat(pid: u32) -> io::Result<Stat> {
    // The kernel gives all of it at once, some 300 bytes.
    let mut text = [0; 2_048];
    let length = File::open(format!("/proc/{pid}/stat"))?.read(&mut text)?;
    let text = String::from_utf8_lossy(&text[..length]);
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next().and_then(|field| field.chars().next());
    // State is field 3, the session field 6, the start time field 22.
    let session = fields.nth(2).and_then(|field| field.parse().ok());
    let start_ticks = fields.nth(15).and_then(|field| field.parse().ok());
    match (state, session, start_ticks) {
        (Some(state), Some(session), Some(start_ticks)) => Ok(Stat { state, session, start_ticks }),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("/proc/{pid}/stat: unknown form"),
        )),
    }
}
