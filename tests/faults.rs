//! Faults of the host, and what a run makes of them: killed at any moment, full
//! and broken disks, two runners at once, children that do not want to die.
//!
//! One kind a file. Some sweep over all moments of a run, which takes long: they
//! try a few, N of each call with EUFM_FAULTS=N, or all with EUFM_FAULTS=all
//! (`make faults`). A fault that cannot be made on a host fails its test, unless
//! it is declared in EUFM_SKIP_FAULTS=NAME,…; then that is said.

mod broken_disk;
mod killed;
mod night;
mod pairs;
mod story;
mod strace;
mod stubborn;

use std::io::Write as _;

/// Tells whether a fault's test was declared to be skipped, and says so past the
/// test's captured output.
fn is_skipped(name: &str) -> bool {
    let declared = std::env::var("EUFM_SKIP_FAULTS").unwrap_or_default();
    let is_skipped = declared.split(',').any(|declared| declared == name);
    if is_skipped {
        say(&format!("SKIPPED the fault test `{name}`, as EUFM_SKIP_FAULTS declares"));
    }
    is_skipped
}

/// Returns how many moments of each call are tried; `None` means all.
fn tried() -> Option<usize> {
    match std::env::var("EUFM_FAULTS").as_deref() {
        Ok("all") => None,
        Ok(number) => Some(number.parse().expect("EUFM_FAULTS is `all` or a number")),
        Err(_) => Some(1),
    }
}

/// Returns how many of `all` are tried, `usually` so many.
fn tried_of(all: usize, usually: usize) -> usize {
    match std::env::var_os("EUFM_FAULTS") {
        Some(_) => tried().unwrap_or(all).min(all),
        None => usually,
    }
}

/// Chooses some of the moments, spread evenly and shifted by a seed below 13.
fn chosen(moments: Vec<usize>, seed: usize) -> Vec<usize> {
    let all = moments.len();
    let count = tried().unwrap_or(all);
    if count >= all {
        return moments;
    }
    let shift = all * (2 * seed + 1) / 26;
    (0..count).map(|number| moments[(number * all / count + shift) % all]).collect()
}

/// Says a line past the test's captured output.
fn say(line: &str) {
    let line = format!("{line}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("standard error can be written");
}
