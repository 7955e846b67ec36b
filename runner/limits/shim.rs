//! What stands between the runner and a limited program: it takes the limits
//! upon itself, then becomes the program.
//!
//! A process that joins its groups before it starts anything else cannot leave
//! a child outside. It also tells the kernel to end it before the runner when
//! the host has no memory left. Unaware of what the program is.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::process::Command;

/// The hidden subcommand of this program that is the shim.
pub const SUBCOMMAND: &str = "__limit";

/// How much sooner than the runner its children are ended on a host without
/// memory (proc_pid_oom_score_adj(5)).
const OOM_SCORE: &str = "500";

/// Puts a command behind the shim, which joins groups and no more.
pub(super) fn joining(launcher: &Path, doors: &[PathBuf], command: Command) -> Command {
    limited(launcher, doors, None, None, command)
}

/// Puts a command behind the shim.
pub(super) fn limited(
    launcher: &Path,
    doors: &[PathBuf],
    file_bytes: Option<u64>,
    processes: Option<u64>,
    command: Command,
) -> Command {
    let mut words = vec![SUBCOMMAND.into()];
    for door in doors {
        words.extend(["--join".into(), door.into()]);
    }
    for (name, value) in [("--file-bytes", file_bytes), ("--processes", processes)] {
        words.extend(value.into_iter().flat_map(|it| [name.into(), it.to_string().into()]));
    }
    // A sandbox watches its runner only once it stands.
    words.extend(["--parent".into(), std::process::id().to_string().into(), "--".into()]);
    command.behind(launcher, words)
}

/// Takes the limits upon the calling process and all that it will start.
///
/// # Errors
/// Fails when a group cannot be joined or a limit not be set, and when the
/// runner with the number `parent` is gone.
pub fn enter(
    doors: &[PathBuf],
    file_bytes: Option<u64>,
    processes: Option<u64>,
    parent: Option<u32>,
) -> io::Result<()> {
    if let Some(parent) = parent {
        crate::process::die_with(parent)?;
    }
    let named = |door: &Path, error: io::Error| {
        io::Error::new(error.kind(), format!("{}: {error}", door.display()))
    };
    for door in doors {
        let joined = File::options().write(true).open(door).and_then(|mut it| it.write_all(b"0"));
        joined.map_err(|error| named(door, error))?;
    }
    let limit = |resource, value: u64| {
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
    };
    limit(Resource::Core, 0)?;
    if let Some(bytes) = file_bytes {
        limit(Resource::Fsize, bytes)?;
    }
    if let Some(count) = processes {
        limit(Resource::Nproc, count)?;
    }
    // A kernel without it ends processes by their size alone.
    let _ = std::fs::write("/proc/self/oom_score_adj", OOM_SCORE);
    Ok(())
}
