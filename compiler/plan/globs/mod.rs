//! Globs as languages: what lies within what, and what may name one file.
//!
//! Decided by automata, within bounds; where one is met there is no answer, and
//! whoever asks takes the safe side. Unaware of nodes and of files.

mod automaton;
mod folding;
mod meet;
mod within;

pub(crate) use automaton::SPECIAL;
pub(crate) use folding::fold;
pub(crate) use meet::{Generated, Language, Witness, meeting};
pub(crate) use within::Globs;
