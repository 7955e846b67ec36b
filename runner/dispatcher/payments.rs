//! Lets the agents' requests out: each takes what it may use off the account,
//! in the journal, before it goes.
//!
//! Decided here and nowhere else, one request after the other, so that requests
//! of several nodes never pass a cap together. Unaware of what is asked.

use eufm_plan::NodeIndex;
use eufm_plan::units::Money;

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

    /// Says it loudly when a provider has counted more for a request than it could
    /// use at most: then its caps did not hold as far.
    pub(super) fn look_at_count(&mut self, node: NodeIndex, event: &NodeEvent) {
        let NodeEvent::Replied { request: Some(request), usage, micros, .. } = event else {
            return;
        };
        let account = &self.scheduler.state().account;
        let Some(most) = account.reserved(node, *request) else { return };
        let (micros, tokens) = (micros.unwrap_or(0), usage.input.saturating_add(usage.output));
        if micros <= most.micros && tokens <= most.tokens {
            return;
        }
        let money = |micros| {
            let currency = account.currency();
            currency
                .map_or_else(String::new, |currency| format!(", {}", Money { micros, currency }))
        };
        let (counted, could) = (money(micros), money(most.micros));
        let name = &self.shop.node(node).name;
        self.reporter.note(&format!(
            "{name}: the provider counted {tokens} tokens{counted} for request {request}, which could \
             use {} at most{could}: caps do not hold with a provider that does this; `output_max = \
             model` reserves the longest answer",
            most.tokens
        ));
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
