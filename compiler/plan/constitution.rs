//! The constitution of a plan: a document of rules, and how each is checked.
//!
//! Unaware of what the kinds of checks do.

use serde::{Deserialize, Serialize};

use crate::{Digest, Params};

/// A document of rules, and how each is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constitution {
    /// The document, relative to the root.
    pub path: String,
    /// The digest of its text; exec compares it with the base commit's.
    pub digest: Digest,
    /// The sentences that ask for something and that no rule cites, in the order of
    /// the document; at most [`UNMAPPED_MAX`].
    pub unmapped: Vec<Unmapped>,
    /// How many more of them there are.
    pub unmapped_more: u32,
    /// The rules, sorted by name.
    pub rules: Vec<Rule>,
}

/// How many sentences are listed that no rule cites.
pub const UNMAPPED_MAX: usize = 100;

/// A sentence of a constitution that no rule cites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmapped {
    /// The line of the document on which it begins, from 1.
    pub line: u32,
    /// Its words, cut off where it is long.
    pub text: String,
}

impl std::fmt::Display for Unmapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.line, self.text)
    }
}

/// One rule of a constitution, bound to a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name in the spec.
    pub name: String,
    /// The check, a name of the runner's `RULES`.
    pub kind: String,
    /// How binding it is.
    pub level: Level,
    /// The words of the document that it checks.
    pub cite: String,
    /// The line of the document on which these words begin, from 1.
    pub line: u32,
    /// How it is set aside, if it is.
    pub waiver: Option<Waiver>,
    /// The parameters in the order of the kind's schema.
    pub params: Params,
}

/// A rule that is set aside: it is judged, and may fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The last day on which a run may begin with it, in UTC: `2026-12-31`.
    pub until: String,
    /// Who is answerable, on one line without `: `.
    pub by: String,
    /// Why, on one line.
    pub reason: String,
}

impl Waiver {
    /// Reads the printed form, but for what stands in it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (until, rest) = text.strip_prefix("until ")?.split_once(" by ")?;
        let (by, reason) = rest.split_once(": ")?;
        Some(Self { until: until.to_owned(), by: by.to_owned(), reason: reason.to_owned() })
    }
}

impl std::fmt::Display for Waiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "until {} by {}: {}", self.until, self.by, self.reason)
    }
}

/// How binding a rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing is deployed against it.
    Must,
    /// A breach is reported.
    Should,
    /// A breach is noted.
    May,
}

impl Level {
    /// Returns its word in specs and in plan.lock.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::May => "may",
        }
    }
}
