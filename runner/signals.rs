//! What the system's signals mean to a run.
//!
//! The first INT, TERM or HUP stops the run in order: what runs is ended, its
//! work kept, the journal closed. A second one ends the process at once; the
//! sandboxes die with it. Unaware of what stopping takes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::{Handle, Signals};

use crate::workshop::{Courier, Message};

/// Listens for signals until it is dropped.
pub(crate) struct Listening(Handle);

/// Starts listening.
///
/// # Errors
/// Fails when the handlers cannot be installed.
pub(crate) fn listen(courier: Courier) -> io::Result<Listening> {
    let all = [SIGINT, SIGTERM, SIGHUP];
    let once = Arc::new(AtomicBool::new(false));
    for signal in all {
        // The order matters: the first signal passes the shutdown and arms it.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&once))?;
        flag::register(signal, Arc::clone(&once))?;
    }
    let mut signals = Signals::new(all)?;
    let handle = signals.handle();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            courier.send(Message::Signal(signal));
        }
    })?;
    Ok(Listening(handle))
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.close();
    }
}
