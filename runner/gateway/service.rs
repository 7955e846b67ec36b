//! Serves one attempt's socket: who asks is checked, and what is asked at all.
//!
//! Unaware of how sockets are made and of how a request is answered.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use eufm_plan::{AgentIndex, NodeIndex};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use super::recording::Recorded;
use super::{Counter, Provider, Refusal, RefusalKind, Report, exchange};

/// The largest request.
const BODY_BYTES_MAX: usize = 64 << 20;
/// How many requests of one attempt are held in memory at once.
const AT_ONCE_MAX: usize = 4;
/// What may be asked at all.
const ALLOWED: &[(Method, &str)] = &[(Method::POST, "/v1/responses")];

/// One attempt as the service sees it.
pub(super) struct Session {
    pub(super) node: String,
    pub(super) index: NodeIndex,
    pub(super) agent: AgentIndex,
    pub(super) token: [u8; 32],
    pub(super) provider: Arc<Provider>,
    pub(super) counter: Arc<dyn Counter>,
    pub(super) slots: Semaphore,
    /// Held while the counter is told, so that nothing is told once it is closed.
    pub(super) closed: Mutex<bool>,
    /// Fields that were left out of its requests.
    pub(super) dropped: Mutex<BTreeSet<String>>,
}

/// Digests a token: digests can be compared without telling, by the time it
/// takes, how much of a guess is right.
pub(super) fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Returns how many requests of an attempt are held at once.
pub(super) fn slots() -> Semaphore {
    Semaphore::new(AT_ONCE_MAX)
}

/// Makes the service of an attempt.
pub(super) fn router(session: Arc<Session>) -> Router {
    Router::new().fallback(serve).with_state(session)
}

async fn serve(State(session): State<Arc<Session>>, request: Request) -> Response {
    match answer(&session, request).await {
        Ok(stream) => respond(StatusCode::OK, "text/event-stream", stream),
        Err(refused) => refused.respond(&session),
    }
}

async fn answer(session: &Arc<Session>, request: Request) -> Result<Body, Refused> {
    let (parts, body) = request.into_parts();
    check_token(&parts.headers, &session.token)?;
    let path = parts.uri.path();
    if !ALLOWED.iter().any(|(method, allowed)| *method == parts.method && *allowed == path) {
        let message = format!("the gateway does not serve {} {path}", parts.method);
        return Err(Refused::new(RefusalKind::Path, message));
    }
    if parts.headers.contains_key(CONTENT_ENCODING) {
        let message = "the gateway does not read compressed requests".to_owned();
        return Err(Refused::new(RefusalKind::Request, message));
    }
    let closing = |_| Refused::new(RefusalKind::Internal, "the gateway is closing".to_owned());
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large("the request is larger"));
    }
    let _slot = session.slots.acquire().await.map_err(closing)?;
    let body = to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|error| too_large(&format!("the request was cut off or is larger ({error})")))?;
    exchange::serve(session, body).await
}

fn too_large(what: &str) -> Refused {
    let message = format!("{what} than the {} MiB that are read", BODY_BYTES_MAX >> 20);
    Refused::new(RefusalKind::Size, message)
}

fn check_token(headers: &HeaderMap, token: &[u8; 32]) -> Result<(), Refused> {
    let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer "));
    if given.map(digest).as_ref() == Some(token) {
        return Ok(());
    }
    Err(Refused::new(RefusalKind::Token, "the token is not this attempt's".to_owned()))
}

impl Session {
    /// Returns those of the fields that were not left out before.
    pub(super) fn first_of(&self, mut fields: Vec<String>) -> Vec<String> {
        let mut dropped = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        fields.retain(|field| dropped.insert(field.clone()));
        fields
    }

    /// Tells the counter, unless the attempt is over.
    pub(super) fn tell(&self, report: Report) -> Result<(), Refused> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(Refused::new(RefusalKind::Internal, "the attempt is over".to_owned()));
        }
        self.counter.tell(report).map_err(|error| {
            let message = format!("the run cannot take the answer into account: {error}");
            Refused::new(RefusalKind::Internal, message)
        })
    }
}

/// A request that is not answered.
pub(super) struct Refused {
    kind: RefusalKind,
    message: String,
}

impl Refused {
    pub(super) fn new(kind: RefusalKind, message: String) -> Self {
        Self { kind, message }
    }

    /// Returns it as an answer that a recording holds.
    pub(super) fn recorded(&self) -> Recorded {
        let (status, ..) = wire(self.kind);
        Recorded::refused(status.as_u16(), None, self.message.as_bytes())
    }

    /// Tells the counter why, and answers in the form that Codex prints.
    fn respond(self, session: &Session) -> Response {
        let (status, kind, code) = wire(self.kind);
        let error = json!({"message": self.message, "type": kind, "param": null, "code": code});
        let body = json!({"error": error}).to_string().into_bytes();
        // What the counter itself refused, it knows; and a refusal stays one
        // whether or not it can be told.
        if self.kind != RefusalKind::Internal {
            let (node, kind, message) = (session.index, self.kind, self.message);
            let _ = session.tell(Report::Refusal(Refusal { node, kind, message }));
        }
        respond(status, "application/json", Body::from(body))
    }
}

/// Status, type and code of a refusal. Codex tries again after a 503 and ends
/// its turn after a 400, and after a 429 for want of quota.
fn wire(kind: RefusalKind) -> (StatusCode, &'static str, &'static str) {
    const INVALID: &str = "invalid_request_error";
    const QUOTA: &str = "insufficient_quota";
    match kind {
        RefusalKind::Token => (StatusCode::UNAUTHORIZED, INVALID, "invalid_api_key"),
        RefusalKind::Path => (StatusCode::NOT_FOUND, INVALID, "unknown_url"),
        RefusalKind::Size => (StatusCode::PAYLOAD_TOO_LARGE, INVALID, "request_too_large"),
        RefusalKind::Request => (StatusCode::BAD_REQUEST, INVALID, "request_not_allowed"),
        RefusalKind::Cassette => (StatusCode::BAD_REQUEST, INVALID, "cassette_differs"),
        RefusalKind::Unavailable => (StatusCode::BAD_REQUEST, INVALID, "model_not_available"),
        RefusalKind::Declined => (StatusCode::BAD_REQUEST, INVALID, "declined"),
        RefusalKind::Exhausted => (StatusCode::TOO_MANY_REQUESTS, QUOTA, QUOTA),
        RefusalKind::Internal => (StatusCode::SERVICE_UNAVAILABLE, "server_error", "gateway"),
    }
}

fn respond(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let value = axum::http::HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}
