//! Inputs: parts of the results of other nodes, to be read below `/in`.
//!
//! Unaware of how they get there.

use eufm_grammar::{Diagnostic, Span};
use eufm_plan::InputPart;

use crate::params;
use crate::refs::{Asked, Refs, tasks};
use crate::resolve::{Reading, Resolver};
use crate::task::Input;
use crate::tree::TaskId;
use crate::typed;
use crate::value::Value;
use crate::wording::{Suggester, quoted, with_article};

/// The parts that a result has, by the sort of node.
const PARTS: &[(&str, &[&str])] = &[
    ("task", &["answer", "diff", "file"]),
    ("command", &["stdout", "diff", "file"]),
    ("approval", &["note"]),
    ("deploy", &["stdout"]),
];

/// Reads `inputs`.
pub(crate) fn read<'a>(resolver: &mut Resolver<'_, 'a, '_>, reading: &Reading<'a>) -> Vec<Input> {
    let Some(value) = resolver.said(reading, "inputs") else {
        return Vec::new();
    };
    let values = typed::list("inputs", value, resolver.eval.out).unwrap_or_default();
    let mut inputs: Vec<Input> = Vec::new();
    for value in values {
        for input in one(resolver, &value) {
            if !inputs.iter().any(|known| known.task == input.task && known.part == input.part) {
                inputs.push(input);
            }
        }
    }
    inputs
}

fn one<'a>(resolver: &mut Resolver<'_, 'a, '_>, value: &Value<'a>) -> Vec<Input> {
    let refs = Refs { tree: resolver.shared.tree };
    let Some(asked) = refs.resolve("inputs", value, &mut resolver.eval) else {
        return Vec::new();
    };
    let Asked { found, part } = asked;
    let Some((part, arguments)) = part else {
        let finding = Diagnostic::error("E0301", "`inputs` takes parts of results, not nodes")
            .at(value.span, "which part?")
            .help("write `.answer`, `.diff`, `.stdout`, `.note` or `.file(\"path\")` behind it");
        resolver.eval.out.push(finding);
        return Vec::new();
    };
    let ranges = match found {
        crate::refs::Found::One(target) => vec![resolver.shared.tree.tasks_of(target)],
        crate::refs::Found::All(targets) => {
            targets.into_iter().map(|target| resolver.shared.tree.tasks_of(target)).collect()
        }
    };
    let count = ranges.iter().map(|range| u64::from(range.end - range.start)).sum();
    if !resolver.shared.world.meter.connect(count) {
        return Vec::new();
    }
    let mut inputs = Vec::new();
    for task in tasks(&ranges) {
        let Some(part) = part_of(resolver, task, &part, arguments.as_deref(), value.span) else {
            return Vec::new();
        };
        inputs.push(Input { task, part, span: value.span });
    }
    inputs
}

fn part_of<'a>(
    resolver: &mut Resolver<'_, 'a, '_>,
    task: TaskId,
    part: &str,
    arguments: Option<&[Value<'a>]>,
    span: Span,
) -> Option<InputPart> {
    let item = resolver.shared.tree.instance(task).item;
    let keyword = item.keyword.text;
    let parts =
        PARTS.iter().find(|(noun, _)| *noun == keyword).map_or(&[][..], |(_, parts)| *parts);
    if !parts.contains(&part) {
        let message = format!("{} has no {}", with_article(keyword), quoted(part));
        let finding = Diagnostic::error("E0204", message)
            .at(span, "unknown part")
            .at(item.head, format!("{} {}", keyword, quoted(item.name.text)));
        let help = "write a task or a command before the `.`";
        let finding = Suggester::new().hint_or(finding, part, parts.iter().copied(), help);
        resolver.eval.out.push(finding);
        return None;
    }
    let plain = match part {
        "answer" => InputPart::Answer,
        "diff" => InputPart::Diff,
        "stdout" => InputPart::Stdout,
        "note" => InputPart::Note,
        _ => {
            let Some([path]) = arguments else {
                let finding = Diagnostic::error("E0301", "`file` takes one path")
                    .at(span, "which file?")
                    .help("write it as in `schema.file(\"docs/schema.md\")`");
                resolver.eval.out.push(finding);
                return None;
            };
            return params::path("file", path.clone(), &mut resolver.eval).map(InputPart::File);
        }
    };
    if arguments.is_some() {
        let finding = Diagnostic::error("E0301", format!("{} takes nothing", quoted(part)))
            .at(span, "with arguments")
            .help("leave the `(…)` out");
        resolver.eval.out.push(finding);
    }
    Some(plain)
}
