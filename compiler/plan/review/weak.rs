//! What is allowed but holds less than it could: `weak`.
//!
//! Of many nodes with one weakness the first few are named, the rest is
//! counted. Unaware of what the kinds of gates and agents do.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::guarded::Guarded;
use crate::ancestry::{STEPS_MAX, passed_by};
use crate::{Agent, Node, NodeIndex, Overlap, Plan, QualityGate, Rule, Unmapped, Work, Writes};

/// How a weakness is called, and whether a node has it.
type Weakness = (&'static str, fn(&Node) -> bool);

/// What a node may be weak in, in the order in which it is listed.
const WEAKNESSES: &[Weakness] = &[
    (OWN_WALL, |node| node.budget.wall.is_none() && !is_unlimited(node)),
    ("no gate", |node| is_agent(node) && node.gates.is_empty() && !leaves_nothing(node)),
    ("may write every file", writes_everything),
    ("may write every file but the protected ones", |node| node.writes == Writes::Unprotected),
    ("may conflict with others, overlap = merge", |node| node.overlap == Overlap::Merge),
    ("no approval behind its verify node", is_unapproved),
];

/// Counts only where the run has no cap either.
const OWN_WALL: &str = "no wall cap of its own";

/// The first nodes of which something is said, and of how many it is.
type Named<'a> = (Vec<&'a str>, usize);

/// What is weak, the run first.
pub(super) struct Weak<'a> {
    plan: &'a Plan,
    /// The weaknesses that count, with the first nodes and how many there are.
    found: Vec<(&'static Weakness, Vec<&'a str>, usize)>,
    /// What gates run and nodes may add to, by gate and place, with the first nodes
    /// and how many there are.
    added: BTreeMap<(&'a str, Cow<'a, str>), Named<'a>>,
    /// What decides, with the nodes that may change it.
    guarded: Guarded<'a>,
}

impl<'a> Weak<'a> {
    /// Begins before the first node.
    pub(super) fn of(plan: &'a Plan) -> Self {
        let has_wall = plan.budget.wall.is_some();
        let counts = |(weakness, _): &&Weakness| !has_wall || *weakness != OWN_WALL;
        let found = WEAKNESSES.iter().filter(counts).map(|known| (known, Vec::new(), 0));
        Self { plan, found: found.collect(), added: BTreeMap::new(), guarded: Guarded::of(plan) }
    }

    pub(super) fn add(&mut self, node: &'a Node) {
        for ((_, applies), names, count) in &mut self.found {
            if applies(node) {
                *count += 1;
                if names.len() < NAMED_MAX {
                    names.push(node.name.as_str());
                }
            }
        }
        self.guarded.add(node);
        if let Some((gate, place)) = adds_to_gate(self.plan, node) {
            let (names, count) = self.added.entry((gate.name.as_str(), place)).or_default();
            *count += 1;
            if names.len() < SHOWN_MAX {
                names.push(node.name.as_str());
            }
        }
    }

    pub(super) fn entries(self, is_capped: bool) -> Vec<String> {
        let mut weak = Vec::new();
        if self.plan.budget.wall.is_none() {
            weak.push("run: no wall cap".to_owned());
        }
        if !is_capped {
            weak.push("run: no cost cap".to_owned());
        }
        for ((weakness, _), names, count) in self.found {
            weak.extend(names.iter().map(|name| format!("{name}: {weakness}")));
            let rest = count - names.len();
            if rest > 0 {
                weak.push(format!("{rest} more nodes: {weakness}"));
            }
        }
        let gates = self.added.len();
        for ((gate, place), (names, count)) in self.added.into_iter().take(NAMED_MAX) {
            let more = match count - names.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let names = names.join(", ");
            weak.push(format!(
                "gate {gate} runs what is below {place}: {names}{more} may add files there"
            ));
        }
        if gates > NAMED_MAX {
            weak.push(format!("{} more gates: nodes may add to what they run", gates - NAMED_MAX));
        }
        weak.extend(self.guarded.entries());
        weak.extend(passed_approvals(self.plan));
        weak.extend(rules(self.plan));
        weak.extend(self.plan.agents.iter().filter_map(unpinned_model));
        weak
    }
}

/// Names the approvals that somebody gives before all that is deployed behind them
/// is there.
fn passed_approvals(plan: &Plan) -> Vec<String> {
    let Some(passed) = passed_by(&plan.nodes, STEPS_MAX) else {
        return vec![
            "too many approvals to tell which are asked about what is deployed".to_owned(),
        ];
    };
    let name = |node: &NodeIndex| &plan.nodes[node.get()].name;
    let entry = |(approval, verify): &(NodeIndex, NodeIndex)| {
        let (approval, verify) = (name(approval), name(verify));
        let deploy = verify.strip_suffix("/verify").unwrap_or(verify);
        format!("{deploy}: {approval} is asked about another tree than the one that is deployed")
    };
    let mut entries: Vec<String> = passed.iter().take(NAMED_MAX).map(entry).collect();
    if passed.len() > NAMED_MAX {
        let more = passed.len() - NAMED_MAX;
        entries.push(format!("{more} more deploys: an approval is asked about another tree"));
    }
    entries
}

/// Names what a constitution asks for and nothing checks: rules that a person is
/// asked about, and sentences that no rule cites.
fn rules(plan: &Plan) -> Vec<String> {
    let Some(constitution) = &plan.constitution else { return Vec::new() };
    let role = |rule: &Rule| {
        let role = rule.params.text("role")?;
        Some(format!("rule {}: no check, it is the word of a person ({role})", rule.name))
    };
    let mut entries: Vec<String> = constitution.rules.iter().filter_map(role).collect();
    let unmapped = &constitution.unmapped;
    let entry = |it: &Unmapped| format!("constitution line {}: no rule covers it", it.line);
    entries.extend(unmapped.iter().take(NAMED_MAX).map(entry));
    let rest = unmapped.len().saturating_sub(NAMED_MAX) + constitution.unmapped_more as usize;
    if rest > 0 {
        entries.push(format!("{rest} more lines of the constitution: no rule covers them"));
    }
    entries
}

/// How many nodes are named for one weakness; a list of thousands is not read.
const NAMED_MAX: usize = 20;

/// How many of the nodes are named that may add to what one gate runs.
const SHOWN_MAX: usize = 3;

/// What an agent that may change nothing leaves needs no gate.
fn leaves_nothing(node: &Node) -> bool {
    matches!(&node.writes, Writes::Globs(globs) if globs.is_empty())
}

/// A person takes the time that it needs, and of a verify node only the gates take any.
fn is_unlimited(node: &Node) -> bool {
    matches!(node.work, Work::Approval { .. } | Work::Verify { .. })
}

/// Beside its verify node a deploy needs nothing but approvals.
fn is_unapproved(node: &Node) -> bool {
    matches!(node.work, Work::Deploy { .. }) && node.needs.len() == 1
}

fn writes_everything(node: &Node) -> bool {
    match &node.writes {
        Writes::Globs(globs) => globs.iter().any(|glob| matches!(glob.as_str(), "**" | "**/*")),
        Writes::Unprotected => false,
    }
}

/// What a gate's command names is put back as it is in the base commit, but a
/// file that is added to a folder of it stays: such as a test that is to be
/// written, or one that makes the others pass.
fn adds_to_gate<'a>(plan: &'a Plan, node: &Node) -> Option<(&'a QualityGate, Cow<'a, str>)> {
    if writes_everything(node) {
        return None;
    }
    let Writes::Globs(globs) = &node.writes else { return None };
    let gates = node.gates.iter().map(|gate| &plan.gates[gate.get()]);
    let mut reached = gates.flat_map(|gate| {
        let run = gate.params.list("run").unwrap_or_default();
        run.iter().skip(1).filter(|it| is_path(gate, it)).map(move |it| (gate, place(gate, it)))
    });
    reached.find(|(_, argument)| globs.iter().any(|glob| reaches_below(glob, argument)))
}

/// Tells whether an argument may name a folder that is put back. An option names
/// none, the root never is, and behind a `cwd` a plain word is mostly a subcommand.
fn is_path(gate: &QualityGate, argument: &str) -> bool {
    let is_plain = !argument.contains(['/', '.']);
    !argument.starts_with('-')
        && argument != "."
        && !(is_plain && gate.params.text("cwd").is_some())
}

/// Returns what an argument of a gate names, relative to the root.
fn place<'a>(gate: &QualityGate, argument: &'a str) -> Cow<'a, str> {
    match gate.params.text("cwd") {
        Some(folder) => Cow::Owned(format!("{folder}/{argument}")),
        None => Cow::Borrowed(argument),
    }
}

/// Tells whether a glob may match something below a folder; a wildcard within
/// a segment counts as a match.
pub(super) fn reaches_below(glob: &str, folder: &str) -> bool {
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
    use crate::lockfile::example::{everything, hello};
    use crate::units::Millis;

    fn weaknesses(plan: &Plan) -> Vec<String> {
        crate::review::review(plan).weak
    }

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
        assert!(!weaknesses(&plan).iter().any(|entry| entry.contains("alias")));
    }

    #[test]
    fn a_command_without_a_gate_is_judged_by_its_status_and_not_weak() {
        let weak = weaknesses(&hello());
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
        plan.nodes[0].writes = Writes::Globs(vec!["tests/unit/**".to_owned()]);
        let weak = weaknesses(&plan);
        let entry = "gate unit runs what is below tests/: greet may add files there".to_owned();
        assert!(weak.contains(&entry), "{weak:?}");
        let cwd = crate::ParamValue::Text("packages/a".to_owned());
        plan.gates[gate].params.0.push(("cwd".to_owned(), cwd));
        assert!(!weaknesses(&plan).iter().any(|entry| entry.contains("may add files")));
        plan.nodes[0].writes = Writes::Globs(vec!["packages/*/tests/**".to_owned()]);
        let entry =
            "gate unit runs what is below packages/a/tests/: greet may add files there".to_owned();
        assert!(weaknesses(&plan).contains(&entry));
        for (glob, reaches) in
            [("*.txt", false), ("src/**", false), ("tests", false), ("t*/a", true)]
        {
            assert_eq!(reaches_below(glob, "tests/"), reaches, "{glob}");
        }
    }

    #[test]
    fn what_a_constitution_asks_for_and_nothing_checks_is_weak() {
        let mut plan = everything();
        let weak = weaknesses(&plan);
        for entry in [
            "rule may_be: no check, it is the word of a person (maintainer)",
            "constitution line 7: no rule covers it",
        ] {
            assert!(weak.contains(&entry.to_owned()), "{weak:?}");
        }
        let constitution = plan.constitution.as_mut().expect("it has one");
        let line = constitution.unmapped[0].clone();
        constitution.unmapped = vec![line; 30];
        constitution.unmapped_more = 5;
        let weak = weaknesses(&plan);
        let entry = "15 more lines of the constitution: no rule covers them".to_owned();
        assert!(weak.contains(&entry), "{weak:?}");
        assert_eq!(weak.iter().filter(|it| it.starts_with("constitution line")).count(), 20);
    }

    #[test]
    fn a_run_without_a_wall_cap_is_weak_and_claims_none() {
        let mut plan = hello();
        plan.budget.wall = None;
        plan.nodes[1].budget.wall = Some(Millis(1_000));
        let weak = weaknesses(&plan);
        assert_eq!(weak[0], "run: no wall cap");
        assert!(weak.contains(&"smoke: no wall cap of its own".to_owned()), "{weak:?}");
        assert!(!weak.contains(&"readme: no wall cap of its own".to_owned()), "{weak:?}");
    }

    #[test]
    fn thousands_of_weak_nodes_are_counted_not_listed() {
        let mut plan = hello();
        let readme = plan.nodes[1].clone();
        plan.nodes =
            (0..1_000).map(|at| Node { name: format!("n{at}"), ..readme.clone() }).collect();
        let weak = weaknesses(&plan);
        assert!(weak.len() < 30, "{}", weak.len());
        assert!(weak.contains(&"980 more nodes: no gate".to_owned()), "{weak:?}");
    }

    #[test]
    fn wide_writes_merges_and_missing_caps_are_weak() {
        let mut plan = hello();
        plan.nodes[0].writes = Writes::Unprotected;
        plan.nodes[1].writes = Writes::Globs(vec!["**".to_owned()]);
        plan.nodes[1].overlap = Overlap::Merge;
        let weak = weaknesses(&plan);
        for entry in [
            "run: no cost cap",
            "greet: may write every file but the protected ones",
            "readme: may write every file",
            "readme: may conflict with others, overlap = merge",
        ] {
            assert!(weak.contains(&entry.to_owned()), "{weak:?}");
        }
        plan.budget.cost = crate::units::Money::parse("1 EUR");
        assert!(!weaknesses(&plan).iter().any(|entry| entry.contains("cost cap")));
    }
}
