//! `eufm verify`: whether the state of runs is whole, and where each run stands.

use std::path::Path;

use crate::args::VerifyArgs;
use crate::exit::{ExitStatus, Failure};
use crate::{host, render};

/// Looks at the state of a repository's runs and shows what was found.
///
/// # Errors
/// Fails when there is no such state, repository or run.
pub(crate) fn run(args: &VerifyArgs) -> Result<ExitStatus, Failure> {
    let state = match &args.state {
        Some(state) if !state.is_dir() => {
            let message = format!("{} is no folder with the state of runs", state.display());
            return Err(Failure::new(ExitStatus::USAGE, message));
        }
        Some(state) => host::absolute(state)?,
        None => host::state(None, &host::repository(args.repo.as_deref(), Path::new("."))?)?,
    };
    let found = eufm_runner::verify::verify(&state, args.run.as_deref())?;
    if args.json {
        render::verified::json(&state, &found);
    } else {
        render::verified::text(&state, &found);
    }
    let is_damaged = found.runs.iter().any(|run| run.damage.is_some());
    Ok(if is_damaged { ExitStatus::STATE } else { ExitStatus::DONE })
}
