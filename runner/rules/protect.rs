//! `rule … is protect`: files that nobody may change.
//!
//! Unaware of why.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::ruling::{Places, count_of};
use super::{Case, Change, ChangeKind, Paths, RuleKind, Ruling, SCOPE, Unread, WHEN_CHANGED};
use crate::gates::Verdict;
use crate::printable;

/// The kind `protect`.
#[derive(Debug)]
pub struct Protect;

const SCHEMA: KindSchema = KindSchema {
    name: "protect",
    doc: "Holds while no file that matches is changed, removed or renamed.",
    params: &[
        Param {
            name: "paths",
            ty: ParamType::Globs,
            need: Need::Required,
            doc: "The globs of the files; one that is new may be added.",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for Protect {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }

    fn judge(&self, case: &Case<'_>) -> Result<Ruling, Unread> {
        let paths = match case.globs("paths").and(Paths::of(case.rule, "paths")) {
            Ok(paths) => paths,
            Err(ruling) => return Ok(ruling),
        };
        let mut places = Places::default();
        for change in case.changes().filter(|change| paths.has(change.path())) {
            if change.kind() != ChangeKind::Added {
                places.add(|| said(change, case.view.changes()));
            }
        }
        Ok(match places.count() {
            0 => Ruling::pass("no protected file has changed"),
            count => {
                let reason = format!("{} changed or removed", count_of(count, "protected file"));
                places.ruling(Verdict::Fail, &reason)
            }
        })
    }
}

/// Says what happened to a protected file.
fn said(change: &Change, changes: &[Change]) -> String {
    let path = printable::path(change.path());
    let modes = || Some((change.before.as_ref()?.mode, change.after.as_ref()?.mode));
    match (change.kind(), modes()) {
        (ChangeKind::Removed, _) => match moved_to(change, changes) {
            Some(new) => format!("{path}: renamed to {}", printable::path(new.path())),
            None => format!("{path}: removed"),
        },
        (ChangeKind::Mode | ChangeKind::Type, Some((old, new))) => {
            format!("{path}: mode {old:06o} became {new:06o}")
        }
        _ => format!("{path}: changed"),
    }
}

/// Finds a new file with the content of one that is gone.
fn moved_to<'a>(gone: &Change, changes: &'a [Change]) -> Option<&'a Change> {
    let object = &gone.before.as_ref()?.object;
    let is_it = |change: &&Change| {
        change.kind() == ChangeKind::Added
            && change.after.as_ref().is_some_and(|after| after.object == *object)
    };
    changes.iter().find(is_it)
}

#[cfg(test)]
mod tests {
    use super::super::drawn::{Drawn, judged, rule};
    use super::*;

    fn protect(drawn: &Drawn) -> Ruling {
        judged(&rule("protect", &[("paths", &["tests/**", "ci.yml"])], &[]), drawn)
    }

    #[test]
    fn whatever_befalls_a_protected_file_is_named() {
        let base =
            Drawn::with(&[("tests/a", "a\n"), ("tests/b", "b\n"), ("ci.yml", "c\n"), ("x", "x\n")]);
        for (drawn, said) in [
            (base.clone().write("tests/a", "A\n"), "tests/a: changed"),
            (base.clone().write("tests/a", "a\r\n"), "tests/a: changed"),
            (base.clone().put("tests/a", 0o100_755, "A\n"), "tests/a: changed"),
            (base.clone().put("tests/a", 0o100_755, "a\n"), "tests/a: mode 100644 became 100755"),
            (base.clone().put("tests/a", 0o120_000, "b"), "tests/a: mode 100644 became 120000"),
            (base.clone().put("ci.yml", 0o160_000, "c\n"), "ci.yml: mode 100644 became 160000"),
            (base.clone().remove("ci.yml"), "ci.yml: removed"),
            (base.clone().rename("tests/a", "tests/c"), "tests/a: renamed to tests/c"),
            (base.clone().rename("tests/a", "old\n"), "tests/a: renamed to old\\u{a}"),
            (base.clone().remove("tests/a").write("tests/a/b", "a"), "tests/a: removed"),
        ] {
            let ruling = protect(&drawn);
            assert_eq!(
                (ruling.verdict, &*ruling.evidence),
                (Verdict::Fail, &[said.to_owned()][..])
            );
            assert_eq!(ruling.reason, "1 protected file changed or removed");
        }
    }

    #[test]
    fn new_files_and_files_elsewhere_are_free() {
        let base = Drawn::with(&[("tests/a", "a\n"), ("x", "x\n")]);
        let drawn = base.write("tests/new", "a\n").write("x", "y\n").rename("x", "tests/x");
        assert_eq!(protect(&drawn).verdict, Verdict::Pass);
    }

    #[test]
    fn many_are_counted_and_few_are_listed() {
        let mut drawn = Drawn::default();
        for at in 0..60 {
            let path = format!("tests/{at:02}");
            drawn = drawn.write(path, "x");
        }
        let base: Vec<String> = (0..60).map(|at| format!("tests/{at:02}")).collect();
        let base: Vec<(&str, &str)> = base.iter().map(|path| (&**path, "old")).collect();
        let mut changed = Drawn::with(&base);
        for (path, _) in &base {
            changed = changed.write(path, "new");
        }
        let ruling = protect(&changed);
        assert_eq!(ruling.evidence.len(), super::super::EVIDENCE_MAX);
        assert_eq!(ruling.reason, "60 protected files changed or removed; 40 more are not listed");
        assert_eq!(protect(&drawn).verdict, Verdict::Pass, "all of them are new");
    }
}
