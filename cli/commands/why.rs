//! `eufm why`: whether a run would do a node now, and why.

use std::path::{Path, PathBuf};

use eufm_plan::NodeIndex;
use eufm_runner::why::{Look, Outlook};

use super::exec::read_plan;
use crate::args::WhyArgs;
use crate::exit::{ExitStatus, Failure};
use crate::{host, render};

/// How many names of nodes a message lists.
const NAMES_SHOWN: usize = 20;

/// Looks at a plan's nodes, or at one, and shows what would become of them.
///
/// # Errors
/// Fails when there is no such plan, repository or node, or the state is damaged.
pub(crate) fn run(args: &WhyArgs) -> Result<ExitStatus, Failure> {
    let (node, plan) = arguments(args);
    let (locked, text) = read_plan(&plan)?;
    if let Some(node) = node {
        known(node, &locked.plan, &plan)?;
    }
    let repository = host::repository(args.repo.as_deref(), &plan)?;
    let state = host::state(args.state.as_deref(), &repository)?;
    let path = host::search_path();
    let look = Look { locked, text, repository, state, path };
    let mut outlook: Outlook = eufm_runner::why::look(&look)?;
    if let Some(node) = node {
        outlook.nodes.retain(|known| known.node == node);
    }
    if args.json {
        render::why::json(&outlook);
    } else {
        render::why::text(&outlook, &look.locked.plan.base);
    }
    Ok(ExitStatus::DONE)
}

/// Tells the node from the plan: an only argument may be either.
fn arguments(args: &WhyArgs) -> (Option<&str>, PathBuf) {
    match (&args.node, &args.plan) {
        (node, Some(plan)) => (node.as_deref(), plan.clone()),
        (Some(only), None) if Path::new(only).is_file() => (None, PathBuf::from(only)),
        (node, None) => (node.as_deref(), PathBuf::from("plan.lock")),
    }
}

/// Finds a node by its name.
///
/// # Errors
/// Fails when the plan has none of this name, and says which it has.
pub(super) fn known(node: &str, plan: &eufm_plan::Plan, path: &Path) -> Result<NodeIndex, Failure> {
    if let Some(at) = plan.nodes.iter().position(|known| known.name == node) {
        return Ok(NodeIndex::new(at));
    }
    let names = plan.nodes.iter().map(|known| known.name.as_str());
    let mut shown: Vec<&str> = names.take(NAMES_SHOWN).collect();
    if plan.nodes.len() > NAMES_SHOWN {
        shown.push("…");
    }
    let place = path.display();
    let message = format!("{place} has no node {node}\n  help: it has {}", shown.join(", "));
    Err(Failure::new(ExitStatus::USAGE, message))
}
