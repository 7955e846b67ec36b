//! What the user typed for the commands that look at plans and change nothing.
//!
//! The texts here are the help pages.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::render::views::EMITTERS;

/// `eufm why`.
#[derive(Debug, ClapArgs)]
pub(crate) struct WhyArgs {
    /// The node; all if not given
    pub(crate) node: Option<String>,
    /// The plan, plan.lock if not given; an only argument that is a file is the plan
    pub(crate) plan: Option<PathBuf>,
    /// Look at the repository in this folder instead of the one the plan lies in
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
    /// Look at the state in this folder instead of $XDG_STATE_HOME/eufm/REPOSITORY
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Print the answer as one JSON document (docs/schemas/why.schema.json)
    #[arg(long)]
    pub(crate) json: bool,
}

/// `eufm cost`.
#[derive(Debug, ClapArgs)]
pub(crate) struct CostArgs {
    /// The plan, plan.lock if not given; shown is its run that goes on, or else its last one
    pub(crate) plan: Option<PathBuf>,
    /// Show this run instead, with the plan that it was started with
    #[arg(long, value_name = "RUN", conflicts_with = "plan")]
    pub(crate) run: Option<String>,
    /// The repository whose runs are meant instead of the one the plan, or this folder, lies in
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: Option<PathBuf>,
    /// Look at the state in this folder instead of $XDG_STATE_HOME/eufm/REPOSITORY
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Print the figures as one JSON document (docs/schemas/cost.schema.json)
    #[arg(long)]
    pub(crate) json: bool,
}

/// Finds a view by its name.
fn view(text: &str) -> Result<&'static str, String> {
    let names = EMITTERS.iter().map(|(name, _)| *name);
    names.clone().find(|name| *name == text).ok_or_else(|| {
        let names: Vec<&str> = names.collect();
        format!("no view has this name; there are {}", names.join(", "))
    })
}

/// `eufm show`.
#[derive(Debug, ClapArgs)]
pub(crate) struct ShowArgs {
    /// The plan, plan.lock if not given; an only argument that is no file is a node of that
    pub(crate) plan: Option<String>,
    /// Show this node in full
    #[arg(conflicts_with = "form")]
    pub(crate) node: Option<String>,
    /// Show groups with what lies in them, as `--as tree`
    #[arg(long, group = "form")]
    pub(crate) tree: bool,
    /// Answer what this can cost, as `--as cost`
    #[arg(long, group = "form")]
    pub(crate) cost: bool,
    /// Answer what this can touch, as `--as touch`
    #[arg(long, group = "form")]
    pub(crate) touch: bool,
    /// Answer where this stops for a person, as `--as people`
    #[arg(long, group = "form")]
    pub(crate) people: bool,
    /// Show it so
    #[arg(long = "as", value_name = "VIEW", value_parser = view, group = "form")]
    pub(crate) view: Option<&'static str>,
    /// Print what the plan says as one JSON document (docs/schemas/show.schema.json)
    #[arg(long, conflicts_with = "form")]
    pub(crate) json: bool,
}

impl ShowArgs {
    /// Returns the name of the view that is asked for.
    pub(crate) fn view(&self) -> &'static str {
        let flags = [
            (self.tree, "tree"),
            (self.cost, "cost"),
            (self.touch, "touch"),
            (self.people, "people"),
        ];
        let flagged = flags.iter().find_map(|(is_given, view)| is_given.then_some(*view));
        self.view.or(flagged).unwrap_or("table")
    }
}

/// `eufm graph`.
#[derive(Debug, ClapArgs)]
pub(crate) struct GraphArgs {
    /// The plan
    #[arg(default_value = "plan.lock")]
    pub(crate) plan: PathBuf,
    /// Draw for Graphviz instead of Mermaid
    #[arg(long)]
    pub(crate) dot: bool,
}

/// `eufm diff`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Ends with 0 if the plans are equal, 1 if they differ, 2 if one cannot be \
                        read, 3 if anything became looser. docs/review.md shows the setup for git.")]
pub(crate) struct DiffArgs {
    /// The plan before, such as the one that was approved
    pub(crate) before: PathBuf,
    /// The plan after; plan.lock if not given
    pub(crate) after: Option<PathBuf>,
    /// What git gives besides
    #[arg(hide = true, requires = "git")]
    pub(crate) rest: Vec<PathBuf>,
    /// End with 0 unless something became looser: for plans that are compiled with nobody there
    #[arg(long)]
    pub(crate) within: bool,
    /// Print the differences as a comment of a review
    #[arg(long, conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// Print the differences as one JSON document (docs/schemas/diff.schema.json)
    #[arg(long)]
    pub(crate) json: bool,
    /// Answer git, which calls this with a path and both sides of it (diff.eufm.command)
    #[arg(long, conflicts_with_all = ["within", "markdown", "json"])]
    pub(crate) git: bool,
}
