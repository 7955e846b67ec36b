//! The standard library: `.eufm` files that are part of the binary.
//!
//! Text only; unaware of the grammar that reads it and of who asks for it. A new
//! part is a file and a line in [`PARTS`].

/// A small spec that compiles, to start from; `eufm init` writes it.
pub const STARTER: &str = include_str!("starter.eufm");

/// The parts, by their name behind `std.`; sorted.
pub const PARTS: &[(&str, &str)] = &[
    ("codex", include_str!("codex.eufm")),
    ("flows", include_str!("flows.eufm")),
    ("make", include_str!("make.eufm")),
    ("node", include_str!("node.eufm")),
    ("python", include_str!("python.eufm")),
    ("rules", include_str!("rules.eufm")),
    ("rust", include_str!("rust.eufm")),
];

/// Returns what a part is for, in the words with which its text begins.
#[must_use]
pub fn purpose(name: &str) -> Option<&'static str> {
    let opening = format!("# std.{name}: ");
    part(name)?.lines().find_map(|line| line.strip_prefix(opening.as_str()))
}

/// Returns the text of a part.
#[must_use]
pub fn part(name: &str) -> Option<&'static str> {
    PARTS.iter().find_map(|(known, text)| (*known == name).then_some(*text))
}
