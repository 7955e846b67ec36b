//! The plan: the contract between compile and exec, and its file, plan.lock.
//!
//! Plain data without behaviour that runs anything. `exec` does what a plan
//! says, or nothing; so everything that decides what happens stands here.
//! Unaware of the grammar, of sources and of the runner. See docs/plan-lock.md.

pub mod id;
pub mod lockfile;
pub mod review;
pub mod schema;
pub mod units;

pub use id::{AgentIndex, Digest, EnvironmentIndex, GateIndex, NodeIndex};
use units::Millis;

/// A reviewed unit of execution: nodes in plan order with all they refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The pipeline's name; it also begins the name of every run.
    pub pipeline: String,
    /// What the run is for, in the author's words.
    pub goal: Option<String>,
    /// The git revision the run starts from, resolved at exec: a branch, a tag or `HEAD`.
    pub base: String,
    /// The caps of the whole run.
    pub budget: RunBudget,
    /// The environments, sorted by name.
    pub environments: Vec<Environment>,
    /// The agents in use, sorted by name.
    pub agents: Vec<Agent>,
    /// The gates in use, sorted by name.
    pub gates: Vec<QualityGate>,
    /// The nodes: each stands behind everything it needs, else in the order of the spec.
    pub nodes: Vec<Node>,
    /// What the plan was made from.
    pub origin: Origin,
}

/// The caps of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunBudget {
    /// How long the run may be active; without one there is no cap.
    pub wall: Option<Millis>,
    /// How many nodes may run at once; at least 1.
    pub parallel: u32,
}

/// What a node sees beside `/usr`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name in the spec.
    pub name: String,
    /// Folders seen read-only in the sandbox, absolute or below `~/`.
    pub tools: Vec<String>,
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
    /// Its name in the spec.
    pub name: String,
    /// The kind, a name of the runner's `GATES`.
    pub kind: String,
    /// The parameters in the order of the kind's schema.
    pub params: Params,
}

/// Parameters of a kind, in the order of its schema.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Params(pub Vec<(String, ParamValue)>);

/// A checked parameter in its canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamValue {
    /// Text, a word or a located path.
    Text(String),
    /// A command or a list of thresholds.
    List(Vec<String>),
}

impl Params {
    /// Returns a text parameter.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            ParamValue::Text(text) => Some(text),
            ParamValue::List(_) => None,
        }
    }

    /// Returns a list parameter.
    #[must_use]
    pub fn list(&self, key: &str) -> Option<&[String]> {
        match self.get(key)? {
            ParamValue::List(list) => Some(list),
            ParamValue::Text(_) => None,
        }
    }

    fn get(&self, key: &str) -> Option<&ParamValue> {
        self.0.iter().find_map(|(name, value)| (name == key).then_some(value))
    }
}

/// A unit of work of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The path of its task in the task tree.
    pub name: String,
    /// What is done.
    pub work: Work,
    /// The nodes it waits for, all before it in plan order, ascending.
    pub needs: Vec<NodeIndex>,
    /// Globs of the files it may change, relative to the root; empty: none.
    pub writes: Vec<String>,
    /// The environments it and its gates see.
    pub env: Vec<EnvironmentIndex>,
    /// The gates its result must pass, in this order.
    pub gates: Vec<GateIndex>,
    /// The caps of all its attempts together.
    pub budget: NodeBudget,
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
    },
    /// A command runs in the sandbox.
    Command {
        /// The program and its arguments; never a shell line.
        run: Vec<String>,
    },
}

/// The caps of a node, for all its attempts together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeBudget {
    /// How long its attempts may run; without one the run's cap alone holds.
    pub wall: Option<Millis>,
    /// How often it may be tried; at least 1.
    pub attempts: u32,
}

/// What a plan was made from; it stands last in plan.lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file name of the spec that was compiled, beside which plan.lock lies.
    pub spec: String,
    /// The language edition.
    pub edition: u32,
    /// The version of the compiler.
    pub compiler: String,
    /// Each source with the digest of its text, line ends as `\n`; sorted by path.
    pub sources: Vec<Source>,
}

/// A file that a plan was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path, relative to the spec's folder, with `/`.
    pub path: String,
    /// The digest of its text, without a byte order mark and with `\n` line ends.
    pub digest: Digest,
}
