//! The plan as a table: what it comes to, then a row for each node.
//!
//! Unaware of what a node does beside its own row.

use eufm_plan::{Derived, Node, Plan};
use eufm_runner::printable;

use crate::render::plan::{head, proven, work};

/// How wide a column may be.
const WIDTH_MAX: usize = 44;

/// Makes the table.
pub(super) fn emit(plan: &Plan) -> String {
    let derived = Derived::of(plan);
    let mut lines = head(plan, &derived.review);
    lines.push(String::new());
    lines.extend(rows(plan));
    lines.push(String::new());
    lines.extend(proven(&derived.proofs));
    lines.iter().map(|line| format!("{}\n", printable::lines(line).trim_end())).collect()
}

/// What the columns are called.
const HEADS: [&str; 5] = ["node", "does", "gates", "at most", "may change"];

fn rows(plan: &Plan) -> Vec<String> {
    let cells: Vec<[String; 5]> = plan.nodes.iter().map(|node| cells(plan, node)).collect();
    let mut widths = HEADS.map(str::len);
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("  {cell:<width$}"));
        cells.collect::<String>()
    };
    let mut lines = vec![line(&HEADS.map(str::to_owned))];
    lines.extend(cells.iter().map(line));
    lines.extend(plan.omitted.iter().map(|name| format!("  {name}  omitted")));
    lines
}

fn cells(plan: &Plan, node: &Node) -> [String; 5] {
    let gates: Vec<&str> =
        node.gates.iter().map(|gate| plan.gates[gate.get()].name.as_str()).collect();
    let budget = &node.budget;
    let mut caps: Vec<String> = Vec::new();
    caps.extend(budget.cost.map(|cost| cost.to_string()));
    caps.extend(budget.wall.map(|wall| wall.to_string()));
    caps.extend(budget.tokens.map(|tokens| format!("{tokens} tokens")));
    caps.extend(budget.memory.map(|memory| memory.to_string()));
    if budget.attempts > 1 {
        caps.push(format!("{} attempts", budget.attempts));
    }
    let writes = match node.writes.globs() {
        Some(globs) => globs.join(", "),
        None => "all but protected files".to_owned(),
    };
    let short = |text: &str| printable::line(text, WIDTH_MAX);
    [
        short(&node.name),
        short(&work(plan, node)),
        short(&gates.join(", ")),
        short(&caps.join(", ")),
        short(&writes),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::views::example::everything;

    #[test]
    fn each_node_has_a_row_with_what_bounds_it() {
        let page = emit(&everything());
        let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        for row in [
            "schema agent builder unit 0.600000 EUR, 15 min, 200K tokens, 2 GiB, 3 … src/**",
            "review agent builder all but protected files",
            "smoke runs make smoke",
            "release asks \"Release to production?\"",
            "story[\"old\"]/plan omitted",
        ] {
            assert!(page.lines().any(|line| squeezed(line) == row), "{row}:\n{page}");
        }
        assert!(page.contains("  capabilities  rust: reads ~/.cargo/bin\n"), "{page}");
    }
}
