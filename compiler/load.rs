//! Loads the spec and every file that it uses, directly or through others.
//!
//! A module stands behind those that it uses, the spec last; files that use
//! each other in a circle are reported. Unaware of what the items mean.

use std::collections::BTreeMap;

use eufm_grammar::ast::{Item, Spec, Use};
use eufm_grammar::{Diagnostic, Diagnostics, SourceMap, Span};

use crate::paths;
use crate::sources::Sources;
use crate::wording::{Suggester, listed, quoted};

/// How many files may use each other in a chain.
const MAX_CHAIN: usize = 64;

/// How many files a spec may consist of.
const MAX_MODULES: usize = 10_000;

/// The position of a module; the spec is the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ModuleId(u32);

impl ModuleId {
    pub(crate) fn new(position: usize) -> Self {
        Self(u32::try_from(position).unwrap_or(u32::MAX))
    }

    pub(crate) fn get(self) -> usize {
        self.0 as usize
    }
}

/// Where a module comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A file, relative to the root.
    File(String),
    /// A part of the standard library, without `std.`.
    Standard(String),
}

impl Place {
    /// Returns how the place is shown and named in plan.lock.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => path.clone(),
            Self::Standard(name) => format!("std.{name}"),
        }
    }

    /// Returns the path of a file of the project.
    pub(crate) fn file(&self) -> Option<&str> {
        match self {
            Self::File(path) => Some(path),
            Self::Standard(_) => None,
        }
    }

    /// Returns the word that a `use` binds if it does not say `as`.
    pub(crate) fn word(&self) -> &str {
        match self {
            Self::Standard(name) => name.rsplit('.').next().unwrap_or(name),
            Self::File(path) => {
                let name = path.rsplit('/').next().unwrap_or(path);
                name.strip_suffix(".eufm").unwrap_or(name)
            }
        }
    }
}

/// One file with what it uses.
#[derive(Debug)]
pub(crate) struct Loaded<'a> {
    pub(crate) place: Place,
    pub(crate) spec: Spec<'a>,
    pub(crate) links: Vec<Link<'a>>,
    /// The words that uses would have bound which lead to nothing; this is reported.
    pub(crate) failed: Vec<&'a str>,
}

/// One `use` that leads to a module.
#[derive(Debug)]
pub(crate) struct Link<'a> {
    /// The name behind `as`.
    pub(crate) alias: Option<&'a str>,
    pub(crate) span: Span,
    pub(crate) target: ModuleId,
}

/// Loads the spec at `path` and what it uses; `None` if the spec itself cannot be read.
pub(crate) fn load<'a>(
    sources: &dyn Sources,
    path: &str,
    map: &'a SourceMap,
    out: &mut Diagnostics,
) -> Option<Vec<Loaded<'a>>> {
    let bytes = match sources.load(path) {
        Ok(bytes) => bytes,
        Err(reason) => {
            let finding = Diagnostic::error("E0003", format!("cannot read `{path}`: {reason}"))
                .help("name a spec that exists and may be read");
            out.push(finding);
            return None;
        }
    };
    let mut loader =
        Loader { sources, map, out, done: Vec::new(), known: BTreeMap::new(), open: Vec::new() };
    loader.module(Place::File(path.to_owned()), bytes)?;
    Some(loader.done)
}

/// Returns the word that a `use` binds if it does not say `as`.
fn bound_word(target: &str) -> &str {
    let name = target.rsplit('/').next().unwrap_or(target);
    let name = name.strip_suffix(".eufm").unwrap_or(name);
    name.rsplit('.').next().unwrap_or(name)
}

struct Loader<'a, 's, 'o> {
    sources: &'s dyn Sources,
    map: &'a SourceMap,
    out: &'o mut Diagnostics,
    done: Vec<Loaded<'a>>,
    /// The modules by place; `None` where one could not be read.
    known: BTreeMap<Place, Option<ModuleId>>,
    /// The files that wait for what they use, each with the `use` it waits at.
    open: Vec<(Place, Option<Span>)>,
}

impl<'a> Loader<'a, '_, '_> {
    fn module(&mut self, place: Place, bytes: Vec<u8>) -> Option<ModuleId> {
        let file = self.map.add(&place.name(), bytes, self.out)?;
        let spec = eufm_grammar::parse(self.map, file, self.out);
        self.open.push((place.clone(), None));
        let (mut links, mut failed) = (Vec::new(), Vec::new());
        for item in &spec.items {
            let Item::Use(item) = item else { continue };
            let alias = item.alias.map(|name| name.text);
            match self.used(&place, item) {
                Some(target) => links.push(Link { alias, span: item.span, target }),
                None => failed.push(alias.unwrap_or_else(|| bound_word(item.target.text))),
            }
        }
        self.open.pop();
        let id = ModuleId::new(self.done.len());
        self.known.insert(place.clone(), Some(id));
        self.done.push(Loaded { place, spec, links, failed });
        Some(id)
    }

    /// Loads what a `use` names, if it is not loaded already.
    fn used(&mut self, from: &Place, item: &Use<'a>) -> Option<ModuleId> {
        let place = self.place(from, item)?;
        if let Some(known) = self.known.get(&place) {
            return *known;
        }
        if let Some((_, at)) = self.open.last_mut() {
            *at = Some(item.span);
        }
        if let Some(first) = self.open.iter().position(|(open, _)| *open == place) {
            self.circle(first, item);
            return None;
        }
        if self.open.len() >= MAX_CHAIN || self.known.len() >= MAX_MODULES {
            let finding = Diagnostic::error("E0213", "too many files use each other")
                .at(item.span, format!("beyond {MAX_CHAIN} in a chain, or {MAX_MODULES} in all"))
                .help("put what belongs together into one file");
            self.out.push(finding);
            return None;
        }
        let loaded = match &place {
            Place::File(path) => self.sources.load(path),
            Place::Standard(name) => self.standard(name),
        };
        match loaded {
            Ok(bytes) => {
                let id = self.module(place.clone(), bytes);
                self.known.insert(place, id);
                id
            }
            Err(reason) => {
                let message = format!("cannot read {}: {reason}", quoted(&place.name()));
                let mut finding =
                    Diagnostic::error("E0003", message).at(item.target.span, "not there");
                if let Place::Standard(name) = &place {
                    finding = self.near(finding, name);
                } else {
                    finding = finding.help("the path is relative to the file that names it");
                }
                self.out.push(finding);
                self.known.insert(place, None);
                None
            }
        }
    }

    fn standard(&self, name: &str) -> Result<Vec<u8>, String> {
        let text = self.sources.standard(name);
        text.map(|text| text.as_bytes().to_vec())
            .ok_or_else(|| "the standard library has no such part".to_owned())
    }

    fn near(&self, finding: Diagnostic, name: &str) -> Diagnostic {
        let names = self.sources.standard_names();
        match Suggester::new().closest(name, names.iter().copied()) {
            Some(near) => finding.help(format!("did you mean `std.{near}`?")),
            None => finding.help(format!("there is {} in `std`", listed(names, "and"))),
        }
    }

    /// Returns the place that a `use` names.
    fn place(&mut self, from: &Place, item: &Use<'a>) -> Option<Place> {
        let target = &item.target;
        if !item.quoted {
            if let Some(name) = target.text.strip_prefix("std.") {
                return Some(Place::Standard(name.to_owned()));
            }
            let finding =
                Diagnostic::error("E0217", format!("{} is nothing that can be used", quoted(target.text)))
                    .at(target.span, "neither a file nor a part of `std`")
                    .help("write `use std.codex` for the standard library, `use \"lib/gates.eufm\"` for a file");
            self.out.push(finding);
            return None;
        }
        let folder = match from {
            Place::File(path) => paths::folder_of(path),
            Place::Standard(_) => "",
        };
        match paths::join(folder, target.text) {
            Ok(path) if !path.ends_with(".eufm") => {
                let message = format!("{} is no specification", quoted(target.text));
                let finding = Diagnostic::error("E0217", message)
                    .at(target.span, "does not end in `.eufm`")
                    .help(format!(
                        "its text is `file(\"{}\")`; what can be used ends in `.eufm`",
                        target.text
                    ));
                self.out.push(finding);
                None
            }
            Ok(path) => Some(Place::File(path)),
            Err((problem, help)) => {
                let finding =
                    Diagnostic::error("E0306", format!("{} {problem}", quoted(target.text)))
                        .at(target.span, "not usable")
                        .help(help);
                self.out.push(finding);
                None
            }
        }
    }

    fn circle(&mut self, first: usize, item: &Use<'a>) {
        let mut finding = Diagnostic::error(
            "E0502",
            format!("{} uses itself", quoted(&self.open[first].0.name())),
        )
        .at(item.span, "and so back to the begin");
        for (place, at) in self.open.iter().skip(first).take(8) {
            if let Some(at) = at.filter(|at| *at != item.span) {
                finding = finding.at(at, format!("{} uses this", quoted(&place.name())));
            }
        }
        let help = "move what both need into a file of its own";
        self.out.push(finding.help(help));
    }
}
