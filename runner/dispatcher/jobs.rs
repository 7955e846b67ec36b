//! Makes steps of actions: gathers from the state what each needs.
//!
//! Unaware of when a step begins and of what it does.

use eufm_plan::NodeIndex;

use super::Dispatcher;
use crate::event::{Action, Passed};
use crate::git::CommitId;
use crate::inputs;
use crate::people::About;
use crate::state::{GateAnswer, Merge, NodeRun};
use crate::steps::{AskJob, CommitJob, ReconcileJob, RuleJob, StartJob, Step};

impl Dispatcher<'_> {
    /// Makes the step of an action from the state.
    pub(super) fn step(&self, action: Action) -> Option<(NodeIndex, Step)> {
        let state = self.scheduler.state();
        let run = |node: NodeIndex| state.node(node);
        match action {
            Action::Start(node) => Some((node, Step::Start(Box::new(self.start_job(node))))),
            Action::Ask(node) => {
                let is_conflict = run(node).merge == Merge::Asked;
                let work = match is_conflict {
                    true => state.head.clone(),
                    false => run(node).work.clone().or_else(|| run(node).base.clone()),
                };
                let origins = inputs::origins(self.shop.node(node), state);
                let needs = self.results_needed(node);
                Some((node, Step::Ask(Box::new(AskJob { work, needs, origins, is_conflict }))))
            }
            Action::Recover(node) => {
                let from = run(node).work.clone()?;
                Some((node, Step::Recover { start: run(node).start, from }))
            }
            Action::Harvest(node) => {
                let base = run(node).base.clone()?;
                let (start, attempt) = (run(node).start, run(node).attempt);
                Some((node, Step::Harvest { start, attempt, base }))
            }
            Action::Judge(node, gate) => {
                let work = run(node).work.clone()?;
                let (start, base) = (run(node).start, run(node).base.clone()?);
                let rest_ms = self.rest_of_node(node);
                Some((node, Step::Judge { gate, start, base, work, rest_ms }))
            }
            Action::Rule(node, rule) => {
                let work = run(node).work.clone()?;
                let (start, answer) = (run(node).start, state.heard_of_rule(node).cloned());
                let rest_ms = self.rest_of_node(node);
                Some((node, Step::Rule(RuleJob { rule, start, work, answer, rest_ms })))
            }
            Action::Commit(node) => Some((node, Step::Commit(Box::new(commit_job(run(node))?)))),
            Action::Merge(node) => {
                let (head, commit) = (state.head.clone()?, run(node).commit.clone()?);
                Some((node, Step::Merge { head, commit }))
            }
            Action::Reconcile(node) => {
                let (head, commit) = (state.head.clone()?, run(node).commit.clone()?);
                let (start, session) = (run(node).start, run(node).session.clone());
                // What was said of something else before is none of it.
                let said = run(node).said().filter(|said| said.about == About::Conflict);
                let note = said.and_then(|said| said.note.clone());
                let taken = run(node).taken().cloned();
                let job = ReconcileJob { head, commit, start, session, note, taken };
                Some((node, Step::Reconcile(Box::new(job))))
            }
            Action::Finish(_) => None,
        }
    }

    fn start_job(&self, node: NodeIndex) -> StartJob {
        let run = self.scheduler.state().node(node);
        StartJob {
            attempt: run.attempt,
            start: run.start + 1,
            needs: self.results_needed(node),
            origins: inputs::origins(self.shop.node(node), self.scheduler.state()),
            base: self.scheduler.state().starts_from(node).cloned(),
            key: run.key.as_deref().cloned(),
            work: run.work.clone(),
            session: run.session.clone(),
            feedback: run.feedback.clone(),
            heard: run.heard,
            rest_ms: self.rest_of_node(node),
            verified: self.scheduler.state().verified(node).cloned(),
            is_told: false,
        }
    }

    /// Returns the results that a node starts from, in plan order: of what it needs,
    /// and of the writers before it, those that there are.
    fn results_needed(&self, node: NodeIndex) -> Vec<CommitId> {
        let state = self.scheduler.state();
        let results = state.waits_for(node).iter();
        results.filter_map(|before| state.node(*before).result().cloned()).collect()
    }

    /// Returns what is left of a node's own cap on time.
    fn rest_of_node(&self, node: NodeIndex) -> Option<u64> {
        let wall = self.shop.node(node).budget.wall?;
        Some(wall.0.saturating_sub(self.scheduler.state().node(node).used_ms()))
    }
}

/// Gathers what a commit needs of a node's run; `None` before there is work.
fn commit_job(run: &NodeRun) -> Option<CommitJob> {
    let passed =
        |answer: &GateAnswer| Passed { gate: answer.gate.clone(), reason: answer.reason.clone() };
    Some(CommitJob {
        start: run.start,
        attempt: run.attempt,
        base: run.base.clone()?,
        work: run.work.clone()?,
        changes: run.changes,
        key: run.key.as_deref().cloned(),
        gates: run.answers.iter().map(passed).collect(),
    })
}
