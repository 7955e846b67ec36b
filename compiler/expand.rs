//! Expands the items of a spec to the task tree: `for`, `when`, groups, calls.
//!
//! Depth-first in the order of the text, so that the instances of a group stand
//! together. Bounded: calls nest to a fixed depth, no template calls itself, and
//! the number of nodes has a limit that is counted before anything is resolved.
//! Unaware of what tasks say and need.

use eufm_grammar::ast::{Binding, Declaration, Entry, Item, Relation, Repetition};
use eufm_grammar::{Diagnostic, Diagnostics, Span};
use indexmap::IndexMap;
use indexmap::map::Entry as Place;

use crate::eval::{Eval, Wanted};
use crate::fields::{Adds, Fields, Owner, entries_of};
use crate::modules::unknown_item;
use crate::names::declared_twice;
use crate::scope::{Bound, ScopeId};
use crate::tree::{
    Defaults, DefaultsId, Group, GroupId, Instance, Member, Target, Targets, TaskId, TaskTree,
};
use crate::value::{Kind, Value};
use crate::vocabulary as words;
use crate::wording::{Suggester, article, quoted};
use crate::world::World;
use crate::{clauses, spelling, typed};

/// The longest name of an instance, in bytes.
const MAX_INDEX: usize = 200;

/// Expands the items of the spec.
pub(crate) fn expand<'a>(
    items: &'a [Item<'a>],
    pipeline: Option<&'a Declaration<'a>>,
    world: &mut World<'a>,
    out: &mut Diagnostics,
) -> TaskTree<'a> {
    let tree = TaskTree { groups: Vec::new(), instances: Vec::new(), defaults: Vec::new() };
    let scope = world.scopes.module(world.spec());
    let mut expander =
        Expander { world, out, tree, open: Vec::new(), called: Vec::new(), full: false };
    let defaults = pipeline.and_then(|pipeline| expander.pipeline_defaults(pipeline, scope));
    expander.tree.groups.push(Group {
        name: "",
        index: None,
        parent: None,
        sealed: true,
        omitted: false,
        needs: None,
        defaults,
        members: IndexMap::with_capacity(items.len()),
        tasks: 0..0,
    });
    expander.tree.instances.reserve(items.len());
    expander.items(items, scope, GroupId::ROOT, true);
    expander.close(GroupId::ROOT);
    expander.uncalled();
    expander.tree
}

pub(crate) struct Expander<'w, 'a, 'o> {
    pub(crate) world: &'w mut World<'a>,
    pub(crate) out: &'o mut Diagnostics,
    pub(crate) tree: TaskTree<'a>,
    /// The templates whose inside is being expanded, each with its call.
    pub(crate) open: Vec<(&'a Declaration<'a>, Span)>,
    /// The templates that were called.
    pub(crate) called: Vec<&'a Declaration<'a>>,
    /// Whether there are too many nodes; then nothing is added any more.
    full: bool,
}

/// One element of a `for`, or the one instance of an item without.
pub(crate) struct Element {
    pub(crate) index: Option<Box<str>>,
    pub(crate) scope: ScopeId,
    /// The element itself.
    pub(crate) span: Option<Span>,
}

/// What was made of one element.
pub(crate) struct Made {
    pub(crate) index: Option<Box<str>>,
    pub(crate) span: Option<Span>,
    pub(crate) target: Target,
}

impl<'a> Expander<'_, 'a, '_> {
    fn eval(&mut self) -> Eval<'_, 'a, '_> {
        Eval { world: self.world, suggester: Suggester::new(), out: self.out }
    }

    /// Expands items; those of the outermost level that make no node are others' work.
    pub(crate) fn items(
        &mut self,
        items: &'a [Item<'a>],
        scope: ScopeId,
        group: GroupId,
        outermost: bool,
    ) {
        for item in items {
            if self.full {
                return;
            }
            match item {
                Item::Declaration(item) => match item.keyword.text {
                    "task" | "command" | "approval" | "deploy" => self.task(item, scope, group),
                    "group" => self.group(item, scope, group),
                    keyword if !outermost => {
                        self.misplaced(keyword, item.head);
                        self.doubt(item.name.text);
                    }
                    _ => {}
                },
                Item::Call(call) => self.call(call, scope, group),
                Item::Binding(binding) if !outermost => self.bind(binding, scope),
                Item::Use(item) if !outermost => self.misplaced("use", item.span),
                Item::Edition(item) if !outermost => self.misplaced("edition", item.span),
                Item::Exchange(item) if !outermost => self.misplaced("exchange", item.head),
                Item::Damaged(opening) | Item::Unknown(opening) if !outermost => {
                    if matches!(item, Item::Unknown(_)) {
                        self.out.push(unknown_item(opening, &Suggester::new()));
                    }
                    let spec = self.world.spec();
                    self.world.modules[spec.get()].note(opening);
                }
                _ => {}
            }
        }
    }

    /// Notes a name that is reported already: what refers to it is no second mistake.
    pub(crate) fn doubt(&mut self, name: &'a str) {
        let spec = self.world.spec();
        self.world.modules[spec.get()].doubtful.insert(name);
    }

    pub(crate) fn misplaced(&mut self, keyword: &str, span: Span) {
        let message =
            format!("{} `{keyword}` cannot stand in a group or template", article(keyword));
        let finding = Diagnostic::error("E0219", message)
            .at(span, "does not belong here")
            .help("here stand tasks, commands, approvals, deploys, groups, calls of templates and `let`; move it to the outermost level");
        self.out.push(finding);
    }

    /// `let x = value` in a group or template.
    fn bind(&mut self, binding: &'a Binding<'a>, scope: ScopeId) {
        if binding.keyword.text != "let" {
            self.misplaced(binding.keyword.text, binding.span);
            return;
        }
        let Some(value) = &binding.value else {
            return;
        };
        let value = self.eval().value(value, scope);
        self.give(scope, binding.name.text, value, binding.name.span);
    }

    /// Gives a name a value; a name that has one already is reported.
    fn give(&mut self, scope: ScopeId, name: &'a str, value: Value<'a>, span: Span) {
        match self.world.scopes.find(name, scope) {
            Some(known) => {
                let finding = hides(name, span, known.name);
                self.out.push(finding);
            }
            None => {
                let bound = Bound { value, name: span, ty: None };
                self.world.scopes.at_mut(scope).values.insert(name, bound);
            }
        }
    }

    fn task(&mut self, item: &'a Declaration<'a>, scope: ScopeId, group: GroupId) {
        let noun = match item.keyword.text {
            "task" => "task",
            "command" => "command",
            "approval" => "approval",
            _ => "deploy",
        };
        let omitted = self.tree.group(group).omitted;
        let mut targets = Vec::new();
        for element in self.elements(item.repetition.as_ref(), scope, group) {
            if self.count(item.head) {
                return;
            }
            let taken_out = noun != "approval" && self.when(&item.entries, element.scope);
            let id = TaskId::new(self.tree.instances.len());
            targets.push(Made {
                index: element.index.clone(),
                span: element.span,
                target: Target::Task(id),
            });
            self.tree.instances.push(Instance {
                item,
                group,
                scope: element.scope,
                index: element.index,
                omitted: omitted || taken_out,
            });
        }
        if targets.is_empty() {
            self.keys(item);
        }
        self.declare(
            noun,
            item.name.text,
            item.name.span,
            item.repetition.is_some(),
            targets,
            group,
        );
    }

    /// Counts one node more; true if there are too many.
    pub(crate) fn count(&mut self, span: Span) -> bool {
        if self.full {
            return true;
        }
        let most = self.world.meter.nodes;
        if (self.tree.instances.len() + self.tree.groups.len()) as u64 >= most {
            let finding = Diagnostic::error("E0213", format!("the spec makes more than {most} nodes"))
                .at(span, "one too many")
                .help(format!("split the work into several specs; a plan has {} nodes at most, and a spec of this size {most}", crate::MAX_NODES));
            self.out.push(finding);
            self.full = true;
        }
        self.full
    }

    fn group(&mut self, item: &'a Declaration<'a>, scope: ScopeId, group: GroupId) {
        let owner = Owner::of(item);
        let fields = Fields::read(owner, &item.entries, words::GROUP, &Suggester::new(), self.out);
        clauses::refuse(item, &["for"], self.out);
        let mut targets = Vec::new();
        for element in self.elements(item.repetition.as_ref(), scope, group) {
            if self.count(item.head) {
                return;
            }
            let id = self.open(item.name.text, element.index.clone(), group, false);
            // A scope of its own, in which the tasks of the group are seen.
            let inner = self.world.scopes.inside(element.scope, id);
            self.settle(id, &fields, inner, item.complete);
            targets.push(Made {
                index: element.index,
                span: element.span,
                target: Target::Group(id),
            });
            self.items(&item.items, inner, id, false);
            self.close(id);
        }
        if targets.is_empty() {
            self.keys(item);
        }
        self.declare(
            "group",
            item.name.text,
            item.name.span,
            item.repetition.is_some(),
            targets,
            group,
        );
    }

    /// Adds an empty group.
    pub(crate) fn open(
        &mut self,
        name: &'a str,
        index: Option<Box<str>>,
        parent: GroupId,
        sealed: bool,
    ) -> GroupId {
        let around = self.tree.group(parent);
        let (omitted, defaults) = (around.omitted, around.defaults);
        let begin = u32::try_from(self.tree.instances.len()).unwrap_or(u32::MAX);
        self.tree.groups.push(Group {
            name,
            index,
            parent: Some(parent),
            sealed,
            omitted,
            needs: None,
            defaults,
            members: IndexMap::new(),
            tasks: begin..begin,
        });
        GroupId::new(self.tree.groups.len() - 1)
    }

    /// Takes what a group says of itself.
    pub(crate) fn settle(
        &mut self,
        id: GroupId,
        fields: &Fields<'a>,
        scope: ScopeId,
        complete: bool,
    ) {
        self.world.doubtful_defaults |= !complete;
        let taken_out = fields.get("when").is_some_and(|entry| self.is_false(entry, scope));
        let needs = fields.get("needs").map(|entry| (entry, scope));
        let defaults = fields.get("defaults").and_then(|entry| {
            let outer = self.tree.group(id).defaults;
            self.defaults(entry, scope, outer, complete)
        });
        let group = &mut self.tree.groups[id.get()];
        group.omitted |= taken_out;
        group.needs = needs;
        group.defaults = defaults.or(group.defaults);
    }

    pub(crate) fn close(&mut self, id: GroupId) {
        let end = u32::try_from(self.tree.instances.len()).unwrap_or(u32::MAX);
        self.tree.groups[id.get()].tasks.end = end;
    }

    fn pipeline_defaults(
        &mut self,
        pipeline: &'a Declaration<'a>,
        scope: ScopeId,
    ) -> Option<DefaultsId> {
        let entry = pipeline
            .entries
            .iter()
            .find(|entry| entry.key.text == "defaults" && entry.relation == Relation::Block)?;
        self.defaults(entry, scope, None, pipeline.complete)
    }

    fn defaults(
        &mut self,
        entry: &'a Entry<'a>,
        scope: ScopeId,
        outer: Option<DefaultsId>,
        complete: bool,
    ) -> Option<DefaultsId> {
        let owner = Owner {
            noun: "`defaults` block",
            name: "",
            span: entry.key.span,
            complete,
            adds: if outer.is_some() { Adds::Defaults } else { Adds::Nothing },
        };
        let entries = entries_of(entry);
        let before = self.out.errors();
        let fields = Fields::read(owner, entries, words::DEFAULTS, &Suggester::new(), self.out);
        self.world.doubtful_defaults |= self.out.errors() > before;
        self.tree.defaults.push(Defaults { fields, scope, outer });
        Some(DefaultsId::new(self.tree.defaults.len() - 1))
    }

    /// Tells whether an item says `when = false`.
    fn when(&mut self, entries: &'a [Entry<'a>], scope: ScopeId) -> bool {
        let entry = entries
            .iter()
            .find(|entry| entry.key.text == "when" && entry.relation == Relation::Set);
        entry.is_some_and(|entry| self.is_false(entry, scope))
    }

    fn is_false(&mut self, entry: &'a Entry<'a>, scope: ScopeId) -> bool {
        let value = self.eval().value(&entry.value, scope);
        typed::flag("when", &value, self.out) == Some(false)
    }

    /// Returns the instances that a `for` makes, each in a scope of its own.
    pub(crate) fn elements(
        &mut self,
        repetition: Option<&'a Repetition<'a>>,
        scope: ScopeId,
        group: GroupId,
    ) -> Vec<Element> {
        let Some(repetition) = repetition else {
            return vec![Element { index: None, scope, span: None }];
        };
        let variable = repetition.variable;
        let list = self.eval().value(&repetition.list, scope);
        if let Some(known) = self.world.scopes.find(variable.text, scope) {
            let finding = hides(variable.text, variable.span, known.name);
            self.out.push(finding);
        }
        let values = match list.kind {
            Kind::Word(ref word) => {
                let finding = self.eval().no_value(word, list.span, scope, Wanted::Value);
                self.out.push(finding);
                return Vec::new();
            }
            _ => typed::list("for", list, self.out).unwrap_or_default(),
        };
        if values.len() as u64 > self.world.meter.nodes {
            self.full = true;
            let most = self.world.meter.nodes;
            let finding =
                Diagnostic::error("E0213", format!("the spec makes more than {most} nodes"))
                    .at(repetition.span, format!("{} elements", values.len()))
                    .help("split the work into several specs");
            self.out.push(finding);
            return Vec::new();
        }
        let mut elements = Vec::with_capacity(values.len());
        for value in values {
            let Some(index) = self.index(&value) else {
                continue;
            };
            let span = Some(value.span);
            let inner = self.world.scopes.inside(scope, group);
            let bound = Bound { value, name: variable.span, ty: None };
            self.world.scopes.at_mut(inner).values.insert(variable.text, bound);
            elements.push(Element { index: Some(index), scope: inner, span });
        }
        elements
    }

    /// Returns the name of an instance; what can be none is reported.
    fn index(&mut self, value: &Value<'a>) -> Option<Box<str>> {
        if value.is_damaged() {
            return None;
        }
        let report = |out: &mut Diagnostics, problem: &str, help: &str| {
            let finding = Diagnostic::error("E0222", format!("an element of `for` {problem}"))
                .at(value.span, "names no instance")
                .help(help);
            out.push(finding);
        };
        let Some(text) = spelling::of(&value.kind) else {
            let problem = format!("is {}", value.kind.noun());
            report(
                self.out,
                &problem,
                "an instance is named by its element: a text, a number or a word",
            );
            return None;
        };
        let problem = if text.trim().is_empty() {
            "is empty"
        } else if text.len() > MAX_INDEX {
            "is too long"
        } else if text.chars().any(|sign| sign.is_control() || eufm_grammar::is_invisible(sign)) {
            "holds a sign that cannot be seen"
        } else {
            return Some(text.into_boxed_str());
        };
        report(
            self.out,
            problem,
            "an instance is named by its element: at most 200 bytes that can be seen, on one line",
        );
        None
    }

    /// Declares what a name stands for in a group.
    pub(crate) fn declare(
        &mut self,
        noun: &'static str,
        name: &'a str,
        span: Span,
        repeated: bool,
        targets: Vec<Made>,
        group: GroupId,
    ) {
        let declared = eufm_grammar::ast::Name { text: name, span };
        let place = match self.tree.groups[group.get()].members.entry(name) {
            Place::Vacant(place) => place,
            Place::Occupied(first) => {
                let first = first.get();
                return self.out.push(declared_twice(first.noun, &declared, first.span));
            }
        };
        let targets = if repeated {
            let mut each = IndexMap::with_capacity(targets.len());
            for Made { index, span: place, target } in targets {
                let index = index.unwrap_or_default();
                if each.contains_key(&index) {
                    let message =
                        format!("two instances of {} are called {}", quoted(name), quoted(&index));
                    let finding = Diagnostic::error("E0205", message)
                        .at(place.unwrap_or(span), "stands in the list for the second time")
                        .at(span, "is repeated for that list")
                        .help("remove one of them from the list");
                    self.out.push(finding);
                } else {
                    each.insert(index, target);
                }
            }
            Targets::Each(each)
        } else {
            // Nothing was made only where that is reported.
            let Some(Made { target, .. }) = targets.into_iter().next() else {
                return;
            };
            Targets::One(target)
        };
        place.insert(Member { noun, span, targets });
    }
}

/// Reports a name that has a value already.
pub(crate) fn hides(name: &str, span: Span, first: Span) -> Diagnostic {
    Diagnostic::error("E0220", format!("{} has a value already", quoted(name)))
        .at(span, "would hide the other")
        .at(first, "the first value")
        .help("give one of them another name")
}
