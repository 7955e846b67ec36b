//! Tasks whose result nothing checks.

use std::collections::BTreeSet;

use eufm_grammar::{Diagnostic, Diagnostics};

use crate::spec::ResolvedSpec;
use crate::task::Work;

/// Warns of tasks of agents without a gate; commands have their exit status.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    if out.has_errors() {
        return;
    }
    let mut said = BTreeSet::new();
    for (id, task) in spec.present() {
        let name = spec.tree.instance(id).item.name;
        let leaves_nothing = task.writes.as_ref().is_some_and(Vec::is_empty);
        let is_checked = !matches!(task.work, Work::Agent { .. }) || !task.gates.is_empty();
        if !leaves_nothing && !is_checked && said.insert(name.span) {
            let message = format!("no gate checks the result of task `{}`", name.text);
            let finding = Diagnostic::warning("W0602", message)
                .at(name.span, "whatever the agent leaves is taken")
                .help("add `gates = […]` with a gate that would fail if the work is wrong");
            out.push(finding);
        }
    }
}
