//! What a provider answered: the items that were done, and how it ended.
//!
//! Unaware of requests and of how an answer is written down or streamed.

use serde_json::Value;

use crate::gateway::Usage;

/// What a provider answered to one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The items that were done when the answer ended, as the provider wrote
    /// them. An answer that is no stream has none.
    pub items: Vec<Value>,
    /// How it ended.
    pub end: End,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With `response.completed`.
    Completed {
        /// The tokens it is accounted with.
        usage: Usage,
    },
    /// With `response.incomplete`: the provider cut it off.
    Incomplete {
        /// Why, in the provider's word, such as `max_output_tokens`.
        reason: String,
        /// The tokens it is accounted with.
        usage: Usage,
    },
    /// With `response.failed` or an `error` event.
    Failed {
        /// The provider's code.
        code: String,
        /// The provider's message.
        message: String,
    },
    /// The stream ended or stalled before its last event.
    Broken,
    /// It was no stream but an HTTP error.
    Status {
        /// The HTTP status.
        status: u16,
        /// What `Retry-After` said, in seconds.
        retry_after_s: Option<u64>,
        /// The body, as text.
        body: String,
    },
}

impl End {
    /// Returns the tokens that the provider counted, if it did.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Self::Completed { usage } | Self::Incomplete { usage, .. } => Some(*usage),
            Self::Failed { .. } | Self::Broken | Self::Status { .. } => None,
        }
    }
}
