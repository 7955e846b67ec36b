//! All tables of plan.lock, gathered from the parts that its text is read in.
//!
//! A part says some of what a plan.lock must say; together they say it, each
//! thing once. Unaware of where the text is cut and of what the tables mean.

use std::mem::take;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::names::table;
use super::raw::{
    Ordered, RawCompiler, RawConstitution, RawEnvironment, RawExchange, RawGenerated, RawNode,
    RawOmitted, RawParam, RawPrice, RawProtected, RawRunBudget, RawText,
};
use crate::Digest;
use crate::lockfile::LockError;

/// What a plan.lock says, before its names are looked up.
pub(super) struct RawPlan {
    pub(super) pipeline: String,
    pub(super) goal: Option<String>,
    pub(super) source: Option<String>,
    pub(super) base: String,
    pub(super) window: Option<String>,
    pub(super) budget: RawRunBudget,
    pub(super) constitution: Option<RawConstitution>,
    pub(super) rule: Ordered<Ordered<RawParam>>,
    pub(super) protected: Option<RawProtected>,
    pub(super) generated: Ordered<RawGenerated>,
    pub(super) scripts: Ordered<Digest>,
    pub(super) node: Ordered<Box<RawNode>>,
    pub(super) omitted: Option<RawOmitted>,
    pub(super) prices: Ordered<RawPrice>,
    pub(super) exchange: Ordered<RawExchange>,
    pub(super) compiler: RawCompiler,
    pub(super) params: Ordered<String>,
    pub(super) sources: Ordered<Digest>,
}

/// What the tables say that nodes refer to.
pub(super) struct BeforeNodes {
    pub(super) environment: Ordered<RawEnvironment>,
    pub(super) agent: Ordered<Ordered<RawParam>>,
    pub(super) gate: Ordered<Ordered<RawParam>>,
    /// The names of the rules, which stay where they are.
    pub(super) rules: Vec<String>,
    pub(super) text: Ordered<RawText>,
}

impl BeforeNodes {
    /// Tells whether there is nothing in it that was taken out.
    pub(super) fn is_empty(&self) -> bool {
        self.environment.0.is_empty()
            && self.agent.0.is_empty()
            && self.gate.0.is_empty()
            && self.text.0.is_empty()
    }
}

/// What a part of a plan.lock says, or what several do.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPart {
    format: Option<u32>,
    pipeline: Option<String>,
    goal: Option<String>,
    source: Option<String>,
    base: Option<String>,
    window: Option<String>,
    // Derived: the comparison with the canonical text checks them.
    review: Option<IgnoredAny>,
    budget: Option<RawRunBudget>,
    #[serde(default)]
    environment: Ordered<RawEnvironment>,
    #[serde(default)]
    agent: Ordered<Ordered<RawParam>>,
    #[serde(default)]
    gate: Ordered<Ordered<RawParam>>,
    constitution: Option<RawConstitution>,
    #[serde(default)]
    rule: Ordered<Ordered<RawParam>>,
    protected: Option<RawProtected>,
    #[serde(default)]
    generated: Ordered<RawGenerated>,
    scripts: Option<Ordered<Digest>>,
    #[serde(default)]
    text: Ordered<RawText>,
    #[serde(default)]
    pub(super) node: Ordered<Box<RawNode>>,
    omitted: Option<RawOmitted>,
    #[serde(default)]
    prices: Ordered<RawPrice>,
    #[serde(default)]
    exchange: Ordered<RawExchange>,
    proof: Option<IgnoredAny>,
    compiler: Option<RawCompiler>,
    params: Option<Ordered<String>>,
    sources: Option<Ordered<Digest>>,
    digest: Option<IgnoredAny>,
}

impl RawPart {
    /// Adds what the part behind it says.
    pub(super) fn add(&mut self, part: Self) -> Result<(), LockError> {
        put("format", &mut self.format, part.format)?;
        put("pipeline", &mut self.pipeline, part.pipeline)?;
        put("goal", &mut self.goal, part.goal)?;
        put("source", &mut self.source, part.source)?;
        put("base", &mut self.base, part.base)?;
        put("window", &mut self.window, part.window)?;
        put("review", &mut self.review, part.review)?;
        put("budget", &mut self.budget, part.budget)?;
        self.environment.0.extend(part.environment.0);
        self.agent.0.extend(part.agent.0);
        self.gate.0.extend(part.gate.0);
        put("constitution", &mut self.constitution, part.constitution)?;
        self.rule.0.extend(part.rule.0);
        put("protected", &mut self.protected, part.protected)?;
        self.generated.0.extend(part.generated.0);
        put("scripts", &mut self.scripts, part.scripts)?;
        self.text.0.extend(part.text.0);
        self.node.0.extend(part.node.0);
        put("omitted", &mut self.omitted, part.omitted)?;
        self.prices.0.extend(part.prices.0);
        self.exchange.0.extend(part.exchange.0);
        put("proof", &mut self.proof, part.proof)?;
        put("compiler", &mut self.compiler, part.compiler)?;
        put("params", &mut self.params, part.params)?;
        put("sources", &mut self.sources, part.sources)?;
        put("digest", &mut self.digest, part.digest)
    }

    /// Those of nodes are checked where they are looked up.
    fn check_names(&self) -> Result<(), LockError> {
        each_once("environment", &self.environment)?;
        each_once("agent", &self.agent)?;
        each_once("gate", &self.gate)?;
        each_once("rule", &self.rule)?;
        each_once("generated", &self.generated)?;
        each_once("text", &self.text)?;
        each_once("prices", &self.prices)?;
        each_once("exchange", &self.exchange)
    }

    /// Takes out the tables that nodes refer to.
    pub(super) fn before_nodes(&mut self) -> BeforeNodes {
        BeforeNodes {
            environment: take(&mut self.environment),
            agent: take(&mut self.agent),
            gate: take(&mut self.gate),
            rules: self.rule.0.iter().map(|(name, _)| name.clone()).collect(),
            text: take(&mut self.text),
        }
    }

    /// Makes the whole of it, apart from what was taken out before.
    pub(super) fn whole(mut self) -> Result<(RawPlan, BeforeNodes), LockError> {
        self.check_names()?;
        let before_nodes = self.before_nodes();
        self.format.ok_or_else(|| missing("format"))?;
        let (pipeline, base) = (
            self.pipeline.ok_or_else(|| missing("pipeline"))?,
            self.base.ok_or_else(|| missing("base"))?,
        );
        self.review.ok_or_else(|| missing("review"))?;
        let budget = self.budget.ok_or_else(|| missing("budget"))?;
        self.proof.ok_or_else(|| missing("proof"))?;
        let (compiler, sources) = (
            self.compiler.ok_or_else(|| missing("compiler"))?,
            self.sources.ok_or_else(|| missing("sources"))?,
        );
        self.digest.ok_or_else(|| missing("digest"))?;
        let plan = RawPlan {
            pipeline,
            goal: self.goal,
            source: self.source,
            base,
            window: self.window,
            budget,
            constitution: self.constitution,
            rule: self.rule,
            protected: self.protected,
            generated: self.generated,
            scripts: self.scripts.unwrap_or_default(),
            node: self.node,
            omitted: self.omitted,
            prices: self.prices,
            exchange: self.exchange,
            compiler,
            params: self.params.unwrap_or_default(),
            sources,
        };
        Ok((plan, before_nodes))
    }
}

/// Puts a value in its place, which must be free.
fn put<T>(key: &str, place: &mut Option<T>, value: Option<T>) -> Result<(), LockError> {
    match (&place, value) {
        (Some(_), Some(_)) => Err(stands_twice(key)),
        (_, None) => Ok(()),
        (None, value) => {
            *place = value;
            Ok(())
        }
    }
}

/// TOML sees to that in a part; a name may stand in two.
fn each_once<T>(family: &str, tables: &Ordered<T>) -> Result<(), LockError> {
    let mut names: Vec<&str> = tables.0.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(stands_twice(&table(family, pair[0]))),
        None => Ok(()),
    }
}

/// Says that a key or table stands in two parts.
pub(super) fn stands_twice(key: &str) -> LockError {
    LockError::Form { line: None, message: format!("`{key}` stands twice") }
}

/// Says that a key or table is missing.
fn missing(key: &str) -> LockError {
    LockError::Form { line: None, message: format!("`{key}` is missing") }
}
