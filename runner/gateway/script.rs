//! Reads a script: the replies that stand in for the model's, node by node,
//! in a TOML file made to be written and reviewed by hand.
//!
//! Unaware of HTTP and of requests: which reply is due is found by `due`.
//! The format is described in docs/cassette.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

use super::Usage;
use super::place::{BYTES_MAX, CassetteError, Place, read_text};

/// The format this version reads and knows.
const FORMAT: u32 = 1;
/// The most calls of one reply.
const CALLS_MAX: usize = 64;
/// The largest count of tokens a reply may claim, so that sums stay far from
/// any overflow.
const TOKENS_MAX: u64 = 1_000_000_000;

/// Something the model asks Codex to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// A command line for the agent's shell.
    Shell(String),
    /// A patch in the form of Codex's `apply_patch` tool.
    Patch(String),
}

impl Call {
    /// Returns Codex's name of the tool.
    pub(super) fn tool(&self) -> &'static str {
        match self {
            Self::Shell(_) => "exec_command",
            Self::Patch(_) => "apply_patch",
        }
    }
}

/// One response of the model.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) expect: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) say: Option<String>,
    pub(super) calls: Vec<Call>,
    pub(super) usage: Usage,
    /// The line of the file it begins on, from 1.
    pub(super) line: usize,
}

/// The replies of a run's nodes, checked and ready to be played.
#[derive(Debug, Clone)]
pub struct Script {
    name: String,
    model: Option<String>,
    nodes: BTreeMap<String, Vec<Reply>>,
}

impl Script {
    /// Reads a script from a file.
    ///
    /// # Errors
    /// Fails when the file cannot be read, is too large, of a newer format, or
    /// has a mistake in it; the message names file and line.
    pub fn read(path: &Path) -> Result<Self, CassetteError> {
        let name = path.display().to_string();
        Self::parse(&read_text(path, &name)?, &name)
    }

    /// Reads a script from its text; `name` stands in the messages.
    ///
    /// # Errors
    /// As [`Script::read`].
    pub fn parse(text: &str, name: &str) -> Result<Self, CassetteError> {
        if text.len() as u64 > BYTES_MAX {
            return Err(CassetteError::Size { name: name.to_owned() });
        }
        let place = Place::new(text, name);
        let table = DeTable::parse(text).map_err(|error| place.toml(&error))?;
        place.check_format(&table, FORMAT)?;
        let raw = RawScript::deserialize(Deserializer::from(table))
            .map_err(|error| place.toml(&error))?;
        let mut nodes = BTreeMap::new();
        for (node, replies) in raw.node {
            let replies: Result<Vec<_>, _> =
                replies.into_iter().map(|reply| finish(reply, &place)).collect();
            nodes.insert(node, replies?);
        }
        Ok(Self { name: name.to_owned(), model: raw.model, nodes })
    }

    /// Checks that every node it has replies for is one of `nodes`.
    ///
    /// # Errors
    /// Names the first that is not, with its line.
    pub fn check<'n>(&self, nodes: impl Iterator<Item = &'n str>) -> Result<(), CassetteError> {
        let known: BTreeSet<&str> = nodes.collect();
        let Some((node, replies)) =
            self.nodes.iter().find(|(node, _)| !known.contains(node.as_str()))
        else {
            return Ok(());
        };
        Err(CassetteError::Content {
            name: self.name.clone(),
            line: replies.first().map_or(1, |reply| reply.line),
            column: 1,
            message: format!("the plan has no agent node `{node}`; it has {}", some_of(&known)),
        })
    }

    /// Returns the file's name, for messages.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the model the replies were written for, where it is named.
    pub(super) fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Returns the replies of each node.
    pub(super) fn nodes(&self) -> impl Iterator<Item = (&str, &[Reply])> {
        self.nodes.iter().map(|(node, replies)| (node.as_str(), replies.as_slice()))
    }

    /// Returns the replies of a node, in order.
    pub(super) fn replies(&self, node: &str) -> Option<&[Reply]> {
        self.nodes.get(node).map(Vec::as_slice)
    }
}

/// The first names of a list: a message stays readable for any plan.
fn some_of(names: &BTreeSet<&str>) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len() {
        0 => "none".to_owned(),
        count if count > SHOWN => format!("{} and {} more", shown.join(", "), count - SHOWN),
        _ => shown.join(", "),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    #[expect(dead_code, reason = "named so that it is a known key; checked before the others")]
    format: u32,
    model: Option<String>,
    #[serde(default)]
    node: BTreeMap<String, Vec<Spanned<RawReply>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReply {
    expect: Option<String>,
    reason: Option<String>,
    say: Option<String>,
    patch: Option<String>,
    shell: Option<String>,
    calls: Option<Vec<RawCall>>,
    usage: Option<RawUsage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCall {
    shell: Option<String>,
    patch: Option<String>,
}

/// The defaults are constants: a reply costs the same in every run, however
/// long the history of the session is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawUsage {
    input: u64,
    cached: u64,
    cache_write: u64,
    output: u64,
    reasoning: u64,
}

impl Default for RawUsage {
    fn default() -> Self {
        Self { input: 10_000, cached: 0, cache_write: 0, output: 200, reasoning: 0 }
    }
}

/// Turns what was written into a reply, or says what is wrong with it.
fn finish(reply: Spanned<RawReply>, place: &Place<'_>) -> Result<Reply, CassetteError> {
    let span = reply.span();
    let line = place.line_column(span.start).0;
    let RawReply { expect, reason, say, patch, shell, calls, usage } = reply.into_inner();
    let fault = |message: &str| place.error(span.clone(), message.to_owned());
    let calls = match (patch, shell, calls) {
        (None, None, Some(calls)) => {
            calls.into_iter().map(finish_call).collect::<Result<_, _>>().map_err(fault)?
        }
        (_, _, Some(_)) => return Err(fault("`calls` takes the place of `patch` and `shell`")),
        (patch, shell, None) => {
            patch.map(Call::Patch).into_iter().chain(shell.map(Call::Shell)).collect::<Vec<_>>()
        }
    };
    if say.is_none() && calls.is_empty() {
        return Err(fault(
            "a reply needs `say`, `patch`, `shell` or `calls`: Codex ends its turn on any other",
        ));
    }
    if calls.len() > CALLS_MAX {
        return Err(fault(&format!("a reply has at most {CALLS_MAX} calls")));
    }
    check_calls(&calls).map_err(fault)?;
    let usage = finish_usage(&usage.unwrap_or_default()).map_err(fault)?;
    Ok(Reply { expect, reason, say, calls, usage, line })
}

fn finish_call(call: RawCall) -> Result<Call, &'static str> {
    match (call.shell, call.patch) {
        (Some(shell), None) => Ok(Call::Shell(shell)),
        (None, Some(patch)) => Ok(Call::Patch(patch)),
        _ => Err("a call is either `{ shell = … }` or `{ patch = … }`"),
    }
}

fn check_calls(calls: &[Call]) -> Result<(), &'static str> {
    for call in calls {
        match call {
            Call::Shell(shell) if shell.trim().is_empty() => return Err("`shell` is empty"),
            Call::Patch(patch)
                if !patch.starts_with("*** Begin Patch\n")
                    || !patch.trim_end().ends_with("\n*** End Patch") =>
            {
                return Err(
                    "a patch begins with the line `*** Begin Patch` and ends with `*** End Patch`",
                );
            }
            Call::Shell(_) | Call::Patch(_) => {}
        }
    }
    Ok(())
}

fn finish_usage(usage: &RawUsage) -> Result<Usage, &'static str> {
    let &RawUsage { input, cached, cache_write, output, reasoning } = usage;
    if input > TOKENS_MAX || output > TOKENS_MAX {
        return Err("`usage` is at most 1000000000 tokens");
    }
    if cached.saturating_add(cache_write) > input {
        return Err(
            "`usage.cached` and `usage.cache_write` are parts of `usage.input` and cannot be more",
        );
    }
    if reasoning > output {
        return Err("`usage.reasoning` is a part of `usage.output` and cannot be more");
    }
    Ok(Usage { input, cached, cache_write, output, reasoning })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREET: &str = r#"format = 1
model = "gpt-5.5"

[[node.greet]]
expect = "Write hello/greet.py"
reason = "Start with the obvious version."
patch = '''
*** Begin Patch
*** Add File: hello/greet.py
+print("a\n")
*** End Patch
'''
usage = { input = 9600, output = 120, reasoning = 20 }

[[node.greet]]
calls = [{ shell = "true" }, { patch = "*** Begin Patch\n*** Delete File: a\n*** End Patch" }]

[[node.'collector["felix"]']]
say = "Done."
"#;

    fn fault(text: &str) -> String {
        Script::parse(text, "c.toml").expect_err("it has a mistake").to_string()
    }

    #[test]
    fn a_script_is_read_as_it_was_written() {
        let script = Script::parse(GREET, "c.toml").unwrap();
        assert_eq!(script.model(), Some("gpt-5.5"));
        let greet = script.replies("greet").unwrap();
        assert_eq!(greet[0].line, 4);
        assert_eq!(
            greet[0].usage,
            Usage { input: 9600, output: 120, reasoning: 20, ..Usage::default() }
        );
        assert!(matches!(&greet[0].calls[..], [Call::Patch(patch)] if patch.contains(r#""a\n""#)));
        assert!(matches!(&greet[1].calls[..], [Call::Shell(_), Call::Patch(_)]));
        assert_eq!(greet[1].usage, Usage { input: 10_000, output: 200, ..Usage::default() });
        let felix = script.replies(r#"collector["felix"]"#).unwrap();
        assert_eq!(felix[0].say.as_deref(), Some("Done."));
    }

    #[test]
    fn a_patch_comes_before_the_command_that_checks_it() {
        let text = "format = 1\n[[node.a]]\nshell = \"true\"\npatch = '''\n*** Begin Patch\n*** Delete File: a\n*** End Patch\n'''";
        let script = Script::parse(text, "c.toml").unwrap();
        let calls = &script.replies("a").unwrap()[0].calls;
        assert!(matches!(calls[..], [Call::Patch(_), Call::Shell(_)]));
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let cases = [
            ("format = 1\n\n[[node.a]]\nshel = \"x\"\n", "c.toml:4:1: unknown field `shel`"),
            ("format = 1\n[[node.a]]\nreason = \"x\"\n", "c.toml:2:1: a reply needs `say`"),
            ("format = 1\nmode = \"x\"\n", "c.toml:2:1: unknown field `mode`"),
            ("format = 1\n[[node.a]]\nsay = 1\n", "c.toml:3:7: invalid type"),
            ("format = 1\nx = [\n", "c.toml:"),
            ("model = \"x\"\n", "c.toml:1:1: `format = 1` must stand at the top"),
            ("format = 0\n", "c.toml:1:10: there is no format 0"),
            ("format = -1\n", "c.toml:1:10: there is no format -1"),
            ("format = \"1\"\n", "c.toml:1:10: `format` is a number"),
            ("format = 1\n[[node.a]]\nshell = \" \"\n", "c.toml:2:1: `shell` is empty"),
            ("format = 1\n[[node.a]]\npatch = \"x\"\n", "c.toml:2:1: a patch begins with"),
            ("format = 1\n[[node.a]]\nsay = \"a\"\ncalls = [{}]\n", "c.toml:2:1: a call is either"),
            ("format = 1\n[[node.a]]\nshell = \"a\"\ncalls = []\n", "c.toml:2:1: `calls` takes"),
            (
                "format = 1\n[[node.a]]\nsay = \"a\"\nusage = { input = 1, cached = 2 }\n",
                "c.toml:2:1: `usage.cached` and `usage.cache_write` are parts",
            ),
            ("format = 1\n[[node.a]]\nsay = \"a\"\nusage = { output = -2 }\n", "c.toml:4:"),
        ];
        for (text, message) in cases {
            let fault = fault(text);
            assert!(fault.starts_with(message), "{text:?}: {fault}");
        }
    }

    #[test]
    fn a_newer_format_is_refused_before_its_unknown_keys() {
        let expected = "c.toml:2: this is cassette format 2, and this version knows formats up to 1; \
                        use a newer eufm";
        assert_eq!(fault("speed = 3\nformat = 2\n"), expected);
        assert!(fault("format = 99999999999999999999\n").contains("use a newer eufm"));
    }

    #[test]
    fn a_node_that_the_plan_lacks_is_named_with_its_line() {
        let script = Script::parse(GREET, "c.toml").unwrap();
        script.check(["greet", r#"collector["felix"]"#, "readme"].into_iter()).unwrap();
        let fault = script.check(["greet", "readme"].into_iter()).unwrap_err().to_string();
        let expected = r#"c.toml:18:1: the plan has no agent node `collector["felix"]`; it has `greet`, `readme`"#;
        assert_eq!(fault, expected);
    }

    #[test]
    fn a_file_that_is_not_there_or_not_text_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cassette.toml");
        let fault = Script::read(&path).unwrap_err().to_string();
        assert!(fault.starts_with("cannot read the cassette /"), "{fault}");
        std::fs::write(&path, b"format = 1\n\xff").unwrap();
        let fault = Script::read(&path).unwrap_err().to_string();
        assert!(fault.ends_with("line 2 is not UTF-8"), "{fault}");
    }
}
