//! The local model endpoint: an HTTP service inside the runner, the only way
//! in which agents reach a model. It alone speaks HTTP with them.
//!
//! Each attempt has a socket and a token of its own, so who asks is known
//! before anything is read. What is answered comes from a [`Provider`]; a
//! [`Sink`] is told of each answer before it goes out. Unaware of journal,
//! ledger and agents. See docs/cassette.md.

use std::error::Error;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use eufm_plan::NodeIndex;
use tokio::net::UnixListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

mod cassette;
pub mod forward;
mod frames;
#[cfg(test)]
mod real_codex_test;
mod replay;
mod request;
mod service;
mod socket;
mod usage;
#[cfg(test)]
mod wire_test;

pub use cassette::{Cassette, CassetteError};
use service::Session;
pub(crate) use socket::bind;
pub use usage::Usage;

/// The name of an attempt's socket in its [`Door::folder`].
pub const SOCKET: &str = "gateway.sock";

/// What is told of each request; an error keeps the answer back (503).
pub type Sink = dyn Fn(&Report) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync;

/// Where answers come from.
#[derive(Debug)]
pub enum Provider {
    /// From a file, with no model at all.
    Cassette {
        /// The replies.
        cassette: Cassette,
        /// What the runner tells an interrupted agent when its session goes
        /// on: such an agent may have to be told its last reply once more.
        go_on: String,
    },
}

/// What the gateway tells of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// It is about to be answered.
    Exchange(Exchange),
    /// It is not.
    Refusal(Refusal),
}

/// A request that is about to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The node's name.
    pub node: String,
    /// The node's place in the plan.
    pub index: NodeIndex,
    /// The place of the reply in the node's list, from 0.
    pub reply: u32,
    /// How often this reply was served to the session before.
    pub round: u32,
    /// It waits for commands of a reply that was served already, for free.
    pub is_wait: bool,
    /// What it uses.
    pub usage: Usage,
}

/// A request that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The node's name.
    pub node: String,
    /// The node's place in the plan.
    pub index: NodeIndex,
    /// What is wrong with it.
    pub kind: RefusalKind,
    /// Why, in full.
    pub message: String,
}

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// It does not carry the attempt's token (401).
    Token,
    /// Its path or method is not served (404).
    Path,
    /// It is too large or was cut off (413).
    Size,
    /// It holds something that is not allowed, such as a hosted tool (400).
    Request,
    /// The cassette has no reply that fits (400).
    Cassette,
    /// The sink refused it, or the attempt is over (503); never told.
    Internal,
}

/// What is needed to let one attempt in.
pub struct Door {
    /// The node's name, by which a cassette's replies are found.
    pub node: String,
    /// The node's place in the plan, for the sink.
    pub index: NodeIndex,
    /// An existing folder, in which [`SOCKET`] is made. It may be mounted
    /// into a sandbox, read-only too.
    pub folder: PathBuf,
    /// The bearer token that this attempt is given.
    pub token: String,
}

/// Why the gateway cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Its thread could not be started.
    #[error("cannot start the gateway: {0}")]
    Start(#[source] io::Error),
    /// An attempt's socket could not be made.
    #[error("cannot make the gateway's socket {}: {source}", path.display())]
    Socket {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The running endpoint: a thread of its own that serves every open attempt.
pub struct Gateway {
    provider: Arc<Provider>,
    sink: Arc<Sink>,
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    /// Starts the endpoint's thread. Nothing can be asked until a door is open.
    ///
    /// `sink` is called before each answer goes out, from several threads, one
    /// attempt's requests one after the other; it may block.
    ///
    /// # Errors
    /// Fails when the system gives no thread or no event queue.
    pub fn start(
        provider: Provider,
        sink: impl Fn(&Report) -> Result<(), Box<dyn Error + Send + Sync>> + Send + Sync + 'static,
    ) -> Result<Self, GatewayError> {
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(GatewayError::Start)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("gateway".to_owned())
            .spawn(move || run(&runtime, stopped))
            .map_err(GatewayError::Start)?;
        let (provider, sink) = (Arc::new(provider), Arc::new(sink));
        Ok(Self { provider, sink, handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Lets one attempt in, until the guard is dropped. When this returns,
    /// connections are accepted.
    ///
    /// # Errors
    /// Fails when the socket cannot be made.
    pub fn open(&self, door: Door) -> Result<DoorGuard, GatewayError> {
        let path = door.folder.join(SOCKET);
        let wrap = |source| GatewayError::Socket { path: path.clone(), source };
        let listener = socket::bind(&path).map_err(wrap)?;
        listener.set_nonblocking(true).map_err(wrap)?;
        let listener = {
            let _context = self.handle.enter();
            UnixListener::from_std(listener).map_err(wrap)?
        };
        let session = Arc::new(Session {
            node: door.node,
            index: door.index,
            token: service::digest(&door.token),
            provider: Arc::clone(&self.provider),
            sink: Arc::clone(&self.sink),
            slots: service::slots(),
            closed: Mutex::new(false),
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let router = service::router(Arc::clone(&session));
        self.handle.spawn(async move {
            let serving = axum::serve(listener, router).with_graceful_shutdown(async {
                // A dropped sender means the same as a message.
                let _ = stopped.await;
            });
            // It has no way to fail; a broken connection is its client's.
            let _ = serving.await;
        });
        Ok(DoorGuard { path, session, stop: Some(stop) })
    }
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has ended it, which is what is wanted.
            let _ = thread.join();
        }
    }
}

fn run(runtime: &Runtime, stopped: oneshot::Receiver<()>) {
    // A dropped sender means the same as a message.
    let _ = runtime.block_on(stopped);
}

/// An attempt that is let in. Dropping it removes the socket and refuses what
/// still comes: after that the sink hears nothing of this attempt. It waits
/// for a call of the sink that is under way, so the sink must not drop it.
pub struct DoorGuard {
    path: PathBuf,
    session: Arc<Session>,
    stop: Option<oneshot::Sender<()>>,
}

impl std::fmt::Debug for DoorGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DoorGuard").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Drop for DoorGuard {
    fn drop(&mut self) {
        *self.session.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        drop(self.stop.take());
        // Gone already when its folder was removed.
        let _ = fs::remove_file(&self.path);
    }
}
