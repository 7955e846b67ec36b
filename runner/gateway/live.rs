//! A provider that is really asked: each request waits until the provider is
//! there, is let out by the counter, and is sent again as long as waiting may
//! mend what went wrong.
//!
//! Unaware of prices and of the journal.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};

use super::charge::Charge;
use super::circuit::{Circuit, Permit};
use super::exchange;
use super::known::{Known, Measured};
use super::recording::Recorder;
use super::relay::{self, Relay};
use super::service::{Refused, Session};
use super::upstream::{Class, Frame, Kind, Phase, Trouble, Upstream};
use super::{RefusalKind, Report};
use crate::ledger::{Output, Quote};

/// The providers of a run.
#[derive(Debug)]
pub struct Live {
    /// The way of each agent's requests, by the agent's place in the plan.
    pub ways: Vec<Arc<Way>>,
    /// Records what is asked and answered, if it is to be.
    pub recorder: Option<Arc<Recorder>>,
    /// How long one request may be sent again and again, also while the provider
    /// answers others.
    pub patience: Option<Duration>,
    /// What was counted already.
    known: Known,
}

/// The way of an agent's requests.
#[derive(Debug)]
pub struct Way {
    /// The provider.
    pub upstream: Arc<Upstream>,
    /// Whether the provider may be asked now.
    pub circuit: Circuit,
    /// The only model that may be asked for.
    pub model: String,
    /// The tokens of each answer, for a provider that does not let itself be told.
    pub output_fixed: Option<u64>,
}

impl Live {
    /// Makes the providers of a run.
    #[must_use]
    pub fn new(
        ways: Vec<Arc<Way>>,
        recorder: Option<Arc<Recorder>>,
        patience: Option<Duration>,
    ) -> Self {
        Self { ways, recorder, patience, known: Known::default() }
    }

    /// Learns what the prompt of a request was counted with.
    pub(super) fn learn(&self, request: &Measured, tokens: u64) {
        self.known.learn(request, tokens);
    }
}

/// A request that is ready to go out.
pub(super) struct Ready {
    pub(super) body: Bytes,
    pub(super) measured: Measured,
    /// The most tokens that are asked for, if the agent says so.
    most: Option<u64>,
}

/// Answers a request.
///
/// # Errors
/// Fails with the answer that says why not.
pub(super) async fn serve(
    session: &Arc<Session>,
    live: &Live,
    body: Bytes,
) -> Result<Body, Refused> {
    let Some(way) = live.ways.get(session.agent.get()) else {
        return Err(Refused::new(RefusalKind::Internal, "the agent has no provider".to_owned()));
    };
    let model = way.model.clone();
    let request = session.aside(move |session| ready(session, body, &model)).await?;
    let mut since = None;
    loop {
        let permit = held(session, &way.circuit).await;
        let input = live.known.bound(&request.measured);
        let output = match way.output_fixed {
            Some(tokens) => Output::Fixed(tokens),
            None => Output::Set { most: request.most },
        };
        let charge = Charge::ask(session, Quote { input, output }).await?;
        match attempt(session, way, (&request, permit, charge)).await? {
            Attempt::Answered(relay) => return Ok(relay.run(request)),
            Attempt::Again(trouble) => {
                let lasted = since.get_or_insert_with(Instant::now).elapsed();
                if live.patience.is_some_and(|patience| lasted >= patience) {
                    return Err(refused(&trouble));
                }
            }
        }
    }
}

/// Reads a request and measures it.
fn ready(session: &Session, body: Bytes, model: &str) -> Result<Ready, Refused> {
    let refuse = |fault| Refused::new(RefusalKind::Request, fault);
    let (fields, request) = exchange::read(session, &body)?;
    if request.model != model {
        let message = format!(
            "the plan names the model `{model}`, and the agent asks for `{}`",
            request.model
        );
        return Err(refuse(message));
    }
    let measured = Measured::of(&fields).map_err(refuse)?;
    drop(fields);
    Ok(Ready { body, measured, most: request.max_output_tokens })
}

/// Waits until the provider may be asked. The node counts as held meanwhile.
async fn held(session: &Arc<Session>, circuit: &Circuit) -> Permit {
    let mut pass = pin!(circuit.pass());
    let first = std::future::poll_fn(|context| {
        Poll::Ready(match pass.as_mut().poll(context) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        })
    });
    if let Some(permit) = first.await {
        return permit;
    }
    let _hold = Hold::begin(session);
    pass.await
}

/// Says that a node is held, until it is dropped.
struct Hold(Arc<Session>);

impl Hold {
    fn begin(session: &Arc<Session>) -> Self {
        session.counter.note(Report::Held(session.index));
        Self(Arc::clone(session))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.counter.note(Report::Released(self.0.index));
    }
}

/// What became of a request that was sent once.
enum Attempt {
    /// Its answer has begun.
    Answered(Box<Relay>),
    /// Waiting may mend what went wrong.
    Again(Trouble),
}

/// Sends a request once, until the first event that says something.
async fn attempt(
    session: &Arc<Session>,
    way: &Arc<Way>,
    (request, mut permit, charge): (&Ready, Permit, Charge),
) -> Result<Attempt, Refused> {
    let body = outgoing(request, charge.output());
    let mut answer = match way.upstream.send(body).await {
        Ok(answer) => answer,
        Err(trouble) => return unanswered(session, request, (trouble, permit, charge)).await,
    };
    let (mut early, mut is_news) = (Vec::new(), false);
    while !is_news {
        match answer.next().await {
            Ok(Some(frame)) => {
                is_news = !relay::is_opening(&frame);
                early.push(frame);
            }
            Ok(None) => break,
            Err(trouble) => return unanswered(session, request, (trouble, permit, charge)).await,
        }
    }
    if let Some(Frame { kind: Kind::Failed(trouble, usage), .. }) = early.last()
        && trouble.is_transient()
    {
        let trouble = trouble.clone();
        match usage {
            Some(usage) => charge.answered(*usage, None).await?,
            None => charge.untaken(&trouble.to_string()),
        }
        permit.failed(&trouble);
        return Ok(Attempt::Again(trouble));
    }
    permit.answered();
    let relay = Relay::new(session, early, answer, permit, charge);
    Ok(Attempt::Answered(Box::new(relay)))
}

fn outgoing(request: &Ready, output: u64) -> Bytes {
    // It was read before; it reads the same again.
    super::fields::Fields::read(&request.body)
        .map_or_else(|_| Bytes::new(), |fields| fields.write(output))
}

/// Accounts for a request that has no answer, and decides whether it is sent again.
async fn unanswered(
    session: &Arc<Session>,
    request: &Ready,
    (trouble, permit, charge): (Trouble, Permit, Charge),
) -> Result<Attempt, Refused> {
    match trouble.phase {
        Phase::Unsent | Phase::Rejected => charge.untaken(&trouble.to_string()),
        Phase::Unanswered | Phase::Broken | Phase::Failed => charge.unknown(&trouble.to_string()),
    }
    permit.failed(&trouble);
    if trouble.is_transient() {
        return Ok(Attempt::Again(trouble));
    }
    let refused = refused(&trouble);
    // What waiting mends the agent never sees, so it is no part of a recording.
    relay::record(session, &request.body, refused.recorded()).await?;
    Err(refused)
}

/// The answer to the agent where waiting does not mend it.
fn refused(trouble: &Trouble) -> Refused {
    let kind = match trouble.class {
        Class::Auth | Class::NotFound | Class::Malformed => RefusalKind::Unavailable,
        _ => RefusalKind::Declined,
    };
    Refused::new(kind, format!("the provider: {trouble}"))
}
