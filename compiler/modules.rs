//! The names of each module: what it declares and what it uses.
//!
//! Agents, gates, rules, environments and templates have a space of names each;
//! tasks and groups belong to the task tree. Unaware of values.

use std::collections::BTreeSet;

use eufm_grammar::ast::{Binding, Declaration, Exchange, Item, Name, Opening};
use eufm_grammar::{Diagnostic, Diagnostics, ITEM_WORDS, Span};

use crate::clauses;
use crate::load::{Loaded, ModuleId, Place};
use crate::names::Space;
use crate::vocabulary::{self as words, advice};
use crate::wording::{Suggester, quoted, with_article};

/// One file: its items by what they declare, each in the order of the text.
pub(crate) struct Module<'a> {
    pub(crate) place: &'a Place,
    /// What the names of this module begin with in a plan; empty for the spec.
    pub(crate) prefix: String,
    /// The modules that this one uses, by the word that it calls them.
    pub(crate) uses: Space<'a>,
    pub(crate) targets: Vec<(ModuleId, Span)>,
    pub(crate) bindings: Vec<&'a Binding<'a>>,
    pub(crate) agents: Vec<&'a Declaration<'a>>,
    pub(crate) gates: Vec<&'a Declaration<'a>>,
    pub(crate) rules: Vec<&'a Declaration<'a>>,
    pub(crate) environments: Vec<&'a Declaration<'a>>,
    pub(crate) templates: Vec<&'a Declaration<'a>>,
    pub(crate) prices: Vec<&'a Declaration<'a>>,
    pub(crate) exchange: Vec<&'a Exchange<'a>>,
    pub(crate) pipelines: Vec<&'a Declaration<'a>>,
    pub(crate) constitutions: Vec<&'a Declaration<'a>>,
    pub(crate) generated: Vec<&'a Declaration<'a>>,
    pub(crate) names: Spaces<'a>,
    /// Names of items that are reported already: a reference to one is no second mistake.
    pub(crate) doubtful: BTreeSet<&'a str>,
    /// Whether something could not be read that may have declared anything.
    pub(crate) damaged: bool,
}

/// The spaces of names of a module.
pub(crate) struct Spaces<'a> {
    pub(crate) agents: Space<'a>,
    pub(crate) gates: Space<'a>,
    pub(crate) rules: Space<'a>,
    pub(crate) environments: Space<'a>,
    pub(crate) templates: Space<'a>,
}

impl Spaces<'_> {
    fn new() -> Self {
        Self {
            agents: Space::new("agent"),
            gates: Space::new("gate"),
            rules: Space::new("rule"),
            environments: Space::new("environment"),
            templates: Space::new("template"),
        }
    }
}

/// Sorts the items of all modules.
pub(crate) fn index<'a>(
    loaded: &'a [Loaded<'a>],
    suggester: &Suggester,
    out: &mut Diagnostics,
) -> Vec<Module<'a>> {
    let root = loaded.len().saturating_sub(1);
    let mut prefixes = BTreeSet::new();
    let mut modules = Vec::with_capacity(loaded.len());
    for (position, file) in loaded.iter().enumerate() {
        let prefix =
            if position == root { String::new() } else { unique(&mut prefixes, file.place.word()) };
        let mut module = Module::new(&file.place, prefix);
        module.link(file, loaded, out);
        for item in &file.spec.items {
            module.sort_in(item, position == root, suggester, out);
        }
        modules.push(module);
    }
    modules
}

/// Returns the word, with a number behind it if another module has it.
fn unique(taken: &mut BTreeSet<String>, word: &str) -> String {
    let mut name = word.to_owned();
    let mut number = 2;
    while !taken.insert(name.clone()) {
        name = format!("{word}-{number}");
        number += 1;
    }
    name
}

impl<'a> Module<'a> {
    fn new(place: &'a Place, prefix: String) -> Self {
        Self {
            place,
            prefix,
            uses: Space::new("module"),
            targets: Vec::new(),
            bindings: Vec::new(),
            agents: Vec::new(),
            gates: Vec::new(),
            rules: Vec::new(),
            environments: Vec::new(),
            templates: Vec::new(),
            prices: Vec::new(),
            exchange: Vec::new(),
            pipelines: Vec::new(),
            constitutions: Vec::new(),
            generated: Vec::new(),
            names: Spaces::new(),
            doubtful: BTreeSet::new(),
            damaged: false,
        }
    }

    /// Returns the folder that the module's paths are relative to.
    pub(crate) fn folder(&self) -> &'a str {
        match self.place {
            Place::File(path) => crate::paths::folder_of(path),
            Place::Standard(_) => "",
        }
    }

    /// Returns the name of something of this module in a plan.
    pub(crate) fn qualified(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}.{name}", self.prefix) }
    }

    fn link(&mut self, file: &'a Loaded<'a>, loaded: &'a [Loaded<'a>], out: &mut Diagnostics) {
        self.doubtful.extend(file.failed.iter().copied());
        for link in &file.links {
            let word = link.alias.unwrap_or_else(|| loaded[link.target.get()].place.word());
            self.uses.declare(&Name { text: word, span: link.span }, out);
            self.targets.push((link.target, link.span));
        }
    }

    fn sort_in(
        &mut self,
        item: &'a Item<'a>,
        is_spec: bool,
        suggester: &Suggester,
        out: &mut Diagnostics,
    ) {
        match item {
            Item::Edition(_) | Item::Use(_) => {}
            Item::Damaged(opening) => self.note(opening),
            Item::Unknown(opening) => {
                out.push(unknown_item(opening, suggester));
                self.note(opening);
            }
            Item::Exchange(exchange) => self.exchange.push(exchange),
            Item::Binding(binding) => {
                if binding.keyword.text == "param" && !is_spec {
                    out.push(only_in_the_spec(binding.span, "a param"));
                } else {
                    self.bindings.push(binding);
                }
            }
            // What makes nodes belongs to the task tree, which looks at the items again.
            Item::Call(_) if is_spec => {}
            Item::Call(call) => out.push(only_in_the_spec(call.span, "a call")),
            Item::Declaration(declaration) => self.declare(declaration, is_spec, out),
        }
    }

    /// Notes an item that could not be read: its name may mean anything.
    pub(crate) fn note(&mut self, opening: &'a Opening<'a>) {
        self.damaged = true;
        if !ITEM_WORDS.contains(&opening.keyword.text) {
            self.doubtful.insert(opening.keyword.text);
        }
        self.doubtful.extend(opening.name.map(|name| name.text));
    }

    fn declare(&mut self, item: &'a Declaration<'a>, is_spec: bool, out: &mut Diagnostics) {
        let names = &mut self.names;
        let (list, space) = match item.keyword.text {
            "agent" => (&mut self.agents, Some(&mut names.agents)),
            "gate" => (&mut self.gates, Some(&mut names.gates)),
            "rule" => (&mut self.rules, Some(&mut names.rules)),
            "environment" => (&mut self.environments, Some(&mut names.environments)),
            "template" => (&mut self.templates, Some(&mut names.templates)),
            "prices" => (&mut self.prices, None),
            keyword if !is_spec => {
                let noun = with_article(keyword);
                out.push(only_in_the_spec(item.head, &noun));
                return;
            }
            "pipeline" => (&mut self.pipelines, None),
            "constitution" => (&mut self.constitutions, None),
            "generated" => (&mut self.generated, None),
            _ => return,
        };
        list.push(item);
        if let Some(space) = space {
            space.declare(&item.name, out);
        }
        if matches!(item.keyword.text, "template" | "prices" | "constitution" | "generated") {
            clauses::refuse(item, &[], out);
        }
        let mut parameters = Space::new("parameter");
        item.parameters.iter().for_each(|parameter| parameters.declare(&parameter.name, out));
    }
}

fn only_in_the_spec(span: Span, noun: &str) -> Diagnostic {
    Diagnostic::error("E0218", format!("{noun} stands in a file that is only used"))
        .at(span, "belongs to the spec that is compiled")
        .help("a used file declares agents, gates, rules, environments, templates, prices and `let`; put work into a template, and call it from the spec")
}

/// Reports a word that begins no item.
pub(crate) fn unknown_item(opening: &Opening, suggester: &Suggester) -> Diagnostic {
    let word = quoted(opening.keyword.text);
    let finding = Diagnostic::error("E0201", format!("{word} is no item"))
        .at(opening.keyword.span, "unknown");
    if let Some(help) = advice(opening.keyword.text, words::MISTAKEN_ITEMS) {
        return finding.help(help);
    }
    match suggester.closest(opening.keyword.text, ITEM_WORDS.iter().copied()) {
        Some(near) => finding.help(format!("did you mean `{near}`?")),
        None => finding.help(
            "an item begins with `task`, `command`, `group`, `gate`, `agent` or another word of docs/language.md",
        ),
    }
}
