//! `memory`: what runs at once takes no more than so much.
//!
//! Each of the nodes that may run at once has one process tree at a time, of its
//! attempt, a gate or a rule, under the node's cap; the agent of a result that
//! contradicts the branch has one beside these. Never `holds`: not every host has
//! cgroups, and exec says which it is there. Unaware of what the host has.

use super::{Facts, Finding};
use crate::review::Group;
use crate::units::Bytes;
use crate::{Node, Plan, Work};

/// What of a run's memory the runner sets aside for itself: 64 MiB.
pub const RUNNER_BYTES: u64 = 64 << 20;

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    let plan = facts.plan;
    let peak = Peak::of(plan);
    if !peak.runs {
        return None;
    }
    let nodes = peak.bytes(plan);
    let (most, by) = match (plan.budget.memory, nodes) {
        (Some(run), nodes) if nodes.is_none_or(|nodes| run.0 <= nodes) => {
            (run.0, "the run's cap, 64 MiB of it for the runner")
        }
        (_, Some(nodes)) => (nodes, "the caps of what may run at once and 64 MiB for the runner"),
        (_, None) => return Some(peak.uncapped(plan)),
    };
    Some(Finding::watched(format!(
        "at most {} at once, {by}; what takes more than its cap, or most of what is more than the \
         run's, is ended; where the host has cgroups, the kernel holds it",
        Bytes(most)
    )))
}

/// What the nodes of a plan may take at once.
struct Peak<'p> {
    /// Whether anything runs at all.
    runs: bool,
    /// The caps of the nodes that run something.
    caps: Vec<u64>,
    /// The heaviest node whose agent may have to resolve a conflict.
    resolver: u64,
    /// The nodes that run something and have no cap.
    open: Group<'p>,
}

impl<'p> Peak<'p> {
    fn of(plan: &'p Plan) -> Self {
        let mut peak = Self { runs: false, caps: Vec::new(), resolver: 0, open: Group::default() };
        for node in plan.nodes.iter().filter(|node| runs(node)) {
            peak.runs = true;
            match node.budget.memory {
                None => peak.open.add(&node.name),
                Some(Bytes(cap)) => {
                    peak.caps.push(cap);
                    if matches!(node.work, Work::Agent { .. }) {
                        peak.resolver = peak.resolver.max(cap);
                    }
                }
            }
        }
        peak
    }

    /// Adds up what may run at once; `None` where something of it has no cap.
    fn bytes(&self, plan: &Plan) -> Option<u64> {
        if !self.open.is_empty() || prepares(plan) || !plan.generated.is_empty() {
            return None;
        }
        let mut caps = self.caps.clone();
        caps.sort_unstable_by(|a, b| b.cmp(a));
        let at_once = usize::try_from(plan.budget.parallel.max(1)).unwrap_or(usize::MAX);
        let heaviest = caps.iter().take(at_once);
        let sum = heaviest.fold(RUNNER_BYTES, |sum, cap| sum.saturating_add(*cap));
        Some(sum.saturating_add(self.resolver))
    }

    fn uncapped(&self, plan: &Plan) -> Finding {
        let mut without: Vec<String> = Vec::new();
        if !self.open.is_empty() {
            without.push(self.open.to_string());
        }
        if prepares(plan) {
            without.push("preparing environments".to_owned());
        }
        if !plan.generated.is_empty() {
            without.push("making generated files".to_owned());
        }
        Finding::not_claimed(format!("no cap on memory covers {}", without.join(", ")))
    }
}

fn prepares(plan: &Plan) -> bool {
    plan.environments.iter().any(|environment| !environment.prepare.is_empty())
}

/// Tells whether a node has processes: of a verify node these are its gates and rules.
fn runs(node: &Node) -> bool {
    match &node.work {
        Work::Agent { .. } | Work::Command(_) | Work::Deploy { .. } => true,
        Work::Approval { .. } => false,
        Work::Verify { rules } => !node.gates.is_empty() || !rules.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sketch::{Chance, GRAPHS, agent, approval, command, plan_of, verify};
    use super::super::{Proof, Verdict, proof as prove_one};
    use super::*;
    use crate::units::Bytes;

    fn memory(plan: &Plan) -> Option<Proof> {
        prove_one(plan, "memory")
    }

    fn capped(node: Node, mib: u64) -> Node {
        let mut node = node;
        node.budget.memory = Some(Bytes(mib << 20));
        node
    }

    fn claim(plan: &Plan) -> String {
        memory(plan).expect("something runs").to_string()
    }

    #[test]
    fn of_what_looks_only_its_gates_and_rules_run() {
        let mut plan = plan_of([(verify("ship/verify"), &[])]);
        assert_eq!(memory(&plan), None);
        plan.nodes[0].work = Work::Verify { rules: vec![crate::RuleIndex::new(0)] };
        assert_eq!(claim(&plan), "not claimed: no cap on memory covers ship/verify");
        plan.nodes[0] = verify("ship/verify");
        plan.nodes[0].gates = vec![crate::GateIndex::new(0)];
        assert_eq!(claim(&plan), "not claimed: no cap on memory covers ship/verify");
    }

    #[test]
    fn the_heaviest_that_may_run_at_once_bound_it_or_the_run() {
        let mut plan = plan_of([
            (capped(command("a"), 300), &[]),
            (capped(command("b"), 100), &[]),
            (capped(command("c"), 200), &[]),
            (approval("ok"), &[0]),
        ]);
        plan.environments.clear();
        plan.budget.parallel = 2;
        assert!(claim(&plan).starts_with("watched: at most 564 MiB at once, the caps of what may"));
        plan.budget.parallel = 1;
        assert!(claim(&plan).starts_with("watched: at most 364 MiB at once, "));
        plan.budget.memory = Some(Bytes(256 << 20));
        assert!(
            claim(&plan).starts_with("watched: at most 256 MiB at once, the run's cap, 64 MiB")
        );
        plan.budget.memory = Some(Bytes(1 << 40));
        assert!(claim(&plan).starts_with("watched: at most 364 MiB at once, the caps"));
        // The agent of a result that contradicts the branch runs beside.
        plan.nodes[0] = capped(agent("a"), 300);
        assert!(claim(&plan).starts_with("watched: at most 664 MiB at once, the caps"));
        plan.nodes = vec![approval("ok")];
        assert_eq!(memory(&plan), None);
    }

    #[test]
    fn what_has_no_cap_is_named_where_the_run_has_none() {
        let mut plan = plan_of([(capped(command("a"), 300), &[]), (command("b"), &[])]);
        plan.environments.clear();
        assert_eq!(claim(&plan), "not claimed: no cap on memory covers b");
        plan.budget.memory = Some(Bytes(1 << 30));
        assert!(claim(&plan).starts_with("watched: at most 1 GiB at once, the run's cap"));
        plan.budget.memory = None;
        plan.nodes.pop();
        plan.environments =
            vec![crate::Environment { prepare: vec!["x".to_owned()], ..Default::default() }];
        let (path, run) = ("Cargo.lock".to_owned(), vec!["cargo".to_owned()]);
        plan.generated = vec![crate::Generated { path, run, env: Vec::new(), network: Vec::new() }];
        assert_eq!(
            claim(&plan),
            "not claimed: no cap on memory covers preparing environments, making generated files"
        );
        let prepared = std::mem::take(&mut plan.environments);
        assert_eq!(claim(&plan), "not claimed: no cap on memory covers making generated files");
        (plan.environments, plan.generated) = (prepared, Vec::new());
        assert_eq!(claim(&plan), "not claimed: no cap on memory covers preparing environments");
    }

    /// An oracle that tries each set of nodes that fits into the slots, with each agent
    /// beside.
    #[test]
    fn an_oracle_that_tries_every_set_of_nodes_agrees() {
        let (mut by_nodes, mut by_run) = (0, 0);
        for seed in 0..GRAPHS {
            let mut chance = Chance::new(seed);
            let node = |chance: &mut Chance, at: usize| {
                let own = [agent, approval, command, command][chance.below(4)](&format!("n{at}"));
                if chance.one_in(12) { own } else { capped(own, 1 + chance.below(500) as u64) }
            };
            let nodes: Vec<Node> = (0..=chance.below(7)).map(|at| node(&mut chance, at)).collect();
            let mut plan = Plan { nodes, environments: Vec::new(), ..plan_of([]) };
            plan.budget.parallel = 1 + u32::try_from(chance.below(4)).expect("below 4");
            plan.budget.memory =
                chance.one_in(3).then(|| Bytes((64 + chance.below(1_000) as u64) << 20));
            let is_agent = |node: &Node| matches!(node.work, Work::Agent { .. });
            let is_at_work = |node: &Node| !matches!(node.work, Work::Approval { .. });
            let cap = |node: &Node| node.budget.memory.map(|bytes| bytes.0);
            let beside = plan.nodes.iter().filter(|node| is_agent(node)).map(cap);
            let beside: Vec<Option<u64>> = beside.chain([Some(0)]).collect();
            let sets = (0..1_usize << plan.nodes.len()).map(|set| {
                let own = plan.nodes.iter().enumerate().filter(move |(at, _)| set >> at & 1 == 1);
                own.map(|(_, node)| node).filter(|node| is_at_work(node)).collect::<Vec<_>>()
            });
            let sets = sets.filter(|set| set.len() <= plan.budget.parallel as usize);
            let peaks: Option<Vec<u64>> = sets
                .map(|set| set.into_iter().map(cap).sum::<Option<u64>>())
                .flat_map(|sum| beside.iter().map(move |beside| Some(sum? + (*beside)?)))
                .collect();
            let nodes = peaks.and_then(|peaks| peaks.into_iter().max()).map(|it| it + RUNNER_BYTES);
            let most = nodes.into_iter().chain(plan.budget.memory.map(|it| it.0)).min();
            let Some(proof) = memory(&plan) else {
                assert!(!plan.nodes.iter().any(is_at_work), "{seed}");
                continue;
            };
            let Some(most) = most else {
                assert_eq!(proof.verdict, Verdict::NotClaimed, "{seed}: {proof}");
                continue;
            };
            assert_eq!(proof.verdict, Verdict::Watched, "{seed}: {proof}");
            let head = format!("at most {} at once, ", Bytes(most));
            assert!(proof.claim.starts_with(&head), "{seed}: {proof} and not {head}");
            *if Some(most) == nodes { &mut by_nodes } else { &mut by_run } += 1;
        }
        assert!(by_nodes > 1_000 && by_run > 1_000, "{by_nodes} by nodes, {by_run} by the run");
    }
}
