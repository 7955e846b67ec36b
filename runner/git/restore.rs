//! Puts files back as a commit has them: the checks' own files, before a gate
//! looks at what an agent made.
//!
//! Unaware of gates: it gets the arguments of their commands and takes those
//! that name something in the commit.

use std::collections::BTreeSet;
use std::sync::Arc;

use eufm_plan::Digest;
use eufm_plan::scripts::paths;

use super::error::Error;
use super::id::CommitId;
use super::listing::{Entry, parse_tree};
use super::part::digest;
use super::vault::Vault;
use super::worktree::Worktree;

impl Worktree {
    /// Puts back, of these candidates, the files and folders that `from` has,
    /// and returns them in git's form, sorted, each once. A candidate may be
    /// anything that [`paths`] reads, such as `--flag=x`. It is relative to
    /// `folder`, itself relative to the root. Further files in a folder stay.
    ///
    /// Links that stand in the way are replaced, never followed.
    ///
    /// # Errors
    /// Fails when git cannot read the commit or write the files.
    pub(crate) fn restore<S: AsRef<str>>(
        &self,
        from: &CommitId,
        folder: &str,
        candidates: &[S],
    ) -> Result<Vec<String>, Error> {
        let paths = paths(folder, candidates);
        let entries = self.vault().entries_at(from, &paths)?;
        let has = |path: &String| {
            let from = entries.partition_point(|entry| *entry.path < *path.as_bytes());
            let folder = format!("{path}/");
            entries[from..].first().is_some_and(|entry| entry.path == path.as_bytes())
                || entries[entries.partition_point(|e| *e.path < *folder.as_bytes())..]
                    .first()
                    .is_some_and(|entry| entry.path.starts_with(folder.as_bytes()))
        };
        let restored: Vec<String> = paths.iter().filter(|path| has(path)).cloned().collect();
        if restored.is_empty() {
            return Ok(restored);
        }
        let mut input = Vec::new();
        for entry in &*entries {
            entry.write_index_info(&mut input);
        }
        let index = self.own_index("restore.index")?;
        let update = self.vault().git_at_vault("update-index").index(&index);
        update.args(["-z", "--index-info"]).stdin(input).run()?;
        let checkout = self.vault().git_at_vault("checkout-index").index(&index);
        checkout.work_tree(self.dir()).args(["--all", "--force", "--quiet"]).run()?;
        Ok(restored)
    }
}

impl Vault {
    /// Digests the files of a commit that [`Worktree::restore`] would put back.
    ///
    /// # Errors
    /// Fails when git cannot read the commit.
    pub(crate) fn digest_of_restored<S: AsRef<str>>(
        &self,
        from: &CommitId,
        folder: &str,
        candidates: &[S],
    ) -> Result<Digest, Error> {
        Ok(digest(&self.entries_at(from, &paths(folder, candidates))?))
    }

    /// Lists the files of a commit at these paths and below them.
    fn entries_at(
        &self,
        from: &CommitId,
        paths: &BTreeSet<String>,
    ) -> Result<Arc<Vec<Entry>>, Error> {
        if paths.is_empty() {
            return Ok(Arc::default());
        }
        if let Some(entries) = self.known().files(from, paths) {
            return Ok(entries);
        }
        let list = self.git_at_vault("ls-tree").args(["-r", "-z", "--full-tree"]);
        let mut entries = parse_tree(&list.args([from.as_str(), "--"]).args(paths).run()?)?;
        entries.retain(|entry| !entry.is_submodule());
        let entries = Arc::new(entries);
        self.known().note_files(from, paths, &entries);
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use crate::git::fixture::{Fixture, write};

    #[test]
    fn files_and_folders_come_back_and_others_stay() {
        let fixture = Fixture::with(&[
            ("tests/a.py", "a"),
            ("tests/deep/b.py", "b"),
            ("tests-2/c.py", "c"),
            ("run.sh", "run"),
            ("src/x", "x"),
        ]);
        let worktree = fixture.worktree("a");
        let dir = worktree.dir();
        for path in ["tests/a.py", "tests-2/c.py", "run.sh", "src/x", "tests/new.py"] {
            write(dir, path, "changed");
        }
        fs::remove_dir_all(dir.join("tests/deep")).unwrap();
        let arguments =
            ["python3", "./tests/", "--cfg=run.sh", "-q", "tests/a.py", "nothing", "/etc"];
        let restored = worktree.restore(&fixture.base, "", &arguments).unwrap();
        assert_eq!(restored, ["run.sh", "tests", "tests/a.py"]);
        let read = |path: &str| fs::read_to_string(dir.join(path)).unwrap();
        assert_eq!((read("tests/a.py"), read("tests/deep/b.py")), ("a".into(), "b".into()));
        assert_eq!((read("run.sh"), read("tests/new.py")), ("run".into(), "changed".into()));
        assert_eq!((read("tests-2/c.py"), read("src/x")), ("changed".into(), "changed".into()));
    }

    #[test]
    fn nothing_that_the_commit_lacks_or_that_leaves_the_tree_is_restored() {
        let fixture = Fixture::new();
        let worktree = fixture.worktree("a");
        for candidate in
            ["..", "../user/README.md", "/etc/passwd", ".git", "", "-", "*", "src*", ":/"]
        {
            assert_eq!(
                worktree.restore(&fixture.base, "", &[candidate]).unwrap(),
                [""; 0],
                "{candidate}"
            );
        }
        assert_eq!(worktree.restore::<&str>(&fixture.base, "", &[]).unwrap(), [""; 0]);
    }

    #[test]
    fn links_in_the_way_are_replaced_and_not_followed() {
        let fixture = Fixture::with(&[("tests/deep/t.txt", "t\n"), ("run.sh", "run\n")]);
        let outside = fixture.root.path().join("outside");
        write(&outside, "deep/t.txt", "mine");
        write(&outside, "file", "mine");
        let worktree = fixture.worktree("a");
        let dir = worktree.dir();
        fs::remove_dir_all(dir.join("tests")).unwrap();
        symlink(&outside, dir.join("tests")).unwrap();
        fs::remove_file(dir.join("run.sh")).unwrap();
        symlink(outside.join("file"), dir.join("run.sh")).unwrap();
        worktree.restore(&fixture.base, "", &["tests", "run.sh"]).unwrap();
        assert_eq!(fs::read_to_string(outside.join("deep/t.txt")).unwrap(), "mine");
        assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "mine");
        assert_eq!(fs::read_to_string(dir.join("tests/deep/t.txt")).unwrap(), "t\n");
        assert!(fs::symlink_metadata(dir.join("tests")).unwrap().is_dir());
        assert!(fs::symlink_metadata(dir.join("run.sh")).unwrap().is_file());
    }

    #[test]
    fn a_file_in_a_folders_place_and_a_folder_in_a_files_place_give_way() {
        let fixture = Fixture::new();
        let worktree = fixture.worktree("a");
        let dir = worktree.dir();
        fs::remove_dir_all(dir.join("tests")).unwrap();
        write(dir, "tests", "a file");
        fs::remove_file(dir.join("README.md")).unwrap();
        write(dir, "README.md/x", "a folder");
        worktree.restore(&fixture.base, "", &["tests", "README.md"]).unwrap();
        assert_eq!(fs::read_to_string(dir.join("tests/t.txt")).unwrap(), "t\n");
        assert_eq!(fs::read_to_string(dir.join("README.md")).unwrap(), "read me\n");
    }

    #[test]
    fn hundreds_of_candidates_need_no_more_processes() {
        let fixture = Fixture::new();
        let worktree = fixture.worktree("a");
        let mut candidates: Vec<String> = (0..500).map(|n| format!("file-{n}")).collect();
        candidates.push("tests".to_owned());
        assert_eq!(worktree.restore(&fixture.base, "", &candidates).unwrap(), ["tests"]);
    }

    #[test]
    fn files_beside_and_above_a_commands_folder_come_back() {
        let fixture = Fixture::with(&[("p/t/a", "a"), ("t/a", "root"), ("c.sh", "c")]);
        let worktree = fixture.worktree("a");
        let dir = worktree.dir();
        for path in ["p/t/a", "t/a", "c.sh"] {
            write(dir, path, "changed");
        }
        let restored = worktree.restore(&fixture.base, "p", &["../c.sh", "--in=t"]).unwrap();
        assert_eq!(restored, ["c.sh", "p/t"]);
        assert_eq!(fs::read_to_string(dir.join("t/a")).unwrap(), "changed");
    }
}
