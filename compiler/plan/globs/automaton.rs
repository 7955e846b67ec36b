//! A list of globs as an automaton, and how it is walked.
//!
//! A glob is a regular language: globset says by which expression, regex-automata
//! makes the automaton of it. Unaware of what the globs are for.

use std::collections::BTreeMap;

use globset::GlobBuilder;
use regex_automata::dfa::dense::{self, DFA};
use regex_automata::dfa::{Automaton as _, StartKind};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax};
use regex_automata::{Anchored, MatchKind};

/// What reads a path byte by byte.
pub(super) type Dfa = DFA<Vec<u32>>;

/// The largest automaton, and the most memory to build one, in bytes.
const SIZE: usize = 1 << 20;

/// What is not itself in a glob.
pub(crate) const SPECIAL: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// Builds the automaton of what any of the globs matches; `None`: it is too large,
/// or one of them cannot be read.
pub(super) fn automaton(globs: &[&str]) -> Option<Dfa> {
    let pattern = |glob: &&str| {
        // As the runner reads them.
        let glob = GlobBuilder::new(glob).literal_separator(true).backslash_escape(true).build();
        glob.ok().map(|glob| format!("(?:{})", glob.regex()))
    };
    let patterns: Vec<String> = globs.iter().map(pattern).collect::<Option<_>>()?;
    dense::Builder::new()
        .configure(
            dense::Config::new()
                .match_kind(MatchKind::All)
                .start_kind(StartKind::Anchored)
                .dfa_size_limit(Some(SIZE))
                .determinize_size_limit(Some(SIZE)),
        )
        .syntax(syntax::Config::new().utf8(false).unicode(false).dot_matches_new_line(true))
        .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(SIZE)))
        .build(&patterns.join("|"))
        .ok()
}

/// Returns where an automaton begins.
pub(super) fn first_state(dfa: &Dfa) -> Option<StateID> {
    dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()
}

/// Tells whether a path that ends here is matched.
pub(super) fn ends(dfa: &Dfa, state: StateID) -> bool {
    dfa.is_match_state(dfa.next_eoi_state(state))
}

/// Lists bytes such that each other one does in both automata what one of these does.
pub(super) fn representatives(inner: &Dfa, outer: &Dfa) -> Vec<u8> {
    let (one, other) = (inner.byte_classes(), outer.byte_classes());
    let mut first: BTreeMap<(u8, u8), u8> = BTreeMap::new();
    for byte in 0..=u8::MAX {
        first.entry((one.get(byte), other.get(byte))).or_insert(byte);
    }
    first.into_values().collect()
}
