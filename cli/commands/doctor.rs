//! `eufm doctor`: what this host enforces, what is best effort, what is missing.

use std::path::Path;

use eufm_runner::doctor;

use crate::args::DoctorArgs;
use crate::exit::{ExitStatus, Failure};
use crate::{host, render};

/// Tries the host and shows what was found. It ends with 8 when no plan could
/// run here.
///
/// # Errors
/// Fails when there is no folder for the trials.
pub(crate) fn run(args: &DoctorArgs) -> Result<ExitStatus, Failure> {
    // Any name stands for a plan that would lie in this folder.
    let repository = host::repository_of(Path::new("plan.lock"));
    let folder = repository.or_else(host::working_folder).unwrap_or_default();
    let state = host::state(args.state.as_deref(), &folder)?;
    let host = host::host(args.codex.as_deref())?;
    let found = doctor::examine(&host, &state, &args.allowed).map_err(|error| {
        Failure::new(
            ExitStatus::HOST,
            format!(
                "nothing can be tried: {error}\n  help: make the temporary folder writable, or \
                 name another one in TMPDIR"
            ),
        )
    })?;
    if args.json {
        render::doctor::json(&found);
    } else {
        render::doctor::text(&found);
    }
    Ok(if found.verdicts.commands.runs { ExitStatus::DONE } else { ExitStatus::HOST })
}
