//! Decides whether the host has room for one more attempt or gate.
//!
//! Looks at what is free just before a start, and at what the run has given
//! out. A start that must wait is tried again; what runs goes on. When nothing
//! runs that could make room, one is started with less, or the run is stopped:
//! it goes on another day. Unaware of how the host is looked at and of clocks:
//! it is given readings and moments.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use eufm_plan::{NodeIndex, Plan};

use crate::limits::RUNNER_BYTES;
use crate::size::Size;

/// The memory that is to be free before a start: 512 MiB, or the node's cap if
/// that is less.
const MEMORY_WANTED: u64 = 512 << 20;

/// The disk that is to be free where the state lies before a start: 1 GiB.
const DISK_WANTED: u64 = 1 << 30;

/// With less of both than this, 128 MiB, nothing is started at all.
const LEAST: u64 = 128 << 20;

/// Where all tasks of the host wait for memory a tenth of the last ten seconds,
/// it has none to give; in hundredths of a percent (PSI, `full avg10`).
const PRESSURE_MAX: u64 = 10_00;

/// How long a start takes to use the memory it was admitted for.
const SETTLING: Duration = Duration::from_secs(5);

/// How long to wait for room while nothing runs, before a start with less.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait for room while nothing runs, before the run is stopped.
const PATIENCE_MAX: Duration = Duration::from_secs(10 * 60);

/// How old a reading may be.
const FRESH: Duration = Duration::from_millis(100);

/// What the host has to give at one moment; `None` where it does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Room {
    /// Memory that can be had without swapping, in bytes.
    pub memory: Option<u64>,
    /// Free space where the state lies, in bytes.
    pub disk: Option<u64>,
    /// How much of the last ten seconds all tasks waited for memory, in
    /// hundredths of a percent.
    pressure: Option<u64>,
}

impl Room {
    /// Makes a reading.
    pub(crate) fn new(memory: Option<u64>, disk: Option<u64>, pressure: Option<u64>) -> Self {
        Self { memory, disk, pressure }
    }
}

/// The answer to a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It may begin; its end is told with this.
    Admitted(Ticket),
    /// It waits, for this reason.
    Held(Short),
    /// There will be no room: the run is to be stopped.
    GivenUp(Short),
}

/// Stands for one step that was admitted: a node may have two at once, one that
/// ends and the one that follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// What a step was admitted for.
#[derive(Debug, Clone, Copy)]
struct Grant {
    at: Duration,
    /// What it may not have taken of the host's memory yet.
    wanted: u64,
    /// What it was given of the run's memory.
    share: u64,
}

/// What there is too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Short {
    what: What,
    free: u64,
    wanted: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Memory,
    Disk,
    /// The host's tasks wait for memory.
    Pressure,
    /// The run's own budget on memory.
    Budget,
}

impl Short {
    /// Tells whether it is short of the same thing as another.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.what == other.what
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (free, wanted) = (Size(self.free), Size(self.wanted));
        match self.what {
            What::Memory => write!(f, "host is short of memory: {free} free, {wanted} wanted"),
            What::Disk => {
                write!(f, "host is short of disk for the state: {free} free, {wanted} wanted")
            }
            What::Pressure => write!(
                f,
                "host is short of memory: its tasks waited for it {} % of the last 10 s",
                self.free / 100
            ),
            What::Budget => {
                write!(f, "the run's memory is given out: {free} of it are left, {wanted} wanted")
            }
        }
    }
}

/// Admits the starts of one run.
pub(crate) struct Admission {
    look: Box<dyn FnMut() -> Room + Send>,
    /// The last reading, with its moment.
    last: Option<(Duration, Room)>,
    /// What the run may give out, and what a node without a cap gets of it.
    budget: Option<(u64, u64)>,
    caps: Vec<Option<u64>>,
    /// What the steps at work were admitted for.
    grants: BTreeMap<Ticket, Grant>,
    /// How many were admitted so far.
    admitted: u64,
    /// Since when a start waits while nothing runs.
    idle_since: Option<Duration>,
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").field("grants", &self.grants).finish_non_exhaustive()
    }
}

impl Admission {
    /// Makes the admission of a plan's run; `look` takes a reading of the host.
    pub(crate) fn new(plan: &Plan, look: impl FnMut() -> Room + Send + 'static) -> Self {
        let budget = plan.budget.memory.map(|bytes| {
            let all = bytes.0.saturating_sub(RUNNER_BYTES);
            (all, all / u64::from(plan.budget.parallel.max(1)))
        });
        Self {
            look: Box::new(look),
            last: None,
            budget,
            caps: plan.nodes.iter().map(|it| it.budget.memory.map(|bytes| bytes.0)).collect(),
            grants: BTreeMap::new(),
            admitted: 0,
            idle_since: None,
        }
    }

    /// Asks for a start at a node at a moment; `runs` tells whether anything
    /// does that could make room.
    pub(crate) fn ask(&mut self, node: NodeIndex, now: Duration, runs: bool) -> Answer {
        let cap = self.caps[node.get()];
        let short = self.budget_for(cap).or_else(|| self.host_for(cap, now));
        let Some(short) = short else { return self.admit(cap, now) };
        if runs {
            self.idle_since = None;
            return Answer::Held(short);
        }
        let waited = now.saturating_sub(*self.idle_since.get_or_insert(now));
        if waited >= PATIENCE && self.has_the_least(now) {
            return self.admit(cap, now);
        }
        if waited >= PATIENCE_MAX { Answer::GivenUp(short) } else { Answer::Held(short) }
    }

    /// Takes back what a step was admitted for: it has ended.
    pub(crate) fn release(&mut self, ticket: Ticket) {
        self.grants.remove(&ticket);
    }

    /// Takes a reading, or the last one if it is fresh.
    pub(crate) fn room(&mut self, now: Duration) -> Room {
        match self.last {
            Some((at, room)) if now.saturating_sub(at) < FRESH => room,
            _ => {
                let room = (self.look)();
                self.last = Some((now, room));
                room
            }
        }
    }

    fn admit(&mut self, cap: Option<u64>, now: Duration) -> Answer {
        self.idle_since = None;
        self.admitted += 1;
        let share = self.share(cap).unwrap_or(0);
        let ticket = Ticket(self.admitted);
        self.grants.insert(ticket, Grant { at: now, wanted: wanted(cap), share });
        Answer::Admitted(ticket)
    }

    /// What a node gets of the run's memory: its cap, or an equal part.
    fn share(&self, cap: Option<u64>) -> Option<u64> {
        self.budget.map(|(all, part)| cap.unwrap_or(part).min(all))
    }

    fn budget_for(&self, cap: Option<u64>) -> Option<Short> {
        let (all, _) = self.budget?;
        let free = all.saturating_sub(self.grants.values().map(|grant| grant.share).sum());
        let wanted = self.share(cap)?;
        (wanted > free).then_some(Short { what: What::Budget, free, wanted })
    }

    fn host_for(&mut self, cap: Option<u64>, now: Duration) -> Option<Short> {
        let room = self.room(now);
        let settles = |grant: &&Grant| now.saturating_sub(grant.at) < SETTLING;
        let promised: u64 = self.grants.values().filter(settles).map(|grant| grant.wanted).sum();
        let below = |what, free: Option<u64>, wanted: u64| {
            let free = free.filter(|free| *free < wanted)?;
            Some(Short { what, free, wanted })
        };
        let memory = room.memory.map(|bytes| bytes.saturating_sub(promised));
        let pressure = room.pressure.filter(|it| *it >= PRESSURE_MAX);
        below(What::Memory, memory, wanted(cap))
            .or_else(|| below(What::Disk, room.disk, DISK_WANTED))
            .or_else(|| pressure.map(|free| Short { what: What::Pressure, free, wanted: 0 }))
    }

    fn has_the_least(&mut self, now: Duration) -> bool {
        let room = self.room(now);
        let enough = |free: Option<u64>| free.is_none_or(|free| free >= LEAST);
        enough(room.memory) && enough(room.disk)
    }
}

/// The memory that is to be free for a node with this cap.
fn wanted(cap: Option<u64>) -> u64 {
    cap.map_or(MEMORY_WANTED, |cap| cap.min(MEMORY_WANTED))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use eufm_plan::units::Bytes;

    use super::*;
    use crate::state_test::{Sketch, plan_of};

    const GIB: u64 = 1 << 30;
    const PLENTY: Room = Room { memory: Some(64 * GIB), disk: Some(64 * GIB), pressure: Some(0) };

    /// An admission of four nodes, two at once, with a host that can be changed.
    fn admission(run: Option<u64>, cap: Option<u64>) -> (Admission, Arc<Mutex<Room>>) {
        let sketch = || Sketch { needs: Vec::new(), gates: 0, attempts: 1 };
        let mut plan = plan_of(&[sketch(), sketch(), sketch(), sketch()], 2);
        plan.budget.memory = run.map(Bytes);
        plan.nodes[0].budget.memory = cap.map(Bytes);
        let host = Arc::new(Mutex::new(PLENTY));
        let seen = Arc::clone(&host);
        (Admission::new(&plan, move || *seen.lock().unwrap()), host)
    }

    fn node(number: usize) -> NodeIndex {
        NodeIndex::new(number)
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[track_caller]
    fn admitted(answer: &Answer, why: &str) -> Ticket {
        match answer {
            Answer::Admitted(ticket) => *ticket,
            other => panic!("{}: {why}", said(other)),
        }
    }

    fn said(answer: &Answer) -> String {
        match answer {
            Answer::Admitted(_) => "admitted".to_owned(),
            Answer::Held(short) => format!("held: {short}"),
            Answer::GivenUp(short) => format!("given up: {short}"),
        }
    }

    #[test]
    fn a_host_with_room_admits() {
        let (mut admission, _) = admission(None, None);
        admitted(&admission.ask(node(0), at(0), false), "there is room");
        admitted(&admission.ask(node(1), at(0), true), "there is room");
    }

    #[test]
    fn each_thing_that_is_short_holds_a_start_with_its_reason() {
        let short = [
            (Room { memory: Some(310 << 20), ..PLENTY }, "memory: 310 MiB free, 512 MiB wanted"),
            (Room { disk: Some(GIB / 2), ..PLENTY }, "disk for the state: 512 MiB free, 1 GiB"),
            (Room { pressure: Some(23_17), ..PLENTY }, "waited for it 23 % of the last 10 s"),
        ];
        for (room, reason) in short {
            let (mut admission, host) = admission(None, None);
            *host.lock().unwrap() = room;
            let answer = said(&admission.ask(node(0), at(0), true));
            assert!(answer.starts_with("held: host is short of "), "{answer}");
            assert!(answer.contains(reason), "{answer}");
            *host.lock().unwrap() = PLENTY;
            admitted(&admission.ask(node(0), at(1), true), "there is room");
        }
        let (mut admission, host) = admission(None, None);
        *host.lock().unwrap() = Room::default();
        admitted(&admission.ask(node(0), at(0), true), "nothing is known");
    }

    #[test]
    fn a_small_cap_wants_no_more_than_itself() {
        let (mut admission, host) = admission(None, Some(100 << 20));
        *host.lock().unwrap() = Room { memory: Some(200 << 20), ..PLENTY };
        assert!(matches!(admission.ask(node(1), at(0), true), Answer::Held(_)));
        admitted(&admission.ask(node(0), at(0), true), "there is room");
    }

    #[test]
    fn starts_at_one_moment_do_not_count_the_same_memory_twice() {
        let (mut admission, host) = admission(None, None);
        *host.lock().unwrap() = Room { memory: Some(800 << 20), ..PLENTY };
        admitted(&admission.ask(node(0), at(0), true), "there is room");
        assert!(matches!(admission.ask(node(1), at(1), true), Answer::Held(_)));
        admitted(&admission.ask(node(1), at(6), true), "it is settled");
    }

    #[test]
    fn what_has_ended_takes_nothing_any_more() {
        let (mut admission, host) = admission(None, None);
        *host.lock().unwrap() = Room { memory: Some(800 << 20), ..PLENTY };
        for _ in 0..1_000 {
            let ticket = admitted(&admission.ask(node(0), at(0), true), "one after the other");
            admission.release(ticket);
        }
        // Two at one node: the end of the first takes nothing from the second.
        *host.lock().unwrap() = Room { memory: Some(1_300 << 20), ..PLENTY };
        let first = admitted(&admission.ask(node(0), at(1), true), "there is room for two");
        admitted(&admission.ask(node(0), at(1), true), "there is room for two");
        admission.release(first);
        *host.lock().unwrap() = Room { memory: Some(800 << 20), ..PLENTY };
        assert!(matches!(admission.ask(node(1), at(2), true), Answer::Held(_)));
    }

    #[test]
    fn the_runs_memory_is_given_out_once() {
        let all = 8 * GIB + RUNNER_BYTES;
        let (mut admission, _) = admission(Some(all), Some(6 * GIB));
        let first = admitted(&admission.ask(node(0), at(0), true), "there is room");
        let held = said(&admission.ask(node(1), at(0), true));
        assert_eq!(held, "held: the run's memory is given out: 2 GiB of it are left, 4 GiB wanted");
        admission.release(first);
        admitted(&admission.ask(node(1), at(0), true), "there is room");
        admitted(&admission.ask(node(2), at(0), true), "there is room");
        assert!(matches!(admission.ask(node(3), at(0), true), Answer::Held(_)));
    }

    #[test]
    fn a_cap_above_the_runs_is_no_reason_to_wait_for_ever() {
        let (mut admission, _) = admission(Some(GIB), Some(6 * GIB));
        admitted(&admission.ask(node(0), at(0), false), "there is room");
    }

    #[test]
    fn when_nothing_runs_one_is_started_with_less_or_the_run_is_given_up() {
        let (mut admission, host) = admission(None, None);
        *host.lock().unwrap() = Room { memory: Some(200 << 20), ..PLENTY };
        assert!(matches!(admission.ask(node(0), at(0), false), Answer::Held(_)));
        assert!(matches!(admission.ask(node(0), at(29), false), Answer::Held(_)));
        admitted(&admission.ask(node(0), at(30), false), "there is room");
        assert!(matches!(admission.ask(node(1), at(31), true), Answer::Held(_)), "only one");

        *host.lock().unwrap() = Room { memory: Some(100 << 20), ..PLENTY };
        assert!(matches!(admission.ask(node(1), at(40), false), Answer::Held(_)));
        assert!(matches!(admission.ask(node(1), at(639), false), Answer::Held(_)));
        let answer = said(&admission.ask(node(1), at(640), false));
        assert!(answer.starts_with("given up: host is short of memory: "), "{answer}");
    }

    #[test]
    fn time_during_which_something_ran_is_not_waited_in_vain() {
        let (mut admission, host) = admission(None, None);
        *host.lock().unwrap() = Room { memory: Some(10 << 20), ..PLENTY };
        assert!(matches!(admission.ask(node(0), at(0), false), Answer::Held(_)));
        assert!(matches!(admission.ask(node(0), at(590), true), Answer::Held(_)));
        assert!(matches!(admission.ask(node(0), at(601), false), Answer::Held(_)));
    }

    #[test]
    fn a_reading_serves_for_a_moment() {
        let looks = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&looks);
        let plan = plan_of(&[], 1);
        let mut admission = Admission::new(&plan, move || {
            *counted.lock().unwrap() += 1;
            PLENTY
        });
        for millis in [0, 50, 99, 100, 150, 1_000] {
            admission.room(Duration::from_millis(millis));
        }
        assert_eq!(*looks.lock().unwrap(), 3);
    }
}
