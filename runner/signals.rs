//! What the system's signals mean to a run.
//!
//! The first INT, TERM or HUP stops the run in order: what runs is ended, its
//! work kept, the journal closed. A second one ends everything at once: what
//! runs is killed, nothing of it is kept, and the next runner goes on from the
//! journal. TSTP pauses the run until CONT: what it has started is stopped with
//! it, and no time counts. Unaware of what stopping takes.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::{Handle, Signals};

use crate::workshop::{Courier, Message};

/// Listens for signals until it is dropped.
pub(crate) struct Listening(Handle);

/// Starts listening.
///
/// # Errors
/// Fails when the handlers cannot be installed.
pub(crate) fn listen(courier: Courier) -> io::Result<Listening> {
    let ignored = ignored();
    // What nohup(1) lets be ignored stays so.
    let heard = [SIGINT, SIGTERM, SIGHUP, SIGTSTP];
    let heard = heard.into_iter().filter(|signal| !ignored.contains(signal));
    let mut signals = Signals::new(heard)?;
    let handle = signals.handle();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut is_first = true;
        for signal in signals.forever() {
            if signal == SIGTSTP {
                pause();
                continue;
            }
            if !is_first {
                crate::process::kill_started();
                // As if the signal had ended it: nobody's drop may hold it up.
                signal_hook::low_level::exit(128 + signal);
            }
            is_first = false;
            courier.send(Message::Signal(signal));
        }
    })?;
    Ok(Listening(handle))
}

/// Stops what this process has started, then itself; goes on when somebody sends
/// CONT. The clock stands still first, since other threads may be the first to
/// run again.
fn pause() {
    crate::clock::fall_asleep();
    crate::process::stop_started();
    // Only an unknown signal is an error; and then nothing has been stopped.
    let _ = signal_hook::low_level::emulate_default_handler(SIGTSTP);
    crate::process::continue_started();
    crate::clock::wake_up();
}

/// Lists the signals that this process was started with as ignored
/// (proc_pid_status(5)).
fn ignored() -> Vec<i32> {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = text.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    (1..=64).filter(|signal| mask & (1 << (signal - 1)) != 0).collect()
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.close();
    }
}
