//! An answer as it comes: event by event, each as the bytes that the provider
//! sent, until the one that ends it.
//!
//! Unaware of what becomes of the events.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Frame as BodyFrame, Incoming};
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::event::{self, Kind};
use super::key::Key;
use super::sse::{self, Splitter};
use super::trouble::{Class, Phase, Trouble};
use crate::clock;

/// How long the end of the body may take behind the last event, for the
/// connection to be used again.
const END_MAX: Duration = Duration::from_secs(2);

/// How long events are gathered that come close behind others: the way through
/// the runner costs the same for one event as for many, and most of that is the
/// system's. A run has many streams, whose words nobody reads as they come.
const GATHERED: Duration = Duration::from_millis(40);
/// How many times is read before that: an answer begins without delay.
const READS_AT_ONCE: u32 = 16;
/// How many pieces of a stream are held at once.
const PIECES_MAX: usize = 32;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The event as it came, with the blank line that ends it.
    pub bytes: Bytes,
    /// What it is.
    pub kind: Kind,
}

impl Frame {
    /// Returns the data of the event, as one text; empty for a comment.
    #[must_use]
    pub fn data(&self) -> Cow<'_, [u8]> {
        event::data(&self.bytes).unwrap_or_default()
    }
}

/// An answer that has begun.
#[derive(Debug)]
pub struct Answer {
    /// Gone when the answer has ended.
    body: Option<Incoming>,
    splitter: Splitter,
    idle: Duration,
    /// Since when the next event is waited for; an agent that takes its time with
    /// the last one is not the provider's fault.
    waits: Option<Instant>,
    /// Until when what comes is gathered.
    gathered: Instant,
    /// What was read and not looked at.
    pieces: VecDeque<Piece>,
    reads: u32,
    request_id: Option<String>,
    key: Key,
}

impl Answer {
    pub(super) fn new(
        body: Incoming,
        idle: Duration,
        request_id: Option<String>,
        key: Key,
    ) -> Self {
        let splitter = Splitter::new(sse::EVENT_BYTES_MAX);
        let now = Instant::now();
        Self {
            body: Some(body),
            splitter,
            idle,
            waits: Some(now),
            gathered: now,
            pieces: VecDeque::new(),
            reads: 0,
            request_id,
            key,
        }
    }

    /// Returns the provider's own name of the request, for the log.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Waits for the next event; `None` behind the last one. What a provider
    /// sends behind that is dropped.
    ///
    /// # Errors
    /// Fails when no event comes in time, the answer ends before its last event,
    /// or an event is too large; there is nothing to wait for then.
    pub async fn next(&mut self) -> Result<Option<Frame>, Trouble> {
        let next = self.read().await;
        if next.is_err() {
            self.body = None;
        }
        next.map_err(|trouble| self.key.hide_in(trouble))
    }

    async fn read(&mut self) -> Result<Option<Frame>, Trouble> {
        let end = *self.waits.get_or_insert_with(Instant::now) + self.idle;
        loop {
            let Some(body) = self.body.as_mut() else { return Ok(None) };
            if let Some(bytes) = self.splitter.next().map_err(|sse::TooLarge| too_large())? {
                return Ok(Some(self.frame(bytes)));
            }
            // What is no event could come without a pause, and for ever.
            if Instant::now() >= end {
                return Err(self.stalled());
            }
            match self.pieces.pop_front() {
                None => {
                    // A timer would wait for the next millisecond in any case.
                    if self.gathered > Instant::now() {
                        sleep_until(self.gathered).await;
                    }
                    let gathering = timeout_at(end, gather(body)).await;
                    let Ok(pieces) = gathering else { return Err(self.stalled()) };
                    self.pieces = pieces;
                    self.reads = self.reads.saturating_add(1);
                    if self.reads > READS_AT_ONCE {
                        self.gathered = Instant::now() + GATHERED;
                    }
                }
                Some(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.splitter.push(data);
                    }
                }
                Some(Some(Err(error))) => return Err(broken(&super::causes(&error))),
                Some(None) => {
                    let Some(bytes) = self.splitter.finish() else {
                        return Err(broken("the provider closed it"));
                    };
                    let frame = self.frame(bytes);
                    if self.body.is_some() && frame.kind == Kind::Comment {
                        return Err(broken("the provider closed it"));
                    }
                    return Ok(Some(frame));
                }
            }
        }
    }

    /// Makes the frame of an event, which may be the last.
    fn frame(&mut self, bytes: Bytes) -> Frame {
        let kind = event::kind(&bytes, clock::unix_seconds());
        match &kind {
            Kind::Comment => {}
            Kind::Other => self.waits = None,
            Kind::Completed(_) | Kind::Incomplete(..) | Kind::Failed(..) => self.end(),
        }
        let kind = match kind {
            Kind::Failed(trouble, usage) => Kind::Failed(self.key.hide_in(trouble), usage),
            kind => kind,
        };
        Frame { bytes, kind }
    }

    /// Lets the end of the body come beside all else: only then can the
    /// connection be used again.
    fn end(&mut self) {
        if let Some(mut body) = self.body.take() {
            tokio::spawn(timeout(
                END_MAX,
                async move { while let Some(Ok(_)) = body.frame().await {} },
            ));
        }
    }

    fn stalled(&self) -> Trouble {
        let message = format!("no event came for {:?}", self.idle);
        Trouble::new(Phase::Broken, Class::Stalled, &message)
    }
}

/// A piece of a body, or its end.
type Piece = Option<Result<BodyFrame<Bytes>, hyper::Error>>;

/// Waits for a piece, and takes those with it that have come already.
async fn gather(body: &mut Incoming) -> VecDeque<Piece> {
    let mut pieces = VecDeque::from([body.frame().await]);
    while pieces.len() < PIECES_MAX && matches!(pieces.back(), Some(Some(Ok(_)))) {
        // Whoever reads the connection hands out one at a time: it has its turn.
        yield_now().await;
        let next = poll_fn(|context| Poll::Ready(pin!(body.frame()).poll(context))).await;
        let Poll::Ready(piece) = next else { break };
        pieces.push_back(piece);
    }
    pieces
}

fn broken(reason: &str) -> Trouble {
    let message = format!("the stream ended before its last event: {reason}");
    Trouble::new(Phase::Broken, Class::Broken, &message)
}

fn too_large() -> Trouble {
    let message =
        format!("an event is larger than the {} MiB that are read", sse::EVENT_BYTES_MAX >> 20);
    Trouble::new(Phase::Broken, Class::Malformed, &message)
}
