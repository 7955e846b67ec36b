//! Differences for people, on a terminal or in a log.
//!
//! Unaware of how differences are found.

use eufm_plan::diff::{Bounds, Line, Named, Sign};

use super::rows::{Row, rows};
use super::{Compared, verdict, visible};

/// How many rows of one list are shown.
const ROWS_MAX: usize = 60;

/// How many lines of one text are shown.
const LINES_MAX: usize = 60;

/// The widest column.
const WIDTH_MAX: usize = 44;

/// Makes the page.
pub(super) fn page(compared: &Compared, colour: bool) -> String {
    let diff = &compared.diff;
    let paint = Paint(colour);
    let (before, after) = (&compared.before, &compared.after);
    let mut lines = vec![
        format!("{} → {}", visible::name(&before.file), visible::name(&after.file)),
        match diff.is_escalated() {
            true => paint.red(&verdict(diff)),
            false => paint.bold(&verdict(diff)),
        },
    ];
    if diff.is_empty() {
        return joined(&lines);
    }
    if diff.is_escalated() {
        lines.push(String::new());
        lines.extend(table(&rows(&diff.escalations), &paint));
    }
    lines.extend(came_and_went(&diff.added, &diff.removed, &paint));
    if !diff.changes.is_empty() {
        lines.push(String::new());
        lines.push(paint.bold("other differences"));
        lines.extend(table(&rows(&diff.changes), &paint));
    }
    lines.push(String::new());
    lines.push(paint.bold("what it comes to"));
    lines.extend(glance(&diff.bounds, &paint));
    joined(&lines)
}

fn joined(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Colours, or none.
struct Paint(bool);

impl Paint {
    fn with(&self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn bold(&self, text: &str) -> String {
        self.with("1", text)
    }

    fn red(&self, text: &str) -> String {
        self.with("1;31", text)
    }

    fn gone(&self, text: &str) -> String {
        self.with("31", text)
    }

    fn come(&self, text: &str) -> String {
        self.with("32", text)
    }
}

/// Shows rows in columns, each with the lines of its text.
fn table(rows: &[Row<'_>], paint: &Paint) -> Vec<String> {
    let shown = &rows[..rows.len().min(ROWS_MAX)];
    let width =
        |of: &dyn Fn(&Row<'_>) -> usize| shown.iter().map(of).max().unwrap_or(0).min(WIDTH_MAX);
    let words = width(&|row| row.looser.map_or(0, |looser| looser.words().len()));
    let places = width(&|row| row.place().chars().count());
    let keys = width(&|row| row.key.chars().count());
    let mut lines = Vec::new();
    for row in shown {
        let (place, key) = (row.place(), row.key);
        let mut line = String::from("  ");
        if let Some(looser) = row.looser {
            line.push_str(&paint.red(&format!("{:<words$}", looser.words())));
            line.push_str("  ");
        }
        line.push_str(&format!("{place:<places$}  {key:<keys$}"));
        if row.lines.is_empty() {
            line.push_str(&format!("  {}", row.line()));
        }
        lines.push(line);
        lines.extend(text(row.lines, paint));
    }
    if rows.len() > shown.len() {
        lines.push(format!("  … and {} more; --json has all", rows.len() - shown.len()));
    }
    lines
}

fn text(lines: &[Line], paint: &Paint) -> Vec<String> {
    let mut shown: Vec<String> = lines
        .iter()
        .take(LINES_MAX)
        .map(|line| {
            let text = visible::line(&line.text);
            match line.sign {
                Sign::Removed => paint.gone(&format!("      - {text}")),
                Sign::Added => paint.come(&format!("      + {text}")),
                Sign::Same => format!("        {text}"),
                Sign::Gap => format!("        {text}"),
            }
        })
        .collect();
    if lines.len() > LINES_MAX {
        shown.push(format!("      … and {} more lines", lines.len() - LINES_MAX));
    }
    shown
}

fn came_and_went(added: &[Named], removed: &[Named], paint: &Paint) -> Vec<String> {
    let mut lines = Vec::new();
    if added.is_empty() && removed.is_empty() {
        return lines;
    }
    lines.push(String::new());
    let counts = [(added.len(), "added"), (removed.len(), "removed")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, what)| format!("{} {what}", crate::render::count(count, "node")))
        .collect();
    lines.push(paint.bold(&counts.join(", ")));
    let row = |node: &Named| format!("{} ({})", visible::name(&node.name), node.kind);
    lines.extend(added.iter().take(ROWS_MAX).map(|node| paint.come(&format!("  + {}", row(node)))));
    if added.len() > ROWS_MAX {
        lines.push(format!("  … and {} more added", added.len() - ROWS_MAX));
    }
    lines.extend(
        removed.iter().take(ROWS_MAX).map(|node| paint.gone(&format!("  - {}", row(node)))),
    );
    if removed.len() > ROWS_MAX {
        lines.push(format!("  … and {} more removed", removed.len() - ROWS_MAX));
    }
    lines
}

fn glance(bounds: &Bounds, paint: &Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for line in &bounds.lines {
        let (about, before, after) =
            (line.about, visible::line(&line.before), visible::line(&line.after));
        if before == after {
            lines.push(format!("  {about:<7} {after}"));
        } else {
            lines.push(format!("  {about:<7} {}", paint.gone(&format!("- {before}"))));
            lines.push(format!("  {:<7} {}", "", paint.come(&format!("+ {after}"))));
        }
    }
    let mut about = "";
    for entry in bounds.entries.iter().take(ROWS_MAX) {
        if entry.about != about {
            about = entry.about;
            lines.push(format!("  {about}"));
        }
        let text = visible::line(&entry.entry);
        lines.push(match entry.is_new {
            true => paint.come(&format!("    + {text}")),
            false => paint.gone(&format!("    - {text}")),
        });
    }
    if bounds.entries.len() > ROWS_MAX {
        lines.push(format!("    … and {} more", bounds.entries.len() - ROWS_MAX));
    }
    lines
}
