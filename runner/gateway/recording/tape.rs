//! The exchanges of one node in the order in which they were recorded. Each
//! holds what is new in it and where it goes on from, as in the file.
//!
//! Unaware of files and of how exchanges are chosen for an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::canonical::{Item, NOTHING, Sum, request_sum};
use super::entry::Entry;
use super::exchange::{End, Recorded};
use super::form::Form;

/// The most exchanges of a node: a session of a thousand requests is a long one.
pub(super) const EXCHANGES_MAX: usize = 100_000;

/// An exchange: a request and its answer.
#[derive(Debug)]
pub(in crate::gateway) struct Exchange {
    /// The line of the file it begins on, from 1; 0 if it was just recorded.
    pub(in crate::gateway) line: usize,
    /// The request without its history.
    pub(in crate::gateway) settings: Arc<Item>,
    /// It asked once more, after an interruption, for what was answered before.
    pub(in crate::gateway) asks_again: bool,
    /// The answer, with marks in place of names.
    pub(in crate::gateway) recorded: Recorded,
    /// The history goes on from the conversation of this exchange, by its
    /// place, after so many entries of it.
    from: Option<(usize, usize)>,
    /// What is new in the request, then the answer's items.
    links: Vec<Link>,
    /// How many of the links are the request's.
    asked: usize,
}

/// An entry of a conversation.
#[derive(Debug)]
struct Link {
    item: Arc<Item>,
    /// The digest of the conversation up to and with it.
    sum: Sum,
    /// How many calls there are up to it.
    calls: usize,
    /// The model has said something up to it.
    is_answered: bool,
}

/// What is needed to add an exchange.
pub(super) struct Addition {
    pub(super) line: usize,
    pub(super) settings: Arc<Item>,
    pub(super) asks_again: bool,
    /// Where the history goes on from, as [`Tape::longest_beginning`] gives it.
    pub(super) from: Option<(usize, usize)>,
    /// What is new in the request.
    pub(super) new: Vec<Arc<Item>>,
    pub(super) recorded: Recorded,
}

/// The exchanges of one node.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Tape {
    exchanges: Vec<Exchange>,
    /// The first exchange whose conversation begins so, and how long that is.
    beginnings: BTreeMap<Sum, (usize, usize)>,
    /// The exchanges with an equal request, by its digest.
    requests: BTreeMap<Sum, Vec<usize>>,
    /// How many of the exchanges hold nothing but digests any more.
    forgotten: usize,
}

impl Exchange {
    /// Returns how many entries its history has.
    pub(super) fn asked(&self) -> usize {
        self.kept() + self.asked
    }

    /// Returns how many entries its conversation has: history and answer.
    pub(super) fn length(&self) -> usize {
        self.kept() + self.links.len()
    }

    fn kept(&self) -> usize {
        self.from.map_or(0, |(_, kept)| kept)
    }

    /// Returns where the history goes on from.
    pub(in crate::gateway) fn from(&self) -> Option<(usize, usize)> {
        self.from
    }
}

impl Tape {
    /// Adds an exchange at the end.
    pub(super) fn push(&mut self, addition: Addition) {
        let Addition { line, settings, asks_again, from, new, recorded } = addition;
        let place = self.exchanges.len();
        let (mut sum, mut calls, mut is_answered) = self.state(from);
        // Where the same stands more than once, the first is meant: so the last
        // entry is found without going back through those that repeat it.
        let from = self.beginnings.get(&sum).copied().or(from);
        let answer = recorded.items.iter().map(|item| Item::new(item.clone()));
        let asked = new.len();
        let mut history = sum;
        let mut links = Vec::with_capacity(asked + recorded.items.len());
        for (at, item) in new.into_iter().chain(answer).enumerate() {
            sum = item.behind(&sum);
            calls = item.calls(calls);
            is_answered |= item.is_the_models();
            if at < asked {
                history = sum;
            }
            let length = from.map_or(0, |(_, kept)| kept) + at + 1;
            self.beginnings.entry(sum).or_insert((place, length));
            links.push(Link { item, sum, calls, is_answered });
        }
        self.requests.entry(request_sum(&settings.sum, &history)).or_default().push(place);
        self.exchanges.push(Exchange { line, settings, asks_again, recorded, from, links, asked });
    }

    /// Forgets what was said, for somebody who only adds: digests tell where a
    /// conversation goes on, and a long run has many.
    pub(super) fn forget(&mut self) {
        let nothing = Item::new(Value::Null);
        for exchange in self.exchanges.iter_mut().skip(self.forgotten) {
            exchange.links.iter_mut().for_each(|link| link.item = Arc::clone(&nothing));
            exchange.links.shrink_to_fit();
            exchange.settings = Arc::clone(&nothing);
            exchange.recorded = Recorded { items: Vec::new(), end: End::Broken };
        }
        self.forgotten = self.exchanges.len();
    }

    /// Returns the exchanges in their order.
    pub(in crate::gateway) fn exchanges(&self) -> &[Exchange] {
        &self.exchanges
    }

    /// Returns the places of the exchanges with this request, in their order.
    pub(super) fn with_request(&self, request: &Sum) -> &[usize] {
        self.requests.get(request).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the exchanges that an interruption made void, since the same was
    /// asked again, by their places.
    pub(super) fn void(&self) -> BTreeSet<usize> {
        let mut void = BTreeSet::new();
        for places in self.requests.values() {
            let last = places.iter().rposition(|&at| self.exchanges[at].asks_again);
            void.extend(places.iter().take(last.unwrap_or(0)));
        }
        void
    }

    /// Finds the longest of these beginnings that a conversation has: the
    /// exchange by its place, and how many entries are the same.
    pub(super) fn longest_beginning(&self, beginnings: &[Sum]) -> Option<(usize, usize)> {
        beginnings.iter().rev().find_map(|sum| self.beginnings.get(sum).copied())
    }

    /// Returns what comes behind a history, in each conversation that has it.
    pub(super) fn behind<'t>(&'t self, history: &Sum) -> impl Iterator<Item = &'t Arc<Item>> {
        let found = self.beginnings.get(history).copied();
        let own = found.and_then(|(exchange, length)| self.item(exchange, length));
        let goes_on = move |exchange: &&Exchange| found.is_some() && exchange.from == found;
        let others = self.exchanges.iter().filter(goes_on);
        own.into_iter().chain(others.filter_map(|it| Some(&it.links.first()?.item)))
    }

    /// Returns how many calls a history has that goes on from there.
    pub(super) fn calls(&self, from: Option<(usize, usize)>) -> usize {
        self.state(from).1
    }

    /// Returns what is new in an exchange: entries of the request, and of the
    /// answer.
    pub(super) fn new_items(&self, exchange: usize) -> impl Iterator<Item = &Value> {
        self.exchanges[exchange].links.iter().map(|link| &link.item.value)
    }

    /// Returns what is new in an exchange as it is shown: what was asked, and
    /// what was answered.
    pub(in crate::gateway) fn entries(&self, exchange: usize) -> (Vec<Entry>, Vec<Entry>) {
        let it = &self.exchanges[exchange];
        let mut calls = self.calls(it.from);
        let mut entries: Vec<Entry> = Vec::with_capacity(it.links.len());
        for link in &it.links {
            entries.push(Entry::of(Form::of(&link.item.value, calls), calls));
            calls = link.calls;
        }
        let answered = entries.split_off(it.asked);
        (entries, answered)
    }

    /// Returns the entry at a place of an exchange's conversation, from 0.
    pub(super) fn item(&self, exchange: usize, at: usize) -> Option<&Arc<Item>> {
        Some(&self.link(exchange, at)?.item)
    }

    /// Tells whether an answer calls tools.
    pub(super) fn has_calls(&self, exchange: usize) -> bool {
        let recorded = &self.exchanges[exchange].recorded;
        recorded.items.iter().any(|item| item.get("call_id").is_some())
    }

    /// Tells whether the history of an exchange holds nothing of the model: a
    /// session begins with it.
    pub(super) fn begins_session(&self, exchange: usize) -> bool {
        let asked = self.exchanges[exchange].asked();
        !self.state(Some((exchange, asked))).2
    }

    fn state(&self, from: Option<(usize, usize)>) -> (Sum, usize, bool) {
        let last = from.and_then(|(exchange, kept)| self.link(exchange, kept.checked_sub(1)?));
        last.map_or((NOTHING, 0, false), |link| (link.sum, link.calls, link.is_answered))
    }

    fn link(&self, mut exchange: usize, at: usize) -> Option<&Link> {
        loop {
            let it = self.exchanges.get(exchange)?;
            match it.from {
                // Each goes on from an earlier one, so this ends.
                Some((before, kept)) if at < kept => exchange = before,
                _ => return it.links.get(at - it.kept()),
            }
        }
    }
}
