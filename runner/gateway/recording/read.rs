//! Reads a node's file: every mistake with line and column, but for an end
//! that a killed writer left torn, which is dropped.
//!
//! Unaware of how an answer is chosen.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::canonical::Item;
use super::exchange::{End, Recorded};
use super::folder::{FORMAT, Folder};
use super::form::Form;
use super::spelling::WHOLE;
use super::tape::{Addition, EXCHANGES_MAX, Tape};
use crate::gateway::Usage;
use crate::gateway::place::{CassetteError, Place};

/// The largest count of tokens an answer may claim, so that sums stay far from
/// any overflow.
const TOKENS_MAX: u64 = 1_000_000_000;

/// A node's file.
#[derive(Debug)]
pub(super) struct NodeFile {
    /// The node's name.
    pub(super) node: String,
    /// Its exchanges.
    pub(super) tape: Tape,
    /// The name of the file of the last exchange's settings.
    pub(super) settings: Option<String>,
    /// How many bytes are whole, if a torn exchange was dropped at the end.
    pub(super) torn_at: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[expect(dead_code, reason = "named so that it is a known key; checked before the others")]
    format: u32,
    node: String,
    #[serde(default)]
    exchange: Vec<Spanned<RawExchange>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExchange {
    number: usize,
    after: Option<Spanned<usize>>,
    keep: Option<Spanned<usize>>,
    settings: Option<Spanned<String>>,
    #[serde(default)]
    asks_again: bool,
    #[serde(default)]
    new: Vec<Spanned<Form>>,
    #[serde(default)]
    answer: Vec<Spanned<Form>>,
    end: Spanned<RawEnd>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEnd {
    usage: Option<RawUsage>,
    incomplete: Option<String>,
    failed: Option<String>,
    message: Option<String>,
    #[serde(default)]
    broken: bool,
    status: Option<u16>,
    retry_after_s: Option<u64>,
    body: Option<String>,
    #[expect(dead_code, reason = "it says that nothing is missing, by being there")]
    whole: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUsage {
    input: u64,
    cached: u64,
    #[serde(default)]
    cache_write: u64,
    output: u64,
    reasoning: u64,
}

/// Reads the text of a node's file; `name` stands in messages.
///
/// # Errors
/// Fails at the first mistake.
pub(super) fn read(text: &str, name: &str, folder: &Folder) -> Result<NodeFile, CassetteError> {
    let torn_at = torn_at(text);
    let text = torn_at.and_then(|at| text.get(..at)).unwrap_or(text);
    let place = Place::new(text, name);
    let table = DeTable::parse(text).map_err(|error| place.toml(&error))?;
    place.check_format(&table, FORMAT)?;
    let raw =
        RawFile::deserialize(Deserializer::from(table)).map_err(|error| place.toml(&error))?;
    let mut reader = Reader { place, folder, tape: Tape::default(), settings: None };
    for exchange in raw.exchange {
        reader.exchange(exchange)?;
    }
    let settings = reader.settings.map(|(file, _)| file);
    Ok(NodeFile { node: raw.node, tape: reader.tape, settings, torn_at })
}

/// Finds a torn end. An exchange is appended at once, so only the last can be
/// torn; and no text shows the line that ends a whole one.
fn torn_at(text: &str) -> Option<usize> {
    let end = format!("\n{WHOLE}");
    match text.rfind(&end) {
        Some(at) => Some(at + end.len()).filter(|&whole| whole < text.len()),
        // The head of a file is there whole or not at all.
        None => text.find("\n\n[").map(|at| at + 1),
    }
}

/// Builds the tape, exchange by exchange.
struct Reader<'t> {
    place: Place<'t>,
    folder: &'t Folder,
    tape: Tape,
    /// The last settings, by the name of their file.
    settings: Option<(String, Arc<Item>)>,
}

impl Reader<'_> {
    fn exchange(&mut self, exchange: Spanned<RawExchange>) -> Result<(), CassetteError> {
        let span = exchange.span();
        let fault = |message: String| self.place.error(span.clone(), message);
        let raw = exchange.into_inner();
        let number = self.tape.exchanges().len() + 1;
        if number > EXCHANGES_MAX {
            return Err(fault(format!("a node has at most {EXCHANGES_MAX} exchanges")));
        }
        if raw.number != number {
            return Err(fault(format!("this is exchange {number}, not {}", raw.number)));
        }
        let line = self.place.line_column(span.start).0;
        let from = self.from(raw.after, raw.keep)?;
        let end = raw.end.span();
        let end = finish_end(raw.end.into_inner())
            .map_err(|message| self.place.error(end, message.to_owned()))?;
        self.change_settings(raw.settings)?;
        let settings = match &self.settings {
            Some((_, settings)) => Arc::clone(settings),
            None => return Err(self.place.error(span, "the first exchange has `settings`".into())),
        };
        let mut calls = self.tape.calls(from);
        let new = self.items(raw.new, &mut calls)?;
        let answer = self.items(raw.answer, &mut calls)?;
        let items: Vec<Value> = answer.iter().map(|item| item.value.clone()).collect();
        let recorded = Recorded { items, end };
        self.tape.push(Addition {
            line,
            settings,
            asks_again: raw.asks_again,
            from,
            new,
            recorded,
        });
        Ok(())
    }

    fn from(
        &self,
        after: Option<Spanned<usize>>,
        keep: Option<Spanned<usize>>,
    ) -> Result<Option<(usize, usize)>, CassetteError> {
        let Some(after) = after else {
            return match keep {
                Some(keep) => Err(self.place.error(keep.span(), "`keep` needs `after`".into())),
                None => Ok(None),
            };
        };
        let place = after.get_ref().checked_sub(1);
        let found = place.and_then(|place| Some((place, self.tape.exchanges().get(place)?)));
        let Some((place, before)) = found else {
            let message = "`after` is the number of an earlier exchange".to_owned();
            return Err(self.place.error(after.span(), message));
        };
        let Some(keep) = keep else { return Ok(Some((place, before.length()))) };
        if !(1..=before.length()).contains(keep.get_ref()) {
            let message = format!("`keep` is from 1 to {}", before.length());
            return Err(self.place.error(keep.span(), message));
        }
        Ok(Some((place, *keep.get_ref())))
    }

    fn change_settings(&mut self, file: Option<Spanned<String>>) -> Result<(), CassetteError> {
        let Some(file) = file else { return Ok(()) };
        let read = self.folder.shared(file.get_ref()).and_then(|text| {
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.get_ref()))
        });
        let value: Value = read.map_err(|message| self.place.error(file.span(), message))?;
        self.settings = Some((file.into_inner(), Item::new(value)));
        Ok(())
    }

    fn items(
        &self,
        forms: Vec<Spanned<Form>>,
        calls: &mut usize,
    ) -> Result<Vec<Arc<Item>>, CassetteError> {
        let mut items = Vec::with_capacity(forms.len());
        for form in forms {
            let value = form.get_ref().value(*calls, &mut |name| self.folder.shared(name));
            let value = value.map_err(|message| self.place.error(form.span(), message))?;
            let item = Item::new(value);
            *calls = item.calls(*calls);
            items.push(item);
        }
        Ok(items)
    }
}

fn finish_end(raw: RawEnd) -> Result<End, &'static str> {
    let usage = raw.usage.map(finish_usage).transpose()?;
    let end = match (usage, raw.incomplete, raw.failed, raw.broken, raw.status) {
        (Some(usage), None, None, false, None) => End::Completed { usage },
        (Some(usage), Some(reason), None, false, None) => End::Incomplete { reason, usage },
        (None, None, Some(code), false, None) => {
            return Ok(End::Failed { code, message: raw.message.unwrap_or_default() });
        }
        (None, None, None, true, None) => End::Broken,
        (None, None, None, false, Some(status)) if (400..=599).contains(&status) => {
            let body = raw.body.unwrap_or_default();
            return Ok(End::Status { status, retry_after_s: raw.retry_after_s, body });
        }
        _ => {
            return Err("an answer ends with `usage`, `incomplete` and `usage`, `failed` and \
                 `message`, `broken`, or `status` (400 to 599) and `body`");
        }
    };
    match (raw.message, raw.retry_after_s, raw.body) {
        (None, None, None) => Ok(end),
        _ => Err("`message` belongs to `failed`; `retry_after_s` and `body` to `status`"),
    }
}

fn finish_usage(usage: RawUsage) -> Result<Usage, &'static str> {
    let RawUsage { input, cached, cache_write, output, reasoning } = usage;
    if input > TOKENS_MAX || output > TOKENS_MAX {
        return Err("`usage` is at most 1000000000 tokens");
    }
    if cached.saturating_add(cache_write) > input || reasoning > output {
        return Err("`cached` and `cache_write` are parts of `input`, `reasoning` of `output`");
    }
    Ok(Usage { input, cached, cache_write, output, reasoning })
}
