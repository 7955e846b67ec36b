//! Names: they become files, branches and keys, so they are plain.

use eufm_grammar::ast::Name;
use eufm_grammar::{Diagnostic, Diagnostics};

use crate::expand::hides;
use crate::load::ModuleId;
use crate::spec::ResolvedSpec;
use crate::tree::GroupId;
use crate::wording::{quoted, with_article};

/// The most characters of a name.
const MAX_NAME: usize = 64;

/// The most bytes of a node's path; with the name of a gate before it, it is still a
/// label, see [`eufm_plan::id::is_label`].
const MAX_PATH: usize = 250;

/// Reports names that are not made of `a-z`, `0-9`, `_` and `-`, or are too long,
/// and values that are called like something else.
pub(super) fn check(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    check_name(&spec.pipeline.name, out);
    let mut items = Vec::new();
    for module in &spec.world.modules {
        let lists =
            [&module.agents, &module.gates, &module.rules, &module.environments, &module.templates];
        items.extend(lists.into_iter().flatten().map(|item| item.name));
        items.extend(
            module.templates.iter().flat_map(|item| item.parameters.iter().map(|it| it.name)),
        );
        items.extend(module.bindings.iter().map(|binding| binding.name));
    }
    items.iter().for_each(|name| check_name(name, out));
    for instance in &spec.tree.instances {
        check_name(&instance.item.name, out);
    }
    for group in &spec.tree.groups {
        let groups = group.members.iter().filter(|(_, it)| matches!(it.noun, "group" | "call"));
        for (name, member) in groups {
            check_name(&Name { text: name, span: member.span }, out);
        }
    }
    check_paths(spec, out);
    check_values(spec, out);
    check_parameters(spec, out);
}

/// A path names a node in plan.lock and in a run's folder.
fn check_paths(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    let groups = spec.tree.group_paths();
    for instance in &spec.tree.instances {
        let around = &groups[instance.group.get()];
        let index = instance.index.as_ref().map_or(0, |index| index.len() * 2 + 4);
        if around.len() + instance.item.name.text.len() + index + 1 > MAX_PATH {
            let message = format!("the path of {} is too long", quoted(instance.item.name.text));
            let finding = Diagnostic::error("E0207", message)
                .at(instance.item.name.span, format!("behind {} bytes", around.len()))
                .help(format!("use shorter names: a path has at most {MAX_PATH} bytes"));
            out.push(finding);
        }
    }
}

/// A template sees the values of its own file beside its parameters.
fn check_parameters(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    for (position, module) in spec.world.modules.iter().enumerate() {
        let scope = spec.world.scopes.module(ModuleId::new(position));
        for parameter in module.templates.iter().flat_map(|template| &template.parameters) {
            if let Some(known) = spec.world.scopes.find(parameter.name.text, scope) {
                out.push(hides(parameter.name.text, parameter.name.span, known.name));
            }
        }
    }
}

/// A value that is called like a task would stand for it in `needs`.
fn check_values(spec: &ResolvedSpec<'_>, out: &mut Diagnostics) {
    let scope = spec.world.scopes.at(spec.world.scopes.module(spec.world.spec()));
    let members = &spec.tree.group(GroupId::ROOT).members;
    let names = &spec.world.modules[spec.world.spec().get()].names;
    let spaces = [&names.agents, &names.gates, &names.environments];
    for (name, bound) in &scope.values {
        let other = spaces.iter().find_map(|space| Some((space.noun, space.get(name)?.1)));
        let member = members.get(name).map(|member| (member.noun, member.span));
        if let Some((noun, place)) = other.or(member) {
            let a_noun = with_article(noun);
            let message = format!("{} is a value and {a_noun}", quoted(name));
            let finding = Diagnostic::error("E0220", message)
                .at(bound.name, "a value of this name")
                .at(place, format!("{a_noun} of this name"))
                .help("give one of them another name");
            out.push(finding);
        }
    }
}

fn check_name(name: &Name, out: &mut Diagnostics) {
    let text = name.text;
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    // A stand-in without a name was reported where it is missing.
    if text.is_empty()
        || (text.len() <= MAX_NAME
            && text.as_bytes()[0].is_ascii_lowercase()
            && text.bytes().all(plain))
    {
        return;
    }
    let finding = Diagnostic::error("E0207", format!("{} cannot be a name", quoted(text)));
    let lower = text.to_ascii_lowercase();
    let finding = if text.len() > MAX_NAME {
        finding.at(name.span, format!("{} characters", text.len()))
    } else {
        finding.at(name.span, "not a name")
    };
    let rule = format!(
        "a name begins with a-z and goes on with a-z, 0-9, `_` and `-`, up to {MAX_NAME} characters"
    );
    let finding = finding.help(rule);
    let lowered = text.len() <= MAX_NAME
        && lower.as_bytes()[0].is_ascii_lowercase()
        && lower.bytes().all(plain);
    out.push(if lowered { finding.help(format!("write `{lower}`")) } else { finding });
}
