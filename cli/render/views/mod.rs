//! Views of a plan: one file each, and a line in [`EMITTERS`].
//!
//! `drawing.rs` is what the graphs have in common, `things.rs` what the views that
//! answer a question in one screen have, `node.rs` shows one node in full, `document.rs` the plan to programs. Unaware of where a plan lies.

mod cost;
mod document;
mod dot;
mod drawing;
#[cfg(test)]
mod example;
mod mermaid;
mod node;
mod people;
mod table;
mod things;
mod touch;
mod tree;

use eufm_plan::lockfile::Locked;
use eufm_plan::{NodeIndex, Plan};

/// A view: its name, and what makes it.
pub(crate) type Emitter = (&'static str, fn(&Plan) -> String);

/// All views, by their names.
pub(crate) const EMITTERS: &[Emitter] = &[
    ("cost", cost::emit),
    ("dot", dot::emit),
    ("mermaid", mermaid::emit),
    ("people", people::emit),
    ("table", table::emit),
    ("touch", touch::emit),
    ("tree", tree::emit),
];

/// Prints a view, if there is one of this name.
pub(crate) fn view(name: &str, plan: &Plan) {
    if let Some((_, emit)) = EMITTERS.iter().find(|(known, _)| *known == name) {
        super::print(&emit(plan));
    }
}

/// Prints one node in full.
pub(crate) fn node(plan: &Plan, node: NodeIndex) {
    super::print(&node::page(plan, node));
}

/// Prints the plan, or one node of it, for programs.
pub(crate) fn json(locked: &Locked, node: Option<NodeIndex>) {
    super::print(&document::document(locked, node));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_sorted_and_none_comes_twice() {
        assert!(EMITTERS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn no_view_lets_a_plan_move_the_cursor() {
        let mut plan = example::everything();
        plan.nodes[0].name = "a\u{1b}[2J\u{202e}".to_owned();
        plan.goal = Some("\u{1b}[31m".to_owned());
        for (name, emit) in EMITTERS {
            let shown = emit(&plan);
            assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{name}:\n{shown}");
        }
        assert!(!node::page(&plan, NodeIndex::new(0)).contains(['\u{1b}', '\u{202e}']));
    }
}
