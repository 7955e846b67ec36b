//! What went over one passage: a line in `network.jsonl` for each connection
//! and refusal, and the sums of each host at the end.
//!
//! The lines are bounded, the sums are not cut: what is no longer written is
//! still counted. Unaware of HTTP and of who decides.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::meter::Count;

/// How many connections and refusals get a line of their own.
const LINES_MAX: usize = 10_000;

/// How many hosts have sums of their own; the others share those of `…`.
const HOSTS_MAX: usize = 1_000;

/// How many refusals a reason names.
const NAMED_MAX: usize = 3;

/// The host under which those beyond [`HOSTS_MAX`] are counted.
const OTHERS: &str = "…";

/// The record of one passage.
#[derive(Debug)]
pub(super) struct Record(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    lines: usize,
    failure: Option<io::Error>,
    sums: BTreeMap<(String, u16), Sums>,
    refusals: Vec<Refusal>,
    more_refusals: usize,
}

/// The sums of one host and port.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Sums {
    /// How many connections it had.
    pub connections: u64,
    /// How many more were refused.
    pub refused: u64,
    /// How many more could not be made.
    pub unreachable: u64,
    /// The bytes sent to it.
    pub bytes_sent: u64,
    /// The bytes received from it.
    pub bytes_received: u64,
}

/// Something that was asked for and refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Host and port.
    pub target: String,
    /// Why.
    pub reason: String,
}

/// Why a target is not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// It may not be.
    Refused,
    /// It may be, and does not answer.
    Unreachable,
}

/// What went over a passage, when it is closed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// Each thing that was refused, once, in the order of asking.
    pub refusals: Vec<Refusal>,
    /// How often something else was asked for and refused.
    pub more_refusals: usize,
}

impl Traffic {
    /// Says what was refused, for the reason of a failure; `None` for nothing.
    #[must_use]
    pub(crate) fn remark(&self) -> Option<String> {
        let named = self.refusals.iter().take(NAMED_MAX);
        let mut parts: Vec<String> =
            named.map(|refusal| format!("{}, {}", refusal.target, refusal.reason)).collect();
        let more = self.refusals.len().saturating_sub(NAMED_MAX) + self.more_refusals;
        if more > 0 {
            parts.push(format!("and {more} more"));
        }
        (!parts.is_empty()).then(|| format!("refused: {}", parts.join("; ")))
    }
}

#[derive(Serialize)]
struct Line<'a> {
    time: u64,
    host: &'a str,
    port: u16,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_sent: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_received: Option<u64>,
}

#[derive(Serialize)]
struct SumLine<'a> {
    host: &'a str,
    port: u16,
    outcome: &'a str,
    #[serde(flatten)]
    sums: Sums,
}

impl Record {
    /// Begins a record in a file, which is made or gone on with.
    ///
    /// # Errors
    /// Fails when the file cannot be opened.
    pub(super) fn start(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        let (sums, refusals) = (BTreeMap::new(), Vec::new());
        Ok(Self(Mutex::new(Inner {
            file,
            lines: 0,
            failure: None,
            sums,
            refusals,
            more_refusals: 0,
        })))
    }

    /// Notes a target that is not reached.
    pub(super) fn denied(&self, host: &str, port: u16, denied: Denied, reason: &str) {
        let mut inner = self.lock();
        let sums = inner.sums(host, port);
        let outcome = match denied {
            Denied::Refused => {
                sums.refused += 1;
                "refused"
            }
            Denied::Unreachable => {
                sums.unreachable += 1;
                "unreachable"
            }
        };
        let (bytes_sent, bytes_received) = (None, None);
        let time = crate::clock::unix_seconds();
        let reason_said = Some(reason);
        inner.line(&Line {
            time,
            host,
            port,
            outcome,
            reason: reason_said,
            bytes_sent,
            bytes_received,
        });
        if denied == Denied::Refused {
            inner.refuse(Refusal { target: format!("{host}:{port}"), reason: reason.to_owned() });
        }
    }

    /// Notes a connection that was made; its line is written when the
    /// returned guard is dropped.
    pub(super) fn connected(self: &Arc<Self>, host: &str, port: u16) -> Connected {
        let (record, count) = (Arc::clone(self), Arc::default());
        Connected { record, host: host.to_owned(), port, count }
    }

    /// Ends the record with the sums of each host.
    ///
    /// # Errors
    /// Fails when a line could not be written, now or before.
    pub(super) fn finish(&self) -> io::Result<Traffic> {
        let mut inner = self.lock();
        inner.lines = 0;
        for ((host, port), sums) in std::mem::take(&mut inner.sums) {
            inner.write(&SumLine { host: &host, port, outcome: "sum", sums });
        }
        match inner.failure.take() {
            Some(error) => Err(error),
            None => Ok(Traffic {
                refusals: std::mem::take(&mut inner.refusals),
                more_refusals: inner.more_refusals,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn sums(&mut self, host: &str, port: u16) -> &mut Sums {
        let key = (host.to_owned(), port);
        let is_full = self.sums.len() >= HOSTS_MAX && !self.sums.contains_key(&key);
        self.sums.entry(if is_full { (OTHERS.to_owned(), 0) } else { key }).or_default()
    }

    fn refuse(&mut self, refusal: Refusal) {
        if self.refusals.contains(&refusal) {
            return;
        }
        if self.refusals.len() < NAMED_MAX {
            self.refusals.push(refusal);
        } else {
            self.more_refusals += 1;
        }
    }

    fn line(&mut self, line: &Line<'_>) {
        self.lines += 1;
        if self.lines <= LINES_MAX {
            self.write(line);
        }
    }

    /// A full disk does not break what is under way; it is reported at the end.
    fn write(&mut self, line: &impl Serialize) {
        if self.failure.is_some() {
            return;
        }
        let mut bytes = serde_json::to_vec(line).unwrap_or_default();
        bytes.push(b'\n');
        self.failure = self.file.write_all(&bytes).err();
    }
}

/// A connection to a host, until it is dropped.
#[derive(Debug)]
pub(super) struct Connected {
    record: Arc<Record>,
    host: String,
    port: u16,
    count: Arc<Count>,
}

impl Connected {
    /// Returns where its bytes are counted.
    pub(super) fn count(&self) -> Arc<Count> {
        Arc::clone(&self.count)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let bytes_sent = self.count.sent.load(Ordering::Relaxed);
        let bytes_received = self.count.received.load(Ordering::Relaxed);
        let mut inner = self.record.lock();
        let sums = inner.sums(&self.host, self.port);
        sums.connections += 1;
        sums.bytes_sent += bytes_sent;
        sums.bytes_received += bytes_received;
        inner.line(&Line {
            time: crate::clock::unix_seconds(),
            host: &self.host,
            port: self.port,
            outcome: "connected",
            reason: None,
            bytes_sent: Some(bytes_sent),
            bytes_received: Some(bytes_received),
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn lines(path: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(path).expect("a log");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[test]
    fn every_connection_has_a_line_and_every_host_its_sums() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("network.jsonl");
        let record = Arc::new(Record::start(&path).expect("a file"));
        for bytes in [1, 2] {
            let connected = record.connected("a.example", 443);
            connected.count().sent.fetch_add(bytes, Ordering::Relaxed);
            connected.count().received.fetch_add(10 * bytes, Ordering::Relaxed);
        }
        record.denied("b.example", 80, Denied::Refused, "not in `network`");
        record.denied("b.example", 80, Denied::Refused, "not in `network`");
        record.denied("a.example", 443, Denied::Unreachable, "refused by the host");
        let traffic = record.finish().expect("written");
        assert_eq!(traffic.remark().as_deref(), Some("refused: b.example:80, not in `network`"));
        let lines = lines(&path);
        let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str()).collect();
        let (refused, sum) = (Some("refused"), Some("sum"));
        let connected = Some("connected");
        assert_eq!(
            outcomes,
            [connected, connected, refused, refused, Some("unreachable"), sum, sum]
        );
        assert_eq!(lines[1]["bytes_received"], json!(20));
        let sums = json!({"host": "a.example", "port": 443, "outcome": "sum", "connections": 2,
            "refused": 0, "unreachable": 1, "bytes_sent": 3, "bytes_received": 30});
        assert_eq!(lines[5], sums);
        assert_eq!(lines[6]["refused"], json!(2));
    }

    #[test]
    fn a_flood_is_counted_and_not_written() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("network.jsonl");
        let record = Arc::new(Record::start(&path).expect("a file"));
        for number in 0..LINES_MAX + 5 {
            record.denied(&format!("h{number}.example"), 80, Denied::Refused, "no");
        }
        let traffic = record.finish().expect("written");
        let remark = traffic.remark().expect("a remark");
        assert!(
            remark.ends_with(&format!("h2.example:80, no; and {} more", LINES_MAX + 2)),
            "{remark}"
        );
        let lines = lines(&path);
        assert_eq!(lines.len(), LINES_MAX + HOSTS_MAX + 1);
        let refused: u64 = lines[LINES_MAX..].iter().filter_map(|l| l["refused"].as_u64()).sum();
        assert_eq!(refused, LINES_MAX as u64 + 5);
    }

    #[test]
    fn nothing_refused_is_no_remark() {
        assert_eq!(Traffic::default().remark(), None);
    }
}
