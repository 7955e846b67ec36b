//! Starts, watches and ends processes: the only file of the runner that does.
//!
//! Every process gets a cleared environment, a process group of its own and
//! closed or given streams. Unaware of sandboxes, agents and git: it runs what
//! it is handed. A process group is not a tree; what must not survive runs in
//! a PID namespace (see `sandbox`), whose first process this file starts.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};
use serde::{Deserialize, Serialize};
use shared_child::SharedChild;

use crate::pages;
use crate::process_stat::stat;
use crate::programs;

/// What to start: a program with arguments, a whole environment, a folder and
/// the bytes of its standard input.
#[derive(Debug, Clone)]
pub struct Command {
    program: OsString,
    args: Vec<OsString>,
    env: BTreeMap<OsString, OsString>,
    dir: Option<PathBuf>,
    stdin: Vec<u8>,
    body: Body,
}

/// What belongs to a process, and is ended together with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// A sandbox, whose launcher the process is: nothing outlives it.
    Sandbox,
    /// The process group. Whoever has left it is not reached.
    Group,
}

impl Command {
    /// Describes a program without arguments, with an empty environment and
    /// an empty standard input.
    #[must_use]
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: BTreeMap::new(),
            dir: None,
            stdin: Vec::new(),
            body: Body::Sandbox,
        }
    }

    /// Says that the program is no launcher of a sandbox: its group is ended
    /// together with it.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.body = Body::Group;
        self
    }

    /// Appends an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Appends arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the environment, which is empty otherwise.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Sets the working folder.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().to_owned());
        self
    }

    /// Sets the whole standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Puts the program behind another one, which gets `words`, then the program
    /// and its arguments, and becomes it.
    #[must_use]
    pub fn behind(mut self, program: impl AsRef<OsStr>, mut words: Vec<OsString>) -> Self {
        words.push(std::mem::replace(&mut self.program, program.as_ref().to_owned()));
        words.append(&mut self.args);
        self.args = words;
        self
    }

    /// Returns what is ended together with it.
    #[must_use]
    pub fn body(&self) -> Body {
        self.body
    }

    /// Returns the program, for messages.
    #[must_use]
    pub fn program(&self) -> &OsStr {
        &self.program
    }

    /// Runs to the end and returns what was written: for short helpers that we
    /// trust to be brief, such as git. A status other than 0 is no error.
    ///
    /// # Errors
    /// Fails when the program cannot be started or its streams cannot be read.
    pub fn output(&self) -> io::Result<Output> {
        let done = self.expression().stdout_capture().stderr_capture().run()?;
        Ok(Output { exit: Exit::of(done.status), stdout: done.stdout, stderr: done.stderr })
    }

    /// Starts with both output streams sent to files (or pipes).
    ///
    /// # Errors
    /// Fails when the program cannot be started.
    pub fn start(&self, stdout: File, stderr: File) -> io::Result<ExecutionHandle> {
        // Not by duct, which reads the runner's whole environment and doubles
        // the files for each start: that is a tenth of what a short command takes.
        let mut command = self.direct();
        let stdin = if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() };
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        let child = pages::started(|| SharedChild::spawn(&mut command))?;
        if let Some(mut stdin) = child.take_stdin() {
            let bytes = self.stdin.clone();
            // It ends with the process, which need not read all of it.
            let write = move || drop(stdin.write_all(&bytes));
            std::thread::Builder::new().name("stdin".to_owned()).spawn(write)?;
        }
        let process = ProcessId::of(child.id()).inspect_err(|_| {
            let _ = child.kill().and_then(|()| child.wait());
        })?;
        Ok(ExecutionHandle { child, process, body: self.body })
    }

    /// Describes it to the standard library. No pre_exec, and a program as a
    /// path: else every start would copy the runner's page tables.
    fn direct(&self) -> std::process::Command {
        let search_path = self.env.get(OsStr::new("PATH"));
        let found = search_path.and_then(|path| programs::find(&self.program, path));
        let program = found.as_ref().map_or(self.program.as_os_str(), |file| file.as_os_str());
        let mut command = std::process::Command::new(program);
        command.arg0(&self.program).args(&self.args).env_clear().envs(&self.env);
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command.process_group(0);
        command
    }

    /// Runs to the end on the caller's own streams, in the caller's group: for
    /// a launcher that stands in for the program it starts.
    ///
    /// # Errors
    /// Fails when the program cannot be started.
    pub fn pass_through(program: &OsStr, args: &[OsString]) -> io::Result<Exit> {
        Ok(Exit::of(duct::cmd(program, args).unchecked().run()?.status))
    }

    fn expression(&self) -> duct::Expression {
        let mut expression = duct::cmd(&self.program, &self.args).full_env(&self.env).unchecked();
        if let Some(dir) = &self.dir {
            expression = expression.dir(dir);
        }
        expression = if self.stdin.is_empty() {
            expression.stdin_null()
        } else {
            expression.stdin_bytes(self.stdin.clone())
        };
        // A group of its own: Ctrl-C on the terminal reaches the runner alone,
        // which then ends its children in order. No pre_exec: it would make
        // every spawn copy the runner's page tables.
        expression.before_spawn(|command| {
            command.process_group(0);
            Ok(())
        })
    }
}

/// What a process that ended has written.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// By itself, with this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Status(code),
            (None, signal) => Self::Signal(signal.unwrap_or(0)),
        }
    }

    /// Tells whether it ended by itself with status 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Status(0)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}

/// A process that was started: it can be waited for and ended.
///
/// The thread that starts a sandbox must outlive it: the kernel ends the
/// sandbox when that thread goes (`PR_SET_PDEATHSIG` belongs to the thread).
#[derive(Debug)]
pub struct ExecutionHandle {
    child: SharedChild,
    process: ProcessId,
    body: Body,
}

impl ExecutionHandle {
    /// Returns which process it is, for the journal.
    #[must_use]
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// Returns what is ended together with it.
    #[must_use]
    pub fn body(&self) -> Body {
        self.body
    }

    /// Waits for the end, at most `limit`; `None` when it still runs then.
    ///
    /// # Errors
    /// Fails when the process cannot be waited for.
    pub fn wait_for(&self, limit: Duration) -> io::Result<Option<Exit>> {
        // Not the child's own: it wakes every waiter for each child that ends.
        match self.process.ends_within(limit) {
            Ok(true) => {
                // Its number is its own until it is waited for, and so is the
                // group's: what it left in the background goes with it.
                if self.body == Body::Group {
                    signal(self.process.pid, |group| {
                        rustix::process::kill_process_group(group, Signal::KILL)
                    });
                }
                self.wait().map(Some)
            }
            Ok(false) => Ok(None),
            // A kernel without such handles (before Linux 5.3).
            Err(_) => Ok(self.child.wait_timeout(limit)?.map(Exit::of)),
        }
    }

    /// Waits for the end, however long.
    ///
    /// # Errors
    /// Fails when the process cannot be waited for.
    pub fn wait(&self) -> io::Result<Exit> {
        self.child.wait().map(Exit::of)
    }

    /// Ends the process and waits until it is gone. Of a sandbox nothing is
    /// left then: its first process is killed, and its launcher ends only when
    /// the whole PID namespace has.
    ///
    /// # Errors
    /// Fails when the process cannot be waited for.
    pub fn end(&self) -> io::Result<Exit> {
        self.process.kill(self.body);
        if let Some(exit) = self.wait_for(GRACE)? {
            return Ok(exit);
        }
        self.process.kill(Body::Group);
        self.wait()
    }
}

/// A process by number and start time, so that a reused number is not mistaken
/// for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// The process number.
    pub pid: u32,
    /// Its start in clock ticks after boot (field 22 of proc_pid_stat(5)).
    pub start_ticks: u64,
}

impl ProcessId {
    /// Identifies a process that runs or waits to be reaped.
    ///
    /// # Errors
    /// Fails when there is none of this number.
    pub fn of(pid: u32) -> io::Result<Self> {
        let start_ticks = stat(pid)?.start_ticks;
        Ok(Self { pid, start_ticks })
    }

    /// Identifies the calling process.
    ///
    /// # Errors
    /// Fails when /proc is not mounted.
    pub fn current() -> io::Result<Self> {
        Self::of(std::process::id())
    }

    /// Tells whether this very process still runs; a zombie does not.
    #[must_use]
    pub fn is_alive(self) -> bool {
        stat(self.pid).is_ok_and(|stat| {
            stat.start_ticks == self.start_ticks && !matches!(stat.state, 'Z' | 'X')
        })
    }

    /// Waits until the process has ended, at most `limit`. It must be a child
    /// that nobody has waited for, so that its number is still its own.
    fn ends_within(self, limit: Duration) -> io::Result<bool> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
        let handle = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
        let started = Instant::now();
        loop {
            let rest = limit.saturating_sub(started.elapsed());
            let rest = Timespec::try_from(rest).map_err(|_| io::ErrorKind::InvalidInput)?;
            match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&rest)) {
                Ok(ready) => return Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends SIGKILL to the process and what belongs to it.
    ///
    /// Of a sandbox it is the first process that is killed, the launcher's
    /// child: the launcher would end before the sandbox does.
    pub fn kill(self, body: Body) {
        if !self.is_alive() {
            return;
        }
        let children = match body {
            Body::Sandbox => children(self.pid),
            Body::Group => Vec::new(),
        };
        for child in &children {
            signal(*child, |pid| rustix::process::kill_process(pid, Signal::KILL));
        }
        if children.is_empty() {
            self.kill_group();
        }
    }

    /// Sends SIGKILL to the process and its group, if it is still this process.
    fn kill_group(self) {
        if self.is_alive() {
            signal(self.pid, |pid| rustix::process::kill_process_group(pid, Signal::KILL));
            signal(self.pid, |pid| rustix::process::kill_process(pid, Signal::KILL));
        }
    }
}

/// Makes this process the one to which the first processes of sandboxes fall
/// when their launchers end, so that [`reap_sandboxes`] can wait for them.
///
/// # Errors
/// Fails when the kernel does not know how (before Linux 3.4).
pub fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Has this process killed when the thread that started it goes, also once it
/// has become another program; fails if `parent` has gone already.
///
/// # Errors
/// Fails when the parent is gone, or the kernel does not know how.
pub fn die_with(parent: u32) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // Asked afterwards: from here on it cannot go unnoticed.
    let found = rustix::process::getppid().map(Pid::as_raw_nonzero).map(std::num::NonZero::get);
    if found.and_then(|pid| u32::try_from(pid).ok()) == Some(parent) {
        return Ok(());
    }
    Err(io::Error::other("the runner that started this is gone"))
}

/// Lets this process be told by SIGTERM when the thread that started it goes,
/// and end its children then: for a keeper, whose own end follows from theirs.
///
/// # Errors
/// Fails when the signal cannot be heard.
pub fn end_with_parent() -> io::Result<()> {
    let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM])?;
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    std::thread::Builder::new().name("parent".to_owned()).spawn(move || {
        for _ in signals.forever() {
            kill_children();
        }
    })?;
    Ok(())
}

/// Ends all descendants of this process, which must have adopted those whose
/// parents ended, and waits until they are gone. Best effort: one that forks
/// faster than it is found has a start.
///
/// # Errors
/// Fails when /proc cannot be read.
pub fn end_descendants() -> io::Result<()> {
    loop {
        kill_children();
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(_) => {}
            Err(rustix::io::Errno::CHILD) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Kills what this process has started, without waiting: for an end at once.
/// Sandboxes go with it; what runs bare gets SIGTERM, and its children SIGKILL.
pub(crate) fn kill_started() {
    for child in own_children().unwrap_or_default() {
        if let Ok(child) = ProcessId::of(child) {
            child.kill(Body::Sandbox);
            // Launchers and keepers end by it what may still be left of theirs.
            signal(child.pid, |pid| rustix::process::kill_process_group(pid, Signal::TERM));
        }
    }
}

/// Stops all that this process has started, until [`continue_started`].
pub(crate) fn stop_started() {
    for child in own_children().unwrap_or_default() {
        stop_tree(child);
    }
}

/// Lets all that this process has started go on.
pub(crate) fn continue_started() {
    for process in own_children().unwrap_or_default().into_iter().flat_map(tree) {
        signal(process, |pid| rustix::process::kill_process(pid, Signal::CONT));
    }
}

/// How often a tree is looked through for what does not stand still yet: what
/// falls to another parent while it is stopped may be missed once.
const STOP_LOOKS: usize = 8;

/// Stops a process and its descendants, each before its children are listed.
fn stop_tree(root: u32) {
    let runs = |pid: u32| stat(pid).is_ok_and(|stat| !matches!(stat.state, 'T' | 'Z' | 'X'));
    for _ in 0..STOP_LOOKS {
        let mut open = vec![root];
        let mut found_one = false;
        while let Some(process) = open.pop() {
            if runs(process) {
                found_one = true;
                signal(process, |pid| rustix::process::kill_process(pid, Signal::STOP));
            }
            open.extend(children_of(&process.to_string()).unwrap_or_default());
        }
        if !found_one {
            return;
        }
    }
}

/// Lists a process and its descendants, each behind its parent.
fn tree(root: u32) -> Vec<u32> {
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(process) = tree.get(next) {
        let children = children_of(&process.to_string()).unwrap_or_default();
        tree.extend(children);
        next += 1;
    }
    tree
}

/// Sends SIGKILL to every child of this process.
fn kill_children() {
    for child in own_children().unwrap_or_default() {
        signal(child, |pid| rustix::process::kill_process(pid, Signal::KILL));
    }
}

/// Lists the children of this process, of whichever thread.
fn own_children() -> io::Result<Vec<u32>> {
    children_of("self")
}

/// Lists the children of a process, of whichever thread, by its name in /proc.
fn children_of(process: &str) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        found.extend(text.split_ascii_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Ok(found)
}

/// Becomes another program, with variables beside those that are set. Returns
/// only if that fails.
#[must_use]
pub fn replace(run: &[OsString], vars: &[(String, String)]) -> io::Error {
    let Some((program, args)) = run.split_first() else {
        return io::Error::new(io::ErrorKind::InvalidInput, "no program was given");
    };
    let vars = vars.iter().map(|(name, value)| (name, value));
    let error = std::process::Command::new(program).args(args).envs(vars).exec();
    io::Error::new(error.kind(), format!("{}: {error}", program.to_string_lossy()))
}

/// Ends what is left of sandboxes whose launchers have ended, and waits until
/// all of it is gone: a launcher ends as soon as its program has, a moment
/// before the sandbox does.
///
/// # Errors
/// Fails when /proc cannot be read.
pub fn reap_sandboxes() -> io::Result<()> {
    for pid in own_children()? {
        // What we start leads a group but never a session; so a child that
        // leads one is the first process of a sandbox that fell to us.
        if stat(pid).is_ok_and(|stat| stat.session == pid) {
            signal(pid, |pid| {
                let _ = rustix::process::kill_process(pid, Signal::KILL);
                rustix::process::waitpid(Some(pid), WaitOptions::empty()).map(drop)
            });
        }
    }
    Ok(())
}

/// How long the children of a process that is ended may take to go.
const GRACE: Duration = Duration::from_secs(5);

/// A process that is gone already is what was asked for; so errors say nothing.
fn signal(pid: u32, send: impl FnOnce(Pid) -> rustix::io::Result<()>) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = send(pid);
    }
}

/// Lists the children of a process with one thread (proc_tid_children(5)).
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_has_both_streams_and_the_status() {
        let command = Command::new("/bin/sh").args(["-c", "echo out; echo err >&2; exit 7"]);
        let output = command.output().expect("sh runs");
        assert_eq!(output.exit, Exit::Status(7));
        assert_eq!((output.stdout, output.stderr), (b"out\n".to_vec(), b"err\n".to_vec()));
    }

    #[test]
    fn the_environment_is_what_was_given() {
        let command = Command::new("/usr/bin/env").env("ONLY", "this");
        assert_eq!(command.output().expect("env runs").stdout, b"ONLY=this\n");
    }

    #[test]
    fn an_empty_input_ends_at_once() {
        let output = Command::new("/bin/cat").output().expect("cat runs");
        assert_eq!(output.stdout, b"");
        let output = Command::new("/bin/cat").stdin("text").output().expect("cat runs");
        assert_eq!(output.stdout, b"text");
    }

    #[test]
    fn a_whole_tree_is_stopped_and_goes_on() {
        let null = || File::options().write(true).open("/dev/null").expect("/dev/null");
        let script =
            "(sh -c 'while :; do :; done' & wait) & setsid sh -c 'while :; do :; done' & wait";
        let shell = Command::new("/bin/sh").args(["-c", script]).env("PATH", "/usr/bin:/bin");
        let handle = shell.start(null(), null()).expect("sh");
        let root = handle.process().pid;
        let all = |states: &[char]| {
            let state = |pid: &u32| stat(*pid).map_or('X', |stat| stat.state);
            let tree = tree(root);
            tree.len() >= 4 && tree.iter().all(|pid| states.contains(&state(pid)))
        };
        while !all(&['R', 'S']) {
            std::thread::yield_now();
        }
        stop_tree(root);
        while !all(&['T']) {
            std::thread::yield_now();
        }
        for process in tree(root) {
            signal(process, |pid| rustix::process::kill_process(pid, Signal::CONT));
        }
        while !all(&['R', 'S']) {
            std::thread::yield_now();
        }
        for process in tree(root).into_iter().rev() {
            signal(process, |pid| rustix::process::kill_process(pid, Signal::KILL));
        }
        handle.wait().expect("ended");
    }

    #[test]
    fn a_program_is_found_by_its_name_or_from_the_folder_it_runs_in() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let tool = dir.path().join("tool");
        std::fs::write(&tool, "#!/bin/sh\necho it runs $1\n").expect("written");
        let all = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&tool, all).expect("set");
        let out = dir.path().join("out");
        for command in
            [Command::new("tool").env("PATH", dir.path()), Command::new("./tool").dir(dir.path())]
        {
            let stream = || File::create(&out).expect("a file");
            let handle = command.arg("now").start(stream(), stream()).expect("it starts");
            assert_eq!(handle.wait().expect("it ends"), Exit::Status(0));
            assert_eq!(std::fs::read_to_string(&out).expect("there"), "it runs now\n");
        }
        let null = || File::options().write(true).open("/dev/null").expect("/dev/null");
        let missing = Command::new("tool").env("PATH", "/nowhere").start(null(), null());
        assert_eq!(missing.expect_err("not there").kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_killed_process_is_no_longer_alive() {
        let null = || File::options().write(true).open("/dev/null").expect("/dev/null");
        let handle = Command::new("/bin/sleep").arg("600").start(null(), null()).expect("sleep");
        assert!(handle.process().is_alive());
        assert_eq!(handle.end().expect("wait"), Exit::Signal(9));
        assert!(!handle.process().is_alive());
    }

    #[test]
    fn a_process_that_outlives_its_children_is_ended_with_its_group() {
        let script = "sleep 600; sleep 600; sleep 600";
        let null = || File::options().write(true).open("/dev/null").expect("/dev/null");
        let shell = Command::new("/bin/sh").args(["-c", script]).env("PATH", "/usr/bin:/bin");
        let handle = shell.start(null(), null()).expect("sh");
        handle.end().expect("ended");
        assert!(!handle.process().is_alive());
    }

    #[test]
    fn a_reused_number_is_another_process() {
        let own = ProcessId::current().expect("own process");
        assert!(own.is_alive());
        assert!(!ProcessId { start_ticks: own.start_ticks + 1, ..own }.is_alive());
    }
}
