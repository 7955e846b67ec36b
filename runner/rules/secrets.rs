//! `rule … is secrets`: no credential in the files.
//!
//! What has the form of a credential is looked for in every file that is new or
//! changed; what stood in one of the changed files of the base already was not
//! added. The value itself is shown nowhere. Unaware of whether one is still
//! valid.

use std::collections::BTreeSet;

use eufm_plan::Digest;
use eufm_plan::schema::KindSchema;

use super::credentials::{Credential, credentials};
use super::ruling::{Places, count_of};
use super::{Case, File, RuleKind, Ruling, SCOPE, Unread, WHEN_CHANGED};
use crate::gates::Verdict;

/// The kind `secrets`.
#[derive(Debug)]
pub struct Secrets;

const SCHEMA: KindSchema = KindSchema {
    name: "secrets",
    doc: "Holds while nothing that looks like a credential is added to the files in scope.",
    params: &[SCOPE, WHEN_CHANGED],
};

/// A credential that was found: which, where, and a digest to know it by.
struct Found<'a> {
    file: &'a File,
    line: u64,
    kind: &'static str,
    digest: Digest,
}

impl RuleKind for Secrets {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }

    fn judge(&self, case: &Case<'_>) -> Result<Ruling, Unread> {
        let written: Vec<&File> = case
            .changes()
            .filter_map(|change| change.after.as_ref())
            .filter(|file| !file.is_submodule())
            .collect();
        let mut found: Vec<Found<'_>> = Vec::new();
        let mut too_large = Places::default();
        case.view.read(&objects(&written), &mut |at, content| {
            let file = written[at];
            if !content.is_whole() {
                too_large.add(|| format!("{}: {} bytes", file.shown(), content.size));
            }
            credentials(content, |Credential { kind, line, value }| {
                found.push(Found { file, line, kind, digest: Digest::of(value) });
            });
        })?;
        if !found.is_empty() {
            let known = known(case)?;
            found.retain(|found| !known.contains(&found.digest));
        }
        let mut places = Places::default();
        for Found { file, line, kind, .. } in &found {
            places.add(|| format!("{}:{line}: {kind}", file.shown()));
        }
        let looked = count_of(written.len() as u64, "changed file");
        Ok(match (places.count(), too_large.count()) {
            (0, 0) => Ruling::pass(&format!("none was added in {looked}")),
            (0, count) => {
                let reason = format!("{} too large to be looked through", count_of(count, "file"));
                too_large.ruling(Verdict::Unknown, &reason)
            }
            (count, _) => {
                let reason = format!("{} added in {looked}", count_of(count, "credential"));
                places.ruling(Verdict::Fail, &reason)
            }
        })
    }
}

/// Digests the credentials that the changed files had in the base.
fn known(case: &Case<'_>) -> Result<BTreeSet<Digest>, Unread> {
    let changes = case.view.changes().iter();
    let before: Vec<&File> = changes
        .filter_map(|change| change.before.as_ref())
        .filter(|file| !file.is_submodule())
        .collect();
    let mut known = BTreeSet::new();
    case.view.read(&objects(&before), &mut |_, content| {
        credentials(content, |credential| {
            known.insert(Digest::of(credential.value));
        });
    })?;
    Ok(known)
}

fn objects<'a>(files: &[&'a File]) -> Vec<&'a str> {
    files.iter().map(|file| &*file.object).collect()
}

#[cfg(test)]
mod tests {
    use super::super::drawn::{Drawn, judged, rule};
    use super::*;

    fn judge(drawn: &Drawn) -> Ruling {
        judged(&rule("secrets", &[], &[]), drawn)
    }

    /// Two tokens, put together here so that this file holds none.
    fn tokens() -> (String, String) {
        let one = "Zk3Qw9xT7bRm2LpV8nYc4HdJ6sGf1AeU5oKi";
        (format!("gh{}_{one}", 'p'), format!("gh{}_{}", 'o', one.to_lowercase()))
    }

    #[test]
    fn what_is_added_is_named_and_never_shown() {
        let (one, other) = tokens();
        let drawn = Drawn::with(&[("a", "x\n"), ("old", &other)])
            .write("a", format!("x\n\n{one}\r\n"))
            .write("n\new", format!("{other} {one}"))
            .put("link", 0o120_000, &one);
        let ruling = judge(&drawn);
        assert_eq!(ruling.verdict, Verdict::Fail);
        let places = ["a:3", "link:1", "n\\u{a}ew:1", "n\\u{a}ew:1"];
        let named = places.map(|place| format!("{place}: GitHub token"));
        assert_eq!(ruling.evidence, named, "a copy of what an unchanged file holds is one too");
        assert_eq!(ruling.reason, "4 credentials added in 3 changed files");
        assert!(
            !format!("{ruling:?}").contains(&one[..8])
                && !format!("{ruling:?}").contains(&other[..8])
        );
    }

    #[test]
    fn what_the_changed_files_had_in_the_base_is_not_added() {
        let (one, other) = tokens();
        let base = Drawn::with(&[("a", &one), ("b", "x\n")]);
        for drawn in [
            base.clone(),
            base.clone().write("b", "y\n"),
            base.clone().write("a", format!("x\n{one}\ny\n")),
            base.clone().rename("a", "c"),
            base.clone().rename("a", "c").write("c", format!("edited\n{one}")),
            base.clone().put("a", 0o100_755, &one),
            base.clone().remove("a"),
        ] {
            assert_eq!(judge(&drawn).verdict, Verdict::Pass, "{drawn:?}");
        }
        let both = base.clone().write("a", format!("{one}\n{other}"));
        assert_eq!(judge(&both).evidence, ["a:2: GitHub token"]);
        let copied = base.write("b", &one);
        assert_eq!(judge(&copied).evidence, ["b:1: GitHub token"]);
    }

    #[test]
    fn only_files_in_scope_are_read_and_none_that_is_too_large_passes() {
        let (one, _) = tokens();
        let lists: &[(&str, &[&str])] = &[("scope", &["src/**"])];
        let drawn = Drawn::default().write("tests/a", &one).write("src/b", "fine\n");
        assert_eq!(judged(&rule("secrets", lists, &[]), &drawn).verdict, Verdict::Pass);
        let large = Drawn::default().write("a", "0123456789").reading(5);
        assert_eq!(judge(&large).verdict, Verdict::Unknown);
        assert_eq!(judge(&large).evidence, ["a: 10 bytes"]);
        let at_least = Drawn::default().write("a", format!("{one}\nx")).reading(one.len());
        assert_eq!(judge(&at_least).verdict, Verdict::Fail);
    }
}
