//! The tasks that serve one passage, which all end with it.
//!
//! Unaware of what they do.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// The tasks of one passage; none is begun once it is closed.
#[derive(Debug)]
pub(super) struct Tasks {
    handle: Handle,
    set: Mutex<Option<JoinSet<()>>>,
}

impl Tasks {
    /// Makes a set whose tasks run on a runtime.
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle, set: Mutex::new(Some(JoinSet::new())) }
    }

    /// Begins a task, unless the passage is closed.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(set) = set.as_mut() {
            // What has ended needs no room any more.
            while set.try_join_next().is_some() {}
            set.spawn_on(task, &self.handle);
        }
    }

    /// Returns how many tasks there are.
    pub(super) fn count(&self) -> usize {
        let set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        set.as_ref().map_or(0, JoinSet::len)
    }

    /// Ends all tasks and waits until they are gone. Not for a task's own use.
    pub(super) fn close(&self) {
        let set = self.set.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut set) = set {
            self.handle.block_on(set.shutdown());
        }
    }
}
