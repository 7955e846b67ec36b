//! Texts that cost as much as texts of their size can: floods of mistakes, of
//! pieces and of elements, and whatever a careless loop would look at again and
//! again.

/// What alone fills a text.
const FLOODS: &[&str] = &[
    "a\n",
    "a,",
    "}\n",
    "{",
    "[",
    "(",
    "\"",
    "\"\"\"",
    "\"\"\"\n",
    "\n",
    " ",
    "#\n",
    "# x\n",
    "a {\n",
    "}",
    "{}\n",
    "task a{}\n",
    "task a{=}\n",
    "task a{b=}\n",
    "task a\n{}\n",
    "task a{b=[}\n",
    "task a \"\n",
    "task\n",
    "a()\n",
    "a(=)\n",
    "a(b=c[d])\n",
    "use a\n",
    "use \"\n",
    "let a=\n",
    "let a=1\n",
    "let a=b[c]==d\n",
    "edition\n",
    "param a:b\n",
    "exchange 1 a=1 b{}\n",
    "group g{\n",
    "group g{}\n",
    "group g{a=1}\n",
    "group g{task a{}}\n",
    "group g{}}",
    "template t(a){}\n",
    "template t(a:b,c){}\n",
    "template t(a:b=c[d]){}\n",
    "ö",
    "\u{200b}",
    "\0",
    "$",
    "${",
    "'",
    "==",
    "=\n",
    "=",
    "<",
    "a=\n",
    "a=1\n",
    "task ",
    "task a ",
    "\u{200b}\n",
    "\r",
    "\"\u{200b}\"\n",
    "task a{b=\"${\"}\n",
    "task a{b=\"${f(\"c\")}\"}\n",
    "task a{b=\"\\q\"}\n",
    "rule r{a=\"\"\"\n",
];

/// What fills a list.
const ELEMENTS: &[&str] = &[
    "a,",
    "a\n",
    "1,",
    "1 b,",
    "\"\",",
    "\"${a}\",",
    "\"${a[b]}\",",
    "a[b],",
    "a{},",
    "a{b=c},",
    "f(),",
    "f(a=b),",
    "a[b].c(d)/e[f],",
    "{},",
    "[],",
    "[",
    "f(",
    "{a=",
    "a[",
    "a{b=",
    ",",
    "\n",
    "#\n",
    "a ",
    "a b,",
    "=",
    "a.",
    "a/",
    "a-",
    "1_",
    "1.",
    "-",
    "\"\"\"\n \"\"\",",
    "\"\"\"${a}\"\"\",",
    "'",
    "a==b,",
    "\"\\\\\"",
    "\"\\q\",",
];

/// What stands around such a list.
const AROUND_ELEMENTS: &[(&str, &str)] = &[
    ("task t { x = [", "] }"),
    ("task t { x = [a[0],", "] }"),
    ("task t { x = f(", ") }"),
    ("task t { x = [", ""),
    ("let x = [", "]\n"),
    ("s(", ")"),
    ("template t(", ") {}"),
    ("task t for x in [", "] {}"),
];

/// What fills a block.
const ENTRIES: &[&str] = &[
    "a=b\n",
    "a=b[c]\n",
    "a=\n",
    "a\n",
    "a==\n",
    "a{}\n",
    "a{b=c[d]}\n",
    "a {\n",
    "a=\"\"\n",
    "a=1 1\n",
    "task u {}\n",
    ",",
    "\n",
    "#\n",
    "a=\"${\"x\"}\"\n",
    "a=[\n",
    "a=b==c\n",
    "a=b==c==d\n",
    "a=1 per per per\n",
    "a = f(\"x\" \"y\")\n",
];

/// What stands around such a block.
const AROUND_ENTRIES: &[(&str, &str)] = &[
    ("task t {\n", "}"),
    ("task t {\nz=a[0]\n", "}"),
    ("group g {\n", "}"),
    ("task t {", ""),
    ("exchange 1 a = 1 b {", "}"),
];

/// What fills a text in quotes.
const TEXTS: &[&str] = &[
    "${", "${}", "${a}", "${a[b]}", "${a b}", "$", "$${", "${f(", "\\n", "\\q", "\\u{e9}", "\\u{",
    "${[", "${\\\"", "{", "}", "é", "\u{200b}", "\t",
];

/// What fills a long text.
const LINES: &[&str] = &["${a}\n", "${f(\"b\")}\n", "  ${\n", " \n", "a\n", "  a\n", "${\"\n"];

/// Makes texts of about a size.
pub(super) fn hostile(size: usize) -> Vec<String> {
    let fill = |part: &str| part.repeat(size / part.len());
    let within = |open: &str, part: &str, close: &str| format!("{open}{}{close}", fill(part));
    let mut list: Vec<_> = FLOODS.iter().map(|part| fill(part)).collect();
    for (parts, around) in [(ELEMENTS, AROUND_ELEMENTS), (ENTRIES, AROUND_ENTRIES)] {
        for part in parts {
            list.extend(around.iter().map(|(open, close)| within(open, part, close)));
        }
    }
    for part in TEXTS {
        list.push(within("task t { x = \"", part, "\" }"));
        list.push(within("task t { x = \"\"\"\n", part, "\n  \"\"\" }"));
    }
    for part in LINES {
        list.push(within("task t { x = \"\"\"\n", part, "  \"\"\" }"));
        list.push(within("task t { x = \"\"\"\n", &format!("  {part}"), "  \"\"\" }"));
    }
    list.extend(odd(size));
    list
}

/// Long words, long blanks, and brackets and quotes without their ends.
fn odd(size: usize) -> Vec<String> {
    let half = |first: &str, second: &str| {
        first.repeat(size / 2 / first.len()) + &second.repeat(size / 2 / second.len())
    };
    let blanks = " ".repeat(size / 3);
    vec![
        half("{\n", " ") + &"}".repeat(1000),
        format!("{}{blanks}{{\n{blanks}{}", "{".repeat(size / 6), "}".repeat(size / 6)),
        format!("{blanks}{}{}", "{".repeat(size / 4), "\n}".repeat(size / 6)),
        format!("{blanks}{}\n{}", "group g{".repeat(60), "task a {\n".repeat(size / 9)),
        format!("group g {{\n{blanks}task a {{\n{}", "task b {\n".repeat(size / 9)),
        half("task a {\n", "}\n"),
        half("task a {\nx = \"\"\"\n", "\"\"\"\n"),
        half("group g {\n", "  task a {\n"),
        half("group g {\n", "x = \"\"\"\n"),
        half("a [ ", "} "),
        format!("task t {{ x = {}", "f([{a=".repeat(size / 6)),
        "group g {\n".repeat(64) + &"task a {}\n".repeat(size / 10),
        "group g {\n".repeat(63) + &"x = a[0]\n".repeat(size / 9) + &"}\n".repeat(63),
        format!("task {} {{}}", "a".repeat(size)),
        format!("task t {{ {} = 1 }}", "a".repeat(size)),
        format!("task t {{ x = {} }}", "1".repeat(size)),
        format!("task t {{ x = \"{}\" }}", "\\\"".repeat(size / 2)),
        format!("task t {{ x = 1 EUR per {} }}", "a ".repeat(size / 2)),
    ]
}
