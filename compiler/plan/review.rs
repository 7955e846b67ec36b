//! What a reviewer is told about a plan: the derived tables `[review]` and
//! `[proof]` of plan.lock.
//!
//! A function of the plan alone, so exec derives the same lines again and a
//! line that was edited by hand is found. Claims only what the runner holds
//! in this version. Unaware of how the lines are spelled; see docs/plan-lock.md.

use crate::{Agent, Environment, Node, Plan, Work};

/// The glance at a plan that comes before its details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// How many nodes of each kind.
    pub nodes: String,
    /// How long the run may be active.
    pub wall: String,
    /// When a person is asked.
    pub people: String,
    /// What is wider than the default sandbox, one entry a widening.
    pub capabilities: Vec<String>,
    /// What is allowed but holds less than it could.
    pub weak: Vec<String>,
    /// Rules that were set aside; there are none in this version.
    pub waived: Vec<String>,
}

/// One claim about every run of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// What it is about, the key in `[proof]`.
    pub name: &'static str,
    /// `holds: …` or `not claimed: …`, with what it rests on.
    pub claim: String,
}

/// Derives the glance at a plan.
#[must_use]
pub fn review(plan: &Plan) -> Review {
    Review {
        nodes: count_nodes(plan),
        wall: plan.budget.wall.map_or_else(
            || "no cap: active until every node has ended".to_owned(),
            |wall| format!("active at most {wall}, then stops, resumable"),
        ),
        people: "never asked: a node fails when its attempts are used up, a gate does not pass \
                 or a merge conflicts"
            .to_owned(),
        capabilities: capabilities(plan),
        weak: weaknesses(plan),
        waived: Vec::new(),
    }
}

/// Derives the claims about every run of a plan, in a fixed order.
#[must_use]
pub fn proofs(plan: &Plan) -> Vec<Proof> {
    let wall = plan.budget.wall.map_or_else(
        || "not claimed: the run has no wall cap".to_owned(),
        |wall| format!("holds: active at most {wall} by the runner's clock, then stops, resumable"),
    );
    let gates = "holds: a result is taken over only when every gate of its node passed on the \
                 harvested tree; unknown is not a pass";
    let writers = "holds: harvest refuses what lies outside `writes`; nodes that do not wait for \
                   each other may change the same file, then the conflict fails the node";
    let secrets = "holds: no node has any; environments are cleared";
    let network = "holds: agents reach nothing but the gateway, commands and gates reach nothing";
    let proof = |name, claim: &str| Proof { name, claim: claim.to_owned() };
    vec![
        proof("wall", &wall),
        proof("gates", gates),
        proof("writers", writers),
        proof("secrets", secrets),
        proof("network", network),
    ]
}

fn count_nodes(plan: &Plan) -> String {
    let agents = plan.nodes.iter().filter(|node| is_agent(node)).count();
    let parts: Vec<String> = [("agent", agents), ("command", plan.nodes.len() - agents)]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
        .collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn capabilities(plan: &Plan) -> Vec<String> {
    let reads = |environment: &Environment| -> Vec<String> {
        let name = &environment.name;
        environment.tools.iter().map(|folder| format!("{name}: reads {folder}")).collect()
    };
    let network = |agent: &Agent| {
        let reach = agent.params.text("network").filter(|reach| *reach != "none")?;
        Some(format!("{}: network {reach}", agent.name))
    };
    let mut entries: Vec<String> = plan.environments.iter().flat_map(reads).collect();
    entries.extend(plan.agents.iter().filter_map(network));
    entries
}

fn weaknesses(plan: &Plan) -> Vec<String> {
    let mut weak = Vec::new();
    if plan.budget.wall.is_none() {
        weak.push("run: no wall cap".to_owned());
        extend_bounded(&mut weak, plan, "no wall cap of its own", |node| {
            node.budget.wall.is_none()
        });
    }
    if plan.nodes.iter().any(is_agent) {
        weak.push("run: no cost cap, this version does not meter money".to_owned());
    }
    extend_bounded(&mut weak, plan, "no gate", |node| is_agent(node) && node.gates.is_empty());
    extend_bounded(&mut weak, plan, "may write every file", writes_everything);
    weak.extend(plan.nodes.iter().filter_map(|node| adds_to_gate(plan, node)).take(NAMED_MAX));
    weak.extend(plan.agents.iter().filter_map(unpinned_model));
    weak
}

/// How many nodes are named for one weakness; a list of thousands is not read.
const NAMED_MAX: usize = 20;

fn extend_bounded(
    weak: &mut Vec<String>,
    plan: &Plan,
    weakness: &str,
    applies: impl Fn(&Node) -> bool,
) {
    let mut nodes = plan.nodes.iter().filter(|node| applies(node));
    weak.extend(nodes.by_ref().take(NAMED_MAX).map(|node| format!("{}: {weakness}", node.name)));
    let rest = nodes.count();
    if rest > 0 {
        weak.push(format!("{rest} more nodes: {weakness}"));
    }
}

fn writes_everything(node: &Node) -> bool {
    node.writes.iter().any(|glob| matches!(glob.as_str(), "**" | "**/*"))
}

/// What a gate's command names is put back as it is in the base commit, but a
/// file that is added to a folder of it stays: such as a test that is to be
/// written, or one that makes the others pass.
fn adds_to_gate(plan: &Plan, node: &Node) -> Option<String> {
    if writes_everything(node) {
        return None;
    }
    let gates = node.gates.iter().map(|gate| &plan.gates[gate.get()]);
    let mut reached = gates.flat_map(|gate| {
        let run = gate.params.list("run").unwrap_or_default();
        run.iter().skip(1).map(move |argument| (gate, argument))
    });
    let (gate, argument) = reached
        .find(|(_, argument)| node.writes.iter().any(|glob| reaches_below(glob, argument)))?;
    let (name, gate) = (&node.name, &gate.name);
    Some(format!("{name}: may add files below {argument}, which gate {gate} runs"))
}

/// Tells whether a glob may match something below a folder; a wildcard within
/// a segment counts as a match.
fn reaches_below(glob: &str, folder: &str) -> bool {
    let mut segments = glob.split('/');
    for name in folder.trim_end_matches('/').split('/').filter(|name| *name != ".") {
        match segments.next() {
            Some("**") => return true,
            Some(segment) if segment == name || segment.contains(['*', '?', '[', '{']) => {}
            _ => return false,
        }
    }
    segments.next().is_some()
}

/// A model name without the date of a snapshot means whatever the provider
/// serves under it that day.
fn unpinned_model(agent: &Agent) -> Option<String> {
    let model = agent.params.text("model")?;
    (!ends_in_date(model)).then(|| format!("{}: {model} is an alias, not pinned", agent.name))
}

/// Tells whether a name ends in `-YYYY-MM-DD` behind something else.
fn ends_in_date(name: &str) -> bool {
    const FORM: &[u8] = b"-dddd-dd-dd";
    let bytes = name.as_bytes();
    let Some(start) = bytes.len().checked_sub(FORM.len()).filter(|start| *start > 0) else {
        return false;
    };
    bytes[start..].iter().zip(FORM).all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        _ => byte == form,
    })
}

fn is_agent(node: &Node) -> bool {
    matches!(node.work, Work::Agent { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::example::hello;
    use crate::units::Millis;

    #[test]
    fn a_dated_snapshot_is_pinned_and_an_alias_is_not() {
        for (model, pinned) in [
            ("gpt-5.5-2026-01-31", true),
            ("gpt-5.5", false),
            ("gpt-5.5-2026", false),
            ("-2026-01-31", false),
            ("gpt-5.5-2026-01-3x", false),
            ("gpt-5.5-latest", false),
            ("", false),
            ("模型-2026-01-31", true),
        ] {
            assert_eq!(ends_in_date(model), pinned, "{model}");
        }
    }

    #[test]
    fn an_agent_without_a_model_is_not_weak() {
        let mut plan = hello();
        plan.agents[0].params.0.retain(|(key, _)| key != "model");
        assert!(!review(&plan).weak.iter().any(|entry| entry.contains("alias")));
    }

    #[test]
    fn a_command_without_a_gate_is_judged_by_its_status_and_not_weak() {
        let weak = review(&hello()).weak;
        assert!(weak.contains(&"readme: no gate".to_owned()), "{weak:?}");
        assert!(!weak.contains(&"smoke: no gate".to_owned()), "{weak:?}");
    }

    #[test]
    fn a_node_that_may_add_to_what_its_gate_runs_is_weak() {
        let mut plan = hello();
        let gate = plan.nodes[0].gates[0].get();
        let run = ["pytest", "-q", "tests/"].map(ToOwned::to_owned).to_vec();
        plan.gates[gate].params =
            crate::Params(vec![("run".to_owned(), crate::ParamValue::List(run))]);
        plan.nodes[0].writes = vec!["tests/unit/**".to_owned()];
        let weak = review(&plan).weak;
        let entry = "greet: may add files below tests/, which gate unit runs".to_owned();
        assert!(weak.contains(&entry), "{weak:?}");
        for (glob, reaches) in
            [("*.txt", false), ("src/**", false), ("tests", false), ("t*/a", true)]
        {
            assert_eq!(reaches_below(glob, "tests/"), reaches, "{glob}");
        }
    }

    #[test]
    fn a_run_without_a_wall_cap_is_weak_and_claims_none() {
        let mut plan = hello();
        plan.budget.wall = None;
        plan.nodes[1].budget.wall = Some(Millis(1_000));
        let weak = review(&plan).weak;
        assert_eq!(weak[0], "run: no wall cap");
        assert!(weak.contains(&"smoke: no wall cap of its own".to_owned()), "{weak:?}");
        assert!(!weak.contains(&"readme: no wall cap of its own".to_owned()), "{weak:?}");
        assert!(proofs(&plan)[0].claim.starts_with("not claimed"));
    }

    #[test]
    fn thousands_of_weak_nodes_are_counted_not_listed() {
        let mut plan = hello();
        let readme = plan.nodes[1].clone();
        plan.nodes =
            (0..1_000).map(|at| Node { name: format!("n{at}"), ..readme.clone() }).collect();
        let weak = review(&plan).weak;
        assert!(weak.len() < 30, "{}", weak.len());
        assert!(weak.contains(&"980 more nodes: no gate".to_owned()), "{weak:?}");
    }

    #[test]
    fn what_widens_the_sandbox_is_listed() {
        let mut plan = hello();
        plan.agents[0]
            .params
            .0
            .iter_mut()
            .filter(|(key, _)| key == "network")
            .for_each(|(_, value)| *value = crate::ParamValue::Text("all".to_owned()));
        let capabilities = review(&plan).capabilities;
        assert_eq!(capabilities, ["python: reads ~/.local/bin", "builder: network all"]);
    }

    #[test]
    fn node_kinds_are_counted_with_their_number() {
        let mut plan = hello();
        assert_eq!(review(&plan).nodes, "2 agents, 1 command");
        plan.nodes.truncate(1);
        assert_eq!(review(&plan).nodes, "1 agent");
        plan.nodes.clear();
        assert_eq!(review(&plan).nodes, "none");
    }
}
