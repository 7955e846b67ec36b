//! Finds and ends what an earlier runner left behind in its sandboxes.
//!
//! A sandbox dies with its runner, but not in the same instant; and one that
//! was just being set up has not begun to watch its runner and lives on. Its
//! processes are known by the worktree of their attempt: it is mounted there,
//! or stands in their command line as what is to be mounted. Nobody else names
//! it, so a reused process number is never touched. Whoever asks holds the lock
//! of the state: then every child of the dead runner has become bwrap, whose
//! command line says so. Unaware of the journal.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long an orphan may take to die after SIGKILL: it may be writing to a
/// slow disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends every process that uses `folder`, and waits until it is gone.
/// Returns how many there were.
///
/// # Errors
/// Fails when /proc cannot be read or a process does not die.
pub(crate) fn end_all(folder: &Path) -> io::Result<usize> {
    let started = Instant::now();
    let mut ended = 0;
    loop {
        let found = using(folder)?;
        if found.is_empty() {
            return Ok(ended);
        }
        if started.elapsed() > PATIENCE {
            let message = format!("a process that uses {} does not die", folder.display());
            return Err(io::Error::other(message));
        }
        for pid in found {
            end(pid, folder)?;
            ended += 1;
        }
    }
}

/// The handle is opened before the last look, so the process that is killed is
/// the process that was looked at.
fn end(pid: Pid, folder: &Path) -> io::Result<()> {
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return Ok(()) };
    if !uses(pid, folder) {
        return Ok(());
    }
    let _ = pidfd_send_signal(&handle, Signal::KILL);
    let limit = Timespec { tv_sec: 1, tv_nsec: 0 };
    poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&limit))?;
    Ok(())
}

fn using(folder: &Path) -> io::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        found.extend(pid.filter(|pid| uses(*pid, folder)));
    }
    Ok(found)
}

/// The variable by which the processes of a trusted command are known, which
/// have no worktree of their own, and git commands, by the vault they work for.
pub(crate) const MARK: &str = "EUFM_ATTEMPT";

/// Tells whether a process uses the folder, or is about to.
fn uses(pid: Pid, folder: &Path) -> bool {
    mounts(pid, folder) || names(pid, folder) || is_marked(pid, folder)
}

/// Looks for the mark of the folder in the environment of the process.
fn is_marked(pid: Pid, folder: &Path) -> bool {
    let path = format!("/proc/{}/environ", pid.as_raw_nonzero());
    let Ok(all) = std::fs::read(path) else { return false };
    all.split(|&byte| byte == 0).any(|variable| {
        let value = variable.strip_prefix(MARK.as_bytes()).and_then(|it| it.strip_prefix(b"="));
        // Of one attempt, or of all below the folder of a run.
        value.is_some_and(|value| Path::new(OsStr::from_bytes(value)).starts_with(folder))
    })
}

/// Looks for the folder among the arguments of the process.
fn names(pid: Pid, folder: &Path) -> bool {
    let path = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
    let Ok(line) = std::fs::read(path) else { return false };
    line.split(|&byte| byte == 0).any(|word| word == folder.as_os_str().as_bytes())
}

/// Looks for the folder among the roots of the process's mounts (field 4 of
/// proc_pid_mountinfo(5), relative to its file system, with octal escapes).
fn mounts(pid: Pid, folder: &Path) -> bool {
    let path = format!("/proc/{}/mountinfo", pid.as_raw_nonzero());
    let Ok(text) = std::fs::read_to_string(path) else { return false };
    let folder = folder.to_string_lossy().replace(' ', "\\040");
    text.lines().any(|line| {
        let mut fields = line.split(' ').skip(3);
        let (root, point) = (fields.next(), fields.next());
        // The file system may itself be mounted below `/`: then the root is a
        // proper end of the folder's path.
        point == Some(crate::sandbox::REPO)
            && root.is_some_and(|root| root.len() > 1 && folder.ends_with(root))
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::process::{Command, Exit};

    #[test]
    fn a_folder_that_nobody_mounts_has_no_orphans() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(end_all(dir.path()).expect("/proc"), 0);
    }

    #[test]
    fn a_marked_process_is_ended_also_in_a_session_of_its_own() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let null = || File::options().write(true).open("/dev/null").expect("/dev/null");
        let sleeper = Command::new("/usr/bin/setsid").args(["--wait", "sleep", "600"]);
        let sleeper = sleeper.env("PATH", "/usr/bin:/bin").env(MARK, dir.path());
        let handle = sleeper.start(null(), null()).expect("setsid");
        while using(dir.path()).expect("/proc").len() < 2 {
            std::thread::yield_now();
        }
        assert!(end_all(dir.path()).expect("/proc") >= 2);
        assert!(using(dir.path()).expect("/proc").is_empty());
        assert_eq!(handle.wait().expect("ended"), Exit::Signal(9));
    }

    #[test]
    fn a_process_that_is_about_to_use_the_folder_is_ended() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let null = || File::options().write(true).open("/dev/null").expect("/dev/null");
        let shell = Command::new("/bin/sh").args(["-c", "while :; do :; done", "sh"]);
        let handle = shell.arg(dir.path()).start(null(), null()).expect("sh");
        assert_eq!(end_all(dir.path()).expect("/proc"), 1);
        assert_eq!(handle.wait().expect("ended"), Exit::Signal(9));
    }
}
