//! Shows the kinds of gates, agents and rules from the schemas they publish: a
//! page for the terminal, and docs/kinds.md. Unaware of which kinds exist.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType, Threshold, ThresholdUnit};

use super::wrap::wrapped;

/// What all rules have.
const RULES: &str = "A rule stands in a constitution, and has beside the parameters of its kind \
    `cite`, the words of the document that it checks, and `level`: `must`, `should` or `may`. It \
    is judged on the tree that is to be deployed; what each kind counts stands in docs/rules.md.";

/// Prints one kind to standard output; `noun` is `gate`, `agent` or `rule`.
pub(crate) fn kind(noun: &str, schema: &KindSchema) {
    super::print(&page(noun, schema));
}

/// Prints all kinds of a noun to standard output, one a line.
pub(crate) fn kinds(noun: &str, schemas: &[&KindSchema]) {
    let width = schemas.iter().map(|schema| schema.name.len()).max().unwrap_or(0);
    let line = |schema: &&KindSchema| format!("{noun} {:<width$}  {}\n", schema.name, schema.doc);
    super::print(&schemas.iter().map(line).collect::<String>());
}

fn page(noun: &str, schema: &KindSchema) -> String {
    let mut text = format!("{noun} {}\n\n{}", schema.name, wrapped(schema.doc, ""));
    if noun == "rule" {
        text.push('\n');
        text.push_str(&wrapped(RULES, ""));
    }
    for param in schema.params {
        let ty = type_name(param.ty);
        let need = match need(param) {
            Need::Required => ", required".to_owned(),
            Need::Optional => String::new(),
            Need::Default(value) => format!("; `{value}` if not given"),
        };
        text.push('\n');
        text.push_str(&wrapped(&format!("{}: {ty}{need}", param.name), "  "));
        text.push_str(&wrapped(param.doc, "      "));
    }
    text.push('\n');
    text.extend(example(noun, schema).lines().map(|line| format!("    {line}\n")));
    text
}

/// Returns what holds if a parameter is not given; where there is one word only,
/// that needs no saying.
fn need(param: &Param) -> Need {
    match (param.need, param.ty) {
        (Need::Default(value), ParamType::Word(&[word])) if value == word => Need::Optional,
        (need, _) => need,
    }
}

/// Says what may be written for a parameter.
fn type_name(ty: ParamType) -> String {
    match ty {
        ParamType::Text => "text".to_owned(),
        ParamType::Texts | ParamType::Command => "list of text, at least one".to_owned(),
        ParamType::Word(words) => choice(words.iter().map(|word| (*word).to_owned())),
        ParamType::Located(names) => choice(names.iter().map(|name| format!("{name}(\"path\")"))),
        ParamType::Thresholds(known) => {
            let one = |it: &Threshold| format!("`{} >=` {}", it.name, unit_name(it.unit));
            let known: Vec<String> = known.iter().map(one).collect();
            format!("block of {}; at least one", known.join(", "))
        }
        ParamType::Count { least, most } => format!("whole number from {least} to {most}"),
        ParamType::Duration => "duration above zero".to_owned(),
        ParamType::Bytes => "size, as in `8 MiB`".to_owned(),
        ParamType::Path => "path, relative to the root".to_owned(),
        ParamType::Globs => "list of globs, relative to the root, at least one".to_owned(),
        ParamType::Hosts => "list of host names, each with an optional port".to_owned(),
        ParamType::Address => "address, as in `https://api.example/v1`".to_owned(),
        ParamType::Variables => "block of `NAME = \"value\"`".to_owned(),
        ParamType::Pattern => "regular expression, as the Rust crate regex reads it".to_owned(),
    }
}

fn unit_name(unit: ThresholdUnit) -> &'static str {
    match unit {
        ThresholdUnit::Percent => "a percentage",
        ThresholdUnit::Count => "a number",
    }
}

fn choice(words: impl Iterator<Item = String>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
}

/// Writes an item of the kind with all its parameters, and what it stands in.
fn example(noun: &str, schema: &KindSchema) -> String {
    let own: &[(&str, &str)] = match noun {
        "rule" => &[("cite", "\"words of the document\""), ("level", "must")],
        _ => &[],
    };
    let is_block = |param: &Param| matches!(param.ty, ParamType::Thresholds(_));
    let set = schema.params.iter().filter(|param| !is_block(param)).map(|param| param.name);
    let width = set.chain(own.iter().map(|(name, _)| *name)).map(str::len).max().unwrap_or(0);
    let mut text = format!("{noun} name is {} {{\n", schema.name);
    for (name, value) in own {
        text.push_str(&format!("  {name:<width$} = {value}\n"));
    }
    for param in schema.params {
        let (name, value) = (param.name, sample(param.ty));
        text.push_str(&match is_block(param) {
            true => format!("  {name} {value}\n"),
            false => format!("  {name:<width$} = {value}\n"),
        });
    }
    text.push_str("}\n");
    if noun != "rule" {
        return text;
    }
    let inner: String = text.lines().map(|line| format!("  {line}\n")).collect();
    format!("constitution \"docs/constitution.md\" {{\n{inner}}}\n")
}

/// Writes a value that may stand for a parameter.
fn sample(ty: ParamType) -> String {
    match ty {
        ParamType::Text => "\"text\"".to_owned(),
        ParamType::Texts => "[\"text\"]".to_owned(),
        ParamType::Command => "[\"program\", \"argument\"]".to_owned(),
        ParamType::Word(words) => words.first().copied().unwrap_or_default().to_owned(),
        ParamType::Located(names) => {
            format!("{}(\"path\")", names.first().copied().unwrap_or_default())
        }
        ParamType::Thresholds(known) => {
            let one = |it: &Threshold| match it.unit {
                ThresholdUnit::Percent => format!("{} >= 85%", it.name),
                ThresholdUnit::Count => format!("{} >= 1", it.name),
            };
            let known: Vec<String> = known.iter().map(one).collect();
            format!("{{ {} }}", known.join(", "))
        }
        ParamType::Count { least, most } => most.min(500).max(least).to_string(),
        ParamType::Duration => "15 min".to_owned(),
        ParamType::Bytes => "8 MiB".to_owned(),
        ParamType::Path => "\"folder\"".to_owned(),
        ParamType::Globs => "[\"src/**\"]".to_owned(),
        ParamType::Hosts => "[\"registry.example\"]".to_owned(),
        ParamType::Address => "\"https://api.example/v1\"".to_owned(),
        ParamType::Variables => "{ NAME = \"value\" }".to_owned(),
        ParamType::Pattern => "\"TODO|FIXME\"".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use eufm_compiler::{Request, Sources};
    use eufm_plan::schema::Catalog;

    use super::*;
    use crate::catalog::with_catalog;

    const INTRODUCTION: &str = "# Kinds\n\nThe kinds of agents, gates and rules with their \
        parameters. `eufm explain gate tests` prints the same. This page is generated from the \
        schemas that the kinds publish; `EUFM_UPDATE_DOCS=1 cargo test --bin eufm kinds` writes it \
        anew.\n\nWhat is not given and has a value all the same stands in the plan, so that nothing \
        is left to a default.\n";

    /// The whole of docs/kinds.md.
    fn markdown(catalog: &Catalog<'_>) -> String {
        let mut text = INTRODUCTION.to_owned();
        for (title, noun, note, schemas) in [
            ("Agents", "agent", "", catalog.agents),
            ("Gates", "gate", "", catalog.gates),
            ("Rules", "rule", RULES, catalog.rules),
        ] {
            text.push_str(&format!("\n## {title}\n"));
            if !note.is_empty() {
                text.push_str(&format!("\n{note}\n"));
            }
            schemas.iter().for_each(|schema| text.push_str(&section(noun, schema)));
        }
        text
    }

    fn section(noun: &str, schema: &KindSchema) -> String {
        let head = "| key | takes | if not given | |\n|---|---|---|---|\n";
        let row = |param: &Param| {
            let without = match param.need {
                Need::Required => "required".to_owned(),
                Need::Optional => String::new(),
                Need::Default(value) => format!("`{value}`"),
            };
            let ty = type_name(param.ty);
            format!("| `{}` | {ty} | {without} | {} |\n", param.name, param.doc)
        };
        let rows: String = schema.params.iter().map(row).collect();
        let example = example(noun, schema);
        let (name, doc) = (schema.name, schema.doc);
        format!("\n### {noun} {name}\n\n{doc}\n\n{head}{rows}\n```eufm\n{example}```\n")
    }

    #[test]
    fn the_page_of_kinds_is_what_the_kinds_publish() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/kinds.md");
        let page = with_catalog(markdown);
        if std::env::var_os("EUFM_UPDATE_DOCS").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let current = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(current, page, "EUFM_UPDATE_DOCS=1 cargo test --bin eufm kinds writes it anew");
    }

    struct Memory(String);

    impl Sources for Memory {
        fn load(&self, path: &str) -> Result<Vec<u8>, String> {
            let text = match path {
                "x.eufm" => &self.0,
                _ => "The words of the document.\n",
            };
            Ok(text.as_bytes().to_vec())
        }

        fn folders(&self, _: &str) -> Result<Vec<String>, String> {
            Ok(Vec::new())
        }

        fn standard(&self, _: &str) -> Option<&str> {
            None
        }

        fn standard_names(&self) -> Vec<&str> {
            Vec::new()
        }
    }

    #[test]
    fn every_example_compiles() {
        with_catalog(|catalog| {
            let gates = catalog.gates.iter().map(|schema| ("gate", *schema));
            let agents = catalog.agents.iter().map(|schema| ("agent", *schema));
            let rules = catalog.rules.iter().map(|schema| ("rule", *schema));
            for (noun, schema) in gates.chain(agents).chain(rules) {
                let work = "pipeline p {}\ncommand c { run = [\"true\"] }";
                let text = format!("edition 1\n{work}\n{}", example(noun, schema));
                let request = Request::of("x.eufm");
                let result = eufm_compiler::compile(&Memory(text.clone()), &request, catalog);
                assert!(result.is_ok(), "{text}\n{result:?}");
            }
        });
    }

    #[test]
    fn a_kind_is_shown_with_all_it_publishes() {
        const SCHEMA: KindSchema = KindSchema {
            name: "scan",
            doc: "Passes when nothing is found.",
            params: &[
                Param {
                    name: "mode",
                    ty: ParamType::Word(&["fast", "slow"]),
                    need: Need::Default("fast"),
                    doc: "How.",
                },
                Param {
                    name: "at",
                    ty: ParamType::Located(&["sarif"]),
                    need: Need::Required,
                    doc: "Where.",
                },
                Param {
                    name: "vars",
                    ty: ParamType::Variables,
                    need: Need::Optional,
                    doc: "With.",
                },
            ],
        };
        let expected = "gate scan\n\nPasses when nothing is found.\n\n  mode: `fast` or `slow`; \
                        `fast` if not given\n      How.\n\n  at: `sarif(\"path\")`, required\n      \
                        Where.\n\n  vars: block of `NAME = \"value\"`\n      With.\n\n    gate name \
                        is scan {\n      mode = fast\n      at   = sarif(\"path\")\n      vars = { \
                        NAME = \"value\" }\n    }\n";
        assert_eq!(page("gate", &SCHEMA), expected);
    }

    #[test]
    fn a_rule_is_shown_in_its_constitution() {
        const SCHEMA: KindSchema = KindSchema { name: "r", doc: "Holds.", params: &[] };
        let page = page("rule", &SCHEMA);
        assert!(page.contains("judged on the tree that is to be deployed"), "{page}");
        let example = "\n    constitution \"docs/constitution.md\" {\n      rule name is r {\n        \
                       cite  = \"words of the document\"\n        level = must\n      }\n    }\n";
        assert!(page.ends_with(example), "{page}");
    }
}
