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

use crate::diagnostic::Diagnostics;
use crate::source::{FileId, SourceMap};

/// How many columns a line has where it can be broken.
pub const MAX_COLUMNS: usize = 100;

/// Returns the canonical form of a file of the map, with `\n` line ends and one
/// at its end. A text that cannot be read whole is reported and gives `None`:
/// nothing is formatted by halves.
#[must_use]
pub fn format(sources: &SourceMap, file: FileId, out: &mut Diagnostics) -> Option<String> {
    // With findings of its own: what `out` knows already would not be counted again.
    let mut found = Diagnostics::new();
    crate::parse(sources, file, &mut found);
    let whole = !found.has_errors();
    out.append(found);
    let text = sources.file(file)?.text();
    whole.then(|| canonical(text))
}

/// Returns the canonical form of a text with whole brackets and quotes.
fn canonical(text: &str) -> String {
    layout::print(&rows::read(text))
}

#[cfg(test)]
mod tests;
