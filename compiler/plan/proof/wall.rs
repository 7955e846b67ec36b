//! `wall`: the run is active at most so long, then stops.
//!
//! Rests on the runner's clock. Unaware of how long the work takes.

use super::{Facts, Finding};

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    Some(facts.plan.budget.wall.map_or_else(
        || Finding::not_claimed("the run has no wall cap"),
        |wall| {
            let waiting = match facts.plan.window {
                Some(_) => ", waiting for its window excluded",
                None => "",
            };
            Finding::holds(format!(
                "active at most {wall} by the runner's clock{waiting}, then stops, resumable"
            ))
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::super::sketch::{Chance, GRAPHS, random};
    use super::super::{Verdict, proof as prove_one};
    use crate::Plan;
    use crate::units::Millis;

    /// Plays a run whose nodes take as long as chance wants, and which is stopped when
    /// its time is used up; returns how long it was active and whether it was stopped.
    fn play(plan: &Plan, chance: &mut Chance) -> (u64, bool) {
        let mut left: Vec<u64> = plan.nodes.iter().map(|_| 1 + chance.below(90) as u64).collect();
        let cap = plan.budget.wall.map_or(u64::MAX, |wall| wall.0);
        let slots = plan.budget.parallel as usize;
        let mut active = 0;
        while left.iter().any(|left| *left > 0) {
            if active == cap {
                return (active, true);
            }
            let is_due = |at: &usize| {
                left[*at] > 0 && plan.nodes[*at].waits_for().all(|need| left[need.get()] == 0)
            };
            let due: Vec<usize> = (0..left.len()).filter(is_due).take(slots).collect();
            due.into_iter().for_each(|at| left[at] -= 1);
            active += 1;
        }
        (active, false)
    }

    #[test]
    fn no_run_that_is_played_is_active_for_longer() {
        let (mut stopped, mut done, mut open) = (0, 0, 0);
        for seed in 0..GRAPHS {
            let (mut plan, mut chance) = (random(seed), Chance::new(seed));
            plan.budget.wall = (!chance.one_in(4)).then(|| Millis(1 + chance.below(300) as u64));
            plan.budget.parallel = 1 + u32::try_from(chance.below(3)).expect("below 3");
            plan.window = chance.one_in(2).then(|| "22:00-06:00 UTC".to_owned());
            let proof = prove_one(&plan, "wall").expect("it is always said");
            let Some(cap) = plan.budget.wall else {
                assert_eq!(proof.verdict, Verdict::NotClaimed, "{seed}: {proof}");
                open += 1;
                continue;
            };
            assert_eq!(proof.verdict, Verdict::Holds, "{seed}: {proof}");
            assert!(proof.claim.starts_with(&format!("active at most {cap} by ")), "{proof}");
            assert_eq!(proof.claim.contains("waiting for its window"), plan.window.is_some());
            let (active, is_stopped) = play(&plan, &mut chance);
            assert!(active <= cap.0, "{seed}: {active} of {cap}");
            *if is_stopped { &mut stopped } else { &mut done } += 1;
        }
        assert!(stopped > 1_000 && done > 1_000 && open > 1_000, "{stopped} {done} {open}");
    }
}
