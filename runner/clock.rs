//! The run's clock: active time, which crashes and pauses do not advance.
//!
//! Active time goes on from the journal's last record. It is monotonic: a
//! step of the host's clock changes only the dates shown to people.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Measures a run's active time.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    before_ms: u64,
}

impl Clock {
    /// Starts the clock at the active time that an earlier runner reached.
    #[must_use]
    pub(crate) fn starting_at(before_ms: u64) -> Self {
        Self { origin: Instant::now(), before_ms }
    }

    /// Returns the active time in milliseconds.
    #[must_use]
    pub(crate) fn at_ms(&self) -> u64 {
        let now = u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.before_ms.saturating_add(now)
    }
}

/// Returns the seconds since 1970-01-01 UTC, for people and for commits.
#[must_use]
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
