//! What tokens cost, before and after.
//!
//! A cap on money holds as many tokens as the prices say. So a lower price, or
//! a currency worth less, lets the same cap pay for more; a higher one holds
//! less. A price that is gone loosens nothing: what has none is refused under a
//! cap. Unaware of the ledger.

use super::change::{At, Change, Looser, Part};
use super::likes::Likes;
use crate::units::{Currency, Price};
use crate::{Exchange, ModelPrice, Plan};

/// Compares the price tables of two plans.
pub(super) fn prices(before: &Plan, after: &Plan, out: &mut Vec<Change>) {
    let (old, new) = (&before.prices, &after.prices);
    let likes = Likes::of((old, new), |price| &price.model, |price| &price.model);
    for &(one, other) in &likes.both {
        let mut at = At { out, part: Part::Prices, name: &new[other].model };
        model((&old[one], &new[other]), &mut at);
    }
    for &one in &likes.removed {
        let model = old[one].model.clone();
        At { out, part: Part::Prices, name: &old[one].model }.note(
            "name",
            (Some(model), None),
            None,
        );
    }
    for &one in &likes.added {
        // What had no price was refused under a cap.
        let model = new[one].model.clone();
        At { out, part: Part::Prices, name: &new[one].model }.note(
            "name",
            (None, Some(model)),
            Some(Looser::Price),
        );
    }
}

fn model((before, after): (&ModelPrice, &ModelPrice), at: &mut At<'_>) {
    // A new key is compared here or in `Costs`: without `..` this does not compile.
    let ModelPrice {
        model: _,
        input,
        cached,
        cache_write,
        output,
        long,
        max_output,
        date: _,
        source,
    } = before;
    let show = |price: &Option<Price>| price.map(|it| it.to_string());
    let is_lower = Costs::of(after).is_lower_than(&Costs::of(before));
    let lower = is_lower.then_some(Looser::Price);
    // One lower price is noted where it stands; what follows from a price that is
    // not given, wherever something differs.
    let own = |old: Option<Price>, new: Option<Price>| match (old, new) {
        (Some(old), Some(new)) => is_below(new, old).then_some(Looser::Price),
        _ => lower,
    };
    at.value("input", (&Some(*input), &Some(after.input)), show, |old, new| own(*old, *new));
    at.value("cached", (cached, &after.cached), show, |old, new| own(*old, *new));
    at.value("cache_write", (cache_write, &after.cache_write), show, |old, new| own(*old, *new));
    at.value("output", (&Some(*output), &Some(after.output)), show, |old, new| own(*old, *new));
    let shown = |long: &Option<crate::LongPrompt>| {
        let long = long.as_ref()?;
        let optional = |price: Option<Price>| price.map_or_else(String::new, |it| it.to_string());
        Some(format!(
            "above {}: input {}, cached {}, cache_write {}, output {}",
            long.above,
            long.input,
            optional(long.cached),
            optional(long.cache_write),
            long.output
        ))
    };
    at.value("long", (long, &after.long), shown, |_, _| lower);
    // What one answer can cost is reserved by it.
    let most = |it: &Option<crate::units::Tokens>| it.map(|it| it.to_string());
    at.value("max_output", (max_output, &after.max_output), most, |old, new| {
        let is_within = old.is_none() || new.is_some_and(|new| Some(new) >= *old);
        (!is_within).then_some(Looser::Price)
    });
    date((&before.date, &after.date), at);
    at.text("source", (source, &after.source), None);
}

/// Dates are of one form, so that they are ordered as their texts are.
fn date((before, after): (&str, &str), at: &mut At<'_>) {
    at.text("date", (before, after), (after < before).then_some(Looser::Price));
}

/// Another currency is below any.
fn is_below(new: Price, old: Price) -> bool {
    new.0.currency != old.0.currency || new.0.micros < old.0.micros
}

/// What tokens cost in short and in long prompts, with what holds for what is not given.
struct Costs {
    short: [Price; 4],
    /// The longest prompt that is not long, and what tokens of others cost.
    long: Option<(u64, [Price; 4])>,
}

impl Costs {
    fn of(price: &ModelPrice) -> Self {
        let all = |input: Price, cached: Option<Price>, written: Option<Price>, output| {
            [input, cached.unwrap_or(input), written.unwrap_or(input), output]
        };
        let long = price
            .long
            .as_ref()
            .map(|it| (it.above.0, all(it.input, it.cached, it.cache_write, it.output)));
        let short = all(price.input, price.cached, price.cache_write, price.output);
        Self { short, long }
    }

    /// Tells whether any tokens cost less than by another table.
    fn is_lower_than(&self, other: &Self) -> bool {
        let any = |new: &[Price; 4], old: &[Price; 4]| {
            new.iter().zip(old).any(|(new, old)| is_below(*new, *old))
        };
        // At each length from which on prices of either table may change.
        let edges = [Some(0), self.edge(), other.edge()];
        edges.into_iter().flatten().any(|length| any(self.at(length), other.at(length)))
    }

    /// The shortest prompt that is long.
    fn edge(&self) -> Option<u64> {
        self.long.map(|(above, _)| above.saturating_add(1))
    }

    fn at(&self, length: u64) -> &[Price; 4] {
        match &self.long {
            Some((above, prices)) if length > *above => prices,
            _ => &self.short,
        }
    }
}

/// Compares the exchange rates of two plans.
pub(super) fn exchange(before: &Plan, after: &Plan, out: &mut Vec<Change>) {
    let (old, new) = (&before.exchange, &after.exchange);
    let names = |list: &[Exchange]| -> Vec<String> {
        list.iter().map(|it| format!("{}-{}", it.from.currency, it.to.currency)).collect()
    };
    let (old_names, new_names) = (names(old), names(new));
    let caps = currency(after);
    for (one, name) in new.iter().zip(&new_names) {
        let mut at = At { out, part: Part::Exchange, name };
        match old_names.iter().position(|known| known == name) {
            // A rate is read both ways, so it may stand for another one.
            None => at.note("name", (None, Some(name.clone())), Some(Looser::Price)),
            Some(place) => rate((&old[place], one), caps, &mut at),
        }
    }
    for (one, name) in old.iter().zip(&old_names).filter(|(_, name)| !new_names.contains(name)) {
        let back = format!("{}-{}", one.to.currency, one.from.currency);
        // The one the other way round counts then.
        let looser = new_names.contains(&back).then_some(Looser::Price);
        At { out, part: Part::Exchange, name }.note("name", (Some(name.clone()), None), looser);
    }
}

fn rate((before, after): (&Exchange, &Exchange), caps: Option<Currency>, at: &mut At<'_>) {
    let Exchange { from, to, date: day, source } = before;
    // What one unit is worth, compared as products: before.to/before.from to after's.
    let wide = |micros: u64| u128::from(micros);
    let old = wide(to.micros) * wide(after.from.micros);
    let new = wide(after.to.micros) * wide(from.micros);
    let is_looser = match caps {
        // Prices are turned into the caps' currency: each way one direction is less.
        Some(caps) if caps == to.currency => new < old,
        Some(caps) if caps == from.currency => new > old,
        _ => new != old,
    };
    let show =
        |(from, to): &(crate::units::Money, crate::units::Money)| Some(format!("{from} = {to}"));
    let pair = (&(*from, *to), &(after.from, after.to));
    at.value("rate", pair, show, |_, _| is_looser.then_some(Looser::Price));
    date((day, &after.date), at);
    at.text("source", (source, &after.source), None);
}

/// Returns the currency of the caps; a plan has one.
fn currency(plan: &Plan) -> Option<Currency> {
    let run = plan.budget.cost.or(plan.budget.rate.map(|rate| rate.0));
    let cap = run.or_else(|| plan.nodes.iter().find_map(|node| node.budget.cost));
    cap.map(|cap| cap.currency)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diff::diff;
    use crate::lockfile::example::everything;
    use crate::units::{Money, Tokens};

    fn is_looser(alter: impl Fn(&mut Plan)) -> bool {
        let mut after = everything();
        alter(&mut after);
        let told = diff(&everything(), &after);
        assert!(!told.is_empty(), "nothing was altered");
        assert!(told.escalations.iter().all(|it| it.looser == Some(Looser::Price)), "{told:?}");
        told.is_escalated()
    }

    fn price(text: &str) -> Price {
        Price::parse(&format!("{text} per 1M tokens")).expect("a price")
    }

    fn money(text: &str) -> Money {
        Money::parse(text).expect("an amount")
    }

    #[test]
    fn what_is_not_given_costs_what_other_input_does() {
        // It was 0.50 USD.
        assert!(!is_looser(|it| it.prices[0].cached = None));
        assert!(!is_looser(|it| it.prices[0].cached = Some(price("0.60 USD"))));
        assert!(is_looser(|it| it.prices[0].cached = Some(price("0.40 USD"))));
        // It was 6.25 USD, and other input is 5.
        assert!(is_looser(|it| it.prices[0].cache_write = None));
        assert!(!is_looser(|it| it.prices[0].output = price("31.00 USD")));
        assert!(is_looser(|it| it.prices[0].output = price("31.00 EUR")));
        assert!(!is_looser(|it| it.prices[0].max_output = Some(Tokens(200_000))));
        assert!(is_looser(|it| it.prices[0].max_output = None));
    }

    #[test]
    fn long_prompts_are_compared_at_each_length() {
        let long = |alter: fn(&mut crate::LongPrompt)| {
            is_looser(|it| alter(it.prices[0].long.as_mut().expect("there")))
        };
        assert!(!long(|it| it.above = Tokens(200_000)));
        assert!(long(|it| it.above = Tokens(272_001)));
        assert!(!long(|it| it.output = price("46.00 USD")));
        assert!(long(|it| it.input = price("9.99 USD")));
        // It was 1 USD, and other input of long prompts is 10.
        assert!(!long(|it| it.cached = None));
    }

    #[test]
    fn a_rate_is_looser_in_the_direction_in_which_caps_pay_for_more() {
        let rate = |from: &'static str, to: &'static str| {
            is_looser(|it| (it.exchange[0].from, it.exchange[0].to) = (money(from), money(to)))
        };
        assert!(rate("1 USD", "0.91 EUR"));
        assert!(!rate("1 USD", "0.93 EUR"));
        assert!(!rate("2 USD", "1.84 EUR"), "it says the same");
        // Caps in dollars, prices in euros: the other direction.
        let mut before = everything();
        before.nodes.iter_mut().for_each(|node| node.budget.cost = None);
        before.budget.rate = None;
        before.budget.cost = Some(money("20 USD"));
        let mut after = before.clone();
        after.exchange[0].to = money("0.93 EUR");
        assert!(diff(&before, &after).is_escalated() && !diff(&after, &before).is_escalated());
    }

    #[test]
    fn the_rate_that_counts_then_is_asked_for() {
        let mut both = everything();
        let back =
            Exchange { from: money("1 EUR"), to: money("9 USD"), ..both.exchange[0].clone() };
        both.exchange.insert(0, back);
        // Of two directions the first counts.
        assert!(diff(&both, &everything()).is_escalated());
        let mut none = everything();
        none.exchange.clear();
        assert!(!diff(&everything(), &none).is_escalated(), "what has no rate is refused");
        assert!(diff(&none, &everything()).is_escalated());
    }
}
