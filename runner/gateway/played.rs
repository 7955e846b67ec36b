//! A recording in place of a provider: each request is answered as it was then,
//! and accounted for as it was then.
//!
//! Unaware of how the answer is found.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use tokio::sync::mpsc::channel;

use super::charge::Charge;
use super::exchange;
use super::known::{Known, Measured};
use super::recording::{End, Matching, Recording};
use super::relay::{Events, break_off, cut};
use super::service::{Refused, Session};
use super::{Provider, RefusalKind};
use crate::ledger::{Output, Quote};

/// A recording that answers.
#[derive(Debug)]
pub struct Player {
    recording: Recording,
    matching: Matching,
    known: Known,
}

impl Player {
    /// Makes a provider of a recording.
    #[must_use]
    pub fn new(recording: Recording, matching: Matching) -> Self {
        Self { recording, matching, known: Known::default() }
    }
}

/// An answer that is due.
struct Due {
    measured: Measured,
    most: Option<u64>,
    end: End,
    place: (u32, u32),
    bytes: Vec<u8>,
}

/// Answers a request.
///
/// # Errors
/// Fails with the answer that says why not.
pub(super) async fn serve(session: &Arc<Session>, body: Bytes) -> Result<Body, Refused> {
    let Provider::Recording(player) = &*session.provider else {
        return Err(Refused::new(RefusalKind::Internal, "there is no recording".to_owned()));
    };
    let due = session.aside(move |session| due(session, &body)).await?;
    let input = player.known.bound(&due.measured);
    let charge = Charge::ask(session, Quote { input, output: Output::Set { most: due.most } });
    let charge = charge.await?;
    match due.end {
        End::Completed { usage } | End::Incomplete { usage, .. } => {
            player.known.learn(&due.measured, usage.input);
            charge.answered(usage, Some(due.place)).await?;
        }
        End::Failed { message, .. } => charge.untaken(&message),
        End::Broken => {
            charge.unknown("the answer broke off");
            return Ok(broken(due.bytes));
        }
        End::Status { status, body, .. } => {
            charge.untaken(&format!("HTTP {status}"));
            return Err(Refused::new(RefusalKind::Declined, body));
        }
    }
    Ok(Body::from(due.bytes))
}

fn due(session: &Session, body: &[u8]) -> Result<Due, Refused> {
    let refuse = |fault| Refused::new(RefusalKind::Request, fault);
    let Provider::Recording(player) = &*session.provider else {
        return Err(refuse("there is no recording".to_owned()));
    };
    let (fields, request) = exchange::read(session, body)?;
    let measured = Measured::of(&fields).map_err(refuse)?;
    let value = serde_json::from_slice(body).map_err(|error| refuse(error.to_string()))?;
    let played = player
        .recording
        .answer(&session.node, &value, player.matching)
        .map_err(|difference| Refused::new(RefusalKind::Cassette, difference.to_string()))?;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(Due {
        measured,
        most: request.max_output_tokens,
        end: played.recorded().end.clone(),
        place: (count(played.exchange()), count(played.round())),
        bytes: played.stream(&request.model),
    })
}

/// Makes a body that breaks off after these bytes.
fn broken(bytes: Vec<u8>) -> Body {
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        // An agent that is gone needs not hear of it.
        let _ = sender.send(Ok(bytes.into())).await;
        break_off(&sender, cut("it broke off when it was recorded")).await;
    });
    Body::new(Events(receiver))
}
