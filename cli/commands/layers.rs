//! The launcher of a sandbox with layers: mounts them in a namespace of its
//! own, then becomes the sandbox.

use eufm_runner::layers;
use eufm_runner::process::Command;

use crate::args::LayersArgs;
use crate::exit::{ExitStatus, Failure};

/// Becomes the program behind the layers.
///
/// # Errors
/// Fails when the layers cannot be mounted or the program cannot be started;
/// else it does not return.
pub(crate) fn run(args: &LayersArgs) -> Result<ExitStatus, Failure> {
    let host = |what: String| Failure::new(ExitStatus::HOST, what);
    layers::enter(&args.folders)
        .map_err(|error| host(format!("layers cannot be mounted: {error}")))?;
    let (program, rest) =
        args.run.split_first().ok_or_else(|| host("no program was given".to_owned()))?;
    let error = Command::replace_self(program, rest);
    Err(host(format!("{}: {error}", program.to_string_lossy())))
}
