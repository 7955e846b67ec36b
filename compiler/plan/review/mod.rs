//! What a reviewer is told about a plan first: the derived table `[review]` of
//! plan.lock.
//!
//! A function of the plan alone, so exec derives the same lines again and a
//! line that was edited by hand is found. Claims nothing: that is what proofs are
//! for. Unaware of how the lines are spelled; see docs/plan-lock.md.

mod chain;
mod cost;
mod estimate;
mod guarded;
mod reach;
mod weak;

pub use chain::critical_path;
pub(crate) use cost::Cover;
pub use estimate::{Estimate, estimate};
pub(crate) use reach::network;

use crate::{Node, OnFail, Plan, Recovery, Work};

/// The glance at a plan that comes before its details.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// How many nodes of each kind.
    pub nodes: String,
    /// How much the run may cost, and which caps say so.
    pub cost: String,
    /// How long the run may be active.
    pub wall: String,
    /// When a person is asked.
    pub people: String,
    /// What is wider than the default sandbox, one entry a widening.
    pub capabilities: Vec<String>,
    /// What is allowed but holds less than it could.
    pub weak: Vec<String>,
    /// Rules that are set aside, with until when, by whom and why.
    pub waived: Vec<String>,
}

/// Derives the glance at a plan.
#[must_use]
pub fn review(plan: &Plan) -> Review {
    let mut kinds = Kinds::default();
    let mut people = People::of(plan);
    let mut asked = cost::Asked::of(plan);
    let mut reach = reach::Reached::default();
    let mut weak = weak::Weak::of(plan);
    // One way through the nodes for all: there may be a million of them.
    for node in &plan.nodes {
        kinds.add(node);
        people.add(node);
        asked.add(node);
        reach.add(node);
        weak.add(node);
    }
    Review {
        nodes: kinds.line(plan.omitted.len()),
        cost: asked.line(),
        wall: wall(plan),
        people: people.line(),
        capabilities: reach.entries(plan),
        weak: weak.entries(asked.is_capped()),
        waived: waived(plan),
    }
}

/// Says how long the run may be active, and when it may start something.
fn wall(plan: &Plan) -> String {
    let wall = plan.budget.wall.map_or_else(
        || "no cap: active until every node has ended".to_owned(),
        |wall| format!("active at most {wall}, then stops, resumable"),
    );
    let window = plan.window.as_ref().map(|it| format!("; nothing is started outside of {it}"));
    wall + &window.unwrap_or_default()
}

fn waived(plan: &Plan) -> Vec<String> {
    let rules = plan.constitution.iter().flat_map(|it| &it.rules);
    let entry = |rule: &crate::Rule| {
        let waiver = rule.waiver.as_ref()?;
        Some(format!("rule {} ({}): {waiver}", rule.name, rule.level.word()))
    };
    rules.filter_map(entry).collect()
}

/// Adds up what the nodes of a plan may ask for.
pub(crate) fn asked(plan: &Plan) -> cost::Asked<'_> {
    let mut asked = cost::Asked::of(plan);
    plan.nodes.iter().for_each(|node| asked.add(node));
    asked
}

/// How many nodes there are of each kind.
#[derive(Default)]
struct Kinds {
    agents: usize,
    commands: usize,
    verifies: usize,
    approvals: usize,
    deploys: usize,
}

impl Kinds {
    fn add(&mut self, node: &Node) {
        *match node.work {
            Work::Agent { .. } => &mut self.agents,
            Work::Command(_) => &mut self.commands,
            Work::Verify { .. } => &mut self.verifies,
            Work::Approval { .. } => &mut self.approvals,
            Work::Deploy { .. } => &mut self.deploys,
        } += 1;
    }

    fn line(&self, omitted: usize) -> String {
        let kinds = [
            ("agent", self.agents),
            ("command", self.commands),
            ("verify", self.verifies),
            ("approval", self.approvals),
            ("deploy", self.deploys),
        ];
        let kinds = kinds.into_iter().filter(|(_, count)| *count > 0);
        let mut parts: Vec<String> = kinds
            .map(|(kind, count)| match kind {
                // No noun, so it has no plural.
                "verify" => format!("{count} verify"),
                _ => counted(count, kind),
            })
            .collect();
        if parts.is_empty() {
            parts.push("none".to_owned());
        }
        let omitted = match omitted {
            0 => String::new(),
            count => format!("; {count} omitted"),
        };
        parts.join(", ") + &omitted
    }
}

/// When people are asked.
#[derive(Default)]
struct People<'a> {
    approvals: Group<'a>,
    escalations: Group<'a>,
    killed: Group<'a>,
    /// Rules that are the word of a person.
    rules: Group<'a>,
}

impl<'a> People<'a> {
    fn of(plan: &'a Plan) -> Self {
        let mut people = Self::default();
        let rules = plan.constitution.iter().flat_map(|it| &it.rules);
        let asked = rules.filter(|rule| rule.params.text("role").is_some());
        asked.for_each(|rule| people.rules.add(&rule.name));
        people
    }

    fn add(&mut self, node: &'a Node) {
        match node.work {
            Work::Approval { .. } => self.approvals.add(&node.name),
            Work::Deploy { recovery: Recovery::Ask, .. } => self.killed.add(&node.name),
            Work::Agent { .. } | Work::Command(_) | Work::Verify { .. } | Work::Deploy { .. } => {}
        }
        if node.on_fail == OnFail::Escalate {
            self.escalations.add(&node.name);
        }
    }

    fn line(&self) -> String {
        let Self { approvals, escalations, killed, rules } = self;
        if [approvals, escalations, killed, rules].iter().all(|group| group.count == 0) {
            return "never asked: a node fails when its attempts are used up, a gate does not \
                    pass or a merge conflicts"
                .to_owned();
        }
        let mut parts = vec![match approvals.count {
            0 => "no approval".to_owned(),
            count => format!("{}: {approvals}", counted(count, "approval")),
        }];
        if escalations.count > 0 {
            parts.push(format!(
                "asked when attempts or a cap are used up, or a conflict is not resolved: \
                 {escalations}"
            ));
        }
        if killed.count > 0 {
            parts.push(format!("asked when it was killed in the middle: {killed}"));
        }
        if rules.count > 0 {
            parts.push(format!("asked whether a rule holds: {rules}"));
        }
        parts.join("; ")
    }
}

/// Counts things with their noun.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// How many members of a group are named.
const GROUP_MAX: usize = 3;

/// Some nodes, of which the first few are named: a list of thousands is not read.
#[derive(Debug, Default)]
pub(crate) struct Group<'a> {
    names: Vec<&'a str>,
    count: usize,
}

impl<'a> Group<'a> {
    /// Tells whether nobody is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn add(&mut self, name: &'a str) {
        self.count += 1;
        if self.names.len() < GROUP_MAX {
            self.names.push(name);
        }
    }
}

impl std::fmt::Display for Group<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.names.join(", "))?;
        match self.count - self.names.len() {
            0 => Ok(()),
            rest => write!(f, " and {rest} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::example::{everything, hello};

    #[test]
    fn node_kinds_are_counted_with_their_number() {
        let mut plan = hello();
        assert_eq!(review(&plan).nodes, "2 agents, 1 command");
        plan.nodes.truncate(1);
        assert_eq!(review(&plan).nodes, "1 agent");
        plan.nodes.clear();
        plan.omitted = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(review(&plan).nodes, "none; 2 omitted");
        assert_eq!(
            review(&everything()).nodes,
            "5 agents, 4 commands, 1 verify, 2 approvals, 1 deploy; 2 omitted"
        );
    }

    #[test]
    fn people_are_told_when_they_are_asked() {
        assert!(review(&hello()).people.starts_with("never asked"));
        assert_eq!(
            review(&everything()).people,
            "2 approvals: look, release; asked when attempts or a cap are used up, or a conflict \
             is not resolved: schema; asked when it was killed in the middle: ship; asked whether \
             a rule holds: may_be"
        );
        let mut plan = hello();
        plan.nodes.iter_mut().for_each(|node| node.on_fail = OnFail::Escalate);
        assert_eq!(
            review(&plan).people,
            "no approval; asked when attempts or a cap are used up, or a conflict is not \
             resolved: greet, readme, smoke"
        );
        let fourth = Node { name: "more".to_owned(), ..plan.nodes[0].clone() };
        plan.nodes.push(fourth);
        assert!(review(&plan).people.ends_with("greet, readme, smoke and 1 more"));
    }
}
