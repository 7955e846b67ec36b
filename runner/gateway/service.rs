//! Serves one attempt's socket: what is asked is checked, answered from the
//! provider, told to the sink, and only then sent.
//!
//! Unaware of how sockets are made and of how the due reply is found.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use eufm_plan::NodeIndex;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::request::ModelRequest;
use super::{Exchange, Provider, Refusal, RefusalKind, Report, Sink, frames, replay};

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
    pub(super) token: [u8; 32],
    pub(super) provider: Arc<Provider>,
    pub(super) sink: Arc<Sink>,
    pub(super) slots: Semaphore,
    /// Held while the sink is told, so that nothing is told once it is closed.
    pub(super) closed: Mutex<bool>,
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

async fn answer(session: &Arc<Session>, request: Request) -> Result<Vec<u8>, Refused> {
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
    // Off the thread that serves all attempts: the sink waits for a disk.
    let worker = Arc::clone(session);
    spawn_blocking(move || exchange(&worker, &body)).await.unwrap_or_else(|error| {
        Err(Refused::new(RefusalKind::Internal, format!("a bug in the gateway: {error}")))
    })
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

/// Finds the answer and tells the sink of it.
fn exchange(session: &Session, body: &[u8]) -> Result<Vec<u8>, Refused> {
    let request =
        ModelRequest::parse(body).map_err(|fault| Refused::new(RefusalKind::Request, fault))?;
    let Provider::Cassette { cassette, go_on } = &*session.provider;
    let turn = replay::due(cassette, &session.node, go_on, &request)
        .map_err(|fault| Refused::new(RefusalKind::Cassette, fault))?;
    let serving = turn.serving();
    let exchange = Exchange {
        node: session.node.clone(),
        index: session.index,
        reply: serving.reply,
        round: serving.round,
        is_wait: matches!(turn, replay::Turn::Wait(..)),
        usage: turn.usage(),
    };
    let bytes = frames::write(&turn, &request.model);
    session.tell(&Report::Exchange(exchange))?;
    Ok(bytes)
}

impl Session {
    /// Tells the sink, unless the attempt is over.
    fn tell(&self, report: &Report) -> Result<(), Refused> {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        if *closed {
            return Err(Refused::new(RefusalKind::Internal, "the attempt is over".to_owned()));
        }
        (self.sink)(report).map_err(|error| {
            let message = format!("the run cannot take the answer into account: {error}");
            Refused::new(RefusalKind::Internal, message)
        })
    }
}

/// A request that is not answered.
struct Refused {
    kind: RefusalKind,
    message: String,
}

impl Refused {
    fn new(kind: RefusalKind, message: String) -> Self {
        Self { kind, message }
    }

    /// Tells the sink why, and answers in the form that Codex prints.
    fn respond(self, session: &Session) -> Response {
        let (status, kind, code) = wire(self.kind);
        let error = json!({"message": self.message, "type": kind, "param": null, "code": code});
        let body = json!({"error": error}).to_string().into_bytes();
        // What the sink itself refused, it knows; and a refusal stays one
        // whether or not it can be told.
        if self.kind != RefusalKind::Internal {
            let (node, message) = (session.node.clone(), self.message);
            let refusal = Refusal { node, index: session.index, kind: self.kind, message };
            let _ = session.tell(&Report::Refusal(refusal));
        }
        respond(status, "application/json", body)
    }
}

/// Status, type and code of a refusal. Codex tries again after a 503 and ends
/// its turn after a 400.
fn wire(kind: RefusalKind) -> (StatusCode, &'static str, &'static str) {
    const INVALID: &str = "invalid_request_error";
    match kind {
        RefusalKind::Token => (StatusCode::UNAUTHORIZED, INVALID, "invalid_api_key"),
        RefusalKind::Path => (StatusCode::NOT_FOUND, INVALID, "unknown_url"),
        RefusalKind::Size => (StatusCode::PAYLOAD_TOO_LARGE, INVALID, "request_too_large"),
        RefusalKind::Request => (StatusCode::BAD_REQUEST, INVALID, "request_not_allowed"),
        RefusalKind::Cassette => (StatusCode::BAD_REQUEST, INVALID, "cassette_differs"),
        RefusalKind::Internal => (StatusCode::SERVICE_UNAVAILABLE, "server_error", "gateway"),
    }
}

fn respond(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let value = axum::http::HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}
