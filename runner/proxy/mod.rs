//! The filtering proxy: the one way in which commands and the preparing of
//! environments reach the hosts that the plan names for them, and no others.
//!
//! It runs outside of the sandboxes. Each of them that may reach something has
//! a passage of its own: a Unix socket in a folder that is mounted into it. So
//! who asks is known before anything is read, and a sandbox has neither a
//! network nor names of hosts. Unaware of plans, nodes and sandboxes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

mod address;
mod allow;
mod dial;
mod meter;
mod record;
mod service;
mod tasks;
#[cfg(test)]
mod wire_test;

pub(crate) use allow::own_hosts;
pub(crate) use record::Traffic;

use allow::Allowed;
use dial::{Dialer, Resolve};
use record::Record;
use tasks::Tasks;

/// The name of a passage's socket in its folder.
pub(crate) const SOCKET: &str = "proxy.sock";

/// The name of a passage's record in the folder of logs.
pub(crate) const RECORD: &str = "network.jsonl";

/// The most connections and tunnels that one passage serves at once.
const TASKS_MAX: usize = 256;

/// How long the proxy waits before it takes connections again after the system
/// would not give it one.
const PAUSE: Duration = Duration::from_millis(100);

/// The running proxy: a thread of its own that serves every open passage.
pub(crate) struct Proxy {
    handle: Handle,
    resolve: Arc<Resolve>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proxy").finish_non_exhaustive()
    }
}

impl Proxy {
    /// Starts the proxy's thread. Nothing can be reached until a passage is open.
    ///
    /// # Errors
    /// Fails when the system gives no thread or no event queue.
    pub(crate) fn start() -> io::Result<Self> {
        Self::with_resolver(Arc::new(dial::system_resolver))
    }

    fn with_resolver(resolve: Arc<Resolve>) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread =
            thread::Builder::new().name("proxy".to_owned()).spawn(move || run(runtime, stopped))?;
        Ok(Self { handle, resolve, stop: Some(stop), thread: Some(thread) })
    }

    /// Opens a passage to these hosts, until it is closed: [`SOCKET`] in an
    /// existing folder. What goes over it is noted in the file `record`.
    ///
    /// # Errors
    /// Fails when the socket or the record cannot be made.
    pub(crate) fn open(
        &self,
        folder: &Path,
        hosts: &[String],
        record: &Path,
    ) -> io::Result<Passage> {
        let socket = folder.join(SOCKET);
        let record = Arc::new(Record::start(record)?);
        let listener = crate::gateway::bind(&socket)?;
        listener.set_nonblocking(true)?;
        let listener = {
            let _context = self.handle.enter();
            UnixListener::from_std(listener)?
        };
        let tasks = Arc::new(Tasks::new(self.handle.clone()));
        let dialer = Dialer {
            allowed: Arc::new(Allowed::new(hosts)),
            resolve: Arc::clone(&self.resolve),
            record: Arc::clone(&record),
        };
        tasks.spawn(accept(listener, dialer, Arc::clone(&tasks)));
        Ok(Passage { socket, record, tasks })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has ended it, which is what is wanted.
            let _ = thread.join();
        }
    }
}

fn run(runtime: Runtime, stopped: oneshot::Receiver<()>) {
    // A dropped sender means the same as a message.
    let _ = runtime.block_on(stopped);
    // A look-up of a name that hangs must not hold up the end.
    runtime.shutdown_background();
}

async fn accept(listener: UnixListener, dialer: Dialer, tasks: Arc<Tasks>) {
    loop {
        match listener.accept().await {
            // Dropped, which closes it: the client may try again.
            Ok(_) if tasks.count() >= TASKS_MAX => {}
            Ok((stream, _)) => {
                tasks.spawn(service::serve(stream, dialer.clone(), Arc::clone(&tasks)));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// A way to some hosts that is open. Dropping it ends whatever goes over it.
pub(crate) struct Passage {
    socket: PathBuf,
    record: Arc<Record>,
    tasks: Arc<Tasks>,
}

impl std::fmt::Debug for Passage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passage").field("socket", &self.socket).finish_non_exhaustive()
    }
}

impl Passage {
    /// Closes the passage and ends the record of what went over it.
    ///
    /// # Errors
    /// Fails when the record could not be written.
    pub(crate) fn close(self) -> io::Result<Traffic> {
        self.tasks.close();
        self.record.finish()
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.tasks.close();
        // Gone already when its folder was removed.
        let _ = std::fs::remove_file(&self.socket);
    }
}
