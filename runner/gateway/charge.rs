//! A request that was let out, until its end is told: whatever becomes of the
//! task that carries it, it is accounted for.
//!
//! Unaware of how it is carried.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::service::Session;
use super::{Admission, Answer, Answered, RefusalKind, Report, Unanswered, Usage};
use crate::gateway::service::Refused;
use crate::ledger::{Quote, Spent};

/// What a request has reserved. Dropped without an end, it is charged all of it.
pub(super) struct Charge {
    session: Arc<Session>,
    admission: Admission,
    is_open: bool,
}

impl Charge {
    /// Asks for leave to let a request out, and waits for it.
    pub(super) async fn ask(session: &Arc<Session>, quote: Quote) -> Result<Self, Refused> {
        match session.counter.ask(session.index, quote).await {
            Ok(Answer::Admitted(admission)) => {
                Ok(Self { session: Arc::clone(session), admission, is_open: true })
            }
            Ok(Answer::Exhausted(reason)) => Err(Refused::new(RefusalKind::Exhausted, reason)),
            Err(_) => Err(over()),
        }
    }

    /// Returns how many tokens the answer may have.
    pub(super) fn output(&self) -> u64 {
        self.admission.reservation.output
    }

    /// Tells whether that is less than was asked for, for want of money.
    pub(super) fn is_short(&self) -> bool {
        self.admission.reservation.is_short
    }

    /// Tells what the provider counted, before the agent sees the end. `reply`
    /// is the place of the answer and how often it was served before; without
    /// one it is the request's own.
    pub(super) async fn answered(
        mut self,
        usage: Usage,
        reply: Option<(u32, u32)>,
    ) -> Result<(), Refused> {
        let request = self.admission.request;
        let (reply, round) = reply.unwrap_or((request, 0));
        let (node, request) = (self.session.index, Some(request));
        let report = Report::Answered(Answered { node, request, reply, round, usage });
        self.is_open = false;
        self.session.tell_aside(report).await
    }

    /// Tells that the provider did not take the request: it costs nothing.
    pub(super) fn untaken(mut self, reason: &str) {
        self.end(Spent::default(), reason);
    }

    /// Tells that nobody knows what the request cost: all that it reserved.
    pub(super) fn unknown(mut self, reason: &str) {
        self.end(self.admission.reservation.most, reason);
    }

    fn end(&mut self, spent: Spent, reason: &str) {
        self.is_open = false;
        let (node, request) = (self.session.index, self.admission.request);
        let reason = reason.to_owned();
        let ended = Unanswered { node, request, spent, reason };
        // Whoever asks next is behind it, so nobody has to wait for it here. And
        // it is told when the attempt is over, too.
        self.session.counter.note(Report::Unanswered(ended));
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.is_open {
            self.end(self.admission.reservation.most, "the agent left before its end");
        }
    }
}

/// The answer to who asks when nobody decides any more.
pub(super) fn over() -> Refused {
    Refused::new(RefusalKind::Internal, "the attempt is over".to_owned())
}

impl Session {
    /// Tells the counter off the thread that serves all attempts: it may wait
    /// for a disk.
    pub(super) async fn tell_aside(self: &Arc<Self>, report: Report) -> Result<(), Refused> {
        self.aside(move |session| session.tell(report)).await
    }

    /// Does what takes long off the thread that serves all attempts.
    pub(super) async fn aside<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        let session = Arc::clone(self);
        spawn_blocking(move || work(&session)).await.unwrap_or_else(|error| {
            Err(Refused::new(RefusalKind::Internal, format!("a bug in the gateway: {error}")))
        })
    }
}
