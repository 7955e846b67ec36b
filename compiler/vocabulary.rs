//! The words of the language: items, their keys, and those of later versions.
//!
//! What is not enforced yet is refused by name, with what to do instead: a spec
//! must never promise more than a run holds. Kinds of gates and agents are not
//! here, they come with the catalog. See docs/language.md.

use std::borrow::Cow;

/// How a key and its value are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `key = value`.
    Set,
    /// `key { … }`.
    Block,
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

/// A word of a later version, with what to do meanwhile.
pub(crate) type Later = (&'static str, &'static str);

const fn key(name: &'static str, form: Form, required: bool, example: &'static str) -> Key {
    Key { name: Cow::Borrowed(name), form, required, example: Cow::Borrowed(example) }
}

/// The items of this version.
pub(crate) const ITEMS: &[&str] =
    &["agent", "command", "edition", "environment", "gate", "pipeline", "task"];

/// The items of later versions.
pub(crate) const LATER_ITEMS: &[Later] = &[
    (
        "approval",
        "remove it; until then, end the spec where a person must decide, and run a second one",
    ),
    ("constitution", "remove it; a gate can check the same rules with a command"),
    ("deploy", "remove it; deploy by hand from the branch of the finished run"),
    ("exchange", "remove it; money is not counted yet"),
    ("generated", "remove it; let a command make the file, with the file among its `writes`"),
    ("group", "move its tasks to the outermost level"),
    ("let", "write the values where they are used"),
    ("param", "write the value where it is used"),
    ("prices", "remove it; money is not counted yet"),
    ("template", "write a task for each instance"),
    ("use", "write the items into this file; built-in kinds need no `use`"),
];

pub(crate) const PIPELINE: &[Key] = &[
    key("goal", Form::Set, false, "goal = \"A tested greeting\""),
    key("base", Form::Set, false, "base = \"main\""),
    key("budget", Form::Block, false, "budget { wall <= 6 h, parallel <= 2 }"),
];

pub(crate) const LATER_PIPELINE: &[Later] = &[
    ("defaults", "write `by`, `env`, `gates` and `budget` at each task"),
    ("on_fail", "remove it; a failed node blocks those that need it, the others go on"),
    ("overcommit", "remove it; money is not counted yet"),
    ("overlap", "remove it; give tasks that change the same files an order with `needs`"),
    ("source", "name the document in `goal`, or in the prompts"),
    ("window", "remove it; start the run when it may begin"),
];

pub(crate) const RUN_BUDGET: &[Key] = &[
    key("wall", Form::AtMost, false, "wall <= 6 h"),
    key("parallel", Form::AtMost, false, "parallel <= 2"),
];

pub(crate) const NODE_BUDGET: &[Key] = &[
    key("wall", Form::AtMost, false, "wall <= 15 min"),
    key("attempts", Form::AtMost, false, "attempts <= 2"),
];

pub(crate) const LATER_BUDGET: &[Later] = &[
    ("cost", "remove it; only `wall`, `attempts` and `parallel` are held yet, money is not"),
    ("memory", "remove it; memory is not limited yet"),
    ("rate", "remove it; money is not counted yet"),
    ("tokens", "remove it; tokens are not limited yet"),
];

pub(crate) const ENVIRONMENT: &[Key] =
    &[key("tools", Form::Set, true, "tools = [\"~/.local/bin\"]")];

pub(crate) const LATER_ENVIRONMENT: &[Later] = &[
    ("keep", "remove it; each node begins without caches"),
    ("key", "remove it; it belongs to `prepare`"),
    ("network", "remove it; nothing in the sandbox has a network"),
    ("prepare", "prepare the tools before the run, and name their folders in `tools`"),
];

pub(crate) const TASK: &[Key] = &[
    key("prompt", Form::Set, true, "prompt = \"Write hello/greet.py.\""),
    key("needs", Form::Set, false, "needs = [readme]"),
    key("writes", Form::Set, true, "writes = [\"hello/**\"]"),
    key("env", Form::Set, false, "env = [python]"),
    key("gates", Form::Set, false, "gates = [unit]"),
    key("budget", Form::Block, false, "budget { wall <= 15 min, attempts <= 2 }"),
];

pub(crate) const COMMAND: &[Key] = &[
    key("run", Form::Set, true, "run = [\"make\", \"smoke\"]"),
    key("needs", Form::Set, false, "needs = [greet]"),
    key("writes", Form::Set, false, "writes = [\"hello/**\"]"),
    key("env", Form::Set, false, "env = [python]"),
    key("gates", Form::Set, false, "gates = [unit]"),
    key("budget", Form::Block, false, "budget { wall <= 15 min, attempts <= 2 }"),
];

/// Keys of later versions at tasks and commands.
pub(crate) const LATER_NODE: &[Later] = &[
    ("accept", "remove it; a node waits until all it needs has succeeded"),
    ("cwd", "remove it; a program that changes the folder itself can stand in `run`"),
    ("implements", "cite the requirements in the prompt"),
    ("in_place", "remove it; everything runs in a sandbox and a worktree of its own"),
    ("inputs", "let the node before write its result to a file of the repository"),
    ("network", "remove it; nothing in the sandbox has a network"),
    ("on_fail", "remove it; a failed node blocks those that need it, the others go on"),
    ("overlap", "remove it; give tasks that change the same files an order with `needs`"),
    ("reads", "remove it; a node sees the whole worktree"),
    ("secrets", "remove it; no node gets a secret"),
    ("session", "remove it; each task begins a session of its own"),
    ("shell", "write a list of arguments; `[\"sh\", \"-c\", \"…\"]` where a shell is needed"),
    ("vars", "set variables with `run = [\"env\", \"NAME=value\", …]`"),
    ("when", "remove it, or remove the node"),
];

/// Keys of later versions at gates.
pub(crate) const LATER_GATE: &[Later] = &[
    ("baseline", "remove it; the thresholds of `require` hold for all tests"),
    ("cwd", "remove it; a gate runs in the repository's root"),
    ("env", "remove it; a gate sees the environments of the node it checks"),
    ("network", "remove it; nothing in the sandbox has a network"),
    ("vars", "set variables with `run = [\"env\", \"NAME=value\", …]`"),
];

/// Keys of later versions at agents.
pub(crate) const LATER_AGENT: &[Later] = &[
    ("budget", "write the budget at each task"),
    ("effort", "remove it; the agent's own default is used"),
    ("env", "write `env` at each task"),
    ("secrets", "remove it; an agent gets no secret"),
];

/// Finds what to do about a word of a later version.
pub(crate) fn later(word: &str, table: &[Later]) -> Option<&'static str> {
    table.iter().find_map(|(name, help)| (*name == word).then_some(*help))
}
