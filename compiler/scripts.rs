//! Binds the files that checks and deploys run into the plan.
//!
//! Which paths they may be `eufm_plan` tells; those that are files here are bound
//! by their digests. Unaware of kinds and of where files lie.

use std::collections::BTreeMap;

use eufm_grammar::{Diagnostic, Diagnostics, Span};
use eufm_plan::scripts::{User, named};
use eufm_plan::{Digest, Plan, Script};

use crate::sources::Sources;
use crate::spec::ResolvedSpec;
use crate::wording::quoted;

/// Where things are declared that run files.
pub(crate) struct Places {
    /// Gates, by their names in the plan.
    gates: BTreeMap<String, Span>,
    /// What stands for everything else.
    pipeline: Span,
}

impl Places {
    /// Notes the places of a spec before it becomes a plan.
    pub(crate) fn of(spec: &ResolvedSpec<'_>) -> Self {
        let place = |gate: &crate::actors::Actor<'_>| (gate.qualified.clone(), gate.name.span);
        let gates = spec.gates.list.iter().map(place).collect();
        Self { gates, pipeline: spec.pipeline.name.span }
    }

    fn at(&self, user: User<'_>) -> Span {
        let declared = match user {
            // One that a node adapted is named after the declared one.
            User::Gate(name) => self.gates.get(name.split('@').next().unwrap_or(name)),
            User::Rule(_) | User::Generated(_) | User::Deploy(_) => None,
        };
        *declared.unwrap_or(&self.pipeline)
    }
}

/// Puts the files that checks and deploys run into a plan.
pub(crate) fn bind(plan: &mut Plan, places: &Places, sources: &dyn Sources, out: &mut Diagnostics) {
    let mut scripts = Vec::new();
    for (path, user) in named(plan) {
        match sources.script(&path) {
            Ok(None) => {}
            Ok(Some(bytes)) => scripts.push(Script { path, digest: Digest::of_file(&bytes) }),
            Err(reason) => {
                let message = format!("{user} runs {}, but {reason}", quoted(&path));
                let finding = Diagnostic::error("E0003", message)
                    .at(places.at(user), "runs it")
                    .help("let it name a file of the project itself; a folder that is made there belongs into `keep` of an environment");
                out.push(finding);
            }
        }
    }
    plan.scripts = scripts;
}
