//! The processes that run right now, so that all of them can be ended at once.
//!
//! Whoever starts a process registers it here; a process that is registered
//! after the stop was called is killed on the spot, so none slips through.
//! Unaware of why a run is stopped and of what the processes do.

use std::collections::BTreeMap;
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
    processes: BTreeMap<u32, (ProcessId, Body)>,
}

impl Running {
    /// Registers a process until the returned guard is dropped.
    #[must_use]
    pub(crate) fn register(&self, process: ProcessId, body: Body) -> Registered<'_> {
        let mut inner = self.lock();
        inner.processes.insert(process.pid, (process, body));
        if inner.stopping {
            process.kill(body);
        }
        Registered { running: self, pid: process.pid }
    }

    /// Kills everything that runs, and everything that will be registered.
    pub(crate) fn stop(&self) {
        let mut inner = self.lock();
        inner.stopping = true;
        for (process, body) in inner.processes.values() {
            process.kill(*body);
        }
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
        let _registered = running.register(handle.process(), handle.body());
        assert_eq!(handle.wait().expect("wait"), Exit::Signal(9));
    }
}
