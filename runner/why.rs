//! Says of each node whether a run would do it now, and why.
//!
//! It asks what a run asks, of the same functions: which run is meant, what a
//! node sees, whether the cache has its key. Everything that has to be made for
//! that goes into a vault of its own, which is removed again: it starts nothing,
//! changes nothing and needs no lock. Unaware of how it is shown.

use std::path::{Path, PathBuf};

use eufm_plan::lockfile::Locked;
use eufm_plan::{FINAL_VERIFY, Node, NodeIndex, Work};
use serde::Serialize;

use crate::beside::{self, Wanted};
use crate::cache::{Cache, Entry};
use crate::error::RunError;
use crate::git::{Author, CommitId, Error as GitError, Git, Grafted, MergeError, Stamp, Vault};
use crate::inputs::{self, Gathered, Source, Sources};
use crate::key::{NodeKey, TREE, never_cached};
use crate::meant::{self, Question};
use crate::node::NodeRun;
use crate::replayed::Replayed;
use crate::sight::{self, Seen, sight_of};
use crate::state::Phase;
use crate::store::{RunDir, who_works};

/// How many paths that differ are named.
const PATHS_SHOWN: usize = 5;

/// How much of a key people are shown.
const KEY_DIGITS: usize = 12;

/// What is asked about.
#[derive(Debug)]
pub struct Look {
    /// The plan.
    pub locked: Locked,
    /// The text it was read from.
    pub text: String,
    /// The repository whose code is worked on.
    pub repository: PathBuf,
    /// Where the state of the repository's runs lies; need not be there.
    pub state: PathBuf,
    /// The folders in which git is looked for.
    pub path: Vec<PathBuf>,
}

/// What a run of the plan would do now.
#[derive(Debug, Serialize)]
pub struct Outlook {
    /// The run that is meant.
    pub run: String,
    /// Whether it is there already, and how far.
    pub standing: Standing,
    /// The commit it starts from.
    pub base: String,
    /// Who works on the state right now, if somebody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner: Option<String>,
    /// What a person is told about the choice of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// The nodes, in plan order.
    pub nodes: Vec<NodeOutlook>,
}

/// How far the run that is meant has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is to be begun.
    New,
    /// It goes on.
    Unfinished,
    /// It has come to its end: nothing more is done in it.
    Finished,
}

/// What would become of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeOutlook {
    /// Its name.
    pub node: String,
    /// What happens.
    pub will: Will,
    /// Why, one line each.
    pub reasons: Vec<String>,
    /// The beginning of its key, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The run whose result it is or would be, if it would not be made now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// What happens to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Will {
    /// Its result stands in this run.
    Stand,
    /// The result of an earlier run is taken over.
    BeCached,
    /// It runs.
    Run,
    /// It runs or is taken over: results that are still to come decide.
    Depend,
    /// It is not started.
    NotRun,
}

impl Will {
    /// Returns the word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stand => "stands",
            Self::BeCached => "cached",
            Self::Run => "runs",
            Self::Depend => "depends",
            Self::NotRun => "stays",
        }
    }
}

impl Serialize for Will {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Looks at every node of a plan.
///
/// # Errors
/// Fails when there is no such repository or base, or the state is damaged.
pub fn look(look: &Look) -> Result<Outlook, RunError> {
    let usage = |error: &GitError| RunError::Usage(error.to_string());
    let path = std::env::join_paths(&look.path)
        .map_err(|error| RunError::Usage(format!("PATH: {error}")))?;
    let git = Git::find(&path).map_err(|error| usage(&error))?;
    let scratch = tempfile::tempdir()
        .map_err(|error| RunError::Host(format!("no temporary folder: {error}")))?;
    let own = scratch.path().join("vault.git");
    let other = look.state.join("vault.git");
    let vault =
        Vault::sketch(&git, &look.repository, &own, &other).map_err(|error| usage(&error))?;
    let question =
        Question { root: &look.state, vault: &vault, locked: &look.locked, text: &look.text };
    let found = match meant::unfinished(question)? {
        Some(run) => run,
        None => meant::named(question, false)?,
    };
    let dir = RunDir::of(&look.state, &found.run);
    let replayed = match dir.journal().exists() {
        true => Some(Replayed::read(&look.locked, &dir)?),
        false => None,
    };
    let standing = match &replayed {
        None => Standing::New,
        Some(replayed) if replayed.is_unfinished() => Standing::Unfinished,
        Some(replayed) if replayed.records == 0 => Standing::New,
        Some(_) => Standing::Finished,
    };
    let cache = Cache::of(&look.state);
    let results = cache.all().map_err(|error| RunError::State(error.to_string()))?;
    let outlook = Outlook {
        run: dir.name().to_owned(),
        standing,
        base: found.base.to_string(),
        runner: who_works(&look.state),
        remark: found.remark.clone(),
        nodes: Vec::new(),
    };
    let wanted = beside::wanted(&look.locked.plan);
    let looker = Looker { look, vault, results, base: found.base, replayed, wanted, outlook };
    looker.all().map_err(|error| RunError::State(error.to_string()))
}

struct Looker<'a> {
    look: &'a Look,
    vault: Vault,
    /// What the cache has, the newest first.
    results: Vec<Entry>,
    base: CommitId,
    replayed: Option<Replayed>,
    /// What is asked of each node's result, beside its files.
    wanted: Vec<Wanted>,
    outlook: Outlook,
}

/// What is known of a node's result before it is there.
type Known = Option<Source>;

impl Looker<'_> {
    fn all(mut self) -> Result<Outlook, GitError> {
        let plan = &self.look.locked.plan;
        let mut known: Vec<Known> = Vec::with_capacity(plan.nodes.len());
        for (position, node) in plan.nodes.iter().enumerate() {
            let (outlook, source) = self.node(NodeIndex::new(position), node, &known)?;
            self.outlook.nodes.push(outlook);
            known.push(source);
        }
        Ok(self.outlook)
    }

    fn node(
        &self,
        index: NodeIndex,
        node: &Node,
        known: &[Known],
    ) -> Result<(NodeOutlook, Known), GitError> {
        let run = self.replayed.as_ref().map(|replayed| replayed.scheduler.state().node(index));
        if let Some(run) = run
            && let Some(begun) = self.begun(index, node, run)?
        {
            return Ok(begun);
        }
        let needs = || node.needs.iter().map(|need| &self.outlook.nodes[need.get()]);
        let is_last = node.name == FINAL_VERIFY;
        if let Some(need) = needs().find(|need| need.will == Will::NotRun && !is_last) {
            let reason = format!("it needs {}, which is not done", need.node);
            return Ok((outlook(node, Will::NotRun, vec![reason]), None));
        }
        if let Some(why) = never_cached(node) {
            return Ok((outlook(node, Will::Run, vec![format!("it always runs: {why}")]), None));
        }
        // A writer before it of which nothing comes is no part of what it starts from.
        let open = |before: &NodeIndex| {
            let will = self.outlook.nodes[before.get()].will;
            known[before.get()].is_none() && will != Will::NotRun
        };
        if node.waits_for().any(|before| open(&before)) {
            let names = node.waits_for().filter(open);
            let reason = |before: NodeIndex| {
                let NodeOutlook { node: name, will, .. } = &self.outlook.nodes[before.get()];
                let which = match will {
                    Will::Depend => "which is not decided yet",
                    _ => "which runs",
                };
                match node.needs.binary_search(&before) {
                    Ok(_) => format!("it depends on {name}, {which}"),
                    Err(_) => {
                        format!("it comes after {name}, which may write the same file, {which}")
                    }
                }
            };
            return Ok((outlook(node, Will::Depend, names.map(reason).collect()), None));
        }
        let source = |node: NodeIndex| known[node.get()].clone().unwrap_or_default();
        let mut before: Vec<NodeIndex> = node.waits_for().collect();
        before.sort_unstable();
        let needs: Vec<CommitId> =
            before.into_iter().filter_map(|node| source(node).commit).collect();
        let session = match &node.work {
            Work::Agent { session, .. } => session.map(source),
            _ => None,
        };
        let inputs = node.inputs.iter().map(|input| source(input.node)).collect();
        self.ready((index, node), &needs, &Sources { inputs, session })
    }

    /// Looks at a node of which the run that is meant has a record.
    fn begun(
        &self,
        index: NodeIndex,
        node: &Node,
        run: &NodeRun,
    ) -> Result<Option<(NodeOutlook, Known)>, GitError> {
        let name = self.outlook.run.as_str();
        if run.phase == Phase::Committed {
            let reason = match &run.taken_from {
                Some(from) => format!("taken over from run {from}"),
                None => "its result stands".to_owned(),
            };
            let mut stands = outlook(node, Will::Stand, vec![reason]);
            stands.run = Some(name.to_owned());
            stands.key = run.key.as_deref().map(short);
            let kept = match beside::is_kept(&node.work, self.wanted[index.get()]) {
                true => {
                    let name = beside::reference(name, &node.name, inputs::start_of(run));
                    self.vault.kept_in(&self.look.state.join("vault.git"), &name)?
                }
                false => None,
            };
            let source = Source {
                commit: run.commit.clone(),
                changes: run.changes,
                kept,
                note: run.note().map(ToOwned::to_owned),
                key: run.key.as_ref().map(|key| key.digest),
            };
            return Ok(Some((stands, Some(source))));
        }
        let failure = run.failure.as_ref().map(|failure| failure.reason.clone());
        if self.outlook.standing == Standing::Finished || run.phase.is_final() {
            let way = match self.outlook.standing {
                Standing::Finished => "; exec --retry gives it new attempts",
                _ => "",
            };
            let failure = failure.unwrap_or_else(|| format!("it is {}", run.phase.word()));
            let reason = format!("run {name}: {failure}{way}");
            return Ok(Some((outlook(node, Will::NotRun, vec![reason]), None)));
        }
        let reason = match run.phase {
            _ if run.start == 0 => return Ok(None),
            Phase::Ready | Phase::Running => {
                format!("run {name} goes on with attempt {}", run.attempt)
            }
            phase => format!("run {name} goes on with it: it is {}", phase.word()),
        };
        let mut begun = outlook(node, Will::Run, vec![reason]);
        begun.key = run.key.as_deref().map(short);
        Ok(Some((begun, None)))
    }

    /// Looks at a node whose needs have results.
    fn ready(
        &self,
        (index, node): (NodeIndex, &Node),
        needs: &[CommitId],
        sources: &Sources,
    ) -> Result<(NodeOutlook, Known), GitError> {
        let base = match self.vault.merge_all(&self.base, needs, "What it depends on\n", &stamp()) {
            Ok(base) => base,
            Err(MergeError::Conflict(conflict)) => {
                let paths = conflict.paths.join(", ");
                let reason = format!("what it needs contradicts itself: {paths}");
                return Ok((outlook(node, Will::NotRun, vec![reason]), None));
            }
            Err(MergeError::Git(error)) => return Err(error),
        };
        let plan = &self.look.locked.plan;
        let given = match inputs::gather(&self.vault, plan, node, sources)? {
            Ok(given) => given,
            Err(reason) => return Ok((outlook(node, Will::Run, vec![reason]), None)),
        };
        let given = Gathered::digests(&given);
        let seen =
            sight::look(&self.vault, (plan, node), &self.base, &base, Some(&given), &stamp())?;
        let Seen { key: Some(key), .. } = seen else {
            let reason = "it goes on from a session whose result has no key".to_owned();
            return Ok((outlook(node, Will::Run, vec![reason]), None));
        };
        if self.replayed.as_ref().is_some_and(|it| it.scheduler.state().uncached) {
            let reason = "the run takes no results over, as --no-cache asked for".to_owned();
            let mut runs = outlook(node, Will::Run, vec![reason]);
            runs.key = Some(short(&key));
            return Ok((runs, None));
        }
        let same = self.results.iter().find(|entry| entry.key.digest == key.digest);
        if let Some(entry) = same
            && let Some(lacks) = self.lacks(index, entry)
        {
            let mut runs = outlook(node, Will::Run, vec![lacks]);
            runs.key = Some(short(&key));
            return Ok((runs, None));
        }
        if let Some(entry) = same
            && let Some(commit) = self.onto(&base, entry)
        {
            let mut cached = outlook(node, Will::BeCached, Vec::new());
            cached.reasons.push(format!("run {} has a result of this key", entry.run));
            (cached.key, cached.run) = (Some(short(&key)), Some(entry.run.clone()));
            let source = Source {
                commit: Some(commit),
                changes: entry.changes,
                kept: entry.beside.clone(),
                note: None,
                key: Some(key.digest),
            };
            return Ok((cached, Some(source)));
        }
        let mut runs = outlook(node, Will::Run, self.differences(node, &key, &base, same)?);
        runs.key = Some(short(&key));
        Ok((runs, None))
    }

    /// Says what is missing of what other nodes ask of a result, if something is.
    fn lacks(&self, index: NodeIndex, entry: &Entry) -> Option<String> {
        let wanted = self.wanted[index.get()];
        let what = beside::missing(&self.vault, entry.beside.as_ref(), wanted)?;
        let reader = beside::readers(&self.look.locked.plan, index).next().unwrap_or_default();
        Some(format!("the {what} that {reader} asks for was not kept in run {}", entry.run))
    }

    /// Puts a result onto a base as a run would; `None` where it could not.
    fn onto(&self, base: &CommitId, entry: &Entry) -> Option<CommitId> {
        if entry.changes == 0 {
            return Some(base.clone());
        }
        match self.vault.graft(base, &entry.base, &entry.commit).ok()? {
            Grafted::Tree(tree, _) => {
                let parents = std::slice::from_ref(base);
                self.vault.commit(&tree, parents, "Taken over\n", &stamp()).ok()
            }
            Grafted::Clash(_) => None,
        }
    }

    /// Says in what a node differs from its latest result.
    fn differences(
        &self,
        node: &Node,
        key: &NodeKey,
        base: &CommitId,
        same: Option<&Entry>,
    ) -> Result<Vec<String>, GitError> {
        if let Some(entry) = same {
            return Ok(vec![format!("its result of run {} cannot be had any more", entry.run)]);
        }
        let mut reasons = Vec::new();
        if let Some(entry) = self.results.iter().find(|entry| entry.node == node.name) {
            let run = &entry.run;
            let reason = |part: &String| match part.as_str() {
                TREE => self.files(node, entry, base),
                part if !entry.key.parts.contains_key(part) => {
                    format!("{part} is new since run {run}")
                }
                part if !key.parts.contains_key(part) => format!("{part} is gone since run {run}"),
                part => format!("{part} changed since run {run}"),
            };
            reasons.extend(entry.key.changed(key).iter().map(reason));
        } else {
            reasons.push("there is no result of it yet".to_owned());
        }
        reasons.extend(last_failure(&self.look.state, &node.name, &self.outlook.run));
        Ok(reasons)
    }

    /// Names the files that a node sees and that differ.
    fn files(&self, node: &Node, entry: &Entry, base: &CommitId) -> String {
        let compared = sight_of(node)
            .and_then(|sight| self.vault.compare(&entry.base, base, &sight, PATHS_SHOWN));
        let since = format!("since run {}", entry.run);
        match compared {
            Ok((paths, count)) if count > paths.len() => {
                let more = count - paths.len();
                format!("files it sees changed {since}: {} and {more} more", paths.join(", "))
            }
            Ok((paths, count)) if count > 0 => {
                format!("files it sees changed {since}: {}", paths.join(", "))
            }
            // Another selection of the same files, or an old base that is gone.
            _ => format!("the files it sees are others {since}"),
        }
    }
}

/// Says whether the last run that knows a node, other than `than`, has failed at
/// it. Its report is read, which is there for programs.
fn last_failure(state: &Path, node: &str, than: &str) -> Option<String> {
    let runs = crate::store::runs_below(state).ok()?;
    let report = |run: &String| {
        let path = RunDir::of(state, run).report();
        let time = std::fs::metadata(&path).and_then(|file| file.modified()).ok()?;
        Some((time, path, run.clone()))
    };
    let others = runs.iter().filter(|run| *run != than);
    let mut reports: Vec<_> = others.filter_map(report).collect();
    reports.sort();
    reports.into_iter().rev().find_map(|(_, path, run)| {
        let report: serde_json::Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        let found = report["nodes"].as_array()?.iter().find(|known| known["node"] == node)?;
        Some(found["failure"].as_str().map(|why| format!("its attempt in run {run} failed: {why}")))
    })?
}

fn outlook(node: &Node, will: Will, reasons: Vec<String>) -> NodeOutlook {
    NodeOutlook { node: node.name.clone(), will, reasons, key: None, run: None }
}

fn short(key: &NodeKey) -> String {
    key.digest.short(KEY_DIGITS)
}

/// Nothing that is made here is kept.
fn stamp() -> Stamp {
    Stamp { author: Author::default(), seconds: 0 }
}
