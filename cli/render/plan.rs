//! Shows a compiled plan to the person who will review it.

use std::path::Path;

use eufm_plan::review::{proofs, review};
use eufm_plan::{NodeIndex, Plan, Work};

/// How many nodes are listed; a larger plan is read in its file.
const NODES_MAX: usize = 60;

/// Prints the plan to standard output, and where it lies to standard error.
pub(crate) fn plan(plan: &Plan, path: &Path, same: bool) {
    super::print(&text(plan));
    let what = if same { "is unchanged" } else { "written; review it, then run `eufm exec`" };
    super::say(&format!("{} {what}", path.display()));
}

fn text(plan: &Plan) -> String {
    let review = review(plan);
    let mut lines = vec![format!("pipeline {} on {}", plan.pipeline, plan.base)];
    lines.extend(plan.goal.iter().map(|goal| format!("  goal          {goal}")));
    lines.push(format!("  nodes         {}", review.nodes));
    lines.push(format!("  time          {}", review.wall));
    lines.push(format!("  people        {}", review.people));
    let widened: &[String] = &review.capabilities;
    lines.push(list("  capabilities  ", widened, "nothing beyond the default sandbox"));
    lines.push(list("  weak          ", &review.weak, "nothing"));
    lines.push(String::new());
    let width = plan.nodes.iter().map(|node| node.name.chars().count()).max().unwrap_or(0).min(40);
    for node in plan.nodes.iter().take(NODES_MAX) {
        lines.push(row(plan, node, width));
    }
    if plan.nodes.len() > NODES_MAX {
        lines.push(format!("  … and {} more nodes", plan.nodes.len() - NODES_MAX));
    }
    lines.push(String::new());
    lines.extend(proofs(plan).iter().map(|proof| format!("  {:<13} {}", proof.name, proof.claim)));
    lines.push(String::new());
    lines.join("\n")
}

fn list(head: &str, entries: &[String], none: &str) -> String {
    if entries.is_empty() {
        return format!("{head}{none}");
    }
    let gap = format!("\n{}", " ".repeat(head.len()));
    format!("{head}{}", entries.join(&gap))
}

/// Quotes a word that would not be seen as one.
fn quoted(word: &str) -> String {
    let plain = !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || c == '"');
    if plain { word.to_owned() } else { format!("{word:?}") }
}

fn row(plan: &Plan, node: &eufm_plan::Node, width: usize) -> String {
    let work = match &node.work {
        Work::Agent { agent, .. } => format!("agent {}", plan.agents[agent.get()].name),
        Work::Command { run } => {
            let words: Vec<String> = run.iter().map(|word| quoted(word)).collect();
            format!("runs {}", words.join(" "))
        }
    };
    let names = |needs: &[NodeIndex]| {
        let names: Vec<&str> =
            needs.iter().map(|need| plan.nodes[need.get()].name.as_str()).collect();
        names.join(", ")
    };
    let gates: Vec<&str> =
        node.gates.iter().map(|gate| plan.gates[gate.get()].name.as_str()).collect();
    let mut row = format!("  {:<width$}  {work}", node.name);
    for (word, text) in [("after", names(&node.needs)), ("gates", gates.join(", "))] {
        if !text.is_empty() {
            row.push_str(&format!("; {word} {text}"));
        }
    }
    row
}
