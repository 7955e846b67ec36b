//! From the task graph to the plan: ids become positions, everything is explicit.
//!
//! A plan refers by index to what it holds, in plan order, and nothing in it
//! depends on defaults any more. Unaware of text and diagnostics.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use eufm_plan::{
    Agent, AgentIndex, Environment, EnvironmentIndex, GateIndex, Generated, Input, Node, NodeIndex,
    Origin, Params, Plan, QualityGate, Work as PlanWork, Writes,
};
use rayon::prelude::{
    IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _,
};

use crate::actors::Actors;
use crate::graph::TaskGraph;
use crate::task::{AgentId, EnvironmentId, GateId, GateUse, Task, Work};
use crate::tree::TaskId;
use crate::typed::Spanned;

/// The fewest nodes that are worth a thread.
const GROUP: usize = 500;

/// Lowers a graph to a plan.
pub(crate) fn lower(graph: TaskGraph<'_>, origin: Origin) -> Plan {
    let TaskGraph { spec, order, needs } = graph;
    let groups = spec.tree.group_paths();
    let mut nodes = vec![NodeIndex::new(0); spec.tasks.len()];
    for (position, task) in order.iter().enumerate() {
        nodes[task.get()] = NodeIndex::new(position);
    }
    let agents =
        Used::of(agents_in_use(&spec.tasks, &order), &spec.agents.list, |agent| &agent.qualified);
    let environments = Used::of(
        order
            .iter()
            .flat_map(|id| &spec.tasks[id.get()].env)
            .chain(spec.generated.iter().flat_map(|made| &made.env))
            .map(|id| id.get()),
        &spec.environments.list,
        |environment| &environment.qualified,
    );
    let name_of = |id: TaskId| spec.tree.path(&groups, id);
    let gates = Gates::of(&spec.tasks, &order, &spec.gates, &name_of);
    let omitted = (0..spec.tasks.len()).map(TaskId::new);
    let omitted = omitted.filter(|id| spec.tree.instance(*id).omitted).map(name_of).collect();
    let places = Places {
        nodes: &nodes,
        needs: &needs,
        agents: &agents.places,
        gates: &gates.places,
        adapted: &gates.adapted,
        environments: &environments.places,
    };
    let nodes = in_order(spec.tasks, &order, &|id, task| {
        places.node(id, task, spec.tree.path(&groups, id))
    });
    let agent = |actor: crate::actors::Actor<'_>| Agent {
        name: actor.qualified,
        kind: actor.schema.map_or("", |schema| schema.name).to_owned(),
        params: actor.params,
    };
    let generated = |made: &crate::governance::Made| Generated {
        path: made.path.clone(),
        run: made.run.clone(),
        env: made.env.iter().map(|id| places.environment(*id)).collect(),
        network: made.network.clone(),
    };
    Plan {
        pipeline: spec.pipeline.name.text.to_owned(),
        goal: spec.pipeline.goal.map(Cow::into_owned),
        source: spec.pipeline.source.map(|source| source.value),
        base: spec.pipeline.base.into_owned(),
        window: spec.pipeline.window,
        budget: spec.pipeline.budget,
        generated: spec.generated.iter().map(generated).collect(),
        agents: agents.pick(spec.agents.list).into_iter().map(agent).collect(),
        environments: environments
            .pick(spec.environments.list)
            .into_iter()
            .map(environment)
            .collect(),
        gates: gates.list,
        // Bound to what they hold once the nodes are there.
        scripts: Vec::new(),
        constitution: spec.constitution,
        protected: None,
        nodes,
        omitted,
        prices: spec.prices,
        exchange: spec.exchange,
        origin,
    }
}

/// Makes the nodes in plan order, on several threads where there are many.
fn in_order<'a>(
    tasks: Vec<Task<'a>>,
    order: &[TaskId],
    node: &(dyn Fn(TaskId, Task<'a>) -> Node + Sync),
) -> Vec<Node> {
    let is_sorted = order.len() == tasks.len() && order.is_sorted();
    // Mostly the order is that of the spec; then nothing is moved.
    let tasks = if is_sorted { tasks } else { arranged(tasks, order) };
    let made = |(position, task): (usize, Task<'a>)| node(order[position], task);
    if tasks.len() > GROUP {
        tasks.into_par_iter().enumerate().with_min_len(GROUP).map(made).collect()
    } else {
        tasks.into_iter().enumerate().map(made).collect()
    }
}

/// Returns the tasks in plan order, without those that are taken out.
fn arranged<'a>(tasks: Vec<Task<'a>>, order: &[TaskId]) -> Vec<Task<'a>> {
    let mut tasks: Vec<Option<Task<'_>>> = tasks.into_iter().map(Some).collect();
    order.iter().filter_map(|id| tasks[id.get()].take()).collect()
}

fn agents_in_use<'t>(
    tasks: &'t [Task<'_>],
    order: &'t [TaskId],
) -> impl Iterator<Item = usize> + 't {
    order.iter().filter_map(|id| match &tasks[id.get()].work {
        Work::Agent { agent, .. } => agent.map(AgentId::get),
        _ => None,
    })
}

fn environment(source: crate::environments::Environment<'_>) -> Environment {
    Environment {
        name: source.qualified,
        tools: distinct(source.tools),
        prepare: source.prepare,
        network: source.network,
        key: source.key,
        keep: distinct(source.keep),
    }
}

/// Returns values without repetitions, in their order.
fn distinct(values: Vec<Spanned<Cow<'_, str>>>) -> Vec<String> {
    let mut list: Vec<String> = Vec::with_capacity(values.len());
    let few = values.len() < 16;
    let mut seen = BTreeSet::new();
    for value in values {
        let new = if few {
            !list.iter().any(|known| *known == value.value)
        } else {
            seen.insert(value.value.clone().into_owned())
        };
        if new {
            list.push(value.value.into_owned());
        }
    }
    list
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

/// A gate with the parameters that a task gave it.
type Adaptation = (GateId, Params);

/// The gates of a plan: those that are declared and those that tasks adapted.
struct Gates {
    list: Vec<QualityGate>,
    /// For each declared gate its position in the plan.
    places: Vec<usize>,
    /// For each adapted one its position.
    adapted: BTreeMap<Adaptation, usize>,
}

impl Gates {
    fn of(
        tasks: &[Task<'_>],
        order: &[TaskId],
        all: &Actors<'_>,
        name_of: &dyn Fn(TaskId) -> String,
    ) -> Self {
        let mut declared = vec![false; all.list.len()];
        let mut adapted: BTreeMap<Adaptation, TaskId> = BTreeMap::new();
        for &id in order {
            for gate in &tasks[id.get()].gates {
                match gate {
                    GateUse::Declared(gate) => declared[gate.get()] = true,
                    GateUse::Adapted(with) => {
                        // Named after the first in the spec that uses it.
                        let first = adapted.entry((**with).clone()).or_insert(id);
                        *first = id.min(*first);
                    }
                }
            }
        }
        let gate = |base: GateId, name: String, params: Params| {
            let schema = all.list[base.get()].schema;
            QualityGate { name, kind: schema.map_or("", |schema| schema.name).to_owned(), params }
        };
        let mut found: Vec<(Option<Adaptation>, GateId, QualityGate)> = Vec::new();
        for (position, actor) in all.list.iter().enumerate().filter(|(at, _)| declared[*at]) {
            let id = GateId::new(position);
            found.push((None, id, gate(id, actor.qualified.clone(), actor.params.clone())));
        }
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        for ((base, params), task) in adapted {
            let mut name = format!("{}@{}", all.list[base.get()].qualified, name_of(task));
            let count = names.entry(name.clone()).or_insert(0);
            *count += 1;
            if *count > 1 {
                name = format!("{name}#{count}");
            }
            let key = Some((base, params.clone()));
            found.push((key, base, gate(base, name, params)));
        }
        found.sort_by(|a, b| a.2.name.cmp(&b.2.name));
        let mut gates =
            Self { list: Vec::new(), places: vec![0; all.list.len()], adapted: BTreeMap::new() };
        for (position, (key, base, gate)) in found.into_iter().enumerate() {
            match key {
                None => gates.places[base.get()] = position,
                Some(key) => {
                    gates.adapted.insert(key, position);
                }
            }
            gates.list.push(gate);
        }
        gates
    }
}

/// Where everything stands in the plan, by its id.
struct Places<'a> {
    nodes: &'a [NodeIndex],
    needs: &'a [Vec<TaskId>],
    agents: &'a [usize],
    gates: &'a [usize],
    adapted: &'a BTreeMap<Adaptation, usize>,
    environments: &'a [usize],
}

impl Places<'_> {
    fn environment(&self, id: EnvironmentId) -> EnvironmentIndex {
        EnvironmentIndex::new(self.environments[id.get()])
    }

    fn gate(&self, gate: &GateUse) -> GateIndex {
        let position = match gate {
            GateUse::Declared(id) => self.gates[id.get()],
            GateUse::Adapted(with) => self.adapted.get(&**with).copied().unwrap_or_default(),
        };
        GateIndex::new(position)
    }

    fn node(&self, id: TaskId, task: Task<'_>, name: String) -> Node {
        let mut needs: Vec<_> =
            self.needs[id.get()].iter().map(|need| self.nodes[need.get()]).collect();
        needs.sort_unstable();
        let work = match task.work {
            Work::Agent { agent, prompt, session } => PlanWork::Agent {
                // A checked spec has no task without an agent.
                agent: AgentIndex::new(agent.map_or(0, |agent| self.agents[agent.get()])),
                prompt: prompt.into_owned(),
                session: session.map(|session| self.nodes[session.value.get()]),
            },
            Work::Command(command) => PlanWork::Command(command),
            Work::Approval { ask } => PlanWork::Approval { ask: ask.into_owned() },
            Work::Deploy { command, folders, recovery } => {
                PlanWork::Deploy { command, folders: distinct(folders), recovery }
            }
        };
        let input = |input: crate::task::Input| Input {
            node: self.nodes[input.task.get()],
            part: input.part,
        };
        Node {
            name,
            work,
            needs,
            after_writer: Vec::new(),
            accept: task.accept,
            implements: distinct(task.implements),
            inputs: task.inputs.into_iter().map(input).collect(),
            reads: task.reads.map(distinct),
            writes: task
                .writes
                .map_or(Writes::Unprotected, |writes| Writes::Globs(distinct(writes))),
            overlap: task.overlap,
            env: task.env.iter().map(|id| self.environment(*id)).collect(),
            gates: task.gates.iter().map(|gate| self.gate(gate)).collect(),
            budget: task.budget,
            on_fail: task.on_fail,
        }
    }
}
