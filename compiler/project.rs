//! The pipeline itself: its goal, base, window and caps.
//!
//! Unaware of tasks.

use std::borrow::Cow;

use eufm_grammar::ast::{Declaration, Entry, Name};
use eufm_grammar::{Diagnostic, Diagnostics, Span};
use eufm_plan::RunBudget;

use crate::eval::Eval;
use crate::fields::{Adds, Fields, Owner, entries_of};
use crate::scope::ScopeId;
use crate::typed::{self, Spanned};
use crate::value::Value;
use crate::vocabulary as words;
use crate::window;
use crate::wording::{Suggester, quoted};
use crate::world::World;
use crate::{clauses, functions};

/// How many nodes may run at once when nothing is said.
const DEFAULT_PARALLEL: u32 = 2;
/// The most nodes that may run at once.
const MAX_PARALLEL: u64 = 1_024;

/// A pipeline with typed values.
#[derive(Debug)]
pub(crate) struct Pipeline<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) goal: Option<Cow<'a, str>>,
    /// The root-relative path of the document whose requirements are implemented.
    pub(crate) source: Option<Spanned<String>>,
    /// Whether a document is named, be it one that is not there.
    pub(crate) names_source: bool,
    pub(crate) base: Cow<'a, str>,
    pub(crate) window: Option<String>,
    pub(crate) budget: RunBudget,
    /// Where the cap on money stands.
    pub(crate) cost: Option<Span>,
    /// Where the cap on money per hour stands.
    pub(crate) rate: Option<Span>,
    /// Whether more may be promised to nodes than the run may spend.
    pub(crate) overcommit: bool,
}

/// Reads the pipeline of the spec; reports when there is none, or a second one.
pub(crate) fn read<'a>(
    items: &[&'a Declaration<'a>],
    damaged: bool,
    whole: Span,
    world: &World<'a>,
    out: &mut Diagnostics,
) -> Pipeline<'a> {
    for second in items.iter().skip(1) {
        let finding = Diagnostic::error("E0212", "there are two pipelines")
            .at(second.head, "the second")
            .at(items[0].head, "the first")
            .help("a spec describes one run; move this into a spec of its own");
        out.push(finding);
    }
    let end = Span::new(whole.file(), whole.range().end..whole.range().end);
    let Some(item) = items.first() else {
        if !damaged {
            let finding = Diagnostic::error("E0212", "there is no pipeline")
                .at(end, "missing")
                .help("add `pipeline hello { goal = \"…\" }`");
            out.push(finding);
        }
        return Pipeline::stand_in(end);
    };
    let scope = world.scopes.module(world.spec());
    Reader { eval: Eval { world, suggester: Suggester::new(), out }, scope }.pipeline(item)
}

struct Reader<'w, 'a, 'o> {
    eval: Eval<'w, 'a, 'o>,
    scope: ScopeId,
}

impl<'a> Reader<'_, 'a, '_> {
    fn pipeline(&mut self, item: &'a Declaration<'a>) -> Pipeline<'a> {
        clauses::refuse(item, &[], self.eval.out);
        let owner = Owner::of(item);
        let fields = Fields::read(
            owner,
            &item.entries,
            words::PIPELINE,
            &self.eval.suggester,
            self.eval.out,
        );
        let mut pipeline = Pipeline { name: item.name, ..Pipeline::stand_in(item.head) };
        let said = |reader: &mut Self, key: &str| {
            let entry = fields.get(key)?;
            Some(reader.eval.value(&entry.value, reader.scope))
        };
        let goal = said(self, "goal");
        pipeline.goal = goal.and_then(|goal| typed::full_text("goal", goal, self.eval.out));
        let source = said(self, "source");
        pipeline.names_source = source.is_some();
        pipeline.source = source.and_then(|source| self.source(source));
        let base = said(self, "base").and_then(|base| self.base(base));
        pipeline.base = base.unwrap_or(pipeline.base);
        let window = said(self, "window");
        pipeline.window = window.and_then(|window| window::read(window, self.eval.out));
        let overcommit = said(self, "overcommit");
        pipeline.overcommit = overcommit
            .and_then(|value| typed::word("overcommit", &["warn", "deny"], &value, self.eval.out))
            != Some("deny");
        if let Some(entry) = fields.get("budget") {
            self.budget(entry, item.complete, &mut pipeline);
        }
        pipeline
    }

    fn source(&mut self, value: Value<'a>) -> Option<Spanned<String>> {
        let span = value.span;
        let path = typed::full_text("source", value, self.eval.out)?;
        let path = functions::joined(&mut self.eval, &path, span, self.scope)?;
        if let Err(reason) = self.eval.world.files.text(&path) {
            let finding =
                Diagnostic::error("E0003", format!("cannot read {}: {reason}", quoted(&path)))
                    .at(span, "not there")
                    .help("the path is relative to the file that names it");
            self.eval.out.push(finding);
            return None;
        }
        Some(Spanned { value: path, span })
    }

    /// Reads a revision: whatever git can resolve, but no option and no range.
    fn base(&mut self, value: Value<'a>) -> Option<Cow<'a, str>> {
        let span = value.span;
        let base = typed::full_text("base", value, self.eval.out)?;
        let unfit = |sign: char| sign.is_whitespace() || sign.is_control();
        if base.starts_with('-') || base.contains("..") || base.contains(unfit) {
            let finding = Diagnostic::error("E0309", format!("{} is no revision", quoted(&base)))
                .at(span, "a run starts from one commit")
                .help("write a branch, a tag, a commit or `HEAD`");
            self.eval.out.push(finding);
            return None;
        }
        Some(base)
    }

    fn budget(&mut self, entry: &'a Entry<'a>, complete: bool, pipeline: &mut Pipeline<'a>) {
        let owner = Owner {
            noun: "pipeline's budget",
            name: "",
            span: entry.key.span,
            complete,
            adds: Adds::Nothing,
        };
        let entries = entries_of(entry);
        let fields =
            Fields::read(owner, entries, words::RUN_BUDGET, &self.eval.suggester, self.eval.out);
        let mut value = |key: &str| {
            let entry = fields.get(key)?;
            Some(self.eval.value(&entry.value, self.scope))
        };
        let (cost, rate, wall) = (value("cost"), value("rate"), value("wall"));
        let (tokens, memory, parallel) = (value("tokens"), value("memory"), value("parallel"));
        let out = &mut *self.eval.out;
        pipeline.cost = cost.as_ref().map(|cost| cost.span);
        pipeline.rate = rate.as_ref().map(|rate| rate.span);
        let parallel = parallel
            .and_then(|value| typed::count("parallel", &value, 1..=MAX_PARALLEL, out))
            .and_then(|count| u32::try_from(count).ok());
        pipeline.budget = RunBudget {
            cost: cost.and_then(|value| typed::money("cost", &value, out)),
            rate: rate.and_then(|value| typed::rate("rate", &value, out)),
            wall: wall.and_then(|value| typed::duration("wall", &value, out)),
            tokens: tokens.and_then(|value| typed::tokens("tokens", &value, out)),
            memory: memory.and_then(|value| typed::bytes("memory", &value, out)),
            parallel: parallel.unwrap_or(DEFAULT_PARALLEL),
        };
    }
}

impl Pipeline<'_> {
    /// Makes a pipeline of nothing but defaults.
    fn stand_in(span: Span) -> Self {
        Self {
            name: Name { text: "pipeline", span },
            goal: None,
            source: None,
            names_source: false,
            base: Cow::Borrowed("HEAD"),
            window: None,
            budget: RunBudget { parallel: DEFAULT_PARALLEL, ..RunBudget::default() },
            cost: None,
            rate: None,
            overcommit: true,
        }
    }
}
