//! One request of an agent, from its body to its answer: read, let out by the
//! counter, answered, its end told, and only then shown to the agent.
//!
//! Unaware of sockets and tokens, and of how the due reply is found.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use tokio::task::spawn_blocking;

use super::request::ModelRequest;
use super::service::{Refused, Session};
use super::{Admission, Answer, Answered, Provider, RefusalKind, Report, Usage, frames, replay};
use crate::ledger::{Output, Quote};

/// Answers a request.
///
/// # Errors
/// Fails with the answer that says why not.
pub(super) async fn serve(session: &Arc<Session>, body: Bytes) -> Result<Body, Refused> {
    match &*session.provider {
        Provider::Cassette { .. } => scripted(session, body).await,
    }
}

/// A scripted answer that is due.
struct Due {
    reply: u32,
    round: u32,
    usage: Usage,
    /// It waits for commands of a reply that was served already, for free.
    is_wait: bool,
    bytes: Vec<u8>,
}

async fn scripted(session: &Arc<Session>, body: Bytes) -> Result<Body, Refused> {
    let due = aside(session, move |session| due(session, &body)).await?;
    let (reply, round, usage) = (due.reply, due.round, due.usage);
    let request = match due.is_wait {
        true => None,
        // A script knows beforehand what it will use.
        false => {
            let quote = Quote { input: usage.input, output: Output::Fixed(usage.output) };
            Some(admitted(session, quote).await?.request)
        }
    };
    let report = Report::Answered(Answered { node: session.index, request, reply, round, usage });
    aside(session, move |session| session.tell(report)).await?;
    Ok(Body::from(due.bytes))
}

/// Finds the scripted answer to a request.
fn due(session: &Session, body: &[u8]) -> Result<Due, Refused> {
    let request =
        ModelRequest::parse(body).map_err(|fault| Refused::new(RefusalKind::Request, fault))?;
    let Provider::Cassette { cassette, go_on } = &*session.provider;
    let turn = replay::due(cassette, &session.node, go_on, &request)
        .map_err(|fault| Refused::new(RefusalKind::Cassette, fault))?;
    Ok(Due {
        reply: turn.serving().reply,
        round: turn.serving().round,
        usage: turn.usage(),
        is_wait: matches!(turn, replay::Turn::Wait(..)),
        bytes: frames::write(&turn, &request.model),
    })
}

/// Asks for leave to let a request out, and waits for it.
async fn admitted(session: &Session, quote: Quote) -> Result<Admission, Refused> {
    match session.counter.ask(session.index, quote).await {
        Ok(Answer::Admitted(admission)) => Ok(admission),
        Ok(Answer::Exhausted(reason)) => Err(Refused::new(RefusalKind::Exhausted, reason)),
        Err(_) => Err(Refused::new(RefusalKind::Internal, "the attempt is over".to_owned())),
    }
}

/// Does what waits for a disk off the thread that serves all attempts.
async fn aside<T: Send + 'static>(
    session: &Arc<Session>,
    work: impl FnOnce(&Session) -> Result<T, Refused> + Send + 'static,
) -> Result<T, Refused> {
    let session = Arc::clone(session);
    spawn_blocking(move || work(&session)).await.unwrap_or_else(|error| {
        Err(Refused::new(RefusalKind::Internal, format!("a bug in the gateway: {error}")))
    })
}
