//! Requirements that nodes implement: they stand in the pipeline's source.

use std::collections::BTreeMap;

use eufm_grammar::{Diagnostic, Diagnostics};

use crate::spec::ResolvedSpec;
use crate::wording::{Suggester, quoted};

/// Reports requirements that the source does not have.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    let source = spec.pipeline.source.as_ref();
    let text = source.and_then(|source| spec.world.files.text(&source.value).ok());
    let mut known: BTreeMap<&str, bool> = BTreeMap::new();
    let suggester = Suggester::new();
    let mut ids: Option<Vec<&str>> = None;
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
        if *known.entry(word).or_insert_with(|| stands_in(word, text)) {
            continue;
        }
        let path = source.map_or("", |source| source.value.as_str());
        let message = format!("{} does not stand in {}", quoted(word), quoted(path));
        let finding = Diagnostic::error("E0511", message).at(id.span, "not there");
        let ids = ids.get_or_insert_with(|| ids_of(text));
        out.push(suggester.hint(finding, word, ids.iter().copied()));
    }
}

/// Tells whether a word stands in a text, not as a part of another one.
fn stands_in(word: &str, text: &str) -> bool {
    let inner = |sign: char| sign.is_alphanumeric() || sign == '_' || sign == '-';
    !word.trim().is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            !before.is_some_and(inner) && !after.is_some_and(char::is_alphanumeric)
        })
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
        assert!(stands_in("FR-001", text) && stands_in("FR-0012", text));
        assert!(!stands_in("FR-00", text) && !stands_in("R-001", text) && !stands_in("", text));
        assert_eq!(ids_of(text), ["FR-001", "FR-0012"]);
    }
}
