//! Results of nodes that `when` took out: nobody can read them.

use eufm_grammar::{Diagnostic, Diagnostics, Span};

use crate::spec::ResolvedSpec;
use crate::task::Work;
use crate::tree::TaskId;

/// Reports inputs and sessions of nodes that are not there.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    for (id, task) in spec.present() {
        for input in &task.inputs {
            report(spec, id, input.task, input.span, "reads its result", out);
        }
        if let Work::Agent { session: Some(session), .. } = &task.work {
            report(spec, id, session.value, session.span, "goes on in its session", out);
        }
    }
}

fn report(
    spec: &ResolvedSpec<'_>,
    id: TaskId,
    other: TaskId,
    span: Span,
    does: &str,
    out: &mut Diagnostics,
) {
    let instance = spec.tree.instance(other);
    if instance.omitted {
        let other = spec.tree.path_of(other);
        let message = format!("`{other}` is taken out, but `{}` {does}", spec.tree.path_of(id));
        let finding = Diagnostic::error("E0505", message)
            .at(span, "not there")
            .at(instance.item.head, "taken out by `when`")
            .help("give both the same `when`, or remove this");
        out.push(finding);
    }
}
