//! The forwarder inside a sandbox: makes the gateway's socket a local port,
//! then runs the program and passes its end on.

use eufm_runner::gateway::forward::{Forwarder, PORT};
use eufm_runner::process::Command;

use crate::args::ForwardArgs;
use crate::exit::{ExitStatus, Failure};

/// Forwards until the program ends.
///
/// # Errors
/// Fails when the port is taken or the program cannot be started.
pub(crate) fn run(args: &ForwardArgs) -> Result<ExitStatus, Failure> {
    let host = |what: String| Failure::new(ExitStatus::HOST, what);
    // The port is open before the program is started, so it never waits.
    let _forwarder = Forwarder::start(&args.socket, PORT)
        .map_err(|error| host(format!("the gateway's port cannot be opened: {error}")))?;
    let (program, rest) =
        args.run.split_first().ok_or_else(|| host("no program was given".to_owned()))?;
    let exit = Command::pass_through(program, rest)
        .map_err(|error| host(format!("{}: {error}", program.to_string_lossy())))?;
    Ok(ExitStatus::passed_on(exit))
}
