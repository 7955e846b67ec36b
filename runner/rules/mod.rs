//! The kinds of rules: one file each, registered in [`RULES`].
//!
//! A kind says what a rule of a constitution may ask for, and judges a tree by
//! it. Pure: the tree comes through [`View`]; what a rule must have run or asked
//! first is its [`Errand`], which others do. docs/rules.md says what each counts.
//! Unaware of what a rule cites and of how binding it is.

mod case;
pub mod change_together;
pub mod command;
mod credentials;
pub mod forbid_pattern;
pub mod human;
pub mod max_diff;
pub mod max_lines;
pub mod must_exist;
pub mod protect;
mod ruling;
pub mod secrets;
mod view;

#[cfg(test)]
mod drawn;

use eufm_plan::Rule;
use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use crate::gates::Finish;

pub use case::{Case, Paths};
pub use ruling::{EVIDENCE_MAX, Ruling};
pub use view::{Change, ChangeKind, Content, Count, FILE_BYTES_MAX, File, Unread, View};

/// All kinds of rules, sorted by name.
pub const RULES: &[&dyn RuleKind] = &[
    &change_together::ChangeTogether,
    &command::Command,
    &forbid_pattern::ForbidPattern,
    &human::Human,
    &max_diff::MaxDiff,
    &max_lines::MaxLines,
    &must_exist::MustExist,
    &protect::Protect,
    &secrets::Secrets,
];

/// A way to check a rule of a constitution.
pub trait RuleKind: Sync {
    /// Describes the parameters of `rule … is KIND { … }`.
    fn schema(&self) -> &'static KindSchema;

    /// Checks that a rule's parameters can be used: before a run begins, not at its
    /// end.
    ///
    /// # Errors
    /// Fails with the reason, one line.
    fn check(&self, _rule: &Rule) -> Result<(), String> {
        Ok(())
    }

    /// Tells whether a rule of this kind may ask a person.
    fn asks(&self) -> bool {
        false
    }

    /// Returns what must be done before a rule that applies can be judged.
    fn errand<'a>(&self, _case: &Case<'a>) -> Errand<'a> {
        Errand::None
    }

    /// Judges a tree by a rule that applies.
    ///
    /// # Errors
    /// Fails when the tree cannot be read.
    fn judge(&self, case: &Case<'_>) -> Result<Ruling, Unread>;
}

/// What is to be done before a rule can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand<'a> {
    /// Nothing.
    None,
    /// A command is to be run on the tree, with the rule's own files as they are
    /// in the base.
    Run(&'a [String]),
    /// A person in this role is to be asked.
    Ask(&'a str),
}

/// What came of an errand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The command came to its end.
    Ran(Finish),
    /// A person has answered.
    Answered {
        /// Whether the rule holds.
        holds: bool,
        /// Who says so, and in which words.
        by: String,
    },
}

/// Finds a kind by its name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static dyn RuleKind> {
    RULES.iter().copied().find(|kind| kind.schema().name == name)
}

/// Says what is to be done before a rule can be judged on a tree.
#[must_use]
pub fn errand<'a>(rule: &'a Rule, view: &'a dyn View) -> Errand<'a> {
    match (kind(&rule.kind), Case::open(rule, view, None)) {
        (Some(kind), Ok(case)) => kind.errand(&case),
        _ => Errand::None,
    }
}

/// Judges a tree by a rule, with what came of its errand.
///
/// # Errors
/// Fails when the tree cannot be read; there is no verdict then.
pub fn judge(rule: &Rule, view: &dyn View, outcome: Option<&Outcome>) -> Result<Ruling, Unread> {
    let Some(kind) = kind(&rule.kind) else {
        return Ok(Ruling::unknown(&format!("this version has no rule kind `{}`", rule.kind)));
    };
    match Case::open(rule, view, outcome) {
        Ok(case) => kind.judge(&case),
        Err(ruling) => Ok(ruling),
    }
}

/// The largest number a rule may count to.
const COUNT_MAX: u64 = 1_000_000_000;

/// Which files a rule looks at; every kind has it.
const SCOPE: Param = Param {
    name: "scope",
    ty: ParamType::Globs,
    need: Need::Optional,
    doc: "The globs of the files that it looks at; all files if not given.",
};

/// When a rule applies; every kind has it.
const WHEN_CHANGED: Param = Param {
    name: "when_changed",
    ty: ParamType::Globs,
    need: Need::Optional,
    doc: "The globs of the files whose change makes it apply; it always applies if not given.",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_sorted_by_name_and_share_scope_and_trigger() {
        let schemas: Vec<_> = RULES.iter().map(|kind| kind.schema()).collect();
        assert!(schemas.is_sorted_by(|a, b| a.name < b.name), "{schemas:?}");
        for schema in schemas {
            for shared in ["scope", "when_changed"] {
                assert!(schema.param(shared).is_some(), "{} lacks {shared}", schema.name);
            }
            // The compiler and plan.lock have these keys of their own.
            for own in ["kind", "level", "cite", "line"] {
                assert!(schema.param(own).is_none(), "{} has {own}", schema.name);
            }
        }
    }
}
