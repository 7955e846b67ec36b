//! The words of the language: items, and the keys of each.
//!
//! Kinds of gates, agents and rules are not here, they come with the catalog.
//! Unaware of what the values of keys mean. See docs/language.md.

use std::borrow::Cow;

/// How a key and its value are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `key = value`.
    Set,
    /// `key = [ … ]`; where there are defaults also `key += [ … ]`.
    List,
    /// `key { … }`.
    Block,
    /// `key { … }` or `key = { … }`.
    Map,
    /// `key <= value`.
    AtMost,
    /// `key >= value`.
    AtLeast,
}

/// A key of an item or block.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: Cow<'static, str>,
    pub(crate) form: Form,
    pub(crate) required: bool,
    /// How it may look, for hints.
    pub(crate) example: Cow<'static, str>,
}

/// A word with what to do instead.
pub(crate) type Advice = (&'static str, &'static str);

const fn key(name: &'static str, form: Form, example: &'static str) -> Key {
    Key { name: Cow::Borrowed(name), form, required: false, example: Cow::Borrowed(example) }
}

const fn needed(name: &'static str, form: Form, example: &'static str) -> Key {
    Key { name: Cow::Borrowed(name), form, required: true, example: Cow::Borrowed(example) }
}

/// Words of other languages, with the item that is meant.
pub(crate) const MISTAKEN_ITEMS: &[Advice] = &[
    ("const", "did you mean `let`?"),
    ("import", "did you mean `use`?"),
    ("include", "did you mean `use`?"),
    ("job", "did you mean `task`, `command` or `group`?"),
    ("phase", "did you mean `group`?"),
    ("stage", "did you mean `group`?"),
    ("step", "did you mean `task` or `command`?"),
    ("variable", "did you mean `param` or `let`?"),
    ("workflow", "did you mean `pipeline`?"),
];

pub(crate) const PIPELINE: &[Key] = &[
    key("goal", Form::Set, "goal = \"A tested greeting\""),
    key("source", Form::Set, "source = \"docs/feature.md\""),
    key("base", Form::Set, "base = \"main\""),
    key("window", Form::Set, "window = \"22:00-06:00 Europe/Bucharest\""),
    key("budget", Form::Block, "budget { wall <= 6 h, parallel <= 2 }"),
    key("overcommit", Form::Set, "overcommit = deny"),
    key("defaults", Form::Block, "defaults { by = builder, gates = [unit] }"),
];

pub(crate) const RUN_BUDGET: &[Key] = &[
    key("cost", Form::AtMost, "cost <= 20 EUR"),
    key("rate", Form::AtMost, "rate <= 1 EUR per hour"),
    key("wall", Form::AtMost, "wall <= 6 h"),
    key("tokens", Form::AtMost, "tokens <= 4M"),
    key("memory", Form::AtMost, "memory <= 8 GiB"),
    key("parallel", Form::AtMost, "parallel <= 2"),
];

pub(crate) const NODE_BUDGET: &[Key] = &[
    key("cost", Form::AtMost, "cost <= 0.60 EUR"),
    key("wall", Form::AtMost, "wall <= 15 min"),
    key("tokens", Form::AtMost, "tokens <= 400K"),
    key("memory", Form::AtMost, "memory <= 2 GiB"),
    key("attempts", Form::AtMost, "attempts <= 2"),
];

pub(crate) const DEFAULTS: &[Key] = &[
    key("by", Form::Set, "by = builder"),
    key("env", Form::List, "env = [python]"),
    key("gates", Form::List, "gates = [unit]"),
    key("accept", Form::Set, "accept = succeeded"),
    key("overlap", Form::Set, "overlap = merge"),
    key("on_fail", Form::Set, "on_fail = escalate"),
    key("budget", Form::Block, "budget { wall <= 15 min, attempts <= 2 }"),
];

/// The keys of a group, and of a template beside its tasks.
pub(crate) const GROUP: &[Key] = &[
    key("needs", Form::List, "needs = [schema]"),
    key("when", Form::Set, "when = env == \"production\""),
    key("defaults", Form::Block, "defaults { by = builder, gates = [unit] }"),
];

pub(crate) const ENVIRONMENT: &[Key] = &[
    key("tools", Form::List, "tools = [\"~/.local/bin\"]"),
    key("prepare", Form::Set, "prepare = [\"cargo\", \"fetch\", \"--locked\"]"),
    key("network", Form::List, "network = [\"registry.example\"]"),
    key("key", Form::List, "key = [\"Cargo.lock\"]"),
    key("keep", Form::List, "keep = [\"target\"]"),
];

pub(crate) const CONSTITUTION: &[Key] = &[];

/// The keys that every rule has beside those of its kind.
pub(crate) const RULE: &[Key] = &[
    key("cite", Form::Set, "cite = \"Secrets MUST NOT be committed\""),
    key("level", Form::Set, "level = must"),
    key("waive", Form::Block, "waive { until = \"2026-12-31\", by = \"ada\", reason = \"…\" }"),
];

pub(crate) const WAIVE: &[Key] = &[
    needed("until", Form::Set, "until = \"2026-12-31\""),
    needed("by", Form::Set, "by = \"ada\""),
    needed("reason", Form::Set, "reason = \"The old importer goes in spring.\""),
];

pub(crate) const GENERATED: &[Key] = &[
    needed("run", Form::Set, "run = [\"cargo\", \"generate-lockfile\"]"),
    key("env", Form::List, "env = [rust]"),
    key("network", Form::List, "network = [\"registry.example\"]"),
];

pub(crate) const PRICES: &[Key] = &[
    needed("input", Form::Set, "input = 5.00 USD per 1M tokens"),
    key("cached", Form::Set, "cached = 0.50 USD per 1M tokens"),
    key("cache_write", Form::Set, "cache_write = 6.25 USD per 1M tokens"),
    needed("output", Form::Set, "output = 30.00 USD per 1M tokens"),
    key(
        "long",
        Form::Block,
        "long { above = 272K, input = 10.00 USD per 1M tokens, output = 45.00 USD per 1M tokens }",
    ),
    key("max_output", Form::Set, "max_output = 128K"),
    needed("date", Form::Set, "date = \"2026-06-12\""),
    needed("source", Form::Set, "source = \"the provider's price page\""),
];

pub(crate) const LONG_PRICES: &[Key] = &[
    needed("above", Form::Set, "above = 272K"),
    needed("input", Form::Set, "input = 10.00 USD per 1M tokens"),
    key("cached", Form::Set, "cached = 1.00 USD per 1M tokens"),
    key("cache_write", Form::Set, "cache_write = 12.50 USD per 1M tokens"),
    needed("output", Form::Set, "output = 45.00 USD per 1M tokens"),
];

pub(crate) const EXCHANGE: &[Key] = &[
    needed("date", Form::Set, "date = \"2026-11-01\""),
    needed("source", Form::Set, "source = \"central bank\""),
];

pub(crate) const TASK: &[Key] = &[
    needed("prompt", Form::Set, "prompt = \"Write hello/greet.py.\""),
    key("needs", Form::List, "needs = [readme]"),
    key("session", Form::Set, "session = schema"),
    key("inputs", Form::List, "inputs = [schema.answer]"),
    key("implements", Form::List, "implements = [\"FR-001\"]"),
    key("reads", Form::List, "reads = [\"src/**\"]"),
    key("writes", Form::List, "writes = [\"hello/**\"]"),
    key("overlap", Form::Set, "overlap = merge"),
    key("env", Form::List, "env = [python]"),
    key("gates", Form::List, "gates = [unit]"),
    key("accept", Form::Set, "accept = succeeded"),
    key("when", Form::Set, "when = env == \"production\""),
    key("on_fail", Form::Set, "on_fail = escalate"),
    key("budget", Form::Block, "budget { wall <= 15 min, attempts <= 2 }"),
];

pub(crate) const COMMAND: &[Key] = &[
    needed("run", Form::Set, "run = [\"make\", \"smoke\"]"),
    key("needs", Form::List, "needs = [greet]"),
    key("inputs", Form::List, "inputs = [schema.answer]"),
    key("implements", Form::List, "implements = [\"FR-001\"]"),
    key("cwd", Form::Set, "cwd = \"packages/web\""),
    key("vars", Form::Map, "vars = { CI = \"1\" }"),
    key("ok", Form::List, "ok = [0, 1]"),
    key("stdout", Form::Set, "stdout = \"report.txt\""),
    key("network", Form::List, "network = [\"registry.example\"]"),
    key("secrets", Form::List, "secrets = [DEPLOY_KEY]"),
    key("in_place", Form::Set, "in_place = true"),
    key("shell", Form::Set, "shell = true"),
    key("reads", Form::List, "reads = [\"src/**\"]"),
    key("writes", Form::List, "writes = [\"hello/**\"]"),
    key("overlap", Form::Set, "overlap = merge"),
    key("env", Form::List, "env = [python]"),
    key("gates", Form::List, "gates = [unit]"),
    key("accept", Form::Set, "accept = succeeded"),
    key("when", Form::Set, "when = env == \"production\""),
    key("on_fail", Form::Set, "on_fail = escalate"),
    key("budget", Form::Block, "budget { wall <= 15 min, attempts <= 2 }"),
];

pub(crate) const APPROVAL: &[Key] = &[
    needed("ask", Form::Set, "ask = \"Release to staging?\""),
    key("needs", Form::List, "needs = [smoke]"),
    key("inputs", Form::List, "inputs = [schema.diff]"),
    key("accept", Form::Set, "accept = succeeded"),
];

pub(crate) const DEPLOY: &[Key] = &[
    needed("run", Form::Set, "run = [\"make\", \"deploy\"]"),
    key("needs", Form::List, "needs = [release]"),
    key("inputs", Form::List, "inputs = [release.note]"),
    key("cwd", Form::Set, "cwd = \"packages/web\""),
    key("vars", Form::Map, "vars = { CI = \"1\" }"),
    key("ok", Form::List, "ok = [0]"),
    key("network", Form::List, "network = [\"deploy.example\"]"),
    key("secrets", Form::List, "secrets = [DEPLOY_KEY]"),
    key("folders", Form::List, "folders = [\"/srv/www\"]"),
    key("shell", Form::Set, "shell = true"),
    key("env", Form::List, "env = [python]"),
    key("recovery", Form::Set, "recovery = ask"),
    key("when", Form::Set, "when = env == \"production\""),
    key("on_fail", Form::Set, "on_fail = escalate"),
    key("budget", Form::Block, "budget { wall <= 15 min }"),
];

/// The items with keys of their own, for keys that stand in the wrong one.
pub(crate) const HOMES: &[(&str, &[Key])] = &[
    ("pipeline", PIPELINE),
    ("task", TASK),
    ("command", COMMAND),
    ("approval", APPROVAL),
    ("deploy", DEPLOY),
    ("environment", ENVIRONMENT),
    ("rule", RULE),
];

/// Keys that are often looked for where they are not.
pub(crate) const ELSEWHERE: &[Advice] = &[
    ("agent", "the agent stands in the head, as in `task greet by builder { … }`"),
    ("attempts", "it is a limit of a task's or command's `budget`"),
    ("by", "the agent stands in the head, as in `task greet by builder { … }`, or in `defaults`"),
    ("depends_on", "it is called `needs`"),
    ("parallel", "it is a limit of the pipeline's `budget`"),
    ("retries", "it is the limit `attempts` of a `budget`"),
    ("timeout", "it is the limit `wall` of a `budget`"),
];

/// Finds what to do about a word.
pub(crate) fn advice(word: &str, table: &[Advice]) -> Option<&'static str> {
    table.iter().find_map(|(name, help)| (*name == word).then_some(*help))
}
