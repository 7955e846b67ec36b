//! Texts that several nodes have: each stands once in plan.lock, under a name.
//!
//! A text is named after the first node that has it, without what instances were
//! made for: `story/plan` for `story["search"]/plan`. So a node that comes, goes or
//! gets another text renames nothing for the others of its template. Nearly linear
//! in the plan. Unaware of how a text is spelled.

use std::collections::{BTreeMap, BTreeSet};

use super::spelling::LINE_MAX;
use crate::id::thing_of;
use crate::{Plan, Work};

/// The texts of a plan that several of its nodes have, with their names.
#[derive(Debug, Default)]
pub(super) struct Texts<'p> {
    /// By length and text.
    named: Vec<(&'p str, String)>,
}

impl<'p> Texts<'p> {
    /// Finds them.
    pub(super) fn of(plan: &'p Plan) -> Self {
        let texts = plan.nodes.iter().enumerate().filter_map(|(at, node)| {
            text(&node.work).filter(|text| is_long(text)).map(|text| (text, at))
        });
        let mut texts: Vec<(&str, usize)> = texts.collect();
        // Lengths first: most texts of a plan need not be compared then.
        texts.sort_unstable_by_key(|(text, at)| (text.len(), *text, *at));
        let groups = texts.chunk_by(|(one, _), (other, _)| one == other);
        let mut shared: Vec<(usize, &str)> =
            groups.filter(|group| group.len() > 1).map(|group| (group[0].1, group[0].0)).collect();
        shared.sort_unstable();
        let mut given = Names::default();
        let names = shared.iter().map(|(first, text)| {
            let name = given.give(&thing_of(&plan.nodes[*first].name));
            (*text, name)
        });
        let mut named: Vec<(&str, String)> = names.collect();
        named.sort_unstable_by_key(|(text, _)| (text.len(), *text));
        Self { named }
    }

    /// Returns the name of a text that several nodes have.
    pub(super) fn name(&self, text: &str) -> Option<&str> {
        if !is_long(text) {
            return None;
        }
        let place =
            self.named.binary_search_by_key(&(text.len(), text), |(text, _)| (text.len(), text));
        place.ok().map(|place| self.named[place].1.as_str())
    }

    /// Lists names and texts, in the order of the names.
    pub(super) fn in_order(&self) -> Vec<(&str, &'p str)> {
        let mut texts: Vec<(&str, &str)> =
            self.named.iter().map(|(text, name)| (name.as_str(), *text)).collect();
        texts.sort_unstable();
        texts
    }
}

/// Returns the text that a node has for its agent or a person.
pub(super) fn text(work: &Work) -> Option<&str> {
    match work {
        Work::Agent { prompt, .. } => Some(prompt),
        Work::Approval { ask } => Some(ask),
        Work::Command(_) | Work::Verify { .. } | Work::Deploy { .. } => None,
    }
}

/// Tells whether a text is worth a name: a short line says more than one.
fn is_long(text: &str) -> bool {
    text.contains('\n') || text.chars().nth(LINE_MAX).is_some()
}

/// Names that are given once each.
#[derive(Default)]
struct Names {
    used: BTreeSet<String>,
    /// For names that were asked for the number that comes next.
    next: BTreeMap<String, u64>,
}

impl Names {
    /// Returns a name as it is, or with a number where another text has it.
    fn give(&mut self, name: &str) -> String {
        let next = self.next.entry(name.to_owned()).or_insert(1);
        loop {
            let free = if *next == 1 { name.to_owned() } else { format!("{name} {next}") };
            *next += 1;
            if self.used.insert(free.clone()) {
                return free;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::example::hello;
    use crate::{AgentIndex, Node};

    fn plan(prompts: &[(&str, &str)]) -> Plan {
        let mut plan = hello();
        let node = plan.nodes[1].clone();
        let nodes = prompts.iter().map(|(name, prompt)| Node {
            name: (*name).to_owned(),
            work: Work::Agent {
                agent: AgentIndex::new(0),
                prompt: (*prompt).to_owned(),
                session: None,
            },
            ..node.clone()
        });
        plan.nodes = nodes.collect();
        plan
    }

    fn names(prompts: &[(&str, &str)]) -> Vec<(String, String)> {
        let plan = plan(prompts);
        let texts = Texts::of(&plan);
        let names = texts.in_order().into_iter();
        let names: Vec<_> = names.map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        for (name, text) in &names {
            assert_eq!(texts.name(text), Some(name.as_str()));
        }
        names
    }

    fn owned(names: &[(&str, &str)]) -> Vec<(String, String)> {
        names.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_text_that_several_nodes_have_is_named_after_the_first_without_its_instance() {
        let shared = names(&[
            ("a", "Once.\n"),
            ("story[\"x/y\"]/plan[\"]\"]", "Plan.\n"),
            ("z[\"1\"]", "Do.\n"),
            ("story[\"z\"]/plan[\"1\"]", "Plan.\n"),
            ("z[\"2\"]", "Do.\n"),
        ]);
        assert_eq!(shared, owned(&[("story/plan", "Plan.\n"), ("z", "Do.\n")]));
    }

    #[test]
    fn what_is_said_in_a_short_line_needs_no_name() {
        let (short, long) = ("é".repeat(LINE_MAX), "é".repeat(LINE_MAX + 1));
        assert_eq!(names(&[("a", &short), ("b", &short)]), []);
        assert_eq!(names(&[("a", &long), ("b", &long)]), owned(&[("a", &long)]));
    }

    #[test]
    fn two_texts_have_two_names() {
        let shared = names(&[
            ("s[\"1\"]", "A\n"),
            ("s 2", "C\n"),
            ("s[\"2\"]", "B\n"),
            ("s[\"3\"]", "B\n"),
            ("s[\"4\"]", "A\n"),
            ("u", "C\n"),
        ]);
        assert_eq!(shared, owned(&[("s", "A\n"), ("s 2", "C\n"), ("s 3", "B\n")]));
    }

    #[test]
    fn an_instance_that_comes_or_gets_another_text_renames_nothing() {
        let mut nodes = vec![("s[\"1\"]", "A\n"), ("s[\"2\"]", "A\n"), ("s[\"3\"]", "A\n")];
        let before = names(&nodes);
        nodes[0].1 = "B\n";
        assert_eq!(names(&nodes), before);
        nodes.insert(0, ("s[\"0\"]", "A\n"));
        assert_eq!(names(&nodes), before);
    }
}
