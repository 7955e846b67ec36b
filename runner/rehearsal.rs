//! Rehearses a plan: prepares its environments and runs each of its gates once,
//! all on the base commit, as a run would.
//!
//! Nothing of a run begins: no journal, no branch, no agent. What is prepared
//! stays, so that a run finds it. A gate that fails on the base is told and no
//! fault: a plan may be there to make it pass. Unaware of how it is shown.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use eufm_plan::lockfile::Locked;
use eufm_plan::{EnvironmentIndex, GateIndex, QualityGate};
use serde::Serialize;

use crate::cache::Cache;
use crate::environments::{self, Shelf, Unready};
use crate::error::RunError;
use crate::gates::Verdict;
use crate::git::{Git, Vault};
use crate::preflight::{Host, admit};
use crate::printable;
use crate::pulse::Pulse;
use crate::run::{limits, search_path, usage};
use crate::secrets::Secrets;
use crate::steps::{self, Bench, GATE_LIMIT_DEFAULT, Place, Ruling};
use crate::store::Store;
use crate::workshop::{Courier, Site, StepError, Workshop};

/// The name that takes the place of a run's.
const NAME: &str = "rehearsal";

/// What came of rehearsing a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rehearsal {
    /// The commit it was rehearsed on.
    pub base: String,
    /// The environments, in the order of the plan.
    pub environments: Vec<Preparation>,
    /// The gates, each with every set of environments that it is to see.
    pub gates: Vec<Trial>,
}

/// What came of preparing an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Preparation {
    /// The environment.
    pub environment: String,
    /// Why it cannot be prepared; absent when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The last lines that its program wrote, if it failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// The file with all that it wrote, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<PathBuf>,
}

/// What came of a gate on the base commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// The gate.
    pub gate: String,
    /// The environments that it saw.
    pub environments: Vec<String>,
    /// Its verdict on the base commit.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// Whether its program ran and ended by itself, so that the verdict tells
    /// something about the base.
    pub ran: bool,
    /// The file with its output; absent when it was not started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<PathBuf>,
}

impl Rehearsal {
    /// Tells whether all could be prepared and every gate could judge.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.environments.iter().all(|it| it.failure.is_none())
            && self.gates.iter().all(|trial| trial.ran && trial.verdict != Verdict::Unknown)
    }
}

/// Rehearses a plan on a repository; its state, which is locked meanwhile, lies
/// in `state`. `note` hears what takes long.
///
/// # Errors
/// Fails when the plan does not fit the repository or the host.
pub fn rehearse(
    mut locked: Locked,
    repository: &Path,
    state: &Path,
    host: &Host,
    note: &mut dyn FnMut(&str),
) -> Result<Rehearsal, RunError> {
    // No agent is started, so none has to be there.
    Arc::make_mut(&mut locked.plan).agents.clear();
    crate::process::adopt_orphans()
        .map_err(|error| RunError::Host(format!("orphans cannot be waited for: {error}")))?;
    let store = Store::open(state)?;
    let git = Git::find(&search_path(host)?).map_err(|error| usage(&error))?;
    let vault = Vault::open(&git, repository, &store.vault()).map_err(|error| usage(&error))?;
    vault.take_over().map_err(|error| RunError::State(error.to_string()))?;
    let base = vault.resolve(&locked.plan.base).map_err(|error| usage(&error))?;
    crate::constitution::check(&vault, &base, &locked.plan)?;
    crate::scripts::check(&vault, &base, &locked.plan)?;
    let dir = store.rehearsal()?;
    std::fs::create_dir_all(dir.work()).map_err(|error| RunError::State(error.to_string()))?;
    let site = Site {
        run: NAME.to_owned(),
        base,
        vault,
        dir,
        checkout: repository.to_owned(),
        shelf: Shelf::new(store.environments()?),
        // Gates get none.
        secrets: Secrets::default(),
        host: host.clone(),
        cache: Cache::of(store.root()),
        takes_results: false,
    };
    // Nobody listens: no fact is told.
    let (courier, _inbox) = Courier::new();
    let admitted = admit(locked, host, store.root(), &[])?;
    let limits = limits(&admitted.locked.plan, host, &site.dir)?;
    let shop = Workshop::new(admitted, limits, site, courier)
        .map_err(|error| RunError::Host(format!("the proxy does not start: {error}")))?;
    clear(&shop)?;
    let result = on(&shop, note);
    clear(&shop)?;
    crate::limits::clear(shop.dir.root()).map_err(|error| RunError::State(error.to_string()))?;
    result.map_err(|error| RunError::Host(error.to_string()))
}

fn on(shop: &Workshop, note: &mut dyn FnMut(&str)) -> Result<Rehearsal, StepError> {
    let all = (0..shop.plan.environments.len()).map(EnvironmentIndex::new);
    let environments = all.map(|index| prepare(shop, index, note)).collect::<Result<_, _>>()?;
    let mut seen = BTreeSet::new();
    let mut gates = Vec::new();
    for node in &shop.plan.nodes {
        for gate in &node.gates {
            if seen.insert((*gate, node.env.clone())) {
                note(&format!("gate {}", shop.plan.gates[gate.get()].name));
                gates.push(attempt(shop, *gate, &node.env)?);
            }
        }
    }
    Ok(Rehearsal { base: shop.base.to_string(), environments, gates })
}

fn prepare(
    shop: &Workshop,
    index: EnvironmentIndex,
    note: &mut dyn FnMut(&str),
) -> Result<Preparation, StepError> {
    let environment = shop.plan.environments[index.get()].name.clone();
    let said = std::cell::RefCell::new(note);
    let tell = |text: &str| (said.borrow_mut())(text);
    let limit = environments::LIMIT_DEFAULT;
    Ok(match environments::prepare_base(shop, index, limit, &tell) {
        Ok(()) => Preparation { environment, failure: None, output: String::new(), log: None },
        Err(Unready::Failed(failure)) => Preparation {
            environment,
            failure: Some(printable::line(&failure.reason, 400)),
            output: failure.output,
            log: failure.log,
        },
        Err(Unready::Stopped) => return Err(StepError::Left),
        Err(Unready::Step(error)) => return Err(error),
    })
}

fn attempt(
    shop: &Workshop,
    index: GateIndex,
    which: &[EnvironmentIndex],
) -> Result<Trial, StepError> {
    let gate = &shop.plan.gates[index.get()];
    let names = which.iter().map(|it| shop.plan.environments[it.get()].name.clone());
    let (name, environments) = (gate.name.clone(), names.collect());
    let place = Place::make(shop, &shop.dir.work().join("gate"), &shop.base)?;
    let limit = shop.plan.budget.wall.map_or(GATE_LIMIT_DEFAULT, |it| Duration::from_millis(it.0));
    let handed = environments::hand_out(shop, which, &shop.base, &place, limit, &|_: &str| {});
    let trial = match handed {
        Ok(outfit) => {
            let (logs, pulse) = (shop.dir.root().join("logs"), Pulse::new());
            let bench = Bench {
                place: &place,
                outfit: &outfit,
                logs: &logs,
                pulse: &pulse,
                limit,
                memory: None,
            };
            let ruling = steps::judge_gate(shop, gate, &bench)?.ok_or(StepError::Left)?;
            let log = Some(steps::gate_log(gate, &logs));
            let unstarted = unstarted(gate, &ruling);
            let ran = unstarted.is_none() && ruling.evidence.finish.status().is_some();
            let (verdict, reason) = match unstarted {
                Some(said) => (Verdict::Unknown, said),
                None => on_base(gate, ruling)?,
            };
            Trial { gate: name, environments, verdict, reason, ran, log }
        }
        Err(Unready::Failed(failure)) => {
            let (verdict, reason) = (Verdict::Unknown, printable::line(&failure.to_string(), 400));
            Trial { gate: name, environments, verdict, reason, ran: false, log: None }
        }
        Err(Unready::Stopped) => return Err(StepError::Left),
        Err(Unready::Step(error)) => return Err(error),
    };
    place.remove()?;
    Ok(trial)
}

/// Returns what a gate comes to on the base: what fails there has failed before.
fn on_base(gate: &QualityGate, ruling: Ruling) -> Result<(Verdict, String), StepError> {
    let (kind, _) = steps::gate_command(gate)?;
    let Ruling { mut judgement, evidence, .. } = ruling;
    if kind.is_compared(gate, &evidence) {
        judgement = kind.compare(gate, &evidence, &kind.baseline(gate, &evidence));
    }
    Ok((judgement.verdict, judgement.reason))
}

/// Returns what bubblewrap said where it could not start the gate's program: it
/// ends with 1 then, as a program may, and nothing else was written.
fn unstarted(gate: &QualityGate, ruling: &Ruling) -> Option<String> {
    let (_, run) = steps::gate_command(gate).ok()?;
    let said = String::from_utf8_lossy(&ruling.output);
    let line = said.strip_suffix('\n')?;
    let begin = format!("bwrap: execvp {}: ", run.first()?);
    (line.starts_with(&begin) && !line.contains('\n')).then(|| printable::line(line, 200))
}

/// Removes what a rehearsal that was killed has left, and the places of this one.
fn clear(shop: &Workshop) -> Result<(), RunError> {
    let clear = |vault: &Vault, work: &Path| -> Result<(), StepError> {
        environments::clear_unfinished(shop)?;
        let place = work.join("gate");
        crate::orphans::end_all(&place.join("tree"))?;
        Place::clear(vault, &place)?;
        Ok(())
    };
    clear(&shop.vault, &shop.dir.work()).map_err(|error| RunError::State(error.to_string()))
}
