//! The arguments of a template's call against its parameters.
//!
//! Unaware of what the template does with them.

use eufm_grammar::ast::{Argument, Call, Declaration};
use eufm_grammar::{Diagnostic, Diagnostics};
use indexmap::IndexMap;

use crate::eval::Eval;
use crate::load::ModuleId;
use crate::scope::{Bound, ScopeId};
use crate::types::Type;
use crate::value::Value;
use crate::wording::{Suggester, listed, quoted};
use crate::world::World;

/// Evaluates the arguments in the caller's scope, and the values of parameters
/// that are not given in the template's module; reports what does not fit.
pub(crate) fn bind<'a>(
    world: &World<'a>,
    template: &'a Declaration<'a>,
    call: &'a Call<'a>,
    module: ModuleId,
    caller: ScopeId,
    out: &mut Diagnostics,
) -> IndexMap<&'a str, Bound<'a>> {
    let given = pair(template, call, out);
    let home = world.scopes.module(module);
    let mut values = IndexMap::with_capacity(template.parameters.len());
    let mut missing = Vec::new();
    for (parameter, argument) in template.parameters.iter().zip(given) {
        let ty = Type::read(&parameter.ty, out);
        let mut eval = Eval { world, suggester: Suggester::new(), out };
        let (value, from_caller) = match (argument, &parameter.default) {
            (Some(argument), _) => (eval.value(&argument.value, caller), true),
            (None, Some(default)) => (eval.value(default, home), false),
            (None, None) => {
                missing.push(parameter.name.text);
                (Value::damaged(call.span), true)
            }
        };
        let mut found = Diagnostics::new();
        let span = value.span;
        let fits = ty.as_ref().is_some_and(|ty| ty.check(parameter.name.text, &value, &mut found));
        for finding in found.sorted() {
            // The type is said in the template, which may be far away.
            let finding = finding.clone();
            out.push(match from_caller {
                true => finding.at(parameter.ty.span, "the parameter's type"),
                false => finding,
            });
        }
        let value = if fits { value } else { Value::damaged(span) };
        values.insert(parameter.name.text, Bound { value, name: parameter.name.span, ty });
    }
    // A misspelt name is reported, and means one of these.
    let misspelt: Vec<&str> =
        call.arguments.iter().filter_map(|argument| Some(argument.name?.text)).collect();
    missing.retain(|name| {
        !misspelt.iter().any(|word| Suggester::new().closest(word, [*name]).is_some())
    });
    if !missing.is_empty() && template.complete {
        let message =
            format!("the call of {} lacks {}", quoted(call.name.text), listed(missing, "and"));
        let finding = Diagnostic::error("E0203", message)
            .at(call.span, "incomplete")
            .at(template.head, "the template");
        out.push(finding.help("name each argument, as in `story(name = \"search\")`"));
    }
    values
}

/// Returns the argument of each parameter.
fn pair<'a>(
    template: &'a Declaration<'a>,
    call: &'a Call<'a>,
    out: &mut Diagnostics,
) -> Vec<Option<&'a Argument<'a>>> {
    let parameters = &template.parameters;
    let mut given: Vec<Option<&Argument<'_>>> = vec![None; parameters.len()];
    for (position, argument) in call.arguments.iter().enumerate() {
        let place = match &argument.name {
            None => (position < parameters.len()).then_some(position),
            Some(name) => parameters.iter().position(|parameter| parameter.name.text == name.text),
        };
        let span = argument.name.map_or(argument.value.span, |name| name.span);
        let Some(place) = place else {
            out.push(superfluous(template, argument, call));
            continue;
        };
        if let Some(first) = given[place] {
            let message = format!("{} is given twice", quoted(parameters[place].name.text));
            let finding = Diagnostic::error("E0206", message)
                .at(span, "the second time")
                .at(first.value.span, "the first time")
                .help("keep one of them");
            out.push(finding);
        } else {
            given[place] = Some(argument);
        }
    }
    given
}

fn superfluous(template: &Declaration<'_>, argument: &Argument<'_>, call: &Call<'_>) -> Diagnostic {
    let names = template.parameters.iter().map(|parameter| parameter.name.text);
    match &argument.name {
        Some(name) => {
            let message = format!(
                "template {} has no parameter {}",
                quoted(call.name.text),
                quoted(name.text)
            );
            let finding = Diagnostic::error("E0202", message)
                .at(name.span, "unknown")
                .at(template.head, "the template");
            Suggester::new().hint_or(
                finding,
                name.text,
                names,
                "leave it out, or declare it behind the name of the template",
            )
        }
        None => {
            let message = format!(
                "template {} takes {} arguments",
                quoted(call.name.text),
                template.parameters.len()
            );
            Diagnostic::error("E0202", message)
                .at(argument.value.span, "one too many")
                .at(template.head, "the template")
                .help("remove it")
        }
    }
}
