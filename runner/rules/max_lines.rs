//! `rule … is max_lines`: how long a file may be.
//!
//! Unaware of what stands in it.

use eufm_plan::schema::{KindSchema, Need, Param, ParamType};

use super::case::missing;
use super::ruling::{Places, count_of};
use super::{COUNT_MAX, Case, RuleKind, Ruling, SCOPE, Unread, WHEN_CHANGED};

/// The kind `max_lines`.
#[derive(Debug)]
pub struct MaxLines;

const SCHEMA: KindSchema = KindSchema {
    name: "max_lines",
    doc: "Holds while no file in scope has more lines than this.",
    params: &[
        Param {
            name: "lines",
            ty: ParamType::Count { least: 1, most: COUNT_MAX },
            need: Need::Required,
            doc: "The most lines of a file.",
        },
        SCOPE,
        WHEN_CHANGED,
    ],
};

impl RuleKind for MaxLines {
    fn schema(&self) -> &'static KindSchema {
        &SCHEMA
    }

    fn judge(&self, case: &Case<'_>) -> Result<Ruling, Unread> {
        let most = match case.number("lines") {
            Ok(Some(most)) => most,
            Ok(None) => return Ok(missing("lines")),
            Err(ruling) => return Ok(ruling),
        };
        let mut places = Places::default();
        let read = case.read_texts(|file, text| {
            let lines = text.lines().count() as u64;
            if lines > most {
                places.add(|| format!("{}: {}", file.shown(), count_of(lines, "line")));
            }
        })?;
        let found = match places.count() {
            0 => format!("no file has more than {}", count_of(most, "line")),
            count => {
                format!("{} with more than {}", count_of(count, "file"), count_of(most, "line"))
            }
        };
        Ok(read.ruling(places, &found))
    }
}

#[cfg(test)]
mod tests {
    use super::super::drawn::{Drawn, judged, rule};
    use super::*;
    use crate::gates::Verdict;

    fn max(lines: &str, drawn: &Drawn) -> Ruling {
        judged(&rule("max_lines", &[], &[("lines", lines)]), drawn)
    }

    #[test]
    fn lines_are_counted_by_their_ends() {
        for (content, lines) in [
            (&b""[..], 0),
            (b"\n", 1),
            (b"a", 1),
            (b"a\nb", 2),
            (b"a\nb\n", 2),
            (b"a\r\nb\r\n", 2),
            (b"a\rb\rc", 1),
            (b"\n\n\n", 3),
            (b"\xff\xfe\n\xff", 2),
        ] {
            let drawn = Drawn::default().write("a", content);
            assert_eq!(max(&lines.to_string(), &drawn).verdict, Verdict::Pass, "{content:?}");
            if lines > 1 {
                assert_eq!(max(&(lines - 1).to_string(), &drawn).verdict, Verdict::Fail);
            }
        }
    }

    #[test]
    fn long_files_are_named_old_ones_too_and_what_has_no_lines_is_counted() {
        let drawn = Drawn::with(&[("old", "1\n2\n3\n")])
            .write("new\n", "1\n2\n3\n4")
            .write("short", "1\n2")
            .write("one", vec![b'x'; 1 << 20])
            .write("binary", b"\0\n\n\n\n")
            .put("link", 0o120_000, "1\n2\n3\n");
        let ruling = max("2", &drawn);
        assert_eq!(ruling.verdict, Verdict::Fail);
        assert_eq!(ruling.evidence, ["new\\u{a}: 4 lines", "old: 3 lines"]);
        let reason = "2 files with more than 2 lines in 4 texts; 1 binary file not looked at";
        assert_eq!(ruling.reason, reason);
    }

    #[test]
    fn a_text_that_is_too_large_to_be_read_is_no_pass() {
        let drawn = Drawn::with(&[("a", "1\n"), ("large", "123456\n")]);
        assert_eq!(max("1", &drawn).verdict, Verdict::Pass);
        let ruling = max("1", &drawn.clone().reading(3));
        assert_eq!(ruling.verdict, Verdict::Unknown);
        assert_eq!(ruling.evidence, ["large: 7 bytes"]);
        assert_eq!(max("0", &drawn.reading(3)).verdict, Verdict::Fail);
    }

    #[test]
    fn a_plan_without_the_number_is_no_pass() {
        assert_eq!(
            judged(&rule("max_lines", &[], &[]), &Drawn::default()).verdict,
            Verdict::Unknown
        );
        assert_eq!(max("many", &Drawn::default()).verdict, Verdict::Unknown);
    }
}
