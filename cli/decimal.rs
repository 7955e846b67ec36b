//! Exact decimal numbers, as JSON spells them: `5e-06`, `0.000005`.
//!
//! No float is involved, so a price is what the text says to the last digit.
//! Unaware of what the numbers count.

use eufm_plan::units::{Currency, Money, Price};

/// The most a price may be, in millionths: nine digits before the point.
const MICROS_MAX: u128 = 999_999_999_999_999;

/// How many zeros a price for a token has less than one for a million of them, in
/// millionths: 6 for the tokens, 6 for the millionths.
const SHIFT: i64 = 12;

/// A number that is not negative: digits times a power of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    /// Without zeros at its end; 0 for zero alone.
    digits: u128,
    exponent: i64,
}

/// Why a text is no such number, or a number no price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// It is negative.
    Negative,
    /// It has more digits than can be counted with.
    TooLong,
    /// As a price it would need more than six decimals.
    TooFine,
    /// As a price it would be a billion or more.
    TooLarge,
}

impl Decimal {
    /// Reads a number as JSON spells it; its form was checked before.
    pub(crate) fn parse(text: &str) -> Result<Self, Unusable> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa),
        };
        let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{decimals}");
        let digits = digits.trim_start_matches('0');
        let kept = digits.trim_end_matches('0');
        if kept.is_empty() {
            return Ok(Self { digits: 0, exponent: 0 });
        }
        if negative {
            return Err(Unusable::Negative);
        }
        // Lengths of texts that fit into memory; an exponent beyond them is far out.
        let shift = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let exponent: i64 = exponent.parse().map_err(|_| match exponent.starts_with('-') {
            true => Unusable::TooFine,
            false => Unusable::TooLarge,
        })?;
        let exponent = exponent
            .saturating_sub(shift(decimals.len()))
            .saturating_add(shift(digits.len() - kept.len()));
        let digits = kept.parse().map_err(|_| Unusable::TooLong)?;
        Ok(Self { digits, exponent })
    }

    /// Tells whether it is zero.
    pub(crate) fn is_zero(self) -> bool {
        self.digits == 0
    }

    /// Returns what a million tokens cost, if this is what one costs.
    pub(crate) fn per_million_tokens(self, currency: Currency) -> Result<Price, Unusable> {
        let price = |micros| Price(Money { micros, currency });
        if self.is_zero() {
            return Ok(price(0));
        }
        let power = self.exponent.saturating_add(SHIFT);
        if power < 0 {
            return Err(Unusable::TooFine);
        }
        let micros = u32::try_from(power)
            .ok()
            .and_then(|power| 10_u128.checked_pow(power))
            .and_then(|factor| self.digits.checked_mul(factor))
            .filter(|micros| *micros <= MICROS_MAX)
            .and_then(|micros| u64::try_from(micros).ok());
        micros.map(price).ok_or(Unusable::TooLarge)
    }

    /// Returns the number if it is whole and fits.
    pub(crate) fn whole(self) -> Option<u64> {
        if self.is_zero() {
            return Some(0);
        }
        let power = u32::try_from(self.exponent).ok()?;
        u64::try_from(10_u128.checked_pow(power)?.checked_mul(self.digits)?).ok()
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Negative => "is negative",
            Self::TooLong => "has too many digits",
            Self::TooFine => "needs more than six decimals per million tokens",
            Self::TooLarge => "is a billion or more per million tokens",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> Result<u64, Unusable> {
        let usd = Currency::parse("USD").unwrap();
        Ok(Decimal::parse(text)?.per_million_tokens(usd)?.0.micros)
    }

    #[test]
    fn every_spelling_of_a_number_is_the_same_price() {
        for text in
            ["5e-06", "5E-6", "0.000005", "0.0000050", "0.5e-5", "50e-7", "5000000000000e-18"]
        {
            assert_eq!(micros(text), Ok(5_000_000), "{text}");
        }
        for text in ["0", "0.0", "-0.0", "0e9", "0E-99999999999999999999"] {
            assert_eq!(micros(text), Ok(0), "{text}");
        }
        assert_eq!(micros("5.46875e-07"), Ok(546_875));
        assert_eq!(micros("1e-12"), Ok(1));
        assert_eq!(micros("999.999999999999"), Ok(999_999_999_999_999));
    }

    #[test]
    fn nothing_is_rounded_and_nothing_overflows() {
        for (text, why) in [
            ("1e-13", Unusable::TooFine),
            ("2.0000000000000004e-07", Unusable::TooFine),
            ("1e-99999999999999999999", Unusable::TooFine),
            ("1e-9223372036854775808", Unusable::TooFine),
            ("1000", Unusable::TooLarge),
            ("1e400", Unusable::TooLarge),
            ("1e99999999999999999999", Unusable::TooLarge),
            ("9e9223372036854775807", Unusable::TooLarge),
            ("1.23456789012345678901234567890123456789012", Unusable::TooLong),
            ("-1e-6", Unusable::Negative),
        ] {
            assert_eq!(micros(text), Err(why), "{text}");
        }
    }

    #[test]
    fn a_count_is_whole() {
        let whole = |text: &str| Decimal::parse(text).ok().and_then(Decimal::whole);
        for (text, count) in [("128000", 128_000), ("128000.0", 128_000), ("1.28e5", 128_000)] {
            assert_eq!(whole(text), Some(count), "{text}");
        }
        for text in ["0.5", "1e-1", "1e30", "99999999999999999999", "-1"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }
}
