//! Calls of templates: which template, how deep, and what no call reaches.
//!
//! No template calls itself, and calls nest to a fixed depth. Unaware of what the
//! tasks of a template say.

use eufm_grammar::Diagnostic;
use eufm_grammar::ast::{Call, Declaration, Item};

use crate::arguments;
use crate::expand::{Expander, Made};
use crate::fields::{Adds, Fields, Owner};
use crate::load::{ModuleId, Place};
use crate::modules::unknown_item;
use crate::scope::{Scope, ScopeId};
use crate::tree::{GroupId, Target};
use crate::types::Type;
use crate::vocabulary as words;
use crate::wording::{Suggester, quoted};

/// How deep calls of templates may nest.
const MAX_CALLS: usize = 64;

impl<'a> Expander<'_, 'a, '_> {
    /// `story(name = s) for s in stories`.
    pub(crate) fn call(&mut self, call: &'a Call<'a>, scope: ScopeId, group: GroupId) {
        let name = call.alias.map_or_else(
            || call.name.text.rsplit('.').next().unwrap_or(call.name.text),
            |alias| alias.text,
        );
        let Some((module, template)) = self.template(call, scope) else {
            return self.doubt(name);
        };
        self.called.push(template);
        if self.goes_on_for_ever(template, call) {
            return self.doubt(name);
        }
        let owner = Owner::of(template);
        let suggester = Suggester::new();
        let fields = Fields::read(owner, &template.entries, words::GROUP, &suggester, self.out);
        let span = call.alias.map_or(call.name.span, |alias| alias.span);
        let mut targets = Vec::new();
        for element in self.elements(call.repetition.as_ref(), scope, group) {
            if self.count(call.span) {
                return;
            }
            let id = self.open(name, element.index.clone(), group, true);
            let values =
                arguments::bind(self.world, template, call, module, element.scope, self.out);
            let inner = self.world.scopes.push(Scope {
                parent: Some(self.world.scopes.module(module)),
                module,
                group: id,
                call: Some((call.span, element.scope)),
                values,
            });
            self.settle(id, &fields, inner, template.complete);
            targets.push(Made {
                index: element.index,
                span: element.span,
                target: Target::Group(id),
            });
            self.open.push((template, call.span));
            self.items(&template.items, inner, id, false);
            self.open.pop();
            self.close(id);
        }
        self.declare("call", name, span, call.repetition.is_some(), targets, group);
    }

    /// Finds the template that a call names.
    fn template(
        &mut self,
        call: &'a Call<'a>,
        scope: ScopeId,
    ) -> Option<(ModuleId, &'a Declaration<'a>)> {
        let name = call.name.text;
        let own = self.world.scopes.at(scope).module;
        let (module, word) = match name.split_once('.') {
            None => (Some(own), name),
            Some((first, rest)) => (self.world.used(first, scope), rest),
        };
        let Some(module) = module else {
            let first = name.split('.').next().unwrap_or(name);
            if self.world.module_of(scope).doubtful.contains(first) {
                return None;
            }
            let finding =
                Diagnostic::error("E0204", format!("no file is used as {}", quoted(first)))
                    .at(call.name.span, "unknown");
            let uses = &self.world.module_of(scope).uses;
            let finding = Suggester::new().hint(finding, first, uses.sorted().iter().copied());
            self.out.push(finding.help(
                "write `use std.flows` or `use \"lib/flows.eufm\"` at the begin of this file",
            ));
            return None;
        };
        let found = &self.world.modules[module.get()];
        if let Some((position, _)) = found.names.templates.get(word) {
            return found.templates.get(position).map(|template| (module, *template));
        }
        if !found.doubtful.contains(word) {
            let finding =
                Diagnostic::error("E0204", format!("there is no template {}", quoted(name)))
                    .at(call.name.span, "unknown");
            let known = found.names.templates.sorted();
            let help = "declare it with `template`, or name one that is declared";
            let known = known.iter().copied();
            self.out.push(Suggester::new().hint_or(finding, word, known, help));
        }
        None
    }

    /// Reports a template that calls itself, and calls that nest too deep.
    fn goes_on_for_ever(&mut self, template: &'a Declaration<'a>, call: &'a Call<'a>) -> bool {
        let again = self.open.iter().position(|(open, _)| std::ptr::eq(*open, template));
        if again.is_none() && self.open.len() < MAX_CALLS {
            return false;
        }
        let (code, message) = match again {
            Some(_) => ("E0502", format!("template {} calls itself", quoted(template.name.text))),
            None => ("E0213", format!("calls of templates nest more than {MAX_CALLS} deep")),
        };
        let mut finding = Diagnostic::error(code, message)
            .at(call.span, "this call would never end")
            .at(template.head, "the template");
        for (_, at) in self.open.iter().skip(again.unwrap_or(MAX_CALLS - 3)).take(8) {
            if *at != call.span {
                finding = finding.at(*at, "reached by this call");
            }
        }
        self.out.push(
            finding
                .help("a template can call others, but not itself; go through a list with `for`"),
        );
        true
    }

    /// Looks at the keys of templates that nobody calls: a mistake in one should not
    /// wait for the first call.
    pub(crate) fn uncalled(&mut self) {
        self.called.sort_by_key(|template| template.head);
        let mut items: Vec<&'a Declaration<'a>> = Vec::new();
        for module in &self.world.modules {
            let is_called = |template: &&Declaration<'_>| {
                self.called.binary_search_by_key(&template.head, |other| other.head).is_ok()
            };
            if matches!(module.place, Place::File(_)) {
                items.extend(module.templates.iter().filter(|template| !is_called(template)));
            }
        }
        items.into_iter().for_each(|item| self.keys(item));
    }

    /// Looks at the keys of an item of which nothing is made, and of those in it.
    pub(crate) fn keys(&mut self, item: &'a Declaration<'a>) {
        let keys = match item.keyword.text {
            "task" => words::TASK,
            "command" => words::COMMAND,
            "approval" => words::APPROVAL,
            "deploy" => words::DEPLOY,
            "group" | "template" => words::GROUP,
            _ => return,
        };
        let owner = Owner { adds: Adds::Defaults, ..Owner::of(item) };
        Fields::read(owner, &item.entries, keys, &Suggester::new(), self.out);
        for parameter in &item.parameters {
            Type::read(&parameter.ty, self.out);
        }
        for inner in &item.items {
            match inner {
                Item::Declaration(inner) => self.keys(inner),
                Item::Unknown(opening) => {
                    self.out.push(unknown_item(opening, &Suggester::new()));
                }
                _ => {}
            }
        }
    }
}
