//! Carries a response from the provider to the agent, event by event. Its last
//! event goes on when what it used is told.
//!
//! Unaware of what the events say, but for the one that ends it.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::Frame as BodyFrame;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::charge::Charge;
use super::circuit::Permit;
use super::live::Ready;
use super::recording::{Capture, Recorded};
use super::service::{Refused, Session};
use super::upstream::{Answer, Frame, Kind, Trouble};
use super::{Provider, Refusal, RefusalKind, Report, Usage};

/// How many events may wait for an agent that does not read.
const EVENTS_MAX: usize = 64;

/// A response that has begun.
pub(super) struct Relay {
    session: Arc<Session>,
    early: VecDeque<Frame>,
    answer: Answer,
    permit: Permit,
    charge: Charge,
}

/// Tells whether an event says no more than that the response begins.
pub(super) fn is_opening(frame: &Frame) -> bool {
    const OPENING: [&str; 3] = ["response.created", "response.in_progress", "response.queued"];
    let begin = frame.bytes.get(..200).unwrap_or(&frame.bytes);
    let says = |word: &str| memchr::memmem::find(begin, word.as_bytes()).is_some();
    frame.kind == Kind::Comment || (frame.kind == Kind::Other && OPENING.into_iter().any(says))
}

impl Relay {
    /// Takes up a response whose first events have come.
    pub(super) fn new(
        session: &Arc<Session>,
        early: Vec<Frame>,
        answer: Answer,
        permit: Permit,
        charge: Charge,
    ) -> Self {
        Self { session: Arc::clone(session), early: early.into(), answer, permit, charge }
    }

    /// Carries it to its end, in a task of its own.
    pub(super) fn run(self, request: Ready) -> Body {
        let (sender, receiver) = channel(EVENTS_MAX);
        tokio::spawn(async move {
            if let Err(cut) = self.carry(&request, &sender).await {
                break_off(&sender, cut).await;
            }
        });
        Body::new(Events(receiver))
    }

    /// Carries it to its end.
    ///
    /// # Errors
    /// Fails where the agent is to see that the response breaks off: it asks
    /// again then, which waits until the provider is there.
    async fn carry(mut self, request: &Ready, agent: &Sender<Carried>) -> Result<(), io::Error> {
        let mut capture = self.session.records().then(Capture::default);
        loop {
            let frame = match self.early.pop_front() {
                Some(frame) => Some(frame),
                None => match self.answer.next().await {
                    Ok(frame) => frame,
                    Err(trouble) => return self.broke(request, capture, &trouble).await,
                },
            };
            let Some(frame) = frame else { return Err(cut("the response has no end")) };
            if let Some(capture) = &mut capture {
                capture.event(&frame.data());
            }
            let bytes = frame.bytes;
            match frame.kind {
                Kind::Other | Kind::Comment => {
                    if agent.send(Ok(bytes)).await.is_err() {
                        // What the agent has seen of it stays in its history.
                        return keep(&self.session, request, capture.map(Capture::cut)).await;
                    }
                }
                kind => {
                    self.end(request, capture, kind).await?;
                    let _ = agent.send(Ok(bytes)).await;
                    return Ok(());
                }
            }
        }
    }

    /// Accounts for a response whose last event has come.
    async fn end(
        self,
        request: &Ready,
        capture: Option<Capture>,
        kind: Kind,
    ) -> Result<(), io::Error> {
        let Self { session, permit, charge, .. } = self;
        let output = charge.output();
        let is_short = charge.is_short();
        match &kind {
            Kind::Completed(usage) | Kind::Incomplete(usage, _) | Kind::Failed(_, usage) => {
                account(&session, request, charge, *usage).await?;
            }
            Kind::Other | Kind::Comment => {}
        }
        match kind {
            Kind::Failed(trouble, _) => {
                permit.failed(&trouble);
                if trouble.is_transient() {
                    keep(&session, request, capture.map(Capture::cut)).await?;
                    return Err(cut(&trouble.to_string()));
                }
                refuse(&session, RefusalKind::Declined, format!("the provider: {trouble}"));
            }
            Kind::Incomplete(_, reason) if is_short && reason == "max_output_tokens" => {
                permit.succeeded();
                let message = format!(
                    "an answer was cut off at {output} tokens, all that what is left of its caps \
                     could pay for"
                );
                refuse(&session, RefusalKind::Exhausted, message);
            }
            _ => permit.succeeded(),
        }
        keep(&session, request, capture.map(Capture::finish)).await
    }

    /// Accounts for a response that broke off.
    async fn broke(
        self,
        request: &Ready,
        capture: Option<Capture>,
        trouble: &Trouble,
    ) -> Result<(), io::Error> {
        let Self { session, permit, charge, .. } = self;
        charge.unknown(&trouble.to_string());
        permit.failed(trouble);
        keep(&session, request, capture.map(Capture::cut)).await?;
        Err(cut(&trouble.to_string()))
    }
}

/// Records what the agent has seen of a response.
///
/// # Errors
/// Fails when it cannot be recorded.
async fn keep(
    session: &Arc<Session>,
    request: &Ready,
    recorded: Option<Recorded>,
) -> Result<(), io::Error> {
    let Some(recorded) = recorded else { return Ok(()) };
    let kept = record(session, &request.body, recorded).await;
    kept.map_err(|_| cut("the exchange cannot be recorded"))
}

/// Charges what the provider counted, and remembers it for the next request.
async fn account(
    session: &Arc<Session>,
    request: &Ready,
    charge: Charge,
    usage: Option<Usage>,
) -> Result<(), io::Error> {
    let Some(usage) = usage else {
        charge.unknown("the provider did not say what it used");
        return Ok(());
    };
    if let Provider::Live(live) = &*session.provider {
        live.learn(&request.measured, usage.input);
    }
    charge.answered(usage, None).await.map_err(|_| cut("the run does not take it any more"))
}

/// Tells of a refusal that the agent sees as the end of a response.
fn refuse(session: &Session, kind: RefusalKind, message: String) {
    session.counter.note(Report::Refusal(Refusal { node: session.index, kind, message }));
}

/// Records a request and what came of it, if that is to be.
///
/// # Errors
/// Fails when it cannot be written: a recording with a gap is none.
pub(super) async fn record(
    session: &Arc<Session>,
    body: &Bytes,
    recorded: Recorded,
) -> Result<(), Refused> {
    let Provider::Live(live) = &*session.provider else { return Ok(()) };
    let Some(recorder) = live.recorder.clone() else { return Ok(()) };
    let body = body.clone();
    session
        .aside(move |session| {
            let fault = |message: String| {
                Refused::new(RefusalKind::Internal, format!("not recorded: {message}"))
            };
            let request =
                serde_json::from_slice(&body).map_err(|error| fault(error.to_string()))?;
            recorder
                .record(&session.node, &request, &recorded)
                .map_err(|error| fault(error.to_string()))
        })
        .await
}

impl Session {
    /// Tells whether what is asked and answered is recorded.
    fn records(&self) -> bool {
        matches!(&*self.provider, Provider::Live(live) if live.recorder.is_some())
    }
}

/// What is carried to the agent.
pub(super) type Carried = Result<Bytes, io::Error>;

/// The body of an answer that comes event by event. (The channel of
/// `http-body-util` may lose the last one where its sender is dropped at once.)
pub(super) struct Events(pub(super) Receiver<Carried>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<BodyFrame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|next| next.map(|next| next.map(BodyFrame::data)))
    }
}

/// Breaks a body off behind what was sent of it. That is taken first: a
/// connection that ends with an error loses what it has not written yet.
pub(super) async fn break_off(agent: &Sender<Carried>, cut: io::Error) {
    // The one who takes it writes it before anybody else has a turn: all share
    // one thread. An agent that is gone needs not hear of it.
    let all = agent.reserve_many(agent.max_capacity()).await.map(drop);
    if all.is_ok() {
        let _ = agent.send(Err(cut)).await;
    }
}

/// Lets the agent see that the response breaks off.
pub(super) fn cut(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, reason.to_owned())
}
