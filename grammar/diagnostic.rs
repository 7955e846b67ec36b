//! Diagnostics: what is wrong with a spec, where, and what to do about it.
//!
//! Plain data that is collected, never printed here. Every phase adds to one
//! [`Diagnostics`], so that all mistakes are reported at once. Unaware of
//! terminals and of the phases.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::source::Span;

/// How many diagnostics of one severity are kept; further ones are counted.
pub const MAX_KEPT: usize = 1_000;

/// Whether a diagnostic stops the compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// There is no plan.
    Error,
    /// There is a plan; something about it is probably not meant.
    Warning,
}

/// One finding, in words for the author of the spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Whether it stops the compile.
    pub severity: Severity,
    /// The stable code, `E0101` or `W0601`.
    pub code: &'static str,
    /// What is wrong, without a final period.
    pub message: String,
    /// The places, the primary one first; empty where no source is at fault.
    pub labels: Vec<Label>,
    /// What to do about it, one proposal each.
    pub help: Vec<String>,
}

/// A place with its part in the finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there; may be empty.
    pub text: String,
    /// Whether this is the place to blame.
    pub primary: bool,
}

impl Diagnostic {
    /// Makes an error.
    #[must_use]
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message.into())
    }

    /// Makes a warning.
    #[must_use]
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message.into())
    }

    fn new(severity: Severity, code: &'static str, message: String) -> Self {
        Self { severity, code, message, labels: Vec::new(), help: Vec::new() }
    }

    /// Adds a label: the first is the primary one.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        let primary = self.labels.is_empty();
        self.labels.push(Label { span, text: text.into(), primary });
        self
    }

    /// Adds a proposal.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Returns the place to blame.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }
}

/// The findings of a compile so far; bounded, however bad the spec is.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    /// What is kept, so that nothing is said twice of one place.
    said: BTreeSet<(Option<Span>, &'static str, String)>,
    errors: usize,
    warnings: usize,
}

impl Diagnostics {
    /// Makes an empty collection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding; above [`MAX_KEPT`] of its severity it is only counted.
    /// What is said already of the same place is neither kept nor counted: a
    /// mistake in a template is one mistake, however often it is called.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let said = (diagnostic.span(), diagnostic.code, diagnostic.message.clone());
        if self.said.contains(&said) {
            return;
        }
        let count = match diagnostic.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= MAX_KEPT {
            self.said.insert(said);
            self.kept.push(diagnostic);
        }
    }

    /// Counts one more error if no further ones are kept, and tells whether it did:
    /// then nobody needs its words.
    pub(crate) fn only_counts(&mut self) -> bool {
        let full = self.errors >= MAX_KEPT;
        self.errors += usize::from(full);
        full
    }

    /// Adds the findings of a later part; the same are kept as if they had been
    /// added one by one.
    pub fn append(&mut self, later: Self) {
        // What `later` only counted lies behind what it kept, so nothing that is
        // to be kept is missing.
        let kept = |severity| later.kept.iter().filter(|found| found.severity == severity).count();
        let errors = later.errors - kept(Severity::Error);
        let warnings = later.warnings - kept(Severity::Warning);
        later.kept.into_iter().for_each(|diagnostic| self.push(diagnostic));
        self.errors += errors;
        self.warnings += warnings;
    }

    /// Tells whether there is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Returns how many errors were found, kept or not.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Returns how many warnings were found, kept or not.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.warnings
    }

    /// Returns the kept findings by place; those without a place stand first.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut list: Vec<_> = self.kept.iter().collect();
        list.sort_by_key(|diagnostic| (diagnostic.span(), diagnostic.severity, diagnostic.code));
        list
    }
}

/// What work on several threads found. It is put together in the order of the work, so
/// which thread was first is not to be seen.
#[derive(Debug, Default)]
pub struct Scattered(Mutex<Vec<(usize, Diagnostics)>>);

impl Scattered {
    /// Takes what the piece of work at a position found.
    pub fn note(&self, position: usize, found: Diagnostics) {
        if found.errors + found.warnings > 0 {
            // A poisoned lock stands for a panic elsewhere, which goes on there.
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push((position, found));
        }
    }

    /// Returns what was found, by position.
    #[must_use]
    pub fn in_order(self) -> Vec<Diagnostics> {
        let mut found = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by_key(|&(position, _)| position);
        found.into_iter().map(|(_, found)| found).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;

    #[test]
    fn findings_are_shown_by_place() {
        let (map, mut out) = (SourceMap::new(), Diagnostics::new());
        let file = map.add("x", b"abc".to_vec(), &mut out).unwrap();
        out.push(Diagnostic::warning("W0001", "late").at(Span::new(file, 2..3), ""));
        out.push(Diagnostic::error("E0001", "early").at(Span::new(file, 1..3), ""));
        out.push(Diagnostic::error("E0002", "nowhere"));
        let order: Vec<_> = out.sorted().iter().map(|found| found.message.as_str()).collect();
        assert_eq!(order, ["nowhere", "early", "late"]);
    }

    #[test]
    fn a_flood_is_counted_but_not_kept() {
        let mut out = Diagnostics::new();
        for number in 0..MAX_KEPT + 5 {
            out.push(Diagnostic::warning("W0001", format!("again {number}")));
        }
        out.push(Diagnostic::error("E0001", "once"));
        assert_eq!((out.errors(), out.warnings()), (1, MAX_KEPT + 5));
        assert_eq!(out.sorted().len(), MAX_KEPT + 1);
        assert!(!out.only_counts());
        (0..MAX_KEPT).for_each(|at| out.push(Diagnostic::error("E0001", format!("{at}"))));
        assert!(out.only_counts() && out.errors() == MAX_KEPT + 2);
    }
}
