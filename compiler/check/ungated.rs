//! Tasks whose result nothing checks.

use eufm_grammar::{Diagnostic, Diagnostics};

use crate::resolved::Work;
use crate::tree::TaskTree;

/// Warns of tasks of agents without a gate; commands have their exit status.
pub(super) fn check(tree: &TaskTree, out: &mut Diagnostics) {
    if out.has_errors() {
        return;
    }
    for task in &tree.tasks {
        if matches!(task.work, Work::Agent { .. }) && task.gates.is_empty() {
            let message = format!("no gate checks the result of task `{}`", task.name.text);
            let finding = Diagnostic::warning("W0602", message)
                .at(task.name.span, "whatever the agent leaves is taken")
                .help("add `gates = […]` with a gate that would fail if the work is wrong");
            out.push(finding);
        }
    }
}
