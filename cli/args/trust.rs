//! The digest that a person vouches with for a plan whose spec is not there.

use eufm_plan::Digest;

/// The fewest digits that tell a plan from others.
const DIGITS_MIN: usize = 12;

/// A digest, or the begin of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trust {
    /// Hexadecimal digits in small letters.
    digits: String,
}

impl Trust {
    /// Reads `sha256:…`, or its digits alone.
    ///
    /// # Errors
    /// Says how it is written.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
        let is_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digits && (DIGITS_MIN..=64).contains(&digits.len()) {
            return Ok(Self { digits });
        }
        Err(format!(
            "write the digest of the plan, `sha256:` and 64 hexadecimal digits, or at least \
             {DIGITS_MIN} of its first"
        ))
    }

    /// Tells whether it is the digest of this plan.
    pub(crate) fn is_of(&self, plan: &Digest) -> bool {
        plan.short(64).starts_with(&self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_given_whole_or_by_enough_of_its_begin() {
        let plan = Digest::of(b"plan");
        let (whole, begin) = (plan.to_string(), plan.short(12));
        for text in [&whole, &begin, &begin.to_uppercase(), &format!("sha256:{begin}")] {
            assert!(Trust::parse(text).is_ok_and(|trust| trust.is_of(&plan)), "{text}");
        }
        let other = Digest::of(b"other");
        assert!(!Trust::parse(&whole).unwrap().is_of(&other));
        for text in ["", "sha256:", &plan.short(11), &format!("{whole}0"), "no digest at all"] {
            assert!(Trust::parse(text).is_err(), "{text}");
        }
    }
}
