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
    use super::super::sketch::{
        Chance, GRAPHS, agent, command, in_place, node, plan_of, random, secret,
    };
    use crate::{Command, Node, Plan, Recovery, Work};

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
    /// A random plan of which some nodes are deploys, and some commands reach a host.
    fn with_effects(seed: u64) -> Plan {
        let (mut plan, mut chance) = (random(seed), Chance::new(seed));
        for node in &mut plan.nodes {
            if chance.one_in(3) {
                let command = Box::new(Command::new(vec!["make".to_owned()]));
                let probe = Recovery::Probe(vec!["x".to_owned()]);
                let all = [Recovery::Ask, Recovery::Skip, probe, Recovery::Rerun];
                let recovery = all[chance.below(4)].clone();
                node.work = Work::Deploy { command, folders: Vec::new(), recovery };
            } else if let Work::Command(command) = &mut node.work {
                let hosts = chance.one_in(4).then(|| "a.example".to_owned());
                command.network.extend(hosts);
            }
        }
        plan
    }

    /// What is told is asked of each node, in the order of what is done.
    #[test]
    fn an_oracle_that_asks_each_node_what_is_done_with_it_agrees() {
        type Is = fn(&Node) -> bool;
        fn deploys(node: &Node) -> Option<&Recovery> {
            match &node.work {
                Work::Deploy { recovery, .. } => Some(recovery),
                _ => None,
            }
        }
        let told: [(&str, &str, Is); 5] = [
            ("asks a person about ", "", |it| deploys(it) == Some(&Recovery::Ask)),
            ("counts ", " as done", |it| deploys(it) == Some(&Recovery::Skip)),
            ("asks its program about ", "", |it| matches!(deploys(it), Some(Recovery::Probe(_)))),
            ("runs ", " again", |it| deploys(it) == Some(&Recovery::Rerun)),
            ("runs the commands ", " again", |it| match &it.work {
                Work::Command(own) => {
                    let keys = own.secrets.len() + own.network.len();
                    own.in_place || keys > 0
                }
                _ => false,
            }),
        ];
        let (mut none, mut all) = (0, 0);
        for seed in 0..GRAPHS {
            let plan = with_effects(seed);
            let mut parts = Vec::new();
            for (before, behind, is_of) in told {
                let nodes = plan.nodes.iter().filter(|node| is_of(node));
                let names: Vec<&str> = nodes.map(|node| node.name.as_str()).collect();
                let shown = match names.len() {
                    0 => continue,
                    1..=3 => names.join(", "),
                    count => format!("{} and {} more", names[..3].join(", "), count - 3),
                };
                parts.push(format!("{before}{shown}{behind}"));
            }
            let Some(claim) = recovery(&plan) else {
                assert_eq!(parts, [""; 0], "{seed}");
                none += 1;
                continue;
            };
            let expected = format!("holds: a resume {}, by the journal", parts.join(", "));
            assert!(claim.starts_with(&expected), "{seed}: {claim} and not {expected}");
            all += 1;
        }
        assert!(none > 500 && all > 5_000, "{none} have none, {all} some");
    }
}
