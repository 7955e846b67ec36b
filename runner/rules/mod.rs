//! The kinds of rules: one file each, registered in [`RULES`].
//!
//! A kind says what a rule of a constitution may ask for. This version has no
//! verdicts for them: a plan with rules compiles and is reviewed, and is refused
//! when it is to be run (see `supported`). Unaware of what a rule cites and of
//! how binding it is.

pub mod change_together;
pub mod command;
pub mod forbid_pattern;
pub mod human;
pub mod max_diff;
pub mod max_lines;
pub mod must_exist;
pub mod protect;
pub mod secrets;

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

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
