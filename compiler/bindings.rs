//! `param` and `let` of every module: names to values, in the order of the text.
//!
//! A value may use what stands before it, so that there is no recursion. Unaware
//! of tasks.

use eufm_grammar::ast::Binding;
use eufm_grammar::{Diagnostic, Diagnostics, Span};
use indexmap::IndexMap;

use crate::Setting;
use crate::eval::{Eval, Wanted};
use crate::expand::hides;
use crate::load::ModuleId;
use crate::scope::{Bound, Scope, ScopeId};
use crate::spelling;
use crate::tree::GroupId;
use crate::types::Type;
use crate::value::{Kind, Value};
use crate::wording::{Suggester, quoted};
use crate::world::World;

/// Evaluates all bindings; returns the parameters that the settings changed, as
/// they are spelled, sorted by name.
pub(crate) fn bind<'a>(
    settings: &[Setting],
    world: &mut World<'a>,
    out: &mut Diagnostics,
) -> Vec<(String, String)> {
    for position in 0..world.modules.len() {
        let module = ModuleId::new(position);
        // The ids of these scopes are those of the modules.
        let scope = world.scopes.push(Scope {
            parent: None,
            module,
            group: GroupId::ROOT,
            call: None,
            values: IndexMap::new(),
        });
        for binding in world.modules[position].bindings.clone() {
            let ty = binding.ty.as_ref().and_then(|ty| Type::read(ty, out));
            let value = value(binding, ty.as_ref(), scope, settings, world, out);
            give(binding, ty, scope, value, world, out);
        }
    }
    unknown_settings(settings, world, out);
    let spec = world.scopes.module(world.spec());
    let mut params = Vec::new();
    for binding in &world.modules[world.spec().get()].bindings {
        let is_set = settings.iter().any(|setting| setting.name == binding.name.text);
        if is_set
            && binding.keyword.text == "param"
            && let Some(bound) = world.scopes.at(spec).values.get(binding.name.text)
        {
            params.push((binding.name.text.to_owned(), spelled(&bound.value)));
        }
    }
    params.sort();
    params.dedup_by(|a, b| a.0 == b.0);
    params
}

fn give<'a>(
    binding: &'a Binding<'a>,
    ty: Option<Type<'a>>,
    scope: ScopeId,
    value: Value<'a>,
    world: &mut World<'a>,
    out: &mut Diagnostics,
) {
    let name = binding.name;
    match world.scopes.find(name.text, scope) {
        Some(known) => out.push(hides(name.text, name.span, known.name)),
        None => {
            let bound = Bound { value, name: name.span, ty };
            world.scopes.at_mut(scope).values.insert(name.text, bound);
        }
    }
}

fn value<'a>(
    binding: &'a Binding<'a>,
    ty: Option<&Type<'a>>,
    scope: ScopeId,
    settings: &[Setting],
    world: &World<'a>,
    out: &mut Diagnostics,
) -> Value<'a> {
    let name = binding.name;
    if binding.keyword.text == "param" {
        let setting = settings.iter().rev().find(|setting| setting.name == name.text);
        if let (Some(setting), Some(ty)) = (setting, ty) {
            return set(setting, ty, name.span, scope, out);
        }
    }
    let Some(written) = &binding.value else {
        if binding.keyword.text == "param" && ty.is_some() {
            let finding =
                Diagnostic::error("E0216", format!("param {} has no value", quoted(name.text)))
                    .at(name.span, "neither here nor on the command line")
                    .help(format!(
                        "give it one with `--set {}=…`, or write a default behind `=`",
                        name.text
                    ));
            out.push(finding);
        }
        return Value::damaged(binding.span);
    };
    let mut eval = Eval { world, suggester: Suggester::new(), out };
    let value = eval.value(written, scope);
    if let Kind::Word(word) = &value.kind
        && ty.is_none()
        && binding.keyword.text == "let"
        && !matches!(word.text.as_ref(), "true" | "false")
        && refers_to_nothing(word.text.as_ref(), world, scope)
    {
        let finding = eval.no_value(word, value.span, scope, Wanted::Value);
        eval.out.push(finding);
        return Value::damaged(value.span);
    }
    let span = value.span;
    match ty {
        Some(ty) if !ty.check(name.text, &value, out) => Value::damaged(span),
        _ => value,
    }
}

/// Tells whether a bare word in a `let` is no name of anything that can be meant
/// by it later.
fn refers_to_nothing(word: &str, world: &World<'_>, scope: ScopeId) -> bool {
    let module = world.module_of(scope);
    let first = word.split(['.', '/']).next().unwrap_or(word);
    module.bindings.iter().any(|binding| binding.name.text == first)
}

/// Returns the value that the command line gives.
fn set<'a>(
    setting: &Setting,
    ty: &Type<'a>,
    span: Span,
    scope: ScopeId,
    out: &mut Diagnostics,
) -> Value<'a> {
    let mut found = Diagnostics::new();
    let value = ty.parse(&setting.value, span, scope);
    if let Some(value) = value.filter(|value| ty.check(&setting.name, value, &mut found)) {
        return value;
    }
    let message = format!("`--set {}={}` does not fit", setting.name, setting.value.escape_debug());
    let finding = Diagnostic::error("E0215", message)
        .at(span, format!("is {}", ty.noun()))
        .help(format!("give {}", ty.noun()));
    out.push(finding);
    Value::damaged(span)
}

fn unknown_settings(settings: &[Setting], world: &World<'_>, out: &mut Diagnostics) {
    let module = &world.modules[world.spec().get()];
    let params: Vec<&str> = module
        .bindings
        .iter()
        .filter(|binding| binding.keyword.text == "param")
        .map(|binding| binding.name.text)
        .collect();
    for setting in settings {
        if !params.contains(&setting.name.as_str())
            && !module.doubtful.contains(setting.name.as_str())
        {
            let message =
                format!("`--set` names {}, but the spec has no such param", quoted(&setting.name));
            let finding = Diagnostic::error("E0215", message);
            let finding = Suggester::new().hint(finding, &setting.name, params.iter().copied());
            out.push(finding.help("only what the spec declares with `param` can be set"));
        }
    }
}

/// Spells a parameter's value for the plan.
fn spelled(value: &Value<'_>) -> String {
    match &value.kind {
        Kind::List(values) => values.iter().map(spelled).collect::<Vec<_>>().join(", "),
        Kind::Map(fields) => {
            let pair = |field: &crate::value::Field<'_>| {
                format!("{} = {}", field.key.text, spelled(&field.value))
            };
            fields.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
        Kind::Reference(reference) => {
            let step = |step: &crate::value::Step<'_>| match &step.index {
                Some((index, _)) => format!("{}[{index:?}]", step.words),
                None => step.words.to_string(),
            };
            reference.steps.iter().map(step).collect()
        }
        other => spelling::of(other).unwrap_or_default(),
    }
}
