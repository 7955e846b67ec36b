//! Killed with -9 at any of its system calls, and killed again while it resumes,
//! a run ends as if nothing had happened.

use std::ffi::OsStr;

use rayon::prelude::*;

use super::story::{Rows, Story};
use super::strace::{CALLS, Calls, Fault, with_fault};
use super::{chosen, is_skipped, say};

/// How many nodes the plan has.
const NODES: usize = 40;

/// Runs until it is killed at a call; tells whether it was.
fn kill_at(story: &mut Story, moment: (&str, usize)) -> bool {
    let args = story.args();
    let args: Vec<&OsStr> = args.iter().map(AsRef::as_ref).collect();
    let run = with_fault(&story.project, moment, &Fault::Kill, None, &args);
    let ended = story.witnessed(run).run();
    let was_killed = ended.code() == 128 + 9;
    if !was_killed {
        // It makes a call less than the one that was counted.
        assert_eq!(ended.code(), 0, "{moment:?}: {}", ended.stderr);
    }
    story.hear(&ended);
    was_killed
}

/// Kills a run at a call, perhaps once more somewhere in the resume, and lets it be
/// finished; returns how often it was killed.
fn kills_of(
    rows: &Rows,
    tree: &str,
    (call, turn, again): (&str, usize, usize),
    is_twice: bool,
) -> usize {
    let mut story = Story::new(rows);
    let mut kills = usize::from(kill_at(&mut story, (call, turn)));
    if is_twice {
        kills += usize::from(kill_at(&mut story, (call, again)));
    }
    let ended = story.exec().run();
    let moment = format!("killed at {call} number {turn}");
    assert_eq!(ended.code(), 0, "{moment}: {}", ended.stderr);
    story.hear(&ended);
    story.is_as_if_nothing_had_happened(tree, &moment);
    kills
}

#[test]
fn a_run_killed_at_any_call_is_finished_as_if_it_had_not_been() {
    if is_skipped("killed") {
        return;
    }
    let rows = Rows::of(NODES);
    let whole = Story::new(&rows);
    let args = whole.args();
    let args: Vec<&OsStr> = args.iter().map(AsRef::as_ref).collect();
    let calls = Calls::of(&whole.project, &args);
    let tree = whole.project.tree();
    let moments: Vec<(&str, usize, usize)> = (0..)
        .zip(CALLS)
        .flat_map(|(kind, call)| {
            let turns = calls.turns(call);
            assert!(!turns.is_empty(), "the run makes no {call}");
            let again = turns.len().div_ceil(4);
            let of = move |turn| (call, turn, 1 + (turn * 13) % again);
            chosen(turns, kind).into_iter().map(of)
        })
        .collect();
    let kills: Vec<usize> = moments
        .par_iter()
        .enumerate()
        .map(|(number, moment)| kills_of(&rows, &tree, *moment, number % 2 == 1))
        .collect();
    let (tried, killed) = (kills.len(), kills.iter().filter(|count| **count > 0).count());
    let twice = kills.iter().filter(|count| **count > 1).count();
    say(&format!("killed: {tried} moments, {killed} kills, {twice} of them in a resume too"));
    assert!(killed * 10 >= tried * 8, "{killed} of {tried} runs were killed");
}

#[test]
#[should_panic(expected = "n3 was started after its commit")]
fn a_node_that_is_started_after_its_commit_would_be_seen() {
    let mut story = Story::new(&Rows::of(8));
    let ended = story.exec().run().expect(0);
    story.hear(&ended);
    let tree = story.project.tree();
    story.is_as_if_nothing_had_happened(&tree, "not yet");
    let seen = story.project.root().join("seen");
    let text = std::fs::read_to_string(&seen).expect("what was seen");
    let third = text.lines().find(|line| line.contains("-n3-")).expect("it was started");
    std::fs::write(&seen, format!("{text}{third}\n")).expect("written");
    story.is_as_if_nothing_had_happened(&tree, "now");
}
