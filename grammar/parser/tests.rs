//! Tests of the parser: each form, what is said of mistakes, and hostile texts.

use std::fmt::Write as _;

use pest::Position;
use pest::error::{Error, ErrorVariant};
use proptest::prelude::{any, prop, proptest};

use super::hostile::hostile;
use super::plain::Scratch;
use super::wording::{Form, symbol};
use super::{Reader, Rule, parse};
use crate::ast::{
    Argument, Declaration, Entry, Item, Name, Part, Repetition, Segment, Value, ValueKind,
};
use crate::random::spec;
use crate::split::split;
use crate::{Diagnostics, FileId, SourceMap, Span};

fn load(text: &str) -> (SourceMap, FileId, Diagnostics) {
    let (map, mut out) = (SourceMap::new(), Diagnostics::new());
    let file = map.add("x.eufm", text.as_bytes().to_vec(), &mut out).unwrap();
    (map, file, out)
}

/// Counts the errors of a text.
fn errors(text: &str) -> usize {
    let (map, file, mut out) = load(text);
    parse(&map, file, &mut out);
    out.errors()
}

/// Returns the codes of the findings of a text, each with what it underlines.
fn found(text: &str) -> Vec<(&'static str, String)> {
    let (map, file, mut out) = load(text);
    parse(&map, file, &mut out);
    let shown =
        |found: &&crate::Diagnostic| (found.code, text[found.span().unwrap().range()].to_owned());
    out.sorted().iter().map(shown).collect()
}

/// Returns the messages and proposals of a text's findings.
fn said(text: &str) -> String {
    let (map, file, mut out) = load(text);
    parse(&map, file, &mut out);
    let shown =
        |found: &&crate::Diagnostic| format!("{}: {}\n", found.message, found.help.join("; "));
    out.sorted().iter().map(shown).collect()
}

/// Reads a text without a mistake and returns its tree, shown.
fn tree(text: &str) -> String {
    let (map, file, mut out) = load(text);
    let spec = parse(&map, file, &mut out);
    let messages: Vec<_> = out.sorted().iter().map(|found| &found.message).collect();
    assert!(messages.is_empty(), "{messages:?} in\n{text}");
    show_items(text, &spec.items)
}

/// Reads a text with mistakes and returns what is left of it, shown.
fn rest(text: &str) -> String {
    let (map, file, mut out) = load(text);
    let spec = parse(&map, file, &mut out);
    assert!(out.has_errors(), "{text}");
    show_items(text, &spec.items)
}

fn show_items(text: &str, items: &[Item]) -> String {
    items.iter().map(|item| show_item(text, item)).collect::<Vec<_>>().join("\n")
}

/// Shows an item in one line; every span is checked against its words.
fn show_item(text: &str, item: &Item) -> String {
    let name = |name: &Option<Name>, word: &str| {
        name.as_ref().map(|name| format!(" {word} {}", checked(text, name))).unwrap_or_default()
    };
    match item {
        Item::Edition(edition) => format!("edition {}", checked(text, &edition.number)),
        Item::Use(item) => {
            let quote = if item.quoted { "'" } else { "" };
            let target = checked(text, &item.target);
            format!("use {quote}{target}{quote}{}", name(&item.alias, "as"))
        }
        Item::Binding(binding) => {
            let mut shown = format!("{} {}", binding.keyword.text, checked(text, &binding.name));
            if let Some(ty) = &binding.ty {
                let _ = write!(shown, ": {}", show(text, ty));
            }
            if let Some(value) = &binding.value {
                let _ = write!(shown, " = {}", show(text, value));
            }
            shown
        }
        Item::Call(call) => {
            let each = call.repetition.as_ref().map(|each| show_each(text, each));
            let arguments = show_arguments(text, &call.arguments);
            let each = each.unwrap_or_default();
            format!("{}{arguments}{}{each}", checked(text, &call.name), name(&call.alias, "as"))
        }
        Item::Exchange(rate) => {
            let entries = show_entries(text, &rate.entries);
            let broken = if rate.complete { "" } else { "?" };
            format!(
                "exchange {} = {} {entries}{broken}",
                show(text, &rate.from),
                show(text, &rate.to)
            )
        }
        Item::Declaration(declaration) => show_declaration(text, declaration),
        Item::Unknown(opening) => {
            format!("unknown {}{}", opening.keyword.text, name(&opening.name, ""))
        }
        Item::Damaged(opening) => {
            format!("damaged {}{}", opening.keyword.text, name(&opening.name, ""))
        }
    }
}

fn show_declaration(text: &str, item: &Declaration) -> String {
    let mut shown = checked(text, &item.keyword);
    let quote = if item.quoted { "'" } else { "" };
    let _ = write!(shown, " {quote}{}{quote}", checked(text, &item.name));
    for parameter in &item.parameters {
        let _ =
            write!(shown, " ({}: {}", checked(text, &parameter.name), show(text, &parameter.ty));
        if let Some(default) = &parameter.default {
            let _ = write!(shown, " = {}", show(text, default));
        }
        shown += ")";
    }
    for (word, name) in [("is", &item.kind), ("by", &item.by)] {
        if let Some(name) = name {
            let _ = write!(shown, " {word} {}", checked(text, name));
        }
    }
    if let Some(each) = &item.repetition {
        shown += &show_each(text, each);
    }
    let _ = write!(shown, " {}", show_entries(text, &item.entries));
    if !item.items.is_empty() {
        let items: Vec<_> = item.items.iter().map(|item| show_item(text, item)).collect();
        let _ = write!(shown, " [{}]", items.join("; "));
    }
    if !item.complete {
        shown += "?";
    }
    shown
}

fn show_each(text: &str, each: &Repetition) -> String {
    assert!(text[each.span.range()].starts_with("for"));
    format!(" for {} in {}", checked(text, &each.variable), show(text, &each.list))
}

fn show_entries(text: &str, entries: &[Entry]) -> String {
    let shown = |entry: &Entry| {
        let sign = entry.relation.sign();
        format!("{} {sign} {}", checked(text, &entry.key), show(text, &entry.value))
    };
    format!("{{{}}}", entries.iter().map(shown).collect::<Vec<_>>().join(", "))
}

fn show_arguments(text: &str, arguments: &[Argument]) -> String {
    let shown = |argument: &Argument| {
        let name = argument.name.as_ref().map(|name| format!("{} = ", checked(text, name)));
        name.unwrap_or_default() + &show(text, &argument.value)
    };
    format!("({})", arguments.iter().map(shown).collect::<Vec<_>>().join(", "))
}

/// Shows a value; a text by its content between `'`.
fn show(text: &str, value: &Value) -> String {
    let source = &text[value.span.range()];
    assert_eq!(source.trim(), source, "a span has blanks around it");
    match &value.kind {
        ValueKind::Text(content) => format!("'{content}'"),
        ValueKind::Filled(parts) => {
            let shown = |part: &Part| match part {
                Part::Plain(plain) => plain.to_string(),
                Part::Hole(value) => format!("<{}>", show(text, value)),
            };
            format!("'{}'", parts.iter().map(shown).collect::<String>())
        }
        ValueKind::Name(name) => {
            assert_eq!(source, *name);
            source.to_owned()
        }
        ValueKind::Quantity { number, unit } => format!("{number}|{unit}"),
        ValueKind::List(values) => {
            let values: Vec<_> = values.iter().map(|value| show(text, value)).collect();
            format!("[{}]", values.join(", "))
        }
        ValueKind::Call { name, arguments } => {
            checked(text, name) + &show_arguments(text, arguments)
        }
        ValueKind::Block(entries) => show_entries(text, entries),
        ValueKind::Adapted { name, entries } => {
            format!("{} {}", checked(text, name), show_entries(text, entries))
        }
        ValueKind::Reference(segments) => {
            segments.iter().map(|segment| show_segment(text, segment)).collect::<Vec<_>>().join("|")
        }
        ValueKind::Compared { left, equal, right } => {
            let sign = if *equal { "==" } else { "!=" };
            format!("({} {sign} {})", show(text, left), show(text, right))
        }
        ValueKind::Damaged => "damaged".to_owned(),
    }
}

fn show_segment(text: &str, segment: &Segment) -> String {
    let mut shown = checked(text, &segment.name);
    if let Some(index) = &segment.index {
        let _ = write!(shown, "[{}]", show(text, index));
    }
    if let Some(arguments) = &segment.arguments {
        shown += &show_arguments(text, arguments);
    }
    shown
}

/// Returns the words of a name, which are those at its place.
fn checked(text: &str, name: &Name) -> String {
    assert_eq!(&text[name.span.range()], name.text);
    name.text.to_owned()
}

/// Reads one entry's value and returns it, shown.
fn value(text: &str) -> String {
    let shown = tree(&format!("gate g is k {{ x = {text} }}"));
    shown
        .strip_prefix("gate g is k {x = ")
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap()
        .to_owned()
}

#[test]
fn uses_name_a_module_or_a_file() {
    assert_eq!(tree("use std.codex"), "use std.codex");
    assert_eq!(tree("use std.codex as c # x"), "use std.codex as c");
    assert_eq!(tree("use \"lib/prices.eufm\"\tas  p"), "use 'lib/prices.eufm' as p");
    for (text, code, place) in [
        ("use", "E0101", "use"),
        ("use std.", "E0101", "."),
        ("use std/codex", "E0101", "/"),
        ("use std.codex as", "E0101", "as"),
        ("use \"a\\\\b\"", "E0107", "\\"),
        ("use \"${x}\"", "E0402", "${x}"),
        ("use \"\"\"a\"\"\"", "E0101", "\""),
        ("use a b", "E0101", "b"),
    ] {
        assert_eq!(found(text), [(code, place.to_owned())], "{text}");
    }
}

#[test]
fn bindings_have_a_value_or_a_type() {
    assert_eq!(tree("let sites = [\"a\",\n \"b\"\n]"), "let sites = ['a', 'b']");
    assert_eq!(
        tree("let sites = # why\n\n  # here\n  dirs(\"p/*\") # end"),
        "let sites = dirs('p/*')"
    );
    assert_eq!(tree("let same = a ==\n b, let x = 1"), "let same = (a == b)\nlet x = 1|");
    assert_eq!(tree("param env: string = \"staging\""), "param env: string = 'staging'");
    assert_eq!(tree("param env : list(string)"), "param env: list(string)");
    assert_eq!(tree("param e:words(a, b)=a"), "param e: words(a, b) = a");
    for (text, place) in [
        ("let = 1", "="),
        ("let x", "x"),
        ("let x 1", "1"),
        ("let x =", "="),
        ("let x: string = 1", ":"),
        ("param x", "x"),
        ("param x = 1", "="),
        ("param x: = 1", "="),
        ("param x: [a]", "["),
        ("param x: a =", "="),
        ("let x = a == b == c", "="),
    ] {
        assert_eq!(found(text), [("E0101", place.to_owned())], "{text}");
    }
    // The next item is none of the value that is missing.
    assert_eq!(rest("let x =\n\ntask t {}"), "damaged let  x\ntask t {}");
}

#[test]
fn a_head_keeps_every_name_with_its_place() {
    let text = "# c\ntask greet is fast by std.builder {\n  a = 1, b { c <= 2 }\n}";
    assert_eq!(tree(text), "task greet is fast by std.builder {a = 1|, b { {c <= 2|}}");
    let (map, file, mut out) = load(text);
    let spec = parse(&map, file, &mut out);
    let Some(Item::Declaration(item)) = spec.items.first() else { panic!("no item") };
    let at = |span: Span| &text[span.range()];
    assert_eq!(at(item.head), "task greet is fast by std.builder");
    assert_eq!(at(item.entries[1].value.span), "{ c <= 2 }");
}

#[test]
fn the_clauses_of_a_head_stand_in_any_order() {
    for head in ["is k by a.b for x in y[1].z", "for x in y[1].z by a.b is k"] {
        assert_eq!(tree(&format!("task t {head} {{}}")), "task t is k by a.b for x in y[1|]|.z {}");
    }
    assert_eq!(tree("task t for x in [\"{\", a] {}"), "task t for x in ['{', a] {}");
    assert_eq!(tree("task t for x in lines(file(\"a\")){}"), "task t for x in lines(file('a')) {}");
    for (text, place) in [
        ("task t by a by b {}", "by b"),
        ("task t for x in y for x in y {}", "for x in y"),
        ("task t for x {}", "{"),
        ("task t for x in {}", "{"),
        ("task t by {}", "{"),
        ("task t b {}", "b"),
        ("task t by a", "a"),
        ("task t = 1 {}", "="),
        ("task {}", "{"),
        ("task \"\"\"a\"\"\" {}", "\""),
        ("task t(a: b) {}", "(a: b)"),
    ] {
        assert_eq!(found(text), [("E0101", place.to_owned())], "{text}");
    }
}

#[test]
fn names_may_stand_in_quotes() {
    assert_eq!(tree("prices \"gpt-5.5\" { a = 1 }"), "prices 'gpt-5.5' {a = 1|}");
    assert_eq!(tree("generated \"Cargo.lock\" {}"), "generated 'Cargo.lock' {}");
    assert_eq!(tree("constitution \"docs/x.md\" {}"), "constitution 'docs/x.md' {}");
    assert_eq!(found("prices \"a\\\"b\" {}"), [("E0107", "\\".to_owned())]);
    assert_eq!(found("constitution \"a\\\\b\" {}"), [("E0107", "\\".to_owned())]);
    assert_eq!(found("prices \"a${b}\" {}"), [("E0402", "${b}".to_owned())]);
}

#[test]
fn templates_have_parameters() {
    assert_eq!(
        tree("template story(name: string, gates: list(gate) = []) { task a {} }"),
        "template story (name: string) (gates: list(gate) = []) {} [task a {}]"
    );
    assert_eq!(
        tree("template t (\n  # c\n  a:b = f(x = 1) # d\n\n  c: d,\n) for x in y {}"),
        "template t (a: b = f(x = 1|)) (c: d) for x in y {}"
    );
    assert_eq!(tree("template t() {}"), "template t {}");
    // Each parameter is read alone.
    let text = "template t(a: b, c, d: = 1, e f: g, h: i = [=]) for x in y { task a {} }";
    assert_eq!(rest(text), "template t (a: b) for x in y {} [task a {}]");
    let places: Vec<_> = found(text).into_iter().map(|(_, place)| place).collect();
    assert_eq!(places, ["c", "=", "f", "="]);
    assert!(said(text).starts_with("the parameter has no type: write `name: type`"));
}

#[test]
fn groups_hold_entries_and_items() {
    let text = "group g for x in y {
        when = a == \"b\"
        defaults { by = builder, gates += [unit] }
        needs += [c]
        let z = [1,
          2]
        task t by a { prompt = \"${z}\" }, command c { run = [\"x\"] }
        story(name = x) as s
        group h {
          approval r { ask = \"?\" }
          rule r is k {}
        }
        use std.x
        exchange 1 EUR = 2 USD { date = \"d\" }
        level <= 3
      } # end
      task u {}";
    assert_eq!(
        tree(text),
        "group g for x in y {when = (a == 'b'), defaults { {by = builder, gates += [unit]}, \
         needs += [c], level <= 3|} [let z = [1|, 2|]; task t by a {prompt = '<z>'}; \
         command c {run = ['x']}; story(name = x) as s; group h {} [approval r {ask = '?'}; \
         rule r is k {}]; use std.x; exchange 1|EUR = 2|USD {date = 'd'}]\ntask u {}"
    );
    assert_eq!(tree("group g {}"), "group g {}");
    assert_eq!(tree("group g { a = 1 }"), "group g {a = 1|}");
    assert_eq!(
        tree("group g { task = 1, group { x = 1 } }".replace(", group { x = 1 }", "").as_str()),
        "group g {task = 1|}"
    );
}

#[test]
fn a_mistake_in_a_group_hides_none_beside_it() {
    let text = "group g {
  when = = 1
  task a { x = }
  task b { y = 1 } task c {}
  a = x b = 2
  defaults { z = 1 } d = 2
  group {}
  'x
  story x {}
  task e by {
  }
  task f { v = 1 }
}
";
    assert_eq!(
        found(text).into_iter().map(|(code, place)| format!("{code} {place}")).collect::<Vec<_>>(),
        ["E0101 =", "E0101 =", "E0110 task", "E0101 b", "E0110 d", "E0101 {", "E0101 '", "E0101 {"]
    );
    assert_eq!(
        rest(text),
        "group g {defaults { {z = 1|}, d = 2|} [task a {}?; task b {y = 1|}; task c {}; \
         damaged group; unknown story  x; damaged task  e; task f {v = 1|}]?"
    );
}

#[test]
fn what_lies_in_an_unreadable_group_is_read_for_its_mistakes() {
    let text = "group g is {\n  task a { x = }\n}\ntask b {}";
    assert_eq!(rest(text), "damaged group  g\ntask b {}");
    assert_eq!(found(text).len(), 2);
}

#[test]
fn brackets_that_are_lost_in_a_group_damage_what_they_stand_in() {
    let text = "group g {
  task a {
    budget { wall <= 1 min
  }
  task b { x = 1 }
  task c {
    y = [1
  }
  task d { z = \"e }
  group h {
    task f {
      p = \"\"\"
        text
    }
    task i {}
  }
}
task j {}
";
    assert_eq!(
        rest(text),
        "group g {} [damaged task  a; task b {x = 1|}; damaged task  c; damaged task  d; \
         group h {} [damaged task  f; task i {}]]\ntask j {}"
    );
    let codes: Vec<_> = found(text);
    let wanted = [("E0102", "{"), ("E0102", "["), ("E0103", "\""), ("E0103", "\"\"\"")];
    assert_eq!(codes, wanted.map(|(code, place)| (code, place.to_owned())));
}

#[test]
fn a_group_without_its_end_keeps_its_items() {
    let text = "group g {\n  task a {}\n\ntask b {}\n";
    assert_eq!(rest(text), "group g {} [task a {}]?\ntask b {}");
    assert_eq!(found(text), [("E0102", "{".to_owned())]);
    let text = "group g {\n  task a {}\n  group h {\n    task b {}\n  task c {}\n}\n";
    assert_eq!(rest(text), "group g {} [task a {}; group h {} [task b {}]?; task c {}]");
    let (code, place) = found(text).remove(0);
    assert_eq!((code, place.as_str()), ("E0102", "{"));
}

/// A spec with nearly all forms, written by hand.
const EXAMPLE: &str = include_str!("example.eufm");

#[test]
fn a_lost_bracket_or_quote_is_one_mistake() {
    assert_eq!(errors(EXAMPLE), 0);
    for (at, sign) in EXAMPLE.match_indices(['{', '}', '[', ']', '(', ')', '"']) {
        let line = EXAMPLE[..at].rsplit('\n').next().unwrap_or_default();
        if line.contains('#') || line.ends_with('$') {
            continue;
        }
        let text = format!("{}{}", &EXAMPLE[..at], &EXAMPLE[at + sign.len()..]);
        let (map, file, mut out) = load(&text);
        let spec = parse(&map, file, &mut out);
        let most = if sign == "{" { 3 } else { 2 };
        let found: Vec<_> = out.sorted().iter().map(|found| &found.message).collect();
        assert!((1..=most).contains(&found.len()), "{found:?} without the {sign} behind {line}");
        assert!(spec.items.len() >= 15, "without the {sign} behind {line}");
    }
}

#[test]
fn what_stands_below_a_bare_head_is_not_reported_again() {
    let found = found("task t by a\n  x = 1\n  y { z = 1 }\n}\nx = 1\n");
    let wanted = [("E0101", "a"), ("E0104", "}")];
    assert_eq!(found, wanted.map(|(code, place)| (code, place.to_owned())));
    assert_eq!(errors("task t by a {}\n  x = 1\n"), 1);
    assert_eq!(errors("let x = a\n  x = 1\n"), 1);
}

#[test]
fn calls_are_items() {
    assert_eq!(tree("story(name = s) for s in stories"), "story(name = s) for s in stories");
    assert_eq!(
        tree("flows.implement(name = \"x\", [a], b[1]) as search # c"),
        "flows.implement(name = 'x', [a], b[1|]) as search"
    );
    assert_eq!(tree("a (\n  b = c\n  d == e,\n)".replace("  d == e,\n", "").as_str()), "a(b = c)");
    assert_eq!(tree("a() for b in [c] as d"), "a() as d for b in [c]");
    for (text, place) in [
        ("a(b) as c as d", "as d"),
        ("a(b) is c", "is"),
        ("a(b =)", ")"),
        ("a(b) {}", "{"),
        ("a(b == c)", "="),
    ] {
        assert_eq!(found(text), [("E0101", place.to_owned())], "{text}");
    }
}

#[test]
fn rates_have_two_sides_and_a_block() {
    assert_eq!(
        tree("exchange 1 USD = 0.92 EUR { date = \"2026-11-01\", source = \"bank\" }"),
        "exchange 1|USD = 0.92|EUR {date = '2026-11-01', source = 'bank'}"
    );
    assert_eq!(
        rest("exchange 1 USD = 0.92 EUR { date = , source = \"bank\" }"),
        "exchange 1|USD = 0.92|EUR {source = 'bank'}?"
    );
    for (text, place) in [
        ("exchange USD = 1 EUR {}", "USD"),
        ("exchange 1 USD 1 EUR {}", "1"),
        ("exchange 1 USD = EUR {}", "EUR"),
        ("exchange 1 USD = 1 EUR", "EUR"),
        ("exchange 1 USD = 1 EUR\n{\n}", "R"),
    ] {
        assert_eq!(found(text), [("E0101", place.to_owned())], "{text}");
    }
}

#[test]
fn values_have_these_forms() {
    for (text, wanted) in [
        ("name", "name"),
        ("a.b-c/d_e.f", "a.b-c/d_e.f"),
        ("f(\"x\", 1)", "f('x', 1|)"),
        ("f (a = 1\n b = [c],)", "f(a = 1|, b = [c])"),
        ("a/b.file(\"x\")", "a/b.file('x')"),
        ("u { a = 1 }", "u {a = 1|}"),
        ("u.v{}", "u.v {}"),
        ("v[\"x\"]", "v['x']"),
        ("v [ # c\n \"x\"\n ]", "v['x']"),
        ("telemetry/collector[site].answer", "telemetry/collector[site]|.answer"),
        ("story[\"x\"]/impl[\"y\"].file(\"z\")", "story['x']|/impl['y']|.file('z')"),
        ("a[b[c].d](x = 1).e.f/g(2)", "a[b[c]|.d](x = 1|)|.e.f/g(2|)"),
        ("[1, 2,]", "[1|, 2|]"),
        ("[a {}, b[1], c(d)]", "[a {}, b[1|], c(d)]"),
        ("a == \"b\"", "(a == 'b')"),
        ("a[1] != {}", "(a[1|] != {})"),
        ("\"x ${a.b/c} y\"", "'x <a.b/c> y'"),
        ("\"${f(1)}${a[b].c}\"", "'<f(1|)><a[b]|.c>'"),
        (
            "\"\"\"\n    x ${file(\"docs/a.md\")}\n      ${ a }\n    \"\"\"",
            "'x <file('docs/a.md')>\n  <a>\n'",
        ),
        ("\"\"\"${f(\"$${a} ${b}\")}\"\"\"", "'<f('${a} <b>')>'"),
    ] {
        assert_eq!(value(text), wanted, "{text}");
        assert_eq!(value(&format!("{text} # comment\n")), wanted, "{text}");
    }
}

#[test]
fn quantities_keep_their_digits_and_their_unit() {
    for (text, wanted) in [
        ("15\tmin", "15|min"),
        ("99.5%", "99.5|%"),
        ("4M", "4|M"),
        ("8 GiB", "8|GiB"),
        ("272_000 tokens", "272_000|tokens"),
        ("1 EUR per hour", "1|EUR per hour"),
        ("5.00 USD  per 1M tokens", "5.00|USD per 1M tokens"),
        ("-1", "-1|"),
    ] {
        assert_eq!(value(text), wanted, "{text}");
    }
}

#[test]
fn what_a_hole_cannot_hold_is_reported_at_its_place() {
    for (text, place) in [
        ("\"${a b}\"", "b"),
        ("\"${}\"", "${}"),
        ("\"${a\"", "${a"),
        ("\"${1}\"", "1"),
        ("\"${HOME:-x}\"", ":"),
        ("\"${u { a = 1 }}\"", "{"),
        ("\"\"\"\n  ${a\n  \"\"\"", "${a"),
        ("\"\"\"\n  ${f(\"a\" \"b\")}\n  \"\"\"", "\""),
        ("\"\"\"\n  ${a.}\n  \"\"\"", "."),
    ] {
        let text = format!("task t {{ x = {text}, y = 1 }}");
        assert_eq!(found(&text), [("E0402", place.to_owned())], "{text}");
        assert_eq!(rest(&text), "task t {x = damaged, y = 1|}");
    }
}

#[test]
fn a_one_line_text_holds_no_quotes_in_its_holes() {
    for hole in [
        "file(\"a.md\")",
        "a[\"b\"].c",
        "f(\"\")",
        "f(\"a\", \"b\")",
        "f(\"a, b\")",
        "f(\"}\")",
        "f(\"]{\")",
    ] {
        let text = format!("task t {{\n  x = [\"see ${{{hole}}}\"]\n  y = 1\n}}");
        let found = found(&text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].0 == "E0402" && found[0].1.starts_with("${"), "{found:?}");
        assert_eq!(rest(&text), "task t {y = 1|}?");
        assert!(said(&text).contains("`let page = file(\"page.md\")`"));
    }
}

#[test]
fn comparisons_stand_alone_behind_a_sign() {
    for text in
        ["x = a == b == c", "x = a != b == c", "x = [a == b]", "x <= a == b", "x = f(a == b)"]
    {
        let text = format!("task t {{ {text}, y = 1 }}");
        assert_eq!(rest(&text), "task t {y = 1|}?");
        assert!(said(&text).starts_with("a comparison cannot stand here: "), "{}", said(&text));
    }
    assert_eq!(tree("gate g { tests == 1, tests != 2 }"), "gate g {tests == 1|, tests != 2|}");
}

#[test]
fn entries_that_can_be_read_survive_one_that_cannot() {
    let text = "task t by a {\n  a = 1\n  b = = 2\n  c = # d\n    3\n  d\n}\n";
    assert_eq!(rest(text), "task t by a {a = 1|, c = 3|}?");
    assert_eq!(errors(text), 2);
}

#[test]
fn an_item_in_an_item_is_named() {
    let text = "task t {\n  x = 1\n  task u by a { y = 1 }\n}\n";
    assert_eq!(found(text), [("E0101", "task".to_owned())]);
    assert!(said(text).contains("a `}` is missing above it"));
}

#[test]
fn the_word_of_no_item_is_left_to_the_compiler() {
    assert_eq!(tree("story x {}\nfoo"), "unknown story  x\nunknown foo");
    assert_eq!(tree("group g { story x {} }"), "group g {} [unknown story  x]");
}

#[test]
fn a_block_stands_on_the_line_of_its_head() {
    for text in ["task t\n{\n}", "group g\n\n{ task a {} }", "exchange 1 USD = 1 EUR\n{}"] {
        assert_eq!(errors(text), 1, "{text}");
        assert!(said(text).contains("stands on the next line"), "{text}");
    }
    assert_eq!(found("task t {}\n{ x = 1 }"), [("E0101", "{".to_owned())]);
    assert_eq!(found("use std.x\n{ x = 1 }"), [("E0101", "{".to_owned())]);
}

#[test]
fn the_order_of_findings_and_items_is_that_of_the_text() {
    // More than one group, so that threads take part.
    let part = "group g {\n  task a { x = \"\\q\" }\n  task b {}\n}\n";
    let text = part.repeat(2_000);
    let (map, file, mut out) = load(&text);
    let spec = parse(&map, file, &mut out);
    assert_eq!((spec.items.len(), out.errors()), (2_000, 2_000));
    for (at, item) in spec.items.iter().enumerate() {
        let Item::Declaration(group) = item else { panic!("{item:?}") };
        assert_eq!((group.items.len(), group.head.range().start), (2, at * part.len()));
    }
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let mut alone = Diagnostics::new();
    let again = one.install(|| parse(&map, file, &mut alone));
    assert_eq!((again, alone.sorted()), (spec, out.sorted()));
}

#[test]
fn the_deepest_nesting_fits_a_small_stack() {
    // The innermost value is a text with a hole that is as deep again.
    let count = crate::MAX_NESTING - 1;
    let hole = format!("\"\"\"${{a{}1{}}}\"\"\"", "[a".repeat(count), "]".repeat(count));
    let hole = hole.replace("[a1", "[1");
    for (open, close) in [("[", "]"), ("f(", ")"), ("{ a = ", "}"), ("a[", "]"), ("u { a = ", "}")]
    {
        let value = format!("{}{hole}{}", open.repeat(count), close.repeat(count));
        let text = format!("gate g is k {{ x = {value} }}");
        let small = std::thread::Builder::new().stack_size(1 << 20);
        let said = small.spawn(move || said(&text)).unwrap().join().unwrap();
        assert_eq!(said, "", "{open}");
    }
    let text = format!("{}{}", "group g {\n".repeat(64), "}\n".repeat(64));
    assert_eq!(errors(&text), 0);
    assert_eq!(errors(&format!("group g {{\n{text}}}\n")), 1);
}

#[test]
fn no_rule_is_shown_by_its_own_name() {
    for rule in Rule::all_rules() {
        assert!(symbol(*rule).is_none_or(|text| !text.contains('_')), "{rule:?}");
    }
}

/// Reads all declarations of a text by the short way, and asserts that the other
/// way gives the same without a finding; returns how many they are.
fn plain_declarations(text: &str) -> usize {
    let (map, file, mut out) = load(text);
    let text = map.file(file).unwrap().text();
    let pieces = split(file, text, &mut Diagnostics::new());
    let mut scratch = Scratch::default();
    let mut reader = Reader { file, text, out: &mut out, scratch: &mut scratch };
    let mut count = 0;
    for piece in &pieces {
        let Some(plain) = reader.plain(piece) else { continue };
        let opening = reader.opening(&piece.range).unwrap();
        assert_eq!(Item::Declaration(plain), reader.declaration(piece, opening), "{text}");
        assert_eq!(reader.out.errors() + reader.out.warnings(), 0, "{text}");
        count += 1;
    }
    count
}

#[test]
fn the_commonest_forms_take_the_short_way() {
    let text = r#"task t for x in sites by a.b is c {  # c
  prompt = """
    Write $${x} in ${y.z} and ${f(1)[0].a}.
    """
  needs = [a, b/c, ], budget { wall <= 15 min, cost<=0.60EUR
    attempts = 2 }
  report = junit("a\tb", [{}], f (g()))
  a == 1, b != 2, c < 3, d > 4, e >= 85%, f += []
}
gate g { a =
  # why
  "${x}"
}
task u for x in ["a"] {}"#;
    let text = text.replace("f(1)[0].a", "f(1)");
    assert_eq!(plain_declarations(&text), 3);
    for other in [
        "x = a == b",
        "x = [] != b {} # c\n",
        "x = a[b]",
        "x = a { }",
        "x = f(a = b, c = # d\n d)",
        "x = f(a[b].c(d)/e, [f {}])",
        "x = 1 EUR per h",
    ] {
        assert_eq!(plain_declarations(&format!("task t {{ {other}, y = 1 }}")), 1, "{other}");
    }
    for other in [
        "x = 1 a b",
        "x = \"\\q\"",
        "x = \"${}\"",
        "x",
        "x => 1",
        "x = [1 2]",
        "x = [,]",
        "x = a == b == c",
        "x = [a == b]",
        "x = f(a == b)",
        "x += a == b",
        "x = a[b",
    ] {
        assert_eq!(plain_declarations(&format!("task t {{ {other} }}")), 0, "{other}");
    }
    for head in ["t is a is b", "t for x in a[1]", "t is a/b", "t x", "t isa", "\"t\"", "t (a: b)"]
    {
        assert_eq!(plain_declarations(&format!("task {head} {{}}")), 0, "{head}");
    }
}

/// What pest says when it has taken all steps that it may.
fn no_more_steps(text: &str) -> Error<Rule> {
    let variant = ErrorVariant::CustomError { message: "call limit reached".to_owned() };
    Error::new_from_pos(variant, Position::from_start(text))
}

#[test]
fn an_item_that_takes_too_many_steps_is_read_by_parts() {
    let text = "task t { a = b[c], d = 1 }";
    let (map, file, mut out) = load(text);
    let text = map.file(file).unwrap().text();
    let pieces = split(file, text, &mut out);
    let mut scratch = Scratch::default();
    let mut reader = Reader { file, text, out: &mut out, scratch: &mut scratch };
    let (entries, complete) = reader.entries_alone(&pieces[0], 6, &no_more_steps(text));
    assert_eq!((entries.len(), complete, reader.out.errors()), (2, true, 0));
    reader.syntax(text, 0, &no_more_steps(text), Form::Entry);
    let found = out.sorted();
    assert_eq!((found[0].code, found[0].span().unwrap().range()), ("E0112", 0..4));
}

#[test]
fn hostile_texts_are_read_or_refused() {
    // Their times were measured by hand, in release and with 1 MiB each.
    for text in hostile(1 << 12) {
        errors(&text);
        let (map, file, mut out) = load(&text);
        let _ = crate::format(&map, file, &mut out);
    }
}

proptest! {
    #[test]
    fn the_short_way_gives_what_the_grammar_gives(
        text in spec(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..6),
    ) {
        let mut text = text;
        plain_declarations(&text);
        // A part of the text takes the place of another one.
        for (at, from) in changes {
            let bounds: Vec<_> = (0..=text.len()).filter(|&at| text.is_char_boundary(at)).collect();
            let (at, from) = (bounds[at.index(bounds.len())], bounds[from.index(bounds.len())]);
            let part: String = text[from..].chars().take(1).collect();
            let end = text[at..].chars().next().map_or(at, |sign| at + sign.len_utf8());
            text.replace_range(at..end, &part);
            plain_declarations(&text);
        }
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in any::<String>()) {
        errors(&text);
    }

    #[test]
    fn any_pieces_of_the_language_are_read_without_a_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "task t", " by a", " is k", " {", "}", "[", "]", "(", ")", "\n", ",", " x", " = ", " <= ", "\"y\"",
                "\"", "\"\"\"", "1", " min", "%", "#", "for x in y", ".", "${", "\\", "edition 1", "ö",
                "group g {", "\n  task u {", "\n  }", "/z", "==", " != ", "use ", "let x =", "param p: ", "s(", "as ",
                "exchange 1 USD", "template t(", "a: b", "constitution \"c\" {", "$${", "\n    \"\"\"", "story", "${a}",
            ]),
            0..60,
        )
    ) {
        errors(&parts.concat());
    }
}
