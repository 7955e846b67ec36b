//! A plan for programs: what plan.lock says, as JSON, with the nodes as a list.
//!
//! The keys are those of docs/plan-lock.md; the form is published as
//! docs/schemas/show.schema.json. Unaware of what they mean.

use eufm_plan::lockfile::{Locked, after_nodes, node_table, tables_before_nodes};
use eufm_plan::{Derived, NodeIndex};
use serde::Serialize;
use toml::{Table, Value};

/// The version of the document's form.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document {
    schema: u32,
    command: &'static str,
    /// The plan's digest.
    plan: String,
    #[serde(flatten)]
    before: Table,
    nodes: Vec<Value>,
    omitted: Value,
    #[serde(flatten)]
    after: Table,
}

/// Makes the document, with all nodes or one.
pub(super) fn document(locked: &Locked, node: Option<NodeIndex>) -> String {
    let plan = &locked.plan;
    let all = 0..plan.nodes.len();
    let nodes = all.map(NodeIndex::new).filter(|at| node.is_none_or(|node| node == *at));
    let nodes = nodes.map(|at| {
        let mut table = Table::new();
        table.insert("name".to_owned(), Value::String(plan.nodes[at.get()].name.clone()));
        table.extend(only(only(parsed(&node_table(plan, at)), "node"), &plan.nodes[at.get()].name));
        Value::Table(table)
    });
    let nodes = nodes.collect();
    let derived = Derived::of(plan);
    let mut after = parsed(&after_nodes(plan, &derived));
    after.remove("omitted");
    let omitted = plan.omitted.iter().cloned().map(Value::String).collect();
    let document = Document {
        schema: SCHEMA,
        command: "show",
        plan: locked.digest.to_string(),
        before: parsed(&tables_before_nodes(plan, &derived)),
        nodes,
        omitted: Value::Array(omitted),
        after,
    };
    // Strings, numbers and lists of them always have a JSON form.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads a part of plan.lock, which was written by ourselves.
fn parsed(text: &str) -> Table {
    text.parse().unwrap_or_default()
}

/// Takes a table out of another one.
fn only(mut table: Table, key: &str) -> Table {
    match table.remove(key) {
        Some(Value::Table(inner)) => inner,
        _ => Table::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use eufm_plan::lockfile::digest;
    use serde_json::json;

    use super::*;
    use crate::render::schema_test::fits;
    use crate::render::views::example::everything;

    fn shown(node: Option<usize>) -> serde_json::Value {
        let plan = everything();
        let locked = Locked { digest: digest(&plan), plan: Arc::new(plan) };
        serde_json::from_str(&document(&locked, node.map(NodeIndex::new))).unwrap()
    }

    #[test]
    fn all_that_the_plan_says_is_in_the_document() {
        let shown = shown(None);
        assert_eq!(shown["nodes"].as_array().map(Vec::len), Some(13));
        let prompt = shown.pointer("/nodes/0/prompt").and_then(serde_json::Value::as_str);
        assert_eq!(prompt, Some("Do schema.\n\nThen stop.\n"));
        assert_eq!(shown.pointer("/gate/unit/kind"), Some(&json!("tests")));
        assert_eq!(shown["omitted"].as_array().map(Vec::len), Some(2));
        assert_eq!(shown.pointer("/prices/gpt-5.5/long/above"), Some(&json!("272K")));
        let one = self::shown(Some(2));
        assert_eq!(one["nodes"], json!([shown["nodes"][2]]));
    }

    #[test]
    fn the_document_fits_the_published_schema_and_others_do_not() {
        let schema = include_str!("../../../docs/schemas/show.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let good = shown(None);
        assert_eq!(fits(&good, &schema, &schema), Ok(()));
        for (pointer, wrong) in [
            ("/schema", json!(2)),
            ("/command", json!("diff")),
            ("/review/cost", json!(1)),
            ("/nodes/0/kind", json!("agents")),
            ("/nodes/0/name", json!(null)),
            ("/nodes/0/needs", json!("schema")),
            ("/budget/parallel", json!("4")),
            ("/omitted", json!({})),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = wrong;
            assert!(fits(&bad, &schema, &schema).is_err(), "{pointer}");
        }
    }
}
