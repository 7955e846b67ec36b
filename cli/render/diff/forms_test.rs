//! The forms of a diff: rows, text, Markdown and JSON.

use eufm_plan::diff::{Looser, diff};
use eufm_plan::{Plan, Work, lockfile};
use serde_json::{Value, json};

use super::{Compared, Side, document, markdown, rows, text};
use crate::render::schema_test::fits;

fn everything() -> Plan {
    let text = include_str!("../../../compiler/plan/lockfile/everything.toml");
    Plan::clone(&lockfile::read_kept(text).expect("a plan of the repository").plan)
}

fn compared(before: &Plan, after: &Plan) -> Compared {
    let side = |file: &str, plan: &Plan| Side {
        file: file.to_owned(),
        pipeline: plan.pipeline.clone(),
        digest: lockfile::digest(plan),
    };
    Compared {
        diff: diff(before, after),
        before: side("a.lock", before),
        after: side("b.lock", after),
    }
}

fn altered(alter: impl Fn(&mut Plan)) -> Compared {
    let mut after = everything();
    alter(&mut after);
    compared(&everything(), &after)
}

#[test]
fn what_is_the_same_for_many_nodes_is_one_row() {
    let compared = altered(|it| it.nodes.iter_mut().for_each(|node| node.budget.attempts += 1));
    let rows = rows::rows(&compared.diff.escalations);
    let told = rows.iter().map(|row| format!("{}: {}", row.place(), row.line()));
    let told: Vec<String> = told.filter(|row| row.starts_with("node ")).collect();
    let many = "node telemetry/collector[\"felix\"], telemetry/collector[\"oradea of x\"], \
                story[\"search\"]/implement and 9 more: 1 → 2";
    assert_eq!(told, ["node schema: 3 → 4", many]);
}

#[test]
fn what_comes_or_goes_is_named_and_digests_are_not_shown() {
    let compared = altered(|it| {
        it.origin.sources[0].digest = eufm_plan::Digest::of(b"other");
        it.constitution.as_mut().expect("there").rules.remove(2);
        let Work::Verify { rules } = &mut it.nodes[9].work else { panic!("no verify") };
        rules.pop();
        it.origin.params[0].1 = String::new();
    });
    let page = text::page(&compared, false);
    for line in [
        "rule dropped rule small removed",
        "other param param env value production → \"\"",
        "source hello.eufm changed",
    ] {
        let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(page.lines().any(|shown| squeezed(shown) == line), "{line:?}:\n{page}");
    }
    assert!(!page.contains("sha256"), "{page}");
}

#[test]
fn a_plan_can_neither_move_the_cursor_nor_forge_a_line() {
    let compared = altered(|it| {
        it.goal = Some("\u{1b}[2Jall well\nsame: the plans are equal".to_owned());
        let Work::Agent { prompt, .. } = &mut it.nodes[0].work else { panic!("no agent") };
        *prompt = "Do schema.\n\u{1b}[8mhidden\u{202e}\n".to_owned();
    });
    for page in [text::page(&compared, false), markdown::page(&compared)] {
        assert!(!page.contains(['\u{1b}', '\u{202e}']), "{page}");
        assert!(!page.lines().any(|line| line.starts_with("same")), "{page}");
    }
    assert!(text::page(&compared, true).contains("\u{1b}[32m"), "colour is asked for");
}

#[test]
fn markdown_of_a_plan_is_shown_and_not_obeyed() {
    let compared = altered(|it| {
        it.goal = Some("a | b `c` <img src=x> @everyone [x](y)".to_owned());
        let Work::Agent { prompt, .. } = &mut it.nodes[0].work else { panic!("no agent") };
        *prompt = "```\n# Approved\n````\n".to_owned();
    });
    let page = markdown::page(&compared);
    assert!(page.contains("| ``a \\| b `c` <img src=x> @everyone [x](y)`` |"), "{page}");
    // The fence is longer than any in the text.
    assert_eq!(page.matches("\n`````").count(), 2, "{page}");
    assert!(page.contains("+# Approved\n"), "{page}");
}

#[test]
fn long_lists_are_folded_and_longer_ones_counted() {
    let mut after = everything();
    let node = after.nodes[0].clone();
    after.nodes.extend((0..400).map(|at| {
        let mut node = node.clone();
        node.name = format!("n{at}");
        node.writes = eufm_plan::Writes::Globs(vec![format!("new/{at}")]);
        node
    }));
    let compared = compared(&everything(), &after);
    let page = markdown::page(&compared);
    assert!(page.len() < 65_536, "a comment has so many bytes: {}", page.len());
    // Beside 400 nodes that may write elsewhere, the plan is overcommitted.
    for folded in ["390 more", "388 more"] {
        assert!(page.contains(&format!("<details><summary>{folded}</summary>")), "{page}");
    }
    assert!(page.contains("… and 238 more; `eufm diff --json` has all."), "{page}");
    let page = text::page(&compared, false);
    assert!(page.lines().count() < 200, "{page}");
    assert!(page.contains("… and 342 more; --json has all") && page.contains("and 340 more added"));
    let small = altered(|it| it.nodes[0].budget.attempts = 9);
    assert!(markdown::page(&small).lines().count() <= 16, "{}", markdown::page(&small));
}

#[test]
fn the_document_fits_the_published_schema_and_others_do_not() {
    let schema = include_str!("../../../docs/schemas/diff.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let compared = altered(|it| {
        it.nodes.remove(12);
        it.nodes[0].budget.attempts = 9;
        it.goal = None;
        let Work::Agent { prompt, .. } = &mut it.nodes[0].work else { panic!("no agent") };
        prompt.insert_str(0, "First.\n");
        let mut node = it.nodes[0].clone();
        "new".clone_into(&mut node.name);
        it.nodes.push(node);
    });
    let good: Value = serde_json::from_str(&document::document(&compared)).unwrap();
    assert_eq!(fits(&good, &schema, &schema), Ok(()));
    for (pointer, wrong) in [
        ("/schema", json!(2)),
        ("/verdict", json!("fine")),
        ("/before", json!({})),
        ("/escalations/0/escalation", json!("budgets")),
        ("/escalations/0/part", json!("nodes")),
        ("/changes/0/key", json!(null)),
        ("/changes/1/lines/0/sign", json!("+")),
        ("/added/0", json!("new")),
        ("/removed/0/kind", json!(1)),
        ("/bounds/lines/0/about", json!("money")),
        ("/bounds/entries/0/is_new", json!("yes")),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}: {good}")) = wrong;
        assert!(fits(&bad, &schema, &schema).is_err(), "{pointer}");
    }
    let same: Value = serde_json::from_str(&document::document(&altered(|_| {}))).unwrap();
    assert_eq!((fits(&same, &schema, &schema), &same["verdict"]), (Ok(()), &json!("same")));
}

#[test]
fn every_escalation_is_in_the_schema_and_on_the_page_for_people() {
    let schema = include_str!("../../../docs/schemas/diff.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let published = schema.pointer("/$defs/change/properties/escalation/enum").unwrap();
    let words: Vec<Value> =
        Looser::ALL.iter().map(|it| serde_json::to_value(it).unwrap()).collect();
    assert_eq!(*published, Value::Array(words.clone()));
    let page = include_str!("../../../docs/review.md");
    for (looser, word) in Looser::ALL.iter().zip(words) {
        let row = format!("| {} | `{}` | ", looser.words(), word.as_str().unwrap());
        assert!(page.contains(&row), "docs/review.md lacks {row}");
    }
}
