//! The phases of a compile, in their order.
//!
//! Each goes on with stand-ins for what it could not read, so that mistakes are
//! collected; behind [`check::check`] there are none.

use std::collections::BTreeMap;

use eufm_grammar::ast::{Edition, Item, Spec};
use eufm_grammar::{Diagnostic, Diagnostics, SourceMap, Span};
use eufm_plan::schema::Catalog;
use eufm_plan::units::Currency;
use eufm_plan::{Derived, Digest, Origin, Plan, Source};

use crate::actors::{Actors, Family};
use crate::environments::Environments;
use crate::files::Files;
use crate::graph::TaskGraph;
use crate::load::{Loaded, Place, load};
use crate::meter::Meter;
use crate::money::Tables;
use crate::resolve::Shared;
use crate::scope::Scopes;
use crate::spec::ResolvedSpec;
use crate::task::{Task, Work};
use crate::tree::{Instance, TaskTree};
use crate::wording::{Suggester, quoted};
use crate::world::World;
use crate::{
    EDITION, Request, Sources, bindings, check, expand, governance, lower, modules, paths, project,
    protected, proven, resolve, scripts, verify, writers,
};

/// What a compile is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A plan; a spec that makes none is an error.
    Plan,
    /// Only the findings; a file without pipeline and work is there to be used.
    Check,
}

/// Runs the phases; without a plan there is an error, or nothing to be planned. With the
/// plan comes what is derived from it.
pub(crate) fn run(
    sources: &dyn Sources,
    request: &Request,
    catalog: &Catalog<'_>,
    purpose: Purpose,
    map: &SourceMap,
    out: &mut Diagnostics,
) -> Option<(Plan, Derived)> {
    let loaded = load(sources, &request.spec, map, out)?;
    let is_used_only = purpose == Purpose::Check && declares_only(&loaded.last()?.spec);
    // The digests of the texts are made beside the rest, as they depend on nothing else.
    let (spec, digests) = rayon::join(
        || resolved(&loaded, sources, request, catalog, is_used_only, map, out),
        || -> Vec<Digest> { map.iter().map(|file| Digest::of(file.text().as_bytes())).collect() },
    );
    let checked = check::check(spec, out)?;
    if is_used_only {
        return None;
    }
    let graph = TaskGraph::build(checked);
    let origin = origin(&graph.spec, map, digests, &request.spec);
    let most = usize::try_from(graph.spec.world.meter.edges).unwrap_or(usize::MAX);
    let heads = graph.heads();
    let pipeline = graph.spec.pipeline.name.span;
    let places = scripts::Places::of(&graph.spec);
    let mut plan = lower::lower(graph, origin);
    writers::insert(&mut plan, most, &heads, out);
    if out.has_errors() {
        // Without the order that is lacking nothing of the plan can be proven.
        return None;
    }
    let modules = loaded.iter().filter_map(|file| file.place.file());
    plan.protected = protected::of(&plan, &request.spec, modules);
    let origins = match verify::insert(&mut plan, most) {
        Ok(origins) => origins,
        Err(verify::Beyond { deploy, is_listed }) => {
            let place = deploy.map_or(pipeline, |deploy| heads[deploy]);
            out.push(if is_listed { too_many_gates(place, most) } else { too_many_before(place) });
            return None;
        }
    };
    scripts::bind(&mut plan, &places, sources, out);
    // The tree of the texts has served; it is millions of small pieces.
    let (derived, ()) = rayon::join(|| Derived::of(&plan), || drop(loaded));
    proven::check(&derived.proofs, &heads, &origins, out);
    (!out.has_errors()).then_some((plan, derived))
}

fn too_many_gates(deploy: Span, most: usize) -> Diagnostic {
    let message = format!("what is verified has more than {most} gates, all together");
    Diagnostic::error("E0213", message)
        .at(deploy, "too many here")
        .help("let one deploy do the work of several, or use fewer gates that are adapted in place")
}

fn too_many_before(deploy: Span) -> Diagnostic {
    Diagnostic::error("E0213", "what stands before all deploys is too much to be looked at")
        .at(deploy, "too much from here on")
        .help("let one deploy do the work of several")
}

/// Tells whether a file has neither pipeline nor work.
fn declares_only(spec: &Spec<'_>) -> bool {
    let works = |item: &Item<'_>| match item {
        Item::Declaration(item) => matches!(
            item.keyword.text,
            "pipeline" | "task" | "command" | "approval" | "deploy" | "group"
        ),
        Item::Call(_) => true,
        _ => false,
    };
    let declares = |item: &Item<'_>| {
        matches!(item, Item::Declaration(_) | Item::Binding(_) | Item::Exchange(_))
    };
    !spec.items.iter().any(works) && spec.items.iter().any(declares)
}

fn resolved<'a>(
    loaded: &'a [Loaded<'a>],
    sources: &'a dyn Sources,
    request: &Request,
    catalog: &Catalog<'_>,
    is_used_only: bool,
    map: &SourceMap,
    out: &mut Diagnostics,
) -> ResolvedSpec<'a> {
    let suggester = Suggester::new();
    loaded.iter().for_each(|file| edition(&file.spec, out));
    let bytes: usize = map.iter().map(|file| file.text().len()).sum();
    let mut world = World {
        modules: modules::index(loaded, &suggester, out),
        scopes: Scopes::default(),
        files: Files::new(sources),
        meter: Meter::new(bytes as u64),
        doubtful_defaults: false,
        is_used_only,
    };
    let params = bindings::bind(&request.settings, &mut world, out);
    let environments = Environments::read(&world, out);
    let agents = Actors::read(Family::Agents, catalog.agents, &world, out);
    let gates = Actors::read(Family::Gates, catalog.gates, &world, out);
    let rules = Actors::read(Family::Rules, catalog.rules, &world, out);
    let root = &loaded[world.spec().get()].spec;
    let pipelines = world.modules[world.spec().get()].pipelines.clone();
    let before = out.errors();
    let damaged =
        world.modules[world.spec().get()].damaged || is_used_only || root.items.is_empty();
    let pipeline = project::read(&pipelines, damaged, root.span, &world, out);
    let is_whole = pipelines.first().map_or(!damaged, |pipeline| pipeline.complete);
    world.doubtful_defaults = out.errors() > before || !is_whole;
    let tree = expand::expand(&root.items, pipelines.first().copied(), &mut world, out);
    let shared = Shared {
        world: &world,
        tree: &tree,
        agents: &agents,
        gates: &gates,
        environments: &environments,
    };
    let tasks = resolve::tasks(shared, out);
    let module = &world.modules[world.spec().get()];
    if tree.instances.is_empty() && !damaged && !out.has_errors() {
        out.push(no_work(pipeline.name.span));
    }
    let constitution =
        governance::constitution(&module.constitutions, &rules, catalog.rules, &world, out);
    let generated = governance::generated(&module.generated, &environments, &world, out);
    let tables = Tables::read(&world, out);
    let models = models(&tasks, &tree, &agents);
    // What a file that cannot be read would have said is not missing.
    let is_whole = |file: &Loaded<'_>| file.failed.is_empty();
    let is_read = |module: &modules::Module<'_>| !module.damaged;
    let cap = first_cap(&pipeline, &tasks, &tree)
        .filter(|_| loaded.iter().all(is_whole) && world.modules.iter().all(is_read));
    let prices = tables.prices(&models, cap.map(|(_, span)| span), out);
    let exchange = tables.exchange(&prices, cap, out);
    ResolvedSpec {
        world,
        loaded,
        pipeline,
        agents,
        gates,
        environments,
        tree,
        tasks,
        constitution,
        generated,
        prices,
        exchange,
        params,
    }
}

/// Returns the currency of the first cap on money, with its place: that of the
/// run, or else of a task.
fn first_cap(
    pipeline: &project::Pipeline<'_>,
    tasks: &[Task<'_>],
    tree: &TaskTree<'_>,
) -> Option<(Currency, Span)> {
    let budget = &pipeline.budget;
    let run = budget.cost.map(|cost| (cost, pipeline.cost));
    let run = run.or(budget.rate.map(|rate| (rate.0, pipeline.rate)));
    let run = run.map(|(money, span)| (money.currency, span.unwrap_or(pipeline.name.span)));
    let task = |(task, instance): (&Task<'_>, &Instance<'_>)| {
        let cost = task.budget.cost.filter(|_| !instance.omitted)?;
        Some((cost.currency, task.cost.unwrap_or(instance.item.head)))
    };
    run.or_else(|| tasks.iter().zip(&tree.instances).find_map(task))
}

fn no_work(span: Span) -> Diagnostic {
    Diagnostic::error("E0212", "there is no task and no command: nothing would be done")
        .at(span, "has no work")
        .help(
            "add a task, as in `task greet by builder { prompt = \"…\", writes = [\"hello/**\"] }`",
        )
}

/// Returns the models of the agents in use, each with the place of an agent.
fn models(tasks: &[Task<'_>], tree: &TaskTree<'_>, agents: &Actors<'_>) -> BTreeMap<String, Span> {
    let mut used = vec![false; agents.list.len()];
    for (task, instance) in tasks.iter().zip(&tree.instances) {
        if let (Work::Agent { agent: Some(agent), .. }, false) = (&task.work, instance.omitted) {
            used[agent.get()] = true;
        }
    }
    let agents = agents.list.iter().zip(used).filter(|(_, used)| *used);
    agents
        .filter_map(|(agent, _)| Some((agent.params.text("model")?.to_owned(), agent.name.span)))
        .collect()
}

/// Checks that a file begins with an edition that is known, and has no other.
fn edition(spec: &Spec, out: &mut Diagnostics) {
    let known = EDITION.to_string();
    let help = format!("begin the file with `edition {known}`");
    let Some(first) = spec.items.first() else {
        // A text of which nothing could be read is reported already.
        if !out.has_errors() {
            let start = Span::new(spec.span.file(), 0..0);
            let finding = Diagnostic::error("E0211", "the spec is empty").at(start, "nothing here");
            out.push(finding.help(help));
        }
        return;
    };
    let place = match first {
        Item::Edition(edition) => {
            if edition.number.text != known {
                out.push(unknown_edition(edition, &known));
            }
            None
        }
        Item::Declaration(declaration) => Some(declaration.keyword.span),
        Item::Use(item) => Some(item.span),
        Item::Binding(binding) => Some(binding.keyword.span),
        Item::Call(call) => Some(call.name.span),
        Item::Exchange(exchange) => Some(exchange.head),
        Item::Unknown(opening) => Some(opening.keyword.span),
        Item::Damaged(opening) => {
            (opening.keyword.text != "edition").then_some(opening.keyword.span)
        }
    };
    if let Some(place) = place {
        let message = "the spec does not begin with its edition";
        out.push(Diagnostic::error("E0211", message).at(place, "begins with this").help(help));
    }
    for item in spec.items.iter().skip(1) {
        if let Item::Edition(edition) = item {
            let finding = Diagnostic::error("E0211", "an edition stands behind other items")
                .at(edition.span, "not the first item")
                .help("the edition is said once, first in the file; remove this line or move it there");
            out.push(finding);
        }
    }
}

fn unknown_edition(edition: &Edition, known: &str) -> Diagnostic {
    let message = format!("this version does not know edition {}", quoted(edition.number.text));
    Diagnostic::error("E0211", message)
        .at(edition.number.span, "unknown")
        .help(format!("write `edition {known}`, or use a newer version of eufm"))
}

/// Says what a plan is made from. Paths are relative to the spec's folder, so
/// that the place of the repository does not matter.
fn origin(spec: &ResolvedSpec<'_>, map: &SourceMap, digests: Vec<Digest>, path: &str) -> Origin {
    let folder = paths::folder_of(path);
    let mut sources: Vec<Source> = Vec::new();
    let places = in_loading_order(spec.loaded, map);
    for ((file, digest), loaded) in map.iter().zip(digests).zip(places) {
        let path = match loaded {
            Some(Place::Standard(name)) => format!("std.{name}"),
            _ => paths::from_folder(folder, file.path()),
        };
        sources.push(Source { path, digest });
    }
    for (path, digest) in spec.world.files.digests() {
        let is_folder = path.ends_with('/');
        let way = paths::from_folder(folder, &path);
        let path = if is_folder { format!("{way}/") } else { way };
        sources.push(Source { path, digest });
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources.dedup_by(|a, b| a.path == b.path);
    let up = folder.split('/').filter(|part| !part.is_empty()).count();
    let root = if up == 0 { ".".to_owned() } else { vec![".."; up].join("/") };
    Origin {
        spec: path.rsplit('/').next().unwrap_or(path).to_owned(),
        root,
        edition: EDITION,
        compiler: env!("CARGO_PKG_VERSION").to_owned(),
        params: spec.params.clone(),
        sources,
    }
}

/// Returns the place of each text of the map.
fn in_loading_order<'l>(loaded: &'l [Loaded<'_>], map: &SourceMap) -> Vec<Option<&'l Place>> {
    map.iter()
        .map(|file| loaded.iter().map(|it| &it.place).find(|place| place.name() == file.path()))
        .collect()
}
