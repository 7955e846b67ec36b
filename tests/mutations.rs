//! One mistake at a time in good specs: it is always found, and the finding
//! points at it.

mod kinds;
mod tokens;

use std::ops::Range;

use eufm_compiler::Request;
use eufm_grammar::{Diagnostic, SourceMap};
use eufm_plan::schema::{Catalog, KindSchema};

use self::kinds::{KINDS, Mutation};
use self::tokens::Tokens;
use crate::support::corpus::{Case, Files, below, cases, examples, files};
use crate::support::sources;

/// How many mutations of each kind are tried.
const OF_EACH: usize = 12;

/// How many errors one mistake may give. Most give one; a head that cannot be read
/// leaves its entries without an item.
const ERRORS_MAX: usize = 16;

/// Where the choice begins; any other number is as good.
const SEED: u64 = 0x6575_666d;

/// A good file, and the spec that is compiled with it.
struct Good {
    /// The file that is changed: the spec itself, or one that it uses.
    name: String,
    text: String,
    spec: String,
    files: Files,
}

/// Returns the good files: worked examples, the corpus, the docs, and files that
/// are used by one of these.
fn good() -> Vec<Good> {
    let corpus = cases("ok").into_iter().chain(examples("language.md")).chain(examples("tour.md"));
    let mut good = Vec::new();
    // What a command line sets is not looked at in the spec.
    for Case { name, text } in corpus.filter(|case| case.settings().is_empty()) {
        let mut files = files();
        files.0.insert(name.clone(), text.clone().into_bytes());
        if name == "uses.eufm" {
            for used in ["lib/flows.eufm", "lib/gates.eufm", "lib/prices.eufm"] {
                good.push(Good::of(used, &name, &files));
            }
        }
        good.push(Good::of(&name, &name, &files));
    }
    let specs = below(&sources().join("specs"));
    // A file that is only used by others makes no plan.
    let is_spec = |path: &&String| path.ends_with(".eufm") && !path.contains("/lib/");
    good.extend(specs.0.keys().filter(is_spec).map(|path| Good::of(path, path, &specs)));
    good
}

impl Good {
    fn of(name: &str, spec: &str, files: &Files) -> Self {
        let text = String::from_utf8(files.0[name].clone()).expect("a spec is text");
        Self { name: name.to_owned(), text, spec: spec.to_owned(), files: files.clone() }
    }
}

/// Compiles a changed text and returns the errors with what they point into.
fn errors(good: &Good, text: &str) -> (Vec<Diagnostic>, SourceMap) {
    let gates: Vec<&'static KindSchema> =
        eufm_runner::gates::GATES.iter().map(|kind| kind.schema()).collect();
    let agents: Vec<&'static KindSchema> =
        eufm_runner::agents::AGENTS.iter().map(|kind| kind.schema()).collect();
    let rules: Vec<&'static KindSchema> =
        eufm_runner::rules::RULES.iter().map(|kind| kind.schema()).collect();
    let catalog = Catalog { gates: &gates, agents: &agents, rules: &rules };
    let mut files = good.files.clone();
    files.0.insert(good.name.clone(), text.as_bytes().to_vec());
    match eufm_compiler::compile(&files, &Request::of(&good.spec), &catalog) {
        Ok(compiled) => (Vec::new(), compiled.sources),
        Err(rejected) => {
            let all = rejected.diagnostics.sorted();
            let errors = all.into_iter().filter(|found| found.code.starts_with('E')).cloned();
            (errors.collect(), rejected.sources)
        }
    }
}

/// Tells whether a finding points at one of the places, or names the word.
fn points_at(found: &Diagnostic, mutation: &Mutation, name: &str, map: &SourceMap) -> bool {
    let touches = |a: &Range<usize>, b: &Range<usize>| a.start <= b.end && b.start <= a.end;
    let at_place = found.labels.iter().any(|label| {
        let in_spec = map.file_of(label.span).is_some_and(|file| file.path() == name);
        in_spec && mutation.places.iter().any(|place| touches(place, &label.span.range()))
    });
    let named = |word: &String| found.message.contains(&format!("`{word}"));
    at_place || mutation.word.as_ref().is_some_and(named)
}

/// Chooses some of many, always the same ones: splitmix64 from a seed.
fn chosen(count: usize, of: usize, seed: u64) -> Vec<usize> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let mut all: Vec<usize> = (0..of).collect();
    let mut picked = Vec::new();
    while picked.len() < count && !all.is_empty() {
        let at = usize::try_from(next() % all.len() as u64).expect("an index fits");
        picked.push(all.swap_remove(at));
    }
    picked
}

/// Describes a mutation whose mistake was not found.
fn describe(kind: &str, good: &Good, mutation: &Mutation, found: &[Diagnostic]) -> String {
    let same = good.text.bytes().zip(mutation.text.bytes()).take_while(|(a, b)| a == b);
    let at = mutation.text.floor_char_boundary(same.count());
    let begin = mutation.text[..at].rfind('\n').map_or(0, |at| at + 1);
    let lines: Vec<&str> = mutation.text[begin..].lines().take(3).collect();
    let found: Vec<String> =
        found.iter().map(|found| format!("  {} {}", found.code, found.message)).collect();
    format!("{kind} in {}:\n{}\n{}\n", good.name, lines.join("\n").trim_end(), found.join("\n"))
}

#[test]
fn a_single_mistake_is_found_where_it_was_made() {
    let specs = good();
    // With this variable all 14,000 are tried, which takes some seconds.
    let try_all = std::env::var_os("EUFM_ALL_MUTATIONS").is_some();
    let mut failed = Vec::new();
    let mut tried = 0;
    for (number, (kind, make)) in KINDS.iter().enumerate() {
        let all: Vec<(&Good, Mutation)> = specs
            .iter()
            .flat_map(|good| {
                make(&Tokens::of(&good.text)).into_iter().map(move |made| (good, made))
            })
            .collect();
        assert!(!all.is_empty(), "no good spec has room for {kind:?}");
        let count = if try_all { all.len() } else { OF_EACH };
        for at in chosen(count, all.len(), SEED + number as u64) {
            let (good, mutation) = &all[at];
            let (found, map) = errors(good, &mutation.text);
            tried += 1;
            let is_found = found.iter().any(|found| points_at(found, mutation, &good.name, &map));
            if !is_found || found.len() > ERRORS_MAX {
                failed.push(describe(kind, good, mutation, &found));
            }
        }
    }
    let share =
        format!("{} of {tried} mistakes are not found, or by too many errors", failed.len());
    assert!(failed.is_empty(), "{share}:\n\n{}", failed.join("\n"));
    assert!(tried >= 200, "only {tried} mutations");
}
