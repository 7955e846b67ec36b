//! Prepares an environment: runs its program in the sandbox, on a worktree of
//! a commit, and keeps the folders that it names.
//!
//! The program has no secrets and reaches the hosts of the environment alone.
//! What it writes outside of the kept folders is dropped. Unaware of who will
//! use it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use eufm_plan::{Digest, Environment};

use super::{Shelf, Unready, inside};
use crate::capture::Capture;
use crate::git::CommitId;
use crate::nest::{self, Tools};
use crate::printable;
use crate::pulse::Pulse;
use crate::remove::remove_all;
use crate::sandbox::Mount;
use crate::steps::Place;
use crate::supervise::{Charge, End, Limits, supervise};
use crate::workshop::Workshop;

/// The folder of what is kept, beside the worktree.
const KEPT: &str = "kept";

/// How many of the last lines of the output are shown.
const LINES_SHOWN: usize = 10;

/// Why preparing failed: something about the repository or its surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The environment.
    pub environment: String,
    /// What happened, in one line.
    pub reason: String,
    /// The last lines of the output.
    pub output: String,
    /// Where all of the output is; absent when nothing ran.
    pub log: Option<PathBuf>,
}

impl Failure {
    /// Makes a failure before anything ran.
    pub(super) fn early(environment: &Environment, reason: String) -> Self {
        let environment = environment.name.clone();
        Self { environment, reason, output: String::new(), log: None }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "environment {}: {}", self.environment, self.reason)
    }
}

/// Prepares an environment for a commit, and puts it on the shelf.
pub(super) fn prepare(
    shop: &Workshop,
    environment: &Environment,
    tools: &Tools,
    (shelf, key, commit): (&Shelf, Digest, &CommitId),
    limit: Duration,
) -> Result<(), Unready> {
    let logs = shelf.logs(key);
    remove_all(&logs)?;
    std::fs::create_dir_all(&logs)?;
    let place = Place::make(shop, &shelf.unfinished(key), commit)?;
    let whole = place.beside(KEPT);
    let mut mounts = place.mounts();
    for (number, keep) in environment.keep.iter().enumerate() {
        let folder = whole.join(number.to_string());
        std::fs::create_dir_all(&folder)?;
        mounts.push(Mount::writable(folder, inside(keep)));
    }
    std::fs::create_dir_all(&whole)?;
    let done = match environment.prepare.is_empty() {
        true => Ok(()),
        false => run(shop, environment, tools, &place, mounts, &logs, limit),
    };
    let put = done.and_then(|()| Ok(shelf.put(key, &whole)?));
    place.remove()?;
    put
}

fn run(
    shop: &Workshop,
    environment: &Environment,
    tools: &Tools,
    place: &Place,
    mut mounts: Vec<Mount>,
    logs: &Path,
    limit: Duration,
) -> Result<(), Unready> {
    let reach = shop.reach(&environment.network, &place.beside("proxy"), logs)?;
    // The kept folders may lie within those of the tools.
    let kept = mounts.split_off(place.mounts().len());
    let mut confined = nest::command(&environment.prepare, mounts, tools.clone());
    confined.mounts.extend(kept);
    let command = shop.sandbox.command(place.worktree().dir(), &reach.confine(confined));
    let log = logs.join("output.log");
    let (capture, writer) = Capture::start(&log, |_| {})?;
    let streams = (writer.try_clone()?, writer);
    let limits = Limits { wall: Some(limit), silence: None };
    let folders = vec![place.worktree().dir().to_owned(), place.beside(KEPT)];
    let guard = shop.guard_of(place.folder(), folders, None)?;
    let pulse = Pulse::new();
    let charge = Charge { command, streams, limits, guard, pulse: &pulse, output: None };
    let end = supervise(&shop.running, charge, |_| {})?;
    let tail = capture.finish()?.tail;
    let refused = reach.close()?;
    let line = environment.prepare.join(" ");
    let reason = match end {
        End::Stopped => return Err(Unready::Stopped),
        End::Exited(exit) if exit.is_success() => return Ok(()),
        End::Exited(exit) => format!("`{line}` ended with {exit}"),
        End::Exceeded(exceeded) => format!("`{line}` was ended: {exceeded}"),
        End::TimedOut | End::Stalled => {
            format!("`{line}` did not end within {} s", limit.as_secs())
        }
    };
    let reason = [Some(reason), refused].into_iter().flatten().collect::<Vec<_>>().join("; ");
    let (environment, output) = (environment.name.clone(), last_lines(&tail));
    Err(Unready::Failed(Failure { environment, reason, output, log: Some(log) }))
}

fn last_lines(tail: &[u8]) -> String {
    let text = String::from_utf8_lossy(tail);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let shown = lines.iter().skip(lines.len().saturating_sub(LINES_SHOWN));
    shown.map(|line| printable::line(line, 200)).collect::<Vec<_>>().join("\n")
}
