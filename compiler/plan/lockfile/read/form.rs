//! The form of plan.lock: TOML with known keys only, read a part at a time, so
//! that the tree of a few parts is all that there is of TOML's.
//!
//! Unaware of what the tables mean.

use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};
use toml::de::Error;

use super::split::{Part, parts};
use super::whole::RawPart;
use crate::lockfile::LockError;

/// How many parts are read, on all processors, before they are handed on.
const PARTS_AT_ONCE: usize = 8;

/// What takes the parts in their order, with whether there is none behind.
type Take<'a> = dyn FnMut(RawPart, bool) -> Result<(), LockError> + 'a;

/// Reads the tables of a text, about `bytes` of it at a time.
pub(super) fn read(text: &str, bytes: usize, take: &mut Take<'_>) -> Result<(), LockError> {
    let parts = parts(text, bytes);
    let read = |part: &Part<'_>| {
        toml::from_str::<RawPart>(part.text).map_err(|error| mistake(text, part, &error))
    };
    let mut left = parts.len();
    for parts in parts.chunks(PARTS_AT_ONCE) {
        let read: Vec<_> = parts.par_iter().map(read).collect();
        for part in read {
            left -= 1;
            take(part?, left == 0)?;
        }
    }
    Ok(())
}

/// Says where TOML or serde found a mistake.
fn mistake(text: &str, part: &Part<'_>, error: &Error) -> LockError {
    // An error without a place has an empty span at the beginning.
    let place = error.span().filter(|span| span.end > 0 && span.start <= part.text.len());
    let lines_before =
        |at: usize| text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count();
    let line = place.map(|span| 1 + lines_before(part.start + span.start));
    let said = worded(&error.message().trim().replace('\n', " "));
    let message = match line.map(|line| quotable(text, line)).filter(|line| !line.is_empty()) {
        Some(line) => format!("`{line}`: {said}"),
        None => said,
    };
    LockError::Form { line, message }
}

/// Says in the words of plan.lock what TOML and serde say.
fn worded(message: &str) -> String {
    if message == "duplicate key" {
        return "it stands twice".to_owned();
    }
    // The keys that are known would be a long list, and no way out.
    let first = |rest: &str| rest.split(", ").next().unwrap_or_default().to_owned();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return format!("unknown key {}", first(rest));
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return format!("{} is missing", first(rest));
    }
    message.to_owned()
}

/// How much of a line is quoted.
const QUOTED_MAX: usize = 80;

/// Returns what may be quoted of a line of a text, from 1.
pub(super) fn quotable(text: &str, line: usize) -> String {
    let line = text.lines().nth(line - 1).unwrap_or_default().trim();
    let mut shown: String = line.chars().take(QUOTED_MAX).flat_map(char::escape_debug).collect();
    // Quotes are nearly everywhere, and nobody mistakes them.
    shown = shown.replace("\\\"", "\"").replace("\\'", "'");
    if line.chars().nth(QUOTED_MAX).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str, bytes: usize) -> String {
        let mut all = RawPart::default();
        let read = read(text, bytes, &mut |part, _| all.add(part));
        read.and_then(|()| all.whole()).err().expect("a mistake").to_string()
    }

    #[test]
    fn a_mistake_has_the_line_of_the_text_in_whichever_part_it_stands() {
        let text = "format = 1\n\n[budget]\nparallel = 1\n\n[omitted]\nnodes = 1\n";
        let whole = refusal(text, usize::MAX);
        assert!(
            whole.starts_with("plan.lock line 7: `nodes = 1`: invalid type: integer `1`"),
            "{whole}"
        );
        assert_eq!(refusal(text, 0), whole);
    }

    #[test]
    fn what_stands_twice_in_two_parts_is_refused() {
        for (text, message) in [
            ("[budget]\nparallel = 1\n[budget]\nparallel = 1\n", "`budget` stands twice"),
            ("[omitted]\nnodes = []\n[omitted]\nnodes = []\n", "`omitted` stands twice"),
            ("[gate.a]\n[gate.b]\n[gate.\"a\"]\n", "`gate.a` stands twice"),
        ] {
            assert!(refusal(text, 0).contains(message), "{}", refusal(text, 0));
            assert!(refusal(text, usize::MAX).contains("it stands twice"), "{text}");
        }
    }

    #[test]
    fn what_the_parts_together_do_not_say_is_missing() {
        for bytes in [0, usize::MAX] {
            let refusal = refusal("format = 1\npipeline = \"p\"\n\n[review]\n", bytes);
            assert!(refusal.starts_with("plan.lock: `base` is missing;"), "{refusal}");
        }
    }
}
