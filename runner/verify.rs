//! Looks whether the state of runs is what a resume would accept, and says where
//! it is not. Changes nothing, and keeps nobody from working.
//!
//! It reads as a resume does, with the same functions, but goes on after the
//! first finding. Unaware of the vault and of what the logs say.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eufm_plan::Plan;
use eufm_plan::lockfile::{self, Locked};

use crate::error::RunError;
use crate::event::Outcome;
use crate::journal::{End, NEWER, Scan, way_out};
use crate::replay;
use crate::state::RunState;
use crate::store::{self, RunDir, StoreError};

/// What was found in the state of a repository's runs.
#[derive(Debug)]
pub struct Verified {
    /// Who works on it right now, if somebody does.
    pub runner: Option<String>,
    /// The runs, by name.
    pub runs: Vec<VerifiedRun>,
}

/// What was found of one run.
#[derive(Debug)]
pub struct VerifiedRun {
    /// Its name.
    pub run: String,
    /// Its journal.
    pub journal: PathBuf,
    /// The journal's size, in bytes.
    pub bytes: u64,
    /// The format of its records; `None` when the first cannot be read.
    pub format: Option<u32>,
    /// How many records are good: all of them, or those before the damage.
    pub records: usize,
    /// How many bytes of a record stand at the end that was being written.
    pub torn_bytes: u64,
    /// Where the run stands; `None` when it is damaged or has no record.
    pub standing: Option<Standing>,
    /// What a resume would refuse.
    pub damage: Option<Damage>,
}

/// Where a run stands.
#[derive(Debug)]
pub struct Standing {
    /// How it ended; `None` when it can go on or was closed.
    pub outcome: Option<Outcome>,
    /// Whether another run was begun in its place.
    pub closed: bool,
    /// How many nodes stand where, by the word for it.
    pub nodes: BTreeMap<&'static str, usize>,
    /// How many nodes the plan has.
    pub planned: usize,
    /// Active time, in milliseconds.
    pub active_ms: u64,
}

/// Why a resume would refuse a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file or folder.
    pub file: PathBuf,
    /// At which byte of it; `None` when it is about the whole.
    pub offset: Option<u64>,
    /// In which way.
    pub cause: String,
    /// What can be done.
    pub help: String,
}

/// Looks at the runs in the state at `root`, or at the one that is named.
///
/// # Errors
/// Fails when there is no run of that name, or the folder cannot be read.
pub fn verify(root: &Path, run: Option<&str>) -> Result<Verified, RunError> {
    // One spelling of the folder, as in the messages of a run.
    let root = &std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let mut names = store::runs_below(root)?;
    if let Some(run) = run {
        if !names.iter().any(|name| name == run) {
            return Err(RunError::Usage(unknown(root, run, &names)));
        }
        names = vec![run.to_owned()];
    }
    let runner = store::who_works(root);
    let look = |name: &String| {
        let dir = RunDir::of(root, name);
        let found = verify_run(root, &dir);
        // The runner may have cut off a torn tail between two reads.
        if found.damage.is_some() && runner.is_some() { verify_run(root, &dir) } else { found }
    };
    let runs = names.iter().map(look).collect();
    Ok(Verified { runner, runs })
}

/// Says that there is no run of a name, and which there are.
pub(crate) fn unknown(root: &Path, run: &str, names: &[String]) -> String {
    let known = if names.is_empty() { "there is none".to_owned() } else { names.join(", ") };
    format!("there is no run `{run}` in {}\n  help: the runs are: {known}", root.display())
}

fn verify_run(root: &Path, dir: &RunDir) -> VerifiedRun {
    let mut found = VerifiedRun {
        run: dir.name().to_owned(),
        journal: dir.journal(),
        bytes: 0,
        format: None,
        records: 0,
        torn_bytes: 0,
        standing: None,
        damage: None,
    };
    found.damage = look_at(root, dir, &mut found).err();
    found
}

/// Fills in what is found, as far as it goes.
fn look_at(root: &Path, dir: &RunDir, found: &mut VerifiedRun) -> Result<(), Damage> {
    for folder in [root, &root.join("runs"), dir.root()] {
        store::is_private(folder).map_err(|error| exposed(folder, &error))?;
    }
    let path = dir.journal();
    let bytes = std::fs::read(&path).map_err(|error| unreadable(&path, &error))?;
    found.bytes = bytes.len() as u64;
    let locked = plan_of(dir)?;
    let scan = Scan::of(&bytes, &locked);
    (found.format, found.records) = (scan.format(), scan.records.len());
    let valid_bytes = scan.valid_bytes as u64;
    match replay::fold(&locked.plan, dir.name(), scan.records, 0) {
        Ok(replay) => found.standing = Standing::of(&locked.plan, replay.scheduler.state()),
        Err(misfit) => {
            found.records = misfit.position;
            return Err(unfitting(&path, scan.offsets[misfit.position], misfit.what));
        }
    }
    if let Some(damage) = refused(&path, scan.end, valid_bytes) {
        found.standing = None;
        return Err(damage);
    }
    found.torn_bytes = found.bytes - valid_bytes;
    Ok(())
}

/// Says what a resume would refuse of what stands behind a journal's good records.
pub(crate) fn refused(journal: &Path, end: End, valid_bytes: u64) -> Option<Damage> {
    let (cause, help) = match end {
        End::Whole | End::Torn => return None,
        End::Damaged(cause) => (cause, way_out(journal)),
        End::Newer(format) => {
            (format!("written in format {format} by a newer eufm"), NEWER.to_owned())
        }
    };
    Some(Damage { file: journal.to_owned(), offset: Some(valid_bytes), cause, help })
}

/// Says that the record at `offset` does not follow from those before it.
pub(crate) fn unfitting(journal: &Path, offset: u64, cause: String) -> Damage {
    let help = way_out(journal);
    Damage { file: journal.to_owned(), offset: Some(offset), cause, help }
}

/// Reads the plan that a run was started with.
///
/// # Errors
/// Says in which way it is damaged.
pub(crate) fn plan_of(dir: &RunDir) -> Result<Locked, Damage> {
    let file = dir.plan();
    let help = "put back the plan.lock that the run was started with; the journal is bound to it";
    let damage =
        |cause: String| Damage { file: file.clone(), offset: None, cause, help: help.to_owned() };
    let text = std::fs::read_to_string(&file).map_err(|error| damage(error.to_string()))?;
    lockfile::read_kept(&text).map_err(|error| damage(error.to_string()))
}

/// Says that a file of a run cannot be read.
pub(crate) fn unreadable(path: &Path, error: &std::io::Error) -> Damage {
    Damage {
        file: path.to_owned(),
        offset: None,
        cause: error.to_string(),
        help: "make it readable".to_owned(),
    }
}

fn exposed(folder: &Path, error: &StoreError) -> Damage {
    let cause = match error {
        StoreError::Exposed { what, .. } => what.clone(),
        other => other.to_string(),
    };
    let help = "look whether the journal is as you left it; then take away others' rights to it";
    Damage { file: folder.to_owned(), offset: None, cause, help: help.to_owned() }
}

impl Standing {
    /// Says where an opened run stands; `None` before its first record.
    fn of(plan: &Plan, state: &RunState) -> Option<Self> {
        state.opened.as_ref()?;
        let mut nodes = BTreeMap::new();
        for run in &state.nodes {
            *nodes.entry(run.word()).or_default() += 1;
        }
        Some(Self {
            outcome: state.finished,
            closed: state.closed,
            nodes,
            planned: plan.nodes.len(),
            active_ms: state.at_ms,
        })
    }
}

/// How the bytes of a journal are read, for whoever wants to compare: how many
/// records are whole and in their place, how many bytes they take, and whether
/// what follows is nothing, a torn tail (`Ok`), or damage (`Err`, with the
/// reason). Events are understood and not folded.
///
/// # Errors
/// Says why the journal is refused.
pub fn read_bytes(bytes: &[u8], plan: &Locked) -> (usize, usize, Result<(), String>) {
    let scan = Scan::of(bytes, plan);
    let end = match scan.end {
        End::Whole | End::Torn => Ok(()),
        End::Damaged(cause) => Err(cause),
        End::Newer(format) => Err(format!("format {format}")),
    };
    (scan.records.len(), scan.valid_bytes, end)
}

#[cfg(test)]
mod tests {
    use eufm_plan::NodeIndex;

    use super::*;
    use crate::event::{Event, NodeEvent, RunEvent};
    use crate::journal::{Durability, Journal, record};
    use crate::state_test::{Sketch, commit, opened, plan_of};
    use crate::store::Store;

    #[test]
    fn a_record_that_follows_by_its_hash_and_not_by_its_sense_is_damage() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(&dir.path().join("state")).expect("opened");
        let run = store.run("world-1").expect("made");
        let mut plan = plan_of(&[Sketch { needs: vec![], gates: 0, attempts: 1 }], 1);
        plan.gates.clear();
        let text = lockfile::write(&plan);
        std::fs::write(run.plan(), &text).expect("written");
        let locked = lockfile::read_kept(&text).expect("a plan");
        let mut journal = Journal::create(&run.journal(), locked.digest).expect("created");
        let mut offset = 0;
        for event in [
            Event::Run(opened()),
            Event::Run(RunEvent::Heartbeat),
            Event::Node(NodeIndex::new(0), NodeEvent::Committed { commit: commit(3) }),
            Event::Run(RunEvent::Heartbeat),
        ] {
            if matches!(event, Event::Node(..)) {
                offset = std::fs::metadata(run.journal()).expect("there").len();
            }
            journal.append(&record(&plan, &event, 0, 0), Durability::Grouped).expect("written");
        }
        let found = verify(store.root(), None).expect("looked at");
        let [run] = found.runs.as_slice() else { panic!("one run: {found:?}") };
        let damage = run.damage.as_ref().expect("damage");
        assert_eq!((run.records, damage.offset), (2, Some(offset)));
        assert!(damage.cause.contains("`Committed` does not follow"), "{}", damage.cause);
        assert!(found.runner.is_some(), "this process has the lock");
    }
}
