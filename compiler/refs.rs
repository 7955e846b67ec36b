//! References to nodes: `schema`, `collector["felix"]`, `telemetry/collector`.
//!
//! A name is looked for in the group it was written in, then in those around it;
//! a template sees its own tasks only. Unaware of what references are for.

use std::borrow::Cow;
use std::ops::Range;

use eufm_grammar::{Diagnostic, Span};

use crate::eval::Eval;
use crate::scope::ScopeId;
use crate::tree::{GroupId, Member, Target, Targets, TaskId, TaskTree};
use crate::typed::mismatch;
use crate::value::{Kind, Reference, Step, Value, Word};
use crate::wording::{listed, quoted, with_article};

/// What a reference stands for.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// One task or group.
    One(Target),
    /// All instances of something.
    All(Vec<Target>),
}

/// A reference with what was asked of it: `.answer`, `.file("x")`.
pub(crate) struct Asked<'a> {
    pub(crate) found: Found,
    /// The word behind the last `.`, with its arguments.
    pub(crate) part: Option<(Cow<'a, str>, Option<Vec<Value<'a>>>)>,
}

/// Looks up references in a tree.
pub(crate) struct Refs<'t, 'a> {
    pub(crate) tree: &'t TaskTree<'a>,
}

impl<'a> Refs<'_, 'a> {
    /// Returns the tasks that a value refers to, as ranges of their ids.
    pub(crate) fn tasks(
        &self,
        key: &str,
        value: &Value<'a>,
        eval: &mut Eval<'_, 'a, '_>,
    ) -> Vec<Range<u32>> {
        let Some(asked) = self.resolve(key, value, eval) else {
            return Vec::new();
        };
        if let Some((part, _)) = asked.part {
            let message = format!("{} takes nodes, not parts of their results", quoted(key));
            let finding =
                Diagnostic::error("E0301", message).at(value.span, format!("`.{part}` is a part"));
            let is_member = match asked.found {
                Found::One(Target::Group(group)) => {
                    self.tree.group(group).members.contains_key(part.as_ref())
                }
                _ => false,
            };
            eval.out.push(if is_member {
                finding.help(format!("tasks in a group are separated by `/`: write `/{part}`"))
            } else {
                finding.help(format!("leave `.{part}` out; results are read with `inputs`"))
            });
            return Vec::new();
        }
        match asked.found {
            Found::One(target) => vec![self.tree.tasks_of(target)],
            Found::All(targets) => {
                targets.into_iter().map(|target| self.tree.tasks_of(target)).collect()
            }
        }
    }

    /// Returns what a value refers to; what it is not is reported.
    pub(crate) fn resolve(
        &self,
        key: &str,
        value: &Value<'a>,
        eval: &mut Eval<'_, 'a, '_>,
    ) -> Option<Asked<'a>> {
        match &value.kind {
            Kind::Word(word) => self.word(word, value.span, eval),
            Kind::Reference(reference) => self.reference(reference, value.span, eval),
            Kind::Call(call) => {
                // `schema.file("x")`: the words up to the last `.` name the node.
                let Some((node, part)) = call.name.text.rsplit_once('.') else {
                    let finding = Diagnostic::error(
                        "E0204",
                        format!("there is no function {}", quoted(call.name.text)),
                    )
                    .at(call.name.span, "unknown")
                    .help("name a node, as in `schema.file(\"x\")`");
                    eval.report(finding, call.home);
                    return None;
                };
                let word = Word { text: Cow::Borrowed(node), home: call.home };
                let asked = self.word(&word, value.span, eval)?;
                let part = (Cow::Borrowed(part), Some(call.arguments.clone()));
                Some(Asked { part: Some(part), ..asked })
            }
            Kind::Text(text) => {
                let help = format!("write {} without quotes", quoted(text));
                mismatch(key, "nodes by their bare names", value, &help, eval.out)
            }
            _ => mismatch(
                key,
                "nodes by their bare names",
                value,
                "write the name of a task or command",
                eval.out,
            ),
        }
    }

    fn word(&self, word: &Word<'a>, span: Span, eval: &mut Eval<'_, 'a, '_>) -> Option<Asked<'a>> {
        let (path, part) = match &word.text {
            Cow::Borrowed(text) => {
                let (path, part) = split_part(text);
                (Cow::Borrowed(path), part.map(Cow::Borrowed))
            }
            Cow::Owned(text) => {
                let (path, part) = split_part(text);
                (Cow::Owned(path.to_owned()), part.map(|part| Cow::Owned(part.to_owned())))
            }
        };
        let found = self.path(&path, None, word.home, span, eval)?;
        Some(Asked { found, part: part.map(|part| (part, None)) })
    }

    fn reference(
        &self,
        reference: &Reference<'a>,
        span: Span,
        eval: &mut Eval<'_, 'a, '_>,
    ) -> Option<Asked<'a>> {
        let mut found: Option<Found> = None;
        let mut part = None;
        for step in &reference.steps {
            if part.is_some() {
                let finding =
                    Diagnostic::error("E0301", "nothing stands behind a part of a result")
                        .at(step.span, "behind the part")
                        .help("name one part, as in `schema.answer` or `schema.file(\"x\")`");
                eval.report(finding, reference.home);
                return None;
            }
            let (path, asked) = split_part(step.words.trim_start_matches('/'));
            found = self.step(found, path, step, reference.home, span, eval)?;
            if let Some(asked) = asked {
                part = Some((Cow::Owned(asked.to_owned()), step.arguments.clone()));
            }
        }
        found.map(|found| Asked { found, part })
    }

    /// Goes one step further; the outer `None` is after a report.
    fn step(
        &self,
        before: Option<Found>,
        path: &str,
        step: &Step<'a>,
        home: ScopeId,
        span: Span,
        eval: &mut Eval<'_, 'a, '_>,
    ) -> Option<Option<Found>> {
        if path.is_empty() && step.index.is_none() {
            return Some(before);
        }
        let found = match before {
            None => self.path(path, step.index.as_ref(), home, span, eval)?,
            Some(Found::One(Target::Group(group))) => {
                self.below(group, path, step.index.as_ref(), home, span, eval)?
            }
            Some(_) => {
                let finding = Diagnostic::error(
                    "E0204",
                    format!("there is nothing below it called {}", quoted(path)),
                )
                .at(step.span, "only a group has tasks in it")
                .help("name one group or one instance before the `/`");
                eval.report(finding, home);
                return None;
            }
        };
        Some(Some(found))
    }

    /// Looks up `a/b/c` from a scope outward, the last with an index.
    fn path(
        &self,
        path: &str,
        index: Option<&(String, Span)>,
        home: ScopeId,
        span: Span,
        eval: &mut Eval<'_, 'a, '_>,
    ) -> Option<Found> {
        let first = path.split('/').next().unwrap_or(path);
        let mut at = Some(eval.world.scopes.at(home).group);
        while let Some(id) = at {
            let group = self.tree.group(id);
            if group.members.contains_key(first) {
                return self.below(id, path, index, home, span, eval);
            }
            at = if group.sealed { None } else { group.parent };
        }
        self.unknown(first, home, span, eval);
        None
    }

    /// Looks up `a/b/c` in a group, the last with an index.
    fn below(
        &self,
        group: GroupId,
        path: &str,
        index: Option<&(String, Span)>,
        home: ScopeId,
        span: Span,
        eval: &mut Eval<'_, 'a, '_>,
    ) -> Option<Found> {
        let mut at = group;
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            let Some(member) = self.tree.group(at).members.get(name) else {
                self.not_in(at, name, home, span, eval);
                return None;
            };
            let is_last = names.peek().is_none();
            let found = self.targets(name, member, index.filter(|_| is_last), home, eval)?;
            if is_last {
                return Some(found);
            }
            match found {
                Found::One(Target::Group(next)) => at = next,
                Found::One(Target::Task(_)) => {
                    let finding = Diagnostic::error(
                        "E0204",
                        format!("{} {} has nothing in it", member.noun, quoted(name)),
                    )
                    .at(span, "only a group has tasks in it")
                    .at(member.span, format!("declared here as {}", with_article(member.noun)))
                    .help("leave out what is behind the `/`");
                    eval.report(finding, home);
                    return None;
                }
                Found::All(_) => {
                    let finding = Diagnostic::error(
                        "E0204",
                        format!("{} has several instances", quoted(name)),
                    )
                    .at(span, "which one?")
                    .help(format!("write `{name}[\"…\"]/…` for one of them, or `{name}` for all"));
                    eval.report(finding, home);
                    return None;
                }
            }
        }
        None
    }

    fn targets(
        &self,
        name: &str,
        member: &Member,
        index: Option<&(String, Span)>,
        home: ScopeId,
        eval: &mut Eval<'_, 'a, '_>,
    ) -> Option<Found> {
        match (&member.targets, index) {
            (Targets::One(target), None) => Some(Found::One(*target)),
            (Targets::Each(each), None) => Some(Found::All(each.values().copied().collect())),
            (Targets::Each(each), Some((index, place))) => {
                if let Some(target) = each.get(index.as_str()) {
                    return Some(Found::One(*target));
                }
                let message = format!("{} has no instance {}", quoted(name), quoted(index));
                let finding = Diagnostic::error("E0204", message).at(*place, "unknown");
                let most = if eval.suggester.afford(1) { 1_000 } else { 0 };
                let known = each.keys().map(AsRef::as_ref).take(most);
                let known = known.collect::<Vec<_>>();
                let help = format!("write the key of one of them, or `{name}` for all");
                let finding = eval.suggester.hint_or(finding, index, known, &help);
                eval.report(finding, home);
                None
            }
            (Targets::One(_), Some((_, place))) => {
                let finding =
                    Diagnostic::error("E0204", format!("{} has no instances", quoted(name)))
                        .at(*place, "there is only one")
                        .at(member.span, "declared here without `for`")
                        .help(format!("write `{name}` alone"));
                eval.report(finding, home);
                None
            }
        }
    }

    fn unknown(&self, name: &str, home: ScopeId, span: Span, eval: &mut Eval<'_, 'a, '_>) {
        let module = eval.world.module_of(home);
        if module.doubtful.contains(name) {
            return;
        }
        if let Some((_, place)) = module.uses.get(name) {
            let finding = Diagnostic::error("E0204", format!("there is no task {}", quoted(name)))
                .at(span, "unknown")
                .at(place, "a used file is called so; it has no tasks")
                .help("call one of its templates, and name that call");
            eval.report(finding, home);
            return;
        }
        if !eval.suggester.afford(self.tree.groups.len()) {
            let finding = Diagnostic::error("E0204", format!("there is no task {}", quoted(name)));
            let help = "name a task, command, approval, deploy, group or call that stands here";
            eval.report(finding.at(span, "unknown").help(help), home);
            return;
        }
        let mut known: Vec<&str> = Vec::new();
        let mut at = Some(eval.world.scopes.at(home).group);
        let mut sealed = false;
        while let Some(id) = at {
            let group = self.tree.group(id);
            known.extend(group.members.keys().copied());
            sealed = group.sealed && group.parent.is_some();
            at = if group.sealed { None } else { group.parent };
        }
        known.sort_unstable();
        let mut finding = Diagnostic::error("E0204", format!("there is no task {}", quoted(name)))
            .at(span, "unknown");
        let names = &module.names;
        let spaces = [&names.agents, &names.gates, &names.environments, &names.templates];
        if let Some((noun, place)) =
            spaces.into_iter().find_map(|space| Some((space.noun, space.get(name)?.1)))
        {
            finding = finding
                .at(place, format!("there is {} of this name", with_article(noun)))
                .help("name a task");
        }
        if let Some(near) = eval.suggester.closest(name, known.iter().copied()) {
            eval.report(finding.help(format!("did you mean `{near}`?")), home);
            return;
        }
        let outside = self.tree.group(GroupId::ROOT).members.get(name).filter(|_| sealed);
        if let Some(member) = outside {
            finding = finding.at(
                member.span,
                format!("there is {} of this name outside", with_article(member.noun)),
            );
        } else if let Some(path) = self.elsewhere(name).filter(|_| !sealed) {
            finding = finding.help(format!("there is `{path}`"));
        } else if known.is_empty() || known.len() > 12 {
            let help = "name a task, command, approval, deploy, group or call that stands here";
            finding = finding.help(help);
        } else {
            finding = finding.help(format!("there is {}", listed(known, "and")));
        }
        if sealed {
            finding = finding.help("a template sees its own tasks only; give it others by a parameter, as in `after: list(node) = []`");
        }
        eval.report(finding, home);
    }

    /// Finds a group in which something has this name.
    fn elsewhere(&self, name: &str) -> Option<String> {
        let within = self.tree.groups.iter().position(|group| group.members.contains_key(name))?;
        let path = self.tree.group_paths().into_iter().nth(within)?;
        Some(format!("{path}/{name}"))
    }

    fn not_in(
        &self,
        group: GroupId,
        name: &str,
        home: ScopeId,
        span: Span,
        eval: &mut Eval<'_, 'a, '_>,
    ) {
        let group = self.tree.group(group);
        let message = format!("there is no task {} in {}", quoted(name), quoted(group.name));
        let finding = Diagnostic::error("E0204", message).at(span, "unknown");
        let known: Vec<&str> = match eval.suggester.afford(1) {
            true => group.members.keys().copied().collect(),
            false => Vec::new(),
        };
        let finding = eval.suggester.hint(finding, name, known);
        eval.report(finding.help("the names of a group's own tasks stand behind its `/`"), home);
    }
}

/// Splits `path.part`.
fn split_part(text: &str) -> (&str, Option<&str>) {
    match text.split_once('.') {
        Some((path, part)) => (path, Some(part)),
        None => (text, None),
    }
}

/// Iterates over the tasks of ranges.
pub(crate) fn tasks(ranges: &[Range<u32>]) -> impl Iterator<Item = TaskId> {
    ranges.iter().flat_map(|range| range.clone().map(|position| TaskId::new(position as usize)))
}
