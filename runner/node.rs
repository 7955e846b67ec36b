//! What is known of one node's run: where it stands, what it has, why it failed.
//!
//! Plain data, changed by the run's state alone. Unaware of the other nodes
//! and of which fact may follow which. See docs/run-state.md.

use crate::event::{Outcome, Passed};
use crate::gates::Verdict;
use crate::gateway::Usage;
use crate::git::{CommitId, TreeId};
use crate::key::NodeKey;
use crate::people::{About, Answer, Decision};
use crate::process::ProcessId;

/// Where a node stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waits for nodes it depends on.
    Pending,
    /// May be started.
    Ready,
    /// An attempt runs.
    Running,
    /// The attempt's process ended well; its result lies in the worktree.
    Exited,
    /// The result is a commit; this many gates have passed it.
    Harvested(u32),
    /// All gates passed.
    Gated,
    /// Waits for the answer of a person.
    Waiting,
    /// Done: the result stands.
    Committed,
    /// Done: it did not succeed.
    Failed,
    /// Never started: a node it depends on failed.
    Blocked,
    /// Never finished: the run's budget was used up.
    Cancelled,
}

impl Phase {
    /// Tells whether nothing more happens to the node in this run.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Committed | Self::Failed | Self::Blocked | Self::Cancelled)
    }

    /// Tells whether the node takes one of the run's parallel slots.
    #[must_use]
    pub fn is_busy(self) -> bool {
        matches!(self, Self::Running | Self::Exited | Self::Harvested(_) | Self::Gated)
    }

    /// Returns the word for people.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Exited => "exited",
            Self::Harvested(_) => "harvested",
            Self::Gated => "gated",
            Self::Waiting => "waiting",
            Self::Committed => "committed",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Whether a committed result is part of the run's branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Merge {
    /// Its turn has not come.
    Waiting,
    /// It is the next to be merged.
    Due,
    /// It contradicts the branch, and its agent resolves that, or a person has.
    Torn,
    /// It contradicts the branch, and a person is asked.
    Asked,
    /// It is.
    Done,
    /// It is not: it or something it builds on is in conflict, or did not succeed.
    Left,
}

/// A gate's last answer on a node's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateAnswer {
    /// The gate's name.
    pub gate: String,
    /// The answer.
    pub verdict: Verdict,
    /// The reason, one line.
    pub reason: String,
}

/// All that is known of a node's run.
#[derive(Debug, Clone)]
pub struct NodeRun {
    /// Where it stands.
    pub phase: Phase,
    /// How many of the nodes it waits for have not come to their end yet, with all
    /// before them.
    pub missing: u32,
    /// Whether those that wait for it know that it has come to its end, with all
    /// before it.
    pub(crate) is_told: bool,
    /// The try that runs, or the one that comes next; from 1.
    pub attempt: u32,
    /// The last try that was started; 0 before the first.
    pub tried: u32,
    /// The current start, from 1; 0 before the first.
    pub start: u32,
    /// The last try before the current budget of attempts began (see `Reopened`).
    pub attempts_before: u32,
    /// What it sees of the merge of what it depends on, from the first start on.
    pub base: Option<CommitId>,
    /// The key of its result, unless that is never taken over.
    pub key: Option<Box<NodeKey>>,
    /// The run that its result was taken from, if it was.
    pub taken_from: Option<String>,
    /// Its latest work: harvested, or salvaged from an attempt that was cut short.
    pub work: Option<CommitId>,
    /// How many files the work changes.
    pub changes: u64,
    /// The agent's session, to be resumed by a later start.
    pub session: Option<String>,
    /// The process of the current attempt.
    pub process: Option<ProcessId>,
    /// What the next attempt is told.
    pub feedback: Option<Feedback>,
    /// Whether the agent has answered to the feedback since it was told.
    pub heard: bool,
    /// The cap that did not let a request of the last attempt out.
    pub spent: Option<String>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The gates' answers on the latest work, in the order of judging.
    pub answers: Vec<GateAnswer>,
    /// What the model's answers used, all attempts together.
    pub usage: Usage,
    /// How many answers the model gave.
    pub replies: u32,
    /// How long its attempts ran, in milliseconds of active time, together.
    pub ran_ms: u64,
    /// When the attempt that runs was started, in active time.
    pub running_since_ms: Option<u64>,
    /// Since when it is held for the provider, in active time.
    pub held_since_ms: Option<u64>,
    /// How long the attempt that runs was held, in milliseconds.
    pub held_ms: u64,
    /// What people were asked and said; most nodes have none of it.
    people: Option<Box<People>>,
    /// The result.
    pub commit: Option<CommitId>,
    /// The result within the branch, where that took a resolution.
    pub resolved: Option<CommitId>,
    /// Whether the result is part of the branch.
    pub merge: Merge,
    /// When it was first started and when it came to its end, in active time.
    pub span_ms: (Option<u64>, Option<u64>),
}

/// What people were asked of a node, and what they said.
#[derive(Debug, Clone, Default)]
struct People {
    question: Option<Question>,
    said: Option<Said>,
    /// How long its attempts had run when it got new ones, in milliseconds.
    ran_before_ms: u64,
    /// How a person has resolved what its result contradicts.
    taken: Option<CommitId>,
}

/// A question that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What about.
    pub about: About,
    /// The tree that an answer is bound to; `None` until it is looked up.
    pub tree: Option<TreeId>,
}

/// What a person said last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What they were asked about.
    pub about: About,
    /// What they decided.
    pub decision: Decision,
    /// Who they are.
    pub by: String,
    /// What they wrote beside it.
    pub note: Option<String>,
}

/// What the next attempt of a node is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feedback {
    /// The attempt was cut short; its work so far lies in the worktree or not.
    Interrupted,
    /// The work was not good enough, for this reason.
    Rejected(String),
}

/// Why a node failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind, which decides the exit status.
    pub outcome: Outcome,
    /// The reason, one line.
    pub reason: String,
}

impl NodeRun {
    /// Makes the run of a node that waits for `missing` others.
    pub(crate) fn new(missing: u32) -> Self {
        Self {
            phase: if missing == 0 { Phase::Ready } else { Phase::Pending },
            missing,
            is_told: false,
            attempt: 1,
            tried: 0,
            start: 0,
            attempts_before: 0,
            base: None,
            key: None,
            taken_from: None,
            work: None,
            changes: 0,
            session: None,
            process: None,
            feedback: None,
            heard: false,
            spent: None,
            failure: None,
            answers: Vec::new(),
            usage: Usage::default(),
            replies: 0,
            ran_ms: 0,
            running_since_ms: None,
            held_since_ms: None,
            held_ms: 0,
            people: None,
            commit: None,
            resolved: None,
            merge: Merge::Waiting,
            span_ms: (None, None),
        }
    }

    /// Notes that an attempt starts on `base`, with the files of `from`.
    pub(crate) fn begin(&mut self, start: u32, base: &CommitId, from: &CommitId, at_ms: u64) {
        self.tried = self.attempt;
        self.start = start;
        self.base = Some(base.clone());
        self.work = Some(from.clone());
        self.running_since_ms = Some(at_ms);
        self.held_ms = 0;
        self.span_ms.0 = self.span_ms.0.or(Some(at_ms));
    }

    /// Notes that the result of an earlier run stands for this node's.
    pub(crate) fn take_over(&mut self, run: &str, gates: &[Passed], at_ms: u64) {
        let pass = |passed: &Passed| GateAnswer {
            gate: passed.gate.clone(),
            verdict: Verdict::Pass,
            reason: passed.reason.clone(),
        };
        self.taken_from = Some(run.to_owned());
        self.answers = gates.iter().map(pass).collect();
        self.span_ms.0 = Some(at_ms);
    }

    /// Returns the word for people: where it stands, or that nothing was done.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match &self.taken_from {
            Some(_) => "cached",
            None => self.phase.word(),
        }
    }

    /// Notes work that nothing has judged yet.
    pub(crate) fn harvested(&mut self, work: &CommitId, changes: u64) {
        self.work = Some(work.clone());
        self.changes = changes;
        self.answers.clear();
    }

    /// Notes that nothing of the attempt runs any more.
    pub(crate) fn end_of_attempt(&mut self, at_ms: u64) {
        self.process = None;
        let since = self.running_since_ms.take();
        let ran_ms = since.map_or(0, |since| at_ms.saturating_sub(since));
        self.ran_ms += ran_ms.saturating_sub(self.held_ms);
    }

    /// Notes that it is held no more.
    pub(crate) fn release(&mut self, at_ms: u64) {
        let since = self.held_since_ms.take();
        self.held_ms += since.map_or(0, |since| at_ms.saturating_sub(since));
    }

    /// Makes a node that did not succeed wait again, with a new budget of attempts.
    pub(crate) fn reopen(&mut self, missing: u32) {
        self.phase = Phase::Pending;
        self.missing = missing;
        self.is_told = false;
        self.unask();
        self.attempts_before = self.tried;
        self.attempt = self.tried + 1;
        self.failure = None;
        self.spent = None;
        self.merge = Merge::Waiting;
        self.span_ms.1 = None;
    }

    /// Forgets what a node came to that does nothing but look at what others did.
    pub(crate) fn forget_result(&mut self) {
        (self.base, self.work, self.commit) = (None, None, None);
    }

    /// Tells whether an agent of it may ask the model.
    #[must_use]
    pub fn may_spend(&self) -> bool {
        self.phase == Phase::Running || self.merge == Merge::Torn
    }

    /// Returns what others that need it build on.
    #[must_use]
    pub fn result(&self) -> Option<&CommitId> {
        self.resolved.as_ref().or(self.commit.as_ref())
    }

    /// Returns the question that it waits for the answer of.
    #[must_use]
    pub fn question(&self) -> Option<&Question> {
        self.people.as_ref()?.question.as_ref()
    }

    /// Returns what a person said of it last.
    #[must_use]
    pub fn said(&self) -> Option<&Said> {
        self.people.as_ref()?.said.as_ref()
    }

    /// Returns the note that a person wrote beside their last answer.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.said()?.note.as_deref()
    }

    /// Returns how a person has resolved what its result contradicts.
    #[must_use]
    pub fn taken(&self) -> Option<&CommitId> {
        self.people.as_ref()?.taken.as_ref()
    }

    /// Notes how a person has resolved it, or that the last such is no more.
    pub(crate) fn take(&mut self, commit: Option<CommitId>) {
        if commit.is_some() || self.people.is_some() {
            self.people.get_or_insert_default().taken = commit;
        }
    }

    /// Returns why it did not succeed.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        Some(&self.failure.as_ref()?.reason)
    }

    /// Returns how long its attempts have run of what they may, in milliseconds.
    #[must_use]
    pub fn used_ms(&self) -> u64 {
        let before = self.people.as_ref().map_or(0, |people| people.ran_before_ms);
        self.ran_ms.saturating_sub(before)
    }

    /// Notes that a person is asked.
    pub(crate) fn ask(&mut self, about: About, tree: Option<TreeId>) {
        self.people.get_or_insert_default().question = Some(Question { about, tree });
    }

    /// Takes the question away: nobody is to answer any more.
    pub(crate) fn unask(&mut self) {
        if let Some(people) = &mut self.people {
            people.question = None;
        }
    }

    /// Notes what a person said, and takes the question away.
    pub(crate) fn hear(&mut self, answer: &Answer) -> Option<About> {
        let people = self.people.get_or_insert_default();
        let about = people.question.take()?.about;
        let (by, note) = (answer.by.clone(), answer.note.clone());
        people.said = Some(Said { about: about.clone(), decision: answer.decision, by, note });
        Some(about)
    }

    /// Gives it a new budget of attempts and time.
    pub(crate) fn renew(&mut self) {
        self.attempts_before = self.tried;
        self.attempt = self.tried + 1;
        self.failure = None;
        self.spent = None;
        let ran_ms = self.ran_ms;
        self.people.get_or_insert_default().ran_before_ms = ran_ms;
    }

    /// Notes the work of an attempt that came to nothing, if there was any.
    pub(crate) fn keep(&mut self, salvage: Option<&CommitId>) {
        if let Some(commit) = salvage {
            self.work = Some(commit.clone());
        }
    }
}

impl Failure {
    /// Makes the failure of a result that contradicts others.
    pub(crate) fn conflict(with: &str, paths: &[String]) -> Self {
        let reason = format!("merge conflict with {with}: {}", paths.join(", "));
        Self { outcome: Outcome::Failed, reason }
    }
}
