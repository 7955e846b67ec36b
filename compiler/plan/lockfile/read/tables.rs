//! The tables of plan.lock that are no node, from caps to sources.
//!
//! Every order that the plan promises is checked, so that it has one spelling.
//! Unaware of nodes, but for the names of those that were taken out.

use std::collections::BTreeSet;

use super::names::{Names, check_labels, check_sorted, meaning, table};
use super::raw::{
    Ordered, RawCompiler, RawConstitution, RawEnvironment, RawExchange, RawGenerated, RawOmitted,
    RawParam, RawPrice, RawProtected, RawRunBudget,
};
use super::whole::RawPlan;
use crate::id::{is_label, is_name};
use crate::lockfile::LockError;
use crate::lockfile::items::{is_inside, is_window, read_rate};
use crate::units::{Bytes, Millis, Money, Price, Rate, Tokens, is_date};
use crate::{
    Agent, Constitution, Digest, Environment, Exchange, FINAL_VERIFY, Generated, Level, LongPrompt,
    ModelPrice, Node, Origin, ParamValue, Params, Plan, Protected, QualityGate, Rule, RunBudget,
    Script, Source, UNMAPPED_MAX, Unmapped, Waiver, Work, Writes, scripts,
};

/// Checks what stands before the first table.
pub(super) fn check_opening(raw: &RawPlan) -> Result<(), LockError> {
    if let Some(source) = raw.source.as_ref().filter(|source| !is_inside(source)) {
        let cause = format!("it is `{}`, not a path below the root", source.escape_debug());
        return Err(meaning("source", cause));
    }
    if let Some(window) = raw.window.as_ref().filter(|window| !is_window(window)) {
        let cause = format!("it is `{}`, not as in `22:00-06:00 UTC`", window.escape_debug());
        return Err(meaning("window", cause));
    }
    Ok(())
}

pub(super) fn run_budget(raw: &RawRunBudget) -> Result<RunBudget, LockError> {
    fn cap<T>(
        key: &str,
        text: Option<&String>,
        noun: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, LockError> {
        let Some(text) = text else { return Ok(None) };
        let wrong = || meaning("budget", format!("`{key}` is `{text}`, not {noun}"));
        parse(text).ok_or_else(wrong).map(Some)
    }
    if raw.parallel == 0 {
        let cause = "`parallel` is 0, so that nothing could run".to_owned();
        return Err(meaning("budget", cause));
    }
    Ok(RunBudget {
        cost: cap("cost", raw.cost.as_ref(), "an amount of money", Money::parse)?,
        rate: cap("rate", raw.rate.as_ref(), "money per hour", Rate::parse)?,
        wall: cap("wall", raw.wall.as_ref(), "a duration", Millis::parse)?,
        tokens: cap("tokens", raw.tokens.as_ref(), "a number of tokens", Tokens::parse)?,
        memory: cap("memory", raw.memory.as_ref(), "a size", Bytes::parse)?,
        parallel: raw.parallel,
    })
}

/// Caps on money are in one currency, so that they can be compared.
pub(super) fn check_currencies(budget: &RunBudget, nodes: &[Node]) -> Result<(), LockError> {
    let mut first = None;
    let mut other = |money: Money| {
        let known = *first.get_or_insert(money.currency);
        let cause = || format!("money is capped in {known} and in {}", money.currency);
        (known != money.currency).then(cause)
    };
    let run = [budget.cost, budget.rate.map(|rate| rate.0)];
    if let Some(cause) = run.into_iter().flatten().find_map(&mut other) {
        return Err(meaning("budget", cause));
    }
    for node in nodes {
        if let Some(cause) = node.budget.cost.and_then(&mut other) {
            return Err(meaning(table("node", &node.name), cause));
        }
    }
    Ok(())
}

pub(super) fn environments(raw: Ordered<RawEnvironment>) -> Result<Vec<Environment>, LockError> {
    check_labels("environment", &raw)?;
    check_sorted("environment", &raw)?;
    let environment = |(name, raw): (String, RawEnvironment)| {
        let RawEnvironment { tools, network, prepare, key, keep } = raw;
        Environment { name, tools, prepare, network, key, keep }
    };
    Ok(raw.0.into_iter().map(environment).collect())
}

pub(super) fn agents(raw: Ordered<Ordered<RawParam>>) -> Result<Vec<Agent>, LockError> {
    let kinds = kinds("agent", raw)?;
    Ok(kinds.into_iter().map(|(name, kind, params)| Agent { name, kind, params }).collect())
}

pub(super) fn gates(raw: Ordered<Ordered<RawParam>>) -> Result<Vec<QualityGate>, LockError> {
    let kinds = kinds("gate", raw)?;
    Ok(kinds.into_iter().map(|(name, kind, params)| QualityGate { name, kind, params }).collect())
}

/// Reads tables of a `kind` and its parameters.
fn kinds(
    family: &str,
    raw: Ordered<Ordered<RawParam>>,
) -> Result<Vec<(String, String, Params)>, LockError> {
    check_labels(family, &raw)?;
    check_sorted(family, &raw)?;
    let mut kinds = Vec::with_capacity(raw.0.len());
    for (name, Ordered(keys)) in raw.0 {
        let mut keys = keys.into_iter();
        let read = take_text(&mut keys, "kind").and_then(|kind| Ok((kind, params(keys)?)));
        let (kind, params) = read.map_err(|cause| meaning(table(family, &name), cause))?;
        kinds.push((name, kind, params));
    }
    Ok(kinds)
}

/// Takes the next key of a table, which must be this one; the error is the cause.
fn take(keys: &mut dyn Iterator<Item = (String, RawParam)>, key: &str) -> Option<RawParam> {
    keys.next().filter(|(found, _)| found == key).map(|(_, value)| value)
}

fn take_text(
    keys: &mut dyn Iterator<Item = (String, RawParam)>,
    key: &str,
) -> Result<String, String> {
    match take(keys, key) {
        Some(RawParam::Text(text)) => Ok(text),
        _ => Err(match key {
            "kind" => "its first key is not `kind`, a text".to_owned(),
            _ => format!("the text `{key}` is not where it must stand"),
        }),
    }
}

fn params(keys: impl Iterator<Item = (String, RawParam)>) -> Result<Params, String> {
    let param = |(key, value): (String, RawParam)| match value {
        RawParam::Text(text) => Ok((key, ParamValue::Text(text))),
        RawParam::List(list) => Ok((key, ParamValue::List(list))),
        RawParam::Number(_) => {
            Err(format!("`{key}` is a number; a parameter is a string or a list of strings"))
        }
    };
    keys.map(param).collect::<Result<_, _>>().map(Params)
}

pub(super) fn constitution(
    raw: Option<RawConstitution>,
    rules: Ordered<Ordered<RawParam>>,
) -> Result<Option<Constitution>, LockError> {
    check_labels("rule", &rules)?;
    check_sorted("rule", &rules)?;
    let Some(RawConstitution { path, digest, unmapped, unmapped_more }) = raw else {
        return match rules.0.into_iter().next() {
            Some((name, _)) => {
                let cause = "there is no `[constitution]` that it could belong to".to_owned();
                Err(meaning(table("rule", &name), cause))
            }
            None => Ok(None),
        };
    };
    if !is_inside(&path) {
        let cause = format!("`path` is `{}`, not a path below the root", path.escape_debug());
        return Err(meaning("constitution", cause));
    }
    let rule = |(name, Ordered(keys)): (String, Ordered<RawParam>)| {
        rule(keys)
            .map_err(|cause| meaning(table("rule", &name), cause))
            .map(|rule| Rule { name, ..rule })
    };
    let rules = rules.0.into_iter().map(rule).collect::<Result<_, _>>()?;
    let unmapped =
        self::unmapped(unmapped, unmapped_more).map_err(|cause| meaning("constitution", cause))?;
    Ok(Some(Constitution { path, digest, unmapped, unmapped_more, rules }))
}

/// Reads the sentences that no rule cites; the error is the cause.
fn unmapped(raw: Vec<String>, more: u32) -> Result<Vec<Unmapped>, String> {
    if raw.len() > UNMAPPED_MAX || (more > 0 && raw.len() < UNMAPPED_MAX) {
        let count = raw.len();
        return Err(format!("`unmapped` has {count} entries and {more} more, not {UNMAPPED_MAX}"));
    }
    let mut before = 1;
    let sentence = |entry: String| {
        let (line, text) = entry.split_once(": ").unwrap_or_default();
        match line.parse() {
            Ok(line) if line >= before => {
                before = line;
                Ok(Unmapped { line, text: text.to_owned() })
            }
            _ => Err(format!(
                "`unmapped` has `{}`, not a line of the document behind the one before",
                entry.escape_debug()
            )),
        }
    };
    raw.into_iter().map(sentence).collect()
}

/// Reads how a rule is set aside; the error is the cause.
fn waiver(raw: &RawParam) -> Result<Waiver, String> {
    let waiver = match raw {
        RawParam::Text(text) => Waiver::parse(text),
        RawParam::List(_) | RawParam::Number(_) => None,
    };
    waiver
        .filter(|it| is_date(&it.until))
        .ok_or_else(|| "its `waived` is not as in `until 2026-12-31 by ada: why`".to_owned())
}

/// Reads a rule without its name; the error is the cause.
fn rule(keys: Vec<(String, RawParam)>) -> Result<Rule, String> {
    let mut keys = keys.into_iter();
    let kind = take_text(&mut keys, "kind")?;
    let level = match take_text(&mut keys, "level")?.as_str() {
        "must" => Level::Must,
        "should" => Level::Should,
        "may" => Level::May,
        other => return Err(format!("its `level` is `{other}`, not must, should or may")),
    };
    let cite = take_text(&mut keys, "cite")?;
    let line = match take(&mut keys, "line") {
        Some(RawParam::Number(line)) if line > 0 => line,
        _ => return Err("the number `line`, from 1, is not where it must stand".to_owned()),
    };
    let mut keys = keys.peekable();
    let waived = keys.next_if(|(key, _)| key == "waived").map(|(_, value)| value);
    let waiver = waived.as_ref().map(waiver).transpose()?;
    Ok(Rule { name: String::new(), kind, level, cite, line, waiver, params: params(keys)? })
}

/// Refuses rules that no node judges by.
pub(super) fn check_judged(
    nodes: &[Node],
    constitution: Option<&Constitution>,
) -> Result<(), LockError> {
    let is_verify = |node: &Node| matches!(node.work, Work::Verify { .. });
    let has_rules = constitution.is_some_and(|constitution| !constitution.rules.is_empty());
    if has_rules && !nodes.iter().any(is_verify) {
        let cause = format!("no node judges by its rules: `{FINAL_VERIFY}` is not there");
        return Err(meaning("constitution", cause));
    }
    Ok(())
}

/// Reads what nodes without `writes` may not change: there where there is such a node.
pub(super) fn protected(
    raw: Option<RawProtected>,
    nodes: &[Node],
) -> Result<Option<Protected>, LockError> {
    let wrong = |cause: String| meaning("protected", cause);
    let open = nodes.iter().find(|node| node.writes == Writes::Unprotected);
    match (raw, open) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(wrong("each node lists what it may change".to_owned())),
        (None, Some(node)) => {
            let cause = "it may change all but the protected files, and `[protected]` is not there";
            Err(meaning(table("node", &node.name), cause.to_owned()))
        }
        (Some(RawProtected { paths, existing, named }), Some(_)) => {
            if let Some(bad) = named.iter().find(|path| !is_inside(path)) {
                let bad = bad.escape_debug();
                return Err(wrong(format!("`named` has `{bad}`, not a path below the root")));
            }
            if !named.is_sorted_by(|a, b| a < b) {
                return Err(wrong("`named` is not sorted, or names a path twice".to_owned()));
            }
            Ok(Some(Protected { paths, existing, named }))
        }
    }
}

pub(super) fn generated(
    names: &Names,
    raw: Ordered<RawGenerated>,
) -> Result<Vec<Generated>, LockError> {
    check_sorted("generated", &raw)?;
    let generated = |(path, raw): (String, RawGenerated)| {
        let wrong = |cause: String| meaning(table("generated", &path), cause);
        if !is_inside(&path) {
            return Err(wrong("it is not a path below the root".to_owned()));
        }
        if raw.run.is_empty() {
            return Err(wrong("it has no `run` of at least one word".to_owned()));
        }
        let env = names.env(&raw.env).map_err(wrong)?;
        Ok(Generated { path, run: raw.run, env, network: raw.network })
    };
    raw.0.into_iter().map(generated).collect()
}

pub(super) fn scripts(raw: Ordered<Digest>) -> Result<Vec<Script>, LockError> {
    check_sorted("scripts", &raw)?;
    Ok(raw.0.into_iter().map(|(path, digest)| Script { path, digest }).collect())
}

/// What nothing runs would be compared for nothing.
pub(super) fn check_scripts(plan: &Plan) -> Result<(), LockError> {
    if plan.scripts.is_empty() {
        return Ok(());
    }
    let named = scripts::named(plan);
    match plan.scripts.iter().find(|script| !named.contains_key(&script.path)) {
        None => Ok(()),
        Some(Script { path, .. }) => {
            let cause = format!("no gate, rule or deploy runs `{}`", path.escape_debug());
            Err(meaning("scripts", cause))
        }
    }
}

pub(super) fn omitted(raw: Option<RawOmitted>, nodes: &[Node]) -> Result<Vec<String>, LockError> {
    let Some(RawOmitted { nodes: omitted }) = raw else { return Ok(Vec::new()) };
    let mut known: BTreeSet<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    match omitted.iter().find(|name| !is_label(name) || !known.insert(name.as_str())) {
        Some(name) => {
            let cause = format!("`{}` is no name, or stands elsewhere too", name.escape_debug());
            Err(meaning("omitted", cause))
        }
        None => Ok(omitted),
    }
}

pub(super) fn prices(raw: Ordered<RawPrice>) -> Result<Vec<ModelPrice>, LockError> {
    check_labels("prices", &raw)?;
    check_sorted("prices", &raw)?;
    let price = |(model, raw): (String, RawPrice)| {
        let price = price(raw).map_err(|cause| meaning(table("prices", &model), cause))?;
        Ok(ModelPrice { model, ..price })
    };
    raw.0.into_iter().map(price).collect()
}

/// Reads what a model costs without its name; the error is the cause.
fn price(raw: RawPrice) -> Result<ModelPrice, String> {
    let read = |text: String| {
        Price::parse(&text)
            .ok_or_else(|| format!("`{text}` is not a price, as in `5.000000 USD per 1M tokens`"))
    };
    let tokens = |text: String| {
        Tokens::parse(&text).ok_or_else(|| format!("`{text}` is not a number of tokens"))
    };
    let long = raw.long.map(|long| {
        Ok::<_, String>(LongPrompt {
            above: tokens(long.above)?,
            input: read(long.input)?,
            cached: long.cached.map(read).transpose()?,
            cache_write: long.cache_write.map(read).transpose()?,
            output: read(long.output)?,
        })
    });
    let price = ModelPrice {
        model: String::new(),
        input: read(raw.input)?,
        cached: raw.cached.map(read).transpose()?,
        cache_write: raw.cache_write.map(read).transpose()?,
        output: read(raw.output)?,
        long: long.transpose()?,
        max_output: raw.max_output.map(tokens).transpose()?,
        date: raw.date,
        source: raw.source,
    };
    let currency = price.input.0.currency;
    let long = price.long.as_ref();
    let others = [price.cached, price.cache_write, Some(price.output)].into_iter().chain([
        long.map(|long| long.input),
        long.and_then(|long| long.cached),
        long.and_then(|long| long.cache_write),
        long.map(|long| long.output),
    ]);
    if others.flatten().any(|other| other.0.currency != currency) {
        return Err("its prices are not all in one currency".to_owned());
    }
    check_date(&price.date)?;
    Ok(price)
}

fn check_date(date: &str) -> Result<(), String> {
    if is_date(date) { Ok(()) } else { Err(format!("`date` is `{date}`, not as in `2026-06-12`")) }
}

/// What a model costs is known where money is capped.
pub(super) fn check_priced(plan: &Plan) -> Result<(), LockError> {
    crate::priced::check(plan)
        .map_err(|unpriced| meaning(table("agent", &unpriced.agent), unpriced.to_string()))
}

pub(super) fn exchange(raw: Ordered<RawExchange>) -> Result<Vec<Exchange>, LockError> {
    let mut all: Vec<Exchange> = Vec::with_capacity(raw.0.len());
    for (name, RawExchange { rate, date, source }) in raw.0 {
        let wrong = |cause: String| meaning(table("exchange", &name), cause);
        let form = || format!("`rate` is `{rate}`, not as in `1.000000 USD = 0.920000 EUR`");
        let (from, to) = read_rate(&rate).ok_or_else(|| wrong(form()))?;
        if from.currency == to.currency || from.micros == 0 || to.micros == 0 {
            return Err(wrong(format!("`rate` is `{rate}`, which says nothing")));
        }
        check_date(&date).map_err(wrong)?;
        let currencies = |exchange: &Exchange| (exchange.from.currency, exchange.to.currency);
        if all.last().is_some_and(|last| currencies(last) >= (from.currency, to.currency)) {
            return Err(wrong("it does not stand in the order of currencies".to_owned()));
        }
        all.push(Exchange { from, to, date, source });
    }
    Ok(all)
}

pub(super) fn origin(
    raw: RawCompiler,
    params: Ordered<String>,
    sources: Ordered<Digest>,
) -> Result<Origin, LockError> {
    let RawCompiler { spec, root, edition, version: compiler } = raw;
    // It is looked for beside plan.lock, and nowhere else.
    if spec.contains(['/', '\\', '\0']) || matches!(spec.as_str(), "" | "." | "..") {
        let cause = format!("`spec` is `{}`, not a file name", spec.escape_debug());
        return Err(meaning("compiler", cause));
    }
    let root = root.unwrap_or_else(|| ".".to_owned());
    if root != "." && root.split('/').any(|part| part != "..") {
        let cause = format!("`root` is `{}`, not as in `../..`", root.escape_debug());
        return Err(meaning("compiler", cause));
    }
    check_sorted("params", &params)?;
    if let Some((name, _)) = params.0.iter().find(|(name, _)| !is_name(name)) {
        return Err(LockError::Name { name: name.clone() });
    }
    check_sorted("sources", &sources)?;
    let source = |(path, digest)| Source { path, digest };
    let sources = sources.0.into_iter().map(source).collect();
    Ok(Origin { spec, root, edition, compiler, params: params.0, sources })
}
