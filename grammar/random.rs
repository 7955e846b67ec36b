//! Random specs with all forms of the language, for tests: each can be read
//! without a finding, and has blanks, line ends and comments wherever these may
//! stand.

use proptest::prelude::{BoxedStrategy, Strategy, prop};

/// A spec whose comments are numbered: `# 0`, `# 1`, …
pub(crate) fn spec() -> impl Strategy<Value = String> {
    (breaks(), prop::collection::vec((item(), separator()), 0..5))
        .prop_map(|(start, items)| numbered(&(start + &joined(&items))))
}

/// Gives each comment a text of its own.
fn numbered(text: &str) -> String {
    let mut parts = text.split("#@");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.enumerate().fold(first, |text, (number, part)| text + &format!("# {number} ") + part)
}

fn one_of(texts: &[&'static str]) -> BoxedStrategy<String> {
    prop::sample::select(texts.to_vec()).prop_map(str::to_owned).boxed()
}

/// Items, in which `#@` stands for a comment.
fn item() -> impl Strategy<Value = String> {
    let plain = proptest::prop_oneof![
        4 => declaration(),
        1 => binding(),
        1 => call(),
        1 => one_of(&[
            "edition 1",
            "use std.codex",
            "use std.a.b  as  c",
            "use \"lib/prices.eufm\"\tas p",
            "param a: string",
            "param b :list(string)",
        ]),
        1 => entries().prop_map(|block| format!("exchange 1USD =0.92 EUR{block}")),
    ];
    plain.prop_recursive(3, 16, 4, |inner| {
        let part = proptest::prop_oneof![3 => inner, 1 => entry()];
        let parts = (breaks(), prop::collection::vec((part, separator()), 0..4), breaks());
        let head = one_of(&[
            "group g ",
            "group h for x in [a, b]",
            "constitution \"docs/c.md\"  ",
            "template t (a: b,c :list(d)=[] )",
            "template u(\n #@\n a: b #@\n\n c: d = f(\"x\", y = 1), #@\n) for x in y",
        ]);
        (head, parts).prop_map(|(head, (start, list, end))| {
            format!("{head}{{{start}{}{end}}}", joined(&list))
        })
    })
}

fn declaration() -> impl Strategy<Value = String> {
    let head = one_of(&[
        "task t by a",
        "gate g is k",
        "pipeline\tp",
        "gate longer  is k",
        "task t for x in [a, b] by c",
        "task t for x in v[1].w is b",
        "approval r",
        "deploy d by a.b is c.d",
        "generated \"Cargo.lock\"",
        "prices  \"gpt-5.5\"",
        "rule no_secrets is rules.forbid",
        "rule r is rules.max",
        "environment e",
        "command c for x in dirs(\"a/*\")",
    ]);
    (head, entries()).prop_map(|(head, block)| format!("{head} {block}"))
}

fn binding() -> impl Strategy<Value = String> {
    let head = one_of(&["let x", "param p:string", "param p : words(a, b)"]);
    (head, set(), whole()).prop_map(|(head, sign, value)| head + &sign + &value)
}

fn call() -> impl Strategy<Value = String> {
    let clauses =
        one_of(&["", " as x", " for x in [a,b]", " for x in y as z", " as\tx  for x in f(1)"]);
    (one_of(&["story", "flows.implement", "story "]), arguments(value()), clauses)
        .prop_map(|(name, arguments, clauses)| name + &arguments + &clauses)
}

/// A block with its brackets.
fn entries() -> BoxedStrategy<String> {
    block(entry().boxed())
}

fn block(entry: BoxedStrategy<String>) -> BoxedStrategy<String> {
    (breaks(), prop::collection::vec((entry, separator()), 0..5), breaks())
        .prop_map(|(start, list, end)| format!("{{{start}{}{end}}}", joined(&list)))
        .boxed()
}

fn entry() -> impl Strategy<Value = String> {
    proptest::prop_oneof![
        3 => (key(), relation(), value()).prop_map(|(key, sign, value)| key + &sign + &value),
        1 => (key(), set(), whole()).prop_map(|(key, sign, value)| key + &sign + &value),
        1 => (key(), block(leaf_entry().boxed())).prop_map(|(key, block)| format!("{key} {block}")),
    ]
}

fn leaf_entry() -> impl Strategy<Value = String> {
    (key(), relation(), leaf()).prop_map(|(key, sign, value)| key + &sign + &value)
}

/// A value or two that are compared.
fn whole() -> BoxedStrategy<String> {
    let sign = one_of(&[" == ", "!=", "==\n", " != #@\n #@\n"]);
    proptest::prop_oneof![
        value(),
        (value(), sign, value()).prop_map(|(left, sign, right)| left + &sign + &right),
    ]
    .boxed()
}

fn value() -> BoxedStrategy<String> {
    leaf()
        .prop_recursive(4, 24, 4, |inner| {
            let list =
                (breaks(), prop::collection::vec((inner.clone(), separator()), 0..4), breaks());
            let elements =
                list.prop_map(|(start, list, end)| format!("[{start}{}{end}]", joined(&list)));
            let entry = (key(), relation(), inner.clone())
                .prop_map(|(key, sign, value)| key + &sign + &value);
            let entries = block(entry.boxed());
            let index = (breaks(), inner.clone(), breaks())
                .prop_map(|(start, value, end)| format!("[{start}{value}{end}]"));
            let rest = proptest::prop_oneof![
                one_of(&["", ".answer", "/b/c.d", "/b[\"x\"]"]),
                arguments(inner.clone()),
                arguments(inner).prop_map(|list| format!("/b[c].file{list}.d")),
            ];
            proptest::prop_oneof![
                elements,
                one_of(&["call ", "call", "a/b.call"]).prop_flat_map({
                    let list = arguments(leaf());
                    move |name| list.clone().prop_map(move |list| name.clone() + &list)
                }),
                (one_of(&["of", "a.b/of "]), index, rest)
                    .prop_map(|(name, index, rest)| name + &index + &rest),
                entries.clone(),
                (one_of(&["unit", "a.unit "]), entries).prop_map(|(name, block)| name + &block),
            ]
        })
        .boxed()
}

/// Arguments with their brackets.
fn arguments(value: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let name = one_of(&["", "", "name = ", "x=", "much_longer =\n", "y = #@\n"]);
    let argument = (name, value).prop_map(|(name, value)| name + &value);
    (breaks(), prop::collection::vec((argument, separator()), 0..4), breaks())
        .prop_map(|(start, list, end)| format!("({start}{}{end})", joined(&list)))
        .boxed()
}

fn leaf() -> BoxedStrategy<String> {
    one_of(&[
        "name",
        "a.b",
        "a/b-c.d",
        "15min",
        "15\tmin",
        "85 %",
        "99.5%",
        "2",
        "4M",
        "272_000 tokens",
        "1 EUR per 1M tokens",
        "0.60EUR  per hour",
        "\"\"",
        "\"a # b\\\"\"",
        "\"\\u{0E9} $${x}\"",
        "\"a\tb\"",
        "\"a ${b} c\"",
        "\"\t${ a\t}\\u{0E9}${f( x,[1 ] )}$${z}\"",
        "\"${a/b[c].d}${e}\"",
        "\"\"\"one\"\"\"",
        "\"\"\"\"\"\"",
        "\"\"\"\n    a\n\n      b # no\n   \n    \"\"\"",
        "\"\"\"\n\ta\n\t\"\"\"",
        "\"\"\"\n  a \n     \n  \"\"\"",
        "\"\"\"a\n  b\"\"\"",
        "\"\"\" \n  \n  \"\"\"",
        "\"\"\"\n$${a}\n\"\"\"",
        "\"\"\"\n    ${file(\"a }.md\")}\n      ${ b\t}, $${c}\n    \"\"\"",
        "\"\"\"${a}\n ${b[\"c\"]}\"\"\"",
        "[]",
        "[ \n ]",
        "{}",
        "\"a text that is quite long, so that what it stands in is broken, sometimes\"",
    ])
}

fn key() -> BoxedStrategy<String> {
    one_of(&["a", "key", "much_longer_key", "gates"])
}

fn relation() -> BoxedStrategy<String> {
    one_of(&[
        " = ",
        "=",
        "\t<=  ",
        "+=",
        ">=\n",
        "== ",
        "!=",
        "<",
        " > ",
        "= #@\n",
        "=\n#@\n\n #@\n ",
    ])
}

/// The plain sign.
fn set() -> BoxedStrategy<String> {
    one_of(&[" = ", "=", " =\n", "= #@\n", "=\n#@\n\n #@\n "])
}

/// Blanks, line ends and comments where a line may end.
fn breaks() -> BoxedStrategy<String> {
    one_of(&["", "", " ", "\n", " #@\n", "\n\n\n#@\n", "\n  #@\n #@\n\n"])
}

fn separator() -> BoxedStrategy<String> {
    one_of(&[
        ",",
        ", ",
        "\n",
        "\n\n\n",
        " #@\n",
        ",#@\n",
        "\n#@\n",
        "\n,\n",
        "\n\n #@\n\n#@\n",
        " #@\n,#@\n",
    ])
}

/// Joins parts by their separators, the last of which may be missing.
fn joined(parts: &[(String, String)]) -> String {
    let count = parts.len();
    let end = |number, separator: &str| match number + 1 == count && separator.len() % 2 == 1 {
        true if separator.contains('#') => separator.to_owned(),
        true => String::new(),
        false => separator.to_owned(),
    };
    let part = |(number, (part, separator)): (usize, &(String, String))| {
        part.clone() + &end(number, separator)
    };
    parts.iter().enumerate().map(part).collect()
}
