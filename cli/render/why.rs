//! Shows what a run would do with each node, and why: text and one JSON document.
//!
//! The form is published as docs/schemas/why.schema.json. Unaware of how the
//! answers come about.

use eufm_runner::printable;
use eufm_runner::why::{NodeOutlook, Outlook, Standing};
use serde::Serialize;

/// The version of the document's form.
const SCHEMA: u32 = 1;

/// How much of a reason is shown.
const REASON_MAX: usize = 400;

/// Prints the answers for people.
pub(crate) fn text(outlook: &Outlook, revision: &str) {
    super::print(&page(outlook, revision));
}

/// Prints the answers for programs.
pub(crate) fn json(outlook: &Outlook) {
    super::print(&document(outlook));
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    #[serde(flatten)]
    outlook: &'a Outlook,
}

fn document(outlook: &Outlook) -> String {
    let document = Document { schema: SCHEMA, command: "why", outlook };
    // Strings, numbers and lists of them always have a JSON form.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn page(outlook: &Outlook, revision: &str) -> String {
    let how = match outlook.standing {
        Standing::New => "would be begun",
        Standing::Unfinished => "would go on",
        Standing::Finished => "has ended; --new begins another one",
    };
    let base = outlook.base.get(..12).unwrap_or(&outlook.base);
    let mut lines = vec![format!("run {} {how}, on {revision} at {base}", outlook.run)];
    lines.extend(outlook.remark.iter().map(|remark| format!("it {remark}")));
    lines.extend(outlook.runner.iter().map(|who| format!("{who} works on the state now")));
    lines.push(String::new());
    let width = outlook.nodes.iter().map(|node| node.node.chars().count()).max().unwrap_or(0);
    for node in &outlook.nodes {
        lines.extend(rows(node, width.min(40)));
    }
    lines.iter().map(|line| format!("{}\n", printable::lines(line.trim_end()))).collect()
}

fn rows(node: &NodeOutlook, width: usize) -> Vec<String> {
    let mut reasons = node.reasons.iter().map(|reason| printable::line(reason, REASON_MAX));
    let first = reasons.next().unwrap_or_default();
    let key = node.key.as_ref().map_or_else(String::new, |key| format!(" (key {key})"));
    let mut rows = vec![format!("  {:<width$}  {:<7}  {first}{key}", node.node, node.will.word())];
    let gap = " ".repeat(width + 13);
    rows.extend(reasons.map(|reason| format!("{gap}{reason}")));
    rows
}

#[cfg(test)]
mod tests {
    use eufm_runner::why::Will;
    use serde_json::{Value, json};

    use super::*;
    use crate::render::schema_test::fits;

    fn outlook() -> Outlook {
        let node = |name: &str, will, reasons: &[&str]| NodeOutlook {
            node: name.to_owned(),
            will,
            reasons: reasons.iter().map(|&reason| reason.to_owned()).collect(),
            key: None,
            run: None,
        };
        let mut cached = node("a", Will::BeCached, &["run p-1 has a result of this key"]);
        (cached.key, cached.run) = (Some("0123456789ab".to_owned()), Some("p-1".to_owned()));
        Outlook {
            run: "p-12345678".to_owned(),
            standing: Standing::New,
            base: "a".repeat(40),
            runner: None,
            remark: Some("goes on on its own base".to_owned()),
            nodes: vec![
                cached,
                node("long/name", Will::Run, &["run changed", "tree\u{1b}[31m changed"]),
                node("c", Will::Depend, &["it depends on a, which runs"]),
                node("d", Will::Stand, &["its result stands"]),
                node("e", Will::NotRun, &[]),
            ],
        }
    }

    #[test]
    fn each_node_has_a_row_and_each_further_reason_too() {
        let page = page(&outlook(), "main");
        assert_eq!(
            page,
            "run p-12345678 would be begun, on main at aaaaaaaaaaaa\n\
             it goes on on its own base\n\n  \
             a          cached   run p-1 has a result of this key (key 0123456789ab)\n  \
             long/name  runs     run changed\n                      \
             tree[31m changed\n  \
             c          depends  it depends on a, which runs\n  \
             d          stands   its result stands\n  \
             e          stays\n"
        );
    }

    #[test]
    fn the_document_fits_the_published_schema_and_others_do_not() {
        let schema = include_str!("../../docs/schemas/why.schema.json");
        let schema: Value = serde_json::from_str(schema).unwrap();
        let good: Value = serde_json::from_str(&document(&outlook())).unwrap();
        assert_eq!(fits(&good, &schema, &schema), Ok(()));
        for (pointer, wrong) in [
            ("/schema", json!(2)),
            ("/command", json!("exec")),
            ("/standing", json!("lost")),
            ("/nodes/0/will", json!("be_cached")),
            ("/nodes/0/reasons", json!("one")),
            ("/nodes/0", json!({})),
            ("/base", json!(null)),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = wrong;
            assert!(fits(&bad, &schema, &schema).is_err(), "{pointer}");
        }
    }
}
