//! Agents, gates and rules: each a kind with its parameters, or another one adapted.
//!
//! What stands nearest wins; `+=` adds to the list of what is behind `is`, and
//! blocks are merged key by key. Generic over kinds. Unaware of tasks.

use eufm_grammar::ast::{Declaration, Entry, Name};
use eufm_grammar::{Diagnostic, Diagnostics, Span};
use eufm_plan::Params;
use eufm_plan::schema::{KindSchema, Param};

use crate::eval::Eval;
use crate::fields::{Adds, Fields, Owner};
use crate::load::ModuleId;
use crate::modules::Module;
use crate::names::Space;
use crate::scope::ScopeId;
use crate::value::Word;
use crate::vocabulary::{Key, RULE};
use crate::wording::{Suggester, quoted, with_article};
use crate::world::World;
use crate::{clauses, params};

/// How long a chain of `is` may be.
const MAX_CHAIN: usize = 64;

/// The families of things that have a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Agents,
    Gates,
    Rules,
}

impl Family {
    fn declared<'m, 'a>(
        self,
        module: &'m Module<'a>,
    ) -> (&'m [&'a Declaration<'a>], &'m Space<'a>) {
        match self {
            Self::Agents => (&module.agents, &module.names.agents),
            Self::Gates => (&module.gates, &module.names.gates),
            Self::Rules => (&module.rules, &module.names.rules),
        }
    }

    /// The keys that all kinds of the family share.
    fn keys(self) -> &'static [Key] {
        if self == Self::Rules { RULE } else { &[] }
    }
}

/// One layer of an actor: its own entries, or those of what it adapts.
#[derive(Clone, Debug)]
pub(crate) struct Layer<'a> {
    pub(crate) fields: Fields<'a>,
    pub(crate) scope: ScopeId,
}

/// An agent, a gate or a rule.
#[derive(Clone, Debug)]
pub(crate) struct Actor<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) module: ModuleId,
    /// Its name in a plan.
    pub(crate) qualified: String,
    /// Nothing where the kind is unknown; this is reported.
    pub(crate) schema: Option<&'static KindSchema>,
    pub(crate) params: Params,
    /// What must be given and is not: a used file may leave it to the spec.
    pub(crate) missing: Vec<&'static Param>,
    /// The nearest first.
    pub(crate) layers: Vec<Layer<'a>>,
}

/// The actors of a family in all modules.
#[derive(Debug)]
pub(crate) struct Actors<'a> {
    family: Family,
    pub(crate) list: Vec<Actor<'a>>,
    /// The position of each module's first.
    first: Vec<usize>,
}

impl<'a> Actors<'a> {
    /// Reads all actors of a family.
    pub(crate) fn read(
        family: Family,
        kinds: &[&'static KindSchema],
        world: &World<'a>,
        out: &mut Diagnostics,
    ) -> Self {
        let mut first = Vec::with_capacity(world.modules.len());
        let mut count = 0;
        for module in &world.modules {
            first.push(count);
            count += family.declared(module).0.len();
        }
        let suggester = Suggester::new();
        let mut actors = Self { family, list: Vec::with_capacity(count), first };
        for position in 0..world.modules.len() {
            let module = ModuleId::new(position);
            for item in family.declared(&world.modules[position]).0 {
                let mut reader = Reader { family, kinds, world, suggester: &suggester, out };
                let actor = reader.actor(item, module);
                actors.list.push(actor);
            }
        }
        actors
    }

    /// Reads one that is declared within another item of a module, and is no name
    /// for others.
    pub(crate) fn inner(
        &self,
        item: &'a Declaration<'a>,
        module: ModuleId,
        kinds: &[&'static KindSchema],
        world: &World<'a>,
        out: &mut Diagnostics,
    ) -> Actor<'a> {
        let suggester = &Suggester::new();
        Reader { family: self.family, kinds, world, suggester, out }.actor(item, module)
    }

    /// Finds what a word names in the file it was written in, whole or not.
    pub(crate) fn find_any(
        &self,
        word: &Word<'a>,
        span: Span,
        eval: &mut Eval<'_, 'a, '_>,
    ) -> Option<usize> {
        let family = self.family;
        let declared = |module: &Module<'a>, name: &str| {
            family.declared(module).1.get(name).map(|(position, _)| position)
        };
        let (module, position) = lookup(word, span, eval, family.noun(), &declared, &|module| {
            family.declared(module).1.sorted().to_vec()
        })?;
        Some(self.first[module.get()] + position)
    }

    /// Finds what a word names, and reports what it leaves open.
    pub(crate) fn find(
        &self,
        word: &Word<'a>,
        span: Span,
        eval: &mut Eval<'_, 'a, '_>,
    ) -> Option<usize> {
        let family = self.family;
        let found = self.find_any(word, span, eval)?;
        let actor = &self.list[found];
        if !actor.missing.is_empty() {
            let owner = Owner {
                noun: family.noun(),
                name: &word.text,
                span,
                complete: true,
                adds: Adds::Nothing,
            };
            let finding = params::lacking(owner, &actor.missing)
                .at(actor.name.span, "declared without it")
                .help(format!(
                    "declare one of your own: `{} name is {} {{ … }}`",
                    family.noun(),
                    word.text
                ));
            eval.report(finding, word.home);
        }
        Some(found)
    }
}

impl Family {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Agents => "agent",
            Self::Gates => "gate",
            Self::Rules => "rule",
        }
    }
}

/// Finds a name, `gate` or `module.gate`, and reports one that is not there.
pub(crate) fn lookup<'a>(
    word: &Word<'a>,
    span: Span,
    eval: &mut Eval<'_, 'a, '_>,
    noun: &str,
    declared: &dyn Fn(&Module<'a>, &str) -> Option<usize>,
    known: &dyn Fn(&Module<'a>) -> Vec<&'a str>,
) -> Option<(ModuleId, usize)> {
    let world = eval.world;
    let own = world.scopes.at(word.home).module;
    let (module, name) = match word.text.split_once('.') {
        None => (own, word.text.as_ref()),
        Some((first, rest)) => match world.used(first, word.home) {
            Some(module) => (module, rest),
            None if is_doubtful(world.module_of(word.home), first) => return None,
            None => {
                let message = format!("no file is used as {}", quoted(first));
                let finding = Diagnostic::error("E0204", message).at(span, "unknown");
                let uses = &world.module_of(word.home).uses;
                let finding = eval.suggester.hint(finding, first, uses.sorted().iter().copied());
                let help = format!(
                    "write `use std.{first}`, or `use \"lib/{first}.eufm\"`, at the begin of the file; tasks are separated by `/`"
                );
                eval.report(finding.help(help), word.home);
                return None;
            }
        },
    };
    let found = &world.modules[module.get()];
    if let Some(position) = declared(found, name) {
        return Some((module, position));
    }
    if !found.doubtful.contains(name) {
        let message = format!("there is no {noun} {}", quoted(&word.text));
        let mut finding = Diagnostic::error("E0204", message).at(span, "unknown");
        if let Some((other, place)) = elsewhere(found, name) {
            finding = finding
                .at(place, format!("there is {} of this name", with_article(other)))
                .help(format!("name {}", with_article(noun)));
        }
        let known = if eval.suggester.afford(1) { known(found) } else { Vec::new() };
        let help = format!("declare it, or name {} that is declared", with_article(noun));
        eval.report(eval.suggester.hint_or(finding, name, known, &help), word.home);
    }
    None
}

/// Tells whether a used file of this name may be one that could not be read.
fn is_doubtful(module: &Module<'_>, word: &str) -> bool {
    module.doubtful.contains(word) || (module.damaged && module.uses.get(word).is_none())
}

/// Finds something else of this name in a module.
fn elsewhere(module: &Module<'_>, name: &str) -> Option<(&'static str, Span)> {
    let names = &module.names;
    let spaces = [&names.agents, &names.gates, &names.rules, &names.environments, &names.templates];
    spaces.into_iter().find_map(|space| Some((space.noun, space.get(name)?.1)))
}

struct Reader<'w, 'a, 'o> {
    family: Family,
    kinds: &'w [&'static KindSchema],
    world: &'w World<'a>,
    suggester: &'w Suggester,
    out: &'o mut Diagnostics,
}

impl<'a> Reader<'_, 'a, '_> {
    fn actor(&mut self, item: &'a Declaration<'a>, module: ModuleId) -> Actor<'a> {
        let qualified = self.world.modules[module.get()].qualified(item.name.text);
        let mut actor = Actor {
            name: item.name,
            module,
            qualified,
            schema: None,
            params: Params::default(),
            missing: Vec::new(),
            layers: Vec::new(),
        };
        clauses::refuse(item, &["is"], self.out);
        let Some((schema, chain)) = self.chain(item, module) else {
            return actor;
        };
        let keys = params::keys(schema, self.family.keys());
        for (position, (layer, home)) in chain.iter().enumerate() {
            let has_base = position + 1 < chain.len();
            let adds = if has_base { Adds::Lists } else { Adds::Nothing };
            let owner = Owner { complete: false, adds, ..Owner::of(layer) };
            // What others declare is reported with them.
            let mut unheard = Diagnostics::new();
            let out = if position == 0 { &mut *self.out } else { &mut unheard };
            let fields = Fields::read(owner, &layer.entries, &keys, &Suggester::new(), out);
            actor.layers.push(Layer { fields, scope: self.world.scopes.module(*home) });
        }
        actor.schema = Some(schema);
        let complete = chain.iter().all(|(layer, _)| layer.complete);
        let mut eval = Eval { world: self.world, suggester: Suggester::new(), out: self.out };
        (actor.params, actor.missing) =
            params::read(schema, Owner::of(item), &actor.layers, &mut eval);
        if !complete {
            actor.missing.clear();
        }
        // What the one behind `is` lacks is reported there.
        let is_final = |home: ModuleId| home == self.world.spec() && !self.world.is_used_only;
        if chain.get(1).is_some_and(|(_, home)| is_final(*home)) {
            let mut unheard = Diagnostics::new();
            let mut eval =
                Eval { world: self.world, suggester: Suggester::silent(), out: &mut unheard };
            let (_, behind) = params::read(schema, Owner::of(item), &actor.layers[1..], &mut eval);
            actor.missing.retain(|param| !behind.iter().any(|other| other.name == param.name));
        }
        let is_final = is_final(module);
        if is_final && !actor.missing.is_empty() {
            self.out.push(params::lacking(Owner::of(item), &actor.missing));
            actor.missing.clear();
        }
        actor
    }

    /// Returns the kind of an item, and the items from itself to the last one
    /// behind an `is`.
    fn chain(
        &mut self,
        item: &'a Declaration<'a>,
        module: ModuleId,
    ) -> Option<(&'static KindSchema, Vec<(&'a Declaration<'a>, ModuleId)>)> {
        let mut chain = vec![(item, module)];
        loop {
            let (last, home) = *chain.last()?;
            let Some(kind) = &last.kind else {
                if chain.len() == 1 {
                    self.no_kind(item);
                }
                return None;
            };
            match self.base(last, kind, home) {
                Base::Kind(schema) => return Some((schema, chain)),
                // What is behind another item is reported there.
                Base::Unknown if chain.len() > 1 => return None,
                Base::Unknown => {
                    self.unknown_kind(item, kind, home);
                    return None;
                }
                Base::Item(next, module) => {
                    let again = chain.iter().any(|(known, _)| std::ptr::eq(*known, next));
                    if again || chain.len() >= MAX_CHAIN {
                        self.circle(&chain, next, again);
                        return None;
                    }
                    chain.push((next, module));
                }
            }
        }
    }

    /// Finds what stands behind `is`: an item of the same sort, else a kind.
    fn base(&self, item: &'a Declaration<'a>, kind: &Name<'a>, home: ModuleId) -> Base<'a> {
        let family = self.family;
        let (module, name) = match kind.text.split_once('.') {
            Some((first, rest)) => match self.world.used(first, self.world.scopes.module(home)) {
                Some(module) => (module, rest),
                None => return Base::Unknown,
            },
            None => (home, kind.text),
        };
        let (items, names) = family.declared(&self.world.modules[module.get()]);
        let found = names.get(name).and_then(|(position, _)| items.get(position));
        if let Some(found) = found.filter(|found| !std::ptr::eq(**found, item)) {
            return Base::Item(found, module);
        }
        let schema = self.kinds.iter().find(|schema| schema.name == kind.text);
        schema.map_or(Base::Unknown, |schema| Base::Kind(schema))
    }

    fn no_kind(&mut self, item: &Declaration<'_>) {
        let (noun, name) = (item.keyword.text, item.name.text);
        let example = self.kinds.first().map_or("…", |schema| schema.name);
        let finding = Diagnostic::error("E0209", format!("{noun} {} has no kind", quoted(name)))
            .at(item.head, "of which kind?")
            .help(format!("write `{noun} {name} is {example} {{ … }}`"));
        self.out.push(finding);
    }

    fn unknown_kind(&mut self, item: &Declaration<'_>, kind: &Name<'_>, home: ModuleId) {
        let module = &self.world.modules[home.get()];
        let first = kind.text.split('.').next().unwrap_or(kind.text);
        let is_behind = kind.text.contains('.') && is_doubtful(module, first);
        if module.doubtful.contains(kind.text) || is_behind {
            return;
        }
        let noun = item.keyword.text;
        let message = format!("there is no kind of {noun} called {}", quoted(kind.text));
        let mut finding = Diagnostic::error("E0208", message).at(kind.span, "unknown");
        let (first, rest) = kind.text.split_once('.').unwrap_or(("", kind.text));
        let used = self.world.used(first, self.world.scopes.module(home));
        if used.is_none() && !first.is_empty() {
            let help = format!(
                "write `use std.{first}` at the begin of the file if it is a part of the standard library"
            );
            finding = finding.help(help);
        }
        let mut known: Vec<&str> = Vec::new();
        // Where nothing more is compared nothing needs to be collected.
        if self.suggester.afford(1) {
            if used.is_none() {
                known.extend(self.kinds.iter().map(|schema| schema.name));
            }
            let home = used.map_or(module, |used| &self.world.modules[used.get()]);
            known.extend(self.family.declared(home).1.sorted());
            known.retain(|name| *name != item.name.text);
        }
        let help = "name a kind, or one that is declared";
        self.out.push(self.suggester.hint_or(finding, rest, known.iter().copied(), help));
    }

    fn circle(
        &mut self,
        chain: &[(&'a Declaration<'a>, ModuleId)],
        next: &Declaration<'a>,
        again: bool,
    ) {
        let (item, _) = chain[0];
        // A circle is reported once, by the first of its items in the text.
        if again && chain.iter().any(|(other, _)| other.head < item.head) {
            return;
        }
        let noun = item.keyword.text;
        let message = if again {
            format!("{noun} {} is itself", quoted(next.name.text))
        } else {
            format!("{noun} {} is behind more than {MAX_CHAIN} others", quoted(item.name.text))
        };
        let mut finding = Diagnostic::error("E0502", message);
        for (other, _) in chain.iter().take(8) {
            let kind = other.kind.map_or(other.head, |kind| kind.span);
            finding = finding.at(kind, format!("{} is this", quoted(other.name.text)));
        }
        self.out.push(finding.help("name a kind behind one of these `is`"));
    }
}

/// What stands behind `is`.
enum Base<'a> {
    Kind(&'static KindSchema),
    Item(&'a Declaration<'a>, ModuleId),
    Unknown,
}

/// Reads a gate that is adapted in place: its own parameters before those of the gate.
pub(crate) fn adapted<'a>(
    base: &Actor<'a>,
    entries: &'a [Entry<'a>],
    scope: ScopeId,
    span: Span,
    eval: &mut Eval<'_, 'a, '_>,
) -> Option<Params> {
    let schema = base.schema?;
    let owner =
        Owner { noun: "gate", name: base.name.text, span, complete: false, adds: Adds::Lists };
    let keys = params::keys(schema, &[]);
    let fields = Fields::read(owner, entries, &keys, &eval.suggester, eval.out);
    let mut layers = vec![Layer { fields, scope }];
    layers.extend(base.layers.iter().cloned());
    let (params, mut missing) = params::read(schema, owner, &layers, eval);
    // What the gate itself lacks is reported with it, unless it was left to the spec.
    missing.retain(|param| base.missing.iter().any(|other| other.name == param.name));
    if !missing.is_empty() {
        let finding = params::lacking(owner, &missing);
        eval.report(finding, scope);
    }
    Some(params)
}
