//! Removes what old runs left: folders, references, results that nobody takes,
//! environments that nobody uses.
//!
//! What an unfinished run needs stays, and so do the newest runs and the results
//! they use. Each run goes in steps of which none leaves half a run: its folder
//! is moved away first, and what an interrupted gc left is removed by the next.
//! Unaware of how it is shown.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eufm_plan::lockfile;
use eufm_plan::{Digest, Plan};
use serde::Serialize;

use crate::cache::{Cache, Entry};
use crate::clock::unix_seconds;
use crate::environments::{self, Prepared, Shelf};
use crate::error::RunError;
use crate::event::Outcome;
use crate::git::{CommitId, Error as GitError, Git, Vault};
use crate::remove::remove_all;
use crate::replayed::Replayed;
use crate::size;
use crate::state::RunState;
use crate::store::{RunDir, Store};

/// What is to be removed, and where.
#[derive(Debug)]
pub struct Sweep {
    /// The repository whose runs are meant.
    pub repository: PathBuf,
    /// Where the state of its runs lies.
    pub state: PathBuf,
    /// The folders in which git is looked for.
    pub path: Vec<PathBuf>,
    /// How many of the newest ended runs stay, however old.
    pub keep_runs: usize,
    /// Only what is older than this is removed.
    pub older_than: Duration,
    /// The most bytes that the state shall have; runs and results beyond are
    /// removed though the other limits keep them, the oldest first.
    pub max_bytes: Option<u64>,
    /// Whether it is only said what would be removed.
    pub dry_run: bool,
}

/// What was removed, or would be.
#[derive(Debug, Serialize)]
pub struct Swept {
    /// Whether nothing was done.
    pub dry_run: bool,
    /// The runs that were removed, the oldest first.
    pub removed: Vec<RunSwept>,
    /// The runs that stay, the oldest first.
    pub kept: Vec<RunKept>,
    /// How many results were forgotten.
    pub results_removed: usize,
    /// How many results stay.
    pub results_kept: usize,
    /// How many prepared environments were removed.
    pub environments_removed: usize,
    /// How many prepared environments stay.
    pub environments_kept: usize,
    /// How large the state was, in bytes.
    pub bytes_before: u64,
    /// How large it is, in bytes; nothing where nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_after: Option<u64>,
    /// Why the objects of the vault were left as they are, if they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_packed: Option<String>,
}

/// A run that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunSwept {
    /// Its name.
    pub run: String,
    /// How it ended; `closed` where another one took its place.
    pub ended: &'static str,
    /// How large its folder was, in bytes.
    pub bytes: u64,
}

/// A run that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunKept {
    /// Its name.
    pub run: String,
    /// Why it stays.
    pub why: String,
    /// How large its folder is, in bytes.
    pub bytes: u64,
}

/// Removes what the limits do not keep.
///
/// # Errors
/// Fails when another runner works, and when something cannot be removed; what
/// was removed before stays so.
pub fn sweep(sweep: &Sweep) -> Result<Swept, RunError> {
    let path = std::env::join_paths(&sweep.path)
        .map_err(|error| RunError::Usage(format!("PATH: {error}")))?;
    let store = Store::open(&sweep.state)?;
    let git = Git::find(&path).map_err(|error| RunError::Usage(error.to_string()))?;
    let vault = Vault::open(&git, &sweep.repository, &store.vault())
        .map_err(|error| RunError::Usage(error.to_string()))?;
    vault.take_over().map_err(|error| RunError::State(error.to_string()))?;
    let cache = Cache::of(store.root());
    let failed = |error: io::Error| RunError::State(format!("{}: {error}", sweep.state.display()));
    let bytes_before = size::below(store.root()).map_err(failed)?;
    let runs = runs(&store, &vault).map_err(failed)?;
    let results = cache.all().map_err(failed)?;
    let shelf =
        Shelf::new(store.environments().map_err(|error| RunError::State(error.to_string()))?);
    let environments = shelf.all().map_err(failed)?;
    let choice = choose(sweep, runs, (results, environments), bytes_before);
    let mut swept = Swept {
        dry_run: sweep.dry_run,
        removed: choice.gone.iter().map(Run::swept).collect(),
        kept: choice.kept.iter().map(|(run, why)| run.kept(why)).collect(),
        results_removed: choice.forgotten.len(),
        results_kept: choice.results_kept,
        environments_removed: choice.unused.len(),
        environments_kept: choice.environments_kept,
        bytes_before,
        bytes_after: None,
        not_packed: None,
    };
    if !sweep.dry_run {
        remove(&store, &vault, &cache, &choice).map_err(failed)?;
        clear(&shelf, &vault, &store, &choice).map_err(failed)?;
        swept.not_packed =
            tidy(&store, &vault, &choice).map_err(|error| RunError::State(error.to_string()))?;
        swept.bytes_after = Some(size::below(store.root()).map_err(failed)?);
    }
    Ok(swept)
}

/// A run as gc sees it.
#[derive(Debug)]
struct Run {
    name: String,
    bytes: u64,
    /// The host's time of its last record, in seconds since 1970.
    time: u64,
    /// When its journal was written last, by the file system: several runs may
    /// have come to their end in one second.
    written: (i64, i64),
    end: End,
    /// The keys of its nodes.
    keys: BTreeSet<Digest>,
    /// The commits that it needs to go on, or to be retried.
    commits: BTreeSet<CommitId>,
    /// The environments with which it begins, by their names on the shelf;
    /// nothing where that is not known.
    environments: Option<BTreeSet<String>>,
}

/// How a run has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    Ended(Outcome),
    Closed,
    Unfinished,
    /// Its journal or plan cannot be read; nobody knows what it needs.
    Unreadable(String),
}

impl Run {
    fn swept(&self) -> RunSwept {
        let ended = match self.end {
            End::Ended(outcome) => outcome.word(),
            End::Closed => "closed",
            End::Unfinished | End::Unreadable(_) => "unfinished",
        };
        RunSwept { run: self.name.clone(), ended, bytes: self.bytes }
    }

    fn kept(&self, why: &str) -> RunKept {
        RunKept { run: self.name.clone(), why: why.to_owned(), bytes: self.bytes }
    }

    fn is_over(&self) -> bool {
        matches!(self.end, End::Ended(_) | End::Closed)
    }
}

/// Looks at all runs; the oldest first.
fn runs(store: &Store, vault: &Vault) -> io::Result<Vec<Run>> {
    let names = store.runs().map_err(io::Error::other)?;
    let mut runs = Vec::with_capacity(names.len());
    for name in names {
        let dir = RunDir::of(store.root(), &name);
        runs.push(run(&dir, vault, size::below(dir.root())?));
    }
    runs.sort_by(|a, b| (a.time, a.written, &a.name).cmp(&(b.time, b.written, &b.name)));
    Ok(runs)
}

fn run(dir: &RunDir, vault: &Vault, bytes: u64) -> Run {
    let mut run = Run {
        name: dir.name().to_owned(),
        bytes,
        time: 0,
        written: std::fs::metadata(dir.journal())
            .map_or((0, 0), |journal| (journal.mtime(), journal.mtime_nsec())),
        end: End::Unfinished,
        keys: BTreeSet::new(),
        commits: BTreeSet::new(),
        environments: None,
    };
    let read = || -> Result<(Arc<Plan>, Replayed), String> {
        let text = std::fs::read_to_string(dir.plan()).map_err(|error| error.to_string())?;
        let locked = lockfile::read_kept(&text).map_err(|error| error.to_string())?;
        let replayed = Replayed::read(&locked, dir).map_err(|error| error.to_string())?;
        Ok((locked.plan, replayed))
    };
    match read() {
        Ok((plan, replayed)) => {
            let state = replayed.scheduler.state();
            run.time = replayed.last_time;
            run.end = match state.finished {
                Some(outcome) => End::Ended(outcome),
                None if state.closed => End::Closed,
                None => End::Unfinished,
            };
            run.keys =
                state.nodes.iter().filter_map(|node| Some(node.key.as_ref()?.digest)).collect();
            run.commits = commits(state);
            let base = state.opened.as_ref().map(|opened| &opened.base);
            run.environments =
                base.and_then(|base| environments::names(vault, &plan.environments, base).ok());
        }
        Err(reason) => run.end = End::Unreadable(reason),
    }
    run
}

/// Returns every commit that the journal of a run still speaks of.
fn commits(state: &RunState) -> BTreeSet<CommitId> {
    let nodes = state.nodes.iter().flat_map(|node| [&node.base, &node.work, &node.commit]);
    let opened = state.opened.iter().map(|opened| &opened.base);
    nodes.flatten().chain(&state.head).chain(opened).cloned().collect()
}

/// What goes and what stays.
#[derive(Debug)]
struct Choice {
    gone: Vec<Run>,
    kept: Vec<(Run, String)>,
    forgotten: Vec<Entry>,
    results_kept: usize,
    /// The names of environments.
    unused: Vec<String>,
    environments_kept: usize,
}

/// Decides what goes: pure, so that a dry run says what is done.
fn choose(
    sweep: &Sweep,
    runs: Vec<Run>,
    (results, environments): (Vec<Entry>, Vec<Prepared>),
    bytes: u64,
) -> Choice {
    let oldest = unix_seconds().saturating_sub(sweep.older_than.as_secs());
    let mut excess = sweep.max_bytes.map_or(0, |max| bytes.saturating_sub(max));
    let whys = kept_by_limits(sweep, &runs, oldest);
    let freed: u64 =
        runs.iter().zip(&whys).filter(|(_, why)| why.is_none()).map(|(run, _)| run.bytes).sum();
    let all = environments.len();
    let unused = unused(&runs, environments, oldest, excess.saturating_sub(freed));
    excess = unused.iter().fold(excess, |excess, it| excess.saturating_sub(it.bytes));
    let last = runs.iter().rposition(Run::is_over);
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    for (position, (run, why)) in runs.into_iter().zip(whys).enumerate() {
        // The last one stays even where the state is too large.
        let is_too_much = excess > 0 && run.is_over() && Some(position) != last;
        match why.filter(|_| !is_too_much) {
            Some(why) => kept.push((run, why)),
            None => {
                excess = excess.saturating_sub(run.bytes);
                gone.push(run);
            }
        }
    }
    let used: BTreeSet<Digest> = kept.iter().flat_map(|(run, _)| run.keys.clone()).collect();
    let is_kept =
        |entry: &Entry| used.contains(&entry.key.digest) || (excess == 0 && entry.time > oldest);
    let (stay, forgotten): (Vec<Entry>, Vec<Entry>) = results.into_iter().partition(is_kept);
    Choice {
        gone,
        kept,
        forgotten,
        results_kept: stay.len(),
        environments_kept: all - unused.len(),
        unused: unused.into_iter().map(|it| it.name).collect(),
    }
}

/// Says of each run why it stays, whatever the size of the state; nothing where
/// it goes.
fn kept_by_limits(sweep: &Sweep, runs: &[Run], oldest: u64) -> Vec<Option<String>> {
    let over = runs.iter().filter(|run| run.is_over()).count();
    let mut seen = 0;
    let mut why = |run: &Run| match &run.end {
        End::Unfinished => Some("it is not finished".to_owned()),
        End::Unreadable(reason) => Some(format!("it cannot be read: {reason}")),
        End::Ended(_) | End::Closed => {
            seen += 1;
            match (over - seen < sweep.keep_runs, run.time > oldest) {
                (true, _) => Some("it is among the newest".to_owned()),
                (_, true) => Some("it is not old enough".to_owned()),
                (false, false) => None,
            }
        }
    };
    runs.iter().map(&mut why).collect()
}

/// Chooses the environments that go, of which the least recently used come
/// first: the old ones, and as many as are too much. They can be prepared again,
/// so they go before runs do.
fn unused(
    runs: &[Run],
    environments: Vec<Prepared>,
    oldest: u64,
    mut excess: u64,
) -> Vec<Prepared> {
    let needed = runs.iter().filter(|run| !run.is_over()).map(|run| run.environments.as_ref());
    // Nobody knows what a run needs that cannot be read.
    let Some(needed) = needed.collect::<Option<Vec<_>>>() else { return Vec::new() };
    let last = runs.iter().rfind(|run| run.is_over()).and_then(|run| run.environments.as_ref());
    let is_of = |names: &BTreeSet<String>, it: &Prepared| names.contains(&it.name);
    let is_needed = |it: &Prepared| needed.iter().any(|names| is_of(names, it));
    let free: Vec<Prepared> = environments.into_iter().filter(|it| !is_needed(it)).collect();
    let is_old = |it: &Prepared| u64::try_from(it.used.0).unwrap_or(0) <= oldest;
    let (mut gone, young): (Vec<Prepared>, Vec<Prepared>) = free.into_iter().partition(is_old);
    excess = gone.iter().fold(excess, |excess, it| excess.saturating_sub(it.bytes));
    for it in young {
        if excess > 0 && !last.is_some_and(|names| is_of(names, &it)) {
            excess = excess.saturating_sub(it.bytes);
            gone.push(it);
        }
    }
    gone
}

/// Removes environments, and what was being prepared when a runner was killed.
fn clear(shelf: &Shelf, vault: &Vault, store: &Store, choice: &Choice) -> io::Result<()> {
    shelf.clear_unfinished(vault).map_err(|error| io::Error::other(error.to_string()))?;
    let trash = store.root().join("trash");
    std::fs::create_dir_all(&trash)?;
    choice.unused.iter().try_for_each(|name| shelf.discard(name, &trash))?;
    remove_all(&trash)
}

/// Removes runs and results, each in steps that leave nothing half.
fn remove(store: &Store, vault: &Vault, cache: &Cache, choice: &Choice) -> io::Result<()> {
    let trash = store.root().join("trash");
    // What an interrupted gc left.
    remove_all(&trash)?;
    std::fs::create_dir_all(&trash)?;
    for run in &choice.gone {
        vault.unpin(&run.name).map_err(io::Error::other)?;
        let dir = RunDir::of(store.root(), &run.name);
        std::fs::rename(dir.root(), trash.join(&run.name))?;
        vault.forget_run(&run.name).map_err(io::Error::other)?;
        remove_all(&trash.join(&run.name))?;
    }
    for entry in &choice.forgotten {
        cache.remove(&entry.key.digest)?;
    }
    remove_all(&trash)
}

/// Brings the vault in order: references of runs and results that are gone, what
/// can be made again, and objects that nobody names. Says why it left the
/// objects alone, if it did.
fn tidy(store: &Store, vault: &Vault, choice: &Choice) -> Result<Option<String>, GitError> {
    let runs: Vec<&str> = choice.kept.iter().map(|(run, _)| run.name.as_str()).collect();
    let cache = Cache::of(store.root());
    let results = cache.all().unwrap_or_default();
    let kept = results.iter().flat_map(Entry::references).map(|(name, _)| name);
    vault.forget_others(&runs, &kept.collect::<Vec<_>>())?;
    vault.clear_views()?;
    for (run, _) in &choice.kept {
        if let End::Unreadable(_) = &run.end {
            return Ok(Some(format!("nobody knows what run {} needs of them", run.name)));
        }
        vault.keep_all(&run.name, &run.commits)?;
    }
    // A repository that has lost objects cannot be packed; nothing is lost by it.
    Ok(vault.pack().err().map(|error| error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cache::Made;
    use crate::key::NodeKey;
    use crate::state_test::commit;

    /// A run that ended so many seconds ago and has a result of its own name.
    fn run(name: &str, ago: u64, end: End) -> Run {
        Run {
            name: name.to_owned(),
            bytes: 100,
            time: unix_seconds() - ago,
            written: (0, 0),
            end,
            keys: BTreeSet::from([Digest::of(name.as_bytes())]),
            commits: BTreeSet::new(),
            environments: Some(BTreeSet::from([name.to_owned()])),
        }
    }

    fn result(name: &str, ago: u64) -> Entry {
        let key = NodeKey { digest: Digest::of(name.as_bytes()), parts: BTreeMap::new() };
        let (node, run, time) = (name.to_owned(), name.to_owned(), unix_seconds() - ago);
        let (base, commit) = (commit(1), commit(2));
        let (gates, beside) = (Vec::new(), None);
        Entry::new(key, Made { node, run, time, base, commit, changes: 1, gates, beside })
    }

    fn limits(keep_runs: usize, older_than: u64, max_bytes: Option<u64>) -> Sweep {
        Sweep {
            repository: PathBuf::new(),
            state: PathBuf::new(),
            path: Vec::new(),
            keep_runs,
            older_than: Duration::from_secs(older_than),
            max_bytes,
            dry_run: false,
        }
    }

    /// Five runs, the oldest first, with their results: names of what goes.
    fn goes(limits: &Sweep, bytes: u64) -> (Vec<String>, Vec<String>) {
        let done = || End::Ended(Outcome::Done);
        let runs = vec![
            run("unread", 9_000, End::Unreadable("why".to_owned())),
            run("old", 5_000, done()),
            run("open", 4_000, End::Unfinished),
            run("closed", 3_000, End::Closed),
            run("new", 1_000, done()),
        ];
        let results = ["unread", "old", "open", "closed", "new", "lost"];
        let results = results.iter().map(|name| result(name, 2_000)).collect();
        let choice = choose(limits, runs, (results, Vec::new()), bytes);
        assert_eq!(choice.gone.len() + choice.kept.len(), 5);
        assert_eq!(choice.forgotten.len() + choice.results_kept, 6);
        (
            choice.gone.into_iter().map(|run| run.name).collect(),
            choice.forgotten.into_iter().map(|entry| entry.node).collect(),
        )
    }

    #[test]
    fn the_newest_and_the_young_stay_and_so_does_what_they_use() {
        let none: [&str; 0] = [];
        for (keep, older, runs, results) in [
            (10, 0, &none[..], &["lost"][..]),
            (3, 0, &[], &["lost"]),
            (2, 0, &["old"], &["old", "lost"]),
            (1, 0, &["old", "closed"], &["old", "closed", "lost"]),
            (0, 0, &["old", "closed", "new"], &["old", "closed", "new", "lost"]),
            (0, 1_500, &["old", "closed"], &["old", "closed", "lost"]),
            (0, 2_500, &["old", "closed"], &[]),
            (0, 4_500, &["old"], &[]),
            (0, 100_000, &[], &[]),
        ] {
            let (gone, forgotten) = goes(&limits(keep, older, None), 1_000);
            assert_eq!(
                (&gone[..], &forgotten[..]),
                (&owned(runs)[..], &owned(results)[..]),
                "{keep} {older}"
            );
        }
    }

    #[test]
    fn a_size_goes_before_the_other_limits_but_for_the_last_run() {
        for (max, runs, results) in [
            (1_000, &[][..], &[][..]),
            (901, &["old"], &[]),
            (900, &["old"], &[]),
            (899, &["old", "closed"], &[]),
            (0, &["old", "closed"], &["old", "closed", "lost"]),
        ] {
            let (gone, forgotten) = goes(&limits(10, 100_000, Some(max)), 1_000);
            assert_eq!(
                (&gone[..], &forgotten[..]),
                (&owned(runs)[..], &owned(results)[..]),
                "{max}"
            );
        }
    }

    /// The environments that go, of those that these runs and nobody uses, each
    /// of 100 bytes and used as many seconds ago.
    fn unused_of(limits: &Sweep, runs: Vec<Run>, ago: &[(&str, u64)], bytes: u64) -> Vec<String> {
        let at = |ago: u64| i64::try_from(unix_seconds() - ago).unwrap();
        let prepared = |(name, ago): &(&str, u64)| Prepared {
            name: (*name).to_owned(),
            bytes: 100,
            used: (at(*ago), 0),
        };
        let environments: Vec<Prepared> = ago.iter().map(prepared).collect();
        let choice = choose(limits, runs, (Vec::new(), environments), bytes);
        assert_eq!(choice.unused.len() + choice.environments_kept, ago.len());
        choice.unused
    }

    /// A run of old, the one that ended last, one that goes on, and nobody.
    const USED: [(&str, u64); 4] =
        [("old", 5_000), ("nobody", 4_000), ("open", 3_000), ("new", 1_000)];

    fn three() -> Vec<Run> {
        let done = || End::Ended(Outcome::Done);
        vec![
            run("old", 5_000, done()),
            run("open", 3_000, End::Unfinished),
            run("new", 1_000, done()),
        ]
    }

    #[test]
    fn environments_go_that_were_not_used_for_long_and_are_not_needed() {
        for (older, expected) in [
            (10_000, &[][..]),
            (4_500, &["old"]),
            (2_000, &["old", "nobody"]),
            (0, &["old", "nobody", "new"]),
        ] {
            let found = unused_of(&limits(10, older, None), three(), &USED, 1_000);
            assert_eq!(found, owned(expected), "{older}");
        }
        let mut unknown = three();
        unknown.push(run("unread", 9_000, End::Unreadable("why".to_owned())));
        unknown[3].environments = None;
        assert_eq!(unused_of(&limits(0, 0, Some(0)), unknown, &USED, 1_000), [""; 0]);
    }

    #[test]
    fn where_the_state_is_too_large_environments_go_before_runs() {
        for (max, expected, runs) in [
            (1_000, &[][..], 3),
            (950, &["old"], 3),
            (801, &["old", "nobody"], 3),
            (800, &["old", "nobody"], 3),
            // That of the last run stays, as that run does.
            (799, &["old", "nobody"], 2),
            (0, &["old", "nobody"], 2),
        ] {
            let limits = limits(10, 10_000, Some(max));
            assert_eq!(unused_of(&limits, three(), &USED, 1_000), owned(expected), "{max}");
            let environments = USED.map(|(name, ago)| Prepared {
                name: name.to_owned(),
                bytes: 100,
                used: (i64::try_from(unix_seconds() - ago).unwrap(), 0),
            });
            let choice = choose(&limits, three(), (Vec::new(), environments.to_vec()), 1_000);
            assert_eq!(choice.kept.len(), runs, "{max}");
        }
        // What goes anyway makes room first.
        let limits = limits(1, 2_000, Some(900));
        assert_eq!(unused_of(&limits, three(), &[("young", 100)], 1_000), [""; 0]);
    }

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }
}
