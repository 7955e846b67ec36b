//! Quantities with their units: durations, percentages, counts, and limits on them.
//!
//! Integers only, no floats: the same text gives the same value and back on
//! every machine. Each type has one canonical spelling, used in plan.lock.
//! Unaware of what is measured.

use std::fmt;

/// A span of time in whole milliseconds; canonical as `90 s`, `15 min`, `6 h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

/// The units of time, largest first, with their length in milliseconds.
pub const TIME_UNITS: &[(&str, u64)] =
    &[("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

impl Millis {
    /// Makes a duration of `count` units; `None` for an unknown unit or on overflow.
    #[must_use]
    pub fn from_unit(count: u64, unit: &str) -> Option<Self> {
        let (_, length) = TIME_UNITS.iter().find(|(name, _)| *name == unit)?;
        count.checked_mul(*length).map(Self)
    }

    /// Parses the canonical form, a count and a unit.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once(' ')?;
        Self::from_unit(parse_count(count)?, unit)
    }

    /// Returns the duration for the standard library's clocks.
    #[must_use]
    pub fn to_std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }
}

impl fmt::Display for Millis {
    /// Prints the largest unit that divides the duration, so that no digit is lost.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, length) = TIME_UNITS
            .iter()
            .find(|(_, length)| self.0 != 0 && self.0.is_multiple_of(*length))
            .unwrap_or(&("s", 1_000));
        write!(f, "{} {unit}", self.0 / length)
    }
}

/// A share from 0 % to 100 %, in hundredths of a percent; canonical as `85%`, `99.5%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent {
    basis_points: u32,
}

impl Percent {
    /// Makes a percentage from hundredths of a percent; `None` above 100 %.
    #[must_use]
    pub fn from_basis_points(basis_points: u32) -> Option<Self> {
        (basis_points <= 10_000).then_some(Self { basis_points })
    }

    /// Parses `85%` or `99.25%`: at most two decimals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.strip_suffix('%')?;
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        if decimals.is_empty() || decimals.len() > 2 {
            return None;
        }
        let hundredths = parse_count(decimals)? * if decimals.len() == 1 { 10 } else { 1 };
        let points = parse_count(whole)?.checked_mul(100)?.checked_add(hundredths)?;
        Self::from_basis_points(u32::try_from(points).ok()?)
    }

    /// Tells whether `part` of `whole` reaches this share; exact, in wide integers.
    #[must_use]
    pub fn is_reached_by(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 10_000 >= u128::from(whole) * u128::from(self.basis_points)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.basis_points / 100, self.basis_points % 100);
        match (rest, rest % 10) {
            (0, _) => write!(f, "{whole}%"),
            (_, 0) => write!(f, "{whole}.{}%", rest / 10),
            _ => write!(f, "{whole}.{rest:02}%"),
        }
    }
}

/// Parses a count written in ASCII digits only: no sign, no separator.
#[must_use]
pub fn parse_count(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_spelling() {
        for text in ["1 ms", "90 s", "15 min", "6 h", "1500 ms", "0 s"] {
            assert_eq!(Millis::parse(text).map(|value| value.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Millis::parse("60 s").map(|value| value.to_string()).as_deref(), Some("1 min"));
    }

    #[test]
    fn nonsense_is_no_duration() {
        for bad in ["", "5", "5 days", "-1 s", "+1 s", "1.5 h", "18446744073709551615 h", " 1 s"] {
            assert_eq!(Millis::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn percentages_have_one_spelling() {
        for text in ["0%", "85%", "99.5%", "99.25%", "0.05%", "100%"] {
            assert_eq!(Percent::parse(text).map(|value| value.to_string()).as_deref(), Some(text));
        }
        for bad in ["85", "101%", "1.234%", "%", ".5%", "1.%", "-1%"] {
            assert_eq!(Percent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_share_is_compared_without_rounding() {
        let share = Percent::parse("85%").expect("canonical");
        assert!(share.is_reached_by(17, 20));
        assert!(!share.is_reached_by(16, 20));
        assert!(!share.is_reached_by(84_999_999, 100_000_000));
    }
}
