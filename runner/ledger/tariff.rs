//! What tokens cost: the plan's price tables and exchange rates as one exact
//! function from tokens to millionths of the run's currency.
//!
//! Each response is rounded up once, from a sum in wide integers; what does not
//! fit into 64 bits counts as more than anybody can pay. Unaware of caps.

use eufm_plan::units::{Currency, Price};
use eufm_plan::{AgentIndex, ModelPrice, Plan};

use super::Usage;

/// Prices are for this many tokens.
const PRICED_TOKENS: u128 = 1_000_000;

/// What the models of a plan's agents cost, in one currency.
#[derive(Debug, Clone)]
pub struct Tariffs {
    currency: Option<Currency>,
    agents: Vec<Option<Tariff>>,
}

/// What one model costs, in the currency of its [`Tariffs`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tariff {
    short: Rates,
    /// The longest prompt, in tokens, that is not long; and the rates above.
    long: Option<(u64, Rates)>,
    factor: Factor,
    /// The most tokens of one answer, where the table says so.
    pub max_output: Option<u64>,
}

/// Millionths of the table's currency for 1,000,000 tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rates {
    input: u64,
    cached: u64,
    cache_write: u64,
    output: u64,
}

/// An exchange rate as a fraction in lowest terms: `from` units are `to` units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Factor {
    from: u128,
    to: u128,
}

impl Tariffs {
    /// Reads the tables of a plan. The currency is that of the first cap, or
    /// without one that of the first price.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let capped = eufm_plan::priced::capped_in(plan);
        let currency = capped.or_else(|| plan.prices.first().map(|price| price.input.0.currency));
        let tariff = |agent: &eufm_plan::Agent| {
            let model = agent.params.text("model")?;
            let price = plan.prices.iter().find(|price| price.model == model)?;
            Some(Tariff::of(price, factor(plan, price.input.0.currency, currency?)?))
        };
        Self { currency, agents: plan.agents.iter().map(tariff).collect() }
    }

    /// Returns the currency of all amounts; `None` in a plan that names no money.
    #[must_use]
    pub fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// Returns what an agent's model costs, if that is known.
    #[must_use]
    pub fn agent(&self, agent: AgentIndex) -> Option<&Tariff> {
        self.agents.get(agent.get())?.as_ref()
    }
}

fn factor(plan: &Plan, from: Currency, to: Currency) -> Option<Factor> {
    if from == to {
        return Some(Factor { from: 1, to: 1 });
    }
    plan.exchange.iter().find_map(|rate| {
        let pair = (rate.from.currency, rate.to.currency);
        let (one, other) = (u128::from(rate.from.micros), u128::from(rate.to.micros));
        let factor = match pair {
            _ if one == 0 || other == 0 => return None,
            _ if pair == (from, to) => Factor { from: one, to: other },
            _ if pair == (to, from) => Factor { from: other, to: one },
            _ => return None,
        };
        Some(factor.reduced())
    })
}

impl Factor {
    fn reduced(self) -> Self {
        let (mut one, mut other) = (self.from, self.to);
        while other != 0 {
            (one, other) = (other, one % other);
        }
        Self { from: self.from / one, to: self.to / one }
    }
}

impl Rates {
    fn of(input: Price, cached: Option<Price>, cache_write: Option<Price>, output: Price) -> Self {
        let or_input = |price: Option<Price>| price.unwrap_or(input).0.micros;
        Self {
            input: input.0.micros,
            cached: or_input(cached),
            cache_write: or_input(cache_write),
            output: output.0.micros,
        }
    }

    /// Returns the dearest way in which a token of the prompt can be counted.
    fn dearest_input(self) -> u64 {
        self.input.max(self.cached).max(self.cache_write)
    }
}

impl Tariff {
    fn of(price: &ModelPrice, factor: Factor) -> Self {
        let short = Rates::of(price.input, price.cached, price.cache_write, price.output);
        let long = price.long.as_ref().map(|long| {
            (long.above.0, Rates::of(long.input, long.cached, long.cache_write, long.output))
        });
        Self { short, long, factor, max_output: price.max_output.map(|tokens| tokens.0) }
    }

    /// Returns what a response costs, in millionths, rounded up once.
    #[must_use]
    pub fn cost(&self, usage: Usage) -> u64 {
        let rates = match self.long {
            Some((above, long)) if usage.input > above => long,
            _ => self.short,
        };
        let cached = usage.cached.min(usage.input);
        let written = usage.cache_write.min(usage.input - cached);
        let parts = [
            (usage.input - cached - written, rates.input),
            (cached, rates.cached),
            (written, rates.cache_write),
            (usage.output, rates.output),
        ];
        self.micros(sum(&parts))
    }

    /// Returns the most that a response can cost whose prompt has at most
    /// `input` tokens and whose answer at most `output`.
    #[must_use]
    pub fn worst(&self, input: u64, output: u64) -> u64 {
        let (input_rate, output_rate) = self.dearest(input);
        self.micros(sum(&[(input, input_rate), (output, output_rate)]))
    }

    /// Returns how many tokens an answer may have at most so that
    /// [`Tariff::worst`] stays within `micros`; `None` if the prompt alone does not.
    #[must_use]
    pub fn output_within(&self, micros: u64, input: u64) -> Option<u64> {
        let (input_rate, output_rate) = self.dearest(input);
        // `micros` is below 2^64, `from` below 2^50 (an amount in a plan).
        let all = u128::from(micros)
            .checked_mul(PRICED_TOKENS)
            .and_then(|all| all.checked_mul(self.factor.from))
            .map_or(u128::MAX, |all| all / self.factor.to);
        let rest = all.checked_sub(sum(&[(input, input_rate)]))?;
        match output_rate {
            0 => Some(u64::MAX),
            rate => Some(u64::try_from(rest / u128::from(rate)).unwrap_or(u64::MAX)),
        }
    }

    /// The rates of the prompt and of the answer that can apply at most.
    fn dearest(&self, input: u64) -> (u64, u64) {
        let short = (self.short.dearest_input(), self.short.output);
        match self.long {
            Some((above, long)) if input > above => {
                (short.0.max(long.dearest_input()), short.1.max(long.output))
            }
            _ => short,
        }
    }

    fn micros(&self, sum: u128) -> u64 {
        let exact = sum
            .checked_mul(self.factor.to)
            .map(|sum| sum.div_ceil(PRICED_TOKENS * self.factor.from));
        exact.and_then(|micros| u64::try_from(micros).ok()).unwrap_or(u64::MAX)
    }
}

/// Adds up tokens at their rates; never wraps.
fn sum(parts: &[(u64, u64)]) -> u128 {
    parts.iter().fold(0, |sum: u128, (tokens, rate)| {
        sum.saturating_add(u128::from(*tokens) * u128::from(*rate))
    })
}

#[cfg(test)]
mod tests {
    use eufm_plan::units::{Money, Tokens};
    use eufm_plan::{Exchange, LongPrompt};
    use proptest::prelude::*;

    use super::*;

    fn price(text: &str) -> Price {
        Price(Money::parse(text).expect("money"))
    }

    fn gpt() -> ModelPrice {
        ModelPrice {
            model: "gpt-5.5".to_owned(),
            input: price("5 USD"),
            cached: Some(price("0.50 USD")),
            cache_write: None,
            output: price("30 USD"),
            long: Some(LongPrompt {
                above: Tokens(272_000),
                input: price("10 USD"),
                cached: Some(price("1 USD")),
                cache_write: None,
                output: price("45 USD"),
            }),
            max_output: Some(Tokens(128_000)),
            date: "2026-06-12".to_owned(),
            source: "a table".to_owned(),
        }
    }

    fn tariff() -> Tariff {
        Tariff::of(&gpt(), Factor { from: 100, to: 92 }.reduced())
    }

    fn usage(input: u64, cached: u64, output: u64) -> Usage {
        Usage { input, cached, output, ..Usage::default() }
    }

    #[test]
    fn a_response_is_rounded_up_once() {
        let dollars = Tariff::of(&gpt(), Factor { from: 1, to: 1 });
        // 5 micro-dollars a token, 0.5 cached, 30 for output.
        assert_eq!(dollars.cost(usage(1_000, 0, 0)), 5_000);
        assert_eq!(dollars.cost(usage(1_000, 400, 50)), 3_000 + 200 + 1_500);
        assert_eq!(dollars.cost(usage(1, 1, 0)), 1);
        assert_eq!(dollars.cost(usage(3, 3, 0)), 2);
        assert_eq!(tariff().cost(usage(1_000, 0, 0)), 4_600);
        assert_eq!(tariff().cost(usage(1, 0, 0)), 5);
    }

    #[test]
    fn a_long_prompt_makes_the_whole_request_dearer() {
        let dollars = Tariff::of(&gpt(), Factor { from: 1, to: 1 });
        assert_eq!(dollars.cost(usage(272_000, 0, 1)), 5 * 272_000 + 30);
        assert_eq!(dollars.cost(usage(272_001, 0, 1)), 10 * 272_001 + 45);
    }

    #[test]
    fn more_than_fits_is_more_than_anybody_can_pay() {
        assert_eq!(tariff().cost(usage(u64::MAX, 0, u64::MAX)), u64::MAX);
        assert_eq!(tariff().worst(u64::MAX, u64::MAX), u64::MAX);
    }

    #[test]
    fn an_exchange_rate_is_read_both_ways() {
        let rate = |from, to| Exchange {
            from: Money::parse(from).expect("money"),
            to: Money::parse(to).expect("money"),
            date: "2026-11-01".to_owned(),
            source: "central bank".to_owned(),
        };
        let currency = |text| Currency::parse(text).expect("a currency");
        let mut plan = crate::state_test::plan_of(&[], 1);
        plan.exchange = vec![rate("1 USD", "0.92 EUR")];
        let there = factor(&plan, currency("USD"), currency("EUR")).expect("a factor");
        let back = factor(&plan, currency("EUR"), currency("USD")).expect("a factor");
        assert_eq!(there, Factor { from: 25, to: 23 });
        assert_eq!(back, Factor { from: 23, to: 25 });
        assert_eq!(factor(&plan, currency("RON"), currency("USD")), None);
    }

    proptest! {
        #[test]
        fn no_response_costs_more_than_its_worst_case(
            input in 0_u64..2_000_000, output in 0_u64..200_000,
            most_input in 0_u64..2_000_000, most_output in 0_u64..200_000,
            cached in 0_u64..2_000_000, cache_write in 0_u64..2_000_000,
        ) {
            let (most_input, most_output) = (most_input.max(input), most_output.max(output));
            let usage = Usage { input, cached, cache_write, output, reasoning: 0 };
            prop_assert!(tariff().cost(usage) <= tariff().worst(most_input, most_output));
        }

        #[test]
        fn the_output_that_money_allows_is_the_most_that_it_pays(
            micros in 0_u64..100_000_000, input in 0_u64..500_000,
        ) {
            match tariff().output_within(micros, input) {
                None => prop_assert!(tariff().worst(input, 0) > micros),
                Some(output) => {
                    prop_assert!(tariff().worst(input, output) <= micros);
                    prop_assert!(tariff().worst(input, output + 1) > micros);
                }
            }
        }
    }
}
