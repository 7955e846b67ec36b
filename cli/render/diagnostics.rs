//! Shows what the compiler found to people: the source line, the place, the
//! way out. `json.rs` shows the same to programs.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use eufm_grammar::{Diagnostic, Diagnostics, Severity, SourceFile, SourceMap};
use eufm_runner::printable;

/// How many findings of a spec are shown; the rest is counted.
const SHOWN_MAX: usize = 100;

/// How many characters of a path are shown.
const PATH_MAX: usize = 4_096;

/// What was found in one spec.
#[derive(Clone, Copy)]
pub(crate) struct Findings<'a> {
    /// How the path of a source is shown.
    pub(crate) shown: &'a dyn Fn(&str) -> String,
    /// The spec's own path, as the compiler knows it.
    pub(crate) spec: &'a str,
    /// The texts that the findings point into.
    pub(crate) sources: &'a SourceMap,
    /// The findings.
    pub(crate) found: &'a Diagnostics,
}

impl Findings<'_> {
    /// Returns the path of a source as the command line would name it.
    pub(super) fn path(&self, path: &str) -> String {
        (self.shown)(path)
    }

    /// Returns the same path, fit for a terminal.
    fn shown_path(&self, path: &str) -> String {
        printable::line(&self.path(path), PATH_MAX)
    }

    /// Returns the findings as people read them, with an empty line behind each.
    pub(crate) fn text(&self) -> String {
        let renderer = if super::colour() { Renderer::styled() } else { Renderer::plain() };
        let all = self.found.sorted();
        let mut text = String::new();
        for diagnostic in all.iter().take(SHOWN_MAX) {
            text.push_str(&self.one(&renderer, diagnostic));
            text.push_str("\n\n");
        }
        let total = self.found.errors() + self.found.warnings();
        let shown = all.len().min(SHOWN_MAX);
        if total > shown {
            text.push_str(&format!("… and {} more findings\n\n", total - shown));
        }
        text
    }

    /// Renders one finding.
    fn one(&self, renderer: &Renderer, diagnostic: &Diagnostic) -> String {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(&*diagnostic.message).id(diagnostic.code);
        let mut group = Group::with_title(title);
        if diagnostic.labels.is_empty() {
            group = group.element(Origin::path(self.shown_path(self.spec)));
        }
        for file in self.sources.iter() {
            if let Some(snippet) = self.snippet(file, diagnostic) {
                group = group.element(snippet);
            }
        }
        for help in &diagnostic.help {
            group = group.element(Level::HELP.message(&**help));
        }
        renderer.render(&[group])
    }

    /// Renders the places of a finding that lie in one file.
    fn snippet<'f>(
        &self,
        file: &'f SourceFile,
        diagnostic: &'f Diagnostic,
    ) -> Option<Snippet<'f, annotate_snippets::Annotation<'f>>> {
        let lies_here = |span| self.sources.file_of(span).is_some_and(|it| std::ptr::eq(it, file));
        let mut labels = diagnostic.labels.iter().filter(|label| lies_here(label.span)).peekable();
        labels.peek()?;
        let source = Snippet::source(file.text()).path(self.shown_path(file.path()));
        Some(labels.fold(source, |snippet, label| {
            let kind = match label.primary {
                true => AnnotationKind::Primary,
                false => AnnotationKind::Context,
            };
            let text = (!label.text.is_empty()).then_some(label.text.as_str());
            snippet.annotation(kind.span(label.span.range()).label(text))
        }))
    }
}

/// Prints the findings of a compile to standard error, and how many errors there are.
pub(crate) fn diagnostics(of: &Findings<'_>) {
    findings(of);
    let errors = of.found.errors();
    if errors > 0 {
        super::say(&format!("error: {}; no plan was written", super::count(errors, "error")));
    }
}

/// Prints findings to standard error.
pub(crate) fn findings(of: &Findings<'_>) {
    super::print_error(&of.text());
}

/// Prints the findings of a check, already rendered, and what they add up to.
pub(crate) fn checked(texts: &[String], specs: usize, errors: usize, warnings: usize) {
    texts.iter().for_each(|text| super::print_error(text));
    let found = match (errors, warnings) {
        (0, 0) => "nothing to say".to_owned(),
        (0, _) => super::count(warnings, "warning"),
        (_, 0) => super::count(errors, "error"),
        _ => format!("{}, {}", super::count(errors, "error"), super::count(warnings, "warning")),
    };
    let word = if errors > 0 { "error: " } else { "" };
    super::say(&format!("{word}{} checked: {found}", super::count(specs, "spec")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_without_a_place_names_its_file_harmlessly() {
        let (sources, mut found) = (SourceMap::new(), Diagnostics::new());
        found.push(Diagnostic::error("E0003", "cannot read it"));
        let shown = |path: &str| format!("a\u{1b}[31m\n/b/{path}");
        let findings = Findings { shown: &shown, spec: "c.eufm", sources: &sources, found: &found };
        let text = findings.text();
        assert!(text.contains("--> a[31m /b/c.eufm\n"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
