//! An answer: what a person decided, as a file and as a fact.
//!
//! The file is bound to the plan and to the tree that the person looked at. One
//! that does not fit its question is no answer, and never taken for one. Unaware
//! of where the file lies.

use eufm_plan::Digest;
use eufm_plan::units::{Money, Tokens};
use serde::{Deserialize, Serialize};

use super::About;
use super::question::QuestionFile;
use crate::git::{CommitId, TreeId};

/// The longest note, in bytes.
pub const NOTE_BYTES_MAX: usize = 16 << 10;

/// The longest name of a person, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// The longest time stamp, in bytes.
const TIME_BYTES_MAX: usize = 64;

/// What a person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// It goes on: the approval is given, the node tries again.
    Approve,
    /// It does not.
    Reject,
    /// What was asked about was done already; only a deploy is asked about so.
    Done,
}

impl Decision {
    /// Returns the word for what was decided.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Reject => "rejected",
            Self::Done => "done already",
        }
    }
}

/// What a person lets a node use beyond its caps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raise {
    /// Money, in millionths of the run's currency.
    #[serde(default)]
    pub micros: u64,
    /// Tokens.
    #[serde(default)]
    pub tokens: u64,
}

/// An answer as a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// What was decided.
    pub decision: Decision,
    /// Who says so.
    pub by: String,
    /// When, as it was given.
    pub at: String,
    /// What they wrote beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What the node may use beyond its caps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raise: Option<Raise>,
    /// How they have resolved a conflict: a commit that merges both sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<CommitId>,
}

/// An answer as a file that any program can write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerFile {
    /// `approve`, `reject` or `done`.
    pub decision: Decision,
    /// Who decided.
    pub by: String,
    /// When, for people: RFC 3339.
    pub at: String,
    /// The digest of the plan, as the question has it.
    pub plan: Digest,
    /// The tree that was looked at, as the question has it.
    pub tree: TreeId,
    /// The rule that the question names, if it is about one: a node may ask about
    /// several, all on one tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What is to be handed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What a node that is asked about may use beyond its caps: `0.50 EUR` or `200K`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raise: Option<String>,
    /// The commit that resolves a conflict, as a whole id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub take: Option<String>,
}

impl AnswerFile {
    /// Makes the fact, if the answer fits its question.
    ///
    /// # Errors
    /// Fails with the reason in one line: it is of another plan or tree, too
    /// long, or decides what is not asked.
    pub fn answer(self, question: &QuestionFile) -> Result<Answer, String> {
        if self.plan != question.plan {
            return Err(format!("it is for another plan, {}", self.plan));
        }
        if self.tree != question.tree {
            let (theirs, ours) = (self.tree.short(), question.tree.short());
            return Err(format!("it is for the tree {theirs}, and this is about {ours}"));
        }
        match (&question.about, &self.rule) {
            (About::Rule { rule: asked }, Some(rule)) if rule == asked => {}
            (About::Rule { rule }, _) => {
                return Err(format!("its `rule` is not {rule:?}, which is asked about"));
            }
            (_, Some(_)) => return Err("`rule` goes with a question about a rule".to_owned()),
            (_, None) => {}
        }
        let is_named = !self.by.trim().is_empty() && self.by.len() <= NAME_BYTES_MAX;
        if !is_named {
            return Err("`by` does not say who it is, in at most 200 bytes".to_owned());
        }
        if self.at.len() > TIME_BYTES_MAX {
            return Err("`at` is no time".to_owned());
        }
        if self.note.as_ref().is_some_and(|note| note.len() > NOTE_BYTES_MAX) {
            return Err(format!("its note is longer than {NOTE_BYTES_MAX} bytes"));
        }
        if self.decision == Decision::Done && question.about != About::Recovery {
            return Err("`done` answers only what became of a deploy".to_owned());
        }
        let raise = self.raise.as_deref().map(|text| raise(text, question)).transpose()?;
        let is_retry = question.about == About::Escalation && self.decision == Decision::Approve;
        if raise.is_some() && !is_retry {
            return Err("`raise` goes with another try of a node and nothing else".to_owned());
        }
        let is_resolved = question.about == About::Conflict && self.decision == Decision::Approve;
        if self.take.is_some() && !is_resolved {
            return Err(
                "`take` goes with a conflict that is to be merged, and nothing else".to_owned()
            );
        }
        let take = self.take.as_deref().map(CommitId::new).transpose();
        let take = take.map_err(|error| format!("`take`: {error}"))?;
        let note = self.note.filter(|note| !note.trim().is_empty());
        Ok(Answer { decision: self.decision, by: self.by, at: self.at, note, raise, take })
    }
}

/// Reads what a cap is raised by: money of the run's currency, or tokens.
fn raise(text: &str, question: &QuestionFile) -> Result<Raise, String> {
    if let Some(tokens) = Tokens::parse(text).filter(|tokens| tokens.0 > 0) {
        return Ok(Raise { micros: 0, tokens: tokens.0 });
    }
    let money = Money::parse(text).filter(|money| money.micros > 0);
    let money = money.ok_or_else(|| {
        format!("`raise` is `{text}`, neither money as `0.50 EUR` nor tokens as `200K`")
    })?;
    match &question.currency {
        Some(currency) if *currency == money.currency.to_string() => {
            Ok(Raise { micros: money.micros, tokens: 0 })
        }
        Some(currency) => Err(format!("`raise` is `{text}`, and the run counts in {currency}")),
        None => Err(format!("`raise` is `{text}`, and the run counts no money")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::question::tests::question;

    fn file() -> AnswerFile {
        let question = question();
        AnswerFile {
            decision: Decision::Approve,
            by: "anna".to_owned(),
            at: "2026-11-27T03:00:00Z".to_owned(),
            plan: question.plan,
            tree: question.tree,
            rule: None,
            note: Some("go".to_owned()),
            raise: None,
            take: None,
        }
    }

    #[test]
    fn an_answer_about_a_rule_names_it() {
        let asked = QuestionFile { about: About::Rule { rule: "agreed".to_owned() }, ..question() };
        let answer = |rule: Option<&str>, asked: &QuestionFile| {
            AnswerFile { rule: rule.map(str::to_owned), ..file() }.answer(asked).err()
        };
        assert_eq!(answer(Some("agreed"), &asked), None);
        for other in [None, Some("liked"), Some("")] {
            let reason = answer(other, &asked).expect("refused");
            assert_eq!(reason, "its `rule` is not \"agreed\", which is asked about");
        }
        assert_eq!(answer(None, &question()), None);
        assert!(answer(Some("agreed"), &question()).is_some_and(|it| it.contains("goes with")));
    }

    fn refusal(change: impl FnOnce(&mut AnswerFile)) -> String {
        let mut file = file();
        change(&mut file);
        file.answer(&question()).expect_err("it does not fit")
    }

    #[test]
    fn an_answer_that_fits_becomes_the_fact() {
        let answer = file().answer(&question()).expect("it fits");
        assert_eq!((answer.decision, answer.by.as_str()), (Decision::Approve, "anna"));
        assert_eq!(answer.note.as_deref(), Some("go"));
        let blank = AnswerFile { note: Some(" \n".to_owned()), ..file() };
        assert_eq!(blank.answer(&question()).expect("it fits").note, None);
    }

    #[test]
    fn an_answer_to_something_else_is_none() {
        let tree = TreeId::new(&"c".repeat(40)).expect("an id");
        assert!(refusal(|it| it.plan = Digest::of(b"other")).starts_with("it is for another plan"));
        assert!(refusal(|it| it.tree = tree).starts_with("it is for the tree cccccccccccc"));
        assert!(refusal(|it| it.by = " ".to_owned()).contains("who it is"));
        assert!(refusal(|it| it.note = Some("x".repeat(NOTE_BYTES_MAX + 1))).contains("longer"));
        assert!(refusal(|it| it.at = "x".repeat(TIME_BYTES_MAX + 1)).contains("no time"));
        assert!(refusal(|it| it.decision = Decision::Done).contains("only what became"));
        assert!(refusal(|it| it.raise = Some("1 EUR".to_owned())).contains("another try"));
    }

    #[test]
    fn an_answer_may_be_as_long_as_it_may_be() {
        let by = "x".repeat(NAME_BYTES_MAX);
        let (at, note) = ("x".repeat(TIME_BYTES_MAX), Some("x".repeat(NOTE_BYTES_MAX)));
        let answer = AnswerFile { by, at, note, ..file() }.answer(&question());
        assert_eq!(answer.map(|it| it.note.map(|note| note.len())), Ok(Some(NOTE_BYTES_MAX)));
    }

    #[test]
    fn a_cap_is_raised_and_a_result_taken_only_by_who_approves_what_is_asked() {
        let raise = AnswerFile { raise: Some("1 EUR".to_owned()), ..file() };
        let take = AnswerFile { take: Some("d".repeat(40)), ..file() };
        for (about, fits, other) in
            [(About::Escalation, &raise, &take), (About::Conflict, &take, &raise)]
        {
            let asked = QuestionFile { about, ..question() };
            let reject = AnswerFile { decision: Decision::Reject, ..fits.clone() };
            assert!(fits.clone().answer(&asked).is_ok(), "{asked:?}");
            for unfit in [&reject, other] {
                let reason = unfit.clone().answer(&asked).expect_err("it does not go with it");
                assert!(reason.contains("and nothing else"), "{reason}");
            }
        }
        for unfit in [raise, take] {
            assert!(unfit.answer(&question()).is_err_and(|it| it.contains("and nothing else")));
        }
    }

    #[test]
    fn a_raise_is_money_of_the_run_or_tokens() {
        let asked = QuestionFile { about: About::Escalation, ..question() };
        let with = |text: &str| AnswerFile { raise: Some(text.to_owned()), ..file() };
        let raise = |text: &str| with(text).answer(&asked).map(|answer| answer.raise);
        assert_eq!(raise("0.50 EUR"), Ok(Some(Raise { micros: 500_000, tokens: 0 })));
        assert_eq!(raise("200K"), Ok(Some(Raise { micros: 0, tokens: 200_000 })));
        for (text, reason) in [
            ("1 USD", "counts in EUR"),
            ("0 EUR", "neither"),
            ("much", "neither"),
            ("0", "neither"),
        ] {
            assert!(raise(text).expect_err("refused").contains(reason), "{text}");
        }
    }
}
