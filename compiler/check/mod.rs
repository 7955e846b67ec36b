//! The static checks: what must hold between the parts of a spec.
//!
//! Each check is one file and one line in [`CHECKS`]. All of them run, whatever
//! the others find. Unaware of the text: they see the task tree only.

mod cycles;
mod names;
pub(crate) mod paths;
mod tools;
mod ungated;
mod unused;
mod writes;

use eufm_grammar::Diagnostics;

use crate::tree::TaskTree;

/// A check: looks at the tree and reports.
type Check = fn(&TaskTree<'_>, &mut Diagnostics);

/// The checks, sorted by name; the order of reports is that of the text.
const CHECKS: &[Check] =
    &[cycles::check, names::check, tools::check, ungated::check, unused::check, writes::check];

/// A task tree without an error: every check has passed, and nothing was wrong
/// before. Only [`check`] makes one.
#[derive(Debug)]
pub(crate) struct CheckedSpec<'a>(TaskTree<'a>);

impl<'a> CheckedSpec<'a> {
    /// Returns the tree.
    pub(crate) fn tree(&self) -> &TaskTree<'a> {
        &self.0
    }

    /// Takes the tree out.
    pub(crate) fn into_tree(self) -> TaskTree<'a> {
        self.0
    }
}

/// Runs all checks; `None` if anything is wrong, now or before.
pub(crate) fn check<'a>(tree: TaskTree<'a>, out: &mut Diagnostics) -> Option<CheckedSpec<'a>> {
    for check in CHECKS {
        check(&tree, out);
    }
    (!out.has_errors()).then_some(CheckedSpec(tree))
}
