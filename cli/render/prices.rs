//! Says what became of a price table: what was left out, and why.

use std::collections::BTreeMap;
use std::path::Path;

use eufm_runner::printable;

use super::{count, say};
use crate::litellm::Imported;

/// How many models are named with a note; the rest is counted.
const SHOWN: usize = 3;

/// Tells all that is not in the result.
pub(crate) fn told(imported: &Imported) {
    lines(imported).iter().for_each(|line| say(line));
}

/// Names the file that was written.
pub(crate) fn wrote(path: &Path, prices: usize) {
    let path = printable::lines(&path.display().to_string());
    say(&format!("{path} written with the prices of {}", count(prices, "model")));
}

fn lines(imported: &Imported) -> Vec<String> {
    let all = |models: &[String]| models.join(", ");
    let some = |models: &[String]| {
        let more = models.len().saturating_sub(SHOWN);
        let shown = models[..models.len() - more].join(", ");
        if more == 0 { shown } else { format!("{shown} and {more} more") }
    };
    let mut lines = Vec::new();
    section(&imported.left_out, &mut lines, |reason, models| {
        format!("left out, as it {reason}: {}", all(models))
    });
    section(&imported.notes, &mut lines, |note, models| format!("{note}: {}", some(models)));
    lines
}

fn section(
    found: &BTreeMap<String, Vec<String>>,
    lines: &mut Vec<String>,
    line: impl Fn(&str, &[String]) -> String,
) {
    lines.extend(found.iter().map(|(key, models)| printable::lines(&line(key, models))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_are_left_out_are_all_named_and_others_counted() {
        let models: Vec<String> = (1..=5).map(|number| format!("m{number}")).collect();
        let imported = Imported {
            left_out: BTreeMap::from([("has no price".to_owned(), models.clone())]),
            notes: BTreeMap::from([("`x` is 0".to_owned(), models)]),
            ..Imported::default()
        };
        assert_eq!(
            lines(&imported),
            ["left out, as it has no price: m1, m2, m3, m4, m5", "`x` is 0: m1, m2, m3 and 2 more",]
        );
    }
}
