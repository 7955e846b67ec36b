//! What can go wrong around git, each with its place, its cause and a way out.
//!
//! A refused harvest and a conflict are results of an attempt and have types
//! of their own, in `harvest` and `merge`.

use std::io;
use std::path::{Path, PathBuf};

use super::id::CommitId;

/// A failure of git or of the file system below it, or a repository that
/// cannot be worked on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No git program on the search path.
    #[error("git is not installed: no `git` in {searched}; install git 2.38 or later")]
    NoGit {
        /// The search path.
        searched: String,
    },
    /// The git program is too old for merges without a worktree.
    #[error(
        "{program} is git {version}; eufm needs 2.38 or later (`git merge-tree --write-tree`): \
         install a newer one, or put it first in PATH"
    )]
    OldGit {
        /// The program.
        program: PathBuf,
        /// What it says it is.
        version: String,
    },
    /// The folder is not in a git repository.
    #[error(
        "{path}: not a git repository ({cause}); run `git init` and commit, or name another folder"
    )]
    NotARepository {
        /// The folder.
        path: PathBuf,
        /// What git says.
        cause: String,
    },
    /// The repository has no commit that a run could start from.
    #[error("{path}: the repository has no commit yet; commit the state the run shall start from")]
    NoCommit {
        /// The git directory.
        path: PathBuf,
    },
    /// The repository fetches objects when they are asked for.
    #[error(
        "{path}: a partial clone fetches missing files from its remote, which a run does not do; \
         fetch them first with `git fetch --refetch --no-filter`, or use a full clone"
    )]
    PartialClone {
        /// The git directory.
        path: PathBuf,
    },
    /// A revision names no commit.
    #[error(
        "`{revision}` names no commit of {repository}: check the spelling, or fetch the branch first"
    )]
    UnknownRevision {
        /// What was asked for.
        revision: String,
        /// The git directory.
        repository: PathBuf,
    },
    /// The folder for a worktree is in use.
    #[error(
        "{dir}: the folder for a worktree must be new or empty; what a killed attempt left is taken away by a prune"
    )]
    FolderInUse {
        /// The folder.
        dir: PathBuf,
    },
    /// A prune was asked for a folder that holds more than a worktree.
    #[error("{dir} holds the repository or its vault and is not removed")]
    NotAWorktree {
        /// The folder.
        dir: PathBuf,
    },
    /// A path of the runner that git cannot be told of.
    #[error(
        "{path}: a line break, or a character outside Unicode, in the path of the state or of the repository; move it"
    )]
    UnusablePath {
        /// The path.
        path: PathBuf,
    },
    /// A glob that cannot be understood.
    #[error("writes: `{glob}`: {cause}")]
    BadGlob {
        /// The glob.
        glob: String,
        /// Why not.
        cause: String,
    },
    /// An author that git would not write.
    #[error("author `{author}`: {cause}; write it like `Name <mail@host>`")]
    BadAuthor {
        /// What was given.
        author: String,
        /// Why not.
        cause: &'static str,
    },
    /// Globs reach into submodules.
    #[error(
        "writes: {paths} is a submodule, and a run changes one repository only; narrow `writes`, or run in the submodule's own repository"
    )]
    WritesSubmodule {
        /// The submodules, sorted, at most a few.
        paths: String,
    },
    /// Globs reach files that a filter converts, such as Git LFS.
    #[error(
        "writes: {path} has `filter={filter}` in .gitattributes, and eufm runs no filters: \
         its content would be committed unconverted; narrow `writes`, or take the path out of the filter"
    )]
    WritesFiltered {
        /// A path, for example.
        path: String,
        /// The filter's name.
        filter: String,
    },
    /// The branch of the run is checked out by the user.
    #[error(
        "branch {branch} is checked out in {place}, so it cannot be moved under it; check out another branch there (`git switch -`) and run the command again"
    )]
    BranchCheckedOut {
        /// The branch.
        branch: String,
        /// The worktree that has it.
        place: PathBuf,
    },
    /// The branch of the run holds commits of someone else.
    #[error(
        "branch {branch} is at {found}, which is not part of the run's result; rename it (`git branch -m {branch} NAME`) and run the command again"
    )]
    BranchMoved {
        /// The branch.
        branch: String,
        /// Where it is.
        found: CommitId,
    },
    /// A file or folder could not be read or written.
    #[error("{path}: cannot {act}: {source}")]
    Io {
        /// What was tried.
        act: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A git command failed.
    #[error("git {command} failed in {place}: {exit}: {stderr}")]
    Failed {
        /// The command's name.
        command: &'static str,
        /// The git directory.
        place: PathBuf,
        /// How it ended.
        exit: crate::process::Exit,
        /// What it wrote, shortened.
        stderr: String,
    },
    /// A git command wrote what is not understood.
    #[error(
        "git {command} answered in an unknown form: {answer}; report this with the output of `git --version`"
    )]
    Answer {
        /// The command's name.
        command: &'static str,
        /// The answer, shortened.
        answer: String,
    },
}

impl Error {
    /// Makes the closure that puts a place on an I/O error.
    pub(super) fn io(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { act, path, source }
    }

    /// Says that an answer was not understood.
    pub(super) fn answer(command: &'static str, answer: &[u8]) -> Self {
        Self::Answer { command, answer: excerpt(answer) }
    }
}

/// Makes the first 2,000 bytes of a program's output fit for a message: one
/// line, without control characters.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    const BYTES_MAX: usize = 2_000;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(BYTES_MAX)]);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut line: String = lines.join("; ");
    line.retain(|c| !c.is_control());
    if bytes.len() > BYTES_MAX {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_one_bounded_line_without_control_characters() {
        assert_eq!(excerpt(b"fatal: a\x1b[31m\n\n hint: b \n"), "fatal: a[31m; hint: b");
        assert!(excerpt(&[b'x'; 10_000]).ends_with('…'));
    }
}
