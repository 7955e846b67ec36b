//! Runs the binary under strace, which makes its Nth system call of a kind fail
//! or kill it.
//!
//! Only the main thread is traced: it owns the journal. Unaware of the tests.

use std::ffi::OsStr;
use std::path::Path;

use crate::support::{Invocation, Project};

/// The calls by which a run's state changes or is looked at.
pub(super) const CALLS: [&str; 6] = ["write", "fdatasync", "fsync", "rename", "mkdir", "openat"];

/// What happens at the call whose turn has come.
pub(super) enum Fault {
    Kill,
    /// The name of an errno(3).
    Error(&'static str),
}

/// A command line under strace, without its program's arguments.
fn strace(project: &Project) -> Invocation {
    let strace = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join("strace"))
        .find(|path| path.is_file())
        .expect(
            "strace is missing: scripts/install-tools.sh installs it, or declare the test in \
             EUFM_SKIP_FAULTS",
        );
    Invocation::of(&strace, project.root(), &project.repo()).arg("-qq")
}

fn eufm(strace: Invocation, args: &[&OsStr]) -> Invocation {
    strace.arg("--").arg(env!("CARGO_BIN_EXE_eufm")).args(args)
}

/// The command line that makes a fault at a call: the `turn`th of its kind, or
/// of those of its kind that name `path`.
pub(super) fn with_fault(
    project: &Project,
    (call, turn): (&str, usize),
    fault: &Fault,
    path: Option<&Path>,
    args: &[&OsStr],
) -> Invocation {
    let fault = match fault {
        Fault::Kill => "signal=KILL".to_owned(),
        Fault::Error(name) => format!("error={name}"),
    };
    let mut strace = strace(project).args(["-o", "/dev/null"]);
    if let Some(path) = path {
        strace = strace.arg("-P").arg(path);
    }
    // A library may spell the same call in a newer way.
    let calls = if call == "rename" { "?rename,?renameat,?renameat2" } else { call };
    eufm(
        strace
            .args(["-e", &format!("trace={calls}"), "-e"])
            .arg(format!("inject={calls}:{fault}:when={turn}")),
        args,
    )
}

/// The calls of a whole run, as strace writes them down.
pub(super) struct Calls(String);

impl Calls {
    /// Runs to the end, and notes the calls.
    #[track_caller]
    pub(super) fn of(project: &Project, args: &[&OsStr]) -> Self {
        let log = project.root().join("calls");
        let calls = "trace=write,fdatasync,fsync,?rename,?renameat,?renameat2,?mkdir,openat";
        let strace = strace(project).args(["-y", "-e", calls, "-o"]).arg(&log);
        eufm(strace, args).run().expect(0);
        Self(std::fs::read_to_string(&log).expect("strace has written"))
    }

    /// Lists the turns of a kind of call, but for those that only look at the kernel's
    /// own files: before them all is as it is behind them.
    pub(super) fn turns(&self, call: &str) -> Vec<usize> {
        let of_kernel = |line: &str| line.contains("\"/proc") || line.contains("\"/sys");
        let lines = self.0.lines().filter(|line| line.starts_with(call));
        (1..).zip(lines).filter(|(_, line)| !of_kernel(line)).map(|(turn, _)| turn).collect()
    }

    /// Lists the turns of a kind of call among those that name `path`.
    pub(super) fn turns_of(&self, call: &str, path: &Path) -> Vec<usize> {
        let path = path.display();
        let names = [format!("<{path}>"), format!("\"{path}\"")];
        let is_named = |line: &&str| names.iter().any(|name| line.contains(name));
        let count = self.0.lines().filter(|line| line.starts_with(call)).filter(is_named).count();
        (1..=count).collect()
    }
}
