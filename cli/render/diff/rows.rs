//! Differences as rows: what is the same for many nodes is one row.
//!
//! Unaware of the form in which rows are shown.

use std::collections::BTreeMap;

use eufm_plan::diff::{Change, Line, Looser, Part};

use super::visible;

/// How many names a row has.
const NAMED: usize = 3;

/// One difference, or several that are the same but for their names.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// What becomes looser.
    pub(super) looser: Option<Looser>,
    part: Part,
    /// The first names.
    names: Vec<&'a str>,
    /// How many there are.
    count: usize,
    /// The key; empty where the thing itself came, went or changed.
    pub(super) key: &'a str,
    what: What<'a>,
    /// The lines of a text that changed.
    pub(super) lines: &'a [Line],
}

/// What happened to something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What<'a> {
    /// It is there now.
    Came,
    /// It is not there any more.
    Went,
    /// It is another one; what it was tells nobody anything.
    Changed,
    /// It had one value and has the other.
    Values(Option<&'a str>, Option<&'a str>),
}

impl<'a> What<'a> {
    fn of(change: &'a Change) -> Self {
        let (before, after) = (change.before.as_deref(), change.after.as_deref());
        match (before, after) {
            (Some(_), Some(_)) if change.part == Part::Source => Self::Changed,
            (None, Some(_)) if change.part == Part::Source || change.key == NAME => Self::Came,
            (Some(_), None) if change.part == Part::Source || change.key == NAME => Self::Went,
            _ => Self::Values(before, after),
        }
    }
}

/// The key of a thing's own name.
const NAME: &str = "name";

impl<'a> Row<'a> {
    fn of(change: &'a Change) -> Self {
        let what = What::of(change);
        let key = if let What::Values(..) = what { change.key.as_ref() } else { "" };
        let Change { looser, part, lines, .. } = change;
        Row { looser: *looser, part: *part, names: Vec::new(), count: 0, key, what, lines }
    }

    fn add(&mut self, name: &'a str) {
        if !name.is_empty() {
            self.count += 1;
            if self.names.len() < NAMED {
                self.names.push(name);
            }
        }
    }

    /// Says where it is: `node greet, readme and 3 more`.
    pub(super) fn place(&self) -> String {
        if self.part == Part::Budget {
            return "run".to_owned();
        }
        let word = self.part.word();
        if self.names.is_empty() {
            return word.to_owned();
        }
        let names = self.names.iter().map(|name| visible::name(name));
        let names = names.collect::<Vec<_>>().join(", ");
        match self.count - self.names.len() {
            0 => format!("{word} {names}"),
            rest => format!("{word} {names} and {rest} more"),
        }
    }

    /// Returns what was and what is there, where that is to be shown.
    pub(super) fn values(&self) -> (Option<String>, Option<String>) {
        match self.what {
            What::Came => (None, Some("added".to_owned())),
            What::Went => (None, Some("removed".to_owned())),
            What::Changed => (None, Some("changed".to_owned())),
            What::Values(Some(before), Some(after)) => {
                let (before, after) = visible::values(before, after);
                (Some(before), Some(after))
            }
            What::Values(before, after) => (before.map(visible::value), after.map(visible::value)),
        }
    }

    /// Says what was and is there, in one line.
    pub(super) fn line(&self) -> String {
        let is_of_itself = !matches!(self.what, What::Values(..));
        match self.values() {
            (Some(before), Some(after)) => format!("{before} → {after}"),
            (Some(before), None) => format!("- {before}"),
            (None, Some(after)) if is_of_itself => after,
            (None, Some(after)) => format!("+ {after}"),
            (None, None) => String::new(),
        }
    }
}

/// Gathers differences in rows, in their order.
pub(super) fn rows(changes: &[Change]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    let mut known: BTreeMap<(Option<Looser>, Part, &str, What<'_>), usize> = BTreeMap::new();
    for change in changes {
        let row = Row::of(change);
        let like = (row.looser, row.part, row.key, row.what);
        let at = *known.entry(like).or_insert_with(|| {
            rows.push(row);
            rows.len() - 1
        });
        rows[at].add(&change.name);
    }
    rows
}
