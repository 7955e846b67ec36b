//! What a node sees of its base, and the key that follows from it.
//!
//! The same function serves a run, which then works on what is seen, and a look
//! at what a run would do. Unaware of attempts and of where results are kept.

use eufm_plan::{Digest, EnvironmentIndex, Node, Plan, Work};

use crate::environments;
use crate::gates;
use crate::git::{CommitId, Error, Sight, Stamp, Vault};
use crate::inputs::Digests;
use crate::key::{Found, NodeKey, key_of, never_cached};

/// What a node sees.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The files it sees, as a commit on its base; the base where it sees all.
    pub part: CommitId,
    /// The key of its result; `None` where that is never taken over.
    pub key: Option<NodeKey>,
}

/// Returns what a node sees of any commit: what `reads` and `writes` match.
///
/// # Errors
/// Fails on a glob that cannot be read.
pub(crate) fn sight_of(node: &Node) -> Result<Sight, Error> {
    match &node.reads {
        // Where everything may be changed, what is in the way is found later.
        Some(reads) => Sight::of(&[reads, node.writes.globs().unwrap_or_default()].concat()),
        None => Ok(Sight::all()),
    }
}

/// Looks at a node's base, the merge of what it depends on. `run_base` is the
/// commit that the run starts from, of which gates and environments have their
/// own files; `given` is what it is given of other results, if that is all to be
/// had.
///
/// # Errors
/// Fails when git fails.
pub(crate) fn look(
    vault: &Vault,
    (plan, node): (&Plan, &Node),
    run_base: &CommitId,
    base: &CommitId,
    given: Option<&Digests>,
    stamp: &Stamp,
) -> Result<Seen, Error> {
    let message = format!("What {} sees\n", node.name);
    let part = vault.part(base, &sight_of(node)?, &message, stamp)?;
    let given = given.filter(|given| given.session.is_some() || !goes_on(node));
    let (None, Some(given)) = (never_cached(node), given) else {
        return Ok(Seen { part, key: None });
    };
    let own_files = |gate: &eufm_plan::GateIndex| {
        let gate = &plan.gates[gate.get()];
        // A gate without a command is refused before a run begins.
        let run = gates::kind(&gate.kind).and_then(|kind| kind.command(gate).ok());
        let folder = gates::cwd(gate).unwrap_or_default();
        vault.digest_of_restored(run_base, folder, run.unwrap_or_default())
    };
    // Those of the base: what the node does not see is as it is there.
    let key_files = |index: &EnvironmentIndex| {
        let environment = &plan.environments[index.get()];
        let decide_nothing = environment.key.is_empty() && environment.prepare.is_empty();
        let files = match decide_nothing {
            true => Vec::new(),
            false => environments::survey(vault, environment, run_base)?.matching,
        };
        Ok::<_, Error>(Digest::of(files.join("\n").as_bytes()))
    };
    let found = Found {
        tree: vault.tree(&part)?,
        gates: node.gates.iter().map(own_files).collect::<Result<_, _>>()?,
        environments: node.env.iter().map(key_files).collect::<Result<_, _>>()?,
        given: given.clone(),
    };
    Ok(Seen { part, key: Some(key_of(plan, node, &found)) })
}

/// Tells whether a node goes on from another node's session. Without a key of
/// the result with that session it has none either.
fn goes_on(node: &Node) -> bool {
    matches!(node.work, Work::Agent { session: Some(_), .. })
}
