//! Judges the tree of a verify node by one rule of the constitution.
//!
//! What changed is what the tree has beside the base of the run. A rule that has
//! a command run gets a sandbox as a gate does, its own files put back from that
//! base. One that a person decides is asked first, and judged once they answered.
//! Unaware of what the kinds look for and of what a breach means.

use std::time::Duration;

use eufm_plan::{NodeIndex, QualityGate, Rule};

use super::RuleJob;
use super::gate::{self, Bench};
use super::judge::LIMIT_DEFAULT;
use super::place::Place;
use crate::clock::awake;
use crate::environments::Unready;
use crate::event::NodeEvent;
use crate::gates::{Judgement, Verdict};
use crate::git::{Author, Sight, Stamp};
use crate::people::About;
use crate::rules::{self, Errand, Outcome, Ruling};
use crate::workshop::{StepError, Workshop};

pub(super) fn perform(shop: &Workshop, node: NodeIndex, job: &RuleJob) -> Result<(), StepError> {
    let rule = shop.plan.constitution.as_ref().and_then(|it| it.rules.get(job.rule.get()));
    let rule = rule.ok_or_else(|| StepError::Host(format!("no rule number {}", job.rule.get())))?;
    let view = shop.vault.inspect(&shop.base, &job.work)?;
    let ruling = match (rules::errand(rule, &view), &job.answer) {
        (Errand::Run(_), _) => match run(shop, node, rule, job)? {
            Ran::Came(outcome) => judge(rule, &view, Some(&outcome))?,
            Ran::Unprepared(reason) => {
                Ruling { verdict: Verdict::Fail, reason, evidence: Vec::new() }
            }
            Ran::Stopped => return Err(StepError::Left),
        },
        (Errand::Ask(_), None) => {
            let about = About::Rule { rule: rule.name.clone() };
            let tree = shop.vault.tree(&job.work)?;
            return shop.courier.tell(node, NodeEvent::Questioned { about, tree, base: None });
        }
        (Errand::Ask(_) | Errand::None, answer) => judge(rule, &view, answer.as_ref())?,
    };
    let Ruling { verdict, reason, evidence } = ruling;
    let (name, level, line) = (rule.name.clone(), rule.level, rule.line);
    shop.courier.tell(node, NodeEvent::Ruled { rule: name, level, verdict, reason, evidence, line })
}

fn judge(
    rule: &Rule,
    view: &dyn rules::View,
    outcome: Option<&Outcome>,
) -> Result<Ruling, StepError> {
    rules::judge(rule, view, outcome).map_err(|error| StepError::Host(error.to_string()))
}

/// What came of a rule's command.
enum Ran {
    /// It came to its end.
    Came(Outcome),
    /// It was not started: an environment cannot be prepared for this tree.
    Unprepared(String),
    /// The run was stopped meanwhile.
    Stopped,
}

/// Runs the command of a rule on the tree, or on what of it is in scope.
fn run(shop: &Workshop, node: NodeIndex, rule: &Rule, job: &RuleJob) -> Result<Ran, StepError> {
    let RuleJob { rule: index, start, work, rest_ms, .. } = job;
    let folder = shop.scratch(node, *start, &format!("rule{}", index.get()));
    let seen = match rule.params.list("scope") {
        Some(scope) => {
            // Nobody keeps the commit; it is made of the same files always.
            let stamp = Stamp { author: Author::default(), seconds: 0 };
            shop.vault.part(work, &Sight::of(scope)?, "What a rule looks at\n", &stamp)?
        }
        None => work.clone(),
    };
    let place = Place::make(shop, &folder, &seen)?;
    let began = awake();
    let limit = rest_ms.map_or(LIMIT_DEFAULT, Duration::from_millis);
    let ran = match super::outfit(shop, node, work, &place, Some(limit)) {
        Ok(outfit) => {
            // Beside those of the gates, which may have the same names.
            let logs = shop.node_dir(node).join(start.to_string()).join("rules");
            let limit = limit.saturating_sub(awake().saturating_sub(began));
            let (pulse, memory) = (&shop.pulses[node.get()], shop.node(node).budget.memory);
            let memory = memory.map(|bytes| bytes.0);
            let bench = Bench { place: &place, outfit: &outfit, logs: &logs, pulse, limit, memory };
            match gate::judge(shop, &as_gate(rule), &bench)? {
                Some(ruling) => Ran::Came(Outcome::Ran(ruling.evidence.finish)),
                None => Ran::Stopped,
            }
        }
        Err(Unready::Failed(failure)) => Ran::Unprepared(Judgement::unprepared(&failure).reason),
        Err(Unready::Stopped) => Ran::Stopped,
        Err(Unready::Step(error)) => return Err(error),
    };
    place.remove()?;
    Ok(ran)
}

/// Makes the gate that runs as the rule's command is to: they have the same
/// parameters.
fn as_gate(rule: &Rule) -> QualityGate {
    let kind = "command".to_owned();
    QualityGate { name: rule.name.clone(), kind, params: rule.params.clone() }
}
