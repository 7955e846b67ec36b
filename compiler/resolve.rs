//! From the tree of the text to declarations with typed values: [`resolve`].
//!
//! First all names are collected, then each item is read, so that a name may be
//! used before it is declared. Unaware of what must hold between several items;
//! that is checked afterwards.

use eufm_grammar::ast::{Declaration, Edition, Entry, Item, Name, Opening, Spec, ValueKind};
use eufm_grammar::{Diagnostic, Diagnostics, Span};
use eufm_plan::Params;
use eufm_plan::schema::{Catalog, KindSchema};
use rayon::prelude::{ParallelIterator as _, ParallelSlice as _};

use crate::fields::{Fields, Owner};
use crate::names::{Names, Space};
use crate::resolved::{
    Actor, AgentId, Declarations, Environment, EnvironmentId, GateId, Pipeline, ResolvedSpec,
    Spanned, Task, TaskId, Work,
};
use crate::vocabulary::{self as words, Later, later};
use crate::wording::{Suggester, quoted, with_article};
use crate::{EDITION, MAX_NODES, params, value};

/// How many tasks are read at a time.
const GROUP: usize = 500;

/// How many nodes may run at once when nothing is said.
const DEFAULT_PARALLEL: u32 = 2;
/// How often a node may be tried when nothing is said.
const DEFAULT_ATTEMPTS: u32 = 1;
/// The most nodes that may run at once.
const MAX_PARALLEL: u32 = 1_024;
/// The most attempts of one node.
const MAX_ATTEMPTS: u32 = 100;

/// Resolves the names of a spec, types its values and fills its defaults.
/// Reports whatever does not fit; stand-ins then take its place.
pub(crate) fn resolve<'a>(
    spec: &'a Spec<'a>,
    catalog: &Catalog<'_>,
    out: &mut Diagnostics,
) -> ResolvedSpec<'a> {
    let suggester = Suggester::new();
    let mut groups = Groups::default();
    let mut names = Names::new();
    edition(spec, out);
    for item in &spec.items {
        match item {
            Item::Edition(_) => {}
            Item::Damaged(opening) => groups.note(opening, &mut names),
            Item::Unknown(opening) => {
                out.push(unknown_item(opening, &suggester));
                groups.note(opening, &mut names);
            }
            Item::Declaration(declaration) => groups.sort_in(declaration, &mut names, out),
        }
    }
    let mut resolver = Resolver { names: &names, suggester, out };
    let pipeline = resolver.pipeline(spec, &groups);
    let environments = groups.environments.iter().map(|item| resolver.environment(item)).collect();
    let agents =
        groups.agents.iter().map(|item| resolver.actor(item, catalog.agents, words::LATER_AGENT));
    let agents = agents.collect();
    let gates =
        groups.gates.iter().map(|item| resolver.actor(item, catalog.gates, words::LATER_GATE));
    let gates = gates.collect();
    let mut declarations = Declarations { pipeline, environments, agents, gates };
    let tasks = resolver.nodes(&groups.nodes, &declarations.agents);
    if resolver.out.has_errors() {
        declarations.agents.push(Actor::stand_in(declarations.pipeline.name.span));
    }
    if let Some(item) = groups.nodes.get(MAX_NODES) {
        let finding = Diagnostic::error(
            "E0213",
            format!("there are more than {MAX_NODES} tasks and commands"),
        )
        .at(item.head, "one too many")
        .help("split the work into several specs");
        resolver.out.push(finding);
    }
    if groups.nodes.is_empty() && !groups.damaged && !spec.items.is_empty() {
        let message = "there is no task and no command: nothing would be done";
        let finding = Diagnostic::error("E0212", message)
            .at(declarations.pipeline.name.span, "has no work")
            .help("add a task, as in `task greet by builder { prompt = \"…\", writes = [\"hello/**\"] }`");
        resolver.out.push(finding);
    }
    ResolvedSpec { declarations, tasks }
}

/// The items by what they declare, each in the order of the spec.
#[derive(Default)]
struct Groups<'a> {
    pipelines: Vec<&'a Declaration<'a>>,
    environments: Vec<&'a Declaration<'a>>,
    agents: Vec<&'a Declaration<'a>>,
    gates: Vec<&'a Declaration<'a>>,
    nodes: Vec<&'a Declaration<'a>>,
    /// Whether something could not be read that may have declared anything.
    damaged: bool,
}

impl<'a> Groups<'a> {
    fn note(&mut self, opening: &'a Opening<'a>, names: &mut Names<'a>) {
        self.damaged = true;
        names.doubtful.extend(opening.name.map(|name| name.text));
    }

    fn sort_in(&mut self, item: &'a Declaration<'a>, names: &mut Names<'a>, out: &mut Diagnostics) {
        let (group, space): (_, Option<&mut Space<'a>>) = match item.keyword.text {
            "environment" => (&mut self.environments, Some(&mut names.environments)),
            "agent" => (&mut self.agents, Some(&mut names.agents)),
            "gate" => (&mut self.gates, Some(&mut names.gates)),
            "pipeline" => (&mut self.pipelines, None),
            _ => (&mut self.nodes, Some(&mut names.nodes)),
        };
        group.push(item);
        if let Some(space) = space {
            space.declare(&item.name, out);
        }
    }
}

/// Checks that the spec begins with an edition that is known, and has no other.
fn edition(spec: &Spec, out: &mut Diagnostics) {
    let known = EDITION.to_string();
    let help = format!("begin the file with `edition {known}`");
    let Some(first) = spec.items.first() else {
        // A text of which nothing could be read is reported already.
        if !out.has_errors() {
            let start = Span::new(spec.span.file(), 0..0);
            let finding = Diagnostic::error("E0211", "the spec is empty").at(start, "nothing here");
            out.push(finding.help(help));
        }
        return;
    };
    let place = match first {
        Item::Edition(edition) => {
            if edition.number.text != known {
                out.push(unknown_edition(edition, &known));
            }
            None
        }
        Item::Declaration(declaration) => Some(declaration.keyword.span),
        Item::Unknown(opening) => Some(opening.keyword.span),
        Item::Damaged(opening) => {
            (opening.keyword.text != "edition").then_some(opening.keyword.span)
        }
    };
    if let Some(place) = place {
        let message = "the spec does not begin with its edition";
        out.push(Diagnostic::error("E0211", message).at(place, "begins with this").help(help));
    }
    for item in spec.items.iter().skip(1) {
        if let Item::Edition(edition) = item {
            let finding = Diagnostic::error("E0211", "an edition stands behind other items")
                .at(edition.span, "not the first item")
                .help("the edition is said once, first in the file; remove this line or move it there");
            out.push(finding);
        }
    }
}

fn unknown_edition(edition: &Edition, known: &str) -> Diagnostic {
    let message = format!("this version does not know edition {}", quoted(edition.number.text));
    Diagnostic::error("E0211", message)
        .at(edition.number.span, "unknown")
        .help(format!("write `edition {known}`, or use a newer version of eufm"))
}

fn unknown_item(opening: &Opening, suggester: &Suggester) -> Diagnostic {
    let word = quoted(opening.keyword.text);
    if let Some(help) = later(opening.keyword.text, words::LATER_ITEMS) {
        return Diagnostic::error("E0401", format!("{word} is not supported by this version yet"))
            .at(opening.keyword.span, "would not be enforced")
            .help(help);
    }
    let finding = Diagnostic::error("E0201", format!("{word} is no item"))
        .at(opening.keyword.span, "unknown");
    suggester.hint(finding, opening.keyword.text, words::ITEMS.iter().copied())
}

struct Resolver<'a, 'o> {
    names: &'o Names<'a>,
    suggester: Suggester,
    out: &'o mut Diagnostics,
}

impl<'a> Resolver<'a, '_> {
    fn pipeline(&mut self, spec: &Spec<'_>, groups: &Groups<'a>) -> Pipeline<'a> {
        for second in groups.pipelines.iter().skip(1) {
            let finding = Diagnostic::error("E0212", "there are two pipelines")
                .at(second.head, "the second")
                .at(groups.pipelines[0].head, "the first")
                .help("a spec describes one run; move this into a spec of its own");
            self.out.push(finding);
        }
        let Some(item) = groups.pipelines.first() else {
            if !groups.damaged && !spec.items.is_empty() {
                let finding = Diagnostic::error("E0212", "there is no pipeline")
                    .at(end_of(spec.span), "missing")
                    .help("add `pipeline hello { goal = \"…\" }`");
                self.out.push(finding);
            }
            return Pipeline::stand_in(end_of(spec.span));
        };
        let fields = self.fields(item, words::PIPELINE, words::LATER_PIPELINE);
        self.refuse_clauses(item, false, false);
        let mut pipeline = Pipeline { name: item.name, ..Pipeline::stand_in(item.head) };
        if let Some(goal) = fields.get("goal") {
            pipeline.goal = value::full_text("goal", &goal.value, self.out);
        }
        if let Some(base) = fields.get("base").and_then(|base| self.base(base)) {
            pipeline.base = base;
        }
        if let Some(budget) = fields.get("budget") {
            let limits = self.budget(item, budget, words::RUN_BUDGET);
            pipeline.wall = limits.get("wall").and_then(|wall| value::duration(wall, self.out));
            let parallel = limits.get("parallel");
            pipeline.parallel = parallel
                .and_then(|entry| value::count(entry, 1..=MAX_PARALLEL, self.out))
                .unwrap_or(DEFAULT_PARALLEL);
        }
        pipeline
    }

    /// Reads a revision: whatever git can resolve, but no option and no range.
    fn base(&mut self, entry: &'a Entry<'a>) -> Option<&'a str> {
        let base = value::full_text("base", &entry.value, self.out)?;
        let unfit = |sign: char| sign.is_whitespace() || sign.is_control();
        if base.starts_with('-') || base.contains("..") || base.contains(unfit) {
            let finding = Diagnostic::error("E0309", format!("{} is no revision", quoted(base)))
                .at(entry.value.span, "a run starts from one commit")
                .help("write a branch, a tag, a commit or `HEAD`");
            self.out.push(finding);
            return None;
        }
        Some(base)
    }

    fn environment(&mut self, item: &'a Declaration<'a>) -> Environment<'a> {
        let fields = self.fields(item, words::ENVIRONMENT, words::LATER_ENVIRONMENT);
        self.refuse_clauses(item, false, false);
        let tools =
            fields.get("tools").and_then(|tools| value::texts("tools", &tools.value, self.out));
        Environment { name: item.name, tools: tools.unwrap_or_default() }
    }

    /// Reads an agent or a gate by the schema of its kind.
    fn actor(
        &mut self,
        item: &'a Declaration<'a>,
        kinds: &[&'static KindSchema],
        later: &[Later],
    ) -> Actor<'a> {
        self.refuse_clauses(item, true, false);
        let name = item.name;
        let Some(kind) = &item.kind else {
            let noun = item.keyword.text;
            let example = kinds.first().map_or("…", |schema| schema.name);
            let message = format!("{noun} {} has no kind", quoted(name.text));
            let finding = Diagnostic::error("E0209", message)
                .at(item.head, "of which kind?")
                .help(format!("write `{noun} {} is {example} {{ … }}`", name.text));
            self.out.push(finding);
            return Actor { name, kind: "", params: Params::default() };
        };
        let params = match kinds.iter().find(|schema| schema.name == kind.text) {
            Some(schema) => {
                params::read(schema, owner(item), &item.entries, later, &self.suggester, self.out)
            }
            None => self.unknown_kind(item, kind, kinds),
        };
        Actor { name, kind: kind.text, params }
    }

    fn unknown_kind(
        &mut self,
        item: &Declaration,
        kind: &Name,
        kinds: &[&'static KindSchema],
    ) -> Params {
        let message =
            format!("there is no kind of {} called {}", item.keyword.text, quoted(kind.text));
        let finding = Diagnostic::error("E0208", message).at(kind.span, "unknown");
        let known = kinds.iter().map(|schema| schema.name);
        self.out.push(self.suggester.hint(finding, kind.text, known));
        Params::default()
    }

    /// Reads the tasks and commands, a group at a time on several threads; the
    /// result does not depend on how many these are.
    ///
    /// Hints have one bound for the whole spec, so their number depends on the
    /// order. With a mistake in any group all are read again, one by one.
    fn nodes(&mut self, items: &[&'a Declaration<'a>], agents: &[Actor<'a>]) -> Vec<Task<'a>> {
        if items.len() <= GROUP {
            return items.iter().map(|item| self.node(item, agents)).collect();
        }
        let names = self.names;
        let read = |group: &[&'a Declaration<'a>]| {
            let mut out = Diagnostics::new();
            let mut part = Resolver { names, suggester: Suggester::silent(), out: &mut out };
            let tasks: Vec<_> = group.iter().map(|item| part.node(item, agents)).collect();
            (tasks, out)
        };
        let groups: Vec<_> = items.par_chunks(GROUP).map(read).collect();
        if groups.iter().any(|(_, found)| found.has_errors()) {
            return items.iter().map(|item| self.node(item, agents)).collect();
        }
        let mut tasks = Vec::with_capacity(items.len());
        for (group, found) in groups {
            tasks.extend(group);
            self.out.append(found);
        }
        tasks
    }

    /// Reads a task or a command.
    fn node(&mut self, item: &'a Declaration<'a>, agents: &[Actor<'a>]) -> Task<'a> {
        let is_task = item.keyword.text == "task";
        let keys = if is_task { words::TASK } else { words::COMMAND };
        self.refuse_clauses(item, false, is_task);
        let fields = self.fields(item, keys, words::LATER_NODE);
        let work = if is_task {
            let prompt = fields.get("prompt");
            let prompt =
                prompt.and_then(|prompt| value::full_text("prompt", &prompt.value, self.out));
            let agent = self.agent(item, agents);
            Work::Agent { agent, prompt: prompt.unwrap_or_default() }
        } else {
            let run = fields.get("run").and_then(|run| value::command("run", &run.value, self.out));
            Work::Command { run: run.unwrap_or_default() }
        };
        let mut list = |key: &str, space: &Space<'a>| {
            let values = fields.get(key).and_then(|entry| value::list(key, &entry.value, self.out));
            self.names.find_all(space, values.unwrap_or_default(), &self.suggester, self.out)
        };
        let needs = list("needs", &self.names.nodes);
        let env = list("env", &self.names.environments);
        let gates = list("gates", &self.names.gates);
        let writes =
            fields.get("writes").and_then(|entry| value::texts("writes", &entry.value, self.out));
        let limits =
            fields.get("budget").map(|budget| self.budget(item, budget, words::NODE_BUDGET));
        let limit = |key| limits.as_ref().and_then(|limits| limits.get(key));
        let wall = limit("wall").and_then(|entry| value::duration(entry, self.out));
        let attempts =
            limit("attempts").and_then(|entry| value::count(entry, 1..=MAX_ATTEMPTS, self.out));
        let task =
            |need: Spanned<usize>| Spanned { value: TaskId::new(need.value), span: need.span };
        Task {
            name: item.name,
            work,
            needs: needs.into_iter().map(task).collect(),
            writes: writes.unwrap_or_default(),
            env: env.into_iter().map(|found| EnvironmentId::new(found.value)).collect(),
            gates: gates.into_iter().map(|found| GateId::new(found.value)).collect(),
            wall,
            attempts: attempts.unwrap_or(DEFAULT_ATTEMPTS),
        }
    }

    /// Finds a task's agent. Where there is none the mistake is reported, and the
    /// id is that of the stand-in behind all agents.
    fn agent(&mut self, item: &Declaration<'_>, agents: &[Actor<'_>]) -> AgentId {
        let found = match &item.by {
            Some(by) => {
                self.names.find(&self.names.agents, by.text, by.span, &self.suggester, self.out)
            }
            None => {
                let name = item.name.text;
                let message = format!("task {} has no agent", quoted(name));
                let example = agents.first().map_or("builder", |agent| agent.name.text);
                let finding = Diagnostic::error("E0209", message)
                    .at(item.head, "who does it?")
                    .help(format!("write `task {name} by {example} {{ … }}`"));
                self.out.push(finding);
                None
            }
        };
        AgentId::new(found.unwrap_or(agents.len()))
    }

    fn fields(
        &mut self,
        item: &'a Declaration<'a>,
        keys: &[words::Key],
        later: &[Later],
    ) -> Fields<'a> {
        Fields::read(owner(item), &item.entries, keys, later, &self.suggester, self.out)
    }

    fn budget(
        &mut self,
        item: &Declaration<'_>,
        entry: &'a Entry<'a>,
        keys: &[words::Key],
    ) -> Fields<'a> {
        let entries = match &entry.value.kind {
            ValueKind::Block(entries) => entries.as_slice(),
            _ => &[],
        };
        // The two budgets differ, so a message says which one this is.
        let noun = match item.keyword.text {
            "pipeline" => "pipeline's budget",
            "task" => "task's budget",
            _ => "command's budget",
        };
        let owner = Owner { noun, name: "", span: entry.key.span, complete: item.complete };
        Fields::read(owner, entries, keys, words::LATER_BUDGET, &self.suggester, self.out)
    }

    /// Reports the parts of a head that its item does not have.
    fn refuse_clauses(&mut self, item: &Declaration<'_>, kind: bool, by: bool) {
        let keyword = item.keyword.text;
        let mut refuse = |span: Span, word: &str| {
            let finding =
                Diagnostic::error("E0210", format!("{} has no `{word}`", with_article(keyword)))
                    .at(span, "does not belong here")
                    .help(format!("remove `{word}` and the name behind it"));
            self.out.push(finding);
        };
        if let Some(name) = item.kind.as_ref().filter(|_| !kind) {
            refuse(name.span, "is");
        }
        if let Some(name) = item.by.as_ref().filter(|_| !by) {
            refuse(name.span, "by");
        }
        if let Some(span) = item.repetition {
            let finding =
                Diagnostic::error("E0401", "`for … in …` is not supported by this version yet")
                    .at(span, "would not be repeated")
                    .help(format!("write {} for each instance", with_article(keyword)));
            self.out.push(finding);
        }
    }
}

impl Pipeline<'_> {
    /// Makes a pipeline of nothing but defaults.
    fn stand_in(span: Span) -> Self {
        Self {
            name: Name { text: "pipeline", span },
            goal: None,
            base: "HEAD",
            wall: None,
            parallel: DEFAULT_PARALLEL,
        }
    }
}

impl Actor<'_> {
    /// Makes an agent for the tasks that name none, or one that is not there.
    fn stand_in(span: Span) -> Self {
        Self { name: Name { text: "", span }, kind: "", params: Params::default() }
    }
}

fn owner<'a>(item: &'a Declaration<'_>) -> Owner<'a> {
    Owner {
        noun: item.keyword.text,
        name: item.name.text,
        span: item.head,
        complete: item.complete,
    }
}

fn end_of(span: Span) -> Span {
    Span::new(span.file(), span.range().end..span.range().end)
}
