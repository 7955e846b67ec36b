//! Any plan, for the tests: built from a list of choices, so that shrinking
//! them simplifies it.
//!
//! Unaware of how plans are written.

use std::collections::BTreeSet;

use proptest::prelude::{Strategy, any, prop};

use super::items::{is_inside, is_variable};
use crate::ancestry::{leaves, owed};
use crate::id::{is_label, is_name};
use crate::proof::{Proof, Verdict, proofs};
use crate::units::{Bytes, Currency, Millis, Money, Price, Rate, Tokens};
use crate::{
    Accept, Agent, AgentIndex, Command, Constitution, Digest, Environment, EnvironmentIndex,
    Exchange, FINAL_VERIFY, GateIndex, Generated, Input, InputPart, Level, LongPrompt, ModelPrice,
    Node, NodeBudget, NodeIndex, OnFail, Origin, Overlap, ParamValue, Params, Plan, Protected,
    QualityGate, Recovery, Rule, RuleIndex, RunBudget, Script, Source, UNMAPPED_MAX, Unmapped,
    Waiver, Work, Writes, priced, scripts, verify_name,
};

/// Makes a plan of texts and choices; what runs out of choices gets the first.
pub(crate) fn plan(texts: &[String], choices: &[u32]) -> Plan {
    let mut plan = Builder { choices: choices.iter(), texts }.plan();
    // A plan of which a proof fails is none: its node with secrets gets none then.
    let failed = |plan: &Plan| proofs(plan).into_iter().find(|it| it.verdict == Verdict::Fails);
    while let Some(Proof { witness, .. }) = failed(&plan) {
        let node = witness.last().expect("the witness ends where it shows");
        let work = &mut plan.nodes[node.get()].work;
        let (Work::Command(command) | Work::Deploy { command, .. }) = work else { break };
        command.secrets.clear();
    }
    plan
}

/// Texts that are names, and others with the characters that matter most.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    proptest::prop_oneof![
        2 => "[a-z][a-z0-9_-]{0,8}",
        1 => "[a-z]{1,3}(/[a-z]{1,3}(\\[\"[ a-z]{0,4}\"\\])?){0,2}",
        1 => prop::collection::vec(any::<char>(), 0..12).prop_map(String::from_iter),
        1 => "[ \"\\\\\n\r\t#\\[\\]=%a]{0,12}",
    ]
}

struct Builder<'a> {
    choices: std::slice::Iter<'a, u32>,
    texts: &'a [String],
}

impl Builder<'_> {
    fn below(&mut self, bound: usize) -> usize {
        self.choices.next().map_or(0, |&choice| choice as usize % bound)
    }

    fn number(&mut self) -> u64 {
        self.below(1_000_000) as u64
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn maybe<T>(&mut self, make: impl Fn(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 1).then(|| make(self))
    }

    fn text(&mut self) -> String {
        self.one(self.texts)
    }

    fn texts(&mut self, least: usize) -> Vec<String> {
        let count = least + self.below(4);
        (0..count).map(|_| self.text()).collect()
    }

    fn path(&mut self) -> String {
        let text = self.text();
        if is_inside(&text) { text } else { "a/b of c%.d".to_owned() }
    }

    /// Keys in order, each once, of those that hold.
    fn keys(&mut self, holds: impl Fn(&str) -> bool) -> Vec<String> {
        let keys = self.texts(0).into_iter().filter(|key| holds(key));
        BTreeSet::from_iter(keys).into_iter().collect()
    }

    /// Names in order, each once, at least one.
    fn names(&mut self) -> Vec<String> {
        let mut names = BTreeSet::from_iter(self.keys(is_label));
        names.insert("zz".to_owned());
        names.into_iter().collect()
    }

    fn money(&mut self, currency: &str) -> Money {
        let currency = Currency::parse(currency).expect("a currency of the tests");
        Money { micros: 1 + self.number(), currency }
    }

    fn price(&mut self) -> Price {
        Price(self.money("USD"))
    }

    fn wall(&mut self) -> Millis {
        Millis(self.one(&[1, 1_000, 60_000, 3_600_000]) * self.number())
    }

    fn tokens(&mut self) -> Tokens {
        Tokens(self.one(&[1, 1_000, 1_000_000]) * self.number())
    }

    fn memory(&mut self) -> Bytes {
        Bytes(self.one(&[1, 1 << 10, 1 << 20, 1 << 40]) * (self.number() % 1_000))
    }

    fn date(&mut self) -> String {
        self.one(&["2026-06-12", "2024-02-29"]).to_owned()
    }

    fn params(&mut self) -> Params {
        let own = ["kind", "level", "cite", "line", "waived"];
        let keys = self.keys(|key| !own.contains(&key)).into_iter().rev();
        let value = |key| match self.below(2) {
            0 => (key, ParamValue::Text(self.text())),
            _ => (key, ParamValue::List(self.texts(0))),
        };
        Params(keys.map(value).collect())
    }

    fn some_of<T>(&mut self, count: usize, index: impl Fn(usize) -> T) -> Vec<T> {
        (0..count).filter(|_| self.below(3) == 1).map(index).collect()
    }

    fn command(&mut self) -> Box<Command> {
        let shell = self.below(3) == 1;
        let line = || vec!["sh".to_owned(), "-c".to_owned()];
        let vars = self.keys(is_variable).into_iter();
        Box::new(Command {
            vars: vars.map(|name| (name, self.text().replace('\0', ""))).collect(),
            run: if shell { [line(), vec![self.text()]].concat() } else { self.texts(1) },
            cwd: self.maybe(Self::path),
            ok: self.some_of(256, |status| u8::try_from(status).expect("below 256")),
            stdout: self.maybe(Self::path),
            network: self.texts(0),
            secrets: self.keys(is_variable),
            in_place: self.below(3) == 1,
            shell,
        })
    }

    fn work(&mut self, before: &[Node], agents: usize) -> Work {
        let sessions = || before.iter().enumerate();
        let sessions: Vec<NodeIndex> = sessions()
            .filter(|(_, node)| matches!(node.work, Work::Agent { .. }))
            .map(|(position, _)| NodeIndex::new(position))
            .collect();
        match self.below(5) {
            0 | 4 => Work::Agent {
                agent: AgentIndex::new(self.below(agents)),
                prompt: self.texts(1).join("\n"),
                session: self
                    .maybe(|it| it.below(sessions.len().max(1)))
                    .and_then(|at| sessions.get(at).copied()),
            },
            1 => Work::Command(self.command()),
            2 => Work::Approval { ask: self.text() },
            _ => Work::Deploy {
                command: Box::new(Command { in_place: false, stdout: None, ..*self.command() }),
                folders: self.folders(),
                recovery: match self.below(4) {
                    0 => Recovery::Ask,
                    1 => Recovery::Rerun,
                    2 => Recovery::Skip,
                    _ => Recovery::Probe(self.texts(1)),
                },
            },
        }
    }

    fn folders(&mut self) -> Vec<String> {
        let root = self.one(&["/", "~/"]);
        let folders = (0..self.below(3)).map(|_| format!("{root}{}", self.path()));
        folders.collect()
    }

    fn inputs(&mut self, before: &[Node]) -> Vec<Input> {
        let mut inputs = Vec::new();
        for (position, node) in before.iter().enumerate() {
            let own = match &node.work {
                Work::Agent { .. } => InputPart::Answer,
                Work::Command(_) | Work::Deploy { .. } => InputPart::Stdout,
                Work::Approval { .. } => InputPart::Note,
                Work::Verify { .. } => InputPart::Diff,
            };
            let part = match self.below(6) {
                1 => own,
                2 => InputPart::Diff,
                3 => InputPart::File(self.path()),
                _ => continue,
            };
            inputs.push(Input { node: NodeIndex::new(position), part });
        }
        inputs.reverse();
        inputs
    }

    fn node(&mut self, before: &[Node], counts: [usize; 3], name: String) -> Node {
        let [environments, agents, gates] = counts;
        let globs = self.below(4) != 3;
        Node {
            name,
            work: self.work(before, agents),
            needs: self.some_of(before.len(), NodeIndex::new),
            after_writer: Vec::new(),
            accept: self.one(&[Accept::All, Accept::Succeeded]),
            implements: self.texts(0),
            inputs: self.inputs(before),
            reads: self.maybe(|it| it.texts(0)),
            writes: if globs { Writes::Globs(self.texts(0)) } else { Writes::Unprotected },
            overlap: self.one(&[Overlap::Order, Overlap::Merge, Overlap::Deny]),
            env: self.some_of(environments, EnvironmentIndex::new),
            gates: self.some_of(gates, GateIndex::new).into_iter().rev().collect(),
            budget: NodeBudget {
                cost: self.maybe(|it| it.money("EUR")),
                wall: self.maybe(Self::wall),
                tokens: self.maybe(Self::tokens),
                memory: self.maybe(Self::memory),
                attempts: 1 + u32::try_from(self.below(100)).expect("below 100"),
            },
            on_fail: self.one(&[OnFail::GoOn, OnFail::Escalate, OnFail::Stop]),
        }
    }

    /// Chooses what a node that writes is behind: the last that does, so that all are in
    /// order, and some others.
    fn writers_before(&mut self, nodes: &[Node], node: &Node) -> Vec<NodeIndex> {
        if !node.is_writer() {
            return Vec::new();
        }
        let may_be =
            |at: &NodeIndex| nodes[at.get()].is_writer() && node.needs.binary_search(at).is_err();
        let last = (0..nodes.len()).rev().map(NodeIndex::new);
        let mut some = self.some_of(nodes.len(), NodeIndex::new);
        some.extend(last.filter(|at| nodes[at.get()].is_writer()).take(1));
        some.sort_unstable();
        some.dedup();
        some.into_iter().filter(may_be).collect()
    }

    /// Puts a deploy behind its verify node, and maybe an approval between them.
    fn deploy(&mut self, nodes: &mut Vec<Node>, node: Node, rules: Option<&Constitution>) {
        let count = rules.map_or(0, |constitution| constitution.rules.len());
        let plain = Node {
            after_writer: Vec::new(),
            accept: Accept::All,
            implements: Vec::new(),
            inputs: Vec::new(),
            reads: None,
            writes: Writes::Globs(Vec::new()),
            env: Vec::new(),
            gates: Vec::new(),
            budget: NodeBudget { attempts: 1, ..NodeBudget::default() },
            ..node.clone()
        };
        let verify = NodeIndex::new(nodes.len());
        nodes.push(Node {
            name: verify_name(&node.name),
            work: Work::Verify { rules: (0..count).map(RuleIndex::new).collect() },
            ..plain.clone()
        });
        let owed = owed(nodes, &[verify], usize::MAX).expect("there is no bound").remove(0);
        let last = nodes.last_mut().expect("it was pushed");
        (last.gates, last.env) = (owed.gates, owed.env);
        let mut needs = vec![verify];
        if self.below(2) == 1 {
            needs.push(NodeIndex::new(nodes.len()));
            let name = format!("{}/ask", node.name);
            let work = Work::Approval { ask: self.text() };
            nodes.push(Node { name, work, needs: vec![verify], ..plain });
        }
        let (accept, writes) = (Accept::All, Writes::Globs(Vec::new()));
        let budget = NodeBudget { attempts: 1, ..node.budget };
        nodes.push(Node { needs, accept, writes, budget, reads: None, gates: Vec::new(), ..node });
    }

    fn protected(&mut self, nodes: &[Node]) -> Option<Protected> {
        let is_open = nodes.iter().any(|node| node.writes == Writes::Unprotected);
        is_open.then(|| Protected {
            paths: self.texts(0),
            existing: self.texts(0),
            named: self.keys(is_inside),
        })
    }

    /// Puts a node at the end that judges all.
    fn judge(&mut self, nodes: &mut Vec<Node>, counts: [usize; 3], rules: usize) {
        let node = self.node(&[], counts, FINAL_VERIFY.to_owned());
        let place = NodeIndex::new(nodes.len());
        nodes.push(Node {
            work: Work::Verify { rules: (0..rules).map(RuleIndex::new).collect() },
            needs: leaves(nodes),
            accept: Accept::Succeeded,
            implements: Vec::new(),
            inputs: Vec::new(),
            reads: None,
            writes: Writes::Globs(Vec::new()),
            budget: NodeBudget { attempts: 1, ..node.budget },
            on_fail: OnFail::GoOn,
            ..node
        });
        let owed = owed(nodes, &[place], usize::MAX).expect("there is no bound").remove(0);
        let last = nodes.last_mut().expect("it was pushed");
        (last.gates, last.env) = (owed.gates, owed.env);
    }

    fn budget(&mut self) -> RunBudget {
        RunBudget {
            cost: self.maybe(|it| it.money("EUR")),
            rate: self.maybe(|it| Rate(it.money("EUR"))),
            wall: self.maybe(Self::wall),
            tokens: self.maybe(Self::tokens),
            memory: self.maybe(Self::memory),
            parallel: 1 + u32::try_from(self.below(9)).expect("below 9"),
        }
    }

    fn environment(&mut self, name: String) -> Environment {
        Environment {
            name,
            tools: self.texts(0),
            prepare: self.texts(0),
            network: self.texts(0),
            key: self.texts(0),
            keep: self.texts(0),
        }
    }

    fn constitution(&mut self) -> Constitution {
        let levels = [Level::Must, Level::Should, Level::May];
        let names = self.names();
        let rule = |name| Rule {
            name,
            kind: self.text(),
            level: self.one(&levels),
            cite: self.texts(1).join("\n"),
            line: 1 + u32::try_from(self.below(1_000)).expect("below 1,000"),
            waiver: self.maybe(|it| {
                let by = it.text().replace(": ", " ").trim_end_matches(':').to_owned();
                Waiver { until: it.date(), by, reason: it.text() }
            }),
            params: self.params(),
        };
        let rules = names.into_iter().map(rule).collect();
        let mut line = 0;
        let mut sentence = |it: &mut Self| {
            line += 1 + u32::try_from(it.below(9)).expect("below 9");
            Unmapped { line, text: it.text() }
        };
        let (count, more) = self.one(&[(0, 0), (2, 0), (UNMAPPED_MAX, 7)]);
        Constitution {
            path: self.path(),
            digest: Digest::of(self.text().as_bytes()),
            unmapped: (0..count).map(|_| sentence(self)).collect(),
            unmapped_more: more,
            rules,
        }
    }

    fn model(&mut self, model: String) -> ModelPrice {
        let long = |it: &mut Self| LongPrompt {
            above: it.tokens(),
            input: it.price(),
            cached: it.maybe(Self::price),
            cache_write: it.maybe(Self::price),
            output: it.price(),
        };
        ModelPrice {
            model,
            input: self.price(),
            cached: self.maybe(Self::price),
            cache_write: self.maybe(Self::price),
            output: self.price(),
            long: self.maybe(long),
            max_output: self.maybe(Self::tokens),
            date: self.date(),
            source: self.text(),
        }
    }

    fn exchange(&mut self) -> Vec<Exchange> {
        let rates = [("AUD", "EUR"), ("EUR", "RON"), ("EUR", "USD"), ("USD", "EUR")];
        let chosen = self.some_of(rates.len(), |at| rates[at]);
        chosen.into_iter().map(|rate| self.rate(rate)).collect()
    }

    fn rate(&mut self, (from, to): (&str, &str)) -> Exchange {
        Exchange {
            from: self.money(from),
            to: self.money(to),
            date: self.date(),
            source: self.text(),
        }
    }

    fn origin(&mut self) -> Origin {
        let source = |path: String| Source { digest: Digest::of(path.as_bytes()), path };
        Origin {
            spec: format!("{}.eufm", self.text().replace(['/', '\\', '\0'], "")),
            root: self.one(&[".", "..", "../../.."]).to_owned(),
            edition: 1,
            compiler: self.text(),
            params: self.keys(is_name).into_iter().map(|name| (name, self.text())).collect(),
            sources: self.keys(|_| true).into_iter().map(source).collect(),
        }
    }

    fn generated(&mut self, environments: usize) -> Vec<Generated> {
        let paths = self.keys(is_inside).into_iter();
        let generated = |path| Generated {
            path,
            run: self.texts(1),
            env: self.some_of(environments, EnvironmentIndex::new),
            network: self.texts(0),
        };
        paths.map(generated).collect()
    }

    fn plan(&mut self) -> Plan {
        let environments: Vec<_> =
            self.names().into_iter().map(|name| self.environment(name)).collect();
        let names = self.names();
        let agent = |name| Agent { name, kind: self.text(), params: self.params() };
        let agents: Vec<_> = names.into_iter().map(agent).collect();
        let names = self.names();
        let gate = |name| QualityGate { name, kind: self.text(), params: self.params() };
        let gates: Vec<_> = names.into_iter().map(gate).collect();
        let counts = [environments.len(), agents.len(), gates.len()];
        let constitution = self.maybe(Self::constitution);
        let mut nodes: Vec<Node> = Vec::new();
        let mut omitted = Vec::new();
        for name in self.names().into_iter().rev() {
            if self.below(4) == 3 {
                omitted.push(name);
            } else {
                let mut node = self.node(&nodes, counts, name);
                node.after_writer = self.writers_before(&nodes, &node);
                match node.work {
                    Work::Deploy { .. } => self.deploy(&mut nodes, node, constitution.as_ref()),
                    _ => nodes.push(node),
                }
            }
        }
        let rules = constitution.as_ref().map_or(0, |constitution| constitution.rules.len());
        if rules > 0 && !nodes.iter().any(|node| matches!(node.work, Work::Deploy { .. })) {
            self.judge(&mut nodes, counts, rules);
        }
        let protected = self.protected(&nodes);
        let mut plan = Plan {
            scripts: Vec::new(),
            generated: self.generated(counts[0]),
            pipeline: "p".to_owned(),
            goal: self.maybe(Self::text),
            source: self.maybe(Self::path),
            base: self.text(),
            window: self.maybe(|it| {
                it.one(&["22:00-06:00 UTC", "01:30-02:30 Europe/Bucharest"]).to_owned()
            }),
            budget: self.budget(),
            environments,
            agents,
            gates,
            constitution,
            protected,
            nodes,
            omitted,
            prices: self.names().into_iter().map(|model| self.model(model)).collect(),
            exchange: self.exchange(),
            origin: self.origin(),
        };
        if priced::check(&plan).is_err() {
            self.price_models(&mut plan);
        }
        self.bind(&mut plan);
        plan
    }

    /// Gives all agents one model that has a price, and the rate that it needs.
    fn price_models(&mut self, plan: &mut Plan) {
        if plan.prices.is_empty() {
            plan.prices.push(self.model("m".to_owned()));
        }
        let model = ParamValue::Text(plan.prices[0].model.clone());
        for agent in &mut plan.agents {
            agent.params.0.retain(|(key, _)| key != "model");
            agent.params.0.push(("model".to_owned(), model.clone()));
        }
        if priced::check(plan).is_err() {
            plan.exchange.push(self.rate(("USD", "EUR")));
        }
    }

    /// Binds some of the files that checks and deploys run.
    fn bind(&mut self, plan: &mut Plan) {
        let named: Vec<String> = scripts::named(plan).into_keys().collect();
        for path in named {
            if self.below(3) == 1 {
                let digest = Digest::of(self.text().as_bytes());
                plan.scripts.push(Script { path, digest });
            }
        }
    }
}
