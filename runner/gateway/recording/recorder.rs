//! Records a run: each exchange is appended to its node's file, whole or not at
//! all.
//!
//! A run that is taken up again goes on in the same files; an end that a killed
//! runner left torn is dropped first. Nothing is synced: a recording is no
//! record that a resume needs. Unaware of HTTP.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::canonical::{Canonical, Item, beginnings};
use super::exchange::{End, Recorded};
use super::folder::{Folder, Head};
use super::form::{Form, Text};
use super::read::{self, NodeFile};
use super::secrets::Secrets;
use super::tape::{Addition, EXCHANGES_MAX, Tape};
use super::write::{self, Draft};
use crate::durable::write_whole;
use crate::gateway::place::{BYTES_MAX, CassetteError, read_text};

/// From this length on, in bytes, what Codex tells the model by itself is kept
/// once for all exchanges, in a file of its own.
const SHARED_MIN: usize = 1_000;

/// Why an exchange, or a whole run, is not recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file could not be written.
    #[error("cannot record in {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is there cannot be read.
    #[error("cannot go on with the recording: {0}; name another folder with --record")]
    Damaged(#[from] CassetteError),
    /// The folder holds the recording of another run.
    #[error(
        "{} holds a recording of the run {run}; name another folder with --record, or remove it",
        path.display()
    )]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// The run that it is of.
        run: String,
    },
    /// Another process records there.
    #[error("another run records in {}; name another folder with --record", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// The file has become too large to be read again.
    #[error(
        "the recording {} would have more than {} MiB or {EXCHANGES_MAX} exchanges",
        path.display(),
        BYTES_MAX >> 20
    )]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// A secret would have been written. Nothing was.
    #[error(
        "an exchange of `{node}` holds a secret of the runner; it is not recorded. An agent has \
         seen it: look for how, and change the secret"
    )]
    Secret {
        /// The node.
        node: String,
    },
}

/// What a recorder is started with.
#[derive(Debug)]
pub struct RecorderOptions {
    /// What is recorded.
    pub head: Head,
    /// What the runner tells an agent whose session goes on.
    pub go_on: String,
    /// What must not be written, such as the provider's key.
    pub secrets: Vec<String>,
}

/// Records the exchanges of a run, of several nodes at the same time.
#[derive(Debug)]
pub struct Recorder {
    folder: Mutex<Folder>,
    nodes: Mutex<BTreeMap<String, Arc<Mutex<Track>>>>,
    go_on: String,
    secrets: Secrets,
    notes: Vec<String>,
    /// Holds the lock on the folder until it is closed.
    _lock: File,
}

/// A node's file and what stands in it.
#[derive(Debug)]
struct Track {
    path: PathBuf,
    bytes: u64,
    tape: Tape,
    settings: Option<String>,
}

impl Recorder {
    /// Begins a recording in a folder, or goes on with the run's.
    ///
    /// # Errors
    /// Fails when the folder holds another run's recording, is recorded in by
    /// another process, cannot be read or cannot be written.
    pub fn create(root: &Path, options: RecorderOptions) -> Result<Self, RecordError> {
        let RecorderOptions { head, go_on, secrets } = options;
        let folder = Folder::at(root);
        let wrap = |source| RecordError::Write { path: root.to_owned(), source };
        if let Some(found) = folder.head()?
            && (found.run != head.run || found.pipeline != head.pipeline)
        {
            return Err(RecordError::Occupied { path: root.to_owned(), run: found.run });
        }
        folder.make().map_err(wrap)?;
        write_whole(&folder.head_path(), head.text().as_bytes()).map_err(wrap)?;
        let lock = File::open(root).map_err(wrap)?;
        lock.try_lock().map_err(|_| RecordError::Busy { path: root.to_owned() })?;
        let (mut nodes, mut notes) = (BTreeMap::new(), Vec::new());
        for path in folder.node_paths().map_err(wrap)? {
            let (node, track) = Track::reopen(&path, &folder, &mut notes)?;
            nodes.insert(node, Arc::new(Mutex::new(track)));
        }
        Ok(Self {
            folder: Mutex::new(folder),
            nodes: Mutex::new(nodes),
            go_on,
            secrets: Secrets::new(secrets),
            notes,
            _lock: lock,
        })
    }

    /// Returns what a person should know of the recording that goes on.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Records a request and what came of it. May block on the disk.
    ///
    /// # Errors
    /// Fails when it cannot be written, or holds a secret; the file is then as
    /// it was.
    pub fn record(
        &self,
        node: &str,
        request: &Value,
        recorded: &Recorded,
    ) -> Result<(), RecordError> {
        let canonical = Canonical::of(request, &self.go_on);
        let recorded =
            Recorded { items: canonical.answer(&recorded.items), end: recorded.end.clone() };
        if self.has_secret(&canonical, &recorded) {
            return Err(RecordError::Secret { node: node.to_owned() });
        }
        let track = self.track(node)?;
        let mut track = track.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = self.entry(&track.tape, track.settings.as_deref(), canonical, recorded)?;
        // The last look is at the very text.
        if self.secrets.are_in(&entry.text) {
            return Err(RecordError::Secret { node: node.to_owned() });
        }
        track.append(&entry.text)?;
        track.settings = Some(entry.settings);
        track.tape.push(entry.addition);
        track.tape.forget();
        Ok(())
    }

    fn has_secret(&self, canonical: &Canonical, recorded: &Recorded) -> bool {
        let secrets = &self.secrets;
        let end = match &recorded.end {
            End::Status { body, .. } => secrets.are_in(body),
            End::Failed { code, message } => secrets.are_in(code) || secrets.are_in(message),
            End::Incomplete { reason, .. } => secrets.are_in(reason),
            End::Completed { .. } | End::Broken => false,
        };
        end || secrets.are_in_value(&canonical.settings)
            || canonical.input.iter().any(|item| secrets.are_in_value(&item.value))
            || recorded.items.iter().any(|item| secrets.are_in_value(item))
    }

    /// Finds a node's file; the first exchange of a node makes it.
    fn track(&self, node: &str) -> Result<Arc<Mutex<Track>>, RecordError> {
        let mut nodes = self.nodes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(track) = nodes.get(node) {
            return Ok(Arc::clone(track));
        }
        let path = self.folder.lock().unwrap_or_else(PoisonError::into_inner).node_path(node);
        let head = write::head(node);
        write_whole(&path, head.as_bytes())
            .map_err(|source| RecordError::Write { path: path.clone(), source })?;
        let bytes = head.len() as u64;
        let track = Track { path, bytes, tape: Tape::default(), settings: None };
        let track = Arc::new(Mutex::new(track));
        nodes.insert(node.to_owned(), Arc::clone(&track));
        Ok(track)
    }

    /// Spells an exchange: what is new in the request, and the answer.
    fn entry(
        &self,
        tape: &Tape,
        settings_before: Option<&str>,
        canonical: Canonical,
        recorded: Recorded,
    ) -> Result<Entry, RecordError> {
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let from = tape.longest_beginning(&beginnings(&canonical.input));
        let kept = from.map_or(0, |(_, kept)| kept);
        let new = canonical.input.get(kept..).unwrap_or_default().to_vec();
        let answer: Vec<_> = recorded.items.iter().map(|item| Item::new(item.clone())).collect();
        let mut calls = tape.calls(from);
        let new_forms = forms(&new, &mut calls, &mut folder)?;
        let answer_forms = forms(&answer, &mut calls, &mut folder)?;
        let mut settings_text = serde_json::to_string_pretty(&canonical.settings)
            .unwrap_or_else(|_| canonical.settings.to_string());
        settings_text.push('\n');
        let settings = share(&mut folder, &settings_text, "json")?;
        let is_whole = from.is_some_and(|(at, kept)| kept == tape.exchanges()[at].length());
        let text = write::exchange(&Draft {
            number: tape.exchanges().len() + 1,
            after: from.map(|(at, _)| at + 1),
            keep: (!is_whole).then_some(kept).filter(|_| from.is_some()),
            settings: (settings_before != Some(settings.as_str())).then_some(settings.as_str()),
            asks_again: canonical.asks_again,
            new: &new_forms,
            answer: &answer_forms,
            end: &recorded.end,
        });
        let addition = Addition {
            line: 0,
            settings: Item::new(canonical.settings),
            asks_again: canonical.asks_again,
            from,
            new,
            recorded,
        };
        Ok(Entry { text, settings, addition })
    }
}

/// An exchange, ready to be written.
struct Entry {
    text: String,
    settings: String,
    addition: Addition,
}

fn share(folder: &mut Folder, text: &str, extension: &str) -> Result<String, RecordError> {
    folder
        .share(text, extension)
        .map_err(|source| RecordError::Write { path: folder.head_path(), source })
}

fn forms(
    items: &[Arc<Item>],
    calls: &mut usize,
    folder: &mut Folder,
) -> Result<Vec<Form>, RecordError> {
    let mut forms = Vec::with_capacity(items.len());
    for item in items {
        let mut form = Form::of(&item.value, *calls);
        *calls = item.calls(*calls);
        match &mut form {
            Form { developer: Some(texts), .. } => {
                texts.all_mut().iter_mut().try_for_each(|text| share_text(text, "txt", folder))?;
            }
            Form { item: Some(text), .. } if item.is_of_codex() => {
                share_text(text, "json", folder)?;
            }
            _ => {}
        }
        forms.push(form);
    }
    Ok(forms)
}

fn share_text(text: &mut Text, extension: &str, folder: &mut Folder) -> Result<(), RecordError> {
    if let Text::Inline(inline) = text
        && inline.len() >= SHARED_MIN
    {
        *text = Text::Shared { file: share(folder, inline, extension)? };
    }
    Ok(())
}

impl Track {
    fn reopen(
        path: &Path,
        folder: &Folder,
        notes: &mut Vec<String>,
    ) -> Result<(String, Self), RecordError> {
        let name = path.display().to_string();
        let text = read_text(path, &name)?;
        let NodeFile { node, mut tape, settings, torn_at } = read::read(&text, &name, folder)?;
        tape.forget();
        let bytes = torn_at.unwrap_or(text.len()) as u64;
        if torn_at.is_some() {
            let cut = |path: &Path| OpenOptions::new().write(true).open(path)?.set_len(bytes);
            cut(path).map_err(|source| RecordError::Write { path: path.to_owned(), source })?;
            notes.push(format!("{name}: its last exchange was cut off and is dropped"));
        }
        Ok((node, Self { path: path.to_owned(), bytes, tape, settings }))
    }

    /// Appends an exchange; when that fails the file is as it was.
    fn append(&mut self, text: &str) -> Result<(), RecordError> {
        let bytes = self.bytes + text.len() as u64;
        if bytes > BYTES_MAX || self.tape.exchanges().len() >= EXCHANGES_MAX {
            return Err(RecordError::Full { path: self.path.clone() });
        }
        let written = (|| {
            let mut file = OpenOptions::new().append(true).open(&self.path)?;
            file.write_all(text.as_bytes()).inspect_err(|_| {
                // Half an exchange is of no use, and on a full disk in the way.
                let _ = file.set_len(self.bytes);
            })
        })();
        written.map_err(|source| RecordError::Write { path: self.path.clone(), source })?;
        self.bytes = bytes;
        Ok(())
    }
}
