//! Shows a compiled plan to the person who will review it.

use std::path::Path;

use eufm_plan::proof::Proof;
use eufm_plan::review::{Review, estimate};
use eufm_plan::{Derived, FINAL_VERIFY, NodeIndex, Plan, Work};

use super::wrap::wrapped_at;

/// How many nodes are listed; a larger plan is read in its file.
const NODES_MAX: usize = 60;

/// Prints a plan, as [`plan_text`] has it, to standard output, and where it lies to
/// standard error.
pub(crate) fn plan(text: &str, path: &Path, same: bool) {
    super::print(text);
    let what = if same { "is unchanged" } else { "written; review it, then run `eufm exec`" };
    super::say(&format!("{} {what}", path.display()));
}

/// Prints a plan that there was none before.
pub(crate) fn new_plan(plan: &Plan) {
    super::print(&plan_text(plan, &Derived::of(plan)));
}

/// Returns what is shown of a plan.
pub(crate) fn plan_text(plan: &Plan, derived: &Derived) -> String {
    let mut lines = head(plan, &derived.review);
    lines.push(String::new());
    let width = plan.nodes.iter().map(|node| node.name.chars().count()).max().unwrap_or(0).min(40);
    for node in plan.nodes.iter().take(NODES_MAX) {
        lines.push(row(plan, node, width));
    }
    if plan.nodes.len() > NODES_MAX {
        lines.push(format!("  … and {} more nodes", plan.nodes.len() - NODES_MAX));
    }
    for name in plan.omitted.iter().take(NODES_MAX) {
        lines.push(format!("  {name:<width$}  omitted"));
    }
    if plan.omitted.len() > NODES_MAX {
        lines.push(format!("  … and {} more omitted", plan.omitted.len() - NODES_MAX));
    }
    lines.push(String::new());
    lines.extend(proven(&derived.proofs));
    lines.push(String::new());
    // Names and goals are the author's, and may hold any sign.
    eufm_runner::printable::lines(&lines.join("\n"))
}

/// How many characters a line about a proof has at most, if its words allow it.
const PROOF_WIDTH: usize = 100;

/// Says what holds for every run of a plan: name, verdict, and the claim beside them.
pub(super) fn proven(proofs: &[Proof]) -> Vec<String> {
    let mut lines = vec!["proofs, for every run of this plan".to_owned()];
    for Proof { name, verdict, claim, .. } in proofs {
        let head = format!("  {name:<13} {:<12} ", verdict.word());
        let gap = " ".repeat(head.len());
        let text = wrapped_at(claim, PROOF_WIDTH, &gap);
        lines.extend(text.lines().enumerate().map(|(at, line)| match at {
            0 => format!("{head}{}", line.trim_start()),
            _ => line.to_owned(),
        }));
    }
    lines
}

/// Says what a plan is for and what it comes to, before its nodes.
pub(super) fn head(plan: &Plan, review: &Review) -> Vec<String> {
    let mut lines = vec![format!("pipeline {} on {}", plan.pipeline, plan.base)];
    lines.extend(plan.goal.iter().map(|goal| format!("  goal          {goal}")));
    lines.extend(plan.source.iter().map(|source| format!("  source        {source}")));
    lines.extend(plan.window.iter().map(|window| format!("  window        {window}")));
    lines.push(format!("  nodes         {}", review.nodes));
    lines.push(format!("  cost          {}", review.cost));
    lines.push(format!("  time          {}", review.wall));
    lines.push(format!("  estimate      {}", estimate(plan).line(plan)));
    lines.push(format!("  people        {}", review.people));
    let widened: &[String] = &review.capabilities;
    lines.push(list("  capabilities  ", widened, "nothing beyond the default sandbox"));
    lines.push(list("  weak          ", &review.weak, "nothing"));
    let refused = bounded(eufm_runner::supported::refusals(plan));
    if !refused.is_empty() {
        lines.push(list("  exec refuses  ", &refused, ""));
    }
    lines
}

/// How many things that this version refuses are listed.
const REFUSED_MAX: usize = 10;

fn bounded(mut entries: Vec<String>) -> Vec<String> {
    let rest = entries.len().saturating_sub(REFUSED_MAX);
    if rest > 0 {
        entries.truncate(REFUSED_MAX);
        entries.push(format!("and {rest} more"));
    }
    entries
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

/// Says what a node does, in a few words.
pub(super) fn work(plan: &Plan, node: &eufm_plan::Node) -> String {
    match &node.work {
        Work::Agent { agent, .. } => format!("agent {}", plan.agents[agent.get()].name),
        Work::Command(command) | Work::Deploy { command, .. } => {
            let words: Vec<String> = command.run.iter().map(|word| quoted(word)).collect();
            let verb =
                if matches!(node.work, Work::Deploy { .. }) { "deploys with" } else { "runs" };
            format!("{verb} {}", words.join(" "))
        }
        Work::Approval { ask } => format!("asks {ask:?}"),
        Work::Verify { .. } if node.name == FINAL_VERIFY => {
            "judges what the run comes to".to_owned()
        }
        Work::Verify { .. } => "checks what is deployed".to_owned(),
    }
}

fn row(plan: &Plan, node: &eufm_plan::Node, width: usize) -> String {
    let names = |needs: &[NodeIndex]| {
        let names: Vec<&str> =
            needs.iter().map(|need| plan.nodes[need.get()].name.as_str()).collect();
        names.join(", ")
    };
    let gates: Vec<&str> =
        node.gates.iter().map(|gate| plan.gates[gate.get()].name.as_str()).collect();
    let mut row = format!("  {:<width$}  {}", node.name, work(plan, node));
    let sees = node.reads.as_ref().map_or_else(String::new, |reads| match reads.is_empty() {
        true => "only what it writes".to_owned(),
        false => reads.join(", "),
    });
    let parts = [
        ("after", names(&node.needs)),
        ("after writer", names(&node.after_writer)),
        ("gates", gates.join(", ")),
        ("sees", sees),
    ];
    for (word, text) in parts {
        if !text.is_empty() {
            row.push_str(&format!("; {word} {text}"));
        }
    }
    row
}
