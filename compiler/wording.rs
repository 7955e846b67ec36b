//! How findings are worded: quoting, listing and "did you mean".
//!
//! All of it is bounded, since words come from a hostile spec. Unaware of what
//! the words mean.

use std::cell::Cell;

use eufm_grammar::Diagnostic;

/// How many characters of a word a message repeats.
const MAX_QUOTED: usize = 64;

/// How many words are compared at most in one compile: with 100,000 tasks and as
/// many misspelt references it is the hints that are missing in the end.
const MAX_COMPARISONS: usize = 2_000_000;

/// Puts a word between backquotes, cut if it is very long, its unreadable signs escaped.
pub(crate) fn quoted(word: &str) -> String {
    if word.is_empty() {
        return "the empty text".to_owned();
    }
    let mut text = String::from("`");
    for sign in word.chars().take(MAX_QUOTED) {
        match sign {
            '\\' | '"' | '\'' => text.push(sign),
            _ => text.extend(sign.escape_debug()),
        }
    }
    text.push_str(if word.chars().nth(MAX_QUOTED).is_some() { "…`" } else { "`" });
    text
}

/// Returns the article of a noun.
pub(crate) fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" }
}

/// Puts the article before a noun.
pub(crate) fn with_article(noun: &str) -> String {
    match noun {
        "prices" => "a table of prices".to_owned(),
        "generated" => "a generated file".to_owned(),
        _ => format!("{} {noun}", article(noun)),
    }
}

/// How many words a message lists.
const MAX_LISTED: usize = 24;

/// Lists words as `a`, `b` and `c`; of very many only the first.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let mut all = words.into_iter();
    let mut words: Vec<_> = all.by_ref().take(MAX_LISTED).map(quoted).collect();
    let more = all.count();
    if more > 0 {
        return format!("{} {last} {more} more", words.join(", "));
    }
    match words.pop() {
        None => String::new(),
        Some(end) if words.is_empty() => end,
        Some(end) => format!("{} {last} {end}", words.join(", ")),
    }
}

/// Proposes words that an author may have meant.
pub(crate) struct Suggester {
    left: Cell<usize>,
}

impl Suggester {
    pub(crate) fn new() -> Self {
        Self { left: Cell::new(MAX_COMPARISONS) }
    }

    /// Makes one that proposes nothing, for findings that nobody will see.
    pub(crate) fn silent() -> Self {
        Self { left: Cell::new(0) }
    }

    /// Takes so many comparisons off what is left; false if nothing was left. Who
    /// must collect candidates first asks before.
    pub(crate) fn afford(&self, count: usize) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(count));
        left > 0
    }

    /// Returns the candidate that is nearest to `word`, if one is near; of
    /// equally near ones the first.
    pub(crate) fn closest<'a>(
        &self,
        word: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        // Of two letters each is half of the word: nothing is near.
        if !(3..=MAX_QUOTED).contains(&word.len()) {
            return None;
        }
        let allowed = word.len() / 3;
        let mut best: Option<(usize, &str)> = None;
        for candidate in candidates {
            let Some(left) = self.left.get().checked_sub(1) else {
                break;
            };
            self.left.set(left);
            if candidate.len().abs_diff(word.len()) > allowed || candidate == word {
                continue;
            }
            let distance = strsim::osa_distance(&word.to_ascii_lowercase(), candidate);
            if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, candidate));
            }
        }
        best.map(|(_, candidate)| candidate)
    }

    /// Adds "did you mean" to a finding, if something is near; else lists the
    /// candidates, if they are few.
    pub(crate) fn hint<'a>(
        &self,
        finding: Diagnostic,
        word: &str,
        candidates: impl IntoIterator<Item = &'a str> + Clone,
    ) -> Diagnostic {
        if let Some(near) = self.closest(word, candidates.clone()) {
            return finding.help(format!("did you mean `{near}`?"));
        }
        let few: Vec<_> = candidates.into_iter().take(13).collect();
        match few.len() {
            0 | 13.. => finding,
            _ => finding.help(format!("there is {}", listed(few, "and"))),
        }
    }

    /// Does the same, and gives `otherwise` as the way out of a finding that
    /// would have none.
    pub(crate) fn hint_or<'a>(
        &self,
        finding: Diagnostic,
        word: &str,
        candidates: impl IntoIterator<Item = &'a str> + Clone,
        otherwise: &str,
    ) -> Diagnostic {
        let finding = self.hint(finding, word, candidates);
        if finding.help.is_empty() { finding.help(otherwise) } else { finding }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_proposed() {
        let near = |word| Suggester::new().closest(word, ["prompt", "needs", "writes", "env"]);
        assert_eq!(near("promt"), Some("prompt"));
        assert_eq!(near("Needs"), Some("needs"));
        assert_eq!(near("wirtes"), Some("writes"));
        assert_eq!(near("budget"), None);
        assert_eq!(near("en"), None);
        assert_eq!(near(&"x".repeat(1_000_000)), None);
    }

    #[test]
    fn comparisons_run_out() {
        let suggester = Suggester { left: Cell::new(1) };
        assert_eq!(suggester.closest("abc", ["abd", "abe"]), Some("abd"));
        assert_eq!(suggester.closest("abc", ["abd", "abe"]), None);
    }

    #[test]
    fn a_finding_never_lacks_a_way_out() {
        let help = |word| {
            let finding = Diagnostic::error("E0204", "unknown");
            let near = ["prompt", "needs", "writes", "env"];
            Suggester::new().hint_or(finding, word, near, "declare it").help
        };
        assert_eq!(help("promt"), ["did you mean `prompt`?"]);
        assert_eq!(help("budget").len(), 1);
    }

    #[test]
    fn long_words_are_cut() {
        assert_eq!(quoted("a\n\\d\"\u{202e}"), "`a\\n\\d\"\\u{202e}`");
        assert_eq!(quoted(""), "the empty text");
        assert_eq!(quoted(&"ä".repeat(1_000)).chars().count(), MAX_QUOTED + 3);
        assert_eq!(listed(["a", "b", "c"], "or"), "`a`, `b` or `c`");
    }
}
