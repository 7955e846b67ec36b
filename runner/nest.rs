//! What is put into a sandbox for an agent, and for a command or a gate.
//!
//! An agent's program runs behind our forwarder, sees its sessions and its door
//! to the gateway, and may make a sandbox of its own for the commands of its
//! model; a command sees the worktree and its tools, and no more. Used alike by
//! runs, preflight and benchmarks. Unaware of what the programs do.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::agents::{Installation, Invocation, SESSIONS};
use crate::gateway::{SOCKET, forward};
use crate::sandbox::{Confined, LAUNCHER, Mount, Nesting};

/// Where the gateway's socket is seen inside.
const DOOR: &str = "/run/eufm/door";

/// An environment on this host: what it shows, and what leads the search path.
#[derive(Debug, Clone, Default)]
pub struct Tools {
    /// The folders it shows.
    pub mounts: Vec<Mount>,
    /// The folders that lead the search path.
    pub path: Vec<PathBuf>,
}

/// The folders of the host that an agent's sandbox shows.
#[derive(Debug, Clone, Copy)]
pub struct Nest<'a> {
    /// The agent's program.
    pub installation: &'a Installation,
    /// Where the agent keeps its sessions.
    pub sessions: &'a Path,
    /// The folder with the gateway's socket.
    pub door: &'a Path,
}

impl Nest<'_> {
    /// Puts an agent's command line behind the forwarder. `mounts` is what the
    /// worktree brings along.
    #[must_use]
    pub fn agent(&self, invocation: Invocation, mounts: Vec<Mount>, tools: Tools) -> Confined {
        let socket = Path::new(DOOR).join(SOCKET);
        let mut run: Vec<OsString> =
            vec![LAUNCHER.into(), forward::SUBCOMMAND.into(), socket.into(), "--".into()];
        run.extend(invocation.run);
        let mut all = mounts;
        all.extend(self.installation.mounts.iter().cloned());
        all.push(Mount::writable(self.sessions, SESSIONS));
        all.push(Mount::read_only(self.door, DOOR));
        all.extend(tools.mounts);
        Confined {
            mounts: all,
            path: tools.path,
            env: invocation.env,
            vars: Vec::new(),
            cwd: None,
            nesting: Nesting::Allowed,
            run,
            stdin: invocation.stdin,
            fixed: false,
            secrets: Vec::new(),
        }
    }
}

/// Confines a command or a gate.
#[must_use]
pub fn command(run: &[String], mut mounts: Vec<Mount>, tools: Tools) -> Confined {
    mounts.extend(tools.mounts);
    Confined {
        mounts,
        path: tools.path,
        env: Vec::new(),
        vars: Vec::new(),
        cwd: None,
        nesting: Nesting::Denied,
        run: run.iter().map(Into::into).collect(),
        stdin: Vec::new(),
        fixed: false,
        secrets: Vec::new(),
    }
}
