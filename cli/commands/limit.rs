//! The shim before a limited program: takes its limits, then becomes it.

use eufm_runner::limits;
use eufm_runner::process::{Command, Exit};

use crate::args::LimitArgs;
use crate::exit::{ExitStatus, Failure};

/// Becomes the program.
///
/// # Errors
/// Fails when a limit cannot be set or the program cannot be started.
pub(crate) fn run(args: &LimitArgs) -> Result<ExitStatus, Failure> {
    let host = |what: String| Failure::new(ExitStatus::HOST, what);
    limits::enter(&args.join, args.file_bytes, args.processes)
        .map_err(|error| host(format!("a limit cannot be set: {error}")))?;
    let (program, rest) =
        args.run.split_first().ok_or_else(|| host("no program was given".to_owned()))?;
    let error = Command::replace_self(program, rest);
    let message = format!("{}: {error}", program.to_string_lossy());
    // As shells do: the program is not there, or cannot be run.
    let status = if error.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
    Err(Failure::new(ExitStatus::passed_on(Exit::Status(status)), message))
}
