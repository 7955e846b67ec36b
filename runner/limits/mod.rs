//! The limits on what an attempt or a gate may take, all its processes together.
//!
//! Memory and the number of processes are held by control groups where this
//! host lets us make some, else watched: whoever passes a limit is ended. The
//! size of files is held by the kernel, disk is watched. Which of these it is
//! stands in the run's journal. Unaware of nodes and of what runs.

pub(crate) mod capped;
mod cgroup;
mod exceeded;
mod guard;
mod mounts;
mod room;
mod shim;
mod survey;
mod usage;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use exceeded::Exceeded;
pub(crate) use guard::Guard;
pub(crate) use room::{meminfo_bytes, room};
pub use shim::{SUBCOMMAND, enter};
pub use survey::{Facility, Level, survey};

use cgroup::{Cell, Groups, Record};
use usage::Together;

use crate::process::Command;

// It is set aside, and the rest is what the run's processes may have together.
pub use eufm_plan::proof::RUNNER_BYTES;

/// The limits that every attempt and gate has, whatever its plan says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceilings {
    /// How many processes and threads may live at once.
    pub processes: u64,
    /// How large one file may be, in bytes.
    pub file_bytes: u64,
    /// How much its worktree and its sessions may grow on disk, in bytes.
    pub disk_bytes: u64,
}

impl Default for Ceilings {
    fn default() -> Self {
        Self { processes: 4096, file_bytes: 8 << 30, disk_bytes: 16 << 30 }
    }
}

/// How the limits of one run are held on this host.
#[derive(Debug)]
pub(crate) struct Limits {
    launcher: PathBuf,
    groups: Groups,
    ceilings: Ceilings,
    together: Arc<Together>,
    /// Whether the kernel counts the processes of a sandbox for RLIMIT_NPROC.
    counts: bool,
}

/// What is to be limited.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject {
    /// Its name, unique among what runs; a plain file name.
    pub name: String,
    /// How much memory it may have, in bytes.
    pub memory: Option<u64>,
    /// The folders that it can fill.
    pub folders: Vec<PathBuf>,
    /// Whether it is a trusted command: then only its memory is limited.
    pub trusted: bool,
}

impl Limits {
    /// Finds out how this host holds limits, by trying, and makes the groups of
    /// a run. `run` is the folder of the run's state, `memory` what all of it
    /// may have together, in bytes.
    ///
    /// # Errors
    /// Fails when the run's folder cannot be written or a limit cannot be set.
    pub(crate) fn open(
        launcher: &Path,
        run: &Path,
        ceilings: Ceilings,
        memory: Option<u64>,
    ) -> io::Result<Self> {
        let works = |cell: &Cell| {
            let command = shim::joining(launcher, &cell.doors(), Command::new("/bin/true"));
            command.output().is_ok_and(|output| output.exit.is_success())
        };
        let hierarchies =
            mounts::mounted(&read("/proc/self/mountinfo"), &read("/proc/self/cgroup"));
        let groups = Groups::make(&hierarchies, &group_name(run), &record(run), &works)?;
        let shared = memory.map(|bytes| bytes.saturating_sub(RUNNER_BYTES));
        if let Some(bytes) = shared {
            groups.limit_memory(bytes)?;
        }
        let together = Arc::new(Together::new(shared));
        let counts = !rustix::process::geteuid().is_root();
        Ok(Self { launcher: launcher.to_owned(), groups, ceilings, together, counts })
    }

    /// Makes the guard of one process tree; `None` for a trusted command whose
    /// memory nobody limits.
    ///
    /// # Errors
    /// Fails when the kernel refuses its limits.
    pub(crate) fn guard(&self, subject: Subject) -> io::Result<Option<Guard>> {
        if subject.trusted && subject.memory.is_none() && self.together.cap().is_none() {
            return Ok(None);
        }
        Guard::new(self, subject).map(Some)
    }

    /// Returns what this host holds, and how.
    pub(crate) fn facilities(&self) -> Vec<Facility> {
        survey::of(&self.groups, self.counts)
    }
}

/// Ends what lives in the groups of a run, and removes them.
///
/// # Errors
/// Fails when something in them does not die.
pub(crate) fn clear(run: &Path) -> io::Result<()> {
    record(run).clear()
}

fn record(run: &Path) -> Record {
    Record(run.join("groups"))
}

/// How much of a run's name its group shows.
const NAME_SHOWN_MAX: usize = 100;

/// Names a run's group: by its name, for people, and by its whole path.
fn group_name(run: &Path) -> String {
    let digest = eufm_plan::Digest::of(run.as_os_str().as_encoded_bytes());
    let name = run.file_name().and_then(|name| name.to_str()).unwrap_or("run");
    let name = name.get(..NAME_SHOWN_MAX).unwrap_or(name);
    format!("{}{name}-{}", cgroup::PREFIX, digest.short(8))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
