//! What went wrong with a request to a provider, in the words that the rest of
//! the runner decides by.
//!
//! Unaware of HTTP: `classify` makes these from what came back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::printable;

/// The longest message that is kept, in characters.
const MESSAGE_CHARS_MAX: usize = 500;
/// The longest time that a provider is believed when it says when to come
/// back: its longest limits are by the week.
const WAIT_MAX: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// How far a request had come, which decides what it may have cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// There was no connection, so nothing was sent: it cost nothing.
    Unsent,
    /// It was answered with an HTTP status that is no success: it cost nothing.
    Rejected,
    /// It may have been sent, and no status came: nobody knows what it cost.
    Unanswered,
    /// The answer began and broke off: nobody knows what it cost.
    Broken,
    /// The answer ended with an event that says that it failed.
    Failed,
}

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// No name, no connection, no TLS, or a connection that was reset.
    Network,
    /// The provider took the request and said nothing in the time it has.
    Silent,
    /// The answer began, and no event came for longer than it may take.
    Stalled,
    /// The answer ended before its last event.
    Broken,
    /// Too many requests or tokens in a span of time.
    RateLimited,
    /// The account has no money left.
    Quota,
    /// The account's plan allows no more until a certain time.
    UsageLimit,
    /// The provider is overloaded or has a fault of its own.
    Overloaded,
    /// The key is not accepted, or does not permit this.
    Auth,
    /// The provider does not have this model or this path.
    NotFound,
    /// The provider does not take such a request.
    BadRequest,
    /// The request is longer than the model's context.
    Context,
    /// The provider does not want to answer this.
    Policy,
    /// What came is no answer of the Responses API.
    Malformed,
}

impl Class {
    /// Tells whether waiting may mend it: then the request is held and sent
    /// again; else the agent is told at once.
    #[must_use]
    pub fn is_transient(self) -> bool {
        match self {
            Self::Network
            | Self::Silent
            | Self::Stalled
            | Self::Broken
            | Self::RateLimited
            | Self::Quota
            | Self::UsageLimit
            | Self::Overloaded => true,
            Self::Auth
            | Self::NotFound
            | Self::BadRequest
            | Self::Context
            | Self::Policy
            | Self::Malformed => false,
        }
    }

    /// Returns it in words, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Network => "no connection",
            Self::Silent => "no answer",
            Self::Stalled => "the answer stalled",
            Self::Broken => "the answer broke off",
            Self::RateLimited => "rate limit",
            Self::Quota => "quota exhausted",
            Self::UsageLimit => "usage limit",
            Self::Overloaded => "overloaded",
            Self::Auth => "not authorised",
            Self::NotFound => "not found",
            Self::BadRequest => "bad request",
            Self::Context => "context too long",
            Self::Policy => "refused by policy",
            Self::Malformed => "no answer of the Responses API",
        }
    }
}

/// Why a request has no answer, or only a part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", class.words())]
pub struct Trouble {
    /// How far it came.
    pub phase: Phase,
    /// What kind it is.
    pub class: Class,
    /// What happened, as one line that can be shown; bounded, without the key.
    pub message: String,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
    /// When the provider will answer again, in seconds since 1970-01-01 UTC.
    pub resets_at: Option<u64>,
}

impl Trouble {
    pub(super) fn new(phase: Phase, class: Class, message: &str) -> Self {
        let message = printable::line(message, MESSAGE_CHARS_MAX);
        Self { phase, class, message, retry_after: None, resets_at: None }
    }

    /// Tells whether waiting may mend it; see [`Class::is_transient`].
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.class.is_transient()
    }

    /// Returns how long to wait at least, by what the provider said; at most
    /// eight days. `now` is in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn least_wait(&self, now: u64) -> Duration {
        let until = self.resets_at.map(|at| Duration::from_secs(at.saturating_sub(now)));
        self.retry_after.max(until).unwrap_or_default().min(WAIT_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_wait_is_the_longer_one_and_has_a_bound() {
        let mut trouble = Trouble::new(Phase::Rejected, Class::UsageLimit, "x");
        assert_eq!(trouble.least_wait(100), Duration::ZERO);
        trouble.retry_after = Some(Duration::from_millis(1_500));
        assert_eq!(trouble.least_wait(100), Duration::from_millis(1_500));
        trouble.resets_at = Some(110);
        assert_eq!(trouble.least_wait(100), Duration::from_secs(10));
        assert_eq!(trouble.least_wait(109), Duration::from_millis(1_500));
        assert_eq!(trouble.least_wait(200), Duration::from_millis(1_500));
        trouble.resets_at = Some(u64::MAX);
        assert_eq!(trouble.least_wait(100), WAIT_MAX);
    }

    #[test]
    fn a_message_is_one_line_of_bounded_length() {
        let long = format!("a\nb\u{1b}[31m{}", "x".repeat(10_000));
        let trouble = Trouble::new(Phase::Rejected, Class::BadRequest, &long);
        assert!(trouble.message.starts_with("a b[31mxx"), "{trouble}");
        assert_eq!(trouble.message.chars().count(), MESSAGE_CHARS_MAX + 1);
        assert!(trouble.to_string().starts_with("bad request: a b"), "{trouble}");
    }
}
