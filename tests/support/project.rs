//! A repository with a spec, a place for state, and what a run left in both.
//!
//! Unaware of which spec it is.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{Ended, Invocation, codex, survivors, until};

/// How long what ran may outlive a runner that was killed.
const STOP: Duration = Duration::from_secs(2);

/// Makes the opening of a pipe fail that nobody reads (open(2) of Linux).
const O_NONBLOCK: i32 = 0o4000;

/// A project in a temporary folder: `repo`, `state` and `home`.
pub(crate) struct Project {
    root: TempDir,
}

impl Project {
    /// Makes a repository whose branch `main` holds the files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let project = Self::without_repository();
        project.git(&["init", "-q", "-b", "main"]);
        for (path, content) in files {
            project.write(path, content);
        }
        project.commit("base");
        project
    }

    /// Makes a project whose folder `repo` is no repository.
    pub(crate) fn without_repository() -> Self {
        let root = tempfile::Builder::new().prefix("eufm-test-").tempdir();
        let project = Self { root: root.expect("a temporary folder") };
        for name in ["repo", "home"] {
            std::fs::create_dir(project.root().join(name)).expect("a folder can be made");
        }
        project
    }

    /// Makes a project whose repository holds one file, with a spec that is compiled.
    #[track_caller]
    pub(crate) fn of_spec(spec: &str) -> Self {
        let project = Self::new(&[("README.md", "# A project\n")]);
        project.write("spec.eufm", spec);
        project.compile().expect(0);
        project
    }

    /// Returns the folder of all of it.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Returns the repository.
    pub(crate) fn repo(&self) -> PathBuf {
        self.root().join("repo")
    }

    /// Returns the folder of the state.
    pub(crate) fn state(&self) -> PathBuf {
        self.root().join("state")
    }

    /// Writes a file of the repository's folder.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.repo().join(path);
        let folder = path.parent().expect("a file lies in a folder");
        std::fs::create_dir_all(folder).expect("a folder can be made");
        std::fs::write(&path, content).expect("a file can be written");
    }

    /// Reads a file of the repository's folder.
    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.repo().join(path)).expect("the file is there")
    }

    /// Runs git in the repository and returns what it printed, trimmed.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Test", "-c", "user.email=test@localhost"])
            .args(args)
            .current_dir(self.repo())
            // The same files are the same commit, and so the same name of a run.
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Commits everything that the repository's folder holds.
    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    /// A command line of the binary, run in the repository.
    pub(crate) fn eufm(&self) -> Invocation {
        Invocation::new(self.root(), &self.repo())
    }

    /// Compiles `spec.eufm`.
    #[track_caller]
    pub(crate) fn compile(&self) -> Ended {
        self.eufm().args(["compile", "spec.eufm"]).run()
    }

    /// A run of `plan.lock` without agents.
    pub(crate) fn exec(&self) -> Invocation {
        self.eufm().args(["exec", "plan.lock", "--state"]).arg(self.state())
    }

    /// A run of `plan.lock` with the real Codex CLI and `cassette.toml`.
    pub(crate) fn exec_agents(&self) -> Invocation {
        self.exec().args(["--cassette", "cassette.toml", "--codex"]).arg(codex())
    }

    /// Returns the folder of the only run there is.
    #[track_caller]
    pub(crate) fn run_dir(&self) -> PathBuf {
        let runs = self.run_dirs();
        assert_eq!(runs.len(), 1, "there is one run: {runs:?}");
        runs[0].clone()
    }

    /// Lists the folders of runs, sorted.
    pub(crate) fn run_dirs(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.state().join("runs")).into_iter().flatten();
        let mut runs: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).collect();
        runs.sort();
        runs
    }

    /// Returns the whole records of the only journal; none before there is one.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let Some(run) = self.run_dirs().into_iter().next() else { return Vec::new() };
        let text = std::fs::read_to_string(run.join("journal")).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole
            .map(|line| {
                let json = line.splitn(5, ' ').nth(4).expect("a record has five fields");
                serde_json::from_str(json).expect("a record holds JSON")
            })
            .collect()
    }

    /// Returns the facts of one kind about one node, in the journal's order.
    pub(crate) fn facts(&self, node: &str, kind: &str) -> Vec<Value> {
        let records = self.journal().into_iter().filter(|record| record["node"] == node);
        records
            .filter_map(|mut record| Some(record["event"]["node"].get_mut(kind)?.take()))
            .collect()
    }

    /// Returns the run's branch.
    #[track_caller]
    pub(crate) fn branch(&self) -> String {
        let branches = self.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/eufm"]);
        assert_eq!(branches.lines().count(), 1, "there is one branch: {branches:?}");
        branches
    }

    /// Returns a file of the run's branch.
    #[track_caller]
    pub(crate) fn merged(&self, path: &str) -> String {
        self.git(&["show", &format!("{}:{path}", self.branch())])
    }

    /// Returns the digest of the tree of the run's branch.
    #[track_caller]
    pub(crate) fn tree(&self) -> String {
        self.git(&["rev-parse", &format!("{}^{{tree}}", self.branch())])
    }

    /// Waits until a command in a worktree has made a file there.
    #[track_caller]
    pub(crate) fn wait_for_file(&self, name: &str) -> PathBuf {
        until(&format!("{name} in a worktree"), || self.files_at_work(name).pop())
    }

    /// Sends a line to the command that reads from a pipe in its worktree, as
    /// soon as there is one.
    #[track_caller]
    pub(crate) fn send(&self, pipe: &str, line: &str) {
        until(&format!("a reader of {pipe}"), || {
            // Without a reader, of a killed command's pipe say, this fails at once.
            let open = |path| File::options().write(true).custom_flags(O_NONBLOCK).open(path);
            let mut file = self.files_at_work(pipe).into_iter().find_map(|path| open(path).ok())?;
            writeln!(file, "{line}").ok()
        });
    }

    /// Lists the files of a name in the worktrees of attempts and gates.
    fn files_at_work(&self, name: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for run in self.run_dirs() {
            let work = std::fs::read_dir(run.join("work")).into_iter().flatten();
            let files = work.filter_map(Result::ok).map(|e| e.path().join("tree").join(name));
            found.extend(files.filter(|file| file.exists()));
        }
        found
    }

    /// Asserts that no process, worktree or lock is left of what has run.
    #[track_caller]
    pub(crate) fn nothing_is_left(&self) {
        self.nothing_runs();
        for run in self.run_dirs() {
            let work = std::fs::read_dir(run.join("work")).into_iter().flatten();
            let work: Vec<_> = work.filter_map(Result::ok).map(|entry| entry.path()).collect();
            assert!(work.is_empty(), "worktrees are left: {work:?}");
        }
        let worktrees = self.state().join("vault.git/worktrees");
        let left = std::fs::read_dir(&worktrees).map_or(0, Iterator::count);
        assert_eq!(left, 0, "git still knows of worktrees in {}", worktrees.display());
        let lock = File::open(self.state().join("lock")).expect("the lock file is there");
        lock.try_lock().expect("nobody holds the lock");
    }

    /// Removes the control groups of runners that a test killed: nobody takes
    /// their runs up again.
    fn remove_groups(&self) {
        for run in self.run_dirs() {
            let groups = std::fs::read_to_string(run.join("groups")).unwrap_or_default();
            for group in groups.lines().filter(|group| group.contains("/eufm-")) {
                let found = Command::new("find").args([group, "-depth", "-type", "d"]).output();
                let found = found.map(|output| output.stdout).unwrap_or_default();
                for folder in String::from_utf8_lossy(&found).lines() {
                    // One that is in use is not removed, and is no test's fault.
                    let _ = std::fs::remove_dir(folder);
                }
            }
        }
    }

    /// Waits until nothing that was started for this project runs any more.
    #[track_caller]
    pub(crate) fn nothing_runs(&self) {
        let started = Instant::now();
        until("the end of all processes", || {
            let found = survivors(self.root());
            assert!(started.elapsed() < STOP, "still there after {STOP:?}: {found:#?}");
            found.is_empty().then_some(())
        });
    }
}

/// A test that failed leaves nothing behind either.
impl Drop for Project {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.remove_groups();
            return;
        }
        for process in survivors(self.root()) {
            let pid = process.split(':').next().unwrap_or_default();
            // What is gone already needs no end.
            let _ = Command::new("kill").args(["-s", "KILL", pid]).status();
        }
        self.remove_groups();
    }
}
