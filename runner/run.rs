//! Begins a run or takes one up again, and brings it to its end.
//!
//! Finds the run that a plan and a base name, replays its journal, checks the
//! host and hands over to the dispatcher; afterwards leaves nothing behind but
//! the state. Unaware of what the nodes do.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eufm_plan::lockfile::Locked;
use eufm_plan::{Digest, Plan, Work};

use crate::admission::Admission;
use crate::cache::Cache;
use crate::counter::RunCounter;
use crate::dispatcher::{Dispatcher, Ended, Patience, Start, Stop};
use crate::durable::{write_whole, write_whole_by};
use crate::environments::{self, Shelf};
use crate::error::RunError;
use crate::event::{Event, Outcome, RunEvent};
use crate::gateway::{Gateway, Provider};
use crate::git::{Error as GitError, Git, Vault, Writes};
use crate::journal::{self, Durability, Journal};
use crate::ledger::Account;
use crate::limits::{Limits, RUNNER_BYTES};
use crate::meant::{self, Meant, Question};
use crate::model::Model;
use crate::people::Desk;
use crate::preflight::{Admitted, Host, admit, needs_model};
use crate::protections::Protection;
use crate::replayed::Replayed;
use crate::report::{Context, NodeReports, RunReport};
use crate::reporters::Reporter;
use crate::reserve::Reserve;
use crate::scheduler::Scheduler;
use crate::secrets::{SecretSources, Secrets};
use crate::state::RunState;
use crate::steps::Place;
use crate::store::{RunDir, Store};
use crate::workshop::{Courier, Site, StepError, Workshop};

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
    /// What answers the agents.
    pub model: Model,
    /// How long the provider may be away until the run is stopped.
    pub outage_max: Option<Duration>,
    /// Whether the runner stays until people have answered, instead of ending when
    /// nothing else is left to do.
    pub waits_for_people: bool,
    /// Whether failed nodes get new attempts.
    pub retry: bool,
    /// Whether another run is begun, in place of an unfinished one of the plan.
    pub new: bool,
    /// Whether results of earlier runs are taken over; a run that takes none keeps
    /// to that.
    pub takes_results: bool,
    /// Where the values of secrets come from.
    pub secrets: SecretSources,
    /// The protections that may be missing.
    pub allowed: Vec<&'static Protection>,
    /// Whether a person vouched for the plan by its digest, in place of its spec.
    pub trusted: bool,
}

/// How a run came to its end.
#[derive(Debug)]
pub struct Done {
    /// What came of it, without its nodes.
    pub report: RunReport,
    /// How many nodes the plan has.
    pub nodes: usize,
    /// What came of each is made of; `None` of a run that was done before.
    books: Option<Books>,
    /// Why it was stopped, if it was.
    pub stop: Option<Stop>,
    /// Whether it had come to its end before, so that nothing was done.
    pub was_finished: bool,
}

/// What a run leaves for whoever asks about its nodes.
#[derive(Debug)]
pub(crate) struct Books {
    plan: Arc<Plan>,
    state: RunState,
    dir: RunDir,
}

impl Books {
    fn of(plan: Arc<Plan>, scheduler: Scheduler, dir: RunDir) -> Self {
        Self { plan, state: scheduler.into_state(), dir }
    }
}

impl Done {
    /// A run of so many nodes that was done before.
    pub(crate) fn before(report: RunReport, nodes: usize) -> Self {
        Self { report, nodes, books: None, stop: None, was_finished: true }
    }

    /// Returns what came of its nodes; `None` where the run was done before and nobody
    /// wants to read them all again.
    #[must_use]
    pub fn node_reports(&self) -> Option<NodeReports<'_>> {
        let Books { plan, state, dir } = self.books.as_ref()?;
        Some(NodeReports::of(plan, state, dir))
    }
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
    let vault = vault(&order, host, &store)?;
    let question =
        Question { root: store.root(), vault: &vault, locked: &order.locked, text: &order.text };
    let (found, replaced) = choose(question, order.new)?;
    if let Some(remark) = &found.remark {
        reporter.note(remark);
    }
    let dir = store.run(&found.run)?;
    let mut replayed = Replayed::of(&order.locked, &dir)?;
    if replayed.torn_bytes > 0 {
        let bytes = replayed.torn_bytes;
        reporter.note(&format!("the journal ended in a torn record ({bytes} bytes): cut off"));
    }
    vault.take_over_references(&found.run).map_err(|error| git_state(&error))?;
    publish_head(&vault, replayed.scheduler.state())?;
    clear_leftovers(&vault, &dir, &order.locked.plan, &replayed.scheduler)?;
    if replayed.is_over(order.retry) {
        let books = Books::of(order.locked.plan, replayed.scheduler, dir);
        return Ok(Done { was_finished: true, ..close(&vault, books, None)? });
    }
    if replayed.records == 0 {
        reviewed().and_then(|()| check_repository(&vault, &found, &order, host))?;
    }
    let secrets = secrets(&order, &replayed)?;
    // From here on a signal waits for the dispatcher: the trial of the host is
    // short, and would leave its folder behind.
    let (courier, inbox) = Courier::new();
    let signals = crate::signals::listen(courier.clone())
        .map_err(|error| RunError::Host(format!("signals cannot be heard: {error}")))?;
    let mut first = replayed.first_facts(&order, &found)?;
    let locked = order.locked.clone();
    let admitted = admit(order.locked, host, store.root(), &order.allowed)?;
    let provider = provider(order.model, &locked.plan, &found.run, (&courier, reporter))?;
    // Before anything runs: what it rests on is a part of what happened.
    first.extend(admitted.guarded.clone().map(RunEvent::Guarded));
    if let Some(run) = &replaced {
        give_up(&store, &vault, &locked, run, reporter)?;
    }
    let cache = Cache::of(store.root());
    index(&cache, &vault, &store, &locked.plan, &replayed)?;
    std::fs::create_dir_all(dir.work()).map_err(|error| state(&dir.work(), &error))?;
    let site = Site {
        run: found.run,
        base: found.base,
        vault,
        dir: dir.clone(),
        checkout: order.repository,
        shelf: Shelf::new(store.environments()?),
        secrets,
        host: host.clone(),
        cache,
        takes_results: order.takes_results && !replayed.scheduler.state().uncached,
    };
    let reserve = reserve(&store)?;
    let limits = limits(&admitted.locked.plan, host, &dir)?;
    first.push(RunEvent::Limited { facilities: limits.facilities() });
    let shop = workshop((admitted, limits), site, provider, courier)?;
    if let Err(error) = environments::prepare_all(&shop, reporter, &inbox) {
        clear_leftovers(&shop.vault, &dir, &shop.plan, &replayed.scheduler)?;
        return Err(error);
    }
    let journal = journal_of(&shop, &mut replayed, (order.text, locked.digest))?;
    let (scheduler, times) = (replayed.scheduler, replayed.times);
    let admission = admission(&shop.plan, &store);
    let patience = Patience { outage: order.outage_max, people: order.waits_for_people };
    let start = Start { shop, scheduler, journal, times, admission, reserve, patience, reporter };
    let ended = Dispatcher::new(start).run(&first, &inbox)?;
    drop(signals);
    finish(ended, &dir)
}

/// Takes the room in which the last records find a place.
fn reserve(store: &Store) -> Result<Reserve, RunError> {
    Reserve::take(&store.reserve()).map_err(|error| state(&store.reserve(), &error))
}

/// Finds what answers the agents of a plan, if it has any.
fn provider(
    model: Model,
    plan: &Plan,
    run: &str,
    (courier, reporter): (&Courier, &mut dyn Reporter),
) -> Result<Option<Provider>, RunError> {
    if !needs_model(plan) {
        return Ok(None);
    }
    let found = crate::model::find(model, plan, run, courier)?;
    found.remarks.iter().for_each(|remark| reporter.note(remark));
    Ok(Some(found.provider))
}

/// Opens the vault, in which an earlier runner may have been killed.
fn vault(order: &Order, host: &Host, store: &Store) -> Result<Vault, RunError> {
    let git = Git::find(&search_path(host)?).map_err(|error| usage(&error))?;
    let vault =
        Vault::open(&git, &order.repository, &store.vault()).map_err(|error| usage(&error))?;
    vault.take_over().map_err(|error| git_state(&error))?;
    Ok(vault)
}

/// Leaves nothing behind but the state, and closes the books.
fn finish(ended: Ended, dir: &RunDir) -> Result<Done, RunError> {
    let Ended { shop, scheduler, stop } = ended;
    if shop.plan.nodes.iter().any(|node| node.work.is_in_place()) {
        // What has left the group of a trusted command outlives it, not the run.
        crate::orphans::end_all(&dir.work())
            .map_err(|error| RunError::Host(format!("what was started does not end: {error}")))?;
    }
    if scheduler.state().finished.is_some() {
        let failed = |error| state(&dir.environments(), &error);
        shop.environments.forget_own().map_err(failed)?;
    }
    clear_leftovers(&shop.vault, dir, &shop.plan, &scheduler)?;
    close(&shop.vault, Books::of(Arc::clone(&shop.plan), scheduler, dir.clone()), stop)
}

/// Makes what looks at the host's room, where the state lies.
fn admission(plan: &Plan, store: &Store) -> Admission {
    let root = store.root().to_owned();
    Admission::new(plan, move || crate::limits::room(&root))
}

/// Chooses the run that is meant, and the unfinished one that it takes the place
/// of, if a new one is asked for.
fn choose(question: Question<'_>, new: bool) -> Result<(Meant, Option<Meant>), RunError> {
    Ok(match meant::unfinished(question)? {
        Some(run) if !new => (run, None),
        unfinished => (meant::named(question, new)?, unfinished),
    })
}

/// Returns the journal to go on with. That of a new run is made last: without it
/// there is no run yet. The plan's text is needed no more then.
fn journal_of(
    shop: &Workshop,
    replayed: &mut Replayed,
    (text, digest): (String, Digest),
) -> Result<Journal, RunError> {
    if replayed.records == 0 {
        let path = shop.dir.plan();
        write_whole(&path, text.as_bytes()).map_err(|error| state(&path, &error))?;
        shop.vault.pin(&shop.run, &shop.base).map_err(|error| git_state(&error))?;
    }
    drop(text);
    match replayed.journal.take() {
        Some(journal) => Ok(journal),
        None => Ok(Journal::create(&shop.dir.journal(), digest)?),
    }
}

/// Brings the cache up to what the journals say, as far as that is not sure: a
/// runner may have been killed between a commit and its entry.
fn index(
    cache: &Cache,
    vault: &Vault,
    store: &Store,
    plan: &Plan,
    replayed: &Replayed,
) -> Result<(), RunError> {
    let indexed = if cache.exists() {
        crate::reindex::run(cache, vault, plan, replayed)
    } else {
        crate::reindex::all(cache, vault, store)
    };
    indexed.map_err(|error| RunError::State(format!("{}: {error}", store.root().display())))
}

/// Closes an unfinished run of the plan for good: nothing of it runs any more,
/// and its journal says so. What it made stays until `eufm gc`.
fn give_up(
    store: &Store,
    vault: &Vault,
    locked: &Locked,
    run: &Meant,
    reporter: &mut dyn Reporter,
) -> Result<(), RunError> {
    let dir = store.run(&run.run)?;
    let mut replayed = Replayed::of(locked, &dir)?;
    if let Some(deploy) = replayed.scheduler.state().undecided() {
        return Err(RunError::Usage(format!(
            "run {} has the deploy {}, which was cut short, and nobody knows yet whether it was \
             done\n  help: go on with that run, without --new, until that is decided",
            run.run,
            locked.plan.nodes[deploy.get()].name
        )));
    }
    let event = Event::Run(RunEvent::Closed);
    let at_ms = replayed.scheduler.state().at_ms;
    let record = journal::record(&locked.plan, &event, at_ms, crate::clock::unix_seconds());
    if let Some(mut journal) = replayed.journal.take() {
        journal.append(&record, Durability::Synced)?;
    }
    let closed = replayed.scheduler.replay(at_ms, &event);
    closed.map_err(|error| RunError::State(error.to_string()))?;
    clear_leftovers(vault, &dir, &locked.plan, &replayed.scheduler)?;
    // Nobody takes an answer any more.
    Desk::new(dir.clone()).tidy(std::iter::empty()).map_err(|error| state(dir.root(), &error))?;
    close(vault, Books::of(Arc::clone(&locked.plan), replayed.scheduler, dir), None)?;
    reporter.note(&format!("run {} is closed; eufm gc removes what it left", run.run));
    Ok(())
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

/// Reads the secrets that are needed from here on.
fn secrets(order: &Order, replayed: &Replayed) -> Result<Secrets, RunError> {
    let nodes = &replayed.scheduler.state().nodes;
    Secrets::read(&order.locked.plan, nodes, &order.secrets)
}

/// Checks that a plan fits the repository and the host that a new run of it begins on.
fn check_repository(
    vault: &Vault,
    found: &Meant,
    order: &Order,
    host: &Host,
) -> Result<(), RunError> {
    crate::constitution::check(vault, &found.base, &order.locked.plan)?;
    crate::scripts::check(vault, &found.base, &order.locked.plan)?;
    crate::waivers::check(&order.locked.plan, crate::clock::unix_seconds())?;
    crate::limits::capped::check(&order.locked.plan)?;
    check_writes(vault, found, &order.locked.plan)?;
    check_folders(order, host)?;
    check_checkout(order)
}

/// Refuses folders that deploys cannot be given to write.
fn check_folders(order: &Order, host: &Host) -> Result<(), RunError> {
    for node in &order.locked.plan.nodes {
        let Work::Deploy { folders, .. } = &node.work else { continue };
        environments::folders::writable(folders, &host.home, &order.state)
            .map_err(|reason| RunError::Usage(format!("{}: {reason}", node.name)))?;
    }
    Ok(())
}

/// Refuses what no node may write in this repository, such as submodules.
fn check_writes(vault: &Vault, found: &Meant, plan: &Plan) -> Result<(), RunError> {
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
    provider: Option<Provider>,
    courier: Courier,
) -> Result<Workshop, RunError> {
    let mut shop = Workshop::new(admitted, limits, site, courier)
        .map_err(|error| RunError::Host(format!("the proxy does not start: {error}")))?;
    if let Some(provider) = provider {
        let counter = RunCounter {
            courier: shop.courier.clone(),
            pulses: Arc::clone(&shop.pulses),
            refusals: Arc::clone(&shop.refusals),
            prices: Account::of(&shop.plan),
        };
        let gateway = Gateway::start(provider, counter);
        shop.gateway = Some(gateway.map_err(|error| RunError::Host(error.to_string()))?);
    }
    Ok(shop)
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
        .filter(|(_, (_, run))| run.phase.is_busy() && !scheduler.state().closed)
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
fn close(vault: &Vault, books: Books, stop: Option<Stop>) -> Result<Done, RunError> {
    let Books { plan, state, dir } = &books;
    let context = Context { dir, stopped: stop.as_ref().map(ToString::to_string) };
    let report = RunReport::of(plan, state, context)
        .ok_or_else(|| RunError::State("the journal has no first record".to_owned()))?;
    if report.outcome == Some(Outcome::Done) {
        // The branch keeps the base alive from now on.
        vault.unpin(&report.run).map_err(|error| git_state(&error))?;
    }
    let failed = |path: PathBuf| move |error| self::state(&path, &error);
    write_whole_by(&dir.report(), |out| {
        serde_json::to_writer_pretty(&mut *out, &report)?;
        out.write_all(b"\n")
    })
    .map_err(failed(dir.report()))?;
    // The last thing: whoever finds the seal need look for nothing else.
    let (report, nodes) = (report.without_nodes(), plan.nodes.len());
    crate::seal::seal(dir, &plan.base, nodes, &report).map_err(failed(dir.seal()))?;
    Ok(Done { report, nodes, books: Some(books), stop, was_finished: false })
}
