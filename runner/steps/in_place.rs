//! Runs a trusted command in the user's own checkout: no worktree, no sandbox.
//!
//! Nothing of it is taken over, so its result is what it started from. What is
//! in its process group when it ends is ended with it; what has left the group
//! is known by a variable of its environment. Unaware of gates and merges.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use eufm_plan::{Command as Work, NodeIndex};

use super::StartJob;
use crate::beside::{self, Beside};
use crate::event::{Ending, NodeEvent};
use crate::executors::is_success;
use crate::git::Stamp;
use crate::orphans;
use crate::output::Output;
use crate::process::Command;
use crate::supervise::{Charge, End, Limits, supervise};
use crate::workshop::{StepError, Workshop};

/// Runs an attempt to its end.
pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    job: &StartJob,
    stamp: &Stamp,
) -> Result<(), StepError> {
    let Some(work) = shop.node(node).work.command() else { return Err(StepError::Left) };
    let start = job.start;
    if !job.is_told {
        let base = match &job.base {
            Some(base) => Some(base.clone()),
            None => super::start::whole(shop, node, job, stamp)?,
        };
        let Some(base) = base else { return Ok(()) };
        let (attempt, from) = (job.attempt, base.clone());
        let started = NodeEvent::Started { attempt, start, base, from, key: job.key.clone() };
        shop.courier.tell(node, started)?;
    }
    let path = shop.scratch(node, start, "attempt");
    let output = shop.outputs.take(&path)?;
    let end = run(shop, node, work, job, &output);
    // What left the group when it was ended is gone before the end is told.
    if !matches!(end, Ok(End::Exited(_))) {
        orphans::end_all(&mark(&path))?;
    }
    let last = shop.outputs.keep(output, &log(shop, node, start))?;
    let ending = match end {
        Err(error) => failed(format!("{}: {error}", work.run.join(" "))),
        Ok(End::Stopped) => {
            return shop.courier.tell(node, NodeEvent::Interrupted { salvage: None });
        }
        Ok(End::TimedOut | End::Stalled) => Ending::TimedOut,
        Ok(End::Exceeded(limit)) => Ending::exceeded(limit),
        Ok(End::Exited(exit)) if is_success(work, exit) => Ending::Completed,
        Ok(End::Exited(exit)) if last.is_empty() => failed(exit.to_string()),
        Ok(End::Exited(exit)) => failed(format!("{exit}: {last}")),
    };
    if ending == Ending::Completed && shop.wanted[node.get()].stdout {
        // Both of its streams, as its author would see them on a terminal.
        let printed = beside::printed(&log(shop, node, start))?;
        let name = beside::reference(&shop.run, &shop.node(node).name, start);
        let beside = Beside { stdout: Some(printed), ..Beside::default() };
        beside.keep(&shop.vault, &name, stamp)?;
    }
    shop.courier.post(node, NodeEvent::Exited { ending, salvage: None });
    Ok(())
}

/// Ends what an earlier runner left of an attempt, and keeps its output.
pub(super) fn recover(shop: &Workshop, node: NodeIndex, start: u32) -> Result<(), StepError> {
    let path = shop.scratch(node, start, "attempt");
    orphans::end_all(&mark(&path))?;
    if let Some(output) = Output::left(&path)? {
        shop.outputs.keep(output, &log(shop, node, start))?;
    }
    shop.courier.tell(node, NodeEvent::Interrupted { salvage: None })
}

fn failed(reason: String) -> Ending {
    Ending::Failed { reason }
}

fn log(shop: &Workshop, node: NodeIndex, start: u32) -> PathBuf {
    shop.node_dir(node).join(start.to_string()).join("output.log")
}

/// What the processes of an attempt are known by, as those of a sandbox are
/// known by their worktree.
fn mark(path: &Path) -> PathBuf {
    path.join("tree")
}

/// Starts the command and watches it to its end; the outer error is the
/// host's, an inner one that of a command that cannot be started.
fn run(
    shop: &Workshop,
    node: NodeIndex,
    work: &Work,
    job: &StartJob,
    output: &Output,
) -> io::Result<End> {
    let command = command(shop, node, work, output.path());
    let limits = Limits { wall: job.rest_ms.map(Duration::from_millis), silence: None };
    let pulse = &shop.pulses[node.get()];
    let streams = output.streams()?;
    // A stop that comes here finds the process registered and ends it.
    let guard = shop.guard(node, output.path(), Vec::new())?;
    let charge = Charge { command, streams, limits, guard, pulse, output: Some(output) };
    supervise(&shop.running, charge, |process| {
        shop.courier.post(node, NodeEvent::Spawned { process });
    })
}

fn command(shop: &Workshop, node: NodeIndex, work: &Work, output: &Path) -> Command {
    let folder = work.cwd.as_ref().map_or(shop.checkout.clone(), |cwd| shop.checkout.join(cwd));
    let tools = shop.environments.tools(&shop.node(node).env);
    let mut path = tools.path;
    path.extend(shop.host.path.iter().cloned());
    let path = std::env::join_paths(path).unwrap_or_default();
    let (program, args) =
        work.run.split_first().map_or(("", &[][..]), |(program, args)| (program.as_str(), args));
    let mut command = Command::new(program)
        .args(args)
        .dir(folder)
        .bare()
        .env("PATH", path)
        .env("HOME", &shop.host.home)
        .env("EUFM_RUN", &shop.run)
        .env("EUFM_NODE", &shop.node(node).name)
        .env(orphans::MARK, mark(output));
    for (name, value) in &work.vars {
        command = command.env(name, value);
    }
    command
}
