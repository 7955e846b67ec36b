//! From instances of the tree to tasks with typed values: [`tasks`].
//!
//! Each instance is read in its own scope; what it does not say comes from the
//! nearest `defaults`. Unaware of what must hold between several tasks; that is
//! checked afterwards.

use std::borrow::Cow;

use eufm_grammar::ast::{Declaration, Entry, Relation};
use eufm_grammar::{Diagnostic, Diagnostics, Scattered};
use eufm_plan::{Accept, OnFail, Overlap, Recovery};
use rayon::prelude::{
    IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _,
};

use crate::actors::Actors;
use crate::environments::Environments;
use crate::eval::Eval;
use crate::fields::{Adds, Fields, Owner};
use crate::refs::{Refs, tasks as tasks_in};
use crate::scope::ScopeId;
use crate::task::{AgentId, Task, Work};
use crate::tree::{Instance, TaskId, TaskTree};
use crate::typed::{self, Spanned};
use crate::value::{Kind, Value};
use crate::vocabulary as words;
use crate::wording::{Suggester, quoted, with_article};
use crate::world::World;
use crate::{clauses, command, globs, inputs};

/// The least number of instances that one thread takes.
const GROUP: usize = 500;

/// What tasks refer to.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'s, 'a> {
    pub(crate) world: &'s World<'a>,
    pub(crate) tree: &'s TaskTree<'a>,
    pub(crate) agents: &'s Actors<'a>,
    pub(crate) gates: &'s Actors<'a>,
    pub(crate) environments: &'s Environments<'a>,
}

/// Reads all instances, on several threads where there are many; the result does not
/// depend on how many these are.
///
/// Hints and what may be copied have one bound for the whole spec, so what is
/// said of them depends on the order. With a mistake in any group all are read
/// again, one by one.
pub(crate) fn tasks<'a>(shared: Shared<'_, 'a>, out: &mut Diagnostics) -> Vec<Task<'a>> {
    let count = shared.tree.instances.len();
    let one_by_one = |out: &mut Diagnostics| {
        let eval = Eval { world: shared.world, suggester: Suggester::new(), out };
        let mut resolver = Resolver { shared, eval };
        (0..count).map(|position| resolver.task(TaskId::new(position))).collect()
    };
    if count <= GROUP {
        return one_by_one(out);
    }
    let mark = shared.world.meter.mark();
    let found = Scattered::default();
    let read = |position: usize| {
        let mut out = Diagnostics::new();
        let eval = Eval { world: shared.world, suggester: Suggester::silent(), out: &mut out };
        let task = Resolver { shared, eval }.task(TaskId::new(position));
        found.note(position, out);
        task
    };
    // Each is written where it stays: memory that is touched for the first time costs most.
    let tasks: Vec<_> = (0..count).into_par_iter().with_min_len(GROUP).map(read).collect();
    let found = found.in_order();
    if found.iter().any(Diagnostics::has_errors) {
        drop(tasks);
        shared.world.meter.rewind(mark);
        return one_by_one(out);
    }
    found.into_iter().for_each(|found| out.append(found));
    tasks
}

pub(crate) struct Resolver<'s, 'a, 'o> {
    pub(crate) shared: Shared<'s, 'a>,
    pub(crate) eval: Eval<'s, 'a, 'o>,
}

/// One instance with its entries, as it is being read.
pub(crate) struct Reading<'a> {
    pub(crate) item: &'a Declaration<'a>,
    pub(crate) fields: Fields<'a>,
    pub(crate) scope: ScopeId,
    pub(crate) instance: TaskId,
}

impl<'a> Resolver<'_, 'a, '_> {
    fn task(&mut self, id: TaskId) -> Task<'a> {
        let instance = self.shared.tree.instance(id);
        let item = instance.item;
        let keys = match item.keyword.text {
            "task" => words::TASK,
            "command" => words::COMMAND,
            "approval" => words::APPROVAL,
            _ => words::DEPLOY,
        };
        let is_task = item.keyword.text == "task";
        let is_asked = item.keyword.text == "approval";
        let clauses: &[&str] = if is_task { &["by", "for"] } else { &["for"] };
        clauses::refuse(item, clauses, self.eval.out);
        let has_defaults =
            self.group_of(instance).defaults.is_some() || self.shared.world.doubtful_defaults;
        let adds = if has_defaults { Adds::Defaults } else { Adds::Nothing };
        let owner = Owner { adds, ..Owner::of(item) };
        let fields = Fields::read(owner, &item.entries, keys, &self.eval.suggester, self.eval.out);
        let reading = Reading { item, fields, scope: instance.scope, instance: id };
        let mut needs = self.needs(&reading);
        let inputs = inputs::read(self, &reading);
        let implied = inputs.iter().map(|input| Spanned { value: input.task, span: input.span });
        let work = self.work(&reading);
        let session = match &work {
            Work::Agent { session, .. } => *session,
            _ => None,
        };
        self.imply(&mut needs, implied.chain(session));
        let reads = self.reads(&reading);
        let mut writes = self.writes(&reading);
        if let Work::Command(command) = &work
            && let (Some(path), Some(entry)) = (&command.stdout, reading.fields.get("stdout"))
        {
            // What a command prints into a file is a change like any other.
            let glob = globs::escaped(path);
            let span = entry.value.span;
            writes.get_or_insert_default().push(Spanned { value: glob.into(), span });
        }
        let gated = is_task || writes.as_ref().is_none_or(|writes| !writes.is_empty());
        let gates = self.gates(&reading, gated);
        let (budget, cost) = self.budget(&reading);
        Task {
            needs,
            // Nothing is deployed past what failed, whatever the defaults say.
            accept: match work {
                Work::Deploy { .. } => Accept::All,
                _ => self.choice(
                    &reading,
                    "accept",
                    &[("all", Accept::All), ("succeeded", Accept::Succeeded)],
                ),
            },
            implements: self.implements(&reading),
            inputs,
            overlap: self.choice(
                &reading,
                "overlap",
                &[("order", Overlap::Order), ("merge", Overlap::Merge), ("deny", Overlap::Deny)],
            ),
            // A person needs no tools, and is not tried again.
            env: if is_asked { Vec::new() } else { self.env(&reading) },
            gates,
            budget,
            cost,
            on_fail: if is_asked { OnFail::default() } else { self.on_fail(&reading) },
            reads,
            writes,
            work,
        }
    }

    pub(crate) fn group_of(&self, instance: &Instance<'a>) -> &crate::tree::Group<'a> {
        self.shared.tree.group(instance.group)
    }

    /// Evaluates what an entry says.
    pub(crate) fn said(&mut self, reading: &Reading<'a>, key: &str) -> Option<Value<'a>> {
        let entry = reading.fields.get(key)?;
        Some(self.eval.value(&entry.value, reading.scope))
    }

    /// Returns the entries that say what a key is, the nearest first: one that
    /// sets it, with those before it that add to it.
    pub(crate) fn given(&self, reading: &Reading<'a>, key: &str) -> Vec<(&'a Entry<'a>, ScopeId)> {
        let mut given = Vec::new();
        if let Some(entry) = reading.fields.get(key) {
            given.push((entry, reading.scope));
            if entry.relation != Relation::Add {
                return given;
            }
        }
        let mut at = self.group_of(self.shared.tree.instance(reading.instance)).defaults;
        while let Some(id) = at {
            let defaults = &self.shared.tree.defaults[id.get()];
            if let Some(entry) = defaults.fields.get(key) {
                given.push((entry, defaults.scope));
                if entry.relation != Relation::Add {
                    return given;
                }
            }
            at = defaults.outer;
        }
        given
    }

    /// Reads one of several words, from the task or from the nearest defaults.
    fn choice<T: Copy + Default>(
        &mut self,
        reading: &Reading<'a>,
        key: &str,
        choices: &[(&str, T)],
    ) -> T {
        let Some((entry, scope)) = self.given(reading, key).first().copied() else {
            return T::default();
        };
        let value = self.eval.value(&entry.value, scope);
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let word = typed::word(key, &words, &value, self.eval.out);
        let found = choices.iter().find(|(known, _)| Some(*known) == word);
        found.map_or_else(T::default, |(_, choice)| *choice)
    }

    fn on_fail(&mut self, reading: &Reading<'a>) -> OnFail {
        let choices =
            [("stop", OnFail::Stop), ("escalate", OnFail::Escalate), ("go_on", OnFail::GoOn)];
        self.choice(reading, "on_fail", &choices)
    }

    fn work(&mut self, reading: &Reading<'a>) -> Work<'a> {
        match reading.item.keyword.text {
            "task" => {
                let prompt = self.said(reading, "prompt");
                let prompt =
                    prompt.and_then(|prompt| typed::full_text("prompt", prompt, self.eval.out));
                Work::Agent {
                    agent: self.agent(reading),
                    prompt: prompt.unwrap_or_default(),
                    session: self.session(reading),
                }
            }
            "command" => Work::Command(Box::new(command::read(self, reading))),
            "approval" => {
                let ask = self.said(reading, "ask");
                let ask = ask.and_then(|ask| typed::full_text("ask", ask, self.eval.out));
                Work::Approval { ask: ask.unwrap_or_default() }
            }
            _ => Work::Deploy {
                command: Box::new(command::read(self, reading)),
                folders: self.folders(reading),
                recovery: self.recovery(reading),
            },
        }
    }

    /// Reads the folders of the host that a deploy may write.
    fn folders(&mut self, reading: &Reading<'a>) -> Vec<Spanned<Cow<'a, str>>> {
        let value = self.said(reading, "folders");
        value.and_then(|value| typed::texts("folders", value, self.eval.out)).unwrap_or_default()
    }

    fn recovery(&mut self, reading: &Reading<'a>) -> Recovery {
        let Some(value) = self.said(reading, "recovery") else {
            return Recovery::Ask;
        };
        if let Kind::Call(call) = &value.kind
            && call.name.text == "probe"
            && let [run] = call.arguments.as_slice()
        {
            let run = typed::command("recovery", run.clone(), self.eval.out);
            return run.map_or(Recovery::Ask, Recovery::Probe);
        }
        if let Kind::Call(_) = &value.kind {
            let finding = Diagnostic::error("E0310", "this is not what `recovery` can be")
                .at(value.span, "unknown here")
                .help("write `ask`, `rerun`, `skip`, or `probe([\"program\", \"argument\"])`");
            self.eval.out.push(finding);
            return Recovery::Ask;
        }
        match typed::word("recovery", &["ask", "rerun", "skip", "probe"], &value, self.eval.out) {
            Some("rerun") => Recovery::Rerun,
            Some("skip") => Recovery::Skip,
            Some("probe") => {
                let finding = Diagnostic::error("E0310", "`probe` lacks its program")
                    .at(value.span, "which program tells?")
                    .help("write `recovery = probe([\"make\", \"is-deployed\"])`");
                self.eval.out.push(finding);
                Recovery::Ask
            }
            _ => Recovery::Ask,
        }
    }

    /// Finds a task's agent, from its head or from the nearest defaults.
    fn agent(&mut self, reading: &Reading<'a>) -> Option<AgentId> {
        let value = match &reading.item.by {
            Some(by) => self.eval.value_of_name(by.text, by.span, reading.scope),
            None => {
                match self.given(reading, "by").first().copied() {
                    Some((entry, scope)) => self.eval.value(&entry.value, scope),
                    None => {
                        let name = reading.item.name.text;
                        let mentions = |key: &str| reading.fields.mentions(key);
                        let is_doubtful = self.shared.world.doubtful_defaults;
                        if mentions("by")
                            || mentions("agent")
                            || !reading.item.complete
                            || is_doubtful
                        {
                            return None;
                        }
                        let finding = Diagnostic::error("E0209", format!("task {} has no agent", quoted(name)))
                        .at(reading.item.head, "who does it?")
                        .help(format!("write `task {name} by {} {{ … }}`, or `defaults {{ by = … }}` around it", self.some_agent()));
                        self.eval.report(finding, reading.scope);
                        return None;
                    }
                }
            }
        };
        let Kind::Word(word) = &value.kind else {
            return typed::mismatch(
                "by",
                "an agent by its bare name",
                &value,
                "write the name of an agent",
                self.eval.out,
            );
        };
        self.shared.agents.find(word, value.span, &mut self.eval).map(AgentId::new)
    }

    fn some_agent(&self) -> &str {
        self.shared.agents.list.last().map_or("builder", |agent| agent.name.text)
    }

    fn session(&mut self, reading: &Reading<'a>) -> Option<Spanned<TaskId>> {
        let value = self.said(reading, "session")?;
        if let Kind::List(_) = value.kind {
            let help = "write the name without `[` and `]`";
            return typed::mismatch("session", "one task", &value, help, self.eval.out);
        }
        let refs = Refs { tree: self.shared.tree };
        let before = self.eval.out.errors();
        let found: Vec<_> = tasks_in(&refs.tasks("session", &value, &mut self.eval)).collect();
        let finding = match found.as_slice() {
            [] if self.eval.out.errors() > before || value.is_damaged() => return None,
            [] if self.shared.world.module_of(reading.scope).damaged => return None,
            [task] if self.shared.tree.instance(*task).item.keyword.text == "task" => {
                return Some(Spanned { value: *task, span: value.span });
            }
            [task] => {
                let keyword = self.shared.tree.instance(*task).item.keyword.text;
                Diagnostic::error("E0301", format!("{} has no session", with_article(keyword)))
                    .at(value.span, "no agent works there")
                    .help("name a task")
            }
            _ => {
                Diagnostic::error("E0301", format!("`session` takes one task, not {}", found.len()))
                    .at(value.span, "which one?")
                    .help("name one instance, as in `collector[\"felix\"]`")
            }
        };
        self.eval.report(finding, reading.scope);
        None
    }

    fn reads(&mut self, reading: &Reading<'a>) -> Option<Vec<Spanned<Cow<'a, str>>>> {
        let value = self.said(reading, "reads")?;
        Some(typed::texts("reads", value, self.eval.out).unwrap_or_default())
    }

    fn writes(&mut self, reading: &Reading<'a>) -> Option<Vec<Spanned<Cow<'a, str>>>> {
        match self.said(reading, "writes") {
            Some(value) => Some(typed::texts("writes", value, self.eval.out).unwrap_or_default()),
            // An agent that is told nothing else may change whatever is not protected.
            None if reading.item.keyword.text == "task" => None,
            None => Some(Vec::new()),
        }
    }

    fn implements(&mut self, reading: &Reading<'a>) -> Vec<Spanned<Cow<'a, str>>> {
        let value = self.said(reading, "implements");
        value.and_then(|value| typed::texts("implements", value, self.eval.out)).unwrap_or_default()
    }
}
