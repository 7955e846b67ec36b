//! The journal on a disk that loses power, and on one that fails.
//!
//! The simulated disk keeps, since the last sync, what the file held after each
//! operation. At a power loss every block of it comes from one of these moments,
//! whichever a seed decides: so writes are lost, reordered and torn, and blocks
//! that were never written read as zeros. What was synced stays.

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};
use std::thread::ThreadId;

use eufm_plan::{NodeIndex, Plan};

use super::line::seal;
use super::*;
use crate::event::{Event, NodeEvent, RunEvent};
use crate::gates::Verdict;
use crate::scheduler_world::{Dice, mix};
use crate::state_test::{Sketch, commit, opened, plan_of};

/// How the operation fails whose turn has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The power fails before it, and nothing happens any more.
    Power,
    /// The system refuses it with this number of errno(3).
    Error(i32),
    /// A write takes a part and then fails; anything else fails.
    Short(i32),
}

const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const EROFS: i32 = 30;

#[derive(Debug, Default)]
struct Platter {
    /// Whether the file is there, and whether its entry is on the disk.
    is_there: (bool, bool),
    /// What the file held when it was last synced, and after each operation since.
    moments: Vec<Vec<u8>>,
    /// How many operations there were; the one with the fault's number fails.
    operations: usize,
    fault: Option<(usize, Fault)>,
    /// How many operations changed the file after one had failed.
    changes_after_failure: usize,
    has_failed: bool,
}

/// A disk of one file. Only its owner's syncs count: the journal's own thread
/// syncs when it likes, and a seed must decide.
#[derive(Debug, Clone)]
struct SimDisk {
    platter: Arc<Mutex<Platter>>,
    owner: ThreadId,
}

impl SimDisk {
    fn new() -> Self {
        let platter = Platter { moments: vec![Vec::new()], ..Platter::default() };
        Self { platter: Arc::new(Mutex::new(platter)), owner: std::thread::current().id() }
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.platter.lock().unwrap()
    }

    fn fail_at(&self, operation: usize, fault: Fault) {
        self.platter().fault = Some((operation, fault));
    }

    /// Mends the disk; what the system holds in memory stays.
    fn mend(&self) {
        let mut platter = self.platter();
        platter.fault = None;
        (platter.has_failed, platter.changes_after_failure) = (false, 0);
    }

    fn content(&self) -> Vec<u8> {
        self.platter().moments.last().unwrap().clone()
    }

    /// Takes the power away: what is left is what a seed decides.
    fn lose_power(&self, dice: &mut Dice) {
        self.mend();
        let mut platter = self.platter();
        if !platter.is_there.1 && dice.one_in(2) {
            platter.is_there.0 = false;
        }
        platter.is_there.1 = platter.is_there.0;
        let left = if platter.is_there.0 { mixed(&platter.moments, dice) } else { Vec::new() };
        platter.moments = vec![left];
    }
}

/// Takes each block from one of the moments.
fn mixed(moments: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let block = if dice.one_in(2) { 512 } else { 4_096 };
    let length = moments[dice.below(moments.len())].len();
    let mut left = Vec::new();
    while left.len() < length {
        let moment = &moments[dice.below(moments.len())];
        let end = (left.len() + block).min(length);
        let from = moment.get(left.len()..).unwrap_or_default();
        left.extend(&from[..from.len().min(end - left.len())]);
        left.resize(end, 0);
    }
    left
}

impl Platter {
    /// Counts an operation; the one whose turn it is fails.
    fn operate(&mut self) -> io::Result<()> {
        self.operations += 1;
        match self.fault {
            Some((turn, Fault::Power)) if self.operations > turn => Err(io::Error::other("power")),
            Some((turn, Fault::Error(number) | Fault::Short(number)))
                if self.operations == turn + 1 =>
            {
                self.has_failed = true;
                Err(io::Error::from_raw_os_error(number))
            }
            _ => Ok(()),
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        self.changes_after_failure += usize::from(self.has_failed);
        let mut next = self.moments.last().unwrap().clone();
        change(&mut next);
        self.moments.push(next);
    }
}

impl Disk for SimDisk {
    fn create(&self) -> io::Result<Arc<dyn DiskFile>> {
        let mut platter = self.platter();
        platter.operate()?;
        assert!(!platter.is_there.0, "created twice");
        platter.is_there.0 = true;
        Ok(Arc::new(self.clone()))
    }

    fn open(&self) -> io::Result<Arc<dyn DiskFile>> {
        let mut platter = self.platter();
        platter.operate()?;
        if !platter.is_there.0 {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Arc::new(self.clone()))
    }

    fn sync_folder(&self) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operate()?;
        platter.is_there.1 = platter.is_there.0;
        Ok(())
    }
}

impl DiskFile for SimDisk {
    fn read(&self) -> io::Result<Vec<u8>> {
        self.platter().operate()?;
        Ok(self.content())
    }

    fn append(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut platter = self.platter();
        let part = match platter.fault {
            Some((turn, Fault::Short(number))) if turn == platter.operations => {
                // The next operation fails, which is the one for the rest.
                platter.fault = Some((turn + 1, Fault::Error(number)));
                bytes.len() / 2
            }
            _ => bytes.len(),
        };
        platter.operate()?;
        platter.change(|content| content.extend(&bytes[..part]));
        Ok(part)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut platter = self.platter();
        platter.operate()?;
        platter.change(|content| content.truncate(usize::try_from(length).unwrap()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        if std::thread::current().id() != self.owner {
            return Ok(());
        }
        let mut platter = self.platter();
        platter.operate()?;
        let last = platter.moments.pop().unwrap();
        platter.moments = vec![last];
        Ok(())
    }
}

fn plan() -> Plan {
    plan_of(&[Sketch { needs: vec![], gates: 1, attempts: 1 }], 1)
}

fn plan_digest() -> Digest {
    Digest::of(b"plan")
}

fn locked() -> Locked {
    Locked { plan: plan().into(), digest: plan_digest() }
}

fn place() -> &'static Path {
    Path::new("/state/runs/world-1/journal")
}

/// Makes a record of any kind and length.
fn some_record(dice: &mut Dice, number: usize) -> Record {
    let at = |event| Event::Node(NodeIndex::new(0), event);
    let event = match dice.below(8) {
        _ if number == 0 => Event::Run(opened()),
        0 => Event::Run(RunEvent::Heartbeat),
        1 => Event::Run(RunEvent::Stopped { reason: "signal 15".to_owned() }),
        2 | 3 => at(NodeEvent::Session { id: "x".repeat(dice.below(300)) }),
        4 => at(NodeEvent::Committed { commit: commit(number as u64) }),
        5 => at(NodeEvent::Judged {
            gate: "unit".to_owned(),
            verdict: Verdict::Fail,
            reason: "3 of 10 tests failed".to_owned(),
            feedback: Some("said\n\u{0}\u{0}\n".repeat(dice.below(300))),
            exceeded: dice.below(2).checked_sub(1).map(|_| "its disk is used up".to_owned()),
        }),
        _ => at(NodeEvent::Interrupted { salvage: None }),
    };
    record(&plan(), &event, number as u64, dice.0)
}

/// A journal's owner that remembers what it was promised.
#[derive(Default)]
struct Owner {
    /// All records that it has handed over.
    told: Vec<Record>,
    /// How many of them were acknowledged as being on the disk.
    synced: usize,
}

impl Owner {
    /// Takes the journal up, or begins it, and checks what it holds.
    fn open(&mut self, disk: &SimDisk) -> Result<Journal, JournalError> {
        let is_there = disk.platter().is_there.0;
        if !is_there {
            assert_eq!(self.synced, 0, "the journal is gone with {} records", self.synced);
            self.told.clear();
            return Journal::create_on(disk, place(), plan_digest());
        }
        let (journal, recovered) = Journal::open_on(disk, place(), &locked())?;
        let count = recovered.records.len();
        assert!(count >= self.synced, "{} were synced, {count} are left", self.synced);
        assert!(count <= self.told.len(), "{count} of {} were read", self.told.len());
        assert_eq!(recovered.records, self.told[..count], "something false was read");
        self.told.truncate(count);
        self.synced = count;
        Ok(journal)
    }

    /// Hands records over until something fails.
    fn work(&mut self, journal: &mut Journal, count: usize, dice: &mut Dice) {
        for _ in 0..count {
            let record = some_record(dice, self.told.len());
            self.told.push(record.clone());
            let appended = journal.append(&record, record.durability(None));
            let synced = match appended {
                Ok(()) if record.durability(None) == Durability::Synced => true,
                Ok(()) => dice.one_in(6) && journal.sync().is_ok(),
                Err(_) => return,
            };
            if synced {
                self.synced = self.told.len();
            }
        }
    }
}

/// How many seeds there are; each is a journal of several lives.
const SEEDS: u64 = 10_000;

#[test]
fn what_was_synced_survives_any_power_loss() {
    let (mut lost, mut torn) = (0, 0);
    for seed in 0..SEEDS {
        let mut dice = Dice(mix(&[seed, 31]));
        let (disk, mut owner) = (SimDisk::new(), Owner::default());
        for _ in 0..3 {
            let turn = disk.platter().operations + dice.below(24);
            disk.fail_at(turn, Fault::Power);
            if let Ok(mut journal) = owner.open(&disk) {
                owner.work(&mut journal, 1 + dice.below(10), &mut dice);
            }
            disk.lose_power(&mut dice);
            let told = owner.told.len();
            let held = disk.content();
            let journal = owner.open(&disk);
            drop(journal.unwrap_or_else(|error| panic!("seed {seed}: {error}")));
            lost += told - owner.told.len();
            torn += usize::from(held.len() > disk.content().len());
        }
    }
    assert!(lost > 1_000 && torn > 1_000, "dull: {lost} records lost, {torn} tails torn");
}

/// Runs a fixed story with one operation that fails, and mends the disk then.
/// Returns whether the fault was met.
fn fail_once(turn: usize, fault: Fault, begin: &dyn Fn() -> SimDisk, told: &[Record]) -> bool {
    let (disk, mut owner) = (begin(), Owner::default());
    owner.told = told.to_vec();
    let turn = disk.platter().operations + turn;
    disk.fail_at(turn, fault);
    let mut dice = Dice(7);
    match owner.open(&disk) {
        Ok(mut journal) => {
            owner.work(&mut journal, 10, &mut dice);
            if !disk.platter().has_failed {
                return false;
            }
            for durability in [Durability::Grouped, Durability::Synced] {
                let next = some_record(&mut dice, 1);
                let error = journal.append(&next, durability).unwrap_err().to_string();
                assert!(error.contains("a write or a sync failed: "), "{error}");
            }
        }
        Err(error) => {
            let error = error.to_string();
            assert!(error.starts_with("/state/runs/world-1/journal: "), "{error}");
        }
    }
    assert_eq!(disk.platter().changes_after_failure, 0, "operation {turn}, {fault:?}");
    disk.mend();
    let mut journal = owner.open(&disk).unwrap();
    owner.work(&mut journal, 3, &mut dice);
    drop(journal);
    owner.open(&disk).unwrap();
    true
}

#[test]
fn after_a_failure_nothing_is_appended_and_the_state_is_as_before() {
    for number in [ENOSPC, EIO, EROFS] {
        for fault in [Fault::Error(number), Fault::Short(number)] {
            let mut turn = 0;
            while fail_once(turn, fault, &SimDisk::new, &[]) {
                turn += 1;
            }
            assert!(turn > 12, "the story has {turn} operations");
        }
    }
}

#[test]
fn a_torn_journal_that_cannot_be_mended_is_left_and_mended_later() {
    let mut owner = Owner::default();
    let disk = SimDisk::new();
    let mut journal = owner.open(&disk).unwrap();
    owner.work(&mut journal, 5, &mut Dice(3));
    drop(journal);
    let bytes = disk.content();
    let torn = || {
        let disk = SimDisk::new();
        let mut platter = disk.platter();
        platter.is_there = (true, true);
        platter.moments = vec![bytes[..bytes.len() - 9].to_vec()];
        drop(platter);
        disk
    };
    for number in [ENOSPC, EIO, EROFS] {
        // Open, read, cut, sync, sync the folder.
        for turn in 0..5 {
            assert!(fail_once(turn, Fault::Error(number), &torn, &owner.told), "{turn}");
        }
    }
}

#[test]
fn a_disk_that_takes_a_record_in_parts_gets_all_of_it() {
    #[derive(Debug)]
    struct Slow(SimDisk);
    impl DiskFile for Slow {
        fn read(&self) -> io::Result<Vec<u8>> {
            self.0.read()
        }
        fn append(&self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.platter().operations.is_multiple_of(3) {
                self.0.platter().operations += 1;
                return Err(io::ErrorKind::Interrupted.into());
            }
            self.0.append(&bytes[..bytes.len().min(7)])
        }
        fn truncate(&self, length: u64) -> io::Result<()> {
            self.0.truncate(length)
        }
        fn sync(&self) -> io::Result<()> {
            self.0.sync()
        }
    }
    let disk = SimDisk::new();
    disk.create().unwrap();
    let mut journal = Journal::of(place(), Arc::new(Slow(disk.clone())), 0, plan_digest()).unwrap();
    let mut owner = Owner::default();
    owner.work(&mut journal, 6, &mut Dice(5));
    assert_eq!(owner.open(&disk).map(|_| owner.told.len()).unwrap(), 6);
}

#[test]
fn a_disk_that_takes_nothing_is_an_error() {
    #[derive(Debug)]
    struct Deaf;
    impl DiskFile for Deaf {
        fn read(&self) -> io::Result<Vec<u8>> {
            Ok(Vec::new())
        }
        fn append(&self, _: &[u8]) -> io::Result<usize> {
            Ok(0)
        }
        fn truncate(&self, _: u64) -> io::Result<()> {
            Ok(())
        }
        fn sync(&self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut journal = Journal::of(place(), Arc::new(Deaf), 0, plan_digest()).unwrap();
    let record = some_record(&mut Dice(1), 0);
    journal.append(&record, Durability::Grouped).unwrap_err();
}

#[test]
fn a_lost_block_may_take_a_single_byte() {
    let session = |length| {
        let event = NodeEvent::Session { id: "x".repeat(length) };
        record(&plan(), &Event::Node(NodeIndex::new(0), event), 0, 0)
    };
    let begun = |length| {
        let (disk, mut owner) = (SimDisk::new(), Owner::default());
        let mut journal = owner.open(&disk).unwrap();
        for record in [some_record(&mut Dice(1), 0), session(length), session(7)] {
            journal.append(&record, Durability::Grouped).unwrap();
        }
        disk.content()
    };
    let second = |bytes: &[u8]| Scan::of(bytes, &locked()).offsets[2] as usize;
    let length = (0..512).find(|&length| second(&begun(length)) % 512 == 511).unwrap();
    let mut bytes = begun(length);
    let last = second(&bytes);
    let behind = seal(3, Digest::of(&bytes[last..]), "{}");
    bytes.extend(behind);
    bytes[last] = 0;
    let found = Scan::of(&bytes, &locked());
    assert_eq!((found.end, found.records.len()), (End::Torn, 2));
    // One zero elsewhere may be a blank with a bit flipped.
    bytes[last] = b'0';
    bytes[last + 9] = 0;
    let found = Scan::of(&bytes, &locked());
    assert!(matches!(found.end, End::Damaged(_)), "{:?}", found.end);
}

#[test]
fn a_block_that_is_missing_among_what_was_synced_is_damage() {
    let (disk, mut owner) = (SimDisk::new(), Owner::default());
    let mut journal = owner.open(&disk).unwrap();
    let mut dice = Dice(11);
    while disk.content().len() < 8_192 {
        owner.work(&mut journal, 1, &mut dice);
    }
    let last = some_record(&mut dice, 0);
    for _ in 0..2 {
        journal.append(&last, Durability::Synced).unwrap();
    }
    let bytes = disk.content();
    let scan = Scan::of(&bytes, &locked());
    assert_eq!(scan.end, End::Whole);
    for block in 0..bytes.len() / 512 - 2 {
        let mut bytes = bytes.clone();
        bytes[block * 512..(block + 1) * 512].fill(0);
        let found = Scan::of(&bytes, &locked());
        assert!(matches!(found.end, End::Damaged(_)), "block {block}: {:?}", found.end);
    }
}
