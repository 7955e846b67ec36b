//! The way out to a provider that speaks the Responses API: a request goes out,
//! events come back, and whatever goes wrong is a [`Trouble`].
//!
//! Each wait has a limit, redirects are not followed, and nothing is sent twice
//! by itself: when to try again is for others to decide. Unaware of agents,
//! budgets and journal.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use rustls::RootCertStore;
use tokio::time::timeout;

mod answer;
mod classify;
#[cfg(test)]
mod classify_test;
mod connect;
mod event;
mod key;
mod key_source;
mod sse;
#[cfg(test)]
mod tls_test;
mod trouble;
#[cfg(test)]
mod wire_test;

pub use answer::{Answer, Frame};
pub use connect::{Proxies, UpstreamError};
pub use event::Kind;
pub use key::{Key, NoKey};
pub use key_source::{Found, KeyError, KeySource};
pub use trouble::{Class, Phase, Trouble};

use crate::clock;
use crate::printable;

/// How much of a refusal is read.
const REFUSAL_BYTES_MAX: usize = 64 << 10;
/// How long a refusal may take to come.
const REFUSAL_MAX: Duration = Duration::from_secs(10);

/// Where the model is, and how it is asked.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The base of the provider's addresses, such as `https://api.openai.com/v1`.
    pub url: String,
    /// What the provider knows the account by.
    pub key: Key,
    /// The proxies of the user's environment.
    pub proxies: Proxies,
    /// How long it is waited.
    pub patience: Patience,
}

/// How long a request waits, at each of its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a connection, from the look-up of the name to the end of the TLS handshake.
    pub connect: Duration,
    /// For the status of the answer, from the connection on.
    pub first_byte: Duration,
    /// For each next event. What only keeps the connection open is none.
    pub idle: Duration,
}

impl Default for Patience {
    /// What a model may take that thinks hard: Codex's own limit between events
    /// is as long.
    fn default() -> Self {
        let [connect, first_byte, idle] = [30, 300, 300].map(Duration::from_secs);
        Self { connect, first_byte, idle }
    }
}

/// The provider of a run, shared by all its attempts.
pub struct Upstream {
    client: Box<connect::Sending>,
    address: Uri,
    key: Key,
    authorization: HeaderValue,
    patience: Patience,
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Upstream {
    /// Finds the way to a provider. Nothing is sent, not even to find out
    /// whether it is there.
    ///
    /// # Errors
    /// Fails when address or proxy cannot be used, or the host trusts nobody.
    pub fn new(endpoint: Endpoint) -> Result<Self, UpstreamError> {
        Self::trusting(endpoint, connect::native_roots)
    }

    fn trusting(
        endpoint: Endpoint,
        roots: impl FnOnce() -> Result<RootCertStore, UpstreamError>,
    ) -> Result<Self, UpstreamError> {
        let Endpoint { url, key, proxies, patience } = endpoint;
        let wrong = |reason: String| UpstreamError::Address { url: url.clone(), reason };
        let address: Uri = format!("{}/responses", url.trim_end_matches('/'))
            .parse()
            .map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
        if !matches!(address.scheme_str(), Some("https" | "http")) {
            return Err(wrong("it must begin with https://".to_owned()));
        }
        let authorization = key.authorization();
        let client = connect::client(&address, &proxies, roots, patience.connect)?;
        Ok(Self { client, address, key, authorization, patience })
    }

    /// Sends a request and returns the answer once it has begun.
    ///
    /// # Errors
    /// Says what went wrong and how far the request had come.
    pub async fn send(&self, body: Bytes) -> Result<Answer, Trouble> {
        let sent = self.try_send(body).await;
        sent.map_err(|trouble| self.key.hide_in(trouble))
    }

    async fn try_send(&self, body: Bytes) -> Result<Answer, Trouble> {
        let Patience { connect, first_byte, idle } = self.patience;
        // Connecting has its own limit, so what is left of the time is the answer's.
        let Ok(answered) = timeout(connect + first_byte, (self.client)(self.request(body))).await
        else {
            let message =
                format!("the provider took the request and said nothing in {first_byte:?}");
            return Err(Trouble::new(Phase::Unanswered, Class::Silent, &message));
        };
        let response = answered.map_err(|error| self.not_answered(&error))?;
        let id = request_id(response.headers());
        if response.status() != StatusCode::OK {
            return Err(rejected(response, id.as_deref()).await);
        }
        if !is_stream(response.headers()) {
            return Err(classify::not_a_stream(response.status(), response.headers()));
        }
        Ok(Answer::new(response.into_body(), idle, id, self.key.clone()))
    }

    fn request(&self, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = self.address.clone();
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let agent = concat!("eufm/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        request
    }

    fn not_answered(&self, error: &hyper_util::client::legacy::Error) -> Trouble {
        let host = self.address.host().unwrap_or("the provider");
        let reason = causes(error);
        // What failed before there was a connection was not sent. Of all else it
        // is not known how much the provider saw.
        let (phase, message) = if error.is_connect() {
            (Phase::Unsent, format!("{host} cannot be reached: {reason}"))
        } else {
            (Phase::Unanswered, format!("{host} did not answer: {reason}"))
        };
        Trouble::new(phase, Class::Network, &message)
    }
}

/// Reads a refusal, as far as it comes in time, and classifies it.
async fn rejected(response: Response<Incoming>, id: Option<&str>) -> Trouble {
    let (parts, body) = response.into_parts();
    let body = timeout(REFUSAL_MAX, Limited::new(body, REFUSAL_BYTES_MAX).collect()).await;
    // The status alone says enough where the rest does not come.
    let body = body.ok().and_then(Result::ok).map(http_body_util::Collected::to_bytes);
    let body = body.unwrap_or_default();
    let mut trouble =
        classify::rejected(parts.status, &parts.headers, &body, clock::unix_seconds());
    if let Some(id) = id {
        trouble.message.push_str(&format!(" (request {id})"));
    }
    trouble
}

/// Tells whether events follow, as they are and not compressed. Some providers
/// name no type.
fn is_stream(headers: &HeaderMap) -> bool {
    let kind =
        headers.get(CONTENT_TYPE).map_or(b"text/event-stream".as_slice(), |value| value.as_bytes());
    let is_events = kind.to_ascii_lowercase().starts_with(b"text/event-stream");
    is_events && headers.get(CONTENT_ENCODING).is_none_or(|value| value == "identity")
}

/// Returns the provider's name of a request, by which its support finds it.
fn request_id(headers: &HeaderMap) -> Option<String> {
    const CHARS_MAX: usize = 100;
    let id = headers.get("x-request-id")?.to_str().ok()?;
    Some(printable::line(id, CHARS_MAX))
}

/// Returns what is behind an error of the client, whose own words say little.
fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(error.source(), |error| error.source());
    let mut causes: Vec<String> = chain.map(ToString::to_string).collect();
    // One that only repeats the one behind it says nothing.
    causes.dedup();
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}
