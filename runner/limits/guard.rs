//! Holds the limits of one process tree, from before its start to after its end.
//!
//! The kernel holds what it can; for the rest, and to learn what the kernel
//! did, the guard takes looks. It says which limit was passed and is unaware of
//! what is done about it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cgroup::Cell;
use super::usage::{self, Together};
use super::{Ceilings, Exceeded, Limits, Subject, shim};
use crate::monitor;
use crate::process::{Command, Exit, ProcessId};

/// How often a tree is looked at: what it takes in between it has taken.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// How often the host's threads are counted where the kernel does not hold the
/// processes of a tree: a fork bomb makes some thousands a second.
const COUNT_INTERVAL: Duration = Duration::from_millis(20);

/// How many processes more than its limit a tree may have until it was looked at, where
/// the kernel stops those of the user: else it would fail for a reason of its own.
const UNTIL_LOOKED_AT: u64 = 1_000;

/// How much longer than a look at its folders a tree is left alone after it: at
/// most a fiftieth of a processor goes into looking.
const DISK_REST: u32 = 50;

/// The signal of a write beyond the largest size of a file (signal(7)).
const SIGXFSZ: i32 = 25;

/// The guard of one process tree.
#[derive(Debug)]
pub(crate) struct Guard {
    subject: Subject,
    ceilings: Ceilings,
    cell: Cell,
    launcher: PathBuf,
    /// Whether the kernel holds memory and processes; else they are watched.
    holds: (bool, bool),
    together: Arc<Together>,
    counts: bool,
    /// How many threads the host had at the last look.
    threads_before: u64,
    /// When it was last looked at as a whole.
    looked: Instant,
    /// What its folders had before it began, in bytes.
    disk_before: u64,
    disk_due: Instant,
}

impl Guard {
    pub(super) fn new(limits: &Limits, subject: Subject) -> io::Result<Self> {
        let processes = (!subject.trusted).then_some(limits.ceilings.processes);
        let cell = limits.groups.cell(&subject.name, subject.memory, processes)?;
        let mut guard = Self {
            ceilings: limits.ceilings,
            cell,
            launcher: limits.launcher.clone(),
            holds: (limits.groups.memory.is_some(), limits.groups.pids.is_some()),
            together: Arc::clone(&limits.together),
            counts: limits.counts,
            threads_before: usage::threads_of_host().unwrap_or(0),
            looked: Instant::now(),
            disk_before: 0,
            disk_due: Instant::now(),
            subject,
        };
        guard.disk_before = guard.look_at_disk();
        Ok(guard)
    }

    /// Puts a command behind the shim that takes the limits upon itself.
    #[must_use]
    pub(crate) fn command(&self, command: Command) -> Command {
        let file = (!self.subject.trusted).then_some(self.ceilings.file_bytes);
        let by_user = self.counts && !self.holds.1 && !self.subject.trusted;
        // The kernel counts all processes of the user: so this is a wall behind
        // the looks, not the limit itself.
        let wall = |others: u64| others + 2 * self.ceilings.processes + UNTIL_LOOKED_AT;
        let processes = usage::threads_of_host().filter(|_| by_user).map(wall);
        shim::limited(&self.launcher, &self.cell.doors(), file, processes, command)
    }

    /// Returns the file that kills the tree at once, if this host has one.
    #[must_use]
    pub(crate) fn kill_file(&self) -> Option<PathBuf> {
        self.cell.kill_file()
    }

    /// Returns how long to wait until the next look.
    #[must_use]
    pub(crate) fn interval(&self) -> Duration {
        if self.watches_processes() { COUNT_INTERVAL } else { LOOK_INTERVAL }
    }

    /// Looks whether the tree has passed a limit.
    ///
    /// # Errors
    /// Fails when /proc cannot be read.
    pub(crate) fn look(&mut self, root: ProcessId) -> io::Result<Option<Exceeded>> {
        let threads = usage::threads_of_host().unwrap_or(0);
        if !self.is_due(threads, self.looked.elapsed()) {
            return Ok(None);
        }
        (self.looked, self.threads_before) = (Instant::now(), threads);
        if let Some(exceeded) = self.kernel_says() {
            return Ok(Some(exceeded));
        }
        if let Some(exceeded) = self.watch(root)? {
            return Ok(Some(exceeded));
        }
        Ok(self.disk())
    }

    /// Tells whether the tree is to be looked at as a whole, with so many threads on the
    /// host, so long after the last time.
    fn is_due(&self, threads: u64, since: Duration) -> bool {
        let grown = threads.saturating_sub(self.threads_before);
        let may_be_many = self.watches_processes() && grown > self.ceilings.processes;
        since >= LOOK_INTERVAL || may_be_many
    }

    /// Says which limit a tree has passed that ended by itself.
    #[must_use]
    pub(crate) fn after(&self, exit: Exit) -> Option<Exceeded> {
        let is_file = matches!(exit, Exit::Signal(SIGXFSZ)) || exit == Exit::Status(128 + SIGXFSZ);
        let file = Exceeded::File { cap: self.ceilings.file_bytes };
        self.kernel_says().or_else(|| (is_file && !self.subject.trusted).then_some(file))
    }

    /// Ends what is left of the tree, and what the kernel keeps for it.
    ///
    /// # Errors
    /// Fails when something does not die.
    pub(crate) fn close(&self) -> io::Result<()> {
        self.together.forget(&self.subject.name);
        self.cell.remove()
    }

    /// Asks the kernel what it has refused or ended.
    fn kernel_says(&self) -> Option<Exceeded> {
        if self.cell.memory_kills() > 0 {
            let used = self.cell.memory_peak();
            return Some(match (self.subject.memory, self.together.cap()) {
                // Killed below its own limit, it was for that of all.
                (Some(cap), shared)
                    if shared.is_none() || used.is_none_or(|it| it >= nearly(cap)) =>
                {
                    Exceeded::Memory { used: used.unwrap_or(cap), cap }
                }
                (_, Some(cap)) => Exceeded::Together { used: used.unwrap_or(cap), cap },
                (_, None) => Exceeded::Memory { used: used.unwrap_or(0), cap: used.unwrap_or(0) },
            });
        }
        let cap = self.ceilings.processes;
        (self.cell.refused_processes() > 0).then_some(Exceeded::Processes { cap })
    }

    fn watches_processes(&self) -> bool {
        !self.holds.1 && !self.subject.trusted
    }

    /// Looks for itself at what the kernel does not hold.
    fn watch(&self, root: ProcessId) -> io::Result<Option<Exceeded>> {
        let is_limited = self.subject.memory.is_some() || self.together.cap().is_some();
        let of_memory = !self.holds.0 && is_limited;
        let of_processes = self.watches_processes();
        if !of_memory && !of_processes {
            return Ok(None);
        }
        let tree = monitor::tree(root)?;
        let cap = self.ceilings.processes;
        if of_processes && tree.sample().threads > cap {
            return Ok(Some(Exceeded::Processes { cap }));
        }
        if !of_memory {
            return Ok(None);
        }
        let enough = match self.together.cap() {
            // The sum of all has to be right, not only its own.
            Some(_) => 0,
            None => self.subject.memory.unwrap_or(u64::MAX),
        };
        let files = if self.subject.trusted { 0 } else { usage::files_in_memory(root) };
        let used = usage::memory(&tree, files, enough);
        if let Some(cap) = self.subject.memory.filter(|cap| used > *cap) {
            return Ok(Some(Exceeded::Memory { used, cap }));
        }
        let goes = self.together.note(&self.subject.name, used);
        Ok(self.together.cap().filter(|_| goes).map(|cap| Exceeded::Together { used, cap }))
    }

    fn disk(&mut self) -> Option<Exceeded> {
        if self.subject.folders.is_empty() || Instant::now() < self.disk_due {
            return None;
        }
        let used = self.look_at_disk().saturating_sub(self.disk_before);
        let cap = self.ceilings.disk_bytes;
        (used > cap).then_some(Exceeded::Disk { used, cap })
    }

    fn look_at_disk(&mut self) -> u64 {
        let started = Instant::now();
        let bytes = usage::disk(&self.subject.folders);
        let rest = started.elapsed() * DISK_REST;
        self.disk_due = Instant::now() + rest.max(Duration::from_secs(1));
        bytes
    }
}

/// A peak that close to a limit has met it: the kernel counts in batches.
fn nearly(cap: u64) -> u64 {
    cap - cap / 32
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::limits::Groups;

    fn limits(cap_of_all: Option<u64>) -> Limits {
        let ceilings = Ceilings { processes: 100, ..Ceilings::default() };
        let (launcher, groups) = (PathBuf::from("/bin/true"), Groups::default());
        let together = Arc::new(Together::new(cap_of_all));
        Limits { launcher, groups, ceilings, together, counts: false }
    }

    fn subject(trusted: bool, memory: Option<u64>) -> Subject {
        Subject { name: "n".to_owned(), memory, trusted, ..Subject::default() }
    }

    fn guard(trusted: bool) -> Guard {
        let guard = limits(None).guard(subject(trusted, Some(1)));
        guard.expect("no kernel is asked").expect("its memory is limited")
    }

    #[test]
    fn the_kernel_counts_the_processes_of_all_users_but_root() {
        let run = tempfile::tempdir().expect("a temporary folder");
        let limits = Limits::open(Path::new("/bin/false"), run.path(), Ceilings::default(), None);
        let facilities = limits.expect("opened").facilities();
        let is_counted = facilities.iter().any(|it| it.how.contains("RLIMIT_NPROC"));
        assert_eq!(is_counted, !rustix::process::geteuid().is_root());
        crate::limits::clear(run.path()).expect("cleared");
    }

    #[test]
    fn only_a_trusted_command_without_any_cap_on_memory_has_no_guard() {
        let has_guard = |cap_of_all, trusted, memory| {
            let guard = limits(cap_of_all).guard(subject(trusted, memory));
            guard.expect("no kernel is asked").is_some()
        };
        assert!(!has_guard(None, true, None));
        assert!(has_guard(Some(1), true, None) && has_guard(None, true, Some(1)));
        assert!(has_guard(None, false, None) && has_guard(Some(1), false, Some(1)));
    }

    #[test]
    fn a_tree_is_looked_at_from_time_to_time_and_when_there_may_be_many_processes() {
        let mut own = guard(false);
        own.threads_before = 1_000;
        let soon = LOOK_INTERVAL / 2;
        assert!(!own.is_due(1_100, soon) && own.is_due(1_101, soon));
        assert!(!own.is_due(900, LOOK_INTERVAL - Duration::from_nanos(1)));
        assert!(own.is_due(900, LOOK_INTERVAL));
        let mut trusted = guard(true);
        trusted.threads_before = 0;
        assert!(!trusted.is_due(1_000, soon));
    }

    #[test]
    fn what_a_tree_has_taken_is_found_when_it_is_looked_at() {
        let own = ProcessId::current().expect("it runs");
        let mut guard = guard(true);
        assert!(guard.look(own).expect("looked").is_none(), "it was looked at just now");
        guard.looked =
            Instant::now().checked_sub(LOOK_INTERVAL).expect("the host is up for longer");
        let found = guard.look(own).expect("looked");
        assert!(matches!(found, Some(Exceeded::Memory { cap: 1, .. })), "{found:?}");
    }
}
