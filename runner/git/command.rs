//! Assembles every git invocation of the runner: the only place that does.
//!
//! A command gets a whole environment of its own, in which nothing of the user's
//! or the system's configuration, of an agent's folder or of the terminal
//! counts, and settings on the command's level, which win over those of any
//! repository. Commands that read a work tree run with the vault as git
//! directory, which has no filters, drivers or hooks to run. Unaware of what
//! the commands are for.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read as _, Seek as _};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Error, excerpt};
use crate::process::{Command, Output};

/// Settings of every invocation, and of the vault's own configuration file.
/// They are the whole defence where a user's repository is the git directory.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("advice.addEmbeddedRepo", "false"),
    ("commit.gpgSign", "false"),
    ("core.alternateRefsCommand", "false"),
    ("core.askPass", "false"),
    ("core.attributesFile", "/dev/null"),
    ("core.autocrlf", "false"),
    ("core.checkStat", "default"),
    ("core.editor", "false"),
    ("core.eol", "lf"),
    ("core.excludesFile", "/dev/null"),
    ("core.fileMode", "true"),
    ("core.fsmonitor", "false"),
    // What a journal calls committed must survive a power loss; the batch
    // costs one flush a command.
    ("core.fsync", "committed,reference"),
    ("core.fsyncMethod", "batch"),
    ("core.hooksPath", "/dev/null"),
    ("core.ignoreCase", "false"),
    ("core.pager", "cat"),
    ("core.precomposeUnicode", "false"),
    ("core.protectHFS", "true"),
    ("core.protectNTFS", "true"),
    ("core.quotePath", "true"),
    ("core.safecrlf", "false"),
    ("core.sparseCheckout", "false"),
    ("core.splitIndex", "false"),
    ("core.sshCommand", "false"),
    ("core.symlinks", "true"),
    ("core.trustctime", "true"),
    ("core.untrackedCache", "false"),
    ("credential.helper", ""),
    ("diff.ignoreSubmodules", "all"),
    ("fetch.recurseSubmodules", "false"),
    ("gc.auto", "0"),
    ("gpg.program", "false"),
    ("i18n.commitEncoding", "UTF-8"),
    ("index.sparse", "false"),
    ("maintenance.auto", "false"),
    ("merge.conflictStyle", "merge"),
    // A file that moves with its folder is a conflict: a question, no guess.
    ("merge.directoryRenames", "conflict"),
    ("merge.renames", "true"),
    ("merge.renormalize", "false"),
    ("protocol.allow", "never"),
    // Named on the command line by the user, and nothing of it is executed.
    ("safe.directory", "*"),
    ("submodule.recurse", "false"),
];

/// The oldest version with `merge-tree --write-tree`.
const VERSION_MIN: (u32, u32) = (2, 38);

/// A git program that was found and is new enough.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    program: Arc<Path>,
    version: (u32, u32),
}

impl Git {
    /// Finds git on a search path (the form of `PATH`). Relative entries are
    /// passed over: they could lead into an agent's folder.
    ///
    /// # Errors
    /// Fails when there is none, or only one that is too old.
    pub(crate) fn find(search_path: &OsStr) -> Result<Self, Error> {
        let program = std::env::split_paths(search_path)
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join("git"))
            .find(|program| program.is_file())
            .ok_or_else(|| Error::NoGit { searched: search_path.to_string_lossy().into_owned() })?;
        let output = Command::new(&program)
            .env("LC_ALL", "C")
            .arg("version")
            .output()
            .map_err(Error::io("start", &program))?;
        Self::of(program, &output.stdout)
    }

    /// Checks what the program says of itself.
    fn of(program: PathBuf, answer: &[u8]) -> Result<Self, Error> {
        let version = parse_version(answer).ok_or_else(|| Error::answer("version", answer))?;
        if version < VERSION_MIN {
            let version = format!("{}.{}", version.0, version.1);
            return Err(Error::OldGit { program, version });
        }
        Ok(Self { program: program.into(), version })
    }

    /// Returns the program.
    pub(crate) fn program(&self) -> &Path {
        &self.program
    }

    /// Returns its version, `2.47`.
    pub(crate) fn version(&self) -> String {
        format!("{}.{}", self.version.0, self.version.1)
    }

    /// Starts to describe a command on a git directory.
    pub(super) fn at(&self, git_dir: &Path, name: &'static str) -> Invocation {
        let mut invocation = self.anywhere(git_dir, name);
        invocation.command = invocation.command.env("GIT_DIR", git_dir);
        invocation
    }

    /// Starts to describe a command that looks for the git directory from a
    /// folder upwards. It must not read a work tree.
    pub(super) fn anywhere(&self, dir: &Path, name: &'static str) -> Invocation {
        let mut command = Command::new(&*self.program)
            .dir(dir)
            .env("PATH", self.search_path())
            .env("LC_ALL", "C")
            .env("HOME", "/nonexistent")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_ADVICE", "0")
            .env("GIT_LITERAL_PATHSPECS", "1")
            .env("GIT_AUTHOR_NAME", "eufm")
            .env("GIT_AUTHOR_EMAIL", "eufm@localhost")
            .env("GIT_COMMITTER_NAME", "eufm")
            .env("GIT_COMMITTER_EMAIL", "eufm@localhost")
            .env("GIT_CONFIG_COUNT", SETTINGS.len().to_string());
        for (number, (key, value)) in SETTINGS.iter().enumerate() {
            command = command
                .env(format!("GIT_CONFIG_KEY_{number}"), key)
                .env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        Invocation { command: command.arg(name), name, place: dir.to_owned() }
    }

    /// Returns where git may look for programs of its own: beside itself (an
    /// installation away from the system's) and in the system's folders.
    fn search_path(&self) -> OsString {
        let mut path = OsString::from("/usr/local/bin:/usr/bin:/bin");
        if let Some(dir) = self.program.parent() {
            path.push(":");
            path.push(dir);
        }
        path
    }
}

/// Reads `git version 2.47.3` and what vendors make of it.
fn parse_version(answer: &[u8]) -> Option<(u32, u32)> {
    let text = std::str::from_utf8(answer).ok()?.strip_prefix("git version ")?;
    let mut numbers = text.split(['.', ' ', '-', '\n']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// A git command on its way.
#[derive(Debug, Clone)]
pub(super) struct Invocation {
    command: Command,
    name: &'static str,
    place: PathBuf,
}

impl Invocation {
    /// Appends an argument.
    pub(super) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command = self.command.arg(arg);
        self
    }

    /// Appends arguments.
    pub(super) fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Self {
        self.command = self.command.args(args);
        self
    }

    /// Sets a variable.
    pub(super) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command = self.command.env(name, value);
        self
    }

    /// Leaves what is written to the system to sync: for what is made again when a
    /// power loss has taken it.
    pub(super) fn unsynced(self) -> Self {
        self.setting("core.fsync", "none")
    }

    /// Adds one setting, which wins over those of every invocation.
    pub(super) fn setting(self, key: &str, value: &str) -> Self {
        let last = SETTINGS.len();
        self.env("GIT_CONFIG_COUNT", (last + 1).to_string())
            .env(&format!("GIT_CONFIG_KEY_{last}"), key)
            .env(&format!("GIT_CONFIG_VALUE_{last}"), value)
    }

    /// Sets the folder that holds the files.
    pub(super) fn work_tree(self, dir: &Path) -> Self {
        self.env("GIT_WORK_TREE", dir)
    }

    /// Sets the index file.
    pub(super) fn index(self, file: &Path) -> Self {
        self.env("GIT_INDEX_FILE", file)
    }

    /// Sets the standard input.
    pub(super) fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.command = self.command.stdin(bytes);
        self
    }

    /// Runs it; any status is an answer.
    pub(super) fn answer(&self) -> Result<Output, Error> {
        self.command.output().map_err(Error::io("start git", &self.place))
    }

    /// Runs it; returns what it wrote if it ended well.
    pub(super) fn run(&self) -> Result<Vec<u8>, Error> {
        let output = self.answer()?;
        if output.exit.is_success() { Ok(output.stdout) } else { Err(self.failed(&output)) }
    }

    /// Runs it and reads a line.
    pub(super) fn line(&self) -> Result<String, Error> {
        let stdout = self.run()?;
        let line = stdout.strip_suffix(b"\n").unwrap_or(&stdout);
        std::str::from_utf8(line).map(str::to_owned).map_err(|_| Error::answer(self.name, line))
    }

    /// Runs it and lets `read` have what it writes while it is written, so that no
    /// more of it is held than `read` holds.
    pub(super) fn stream<T>(
        &self,
        read: impl FnOnce(&mut dyn BufRead) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let failed = |error| Error::io("start git", &self.place)(error);
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        let mut errors = tempfile::tempfile_in(&self.place).map_err(failed)?;
        let (stdout, stderr) = (OwnedFd::from(writer).into(), errors.try_clone().map_err(failed)?);
        let handle = self.command.clone().bare().start(stdout, stderr).map_err(failed)?;
        let answer = read(&mut BufReader::with_capacity(1 << 16, reader));
        // Who stopped reading wants no more of it.
        let exit = if answer.is_ok() { handle.wait() } else { handle.end() }.map_err(failed)?;
        if answer.is_ok() && !exit.is_success() {
            let mut stderr = Vec::new();
            errors.rewind().and_then(|()| errors.read_to_end(&mut stderr)).map_err(failed)?;
            return Err(self.failed(&Output { exit, stdout: Vec::new(), stderr }));
        }
        answer
    }

    /// Makes the error of an answer that was not the wanted one.
    pub(super) fn failed(&self, output: &Output) -> Error {
        Error::Failed {
            command: self.name,
            place: self.place.clone(),
            exit: output.exit,
            stderr: excerpt(&output.stderr),
        }
    }
}

/// Turns a line of git's output into a path, byte for byte.
pub(super) fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// Returns a path's bytes, for files and inputs that hold a path a line.
///
/// # Errors
/// Fails on a path with a line break.
pub(super) fn line_of(path: &Path) -> Result<&[u8], Error> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.contains(&b'\n') || bytes.contains(&b'\r') {
        return Err(Error::UnusablePath { path: path.to_owned() });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_all_vendors_are_read() {
        let version = |text: &str| parse_version(text.as_bytes());
        assert_eq!(version("git version 2.47.3\n"), Some((2, 47)));
        assert_eq!(version("git version 2.39.3 (Apple Git-146)\n"), Some((2, 39)));
        assert_eq!(version("git version 3.0-rc1\n"), Some((3, 0)));
        assert_eq!(version("git version 2.53.0.windows.1\n"), Some((2, 53)));
        assert_eq!(version("git version two\n"), None);
        assert_eq!(version("hub\n"), None);
    }

    #[test]
    fn an_old_git_is_refused_with_the_version_that_is_needed() {
        let error = Git::of("/usr/bin/git".into(), b"git version 2.34.1\n").unwrap_err();
        assert!(error.to_string().contains("git 2.34; eufm needs 2.38"), "{error}");
        assert!(Git::of("/usr/bin/git".into(), b"git version 2.38.0\n").is_ok());
    }

    #[test]
    fn relative_folders_of_the_search_path_are_passed_over() {
        let error = Git::find(OsStr::new(".:bin:")).unwrap_err();
        assert!(matches!(error, Error::NoGit { .. }));
    }

    #[test]
    fn settings_are_sorted_and_named_once() {
        let keys: Vec<_> = SETTINGS.iter().map(|(key, _)| key.to_lowercase()).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
    }
}
