//! An answer as it comes: event by event, each as the bytes that the provider
//! sent, until the one that ends it.
//!
//! Unaware of what becomes of the events.

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout, timeout_at};

use super::event::{self, Kind};
use super::key::Key;
use super::sse::{self, Splitter};
use super::trouble::{Class, Phase, Trouble};
use crate::clock;

/// How long the end of the body may take behind the last event, for the
/// connection to be used again.
const END_MAX: Duration = Duration::from_secs(2);

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
    /// When the last event came.
    heard: Instant,
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
        Self { body: Some(body), splitter, idle, heard: Instant::now(), request_id, key }
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
        loop {
            let Some(body) = self.body.as_mut() else { return Ok(None) };
            if let Some(bytes) = self.splitter.next().map_err(|sse::TooLarge| too_large())? {
                return Ok(Some(self.frame(bytes)));
            }
            match timeout_at(self.heard + self.idle, body.frame()).await {
                Err(_) => return Err(self.stalled()),
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.splitter.push(data);
                    }
                }
                Ok(Some(Err(error))) => return Err(broken(&super::causes(&error))),
                Ok(None) => {
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
            Kind::Other => self.heard = Instant::now(),
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

fn broken(reason: &str) -> Trouble {
    let message = format!("the stream ended before its last event: {reason}");
    Trouble::new(Phase::Broken, Class::Broken, &message)
}

fn too_large() -> Trouble {
    let message =
        format!("an event is larger than the {} MiB that are read", sse::EVENT_BYTES_MAX >> 20);
    Trouble::new(Phase::Broken, Class::Malformed, &message)
}
