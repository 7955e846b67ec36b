//! Parts of other nodes' results, as a node is given them: read-only files
//! below `/in`, each of bounded size.
//!
//! Files and differences come out of git; answers and outputs are what was kept
//! beside a result; a note is in the run's state. The same function serves a
//! run and a look at what a run would do. Unaware of attempts and sandboxes.

mod place;
mod told;

use std::io::Write as _;
use std::path::Path;

use eufm_plan::{Digest, InputPart, Node, NodeIndex, Plan, Work};

use crate::beneath;
use crate::beside::{self, PART_BYTES_MAX, Session, TAKEN};
use crate::git::{CommitId, Content, Error, Vault};
use crate::node::NodeRun;
use crate::state::{Phase, RunState};

pub(crate) use told::told;

/// Where inputs are seen inside a sandbox.
pub(crate) const SEEN_AT: &str = "/in";

/// What is known of the result that an input is a part of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Source {
    /// The result; `None` where the node did not succeed.
    pub commit: Option<CommitId>,
    /// How many files it changes.
    pub changes: u64,
    /// What was kept beside it.
    pub kept: Option<CommitId>,
    /// What a person wrote.
    pub note: Option<String>,
    /// The digest of its key, if it has one.
    pub key: Option<Digest>,
}

/// Which start of which node an input comes from, by the state of the run.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    node: NodeIndex,
    /// The start whose result it is, or [`TAKEN`].
    start: u32,
    source: Source,
}

/// Where the inputs of a node come from, and the session it goes on from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origins {
    /// By input, in the node's order.
    inputs: Vec<Origin>,
    session: Option<Origin>,
}

/// The same, with what was kept found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// By input, in the node's order.
    pub inputs: Vec<Source>,
    /// The result whose session is gone on from.
    pub session: Option<Source>,
}

/// An input, ready to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// How a specification names it.
    pub title: String,
    /// Its path below `/in`.
    pub at: String,
    /// What it holds; `None` where its node did not succeed.
    pub bytes: Option<Vec<u8>>,
    /// Whether it was longer.
    pub is_cut: bool,
}

/// All that a node is given of other results.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gathered {
    /// Its inputs.
    pub inputs: Vec<Given>,
    /// The session that it goes on from.
    pub session: Option<Session>,
    /// The digest of the key of the result with that session.
    pub session_key: Option<Digest>,
}

/// What a key says of inputs and session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Digests {
    /// The name and the digest of each input.
    pub inputs: Vec<(String, Digest)>,
    /// The digest of the key of the result whose session is gone on from.
    pub session: Option<Digest>,
}

/// Finds where the inputs of a node come from.
#[must_use]
pub(crate) fn origins(node: &Node, state: &RunState) -> Origins {
    let inputs = node.inputs.iter().map(|input| origin(input.node, state.node(input.node)));
    let session = match &node.work {
        Work::Agent { session: Some(parent), .. } => Some(origin(*parent, state.node(*parent))),
        _ => None,
    };
    Origins { inputs: inputs.collect(), session }
}

fn origin(node: NodeIndex, run: &NodeRun) -> Origin {
    let stands = run.phase == Phase::Committed;
    let source = Source {
        commit: run.commit.clone().filter(|_| stands),
        changes: run.changes,
        kept: None,
        note: run.note().map(ToOwned::to_owned),
        key: run.key.as_ref().map(|key| key.digest),
    };
    Origin { node, start: start_of(run), source }
}

/// Returns the start under which a run keeps what is beside a node's result.
#[must_use]
pub(crate) fn start_of(run: &NodeRun) -> u32 {
    if run.taken_from.is_some() { TAKEN } else { run.start }
}

impl Origins {
    /// Finds what this run has kept beside the results.
    ///
    /// # Errors
    /// Fails when git fails.
    pub(crate) fn find(
        &self,
        vault: &Vault,
        run: &str,
        (plan, node): (&Plan, &Node),
    ) -> Result<Sources, Error> {
        let find = |origin: &Origin| {
            let node = &plan.nodes[origin.node.get()].name;
            let kept = beside::of_run(vault, (run, node, origin.start))?;
            Ok::<_, Error>(Source { kept, ..origin.source.clone() })
        };
        let inputs = node.inputs.iter().zip(&self.inputs).map(|(input, origin)| match input.part {
            InputPart::Answer | InputPart::Stdout => find(origin),
            // Of these nothing is kept beside the result: git need not be asked.
            InputPart::Diff | InputPart::Note | InputPart::File(_) => Ok(origin.source.clone()),
        });
        let inputs = inputs.collect::<Result<_, _>>()?;
        Ok(Sources { inputs, session: self.session.as_ref().map(find).transpose()? })
    }
}

/// Gathers what a node is given; the inner error says what is not to be had.
///
/// # Errors
/// Fails when git fails.
pub(crate) fn gather(
    vault: &Vault,
    plan: &Plan,
    node: &Node,
    sources: &Sources,
) -> Result<Result<Gathered, String>, Error> {
    let mut gathered = Gathered::default();
    for (input, source) in node.inputs.iter().zip(&sources.inputs) {
        let of = &plan.nodes[input.node.get()].name;
        let (title, at) = (place::title(of, &input.part), place::of(of, &input.part));
        let (bytes, is_cut) = match content(vault, &input.part, source)? {
            Ok(Some((mut bytes, is_whole))) => {
                let is_cut = beside::cut(&mut bytes, is_whole);
                (Some(bytes), is_cut)
            }
            Ok(None) => (None, false),
            Err(why) => return Ok(Err(format!("its input {title} cannot be had: {why}"))),
        };
        gathered.inputs.push(Given { title, at, bytes, is_cut });
    }
    if let (Work::Agent { session: Some(parent), .. }, Some(source)) =
        (&node.work, &sources.session)
    {
        let of = &plan.nodes[parent.get()].name;
        gathered.session_key = source.key;
        gathered.session = source.kept.as_ref().and_then(|kept| beside::session(vault, kept));
        if gathered.session.is_none() {
            return Ok(Err(format!(
                "the session of {of}, from which it is to go on, is lost: it was not kept beside \
                 the result; exec --new --no-cache makes both anew"
            )));
        }
    }
    Ok(Ok(gathered))
}

/// The bytes of a part, and whether these are all; `None` where the node did not
/// succeed; or why there are none.
type Part = Result<Option<(Vec<u8>, bool)>, String>;

fn content(vault: &Vault, part: &InputPart, source: &Source) -> Result<Part, Error> {
    let Some(commit) = &source.commit else { return Ok(Ok(None)) };
    let kept = |read: fn(&Vault, &CommitId) -> Option<Vec<u8>>, what: &str| {
        let bytes = source.kept.as_ref().and_then(|kept| read(vault, kept));
        let lost =
            || format!("the {what} was not kept, or is lost; exec --new --no-cache makes it anew");
        bytes.map(|bytes| Some((bytes, true))).ok_or_else(lost)
    };
    let most = PART_BYTES_MAX as u64;
    Ok(match part {
        InputPart::Answer => kept(beside::answer, "answer"),
        InputPart::Stdout => kept(beside::stdout, "output"),
        InputPart::Note => Ok(Some((source.note.clone().unwrap_or_default().into_bytes(), true))),
        InputPart::Diff if source.changes == 0 => Ok(Some((Vec::new(), true))),
        InputPart::Diff => Ok(Some(vault.patch(&vault.parent(commit)?, commit, most)?)),
        InputPart::File(path) => match vault.file(commit, path, most)? {
            Content::File(bytes) => Ok(Some((bytes, true))),
            // Half of a file is another file.
            Content::Large(bytes) => Err(format!(
                "it has {bytes} bytes, more than the {most} that are handed on; name a part of \
                 it, or read it in the worktree"
            )),
            Content::Absent => Err("there is no such file in the result".to_owned()),
            Content::Other(what) => Err(format!("it is {what}, not a plain file")),
        },
    })
}

impl Gathered {
    /// Returns what a key says of it.
    #[must_use]
    pub(crate) fn digests(&self) -> Digests {
        let digest = |given: &Given| match &given.bytes {
            // A length, so that nothing a file holds reads like its absence.
            Some(bytes) => Digest::of_parts(&[b"is", bytes]),
            None => Digest::of_parts(&[b"is not"]),
        };
        let inputs = self.inputs.iter().map(|given| (given.title.clone(), digest(given)));
        Digests { inputs: inputs.collect(), session: self.session_key }
    }

    /// Writes the inputs below a folder, which must not be there.
    ///
    /// # Errors
    /// Fails when a file cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir(folder)?;
        for given in &self.inputs {
            if let Some(bytes) = &given.bytes {
                beneath::create(folder, &given.at)?.write_all(bytes)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use eufm_plan::Input;

    use super::*;
    use crate::state_test::{Sketch, plan_of};

    fn given(title: &str, bytes: Option<&[u8]>) -> Given {
        let bytes = bytes.map(<[u8]>::to_vec);
        Given { title: title.to_owned(), at: format!("{title}/answer"), bytes, is_cut: false }
    }

    #[test]
    fn what_is_not_there_has_a_digest_of_its_own() {
        let digests = |bytes: Option<&[u8]>| {
            let inputs = vec![given("a", bytes)];
            Gathered { inputs, ..Gathered::default() }.digests().inputs[0].1
        };
        let all = [None, Some(&b""[..]), Some(b"is not"), Some(b"x")].map(digests);
        for (at, one) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|other| other != one));
        }
    }

    #[test]
    fn inputs_become_files_below_a_folder() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("in");
        let inputs = vec![given("a/b", Some(b"yes")), given("c", None)];
        Gathered { inputs, ..Gathered::default() }.write(&folder).expect("written");
        assert_eq!(std::fs::read(folder.join("a/b/answer")).expect("there"), b"yes");
        assert!(!folder.join("c").exists());
    }

    #[test]
    fn an_input_comes_from_the_start_that_made_the_result() {
        let sketch = |needs: &[usize]| Sketch { needs: needs.to_vec(), gates: 0, attempts: 1 };
        let mut plan = plan_of(&[sketch(&[]), sketch(&[0])], 1);
        let part = InputPart::Stdout;
        plan.nodes[1].inputs = vec![Input { node: NodeIndex::new(0), part }];
        let mut state = RunState::new(&plan);
        let start = |state: &RunState| {
            let origins = origins(&plan.nodes[1], state);
            (origins.inputs[0].start, origins.inputs[0].source.commit.clone())
        };
        state.nodes[0].start = 3;
        state.nodes[0].commit = Some(crate::state_test::commit(7));
        assert_eq!(start(&state), (3, None), "it has not succeeded");
        state.nodes[0].phase = Phase::Committed;
        assert_eq!(start(&state), (3, Some(crate::state_test::commit(7))));
        state.nodes[0].taken_from = Some("r".to_owned());
        assert_eq!(start(&state).0, TAKEN);
    }
}
