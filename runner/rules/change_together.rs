//! `rule … is change_together`: what must change when something else does, such
//! as the guide with the behaviour.
//!
//! Unaware of whether the changes fit.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::ruling::Places;
use super::{Case, ChangeKind, Paths, RuleKind, Ruling, SCOPE, Unread, WHEN_CHANGED};
use crate::gates::Verdict;
use crate::printable;

/// The kind `change_together`.
#[derive(Debug)]
pub struct ChangeTogether;

const SCHEMA: KindSchema = KindSchema {
    name: "change_together",
    doc: "Holds while a change of some files comes with one of others.",
    params: &[
        Param {
            name: "paths",
            ty: ParamType::Globs,
            need: Need::Required,
            doc: "The globs of the files of which at least one must change too.",
        },
        SCOPE,
        Param {
            need: Need::Required,
            doc: "The globs of the files whose change asks for the other.",
            ..WHEN_CHANGED
        },
    ],
};

impl ChangeTogether {
    /// Names what has changed without the other.
    fn alone(&self, case: &Case<'_>) -> Ruling {
        let asking = match Paths::of(case.rule, "when_changed") {
            Ok(asking) => asking,
            Err(ruling) => return ruling,
        };
        let mut places = Places::default();
        for change in case.view.changes().iter().filter(|change| asking.has(change.path())) {
            places.add(|| format!("{}: has changed", printable::path(change.path())));
        }
        let paths = case.rule.params.list("paths").unwrap_or_default().join(", ");
        places.ruling(Verdict::Fail, &format!("nothing of {paths} has changed"))
    }
}

impl RuleKind for ChangeTogether {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }

    fn judge(&self, case: &Case<'_>) -> Result<Ruling, Unread> {
        let paths = match case.globs("paths").and(Paths::of(case.rule, "paths")) {
            Ok(paths) => paths,
            Err(ruling) => return Ok(ruling),
        };
        // Whether a file may be executed says nothing of what stands in it.
        let companion = case
            .changes()
            .filter(|change| change.kind() != ChangeKind::Mode)
            .find(|change| paths.has(change.path()));
        Ok(match companion {
            Some(change) => {
                Ruling::pass(&format!("{} has changed too", printable::path(change.path())))
            }
            None => self.alone(case),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::drawn::{Drawn, judged, rule};
    use super::*;

    #[test]
    fn a_change_comes_with_one_of_the_others_or_fails() {
        let guide = |drawn: &Drawn| {
            let lists: &[(&str, &[&str])] =
                &[("paths", &["docs/**", "CHANGELOG.md"]), ("when_changed", &["src/**"])];
            judged(&rule("change_together", lists, &[]), drawn)
        };
        let base = Drawn::with(&[("src/a", "a\n"), ("docs/a.md", "a\n"), ("CHANGELOG.md", "1\n")]);
        let ruling = guide(&base.clone().write("docs/a.md", "b\n"));
        assert_eq!(ruling.verdict, Verdict::Pass);
        assert!(ruling.reason.starts_with("does not apply"), "{}", ruling.reason);
        let changed = base.write("src/a", "b\n").write("src/n\new", "c\n");
        let ruling = guide(&changed);
        assert_eq!(ruling.verdict, Verdict::Fail);
        assert_eq!(ruling.reason, "nothing of docs/**, CHANGELOG.md has changed");
        assert_eq!(ruling.evidence, ["src/a: has changed", "src/n\\u{a}ew: has changed"]);
        for (with, verdict) in [
            (changed.clone().write("CHANGELOG.md", "2\n"), Verdict::Pass),
            (changed.clone().write("docs/new.md", ""), Verdict::Pass),
            (changed.clone().remove("docs/a.md"), Verdict::Pass),
            (changed.clone().put("CHANGELOG.md", 0o100_755, "1\n"), Verdict::Fail),
            (changed.clone().write("docs.md", "x"), Verdict::Fail),
        ] {
            assert_eq!(guide(&with).verdict, verdict, "{with:?}");
        }
    }

    #[test]
    fn a_file_that_is_gone_or_moved_asks_too_and_counts_only_in_scope() {
        let lists: &[(&str, &[&str])] =
            &[("paths", &["**/*.md"]), ("when_changed", &["src/**"]), ("scope", &["docs/**"])];
        let rule = rule("change_together", lists, &[]);
        let base = Drawn::with(&[("src/a", "a\n"), ("docs/a.md", "a\n"), ("README.md", "a\n")]);
        for changed in [base.clone().remove("src/a"), base.clone().rename("src/a", "b")] {
            assert_eq!(judged(&rule, &changed).verdict, Verdict::Fail);
            let elsewhere = changed.clone().write("README.md", "b\n");
            assert_eq!(judged(&rule, &elsewhere).verdict, Verdict::Fail);
            let there = changed.write("docs/a.md", "b\n");
            assert_eq!(judged(&rule, &there).verdict, Verdict::Pass);
        }
    }
}
