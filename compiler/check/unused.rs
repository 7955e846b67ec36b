//! Declarations that nothing refers to: probably a forgotten line.

use std::collections::BTreeSet;

use eufm_grammar::ast::Name;
use eufm_grammar::{Diagnostic, Diagnostics, Span};

use crate::actors::Actors;
use crate::mentions::Mentions;
use crate::spec::ResolvedSpec;
use crate::task::Work;

/// Warns of what the spec declares and does not use. With errors about it stays
/// silent: what uses it may be what could not be read.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    if out.has_errors() || spec.tree.instances.is_empty() {
        return;
    }
    let (mut agents, mut gates) =
        (vec![false; spec.agents.list.len()], vec![false; spec.gates.list.len()]);
    let mut environments = vec![false; spec.environments.list.len()];
    for task in &spec.tasks {
        if let Work::Agent { agent: Some(agent), .. } = &task.work {
            agents[agent.get()] = true;
        }
        task.gates.iter().for_each(|gate| gates[gate.base().get()] = true);
        task.env.iter().for_each(|environment| environments[environment.get()] = true);
    }
    spec.generated.iter().flat_map(|made| &made.env).for_each(|env| environments[env.get()] = true);
    let module = &spec.world.modules[spec.world.spec().get()];
    let used = |all: &[bool]| all.iter().all(|used| *used);
    let is_plain = module.bindings.is_empty()
        && module.templates.is_empty()
        && module.rules.is_empty()
        && module.targets.is_empty();
    if is_plain && used(&agents) && used(&gates) && used(&environments) {
        return;
    }
    let mentions = spec.loaded.last().map(|file| Mentions::of(&file.spec)).unwrap_or_default();
    actors("agent", &spec.agents, &agents, spec, &mentions, out);
    actors("gate", &spec.gates, &gates, spec, &mentions, out);
    let own = spec.world.spec();
    for (environment, used) in spec.environments.list.iter().zip(environments) {
        if !used && environment.module == own && !mentions.bases.contains(environment.name.text) {
            warn("environment", &environment.name, out);
        }
    }
    values(spec, &mentions, out);
}

fn actors(
    noun: &str,
    all: &Actors<'_>,
    used: &[bool],
    spec: &ResolvedSpec<'_>,
    mentions: &Mentions<'_>,
    out: &mut Diagnostics,
) {
    for (actor, used) in all.list.iter().zip(used) {
        let is_own = actor.module == spec.world.spec();
        if !used && is_own && !mentions.bases.contains(actor.name.text) {
            warn(noun, &actor.name, out);
        }
    }
}

fn warn(noun: &str, name: &Name<'_>, out: &mut Diagnostics) {
    let finding = Diagnostic::warning("W0601", format!("no task uses the {noun} `{}`", name.text))
        .at(name.span, "unused; it is left out of the plan")
        .help("use it or remove it");
    out.push(finding);
}

/// Warns of values, templates, rules and files that nothing mentions.
fn values(spec: &ResolvedSpec<'_>, mentions: &Mentions<'_>, out: &mut Diagnostics) {
    let module = &spec.world.modules[spec.world.spec().get()];
    let mut unused: BTreeSet<(Span, &str, &str)> = BTreeSet::new();
    for binding in &module.bindings {
        if !mentions.values.contains(binding.name.text) {
            unused.insert((binding.name.span, binding.keyword.text, binding.name.text));
        }
    }
    for template in &module.templates {
        if !mentions.calls.contains(template.name.text) {
            unused.insert((template.name.span, "template", template.name.text));
        }
    }
    for rule in &module.rules {
        if !mentions.bases.contains(rule.name.text) {
            unused.insert((rule.name.span, "rule", rule.name.text));
        }
    }
    for word in module.uses.sorted() {
        let Some((position, span)) = module.uses.get(word) else { continue };
        let gives_tables = module.targets.get(position).is_some_and(|(target, _)| {
            let used = &spec.world.modules[target.get()];
            !used.prices.is_empty() || !used.exchange.is_empty()
        });
        if !mentions.modules.contains(word) && !gives_tables {
            unused.insert((span, "used file", word));
        }
    }
    for (span, noun, name) in unused {
        let finding = Diagnostic::warning("W0601", format!("nothing uses the {noun} `{name}`"))
            .at(span, "unused")
            .help("use it or remove it");
        out.push(finding);
    }
}
