//! Implementation time: in which at least one attempt runs and is not held.
//!
//! What is spent an hour is counted by it: nothing is spent while all wait for
//! the provider or a gate judges. A fold over moments of active time, as the
//! state that it is a part of. Unaware of which attempts these are.

use super::RunState;
use crate::ledger::Paced;

impl RunState {
    /// Returns the implementation time until `at_ms`, in milliseconds: that in
    /// which at least one attempt ran and was not held.
    #[must_use]
    pub fn worked_ms(&self, at_ms: u64) -> u64 {
        self.worked.until(at_ms)
    }

    /// Returns what was spent beside what the plan's rate allows until `at_ms`;
    /// `None` in a plan without a rate.
    #[must_use]
    pub fn paced(&self, at_ms: u64) -> Option<Paced> {
        Some(self.pace?.after(self.worked_ms(at_ms), self.account.spent().micros))
    }
}

/// How long attempts worked, the time in which several did counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Worked {
    /// In milliseconds, up to when the work that goes on began.
    before_ms: u64,
    /// Since when it goes on, in active time.
    since_ms: Option<u64>,
}

impl Worked {
    /// Notes whether an attempt works from `at_ms` on.
    pub(super) fn note(&mut self, at_ms: u64, works: bool) {
        if works {
            self.since_ms.get_or_insert(at_ms);
        } else {
            self.before_ms = self.until(at_ms);
            self.since_ms = None;
        }
    }

    /// Returns how long they worked until `at_ms`, in milliseconds.
    pub(super) fn until(&self, at_ms: u64) -> u64 {
        let goes_on = self.since_ms.map_or(0, |since| at_ms.saturating_sub(since));
        self.before_ms.saturating_add(goes_on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_added_up_and_the_gaps_between_them_are_not() {
        let mut worked = Worked::default();
        for (at_ms, works, until) in [
            (5, false, 0),
            (10, true, 0),
            (30, true, 20),
            (40, false, 30),
            (90, false, 30),
            (100, true, 30),
        ] {
            worked.note(at_ms, works);
            assert_eq!(worked.until(at_ms), until, "at {at_ms}");
        }
        assert_eq!(worked.until(107), 37, "what goes on counts too");
    }
}
