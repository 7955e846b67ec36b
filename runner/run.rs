//! Begins a run or takes one up again, and brings it to its end.
//!
//! Finds the run that a plan and a base name, replays its journal, checks the
//! host and hands over to the dispatcher; afterwards leaves nothing behind but
//! the state. Unaware of what the nodes do.

use std::path::PathBuf;
use std::sync::Arc;

use eufm_plan::lockfile::Locked;
use eufm_plan::{Digest, Plan};

use crate::admission::Admission;
use crate::dispatcher::{Dispatcher, Ended, Start, Stop};
use crate::durable::write_whole;
use crate::environments::{self, Shelf};
use crate::error::RunError;
use crate::event::{NodeEvent, Outcome, RunEvent};
use crate::executors::GO_ON;
use crate::gateway::{Cassette, Gateway, Provider, RefusalKind, Report};
use crate::git::{CommitId, Error as GitError, Git, Vault, Writes};
use crate::journal::{self, Journal, JournalError};
use crate::limits::{Limits, RUNNER_BYTES};
use crate::preflight::{Admitted, Host, admit, needs_model};
use crate::process::ProcessId;
use crate::replay::{self, Replay};
use crate::report::{Context, RunReport};
use crate::reporters::Reporter;
use crate::reserve::Reserve;
use crate::scheduler::Scheduler;
use crate::state::RunState;
use crate::steps::Place;
use crate::store::{RunDir, Store};
use crate::supervise::Pulse;
use crate::workshop::{Courier, Refusals, Site, StepError, Workshop};

/// What is to be run, and where.
#[derive(Debug)]
pub struct Order {
    /// The plan.
    pub locked: Locked,
    /// The text it was read from; kept with the run.
    pub text: String,
    /// The repository whose code is worked on.
    pub repository: PathBuf,
    /// Where the state of the repository's runs lies.
    pub state: PathBuf,
    /// The recorded answers of the model.
    pub cassette: Option<Cassette>,
    /// Whether failed nodes get new attempts.
    pub retry: bool,
}

/// How a run came to its end.
#[derive(Debug)]
pub struct Done {
    /// What came of it. Without its nodes if it was done before: nobody wants to
    /// read them all again.
    pub report: RunReport,
    /// How many nodes the plan has.
    pub nodes: usize,
    /// Why it was stopped, if it was.
    pub stop: Option<Stop>,
    /// Whether it had come to its end before, so that nothing was done.
    pub was_finished: bool,
}

/// Runs a plan to its end, or to a stop.
///
/// `reviewed` is asked before a new run begins, and not when one is taken up
/// again: whether the plan is still what the spec says.
///
/// # Errors
/// Fails when the run cannot begin or go on; its journal then says where it is.
pub fn run(
    order: Order,
    host: &Host,
    reviewed: &dyn Fn() -> Result<(), RunError>,
    reporter: &mut dyn Reporter,
) -> Result<Done, RunError> {
    crate::supported::check(&order.locked.plan)?;
    crate::process::adopt_orphans()
        .map_err(|error| RunError::Host(format!("orphans cannot be waited for: {error}")))?;
    let store = Store::open(&order.state)?;
    let git = Git::find(&search_path(host)?).map_err(|error| usage(&error))?;
    let vault =
        Vault::open(&git, &order.repository, &store.vault()).map_err(|error| usage(&error))?;
    let found = find(&store, &vault, &order)?;
    let dir = store.run(&found.name)?;
    let mut replayed = Replayed::of(&order.locked, &dir)?;
    if replayed.torn_bytes > 0 {
        let bytes = replayed.torn_bytes;
        reporter.note(&format!("the journal ended in a torn record ({bytes} bytes): cut off"));
    }
    publish_head(&vault, replayed.scheduler.state())?;
    clear_leftovers(&vault, &dir, &order.locked.plan, &replayed.scheduler)?;
    if replayed.is_over(order.retry) {
        let report = close(&vault, &order.locked.plan, &replayed.scheduler, &dir, None)?;
        let nodes = report.nodes.len();
        return Ok(Done { report, nodes, stop: None, was_finished: true });
    }
    if replayed.records == 0 {
        reviewed()?;
        check_writes(&vault, &found, &order.locked.plan)?;
        check_checkout(&order)?;
    }
    // From here on a signal waits for the dispatcher: the trial of the host is
    // short, and would leave its folder behind.
    let (courier, inbox) = Courier::new();
    let signals = crate::signals::listen(courier.clone())
        .map_err(|error| RunError::Host(format!("signals cannot be heard: {error}")))?;
    let mut first = replayed.first_facts(&order.locked, &found)?;
    let digest = order.locked.digest;
    let admitted = admit(order.locked, host, store.root())?;
    std::fs::create_dir_all(dir.work()).map_err(|error| state(&dir.work(), &error))?;
    let site = Site {
        run: found.name,
        base: found.base,
        vault,
        dir: dir.clone(),
        checkout: order.repository,
        shelf: Shelf::new(store.environments()?),
        host: host.clone(),
    };
    let path = store.root().join("reserve");
    let reserve = Reserve::take(&path).map_err(|error| state(&path, &error))?;
    let limits = limits(&admitted.locked.plan, host, &dir)?;
    first.push(RunEvent::Limited { facilities: limits.facilities() });
    let shop = workshop((admitted, limits), site, order.cassette, courier)?;
    if let Err(error) = environments::prepare_all(&shop, reporter, &inbox) {
        clear_leftovers(&shop.vault, &dir, &shop.plan, &replayed.scheduler)?;
        return Err(error);
    }
    if replayed.records == 0 {
        // The journal comes last: without it there is no run yet.
        write_whole(&dir.plan(), order.text.as_bytes())
            .map_err(|error| state(&dir.plan(), &error))?;
        shop.vault.pin(&shop.run, &shop.base).map_err(|error| git_state(&error))?;
    }
    let journal = match replayed.journal.take() {
        Some(journal) => journal,
        None => Journal::create(&dir.journal(), digest)?,
    };
    let (scheduler, times) = (replayed.scheduler, replayed.times);
    let root = store.root().to_owned();
    let admission = Admission::new(&shop.plan, move || crate::limits::room(&root));
    let start = Start { shop, scheduler, journal, times, admission, reserve, reporter };
    let Ended { shop, scheduler, stop } = Dispatcher::new(start).run(&first, &inbox)?;
    drop(signals);
    clear_leftovers(&shop.vault, &dir, &shop.plan, &scheduler)?;
    let report = close(&shop.vault, &shop.plan, &scheduler, &dir, stop.as_ref())?;
    let nodes = report.nodes.len();
    Ok(Done { report, nodes, stop, was_finished: false })
}

pub(crate) fn search_path(host: &Host) -> Result<std::ffi::OsString, RunError> {
    std::env::join_paths(&host.path).map_err(|error| RunError::Usage(format!("PATH: {error}")))
}

pub(crate) fn usage(error: &GitError) -> RunError {
    RunError::Usage(error.to_string())
}

fn git_state(error: &GitError) -> RunError {
    RunError::State(error.to_string())
}

fn state(path: &std::path::Path, error: &std::io::Error) -> RunError {
    let help = "make room, or make it writable; then the same command goes on";
    RunError::State(format!("{}: {error}\n  help: {help}", path.display()))
}

/// The run that is meant.
struct Found {
    name: String,
    base: CommitId,
}

/// Finds the run: an unfinished one of the same plan goes on, on its own base;
/// else the plan and the base name it.
fn find(store: &Store, vault: &Vault, order: &Order) -> Result<Found, RunError> {
    let plan = &order.locked.plan;
    for name in store.runs()? {
        let dir = store.run(&name)?;
        let same = std::fs::read(dir.plan()).is_ok_and(|text| text == order.text.as_bytes());
        if !same {
            continue;
        }
        let replayed = Replayed::read(&order.locked, &dir)?;
        let state = replayed.scheduler.state();
        if let (Some(opened), None) = (&state.opened, state.finished) {
            return Ok(Found { name, base: opened.base.clone() });
        }
    }
    let base = vault.resolve(&plan.base).map_err(|error| usage(&error))?;
    let digest = order.locked.digest.to_string();
    let key = Digest::of_parts(&[digest.as_bytes(), base.to_string().as_bytes()]);
    Ok(Found { name: format!("{}-{}", plan.pipeline, key.short(8)), base })
}

/// What a journal says.
struct Replayed {
    scheduler: Scheduler,
    times: Vec<u64>,
    journal: Option<Journal>,
    records: usize,
    torn_bytes: u64,
}

impl Replayed {
    /// Tells whether nothing is left to do. A run whose time is used up has
    /// none for new attempts either.
    fn is_over(&self, retry: bool) -> bool {
        let state = self.scheduler.state();
        match state.finished {
            Some(Outcome::Done) => true,
            Some(_) => !retry || state.wall_exhausted,
            None => false,
        }
    }

    /// Returns the facts with which this runner begins.
    fn first_facts(&self, locked: &Locked, found: &Found) -> Result<Vec<RunEvent>, RunError> {
        if self.records == 0 {
            return Ok(vec![RunEvent::Opened {
                run: found.name.clone(),
                plan: locked.digest,
                base: found.base.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            }]);
        }
        let runner = ProcessId::current().map_err(|error| RunError::Host(error.to_string()))?;
        let mut facts = vec![RunEvent::Resumed { runner }];
        facts.extend(self.scheduler.state().finished.map(|_| RunEvent::Reopened));
        Ok(facts)
    }

    /// Opens a run's journal for going on.
    fn of(locked: &Locked, dir: &RunDir) -> Result<Self, RunError> {
        if !dir.journal().exists() {
            return Self::fold(locked, journal::Recovered::default(), dir);
        }
        let (journal, recovered) = Journal::open(&dir.journal(), locked)?;
        let mut replayed = Self::fold(locked, recovered, dir)?;
        replayed.journal = Some(journal);
        Ok(replayed)
    }

    /// Reads a run's journal and leaves it as it is.
    fn read(locked: &Locked, dir: &RunDir) -> Result<Self, RunError> {
        let recovered = journal::read(&dir.journal(), locked)?;
        Self::fold(locked, recovered, dir)
    }

    fn fold(
        locked: &Locked,
        recovered: journal::Recovered,
        dir: &RunDir,
    ) -> Result<Self, RunError> {
        let records = recovered.records.len();
        let now = crate::clock::unix_seconds();
        let replay = replay::fold(&locked.plan, dir.name(), recovered.records, now);
        let Replay { scheduler, times } = replay.map_err(|misfit| {
            let offset = recovered.offsets[misfit.position];
            JournalError::Damaged { path: dir.journal(), offset, what: misfit.what }
        })?;
        let torn_bytes = recovered.torn_bytes;
        Ok(Self { scheduler, times, journal: None, records, torn_bytes })
    }
}

/// Shows the head of the run's branch in the user's repository: an earlier
/// runner may have been killed after it had written down a merge.
fn publish_head(vault: &Vault, state: &RunState) -> Result<(), RunError> {
    let (Some(opened), Some(head)) = (&state.opened, &state.head) else { return Ok(()) };
    if *head == opened.base {
        return Ok(());
    }
    let branch = format!("eufm/{}", opened.run);
    match vault.publish(&branch, &opened.base, head) {
        // After the end the branch is its user's, to go on with or to move.
        Err(GitError::BranchMoved { .. } | GitError::BranchCheckedOut { .. })
            if state.finished.is_some() =>
        {
            Ok(())
        }
        published => published.map_err(|error| git_state(&error)),
    }
}

/// Refuses what no node may write in this repository, such as submodules.
fn check_writes(vault: &Vault, found: &Found, plan: &Plan) -> Result<(), RunError> {
    let unwritable = vault.unwritable(&found.base).map_err(|error| usage(&error))?;
    for node in &plan.nodes {
        let globs = node.writes.globs().unwrap_or_default();
        let checked = Writes::new(globs).and_then(|writes| unwritable.check(&writes));
        checked.map_err(|error| RunError::Usage(format!("{}: {error}", node.name)))?;
    }
    Ok(())
}

/// Refuses trusted commands where the repository has no checkout to run in.
fn check_checkout(order: &Order) -> Result<(), RunError> {
    let nodes = &order.locked.plan.nodes;
    let Some(node) = nodes.iter().find(|node| node.work.is_in_place()) else { return Ok(()) };
    if order.repository.join(".git").exists() {
        return Ok(());
    }
    Err(RunError::Usage(format!(
        "{}: `in_place` runs in the repository's checkout, and {} is not the top folder of one\n  \
         help: name that folder with --repo DIR",
        node.name,
        order.repository.display()
    )))
}

/// Finds out how this host holds the limits of a plan.
pub(crate) fn limits(plan: &Plan, host: &Host, dir: &RunDir) -> Result<Limits, RunError> {
    let memory = plan.budget.memory.map(|bytes| bytes.0);
    if let Some(memory) = plan.budget.memory.filter(|bytes| bytes.0 <= RUNNER_BYTES) {
        let runner = eufm_plan::units::Bytes(RUNNER_BYTES);
        return Err(RunError::Host(format!(
            "budget: `memory <= {memory}` leaves nothing for the nodes: the runner itself has \
             {runner} of it\n  help: raise it in the spec and compile again"
        )));
    }
    Limits::open(&host.launcher, dir.root(), host.ceilings, memory)
        .map_err(|error| RunError::Host(format!("the limits cannot be set: {error}")))
}

/// Makes what the steps share.
fn workshop(
    (admitted, limits): (Admitted, Limits),
    site: Site,
    cassette: Option<Cassette>,
    courier: Courier,
) -> Result<Workshop, RunError> {
    let mut shop = Workshop::new(admitted, limits, site, courier)
        .map_err(|error| RunError::Host(format!("the proxy does not start: {error}")))?;
    if needs_model(&shop.plan) {
        let gateway = gateway(&shop.plan, cassette, &shop.courier, &shop.pulses, &shop.refusals)?;
        shop.gateway = Some(gateway);
    }
    Ok(shop)
}

fn gateway(
    plan: &Plan,
    cassette: Option<Cassette>,
    courier: &Courier,
    pulses: &Arc<Vec<Pulse>>,
    refusals: &Arc<Refusals>,
) -> Result<Gateway, RunError> {
    let cassette = cassette.ok_or_else(|| {
        RunError::Unavailable(
            "this version of eufm has no way to a model's provider yet: it answers agents from a \
             cassette\n  help: give one with --cassette FILE (docs/cassette.md)"
                .to_owned(),
        )
    })?;
    cassette
        .check(plan.nodes.iter().map(|node| node.name.as_str()))
        .map_err(|error| RunError::Unavailable(error.to_string()))?;
    let (courier, pulses, refusals) = (courier.clone(), Arc::clone(pulses), Arc::clone(refusals));
    let sink = move |report: &Report| match report {
        Report::Exchange(exchange) => {
            let (node, reply, usage) = (exchange.index, exchange.reply, exchange.usage);
            pulses[node.get()].beat();
            courier.tell(node, NodeEvent::Replied { reply, usage }).map_err(Into::into)
        }
        Report::Refusal(refusal) => {
            // Foreign paths and tokens are probes; the agent itself goes on.
            if matches!(refusal.kind, RefusalKind::Request | RefusalKind::Cassette) {
                refusals.note(refusal.index, refusal.message.clone());
            }
            Ok(())
        }
    };
    let provider = Provider::Cassette { cassette, go_on: GO_ON.to_owned() };
    Gateway::start(provider, sink).map_err(|error| RunError::Host(error.to_string()))
}

/// Removes the worktrees of an earlier runner, but for those of attempts whose
/// end is not written down yet.
fn clear_leftovers(
    vault: &Vault,
    dir: &RunDir,
    plan: &Plan,
    scheduler: &Scheduler,
) -> Result<(), RunError> {
    let nodes = plan.nodes.iter().zip(&scheduler.state().nodes).enumerate();
    let kept: Vec<PathBuf> = nodes
        .filter(|(_, (_, run))| run.phase.is_busy())
        .map(|(position, (node, run))| dir.scratch(&node.name, position, run.start, "attempt"))
        .collect();
    let clear = || -> Result<(), StepError> {
        for entry in std::fs::read_dir(dir.work())? {
            let folder = entry?.path();
            if !kept.contains(&folder) {
                crate::orphans::end_all(&folder.join("tree"))?;
                Place::clear(vault, &folder)?;
            }
        }
        vault.sweep()?;
        if kept.is_empty() {
            std::fs::remove_dir(dir.work())?;
        }
        Ok(())
    };
    crate::limits::clear(dir.root()).map_err(|error| RunError::State(error.to_string()))?;
    if !dir.work().exists() {
        return Ok(());
    }
    clear().map_err(|error| RunError::State(error.to_string()))
}

/// Closes the books, whether or not an earlier runner got to it: the report
/// is written, and a run that is done needs its pin no more.
fn close(
    vault: &Vault,
    plan: &Plan,
    scheduler: &Scheduler,
    dir: &RunDir,
    stop: Option<&Stop>,
) -> Result<RunReport, RunError> {
    let context = Context { dir, stopped: stop.map(ToString::to_string) };
    let report = RunReport::of(plan, scheduler.state(), context)
        .ok_or_else(|| RunError::State("the journal has no first record".to_owned()))?;
    if report.outcome == Some(Outcome::Done) {
        // The branch keeps the base alive from now on.
        vault.unpin(&report.run).map_err(|error| git_state(&error))?;
    }
    let json = serde_json::to_string_pretty(&report)
        .map_err(|error| RunError::State(error.to_string()))?;
    write_whole(&dir.report(), (json + "\n").as_bytes())
        .map_err(|error| state(&dir.report(), &error))?;
    // The last thing: whoever finds the seal need look for nothing else.
    crate::seal::seal(dir, &plan.base, &report).map_err(|error| state(&dir.seal(), &error))?;
    Ok(report)
}
