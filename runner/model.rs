//! What answers the agents of a run: a script, a recording, or a provider that
//! is really asked. Finds out before anything starts whether it is to be had.
//!
//! Unaware of requests and of what they cost.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use eufm_plan::{Agent, Plan};

use crate::agents::codex;
use crate::error::RunError;
use crate::executors::GO_ON;
use crate::gateway::circuit::Circuit;
use crate::gateway::recording::{Head, Matching, Recorder, RecorderOptions, Recording};
use crate::gateway::upstream::{Endpoint, Key, KeySource, Patience, Proxies, Upstream};
use crate::gateway::{Live, Player, Provider, Script, Way};
use crate::ledger::Tariffs;
use crate::workshop::{Courier, Message};

/// How much longer than an outage may last one request is sent again while the
/// provider answers others. In an outage of all the run is stopped first.
const OWN_OUTAGE: Duration = Duration::from_secs(60);

/// What is to answer the agents of a run.
#[derive(Debug)]
pub enum Model {
    /// Replies that were written by hand.
    Script(Script),
    /// What was recorded before.
    Recording {
        /// The folder.
        path: PathBuf,
        /// How an answer is found in it.
        matching: Matching,
    },
    /// The providers that the plan names.
    Provider {
        /// Where the key comes from.
        key: KeySource,
        /// The proxies of the user's environment.
        proxies: Proxies,
        /// How long it is waited.
        patience: Patience,
        /// Where what is asked and answered is recorded, if it is.
        record: Option<PathBuf>,
        /// How long a request may be sent again and again.
        outage_max: Option<Duration>,
    },
}

/// What answers, with what a person should know of it.
pub(crate) struct Found {
    /// What the gateway is started with.
    pub provider: Provider,
    /// Remarks, a line each.
    pub remarks: Vec<String>,
}

/// Finds what answers the agents of a plan in a run of this name.
///
/// # Errors
/// Fails when it is not to be had, or does not fit the plan.
pub(crate) fn find(
    model: Model,
    plan: &Plan,
    run: &str,
    courier: &Courier,
) -> Result<Found, RunError> {
    match model {
        Model::Script(script) => {
            let names = plan.nodes.iter().map(|node| node.name.as_str());
            script.check(names).map_err(unavailable)?;
            let provider = Provider::Script { script, go_on: GO_ON.to_owned() };
            Ok(Found { provider, remarks: Vec::new() })
        }
        Model::Recording { path, matching } => {
            let recording = Recording::open(&path, GO_ON).map_err(unavailable)?;
            let mut remarks = recording.notes().to_vec();
            let misfit = recording.fit(plan).into_iter();
            remarks.extend(misfit.map(|it| format!("{}: {}", it.place, it.message)));
            Ok(Found { provider: Provider::Recording(Player::new(recording, matching)), remarks })
        }
        Model::Provider { key, proxies, patience, record, outage_max } => {
            let found = key.read().map_err(unavailable)?;
            let mut remarks: Vec<String> = found.warning.into_iter().collect();
            let recorder = record.map(|root| recorder(&root, plan, run, &found.key)).transpose()?;
            remarks.extend(recorder.iter().flat_map(|recorder| recorder.notes().to_vec()));
            let reached = Reached { key: found.key, proxies, patience };
            let ways = ways(plan, &reached, courier)?;
            let again = outage_max.map(|most| most + OWN_OUTAGE);
            Ok(Found {
                provider: Provider::Live(Live::new(ways, recorder.map(Arc::new), again)),
                remarks,
            })
        }
    }
}

fn unavailable(error: impl std::fmt::Display) -> RunError {
    RunError::Unavailable(error.to_string())
}

fn recorder(root: &Path, plan: &Plan, run: &str, key: &Key) -> Result<Recorder, RunError> {
    let params = |name: &'static str| {
        let mut all: Vec<String> = plan
            .agents
            .iter()
            .filter_map(|agent| agent.params.text(name).map(str::to_owned))
            .collect();
        all.sort();
        all.dedup();
        all
    };
    let head = Head {
        pipeline: plan.pipeline.clone(),
        run: run.to_owned(),
        models: params("model"),
        agents: params("cli"),
    };
    let secrets = vec![key.secret().to_owned()];
    let options = RecorderOptions { head, go_on: GO_ON.to_owned(), secrets };
    Recorder::create(root, options).map_err(|error| RunError::Usage(error.to_string()))
}

/// How providers are reached.
struct Reached {
    key: Key,
    proxies: Proxies,
    patience: Patience,
}

/// Finds the way of each agent's requests. Agents of one provider share its
/// connections, and all share one breaker: a key has one account.
fn ways(plan: &Plan, reached: &Reached, courier: &Courier) -> Result<Vec<Arc<Way>>, RunError> {
    let teller = courier.clone();
    let circuit = Circuit::new(fastrand::u64(..), move |away| {
        teller.send(Message::Provider(away.cloned()));
    });
    let tariffs = Tariffs::of(plan);
    let mut upstreams: Vec<(&str, Arc<Upstream>)> = Vec::new();
    let mut ways = Vec::with_capacity(plan.agents.len());
    for (position, agent) in plan.agents.iter().enumerate() {
        let url = codex::url(agent);
        let known = upstreams.iter().find(|(known, _)| *known == url);
        let upstream = match known {
            Some((_, upstream)) => Arc::clone(upstream),
            None => Arc::new(upstream(url, reached)?),
        };
        upstreams.push((url, Arc::clone(&upstream)));
        let most = tariffs
            .agent(eufm_plan::AgentIndex::new(position))
            .and_then(|tariff| tariff.max_output);
        let output_fixed = output_fixed(agent, most)?;
        let model = agent.params.text("model").unwrap_or_default().to_owned();
        ways.push(Arc::new(Way { upstream, circuit: circuit.clone(), model, output_fixed }));
    }
    Ok(ways)
}

fn upstream(url: &str, reached: &Reached) -> Result<Upstream, RunError> {
    let Reached { key, proxies, patience } = reached;
    let (key, proxies, patience) = (key.clone(), proxies.clone(), *patience);
    Upstream::new(Endpoint { url: url.to_owned(), key, proxies, patience }).map_err(unavailable)
}

/// Returns what an answer is reserved with where the provider does not let
/// itself be told how long it may be: the model's whole limit.
fn output_fixed(agent: &Agent, most: Option<u64>) -> Result<Option<u64>, RunError> {
    match (codex::ignores_output_max(agent), most) {
        (false, _) => Ok(None),
        (true, Some(most)) => Ok(Some(most)),
        (true, None) => Err(RunError::Unavailable(format!(
            "agent {}: `output_max = model` needs the model's limit\n  help: say `max_output = …` \
             in its `prices`",
            agent.name
        ))),
    }
}
