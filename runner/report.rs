//! What came of a run: the facts for the summary and for run.json.
//!
//! Made from the run's state alone, so that a finished run gives the same
//! report again; what is said of a node is made when it is asked for, as a plan has
//! many. Unaware of how it is shown.

use std::borrow::Cow;
use std::path::PathBuf;

use eufm_plan::units::Money;
use eufm_plan::{Constitution, Level, NodeIndex, Plan, Work};
use serde::{Deserialize, Serialize, Serializer};

use crate::event::Outcome;
use crate::gates::Verdict;
use crate::gateway::Usage;
use crate::ledger::hourly;
use crate::limits::Facility;
use crate::people::{About, Decision, words};
use crate::protections::Guarded;
use crate::state::{Merge, NodeRun, RuleAnswer, RunState};

/// The version of the form of run.json.
const FORMAT: u32 = 3;

/// What came of a run, as it stands in run.json.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunReport<N = Vec<NodeReport>> {
    /// The version of this form.
    pub format: u32,
    /// The run's name.
    pub run: String,
    /// The plan's digest.
    pub plan: String,
    /// The commit it started from.
    pub base: String,
    /// Whether a person vouched for the plan by its digest, in place of its spec.
    #[serde(default)]
    pub trusted: bool,
    /// How it ended; `None` when it was stopped and can go on.
    pub outcome: Option<Outcome>,
    /// Why it was stopped, if it was.
    pub stopped: Option<String>,
    /// Whether another run was begun in its place, so that it does not go on.
    pub closed: bool,
    /// The branch in the user's repository, if anything was merged.
    pub branch: Option<String>,
    /// The branch's head.
    pub head: String,
    /// Active time in milliseconds, all runners together.
    pub active_ms: u64,
    /// What the model's answers used.
    pub usage: Usage,
    /// What the run cost at most, as `0.053000 EUR`: what was spent, and what
    /// requests reserved whose end is not known. `None` where nothing has a price.
    pub cost: Option<String>,
    /// How fast it spent; `None` where the plan has no rate.
    pub pace: Option<PaceReport>,
    /// How the last runner's host kept apart what ran.
    pub guarded: Option<Guarded>,
    /// How the last runner's host held the limits.
    pub limits: Vec<Facility>,
    /// The nodes in plan order.
    pub nodes: N,
    /// Where the run's journal, logs and sessions lie.
    pub state: PathBuf,
}

/// How fast a run spent, beside its plan's rate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PaceReport {
    /// The rate, as `1.000000 EUR per hour`.
    pub rate: String,
    /// Implementation time in milliseconds: that in which at least one attempt
    /// ran and was not held.
    pub worked_ms: u64,
    /// What was spent for an hour of it, rounded up; `None` before there is such
    /// time.
    pub hourly: Option<String>,
    /// What was spent.
    pub spent: String,
    /// What the rate allows for that time and one hour in advance.
    pub allowed: String,
    /// Whether more was spent.
    pub passed: bool,
}

/// What came of a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeReport {
    /// Its name.
    pub node: String,
    /// What it does: agent, command, verify, approval or deploy.
    pub kind: Cow<'static, str>,
    /// Where it stands; `cached` where an earlier run's result was taken over.
    pub state: Cow<'static, str>,
    /// The run in which the work was done, if it was not this one.
    pub taken_from: Option<String>,
    /// Whether its result is part of the branch.
    pub merged: bool,
    /// How many tries it took.
    pub attempts: u32,
    /// How many files it changed.
    pub changes: u64,
    /// How long its processes ran, in milliseconds.
    pub ran_ms: u64,
    /// What the model's answers used.
    pub usage: Usage,
    /// What it cost at most, likewise; `None` for a node without an agent too.
    pub cost: Option<String>,
    /// How many answers the model gave.
    pub replies: u32,
    /// The gates' answers on its last work.
    pub gates: Vec<GateReport>,
    /// What the rules came to on its tree, of a verify node.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleReport>,
    /// Why it failed.
    pub failure: Option<String>,
    /// What a person is asked, while it waits for them.
    #[serde(default)]
    pub question: Option<Box<QuestionReport>>,
    /// What a person said last.
    #[serde(default)]
    pub answer: Option<Box<AnswerReport>>,
    /// Its result.
    pub commit: Option<String>,
    /// Where its logs lie.
    pub logs: PathBuf,
}

/// A question that waits for a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QuestionReport {
    /// What about: approval, escalation, recovery or rule.
    pub about: Cow<'static, str>,
    /// The rule that it is about, if it is about one; the answer names it too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The question.
    pub ask: String,
    /// The tree that an answer is bound to.
    pub tree: String,
    /// Where the answer goes.
    pub answer: PathBuf,
}

/// What a person said.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AnswerReport {
    /// What they decided.
    pub decision: Decision,
    /// Who they are.
    pub by: String,
    /// What they wrote beside it.
    pub note: Option<String>,
}

/// A gate's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GateReport {
    /// The gate's name.
    pub gate: String,
    /// Its answer.
    pub verdict: Verdict,
    /// The reason.
    pub reason: String,
}

/// What a rule of the constitution came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleReport {
    /// The rule's name.
    pub rule: String,
    /// How binding it is.
    pub level: Level,
    /// The answer.
    pub verdict: Verdict,
    /// The reason.
    pub reason: String,
    /// The places that it rests on, `path: what` or `path:line: what`.
    pub evidence: Vec<String>,
    /// Where the cited words stand, `docs/constitution.md:12`.
    pub place: String,
    /// The words.
    pub cite: String,
    /// How it was set aside, if it was: until when, by whom and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<String>,
}

impl RuleReport {
    fn of(constitution: &Constitution, answer: &RuleAnswer) -> Option<Self> {
        let rule = constitution.rules.get(answer.rule.get())?;
        Some(Self {
            rule: rule.name.clone(),
            level: rule.level,
            verdict: answer.verdict,
            reason: answer.reason.clone(),
            evidence: answer.evidence.clone(),
            place: format!("{}:{}", constitution.path, rule.line),
            cite: rule.cite.clone(),
            waived: rule.waiver.as_ref().map(ToString::to_string),
        })
    }
}

/// What a report adds to the run's state.
#[derive(Debug, Clone)]
pub(crate) struct Context<'a> {
    /// Where the run keeps its files.
    pub dir: &'a crate::store::RunDir,
    /// Why it was stopped, if it was.
    pub stopped: Option<String>,
}

/// What came of the nodes, in plan order; each is made when it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct NodeReports<'a> {
    plan: &'a Plan,
    state: &'a RunState,
    dir: &'a crate::store::RunDir,
}

impl<'a> NodeReports<'a> {
    pub(crate) fn of(plan: &'a Plan, state: &'a RunState, dir: &'a crate::store::RunDir) -> Self {
        Self { plan, state, dir }
    }

    /// Returns what came of each.
    pub fn iter(self) -> impl ExactSizeIterator<Item = NodeReport> + 'a {
        (0..self.plan.nodes.len()).map(move |position| self.node(NodeIndex::new(position)))
    }

    fn node(self, at: NodeIndex) -> NodeReport {
        let Self { plan, state, dir } = self;
        let (node, run, position) = (&plan.nodes[at.get()], state.node(at), at.get());
        let mut report = NodeReport::of(node, run, dir.node(&node.name, position));
        report.question =
            question(plan, &node.work, run, dir.answer(&node.name, position)).map(Box::new);
        let rulings = state.rulings(at).iter();
        let constitution = plan.constitution.iter();
        report.rules = constitution
            .flat_map(|it| rulings.clone().filter_map(|answer| RuleReport::of(it, answer)))
            .collect();
        if matches!(node.work, Work::Agent { .. }) {
            report.cost = money(state, state.account.used_by(at).micros);
        }
        report
    }
}

impl Serialize for NodeReports<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'a> RunReport<NodeReports<'a>> {
    /// Makes the report of a run that was opened; `None` before.
    #[must_use]
    pub(crate) fn of(plan: &'a Plan, state: &'a RunState, context: Context<'a>) -> Option<Self> {
        let opened = state.opened.as_ref()?;
        let merged = state.nodes.iter().any(|run| run.merge == Merge::Done && run.changes > 0);
        Some(Self {
            format: FORMAT,
            run: opened.run.clone(),
            plan: opened.plan.to_string(),
            base: opened.base.to_string(),
            trusted: opened.trusted,
            outcome: state.finished,
            stopped: context.stopped,
            closed: state.closed,
            branch: merged.then(|| format!("eufm/{}", opened.run)),
            head: state.head.as_ref().map(ToString::to_string).unwrap_or_default(),
            active_ms: state.at_ms,
            usage: state.nodes.iter().fold(Usage::default(), |sum, run| sum + run.usage),
            cost: money(state, state.account.used().micros),
            pace: pace(plan, state),
            guarded: state.guarded.clone(),
            limits: state.limits.clone(),
            nodes: NodeReports::of(plan, state, context.dir),
            state: context.dir.root().to_owned(),
        })
    }
}

impl<N> RunReport<N> {
    /// Leaves the nodes out.
    pub(crate) fn without_nodes(self) -> RunReport {
        RunReport {
            format: self.format,
            run: self.run,
            plan: self.plan,
            base: self.base,
            trusted: self.trusted,
            outcome: self.outcome,
            stopped: self.stopped,
            closed: self.closed,
            branch: self.branch,
            head: self.head,
            active_ms: self.active_ms,
            usage: self.usage,
            cost: self.cost,
            pace: self.pace,
            guarded: self.guarded,
            limits: self.limits,
            nodes: Vec::new(),
            state: self.state,
        }
    }
}

/// Says what a node waits for a person to answer.
fn question(plan: &Plan, work: &Work, run: &NodeRun, answer: PathBuf) -> Option<QuestionReport> {
    let question = run.question()?;
    Some(QuestionReport {
        about: question.about.word().into(),
        rule: match &question.about {
            About::Rule { rule } => Some(rule.clone()),
            _ => None,
        },
        ask: words(plan, work, &question.about, run.reason()),
        tree: question.tree.as_ref()?.to_string(),
        answer,
    })
}

/// Says how fast a run spent, if its plan has a rate.
fn pace(plan: &Plan, state: &RunState) -> Option<PaceReport> {
    let (rate, paced) = (plan.budget.rate?, state.paced(state.at_ms)?);
    let worked_ms = state.worked_ms(state.at_ms);
    Some(PaceReport {
        rate: rate.to_string(),
        worked_ms,
        hourly: hourly(paced.spent, worked_ms).and_then(|micros| money(state, micros)),
        spent: money(state, paced.spent)?,
        allowed: money(state, paced.allowed)?,
        passed: paced.is_passed(),
    })
}

/// Spells an amount in the run's currency.
fn money(state: &RunState, micros: u64) -> Option<String> {
    let currency = state.account.currency()?;
    Some(Money { micros, currency }.to_string())
}

impl NodeReport {
    fn of(node: &eufm_plan::Node, run: &NodeRun, logs: PathBuf) -> Self {
        let gate = |answer: &crate::state::GateAnswer| GateReport {
            gate: answer.gate.clone(),
            verdict: answer.verdict,
            reason: answer.reason.clone(),
        };
        Self {
            node: node.name.clone(),
            kind: node.work.kind().into(),
            state: run.word().into(),
            taken_from: run.taken_from.clone(),
            merged: run.merge == Merge::Done,
            attempts: run.tried,
            changes: run.changes,
            ran_ms: run.ran_ms,
            usage: run.usage,
            cost: None,
            replies: run.replies,
            gates: run.answers.iter().map(gate).collect(),
            rules: Vec::new(),
            failure: run.failure.as_ref().map(|failure| failure.reason.clone()),
            question: None,
            answer: run.said().map(|said| {
                let note = said.note.clone();
                Box::new(AnswerReport { decision: said.decision, by: said.by.clone(), note })
            }),
            commit: run.commit.as_ref().map(ToString::to_string),
            logs,
        }
    }
}
