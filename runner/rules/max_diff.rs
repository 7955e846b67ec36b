//! `rule … is max_diff`: how large the changes of one result may be.
//!
//! Unaware of what is changed.

use std::collections::BTreeMap;

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::case::missing;
use super::ruling::{Places, count_of};
use super::{
    COUNT_MAX, Case, Change, ChangeKind, Count, EVIDENCE_MAX, RuleKind, Ruling, SCOPE, Unread,
    WHEN_CHANGED,
};
use crate::gates::Verdict;
use crate::printable;

/// The kind `max_diff`.
#[derive(Debug)]
pub struct MaxDiff;

const SCHEMA: KindSchema = KindSchema {
    name: "max_diff",
    doc: "Holds while the changes of one result are not larger than this.",
    params: &[
        Param {
            name: "lines",
            ty: ParamType::Count { least: 1, most: COUNT_MAX },
            need: Need::Required,
            doc: "How many lines may be added and removed, together.",
        },
        Param {
            name: "files",
            ty: ParamType::Count { least: 1, most: COUNT_MAX },
            need: Need::Optional,
            doc: "How many files may change; as many as there are if not given.",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for MaxDiff {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }

    fn judge(&self, case: &Case<'_>) -> Result<Ruling, Unread> {
        let numbers = (case.number("lines"), case.number("files"));
        let (lines_max, files_max) = match numbers {
            (Ok(Some(lines)), Ok(files)) => (lines, files),
            (Ok(None), _) => return Ok(missing("lines")),
            (Err(ruling), _) | (_, Err(ruling)) => return Ok(ruling),
        };
        let size = Size::of(case)?;
        let summary =
            format!("{} in {}", count_of(size.lines, "line"), count_of(size.files, "file"));
        let is_above = size.lines > lines_max || files_max.is_some_and(|most| size.files > most);
        let most = match files_max {
            Some(files) => {
                format!("{} in {}", count_of(lines_max, "line"), count_of(files, "file"))
            }
            None => count_of(lines_max, "line"),
        };
        Ok(if is_above {
            let mut places = Places::default();
            for (lines, path) in size.heaviest {
                places.add(|| format!("{}: {}", printable::path(path), count_of(lines, "line")));
            }
            places.ruling(Verdict::Fail, &format!("{summary}; at most {most}"))
        } else if size.uncounted.is_empty() {
            Ruling::pass(&summary)
        } else {
            let reason = "files that are too large to be counted have changed";
            size.uncounted.ruling(Verdict::Unknown, reason)
        })
    }
}

/// How large the changes are that a rule looks at.
struct Size<'a> {
    /// Added and removed lines.
    lines: u64,
    /// Paths.
    files: u64,
    /// The files with the most lines, by that number.
    heaviest: Vec<(u64, &'a [u8])>,
    /// Files whose lines nobody has counted.
    uncounted: Places,
}

impl<'a> Size<'a> {
    /// Adds up. A file that was moved as it is counts as one file without lines.
    fn of(case: &Case<'a>) -> Result<Self, Unread> {
        let counts = case.view.counts()?;
        let changes: Vec<_> = case
            .view
            .changes()
            .iter()
            .zip(counts)
            .filter(|(change, _)| case.looks_at(change.path()))
            .collect();
        let moved = moved(changes.iter().map(|(change, _)| *change));
        let mut size =
            Self { lines: 0, files: 0, heaviest: Vec::new(), uncounted: Places::default() };
        for ((change, count), moved) in changes.into_iter().zip(moved) {
            // The move counts where the file is now.
            size.files += u64::from(!(moved && change.kind() == ChangeKind::Removed));
            match count {
                _ if moved => {}
                Count::Lines { added, removed } => {
                    size.lines += added + removed;
                    size.heaviest.push((added + removed, change.path()));
                }
                Count::Binary => size.heaviest.push((0, change.path())),
                Count::TooLarge => {
                    size.uncounted.add(|| format!("{}: too large", printable::path(change.path())));
                }
            }
        }
        size.heaviest.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        size.heaviest.truncate(EVIDENCE_MAX);
        Ok(size)
    }
}

/// Pairs files that are gone with new ones of the same content and mode, each
/// once, and tells of every change whether it is one of a pair.
fn moved<'a>(changes: impl Iterator<Item = &'a Change> + Clone) -> Vec<bool> {
    let mut gone: BTreeMap<(&str, u32), Vec<usize>> = BTreeMap::new();
    let mut moved = Vec::new();
    for (at, change) in changes.clone().enumerate() {
        moved.push(false);
        if let (Some(before), None) = (&change.before, &change.after) {
            gone.entry((&before.object, before.mode)).or_default().push(at);
        }
    }
    for (at, change) in changes.enumerate() {
        if let (None, Some(after)) = (&change.before, &change.after)
            && let Some(old) = gone.get_mut(&(&*after.object, after.mode)).and_then(Vec::pop)
        {
            (moved[at], moved[old]) = (true, true);
        }
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::super::drawn::{Drawn, judged, rule};
    use super::*;

    fn max(numbers: &[(&str, &str)], drawn: &Drawn) -> Ruling {
        judged(&rule("max_diff", &[], numbers), drawn)
    }

    fn base() -> Drawn {
        Drawn::with(&[("a", "1\n2\n3\n"), ("b", "1\n2\n3\n4\n"), ("c", "x"), ("same", "1\n")])
    }

    #[test]
    fn added_and_removed_lines_count_together() {
        for (drawn, lines, files) in [
            (base(), 0, 0),
            (base().write("a", "1\n3\n4\n"), 2, 1),
            (base().write("a", "1\n2\n3"), 2, 1),
            (base().write("a", "1\r\n2\r\n3\r\n"), 6, 1),
            (base().remove("b"), 4, 1),
            (base().write("new\n", "1\n2"), 2, 1),
            (base().write("new", ""), 0, 1),
            (base().put("a", 0o100_755, "1\n2\n3\n"), 0, 1),
            (base().write("a", b"\0"), 0, 1),
            (base().rename("b", "moved"), 0, 1),
            (base().rename("b", "moved").write("moved", "1\n2\n3\n5\n"), 8, 2),
            (base().rename("b", "moved").put("moved", 0o100_755, "1\n2\n3\n4\n"), 8, 2),
            (base().rename("b", "moved").write("copy", "1\n2\n3\n4\n"), 4, 2),
            (base().put("c", 0o120_000, "y"), 2, 1),
        ] {
            let ruling = max(&[("lines", "1000")], &drawn);
            let said = format!("{} in {}", count_of(lines, "line"), count_of(files, "file"));
            assert_eq!((ruling.verdict, &ruling.reason), (Verdict::Pass, &said), "{drawn:?}");
        }
    }

    #[test]
    fn the_heaviest_files_are_named() {
        let drawn = base().write("a", "").remove("b").write("c", "x\n");
        let ruling = max(&[("lines", "8")], &drawn);
        assert_eq!(ruling.verdict, Verdict::Fail);
        assert_eq!(ruling.reason, "9 lines in 3 files; at most 8 lines");
        assert_eq!(ruling.evidence, ["b: 4 lines", "a: 3 lines", "c: 2 lines"]);
        assert_eq!(max(&[("lines", "9")], &drawn).verdict, Verdict::Pass);
        let few = max(&[("lines", "9"), ("files", "2")], &drawn);
        assert_eq!(few.verdict, Verdict::Fail);
        assert_eq!(few.reason, "9 lines in 3 files; at most 9 lines in 2 files");
        assert_eq!(max(&[("lines", "9"), ("files", "3")], &drawn).verdict, Verdict::Pass);
    }

    #[test]
    fn only_what_is_in_scope_counts_and_a_move_out_of_it_is_a_removal() {
        let lists: &[(&str, &[&str])] = &[("scope", &["src/**"])];
        let rule = rule("max_diff", lists, &[("lines", "1")]);
        let base = Drawn::with(&[("src/a", "1\n2\n"), ("b", "1\n2\n")]);
        assert_eq!(judged(&rule, &base.clone().remove("b")).reason, "0 lines in 0 files");
        assert_eq!(judged(&rule, &base.clone().rename("src/a", "src/b")).verdict, Verdict::Pass);
        assert_eq!(judged(&rule, &base.rename("src/a", "c")).verdict, Verdict::Fail);
    }

    #[test]
    fn what_nobody_counted_is_no_pass() {
        let drawn = base().write("a", "0\n").write("large", "123456789").reading(7);
        let ruling = max(&[("lines", "4")], &drawn);
        assert_eq!(ruling.verdict, Verdict::Unknown);
        assert_eq!(ruling.evidence, ["large: too large"]);
        assert_eq!(max(&[("lines", "3")], &drawn).verdict, Verdict::Fail);
    }
}
