//! Runs a trusted command in the user's own checkout: no worktree, no sandbox.
//!
//! Nothing of it is taken over, so its result is what it started from. What is
//! in its process group when it ends is ended with it; what has left the group
//! is known by a variable of its environment. Unaware of gates and merges.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use eufm_plan::{Command as Work, NodeIndex};

use super::StartJob;
use crate::capture::{FILE_BYTES_MAX, TAIL_BYTES_MAX};
use crate::event::{Ending, NodeEvent};
use crate::executors::{is_success, last_line};
use crate::git::Stamp;
use crate::orphans;
use crate::process::Command;
use crate::supervise::{End, Limits, supervise};
use crate::workshop::{StepError, Workshop};

/// Runs an attempt to its end.
pub(super) fn perform(
    shop: &Workshop,
    node: NodeIndex,
    job: &StartJob,
    stamp: &Stamp,
) -> Result<(), StepError> {
    let Some(work) = shop.node(node).work.command() else { return Err(StepError::Left) };
    let Some(base) = super::start::base(shop, node, job, stamp)? else { return Ok(()) };
    let (attempt, start, from) = (job.attempt, job.start, base.clone());
    shop.courier.tell(node, NodeEvent::Started { attempt, start, base, from })?;
    let output = Output::create(shop.scratch(node, start, "attempt"))?;
    let end = run(shop, node, work, job, &output);
    // What left the group when it was ended is gone before the end is told.
    if !matches!(end, Ok(End::Exited(_))) {
        orphans::end_all(&mark(&output.path))?;
    }
    let last = output.keep(&logs(shop, node, start))?;
    let ending = match end {
        Err(error) => failed(format!("{}: {error}", work.run.join(" "))),
        Ok(End::Stopped) => {
            return shop.courier.tell(node, NodeEvent::Interrupted { salvage: None });
        }
        Ok(End::TimedOut | End::Stalled) => Ending::TimedOut,
        Ok(End::Exited(exit)) if is_success(work, exit) => Ending::Completed,
        Ok(End::Exited(exit)) if last.is_empty() => failed(exit.to_string()),
        Ok(End::Exited(exit)) => failed(format!("{exit}: {last}")),
    };
    shop.courier.tell(node, NodeEvent::Exited { ending, salvage: None })
}

/// Ends what an earlier runner left of an attempt, and keeps its output.
pub(super) fn recover(shop: &Workshop, node: NodeIndex, start: u32) -> Result<(), StepError> {
    let path = shop.scratch(node, start, "attempt");
    orphans::end_all(&mark(&path))?;
    if path.exists() {
        let file = File::open(&path)?;
        Output { path, file }.keep(&logs(shop, node, start))?;
    }
    shop.courier.tell(node, NodeEvent::Interrupted { salvage: None })
}

fn failed(reason: String) -> Ending {
    Ending::Failed { reason }
}

fn logs(shop: &Workshop, node: NodeIndex, start: u32) -> PathBuf {
    shop.node_dir(node).join(start.to_string())
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
    let command = command(shop, node, work, &output.path);
    let limits = Limits { wall: job.rest_ms.map(Duration::from_millis), silence: None };
    let pulse = &shop.pulses[node.get()];
    let streams = (output.file.try_clone()?, output.file.try_clone()?);
    // A stop that comes here finds the process registered and ends it.
    supervise(&shop.running, &command, streams, limits, pulse, |process| {
        let _ = shop.courier.tell(node, NodeEvent::Spawned { process });
    })
}

fn command(shop: &Workshop, node: NodeIndex, work: &Work, output: &Path) -> Command {
    let folder = work.cwd.as_ref().map_or(shop.checkout.clone(), |cwd| shop.checkout.join(cwd));
    let tools = shop.tools(&shop.node(node).env);
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
        .env("LANG", "C.UTF-8")
        .env("EUFM_RUN", &shop.run)
        .env("EUFM_NODE", &shop.node(node).name)
        .env(orphans::MARK, mark(output));
    for (name, value) in &work.vars {
        command = command.env(name, value);
    }
    command
}

/// What a trusted command writes to both of its streams, in one file.
///
/// No pipe and no thread stand between: this is the path of commands that take
/// less time than a thread takes to start.
#[derive(Debug)]
struct Output {
    path: PathBuf,
    file: File,
}

impl Output {
    fn create(path: PathBuf) -> io::Result<Self> {
        let file = File::options().read(true).append(true).create_new(true).open(&path)?;
        Ok(Self { path, file })
    }

    /// Makes it a log of the node, unless nothing was written; returns the last
    /// line that says something.
    fn keep(mut self, logs: &Path) -> io::Result<String> {
        let bytes = self.file.metadata()?.len();
        if bytes == 0 {
            std::fs::remove_file(&self.path)?;
            return Ok(String::new());
        }
        let tail = self.tail(bytes)?;
        if bytes > FILE_BYTES_MAX {
            let mut file = File::options().append(true).open(&self.path)?;
            file.set_len(FILE_BYTES_MAX)?;
            file.write_all(b"\n[eufm: the rest is left out]\n")?;
        }
        std::fs::create_dir_all(logs)?;
        std::fs::rename(&self.path, logs.join("output.log"))?;
        Ok(last_line(&tail))
    }

    fn tail(&mut self, bytes: u64) -> io::Result<Vec<u8>> {
        let mut tail = Vec::new();
        self.file.seek(SeekFrom::Start(bytes.saturating_sub(TAIL_BYTES_MAX as u64)))?;
        (&mut self.file).take(TAIL_BYTES_MAX as u64).read_to_end(&mut tail)?;
        Ok(tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(bytes: &[u8]) -> (String, Option<Vec<u8>>) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut output = Output::create(dir.path().join("out")).expect("made");
        output.file.write_all(bytes).expect("written");
        let logs = dir.path().join("logs/1");
        let last = output.keep(&logs).expect("kept");
        assert!(!dir.path().join("out").exists());
        (last, std::fs::read(logs.join("output.log")).ok())
    }

    #[test]
    fn an_output_becomes_a_log_unless_it_is_empty() {
        assert_eq!(kept(b""), (String::new(), None));
        assert_eq!(kept(b"a\nb\n"), ("b".to_owned(), Some(b"a\nb\n".to_vec())));
    }

    #[test]
    fn a_long_output_is_cut_and_says_so() {
        let mut bytes = vec![b'x'; usize::try_from(FILE_BYTES_MAX).expect("fits")];
        bytes.extend(b"\nthe end\n");
        let (last, log) = kept(&bytes);
        assert_eq!(last, "the end");
        let log = log.expect("a log");
        assert!(log.ends_with(b"x\n[eufm: the rest is left out]\n"));
        assert!(log.len() < bytes.len() + 40);
    }
}
