//! The plan: the contract between compile and exec, and its file, plan.lock.
//!
//! Plain data without behaviour that runs anything. `exec` does what a plan
//! says, or nothing; so everything that decides what happens stands here.
//! Unaware of the grammar, of sources and of the runner. See docs/plan-lock.md.

pub mod ancestry;
mod constitution;
mod derived;
pub mod diff;
mod globs;
pub mod id;
pub mod lockfile;
mod params;
pub mod priced;
pub mod proof;
pub mod protected;
pub mod review;
pub mod schema;
pub mod scripts;
pub mod units;
pub mod writers;

pub use ancestry::{FINAL_VERIFY, verify_name};
pub use constitution::{Constitution, Level, Rule, UNMAPPED_MAX, Unmapped, Waiver};
pub use derived::Derived;
pub use id::{AgentIndex, Digest, EnvironmentIndex, GateIndex, NodeIndex, RuleIndex};
pub use params::{ParamValue, Params};
pub use protected::Protected;
pub use scripts::Script;
use serde::Deserialize;
use units::{Bytes, Millis, Money, Price, Rate, Tokens};

/// A reviewed unit of execution: nodes in plan order with all they refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The pipeline's name; it also begins the name of every run.
    pub pipeline: String,
    /// What the run is for, in the author's words.
    pub goal: Option<String>,
    /// The document whose requirements the nodes implement, relative to the root.
    pub source: Option<String>,
    /// The git revision the run starts from, resolved at exec: a branch, a tag or `HEAD`.
    pub base: String,
    /// When nodes may be started: `22:00-06:00 Europe/Bucharest`; without one always.
    pub window: Option<String>,
    /// The caps of the whole run.
    pub budget: RunBudget,
    /// The environments in use, sorted by name.
    pub environments: Vec<Environment>,
    /// The agents in use, sorted by name.
    pub agents: Vec<Agent>,
    /// The gates in use, sorted by name.
    pub gates: Vec<QualityGate>,
    /// The rules that hold for every result.
    pub constitution: Option<Constitution>,
    /// What nodes without `writes` may not change; there where there is such a node.
    pub protected: Option<Protected>,
    /// The files that are made again after each merge, sorted by path.
    pub generated: Vec<Generated>,
    /// The files that gates, rules, deploys and what makes generated files run, sorted
    /// by path; exec compares them with the base commit's.
    pub scripts: Vec<Script>,
    /// The nodes: each stands behind everything it needs, else in the order of the spec.
    pub nodes: Vec<Node>,
    /// The paths of the nodes that `when` took out, in the order of the spec.
    pub omitted: Vec<String>,
    /// The prices of the models in use, sorted by model.
    pub prices: Vec<ModelPrice>,
    /// The exchange rates in use, sorted by their currencies.
    pub exchange: Vec<Exchange>,
    /// What the plan was made from.
    pub origin: Origin,
}

/// The caps of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunBudget {
    /// How much the run may cost; without one there is no cap.
    pub cost: Option<Money>,
    /// How fast money may be spent, over the time in which attempts run.
    pub rate: Option<Rate>,
    /// How long the run may be active; without one there is no cap.
    pub wall: Option<Millis>,
    /// How many tokens the run may use, input and output together.
    pub tokens: Option<Tokens>,
    /// How much memory all that runs at once may take.
    pub memory: Option<Bytes>,
    /// How many nodes may run at once; at least 1.
    pub parallel: u32,
}

/// What a node sees beside `/usr`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Its name in the spec.
    pub name: String,
    /// Folders seen read-only in the sandbox, absolute or below `~/`.
    pub tools: Vec<String>,
    /// The program that prepares it on the base commit, and its arguments; empty: nothing to prepare.
    pub prepare: Vec<String>,
    /// The hosts that preparing may reach.
    pub network: Vec<String>,
    /// Globs of the files that decide whether it must be prepared again.
    pub key: Vec<String>,
    /// Folders that each node and gate gets copy-on-write.
    pub keep: Vec<String>,
}

/// An agent: a kind of backend with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its name in the spec.
    pub name: String,
    /// The backend, a name of the runner's `AGENTS`.
    pub kind: String,
    /// The parameters in the order of the kind's schema.
    pub params: Params,
}

/// An automated check of a node's result: a kind with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QualityGate {
    /// Its name in the spec; one that a node adapted is named after gate and node.
    pub name: String,
    /// The kind, a name of the runner's `GATES`.
    pub kind: String,
    /// The parameters in the order of the kind's schema.
    pub params: Params,
}

/// A file that belongs to no node and is made again after each merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The file, relative to the root.
    pub path: String,
    /// The program that makes it, and its arguments.
    pub run: Vec<String>,
    /// The environments that the program sees.
    pub env: Vec<EnvironmentIndex>,
    /// The hosts that the program may reach.
    pub network: Vec<String>,
}

/// What a model costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelPrice {
    /// The model's name.
    pub model: String,
    /// What input costs that no cache had.
    pub input: Price,
    /// What input costs that came from a cache; without one like other input.
    pub cached: Option<Price>,
    /// What it costs to write input to a cache; without one like other input.
    pub cache_write: Option<Price>,
    /// What output costs.
    pub output: Price,
    /// Other prices for long prompts.
    pub long: Option<LongPrompt>,
    /// The most tokens that one answer can have.
    pub max_output: Option<Tokens>,
    /// The day on which these prices held, `2026-06-12`.
    pub date: String,
    /// Who says so.
    pub source: String,
}

/// Prices of prompts above a length; they hold for the whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LongPrompt {
    /// The longest prompt that is not long, in tokens.
    pub above: Tokens,
    /// What input costs that no cache had.
    pub input: Price,
    /// What input costs that came from a cache.
    pub cached: Option<Price>,
    /// What it costs to write input to a cache; without one like other input.
    pub cache_write: Option<Price>,
    /// What output costs.
    pub output: Price,
}

/// What a currency is worth in another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// An amount of one currency.
    pub from: Money,
    /// What it is worth in the other.
    pub to: Money,
    /// The day on which this held, `2026-11-01`.
    pub date: String,
    /// Who says so.
    pub source: String,
}

/// A unit of work of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The path of its task in the task tree, `telemetry/collector["felix"]`.
    pub name: String,
    /// What is done.
    pub work: Work,
    /// The nodes it waits for, all before it in plan order, ascending.
    pub needs: Vec<NodeIndex>,
    /// The nodes that may write the same files and come first, all before it in plan
    /// order, ascending, none of them needed: it waits until each has ended in any way,
    /// and starts from what those that succeeded have made.
    pub after_writer: Vec<NodeIndex>,
    /// What the nodes that it needs must have come to.
    pub accept: Accept,
    /// The requirements of the pipeline's source that it implements.
    pub implements: Vec<String>,
    /// Results of other nodes that it gets to read.
    pub inputs: Vec<Input>,
    /// Globs of the files that it and its gates see, beside those that it may change;
    /// without any, it sees all.
    pub reads: Option<Vec<String>>,
    /// The files it may change.
    pub writes: Writes,
    /// What happens where another node may change the same file at the same time.
    pub overlap: Overlap,
    /// The environments it and its gates see.
    pub env: Vec<EnvironmentIndex>,
    /// The gates its result must pass, in this order.
    pub gates: Vec<GateIndex>,
    /// The caps of all its attempts together.
    pub budget: NodeBudget,
    /// What happens when its attempts are used up.
    pub on_fail: OnFail,
}

/// The files that a node may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writes {
    /// Those that match one of these globs, relative to the root; none: none.
    Globs(Vec<String>),
    /// All but those of [`Plan::protected`].
    Unprotected,
}

impl Writes {
    /// Returns the globs; `None` where all but the protected files may change.
    #[must_use]
    pub fn globs(&self) -> Option<&[String]> {
        match self {
            Self::Globs(globs) => Some(globs),
            Self::Unprotected => None,
        }
    }
}

/// What a node does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// An agent follows a prompt.
    Agent {
        /// Who.
        agent: AgentIndex,
        /// What it is told, to the letter.
        prompt: String,
        /// The node whose session it starts from a fork of.
        session: Option<NodeIndex>,
    },
    /// A command runs in the sandbox.
    Command(Box<Command>),
    /// A person is asked.
    Approval {
        /// The question.
        ask: String,
    },
    /// What a deploy waits for is merged and checked as a whole; its result is its base.
    Verify {
        /// The rules that its tree is judged by, ascending.
        rules: Vec<RuleIndex>,
    },
    /// A command has an effect outside, on the verified tree.
    Deploy {
        /// What runs.
        command: Box<Command>,
        /// The folders of the host that it may write, absolute or below `~/`.
        folders: Vec<String>,
        /// What a resume does if it was killed in the middle.
        recovery: Recovery,
    },
}

impl Work {
    /// Returns the word for what a node does, as plan.lock and reports have it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Agent { .. } => "agent",
            Self::Command(_) => "command",
            Self::Approval { .. } => "approval",
            Self::Verify { .. } => "verify",
            Self::Deploy { .. } => "deploy",
        }
    }

    /// Returns what a command or deploy runs.
    #[must_use]
    pub fn command(&self) -> Option<&Command> {
        match self {
            Self::Command(command) | Self::Deploy { command, .. } => Some(command),
            Self::Agent { .. } | Self::Approval { .. } | Self::Verify { .. } => None,
        }
    }

    /// Tells whether it is a trusted command: one that runs in the user's own
    /// checkout, without worktree and sandbox.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.command().is_some_and(|command| command.in_place)
    }
}

/// A program with its arguments and surroundings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// The program and its arguments. A shell line only where [`Self::shell`] says so.
    pub run: Vec<String>,
    /// The folder it runs in, relative to the root; without one the root.
    pub cwd: Option<String>,
    /// Variables of its environment, sorted by name.
    pub vars: Vec<(String, String)>,
    /// The exit statuses that count as success, ascending; empty: 0 only.
    pub ok: Vec<u8>,
    /// The file that its standard output becomes, relative to the root.
    pub stdout: Option<String>,
    /// The hosts it may reach.
    pub network: Vec<String>,
    /// The secrets it gets, by name, sorted.
    pub secrets: Vec<String>,
    /// Whether it runs in the user's checkout, without worktree and sandbox.
    pub in_place: bool,
    /// Whether `run` is `sh -c` with a line of the author's.
    pub shell: bool,
}

impl Command {
    /// Makes a command of a program and its arguments, with nothing else said.
    #[must_use]
    pub fn new(run: Vec<String>) -> Self {
        Self { run, ..Self::default() }
    }
}

/// What a resume does with a deploy that was killed in the middle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recovery {
    /// A person decides.
    Ask,
    /// It runs again.
    Rerun,
    /// It counts as done.
    Skip,
    /// A program tells by its status: 0 done, 1 to be run again, else a person decides.
    Probe(Vec<String>),
}

impl Recovery {
    /// Returns its word in specs and in plan.lock.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Rerun => "rerun",
            Self::Skip => "skip",
            Self::Probe(_) => "probe",
        }
    }
}

/// What the nodes that a node needs must have come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accept {
    /// All have succeeded.
    #[default]
    All,
    /// All have ended; it goes on with those that succeeded.
    Succeeded,
}

impl Accept {
    /// Returns its word in specs and in plan.lock.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Succeeded => "succeeded",
        }
    }
}

/// What happens where two unordered nodes may change the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// They are put in the order of the spec.
    #[default]
    Order,
    /// They run together, and the merge decides.
    Merge,
    /// There is no plan.
    Deny,
}

impl Overlap {
    /// Returns its word in specs and in plan.lock.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Merge => "merge",
            Self::Deny => "deny",
        }
    }
}

/// What happens when a node's attempts are used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    /// Nothing more is started.
    Stop,
    /// A person is asked.
    Escalate,
    /// What needs the node is blocked, the rest goes on.
    #[default]
    GoOn,
}

impl OnFail {
    /// Returns its word in specs and in plan.lock.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Escalate => "escalate",
            Self::GoOn => "go_on",
        }
    }
}

/// A result of another node, to be read below `/in/<node>/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// Whose result; one that the node waits for.
    pub node: NodeIndex,
    /// Which part of it.
    pub part: InputPart,
}

/// A part of a node's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputPart {
    /// The agent's last message.
    Answer,
    /// What it changed, as a diff.
    Diff,
    /// What the command printed.
    Stdout,
    /// A file of its tree, relative to the root.
    File(String),
    /// What the person wrote beside an approval.
    Note,
}

/// The caps of a node, for all its attempts together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeBudget {
    /// How much its attempts may cost; without one the run's cap alone holds.
    pub cost: Option<Money>,
    /// How long its attempts may run; without one the run's cap alone holds.
    pub wall: Option<Millis>,
    /// How many tokens its attempts may use; without one the run's cap alone holds.
    pub tokens: Option<Tokens>,
    /// How much memory its processes may take; without one the run's cap alone holds.
    pub memory: Option<Bytes>,
    /// How often it may be tried; at least 1.
    pub attempts: u32,
}

/// What a plan was made from; it stands last in plan.lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file name of the spec that was compiled, beside which plan.lock lies.
    pub spec: String,
    /// The way from the spec's folder to the root: `.`, `..`, `../..`, ….
    pub root: String,
    /// The language edition.
    pub edition: u32,
    /// The version of the compiler.
    pub compiler: String,
    /// The parameters of the spec that were set from outside, sorted by name.
    pub params: Vec<(String, String)>,
    /// Each source with the digest of its text, line ends as `\n`; sorted by path.
    pub sources: Vec<Source>,
}

/// A file that a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path, relative to the spec's folder, with `/`; `std.codex` for a part of the
    /// standard library, and with a `/` at its end for the listing of a folder.
    pub path: String,
    /// The digest of its text, without a byte order mark and with `\n` line ends.
    pub digest: Digest,
}
