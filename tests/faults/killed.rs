//! Killed with -9 at any of its system calls, and killed again while it resumes,
//! a run ends as if nothing had happened.

use std::ffi::OsStr;

use super::story::{Rows, Story};
use super::strace::{CALLS, Calls, Fault, with_fault};
use super::{is_skipped, moments, say};

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
    story.settle();
    story.hear(&ended);
    was_killed
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
    let (mut tried, mut killed, mut twice) = (0, 0, 0);
    for (kind, call) in CALLS.into_iter().enumerate() {
        let count = calls.count(call, None);
        assert!(count > 0, "the run makes no {call}");
        for turn in moments(count, kind) {
            let mut story = Story::new(&rows);
            tried += 1;
            killed += u32::from(kill_at(&mut story, (call, turn)));
            // Every second one is killed again, somewhere in the resume.
            if tried % 2 == 0 {
                let again = 1 + (turn * 13) % count.div_ceil(4);
                twice += u32::from(kill_at(&mut story, (call, again)));
            }
            let ended = story.exec().run();
            let moment = format!("killed at {call} number {turn}");
            assert_eq!(ended.code(), 0, "{moment}: {}", ended.stderr);
            story.hear(&ended);
            story.is_as_if_nothing_had_happened(&tree, &moment);
        }
    }
    say(&format!("killed: {tried} moments, {killed} kills, {twice} of them in a resume too"));
    assert!(killed * 10 >= tried * 8, "{killed} of {tried} runs were killed");
}
