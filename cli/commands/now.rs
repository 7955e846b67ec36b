//! What a spec gives now, asked of a process of its own where it is large.
//!
//! To compile takes several times what a run of the plan needs, and it is done
//! once, at the start of a run that may last a night: what a process has once
//! had of memory it never gives back as a whole. Unaware of what the answer is
//! compared with.

use std::io;
use std::path::Path;

use eufm_compiler::{Request, Setting};
use eufm_plan::{Digest, lockfile};
use eufm_runner::process::Command;
use serde::{Deserialize, Serialize};

use crate::args::NowArgs;
use crate::catalog::with_catalog;
use crate::exit::{ExitStatus, Failure};
use crate::render;
use crate::sources::Project;

/// The name of the hidden command that answers.
pub(crate) const SUBCOMMAND: &str = "now";

/// What a spec gives.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Given {
    /// The version of the compiler.
    pub(crate) compiler: String,
    /// The digest that its plan.lock ends with.
    pub(crate) plan: Digest,
    /// The files it was made from, with their digests.
    pub(crate) sources: Vec<(String, Digest)>,
}

/// Asks a process of this program what a spec gives with these parameters;
/// nothing if it does not compile.
///
/// # Errors
/// Fails when the process cannot be started or gives no answer.
pub(crate) fn ask(
    program: &Path,
    (spec, root): (&Path, &Path),
    params: &[(String, String)],
) -> io::Result<Option<Given>> {
    let mut command = Command::new(program).bare().arg(SUBCOMMAND).arg("--root").arg(root);
    for (name, value) in params {
        command = command.arg(format!("--set={name}={value}"));
    }
    let output = command.arg("--").arg(spec).output()?;
    if !output.exit.is_success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("{}: {}", output.exit, said.trim())));
    }
    serde_json::from_slice(&output.stdout).map_err(io::Error::other)
}

/// Finds out in this process what a spec gives; nothing if it does not compile.
/// For a small one that costs less than a process.
///
/// # Errors
/// Fails when the root is not there.
pub(crate) fn given(
    (spec, root): (&Path, &Path),
    settings: Vec<Setting>,
) -> Result<Option<Given>, Failure> {
    let (project, spec) = Project::of(spec, Some(root))?;
    let request = Request { spec, settings };
    let compiled = with_catalog(|catalog| eufm_compiler::compile(&project, &request, catalog));
    Ok(compiled.ok().and_then(|compiled| compiled.plan).map(|plan| Given {
        plan: lockfile::digest(&plan),
        compiler: plan.origin.compiler,
        sources: plan.origin.sources.into_iter().map(|it| (it.path, it.digest)).collect(),
    }))
}

/// Answers.
///
/// # Errors
/// Fails when the root is not there.
pub(crate) fn run(args: &NowArgs) -> Result<ExitStatus, Failure> {
    let given = given((&args.spec, &args.root), args.settings.clone())?;
    render::answer(&serde_json::json!(given).to_string());
    Ok(ExitStatus::DONE)
}
