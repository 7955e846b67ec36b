//! What a process tree uses, for limits that the kernel does not hold.
//!
//! Memory is what its processes have, shared pages counted once for all that
//! share them, and the files in memory that its sandbox holds. Disk is what its
//! folders have. Unaware of limits, but for the one that all trees share.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::monitor;
use crate::process::{ProcessId, children};

/// The file systems in memory that a sandbox may fill.
const IN_MEMORY: &[&str] = &["tmp", "home/agent", "dev"];

/// Returns the memory of a process tree in bytes, `files` of it in files; up to `enough` it may be told
/// too much, since looking closer costs more.
pub(super) fn memory(tree: &monitor::Tree, files: u64, enough: u64) -> u64 {
    // Shared pages count once for each process here; it cannot be more.
    let most = tree.sample().rss_bytes + files;
    if most <= enough {
        return most;
    }
    let share = |pid: u32, resident: u64| proportional(pid).unwrap_or(resident);
    files + tree.processes().map(|(pid, resident)| share(pid, resident)).sum::<u64>()
}

/// Reads the share that a process has of its pages (proc_pid_smaps(5)).
fn proportional(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    let kibibytes: u64 = value.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// Returns what the files in memory of a sandbox have, in bytes. They are seen
/// through its first process, whose root nobody inside can change.
pub(super) fn files_in_memory(root: ProcessId) -> u64 {
    let Some(first) = children(root.pid).first().copied() else { return 0 };
    let inside = Path::new("/proc").join(first.to_string()).join("root");
    let device = |path: &Path| std::fs::metadata(path).map(|it| it.dev()).ok();
    let used = |name: &&str| {
        let path = inside.join(name);
        // Until the sandbox is set up, they are the host's own.
        if device(&path) == device(&Path::new("/").join(name)) {
            return 0;
        }
        let Ok(system) = rustix::fs::statfs(&path) else { return 0 };
        let is_in_memory = system.f_type == TMPFS_MAGIC;
        let blocks = system.f_blocks.saturating_sub(system.f_bfree);
        if is_in_memory { blocks * u64::try_from(system.f_bsize).unwrap_or(0) } else { 0 }
    };
    IN_MEMORY.iter().map(used).sum()
}

/// The type of file systems in memory (statfs(2)).
const TMPFS_MAGIC: i64 = 0x0102_1994;

/// Returns how many threads this host has now: the fourth field of
/// proc_loadavg(5), behind the slash.
pub(super) fn threads_of_host() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').nth(3)?.split_once('/')?.1.parse().ok()
}

/// Returns what folders have on disk, in bytes; a file of several names counts
/// once. What cannot be read counts nothing.
pub(super) fn disk(folders: &[impl AsRef<Path>]) -> u64 {
    let mut seen = BTreeSet::new();
    let entries = folders.iter().flat_map(walkdir::WalkDir::new);
    let sizes = entries.filter_map(Result::ok).filter_map(|entry| {
        let data = entry.metadata().ok()?;
        let is_first = data.nlink() < 2 || data.is_dir() || seen.insert((data.dev(), data.ino()));
        is_first.then(|| data.blocks() * 512)
    });
    sizes.sum()
}

/// What all trees of a run use together, where the kernel does not add it up.
#[derive(Debug)]
pub(super) struct Together {
    cap: Option<u64>,
    used: Mutex<BTreeMap<String, u64>>,
}

impl Together {
    /// Makes the account of a run that may use `cap` bytes.
    pub(super) fn new(cap: Option<u64>) -> Self {
        Self { cap, used: Mutex::default() }
    }

    /// Returns what all may use together, in bytes.
    pub(super) fn cap(&self) -> Option<u64> {
        self.cap
    }

    /// Notes what a tree uses; tells whether it has to go: all use too much,
    /// and none uses more than it.
    pub(super) fn note(&self, name: &str, bytes: u64) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.insert(name.to_owned(), bytes);
        let sum: u64 = used.values().sum();
        let is_largest = used.values().all(|other| *other <= bytes);
        is_largest && self.cap.is_some_and(|cap| sum > cap)
    }

    /// Forgets a tree that has ended.
    pub(super) fn forget(&self, name: &str) {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_goes_when_all_use_too_much() {
        let together = Together::new(Some(100));
        assert!(!together.note("a", 60));
        assert!(!together.note("b", 39));
        assert!(!together.note("b", 50), "b is not the largest");
        assert!(together.note("a", 60));
        together.forget("a");
        assert!(!together.note("b", 100));
        assert!(!Together::new(None).note("a", u64::MAX));
    }

    #[test]
    fn a_file_of_two_names_counts_once_and_holes_nothing() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let before = disk(&[dir.path()]);
        std::fs::write(dir.path().join("a"), vec![1; 1 << 20]).expect("written");
        std::fs::hard_link(dir.path().join("a"), dir.path().join("b")).expect("linked");
        let hole = std::fs::File::create(dir.path().join("c")).expect("made");
        hole.set_len(1 << 30).expect("set");
        let grown = disk(&[dir.path()]) - before;
        assert!((1 << 20..1 << 21).contains(&grown), "{grown}");
        assert_eq!(disk(&[dir.path().join("gone")]), 0);
    }
}
