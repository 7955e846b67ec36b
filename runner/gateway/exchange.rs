//! One request of an agent, from its body to its answer, whatever answers it.
//!
//! Unaware of sockets and tokens, and of how the due reply is found.

use std::sync::Arc;

use axum::body::{Body, Bytes};

use super::charge::Charge;
use super::fields::Fields;
use super::request::ModelRequest;
use super::service::{Refused, Session};
use super::{Answered, Provider, RefusalKind, Report, Usage, due, frames, live, played};
use crate::ledger::{Output, Quote};

/// Answers a request.
///
/// # Errors
/// Fails with the answer that says why not.
pub(super) async fn serve(session: &Arc<Session>, body: Bytes) -> Result<Body, Refused> {
    match &*session.provider {
        Provider::Script { .. } => scripted(session, body).await,
        Provider::Live(live) => live::serve(session, live, body).await,
        Provider::Recording { .. } => played::serve(session, body).await,
    }
}

/// Reads a request, and tells what is left out of it.
pub(super) fn read<'b>(
    session: &Session,
    body: &'b [u8],
) -> Result<(Fields<'b>, ModelRequest), Refused> {
    let refuse = |fault| Refused::new(RefusalKind::Request, fault);
    let mut fields = Fields::read(body).map_err(refuse)?;
    let request = ModelRequest::parse(body).map_err(refuse)?;
    let dropped = session.first_of(std::mem::take(&mut fields.dropped));
    if !dropped.is_empty() {
        session.counter.note(Report::Dropped(session.index, dropped));
    }
    Ok((fields, request))
}

/// A scripted answer that is due.
struct Due {
    /// The place of the reply, and how often it was served before.
    reply: (u32, u32),
    usage: Usage,
    /// It waits for commands of a reply that was served already, for free.
    is_wait: bool,
    bytes: Vec<u8>,
}

async fn scripted(session: &Arc<Session>, body: Bytes) -> Result<Body, Refused> {
    let due = session.aside(move |session| due(session, &body)).await?;
    let usage = due.usage;
    if due.is_wait {
        let (node, (reply, round)) = (session.index, due.reply);
        let report = Report::Answered(Answered { node, request: None, reply, round, usage });
        session.tell_aside(report).await?;
    } else {
        // A script knows beforehand what it will use.
        let quote = Quote { input: usage.input, output: Output::Fixed(usage.output) };
        Charge::ask(session, quote).await?.answered(usage, Some(due.reply)).await?;
    }
    Ok(Body::from(due.bytes))
}

/// Finds the scripted answer to a request.
fn due(session: &Session, body: &[u8]) -> Result<Due, Refused> {
    let (_, request) = read(session, body)?;
    request.check_kind().map_err(|fault| Refused::new(RefusalKind::Request, fault))?;
    let Provider::Script { script, go_on } = &*session.provider else {
        return Err(Refused::new(RefusalKind::Internal, "there is no script".to_owned()));
    };
    let turn = due::due(script, &session.node, go_on, &request)
        .map_err(|fault| Refused::new(RefusalKind::Cassette, fault))?;
    Ok(Due {
        reply: (turn.serving().reply, turn.serving().round),
        usage: turn.usage(),
        is_wait: matches!(turn, due::Turn::Wait(..)),
        bytes: frames::write(&turn, &request.model),
    })
}
