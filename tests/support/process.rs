//! Runs the binary under test, and looks for what it left running.
//!
//! Output goes to files, so a process that inherits them holds nobody up.
//! Unaware of projects.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::until;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A command line of the binary under test, in an environment of its own.
pub(crate) struct Invocation {
    command: Command,
    /// Where the output goes.
    output: PathBuf,
}

impl Invocation {
    /// Makes a command line that runs in `dir`, with `home` and output files
    /// below `root`.
    pub(crate) fn new(root: &Path, dir: &Path) -> Self {
        Self::of(Path::new(env!("CARGO_BIN_EXE_eufm")), root, dir)
    }

    /// Makes a command line of another program, in the same environment.
    pub(crate) fn of(program: &Path, root: &Path, dir: &Path) -> Self {
        // Whoever runs the tests may have some ignored, as nohup does; then a
        // program that honours that cannot be stopped by them.
        let mut command = Command::new("/usr/bin/env");
        command.arg("--default-signal=INT,TERM,HUP").arg(program);
        command.current_dir(dir).env_clear().stdin(Stdio::null());
        command.env("HOME", root.join("home")).env("LC_ALL", "C");
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self { command, output: root.join(format!("output-{number}")) }
    }

    /// Appends an argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Appends arguments.
    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Makes it the leader of a process group of its own.
    pub(crate) fn in_own_group(mut self) -> Self {
        self.command.process_group(0);
        self
    }

    /// Starts it.
    #[track_caller]
    pub(crate) fn start(mut self) -> Running {
        let file = |name: &str| {
            File::create(self.output.with_extension(name)).expect("an output file can be made")
        };
        self.command.stdout(file("out")).stderr(file("err"));
        let child = self.command.spawn().expect("the program starts");
        Running { child, output: self.output, waited: false }
    }

    /// Runs it to its end.
    #[track_caller]
    pub(crate) fn run(self) -> Ended {
        self.start().wait()
    }
}

/// A started process; it is killed when a test ends without having waited.
pub(crate) struct Running {
    child: Child,
    output: PathBuf,
    waited: bool,
}

impl Running {
    /// Returns its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns what it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(self.output.with_extension("err")).expect("its output is there")
    }

    /// Returns what it has written to standard output so far.
    pub(crate) fn stdout(&self) -> String {
        let bytes = std::fs::read(self.output.with_extension("out")).expect("its output is there");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Tells whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_some()
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("kill runs");
        assert!(sent.success(), "no signal could be sent to {pid}");
    }

    /// Kills it with SIGKILL and waits until it, and it alone, is gone.
    pub(crate) fn kill(mut self) -> Ended {
        // It may have come to its end just before.
        let _ = self.child.kill();
        self.wait()
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn wait(mut self) -> Ended {
        let child = &mut self.child;
        let status =
            until("the end of the process", || child.try_wait().expect("it can be waited for"));
        self.waited = true;
        let read = |name: &str| {
            let bytes = std::fs::read(self.output.with_extension(name)).expect("its output");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ended { status, stdout: read("out"), stderr: read("err") }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.waited {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    status: ExitStatus,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

impl Ended {
    /// Returns its exit status; 128 + the number of the signal that ended it.
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or(0))
    }

    /// Asserts its exit status.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        let Self { status, stdout, stderr } = &self;
        assert_eq!(self.code(), code, "{status}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }

    /// Asserts that standard error says all of these.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            let stderr = &self.stderr;
            assert!(stderr.contains(text), "{text:?} is not said:\n{stderr}");
        }
        self
    }

    /// Asserts that something is not said.
    #[track_caller]
    pub(crate) fn keeps_quiet_about(self, text: &str) -> Self {
        assert!(!self.stderr.contains(text), "{text:?} is said:\n{}", self.stderr);
        self
    }

    /// Asserts that standard output shows all of these.
    #[track_caller]
    pub(crate) fn shows(self, texts: &[&str]) -> Self {
        for text in texts {
            let stdout = &self.stdout;
            assert!(stdout.contains(text), "{text:?} is not shown:\n{stdout}\n{}", self.stderr);
        }
        self
    }
}

/// Lists the living processes that have to do with a folder: it stands in
/// their command line, or something below it is mounted where they live.
pub(crate) fn survivors(root: &Path) -> Vec<String> {
    let root = root.to_str().expect("temporary folders have plain names");
    let own = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").expect("/proc is mounted");
    let mut found = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == own || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // A process may end between the listing and the reading.
        let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
        let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
        let mounts = String::from_utf8_lossy(&read("mountinfo")).into_owned();
        // A trusted command has neither, but its attempt in its environment.
        let variables = String::from_utf8_lossy(&read("environ")).into_owned();
        let attempt = variables.split('\0').find(|it| it.starts_with("EUFM_ATTEMPT="));
        let is_marked = attempt.is_some_and(|attempt| attempt.contains(root));
        if command.contains(root) || mounts.contains(root) || is_marked {
            found.push(format!("{name}: {command}"));
        }
    }
    found
}
