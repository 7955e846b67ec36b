//! The tables of plan.lock that are no node: caps, environments, kinds, rules,
//! generated files, shared texts, prices and exchange rates.
//!
//! What is not given is not written. Unaware of nodes and of how values are
//! escaped.

use std::fmt::Write as _;

use super::{INTO_STRING, Writer};
use crate::lockfile::items::spell_rate;
use crate::{
    Agent, Constitution, Environment, Exchange, Generated, ModelPrice, ParamValue, Params, Plan,
    Protected, QualityGate, RunBudget, Script,
};

impl Writer {
    pub(super) fn run_budget(&mut self, budget: &RunBudget) {
        self.line(format_args!("\n[budget]"));
        self.plain_if("cost", budget.cost);
        self.plain_if("rate", budget.rate);
        self.plain_if("wall", budget.wall);
        self.plain_if("tokens", budget.tokens);
        self.plain_if("memory", budget.memory);
        self.line(format_args!("parallel = {}", budget.parallel));
    }

    pub(super) fn environment(&mut self, environment: &Environment) {
        self.table("environment", &environment.name);
        self.list("tools", &environment.tools);
        self.list_if("network", &environment.network);
        self.list_if("prepare", &environment.prepare);
        self.list_if("key", &environment.key);
        self.list_if("keep", &environment.keep);
    }

    pub(super) fn agent(&mut self, agent: &Agent) {
        self.table("agent", &agent.name);
        self.kind(&agent.kind, &agent.params);
    }

    pub(super) fn gate(&mut self, gate: &QualityGate) {
        self.table("gate", &gate.name);
        self.kind(&gate.kind, &gate.params);
    }

    fn kind(&mut self, kind: &str, params: &Params) {
        self.string("kind", kind);
        self.params(params);
    }

    fn params(&mut self, params: &Params) {
        for (key, value) in &params.0 {
            match value {
                ParamValue::Text(text) => self.text(key, text),
                ParamValue::List(list) => self.list(key, list),
            }
        }
    }

    pub(super) fn constitution(&mut self, constitution: &Constitution) {
        self.line(format_args!("\n[constitution]"));
        self.string("path", &constitution.path);
        self.plain("digest", constitution.digest);
        let unmapped: Vec<String> = constitution.unmapped.iter().map(ToString::to_string).collect();
        self.list_if("unmapped", &unmapped);
        if constitution.unmapped_more > 0 {
            self.line(format_args!("unmapped_more = {}", constitution.unmapped_more));
        }
        for rule in &constitution.rules {
            self.table("rule", &rule.name);
            self.string("kind", &rule.kind);
            self.plain("level", rule.level.word());
            self.text("cite", &rule.cite);
            self.line(format_args!("line = {}", rule.line));
            if let Some(waiver) = &rule.waiver {
                self.text("waived", &waiver.to_string());
            }
            self.params(&rule.params);
        }
    }

    pub(super) fn protected(&mut self, protected: &Protected) {
        // A new key is written here or nowhere: without `..` this does not compile.
        let Protected { paths, existing, named } = protected;
        self.line(format_args!("\n[protected]"));
        self.list("paths", paths);
        self.list("existing", existing);
        self.list("named", named);
    }

    pub(super) fn generated(&mut self, plan: &Plan, file: &Generated) {
        self.table("generated", &file.path);
        self.list_if("network", &file.network);
        if !file.env.is_empty() {
            self.environments(plan, &file.env);
        }
        self.list("run", &file.run);
    }

    pub(super) fn shared_text(&mut self, name: &str, text: &str) {
        self.table("text", name);
        self.text("text", text);
    }

    pub(super) fn scripts(&mut self, scripts: &[Script]) {
        if !scripts.is_empty() {
            self.line(format_args!("\n[scripts]"));
            scripts.iter().for_each(|it| self.string(&it.path, &it.digest.to_string()));
        }
    }

    pub(super) fn price(&mut self, price: &ModelPrice) {
        self.table("prices", &price.model);
        self.plain("input", price.input);
        self.plain_if("cached", price.cached);
        self.plain_if("cache_write", price.cache_write);
        self.plain("output", price.output);
        if let Some(long) = &price.long {
            self.plain("long.above", long.above);
            self.plain("long.input", long.input);
            self.plain_if("long.cached", long.cached);
            self.plain_if("long.cache_write", long.cache_write);
            self.plain("long.output", long.output);
        }
        self.plain_if("max_output", price.max_output);
        self.string("date", &price.date);
        self.string("source", &price.source);
    }

    pub(super) fn exchange(&mut self, exchange: &Exchange) {
        let (from, to) = (exchange.from.currency, exchange.to.currency);
        write!(self.out, "\n[exchange.{from}-{to}]\n").expect(INTO_STRING);
        self.plain("rate", spell_rate(exchange));
        self.string("date", &exchange.date);
        self.string("source", &exchange.source);
    }
}
