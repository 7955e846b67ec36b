//! The plan as a whole, before and after: what it is called, where and when it
//! runs, and what it was made from.
//!
//! Unaware of what runs.

use std::collections::BTreeMap;

use super::change::{At, Change, Looser, Part};
use crate::units::parse_count;
use crate::{Origin, Plan};

/// Compares what stands before the tables of two plans, and what was left out.
pub(super) fn opening(before: &Plan, after: &Plan, out: &mut Vec<Change>) {
    let mut at = At { out, part: Part::Plan, name: "" };
    at.text("pipeline", (&before.pipeline, &after.pipeline), None);
    at.value("goal", (&before.goal, &after.goal), Clone::clone, |_, _| None);
    at.value("source", (&before.source, &after.source), Clone::clone, |_, _| None);
    at.text("base", (&before.base, &after.base), Some(Looser::Base));
    at.value("window", (&before.window, &after.window), Clone::clone, |old, new| {
        let Some(old) = old else { return None };
        let is_within = new.as_ref().is_some_and(|new| is_window_within(new, old));
        (!is_within).then_some(Looser::Window)
    });
    at.list("omitted", (&before.omitted, &after.omitted), |_| None, |_| None);
}

/// Compares what two plans were made from.
pub(super) fn origin(before: &Origin, after: &Origin, out: &mut Vec<Change>) {
    // A new key is compared here or nowhere: without `..` this does not compile.
    let Origin { spec, root, edition, compiler, params, sources } = before;
    let mut at = At { out, part: Part::Compiler, name: "" };
    at.text("spec", (spec, &after.spec), None);
    at.text("root", (root, &after.root), Some(Looser::Root));
    at.value("edition", (edition, &after.edition), |it| Some(it.to_string()), |_, _| None);
    at.text("version", (compiler, &after.compiler), None);
    let values =
        |list: &[(String, String)]| -> BTreeMap<String, String> { list.iter().cloned().collect() };
    named(Part::Param, (&values(params), &values(&after.params)), Some(Looser::Param), out);
    let digests = |origin: &Origin| -> BTreeMap<String, String> {
        let sources = origin.sources.iter();
        sources.map(|source| (source.path.clone(), source.digest.to_string())).collect()
    };
    let _ = sources;
    named(Part::Source, (&digests(before), &digests(after)), None, out);
}

/// Compares values by their names.
fn named(
    part: Part,
    (before, after): (&BTreeMap<String, String>, &BTreeMap<String, String>),
    looser: Option<Looser>,
    out: &mut Vec<Change>,
) {
    let key = if part == Part::Source { "digest" } else { "value" };
    for (name, old) in before {
        let new = after.get(name);
        At { out, part, name }.value(key, (&Some(old), &new), |it| it.cloned(), |_, _| looser);
    }
    for (name, new) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
        At { out, part, name }.note(key, (None, Some(new.clone())), looser);
    }
}

/// A day has so many minutes.
const DAY: u64 = 24 * 60;

/// Tells whether a window has no minute that another one has not. In another zone
/// nobody can tell; one that begins when it ends may be empty or a day.
fn is_window_within(new: &str, old: &str) -> bool {
    let (Some((from, to, zone)), Some((begin, end, place))) = (window(new), window(old)) else {
        return false;
    };
    // Counted from where the old window begins.
    let from_begin = |minute: u64| (minute + DAY - begin) % DAY;
    let length = from_begin(end);
    let (from_, to_) = (from_begin(from), from_begin(to));
    zone == place && from != to && begin != end && from_ < to_ && to_ <= length
}

/// Reads a window as minutes of the day and its zone.
fn window(text: &str) -> Option<(u64, u64, &str)> {
    let (times, zone) = text.split_once(' ')?;
    let (from, to) = times.split_once('-')?;
    let minutes = |time: &str| {
        let (hour, minute) = time.split_once(':')?;
        Some((parse_count(hour)? * 60 + parse_count(minute)?) % DAY)
    };
    Some((minutes(from)?, minutes(to)?, zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_within_another_of_its_zone() {
        let old = "22:00-06:00 Europe/Bucharest";
        for (new, is_within) in [
            ("22:00-06:00 Europe/Bucharest", true),
            ("23:00-05:30 Europe/Bucharest", true),
            ("00:00-06:00 Europe/Bucharest", true),
            ("22:00-23:00 Europe/Bucharest", true),
            ("21:59-06:00 Europe/Bucharest", false),
            ("22:00-06:01 Europe/Bucharest", false),
            ("05:00-23:00 Europe/Bucharest", false),
            ("06:00-22:00 Europe/Bucharest", false),
            ("23:00-23:00 Europe/Bucharest", false),
            ("23:00-05:00 UTC", false),
        ] {
            assert_eq!(is_window_within(new, old), is_within, "{new}");
        }
        assert!(is_window_within("09:00-10:00 UTC", "08:00-18:00 UTC"));
        assert!(!is_window_within("09:00-08:30 UTC", "08:00-18:00 UTC"));
    }
}
