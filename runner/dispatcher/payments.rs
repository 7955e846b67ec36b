//! Lets the agents' requests out: each takes what it may use off the account,
//! in the journal, before it goes.
//!
//! Decided here and nowhere else, one request after the other, so that requests
//! of several nodes never pass a cap together. Unaware of what is asked.

use crate::counter::Ask;
use crate::error::RunError;
use crate::event::{Event, NodeEvent};
use crate::gateway::{Admission, Answer};
use crate::ledger::{Decision, Reservation};

use super::Dispatcher;

impl Dispatcher<'_> {
    /// Takes a request into the queue of those that want to go out.
    pub(super) fn asked(&mut self, ask: Ask) -> Result<(), RunError> {
        self.asks.push_back(ask);
        self.let_out()
    }

    /// Lets out what the account can pay for, in the order of asking; one that
    /// has to wait lets others pass that need less.
    pub(super) fn let_out(&mut self) -> Result<(), RunError> {
        for _ in 0..self.asks.len() {
            let Some(ask) = self.asks.pop_front() else { break };
            let state = self.scheduler.state();
            let is_over = self.stop.is_some() || !state.node(ask.node).may_spend();
            // Dropping the question says that the attempt is over.
            if is_over || ask.answer.is_closed() {
                continue;
            }
            match state.account.decide(ask.node, ask.quote) {
                Decision::Wait => self.asks.push_back(ask),
                Decision::Admitted(reservation) => self.let_go(ask, reservation)?,
                Decision::Exhausted(exhausted) => {
                    // Whoever asked may be gone; then nothing is lost.
                    let _ = ask.answer.send(Answer::Exhausted(exhausted.to_string()));
                }
            }
        }
        Ok(())
    }

    /// Writes down that a request goes out, then lets it go.
    fn let_go(&mut self, ask: Ask, reservation: Reservation) -> Result<(), RunError> {
        let node = ask.node;
        let request = self.scheduler.state().account.last_request(node) + 1;
        let (most, output) = (reservation.most, reservation.output);
        let (micros, tokens) = (most.micros, most.tokens);
        let event = NodeEvent::Asked { request, micros, tokens, output };
        self.take(&Event::Node(node, event))?;
        let answer = Answer::Admitted(Admission { request, reservation });
        if ask.answer.send(answer).is_err() {
            // Its agent is gone: it did not go out.
            let reason = "the agent did not wait for it".to_owned();
            let event = NodeEvent::Unanswered { request, micros: 0, tokens: 0, reason };
            self.take(&Event::Node(node, event))?;
        }
        Ok(())
    }
}
