//! A rule before the tree it is judged on: which of its files the rule looks at,
//! and whether it applies.
//!
//! Unaware of what the kinds of rules look for.

use eufm_plan::Rule;
use eufm_plan::units::parse_count;
use globset::GlobSet;

use super::Outcome;
use super::ruling::{Places, Ruling, count_of};
use super::view::{Change, Content, FILE_BYTES_MAX, File, Unread, View};
use crate::gates::Verdict;
use crate::globs;

/// Paths, by globs.
///
/// A path that is no text is compared with every byte that is none replaced: it
/// matches what stands for any name.
#[derive(Debug)]
pub struct Paths(Option<GlobSet>);

impl Paths {
    /// Reads the globs of a parameter; all paths match one that is not given.
    pub(super) fn of(rule: &Rule, key: &str) -> Result<Self, Ruling> {
        let set = rule.params.list(key).map(globs::set).transpose();
        set.map(Self).map_err(|bad| {
            Ruling::unknown(&format!(
                "`{key}` of the rule has the glob {:?}: {}; compile the spec again",
                bad.glob, bad.cause
            ))
        })
    }

    /// Tells whether a path is one of them.
    pub(super) fn has(&self, path: &[u8]) -> bool {
        self.0.as_ref().is_none_or(|set| set.is_match(&*String::from_utf8_lossy(path)))
    }
}

/// A rule that is judged.
pub struct Case<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// The tree.
    pub view: &'a dyn View,
    /// What came of the rule's errand.
    pub outcome: Option<&'a Outcome>,
    scope: Paths,
}

impl<'a> Case<'a> {
    /// Takes a rule before a tree; the ruling where there is nothing to judge.
    pub(super) fn open(
        rule: &'a Rule,
        view: &'a dyn View,
        outcome: Option<&'a Outcome>,
    ) -> Result<Self, Ruling> {
        let trigger = Paths::of(rule, "when_changed")?;
        let scope = Paths::of(rule, "scope")?;
        if trigger.0.is_some() && !view.changes().iter().any(|change| trigger.has(change.path())) {
            return Err(Ruling::pass("does not apply: nothing of `when_changed` has changed"));
        }
        Ok(Self { rule, view, outcome, scope })
    }

    /// Tells whether the rule looks at a path.
    pub(super) fn looks_at(&self, path: &[u8]) -> bool {
        self.scope.has(path)
    }

    /// Returns the files of the tree that the rule looks at.
    pub(super) fn files(&self) -> impl Iterator<Item = &'a File> {
        self.view.files().iter().filter(|file| self.looks_at(&file.path))
    }

    /// Returns the changes that the rule looks at.
    pub(super) fn changes(&self) -> impl Iterator<Item = &'a Change> {
        self.view.changes().iter().filter(|change| self.looks_at(change.path()))
    }

    /// Returns a whole number among the parameters; `None` where it is not given.
    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, Ruling> {
        let text = self.rule.params.text(key);
        text.map(|text| parse_count(text).ok_or_else(|| missing(key))).transpose()
    }

    /// Returns the globs of a parameter that must be given.
    pub(super) fn globs(&self, key: &'static str) -> Result<&'a [String], Ruling> {
        self.rule.params.list(key).ok_or_else(|| missing(key))
    }
}

/// Says that a plan lacks what a kind of this version needs.
pub(super) fn missing(key: &str) -> Ruling {
    Ruling::unknown(&format!("`{key}` of the rule cannot be read; compile the spec again"))
}

/// What was looked at when texts were read.
#[derive(Debug, Default)]
pub(super) struct TextsRead {
    texts: u64,
    binary: u64,
    too_large: Places,
}

impl Case<'_> {
    /// Reads the files that the rule looks at and that are texts, one after the
    /// other; binary ones are passed over and counted.
    pub(super) fn read_texts(
        &self,
        mut each: impl FnMut(&File, Content<'_>),
    ) -> Result<TextsRead, Unread> {
        let files: Vec<&File> = self.files().filter(|file| file.is_regular()).collect();
        let objects: Vec<&str> = files.iter().map(|file| &*file.object).collect();
        let mut read = TextsRead::default();
        self.view.read(&objects, &mut |at, content| {
            if content.is_binary() {
                read.binary += 1;
            } else if content.is_whole() {
                read.texts += 1;
                each(files[at], content);
            } else {
                read.too_large.add(|| format!("{}: {} bytes", files[at].shown(), content.size));
            }
        })?;
        Ok(read)
    }
}

impl TextsRead {
    /// Makes the ruling: against the rule where places were found, and unknown
    /// where not all could be read.
    pub(super) fn ruling(self, found: Places, said: &str) -> Ruling {
        let binary = match self.binary {
            0 => String::new(),
            count => format!("; {} not looked at", count_of(count, "binary file")),
        };
        let looked = format!("{said} in {}{binary}", count_of(self.texts, "text"));
        if !found.is_empty() {
            return found.ruling(Verdict::Fail, &looked);
        }
        match self.too_large.count() {
            0 => Ruling::pass(&looked),
            count => {
                let mib = FILE_BYTES_MAX >> 20;
                let reason = format!("{} above {mib} MiB not read", count_of(count, "text"));
                self.too_large.ruling(Verdict::Unknown, &reason)
            }
        }
    }
}
