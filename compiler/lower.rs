//! From the task graph to the plan: ids become positions, everything is explicit.
//!
//! A plan refers by index to what it holds, in plan order, and nothing in it
//! depends on defaults any more. Unaware of text and diagnostics.

use std::collections::BTreeSet;

use eufm_plan::{
    Agent, AgentIndex, Environment, EnvironmentIndex, GateIndex, Node, NodeBudget, NodeIndex,
    Origin, Plan, QualityGate, RunBudget, Work as PlanWork,
};

use rayon::prelude::{
    IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _,
};

use crate::graph::TaskGraph;
use crate::resolved::{Actor, Spanned, Task, TaskId, Work};

/// The fewest nodes that are worth a thread.
const GROUP: usize = 500;

/// Lowers a graph to a plan.
pub(crate) fn lower(graph: TaskGraph<'_>, origin: Origin) -> Plan {
    let paths = graph.tree.paths();
    let (tasks, shared) = (graph.tree.tasks, graph.tree.declarations);
    let mut nodes = vec![NodeIndex::new(0); tasks.len()];
    for (position, task) in graph.order.iter().enumerate() {
        nodes[task.get()] = NodeIndex::new(position);
    }
    let agents = Used::of(
        tasks.iter().filter_map(|task| match &task.work {
            Work::Agent { agent, .. } => Some(agent.get()),
            Work::Command { .. } => None,
        }),
        &shared.agents,
        |agent| agent.name.text,
    );
    let gates = Used::of(
        tasks.iter().flat_map(|task| task.gates.iter().map(|gate| gate.get())),
        &shared.gates,
        |gate| gate.name.text,
    );
    let environments = Used::of(
        tasks.iter().flat_map(|task| task.env.iter().map(|environment| environment.get())),
        &shared.environments,
        |environment| environment.name.text,
    );
    let places = Places {
        nodes,
        agents: &agents.places,
        gates: &gates.places,
        environments: &environments.places,
    };
    let node = |task: &TaskId| places.node(&tasks[task.get()], &paths[task.get()]);
    let order = &graph.order;
    let nodes = if order.len() > GROUP {
        order.par_iter().with_min_len(GROUP).map(node).collect()
    } else {
        order.iter().map(node).collect()
    };
    let agent = |actor: Actor<'_>| Agent {
        name: actor.name.text.to_owned(),
        kind: actor.kind.to_owned(),
        params: actor.params,
    };
    let gate = |actor: Actor<'_>| QualityGate {
        name: actor.name.text.to_owned(),
        kind: actor.kind.to_owned(),
        params: actor.params,
    };
    Plan {
        pipeline: shared.pipeline.name.text.to_owned(),
        goal: shared.pipeline.goal.map(str::to_owned),
        base: shared.pipeline.base.to_owned(),
        budget: RunBudget { wall: shared.pipeline.wall, parallel: shared.pipeline.parallel },
        environments: environments.pick(shared.environments).iter().map(environment).collect(),
        agents: agents.pick(shared.agents).into_iter().map(agent).collect(),
        gates: gates.pick(shared.gates).into_iter().map(gate).collect(),
        nodes,
        origin,
    }
}

fn environment(source: &crate::resolved::Environment<'_>) -> Environment {
    Environment { name: source.name.text.to_owned(), tools: distinct(&source.tools) }
}

/// Returns values without repetitions, in their order.
fn distinct(values: &[Spanned<&str>]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let new = values.iter().map(|found| found.value).filter(|value| seen.insert(*value));
    new.map(str::to_owned).collect()
}

/// Declarations in use, sorted by name.
struct Used {
    /// The ids in plan order.
    sorted: Vec<usize>,
    /// For each id its position in the plan.
    places: Vec<usize>,
}

impl Used {
    fn of<T>(
        ids: impl Iterator<Item = usize>,
        all: &[T],
        name: impl for<'t> Fn(&'t T) -> &'t str,
    ) -> Self {
        let mut used = vec![false; all.len()];
        ids.for_each(|id| used[id] = true);
        let mut sorted: Vec<usize> = (0..all.len()).filter(|&id| used[id]).collect();
        sorted.sort_by(|&a, &b| name(&all[a]).cmp(name(&all[b])));
        let mut places = vec![0; all.len()];
        for (position, &id) in sorted.iter().enumerate() {
            places[id] = position;
        }
        Self { sorted, places }
    }

    fn pick<T>(&self, all: Vec<T>) -> Vec<T> {
        let mut all: Vec<Option<T>> = all.into_iter().map(Some).collect();
        self.sorted.iter().filter_map(|&id| all[id].take()).collect()
    }
}

/// Where everything stands in the plan, by its id.
struct Places<'a> {
    nodes: Vec<NodeIndex>,
    agents: &'a [usize],
    gates: &'a [usize],
    environments: &'a [usize],
}

impl Places<'_> {
    fn node(&self, task: &Task<'_>, name: &str) -> Node {
        let mut needs: Vec<_> =
            task.needs.iter().map(|need| self.nodes[need.value.get()]).collect();
        needs.sort_unstable();
        let work = match &task.work {
            Work::Agent { agent, prompt } => PlanWork::Agent {
                agent: AgentIndex::new(self.agents[agent.get()]),
                prompt: (*prompt).to_owned(),
            },
            Work::Command { run } => {
                PlanWork::Command { run: run.iter().map(|&part| part.to_owned()).collect() }
            }
        };
        let environment = |id: &crate::resolved::EnvironmentId| {
            EnvironmentIndex::new(self.environments[id.get()])
        };
        Node {
            name: name.to_owned(),
            work,
            needs,
            writes: distinct(&task.writes),
            env: task.env.iter().map(environment).collect(),
            gates: task.gates.iter().map(|id| GateIndex::new(self.gates[id.get()])).collect(),
            budget: NodeBudget { wall: task.wall, attempts: task.attempts },
        }
    }
}
