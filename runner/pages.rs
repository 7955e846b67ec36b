//! Keeps the memory of a long run small: no huge pages for the runner itself.
//!
//! The allocator asks for huge pages, which makes a compile a third faster; but
//! a run that is mostly waiting would hold 2 MiB for each small thing it touches,
//! 17 MB in all. Programs that are started get what the runner was given, since
//! the flag is inherited (`PR_SET_THP_DISABLE`, prctl(2)). Unaware of what runs.

use std::sync::{Mutex, PoisonError};

use rustix::thread::{disable_transparent_huge_pages, transparent_huge_pages_are_disabled};

/// How many programs are being started; `None`: the flag is not ours to change.
static STARTING: Mutex<Option<usize>> = Mutex::new(None);

/// Does without huge pages from now on. Nothing happens where the host has none,
/// or does not want any.
pub fn keep_small() {
    let mut starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    let is_wanted = starting.is_none() && transparent_huge_pages_are_disabled() == Ok(false);
    if is_wanted && disable_transparent_huge_pages(true).is_ok() {
        *starting = Some(0);
    }
}

/// Starts a program, with huge pages if the runner was given them.
pub(crate) fn started<T>(start: impl FnOnce() -> T) -> T {
    let turn = |by: isize| {
        let mut starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = starting.as_mut() else { return };
        let before = *count;
        *count = count.saturating_add_signed(by);
        // Only the first turns it off and only the last turns it on again: what
        // one thread starts must not lose them to another.
        if (before == 0) != (*count == 0) {
            let _ = disable_transparent_huge_pages(*count == 0);
        }
    };
    turn(1);
    let result = start();
    turn(-1);
    result
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::process::Command;

    /// What the kernel says of a process that is started, 1 or 0 (proc_pid_status(5)).
    fn inherited() -> String {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("status");
        let out = File::create(&path).expect("a file");
        let command = Command::new("/bin/grep").args(["THP_enabled", "/proc/self/status"]);
        let handle = command.start(out.try_clone().expect("a file"), out).expect("grep");
        handle.wait().expect("it ends");
        std::fs::read_to_string(path).expect("a text")
    }

    #[test]
    fn the_runner_does_without_and_what_it_starts_does_not() {
        let before = inherited();
        keep_small();
        assert_eq!(transparent_huge_pages_are_disabled(), Ok(true));
        assert_eq!(inherited(), before, "as it was given");
        assert_eq!(transparent_huge_pages_are_disabled(), Ok(true));
        let both = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(inherited)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
        });
        assert!(both.iter().all(|it| *it == before), "{both:?}");
    }
}
