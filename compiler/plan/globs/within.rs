//! Whether globs match no path that others do not match, decided by automata.
//!
//! A glob is a regular language, so the question has an answer; only where it
//! would take too much, the answer is no. Most globs are decided by their
//! beginning. Unaware of files and of what the globs are for.

use std::collections::BTreeSet;

use regex_automata::dfa::Automaton as _;
use regex_automata::util::primitives::StateID;

use super::automaton::{Dfa, SPECIAL, automaton, ends, first_state, representatives};

/// How often a diff of two plans may ask automata: some 60 microseconds each.
const AUTOMATA: usize = 20_000;

/// The most pairs of states that are visited for one answer.
const PAIRS: usize = 100_000;

/// Decides, as long as there is work left.
pub(crate) struct Globs {
    left: usize,
}

impl Default for Globs {
    fn default() -> Self {
        Self { left: AUTOMATA }
    }
}

impl Globs {
    /// Tells whether every path that `glob` matches is matched by one of `others`.
    /// May say no where that is so; never yes where it is not.
    pub(crate) fn is_within(&mut self, glob: &str, others: &[&str]) -> bool {
        if others.iter().any(|other| *other == glob || holds_all_below(other, glob)) {
            return true;
        }
        // Of two globs whose first folders differ, none matches what the other does.
        let near: Vec<&str> =
            others.iter().copied().filter(|other| may_meet(other, glob)).collect();
        if near.is_empty() || self.left == 0 {
            return false;
        }
        self.left -= 1;
        self.decide(glob, &near).unwrap_or(false)
    }

    fn decide(&mut self, glob: &str, others: &[&str]) -> Option<bool> {
        let inner = automaton(&[glob])?;
        let outer = automaton(others)?;
        is_contained(&inner, &outer, PAIRS)
    }
}

/// Tells whether one glob is `folder/**` and the other begins with that folder, to
/// the letter.
fn holds_all_below(wide: &str, glob: &str) -> bool {
    let Some(folder) = wide.strip_suffix("**") else { return false };
    let is_literal = folder.is_empty() || folder.ends_with('/');
    is_literal && !folder.contains(SPECIAL) && glob.starts_with(folder)
}

/// Tells whether the two may match one path, by the folders that both begin with.
fn may_meet(one: &str, other: &str) -> bool {
    let is_literal = |part: &&str| !part.contains(SPECIAL);
    let one = one.split('/').take_while(is_literal);
    let other = other.split('/').take_while(is_literal);
    one.zip(other).all(|(a, b)| a == b)
}

/// Walks both automata along every path at once: contained is what never comes to
/// an end that the inner one accepts and the outer one does not. `None`: there are more
/// than so many pairs of states.
fn is_contained(inner: &Dfa, outer: &Dfa, most: usize) -> Option<bool> {
    let first = (first_state(inner)?, first_state(outer)?);
    let bytes = representatives(inner, outer);
    let mut seen: BTreeSet<(StateID, StateID)> = BTreeSet::from([first]);
    let mut open = vec![first];
    while let Some((a, b)) = open.pop() {
        if ends(inner, a) && !ends(outer, b) {
            return Some(false);
        }
        for &byte in &bytes {
            let next = (inner.next_state(a, byte), outer.next_state(b, byte));
            if !inner.is_dead_state(next.0) && seen.insert(next) {
                open.push(next);
            }
        }
        if seen.len() > most {
            return None;
        }
    }
    Some(true)
}

#[cfg(test)]
mod tests {
    use globset::GlobBuilder;

    use super::*;

    fn is_within(glob: &str, others: &[&str]) -> bool {
        Globs::default().is_within(glob, others)
    }

    #[test]
    fn what_others_match_too_is_within_them() {
        for (glob, others) in [
            ("src/a.rs", &["src/**"][..]),
            ("src/**/b/*.rs", &["src/**"]),
            ("src/*.rs", &["src/*"]),
            ("src/*.rs", &["src/*.{rs,md}"]),
            ("src/{a,b}.rs", &["src/a.rs", "src/b.rs"]),
            ("src/[ab].rs", &["src/[a-c].rs"]),
            ("**/x", &["**"]),
            ("a/*/c", &["a/**/c"]),
            ("a/c", &["a/**/c"]),
            ("docs/é.md", &["docs/*.md"]),
            ("?b/c", &["*b/c"]),
            ("[", &["["]),
        ] {
            assert!(is_within(glob, others), "{glob} {others:?}");
        }
    }

    #[test]
    fn one_path_more_is_not_within() {
        for (glob, others) in [
            ("src/**", &["src/*"][..]),
            ("src/*", &["src/*.rs"]),
            ("srcs/**", &["src/**"]),
            ("src", &["src/**"]),
            ("**", &["src/**", "docs/**", "*"]),
            ("src/{a,b,c}.rs", &["src/a.rs", "src/b.rs"]),
            ("a/**/c", &["a/*/c"]),
            ("Src/a", &["src/**"]),
            ("src/[a-d].rs", &["src/[a-c].rs"]),
            ("src/a*", &["src/a?*"]),
            ("[", &["**/["]),
            ("src/a", &[]),
        ] {
            assert!(!is_within(glob, others), "{glob} {others:?}");
        }
    }

    #[test]
    fn without_work_left_the_answer_is_no_but_for_the_plain_cases() {
        let mut globs = Globs { left: 0 };
        assert!(globs.is_within("src/a.rs", &["src/**"]) && globs.is_within("**/a", &["**/a"]));
        assert!(!globs.is_within("src/*.rs", &["src/*"]));
        let mut globs = Globs { left: 1 };
        assert!(globs.is_within("src/*.rs", &["src/*"]), "the last");
        assert!(!globs.is_within("src/*.rs", &["src/*"]));
        let mut globs = Globs { left: 1 };
        assert!(!globs.is_within("src/*.rs", &["docs/*"]), "by its folder, which is no work");
        assert!(globs.is_within("src/*.rs", &["src/*"]));
        let mut globs = Globs::default();
        let choices: Vec<String> = (0..40).map(|at| format!("**/{at}/**/[ab]?c*/{at}")).collect();
        let choices: Vec<&str> = choices.iter().map(String::as_str).collect();
        assert!(!globs.is_within("**/0/**/x?c*/0/**", &choices), "too large, or it is so");
    }

    #[test]
    fn a_walk_ends_with_the_last_pair_of_states_that_it_may_visit() {
        let of = |glob| automaton(&[glob]).expect("small");
        let (inner, outer) = (of("a*b*c"), of("a*c"));
        let is_told = |most: &usize| is_contained(&inner, &outer, *most).is_some();
        assert_eq!((0..PAIRS).find(is_told), Some(5));
    }

    proptest::proptest! {
        /// The answer against the runner's matcher, on all short paths of four signs.
        #[test]
        fn yes_is_never_said_where_a_path_speaks_against_it(
            glob in "[ab*?]{1,2}(/([ab*?]|\\*\\*|[ab]\\*|\\{a,b\\})){0,2}",
            others in proptest::collection::vec("([ab*?]|\\*\\*)(/([ab*?]|\\*\\*|\\[ab\\])){0,2}", 1..3),
        ) {
            let others: Vec<&str> = others.iter().map(String::as_str).collect();
            let matcher = |glob: &str| {
                GlobBuilder::new(glob).literal_separator(true).build().unwrap().compile_matcher()
            };
            let (inner, outer) = (matcher(&glob), others.iter().map(|glob| matcher(glob)));
            let outer: Vec<_> = outer.collect();
            let witness = paths().into_iter().find(|path| {
                inner.is_match(path) && !outer.iter().any(|outer| outer.is_match(path))
            });
            let said = is_within(&glob, &others);
            proptest::prop_assert!(!said || witness.is_none(), "{} {:?} {:?}", glob, others, witness);
        }
    }

    /// All paths of up to three components of up to two signs out of `a`, `b` and `c`.
    fn paths() -> Vec<String> {
        let signs = ["a", "b", "c"];
        let mut components: Vec<String> = signs.iter().map(|&sign| sign.to_owned()).collect();
        let pairs = signs.iter().flat_map(|a| signs.iter().map(move |b| format!("{a}{b}")));
        components.extend(pairs);
        components.push("ccc".to_owned());
        let mut paths = components.clone();
        for _ in 0..2 {
            let longer: Vec<String> = paths
                .iter()
                .flat_map(|path| components.iter().map(move |more| format!("{path}/{more}")))
                .collect();
            paths.extend(longer);
            paths.sort();
            paths.dedup();
        }
        paths
    }
}
