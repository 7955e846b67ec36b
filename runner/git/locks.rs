//! What git commands leave that were killed: lock files, which would turn every
//! later command away.
//!
//! In the vault only the holder of the state's lock works, so whatever is found
//! there is left over, once the commands of a dead runner are ended. In the
//! user's repository others work too: there only the locks of references are
//! taken away that nobody else writes. Unaware of how far a run has come.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::vault::{Vault, remove_file_if_there};

/// How the files end by which git locks others; no reference is called so.
const LOCK: &str = "lock";

impl Vault {
    /// Makes the vault usable after a runner that was killed, or a host that was:
    /// ends what is left of its git commands, and takes away what those left. The
    /// caller holds the lock of the state.
    ///
    /// # Errors
    /// Fails when a command does not end, or a file cannot be read or removed.
    pub(crate) fn take_over(&self) -> Result<(), Error> {
        crate::orphans::end_all(self.dir()).map_err(Error::io("end what works on", self.dir()))?;
        let mut folders = vec![self.dir().to_owned(), self.dir().join("refs")];
        // Each has an index of its own.
        folders.extend(entries(&self.dir().join("worktrees"))?);
        while let Some(folder) = folders.pop() {
            let is_of_references = folder.starts_with(self.dir().join("refs"));
            for path in entries(&folder)? {
                if path.extension().is_some_and(|extension| extension == LOCK) {
                    remove_file_if_there(&path)?;
                } else if is_of_references && path.is_dir() {
                    folders.push(path);
                }
            }
        }
        self.clear_views_of_before()
    }

    /// Takes away the locks of a run's references in the user's repository: the
    /// runner alone writes them, until the run has ended and the branch is its
    /// user's.
    ///
    /// # Errors
    /// Fails when a file cannot be removed.
    pub(crate) fn take_over_references(&self, run: &str) -> Result<(), Error> {
        for name in [format!("refs/heads/eufm/{run}"), format!("refs/eufm/{run}/base")] {
            remove_file_if_there(&self.repository_common().join(format!("{name}.{LOCK}")))?;
        }
        Ok(())
    }
}

/// Lists what is in a folder; nothing where there is none.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .map_err(Error::io("read", folder)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::Ref;
    use crate::git::fixture::{Fixture, writes};
    use crate::process::{Command, Exit};

    #[test]
    fn locks_of_git_commands_that_were_killed_turn_nobody_away() {
        let fixture = Fixture::new();
        let (vault, base) = (&fixture.vault, &fixture.base);
        let worktree = fixture.worktree("a");
        let name = Ref::new("run-1", &["nodes", "a"]);
        vault.keep(&name, base).unwrap();
        let reference = vault.dir().join(format!("{}.lock", name.as_str()));
        let admin = entries(&vault.dir().join("worktrees")).unwrap().remove(0);
        let others = ["packed-refs.lock", "HEAD.lock"].map(|name| vault.dir().join(name));
        let locks = [&others[..], &[reference, admin.join("index.lock")]].concat();
        locks.iter().for_each(|lock| fs::write(lock, "").unwrap());
        assert!(vault.keep(&name, base).is_err(), "git would not be turned away");
        vault.take_over().unwrap();
        assert!(locks.iter().all(|lock| !lock.exists()), "{locks:?}");
        vault.keep(&name, base).unwrap();
        worktree.harvest(base, &writes(&[])).unwrap();
    }

    #[test]
    fn in_the_users_repository_only_the_runs_own_locks_go() {
        let fixture = Fixture::new();
        let result = fixture.change(&fixture.base, &[("x", Some("x\n"))]);
        let lock = |name: &str| {
            let path = fixture.user.join(".git/refs").join(format!("{name}.lock"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        let own = [lock("heads/eufm/run-1"), lock("eufm/run-1/base")];
        let foreign = [lock("heads/eufm/run-2"), lock("heads/main")];
        let publish = || fixture.vault.publish("eufm/run-1", &fixture.base, &result);
        assert!(publish().is_err() && fixture.vault.pin("run-1", &fixture.base).is_err());
        fixture.vault.take_over_references("run-1").unwrap();
        assert!(own.iter().all(|lock| !lock.exists()) && foreign.iter().all(|it| it.exists()));
        publish().unwrap();
        fixture.vault.pin("run-1", &fixture.base).unwrap();
    }

    #[test]
    fn the_commands_of_a_dead_runner_are_ended_first() {
        let fixture = Fixture::new();
        let pipe = fixture.root.path().join("pipe");
        let made = Command::new("/usr/bin/mkfifo").arg(&pipe).output().unwrap();
        assert!(made.exit.is_success());
        // Waits for somebody who writes to the pipe.
        let command = fixture.vault.git_at_repository("hash-object").arg("--no-filters").arg(&pipe);
        let waiting = std::thread::spawn(move || command.answer());
        while !waiting.is_finished() {
            fixture.vault.take_over().unwrap();
        }
        assert_eq!(waiting.join().unwrap().unwrap().exit, Exit::Signal(9));
    }
}
