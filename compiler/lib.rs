//! The compiler of eufm specifications: text to a plan, pure.
//!
//! [`compile`] is the table of contents: each phase takes what the one before
//! made, and its type cannot express a class of mistakes any more. Unaware of
//! files, terminals and of what kinds of gates and agents exist: the caller
//! gives [`Sources`] and a catalog. See docs/language.md.

mod check;
mod fields;
mod graph;
mod lower;
mod names;
mod params;
mod resolve;
mod resolved;
mod sources;
mod tree;
mod value;
mod vocabulary;
mod wording;

use eufm_grammar::{Diagnostic, Diagnostics, SourceMap};
use eufm_plan::schema::Catalog;
use eufm_plan::{Digest, Origin, Plan, Source};

pub use sources::Sources;

/// The edition of the language that this version reads.
pub const EDITION: u32 = 1;

/// The most nodes of a plan.
pub const MAX_NODES: usize = 1_000_000;

/// A spec that compiled.
#[derive(Debug)]
pub struct Compiled {
    /// What will be done.
    pub plan: Plan,
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

/// Compiles the spec at `path`.
///
/// # Errors
/// Returns everything that is wrong, if anything is.
pub fn compile(
    sources: &dyn Sources,
    path: &str,
    catalog: &Catalog<'_>,
) -> Result<Compiled, Box<Rejected>> {
    let mut map = SourceMap::new();
    let mut out = Diagnostics::new();
    match phases(sources, path, catalog, &mut map, &mut out) {
        Some(plan) => Ok(Compiled { plan, diagnostics: out, sources: map }),
        None => Err(Box::new(Rejected { diagnostics: out, sources: map })),
    }
}

/// The phases, one line each.
fn phases(
    sources: &dyn Sources,
    path: &str,
    catalog: &Catalog<'_>,
    map: &mut SourceMap,
    out: &mut Diagnostics,
) -> Option<Plan> {
    let bytes = load(sources, path, out)?;
    let file = map.add(path, bytes, out)?;
    let spec = eufm_grammar::parse(map, file, out);
    let resolved = resolve::resolve(&spec, catalog, out);
    let tree = tree::TaskTree::grow(resolved);
    let checked = check::check(tree, out)?;
    let graph = graph::TaskGraph::build(checked);
    Some(lower::lower(graph, origin(map, path)))
}

fn load(sources: &dyn Sources, path: &str, out: &mut Diagnostics) -> Option<Vec<u8>> {
    match sources.load(path) {
        Ok(bytes) => Some(bytes),
        Err(reason) => {
            let finding = Diagnostic::error("E0003", format!("cannot read `{path}`: {reason}"))
                .help("name a spec that exists and may be read");
            out.push(finding);
            None
        }
    }
}

/// Says what a plan is made from. Paths are relative to the spec's folder, so
/// that the place of the repository does not matter.
fn origin(map: &SourceMap, path: &str) -> Origin {
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let digest = |text: &str| Digest::of(text.as_bytes());
    let mut sources: Vec<_> = map
        .iter()
        .map(|file| Source { path: name(file.path()), digest: digest(file.text()) })
        .collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Origin {
        spec: name(path),
        edition: EDITION,
        compiler: env!("CARGO_PKG_VERSION").to_owned(),
        sources,
    }
}

#[cfg(test)]
mod tests;
