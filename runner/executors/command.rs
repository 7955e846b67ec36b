//! Runs a command node in the sandbox, with a way to the hosts it names.
//!
//! Its output becomes a file of the worktree if the plan says so; whether that
//! lies within `writes` is up to the harvest. Unaware of who wrote the command:
//! it is a list of arguments, a shell line only where the author asked for one.

use std::fs::File;
use std::path::Path;

use eufm_plan::{Command, Work};

use super::{Attempt, Executor, Ran};
use crate::beneath;
use crate::beside::{self, Beside};
use crate::capture::{Capture, FILE_BYTES_MAX};
use crate::event::{Ending, NodeEvent};
use crate::nest;
use crate::process::Exit;
use crate::proxy::RECORD;
use crate::sandbox::Confined;
use crate::secrets::Hider;
use crate::supervise::{Charge, End, Limits, supervise};
use crate::workshop::{StepError, Workshop};

/// The executor of commands.
#[derive(Debug)]
pub(super) struct CommandExecutor;

impl Executor for CommandExecutor {
    fn does(&self, work: &Work) -> bool {
        matches!(work, Work::Command(_))
    }

    fn execute(&self, shop: &Workshop, attempt: &Attempt<'_>) -> Result<Ran, StepError> {
        let Work::Command(work) = &shop.node(attempt.node).work else {
            return Err(StepError::Left);
        };
        // What knows a secret leaves nothing but what it says.
        let confined = Confined {
            fixed: !work.secrets.is_empty(),
            ..nest::command(&work.run, attempt.mounts(), attempt.outfit.tools.clone())
        };
        run(shop, attempt, work, confined)
    }
}

/// Runs the command of a node to its end, in a sandbox that shows at least what
/// `confined` says.
pub(super) fn run(
    shop: &Workshop,
    attempt: &Attempt<'_>,
    work: &Command,
    confined: Confined,
) -> Result<Ran, StepError> {
    let watched = watch(shop, attempt, work, confined)?;
    Ok(match watched.end {
        End::Stopped => Ran::Stopped,
        End::TimedOut | End::Stalled => Ran::Ended(Ending::TimedOut),
        End::Exceeded(limit) => Ran::Ended(Ending::exceeded(limit)),
        End::Exited(exit) if is_success(work, exit) => {
            let (dir, log) = (attempt.place.worktree().dir(), attempt.logs.join(OUTPUT));
            Ran::Ended(match keep(work, dir, &log, watched.bytes)? {
                None => {
                    keep_printed(shop, attempt, &log)?;
                    Ending::Completed
                }
                Some(reason) => Ending::Failed { reason },
            })
        }
        End::Exited(exit) => {
            let reason = reason(exit, &watched.last, watched.refused.as_deref());
            Ran::Ended(Ending::Failed { reason })
        }
    })
}

/// The log of what a command printed.
const OUTPUT: &str = "stdout.log";

/// What came of a command.
pub(super) struct Watched {
    /// How it ended.
    pub(super) end: End,
    /// How much it printed.
    bytes: u64,
    /// The last line of its errors.
    last: String,
    /// Which hosts it was not let through to.
    refused: Option<String>,
}

/// Starts a command in a sandbox and watches it to its end.
pub(super) fn watch(
    shop: &Workshop,
    attempt: &Attempt<'_>,
    work: &Command,
    confined: Confined,
) -> Result<Watched, StepError> {
    let secrets = shop.secrets.of(&work.secrets);
    let hider = Hider::of(&secrets)?;
    let reach = shop.reach(&work.network, &attempt.place.beside("proxy"), attempt.logs)?;
    let confined = reach.confine(Confined {
        cwd: work.cwd.clone(),
        vars: work.vars.clone(),
        secrets,
        ..confined
    });
    let command = shop.sandbox.command(attempt.place.worktree().dir(), &confined);
    let command = attempt.outfit.behind(command);
    let take = |name: &str| Capture::start_hiding(&attempt.logs.join(name), hider.clone(), |_| {});
    let ((stdout, out), (stderr, err)) = (take(OUTPUT)?, take("stderr.log")?);
    let limits = Limits { wall: attempt.limit, silence: None };
    let pulse = &shop.pulses[attempt.node.get()];
    let mut told = Ok(());
    let folders = attempt.outfit.fillable(attempt.place.worktree().dir());
    let guard = shop.guard(attempt.node, attempt.place.folder(), folders)?;
    let charge = Charge { command, streams: (out, err), limits, guard, pulse, output: None };
    let end = supervise(&shop.running, charge, |process| {
        told = shop.courier.tell(attempt.node, NodeEvent::Spawned { process });
    })?;
    told?;
    let bytes = stdout.finish()?.bytes;
    let last = last_line(&stderr.finish()?.tail);
    let refused = reach.close()?.map(|refused| hider.text(&refused));
    hider.file(&attempt.logs.join(RECORD))?;
    Ok(Watched { end, bytes, last, refused })
}

/// Keeps what a process printed into its log, if another node reads it.
pub(super) fn keep_printed(
    shop: &Workshop,
    attempt: &Attempt<'_>,
    log: &Path,
) -> Result<(), StepError> {
    if !shop.wanted[attempt.node.get()].stdout {
        return Ok(());
    }
    let name = beside::reference(&shop.run, &shop.node(attempt.node).name, attempt.start);
    let beside = Beside { stdout: Some(beside::printed(log)?), ..Beside::default() };
    beside.keep(&shop.vault, &name, attempt.stamp)?;
    Ok(())
}

/// Tells whether a command that ended so has done what it should.
pub(crate) fn is_success(work: &Command, exit: Exit) -> bool {
    match exit {
        Exit::Status(status) if !work.ok.is_empty() => {
            u8::try_from(status).is_ok_and(|status| work.ok.contains(&status))
        }
        _ => exit.is_success() && work.ok.is_empty(),
    }
}

/// Makes the output of a command the file that the plan says; the reason if it
/// cannot be one. Nothing of the command runs any more.
fn keep(
    work: &Command,
    worktree: &Path,
    log: &Path,
    bytes: u64,
) -> Result<Option<String>, StepError> {
    let Some(path) = &work.stdout else { return Ok(None) };
    if bytes > FILE_BYTES_MAX {
        return Ok(Some(format!(
            "it wrote {bytes} bytes to its standard output, more than the {FILE_BYTES_MAX} that \
             {path} may have"
        )));
    }
    let mut from = File::open(log)?;
    match beneath::create(worktree, path) {
        Ok(mut file) => {
            std::io::copy(&mut from, &mut file)?;
            Ok(None)
        }
        // What it left there itself is its failure, not the host's.
        Err(error) => Ok(Some(format!("its output cannot become {path}: {error}"))),
    }
}

/// Says why a command failed: how it ended, what it said last, and which hosts
/// it was not let through to.
pub(crate) fn reason(exit: Exit, last: &str, refused: Option<&str>) -> String {
    let said = Some(last).filter(|last| !last.is_empty());
    let parts = [said, refused].into_iter().flatten();
    parts.fold(exit.to_string(), |reason, part| {
        let sign = if Some(part) == refused { ';' } else { ':' };
        format!("{reason}{sign} {part}")
    })
}

/// Returns the last line that says something, for a reason of one line.
pub(crate) fn last_line(tail: &[u8]) -> String {
    let text = String::from_utf8_lossy(tail);
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    crate::printable::line(last.unwrap_or_default(), 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statuses_of_the_plan_are_its_successes_and_else_only_0() {
        let with = |ok: &[u8]| Command { ok: ok.to_vec(), ..Command::default() };
        for (ok, exit, success) in [
            (&[][..], Exit::Status(0), true),
            (&[], Exit::Status(1), false),
            (&[0, 3], Exit::Status(3), true),
            (&[0, 3], Exit::Status(0), true),
            (&[3], Exit::Status(0), false),
            (&[0, 9], Exit::Signal(9), false),
            (&[0], Exit::Status(256), false),
        ] {
            assert_eq!(is_success(&with(ok), exit), success, "{ok:?} {exit}");
        }
    }

    #[test]
    fn an_output_becomes_its_file_unless_something_is_in_the_way() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let log = dir.path().join("stdout.log");
        std::fs::write(&log, "said\n").expect("written");
        let tree = dir.path().join("tree");
        std::fs::create_dir(&tree).expect("made");
        let to = |path: &str| Command { stdout: Some(path.to_owned()), ..Command::default() };
        assert!(keep(&to("a/b.txt"), &tree, &log, 5).expect("written").is_none());
        assert_eq!(std::fs::read_to_string(tree.join("a/b.txt")).expect("there"), "said\n");
        assert!(keep(&Command::default(), &tree, &log, u64::MAX).expect("nothing").is_none());
        let refused = keep(&to("a"), &tree, &log, 5).expect("told").expect("a reason");
        assert!(refused.starts_with("its output cannot become a: "), "{refused}");
        let large = keep(&to("c"), &tree, &log, FILE_BYTES_MAX + 1).expect("told");
        assert!(large.is_some_and(|reason| reason.contains("67108865 bytes")));
    }
}
