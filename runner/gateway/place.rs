//! Mistakes in a cassette and where they are: file, line and column.
//!
//! Unaware of what the keys of a cassette mean, but for `format`. Law of both
//! forms: a file of a newer format is refused before anything else in it is
//! looked at.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The largest file that is read.
pub(super) const BYTES_MAX: u64 = 64 << 20;

/// Why a cassette cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CassetteError {
    /// The file could not be read.
    #[error("cannot read the cassette {name}: {source}")]
    Read {
        /// The file.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than any cassette may be.
    #[error("the cassette {name} is larger than {} MiB; record fewer nodes in one file", BYTES_MAX >> 20)]
    Size {
        /// The file.
        name: String,
    },
    /// The file was written by a newer version.
    #[error(
        "{name}:{line}: this is cassette format {found}, and this version knows formats up to \
         {known}; use a newer eufm"
    )]
    Format {
        /// The file.
        name: String,
        /// The line of the `format` key, from 1.
        line: usize,
        /// The format it has.
        found: String,
        /// The newest format that this version reads.
        known: u32,
    },
    /// Something in the file is not as it should be.
    #[error("{name}:{line}:{column}: {message}")]
    Content {
        /// The file.
        name: String,
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What is wrong and what would be right.
        message: String,
    },
}

/// Reads the text of a file that is not too large; `name` stands in messages.
///
/// # Errors
/// Fails when it cannot be read, is larger than [`BYTES_MAX`] or is no UTF-8.
pub(super) fn read_text(path: &Path, name: &str) -> Result<String, CassetteError> {
    let wrap = |source| CassetteError::Read { name: name.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(wrap)?;
    file.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(wrap)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(CassetteError::Size { name: name.to_owned() });
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let place = error.as_bytes().get(..valid).unwrap_or_default();
        let line = place.iter().filter(|&&byte| byte == b'\n').count() + 1;
        wrap(io::Error::new(io::ErrorKind::InvalidData, format!("line {line} is not UTF-8")))
    })
}

/// Finds lines and columns of byte offsets.
pub(super) struct Place<'t> {
    text: &'t str,
    name: &'t str,
    line_starts: Vec<usize>,
}

impl<'t> Place<'t> {
    /// Looks for the lines of a text; `name` stands in messages.
    pub(super) fn new(text: &'t str, name: &'t str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, name, line_starts }
    }

    /// Returns line and column of an offset, both from 1.
    pub(super) fn line_column(&self, offset: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|&start| start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }

    /// Makes the error that says what is wrong at a place.
    pub(super) fn error(&self, span: Range<usize>, message: String) -> CassetteError {
        let (line, column) = self.line_column(span.start);
        CassetteError::Content { name: self.name.to_owned(), line, column, message }
    }

    /// Makes the error that the reader of TOML reports.
    pub(super) fn toml(&self, error: &toml::de::Error) -> CassetteError {
        self.error(error.span().unwrap_or(0..0), error.message().replace('\n', "; "))
    }

    /// Refuses a newer format before unknown keys are complained of: they are
    /// what a newer format is expected to have.
    ///
    /// # Errors
    /// Fails when there is no format from 1 to `known`.
    pub(super) fn check_format(
        &self,
        table: &Spanned<DeTable<'_>>,
        known: u32,
    ) -> Result<(), CassetteError> {
        let Some((key, value)) = table.get_ref().get_key_value("format") else {
            return Err(self.error(0..0, format!("`format = {known}` must stand at the top")));
        };
        let DeValue::Integer(number) = value.get_ref() else {
            return Err(self.error(value.span(), format!("`format` is a number: {known}")));
        };
        let found = number.to_string();
        match u32::from_str_radix(number.as_str(), number.radix()) {
            Ok(0) => Err(self.error(value.span(), "there is no format 0".to_owned())),
            Ok(format) if format <= known => Ok(()),
            // What does not fit is newer than all we know, or negative.
            _ if found.starts_with('-') => {
                Err(self.error(value.span(), format!("there is no format {found}")))
            }
            _ => Err(CassetteError::Format {
                name: self.name.to_owned(),
                line: self.line_column(key.span().start).0,
                found,
                known,
            }),
        }
    }
}
