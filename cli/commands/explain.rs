//! `eufm explain`: what a code means, what a kind of gate, agent or rule takes, and
//! what a part of the standard library gives.

use eufm_plan::schema::{Catalog, KindSchema};

use crate::args::ExplainArgs;
use crate::catalog::with_catalog;
use crate::exit::{ExitStatus, Failure};
use crate::{codes, render};

/// The word for the standard library.
const LIBRARY: &str = "std";

/// Prints the page of a topic, or the list of all.
///
/// # Errors
/// Fails when there is no such topic.
pub(crate) fn run(args: &ExplainArgs) -> Result<ExitStatus, Failure> {
    with_catalog(|catalog| explain(&args.topic, catalog))
}

fn explain(topic: &[String], catalog: &Catalog<'_>) -> Result<ExitStatus, Failure> {
    let words: Vec<&str> = topic.iter().map(String::as_str).collect();
    match words[..] {
        [] => render::topics(codes::pages(), &[kinds(catalog), parts()].concat()),
        [LIBRARY] => render::topics(std::iter::empty(), &parts()),
        [word] => match (codes::page(word), of_noun(word, catalog), part(word)) {
            (Some(page), _, _) => render::code(&page),
            (_, Some(schemas), _) => render::kinds(word, schemas),
            (_, _, Some(text)) => render::part(text),
            (None, None, None) => return Err(unknown(word, catalog)),
        },
        [noun, name, ..] => {
            let schemas = of_noun(noun, catalog).unwrap_or_default();
            match schemas.iter().find(|schema| schema.name == name) {
                Some(schema) => render::kind(noun, schema),
                None => return Err(unknown(&words.join(" "), catalog)),
            }
        }
    }
    Ok(ExitStatus::DONE)
}

/// Returns the text of a part of the standard library: `std.rust`.
fn part(word: &str) -> Option<&'static str> {
    eufm_stdlib::part(word.strip_prefix(LIBRARY)?.strip_prefix('.')?)
}

/// Lists the parts of the standard library as topics, each with what it is for.
fn parts() -> Vec<(String, &'static str)> {
    let topic =
        |name: &str| (format!("{LIBRARY}.{name}"), eufm_stdlib::purpose(name).unwrap_or_default());
    eufm_stdlib::PARTS.iter().map(|(name, _)| topic(name)).collect()
}

/// Returns the kinds that a word of the language has.
fn of_noun<'a>(noun: &str, catalog: &Catalog<'a>) -> Option<&'a [&'static KindSchema]> {
    match noun {
        "agent" => Some(catalog.agents),
        "gate" => Some(catalog.gates),
        "rule" => Some(catalog.rules),
        _ => None,
    }
}

/// Lists all kinds as topics, each with its doc line.
fn kinds(catalog: &Catalog<'_>) -> Vec<(String, &'static str)> {
    let topics = |noun: &'static str, schemas: &[&'static KindSchema]| -> Vec<_> {
        schemas.iter().map(|schema| (format!("{noun} {}", schema.name), schema.doc)).collect()
    };
    let (agents, gates) = (topics("agent", catalog.agents), topics("gate", catalog.gates));
    [agents, gates, topics("rule", catalog.rules)].concat()
}

fn unknown(topic: &str, catalog: &Catalog<'_>) -> Failure {
    let meant = nearest(topic, catalog);
    let meant = meant.map(|near| format!("  help: did you mean `eufm explain {near}`?\n"));
    let message = format!(
        "there is nothing to explain about `{topic}`\n{}  help: `eufm explain` lists all topics",
        meant.unwrap_or_default()
    );
    Failure::new(ExitStatus::USAGE, message)
}

/// Finds the topic that was probably meant: a third of it may be mistyped.
fn nearest(topic: &str, catalog: &Catalog<'_>) -> Option<String> {
    let topic = topic.to_lowercase();
    let codes = codes::pages().map(|page| (page.code.to_lowercase(), page.code.to_owned()));
    let nouns = ["agent", "gate", "rule"].map(|noun| (noun.to_owned(), noun.to_owned()));
    let kinds = kinds(catalog).into_iter().chain(parts()).flat_map(|(kind, _)| {
        // A kind or part may also be meant by its bare name.
        let bare = kind.rsplit([' ', '.']).next().unwrap_or_default().to_owned();
        [(bare, kind.clone()), (kind.clone(), kind)]
    });
    let mut best: Option<(usize, String)> = None;
    for (spelled, meant) in nouns.into_iter().chain(kinds).chain(codes) {
        let distance = strsim::osa_distance(&topic, &spelled);
        let is_near = distance <= spelled.chars().count().div_ceil(3);
        if is_near && best.as_ref().is_none_or(|(least, _)| distance < *least) {
            best = Some((distance, meant));
        }
    }
    best.map(|(_, meant)| meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(topic: &[&str]) -> Failure {
        let topic: Vec<String> = topic.iter().map(|&word| word.to_owned()).collect();
        with_catalog(|catalog| explain(&topic, catalog)).unwrap_err()
    }

    #[test]
    fn an_unknown_topic_names_the_nearest() {
        for (topic, meant) in [
            (&["W0204"][..], "E0204"),
            (&["gtae"], "gate"),
            (&["tests"], "gate tests"),
            (&["rust"], "std.rust"),
            (&["std.pyton"], "std.python"),
            (&["gate", "test"], "gate tests"),
            (&["agent", "Codex"], "agent codex"),
            (&["gate", "codex"], "agent codex"),
            (&["max_dif"], "rule max_diff"),
        ] {
            let failure = failure(topic);
            assert_eq!(failure.status, ExitStatus::USAGE);
            let hint = format!("did you mean `eufm explain {meant}`?");
            assert!(failure.message.contains(&hint), "{topic:?}: {}", failure.message);
        }
        assert!(!failure(&["nothing like it"]).message.contains("did you mean"));
    }
}
