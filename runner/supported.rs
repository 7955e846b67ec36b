//! What this version cannot do for a plan: found before anything is started,
//! refused with the place, never passed over.
//!
//! A plan says more than a runner of this version holds. Whoever adds the rest
//! takes its line away here. Pure; unaware of the host.

use std::path::Path;

use eufm_plan::schema::{KindSchema, ParamType};
use eufm_plan::{Constitution, Node, NodeIndex, ParamValue, Params, Plan, Work};

use crate::error::RunError;
use crate::window::Window;
use crate::{agents, gates, rules};

/// How many rules are tried out: a pattern may take milliseconds, and a plan have
/// very many. One that cannot be used is no pass in any case.
const CHECKED_MAX: usize = 100;

/// How many refusals a message lists.
const LISTED_MAX: usize = 20;

/// Checks that this version does all that a plan asks for.
///
/// # Errors
/// Fails with everything it does not do, by its place in the plan.
pub(crate) fn check(plan: &Plan) -> Result<(), RunError> {
    let refusals = refusals(plan);
    if refusals.is_empty() {
        return Ok(());
    }
    let mut message = "this version of eufm cannot do what the plan asks for:".to_owned();
    for refusal in refusals.iter().take(LISTED_MAX) {
        message.push_str("\n  ");
        message.push_str(&crate::printable::line(refusal, 400));
    }
    if refusals.len() > LISTED_MAX {
        message.push_str(&format!("\n  and {} more", refusals.len() - LISTED_MAX));
    }
    message.push_str(
        "\n  help: remove these from the spec and compile it again, or wait for a version of eufm \
         that has them; nothing was started",
    );
    Err(RunError::Host(message))
}

/// Lists what this version does not do for a plan, as `place: what`.
#[must_use]
pub fn refusals(plan: &Plan) -> Vec<String> {
    let mut all = of_run(plan);
    all.extend(plan.nodes.iter().filter_map(|node| of_environments(plan, node)));
    for agent in &plan.agents {
        let schema = agents::backend(&agent.kind).map(agents::AgentBackend::schema);
        let of = unknown_params(schema, &agent.params);
        all.extend(of.map(|what| format!("agent {}: {what}", agent.name)));
    }
    all.extend(of_addresses(plan));
    for gate in &plan.gates {
        let schema = gates::kind(&gate.kind).map(gates::GateKind::schema);
        let of = unknown_params(schema, &gate.params);
        all.extend(of.map(|what| format!("gate {}: {what}", gate.name)));
    }
    for node in &plan.nodes {
        of_node(plan, node, &mut all);
    }
    all
}

/// A key is for one provider: it must not be shown to another.
fn of_addresses(plan: &Plan) -> Option<String> {
    let mut agents = plan.agents.iter();
    let first = agents.next()?;
    let url = agents::codex::url(first);
    let other = agents.find(|agent| agents::codex::url(agent) != url)?;
    Some(format!(
        "agent {}: `url`: agent {} has another; a run asks one provider, with one key, yet",
        other.name, first.name
    ))
}

fn of_run(plan: &Plan) -> Vec<String> {
    let mut all = Vec::new();
    let window = plan.window.as_ref().and_then(|window| Window::read(window).err());
    all.extend(window.map(|reason| format!("pipeline: `window`: {reason}")));
    all.extend(plan.constitution.iter().flat_map(of_constitution));
    all
}

/// Finds rules that cannot be judged.
fn of_constitution(constitution: &Constitution) -> Vec<String> {
    let mut all = Vec::new();
    for (position, rule) in constitution.rules.iter().enumerate() {
        let kind = rules::kind(&rule.kind);
        let schema = kind.map(rules::RuleKind::schema);
        let check = |kind: &dyn rules::RuleKind| match position < CHECKED_MAX {
            true => kind.check(rule),
            false => Ok(()),
        };
        match kind.map(check) {
            None => all.push(format!("rule {}: there is no kind `{}` yet", rule.name, rule.kind)),
            Some(checked) => {
                all.extend(checked.err().map(|reason| format!("rule {}: {reason}", rule.name)));
            }
        }
        let of = unknown_params(schema, &rule.params);
        all.extend(of.map(|what| format!("rule {}: {what}", rule.name)));
    }
    all
}

/// Lists parameters that the kind of this version does not have, and words it
/// does not know. A kind that is unknown is refused elsewhere.
fn unknown_params<'a>(
    schema: Option<&'static KindSchema>,
    params: &'a Params,
) -> impl Iterator<Item = String> + 'a {
    let known = schema.into_iter().flat_map(|schema| params.0.iter().map(move |it| (schema, it)));
    known.filter_map(|(schema, (key, value))| match (schema.param(key), value) {
        (None, _) => Some(format!("`{key}`: there is no such parameter yet")),
        (Some(param), ParamValue::Text(text)) => match param.ty {
            ParamType::Word(words) if !words.contains(&text.as_str()) => {
                Some(format!("`{key}`: `{text}` is not known yet"))
            }
            _ => None,
        },
        (Some(_), ParamValue::List(_)) => None,
    })
}

/// Finds folders that a node is to keep one within the other: neither could be
/// shown as it was prepared.
fn of_environments(plan: &Plan, node: &Node) -> Option<String> {
    let environments = node.env.iter().map(|index| &plan.environments[index.get()]);
    let kept: Vec<(&str, &str)> = environments
        .flat_map(|it| it.keep.iter().map(|keep| (it.name.as_str(), keep.as_str())))
        .collect();
    let mut pairs = kept
        .iter()
        .enumerate()
        .flat_map(|(at, one)| kept[at + 1..].iter().map(move |other| (*one, *other)));
    let ((one, folder), (other, within)) = pairs.find(|((_, one), (_, other))| {
        Path::new(one).starts_with(other) || Path::new(other).starts_with(one)
    })?;
    Some(format!(
        "{}: `env`: {one} keeps {folder} and {other} keeps {within}: one folder within another",
        node.name
    ))
}

fn of_node(plan: &Plan, node: &Node, all: &mut Vec<String>) {
    let mut refuse = |is_given: bool, what: &str| {
        if is_given {
            all.push(format!("{}: {what}", node.name));
        }
    };
    match &node.work {
        Work::Agent { .. } | Work::Approval { .. } | Work::Verify { .. } | Work::Deploy { .. } => {}
        Work::Command(command) => {
            let told = "`secrets` and `in_place`: in the user's checkout nothing keeps them";
            refuse(command.in_place && !command.secrets.is_empty(), told);
        }
    }
    let unseen = node.work.is_in_place() && !node.inputs.is_empty();
    refuse(unseen, "`inputs` with `in_place`: there is no sandbox to show them in");
    // A plan of the compiler's does; one that does not would read by chance. An
    // approval before a deploy waits for the verify node that waits for the others.
    let waits = |of: NodeIndex| {
        let verified = node.needs.iter().map(|need| &plan.nodes[need.get()]);
        let verified = verified.filter(|need| matches!(need.work, Work::Verify { .. }));
        let mut needs = verified.map(|need| &need.needs).chain([&node.needs]);
        needs.any(|needs| needs.binary_search(&of).is_ok())
    };
    let session = match &node.work {
        Work::Agent { session, .. } => session.as_ref(),
        _ => None,
    };
    let mut read = node.inputs.iter().map(|input| input.node).chain(session.copied());
    refuse(!read.all(waits), "`inputs` or `session`: it does not wait for a node that it reads");
}

#[cfg(test)]
mod tests {
    use eufm_plan::units::{Bytes, Money, Rate, Tokens};
    use eufm_plan::{
        Agent, Command, Constitution, Digest, Environment, EnvironmentIndex, Input, InputPart,
        Level, NodeIndex, Rule, RuleIndex,
    };

    use super::*;
    use crate::state_test::{Sketch, plan_of};

    /// A plan with one command, which nothing is refused of.
    fn plan() -> Plan {
        plan_of(&[Sketch { needs: Vec::new(), gates: 1, attempts: 1 }], 1)
    }

    fn refused(change: impl FnOnce(&mut Plan)) -> Vec<String> {
        let mut plan = plan();
        change(&mut plan);
        refusals(&plan)
    }

    fn rule(kind: &str) -> Rule {
        Rule {
            waiver: None,
            name: "small".to_owned(),
            kind: kind.to_owned(),
            level: Level::Must,
            cite: String::new(),
            line: 1,
            params: Params::default(),
        }
    }

    #[test]
    fn rules_are_done_where_a_tree_is_verified_by_kinds_that_are_known() {
        let verified = |change: &dyn Fn(&mut Rule)| {
            refused(|plan| {
                let mut rule = rule("max_lines");
                change(&mut rule);
                plan.nodes[0].work = Work::Verify { rules: vec![RuleIndex::new(0)] };
                let (path, digest) = ("c.md".to_owned(), Digest::of(b""));
                plan.constitution = Some(Constitution {
                    unmapped: Vec::new(),
                    unmapped_more: 0,
                    path,
                    digest,
                    rules: vec![rule],
                });
            })
        };
        assert_eq!(verified(&|_| {}), [""; 0]);
        assert_eq!(
            verified(&|rule| rule.kind = "poetry".to_owned()),
            ["rule small: there is no kind `poetry` yet"]
        );
        let pattern = |text: &str| ("pattern".to_owned(), ParamValue::Text(text.to_owned()));
        let huge = verified(&|rule| {
            rule.kind = "forbid_pattern".to_owned();
            rule.params = Params(vec![pattern("(?:a{1000}){1000}")]);
        });
        assert!(huge[0].starts_with("rule small: its pattern cannot be used"), "{huge:?}");
        let param = || ("lines_per_day".to_owned(), ParamValue::Text("1".to_owned()));
        assert_eq!(
            verified(&|rule| rule.params = Params(vec![param()])),
            ["rule small: `lines_per_day`: there is no such parameter yet"]
        );
    }

    fn money() -> Money {
        Money::parse("1 EUR").expect("money")
    }

    #[test]
    fn what_this_version_does_is_not_refused() {
        let done = refused(|plan| {
            let (node, part) = (NodeIndex::new(0), InputPart::Diff);
            plan.nodes[0].inputs = vec![Input { node, part }];
            plan.nodes[0].needs = vec![node];
            plan.budget.wall = Some(eufm_plan::units::Millis(1));
            plan.budget.memory = Some(Bytes(1));
            plan.budget.cost = Some(money());
            plan.budget.rate = Some(Rate(money()));
            plan.budget.tokens = Some(Tokens(1));
            plan.nodes[0].budget.cost = Some(money());
            plan.nodes[0].budget.memory = Some(Bytes(1));
            plan.source = Some("docs/feature.md".to_owned());
            plan.omitted = vec!["n9".to_owned()];
            plan.origin.params = vec![("env".to_owned(), "x".to_owned())];
            plan.nodes[0].implements = vec!["FR-001".to_owned()];
            plan.nodes[0].overlap = eufm_plan::Overlap::Merge;
            plan.nodes[0].accept = eufm_plan::Accept::Succeeded;
            plan.nodes[0].on_fail = eufm_plan::OnFail::Escalate;
            plan.nodes[0].work = Work::Command(Box::new(Command {
                cwd: Some("a".to_owned()),
                vars: vec![("CI".to_owned(), "1".to_owned())],
                ok: vec![0, 1],
                stdout: Some("out".to_owned()),
                shell: true,
                network: vec!["registry.example".to_owned()],
                secrets: vec!["KEY".to_owned()],
                ..Command::new(vec!["sh".to_owned(), "-c".to_owned(), "true".to_owned()])
            }));
        });
        assert_eq!(done, Vec::<String>::new());
        assert!(check(&plan()).is_ok());
    }

    #[test]
    fn what_is_read_is_waited_for_itself_or_by_the_verify_node_between() {
        let sketch = |needs: &[usize]| Sketch { needs: needs.to_vec(), gates: 0, attempts: 1 };
        let mut plan = plan_of(&[sketch(&[]), sketch(&[0]), sketch(&[1])], 1);
        let (node, part) = (NodeIndex::new(0), InputPart::Stdout);
        plan.nodes[2].inputs = vec![Input { node, part }];
        let told = "n2: `inputs` or `session`: it does not wait for a node that it reads";
        assert_eq!(refusals(&plan), [told]);
        plan.nodes[1].work = Work::Verify { rules: Vec::new() };
        assert_eq!(refusals(&plan), [""; 0]);
    }

    #[test]
    fn a_run_has_one_provider() {
        let at = |url: &str| {
            let params = Params(vec![("url".to_owned(), ParamValue::Text(url.to_owned()))]);
            Agent { name: url.to_owned(), kind: "codex".to_owned(), params }
        };
        let same = refused(|plan| plan.agents = vec![at("https://a"), at("https://a")]);
        assert_eq!(same, Vec::<String>::new());
        let other = refused(|plan| plan.agents = vec![at("https://a"), at("https://b")]);
        assert!(other[0].starts_with("agent https://b: `url`: agent https://a has"), "{other:?}");
    }

    #[test]
    fn each_thing_of_the_run_is_refused_with_its_place() {
        type Change = fn(&mut Plan);
        let changes: &[(Change, &str)] =
            &[(|plan| plan.window = Some("22:00-06:00 Mars".to_owned()), "pipeline: `window`")];
        for (change, place) in changes {
            let refused = refused(change);
            assert!(matches!(&refused[..], [one] if one.starts_with(place)), "{refused:?}");
        }
        let list = || vec!["x".to_owned()];
        let environment = Environment {
            name: "rust".to_owned(),
            tools: list(),
            prepare: list(),
            network: list(),
            key: list(),
            keep: list(),
        };
        let two = |one: &str, other: &str| {
            refused(|plan| {
                let keep = |folder: &str| Environment {
                    keep: vec!["~/.cache".to_owned(), folder.to_owned()],
                    ..environment.clone()
                };
                let mut second = keep(other);
                second.keep.remove(0);
                plan.environments = vec![keep(one), second];
                plan.nodes[0].env = [0, 1].map(EnvironmentIndex::new).to_vec();
            })
        };
        assert_eq!(two("target", "targets"), Vec::<String>::new());
        for (one, other) in [("a", "a"), ("a/b", "a"), ("a", "a/b"), ("x", "~/.cache/y")] {
            let refused = two(one, other);
            assert!(matches!(&refused[..], [one] if one.contains("`env`: ")), "{refused:?}");
        }
    }

    #[test]
    fn parameters_that_are_not_honoured_are_refused() {
        let text = |key: &str, value: &str| (key.to_owned(), ParamValue::Text(value.to_owned()));
        let params = Params(vec![text("cli", "1"), text("network", "all"), text("effort", "low")]);
        let agent = Agent { name: "a".to_owned(), kind: "codex".to_owned(), params };
        let refused_agent = refused(|plan| plan.agents = vec![agent]);
        assert_eq!(
            refused_agent,
            [
                "agent a: `network`: `all` is not known yet",
                "agent a: `effort`: there is no such parameter yet"
            ]
        );
    }

    #[test]
    fn each_thing_of_a_node_is_refused_with_its_name() {
        fn command(plan: &mut Plan, change: impl FnOnce(&mut Command)) {
            if let Work::Command(command) = &mut plan.nodes[0].work {
                change(command);
            }
        }
        type Change = fn(&mut Plan);
        let changes: &[(Change, &str)] = &[
            (
                |plan| {
                    let (secrets, in_place) = (vec!["S".to_owned()], true);
                    let command = Command { secrets, in_place, ..Command::default() };
                    plan.nodes[0].work = Work::Command(Box::new(command));
                },
                "n0: `secrets` and `in_place`",
            ),
            (
                |plan| {
                    let (node, part) = (NodeIndex::new(0), InputPart::Diff);
                    plan.nodes[0].inputs = vec![Input { node, part }];
                    plan.nodes[0].needs = vec![node];
                    command(plan, |it| it.in_place = true);
                },
                "n0: `inputs` with `in_place`",
            ),
            (
                |plan| {
                    let (node, part) = (NodeIndex::new(0), InputPart::Diff);
                    plan.nodes[0].inputs = vec![Input { node, part }];
                },
                "n0: `inputs` or `session`",
            ),
        ];
        for (change, place) in changes {
            let refused = refused(change);
            assert!(matches!(&refused[..], [one] if one.starts_with(place)), "{refused:?}");
        }
    }

    #[test]
    fn the_message_lists_some_and_counts_the_rest() {
        let mut plan = plan();
        let (node, part) = (NodeIndex::new(0), InputPart::Diff);
        // It reads a node that it does not wait for.
        let node = Node { inputs: vec![Input { node, part }], ..plan.nodes[0].clone() };
        plan.nodes = (0..25).map(|at| Node { name: format!("n{at}"), ..node.clone() }).collect();
        let message = check(&plan).expect_err("refused").to_string();
        assert!(message.contains("\n  n19: ") && !message.contains("n20: "), "{message}");
        assert!(message.contains("\n  and 5 more\n  help: remove these"), "{message}");
    }
}
