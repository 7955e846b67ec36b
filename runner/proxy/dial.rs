//! Finds a host that may be reached and connects to it.
//!
//! The name is looked up once, and the connection goes to the very address that
//! was judged: a name that leads elsewhere a moment later changes nothing.
//! Unaware of what is spoken over the connection.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::allow::{Allowed, canonical};
use super::meter::Metered;
use super::record::{Connected, Denied, Record};

/// How long a host may take to answer, for each of its addresses.
const CONNECT_MAX: Duration = Duration::from_secs(30);

/// How many addresses of a host are tried.
const ADDRESSES_MAX: usize = 8;

/// The longest name that a host can have.
const NAME_BYTES_MAX: usize = 253;

/// What leads from a name to addresses; may block.
pub(super) type Resolve = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Asks the host's own resolver.
pub(super) fn system_resolver(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

/// Connects to what may be reached, and notes what may not.
#[derive(Clone)]
pub(super) struct Dialer {
    pub(super) allowed: Arc<Allowed>,
    pub(super) resolve: Arc<Resolve>,
    pub(super) record: Arc<Record>,
}

/// A connection to a host.
pub(super) struct Dialed {
    pub(super) stream: Metered<TcpStream>,
    /// Its entry in the record, until it is dropped.
    pub(super) connected: Connected,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) struct NotDialed {
    pub(super) denied: Denied,
    /// What the client is told.
    pub(super) message: String,
}

impl Dialer {
    /// Connects to a host as a client spelled it.
    pub(super) async fn dial(&self, host: &str, port: u16) -> Result<Dialed, NotDialed> {
        let host = canonical(host);
        if host.len() > NAME_BYTES_MAX || !self.allowed.names(&host, port) {
            let shown = host.get(..NAME_BYTES_MAX).unwrap_or(&host);
            return Err(self.denied(shown, port, Denied::Refused, "not in `network`"));
        }
        let addresses = match self.look_up(&host, port).await {
            Ok(addresses) => addresses,
            Err(error) => {
                let reason = format!("its name leads to no address: {error}");
                return Err(self.denied(&host, port, Denied::Unreachable, &reason));
            }
        };
        let open = |address: &&SocketAddr| self.allowed.leads_to(&host, **address);
        let usable: Vec<SocketAddr> =
            addresses.iter().filter(open).take(ADDRESSES_MAX).copied().collect();
        if let (true, Some(first)) = (usable.is_empty(), addresses.first()) {
            let reason = format!(
                "its name leads to {}, which is no public address and not in `network`",
                first.ip()
            );
            return Err(self.denied(&host, port, Denied::Refused, &reason));
        }
        match connect(&usable).await {
            Ok(stream) => {
                let connected = self.record.connected(&host, port);
                let stream = Metered::new(stream, connected.count());
                Ok(Dialed { stream, connected })
            }
            Err(error) => {
                let reason = format!("it does not answer: {error}");
                Err(self.denied(&host, port, Denied::Unreachable, &reason))
            }
        }
    }

    async fn look_up(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        let (resolve, host) = (Arc::clone(&self.resolve), host.to_owned());
        let found = tokio::task::spawn_blocking(move || resolve(&host, port)).await;
        found.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    fn denied(&self, host: &str, port: u16, denied: Denied, reason: &str) -> NotDialed {
        self.record.denied(host, port, denied, reason);
        NotDialed { denied, message: format!("{host}:{port}, {reason}") }
    }
}

async fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut failure = io::Error::other("it has no address");
    for address in addresses {
        match tokio::time::timeout(CONNECT_MAX, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failure)
}
