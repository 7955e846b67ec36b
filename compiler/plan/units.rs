//! Quantities with their units: durations, percentages, counts, days, and limits on them.
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

    /// Returns it in hundredths of a percent.
    #[must_use]
    pub fn basis_points(self) -> u32 {
        self.basis_points
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

/// The most digits of an amount's whole part: one amount fits into 64 bits many times
/// over, and the sum over all nodes of a plan into 128.
const MONEY_DIGITS_MAX: usize = 9;

/// How many millionths one unit has.
const MICROS: u64 = 1_000_000;

/// A currency: three capital letters, as ISO 4217 has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// Parses three capital letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&letter| write!(f, "{}", char::from(letter)))
    }
}

/// An amount of money in whole millionths of a currency; canonical as `20.000000 EUR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    /// Millionths of one unit of the currency.
    pub micros: u64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// Makes an amount of a number with at most six decimals and a currency.
    #[must_use]
    pub fn of(number: &str, currency: &str) -> Option<Self> {
        Some(Self { micros: micros(number)?, currency: Currency::parse(currency)? })
    }

    /// Parses `20 EUR` or `0.60 EUR`: at most six decimals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (number, currency) = text.split_once(' ')?;
        Self::of(number, currency)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06} {}", self.micros / MICROS, self.micros % MICROS, self.currency)
    }
}

/// Reads a number with at most six decimals as millionths.
fn micros(number: &str) -> Option<u64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    if whole.len() > MONEY_DIGITS_MAX || decimals.is_empty() || decimals.len() > 6 {
        return None;
    }
    let scale = 10_u64.pow(u32::try_from(6 - decimals.len()).ok()?);
    let below = parse_count(decimals)?.checked_mul(scale)?;
    parse_count(whole)?.checked_mul(MICROS)?.checked_add(below)
}

/// Money per hour of implementation; canonical as `1.000000 EUR per hour`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(
    /// What may be spent in one hour.
    pub Money,
);

impl Rate {
    /// Parses `1 EUR per hour`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Money::parse(text.strip_suffix(" per hour")?).map(Self)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per hour", self.0)
    }
}

/// Money for a million tokens; canonical as `5.000000 USD per 1M tokens`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(
    /// What 1,000,000 tokens cost.
    pub Money,
);

impl Price {
    /// Parses `5.00 USD per 1M tokens`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Money::parse(text.strip_suffix(" per 1M tokens")?).map(Self)
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per 1M tokens", self.0)
    }
}

/// The units of memory and files, largest first, with their bytes.
pub const BYTE_UNITS: &[(&str, u64)] =
    &[("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// A number of bytes; canonical as `8 GiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// Makes a size of `count` units; `None` for an unknown unit or on overflow.
    #[must_use]
    pub fn from_unit(count: u64, unit: &str) -> Option<Self> {
        let (_, length) = BYTE_UNITS.iter().find(|(name, _)| *name == unit)?;
        count.checked_mul(*length).map(Self)
    }

    /// Parses the canonical form, a count and a unit.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (count, unit) = text.split_once(' ')?;
        Self::from_unit(parse_count(count)?, unit)
    }
}

impl fmt::Display for Bytes {
    /// Prints the largest unit that divides the size, so that no digit is lost.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, length) = BYTE_UNITS
            .iter()
            .find(|(_, length)| self.0 != 0 && self.0.is_multiple_of(*length))
            .unwrap_or(&("B", 1));
        write!(f, "{} {unit}", self.0 / length)
    }
}

/// The units of tokens, largest first, with their count.
pub const TOKEN_UNITS: &[(&str, u64)] = &[("M", 1_000_000), ("K", 1_000), ("", 1)];

/// A number of a model's tokens; canonical as `4M`, `272K` or `1500`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tokens(pub u64);

impl Tokens {
    /// Makes a number of `count` units; `None` for an unknown unit or on overflow.
    #[must_use]
    pub fn from_unit(count: u64, unit: &str) -> Option<Self> {
        let (_, size) = TOKEN_UNITS.iter().find(|(name, _)| *name == unit)?;
        count.checked_mul(*size).map(Self)
    }

    /// Parses the canonical form, a count and a unit without a space.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
        Self::from_unit(parse_count(&text[..end])?, &text[end..])
    }
}

impl fmt::Display for Tokens {
    /// Prints the largest unit that divides the number, so that no digit is lost.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = TOKEN_UNITS
            .iter()
            .find(|(_, size)| self.0 != 0 && self.0.is_multiple_of(*size))
            .unwrap_or(&("", 1));
        write!(f, "{}{unit}", self.0 / size)
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

/// The years that a day can have, from the beginning of Unix time.
const YEARS: std::ops::RangeInclusive<u64> = 1_970..=9_999;

/// Tells whether a text is a day of the calendar, as in `2026-06-12`. Days in this form
/// are in the order of their texts.
#[must_use]
pub fn is_date(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut next = |digits: usize| {
        parts.next().filter(|part| part.len() == digits).and_then(parse_count).unwrap_or(0)
    };
    let (year, month, day) = (next(4), next(2), next(2));
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    };
    YEARS.contains(&year) && (1..=days).contains(&day) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_of_the_calendar() {
        for good in ["2026-06-12", "2024-02-29", "2000-02-29", "1970-01-01"] {
            assert!(is_date(good), "{good}");
        }
        for bad in [
            "2026-6-12",
            "2026-00-01",
            "2026-01-32",
            "12.06.2026",
            "2026-06-12x",
            "0001-01-01",
            "1969-12-31",
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-04-31",
            "2026-01-00",
            "0000-01-01",
            "2026-01-01-",
            "",
            "+026-01-01",
        ] {
            assert!(!is_date(bad), "{bad}");
        }
    }

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

    #[test]
    fn money_has_one_spelling_and_loses_no_millionth() {
        for (text, spelled) in [
            ("20 EUR", "20.000000 EUR"),
            ("0.60 EUR", "0.600000 EUR"),
            ("0.000001 USD", "0.000001 USD"),
            ("999999999.999999 RON", "999999999.999999 RON"),
        ] {
            let money = Money::parse(text).expect("money");
            assert_eq!(money.to_string(), spelled);
            assert_eq!(Money::parse(spelled), Some(money));
        }
        for bad in [
            "",
            "20",
            "20EUR",
            "20 eur",
            "20 EURO",
            "-1 EUR",
            "1. EUR",
            ".5 EUR",
            "1.0000001 EUR",
            "1000000000 EUR",
            "1,5 EUR",
            "1e3 EUR",
            "20  EUR",
            "20 EUR ",
            "٣ EUR",
        ] {
            assert_eq!(Money::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn rates_and_prices_have_one_spelling() {
        let rate = Rate::parse("1 EUR per hour").expect("a rate");
        assert_eq!(rate.to_string(), "1.000000 EUR per hour");
        let price = Price::parse("0.50 USD per 1M tokens").expect("a price");
        assert_eq!(price.to_string(), "0.500000 USD per 1M tokens");
        for bad in ["1 EUR", "1 EUR per day", "per hour", "1 EUR per 1M tokens"] {
            assert_eq!(Rate::parse(bad), None, "{bad}");
        }
        for bad in ["1 USD", "1 USD per 1K tokens", "1 USD per hour"] {
            assert_eq!(Price::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_and_tokens_have_one_spelling() {
        for text in ["0 B", "1 B", "8 GiB", "1536 MiB", "1 TiB", "1023 KiB"] {
            assert_eq!(Bytes::parse(text).map(|value| value.to_string()).as_deref(), Some(text));
        }
        for text in ["0", "1500", "272K", "4M", "1001"] {
            assert_eq!(Tokens::parse(text).map(|value| value.to_string()).as_deref(), Some(text));
        }
        assert_eq!(Bytes::parse("1024 MiB").map(|size| size.to_string()).as_deref(), Some("1 GiB"));
        assert_eq!(Tokens::parse("4000K").map(|count| count.to_string()).as_deref(), Some("4M"));
        for bad in ["8", "8GiB", "8 GB", "-1 B", "18446744073709551615 KiB"] {
            assert_eq!(Bytes::parse(bad), None, "{bad}");
        }
        for bad in ["", "M", "4 M", "4m", "4G", "-1", "18446744073709551615K", "4é"] {
            assert_eq!(Tokens::parse(bad), None, "{bad}");
        }
    }
}
