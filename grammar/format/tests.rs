//! Tests of the canonical form: its laws on all specs of the repository and on
//! random ones, and how it looks.

use std::path::Path;

use proptest::prelude::proptest;

use super::tokens::{Token, Tokens};
use super::{canonical, format};
use crate::random::spec;
use crate::{Diagnostics, SourceMap, parse};

fn formatted(text: &str) -> Option<String> {
    let (map, mut out) = (SourceMap::new(), Diagnostics::new());
    let file = map.add("x.eufm", text.as_bytes().to_vec(), &mut out)?;
    format(&map, file, &mut out)
}

/// Lays a text without errors of form out, unknown items too.
fn laid_out(text: &str) -> Option<String> {
    let (map, mut out) = (SourceMap::new(), Diagnostics::new());
    let file = map.add("x.eufm", text.as_bytes().to_vec(), &mut out)?;
    parse(&map, file, &mut out);
    let text = map.file(file)?.text();
    (!out.has_errors()).then(|| canonical(text))
}

/// Returns the tree of a text without its spans.
fn tree(text: &str) -> String {
    let (map, mut out) = (SourceMap::new(), Diagnostics::new());
    let file = map.add("x.eufm", text.as_bytes().to_vec(), &mut out).unwrap();
    let spec = parse(&map, file, &mut out);
    let found: Vec<_> = out.sorted().iter().map(|found| found.message.clone()).collect();
    assert!(!out.has_errors(), "{found:?} in\n{text}");
    let shown = format!("{:?}", spec.items);
    let mut parts = shown.split("Span {");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |tree, part| tree + part.split_once('}').unwrap().1)
}

fn comments(text: &str) -> Vec<&str> {
    let comment = |token| if let Token::Comment(text) = token { Some(text) } else { None };
    Tokens::new(text).filter_map(comment).collect()
}

/// Returns all words, signs and brackets in their order.
fn skeleton(text: &str) -> String {
    let shown = |token| match token {
        Token::Word(text) | Token::Sign(text) => text.to_owned(),
        Token::Open(bracket) => char::from(bracket).to_string(),
        Token::Close => ")".to_owned(),
        Token::Text(_) => "\"\"".to_owned(),
        Token::Comment(_) | Token::Comma | Token::Newline => String::new(),
    };
    Tokens::new(text).map(shown).collect()
}

/// Asserts the laws and returns the canonical form.
fn lawful(text: &str) -> String {
    let done = laid_out(text).unwrap_or_else(|| panic!("refused:\n{text}"));
    let plain = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    assert_eq!(tree(&done), tree(text), "the tree of\n{text}\nis another than that of\n{done}");
    assert_eq!(comments(&done), comments(&plain), "{text}\n{done}");
    assert_eq!(skeleton(&done), skeleton(&plain), "{text}\n{done}");
    let again = laid_out(&done).unwrap_or_else(|| panic!("refused:\n{done}"));
    assert_eq!(again, done, "the second time differs for\n{text}");
    assert!(done.is_empty() || (done.ends_with('\n') && !done.ends_with("\n\n")));
    assert!(!done.contains("\n\n\n") || text.contains("\"\"\""));
    done
}

/// Asserts that a text has the canonical form already.
fn is_canonical(text: &str) {
    assert_eq!(lawful(text), text);
}

/// Asserts the form of a block's inside, given without indentation.
fn inside(text: &str, wanted: &str) {
    let indented = |text: &str| {
        let line =
            |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") };
        text.lines().map(line).collect::<String>()
    };
    let done = lawful(&format!("task t by a {{\n{text}\n}}\n"));
    assert_eq!(done, format!("task t by a {{\n{}}}\n", indented(wanted)));
}

/// Reads a file of the repository.
#[expect(clippy::disallowed_methods, reason = "the specs are on the disk; the grammar sees text")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the specs below a folder of the repository.
#[expect(clippy::disallowed_methods, reason = "the specs are on the disk; the grammar sees text")]
fn specs(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let spec = |path: &Path| path.extension().is_some_and(|extension| extension == "eufm");
    let found = |path: std::path::PathBuf| match path.is_dir() {
        true => specs(&path),
        false if spec(&path) => vec![read(&path)],
        false => Vec::new(),
    };
    paths.into_iter().flat_map(found).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn examples() -> Vec<String> {
    let page = read(&root().join("docs/language.md"));
    let example = |rest: &str| rest.split("```").next().unwrap_or_default().to_owned();
    page.split("```eufm\n").skip(1).map(example).collect()
}

#[test]
fn the_laws_hold_for_every_good_spec_of_the_repository() {
    let cases = specs(&root().join("tests/cases/ok"));
    let others = specs(&root().join("specs")).into_iter().chain(specs(&root().join("stdlib")));
    assert!(cases.len() >= 8 && examples().len() >= 9);
    for text in cases.into_iter().chain(others).chain(examples()) {
        let done = lawful(&text);
        let line = |line: &str| match line.contains('#') {
            true => format!("{line}\r\n"),
            false => line.replace(" = ", "\t=  ") + "\r\n",
        };
        let messy: String = done.lines().map(line).collect();
        assert_eq!(lawful(&format!("\u{feff}{}", done.replace('\n', "\r\n"))), done);
        assert_eq!(lawful(&messy), done);
    }
}

#[test]
fn the_specs_that_are_shown_to_people_have_the_canonical_form() {
    let shown = specs(&root().join("specs")).into_iter().chain(specs(&root().join("stdlib")));
    // One example of the page shows what else may be written.
    let examples = examples().into_iter().filter(|text| !text.starts_with("edition 1, "));
    for text in shown.chain(examples) {
        is_canonical(&text);
    }
}

#[test]
fn a_text_with_errors_is_refused() {
    for text in specs(&root().join("tests/cases/err")) {
        let (map, mut out) = (SourceMap::new(), Diagnostics::new());
        let file = map.add("x.eufm", text.clone().into_bytes(), &mut out).unwrap();
        let items = format!("{:?}", parse(&map, file, &mut out).items);
        let is_refused = out.has_errors() || items.contains("Unknown(");
        assert_eq!(formatted(&text).is_none(), is_refused, "{text}");
    }
    assert_eq!(formatted("task t by a { x = }\n"), None);
    assert_eq!(formatted("task t by a {"), None);
}

#[test]
fn a_text_with_errors_that_were_told_already_is_refused() {
    let (map, mut out) = (SourceMap::new(), Diagnostics::new());
    let file = map.add("x.eufm", b"let a =\n".to_vec(), &mut out).unwrap();
    parse(&map, file, &mut out);
    let told = out.errors();
    assert_eq!(format(&map, file, &mut out), None);
    assert_eq!((told, out.errors()), (1, 1), "once is enough");
}

#[test]
fn signs_are_aligned_among_neighbours_of_one_line() {
    inside(
        "a = 1\nlonger = 2\nbudget { x <= 1, long <= 2 }\nb += 3\n\nc = 4",
        "a      = 1\nlonger = 2\nbudget { x <= 1, long <= 2 }\nb      += 3\n\nc = 4",
    );
    inside(
        "needs=[x]\nprompt = \"\"\"\n a\n \"\"\"\na=1\nwrites=[]",
        "needs = [x]\nprompt = \"\"\"\n  a\n  \"\"\"\na      = 1\nwrites = []",
    );
    inside("a = 1\n# why\nlong = 2", "a    = 1\n# why\nlong = 2");
}

#[test]
fn a_line_is_not_made_too_long_by_its_neighbours() {
    let list = format!("[\"{}\"]", "x".repeat(84));
    inside(
        &format!("a = {list}\nmuch_longer = 1\nb = 2"),
        &format!("a = {list}\nmuch_longer = 1\nb           = 2"),
    );
}

#[test]
fn lists_have_one_line_if_they_fit() {
    inside("a = [\n  x\n  y,\n\n]", "a = [x, y]");
    let long = "x".repeat(48);
    inside(&format!("a = [{long}, {long}]"), &format!("a = [\n  {long},\n  {long},\n]"));
    inside("a = [unit {\n b = 1 }, c]", "a = [\n  unit {\n    b = 1\n  },\n  c,\n]");
    inside("a = [ [ ], ( ) ]".replace(", ( )", "").as_str(), "a = [[]]");
}

#[test]
fn a_hundred_columns_fit_and_one_more_does_not() {
    let list = |width: usize| format!("a = [{}, b]", "x".repeat(width - 9));
    inside(&list(98), &list(98));
    assert!(lawful(&format!("task t by a {{\n{}\n}}\n", list(99))).lines().count() > 3);
    // What fits is aligned and needs no blank line around it.
    let full = format!("long = [{}]", "x".repeat(89));
    inside(&format!("a = 1\n{full}"), &format!("a    = 1\n{full}"));
    let item = |width: usize| format!("gate g is k {{ a = [{}] }}\n", "x".repeat(width - 22));
    is_canonical(&item(100).repeat(2));
    assert_eq!(lawful(&item(101).repeat(2)).lines().filter(|line| line.is_empty()).count(), 1);
}

#[test]
fn blocks_stay_broken_where_their_author_broke_them() {
    is_canonical("gate g is k { a = 1, b { c >= 2% } }\n");
    is_canonical("gate g is k {\n  a = 1\n  b {\n    c >= 2%\n  }\n}\n");
    assert_eq!(lawful("gate g is k { a = 1\n}"), "gate g is k {\n  a = 1\n}\n");
    assert_eq!(lawful("pipeline p {\n\n}"), "pipeline p {}\n");
    let long = "x".repeat(90);
    assert_eq!(
        lawful(&format!("gate g is k {{ a = {long} }}")),
        format!("gate g is k {{\n  a = {long}\n}}\n")
    );
}

#[test]
fn items_of_several_lines_stand_alone() {
    assert_eq!(
        lawful(
            "# head\nedition 1\ntask a by b {\n}\ngate g is k { x = 1 }\n\n\n# of t\ntask t by b {\n x = 1 }\n# of u\ntask u by b {}\n# end"
        ),
        "# head\nedition 1\ntask a by b {}\ngate g is k { x = 1 }\n\n# of t\ntask t by b {\n  x = 1\n}\n\n# of u\ntask u by b {}\n# end\n"
    );
    assert_eq!(lawful("edition 1,pipeline p {},"), "edition 1\npipeline p {}\n");
    assert_eq!(lawful("\n\n# only this  \n\n"), "# only this\n");
    assert_eq!(lawful("\n \n"), "");
}

#[test]
fn the_kinds_of_neighbours_are_aligned() {
    assert_eq!(
        lawful("gate lint is k {}\ngate x is k {}\nagent b is k {}\n"),
        "gate lint is k {}\ngate x    is k {}\nagent b is k {}\n"
    );
}

#[test]
fn comments_stay_where_they_stand() {
    inside(
        "a = 1 # one\nlong = 2 # two\nb=3\nc = 4 # four",
        "a    = 1  # one\nlong = 2  # two\nb    = 3\nc    = 4  # four",
    );
    inside(
        "a = [ # list\n x # of x\n , # of the comma\n # alone\n\n y # of y\n # end\n]",
        "a = [  # list\n  x,  # of x\n  # of the comma\n  # alone\n\n  y,  # of y\n  # end\n]",
    );
    inside("b { # here\n # there\n}", "b {  # here\n  # there\n}");
    inside(
        "a =  # why\n # still\n 1 # end\nb =\n # alone\n 2",
        "a =  # why\n  # still\n  1  # end\nb =\n  # alone\n  2",
    );
    inside("a = v[ # c\n x # d\n ]", "a = v[  # c\n  x  # d\n]");
    inside("a = f( # c\n 1\n )", "a = f(  # c\n  1,\n)");
}

#[test]
fn long_texts_move_with_their_place() {
    inside(
        "p = \"\"\"\n        a\n          b\n\n        \"\"\"",
        "p = \"\"\"\n  a\n    b\n\n  \"\"\"",
    );
    inside(
        "run = [\"sh\", \"-c\", \"\"\"\n a\n \"\"\"]",
        "run = [\"sh\", \"-c\", \"\"\"\n  a\n  \"\"\"]",
    );
    inside("run = [\"\"\"\n a\n \"\"\", b]", "run = [\n  \"\"\"\n    a\n    \"\"\",\n  b,\n]");
    assert_eq!(
        lawful("gate g is k { p = \"\"\"\n  a\n b\"\"\" }"),
        "gate g is k {\n  p = \"\"\"\n  a\n b\"\"\"\n}\n"
    );
}

#[test]
fn numbers_stand_by_their_units() {
    inside(
        "a = 15min\nb <= 85 %\nc = 4 M\nd = 5.00USD  per 1M tokens",
        "a = 15 min\nb <= 85%\nc = 4M\nd = 5.00 USD per 1M tokens",
    );
    is_canonical("edition 1a\n");
}

#[test]
fn every_form_has_its_canonical_form() {
    let text = r##"edition 1

use std.codex  # binds the last name
use "lib/prices.eufm"

param env: string = "staging"        # eufm compile --set env=production
let sites = ["felix", "oradea"]      # also lines(file("sites.txt"))

constitution "docs/constitution.md" {
  rule no_secrets is rules.forbid_secrets { cite = "Secrets MUST NOT", level = must }
  rule small      is rules.max_diff { cite = "below 800 lines", level = should, lines = 800 }
}

group telemetry {
  task collector for site in sites {
    needs   = [schema, story["search"]]
    inputs  = [schema.answer]  # read-only at /in/schema/answer
    prompt  = "Write the collector for ${site}."
    session = schema
    gates   = [unit { cwd = "packages/${site}" }]
  }

  task each for site in ["a", "b"] by builder {
    budget { rate <= 1 EUR per hour, cost <= 0.60 EUR, memory <= 8 GiB }
  }
}

template story(name: string) { task a { prompt = "x" } }
story(name = s) for s in stories

exchange 1 USD = 0.92 EUR { date = "2026-11-01", source = "central bank" }
"##;
    let wanted =
        text.replace("\"staging\"        #", "\"staging\"    #").replace("]      #", "]  #");
    assert_eq!(lawful(text), wanted);
    is_canonical(&wanted);
}

#[test]
fn signs_of_all_forms_have_their_blanks() {
    for (text, wanted) in [
        ("use  std.codex   as c", "use std.codex as c"),
        ("param env:string=\"x\"", "param env: string = \"x\""),
        ("param  p :list( string )= [ a,b ]", "param p: list(string) = [a, b]"),
        ("let x=\n a==b", "let x = a == b"),
        ("let x=a[ \"b\" ]!=\n c", "let x = a[\"b\"] != c"),
        ("story (name=s,)  as x for s in[a,b]", "story(name = s) as x for s in [a, b]"),
        ("exchange 1USD=0.92EUR{a=1}", "exchange 1 USD = 0.92 EUR { a = 1 }"),
        ("template t( a:b,c :d=[] ){}", "template t(a: b, c: d = []) {}"),
        ("rule r is k{a={}}", "rule r is k { a = {} }"),
    ] {
        assert_eq!(lawful(text), format!("{wanted}\n"));
    }
    inside(
        "a=telemetry/collector[ \"felix\" ].answer\nb = s[\"x\"]/i[y].file(\"z\")\nc=\"${ a }\"",
        "a = telemetry/collector[\"felix\"].answer\nb = s[\"x\"]/i[y].file(\"z\")\nc = \"${ a }\"",
    );
    inside("a = f(x=1,\n y = [ ] )\nb=u{c=1}", "a = f(x = 1, y = [])\nb = u { c = 1 }");
}

#[test]
fn items_in_a_group_are_set_apart() {
    assert_eq!(
        lawful(
            "group g {\nwhen = a\ntask a by b {\n}\n# of c\ntask c by b {\n x = 1\n}\nstory(\n# why\na = 1)\n\
             let x = 1\ngate d is k { x = 1 }\ngate long is k { x = 1 }\ndefaults {\n y = 1\n}\ngroup h { task e {\n z = 1\n } } }"
        ),
        "group g {\n  when = a\n  task a by b {}\n\n  # of c\n  task c by b {\n    x = 1\n  }\n\n  \
         story(\n    # why\n    a = 1,\n  )\n\n  let x = 1\n  gate d    is k { x = 1 }\n  \
         gate long is k { x = 1 }\n  defaults {\n    y = 1\n  }\n\n  group h {\n    task e {\n      z = 1\n    }\n  }\n}\n"
    );
    let long = format!("story(a = {0}, b = {0})\n", "x".repeat(50));
    assert_eq!(lawful(&long), format!("story(\n  a = {0},\n  b = {0},\n)\n", "x".repeat(50)));
}

#[test]
fn no_spec_takes_long() {
    // Each of these is quadratic in a printer that looks at a line again and again.
    for part in ["[a] ", "x = ", "a.b ", "{ a } ", "f(x) ", "1 "] {
        let text = format!("let x {}\n", part.repeat(100_000));
        assert!(canonical(&text).len() > 100_000);
    }
    let row = "  a = 1 # c\n";
    canonical(&format!("task t by a {{\n{}}}\n", row.repeat(100_000)));
}

proptest! {
    #[test]
    fn the_laws_hold_for_any_spec(text in spec()) {
        let done = lawful(&text);
        let count = text.matches("# ").count() - text.matches("a # b").count() - text.matches("b # no").count();
        let kept = (0..count).map(|number| done.find(&format!("# {number}\n")).unwrap());
        assert!(kept.collect::<Vec<_>>().is_sorted(), "{done}");
    }

    #[test]
    fn any_text_is_formatted_or_refused(text in "[a-c ={}\\[\\]\",\n#<()$\\\\0-9%.:é]{0,80}") {
        if let Some(done) = formatted(&text) {
            assert_eq!(skeleton(&done), skeleton(&text));
        }
    }
}

#[test]
fn an_item_of_which_the_form_is_not_known_is_named_and_nothing_is_formatted() {
    for (text, word) in [
        ("taks greet\ncommand check { run = [\"true\"] }\n", "`taks`"),
        ("group work {\n  tsk a\n}\n", "`tsk`"),
    ] {
        let (map, mut out) = (SourceMap::new(), Diagnostics::new());
        let file = map.add("x.eufm", text.as_bytes().to_vec(), &mut out).unwrap();
        assert_eq!(format(&map, file, &mut out), None, "{text}");
        let found: Vec<_> = out.sorted().iter().map(|found| found.message.clone()).collect();
        assert_eq!(found, [format!("{word} is no item")]);
    }
}
