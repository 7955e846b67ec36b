//! Shows the kinds of gates and agents from the schemas they publish: a page
//! for the terminal, and docs/kinds.md. Unaware of which kinds exist.

use eufm_plan::schema::{KindSchema, Param, ParamType, Threshold, ThresholdUnit};

use super::wrap::wrapped;

/// Prints one kind to standard output; `noun` is `gate` or `agent`.
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
    for param in schema.params {
        let (ty, need) = (type_name(param.ty), need(param));
        text.push('\n');
        text.push_str(&wrapped(&format!("{}: {ty}{need}", param.name), "  "));
        text.push_str(&wrapped(param.doc, "      "));
    }
    text.push('\n');
    text.extend(example(noun, schema).lines().map(|line| format!("    {line}\n")));
    text
}

fn need(param: &Param) -> &'static str {
    if param.required { ", required" } else { "" }
}

/// Says what may be written for a parameter.
fn type_name(ty: ParamType) -> String {
    match ty {
        ParamType::Text => "text".to_owned(),
        ParamType::Command => "list of text, at least one".to_owned(),
        ParamType::Word(words) => choice(words.iter().map(|word| (*word).to_owned())),
        ParamType::Located(names) => choice(names.iter().map(|name| format!("{name}(\"path\")"))),
        ParamType::Thresholds(known) => {
            let one = |it: &Threshold| format!("`{} >=` {}", it.name, unit_name(it.unit));
            let known: Vec<String> = known.iter().map(one).collect();
            format!("block of {}; at least one", known.join(", "))
        }
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

/// Writes an item of the kind with all its parameters.
fn example(noun: &str, schema: &KindSchema) -> String {
    let is_block = |param: &Param| matches!(param.ty, ParamType::Thresholds(_));
    let set = schema.params.iter().filter(|param| !is_block(param));
    let width = set.map(|param| param.name.len()).max().unwrap_or(0);
    let mut text = format!("{noun} name is {} {{\n", schema.name);
    for param in schema.params {
        let (name, value) = (param.name, sample(param.ty));
        text.push_str(&match is_block(param) {
            true => format!("  {name} {value}\n"),
            false => format!("  {name:<width$} = {value}\n"),
        });
    }
    text.push_str("}\n");
    text
}

/// Writes a value that may stand for a parameter.
fn sample(ty: ParamType) -> String {
    match ty {
        ParamType::Text => "\"text\"".to_owned(),
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
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use eufm_compiler::Sources;
    use eufm_plan::schema::Catalog;

    use super::*;
    use crate::catalog::with_catalog;

    const INTRODUCTION: &str = "# Kinds\n\nThe kinds of gates and agents with their parameters. \
        `eufm explain gate tests` prints the same. This page is generated from the schemas that \
        the kinds publish; `EUFM_UPDATE_DOCS=1 cargo test --bin eufm kinds` writes it anew.\n";

    /// The whole of docs/kinds.md.
    fn markdown(catalog: &Catalog<'_>) -> String {
        let mut text = INTRODUCTION.to_owned();
        for (title, noun, schemas) in
            [("Agents", "agent", catalog.agents), ("Gates", "gate", catalog.gates)]
        {
            text.push_str(&format!("\n## {title}\n"));
            schemas.iter().for_each(|schema| text.push_str(&section(noun, schema)));
        }
        text
    }

    fn section(noun: &str, schema: &KindSchema) -> String {
        let head = "| key | takes | required | |\n|---|---|---|---|\n";
        let row = |param: &Param| {
            let required = if param.required { "yes" } else { "no" };
            format!("| `{}` | {} | {required} | {} |\n", param.name, type_name(param.ty), param.doc)
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
        fn load(&self, _: &str) -> Result<Vec<u8>, String> {
            Ok(self.0.clone().into_bytes())
        }
    }

    #[test]
    fn every_example_compiles() {
        with_catalog(|catalog| {
            let gates = catalog.gates.iter().map(|schema| ("gate", *schema));
            for (noun, schema) in gates.chain(catalog.agents.iter().map(|it| ("agent", *it))) {
                let work = "pipeline p {}\ncommand c { run = [\"true\"] }";
                let text = format!("edition 1\n{work}\n{}", example(noun, schema));
                let result = eufm_compiler::compile(&Memory(text.clone()), "x.eufm", catalog);
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
                    required: false,
                    doc: "How.",
                },
                Param {
                    name: "at",
                    ty: ParamType::Located(&["sarif"]),
                    required: true,
                    doc: "Where.",
                },
            ],
        };
        let expected = "gate scan\n\nPasses when nothing is found.\n\n  mode: `fast` or `slow`\n      \
                        How.\n\n  at: `sarif(\"path\")`, required\n      Where.\n\n    gate name is \
                        scan {\n      mode = fast\n      at   = sarif(\"path\")\n    }\n";
        assert_eq!(page("gate", &SCHEMA), expected);
    }
}
