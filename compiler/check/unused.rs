//! Declarations that nothing refers to: probably a forgotten line.

use eufm_grammar::ast::Name;
use eufm_grammar::{Diagnostic, Diagnostics};

use crate::resolved::Work;
use crate::tree::TaskTree;

/// Warns of agents, gates and environments that no task uses. With errors about
/// it stays silent: what uses them may be what could not be read.
pub(super) fn check(tree: &TaskTree, out: &mut Diagnostics) {
    if out.has_errors() {
        return;
    }
    let shared = &tree.declarations;
    let mut agents = vec![false; shared.agents.len()];
    let mut gates = vec![false; shared.gates.len()];
    let mut environments = vec![false; shared.environments.len()];
    for task in &tree.tasks {
        if let Work::Agent { agent, .. } = &task.work {
            agents[agent.get()] = true;
        }
        task.gates.iter().for_each(|gate| gates[gate.get()] = true);
        task.env.iter().for_each(|environment| environments[environment.get()] = true);
    }
    warn("agent", shared.agents.iter().map(|item| &item.name), &agents, out);
    warn("gate", shared.gates.iter().map(|item| &item.name), &gates, out);
    warn("environment", shared.environments.iter().map(|item| &item.name), &environments, out);
}

fn warn<'a>(
    noun: &str,
    names: impl Iterator<Item = &'a Name<'a>>,
    used: &[bool],
    out: &mut Diagnostics,
) {
    for (name, used) in names.zip(used) {
        if !used {
            let finding =
                Diagnostic::warning("W0601", format!("no task uses the {noun} `{}`", name.text))
                    .at(name.span, "unused; it is left out of the plan")
                    .help("use it or remove it");
            out.push(finding);
        }
    }
}
