//! The gateway's counter: carries its questions to the dispatcher, which alone
//! has the account, and its facts to the journal.
//!
//! Unaware of HTTP, and of how the account decides.

use std::error::Error;
use std::sync::Arc;

use eufm_plan::NodeIndex;
use tokio::sync::oneshot;

use crate::event::{Ending, NodeEvent};
use crate::gateway::{Answer, Counter, Refusal, RefusalKind, Report};
use crate::ledger::{Account, Quote};
use crate::supervise::Pulse;
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
        match report {
            Report::Answered(answered) => {
                self.pulses[answered.node.get()].beat();
                let (node, usage) = (answered.node, answered.usage);
                let (request, reply) = (answered.request, answered.reply);
                let micros = request.and_then(|_| self.prices.cost(node, usage));
                let event = NodeEvent::Replied { reply, usage, request, micros };
                self.courier.tell(node, event).map_err(Into::into)
            }
            Report::Unanswered(ended) => {
                let (request, spent, reason) = (ended.request, ended.spent, ended.reason);
                let (micros, tokens) = (spent.micros, spent.tokens);
                let event = NodeEvent::Unanswered { request, micros, tokens, reason };
                self.courier.tell(ended.node, event).map_err(Into::into)
            }
            Report::Refusal(refusal) => {
                if let Some(ending) = ending(&refusal) {
                    self.refusals.note(refusal.node, ending);
                }
                Ok(())
            }
        }
    }
}

/// What a refusal makes of the attempt. Foreign paths and tokens are probes; the
/// agent itself goes on.
fn ending(refusal: &Refusal) -> Option<Ending> {
    let reason = refusal.message.clone();
    match refusal.kind {
        RefusalKind::Request | RefusalKind::Cassette => Some(Ending::Unavailable { reason }),
        RefusalKind::Exhausted => Some(Ending::Spent { reason }),
        RefusalKind::Token | RefusalKind::Path | RefusalKind::Size | RefusalKind::Internal => None,
    }
}
