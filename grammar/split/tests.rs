//! Tests of the splitter: where pieces end, and what a lost bracket or quote gives.

use proptest::prelude::{any, prop, proptest};

use super::*;
use crate::random::spec;
use crate::source::SourceMap;

/// The texts of the pieces, each with whether it is sound.
type Pieces = Vec<(String, bool)>;
/// The codes of the findings, each with the offset it blames.
type Found = Vec<(&'static str, usize)>;

fn cut(text: &str) -> (Pieces, Found) {
    let (map, mut out) = (SourceMap::new(), Diagnostics::new());
    let file = map.add("x", text.as_bytes().to_vec(), &mut out).unwrap();
    let pieces = split(file, text, &mut out);
    let found = out.sorted().iter().map(|f| (f.code, f.span().unwrap().range().start)).collect();
    (pieces.into_iter().map(|p| (text[p.range].to_owned(), p.sound)).collect(), found)
}

#[test]
fn items_end_at_line_ends_commas_and_braces() {
    let (pieces, found) = cut("edition 1, a b { c = [1,\n2] # }\n}\n\n# x\nd \"}\"\n");
    let texts: Vec<_> = pieces.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts, ["edition 1", "a b { c = [1,\n2] # }\n}", "d \"}\""]);
    assert!(found.is_empty());
}

#[test]
fn strings_hide_brackets() {
    let (pieces, found) = cut("a b { c = \"\\\"}\", d = \"\"\"\n } \" \\ \"\"\" }\n");
    assert_eq!((pieces.len(), found.len()), (1, 0));
}

#[test]
fn a_lost_brace_is_blamed_on_the_block_that_lacks_it() {
    let text = "task a {\n  budget { wall <= 1 min\n}\ntask b {\n}\n";
    let (pieces, found) = cut(text);
    assert_eq!(found, [("E0102", text.find("{ wall").unwrap())]);
    assert_eq!(pieces.iter().map(|(_, sound)| *sound).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_lost_bracket_is_blamed_on_its_opener() {
    let text = "task a {\n  env = [x\n}\ntask b {}\n";
    let (pieces, found) = cut(text);
    assert_eq!(found, [("E0102", text.find('[').unwrap())]);
    assert_eq!(pieces.len(), 2);
}

#[test]
fn a_lost_quote_breaks_its_line_only() {
    let text = "a b {\n run = [\"x, 1]\n}\nc d {}\n";
    let (pieces, found) = cut(text);
    assert_eq!(found, [("E0103", text.find('"').unwrap())]);
    assert_eq!(pieces.iter().map(|(_, sound)| *sound).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_lost_long_quote_is_blamed_on_its_opener() {
    let text = "task a {\n p = \"\"\"\n  x\n}\ntask b {\n p = \"\"\"\n  y\n  \"\"\"\n}\n";
    let (pieces, found) = cut(text);
    assert_eq!(found, [("E0103", text.find('"').unwrap())]);
    assert_eq!(pieces.iter().map(|(_, sound)| *sound).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_stray_brace_is_no_item() {
    let (pieces, found) = cut("a b {}\n}\nc d {}\n");
    assert_eq!((pieces.len(), found), (2, vec![("E0104", 7)]));
}

#[test]
fn nesting_is_bounded() {
    let deep = |count: usize| format!("a b {}{}", "{".repeat(count), "}".repeat(count));
    assert!(cut(&deep(MAX_NESTING)).1.is_empty());
    assert_eq!(cut(&deep(MAX_NESTING + 1)).1, [("E0105", 4 + MAX_NESTING)]);
    assert_eq!(cut(&deep(100_000)).1.len(), 1);
}

#[test]
fn signs_that_nobody_sees_are_reported() {
    assert_eq!(cut("a\u{200b}b").1, [("E0106", 1)]);
    assert_eq!(cut("# x\u{202e}").1, [("E0106", 3)]);
    assert_eq!(cut("a \"\u{202e}\"").1, [("W0603", 3)]);
    assert_eq!(cut("a \"\0\"").1, [("E0106", 3)]);
    assert_eq!(cut("a \rb").1, [("E0106", 2)]);
}

#[test]
fn the_number_of_items_is_bounded() {
    let (pieces, found) = cut(&"a,".repeat(MAX_PIECES));
    assert_eq!((pieces.len(), found.len()), (MAX_PIECES, 0));
    let (pieces, found) = cut(&format!("group g {{{}}}", "a,".repeat(MAX_PIECES)));
    assert_eq!((pieces.len(), found), (MAX_PIECES, vec![("E0112", 9 + 2 * MAX_PIECES - 2)]));
}

/// Cuts a text by parts and asserts that this gives the same as without; returns
/// how many texts could be cut so.
fn by_parts(text: &str) -> usize {
    let (map, mut out) = (SourceMap::new(), Diagnostics::new());
    let file = map.add("x", text.as_bytes().to_vec(), &mut out).unwrap();
    let text = map.file(file).unwrap().text();
    let whole = split(file, text, &mut out);
    let mut count = 0;
    for parts in 2..5 {
        let Some(pieces) = split_by_parts(file, text, parts) else { continue };
        assert_eq!((&pieces, out.errors() + out.warnings()), (&whole, 0), "{text}");
        count += 1;
    }
    count
}

#[test]
fn a_text_is_cut_by_parts_where_items_begin() {
    assert_eq!(by_parts(&"task a {\n x = \"\"\"\n  y\n  \"\"\"\n}\n".repeat(9)), 3);
    assert_eq!(by_parts(&format!("group g {{\n{}}}\n", "task a {}\n".repeat(9))), 0);
    assert_eq!(by_parts(&"task a {\n x = \"\"\"\ntask b {\n  \"\"\"\n}\n".repeat(9)), 0);
    assert_eq!(by_parts(&"let x =\nlet y = 1\n".repeat(9)), 3);
    assert_eq!(by_parts(&"task a { x = \"\u{200b}\" }\n".repeat(9)), 0);
    assert_eq!(by_parts("task a {}"), 0);
}

proptest! {
    #[test]
    fn cutting_by_parts_gives_the_same(
        text in spec(),
        more in prop::collection::vec((any::<prop::sample::Index>(), "[}{\"#\n=,]|\ntask a "), 0..4),
    ) {
        let mut text = text;
        by_parts(&text);
        for (at, part) in more {
            let bounds: Vec<_> = (0..=text.len()).filter(|&at| text.is_char_boundary(at)).collect();
            text.insert_str(bounds[at.index(bounds.len())], &part);
            by_parts(&text);
        }
    }
}
