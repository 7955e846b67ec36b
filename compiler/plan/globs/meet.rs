//! Whether two globs may name one file, and by which paths.
//!
//! They do where each matches a path such that both are equal once case is
//! ignored, or the one is a folder of the other. Both automata are walked along
//! two such paths at once, breadth first, so what is found is as short as can be
//! and the same each time. A generated file belongs to nobody: its path does not
//! count. Unaware of nodes, and of how often it is asked.

use std::collections::BTreeSet;

use globset::escape;
use regex_automata::dfa::Automaton as _;
use regex_automata::util::primitives::StateID;

use super::automaton::{Dfa, SPECIAL, automaton, ends, first_state};
use super::folding::{BY_LENGTH, pairs};

/// The most pairs of states that are visited for one answer.
const STATES: usize = 20_000;

/// The most generated files that globs are relieved of; of more, all count.
const GENERATED: usize = 200;

/// The files that belong to nobody.
pub(crate) struct Generated<'a> {
    paths: Vec<&'a str>,
}

impl<'a> Generated<'a> {
    /// Takes the paths.
    pub(crate) fn of(paths: impl Iterator<Item = &'a str>) -> Self {
        let mut paths: Vec<&str> = paths.collect();
        paths.sort_unstable();
        Self { paths }
    }

    /// Tells whether a path is of such a file.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.paths.binary_search(&path).is_ok()
    }
}

/// What a glob matches, apart from what is generated.
pub(crate) struct Language {
    form: Form,
    /// For each byte its class: bytes of one class do the same everywhere.
    classes: Box<[u8; 256]>,
}

enum Form {
    Literal(Vec<u8>),
    Automaton(Box<Automaton>),
}

/// What a glob with special signs matches.
struct Automaton {
    dfa: Dfa,
    /// The generated files among that.
    except: Option<Dfa>,
}

/// How far two automata have come: that of the glob, and that of what is generated.
type State = (StateID, StateID);

impl Language {
    /// Reads a glob; `None`: its automaton is too large, or it is none.
    pub(crate) fn of(glob: &str, generated: &Generated<'_>) -> Option<Self> {
        let mut classes = Box::new([0; 256]);
        if !glob.contains(SPECIAL) && !generated.has(glob) {
            let mut next = 1;
            for byte in glob.bytes() {
                let class: &mut u8 = &mut classes[usize::from(byte)];
                if *class == 0 {
                    // No text has as many kinds of bytes.
                    *class = next;
                    next = next.saturating_add(1);
                }
            }
            return Some(Self { form: Form::Literal(glob.as_bytes().to_vec()), classes });
        }
        let dfa = automaton(&[glob])?;
        let except = except(&dfa, generated)?;
        let own = dfa.byte_classes();
        let mut known: Vec<(u8, u8)> = Vec::new();
        for byte in 0..=u8::MAX {
            let beside = except.as_ref().map_or(0, |dfa| dfa.byte_classes().get(byte));
            let class = (own.get(byte), beside);
            let at = known.iter().position(|it| *it == class).unwrap_or_else(|| {
                known.push(class);
                known.len() - 1
            });
            classes[usize::from(byte)] = u8::try_from(at).unwrap_or(u8::MAX);
        }
        Some(Self { form: Form::Automaton(Box::new(Automaton { dfa, except })), classes })
    }

    /// Returns about how many bytes it takes.
    pub(crate) fn bytes(&self) -> usize {
        let own = match &self.form {
            Form::Literal(path) => path.len(),
            Form::Automaton(own) => {
                let Automaton { dfa, except } = &**own;
                dfa.memory_usage() + except.as_ref().map_or(0, Dfa::memory_usage)
            }
        };
        own + self.classes.len()
    }

    fn first(&self) -> Option<State> {
        match &self.form {
            Form::Literal(_) => Some((StateID::ZERO, StateID::ZERO)),
            Form::Automaton(own) => {
                let Automaton { dfa, except } = &**own;
                let except = except.as_ref().map_or(Some(StateID::ZERO), first_state)?;
                Some((first_state(dfa)?, except))
            }
        }
    }

    /// Reads some bytes; `None`: no path goes on like that.
    fn after(&self, mut state: State, bytes: &[u8]) -> Option<State> {
        for &byte in bytes {
            match &self.form {
                Form::Literal(path) => {
                    let at = state.0.as_usize();
                    path.get(at).filter(|it| **it == byte)?;
                    state.0 = StateID::new(at + 1).ok()?;
                }
                Form::Automaton(own) => {
                    let Automaton { dfa, except } = &**own;
                    state.0 = dfa.next_state(state.0, byte);
                    if dfa.is_dead_state(state.0) {
                        return None;
                    }
                    if let Some(except) = except {
                        state.1 = except.next_state(state.1, byte);
                    }
                }
            }
        }
        Some(state)
    }

    /// Tells whether a path may end here.
    fn ends(&self, state: State) -> bool {
        match &self.form {
            Form::Literal(path) => state.0.as_usize() == path.len(),
            Form::Automaton(own) => {
                let Automaton { dfa, except } = &**own;
                let is_generated = except.as_ref().is_some_and(|dfa| ends(dfa, state.1));
                ends(dfa, state.0) && !is_generated
            }
        }
    }

    fn class(&self, byte: u8) -> u8 {
        self.classes[usize::from(byte)]
    }

    /// Tells whether all bytes beyond ASCII do the same.
    fn is_plain(&self) -> bool {
        (0x80..=u8::MAX).all(|byte| self.class(byte) == self.class(0x80))
    }
}

/// Builds the automaton of the generated files that a glob matches, if it does;
/// the outer `None`: it is too large.
fn except(dfa: &Dfa, generated: &Generated<'_>) -> Option<Option<Dfa>> {
    if generated.paths.len() > GENERATED {
        return Some(None);
    }
    let is_matched = |path: &&&str| {
        let first = first_state(dfa);
        let last = path.bytes().fold(first, |state, byte| Some(dfa.next_state(state?, byte)));
        last.is_some_and(|state| ends(dfa, state))
    };
    let matched: Vec<String> =
        generated.paths.iter().filter(is_matched).map(|path| escape(path)).collect();
    if matched.is_empty() {
        return Some(None);
    }
    let matched: Vec<&str> = matched.iter().map(String::as_str).collect();
    automaton(&matched).map(Some)
}

/// Two paths that are one file, or of which one is a folder of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Witness {
    /// What the one glob matches.
    pub(crate) one: String,
    /// What the other matches.
    pub(crate) other: String,
}

/// Which of the two paths goes on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Both,
    One,
    Other,
}

/// Where a walk stands: in both automata, and whether a component begins there.
type Place = (State, State, Way, bool);

/// A place with the one before it, and the step from there.
type Reached = (Place, usize, Option<(Way, usize)>);

/// What both paths go on with.
struct Step {
    one: Vec<u8>,
    other: Vec<u8>,
}

/// Looks for the shortest paths by which two globs meet; the outer `None`: that
/// would take too much.
pub(crate) fn meeting(one: &Language, other: &Language) -> Option<Option<Witness>> {
    meeting_within(one, other, STATES)
}

/// Looks for them in at most so many pairs of states.
fn meeting_within(one: &Language, other: &Language, most: usize) -> Option<Option<Witness>> {
    let steps = [steps(one, other), alone(one, Way::One), alone(other, Way::Other)];
    let first = (one.first()?, other.first()?, Way::Both, true);
    let mut seen: BTreeSet<Place> = BTreeSet::from([first]);
    let mut places: Vec<Reached> = vec![(first, 0, None)];
    let mut next = 0;
    while let Some(&(place, ..)) = places.get(next) {
        let (a, b, way, is_begin) = place;
        let (one_ends, other_ends) = (one.ends(a), other.ends(b));
        let is_met = match way {
            Way::Both => one_ends && other_ends,
            Way::One => one_ends,
            Way::Other => other_ends,
        };
        if is_met && !is_begin {
            return Some(Some(witness(&places, next, &steps)));
        }
        let mut reach = |place: Place, by: (Way, usize)| {
            if seen.insert(place) {
                places.push((place, next, Some(by)));
            }
        };
        for (at, step) in steps[way as usize].iter().enumerate() {
            // The first is a slash.
            if at == 0 && is_begin {
                continue;
            }
            if let (Some(a), Some(b)) = (one.after(a, &step.one), other.after(b, &step.other)) {
                reach((a, b, way, at == 0), (way, at));
            }
        }
        if way == Way::Both && !is_begin {
            // One of them may be a folder here: behind the rest, as equal paths say more.
            if other_ends && let Some(a) = one.after(a, b"/") {
                reach((a, b, Way::One, true), (Way::One, 0));
            }
            if one_ends && let Some(b) = other.after(b, b"/") {
                reach((a, b, Way::Other, true), (Way::Other, 0));
            }
        }
        if seen.len() > most {
            return None;
        }
        next += 1;
    }
    Some(None)
}

/// Reads off the paths that lead to a place.
fn witness(places: &[Reached], mut at: usize, steps: &[Vec<Step>; 3]) -> Witness {
    let mut taken = Vec::new();
    while let (_, before, Some(by)) = places[at] {
        taken.push(by);
        at = before;
    }
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for (way, step) in taken.into_iter().rev() {
        let step = &steps[way as usize][step];
        one.extend_from_slice(&step.one);
        other.extend_from_slice(&step.other);
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Witness { one: text(&one), other: text(&other) }
}

/// Lists all bytes but the slash and the end of C's texts, those that are read best
/// first.
fn preferred() -> impl Iterator<Item = u8> {
    let others = |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'/' | 0);
    let printed = (b'!'..=b'~').filter(others);
    let rest = (1..=u8::MAX).filter(move |byte| others(byte) && !(b'!'..=b'~').contains(byte));
    (b'a'..=b'z').chain(b'0'..=b'9').chain(b'A'..=b'Z').chain(printed).chain(rest)
}

/// Lists with what one path goes on, a slash first: one byte of each class.
fn alone(language: &Language, way: Way) -> Vec<Step> {
    let mut seen = [false; 256];
    let new = |byte: &u8| !std::mem::replace(&mut seen[usize::from(language.class(*byte))], true);
    let step = |byte: u8| match way {
        Way::Other => Step { one: Vec::new(), other: vec![byte] },
        Way::Both | Way::One => Step { one: vec![byte], other: Vec::new() },
    };
    std::iter::once(b'/').chain(preferred().filter(new)).map(step).collect()
}

/// Lists with what two paths that are one go on, a slash first: what both
/// automata treat alike stands there once.
fn steps(one: &Language, other: &Language) -> Vec<Step> {
    let mut seen = vec![[false; 256]; 256];
    let mut new = |a: u8, b: u8| {
        let seen = &mut seen[usize::from(one.class(a))][usize::from(other.class(b))];
        !std::mem::replace(seen, true)
    };
    let mut steps = vec![Step { one: vec![b'/'], other: vec![b'/'] }];
    let letters = (b'a'..=b'z').chain(b'A'..=b'Z').map(|a| (a, a ^ 0x20));
    for (a, b) in preferred().map(|byte| (byte, byte)).chain(letters) {
        if new(a, b) {
            steps.push(Step { one: vec![a], other: vec![b] });
        }
    }
    let beyond = if one.is_plain() && other.is_plain() { &BY_LENGTH[..] } else { pairs() };
    let mut known = BTreeSet::new();
    let bytes = |letter: char| letter.to_string().into_bytes();
    let cases = |letter: char| {
        let upper = letter.to_ascii_uppercase();
        [Some(letter), Some(upper).filter(|upper| *upper != letter)].into_iter().flatten()
    };
    for (a, b) in beyond.iter().flat_map(|(a, b)| [(*a, *a), (*b, *b), (*a, *b), (*b, *a)]) {
        for (a, b) in cases(a).flat_map(|a| cases(b).map(move |b| (a, b))) {
            let (a, b) = (bytes(a), bytes(b));
            let class = |of: &Language, bytes: &[u8]| -> Vec<u8> {
                bytes.iter().map(|byte| of.class(*byte)).collect()
            };
            if known.insert((class(one, &a), class(other, &b))) {
                steps.push(Step { one: a, other: b });
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use globset::GlobBuilder;

    use super::super::folding::fold;
    use super::*;

    fn met(one: &str, other: &str, generated: &[&str]) -> Option<(String, String)> {
        let generated = Generated::of(generated.iter().copied());
        let (one, other) = (Language::of(one, &generated), Language::of(other, &generated));
        let found = meeting(&one.expect("small"), &other.expect("small")).expect("few states");
        found.map(|it| (it.one, it.other))
    }

    #[test]
    fn a_language_says_what_it_takes() {
        let bytes = |glob: &str, generated: &[&str]| {
            Language::of(glob, &Generated::of(generated.iter().copied())).expect("small").bytes()
        };
        assert_eq!(bytes("src/a.rs", &[]), 8 + 256);
        let dfa = automaton(&["src/*"]).expect("small").memory_usage();
        assert_eq!(bytes("src/*", &[]), dfa + 256);
        assert!(bytes("src/*", &["src/made.rs"]) > dfa + 512);
    }

    #[test]
    fn a_walk_ends_with_the_last_pair_of_states_that_it_may_visit() {
        let none = Generated::of(std::iter::empty());
        let of = |glob| Language::of(glob, &none).expect("small");
        let (one, other) = (of("*ab*"), of("*ba*"));
        let is_told = |most: &usize| meeting_within(&one, &other, *most).is_some();
        let least = (0..STATES).find(is_told).expect("few");
        assert!((least..least + 50).all(|most| is_told(&most)));
        assert_eq!(least, 13);
    }

    #[test]
    fn each_byte_is_tried_once_but_for_the_slash() {
        let mut all: Vec<u8> = preferred().collect();
        assert_eq!(&all[..3], b"abc");
        all.sort_unstable();
        assert_eq!(all, (1..=u8::MAX).filter(|byte| *byte != b'/').collect::<Vec<_>>());
    }

    #[test]
    fn of_too_many_generated_files_all_count() {
        let paths: Vec<String> = (0..=GENERATED).map(|at| format!("made/{at}")).collect();
        let met = |count: usize| {
            let made: Vec<&str> = paths[..count].iter().map(String::as_str).collect();
            met("made/0", "made/*", &made).is_some()
        };
        assert!(!met(GENERATED));
        assert!(met(GENERATED + 1));
    }

    #[test]
    fn the_shortest_paths_that_are_one_are_named() {
        for (one, other, a, b) in [
            ("src/**", "src/a.rs", "src/a.rs", "src/a.rs"),
            ("src/*.rs", "src/a*", "src/a.rs", "src/a.rs"),
            ("src/*", "src/?b", "src/ab", "src/ab"),
            ("a/*/c", "a/b/*", "a/b/c", "a/b/c"),
            ("**", "**", "a", "a"),
            ("README.md", "Readme.md", "README.md", "Readme.md"),
            ("[!a]b", "ab", "Ab", "ab"),
            ("docs/É.md", "DOCS/*.md", "docs/É.md", "DOCS/É.md"),
            ("docs/É.md", "docs/é.md", "docs/É.md", "docs/é.md"),
            ("docs/Ж.md", "docs/ж.md", "docs/Ж.md", "docs/ж.md"),
            ("a??b", "a\u{2C65}b", "a\u{23A}b", "a\u{2C65}b"),
            ("a\u{212A}", "aK", "a\u{212A}", "aK"),
            ("a\u{212A}", "?k", "a\u{212A}", "ak"),
            ("???", "s?", "sſ", "ss"),
            ("???", "K", "\u{212A}", "K"),
            ("a", "a/b", "a", "a/b"),
            ("A", "a/**", "A", "a/a"),
            ("a/b/c", "a/B", "a/b/c", "a/B"),
            ("**/*.rs", "**/*.md", ".md/.rs", ".md"),
        ] {
            let found = met(one, other, &[]);
            assert_eq!(found, Some((a.to_owned(), b.to_owned())), "{one} {other}");
        }
    }

    #[test]
    fn where_no_path_is_one_there_is_none() {
        for (one, other) in [
            ("src/*.rs", "src/*.md"),
            ("x/*.rs", "{x,y}/*.m?"),
            ("src/a/**", "src/b/**"),
            ("src", "srcs"),
            ("a/*", "b/*"),
            ("a/[a-d]", "a/??"),
            ("é", "e"),
            ("a//b", "a/**"),
            ("a/", "a/"),
            ("", "**"),
        ] {
            assert_eq!(met(one, other, &[]), None, "{one} {other}");
            assert_eq!(met(other, one, &[]), None, "{other} {one}");
        }
    }

    #[test]
    fn generated_files_do_not_count() {
        let lock = ["Cargo.lock", "a/b"];
        assert_eq!(met("Cargo.*", "Cargo.lock", &lock), None);
        assert_eq!(met("Cargo.lock", "**", &lock), None);
        assert_eq!(met("a/*", "[a]/b", &lock), None, "not by another spelling either");
        assert_eq!(met("Cargo.*", "*.toml", &lock).map(|it| it.0), Some("Cargo.toml".to_owned()));
        assert_eq!(
            met("cargo.lock", "*.lock", &lock).map(|it| it.1),
            Some("cargo.lock".to_owned())
        );
    }

    fn matcher(glob: &str) -> globset::GlobMatcher {
        GlobBuilder::new(glob)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .unwrap()
            .compile_matcher()
    }

    fn are_one(a: &str, b: &str) -> bool {
        let folded = |path: &str| path.chars().map(fold).collect::<String>();
        let (a, b) = (folded(a), folded(b));
        a == b || a.starts_with(&format!("{b}/")) || b.starts_with(&format!("{a}/"))
    }

    /// All paths of up to three components of up to two letters.
    fn paths() -> Vec<String> {
        let letters = ["a", "A", "b", "k", "\u{212A}"];
        let mut components: Vec<String> = letters.iter().map(|&it| it.to_owned()).collect();
        components.extend(letters.iter().flat_map(|a| ["a", "b"].map(|b| format!("{a}{b}"))));
        let mut paths = components.clone();
        let mut longer = components.clone();
        for few in [12, 4] {
            let more = |path: &String| -> Vec<String> {
                components.iter().take(few).map(|it| format!("{path}/{it}")).collect()
            };
            longer = longer.iter().flat_map(more).collect();
            paths.extend(longer.iter().cloned());
        }
        paths
    }

    proptest::proptest! {
        /// Both answers against the runner's matcher: what is found is matched, and
        /// what short paths show is found.
        #[test]
        fn the_answer_is_that_of_the_matcher_on_all_short_paths(
            one in "([abk?]{1,2}|\\*\\*|[aA]\\*|\\{a,B\\})(/([abk*?]|\\*\\*|\\[!a\\])){0,2}",
            other in "([aBk?]{1,2}|\\*\\*|[bK]\\*|\\{k,b\\})(/([abk*?]|\\*\\*|\\[ab\\])){0,2}",
        ) {
            let (first, second) = (matcher(&one), matcher(&other));
            let paths = paths();
            let ones: Vec<&String> = paths.iter().filter(|it| first.is_match(it)).collect();
            let others: Vec<&String> = paths.iter().filter(|it| second.is_match(it)).collect();
            let shown = ones.iter().find_map(|a| {
                others.iter().find(|b| are_one(a, b)).map(|b| (a.as_str(), b.as_str()))
            });
            let found = met(&one, &other, &[]);
            proptest::prop_assert!(found.is_some() || shown.is_none(), "{:?} is not found", shown);
            if let Some((a, b)) = found {
                proptest::prop_assert!(first.is_match(&a) && second.is_match(&b), "{} {}", a, b);
                proptest::prop_assert!(are_one(&a, &b), "{} {}", a, b);
            }
        }
    }
}
