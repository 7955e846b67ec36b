//! Shows what a clean-up removed and what it kept: text and one JSON document.
//!
//! The form is published as docs/schemas/gc.schema.json. Unaware of what
//! decides what goes.

use eufm_runner::gc::Swept;
use eufm_runner::{Size, printable};
use serde::Serialize;

/// The version of the document's form.
const SCHEMA: u32 = 1;

/// Prints the answer for people.
pub(crate) fn text(swept: &Swept) {
    super::print(&page(swept));
}

/// Prints the answer for programs.
pub(crate) fn json(swept: &Swept) {
    super::print(&document(swept));
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    command: &'static str,
    #[serde(flatten)]
    swept: &'a Swept,
}

fn document(swept: &Swept) -> String {
    // Strings, numbers and lists of them always have a JSON form.
    let document = Document { schema: SCHEMA, command: "gc", swept };
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn page(swept: &Swept) -> String {
    let verb = if swept.dry_run { "would remove" } else { "removed" };
    let mut lines: Vec<String> = swept
        .removed
        .iter()
        .map(|run| format!("{verb} run {} ({}, {})", run.run, run.ended, Size(run.bytes)))
        .collect();
    lines.extend(
        swept
            .kept
            .iter()
            .map(|run| format!("keeps run {} ({}): {}", run.run, Size(run.bytes), run.why)),
    );
    let results = super::count(swept.results_removed, "result");
    lines.push(format!("{verb} {results}, keeps {}", swept.results_kept));
    if swept.environments_removed + swept.environments_kept > 0 {
        let environments = super::count(swept.environments_removed, "prepared environment");
        lines.push(format!("{verb} {environments}, keeps {}", swept.environments_kept));
    }
    lines.extend(
        swept
            .not_packed
            .iter()
            .map(|reason| format!("the objects of the vault were left as they are: {reason}")),
    );
    lines.push(match swept.bytes_after {
        Some(after) => {
            let freed = Size(swept.bytes_before.saturating_sub(after));
            format!(
                "the state had {}, has {}: {freed} freed",
                Size(swept.bytes_before),
                Size(after)
            )
        }
        None => format!("the state has {}; nothing was done", Size(swept.bytes_before)),
    });
    lines.iter().map(|line| format!("{}\n", printable::line(line, 600))).collect()
}

#[cfg(test)]
mod tests {
    use eufm_runner::gc::{RunKept, RunSwept};
    use serde_json::{Value, json};

    use super::*;
    use crate::render::schema_test::fits;

    fn swept() -> Swept {
        Swept {
            dry_run: false,
            removed: vec![RunSwept { run: "p-1".to_owned(), ended: "done", bytes: 1_536 }],
            kept: vec![RunKept {
                run: "p-2".to_owned(),
                why: "it is not finished".to_owned(),
                bytes: 12,
            }],
            results_removed: 1,
            results_kept: 3,
            environments_removed: 2,
            environments_kept: 1,
            bytes_before: 5 << 30,
            bytes_after: Some(3 << 20),
            not_packed: Some("git repack failed".to_owned()),
        }
    }

    #[test]
    fn what_went_and_what_stays_is_said_by_run() {
        let done = swept();
        assert_eq!(
            page(&done),
            "removed run p-1 (done, 1.5 KiB)\n\
             keeps run p-2 (12 B): it is not finished\n\
             removed 1 result, keeps 3\n\
             removed 2 prepared environments, keeps 1\n\
             the objects of the vault were left as they are: git repack failed\n\
             the state had 5 GiB, has 3 MiB: 4.9 GiB freed\n"
        );
        let none = Swept { environments_removed: 0, environments_kept: 0, ..swept() };
        assert!(!page(&none).contains("environment"));
        let dry = Swept { dry_run: true, bytes_after: None, not_packed: None, ..done };
        assert!(page(&dry).starts_with("would remove run p-1 (done, 1.5 KiB)\n"));
        assert!(page(&dry).ends_with("the state has 5 GiB; nothing was done\n"));
    }

    #[test]
    fn the_document_fits_the_published_schema_and_others_do_not() {
        let schema = include_str!("../../docs/schemas/gc.schema.json");
        let schema: Value = serde_json::from_str(schema).unwrap();
        let good: Value = serde_json::from_str(&document(&swept())).unwrap();
        assert_eq!(fits(&good, &schema, &schema), Ok(()));
        for (pointer, wrong) in [
            ("/schema", json!(2)),
            ("/command", json!("why")),
            ("/removed/0/ended", json!("gone")),
            ("/removed/0/bytes", json!(-1)),
            ("/kept/0", json!({})),
            ("/dry_run", json!("no")),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = wrong;
            assert!(fits(&bad, &schema, &schema).is_err(), "{pointer}");
        }
    }
}
