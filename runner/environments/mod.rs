//! Environments: prepared once for each key, and handed out so that everyone
//! can change theirs and nobody changes another's.
//!
//! A key is what the plan says of an environment and the files it names, at a
//! commit. What is prepared is a cache: no fact of a run rests on it. Unaware
//! of nodes, attempts and gates.

mod before;
pub(crate) mod folders;
mod key;
mod outfit;
mod prepare;
mod sharing;
mod shelf;
mod tools;

pub(crate) use before::prepare_all;
pub(crate) use outfit::Outfit;
pub(crate) use prepare::Failure;
pub(crate) use sharing::Sharing;
pub(crate) use shelf::{Prepared, Shelf};
pub(crate) use tools::tools;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use eufm_plan::{Digest, Environment, EnvironmentIndex};

use crate::git::{self, CommitId, Survey, Vault};
use crate::nest::Tools;
use crate::sandbox::{HOME, REPO};
use crate::steps::Place;
use crate::workshop::{StepError, Workshop};

/// How long preparing may take when nothing else has a cap.
pub(crate) const LIMIT_DEFAULT: Duration = Duration::from_secs(60 * 60);

/// The environments of a plan, on this host.
#[derive(Debug)]
pub(crate) struct Environments {
    /// For what the base commit needs; all runs use it.
    shared: Shelf,
    /// For what results need that change a key; this run's alone, since what
    /// lies there was made by code of theirs.
    own: Shelf,
    /// What each shows, by environment.
    tools: Vec<Tools>,
    sharing: Sharing,
    /// The keys that were worked out already.
    known: Mutex<BTreeMap<(String, EnvironmentIndex), Key>>,
    /// Held while one is prepared: two that need the same prepare it once.
    turn: Mutex<()>,
}

/// What an environment is for a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    digest: Digest,
    /// Whether it is the same for the base commit.
    is_base: bool,
}

/// Why an environment cannot be had.
#[derive(Debug)]
pub(crate) enum Unready {
    /// The run was stopped meanwhile.
    Stopped,
    /// It cannot be prepared for this commit.
    Failed(Failure),
    /// The host does not let it.
    Step(StepError),
}

impl From<StepError> for Unready {
    fn from(error: StepError) -> Self {
        Self::Step(error)
    }
}

impl From<std::io::Error> for Unready {
    fn from(error: std::io::Error) -> Self {
        Self::Step(error.into())
    }
}

impl From<git::Error> for Unready {
    fn from(error: git::Error) -> Self {
        Self::Step(error.into())
    }
}

impl Environments {
    /// Knows the environments of a plan by what each shows.
    pub(crate) fn new((shared, own): (Shelf, Shelf), tools: Vec<Tools>, sharing: Sharing) -> Self {
        let (known, turn) = (Mutex::default(), Mutex::new(()));
        Self { shared, own, tools, sharing, known, turn }
    }

    /// Removes what was prepared for the run's own results: it has ended.
    ///
    /// # Errors
    /// Fails when something of it cannot be removed.
    pub(crate) fn forget_own(&self) -> std::io::Result<()> {
        self.own.clear()
    }

    fn shelf(&self, key: Key) -> &Shelf {
        if key.is_base { &self.shared } else { &self.own }
    }

    /// Returns what environments show of this host, all together.
    #[must_use]
    pub(crate) fn tools(&self, which: &[EnvironmentIndex]) -> Tools {
        let mut all = Tools::default();
        for index in which {
            let tools = &self.tools[index.get()];
            all.mounts.extend(tools.mounts.iter().cloned());
            all.path.extend(tools.path.iter().cloned());
        }
        all
    }

    /// Returns why kept folders are copied, if they are.
    pub(crate) fn copies(&self) -> Option<&str> {
        match &self.sharing {
            Sharing::Layers => None,
            Sharing::Copies { reason, .. } => Some(reason),
        }
    }
}

/// Gives a place the environments it sees, as they are for a commit; those
/// that are not prepared for it are now, which `tell` hears of.
///
/// # Errors
/// Fails when one cannot be prepared or handed out, or the run is stopped.
pub(crate) fn hand_out(
    shop: &Workshop,
    which: &[EnvironmentIndex],
    commit: &CommitId,
    place: &Place,
    limit: Duration,
    tell: &dyn Fn(&str),
) -> Result<Outfit, Unready> {
    // Kept folders come after all tools, in which they may lie.
    let mut outfit = Outfit::new(shop.environments.tools(which), &shop.host.launcher);
    for index in which {
        let environment = &shop.plan.environments[index.get()];
        if environment.keep.is_empty() {
            continue;
        }
        let prepared = ready(shop, *index, commit, limit, tell)?;
        for (number, keep) in environment.keep.iter().enumerate() {
            let folder = place.beside(&format!("keep-{}-{number}", index.get()));
            let prepared = prepared.join(number.to_string());
            outfit.add(keep, &prepared, &folder, &shop.environments.sharing)?;
        }
    }
    Ok(outfit)
}

/// Prepares an environment for the base commit, if it is not yet.
///
/// # Errors
/// Fails when it cannot be prepared, or the run is stopped.
pub(crate) fn prepare_base(
    shop: &Workshop,
    index: EnvironmentIndex,
    limit: Duration,
    tell: &dyn Fn(&str),
) -> Result<(), Unready> {
    let prepared = ready(shop, index, &shop.base, limit, tell)?;
    // What was used last goes last.
    Ok(Shelf::note_use(&prepared)?)
}

/// Names what a plan's environments are on a commit, as they lie on the shelf.
///
/// # Errors
/// Fails when git fails, as when the commit is gone.
pub(crate) fn names(
    vault: &Vault,
    environments: &[Environment],
    commit: &CommitId,
) -> Result<BTreeSet<String>, git::Error> {
    let name = |environment: &Environment| {
        let survey = survey(vault, environment, commit)?;
        Ok(Shelf::name(key::key(environment, &survey.matching)))
    };
    environments.iter().map(name).collect()
}

/// Removes what was being prepared when a runner was killed.
///
/// # Errors
/// Fails when something of it cannot be removed.
pub(crate) fn clear_unfinished(shop: &Workshop) -> Result<(), StepError> {
    shop.environments.shared.clear_unfinished(&shop.vault)?;
    shop.environments.own.clear_unfinished(&shop.vault)
}

/// Returns the folder of an environment that is prepared for a commit.
fn ready(
    shop: &Workshop,
    index: EnvironmentIndex,
    commit: &CommitId,
    limit: Duration,
    tell: &dyn Fn(&str),
) -> Result<PathBuf, Unready> {
    let environments = &shop.environments;
    let environment = &shop.plan.environments[index.get()];
    let key = key_of(shop, index, commit)?;
    let shelf = environments.shelf(key);
    if let Some(folder) = shelf.find(key.digest) {
        return Ok(folder);
    }
    let _turn = environments.turn.lock().unwrap_or_else(PoisonError::into_inner);
    if shop.running.is_stopping() {
        return Err(Unready::Stopped);
    }
    // Somebody else may have prepared it meanwhile.
    if shelf.find(key.digest).is_none() {
        if !environment.prepare.is_empty() {
            tell(&format!("preparing {}: {}", environment.name, environment.prepare.join(" ")));
        }
        let tools = &environments.tools[index.get()];
        prepare::prepare(shop, environment, tools, (shelf, key.digest, commit), limit)?;
    }
    shelf.find(key.digest).ok_or_else(|| {
        let message = format!("environment {} is gone as soon as prepared", environment.name);
        Unready::Step(StepError::Host(message))
    })
}

fn key_of(shop: &Workshop, index: EnvironmentIndex, commit: &CommitId) -> Result<Key, Unready> {
    let known = &shop.environments.known;
    let at = (commit.to_string(), index);
    if let Some(key) = known.lock().unwrap_or_else(PoisonError::into_inner).get(&at) {
        return Ok(*key);
    }
    let environment = &shop.plan.environments[index.get()];
    let survey = survey(&shop.vault, environment, commit)?;
    if let Some((keep, path)) = survey.in_the_way {
        let reason = format!(
            "it keeps the folder {keep}, but {path} is part of the repository: keep a folder that \
             holds nothing of it"
        );
        return Err(Unready::Failed(Failure::early(environment, reason)));
    }
    let digest = key::key(environment, &survey.matching);
    let is_base = *commit == shop.base || key_of(shop, index, &shop.base)?.digest == digest;
    let key = Key { digest, is_base };
    known.lock().unwrap_or_else(PoisonError::into_inner).insert(at, key);
    Ok(key)
}

/// Looks for the files of a commit that decide what an environment is, and for
/// what lies where it keeps folders.
///
/// # Errors
/// Fails on a glob that cannot be read, or when git fails.
pub(crate) fn survey(
    vault: &Vault,
    environment: &Environment,
    commit: &CommitId,
) -> Result<Survey, git::Error> {
    let folders: Vec<&str> = in_worktree(environment).collect();
    // A script that it runs decides as much as a lock file does.
    let words: Vec<&str> = environment.prepare.iter().map(|word| plain(word)).collect();
    vault.survey(commit, &environment.key, &words, &folders)
}

/// Takes the `./` off a path that a command names.
fn plain(word: &str) -> &str {
    word.strip_prefix("./").unwrap_or(word)
}

/// Returns the kept folders that lie in the worktree, relative to the root.
pub(crate) fn in_worktree(environment: &Environment) -> impl Iterator<Item = &str> {
    environment.keep.iter().map(String::as_str).filter(|keep| !keep.starts_with(['~', '/']))
}

/// Returns where a kept folder is seen in the sandbox.
fn inside(keep: &str) -> PathBuf {
    match keep.strip_prefix("~/") {
        Some(rest) => Path::new(HOME).join(rest),
        // An absolute path stays one.
        None => Path::new(REPO).join(keep),
    }
}
