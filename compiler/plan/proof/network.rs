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
