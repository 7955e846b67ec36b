//! The journals that are kept of each format give the states that they gave.
//!
//! Beside each lies `state.txt`, what it folds into. `tests/journals.rs` says
//! where they come from; with EUFM_WRITE_JOURNALS set, states that are not there
//! yet are written.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use eufm_plan::lockfile::{self, Locked};
use eufm_plan::{NodeIndex, Plan};

use super::record::RecordedEvent;
use super::*;
use crate::event::RunEvent;
use crate::gateway::Usage;
use crate::node::NodeRun;
use crate::replay::fold;
use crate::scheduler::Scheduler;

/// A journal that is kept.
struct Kept {
    folder: PathBuf,
    bytes: Vec<u8>,
    locked: Locked,
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn kept() -> Vec<Kept> {
    let formats = entries(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/journals"));
    let kept = |folder: PathBuf| {
        let bytes = std::fs::read(folder.join("journal")).unwrap();
        let plan = std::fs::read_to_string(folder.join("plan.lock")).unwrap();
        Kept { folder, bytes, locked: lockfile::read_kept(&plan).unwrap() }
    };
    let kept: Vec<Kept> = formats.iter().flat_map(|format| entries(format)).map(kept).collect();
    assert!(kept.len() >= 10);
    kept
}

impl Kept {
    fn scan(&self) -> Scan {
        accept(&self.folder, Scan::of(&self.bytes, &self.locked)).unwrap()
    }

    fn scheduler(&self) -> Scheduler {
        let scan = self.scan();
        let RecordedEvent::Run(RunEvent::Opened { run, .. }) = &scan.records[0].event else {
            panic!("{} is not opened first", self.folder.display());
        };
        let run = run.clone();
        fold(&self.locked.plan, &run, scan.records, 0).unwrap().scheduler
    }
}

/// Writes a state out, for people who review a change of it.
fn spelled(plan: &Plan, scheduler: &mut Scheduler, torn_bytes: usize) -> String {
    let state = scheduler.state();
    let mut text = String::new();
    let head = state.head.as_ref().map(ToString::to_string);
    writeln!(text, "run        {}", state.opened.as_ref().unwrap().run).unwrap();
    writeln!(text, "head       {}", head.unwrap_or_default()).unwrap();
    writeln!(text, "finished   {:?}", state.finished).unwrap();
    writeln!(text, "exhausted  {}", state.wall_exhausted).unwrap();
    for (word, is_so) in [("closed", state.closed), ("uncached", state.uncached)] {
        if is_so {
            writeln!(text, "{word}").unwrap();
        }
    }
    writeln!(text, "active ms  {}", state.at_ms).unwrap();
    writeln!(text, "torn bytes {torn_bytes}").unwrap();
    for (position, (node, run)) in plan.nodes.iter().zip(&state.nodes).enumerate() {
        writeln!(text, "\n{}: {:?}, merge {:?}", node.name, run.phase, run.merge).unwrap();
        text.push_str(&spelled_node(run));
        for ruling in state.rulings(NodeIndex::new(position)) {
            writeln!(text, "  {ruling:?}").unwrap();
        }
    }
    text.push_str("\nnext\n");
    for action in scheduler.resume() {
        writeln!(text, "  {action:?}").unwrap();
    }
    text
}

fn spelled_node(run: &NodeRun) -> String {
    let mut text = String::new();
    let tries = (run.attempt, run.tried, run.start, run.attempts_before);
    writeln!(text, "  attempt, tried, start, tried before: {tries:?}").unwrap();
    for (name, commit) in [("base", &run.base), ("work", &run.work), ("commit", &run.commit)] {
        if let Some(commit) = commit {
            writeln!(text, "  {name} {commit}").unwrap();
        }
    }
    if let Some(key) = &run.key {
        writeln!(text, "  key {}, {} parts", key.digest, key.parts.len()).unwrap();
    }
    if let Some(from) = &run.taken_from {
        writeln!(text, "  taken from {from}").unwrap();
    }
    writeln!(text, "  changes {}, ran {} ms, span {:?}", run.changes, run.ran_ms, run.span_ms)
        .unwrap();
    // The words of format 1; what came later is left out where it is nothing.
    let Usage { input, cached, output, reasoning, cache_write } = run.usage;
    let used =
        format!("input: {input}, cached: {cached}, output: {output}, reasoning: {reasoning}");
    writeln!(text, "  replies {}, Usage {{ {used} }}", run.replies).unwrap();
    if cache_write > 0 {
        writeln!(text, "  written to a cache: {cache_write}").unwrap();
    }
    writeln!(text, "  session {:?}, heard {}", run.session, run.heard).unwrap();
    writeln!(text, "  feedback {:?}", run.feedback).unwrap();
    writeln!(text, "  failure {:?}", run.failure).unwrap();
    for answer in &run.answers {
        writeln!(text, "  {answer:?}").unwrap();
    }
    if let Some(said) = run.said() {
        writeln!(text, "  {said:?}").unwrap();
    }
    text
}

#[test]
fn each_gives_the_state_that_it_gave() {
    for kept in kept() {
        let path = kept.folder.join("state.txt");
        let torn = kept.bytes.len() - kept.scan().valid_bytes;
        let state = spelled(&kept.locked.plan, &mut kept.scheduler(), torn);
        if std::env::var_os("EUFM_WRITE_JOURNALS").is_some() && !path.exists() {
            std::fs::write(&path, &state).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap();
        assert_eq!(state, expected, "{}", path.display());
    }
}

#[test]
fn each_of_them_cut_at_any_byte_loses_at_most_the_record_it_hits() {
    for kept in kept() {
        let whole = kept.scan();
        for length in 0..kept.bytes.len() {
            let found = Scan::of(&kept.bytes[..length], &kept.locked);
            let mut ends = whole.offsets[1..].to_vec();
            ends.push(whole.valid_bytes as u64);
            let count = ends.iter().filter(|&&end| end <= length as u64).count();
            let place = format!("{} cut at {length}", kept.folder.display());
            assert!(matches!(found.end, End::Whole | End::Torn), "{place}: {:?}", found.end);
            assert_eq!(found.records.len(), count, "{place}");
            assert_eq!(found.records, whole.records[..count], "{place}");
        }
    }
}

/// The stories with the most kinds of records, and one with a torn tail.
const FLIPPED: [&str; 4] = ["agents", "killed-twice", "reopened", "torn"];

#[test]
fn three_flipped_bits_of_every_byte_are_found() {
    let (mut refused, mut redone) = (0, 0);
    let is_flipped = |kept: &Kept| FLIPPED.iter().any(|name| kept.folder.ends_with(name));
    for kept in kept().into_iter().filter(is_flipped) {
        let whole = kept.scan();
        let last = *whole.offsets.last().unwrap();
        for position in 0..kept.bytes.len() {
            let hit = whole.offsets.iter().rposition(|&start| start <= position as u64).unwrap();
            for bit in [position % 8, (position + 3) % 8, (position + 5) % 8] {
                let mut bytes = kept.bytes.clone();
                bytes[position] ^= 1 << bit;
                let found = Scan::of(&bytes, &kept.locked);
                let place = format!("{} byte {position} bit {bit}", kept.folder.display());
                match found.end {
                    End::Damaged(_) => {
                        assert_eq!(found.valid_bytes as u64, whole.offsets[hit], "{place}");
                        refused += 1;
                    }
                    // The last record looks as if it was being written; it is
                    // cut off with a warning, and what it told is done again.
                    End::Torn if position as u64 >= last => {
                        assert_eq!(found.records, whole.records[..found.records.len()], "{place}");
                        assert!(found.records.len() + 1 >= whole.records.len(), "{place}");
                        redone += 1;
                    }
                    end => panic!("{place} went unnoticed: {end:?}"),
                }
            }
        }
    }
    assert!(refused > 20 * redone, "{refused} refused, {redone} redone");
}
