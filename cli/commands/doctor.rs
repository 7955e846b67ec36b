//! `eufm doctor`: what this host enforces, what is best effort, what is missing.

use std::path::Path;

use eufm_runner::{doctor, rehearsal};

use super::exec;
use crate::args::DoctorArgs;
use crate::exit::{ExitStatus, Failure};
use crate::{host, render};

/// Tries the host and shows what was found, with a plan also what comes of its
/// environments and gates. It ends with 8 when no plan could run here, or when
/// something of this one cannot be prepared or judged.
///
/// # Errors
/// Fails when there is no folder for the trials, or the plan does not fit.
pub(crate) fn run(args: &DoctorArgs) -> Result<ExitStatus, Failure> {
    let folder = match &args.plan {
        Some(plan) => host::repository(args.repo.as_deref(), plan)?,
        None => {
            // Any name stands for a plan that would lie in this folder.
            let repository = host::repository_of(Path::new("plan.lock"));
            repository.or_else(host::working_folder).unwrap_or_default()
        }
    };
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
    let runs = found.verdicts.commands.runs;
    let rehearsal = match &args.plan {
        // Without a sandbox there is nothing to rehearse in.
        Some(plan) if runs => {
            let (locked, _) = exec::read_plan(plan)?;
            if let Some(reason) = exec::lacks_spec(plan, &locked.plan) {
                render::note(&reason);
            }
            let mut note = |text: &str| render::note(text);
            Some(rehearsal::rehearse(locked, &folder, &state, &host, &mut note)?)
        }
        _ => None,
    };
    if args.json {
        render::doctor::json(&found, rehearsal.as_ref());
    } else {
        render::doctor::text(&found, rehearsal.as_ref());
    }
    let is_possible = rehearsal.is_none_or(|rehearsal| rehearsal.is_possible());
    Ok(if runs && is_possible { ExitStatus::DONE } else { ExitStatus::HOST })
}
