//! The flags of answers to questions of runs.

use std::path::PathBuf;

use clap::Args as ClapArgs;

/// Which question is meant.
#[derive(Debug, ClapArgs)]
pub(crate) struct QuestionArgs {
    /// The plan, plan.lock if not given
    pub(crate) plan: Option<PathBuf>,
    /// What is to be handed on: to nodes that take the note as an input, or to the next attempt
    #[arg(long, value_name = "TEXT", requires = "node")]
    pub(crate) note: Option<String>,
    /// Who answers, instead of the user of this system
    #[arg(long, value_name = "NAME", requires = "node")]
    pub(crate) by: Option<String>,
    /// Answer only if the question is still about this tree
    #[arg(long, value_name = "TREE", requires = "node")]
    pub(crate) tree: Option<String>,
    /// The rule that is answered about, where the node asks about one
    #[arg(long, value_name = "RULE", requires = "node")]
    pub(crate) rule: Option<String>,
    /// The repository whose runs are meant instead of the one the plan lies in
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
    /// The folder of the state, if it is not $XDG_STATE_HOME/eufm/REPOSITORY
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// `eufm approve`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ApproveArgs {
    /// The node that asks; without one, those that wait are listed
    pub(crate) node: Option<String>,
    #[command(flatten)]
    pub(crate) question: QuestionArgs,
    /// Let a node that did not succeed use this beyond its caps: 0.50 EUR, 200K (tokens)
    #[arg(long, value_name = "AMOUNT", requires = "node")]
    pub(crate) raise: Option<String>,
    /// Take this commit of the repository, a whole id, as the merge of a result that contradicts
    /// the branch
    #[arg(long, value_name = "COMMIT", requires = "node")]
    pub(crate) take: Option<String>,
    /// Say that a deploy of which nobody knew was done
    #[arg(long, requires = "node")]
    pub(crate) done: bool,
    /// Print the questions as one JSON document (docs/schemas/questions.schema.json)
    #[arg(long, conflicts_with = "node")]
    pub(crate) json: bool,
}

/// `eufm reject`.
#[derive(Debug, ClapArgs)]
pub(crate) struct RejectArgs {
    /// The node that asks
    pub(crate) node: String,
    #[command(flatten)]
    pub(crate) question: QuestionArgs,
}
