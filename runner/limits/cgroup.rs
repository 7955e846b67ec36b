//! Control groups: folders of the kernel in which a process tree has its limits.
//!
//! A run has one group for each hierarchy, an attempt or gate a cell below it.
//! The limits stand on the cell and its processes live one level deeper, in
//! `in`: whoever mounts the hierarchy in a namespace of its own sees that level
//! and nothing above it. What is made is written down first, so that the next
//! runner finds what a killed one left. Unaware of what the limits are for.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::mounts::{Mounted, Version};

/// Where the processes of a cell live, below it.
const INSIDE: &str = "in";

/// How long the processes of a group may take to die after SIGKILL.
const PATIENCE: Duration = Duration::from_secs(30);

/// A run's groups, by what they are for; one folder may serve for all.
#[derive(Debug, Default, Clone)]
pub(super) struct Groups {
    /// Limits memory.
    pub memory: Option<(PathBuf, Version)>,
    /// Limits the number of processes.
    pub pids: Option<PathBuf>,
    /// Kills all at once.
    pub kill: Option<PathBuf>,
}

impl Groups {
    /// Makes a run's groups where this host lets it. `record` is told each
    /// folder before it is made; `works` tries a cell out.
    ///
    /// # Errors
    /// Fails when the record cannot be written.
    pub(super) fn make(
        mounted: &[Mounted],
        name: &str,
        record: &Record,
        works: &dyn Fn(&Cell) -> bool,
    ) -> io::Result<Self> {
        let mut groups = Self::default();
        for hierarchy in mounted.iter().filter(|it| it.version == Version::Two) {
            groups.unified(hierarchy, name, record)?;
        }
        for hierarchy in mounted {
            if groups.memory.is_none() && hierarchy.is_of("memory") {
                let made = first(hierarchy, name, record, "memory.limit_in_bytes")?;
                groups.memory = made.filter(|dir| sums(dir)).map(|dir| (dir, Version::One));
            }
            if groups.pids.is_none() && hierarchy.is_of("pids") {
                groups.pids = first(hierarchy, name, record, "pids.max")?;
            }
        }
        groups.only_what_works(works);
        Ok(groups)
    }

    /// The unified hierarchy: the nearest group below which the controllers can
    /// be had; else the nearest that can be killed as a whole.
    fn unified(&mut self, hierarchy: &Mounted, name: &str, record: &Record) -> io::Result<()> {
        for parent in hierarchy.upwards() {
            let Some(dir) = child(parent, name, record)? else { continue };
            let has = |file: &str| dir.join(file).exists();
            if !has("memory.max") {
                // Refused where processes live in the parent, unless it is the root.
                let _ = write(&parent.join("cgroup.subtree_control"), "+memory +pids");
            }
            let enabled = has("memory.max")
                && write(&dir.join("cgroup.subtree_control"), "+memory +pids").is_ok();
            if enabled {
                self.memory = Some((dir.clone(), Version::Two));
                self.pids = Some(dir.clone());
            }
            if has("cgroup.kill") && (enabled || self.kill.is_none()) {
                self.kill = Some(dir.clone());
            }
            // What is above the own group is outside of a limit that stands there.
            if enabled || is_limited(parent) {
                break;
            }
        }
        Ok(())
    }

    /// Forgets each group whose cell does not take a process. All together are tried
    /// first: that is how they are used, and mostly one start of a process is enough.
    fn only_what_works(&mut self, works: &dyn Fn(&Cell) -> bool) {
        let tries = |groups: &Self| {
            let cell = groups.cell("trial", None, Some(16));
            let good = cell.as_ref().is_ok_and(works);
            if let Ok(cell) = cell {
                let _ = cell.remove();
            }
            good
        };
        let is_any = self.memory.is_some() || self.pids.is_some() || self.kill.is_some();
        if is_any && tries(self) {
            return;
        }
        let (memory, pids, kill) = (self.memory.take(), self.pids.take(), self.kill.take());
        self.memory =
            memory.filter(|it| tries(&Self { memory: Some(it.clone()), ..Self::default() }));
        self.pids = pids.filter(|it| tries(&Self { pids: Some(it.clone()), ..Self::default() }));
        self.kill = kill.filter(|it| tries(&Self { kill: Some(it.clone()), ..Self::default() }));
    }

    /// Limits the memory of all cells together.
    ///
    /// # Errors
    /// Fails when the kernel refuses.
    pub(super) fn limit_memory(&self, bytes: u64) -> io::Result<()> {
        match &self.memory {
            Some((dir, version)) => limit_memory(dir, *version, bytes),
            None => Ok(()),
        }
    }

    /// Makes a cell, with limits on its memory in bytes and its processes.
    ///
    /// # Errors
    /// Fails when the kernel refuses.
    pub(super) fn cell(
        &self,
        name: &str,
        memory: Option<u64>,
        pids: Option<u64>,
    ) -> io::Result<Cell> {
        let at = |dir: &PathBuf| dir.join(name);
        let cell = Cell {
            memory: self.memory.as_ref().map(|(dir, version)| (at(dir), *version)),
            pids: self.pids.as_ref().map(at),
            kill: self.kill.as_ref().map(at),
        };
        for dir in cell.dirs() {
            std::fs::create_dir_all(dir.join(INSIDE))?;
        }
        if let (Some((dir, version)), Some(bytes)) = (&cell.memory, memory) {
            limit_memory(dir, *version, bytes)?;
        }
        if let (Some(dir), Some(count)) = (&cell.pids, pids) {
            write(&dir.join("pids.max"), &count.to_string())?;
        }
        Ok(cell)
    }
}

/// The groups of one process tree.
#[derive(Debug, Default, Clone)]
pub(super) struct Cell {
    memory: Option<(PathBuf, Version)>,
    pids: Option<PathBuf>,
    kill: Option<PathBuf>,
}

impl Cell {
    /// Lists its folders, each once.
    fn dirs(&self) -> Vec<&PathBuf> {
        let mut dirs: Vec<&PathBuf> = self.memory.iter().map(|(dir, _)| dir).collect();
        dirs.extend(&self.pids);
        dirs.extend(&self.kill);
        dirs.sort();
        dirs.dedup();
        dirs
    }

    /// Lists the files through which a process joins.
    pub(super) fn doors(&self) -> Vec<PathBuf> {
        self.dirs().into_iter().map(|dir| dir.join(INSIDE).join("cgroup.procs")).collect()
    }

    /// Returns the file that kills all of it at once, if there is one.
    pub(super) fn kill_file(&self) -> Option<PathBuf> {
        self.kill.as_ref().map(|dir| dir.join("cgroup.kill"))
    }

    /// Returns how many of its processes the kernel killed for their memory.
    pub(super) fn memory_kills(&self) -> u64 {
        match &self.memory {
            None => 0,
            Some((dir, Version::Two)) => field(&dir.join("memory.events"), "oom_kill"),
            Some((dir, Version::One)) => {
                sum(dir, &|dir| field(&dir.join("memory.oom_control"), "oom_kill"))
            }
        }
    }

    /// Returns the most memory that it had, in bytes, if the kernel tells.
    pub(super) fn memory_peak(&self) -> Option<u64> {
        let (dir, version) = self.memory.as_ref()?;
        let file = match version {
            Version::One => "memory.max_usage_in_bytes",
            Version::Two => "memory.peak",
        };
        std::fs::read_to_string(dir.join(file)).ok()?.trim().parse().ok()
    }

    /// Returns how often it was refused another process.
    pub(super) fn refused_processes(&self) -> u64 {
        self.pids.as_ref().map_or(0, |dir| sum(dir, &|dir| field(&dir.join("pids.events"), "max")))
    }

    /// Ends what is in it, and removes it.
    ///
    /// # Errors
    /// Fails when something in it does not die.
    pub(super) fn remove(&self) -> io::Result<()> {
        self.dirs().into_iter().try_for_each(|dir| remove(dir))
    }
}

/// The file that names the groups of a run, one a line.
#[derive(Debug)]
pub(super) struct Record(pub PathBuf);

impl Record {
    fn note(&self, dir: &Path) -> io::Result<()> {
        let mut file = File::options().append(true).create(true).open(&self.0)?;
        writeln!(file, "{}", dir.display())
    }

    /// Ends what is in the groups that it names, removes them and itself.
    ///
    /// # Errors
    /// Fails when something in them does not die.
    pub(super) fn clear(&self) -> io::Result<()> {
        let text = match std::fs::read_to_string(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            text => text?,
        };
        for dir in text.lines().map(Path::new).filter(|dir| is_ours(dir)) {
            remove(dir)?;
        }
        std::fs::remove_file(&self.0)
    }
}

/// The first letters of the name of each group that a run makes.
pub(super) const PREFIX: &str = "eufm-";

/// Tells whether a folder is a group that a runner made: a damaged record must
/// not name anything else.
fn is_ours(dir: &Path) -> bool {
    let name = dir.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with(PREFIX)) && dir.join("cgroup.procs").exists()
}

/// Makes a group in a hierarchy of version 1 that has a file.
fn first(
    hierarchy: &Mounted,
    name: &str,
    record: &Record,
    file: &str,
) -> io::Result<Option<PathBuf>> {
    Ok(child(&hierarchy.own, name, record)?.filter(|dir| dir.join(file).exists()))
}

/// Makes a group, after it was written down; `None` where that is not allowed.
fn child(parent: &Path, name: &str, record: &Record) -> io::Result<Option<PathBuf>> {
    // Something else may be mounted over a hierarchy.
    if !parent.join("cgroup.procs").exists() {
        return Ok(None);
    }
    let dir = parent.join(name);
    record.note(&dir)?;
    let made = std::fs::create_dir(&dir);
    let is_there = made.is_ok() || made.is_err_and(|it| it.kind() == io::ErrorKind::AlreadyExists);
    Ok(is_there.then_some(dir))
}

/// Tells whether a group of version 1 counts what is below it.
fn sums(dir: &Path) -> bool {
    // The file is gone where every group does.
    std::fs::read_to_string(dir.join("memory.use_hierarchy")).is_ok_and(|text| text.trim() == "1")
        || !dir.join("memory.use_hierarchy").exists()
}

/// Tells whether a group of version 2 has a limit on its memory.
fn is_limited(dir: &Path) -> bool {
    std::fs::read_to_string(dir.join("memory.max")).is_ok_and(|text| text.trim() != "max")
}

fn limit_memory(dir: &Path, version: Version, bytes: u64) -> io::Result<()> {
    let bytes = bytes.to_string();
    let (limit, swap, of_swap) = match version {
        Version::One => ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", bytes.as_str()),
        Version::Two => ("memory.max", "memory.swap.max", "0"),
    };
    write(&dir.join(limit), &bytes)?;
    // Swapped out it would still be used; absent where swap is not counted.
    if dir.join(swap).exists() {
        write(&dir.join(swap), of_swap)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    // Without O_CREAT: the kernel's files are there or not.
    File::options().write(true).open(path)?.write_all(text.as_bytes())
}

/// Reads a number behind a name in a file of such lines; 0 when it is not there.
fn field(path: &Path, name: &str) -> u64 {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// Sums a number over a group and all below it.
fn sum(dir: &Path, of: &dyn Fn(&Path) -> u64) -> u64 {
    children(dir).iter().fold(of(dir), |all, child| all + sum(child, of))
}

fn children(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|entry| entry.path()).collect()
}

/// Removes a group and all below it, after what lives there has died.
fn remove(dir: &Path) -> io::Result<()> {
    let started = Instant::now();
    let _ = write(&dir.join("cgroup.kill"), "1");
    for child in children(dir) {
        remove(&child)?;
    }
    // A process that has ended leaves its group a moment later.
    let mut pause = Duration::from_micros(200);
    loop {
        match std::fs::remove_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
            done => return done,
        }
        if started.elapsed() > PATIENCE {
            let message = format!("{}: a process in this group does not die", dir.display());
            return Err(io::Error::other(message));
        }
        kill(dir);
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

/// Kills the processes that live in a group right now.
fn kill(dir: &Path) {
    let text = std::fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    for pid in text.lines().filter_map(|line| line.parse().ok()).filter_map(Pid::from_raw) {
        let _ = rustix::process::kill_process(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_names_no_folder_but_a_runners_groups() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let group = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).expect("made");
            path
        };
        let (plain, foreign) = (group("eufm-plain"), group("home"));
        std::fs::write(foreign.join("cgroup.procs"), "").expect("written");
        let record = Record(dir.path().join("groups"));
        for path in [&plain, &foreign, &dir.path().join("eufm-gone")] {
            record.note(path).expect("noted");
        }
        record.clear().expect("cleared");
        assert!(plain.exists() && foreign.exists() && !record.0.exists());
        record.clear().expect("nothing to clear");
    }

    #[test]
    fn all_groups_are_tried_at_once_and_one_that_takes_no_process_is_forgotten() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let of = |name: &str| dir.path().join(name);
        // The kernel makes this file.
        std::fs::create_dir_all(of("pids/trial")).expect("made");
        std::fs::write(of("pids/trial/pids.max"), "").expect("written");
        let all = || Groups {
            memory: Some((of("memory"), Version::One)),
            pids: Some(of("pids")),
            kill: Some(of("kill")),
        };
        let held = |groups: &Groups| {
            [groups.memory.is_some(), groups.pids.is_some(), groups.kill.is_some()]
        };
        let tried = std::cell::Cell::new(0);
        let mut groups = all();
        groups.only_what_works(&|cell| {
            tried.set(tried.get() + 1);
            cell.doors().len() == 3
        });
        assert_eq!((held(&groups), tried.get()), ([true; 3], 1));
        let mut groups = all();
        groups.only_what_works(&|cell| cell.pids.is_none());
        assert_eq!(held(&groups), [true, false, true]);
        Groups::default().only_what_works(&|_| unreachable!("there is nothing to try"));
    }

    #[test]
    fn fields_are_read_by_their_whole_name() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "oom 7\noom_kill 2\noom_group_kill x\n").expect("written");
        let of = |name| field(file.path(), name);
        assert_eq!((of("oom"), of("oom_kill"), of("oom_group_kill"), of("gone")), (7, 2, 0, 0));
    }

    #[test]
    fn nothing_is_made_where_something_else_is_mounted_over_it() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let own = dir.path().to_owned();
        let controllers = vec!["memory".to_owned()];
        let one = Mounted { version: Version::One, controllers, point: own.clone(), own };
        let two = Mounted { version: Version::Two, controllers: Vec::new(), ..one.clone() };
        let record = Record(dir.path().join("groups"));
        let groups = Groups::make(&[one, two], "eufm-x", &record, &|_| true).expect("made");
        assert!(groups.memory.is_none() && groups.kill.is_none());
        assert!(!dir.path().join("eufm-x").exists() && !record.0.exists());
    }
}
