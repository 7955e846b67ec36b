//! `eufm compile`: a spec to plan.lock, shown for people.

use std::path::{Path, PathBuf};

use eufm_compiler::Request;
use eufm_plan::lockfile;

use crate::args::CompileArgs;
use crate::catalog::with_catalog;
use crate::exit::{ExitStatus, Failure};
use crate::render::{self, Findings, PlanState};
use crate::sources::Project;

/// Compiles a spec; a plan is written only if there is no error, and only if
/// it differs from the one on disk.
///
/// # Errors
/// Fails when a file cannot be read or written.
pub(crate) fn run(args: &CompileArgs) -> Result<ExitStatus, Failure> {
    // This thread is one of those that compile: each has memory of its own, and what one
    // made another frees. A pool that is there already does as well.
    let _ = rayon::ThreadPoolBuilder::new().use_current_thread().build_global();
    let (project, spec) = Project::of(&args.spec, args.root.as_deref())?;
    let request = Request { spec, settings: args.settings.clone() };
    let result = with_catalog(|catalog| eufm_compiler::compile(&project, &request, catalog));
    let (sources, found, planned) = match result {
        Ok(built) => (built.sources, built.diagnostics, built.plan.zip(built.derived)),
        Err(rejected) => (rejected.sources, rejected.diagnostics, None),
    };
    let shown = |path: &str| project.shown(path);
    let findings =
        Findings { shown: &shown, spec: &request.spec, sources: &sources, found: &found };
    if !args.json {
        render::diagnostics(&findings);
    }
    let Some((plan, derived)) = planned else {
        if args.json {
            render::json::compiled(&findings, None, None);
        }
        return Ok(ExitStatus::SPEC);
    };
    let output = args.output.clone().unwrap_or_else(|| args.spec.with_file_name("plan.lock"));
    let (settled, shown) = rayon::join(
        || settle(&output, &lockfile::write_derived(&plan, &derived), args.locked),
        || (!args.json).then(|| render::plan_text(&plan, &derived)),
    );
    // The process ends behind this; the system takes all of it back at once.
    std::mem::forget(plan);
    if let (Some(text), Ok(state)) = (&shown, &settled) {
        render::plan(text, &output, matches!(state, PlanState::Unchanged));
    } else if args.json {
        let state = settled.as_ref().map_or_else(|(state, _)| *state, |state| Some(*state));
        let file = state.map(|state| (output.as_path(), state));
        render::json::compiled(&findings, Some(&derived.proofs), file);
    }
    settled.map(|_| ExitStatus::DONE).map_err(|(_, failure)| failure)
}

/// Brings the plan on disk up to date, or, where it is locked, compares only.
///
/// # Errors
/// Fails when the plan is stale or cannot be written.
fn settle(
    output: &Path,
    text: &str,
    locked: bool,
) -> Result<PlanState, (Option<PlanState>, Failure)> {
    let current = std::fs::read_to_string(output).ok();
    if current.as_deref() == Some(text) {
        return Ok(PlanState::Unchanged);
    }
    if locked {
        let message = not_locked(output, current.as_deref(), text);
        return Err((Some(PlanState::Stale), Failure::new(ExitStatus::STALE, message)));
    }
    write(output, text).map(|()| PlanState::Written).map_err(|failure| (None, failure))
}

fn not_locked(output: &Path, current: Option<&str>, text: &str) -> String {
    let path = output.display();
    let Some(current) = current else {
        return format!("{path} is not there; run `eufm compile` without --locked and review it");
    };
    let line = 1 + current.lines().zip(text.lines()).take_while(|(a, b)| a == b).count();
    let is = current.lines().nth(line - 1).unwrap_or("(its end)");
    let would = text.lines().nth(line - 1).unwrap_or("(its end)");
    format!(
        "{path} is not what the spec gives now; line {line}\n  is        {is}\n  would be  {would}\n  \
         help: run `eufm compile` without --locked and review the difference"
    )
}

/// Writes a file whole or not at all; one that is there keeps its permissions.
///
/// # Errors
/// Fails when the folder cannot be written.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let write = || {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let new = PathBuf::from(name);
        let permissions = std::fs::metadata(path).ok().map(|current| current.permissions());
        std::fs::write(&new, text)
            .and_then(|()| permissions.map_or(Ok(()), |it| std::fs::set_permissions(&new, it)))
            .and_then(|()| std::fs::rename(&new, path))
            .inspect_err(|_| {
                // The half that is left is of no use to anybody.
                let _ = std::fs::remove_file(&new);
            })
    };
    write().map_err(|error: std::io::Error| {
        Failure::new(ExitStatus::USAGE, format!("{}: {error}", path.display()))
    })
}
