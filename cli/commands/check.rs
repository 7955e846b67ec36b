//! `eufm check`: what is wrong with specs, and nothing else; many at once.

use std::path::Path;

use eufm_compiler::Request;
use eufm_grammar::{Diagnostic, Diagnostics, SourceMap};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::args::CheckArgs;
use crate::catalog::with_catalog;
use crate::exit::{ExitStatus, Failure};
use crate::render::{self, Finding, Findings};
use crate::sources::Project;
use crate::specs::{self, Found};

/// What was found in one spec, rendered where it was found: so the texts of all
/// specs are never in memory together.
struct Checked {
    errors: usize,
    warnings: usize,
    shown: Shown,
}

/// Findings in the form that was asked for.
enum Shown {
    Text(String),
    Json(Vec<Finding>),
}

/// Checks all specs that the paths stand for, in parallel; shows what was found
/// in the order of the paths.
///
/// # Errors
/// Fails when a path is not there, or there is no spec.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitStatus, Failure> {
    let specs = specs::find(&args.paths)?;
    let checked: Vec<Checked> = specs.par_iter().map(|spec| check(spec, args)).collect();
    let errors = checked.iter().map(|spec| spec.errors).sum();
    let warnings = checked.iter().map(|spec| spec.warnings).sum();
    let (mut texts, mut entries) = (Vec::new(), Vec::new());
    for spec in checked {
        match spec.shown {
            Shown::Text(text) => texts.push(text),
            Shown::Json(findings) => entries.extend(findings),
        }
    }
    if args.json {
        render::json::checked(&entries, specs.len(), errors, warnings);
    } else {
        render::checked(&texts, specs.len(), errors, warnings);
    }
    Ok(if errors == 0 { ExitStatus::DONE } else { ExitStatus::SPEC })
}

fn check(spec: &Found, args: &CheckArgs) -> Checked {
    if let Some(problem) = &spec.problem {
        return unreadable(&spec.path, problem, args.json);
    }
    let (project, name) = match Project::of(&spec.path, args.root.as_deref()) {
        Ok(place) => place,
        Err(failure) => return unreadable(&spec.path, &failure.message, args.json),
    };
    let request = Request { spec: name, settings: args.settings.clone() };
    let result = with_catalog(|catalog| eufm_compiler::check(&project, &request, catalog));
    let (sources, found) = match result {
        Ok(compiled) => (compiled.sources, compiled.diagnostics),
        Err(rejected) => (rejected.sources, rejected.diagnostics),
    };
    let shown = |path: &str| project.shown(path);
    let findings =
        Findings { shown: &shown, spec: &request.spec, sources: &sources, found: &found };
    show(&findings, args.json)
}

fn unreadable(path: &Path, reason: &str, json: bool) -> Checked {
    let name = path.to_string_lossy();
    let mut found = Diagnostics::new();
    let finding = Diagnostic::error("E0003", format!("cannot read `{name}`: {reason}"))
        .help("make it readable, or leave it out");
    found.push(finding);
    let sources = SourceMap::new();
    show(&Findings { shown: &str::to_owned, spec: &name, sources: &sources, found: &found }, json)
}

fn show(findings: &Findings<'_>, json: bool) -> Checked {
    let shown = match json {
        true => Shown::Json(findings.entries()),
        false => Shown::Text(findings.text()),
    };
    let found = findings.found;
    Checked { errors: found.errors(), warnings: found.warnings(), shown }
}
