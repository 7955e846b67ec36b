//! Approvals: none is taken out, not even with the group around it.

use eufm_grammar::{Diagnostic, Diagnostics};

use crate::spec::ResolvedSpec;
use crate::task::Work;
use crate::tree::TaskId;

/// Reports approvals in groups that `when` takes out: what waits for them would
/// go on without being approved.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    for (position, task) in spec.tasks.iter().enumerate() {
        let id = TaskId::new(position);
        let instance = spec.tree.instance(id);
        if instance.omitted && matches!(task.work, Work::Approval { .. }) {
            let message = format!("the approval `{}` would be taken out", spec.tree.path_of(id));
            let finding = Diagnostic::error("E0504", message)
                .at(instance.item.head, "in a group whose `when` is false")
                .help("move the approval out of the group, and put `when` at what it is for");
            out.push(finding);
        }
    }
}
