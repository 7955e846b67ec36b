//! The launcher of a sandbox with layers: mounts them in a namespace of its
//! own, then becomes the sandbox.

use eufm_runner::{layers, process};

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
    let error = process::replace(&args.run, &[]);
    Err(Failure::new(ExitStatus::not_started(&error), error.to_string()))
}
