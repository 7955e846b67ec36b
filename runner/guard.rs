//! Chooses what keeps apart what runs: bubblewrap, or what a person permitted
//! in its place.
//!
//! Each protection is tried. One that is missing and was not permitted to be
//! is refused, with the name that would permit it. Unaware of plans.

use std::path::Path;

use crate::confine::Closed;
use crate::doctor::{self, Finding, Isolation, Level};
use crate::error::RunError;
use crate::preflight::Host;
use crate::protections::{Degraded, Guarded, Protection, protection};
use crate::sandbox::Sandbox;
use crate::trial;

/// Names of protections that a person permits to be missing.
pub(crate) type Allowed<'a> = &'a [&'static Protection];

/// Chooses for this host. `scratch` is a folder of the state.
///
/// # Errors
/// Fails when a protection is missing and not among `allowed`.
pub(crate) fn choose(
    host: &Host,
    scratch: &Path,
    allowed: Allowed<'_>,
) -> Result<(Sandbox, Guarded), RunError> {
    let mut degraded = Vec::new();
    let mut is_closed = |name: &'static str| -> Result<bool, RunError> {
        let Finding { level, how, way_out } = doctor::one(name, host, scratch);
        if level != Level::Missing {
            return Ok(true);
        }
        let lacks = Lacks { how, help: way_out.unwrap_or_default() };
        degraded.push(permitted(name, &lacks, allowed)?);
        Ok(false)
    };
    // In namespaces, too: they do not close keys, io_uring and the like.
    let calls = is_closed("seccomp")?;
    let lacks = match bubblewrap(host, scratch, calls)? {
        Ok(sandbox) => {
            let level = doctor::one("cgroups", host, scratch).level;
            let isolation = if level == Level::Enforced { Isolation::A } else { Isolation::B };
            return Ok((sandbox, Guarded { isolation, degraded }));
        }
        Err(lacks) => lacks,
    };
    let closed = Closed { files: is_closed("landlock")?, calls };
    degraded.push(permitted("bubblewrap", &lacks, allowed)?);
    let isolation = if closed == Closed::default() { Isolation::C } else { Isolation::D };
    let sandbox = Sandbox::without_namespaces(&host.launcher, closed);
    try_out(&sandbox, scratch)?.map_err(|failed| {
        RunError::Host(format!("the sandbox without bubblewrap does not work here: {failed}"))
    })?;
    Ok((sandbox, Guarded { isolation, degraded }))
}

/// What is missing of a protection.
struct Lacks {
    how: String,
    help: String,
}

fn bubblewrap(
    host: &Host,
    scratch: &Path,
    calls: bool,
) -> Result<Result<Sandbox, Lacks>, RunError> {
    let sandbox = match Sandbox::new(&host.path, &scratch.join("accounts"), &host.launcher) {
        Ok(sandbox) if calls => sandbox,
        Ok(sandbox) => sandbox.without_filter(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let help = "install bubblewrap (Debian: apt-get install bubblewrap)".to_owned();
            return Ok(Err(Lacks { how: error.to_string(), help }));
        }
        Err(error) => return Err(RunError::State(format!("{}: {error}", scratch.display()))),
    };
    let help = trial::ALLOW_NAMESPACES.to_owned();
    let failed = |failed: trial::Failed| Lacks { how: failed.to_string(), help };
    Ok(try_out(&sandbox, scratch)?.map(|()| sandbox).map_err(failed))
}

/// Runs `true` as a command would be run.
fn try_out(sandbox: &Sandbox, scratch: &Path) -> Result<Result<(), trial::Failed>, RunError> {
    let folder = scratch.join("probe");
    let state = |error: std::io::Error| RunError::State(format!("{}: {error}", folder.display()));
    let tree = folder.join("tree");
    crate::orphans::end_all(&tree).map_err(state)?;
    std::fs::create_dir_all(&tree).map_err(state)?;
    let tried = trial::of_commands(sandbox, &tree);
    std::fs::remove_dir_all(&folder).map_err(state)?;
    Ok(tried)
}

/// Takes note of a missing protection, if it may be missing.
fn permitted(
    name: &'static str,
    lacks: &Lacks,
    allowed: Allowed<'_>,
) -> Result<Degraded, RunError> {
    let known = protection(name).expect("invariant: these names are registered");
    if allowed.contains(&known) {
        let how = crate::printable::line(&lacks.how, 300);
        return Ok(Degraded { name: name.to_owned(), how });
    }
    Err(RunError::Host(format!(
        "no sandbox can be made: {name} is missing: {}\n  help: {}\n  help: or run without it, \
         with --allow-degraded={name}: then {}",
        lacks.how, lacks.help, known.without
    )))
}
