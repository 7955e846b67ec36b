//! `network`: nothing reaches a host that the plan does not name for it.
//!
//! Rests on the network namespace of the sandbox and on the proxy. Unaware of what
//! hosts do with what they are sent.

use super::{Facts, Finding};

pub(super) fn prove(facts: &Facts<'_>) -> Option<Finding> {
    Some(if facts.in_place {
        Finding::not_claimed(
            "this version of eufm does not hold commands that run in the user's checkout",
        )
    } else if facts.open_network {
        Finding::not_claimed("this version of eufm does not open the network to agents and gates")
    } else {
        Finding::holds(match facts.hosts {
            true => {
                "agents reach nothing but the gateway, commands, preparing and generated files \
                 only the hosts they name, through the proxy, gates nothing"
            }
            false => "agents reach nothing but the gateway, commands and gates reach nothing",
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::sketch::{Chance, GRAPHS, random};
    use super::super::{Verdict, proof as prove_one};
    use crate::lockfile::example::everything;
    use crate::{ParamValue, Params, Plan, Work};

    /// A random plan with what the example has beside its nodes, some of it open.
    fn with_hosts(seed: u64) -> Plan {
        let (own, mut chance) = (random(seed), Chance::new(seed));
        let mut plan = Plan { nodes: own.nodes, ..everything() };
        let hosts = |is_open: bool| vec!["a.example".to_owned(); usize::from(is_open)];
        let mut open = |many| chance.one_in(many);
        plan.environments.iter_mut().for_each(|it| it.network = hosts(open(6)));
        plan.generated.iter_mut().for_each(|it| it.network = hosts(open(6)));
        for node in &mut plan.nodes {
            if let Work::Command(command) = &mut node.work {
                command.network = hosts(open(4));
            }
        }
        let agents = plan.agents.iter_mut().map(|it| &mut it.params);
        for Params(params) in agents.chain(plan.gates.iter_mut().map(|it| &mut it.params)) {
            params.retain(|(key, _)| key != "network");
            let own = [None, Some(ParamValue::Text("none".to_owned()))];
            let opened = Some(ParamValue::List(hosts(true)));
            let value = if open(8) { opened } else { own[usize::from(open(2))].clone() };
            params.extend(value.map(|value| ("network".to_owned(), value)));
        }
        plan
    }

    #[test]
    fn an_oracle_that_asks_everything_for_its_hosts_agrees() {
        let mut counts = [0; 4];
        for seed in 0..GRAPHS {
            let plan = with_hosts(seed);
            let commands = || plan.nodes.iter().filter_map(|node| node.work.command());
            let in_place = commands().any(|command| command.in_place);
            let params = plan.agents.iter().map(|it| &it.params);
            let mut params = params.chain(plan.gates.iter().map(|it| &it.params));
            let is_open = params.any(|params| {
                params.0.iter().any(|(key, value)| {
                    key == "network" && *value != ParamValue::Text("none".to_owned())
                })
            });
            let of_commands = commands().map(|command| command.network.len()).sum::<usize>();
            let of_others = plan.environments.iter().map(|it| &it.network);
            let of_others = of_others.chain(plan.generated.iter().map(|it| &it.network));
            let hosts = of_commands + of_others.map(Vec::len).sum::<usize>();
            let (at, verdict, said) = match (in_place, is_open, hosts) {
                (true, ..) => (0, Verdict::NotClaimed, "commands that run in the user's checkout"),
                (_, true, _) => (1, Verdict::NotClaimed, "the network to agents and gates"),
                (_, _, 0) => (2, Verdict::Holds, "commands and gates reach nothing"),
                _ => (3, Verdict::Holds, "only the hosts they name, through the proxy"),
            };
            let proof = prove_one(&plan, "network").expect("it is always said");
            assert_eq!(proof.verdict, verdict, "{seed}: {proof}");
            assert!(proof.claim.contains(said), "{seed}: {proof}");
            counts[at] += 1;
        }
        assert!(counts.iter().all(|count| *count > 300), "{counts:?}");
    }
}
