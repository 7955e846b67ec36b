//! `rule … is human`: what only a person can judge.
//!
//! Unaware of who that is and of how they are asked.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::case::missing;
use super::{Case, Errand, Outcome, RuleKind, Ruling, SCOPE, Unread, WHEN_CHANGED};
use crate::gates::Verdict;

/// The kind `human`.
#[derive(Debug)]
pub struct Human;

const SCHEMA: KindSchema = KindSchema {
    name: "human",
    doc: "Holds once a person has said so, looking at the changes.",
    params: &[
        Param {
            name: "role",
            ty: ParamType::Text,
            need: Need::Required,
            doc: "Who is asked, for example \"security-reviewer\".",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for Human {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }

    fn asks(&self) -> bool {
        true
    }

    fn errand<'a>(&self, case: &Case<'a>) -> Errand<'a> {
        match case.rule.params.text("role") {
            Some(role) if case.changes().next().is_some() => Errand::Ask(role),
            _ => Errand::None,
        }
    }

    fn judge(&self, case: &Case<'_>) -> Result<Ruling, Unread> {
        let Some(role) = case.rule.params.text("role") else { return Ok(missing("role")) };
        Ok(match (self.errand(case), case.outcome) {
            (Errand::Ask(_), Some(Outcome::Answered { holds, by })) => {
                let verdict = if *holds { Verdict::Pass } else { Verdict::Fail };
                Ruling::new(verdict, by)
            }
            (Errand::Ask(_), _) => {
                Ruling::unknown(&format!("it needs a person: {role} has not been asked"))
            }
            _ => Ruling::pass("nothing that it looks at has changed"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::drawn::{Drawn, judged, judged_after, rule};
    use super::super::errand;
    use super::*;

    #[test]
    fn a_person_is_asked_about_changes_and_silence_is_no_pass() {
        let lists: &[(&str, &[&str])] = &[("scope", &["src/security/**"])];
        let rule = rule("human", lists, &[("role", "security-reviewer")]);
        let base = Drawn::with(&[("src/security/a", "a\n"), ("b", "b\n")]);
        let elsewhere = base.clone().write("b", "c\n");
        assert_eq!(errand(&rule, &elsewhere), Errand::None);
        assert_eq!(judged(&rule, &elsewhere).verdict, Verdict::Pass);
        let changed = base.put("src/security/a", 0o100_755, "a\n");
        assert_eq!(errand(&rule, &changed), Errand::Ask("security-reviewer"));
        let ruling = judged(&rule, &changed);
        assert_eq!(ruling.verdict, Verdict::Unknown);
        assert_eq!(ruling.reason, "it needs a person: security-reviewer has not been asked");
        for (holds, verdict) in [(true, Verdict::Pass), (false, Verdict::Fail)] {
            let answer = Outcome::Answered { holds, by: "ada: \u{1b}[2Jfine\n".to_owned() };
            let ruling = judged_after(&rule, &changed, &answer);
            assert_eq!((ruling.verdict, &*ruling.reason), (verdict, "ada: [2Jfine"));
        }
    }
}
