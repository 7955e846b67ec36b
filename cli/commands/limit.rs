//! The shim before a limited program: takes its limits, then becomes it.

use eufm_runner::{limits, process};

use crate::args::LimitArgs;
use crate::exit::{ExitStatus, Failure};

/// Becomes the program.
///
/// # Errors
/// Fails when a limit cannot be set or the program cannot be started.
pub(crate) fn run(args: &LimitArgs) -> Result<ExitStatus, Failure> {
    let host = |what: String| Failure::new(ExitStatus::HOST, what);
    limits::enter(&args.join, args.file_bytes, args.processes, args.parent)
        .map_err(|error| host(format!("a limit cannot be set: {error}")))?;
    let error = process::replace(&args.run, &[]);
    Err(Failure::new(ExitStatus::not_started(&error), error.to_string()))
}
