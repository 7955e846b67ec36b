//! Runs a deploy: a command with effects outside, in a read-only checkout of the
//! tree that was verified, and asks a probe whether one that was killed was done.
//!
//! What its command names of that tree is put back as it is in the base commit,
//! unless a person was shown the difference and approved: nobody deploys by
//! editing the script. Unaware of who verified what.

use std::path::Path;

use eufm_plan::{Command, NodeIndex, Work};

use super::command::{run, watch};
use super::{Attempt, Executor, Ran};
use crate::environments::folders;
use crate::nest;
use crate::process::Exit;
use crate::sandbox::Confined;
use crate::supervise::End;
use crate::workshop::{StepError, Workshop};

/// The executor of deploys.
#[derive(Debug)]
pub(super) struct DeployExecutor;

impl Executor for DeployExecutor {
    fn does(&self, work: &Work) -> bool {
        matches!(work, Work::Deploy { .. })
    }

    fn execute(&self, shop: &Workshop, attempt: &Attempt<'_>) -> Result<Ran, StepError> {
        let Work::Deploy { command, .. } = &shop.node(attempt.node).work else {
            return Err(StepError::Left);
        };
        let confined = confined(shop, attempt, command)?;
        run(shop, attempt, command, confined)
    }
}

/// What a probe says of a deploy that was killed in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probed {
    /// It was done.
    Done,
    /// It was not, and is to be run again.
    Undone,
    /// Nobody knows.
    Unknown,
    /// The run was stopped meanwhile.
    Stopped,
}

/// Runs the probe of a deploy where the deploy itself would run.
///
/// # Errors
/// Fails when the host does not let it run.
pub(crate) fn probe(
    shop: &Workshop,
    attempt: &Attempt<'_>,
    program: &[String],
) -> Result<Probed, StepError> {
    let Work::Deploy { command, .. } = &shop.node(attempt.node).work else {
        return Err(StepError::Left);
    };
    let command = Command { run: program.to_vec(), ok: Vec::new(), ..(**command).clone() };
    let confined = confined(shop, attempt, &command)?;
    Ok(match watch(shop, attempt, &command, confined)?.end {
        End::Exited(Exit::Status(0)) => Probed::Done,
        End::Exited(Exit::Status(1)) => Probed::Undone,
        End::Stopped => Probed::Stopped,
        End::Exited(_) | End::TimedOut | End::Stalled | End::Exceeded(_) => Probed::Unknown,
    })
}

/// Puts the scripts back, and says what the sandbox shows.
fn confined(
    shop: &Workshop,
    attempt: &Attempt<'_>,
    command: &Command,
) -> Result<Confined, StepError> {
    if !is_approved(shop, attempt.node) {
        let folder = command.cwd.as_deref().unwrap_or_default();
        attempt.place.worktree().restore(&shop.base, folder, &command.run)?;
    }
    let tools = attempt.outfit.tools.clone();
    let mut confined =
        Confined { fixed: true, ..nest::command(&command.run, attempt.mounts(), tools) };
    // Behind what environments keep: such a folder, `~/.local` for one, may hold a
    // folder of the deploy, and would cover it.
    confined.mounts.extend(writable(shop, attempt.node, &shop.host.home)?);
    Ok(confined)
}

/// Tells whether a person approved this very tree: the reader of plans sees to it
/// that the approvals that a deploy needs stand behind its verify node.
fn is_approved(shop: &Workshop, node: NodeIndex) -> bool {
    let is_approval = |need: &NodeIndex| matches!(shop.node(*need).work, Work::Approval { .. });
    shop.node(node).needs.iter().any(is_approval)
}

fn writable(
    shop: &Workshop,
    node: NodeIndex,
    home: &Path,
) -> Result<Vec<crate::sandbox::Mount>, StepError> {
    let Work::Deploy { folders, .. } = &shop.node(node).work else { return Ok(Vec::new()) };
    // The state is the folder of the folder of the run.
    let state = shop.dir.root().ancestors().nth(2).unwrap_or(shop.dir.root());
    folders::writable(folders, home, state).map_err(StepError::Host)
}
