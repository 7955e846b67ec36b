//! What a plan reaches beyond the default sandbox: `capabilities`.
//!
//! Every folder, host and secret is named; of the nodes that reach it, the
//! first few. Unaware of what the kinds of gates and agents do.

use std::collections::BTreeMap;

use super::Group;
use crate::{Command, Node, ParamValue, Params, Plan, Work};

/// What the nodes of a plan reach, with those that do.
#[derive(Default)]
pub(super) struct Reached<'a>(BTreeMap<Reach<'a>, Group<'a>>);

impl<'a> Reached<'a> {
    pub(super) fn add(&mut self, node: &'a Node) {
        let folders: &[String] = match &node.work {
            Work::Deploy { folders, .. } => folders,
            _ => &[],
        };
        let folders = folders.iter().map(|folder| Reach::Folder(folder));
        for reach in node.work.command().into_iter().flat_map(of_command).chain(folders) {
            self.0.entry(reach).or_default().add(&node.name);
        }
    }

    /// Lists what is wider than the default sandbox, one entry a widening.
    pub(super) fn entries(self, plan: &Plan) -> Vec<String> {
        let mut entries = of_shared(plan);
        entries.extend(self.0.into_iter().map(|(reach, nodes)| format!("{nodes}: {reach}")));
        entries
    }
}

/// Lists what is wider in what nodes share.
fn of_shared(plan: &Plan) -> Vec<String> {
    let mut entries = Vec::new();
    for environment in &plan.environments {
        let name = &environment.name;
        entries.extend(environment.tools.iter().map(|folder| format!("{name}: reads {folder}")));
        entries.extend(environment.network.iter().map(|host| format!("{name}: network {host}")));
    }
    let agents = plan.agents.iter().map(|agent| (&agent.name, &agent.params));
    let gates = plan.gates.iter().map(|gate| (&gate.name, &gate.params));
    for (name, params) in agents.chain(gates) {
        entries.extend(network(params).into_iter().map(|reach| format!("{name}: network {reach}")));
    }
    for file in &plan.generated {
        let path = &file.path;
        entries.extend(file.network.iter().map(|host| format!("{path}: network {host}")));
    }
    entries
}

/// Returns what a kind says it reaches.
pub(crate) fn network(params: &Params) -> Vec<&str> {
    match params.0.iter().find(|(key, _)| key == "network") {
        Some((_, ParamValue::Text(reach))) if reach != "none" => vec![reach],
        Some((_, ParamValue::List(hosts))) => hosts.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

/// What a command reaches; in the order in which a reviewer weighs it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Reach<'a> {
    Secret(&'a str),
    Checkout,
    Folder(&'a str),
    Network(&'a str),
    Shell,
    Output,
}

impl std::fmt::Display for Reach<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Secret(name) => write!(f, "secret {name}"),
            Self::Checkout => f.write_str("runs in the user's checkout, without a sandbox"),
            Self::Folder(folder) => write!(f, "writes {folder}"),
            Self::Network(host) => write!(f, "network {host}"),
            Self::Shell => f.write_str("runs a shell line"),
            Self::Output => f.write_str("its output becomes a file"),
        }
    }
}

fn of_command(command: &Command) -> impl Iterator<Item = Reach<'_>> {
    let secrets = command.secrets.iter().map(|name| Reach::Secret(name));
    let hosts = command.network.iter().map(|host| Reach::Network(host));
    let flags = [
        (command.in_place, Reach::Checkout),
        (command.shell, Reach::Shell),
        (command.stdout.is_some(), Reach::Output),
    ];
    let flags = flags.into_iter().filter_map(|(holds, reach)| holds.then_some(reach));
    secrets.chain(hosts).chain(flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::example::{everything, hello};

    fn capabilities(plan: &Plan) -> Vec<String> {
        crate::review::review(plan).capabilities
    }

    #[test]
    fn what_widens_the_sandbox_is_listed() {
        let mut plan = hello();
        for (_, value) in plan.agents[0].params.0.iter_mut().filter(|(key, _)| key == "network") {
            *value = ParamValue::Text("all".to_owned());
        }
        assert_eq!(capabilities(&plan), ["python: reads ~/.local/bin", "builder: network all"]);
    }

    #[test]
    fn every_secret_and_host_is_named_with_who_reaches_it() {
        assert_eq!(
            capabilities(&everything()),
            [
                "rust: reads ~/.cargo/bin",
                "rust: reads ~/.rustup",
                "rust: network registry.example",
                "Cargo.lock: network registry.example",
                "ship: secret DEPLOY_KEY",
                "tidy: runs in the user's checkout, without a sandbox",
                "ship: writes /srv/www",
                "ship: network deploy.example",
                "collect: runs a shell line",
                "collect: its output becomes a file",
            ]
        );
    }

    #[test]
    fn thousands_of_nodes_with_one_secret_are_one_entry() {
        let mut plan = hello();
        let mut command = Command::new(vec!["x".to_owned()]);
        command.secrets = vec!["A".to_owned()];
        let node = Node { work: Work::Command(Box::new(command)), ..plan.nodes[2].clone() };
        plan.environments.clear();
        plan.nodes = (0..1_000).map(|at| Node { name: format!("n{at}"), ..node.clone() }).collect();
        assert_eq!(capabilities(&plan), ["n0, n1, n2 and 997 more: secret A"]);
    }
}
