//! `eufm show` and `eufm graph`: views of a plan.

use std::path::{Path, PathBuf};

use super::exec::{read_plan, read_to_show};
use super::why::known;
use crate::args::{GraphArgs, ShowArgs};
use crate::exit::{ExitStatus, Failure};
use crate::render::views;

/// Shows a plan, or one node of it in full.
///
/// # Errors
/// Fails when there is no such plan or node.
pub(crate) fn run(args: &ShowArgs) -> Result<ExitStatus, Failure> {
    let (path, node) = arguments(args);
    let (locked, node) = match node {
        Some(node) if !args.json => {
            let locked = read_to_show(&path)?;
            let node = known(node, &locked.plan, &path)?;
            (locked, Some(node))
        }
        node => {
            let (locked, _) = read_plan(&path)?;
            let node = node.map(|node| known(node, &locked.plan, &path)).transpose()?;
            (locked, node)
        }
    };
    match node {
        node if args.json => views::json(&locked, node),
        Some(node) => views::node(&locked.plan, node),
        None => views::view(args.view(), &locked.plan),
    }
    Ok(ExitStatus::DONE)
}

/// Draws a plan.
///
/// # Errors
/// Fails when there is no such plan.
pub(crate) fn graph(args: &GraphArgs) -> Result<ExitStatus, Failure> {
    let (locked, _) = read_plan(&args.plan)?;
    views::view(if args.dot { "dot" } else { "mermaid" }, &locked.plan);
    Ok(ExitStatus::DONE)
}

/// Tells the plan from the node: an only argument that is no file is a node.
fn arguments(args: &ShowArgs) -> (PathBuf, Option<&str>) {
    let plan = || PathBuf::from("plan.lock");
    match (&args.plan, &args.node) {
        (Some(plan), Some(node)) => (PathBuf::from(plan), Some(node)),
        (Some(only), None) if is_file(only) => (PathBuf::from(only), None),
        (Some(only), None) => (plan(), Some(only)),
        (None, _) => (plan(), None),
    }
}

/// A text that looks like a file is meant as one, also where it is not there.
fn is_file(text: &str) -> bool {
    Path::new(text).exists() || text.ends_with(".lock")
}
