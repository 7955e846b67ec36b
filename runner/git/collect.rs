//! What of the vault goes when runs go: references, views, objects.
//!
//! Only objects that no reference names are removed, and only while nobody else
//! works on the vault. Unaware of which runs are to go.

use std::collections::BTreeSet;
use std::fs;

use super::error::Error;
use super::id::CommitId;
use super::refs::Ref;
use super::vault::Vault;
use super::worktree::remove_all;

/// Where all references of runs lie.
const ROOT: &str = "refs/eufm/";

impl Vault {
    /// Removes all references of a run.
    ///
    /// # Errors
    /// Fails when git fails.
    pub(crate) fn forget_run(&self, run: &str) -> Result<(), Error> {
        let below = format!("{}/", Ref::new(run, &[]));
        self.delete(&self.references(&below)?)
    }

    /// Removes the references of runs but these, and of results but these; what
    /// stands below a results' own name is no run's.
    ///
    /// # Errors
    /// Fails when git fails.
    pub(crate) fn forget_others(&self, runs: &[&str], results: &[Ref]) -> Result<(), Error> {
        let runs: BTreeSet<String> =
            runs.iter().map(|run| format!("{}/", Ref::new(run, &[]))).collect();
        let results: BTreeSet<&str> = results.iter().map(Ref::as_str).collect();
        let run_of = |name: &str| -> Option<String> {
            let run = name.strip_prefix(ROOT)?.split('/').next()?;
            Some(format!("{ROOT}{run}/"))
        };
        let mut names = self.references(ROOT)?;
        names.retain(|name| {
            let is_of_run = run_of(name).is_some_and(|run| runs.contains(&run));
            !is_of_run && !results.contains(name.as_str())
        });
        self.delete(&names)
    }

    /// Keeps commits that the journal of a run speaks of, as far as they are
    /// there, so that no pack leaves them out.
    ///
    /// # Errors
    /// Fails when git fails.
    pub(crate) fn keep_all(&self, run: &str, commits: &BTreeSet<CommitId>) -> Result<(), Error> {
        let list: String = commits.iter().map(|commit| format!("{commit}\n")).collect();
        let check =
            self.git_at_vault("cat-file").args(["--batch-check=%(objectname) %(objecttype)"]);
        let known = check.stdin(list.into_bytes()).run()?;
        let text = String::from_utf8_lossy(&known);
        let there: BTreeSet<&str> =
            text.lines().filter_map(|line| line.strip_suffix(" commit")).collect();
        let mut input = String::new();
        for commit in commits.iter().filter(|commit| there.contains(commit.as_str())) {
            let name = Ref::new(run, &["kept", &format!("c{commit}")]);
            input.push_str(&format!("update {name} {commit}\n"));
        }
        self.update(input)
    }

    /// Removes the packed trees that views are made of; they are made again.
    ///
    /// # Errors
    /// Fails when a file cannot be removed.
    pub(crate) fn clear_views(&self) -> Result<(), Error> {
        remove_all(&self.dir().join("views"))?;
        remove_all(&self.dir().join("outgoing"))
    }

    /// Packs what references name and removes all other objects of the vault;
    /// those of the user's repository are not its own.
    ///
    /// # Errors
    /// Fails when git fails, as where the user's repository has lost objects;
    /// nothing is removed then.
    pub(crate) fn pack(&self) -> Result<(), Error> {
        // Some of it will be gone.
        self.known().forget();
        self.git_at_vault("pack-refs").args(["--all", "--prune"]).run()?;
        self.git_at_vault("repack").args(["-a", "-d", "-l", "--quiet"]).run()?;
        self.git_at_vault("prune").args(["--expire=now"]).run().map(drop)
    }

    fn references(&self, below: &str) -> Result<Vec<String>, Error> {
        let list = self.git_at_vault("for-each-ref").args(["--format=%(refname)", "--", below]);
        let list = list.run()?;
        Ok(String::from_utf8_lossy(&list).lines().map(str::to_owned).collect())
    }

    fn delete(&self, names: &[String]) -> Result<(), Error> {
        self.update(names.iter().map(|name| format!("delete {name}\n")).collect())
    }

    fn update(&self, input: String) -> Result<(), Error> {
        if input.is_empty() {
            return Ok(());
        }
        self.git_at_vault("update-ref").arg("--stdin").stdin(input.into_bytes()).run().map(drop)
    }

    /// Removes the indexes that a killed runner has left.
    ///
    /// # Errors
    /// Fails when a file cannot be read or removed.
    pub(super) fn clear_scratch(&self) -> Result<(), Error> {
        let dir = self.dir();
        for entry in fs::read_dir(dir).map_err(Error::io("read", dir))? {
            let path = entry.map_err(Error::io("read", dir))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name.starts_with("scratch-") {
                remove_all(&path)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::{Fixture, write};

    /// A commit that only the vault has.
    fn made(fixture: &Fixture, name: &str) -> CommitId {
        fixture.change(&fixture.base, &[(name, Some(name))])
    }

    fn has(fixture: &Fixture, commit: &CommitId) -> bool {
        fixture.vault.tree(commit).is_ok()
    }

    #[test]
    fn what_a_reference_names_stays_and_all_else_goes() {
        let fixture = Fixture::new();
        let [old, new, result, loose] =
            ["old", "new", "result", "loose"].map(|it| made(&fixture, it));
        let keep = |run, parts: &[&str], commit| fixture.vault.keep(&Ref::new(run, parts), commit);
        keep("p-1", &["nodes", "a/b"], &old).unwrap();
        keep("p-10", &["nodes", "a"], &new).unwrap();
        keep("cache", &["k1"], &result).unwrap();
        fixture.vault.forget_run("p-1").unwrap();
        fixture.vault.forget_run("p-1").unwrap();
        assert!(has(&fixture, &old), "objects go with the pack");
        fixture.vault.pack().unwrap();
        let there = [&old, &new, &result, &loose].map(|commit| has(&fixture, commit));
        assert_eq!(there, [false, true, true, false]);
        assert_eq!(fixture.show(&new, "new"), b"new");
        assert_eq!(fixture.user(&["fsck", "--strict"]), "");
    }

    #[test]
    fn references_that_no_run_and_no_result_has_go() {
        let fixture = Fixture::new();
        let commit = made(&fixture, "x");
        let names = [
            Ref::new("p-1", &["nodes", "a"]),
            Ref::new("p-12", &["head"]),
            Ref::new("cache", &["k1"]),
            Ref::new("cache", &["k2"]),
        ];
        names.iter().for_each(|name| fixture.vault.keep(name, &commit).unwrap());
        fixture.vault.forget_others(&["p-1"], &[names[2].clone()]).unwrap();
        let kept: Vec<bool> =
            names.iter().map(|name| fixture.vault.kept(name).unwrap().is_some()).collect();
        assert_eq!(kept, [true, false, true, false]);
    }

    #[test]
    fn what_a_journal_speaks_of_survives_and_what_is_gone_is_passed_over() {
        let fixture = Fixture::new();
        let base = made(&fixture, "base");
        let gone = CommitId::new(&"ab".repeat(20)).unwrap();
        fixture.vault.keep_all("p-1", &BTreeSet::from([base.clone(), gone])).unwrap();
        fixture.vault.keep_all("p-1", &BTreeSet::new()).unwrap();
        fixture.vault.pack().unwrap();
        assert!(has(&fixture, &base));
        fixture.vault.forget_run("p-1").unwrap();
        fixture.vault.pack().unwrap();
        assert!(!has(&fixture, &base));
    }

    #[test]
    fn a_repository_that_has_lost_objects_is_left_as_it_is() {
        let fixture = Fixture::new();
        let commit = made(&fixture, "x");
        fixture.vault.keep(&Ref::new("p-1", &["head"]), &commit).unwrap();
        let loose = made(&fixture, "loose");
        let base = fixture.base.as_str();
        let file = fixture.user.join(".git/objects").join(&base[..2]).join(&base[2..]);
        fs::remove_file(&file).unwrap();
        assert!(fixture.vault.pack().is_err());
        assert!(has(&fixture, &commit) && has(&fixture, &loose), "nothing is removed");
    }

    #[test]
    fn what_can_be_made_again_goes() {
        let fixture = Fixture::new();
        for path in ["views/abc/pack/x", "outgoing/pack-1.pack", "scratch-1-2.index"] {
            write(fixture.vault.dir(), path, "left");
        }
        fixture.vault.clear_views().unwrap();
        fixture.vault.clear_views().unwrap();
        fixture.vault.sweep().unwrap();
        for path in ["views", "outgoing", "scratch-1-2.index"] {
            assert!(!fixture.vault.dir().join(path).exists(), "{path}");
        }
        // All of it is made again when it is needed.
        let worktree = fixture.worktree("a");
        fixture.vault.view(&fixture.root.path().join("view"), &worktree).unwrap();
        let commit = made(&fixture, "x");
        fixture.vault.publish("eufm/run", &fixture.base, &commit).unwrap();
    }
}
