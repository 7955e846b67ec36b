//! Where a repository's runs keep their state, and the lock on it.
//!
//! The state lies outside the repository, since tools look upwards for their
//! configuration. This file knows each path by name and is unaware of what is
//! written there. The lock is an advisory lock of the kernel: it goes with its
//! holder, however that ends. See docs/run-state.md.

use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use eufm_plan::id::slug;
use thiserror::Error;

use crate::file_system::FileSystem;
use crate::process::ProcessId;

/// The state of one repository's runs, locked for this process.
#[derive(Debug)]
pub(crate) struct Store {
    root: PathBuf,
    /// Held for life; opened close-on-exec, so that no child inherits it.
    _lock: File,
}

/// Why the state cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another runner works on it.
    #[error("another eufm works on this repository's runs: {holder} (state: {})", root.display())]
    Locked {
        /// The state's folder.
        root: PathBuf,
        /// Who holds the lock, as it said itself.
        holder: String,
    },
    /// Others may write into it.
    #[error("{}: {what}; its journal could not be trusted", path.display())]
    Exposed {
        /// The folder.
        path: PathBuf,
        /// In which way.
        what: String,
    },
    /// Other hosts may write to its file system, or a program stands in for it.
    #[error(
        "{}: it lies on {kind}, where locks and syncs do not hold\n  help: name a folder on a \
         local disk with --state DIR", root.display()
    )]
    Shared {
        /// The state's folder.
        root: PathBuf,
        /// The file system.
        kind: &'static str,
    },
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

impl Store {
    /// Opens the state at `root`, making it if it is not there, and locks it.
    ///
    /// # Errors
    /// Fails when another runner holds it, when others may write to it or when
    /// it cannot be made.
    pub(crate) fn open(root: &Path) -> Result<Self, StoreError> {
        // Before a folder is made there: the one above it lies on the same.
        local(root)?;
        private_dir(root)?;
        // One spelling, without links: processes are found by their mounts.
        let root = &std::fs::canonicalize(root)
            .map_err(|source| StoreError::Io { path: root.to_owned(), source })?;
        let path = root.join("lock");
        let io = |source| StoreError::Io { path: path.clone(), source };
        let lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        let lock = match lock.try_lock() {
            Ok(()) => lock,
            Err(TryLockError::WouldBlock) => outlast(lock, root)?,
            Err(TryLockError::Error(source)) => return Err(io(source)),
        };
        let write = |lock: &File| {
            let text = holder()?;
            // Written over, then cut: the file is never empty again.
            lock.write_all_at(text.as_bytes(), 0)?;
            lock.set_len(text.len() as u64)
        };
        write(&lock).map_err(io)?;
        Ok(Self { root: root.to_owned(), _lock: lock })
    }

    /// Returns the folder of the state.
    #[must_use]
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the file that takes up space for the last records.
    #[must_use]
    pub(crate) fn reserve(&self) -> PathBuf {
        self.root.join("reserve")
    }

    /// Returns the runner-owned bare clone of the repository.
    #[must_use]
    pub(crate) fn vault(&self) -> PathBuf {
        self.root.join("vault.git")
    }

    /// Returns the folder of rehearsals, which is like that of a run and no run.
    ///
    /// # Errors
    /// Fails when it cannot be made.
    pub(crate) fn rehearsal(&self) -> Result<RunDir, StoreError> {
        let root = self.root.join("rehearsal");
        private_dir(&root)?;
        Ok(RunDir { root })
    }

    /// Returns the folder of prepared environments, making it if it is not there.
    ///
    /// # Errors
    /// Fails when it cannot be made.
    pub(crate) fn environments(&self) -> Result<PathBuf, StoreError> {
        let path = self.root.join("environments");
        private_dir(&path)?;
        Ok(path)
    }

    /// Returns a run's folder, making it if it is not there.
    ///
    /// # Errors
    /// Fails when it cannot be made.
    pub(crate) fn run(&self, run: &str) -> Result<RunDir, StoreError> {
        let dir = RunDir::of(&self.root, run);
        let runs = self.root.join("runs");
        for folder in [&runs, &dir.root] {
            let is_new = !folder.exists();
            private_dir(folder)?;
            if is_new {
                // A power loss must not take the journal's folder away.
                crate::durable::sync_folder_of(folder)
                    .map_err(|source| StoreError::Io { path: folder.clone(), source })?;
            }
        }
        Ok(dir)
    }

    /// Lists the runs that have a journal, by name.
    ///
    /// # Errors
    /// Fails when the folder cannot be read.
    pub(crate) fn runs(&self) -> Result<Vec<String>, StoreError> {
        runs_below(&self.root)
    }
}

/// Lists the runs that have a journal in the state at `root`, by name; nobody
/// needs the lock to look.
///
/// # Errors
/// Fails when the folder cannot be read.
pub(crate) fn runs_below(root: &Path) -> Result<Vec<String>, StoreError> {
    let path = root.join("runs");
    let entries = match std::fs::read_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|source| StoreError::Io { path: path.clone(), source })?,
    };
    let mut names: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join("journal").is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

/// The folder of one run.
#[derive(Debug, Clone)]
pub(crate) struct RunDir {
    root: PathBuf,
}

impl RunDir {
    /// Names the folder of a run in the state at `root`; it need not be there.
    #[must_use]
    pub(crate) fn of(root: &Path, run: &str) -> Self {
        Self { root: root.join("runs").join(run) }
    }

    /// Returns the run's name.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        let name = self.root.file_name().and_then(|name| name.to_str());
        name.expect("invariant: a run's folder has the run's name")
    }

    /// Returns the folder.
    #[must_use]
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the journal.
    #[must_use]
    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// Returns the plan that the run was started with.
    #[must_use]
    pub(crate) fn plan(&self) -> PathBuf {
        self.root.join("plan.lock")
    }

    /// Tells whether the run is one of the plan with this text: a run belongs to
    /// its plan to the letter.
    #[must_use]
    pub(crate) fn is_of(&self, text: &str) -> bool {
        let path = self.plan();
        let bytes = std::fs::metadata(&path).map(|metadata| metadata.len());
        bytes.is_ok_and(|bytes| bytes == text.len() as u64)
            && std::fs::read(&path).is_ok_and(|bytes| bytes == text.as_bytes())
    }

    /// Returns the seal on a run that is done.
    #[must_use]
    pub(crate) fn seal(&self) -> PathBuf {
        self.root.join("done.json")
    }

    /// Returns the report for programs.
    #[must_use]
    pub(crate) fn report(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// Returns the folder of open questions to people.
    #[must_use]
    pub(crate) fn questions(&self) -> PathBuf {
        self.root.join("questions")
    }

    /// Returns the file of a node's open question.
    #[must_use]
    pub(crate) fn question(&self, node: &str, position: usize) -> PathBuf {
        self.questions().join(format!("{}.json", folder_name(node, position)))
    }

    /// Returns the folder of what a person is shown beside a node's question.
    #[must_use]
    pub(crate) fn shown(&self, node: &str, position: usize) -> PathBuf {
        self.node(node, position).join("in")
    }

    /// Returns the folder of answers that were not taken yet.
    #[must_use]
    pub(crate) fn answers(&self) -> PathBuf {
        self.root.join("answers")
    }

    /// Returns the file that a person's answer to a node's question becomes.
    #[must_use]
    pub(crate) fn answer(&self, node: &str, position: usize) -> PathBuf {
        self.answers().join(format!("{}.json", folder_name(node, position)))
    }

    /// Returns the folder of the environments that the run's results need.
    #[must_use]
    pub(crate) fn environments(&self) -> PathBuf {
        self.root.join("environments")
    }

    /// Returns the folder of all worktrees and other things that do not
    /// outlive a step.
    #[must_use]
    pub(crate) fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// Returns the folder of one start of a node, below [`RunDir::work`].
    #[must_use]
    pub(crate) fn scratch(&self, node: &str, position: usize, start: u32, step: &str) -> PathBuf {
        self.work().join(format!("{}-{start}-{step}", folder_name(node, position)))
    }

    /// Returns the folder of a node's logs and sessions.
    #[must_use]
    pub(crate) fn node(&self, node: &str, position: usize) -> PathBuf {
        self.root.join("nodes").join(folder_name(node, position))
    }
}

/// How much of a node's slug its folder shows; steps add to it.
const SLUG_SHOWN_MAX: usize = 100;

/// A folder name for a node: its number keeps it unique, its letters readable.
fn folder_name(node: &str, position: usize) -> String {
    let slug = slug(node);
    format!("{position:04}-{}", slug.get(..SLUG_SHOWN_MAX).unwrap_or(&slug))
}

/// Refuses a folder on a file system that other hosts write to. One that is not
/// there yet is judged by the nearest folder above it.
fn local(root: &Path) -> Result<(), StoreError> {
    let Some(nearest) = root.ancestors().find(|folder| folder.is_dir()) else { return Ok(()) };
    let found = FileSystem::of(nearest)
        .map_err(|source| StoreError::Io { path: nearest.to_owned(), source })?;
    judge(root, found)
}

fn judge(root: &Path, found: FileSystem) -> Result<(), StoreError> {
    if found.is_shared {
        return Err(StoreError::Shared { root: root.to_owned(), kind: found.name });
    }
    Ok(())
}

/// Makes a folder that only its owner may enter, and refuses one that others
/// may write to: whoever can write the journal decides what runs.
///
/// # Errors
/// Fails when it cannot be made or is not private.
pub(crate) fn private_dir(path: &Path) -> Result<(), StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(io)?;
    is_private(path)
}

/// Refuses a folder that others may write to, and changes nothing.
///
/// # Errors
/// Fails when it is not there or is not private.
pub(crate) fn is_private(path: &Path) -> Result<(), StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    let metadata = std::fs::symlink_metadata(path).map_err(io)?;
    let exposed =
        |what: &str| Err(StoreError::Exposed { path: path.to_owned(), what: what.to_owned() });
    if !metadata.is_dir() {
        return exposed("it is a link or a file, not a folder");
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return exposed("it belongs to another user");
    }
    if metadata.mode() & 0o022 != 0 {
        return exposed("other users may write to it (chmod go-w)");
    }
    Ok(())
}

/// How long the lock of a runner that is dead may still be held: by a child
/// that it had begun to start, which lets go as soon as it has become another
/// program. On a disk that is busy that takes its time.
const LAST_BREATH: Duration = Duration::from_secs(10);

/// How long to wait when nobody is known: the lock has become free since, or its
/// holder lives in another PID namespace.
const NOBODY: Duration = Duration::from_secs(1);

/// How often to look whether somebody living has got it meanwhile.
const LOOK: Duration = Duration::from_millis(100);

/// Waits for a lock whose holder is dead; a living holder is named at once.
fn outlast(mut lock: File, root: &Path) -> Result<File, StoreError> {
    let io = |source| StoreError::Io { path: root.join("lock"), source };
    // This process may have got it already, in the thread that waits.
    let own = std::process::id();
    let is_alive = |pid| pid != own && ProcessId::of(pid).is_ok_and(ProcessId::is_alive);
    let started = Instant::now();
    let (mut waiter, mut seen) = (None, None);
    loop {
        let known = kernel_holder(&lock);
        seen = known.or(seen);
        let patience = if known.is_some() { LAST_BREATH } else { NOBODY };
        if known.is_some_and(is_alive) || started.elapsed() >= patience {
            break;
        }
        let locked = match &waiter {
            Some(locked) => locked,
            None => waiter.insert(wait_for(lock.try_clone().map_err(io)?)),
        };
        if let Ok(result) = locked.recv_timeout(LOOK) {
            return result.map(|()| lock).map_err(io);
        }
    }
    let mut said = String::new();
    lock.read_to_string(&mut said).map_err(io)?;
    // Whom the loop has seen: the kernel's list may lack a line for a moment, and an
    // earlier holder's words would be taken for those of the one that works.
    let holder = name_of_holder(said.trim(), seen);
    Err(StoreError::Locked { root: root.to_owned(), holder })
}

/// Waits for the lock in a thread. It may wait for ever if somebody else was
/// faster; then this process ends and takes it along.
fn wait_for(lock: File) -> Receiver<io::Result<()>> {
    let (sender, locked) = channel();
    std::thread::spawn(move || sender.send(lock.lock()));
    locked
}

/// Says who works on the state at `root`, if somebody does. Looks only: trying
/// the lock could turn away a runner that starts in the same moment.
#[must_use]
pub(crate) fn who_works(root: &Path) -> Option<String> {
    let mut lock = File::open(root.join("lock")).ok()?;
    let known = lock_line(&lock)?;
    let mut said = String::new();
    lock.read_to_string(&mut said).ok()?;
    Some(name_of_holder(said.trim(), pid_of(&known)))
}

fn kernel_holder(lock: &File) -> Option<u32> {
    pid_of(&lock_line(lock)?)
}

/// Asks the kernel for the line about the lock (proc_locks(5)): the fields are
/// the number, FLOCK, ADVISORY, WRITE, the process, and MAJOR:MINOR:INODE.
fn lock_line(lock: &File) -> Option<String> {
    let inode = format!(":{}", lock.metadata().ok()?.ino());
    let text = std::fs::read_to_string("/proc/locks").ok()?;
    let is_ours = |line: &&str| {
        line.contains(" FLOCK ") && line.split_whitespace().any(|word| word.ends_with(&inode))
    };
    text.lines().find(is_ours).map(str::to_owned)
}

/// Takes the process out of such a line; 0 stands for one of another PID
/// namespace.
fn pid_of(line: &str) -> Option<u32> {
    line.split_whitespace().nth(4)?.parse().ok().filter(|&pid| pid > 0)
}

/// Says who holds the lock. A holder that has just got it has not written who
/// it is yet, and what stands there may be an earlier one's.
fn name_of_holder(said: &str, known: Option<u32>) -> String {
    match known {
        Some(pid) if !said.starts_with(&format!("process {pid} ")) => format!("process {pid}"),
        None if said.is_empty() => "a process".to_owned(),
        _ => said.to_owned(),
    }
}

fn holder() -> io::Result<String> {
    let own = ProcessId::current()?;
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Ok(format!("process {} on {host}, started at tick {}\n", own.pid, own.start_ticks))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_second_opener_is_told_who_holds_the_lock() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let root = dir.path().join("state");
        let first = Store::open(&root).expect("free");
        let message = Store::open(&root).expect_err("held").to_string();
        assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
        drop(first);
        Store::open(&root).expect("free again");
    }

    #[test]
    fn a_holder_that_has_not_said_who_it_is_is_known_to_the_kernel() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let root = dir.path().join("state");
        let _first = Store::open(&root).expect("free");
        for said in ["", "process 1 on another host, started at tick 7\n"] {
            std::fs::write(root.join("lock"), said).expect("written");
            let message = Store::open(&root).expect_err("held").to_string();
            assert!(message.contains(&format!(": process {} (", std::process::id())), "{message}");
        }
    }

    #[test]
    fn a_folder_that_others_may_write_is_refused() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let root = dir.path().join("state");
        std::fs::create_dir(&root).expect("made");
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o777)).expect("set");
        assert!(matches!(Store::open(&root), Err(StoreError::Exposed { .. })));
    }

    #[test]
    fn a_folder_that_other_hosts_write_to_is_refused_with_the_way_out() {
        for (number, kind) in [(0x6969, "nfs"), (0xff53_4d42, "cifs"), (0x6573_5546, "fuse")] {
            let refused = judge(Path::new("/far/state"), FileSystem::named(number));
            let message = refused.expect_err("shared").to_string();
            assert!(message.starts_with(&format!("/far/state: it lies on {kind}, ")), "{message}");
            assert!(message.contains("--state DIR"), "{message}");
        }
        for number in [0xef53, 0x0102_1994, 0x794c_7630, 0x1234_5678] {
            judge(Path::new("/near/state"), FileSystem::named(number)).expect("local");
        }
    }

    #[test]
    fn folder_names_are_plain_and_unique() {
        assert_eq!(folder_name("greet", 7), "0007-greet");
        assert_eq!(folder_name("a/b[\"c\"]", 7), format!("0007-{}", slug("a/b[\"c\"]")));
        assert_ne!(folder_name("a/b", 1), folder_name("a/b", 2));
        for name in ["x".repeat(200), "x/".repeat(200)] {
            assert!(folder_name(&name, 1_000_000).len() <= 108);
        }
    }
}
