//! What is said of a plan.lock that is refused: what is wrong, where, and the way out.

use std::fmt::Write as _;

use super::read;
use crate::Digest;
use crate::lockfile::example::hello;
use crate::lockfile::write::{DIGEST_HEAD, DIGEST_LINE};
use crate::lockfile::{read_kept, write};

/// Puts something in the place of something else.
fn edited(old: &str, new: &str) -> String {
    let text = write(&hello());
    assert!(text.contains(old), "{old}");
    text.replacen(old, new, 1)
}

/// The same with the digest that fits.
fn resealed(old: &str, new: &str) -> String {
    sealed(&edited(old, new))
}

fn sealed(text: &str) -> String {
    let (body, _) = text.rsplit_once(DIGEST_HEAD).expect("a digest");
    let (before, after) = DIGEST_LINE;
    format!("{body}{DIGEST_HEAD}{before}{}{after}", Digest::of(body.as_bytes()))
}

/// What git leaves in a file that two branches changed.
const CONFLICT: &str =
    "<<<<<<< HEAD\nwall = \"15 min\"\n=======\nwall = \"30 min\"\n>>>>>>> other\n";

/// Digests follow from words that are not the matter here.
fn without_digests(text: &str) -> String {
    let parts = text.split("sha256:").enumerate();
    let parts = parts.map(|(at, part)| if at == 0 { part } else { &part[12..] });
    parts.collect::<Vec<_>>().join("sha256:")
}

#[test]
fn what_is_refused_is_told_with_its_place_and_the_way_out() {
    let text = write(&hello());
    let node = "[node.smoke]\n";
    let tables = text.split_inclusive("\n\n").filter(|table| !table.starts_with("[budget]"));
    let without_budget: String = tables.collect();
    let cases = [
        ("git could not merge it", edited("wall = \"20 min\"\n", CONFLICT)),
        ("the merge took one side's lines", edited("wall = \"20 min\"\n", "wall = \"30 min\"\n")),
        ("a value is changed by hand", edited("attempts <= 2", "attempts <= 9")),
        ("a list is changed by hand", edited("writes = [\"README.md\"]", "writes = [\"**\" ]")),
        ("a quote is forgotten", edited("wall = \"20 min\"", "wall = \"20 min")),
        ("a name is mistyped", edited("gates = [\"unit\"]", "gates = [\"unti\"]")),
        ("its end is missing", text[..text.len() / 2].to_owned()),
        ("a key stands twice", resealed("parallel = 2\n", "parallel = 2\nparallel = 8\n")),
        ("a table stands twice", resealed(node, "[node.readme]\n")),
        (
            "a whole table stands twice",
            resealed("[budget]\n", "[budget]\nparallel = 9\n\n[budget]\n"),
        ),
        ("a key is unknown", resealed("parallel = 2\n", "parallel = 2\nretries = 8\n")),
        ("a node has an unknown key", resealed(node, "[node.smoke]\nsandbox = false\n")),
        ("a node has a key of another kind", resealed(node, "[node.smoke]\nprompt = \"Do it.\"\n")),
        ("a table is unknown", resealed(node, "[hooks]\nafter = []\n\n[node.smoke]\n")),
        ("a key before the tables is unknown", resealed("base = ", "branch = \"x\"\nbase = ")),
        ("a key is missing", resealed("base = \"main\"\n", "")),
        ("a table is missing", sealed(&without_budget)),
        ("a node goes where it cannot", resealed("needs = []\n", "needs = [\"smoke\"]\n")),
        ("what is derived is changed", resealed("active at most 20 min", "active at most 2 min")),
        ("a value is spelled otherwise", resealed("wall = \"20 min\"", "wall = \"1200 s\"")),
        ("it is of a format to come", resealed("format = 1", "format = 2")),
        ("it is of a format before the first", resealed("format = 1", "format = 0")),
        ("its format is no number", resealed("format = 1", "format = \"1\"")),
    ];
    let mut page = String::new();
    for (what, text) in cases {
        let refusal = read(&text).expect_err(what).to_string();
        let _ = writeln!(page, "{what}:\n  {}", without_digests(&refusal));
    }
    insta::assert_snapshot!(page);
}

/// Texts of each format that was ever written, each read for as long as its format is.
///
/// While a format is not in a release, its text follows `everything.toml`; from then
/// on it stays as it is.
const FORMATS: &[&str] = &[include_str!("../formats/1.toml")];

/// What stands in a text but for the tables that are derived, whose words may change.
fn without_derived(text: &str) -> String {
    let derived = ["[review]", "[proof]", "[digest]"];
    let tables = text.split_inclusive("\n\n");
    tables.filter(|table| !derived.iter().any(|head| table.starts_with(head))).collect()
}

#[test]
fn a_text_of_each_format_is_read_and_written_again_to_the_byte() {
    for text in FORMATS {
        // In a release it is what it is; until then copy everything.toml to it.
        let kept = read_kept(text).expect("a format that is read");
        assert_eq!(without_derived(&write(&kept.plan)), without_derived(text));
        assert!(!kept.plan.nodes.is_empty());
    }
}
