//! What happened in a run (events) and what is to be done next (actions).
//!
//! Events are facts: each is a journal record, and replaying them gives the
//! run's state back. Actions are derived from the state and never stored.
//! Unaware of how an action is done. The words are those of docs/run-state.md.

use eufm_plan::{Digest, GateIndex, Level, NodeIndex, RuleIndex};
use serde::{Deserialize, Serialize};

use crate::gates::Verdict;
use crate::gateway::Usage;
use crate::gateway::upstream::Class;
use crate::git::{CommitId, TreeId};
use crate::key::NodeKey;
use crate::limits::{Exceeded, Facility};
use crate::people::{About, Answer};
use crate::process::ProcessId;
use crate::protections::Guarded;

/// One fact about the run or about a node of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// About the run as a whole.
    Run(RunEvent),
    /// About one node.
    Node(NodeIndex, NodeEvent),
}

/// A fact about the run as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RunEvent {
    /// The run began; the first record of every journal.
    Opened {
        /// Its name; its branch is `eufm/<name>`.
        run: String,
        /// The digest of plan.lock.
        plan: Digest,
        /// The commit that everything starts from.
        base: CommitId,
        /// The version of eufm that opened it.
        version: String,
        /// Whether it takes no results of earlier runs over.
        #[serde(default, skip_serializing_if = "is_false")]
        uncached: bool,
        /// Whether a person vouched for the plan by its digest, since its spec was not
        /// there.
        #[serde(default, skip_serializing_if = "is_false")]
        trusted: bool,
    },
    /// A runner took the run up again; attempts that ran are orphans.
    Resumed {
        /// The new runner.
        runner: ProcessId,
        /// Whether the run takes no results over from here on, if not before.
        #[serde(default, skip_serializing_if = "is_false")]
        uncached: bool,
    },
    /// How this runner's host keeps apart what runs.
    Guarded(Guarded),
    /// How this runner's host holds the limits on what runs.
    Limited {
        /// Each limit, with how well it is held and by what.
        facilities: Vec<Facility>,
    },
    /// Failed, blocked and cancelled nodes were given new attempts by a person.
    Reopened,
    /// A person began another run of the plan in its place; it does not go on.
    Closed,
    /// The provider of the model does not answer; requests are held until it does.
    ProviderAway {
        /// What kind of trouble it is.
        class: Class,
        /// What happened, one line.
        reason: String,
    },
    /// It answers again.
    ProviderBack,
    /// Nothing happened for a while; carries the active time over a crash.
    Heartbeat,
    /// The run's cap on active time is used up; what is not done is cancelled.
    WallExhausted,
    /// The runner was told to stop and has ended what ran; resumable.
    Stopped {
        /// Why, for people.
        reason: String,
    },
    /// Every node has come to its end.
    Finished {
        /// With what result.
        outcome: Outcome,
    },
}

/// Tells whether a flag is left out of a record.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A fact about a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NodeEvent {
    /// An attempt is about to run: the intent, written before its process.
    Started {
        /// Which try this is, from 1; bounded by the node's budget.
        attempt: u32,
        /// Which start of the node, from 1: an interrupted try is started again.
        start: u32,
        /// What the node sees of the merge of what it depends on: all of it, if
        /// it does not say what it reads.
        base: CommitId,
        /// What the worktree was made of: the base, or earlier work of this node.
        from: CommitId,
        /// The key of the result to come; absent where it is never taken over,
        /// and in journals of format 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<NodeKey>,
    },
    /// The node's result was there already: an earlier run had one of the same
    /// key, which was put onto this base.
    Cached {
        /// What the node sees of the merge of what it depends on.
        base: CommitId,
        /// The result, with the node's trailers.
        commit: CommitId,
        /// How many files differ from the base.
        changes: u64,
        /// The key.
        key: NodeKey,
        /// The run in which the work was done.
        run: String,
        /// The gates that passed it there.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        gates: Vec<Passed>,
    },
    /// The attempt's process runs.
    Spawned {
        /// The outermost process of its sandbox.
        process: ProcessId,
    },
    /// The agent opened or resumed this session.
    Session {
        /// The agent's own id of it.
        id: String,
    },
    /// A request of the agent is about to go out; written before it does.
    Asked {
        /// Its number, from 1, all attempts together.
        request: u32,
        /// The most that it can cost, in millionths of the run's currency.
        micros: u64,
        /// The most tokens that its prompt and answer can have.
        tokens: u64,
        /// The most tokens of its answer.
        output: u64,
    },
    /// The model answered a request of the agent; written before the end of the
    /// answer goes on.
    Replied {
        /// The number of the answer in the cassette, or of the request.
        reply: u32,
        /// What it used.
        usage: Usage,
        /// The request; absent for answers that use nothing, and before format 2.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<u32>,
        /// What it cost, in millionths; absent where the model has no price.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        micros: Option<u64>,
    },
    /// A request has come to its end without an account of what it used.
    Unanswered {
        /// Its number.
        request: u32,
        /// What it is charged, in millionths: all that it reserved, or nothing
        /// if the provider did not take it.
        micros: u64,
        /// The tokens that it is charged.
        tokens: u64,
        /// What became of it, one line.
        reason: String,
    },
    /// A request of the agent waits for the provider; the node's time stands still.
    Held,
    /// It waits no more.
    Released,
    /// Fields of the agent's requests were left out, since nobody knows them.
    Dropped {
        /// Their names.
        fields: Vec<String>,
    },
    /// The attempt's process ended and nothing of it runs any more.
    Exited {
        /// In which way.
        ending: Ending,
        /// The work of an attempt that failed, kept under a ref.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        salvage: Option<CommitId>,
    },
    /// The attempt was cut short from outside and does not count as a try.
    Interrupted {
        /// Its work, kept under a ref; `None` when there was none.
        salvage: Option<CommitId>,
    },
    /// A deploy that was cut short counts as done.
    Recovered {
        /// Who says so; a person says it by their answer.
        by: Recoverer,
    },
    /// The attempt's result was taken out of its worktree.
    Harvested {
        /// The result as a commit on the node's base, kept under a ref.
        work: CommitId,
        /// How many files differ from the base.
        changes: u64,
        /// What was not taken: hidden by ignore rules though `writes` reaches it,
        /// or nothing that git can store. At most 100.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ignored: Vec<String>,
    },
    /// The attempt's result may not be taken as it is.
    Refused {
        /// Why, with the paths; goes back to the agent.
        reason: String,
        /// The work, kept under a ref.
        salvage: Option<CommitId>,
    },
    /// A gate judged the harvested work.
    Judged {
        /// The gate's name.
        gate: String,
        /// Its answer.
        verdict: Verdict,
        /// The reason for people, one line.
        reason: String,
        /// What goes back to the agent after a failure; bounded.
        feedback: Option<String>,
        /// The limit that the gate passed, one line, if it was ended for that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exceeded: Option<String>,
    },
    /// A rule of the constitution was judged on the tree of a verify node.
    Ruled {
        /// The rule's name.
        rule: String,
        /// How binding it is.
        level: Level,
        /// The answer.
        verdict: Verdict,
        /// The reason for people, one line.
        reason: String,
        /// The places that it rests on, `path: what` or `path:line: what`; bounded.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        evidence: Vec<String>,
        /// The line of the constitution on which the cited words begin.
        line: u32,
    },
    /// The work passed all gates and is the node's result.
    Committed {
        /// The result, with the node's trailers.
        commit: CommitId,
    },
    /// The result is part of the run's branch.
    Merged {
        /// The new head of the branch.
        head: CommitId,
    },
    /// The result contradicts an earlier one. Its agent resolves that, if it has
    /// one and has not tried yet; else it stays under its ref, unmerged.
    Conflicted {
        /// The paths in conflict.
        paths: Vec<String>,
        /// What came of resolving it, if that was tried; one line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// The node could not start from what it depends on: their results contradict.
    Unmergeable {
        /// The paths in conflict.
        paths: Vec<String>,
    },
    /// A person is asked; nothing behind the node goes on until they answer.
    Questioned {
        /// What about.
        about: About,
        /// The tree that they are to look at, which their answer is bound to.
        tree: TreeId,
        /// For an approval, the merge of what it depends on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<CommitId>,
    },
    /// A person has answered.
    Answered(Answer),
}

/// Who says that a deploy which was cut short was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recoverer {
    /// The plan: it is not to run twice, whatever became of it.
    Plan,
    /// The program that the plan names for that.
    Probe,
}

/// A gate that passed a result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Passed {
    /// The gate's name.
    pub gate: String,
    /// The reason for people, one line.
    pub reason: String,
}

/// How an attempt's process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ending {
    /// It did what it was to do; the gates decide whether that is enough.
    Completed,
    /// It failed; another try may help.
    Failed {
        /// Why, one line.
        reason: String,
    },
    /// The agent or the model cannot be had; another try does not help.
    Unavailable {
        /// Why, one line.
        reason: String,
    },
    /// A cap on money or tokens did not let its next request out. What it had
    /// done is judged, but the node does not succeed.
    Spent {
        /// Which cap, and what is left of it, one line.
        reason: String,
    },
    /// It ran into the node's cap on time.
    TimedOut,
    /// It ran into another limit, such as its cap on memory; another try would
    /// run into it too.
    Exceeded {
        /// What it used and what it may use, one line.
        reason: String,
    },
}

impl Ending {
    /// Makes the ending of an attempt that passed a limit.
    pub(crate) fn exceeded(limit: Exceeded) -> Self {
        Self::Exceeded { reason: limit.to_string() }
    }
}

/// How a run ended, the worst first in [`Outcome::worse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every node is committed and merged.
    Done,
    /// A node or a gate failed.
    Failed,
    /// A budget was used up.
    BudgetExhausted,
    /// The agent or the model was not to be had.
    Unavailable,
}

impl Outcome {
    /// Returns its word in reports and in the journal.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::BudgetExhausted => "budget_exhausted",
            Self::Unavailable => "unavailable",
        }
    }

    /// Returns the one that says more about why the run did not succeed.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        if other as u8 > self as u8 { other } else { self }
    }
}

/// What is to be done; the dispatcher does it and answers with events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Run an attempt at the node.
    Start(NodeIndex),
    /// Find out what a person is to look at, and ask them.
    Ask(NodeIndex),
    /// End what an earlier runner left running, and salvage its work.
    Recover(NodeIndex),
    /// Take the result out of the worktree.
    Harvest(NodeIndex),
    /// Let a gate judge the harvested work.
    Judge(NodeIndex, GateIndex),
    /// Judge the tree of a verify node by a rule.
    Rule(NodeIndex, RuleIndex),
    /// Make the work the node's result.
    Commit(NodeIndex),
    /// Merge the result into the run's branch.
    Merge(NodeIndex),
    /// Let the agent of the result resolve what it contradicts.
    Reconcile(NodeIndex),
    /// Close the run.
    Finish(Outcome),
}
