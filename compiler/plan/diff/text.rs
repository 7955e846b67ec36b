//! What changed in a text, line by line, with a bound on the work.
//!
//! A comparison takes up to the square of the lines that differ, and a plan has
//! up to a million prompts; so each diff of plans has so much work to spend on
//! texts. What is beyond it is shown as taken away and put in as a whole, but
//! for the lines that both begin and end with. Unaware of plans.

use serde::Serialize;
use similar::{Algorithm, ChangeTag, TextDiff};

/// A line of two compared texts, without its line end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Whose line it is.
    pub sign: Sign,
    /// The line.
    pub text: String,
}

/// Whose a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// It was there.
    Removed,
    /// It is there now.
    Added,
    /// It was and is there.
    Same,
    /// A remark: lines that did not change are left out here, or the line has no end.
    Gap,
}

/// How many lines around a change are shown.
const AROUND: usize = 2;

/// The work that a diff of two plans may spend on its texts, in compared lines.
const WORK: u64 = 20_000_000;

/// How many lines a diff of two plans may tell; the texts themselves are told whole.
const LINES: usize = 500_000;

/// How many lines of one text are told.
const LINES_OF_ONE: usize = 5_000;

/// Compares texts as long as there is work left.
pub(super) struct Texts {
    work: u64,
    lines: usize,
}

impl Default for Texts {
    fn default() -> Self {
        Self { work: WORK, lines: LINES }
    }
}

impl Texts {
    /// Returns the lines that differ, with some around them.
    pub(super) fn compare(&mut self, before: &str, after: &str) -> Vec<Line> {
        let (old, new): (Vec<&str>, Vec<&str>) = (pieces(before), pieces(after));
        let same = |(a, b): &(&&str, &&str)| a == b;
        let head = old.iter().zip(&new).take_while(same).count();
        let (old_rest, new_rest) = (&old[head..], &new[head..]);
        let tail = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(same).count();
        let old_core = &old_rest[..old_rest.len() - tail];
        let new_core = &new_rest[..new_rest.len() - tail];
        let mut lines: Vec<(Sign, &str)> = Vec::new();
        lines.extend(old[..head].iter().map(|line| (Sign::Same, *line)));
        let lengths = u64::try_from(old_core.len() + new_core.len()).unwrap_or(u64::MAX);
        let work = lengths.saturating_mul(lengths);
        if work <= self.work {
            self.work -= work;
            let diff =
                TextDiff::configure().algorithm(Algorithm::Myers).diff_slices(old_core, new_core);
            lines
                .extend(diff.iter_all_changes().map(|change| (sign(change.tag()), change.value())));
        } else {
            lines.extend(old_core.iter().map(|line| (Sign::Removed, *line)));
            lines.extend(new_core.iter().map(|line| (Sign::Added, *line)));
        }
        lines.extend(old_rest[old_core.len()..].iter().map(|line| (Sign::Same, *line)));
        let mut told = folded(&lines, before.ends_with('\n') != after.ends_with('\n'));
        let most = self.lines.min(LINES_OF_ONE);
        if told.len() > most {
            let text = format!("({} more lines)", told.len() - most);
            told.truncate(most);
            told.push(Line { sign: Sign::Gap, text });
        }
        self.lines -= told.len().min(most);
        told
    }
}

/// Cuts a text into lines; what has no line end at its end differs from what has.
fn pieces(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn sign(tag: ChangeTag) -> Sign {
    match tag {
        ChangeTag::Delete => Sign::Removed,
        ChangeTag::Insert => Sign::Added,
        ChangeTag::Equal => Sign::Same,
    }
}

/// Leaves out what is far from any change; says where a line has no end, if that
/// differs.
fn folded(lines: &[(Sign, &str)], ends_differ: bool) -> Vec<Line> {
    let mut is_near = vec![false; lines.len()];
    for at in (0..lines.len()).filter(|&at| lines[at].0 != Sign::Same) {
        let end = lines.len().min(at + AROUND + 1);
        is_near[at.saturating_sub(AROUND)..end].fill(true);
    }
    let (mut shown, mut hidden) = (Vec::new(), 0);
    let gap = |hidden: &mut usize, shown: &mut Vec<Line>| {
        if std::mem::take(hidden) > 0 {
            shown.push(Line { sign: Sign::Gap, text: "…".to_owned() });
        }
    };
    for ((sign, line), is_near) in lines.iter().zip(is_near) {
        if !is_near {
            hidden += 1;
            continue;
        }
        gap(&mut hidden, &mut shown);
        let text = line.strip_suffix('\n').unwrap_or(line).to_owned();
        shown.push(Line { sign: *sign, text });
        if ends_differ && !line.ends_with('\n') {
            shown.push(Line { sign: Sign::Gap, text: "(no line end)".to_owned() });
        }
    }
    gap(&mut hidden, &mut shown);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(texts: &mut Texts, before: &str, after: &str) -> Vec<String> {
        let lines = texts.compare(before, after).into_iter();
        let shown = lines.map(|line| {
            let sign = match line.sign {
                Sign::Removed => '-',
                Sign::Added => '+',
                Sign::Same => ' ',
                Sign::Gap => '@',
            };
            format!("{sign}{}", line.text)
        });
        shown.collect()
    }

    #[test]
    fn what_changed_is_shown_with_two_lines_around_it() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\n";
        let after = "a\nb\nc\nd\nE\nf\ng\nh\ni\n";
        let shown = ["@…", " c", " d", "-e", "+E", " f", " g", " h", "+i"];
        assert_eq!(compared(&mut Texts::default(), before, after), shown);
    }

    #[test]
    fn a_line_end_at_the_end_counts() {
        let shown = ["-a", "@(no line end)", "+a"];
        assert_eq!(compared(&mut Texts::default(), "a", "a\n"), shown);
        assert_eq!(compared(&mut Texts::default(), "", "a"), ["+a"]);
        assert_eq!(compared(&mut Texts::default(), "x", "a"), ["-x", "+a"]);
        assert_eq!(compared(&mut Texts::default(), "a\nb", "a"), ["-a", "-b", "+a"]);
    }

    #[test]
    fn without_work_left_the_middle_is_put_in_as_a_whole() {
        let mut texts = Texts { work: 20, lines: 50 };
        assert_eq!(compared(&mut texts, "1\nx\ny\n2\n", "1\ny\nz\n2\n").len(), 5, "work is there");
        let shown = compared(&mut texts, "1\nx\ny\n2\n", "1\ny\nz\n2\n");
        assert_eq!(shown, [" 1", "-x", "-y", "+y", "+z", " 2"]);
        assert_eq!(texts.work, 4);
    }

    #[test]
    fn what_is_told_of_all_texts_together_has_a_bound() {
        let mut texts = Texts { work: 20, lines: 4 };
        assert_eq!(compared(&mut texts, "1\n2\n", "3\n").len(), 3);
        assert_eq!(compared(&mut texts, "1\n2\n", "3\n"), ["-1", "@(2 more lines)"]);
        assert_eq!(compared(&mut texts, "1\n2\n", "3\n"), ["@(3 more lines)"]);
    }
}
