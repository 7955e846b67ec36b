//! `recovery`: every node with an effect outside says what a resume does with it
//! when it was cut short.
//!
//! Such are deploys, commands that reach hosts or have secrets, and commands in the
//! user's checkout. Rests on the journal: a start is on disk before it begins, an
//! end before anything follows. Unaware of what the effects are.

use super::{Facts, Finding};
use crate::review::Group;
use crate::{Node, Recovery, Work};

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    let mut groups: [Group<'_>; 5] = Default::default();
    for node in &facts.plan.nodes {
        if let Some(does) = Does::with(node) {
            groups[does as usize].add(&node.name);
        }
    }
    let [ask, skip, probe, rerun, commands] = &groups;
    let parts = [
        (ask, format!("asks a person about {ask}")),
        (skip, format!("counts {skip} as done")),
        (probe, format!("asks its program about {probe}")),
        (rerun, format!("runs {rerun} again")),
        (commands, format!("runs the commands {commands} again")),
    ];
    let parts = parts.into_iter().filter(|(group, _)| !group.is_empty());
    let parts: Vec<String> = parts.map(|(_, part)| part).collect();
    (!parts.is_empty()).then(|| {
        Finding::holds(format!(
            "a resume {}, by the journal, which has a start before it begins and an end before \
             anything follows",
            parts.join(", ")
        ))
    })
}

/// What a resume does with a node that was cut short, in the order in which it is told.
#[derive(Clone, Copy)]
enum Does {
    Ask,
    Skip,
    Probe,
    Rerun,
    RunCommand,
}

impl Does {
    /// Says what it does with a node; `None` with one that has no effect outside.
    fn with(node: &Node) -> Option<Self> {
        match &node.work {
            Work::Deploy { recovery, .. } => Some(match recovery {
                Recovery::Ask => Self::Ask,
                Recovery::Skip => Self::Skip,
                Recovery::Probe(_) => Self::Probe,
                Recovery::Rerun => Self::Rerun,
            }),
            Work::Command(command) => {
                let is_outside =
                    command.in_place || !command.network.is_empty() || !command.secrets.is_empty();
                is_outside.then_some(Self::RunCommand)
            }
            Work::Agent { .. } | Work::Approval { .. } | Work::Verify { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::proof as prove_one;
    use super::super::sketch::{agent, command, in_place, node, plan_of, secret};
    use crate::{Command, Plan, Recovery, Work};

    fn recovery(plan: &Plan) -> Option<String> {
        let proof = prove_one(plan, "recovery");
        proof.map(|proof| proof.to_string())
    }

    #[test]
    fn what_has_an_effect_outside_is_told_by_what_a_resume_does() {
        assert_eq!(recovery(&plan_of([(agent("a"), &[]), (command("c"), &[])])), None);
        let deploy = |name: &str, recovery| {
            let command = Box::new(Command::new(vec!["make".to_owned()]));
            node(name, Work::Deploy { command, folders: Vec::new(), recovery })
        };
        let mut fetch = command("fetch");
        if let Work::Command(command) = &mut fetch.work {
            command.network = vec!["a.example".to_owned()];
        }
        let plan = plan_of([
            (deploy("ask", Recovery::Ask), &[]),
            (deploy("skip", Recovery::Skip), &[]),
            (deploy("probe", Recovery::Probe(vec!["x".to_owned()])), &[]),
            (deploy("rerun", Recovery::Rerun), &[]),
            (secret("publish"), &[]),
            (in_place("tidy"), &[]),
            (fetch, &[]),
            (command("quiet"), &[]),
            (agent("a"), &[]),
        ]);
        let begin = "holds: a resume asks a person about ask, counts skip as done, asks its program \
             about probe, runs rerun again, runs the commands publish, tidy, fetch again, by the \
             journal";
        let claim = recovery(&plan).expect("there are such");
        assert!(claim.starts_with(begin), "{claim}");
    }

    #[test]
    fn many_are_counted() {
        let of = |at: usize| crate::Node { name: format!("n{at}"), ..secret("s") };
        let plan = Plan { nodes: (0..1_000).map(of).collect(), ..plan_of([]) };
        let claim = recovery(&plan).expect("there are such");
        assert!(claim.contains("runs the commands n0, n1, n2 and 997 more again"), "{claim}");
    }
}
