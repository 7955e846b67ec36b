//! The small spellings within plan.lock, both ways: caps, inputs, variables,
//! exchange rates.
//!
//! Each value has one spelling, and each spelling one value. Unaware of tables
//! and of what the values mean for a run.

use crate::units::{Bytes, Millis, Money, Tokens, parse_count};
use crate::{Exchange, InputPart, NodeBudget};

/// How `writes` is spelled where all but the protected files may change.
pub(super) const UNPROTECTED: &str = "unprotected";

/// Spells the caps of a node, one a line, in a fixed order.
pub(super) fn spell_budget(budget: &NodeBudget) -> Vec<String> {
    let mut lines = Vec::with_capacity(2);
    lines.extend(budget.cost.map(|cost| format!("cost <= {cost}")));
    lines.extend(budget.wall.map(|wall| format!("wall <= {wall}")));
    lines.extend(budget.tokens.map(|tokens| format!("tokens <= {tokens}")));
    lines.extend(budget.memory.map(|memory| format!("memory <= {memory}")));
    lines.push(format!("attempts <= {}", budget.attempts));
    lines
}

/// Reads the caps of a node; the error is the cause.
pub(super) fn read_budget(lines: &[String]) -> Result<NodeBudget, String> {
    let mut budget = NodeBudget::default();
    for line in lines {
        read_cap(line, &mut budget)
            .ok_or_else(|| format!("`{line}` is not a cap of a node's `budget`"))?;
    }
    if budget.attempts == 0 {
        return Err("its `budget` has no `attempts <= …`, which must be at least 1".to_owned());
    }
    Ok(budget)
}

fn read_cap(line: &str, budget: &mut NodeBudget) -> Option<()> {
    let (key, value) = line.split_once(" <= ")?;
    match key {
        "cost" => budget.cost = Some(Money::parse(value)?),
        "wall" => budget.wall = Some(Millis::parse(value)?),
        "tokens" => budget.tokens = Some(Tokens::parse(value)?),
        "memory" => budget.memory = Some(Bytes::parse(value)?),
        "attempts" => {
            budget.attempts = u32::try_from(parse_count(value)?).ok().filter(|&count| count > 0)?;
        }
        _ => return None,
    }
    Some(())
}

/// Spells an input: the part first, since a node's name may hold anything.
///
/// For the same reason a path is spelled without a space: `%20` stands for it,
/// and `%25` for the percent sign.
pub(crate) fn spell_input(part: &InputPart, node: &str) -> String {
    match part {
        InputPart::File(path) => {
            let path = path.replace('%', "%25").replace(' ', "%20");
            format!("file {path} of {node}")
        }
        InputPart::Answer => format!("answer of {node}"),
        InputPart::Diff => format!("diff of {node}"),
        InputPart::Stdout => format!("stdout of {node}"),
        InputPart::Note => format!("note of {node}"),
    }
}

/// Reads an input as its part and the name of its node.
pub(super) fn read_input(text: &str) -> Option<(InputPart, &str)> {
    let (part, node) = text.split_once(" of ")?;
    let part = match part {
        "answer" => InputPart::Answer,
        "diff" => InputPart::Diff,
        "stdout" => InputPart::Stdout,
        "note" => InputPart::Note,
        _ => InputPart::File(read_path(part.strip_prefix("file ")?)?),
    };
    Some((part, node))
}

fn read_path(spelled: &str) -> Option<String> {
    let mut parts = spelled.split('%');
    let mut path = parts.next()?.to_owned();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        path.push(match code {
            "20" => ' ',
            "25" => '%',
            _ => return None,
        });
        path.push_str(rest);
    }
    Some(path)
}

/// Spells what a currency is worth in another one.
pub(super) fn spell_rate(exchange: &Exchange) -> String {
    format!("{} = {}", exchange.from, exchange.to)
}

/// Reads what a currency is worth in another one.
pub(super) fn read_rate(text: &str) -> Option<(Money, Money)> {
    let (from, to) = text.split_once(" = ")?;
    Some((Money::parse(from)?, Money::parse(to)?))
}

/// Reads `NAME=value`, in which the name is one that an environment can have.
pub(super) fn read_variable(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    (is_variable(name) && !value.contains('\0')).then(|| (name.to_owned(), value.to_owned()))
}

/// Tells whether a text can name a variable or a secret: letters, digits and
/// `_`, no digit first.
pub(super) fn is_variable(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.bytes().all(is_inner)
}

/// Tells whether a path is relative to the root and stays below it.
pub(super) fn is_inside(path: &str) -> bool {
    !path.contains(char::is_control) && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Tells whether a path names a folder of the host: absolute or below `~/`, and
/// nothing that goes up again.
pub(super) fn is_host_folder(path: &str) -> bool {
    let below = path.strip_prefix("~/").or_else(|| path.strip_prefix('/'));
    below.is_some_and(is_inside)
}

/// Tells whether a text has the form `22:00-06:00 Europe/Bucharest`. Which zones
/// there are is not asked here.
pub(super) fn is_window(text: &str) -> bool {
    let is_time = |time: &str| {
        let parts = time.split_once(':').filter(|(hour, minute)| hour.len() + minute.len() == 4);
        let (hour, minute) = parts.unwrap_or_default();
        hour.len() == 2
            && parse_count(hour).is_some_and(|hour| hour < 24)
            && parse_count(minute).is_some_and(|minute| minute < 60)
    };
    let is_zone =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'+' | b'-');
    let Some((times, zone)) = text.split_once(' ') else { return false };
    let Some((from, to)) = times.split_once('-') else { return false };
    is_time(from) && is_time(to) && !zone.is_empty() && zone.bytes().all(is_zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_read_as_it_was_spelled_whatever_the_names_hold() {
        for (part, node, spelled) in [
            (InputPart::Answer, "schema", "answer of schema"),
            (InputPart::Diff, "a[\" of b\"]", "diff of a[\" of b\"]"),
            (InputPart::Stdout, "a", "stdout of a"),
            (InputPart::Note, "a", "note of a"),
            (InputPart::File("docs/a.md".to_owned()), "x", "file docs/a.md of x"),
            (InputPart::File("a of b%20".to_owned()), "c of d", "file a%20of%20b%2520 of c of d"),
        ] {
            assert_eq!(spell_input(&part, node), spelled);
            assert_eq!(read_input(spelled), Some((part, node)));
        }
        for bad in ["answer", "file of x", "file a%2 of x", "file a%41 of x", "answers of x", ""] {
            assert_eq!(read_input(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_window_has_two_times_and_a_zone() {
        for good in ["22:00-06:00 Europe/Bucharest", "00:00-23:59 UTC", "01:00-02:00 Etc/GMT+3"] {
            assert!(is_window(good), "{good}");
        }
        for bad in [
            "",
            "22:00-06:00",
            "22:00-06:00 ",
            "24:00-06:00 UTC",
            "2:00-6:00 UTC",
            "22:60-06:00 UTC",
            "222:0-06:00 UTC",
            "22:00-06:00 a b",
        ] {
            assert!(!is_window(bad), "{bad}");
        }
    }

    #[test]
    fn paths_stay_below_the_root() {
        for good in ["a", "a b/.c", "a..b"] {
            assert!(is_inside(good), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", "./a", "a/../b", "a\nb"] {
            assert!(!is_inside(bad), "{bad}");
        }
    }
}
