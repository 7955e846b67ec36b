//! What is said of a plan.lock that is refused: what is wrong, where, and the way out.

use std::fmt::Write as _;

use super::read;
use crate::Digest;
use crate::lockfile::example::everything;
use crate::lockfile::write::{DIGEST_HEAD, DIGEST_LINE};
use crate::lockfile::{read_kept, write};

/// Puts something in the place of something else.
fn edited(old: &str, new: &str) -> String {
    let text = write(&everything());
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
const CONFLICT: &str = "<<<<<<< HEAD\nwall = \"5 h\"\n=======\nwall = \"7 h\"\n>>>>>>> other\n";

#[test]
fn what_is_refused_is_told_with_its_place_and_the_way_out() {
    let text = write(&everything());
    let node = "[node.tidy]\n";
    let tables = text.split_inclusive("\n\n").filter(|table| !table.starts_with("[budget]"));
    let without_budget: String = tables.collect();
    let cases = [
        ("git could not merge it", edited("wall = \"6 h\"\n", CONFLICT)),
        ("the merge took one side's lines", edited("wall = \"6 h\"\n", "wall = \"7 h\"\n")),
        ("a value is changed by hand", edited("attempts <= 3", "attempts <= 9")),
        ("a list is changed by hand", edited("writes = [\"src/**\"]\n", "writes = [\"**\" ]\n")),
        ("a quote is forgotten", edited("wall = \"6 h\"", "wall = \"6 h")),
        ("a name is mistyped", edited("gates = [\"unit\"]", "gates = [\"unti\"]")),
        ("its end is missing", text[..text.len() / 2].to_owned()),
        ("a key stands twice", resealed("parallel = 4\n", "parallel = 4\nparallel = 8\n")),
        ("a table stands twice", resealed(node, "[node.smoke]\n")),
        (
            "a whole table stands twice",
            resealed("[budget]\n", "[budget]\nparallel = 9\n\n[budget]\n"),
        ),
        ("a key is unknown", resealed("parallel = 4\n", "parallel = 4\nretries = 8\n")),
        ("a node has an unknown key", resealed(node, "[node.tidy]\nsandbox = false\n")),
        ("a node has a key of another kind", resealed(node, "[node.tidy]\nprompt = \"Do it.\"\n")),
        ("a table is unknown", resealed("[omitted]\n", "[hooks]\nafter = []\n\n[omitted]\n")),
        ("a key before the tables is unknown", resealed("base = ", "branch = \"x\"\nbase = ")),
        ("a key is missing", resealed("base = \"main\"\n", "")),
        ("a table is missing", sealed(&without_budget)),
        ("a node goes where it cannot", resealed("needs = []\n", "needs = [\"ship\"]\n")),
        ("what is derived is changed", resealed("at most 20.00 EUR", "at most 2.00 EUR")),
        ("a value is spelled otherwise", resealed("\"6 h\"\ntokens", "\"360 min\"\ntokens")),
        ("it is of a format to come", resealed("format = 1", "format = 2")),
        ("it is of a format before the first", resealed("format = 1", "format = 0")),
        ("its format is no number", resealed("format = 1", "format = \"1\"")),
    ];
    let mut page = String::new();
    for (what, text) in cases {
        let refusal = read(&text).expect_err(what).to_string();
        let _ = writeln!(page, "{what}:\n  {refusal}");
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
        let kept = read_kept(text).expect("a format that is read");
        assert_eq!(without_derived(&write(&kept.plan)), without_derived(text));
        assert_eq!(kept.plan.nodes.len(), 13);
    }
}
