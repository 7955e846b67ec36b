//! A counter for tests: it lets everything out, and passes on what it is told.

use std::error::Error;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};

use eufm_plan::NodeIndex;
use tokio::sync::oneshot;

use super::{Admission, Answer, Counter, Report};
use crate::ledger::{Quote, Reservation, Spent};

/// What a counter does with a fact.
type Told = Result<(), Box<dyn Error + Send + Sync>>;

/// A counter that lets everything out.
pub(super) struct Lenient<F> {
    tell: F,
    requests: AtomicU32,
}

/// Makes a counter that hands what it is told to a function.
pub(super) fn telling<F: Fn(Report) -> Told + Send + Sync>(tell: F) -> Lenient<F> {
    Lenient { tell, requests: AtomicU32::new(0) }
}

/// Makes a counter, and the way to what it is told.
pub(super) fn lenient() -> (impl Counter + 'static, Receiver<Report>) {
    let (sender, reports) = channel();
    (telling(move |report| sender.send(report).map_err(Into::into)), reports)
}

impl<F: Fn(Report) -> Told + Send + Sync> Counter for Lenient<F> {
    fn ask(&self, _: NodeIndex, _: Quote) -> oneshot::Receiver<Answer> {
        let (answer, answered) = oneshot::channel();
        let request = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let reservation = Reservation { most: Spent::default(), output: 128_000, is_short: false };
        let admission = Admission { request, reservation };
        answer.send(Answer::Admitted(admission)).expect("somebody asked");
        answered
    }

    fn tell(&self, report: Report) -> Told {
        (self.tell)(report)
    }

    fn note(&self, report: Report) {
        // Whoever listens may have heard enough.
        let _ = (self.tell)(report);
    }
}
