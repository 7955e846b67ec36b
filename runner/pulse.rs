//! The signs of life of a node's process, and how long it was held for the
//! provider: shared by whoever sees one and whoever watches the process.
//!
//! Unaware of processes and of requests.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::awake;

/// The signs of life of one node.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<Signs>);

#[derive(Debug, Default)]
struct Signs {
    last: Duration,
    /// How many of its requests are held now.
    holds: u32,
    held_since: Duration,
    held_before: Duration,
}

impl Pulse {
    /// Makes a pulse whose last beat is now.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Signs { last: awake(), ..Signs::default() }))
    }

    /// Notes a sign of life.
    pub(crate) fn beat(&self) {
        self.lock().last = awake();
    }

    /// Returns the time since the last sign of life. While it is held it cannot
    /// give any.
    #[must_use]
    pub(crate) fn silence(&self) -> Duration {
        let signs = self.lock();
        if signs.holds > 0 { Duration::ZERO } else { awake().saturating_sub(signs.last) }
    }

    /// Notes that a request of it is held; tells whether it is the only one.
    pub(crate) fn hold(&self) -> bool {
        let mut signs = self.lock();
        signs.holds += 1;
        if signs.holds == 1 {
            signs.held_since = awake();
        }
        signs.holds == 1
    }

    /// Notes that a request of it is held no more; tells whether none is now.
    pub(crate) fn release(&self) -> bool {
        let mut signs = self.lock();
        if signs.holds == 1 {
            let now = awake();
            let held = now.saturating_sub(signs.held_since);
            signs.held_before += held;
            signs.last = now;
        }
        signs.holds = signs.holds.saturating_sub(1);
        signs.holds == 0
    }

    /// Returns how long it was held, all attempts together.
    #[must_use]
    pub(crate) fn held(&self) -> Duration {
        let signs = self.lock();
        match signs.holds {
            0 => signs.held_before,
            _ => signs.held_before + awake().saturating_sub(signs.held_since),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Signs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_node_is_not_silent_and_its_holds_are_one() {
        let pulse = Pulse::new();
        assert_eq!(pulse.held(), Duration::ZERO);
        assert!(pulse.hold());
        assert!(!pulse.hold(), "a second request is the same hold");
        assert_eq!(pulse.silence(), Duration::ZERO);
        assert!(!pulse.release());
        let before = pulse.held();
        assert!(pulse.held() >= before);
        assert!(pulse.release());
        let held = pulse.held();
        assert!(held >= before);
        assert_eq!(pulse.held(), held, "its time goes on");
    }
}
