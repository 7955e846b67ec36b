//! Shows what the compiler found: the source line, the place, the way out.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use eufm_grammar::{Diagnostic, Diagnostics, Severity, SourceMap};

/// How many findings are shown; the rest is counted.
const SHOWN_MAX: usize = 100;

/// Prints all findings to standard error, and how many errors there are.
pub(crate) fn diagnostics(sources: &SourceMap, found: &Diagnostics) {
    let renderer = if super::colour() { Renderer::styled() } else { Renderer::plain() };
    let all = found.sorted();
    for diagnostic in all.iter().take(SHOWN_MAX) {
        super::print_error(&format!("{}\n", render(&renderer, sources, diagnostic)));
    }
    if all.len() > SHOWN_MAX {
        super::print_error(&format!("… and {} more findings\n", all.len() - SHOWN_MAX));
    }
    let errors = found.errors();
    if errors > 0 {
        let s = if errors == 1 { "" } else { "s" };
        super::say(&format!("error: {errors} error{s}; no plan was written"));
    }
}

/// Renders one finding.
fn render(renderer: &Renderer, sources: &SourceMap, diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group =
        Group::with_title(level.primary_title(&*diagnostic.message).id(diagnostic.code));
    for file in sources.iter() {
        let mut labels = diagnostic
            .labels
            .iter()
            .filter(|label| {
                sources.file_of(label.span).is_some_and(|found| std::ptr::eq(found, file))
            })
            .peekable();
        if labels.peek().is_none() {
            continue;
        }
        let snippet =
            labels.fold(Snippet::source(file.text()).path(file.path()), |snippet, label| {
                let kind = match label.primary {
                    true => AnnotationKind::Primary,
                    false => AnnotationKind::Context,
                };
                let text = (!label.text.is_empty()).then_some(label.text.as_str());
                snippet.annotation(kind.span(label.span.range()).label(text))
            });
        group = group.element(snippet);
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(&**help));
    }
    renderer.render(&[group])
}
