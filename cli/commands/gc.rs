//! `eufm gc`: removes what old runs left.

use std::path::Path;

use eufm_runner::gc::{Sweep, sweep};

use crate::args::GcArgs;
use crate::exit::{ExitStatus, Failure};
use crate::{host, render};

/// Removes what the limits do not keep and shows it.
///
/// # Errors
/// Fails when there is no such state or repository, when another runner works
/// on it, and when something cannot be removed.
pub(crate) fn run(args: &GcArgs) -> Result<ExitStatus, Failure> {
    let repository = host::repository(args.repo.as_deref(), Path::new("."))?;
    let state = host::state(args.state.as_deref(), &repository)?;
    if !state.is_dir() {
        let message = format!("{} is no folder with the state of runs", state.display());
        return Err(Failure::new(ExitStatus::USAGE, message));
    }
    let order = Sweep {
        repository,
        state,
        path: host::search_path(),
        keep_runs: args.keep_runs,
        older_than: args.older_than,
        max_bytes: args.max_size,
        dry_run: args.dry_run,
    };
    let swept = sweep(&order)?;
    if args.json {
        render::gc::json(&swept);
    } else {
        render::gc::text(&swept);
    }
    Ok(if swept.not_packed.is_some() { ExitStatus::STATE } else { ExitStatus::DONE })
}
