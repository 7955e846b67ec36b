//! Claims about every run of a plan: `[proof]`.
//!
//! One begins with `holds` only where the runner of this version holds it for
//! this plan on every host, with `watched` where some hosts let it pass a
//! little first; what it does not do yet, it does not claim. Unaware of how the
//! runner does it.

use super::reach::network;
use crate::{Level, Plan, RuleIndex, Work, Writes};

/// One claim about every run of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// What it is about, the key in `[proof]`.
    pub name: &'static str,
    /// `holds: …`, `watched: …` or `not claimed: …`, with what it rests on.
    pub claim: String,
}

/// What some node of a plan has, found on one way through them.
#[derive(Default)]
struct Uses {
    agents: bool,
    /// Agents without a cap on money of their own.
    uncapped: bool,
    memory: bool,
    unprotected: bool,
    in_place: bool,
    secrets: bool,
    /// Hosts that the proxy lets through to.
    hosts: bool,
    /// Hosts that nothing lets through to yet, or nothing holds.
    network: bool,
    deploy: bool,
}

impl Uses {
    fn of(plan: &Plan) -> Self {
        let mut uses = Self { memory: plan.budget.memory.is_some(), ..Self::default() };
        for node in &plan.nodes {
            if matches!(node.work, Work::Agent { .. }) {
                uses.agents = true;
                uses.uncapped |= node.budget.cost.is_none();
            }
            uses.memory |= node.budget.memory.is_some();
            uses.unprotected |= node.writes == Writes::Unprotected;
            uses.deploy |= matches!(node.work, Work::Deploy { .. });
            if let Some(command) = node.work.command() {
                uses.in_place |= command.in_place;
                uses.secrets |= !command.secrets.is_empty();
                uses.hosts |= !command.network.is_empty();
            }
        }
        uses.hosts |= plan.environments.iter().any(|environment| !environment.network.is_empty());
        uses.network |= uses.in_place
            || plan.agents.iter().any(|agent| !network(&agent.params).is_empty())
            || plan.gates.iter().any(|gate| !network(&gate.params).is_empty());
        uses.hosts |= plan.generated.iter().any(|file| !file.network.is_empty());
        uses
    }
}

/// Says whether the run can cost more than its caps; docs/money.md says what that
/// rests on.
fn cost(plan: &Plan, uses: &Uses) -> &'static str {
    match (uses.agents, plan.budget.cost) {
        (false, _) => "holds: no node has an agent",
        (true, None) if uses.uncapped => "not claimed: no cap on money covers all agents",
        _ => {
            "holds: the gateway lets a request out only if the caps can pay for the most that it \
             can cost"
        }
    }
}

/// Tells whether something is deployed, and whatever is has been judged by every
/// rule that must hold: at the verify node that stands before it.
fn is_judged(plan: &Plan) -> bool {
    let rules = plan.constitution.iter().flat_map(|constitution| &constitution.rules).enumerate();
    let must: Vec<RuleIndex> = rules
        .filter(|(_, rule)| rule.level == Level::Must)
        .map(|(at, _)| RuleIndex::new(at))
        .collect();
    let mut verified = plan.nodes.iter().filter_map(|node| match &node.work {
        Work::Verify { rules } => Some(rules),
        _ => None,
    });
    let has_all = |rules: &Vec<RuleIndex>| must.iter().all(|rule| rules.contains(rule));
    verified.clone().next().is_some() && verified.all(has_all)
}

/// Derives the claims about every run of a plan, in a fixed order.
#[must_use]
pub fn proofs(plan: &Plan) -> Vec<Proof> {
    let uses = Uses::of(plan);
    let wall = plan.budget.wall.map_or_else(
        || "not claimed: the run has no wall cap".to_owned(),
        |wall| format!("holds: active at most {wall} by the runner's clock, then stops, resumable"),
    );
    let mut all = vec![("cost", cost(plan, &uses).to_owned()), ("wall", wall)];
    if uses.memory {
        // Not `holds`: not every host has cgroups. Exec says which it is there.
        let memory = "watched: what takes more than its cap, or most of what is more than the \
                      run's, is ended; where the host has cgroups, the kernel holds it";
        all.push(("memory", memory.to_owned()));
    }
    let mut claim = |name, holds: bool, claim: &str, lacks: &str| {
        let claim = match holds {
            true => format!("holds: {claim}"),
            false => format!("not claimed: this version of eufm {lacks}"),
        };
        all.push((name, claim));
    };
    let gates = "a result is taken over only when every gate of its node passed on the harvested \
                 tree; unknown is not a pass";
    claim("gates", true, gates, "");
    if plan.constitution.as_ref().is_some_and(|constitution| !constitution.rules.is_empty()) {
        let rules = "what is deployed was judged by all rules as a whole, and every `must` rule \
                     passed; unknown is not a pass";
        claim("rules", is_judged(plan), rules, "checks rules before a deploy, and there is none");
    }
    let writers = "harvest refuses what lies outside `writes`; nodes that do not wait for each \
                   other may change the same file, then its agent resolves the conflict, or it \
                   fails the node";
    // Whether harvest knows for all nodes what they may change, and what is lacking.
    let (is_listed, lacks) = if uses.in_place {
        (false, "does not hold commands that run in the user's checkout")
    } else if uses.unprotected {
        (false, "does not know which files are protected")
    } else {
        (true, "")
    };
    claim("writers", is_listed, writers, lacks);
    let secrets = match uses.secrets {
        false => "no node has any; environments are cleared",
        true => {
            "each reaches the nodes that name it and nothing else, by a file in memory; what these \
             say is kept without it, and they change no files"
        }
    };
    claim("secrets", true, secrets, "");
    let reach = match uses.hosts {
        true => {
            "agents reach nothing but the gateway, commands, preparing and generated files only the \
             hosts they name, through the proxy, gates nothing"
        }
        false => "agents reach nothing but the gateway, commands and gates reach nothing",
    };
    let lacks_network = match uses.in_place {
        true => "does not hold commands that run in the user's checkout",
        false => "does not open the network to agents and gates",
    };
    claim("network", !uses.network, reach, lacks_network);
    if uses.deploy {
        let deploy = "each runs in a checkout, which it cannot change, of the very tree that its \
                      verify node checked with all gates before it; the files that its command \
                      names are those of the base unless a person approved that tree";
        claim("deploy", true, deploy, "");
    }
    all.into_iter().map(|(name, claim)| Proof { name, claim }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Command;
    use crate::lockfile::example::{everything, hello};

    fn claims(plan: &Plan, begin: &str) -> Vec<&'static str> {
        let claims = proofs(plan).into_iter().filter(|proof| proof.claim.starts_with(begin));
        claims.map(|proof| proof.name).collect()
    }

    #[test]
    fn only_what_this_version_holds_is_claimed() {
        assert_eq!(claims(&hello(), "holds: "), ["wall", "gates", "writers", "secrets", "network"]);
        assert_eq!(claims(&hello(), "not claimed: "), ["cost"]);
        let holds = ["cost", "wall", "gates", "rules", "secrets", "deploy"];
        assert_eq!(claims(&everything(), "holds: "), holds);
        assert_eq!(claims(&everything(), "watched: "), ["memory"]);
        let not = ["writers", "network"];
        assert_eq!(claims(&everything(), "not claimed: "), not);
    }

    #[test]
    fn the_claim_about_the_network_tells_whether_hosts_are_named() {
        let claim = |plan: &Plan| {
            let network = proofs(plan).into_iter().find(|proof| proof.name == "network");
            network.expect("there is one").claim
        };
        let mut plan = hello();
        assert!(claim(&plan).ends_with("commands and gates reach nothing"));
        plan.environments[0].network = vec!["a.example".to_owned()];
        assert!(claim(&plan).contains("only the hosts they name, through the proxy"));
        plan.environments[0].network.clear();
        let (path, run) = ("Cargo.lock".to_owned(), vec!["cargo".to_owned()]);
        let network = vec!["a.example".to_owned()];
        plan.generated = vec![crate::Generated { path, run, env: Vec::new(), network }];
        assert!(claim(&plan).contains("only the hosts they name, through the proxy"));
    }

    #[test]
    fn rules_are_claimed_where_each_that_must_hold_is_judged_before_a_deploy() {
        let holds = |change: &dyn Fn(&mut Plan)| {
            let mut plan = everything();
            change(&mut plan);
            claims(&plan, "holds: ").contains(&"rules")
        };
        let forget = |plan: &mut Plan, level: Level| {
            let rules = &plan.constitution.as_ref().expect("there is one").rules;
            let level = |rule: &RuleIndex| rules[rule.get()].level == level;
            for node in &mut plan.nodes {
                if let Work::Verify { rules } = &mut node.work {
                    rules.retain(|rule| !level(rule));
                }
            }
        };
        assert!(holds(&|_| {}));
        assert!(holds(&|plan| forget(plan, Level::Should)), "it is only reported");
        assert!(!holds(&|plan| forget(plan, Level::Must)));
        let is_verify = |node: &crate::Node| matches!(node.work, Work::Verify { .. });
        assert!(!holds(&|plan| plan.nodes.retain(|node| !is_verify(node))));
    }

    #[test]
    fn cost_is_claimed_where_a_cap_covers_each_agent() {
        let holds = |change: &dyn Fn(&mut Plan)| {
            let mut plan = hello();
            change(&mut plan);
            claims(&plan, "holds: ").contains(&"cost")
        };
        let cap = || crate::units::Money::parse("1 EUR");
        assert!(!holds(&|plan| plan.nodes[0].budget.cost = cap()), "another agent has none");
        assert!(holds(&|plan| plan.nodes.iter_mut().for_each(|node| node.budget.cost = cap())));
        assert!(holds(&|plan| plan.budget.cost = cap()));
        assert!(holds(&|plan| plan.nodes.retain(|node| matches!(node.work, Work::Command(_)))));
    }

    #[test]
    fn one_widening_takes_its_claim_away() {
        let open = |change: &dyn Fn(&mut Plan)| {
            let mut plan = hello();
            change(&mut plan);
            let held = claims(&plan, "holds: ");
            let gone = |name: &&&str| !held.contains(*name);
            claims(&hello(), "holds: ").iter().filter(gone).copied().collect::<Vec<_>>()
        };
        assert_eq!(open(&|plan| plan.budget.wall = None), ["wall"]);
        assert_eq!(open(&|plan| plan.nodes[0].writes = Writes::Unprotected), ["writers"]);
        let host = || vec!["a.example".to_owned()];
        assert_eq!(open(&|plan| plan.environments[0].network = host()), [""; 0]);
        let command = |plan: &mut Plan, change: &dyn Fn(&mut Command)| {
            if let Work::Command(command) = &mut plan.nodes[2].work {
                change(command);
            }
        };
        assert_eq!(open(&|plan| command(plan, &|it| it.network = host())), [""; 0]);
        assert_eq!(open(&|plan| command(plan, &|it| it.secrets = host())), [""; 0]);
        assert_eq!(open(&|plan| command(plan, &|it| it.in_place = true)), ["writers", "network"]);
    }
}
