//! Refuses caps on memory that are larger than all that this host has: such a cap
//! would hold nothing.
//!
//! Unaware of what takes the memory and of how a cap is held.

use eufm_plan::Plan;
use eufm_plan::units::Bytes;

use super::room;
use crate::error::RunError;
use crate::size::Size;

/// Checks the caps of a run and of its nodes.
///
/// # Errors
/// Names the first cap that is more than the host has, and the way out.
pub(crate) fn check(plan: &Plan) -> Result<(), RunError> {
    match room::whole() {
        Some(whole) => beyond(plan, whole).map_or(Ok(()), |reason| Err(RunError::Host(reason))),
        // A host that does not tell is looked at while the run goes on.
        None => Ok(()),
    }
}

fn beyond(plan: &Plan, whole: u64) -> Option<String> {
    let run = plan.budget.memory.map(|cap| ("pipeline", cap));
    let nodes = plan.nodes.iter();
    let nodes = nodes.filter_map(|node| Some((node.name.as_str(), node.budget.memory?)));
    let (place, cap): (&str, Bytes) =
        run.into_iter().chain(nodes).find(|(_, cap)| cap.0 > whole)?;
    Some(format!(
        "{place}: memory <= {cap} is more than this host has, {} with its swap: nothing would hold \
         it\n  help: lower the cap in the spec and compile it again, or run the plan where there is \
         as much",
        Size(whole)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_test::{Sketch, plan_of};

    #[test]
    fn a_cap_beyond_the_host_is_named_the_runs_first() {
        let mut plan = plan_of(&[Sketch { needs: vec![], gates: 0, attempts: 1 }], 1);
        assert_eq!(beyond(&plan, 8 << 30), None);
        plan.nodes[0].budget.memory = Some(Bytes(8 << 30));
        assert_eq!(beyond(&plan, 8 << 30), None, "as much as there is");
        let reason = beyond(&plan, (8 << 30) - 1).expect("more than there is");
        assert!(reason.starts_with(&plan.nodes[0].name), "{reason}");
        assert!(reason.contains("memory <= 8 GiB") && reason.contains("help: "), "{reason}");
        plan.budget.memory = Some(Bytes(9 << 30));
        assert!(beyond(&plan, 8 << 30).is_some_and(|reason| reason.starts_with("pipeline: ")));
    }
}
