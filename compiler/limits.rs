//! The budget of a task: each limit from its own block or from the nearest defaults.
//!
//! Unaware of what the limits add up to.

use eufm_grammar::Span;
use eufm_grammar::ast::Entry;
use eufm_plan::NodeBudget;

use crate::fields::{Adds, Fields, Owner, entries_of};
use crate::resolve::{Reading, Resolver};
use crate::typed;
use crate::vocabulary::{self as words, Key};

/// How often a node may be tried when nothing is said.
const DEFAULT_ATTEMPTS: u32 = 1;
/// The most attempts of one node.
const MAX_ATTEMPTS: u64 = 100;

impl<'a> Resolver<'_, 'a, '_> {
    /// Reads each limit from the task's own budget or from the nearest defaults.
    pub(crate) fn budget(&mut self, reading: &Reading<'a>) -> (NodeBudget, Option<Span>) {
        let mut blocks = Vec::new();
        if let Some(entry) = reading.fields.get("budget") {
            blocks.push((entry, reading.scope, true));
        }
        let mut at = self.group_of(self.shared.tree.instance(reading.instance)).defaults;
        while let Some(id) = at {
            let defaults = &self.shared.tree.defaults[id.get()];
            blocks
                .extend(defaults.fields.get("budget").map(|entry| (entry, defaults.scope, false)));
            at = defaults.outer;
        }
        let keyword = reading.item.keyword.text;
        let mut budget = NodeBudget { attempts: DEFAULT_ATTEMPTS, ..NodeBudget::default() };
        let (mut attempts, mut place) = (None, None);
        for (entry, scope, is_own) in blocks {
            let fields = self.limits(entry, keyword, is_own);
            let mut value = |key: &str| {
                let entry = fields.get(key)?;
                Some(self.eval.value(&entry.value, scope))
            };
            let (cost, wall, tokens) = (value("cost"), value("wall"), value("tokens"));
            let (memory, tries) = (value("memory"), value("attempts"));
            let out = &mut *self.eval.out;
            let is_agent = keyword == "task";
            if is_agent || is_own {
                place = place.or(cost.as_ref().map(|cost| cost.span));
                budget.cost = budget.cost.or_else(|| typed::money("cost", &cost?, out));
                budget.tokens = budget.tokens.or_else(|| typed::tokens("tokens", &tokens?, out));
            }
            budget.wall = budget.wall.or_else(|| typed::duration("wall", &wall?, out));
            budget.memory = budget.memory.or_else(|| typed::bytes("memory", &memory?, out));
            attempts =
                attempts.or_else(|| typed::count("attempts", &tries?, 1..=MAX_ATTEMPTS, out));
        }
        if let Some(attempts) = attempts.and_then(|attempts| u32::try_from(attempts).ok())
            && matches!(keyword, "task" | "command")
        {
            budget.attempts = attempts;
        }
        if keyword == "approval" {
            budget = NodeBudget { attempts: DEFAULT_ATTEMPTS, ..NodeBudget::default() };
            place = None;
        }
        (budget, place)
    }

    fn limits(&mut self, entry: &'a Entry<'a>, keyword: &str, is_own: bool) -> Fields<'a> {
        let spends = |key: &&Key| match key.name.as_ref() {
            "cost" | "tokens" => keyword == "task" || !is_own,
            "attempts" => keyword != "deploy" || !is_own,
            _ => true,
        };
        let keys: Vec<Key> = words::NODE_BUDGET.iter().filter(spends).cloned().collect();
        let noun = match keyword {
            "task" => "task's budget",
            "deploy" => "deploy's budget",
            _ => "command's budget",
        };
        let noun = if is_own { noun } else { "default budget" };
        let owner =
            Owner { noun, name: "", span: entry.key.span, complete: true, adds: Adds::Nothing };
        Fields::read(owner, entries_of(entry), &keys, &self.eval.suggester, self.eval.out)
    }
}
