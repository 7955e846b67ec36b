//! Finds the recorded answer to a request: by node and canonical request, or
//! by order alone.
//!
//! Where the same was asked more than once, the answers come in the order in
//! which they were recorded, and the last one from then on. Unaware of HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use eufm_plan::Digest;
use serde_json::Value;

use super::canonical::{Canonical, Item, NOTHING, Sum, beginnings, request_sum};
use super::difference::{self, Difference, What};
use super::exchange::{End, Recorded};
use super::folder::{Folder, Head};
use super::marks::Marks;
use super::read::{self, NodeFile};
use super::remade;
use super::stream::{self, Names};
use super::tape::Tape;
use crate::gateway::place::{CassetteError, read_text};

/// How an answer is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matching {
    /// By the canonical request: what differs is refused.
    Strict,
    /// By order alone, whatever is asked.
    Loose,
}

/// A recording that can be played.
#[derive(Debug)]
pub struct Recording {
    root: String,
    head: Head,
    nodes: BTreeMap<String, Node>,
    /// The names of the nodes, by what stands for them in ids.
    tags: BTreeMap<String, String>,
    go_on: String,
    notes: Vec<String>,
}

/// What was recorded of a node, and what of it was played.
#[derive(Debug)]
struct Node {
    /// The name of its file.
    file: String,
    tape: Tape,
    /// Exchanges that an interruption made void: the same was asked again.
    void: BTreeSet<usize>,
    played: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// How many answers to a request were given, by its digest.
    times: BTreeMap<Sum, usize>,
    /// The exchange that was given last, by its place.
    last: Option<usize>,
    /// The answers given that were troubles. Each is given once.
    troubles: BTreeSet<usize>,
}

/// An answer that is played.
#[derive(Debug)]
pub struct Played<'r> {
    recorded: &'r Recorded,
    marks: Marks,
    names: Names,
}

impl Played<'_> {
    /// Returns the answer, with marks in place of ids.
    #[must_use]
    pub fn recorded(&self) -> &Recorded {
        self.recorded
    }

    /// Returns the number of its exchange, from 1.
    #[must_use]
    pub fn exchange(&self) -> usize {
        self.names.exchange
    }

    /// Returns how often the asking session was given it before.
    #[must_use]
    pub fn round(&self) -> usize {
        self.names.round
    }

    /// Returns the events of its stream; none for an HTTP error. A broken
    /// answer ends without its last event: the connection is to be cut then.
    #[must_use]
    pub fn stream(&self, model: &str) -> Vec<u8> {
        stream::write(self.recorded, &self.marks, &self.names, model)
    }
}

impl Recording {
    /// Reads a recording; `go_on` is what the runner tells an agent whose
    /// session goes on.
    ///
    /// # Errors
    /// Fails at the first mistake, with file, line and column.
    pub fn open(root: &Path, go_on: &str) -> Result<Self, CassetteError> {
        let folder = Folder::at(root);
        let name = root.display().to_string();
        let wrap = |source| CassetteError::Read { name: name.clone(), source };
        let head = folder.head()?.ok_or_else(|| {
            let none = "it holds no recording.toml, so it is no recording";
            wrap(std::io::Error::new(std::io::ErrorKind::NotFound, none))
        })?;
        let (mut nodes, mut notes) = (BTreeMap::new(), Vec::new());
        for path in folder.node_paths().map_err(wrap)? {
            let file = path.display().to_string();
            let text = read_text(&path, &file)?;
            let NodeFile { node, tape, torn_at, .. } = read::read(&text, &file, &folder)?;
            if torn_at.is_some() {
                notes.push(format!("{file}: its last exchange was cut off and is left out"));
            }
            if folder.node_path(&node) != path {
                let (line, column) = (1, 1);
                let message = format!("the file of the node `{node}` has another name");
                return Err(CassetteError::Content { name: file, line, column, message });
            }
            let (void, played) = (tape.void(), Mutex::default());
            nodes.insert(node, Node { file, tape, void, played });
        }
        let tags = nodes.keys().map(|node| (tag_of(node), node.clone())).collect();
        Ok(Self { root: name, head, nodes, tags, go_on: go_on.to_owned(), notes })
    }

    /// Returns what it was made of.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Returns what a person should know of it.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Lists the nodes it has answers for, in order.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// Returns how many exchanges were recorded of a node.
    #[must_use]
    pub fn exchanges(&self, node: &str) -> usize {
        self.nodes.get(node).map_or(0, |node| node.tape.exchanges().len())
    }

    /// Lists the models that a node asked, one for each exchange.
    pub(super) fn models(&self, node: &str) -> impl Iterator<Item = &str> {
        let exchanges = self.nodes.get(node).map(|node| node.tape.exchanges());
        let settings = exchanges.unwrap_or_default().iter().map(|it| &it.settings.value);
        settings.filter_map(|settings| settings.get("model")?.as_str())
    }

    /// Returns the folder, for messages.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// Returns the name, the file and the exchanges of each node.
    pub(in crate::gateway) fn tapes(&self) -> impl Iterator<Item = (&str, &str, &Tape)> {
        self.nodes.iter().map(|(name, node)| (name.as_str(), node.file.as_str(), &node.tape))
    }

    fn of_tag(&self, tag: &str) -> Option<&Node> {
        self.nodes.get(self.tags.get(tag)?)
    }

    /// Tells whether an answer of any node, by the id of a part of it, is one
    /// that an interruption made void.
    fn is_void(&self, id: &str) -> bool {
        let is_void = || {
            let (tag, exchange, _) = Names::of_any(id)?;
            let at = exchange.checked_sub(1)?;
            Some(self.of_tag(tag)?.void.contains(&at))
        };
        is_void().unwrap_or(false)
    }

    /// Tells whether an exchange asked once more for what was answered before.
    fn asks_again(&self, tag: &str, at: usize) -> bool {
        let exchanges = self.of_tag(tag).map(|node| node.tape.exchanges());
        exchanges.and_then(|all| all.get(at)).is_some_and(|exchange| exchange.asks_again)
    }

    /// Finds the answer to a request of a node.
    ///
    /// # Errors
    /// Fails with the first difference when there is none.
    pub fn answer(
        &self,
        node: &str,
        request: &Value,
        matching: Matching,
    ) -> Result<Played<'_>, Box<Difference>> {
        let Some(found) = self.nodes.get(node) else {
            let place = self.root.clone();
            let what = What::Node;
            return Err(Box::new(Difference { place, node: node.to_owned(), what }));
        };
        let tag = tag_of(node);
        let is_void = |id: &str| self.is_void(id);
        let canonical = Canonical::played(request, &self.go_on, &is_void);
        let place = match matching {
            Matching::Strict => {
                let asks_again = |tag: &str, at| self.asks_again(tag, at);
                found.same(&canonical, &tag, &asks_again)
            }
            Matching::Loose => found.next(&canonical, &tag),
        };
        let place = place.map_err(|(line, what)| {
            let place = format!("{}:{line}", found.file);
            Box::new(Difference { place, node: node.to_owned(), what })
        })?;
        let exchange = place + 1;
        let round = round(request, &tag, exchange);
        let recorded = &found.tape.exchanges()[place].recorded;
        let names = Names { tag, exchange, round };
        Ok(Played { recorded, marks: canonical.marks, names })
    }
}

/// Returns what stands for a node in ids, which have a short alphabet.
fn tag_of(node: &str) -> String {
    Digest::of(node.as_bytes()).short(12)
}

/// Why there is no answer, and the line at which it is seen.
type Refused = (usize, What);

impl Node {
    /// Finds the exchange of an equal request, by its place.
    fn same(
        &self,
        asked: &Canonical,
        tag: &str,
        asks_again: &dyn Fn(&str, usize) -> bool,
    ) -> Result<usize, Refused> {
        let input = remade::as_recorded(asked, &self.tape, asks_again);
        let beginnings = beginnings(&input);
        let settings = Item::new(asked.settings.clone());
        let history = beginnings.last().copied().unwrap_or(NOTHING);
        let request = request_sum(&settings.sum, &history);
        let places = self.tape.with_request(&request).iter().copied();
        let places: Vec<usize> = places.filter(|&at| self.is_played(at)).collect();
        let Some(last) = places.len().checked_sub(1) else {
            return Err(self.difference(asked, &beginnings));
        };
        if let Some(heard) = Self::heard(asked, tag).filter(|heard| places.contains(heard)).max() {
            // A void answer was given: now comes the one that was given instead.
            let next = places.iter().find(|&&at| at > heard);
            return Ok(next.copied().unwrap_or(places[last]));
        }
        let mut progress = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let times = progress.times.entry(request).or_default();
        // What an interruption makes an agent ask again has the same answer.
        let number = if asked.asks_again { times.saturating_sub(1) } else { *times };
        *times = number + 1;
        let at = places[number.min(last)];
        let exchange = &self.tape.exchanges()[at];
        if number > last && exchange.recorded.end == End::Broken {
            // Given for ever, it would be asked for ever.
            return Err((exchange.line, What::Broken { exchange: at + 1 }));
        }
        Ok(at)
    }

    /// Tells whether an exchange has a part in a replay. A void answer has if
    /// it calls tools: what these did before the interruption counts.
    fn is_played(&self, exchange: usize) -> bool {
        !self.void.contains(&exchange) || self.tape.has_calls(exchange)
    }

    /// Returns the exchanges whose answers the asking session has heard.
    fn heard<'a>(asked: &'a Canonical, tag: &'a str) -> impl Iterator<Item = usize> + 'a {
        asked.heard.iter().filter_map(move |id| Names::parse(id, tag)?.0.checked_sub(1))
    }

    /// Finds the exchange that comes next, by its place.
    fn next(&self, asked: &Canonical, tag: &str) -> Result<usize, Refused> {
        let exchanges = self.tape.exchanges();
        let mut progress = self.played.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = |at: &usize| self.is_played(*at) && !progress.troubles.contains(at);
        let found = match Self::heard(asked, tag).max() {
            Some(heard) => (heard + 1..exchanges.len()).find(is_due),
            None => {
                let begin = progress.last.map_or(0, |last| last + 1);
                let mut later = (begin..exchanges.len()).filter(is_due);
                let next = match progress.last {
                    // A trouble before the first answer: the same is asked again.
                    Some(last) if progress.troubles.contains(&last) => later.next(),
                    None => later.next(),
                    Some(_) => later.find(|&at| self.tape.begins_session(at)),
                };
                next.or_else(|| (0..exchanges.len()).find(is_due))
            }
        };
        let Some(at) = found else {
            let line = exchanges.last().map_or(1, |last| last.line);
            return Err((line, What::Over { exchanges: exchanges.len() }));
        };
        progress.last = Some(at);
        if !matches!(exchanges[at].recorded.end, End::Completed { .. }) {
            progress.troubles.insert(at);
        }
        Ok(at)
    }

    /// Finds the nearest exchange, and the first difference to it.
    fn difference(&self, asked: &Canonical, beginnings: &[Sum]) -> Refused {
        let exchanges = self.tape.exchanges();
        let (nearest, kept) = self.tape.longest_beginning(beginnings).unwrap_or((0, 0));
        // Where a conversation ends, the difference is in what goes on from it.
        let goes_on = |at: &usize| exchanges[*at].from() == Some((nearest, kept));
        let at = match exchanges.get(nearest) {
            None => return (1, What::Over { exchanges: 0 }),
            Some(it) if kept < it.length() => nearest,
            Some(_) => (0..exchanges.len()).find(goes_on).unwrap_or(nearest),
        };
        let exchange = &exchanges[at];
        let found = if kept == asked.input.len() && kept == exchange.asked() {
            difference::first("", &exchange.settings.value, &asked.settings)
        } else {
            let recorded = self.tape.item(at, kept).map(|item| &item.value);
            let asked = asked.input.get(kept).map(|item| &item.value);
            difference::either(&format!("input[{kept}]"), recorded, asked)
        };
        let (path, recorded, asked) = found.unwrap_or_else(|| ("input".to_owned(), None, None));
        (exchange.line, What::Text { exchange: at + 1, path, recorded, asked })
    }
}

/// Returns how often a session was given an answer of an exchange before.
fn round(request: &Value, tag: &str, exchange: usize) -> usize {
    let items = request.get("input").and_then(Value::as_array).map(Vec::as_slice);
    let ids =
        items.unwrap_or_default().iter().flat_map(|item| [item.get("id"), item.get("call_id")]);
    let rounds = ids.flatten().filter_map(|id| Names::parse(id.as_str()?, tag));
    rounds.filter(|(of, _)| *of == exchange).map(|(_, round)| round + 1).max().unwrap_or(0)
}
