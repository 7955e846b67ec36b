//! The compiler of eufm specifications: text to a plan, pure.
//!
//! [`compile`] is the table of contents: each phase takes what the one before
//! made, and its type cannot express a class of mistakes any more. Unaware of
//! files, terminals and of what kinds of gates, agents and rules exist: the
//! caller gives [`Sources`] and a catalog. See docs/language.md.

mod actors;
mod addresses;
mod arguments;
mod bindings;
mod calls;
mod check;
mod clauses;
mod command;
mod environments;
mod eval;
mod expand;
mod fields;
mod files;
mod functions;
mod globs;
mod governance;
mod graph;
mod hosts;
mod inputs;
mod limits;
mod load;
mod lower;
mod mentions;
mod meter;
mod modules;
mod money;
mod names;
mod norms;
mod params;
mod paths;
mod phases;
mod project;
mod protected;
mod proven;
mod refs;
mod resolve;
mod scope;
mod scripts;
mod sources;
mod spec;
mod spelling;
mod task;
mod tree;
mod typed;
mod types;
mod uses;
mod value;
mod variables;
mod verify;
mod vocabulary;
mod waits;
mod window;
mod wording;
mod world;
mod writers;

use eufm_grammar::{Diagnostics, SourceMap};
use eufm_plan::schema::Catalog;
use eufm_plan::{Derived, Plan};

pub use sources::Sources;

/// The edition of the language that this version reads.
pub const EDITION: u32 = 1;

/// The most nodes of a plan.
pub const MAX_NODES: usize = 1_000_000;

/// What is to be compiled.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The spec, relative to the root.
    pub spec: String,
    /// Values of the spec's parameters; the last one of a name counts.
    pub settings: Vec<Setting>,
}

impl Request {
    /// Makes a request for a spec as it is.
    #[must_use]
    pub fn of(spec: impl Into<String>) -> Self {
        Self { spec: spec.into(), settings: Vec::new() }
    }
}

/// A value for a parameter, as a command line gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The parameter.
    pub name: String,
    /// Its value, spelled; the elements of a list are separated by commas.
    pub value: String,
}

/// A spec that compiled.
#[derive(Debug)]
pub struct Compiled {
    /// What will be done; nothing for a file that is there to be used by others.
    pub plan: Option<Plan>,
    /// What is derived from it, if it is there: all proofs hold.
    pub derived: Option<Derived>,
    /// Warnings only.
    pub diagnostics: Diagnostics,
    /// The texts that the warnings point into.
    pub sources: SourceMap,
}

/// A spec that did not compile.
#[derive(Debug)]
pub struct Rejected {
    /// At least one error, and warnings.
    pub diagnostics: Diagnostics,
    /// The texts that they point into.
    pub sources: SourceMap,
}

/// Compiles a spec to a plan.
///
/// # Errors
/// Returns everything that is wrong, if anything is.
pub fn compile(
    sources: &dyn Sources,
    request: &Request,
    catalog: &Catalog<'_>,
) -> Result<Compiled, Box<Rejected>> {
    run(sources, request, catalog, phases::Purpose::Plan)
}

/// Looks for everything that is wrong with a file: a spec, or one that others use.
///
/// # Errors
/// Returns everything that is wrong, if anything is.
pub fn check(
    sources: &dyn Sources,
    request: &Request,
    catalog: &Catalog<'_>,
) -> Result<Compiled, Box<Rejected>> {
    run(sources, request, catalog, phases::Purpose::Check)
}

fn run(
    sources: &dyn Sources,
    request: &Request,
    catalog: &Catalog<'_>,
    purpose: phases::Purpose,
) -> Result<Compiled, Box<Rejected>> {
    let map = SourceMap::new();
    let mut out = Diagnostics::new();
    let plan = phases::run(sources, request, catalog, purpose, &map, &mut out);
    if out.has_errors() {
        Err(Box::new(Rejected { diagnostics: out, sources: map }))
    } else {
        let (plan, derived) = plan.unzip();
        Ok(Compiled { plan, derived, diagnostics: out, sources: map })
    }
}

#[cfg(test)]
mod language_test;
#[cfg(test)]
mod proven_test;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod verify_test;
#[cfg(test)]
mod writers_test;
