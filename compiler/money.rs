//! Prices of models and exchange rates, and whether they cover what is used.
//!
//! The spec's own tables win over those of files it uses, and these over the
//! standard library's. Unaware of how much is spent.

use std::collections::BTreeMap;

use eufm_grammar::ast::{Declaration, Entry};
use eufm_grammar::{Diagnostic, Diagnostics, Span};
use eufm_plan::units::{Currency, Money, is_date};
use eufm_plan::{Exchange, LongPrompt, ModelPrice};

use crate::eval::Eval;
use crate::fields::{Adds, Fields, Owner, entries_of};
use crate::load::{ModuleId, Place};
use crate::scope::ScopeId;
use crate::typed;
use crate::vocabulary as words;
use crate::wording::{Suggester, quoted};
use crate::world::World;

/// How near a table is to the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Standard,
    Used,
    Spec,
}

/// Something with its rank and place.
struct Ranked<T> {
    rank: Rank,
    span: Span,
    value: T,
}

/// All prices and rates that a spec has.
pub(crate) struct Tables {
    prices: BTreeMap<String, Ranked<ModelPrice>>,
    rates: BTreeMap<(Currency, Currency), Ranked<Exchange>>,
}

impl Tables {
    /// Reads the tables of all modules.
    pub(crate) fn read(world: &World<'_>, out: &mut Diagnostics) -> Self {
        let mut tables = Self { prices: BTreeMap::new(), rates: BTreeMap::new() };
        for (position, module) in world.modules.iter().enumerate() {
            let rank = match module.place {
                _ if position == world.spec().get() => Rank::Spec,
                Place::File(_) => Rank::Used,
                Place::Standard(_) => Rank::Standard,
            };
            let scope = world.scopes.module(ModuleId::new(position));
            let mut reader =
                Reader { eval: Eval { world, suggester: Suggester::new(), out }, scope };
            for item in &module.prices {
                if let Some(value) = reader.price(item) {
                    let key = value.model.clone();
                    let ranked = Ranked { rank, span: item.head, value };
                    let what = format!("the prices of {} are", quoted(&key));
                    put(&mut tables.prices, key, ranked, &what, reader.eval.out);
                }
            }
            for item in &module.exchange {
                if let Some(value) = reader.exchange(item) {
                    let key = (value.from.currency, value.to.currency);
                    let ranked = Ranked { rank, span: item.head, value };
                    let what = format!("the rate from {} to {} is", key.0, key.1);
                    put(&mut tables.rates, key, ranked, &what, reader.eval.out);
                }
            }
        }
        tables
    }

    /// Returns the prices of the models in use; with a cap on money each must have one.
    pub(crate) fn prices(
        &self,
        models: &BTreeMap<String, Span>,
        cap: Option<Span>,
        out: &mut Diagnostics,
    ) -> Vec<ModelPrice> {
        let mut prices = Vec::new();
        for (model, span) in models {
            match self.prices.get(model) {
                Some(price) => prices.push(price.value.clone()),
                None => {
                    let Some(cap) = cap else { continue };
                    let finding = Diagnostic::error(
                        "E0507",
                        format!("there is no price of model {}", quoted(model)),
                    )
                    .at(*span, "would cost nobody knows what")
                    .at(cap, "money is capped here");
                    let known: Vec<&str> = self.prices.keys().map(String::as_str).collect();
                    let finding = Suggester::new().hint(finding, model, known);
                    out.push(finding.help("add `prices \"MODEL\" { … }`, or `use std.codex`, or a table that `eufm prices import` made"));
                }
            }
        }
        prices
    }

    /// Returns the rates that lead from the currencies of prices to that of the caps.
    pub(crate) fn exchange(
        &self,
        prices: &[ModelPrice],
        cap: Option<(Currency, Span)>,
        out: &mut Diagnostics,
    ) -> Vec<Exchange> {
        let Some((wanted, span)) = cap else {
            return Vec::new();
        };
        let mut rates: BTreeMap<(Currency, Currency), Exchange> = BTreeMap::new();
        let paid = prices.iter().map(|price| price.input.0.currency).filter(|paid| *paid != wanted);
        for paid in paid {
            let found = self.rates.get(&(paid, wanted)).or_else(|| self.rates.get(&(wanted, paid)));
            match found {
                Some(rate) => {
                    let key = (rate.value.from.currency, rate.value.to.currency);
                    rates.insert(key, rate.value.clone());
                }
                None => {
                    let message = format!("there is no exchange rate from {paid} to {wanted}");
                    let finding = Diagnostic::error("E0507", message)
                        .at(span, format!("capped in {wanted}, but models are paid in {paid}"))
                        .help(format!("add `exchange 1 {paid} = … {wanted} {{ date = \"…\", source = \"…\" }}` with a rate that you trust"));
                    out.push(finding);
                }
            }
        }
        rates.into_values().collect()
    }
}

/// Keeps what is nearest to the spec; two of one rank are reported.
fn put<K: Ord + std::fmt::Debug, T>(
    tables: &mut BTreeMap<K, Ranked<T>>,
    key: K,
    ranked: Ranked<T>,
    what: &str,
    out: &mut Diagnostics,
) {
    match tables.get(&key) {
        Some(known) if known.rank == ranked.rank => {
            let finding = Diagnostic::error("E0205", format!("{what} said twice"))
                .at(ranked.span, "the second time")
                .at(known.span, "the first time")
                .help("keep one of them; the spec's own table wins over those of files it uses");
            out.push(finding);
        }
        Some(known) if known.rank > ranked.rank => {}
        _ => {
            tables.insert(key, ranked);
        }
    }
}

struct Reader<'w, 'a, 'o> {
    eval: Eval<'w, 'a, 'o>,
    scope: ScopeId,
}

impl<'a> Reader<'_, 'a, '_> {
    fn price(&mut self, item: &'a Declaration<'a>) -> Option<ModelPrice> {
        if !item.quoted {
            let finding = Diagnostic::error("E0223", "a model is named by a text")
                .at(item.name.span, "a bare name")
                .help(format!("write `prices \"{}\" {{ … }}`", item.name.text));
            self.eval.out.push(finding);
        }
        let owner = Owner::of(item);
        let fields =
            Fields::read(owner, &item.entries, words::PRICES, &self.eval.suggester, self.eval.out);
        let long = fields.get("long").and_then(|entry| self.long(entry));
        let max = self.said(&fields, "max_output");
        // All are looked at before one that is wrong ends it.
        let (input, output) = (self.price_of(&fields, "input"), self.price_of(&fields, "output"));
        let cached = self.price_of(&fields, "cached");
        let cache_write = self.price_of(&fields, "cache_write");
        let max_output = max.and_then(|max| typed::tokens("max_output", &max, self.eval.out));
        let (date, source) = (self.date(&fields), self.text(&fields, "source"));
        let price = ModelPrice {
            model: item.name.text.to_owned(),
            input: input?,
            cached,
            cache_write,
            output: output?,
            long,
            max_output,
            date: date?,
            source: source?,
        };
        self.one_currency(&price, item);
        Some(price)
    }

    fn long(&mut self, entry: &'a Entry<'a>) -> Option<LongPrompt> {
        let owner = Owner {
            noun: "`long` block",
            name: "",
            span: entry.key.span,
            complete: true,
            adds: Adds::Nothing,
        };
        let fields = Fields::read(
            owner,
            entries_of(entry),
            words::LONG_PRICES,
            &self.eval.suggester,
            self.eval.out,
        );
        let above = self.said(&fields, "above");
        let above = above.and_then(|above| typed::tokens("above", &above, self.eval.out));
        let (input, output) = (self.price_of(&fields, "input"), self.price_of(&fields, "output"));
        let cached = self.price_of(&fields, "cached");
        let cache_write = self.price_of(&fields, "cache_write");
        Some(LongPrompt { above: above?, input: input?, cached, cache_write, output: output? })
    }

    fn one_currency(&mut self, price: &ModelPrice, item: &Declaration<'_>) {
        let long = price
            .long
            .iter()
            .flat_map(|long| [Some(long.input), long.cached, long.cache_write, Some(long.output)]);
        let all = [Some(price.input), price.cached, price.cache_write, Some(price.output)];
        let mut others = all.into_iter().chain(long).flatten();
        if others.any(|other| other.0.currency != price.input.0.currency) {
            let message = format!("the prices of {} have two currencies", quoted(&price.model));
            let finding = Diagnostic::error("E0508", message)
                .at(item.head, "one table, one currency")
                .help("write all of them in the currency that the provider asks for");
            self.eval.out.push(finding);
        }
    }

    fn exchange(&mut self, item: &'a eufm_grammar::ast::Exchange<'a>) -> Option<Exchange> {
        let owner = Owner {
            noun: "exchange",
            name: "",
            span: item.head,
            complete: item.complete,
            adds: Adds::Nothing,
        };
        let fields = Fields::read(
            owner,
            &item.entries,
            words::EXCHANGE,
            &self.eval.suggester,
            self.eval.out,
        );
        let from = self.eval.value(&item.from, self.scope);
        let to = self.eval.value(&item.to, self.scope);
        let from = typed::money("exchange", &from, self.eval.out);
        let to = typed::money("exchange", &to, self.eval.out);
        let (date, source) = (self.date(&fields), self.text(&fields, "source"));
        let (from, to): (Money, Money) = (from?, to?);
        if from.currency == to.currency || from.micros == 0 || to.micros == 0 {
            let finding = Diagnostic::error("E0508", "this exchanges nothing")
                .at(item.head, "needs two currencies, and amounts above zero")
                .help("write what an amount of one currency is worth in another: `exchange 1 USD = 0.92 EUR { … }`");
            self.eval.out.push(finding);
            return None;
        }
        Some(Exchange { from, to, date: date?, source: source? })
    }

    fn said(&mut self, fields: &Fields<'a>, key: &str) -> Option<crate::value::Value<'a>> {
        let entry = fields.get(key)?;
        Some(self.eval.value(&entry.value, self.scope))
    }

    fn price_of(&mut self, fields: &Fields<'a>, key: &str) -> Option<eufm_plan::units::Price> {
        let value = self.said(fields, key)?;
        typed::price(key, &value, self.eval.out)
    }

    fn text(&mut self, fields: &Fields<'a>, key: &str) -> Option<String> {
        let value = self.said(fields, key)?;
        typed::full_text(key, value, self.eval.out).map(std::borrow::Cow::into_owned)
    }

    /// Reads a day, `2026-06-12`.
    fn date(&mut self, fields: &Fields<'a>) -> Option<String> {
        let value = self.said(fields, "date")?;
        let span = value.span;
        let text = typed::full_text("date", value, self.eval.out)?;
        if is_date(&text) {
            return Some(text.into_owned());
        }
        let finding = Diagnostic::error("E0316", format!("{} is no day", quoted(&text)))
            .at(span, "not usable")
            .help("write year, month and day, as in `2026-06-12`");
        self.eval.out.push(finding);
        None
    }
}
