//! The key of a node's result: a digest of everything that decides it.
//!
//! Two nodes with one key would do the same, so a result can be taken over. The
//! digests of the parts are kept beside it, to name what differs. What only
//! bounds the work or reacts to its end (budget, `on_fail`, order) is no part.
//! Pure; unaware of where results are kept. See docs/run-state.md.

use std::collections::BTreeMap;

use eufm_plan::{Command, Digest, Node, ParamValue, Params, Plan, Work};
use serde::{Deserialize, Serialize};

use crate::git::TreeId;
use crate::inputs::Digests;

/// Raised when the runner itself comes to give nodes something else to see or
/// to be told, so that results of before are not taken for results of now.
const GENERATION: &str = "1";

/// How many hexadecimal digits of a part's digest are kept: they name what
/// differs, and decide nothing.
const PART_DIGITS: usize = 16;

/// The key of a node's result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeKey {
    /// The digest of all parts.
    pub digest: Digest,
    /// The beginning of each part's digest, by the part's name for people.
    pub parts: BTreeMap<String, String>,
}

/// What a node finds that does not stand in the plan.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    /// The files it sees.
    pub tree: TreeId,
    /// The own files of each of its gates, in the node's order.
    pub gates: Vec<Digest>,
    /// The key files of each of its environments, in the node's order.
    pub environments: Vec<Digest>,
    /// Its inputs, and the session that it goes on from.
    pub given: Digests,
}

/// The part that is not content: the files that the node sees.
pub(crate) const TREE: &str = "tree";

/// Says why a node's result is never taken over; `None` where it may be.
#[must_use]
pub(crate) fn never_cached(node: &Node) -> Option<&'static str> {
    match &node.work {
        Work::Approval { .. } => Some("a person is asked each time"),
        Work::Verify { .. } => Some("what was merged is verified each time"),
        Work::Deploy { .. } => Some("a deploy has its effect outside"),
        Work::Command(command) if !command.secrets.is_empty() => Some("it gets secrets"),
        Work::Command(command) if !command.network.is_empty() => {
            Some("it reaches hosts, and what they answer is not known")
        }
        Work::Command(command) if command.in_place => Some("it works in the user's checkout"),
        Work::Agent { .. } | Work::Command(_) => None,
    }
}

/// Makes the key of a node.
#[must_use]
pub(crate) fn key_of(plan: &Plan, node: &Node, found: &Found) -> NodeKey {
    let mut parts = Parts::default();
    parts.add("generation", &[GENERATION]);
    parts.add("node", &[&node.name]);
    parts.work(plan, &node.work);
    if let Some(reads) = &node.reads {
        parts.list("reads", reads);
    }
    match node.writes.globs() {
        Some(globs) => parts.list("writes", globs),
        None => {
            parts.add("writes", &["unprotected"]);
            let protected = plan.protected.clone().unwrap_or_default();
            let lists = [protected.paths, protected.existing, protected.named];
            let digests: Vec<String> = lists.iter().map(|list| digest_of(list)).collect();
            parts.list("protected", &digests);
        }
    }
    let gates = node.gates.iter().map(|gate| &plan.gates[gate.get()]);
    parts.list("gates", &gates.clone().map(|gate| gate.name.clone()).collect::<Vec<_>>());
    for (gate, files) in gates.zip(&found.gates) {
        parts.kind(&format!("gate {}", gate.name), &gate.kind, &gate.params);
        parts.add(&format!("files of gate {}", gate.name), &[&files.to_string()]);
    }
    for (index, files) in node.env.iter().zip(&found.environments) {
        let environment = &plan.environments[index.get()];
        let name = &environment.name;
        let lists = [&environment.tools, &environment.prepare, &environment.network];
        let lists = [&lists[..], &[&environment.key, &environment.keep]].concat();
        let digests: Vec<String> = lists.iter().map(|list| digest_of(list)).collect();
        parts.list(&format!("environment {name}"), &digests);
        parts.add(&format!("key files of environment {name}"), &[&files.to_string()]);
    }
    for (title, digest) in &found.given.inputs {
        parts.add(&format!("input {title}"), &[&digest.to_string()]);
    }
    if let Some(key) = &found.given.session {
        parts.add("session", &[&key.to_string()]);
    }
    for file in &plan.generated {
        parts.list(&format!("generated {}", file.path), &file.run);
    }
    parts.add(TREE, &[found.tree.as_str()]);
    parts.key()
}

fn digest_of<S: AsRef<str>>(list: &[S]) -> String {
    let bytes: Vec<&[u8]> = list.iter().map(|item| item.as_ref().as_bytes()).collect();
    Digest::of_parts(&bytes).to_string()
}

/// The parts with their whole digests.
#[derive(Default)]
struct Parts(BTreeMap<String, String>);

impl Parts {
    fn add(&mut self, name: &str, values: &[&str]) {
        self.0.insert(name.to_owned(), digest_of(values));
    }

    fn list(&mut self, name: &str, values: &[String]) {
        self.0.insert(name.to_owned(), digest_of(values));
    }

    fn work(&mut self, plan: &Plan, work: &Work) {
        self.add("kind", &[work.kind()]);
        if let Work::Agent { agent, prompt, .. } = work {
            let agent = &plan.agents[agent.get()];
            self.add("prompt", &[prompt]);
            self.add("agent kind", &[&agent.kind]);
            for (key, value) in &agent.params.0 {
                self.param(&format!("agent parameter {key}"), value);
            }
        }
        if let Some(command) = work.command() {
            self.command(command);
        }
    }

    fn command(&mut self, command: &Command) {
        self.list("run", &command.run);
        self.add("cwd", &[command.cwd.as_deref().unwrap_or_default()]);
        let vars = command.vars.iter().map(|(name, value)| format!("{name}={value}"));
        self.list("vars", &vars.collect::<Vec<_>>());
        self.list("ok", &command.ok.iter().map(u8::to_string).collect::<Vec<_>>());
        self.add("stdout", &[command.stdout.as_deref().unwrap_or_default()]);
    }

    fn kind(&mut self, name: &str, kind: &str, params: &Params) {
        let mut values = vec![kind.to_owned()];
        for (key, value) in &params.0 {
            values.push(key.clone());
            values.push(spell(value));
        }
        self.list(name, &values);
    }

    fn param(&mut self, name: &str, value: &ParamValue) {
        self.add(name, &[&spell(value)]);
    }

    fn key(self) -> NodeKey {
        let all: Vec<&str> =
            self.0.iter().flat_map(|(name, digest)| [name.as_str(), digest.as_str()]).collect();
        let bytes: Vec<&[u8]> = all.iter().map(|text| text.as_bytes()).collect();
        let digest = Digest::of_parts(&bytes);
        let short = |digest: &str| {
            digest.trim_start_matches("sha256:").chars().take(PART_DIGITS).collect::<String>()
        };
        let parts = self.0.iter().map(|(name, digest)| (name.clone(), short(digest)));
        NodeKey { digest, parts: parts.collect() }
    }
}

/// Text and list of one text are different values.
fn spell(value: &ParamValue) -> String {
    match value {
        ParamValue::Text(text) => format!("text {text}"),
        ParamValue::List(list) => format!("list {}", digest_of(list)),
    }
}

impl NodeKey {
    /// Names the parts in which another key differs from this one.
    #[must_use]
    pub fn changed(&self, other: &Self) -> Vec<String> {
        let names = self.parts.keys().chain(other.parts.keys());
        let differs = |name: &&String| self.parts.get(*name) != other.parts.get(*name);
        let mut names: Vec<String> = names.filter(differs).cloned().collect();
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use eufm_plan::{
        Agent, AgentIndex, Environment, EnvironmentIndex, OnFail, Recovery, Writes, units::Millis,
    };

    use super::*;
    use crate::state_test::{Sketch, plan_of};

    fn found() -> Found {
        let tree = TreeId::new(&"a".repeat(40)).expect("an id");
        let given =
            Digests { inputs: vec![("a.answer".to_owned(), Digest::of(b"i"))], session: None };
        let (gates, environments) = (vec![Digest::of(b"g")], vec![Digest::of(b"e")]);
        Found { tree, gates, environments, given }
    }

    /// A command with a gate and an environment.
    fn plan() -> Plan {
        let mut plan = plan_of(&[Sketch { needs: vec![], gates: 1, attempts: 2 }], 1);
        plan.environments = vec![Environment { name: "rust".to_owned(), ..Environment::default() }];
        plan.nodes[0].env = vec![EnvironmentIndex::new(0)];
        plan.nodes[0].reads = Some(vec!["src/**".to_owned()]);
        plan
    }

    fn agent_plan() -> Plan {
        let mut plan = plan();
        let text = |key: &str, value: &str| (key.to_owned(), ParamValue::Text(value.to_owned()));
        let params = Params(vec![text("cli", "1"), text("model", "m")]);
        plan.agents = vec![Agent { name: "a".to_owned(), kind: "codex".to_owned(), params }];
        let (agent, prompt) = (AgentIndex::new(0), "Do it.".to_owned());
        plan.nodes[0].work = Work::Agent { agent, prompt, session: None };
        plan
    }

    fn key(plan: &Plan) -> NodeKey {
        key_of(plan, &plan.nodes[0], &found())
    }

    fn command(plan: &mut Plan) -> &mut Command {
        match &mut plan.nodes[0].work {
            Work::Command(command) => command,
            work => panic!("no command: {work:?}"),
        }
    }

    /// What changes in the key when the plan does.
    fn changed(plan: fn() -> Plan, change: impl FnOnce(&mut Plan)) -> Vec<String> {
        let mut other = plan();
        change(&mut other);
        let (before, after) = (key(&plan()), key(&other));
        let changed = before.changed(&after);
        assert_eq!(changed.is_empty(), before.digest == after.digest, "{changed:?}");
        changed
    }

    #[test]
    fn what_is_protected_counts_where_no_writes_are_listed() {
        let mut plan = plan();
        let listed = key(&plan);
        plan.protected = Some(eufm_plan::Protected::default());
        assert_eq!(key(&plan).changed(&listed), [""; 0]);
        plan.nodes[0].writes = Writes::Unprotected;
        let open = key(&plan);
        assert_eq!(open.changed(&listed), ["protected", "writes"]);
        plan.protected.as_mut().expect("it was put there").named = vec!["a".to_owned()];
        assert_eq!(key(&plan).changed(&open), ["protected"]);
    }

    #[test]
    fn each_part_of_the_content_changes_the_key_and_is_named() {
        type Change = fn(&mut Plan);
        let one = || vec!["x".to_owned()];
        let changes: &[(Change, &str)] = &[
            (|plan| plan.nodes[0].name = "other".to_owned(), "node"),
            (|plan| command(plan).run = vec!["false".to_owned()], "run"),
            (|plan| command(plan).cwd = Some("x".to_owned()), "cwd"),
            (|plan| command(plan).vars = vec![("A".to_owned(), "1".to_owned())], "vars"),
            (|plan| command(plan).ok = vec![1], "ok"),
            (|plan| command(plan).stdout = Some("x".to_owned()), "stdout"),
            (|plan| plan.nodes[0].reads = None, "reads"),
            (|plan| plan.gates[0].kind = "tests".to_owned(), "gate unit"),
            (
                |plan| {
                    let list = ParamValue::List(vec!["x".to_owned()]);
                    plan.gates[0].params = Params(vec![("run".to_owned(), list)]);
                },
                "gate unit",
            ),
        ];
        for (change, name) in changes {
            assert_eq!(changed(plan, change), [*name]);
        }
        type Field = fn(&mut Environment) -> &mut Vec<String>;
        let fields: [Field; 5] = [
            |it| &mut it.tools,
            |it| &mut it.prepare,
            |it| &mut it.network,
            |it| &mut it.key,
            |it| &mut it.keep,
        ];
        for field in fields {
            let changed = changed(plan, |plan| *field(&mut plan.environments[0]) = one());
            assert_eq!(changed, ["environment rust"]);
        }
        assert_eq!(
            changed(plan, |plan| plan.nodes[0].gates.clear()),
            ["files of gate unit", "gate unit", "gates"]
        );
    }

    #[test]
    fn each_part_of_an_agent_changes_the_key_and_is_named() {
        let set = |plan: &mut Plan, at: usize| {
            plan.agents[0].params.0[at].1 = ParamValue::Text("2".to_owned());
        };
        assert_eq!(changed(agent_plan, |plan| set(plan, 0)), ["agent parameter cli"]);
        assert_eq!(changed(agent_plan, |plan| set(plan, 1)), ["agent parameter model"]);
        assert_eq!(
            changed(agent_plan, |plan| plan.agents[0].kind = "x".to_owned()),
            ["agent kind"]
        );
        let reworded = changed(agent_plan, |plan| {
            let (agent, prompt) = (AgentIndex::new(0), "Do that.".to_owned());
            plan.nodes[0].work = Work::Agent { agent, prompt, session: None };
        });
        assert_eq!(reworded, ["prompt"]);
        // The agent's name is the author's word for it.
        assert_eq!(changed(agent_plan, |plan| plan.agents[0].name = "b".to_owned()), [""; 0]);
    }

    #[test]
    fn what_the_node_finds_changes_the_key_and_is_named() {
        let (plan, before) = (plan(), key(&plan()));
        let changed = |change: fn(&mut Found)| {
            let mut found = found();
            change(&mut found);
            before.changed(&key_of(&plan, &plan.nodes[0], &found))
        };
        assert_eq!(changed(|found| found.gates[0] = Digest::of(b"")), ["files of gate unit"]);
        assert_eq!(
            changed(|found| found.environments[0] = Digest::of(b"")),
            ["key files of environment rust"]
        );
        assert_eq!(changed(|found| found.given.inputs[0].1 = Digest::of(b"")), ["input a.answer"]);
        assert_eq!(changed(|found| found.given.inputs.clear()), ["input a.answer"]);
        assert_eq!(changed(|found| found.given.session = Some(Digest::of(b"s"))), ["session"]);
        let other = changed(|found| found.tree = TreeId::new(&"b".repeat(40)).expect("an id"));
        assert_eq!(other, [TREE]);
    }

    #[test]
    fn what_only_bounds_or_orders_the_work_is_no_part() {
        let kept = changed(plan, |plan| {
            plan.pipeline = "other".to_owned();
            plan.budget.parallel = 9;
            let node = &mut plan.nodes[0];
            node.budget.attempts = 9;
            node.budget.wall = Some(Millis(1));
            node.on_fail = OnFail::Stop;
            node.implements = vec!["FR-001".to_owned()];
            node.overlap = eufm_plan::Overlap::Merge;
            plan.nodes.push(plan.nodes[0].clone());
        });
        assert_eq!(kept, [""; 0]);
    }

    #[test]
    fn lists_and_texts_that_read_alike_are_different() {
        let run = |run: &[&str]| {
            let mut plan = plan();
            command(&mut plan).run = run.iter().map(|&word| word.to_owned()).collect();
            key(&plan).digest
        };
        assert_ne!(run(&["a", "b"]), run(&["a b"]));
        assert_ne!(run(&["a", ""]), run(&["a"]));
        let text = ParamValue::Text("a".to_owned());
        assert_ne!(spell(&text), spell(&ParamValue::List(vec!["a".to_owned()])));
    }

    #[test]
    fn what_reaches_beyond_its_files_is_never_cached() {
        type Change = fn(&mut Plan);
        let changes: &[Change] = &[
            |plan| plan.nodes[0].work = Work::Approval { ask: String::new() },
            |plan| {
                let (command, recovery) = (Box::default(), Recovery::Ask);
                plan.nodes[0].work = Work::Deploy { command, folders: Vec::new(), recovery };
            },
            |plan| command(plan).secrets = vec!["S".to_owned()],
            |plan| command(plan).network = vec!["h".to_owned()],
            |plan| command(plan).in_place = true,
        ];
        for change in changes {
            let mut plan = plan();
            assert_eq!(never_cached(&plan.nodes[0]), None);
            change(&mut plan);
            assert!(never_cached(&plan.nodes[0]).is_some(), "{:?}", plan.nodes[0]);
        }
        assert_eq!(never_cached(&agent_plan().nodes[0]), None);
    }

    #[test]
    fn a_key_survives_its_written_form() {
        let key = key(&plan());
        let text = serde_json::to_string(&key).expect("JSON");
        assert_eq!(serde_json::from_str::<NodeKey>(&text).expect("read"), key);
        assert!(text.len() < 1_500, "{} bytes a record", text.len());
    }
}
