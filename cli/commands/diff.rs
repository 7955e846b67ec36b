//! `eufm diff`: what differs between two plans, by meaning.

use std::path::{Path, PathBuf};

use eufm_plan::Derived;
use eufm_plan::diff::diff_derived;
use eufm_plan::lockfile::{self, LockError, Locked};

use crate::args::DiffArgs;
use crate::exit::{ExitStatus, Failure};
use crate::render::{
    self,
    diff::{Compared, Side},
};

/// Compares two plans and shows what differs, what became looser first.
///
/// # Errors
/// Fails when a file is not there or is no plan.
pub(crate) fn run(args: &DiffArgs) -> Result<ExitStatus, Failure> {
    if args.git {
        return for_git(args);
    }
    let after = args.after.clone().unwrap_or_else(|| PathBuf::from("plan.lock"));
    // Reading takes longer than comparing.
    let (before, after) = rayon::join(|| read_named(&args.before), || read_named(&after));
    let compared = compared(before?, after?);
    if args.json {
        render::diff::json(&compared);
    } else if args.markdown {
        render::diff::markdown(&compared);
    } else {
        render::diff::text(&compared);
    }
    let diff = &compared.diff;
    let is_same = diff.is_empty() || args.within;
    Ok(ExitStatus::of_comparison(diff.is_escalated(), is_same))
}

/// A plan with what is derived from it, and how its file is called.
type Named = (String, (Locked, Derived));

fn compared((file, before): Named, (other, after): Named) -> Compared {
    let ((before, old), (after, new)) = (before, after);
    let side = |file, locked: &Locked| Side {
        file,
        pipeline: locked.plan.pipeline.clone(),
        digest: locked.digest,
    };
    Compared {
        diff: diff_derived((&before.plan, &old), (&after.plan, &new)),
        before: side(file, &before),
        after: side(other, &after),
    }
}

/// Reads a plan.
///
/// # Errors
/// Fails when it is not there or is none.
fn read_named(path: &Path) -> Result<Named, Failure> {
    read(path, path.display().to_string())
}

/// Reads a plan from a file that goes by another name.
///
/// # Errors
/// Fails when it is not there or is none.
fn read(path: &Path, name: String) -> Result<Named, Failure> {
    let failure = |cause: String| Failure::new(ExitStatus::USAGE, format!("{name}: {cause}"));
    let text = std::fs::read_to_string(path).map_err(|error| {
        let help =
            "  help: give two files that `eufm compile` wrote, or one to compare plan.lock with";
        failure(format!("{error}\n{help}"))
    })?;
    let locked = locked(&text).map_err(|error| failure(error.to_string()))?;
    Ok((name, locked))
}

/// Reads the text of a plan. What another version of eufm derived from its plan may
/// be worded otherwise; here it is derived anew for both sides.
fn locked(text: &str) -> Result<(Locked, Derived), LockError> {
    match lockfile::read_derived(text) {
        Err(error @ LockError::NotCanonical { .. }) => lockfile::read_kept(text)
            .ok()
            .filter(|kept| kept.plan.origin.compiler != env!("CARGO_PKG_VERSION"))
            .map(|kept| {
                let derived = Derived::of(&kept.plan);
                (kept, derived)
            })
            .ok_or(error),
        read => read,
    }
}

/// Answers git, which gives a path, then file, hash and mode of each side. It takes
/// any status but 0 for a crash, so whatever is wrong is a line of the answer.
fn for_git(args: &DiffArgs) -> Result<ExitStatus, Failure> {
    let path = args.before.display().to_string();
    let (Some(old), Some(new)) = (&args.after, args.rest.get(2)) else {
        if args.after.is_none() {
            render::diff::line(&format!("{path} is not merged"));
            return Ok(ExitStatus::DONE);
        }
        let message = "--git is for git alone: see docs/review.md for its setup";
        return Err(Failure::new(ExitStatus::USAGE, message));
    };
    // Git has one side or both in files of its own.
    let side = |file: &Path, name: String| match is_nothing(file) {
        true => Ok(None),
        false => read(file, name).map(Some),
    };
    match (side(old, format!("a/{path}")), side(new, format!("b/{path}"))) {
        (Ok(Some(before)), Ok(Some(after))) => {
            render::diff::behind_git(&compared(before, after));
        }
        (Ok(None), Ok(Some((_, after)))) => {
            render::diff::line(&format!("{path} is new"));
            render::new_plan(&after.0.plan);
        }
        (Ok(_), Ok(None)) => render::diff::line(&format!("{path} is removed")),
        (old, new) => {
            for failure in [old.err(), new.err()].into_iter().flatten() {
                let help = "`git diff --no-ext-diff` shows the text";
                render::diff::line(&format!("{}\n  help: {help}", failure.message));
            }
        }
    }
    Ok(ExitStatus::DONE)
}

/// Tells whether git says that there is no file on this side.
fn is_nothing(file: &Path) -> bool {
    file == Path::new("/dev/null") || file == Path::new("nul")
}
