//! Requirements that nodes implement: they stand in the pipeline's source.

use std::collections::BTreeSet;

use eufm_grammar::{Diagnostic, Diagnostics};

use crate::spec::ResolvedSpec;
use crate::wording::{Suggester, quoted};

/// Reports requirements that the source does not have.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    let source = spec.pipeline.source.as_ref();
    let text = source.and_then(|source| spec.world.files.text(&source.value).ok());
    let words: BTreeSet<&str> = text.map(words_of).unwrap_or_default();
    let suggester = Suggester::new();
    let mut ids: Option<Vec<&str>> = None;
    let mut searched = 0;
    for id in spec.tasks.iter().flat_map(|task| &task.implements) {
        let word: &str = &id.value;
        let Some(text) = text else {
            if !spec.pipeline.names_source && !spec.world.doubtful_defaults {
                let finding = Diagnostic::error(
                    "E0511",
                    format!("{} is a requirement of no document", quoted(word)),
                )
                .at(id.span, "cited from where?")
                .help("name the document in the pipeline: `source = \"docs/feature.md\"`");
                out.push(finding);
            }
            return;
        };
        if words.contains(word) || (!is_plain(word) && stands_in(word, text, &mut searched)) {
            continue;
        }
        let path = source.map_or("", |source| source.value.as_str());
        let message = format!("{} does not stand in {}", quoted(word), quoted(path));
        let finding = Diagnostic::error("E0511", message).at(id.span, "not there");
        let ids = ids.get_or_insert_with(|| ids_of(text));
        let help = "cite what stands in the document, or add it there";
        out.push(suggester.hint_or(finding, word, ids.iter().copied(), help));
    }
}

/// How many bytes are searched for requirements that are no plain words.
const MAX_SEARCHED: usize = 64 << 20;

fn is_inner(sign: char) -> bool {
    sign.is_alphanumeric() || sign == '_' || sign == '-'
}

fn is_plain(word: &str) -> bool {
    word.chars().all(is_inner)
}

/// Returns the plain words of a text.
fn words_of(text: &str) -> BTreeSet<&str> {
    text.split(|sign: char| !is_inner(sign))
        .map(|word| word.trim_matches('-'))
        .filter(|word| !word.is_empty())
        .collect()
}

/// Tells whether a word with signs in it stands in a text, not as a part of another
/// one; where very much was searched, it is taken for one that does.
fn stands_in(word: &str, text: &str, searched: &mut usize) -> bool {
    *searched += text.len();
    let found = || {
        text.match_indices(word).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            !before.is_some_and(is_inner) && !after.is_some_and(char::is_alphanumeric)
        })
    };
    !word.trim().is_empty() && (*searched > MAX_SEARCHED || found())
}

/// Returns what looks like the name of a requirement: `FR-001`.
fn ids_of(text: &str) -> Vec<&str> {
    let inner = |sign: char| sign.is_ascii_alphanumeric() || sign == '-';
    let mut ids: Vec<&str> = text
        .split(|sign: char| !inner(sign))
        .filter(|word| word.contains('-') && word.contains(|sign: char| sign.is_ascii_digit()))
        .filter(|word| word.starts_with(|sign: char| sign.is_ascii_uppercase()))
        .take(10_000)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_is_a_whole_word() {
        let text = "- **FR-001**: it MUST\n- FR-0012: x\n";
        let words = words_of(text);
        assert!(words.contains("FR-001") && words.contains("FR-0012"));
        assert!(!words.contains("FR-00") && !words.contains("R-001"));
        assert_eq!(ids_of(text), ["FR-001", "FR-0012"]);
        let stands = |word| stands_in(word, "- US 1.2: x\n", &mut 0);
        assert!(stands("US 1.2") && !stands("S 1.2") && !stands(""));
    }
}
