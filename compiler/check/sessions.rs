//! Sessions that go on with another agent: its model has not seen what it reads.

use eufm_grammar::{Diagnostic, Diagnostics};

use crate::spec::ResolvedSpec;
use crate::task::Work;

/// Warns of tasks that go on in a session of an agent of another kind or model.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    if out.has_errors() {
        return;
    }
    for (id, task) in spec.present() {
        let Work::Agent { agent: Some(agent), session: Some(session), .. } = &task.work else {
            continue;
        };
        let Work::Agent { agent: Some(first), .. } = &spec.tasks[session.value.get()].work else {
            continue;
        };
        let (first, agent) = (&spec.agents.list[first.get()], &spec.agents.list[agent.get()]);
        let kind = |actor: &crate::actors::Actor<'_>| actor.schema.map(|schema| schema.name);
        if kind(first) != kind(agent) || first.params.text("model") != agent.params.text("model") {
            let (own, other) = (&agent.qualified, &first.qualified);
            let message = format!(
                "`{}` goes on in a session of agent `{other}`, but is done by `{own}`",
                spec.tree.path_of(id)
            );
            let finding = Diagnostic::warning("W0607", message)
                .at(session.span, "a session of another model")
                .help("give both tasks one agent, or read the other's result with `inputs`");
            out.push(finding);
        }
    }
}
