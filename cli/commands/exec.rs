//! `eufm exec`: runs a plan, or goes on with a run.

use std::path::Path;
use std::sync::Arc;

use eufm_compiler::Setting;
use eufm_plan::lockfile::{self, LockError, Locked};
use eufm_plan::{Digest, Plan};
use eufm_runner::gateway::Script;
use eufm_runner::gateway::recording::Matching;
use eufm_runner::model::Model;
use eufm_runner::{Order, RunError};

use crate::args::{ExecArgs, Progress, Trust};
use crate::commands::now;
use crate::exit::{ExitStatus, Failure};
use crate::sources::Project;
use crate::{host, render};

/// Runs a plan to its end or to a stop.
///
/// # Errors
/// Fails when the run cannot begin or go on.
pub(crate) fn run(args: &ExecArgs) -> Result<ExitStatus, Failure> {
    eufm_runner::pages::keep_small();
    let text = read_text(&args.plan)?;
    let repository = host::repository(args.repo.as_deref(), &args.plan)?;
    let state = host::state(args.state.as_deref(), &repository)?;
    let host = host::host(args.codex.as_deref())?;
    let vouched = args.trust_lock.as_ref();
    let vouched = vouched.map(|trust| vouched_for(&args.plan, &text, trust)).transpose()?;
    if !args.new
        && let Some(done) = eufm_runner::done_before(&text, &repository, &state, &host)?
    {
        render::summary(&done, source(args));
        return Ok(ExitStatus::DONE);
    }
    let locked = vouched.map_or_else(|| locked(&args.plan, &text), Ok)?;
    let spec = args.plan.with_file_name(&locked.plan.origin.spec);
    let trusted = args.trust_lock.is_some() && !spec.exists();
    let model = model(args)?;
    let source = source(args);
    let (plan, digest) = (Arc::clone(&locked.plan), locked.digest);
    let order = Order {
        locked,
        text,
        state,
        repository,
        model,
        outage_max: Some(args.max_outage),
        waits_for_people: args.wait,
        retry: args.retry,
        new: args.new,
        takes_results: !args.no_cache,
        secrets: host::secrets(&args.secrets)?,
        allowed: args.allowed.clone(),
        trusted,
    };
    let reviewed = || match trusted {
        true => Ok(()),
        false => still_current(&args.plan, (&plan, digest), &host.launcher),
    };
    let mut reporter =
        render::reporter(args.progress == Progress::Bars, args.progress == Progress::Auto);
    if let Some(source) = source {
        reporter.note(&format!("the model's replies come from {source}; everything else is real"));
    }
    let done = eufm_runner::run(order, &host, &reviewed, reporter.as_mut())?;
    render::summary(&done, source);
    Ok(match (&done.stop, done.report.outcome) {
        (Some(stop), _) => ExitStatus::of_stop(stop),
        (None, Some(outcome)) => ExitStatus::of_outcome(outcome),
        (None, None) => ExitStatus::STATE,
    })
}

/// Finds out what is to answer the agents.
///
/// # Errors
/// Fails when a script is not to be read, or a flag is not understood.
fn model(args: &ExecArgs) -> Result<Model, Failure> {
    if let Some(path) = &args.cassette {
        let script = Script::read(path);
        return script
            .map(Model::Script)
            .map_err(|error| Failure::new(ExitStatus::USAGE, error.to_string()));
    }
    if let Some(path) = &args.replay {
        let matching = if args.loose { Matching::Loose } else { Matching::Strict };
        return Ok(Model::Recording { path: path.clone(), matching });
    }
    Ok(Model::Provider {
        key: host::key_source(&args.key)?,
        proxies: host::proxies(),
        patience: host::patience()?,
        record: args.record.clone(),
        outage_max: Some(args.max_outage),
    })
}

/// Says where the model's replies come from, if it is no model.
fn source(args: &ExecArgs) -> Option<&'static str> {
    match (&args.cassette, &args.replay) {
        (Some(_), _) => Some("a cassette"),
        (None, Some(_)) => Some("a recording"),
        (None, None) => None,
    }
}

/// Reads a plan; its text belongs to the run.
///
/// # Errors
/// Fails when it is not there or was altered.
pub(crate) fn read_plan(path: &Path) -> Result<(Locked, String), Failure> {
    let text = read_text(path)?;
    Ok((locked(path, &text)?, text))
}

/// Reads a plan to show one of its nodes, which takes half the time for a large one:
/// the digest is checked, and not what is derived from the plan, since that is not
/// shown.
///
/// # Errors
/// Fails when it is not there, was altered or is no plan.
pub(crate) fn read_to_show(path: &Path) -> Result<Locked, Failure> {
    lockfile::read_kept(&read_text(path)?).map_err(|error| stale(path, &error))
}

/// Reads the text of a plan.
///
/// # Errors
/// Fails when it is not one that `compile` would write.
fn locked(path: &Path, text: &str) -> Result<Locked, Failure> {
    lockfile::read(text).map_err(|error| stale(path, &error))
}

fn stale(path: &Path, error: &LockError) -> Failure {
    Failure::new(ExitStatus::STALE, format!("{}: {error}", path.display()))
}

/// Reads the file of a plan.
///
/// # Errors
/// Fails when it is not there.
fn read_text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        let help = "  help: make it with `eufm compile SPEC`";
        Failure::new(ExitStatus::USAGE, format!("{}: {error}\n{help}", path.display()))
    })
}

/// From so many nodes on the memory that compiling takes is worth a process.
const LARGE: usize = 500;

/// Reads a plan for which a person vouched.
///
/// # Errors
/// Fails when it is another one.
fn vouched_for(path: &Path, text: &str, trust: &Trust) -> Result<Locked, Failure> {
    let locked = locked(path, text)?;
    if trust.is_of(&locked.digest) {
        return Ok(locked);
    }
    let message = format!(
        "{}: this is not the plan that --trust-lock names: its digest is {}\n  help: review this \
         plan, or run the one that was reviewed",
        path.display(),
        locked.digest
    );
    Err(Failure::new(ExitStatus::STALE, message))
}

/// Says of a plan without its spec what a run of it needs; `None`: the spec is there.
pub(crate) fn lacks_spec(path: &Path, plan: &Plan) -> Option<String> {
    let spec = &plan.origin.spec;
    (!path.with_file_name(spec).exists()).then(|| {
        format!(
            "{}: {spec}, which it was made from, does not lie beside it, so nothing says that it \
             is what was reviewed\n  help: put the spec back, or give the digest of the plan that \
             was reviewed, which stands in its last line: --trust-lock=sha256:…",
            path.display()
        )
    })
}

/// Checks that the plan is what its spec gives, which lies beside it. A plan of
/// another compiler version is compared by its sources alone.
fn still_current(
    path: &Path,
    (plan, digest): (&Plan, Digest),
    program: &Path,
) -> Result<(), RunError> {
    let origin = &plan.origin;
    if let Some(reason) = lacks_spec(path, plan) {
        return Err(RunError::Stale(reason));
    }
    let spec = path.with_file_name(&origin.spec);
    let stale = |reason: &str| {
        Err(RunError::Stale(format!(
            "{} is not what {} gives now: {reason}\n  help: compile it again and review the \
             difference",
            path.display(),
            origin.spec
        )))
    };
    // The way to the root is a part of the plan, since paths depend on it.
    let root = path.with_file_name("").join(&origin.root);
    if Project::of(&spec, Some(&root)).is_err() {
        return stale("its root is not there");
    }
    let given = if plan.nodes.len() < LARGE {
        let setting =
            |(name, value): &(String, String)| Setting { name: name.clone(), value: value.clone() };
        now::given((&spec, &root), origin.params.iter().map(setting).collect()).ok().flatten()
    } else {
        now::ask(program, (&spec, &root), &origin.params).map_err(|error| {
            RunError::Host(format!("{} cannot be compiled again: {error}", spec.display()))
        })?
    };
    let Some(given) = given else { return stale("the spec does not compile any more") };
    let sources = origin.sources.iter().map(|source| (&source.path, &source.digest));
    let is_same = if given.compiler == origin.compiler {
        given.plan == digest
    } else {
        given.sources.iter().map(|(path, digest)| (path, digest)).eq(sources)
    };
    if is_same { Ok(()) } else { stale("the spec was changed, or a file that it names") }
}
