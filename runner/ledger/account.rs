//! The one account of a run: what each node and the run have spent and have
//! reserved, and what is still theirs.
//!
//! A fold over facts, as the state that it is a part of: `reserve`, `settle`
//! and `forfeit` are told what happened; `decide` changes nothing. What is
//! reserved counts as spent until its end is known. Unaware of who asks when.

use std::collections::BTreeMap;
use std::fmt;

use eufm_plan::units::{Currency, Money};
use eufm_plan::{AgentIndex, NodeIndex, Plan, Work};

use super::{Output, Quote, Tariff, Tariffs, Usage};

/// An answer of fewer tokens is of no use to an agent: a plan, a patch and some
/// reasoning. A cap that cannot pay for it is used up.
const OUTPUT_LEAST: u64 = 1_024;

/// With this many tokens nearly every answer comes to its end. A node gets as
/// many before others get their share.
const OUTPUT_USUAL: u64 = 8_192;

/// What is asked for of a model whose limit the price table does not say.
const OUTPUT_MOST: u64 = 128_000;

/// What was used, in millionths of the run's currency and in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Money, in millionths.
    pub micros: u64,
    /// Tokens of prompts and answers, cached ones included.
    pub tokens: u64,
}

/// What a request may use, taken off the account before it goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// The most that it can cost.
    pub most: Spent,
    /// The tokens that its answer may have.
    pub output: u64,
    /// Whether these are fewer than were asked for, for want of money.
    pub is_short: bool,
}

/// Whether a request may go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may, with this.
    Admitted(Reservation),
    /// Not yet: it fits when what others have reserved was not needed.
    Wait,
    /// It may not, whatever becomes of the others.
    Exhausted(Exhausted),
}

/// A cap that cannot pay for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted {
    /// Whether it is the node's own cap, else the run's.
    pub is_own: bool,
    /// What the cap allows.
    pub cap: Amount,
    /// What is left of it.
    pub left: Amount,
    /// What the request can use at most, with the shortest useful answer.
    pub needed: Amount,
}

/// An amount of what is capped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Money.
    Money(Money),
    /// Tokens.
    Tokens(u64),
}

/// What one node, or the run, has used and may use.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Purse {
    cap_micros: Option<u64>,
    cap_tokens: Option<u64>,
    spent: Spent,
    reserved: Spent,
}

/// An agent node's side of the account.
#[derive(Debug, Clone)]
struct Client {
    agent: AgentIndex,
    purse: Purse,
    /// The number of its last request; 0 before the first.
    last: u32,
    /// Its requests whose end is not known, by number.
    open: Vec<(u32, Spent)>,
}

/// The account of a run.
#[derive(Debug, Clone)]
pub struct Account {
    tariffs: Tariffs,
    run: Purse,
    clients: BTreeMap<NodeIndex, Client>,
    /// How many requests are open, all nodes together.
    open: u32,
    parallel: u32,
}

impl Account {
    /// Opens the account of a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let clients = plan.nodes.iter().enumerate().filter_map(|(position, node)| {
            let Work::Agent { agent, .. } = &node.work else { return None };
            let purse = Purse::new(node.budget.cost, node.budget.tokens.map(|it| it.0));
            let client = Client { agent: *agent, purse, last: 0, open: Vec::new() };
            Some((NodeIndex::new(position), client))
        });
        Self {
            tariffs: Tariffs::of(plan),
            run: Purse::new(plan.budget.cost, plan.budget.tokens.map(|it| it.0)),
            clients: clients.collect(),
            open: 0,
            parallel: plan.budget.parallel,
        }
    }

    /// Returns the currency of all amounts; `None` in a plan that names no money.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        self.tariffs.currency()
    }

    /// Returns what a node has used: what it spent, and what it reserved and did
    /// not give back.
    #[must_use]
    pub fn used_by(&self, node: NodeIndex) -> Spent {
        self.clients.get(&node).map_or_else(Spent::default, |client| client.purse.used())
    }

    /// Returns what the run has spent, without what is reserved.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.run.spent
    }

    /// Returns what the run has used, likewise.
    #[must_use]
    pub fn used(&self) -> Spent {
        self.run.used()
    }

    /// Returns what a response costs a node; `None` if its model has no price.
    #[must_use]
    pub fn cost(&self, node: NodeIndex, usage: Usage) -> Option<u64> {
        Some(self.tariff(node)?.cost(usage))
    }

    /// Returns the number of a node's last request; 0 before the first.
    #[must_use]
    pub fn last_request(&self, node: NodeIndex) -> u32 {
        self.clients.get(&node).map_or(0, |client| client.last)
    }

    /// Returns what an open request has reserved.
    #[must_use]
    pub fn reserved(&self, node: NodeIndex, request: u32) -> Option<Spent> {
        let open = &self.clients.get(&node)?.open;
        open.iter().find(|(number, _)| *number == request).map(|(_, most)| *most)
    }

    fn tariff(&self, node: NodeIndex) -> Option<&Tariff> {
        self.tariffs.agent(self.clients.get(&node)?.agent)
    }

    /// Decides whether a node's request may go out now.
    #[must_use]
    pub fn decide(&self, node: NodeIndex, quote: Quote) -> Decision {
        let Some(client) = self.clients.get(&node) else { return Decision::Wait };
        let tariff = self.tariffs.agent(client.agent);
        let (least, most) = bounds(quote.output, tariff);
        let purses = [(true, &client.purse), (false, &self.run)];
        for (is_own, purse) in purses {
            if let Some(exhausted) = self.exhausted(purse, is_own, tariff, quote.input, least) {
                return Decision::Exhausted(exhausted);
            }
        }
        let within = |left: Left| left.output(tariff, quote.input);
        let (own, run) = (client.purse.left(), self.run.left());
        let Some(all) = within(own).zip(within(run)).map(|(own, run)| own.min(run)) else {
            return Decision::Wait;
        };
        if all < least {
            return Decision::Wait;
        }
        // The others want to ask too; each gets a share of what is left.
        let shares = u64::from(self.parallel.saturating_sub(self.open).max(1));
        let share = within(run.divided(shares)).unwrap_or(0).max(OUTPUT_USUAL);
        let output = most.min(all).min(share.max(least));
        let micros = tariff.map_or(0, |tariff| tariff.worst(quote.input, output));
        let tokens = quote.input.saturating_add(output);
        let is_short = output < most;
        Decision::Admitted(Reservation { most: Spent { micros, tokens }, output, is_short })
    }

    /// Tells why a purse could not pay even if nothing of it were reserved.
    fn exhausted(
        &self,
        purse: &Purse,
        is_own: bool,
        tariff: Option<&Tariff>,
        input: u64,
        output: u64,
    ) -> Option<Exhausted> {
        let tokens = input.saturating_add(output);
        let left = purse.left_at_best();
        if let (Some(cap), Some(left)) = (purse.cap_tokens, left.tokens)
            && left < tokens
        {
            let [cap, left, needed] = [cap, left, tokens].map(Amount::Tokens);
            return Some(Exhausted { is_own, cap, left, needed });
        }
        let (cap, left) = (purse.cap_micros?, left.micros?);
        let micros = tariff.map_or(u64::MAX, |tariff| tariff.worst(input, output));
        let currency = self.currency()?;
        let money = |micros| Amount::Money(Money { micros, currency });
        let exhausted =
            Exhausted { is_own, cap: money(cap), left: money(left), needed: money(micros) };
        (left < micros).then_some(exhausted)
    }

    /// Tells whether a request of this number may be opened next.
    #[must_use]
    pub fn may_open(&self, node: NodeIndex, request: u32) -> bool {
        self.clients.get(&node).is_some_and(|client| client.last.checked_add(1) == Some(request))
    }

    /// Takes what a request may use off the account.
    pub fn reserve(&mut self, node: NodeIndex, request: u32, most: Spent) {
        let Some(client) = self.clients.get_mut(&node) else { return };
        client.last = request;
        client.open.push((request, most));
        client.purse.reserved += most;
        self.run.reserved += most;
        self.open += 1;
    }

    /// Puts what a request did use in place of what it reserved. Without a
    /// request it is added: nothing was reserved for it.
    pub fn settle(&mut self, node: NodeIndex, request: Option<u32>, spent: Spent) {
        if let Some(request) = request {
            self.release(node, request);
        }
        let Some(client) = self.clients.get_mut(&node) else { return };
        client.purse.spent += spent;
        self.run.spent += spent;
    }

    /// Spends what every open request has reserved: nobody will learn any more
    /// what they did use.
    pub fn forfeit(&mut self) {
        for client in self.clients.values_mut() {
            for (_, most) in client.open.drain(..) {
                client.purse.reserved -= most;
                client.purse.spent += most;
                self.run.reserved -= most;
                self.run.spent += most;
            }
        }
        self.open = 0;
    }

    /// Lets a node, and the run with it, use more than their caps say.
    pub fn raise(&mut self, node: NodeIndex, by: Spent) {
        self.raise_own(node, by);
        self.run.raise(by);
    }

    /// Lets a node use more than its own caps say; those of the run stay.
    pub fn raise_own(&mut self, node: NodeIndex, by: Spent) {
        if let Some(client) = self.clients.get_mut(&node) {
            client.purse.raise(by);
        }
    }

    fn release(&mut self, node: NodeIndex, request: u32) {
        let Some(client) = self.clients.get_mut(&node) else { return };
        let Some(at) = client.open.iter().position(|(number, _)| *number == request) else {
            return;
        };
        let (_, most) = client.open.swap_remove(at);
        client.purse.reserved -= most;
        self.run.reserved -= most;
        self.open -= 1;
    }
}

/// The fewest and the most tokens that an answer is to have.
fn bounds(output: Output, tariff: Option<&Tariff>) -> (u64, u64) {
    match output {
        Output::Fixed(tokens) => (tokens, tokens),
        Output::Set { most } => {
            let model = tariff.and_then(|tariff| tariff.max_output).unwrap_or(OUTPUT_MOST);
            let most = most.unwrap_or(model).min(model);
            (most.min(OUTPUT_LEAST), most)
        }
    }
}

/// What is left of a purse; `None` where nothing limits it.
#[derive(Debug, Clone, Copy)]
struct Left {
    micros: Option<u64>,
    tokens: Option<u64>,
}

impl Left {
    fn divided(self, shares: u64) -> Self {
        Self {
            micros: self.micros.map(|it| it / shares),
            tokens: self.tokens.map(|it| it / shares),
        }
    }

    /// Returns how many tokens an answer may have; `None` if the prompt alone is
    /// too much.
    fn output(self, tariff: Option<&Tariff>, input: u64) -> Option<u64> {
        let money = match self.micros {
            None => u64::MAX,
            Some(micros) => tariff?.output_within(micros, input)?,
        };
        let tokens = match self.tokens {
            None => u64::MAX,
            Some(tokens) => tokens.checked_sub(input)?,
        };
        Some(money.min(tokens))
    }
}

impl Purse {
    fn new(cost: Option<Money>, tokens: Option<u64>) -> Self {
        let cap_micros = cost.map(|cost| cost.micros);
        Self { cap_micros, cap_tokens: tokens, ..Self::default() }
    }

    fn raise(&mut self, by: Spent) {
        let raised = |cap: Option<u64>, by: u64| cap.map(|cap| cap.saturating_add(by));
        self.cap_micros = raised(self.cap_micros, by.micros);
        self.cap_tokens = raised(self.cap_tokens, by.tokens);
    }

    fn used(&self) -> Spent {
        let mut used = self.spent;
        used += self.reserved;
        used
    }

    fn left(&self) -> Left {
        self.without(self.used())
    }

    /// What is left if nothing that is reserved is needed.
    fn left_at_best(&self) -> Left {
        self.without(self.spent)
    }

    fn without(&self, used: Spent) -> Left {
        Left {
            micros: self.cap_micros.map(|cap| cap.saturating_sub(used.micros)),
            tokens: self.cap_tokens.map(|cap| cap.saturating_sub(used.tokens)),
        }
    }
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.micros = self.micros.saturating_add(other.micros);
        self.tokens = self.tokens.saturating_add(other.tokens);
    }
}

impl std::ops::SubAssign for Spent {
    fn sub_assign(&mut self, other: Self) {
        self.micros = self.micros.saturating_sub(other.micros);
        self.tokens = self.tokens.saturating_sub(other.tokens);
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Money(money) => write!(f, "{money}"),
            Self::Tokens(tokens) => write!(f, "{tokens} tokens"),
        }
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { is_own, cap, left, needed } = self;
        let whose = if *is_own { "its" } else { "the run's" };
        write!(f, "{whose} cap of {cap} is used up: {left} left, the next request can use {needed}")
    }
}
