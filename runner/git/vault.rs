//! The vault: a bare shared clone of the user's repository that the runner owns.
//!
//! It borrows the user's objects (`objects/info/alternates`) and keeps all that
//! a run makes. Its configuration and attributes are the runner's: no hooks, no
//! filters, no drivers, no line endings converted, so that a file in a worktree
//! is, byte for byte, the object in the repository. Its files are written again
//! at each opening, since the state may have been moved to another machine.
//! Unaware of worktrees and of what commits mean.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::command::{Git, Invocation, SETTINGS, line_of, path_of};
use super::error::Error;
use super::id::{CommitId, TreeId};
use super::known::Known;
use super::listing::{Entry, parse_tree};
use crate::orphans::MARK;

/// Attributes that win over every `.gitattributes`: nothing is converted.
const ATTRIBUTES: &str = "# Written by eufm: files are taken as they are.\n\
    * -text !eol !crlf !ident !filter !working-tree-encoding !diff !merge\n";

/// What is special to the vault in its configuration.
const CORE: &str = "\tbare = true\n\tlogAllRefUpdates = false\n";
/// What is special to a view.
const VIEW_CORE: &str = "\tbare = false\n\tlogAllRefUpdates = false\n";

/// A bare clone that the runner owns. Cheap to clone; usable from all threads.
#[derive(Debug, Clone)]
pub(crate) struct Vault {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    git: Git,
    dir: PathBuf,
    repository: Repository,
    known: Known,
}

/// The user's repository.
#[derive(Debug)]
struct Repository {
    /// Its git directory: of the linked worktree if it is one, so that `HEAD`
    /// means what the user sees.
    git_dir: PathBuf,
    /// What all its worktrees share.
    common_dir: PathBuf,
    /// Where its objects are.
    objects: PathBuf,
    /// `sha1` or `sha256`.
    object_format: String,
}

/// Who commits are by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Author {
    name: String,
    email: String,
}

impl Author {
    /// Reads `Name <mail@host>`.
    ///
    /// # Errors
    /// Fails on another form, and on characters that git drops.
    pub fn new(text: &str) -> Result<Self, Error> {
        let bad = |cause| Error::BadAuthor { author: text.chars().take(120).collect(), cause };
        let parts = text.strip_suffix('>').and_then(|rest| rest.split_once('<'));
        let (name, email) = parts.ok_or_else(|| bad("no address in `<…>`"))?;
        let name = name.trim();
        if name.is_empty() || email.is_empty() {
            return Err(bad("name or address is missing"));
        }
        let edge = |c: char| c.is_ascii_punctuation() && !matches!(c, ')' | '(');
        if format!("{name}{email}").contains(|c: char| c.is_control() || matches!(c, '<' | '>')) {
            return Err(bad("a control character or `<`, `>` within"));
        }
        // Git takes punctuation off both ends; then it would not be this name.
        if name.starts_with(edge) || name.ends_with(edge) {
            return Err(bad("punctuation at an end of the name"));
        }
        Ok(Self { name: name.to_owned(), email: email.to_owned() })
    }
}

impl Default for Author {
    /// `eufm <eufm@localhost>`.
    fn default() -> Self {
        Self { name: "eufm".to_owned(), email: "eufm@localhost".to_owned() }
    }
}

impl TryFrom<String> for Author {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::new(&text)
    }
}

impl From<Author> for String {
    fn from(author: Author) -> Self {
        format!("{} <{}>", author.name, author.email)
    }
}

/// Who and when: the parts of a commit that are no content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Author and committer.
    pub author: Author,
    /// Seconds since 1970 in UTC; the zone written is always +0000.
    pub seconds: u64,
}

impl Vault {
    /// Opens the vault in `dir` for the repository that `repository` lies in,
    /// or makes it. Folders of a vault that was moved are set right.
    ///
    /// # Errors
    /// Fails when there is no repository, when it is a partial clone, and when
    /// the vault cannot be written.
    pub(crate) fn open(git: &Git, repository: &Path, dir: &Path) -> Result<Self, Error> {
        let repository = Repository::discover(git, repository)?;
        if !dir.join("HEAD").is_file() {
            create(dir)?;
        }
        let dir = fs::canonicalize(dir).map_err(Error::io("open", dir))?;
        let vault = Self {
            inner: Arc::new(Inner { git: git.clone(), dir, repository, known: Known::default() }),
        };
        vault.write_own_files()?;
        Ok(vault)
    }

    /// Makes a vault to try things out in: it borrows the objects of the vault in
    /// `other`, if there is one, and what is made goes with the folder.
    ///
    /// # Errors
    /// Fails as [`Vault::open`] does.
    pub(crate) fn sketch(
        git: &Git,
        repository: &Path,
        dir: &Path,
        other: &Path,
    ) -> Result<Self, Error> {
        let vault = Self::open(git, repository, dir)?;
        let objects = other.join("objects");
        if objects.is_dir() {
            let own = vault.inner.repository.objects.clone();
            let lines = [line_of(&own)?, b"\n", line_of(&objects)?, b"\n"].concat();
            write_if_other(&vault.dir().join("objects/info/alternates"), &lines)?;
        }
        Ok(vault)
    }

    /// Returns the folder of the vault.
    #[must_use]
    pub(crate) fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Returns the git directory of the user's repository.
    #[must_use]
    pub(crate) fn repository(&self) -> &Path {
        &self.inner.repository.git_dir
    }

    /// Returns where the user's repository keeps its objects.
    pub(super) fn repository_objects(&self) -> &Path {
        &self.inner.repository.objects
    }

    /// Returns the file of the user's repository that holds attributes beside
    /// those of its tree.
    pub(super) fn repository_attributes(&self) -> PathBuf {
        self.inner.repository.common_dir.join("info/attributes")
    }

    /// Returns the configuration of a git directory that an agent sees.
    pub(super) fn view_config(&self) -> String {
        config(&self.inner.repository.object_format, VIEW_CORE)
    }

    /// Returns what was found out already.
    pub(super) fn known(&self) -> &Known {
        &self.inner.known
    }

    /// Returns the git directory that all worktrees of the user's repository share.
    pub(super) fn repository_common(&self) -> &Path {
        &self.inner.repository.common_dir
    }

    /// Describes a command on the vault.
    pub(super) fn git_at_vault(&self, name: &'static str) -> Invocation {
        self.inner.git.at(&self.inner.dir, name).env(MARK, &self.inner.dir)
    }

    /// Describes a command on another vault, which only reads.
    pub(super) fn git_at(&self, other: &Path, name: &'static str) -> Invocation {
        self.inner.git.at(other, name)
    }

    /// Describes a command on the user's repository.
    pub(super) fn git_at_repository(&self, name: &'static str) -> Invocation {
        self.inner.git.at(&self.inner.repository.git_dir, name).env(MARK, &self.inner.dir)
    }

    /// Names the commit of a revision of the user's repository: a branch, a
    /// tag, `HEAD`, a commit.
    ///
    /// # Errors
    /// Fails when there is no commit at all, or none of that name.
    pub(crate) fn resolve(&self, revision: &str) -> Result<CommitId, Error> {
        let wanted = format!("{revision}^{{commit}}");
        let parse =
            self.git_at_repository("rev-parse").args(["--verify", "--quiet", "--end-of-options"]);
        let output = parse.clone().arg(&wanted).answer()?;
        if let Some(commit) = Some(&output).filter(|output| output.exit.is_success()) {
            let text = String::from_utf8_lossy(&commit.stdout);
            return CommitId::new(text.trim())
                .map_err(|_| Error::answer("rev-parse", &commit.stdout));
        }
        let repository = self.inner.repository.git_dir.clone();
        let any = self.git_at_repository("for-each-ref").args(["--count=1"]).run()?;
        if any.is_empty() && !parse.arg("HEAD^{commit}").answer()?.exit.is_success() {
            return Err(Error::NoCommit { path: repository });
        }
        Err(Error::UnknownRevision { revision: revision.to_owned(), repository })
    }

    /// Names the tree of a commit.
    ///
    /// # Errors
    /// Fails when the vault does not have the commit.
    pub(crate) fn tree(&self, commit: &CommitId) -> Result<TreeId, Error> {
        if let Some(tree) = self.known().tree(commit) {
            return Ok(tree);
        }
        let line = self
            .git_at_vault("rev-parse")
            .args(["--verify", &format!("{commit}^{{tree}}")])
            .line()?;
        let tree = TreeId::new(&line).map_err(|_| Error::answer("rev-parse", line.as_bytes()))?;
        self.known().note_tree(commit, &tree);
        Ok(tree)
    }

    /// Commits a tree. The same arguments make the same commit.
    ///
    /// # Errors
    /// Fails when git cannot write, or on a NUL in the message.
    pub(crate) fn commit(
        &self,
        tree: &TreeId,
        parents: &[CommitId],
        message: &str,
        stamp: &Stamp,
    ) -> Result<CommitId, Error> {
        let date = format!("@{} +0000", stamp.seconds);
        let mut command = self
            .git_at_vault("commit-tree")
            .env("GIT_AUTHOR_NAME", &stamp.author.name)
            .env("GIT_AUTHOR_EMAIL", &stamp.author.email)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_NAME", &stamp.author.name)
            .env("GIT_COMMITTER_EMAIL", &stamp.author.email)
            .env("GIT_COMMITTER_DATE", &date)
            .stdin(message.as_bytes().to_vec());
        for parent in parents {
            command = command.args(["-p", parent.as_str()]);
        }
        let line = command.args(["-F", "-", tree.as_str()]).line()?;
        let commit =
            CommitId::new(&line).map_err(|_| Error::answer("commit-tree", line.as_bytes()))?;
        self.known().note(&commit, tree, parents);
        Ok(commit)
    }

    /// Lists all files of a tree, sorted by path.
    pub(super) fn list(&self, commit: &CommitId) -> Result<Vec<Entry>, Error> {
        parse_tree(
            &self
                .git_at_vault("ls-tree")
                .args(["-r", "-z", "--full-tree", commit.as_str()])
                .run()?,
        )
    }

    /// Reads the contents of small objects, in the order of their names; each
    /// once. Symlink targets, not files.
    pub(super) fn read_blobs(&self, objects: &[&str]) -> Result<BTreeMap<String, Vec<u8>>, Error> {
        if objects.is_empty() {
            return Ok(BTreeMap::new());
        }
        let input = objects.join("\n") + "\n";
        let output =
            self.git_at_vault("cat-file").arg("--batch").stdin(input.into_bytes()).run()?;
        parse_batch(&output).ok_or_else(|| Error::answer("cat-file", &output))
    }

    fn write_own_files(&self) -> Result<(), Error> {
        let Inner { dir, repository, .. } = &*self.inner;
        let mut alternates = line_of(&repository.objects)?.to_vec();
        alternates.push(b'\n');
        write_if_other(&dir.join("objects/info/alternates"), &alternates)?;
        write_if_other(&dir.join("config"), config(&repository.object_format, CORE).as_bytes())?;
        write_if_other(&dir.join("info/attributes"), ATTRIBUTES.as_bytes())?;
        write_if_other(&dir.join("info/exclude"), b"")?;
        match fs::read(repository.common_dir.join("shallow")) {
            Ok(shallow) => write_if_other(&dir.join("shallow"), &shallow),
            Err(_) => remove_file_if_there(&dir.join("shallow")),
        }
    }
}

impl Repository {
    fn discover(git: &Git, folder: &Path) -> Result<Self, Error> {
        let path = fs::canonicalize(folder).map_err(Error::io("open", folder))?;
        let ask = git.anywhere(&path, "rev-parse").args([
            "--path-format=absolute",
            "--git-dir",
            "--git-common-dir",
            "--git-path",
            "objects",
            "--show-object-format",
        ]);
        let output = ask.answer()?;
        if !output.exit.is_success() {
            let cause = super::error::excerpt(&output.stderr);
            return Err(Error::NotARepository { path, cause });
        }
        let lines: Vec<&[u8]> = output.stdout.split(|byte| *byte == b'\n').collect();
        // Four answers and the empty rest; more if a path has a line break.
        let &[git_dir, common_dir, objects, object_format, _] = &*lines else {
            return Err(Error::UnusablePath { path });
        };
        let repository = Self {
            git_dir: path_of(git_dir),
            common_dir: path_of(common_dir),
            objects: path_of(objects),
            object_format: String::from_utf8_lossy(object_format).into_owned(),
        };
        repository.refuse_partial_clone()?;
        Ok(repository)
    }

    /// Packs of a partial clone have a file beside them that says so.
    fn refuse_partial_clone(&self) -> Result<(), Error> {
        let packs = self.objects.join("pack");
        let Ok(files) = fs::read_dir(&packs) else {
            return Ok(());
        };
        let is_promise = |name: &std::ffi::OsStr| name.as_bytes().ends_with(b".promisor");
        if files.flatten().any(|file| is_promise(&file.file_name())) {
            return Err(Error::PartialClone { path: self.git_dir.clone() });
        }
        Ok(())
    }
}

/// Builds an empty bare repository beside `dir` and puts it there at once, so
/// that a vault is whole or not there.
fn create(dir: &Path) -> Result<(), Error> {
    let parent = dir.parent().unwrap_or(Path::new("/"));
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = parent.join(name);
    if new.exists() {
        fs::remove_dir_all(&new).map_err(Error::io("remove", &new))?;
    }
    for folder in ["objects/info", "objects/pack", "refs/heads", "refs/eufm", "info", "worktrees"] {
        let folder = new.join(folder);
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
    }
    // No such branch: nothing may depend on the vault's HEAD.
    let head = new.join("HEAD");
    fs::write(&head, "ref: refs/heads/none\n").map_err(Error::io("write", &head))?;
    fs::rename(&new, dir).map_err(Error::io("create", dir))
}

/// Writes the vault's configuration: the settings of every invocation, which
/// also hold for a person who looks into the vault by hand.
fn config(object_format: &str, core: &str) -> String {
    let sha1 = object_format == "sha1";
    let mut text = format!("# Written by eufm.\n[core]\n{core}");
    text.push_str(&format!("\trepositoryFormatVersion = {}\n", u8::from(!sha1)));
    if !sha1 {
        text.push_str(&format!("[extensions]\n\tobjectFormat = {object_format}\n"));
    }
    for (key, value) in SETTINGS {
        if let Some((section, key)) = key.split_once('.') {
            text.push_str(&format!("[{section}]\n\t{key} = \"{value}\"\n"));
        }
    }
    text
}

/// Replaces a file as a whole, if it is not already like this.
fn write_if_other(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::io("create", parent))?;
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    fs::write(&new, bytes).map_err(Error::io("write", &new))?;
    fs::rename(&new, path).map_err(Error::io("write", path))
}

/// Removes a file; that it is not there is no error.
pub(super) fn remove_file_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Reads `cat-file --batch`: `object type size LF content LF`, repeated.
fn parse_batch(mut bytes: &[u8]) -> Option<BTreeMap<String, Vec<u8>>> {
    let mut blobs = BTreeMap::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let mut header = std::str::from_utf8(&bytes[..end]).ok()?.split(' ');
        let object = header.next()?;
        let size: usize = header.nth(1)?.parse().ok()?;
        let content = bytes.get(end + 1..end.checked_add(1)?.checked_add(size)?)?;
        blobs.insert(object.to_owned(), content.to_vec());
        bytes = bytes.get(end + 1 + size + 1..)?;
    }
    Some(blobs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::fixture::{Fixture, git, plain_git, stamp, write, writes};

    #[test]
    fn opening_makes_the_vault_once_and_leaves_the_repository_alone() {
        let fixture = Fixture::new();
        let before = fixture.user(&["config", "--list", "--local"]);
        let again = Vault::open(&git(), &fixture.user, fixture.vault.dir()).unwrap();
        assert_eq!(again.resolve("main").unwrap(), fixture.base);
        assert_eq!(fixture.user(&["config", "--list", "--local"]), before);
        assert_eq!(fixture.user(&["status", "--porcelain", "--ignored"]), "");
    }

    #[test]
    fn what_a_killed_creation_left_is_replaced() {
        let fixture = Fixture::new();
        let dir = fixture.root.path().join("other");
        write(&fixture.root.path().join("other.new"), "objects/junk", "junk");
        let vault = Vault::open(&git(), &fixture.user, &dir).unwrap();
        assert!(!dir.join("objects/junk").exists());
        assert_eq!(vault.tree(&fixture.base).unwrap(), fixture.vault.tree(&fixture.base).unwrap());
    }

    #[test]
    fn a_vault_finds_a_repository_that_was_moved_and_heals_its_files() {
        let fixture = Fixture::new();
        let moved = fixture.root.path().join("moved here");
        fs::rename(&fixture.user, &moved).unwrap();
        fs::write(fixture.vault.dir().join("config"), "[core]\n\tfsmonitor = evil\n").unwrap();
        let vault = Vault::open(&git(), &moved, fixture.vault.dir()).unwrap();
        assert_eq!(vault.list(&fixture.base).unwrap().len(), 3);
        let config = fs::read_to_string(vault.dir().join("config")).unwrap();
        assert!(!config.contains("evil") && config.contains("hooksPath"), "{config}");
    }

    #[test]
    fn a_folder_without_repository_is_refused_with_a_way_out() {
        let root = tempfile::tempdir().unwrap();
        let error = Vault::open(&git(), root.path(), &root.path().join("vault")).unwrap_err();
        assert!(matches!(error, Error::NotARepository { .. }), "{error}");
        assert!(error.to_string().contains("git init"), "{error}");
    }

    #[test]
    fn a_repository_without_commit_and_an_unknown_revision_are_told_apart() {
        let root = tempfile::tempdir().unwrap();
        plain_git(root.path(), &["init", "-q", "."]);
        let vault = Vault::open(&git(), root.path(), &root.path().join("vault")).unwrap();
        assert!(matches!(vault.resolve("HEAD"), Err(Error::NoCommit { .. })));
        let fixture = Fixture::new();
        for revision in ["nothing", "--all", "", "main^5", "HEAD:README.md", "a\nb"] {
            let answer = fixture.vault.resolve(revision);
            assert!(matches!(answer, Err(Error::UnknownRevision { .. })), "{revision}: {answer:?}");
        }
    }

    #[test]
    fn a_partial_clone_is_refused() {
        let fixture = Fixture::new();
        write(&fixture.user, ".git/objects/pack/pack-1.promisor", "");
        let error = Vault::open(&git(), &fixture.user, fixture.vault.dir()).unwrap_err();
        assert!(matches!(error, Error::PartialClone { .. }), "{error}");
    }

    /// Runs a whole attempt on a repository of some kind.
    fn run_through(vault: &Vault, root: &Path) -> CommitId {
        let base = vault.resolve("HEAD").unwrap();
        let worktree = vault.worktree(&root.join("attempt"), &base).unwrap();
        write(worktree.dir(), "new.txt", "new\n");
        let harvest = worktree.harvest(&base, &writes(&["new.txt"])).unwrap();
        worktree.remove().unwrap();
        let commit =
            vault.commit(&harvest.tree, std::slice::from_ref(&base), "m\n", &stamp()).unwrap();
        vault.publish("eufm/run", &base, &commit).unwrap();
        commit
    }

    #[test]
    fn a_bare_repository_can_be_run_on() {
        let fixture = Fixture::new();
        let bare = fixture.root.path().join("bare.git");
        plain_git(fixture.root.path(), &["clone", "-q", "--bare", "user", "bare.git"]);
        let vault = Vault::open(&git(), &bare, &fixture.root.path().join("v")).unwrap();
        let commit = run_through(&vault, fixture.root.path());
        let log = plain_git(&bare, &["rev-parse", "eufm/run"]);
        assert_eq!(String::from_utf8_lossy(&log.stdout).trim(), commit.as_str());
    }

    #[test]
    fn a_linked_worktree_of_the_user_can_be_run_on_and_has_its_own_head() {
        let fixture = Fixture::new();
        fixture.user(&["worktree", "add", "-q", "-b", "side", "../side"]);
        let side = fixture.root.path().join("side");
        plain_git(&side, &["commit", "-q", "--allow-empty", "-m", "side"]);
        let vault = Vault::open(&git(), &side, &fixture.root.path().join("v")).unwrap();
        let side_head = vault.resolve("HEAD").unwrap();
        assert_ne!(side_head, fixture.base);
        let commit = run_through(&vault, fixture.root.path());
        assert_eq!(fixture.user(&["rev-parse", "eufm/run"]).trim(), commit.as_str());
    }

    #[test]
    fn a_shared_clone_of_a_shared_clone_can_be_run_on() {
        let fixture = Fixture::new();
        plain_git(fixture.root.path(), &["clone", "-q", "--shared", "user", "second"]);
        plain_git(fixture.root.path(), &["clone", "-q", "--shared", "second", "third"]);
        let third = fixture.root.path().join("third");
        let vault = Vault::open(&git(), &third, &fixture.root.path().join("v")).unwrap();
        run_through(&vault, fixture.root.path());
    }

    #[test]
    fn a_shallow_clone_can_be_run_on() {
        let fixture = Fixture::new();
        fixture.user(&["commit", "-q", "--allow-empty", "-m", "second"]);
        let url = format!("file://{}", fixture.user.display());
        let cloned = plain_git(fixture.root.path(), &["clone", "-q", "--depth=1", &url, "shallow"]);
        assert!(cloned.exit.is_success());
        let shallow = fixture.root.path().join("shallow");
        assert!(shallow.join(".git/shallow").is_file());
        let vault = Vault::open(&git(), &shallow, &fixture.root.path().join("v")).unwrap();
        let commit = run_through(&vault, fixture.root.path());
        assert!(vault.contains(&commit, &vault.resolve("HEAD").unwrap()).unwrap());
        assert!(plain_git(&shallow, &["fsck", "--strict"]).exit.is_success());
    }

    #[test]
    fn a_repository_of_sha256_can_be_run_on() {
        let init = ["init", "-q", "-b", "main", "--object-format=sha256"];
        let fixture = Fixture::made_by(&init, |user| write(user, "a", "a"));
        assert_eq!(fixture.base.as_str().len(), 64);
        run_through(&fixture.vault, fixture.root.path());
    }

    #[test]
    fn paths_with_spaces_quotes_and_other_letters_are_no_problem() {
        let root = tempfile::tempdir().unwrap();
        let strange = root.path().join("ein \"Pfad\" mit 'ñ' \\ & $HOME; 日本");
        fs::create_dir(&strange).unwrap();
        plain_git(&strange, &["init", "-q", "."]);
        write(&strange, "a b/\"ñ\" '日'.txt", "x\n");
        plain_git(&strange, &["add", "-A"]);
        plain_git(&strange, &["commit", "-q", "-m", "base"]);
        let vault = Vault::open(&git(), &strange, &strange.join("../v \"1\"")).unwrap();
        let commit = run_through(&vault, &strange.join(".."));
        let names: Vec<_> =
            vault.list(&commit).unwrap().into_iter().map(|entry| entry.path).collect();
        assert_eq!(names, ["a b/\"ñ\" '日'.txt".as_bytes().to_vec(), b"new.txt".to_vec()]);
        let view = vault.worktree(&strange.join("../w x"), &commit).unwrap();
        assert_eq!(fs::read(view.dir().join("a b/\"ñ\" '日'.txt")).unwrap(), b"x\n");
    }

    #[test]
    fn a_line_break_in_the_path_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let strange = root.path().join("a\nb");
        fs::create_dir(&strange).unwrap();
        plain_git(&strange, &["init", "-q", "."]);
        let error = Vault::open(&git(), &strange, &root.path().join("v")).unwrap_err();
        assert!(matches!(error, Error::UnusablePath { .. }), "{error}");
    }

    #[test]
    fn the_same_content_and_stamp_make_the_same_commit() {
        let fixture = Fixture::new();
        let tree = fixture.vault.tree(&fixture.base).unwrap();
        let stamp = Stamp { author: Author::new("Ada L. Ñ <ada@host>").unwrap(), seconds: 7 };
        let commit = || fixture.vault.commit(&tree, &[], "subject\n\nRun: r1\n", &stamp).unwrap();
        let first = commit();
        assert_eq!(first, commit());
        let text =
            fixture.vault.git_at_vault("cat-file").args(["-p", first.as_str()]).run().unwrap();
        let expected = format!(
            "tree {tree}\nauthor Ada L. Ñ <ada@host> 7 +0000\n\
             committer Ada L. Ñ <ada@host> 7 +0000\n\nsubject\n\nRun: r1\n"
        );
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn an_author_that_git_would_change_is_refused() {
        for text in ["", "eufm", "<a@b>", "a <>", "a <b", "a\nb <c>", "a <b> <c>", "a. <b>", " <b>"]
        {
            assert!(matches!(Author::new(text), Err(Error::BadAuthor { .. })), "{text:?}");
        }
        let text = String::from(Author::default());
        assert_eq!(Author::new(&text).unwrap(), Author::default());
    }

    #[test]
    fn a_damaged_answer_of_cat_file_is_noticed() {
        assert!(parse_batch(b"aa blob 2\nxy\nbb blob 0\n\n").is_some_and(|blobs| blobs.len() == 2));
        for bad in
            [&b"aa missing\n"[..], b"aa blob 9\nxy\n", b"aa blob 18446744073709551615\nx\n", b"x"]
        {
            assert_eq!(parse_batch(bad), None);
        }
    }
}
