//! Tests of the journal against torn, damaged and foreign files.

use std::fs::File;
use std::io::{self, PipeReader, Read as _, Write as _};
use std::os::fd::OwnedFd;

use eufm_plan::{NodeIndex, Plan};
use tempfile::TempDir;

use super::line::{hexadecimal, seal};
use super::*;
use crate::event::{Event, NodeEvent, RunEvent};
use crate::gates::Verdict;
use crate::limits::{Facility, Level};
use crate::state_test::{Sketch, cached, commit, key, opened, plan_of};

/// A folder with a journal of a few records in it.
struct Fixture {
    dir: TempDir,
    bytes: Vec<u8>,
    /// Where each record begins, and the end.
    offsets: Vec<usize>,
    records: Vec<Record>,
}

fn plan_digest() -> Digest {
    Digest::of(b"plan")
}

fn locked() -> Locked {
    Locked { plan: plan().into(), digest: plan_digest() }
}

fn events() -> Vec<Event> {
    let node = NodeIndex::new(0);
    let at = |event| Event::Node(node, event);
    let (base, from, key) = (commit(2), commit(2), Some(key(1)));
    let started = NodeEvent::Started { attempt: 1, start: 1, base, from, key };
    let judged = NodeEvent::Judged {
        gate: "unit".to_owned(),
        verdict: Verdict::Fail,
        reason: "3 of 10 tests failed".to_owned(),
        // As hostile as an agent's output may be: a record in the text.
        feedback: Some("äöü \n00000000 2 3 4 {}\n \u{0} \"quoted\" \\".to_owned()),
        exceeded: Some("its memory budget is used up".to_owned()),
    };
    let facility =
        Facility { name: "memory".to_owned(), level: Level::Holds, how: "cgroup v2".to_owned() };
    vec![
        Event::Run(opened()),
        at(started),
        at(NodeEvent::Session { id: "0199".to_owned() }),
        Event::Run(RunEvent::Heartbeat),
        Event::Run(RunEvent::Limited { facilities: vec![facility] }),
        at(judged),
        at(NodeEvent::Committed { commit: commit(3) }),
        at(cached(commit(3), 1)),
        Event::Run(RunEvent::Stopped { reason: "signal 15".to_owned() }),
        Event::Run(RunEvent::Closed),
    ]
}

fn plan() -> Plan {
    plan_of(&[Sketch { needs: vec![], gates: 1, attempts: 1 }], 1)
}

fn records() -> Vec<Record> {
    let plan = plan();
    let times = 0_u64..;
    events().iter().zip(times).map(|(event, at)| record(&plan, event, at * 10, 100 + at)).collect()
}

impl Fixture {
    fn new() -> Self {
        Self::of(plan_digest(), &records())
    }

    fn of(plan: Digest, records: &[Record]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let mut journal = Journal::create(&path, plan).unwrap();
        let mut offsets = vec![0];
        for record in records {
            journal.append(record, Durability::Grouped).unwrap();
            offsets.push(usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap());
        }
        journal.sync().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        Self { dir, bytes, offsets, records: records.to_vec() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    /// The lines, their ends included.
    fn lines(&self) -> Vec<&[u8]> {
        self.bytes.split_inclusive(|&byte| byte == b'\n').collect()
    }

    fn put(&self, bytes: &[u8]) {
        std::fs::write(self.path(), bytes).unwrap();
    }

    /// Opens a file of these bytes; whatever comes of it, a file that is not
    /// accepted stays as it is, and reading alone never changes it.
    fn open(&self, bytes: &[u8]) -> Result<Recovered, JournalError> {
        self.put(bytes);
        let read = read(&self.path(), &locked());
        assert_eq!(std::fs::read(self.path()).unwrap(), bytes, "reading changed the file");
        let opened = Journal::open(&self.path(), &locked()).map(|(_, recovered)| recovered);
        let after = std::fs::read(self.path()).unwrap();
        match &opened {
            Ok(recovered) => {
                assert!(bytes.starts_with(&after), "what stays is what stood there");
                assert_eq!(after.len() as u64 + recovered.torn_bytes, bytes.len() as u64);
                assert_eq!(read.unwrap().records, recovered.records);
            }
            Err(error) => {
                assert_eq!(after, bytes, "a refused file was changed");
                assert_eq!(read.unwrap_err().to_string(), error.to_string());
            }
        }
        opened
    }

    /// Looks at bytes without a file, for where there are thousands.
    fn scan(&self, bytes: &[u8]) -> Result<Scan, JournalError> {
        accept(&self.path(), Scan::of(bytes, &locked()))
    }

    /// Opens bytes whose damage is to be found in the record `index`.
    fn assert_damaged(&self, bytes: &[u8], index: usize) {
        match self.open(bytes) {
            Err(JournalError::Damaged { offset, .. }) => {
                assert_eq!(offset, self.offsets[index] as u64, "the place");
            }
            other => panic!("not refused: {other:?}"),
        }
    }
}

#[test]
fn records_come_back_as_they_were_written() {
    let fixture = Fixture::new();
    let recovered = fixture.open(&fixture.bytes).unwrap();
    assert_eq!((recovered.torn_bytes, &recovered.records), (0, &fixture.records));
    let node = |name: &str| (name == "n0").then(|| NodeIndex::new(0));
    let back: Vec<Event> =
        recovered.records.into_iter().map(|record| event(record, node).unwrap()).collect();
    assert_eq!(back, events());
}

#[test]
fn a_record_of_a_node_that_is_not_in_the_plan_is_no_event() {
    let record = record(&plan(), &events()[1], 0, 0);
    assert_eq!(event(record, |_| None), None);
}

#[test]
fn a_cut_at_any_byte_costs_at_most_the_record_it_hits() {
    let fixture = Fixture::new();
    for length in 0..=fixture.bytes.len() {
        let whole = fixture.offsets.iter().filter(|&&end| end > 0 && end <= length).count();
        let found = fixture.scan(&fixture.bytes[..length]).unwrap();
        assert_eq!(found.records, fixture.records[..whole], "cut at {length}");
        assert_eq!(found.valid_bytes, fixture.offsets[whole]);
    }
}

#[test]
fn a_journal_that_was_cut_goes_on_as_if_it_had_not_been() {
    let fixture = Fixture::new();
    for length in 0..fixture.bytes.len() {
        fixture.put(&fixture.bytes[..length]);
        let (mut journal, recovered) = Journal::open(&fixture.path(), &locked()).unwrap();
        for record in &fixture.records[recovered.records.len()..] {
            journal.append(record, Durability::Grouped).unwrap();
        }
        drop(journal);
        assert_eq!(std::fs::read(fixture.path()).unwrap(), fixture.bytes, "cut at {length}");
    }
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let fixture = Fixture::new();
    let last = fixture.records.len() - 1;
    let (mut refused, mut torn) = (0, 0);
    for position in 0..fixture.bytes.len() {
        let hit = fixture.offsets.iter().rposition(|&start| start <= position).unwrap();
        for bit in [position % 8, (position + 3) % 8, (position + 5) % 8] {
            let mut bytes = fixture.bytes.clone();
            bytes[position] ^= 1 << bit;
            match fixture.scan(&bytes) {
                Err(JournalError::Damaged { offset, .. }) => {
                    assert_eq!(offset, fixture.offsets[hit] as u64, "byte {position} bit {bit}");
                    refused += 1;
                }
                Ok(found) => {
                    // It looks like a record that was being written.
                    assert_eq!(hit, last, "byte {position} bit {bit} went unnoticed");
                    assert_eq!(found.records, fixture.records[..last]);
                    torn += 1;
                }
                Err(error) => panic!("byte {position} bit {bit}: {error}"),
            }
        }
    }
    assert_eq!(refused + torn, 3 * fixture.bytes.len());
    assert!(torn <= 3 * (fixture.bytes.len() - fixture.offsets[last]));
}

#[test]
fn two_flipped_bits_in_two_last_records_are_no_torn_tail() {
    let fixture = Fixture::new();
    let last = fixture.records.len() - 1;
    let mut bytes = fixture.bytes.clone();
    for record in [last - 1, last] {
        bytes[fixture.offsets[record] + 100] ^= 1;
    }
    fixture.assert_damaged(&bytes, last - 1);
}

#[test]
fn a_line_that_is_missing_doubled_or_swapped_is_damage() {
    let fixture = Fixture::new();
    let count = fixture.records.len();
    for index in 0..count {
        let mut lines = fixture.lines();
        lines.insert(index, lines[index]);
        // Doubled at the end it stands whole where nothing should be.
        fixture.assert_damaged(&lines.concat(), index + 1);
        let mut lines = fixture.lines();
        lines.remove(index);
        if index + 1 < count {
            fixture.assert_damaged(&lines.concat(), index);
            let mut lines = fixture.lines();
            lines.swap(index, index + 1);
            fixture.assert_damaged(&lines.concat(), index);
        }
    }
}

#[test]
fn a_record_of_another_run_is_damage_wherever_it_stands() {
    let fixture = Fixture::new();
    let other = Fixture::of(Digest::of(b"another plan"), &records());
    for index in 0..fixture.records.len() {
        let mut lines = fixture.lines();
        lines[index] = other.lines()[index];
        fixture.assert_damaged(&lines.concat(), index);
        // Also as the last one, where a broken line would be a torn tail.
        fixture.assert_damaged(&lines[..=index].concat(), index);
    }
    fixture.assert_damaged(&other.bytes, 0);
}

#[test]
fn a_journal_without_a_whole_record_holds_nothing_to_lose() {
    let fixture = Fixture::new();
    for bytes in [&b""[..], b"garbage", b"garbage\n", &[0; 4_096], &[0xff; 100]] {
        let recovered = fixture.open(bytes).unwrap();
        assert_eq!(recovered.records, []);
        assert_eq!(recovered.torn_bytes, bytes.len() as u64);
    }
}

#[test]
fn garbage_that_is_more_than_one_first_record_is_damage() {
    let fixture = Fixture::new();
    for bytes in [&[0; 4_097][..], b"garbage\ngarbage", b"\n\n", b"garbage\n\n"] {
        fixture.assert_damaged(bytes, 0);
    }
    let behind = [b"garbage\n", fixture.bytes.as_slice()].concat();
    fixture.assert_damaged(&behind, 0);
    let zeros = vec![0; fixture.bytes.len() - fixture.offsets[1]];
    let zeroed_start = [&vec![0; fixture.offsets[1]], &fixture.bytes[fixture.offsets[1]..]];
    fixture.assert_damaged(&zeroed_start.concat(), 0);
    // Pages that were never written read as zeros: a torn tail.
    let zeroed_end = [&fixture.bytes[..fixture.offsets[1]], &zeros].concat();
    assert_eq!(fixture.open(&zeroed_end).unwrap().records, fixture.records[..1]);
}

#[test]
fn a_newer_journal_is_called_so_and_left_alone() {
    let fixture = Fixture::new();
    let unknown = seal(
        0,
        plan_digest(),
        &format!(r#"{{"format":{},"when":"now","fact":{{"run":"begun"}}}}"#, FORMAT + 1),
    );
    let mut newer = fixture.records[0].clone();
    newer.format = Some(FORMAT + 1);
    let known = seal(0, plan_digest(), &serde_json::to_string(&newer).unwrap());
    let elsewhere = seal(7, Digest::of(b"x"), &format!(r#"{{"format":{}}}"#, FORMAT + 1));
    for first in [&unknown, &known, &elsewhere] {
        for bytes in [first.clone(), [first.as_slice(), b"more\n"].concat()] {
            match fixture.open(&bytes) {
                Err(JournalError::Newer { found, .. }) if found == FORMAT + 1 => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_journal_of_the_format_before_is_read_and_gone_on_with() {
    let fixture = Fixture::new();
    let mut records = fixture.records[..1].to_vec();
    records[0].format = Some(FORMAT - 1);
    let old = Fixture::of(plan_digest(), &records);
    let (mut journal, recovered) = Journal::open(&old.path(), &locked()).unwrap();
    assert_eq!(recovered.records, records);
    // From here on it is of this format, which the version before must be told.
    let runner = crate::process::ProcessId { pid: 1, start_ticks: 1 };
    let taken_up = record(&plan(), &Event::Run(RunEvent::Resumed { runner, uncached: true }), 5, 6);
    assert_eq!(taken_up.format, Some(FORMAT));
    journal.append(&taken_up, Durability::Synced).unwrap();
    records.push(taken_up);
    assert_eq!(read(&old.path(), &locked()).unwrap().records, records);
}

#[test]
fn formats_that_nobody_reads_any_more_are_refused() {
    for format in [None, Some(0)] {
        let mut first = Fixture::new().records[0].clone();
        first.format = format;
        let old = Fixture::of(plan_digest(), &[first]);
        let error = read(&old.path(), &locked()).unwrap_err().to_string();
        assert!(error.contains("names no known format"), "{error}");
    }
}

#[test]
fn a_whole_record_that_is_not_understood_is_never_cut_off() {
    let fixture = Fixture::new();
    let last = fixture.records.len();
    let previous = Digest::of(fixture.lines()[last - 1]);
    for json in [
        r#"{"at_ms":1,"time":1,"event":{"run":"unheard_of"}}"#,
        r#"{"at_ms":1,"time":1,"event":{"run":"heartbeat"},"more":1}"#,
        r#"{"at_ms":-1,"time":1,"event":{"run":"heartbeat"}}"#,
        "{",
        "",
    ] {
        let bytes = [fixture.bytes.as_slice(), &seal(last as u64, previous, json)].concat();
        fixture.assert_damaged(&bytes, last);
    }
    let fits = r#"{"at_ms":1,"time":1,"event":{"run":"heartbeat"}}"#;
    let bytes = [fixture.bytes.as_slice(), &seal(last as u64, previous, fits)].concat();
    assert_eq!(fixture.open(&bytes).unwrap().records.len(), last + 1);
}

#[test]
fn a_record_with_a_wrong_number_or_length_is_damage_though_its_checksum_fits() {
    let fixture = Fixture::new();
    let last = fixture.records.len();
    let previous = Digest::of(fixture.lines()[last - 1]);
    let json = r#"{"at_ms":1,"time":1,"event":{"run":"heartbeat"}}"#;
    let misnumbered = seal(last as u64 + 1, previous, json);
    fixture.assert_damaged(&[fixture.bytes.as_slice(), &misnumbered].concat(), last);
    let body = format!("{} {last} {} {json}", json.len() + 1, hexadecimal(previous));
    let misjudged = format!("{:08x} {body}\n", crc32fast::hash(body.as_bytes()));
    let follower = seal(last as u64 + 1, Digest::of(misjudged.as_bytes()), json);
    let bytes = [fixture.bytes.as_slice(), misjudged.as_bytes(), &follower].concat();
    fixture.assert_damaged(&bytes, last);
}

#[test]
fn a_first_record_without_its_format_is_damage() {
    let fixture = Fixture::new();
    for format in [None, Some(0)] {
        let record = Record { format, ..fixture.records[0].clone() };
        let bytes = seal(0, plan_digest(), &serde_json::to_string(&record).unwrap());
        fixture.assert_damaged(&bytes, 0);
    }
}

#[test]
fn a_record_of_any_length_can_be_read_again() {
    let paths = (0..100_000).map(|number| format!("src/some/long/path/{number}.rs")).collect();
    let long = Event::Node(NodeIndex::new(0), NodeEvent::Conflicted { paths, reason: None });
    let mut records = records();
    records.push(record(&plan(), &long, 0, 0));
    let fixture = Fixture::of(plan_digest(), &records);
    assert!(fixture.bytes.len() > 2 << 20);
    assert_eq!(fixture.open(&fixture.bytes).unwrap().records, records);
    let torn = &fixture.bytes[..fixture.bytes.len() - 1];
    assert_eq!(fixture.open(torn).unwrap().records.len(), records.len() - 1);
}

#[test]
fn a_journal_is_created_once() {
    let fixture = Fixture::new();
    let error = Journal::create(&fixture.path(), plan_digest()).unwrap_err();
    assert!(error.to_string().contains(&fixture.path().display().to_string()), "{error}");
    assert_eq!(std::fs::read(fixture.path()).unwrap(), fixture.bytes);
}

/// A pipe that takes only a few bytes more and then fails instead of waiting,
/// as a full disk takes half a line.
fn almost_full_pipe() -> (PipeReader, File, usize) {
    let (reader, writer) = io::pipe().unwrap();
    let mut writer = File::from(OwnedFd::from(writer));
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    let mut size = 0;
    while let Ok(count) = writer.write(&[b'x'; 4_096]) {
        size += count;
    }
    (reader, writer, size)
}

#[test]
fn nothing_is_written_behind_half_a_record() {
    let (mut reader, writer, size) = almost_full_pipe();
    let path = Path::new("/nowhere/journal");
    let mut journal = Journal::of(path, Arc::new(writer), 0, plan_digest()).unwrap();
    let mut room = vec![0; 4_096];
    reader.read_exact(&mut room).unwrap();
    let paths = (0..2_000).map(|number| format!("path {number}")).collect();
    let long = Event::Node(NodeIndex::new(0), NodeEvent::Conflicted { paths, reason: None });
    let long = record(&plan(), &long, 0, 0);
    let error = journal.append(&long, Durability::Grouped).unwrap_err();
    assert!(matches!(error, JournalError::Io { .. }), "{error}");
    let mut drained = vec![0; size];
    reader.read_exact(&mut drained).unwrap();
    let half = drained.iter().filter(|&&byte| byte != b'x').count();
    assert!(half > 0, "the test wrote no half record");
    for durability in [Durability::Grouped, Durability::Synced] {
        let error = journal.append(&records()[0], durability).unwrap_err();
        assert!(matches!(error, JournalError::Failed { .. }), "{error}");
    }
    drop(journal);
    let mut rest = Vec::new();
    reader.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"", "something was written behind half a record");
}

#[test]
fn a_full_disk_is_told_with_its_reason_and_for_good() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let path = Path::new("/state/journal");
    let mut journal = Journal::of(path, Arc::new(full), 0, plan_digest()).unwrap();
    let first = journal.append(&records()[0], Durability::Synced).unwrap_err().to_string();
    assert!(first.starts_with("/state/journal: No space left on device"), "{first}");
    let second = journal.append(&records()[0], Durability::Synced).unwrap_err().to_string();
    assert!(second.contains("failed: No space left on device"), "{second}");
}

#[test]
fn a_failed_sync_is_told_and_nothing_follows_it() {
    // A pipe can be written and not synced.
    let (_reader, writer) = io::pipe().unwrap();
    let file = File::from(OwnedFd::from(writer));
    let mut journal =
        Journal::of(Path::new("/state/journal"), Arc::new(file), 0, plan_digest()).unwrap();
    for _ in 0..2 {
        let error = journal.append(&records()[0], Durability::Synced).unwrap_err();
        assert!(matches!(error, JournalError::Failed { .. }), "{error}");
    }
}

#[test]
fn a_sync_that_fails_behind_the_back_is_told_at_the_next_record() {
    let (_reader, writer) = io::pipe().unwrap();
    let file = File::from(OwnedFd::from(writer));
    let mut journal =
        Journal::of(Path::new("/state/journal"), Arc::new(file), 0, plan_digest()).unwrap();
    journal.append(&records()[0], Durability::Grouped).unwrap();
    // The end of the thread is the end of its last sync.
    journal.flusher.end();
    let error = journal.append(&records()[1], Durability::Grouped).unwrap_err();
    assert!(matches!(error, JournalError::Failed { .. }), "{error}");
}
