//! What a rule's check comes to: a verdict with its reason and the places that
//! it rests on, all of them bounded and fit to be shown.
//!
//! Unaware of what the verdict means to a run.

use crate::gates::Verdict;
use crate::printable;

/// How many places a ruling names.
pub const EVIDENCE_MAX: usize = 20;

/// How long a place or a reason is, in characters.
const LINE_CHARS_MAX: usize = 300;

/// A verdict on a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// The answer. Unknown is not a pass.
    pub verdict: Verdict,
    /// Why, in one line.
    pub reason: String,
    /// Where: `path: what` or `path:line: what`, at most [`EVIDENCE_MAX`].
    pub evidence: Vec<String>,
}

impl Ruling {
    /// Makes a ruling that names no places.
    pub(super) fn new(verdict: Verdict, reason: &str) -> Self {
        let reason = printable::line(reason, LINE_CHARS_MAX);
        Self { verdict, reason, evidence: Vec::new() }
    }

    /// Says that the rule holds.
    pub(super) fn pass(reason: &str) -> Self {
        Self::new(Verdict::Pass, reason)
    }

    /// Says that the check could not tell.
    pub(super) fn unknown(reason: &str) -> Self {
        Self::new(Verdict::Unknown, reason)
    }
}

/// Places that are found one after the other: the first are kept, all counted.
#[derive(Debug, Default)]
pub(super) struct Places {
    kept: Vec<String>,
    count: u64,
}

impl Places {
    /// Notes a place; it is spelled only if it is kept.
    pub(super) fn add(&mut self, spell: impl FnOnce() -> String) {
        if self.kept.len() < EVIDENCE_MAX {
            self.kept.push(printable::line(&spell(), LINE_CHARS_MAX));
        }
        self.count += 1;
    }

    /// Returns how many were found.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Tells whether none was found.
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Makes a ruling that names them; its reason says how many are not named.
    pub(super) fn ruling(self, verdict: Verdict, reason: &str) -> Ruling {
        let rest = self.count - self.kept.len() as u64;
        let mut ruling = Ruling::new(verdict, reason);
        if rest > 0 {
            ruling.reason.push_str(&format!("; {rest} more are not listed"));
        }
        Ruling { evidence: self.kept, ..ruling }
    }
}

/// Writes a number of things: `1 file`, `2 files`.
pub(super) fn count_of(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_the_rest_is_counted() {
        let mut places = Places::default();
        for at in 0..1_000 {
            places.add(|| format!("file\u{1b}[2J{at}: {}", "x".repeat(10_000)));
        }
        let ruling = places.ruling(Verdict::Fail, "too many");
        assert_eq!(ruling.evidence.len(), EVIDENCE_MAX);
        assert!(ruling.evidence.iter().all(|line| line.chars().count() <= LINE_CHARS_MAX + 1));
        assert!(ruling.evidence[3].starts_with("file[2J3: x"), "{}", ruling.evidence[3]);
        assert_eq!(ruling.reason, "too many; 980 more are not listed");
        let one = Places { kept: vec!["a: b".to_owned()], count: 1 };
        assert_eq!(one.ruling(Verdict::Fail, "one").reason, "one");
    }
}
