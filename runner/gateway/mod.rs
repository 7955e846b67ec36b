//! The local model endpoint: an HTTP service inside the runner, the only way
//! in which agents reach a model. It alone speaks HTTP with them.
//!
//! Each attempt has a socket and a token of its own, so who asks is known
//! before anything is read. What is answered comes from a [`Provider`]; a
//! [`Counter`] lets each request out before it goes, and is told of its end
//! before the agent is. Unaware of journal, prices and agents. See
//! docs/cassette.md and docs/money.md.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use eufm_plan::{AgentIndex, NodeIndex};
use tokio::net::UnixListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

#[cfg(test)]
mod bill_test;
mod breaker;
mod charge;
pub mod circuit;
mod counter;
mod due;
mod exchange;
mod fields;
pub mod forward;
mod frames;
mod known;
mod live;
mod place;
mod played;
#[cfg(test)]
mod real_codex_test;
pub mod recording;
mod relay;
mod request;
mod script;
mod service;
mod socket;
#[cfg(test)]
mod test_counter;
#[cfg(test)]
mod test_provider;
mod transcript;
pub mod upstream;
#[cfg(test)]
mod wire_test;

pub use crate::ledger::Usage;
pub use counter::{Admission, Answer, Answered, Counter, Refusal, RefusalKind, Report, Unanswered};
pub use live::{Live, Way};
pub use place::CassetteError;
pub use played::Player;
pub use script::Script;
use service::Session;
pub(crate) use socket::bind;
pub use transcript::{EndTranscript, ExchangeTranscript, NodeTranscript};

/// The name of an attempt's socket in its [`Door::folder`].
pub const SOCKET: &str = "gateway.sock";

/// Where answers come from.
#[derive(Debug)]
pub enum Provider {
    /// From a file, with no model at all.
    Script {
        /// The replies.
        script: Script,
        /// What the runner tells an interrupted agent when its session goes
        /// on: such an agent may have to be told its last reply once more.
        go_on: String,
    },
    /// A model that is really asked.
    Live(Live),
    /// From what was recorded.
    Recording(Player),
}

/// What is needed to let one attempt in.
pub struct Door {
    /// The node's name, by which a cassette's answers are found.
    pub node: String,
    /// The node's place in the plan, for the counter.
    pub index: NodeIndex,
    /// Its agent's place in the plan, which decides the provider.
    pub agent: AgentIndex,
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
    counter: Arc<dyn Counter>,
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    /// Starts the endpoint's thread. Nothing can be asked until a door is open.
    ///
    /// `counter` is asked and told from several threads, for one attempt's
    /// requests at the same time too; telling may block.
    ///
    /// # Errors
    /// Fails when the system gives no thread or no event queue.
    pub fn start(
        provider: Provider,
        counter: impl Counter + 'static,
    ) -> Result<Self, GatewayError> {
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(GatewayError::Start)?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("gateway".to_owned())
            .spawn(move || run(&runtime, stopped))
            .map_err(GatewayError::Start)?;
        let (provider, counter) = (Arc::new(provider), Arc::new(counter));
        Ok(Self { provider, counter, handle, stop: Some(stop), thread: Some(thread) })
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
            agent: door.agent,
            token: service::digest(&door.token),
            provider: Arc::clone(&self.provider),
            counter: Arc::clone(&self.counter),
            slots: service::slots(),
            closed: Mutex::new(false),
            dropped: Mutex::default(),
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
/// still comes: after that the counter hears of this attempt only how requests
/// ended that it had let out. It waits for a call of the counter that is under
/// way, so the counter must not drop it.
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
