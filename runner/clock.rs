//! The run's clock: active time, which crashes, pauses and waiting do not advance.
//!
//! Active time goes on from the journal's last record. It is monotonic: a
//! step of the host's clock changes only the dates shown to people. While this
//! process is stopped it stands still: exactly where the process hears of it
//! (SIGTSTP); and where it cannot, as of SIGSTOP or a frozen container, a silence
//! counts as a few seconds at most. Unaware of what runs.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// As how much a silence of the whole process counts at most.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// How often somebody has to ask how long this process was awake, so that no
/// time of it is lost.
pub(crate) const ASKED_INTERVAL: Duration = Duration::from_secs(2);

/// How long this process was awake.
#[derive(Debug)]
struct Wakefulness {
    /// The steady clock's time when it was last asked.
    asked: Option<Instant>,
    awake: Duration,
    is_asleep: bool,
}

static WAKEFULNESS: Mutex<Wakefulness> =
    Mutex::new(Wakefulness { asked: None, awake: Duration::ZERO, is_asleep: false });

impl Wakefulness {
    /// Counts the time up to `now`, unless the process slept.
    fn at(&mut self, now: Instant) -> Duration {
        let passed =
            self.asked.map_or(Duration::ZERO, |asked| now.saturating_duration_since(asked));
        self.asked = Some(now);
        if !self.is_asleep {
            self.awake += passed.min(SILENCE_MAX);
        }
        self.awake
    }

    fn set(&mut self, now: Instant, is_asleep: bool) {
        self.at(now);
        self.is_asleep = is_asleep;
    }
}

fn wakefulness() -> std::sync::MutexGuard<'static, Wakefulness> {
    WAKEFULNESS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns how long this process was awake since it was first asked. Limits on
/// time go by it.
#[must_use]
pub(crate) fn awake() -> Duration {
    let mut wakefulness = wakefulness();
    wakefulness.at(Instant::now())
}

/// Stands still from now on: the process is about to be stopped.
pub(crate) fn fall_asleep() {
    wakefulness().set(Instant::now(), true);
}

/// Goes on: the process runs again.
pub(crate) fn wake_up() {
    wakefulness().set(Instant::now(), false);
}

/// Measures a run's active time.
#[derive(Debug)]
pub(crate) struct Clock {
    /// How long the process was awake at the start, and what passed since then
    /// without counting.
    origin: Duration,
    waited: Duration,
    /// Since when the run waits.
    waits_since: Option<Duration>,
    before_ms: u64,
}

impl Clock {
    /// Starts the clock at the active time that an earlier runner reached.
    #[must_use]
    pub(crate) fn starting_at(before_ms: u64) -> Self {
        let (origin, waited) = (awake(), Duration::ZERO);
        Self { origin, waited, waits_since: None, before_ms }
    }

    /// Says whether the run does nothing but wait, which is no active time.
    pub(crate) fn set_waiting(&mut self, waits: bool) {
        self.wait_at(awake(), waits);
    }

    fn wait_at(&mut self, now: Duration, waits: bool) {
        match (self.waits_since, waits) {
            (None, true) => self.waits_since = Some(now),
            (Some(since), false) => {
                self.waited += now.saturating_sub(since);
                self.waits_since = None;
            }
            _ => {}
        }
    }

    /// Returns the active time in milliseconds.
    #[must_use]
    pub(crate) fn at_ms(&self) -> u64 {
        self.ms_at(awake())
    }

    fn ms_at(&self, now: Duration) -> u64 {
        let active = self.waits_since.unwrap_or(now).saturating_sub(self.origin + self.waited);
        self.before_ms.saturating_add(u64::try_from(active.as_millis()).unwrap_or(u64::MAX))
    }
}

/// Returns the seconds since 1970-01-01 UTC, for people and for commits.
#[must_use]
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleep_does_not_count_and_an_unheard_one_only_for_a_while() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut it = Wakefulness { asked: None, awake: Duration::ZERO, is_asleep: false };
        assert_eq!(it.at(at(0)), Duration::ZERO);
        assert_eq!(it.at(at(3)), Duration::from_secs(3));
        it.set(at(4), true);
        // Whoever is awake first sees no jump, though nobody has said so yet.
        assert_eq!(it.at(at(604)), Duration::from_secs(4));
        it.set(at(605), false);
        assert_eq!(it.at(at(606)), Duration::from_secs(5));
        assert_eq!(it.at(at(4_000)), Duration::from_secs(5) + SILENCE_MAX);
        assert_eq!(it.at(at(3_000)), Duration::from_secs(5) + SILENCE_MAX, "never back");
        assert!(ASKED_INTERVAL * 2 < SILENCE_MAX);
    }

    #[test]
    fn a_clock_waits_from_when_it_is_told_to() {
        let mut clock = Clock::starting_at(0);
        clock.set_waiting(true);
        assert!(clock.waits_since.is_some_and(|since| since >= clock.origin));
        clock.set_waiting(false);
        assert_eq!(clock.waits_since, None);
    }

    #[test]
    fn waiting_is_no_active_time() {
        let second = |number| Duration::from_secs(number);
        let mut clock = Clock {
            origin: second(100),
            waited: Duration::ZERO,
            waits_since: None,
            before_ms: 7_000,
        };
        assert_eq!(clock.ms_at(second(101)), 8_000);
        clock.wait_at(second(102), true);
        clock.wait_at(second(103), true);
        assert_eq!(clock.ms_at(second(500)), 9_000);
        clock.wait_at(second(600), false);
        clock.wait_at(second(601), false);
        assert_eq!(clock.ms_at(second(603)), 12_000);
        clock.wait_at(second(603), true);
        clock.wait_at(second(610), false);
        assert_eq!(clock.ms_at(second(610)), 12_000);
    }
}
