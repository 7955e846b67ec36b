//! Whether a plan says what its agents' models cost, so that caps on money can hold.
//!
//! What has no price is not counted as nothing: it is refused. Unaware of what the
//! prices are, and of who spends.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::units::Currency;
use crate::{Agent, Plan};

/// A model whose cost cannot be told though money is capped.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("what {model} costs is not known in {currency}, in which money is capped")]
pub struct Unpriced {
    /// The agent that uses it.
    pub agent: String,
    /// The model; `its model` where the agent names none.
    pub model: String,
    /// The currency of the caps.
    pub currency: Currency,
}

/// Checks that each agent's model has a price that an exchange rate leads from to the
/// currency of the first cap, if money is capped anywhere.
///
/// # Errors
/// Fails with the first agent whose model has none.
pub fn check(plan: &Plan) -> Result<(), Unpriced> {
    let Some(currency) = capped_in(plan) else { return Ok(()) };
    let rates = plan.exchange.iter().map(|rate| (rate.from.currency, rate.to.currency));
    let rates: BTreeSet<(Currency, Currency)> = rates.collect();
    let leads = |from: Currency| {
        from == currency || rates.contains(&(from, currency)) || rates.contains(&(currency, from))
    };
    let priced = plan.prices.iter().filter(|price| leads(price.input.0.currency));
    let priced: BTreeSet<&str> = priced.map(|price| price.model.as_str()).collect();
    let is_priced = |agent: &Agent| model(agent).is_some_and(|model| priced.contains(model));
    match plan.agents.iter().find(|agent| !is_priced(agent)) {
        None => Ok(()),
        Some(agent) => Err(Unpriced {
            agent: agent.name.clone(),
            model: model(agent).unwrap_or("its model").to_owned(),
            currency,
        }),
    }
}

fn model(agent: &Agent) -> Option<&str> {
    agent.params.text("model")
}

/// Returns the currency of the first limit on money: that of the run, then those of
/// the nodes.
#[must_use]
pub fn capped_in(plan: &Plan) -> Option<Currency> {
    let run = plan.budget.cost.into_iter().chain(plan.budget.rate.map(|rate| rate.0));
    let nodes = plan.nodes.iter().filter_map(|node| node.budget.cost);
    run.chain(nodes).map(|money| money.currency).next()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::Plan;
    use crate::lockfile::example::everything;
    use crate::units::{Money, Rate};

    fn said(alter: fn(&mut Plan)) -> Option<String> {
        let mut plan = everything();
        alter(&mut plan);
        check(&plan).err().map(|unpriced| format!("{}: {unpriced}", unpriced.agent))
    }

    #[test]
    fn what_is_not_known_in_the_currency_of_a_cap_is_named_with_who_uses_it() {
        assert_eq!(said(|_| ()), None);
        for alter in [
            (|it| it.prices.clear()) as fn(&mut Plan),
            |it| it.prices[0].model.push('x'),
            |it| it.exchange.clear(),
            |it| {
                it.prices.clear();
                it.budget.cost = None;
                it.budget.rate = None;
            },
        ] {
            let said = said(alter).expect("it is not known");
            let what = "what gpt-5.5 costs is not known in EUR, in which money is capped";
            assert_eq!(said.split_once(": ").map(|(_, what)| what), Some(what));
        }
        let unnamed = said(|it| it.agents[0].params.0.clear()).expect("it names none");
        assert!(unnamed.contains(": what its model costs is not known in EUR"), "{unnamed}");
    }

    #[test]
    fn a_rate_leads_both_ways_and_without_a_cap_nothing_is_asked() {
        assert_eq!(
            said(|it| {
                let rate = &mut it.exchange[0];
                std::mem::swap(&mut rate.from, &mut rate.to);
            }),
            None
        );
        assert_eq!(
            said(|it| {
                it.prices.clear();
                (it.budget.cost, it.budget.rate) = (None, None);
                it.nodes.iter_mut().for_each(|node| node.budget.cost = None);
            }),
            None
        );
        let rate_alone = said(|it| {
            it.prices.clear();
            (it.budget.cost, it.budget.rate) = (None, Money::parse("1 EUR").map(Rate));
            it.nodes.iter_mut().for_each(|node| node.budget.cost = None);
        });
        assert!(rate_alone.is_some());
    }
}
