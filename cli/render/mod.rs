//! Everything that people and programs see: the only printer of the program.
//!
//! Results go to standard output, everything said to people to standard error.
//! Colour only on a terminal, and never with NO_COLOR. Unaware of how the
//! things that are shown came about.

pub(crate) mod cassette;
mod codes;
pub(crate) mod cost;
mod diagnostics;
pub(crate) mod diff;
pub(crate) mod doctor;
mod format;
pub(crate) mod gc;
pub(crate) mod json;
mod kinds;
pub(crate) mod people;
mod plan;
pub(crate) mod prices;
mod rehearsal;
#[cfg(test)]
mod schema_test;
mod summary;
pub(crate) mod verified;
pub(crate) mod views;
pub(crate) mod why;
mod wrap;

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::path::Path;

use eufm_runner::reporters::{self, Reporter};

pub(crate) use codes::{code, part, topics};
pub(crate) use diagnostics::{Findings, checked, diagnostics, findings};
pub(crate) use format::{formatted, spec, unformatted, would_change};
pub(crate) use json::{Finding, PlanState};
pub(crate) use kinds::{kind, kinds};
pub(crate) use plan::{new_plan, plan, plan_text};
pub(crate) use summary::summary;

/// Shows why a command failed.
pub(crate) fn failure(message: &str) {
    say(&format!("error: {}", eufm_runner::printable::lines(message)));
}

/// Says what is going on.
pub(crate) fn note(text: &str) {
    say(&eufm_runner::printable::lines(text));
}

/// Names a file that was written.
pub(crate) fn wrote(path: &Path, then: &str) {
    say(&format!("wrote {}; {then}", path.display()));
}

/// Prints an answer of this program to itself.
pub(crate) fn answer(json: &str) {
    print(json);
}

/// Prints a result to standard output. A reader that is gone, as in `eufm … |
/// head`, is no error: what was to be done is done.
fn print(text: &str) {
    let _ = stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush());
}

/// Says a line to people.
fn say(text: &str) {
    let _ = writeln!(stderr(), "eufm: {text}");
}

/// Prints a block to standard error.
fn print_error(text: &str) {
    let _ = stderr().write_all(text.as_bytes());
}

/// Counts things: `1 error`, `2 errors`.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Makes the reporter of a run: bars if they are asked for, or if the choice is
/// left to us and standard error is a terminal.
pub(crate) fn reporter(bars: bool, auto: bool) -> Box<dyn Reporter> {
    let bars = bars || (auto && stderr().is_terminal());
    let name = if bars { "bars" } else { "plain" };
    reporters::reporter(name, Box::new(stderr())).expect("invariant: both names are registered")
}

/// Tells whether colour is wanted on standard error.
fn colour() -> bool {
    stderr().is_terminal() && is_colour_allowed()
}

/// Tells whether colour is wanted on standard output.
fn colour_of_results() -> bool {
    stdout().is_terminal() && is_colour_allowed()
}

/// Tells whether colour is wanted on standard output where git reads it: git then
/// has its pager on the terminal, and says so.
fn colour_behind_git() -> bool {
    let has_pager = std::env::var_os("GIT_PAGER_IN_USE").is_some_and(|value| value == "true");
    colour_of_results() || (has_pager && colour())
}

fn is_colour_allowed() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
