//! The static checks: what must hold between the parts of a spec.
//!
//! Each check is one file and one line in [`CHECKS`]. All of them run, whatever
//! the others find. Unaware of the text: they see the resolved spec only.

mod approvals;
mod currencies;
mod cycles;
mod deploys;
mod names;
mod omitted;
mod overcommit;
mod requirements;
mod sessions;
mod tools;
mod ungated;
mod unused;
mod writes;

use eufm_grammar::Diagnostics;

use crate::spec::ResolvedSpec;

/// A check: looks at the spec and reports.
type Check = fn(&ResolvedSpec<'_>, &mut Diagnostics);

/// The checks, sorted by name; the order of reports is that of the text.
const CHECKS: &[Check] = &[
    approvals::check,
    currencies::check,
    cycles::check,
    deploys::check,
    names::check,
    omitted::check,
    overcommit::check,
    requirements::check,
    sessions::check,
    tools::check,
    ungated::check,
    unused::check,
    writes::check,
];

/// A spec without an error: every check has passed, and nothing was wrong before.
/// Only [`check`] makes one.
pub(crate) struct CheckedSpec<'a>(ResolvedSpec<'a>);

impl<'a> CheckedSpec<'a> {
    /// Takes the spec out.
    pub(crate) fn into_spec(self) -> ResolvedSpec<'a> {
        self.0
    }
}

/// Runs all checks; `None` if anything is wrong, now or before.
pub(crate) fn check<'a>(spec: ResolvedSpec<'a>, out: &mut Diagnostics) -> Option<CheckedSpec<'a>> {
    for check in CHECKS {
        check(&spec, out);
    }
    (!out.has_errors()).then_some(CheckedSpec(spec))
}
