//! The sandbox of every agent, command and gate: what it sees, by bubblewrap.
//!
//! Default-deny: a fresh file system with `/usr` read-only, the worktree at
//! `/repo`, private `/tmp` and home, a PID namespace that dies with the runner
//! and a network namespace without a way out. Whatever else is seen is named
//! by a [`Mount`]. Unaware of what runs inside. Measured in docs/sandbox.md.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::process::Command;

/// Where the worktree is, whatever the attempt: sessions and caches see one path.
pub const REPO: &str = "/repo";

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

/// The host's side: the program that makes sandboxes and the files they share.
#[derive(Debug, Clone)]
pub struct Sandbox {
    bwrap: PathBuf,
    accounts: PathBuf,
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
}

impl Sandbox {
    /// Finds bubblewrap, and writes the account files that sandboxes see.
    ///
    /// # Errors
    /// Fails when bubblewrap is not there or the files cannot be written.
    pub fn new(search_path: &[PathBuf], dir: &Path) -> io::Result<Self> {
        let bwrap = search_path
            .iter()
            .map(|folder| folder.join("bwrap"))
            .find(|file| file.is_file())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "bwrap is not on the PATH"))?;
        std::fs::create_dir_all(dir)?;
        std::fs::write(dir.join("passwd"), PASSWD)?;
        std::fs::write(dir.join("group"), GROUP)?;
        Ok(Self { bwrap, accounts: dir.to_owned() })
    }

    /// Makes the command that runs a process in a sandbox on a worktree.
    #[must_use]
    pub fn command(&self, worktree: &Path, confined: &Confined) -> Command {
        let mut args = Arguments::default();
        args.words("--unshare-user --uid").word(USER).words("--gid").word(USER);
        args.words("--cap-drop ALL --unshare-net --unshare-pid --unshare-ipc --unshare-uts");
        args.words("--unshare-cgroup-try --hostname sandbox --die-with-parent --new-session");
        if confined.nesting == Nesting::Denied {
            args.words("--disable-userns");
        }
        self.system(&mut args);
        args.words("--bind").word(worktree).word(REPO);
        for mount in &confined.mounts {
            args.words(if mount.writable { "--bind" } else { "--ro-bind" });
            args.word(&mount.host).word(&mount.inside);
        }
        // The root itself is a file system of bwrap's own, without a limit.
        args.words("--remount-ro /");
        // Set inside only: in its own environment some would steer bwrap itself,
        // such as LD_PRELOAD.
        for (name, value) in &confined.vars {
            args.words("--setenv").word(name).word(value);
        }
        let start = confined.cwd.as_ref().map_or(REPO.to_owned(), |cwd| format!("{REPO}/{cwd}"));
        args.words("--chdir").word(start).words("--");
        let mut command = Command::new(&self.bwrap).args(args.0).args(&confined.run);
        // Handed on by bwrap, whose own environment it is. As `--setenv` it
        // would stand in a command line that everyone inside can read.
        for (name, value) in environment(confined) {
            command = command.env(name, value);
        }
        command.stdin(confined.stdin.clone())
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
        if owns_the_kernels_files() {
            for name in OF_THE_KERNEL {
                let path = Path::new("/proc").join(name);
                args.words("--ro-bind-try").word(&path).word(path);
            }
        }
        args.words("--dev /dev --tmpfs /tmp --dir /var --symlink ../tmp /var/tmp");
        args.words("--perms 0700 --tmpfs").word(HOME).words("--dir /run");
    }
}

/// What in /proc is a setting of the host, not of a process.
const OF_THE_KERNEL: &[&str] =
    &["sys", "sysrq-trigger", "acpi", "bus", "fs", "irq", "mtrr", "scsi"];

/// Tells whether the runner owns the files of /proc/sys: then everyone inside
/// does, without any capability, and could set up the host to run a program.
fn owns_the_kernels_files() -> bool {
    let user = rustix::process::geteuid().as_raw();
    std::fs::metadata("/proc/sys").is_ok_and(|data| data.uid() == user)
}

fn environment(confined: &Confined) -> Vec<(String, OsString)> {
    let mut path = OsString::new();
    for folder in &confined.path {
        path.push(folder);
        path.push(":");
    }
    path.push(PATH);
    let fixed = [("HOME", HOME), ("USER", "agent"), ("LOGNAME", "agent"), ("SHELL", "/bin/bash")];
    let locale = [("LANG", "C.UTF-8"), ("TZ", "UTC"), ("TMPDIR", "/tmp"), ("TERM", "dumb")];
    let mut all: Vec<(String, OsString)> = vec![("PATH".to_owned(), path)];
    all.extend(fixed.iter().chain(&locale).map(|(name, value)| ((*name).to_owned(), value.into())));
    all.extend(confined.env.iter().map(|(name, value)| (name.clone(), value.into())));
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
