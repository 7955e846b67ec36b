//! Reads LiteLLM's `model_prices_and_context_window.json`: one object a model.
//!
//! Every number is taken as its text. What cannot be said in a spec is told with
//! its reason, never guessed and never dropped: a price that is too low would
//! break the caps of a run. Unaware of files and of how prices are spelled.

use std::collections::BTreeMap;
use std::fmt;

use eufm_plan::units::{Currency, Price, Tokens};
use eufm_plan::{LongPrompt, ModelPrice};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::decimal::Decimal;

/// The entry that explains the format.
const SAMPLE: &str = "sample_spec";

const INPUT: &str = "input_cost_per_token";
const OUTPUT: &str = "output_cost_per_token";
const CACHED: &str = "cache_read_input_token_cost";
const CACHE_WRITE: &str = "cache_creation_input_token_cost";
const REASONING: &str = "output_cost_per_reasoning_token";
const MAX_OUTPUT: &str = "max_output_tokens";
const PROVIDER: &str = "litellm_provider";

/// The longest name of a model, in bytes.
const NAME_MAX: usize = 200;

/// Which models are asked for; all if nothing is said.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) providers: Vec<String>,
    pub(crate) models: Vec<String>,
}

/// From when and from whom the prices are.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) date: String,
    pub(crate) source: String,
}

/// What a table gave.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    /// The prices, sorted by model.
    pub(crate) prices: Vec<ModelPrice>,
    /// Reasons, each with the models that were left out for it.
    pub(crate) left_out: BTreeMap<String, Vec<String>>,
    /// What the table says and the prices do not, each with the models that have it.
    pub(crate) notes: BTreeMap<String, Vec<String>>,
    /// All models of the table with their providers, asked for or not.
    pub(crate) known: BTreeMap<String, String>,
}

/// An object as it is written: its keys in their order, also those that come twice.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Vec<(String, &'de RawValue)>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Entries).map(Self)
    }
}

/// Reads a table.
///
/// # Errors
/// Returns why it is no JSON object.
pub(crate) fn read(
    bytes: &[u8],
    wanted: &Wanted,
    origin: &Origin,
) -> Result<Imported, serde_json::Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let Object(entries) = serde_json::from_slice(bytes)?;
    let mut models: BTreeMap<String, Vec<&RawValue>> = BTreeMap::new();
    for (name, entry) in entries {
        models.entry(name).or_default().push(entry);
    }
    let mut imported = Imported::default();
    for (name, entries) in models {
        let mut notes = Vec::new();
        let found = match name == SAMPLE {
            true => Err("explains the format and is no model".to_owned()),
            false => merged(&entries),
        };
        let provider = found.as_ref().ok().and_then(|it| it.text(PROVIDER)).unwrap_or_default();
        imported.known.insert(name.clone(), provider.clone());
        if !wanted.has(&name, &provider) {
            continue;
        }
        match found.and_then(|fields| price(&name, &fields, origin, &mut notes)) {
            Ok(price) => {
                for note in notes {
                    imported.notes.entry(note).or_default().push(name.clone());
                }
                imported.prices.push(price);
            }
            Err(reason) => imported.left_out.entry(reason).or_default().push(name),
        }
    }
    Ok(imported)
}

impl Wanted {
    fn has(&self, model: &str, provider: &str) -> bool {
        let among =
            |list: &[String], word: &str| list.is_empty() || list.iter().any(|it| it == word);
        among(&self.models, model) && among(&self.providers, provider)
    }
}

/// The fields of a model; what is `null` is not there.
struct Fields<'a>(BTreeMap<String, &'a RawValue>);

/// Reads the entries of one name, which must say the same.
fn merged<'a>(entries: &[&'a RawValue]) -> Result<Fields<'a>, String> {
    let mut fields: BTreeMap<String, &'a RawValue> = BTreeMap::new();
    for (position, entry) in entries.iter().enumerate() {
        if position > 0 && entry.get() != entries[0].get() {
            return Err("stands twice in the table, with different contents".to_owned());
        }
        let Ok(Object(entries)) = serde_json::from_str(entry.get()) else {
            return Err(format!("is {}, not an object", noun(entry)));
        };
        for (key, value) in entries {
            if let Some(first) = fields.get(&key)
                && first.get() != value.get()
            {
                return Err(format!("has `{key}` twice, with different values"));
            }
            fields.insert(key, value);
        }
    }
    fields.retain(|_, value| value.get() != "null");
    Ok(Fields(fields))
}

impl Fields<'_> {
    fn text(&self, key: &str) -> Option<String> {
        serde_json::from_str(self.0.get(key)?.get()).ok()
    }

    fn number(&self, key: &str) -> Result<Option<Decimal>, String> {
        let Some(value) = self.0.get(key) else {
            return Ok(None);
        };
        let text = value.get();
        if !text.starts_with(|sign: char| sign == '-' || sign.is_ascii_digit()) {
            return Err(format!("has {} as `{key}`, not a number", noun(value)));
        }
        Decimal::parse(text)
            .map(Some)
            .map_err(|reason| format!("has a number in `{key}` that {reason}"))
    }

    fn price(&self, key: &str) -> Result<Option<Price>, String> {
        let usd = Currency::parse("USD").expect("invariant: three capital letters");
        let Some(number) = self.number(key)? else {
            return Ok(None);
        };
        let price = number.per_million_tokens(usd);
        price.map(Some).map_err(|reason| format!("has a number in `{key}` that {reason}"))
    }
}

impl Fields<'_> {
    /// Returns a price that is not zero. Zero would make tokens free that are not: it
    /// stands where there is no such price, and these count as if nothing was said.
    fn price_if_any(
        &self,
        key: &str,
        like: &str,
        notes: &mut Vec<String>,
    ) -> Result<Option<Price>, String> {
        let price = self.price(key)?;
        if price.is_some_and(|price| price.0.micros == 0) {
            notes.push(format!("`{key}` is 0, so these tokens count like {like}"));
            return Ok(None);
        }
        Ok(price)
    }

    fn price_of_cache(&self, key: &str, notes: &mut Vec<String>) -> Result<Option<Price>, String> {
        self.price_if_any(key, "other input", notes)
    }

    fn price_of_step(&self, key: &str, notes: &mut Vec<String>) -> Result<Option<Price>, String> {
        self.price_if_any(key, "those of short prompts", notes)
    }
}

fn noun(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'"') => "a text",
        Some(b'{') => "an object",
        Some(b'[') => "a list",
        Some(b't' | b'f') => "a truth value",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// Returns the prices of a model, or why they cannot be said.
fn price(
    name: &str,
    fields: &Fields<'_>,
    origin: &Origin,
    notes: &mut Vec<String>,
) -> Result<ModelPrice, String> {
    let lacking = |key: &str| format!("has no `{key}`");
    let input = fields.price(INPUT)?.ok_or_else(|| lacking(INPUT))?;
    let output = fields.price(OUTPUT)?.ok_or_else(|| lacking(OUTPUT))?;
    if input.0.micros == 0 && output.0.micros == 0 {
        return Err("costs nothing by this table, as models do whose price it does not know; \
                    write `prices` by hand where that is true"
            .to_owned());
    }
    nameable(name)?;
    if fields.0.contains_key("tiered_pricing") {
        return Err("has `tiered_pricing`, and a spec has no word for several steps".to_owned());
    }
    if fields.price(REASONING)?.is_some_and(|price| price.0.micros > output.0.micros) {
        return Err(format!("has its `{REASONING}` above its `{OUTPUT}`"));
    }
    let cached = fields.price_of_cache(CACHED, notes)?;
    let cache_write = fields.price_of_cache(CACHE_WRITE, notes)?;
    let mut price = ModelPrice {
        model: name.to_owned(),
        input,
        cached,
        cache_write,
        output,
        long: None,
        max_output: max_output(fields, notes),
        date: origin.date.clone(),
        source: origin.source.clone(),
    };
    price.long = long(fields, &price, notes)?;
    let unsaid = fields.0.keys().filter(|key| is_unsaid(key, fields));
    notes.extend(unsaid.map(|key| format!("`{key}` is not taken over, a spec has no word for it")));
    Ok(price)
}

/// Checks that a name can stand between quotes, which know no escapes.
fn nameable(name: &str) -> Result<(), String> {
    let unseen = |sign: char| sign.is_control() || eufm_grammar::is_invisible(sign);
    if name.trim().is_empty() || name.len() > NAME_MAX {
        return Err(format!("has a name that is empty or longer than {NAME_MAX} bytes"));
    }
    if name.contains(['"', '\\']) || name.contains("${") || name.contains(unseen) {
        return Err("has a name that a spec cannot hold".to_owned());
    }
    Ok(())
}

/// Returns the most tokens of an answer; what is no count is told.
fn max_output(fields: &Fields<'_>, notes: &mut Vec<String>) -> Option<Tokens> {
    let count = fields.number(MAX_OUTPUT).ok().flatten().and_then(Decimal::whole);
    let count = count.filter(|count| *count > 0);
    if count.is_none() && fields.0.contains_key(MAX_OUTPUT) {
        notes.push(format!("`{MAX_OUTPUT}` is not taken over, it is no number of tokens"));
    }
    count.map(Tokens)
}

/// Splits the key of a step: `input_cost_per_token_above_200k_tokens`.
fn step(key: &str) -> Option<(&'static str, u64)> {
    [INPUT, OUTPUT, CACHED, CACHE_WRITE].into_iter().find_map(|base| {
        let above = key.strip_prefix(base)?.strip_prefix("_above_")?;
        let thousands: u64 = above.strip_suffix("k_tokens")?.parse().ok()?;
        Some((base, thousands.checked_mul(1_000)?))
    })
}

/// Returns the prices of long prompts. Where the table says nothing of one, or 0, it
/// does not change.
fn long(
    fields: &Fields<'_>,
    price: &ModelPrice,
    notes: &mut Vec<String>,
) -> Result<Option<LongPrompt>, String> {
    let mut steps: BTreeMap<u64, BTreeMap<&str, Price>> = BTreeMap::new();
    for key in fields.0.keys() {
        if let Some((base, above)) = step(key)
            && let Some(price) = fields.price_of_step(key, notes)?
        {
            steps.entry(above).or_default().insert(base, price);
        }
    }
    let Some((above, prices)) = steps.pop_first() else {
        return Ok(None);
    };
    if !steps.is_empty() {
        return Err("has several steps for long prompts, and a spec has one".to_owned());
    }
    if above == 0 {
        return Err("has a step for long prompts that begins at nothing".to_owned());
    }
    let of = |base: &str| prices.get(base).copied();
    Ok(Some(LongPrompt {
        above: Tokens(above),
        input: of(INPUT).unwrap_or(price.input),
        cached: of(CACHED).or(price.cached),
        cache_write: of(CACHE_WRITE).or(price.cache_write),
        output: of(OUTPUT).unwrap_or(price.output),
    }))
}

/// Tells whether a field is about money and has no word in a spec.
fn is_unsaid(key: &str, fields: &Fields<'_>) -> bool {
    let said = matches!(key, INPUT | OUTPUT | CACHED | CACHE_WRITE) || step(key).is_some();
    let about_money = ["cost", "price", "pricing", "multiplier"].iter().any(|it| key.contains(it));
    // What is free adds nothing.
    let free = fields.number(key).is_ok_and(|number| number.is_some_and(Decimal::is_zero));
    about_money && !said && !free
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(json: &str) -> Imported {
        let origin = Origin { date: "2026-11-01".to_owned(), source: "a table".to_owned() };
        read(json.as_bytes(), &Wanted::default(), &origin).unwrap()
    }

    /// Imports one model with these fields beside its prices.
    fn with(fields: &str) -> Imported {
        import(&format!(
            r#"{{"m": {{"input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06 {fields}}}}}"#
        ))
    }

    fn reason(imported: &Imported) -> &str {
        assert!(imported.prices.is_empty(), "{imported:?}");
        imported.left_out.keys().next().map_or("", String::as_str)
    }

    #[test]
    fn a_step_for_long_prompts_changes_only_what_it_names() {
        let imported = with(
            r#", "cache_read_input_token_cost": 1e-07,
               "input_cost_per_token_above_272k_tokens": 2e-06,
               "output_cost_per_token_above_272k_tokens": 0,
               "cache_creation_input_token_cost_above_272k_tokens": 2.5e-06"#,
        );
        let long = imported.prices[0].long.clone().unwrap();
        assert_eq!(long.above, Tokens(272_000));
        assert_eq!(long.input.0.micros, 2_000_000);
        assert_eq!(long.output.0.micros, 4_000_000);
        assert_eq!(long.cached.map(|price| price.0.micros), Some(100_000));
        assert_eq!(long.cache_write.map(|price| price.0.micros), Some(2_500_000));
        assert_eq!(imported.notes.len(), 1);
    }

    #[test]
    fn what_would_be_counted_too_low_is_left_out_with_its_reason() {
        for (fields, why) in [
            (r#", "output_cost_per_reasoning_token": 5e-06"#, "output_cost_per_reasoning_token"),
            (r#", "tiered_pricing": [{"range": [0, 32000]}]"#, "tiered_pricing"),
            (
                r#", "input_cost_per_token_above_128k_tokens": 2e-06,
                   "output_cost_per_token_above_200k_tokens": 8e-06"#,
                "several steps",
            ),
            (r#", "cache_read_input_token_cost": "free""#, "a text as `cache_read"),
            (r#", "cache_read_input_token_cost": -1e-07"#, "is negative"),
            (r#", "cache_read_input_token_cost": 1e-13"#, "six decimals"),
            (r#", "input_cost_per_token": 2e-06"#, "twice"),
        ] {
            let imported = with(fields);
            assert!(reason(&imported).contains(why), "{fields}: {imported:?}");
        }
    }

    #[test]
    fn what_costs_nothing_has_no_known_price() {
        let free = r#"{"m": {"input_cost_per_token": 0, "output_cost_per_token": 0.0}}"#;
        assert!(reason(&import(free)).contains("costs nothing"));
        let half = r#"{"m": {"input_cost_per_token": 1e-07, "output_cost_per_token": 0.0}}"#;
        assert_eq!(import(half).prices.len(), 1);
    }

    #[test]
    fn tokens_of_a_cache_are_never_free() {
        let imported =
            with(r#", "cache_read_input_token_cost": 0.0, "cache_creation_input_token_cost": 0"#);
        let price = &imported.prices[0];
        assert_eq!((price.cached, price.cache_write), (None, None));
        assert_eq!(imported.notes.len(), 2);
    }

    #[test]
    fn other_prices_are_told_and_null_is_not_there() {
        let imported = with(
            r#", "input_cost_per_token_batches": 5e-07, "input_cost_per_audio_token": 0.0,
               "cache_read_input_token_cost": null, "supports_vision": true,
               "max_output_tokens": "as many as you like""#,
        );
        assert_eq!(imported.prices[0].cached, None);
        let notes: Vec<&str> = imported.notes.keys().map(String::as_str).collect();
        assert_eq!(
            notes,
            [
                "`input_cost_per_token_batches` is not taken over, a spec has no word for it",
                "`max_output_tokens` is not taken over, it is no number of tokens",
            ]
        );
    }

    #[test]
    fn one_model_said_twice_counts_once_if_it_is_the_same() {
        let entry = r#"{"input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06}"#;
        assert_eq!(import(&format!(r#"{{"m": {entry}, "m": {entry}}}"#)).prices.len(), 1);
        let other = entry.replace("4e", "5e");
        assert!(reason(&import(&format!(r#"{{"m": {entry}, "m": {other}}}"#))).contains("twice"));
    }

    #[test]
    fn names_that_quotes_cannot_hold_are_left_out() {
        let entry = r#"{"input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06}"#;
        for name in [r"a\nb", r#"a\"b"#, r"a\\b", "${x}", "", r"a\u202eb"] {
            let imported = import(&format!(r#"{{"{name}": {entry}}}"#));
            assert!(reason(&imported).contains("name"), "{name}");
        }
        assert_eq!(import(&format!(r#"{{"azure/gpt-5.5@eu:0": {entry}}}"#)).prices.len(), 1);
    }
}
