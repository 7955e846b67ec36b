//! The processes that run right now, so that all of them can be ended at once.
//!
//! Whoever starts a process registers it here; a process that is registered
//! after the stop was called is killed on the spot, so none slips through.
//! Unaware of why a run is stopped and of what the processes do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::process::{Body, ProcessId};

/// The running processes of a run.
#[derive(Debug, Default)]
pub(crate) struct Running {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    stopping: bool,
    processes: BTreeMap<u32, Process>,
}

#[derive(Debug)]
struct Process {
    id: ProcessId,
    body: Body,
    /// The file that kills its group, if this host has one.
    kill_file: Option<PathBuf>,
}

impl Process {
    /// The group first: it has what left the body. Then the body, which may not
    /// have joined its group yet.
    fn kill(&self) {
        if let Some(file) = &self.kill_file {
            // A group that is gone has nothing to kill.
            let _ = std::fs::write(file, "1");
        }
        self.id.kill(self.body);
    }
}

impl Running {
    /// Registers a process until the returned guard is dropped.
    #[must_use]
    pub(crate) fn register(
        &self,
        id: ProcessId,
        body: Body,
        kill_file: Option<PathBuf>,
    ) -> Registered<'_> {
        let mut inner = self.lock();
        let process = Process { id, body, kill_file };
        if inner.stopping {
            process.kill();
        }
        inner.processes.insert(id.pid, process);
        Registered { running: self, pid: id.pid }
    }

    /// Kills everything that runs, and everything that will be registered.
    pub(crate) fn stop(&self) {
        let mut inner = self.lock();
        inner.stopping = true;
        inner.processes.values().for_each(Process::kill);
    }

    /// Tells whether the stop was called.
    #[must_use]
    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a process registered.
#[derive(Debug)]
pub(crate) struct Registered<'a> {
    running: &'a Running,
    pid: u32,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.running.lock().processes.remove(&self.pid);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::process::{Command, Exit};

    #[test]
    fn a_process_that_comes_after_the_stop_is_killed_too() {
        let running = Running::default();
        running.stop();
        let null = || File::options().write(true).open("/dev/null").expect("/dev/null");
        let handle = Command::new("/bin/sleep").arg("600").start(null(), null()).expect("sleep");
        let _registered = running.register(handle.process(), handle.body(), None);
        assert_eq!(handle.wait().expect("wait"), Exit::Signal(9));
    }
}
