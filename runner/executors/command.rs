//! Runs a command node in the sandbox, without network.
//!
//! Unaware of who wrote the command: it is a list of arguments, never a shell
//! line.

use eufm_plan::Work;

use super::{Attempt, Executor, Ran};
use crate::capture::Capture;
use crate::event::{Ending, NodeEvent};
use crate::nest;
use crate::process::Exit;
use crate::supervise::{End, Limits, supervise};
use crate::workshop::{StepError, Workshop};

/// The executor of commands.
#[derive(Debug)]
pub(super) struct CommandExecutor;

impl Executor for CommandExecutor {
    fn does(&self, work: &Work) -> bool {
        matches!(work, Work::Command { .. })
    }

    fn execute(&self, shop: &Workshop, attempt: &Attempt<'_>) -> Result<Ran, StepError> {
        let node = shop.node(attempt.node);
        let Work::Command { run } = &node.work else { return Err(StepError::Left) };
        let confined = nest::command(run, attempt.place.mounts(), shop.tools(&node.env));
        let command = shop.sandbox.command(attempt.place.worktree().dir(), &confined);
        let (stdout, out) = Capture::start(&attempt.logs.join("stdout.log"), |_| {})?;
        let (stderr, err) = Capture::start(&attempt.logs.join("stderr.log"), |_| {})?;
        let limits = Limits { wall: attempt.limit, silence: None };
        let pulse = &shop.pulses[attempt.node.get()];
        let mut told = Ok(());
        let end = supervise(&shop.running, &command, (out, err), limits, pulse, |process| {
            told = shop.courier.tell(attempt.node, NodeEvent::Spawned { process });
        })?;
        told?;
        stdout.finish()?;
        let last = last_line(&stderr.finish()?.tail);
        Ok(match end {
            End::Stopped => Ran::Stopped,
            End::TimedOut | End::Stalled => Ran::Ended(Ending::TimedOut),
            End::Exited(exit) if exit.is_success() => Ran::Ended(Ending::Completed),
            End::Exited(exit) => Ran::Ended(Ending::Failed { reason: reason(exit, &last) }),
        })
    }
}

fn reason(exit: Exit, last: &str) -> String {
    if last.is_empty() { exit.to_string() } else { format!("{exit}: {last}") }
}

/// Returns the last line that says something, for a reason of one line.
pub(super) fn last_line(tail: &[u8]) -> String {
    let text = String::from_utf8_lossy(tail);
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    crate::printable::line(last.unwrap_or_default(), 200)
}
