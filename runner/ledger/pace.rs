//! How fast money is spent, and how fast it may be: a rate for each hour of
//! implementation, with one hour's allowance in advance.
//!
//! In wide integers: what may be spent is rounded down and what was is rounded
//! up, each once. Unaware of what is started or held back for it.

use eufm_plan::units::Rate;

/// How long an hour is, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

/// How fast a run may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Millionths for an hour of implementation.
    hourly_micros: u64,
}

/// What was spent beside what the pace allows so far, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paced {
    /// What was spent.
    pub spent: u64,
    /// What may be spent.
    pub allowed: u64,
}

impl Pace {
    /// Makes the pace of a rate.
    #[must_use]
    pub fn of(rate: Rate) -> Self {
        Self { hourly_micros: rate.0.micros }
    }

    /// Returns what may be spent after so much implementation time, in
    /// milliseconds: the rate for that time and for one hour more.
    #[must_use]
    pub fn after(self, worked_ms: u64, spent: u64) -> Paced {
        let ms = u128::from(worked_ms) + u128::from(HOUR_MS);
        let allowed = u128::from(self.hourly_micros) * ms / u128::from(HOUR_MS);
        Paced { spent, allowed: u64::try_from(allowed).unwrap_or(u64::MAX) }
    }
}

impl Paced {
    /// Tells whether more was spent than the pace allows.
    #[must_use]
    pub fn is_passed(self) -> bool {
        self.spent > self.allowed
    }
}

/// Returns how many millionths an hour were spent, rounded up; `None` where no
/// time has passed.
#[must_use]
pub fn hourly(spent: u64, worked_ms: u64) -> Option<u64> {
    if worked_ms == 0 {
        return None;
    }
    let hourly = (u128::from(spent) * u128::from(HOUR_MS)).div_ceil(u128::from(worked_ms));
    Some(u64::try_from(hourly).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paced(rate: &str, worked_ms: u64, spent: u64) -> Paced {
        Pace::of(Rate::parse(rate).expect("a rate")).after(worked_ms, spent)
    }

    #[test]
    fn an_hours_allowance_comes_in_advance_and_the_rest_with_the_time() {
        for (worked_ms, allowed) in [
            (0, 1_000_000),
            (1, 1_000_000),
            (3, 1_000_000),
            (4, 1_000_001),
            (HOUR_MS / 2, 1_500_000),
            (3 * HOUR_MS, 4_000_000),
        ] {
            assert_eq!(paced("1 EUR per hour", worked_ms, 0).allowed, allowed, "{worked_ms}");
        }
        assert!(!paced("1 EUR per hour", 0, 1_000_000).is_passed());
        assert!(paced("1 EUR per hour", 0, 1_000_001).is_passed());
        assert!(!paced("0 EUR per hour", 9, 0).is_passed());
        assert!(paced("0 EUR per hour", 9, 1).is_passed());
    }

    #[test]
    fn nothing_overflows() {
        let most = paced("999999999.999999 EUR per hour", u64::MAX, u64::MAX);
        assert_eq!(most, Paced { spent: u64::MAX, allowed: u64::MAX });
        assert!(!most.is_passed());
        assert_eq!(hourly(u64::MAX, 1), Some(u64::MAX));
        assert_eq!(hourly(u64::MAX, HOUR_MS), Some(u64::MAX));
    }

    #[test]
    fn what_is_spent_an_hour_is_rounded_up_once() {
        for (spent, worked_ms, expected) in [
            (0, 0, None),
            (5, 0, None),
            (0, 1, Some(0)),
            (1, HOUR_MS, Some(1)),
            (1, HOUR_MS + 1, Some(1)),
            (1, 2 * HOUR_MS, Some(1)),
            (226_110, 12_000, Some(67_833_000)),
            (10, 7_000, Some(5_143)),
        ] {
            assert_eq!(hourly(spent, worked_ms), expected, "{spent} in {worked_ms}");
        }
    }
}
