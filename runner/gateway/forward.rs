//! Forwards a loopback TCP port to a Unix socket: the one way out of a
//! sandbox, since Codex speaks to a URL and the gateway listens on a socket.
//!
//! Runs inside the sandbox, before the agent is started there. Unaware of HTTP
//! and of the agent: it carries bytes.

use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use super::socket;

/// The hidden subcommand of this program that runs a forwarder and then the
/// command behind `--`.
pub const SUBCOMMAND: &str = "__forward";

/// The port inside a sandbox. It can be fixed: each has a network of its own.
pub const PORT: u16 = 8099;

/// The most connections that are carried at once; Codex uses a few.
const CONNECTIONS_MAX: usize = 64;

/// Returns the address that an agent inside a sandbox is given.
#[must_use]
pub fn endpoint() -> String {
    address(PORT)
}

/// Returns the model endpoint's address at a port of this host.
pub(super) fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}/v1")
}

/// A port that is being forwarded, until the process ends.
#[derive(Debug)]
pub struct Forwarder {
    port: u16,
}

impl Forwarder {
    /// Listens on a port of 127.0.0.1 (a free one for 0) and starts to forward
    /// it. When this returns, connections are accepted: the agent can start.
    ///
    /// # Errors
    /// Fails when the socket cannot be reached, or the port not be bound.
    pub fn start(socket_path: &Path, port: u16) -> io::Result<Self> {
        // Tried once here: a wrong path is an error before the agent starts,
        // not a model that never answers.
        drop(socket::connect(socket_path)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = listener.local_addr()?.port();
        let path = Arc::new(socket_path.to_owned());
        spawn("forward", move || accept(&listener, &path))?;
        Ok(Self { port })
    }

    /// Returns the port of 127.0.0.1 that leads to the socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // Detached on purpose: threads end with their connection, or the process.
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

fn accept(listener: &TcpListener, path: &Arc<PathBuf>) {
    // Every connection holds a clone; the count is how many there are.
    let carried = Arc::new(());
    for near in listener.incoming() {
        let Ok(near) = near else { continue };
        if Arc::strong_count(&carried) > CONNECTIONS_MAX {
            // Dropped, which closes it: the client may try again.
            continue;
        }
        let (path, ticket) = (Arc::clone(path), Arc::clone(&carried));
        // A thread that cannot be started closes the connection as well.
        let _ = spawn("forward-up", move || {
            let _ticket = ticket;
            let _ = carry(&near, &path);
        });
    }
}

/// Carries one connection to its end: this thread upwards, one more downwards.
fn carry(near: &TcpStream, path: &Path) -> io::Result<()> {
    let far = socket::connect(path)?;
    near.set_nodelay(true)?;
    let (near_down, far_down) = (near.try_clone()?, far.try_clone()?);
    let down = thread::Builder::new().name("forward-down".to_owned()).spawn(move || {
        copy_down(&far_down, &near_down);
    })?;
    copy_up(near, &far);
    // A panic there has closed its ends, which is all that is wanted.
    let _ = down.join();
    Ok(())
}

/// Copies until the client says no more. Its half-close is passed on: the
/// answer may still be on its way.
fn copy_up(mut near: &TcpStream, mut far: &UnixStream) {
    let copied = io::copy(&mut near, &mut far);
    let how = if copied.is_ok() { Shutdown::Write } else { Shutdown::Both };
    // Closed by the other side already: nothing is left to close.
    let _ = far.shutdown(how);
}

/// Copies until the gateway says no more. Then the client is cut off in both
/// directions: no answer can come to what it would still send.
fn copy_down(mut far: &UnixStream, mut near: &TcpStream) {
    let _ = io::copy(&mut far, &mut near);
    let _ = near.shutdown(Shutdown::Both);
    let _ = far.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    fn connect(forwarder: &Forwarder) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, forwarder.port())).expect("it listens")
    }

    #[test]
    fn an_answer_arrives_after_the_client_has_said_its_last_word() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = socket::bind(&path).unwrap();
        let forwarder = Forwarder::start(&path, 0).unwrap();
        drop(listener.accept().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            stream.read_to_end(&mut asked).unwrap();
            stream.write_all(&asked).unwrap();
        });
        let mut client = connect(&forwarder);
        let question: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        client.write_all(&question).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, question);
        server.join().unwrap();
    }

    #[test]
    fn a_gateway_that_goes_ends_the_connection() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = socket::bind(&path).unwrap();
        let forwarder = Forwarder::start(&path, 0).unwrap();
        drop(listener.accept().unwrap());
        let mut client = connect(&forwarder);
        drop(listener.accept().unwrap());
        assert_eq!(client.read(&mut [0; 8]).unwrap_or(0), 0);
        drop(listener);
        let mut refused = connect(&forwarder);
        assert_eq!(refused.read(&mut [0; 8]).unwrap_or(0), 0);
    }

    #[test]
    fn a_socket_that_is_not_there_is_an_error_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let error = Forwarder::start(&folder.path().join("s"), 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
