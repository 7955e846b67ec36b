//! The grammar of eufm specifications: text to a tree with spans.
//!
//! [`parse`] turns a file of a [`SourceMap`] into an [`ast::Spec`] and reports
//! everything it could not read; [`format()`] gives a file its canonical form.
//! Unaware of files on disk, of what names mean and of which kinds exist. See
//! docs/language.md.

// Named by the code that pest derives when its `std` feature is off. With that
// feature the accepted depth would depend on the thread's stack; our own limit
// is the same everywhere.
extern crate alloc;

pub mod ast;
pub mod diagnostic;
mod format;
mod parser;
#[cfg(test)]
mod random;
pub mod source;
mod split;
mod text;
mod words;

pub use diagnostic::{Diagnostic, Diagnostics, Label, Scattered, Severity};
pub use format::{MAX_COLUMNS, format};
pub use parser::parse;
pub use source::{FileId, Position, SourceFile, SourceMap, Span};
pub use split::{ITEM_WORDS, MAX_NESTING, is_invisible};
