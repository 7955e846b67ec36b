//! The plan that the tests of views share.

use eufm_plan::{Plan, lockfile};

/// Returns the plan in which every key occurs.
pub(super) fn everything() -> Plan {
    let text = include_str!("../../../compiler/plan/lockfile/everything.toml");
    Plan::clone(&lockfile::read_kept(text).expect("a plan of the repository").plan)
}
