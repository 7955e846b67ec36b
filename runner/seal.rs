//! A seal on a run that is done, so that the same command says so at once.
//!
//! Only a cache: it holds what such a command prints, and the digest of the
//! journal it was made of. Where it does not fit, or where there is any doubt
//! about which run is meant, the journals are read as if there were none.
//! Unaware of what the nodes did.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use eufm_plan::Digest;
use eufm_plan::id::Hasher;
use serde::{Deserialize, Serialize};

use crate::durable::write_whole;
use crate::error::RunError;
use crate::event::Outcome;
use crate::git::{CommitId, Git, Vault};
use crate::preflight::Host;
use crate::report::RunReport;
use crate::run::{Done, search_path, usage};
use crate::store::{RunDir, Store};

/// The version of the form of a seal.
const FORMAT: u32 = 1;

/// What a seal says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    format: u32,
    /// The version of eufm that made it.
    version: String,
    /// What the plan calls its base.
    revision: String,
    /// The commit that this was.
    base: CommitId,
    /// The digest of the journal's bytes.
    journal: Digest,
    /// How many nodes the plan has.
    nodes: usize,
    /// What came of the run; without its nodes.
    report: RunReport,
}

/// Seals a run of so many nodes, if it is done and nothing of it is left to do; the
/// report comes without them.
///
/// # Errors
/// Fails when the journal cannot be read or the seal not be written.
pub(crate) fn seal(
    dir: &RunDir,
    revision: &str,
    nodes: usize,
    report: &RunReport,
) -> io::Result<()> {
    let Ok(base) = CommitId::new(&report.base) else { return Ok(()) };
    if report.outcome != Some(Outcome::Done) {
        return Ok(());
    }
    let seal = Seal {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        revision: revision.to_owned(),
        base,
        journal: digest_of(&dir.journal())?,
        nodes,
        report: report.clone(),
    };
    let json = serde_json::to_vec(&seal).map_err(io::Error::other)?;
    write_whole(&dir.seal(), &json)
}

/// Returns what came of the run that a plan's text means, if it is done and the
/// state holds no other run of it that might be meant.
///
/// # Errors
/// Fails as a run does: when another runner holds the state, or git does not
/// answer. A seal that cannot be read is no error; it only says nothing.
pub fn done_before(
    text: &str,
    repository: &Path,
    root: &Path,
    host: &Host,
) -> Result<Option<Done>, RunError> {
    if !root.join("runs").is_dir() {
        return Ok(None);
    }
    let store = Store::open(root)?;
    let mut sealed = Vec::new();
    for name in store.runs()? {
        let dir = RunDir::of(store.root(), &name);
        if !dir.is_of(text) {
            continue;
        }
        // An unfinished run would be meant, whatever its base is.
        let Some(seal) = read(&dir) else { return Ok(None) };
        sealed.push((dir, seal));
    }
    let Some((_, first)) = sealed.first() else { return Ok(None) };
    let git = Git::find(&search_path(host)?).map_err(|error| usage(&error))?;
    let vault = Vault::open(&git, repository, &store.vault()).map_err(|error| usage(&error))?;
    let base = vault.resolve(&first.revision).map_err(|error| usage(&error))?;
    // The last one that was begun on this base: their names differ in a number.
    let here = sealed.into_iter().filter(|(_, seal)| seal.base == base);
    let meant = here.max_by_key(|(dir, _)| (dir.name().len(), dir.name().to_owned()));
    let meant = meant.filter(|(dir, seal)| is_whole(dir, seal) && is_published(&vault, seal));
    Ok(meant.map(|(_, seal)| Done::before(seal.report, seal.nodes)))
}

/// Tells whether the run's branch stands where the run left it.
fn is_published(vault: &Vault, seal: &Seal) -> bool {
    let Some(branch) = &seal.report.branch else { return true };
    let head = vault.resolve(&format!("refs/heads/{branch}"));
    head.is_ok_and(|head| head.as_str() == seal.report.head)
}

fn read(dir: &RunDir) -> Option<Seal> {
    let seal: Seal = serde_json::from_slice(&std::fs::read(dir.seal()).ok()?).ok()?;
    let is_ours = seal.format == FORMAT && seal.version == env!("CARGO_PKG_VERSION");
    // A state that was moved tells other paths.
    (is_ours && seal.report.state == dir.root()).then_some(seal)
}

/// Tells whether the journal is still the one that was sealed: a damaged one is
/// read, and refused with its place.
fn is_whole(dir: &RunDir, seal: &Seal) -> bool {
    digest_of(&dir.journal()).is_ok_and(|digest| digest == seal.journal)
}

/// Hashes a file without holding it in memory: a journal has a kilobyte a node.
fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let (mut hasher, mut buffer) = (Hasher::default(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.digest()),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
