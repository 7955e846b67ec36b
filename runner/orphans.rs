//! Finds and ends what an earlier runner left behind in its sandboxes.
//!
//! A sandbox dies with its runner, but not in the same instant. Its processes
//! are known by what they see: the worktree of their attempt is mounted there,
//! and nobody else mounts it. So a reused process number is never touched.
//! Unaware of the journal.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long an orphan may take to die after SIGKILL: it may be writing to a
/// slow disk.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends every process that has `folder` mounted, and waits until it is gone.
/// Returns how many there were.
///
/// # Errors
/// Fails when /proc cannot be read or a process does not die.
pub(crate) fn end_all(folder: &Path) -> io::Result<usize> {
    let started = Instant::now();
    let mut ended = 0;
    loop {
        let found = mounting(folder)?;
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
    if !mounts(pid, folder) {
        return Ok(());
    }
    let _ = pidfd_send_signal(&handle, Signal::KILL);
    let limit = Timespec { tv_sec: 1, tv_nsec: 0 };
    poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&limit))?;
    Ok(())
}

fn mounting(folder: &Path) -> io::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let pid = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        found.extend(pid.filter(|pid| mounts(*pid, folder)));
    }
    Ok(found)
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
    use super::*;

    #[test]
    fn a_folder_that_nobody_mounts_has_no_orphans() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(end_all(dir.path()).expect("/proc"), 0);
    }
}
