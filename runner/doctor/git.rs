//! git: whether it is there, and new enough to merge without a worktree.
//! Unaware of repositories.

use super::{Bench, Facility, Finding};
use crate::git::Git;

pub(super) const FACILITY: Facility =
    Facility { name: "git", purpose: "keeps and merges what nodes make", examine };

fn examine(bench: &Bench<'_>) -> Finding {
    let path = match std::env::join_paths(&bench.host.path) {
        Ok(path) => path,
        Err(error) => return Finding::missing(format!("PATH: {error}"), "set PATH anew"),
    };
    match Git::find(&path) {
        Ok(git) => Finding::enforced(format!("{} at {}", git.version(), git.program().display())),
        Err(error) => {
            let how = crate::printable::line(&error.to_string(), 300);
            Finding::missing(how, "install git 2.38 or newer (Debian: apt-get install git)")
        }
    }
}
