//! The launcher of the sandbox where bubblewrap cannot make one.
//!
//! Two processes of this program: the keeper stays, adopts whatever the
//! program leaves behind and ends it; the other closes files by Landlock and
//! system calls by seccomp to itself, drops its rights and becomes the program.
//! Everything that follows from it inherits what is closed. Unaware of nodes,
//! and of what is shown to whom: that is `sandbox.rs`.

mod calls;
mod files;
mod rights;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::process;

pub(crate) use files::ABI_MIN;

use calls::Around;

/// The name of the hidden command that is the launcher.
pub const SUBCOMMAND: &str = "__confine";

/// The name of the hidden command that closes system calls alone, inside a
/// sandbox of bubblewrap.
pub const FILTER: &str = "__filter";

/// What one process may reach, and how it is started.
#[derive(Debug, Clone, Default)]
pub struct Confinement {
    /// The folder of the worktree: writable.
    pub worktree: PathBuf,
    /// The folder for its home and its temporary files: writable, made here.
    pub private: PathBuf,
    /// Where it starts.
    pub cwd: PathBuf,
    /// The git directory that the worktree is to point to, if any.
    pub git: Option<PathBuf>,
    /// What it may read and run beside the system.
    pub readable: Vec<PathBuf>,
    /// What it may change beside its own folders.
    pub writable: Vec<PathBuf>,
    /// Variables of the author's, set for the program alone.
    pub vars: Vec<(String, String)>,
    /// What this host can close.
    pub closed: Closed,
}

/// What is closed: both, unless somebody permitted to do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    /// Files and signals, by Landlock.
    pub files: bool,
    /// The network and dangerous system calls, by seccomp.
    pub calls: bool,
}

impl Default for Closed {
    fn default() -> Self {
        Self { files: true, calls: true }
    }
}

/// Why something could not be closed; nothing was started then.
#[derive(Debug, Error)]
pub enum ConfineError {
    /// A folder or process could not be made.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Files could not be closed.
    #[error("files cannot be closed: {0}")]
    Files(String),
    /// System calls could not be closed.
    #[error("system calls cannot be closed: {0}")]
    Calls(String),
    /// Rights could not be dropped.
    #[error("rights cannot be dropped: {0}")]
    Rights(io::Error),
    /// The program could not be started.
    #[error("{0}")]
    Program(io::Error),
}

/// Keeps a program: runs `enter` with this program's arguments for it, waits for
/// its end and ends all that it left behind.
///
/// # Errors
/// Fails when a folder cannot be made or the program cannot be started.
pub fn keep(
    confinement: &Confinement,
    launcher: &Path,
    enter: &[OsString],
) -> Result<process::Exit, ConfineError> {
    process::adopt_orphans()?;
    process::end_with_parent()?;
    for folder in [confinement.home(), confinement.temporary()] {
        std::fs::create_dir_all(folder)?;
    }
    if let Some(git) = &confinement.git {
        // Nobody reads it but the program: the runner names what it means.
        let pointer = format!("gitdir: {}\n", git.display());
        std::fs::write(confinement.worktree.join(".git"), pointer)?;
    }
    let exit = process::Command::pass_through(launcher.as_os_str(), enter);
    process::end_descendants()?;
    Ok(exit?)
}

/// Closes to this process what is to be closed, and becomes the program.
/// Returns only if that fails.
#[must_use]
pub fn enter(confinement: &Confinement, run: &[OsString]) -> ConfineError {
    match close(confinement) {
        Ok(()) => ConfineError::Program(process::replace(run, &confinement.vars)),
        Err(error) => error,
    }
}

/// Closes dangerous system calls to this process, which namespaces do not close,
/// and becomes the program, with the author's variables. Returns only if that
/// fails.
#[must_use]
pub fn filter(run: &[OsString], vars: &[(String, String)]) -> ConfineError {
    let closed = rustix::thread::set_no_new_privs(true).map_err(io::Error::from);
    match closed.map_err(ConfineError::Rights).and_then(|()| calls::close(Around::Namespaces)) {
        Ok(()) => ConfineError::Program(process::replace(run, vars)),
        Err(error) => error,
    }
}

fn close(confinement: &Confinement) -> Result<(), ConfineError> {
    // Without a terminal nothing can be typed into it.
    rustix::process::setsid().map_err(io::Error::from)?;
    rustix::process::chdir(&confinement.cwd).map_err(io::Error::from)?;
    rights::drop_all().map_err(ConfineError::Rights)?;
    if confinement.closed.files {
        files::close(confinement)?;
    }
    // Last: from here on this process has no more of what it gave up.
    if confinement.closed.calls {
        calls::close(Around::Nothing)?;
    }
    Ok(())
}

impl Confinement {
    /// The program's home.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.private.join("home")
    }

    /// The folder of its temporary files.
    #[must_use]
    pub fn temporary(&self) -> PathBuf {
        self.private.join("tmp")
    }
}
