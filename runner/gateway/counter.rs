//! What the gateway asks of the run and tells it: every request is let out by
//! somebody who knows what it may cost, and its end is told.
//!
//! Unaware of how requests are carried, and of what the run does with it.

use std::error::Error;

use eufm_plan::NodeIndex;
use tokio::sync::oneshot;

use super::Usage;
use crate::ledger::{Quote, Reservation, Spent};

/// The run as the gateway sees it.
pub trait Counter: Send + Sync {
    /// Asks whether a node's request may go out. The answer may take long: until
    /// others have given back what they reserved. Without an answer the attempt
    /// is over.
    fn ask(&self, node: NodeIndex, quote: Quote) -> oneshot::Receiver<Answer>;

    /// Takes a fact; may block until it is on disk.
    ///
    /// # Errors
    /// Fails when the run does not take it any more; the answer is kept back then.
    fn tell(&self, report: Report) -> Result<(), Box<dyn Error + Send + Sync>>;

    /// Takes a fact from which nothing follows for the teller; never blocks.
    fn note(&self, report: Report);
}

/// Whether a request may go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It may, with this.
    Admitted(Admission),
    /// A cap does not let it, for this reason.
    Exhausted(String),
}

/// A request that may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admission {
    /// Its number among the node's requests, from 1.
    pub request: u32,
    /// What it may use.
    pub reservation: Reservation,
}

/// What the gateway tells of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// It was answered.
    Answered(Answered),
    /// It was let out, and came to its end without an account of what it used.
    Unanswered(Unanswered),
    /// It was not let out.
    Refusal(Refusal),
    /// It waits for the provider to be there again.
    Held(NodeIndex),
    /// It waits no more.
    Released(NodeIndex),
    /// Fields of it are left out, since nobody knows them; told once an attempt.
    Dropped(NodeIndex, Vec<String>),
}

/// A request that was answered; the agent has not seen the end of it yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The node.
    pub node: NodeIndex,
    /// The request; `None` for one that uses nothing.
    pub request: Option<u32>,
    /// The place of the reply in the node's list, from 0; for a provider without
    /// a list the number of the request.
    pub reply: u32,
    /// How often this reply was served to the session before.
    pub round: u32,
    /// What it used.
    pub usage: Usage,
}

/// A request that came to its end without an account of what it used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// The node.
    pub node: NodeIndex,
    /// The request.
    pub request: u32,
    /// What it is charged: all that it reserved, or nothing.
    pub spent: Spent,
    /// What became of it, one line.
    pub reason: String,
}

/// A request that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The node.
    pub node: NodeIndex,
    /// What is wrong with it.
    pub kind: RefusalKind,
    /// Why, in full.
    pub message: String,
}

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// It does not carry the attempt's token (401).
    Token,
    /// Its path or method is not served (404).
    Path,
    /// It is too large or was cut off (413).
    Size,
    /// It holds something that is not allowed, such as a hosted tool (400).
    Request,
    /// The cassette has no reply that fits (400).
    Cassette,
    /// A cap on money or tokens does not let it out (429, as an exhausted quota).
    Exhausted,
    /// The model is not to be had, and waiting does not mend that (400).
    Unavailable,
    /// The provider does not take this one request (400).
    Declined,
    /// The counter does not take it, or the attempt is over (503); never told.
    Internal,
}
