//! `eufm cassette`: what a script or a recording holds, and whether it can be
//! played.

use std::path::Path;

use eufm_plan::{Plan, Work};
use eufm_runner::gateway::recording::{Finding, Recording};
use eufm_runner::gateway::{CassetteError, Script};

use crate::args::{CassetteArgs, CassetteCheckArgs, CassetteCommand, CassetteShowArgs};
use crate::commands::exec::read_plan;
use crate::exit::{ExitStatus, Failure};
use crate::render;
use crate::render::cassette::Shown;

/// Does what is asked for with a cassette.
///
/// # Errors
/// Fails when there is no such cassette or plan; `show` also when the cassette
/// has a mistake in it.
pub(crate) fn run(args: &CassetteArgs) -> Result<ExitStatus, Failure> {
    match &args.command {
        CassetteCommand::Show(args) => show(args),
        CassetteCommand::Check(args) => check(args),
    }
}

/// Either form of cassette.
enum Either {
    Script(Script),
    Recording(Box<Recording>),
}

impl Either {
    /// A folder is a recording, a file is a script.
    fn read(path: &Path) -> Result<Self, CassetteError> {
        if path.is_dir() {
            // What a session is told when it goes on decides nothing here.
            return Ok(Self::Recording(Box::new(Recording::open(path, "")?)));
        }
        Ok(Self::Script(Script::read(path)?))
    }
}

fn show(args: &CassetteShowArgs) -> Result<ExitStatus, Failure> {
    let usage = |message: String| Failure::new(ExitStatus::USAGE, message);
    let cassette = Either::read(&args.cassette).map_err(|error| usage(error.to_string()))?;
    let (head, mut nodes) = match &cassette {
        Either::Script(script) => (None, script.transcript()),
        Either::Recording(recording) => (Some(recording.head()), recording.transcript()),
    };
    if let Some(unknown) = args.nodes.iter().find(|&name| !nodes.iter().any(|it| it.node == *name))
    {
        let path = args.cassette.display();
        return Err(usage(format!("{path} holds nothing of a node `{unknown}`")));
    }
    nodes.retain(|it| args.nodes.is_empty() || args.nodes.contains(&it.node));
    let shown = Shown { cassette: &args.cassette, head, nodes: &nodes };
    if args.json {
        render::cassette::json(&shown);
    } else {
        render::cassette::text(&shown);
    }
    Ok(ExitStatus::DONE)
}

fn check(args: &CassetteCheckArgs) -> Result<ExitStatus, Failure> {
    if !args.cassette.exists() {
        let message = format!("there is no cassette {}", args.cassette.display());
        return Err(Failure::new(ExitStatus::USAGE, message));
    }
    let plan = match &args.plan {
        Some(path) => Some(read_plan(path)?.0.plan),
        None => None,
    };
    let found = match Either::read(&args.cassette) {
        Ok(Either::Recording(recording)) => recording.check(plan.as_deref()),
        Ok(Either::Script(script)) => script_fits(&script, plan.as_deref()),
        Err(error) => vec![finding(&error)],
    };
    if args.json {
        render::cassette::findings_json(&args.cassette, &found);
    } else {
        render::cassette::findings(&args.cassette, &found);
    }
    Ok(if found.is_empty() { ExitStatus::DONE } else { ExitStatus::FAILED })
}

fn script_fits(script: &Script, plan: Option<&Plan>) -> Vec<Finding> {
    let Some(plan) = plan else { return Vec::new() };
    let is_agent = |work: &Work| matches!(work, Work::Agent { .. });
    let agents = plan.nodes.iter().filter(|node| is_agent(&node.work));
    let fits = script.check(agents.map(|node| node.name.as_str()));
    fits.err().iter().map(finding).collect()
}

/// Splits the place off the message.
fn finding(error: &CassetteError) -> Finding {
    let message = match error {
        CassetteError::Content { message, .. } => message.clone(),
        other => other.to_string(),
    };
    let place = match error {
        CassetteError::Content { name, line, column, .. } => format!("{name}:{line}:{column}"),
        CassetteError::Format { name, line, .. } => format!("{name}:{line}"),
        CassetteError::Read { name, .. } | CassetteError::Size { name } => name.clone(),
    };
    Finding { place, message }
}
