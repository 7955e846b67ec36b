//! `rule … is must_exist`: files that must be there.
//!
//! Unaware of what stands in them.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::case::missing;
use super::ruling::{Places, count_of};
use super::{Case, RuleKind, Ruling, SCOPE, Unread, WHEN_CHANGED};
use crate::gates::Verdict;
use crate::globs;

/// The kind `must_exist`.
#[derive(Debug)]
pub struct MustExist;

const SCHEMA: KindSchema = KindSchema {
    name: "must_exist",
    doc: "Holds while each of the globs matches a file.",
    params: &[
        Param {
            name: "paths",
            ty: ParamType::Globs,
            need: Need::Required,
            doc: "The globs; each must match at least one file.",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for MustExist {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }

    fn judge(&self, case: &Case<'_>) -> Result<Ruling, Unread> {
        let globs = match case.globs("paths") {
            Ok(globs) => globs,
            Err(ruling) => return Ok(ruling),
        };
        let Ok(set) = globs::set(globs) else { return Ok(missing("paths")) };
        let mut is_there = vec![false; globs.len()];
        for file in case.files().filter(|file| !file.is_submodule()) {
            for at in set.matches(&*String::from_utf8_lossy(&file.path)) {
                is_there[at] = true;
            }
        }
        let mut places = Places::default();
        for (glob, _) in globs.iter().zip(is_there).filter(|(_, is_there)| !is_there) {
            places.add(|| format!("{glob}: no file"));
        }
        Ok(match places.count() {
            0 => Ruling::pass(&format!("{} matched", count_of(globs.len() as u64, "glob"))),
            count => {
                let reason = format!("{} without a file", count_of(count, "glob"));
                places.ruling(Verdict::Fail, &reason)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::drawn::{Drawn, judged, rule};
    use super::*;

    #[test]
    fn each_glob_needs_a_file_of_the_tree() {
        let must = |globs: &[&str], drawn: &Drawn| {
            judged(&rule("must_exist", &[("paths", globs)], &[]), drawn)
        };
        let tree = Drawn::with(&[("LICENSE", ""), ("docs/adr/1.md", "x"), ("gone", "x")])
            .remove("gone")
            .put("link", 0o120_000, "LICENSE")
            .put("other", 0o160_000, "")
            .write(b"d\xff/x\n", "x");
        assert_eq!(must(&["LICENSE", "docs/adr/*.md", "link"], &tree).verdict, Verdict::Pass);
        assert_eq!(must(&["d*/x*"], &tree).verdict, Verdict::Pass, "a name that is no text");
        let ruling = must(&["LICENSE", "gone", "other", "docs/*.md", "docs"], &tree);
        assert_eq!(ruling.verdict, Verdict::Fail);
        assert_eq!(ruling.reason, "4 globs without a file");
        let missing = ["gone: no file", "other: no file", "docs/*.md: no file", "docs: no file"];
        assert_eq!(ruling.evidence, missing);
    }

    #[test]
    fn only_files_in_scope_count() {
        let lists: &[(&str, &[&str])] = &[("paths", &["**/README.md"]), ("scope", &["docs/**"])];
        let rule = rule("must_exist", lists, &[]);
        let tree = Drawn::with(&[("README.md", "x")]);
        assert_eq!(judged(&rule, &tree).verdict, Verdict::Fail);
        assert_eq!(judged(&rule, &tree.write("docs/README.md", "")).verdict, Verdict::Pass);
    }
}
