//! All tables of plan.lock, gathered from the parts that its text is read in.
//!
//! A part says some of what a plan.lock must say; together they say it, each
//! thing once. Unaware of where the text is cut and of what the tables mean.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::names::table;
use super::raw::{
    Ordered, RawCompiler, RawConstitution, RawEnvironment, RawExchange, RawGenerated, RawNode,
    RawOmitted, RawParam, RawPrice, RawRunBudget,
};
use crate::Digest;

/// What a plan.lock says, before its names are looked up.
pub(super) struct RawPlan {
    pub(super) pipeline: String,
    pub(super) goal: Option<String>,
    pub(super) source: Option<String>,
    pub(super) base: String,
    pub(super) window: Option<String>,
    pub(super) budget: RawRunBudget,
    pub(super) environment: Ordered<RawEnvironment>,
    pub(super) agent: Ordered<Ordered<RawParam>>,
    pub(super) gate: Ordered<Ordered<RawParam>>,
    pub(super) constitution: Option<RawConstitution>,
    pub(super) rule: Ordered<Ordered<RawParam>>,
    pub(super) generated: Ordered<RawGenerated>,
    pub(super) node: Ordered<Box<RawNode>>,
    pub(super) omitted: Option<RawOmitted>,
    pub(super) prices: Ordered<RawPrice>,
    pub(super) exchange: Ordered<RawExchange>,
    pub(super) compiler: RawCompiler,
    pub(super) params: Ordered<String>,
    pub(super) sources: Ordered<Digest>,
}

/// What a part of a plan.lock says.
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
    #[serde(default)]
    generated: Ordered<RawGenerated>,
    #[serde(default)]
    node: Ordered<Box<RawNode>>,
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

/// A key or table that stands in two parts.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` stands twice")]
pub(super) struct Twice(String);

/// What a plan.lock must say and the parts together do not, or say twice.
#[derive(Debug, thiserror::Error)]
pub(super) enum Gap {
    /// Worded as serde does it.
    #[error("missing field `{0}`")]
    Missing(&'static str),
    #[error(transparent)]
    Twice(#[from] Twice),
}

impl RawPart {
    /// Adds what the part behind it says.
    pub(super) fn add(&mut self, part: Self) -> Result<(), Twice> {
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
        self.generated.0.extend(part.generated.0);
        self.node.0.extend(part.node.0);
        put("omitted", &mut self.omitted, part.omitted)?;
        self.prices.0.extend(part.prices.0);
        self.exchange.0.extend(part.exchange.0);
        put("proof", &mut self.proof, part.proof)?;
        put("compiler", &mut self.compiler, part.compiler)?;
        put("params", &mut self.params, part.params)?;
        put("sources", &mut self.sources, part.sources)?;
        put("digest", &mut self.digest, part.digest)?;
        Ok(())
    }

    fn check_names(&self) -> Result<(), Twice> {
        each_once("environment", &self.environment)?;
        each_once("agent", &self.agent)?;
        each_once("gate", &self.gate)?;
        each_once("rule", &self.rule)?;
        each_once("generated", &self.generated)?;
        each_once("node", &self.node)?;
        each_once("prices", &self.prices)?;
        each_once("exchange", &self.exchange)?;
        Ok(())
    }

    /// Makes the whole of it.
    pub(super) fn whole(self) -> Result<RawPlan, Gap> {
        self.check_names()?;
        self.format.ok_or(Gap::Missing("format"))?;
        let (pipeline, base) = (
            self.pipeline.ok_or(Gap::Missing("pipeline"))?,
            self.base.ok_or(Gap::Missing("base"))?,
        );
        self.review.ok_or(Gap::Missing("review"))?;
        let budget = self.budget.ok_or(Gap::Missing("budget"))?;
        self.proof.ok_or(Gap::Missing("proof"))?;
        let (compiler, sources) = (
            self.compiler.ok_or(Gap::Missing("compiler"))?,
            self.sources.ok_or(Gap::Missing("sources"))?,
        );
        self.digest.ok_or(Gap::Missing("digest"))?;
        Ok(RawPlan {
            pipeline,
            goal: self.goal,
            source: self.source,
            base,
            window: self.window,
            budget,
            environment: self.environment,
            agent: self.agent,
            gate: self.gate,
            constitution: self.constitution,
            rule: self.rule,
            generated: self.generated,
            node: self.node,
            omitted: self.omitted,
            prices: self.prices,
            exchange: self.exchange,
            compiler,
            params: self.params.unwrap_or_default(),
            sources,
        })
    }
}

/// Puts a value in its place, which must be free.
fn put<T>(key: &str, place: &mut Option<T>, value: Option<T>) -> Result<(), Twice> {
    match (&place, value) {
        (Some(_), Some(_)) => Err(Twice(key.to_owned())),
        (_, None) => Ok(()),
        (None, value) => {
            *place = value;
            Ok(())
        }
    }
}

/// TOML sees to that in a part; a name may stand in two.
fn each_once<T>(family: &str, tables: &Ordered<T>) -> Result<(), Twice> {
    let mut names: Vec<&str> = tables.0.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Twice(table(family, pair[0]))),
        None => Ok(()),
    }
}
