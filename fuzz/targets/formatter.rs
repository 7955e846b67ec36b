//! Any text whose items all have a form is brought to its canonical form: that form
//! has the same tree, and formatted again it stays what it is.

#![no_main]

use eufm_fuzz::on_one_thread;
use eufm_grammar::{Diagnostics, SourceMap, format, parse};
use libfuzzer_sys::fuzz_target;

/// Returns the tree without its places, and the canonical form; `None` for a text
/// with findings.
fn read(bytes: &[u8]) -> Option<(String, String)> {
    let (sources, mut found) = (SourceMap::new(), Diagnostics::new());
    let file = sources.add("fuzzed.eufm", bytes.to_vec(), &mut found)?;
    let tree = without_places(&format!("{:?}", parse(&sources, file, &mut found).items));
    // What was said already is not said again, so this has findings of its own.
    let formatted = format(&sources, file, &mut Diagnostics::new());
    let is_refused = found.has_errors() || tree.contains("Unknown(");
    assert_eq!(formatted.is_none(), is_refused, "only what has a form is formatted");
    formatted.map(|formatted| (tree, formatted))
}

fn without_places(tree: &str) -> String {
    let mut parts = tree.split("Span {");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |tree, part| tree + part.split_once('}').map_or(part, |(_, rest)| rest))
}

fuzz_target!(init: on_one_thread(), |bytes: &[u8]| {
    let Some((tree, formatted)) = read(bytes) else { return };
    let text = String::from_utf8_lossy(bytes);
    let Some((same_tree, same)) = read(formatted.as_bytes()) else {
        panic!("{text:?}\nbecomes what cannot be read:\n{formatted:?}");
    };
    assert_eq!(same, formatted, "{text:?} is formatted to another text the second time");
    assert_eq!(same_tree, tree, "{text:?} has another tree than its form {formatted:?}");
});
