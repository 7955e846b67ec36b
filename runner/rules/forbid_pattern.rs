//! `rule … is forbid_pattern`: what must not stand in any file.
//!
//! Unaware of languages: it is a search in text.

use eufm_plan::Rule;
use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use regex::bytes::Regex;

use super::case::missing;
use super::ruling::{Places, count_of};
use super::{Case, RuleKind, Ruling, SCOPE, Unread, WHEN_CHANGED};
use crate::printable;

/// The kind `forbid_pattern`.
#[derive(Debug)]
pub struct ForbidPattern;

const SCHEMA: KindSchema = KindSchema {
    name: "forbid_pattern",
    doc: "Holds while no line of the files in scope matches a pattern.",
    params: &[
        Param {
            name: "pattern",
            ty: ParamType::Pattern,
            need: Need::Required,
            doc: "The regular expression, compared with each line.",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for ForbidPattern {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }

    fn check(&self, rule: &Rule) -> Result<(), String> {
        rule.params.text("pattern").map_or(Ok(()), |text| pattern(text).map(drop))
    }

    fn judge(&self, case: &Case<'_>) -> Result<Ruling, Unread> {
        let pattern = match case.rule.params.text("pattern").map(pattern) {
            Some(Ok(pattern)) => pattern,
            Some(Err(reason)) => return Ok(Ruling::unknown(&reason)),
            None => return Ok(missing("pattern")),
        };
        let mut places = Places::default();
        let read = case.read_texts(|file, text| {
            for (at, line) in text.lines().enumerate() {
                if let Some(found) = pattern.find(line) {
                    places.add(|| {
                        format!("{}:{}: {}", file.shown(), at + 1, excerpt(found.as_bytes()))
                    });
                }
            }
        })?;
        let found = match places.count() {
            0 => "no line matches".to_owned(),
            count => format!("{} of the pattern", count_of(count, "line")),
        };
        Ok(read.ruling(places, &found))
    }
}

/// Reads a pattern; a large number in braces makes one too large to be searched.
fn pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| {
        let error = printable::line(&error.to_string(), 200);
        format!("its pattern cannot be used: {error}")
    })
}

/// How many bytes of what matched are shown.
const EXCERPT_BYTES_MAX: usize = 80;

/// Shows the beginning of what matched.
fn excerpt(found: &[u8]) -> String {
    let shown = printable::path(&found[..found.len().min(EXCERPT_BYTES_MAX)]);
    match found.len() > EXCERPT_BYTES_MAX {
        true => format!("`{shown}…`"),
        false => format!("`{shown}`"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::drawn::{Drawn, judged, rule};
    use super::*;
    use crate::gates::Verdict;

    fn forbid(pattern: &str, drawn: &Drawn) -> Ruling {
        judged(&rule("forbid_pattern", &[], &[("pattern", pattern)]), drawn)
    }

    #[test]
    fn each_line_is_compared_with_its_number() {
        let drawn = Drawn::with(&[("a", "one\ntwo TODO\r\nthree\n\nTODO"), ("b", "fine\n")])
            .write("c\nd", "\tTODO: \u{1b}[2J")
            .write("e", b"\xff\xfeTODO\xff\n")
            .put("link", 0o120_000, "TODO")
            .write("binary", b"\0TODO\n");
        let ruling = forbid("TODO.*", &drawn);
        assert_eq!(ruling.verdict, Verdict::Fail);
        let places =
            ["a:2: `TODO`", "a:5: `TODO`", "c\\u{a}d:1: `TODO: \\u{1b}[2J`", "e:1: `TODO`"];
        assert_eq!(ruling.evidence, places);
        assert_eq!(ruling.reason, "4 lines of the pattern in 4 texts; 1 binary file not looked at");
    }

    #[test]
    fn a_pattern_sees_one_line_and_not_its_end() {
        let drawn = Drawn::with(&[("a", "one\r\ntwo\r\n\r\n")]);
        for (pattern, verdict) in [
            ("^one$", Verdict::Fail),
            ("^$", Verdict::Fail),
            (r"(?s)one.+two", Verdict::Pass),
            (r"\n|\r", Verdict::Pass),
            (r"(?m)^two$", Verdict::Fail),
            (r"\p{Lu}", Verdict::Pass),
            (r"(?i)ONE\b", Verdict::Fail),
        ] {
            assert_eq!(forbid(pattern, &drawn).verdict, verdict, "{pattern}");
        }
        assert_eq!(
            forbid("^$", &Drawn::with(&[("empty", ""), ("x", "x\n")])).verdict,
            Verdict::Pass
        );
    }

    #[test]
    fn only_files_in_scope_are_read() {
        let lists: &[(&str, &[&str])] = &[("scope", &["src/**", "*.md"])];
        let rule = rule("forbid_pattern", lists, &[("pattern", "x")]);
        let drawn =
            Drawn::with(&[("src/a/b", "x"), ("a.md", "x"), ("docs/a.md", "x"), ("src", "x")]);
        assert_eq!(judged(&rule, &drawn).evidence, ["a.md:1: `x`", "src/a/b:1: `x`"]);
    }

    #[test]
    fn no_pattern_and_no_line_takes_long() {
        // Exponential where a search goes back.
        let drawn =
            Drawn::default().write("a", vec![b'a'; 1 << 20]).write("b", "a".repeat(40) + "!");
        let began = Instant::now();
        let ruling = forbid("^(a+)+$", &drawn);
        assert_eq!(ruling.evidence.len(), 1);
        assert!(ruling.evidence[0].ends_with("aaa…`") && ruling.evidence[0].len() < 100);
        assert_eq!(forbid("^(a|aa)+!!$", &drawn).verdict, Verdict::Pass);
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    }

    #[test]
    fn a_pattern_that_cannot_be_used_is_no_pass() {
        let drawn = Drawn::with(&[("a", "a")]);
        for pattern in ["(", "(?:a{1000}){1000}"] {
            let ruling = forbid(pattern, &drawn);
            let rule = rule("forbid_pattern", &[], &[("pattern", pattern)]);
            assert_eq!(ForbidPattern.check(&rule), Err(ruling.reason.clone()));
            assert_eq!(ruling.verdict, Verdict::Unknown, "{pattern}");
            assert!(ruling.reason.starts_with("its pattern cannot be used"), "{}", ruling.reason);
        }
    }
}
