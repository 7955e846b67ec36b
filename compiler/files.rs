//! The files and listings that a spec names, each loaded once, with their digests.
//!
//! Safe to ask from several threads: what is returned depends on the path alone.
//! Unaware of what the texts are used for.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use elsa::sync::FrozenVec;
use eufm_plan::Digest;

use crate::sources::Sources;

/// The largest file whose text a spec can take in, in bytes.
const FILE_BYTES_MAX: usize = 16 << 20;

/// The most folders that one call can list.
pub(crate) const MAX_FOLDERS: usize = 100_000;

/// Loads what a spec names, and remembers what it was.
pub(crate) struct Files<'s> {
    sources: &'s dyn Sources,
    texts: FrozenVec<Box<str>>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The position of each text, or why there is none.
    texts: BTreeMap<String, Result<usize, String>>,
    /// The folders below each folder, sorted.
    listings: BTreeMap<String, Result<Vec<String>, String>>,
    digests: BTreeMap<String, Digest>,
}

impl<'s> Files<'s> {
    pub(crate) fn new(sources: &'s dyn Sources) -> Self {
        Self { sources, texts: FrozenVec::new(), known: Mutex::default() }
    }

    /// Returns the text of a file with `\n` line ends and without a byte order mark.
    pub(crate) fn text(&self, path: &str) -> Result<&str, String> {
        let mut known = self.known();
        if !known.texts.contains_key(path) {
            let loaded = self.sources.load(path).and_then(decoded);
            let position = loaded.map(|text| {
                known.digests.insert(path.to_owned(), Digest::of(text.as_bytes()));
                self.texts.push(text.into_boxed_str());
                self.texts.len() - 1
            });
            known.texts.insert(path.to_owned(), position);
        }
        match known.texts.get(path) {
            Some(Ok(position)) => Ok(self.texts.get(*position).unwrap_or_default()),
            Some(Err(reason)) => Err(reason.clone()),
            None => Err("it could not be loaded".to_owned()),
        }
    }

    /// Returns the names of the folders in a folder, sorted.
    pub(crate) fn folders(&self, path: &str) -> Result<Vec<String>, String> {
        let mut known = self.known();
        if let Some(listing) = known.listings.get(path) {
            return listing.clone();
        }
        let mut listing = self.sources.folders(path);
        if let Ok(names) = &mut listing {
            names.sort();
            let parts: Vec<&[u8]> = names.iter().map(String::as_bytes).collect();
            known.digests.insert(format!("{path}/"), Digest::of_parts(&parts));
        }
        known.listings.insert(path.to_owned(), listing.clone());
        listing
    }

    /// Returns the digest of everything that was loaded, by root-relative path;
    /// listings end in `/`.
    pub(crate) fn digests(&self) -> BTreeMap<String, Digest> {
        self.known().digests.clone()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A panic elsewhere leaves the tables whole: each insert is one step.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decoded(bytes: Vec<u8>) -> Result<String, String> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!("it has {} bytes, more than {FILE_BYTES_MAX}", bytes.len()));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        format!(
            "it is not UTF-8 text: byte {} begins no character",
            error.utf8_error().valid_up_to()
        )
    })?;
    let plain = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(plain.replace("\r\n", "\n"))
}
