//! What is kept beside a result's files, for nodes that read it or go on from
//! it: an agent's last message and its session, what a command printed.
//!
//! It lies in the vault as a commit of its own under a reference of the run,
//! and of the cache where later runs may take the result over. It is on the
//! disk before the end of the attempt is told, so whoever reads that fact finds
//! it. Unaware of how it is made and of what is done with it.

use std::collections::BTreeMap;
use std::path::Path;

use eufm_plan::{InputPart, NodeIndex, Plan, Work};

use crate::git::{CommitId, Error, Ref, Stamp, Vault};

/// The most bytes of one part that another node is given: 4 MiB. What is longer
/// is cut at its end, and says so.
pub(crate) const PART_BYTES_MAX: usize = 4 << 20;

/// How a part ends that was cut.
const CUT: &[u8] = b"\n[eufm: the rest is left out]\n";

/// The most bytes of a session that are kept; one that is longer is lost to
/// others.
pub(crate) const SESSION_BYTES_MAX: u64 = 256 << 20;

/// The files of such a commit.
const ANSWER: &str = "answer";
const STDOUT: &str = "stdout";
const SESSION: &str = "session";
const SESSION_ID: &str = "session.id";

/// The start under which a run keeps what came with a result it took over.
pub(crate) const TAKEN: u32 = 0;

/// What other nodes of a plan ask of a node's result, beside its files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Somebody reads its answer.
    pub answer: bool,
    /// Somebody reads what it printed.
    pub stdout: bool,
    /// Somebody goes on from its session.
    pub session: bool,
}

/// An agent's session, to be gone on from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// The agent's own id of it.
    pub id: String,
    /// Its files, by their paths in the folder of sessions.
    pub files: BTreeMap<String, Vec<u8>>,
}

/// What is kept beside one result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    /// The agent's last message.
    pub answer: Option<Vec<u8>>,
    /// What the command printed.
    pub stdout: Option<Vec<u8>>,
    /// The agent's session.
    pub session: Option<Session>,
}

/// Finds what the nodes of a plan ask of each other, by node.
#[must_use]
pub(crate) fn wanted(plan: &Plan) -> Vec<Wanted> {
    let mut all = vec![Wanted::default(); plan.nodes.len()];
    for node in &plan.nodes {
        for input in &node.inputs {
            let wanted = &mut all[input.node.get()];
            wanted.answer |= input.part == InputPart::Answer;
            wanted.stdout |= input.part == InputPart::Stdout;
        }
        if let Work::Agent { session: Some(parent), .. } = &node.work {
            all[parent.get()].session = true;
        }
    }
    all
}

/// Tells whether something is kept beside the result of a node. It is of every
/// agent, since another plan may ask what this one does not, and an agent's
/// work is dear; of a command only where this plan asks.
#[must_use]
pub(crate) fn is_kept(work: &Work, wanted: Wanted) -> bool {
    matches!(work, Work::Agent { .. }) || wanted.stdout
}

/// Names what is kept of a start of a node.
#[must_use]
pub(crate) fn reference(run: &str, node: &str, start: u32) -> Ref {
    Ref::new(run, &["beside", node, &start.to_string()])
}

/// Cuts a part to the size in which it is handed on, and tells whether it was
/// longer. `is_whole` says whether `bytes` are all there are.
pub(crate) fn cut(bytes: &mut Vec<u8>, is_whole: bool) -> bool {
    if bytes.len() <= PART_BYTES_MAX && is_whole {
        return false;
    }
    let mut end = (PART_BYTES_MAX - CUT.len()).min(bytes.len());
    // Not within a character.
    while end > 0 && bytes.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) {
        end -= 1;
    }
    bytes.truncate(end);
    bytes.extend_from_slice(CUT);
    true
}

/// Reads what a process printed from its log, as far as it is handed on.
///
/// # Errors
/// Fails when it cannot be read. A log that is not there is empty.
pub(crate) fn printed(log: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let file = match std::fs::File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(PART_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    cut(&mut bytes, true);
    Ok(bytes)
}

impl Beside {
    /// Keeps it in the vault.
    ///
    /// # Errors
    /// Fails when git cannot write.
    pub(crate) fn keep(self, vault: &Vault, name: &Ref, stamp: &Stamp) -> Result<CommitId, Error> {
        let mut files = BTreeMap::new();
        files.extend(self.answer.map(|bytes| (ANSWER.to_owned(), bytes)));
        files.extend(self.stdout.map(|bytes| (STDOUT.to_owned(), bytes)));
        if let Some(session) = self.session {
            let bytes: u64 = session.files.values().map(|file| file.len() as u64).sum();
            if bytes <= SESSION_BYTES_MAX && !session.files.is_empty() {
                files.insert(SESSION_ID.to_owned(), session.id.into_bytes());
                let named = session.files.into_iter();
                files.extend(named.map(|(path, file)| (format!("{SESSION}/{path}"), file)));
            }
        }
        vault.keep_files(name, &files, "What is kept beside a result\n", stamp)
    }
}

/// Reads the answer that was kept; `None` where it is lost.
#[must_use]
pub(crate) fn answer(vault: &Vault, kept: &CommitId) -> Option<Vec<u8>> {
    vault.files_at(kept, ANSWER).ok()?.remove(ANSWER)
}

/// Reads what was printed; `None` where it is lost.
#[must_use]
pub(crate) fn stdout(vault: &Vault, kept: &CommitId) -> Option<Vec<u8>> {
    vault.files_at(kept, STDOUT).ok()?.remove(STDOUT)
}

/// Reads the session; `None` where it is lost.
#[must_use]
pub(crate) fn session(vault: &Vault, kept: &CommitId) -> Option<Session> {
    let id = vault.files_at(kept, SESSION_ID).ok()?.remove(SESSION_ID)?;
    let id = String::from_utf8(id).ok()?;
    let below = format!("{SESSION}/");
    let files: BTreeMap<String, Vec<u8>> = vault.files_at(kept, SESSION).ok()?;
    let files: BTreeMap<String, Vec<u8>> = files
        .into_iter()
        .filter_map(|(path, file)| Some((path.strip_prefix(&below)?.to_owned(), file)))
        .collect();
    (!files.is_empty()).then_some(Session { id, files })
}

/// Says what is missing of what others ask of a result; `None` where nothing is.
#[must_use]
pub(crate) fn missing(
    vault: &Vault,
    kept: Option<&CommitId>,
    wanted: Wanted,
) -> Option<&'static str> {
    type Look = fn(&Vault, &CommitId) -> bool;
    let looks: [(bool, &'static str, Look); 3] = [
        (wanted.answer, "answer", |vault, kept| answer(vault, kept).is_some()),
        (wanted.stdout, "output", |vault, kept| stdout(vault, kept).is_some()),
        (wanted.session, "session", |vault, kept| session(vault, kept).is_some()),
    ];
    let lacks = |look: Look| !kept.is_some_and(|kept| look(vault, kept));
    looks.into_iter().find(|(asked, _, look)| *asked && lacks(*look)).map(|(_, what, _)| what)
}

/// Returns what this run has kept beside a result; `start` is the one that made
/// it, or [`TAKEN`].
///
/// # Errors
/// Fails when git fails.
pub(crate) fn of_run(
    vault: &Vault,
    (run, node, start): (&str, &str, u32),
) -> Result<Option<CommitId>, Error> {
    vault.kept(&reference(run, node, start))
}

/// Names the nodes of a plan that ask for something of a node's result.
pub(crate) fn readers(plan: &Plan, of: NodeIndex) -> impl Iterator<Item = &str> {
    let reads = move |node: &&eufm_plan::Node| {
        let forks = matches!(&node.work, Work::Agent { session, .. } if *session == Some(of));
        forks || node.inputs.iter().any(|input| input.node == of)
    };
    plan.nodes.iter().filter(reads).map(|node| node.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_cut_at_a_character_and_says_so() {
        for (length, is_whole, is_cut) in [
            (10, true, false),
            (PART_BYTES_MAX, true, false),
            (PART_BYTES_MAX + 1, true, true),
            (9, false, true),
        ] {
            let mut bytes = vec![b'x'; length];
            assert_eq!(cut(&mut bytes, is_whole), is_cut, "{length}");
            assert!(bytes.len() <= PART_BYTES_MAX);
            assert_eq!(bytes.ends_with(CUT), is_cut);
        }
        let mut letters = "ă".repeat(PART_BYTES_MAX).into_bytes();
        assert!(cut(&mut letters, true));
        String::from_utf8(letters).expect("whole characters");
        // What is cut once stays as it is.
        let mut again = vec![b'x'; PART_BYTES_MAX + 1];
        cut(&mut again, true);
        assert!(!cut(&mut again.clone(), true));
    }

    #[test]
    fn what_was_printed_is_read_as_far_as_it_is_handed_on() {
        let dir = tempfile::tempdir().expect("a folder");
        let log = dir.path().join("stdout.log");
        assert_eq!(printed(&log).expect("nothing"), b"");
        std::fs::write(&log, "said\n").expect("written");
        assert_eq!(printed(&log).expect("read"), b"said\n");
        std::fs::write(&log, vec![b'x'; PART_BYTES_MAX + 1]).expect("written");
        assert!(printed(&log).expect("read").ends_with(CUT));
    }
}
