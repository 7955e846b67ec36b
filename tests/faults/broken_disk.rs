//! A disk that is full, broken or read-only, at the calls by which the state is
//! written: the run ends and says so, the state is as before, and when the disk
//! is mended the same command finishes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::story::{Rows, Story};
use super::strace::{Calls, Fault, with_fault};
use super::{chosen, is_skipped, say};

/// How many nodes the plan has.
const NODES: usize = 12;

/// What a disk may say, and how people are told.
const ERRORS: [(&str, &str); 3] = [
    ("ENOSPC", "No space left on device"),
    ("EIO", "Input/output error"),
    ("EROFS", "Read-only file system"),
];

/// The files of a run's state, and the calls that are made on them.
const PLACES: [(&str, &[&str]); 4] = [
    ("journal", &["write", "fdatasync", "openat"]),
    ("plan.lock.new", &["openat", "write", "fsync", "rename"]),
    ("run.json.new", &["openat", "write", "fsync", "rename"]),
    ("", &["fsync"]),
];

/// Makes a call fail, and lets the run be finished afterwards.
fn fail_at(
    rows: &Rows,
    place: &Path,
    moment: (&str, usize),
    error: (&'static str, &str),
    tree: &str,
) {
    let mut story = Story::new(rows);
    let args = story.args();
    let args: Vec<&OsStr> = args.iter().map(AsRef::as_ref).collect();
    let place = story.project.state().join(place);
    let run = with_fault(&story.project, moment, &Fault::Error(error.0), Some(&place), &args);
    let ended = story.witnessed(run).run();
    let told = format!("{} at {} of {moment:?}: {}", error.0, place.display(), ended.stderr);
    assert_eq!(ended.code(), 9, "{told}");
    assert!(ended.stderr.contains(error.1) && ended.stderr.contains("help:"), "{told}");
    story.project.nothing_runs();
    story.hear(&ended);
    let verify = story.project.eufm().arg("verify").arg("--state").arg(story.project.state());
    verify.run().expect(0);
    let ended = story.exec().run();
    assert_eq!(ended.code(), 0, "{told}\nthen: {}", ended.stderr);
    story.hear(&ended);
    story.is_as_if_nothing_had_happened(tree, &told);
}

#[test]
fn a_disk_that_fails_stops_the_run_and_the_same_command_finishes_it() {
    if is_skipped("broken_disk") {
        return;
    }
    let rows = Rows::of(NODES);
    let whole = Story::new(&rows);
    let args = whole.args();
    let args: Vec<&OsStr> = args.iter().map(AsRef::as_ref).collect();
    let counted = Calls::of(&whole.project, &args);
    let tree = whole.project.tree();
    let run = whole.project.run_dir();
    let run = run.strip_prefix(whole.project.state()).expect("below the state").to_owned();
    let mut calls: Vec<(PathBuf, (&str, usize))> = Vec::new();
    for (name, of) in PLACES {
        let place = if name.is_empty() { run.clone() } else { run.join(name) };
        for (number, call) in of.iter().enumerate() {
            let turns = counted.turns_of(call, &whole.project.state().join(&place));
            assert!(!turns.is_empty(), "there is no {call} of {}", place.display());
            let turns = chosen(turns, number + 3).into_iter();
            calls.extend(turns.map(|turn| (place.clone(), (*call, turn))));
        }
    }
    let tried = calls.len();
    calls.into_par_iter().enumerate().for_each(|(number, (place, moment))| {
        // Each error in turn, or all of them.
        let few = ERRORS.iter().skip(number % 3).take(1);
        let errors: Vec<_> =
            if super::tried().is_none() { ERRORS.iter().collect() } else { few.collect() };
        for error in errors {
            fail_at(&rows, &place, moment, *error, &tree);
        }
    });
    say(&format!("broken disk: {tried} calls failed"));
}
