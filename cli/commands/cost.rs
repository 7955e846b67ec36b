//! `eufm cost`: what a plan may cost, and what a run of it has cost.

use std::path::Path;

use eufm_runner::cost::Asked;

use super::exec::read_plan;
use crate::args::CostArgs;
use crate::exit::{ExitStatus, Failure};
use crate::{host, render};

/// Looks at a plan and its run, or at the run that is named, and shows what was
/// spent of what may be.
///
/// # Errors
/// Fails when there is no such plan, repository or run, or it cannot be read.
pub(crate) fn run(args: &CostArgs) -> Result<ExitStatus, Failure> {
    let plan = args.plan.as_deref().unwrap_or(Path::new("plan.lock"));
    let (asked, place) = match &args.run {
        Some(run) => (Asked::Run(run.clone()), Path::new(".")),
        None => {
            let (locked, text) = read_plan(plan)?;
            (Asked::Plan(locked, text), plan)
        }
    };
    let state = match (&args.state, &args.repo) {
        // What is given needs no repository.
        (Some(state), None) => host::absolute(state)?,
        (state, repo) => host::state(state.as_deref(), &host::repository(repo.as_deref(), place)?)?,
    };
    let report = eufm_runner::cost::look(&state, asked)?;
    if args.json {
        render::cost::json(&report);
    } else {
        render::cost::text(&report);
    }
    let is_damaged = report.run.as_ref().is_some_and(|run| run.damage.is_some());
    Ok(if is_damaged { ExitStatus::STATE } else { ExitStatus::DONE })
}
