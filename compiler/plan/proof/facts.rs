//! What several proofs ask of a plan, found on one way through its nodes.
//!
//! Unaware of what is proven with it.

use crate::review::network;
use crate::{NodeIndex, Plan, Work, Writes};

/// A plan with what some node of it has.
pub(super) struct Facts<'p> {
    pub(super) plan: &'p Plan,
    /// Some node has an agent.
    pub(super) agents: bool,
    /// Some node may write all but the protected files.
    pub(super) unprotected: bool,
    /// Some command runs in the user's checkout.
    pub(super) in_place: bool,
    /// The commands and deploys that have secrets, in plan order.
    pub(super) secrets: Vec<NodeIndex>,
    /// The proxy lets something through to hosts.
    pub(super) hosts: bool,
    /// Hosts are named that nothing lets through to yet, or that nothing holds.
    pub(super) open_network: bool,
    /// Something is deployed.
    pub(super) deploy: bool,
}

impl<'p> Facts<'p> {
    pub(super) fn of(plan: &'p Plan) -> Self {
        let mut facts = Self {
            plan,
            agents: false,
            unprotected: false,
            in_place: false,
            secrets: Vec::new(),
            hosts: plan.environments.iter().any(|environment| !environment.network.is_empty())
                || plan.generated.iter().any(|file| !file.network.is_empty()),
            open_network: plan.agents.iter().any(|agent| !network(&agent.params).is_empty())
                || plan.gates.iter().any(|gate| !network(&gate.params).is_empty()),
            deploy: false,
        };
        for (at, node) in plan.nodes.iter().enumerate() {
            facts.agents |= matches!(node.work, Work::Agent { .. });
            facts.unprotected |= node.writes == Writes::Unprotected;
            facts.deploy |= matches!(node.work, Work::Deploy { .. });
            if let Some(command) = node.work.command() {
                facts.in_place |= command.in_place;
                if !command.secrets.is_empty() {
                    facts.secrets.push(NodeIndex::new(at));
                }
                facts.hosts |= !command.network.is_empty();
            }
        }
        facts.open_network |= facts.in_place;
        facts
    }
}
