//! Syncs records in groups, and remembers for good that something failed.
//!
//! Unaware of what a record is.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::disk::DiskFile;

/// The longest time that an unsynced record waits for its sync.
const GROUP_DELAY: Duration = Duration::from_millis(50);

/// Whether all writes and syncs went well so far.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Held during a sync. The system tells a failure to one caller only, so
    /// nobody may take a sync for good that came beside one that failed.
    turn: Mutex<()>,
    failure: Mutex<Option<String>>,
}

impl Health {
    /// Syncs the file, unless something has failed: the system may have dropped
    /// what it could not write, and would then report success.
    pub(super) fn sync(&self, file: &dyn DiskFile) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if self.failure().is_some() {
            return;
        }
        if let Err(error) = file.sync() {
            self.fail(&error);
        }
    }

    /// Notes a failure; the first one is what is told from then on.
    pub(super) fn fail(&self, error: &io::Error) {
        self.failure().get_or_insert_with(|| error.to_string());
    }

    /// Fails, with the reason, when anything has failed.
    ///
    /// # Errors
    /// The system's reason for the first failure.
    pub(super) fn check(&self) -> Result<(), String> {
        self.failure().clone().map_or(Ok(()), Err)
    }

    fn failure(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that syncs grouped records: one sync for all that came meanwhile.
#[derive(Debug)]
pub(super) struct Flusher {
    requests: Option<Sender<()>>,
    /// Set while a sync is ahead: its thread need not be woken for each record.
    is_requested: Arc<AtomicBool>,
    /// What it shares with the owner of the journal.
    pub(super) health: Arc<Health>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Starts the thread.
    ///
    /// # Errors
    /// Fails when the system has no thread to give.
    pub(super) fn start(file: &Arc<dyn DiskFile>) -> io::Result<Self> {
        let file = Arc::clone(file);
        let (requests, queue) = channel();
        let health = Arc::new(Health::default());
        let shared = Arc::clone(&health);
        let is_requested = Arc::new(AtomicBool::new(false));
        let taken = Arc::clone(&is_requested);
        let thread = std::thread::Builder::new()
            .name("journal-sync".to_owned())
            .spawn(move || flush(&*file, &queue, &taken, &shared))?;
        Ok(Self { requests: Some(requests), is_requested, health, thread: Some(thread) })
    }

    /// Asks for a sync within [`GROUP_DELAY`].
    pub(super) fn request(&self) {
        if let Some(requests) = &self.requests
            && !self.is_requested.swap(true, Ordering::AcqRel)
        {
            // The thread lives as long as this sender does.
            let _ = requests.send(());
        }
    }

    /// Waits for the last sync that was asked for; there are no more afterwards.
    pub(super) fn end(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        self.end();
    }
}

fn flush(file: &dyn DiskFile, queue: &Receiver<()>, is_requested: &AtomicBool, health: &Health) {
    while queue.recv().is_ok() {
        // More records may come within the delay; they share the sync. Only the
        // end of the journal comes as a message meanwhile.
        let _ = queue.recv_timeout(GROUP_DELAY);
        // Before the sync: a record that is written beside it asks again.
        is_requested.store(false, Ordering::Release);
        health.sync(file);
    }
}
