//! What every step of a run works with: the plan, the places, the helpers.
//!
//! Immutable but for the processes that run and the signs of life; the run's
//! state is the dispatcher's alone, and steps reach it only by telling facts.
//! Unaware of which step comes next.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use eufm_plan::{Node, NodeIndex, Plan};
use thiserror::Error;

use crate::admission::Ticket;
use crate::agents::Installation;
use crate::beside::{self, Wanted};
use crate::cache::{Cache, Entry};
use crate::counter::Ask;
use crate::environments::{Environments, Shelf};
use crate::event::{Ending, NodeEvent};
use crate::gateway::Gateway;
use crate::gateway::circuit::Away;
use crate::git::{CommitId, Vault};
use crate::limits::{Guard, Limits, Subject};
use crate::output::Outputs;
use crate::preflight::{Admitted, Host, reaches_hosts};
use crate::proxy::{Proxy, RECORD};
use crate::pulse::Pulse;
use crate::reach::Reach;
use crate::running::Running;
use crate::sandbox::Sandbox;
use crate::secrets::Secrets;
use crate::steps::Baselines;
use crate::store::RunDir;

/// What the steps of one run share.
#[derive(Debug)]
pub(crate) struct Workshop {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The run's name.
    pub run: String,
    /// The commit that everything starts from.
    pub base: CommitId,
    /// The runner's own clone of the repository.
    pub vault: Vault,
    /// Where the run keeps its files.
    pub dir: RunDir,
    /// What is asked of the result of each node, beside its files.
    pub wanted: Vec<Wanted>,
    /// The results of earlier runs.
    pub cache: Cache,
    /// Whether they are taken over.
    pub takes_results: bool,
    /// What gates came to on trees that nodes began with.
    pub baselines: Baselines,
    /// Makes sandboxes.
    pub sandbox: Sandbox,
    /// How the limits on what runs are held.
    pub limits: Limits,
    /// The model endpoint; absent in a plan without agents.
    pub gateway: Option<Gateway>,
    /// The way to the hosts that the plan names; absent where it names none.
    pub proxy: Option<Proxy>,
    /// The agents' programs, by agent.
    pub installations: Vec<Installation>,
    /// The environments, prepared or to be prepared.
    pub environments: Environments,
    /// The secrets of the nodes that are not at their end.
    pub secrets: Secrets,
    /// What the host offers.
    pub host: Host,
    /// The user's own checkout, in which trusted commands run.
    pub checkout: PathBuf,
    /// Held while the run's branch is moved: one result after the other.
    pub branch: Mutex<()>,
    /// The processes that run.
    pub running: Running,
    /// Where trusted commands write.
    pub outputs: Outputs,
    /// The last sign of life of each node.
    pub pulses: Arc<Vec<Pulse>>,
    /// Why the gateway refused a node's requests, if it did.
    pub refusals: Arc<Refusals>,
    /// The way to the dispatcher.
    pub courier: Courier,
}

/// Where a run works, and on what.
#[derive(Debug)]
pub(crate) struct Site {
    /// The run's name.
    pub run: String,
    /// The commit that everything starts from.
    pub base: CommitId,
    /// The runner's own clone of the repository.
    pub vault: Vault,
    /// Where the run keeps its files.
    pub dir: RunDir,
    /// The user's repository.
    pub checkout: PathBuf,
    /// Where environments lie that are prepared for base commits.
    pub shelf: Shelf,
    /// The secrets of the nodes that are not at their end.
    pub secrets: Secrets,
    /// What the host offers.
    pub host: Host,
    /// The results of earlier runs.
    pub cache: Cache,
    /// Whether results of earlier runs are taken over.
    pub takes_results: bool,
}

impl Workshop {
    /// Makes the workshop of an admitted plan, without a way to the model.
    ///
    /// # Errors
    /// Fails when the plan names hosts and the proxy cannot be started.
    pub(crate) fn new(
        admitted: Admitted,
        limits: Limits,
        site: Site,
        courier: Courier,
    ) -> std::io::Result<Self> {
        let plan = admitted.locked.plan;
        let proxy = if reaches_hosts(&plan) { Some(Proxy::start()?) } else { None };
        let shelves = (site.shelf, Shelf::new(site.dir.environments()));
        let pulses = Arc::new(plan.nodes.iter().map(|_| Pulse::new()).collect());
        Ok(Self {
            wanted: beside::wanted(&plan),
            plan,
            run: site.run,
            base: site.base,
            vault: site.vault,
            dir: site.dir,
            cache: site.cache,
            takes_results: site.takes_results,
            baselines: Baselines::default(),
            sandbox: admitted.sandbox,
            limits,
            gateway: None,
            proxy,
            installations: admitted.installations,
            environments: Environments::new(shelves, admitted.tools, admitted.sharing),
            secrets: site.secrets,
            host: site.host,
            checkout: site.checkout,
            branch: Mutex::new(()),
            running: Running::default(),
            outputs: Outputs::default(),
            pulses,
            refusals: Arc::default(),
            courier,
        })
    }

    /// Returns a node of the plan.
    #[must_use]
    pub(crate) fn node(&self, node: NodeIndex) -> &Node {
        &self.plan.nodes[node.get()]
    }

    /// Opens the way to the hosts that the plan names for a process. Its socket
    /// lies in `folder`, which is made, and its record among the `logs`.
    ///
    /// # Errors
    /// Fails when one of them cannot be made.
    pub(crate) fn reach(
        &self,
        hosts: &[String],
        folder: &Path,
        logs: &Path,
    ) -> std::io::Result<Reach> {
        Reach::open(self.proxy.as_ref(), hosts, folder, &logs.join(RECORD), &self.host.launcher)
    }

    /// Makes the guard of what a step starts at a node; `scratch` is the step's
    /// folder, `folders` what it can fill.
    pub(crate) fn guard(
        &self,
        node: NodeIndex,
        scratch: &Path,
        folders: Vec<PathBuf>,
    ) -> std::io::Result<Option<Guard>> {
        let memory = self.node(node).budget.memory.map(|bytes| bytes.0);
        self.guard_of(scratch, folders, memory)
    }

    /// Makes the guard of what is started at no node, or at one whose cap on
    /// memory, in bytes, is known.
    pub(crate) fn guard_of(
        &self,
        scratch: &Path,
        folders: Vec<PathBuf>,
        memory: Option<u64>,
    ) -> std::io::Result<Option<Guard>> {
        let name = scratch.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let trusted = folders.is_empty();
        self.limits.guard(Subject { name, memory, folders, trusted })
    }

    /// Returns the folder of a step at a node, which does not outlive the step.
    #[must_use]
    pub(crate) fn scratch(&self, node: NodeIndex, start: u32, step: &str) -> PathBuf {
        self.dir.scratch(&self.node(node).name, node.get(), start, step)
    }

    /// Keeps a result for later runs: its commits, then what is said of it.
    ///
    /// # Errors
    /// Fails when either cannot be written.
    pub(crate) fn keep_result(&self, entry: &Entry) -> Result<(), StepError> {
        for (name, commit) in entry.references() {
            self.vault.keep(&name, commit)?;
        }
        Ok(self.cache.store(entry)?)
    }

    /// Returns what this run has kept beside a result, if something is; `start`
    /// is the one that made it, or [`beside::TAKEN`].
    ///
    /// # Errors
    /// Fails when git fails.
    pub(crate) fn beside(
        &self,
        node: NodeIndex,
        start: u32,
    ) -> Result<Option<CommitId>, StepError> {
        let planned = self.node(node);
        if !beside::is_kept(&planned.work, self.wanted[node.get()]) {
            return Ok(None);
        }
        Ok(beside::of_run(&self.vault, (&self.run, &planned.name, start))?)
    }

    /// Returns the folder of a node's logs and sessions.
    #[must_use]
    pub(crate) fn node_dir(&self, node: NodeIndex) -> PathBuf {
        self.dir.node(&self.node(node).name, node.get())
    }
}

/// The first refusal of the gateway to each node's agent that ends its turn.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<std::collections::BTreeMap<NodeIndex, Ending>>);

impl Refusals {
    /// Notes a refusal, as the ending that it makes of the attempt.
    pub(crate) fn note(&self, node: NodeIndex, ending: Ending) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(node).or_insert(ending);
    }

    /// Takes the refusal noted for a node.
    pub(crate) fn take(&self, node: NodeIndex) -> Option<Ending> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&node)
    }
}

/// What reaches the dispatcher.
#[derive(Debug)]
pub(crate) enum Message {
    /// A fact about a node, to be written down before its teller goes on.
    Fact {
        /// The node.
        node: NodeIndex,
        /// The fact.
        event: Box<NodeEvent>,
        /// Where the answer goes, if its teller waits for one.
        answer: Option<SyncSender<Answer>>,
    },
    /// A request of an agent that wants to go out.
    Ask(Ask),
    /// What is known of the provider: since when it is away, if it is.
    Provider(Option<Away>),
    /// What an agent is doing; shown, not written down.
    Activity {
        /// The node.
        node: NodeIndex,
        /// One line.
        text: String,
    },
    /// A step has come to its end.
    StepEnded {
        /// The node.
        node: NodeIndex,
        /// What it was admitted for, if it had to be.
        ticket: Option<Ticket>,
        /// How.
        result: Result<(), StepError>,
    },
    /// A remark for people, before the run begins.
    Note(String),
    /// Preparing has come to its end, well or not.
    Prepared,
    /// A signal of the system, by number.
    Signal(i32),
}

/// The dispatcher's answer to a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is written down; go on.
    GoOn,
    /// It came too late and is not written down; leave it.
    Leave,
}

/// The way of facts to the dispatcher.
#[derive(Debug, Clone)]
pub(crate) struct Courier(Sender<Message>);

impl Courier {
    /// Makes a courier and the inbox that it fills.
    #[must_use]
    pub(crate) fn new() -> (Self, Receiver<Message>) {
        let (sender, inbox) = std::sync::mpsc::channel();
        (Self(sender), inbox)
    }

    /// Tells a fact and waits until it is written down.
    ///
    /// # Errors
    /// Fails when it was not: the step leaves everything as it is.
    pub(crate) fn tell(&self, node: NodeIndex, event: NodeEvent) -> Result<(), StepError> {
        let (answer, answered) = sync_channel(1);
        self.send(Message::Fact { node, event: Box::new(event), answer: Some(answer) });
        match answered.recv() {
            Ok(Answer::GoOn) => Ok(()),
            Ok(Answer::Leave) | Err(_) => Err(StepError::Left),
        }
    }

    /// Tells a fact from which no act of the teller follows.
    pub(crate) fn post(&self, node: NodeIndex, event: NodeEvent) {
        self.send(Message::Fact { node, event: Box::new(event), answer: None });
    }

    /// Sends a message that asks for no answer.
    pub(crate) fn send(&self, message: Message) {
        // A dispatcher that is gone has ended the run; nobody is left to tell.
        let _ = self.0.send(message);
    }
}

/// Why a step did not come to its end.
#[derive(Debug, Error)]
pub(crate) enum StepError {
    /// The run goes on without it, or is stopped; the journal knows.
    #[error("left")]
    Left,
    /// The host does not let it: a full disk, a missing program.
    #[error("{0}")]
    Host(String),
}

impl From<std::io::Error> for StepError {
    fn from(error: std::io::Error) -> Self {
        Self::Host(error.to_string())
    }
}

impl From<crate::git::Error> for StepError {
    fn from(error: crate::git::Error) -> Self {
        Self::Host(error.to_string())
    }
}
