//! The gateway's counter: carries its questions to the dispatcher, which alone
//! has the account, and its facts to the journal.
//!
//! Unaware of HTTP, and of how the account decides.

use std::error::Error;
use std::sync::Arc;

use eufm_plan::NodeIndex;
use tokio::sync::oneshot;

use crate::event::{Ending, NodeEvent};
use crate::gateway::{Answer, Answered, Counter, Refusal, RefusalKind, Report, Unanswered};
use crate::ledger::{Account, Quote, Spent};
use crate::pulse::Pulse;
use crate::workshop::{Courier, Message, Refusals};

/// A request of a node that wants to go out.
#[derive(Debug)]
pub(crate) struct Ask {
    /// The node.
    pub node: NodeIndex,
    /// What it can use at most.
    pub quote: Quote,
    /// Where the answer goes. Dropped, it says that the attempt is over.
    pub answer: oneshot::Sender<Answer>,
}

/// The counter of a run.
#[derive(Debug)]
pub(crate) struct RunCounter {
    /// The way to the dispatcher.
    pub courier: Courier,
    /// The nodes' signs of life.
    pub pulses: Arc<Vec<Pulse>>,
    /// What ends turns.
    pub refusals: Arc<Refusals>,
    /// For the prices alone.
    pub prices: Account,
}

impl Counter for RunCounter {
    fn ask(&self, node: NodeIndex, quote: Quote) -> oneshot::Receiver<Answer> {
        self.pulses[node.get()].beat();
        let (answer, answered) = oneshot::channel();
        self.courier.send(Message::Ask(Ask { node, quote, answer }));
        answered
    }

    fn tell(&self, report: Report) -> Result<(), Box<dyn Error + Send + Sync>> {
        match self.fact(report) {
            Some((node, event)) => self.courier.tell(node, event).map_err(Into::into),
            None => Ok(()),
        }
    }

    fn note(&self, report: Report) {
        if let Some((node, event)) = self.fact(report) {
            self.courier.post(node, event);
        }
    }
}

impl RunCounter {
    /// Makes the fact of what is reported, if it is one.
    fn fact(&self, report: Report) -> Option<(NodeIndex, NodeEvent)> {
        let pulse = |node: NodeIndex| &self.pulses[node.get()];
        Some(match report {
            Report::Answered(Answered { node, request, reply, usage, .. }) => {
                pulse(node).beat();
                let micros = request.and_then(|_| self.prices.cost(node, usage));
                (node, NodeEvent::Replied { reply, usage, request, micros })
            }
            Report::Unanswered(Unanswered { node, request, spent, reason }) => {
                let Spent { micros, tokens } = spent;
                (node, NodeEvent::Unanswered { request, micros, tokens, reason })
            }
            Report::Refusal(refusal) => {
                if let Some(ending) = ending(&refusal) {
                    self.refusals.note(refusal.node, ending);
                }
                return None;
            }
            // Of several requests at once the first and the last count.
            Report::Held(node) => pulse(node).hold().then_some((node, NodeEvent::Held))?,
            Report::Released(node) => {
                pulse(node).release().then_some((node, NodeEvent::Released))?
            }
            Report::Dropped(node, fields) => (node, NodeEvent::Dropped { fields }),
        })
    }
}

/// What a refusal makes of the attempt. Foreign paths and tokens are probes; the
/// agent itself goes on.
fn ending(refusal: &Refusal) -> Option<Ending> {
    let reason = refusal.message.clone();
    match refusal.kind {
        RefusalKind::Request | RefusalKind::Cassette | RefusalKind::Unavailable => {
            Some(Ending::Unavailable { reason })
        }
        RefusalKind::Declined => Some(Ending::Failed { reason }),
        RefusalKind::Exhausted => Some(Ending::Spent { reason }),
        RefusalKind::Token | RefusalKind::Path | RefusalKind::Size | RefusalKind::Internal => None,
    }
}
