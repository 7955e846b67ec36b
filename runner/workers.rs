//! Threads for the steps: as many as are busy at once, kept for the next step.
//!
//! A thread costs as much as a short command takes. None ends before the run
//! does: the kernel ends a sandbox when the thread goes that started it. No
//! pool of a library: those have a size, and a step waits for processes.
//! Unaware of what a step does.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// What a thread is to do.
type Job = Box<dyn FnOnce() + Send>;

/// The threads of a run.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    idle: Arc<Mutex<Idle>>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Idle {
    /// The way to each thread that waits; the last one is the next: its memory
    /// is warm.
    waiting: Vec<Sender<Job>>,
    /// Set at the end: who is done with its job ends.
    closed: bool,
}

impl Workers {
    /// Does a job in a thread that waits, or in a new one.
    ///
    /// # Errors
    /// Fails when none waits and none can be started.
    pub(crate) fn run(&mut self, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let job: Job = Box::new(job);
        let next = lock(&self.idle).waiting.pop();
        let Some(worker) = next else { return self.start(job) };
        // A thread that waits has its receiver: it left it on the list itself.
        worker.send(job).map_err(|_| io::Error::other("a thread is gone"))
    }

    fn start(&mut self, first: Job) -> io::Result<()> {
        let idle = Arc::clone(&self.idle);
        let thread = std::thread::Builder::new().name("step".to_owned()).spawn(move || {
            let mut job = first;
            loop {
                job();
                match next(&idle).and_then(|jobs| jobs.recv().ok()) {
                    Some(next) => job = next,
                    None => break,
                }
            }
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Waits until every job is done.
    pub(crate) fn finish(mut self) {
        let waiting = {
            let mut idle = lock(&self.idle);
            idle.closed = true;
            std::mem::take(&mut idle.waiting)
        };
        // Without its sender a thread waits no longer.
        drop(waiting);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Puts the calling thread on the list; `None` at the end.
fn next(idle: &Mutex<Idle>) -> Option<Receiver<Job>> {
    let mut idle = lock(idle);
    if idle.closed {
        return None;
    }
    let (sender, jobs) = channel();
    idle.waiting.push(sender);
    Some(jobs)
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::thread::ThreadId;

    use super::*;

    /// Runs one job and waits until its thread waits again.
    fn one(workers: &mut Workers) -> ThreadId {
        let (sender, done) = channel();
        workers
            .run(move || sender.send(std::thread::current().id()).expect("received"))
            .expect("a thread");
        let id = done.recv().expect("done");
        while lock(&workers.idle).waiting.is_empty() {
            std::thread::yield_now();
        }
        id
    }

    #[test]
    fn a_thread_that_waits_is_used_again() {
        let mut workers = Workers::default();
        let ids: BTreeSet<_> = (0..10).map(|_| format!("{:?}", one(&mut workers))).collect();
        assert_eq!(ids.len(), 1);
        workers.finish();
    }

    #[test]
    fn jobs_never_wait_for_each_other() {
        let mut workers = Workers::default();
        let (first, second) = (channel(), channel());
        workers
            .run(move || {
                first.0.send(()).expect("received");
                second.1.recv().expect("the other job runs too");
            })
            .expect("a thread");
        workers
            .run(move || {
                first.1.recv().expect("the other job runs too");
                second.0.send(()).expect("received");
            })
            .expect("a thread");
        workers.finish();
    }
}
