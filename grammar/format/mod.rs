//! The canonical form of a spec: one way to write it, whoever wrote it.
//!
//! It rests on tokens and brackets only: items, entries and elements look the
//! same everywhere, so a form that the grammar learns needs nothing here. What
//! changes is blanks, line ends, commas and the spelling of texts, never what
//! the text says; comments stay beside what they stand beside. Unaware of
//! files and of what words mean. See docs/language.md, "The canonical form".

mod layout;
mod rows;
mod spelling;
mod tokens;

use crate::ast::{Item, Opening};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{FileId, SourceMap};

/// How many columns a line has where it can be broken.
pub const MAX_COLUMNS: usize = 100;

/// Returns the canonical form of a file of the map, with `\n` line ends and one
/// at its end. A text that cannot be read whole is reported and gives `None`, and so
/// is one with an item that begins with an unknown word: nobody knows where that
/// ends. Nothing is formatted by halves.
#[must_use]
pub fn format(sources: &SourceMap, file: FileId, out: &mut Diagnostics) -> Option<String> {
    // With findings of its own: what `out` knows already would not be counted again.
    let mut found = Diagnostics::new();
    let spec = crate::parse(sources, file, &mut found);
    report_unknown(&spec.items, &mut found);
    let whole = !found.has_errors();
    out.append(found);
    let text = sources.file(file)?.text();
    whole.then(|| canonical(text))
}

/// Reports items of which the form is not known.
fn report_unknown(items: &[Item<'_>], out: &mut Diagnostics) {
    for item in items {
        match item {
            Item::Unknown(opening) => out.push(unknown(opening)),
            Item::Declaration(declaration) => report_unknown(&declaration.items, out),
            _ => {}
        }
    }
}

fn unknown(opening: &Opening<'_>) -> Diagnostic {
    Diagnostic::error("E0201", format!("`{}` is no item", opening.keyword.text))
        .at(opening.keyword.span, "unknown, so nothing is formatted")
        .help("mend the word first; `eufm check` says which one may be meant")
}

/// Returns the canonical form of a text with whole brackets and quotes.
fn canonical(text: &str) -> String {
    layout::print(&rows::read(text))
}

#[cfg(test)]
mod tests;
