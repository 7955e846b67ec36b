//! Watches what a run's processes use: the samples behind status and watchdog.
//!
//! A `ProgressMonitor` looks at a process and all its descendants in /proc,
//! also those in namespaces of their own. It samples and compares; it is
//! unaware of nodes, limits and what is done about a silent agent.

use std::collections::BTreeMap;
use std::io;

use crate::process::ProcessId;

/// What a process tree uses at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Processes in the tree.
    pub processes: u32,
    /// Their threads, at least one each.
    pub threads: u64,
    /// Processor time of the living processes and of the children they have
    /// reaped, in clock ticks (1/100 s on Linux).
    pub cpu_ticks: u64,
    /// Resident memory, in bytes; shared pages count once a process.
    pub rss_bytes: u64,
}

/// The processes of a tree at one moment.
#[derive(Debug, Default)]
pub(crate) struct Tree(Vec<(u32, Usage)>);

impl Tree {
    /// Adds up what they use.
    #[must_use]
    pub(crate) fn sample(&self) -> Sample {
        let mut total = Sample::default();
        for (_, usage) in &self.0 {
            total.processes += 1;
            total.threads += usage.threads;
            total.cpu_ticks += usage.cpu_ticks;
            total.rss_bytes += usage.rss_bytes();
        }
        total
    }

    /// Lists them, each with its resident memory in bytes.
    pub(crate) fn processes(&self) -> impl Iterator<Item = (u32, u64)> {
        self.0.iter().map(|(pid, usage)| (*pid, usage.rss_bytes()))
    }
}

/// Compares samples of one process tree over time.
#[derive(Debug)]
pub(crate) struct ProgressMonitor {
    root: ProcessId,
    last: Sample,
}

impl ProgressMonitor {
    /// Starts watching a process and its descendants.
    #[must_use]
    pub(crate) fn new(root: ProcessId) -> Self {
        Self { root, last: Sample::default() }
    }

    /// Takes a sample and tells whether the tree has worked since the last
    /// one: a process came or went, or processor time was used beyond
    /// `idle_ticks`, which a sleeping agent needs for its timers.
    ///
    /// # Errors
    /// Fails when /proc cannot be read.
    pub(crate) fn has_worked(&mut self, idle_ticks: u64) -> io::Result<bool> {
        let sample = tree(self.root)?.sample();
        let worked = sample.processes != self.last.processes
            || sample.cpu_ticks > self.last.cpu_ticks + idle_ticks;
        self.last = sample;
        Ok(worked)
    }
}

/// Finds the processes of a tree; an ended one has none.
///
/// # Errors
/// Fails when /proc cannot be read.
pub(crate) fn tree(root: ProcessId) -> io::Result<Tree> {
    let mut all = BTreeMap::new();
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end between the listing and the reading.
        let Some(usage) = usage(pid) else { continue };
        children.entry(usage.parent).or_default().push(pid);
        all.insert(pid, usage);
    }
    let mut found = Tree::default();
    if !root.is_alive() {
        return Ok(found);
    }
    let mut queue = vec![root.pid];
    while let Some(pid) = queue.pop() {
        found.0.extend(all.remove(&pid).map(|usage| (pid, usage)));
        queue.extend(children.remove(&pid).unwrap_or_default());
    }
    Ok(found)
}

#[derive(Debug)]
struct Usage {
    parent: u32,
    cpu_ticks: u64,
    threads: u64,
    rss_pages: u64,
}

impl Usage {
    fn rss_bytes(&self) -> u64 {
        self.rss_pages * rustix::param::page_size() as u64
    }
}

/// Reads the fields 4 (parent), 14 to 17 (times), 20 (threads) and 24 (resident
/// pages) of proc_pid_stat(5), counted behind the name in parentheses.
fn usage(pid: u32) -> Option<Usage> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Usage {
        parent: u32::try_from(number(4)?).ok()?,
        cpu_ticks: (14..=17).map(number).sum::<Option<u64>>()?,
        threads: number(20)?,
        rss_pages: number(24)?,
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::process::Command;

    #[test]
    fn a_tree_is_counted_with_its_descendants() {
        let null = || File::options().write(true).open("/dev/null").expect("/dev/null");
        let script = "sleep 600 & sleep 600 & echo ready > \"$1\"; wait";
        let dir = tempfile::tempdir().expect("a temporary folder");
        let fifo = dir.path().join("ready");
        let made = Command::new("/usr/bin/mkfifo").arg(&fifo).output().expect("mkfifo");
        assert!(made.exit.is_success());
        let handle = Command::new("/bin/sh")
            .args(["-c", script, "sh"])
            .arg(&fifo)
            .env("PATH", "/usr/bin:/bin")
            .start(null(), null())
            .expect("sh");
        std::fs::read(&fifo).expect("both children are there");
        let found = tree(handle.process()).expect("/proc").sample();
        assert_eq!((found.processes, found.threads), (3, 3));
        assert!(found.rss_bytes > 0);
        handle.end().expect("ended");
        assert_eq!(tree(handle.process()).expect("/proc").sample(), Sample::default());
    }
}
