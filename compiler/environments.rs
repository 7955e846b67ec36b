//! Environments: tools, how they are prepared, and what is kept.
//!
//! Like agents and gates, an environment can adapt another one. Unaware of tasks.

use std::borrow::Cow;

use eufm_grammar::ast::{Declaration, Name};
use eufm_grammar::{Diagnostic, Diagnostics, Span};

use crate::actors::{Layer, lookup};
use crate::eval::Eval;
use crate::fields::{Adds, Fields, Owner};
use crate::load::ModuleId;
use crate::modules::Module;
use crate::params::joined;
use crate::typed::{self, Spanned};
use crate::value::{Value, Word};
use crate::vocabulary::ENVIRONMENT;
use crate::wording::{Suggester, quoted};
use crate::world::World;
use crate::{clauses, globs, hosts};

/// How long a chain of `is` may be.
const MAX_CHAIN: usize = 64;

/// An environment.
#[derive(Debug)]
pub(crate) struct Environment<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) module: ModuleId,
    /// Its name in a plan.
    pub(crate) qualified: String,
    pub(crate) tools: Vec<Spanned<Cow<'a, str>>>,
    pub(crate) prepare: Vec<String>,
    pub(crate) network: Vec<String>,
    pub(crate) key: Vec<String>,
    pub(crate) keep: Vec<Spanned<Cow<'a, str>>>,
}

/// The environments of all modules.
#[derive(Debug)]
pub(crate) struct Environments<'a> {
    pub(crate) list: Vec<Environment<'a>>,
    /// The position of each module's first.
    first: Vec<usize>,
}

impl<'a> Environments<'a> {
    /// Reads all environments.
    pub(crate) fn read(world: &World<'a>, out: &mut Diagnostics) -> Self {
        let mut all = Self { list: Vec::new(), first: Vec::new() };
        for (position, module) in world.modules.iter().enumerate() {
            all.first.push(all.list.len());
            for item in &module.environments {
                let environment = read(item, ModuleId::new(position), world, out);
                all.list.push(environment);
            }
        }
        all
    }

    /// Finds what a word names in the file it was written in.
    pub(crate) fn find(
        &self,
        word: &Word<'a>,
        span: Span,
        eval: &mut Eval<'_, 'a, '_>,
    ) -> Option<usize> {
        let (module, position) = lookup(word, span, eval, "environment", &declared, &known)?;
        Some(self.first[module.get()] + position)
    }
}

fn declared(module: &Module<'_>, name: &str) -> Option<usize> {
    module.names.environments.get(name).map(|(position, _)| position)
}

fn known<'a>(module: &Module<'a>) -> Vec<&'a str> {
    module.names.environments.sorted().to_vec()
}

fn read<'a>(
    item: &'a Declaration<'a>,
    module: ModuleId,
    world: &World<'a>,
    out: &mut Diagnostics,
) -> Environment<'a> {
    let layers = layers(item, module, world, out);
    let mut eval = Eval { world, suggester: Suggester::new(), out };
    let mut value = |key: &str| -> Option<Value<'a>> {
        let mut given = Vec::new();
        for layer in &layers {
            if let Some(entry) = layer.fields.get(key) {
                given.push((entry, layer.scope));
                if entry.relation != eufm_grammar::ast::Relation::Add {
                    break;
                }
            }
        }
        joined(&given, &mut eval)
    };
    let (tools, prepare, network) = (value("tools"), value("prepare"), value("network"));
    let (key, keep) = (value("key"), value("keep"));
    let environment = Environment {
        name: item.name,
        module,
        qualified: world.modules[module.get()].qualified(item.name.text),
        tools: tools.and_then(|value| typed::texts("tools", value, out)).unwrap_or_default(),
        prepare: prepare
            .and_then(|value| typed::command("prepare", value, out))
            .unwrap_or_default(),
        network: network.and_then(|value| hosts::read("network", value, out)).unwrap_or_default(),
        key: key.and_then(|value| globs::read("key", value, out)).unwrap_or_default(),
        keep: keep.and_then(|value| typed::texts("keep", value, out)).unwrap_or_default(),
    };
    let own = layers.first().map(|layer| &layer.fields);
    if let Some(fields) = own.filter(|fields| !fields.mentions("prepare"))
        && item.complete
        && item.kind.is_none()
    {
        unprepared(item, fields, out);
    }
    environment
}

/// Reports what makes no sense where nothing is prepared.
fn unprepared(item: &Declaration<'_>, fields: &Fields<'_>, out: &mut Diagnostics) {
    let name = quoted(item.name.text);
    if item.entries.is_empty() {
        let finding = Diagnostic::error("E0203", format!("environment {name} says nothing"))
            .at(item.head, "would change nothing")
            .help(
                "add `tools = [\"~/.local/bin\"]` or `prepare = [\"cargo\", \"fetch\", \"--locked\"]`",
            );
        out.push(finding);
    }
    for key in ["network", "key"] {
        if let Some(entry) = fields.get(key) {
            let message = format!("environment {name} has `{key}`, but lacks `prepare`");
            let finding = Diagnostic::error("E0203", message)
                .at(entry.key.span, "is for preparing")
                .help("add `prepare = [\"cargo\", \"fetch\", \"--locked\"]`");
            out.push(finding);
        }
    }
}

/// Returns the entries of an environment and of those behind its `is`.
fn layers<'a>(
    item: &'a Declaration<'a>,
    module: ModuleId,
    world: &World<'a>,
    out: &mut Diagnostics,
) -> Vec<Layer<'a>> {
    let mut layers = Vec::new();
    let mut seen: Vec<&Declaration<'_>> = Vec::new();
    let (mut item, mut module) = (item, module);
    loop {
        let owner = Owner {
            adds: if item.kind.is_some() { Adds::Lists } else { Adds::Nothing },
            ..Owner::of(item)
        };
        let fields = Fields::read(owner, &item.entries, ENVIRONMENT, &Suggester::new(), out);
        let scope = world.scopes.module(module);
        layers.push(Layer { fields, scope });
        seen.push(item);
        clauses::refuse(item, &["is"], out);
        let Some(base) = item.kind else {
            return layers;
        };
        let word = Word { text: Cow::Borrowed(base.text), home: scope };
        let mut eval = Eval { world, suggester: Suggester::new(), out };
        let Some((home, position)) =
            lookup(&word, base.span, &mut eval, "environment", &declared, &known)
        else {
            return layers;
        };
        let next = world.modules[home.get()].environments[position];
        let is_first = seen.iter().all(|other| seen[0].head <= other.head);
        if seen.len() >= MAX_CHAIN || seen.iter().any(|known| std::ptr::eq(*known, next)) {
            let finding = Diagnostic::error(
                "E0502",
                format!("environment {} is itself", quoted(next.name.text)),
            )
            .at(base.span, "and so back to the begin")
            .help("remove one of these `is`");
            // A circle is reported once, by the first of its items in the text.
            if is_first {
                out.push(finding);
            }
            return layers;
        }
        (item, module) = (next, home);
    }
}
