//! The sandbox of every agent, command and gate: what it sees, by bubblewrap.
//!
//! Default-deny: a fresh file system with `/usr` read-only, the worktree at
//! `/repo`, private `/tmp` and home, a PID namespace that dies with the runner
//! and a network namespace without a way out. Whatever else is seen is named
//! by a [`Mount`]. Where there is no bubblewrap, the launcher of `confine`
//! closes files and system calls instead, by paths of the host. Unaware of what
//! runs inside. Measured in docs/sandbox.md.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::confine::{Closed, FILTER, SUBCOMMAND};
use crate::git::View;
use crate::orphans::MARK;
use crate::process::Command;
use crate::secrets::{self, Secret};

/// Where the worktree is, whatever the attempt: sessions and caches see one path.
pub const REPO: &str = "/repo";

/// Where this program is seen inside.
pub const LAUNCHER: &str = "/opt/eufm/eufm";

/// The private home folder.
pub const HOME: &str = "/home/agent";

/// The user inside; no capability, and nobody's number outside of the namespace.
const USER: &str = "65533";

/// The search path inside, before the folders of environments.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The accounts inside: the host's own are not shown.
const PASSWD: &str = "root:x:0:0::/nonexistent:/bin/false\n\
                      agent:x:65533:65533::/home/agent:/bin/bash\n\
                      nobody:x:65534:65534::/nonexistent:/bin/false\n";
const GROUP: &str = "root:x:0:\nagent:x:65533:\nnogroup:x:65534:\n";

/// A file or folder of the host that is seen inside.
#[derive(Debug, Clone)]
pub struct Mount {
    /// The path on the host.
    pub host: PathBuf,
    /// The path inside.
    pub inside: PathBuf,
    /// Whether it may be changed from inside.
    pub writable: bool,
}

impl Mount {
    /// Shows a file or folder read-only.
    #[must_use]
    pub fn read_only(host: impl Into<PathBuf>, inside: impl Into<PathBuf>) -> Self {
        Self { host: host.into(), inside: inside.into(), writable: false }
    }

    /// Shows a file or folder that may be changed.
    #[must_use]
    pub fn writable(host: impl Into<PathBuf>, inside: impl Into<PathBuf>) -> Self {
        Self { host: host.into(), inside: inside.into(), writable: true }
    }
}

/// Whether something inside may make a sandbox of its own, as Codex does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    /// No user namespaces can be made inside.
    Denied,
    /// Codex makes its own sandbox inside.
    Allowed,
}

/// What makes sandboxes on this host.
#[derive(Debug, Clone)]
pub struct Sandbox(Mechanism);

#[derive(Debug, Clone)]
enum Mechanism {
    Bubblewrap(Bubblewrap),
    Launcher(Launcher),
}

/// bubblewrap, and the files that its sandboxes share.
#[derive(Debug, Clone)]
struct Bubblewrap {
    bwrap: PathBuf,
    accounts: PathBuf,
    launcher: PathBuf,
    /// Whether system calls are closed inside.
    filters: bool,
}

/// This program as the launcher that closes what this host can close.
#[derive(Debug, Clone)]
struct Launcher {
    program: PathBuf,
    closed: Closed,
}

/// What one sandboxed process sees and does.
#[derive(Debug, Clone)]
pub struct Confined {
    /// What is seen beside the default.
    pub mounts: Vec<Mount>,
    /// Folders that lead the search path.
    pub path: Vec<PathBuf>,
    /// Variables beside the default ones, which no other process can read.
    pub env: Vec<(String, String)>,
    /// Variables of the author's; they stand in the plan, and are no secret.
    pub vars: Vec<(String, String)>,
    /// The folder of the worktree it starts in; without one the worktree's root.
    pub cwd: Option<String>,
    /// Whether sandboxes may be made inside.
    pub nesting: Nesting,
    /// The program and its arguments.
    pub run: Vec<OsString>,
    /// The bytes of its standard input.
    pub stdin: Vec<u8>,
    /// Whether the worktree cannot be changed.
    pub fixed: bool,
    /// What lies in files of its own; it has no standard input then.
    pub secrets: Vec<Secret>,
}

impl Sandbox {
    /// Finds bubblewrap, and writes the account files that sandboxes see.
    /// `launcher` is this program, which closes system calls inside.
    ///
    /// # Errors
    /// Fails when bubblewrap is not there or the files cannot be written.
    pub fn new(search_path: &[PathBuf], dir: &Path, launcher: &Path) -> io::Result<Self> {
        let bwrap = search_path
            .iter()
            .map(|folder| folder.join("bwrap"))
            .find(|file| file.is_file())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "bwrap is not on the PATH"))?;
        std::fs::create_dir_all(dir)?;
        std::fs::write(dir.join("passwd"), PASSWD)?;
        std::fs::write(dir.join("group"), GROUP)?;
        Ok(Self(Mechanism::Bubblewrap(Bubblewrap {
            bwrap,
            accounts: dir.to_owned(),
            launcher: launcher.to_owned(),
            filters: true,
        })))
    }

    /// Leaves dangerous system calls open, where the host cannot close them.
    #[must_use]
    pub fn without_filter(mut self) -> Self {
        if let Mechanism::Bubblewrap(bubblewrap) = &mut self.0 {
            bubblewrap.filters = false;
        }
        self
    }

    /// Makes sandboxes without bubblewrap: by `launcher`, which is this program.
    #[must_use]
    pub fn without_namespaces(launcher: &Path, closed: Closed) -> Self {
        Self(Mechanism::Launcher(Launcher { program: launcher.to_owned(), closed }))
    }

    /// Makes the command that runs a process in a sandbox on a worktree.
    #[must_use]
    pub fn command(&self, worktree: &Path, confined: &Confined) -> Command {
        match &self.0 {
            Mechanism::Bubblewrap(bubblewrap) => bubblewrap.command(worktree, confined),
            Mechanism::Launcher(launcher) => launcher.command(worktree, confined),
        }
    }
}

impl Bubblewrap {
    fn command(&self, worktree: &Path, confined: &Confined) -> Command {
        let mut args = Arguments::default();
        args.words("--unshare-user --uid").word(USER).words("--gid").word(USER);
        args.words("--cap-drop ALL --unshare-net --unshare-pid --unshare-ipc --unshare-uts");
        args.words("--unshare-cgroup-try --hostname sandbox --die-with-parent --new-session");
        if confined.nesting == Nesting::Denied {
            args.words("--disable-userns");
        }
        self.system(&mut args);
        args.words("--ro-bind").word(&self.launcher).word(LAUNCHER);
        args.words("--bind").word(worktree).word(REPO);
        for mount in &confined.mounts {
            args.words(if mount.writable { "--bind" } else { "--ro-bind" });
            args.word(&mount.host).word(&mount.inside);
        }
        if confined.fixed {
            // Folders that environments keep lie over it, and can be written.
            args.words("--remount-ro").word(REPO);
        }
        if !confined.secrets.is_empty() {
            args.words("--perms 0700 --tmpfs").word(secrets::FOLDER);
        }
        // The root itself is a file system of bwrap's own, without a limit.
        args.words("--remount-ro /");
        let start = confined.cwd.as_ref().map_or(REPO.to_owned(), |cwd| format!("{REPO}/{cwd}"));
        args.words("--chdir").word(start);
        self.variables(confined, &mut args);
        if confined.secrets.is_empty() {
            return self.start(args, confined).stdin(confined.stdin.clone());
        }
        self.start(args, confined).stdin(secrets::framed(&confined.secrets))
    }

    fn start(&self, args: Arguments, confined: &Confined) -> Command {
        let mut command = Command::new(&self.bwrap).args(args.0).args(&confined.run);
        // Handed on by bwrap, whose own environment it is. As `--setenv` it
        // would stand in a command line that everyone inside can read.
        for (name, value) in environment(confined, Path::new(HOME), Path::new("/tmp")) {
            command = command.env(name, value);
        }
        command
    }

    /// The author's variables, set for the program alone: in the environment of
    /// bwrap or of the filter some would steer these, such as LD_PRELOAD.
    fn variables(&self, confined: &Confined, args: &mut Arguments) {
        if !self.filters {
            for (name, value) in &confined.vars {
                args.words("--setenv").word(name).word(value);
            }
        }
        if !confined.secrets.is_empty() {
            // Before the filter: it has no variable of the author's yet.
            args.words("--").word(LAUNCHER).words(secrets::SUBCOMMAND);
        }
        if self.filters {
            // Namespaces do not close keys, io_uring and the like.
            args.words("--").word(LAUNCHER).words(FILTER);
            for (name, value) in &confined.vars {
                args.words("--var").word(format!("{name}={value}"));
            }
        }
        args.words("--");
    }

    /// The system as it is seen inside: programs and libraries, no state.
    fn system(&self, args: &mut Arguments) {
        args.words("--ro-bind /usr /usr");
        for name in ["bin", "sbin", "lib", "lib32", "lib64"] {
            let path = Path::new("/").join(name);
            match std::fs::read_link(&path) {
                Ok(target) => args.words("--symlink").word(target).word(&path),
                Err(_) if path.is_dir() => args.words("--ro-bind").word(&path).word(&path),
                Err(_) => args,
            };
        }
        args.words("--dir /etc");
        for name in ["passwd", "group"] {
            args.words("--ro-bind").word(self.accounts.join(name)).word(format!("/etc/{name}"));
        }
        for path in ["/etc/ssl/certs", "/etc/alternatives", "/etc/ld.so.cache"] {
            args.words("--ro-bind-try").word(path).word(path);
        }
        args.words("--proc /proc");
        for path in settings_of_the_kernel() {
            args.words("--ro-bind-try").word(&path).word(&path);
        }
        args.words("--dev /dev --tmpfs /tmp --dir /var --symlink ../tmp /var/tmp");
        args.words("--perms 0700 --tmpfs").word(HOME).words("--dir /run");
    }
}

impl Launcher {
    fn command(&self, worktree: &Path, confined: &Confined) -> Command {
        let private = private(worktree);
        let mut args = Arguments::default();
        args.words(SUBCOMMAND).words("--worktree").word(worktree);
        args.words("--private").word(&private);
        args.words("--cwd")
            .word(confined.cwd.as_ref().map_or(worktree.to_owned(), |cwd| worktree.join(cwd)));
        for mount in &confined.mounts {
            match mount.inside.strip_prefix(REPO) {
                // Nothing can be shown over a file of the worktree: the keeper
                // writes the pointer to the view of git itself.
                Ok(_) => continue,
                Err(_) if mount.inside == Path::new(View::SEEN_AT) => args.words("--git"),
                Err(_) if mount.writable => args.words("--write"),
                Err(_) => args.words("--read"),
            };
            args.word(&mount.host);
        }
        for (name, value) in &confined.vars {
            args.words("--var").word(format!("{name}={value}"));
        }
        if !self.closed.files {
            args.words("--open files");
        }
        if !self.closed.calls {
            args.words("--open calls");
        }
        args.words("--");
        let mut command = Command::new(&self.program).args(args.0).args(&confined.run);
        for (name, value) in environment(confined, &private.join("home"), &private.join("tmp")) {
            command = command.env(name, value);
        }
        // The host's is closed, and git takes that for an error.
        command.env(MARK, worktree).env("GIT_CONFIG_NOSYSTEM", "1").stdin(confined.stdin.clone())
    }
}

/// Lists the parts of /proc by which root sets the kernel, if this is root.
///
/// Inside, root has another number and no right, but owns root's files all the
/// same: so it could write to core_pattern, and the host would run what stands
/// there. To anybody else they are closed by their modes, but for what is about the
/// sandbox's own namespaces; covering them would keep Codex's sandbox from mounting
/// a /proc of its own.
fn settings_of_the_kernel() -> Vec<PathBuf> {
    if !rustix::process::geteuid().is_root() {
        return Vec::new();
    }
    let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let may_be_set = |entry: &std::fs::DirEntry| {
        let is_process = entry.file_name().as_encoded_bytes()[0].is_ascii_digit();
        let metadata = entry.metadata().ok().filter(|metadata| !metadata.is_symlink());
        !is_process && metadata.is_some_and(|it| it.is_dir() || it.mode() & 0o222 != 0)
    };
    let mut found: Vec<PathBuf> = entries.filter(may_be_set).map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// The folder for the home and the temporary files of what runs on a worktree,
/// where they have to be folders of the host. It goes with what is beside the
/// worktree.
fn private(worktree: &Path) -> PathBuf {
    let mut name = worktree.file_name().unwrap_or_default().to_owned();
    name.push(".private");
    worktree.with_file_name(name)
}

fn environment(confined: &Confined, home: &Path, temporary: &Path) -> Vec<(String, OsString)> {
    let mut path = OsString::new();
    for folder in &confined.path {
        path.push(folder);
        path.push(":");
    }
    path.push(PATH);
    let fixed = [("USER", "agent"), ("LOGNAME", "agent"), ("SHELL", "/bin/bash")];
    let locale = [("LANG", "C.UTF-8"), ("TZ", "UTC"), ("TERM", "dumb")];
    let mut all: Vec<(String, OsString)> = vec![
        ("PATH".to_owned(), path),
        ("HOME".to_owned(), home.into()),
        ("TMPDIR".to_owned(), temporary.into()),
    ];
    all.extend(fixed.iter().chain(&locale).map(|(name, value)| ((*name).to_owned(), value.into())));
    all.extend(confined.env.iter().map(|(name, value)| (name.clone(), value.into())));
    let files = confined.secrets.iter().map(Secret::variable);
    all.extend(files.map(|(name, path)| (name, path.into())));
    all
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    /// Appends words separated by spaces; for literals of this file only.
    fn words(&mut self, words: &'static str) -> &mut Self {
        self.0.extend(words.split(' ').map(OsString::from));
        self
    }

    fn word(&mut self, word: impl Into<OsString>) -> &mut Self {
        self.0.push(word.into());
        self
    }
}
