//! Questions to people and their answers, as they lie in the files of a run.
//!
//! A question shows what is asked and what an answer is bound to; an answer is a
//! file that `eufm approve` or any other program writes. What counts is the
//! journal: these files only lead there. Unaware of what follows from an answer.
//! See docs/people.md.

mod answer;
mod desk;
mod open;
mod question;

pub use answer::{Answer, AnswerFile, Decision, NOTE_BYTES_MAX, Raise};
pub(crate) use desk::{Desk, Heard};
pub use open::{Asked, OpenQuestion, give, open_questions};
pub use question::QuestionFile;
pub(crate) use question::words;

use serde::{Deserialize, Serialize};

/// What a question is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum About {
    /// An approval that the plan has.
    Approval,
    /// A node that did not succeed and asks what is to become of it.
    Escalation,
    /// A deploy of which nobody knows whether it was done.
    Recovery,
    /// A result that contradicts the branch.
    Conflict,
    /// A rule that only a person can judge.
    Rule {
        /// Its name.
        rule: String,
    },
}

impl About {
    /// Returns its word in question files and reports.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Escalation => "escalation",
            Self::Recovery => "recovery",
            Self::Conflict => "conflict",
            Self::Rule { .. } => "rule",
        }
    }
}
