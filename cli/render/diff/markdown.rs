//! Differences as a comment of a review, in GitHub's Markdown.
//!
//! What becomes looser is seen at once, what is long is folded, and what is too
//! long for a comment is counted. Whatever the plan says stands as code, so that
//! it can neither format, link nor call anybody. Unaware of how differences are
//! found.

use eufm_plan::diff::{Bounds, Line, Named, Sign};

use super::rows::{Row, rows};
use super::{Compared, verdict, visible};

/// How many rows are seen without unfolding, and with it.
const OPEN: usize = 12;
const FOLDED: usize = 150;

/// How many lines of a text are seen without unfolding, and with it.
const LINES_OPEN: usize = 16;
const LINES_FOLDED: usize = 120;

/// How many texts are shown by their lines; a comment has a bound of its own.
const TEXTS: usize = 15;

/// Makes the comment.
pub(super) fn page(compared: &Compared) -> String {
    let diff = &compared.diff;
    let mut out =
        format!("### {}: {}\n", code(&visible::name(&compared.after.file)), verdict(diff));
    if diff.is_empty() {
        return out;
    }
    if diff.is_escalated() {
        let rows = rows(&diff.escalations);
        let head = "| looser | where | key | before | after |\n|---|---|---|---|---|\n";
        let row = |row: &Row<'_>| {
            let words = row.looser.map_or("", |looser| looser.words());
            format!("| **{words}** {}", cells(row))
        };
        table(&mut out, head, &rows, row);
    }
    came_and_went(&mut out, &diff.added, &diff.removed);
    let rows = rows(&diff.changes);
    let (texts, plain): (Vec<Row<'_>>, Vec<Row<'_>>) =
        rows.into_iter().partition(|row| !row.lines.is_empty());
    for row in texts.iter().take(TEXTS) {
        changed_text(&mut out, row);
    }
    if texts.len() > TEXTS {
        out.push_str(&format!("\n… and {} more texts that changed.\n", texts.len() - TEXTS));
    }
    if !plain.is_empty() {
        let head = "| other | key | before | after |\n|---|---|---|---|\n";
        table(&mut out, head, &plain, cells);
    }
    glance(&mut out, &diff.bounds);
    out
}

fn cells(row: &Row<'_>) -> String {
    let (before, after) = row.values();
    let cell = |value: Option<String>| value.map_or_else(|| "–".to_owned(), |value| code(&value));
    let key = if row.key.is_empty() { String::new() } else { code(row.key) };
    format!("| {} | {key} | {} | {} |\n", code(&row.place()), cell(before), cell(after))
}

/// Shows rows, the later ones folded.
fn table<T>(out: &mut String, head: &str, rows: &[T], row: impl Fn(&T) -> String) {
    let (open, rest) = rows.split_at(rows.len().min(OPEN));
    out.push('\n');
    out.push_str(head);
    open.iter().for_each(|it| out.push_str(&row(it)));
    if rest.is_empty() {
        return;
    }
    let (folded, rest) = rest.split_at(rest.len().min(FOLDED));
    out.push_str(&format!(
        "\n<details><summary>{} more</summary>\n\n{head}",
        folded.len() + rest.len()
    ));
    folded.iter().for_each(|it| out.push_str(&row(it)));
    out.push_str("\n</details>\n");
    if !rest.is_empty() {
        out.push_str(&format!("\n… and {} more; `eufm diff --json` has all.\n", rest.len()));
    }
}

fn came_and_went(out: &mut String, added: &[Named], removed: &[Named]) {
    let signed = added.iter().map(|node| ("added", node));
    let signed: Vec<_> = signed.chain(removed.iter().map(|node| ("removed", node))).collect();
    if signed.is_empty() {
        return;
    }
    let head = "| nodes | kind | |\n|---|---|---|\n";
    table(out, head, &signed, |(what, node)| {
        format!("| {} | {} | {what} |\n", code(&visible::name(&node.name)), node.kind)
    });
}

fn changed_text(out: &mut String, row: &Row<'_>) {
    let title = format!("{} {}", code(&row.place()), code(row.key));
    let shown = &row.lines[..row.lines.len().min(LINES_FOLDED)];
    let mut text: String = shown.iter().map(line).collect();
    if row.lines.len() > shown.len() {
        text.push_str(&format!("@@ and {} more lines @@\n", row.lines.len() - shown.len()));
    }
    let fence = fence(&text, 3);
    let block = format!("{fence}diff\n{text}{fence}\n");
    if row.lines.len() <= LINES_OPEN {
        out.push_str(&format!("\n{title}\n{block}"));
    } else {
        let count =
            row.lines.iter().filter(|line| matches!(line.sign, Sign::Added | Sign::Removed));
        let count = crate::render::count(count.count(), "line");
        out.push_str(&format!(
            "\n{title}\n<details><summary>{count}</summary>\n\n{block}\n</details>\n"
        ));
    }
}

fn line(line: &Line) -> String {
    let text = visible::line(&line.text);
    match line.sign {
        Sign::Removed => format!("-{text}\n"),
        Sign::Added => format!("+{text}\n"),
        Sign::Same => format!(" {text}\n"),
        Sign::Gap => format!("@@ {text} @@\n"),
    }
}

fn glance(out: &mut String, bounds: &Bounds) {
    out.push_str("\n| it comes to | before | after |\n|---|---|---|\n");
    for line in &bounds.lines {
        let (before, after) =
            (code(&visible::line(&line.before)), code(&visible::line(&line.after)));
        let before = if line.before == line.after { "(the same)".to_owned() } else { before };
        out.push_str(&format!("| {} | {before} | {after} |\n", line.about));
    }
    for entry in bounds.entries.iter().take(OPEN) {
        let text = code(&visible::line(&entry.entry));
        let (before, after) = if entry.is_new { ("–", &*text) } else { (&*text, "–") };
        out.push_str(&format!("| {} | {before} | {after} |\n", entry.about));
    }
    if bounds.entries.len() > OPEN {
        out.push_str(&format!("\n… and {} more.\n", bounds.entries.len() - OPEN));
    }
}

/// Shows a text as code in a line or a cell of a table.
fn code(text: &str) -> String {
    let text = text.replace('|', "\\|");
    let fence = fence(&text, 1);
    // A blank keeps a quote at the edge from being taken for the fence.
    let gap = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{gap}{text}{gap}{fence}")
}

/// Returns more backquotes than stand in a row anywhere in a text, and at least so many.
fn fence(text: &str, least: usize) -> String {
    let mut longest = 0;
    let mut row = 0;
    for c in text.chars() {
        row = if c == '`' { row + 1 } else { 0 };
        longest = longest.max(row);
    }
    "`".repeat(least.max(longest + 1))
}
