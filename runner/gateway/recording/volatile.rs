//! Finds what differs between two equal runs in the output of a command:
//! readings of the clock, durations, addresses, names of temporary files, and
//! the lines that Codex puts above an output.
//!
//! Which these are was measured: docs/design/0006-recordings.md. Pure; unaware
//! of requests.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What stands in place of a reading of the clock, or of a duration.
const TIME: &str = "<time>";

/// Readings and durations, as programs write them. Whole seconds are not among
/// them: `sleep 5` in a text is no measurement.
const TIMES: &[&str] = &[
    // 2026-11-27T12:46:39.123Z, 2026-11-27 12:46 +0100
    r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?(?:Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?\b",
    // Fri Nov 27 12:46:39 UTC 2026; Nov 27 12:46 of ls; Fri Nov 27 12:46:39 2026 +0000 of git
    r"\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-9]?[0-9] [0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?: [A-Z]{3,4})?(?: [0-9]{4}\b)?(?: [+-][0-9]{4})?\b",
    // 1m 02s, 0m0.003s
    r"\b[0-9]+m ?[0-9]+(?:\.[0-9]+)?s\b",
    // 0.03s, 1.2 seconds, 12.5ms
    r"\b[0-9]+\.[0-9]+ ?(?:s|ms|us|µs|μs|ns|secs?|seconds)\b",
    // 12 ms
    r"\b[0-9]+ ?ms\b",
];

static TIMES_FOUND: LazyLock<Regex> = LazyLock::new(|| compiled(&TIMES.join("|")));
/// `time="0.003"` of test reports.
static ATTRIBUTES: LazyLock<Regex> = LazyLock::new(|| compiled(r#"\btime="[0-9]+(?:\.[0-9]+)?""#));
static ADDRESSES: LazyLock<Regex> = LazyLock::new(|| compiled(r"\b0x[0-9a-f]{6,16}\b"));
/// Names as `mktemp` and Python's `tempfile` make them.
static TEMPORARY: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"/tmp(?:\.[0-9A-Za-z]{10}|[0-9a-z_]{8})\b"));
/// What Codex says above an output that differs each time.
static HEAD_LINES: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?m)^(?:Chunk ID: [0-9a-f]+|Wall time:? [0-9.]+ seconds|Original token count: [0-9]+)\n",
    )
});
static TOKEN_COUNT: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"\(original token count: [0-9]+\)"));
static SESSION: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"(Process running with session ID |Unknown process id )([0-9]+)"));

/// The same of a call that a script of the model makes, which gets it as JSON.
static FIELDS: LazyLock<Regex> = LazyLock::new(|| {
    compiled(r#""(chunk_id|wall_time_seconds|original_token_count)":(?:"[0-9a-f]+"|[0-9.e-]+)"#)
});
static SESSION_FIELD: LazyLock<Regex> = LazyLock::new(|| compiled(r#"("session_id":)([0-9]+)"#));
/// A running command that a script of the model names.
static SESSION_NAMED: LazyLock<Regex> =
    LazyLock::new(|| compiled(r#"(\bsession_id"?\s*:\s*)([0-9]+|"<session [0-9]+>")"#));

/// Where Codex's lines above an output end.
const OUTPUT: &str = "\nOutput:\n";

fn compiled(pattern: &str) -> Regex {
    // Signs of ASCII alone: the tables of Unicode are not compiled in.
    Regex::new(&pattern.replace(r"\b", r"(?-u:\b)")).expect("invariant: the pattern is a constant")
}

/// Replaces the readings, durations and addresses of a text by fixed marks.
pub(super) fn without_times(text: &str) -> String {
    let text = TIMES_FOUND.replace_all(text, TIME);
    let text = ATTRIBUTES.replace_all(&text, r#"time="<time>""#);
    ADDRESSES.replace_all(&text, "<address>").into_owned()
}

/// Takes away what differs in a call's output; what the model may name later,
/// such as Codex's number of a command that still runs, goes through `session`.
pub(super) fn without_chance(output: &str, mut session: impl FnMut(&str) -> String) -> String {
    let (head, body) = match output.split_once(OUTPUT) {
        Some((head, body)) => (format!("{head}\n"), Some(body)),
        None => (output.to_owned(), None),
    };
    let head = HEAD_LINES.replace_all(&head, "");
    let head = SESSION
        .replace_all(&head, |found: &Captures<'_>| format!("{}{}", &found[1], session(&found[2])));
    let Some(body) = body else {
        return without_times(&without_fields(&head, &mut session));
    };
    let body = TOKEN_COUNT.replace_all(body, "(original token count: <count>)");
    format!("{head}Output:\n{}", without_times(&body))
}

/// Takes away what differs in the output of a script of the model.
fn without_fields(text: &str, session: &mut impl FnMut(&str) -> String) -> String {
    let text = FIELDS.replace_all(text, r#""$1":"…""#);
    let marked = SESSION_FIELD.replace_all(&text, |found: &Captures<'_>| {
        format!("{}\"{}\"", &found[1], session(&found[2]))
    });
    marked.into_owned()
}

/// Exchanges the names of running commands in a script of the model.
pub(super) fn sessions_named(script: &str, other: impl Fn(&str) -> Option<String>) -> String {
    let exchanged = SESSION_NAMED.replace_all(script, |found: &Captures<'_>| {
        let name = other(&found[2]).unwrap_or_else(|| found[2].to_owned());
        format!("{}{name}", &found[1])
    });
    exchanged.into_owned()
}

/// Finds names of temporary files in a text, in their order.
pub(super) fn temporary(text: &str) -> impl Iterator<Item = &str> {
    TEMPORARY.find_iter(text).map(|found| &found.as_str()[1..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_clock_says_is_marked_and_nothing_else() {
        let cases = [
            ("27 passed in 0.03s", "27 passed in <time>"),
            ("test result: ok. finished in 12.75s", "test result: ok. finished in <time>"),
            ("Finished `dev` in 1m 02s", "Finished `dev` in <time>"),
            ("real\t0m0.003s", "real\t<time>"),
            ("ok  \tpkg\t0.012s", "ok  \tpkg\t<time>"),
            ("took 12 ms, then 3.5 seconds", "took <time>, then <time>"),
            ("-rw-r--r-- 1 a a 12 Nov 27 12:46 x", "-rw-r--r-- 1 a a 12 <time> x"),
            ("-rw-r--r-- 1 a a 12 Nov  7 12:46 x", "-rw-r--r-- 1 a a 12 <time> x"),
            ("Fri Nov 27 12:46:39 UTC 2026\n", "<time>\n"),
            ("Date:   Fri Nov 27 12:46:39 2026 +0000\n", "Date:   <time>\n"),
            ("at 2026-11-27T12:46:39.123Z.", "at <time>."),
            ("2026-11-27 12:46:39,5 INFO", "<time> INFO"),
            (r#"<testcase time="0.003"/>"#, r#"<testcase time="<time>"/>"#),
            ("<Foo object at 0x7f00deadbeef>", "<Foo object at <address>>"),
            // Numbers that are no measurement stay.
            ("sleep 5; p50 = 0.25; v1.2.3; 3 s", "sleep 5; p50 = 0.25; v1.2.3; 3 s"),
            ("27 of 30 tests, 90.00%", "27 of 30 tests, 90.00%"),
            ("May 5 tests fail", "May 5 tests fail"),
            ("0xff, 2026-11-27", "0xff, 2026-11-27"),
        ];
        for (text, expected) in cases {
            assert_eq!(without_times(text), expected, "{text}");
        }
    }

    #[test]
    fn the_lines_above_an_output_are_left_out_and_those_in_it_stay() {
        let output = "Chunk ID: 8621e1\nWall time: 0.3006 seconds\n\
                      Process running with session ID 44020\nOriginal token count: 2\n\
                      Output:\nbegin\nChunk ID: 8621e1\nOutput:\nx\n";
        let expected = "Process running with session ID <S>\nOutput:\nbegin\nChunk ID: 8621e1\n\
                        Output:\nx\n";
        let mut asked = Vec::new();
        let found = without_chance(output, |number| {
            asked.push(number.to_owned());
            "<S>".to_owned()
        });
        assert_eq!(found, expected);
        assert_eq!(asked, ["44020"]);
        let patch = "Exit code: 0\nWall time: 0.2 seconds\nOutput:\nSuccess.\n";
        assert_eq!(without_chance(patch, str::to_owned), "Exit code: 0\nOutput:\nSuccess.\n");
        let long = "Original token count: 7\nOutput:\nWarning: truncated output (original token count: 57224)\n";
        assert_eq!(
            without_chance(long, str::to_owned),
            "Output:\nWarning: truncated output (original token count: <count>)\n"
        );
    }

    #[test]
    fn what_a_script_of_the_model_gets_is_cleaned_as_well() {
        let output = r#"{"chunk_id":"d04fbf","wall_time_seconds":0.301781403,"session_id":27202,"original_token_count":2,"output":"begin\n"}"#;
        let expected = r#"{"chunk_id":"…","wall_time_seconds":"…","session_id":"<S>","original_token_count":"…","output":"begin\n"}"#;
        assert_eq!(without_chance(output, |_| "<S>".to_owned()), expected);
        let head = "Script completed\nWall time 0.4 seconds\nOutput:\n";
        assert_eq!(without_chance(head, str::to_owned), "Script completed\nOutput:\n");
        let script =
            r#"await tools.write_stdin({session_id: 27202, "session_id":7, my_session_id: 7})"#;
        let other = |name: &str| (name == "27202").then(|| "\"<session 1>\"".to_owned());
        assert_eq!(sessions_named(script, other), script.replace("27202", "\"<session 1>\""));
    }

    #[test]
    fn names_of_temporary_files_are_found_and_other_names_are_not() {
        let text = "/tmp/tmp.Gd0mbhaOda and /tmp/tmpab12_x9z/out, /tmp/notes /x/tmpfs";
        let found: Vec<&str> = temporary(text).collect();
        assert_eq!(found, ["tmp.Gd0mbhaOda", "tmpab12_x9z"]);
    }

    proptest! {
        /// A text that was cleaned is left alone: the canonical form is one.
        #[test]
        fn cleaning_twice_is_cleaning_once(
            text in "(Chunk ID: ab\n|Output:\n|[0-9]{1,3}\\.[0-9]s |1m 02s|Nov 27 12:46|[a-z<>:. \n]{0,9}|0xdeadbeef0){0,9}",
        ) {
            let once = without_times(&text);
            prop_assert_eq!(&without_times(&once), &once);
        }
    }
}
