//! Tests of whole compiles: the corpus, properties, and what the plan says.

use std::path::Path;

use eufm_grammar::{Diagnostics, SourceMap};
use eufm_plan::schema::{Catalog, KindSchema, Need, Param, ParamType, Threshold, ThresholdUnit};
use eufm_plan::{ParamValue, Plan, Work, Writes};
use proptest::prelude::{Strategy, any, prop, proptest};

use crate::{Compiled, Rejected, Request, Setting, Sources, compile};

const fn param(name: &'static str, ty: ParamType) -> Param {
    Param { name, ty, need: Need::Required, doc: "" }
}

const fn optional(name: &'static str, ty: ParamType) -> Param {
    Param { name, ty, need: Need::Optional, doc: "" }
}

const THRESHOLDS: &[Threshold] = &[
    Threshold { name: "pass_rate", unit: ThresholdUnit::Percent },
    Threshold { name: "tests", unit: ThresholdUnit::Count },
];

static TESTS: KindSchema = KindSchema {
    name: "tests",
    doc: "",
    params: &[
        param("run", ParamType::Command),
        param("report", ParamType::Located(&["junit"])),
        param("require", ParamType::Thresholds(THRESHOLDS)),
        optional("cwd", ParamType::Path),
        optional("vars", ParamType::Variables),
        Param {
            name: "baseline",
            ty: ParamType::Word(&["none", "no_new_failures"]),
            need: Need::Default("none"),
            doc: "",
        },
    ],
};

static COMMAND: KindSchema = KindSchema {
    name: "command",
    doc: "",
    params: &[
        param("run", ParamType::Command),
        optional("cwd", ParamType::Path),
        optional("vars", ParamType::Variables),
    ],
};

static CODEX: KindSchema = KindSchema {
    name: "codex",
    doc: "",
    params: &[
        param("cli", ParamType::Text),
        param("model", ParamType::Text),
        Param {
            name: "network",
            ty: ParamType::Word(&["none"]),
            need: Need::Default("none"),
            doc: "",
        },
        optional("url", ParamType::Address),
        optional("output_max", ParamType::Word(&["set", "model"])),
    ],
};

const SCOPE: Param = optional("scope", ParamType::Globs);
const WHEN_CHANGED: Param = optional("when_changed", ParamType::Globs);

const fn limit(name: &'static str, need: Need) -> Param {
    Param { name, ty: ParamType::Count { least: 1, most: 1_000_000 }, need, doc: "" }
}

const fn rule(name: &'static str, params: &'static [Param]) -> KindSchema {
    KindSchema { name, doc: "", params }
}

static RULES: [KindSchema; 9] = [
    rule("change_together", &[param("paths", ParamType::Globs), SCOPE, WHEN_CHANGED]),
    rule(
        "command",
        &[
            param("run", ParamType::Command),
            optional("vars", ParamType::Variables),
            SCOPE,
            WHEN_CHANGED,
        ],
    ),
    rule("forbid_pattern", &[param("pattern", ParamType::Pattern), SCOPE, WHEN_CHANGED]),
    rule("human", &[param("role", ParamType::Text), SCOPE, WHEN_CHANGED]),
    rule(
        "max_diff",
        &[limit("lines", Need::Required), limit("files", Need::Optional), SCOPE, WHEN_CHANGED],
    ),
    rule("max_lines", &[limit("lines", Need::Required), SCOPE, WHEN_CHANGED]),
    rule("must_exist", &[param("paths", ParamType::Globs), SCOPE, WHEN_CHANGED]),
    rule("protect", &[param("paths", ParamType::Globs), SCOPE, WHEN_CHANGED]),
    rule("secrets", &[SCOPE, WHEN_CHANGED]),
];

const CATALOG: Catalog<'static> = Catalog {
    gates: &[&COMMAND, &TESTS],
    agents: &[&CODEX],
    rules: &[
        &RULES[0], &RULES[1], &RULES[2], &RULES[3], &RULES[4], &RULES[5], &RULES[6], &RULES[7],
        &RULES[8],
    ],
};

/// Files in memory; whatever else is named comes from tests/cases/project.
struct Memory<'t>(&'t [(&'t str, &'t [u8])]);

/// Returns where a file of the project lies that cases and examples name.
fn project(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases/project").join(path)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the corpus is on the disk; the compiler sees its text only"
)]
impl Sources for Memory<'_> {
    fn load(&self, path: &str) -> Result<Vec<u8>, String> {
        if let Some((_, bytes)) = self.0.iter().find(|(name, _)| *name == path) {
            return Ok(bytes.to_vec());
        }
        std::fs::read(project(path)).map_err(|_| "no such file".to_owned())
    }

    fn folders(&self, path: &str) -> Result<Vec<String>, String> {
        let entries = std::fs::read_dir(project(path)).map_err(|_| "no such folder".to_owned())?;
        let folders = entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir());
        Ok(folders.filter_map(|entry| entry.file_name().into_string().ok()).collect())
    }

    fn standard(&self, name: &str) -> Option<&str> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../stdlib/{name}.eufm"));
        // A test ends soon, so a text may be kept for ever.
        std::fs::read_to_string(path).ok().map(|text| &*text.leak())
    }

    fn standard_names(&self) -> Vec<&str> {
        vec!["codex", "flows", "make", "node", "python", "rules", "rust"]
    }
}

pub(crate) fn build(text: impl AsRef<[u8]>) -> Result<Compiled, Box<Rejected>> {
    build_with(text, &[])
}

pub(crate) fn build_with(
    text: impl AsRef<[u8]>,
    settings: &[(&str, &str)],
) -> Result<Compiled, Box<Rejected>> {
    let settings = settings
        .iter()
        .map(|(name, value)| Setting { name: (*name).to_owned(), value: (*value).to_owned() })
        .collect();
    let files = [("x.eufm", text.as_ref())];
    compile(&Memory(&files), &Request { spec: "x.eufm".to_owned(), settings }, &CATALOG)
}

/// Compiles a spec with files of its own; the first is the spec.
pub(crate) fn build_files(files: &[(&str, &str)]) -> Result<Compiled, Box<Rejected>> {
    let bytes: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    compile(&Memory(&bytes), &Request::of(files[0].0), &CATALOG)
}

pub(crate) fn plan(text: impl AsRef<[u8]>) -> Plan {
    good(text).plan.unwrap()
}

/// Renders what is wrong, for a test to look at.
pub(crate) fn render_errors(built: Result<Compiled, Box<Rejected>>) -> String {
    match built {
        Ok(_) => "nothing is wrong".to_owned(),
        Err(bad) => render(&bad.diagnostics, &bad.sources),
    }
}

/// Returns the places of what is wrong with a spec.
pub(crate) fn wrong(text: impl AsRef<[u8]>) -> Vec<String> {
    match build(text) {
        Ok(_) => Vec::new(),
        Err(bad) => places(&bad.diagnostics, &bad.sources),
    }
}

fn good(text: impl AsRef<[u8]>) -> Compiled {
    build(text).unwrap_or_else(|bad| panic!("{}", render(&bad.diagnostics, &bad.sources)))
}

/// Returns `E0201 at 7:11` for each finding, in their order; of another file than
/// the spec `E0201 at lib/x.eufm:7:11`, without a place `E0215 at 0:0`.
fn places(out: &Diagnostics, map: &SourceMap) -> Vec<String> {
    let spec = map.iter().next().map_or("", |file| file.path());
    let place = |found: &&eufm_grammar::Diagnostic| {
        let Some(span) = found.span() else {
            return format!("{} at 0:0", found.code);
        };
        let position = map.position(span);
        let path = map.file_of(span).map_or("", |file| file.path());
        let path = if path == spec { String::new() } else { format!("{path}:") };
        format!("{} at {path}{}:{}", found.code, position.line, position.column)
    };
    out.sorted().iter().map(place).collect()
}

/// Prints findings for a failing test.
fn render(out: &Diagnostics, map: &SourceMap) -> String {
    let mut text = String::new();
    for (found, place) in out.sorted().iter().zip(places(out, map)) {
        text.push_str(&format!("{place}: {}\n", found.message));
        for label in &found.labels {
            let range = label.span.range();
            let part = map.file_of(label.span).map_or("", |file| &file.text()[range]);
            text.push_str(&format!("    {part:?}: {}\n", label.text));
        }
        for help in &found.help {
            text.push_str(&format!("    = {help}\n"));
        }
    }
    text
}

/// Reads a file of the repository.
#[expect(
    clippy::disallowed_methods,
    reason = "the corpus is on the disk; the compiler sees its text only"
)]
fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the cases of a folder with their paths, sorted.
#[expect(
    clippy::disallowed_methods,
    reason = "the corpus is on the disk; the compiler sees its text only"
)]
fn cases(folder: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases").join(folder);
    let entries = std::fs::read_dir(root).unwrap();
    let name = |entry: std::fs::DirEntry| entry.file_name().into_string().unwrap();
    let names = entries.map(|entry| name(entry.unwrap())).filter(|name| name.ends_with(".eufm"));
    let mut paths: Vec<_> = names.map(|name| format!("tests/cases/{folder}/{name}")).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// Returns the settings of a case's second line: `# set: env=production; n=3`.
fn settings(text: &str) -> Vec<(&str, &str)> {
    let line = text.lines().nth(1).and_then(|line| line.strip_prefix("# set: "));
    line.map_or(Vec::new(), |line| line.split("; ").filter_map(|it| it.split_once('=')).collect())
}

/// Returns what the first line of a case says it has: `# errors: …`, `# warnings: …` or nothing.
fn expected(text: &str) -> Vec<String> {
    let line = text.lines().next().unwrap_or_default();
    let list = line.strip_prefix("# errors: ").or_else(|| line.strip_prefix("# warnings: "));
    list.map_or(Vec::new(), |list| list.split(", ").map(str::to_owned).collect())
}

#[test]
fn every_good_case_compiles_with_the_warnings_it_names() {
    let cases = cases("ok");
    assert!(cases.len() >= 6);
    for (path, text) in cases {
        let done = build_with(&text, &settings(&text))
            .unwrap_or_else(|bad| panic!("{path}\n{}", render(&bad.diagnostics, &bad.sources)));
        let found = places(&done.diagnostics, &done.sources);
        let shown = render(&done.diagnostics, &done.sources);
        assert_eq!(found, expected(&text), "{path}\n{shown}");
    }
}

#[test]
fn every_bad_case_has_exactly_the_errors_it_names() {
    let cases = cases("err");
    assert!(cases.len() >= 24);
    let mut report = String::new();
    for (path, text) in cases {
        let Err(bad) = build_with(&text, &settings(&text)) else { panic!("{path} compiles") };
        let found = places(&bad.diagnostics, &bad.sources);
        if found != expected(&text) {
            let shown = render(&bad.diagnostics, &bad.sources);
            report.push_str(&format!("## {path}\n# errors: {}\n{shown}", found.join(", ")));
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn the_plan_says_everything() {
    let plan = plan(read("tests/cases/ok/hello.eufm"));
    let names: Vec<_> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["readme", "greet", "smoke"]);
    assert_eq!((plan.pipeline.as_str(), plan.base.as_str()), ("hello", "main"));
    assert_eq!((plan.budget.wall.unwrap().0, plan.budget.parallel), (1_200_000, 2));
    let gates: Vec<_> = plan.gates.iter().map(|gate| gate.name.as_str()).collect();
    assert_eq!(gates, ["lint", "unit"]);
    let unit = &plan.gates[1].params;
    assert_eq!(unit.text("report"), Some("junit report.xml"));
    assert_eq!(unit.list("require").unwrap(), ["pass_rate >= 85%", "tests >= 1"]);
    assert_eq!(plan.agents[0].params.text("network"), Some("none"));
    let greet = &plan.nodes[1];
    assert_eq!(greet.needs.iter().map(|need| need.get()).collect::<Vec<_>>(), [0]);
    assert_eq!(greet.gates.iter().map(|gate| gate.get()).collect::<Vec<_>>(), [1, 0]);
    assert_eq!((greet.budget.wall.unwrap().0, greet.budget.attempts), (900_000, 2));
    let Work::Agent { prompt, .. } = &greet.work else { panic!("greet is a task") };
    assert_eq!(prompt, "Write hello/greet.py with greet(name), and tests/test_greet.py.\n");
    assert_eq!(
        (plan.origin.spec.as_str(), plan.origin.sources[0].path.as_str()),
        ("x.eufm", "x.eufm")
    );
}

#[test]
fn what_is_not_said_has_its_default() {
    let plan = plan("edition 1\npipeline p {}\ncommand c { run = [\"true\"] }\n");
    assert_eq!((plan.base.as_str(), plan.goal.as_deref()), ("HEAD", None));
    assert_eq!((plan.budget.wall, plan.budget.parallel), (None, 2));
    let node = &plan.nodes[0];
    assert_eq!(
        (node.budget.wall, node.budget.attempts, &node.writes),
        (None, 1, &Writes::Globs(Vec::new()))
    );
}

#[test]
fn order_thresholds_and_lists_are_canonical() {
    let text = "edition 1\npipeline p {}\n\
        gate g is tests { require { tests >= 007, pass_rate >= 85.50% }, report = junit(\"r\"), run = [\"t\"] }\n\
        command c { run = [\"true\"], gates = [g], writes = [\"b\", \"a\", \"b\"] }\n";
    let plan = plan(text);
    let keys: Vec<_> = plan.gates[0].params.0.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["run", "report", "require", "baseline"]);
    let require = ParamValue::List(vec!["pass_rate >= 85.5%".to_owned(), "tests >= 7".to_owned()]);
    assert_eq!(plan.gates[0].params.0[2].1, require);
    assert_eq!(plan.nodes[0].writes, Writes::Globs(vec!["b".to_owned(), "a".to_owned()]));
}

#[test]
fn dependents_stand_behind_their_needs_else_as_in_the_spec() {
    let plan = plan(read("tests/cases/ok/diamond_out_of_order.eufm"));
    let names: Vec<_> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["alone", "first", "left", "right", "last"]);
    assert_eq!(plan.nodes[4].needs.iter().map(|need| need.get()).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn line_ends_and_a_mark_do_not_change_the_plan() {
    for (path, text) in cases("ok") {
        let settings = settings(&text);
        let plan = |text: String| build_with(text, &settings).unwrap().plan.unwrap();
        let plain = plan(text.clone());
        let crlf = plan(text.replace('\n', "\r\n"));
        let marked = plan(format!("\u{feff}{text}"));
        assert_eq!((&plain, &plain), (&crlf, &marked), "{path}");
    }
}

#[test]
fn the_canonical_form_does_not_change_the_plan() {
    let page = read("docs/language.md");
    let examples = page.split("```eufm\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let examples = examples.map(|text| ("docs/language.md".to_owned(), text.to_owned()));
    for (path, text) in cases("ok").into_iter().chain(examples) {
        let (map, mut out) = (SourceMap::new(), Diagnostics::new());
        let file = map.add(&path, text.clone().into_bytes(), &mut out).unwrap();
        let form = eufm_grammar::format(&map, file, &mut out).unwrap();
        let settings = settings(&text);
        let plan = |text: &str| build_with(text, &settings).unwrap().plan.unwrap();
        let (mut before, mut after) = (plan(&text), plan(&form));
        // The digest of the source is all that may differ.
        before.origin.sources.clear();
        after.origin.sources.clear();
        assert_eq!(before, after, "{path}");
    }
}

#[test]
fn a_spec_that_is_not_there_is_named() {
    let Err(bad) = compile(&Memory(&[]), &Request::of("specs/x.yaml"), &CATALOG) else {
        panic!("compiles")
    };
    let list = bad.diagnostics.sorted();
    assert_eq!((list[0].code, list.len()), ("E0003", 1));
    assert!(list[0].message.contains("specs/x.yaml") && list[0].message.contains("no such file"));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let Err(bad) = build(b"edition 1\n\xff\xfe") else { panic!("compiles") };
    assert_eq!(places(&bad.diagnostics, &bad.sources), ["E0002 at 2:1"]);
}

#[test]
fn every_example_of_the_language_page_compiles() {
    let page = read("docs/language.md");
    let examples: Vec<_> =
        page.split("```eufm\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 6);
    for example in examples {
        good(example);
    }
}

#[test]
fn a_long_chain_needs_no_deep_stack() {
    let mut text = String::from("edition 1\npipeline p {}\n");
    let last = 20_000;
    for number in 0..last {
        text.push_str(&format!(
            "command c{number} {{ needs = [c{}], run = [\"true\"] }}\n",
            number + 1
        ));
    }
    let open = format!("{text}command c{last} {{ run = [\"true\"] }}\n");
    assert_eq!(plan(open).nodes[0].name, format!("c{last}"));
    let closed = format!("{text}command c{last} {{ needs = [c0], run = [\"true\"] }}\n");
    let Err(bad) = build(closed) else { panic!("compiles") };
    assert_eq!(places(&bad.diagnostics, &bad.sources), ["E0501 at 3:23"]);
}

#[test]
fn brackets_without_end_are_refused_in_time() {
    for text in ["{", "[", "(", "\"", "\"\"\"=", "a { ", "}", "a{}", "a = [", "\u{202e}", "${"] {
        let text = format!("edition 1\npipeline p {{}}\n{}", text.repeat(100_000));
        assert!(build(text).is_err());
    }
    let pyramid =
        format!("edition 1\ncommand c {{ run = {}{} }}", "(".repeat(200_000), "}".repeat(200_000));
    assert!(build(pyramid).is_err());
}

/// Every finding has a place in the text, a message, and a way out.
fn is_presentable(text: &[u8]) {
    let (out, map) = match build(text) {
        Ok(done) => (done.diagnostics, done.sources),
        Err(bad) => (bad.diagnostics, bad.sources),
    };
    for found in out.sorted() {
        assert!(
            !found.message.is_empty() && !found.message.contains("expected"),
            "{}",
            found.message
        );
        assert!(!found.labels.is_empty(), "{}", found.message);
        for label in &found.labels {
            let file = map.file_of(label.span).unwrap();
            assert!(file.text().get(label.span.range()).is_some(), "{}", found.message);
        }
    }
}

/// A good spec in which a stretch is replaced by something else.
fn mutated() -> impl Strategy<Value = String> {
    let texts: Vec<String> =
        cases("ok").into_iter().chain(cases("err")).map(|(_, text)| text).collect();
    const INSERTS: &[&str] = &[
        "",
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\"\"\"",
        "\n",
        ",",
        "=",
        "#",
        "$${",
        "${",
        "\\",
        "task",
        " by ",
        "\r",
        "\u{202e}",
        "ö",
        "9",
        "(",
        ")",
        "<=",
        "\0",
        "edition 1\n",
        "\n}\n",
        "for x in y ",
    ];
    let change = (any::<prop::sample::Index>(), 0..12_usize, prop::sample::select(INSERTS));
    (prop::sample::select(texts), prop::collection::vec(change, 1..4)).prop_map(
        |(mut text, changes)| {
            for (index, length, insert) in changes {
                let start = text.floor_char_boundary(index.index(text.len() + 1));
                let end = text.floor_char_boundary((start + length).min(text.len()));
                text.replace_range(start..end, insert);
            }
            text
        },
    )
}

proptest! {
    #[test]
    fn any_bytes_end_in_findings_or_a_plan(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        is_presentable(&bytes);
    }

    #[test]
    fn any_signs_of_the_language_end_in_findings_or_a_plan(text in "[a-z ={}\\[\\]\",\n#<>()$\\\\0-9%.]{0,200}") {
        is_presentable(format!("edition 1\npipeline p {{}}\n{text}").as_bytes());
    }

    #[test]
    fn a_mutated_spec_ends_in_findings_or_a_plan(text in mutated()) {
        is_presentable(text.as_bytes());
    }
}

/// A spec of many tasks, each of which needs two before it; every hundredth has
/// something to warn of, and every `wrong`th an error of its own.
fn many(tasks: usize, wrong: usize) -> String {
    let head = "edition 1\npipeline p {}\nagent a is codex { cli = \"1\", model = \"m\", network = none }\n\
                gate g is command { run = [\"make\"] }\n";
    let task = |number: usize| {
        let needs = match number {
            0 | 1 => String::new(),
            _ => format!("n{}, n{}", number - 1, number / 2),
        };
        let gates = if number % 100 == 7 { "g, g" } else { "g" };
        let more = match (number + 1).checked_rem(wrong) {
            Some(0) => ["gates = [h]", "promt = 1", "c = = 2"][number % 3],
            _ => "",
        };
        format!(
            "task n{number} by a {{\n  prompt = \"\"\"\n    Do {number} \"now\".\n    \"\"\"\n  \
             needs = [{needs}] # why\n  writes = [\"{number}/**\"]\n  gates = [{gates}]\n  {more}\n}}\n"
        )
    };
    std::iter::once(head.to_owned()).chain((0..tasks).map(task)).collect()
}

/// Compiles on so many threads; returns the plan.lock and the rendered findings.
fn on_threads(threads: usize, text: &str) -> (String, String) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| match build(text) {
        Ok(good) => (
            eufm_plan::lockfile::write(&good.plan.unwrap()),
            render(&good.diagnostics, &good.sources),
        ),
        Err(bad) => (String::new(), render(&bad.diagnostics, &bad.sources)),
    })
}

#[test]
fn the_number_of_threads_changes_nothing() {
    // More than fits into one group of any phase; the last one has more
    // findings than are kept.
    for (text, errors) in
        [(many(2_300, 0), false), (many(2_300, 450), true), (many(3_600, 3), true)]
    {
        let (lock, found) = on_threads(1, &text);
        assert_eq!((lock.is_empty(), found.contains("E0")), (errors, errors));
        assert!(found.contains("W0604"));
        for threads in [2, 8] {
            assert!(on_threads(threads, &text) == (lock.clone(), found.clone()), "{threads}");
        }
    }
}

#[test]
fn many_tasks_give_what_one_by_one_gives() {
    // Below one group nothing is shared out, and the first tasks need no later ones.
    let (few, _) = on_threads(2, &many(100, 0));
    let (all, _) = on_threads(2, &many(2_300, 0));
    let nodes = |lock: &str| {
        let start = lock.find("[node.n0]").unwrap();
        lock[start..lock.find("\n[proof]").unwrap()].to_owned()
    };
    assert!(nodes(&all).starts_with(&nodes(&few)));
}
